/* SPDX-License-Identifier: Apache-2.0 */
#include "ctap/pin.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#define POINT_LEN	65	/* uncompressed P-256 */
#define COORD_LEN	32
#define SECRET_LEN	32

void
pin_secret_wipe(struct pin_secret *s)
{
	explicit_bzero(s, sizeof(*s));
}

void
pin_agreement_free(struct pin_agreement *a)
{
	EVP_PKEY_free((EVP_PKEY *)a);
}

/* scalar may be NULL: a public key. */
static EVP_PKEY *
p256_key(const uint8_t point[static POINT_LEN], const BIGNUM *scalar)
{
	uint8_t native[SECRET_LEN];
	OSSL_PARAM params[4], *at = params;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;
	int what = EVP_PKEY_PUBLIC_KEY;

	*at++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
	    (char *)(uintptr_t)"prime256v1", 0);
	*at++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
	    (void *)(uintptr_t)point, POINT_LEN);
	if (scalar != NULL) {
		if (BN_bn2nativepad(scalar, native, sizeof(native)) < 0)
			return NULL;
		*at++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY,
		    native, sizeof(native));
		what = EVP_PKEY_KEYPAIR;
	}
	*at = OSSL_PARAM_construct_end();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, what, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	explicit_bzero(native, sizeof(native));
	return key;
}

/*
 * A scalar below the group order from 48 random bytes: the bias of the
 * reduction is below 2^-128 (FIPS 186-5, A.2.1). Zero has no chance, and
 * would be refused by the import.
 */
static bool
random_scalar(const EC_GROUP *group, pin_random *random, void *arg,
    BIGNUM *out)
{
	uint8_t seed[48];
	BN_CTX *bnctx = BN_CTX_new();
	bool ok;

	random(arg, seed, sizeof(seed));
	ok = bnctx != NULL && BN_bin2bn(seed, sizeof(seed), out) != NULL &&
	    BN_nnmod(out, out, EC_GROUP_get0_order(group), bnctx) == 1;
	BN_set_flags(out, BN_FLG_CONSTTIME);
	explicit_bzero(seed, sizeof(seed));
	BN_CTX_free(bnctx);
	return ok;
}

struct pin_agreement *
pin_agreement_new(pin_random *random, void *arg)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = BN_secure_new();
	EC_POINT *point = NULL;
	uint8_t pub[POINT_LEN];
	EVP_PKEY *key = NULL;

	if (group == NULL || scalar == NULL)
		goto out;
	point = EC_POINT_new(group);
	if (point == NULL || !random_scalar(group, random, arg, scalar))
		goto out;
	if (EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) != 1 ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
	    pub, sizeof(pub), NULL) != sizeof(pub))
		goto out;
	key = p256_key(pub, scalar);
out:
	BN_clear_free(scalar);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return (struct pin_agreement *)key;
}

size_t
pin_agreement_public(const struct pin_agreement *a,
    uint8_t out[static COSE_KEY_MAX])
{
	uint8_t pub[POINT_LEN];
	size_t len = 0;

	if (EVP_PKEY_get_octet_string_param((const EVP_PKEY *)a,
	    OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub), &len) != 1 ||
	    len != sizeof(pub))
		return 0;
	return cose_ec2(out, COSE_ECDH_ES_HKDF_256, COSE_P256,
	    span(pub + 1, COORD_LEN), span(pub + 1 + COORD_LEN, COORD_LEN));
}

/* Z: the x-coordinate of the shared point. */
static bool
ecdh(const struct pin_agreement *a, EVP_PKEY *peer, uint8_t z[COORD_LEN])
{
	EVP_PKEY_CTX *ctx;
	size_t len = COORD_LEN;
	bool ok;

	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *)(uintptr_t)a, NULL);
	ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
	    EVP_PKEY_derive(ctx, z, &len) == 1 && len == COORD_LEN;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
hkdf(const uint8_t z[static SECRET_LEN], const char *info, uint8_t *out,
    size_t len)
{
	uint8_t salt[32] = { 0 };
	OSSL_PARAM params[5];
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool ok;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    (char *)(uintptr_t)"SHA256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
	    (void *)(uintptr_t)z, SECRET_LEN);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
	    salt, sizeof(salt));
	params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
	    (void *)(uintptr_t)info, strlen(info));
	params[4] = OSSL_PARAM_construct_end();
	ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/* kdf(Z) of either protocol */
static bool
derive(int protocol, const uint8_t z[static COORD_LEN],
    struct pin_secret *out)
{
	out->protocol = protocol;
	if (protocol == 1)
		return EVP_Q_digest(NULL, "SHA256", NULL, z, COORD_LEN,
		    out->key, NULL) == 1;
	return hkdf(z, "CTAP2 HMAC key", out->key, SECRET_LEN) &&
	    hkdf(z, "CTAP2 AES key", out->key + SECRET_LEN, SECRET_LEN);
}

bool
pin_agreement_secret(const struct pin_agreement *a, int protocol,
    const uint8_t x[static 32], const uint8_t y[static 32],
    struct pin_secret *out)
{
	uint8_t point[POINT_LEN] = { 0x04 }, z[COORD_LEN];
	EVP_PKEY *peer;
	bool ok;

	memcpy(point + 1, x, COORD_LEN);
	memcpy(point + 1 + COORD_LEN, y, COORD_LEN);
	/* the import refuses points that are not on the curve */
	peer = p256_key(point, NULL);
	ok = peer != NULL && ecdh(a, peer, z) && derive(protocol, z, out);
	EVP_PKEY_free(peer);
	explicit_bzero(z, sizeof(z));
	return ok;
}

static const uint8_t *
aes_key(const struct pin_secret *s)
{
	return s->protocol == 1 ? s->key : s->key + SECRET_LEN;
}

static bool
aes_cbc(const EVP_CIPHER *aes, const uint8_t *key, const uint8_t *iv,
    bool encrypt, const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;
	bool ok;

	ok = ctx != NULL &&
	    EVP_CipherInit_ex2(ctx, aes, key, iv, encrypt, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	    EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
	    EVP_CipherFinal_ex(ctx, out + n, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok && (size_t)(n + rest) == len;
}

size_t
pin_encrypt(const struct pin_secret *s, const uint8_t iv[static PIN_IV_LEN],
    const uint8_t *plain, size_t len, uint8_t *out)
{
	static const uint8_t zero[PIN_IV_LEN];
	const EVP_CIPHER *aes = EVP_aes_256_cbc();

	if (s->protocol == 1)
		return aes_cbc(aes, aes_key(s), zero, true, plain, len,
		    out) ? len : 0;
	memcpy(out, iv, PIN_IV_LEN);
	if (!aes_cbc(aes, aes_key(s), iv, true, plain, len,
	    out + PIN_IV_LEN))
		return 0;
	return len + PIN_IV_LEN;
}

bool
pin_decrypt(const struct pin_secret *s, struct span sealed, uint8_t *out,
    size_t cap, size_t *len)
{
	static const uint8_t zero[PIN_IV_LEN];
	const uint8_t *iv = zero;

	if (s->protocol == 2) {
		if (sealed.len < PIN_IV_LEN)
			return false;
		iv = sealed.p;
		sealed = span(sealed.p + PIN_IV_LEN, sealed.len - PIN_IV_LEN);
	}
	if (sealed.len == 0 || sealed.len % 16 != 0 || sealed.len > cap)
		return false;
	if (!aes_cbc(EVP_aes_256_cbc(), aes_key(s), iv, false, sealed.p,
	    sealed.len, out))
		return false;
	*len = sealed.len;
	return true;
}

void
pin_seal_value(const uint8_t token[static PIN_TOKEN_LEN], const char *info,
    const uint8_t iv[static PIN_IV_LEN],
    const uint8_t value[static PIN_VALUE_LEN],
    uint8_t out[static PIN_SEALED_VALUE_LEN])
{
	uint8_t key[16];
	bool ok;

	memcpy(out, iv, PIN_IV_LEN);
	ok = hkdf(token, info, key, sizeof(key)) &&
	    aes_cbc(EVP_aes_128_cbc(), key, iv, true, value, PIN_VALUE_LEN,
	    out + PIN_IV_LEN);
	explicit_bzero(key, sizeof(key));
	/* without memory: what is not sealed must not be told */
	if (!ok)
		memset(out, 0, PIN_SEALED_VALUE_LEN);
}

static bool
hmac_sha256(const uint8_t key[static 32], struct span a, struct span b,
    uint8_t out[static 32])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	OSSL_PARAM params[2];
	size_t len = 0;
	bool ok;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    (char *)(uintptr_t)"SHA256", 0);
	params[1] = OSSL_PARAM_construct_end();
	ok = ctx != NULL && EVP_MAC_init(ctx, key, 32, params) == 1 &&
	    EVP_MAC_update(ctx, a.p, a.len) == 1 &&
	    (b.len == 0 || EVP_MAC_update(ctx, b.p, b.len) == 1) &&
	    EVP_MAC_final(ctx, out, &len, 32) == 1 && len == 32;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

bool
pin_hmac(const uint8_t key[static 32], struct span a, struct span b,
    uint8_t out[static 32])
{
	return hmac_sha256(key, a, b, out);
}

bool
pin_verify(int protocol, const uint8_t key[static 32], struct span a,
    struct span b, struct span mac)
{
	size_t want = protocol == 1 ? 16 : 32;
	uint8_t got[32];
	bool ok;

	ok = hmac_sha256(key, a, b, got) && mac.len == want &&
	    CRYPTO_memcmp(got, mac.p, want) == 0;
	explicit_bzero(got, sizeof(got));
	return ok;
}
