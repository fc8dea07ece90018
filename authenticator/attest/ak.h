/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation keys that live in a TPM (AK), one for each algorithm that was
 * ever asked for: restricted, so that they certify what the TPM knows and sign
 * nothing else (WebAuthn Level 3, 8.3). Each is one sealed record of the store
 * (format: attestation.md), with two chains: the test chain of this state
 * directory, made here whenever it is due, and the one of a CA that has
 * convinced itself of the TPM, if it was enrolled. An AK is for good, as what
 * was enrolled is for that key and no other.
 *
 * Errors are negative errno values, always with one line in msg:
 *	-ENOTSUP	no TPM, or one without such keys
 *	-EUCLEAN	the record is damaged, or from a newer version
 *	-EINVAL		ak_enroll(): not a chain for this key, msg says why
 *	others		from the store or the key provider
 */
#ifndef AUTHENTICATOR_AK_H
#define AUTHENTICATOR_AK_H

#include "authenticator/engine/engine.h"
#include "authenticator/store/store.h"
#include "tpm/key.h"

#define AK_CHAIN_MAX	4096	/* bytes of DER; there is room for more in no
				 * reply that also has an RSA key */

struct ak;

struct ak_plan {
	struct store	*store;
	struct keys	*keys;
	int		 alg;		/* ES256, RS256 or RS1 */
	uint32_t	 manufacturer;	/* for its certificate; 0: the TPM's */
	struct span	 ca_cert;	/* who signs it, DER */
	struct span	 ca_key;	/* PKCS #8 */
	int64_t		 now_s;		/* seconds since 1970 */
};

/* Loads, and makes what is missing or due. */
int ak_load(const struct ak_plan *plan, struct ak **out, char *msg,
    size_t msglen);
/* Only what there is; -ENOENT: none. */
int ak_read(struct store *st, int alg, struct ak **out, char *msg,
    size_t msglen);
void ak_free(struct ak *ak);	/* accepts NULL */

/* Bound to AUTH_ATTESTATION_BOUND, epoch all zero. Lives as long as ak. */
struct span ak_blob(const struct ak *ak);
/*
 * What the authenticator sends, leaf first: what was enrolled, unless that has
 * expired at now_s, or else the test chain, whose second is ca_cert. The
 * spans live as long as ak and ca_cert.
 */
void ak_config(const struct ak *ak, struct span ca_cert, int64_t now_s,
    struct auth_attestation *out);
/* When what was enrolled expires, seconds since 1970; 0: nothing was. */
int64_t ak_enrolled_until(const struct ak *ak);

/*
 * A chain for this key, PEM, leaf first, at most AUTH_X5C_MAX certificates
 * and AK_CHAIN_MAX bytes without the root, which may be the last and is left
 * out. It replaces what was enrolled before.
 */
int ak_enroll(struct ak *ak, struct store *st, struct span pem,
    int64_t now_s, char *msg, size_t msglen);

/* Whether the first certificate of a PEM file is for this key. */
bool ak_is_for(const struct ak *ak, struct span pem);

/* "ES256"; NULL: there are no AKs of that algorithm. */
const char *ak_alg_name(int alg);
int ak_alg(const char *name);	/* 0: there is none */

#endif
