/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token for testing the client: answers what it was told to, remembers
 * what it was asked, and checks of every request that it is canonical CBOR
 * which the authenticator's own decoder understands in the same way
 * (abort() if not, so that fuzzers notice).
 */
#ifndef TESTS_FAKE_TOKEN_H
#define TESTS_FAKE_TOKEN_H

#include "authenticator/client/token.h"
#include "authenticator/client/token_cbor.h"

#define FAKE_ID_LEN	32

struct fake_token {
	struct token	 token;

	/* To be set by the test; fake_token_init() gives a capable token. */
	struct token_info info;
	bool		 unasked;	/* tells of a blob that nobody wants */
	bool		 full;		/* no room for a blob of its own */
	int		 status;	/* of make and get, not of probes */
	const char	*fmt;
	struct span	 att_stmt;
	uint8_t		 aaguid[16];
	struct span	 public_key;	/* COSE_Key */
	bool		 omit_id;	/* assertions do not say which */
	struct span	 has_id;	/* p NULL: any that is asked for */
	bool		 hidden;	/* has_id shows only to uv */
	struct span	 raw_auth_data;	/* instead of a proper one */
	struct span	 large_blob_key;	/* p NULL: has none */
	struct span	 has_app_id;	/* has_id is known for this RP ID */
	struct span	 get_extensions;	/* of assertions; CBOR */
	int		 blobs_status;	/* of blobs_read and _write */
	uint8_t		 blobs[1024];	/* the array, without a digest */
	size_t		 blobs_len;
	uint8_t		 own_blob[256];	/* of any credential, packed */
	size_t		 own_blob_len;	/* 0: none */
	size_t		 own_blob_size;	/* as it was told */

	/* What happened. */
	unsigned	 makes, gets, probes, writes;
	uint8_t		 request[AUTH_MESSAGE_MAX];
	size_t		 request_len;
	struct token_make make;		/* what it points to is gone */
	struct token_get get;
	uint8_t		 salts[TOKEN_SALTS_MAX];
	uint8_t		 hash[32];

	uint8_t		 id[FAKE_ID_LEN];
	uint8_t		 auth_data[2048];
	uint8_t		 sig[8];
	uint8_t		 key[TOKEN_BLOB_KEY_LEN];
};

void fake_token_init(struct fake_token *f);
/* The token of info has blobs of credentials instead of the array. */
void fake_token_keeps_blobs(struct token_info *info);

#endif
