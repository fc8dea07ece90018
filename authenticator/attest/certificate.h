/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 certificates of packed (WebAuthn Level 3, 8.2.1), of tpm (8.3.1) and
 * of U2F's attestation, and the judgement of a root that somebody brings. Knows
 * how they look; who signs what and when is attestation.c.
 *
 * Whatever is returned belongs to the caller.
 */
#ifndef AUTHENTICATOR_CERTIFICATE_H
#define AUTHENTICATOR_CERTIFICATE_H

#include "ctap/span.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define CERTIFICATE_DER_MAX	3072	/* bytes, of a brought root: its name
					 * is in every reply */

enum certificate_kind {
	CERTIFICATE_ROOT,
	CERTIFICATE_INTERMEDIATE,
	CERTIFICATE_LEAF,
	CERTIFICATE_ENTERPRISE,	/* a leaf that names its key (8.2.2) */
	CERTIFICATE_U2F,	/* a leaf that names no AAGUID */
	CERTIFICATE_AK,		/* a leaf that names a TPM, and nothing else */
};

#define CERTIFICATE_SERIAL_LEN	8	/* bytes, of a key */

/*
 * The TPM that an AK lives in, as text, none of it empty: "id:494E5443",
 * "SLB9670", "id:00070055". The ids are eight upper-case hexadecimal digits,
 * as relying parties compare them.
 */
struct certificate_tpm {
	char		 manufacturer[12];
	char		 model[65];
	char		 version[12];
};

struct certificate_plan {
	enum certificate_kind kind;
	EVP_PKEY	*key;		/* the subject's; public is enough */
	X509		*issuer;	/* NULL: itself */
	EVP_PKEY	*issuer_key;
	int64_t		 now_s;		/* seconds since 1970 */
	const uint8_t	*aaguid;	/* LEAF, ENTERPRISE: 16 bytes */
	const uint8_t	*serial;	/* ENTERPRISE: of the key */
	const char	*subject;	/* LEAF, ENTERPRISE, U2F: what of it is
					 * not as usual, C=SE,O=...; or NULL */
	const struct certificate_tpm *tpm;	/* AK */
	const char	*name;		/* ROOT, INTERMEDIATE: the whole subject
					 * is this common name; NULL: as a test
					 * CA's is */
	int64_t		 valid_s;	/* 0: as long as its kind is */
};

/* 0, -ENOMEM, or -EIO (OpenSSL failed). */
int certificate_make(const struct certificate_plan *plan, X509 **out);

/* "id:494E5443", for certificate_tpm */
void certificate_tpm_id(uint32_t id, char out[static 12]);

/* The public key that a COSE_Key is; NULL: none that OpenSSL takes. */
EVP_PKEY *certificate_cose_key(struct span cose);

/* When it expires, seconds since 1970; 0 if that makes no sense. */
int64_t certificate_expiry(const X509 *cert);

/* malloc()ed. 0 or -ENOMEM. */
int certificate_der(X509 *cert, uint8_t **out, size_t *len);
X509 *certificate_parse(struct span der);	/* NULL: not exactly one */

/*
 * Every certificate of a PEM file, at most max. NULL, or one phrase that
 * completes "the file ...", and then there are none.
 */
const char *certificate_parse_chain(struct span pem, X509 **out, size_t max,
    size_t *count);

/*
 * Whether relying parties take it for that of an AK (WebAuthn Level 3, 8.3.1,
 * and what the strictest of them make of it): NULL, or one phrase that
 * completes "the certificate ...".
 */
const char *certificate_judge_ak(X509 *cert);

/* Whether it says so, or may sign certificates. */
bool certificate_is_ca(X509 *cert);
/* Whether that object identifier is among its extended key usages. */
bool certificate_has_purpose(X509 *cert, const char *oid);
/* The TPM that its alternative name names; false: none, or oddly. */
bool certificate_read_tpm(X509 *cert, struct certificate_tpm *out);

/*
 * What a PEM certificate and its PEM key must be to sign an intermediate: a
 * self-signed CA that permits one more below it, valid at now_s, P-256,
 * P-384 or RSA of at least 2048 bits, key matching. -EINVAL, and *why one
 * phrase that completes "the attestation root ...".
 */
int certificate_parse_root(struct span cert_pem, struct span key_pem,
    int64_t now_s, X509 **cert, EVP_PKEY **key, const char **why);

#endif
