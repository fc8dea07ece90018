/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any CTAP2 token behind CTAPHID (CTAP 2.3, 11.2), the host's side: a hidraw
 * device by its path, or a SEQPACKET socket that carries one 64-byte report
 * per packet each way. One channel, one message at a time.
 *
 * Not through libfido2: it cannot offer several algorithms, has no
 * hmac-secret-mc, and writes large blobs of a token that verifies by itself
 * only if that has a PIN, too.
 */
#include "authenticator/token_ctap.h"

#include "ctap/hid.h"
#include "uhid/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INIT_BIT	0x80	/* of the command of a first packet */
#define INIT_HEAD	7	/* bytes: channel, command, length */
#define CONT_HEAD	5	/* bytes: channel, sequence */
#define SEQ_MAX		0x7f
#define NONCE_LEN	8
#define INIT_LEN	17	/* bytes, at least, of the answer to INIT */
#define OPEN_TIMEOUT_MS	3000	/* for an answer to INIT */

struct hid_token {
	struct ctap_token ctap;
	int		 fd;
	bool		 hidraw;
	uint8_t		 cid[4];
	bool		 lost;		/* what comes next answers nothing */
};

/* What a first packet says. */
struct head {
	uint8_t	cmd;
	size_t	len;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* hidraw wants a report number in front; a socket has no use for it. */
static int
send_report(const struct hid_token *h,
    const uint8_t report[static CTAPHID_REPORT_LEN])
{
	uint8_t numbered[1 + CTAPHID_REPORT_LEN] = { 0 };
	ssize_t n;

	if (!h->hidraw) {
		n = send(h->fd, report, CTAPHID_REPORT_LEN, MSG_NOSIGNAL);
		return n == CTAPHID_REPORT_LEN ? 0 : -EIO;
	}
	memcpy(numbered + 1, report, CTAPHID_REPORT_LEN);
	n = write(h->fd, numbered, sizeof(numbered));
	return n == sizeof(numbered) ? 0 : -EIO;
}

static int
wait_report(const struct hid_token *h, uint64_t deadline_ms)
{
	struct pollfd pfd = { .fd = h->fd, .events = POLLIN };
	uint64_t now;
	int n;

	do {
		now = now_ms();
		if (now >= deadline_ms)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, (int)(deadline_ms - now));
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -EIO : 0;
}

/* The next report of our channel; those of others are not for us. */
static int
read_report(const struct hid_token *h,
    uint8_t report[static CTAPHID_REPORT_LEN], uint64_t deadline_ms)
{
	uint8_t packet[CTAPHID_REPORT_LEN + 1];
	int r;

	do {
		r = wait_report(h, deadline_ms);
		if (r != 0)
			return r;
		/* One byte more than there should be shows what is longer. */
		if (read(h->fd, packet, sizeof(packet)) != CTAPHID_REPORT_LEN)
			return -EIO;
	} while (memcmp(packet, h->cid, sizeof(h->cid)) != 0);
	memcpy(report, packet, CTAPHID_REPORT_LEN);
	return 0;
}

static int
send_message(const struct hid_token *h, uint8_t cmd, struct span msg)
{
	uint8_t report[CTAPHID_REPORT_LEN], seq = 0;
	size_t head = INIT_HEAD, n;
	int r;

	memcpy(report, h->cid, sizeof(h->cid));
	report[4] = cmd | INIT_BIT;
	report[5] = (uint8_t)(msg.len >> 8);
	report[6] = (uint8_t)msg.len;
	do {
		n = CTAPHID_REPORT_LEN - head;
		memset(report + head, 0, n);
		if (n > msg.len)
			n = msg.len;
		if (n > 0)
			memcpy(report + head, msg.p, n);
		msg = span(msg.p + n, msg.len - n);
		r = send_report(h, report);
		report[4] = seq++;
		head = CONT_HEAD;
	} while (r == 0 && msg.len > 0);
	return r;
}

/* What ERROR packets say is of no use to a page. */
static int
error_of(uint8_t code)
{
	return code == CTAPHID_ERR_CHANNEL_BUSY ? -EBUSY : -EIO;
}

/* The first packet of an answer to cmd. */
static int
read_head(const struct hid_token *h, uint8_t cmd,
    uint8_t report[static CTAPHID_REPORT_LEN], struct head *out,
    uint64_t deadline_ms)
{
	int r;

	do {
		r = read_report(h, report, deadline_ms);
		if (r != 0)
			return r;
		out->cmd = report[4];
		out->len = (size_t)report[5] << 8 | report[6];
	} while (out->cmd == (CTAPHID_CMD_KEEPALIVE | INIT_BIT));
	if (out->cmd == (CTAPHID_CMD_ERROR | INIT_BIT))
		return error_of(report[INIT_HEAD]);
	return out->cmd == (cmd | INIT_BIT) ? 0 : -EPROTO;
}

/* The whole answer into buf, of cap bytes; its length, or -errno. */
static int
read_message(const struct hid_token *h, uint8_t cmd, uint8_t *buf, size_t cap,
    uint64_t deadline_ms)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	size_t at = 0, n, skip = INIT_HEAD;
	struct head head;
	uint8_t seq = 0;
	int r;

	r = read_head(h, cmd, report, &head, deadline_ms);
	if (r != 0)
		return r;
	if (head.len > cap)
		return -EPROTO;
	for (;;) {
		n = CTAPHID_REPORT_LEN - skip;
		if (n > head.len - at)
			n = head.len - at;
		memcpy(buf + at, report + skip, n);
		at += n;
		if (at == head.len)
			return (int)head.len;
		r = read_report(h, report, deadline_ms);
		if (r != 0)
			return r;
		if (seq > SEQ_MAX || report[4] != seq++)
			return -EPROTO;
		skip = CONT_HEAD;
	}
}

/*
 * CTAP 2.3, 11.2.9.1.3: INIT, and the report that answers it. It also ends
 * whatever else goes on in the channel; what that still says is passed over,
 * as are the answers to other programs.
 */
static int
init_channel(const struct hid_token *h,
    uint8_t report[static CTAPHID_REPORT_LEN])
{
	uint64_t deadline_ms = now_ms() + OPEN_TIMEOUT_MS;
	uint8_t nonce[NONCE_LEN];
	int r;

	if (RAND_bytes(nonce, sizeof(nonce)) != 1)
		return -EIO;
	r = send_message(h, CTAPHID_CMD_INIT, span(nonce, sizeof(nonce)));
	do {
		if (r == 0)
			r = read_report(h, report, deadline_ms);
		if (r != 0)
			return r;
	} while (report[4] != (CTAPHID_CMD_INIT | INIT_BIT) ||
	    report[5] != 0 || report[6] < INIT_LEN ||
	    memcmp(report + INIT_HEAD, nonce, sizeof(nonce)) != 0);
	return 0;
}

static int
exchange(struct hid_token *h, size_t len)
{
	struct ctap_token *t = &h->ctap;
	int r;

	r = send_message(h, CTAPHID_CMD_CBOR, span(t->request, len));
	if (r != 0)
		return r;
	r = read_message(h, CTAPHID_CMD_CBOR, t->reply, sizeof(t->reply),
	    now_ms() + TOKEN_TIMEOUT_MS);
	if (r == -ETIMEDOUT)	/* nobody waits for the user any more */
		send_message(h, CTAPHID_CMD_CANCEL, span("", 0));
	return r;
}

static int
hid_transact(struct ctap_token *t, size_t len)
{
	struct hid_token *h = (struct hid_token *)t;
	uint8_t unused[CTAPHID_REPORT_LEN];
	int r = 0;

	if (len > CTAPHID_MESSAGE_MAX)
		return -EMSGSIZE;
	if (h->lost)
		r = init_channel(h, unused);
	if (r == 0)
		r = exchange(h, len);
	/* what is left of one answer is none to the next request */
	h->lost = r < 0 && r != -EBUSY;
	return r == -ETIMEDOUT ? -EIO : r;
}

static void
hid_close(struct ctap_token *t)
{
	struct hid_token *h = (struct hid_token *)t;

	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

static const struct token_wire hid_wire = {
	.transact = hid_transact,
	.close = hid_close,
};

/* A channel of our own. NULL, or why not. */
static const char *
open_channel(struct hid_token *h)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	const uint8_t *answer = report + INIT_HEAD;

	memset(h->cid, 0xff, sizeof(h->cid));	/* CTAPHID_BROADCAST */
	if (init_channel(h, report) != 0)
		return "nothing there speaks CTAPHID";
	if (!(answer[16] & CAPABILITY_CBOR))
		return "no CTAP2 token";
	memcpy(h->cid, answer + NONCE_LEN, sizeof(h->cid));
	return NULL;
}

/* fd: open, or -errno; it is ours from here on. */
static int
open_token(const char *path, int fd, bool hidraw, struct token **out,
    char *msg, size_t msglen)
{
	struct hid_token *h = calloc(1, sizeof(*h));
	const char *why;

	if (h == NULL) {
		why = strerror(ENOMEM);
		if (fd >= 0)
			close(fd);
		goto fail;
	}
	ctap_token_init(&h->ctap, &hid_wire);
	h->fd = fd;
	h->hidraw = hidraw;
	why = fd < 0 ? strerror(-fd) : open_channel(h);
	if (why == NULL) {
		*out = &h->ctap.token;
		return 0;
	}
	hid_close(&h->ctap);
fail:
	snprintf(msg, msglen, "%s: %s", path, why);
	return -ENODEV;
}

int
token_open_device(const char *path, struct token **out, char *msg,
    size_t msglen)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);

	return open_token(path, fd < 0 ? -errno : fd, true, out, msg, msglen);
}

int
token_open_socket(const char *path, struct token **out, char *msg,
    size_t msglen)
{
	int fd = unix_connect(path, SOCK_SEQPACKET);

	return open_token(path, fd, false, out, msg, msglen);
}
