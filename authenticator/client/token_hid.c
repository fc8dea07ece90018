/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any token behind CTAPHID (CTAP 2.3, 11.2): a hidraw device by its path, or a
 * SEQPACKET socket that carries one 64-byte report per packet. One channel,
 * one message at a time. CTAP2 if it has that, and else U2F.
 *
 * Not through libfido2: it cannot offer several algorithms, has no
 * hmac-secret-mc, and writes large blobs of a token that verifies by itself
 * only if that has a PIN, too.
 */
#include "authenticator/client/token_ctap.h"
#include "authenticator/client/token_u2f.h"

#include "authenticator/client/hid_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Our channel, and what comes through it. */
struct line {
	struct hid_host	 host;
	uint32_t	 cid;
	bool		 lost;		/* what comes next answers nothing */
};

struct hid_token {
	struct ctap_token ctap;
	struct line	*line;
	struct token_messages messages;
};

struct hid_u2f {
	struct u2f_token u2f;
	struct line	*line;
};

/* What the token says after all its keepalives: 0 or -errno. */
static int
wait_reply(struct line *l)
{
	switch (hid_host_reply(&l->host, l->cid, TOKEN_TIMEOUT_MS)) {
	case HID_HOST_REPLY:
		return 0;
	case HID_HOST_ERROR:	/* what others say is of no use to a page */
		return l->host.code == CTAPHID_ERR_CHANNEL_BUSY ? -EBUSY :
		    -EIO;
	case HID_HOST_NONSENSE:
		return -EPROTO;
	case HID_HOST_SILENCE:	/* nobody waits for the user any more */
		hid_host_send(&l->host, l->cid, CTAPHID_CMD_CANCEL,
		    span("", 0));
		return -EIO;
	default:
		return -EIO;
	}
}

/* The answer to a message: its length, or -errno. */
static int
exchange(struct line *l, uint8_t cmd, struct span message, uint8_t *reply,
    size_t cap)
{
	int r;

	if (message.len > CTAPHID_MESSAGE_MAX)
		return -EMSGSIZE;
	if (l->lost && hid_host_resync(&l->host, l->cid) != HID_HOST_REPLY)
		return -EIO;
	r = hid_host_send(&l->host, l->cid, cmd, message) == 0 ?
	    wait_reply(l) : -EIO;
	if (r == 0 && (l->host.cmd != cmd || l->host.len > cap))
		r = -EPROTO;
	/* what is left of one answer is none to the next request */
	l->lost = r < 0 && r != -EBUSY;
	if (r < 0)
		return r;
	memcpy(reply, l->host.msg, l->host.len);
	return (int)l->host.len;
}

static void
line_free(struct line *l)
{
	host_pipe_free(l->host.pipe);
	explicit_bzero(l->host.msg, sizeof(l->host.msg));
	free(l);
}

static int
hid_transact(struct ctap_token *t, size_t len)
{
	struct hid_token *h = (struct hid_token *)t;

	return exchange(h->line, CTAPHID_CMD_CBOR, span(t->msg->request, len),
	    t->msg->reply, sizeof(t->msg->reply));
}

static void
hid_close(struct ctap_token *t)
{
	struct hid_token *h = (struct hid_token *)t;

	line_free(h->line);
	free(h);
}

static const struct token_wire hid_wire = {
	.transact = hid_transact,
	.close = hid_close,
};

static int
hid_u2f_transact(struct u2f_token *t, size_t len)
{
	struct hid_u2f *h = (struct hid_u2f *)t;

	return exchange(h->line, CTAPHID_CMD_MSG, span(t->request, len),
	    t->reply, sizeof(t->reply));
}

static void
hid_u2f_close(struct u2f_token *t)
{
	struct hid_u2f *h = (struct hid_u2f *)t;

	line_free(h->line);
	free(h);
}

static const struct u2f_wire hid_u2f_wire = {
	.transact = hid_u2f_transact,
	.pause = u2f_pause,
	.now_ms = u2f_now_ms,
	.close = hid_u2f_close,
};

/* A channel of our own. NULL, or why not. */
static const char *
open_channel(struct line *l)
{
	if (hid_host_channel(&l->host, &l->cid) != HID_HOST_REPLY)
		return "nothing there speaks CTAPHID";
	if ((l->host.capabilities & CAPABILITY_CBOR) == 0 &&
	    (l->host.capabilities & CAPABILITY_NMSG) != 0)
		return "no token: it has neither CTAP2 nor U2F";
	return NULL;
}

/* The token behind a line, which it owns from here on; NULL: no memory. */
static struct token *
make_token(struct line *l)
{
	struct hid_token *h;
	struct hid_u2f *u;

	if (l->host.capabilities & CAPABILITY_CBOR) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			return NULL;
		ctap_token_init(&h->ctap, &hid_wire, &h->messages);
		h->line = l;
		return &h->ctap.token;
	}
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return NULL;
	u2f_token_init(&u->u2f, &hid_u2f_wire);
	u->line = l;
	return &u->u2f.token;
}

/* pipe: NULL, with the reason in msg; it is ours from here on. */
static int
open_token(const char *path, struct host_pipe *pipe, struct token **out,
    char *msg, size_t msglen)
{
	struct line *l;
	const char *why;

	if (pipe == NULL)
		return -ENODEV;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		host_pipe_free(pipe);
		snprintf(msg, msglen, "%s: %s", path, strerror(ENOMEM));
		return -ENODEV;
	}
	l->host.pipe = pipe;
	why = open_channel(l);
	if (why == NULL) {
		*out = make_token(l);
		why = *out == NULL ? strerror(ENOMEM) : NULL;
	}
	if (why == NULL)
		return 0;
	line_free(l);
	snprintf(msg, msglen, "%s: %s", path, why);
	return -ENODEV;
}

int
token_open_device(const char *path, struct token **out, char *msg,
    size_t msglen)
{
	struct host_pipe *pipe = NULL;

	host_pipe_open_hidraw(path, &pipe, msg, msglen);
	return open_token(path, pipe, out, msg, msglen);
}

int
token_open_socket(const char *path, struct token **out, char *msg,
    size_t msglen)
{
	struct host_pipe *pipe = NULL;

	host_pipe_open_socket(path, &pipe, msg, msglen);
	return open_token(path, pipe, out, msg, msglen);
}
