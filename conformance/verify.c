/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/verify.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "authenticator/client/webauthn_spki.h"
#include "ctap/cose.h"

/* NULL: none, or no algorithm of ours. */
static const char *
digest_of(int alg)
{
	switch (alg) {
	case COSE_ES256:
	case COSE_ES256K:
	case COSE_RS256:
	case COSE_PS256:
		return "SHA256";
	case COSE_ES384:
		return "SHA384";
	case COSE_ES512:
		return "SHA512";
	default:
		return NULL;
	}
}

static EVP_PKEY *
parse_key(struct span cose_key, int *alg)
{
	uint8_t spki[SPKI_MAX];
	const uint8_t *p = spki;
	size_t len;

	len = spki_from_cose(cose_key, spki, alg);
	return len > 0 ? d2i_PUBKEY(NULL, &p, (long)len) : NULL;
}

static bool
set_padding(EVP_PKEY_CTX *ctx, int alg)
{
	if (alg != COSE_PS256)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) ==
	    1;
}

bool
verify_signature(struct span cose_key, struct span msg, struct span sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	EVP_PKEY *key;
	bool ok;
	int alg;

	key = parse_key(cose_key, &alg);
	ok = key != NULL && ctx != NULL &&
	    EVP_DigestVerifyInit_ex(ctx, &pctx, digest_of(alg), NULL, NULL,
	    key, NULL) == 1 && set_padding(pctx, alg) &&
	    EVP_DigestVerify(ctx, sig.p, sig.len, msg.p, msg.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}
