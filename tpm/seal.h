/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symmetric cryptography under the storage key, for every provider: boxes
 * (AES-256-GCM, random nonces), names (HMAC-SHA-256) and derivation (HKDF,
 * RFC 5869). Contexts are made once and kept, because OpenSSL takes longer
 * to make one than to use it.
 *
 * A box under one key is good for 2^32 sealings (NIST SP 800-38D, 8.3).
 *
 * Errors: -EBADMSG, -EINVAL (longer than INT_MAX), -ENOMEM, -EIO.
 */
#ifndef TPM_SEAL_H
#define TPM_SEAL_H

#include "ctap/span.h"

#define SEAL_KEY_LEN	32
#define SEAL_NONCE_LEN	12
#define SEAL_TAG_LEN	16
#define SEAL_OVERHEAD	(SEAL_NONCE_LEN + SEAL_TAG_LEN)

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

/*
 * Memory for secrets, zeroed: not in core dumps, not in child processes, and
 * not in swap if the limit on locked memory permits. All that is only true
 * of these bytes: what OpenSSL makes of a key (contexts, EVP_PKEYs) is on the
 * heap. NULL: none left. The free accepts NULL, and wants the same len.
 */
void *seal_memory_new(size_t len);
void seal_memory_free(void *p, size_t len);

/*
 * Whether a child process finds nothing in there, but zeros: memory of
 * seal_memory_new(), on a system that wipes it on a fork (Linux 4.14). Of all
 * pages that it is in.
 */
bool seal_wiped_on_fork(void *p, size_t len);

/*
 * From now on OpenSSL wipes what it frees: it does so by itself for most that
 * is secret, but not for what it copies a key into on the way from one form to
 * another. Before anything of it is used; false: too late.
 */
bool seal_wipe_freed(void);

#define SEAL_RANDOM_LEN	512	/* bytes */

/*
 * Random bytes, fetched many at a time, because a call costs as much for a few
 * as for hundreds. Each is given out once, and wiped.
 *
 * A child process must not repeat those of its parent. So it is to find none:
 * seal_wiped_on_fork(). Where that cannot be, and in what is all zero, nothing
 * is fetched ahead, and each call asks.
 */
struct seal_random {
	bool		 ahead;
	size_t		 left;		/* at the end of bytes */
	uint8_t		 bytes[SEAL_RANDOM_LEN];
};

/* r is in memory of seal_memory_new(): all of that gets wiped. */
void seal_random_init(struct seal_random *r);
/* len of what fill makes, which returns 0 or an error that is passed on; more
 * than SEAL_RANDOM_LEN are never fetched ahead. */
int seal_random_of(struct seal_random *r,
    int (*fill)(uint8_t *out, size_t len), uint8_t *out, size_t len);
/* Of OpenSSL's private generator. */
int seal_random(struct seal_random *r, uint8_t *out, size_t len);

/* All zero is a box that was done. */
struct seal_box {
	struct evp_cipher_ctx_st *enc;
	struct evp_cipher_ctx_st *dec;
};

int seal_box_init(struct seal_box *b, const uint8_t key[static SEAL_KEY_LEN]);
void seal_box_done(struct seal_box *b);

/*
 * nonce || ciphertext || tag; ad and ad2 are authenticated, one after the
 * other (give one of them a fixed length). out has room for plain.len +
 * SEAL_OVERHEAD and does not overlap. An open that fails leaves zeros.
 */
int seal_box_seal(struct seal_box *b, struct span ad, struct span ad2,
    struct span plain, uint8_t *out);
int seal_box_open(struct seal_box *b, struct span ad, struct span ad2,
    struct span sealed, uint8_t *out);
/* As seal_box_seal(), with a nonce from r. */
int seal_box_seal_random(struct seal_box *b, struct seal_random *r,
    struct span ad, struct span ad2, struct span plain, uint8_t *out);

/* HKDF-SHA-256 of key; salt may be empty. */
int seal_derive(const uint8_t key[static SEAL_KEY_LEN], struct span salt,
    const char *info, uint8_t out[static SEAL_KEY_LEN]);

/* The storage key as struct keys_ops offers it: seal, open, tag. */
struct seal_storage {
	struct seal_box		 rows;
	struct evp_mac_ctx_st	*names;
};

int seal_storage_init(struct seal_storage *s,
    const uint8_t key[static SEAL_KEY_LEN]);
/* In two halves, for whoever seals in another process than the one that has
 * the storage key: from the two keys alone it cannot be found. */
int seal_storage_derive(const uint8_t key[static SEAL_KEY_LEN],
    uint8_t rows[static SEAL_KEY_LEN], uint8_t names[static SEAL_KEY_LEN]);
int seal_storage_init_derived(struct seal_storage *s,
    const uint8_t rows[static SEAL_KEY_LEN],
    const uint8_t names[static SEAL_KEY_LEN]);
void seal_storage_done(struct seal_storage *s);
int seal_storage_tag(struct seal_storage *s, const char *label,
    struct span data, uint8_t *out, size_t len);

#endif
