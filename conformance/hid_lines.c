/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/hid_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE_INIT	0x80	/* bit 7 of the fifth byte */
#define FIRST_LEN	57u	/* payload of an initialization packet */
#define NEXT_LEN	59u	/* and of a continuation */
#define PACKETS_MAX	129u	/* of a message: sequence numbers end */
#define INIT_REPLY_LEN	17u
#define KEEPALIVES_MAX	600u	/* a minute of them is not an answer */
#define KEEPALIVES_MS	60000u	/* nor are few that come slowly */
#define SILENCE_MS	200u	/* in which a real key would have spoken */

struct name {
	const char	*name;
	uint8_t		 code;
};

static const struct name commands[] = {
	{ "PING", CTAPHID_CMD_PING },
	{ "MSG", CTAPHID_CMD_MSG },
	{ "LOCK", CTAPHID_CMD_LOCK },
	{ "INIT", CTAPHID_CMD_INIT },
	{ "WINK", CTAPHID_CMD_WINK },
	{ "CBOR", CTAPHID_CMD_CBOR },
	{ "CANCEL", CTAPHID_CMD_CANCEL },
	{ "KEEPALIVE", CTAPHID_CMD_KEEPALIVE },
	{ "ERROR", CTAPHID_CMD_ERROR },
	{ NULL, 0 },
};

static const struct name errors[] = {
	{ "INVALID_CMD", CTAPHID_ERR_INVALID_CMD },
	{ "INVALID_PAR", CTAPHID_ERR_INVALID_PAR },
	{ "INVALID_LEN", CTAPHID_ERR_INVALID_LEN },
	{ "INVALID_SEQ", CTAPHID_ERR_INVALID_SEQ },
	{ "MSG_TIMEOUT", CTAPHID_ERR_MSG_TIMEOUT },
	{ "CHANNEL_BUSY", CTAPHID_ERR_CHANNEL_BUSY },
	{ "LOCK_REQUIRED", CTAPHID_ERR_LOCK_REQUIRED },
	{ "INVALID_CHANNEL", CTAPHID_ERR_INVALID_CHANNEL },
	{ "OTHER", CTAPHID_ERR_OTHER },
	{ NULL, 0 },
};

static const struct name statuses[] = {
	{ "processing", CTAPHID_STATUS_PROCESSING },
	{ "upneeded", CTAPHID_STATUS_UPNEEDED },
	{ NULL, 0 },
};

static bool
complain(struct hid_lines *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->env->why, sizeof(h->env->why), fmt, ap);
	va_end(ap);
	return false;
}

/* "?" for those that have none */
static const char *
name_of(const struct name *n, uint8_t code)
{
	while (n->name != NULL && n->code != code)
		n++;
	return n->name != NULL ? n->name : "?";
}

/*
 * Words
 */

/* Whether word is next, alone; then *text moves behind it. */
static bool
take_word(const char **text, const char *word)
{
	size_t len = strlen(word);
	const char *p = *text;

	expr_blank(&p);
	if (strncmp(p, word, len) != 0 ||
	    (p[len] != ' ' && p[len] != '\t' && p[len] != '\0'))
		return false;
	*text = p + len;
	expr_blank(text);
	return true;
}

static bool
take_name(const char **text, const struct name *n, uint8_t *code)
{
	for (; n->name != NULL; n++) {
		if (!take_word(text, n->name))
			continue;
		*code = n->code;
		return true;
	}
	return false;
}

/* 400ms, 3s */
static bool
take_time(struct hid_lines *h, const char **text, unsigned *ms)
{
	char *end;
	unsigned long n = strtoul(*text, &end, 10);

	if (end == *text || n > 100000)
		return complain(h, "time in s or ms");
	*text = end;
	if (take_word(text, "s"))
		n *= 1000;
	else if (!take_word(text, "ms"))
		return complain(h, "time in s or ms");
	*ms = (unsigned)n;
	return true;
}

static bool
at_end(struct hid_lines *h, const char *text)
{
	expr_blank(&text);
	return *text == '\0' || complain(h, "what is \"%.40s\"?", text);
}

/* The content of a byte string, which stays encoded in out. */
static bool
take_bytes(struct hid_lines *h, const char **text, struct cbor_out *out,
    struct span *bytes)
{
	size_t start = out->len;
	struct cbor_in in;

	if (!expr_eval(h->env, text, out))
		return false;
	cbor_in_init(&in, span(out->p + start, out->len - start));
	return (!out->overflow && cbor_bytes(&in, bytes)) ||
	    complain(h, "bytes are wanted, and not too many");
}

/* broadcast, or four bytes */
static bool
take_cid(struct hid_lines *h, const char **text, uint8_t cid[static 4])
{
	uint8_t buf[64];
	struct cbor_out out;
	struct span bytes;

	memset(cid, 0xff, 4);
	if (take_word(text, "broadcast"))
		return true;
	cbor_out_init(&out, buf, sizeof(buf));
	if (!take_bytes(h, text, &out, &bytes))
		return false;
	if (bytes.len != 4)
		return complain(h, "a channel has four bytes");
	memcpy(cid, bytes.p, 4);
	expr_blank(text);
	return true;
}

/* Bytes are "!", "cat(" or "h'..'", a command is "01" or "0a ". */
static bool
take_hex_byte(const char **text, uint8_t *byte)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	char *end;
	unsigned long n;

	if (strspn(*text, digits) != 2)
		return false;
	n = strtoul(*text, &end, 16);
	if (end != *text + 2 || (*end != ' ' && *end != '\t' && *end != '\0'))
		return false;
	*byte = (uint8_t)n;
	*text = end;
	expr_blank(text);
	return true;
}

/*
 * Sending
 */

/* A message, and what of it is sent. */
struct message {
	uint8_t		 cid[4];
	uint8_t		 cmd;
	unsigned long	 bcnt;		/* as it says, true or not */
	unsigned long	 first, last;	/* packets, counted from 1 */
	uint8_t		 fill;		/* behind the end */
	struct span	 payload;
};

static bool
send_report(struct hid_lines *h, const uint8_t report[static 64])
{
	return h->target->report(h->t, report) ||
	    complain(h, "the key takes no report");
}

static unsigned long
packet_count(size_t len)
{
	return len <= FIRST_LEN ? 1 :
	    1 + (len - FIRST_LEN + NEXT_LEN - 1) / NEXT_LEN;
}

/* Packet number, which is 1 or more, of m. */
static bool
send_packet(struct hid_lines *h, const struct message *m, unsigned long number)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	size_t room = number == 1 ? FIRST_LEN : NEXT_LEN;
	size_t at = number == 1 ? 0 : FIRST_LEN + (number - 2) * NEXT_LEN;
	size_t n = m->payload.len - at < room ? m->payload.len - at : room;

	memset(report, m->fill, sizeof(report));
	memcpy(report, m->cid, 4);
	if (number == 1) {
		report[4] = m->cmd | TYPE_INIT;
		report[5] = (uint8_t)(m->bcnt >> 8);
		report[6] = (uint8_t)m->bcnt;
	} else {
		report[4] = (uint8_t)(number - 2);
	}
	if (n > 0)
		memcpy(report + sizeof(report) - room, m->payload.p + at, n);
	return send_report(h, report);
}

/* packets 3, packets 2..4, packets 2.. */
static bool
take_packets(struct hid_lines *h, const char **text, struct message *m)
{
	unsigned long count = m->last;

	m->first = m->last = strtoul(*text, (char **)text, 10);
	if (strncmp(*text, "..", 2) == 0) {
		*text += 2;
		m->last = **text >= '0' && **text <= '9' ?
		    strtoul(*text, (char **)text, 10) : count;
	}
	expr_blank(text);
	return (m->first > 0 && m->first <= m->last && m->last <= count) ||
	    complain(h, "the message has packets 1 to %lu", count);
}

static bool
take_option(struct hid_lines *h, const char **text, struct message *m)
{
	if (take_word(text, "bcnt")) {
		m->bcnt = strtoul(*text, (char **)text, 10);
		expr_blank(text);
		return m->bcnt <= 0xffff || complain(h, "bcnt is 16 bits");
	}
	if (take_word(text, "packets"))
		return take_packets(h, text, m);
	if (take_word(text, "withhold")) {
		m->last--;
		return (m->last > 0 && take_word(text, "last")) ||
		    complain(h, "withhold last, of several");
	}
	if (take_word(text, "fill"))
		return take_hex_byte(text, &m->fill) ||
		    complain(h, "fill 00 to ff");
	return at_end(h, *text);
}

static bool
is_option(const char *text)
{
	return *text == '\0' || take_word(&text, "bcnt") ||
	    take_word(&text, "packets") || take_word(&text, "withhold") ||
	    take_word(&text, "fill");
}

/* [EXPR], the bytes; or, for CBOR, COMMAND [EXPR], as after "> cbor" */
static bool
take_payload(struct hid_lines *h, const char **text, uint8_t cmd,
    struct cbor_out *out, struct span *payload)
{
	uint8_t command;

	*payload = span(out->p, 0);
	if (is_option(*text))
		return true;
	if (cmd != CTAPHID_CMD_CBOR || !take_hex_byte(text, &command)) {
		if (!take_bytes(h, text, out, payload))
			return false;
		expr_blank(text);
		return true;
	}
	cbor_put_raw(out, span(&command, 1));
	if (!is_option(*text) && !expr_eval(h->env, text, out))
		return false;
	expr_blank(text);
	*payload = cbor_out_span(out);
	return !out->overflow || complain(h, "too long");
}

static bool
take_command(struct hid_lines *h, const char **text, uint8_t *cmd)
{
	if (take_name(text, commands, cmd))
		return true;
	if (strncmp(*text, "0x", 2) == 0) {
		*text += 2;
		if (take_hex_byte(text, cmd) && !(*cmd & TYPE_INIT))
			return true;
	}
	return complain(h, "which command?");
}

static bool
send_message(struct hid_lines *h, const char *text, struct message *m)
{
	static uint8_t buf[EXPR_VALUE_MAX];
	struct cbor_out out;

	cbor_out_init(&out, buf, sizeof(buf));
	if (!take_command(h, &text, &m->cmd) ||
	    !take_payload(h, &text, m->cmd, &out, &m->payload))
		return false;
	m->bcnt = m->payload.len;
	m->first = 1;
	m->last = packet_count(m->payload.len);
	while (*text != '\0')
		if (!take_option(h, &text, m))
			return false;
	if (m->last > PACKETS_MAX)
		return complain(h, "more packets than sequence numbers");
	if (m->cmd == CTAPHID_CMD_CBOR || m->cmd == CTAPHID_CMD_MSG) {
		h->sent = m->payload;
		h->sent_apdu = m->cmd == CTAPHID_CMD_MSG;
	}
	for (unsigned long i = m->first; i <= m->last; i++)
		if (!send_packet(h, m, i))
			return false;
	return true;
}

/* cont SEQ [EXPR]: a packet that continues whatever it is */
static bool
send_continuation(struct hid_lines *h, const char *text,
    const uint8_t cid[static 4])
{
	uint8_t report[CTAPHID_REPORT_LEN] = { 0 }, buf[2 * sizeof(report)];
	unsigned long seq = strtoul(text, (char **)&text, 10);
	struct span bytes = { NULL, 0 };
	struct cbor_out out;

	cbor_out_init(&out, buf, sizeof(buf));
	expr_blank(&text);
	if (*text != '\0' && !take_bytes(h, &text, &out, &bytes))
		return false;
	if (seq >= TYPE_INIT || bytes.len > NEXT_LEN)
		return complain(h, "SEQ below 128, and up to 59 bytes");
	memcpy(report, cid, 4);
	report[4] = (uint8_t)seq;
	if (bytes.len > 0)
		memcpy(report + 5, bytes.p, bytes.len);
	return at_end(h, text) && send_report(h, report);
}

static bool
send_raw(struct hid_lines *h, const char *text)
{
	uint8_t report[CTAPHID_REPORT_LEN] = { 0 }, buf[2 * sizeof(report)];
	struct cbor_out out;
	struct span bytes;

	cbor_out_init(&out, buf, sizeof(buf));
	if (!take_bytes(h, &text, &out, &bytes))
		return false;
	if (bytes.len > sizeof(report))
		return complain(h, "a report has 64 bytes");
	memcpy(report, bytes.p, bytes.len);
	return at_end(h, text) && send_report(h, report);
}

bool
hid_send(struct hid_lines *h, const char *text)
{
	struct message m = { .cmd = 0 };

	if (take_word(&text, "raw"))
		return send_raw(h, text);
	if (!take_cid(h, &text, m.cid))
		return false;
	if (take_word(&text, "cont"))
		return send_continuation(h, text, m.cid);
	return send_message(h, text, &m);
}

/*
 * Receiving
 */

static void
describe(struct hid_lines *h, const uint8_t report[static 64],
    const char *wanted)
{
	uint8_t cmd = report[4] ^ TYPE_INIT, code = report[7];
	const char *what = cmd == CTAPHID_CMD_ERROR ? name_of(errors, code) :
	    cmd == CTAPHID_CMD_KEEPALIVE ? name_of(statuses, code) : "";

	if (report[4] & TYPE_INIT)
		complain(h, "%s%s%s (%02x) of %u bytes on %02x%02x%02x%02x, "
		    "not %.40s", name_of(commands, cmd), *what ? " " : "",
		    what, cmd, (unsigned)report[5] << 8 | report[6], report[0],
		    report[1], report[2], report[3], wanted);
	else
		complain(h, "a continuation with SEQ %u on %02x%02x%02x%02x, "
		    "not %.40s", report[4], report[0], report[1], report[2],
		    report[3], wanted);
}

/*
 * The next report, whoever it is for; false if there is none within *wait_ms,
 * of which is taken what it took.
 */
static bool
next_report(struct hid_lines *h, uint8_t report[static 64], unsigned *wait_ms)
{
	int got = h->target->next_report(h->t, report, 0);

	for (; got == 0 && *wait_ms > 0; (*wait_ms)--)
		got = h->target->next_report(h->t, report, 1);
	return got == 1;
}

/* The oldest that was kept; of cid, unless that is NULL. */
static bool
kept_report(struct hid_lines *h, const uint8_t *cid,
    uint8_t report[static 64])
{
	size_t i = 0;

	while (i < h->kept && cid != NULL && memcmp(h->keep[i], cid, 4) != 0)
		i++;
	if (i >= h->kept)
		return false;
	memcpy(report, h->keep[i], CTAPHID_REPORT_LEN);
	h->kept--;
	memmove(h->keep[i], h->keep[i + 1],
	    (h->kept - i) * CTAPHID_REPORT_LEN);
	return true;
}

/* The next report of a channel. */
static bool
channel_report(struct hid_lines *h, const uint8_t cid[static 4],
    uint8_t report[static 64], unsigned *wait_ms)
{
	if (kept_report(h, cid, report))
		return true;
	while (next_report(h, report, wait_ms)) {
		if (memcmp(report, cid, 4) == 0)
			return true;
		if (h->kept == HID_KEPT_MAX)
			return complain(h, "too much on other channels");
		memcpy(h->keep[h->kept++], report, CTAPHID_REPORT_LEN);
	}
	return complain(h, "nothing comes on %02x%02x%02x%02x", cid[0],
	    cid[1], cid[2], cid[3]);
}

/* The rest of a message that begins with report. */
static bool
reassemble(struct hid_lines *h, uint8_t report[static 64],
    const uint8_t cid[static 4])
{
	size_t done = FIRST_LEN;
	unsigned wait_ms = h->target->patience_ms;	/* for all of it */

	h->cmd = report[4] & 0x7f;
	h->len = (size_t)report[5] << 8 | report[6];
	if (h->len > sizeof(h->msg))
		return complain(h, "a message of %zu bytes", h->len);
	memcpy(h->msg, report + 7, h->len < done ? h->len : done);
	for (unsigned seq = 0; done < h->len; seq++) {
		size_t n = h->len - done < NEXT_LEN ? h->len - done : NEXT_LEN;

		if (!channel_report(h, cid, report, &wait_ms))
			return false;
		if (report[4] != seq) {
			describe(h, report, "the next of the message");
			return false;
		}
		memcpy(h->msg + done, report + 5, n);
		done += n;
	}
	return true;
}

/* What a report is the beginning of, and whether that may be passed over. */
struct wanted {
	uint8_t		 cid[4];
	unsigned	 wait_ms;
	const char	*what;
	bool		 after_keepalives;	/* of any status */
	bool		 after_processing;	/* keepalives of that */
};

static bool
is_passed_over(const struct wanted *w, const uint8_t report[static 64])
{
	return report[4] == (CTAPHID_CMD_KEEPALIVE | TYPE_INIT) &&
	    (w->after_keepalives || (w->after_processing &&
	    report[7] == CTAPHID_STATUS_PROCESSING));
}

static bool
receive(struct hid_lines *h, const struct wanted *w, uint8_t cmd)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	unsigned wait_ms = w->wait_ms, before_ms, waited_ms = 0;
	unsigned keepalives = 0;

	for (;;) {
		before_ms = wait_ms;
		if (!channel_report(h, w->cid, report, &wait_ms))
			return false;
		if (!is_passed_over(w, report))
			break;
		waited_ms += before_ms - wait_ms;
		if (++keepalives == KEEPALIVES_MAX ||
		    waited_ms > KEEPALIVES_MS)
			return complain(h, "nothing but keepalives");
		/* a real key that is at work is alive */
		if (wait_ms < h->target->patience_ms)
			wait_ms = h->target->patience_ms;
	}
	if (report[4] == (cmd | TYPE_INIT))
		return reassemble(h, report, w->cid);
	describe(h, report, w->what);
	return false;
}

static bool
expect_code(struct hid_lines *h, const struct wanted *w, uint8_t cmd,
    const struct name *names, const char *text)
{
	uint8_t code;

	if (!take_name(&text, names, &code))
		return complain(h, "no such code: %.40s", text);
	if (!at_end(h, text) || !receive(h, w, cmd))
		return false;
	if (h->len != 1)
		return complain(h, "%zu bytes, not one", h->len);
	return h->msg[0] == code || complain(h, "%s (%02x), not %s",
	    name_of(names, h->msg[0]), h->msg[0], name_of(names, code));
}

/* What INIT tells (11.2.9.1.3), by name. */
static bool
match_init(struct hid_lines *h, const char *text)
{
	uint8_t item[256], caps = h->msg[16];
	struct cbor_out out;
	struct cbor_in in;

	if (h->len < INIT_REPLY_LEN)
		return complain(h, "INIT with %zu bytes", h->len);
	cbor_out_init(&out, item, sizeof(item));
	cbor_put_map(&out, 8);
	cbor_put_str(&out, "nonce");
	cbor_put_bytes(&out, span(h->msg, 8));
	cbor_put_str(&out, "cid");
	cbor_put_bytes(&out, span(h->msg + 8, 4));
	cbor_put_str(&out, "protocol");
	cbor_put_uint(&out, h->msg[12]);
	cbor_put_str(&out, "version");
	cbor_put_bytes(&out, span(h->msg + 13, 3));
	cbor_put_str(&out, "wink");
	cbor_put_bool(&out, caps & CAPABILITY_WINK);
	cbor_put_str(&out, "cbor");
	cbor_put_bool(&out, caps & CAPABILITY_CBOR);
	cbor_put_str(&out, "nmsg");
	cbor_put_bool(&out, caps & CAPABILITY_NMSG);
	cbor_put_str(&out, "reserved");
	cbor_put_uint(&out, caps & (uint8_t)~(CAPABILITY_WINK |
	    CAPABILITY_CBOR | CAPABILITY_NMSG));
	cbor_in_init(&in, cbor_out_span(&out));
	return expr_match(h->env, &text, &in) && at_end(h, text);
}

/* The payload as a byte string; no pattern: it is empty. */
static bool
match_payload(struct hid_lines *h, const char *text)
{
	static uint8_t item[CTAPHID_MESSAGE_MAX + 8];
	struct cbor_out out;
	struct cbor_in in;

	if (*text == '\0')
		return h->len == 0 || complain(h, "%zu bytes of it", h->len);
	cbor_out_init(&out, item, sizeof(item));
	cbor_put_bytes(&out, span(h->msg, h->len));
	cbor_in_init(&in, cbor_out_span(&out));
	return expr_match(h->env, &text, &in) && at_end(h, text);
}

static bool
expect_message(struct hid_lines *h, struct wanted *w, const char *text,
    struct span *reply, const char **rest)
{
	uint8_t cmd;

	if (take_word(&text, "error")) {
		w->after_keepalives = true;
		return expect_code(h, w, CTAPHID_CMD_ERROR, errors, text);
	}
	if (take_word(&text, "keepalive")) {
		h->cannot = h->target->answers;
		if (h->cannot)
			return complain(h, "users answer at once");
		w->after_processing = strncmp(text, "upneeded", 8) == 0;
		return expect_code(h, w, CTAPHID_CMD_KEEPALIVE, statuses,
		    text);
	}
	if (!take_command(h, &text, &cmd))
		return false;
	/* INIT: what it aborts has had some */
	w->after_keepalives = cmd == CTAPHID_CMD_CBOR ||
	    cmd == CTAPHID_CMD_MSG || cmd == CTAPHID_CMD_INIT;
	if (!receive(h, w, cmd))
		return false;
	if (cmd == CTAPHID_CMD_INIT)
		return match_init(h, text);
	if (cmd != CTAPHID_CMD_CBOR && cmd != CTAPHID_CMD_MSG)
		return match_payload(h, text);
	*reply = span(h->msg, h->len);
	*rest = text;
	return true;
}

/*
 * nothing [for TIME]. A real key counts from when the report reached it, and
 * no standard says that it has to count to the millisecond.
 */
static bool
expect_nothing(struct hid_lines *h, const char *text)
{
	unsigned wait_ms = h->target->patience_ms > 0 ? SILENCE_MS : 0;
	uint8_t report[CTAPHID_REPORT_LEN];

	if (take_word(&text, "for")) {
		if (!take_time(h, &text, &wait_ms))
			return false;
		if (h->target->patience_ms > 0)
			wait_ms -= wait_ms / 5;
	}
	if (!at_end(h, text))
		return false;
	if (!kept_report(h, NULL, report) && !next_report(h, report, &wait_ms))
		return true;
	describe(h, report, "nothing");
	return false;
}

/* raw PATTERN: the next report as it is, whatever its channel */
static bool
expect_raw(struct hid_lines *h, const char *text)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	unsigned wait_ms = h->target->patience_ms;

	if (!kept_report(h, NULL, report) && !next_report(h, report, &wait_ms))
		return complain(h, "nothing comes");
	memcpy(h->msg, report, sizeof(report));
	h->len = sizeof(report);
	return match_payload(h, text);
}

bool
hid_expect(struct hid_lines *h, const char *text, struct span *reply,
    const char **rest)
{
	struct wanted w = { .wait_ms = 0 };

	*rest = NULL;
	if (take_word(&text, "nothing"))
		return expect_nothing(h, text);
	if (take_word(&text, "raw"))
		return expect_raw(h, text);
	if (!take_cid(h, &text, w.cid))
		return false;
	if (take_word(&text, "within") && !take_time(h, &text, &w.wait_ms))
		return false;
	w.wait_ms += h->target->patience_ms;
	w.what = text;
	return expect_message(h, &w, text, reply, rest);
}

bool
hid_channel(struct hid_lines *h, const char *name)
{
	static const uint8_t nonce[8] = { 0x2a, 1, 2, 3, 4, 5, 6, 7 };
	struct message m = { .cid = { 0xff, 0xff, 0xff, 0xff },
	    .cmd = CTAPHID_CMD_INIT, .bcnt = sizeof(nonce),
	    .payload = { nonce, sizeof(nonce) } };
	struct wanted w = { .cid = { 0xff, 0xff, 0xff, 0xff },
	    .wait_ms = h->target->patience_ms, .what = "INIT" };
	uint8_t item[8];
	struct cbor_out out;

	if (!send_packet(h, &m, 1) || !receive(h, &w, CTAPHID_CMD_INIT))
		return false;
	if (h->len < INIT_REPLY_LEN ||
	    memcmp(h->msg, nonce, sizeof(nonce)) != 0)
		return complain(h, "INIT of somebody else");
	cbor_out_init(&out, item, sizeof(item));
	cbor_put_bytes(&out, span(h->msg + 8, 4));
	return expr_set(h->env, name, cbor_out_span(&out));
}

/* Keepalives of what a case leaves in progress are no news. */
bool
hid_end(struct hid_lines *h)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	unsigned wait_ms = 0, keepalives = 0;

	while (kept_report(h, NULL, report) ||
	    next_report(h, report, &wait_ms)) {
		if (++keepalives < KEEPALIVES_MAX &&
		    report[4] == (CTAPHID_CMD_KEEPALIVE | TYPE_INIT))
			continue;
		describe(h, report, "the end of the case");
		return false;
	}
	return true;
}
