/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/tpmverify.h"

#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define RSA_EXPONENT	65537

static const char *
group_of(const struct tpmalg *a)
{
	switch (a->curve) {
	case TPM2_ECC_NIST_P256:
		return "P-256";
	case TPM2_ECC_NIST_P384:
		return "P-384";
	default:
		return "P-521";
	}
}

/* NULL: not a point of the curve, or no memory. */
static EVP_PKEY *
from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
ecc_key(const struct tpmalg *a, const uint8_t *unique)
{
	/* SEC 1, 2.3.3 */
	uint8_t point[1 + TPMALG_UNIQUE_MAX] = { 0x04 };
	char group[8];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    strcpy(group, group_of(a)), 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    point, 1 + tpmalg_unique_len(a)),
		OSSL_PARAM_construct_end(),
	};

	memcpy(point + 1, unique, tpmalg_unique_len(a));
	return from_params("EC", params);
}

static EVP_PKEY *
rsa_key(const struct tpmalg *a, const uint8_t *unique)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(unique, (int)a->len, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (bld != NULL && n != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_ulong(bld, OSSL_PKEY_PARAM_RSA_E,
	    RSA_EXPONENT) == 1)
		params = OSSL_PARAM_BLD_to_param(bld);
	if (params != NULL)
		key = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	return key;
}

static bool
set_scheme(EVP_PKEY_CTX *ctx, const struct tpmalg *a, const EVP_MD *md)
{
	if (EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
		return false;
	if (a->scheme == TPM2_ALG_ECDSA)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx,
	    a->scheme == TPM2_ALG_RSAPSS ? RSA_PKCS1_PSS_PADDING :
	    RSA_PKCS1_PADDING) == 1;
}

int
tpmverify(const struct tpmalg *a, const uint8_t *unique,
    const TPM2B_DIGEST *digest, struct span sig)
{
	EVP_PKEY *key = a->scheme == TPM2_ALG_ECDSA ? ecc_key(a, unique) :
	    rsa_key(a, unique);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_MD *md = NULL;
	int r = -ENOMEM;

	if (key == NULL)
		goto out;
	md = EVP_MD_fetch(NULL, a->md, NULL);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (md == NULL || ctx == NULL || EVP_PKEY_verify_init(ctx) != 1 ||
	    !set_scheme(ctx, a, md))
		goto out;
	r = EVP_PKEY_verify(ctx, sig.p, sig.len, digest->buffer,
	    digest->size) == 1 ? 0 : -EBADMSG;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_free(md);
	EVP_PKEY_free(key);
	return r;
}
