/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CA has to know of TPMs to believe that a key lives in one: public
 * areas, the certificates that TPM makers give to endorsement keys (EK), and
 * credentials that only the TPM with that EK opens, and only while it holds
 * the attestation key (AK) of that name (TPM 2.0 Library, Part 1, 24:
 * "Credential Protection"). Software only: the CA has no TPM.
 *
 * Everything that comes in is somebody else's. A judgement is NULL, or one
 * phrase that completes "the attestation key ...", and so on.
 */
#ifndef AUTHENTICATOR_CA_TPM_H
#define AUTHENTICATOR_CA_TPM_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <tss2/tss2_tpm2_types.h>

#include "authenticator/attest/certificate.h"
#include "ctap/span.h"

#define CA_NAME_MAX	50	/* bytes: nameAlg, SHA-384 */
#define CA_SECRET_LEN	32	/* bytes; fits every EK's hash */
#define CA_BLOB_MAX	132	/* bytes, TPMS_ID_OBJECT */
#define CA_SEED_MAX	512	/* bytes, TPMU_ENCRYPTED_SECRET; RSA-4096 */

struct ca_public {
	TPMT_PUBLIC	 area;
	EVP_PKEY	*key;
	uint8_t		 name[CA_NAME_MAX];
	size_t		 name_len;
};

/*
 * Exactly a TPMT_PUBLIC, of a key: RSA of 2048 to 4096 bits, or on P-256 or
 * P-384, named with SHA-256 or SHA-384. ca_public_done() only if NULL.
 */
const char *ca_public_parse(struct span bytes, struct ca_public *out);
void ca_public_done(struct ca_public *pub);

/* Restricted, signs, cannot leave, and is one of those that ak.h makes. */
const char *ca_judge_ak(const struct ca_public *ak);
/* Restricted, decrypts, cannot leave. */
const char *ca_judge_ek(const struct ca_public *ek);

/*
 * An EK certificate, DER: that it is for that key and leads to one of the
 * roots. roots are the self-signed ones of the list, and the others help.
 * *tpm is how the maker names the TPM.
 */
const char *ca_judge_ek_certificate(struct span der,
    const struct ca_public *ek, X509 *const *roots, size_t root_count,
    int64_t now_s, struct certificate_tpm *tpm);

/*
 * TPM2_MakeCredential: blob (TPMS_ID_OBJECT) and seed (the encrypted secret)
 * are what TPM2_ActivateCredential takes, without the sizes before them.
 * 0, or -EIO (OpenSSL failed).
 */
struct ca_credential {
	uint8_t	blob[CA_BLOB_MAX];
	size_t	blob_len;
	uint8_t	seed[CA_SEED_MAX];
	size_t	seed_len;
};
int ca_make_credential(const struct ca_public *ek, struct span name,
    const uint8_t secret[static CA_SECRET_LEN], struct ca_credential *out);

#endif
