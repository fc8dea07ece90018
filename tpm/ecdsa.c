/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED	/* see ecdsa.h */

#include "tpm/ecdsa.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#define POINT_MAX	(1 + 2 * ECDSA_LEN_MAX)	/* 04 || x || y */

static const struct curve {
	enum cose_curve	crv;
	int		nid;
	size_t		len;	/* bytes of the field, and of the order */
} curves[] = {
	{ COSE_P256, NID_X9_62_prime256v1, 32 },
	{ COSE_P384, NID_secp384r1, 48 },
	{ COSE_P521, NID_secp521r1, ECDSA_LEN_MAX },
	{ COSE_SECP256K1, NID_secp256k1, 32 },
};

struct ecdsa {
	size_t	 len;
	EC_KEY	*key;
	BIGNUM	*priv;
};

static const struct curve *
find_curve(enum cose_curve crv)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].crv == crv)
			return &curves[i];
	assert(!"a curve of ours");
	return NULL;
}

size_t
ecdsa_len(enum cose_curve crv)
{
	return find_curve(crv)->len;
}

struct ecdsa *
ecdsa_new(enum cose_curve crv)
{
	const struct curve *curve = find_curve(crv);
	struct ecdsa *e;

	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->len = curve->len;
	e->key = EC_KEY_new_by_curve_name(curve->nid);
	e->priv = BN_secure_new();
	if (e->key == NULL || e->priv == NULL) {
		ERR_clear_error();
		ecdsa_free(e);
		return NULL;
	}
	assert(ECDSA_size(e->key) <= ECDSA_SIG_MAX);
	BN_set_flags(e->priv, BN_FLG_CONSTTIME);
	return e;
}

void
ecdsa_free(struct ecdsa *e)
{
	if (e == NULL)
		return;
	EC_KEY_free(e->key);
	BN_clear_free(e->priv);
	free(e);
}

/* Wipes the private key. That it returns 0 for NULL is by design. */
static void
forget(struct ecdsa *e)
{
	EC_KEY_set_private_key(e->key, NULL);
	BN_clear(e->priv);
}

/* Into e->key; the caller forgets it. */
static int
generate(struct ecdsa *e, uint8_t *priv)
{
	if (EC_KEY_generate_key(e->key) != 1 ||
	    BN_bn2binpad(EC_KEY_get0_private_key(e->key), priv,
	    (int)e->len) != (int)e->len)
		return -EIO;
	return 0;
}

int
ecdsa_generate(struct ecdsa *e, uint8_t *priv, uint8_t *pub)
{
	uint8_t point[POINT_MAX];
	size_t len;
	int r;

	r = generate(e, priv);
	if (r != 0)
		goto out;
	r = -EIO;
	len = EC_POINT_point2oct(EC_KEY_get0_group(e->key),
	    EC_KEY_get0_public_key(e->key), POINT_CONVERSION_UNCOMPRESSED,
	    point, sizeof(point), NULL);
	if (len != 1 + 2 * e->len)
		goto out;
	memcpy(pub, point + 1, 2 * e->len);
	r = 0;
out:
	forget(e);
	return r;
}

/* Behind the private keys of s. */
static int
put_points(const struct ecdsa *e, EC_POINT **points, struct ecdsa_stock *s)
{
	const EC_GROUP *group = EC_KEY_get0_group(e->key);
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *x = BN_new(), *y = BN_new(), *z = BN_new();
	int r = -EIO, len = (int)e->len;

	if (ctx == NULL || x == NULL || y == NULL || z == NULL ||
	    EC_POINTs_make_affine(group, ECDSA_STOCK, points, ctx) != 1)
		goto out;
	for (size_t i = 0; i < ECDSA_STOCK; i++)
		if (EC_POINT_get_Jprojective_coordinates_GFp(group, points[i],
		    x, y, z, ctx) != 1 || !BN_is_one(z) ||
		    BN_bn2binpad(x, s->pair[i] + len, len) != len ||
		    BN_bn2binpad(y, s->pair[i] + 2 * len, len) != len)
			goto out;
	r = 0;
out:
	BN_free(x);
	BN_free(y);
	BN_free(z);
	BN_CTX_free(ctx);
	return r;
}

static int
make_stock(struct ecdsa *e, struct ecdsa_stock *s)
{
	EC_POINT *points[ECDSA_STOCK] = { NULL };
	int r = 0;

	for (size_t i = 0; i < ECDSA_STOCK && r == 0; i++) {
		r = generate(e, s->pair[i]);
		points[i] = r != 0 ? NULL : EC_POINT_dup(
		    EC_KEY_get0_public_key(e->key), EC_KEY_get0_group(e->key));
		if (r == 0 && points[i] == NULL)
			r = -ENOMEM;
	}
	if (r == 0)
		r = put_points(e, points, s);
	/* where they were before says something about the private keys */
	for (size_t i = 0; i < ECDSA_STOCK; i++)
		EC_POINT_clear_free(points[i]);
	forget(e);
	if (r != 0)
		explicit_bzero(s, sizeof(*s));
	else
		s->left = ECDSA_STOCK;
	return r;
}

int
ecdsa_take(struct ecdsa *e, struct ecdsa_stock *s, uint8_t *priv,
    uint8_t *pub)
{
	uint8_t *pair;
	int r;

	if (s->left == 0) {
		r = make_stock(e, s);
		if (r != 0)
			return r;
	}
	pair = s->pair[ECDSA_STOCK - s->left--];
	memcpy(priv, pair, e->len);
	memcpy(pub, pair + e->len, 2 * e->len);
	explicit_bzero(pair, sizeof(s->pair[0]));
	return 0;
}

int
ecdsa_sign(struct ecdsa *e, const uint8_t *priv, const uint8_t *digest,
    size_t digest_len, uint8_t *sig, size_t *sig_len)
{
	unsigned int len = ECDSA_SIG_MAX;
	int r = -EIO;

	if (BN_bin2bn(priv, (int)e->len, e->priv) == NULL)
		goto out;
	if (EC_KEY_set_private_key(e->key, e->priv) != 1)
		goto out;
	if (ECDSA_sign(0, digest, (int)digest_len, sig, &len, e->key) != 1)
		goto out;
	*sig_len = len;
	r = 0;
out:
	forget(e);
	return r;
}
