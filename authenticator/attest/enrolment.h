/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key and a CA say to each other until the CA believes that the key's
 * AK lives in a TPM that it trusts: three messages, JSON (enrolment.md). This
 * is their text; what they mean is cmd_tpm_enroll.c's and ca.c's.
 *
 * Parsing is strict: every member, no other, of the right type and size, and
 * base64 as it would be written. It gives NULL, or one phrase that completes
 * "the request ...", and so on.
 */
#ifndef AUTHENTICATOR_ENROLMENT_H
#define AUTHENTICATOR_ENROLMENT_H

#include <jansson.h>
#include <stdint.h>

#include "ctap/span.h"
#include "tpm/key.h"

#define ENROL_TEXT_MAX	65536	/* bytes of a message */
#define ENROL_EKS	3	/* as KEY_EK counts them */
#define ENROL_ID_LEN	32	/* characters */
#define ENROL_NAME_MAX	100	/* characters; twice CA_NAME_MAX */

struct enrol_bytes {
	size_t	len;
	uint8_t	p[KEY_SIG_MAX];
};

/* From the key: who are you willing to vouch for? */
struct enrol_request {
	char	alg[8];			/* "ES256" */
	struct enrol_bytes ak;		/* TPMT_PUBLIC */
	struct {
		struct enrol_bytes public;	/* len 0: no such EK */
		struct enrol_bytes certificate;	/* len 0: none */
	} ek[ENROL_EKS];
};

/* From the CA: only the right TPM can open this. */
struct enrol_challenge {
	char	id[ENROL_ID_LEN + 1];	/* hexadecimal digits */
	char	alg[8];
	char	name[ENROL_NAME_MAX + 1];	/* of the AK, hexadecimal */
	unsigned ek;
	struct enrol_bytes blob;
	struct enrol_bytes seed;
	int64_t	expires_s;		/* seconds since 1970 */
};

/* From the key: I could. */
struct enrol_answer {
	char	id[ENROL_ID_LEN + 1];
	struct enrol_bytes secret;
};

const char *enrol_request_parse(struct span text, struct enrol_request *out);
const char *enrol_challenge_parse(struct span text,
    struct enrol_challenge *out);
const char *enrol_answer_parse(struct span text, struct enrol_answer *out);

/* New references; NULL: out of memory. */
json_t *enrol_request_json(const struct enrol_request *req);
json_t *enrol_challenge_json(const struct enrol_challenge *c);
json_t *enrol_answer_json(const struct enrol_answer *a);

/* Standard base64 with padding; *out->len at most max. False: it is not. */
bool enrol_base64(const char *text, size_t max, struct enrol_bytes *out);
json_t *enrol_base64_json(struct span bytes);

#endif
