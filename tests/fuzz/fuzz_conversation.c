/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole conversation with the engine: messages, touches, time, power,
 * failures of the disk and of the keys, in any order. The seeds are the
 * conformance cases, written down by tests/corpus_main.c.
 *
 * An event is one byte; EVENT_SEND is followed by a length (two bytes,
 * big-endian) and a message, EVENT_TIME by a number of tenths of a second.
 *
 * Whether a message comes with the right PIN is found out before the engine
 * sees it, with its key agreement key.
 */
#include "authenticator/engine/impl.h"
#include "conformance/sim.h"
#include "tests/conversation.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#define U2F_REGISTER		0x01	/* INS */
#define U2F_AUTHENTICATE	0x02

/* What must hold whatever was said. */
struct seen {
	size_t		credentials;
	unsigned	commits;
	uint32_t	counter;	/* the last one told */
	bool		touched;	/* since power-up */
	bool		verified;	/* by the key, or by the PIN */
	unsigned	samples;	/* good ones, of any finger; since the
					 * last that was enrolled */
	struct auth_state state;
	bool		has_pin;
	uint8_t		pin_hash[PIN_HASH_LEN];
	/* about the operation that is under way */
	uint64_t	channel;	/* who asked last */
	uint8_t		cmd;
	bool		right_pin;	/* it came with it */
	bool		tells_pin;	/* it has no answer without */
	bool		recognised;	/* the user was verified for it */
	bool		held;		/* it met a long touch */
	unsigned	mismatches;
	unsigned	ignored;	/* answers to another question */
};

static bool
is_zero(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)p)[i] != 0)
			return false;
	return true;
}

/* Whether pinHashEnc holds the PIN of now. */
static bool
is_right_pin(const struct sim *s, const struct ctap_client_pin *req)
{
	const uint8_t *pin = sim_pin_hash(s);
	const struct pin_agreement *a;
	struct pin_secret secret;
	uint8_t hash[64];
	size_t len;

	if (pin == NULL || !req->peer.valid ||
	    req->pin_hash_enc.p == NULL || req->protocol.v < 1 ||
	    req->protocol.v > PIN_PROTOCOL_MAX)
		return false;
	/* made now if there is none: as the command would do */
	a = key_agreement(s->auth, (int)req->protocol.v);
	return a != NULL && pin_agreement_secret(a, (int)req->protocol.v,
	    req->peer.x.p, req->peer.y.p, &secret) &&
	    pin_decrypt(&secret, req->pin_hash_enc, hash, sizeof(hash),
	    &len) && len == PIN_HASH_LEN &&
	    memcmp(hash, pin, PIN_HASH_LEN) == 0;
}

static void
look_for_pin(const struct sim *s, struct span msg, struct seen *seen)
{
	union ctap_request req;

	seen->right_pin = seen->tells_pin = false;
	if (msg.p[0] != CTAP_CLIENT_PIN || ctap_decode(msg.p[0],
	    span(msg.p + 1, msg.len - 1), &req) != CTAP2_OK)
		return;
	seen->tells_pin = req.pin.subcommand == 4 ||
	    req.pin.subcommand == 5 || req.pin.subcommand == 9;
	seen->right_pin = seen->tells_pin && is_right_pin(s, &req.pin);
}

static void
look_at_pin(const struct sim *s, struct seen *seen)
{
	const uint8_t *pin = sim_pin_hash(s);

	seen->has_pin = pin != NULL;
	if (pin != NULL)
		memcpy(seen->pin_hash, pin, PIN_HASH_LEN);
}

/*
 * Retries are never given back to somebody who does not know the PIN, or
 * whom the key does not recognise; nor is the PIN changed.
 */
static void
check_retries(const struct sim *s, const struct seen *before)
{
	const struct auth_state *was = &before->state, *is = &s->auth->state;
	bool ok = s->reply.p[0] == CTAP2_OK;
	bool reset = ok && before->cmd == CTAP_RESET;
	const uint8_t *pin = sim_pin_hash(s);

	/* what keys have done is done, even if the host was told of an error */
	if (s->auth->cfg.pin_in_keys) {
		reset = before->cmd == CTAP_RESET;
		ok = true;
	}
	if (is->pin_failures < was->pin_failures)
		CHECK(before->right_pin || reset);
	if (is->uv_failures < was->uv_failures)
		CHECK(before->right_pin || before->recognised || reset);
	if (before->has_pin && (pin == NULL ||
	    memcmp(pin, before->pin_hash, PIN_HASH_LEN) != 0))
		CHECK((ok && before->right_pin) || reset);
	if (before->tells_pin && !before->right_pin)
		CHECK(s->reply.p[0] != CTAP2_OK);
	if (before->mismatches > 0 && !before->recognised &&
	    s->commit_error == 0)
		CHECK(is->uv_failures > was->uv_failures);
}

/*
 * Fingers come and go by bioEnrollment alone, one at a time and after four
 * good samples, all at a reset; none twice. Who has none left is not verified.
 */
static void
check_fingers(const struct sim *s, struct seen *before)
{
	const struct auth *au = s->auth;
	unsigned was = before->state.bio_count, is = au->state.bio_count;
	bool ok = s->reply.p[0] == CTAP2_OK;

	CHECK(is <= BIO_TEMPLATES_MAX && au->enrolment.left <= 4);
	if (is != was)
		CHECK(ok && (before->cmd == CTAP_BIO_ENROLLMENT ?
		    is + 1 == was || is == was + 1 :
		    before->cmd == CTAP_RESET && is == 0));
	if (is > was) {
		CHECK(before->samples >= 4);
		before->samples = 0;
	}
	CHECK(au->enrolment.left > 0 ||
	    is_zero(&au->enrolment, sizeof(au->enrolment)));
	for (unsigned i = 0; i < is; i++)
		for (unsigned j = 0; j < i; j++)
			CHECK(au->state.bio[i].finger !=
			    au->state.bio[j].finger && memcmp(
			    au->state.bio[i].id, au->state.bio[j].id,
			    BIO_ID_LEN) != 0);
	if (has(au, FEATURE_BIO_ENROLL))
		CHECK(uv_ready(au) == (is > 0));
}

/* What is on disk if the keys have the PIN: nothing about that. */
static bool
has_changed(const struct auth *au, const struct auth_state *before)
{
	struct auth_state was, is;

	memcpy(&was, before, sizeof(was));
	memcpy(&is, &au->state, sizeof(is));
	if (au->cfg.pin_in_keys) {
		was.pin_set = is.pin_set = false;
		was.pin_length = is.pin_length = 0;
		was.pin_failures = is.pin_failures = 0;
	}
	return memcmp(&was, &is, sizeof(was)) != 0;
}

/* Every change of the state was committed, and nothing else is. */
static void
check_state(const struct sim *s, const struct seen *before)
{
	const struct auth *au = s->auth;
	bool changed = has_changed(au, &before->state);

	CHECK(!changed || s->commits > before->commits);
	CHECK(au->state.pin_failures <= PIN_RETRIES);
	CHECK(au->state.uv_failures <= UV_RETRIES);
	CHECK(au->counter <= au->state.counter_ceiling);
	/* an operation leaves nothing of itself behind, nor what it read */
	CHECK(is_zero(&au->work->op, sizeof(au->work->op)));
	CHECK(is_zero(au->work->blobs, sizeof(au->work->blobs)));
}

/* What is said to be kept was committed; a reset may want a long touch. */
static void
check_promises(const struct sim *s, const struct seen *before)
{
	static const uint8_t written[] = "\x67written\xf5";
	size_t len = sizeof(written) - 1;

	if (s->reply.p[0] != CTAP2_OK)
		return;
	if (before->cmd == CTAP_GET_ASSERTION && s->reply.len > len &&
	    memcmp(s->reply.p + s->reply.len - len, written, len) == 0)
		CHECK(s->commits > before->commits);
	if (before->cmd == CTAP_RESET && before->state.long_touch)
		CHECK(before->held);
}

/* Authenticator data of a registration or sign-in: member 2 of the reply. */
static struct span
auth_data_of(struct span reply)
{
	struct cbor_in in;
	struct span data = { NULL, 0 };
	size_t pairs;
	int64_t key;

	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	CHECK(cbor_map(&in, &pairs));
	for (; pairs > 0 && cbor_int(&in, &key); pairs--)
		if (key != 2)
			cbor_any(&in, NULL);
		else
			cbor_bytes(&in, &data);
	CHECK(in.err == CTAP2_OK && data.len >= 37);
	return data;
}

static uint32_t
counter_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* No flag without the gesture, no counter twice. */
static void
check_auth_data(struct sim *s, struct seen *seen)
{
	struct span d = auth_data_of(s->reply);
	uint32_t counter = counter_at(d.p + 33);

	if (d.p[32] & AUTHDATA_UP)
		CHECK(seen->touched || seen->verified);
	if (d.p[32] & AUTHDATA_UV)
		CHECK(seen->verified);
	if (seen->cmd == CTAP_MAKE_CREDENTIAL) {
		CHECK(counter >= seen->counter);
		return;
	}
	CHECK(counter > seen->counter);
	seen->counter = counter;
}

static void
check_reply(struct sim *s, struct seen *before)
{
	uint8_t cmd = before->cmd;
	size_t now = sim_credentials(s);
	uint8_t status = s->reply.p[0];

	CHECK(ctap_status_name(status) != NULL);
	/* an error has no body, and changed no credential */
	if (status != CTAP2_OK)
		CHECK(s->reply.len == 1 && now == before->credentials);
	/* what is kept was committed, what was not asked for is not kept */
	if (now != before->credentials) {
		CHECK(s->commits > before->commits);
		CHECK(cmd == CTAP_MAKE_CREDENTIAL || cmd == CTAP_RESET ||
		    cmd == CTAP_CREDENTIAL_MANAGEMENT);
		CHECK(cmd != CTAP_RESET || now == 0);
		CHECK(cmd != CTAP_CREDENTIAL_MANAGEMENT ||
		    now == before->credentials - 1);
	}
	/* once: verification shows presence, only a mismatch asks again */
	CHECK(s->prompts - before->ignored <= 1 + before->mismatches);
	CHECK(s->prompts - before->ignored <= UV_INTERNAL_RETRIES);
	before->verified |= before->right_pin && status == CTAP2_OK;
	check_retries(s, before);
	check_fingers(s, before);
	check_promises(s, before);
	check_state(s, before);
	CHECK(auth_idle(s->auth));
	if (status == CTAP2_OK && (cmd == CTAP_MAKE_CREDENTIAL ||
	    cmd == CTAP_GET_ASSERTION || cmd == CTAP_GET_NEXT_ASSERTION))
		check_auth_data(s, before);
	before->credentials = now;
	before->commits = s->commits;
	before->state = s->auth->state;
	look_at_pin(s, before);
}

static size_t
take_send(struct sim *s, uint64_t channel, const uint8_t *data, size_t len,
    struct seen *seen)
{
	size_t n;

	if (len < 2)
		return len;
	n = (size_t)data[0] << 8 | data[1];
	if (n > len - 2)
		n = len - 2;
	/* CTAPHID lets through neither of these */
	if (n == 0 || n > AUTH_MESSAGE_MAX)
		return 2 + n;
	seen->cmd = data[2] == CTAP_CREDENTIAL_MANAGEMENT_PREVIEW ?
	    CTAP_CREDENTIAL_MANAGEMENT :
	    data[2] == CTAP_BIO_ENROLLMENT_PREVIEW ? CTAP_BIO_ENROLLMENT :
	    data[2];
	seen->channel = channel;
	seen->recognised = seen->held = false;
	seen->mismatches = seen->ignored = 0;
	look_for_pin(s, span(data + 2, n), seen);
	sim_send(s, channel, span(data + 2, n));
	return 2 + n;
}

/* A registration needs a touch; a signature says whether there was one. */
static void
check_apdu_data(struct span data, uint8_t ins, struct seen *seen)
{
	uint32_t counter;

	if (ins == U2F_REGISTER)
		CHECK(seen->touched);
	if (ins != U2F_AUTHENTICATE)
		return;
	CHECK(data.len > 5 && (!(data.p[0] & 1) || seen->touched));
	counter = counter_at(data.p + 1);
	CHECK(counter > seen->counter);
	seen->counter = counter;
}

static void
check_apdu_reply(const struct sim *s, uint8_t ins, struct seen *seen)
{
	const uint8_t *end = s->reply.p + s->reply.len;

	CHECK(s->want == AUTH_REPLY && s->reply.len >= 2);
	/* U2F makes nothing that is kept, and tells data only of successes */
	CHECK(sim_credentials(s) == seen->credentials);
	CHECK(s->reply.len == 2 || (end[-2] == 0x90 && end[-1] == 0));
	if (s->reply.len > 2)
		check_apdu_data(span(s->reply.p, s->reply.len - 2), ins,
		    seen);
	check_state(s, seen);
	seen->commits = s->commits;
	seen->state = s->auth->state;
	look_at_pin(s, seen);
}

static size_t
take_apdu(struct sim *s, const uint8_t *data, size_t len, struct seen *seen)
{
	size_t n;

	if (len < 2)
		return len;
	n = (size_t)data[0] << 8 | data[1];
	if (n > len - 2)
		n = len - 2;
	if (n > AUTH_MESSAGE_MAX || !auth_has_u2f(s->auth))
		return 2 + n;
	sim_apdu(s, 1, span(data + 2, n));
	check_apdu_reply(s, n > 1 ? data[3] : 0, seen);
	s->want = AUTH_IDLE;
	return 2 + n;
}

static void
answer(struct sim *s, struct seen *seen, enum user_answer a)
{
	enum prompt_kind kind = auth_prompt(s->auth)->kind;
	bool verifies = s->want == AUTH_USER && kind == PROMPT_VERIFICATION;
	bool too_short = auth_prompt(s->auth)->long_touch && a != USER_HELD;

	seen->touched |= (a == USER_PRESENT && !too_short) || a == USER_HELD;
	/* a press that nobody has asked for yet may be kept, for U2F */
	if (s->want != AUTH_USER && a == USER_PRESENT)
		sim_touch(s);
	if (s->want != AUTH_USER)
		return;
	seen->held |= a == USER_HELD;
	seen->verified |= a == USER_VERIFIED;
	seen->recognised |= verifies && a == USER_VERIFIED;
	seen->mismatches += verifies && a == USER_MISMATCH;
	/* the simulator counts the question that is still there */
	if (kind == PROMPT_SAMPLE || too_short)
		seen->ignored += a != USER_REFUSED;
	else if (verifies)
		seen->ignored += a == USER_PRESENT || a == USER_HELD;
	else
		seen->ignored += a == USER_MISMATCH;
	sim_answer(s, a);
}

/* It answers whatever is asked; whether it verifies, the templates say. */
static void
put_finger(struct sim *s, struct seen *seen, uint8_t byte)
{
	struct user_finger f = { .number = byte >> 4, .status = byte & 0xf };
	bool known = bio_knows(s->auth, f);

	if (s->want != AUTH_USER)
		return;
	/* no finger stays for long: EVENT_HOLD does */
	if (auth_prompt(s->auth)->long_touch)
		seen->ignored++;
	else
		seen->touched |= auth_prompt(s->auth)->kind ==
		    PROMPT_PRESENCE;
	seen->samples += f.status == SAMPLE_GOOD &&
	    auth_prompt(s->auth)->kind == PROMPT_SAMPLE;
	if (auth_prompt(s->auth)->kind == PROMPT_VERIFICATION) {
		seen->verified |= known;
		seen->recognised |= known;
		seen->mismatches += !known;
	}
	sim_finger(s, f);
}

/* The host gives up; nobody else can do that for it. */
static void
cancel(struct sim *s, const struct seen *seen)
{
	if (s->want != AUTH_USER)
		return;
	CHECK(sim_cancel(s, seen->channel ^ 8) == AUTH_USER);
	CHECK(sim_cancel(s, seen->channel) == AUTH_REPLY);
	CHECK(s->reply.p[0] == CTAP2_ERR_KEEPALIVE_CANCEL);
}

/* Nothing is left of a host that has gone; the others notice nothing. */
static void
host_goes(struct sim *s, const struct seen *seen)
{
	const struct auth *au = s->auth;

	if (seen->channel >> 32 == 0 && s->want == AUTH_USER)
		CHECK(sim_abort(s, seen->channel) == AUTH_REPLY);
	auth_host_gone(s->auth, 0);
	CHECK(s->want == AUTH_REPLY || auth_current_want(au) == s->want);
	for (size_t i = 0; i < HOSTS_MAX; i++)
		CHECK(!au->session[i].open || au->session[i].host != 0);
	CHECK(!au->pending.active || au->pending.channel >> 32 != 0);
	CHECK(au->enrolment.left == 0 || au->enrolment.host != 0);
}

/* As the loop does it: between two operations. */
static void
owner_changes(struct sim *s, struct seen *seen)
{
	struct auth_state state = s->auth->state;
	const struct auth *au = s->auth;

	cancel(s, seen);
	auth_store_changed(s->auth, &state);
	CHECK(is_zero(au->session, sizeof(au->session)));
	CHECK(is_zero(au->agreement, sizeof(au->agreement)));
	CHECK(is_zero(&au->enrolment, sizeof(au->enrolment)));
	CHECK(!au->pending.active);
}

static void
fail_commits(struct sim *s)
{
	s->commit_error = s->commit_error == 0 ? -ENOSPC :
	    s->commit_error == -ENOSPC ? -EIO : 0;
}

/* Bytes that the event took besides its own. */
static size_t
do_event(struct sim *s, uint8_t event, const uint8_t *data, size_t len,
    struct seen *seen)
{
	switch (event) {
	case EVENT_APDU:
		cancel(s, seen);
		return take_apdu(s, data, len, seen);
	case EVENT_SEND_1:
	case EVENT_SEND_2:
	case EVENT_SEND_3:
		/* one operation at a time: the loop lets the others wait */
		cancel(s, seen);
		return take_send(s, event == EVENT_SEND_1 ? 1 :
		    event == EVENT_SEND_2 ? 2 : UINT64_C(1) << 32 | 1, data,
		    len, seen);
	case EVENT_TOUCH:
		answer(s, seen, USER_PRESENT);
		return 0;
	case EVENT_HOLD:
		answer(s, seen, USER_HELD);
		return 0;
	case EVENT_VERIFY:
		answer(s, seen, USER_VERIFIED);
		return 0;
	case EVENT_MISMATCH:
		answer(s, seen, USER_MISMATCH);
		return 0;
	case EVENT_DENY:
		answer(s, seen, USER_REFUSED);
		return 0;
	case EVENT_CANCEL:
		cancel(s, seen);
		return 0;
	case EVENT_TIME:
		if (len > 0)
			sim_advance(s, data[0] * UINT64_C(100));
		return len > 0;
	case EVENT_FINGER:
		if (len > 0)
			put_finger(s, seen, data[0]);
		return len > 0;
	case EVENT_REPLUG:
		sim_power_cycle(s);
		seen->touched = seen->verified = false;
		seen->state = s->auth->state;
		look_at_pin(s, seen);
		return 0;
	case EVENT_GONE:
		host_goes(s, seen);
		return 0;
	case EVENT_OWNER:
		owner_changes(s, seen);
		return 0;
	case EVENT_DISK:
		fail_commits(s);
		return 0;
	case EVENT_LOOKUP:
		s->lookup_error = s->lookup_error != 0 ? 0 : -EUCLEAN;
		return 0;
	case EVENT_KEYS:
		s->key_error = s->key_error != 0 ? 0 : -EIO;
		return 0;
	default:
		return 0;
	}
}

static struct sim *
new_key(uint8_t key)
{
	struct sim_setup setup;

	conversation_setup(key, &setup);
	return sim_new(&setup);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool told = len > 1 && data[0] == EVENT_KEY;
	struct sim *s = new_key(told ? data[1] : 0);
	struct seen seen = { .state = s->auth->state };
	uint8_t event;
	size_t n;

	data += told ? 2 : 0;
	len -= told ? 2 : 0;
	while (len > 0) {
		event = *data++;
		len--;
		n = do_event(s, event, data, len, &seen);
		data += n;
		len -= n;
		if (s->want == AUTH_REPLY) {
			check_reply(s, &seen);
			s->want = AUTH_IDLE;
		}
	}
	sim_free(s);
	return 0;
}
