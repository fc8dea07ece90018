/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any CTAP2 token behind CTAPHID (CTAP 2.3, 11.2): a hidraw device by its
 * path, or a SEQPACKET socket that carries one 64-byte report per packet. One
 * channel, one message at a time.
 *
 * Not through libfido2: it cannot offer several algorithms, has no
 * hmac-secret-mc, and writes large blobs of a token that verifies by itself
 * only if that has a PIN, too.
 */
#include "authenticator/client/token_ctap.h"

#include "authenticator/client/hid_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct hid_token {
	struct ctap_token ctap;
	struct hid_host	 host;
	uint32_t	 cid;
	bool		 lost;		/* what comes next answers nothing */
};

/* The answer goes to t->reply: its length, or -errno. */
static int
take_reply(struct hid_token *h)
{
	const struct hid_host *host = &h->host;
	struct ctap_token *t = &h->ctap;

	if (host->cmd != CTAPHID_CMD_CBOR || host->len > sizeof(t->reply))
		return -EPROTO;
	memcpy(t->reply, host->msg, host->len);
	return (int)host->len;
}

/* The same, of what the token says after all its keepalives. */
static int
wait_reply(struct hid_token *h)
{
	switch (hid_host_reply(&h->host, h->cid, TOKEN_TIMEOUT_MS)) {
	case HID_HOST_REPLY:
		return take_reply(h);
	case HID_HOST_ERROR:	/* what others say is of no use to a page */
		return h->host.code == CTAPHID_ERR_CHANNEL_BUSY ? -EBUSY :
		    -EIO;
	case HID_HOST_NONSENSE:
		return -EPROTO;
	case HID_HOST_SILENCE:	/* nobody waits for the user any more */
		hid_host_send(&h->host, h->cid, CTAPHID_CMD_CANCEL,
		    span("", 0));
		return -EIO;
	default:
		return -EIO;
	}
}

static int
hid_transact(struct ctap_token *t, size_t len)
{
	struct hid_token *h = (struct hid_token *)t;
	int r;

	if (len > CTAPHID_MESSAGE_MAX)
		return -EMSGSIZE;
	if (h->lost && hid_host_resync(&h->host, h->cid) != HID_HOST_REPLY)
		return -EIO;
	r = hid_host_send(&h->host, h->cid, CTAPHID_CMD_CBOR,
	    span(t->request, len)) == 0 ? wait_reply(h) : -EIO;
	/* what is left of one answer is none to the next request */
	h->lost = r < 0 && r != -EBUSY;
	return r;
}

static void
hid_close(struct ctap_token *t)
{
	struct hid_token *h = (struct hid_token *)t;

	host_pipe_free(h->host.pipe);
	explicit_bzero(h->host.msg, sizeof(h->host.msg));
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
	if (hid_host_channel(&h->host, &h->cid) != HID_HOST_REPLY)
		return "nothing there speaks CTAPHID";
	if ((h->host.capabilities & CAPABILITY_CBOR) == 0)
		return "no CTAP2 token";
	return NULL;
}

/* pipe: NULL, with the reason in msg; it is ours from here on. */
static int
open_token(const char *path, struct host_pipe *pipe, struct token **out,
    char *msg, size_t msglen)
{
	struct hid_token *h;
	const char *why;

	if (pipe == NULL)
		return -ENODEV;
	h = calloc(1, sizeof(*h));
	if (h == NULL) {
		host_pipe_free(pipe);
		snprintf(msg, msglen, "%s: %s", path, strerror(ENOMEM));
		return -ENODEV;
	}
	ctap_token_init(&h->ctap, &hid_wire);
	h->host.pipe = pipe;
	why = open_channel(h);
	if (why == NULL) {
		*out = &h->ctap.token;
		return 0;
	}
	hid_close(&h->ctap);
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
