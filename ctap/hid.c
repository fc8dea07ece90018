/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAPHID framing. The rungs of the ladder in packet_judge() are in the order
 * the conformance suites expect them; do not sort.
 *
 *	        message_start()           message_dispatch()
 *	  IDLE ----------------> ASSEMBLING ----------------> PROCESSING
 *	  ^ ^                     |      |                        |
 *	  | +----- CANCEL --------+      | PING, LOCK, WINK,      | answer,
 *	  |                              | out of sequence,       | refuse()
 *	  |                              v timeout                |
 *	  +-------------------------- REPLYING <------------------+
 *	   packet_next(): the last
 *
 * INIT on the channel and ctaphid_hangup() lead from everywhere to IDLE.
 *
 * Invariants:
 *  1. There is at most one transaction. Others' packets never change it.
 *  2. Each transaction has one final answer, or none if CANCEL came before it
 *     was complete, or INIT took its place. An ERROR on the channel of the
 *     transaction is its final answer, whichever packet was at fault.
 *  3. A report adds at most one frame to the queue, a tick none (keepalives
 *     and timeouts are states of the transaction). So one free place is enough
 *     to accept a report, and a host that does not read costs no memory.
 *  4. deadline_ms is UINT64_MAX except while ASSEMBLING, and while PROCESSING
 *     something the host expects keepalives for.
 */
#include <string.h>

#include "ctap/hid.h"

#define TYPE_INIT	0x80	/* bit 7 of the fifth byte */
#define INIT_HEADER_LEN	7
#define CONT_HEADER_LEN	5
#define NONCE_LEN	8
#define PROTOCOL	2	/* CTAPHID protocol version */
#define CAPABILITIES	(CAPABILITY_WINK | CAPABILITY_CBOR | CAPABILITY_NMSG)

/* An initialization packet; data is as long as the report, not as len. */
struct packet {
	uint32_t	 cid;
	uint8_t		 cmd;
	size_t		 len;	/* of the message that begins */
	const uint8_t	*data;
};

/* The messages that start a transaction. */
static const struct command {
	uint8_t		cmd;
	uint8_t		capability;	/* there only if this bit */
	uint8_t		value;		/* has this value */
	uint16_t	min;
	uint16_t	max;
} commands[] = {
	{ CTAPHID_CMD_PING, 0, 0, 0, CTAPHID_MESSAGE_MAX },
	{ CTAPHID_CMD_MSG, CAPABILITY_NMSG, 0, 1, CTAPHID_MESSAGE_MAX },
	{ CTAPHID_CMD_LOCK, 0, 0, 1, 1 },
	{ CTAPHID_CMD_WINK, CAPABILITY_WINK, CAPABILITY_WINK, 0, 0 },
	{ CTAPHID_CMD_CBOR, CAPABILITY_CBOR, CAPABILITY_CBOR, 1,
	    CTAPHID_MESSAGE_MAX },
};

static const struct ctaphid_event none = { .type = CTAPHID_NONE };

static uint32_t
get_be32(const uint8_t p[static 4])
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static void
put_be32(uint8_t p[static 4], uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Channels
 */

static bool
channel_is_adopted(const struct ctaphid *h, uint32_t cid)
{
	for (size_t i = 0; i < CTAPHID_ADOPTED_MAX; i++)
		if (h->adopted[i] == cid)
			return true;
	return false;
}

static bool
channel_is_known(const struct ctaphid *h, uint32_t cid)
{
	return h->wrapped || channel_is_adopted(h, cid) ||
	    cid - h->first_cid < h->next_cid - h->first_cid;
}

static uint32_t
channel_allocate(struct ctaphid *h)
{
	uint32_t cid;

	do {
		cid = h->next_cid++;
		if (h->next_cid == h->first_cid)
			h->wrapped = true;
	} while (cid == 0 || cid == CTAPHID_BROADCAST ||
	    channel_is_adopted(h, cid));
	return cid;
}

static void
channel_adopt(struct ctaphid *h, uint32_t cid)
{
	if (channel_is_known(h, cid))
		return;
	h->adopted[h->oldest] = cid;
	h->oldest = (h->oldest + 1) % CTAPHID_ADOPTED_MAX;
}

/*
 * The lock. Whether it has expired is decided when somebody asks.
 */

static bool
lock_is_held(const struct ctaphid *h, uint64_t now_ms)
{
	return h->lock_cid != 0 && now_ms < h->lock_until_ms;
}

static bool
lock_excludes(const struct ctaphid *h, uint32_t cid, uint64_t now_ms)
{
	return lock_is_held(h, now_ms) && h->lock_cid != cid;
}

/* The time runs from the last sign of life, not from the request. */
static void
lock_renew(struct ctaphid *h, uint32_t cid, uint64_t now_ms)
{
	if (lock_is_held(h, now_ms) && h->lock_cid == cid)
		h->lock_until_ms = now_ms + h->lock_ms;
}

static void
lock_set(struct ctaphid *h, uint32_t cid, uint8_t seconds, uint64_t now_ms)
{
	h->lock_cid = seconds > 0 ? cid : 0;
	h->lock_ms = seconds * 1000u;
	h->lock_until_ms = now_ms + h->lock_ms;
}

/*
 * The queue: frames to channels that have no transaction
 */

static void
queue_push(struct ctaphid *h, uint32_t cid, uint8_t cmd, const void *data,
    size_t len)
{
	struct ctaphid_frame *f = &h->queue[h->queued++];

	f->cid = cid;
	f->cmd = cmd;
	f->len = (uint8_t)len;
	memcpy(f->data, data, len);
}

static void
queue_remove(struct ctaphid *h, size_t i)
{
	h->queued--;
	memmove(&h->queue[i], &h->queue[i + 1],
	    (h->queued - i) * sizeof(h->queue[0]));
}

static void
queue_drop_errors(struct ctaphid *h, uint32_t cid)
{
	size_t i = 0;

	while (i < h->queued) {
		if (h->queue[i].cid == cid &&
		    h->queue[i].cmd == CTAPHID_CMD_ERROR)
			queue_remove(h, i);
		else
			i++;
	}
}

/*
 * The transaction
 */

static bool
transaction_is_on(const struct ctaphid *h, uint32_t cid)
{
	return h->phase != CTAPHID_IDLE && h->cid == cid;
}

static void
transaction_enter(struct ctaphid *h, enum ctaphid_phase phase)
{
	h->phase = phase;
	h->deadline_ms = UINT64_MAX;
	h->keepalive_due = false;
}

/* The reply is in buf already. */
static void
transaction_answer(struct ctaphid *h, uint8_t cmd, size_t len)
{
	transaction_enter(h, CTAPHID_REPLYING);
	h->cmd = cmd;
	h->len = len;
	h->done = 0;
	h->seq = 0;
	h->begun = false;
}

static void
transaction_fail(struct ctaphid *h, enum ctaphid_error code)
{
	h->buf[0] = (uint8_t)code;
	transaction_answer(h, CTAPHID_CMD_ERROR, 1);
}

/* What the owner has to hear when the transaction ends without him. */
static struct ctaphid_event
transaction_abort_event(const struct ctaphid *h)
{
	if (h->phase != CTAPHID_PROCESSING)
		return none;
	return (struct ctaphid_event){ .type = CTAPHID_ABORT, .cid = h->cid,
	    .serial = h->serial };
}

static struct ctaphid_event
transaction_drop(struct ctaphid *h)
{
	struct ctaphid_event ev = transaction_abort_event(h);

	transaction_enter(h, CTAPHID_IDLE);
	return ev;
}

/* Send an ERROR. It ends what the channel has in progress (invariant 2). */
static struct ctaphid_event
refuse(struct ctaphid *h, uint32_t cid, enum ctaphid_error code)
{
	uint8_t byte = (uint8_t)code;
	struct ctaphid_event ev;

	if (!transaction_is_on(h, cid)) {
		queue_push(h, cid, CTAPHID_CMD_ERROR, &byte, sizeof(byte));
		return none;
	}
	ev = transaction_abort_event(h);
	transaction_fail(h, code);
	return ev;
}

/*
 * Whole messages
 */

/* hid.17 */
static void
message_lock(struct ctaphid *h, uint64_t now_ms)
{
	if (h->buf[0] > CTAPHID_LOCK_MAX_S) {
		transaction_fail(h, CTAPHID_ERR_INVALID_PAR);
		return;
	}
	lock_set(h, h->cid, h->buf[0], now_ms);
	transaction_answer(h, CTAPHID_CMD_LOCK, 0);
}

static struct ctaphid_event
message_hand_over(struct ctaphid *h, uint64_t now_ms)
{
	transaction_enter(h, CTAPHID_PROCESSING);
	if (++h->serial == 0)
		h->serial = 1;
	h->cancelled = false;
	h->status = CTAPHID_STATUS_PROCESSING;
	if (h->cmd == CTAPHID_CMD_CBOR)
		h->deadline_ms = now_ms + CTAPHID_KEEPALIVE_MS;
	return (struct ctaphid_event){ .type = CTAPHID_MESSAGE,
	    .cid = h->cid, .serial = h->serial, .cmd = h->cmd,
	    .msg = span(h->buf, h->len) };
}

/* hid.12, hid.16 */
static struct ctaphid_event
message_dispatch(struct ctaphid *h, uint64_t now_ms)
{
	switch (h->cmd) {
	case CTAPHID_CMD_PING:
		transaction_answer(h, CTAPHID_CMD_PING, h->len);
		return none;
	case CTAPHID_CMD_LOCK:
		message_lock(h, now_ms);
		return none;
	case CTAPHID_CMD_WINK:
		transaction_answer(h, CTAPHID_CMD_WINK, 0);
		return (struct ctaphid_event){ .type = CTAPHID_WINK,
		    .cid = h->cid };
	default:
		return message_hand_over(h, now_ms);
	}
}

static struct ctaphid_event
message_append(struct ctaphid *h, const uint8_t *data, size_t len,
    uint64_t now_ms)
{
	size_t n = min_size(len, h->len - h->done);

	memcpy(&h->buf[h->done], data, n);
	h->done += n;
	if (h->done == h->len)
		return message_dispatch(h, now_ms);
	h->deadline_ms = now_ms + CTAPHID_TIMEOUT_MS;
	return none;
}

static struct ctaphid_event
message_start(struct ctaphid *h, const struct packet *p, uint64_t now_ms)
{
	transaction_enter(h, CTAPHID_ASSEMBLING);
	h->cid = p->cid;
	h->cmd = p->cmd;
	h->len = p->len;
	h->done = 0;
	h->seq = 0;
	return message_append(h, p->data, CTAPHID_REPORT_LEN - INIT_HEADER_LEN,
	    now_ms);
}

/*
 * Packets
 */

static void
init_reply(struct ctaphid *h, const struct packet *p, uint32_t cid)
{
	uint8_t data[NONCE_LEN + 9];

	memcpy(data, p->data, NONCE_LEN);
	put_be32(&data[NONCE_LEN], cid);
	data[12] = PROTOCOL;
	memcpy(&data[13], h->config.version, sizeof(h->config.version));
	data[16] = h->config.capabilities;
	queue_push(h, p->cid, CTAPHID_CMD_INIT, data, sizeof(data));
}

/* hid.4, hid.5; 11.2.9.1.3 */
static struct ctaphid_event
input_init(struct ctaphid *h, const struct packet *p, uint64_t now_ms)
{
	struct ctaphid_event ev = none;

	if (p->len != NONCE_LEN)
		return refuse(h, p->cid, CTAPHID_ERR_INVALID_LEN);
	if (p->cid == CTAPHID_BROADCAST) {
		init_reply(h, p, channel_allocate(h));
		return none;
	}

	/* hid-14 of the certification run wants this refused, and only this */
	if (lock_excludes(h, p->cid, now_ms))
		return refuse(h, p->cid, CTAPHID_ERR_CHANNEL_BUSY);

	if (transaction_is_on(h, p->cid))
		ev = transaction_drop(h);
	queue_drop_errors(h, p->cid);
	channel_adopt(h, p->cid);
	init_reply(h, p, p->cid);
	return ev;
}

/* hid.15; 11.2.9.1.5; nobody else's business than CBOR's */
static struct ctaphid_event
input_cancel(struct ctaphid *h, uint32_t cid)
{
	if (!transaction_is_on(h, cid) || h->cmd != CTAPHID_CMD_CBOR)
		return none;
	if (h->phase == CTAPHID_ASSEMBLING)
		return transaction_drop(h);
	if (h->phase != CTAPHID_PROCESSING || h->cancelled)
		return none;
	h->cancelled = true;
	return (struct ctaphid_event){ .type = CTAPHID_CANCEL, .cid = cid,
	    .serial = h->serial };
}

static const struct command *
command_find(const struct ctaphid *h, uint8_t cmd)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (c->cmd == cmd &&
		    (h->config.capabilities & c->capability) == c->value)
			return c;
	}
	return NULL;
}

/*
 * May this packet begin a message? 0, or what is wrong with it: hid.3, and
 * hid.6 to hid.11.
 */
static uint8_t
packet_judge(const struct ctaphid *h, const struct packet *p, uint64_t now_ms)
{
	const struct command *c = command_find(h, p->cmd);

	if (p->cid == 0 || p->cid == CTAPHID_BROADCAST)
		return CTAPHID_ERR_INVALID_CHANNEL;
	if (transaction_is_on(h, p->cid))
		return CTAPHID_ERR_INVALID_SEQ;
	if (h->phase != CTAPHID_IDLE || lock_excludes(h, p->cid, now_ms))
		return CTAPHID_ERR_CHANNEL_BUSY;
	if (!channel_is_known(h, p->cid))
		return CTAPHID_ERR_INVALID_CHANNEL;
	if (p->len > CTAPHID_MESSAGE_MAX)
		return CTAPHID_ERR_INVALID_LEN;
	if (c == NULL)
		return CTAPHID_ERR_INVALID_CMD;
	if (p->len < c->min || p->len > c->max)
		return CTAPHID_ERR_INVALID_LEN;
	return 0;
}

static struct ctaphid_event
input_first(struct ctaphid *h, const struct packet *p, uint64_t now_ms)
{
	uint8_t code;

	if (p->cmd == CTAPHID_CMD_INIT && p->cid != 0)
		return input_init(h, p, now_ms);
	if (p->cmd == CTAPHID_CMD_CANCEL && p->cid != 0 &&
	    p->cid != CTAPHID_BROADCAST)
		return input_cancel(h, p->cid);

	code = packet_judge(h, p, now_ms);
	if (code != 0)
		return refuse(h, p->cid, code);
	return message_start(h, p, now_ms);
}

/* hid.1, hid.2: a packet that continues nothing is not worth an answer. */
static struct ctaphid_event
input_next(struct ctaphid *h, uint32_t cid, uint8_t seq, const uint8_t *data,
    uint64_t now_ms)
{
	if (h->phase != CTAPHID_ASSEMBLING || h->cid != cid)
		return none;
	if (h->seq != seq)
		return refuse(h, cid, CTAPHID_ERR_INVALID_SEQ);
	h->seq++;
	return message_append(h, data, CTAPHID_REPORT_LEN - CONT_HEADER_LEN,
	    now_ms);
}

static void
packet_first(uint8_t report[static CTAPHID_REPORT_LEN], uint32_t cid,
    uint8_t cmd, size_t len)
{
	memset(report, 0, CTAPHID_REPORT_LEN);
	put_be32(report, cid);
	report[4] = cmd | TYPE_INIT;
	report[5] = (uint8_t)(len >> 8);
	report[6] = (uint8_t)len;
}

/* hid.18: the next packet of the reply. */
static void
packet_next(struct ctaphid *h, uint8_t report[static CTAPHID_REPORT_LEN])
{
	size_t header_len = INIT_HEADER_LEN;
	size_t n;

	packet_first(report, h->cid, h->cmd, h->len);
	if (h->begun) {
		header_len = CONT_HEADER_LEN;
		report[4] = h->seq++;
		report[5] = report[6] = 0;
	}
	h->begun = true;

	n = min_size(CTAPHID_REPORT_LEN - header_len, h->len - h->done);
	memcpy(&report[header_len], &h->buf[h->done], n);
	h->done += n;
	if (h->done == h->len)
		transaction_enter(h, CTAPHID_IDLE);
}

void
ctaphid_init(struct ctaphid *h, const struct ctaphid_config *config,
    uint32_t first_cid)
{
	memset(h, 0, sizeof(*h));
	h->config = *config;
	h->config.capabilities &= CAPABILITIES;
	h->first_cid = h->next_cid = first_cid;
	transaction_enter(h, CTAPHID_IDLE);
}

struct ctaphid_event
ctaphid_input(struct ctaphid *h,
    const uint8_t report[static CTAPHID_REPORT_LEN], uint64_t now_ms)
{
	uint32_t cid = get_be32(report);
	struct packet p;

	if (ctaphid_full(h))
		return none;
	lock_renew(h, cid, now_ms);
	if ((report[4] & TYPE_INIT) == 0)
		return input_next(h, cid, report[4], &report[CONT_HEADER_LEN],
		    now_ms);

	p.cid = cid;
	p.cmd = report[4] ^ TYPE_INIT;
	p.len = (size_t)report[5] << 8 | report[6];
	p.data = &report[INIT_HEADER_LEN];
	return input_first(h, &p, now_ms);
}

/*
 * Others' answers go between the packets of a reply: 7609 bytes may take
 * longer than the 100 ms in which suites expect to be told "busy".
 */
bool
ctaphid_output(struct ctaphid *h, uint8_t report[static CTAPHID_REPORT_LEN])
{
	const struct ctaphid_frame *f = &h->queue[0];

	if (h->queued > 0) {
		packet_first(report, f->cid, f->cmd, f->len);
		memcpy(&report[INIT_HEADER_LEN], f->data, f->len);
		queue_remove(h, 0);
		return true;
	}
	if (h->keepalive_due) {
		packet_first(report, h->cid, CTAPHID_CMD_KEEPALIVE, 1);
		report[INIT_HEADER_LEN] = (uint8_t)h->status;
		h->keepalive_due = false;
		return true;
	}
	if (h->phase != CTAPHID_REPLYING)
		return false;
	packet_next(h, report);
	return true;
}

bool
ctaphid_full(const struct ctaphid *h)
{
	return h->queued == CTAPHID_QUEUE_MAX;
}

uint64_t
ctaphid_deadline(const struct ctaphid *h)
{
	return h->deadline_ms;
}

/* hid.13, hid.14 */
void
ctaphid_tick(struct ctaphid *h, uint64_t now_ms)
{
	if (now_ms < h->deadline_ms)
		return;
	if (h->phase == CTAPHID_ASSEMBLING) {
		transaction_fail(h, CTAPHID_ERR_MSG_TIMEOUT);
		return;
	}
	h->keepalive_due = true;
	h->deadline_ms = now_ms + CTAPHID_KEEPALIVE_MS;
}

static bool
is_in_progress(const struct ctaphid *h, uint32_t serial)
{
	return h->phase == CTAPHID_PROCESSING && h->serial == serial;
}

void
ctaphid_reply(struct ctaphid *h, uint32_t serial, struct span msg)
{
	if (!is_in_progress(h, serial))
		return;
	if (msg.len > CTAPHID_MESSAGE_MAX) {
		transaction_fail(h, CTAPHID_ERR_OTHER);
		return;
	}
	if (msg.len > 0)
		memmove(h->buf, msg.p, msg.len);
	transaction_answer(h, h->cmd, msg.len);
}

void
ctaphid_error(struct ctaphid *h, uint32_t serial, enum ctaphid_error code)
{
	if (is_in_progress(h, serial))
		transaction_fail(h, code);
}

void
ctaphid_set_status(struct ctaphid *h, uint32_t serial,
    enum ctaphid_status status, uint64_t now_ms)
{
	if (!is_in_progress(h, serial) || h->status == status)
		return;
	h->status = status;
	h->keepalive_due = h->cmd == CTAPHID_CMD_CBOR ||
	    status == CTAPHID_STATUS_UPNEEDED;
	h->deadline_ms = h->keepalive_due ? now_ms + CTAPHID_KEEPALIVE_MS :
	    UINT64_MAX;
}

void
ctaphid_mute(struct ctaphid *h, uint32_t serial)
{
	if (!is_in_progress(h, serial))
		return;
	h->keepalive_due = false;
	h->deadline_ms = UINT64_MAX;
}

struct ctaphid_event
ctaphid_hangup(struct ctaphid *h)
{
	h->queued = 0;
	h->lock_cid = 0;
	return transaction_drop(h);
}
