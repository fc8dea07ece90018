/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/transcript.h"

#include "authenticator/names.h"
#include "authenticator/settings.h"
#include "conformance/expr.h"
#include "conformance/hid_lines.h"
#include "ctap/status.h"

#include <stdarg.h>
#include <stdlib.h>

#include <openssl/evp.h>

#define CLIENT_PIN	0x06

/* One case while it runs. */
struct run {
	const struct transcript_target *target;
	void		*t;
	struct expr_env	 env;
	uint64_t	 channel;
	struct span	 reply;		/* of the last message */
	bool		 awaited;	/* and nobody has looked at it yet */
	struct hid_lines *hid;		/* NULL: no line spoke CTAPHID yet */
	struct transcript_result *result;
	const char	*name;
	unsigned	 line;
};

/* What a result points to: the longest messages there are. */
static uint8_t last_sent[EXPR_VALUE_MAX + 16];
static uint8_t last_received[TRANSCRIPT_REPLY_MAX];

static bool
failed(struct run *r, const char *fmt, ...)
{
	char what[TRANSCRIPT_WHY_MAX - 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(r->result->why, sizeof(r->result->why), "%.40s:%u: %s",
	    r->name, r->line, what);
	r->result->outcome = OUTCOME_FAILED;
	return false;
}

/* The target cannot do that, and has said why. */
static bool
skipped(struct run *r)
{
	r->result->outcome = OUTCOME_SKIPPED;
	return false;
}

/* Remembers what goes out, for whoever wants to know why a case failed. */
static void
record_sent(struct run *r, struct span msg, bool apdu)
{
	size_t len = msg.len < sizeof(last_sent) ? msg.len : sizeof(last_sent);

	memcpy(last_sent, msg.p, len);
	r->result->sent = span(last_sent, len);
	r->result->received = span(NULL, 0);
	r->result->apdu = apdu;
	r->awaited = true;
}

static void
record_received(struct run *r)
{
	size_t len = r->reply.len < sizeof(last_received) ? r->reply.len :
	    sizeof(last_received);

	memcpy(last_received, r->reply.p, len);
	r->result->received = span(last_received, len);
}

static bool
at_end(struct run *r, const char *text)
{
	expr_blank(&text);
	return *text == '\0' || failed(r, "what is \"%.40s\"?", text);
}

/* "word  rest": whether line starts with word; *rest is behind it. */
static bool
keyword(const char *line, const char *word, const char **rest)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) != 0 ||
	    (line[len] != ' ' && line[len] != '\t'))
		return false;
	*rest = line + len;
	expr_blank(rest);
	return true;
}

static const char *
state_name(enum transcript_state s)
{
	switch (s) {
	case STATE_TOUCH:
		return "touch";
	case STATE_VERIFY:
		return "verify";
	case STATE_SAMPLE:
		return "sample";
	case STATE_USER:
		return "a question to the user";
	case STATE_REPLY:
		return "reply";
	default:
		return "nothing";
	}
}

/* #CHANNEL or #HOST:CHANNEL; without, channel 1 of host 0 */
static uint64_t
parse_channel(const char **text)
{
	uint64_t channel;

	if (**text != '#')
		return 1;
	channel = strtoul(*text + 1, (char **)text, 10);
	if (**text == ':')
		channel = channel << 32 |
		    strtoul(*text + 1, (char **)text, 10);
	return channel;
}

/* The bytes that an expression is, as they are; they live in out. */
static bool
eval_raw(struct run *r, const char **text, struct cbor_out *out,
    struct span *raw)
{
	struct cbor_in in;

	if (!expr_eval(&r->env, text, out))
		return failed(r, "%s", r->env.why);
	cbor_in_init(&in, cbor_out_span(out));
	return cbor_bytes(&in, raw) || failed(r, "bytes are wanted");
}

static bool
send_apdu(struct run *r, const char *text, struct span apdu)
{
	if (!at_end(r, text))
		return false;
	if (r->target->apdu == NULL)
		return failed(r, "the target has no U2F");
	record_sent(r, apdu, true);
	r->target->apdu(r->t, r->channel, apdu);
	return true;
}

/* u2f INS P1 [DATA]: as hosts send it, extended and with Le */
static bool
send_u2f(struct run *r, const char *text)
{
	static uint8_t msg[EXPR_VALUE_MAX];
	static uint8_t apdu[EXPR_VALUE_MAX + 9];
	struct span data = span(msg, 0);
	struct cbor_out out;

	memset(apdu, 0, sizeof(apdu));
	apdu[1] = (uint8_t)strtoul(text, (char **)&text, 16);
	apdu[2] = (uint8_t)strtoul(text, (char **)&text, 16);
	expr_blank(&text);
	cbor_out_init(&out, msg, sizeof(msg));
	if (*text == '\0')
		return send_apdu(r, text, span(apdu, 7));
	if (!eval_raw(r, &text, &out, &data))
		return false;
	apdu[5] = (uint8_t)(data.len >> 8);
	apdu[6] = (uint8_t)data.len;
	memcpy(apdu + 7, data.p, data.len);
	return send_apdu(r, text, span(apdu, 7 + data.len + 2));
}

/* The lines that speak CTAPHID: hid_lines.h */

static struct hid_lines *
hid_lines(struct run *r)
{
	if (r->hid == NULL)
		r->hid = calloc(1, sizeof(*r->hid));
	if (r->hid == NULL)
		return NULL;
	r->hid->target = r->target;
	r->hid->t = r->t;
	r->hid->env = &r->env;
	return r->hid;
}

/* For whoever wants to know why a case failed. */
static bool
send_hid(struct run *r, const char *text)
{
	bool awaited = r->awaited;

	r->hid->sent = span(NULL, 0);
	if (!hid_send(r->hid, text))
		return false;
	if (r->hid->sent.len > 0)
		record_sent(r, r->hid->sent, r->hid->sent_apdu);
	r->awaited = awaited;
	return true;
}

/* What a line of theirs came to. */
static bool
hid_did(struct run *r, bool ok)
{
	if (ok)
		return true;
	if (!r->hid->cannot)
		return failed(r, "%s", r->env.why);
	snprintf(r->result->why, sizeof(r->result->why), "%s", r->env.why);
	return skipped(r);
}

static bool
has_hid(struct run *r)
{
	if (r->target->report == NULL) {
		snprintf(r->result->why, sizeof(r->result->why),
		    "needs CTAPHID reports");
		return skipped(r);
	}
	return hid_lines(r) != NULL || failed(r, "no memory");
}

/*
 * > hid ..., or
 * > [#CHANNEL] cbor CMD [EXPR] | raw h'..' | u2f INS P1 [EXPR] | apdu h'..'
 */
static bool
do_send(struct run *r, const char *text)
{
	static uint8_t msg[EXPR_VALUE_MAX];
	struct cbor_out out;
	struct span raw;

	if (keyword(text, "hid", &text))
		return has_hid(r) && hid_did(r, send_hid(r, text));
	r->channel = parse_channel(&text);
	expr_blank(&text);
	if (strncmp(text, "u2f ", 4) == 0)
		return send_u2f(r, text + 4);
	cbor_out_init(&out, msg + 1, sizeof(msg) - 1);
	if (strncmp(text, "apdu ", 5) == 0) {
		text += 5;
		return eval_raw(r, &text, &out, &raw) &&
		    send_apdu(r, text, raw);
	}
	if (strncmp(text, "cbor ", 5) == 0) {
		msg[0] = (uint8_t)strtoul(text + 5, (char **)&text, 16);
		expr_blank(&text);
		if (*text != '\0' && !expr_eval(&r->env, &text, &out))
			return failed(r, "%s", r->env.why);
		raw = span(msg, 1 + out.len);
	} else if (strncmp(text, "raw ", 4) == 0) {
		text += 4;
		if (!eval_raw(r, &text, &out, &raw))
			return false;
		if (raw.len == 0)
			return failed(r, "raw wants bytes");
	} else {
		return failed(r, "send what?");
	}
	if (out.overflow || !at_end(r, text))
		return failed(r, "too long, or something behind it");
	record_sent(r, raw, false);
	r->target->send(r->t, r->channel, raw);
	return true;
}

static bool
trouble(struct run *r)
{
	const char *what = r->target->trouble != NULL ?
	    r->target->trouble(r->target->arg) : NULL;

	return failed(r, "%s", what != NULL ? what : "the target failed");
}

/* What every reply of CTAP2 is, whatever the case is about. */
static bool
is_canonical(struct run *r)
{
	struct span body;

	if (r->reply.len == 0)
		return failed(r, "an empty reply");
	body = span(r->reply.p + 1, r->reply.len - 1);
	if (r->reply.p[0] != CTAP2_OK && body.len > 0)
		return failed(r, "error with a body");
	return body.len == 0 || cbor_check(body) ||
	    failed(r, "reply is not canonical CBOR");
}

static bool
want_reply(struct run *r)
{
	struct span rp_id;
	enum transcript_state e = r->target->state(r->t, &r->reply, &rp_id);

	if (e == STATE_TROUBLE)
		return trouble(r);
	if (e != STATE_REPLY)
		return failed(r, "no reply, but %s", state_name(e));
	/* one message has one reply */
	if (!r->awaited)
		return failed(r, "no reply since the last one");
	r->awaited = false;
	record_received(r);
	return r->result->apdu || is_canonical(r);
}

/* < sw WORD [PATTERN]: of the data, as a byte string */
static bool
expect_sw(struct run *r, const char *text)
{
	static uint8_t item[TRANSCRIPT_REPLY_MAX + 8];
	const uint8_t *end;
	unsigned long want = strtoul(text, (char **)&text, 16);
	struct cbor_out out;
	struct cbor_in in;

	if (r->reply.len < 2)
		return failed(r, "no status word");
	end = r->reply.p + r->reply.len - 2;
	if (want != ((unsigned)end[0] << 8 | end[1]))
		return failed(r, "%02x%02x, not %04lx", end[0], end[1], want);
	expr_blank(&text);
	if (*text == '\0')
		return true;
	cbor_out_init(&out, item, sizeof(item));
	cbor_put_bytes(&out, span(r->reply.p, r->reply.len - 2));
	cbor_in_init(&in, cbor_out_span(&out));
	if (!expr_match(&r->env, &text, &in))
		return failed(r, "%s", r->env.why);
	return at_end(r, text);
}

/* ok [PATTERN], error NAME, or sw WORD [PATTERN] */
static bool
expect_reply(struct run *r, const char *text)
{
	const char *name;
	struct cbor_in in;

	if (strncmp(text, "sw ", 3) == 0)
		return expect_sw(r, text + 3);
	if (r->reply.len == 0)
		return failed(r, "an empty reply");
	name = ctap_status_name(r->reply.p[0]);
	if (strncmp(text, "error ", 6) == 0) {
		text += 6;
		expr_blank(&text);
		if (name == NULL || strcmp(name, text) != 0)
			return failed(r, "%s (%02x), not %s",
			    name != NULL ? name : "?", r->reply.p[0], text);
		return r->reply.len == 1 || failed(r, "error with a body");
	}
	if (strncmp(text, "ok", 2) != 0)
		return failed(r, "expect what?");
	text += 2;
	if (r->reply.p[0] != CTAP2_OK)
		return failed(r, "%s (%02x), not ok",
		    name != NULL ? name : "?", r->reply.p[0]);
	expr_blank(&text);
	if (*text == '\0')
		return true;
	if (strcmp(text, "nothing") == 0)
		return r->reply.len == 1 || failed(r, "ok with a body");
	if (!cbor_check(span(r->reply.p + 1, r->reply.len - 1)))
		return failed(r, "reply is not canonical CBOR");
	cbor_in_init(&in, span(r->reply.p + 1, r->reply.len - 1));
	if (!expr_match(&r->env, &text, &in))
		return failed(r, "%s", r->env.why);
	return at_end(r, text);
}

/* < hid ..., or < REPLY */
static bool
do_expect(struct run *r, const char *text)
{
	if (!keyword(text, "hid", &text))
		return want_reply(r) && expect_reply(r, text);
	if (!has_hid(r) ||
	    !hid_did(r, hid_expect(r->hid, text, &r->reply, &text)))
		return false;
	if (text == NULL)
		return true;
	record_received(r);
	return expect_reply(r, text);
}

/* Whether a state is what the word of so many letters says. */
static bool
is_prompt(const struct run *r, enum transcript_state e, const char *word,
    size_t len)
{
	const char *name = state_name(e);
	bool nothing = strncmp(word, "nothing", len) == 0;

	if (e == STATE_USER || (e == STATE_REPLY && r->target->answers))
		return !nothing;
	return strlen(name) == len && strncmp(word, name, len) == 0;
}

/* ? touch|verify|nothing ["RP ID"] */
static bool
do_prompt(struct run *r, const char *text)
{
	struct span reply, rp_id = { NULL, 0 };
	enum transcript_state e = r->target->state(r->t, &reply, &rp_id);
	const char *name = state_name(e);
	size_t len = strcspn(text, " ");

	if (e == STATE_TROUBLE)
		return trouble(r);
	if (!is_prompt(r, e, text, len))
		return failed(r, "%s, not %s", name, text);
	text += len;
	expr_blank(&text);
	if (*text != '"')
		return at_end(r, text);
	if (e == STATE_USER || e == STATE_REPLY)
		return true;		/* nobody can see for whom */
	if (strlen(text) != rp_id.len + 2 ||
	    memcmp(text + 1, rp_id.p, rp_id.len) != 0)
		return failed(r, "prompt is for another RP");
	return true;
}

static bool
did(struct run *r, enum transcript_step step, const char *what)
{
	switch (step) {
	case STEP_DONE:
		return true;
	case STEP_CANNOT:
		return skipped(r);
	default:
		return failed(r, "%s", what);
	}
}

/* @ +31s, @ +100ms */
static bool
do_advance(struct run *r, const char *text)
{
	char *unit;
	unsigned long n;

	if (*text != '+')
		return failed(r, "@ wants +TIME");
	n = strtoul(text + 1, &unit, 10);
	if (strcmp(unit, "s") == 0)
		n *= 1000;
	else if (strcmp(unit, "ms") != 0)
		return failed(r, "time in s or ms");
	return did(r, r->target->advance(r->t, n, r->result->why),
	    "time cannot pass");
}

bool
transcript_finger(const char *what, uint8_t *number, uint8_t *status)
{
	char word[32] = "good";
	unsigned n = 0;
	int end = 0, sample;

	if (sscanf(what, "verify finger %u%n", &n, &end) != 1 &&
	    sscanf(what, "sample %31s%n finger %u%n", word, &end, &n,
	    &end) < 1)
		return false;
	sample = sample_named(word);
	if (sample == -1 || what[end] != '\0' || n > UINT8_MAX)
		return false;
	*number = (uint8_t)n;
	*status = (uint8_t)sample;
	return true;
}

static bool
do_act(struct run *r, const char *text)
{
	char what[64];

	snprintf(what, sizeof(what), "cannot %.40s now", text);
	return did(r, r->target->act(r->t, text, r->channel, r->result->why),
	    what);
}

/* = EXPR ~ PATTERN */
static bool
do_compare(struct run *r, const char *text)
{
	static uint8_t value[EXPR_VALUE_MAX];
	struct cbor_out out;
	struct cbor_in in;

	cbor_out_init(&out, value, sizeof(value));
	if (!expr_eval(&r->env, &text, &out))
		return failed(r, "%s", r->env.why);
	expr_blank(&text);
	if (*text++ != '~')
		return failed(r, "expected ~ PATTERN");
	cbor_in_init(&in, cbor_out_span(&out));
	if (!expr_match(&r->env, &text, &in))
		return failed(r, "%s", r->env.why);
	return at_end(r, text);
}

/* The platform's part, CTAP 2.3, 6.5.5 */

static void
fixed_random(void *arg, uint8_t *out, size_t len)
{
	(void)arg;
	memset(out, 0x5a, len);
}

static void
transact(struct run *r, const uint8_t *msg, size_t len)
{
	record_sent(r, span(msg, len), false);
	r->target->send(r->t, r->channel, span(msg, len));
}

/* Coordinates of a COSE_Key that getKeyAgreement answered. */
static bool
peer_point(struct span body, struct span *x, struct span *y)
{
	struct cbor_in in;
	struct span key;
	size_t pairs;
	int64_t k;

	cbor_in_init(&in, body);
	if (!cbor_map(&in, &pairs) || !cbor_int(&in, &k) ||
	    !cbor_map(&in, &pairs))
		return false;
	for (; pairs > 0 && cbor_int(&in, &k); pairs--) {
		if (k == -2)
			cbor_bytes_len(&in, x, 32);
		else if (k == -3)
			cbor_bytes_len(&in, y, 32);
		else
			cbor_any(&in, &key);
	}
	return in.err == CTAP2_OK && x->p != NULL && y->p != NULL;
}

/* * agree PROTOCOL: a shared secret, for platform(), encrypt() ... */
static bool
do_agree(struct run *r, int protocol)
{
	uint8_t msg[] = { CLIENT_PIN, 0xa2, 1, (uint8_t)protocol, 2, 2 };
	struct span x = { NULL, 0 }, y = { NULL, 0 };

	pin_agreement_free(r->env.platform);
	r->env.platform = pin_agreement_new(fixed_random, NULL);
	transact(r, msg, sizeof(msg));
	if (!want_reply(r))
		return false;
	if (r->reply.p[0] != CTAP2_OK ||
	    !peer_point(span(r->reply.p + 1, r->reply.len - 1), &x, &y))
		return failed(r, "no key agreement key");
	if (!pin_agreement_secret(r->env.platform, protocol, x.p, y.p,
	    &r->env.secret))
		return failed(r, "key agreement failed");
	return true;
}

static bool
take_token(struct run *r, const char *name)
{
	uint8_t token[64], item[80];
	struct cbor_out out;
	struct cbor_in in;
	struct span sealed;
	size_t pairs, len;
	int64_t key;

	if (!want_reply(r))
		return false;
	if (r->reply.p[0] != CTAP2_OK)
		return failed(r, "no token: %02x", r->reply.p[0]);
	cbor_in_init(&in, span(r->reply.p + 1, r->reply.len - 1));
	if (!cbor_map(&in, &pairs) || !cbor_int(&in, &key) || key != 2 ||
	    !cbor_bytes(&in, &sealed) || !pin_decrypt(&r->env.secret, sealed,
	    token, sizeof(token), &len))
		return failed(r, "no token in the reply");
	cbor_out_init(&out, item, sizeof(item));
	cbor_put_bytes(&out, span(token, len));
	return expr_set(&r->env, name, cbor_out_span(&out)) ||
	    failed(r, "%s", r->env.why);
}

/* What a token is asked for with; permissions 0: getPinToken, as of old. */
struct token_request {
	int		protocol;
	unsigned	permissions;
	char		rp_id[128];	/* "-": none */
	char		name[EXPR_NAME_MAX];
	char		pin[64];	/* empty: by verification */
};

static void
put_pin_hash(struct run *r, const char *pin, struct cbor_out *out)
{
	static const uint8_t iv[PIN_IV_LEN] = { 9 };
	uint8_t hash[32], sealed[32];

	EVP_Q_digest(NULL, "SHA256", NULL, pin, strlen(pin), hash, NULL);
	cbor_put_uint(out, 6);
	cbor_put_bytes(out, span(sealed,
	    pin_encrypt(&r->env.secret, iv, hash, 16, sealed)));
}

static void
put_token_request(struct run *r, const struct token_request *q,
    struct cbor_out *out)
{
	bool by_pin = q->pin[0] != '\0', rp_id = strcmp(q->rp_id, "-") != 0;
	uint8_t cose[COSE_KEY_MAX];

	cbor_put_map(out, (size_t)3 + by_pin + (q->permissions != 0) + rp_id);
	cbor_put_uint(out, 1);
	cbor_put_uint(out, (uint64_t)q->protocol);
	cbor_put_uint(out, 2);
	cbor_put_uint(out, q->permissions == 0 ? 5 : by_pin ? 9 : 6);
	cbor_put_uint(out, 3);
	cbor_put_raw(out, span(cose,
	    pin_agreement_public(r->env.platform, cose)));
	if (by_pin)
		put_pin_hash(r, q->pin, out);
	if (q->permissions != 0) {
		cbor_put_uint(out, 9);
		cbor_put_uint(out, q->permissions);
	}
	if (rp_id) {
		cbor_put_uint(out, 10);
		cbor_put_str(out, q->rp_id);
	}
}

/* * token PROTOCOL PERMISSIONS RP|- $NAME [PIN] */
static bool
do_token(struct run *r, const struct token_request *q)
{
	uint8_t msg[512];
	struct cbor_out out;

	if (!do_agree(r, q->protocol))
		return false;
	msg[0] = CLIENT_PIN;
	cbor_out_init(&out, msg + 1, sizeof(msg) - 1);
	put_token_request(r, q, &out);
	transact(r, msg, 1 + out.len);
	if (q->pin[0] == '\0' && !do_act(r, "verify"))
		return false;
	return take_token(r, q->name);
}

/* * pin PROTOCOL PIN: setPIN */
static bool
do_set_pin(struct run *r, int protocol, const char *pin)
{
	static const uint8_t iv[PIN_IV_LEN] = { 8 };
	uint8_t msg[512], cose[COSE_KEY_MAX], block[64] = { 0 };
	uint8_t sealed[80], mac[32];
	struct cbor_out out;
	size_t len;

	if (!do_agree(r, protocol))
		return false;
	memcpy(block, pin, strlen(pin));
	len = pin_encrypt(&r->env.secret, iv, block, sizeof(block), sealed);
	pin_hmac(r->env.secret.key, span(sealed, len), span(NULL, 0), mac);
	msg[0] = CLIENT_PIN;
	cbor_out_init(&out, msg + 1, sizeof(msg) - 1);
	cbor_put_map(&out, 5);
	cbor_put_uint(&out, 1);
	cbor_put_uint(&out, (uint64_t)protocol);
	cbor_put_uint(&out, 2);
	cbor_put_uint(&out, 3);
	cbor_put_uint(&out, 3);
	cbor_put_raw(&out, span(cose,
	    pin_agreement_public(r->env.platform, cose)));
	cbor_put_uint(&out, 4);
	cbor_put_bytes(&out, span(mac, protocol == 1 ? 16 : 32));
	cbor_put_uint(&out, 5);
	cbor_put_bytes(&out, span(sealed, len));
	transact(r, msg, 1 + out.len);
	return want_reply(r) && (r->reply.p[0] == CTAP2_OK ||
	    failed(r, "setPIN: %02x", r->reply.p[0]));
}

static bool
do_platform(struct run *r, const char *text)
{
	struct token_request q = { .pin = "" };

	if (sscanf(text, "channel $%23s", q.name) == 1)
		return has_hid(r) && hid_did(r, hid_channel(r->hid, q.name));
	if (sscanf(text, "agree %d", &q.protocol) == 1)
		return do_agree(r, q.protocol);
	if (sscanf(text, "token %d %i %127s $%23s %63s", &q.protocol,
	    (int *)&q.permissions, q.rp_id, q.name, q.pin) >= 4)
		return do_token(r, &q);
	if (sscanf(text, "pin %d %63s", &q.protocol, q.pin) == 2)
		return do_set_pin(r, q.protocol, q.pin);
	return failed(r, "* agree N, * pin N PIN, * token N PERMISSIONS "
	    "RP $NAME [PIN], or * channel $NAME");
}

static bool
do_line(struct run *r, const char *line)
{
	static const struct {
		char	  sign;
		bool	(*run)(struct run *r, const char *text);
	} lines[] = {
		{ '>', do_send }, { '<', do_expect }, { '?', do_prompt },
		{ '!', do_act }, { '@', do_advance }, { '=', do_compare },
		{ '*', do_platform },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (lines[i].sign != *line)
			continue;
		line++;
		expr_blank(&line);
		return lines[i].run(r, line);
	}
	return failed(r, "what is \"%.40s\"?", line);
}

/* given NAME VALUE, e.g. given uv off: a setting of the key */
static void
parse_given(struct transcript_case *c, const char *text)
{
	struct transcript_given *g = &c->given;
	struct auth_config scratch = { .alg_count = 0 };
	char name[64], msg[SETTINGS_MESSAGE_LEN];
	char *set = g->text[g->count];
	int used = 0;

	if (sscanf(text, "%63s %n", name, &used) != 1 || used == 0 ||
	    g->count == TRANSCRIPT_SETTINGS_MAX ||
	    (size_t)snprintf(set, sizeof(g->text[0]), "%s=%s", name,
	    text + used) >= sizeof(g->text[0]))
		snprintf(c->wrong, sizeof(c->wrong), "given NAME VALUE, at "
		    "most %d times", TRANSCRIPT_SETTINGS_MAX);
	else if (settings_assign(&scratch, set, msg, sizeof(msg)) < 0)
		snprintf(c->wrong, sizeof(c->wrong), "%.150s", msg);
	else
		g->set[g->count++] = set;
}

/*
 * Copies the next line, joined with those that are indented below it, and
 * without comment lines; false at the end.
 */
static bool
next_line(const char **text, unsigned *number, char line[TRANSCRIPT_LINE_MAX])
{
	size_t len = 0, n;

	line[0] = '\0';
	while (**text != '\0') {
		n = strcspn(*text, "\n");
		if (len > 0 && **text != '\t')
			break;
		if (**text != '#' && n > 0) {
			if (n >= TRANSCRIPT_LINE_MAX - len)
				n = TRANSCRIPT_LINE_MAX - len - 1;
			memcpy(line + len, *text, n);
			len += n;
			line[len] = '\0';
		}
		*text += strcspn(*text, "\n");
		*text += **text == '\n';
		(*number)++;
	}
	return len > 0;
}

/* let NAME EXPR: before the first case for all of them, or in one */
static bool
do_let(struct run *r, const char *text)
{
	static uint8_t value[EXPR_VALUE_MAX];
	char name[EXPR_NAME_MAX];
	struct cbor_out out;
	int used = 0;

	if (sscanf(text, "%23s %n", name, &used) != 1 || used == 0)
		return failed(r, "let NAME EXPRESSION");
	text += used;
	cbor_out_init(&out, value, sizeof(value));
	if (!expr_eval(&r->env, &text, &out) ||
	    !expr_set(&r->env, name, cbor_out_span(&out)))
		return failed(r, "%s", r->env.why);
	return at_end(r, text);
}

/* The lines of a file before its first title. */
static bool
run_prelude(struct run *r, const char *text)
{
	char line[TRANSCRIPT_LINE_MAX];
	const char *rest;
	unsigned number = 0;

	while (next_line(&text, &number, line)) {
		r->line = number;
		if (keyword(line, "title", &rest))
			break;
		if (!keyword(line, "let", &rest))
			return failed(r, "only let before the first title");
		if (!do_let(r, rest))
			return false;
	}
	return true;
}

bool
transcript_line(const char **text, unsigned *number,
    char line[static TRANSCRIPT_LINE_MAX])
{
	const char *rest;

	return next_line(text, number, line) &&
	    !keyword(line, "title", &rest);
}

/* What the lines of a case say about it; they are checked when it runs. */
static void
look_ahead(struct transcript_case *c)
{
	const char *text = c->body, *rest;
	char line[TRANSCRIPT_LINE_MAX];
	unsigned number = c->line;

	while (transcript_line(&text, &number, line)) {
		if (keyword(line, "covers", &rest))
			snprintf(c->covers, sizeof(c->covers), "%s", rest);
		else if (keyword(line, "needs", &rest))
			snprintf(c->needs, sizeof(c->needs), "%s", rest);
		else if (keyword(line, "given", &rest))
			parse_given(c, rest);
	}
}

bool
transcript_next(struct transcript_file *f, struct transcript_case *c)
{
	char line[TRANSCRIPT_LINE_MAX];
	const char *rest;

	if (f->at == NULL)
		f->at = f->text;
	while (next_line(&f->at, &f->line, line)) {
		if (!keyword(line, "title", &rest))
			continue;
		*c = (struct transcript_case){ .file = f->name,
		    .line = f->line, .prelude = f->text, .body = f->at };
		snprintf(c->title, sizeof(c->title), "%.*s",
		    (int)sizeof(c->title) - 1, rest);
		look_ahead(c);
		return true;
	}
	return false;
}

static bool
open_target(struct run *r, const struct transcript_case *c)
{
	if (c->wrong[0] != '\0')
		return failed(r, "%s", c->wrong);
	r->t = r->target->open(r->target->arg, c, r->result->why);
	if (r->t != NULL)
		return true;
	return r->result->why[0] != '\0' ? skipped(r) : trouble(r);
}

static bool
run_lines(struct run *r, const struct transcript_case *c)
{
	char line[TRANSCRIPT_LINE_MAX];
	const char *text = c->body, *rest;
	unsigned number = c->line, steps = 0;

	while (transcript_line(&text, &number, line)) {
		r->line = number;
		if (keyword(line, "covers", &rest) ||
		    keyword(line, "needs", &rest) ||
		    keyword(line, "given", &rest))
			continue;
		if (keyword(line, "let", &rest)) {
			if (!do_let(r, rest))
				return false;
			continue;
		}
		steps++;
		if (r->t == NULL && !open_target(r, c))
			return false;
		if (!do_line(r, line))
			return false;
	}
	return steps > 0 || failed(r, "a case without steps");
}

void
transcript_run_case(const struct transcript_case *c,
    const struct transcript_target *target, struct transcript_result *result)
{
	struct run r = { .target = target, .name = c->file, .line = c->line,
	    .result = result };

	*result = (struct transcript_result){ .of = c,
	    .outcome = OUTCOME_PASSED };
	if (run_prelude(&r, c->prelude) && run_lines(&r, c) &&
	    r.hid != NULL && !hid_end(r.hid))
		failed(&r, "%s", r.env.why);
	free(r.hid);
	if (r.t != NULL)
		target->close(r.t);
	expr_env_done(&r.env);
}

unsigned
transcript_run(const char *name, const char *text,
    const struct transcript_target *target,
    void (*done)(void *arg, const struct transcript_result *r), void *arg)
{
	struct transcript_file file = { .name = name, .text = text };
	struct transcript_result result;
	struct transcript_case c;
	unsigned cases = 0;

	while (transcript_next(&file, &c)) {
		transcript_run_case(&c, target, &result);
		done(arg, &result);
		cases++;
	}
	if (cases > 0)
		return cases;
	c = (struct transcript_case){ .file = name, .title = "a case" };
	result = (struct transcript_result){ .of = &c,
	    .outcome = OUTCOME_FAILED };
	snprintf(result.why, sizeof(result.why), "%.40s: there is none in "
	    "this file", name);
	done(arg, &result);
	return 1;
}
