/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/pkcs8.h"

#include <errno.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tpm/ecdsa.h"
#include "tpm/rsa.h"

#define POINT_MAX	(1 + 2 * ECDSA_LEN_MAX)
#define PUB_MAX		2592	/* bytes, ML-DSA-87 */
#define SEED_LEN	32	/* bytes, of ML-DSA */
#define ML_DSA_AT	17	/* where its object identifiers differ */

/* What a key of that type is for, in the order of preference. */
static const struct kind {
	const char	*type;		/* of OpenSSL */
	int		 nid;		/* of the curve; 0: has none */
	int		 alg;
} kinds[] = {
	{ "EC", NID_X9_62_prime256v1, COSE_ES256 },
	{ "EC", NID_secp384r1, COSE_ES384 },
	{ "EC", NID_secp521r1, COSE_ES512 },
	{ "EC", NID_secp256k1, COSE_ES256K },
	{ "ED25519", 0, COSE_EDDSA },
	{ "ED448", 0, COSE_ED448 },
	{ "RSA", 0, COSE_RS256 },
	{ "RSA", 0, COSE_PS256 },
	{ "ML-DSA-44", 0, COSE_ML_DSA_44 },
	{ "ML-DSA-65", 0, COSE_ML_DSA_65 },
	{ "ML-DSA-87", 0, COSE_ML_DSA_87 },
};
#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* NID_undef also for a curve that is given by its numbers. */
static int
curve_of(const EVP_PKEY *key)
{
	char name[64], how[32] = "";

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
	    how, sizeof(how), NULL) != 1 ||
	    strcmp(how, OSSL_PKEY_EC_ENCODING_GROUP) != 0)
		return NID_undef;
	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return NID_undef;
	return OBJ_txt2nid(name);
}

static const struct softalg *
alg_for(const struct softalg_tools *t, const EVP_PKEY *key, int alg)
{
	int curve = EVP_PKEY_is_a(key, "EC") ? curve_of(key) : 0;

	for (size_t i = 0; i < KINDS; i++)
		if (EVP_PKEY_is_a(key, kinds[i].type) &&
		    kinds[i].nid == curve &&
		    (alg == 0 || alg == kinds[i].alg) &&
		    softalg_has(t, kinds[i].alg))
			return softalg_find(kinds[i].alg);
	return NULL;
}

/* Whole, and a key; whether it makes sense is another question. */
static EVP_PKEY *
parse(struct span der)
{
	const unsigned char *p = der.p;
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *key = NULL;

	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.len);
	if (info != NULL && p == der.p + der.len)
		key = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

static bool
is_whole(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool whole = ctx != NULL && EVP_PKEY_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return whole;
}

/* Big-endian, len bytes, which must do. */
static bool
take_number(EVP_PKEY *key, const char *name, uint8_t *out, size_t len)
{
	BIGNUM *n = NULL;
	bool taken;

	taken = EVP_PKEY_get_bn_param(key, name, &n) == 1 &&
	    BN_bn2binpad(n, out, (int)len) == (int)len;
	BN_clear_free(n);
	return taken;
}

static int
take_ec(EVP_PKEY *key, const struct softalg *a, uint8_t *secret,
    struct key_op *op)
{
	size_t len = ecdsa_len(a->crv);
	uint8_t x[ECDSA_LEN_MAX], y[ECDSA_LEN_MAX];

	if (!take_number(key, OSSL_PKEY_PARAM_PRIV_KEY, secret, len) ||
	    !take_number(key, OSSL_PKEY_PARAM_EC_PUB_X, x, len) ||
	    !take_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, y, len))
		return -EINVAL;
	op->out_pub_len = cose_ec2(op->out_pub, a->alg, a->crv, span(x, len),
	    span(y, len));
	return 0;
}

static int
take_rsa(EVP_PKEY *key, const struct softalg *a, uint8_t *secret,
    struct key_op *op)
{
	BIGNUM *e = NULL, *third = NULL;
	bool ours;

	op->alg = a->alg;
	ours = EVP_PKEY_get_bits(key) == RSA_BITS &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	    BN_is_word(e, RSA_F4) &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR3,
	    &third) != 1 &&
	    take_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1, secret,
	    RSA_PRIME_LEN) &&
	    take_number(key, OSSL_PKEY_PARAM_RSA_FACTOR2,
	    secret + RSA_PRIME_LEN, RSA_PRIME_LEN);
	BN_free(e);
	BN_clear_free(third);
	if (!ours)
		return -ENOTSUP;
	return softalg_publish_primes(secret, op) == 0 ? 0 : -EINVAL;
}

/* ML-DSA may come expanded, and then has no seed any more. */
static int
take_seed(EVP_PKEY *key, const struct softalg *a, uint8_t *secret,
    struct key_op *op)
{
	uint8_t pub[PUB_MAX];
	size_t len = 0, pub_len = 0;

	if (EVP_PKEY_get_octet_string_param(key, a->crv != 0 ?
	    OSSL_PKEY_PARAM_PRIV_KEY : "seed", secret, a->seed_len,
	    &len) != 1 || len != a->seed_len)
		return -ENOTSUP;
	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pub,
	    sizeof(pub), &pub_len) != 1 || pub_len != a->pub_len)
		return -EINVAL;
	if (a->secret_len > a->seed_len)
		memcpy(secret + a->seed_len, pub, pub_len);
	op->out_pub_len = a->crv != 0 ?
	    cose_okp(op->out_pub, a->alg, a->crv, span(pub, pub_len)) :
	    cose_akp(op->out_pub, a->alg, span(pub, pub_len));
	return 0;
}

int
pkcs8_read(const struct softalg_tools *t, struct span der, int alg,
    const struct softalg **out, uint8_t secret[static SOFTALG_SECRET_MAX],
    struct key_op *op)
{
	EVP_PKEY *key = NULL;
	const struct softalg *a;
	int r = -EINVAL;

	if (der.p == NULL || der.len > PKCS8_MAX)
		return r;
	key = parse(der);
	if (key == NULL)
		goto out;
	/* before the check: a large RSA key would take long */
	r = -ENOTSUP;
	a = alg_for(t, key, alg);
	if (a == NULL || (EVP_PKEY_is_a(key, "RSA") &&
	    EVP_PKEY_get_bits(key) != RSA_BITS))
		goto out;
	r = -EINVAL;
	if (!is_whole(key))
		goto out;
	if (EVP_PKEY_is_a(key, "EC"))
		r = take_ec(key, a, secret, op);
	else if (EVP_PKEY_is_a(key, "RSA"))
		r = take_rsa(key, a, secret, op);
	else
		r = take_seed(key, a, secret, op);
	if (r == 0) {
		op->alg = a->alg;
		*out = a;
	}
out:
	EVP_PKEY_free(key);
	ERR_clear_error();
	return r;
}

static int
nid_of(int alg)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].alg == alg)
			return kinds[i].nid;
	return NID_undef;
}

/* The point that belongs to the scalar, uncompressed. */
static bool
ec_point(const EC_GROUP *group, const BIGNUM *scalar, uint8_t *out,
    size_t *len)
{
	EC_POINT *point = EC_POINT_new(group);

	*len = 0;
	if (point != NULL && EC_POINT_mul(group, point, scalar, NULL, NULL,
	    NULL) == 1)
		*len = EC_POINT_point2oct(group, point,
		    POINT_CONVERSION_UNCOMPRESSED, out, POINT_MAX, NULL);
	EC_POINT_free(point);
	return *len > 0;
}

/* OpenSSL takes numbers as the machine has them. */
static void
native_order(const uint8_t *in, uint8_t *out, size_t len)
{
	BIGNUM *n = BN_bin2bn(in, (int)len, NULL);

	if (n != NULL)
		(void)BN_bn2nativepad(n, out, (int)len);
	BN_clear_free(n);
}

static int
ec_key(const struct softalg *a, const uint8_t *secret, EVP_PKEY **out)
{
	size_t len = ecdsa_len(a->crv), point_len;
	uint8_t scalar[ECDSA_LEN_MAX], point[POINT_MAX];
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid_of(a->alg));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *n = BN_bin2bn(secret, (int)len, BN_secure_new());
	int r = -EIO;

	if (group == NULL || ctx == NULL || n == NULL ||
	    !ec_point(group, n, point, &point_len))
		goto out;
	native_order(secret, scalar, len);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    (char *)OBJ_nid2sn(nid_of(a->alg)), 0),
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar,
		    len),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    point, point_len),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, out, EVP_PKEY_KEYPAIR, params) == 1)
		r = 0;
out:
	explicit_bzero(scalar, sizeof(scalar));
	BN_clear_free(n);
	EVP_PKEY_CTX_free(ctx);
	EC_GROUP_free(group);
	return r;
}

/*
 * RFC 9881, 6: the seed alone. OpenSSL would write the expanded key beside it,
 * which is longer than a signature.
 */
static int
write_seed(const struct softalg *a, const uint8_t *secret, uint8_t *out,
    size_t cap, size_t *len)
{
	uint8_t head[] = { 0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06,
	    0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11,
	    0x04, 0x22, 0x80, 0x20 };

	if (a->seed_len != SEED_LEN || cap < sizeof(head) + SEED_LEN)
		return -EIO;
	head[ML_DSA_AT] += a->alg == COSE_ML_DSA_87 ? 2 :
	    a->alg == COSE_ML_DSA_65;
	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), secret, SEED_LEN);
	*len = sizeof(head) + SEED_LEN;
	return 0;
}

int
pkcs8_write(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, uint8_t *out, size_t cap, size_t *len)
{
	struct softalg_key key = { NULL, NULL };
	PKCS8_PRIV_KEY_INFO *info = NULL;
	unsigned char *der = NULL;
	int r, n = -1;

	if (a->crv == 0 && a->seed_len > 0)
		return write_seed(a, secret, out, cap, len);
	r = a->parse != NULL ? a->parse(t, a, secret, &key) :
	    ec_key(a, secret, &key.key);
	if (r != 0)
		goto out;
	info = EVP_PKEY2PKCS8(key.key);
	if (info != NULL)
		n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	r = n > 0 && (size_t)n <= cap ? 0 : -EIO;
	if (r == 0) {
		memcpy(out, der, (size_t)n);
		*len = (size_t)n;
	}
out:
	if (n > 0)
		OPENSSL_clear_free(der, (size_t)n);
	PKCS8_PRIV_KEY_INFO_free(info);
	softalg_key_done(&key);
	ERR_clear_error();
	return r;
}
