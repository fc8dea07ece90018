/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon and its key helper say to each other: requests, and one
 * answer to each (format: helper.md). Encoding and decoding only; knows
 * nothing of sockets and processes.
 *
 * Both sides take the other for hostile. A decoder accepts exactly what the
 * encoder writes: every field there, within its limit, nothing behind it;
 * -EBADMSG otherwise. Spans that come out point into the message. Messages
 * hold secrets: whoever has the buffer wipes it.
 */
#ifndef TPM_MESSAGE_H
#define TPM_MESSAGE_H

#include "tpm/key.h"
#include "tpm/record.h"
#include "tpm/seal.h"

#define MESSAGE_VERSION		1
#define MESSAGE_MAX		24576	/* bytes; more than any of them has */
#define MESSAGE_DATA_MAX	8192	/* bytes; of each key_op.data */
#define MESSAGE_BOUND_MAX	64	/* bytes, key.h */
#define MESSAGE_RECOVERY_MAX	1024	/* bytes; a passphrase */
#define MESSAGE_TEXT_MAX	256	/* bytes, with the NUL */
#define MESSAGE_KIND_MAX	32	/* bytes, with the NUL */
#define MESSAGE_ALGS_MAX	16

enum message_type {
	MESSAGE_HELLO = 1,	/* opens the TPM */
	MESSAGE_CREATE,		/* makes a storage key, and unlocks with it */
	MESSAGE_UNLOCK,
	MESSAGE_REWRAP,
	MESSAGE_DESTROY,
	MESSAGE_OP,
	MESSAGE_CANCEL,		/* of the request with its serial number; has
				 * no answer of its own */
};

struct message_request {
	enum message_type type;
	uint32_t	 serial;
	bool		 create;	/* HELLO: the TPM may be made */
	struct span	 target;	/* HELLO */
	uint32_t	 pcrs;		/* CREATE, REWRAP */
	/* CREATE, UNLOCK, REWRAP; not there: none */
	struct span	 recovery;
	struct span	 wrapped;	/* UNLOCK */
	/* OP: what goes in. A decoder fills it, and all of it. */
	struct key_op	*op;
};

struct message_alg {
	int	alg;
	bool	in_tpm;
};

/* HELLO: what the TPM is, and what keys there can be. */
struct message_device {
	/* but for kind and target, and as far as it is about the device */
	struct keys_info info;
	char		 kind[MESSAGE_KIND_MAX];
	char		 target[RECORD_TARGET_MAX];
	size_t		 alg_count;
	struct message_alg algs[MESSAGE_ALGS_MAX];
};

/* CREATE and UNLOCK: what sealing needs, and how things stand in the TPM. */
struct message_keys {
	uint8_t		 rows[SEAL_KEY_LEN];
	uint8_t		 names[SEAL_KEY_LEN];
	struct keys_info info;		/* the rest of it */
};

struct message_answer {
	enum message_type type;
	uint32_t	 serial;
	int		 result;
	char		 text[MESSAGE_TEXT_MAX];	/* "" or one line */
	/* the rest only if result is 0, but for an OP, which has it always */
	struct message_device device;
	struct message_keys keys;
	struct span	 wrapped;	/* CREATE, REWRAP */
	/* OP: what comes out. A decoder fills that, result as well. */
	struct key_op	*op;
};

/*
 * Bytes written to out, which has room for MESSAGE_MAX. What does not fit is
 * a mistake of ours (asserted); of an operation, message_op_fits() tells:
 * 0, -EINVAL, or -EBADMSG (a blob longer than any).
 */
int message_op_fits(const struct key_op *op);
size_t message_put_request(const struct message_request *rq, uint8_t *out);
size_t message_put_answer(const struct message_answer *an, uint8_t *out);

/*
 * What a message is about, so that its reader knows where op is to point.
 * -EPROTO: of another version.
 */
int message_head(struct span msg, bool answer, enum message_type *type,
    uint32_t *serial);
int message_get_request(struct span msg, struct message_request *rq);
int message_get_answer(struct span msg, struct message_answer *an);

#endif
