/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAPHID against a hostile host, a careless owner and a clock. The input is a
 * script, one opcode and its operands after another (enum op). Next to the
 * object runs a ledger of what each channel is owed, which must balance:
 *
 *  1. A request has one final answer, and nothing comes after it: exactly one,
 *     unless INIT, CANCEL before it was complete, or a hangup took it away.
 *  2. At most one message is with the owner. What he says about any other
 *     is not heard.
 *  3. Every report is well formed: known command, right BCNT, packets of a
 *     reply in sequence, zero padding, and the bytes that belong there.
 *  4. Keepalives are only sent for the message in progress.
 *  5. Output ends, deadlines lie in the future, and whatever has happened,
 *     INIT and time lead back to a key that answers PING.
 */

#include "ctap/hid.h"
#include "tests/fuzz/fuzz.h"

#define FIRST_CID	0x1000u
#define FIRST_LEN	57u
#define NEXT_LEN	59u
#define CHANNEL_MAX	256
#define REPORTS_MAX	(CTAPHID_QUEUE_MAX + 1 + 129)	/* at any time */

enum op {
	OP_FIRST,	/* channel, command, BCNT (2), first byte */
	OP_NEXT,	/* channel, sequence number */
	OP_CONTINUE,	/* packets: what the last OP_FIRST left to send */
	OP_WAIT,	/* time, waking at deadlines */
	OP_SLEEP,	/* time, during which nobody wakes */
	OP_TAKE,	/* reports */
	OP_OWNER,	/* what he does, and its operands */
	OP_HANGUP,
	OP_COUNT,
};

struct script {
	const uint8_t	*p;
	size_t		 len;
};

/* What is owed to a channel. */
struct channel {
	uint32_t	cid;
	unsigned int	answers;
	unsigned int	inits;
};

struct run {
	struct ctaphid	h;
	uint64_t	now_ms;

	struct channel	channels[CHANNEL_MAX];
	size_t		channel_count;

	uint32_t	serial;		/* with the owner, 0: none */
	uint32_t	serial_cid;
	bool		cancelled;
	bool		replied;	/* he has, and it was not taken yet */
	size_t		reply_len;

	uint32_t	sending_cid;	/* of OP_CONTINUE */
	uint8_t		sending_seq;

	uint32_t	taking_cid;	/* a reply of several packets */
	size_t		taking_left;	/* 0: none */
	size_t		taking_done;
	uint8_t		taking_seq;
};

static uint8_t
take_byte(struct script *s)
{
	if (s->len == 0)
		return 0;
	s->len--;
	return *s->p++;
}

/* Byte number i of any message; byte 0 is up to the script. */
static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 256);
}

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/*
 * The ledger
 */

static struct channel *
channel_get(struct run *r, uint32_t cid)
{
	for (size_t i = 0; i < r->channel_count; i++)
		if (r->channels[i].cid == cid)
			return &r->channels[i];
	CHECK(r->channel_count < CHANNEL_MAX);
	r->channels[r->channel_count].cid = cid;
	return &r->channels[r->channel_count++];
}

static bool
is_transaction(const struct run *r, uint32_t cid)
{
	return r->h.phase != CTAPHID_IDLE && r->h.cid == cid;
}

/* Its answer is still to come, so an error now is that answer. */
static bool
is_unanswered(const struct run *r, uint32_t cid)
{
	return is_transaction(r, cid) &&
	    (r->h.phase != CTAPHID_REPLYING || !r->h.begun);
}

static bool
is_locked_out(const struct run *r, uint32_t cid)
{
	return r->h.lock_cid != 0 && r->h.lock_cid != cid &&
	    r->now_ms < r->h.lock_until_ms;
}

static void
account_init(struct run *r, struct channel *c, size_t bcnt)
{
	if (bcnt != 8 || c->cid == 0) {
		c->answers += !is_unanswered(r, c->cid);
	} else if (c->cid == CTAPHID_BROADCAST) {
		c->inits++;
	} else if (is_locked_out(r, c->cid)) {
		c->answers++;
	} else {
		c->inits++;
		c->answers = 0;
	}
	if (is_transaction(r, c->cid) && c->cid == r->taking_cid)
		r->taking_left = 0;
}

static void
account_cancel(struct run *r, struct channel *c)
{
	if (c->cid == 0 || c->cid == CTAPHID_BROADCAST)
		c->answers++;
	else if (is_transaction(r, c->cid) &&
	    r->h.phase == CTAPHID_ASSEMBLING && r->h.cmd == CTAPHID_CMD_CBOR)
		c->answers--;
}

static void
account_first(struct run *r, uint32_t cid, uint8_t cmd, size_t bcnt)
{
	struct channel *c = channel_get(r, cid);

	if (cmd == CTAPHID_CMD_INIT)
		account_init(r, c, bcnt);
	else if (cmd == CTAPHID_CMD_CANCEL)
		account_cancel(r, c);
	else
		c->answers += !is_unanswered(r, cid);
}

/*
 * Reports to the object
 */

static void
see_message(struct run *r, const struct ctaphid_event *ev)
{
	CHECK(r->serial == 0);
	CHECK(ev->serial != 0);
	CHECK(ev->cmd == CTAPHID_CMD_CBOR || ev->cmd == CTAPHID_CMD_MSG);
	CHECK(ev->msg.len >= 1 && ev->msg.len <= CTAPHID_MESSAGE_MAX);
	for (size_t i = 1; i < ev->msg.len; i++)
		CHECK(ev->msg.p[i] == pattern(i));
	r->serial = ev->serial;
	r->serial_cid = ev->cid;
	r->cancelled = false;
	r->replied = false;
}

static void
see_event(struct run *r, const struct ctaphid_event *ev)
{
	switch (ev->type) {
	case CTAPHID_MESSAGE:
		see_message(r, ev);
		break;
	case CTAPHID_CANCEL:
		CHECK(ev->serial == r->serial && ev->cid == r->serial_cid);
		CHECK(!r->cancelled);
		r->cancelled = true;
		break;
	case CTAPHID_ABORT:
		CHECK(ev->serial == r->serial && ev->cid == r->serial_cid);
		r->serial = 0;
		break;
	case CTAPHID_NONE:
	case CTAPHID_WINK:
		break;
	}
}

static void
feed(struct run *r, const uint8_t report[static CTAPHID_REPORT_LEN])
{
	struct ctaphid_event ev = ctaphid_input(&r->h, report, r->now_ms);

	see_event(r, &ev);
	CHECK((r->serial != 0) == (r->h.phase == CTAPHID_PROCESSING));
}

static void
feed_first(struct run *r, uint32_t cid, uint8_t cmd, size_t bcnt, uint8_t byte)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	put_be32(report, cid);
	report[4] = cmd | 0x80;
	report[5] = (uint8_t)(bcnt >> 8);
	report[6] = (uint8_t)bcnt;
	report[7] = byte;
	for (size_t i = 1; i < FIRST_LEN; i++)
		report[7 + i] = pattern(i);
	if (!ctaphid_full(&r->h))
		account_first(r, cid, cmd & 0x7f, bcnt);
	feed(r, report);
	r->sending_cid = cid;
	r->sending_seq = 0;
}

static void
feed_next(struct run *r, uint32_t cid, uint8_t seq)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	put_be32(report, cid);
	report[4] = seq & 0x7f;
	for (size_t i = 0; i < NEXT_LEN; i++)
		report[5 + i] = pattern(FIRST_LEN + report[4] * NEXT_LEN + i);
	feed(r, report);
}

/*
 * Reports from the object
 */

static void
check_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		CHECK(p[i] == 0);
}

static void
check_payload(struct run *r, const uint8_t *p, size_t room)
{
	size_t n = r->taking_left < room ? r->taking_left : room;

	for (size_t i = 0; i < n; i++)
		CHECK(r->taking_done + i == 0 ||
		    p[i] == pattern(r->taking_done + i));
	check_zero(&p[n], room - n);
	r->taking_done += n;
	r->taking_left -= n;
}

static void
see_next(struct run *r, const uint8_t *report)
{
	CHECK(r->taking_left > 0);
	CHECK(get_be32(report) == r->taking_cid);
	CHECK(report[4] == r->taking_seq);
	r->taking_seq++;
	check_payload(r, &report[5], NEXT_LEN);
}

/* The first packet of an answer by PING, LOCK, WINK, CBOR or MSG. */
static void
see_answer(struct run *r, uint32_t cid, uint8_t cmd, size_t bcnt,
    const uint8_t *data)
{
	CHECK(r->taking_left == 0);
	CHECK(bcnt <= CTAPHID_MESSAGE_MAX);
	if (cmd == CTAPHID_CMD_CBOR || cmd == CTAPHID_CMD_MSG) {
		CHECK(r->replied && cid == r->serial_cid);
		CHECK(bcnt == r->reply_len);
		r->replied = false;
	} else if (cmd != CTAPHID_CMD_PING) {
		CHECK(cmd == CTAPHID_CMD_LOCK || cmd == CTAPHID_CMD_WINK);
		CHECK(bcnt == 0);
	}
	r->taking_cid = cid;
	r->taking_left = bcnt;
	r->taking_done = 0;
	r->taking_seq = 0;
	check_payload(r, data, FIRST_LEN);
}

static void
see_error(struct run *r, uint32_t cid, size_t bcnt, const uint8_t *data)
{
	static const uint8_t codes[] = { 1, 2, 3, 4, 5, 6, 0x0b, 0x7f };

	CHECK(bcnt == 1);
	CHECK(memchr(codes, data[0], sizeof(codes)) != NULL);
	check_zero(&data[1], FIRST_LEN - 1);
	if (cid == r->taking_cid)
		r->taking_left = 0;
}

static void
see_init(struct channel *c, size_t bcnt, const uint8_t *data)
{
	uint32_t channel = get_be32(&data[8]);

	CHECK(bcnt == 17);
	CHECK(c->inits > 0);
	c->inits--;
	CHECK(c->cid == CTAPHID_BROADCAST ? channel != 0 &&
	    channel != CTAPHID_BROADCAST : channel == c->cid);
	for (size_t i = 1; i < 8; i++)
		CHECK(data[i] == pattern(i));
	CHECK(data[12] == 2);
	check_zero(&data[17], FIRST_LEN - 17);
}

static void
see_keepalive(struct run *r, uint32_t cid, size_t bcnt, const uint8_t *data)
{
	CHECK(r->serial != 0 && cid == r->serial_cid);
	CHECK(bcnt == 1);
	CHECK(data[0] == 1 || data[0] == 2);
	check_zero(&data[1], FIRST_LEN - 1);
}

static void
see_first(struct run *r, const uint8_t *report)
{
	uint32_t cid = get_be32(report);
	uint8_t cmd = report[4] & 0x7f;
	size_t bcnt = (size_t)report[5] << 8 | report[6];
	struct channel *c = channel_get(r, cid);

	if (cmd == CTAPHID_CMD_INIT) {
		see_init(c, bcnt, &report[7]);
		return;
	}
	if (cmd == CTAPHID_CMD_KEEPALIVE) {
		see_keepalive(r, cid, bcnt, &report[7]);
		return;
	}
	CHECK(c->answers > 0);
	c->answers--;
	if (cmd == CTAPHID_CMD_ERROR)
		see_error(r, cid, bcnt, &report[7]);
	else
		see_answer(r, cid, cmd, bcnt, &report[7]);
}

static bool
take_report(struct run *r)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	if (!ctaphid_output(&r->h, report))
		return false;
	CHECK(!ctaphid_full(&r->h));
	if (report[4] & 0x80)
		see_first(r, report);
	else
		see_next(r, report);
	return true;
}

static void
take_all(struct run *r)
{
	unsigned int n = 0;

	while (take_report(r))
		CHECK(++n <= REPORTS_MAX);
	CHECK(r->taking_left == 0);
}

/*
 * The operations
 */

static uint32_t
pick_channel(struct script *s)
{
	static const uint32_t others[] = { 0, CTAPHID_BROADCAST, 0x100,
	    0xdeadbeef, 0xfffffffe, FIRST_CID - 1 };
	uint8_t b = take_byte(s);

	if (b < 0x80)
		return FIRST_CID + b % 4;
	if (b < 0xc0)
		return others[b % (sizeof(others) / sizeof(others[0]))];
	return 0x01010101u * (b % 64);
}

static void
op_first(struct run *r, struct script *s)
{
	uint32_t cid = pick_channel(s);
	uint8_t cmd = take_byte(s);
	size_t bcnt = (size_t)take_byte(s) << 8;

	bcnt |= take_byte(s);
	feed_first(r, cid, cmd, bcnt, take_byte(s));
}

static void
op_continue(struct run *r, struct script *s)
{
	for (unsigned int n = take_byte(s); n > 0; n--)
		feed_next(r, r->sending_cid, r->sending_seq++);
}

static void
wait_ms(struct run *r, uint64_t ms)
{
	uint64_t end_ms = r->now_ms + ms;

	while (ctaphid_deadline(&r->h) <= end_ms) {
		if (r->now_ms < ctaphid_deadline(&r->h))
			r->now_ms = ctaphid_deadline(&r->h);
		ctaphid_tick(&r->h, r->now_ms);
		CHECK(ctaphid_deadline(&r->h) > r->now_ms);
	}
	r->now_ms = end_ms;
}

static void
owner_reply(struct run *r, size_t len)
{
	static uint8_t msg[0x10000];

	for (size_t i = 0; i < len; i++)
		msg[i] = pattern(i);
	ctaphid_reply(&r->h, r->serial, span(msg, len));
	if (r->serial == 0)
		return;
	r->replied = len <= CTAPHID_MESSAGE_MAX;
	r->reply_len = len;
	r->serial = 0;
}

static void
op_owner(struct run *r, struct script *s)
{
	uint8_t what = take_byte(s);
	uint8_t operand = take_byte(s);

	switch (what % 4) {
	case 0:
		owner_reply(r, (size_t)operand << 8 | take_byte(s));
		break;
	case 1:
		ctaphid_error(&r->h, r->serial, CTAPHID_ERR_OTHER);
		r->serial = 0;
		break;
	case 2:
		ctaphid_set_status(&r->h, r->serial, 1 + operand % 2,
		    r->now_ms);
		break;
	case 3:	/* about another message than the one he has */
		ctaphid_reply(&r->h, r->serial + 1 + operand,
		    span(&operand, 1));
		ctaphid_error(&r->h, r->serial - 1 - operand,
		    CTAPHID_ERR_OTHER);
		break;
	}
}

static void
op_hangup(struct run *r)
{
	struct ctaphid_event ev = ctaphid_hangup(&r->h);

	CHECK(ev.type == (r->serial != 0 ? CTAPHID_ABORT : CTAPHID_NONE));
	see_event(r, &ev);
	for (size_t i = 0; i < r->channel_count; i++)
		r->channels[i].answers = r->channels[i].inits = 0;
	r->taking_left = 0;
}

static void
step(struct run *r, struct script *s)
{
	switch ((enum op)(take_byte(s) % OP_COUNT)) {
	case OP_FIRST:
		op_first(r, s);
		break;
	case OP_NEXT:
		feed_next(r, pick_channel(s), take_byte(s));
		break;
	case OP_CONTINUE:
		op_continue(r, s);
		break;
	case OP_WAIT:
		wait_ms(r, take_byte(s) * 8u);
		break;
	case OP_SLEEP:
		r->now_ms += take_byte(s) * 64u;
		break;
	case OP_TAKE:
		for (unsigned int n = take_byte(s); n > 0; n--)
			take_report(r);
		break;
	case OP_OWNER:
		op_owner(r, s);
		break;
	case OP_HANGUP:
	case OP_COUNT:
		op_hangup(r);
		break;
	}
}

/* Everything is answered in the end, and the key is as good as new. */
static void
settle(struct run *r)
{
	take_all(r);
	owner_reply(r, 1);
	wait_ms(r, 1000 * (CTAPHID_LOCK_MAX_S + 1));
	take_all(r);
	CHECK(r->serial == 0 && ctaphid_deadline(&r->h) == UINT64_MAX);
	for (size_t i = 0; i < r->channel_count; i++)
		CHECK(r->channels[i].answers == 0 && r->channels[i].inits == 0);

	feed_first(r, FIRST_CID, CTAPHID_CMD_INIT, 8, 0);
	take_all(r);
	CHECK(channel_get(r, FIRST_CID)->inits == 0);
	feed_first(r, FIRST_CID, CTAPHID_CMD_PING, 100, 0);
	feed_next(r, FIRST_CID, 0);
	take_all(r);
	CHECK(r->taking_cid == FIRST_CID && r->taking_done == 100);
	CHECK(channel_get(r, FIRST_CID)->answers == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	struct script s = { data, size };
	struct ctaphid_config config = { { 1, 2, 3 }, take_byte(&s) };

	memset(&run, 0, sizeof(run));
	ctaphid_init(&run.h, &config, FIRST_CID);
	while (s.len > 0)
		step(&run, &s);
	settle(&run);
	return 0;
}
