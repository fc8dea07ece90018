/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/hid_host.h"

#include <errno.h>
#include <sys/random.h>

#define TYPE_INIT	0x80
#define FIRST_LEN	57
#define NEXT_LEN	59
#define NONCE_LEN	8
#define INIT_REPLY_LEN	17	/* at least */
#define INIT_CAPABILITIES 16	/* where they are in it */
#define DRAIN_MAX	4096	/* reports; then it will never be quiet */

static unsigned
left_ms(const struct hid_host *h, uint64_t until_ms)
{
	uint64_t now_ms = host_pipe_now_ms(h->pipe);

	return now_ms < until_ms ? (unsigned)(until_ms - now_ms) : 0;
}

static uint64_t
earlier(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static void
put_cid(uint8_t *p, uint32_t cid)
{
	p[0] = (uint8_t)(cid >> 24);
	p[1] = (uint8_t)(cid >> 16);
	p[2] = (uint8_t)(cid >> 8);
	p[3] = (uint8_t)cid;
}

static uint32_t
get_cid(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

int
hid_host_send(struct hid_host *h, uint32_t cid, uint8_t cmd,
    struct span msg)
{
	uint8_t report[CTAPHID_REPORT_LEN] = { 0 };
	size_t n = msg.len < FIRST_LEN ? msg.len : FIRST_LEN, done = n;
	uint64_t until_ms = host_pipe_now_ms(h->pipe) + HID_HOST_MESSAGE_MS;
	int r;

	put_cid(report, cid);
	report[4] = cmd | TYPE_INIT;
	report[5] = (uint8_t)(msg.len >> 8);
	report[6] = (uint8_t)msg.len;
	if (n > 0)
		memcpy(report + 7, msg.p, n);
	r = h->pipe->ops->send(h->pipe, report);
	for (uint8_t seq = 0; r == 0 && done < msg.len; seq++) {
		memset(report + 5, 0, NEXT_LEN);
		n = msg.len - done < NEXT_LEN ? msg.len - done : NEXT_LEN;
		report[4] = seq;
		memcpy(report + 5, msg.p + done, n);
		done += n;
		r = left_ms(h, until_ms) == 0 ? -ETIMEDOUT :
		    h->pipe->ops->send(h->pipe, report);
	}
	return r;
}

static enum hid_host_event
nonsense(struct hid_host *h, const char *why)
{
	h->why = why;
	return HID_HOST_NONSENSE;
}

/* 1, 0, or -1 with why. */
static int
receive(struct hid_host *h, uint32_t cid, uint8_t report[static 64],
    uint64_t until_ms)
{
	int r;

	do {
		r = h->pipe->ops->receive(h->pipe, report,
		    left_ms(h, until_ms));
		if (r < 0) {
			h->why = "the key is gone";
			return -1;
		}
		if (r == 1 && get_cid(report) == cid)
			return 1;
	} while (left_ms(h, until_ms) > 0);
	return 0;
}

/* The rest of the message that begins with report. */
static enum hid_host_event
reassemble(struct hid_host *h, uint32_t cid, uint8_t report[static 64])
{
	size_t len = (size_t)report[5] << 8 | report[6], n;
	uint64_t until_ms = host_pipe_now_ms(h->pipe) + HID_HOST_MESSAGE_MS;

	if (len > sizeof(h->msg))
		return nonsense(h, "a message that is longer than any can be");
	h->len = len < FIRST_LEN ? len : FIRST_LEN;
	memcpy(h->msg, report + 7, h->len);
	for (uint8_t seq = 0; h->len < len; seq++) {
		int r = receive(h, cid, report, earlier(until_ms,
		    host_pipe_now_ms(h->pipe) + HID_HOST_PACKET_MS));

		if (r < 0)
			return HID_HOST_GONE;
		if (r == 0)
			return nonsense(h, "a message that stops half way");
		if (report[4] != seq)
			return nonsense(h, "a packet with another number than "
			    "its turn");
		n = len - h->len < NEXT_LEN ? len - h->len : NEXT_LEN;
		memcpy(h->msg + h->len, report + 5, n);
		h->len += n;
	}
	return HID_HOST_REPLY;
}

enum hid_host_event
hid_host_next(struct hid_host *h, uint32_t cid, unsigned wait_ms)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	enum hid_host_event e;
	int r = receive(h, cid, report, host_pipe_now_ms(h->pipe) + wait_ms);

	if (r <= 0)
		return r < 0 ? HID_HOST_GONE : HID_HOST_SILENCE;
	if ((report[4] & TYPE_INIT) == 0)
		return nonsense(h, "a continuation of nothing");
	h->cmd = report[4] & ~TYPE_INIT;
	e = reassemble(h, cid, report);
	if (e != HID_HOST_REPLY)
		return e;
	if (h->cmd != CTAPHID_CMD_KEEPALIVE && h->cmd != CTAPHID_CMD_ERROR)
		return e;
	if (h->len != 1)
		return nonsense(h, "an error or keepalive that is not one "
		    "byte");
	h->code = h->msg[0];
	return h->cmd == CTAPHID_CMD_ERROR ? HID_HOST_ERROR :
	    HID_HOST_KEEPALIVE;
}

enum hid_host_event
hid_host_reply(struct hid_host *h, uint32_t cid, unsigned wait_ms)
{
	uint64_t until_ms = host_pipe_now_ms(h->pipe) + wait_ms;
	enum hid_host_event e;

	do {
		e = hid_host_next(h, cid, left_ms(h, until_ms));
		if (e != HID_HOST_KEEPALIVE)
			return e;
	} while (left_ms(h, until_ms) > 0);
	return HID_HOST_SILENCE;
}

static bool
answers_init(const uint8_t report[static CTAPHID_REPORT_LEN],
    const uint8_t nonce[static NONCE_LEN])
{
	return report[4] == (CTAPHID_CMD_INIT | TYPE_INIT) &&
	    report[5] == 0 && report[6] >= INIT_REPLY_LEN &&
	    report[6] <= FIRST_LEN &&
	    memcmp(report + 7, nonce, NONCE_LEN) == 0;
}

/*
 * INIT, and its answer. That is one packet, and looked for among packets: a
 * message that breaks off before it must not take it for a part of itself.
 */
static enum hid_host_event
init(struct hid_host *h, uint32_t cid)
{
	uint64_t until_ms = host_pipe_now_ms(h->pipe) + HID_HOST_INIT_MS;
	uint8_t report[CTAPHID_REPORT_LEN], nonce[NONCE_LEN];

	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce) ||
	    hid_host_send(h, cid, CTAPHID_CMD_INIT,
	    span(nonce, sizeof(nonce))) < 0) {
		h->why = "the key takes no reports";
		return HID_HOST_GONE;
	}
	do {
		int r = receive(h, cid, report, until_ms);

		if (r < 0)
			return HID_HOST_GONE;
		if (r == 0 || !answers_init(report, nonce))
			continue;
		h->cmd = CTAPHID_CMD_INIT;
		h->len = report[6];
		memcpy(h->msg, report + 7, h->len);
		h->capabilities = h->msg[INIT_CAPABILITIES];
		return HID_HOST_REPLY;
	} while (left_ms(h, until_ms) > 0);
	return HID_HOST_SILENCE;
}

enum hid_host_event
hid_host_channel(struct hid_host *h, uint32_t *cid)
{
	enum hid_host_event e = init(h, CTAPHID_BROADCAST);
	uint32_t given;

	if (e != HID_HOST_REPLY)
		return e;
	given = get_cid(h->msg + NONCE_LEN);
	if (given == 0 || given == CTAPHID_BROADCAST)
		return nonsense(h, "INIT gave a channel that is reserved");
	*cid = given;
	return e;
}

enum hid_host_event
hid_host_resync(struct hid_host *h, uint32_t cid)
{
	return init(h, cid);
}

void
hid_host_drain(struct hid_host *h)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	for (int i = 0; i < DRAIN_MAX; i++)
		if (h->pipe->ops->receive(h->pipe, report, 0) != 1)
			return;
}
