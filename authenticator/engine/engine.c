/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/engine/impl.h"

#include "authenticator/prefetch.h"

#include <assert.h>
#include <errno.h>

#define TOKENS	(FEATURE_CLIENT_PIN | FEATURE_PIN_UV_AUTH_TOKEN | \
	FEATURE_HMAC_SECRET)	/* what a key agreement is for */
#define MANAGES	(FEATURE_CRED_MGMT | FEATURE_CRED_MGMT_PREVIEW)

/*
 * msg.1: commands that are not here, or that this key does not have, answer
 * INVALID_COMMAND.
 */
static const struct auth_row rows[] = {
	{ CTAP_MAKE_CREDENTIAL, 0, { mc_blink, mc_check, mc_authorize,
	    uv_perform, mc_exclude, mc_consent, mc_create, mc_replace,
	    ext_hmac, mc_attest, mc_sign, mc_save, mc_reply } },
	{ CTAP_GET_ASSERTION, 0, { ga_blink, ga_check, ga_authorize,
	    uv_perform, ga_find, ga_consent, ga_extend, blob_read, ext_hmac,
	    ga_sign, ga_save, ga_reply } },
	{ CTAP_GET_NEXT_ASSERTION, 0, { gn_find, gn_found, blob_read,
	    ext_hmac, ga_sign, ga_save, ga_reply } },
	{ CTAP_GET_INFO, 0, { info_reply } },
	{ CTAP_CLIENT_PIN, TOKENS, { pin_run, pin_compare, pin_provide,
	    pin_keep, uv_perform, pin_grant, pin_done } },
	{ CTAP_RESET, 0, { rst_check, rst_commit, rst_clear, rst_reply } },
	{ CTAP_BIO_ENROLLMENT, FEATURE_BIO_ENROLL, { bio_check, bio_capture,
	    bio_reply } },
	{ CTAP_CREDENTIAL_MANAGEMENT, MANAGES, { cm_check, cm_find, cm_found,
	    cm_reply } },
	{ CTAP_SELECTION, FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3, { sel_ask,
	    sel_reply } },
	{ CTAP_LARGE_BLOBS, FEATURE_LARGE_BLOBS, { lb_run, lb_done } },
	{ CTAP_CONFIG, FEATURE_AUTHNR_CFG, { cfg_run, cfg_done } },
};

/* An engine, and what it works with. */
struct whole {
	struct auth	au;
	struct auth_work work;
};

size_t
auth_size(void)
{
	return sizeof(struct whole);
}

size_t
auth_lent_size(void)
{
	return sizeof(struct auth);
}

size_t
auth_work_size(void)
{
	return sizeof(struct auth_work);
}

struct auth *
auth_init_lent(void *mem, void *work, const struct auth_config *cfg,
    const struct auth_state *state, uint64_t powered_ms)
{
	struct auth *au = mem;

	memset(au, 0, sizeof(*au));
	au->work = work;
	au->cfg = *cfg;
	au->features = auth_config_features(cfg);
	au->state = *state;
	au->counter = state->counter_ceiling;
	au->powered_ms = powered_ms;
	au->sweep_ms = UINT64_MAX;
	au->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	au->md = EVP_MD_CTX_new();
	if (au->sha256 != NULL && au->md != NULL)
		return au;
	/* others may be at work */
	EVP_MD_CTX_free(au->md);
	EVP_MD_free(au->sha256);
	explicit_bzero(au, sizeof(*au));
	return NULL;
}

struct auth *
auth_init(void *mem, const struct auth_config *cfg,
    const struct auth_state *state, uint64_t powered_ms)
{
	struct whole *w = mem;

	memset(&w->work, 0, sizeof(w->work));
	return auth_init_lent(mem, &w->work, cfg, state, powered_ms);
}

void
sessions_wipe(struct auth *au)
{
	for (int i = 0; i < PIN_PROTOCOL_MAX; i++) {
		pin_agreement_free(au->agreement[i]);
		au->agreement[i] = NULL;
	}
	explicit_bzero(au->session, sizeof(au->session));
	blobs_forget(au);
	bio_forget(au);
}

/* The session of a host that has one, or NULL. */
static struct auth_session *
session_find(struct auth *au, uint64_t channel)
{
	for (size_t i = 0; i < au->sessions_end; i++)
		if (au->session[i].open &&
		    au->session[i].host == (uint32_t)(channel >> 32))
			return &au->session[i];
	return NULL;
}

/* One that is not open, or else the one longest unused. */
static struct auth_session *
session_victim(struct auth *au)
{
	struct auth_session *ses = &au->session[0];

	for (size_t i = 0; ses->open && i < HOSTS_MAX; i++)
		if (!au->session[i].open ||
		    au->session[i].used_ms < ses->used_ms)
			ses = &au->session[i];
	return ses;
}

struct auth_session *
session_open(struct auth *au, struct auth_op *op, uint64_t expires_ms)
{
	if (op->session == NULL) {
		op->session = session_victim(au);
		explicit_bzero(op->session, sizeof(*op->session));
		if ((size_t)(op->session - au->session) >= au->sessions_end)
			au->sessions_end = op->session - au->session + 1;
		op->session->open = true;
		op->session->host = (uint32_t)(op->channel >> 32);
		op->session->used_ms = op->now_ms;
	}
	if (expires_ms < au->sweep_ms)
		au->sweep_ms = expires_ms;
	return op->session;
}

/* Wipes what has expired; a session that holds nothing is closed. */
static void
sessions_sweep(struct auth *au, uint64_t now_ms)
{
	struct auth_session *ses;
	uint64_t next, list;

	au->sweep_ms = UINT64_MAX;
	for (size_t i = 0; i < au->sessions_end; i++) {
		ses = &au->session[i];
		if (!ses->open)
			continue;
		next = tokens_expire(ses, now_ms);
		list = remembered_expire(ses, now_ms);
		if (list < next)
			next = list;
		if (next == UINT64_MAX) {
			/* whoever is served gets a new one if it needs it */
			if (au->work->op.session == ses)
				au->work->op.session = NULL;
			explicit_bzero(ses, sizeof(*ses));
		}
		if (next < au->sweep_ms)
			au->sweep_ms = next;
	}
}

/* gn.5, cm.9, lb.11: what it had begun step by step is over */
void
channel_goes_on(struct auth *au, uint64_t channel)
{
	remembered_end(session_find(au, channel), channel);
	if (au->pending.channel == channel && au->work->op.want != AUTH_COMMIT)
		blobs_forget(au);
}

void
auth_host_gone(struct auth *au, uint32_t host)
{
	struct auth_session *ses = session_find(au, (uint64_t)host << 32);

	/* an operation that is still under way for it keeps no session */
	if (ses != NULL && au->work->op.session == ses)
		au->work->op.session = NULL;
	if (ses != NULL)
		explicit_bzero(ses, sizeof(*ses));
	if (au->pending.channel >> 32 == host &&
	    au->work->op.want != AUTH_COMMIT)
		blobs_forget(au);
	/* bio.10 */
	if (au->enrolment.host == host)
		bio_forget(au);
}

void
auth_done(struct auth *au)
{
	sessions_wipe(au);
	EVP_MD_CTX_free(au->md);
	EVP_MD_free(au->sha256);
	explicit_bzero(au->work, sizeof(*au->work));
	explicit_bzero(au, sizeof(*au));
}

void
auth_random(const struct auth *au, uint8_t *out, size_t len)
{
	au->cfg.random(au->cfg.random_arg, out, len);
}

bool
auth_sha256(struct auth *au, struct span s, uint8_t out[static 32])
{
	/* the same again takes OpenSSL less time than one that is named */
	const EVP_MD *md = EVP_MD_CTX_get0_md(au->md) != NULL ? NULL :
	    au->sha256;

	return EVP_DigestInit_ex2(au->md, md, NULL) == 1 &&
	    EVP_DigestUpdate(au->md, s.p, s.len) == 1 &&
	    EVP_DigestFinal_ex(au->md, out, NULL) == 1;
}

/* Replies */

/* msg.6 */
enum auth_want
fail(struct auth *au, enum ctap_status status)
{
	if (au->work->op.u2f)
		return u2f_fail(au, status);
	au->work->reply[0] = (uint8_t)status;
	au->work->reply_len = 1;
	return AUTH_REPLY;
}

enum auth_want
reply_empty(struct auth *au)
{
	return fail(au, CTAP2_OK);
}

struct cbor_out
reply_begin(struct auth *au)
{
	struct cbor_out out;

	cbor_out_init(&out, au->work->reply + 1, sizeof(au->work->reply) - 1);
	return out;
}

enum auth_want
reply(struct auth *au, const struct cbor_out *out)
{
	if (out->overflow)
		return fail(au, CTAP1_ERR_OTHER);
	au->work->reply[0] = CTAP2_OK;
	au->work->reply_len = 1 + out->len;
	return AUTH_REPLY;
}

/* Wants */

enum auth_want
again(struct auth_op *op, enum auth_want want)
{
	op->stay = true;
	return want;
}

enum auth_want
ask_user(struct auth_op *op, enum prompt_kind kind,
    enum prompt_reason reason, struct span rp_id, struct span user_name)
{
	op->prompt = (struct auth_prompt){ .kind = kind, .reason = reason,
	    .rp_id = rp_id, .user_name = user_name };
	op->user_deadline = op->now_ms + AUTH_USER_TIMEOUT_MS;
	return AUTH_USER;
}

enum auth_want
ask_key(struct auth *au, struct auth_op *op, enum key_verb verb)
{
	op->key.verb = verb;
	if (op->key.epoch.p == NULL)
		op->key.epoch = span(au->state.epoch, KEY_EPOCH_LEN);
	return AUTH_KEY;
}

enum auth_want
ask_lookup(struct auth_op *op, enum lookup_kind kind)
{
	op->lookup.kind = kind;
	op->lookup.found = false;
	memcpy(op->lookup.rp_id_hash, op->ga.rp_id_hash,
	    sizeof(op->lookup.rp_id_hash));
	return AUTH_LOOKUP;
}

enum auth_want
ask_commit(struct auth_op *op)
{
	(void)op;
	return AUTH_COMMIT;
}

/* Runs stages until one wants something. */
static enum auth_want
run(struct auth *au)
{
	struct auth_op *op = &au->work->op;
	enum auth_want want;
	auth_stage *stage;

	do {
		stage = op->row->stages[op->stage];
		assert(stage != NULL);
		op->stay = false;
		want = stage(au, op);
		if (!op->stay)
			op->stage++;
	} while (want == AUTH_NEXT);
	op->want = want;
	return want;
}

static enum auth_want
finish(struct auth *au, enum ctap_status status)
{
	au->work->op.want = fail(au, status);
	return au->work->op.want;
}

static const struct auth_row *
find_row(const struct auth *au, uint8_t cmd)
{
	if (!auth_has_ctap2(au))
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].cmd == cmd)
			return rows[i].features == 0 ||
			    has(au, rows[i].features) ? &rows[i] : NULL;
	return NULL;
}

static void
begin(struct auth *au, uint64_t channel, uint64_t now_ms)
{
	assert(!au->busy);
	au->busy = true;
	au->work->op.channel = channel;
	au->work->op.session = session_find(au, channel);
	if (au->work->op.session != NULL)
		au->work->op.session->used_ms = now_ms;
	au->work->op.now_ms = now_ms;
}

/* cm.13, bio.13: a preview command is the final one by another number */
static uint8_t
command_of(struct span msg)
{
	switch (msg.p[0]) {
	case CTAP_CREDENTIAL_MANAGEMENT_PREVIEW:
		return CTAP_CREDENTIAL_MANAGEMENT;
	case CTAP_BIO_ENROLLMENT_PREVIEW:
		return CTAP_BIO_ENROLLMENT;
	default:
		return msg.p[0];
	}
}

enum auth_want
auth_command(struct auth *au, uint64_t channel, struct span msg,
    uint64_t now_ms)
{
	struct auth_op *op = &au->work->op;
	enum ctap_status status;
	uint8_t cmd;

	assert(msg.len > 0);
	cmd = command_of(msg);
	begin(au, channel, now_ms);
	op->asked.command = cmd;
	op->row = find_row(au, cmd);
	/* gn.5, cm.9 */
	if (!remembered_is_for(op->session, cmd))
		remembered_end(op->session, channel);
	/* lb.11 */
	if (cmd != CTAP_LARGE_BLOBS && au->pending.channel == channel)
		blobs_forget(au);
	if (op->row == NULL)
		return finish(au, CTAP1_ERR_INVALID_COMMAND);
	/* msg.8 */
	if (msg.len > au->cfg.message_max)
		return finish(au, CTAP2_ERR_REQUEST_TOO_LARGE);
	status = ctap_decode(cmd, span(msg.p + 1, msg.len - 1), &op->req);
	if (status != CTAP2_OK)
		return finish(au, status);
	facts_note(op);
	return run(au);
}

bool
auth_has_ctap2(const struct auth *au)
{
	return has(au, FEATURES_FIDO2);
}

enum auth_want
auth_apdu(struct auth *au, uint64_t channel, struct span msg,
    uint64_t now_ms)
{
	struct auth_op *op = &au->work->op;
	enum apdu_sw sw;

	assert(auth_has_u2f(au));
	begin(au, channel, now_ms);
	op->u2f = true;
	au->work->reply_len = 0;
	channel_goes_on(au, channel);
	sw = u2f_decode(au, op, msg);
	if (sw == SW_NO_ERROR)
		return run(au);
	op->want = fail_sw(au, sw);
	return op->want;
}

/*
 * What the host learns when the user does not agree. An excluded credential
 * is told either way (6.1.2, step 12): the touch only keeps it from being
 * probed for in silence.
 */
static enum auth_want
not_agreed(struct auth *au, enum ctap_status status)
{
	if (au->work->op.prompt.reason == REASON_EXCLUDED)
		status = CTAP2_ERR_CREDENTIAL_EXCLUDED;
	return finish(au, status);
}

/* A touch is no verification, nor the other way round a mismatch. */
static bool
is_answer(enum prompt_kind kind, enum user_answer answer)
{
	switch (kind) {
	case PROMPT_VERIFICATION:
		return answer == USER_VERIFIED || answer == USER_MISMATCH;
	case PROMPT_SAMPLE:
		return answer == USER_SAMPLE;
	default:
		return answer == USER_PRESENT || answer == USER_VERIFIED;
	}
}

enum auth_want
auth_user_input(struct auth *au, enum user_answer answer, uint64_t now_ms)
{
	struct auth_op *op = &au->work->op;

	assert(op->want == AUTH_USER);
	op->now_ms = now_ms;
	/* rst.4: a short touch is none there; elsewhere a long one is one */
	if (answer == USER_HELD)
		answer = USER_PRESENT;
	else if (op->prompt.long_touch && answer != USER_REFUSED)
		return AUTH_USER;
	op->answer = answer;
	if (answer == USER_REFUSED)
		return not_agreed(au, CTAP2_ERR_OPERATION_DENIED);
	if (!is_answer(op->prompt.kind, answer))
		return AUTH_USER;
	return run(au);
}

enum auth_want
auth_finger(struct auth *au, struct user_finger finger, uint64_t now_ms)
{
	enum user_answer answer = finger.long_touch ? USER_HELD : USER_PRESENT;

	assert(au->work->op.want == AUTH_USER);
	au->work->op.finger = finger;
	if (au->work->op.prompt.kind == PROMPT_SAMPLE)
		answer = USER_SAMPLE;
	else if (au->work->op.prompt.kind == PROMPT_VERIFICATION)
		answer = bio_knows(au, finger) ? USER_VERIFIED : USER_MISMATCH;
	return auth_user_input(au, answer, now_ms);
}

/*
 * An ID that is not ours, a wrong PIN and a key that no TPM can certify are
 * answers. Everything else that is no success is a failure: pin.12, a device
 * that is gone has not seen a wrong PIN.
 */
static bool
is_answer_of_keys(const struct key_op *key)
{
	switch (key->verb) {
	case KEY_OPEN:
		return key->result == 0 || key->result == -EBADMSG;
	case KEY_PIN_SET:
		if (key->result == -EINVAL)
			return true;
		/* FALLTHROUGH */
	case KEY_PIN_CHECK:
		return key->result == 0 || key->result == -EACCES;
	case KEY_CERTIFY:
		return key->result == 0 || key->result == -ENOTSUP;
	default:
		return key->result == 0;
	}
}

enum auth_want
auth_key_done(struct auth *au, uint64_t now_ms)
{
	struct auth_op *op = &au->work->op;

	assert(op->want == AUTH_KEY);
	op->now_ms = now_ms;
	op->key.epoch = span(NULL, 0);
	return is_answer_of_keys(&op->key) ? run(au) :
	    finish(au, CTAP1_ERR_OTHER);
}

enum auth_want
auth_lookup_done(struct auth *au, uint64_t now_ms)
{
	struct auth_op *op = &au->work->op;

	assert(op->want == AUTH_LOOKUP);
	op->now_ms = now_ms;
	if (op->lookup.result != 0)
		return finish(au, CTAP1_ERR_OTHER);
	return run(au);
}

enum auth_want
auth_commit_done(struct auth *au, int error, uint64_t now_ms)
{
	struct auth_op *op = &au->work->op;

	assert(op->want == AUTH_COMMIT);
	op->now_ms = now_ms;
	/* mc.17, lb.9, lbx.4: no room; elsewhere a failure like others */
	if (error == -ENOSPC && (op->change.large_blobs.p != NULL ||
	    op->change.own_blob.seq != 0))
		return finish(au, CTAP2_ERR_LARGE_BLOB_STORAGE_FULL);
	if (error == -ENOSPC && (op->change.put != NULL ||
	    (op->change.replace != NULL && op->counting == COUNT_WITH_KEY)))
		return finish(au, CTAP2_ERR_KEY_STORE_FULL);
	if (error != 0)
		return finish(au, CTAP1_ERR_OTHER);
	if (op->change.state != NULL)
		auth_state_copy(&au->state, op->change.state);
	/* the store counts for itself; gi.1 wants to know without asking it */
	au->state.credentials += (op->change.put != NULL &&
	    op->change.put->discoverable);
	au->state.credentials -= (op->change.remove != 0);
	return run(au);
}

/*
 * can.1: a commit cannot be called back; everything before it has changed
 * nothing. Nor can the PIN of a key provider: what it is asked is done by
 * then, and a guess that nobody waits for would be one that nobody counts.
 */
static bool
stoppable(const struct auth_op *op)
{
	return op->want == AUTH_USER || op->want == AUTH_LOOKUP ||
	    (op->want == AUTH_KEY && !pin_is_asked(op));
}

enum auth_want
auth_cancel(struct auth *au, uint64_t channel)
{
	if (!au->busy)
		return AUTH_IDLE;
	if (au->work->op.channel != channel || !stoppable(&au->work->op))
		return au->work->op.want;
	return finish(au, CTAP2_ERR_KEEPALIVE_CANCEL);
}

enum auth_want
auth_abort(struct auth *au, uint64_t channel)
{
	channel_goes_on(au, channel);
	return auth_cancel(au, channel);
}

void
auth_replied(struct auth *au)
{
	assert(au->busy && au->work->op.want == AUTH_REPLY);
	/* one of a credential's own is nobody else's */
	if (au->work->op.lookup.blobs != NULL)
		explicit_bzero(au->work->blobs, sizeof(au->work->blobs));
	explicit_bzero(&au->work->op, sizeof(au->work->op));
	au->busy = false;
}

uint64_t
auth_deadline(const struct auth *au)
{
	const struct auth_op *op = &au->work->op;
	uint64_t user = op->want == AUTH_USER ? op->user_deadline : UINT64_MAX;

	return user < au->sweep_ms ? user : au->sweep_ms;
}

/* bio.9: a host that said how long learns that nobody came, and goes on */
static enum auth_want
timed_out(struct auth *au, uint64_t now_ms)
{
	const struct auth_op *op = &au->work->op;
	struct user_finger none = { .status = SAMPLE_NO_USER_ACTIVITY };

	if (op->prompt.kind == PROMPT_SAMPLE && op->bio.timeout_ms.there)
		return auth_finger(au, none, now_ms);
	return not_agreed(au, CTAP2_ERR_USER_ACTION_TIMEOUT);
}

enum auth_want
auth_tick(struct auth *au, uint64_t now_ms)
{
	const struct auth_op *op = &au->work->op;

	if (now_ms >= au->sweep_ms)
		sessions_sweep(au, now_ms);
	if (op->want == AUTH_USER && now_ms >= op->user_deadline)
		return timed_out(au, now_ms);
	return op->want;
}

enum auth_want
auth_current_want(const struct auth *au)
{
	return au->work->op.want;
}

void
auth_prefetch(const struct auth *au)
{
	prefetch(au, &au->cfg.leaf.subject);
	prefetch(&au->cfg.format_rp[0], &au->cfg.format_rp[0].rp.s);
	prefetch(&au->state, &au->state.min_pin_rp);
	prefetch(&au->pending, &au->pending.bytes);
}

bool
auth_idle(const struct auth *au)
{
	return !au->busy;
}

const struct auth_prompt *
auth_prompt(const struct auth *au)
{
	return &au->work->op.prompt;
}

enum user_answer
auth_answer(const struct auth *au)
{
	return au->work->op.answer;
}

struct key_op *
auth_key_op(struct auth *au)
{
	return &au->work->op.key;
}

struct auth_lookup *
auth_lookup_op(struct auth *au)
{
	return &au->work->op.lookup;
}

const struct auth_change *
auth_change(const struct auth *au)
{
	return &au->work->op.change;
}

struct span
auth_reply(const struct auth *au)
{
	return span(au->work->reply, au->work->reply_len);
}

uint32_t
auth_counter(const struct auth *au)
{
	return au->counter;
}

const struct auth_change *
auth_settle(struct auth *au)
{
	struct auth_op *op = &au->work->op;

	assert(!au->busy);
	if (au->state.counter_ceiling == au->counter)
		return NULL;
	op->state = au->state;
	op->state.counter_ceiling = au->counter;
	op->change = (struct auth_change){ .state = &op->state };
	return &op->change;
}

void
auth_store_changed(struct auth *au, const struct auth_state *state)
{
	assert(!au->busy);
	au->state = *state;
	/* it counts some of these failures: perhaps it is another PIN */
	if (!state->pin_set || state->pin_failures == 0)
		au->pin_mismatches = 0;
	sessions_wipe(au);
}
