/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/tpmprobe.h"

#include <errno.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define RSA_LEN		256
#define PRIME_LEN	(RSA_LEN / 2)
#define DIGEST_LEN	32

/*
 * An RSA key that is no secret, so that none has to be searched for: two
 * primes that everybody knows, that of RFC 2409, 6.2, and 2^1024 - 105.
 */
struct rsa_example {
	uint8_t		 n[RSA_LEN];
	uint8_t		 p[PRIME_LEN];
};

static int
make_example(struct rsa_example *out)
{
	BIGNUM *p, *q, *n;
	BN_CTX *ctx;
	int r = -ENOMEM;

	ctx = BN_CTX_new();
	p = BN_get_rfc2409_prime_1024(NULL);
	q = BN_new();
	n = BN_new();
	if (ctx == NULL || p == NULL || q == NULL || n == NULL)
		goto out;
	if (BN_set_bit(q, 8 * PRIME_LEN) == 1 && BN_sub_word(q, 105) == 1 &&
	    BN_mul(n, p, q, ctx) == 1 &&
	    BN_bn2binpad(n, out->n, RSA_LEN) == RSA_LEN &&
	    BN_bn2binpad(p, out->p, PRIME_LEN) == PRIME_LEN)
		r = 0;
out:
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
	return r;
}

static EVP_PKEY *
public_key(const struct rsa_example *ex)
{
	BIGNUM *n = BN_bin2bn(ex->n, RSA_LEN, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (n == NULL || bld == NULL || ctx == NULL ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_ulong(bld, OSSL_PKEY_PARAM_RSA_E,
	    RSA_F4) != 1)
		goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
out:
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	return key;
}

/* PSS, with a salt as long as the hash and no other. */
static bool
verifies(const struct rsa_example *ex, const TPM2B_DIGEST *digest,
    const TPM2B_PUBLIC_KEY_RSA *sig)
{
	EVP_PKEY *key = public_key(ex);
	EVP_PKEY_CTX *ctx = NULL;
	bool yes = false;

	if (key == NULL)
		return false;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
	    RSA_PSS_SALTLEN_DIGEST) == 1)
		yes = EVP_PKEY_verify(ctx, sig->buffer, sig->size,
		    digest->buffer, digest->size) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return yes;
}

static TSS2_RC
load_example(struct link *l, const struct rsa_example *ex, ESYS_TR *out)
{
	TPM2B_SENSITIVE private = { .sensitiveArea = {
		.sensitiveType = TPM2_ALG_RSA,
		.sensitive.rsa.size = PRIME_LEN,
	} };
	TPM2B_PUBLIC public = { 0 };
	unsigned tries = 0;
	TSS2_RC rc;

	tpmalg_template(tpmalg_find(COSE_PS256), 0, &public.publicArea);
	/* one that came from elsewhere */
	public.publicArea.objectAttributes = TPMA_OBJECT_USERWITHAUTH |
	    TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT;
	tpmalg_set_unique(tpmalg_find(COSE_PS256), ex->n, &public.publicArea);
	memcpy(private.sensitiveArea.sensitive.rsa.buffer, ex->p, PRIME_LEN);
	do
		rc = Esys_LoadExternal(link_esys(l), ESYS_TR_NONE,
		    ESYS_TR_NONE, ESYS_TR_NONE, &private, &public,
		    ESYS_TR_RH_NULL, out);
	while (link_again(l, rc, &tries));
	return rc;
}

/* Whatever goes wrong there: then PS256 is left to software. */
static int
probe_salt(struct link *l, bool *has)
{
	static const TPMT_TK_HASHCHECK no_ticket = {
		.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPMT_SIG_SCHEME scheme = tpmalg_sig_scheme(tpmalg_find(COSE_PS256));
	TPM2B_DIGEST digest = { .size = DIGEST_LEN };
	TPMT_SIGNATURE *sig = NULL;
	struct rsa_example ex;
	ESYS_TR key;
	TSS2_RC rc;
	int r;

	*has = false;
	r = make_example(&ex);
	if (r == 0)
		r = link_room(l);
	if (r != 0)
		return r;
	if (load_example(l, &ex, &key) != TSS2_RC_SUCCESS)
		return 0;
	link_loaded(l);
	rc = Esys_Sign(link_esys(l), key, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	    ESYS_TR_NONE, &digest, &scheme, &no_ticket, &sig);
	link_flush(l, &key);
	if (rc != TSS2_RC_SUCCESS)
		return 0;
	*has = sig->sigAlg == TPM2_ALG_RSAPSS &&
	    verifies(&ex, &digest, &sig->signature.rsapss.sig);
	Esys_Free(sig);
	return 0;
}

static int
probe(struct link *l, const struct tpmalg *a, bool *has)
{
	TPMT_PUBLIC_PARMS parms = tpmalg_parms(a);
	unsigned tries = 0;
	TSS2_RC rc;

	*has = false;
	if (!link_has_alg(l, parms.type) || !link_has_alg(l, a->scheme) ||
	    !link_has_alg(l, a->hash))
		return 0;
	if (a->curve != TPM2_ECC_NONE && !link_has_curve(l, a->curve))
		return 0;
	do
		rc = Esys_TestParms(link_esys(l), ESYS_TR_NONE, ESYS_TR_NONE,
		    ESYS_TR_NONE, &parms);
	while (link_again(l, rc, &tries));
	/* a parameter that it does not know */
	if ((rc & TSS2_RC_LAYER_MASK) == 0 && (rc & TPM2_RC_FMT1) != 0)
		return 0;
	*has = rc == TSS2_RC_SUCCESS;
	return link_result(l, rc, "ask for algorithms");
}

int
tpmprobe(struct link *l, bool has[static TPMALG_ROWS])
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < TPMALG_ROWS; i++) {
		const struct tpmalg *a = tpmalg_row(i);

		has[i] = false;
		if (!a->plain)
			continue;
		r = probe(l, a, &has[i]);
		if (r == 0 && has[i] && a->alg == COSE_PS256)
			r = probe_salt(l, &has[i]);
	}
	return r;
}
