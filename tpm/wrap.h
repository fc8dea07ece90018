/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs of keys, and the keys that they are wrapped under: one for each
 * epoch, derived from the storage key. A blob is
 *
 *	version || sealed(plain), bound to version || bound
 *
 * where the version byte says whose blob it is; what plain is, is its
 * owner's business.
 *
 * There are as many wrapping keys at a time as an authenticator has epochs:
 * that of zeros, in which the attestation keys live, and one other. Each has
 * its place, so that the first key of a new epoch, after a reset, drives out
 * what is left of the old one.
 *
 * Authenticators that share a provider have more places, after wraps_more().
 * There nothing tells which epochs are over, and none is before the provider
 * ends: these authenticators, a fleet's, only register and sign in. One that
 * could be reset would have to say so, or the wrapping key of its old epoch
 * stays in memory until another wants its place.
 *
 * Errors: -EBADMSG, -ENOMEM, -EIO.
 */
#ifndef TPM_WRAP_H
#define TPM_WRAP_H

#include "tpm/key.h"
#include "tpm/seal.h"

#define WRAP_EPOCHS	2
#define WRAP_BOUND_MAX	64	/* bytes, key.h */
#define WRAP_OVERHEAD	(1 + SEAL_OVERHEAD)

/* How one kind of blobs differs from the others. Never change one. */
struct wrap_kind {
	uint8_t		 version;	/* the first byte of a blob */
	const char	*label;		/* of the wrapping keys */
};

struct wrap {
	bool		 used;
	uint8_t		 epoch[KEY_EPOCH_LEN];
	struct seal_box	 box;
	const struct wrap_kind *kind;
};

#define WRAP_WAYS	16	/* places that an epoch can have, of more: with
				 * few, some are derived anew each time */

/* Belongs in seal_memory_new(). */
struct wraps {
	const struct wrap_kind *kind;
	/* called before w is wiped: its owner drops what came out of it */
	void		(*forget)(void *arg, const struct wrap *w);
	void		*arg;
	bool		 unlocked;
	uint8_t		 storage_key[SEAL_KEY_LEN];
	struct wrap	 wrap[WRAP_EPOCHS];
	struct wrap	*more;		/* instead of the second; NULL: none */
	size_t		 more_count;	/* WRAP_WAYS, at least */
	size_t		 turn;		/* whose place is taken next */
	struct seal_random random;	/* nonces, and what else is wanted */
};

void wraps_init(struct wraps *ws, const struct wrap_kind *kind,
    void (*forget)(void *arg, const struct wrap *w), void *arg);
/*
 * For the provider of many keys, each with an epoch of its own: room for
 * about so many at a time. What is left of an old epoch is driven out by
 * chance then. Before the first is used. -ENOMEM.
 */
int wraps_more(struct wraps *ws, size_t epochs);
/* Needed before the rest, once. */
void wraps_unlock(struct wraps *ws,
    const uint8_t storage_key[static SEAL_KEY_LEN]);
void wraps_done(struct wraps *ws);

/* epoch is KEY_EPOCH_LEN bytes. *out lives until another takes its place. */
int wraps_find(struct wraps *ws, struct span epoch, struct wrap **out);
/* Another secret of that epoch. The caller wipes it. */
int wraps_derive(const struct wraps *ws, struct span epoch, const char *label,
    uint8_t out[static SEAL_KEY_LEN]);

/* out has room for plain.len + WRAP_OVERHEAD. */
int wrap_seal(struct wraps *ws, struct wrap *w, struct span bound,
    struct span plain, uint8_t *out, size_t *out_len);
/* plain has room for max bytes, and is the caller's to wipe. */
int wrap_open(struct wrap *w, struct span bound, struct span blob,
    uint8_t *plain, size_t max, size_t *plain_len);

#endif
