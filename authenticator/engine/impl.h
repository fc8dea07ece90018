/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the engine. A command is a row of stages (engine.c). A stage does
 * one thing and says how to go on:
 *
 *	return AUTH_NEXT;		run the next stage now
 *	return ask_...(op, ...);	want something; the next stage runs
 *					when it is there
 *	return again(op, ask_...());	the same, but this stage runs again
 *	return fail(op, status);	reply with an error
 *	return reply(au, &out);		reply, the last stage
 *
 * What was wanted is found in op when the stage runs: answer, key, lookup.
 * Errors of lookups, keys and commits that no stage cares about are turned
 * into a reply before the stage runs (engine.c).
 */
#ifndef AUTHENTICATOR_ENGINE_IMPL_H
#define AUTHENTICATOR_ENGINE_IMPL_H

#include "authenticator/engine/engine.h"
#include "ctap/apdu.h"
#include "ctap/authdata.h"
#include "ctap/cbor.h"
#include "ctap/pin.h"
#include "ctap/request.h"

#include <openssl/evp.h>

#define AUTHDATA_MAX	4096	/* bytes; 37, 18, ID 1023, key, extensions */
#define EXTENSIONS_MAX	 256	/* bytes of outputs; hmac-secret: 80 */
#define COUNTER_BLOCK	 256	/* signature counters per reservation */
#define CONTINUE_MS	30000	/* CTAP 2.3, 6.3 */
#define SALTS_MAX	  64

/* Token limits on USB, CTAP 2.3, 6.5.2.1 */
#define TOKEN_FIRST_USE_MS	 30000
#define TOKEN_PRESENCE_MS	 30000
#define TOKEN_MAX_MS		600000

#define RESET_WINDOW_MS	10000	/* CTAP 2.3, 6.6 */

/* PIN and verification, CTAP 2.3, 6.5.1, 6.5.3 */
#define PIN_RETRIES		 8
#define PIN_MISMATCHES_MAX	 3	/* in a row, then a power cycle */
#define PIN_MIN_LENGTH		 4	/* code points */
#define PIN_BYTES_MAX		63
#define PIN_PADDED_LEN		64	/* bytes */
#define PIN_BLOCK_MAX		512	/* bytes that are looked at */
#define UV_RETRIES		 8	/* 1 to 25 */
#define UV_INTERNAL_RETRIES	 3	/* attempts for one request, 1 to 5 */

/* pinUvAuthToken permissions, CTAP 2.3, 6.5.5.7 */
enum permission {
	PERMISSION_MC = 0x01,
	PERMISSION_GA = 0x02,
	PERMISSION_CM = 0x04,
	PERMISSION_BE = 0x08,
	PERMISSION_LBW = 0x10,
	PERMISSION_ACFG = 0x20,
	PERMISSION_PCMR = 0x40,
	PERMISSIONS = 0x7f,		/* those that are defined */
};

/* Only inside the engine, beside the values of enum auth_want. */
#define AUTH_NEXT	((enum auth_want)100)

struct auth_op;
typedef enum auth_want auth_stage(struct auth *au, struct auth_op *op);

#define STAGES_MAX	13
#define HOSTS_MAX	256	/* sessions; a socket has 256 clients */
#define CREDENTIAL_TYPE	"public-key"

struct auth_row {
	uint8_t		 cmd;
	uint64_t	 features;	/* there with one of them; 0: always */
	auth_stage	*stages[STAGES_MAX + 1];	/* NULL at the end */
};

/* What getNextAssertion and getAssertion share about one assertion. */
struct ga_request {
	uint8_t		rp_id_hash[32];
	uint8_t		client_data_hash[32];
	bool		up, uv;
	bool		full_user;	/* name and displayName may be told */
	bool		cred_blob;	/* these are asked for */
	bool		large_blob_key;
	bool		third_party_payment;
	bool		large_blob;	/* to be read */
	bool		uvm;
	uint32_t	uv_method;	/* FIDO registry, 3.1 */
	bool		hmac;		/* hmac-secret with these salts */
	struct pin_secret hmac_secret;
	uint8_t		salts[SALTS_MAX];
	size_t		salts_len;
};

/* Parameters of a credentialManagement subcommand, and its token. */
struct cm_request {
	struct span	rp_id_hash;	/* 32 bytes */
	struct ctap_descriptor cred;
	struct ctap_user user;
	int		token;		/* as in struct auth_remembered */
	const uint8_t	*bound;		/* hash of the token's RP ID, or NULL */
};

/* What was asked for, kept for auth_facts(). */
struct asked {
	uint8_t		command;
	uint8_t		subcommand;
	bool		of_rp;		/* op->ga.rp_id_hash is its hash */
	bool		client_data;	/* op->ga.client_data_hash is there */
	struct rp_id_text rp_id;
	uint8_t		user_id[USER_ID_MAX];
	uint8_t		user_id_len;
};

/* Parameters of a bioEnrollment subcommand. */
struct bio_request {
	struct span	id;
	struct span	name;
	struct ctap_uint timeout_ms;
};

/* A finger that is being enrolled. */
struct bio_enrolment {
	uint8_t		left;		/* samples; 0: nothing under way */
	uint32_t	host;		/* whose it is */
	struct bio_template template;	/* finger 0: no good sample yet */
};

/* performBuiltInUv(), CTAP 2.3, 6.5.3.1 */
enum uv_phase {
	UV_NOT_WANTED = 0,
	UV_WANTED,
	UV_ASKED,
	UV_DONE,
};

/* The PIN as it was, while the key provider is asked to forget it. */
struct kept_pin {
	bool		set;
	bool		force_change;
	uint8_t		length;
	uint8_t		failures;
};

/* One operation: wiped when it ends. */
struct auth_op {
	const struct auth_row *row;
	size_t		stage;
	bool		stay;
	uint64_t	channel;
	struct auth_session *session;	/* of the host that asks; NULL: it
					 * has none yet, session_open() */
	uint64_t	now_ms;
	enum auth_want	want;
	union ctap_request req;

	struct auth_prompt prompt;
	uint64_t	user_deadline;
	enum user_answer answer;
	struct key_op	key;
	struct auth_lookup lookup;
	struct auth_change change;
	struct auth_state state;	/* what the change will make of it */

	struct asked	asked;

	/* makeCredential and getAssertion */
	struct credential cred;		/* the new one; the one found */
	struct credential other;	/* the one that the new one replaces */
	uint8_t		meta[KEY_META_MAX];
	bool		up, uv;
	bool		token;		/* by a verified pinUvAuthToken */
	bool		by_pin;		/* which was given for a PIN */
	int		alg;
	struct cbor_in	list;		/* where we are in a list */
	struct span	candidate;	/* the ID being looked for */
	bool		as_key;		/* whether it holds its key; else, and
					 * if not, as the ID of a row */
	bool		stored;		/* the new one gets a row */
	bool		enterprise;	/* attestation, as mc.9 permits it */
	const struct auth_attestation *attestation;
	enum attestation_kind attestation_kind;	/* what is made of it */
	enum attestation_kind attestation_else;	/* if it is TPM, for a key
						 * that does not live there */
	struct ga_request ga;
	bool		write_blob;	/* largeBlob: is asked for */
	bool		user_selected;
	uint32_t	number;		/* numberOfCredentials; 0: not told */
	uint32_t	left;		/* of those, not told yet */
	enum cred_counting counting;	/* whose counter that is */
	uint32_t	counter;
	uint8_t		auth_data[AUTHDATA_MAX];
	size_t		auth_data_len;
	uint8_t		extensions[EXTENSIONS_MAX];
	size_t		extensions_len;

	/* U2F */
	bool		u2f;		/* errors are status words */
	uint8_t		control;	/* P1 */
	uint8_t		point[COSE_P256_POINT_LEN];

	/* clientPIN, and verification for any command */
	struct pin_secret secret;
	bool		pin_spent;
	bool		pin_new;	/* hash and length are in new_ */
	uint8_t		pin_hash[PIN_HASH_LEN];	/* as the host has it */
	uint8_t		new_hash[PIN_HASH_LEN];
	uint8_t		new_length;	/* in code points */
	struct kept_pin	kept;
	enum ctap_status status;	/* to be told after a commit */
	enum uv_phase	uv_phase;
	unsigned	uv_attempts;
	enum prompt_reason uv_reason;
	struct span	uv_rp_id;
	struct span	uv_user;

	struct cm_request cm;

	/* bioEnrollment */
	struct bio_request bio;
	struct bio_enrolment enrolment;	/* what will become of it */
	uint8_t		sample;		/* lastEnrollSampleStatus */
	struct user_finger finger;	/* as auth_finger() was told */
};

/* pinUvAuthToken, CTAP 2.3, 6.5.2.1; one for each protocol */
struct auth_token {
	uint8_t		token[PIN_TOKEN_LEN];
	bool		in_use;
	bool		used;		/* at least once */
	bool		user_verified;
	bool		by_pin;		/* else by built-in verification */
	bool		user_present;
	uint8_t		permissions;
	bool		has_rp_id;
	uint8_t		rp_id_hash[32];
	uint64_t	begun_ms;
};

/* What a list that is told one by one is a list of. */
enum continuation {
	NEXT_NOTHING = 0,
	NEXT_ASSERTION,		/* getNextAssertion */
	NEXT_RP,		/* credentialManagement 03 */
	NEXT_CREDENTIAL,	/* credentialManagement 05 */
};

#define TOKEN_PERSISTENT	3	/* in place of a protocol */

/* What is left to tell. */
struct auth_remembered {
	enum continuation what;
	uint64_t	channel;	/* the one that may go on */
	uint64_t	last_ms;
	uint32_t	left;
	int		token;		/* ends with it: protocol, or
					 * TOKEN_PERSISTENT; 0: with none */
	uint64_t	before;		/* seq of the one told last */
	uint8_t		cursor[LOOKUP_CURSOR_LEN];	/* NEXT_RP */
	struct ga_request ga;		/* rp_id_hash for NEXT_CREDENTIAL */
};

/*
 * What lives from one operation of a host to its next, and not longer than
 * power. Hosts cannot see each other: a USB key has one, and over a socket
 * one client must not end the tokens of another.
 */
struct auth_session {
	bool		open;
	uint32_t	host;		/* upper half of its channels */
	uint64_t	used_ms;
	struct auth_token token[PIN_PROTOCOL_MAX];
	struct auth_remembered next;
};

/* A large-blob array that is being written. */
struct blobs_pending {
	bool		active;
	uint64_t	channel;	/* the one that may go on */
	size_t		expected;	/* bytes, of the whole */
	size_t		len;		/* bytes, so far */
	uint8_t		bytes[LARGE_BLOBS_MAX];
};

/*
 * What only an operation needs: the engine's own, behind it in memory, or lent
 * to several. But for the reply, zero while nothing is under way.
 */
struct auth_work {
	struct auth_op	op;
	uint8_t		blobs[LARGE_BLOBS_MAX];	/* as looked up */
	size_t		reply_len;
	uint8_t		reply[AUTH_MESSAGE_MAX];
};

/* What every operation looks at is together, at the front. */
struct auth {
	struct auth_work *work;
	bool		busy;
	uint64_t	features;	/* of cfg, in fact */
	uint32_t	counter;	/* the last one given out */
	unsigned	pin_mismatches;	/* in a row since power-up */
	uint64_t	powered_ms;
	EVP_MD		*sha256;
	EVP_MD_CTX	*md;
	size_t		sessions_end;	/* none behind it was ever open */
	uint64_t	sweep_ms;	/* nothing expires before that */
	struct pin_agreement *agreement[PIN_PROTOCOL_MAX];
	struct auth_config cfg;
	struct auth_state state;	/* as committed */
	struct auth_session session[HOSTS_MAX];
	struct blobs_pending pending;
	struct bio_enrolment enrolment;
};

/* engine.c */
enum auth_want fail(struct auth *au, enum ctap_status status);
enum auth_want again(struct auth_op *op, enum auth_want want);
/* Starts a reply of CTAP2_OK; finish it with reply(). */
struct cbor_out reply_begin(struct auth *au);
enum auth_want reply(struct auth *au, const struct cbor_out *out);
/* A reply that is CTAP2_OK alone. */
enum auth_want reply_empty(struct auth *au);
enum auth_want ask_user(struct auth_op *op, enum prompt_kind kind,
    enum prompt_reason reason, struct span rp_id, struct span user_name);
/* The caller has filled op->key but for verb and epoch. */
enum auth_want ask_key(struct auth *au, struct auth_op *op,
    enum key_verb verb);
enum auth_want ask_lookup(struct auth_op *op, enum lookup_kind kind);
enum auth_want ask_commit(struct auth_op *op);
/*
 * The session of the host that asks, a new one if it has none. Only for
 * those who write something into it that lives until expires_ms: who merely
 * asks must not push anybody else out.
 */
struct auth_session *session_open(struct auth *au, struct auth_op *op,
    uint64_t expires_ms);
/* A command that has no part in what the channel does step by step. */
void channel_goes_on(struct auth *au, uint64_t channel);
/* Forgets tokens, key agreement and continuations of every host. */
void sessions_wipe(struct auth *au);
/* False if OpenSSL has no memory. */
bool auth_sha256(struct auth *au, struct span s, uint8_t out[static 32]);
void auth_random(const struct auth *au, uint8_t *out, size_t len);

/* token.c: key agreement and tokens */
struct pin_agreement *key_agreement(struct auth *au, int protocol);
/* regenerate() */
void key_agreement_renew(struct auth *au, int protocol);
/* Ends the tokens of every host. */
void tokens_end(struct auth *au);
/* The persistent token of now, whether or not it may do anything. */
void persistent_token(const struct auth *au, uint8_t out[static PIN_TOKEN_LEN]);
void tokens_reset(struct auth *au, struct auth_session *ses);
/* New tokens for every protocol, this one in use. */
void token_begin(struct auth *au, struct auth_op *op, int protocol,
    uint8_t permissions, const uint8_t *rp_id_hash, bool by_pin);
const uint8_t *token_bytes(const struct auth_op *op, int protocol);
/* HMAC-SHA-256 under the epoch: what is random, but need not be kept. */
void derive(const struct auth *au, const char *label, uint32_t generation,
    uint8_t out[static 32]);
/*
 * 6.1.2 step 11.1, 6.2.2 step 6.1: mac over client_data_hash verifies, and
 * the token may do permission for op->ga.rp_id_hash. Binds it, and notes
 * op->by_pin.
 */
enum ctap_status token_check(struct auth_op *op,
    const struct ctap_auth *param, struct span client_data_hash,
    uint8_t permission);
/*
 * The same for commands that are about no RP: a || b is what the MAC is
 * over. PUAT_REQUIRED, MISSING_PARAMETER, INVALID_PARAMETER or
 * PIN_AUTH_INVALID.
 */
enum ctap_status token_authorize(const struct auth *au,
    struct auth_op *op, const struct ctap_auth *param, struct span a,
    struct span b, uint8_t permission);
/* The same by the persistent token; its permission is pcmr. */
bool token_authorize_persistent(const struct auth *au,
    const struct ctap_auth *param, struct span a, struct span b);
/* Hash of the RP ID that a token is bound to; NULL: to none. */
const uint8_t *token_rp_id_hash(const struct auth_op *op, int protocol);
bool token_in_use(const struct auth_op *op, int protocol);
/* Drops tokens whose time is over; when the next one's is. */
uint64_t tokens_expire(struct auth_session *ses, uint64_t now_ms);
/* getUserPresentFlagValue() of the token in use */
bool token_present(const struct auth_op *op);
/* After presence was tested: flags and permissions but lbw are gone. */
void token_spend(struct auth_op *op);
bool token_protocol_known(const struct auth *au, uint64_t protocol);

/* common.c: what makeCredential and getAssertion have in common */
/* 6.1.2 and 6.2.2, steps 1 and 2 */
enum auth_want ask_blink(const struct auth *au, struct auth_op *op,
    const struct ctap_auth *param);
enum ctap_status check_auth_protocol(const struct auth *au,
    const struct ctap_auth *param);
/* Takes id for op->candidate. */
void set_candidate(struct auth_op *op, struct span id);
/*
 * Looks for op->candidate among the credentials of op->ga.rp_id_hash.
 * found_candidate() tells, and fills op->cred.
 */
enum auth_want ask_candidate(struct auth *au, struct auth_op *op,
    uint8_t protect_max);
bool found_candidate(struct auth_op *op);
/* The same ID in the other way, if there is one. */
bool retry_candidate(struct auth_op *op);
/* That, or the next ID in op->list; false at the end. */
bool next_candidate(struct auth_op *op);
/* bk.1: BE and BS */
uint8_t backup_flags(const struct credential *cred);
/* What it is, and counts with, as the key is now. */
void cred_begin(const struct auth *au, struct auth_op *op);
/* The signature counter of a new credential. */
uint32_t first_counter(const struct auth *au, const struct credential *cred);
/* op->counter of the assertion by op->cred that is being made. */
void count_assertion(const struct auth *au, struct auth_op *op);
/* It was made, and the counter that all share goes on. */
void count_done(struct auth *au, const struct auth_op *op);
/* What KEY_SIGN needs to know to sign with an attestation key. */
void sign_with_attestation(struct auth_op *op,
    const struct auth_attestation *att);
/* The key that was just made, into op->cred. */
void cred_keep_key(struct auth_op *op);
/* Its ID: holds its key, or is random for a row. */
void cred_name(const struct auth *au, struct auth_op *op);
/* What a credential ID that holds its own key says about it. */
size_t meta_encode(const struct credential *cred, bool stored,
    uint8_t out[static KEY_META_MAX]);

/* facts.c: of a request that was decoded, or an APDU that was */
void facts_note(struct auth_op *op);
void facts_note_apdu(struct auth_op *op, uint8_t ins);

/* u2f.c */
/* Whether a registration shows the attestation key's certificate. */
bool u2f_has_chain(const struct auth *au);
/* Sets what op does, if SW_NO_ERROR. */
enum apdu_sw u2f_decode(struct auth *au, struct auth_op *op,
    struct span msg);
enum auth_want fail_sw(struct auth *au, enum apdu_sw sw);
/* What fail() is for U2F. */
enum auth_want u2f_fail(struct auth *au, enum ctap_status status);

/* pin_state.c */
unsigned pin_retries(const struct auth *au);
unsigned uv_retries(const struct auth *au);
unsigned pin_min_length(const struct auth *au);
unsigned pin_max_length(const struct auth *au);
/* Built-in verification is there and set up: option uv is true. */
bool uv_ready(const struct auth *au);
bool is_protected(const struct auth *au);
bool always_uv(const struct auth *au);
/* PUAT_REQUIRED, or OPERATION_DENIED where no PIN can give a token. */
enum ctap_status token_required(const struct auth *au);
enum ctap_status pin_usable(const struct auth *au);
/* Spends a retry, and may compare; the next stage takes the outcome. */
enum auth_want pin_spend(struct auth *au, struct auth_op *op);
enum ctap_status pin_compare_hash(struct auth *au, struct auth_op *op);
/* newPinEnc, whose MAC is good: into op->new_hash and op->new_length. */
enum ctap_status pin_take_new(struct auth *au, struct auth_op *op);
/* The new PIN into op->state. */
void pin_put_new(const struct auth *au, struct auth_op *op);
/* Whether op->key is about the PIN: those nobody calls back. */
bool pin_is_asked(const struct auth_op *op);
/* Has uv_perform, a stage that follows, verify the user. */
void uv_want(struct auth_op *op, enum prompt_reason reason,
    struct span rp_id, struct span user_name);

/* Members of a reply: a descriptor; a user, with names or without. */
void put_descriptor(struct cbor_out *out, const struct credential *cred);
void put_user(struct cbor_out *out, const struct user_entity *user,
    bool names);

/* make_credential.c: 6.8.7 */
void keep_name(struct name_text *out, struct span s);
void keep_rp_id(struct rp_id_text *out, struct span s);

/* extensions.c */
/* mc.15, ga.10: what is asked for, into op->cred and op->ga */
enum ctap_status ext_create(struct auth *au, struct auth_op *op);
enum ctap_status ext_assert(struct auth *au, struct auth_op *op);
/* Into op->extensions, after ext_hmac; false: it cannot be written. */
bool ext_create_output(struct auth *au, struct auth_op *op);
bool ext_assert_output(struct auth *au, struct auth_op *op);
/* Whether the reply has a largeBlobKey; and the key. */
bool ext_tells_large_blob_key(const struct auth_op *op);
void ext_put_large_blob_key(const struct auth_op *op, struct cbor_out *out);

/* bio_enrollment.c */
/* Whether the sensor knows that finger; on a key without enrolment: all. */
bool bio_knows(const struct auth *au, struct user_finger finger);
/* Ends the enrolment that is under way, if there is one. */
void bio_forget(struct auth *au);

/* large_blob.c: largeBlob (12.4), a blob of a credential's own */
/* lbx.1, lbx.2 */
enum ctap_status blob_create(struct auth_op *op);
/* lbx.3 */
enum ctap_status blob_assert(struct auth_op *op);
/* The change that the assertion comes with, if it comes with one. */
void blob_change(struct auth_op *op);
/* Whether the reply has unsignedExtensionOutputs; and those. */
bool blob_tells(const struct auth_op *op);
void blob_put(const struct auth *au, const struct auth_op *op,
    struct cbor_out *out);

/* large_blobs.c: forgets an array that is not finished */
void blobs_forget(struct auth *au);

/* remembered.c */
void remembered_forget(struct auth_session *ses);	/* accepts NULL */
/* Forgets what that channel could go on with. Accepts NULL. */
void remembered_end(struct auth_session *ses, uint64_t channel);
/* Forgets what is too old; when the rest will be. */
uint64_t remembered_expire(struct auth_session *ses, uint64_t now_ms);
/* Whether cmd may go on with what is remembered. */
bool remembered_is_for(const struct auth_session *ses, uint8_t cmd);
/*
 * Remembers that left are left, for the caller to fill in where to go on;
 * NULL if nothing is left.
 */
struct auth_remembered *remember(struct auth *au, struct auth_op *op,
    enum continuation what, uint32_t left);
/* What the channel may go on with; NULL: nothing. */
struct auth_remembered *recall(struct auth_op *op, enum continuation what);

/* config.c: whether authenticatorConfig has that subcommand */
bool config_offers(const struct auth *au, uint64_t subcommand);
/* Enterprise attestation, of a key that has FEATURE_EP. */
bool ep_enabled(const struct auth *au);

/* identifiers.c: members of getInfo */
void put_identifier(const struct auth *au, struct cbor_out *out);
void put_store_state(const struct auth *au, struct cbor_out *out);

static inline bool
has(const struct auth *au, uint64_t feature)
{
	return (au->features & feature) != 0;
}

/* The stages of each command, in its own file. */
auth_stage info_reply;
auth_stage sel_ask, sel_reply;
auth_stage rst_check, rst_commit, rst_clear, rst_reply;
auth_stage pin_run, pin_compare, pin_provide, pin_keep, pin_grant, pin_done;
auth_stage uv_perform;
auth_stage ext_hmac;
auth_stage bio_check, bio_capture, bio_reply;
auth_stage blob_read;
auth_stage cm_check, cm_find, cm_found, cm_reply;
auth_stage lb_run, lb_done;
auth_stage cfg_run, cfg_done;
auth_stage mc_blink, mc_check, mc_authorize, mc_exclude, mc_consent,
    mc_create, mc_replace, mc_attest, mc_sign, mc_save, mc_reply;
auth_stage ga_blink, ga_check, ga_authorize, ga_find, ga_consent, ga_extend,
    ga_sign, ga_save, ga_reply;
auth_stage gn_find, gn_found;
auth_stage u2f_version;
auth_stage ur_ask, ur_create, ur_certify, ur_attest, ur_save, ur_reply;
auth_stage ua_find, ua_consent, ua_sign, ua_reply;

#endif
