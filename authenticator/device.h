/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key: a state directory with its private keys, store and attestation,
 * and the engine on top of them. A process may have any number of them.
 *
 * It performs every want of the engine that needs no user: key operations,
 * look-ups, commits. What is left for the owner is in enum device_want.
 *
 * Errors are negative errno values as store.h lists them, with one line for
 * the user in msg; -ENOENT: there is no key in that directory.
 */
#ifndef AUTHENTICATOR_DEVICE_H
#define AUTHENTICATOR_DEVICE_H

#include "authenticator/attest/attestation.h"
#include "authenticator/audit_log.h"
#include "authenticator/engine/engine.h"
#include "authenticator/store/store.h"
#include "authenticator/watch.h"
#include "tpm/key.h"

#define DEVICE_MESSAGE_LEN	512	/* bytes, room for msg */
#define DEVICE_BUSY_MS		8000	/* device_open() waits for others */

/* Ours: random, made once, the same for every sealkey that is told no other
 * for good. */
extern const uint8_t device_aaguid[16];

/* Where the private keys are; see struct keys_config for all but: */
struct device_tpm {
	/* NULL: where they are; of a new key, as $SEALKEY_TPM says or auto */
	const char	*target;
	uint32_t	 pcrs;
	const char	*recovery;
};

struct device_config {
	const char	*path;		/* absolute, see paths_state() */
	bool		 create;	/* make the key if there is none */
	bool		 manage;	/* look and delete only: no engine */
	bool		 look;		/* with manage: also at an older copy
					 * (device_is_stale()), which cannot
					 * be changed but by device_accept() */
	/*
	 * What kind of key, from device_config_default(); its attestation
	 * key and randomness are the device's own, of its algorithms those
	 * count that the key provider has, and its capacity is the store's
	 * unless there it is less, and not 0.
	 */
	struct auth_config auth;
	struct device_tpm tpm;
	const struct attestation_root *root;	/* NULL: our own */
	enum audit_mode	audit;		/* of operations, and with manage of
					 * what the owner does */
	/* for tests: this provider, which outlives the device, and not what
	 * the directory says; and see store_impl.h */
	struct keys	*keys;
	const struct store_env *env;
	/*
	 * A key without a directory: path is what it is called, keys have
	 * been unlocked, and this store, of store_open_memory(), the device
	 * takes over, whether it can be opened or not. No audit log.
	 */
	struct store	*store;
	/*
	 * Lent by whoever has many keys, whom they do not outlive; NULL: its
	 * own. The attestation is that of keys that are told apart by nothing
	 * else; their stores have it as well.
	 */
	struct device_work *work;
	struct attestation *attestation;
};

/*
 * The memory of a key for the operation that is under way, a request and a
 * reply among it. Keys that one thread uses, each from device_transact() or
 * its companions alone, can have it in common. free() wipes it, after the last
 * of them was closed, and accepts NULL.
 */
struct device_work *device_work_new(void);
void device_work_free(struct device_work *w);

struct device;
struct fault_set;	/* authenticator/fault/armed.h */

/* Sets cfg->auth to what every sealkey is without settings. */
void device_config_default(struct device_config *cfg);

/*
 * If another process has the directory open: -EBUSY at once if that is a
 * running key, after DEVICE_BUSY_MS if not.
 */
int device_open(const struct device_config *cfg, uint64_t now_ms,
    struct device **out, char *msg, size_t msglen);
/*
 * Takes out of the TPM what the key in path has there, and makes it useless
 * for good; works whatever state the rest is in. -ENOTSUP: it has no TPM.
 */
int device_destroy(const char *path, char *msg, size_t msglen);
/*
 * An orderly end: gives back reserved signature counters. The operation that
 * is under way, if any, is dropped. Accepts NULL.
 */
void device_close(struct device *d);

enum device_want {
	DEVICE_IDLE,	/* nothing under way */
	DEVICE_USER,	/* ask the user, see device_prompt() */
	DEVICE_KEYS,	/* wait for device_keys_fd(), then device_keys() */
	DEVICE_REPLY,	/* send device_reply(), then device_replied() */
};

/* See auth_command() and its companions in engine.h. Not with manage. */
enum device_want device_command(struct device *d, uint64_t channel,
    struct span msg, uint64_t now_ms);
enum device_want device_apdu(struct device *d, uint64_t channel,
    struct span msg, uint64_t now_ms);
bool device_has_u2f(const struct device *d);
bool device_has_ctap2(const struct device *d);
enum device_want device_user(struct device *d, enum user_answer answer,
    uint64_t now_ms);
enum device_want device_finger(struct device *d, struct user_finger finger,
    uint64_t now_ms);
enum device_want device_keys(struct device *d, uint64_t now_ms);
enum device_want device_cancel(struct device *d, uint64_t channel,
    uint64_t now_ms);
enum device_want device_abort(struct device *d, uint64_t channel,
    uint64_t now_ms);
enum device_want device_tick(struct device *d, uint64_t now_ms);
void device_host_gone(struct device *d, uint32_t host);
size_t device_info(struct device *d, uint64_t channel, uint8_t *out,
    size_t cap);
uint64_t device_deadline(const struct device *d);
int device_keys_fd(const struct device *d);	/* -1: never waits */
bool device_idle(const struct device *d);
/* Fetches what any operation of it looks at: prefetch.h. */
void device_prefetch(const struct device *d);
const struct auth_prompt *device_prompt(struct device *d);
struct span device_reply(const struct device *d);
/*
 * What it is to get wrong on purpose: see armed.h. device_fault() is the name
 * of what the reply at hand gets wrong, NULL if nothing.
 */
struct fault_set *device_faults(struct device *d);
const char *device_fault(const struct device *d);

/* See auth_facts(): while there is a reply. */
bool device_facts(const struct device *d, struct auth_facts *out);
void device_replied(struct device *d);

/*
 * One message with an ever-present, ever-verified user: starts it, waits,
 * and writes the reply. -EMSGSIZE: cap is too small (AUTH_MESSAGE_MAX never
 * is); -EBUSY: something is under way.
 */
int device_transact(struct device *d, struct span request, uint8_t *reply,
    size_t cap, size_t *len);
/* The same of an APDU. */
int device_transact_apdu(struct device *d, struct span request,
    uint8_t *reply, size_t cap, size_t *len);

/*
 * For managing; -EBUSY while an operation is under way. They wait for the key
 * provider, if that keeps a counter or the PIN. If they fail,
 * device_strerror() has the line.
 */
int device_delete(struct device *d, uint64_t seq);
int device_reset(struct device *d);
/* The storage key wrapped anew (keys_ops.rewrap), and kept so. */
int device_rewrap(struct device *d, uint32_t pcrs, const char *recovery);
const char *device_strerror(const struct device *d);

/*
 * A credential from elsewhere. Text is UTF-8; what is NULL is not there. Its
 * hmac-secret is a new one: no private key says what it was.
 */
struct device_import {
	struct span	id;		/* 1 to CREDENTIAL_ID_MAX bytes;
					 * NULL: a random one */
	struct span	rp_id;		/* 1 to RP_ID_KEPT bytes */
	struct span	private_key;	/* PKCS #8 (tpm/pkcs8.h) */
	int		alg;		/* 0: what such keys are mostly for */
	bool		discoverable;
	struct span	user_id;	/* 1 to USER_ID_MAX bytes, of those that
					 * are discoverable */
	struct span	user_name;	/* these are cut to NAME_KEPT */
	struct span	display_name;
	struct span	rp_name;
	enum cred_protect protect;	/* 0: PROTECT_OPTIONAL */
	bool		hmac_secret;
	bool		backup_eligible;
	bool		backup_state;
	enum cred_counting counting;
	uint32_t	counter;	/* COUNT_ITSELF: the last one */
	struct span	large_blob;	/* compressed, LARGE_BLOB_MAX at most,
					 * of discoverable ones */
	uint64_t	large_blob_size;	/* before that */
};

/*
 * Of what its owner may do to a key that runs, and no host: -EBUSY while an
 * operation is under way, and a line if they fail, as below.
 *
 * Keeps a credential from elsewhere; out may be NULL. -EINVAL: it cannot be;
 * -EEXIST: its ID, or a discoverable one for its account, is there; -ENOTSUP:
 * the key has none like it, or its keys are in a TPM.
 */
int device_import(struct device *d, const struct device_import *in,
    struct credential *out);
/*
 * Its private key, as PKCS #8, which the caller wipes; *len is at most cap
 * (KEY_SIG_MAX bytes are enough). -ENOTSUP: it is in a TPM.
 */
int device_export(struct device *d, const struct credential *cred,
    uint8_t *out, size_t cap, size_t *len);
/*
 * The same of one among many, of which nobody hears yet: at the end of the
 * list, whole or not, device_list_exported() tells once how many there were.
 * An event for each would drive all others out of what is remembered.
 */
int device_export_listed(struct device *d, const struct credential *cred,
    uint8_t *out, size_t cap, size_t *len);
void device_list_exported(struct device *d, uint64_t count);
/* What its next assertion will count on from; false: it does not count. */
bool device_sign_count(const struct device *d, const struct credential *cred,
    uint32_t *count);

/* Changes of a credential; what is not to be set stays. */
struct device_properties {
	bool		set_backup_eligible, backup_eligible;
	bool		set_backup_state, backup_state;
	bool		set_counter;	/* from now on it counts like that */
	enum cred_counting counting;
	uint32_t	counter;
};
/* -ENOENT: there is no such credential; -EINVAL: BS without BE. */
int device_set_properties(struct device *d, uint64_t seq,
    const struct device_properties *p);

/*
 * Sets the PIN, whatever it was, or takes it away (NULL). Tokens end. -EINVAL:
 * no PIN that a host could set; -ENOTSUP: the key has none. If it fails, or is
 * interrupted, it has the old one or the new one; or none, where the provider
 * keeps it (keys_info.pin).
 */
int device_set_pin(struct device *d, const char *pin);
struct device_pin {
	bool		supported;	/* it can have one */
	bool		set;
	bool		force_change;
	bool		power_cycle;	/* no guess is taken before one */
	unsigned	retries;
	unsigned	min_length;	/* code points */
};
void device_pin_state(struct device *d, struct device_pin *out);

/*
 * Another kind of key in place of this one, with its credentials, as a firmware
 * update makes it: a power cycle comes with it. auth as in device_config. If it
 * fails, the key is what it was. -EKEYEXPIRED and others as device_open(), with
 * a line in device_strerror().
 */
int device_reconfigure(struct device *d, const struct auth_config *auth,
    uint64_t now_ms);

/*
 * As if the power had gone and come back: what was not committed is gone,
 * the operation under way as well, but for a commit, which is waited for.
 * -ENOMEM or what store_load() says: then nothing happened.
 */
int device_power_cycle(struct device *d, uint64_t now_ms);

/*
 * Who watches it, and what they call it (watch.h). The device tells them of
 * its operations and of what its owner does by the functions above; whatever
 * else happens to it, whoever makes it happen tells with watch_tell().
 */
struct watch *device_watch(struct device *d);

/* What kind of key this is, as it turned out; NULL with manage. */
const struct auth_config *device_auth(const struct device *d);
/* The same also with manage: the one it last ran with. */
void device_aaguid_of(const struct device *d, uint8_t out[static 16]);
struct store *device_store(struct device *d);
/* The key provider, for who has opened the device to manage it. */
struct keys *device_provider(struct device *d);
/* Name of the key provider, and whether its keys live in hardware. */
const char *device_keys_name(const struct device *d);
bool device_hardware(const struct device *d);
const struct keys_info *device_keys_info(const struct device *d);
/* The PIN's, where the provider counts them. */
uint8_t device_pin_failures(const struct device *d);
/* "", or what the owner ought to know. */
const char *device_warning(struct device *d);
/*
 * What went wrong with the provider or the disk and made an operation fail,
 * of which its host hears no more than that: a line, once, or NULL. The same
 * again only when something has gone well in between.
 */
const char *device_trouble(struct device *d);

/*
 * How old the state is, by the provider's counter (store.md, "Generation");
 * and to say that this one is meant although it is older.
 */
bool device_is_stale(const struct device *d);
uint64_t device_generation(const struct device *d);
uint64_t device_counter(const struct device *d);
int device_accept(struct device *d);
/* keys_ops.tag(): what only this key would make of data. */
int device_tag(struct device *d, struct span data,
    uint8_t out[static KEY_TAG_LEN]);
const char *device_path(const struct device *d);
int device_dirfd(const struct device *d);	/* -1: it has none */
/* What is noted of its operations is written now: see audit_log_flush(). */
int device_audit_flush(struct device *d);

#endif
