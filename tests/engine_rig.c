/* SPDX-License-Identifier: Apache-2.0 */
/* See engine_rig.h. */
#include "tests/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

bool openssl_starves;
const uint8_t client_data_hash[32] = { 0xcd, 0xcd };

/* Never the same twice within 256 bytes, and never all zero. */
static void
rig_random(void *arg, uint8_t *out, size_t len)
{
	struct rig *r = arg;

	openssl_starves = r->starve && len == PIN_IV_LEN;
	for (size_t i = 0; i < len; i++)
		out[i] = r->random_zero ? 0 : (uint8_t)(r->random++ * 167 +
		    i * 13 + 1);
}

void
rig_power_up(struct rig *r)
{
	void *mem = malloc(auth_size());

	assert_non_null(mem);
	memset(mem, 0x99, auth_size());
	r->au = auth_init(mem, &r->cfg, &r->state, r->now_ms);
	assert_non_null(r->au);
}

struct rig *
rig_new(void)
{
	static const uint8_t leaf[] = { 0x30, 0x00 };
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	auth_config_default(&r->cfg);
	r->cfg.algs[0] = COSE_ES256;
	r->cfg.alg_count = 1;
	r->cfg.attestation.alg = COSE_ES256;
	r->cfg.attestation.blob = span_str("attestation");
	r->cfg.attestation.x5c[0] = span(leaf, sizeof(leaf));
	r->cfg.attestation.x5c_count = 1;
	r->cfg.attestation.u2f = r->cfg.attestation.x5c[0];
	r->cfg.random = rig_random;
	r->cfg.random_arg = r;
	r->now_ms = 5000;
	r->channel = CHANNEL;
	r->fault_at = SIZE_MAX;
	memset(r->state.epoch, 0xe9, sizeof(r->state.epoch));
	rig_power_up(r);
	return r;
}

void
rig_power_off(struct rig *r)
{
	struct auth *mem = r->au;

	auth_done(r->au);
	free(mem);
}

void
rig_free(struct rig *r)
{
	rig_power_off(r);
	free(r);
}

static void
make_lattice_key(struct key_op *op)
{
	static const uint8_t pub[2592] = { 1, 2, 3 };

	op->out_pub_len = cose_akp(op->out_pub, COSE_ML_DSA_87,
	    span(pub, sizeof(pub)));
}

/* As key.h has it: KEY_PIN_LIMIT failures, and nobody learns any more. */
static int
fake_pin_compare(struct rig_pin *p, struct span hash)
{
	assert_int_equal(hash.len, PIN_HASH_LEN);
	if (p->failures == KEY_PIN_LIMIT)
		return -EACCES;
	if (memcmp(p->hash, hash.p, PIN_HASH_LEN) != 0) {
		p->failures++;
		return -EACCES;
	}
	p->failures = 0;
	return 0;
}

static int
fake_pin_set(struct rig_pin *p, const struct key_op *op)
{
	int r = 0;

	assert_int_equal(op->data[0].len, PIN_HASH_LEN);
	if (p->set != (op->data[1].p != NULL))
		r = -EINVAL;
	else if (p->set)
		r = fake_pin_compare(p, op->data[1]);
	if (r != 0)
		return r;
	p->set = true;
	p->failures = 0;
	memcpy(p->hash, op->data[0].p, PIN_HASH_LEN);
	return 0;
}

static void
fake_pin(struct rig *r, struct key_op *op)
{
	struct rig_pin *p = &r->pin;

	if (op->verb == KEY_PIN_CLEAR) {
		p->set = false;
		p->failures = 0;
		p->clears++;
		return;
	}
	if (op->verb == KEY_PIN_CHECK) {
		assert_true(p->set && op->data[1].p == NULL);
		op->result = fake_pin_compare(p, op->data[0]);
	} else {
		op->result = fake_pin_set(p, op);
	}
	/* said with 0 and -EACCES only */
	op->pin_failures = op->result == -EINVAL ? 99 : p->failures;
}

/* What is there to see of a statement is that everything came through. */
static void
fake_certify(struct rig *r, struct key_op *op)
{
	assert_memory_equal(op->blob.p, "FAKE", 4);
	assert_int_equal(op->bound.len, 32);
	assert_true(span_eq(op->signer_bound,
	    span_str(AUTH_ATTESTATION_BOUND)));
	assert_true(span_eq(op->signer, r->cfg.tpm.blob));
	assert_memory_equal(op->epoch.p, r->au->state.epoch, KEY_EPOCH_LEN);
	op->result = r->outside ? -ENOTSUP : 0;
	op->alg = r->cfg.tpm.alg;
	op->out_sig_len = op->strict ? 72 : 71;
	memset(op->out_sig, 0x31, op->out_sig_len);
	op->out_pub_area_len = 86;
	memset(op->out_pub_area, 0x32, op->out_pub_area_len);
	op->out_cert_info_len = 173;
	memset(op->out_cert_info, 0x33, op->out_cert_info_len);
}

/* A blob says what it is: FAKE, then the meta that came with it. */
static void
fake_key(struct rig *r, struct key_op *op)
{
	static const uint8_t coord[32] = { 1, 2, 3 };

	op->result = 0;
	assert_int_equal(op->epoch.len, KEY_EPOCH_LEN);
	switch (op->verb) {
	case KEY_CREATE:
		r->shape = op->shape;
		memset(op->out_blob, 0x42, FAKE_BLOB_LEN);
		memcpy(op->out_blob, "FAKE", 4);
		memcpy(op->out_blob + 4, op->meta.p, op->meta.len);
		op->out_blob_len = FAKE_BLOB_LEN;
		op->out_pub_len = cose_ec2(op->out_pub, COSE_ES256,
		    COSE_P256, span(coord, 32), span(coord, 32));
		if (r->lattice)
			make_lattice_key(op);
		break;
	case KEY_OPEN:
		if (memcmp(op->blob.p, "FAKE", 4) != 0)
			op->result = -EBADMSG;
		op->alg = COSE_ES256;
		op->out_meta_len = r->meta_len > 0 ? r->meta_len : 3;
		memcpy(op->out_meta, r->meta_len > 0 ? r->meta :
		    op->blob.p + 4, op->out_meta_len);
		break;
	case KEY_SIGN:
		op->out_sig_len = r->lattice ? KEY_SIG_MAX : 70;
		memset(op->out_sig, 0x30, op->out_sig_len);
		break;
	case KEY_HMAC:
		op->out_sig_len = op->data[1].p != NULL ? 64 : 32;
		memset(op->out_sig, FAKE_SECRET, op->out_sig_len);
		op->out_sig_len -= r->hmac_cut;
		break;
	case KEY_CERTIFY:
		fake_certify(r, op);
		break;
	case KEY_PIN_CHECK:
	case KEY_PIN_SET:
	case KEY_PIN_CLEAR:
		assert_true(r->cfg.pin_in_keys);
		fake_pin(r, op);
		break;
	default:
		op->result = -ENOTSUP;
		break;
	}
}

static bool
rig_matches(const struct credential *c, const struct auth_lookup *q)
{
	if (q->kind == LOOKUP_ID_ANY)
		return span_eq(q->id, span(c->id, c->id_len));
	if (memcmp(c->rp_id_hash, q->rp_id_hash, 32) != 0 ||
	    c->protect > q->protect_max)
		return false;
	if (q->kind == LOOKUP_ID)
		return span_eq(q->id, span(c->id, c->id_len));
	if (!c->discoverable)
		return false;
	if (q->kind == LOOKUP_USER)
		return span_eq(q->user_id, span(c->user.id, c->user.id_len));
	return c->seq < q->before;
}

/* Sites in the order of their newest credential; the cursor is its place. */
static void
fake_sites(struct rig *r, struct auth_lookup *q)
{
	size_t from = q->has_cursor ? q->cursor[0] : 0;

	for (size_t i = 0; i < r->count; i++) {
		bool newest = r->cred[i].discoverable;

		for (size_t j = i + 1; j < r->count; j++)
			newest &= !r->cred[j].discoverable ||
			    memcmp(r->cred[i].rp_id_hash,
			    r->cred[j].rp_id_hash, 32) != 0;
		if (!newest)
			continue;
		q->count += !q->has_cursor;
		if (i < from || q->found)
			continue;
		*q->cred = r->cred[i];
		q->cursor[0] = (uint8_t)(i + 1);
		q->found = true;
	}
}

/* What there is one of: no credential is looked for. */
static bool
fake_single(struct rig *r, struct auth_lookup *q)
{
	switch (q->kind) {
	case LOOKUP_BLOBS:
		q->found = r->blobs_len > 0;
		memcpy(q->blobs, r->blobs, r->blobs_len);
		q->blobs_len = r->blobs_len;
		return true;
	case LOOKUP_COUNT:
		q->found = true;
		for (size_t i = 0; i < r->count; i++)
			q->count += r->cred[i].discoverable;
		q->room = (uint32_t)(RIG_CREDENTIALS - r->count);
		return true;
	case LOOKUP_SITE:
		fake_sites(r, q);
		return true;
	default:
		return false;
	}
}

static void
fake_lookup(struct rig *r, struct auth_lookup *q)
{
	q->result = 0;
	q->found = false;
	q->count = 0;
	if (fake_single(r, q))
		return;
	for (size_t i = 0; i < r->count; i++) {
		if (!rig_matches(&r->cred[i], q))
			continue;
		*q->cred = r->cred[i];
		q->found = true;
		q->count++;
	}
}

void
fake_commit(struct rig *r, const struct auth_change *chg)
{
	size_t kept = 0;

	r->commits++;
	for (size_t i = 0; i < r->count; i++)
		if (!chg->reset && r->cred[i].seq != chg->remove)
			r->cred[kept++] = r->cred[i];
	r->count = kept;
	for (size_t i = 0; i < r->count; i++)
		if (chg->replace != NULL &&
		    r->cred[i].seq == chg->replace->seq)
			r->cred[i] = *chg->replace;
	if (chg->large_blobs.p != NULL) {
		assert_true(chg->large_blobs.len <= sizeof(r->blobs));
		memcpy(r->blobs, chg->large_blobs.p, chg->large_blobs.len);
		r->blobs_len = chg->large_blobs.len;
	}
	if (chg->put != NULL) {
		assert_true(r->count < RIG_CREDENTIALS);
		r->cred[r->count] = *chg->put;
		r->cred[r->count++].seq = ++r->seq;
	}
	if (chg->state != NULL)
		r->state = *chg->state;
}

static enum user_answer
user_answers(struct rig *r)
{
	if (auth_prompt(r->au)->kind != PROMPT_VERIFICATION)
		return USER_PRESENT;
	if (r->mismatches == 0)
		return USER_VERIFIED;
	r->mismatches--;
	return USER_MISMATCH;
}

static enum auth_want
answer(struct rig *r, enum auth_want want, enum fault fault)
{
	struct auth *au = r->au;
	bool bad = fault == FAULT_ERROR || fault == FAULT_FULL;
	int error = fault == FAULT_FULL ? -ENOSPC : -EIO;

	switch (want) {
	case AUTH_USER:
		return auth_user_input(au, bad ? USER_REFUSED :
		    user_answers(r), r->now_ms);
	case AUTH_KEY:
		if (fault != FAULT_FULL)
			fake_key(r, auth_key_op(au));
		if (bad)
			auth_key_op(au)->result = error;
		return auth_key_done(au, r->now_ms);
	case AUTH_LOOKUP:
		fake_lookup(r, auth_lookup_op(au));
		if (bad)
			auth_lookup_op(au)->result = error;
		return auth_lookup_done(au, r->now_ms);
	default:
		assert_int_equal(want, AUTH_COMMIT);
		if (!bad)
			fake_commit(r, auth_change(au));
		return auth_commit_done(au, bad ? error : 0, r->now_ms);
	}
}

enum auth_want
perform(struct rig *r, enum auth_want want)
{
	enum fault fault = r->wants == r->fault_at ? r->fault : FAULT_NONE;
	enum auth_want next = want;

	assert_int_equal(auth_current_want(r->au), want);
	assert_false(auth_idle(r->au));
	assert_true(r->wants < sizeof(r->trace) - 1);
	r->trace[r->wants++] = want == AUTH_USER ? 'U' :
	    want == AUTH_KEY ? 'K' : want == AUTH_LOOKUP ? 'L' : 'C';
	if (fault == FAULT_CANCEL)
		next = auth_cancel(r->au, CHANNEL);
	else if (fault == FAULT_ABORT)
		next = auth_abort(r->au, CHANNEL);
	else if (fault == FAULT_STRANGER)
		next = auth_cancel(r->au, STRANGER);
	if (next != want)
		return next;
	return answer(r, want, fault);
}

/* The status byte. */
uint8_t
rig_send(struct rig *r, struct span msg)
{
	enum auth_want want;
	struct span reply;

	assert_true(auth_idle(r->au));
	memset(r->trace, 0, sizeof(r->trace));
	r->wants = 0;
	want = auth_command(r->au, r->channel, msg, r->now_ms);
	while (want != AUTH_REPLY)
		want = perform(r, want);
	/* whatever there is to wait for now, it is not a user */
	assert_true(auth_deadline(r->au) > r->now_ms);
	openssl_starves = false;
	reply = auth_reply(r->au);
	assert_true(reply.len > 0 && reply.len <= AUTH_MESSAGE_MAX);
	if (reply.len > 1) {
		assert_int_equal(reply.p[0], CTAP2_OK);
		assert_true(cbor_check(span(reply.p + 1, reply.len - 1)));
	}
	memcpy(r->reply, reply.p, reply.len);
	r->reply_len = reply.len;
	auth_replied(r->au);
	assert_true(auth_idle(r->au));
	return r->reply[0];
}

uint8_t
rig_byte(struct rig *r, uint8_t cmd)
{
	return rig_send(r, span(&cmd, 1));
}

/* What authenticator/device.c makes of a state, with keys that know better. */
void
rig_restart(struct rig *r)
{
	struct rig_pin *p = &r->pin;

	rig_power_off(r);
	if (r->cfg.pin_in_keys) {
		if (p->set && !r->state.pin_set)
			r->state.pin_length = PIN_MIN_LENGTH;
		r->state.pin_failures = p->set || !r->state.pin_set ?
		    p->failures : KEY_PIN_LIMIT;
		r->state.pin_set |= p->set;
	}
	rig_power_up(r);
}

void
rig_crash(struct rig *r, struct span msg, size_t at, bool done)
{
	enum auth_want want;

	r->wants = 0;
	want = auth_command(r->au, r->channel, msg, r->now_ms);
	while (r->wants < at)
		want = perform(r, want);
	if (done && want == AUTH_KEY)
		fake_key(r, auth_key_op(r->au));
	else if (done && want == AUTH_COMMIT)
		fake_commit(r, auth_change(r->au));
	rig_restart(r);
}

/* --- requests ----------------------------------------------------------- */

static void
put_list(struct cbor_out *out, const struct ask *a)
{
	cbor_put_array(out, a->listed);
	for (size_t i = 0; i < a->listed; i++) {
		cbor_put_map(out, 2);
		cbor_put_str(out, "id");
		cbor_put_bytes(out, a->list[i]);
		cbor_put_str(out, "type");
		cbor_put_str(out, "public-key");
	}
}

static void
put_flag(struct cbor_out *out, const char *name, bool there, bool v)
{
	if (!there)
		return;
	cbor_put_str(out, name);
	cbor_put_bool(out, v);
}

static void
put_flags(struct cbor_out *out, const struct ask *a)
{
	cbor_put_map(out, (size_t)a->rk + a->silent + a->uv);
	put_flag(out, "rk", a->rk, true);
	put_flag(out, "up", a->silent, false);
	put_flag(out, "uv", a->uv, true);
}

void
put_name(struct cbor_out *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cbor_put_str(out, key);
	cbor_put_str(out, value);
}

static const char *
rp_id_of(const struct ask *a)
{
	return a->rp_id != NULL ? a->rp_id : "example.com";
}

static void
put_entities(struct cbor_out *out, const struct ask *a)
{
	cbor_put_uint(out, 2);
	cbor_put_map(out, 1 + (a->rp_name != NULL));
	cbor_put_str(out, "id");
	cbor_put_str(out, rp_id_of(a));
	put_name(out, "name", a->rp_name);
	cbor_put_uint(out, 3);
	cbor_put_map(out, (size_t)1 + (a->user_name != NULL) +
	    (a->display_name != NULL));
	cbor_put_str(out, "id");
	cbor_put_bytes(out, span(&a->user, 1));
	put_name(out, "name", a->user_name);
	put_name(out, "displayName", a->display_name);
	cbor_put_uint(out, 4);
	cbor_put_array(out, 1);
	cbor_put_map(out, 2);
	cbor_put_str(out, "alg");
	cbor_put_int(out, a->alg != 0 ? a->alg : COSE_ES256);
	cbor_put_str(out, "type");
	cbor_put_str(out, "public-key");
}

static void
put_formats(struct cbor_out *out, const struct ask *a)
{
	size_t n = 0;

	while (n < COUNT(a->formats) && a->formats[n] != NULL)
		n++;
	if (n == 0)
		return;
	cbor_put_uint(out, 11);
	cbor_put_array(out, n);
	for (size_t i = 0; i < n; i++)
		cbor_put_str(out, a->formats[i]);
}

struct span
create_msg(uint8_t buf[static AUTH_MESSAGE_MAX], const struct ask *a)
{
	bool param = a->auth_param.p != NULL;
	struct cbor_out out;

	buf[0] = CTAP_MAKE_CREDENTIAL;
	cbor_out_init(&out, buf + 1, AUTH_MESSAGE_MAX - 1);
	cbor_put_map(&out, (size_t)5 + (a->listed > 0) +
	    (a->hmac.p != NULL) + 2 * param + (a->enterprise != 0) +
	    (a->formats[0] != NULL));
	cbor_put_uint(&out, 1);
	cbor_put_bytes(&out, span(client_data_hash, 32));
	put_entities(&out, a);
	if (a->listed > 0) {
		cbor_put_uint(&out, 5);
		put_list(&out, a);
	}
	if (a->hmac.p != NULL) {
		cbor_put_uint(&out, 6);
		cbor_put_map(&out, 2);
		cbor_put_str(&out, "hmac-secret");
		cbor_put_bool(&out, true);
		cbor_put_str(&out, "hmac-secret-mc");
		cbor_put_raw(&out, a->hmac);
	}
	cbor_put_uint(&out, 7);
	put_flags(&out, a);
	if (param) {
		cbor_put_uint(&out, 8);
		cbor_put_bytes(&out, a->auth_param);
		cbor_put_uint(&out, 9);
		cbor_put_int(&out, a->protocol);
	}
	if (a->enterprise != 0) {
		cbor_put_uint(&out, 10);
		cbor_put_uint(&out, a->enterprise);
	}
	put_formats(&out, a);
	assert_false(out.overflow);
	return span(buf, 1 + out.len);
}

struct span
get_msg(uint8_t buf[static AUTH_MESSAGE_MAX], const struct ask *a)
{
	bool param = a->auth_param.p != NULL;
	struct cbor_out out;

	buf[0] = CTAP_GET_ASSERTION;
	cbor_out_init(&out, buf + 1, AUTH_MESSAGE_MAX - 1);
	cbor_put_map(&out, (size_t)3 + (a->listed > 0) +
	    (a->hmac.p != NULL) + 2 * param);
	cbor_put_uint(&out, 1);
	cbor_put_str(&out, rp_id_of(a));
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(client_data_hash, 32));
	if (a->listed > 0) {
		cbor_put_uint(&out, 3);
		put_list(&out, a);
	}
	if (a->hmac.p != NULL) {
		cbor_put_uint(&out, 4);
		cbor_put_map(&out, 1);
		cbor_put_str(&out, "hmac-secret");
		cbor_put_raw(&out, a->hmac);
	}
	cbor_put_uint(&out, 5);
	put_flags(&out, a);
	if (param) {
		cbor_put_uint(&out, 6);
		cbor_put_bytes(&out, a->auth_param);
		cbor_put_uint(&out, 7);
		cbor_put_int(&out, a->protocol);
	}
	assert_false(out.overflow);
	return span(buf, 1 + out.len);
}

uint8_t
rig_create(struct rig *r, const struct ask *a)
{
	return rig_send(r, create_msg(r->msg, a));
}

uint8_t
rig_get(struct rig *r, const struct ask *a)
{
	return rig_send(r, get_msg(r->msg, a));
}

/* --- replies ------------------------------------------------------------ */

static bool
take_first(struct cbor_in *in, void *arg)
{
	struct reply *out = arg;
	struct span key;
	size_t n;

	if (cbor_peek(in) == CBOR_TEXT)
		return cbor_text(in, &out->fmt);
	return cbor_map(in, &n) && n == 2 && cbor_text(in, &key) &&
	    cbor_bytes(in, &out->id) && cbor_any(in, NULL) &&
	    cbor_any(in, NULL);
}

static bool
take_auth_data(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct reply *)arg)->auth_data);
}

static bool
take_signature(struct cbor_in *in, void *arg)
{
	if (cbor_peek(in) == CBOR_MAP)
		return cbor_any(in, &((struct reply *)arg)->signature);
	return cbor_bytes(in, &((struct reply *)arg)->signature);
}

static bool
take_number(struct cbor_in *in, void *arg)
{
	return cbor_uint(in, &((struct reply *)arg)->number);
}

struct reply
parse(struct span reply)
{
	static const struct cbor_member table[] = {
		{ 1, NULL, true, take_first },
		{ 2, NULL, true, take_auth_data },
		{ 3, NULL, true, take_signature },
		{ 5, NULL, false, take_number },
	};
	struct reply out;
	struct cbor_in in;

	memset(&out, 0, sizeof(out));
	assert_int_equal(reply.p[0], CTAP2_OK);
	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	assert_true(cbor_members(&in, table, COUNT(table), &out));
	return out;
}

struct reply
rig_reply(const struct rig *r)
{
	return parse(span(r->reply, r->reply_len));
}

uint32_t
counter_in(struct span auth_data)
{
	const uint8_t *p = auth_data.p + 33;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

struct span
id_in(struct span auth_data)
{
	const uint8_t *p = auth_data.p + 53;

	return span(p + 2, (size_t)p[0] << 8 | p[1]);
}

/* --- the platform's side of tokens and hmac-secret ----------------------- */

static void
platform_random(void *arg, uint8_t *out, size_t len)
{
	(void)arg;
	memset(out, 0x61, len);
}

/* getKeyAgreement of protocol two, and the secret that follows. */
void
agree(struct rig *r, struct platform *p)
{
	static const uint8_t msg[] = { 6, 0xa2, 1, 2, 2, 2 };
	const uint8_t *cose = r->reply + 3;

	p->own = pin_agreement_new(platform_random, NULL);
	assert_non_null(p->own);
	p->cose_len = pin_agreement_public(p->own, p->cose);
	assert_int_equal(rig_send(r, span(msg, sizeof(msg))), CTAP2_OK);
	assert_int_equal(r->reply_len, 3 + p->cose_len);
	assert_true(pin_agreement_secret(p->own, 2, cose + 11, cose + 46,
	    &p->secret));
	pin_agreement_free(p->own);
}

struct span
mac_of(const uint8_t key[static 32], struct span s, uint8_t out[static 32])
{
	assert_non_null(HMAC(EVP_sha256(), key, 32, s.p, s.len, out, NULL));
	return span(out, 32);
}

static struct span
seal_new_pin(const struct platform *p, const char *pin,
    uint8_t out[static 80])
{
	static const uint8_t iv[PIN_IV_LEN] = { 7 };
	uint8_t padded[PIN_PADDED_LEN] = { 0 };

	memcpy(padded, pin, strlen(pin));
	return span(out, pin_encrypt(&p->secret, iv, padded, sizeof(padded),
	    out));
}

static struct span
seal_pin_hash(const struct platform *p, const char *pin,
    uint8_t out[static 32])
{
	static const uint8_t iv[PIN_IV_LEN] = { 8 };
	uint8_t hash[32];

	SHA256((const uint8_t *)pin, strlen(pin), hash);
	return span(out, pin_encrypt(&p->secret, iv, hash, PIN_HASH_LEN,
	    out));
}

static void
put_pins(struct cbor_out *out, const struct platform *p,
    const struct pin_ask *q)
{
	uint8_t sealed[80 + 32], mac[32];
	struct span new_pin = span(sealed, 0), hash;

	if (q->new_pin != NULL)
		new_pin = seal_new_pin(p, q->new_pin, sealed);
	hash = span(sealed + new_pin.len, 0);
	if (q->pin != NULL)
		hash = seal_pin_hash(p, q->pin, sealed + new_pin.len);
	if (q->new_pin != NULL) {
		cbor_put_uint(out, 4);
		cbor_put_bytes(out, mac_of(p->secret.key, span(sealed,
		    new_pin.len + hash.len), mac));
		cbor_put_uint(out, 5);
		cbor_put_bytes(out, new_pin);
	}
	if (q->pin != NULL) {
		cbor_put_uint(out, 6);
		cbor_put_bytes(out, hash);
	}
}

struct span
pin_msg(uint8_t buf[static 512], const struct platform *p,
    const struct pin_ask *q)
{
	struct cbor_out out;

	buf[0] = CTAP_CLIENT_PIN;
	cbor_out_init(&out, buf + 1, 511);
	cbor_put_map(&out, (size_t)3 + 2 * (q->new_pin != NULL) +
	    (q->pin != NULL) + (q->permissions != 0) + (q->rp_id != NULL));
	cbor_put_uint(&out, 1);
	cbor_put_uint(&out, 2);
	cbor_put_uint(&out, 2);
	cbor_put_uint(&out, q->subcommand);
	cbor_put_uint(&out, 3);
	cbor_put_raw(&out, span(p->cose, p->cose_len));
	put_pins(&out, p, q);
	if (q->permissions != 0) {
		cbor_put_uint(&out, 9);
		cbor_put_uint(&out, q->permissions);
	}
	if (q->rp_id != NULL) {
		cbor_put_uint(&out, 10);
		cbor_put_str(&out, q->rp_id);
	}
	assert_false(out.overflow);
	return span(buf, 1 + out.len);
}

uint8_t
rig_pin(struct rig *r, const struct pin_ask *q)
{
	struct platform p;

	agree(r, &p);
	return rig_send(r, pin_msg(r->msg, &p, q));
}

void
set_pin(struct rig *r)
{
	assert_int_equal(rig_pin(r, &(struct pin_ask){ .subcommand = 3,
	    .new_pin = PIN }), CTAP2_OK);
}

struct span
token_msg(uint8_t buf[static 512], const struct platform *p)
{
	return pin_msg(buf, p, &(struct pin_ask){ .subcommand = 6,
	    .permissions = PERMISSION_MC | PERMISSION_GA,
	    .rp_id = "example.com" });
}

void
take_token(const struct rig *r, const struct platform *p,
    uint8_t token[static 32])
{
	size_t len;

	/* 00 a1 02 58 30 */
	assert_int_equal(r->reply_len, 5 + 48);
	assert_true(pin_decrypt(&p->secret, span(r->reply + 5, 48), token, 32,
	    &len));
}

void
get_token(struct rig *r, const struct platform *p, uint8_t token[static 32])
{
	assert_int_equal(rig_send(r, token_msg(r->msg, p)), CTAP2_OK);
	take_token(r, p, token);
}

/* By verification, for no RP in particular. */
void
get_permission(struct rig *r, uint8_t permissions, uint8_t token[static 32])
{
	struct platform p;

	agree(r, &p);
	assert_int_equal(rig_send(r, pin_msg(r->msg, &p, &(struct pin_ask){
	    .subcommand = 6, .permissions = permissions })), CTAP2_OK);
	take_token(r, &p, token);
}
