/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation of one state directory. Packed (WebAuthn Level 3, 8.2):
 * root, intermediate and leaf; and right below the root two more: one that
 * names the key (8.2.2), for enterprises, and one of the leaf's key for U2F,
 * which shows a single certificate (8.6). The leaf keys live in the key
 * provider, the rest in one sealed record of the store (format:
 * attestation.md). The root is made once per state directory, or brought by a
 * tester, who may then give the same trust anchor to relying parties for
 * years; a brought root's key is used while loading and never kept. The keys
 * of our own CAs are kept in the store, and in memory only while loading.
 *
 * If keys live in a TPM, the intermediate signs the certificate of an AK as
 * well (ak.h), for tpm attestation.
 *
 * What relying parties must trust is the root; what the authenticator sends
 * is a leaf and the intermediate, or one of the other two alone.
 *
 * Errors are negative errno values, always with one line in msg:
 *	-EUCLEAN	the record is damaged, or from a newer version
 *	-EINVAL		the brought root is not usable, msg says why
 *	-EKEYEXPIRED	new certificates are due, and the root that would
 *			have to sign them was brought and is not here
 *	others		from the store or the key provider
 */
#ifndef AUTHENTICATOR_ATTESTATION_H
#define AUTHENTICATOR_ATTESTATION_H

#include "authenticator/attest/ak.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/engine/engine.h"
#include "authenticator/store/store.h"
#include "tpm/key.h"

#define ATTESTATION_PEM_MAX	65536	/* bytes, a brought file */

/* A root as a tester has it: PEM, not NUL-terminated. */
struct attestation_root {
	struct span	cert;
	struct span	key;	/* unencrypted */
};

struct attestation_plan {
	const uint8_t	*aaguid;	/* 16 bytes */
	const char	*subject;	/* as auth_leaf has it, "": as usual;
					 * NULL: as it was last time */
	int		 ak_alg;	/* ES256, RS256 or RS1; 0: ES256 */
	uint32_t	 tpm_manufacturer;	/* to claim; 0: the TPM's */
	const struct attestation_root *brought;	/* NULL: the recorded one, or
						 * one's own */
	int64_t		 now_s;		/* seconds since 1970 */
};

struct attestation;

/*
 * Loads the attestation of st and makes what is missing, expired, or made
 * for another AAGUID, another subject, another TPM, or under another root.
 * Loading what is still good parses no certificate. No AK: see
 * attestation_tpm().
 */
int attestation_load(struct store *st, struct keys *keys,
    const struct attestation_plan *plan, struct attestation **out, char *msg,
    size_t msglen);

/*
 * What packed attestation needs, whatever kind is the usual one: single RPs
 * may get another. The spans in *out live as long as att. Without a
 * certificate for U2F, as the root would have to sign it, which was brought,
 * and is not here, the leaf stands in for it: that verifies only where the
 * intermediate is trusted.
 */
void attestation_config(const struct attestation *att,
    enum attestation_kind kind, struct auth_attestation *out);

/*
 * Enterprise attestation, as long as att; false: there is none, because the
 * root would have to sign it, which was brought, and is not here.
 */
bool attestation_enterprise(const struct attestation *att,
    struct auth_attestation *out);

/*
 * The tpm attestation, as long as att; NULL, or why there is none, in one
 * line: keys do not live in a TPM, or it has no AKs of that algorithm.
 */
const char *attestation_tpm(const struct attestation *att,
    struct auth_attestation *out);
/* To enroll it; NULL: there is none. */
struct ak *attestation_ak(struct attestation *att);

/*
 * The trust anchors, PEM: *out is to be freed with free(). 0 or -ENOMEM.
 * attestation_roots_read() does not need keys or a running authenticator's
 * configuration, only its open store; -ENOENT if there is none yet.
 */
int attestation_roots_pem(const struct attestation *att, char **out);
int attestation_roots_read(struct store *st, char **out);

/*
 * What else others need of an open store, whether its key runs or not. The
 * CRL (crl.h) of one of its CAs, DER, to be freed with free(); -ENOKEY: that
 * one's key is not here, because the root was brought. The key identifier
 * (RFC 5280, 4.2.1.2, method 1) of the certificate that U2F shows, lower-case
 * hexadecimal, by which metadata finds a key without AAGUID. Both: -ENOENT if
 * there is none yet.
 */
enum attestation_ca {
	ATTESTATION_CA_ROOT,
	ATTESTATION_CA_INTERMEDIATE,
};
#define ATTESTATION_KEY_ID_LEN	40	/* characters */
int attestation_crl(struct store *st, enum attestation_ca which,
    int64_t now_s, uint8_t **out, size_t *len);
int attestation_u2f_id(struct store *st,
    char out[static ATTESTATION_KEY_ID_LEN + 1]);

/*
 * The AAGUID that the leaf of an open store was made for; otherwise out stays
 * as it was: -ENOENT if there is no leaf yet.
 */
int attestation_aaguid_read(struct store *st, uint8_t out[static 16]);

/*
 * Both CAs with their keys, for certificates that are made on the spot: in
 * memory until attestation_issuer_done(), which accepts one that is all zero.
 * 0, or as store.h says; -ENOENT: there is none yet.
 */
struct attestation_issuer {
	X509		*root, *intermediate;
	EVP_PKEY	*root_key;	/* NULL: was brought, and is not here */
	EVP_PKEY	*intermediate_key;
};
int attestation_issuer_open(struct store *st, struct attestation_issuer *out);
void attestation_issuer_done(struct attestation_issuer *is);

/* The number that enterprise attestation names this key by:
 * CERTIFICATE_SERIAL_LEN bytes, as long as att. */
const uint8_t *attestation_number(const struct attestation *att);

/*
 * Whether a chain of that many certificates, 1 to 3, can be made and will
 * verify: NULL, or why not, in one line.
 */
const char *attestation_judge_chain(const struct attestation *att,
    unsigned certificates);

/* Accepts NULL. */
void attestation_free(struct attestation *att);

#endif
