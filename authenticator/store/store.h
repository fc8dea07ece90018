/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: credentials and state of one key in one SQLite database,
 * DIR/sealkey.db (format: store.md). Rows are sealed by the key provider;
 * lookup columns are keyed hashes, so that a copied database tells neither
 * sites nor accounts. Every page carries a checksum that is verified when
 * it is read.
 *
 * It owns the database, the lock that keeps a second process out, and the
 * prepared statements. It knows no protocol.
 *
 * Errors are negative errno values; store_strerror() has the one line for
 * the user (what is wrong with which file, what to do):
 *	-EBUSY		another process has this state directory open
 *	-ENOENT		no database there, and create was not asked for
 *	-EUCLEAN	not a sealkey database, or damaged
 *	-EPROTO		written by a newer version
 *	-EBADMSG	belongs to another key provider or device
 *	-EROFS, -EACCES	cannot be written
 *	-ENOMEM		out of memory
 *	-ENOSPC		disk or key full; nothing was changed
 *	-EIO		old or new, unknown which: commits fail from now on
 */
#ifndef AUTHENTICATOR_STORE_H
#define AUTHENTICATOR_STORE_H

#include "authenticator/credential.h"
#include "tpm/key.h"

#define STORE_VERSION	1
#define STORE_BLOB_MAX	65536	/* bytes, store_put() */

struct store;

struct store_config {
	bool		create;		/* make it if it is not there */
	uint32_t	limit;		/* credentials; 0: 10 000 000 */
	int		*lock;		/* by store_lock(); the store takes it
					 * over, and *lock becomes -1, once it
					 * is open; NULL: it locks itself */
	const struct store_env *env;	/* for tests (store_impl.h) */
};

/*
 * Locks the state directory dirfd (path is for messages only) against other
 * processes, for those who have more to do there than open the store. The
 * lock goes with close(). -EBUSY and others with a line in msg.
 */
int store_lock(int dirfd, const char *path, int *out, char *msg,
    size_t msglen);

/*
 * Opens the state directory dirfd (path is for messages only), unlocks keys
 * with its storage key, and locks it against other processes. Never
 * repairs, never overwrites. keys must outlive the store. On error *out is
 * untouched and msg (msglen bytes) has the line for the user.
 */
int store_open(int dirfd, const char *path, struct keys *keys,
    const struct store_config *cfg, struct store **out,
    char *msg, size_t msglen);

/*
 * A store without a directory, whose contents end with it: nothing is written
 * anywhere. keys are unlocked already, and outlive the store. -ENOMEM.
 */
int store_open_memory(struct keys *keys, struct store **out);
/*
 * What was put under names in from, to, both without a directory, and with
 * the same storage key. -ENOMEM.
 */
int store_copy_blobs(struct store *from, struct store *to);

/* Fetches what any lookup and commit looks at, if it is in memory:
 * prefetch.h. */
void store_prefetch(const struct store *st);

/* Closes, after folding the log into the database. Accepts NULL. */
void store_close(struct store *st);

/*
 * The file DIR/lock says who has the directory open: text for whoever finds
 * it locked, replaced by each note, gone when the store is closed. read
 * gives its length, with buf terminated; -ENOENT if nobody holds the lock.
 */
int store_lock_note(struct store *st, const char *text);
int store_lock_read(int dirfd, char *buf, size_t size);

/*
 * Whether something in dirfd belongs to a store: its database, or a log
 * that lost it. Opens and makes nothing.
 */
bool store_exists(int dirfd);
/* Whether making one was begun there, and not finished. */
bool store_begun(int dirfd);
/* How many credentials it takes. */
uint32_t store_capacity(const struct store *st);
/* From now on no more than that, if it has room for so many; 0: as there is
 * room. What is there stays. */
void store_restrict(struct store *st, uint32_t capacity);

/* As committed; a new store has counter 0 and a random epoch. */
int store_load(struct store *st, struct auth_state *out);
/* Of the state, which is large: this alone. */
uint64_t store_generation(const struct store *st);

/* Answers q: returns q->result. */
int store_lookup(struct store *st, struct auth_lookup *q);

/*
 * All or nothing:
 *	0	survives power loss from here on
 *	-EIO	old or new, unknown which: commits fail until reopened
 *	other	nothing changed; -ENOENT: chg->remove, chg->replace or the
 *		owner of chg->own_blob is not there, -EEXIST: the ID of
 *		chg->put is, -EINVAL: what is put is out of the limits of
 *		credential.h, or chg->replace is another credential than
 *		the one it is to replace
 * *seq (may be NULL) is the seq given to chg->put.
 */
int store_commit(struct store *st, const struct auth_change *chg,
    uint64_t *seq);

/*
 * Whether chg moves nothing but the ceiling of signature counters, or that of
 * a credential, which only rise: then an older state would be as good. So is
 * an older note.
 */
bool store_is_count(struct store *st, const struct auth_change *chg);

/*
 * Keeps wrapped (at most KEY_WRAPPED_MAX bytes) in place of what the storage
 * key was wrapped in, all or nothing as above. It has to be the same key.
 */
int store_rewrap(struct store *st, struct span wrapped);

/*
 * Calls each(arg, cred) for every credential, oldest first, until it
 * returns non-zero; returns that, 0, or -errno. cred lives for the call.
 * each() may commit.
 */
int store_each(struct store *st,
    int (*each)(void *arg, const struct credential *cred), void *arg);
/* The same for those with a greater seq than after. */
int store_each_after(struct store *st, uint64_t after,
    int (*each)(void *arg, const struct credential *cred), void *arg);

/*
 * Named, sealed blobs for the rest of the program (attestation chain and
 * keys). put is durable when it returns 0. get: -ENOENT, or the bytes in
 * *out, to be freed by the caller with store_blob_free(), which wipes them.
 */
int store_put(struct store *st, const char *name, struct span value);
int store_get(struct store *st, const char *name, uint8_t **out, size_t *len);
/* The one of these that is about credentials (fault/told.h): a reset takes it
 * away with them. */
#define STORE_TOLD	"told counters"
void store_blob_free(uint8_t *p, size_t len);

/* The line for the user about the last error. Lives as long as st. */
const char *store_strerror(const struct store *st);

#endif
