/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an authenticator remembers, and how the engine asks for it. Plain
 * data, shared by the engine, which decides, and the store, which keeps.
 * No member points into anything: a struct can be copied.
 */
#ifndef AUTHENTICATOR_CREDENTIAL_H
#define AUTHENTICATOR_CREDENTIAL_H

#include "ctap/cose.h"
#include "ctap/span.h"
#include "tpm/key.h"

#include <stddef.h>
#include <string.h>

#define CREDENTIAL_ID_MAX	1023	/* bytes, WebAuthn Level 3, 6.5.1 */
#define CREDENTIAL_ID_STORED	  32	/* bytes; IDs that we make for rows */
#define USER_ID_MAX		  64	/* bytes, WebAuthn Level 3, 5.4.3 */
#define RP_ID_KEPT		 255	/* bytes; longer ones are truncated */
#define NAME_KEPT		 127	/* bytes, cut between code points */
#define CRED_BLOB_MAX		  64	/* bytes, getInfo 0F: at least 32 */
#define LARGE_BLOB_KEY_LEN	  32
#define LARGE_BLOBS_MAX		4096	/* bytes, getInfo 0B: at least 1024 */
/*
 * Bytes, compressed, of a credential's own blob (12.4), which comes in one
 * message, and goes in one beside a signature of up to 4627 (ML-DSA-87).
 */
#define LARGE_BLOB_MAX		2048
#define LOOKUP_CURSOR_LEN	  16	/* bytes */

/* A short text, UTF-8, not NUL-terminated. len 0: not given. */
struct rp_id_text {
	uint8_t	len;
	char	s[RP_ID_KEPT];
};

struct name_text {
	uint8_t	len;
	char	s[NAME_KEPT];
};

struct user_entity {
	uint8_t		 id[USER_ID_MAX];
	uint8_t		 id_len;	/* 0: none (U2F, non-discoverable) */
	struct name_text name;
	struct name_text display_name;
};

/* credProtect, CTAP 2.3, 12.1 */
enum cred_protect {
	PROTECT_OPTIONAL = 1,
	PROTECT_OPTIONAL_WITH_LIST = 2,
	PROTECT_REQUIRED = 3,
};

/* Whose signature counter a credential's assertions have. */
enum cred_counting {
	COUNT_WITH_KEY,		/* the key's, which all share */
	COUNT_ITSELF,		/* its own; only if stored */
	COUNT_NOTHING,		/* always zero */
};

struct credential {
	uint64_t	 seq;		/* order of creation, from 1; the
					 * store gives it; 0: not stored */
	uint8_t		 id[CREDENTIAL_ID_MAX];
	uint16_t	 id_len;
	uint8_t		 rp_id_hash[32];
	uint8_t		 protect;	/* enum cred_protect */
	bool		 discoverable;	/* else found by its ID alone */
	/* WebAuthn Level 3, 6.1.3: BE, and BS, which is never without BE */
	bool		 backup_eligible;
	bool		 backup_state;
	uint8_t		 counting;	/* enum cred_counting */
	uint32_t	 counter;	/* COUNT_ITSELF: last one given out */
	bool		 hmac_secret;	/* asked for at creation */
	bool		 third_party_payment;
	bool		 large_blob;	/* may have one of its own (12.4); only
					 * if discoverable */
	bool		 has_large_blob_key;	/* only if discoverable, as is
						 * cred_blob */
	uint8_t		 large_blob_key[LARGE_BLOB_KEY_LEN];
	uint8_t		 cred_blob[CRED_BLOB_MAX];
	uint8_t		 cred_blob_len;	/* 0: none */
	int		 alg;		/* enum cose_alg */
	struct rp_id_text rp_id;	/* these only if stored; of U2F never */
	struct name_text rp_name;
	struct user_entity user;
	uint64_t	 created_s;	/* seconds since 1970; 0: unknown */
	uint8_t		 blob[KEY_BLOB_MAX];
	uint16_t	 blob_len;
	uint8_t		 pub[COSE_KEY_MAX];
	uint16_t	 pub_len;
};

#define PIN_HASH_LEN	 16	/* LEFT(SHA-256(PIN), 16), CTAP 2.3, 6.5.1 */
#define MIN_PIN_RPS_MAX	  8	/* RP IDs told the minimum PIN length */
#define BIO_TEMPLATES_MAX 5	/* fingers that can be enrolled */
#define BIO_ID_LEN	  4	/* bytes */
#define BIO_NAME_MAX	 64	/* bytes, maxTemplateFriendlyName */

/*
 * An enrolled finger, CTAP 2.3, 6.7. The sensor is simulated: what it keeps
 * of a finger is its number.
 */
struct bio_template {
	uint8_t		id[BIO_ID_LEN];
	uint8_t		finger;		/* 1 to 255 */
	uint8_t		name_len;	/* 0: none was given */
	char		name[BIO_NAME_MAX];	/* UTF-8 */
};

/*
 * The authenticator's own memory, small enough to be written whole. A state
 * made by a newer sealkey is refused, never half understood.
 *
 * All zero but for a random epoch is a factory-new key: failures are
 * counted, not what is left of them, and settings say whether they differ
 * from what the key was made with. Secrets that are only ever compared with
 * themselves (tokens, identifiers) are derived from the epoch and a
 * generation, so that they need no randomness at a reset and die with it.
 */
struct auth_state {
	uint8_t		epoch[KEY_EPOCH_LEN];	/* see tpm/key.h */
	uint32_t	counter_ceiling;	/* no signature counter above
						 * this was ever given out */
	uint32_t	credentials;		/* how many discoverable ones
						 * there are; kept by the
						 * store, not by us */
	/* PIN and built-in verification, CTAP 2.3, 6.5.1 and 6.5.3 */
	bool		pin_set;
	bool		force_pin_change;
	bool		pin_complexity;		/* switched on */
	uint8_t		pin_hash[PIN_HASH_LEN];
	uint8_t		pin_length;		/* in code points */
	uint8_t		pin_failures;		/* since the last success */
	uint8_t		uv_failures;
	uint8_t		min_pin_length;		/* 0: as made */
	/* of the provider's counter, if it has one: which state is the newest.
	 * Kept by whoever commits, not by the engine. */
	uint64_t	generation;
	/* authenticatorConfig, CTAP 2.3, 6.11 */
	bool		always_uv_toggled;
	bool		enterprise;		/* switched on */
	bool		long_touch;		/* switched on */
	bool		was_reset;		/* what it came with until
						 * then is over */
	uint8_t		min_pin_rp_count;
	/* persistentPinUvAuthToken and store state, CTAP 2.3, 6.4, 6.8 */
	bool		ppuat_pcmr;		/* has its permission */
	uint32_t	ppuat_generation;
	uint32_t	store_generation;
	uint8_t		bio_count;
	/* lists, which come last: see auth_state_copy() */
	struct rp_id_text min_pin_rp[MIN_PIN_RPS_MAX];
	/* bioEnrollment, CTAP 2.3, 6.7; oldest first */
	struct bio_template bio[BIO_TEMPLATES_MAX];
};

/*
 * *to = *from, where *to is a state (or zero) already. Most of a state is lists
 * that hardly any key has anything in: of them it takes what either has.
 */
static inline void
auth_state_copy(struct auth_state *to, const struct auth_state *from)
{
	size_t rps = to->min_pin_rp_count, bios = to->bio_count;

	if (from->min_pin_rp_count > rps)
		rps = from->min_pin_rp_count;
	if (from->bio_count > bios)
		bios = from->bio_count;
	memcpy(to, from, offsetof(struct auth_state, min_pin_rp));
	memcpy(to->min_pin_rp, from->min_pin_rp,
	    rps * sizeof(to->min_pin_rp[0]));
	memcpy(to->bio, from->bio, bios * sizeof(to->bio[0]));
}

/* What a reset leaves: the counter, so that no relying party sees it fall. */
static inline struct auth_state
auth_state_after_reset(const struct auth_state *s)
{
	return (struct auth_state){ .counter_ceiling = s->counter_ceiling,
	    .was_reset = true };
}

enum lookup_kind {
	LOOKUP_ID,	/* by credential ID and RP: at most one */
	LOOKUP_RP,	/* by RP: the newest one older than before */
	LOOKUP_USER,	/* by RP and user ID: at most one */
	LOOKUP_BLOBS,	/* the large-blob array, if one was put */
	LOOKUP_BLOB,	/* the blob of the credential with that seq */
	/* for its owner, who may see everything: protect_max is ignored */
	LOOKUP_ID_ANY,	/* by credential ID, whatever its RP */
	LOOKUP_SITE,	/* the newest credential of the next site */
	LOOKUP_COUNT,	/* how many there are, and how many more fit */
};

/*
 * A question to the store. What is not discoverable only the two by ID find,
 * and nothing counts. Spans live until it is answered. Those with
 * protect above protect_max are neither found nor counted.
 */
struct auth_lookup {
	enum lookup_kind kind;
	uint8_t		rp_id_hash[32];
	struct span	id;
	struct span	user_id;
	uint64_t	before;		/* seq; UINT64_MAX: newest */
	uint64_t	seq;		/* LOOKUP_BLOB */
	uint8_t		protect_max;
	bool		has_cursor;	/* LOOKUP_SITE: go on behind it */
	uint8_t		cursor[LOOKUP_CURSOR_LEN];	/* opaque, in and out */

	/* The answer. result: 0, or -errno if the store cannot tell */
	int		result;
	bool		found;
	uint32_t	count;		/* LOOKUP_RP with before UINT64_MAX:
					 * how many there are; LOOKUP_SITE
					 * without a cursor: sites;
					 * LOOKUP_COUNT: credentials */
	uint32_t	room;		/* LOOKUP_COUNT: how many more fit */
	struct credential *cred;	/* caller's; filled if found */
	uint8_t		*blobs;		/* caller's, LARGE_BLOBS_MAX bytes;
					 * LOOKUP_BLOBS and LOOKUP_BLOB
					 * fill blobs_len */
	size_t		blobs_len;
	uint64_t	original_size;	/* LOOKUP_BLOB: as it was put */
};

/* A blob for the credential with that seq, which has to be there. */
#define OWN_BLOB_OF_PUT	UINT64_MAX	/* for the one that is put with it */
struct own_blob {
	uint64_t	seq;		/* 0: no change */
	uint64_t	original_size;	/* bytes, before it was compressed */
	struct span	bytes;		/* up to LARGE_BLOB_MAX */
};

/*
 * One change. All of it is done or nothing, and what is done survives power
 * loss once the commit has returned 0. Members are done in this order.
 */
struct auth_change {
	bool		 reset;		/* forget every credential and blob,
					 * and the large-blob array */
	uint64_t	 remove;	/* seq of one to forget, with its
					 * blob; 0: none */
	const struct credential *replace;	/* new contents for the one
					 * of this seq; its ID, RP, user ID,
					 * protect, and whether it is
					 * discoverable, stay; NULL: none */
	struct credential *put;		/* one to add; NULL: none. If it has
					 * no date, it gets that of now */
	struct own_blob	 own_blob;	/* in place of what it had */
	struct span	 large_blobs;	/* new array; NULL: as before */
	struct {
		const char	*name;	/* NULL: none */
		struct span	 value;
	} note;				/* not the engine's: what the program
					 * has under a name, store_put() */
	struct auth_state *state;	/* new state; NULL: as before. Its
					 * generation is filled in */
};

#endif
