/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a response only the client makes, for the hooks of a fault
 * (fault.h, stage "client") to get wrong: clientDataJSON, which is made
 * before the token signs for its hash, and the response itself, which is
 * JSON that nothing signs for.
 *
 * A hook gets the honest values and changes one of them, or leaves a
 * function that changes the response when it is there.
 *
 * WebAuthn Level 3, 5.8.1 (client data), 6.5.4 (attestation object), 5.1.8
 * and 5.1.9 (JSON).
 */
#ifndef AUTHENTICATOR_CLIENT_FAULT_H
#define AUTHENTICATOR_CLIENT_FAULT_H

#include "authenticator/client/json_out.h"
#include "ctap/span.h"

#include <jansson.h>

#define CLIENT_FAULT_TEXT	1024	/* bytes a hook may need for texts */

struct client_fault {
	/* The members of client data, NULL: is not there */
	const char	*type;
	const char	*challenge;	/* base64url */
	const char	*origin;
	bool		 cross_origin;
	const char	*top_origin;	/* honestly NULL */
	const char	*unknown;	/* a member's name; honestly NULL */
	/* Its text: what goes around it, and how much of it is there. */
	const char	*before;	/* honestly "" */
	const char	*after;		/* honestly "" */
	bool		 cut;		/* the second half is missing */
	bool		 array;		/* [ ... ] around it */
	/* Behind what was hashed. */
	const char	*unsigned_after;	/* honestly "" */

	/* An earlier answer to the same relying party, in place of this. */
	bool		 replay;
	/* Changes the response; false if it has nothing to change, or there
	 * is no memory. NULL: as it is. */
	bool		(*respond)(const struct client_fault *c,
			    json_t *response);

	char		 text[CLIENT_FAULT_TEXT];	/* the hooks' */
	char		*honest_challenge;
};

/*
 * What is honest: type and origin have to live on, challenge is copied.
 * False: no memory. To be emptied in any case.
 */
bool client_fault_init(struct client_fault *c, const char *type,
    struct span challenge, const char *origin);
void client_fault_done(struct client_fault *c);

/*
 * clientDataJSON, to be freed with free(), its length in *len, and in *hashed
 * how much of it is hashed; NULL: no memory.
 */
char *client_fault_data(const struct client_fault *c, size_t *len,
    size_t *hashed);

/* Lets respond() change what is in out, which is JSON; false: it does not. */
bool client_fault_respond(const struct client_fault *c, struct json_out *out);

/*
 * Bytes of a member of an object, base64url: to be freed with free(); NULL if
 * there is none. And back.
 */
uint8_t *client_fault_take(const json_t *object, const char *member,
    size_t *len);
bool client_fault_put(json_t *object, const char *member, struct span bytes);

#endif
