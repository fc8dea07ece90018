/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's part of CTAP2 (CTAP 2.3, 6) that every kind of token needs:
 * key agreement, pinUvAuthTokens, the salts of hmac-secret, fragments of
 * large blobs. Private to token_*.c, each of which brings the wire.
 *
 * Verification: by the uv option where the token verifies by itself, by a
 * pinUvAuthToken where we were given a PIN, or where large blobs will be
 * written, which no option can allow.
 */
#ifndef AUTHENTICATOR_TOKEN_CTAP_H
#define AUTHENTICATOR_TOKEN_CTAP_H

#include "authenticator/client/token.h"
#include "ctap/cose.h"
#include "ctap/pin.h"

/* What we agreed on with the token, kept until it is refused. */
struct token_agreement {
	bool		 valid;
	struct pin_secret secret;
	uint8_t		 key[COSE_KEY_MAX];	/* ours, public */
	size_t		 key_len;
};

struct ctap_token;

struct token_wire {
	/*
	 * Sends len bytes of t->msg->request, and puts the answer into
	 * t->msg->reply: its length, or -errno.
	 */
	int	(*transact)(struct ctap_token *t, size_t len);
	void	(*close)(struct ctap_token *t);
};

struct ctap_token {
	struct token	 token;
	const struct token_wire *wire;
	struct token_info info;
	bool		 info_known;
	struct token_agreement agreement;
	uint8_t		 pin[TOKEN_PIN_MAX];
	size_t		 pin_len;		/* 0: none */
	int		 pin_status;		/* why it is not tried again */
	uint8_t		 uv_token[PIN_TOKEN_LEN];
	size_t		 uv_token_len;		/* 0: none */
	bool		 may_write;		/* what uv_token is good for */
	uint8_t		*blobs;			/* of the last blobs_read() */
	struct token_messages *msg;
};

/* The members of t that are the same for each kind; msg outlives it. */
void ctap_token_init(struct ctap_token *t, const struct token_wire *wire,
    struct token_messages *msg);

#endif
