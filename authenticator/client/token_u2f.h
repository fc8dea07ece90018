/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's part of U2F (FIDO U2F Raw Message Formats 1.2), for tokens
 * that have nothing else: what a client asks for is translated as CTAP 2.3,
 * 10.2 and 10.3 say. Private to token_*.c, each of which brings the wire.
 *
 * Such a token shows that somebody is there, and no more: it is asked again
 * and again until somebody touched it. Its credentials are for ES256, are
 * found by their IDs alone, and come with a fido-u2f attestation. As with all
 * tokens, what they answer is taken apart and not judged: handles and
 * signatures may be empty, or none at all.
 */
#ifndef AUTHENTICATOR_TOKEN_U2F_H
#define AUTHENTICATOR_TOKEN_U2F_H

#include "authenticator/client/token.h"

#define U2F_POLL_MS	200	/* between two questions */

struct u2f_token;

struct u2f_wire {
	/*
	 * Sends len bytes of t->request, an APDU, and puts the answer into
	 * t->reply: its length, with the status word, or -errno.
	 */
	int	(*transact)(struct u2f_token *t, size_t len);
	/* Waits for U2F_POLL_MS. */
	void	(*pause)(struct u2f_token *t);
	uint64_t (*now_ms)(struct u2f_token *t);
	void	(*close)(struct u2f_token *t);
};

struct u2f_token {
	struct token	 token;
	const struct u2f_wire *wire;
	uint8_t		 request[512];
	uint8_t		 reply[AUTH_MESSAGE_MAX];
	uint8_t		 auth_data[512];	/* as CTAP2 would have it */
	uint8_t		 att_stmt[AUTH_MESSAGE_MAX];
};

/* The members of t that are the same for each kind. */
void u2f_token_init(struct u2f_token *t, const struct u2f_wire *wire);
/* Whether it is one of these. */
bool u2f_token_is(const struct token *token);

/* The two of a wire that takes real time. */
void u2f_pause(struct u2f_token *t);
uint64_t u2f_now_ms(struct u2f_token *t);

#endif
