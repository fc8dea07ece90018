/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token as the client mode sees it: something that makes credentials and
 * assertions, and keeps large blobs. Two kinds: the engine in this process (a
 * state directory), and any token behind CTAPHID. Both speak the same messages
 * (token_ctap.h, or token_u2f.h if U2F is all there is), so what works with
 * one works with the other.
 *
 * Every verb returns 0, an enum ctap_status (positive) that the token
 * answered, or -errno if there was no proper answer: -ENODEV, -EIO the token
 * went away or broke off, -EBUSY another program uses it, -EPROTO its answer
 * makes no sense, -EMSGSIZE the request is larger than the token takes,
 * -ENOMEM.
 *
 * What an answer points to lives until the next verb on the same token.
 */
#ifndef AUTHENTICATOR_TOKEN_H
#define AUTHENTICATOR_TOKEN_H

#include "authenticator/engine/engine.h"
#include "ctap/span.h"
#include "ctap/status.h"

#include <stdint.h>

#define TOKEN_ALGS_MAX		32
#define TOKEN_TRANSPORTS_MAX	8
#define TOKEN_TRANSPORT_LEN	16	/* bytes of a name, with the NUL */
#define TOKEN_SALT_LEN		32	/* bytes, CTAP 2.3, 12.7 */
#define TOKEN_SALTS_MAX		64	/* bytes: two salts */
#define TOKEN_PIN_MAX		63	/* bytes, CTAP 2.3, 6.5.1 */
#define TOKEN_BLOB_KEY_LEN	32	/* bytes, CTAP 2.3, 12.3 */
#define TOKEN_TIMEOUT_MS	60000	/* for a token to answer at all */

/* What of authenticatorGetInfo a client decides by. */
struct token_info {
	bool	rk;
	bool	uv;		/* built-in verification, set up */
	bool	pin;		/* it has a PIN, good for credentials */
	bool	pin_manages;	/* noMcGaPermissionsWithClientPin */
	bool	uv_tokens;	/* option pinUvAuthToken */
	bool	always_uv;
	bool	ep;		/* enterprise attestation, switched on */
	bool	make_without_uv;	/* option makeCredUvNotRqd */
	bool	verifies;	/* built in, or by the PIN it was opened with */
	unsigned protocol;	/* the best of both sides; 0: none */
	bool	cred_protect;
	bool	hmac_secret;
	bool	hmac_secret_mc;
	bool	cred_blob;
	size_t	cred_blob_max;	/* bytes */
	bool	min_pin_length;
	bool	large_blob_key;	/* the extension, */
	bool	large_blobs;	/* and the storage that goes with it */
	size_t	blobs_max;	/* bytes, with the digest */
	bool	large_blob;	/* the extension of CTAP 2.3, 12.4 */
	size_t	message_max;	/* bytes of a request */
	size_t	list_max;	/* descriptors; 0: not said */
	int	algs[TOKEN_ALGS_MAX];
	size_t	alg_count;	/* 0: not said */
	char	transports[TOKEN_TRANSPORTS_MAX][TOKEN_TRANSPORT_LEN];
	size_t	transport_count;	/* 0: not said */
};

/* A blob as the token keeps it with a credential: CTAP 2.3, 12.4. */
struct token_blob {
	struct span	packed;			/* RFC 1951; p NULL: none */
	size_t		size;			/* bytes, unpacked */
};

struct token_make {
	struct span	client_data_hash;	/* 32 bytes */
	struct span	rp_id;
	struct span	rp_name;
	struct span	user_id;
	struct span	user_name;
	struct span	user_display_name;
	const int	*algs;
	size_t		alg_count;
	const struct span *exclude;
	size_t		exclude_count;
	bool		rk;
	bool		uv;
	bool		hmac_secret;
	struct span	salts;			/* 0, 32 or 64 bytes: -mc */
	unsigned	protect;		/* cred_protect; 0: none */
	struct span	cred_blob;		/* p NULL: none */
	bool		min_pin_length;
	bool		large_blob_key;
	bool		large_blob;		/* it may have one, */
	bool		large_blob_required;	/* or is not to be made */
	unsigned	enterprise;		/* attestation; 0: none */
};

/* enterpriseAttestation, CTAP 2.3, 6.1.2, step 9 */
#define TOKEN_ENTERPRISE_BY_PLATFORM	2

struct token_get {
	struct span	client_data_hash;	/* 32 bytes */
	struct span	rp_id;
	const struct span *allow;
	size_t		allow_count;
	bool		silent;			/* up: false; a U2F token then
						 * only says which it has */
	bool		uv;
	struct span	salts;			/* 0, 32 or 64 bytes */
	bool		cred_blob;
	bool		large_blob_key;
	bool		will_write;		/* blobs_write() comes next */
	bool		read_blob;		/* this, or: */
	struct token_blob write_blob;
};

/* What hmac-secret gave, decrypted; a secret. */
struct token_outputs {
	uint8_t		bytes[TOKEN_SALTS_MAX];
	size_t		len;			/* 0: none */
};

struct token_credential {
	struct span	fmt;
	struct span	auth_data;
	struct span	att_stmt;		/* CBOR */
	struct span	large_blob_key;		/* p NULL: none */
	bool		large_blob;		/* it may have one */
	struct token_outputs hmac;
};

struct token_assertion {
	struct span	credential_id;		/* p NULL: not said */
	struct span	auth_data;
	struct span	signature;
	struct span	user_id;		/* p NULL: not said */
	struct span	large_blob_key;		/* p NULL: none */
	struct token_blob blob;
	bool		blob_written;
	struct token_outputs hmac;
};

struct token;

struct token_ops {
	int	(*info)(struct token *t, struct token_info *out);
	int	(*make)(struct token *t, const struct token_make *req,
		    struct token_credential *out);
	/* The first assertion, where a token has several. */
	int	(*get)(struct token *t, const struct token_get *req,
		    struct token_assertion *out);
	/*
	 * The large-blob array without its digest; the empty one if that is
	 * wrong (CTAP 2.3, 6.10.3).
	 */
	int	(*blobs_read)(struct token *t, struct span *out);
	/* Takes the array, of another verb's memory not even a part. */
	int	(*blobs_write)(struct token *t, struct span array);
	/*
	 * The PIN to verify the user by, at most TOKEN_PIN_MAX bytes. A token
	 * that has a PIN is given this one, and verifies in no other way.
	 * After it was wrong once it is not tried again: there are only so
	 * many retries.
	 */
	void	(*set_pin)(struct token *t, struct span pin);
	void	(*free)(struct token *t);
};

/* First member of every token. */
struct token {
	const struct token_ops *ops;
};

/*
 * The engine on the state directory path (made if missing), as the kind of
 * key that auth says (device.h), its user always present and verified; tpm as
 * there, NULL: nothing to say. 0 or -errno, with a line for the user in msg.
 */
struct device_tpm;
int token_open_local(const char *path, const struct auth_config *auth,
    const struct device_tpm *tpm, struct token **out, char *msg,
    size_t msglen);

/* What such a token works with; it stays the token's. */
struct device;
struct device *token_local_device(struct token *t);

/* A request and the reply to it, which whoever closes the token wipes. */
struct token_messages {
	uint8_t		 request[AUTH_MESSAGE_MAX];
	uint8_t		 reply[AUTH_MESSAGE_MAX];
};

/*
 * The same for a key as device_open() takes it. Of several tokens that one
 * thread uses, one request after the other, lent may be the messages; it
 * outlives them. NULL: it has its own.
 */
struct device_config;
int token_open_config(const struct device_config *cfg,
    struct token_messages *lent, struct token **out, char *msg,
    size_t msglen);

/*
 * The token behind a hidraw device, or behind a SEQPACKET socket that
 * carries one report per packet. As above.
 */
int token_open_device(const char *path, struct token **out, char *msg,
    size_t msglen);
int token_open_socket(const char *path, struct token **out, char *msg,
    size_t msglen);

/* Accepts NULL. */
void token_free(struct token *t);

#endif
