/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/keys.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define RSA_BITS	2048

static const struct {
	int		 alg;
	const char	*type;
	const char	*curve;		/* NULL: RSA, or none */
	const char	*digest;	/* NULL: none of its own */
} kinds[] = {
	/* of RSA, the usual one first */
	{ COSE_ES256, "EC", "P-256", "SHA256" },
	{ COSE_ES384, "EC", "P-384", "SHA384" },
	{ COSE_ES512, "EC", "P-521", "SHA512" },
	{ COSE_ES256K, "EC", "secp256k1", "SHA256" },
	{ COSE_EDDSA, "ED25519", NULL, NULL },
	{ COSE_RS256, "RSA", NULL, "SHA256" },
	{ COSE_PS256, "RSA", NULL, "SHA256" },
	{ COSE_RS1, "RSA", NULL, "SHA1" },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

EVP_PKEY *
forge_key_new(int alg)
{
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].alg != alg)
			continue;
		if (kinds[i].curve != NULL)
			key = EVP_EC_gen(kinds[i].curve);
		else if (kinds[i].alg == COSE_EDDSA)
			key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		else
			key = EVP_RSA_gen(RSA_BITS);
	}
	ERR_clear_error();
	return key;
}

static bool
is_on(const EVP_PKEY *key, const char *curve)
{
	char name[32] = "";

	(void)EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
	    name, sizeof(name), NULL);
	return OBJ_txt2nid(name) != NID_undef &&
	    (OBJ_txt2nid(name) == OBJ_txt2nid(curve) ||
	    OBJ_txt2nid(name) == EC_curve_nist2nid(curve));
}

int
forge_key_alg(const EVP_PKEY *key)
{
	for (size_t i = 0; i < KINDS; i++)
		if (EVP_PKEY_is_a(key, kinds[i].type) &&
		    (kinds[i].curve == NULL || is_on(key, kinds[i].curve)))
			return kinds[i].alg;
	return 0;
}

static const char *
digest_of(int alg)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].alg == alg)
			return kinds[i].digest;
	return NULL;
}

struct span
forge_key_sign(struct forge_memory *m, EVP_PKEY *key, int alg,
    struct span data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey;
	struct span sig = span(NULL, 0);
	uint8_t *at = NULL;
	size_t len = 0;
	bool ok;

	ok = ctx != NULL && EVP_DigestSignInit_ex(ctx, &pkey, digest_of(alg),
	    NULL, NULL, key, NULL) == 1;
	if (ok && alg == COSE_PS256)
		ok = EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING)
		    == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey,
		    RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestSign(ctx, NULL, &len, data.p, data.len) == 1;
	if (ok)
		at = forge_room(m, len);
	if (at != NULL && EVP_DigestSign(ctx, at, &len, data.p, data.len) == 1)
		sig = span(at, len);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return sig;
}

bool
forge_sha256(struct span a, struct span b, uint8_t out[static 32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
	    EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, a.p, a.len) == 1 &&
	    EVP_DigestUpdate(ctx, b.p, b.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}
