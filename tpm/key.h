/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys. A key provider makes keys, uses them and seals what has to
 * be kept; private keys and the storage key never leave it. What it hands
 * out are blobs: opaque, authenticated, useless without the provider.
 *
 * Two kinds of work, kept apart because only one of them may be slow:
 *
 *  - key operations (struct key_op) are asynchronous. keys_start() may
 *    finish at once, or later, when keys_fd() is readable. One operation at
 *    a time.
 *  - sealing (keys_seal, keys_open, keys_tag) is symmetric cryptography
 *    under the storage key. It never touches hardware and never waits.
 *
 * Errors are negative errno values:
 *	-EBADMSG	a blob that this provider did not make, or altered
 *	-ENOTSUP	an algorithm this provider does not have
 *	-EINVAL		sizes outside the limits below
 *	-ETIMEDOUT	the device did not answer in time
 *	-ENODEV		the device, or what it held, is gone
 *	-ENOENT		no key has been made here yet (open without create)
 *	-EIO, -ENOMEM	the obvious
 */
#ifndef TPM_KEY_H
#define TPM_KEY_H

#include "ctap/cose.h"
#include "ctap/span.h"

#define KEY_BLOB_MAX	 800	/* bytes; a wrapped key, fits a credential ID */
#define KEY_META_MAX	  64	/* bytes of the owner's inside a blob */
#define KEY_EPOCH_LEN	  32
#define KEY_SIG_MAX	4627	/* bytes; ML-DSA-87 */
#define KEY_SEAL_OVERHEAD 28	/* bytes: 12 nonce, 16 tag */
#define KEY_TAG_LEN	  16
#define KEY_WRAPPED_MAX	1024	/* bytes; a wrapped storage key */

enum key_verb {
	/*
	 * Makes a key for op->alg and a secret for KEY_HMAC beside it.
	 * In: alg, epoch, bound, meta. Out: blob, pub (COSE_Key).
	 */
	KEY_CREATE,
	/* In: blob, epoch, bound. Out: alg, meta. Tells whether it is ours. */
	KEY_OPEN,
	/*
	 * Signs data[0] || data[1] (the message, not its digest) as WebAuthn
	 * wants it: ECDSA in DER, the others bare.
	 * In: blob, epoch, bound, data. Out: alg, sig.
	 */
	KEY_SIGN,
	/*
	 * HMAC-SHA-256 of each data[i] that is there (32 bytes each) under
	 * one of the two CredRandom secrets of the key (CTAP 2.3, 12.7).
	 * In: blob, epoch, bound, data, with_uv. Out: sig, 32 or 64 bytes.
	 */
	KEY_HMAC,
};

/*
 * One operation. The caller owns it, and everything its spans point to,
 * until it is finished or abandoned. Outputs are valid when result is 0.
 *
 * epoch and bound are authenticated with the blob but not part of it: a
 * blob opens only with those it was made with. epoch is secret as well: it
 * is mixed into the wrapping key, so that forgetting the epoch destroys
 * every key made in it.
 */
struct key_op {
	enum key_verb	verb;
	int		alg;			/* enum cose_alg */
	struct span	blob;
	struct span	epoch;			/* KEY_EPOCH_LEN */
	struct span	bound;			/* at most 64 bytes */
	struct span	meta;			/* in: at most KEY_META_MAX */
	struct span	data[2];
	bool		with_uv;

	int		result;
	uint8_t		out_blob[KEY_BLOB_MAX];
	size_t		out_blob_len;
	uint8_t		out_pub[COSE_KEY_MAX];
	size_t		out_pub_len;
	uint8_t		out_meta[KEY_META_MAX];
	size_t		out_meta_len;
	uint8_t		out_sig[KEY_SIG_MAX];
	size_t		out_sig_len;
};

struct keys;

struct keys_ops {
	const char *name;	/* as recorded in the state: "software" */
	/*
	 * A fresh storage key: writes it wrapped, and unlocks with it.
	 * keys_unlock() does the same with one made before; -EBADMSG means
	 * it was wrapped by another provider or device. May wait; called at
	 * start only. Until one of them succeeded, nothing else works.
	 */
	int	(*new_storage_key)(struct keys *k,
		    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len);
	int	(*unlock)(struct keys *k, struct span wrapped);
	/*
	 * True: finished, see op->result. False: keys_poll() returns op
	 * once it is.
	 */
	bool	(*start)(struct keys *k, struct key_op *op);
	struct key_op *(*poll)(struct keys *k);
	/* Readable when poll() has something to say; -1: start() always
	 * finishes. Constant for the life of the provider. */
	int	(*fd)(const struct keys *k);
	/* The caller has lost interest; op may be reused when this returns. */
	void	(*abandon)(struct keys *k, struct key_op *op);
	/*
	 * AES-256-GCM under a key derived from the storage key. out has room
	 * for plain.len + KEY_SEAL_OVERHEAD (seal), sealed.len -
	 * KEY_SEAL_OVERHEAD (open; -EBADMSG if it does not verify).
	 */
	int	(*seal)(struct keys *k, struct span ad, struct span plain,
		    uint8_t *out);
	int	(*open)(struct keys *k, struct span ad, struct span sealed,
		    uint8_t *out);
	/* HMAC of data under a key derived from the storage key and label:
	 * the name by which the store can find data without knowing it. */
	int	(*tag)(struct keys *k, const char *label, struct span data,
		    uint8_t out[static KEY_TAG_LEN]);
	/* Whether keys of this algorithm can be made. */
	bool	(*has_alg)(const struct keys *k, int alg);
	void	(*free)(struct keys *k);
};

/* First member of every provider. */
struct keys {
	const struct keys_ops *ops;
};

/* Frees the provider and wipes what it holds. Accepts NULL. */
void keys_free(struct keys *k);

/*
 * Starts op and waits until it is finished; for start-up and for programs
 * that have nothing else to do. Returns op->result.
 */
int keys_perform(struct keys *k, struct key_op *op);

/*
 * The software provider: keys in this process, wrapped under a root secret
 * in the file software.key (mode 0600) of the directory dirfd. With create,
 * makes that file if it is missing; without, -ENOENT. Not hardware, and it
 * says so. Not for a child process: what fork() copies of it has lost the
 * root secret and the storage key, but OpenSSL's contexts and parsed keys
 * are on the heap and are copied; a child has to leave them alone and end
 * with exec or _exit. Format: software.md. Of the file it may say:
 *	-EPERM		others than its owner may read or write it
 *	-EUCLEAN	not a root secret, or damaged
 *	-EPROTO		written by a newer version
 *	-EBUSY		another process is making it at this moment
 */
int keys_open_software(int dirfd, bool create, struct keys **out);

#endif
