/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's side of CTAP2 messages (CTAP 2.3, 6.1, 6.2, 6.4, 6.5.5, 6.10):
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

#include "authenticator/client/token.h"
#include "ctap/cbor.h"

/*
 * What only who shares a secret with the token can make. Salts of a request
 * are ignored without salt_enc, and with auth_param the uv option is not sent.
 */
struct token_proof {
	unsigned	protocol;
	struct span	key;		/* platform's, COSE_Key, canonical */
	struct span	salt_enc;	/* p NULL: no hmac-secret */
	struct span	salt_auth;
	struct span	auth_param;	/* pinUvAuthParam; p NULL: none */
};

/* proof may be NULL. */
size_t token_encode_make(const struct token_make *req,
    const struct token_proof *proof, uint8_t *out, size_t cap);
size_t token_encode_get(const struct token_get *req,
    const struct token_proof *proof, uint8_t *out, size_t cap);
size_t token_encode_key_agreement(unsigned protocol, uint8_t *out, size_t cap);

/* CTAP 2.3, 6.5.5.7: how to ask for a pinUvAuthToken. */
enum token_way {
	TOKEN_BY_PIN_ALONE = 0x05,	/* before CTAP 2.1: may do anything */
	TOKEN_BY_UV = 0x06,
	TOKEN_BY_PIN = 0x09,
};
enum token_permission {
	TOKEN_MAY_MAKE = 0x01,
	TOKEN_MAY_GET = 0x02,
	TOKEN_MAY_WRITE = 0x10,		/* large blobs */
};
struct token_ask {
	enum token_way	way;
	unsigned	protocol;
	struct span	key;		/* platform's, COSE_Key, canonical */
	struct span	pin_hash_enc;	/* not by verification */
	unsigned	permissions;
	struct span	rp_id;		/* p NULL: none */
};
size_t token_encode_ask(const struct token_ask *ask, uint8_t *out, size_t cap);

/* CTAP 2.3, 6.10.2: a fragment of the array. */
size_t token_encode_blobs_get(size_t offset, size_t count, uint8_t *out,
    size_t cap);
/* total counts at offset 0 only. */
size_t token_encode_blobs_set(size_t offset, size_t total, struct span part,
    const struct token_proof *proof, uint8_t *out, size_t cap);

bool token_decode_info(struct span body, struct token_info *out);
/* hmac is left at zero in these two: that needs a secret. */
bool token_decode_credential(struct span body, struct token_credential *out);
bool token_decode_assertion(struct span body, struct token_assertion *out);
/* The authenticator's key, 32 bytes each. */
bool token_decode_key_agreement(struct span body, struct span *x,
    struct span *y);
/* A pinUvAuthToken, encrypted. */
bool token_decode_token(struct span body, struct span *out);
bool token_decode_blobs(struct span body, struct span *out);

/* What is in authenticator data (WebAuthn Level 3, 6.1). */
struct token_auth_data {
	uint8_t		flags;
	struct span	aaguid;		/* 16 bytes; these three: p NULL */
	struct span	credential_id;	/* without attested credential data */
	struct span	public_key;	/* COSE_Key */
	struct span	protect;	/* credProtect, encoded; p NULL: none */
	bool		hmac_secret;	/* hmac-secret: true */
	struct span	hmac_output;	/* of either hmac-secret; p NULL */
	bool		cred_blob_kept;	/* credBlob: true */
	struct span	cred_blob;	/* credBlob as bytes; p NULL */
};

/*
 * Forgiving on purpose: what a relying party is to be tested with has to
 * pass. Only what cannot be taken apart is refused.
 */
bool token_decode_auth_data(struct span data, struct token_auth_data *out);

#endif
