/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rig for the engine: it answers each want of a command, with keys that are
 * made up, a disk in memory and a user who agrees, and can have one of them
 * go wrong. Then what a host says, and how it reads what it is told.
 *
 * To be included before cmocka.h, whose fail() is a macro.
 */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include "authenticator/engine/impl.h"

#define RIG_CREDENTIALS	8
#define CHANNEL		7
#define STRANGER	8
#define FAKE_BLOB_LEN	100
#define FAKE_SECRET	0x4d	/* what KEY_HMAC answers, over and over */

enum fault {
	FAULT_NONE,
	FAULT_ERROR,		/* -EIO; the user says no; keys that have the
				 * PIN have done it, and cannot tell */
	FAULT_FULL,		/* -ENOSPC; those keys have done nothing */
	FAULT_CANCEL,
	FAULT_ABORT,
	FAULT_STRANGER,		/* another channel cancels */
	FAULTS
};

/* Keys that have the PIN. */
struct rig_pin {
	bool		 set;
	uint8_t		 hash[PIN_HASH_LEN];
	uint8_t		 failures;
	unsigned	 clears;
};

struct rig {
	struct auth	*au;
	struct auth_config cfg;
	uint64_t	 now_ms;
	uint64_t	 channel;	/* of the next command */
	uint8_t		 random;	/* the next byte */
	bool		 random_zero;
	bool		 starve;	/* OpenSSL, from the next IV on */
	uint8_t		 msg[AUTH_MESSAGE_MAX];
	uint8_t		 reply[AUTH_MESSAGE_MAX];
	size_t		 reply_len;

	/* wants of the last command: U, K, L, C */
	char		 trace[256];
	size_t		 wants;
	size_t		 fault_at;
	enum fault	 fault;
	unsigned	 commits;

	/* what keys answer */
	uint8_t		 meta[KEY_META_MAX];	/* of KEY_OPEN, if meta_len */
	size_t		 meta_len;
	size_t		 hmac_cut;	/* bytes that are missing */
	bool		 lattice;	/* they are ML-DSA-87 */
	bool		 outside;	/* they do not live in the TPM */
	unsigned	 shape;		/* of the last one made */
	struct rig_pin	 pin;

	unsigned	 mismatches;	/* verifications still to fail */

	/* the disk */
	struct auth_state state;
	struct credential cred[RIG_CREDENTIALS];
	size_t		 count;
	uint64_t	 seq;
	uint8_t		 blobs[LARGE_BLOBS_MAX];
	size_t		 blobs_len;
};

extern const uint8_t client_data_hash[32];
/* OpenSSL, whoever gives it memory: gets none */
extern bool openssl_starves;

struct ask {
	const char	*rp_id;		/* NULL: example.com */
	const char	*rp_name;
	const char	*user_name;
	const char	*display_name;
	uint8_t		 user;		/* its ID */
	bool		 rk, uv, silent;
	int		 alg;		/* 0: ES256 */
	struct span	 list[AUTH_LIST_MAX + 1];
	size_t		 listed;
	struct span	 hmac;		/* hmac-secret, or hmac-secret-mc */
	struct span	 auth_param;
	int		 protocol;
	const char	*formats[4];	/* attestationFormatsPreference */
	uint8_t		 enterprise;	/* enterpriseAttestation; 0: none */
};

struct reply {
	struct span	id;		/* getAssertion */
	struct span	fmt;		/* makeCredential */
	struct span	auth_data;
	struct span	signature;	/* or attStmt */
	uint64_t	number;
};

struct platform {
	struct pin_agreement *own;
	struct pin_secret secret;
	uint8_t		cose[COSE_KEY_MAX];
	size_t		cose_len;
};

/* A clientPIN request of protocol two. */
struct pin_ask {
	uint8_t		subcommand;
	const char	*new_pin;
	const char	*pin;		/* the one it is now */
	uint8_t		permissions;
	const char	*rp_id;
};

#define PIN		"a PIN of ours"
#define OTHER_PIN	"and another one"
#define WRONG_PIN	"none of them"

void rig_power_up(struct rig *r);
struct rig *rig_new(void);
void rig_power_off(struct rig *r);
void rig_free(struct rig *r);
void fake_commit(struct rig *r, const struct auth_change *chg);
/* Performs want, with the fault if it is its turn; the next one. */
enum auth_want perform(struct rig *r, enum auth_want want);
/* The status byte. */
uint8_t rig_send(struct rig *r, struct span msg);
uint8_t rig_byte(struct rig *r, uint8_t cmd);
/*
 * Sends it, and the power goes at that want, before or after what it asks for
 * was done. Whoever starts next asks keys that have the PIN about it.
 */
void rig_crash(struct rig *r, struct span msg, size_t at, bool done);
void rig_restart(struct rig *r);
void put_name(struct cbor_out *out, const char *key, const char *value);
struct span create_msg(uint8_t buf[static AUTH_MESSAGE_MAX],
    const struct ask *a);
struct span get_msg(uint8_t buf[static AUTH_MESSAGE_MAX], const struct ask *a);
uint8_t rig_create(struct rig *r, const struct ask *a);
uint8_t rig_get(struct rig *r, const struct ask *a);
struct reply parse(struct span reply);
struct reply rig_reply(const struct rig *r);
uint32_t counter_in(struct span auth_data);
struct span id_in(struct span auth_data);
/* getKeyAgreement of protocol two, and the secret that follows. */
void agree(struct rig *r, struct platform *p);
struct span mac_of(const uint8_t key[static 32], struct span s,
    uint8_t out[static 32]);
struct span pin_msg(uint8_t buf[static 512], const struct platform *p,
    const struct pin_ask *q);
uint8_t rig_pin(struct rig *r, const struct pin_ask *q);
void set_pin(struct rig *r);
struct span token_msg(uint8_t buf[static 512], const struct platform *p);
void take_token(const struct rig *r, const struct platform *p,
    uint8_t token[static 32]);
void get_token(struct rig *r, const struct platform *p,
    uint8_t token[static 32]);
/* By verification, for no RP in particular. */
void get_permission(struct rig *r, uint8_t permissions,
    uint8_t token[static 32]);

#endif
