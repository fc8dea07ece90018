/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authenticator itself (CTAP 2.3, 6): takes one message of CTAP2, or of
 * U2F (10), at a time and answers it. It does no I/O, allocates nothing (but
 * what OpenSSL allocates inside, whose failure is a reply), reads no clock and
 * never waits. What it needs from the world it says, one want at a time;
 * whoever runs it does that, and reports back:
 *
 *	      auth_command(), auth_apdu()
 *	            |
 *	            v          auth_user_input(), auth_finger(), auth_tick()
 *	 +------> decide --- AUTH_USER ------------------------+
 *	 |          |------- AUTH_KEY ----- auth_key_done() ---|
 *	 |          |------- AUTH_LOOKUP -- auth_lookup_done()-|
 *	 |          |------- AUTH_COMMIT -- auth_commit_done()-|
 *	 |          |                                          |
 *	 |          v                                          |
 *	 |      AUTH_REPLY                                     |
 *	 +-----------------------------------------------------+
 *
 * Invariants:
 *  1. At most one operation is under way, and it has exactly one want.
 *  2. The last want before a successful AUTH_REPLY that changed anything is
 *     AUTH_COMMIT: disk, then memory, then reply. Nothing is ever undone.
 *  3. A cancelled, timed out or failed operation has changed nothing that
 *     lasts. (A token may have been bound or spent, as the standard wants. A
 *     PIN that the key provider has is changed in three steps, after the
 *     first of which nobody can cancel, and each of which may fail: in
 *     between, the old PIN is still good, or the new one already.)
 *  4. Secrets are in struct auth_op, wiped when the operation ends, or in
 *     struct auth_session, wiped when it expires, when its host goes, at
 *     reset and at auth_done(). (The key agreement key lives with power.)
 *
 * Spans passed in (the message) must stay valid until AUTH_REPLY; the reply
 * until the next call.
 */
#ifndef AUTHENTICATOR_ENGINE_H
#define AUTHENTICATOR_ENGINE_H

#include "authenticator/credential.h"
#include "ctap/span.h"
#include "ctap/status.h"
#include "tpm/key.h"

#define AUTH_MESSAGE_MAX	7609	/* bytes, request and reply */
#define AUTH_LIST_MAX		  64	/* descriptors in a list, getInfo 07 */
#define AUTH_USER_TIMEOUT_MS	30000	/* CTAP 2.3, 6: at least 10 s */
#define AUTH_ALGS_MAX		  12
#define AUTH_X5C_MAX		   3	/* certificates */

enum attestation_kind {
	ATTESTATION_PACKED,	/* with certificate chain */
	ATTESTATION_SELF,	/* packed, by the credential key */
	ATTESTATION_NONE,
	ATTESTATION_TPM,	/* the TPM's own, if the key lives there; a
				 * key that does not gets packed */
	/* att.10: what a security key does not make. The engine answers as
	 * for none; whoever runs it writes the statement (struct auth_facts) */
	ATTESTATION_FIDO_U2F,
	ATTESTATION_ANDROID_KEY,
	ATTESTATION_APPLE,
	ATTESTATION_COMPOUND,
	ATTESTATION_SAFETYNET,
	ATTESTATION_KINDS	/* how many there are */
};

/* Who picks when several accounts fit and the host named none. */
enum account_choice {
	CHOICE_TOKEN,		/* the key: newest; answers userSelected */
	CHOICE_HOST,		/* the host: numberOfCredentials */
};

/* Signature counters, WebAuthn Level 3, 6.1.1. */
enum counter_mode {
	COUNTER_SHARED,		/* one for all credentials */
	COUNTER_CREDENTIAL,	/* one for each that is stored from then on;
				 * the others share one */
	COUNTER_ZERO,		/* none: every one is zero */
};

/* The attestation key and its certificates, leaf first, without the root. */
struct auth_attestation {
	enum attestation_kind kind;
	int		alg;		/* of the attestation key */
	struct span	blob;		/* bound to AUTH_ATTESTATION_BOUND,
					 * epoch all zero */
	struct span	x5c[AUTH_X5C_MAX];	/* DER */
	size_t		x5c_count;
	struct span	u2f;		/* DER, of the same key: U2F has room
					 * for one certificate, which has to
					 * verify without the others */
};

#define AUTH_ATTESTATION_BOUND	"sealkey attestation"

#define AUTH_URL_MAX		128	/* bytes, with the NUL */
#define AUTH_SUBJECT_MAX	256	/* bytes, with the NUL */

/*
 * How certificates look that are made for one registration (forge/forge.h);
 * the engine does not read it. All zero: as usual.
 */
struct auth_leaf {
	unsigned	chain;		/* certificates, 1 to 3 */
	int64_t		not_before_s;	/* seconds since 1970, of the leaf */
	int64_t		not_after_s;
	char		crl_url[AUTH_URL_MAX];	/* of whoever signs it */
	char		subject[AUTH_SUBJECT_MAX];	/* C=SE,O=sealkey,... */
};

#define AUTH_FORMAT_RPS_MAX	8

/* An RP that gets another kind of attestation than others do. */
struct auth_format_rp {
	struct rp_id_text rp;		/* len 0: no more */
	enum attestation_kind kind;
};

/*
 * What a key can have or lack, by the names of getInfo (CTAP 2.3, 6.4). A
 * feature that builds on another one is off without it, whatever was asked
 * for, and a version is claimed only if what it demands is there
 * (features.c).
 */
#define FEATURE(n)	(UINT64_C(1) << (n))
#define FEATURE_U2F_V2			FEATURE(0)	/* versions */
#define FEATURE_FIDO_2_0		FEATURE(1)
#define FEATURE_FIDO_2_1_PRE		FEATURE(2)
#define FEATURE_FIDO_2_1		FEATURE(3)
#define FEATURE_FIDO_2_3		FEATURE(4)
#define FEATURE_PLAT			FEATURE(8)	/* options */
#define FEATURE_RK			FEATURE(9)
#define FEATURE_CLIENT_PIN		FEATURE(10)
#define FEATURE_UV			FEATURE(11)	/* there is a way */
#define FEATURE_UV_READY		FEATURE(12)	/* and it is set up,
						 * if no bioEnroll does it */
#define FEATURE_PIN_UV_AUTH_TOKEN	FEATURE(13)
#define FEATURE_NO_MC_GA_WITH_PIN	FEATURE(14)
#define FEATURE_LARGE_BLOBS		FEATURE(15)
#define FEATURE_EP			FEATURE(16)
#define FEATURE_BIO_ENROLL		FEATURE(17)
#define FEATURE_UV_BIO_ENROLL		FEATURE(18)
#define FEATURE_AUTHNR_CFG		FEATURE(19)
#define FEATURE_UV_ACFG			FEATURE(20)
#define FEATURE_CRED_MGMT		FEATURE(21)
#define FEATURE_PER_CRED_MGMT_RO	FEATURE(22)
#define FEATURE_CRED_MGMT_PREVIEW	FEATURE(23)
#define FEATURE_SET_MIN_PIN_LENGTH	FEATURE(24)
#define FEATURE_MC_UV_NOT_RQD		FEATURE(25)
#define FEATURE_ALWAYS_UV		FEATURE(26)
#define FEATURE_LONG_TOUCH		FEATURE(27)	/* other members */
#define FEATURE_REMAINING		FEATURE(28)
#define FEATURE_UV_MGMT_PREVIEW		FEATURE(29)	/* option */
#define FEATURE_CRED_PROTECT		FEATURE(40)	/* extensions */
#define FEATURE_CRED_BLOB		FEATURE(41)
#define FEATURE_LARGE_BLOB_KEY		FEATURE(42)
#define FEATURE_LARGE_BLOB		FEATURE(43)
#define FEATURE_MIN_PIN_LENGTH		FEATURE(44)
#define FEATURE_PIN_COMPLEXITY		FEATURE(45)
#define FEATURE_HMAC_SECRET		FEATURE(46)
#define FEATURE_HMAC_SECRET_MC		FEATURE(47)
#define FEATURE_THIRD_PARTY_PAYMENT	FEATURE(48)
#define FEATURE_UVM			FEATURE(49)

#define FEATURES_FIDO2	(FEATURE_FIDO_2_0 | FEATURE_FIDO_2_1_PRE | \
	FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3)

/* Transports, getInfo 09 and 1A */
enum auth_transport {
	TRANSPORT_USB = 0x01,
	TRANSPORT_NFC = 0x02,
	TRANSPORT_BLE = 0x04,
	TRANSPORT_SMART_CARD = 0x08,
	TRANSPORT_HYBRID = 0x10,
	TRANSPORT_INTERNAL = 0x20,
};

#define AUTH_CERTIFICATIONS	7	/* names in the registry, getInfo 13 */
#define AUTH_EP_RPS_MAX		8

/*
 * What kind of key this is: what getInfo says, and so what it does. Spans
 * and the pointer live as long as it. auth_config_default() makes the one
 * that has everything a security key is bought for; then change it.
 */
struct auth_config {
	uint8_t		aaguid[16];
	uint64_t	firmware_version;
	uint64_t	features;
	int		algs[AUTH_ALGS_MAX];	/* in order of preference */
	size_t		alg_count;
	uint8_t		protocols[2];	/* PIN/UV; preferred first, 0: none */
	bool		always_uv;	/* on when new */
	uint8_t		min_pin_length;	/* code points, 4 to 63 */
	uint8_t		max_pin_length;	/* code points, 8 to 63 */
	uint8_t		min_pin_rps_max;	/* 1 to MIN_PIN_RPS_MAX */
	size_t		message_max;	/* bytes that hosts may send, 1024 to
					 * AUTH_MESSAGE_MAX */
	uint8_t		list_max;	/* descriptors, 1 to AUTH_LIST_MAX */
	uint8_t		cred_blob_max;	/* bytes, 32 to CRED_BLOB_MAX */
	uint16_t	large_blobs_max;	/* bytes, 1024 to
						 * LARGE_BLOBS_MAX */
	uint8_t		uv_attempts;	/* preferredPlatformUvAttempts; 0:
					 * the key repeats by itself */
	uint32_t	uv_modality;	/* FIDO registry, 3.1; 0: not told */
	bool		hardware;	/* protects the keys: for uvm */
	uint8_t		certifications[AUTH_CERTIFICATIONS];	/* level; 0:
					 * none; see auth_certification() */
	unsigned	transports;	/* enum auth_transport */
	unsigned	transports_for_reset;	/* 0: any */
	uint32_t	capacity;	/* discoverable credentials */
	enum account_choice choice;
	enum counter_mode counter;
	/* BE and BS of new credentials; BS only with BE. U2F has neither */
	bool		backup_eligible;
	bool		backup_state;
	/* those that are not discoverable are stored, too, for their owner to
	 * see; else their IDs hold their keys */
	bool		keep_all;
	/* enterprise attestation comes enabled, which lasts until a reset */
	bool		ep_enabled;
	struct auth_attestation attestation;
	/*
	 * tpm attestation: blob is a KEY_RESTRICTED key. x5c_count 0: there is
	 * none. What it looks like otherwise: tpm_strict (sig is a
	 * TPMT_SIGNATURE), ak_alg (ES256, RS256, RS1) and tpm_manufacturer
	 * (TPM2_PT_MANUFACTURER; 0: the TPM's own) for who makes the key and
	 * its certificate, key_shape for the credentials'.
	 */
	struct auth_attestation tpm;
	bool		tpm_strict;
	int		ak_alg;
	uint32_t	tpm_manufacturer;
	unsigned	key_shape;
	/* for who runs it: it is never to get anything wrong on purpose */
	bool		no_faults;
	/* the key provider keeps, compares and counts the PIN (KEY_PIN_*) */
	bool		pin_in_keys;
	/* Fills out with len random bytes. The only callback; must not fail. */
	void		(*random)(void *arg, uint8_t *out, size_t len);
	void		*random_arg;
	/* what is long comes last: most keys have nothing there */
	struct auth_leaf leaf;
	struct auth_format_rp format_rp[AUTH_FORMAT_RPS_MAX];
	/* enterprise attestation, for these RPs or as the platform says */
	struct auth_attestation enterprise;
	struct rp_id_text ep_rp[AUTH_EP_RPS_MAX];	/* len 0: no more */
	char		policy_url[AUTH_URL_MAX];	/* "": none */
};

/*
 * Its attestation statement format identifier (WebAuthn Level 3, 8), as in
 * getInfo 16 and fmt.
 */
const char *auth_attestation_format(enum attestation_kind kind);

/* All but what only the caller can know: AAGUID, algorithms, attestation,
 * capacity, randomness. */
void auth_config_default(struct auth_config *cfg);
/* The features that a key with this configuration has in fact. */
uint64_t auth_config_features(const struct auth_config *cfg);
/*
 * What a feature builds on: all of the one set, and any of the other; 0: of
 * that, nothing.
 */
void auth_feature_needs(uint64_t feature, uint64_t *all, uint64_t *any);
/* Name of a certification and its highest level; NULL: no more. */
const char *auth_certification(size_t i, uint8_t *level_max);
const char *auth_transport_name(size_t bit);	/* NULL: no more */

enum auth_want {
	AUTH_IDLE,	/* nothing under way */
	AUTH_USER,	/* ask the user, see auth_prompt() */
	AUTH_KEY,	/* perform auth_key_op() */
	AUTH_LOOKUP,	/* answer auth_lookup_op() */
	AUTH_COMMIT,	/* do auth_change() */
	AUTH_REPLY,	/* send auth_reply() */
};

enum prompt_kind {
	PROMPT_PRESENCE,	/* a touch */
	PROMPT_VERIFICATION,	/* built-in user verification */
	PROMPT_SAMPLE,		/* a finger on the sensor, to be enrolled */
};

enum prompt_reason {
	REASON_REGISTER,
	REASON_SIGN_IN,
	REASON_SELECT,		/* authenticatorSelection, or blink */
	REASON_RESET,
	REASON_EXCLUDED,	/* already registered: touch, then refused */
	REASON_TOKEN,		/* a host asks to be trusted for a while */
	REASON_ENROLL,		/* a fingerprint */
};

/*
 * A polled prompt is for this moment: if nobody is there, auth_tick() answers
 * the host, which asks again soon (U2F).
 */
struct auth_prompt {
	enum prompt_kind kind;
	enum prompt_reason reason;
	struct span	rp_id;		/* NULL where there is none */
	struct span	user_name;
	bool		polled;
	bool		long_touch;	/* only USER_HELD answers it */
};

enum user_answer {
	USER_PRESENT,		/* touched */
	USER_HELD,		/* touched for long, as a reset may want */
	USER_VERIFIED,		/* verified, by a gesture that shows presence */
	USER_REFUSED,		/* said no */
	USER_MISMATCH,		/* tried to verify, and was not recognised */
	USER_SAMPLE,		/* held a finger still, to have it enrolled */
};

/* lastEnrollSampleStatus, CTAP 2.3, 6.7.1 */
enum sample_status {
	SAMPLE_GOOD = 0x00,
	SAMPLE_TOO_HIGH = 0x01,
	SAMPLE_TOO_LOW = 0x02,
	SAMPLE_TOO_LEFT = 0x03,
	SAMPLE_TOO_RIGHT = 0x04,
	SAMPLE_TOO_FAST = 0x05,
	SAMPLE_TOO_SLOW = 0x06,
	SAMPLE_POOR_QUALITY = 0x07,
	SAMPLE_TOO_SKEWED = 0x08,
	SAMPLE_TOO_SHORT = 0x09,
	SAMPLE_MERGE_FAILURE = 0x0a,
	SAMPLE_EXISTS = 0x0b,
	SAMPLE_NO_USER_ACTIVITY = 0x0d,
	SAMPLE_NO_USER_PRESENCE_TRANSITION = 0x0e,
};

/*
 * A finger on the simulated sensor. All zero is the finger that fits, held
 * as it should be: an enrolled one where the user is verified, the one that
 * is being enrolled, or else a new one.
 */
struct user_finger {
	uint8_t		number;		/* 1 to 255; 0: the one that fits */
	uint8_t		status;		/* enum sample_status */
	bool		long_touch;	/* it stays there for long */
};

struct auth;

/*
 * The engine lives in memory of the caller: auth_size() bytes, aligned as
 * malloc() aligns. state is what store_load() gave. powered_ms is the time
 * of power-up (CTAP 2.3, 6.6: reset is for the first 10 s).
 */
size_t auth_size(void);
struct auth *auth_init(void *mem, const struct auth_config *cfg,
    const struct auth_state *state, uint64_t powered_ms);
/*
 * The same for engines of which at most one has an operation under way: they
 * have the memory for that in common, so that what many of them work on stays
 * near. mem is auth_lent_size() bytes then; work is auth_work_size() bytes,
 * aligned as malloc() does, zero before the first of them is there, and its
 * owner's to free after the last one is done. While one is busy, nothing is
 * asked of the others, not even to be done.
 */
size_t auth_lent_size(void);
size_t auth_work_size(void);
struct auth *auth_init_lent(void *mem, void *work,
    const struct auth_config *cfg, const struct auth_state *state,
    uint64_t powered_ms);
/* Wipes everything. */
void auth_done(struct auth *au);

/*
 * Starts the operation that msg (command byte, then CBOR) asks for. channel
 * identifies who asks: host and CID. Only when auth_idle().
 */
enum auth_want auth_command(struct auth *au, uint64_t channel,
    struct span msg, uint64_t now_ms);
/*
 * The same for an APDU (U2F). The reply is data, then a status word. Only if
 * auth_has_u2f(): not switched off, and able to make keys for ES256.
 * auth_has_ctap2() is false for a key that has nothing but U2F.
 */
enum auth_want auth_apdu(struct auth *au, uint64_t channel, struct span msg,
    uint64_t now_ms);
bool auth_has_u2f(const struct auth *au);
bool auth_has_ctap2(const struct auth *au);

/*
 * The reply to authenticatorGetInfo, which needs no operation and may be
 * given while one of another channel is under way. Its length; 0: it does
 * not fit cap bytes.
 */
size_t auth_info(struct auth *au, uint64_t channel, uint8_t *out,
    size_t cap);

/* Reports on the current want; each returns the next one. */
enum auth_want auth_user_input(struct auth *au, enum user_answer answer,
    uint64_t now_ms);
/*
 * The same by a finger, whatever was asked for: a touch, a sample, or
 * verification, where a key that enrols fingers knows its own and any other
 * key every finger.
 */
enum auth_want auth_finger(struct auth *au, struct user_finger finger,
    uint64_t now_ms);
/* After op->result and the outputs of auth_key_op() were set. */
enum auth_want auth_key_done(struct auth *au, uint64_t now_ms);
/* After auth_lookup_op()->result, found, count and *cred were set. */
enum auth_want auth_lookup_done(struct auth *au, uint64_t now_ms);
/* error as store_commit() returned it. */
enum auth_want auth_commit_done(struct auth *au, int error, uint64_t now_ms);

/*
 * The host gave up (CTAPHID_CANCEL). Returns AUTH_REPLY, with
 * KEEPALIVE_CANCEL, if the operation of that channel could still be
 * stopped: then the caller abandons what it was doing for it. Otherwise the
 * current want, unchanged: a commit that is under way is finished, and so is
 * what the keys do about a PIN.
 */
enum auth_want auth_cancel(struct auth *au, uint64_t channel);
/* The host resynchronised or vanished: as auth_cancel(), and nobody reads
 * the reply; state kept for that channel's continuations is dropped. */
enum auth_want auth_abort(struct auth *au, uint64_t channel);
/* That host will not come back: what was kept for it is wiped. */
void auth_host_gone(struct auth *au, uint32_t host);
/* The reply was taken: the operation is over. */
void auth_replied(struct auth *au);

/*
 * Timers: user action, tokens, continuations. UINT64_MAX: none. tick returns
 * the current want, which may have become AUTH_REPLY.
 */
uint64_t auth_deadline(const struct auth *au);
enum auth_want auth_tick(struct auth *au, uint64_t now_ms);

enum auth_want auth_current_want(const struct auth *au);
bool auth_idle(const struct auth *au);
/* Fetches what any operation looks at: prefetch.h. */
void auth_prefetch(const struct auth *au);
const struct auth_prompt *auth_prompt(const struct auth *au);
/* The latest answer to it that counted, also when that ended the operation. */
enum user_answer auth_answer(const struct auth *au);
struct key_op *auth_key_op(struct auth *au);
struct auth_lookup *auth_lookup_op(struct auth *au);
const struct auth_change *auth_change(const struct auth *au);
/* Status byte, then CBOR; or as auth_apdu() says. */
struct span auth_reply(const struct auth *au);

/* U2F Raw Message Formats 1.2 */
enum u2f_ins {
	U2F_REGISTER = 0x01,
	U2F_AUTHENTICATE = 0x02,
	U2F_VERSION = 0x03,
};

/*
 * What the reply is about, for those who log it, tell it to others or write
 * another one in its place. Valid from AUTH_REPLY until auth_replied(); false
 * at any other time. Nothing in it is a secret, and nothing points into the
 * message, which may be gone by then. What does not belong to the command, or
 * was not reached before an error, is NULL, false or 0.
 */
struct auth_facts {
	uint64_t	channel;
	bool		u2f;
	uint8_t		command;	/* of CTAP2, a preview as the final
					 * one; U2F: INS */
	uint8_t		subcommand;	/* 0: it has none */
	enum ctap_status status;	/* U2F: what is most like its SW */
	struct span	rp_id;		/* as asked for, cut to RP_ID_KEPT */
	const uint8_t	*rp_id_hash;	/* 32 bytes */
	struct span	client_data_hash;	/* 32 bytes */
	struct span	user_id;	/* of the account */
	/* made, used, deleted or renamed; with rp_id_hash and epoch KEY_SIGN
	 * signs with it. Of U2F, and if not discoverable, without names. */
	const struct credential *cred;
	const struct credential *replaced;	/* forgotten for the new one */
	struct span	epoch;		/* KEY_EPOCH_LEN, of cred->blob */
	struct span	auth_data;	/* authenticator data as signed; a U2F
					 * registration has none */
	enum attestation_kind attestation;	/* that a registration ought
					 * to have: none for all but cred */
	bool		enterprise;	/* attestation, by the vendor's list or
					 * as the platform said */
	bool		user_selected;
	uint32_t	assertions;	/* numberOfCredentials */
};

bool auth_facts(const struct auth *au, struct auth_facts *out);

/*
 * A change that gives back signature counters that were reserved but not
 * used, for an orderly end; NULL if there are none. Only when idle; after
 * committing it, auth_done() must follow.
 */
const struct auth_change *auth_settle(struct auth *au);

/* The signature counter that was given out last, of those that share it. */
uint32_t auth_counter(const struct auth *au);

/* What the key of a stored credential that somebody else makes has as meta. */
size_t auth_stored_meta(const struct credential *cred,
    uint8_t out[static KEY_META_MAX]);

/*
 * The PIN as a host would have to put it: CTAP2_OK, with its length in code
 * points, or PIN_POLICY_VIOLATION.
 */
enum ctap_status auth_check_pin(const struct auth *au, struct span pin,
    uint8_t *points);
/* Wrong ones that it would take; and whether it takes none before a power
 * cycle. */
unsigned auth_pin_retries(const struct auth *au, bool *power_cycle);
/* In code points. */
unsigned auth_pin_min_length(const struct auth *au);

/* What the daemon's owner did to the store outside of a command (deleted a
 * credential, or reset): forget tokens and continuations. */
void auth_store_changed(struct auth *au, const struct auth_state *state);

#endif
