/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small CA for attestation keys (AK) in TPMs: whoever has its root believes
 * that a key lives in a TPM whose maker the CA believes. It shows how that is
 * done, and is good enough for a laboratory; a CA for an organisation keeps
 * its keys elsewhere and asks who it is that wants a certificate.
 *
 * Owns one directory (enrolment.md): two CA certificates and their keys, the
 * challenges that are not answered yet, each good for one answer, and a log
 * of everything it has said. What is not in the log was not said.
 *
 * Errors are negative errno values with one line in msg; -EACCES: it was
 * refused, msg says why; -EKEYEXPIRED: the CA itself has expired.
 */
#ifndef AUTHENTICATOR_CA_H
#define AUTHENTICATOR_CA_H

#include <stdint.h>

#include <openssl/x509.h>

#include "authenticator/attest/enrolment.h"

#define CA_MESSAGE_LEN	512	/* bytes, room for msg */

struct ca;

/* A new one; name is what its certificates are called by. */
int ca_init(const char *path, const char *name, int64_t now_s, char *msg,
    size_t msglen);
int ca_open(const char *path, struct ca **out, char *msg, size_t msglen);
void ca_close(struct ca *ca);	/* accepts NULL */

struct ca_roots {
	X509	*const *cert;	/* of TPM makers, and what is below them */
	size_t	 count;
};

/* A request, judged; what only the TPM it tells of can open. */
int ca_challenge(struct ca *ca, struct span request, struct ca_roots roots,
    int64_t now_s, int64_t lifetime_s, struct enrol_challenge *out, char *msg,
    size_t msglen);

/*
 * An answer, judged; its challenge is used up, whatever comes of it. The
 * certificates, PEM, leaf first and without the root, are to be freed with
 * free(). manufacturer: TPM2_PT_MANUFACTURER to name instead of the one that
 * the maker's certificate names; 0: that.
 */
int ca_issue(struct ca *ca, struct span answer, uint32_t manufacturer,
    int64_t now_s, int64_t valid_s, char **pem, char *msg, size_t msglen);

#endif
