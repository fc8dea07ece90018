/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's side of CTAP2 messages (CTAP 2.3, 6.1, 6.2, 6.4, 6.5.5):
 * requests from token.h's structs to canonical CBOR, replies back. No I/O,
 * no allocation.
 *
 * Requests: bytes written to out, command byte first; 0 if cap is too small.
 * Replies: body is what follows the status byte of a success; false if it is
 * not canonical, of wrong types, or lacks what is required. What comes out
 * points into body.
 */
#ifndef AUTHENTICATOR_TOKEN_CBOR_H
#define AUTHENTICATOR_TOKEN_CBOR_H

#include "authenticator/token.h"
#include "ctap/cbor.h"

/* hmac-secret of an assertion, encrypted: salts are ignored without it. */
struct token_hmac {
	struct span	key;		/* platform's, COSE_Key, canonical */
	struct span	salt_enc;
	struct span	salt_auth;
	unsigned	protocol;
};

size_t token_encode_make(const struct token_make *req, uint8_t *out,
    size_t cap);
/* hmac may be NULL. */
size_t token_encode_get(const struct token_get *req,
    const struct token_hmac *hmac, uint8_t *out, size_t cap);
size_t token_encode_key_agreement(unsigned protocol, uint8_t *out, size_t cap);

bool token_decode_info(struct span body, struct token_info *out);
bool token_decode_credential(struct span body, struct token_credential *out);
/* hmac and hmac_len are left at zero: that needs a secret. */
bool token_decode_assertion(struct span body, struct token_assertion *out);
/* The authenticator's key, 32 bytes each. */
bool token_decode_key_agreement(struct span body, struct span *x,
    struct span *y);

/* What is in authenticator data (WebAuthn Level 3, 6.1). */
struct token_auth_data {
	uint8_t		flags;
	struct span	aaguid;		/* 16 bytes; these three: p NULL */
	struct span	credential_id;	/* without attested credential data */
	struct span	public_key;	/* COSE_Key */
	struct span	protect;	/* credProtect, encoded; p NULL: none */
	bool		hmac_secret;	/* hmac-secret: true */
	struct span	hmac_output;	/* hmac-secret as bytes; p NULL */
};

/*
 * Forgiving on purpose: what a relying party is to be tested with has to
 * pass. Only what cannot be taken apart is refused.
 */
bool token_decode_auth_data(struct span data, struct token_auth_data *out);

#endif
