/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED	/* see p256.h */

#include "tpm/p256.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/objects.h>

#define POINT_LEN	(1 + 2 * P256_LEN)	/* 04 || x || y */

struct p256 {
	EC_KEY	*key;
	BIGNUM	*priv;
};

struct p256 *
p256_new(void)
{
	struct p256 *p;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	p->priv = BN_secure_new();
	if (p->key == NULL || p->priv == NULL) {
		p256_free(p);
		return NULL;
	}
	BN_set_flags(p->priv, BN_FLG_CONSTTIME);
	return p;
}

void
p256_free(struct p256 *p)
{
	if (p == NULL)
		return;
	EC_KEY_free(p->key);
	BN_clear_free(p->priv);
	free(p);
}

/* Wipes the private key. That it returns 0 for NULL is by design. */
static void
forget(struct p256 *p)
{
	EC_KEY_set_private_key(p->key, NULL);
	BN_clear(p->priv);
}

int
p256_generate(struct p256 *p, uint8_t priv[static P256_LEN],
    uint8_t pub[static 2 * P256_LEN])
{
	uint8_t point[POINT_LEN];
	size_t len;
	int r = -EIO;

	if (EC_KEY_generate_key(p->key) != 1)
		goto out;
	len = EC_POINT_point2oct(EC_KEY_get0_group(p->key),
	    EC_KEY_get0_public_key(p->key), POINT_CONVERSION_UNCOMPRESSED,
	    point, sizeof(point), NULL);
	if (len != sizeof(point))
		goto out;
	if (BN_bn2binpad(EC_KEY_get0_private_key(p->key), priv,
	    P256_LEN) != P256_LEN)
		goto out;
	memcpy(pub, point + 1, 2 * P256_LEN);
	r = 0;
out:
	forget(p);
	return r;
}

int
p256_sign(struct p256 *p, const uint8_t priv[static P256_LEN],
    const uint8_t digest[static 32], uint8_t sig[static P256_SIG_MAX],
    size_t *sig_len)
{
	unsigned int len = P256_SIG_MAX;
	int r = -EIO;

	if (BN_bin2bn(priv, P256_LEN, p->priv) == NULL)
		goto out;
	if (EC_KEY_set_private_key(p->key, p->priv) != 1)
		goto out;
	if (ECDSA_sign(0, digest, 32, sig, &len, p->key) != 1)
		goto out;
	*sig_len = len;
	r = 0;
out:
	forget(p);
	return r;
}
