/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of endorsement keys (TCG EK Credential Profile), with what is
 * odd about them: no subject, but a critical alternative name; critical
 * extensions that OpenSSL does not know; a purpose of their own.
 */
#include "authenticator/attest/ca_tpm.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define EK_DER_MAX	8192	/* bytes */
/* tcg-kp-EKCertificate */
#define EK_PURPOSE_OID	"2.23.133.8.1"

/* Extensions that may be critical although OpenSSL does not look at them. */
static const int harmless[] = {
	NID_subject_directory_attributes,	/* the TPM's specification */
	NID_subject_alt_name,			/* its maker */
};

static bool
is_harmless(X509_EXTENSION *ext)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (nid == harmless[i])
			return true;
	return X509_supported_extension(ext) == 1;
}

/* OpenSSL has found a critical extension that it does not know. */
static bool
only_harmless(X509 *x)
{
	for (int i = 0; i < X509_get_ext_count(x); i++) {
		X509_EXTENSION *ext = X509_get_ext(x, i);

		if (X509_EXTENSION_get_critical(ext) && !is_harmless(ext))
			return false;
	}
	return true;
}

static int
tolerate(int ok, X509_STORE_CTX *ctx)
{
	if (!ok && X509_STORE_CTX_get_error(ctx) ==
	    X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION &&
	    X509_STORE_CTX_get_error_depth(ctx) == 0 &&
	    only_harmless(X509_STORE_CTX_get_current_cert(ctx))) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	return ok;
}

static bool
is_root(X509 *x)
{
	return X509_check_issued(x, x) == X509_V_OK;
}

static const char *
chain_error(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "has expired, or who signed it has";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "is not valid yet, or who signed it is not";
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return "is altered: its signature is wrong";
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
		return "has a critical extension that is not known here";
	default:
		return "leads to none of the given roots";
	}
}

static const char *
judge_chain(X509 *leaf, X509 *const *roots, size_t count, int64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	const char *why = "cannot be verified: out of memory";
	bool ok = store != NULL && ctx != NULL && others != NULL;

	for (size_t i = 0; ok && i < count; i++)
		ok = is_root(roots[i]) ?
		    X509_STORE_add_cert(store, roots[i]) == 1 :
		    sk_X509_push(others, roots[i]) > 0;
	if (!ok || X509_STORE_CTX_init(ctx, store, leaf, others) != 1)
		goto out;
	X509_STORE_CTX_set_time(ctx, 0, (time_t)now_s);
	(void)X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
	X509_STORE_CTX_set_verify_cb(ctx, tolerate);
	why = X509_verify_cert(ctx) == 1 ? NULL :
	    chain_error(X509_STORE_CTX_get_error(ctx));
out:
	sk_X509_free(others);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return why;
}

/* A purpose, if there are any, is that of an EK and not of an AK. */
static const char *
judge_purpose(X509 *x, const struct ca_public *ek)
{
	uint32_t usage = ek->area.type == TPM2_ALG_RSA ?
	    KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;

	if (certificate_is_ca(x))
		return "is that of a CA";
	if ((X509_get_key_usage(x) & usage) == 0)
		return "is not for such a key (key usage)";
	if (X509_get_ext_by_NID(x, NID_ext_key_usage, -1) >= 0 &&
	    !certificate_has_purpose(x, EK_PURPOSE_OID))
		return "is not for an endorsement key (extended key usage)";
	return NULL;
}

const char *
ca_judge_ek_certificate(struct span der, const struct ca_public *ek,
    X509 *const *roots, size_t root_count, int64_t now_s,
    struct certificate_tpm *tpm)
{
	X509 *x = der.len <= EK_DER_MAX ? certificate_parse(der) : NULL;
	const char *why = NULL;

	if (x == NULL)
		why = "is not a certificate";
	else if (EVP_PKEY_eq(X509_get0_pubkey(x), ek->key) != 1)
		why = "is for another endorsement key";
	else
		why = judge_purpose(x, ek);
	if (why == NULL)
		why = judge_chain(x, roots, root_count, now_s);
	if (why == NULL && !certificate_read_tpm(x, tpm))
		why = "does not name the TPM (subject alternative name)";
	X509_free(x);
	ERR_clear_error();
	return why;
}
