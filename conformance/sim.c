/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "conformance/sim.h"

#include "authenticator/settings.h"
#include "conformance/sim_tpm.h"
#include "ctap/cbor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/rand.h>

#define SIM_CREDENTIALS	256
#define TOUCH_KEPT_MS	10000

static const uint8_t aaguid[16] = {
	0x51, 0xa1, 0xce, 0x51, 0x1a, 0x7e, 0x4d, 0x0c,
	0x8c, 0x0d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
};
static const uint8_t no_epoch[KEY_EPOCH_LEN];
static const int all_algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };

/* A credential's own. */
struct sim_blob {
	uint64_t	seq;		/* whose; 0: nobody's */
	uint64_t	original_size;
	uint8_t		bytes[LARGE_BLOB_MAX];
	size_t		len;
};

struct sim_private {
	struct auth_config cfg;
	struct keys	*keys;
	struct sim_tpm	tpm;
	void		*mem;
	uint64_t	random;
	uint64_t	asked_until;	/* U2F: by a host that polls */
	bool		touched;	/* since then */
	bool		apdu;		/* the last message was one */
	uint8_t		msg[AUTH_MESSAGE_MAX];
	uint8_t		reply[AUTH_MESSAGE_MAX];
	uint8_t		att_blob[KEY_BLOB_MAX];
	uint8_t		ea_blob[KEY_BLOB_MAX];
	uint8_t		ak_blob[KEY_BLOB_MAX];
	/* the disk */
	struct auth_state state;
	struct credential cred[SIM_CREDENTIALS];
	size_t		count;
	uint64_t	seq;
	uint8_t		blobs[LARGE_BLOBS_MAX];
	size_t		blobs_len;	/* 0: none */
	struct sim_blob	blob[SIM_CREDENTIALS];
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "sim: %s\n", what);
	abort();
}

/* splitmix64: good enough to be different, and the same every time */
static void
seeded_random(void *arg, uint8_t *out, size_t len)
{
	struct sim_private *p = arg;
	uint64_t z;

	while (len-- > 0) {
		z = p->random += UINT64_C(0x9e3779b97f4a7c15);
		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		*out++ = (uint8_t)(z >> 56);
	}
}

/*
 * OpenSSL's randomness as well, so that keys and nonces come out the same for
 * the same seed. The only way that 3.0 has for that is deprecated.
 */
static struct sim_private *openssl_seed;

static int
openssl_random(unsigned char *out, int len)
{
	seeded_random(openssl_seed, out, (size_t)len);
	return 1;
}

static int
openssl_random_status(void)
{
	return 1;
}

static void
seed_openssl(struct sim_private *p)
{
	static const RAND_METHOD method = {
		.bytes = openssl_random,
		.pseudorand = openssl_random,
		.status = openssl_random_status,
	};

	openssl_seed = p;
	RAND_set_rand_method(p != NULL ? &method : NULL);
}

/* Keys of a provider whose directory is gone as soon as it is open. */
static struct keys *
open_keys(void)
{
	char dir[] = "/tmp/sealkey-sim-XXXXXX";
	uint8_t wrapped[KEY_WRAPPED_MAX];
	struct keys *keys;
	size_t len;
	int fd;

	if (mkdtemp(dir) == NULL)
		die("mkdtemp");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || keys_open_software(fd, true, &keys) != 0)
		die("keys_open_software");
	unlinkat(fd, "software.key", 0);
	close(fd);
	rmdir(dir);
	if (keys->ops->new_storage_key(keys, wrapped, &len) != 0)
		die("new_storage_key");
	return keys;
}

/* A key, and what stands for its certificate; the caller wants its public
 * half. */
static struct key_op
make_attestation(struct sim_private *p, struct span leaf,
    struct auth_attestation *att, uint8_t blob[static KEY_BLOB_MAX])
{
	struct key_op op = {
		.verb = KEY_CREATE,
		.alg = COSE_ES256,
		.epoch = span(no_epoch, sizeof(no_epoch)),
		.bound = span_str(AUTH_ATTESTATION_BOUND),
	};

	if (keys_perform(p->keys, &op) != 0)
		die("attestation key");
	memcpy(blob, op.out_blob, op.out_blob_len);
	att->alg = COSE_ES256;
	att->blob = span(blob, op.out_blob_len);
	att->x5c[0] = leaf;
	att->x5c_count = 1;
	return op;
}

/* Whether there is an RP that gets tpm attestation, as far as we play it. */
static bool
wants_tpm(const struct auth_config *cfg)
{
	bool wants = cfg->attestation.kind == ATTESTATION_TPM;

	for (size_t i = 0; i < AUTH_FORMAT_RPS_MAX; i++)
		wants = wants || (cfg->format_rp[i].rp.len > 0 &&
		    cfg->format_rp[i].kind == ATTESTATION_TPM);
	return wants && cfg->ak_alg == COSE_ES256;
}

static void
make_attestations(struct sim *s)
{
	static const uint8_t ak_leaf[] = { 0x30, 0x01, 0x03 };
	static const uint8_t leaf[] = { 0x30, 0x01, 0x00 };
	static const uint8_t u2f_leaf[] = { 0x30, 0x01, 0x02 };
	static const uint8_t enterprise_leaf[] = { 0x30, 0x01, 0x01 };
	struct sim_private *p = s->priv;
	struct key_op op;

	op = make_attestation(p, span(leaf, sizeof(leaf)),
	    &p->cfg.attestation, p->att_blob);
	p->cfg.attestation.u2f = span(u2f_leaf, sizeof(u2f_leaf));
	memcpy(s->attestation_pub, op.out_pub, op.out_pub_len);
	s->attestation_pub_len = op.out_pub_len;
	op = make_attestation(p, span(enterprise_leaf,
	    sizeof(enterprise_leaf)), &p->cfg.enterprise, p->ea_blob);
	memcpy(s->enterprise_pub, op.out_pub, op.out_pub_len);
	s->enterprise_pub_len = op.out_pub_len;
	if (!wants_tpm(&p->cfg))
		return;
	op = make_attestation(p, span(ak_leaf, sizeof(ak_leaf)), &p->cfg.tpm,
	    p->ak_blob);
	memcpy(s->tpm_pub, op.out_pub, op.out_pub_len);
	s->tpm_pub_len = op.out_pub_len;
}

static void
configure(struct sim_private *p, const struct sim_setup *setup)
{
	struct auth_config *cfg = &p->cfg;
	char msg[SETTINGS_MESSAGE_LEN];

	auth_config_default(cfg);
	memcpy(cfg->aaguid, aaguid, sizeof(aaguid));
	cfg->firmware_version = 1;
	memcpy(cfg->algs, all_algs, sizeof(all_algs));
	cfg->alg_count = sizeof(all_algs) / sizeof(all_algs[0]);
	cfg->capacity = SIM_CREDENTIALS;
	for (size_t i = 0; setup->set[i] != NULL; i++)
		if (settings_assign(cfg, setup->set[i], msg, sizeof(msg)) < 0)
			die(msg);
	cfg->pin_in_keys = setup->pin_in_keys;
	cfg->random = seeded_random;
	cfg->random_arg = p;
	p->random = ~setup->seed;
}

/* What keys that have the PIN know better; as authenticator/device.c does */
static void
learn_pin(struct sim_private *p)
{
	p->state.pin_failures = p->tpm.pin_failures;
	if (p->tpm.pin_set && !p->state.pin_set)
		p->state.pin_length = p->cfg.min_pin_length;
	if (!p->tpm.pin_set && p->state.pin_set)
		p->state.pin_failures = KEY_PIN_LIMIT;
	p->state.pin_set |= p->tpm.pin_set;
}

static void
power_up(struct sim *s)
{
	struct sim_private *p = s->priv;

	if (p->cfg.pin_in_keys)
		learn_pin(p);
	s->auth = auth_init(p->mem, &p->cfg, &p->state, s->now_ms);
	if (s->auth == NULL)
		die("auth_init");
	s->want = AUTH_IDLE;
	p->touched = false;
	p->asked_until = 0;
}

struct sim *
sim_new(const struct sim_setup *setup)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct sim_private *p = calloc(1, sizeof(*p));

	if (s == NULL || p == NULL)
		die("no memory");
	s->priv = p;
	s->now_ms = 1000000;
	configure(p, setup);
	seed_openssl(p);
	p->mem = malloc(auth_size());
	p->keys = open_keys();
	if (p->mem == NULL)
		die("no memory");
	make_attestations(s);
	/* the same from here on, however many keys it attests with */
	p->random = setup->seed;
	seeded_random(p, p->state.epoch, sizeof(p->state.epoch));
	power_up(s);
	return s;
}

void
sim_free(struct sim *s)
{
	if (s == NULL)
		return;
	auth_done(s->auth);
	keys_free(s->priv->keys);
	if (openssl_seed == s->priv)
		seed_openssl(NULL);
	free(s->priv->mem);
	free(s->priv);
	free(s);
}

void
sim_power_cycle(struct sim *s)
{
	auth_done(s->auth);
	power_up(s);
}

static bool
matches(const struct credential *c, const struct auth_lookup *q)
{
	if (q->kind == LOOKUP_ID_ANY)
		return span_eq(q->id, span(c->id, c->id_len));
	if (memcmp(c->rp_id_hash, q->rp_id_hash, sizeof(c->rp_id_hash)) != 0)
		return false;
	if (c->protect > q->protect_max)
		return false;
	switch (q->kind) {
	case LOOKUP_ID:
		return span_eq(q->id, span(c->id, c->id_len));
	case LOOKUP_USER:
		return c->discoverable && span_eq(q->user_id,
		    span(c->user.id, c->user.id_len));
	default:
		return c->discoverable && c->seq < q->before;
	}
}

static bool
is_listed(const struct sim_private *p, size_t i)
{
	if (!p->cred[i].discoverable)
		return false;
	for (size_t j = i + 1; j < p->count; j++)
		if (p->cred[j].discoverable && memcmp(p->cred[i].rp_id_hash,
		    p->cred[j].rp_id_hash, 32) == 0)
			return false;
	return true;
}

/* Sites are in order of their hash, whose beginning is the cursor. */
static void
lookup_site(const struct sim_private *p, struct auth_lookup *q)
{
	uint8_t from[LOOKUP_CURSOR_LEN];

	memcpy(from, q->cursor, sizeof(from));
	for (size_t i = 0; i < p->count; i++) {
		const uint8_t *at = p->cred[i].rp_id_hash;

		if (!is_listed(p, i))
			continue;
		q->count += !q->has_cursor;
		if (q->has_cursor && memcmp(at, from, sizeof(from)) <= 0)
			continue;
		if (q->found && memcmp(at, q->cursor, sizeof(from)) >= 0)
			continue;
		q->found = true;
		memcpy(q->cursor, at, sizeof(q->cursor));
		*q->cred = p->cred[i];
	}
	q->has_cursor = q->found;
}

/* With seq 0, a place that is free: there is one for each credential. */
static struct sim_blob *
find_blob(struct sim_private *p, uint64_t seq)
{
	for (size_t i = 0; i < SIM_CREDENTIALS; i++)
		if (p->blob[i].seq == seq)
			return &p->blob[i];
	return NULL;
}

static void
lookup_blob(struct sim_private *p, struct auth_lookup *q)
{
	const struct sim_blob *b = find_blob(p, q->seq);

	if (b == NULL)
		return;
	q->found = true;
	q->original_size = b->original_size;
	q->blobs_len = b->len;
	memcpy(q->blobs, b->bytes, b->len);
}

static void
put_blob(struct sim_private *p, const struct own_blob *own)
{
	struct sim_blob *b = find_blob(p, own->seq);

	if (b == NULL)
		b = find_blob(p, 0);
	if (b == NULL || own->bytes.len > LARGE_BLOB_MAX)
		die("a large blob that is too large, or of no credential");
	b->seq = own->seq;
	b->original_size = own->original_size;
	b->len = own->bytes.len;
	memcpy(b->bytes, own->bytes.p, own->bytes.len);
}

/* The disk is in order of seq: the last one that fits is the newest. */
static void
lookup(struct sim *s, struct auth_lookup *q)
{
	struct sim_private *p = s->priv;

	q->result = s->lookup_error;
	q->found = false;
	q->count = q->room = 0;
	if (q->kind == LOOKUP_BLOBS) {
		q->found = q->result == 0 && p->blobs_len > 0;
		memcpy(q->blobs, p->blobs, p->blobs_len);
		q->blobs_len = p->blobs_len;
		return;
	}
	if (q->kind == LOOKUP_BLOB) {
		if (q->result == 0)
			lookup_blob(p, q);
		return;
	}
	if (q->result == 0 && q->kind == LOOKUP_SITE) {
		lookup_site(p, q);
		return;
	}
	if (q->result == 0 && q->kind == LOOKUP_COUNT) {
		q->found = true;
		for (size_t i = 0; i < p->count; i++)
			q->count += p->cred[i].discoverable;
		q->room = (uint32_t)(SIM_CREDENTIALS - p->count);
		return;
	}
	for (size_t i = 0; q->result == 0 && i < p->count; i++) {
		if (!matches(&p->cred[i], q))
			continue;
		q->found = true;
		q->count++;
		*q->cred = p->cred[i];
	}
}

static void
drop(struct sim_private *p, uint64_t seq)
{
	struct sim_blob *b = find_blob(p, seq);

	if (b != NULL)
		b->seq = 0;
	for (size_t i = 0; i < p->count; i++) {
		if (p->cred[i].seq != seq)
			continue;
		memmove(&p->cred[i], &p->cred[i + 1],
		    (p->count - i - 1) * sizeof(p->cred[0]));
		p->count--;
		return;
	}
	die("a credential that is not there was removed");
}

static void
replace(struct sim_private *p, const struct credential *cred)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->cred[i].seq != cred->seq)
			continue;
		p->cred[i] = *cred;
		return;
	}
	die("a credential that is not there was replaced");
}

static int
commit(struct sim *s, const struct auth_change *chg)
{
	struct sim_private *p = s->priv;

	if (s->commit_error != 0)
		return s->commit_error;
	s->commits++;
	if (chg->reset) {
		p->count = p->blobs_len = 0;
		memset(p->blob, 0, sizeof(p->blob));
	}
	if (chg->remove != 0)
		drop(p, chg->remove);
	if (chg->replace != NULL)
		replace(p, chg->replace);
	if (chg->put != NULL) {
		if (p->count == SIM_CREDENTIALS)
			return -ENOSPC;
		p->cred[p->count] = *chg->put;
		p->cred[p->count++].seq = ++p->seq;
	}
	if (chg->own_blob.seq != 0)
		put_blob(p, &chg->own_blob);
	if (chg->large_blobs.p != NULL) {
		if (chg->large_blobs.len > LARGE_BLOBS_MAX)
			die("a large-blob array that is too large");
		memcpy(p->blobs, chg->large_blobs.p, chg->large_blobs.len);
		p->blobs_len = chg->large_blobs.len;
	}
	if (chg->state != NULL)
		p->state = *chg->state;
	p->state.credentials = (uint32_t)p->count;
	return 0;
}

static void
perform_key(struct sim *s, struct key_op *op)
{
	if (s->key_error != 0)
		op->result = s->key_error;
	else
		sim_tpm_perform(&s->priv->tpm, s->priv->keys, op);
}

/* A status word, and data only if that is 9000. */
static bool
is_apdu_reply(struct span r)
{
	return r.len == 2 ||
	    (r.len > 2 && r.p[r.len - 2] == 0x90 && r.p[r.len - 1] == 0);
}

/* Every reply of the key is canonical CBOR, whatever the test is about. */
static bool
is_cbor_reply(struct span r)
{
	return r.len == 1 || (r.len > 1 && r.p[0] == CTAP2_OK &&
	    cbor_check(span(r.p + 1, r.len - 1)));
}

static void
take_reply(struct sim *s)
{
	struct span r = auth_reply(s->auth);

	if (!(s->priv->apdu ? is_apdu_reply(r) : is_cbor_reply(r)))
		die("a reply that is not canonical CBOR, or no status word");
	memcpy(s->priv->reply, r.p, r.len);
	s->reply = span(s->priv->reply, r.len);
	auth_replied(s->auth);
}

static enum auth_want
run(struct sim *s, enum auth_want want)
{
	struct auth *au = s->auth;

	for (;;) {
		switch (want) {
		case AUTH_KEY:
			perform_key(s, auth_key_op(au));
			want = auth_key_done(au, s->now_ms);
			continue;
		case AUTH_LOOKUP:
			lookup(s, auth_lookup_op(au));
			want = auth_lookup_done(au, s->now_ms);
			continue;
		case AUTH_COMMIT:
			want = auth_commit_done(au,
			    commit(s, auth_change(au)), s->now_ms);
			continue;
		case AUTH_REPLY:
			take_reply(s);
			break;
		default:
			break;
		}
		s->want = want;
		return want;
	}
}

enum auth_want
sim_send(struct sim *s, uint64_t channel, struct span msg)
{
	if (msg.len == 0 || msg.len > sizeof(s->priv->msg))
		die("message length");
	memcpy(s->priv->msg, msg.p, msg.len);
	s->prompts = 0;
	s->priv->apdu = false;
	run(s, auth_command(s->auth, channel, span(s->priv->msg, msg.len),
	    s->now_ms));
	s->prompts += s->want == AUTH_USER;
	return s->want;
}

enum auth_want
sim_apdu(struct sim *s, uint64_t channel, struct span msg)
{
	struct sim_private *p = s->priv;
	bool touched = p->touched && s->now_ms < p->asked_until;

	if (msg.len > sizeof(p->msg))
		die("message length");
	memcpy(p->msg, msg.p, msg.len);
	p->apdu = true;
	s->prompts = 0;
	run(s, auth_apdu(s->auth, channel, span(p->msg, msg.len),
	    s->now_ms));
	if (s->want != AUTH_USER)
		return s->want;
	if (!auth_prompt(s->auth)->polled)
		die("U2F waits for a touch");
	s->prompts++;
	p->touched = false;
	p->asked_until = touched ? 0 : s->now_ms + TOUCH_KEPT_MS;
	return run(s, touched ?
	    auth_user_input(s->auth, USER_PRESENT, s->now_ms) :
	    auth_tick(s->auth, s->now_ms));
}

bool
sim_touch(struct sim *s)
{
	struct sim_private *p = s->priv;

	if (s->want == AUTH_USER) {
		sim_answer(s, USER_PRESENT);
		return true;
	}
	if (s->now_ms >= p->asked_until)
		return false;
	p->touched = true;
	return true;
}

enum auth_want
sim_answer(struct sim *s, enum user_answer answer)
{
	if (s->want != AUTH_USER)
		die("nobody was asked");
	run(s, auth_user_input(s->auth, answer, s->now_ms));
	s->prompts += s->want == AUTH_USER;
	return s->want;
}

enum auth_want
sim_finger(struct sim *s, struct user_finger finger)
{
	if (s->want != AUTH_USER)
		die("nobody was asked");
	run(s, auth_finger(s->auth, finger, s->now_ms));
	s->prompts += s->want == AUTH_USER;
	return s->want;
}

enum auth_want
sim_cancel(struct sim *s, uint64_t channel)
{
	return run(s, auth_cancel(s->auth, channel));
}

enum auth_want
sim_abort(struct sim *s, uint64_t channel)
{
	return run(s, auth_abort(s->auth, channel));
}

enum auth_want
sim_advance(struct sim *s, uint64_t ms)
{
	uint64_t end = s->now_ms + ms;

	while (auth_deadline(s->auth) <= end) {
		s->now_ms = auth_deadline(s->auth);
		run(s, auth_tick(s->auth, s->now_ms));
	}
	s->now_ms = end;
	return s->want;
}

uint8_t
sim_yes(struct sim *s, struct span msg)
{
	enum auth_want want = sim_send(s, 1, msg);

	while (want == AUTH_USER)
		want = sim_finger(s, (struct user_finger){
		    .long_touch = true });
	return s->reply.p[0];
}

const uint8_t *
sim_pin_hash(const struct sim *s)
{
	const struct sim_private *p = s->priv;

	if (p->cfg.pin_in_keys)
		return p->tpm.pin_set ? p->tpm.pin_hash : NULL;
	return p->state.pin_set ? p->state.pin_hash : NULL;
}

size_t
sim_credentials(const struct sim *s)
{
	return s->priv->count;
}

const struct credential *
sim_credential(const struct sim *s, size_t i)
{
	return i < s->priv->count ? &s->priv->cred[i] : NULL;
}
