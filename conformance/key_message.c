/* SPDX-License-Identifier: Apache-2.0 */
/* A real key: messages to it, and what comes of them. */
#include "conformance/key_impl.h"

#include <stdarg.h>
#include <time.h>

uint64_t
key_clock_ms(const struct key *k)
{
	return host_pipe_now_ms(k->host_count > 0 ?
	    k->hosts[0].host.pipe : NULL);
}

void
key_pause(unsigned ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

bool
key_trouble(struct key *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->trouble, sizeof(k->trouble), fmt, ap);
	va_end(ap);
	k->waiting = false;
	return false;
}

bool
key_open_host(struct key *k, uint32_t number, char *msg, size_t msglen)
{
	struct host_pipe *pipe;

	if (k->host_count == KEY_HOSTS_MAX) {
		snprintf(msg, msglen, "more hosts than this can be");
		return false;
	}
	if (k->opt.open(k->opt.where, &pipe, msg, msglen) < 0)
		return false;
	k->hosts[k->host_count].number = number;
	k->hosts[k->host_count++].host.pipe = pipe;
	return true;
}

static struct hid_host *
find_host(struct key *k, uint32_t number)
{
	char msg[256];

	for (size_t i = 0; i < k->host_count; i++)
		if (k->hosts[i].number == number)
			return &k->hosts[i].host;
	if (key_open_host(k, number, msg, sizeof(msg)))
		return &k->hosts[k->host_count - 1].host;
	key_trouble(k, "%s", msg);
	return NULL;
}

/* The channel's number on the wire; 0, and trouble: none. */
static uint32_t
find_channel(struct key *k, struct hid_host *host, uint64_t channel)
{
	struct key_channel *c = k->channels;
	enum hid_host_event e;

	for (size_t i = 0; i < k->channel_count; i++)
		if (c[i].channel == channel)
			return c[i].cid;
	if (k->channel_count == KEY_CHANNELS_MAX) {
		key_trouble(k, "more channels than this can be");
		return 0;
	}
	c += k->channel_count;
	e = hid_host_channel(host, &c->cid);
	if (e != HID_HOST_REPLY) {
		key_trouble(k, "no channel: %s", e == HID_HOST_SILENCE ?
		    "no answer to INIT" : host->why);
		return 0;
	}
	c->channel = channel;
	k->channel_count++;
	return c->cid;
}

void
key_send(struct key *k, uint64_t channel, uint8_t cmd, struct span msg)
{
	/* a reply that nobody looked at must not answer this one */
	if (k->waiting)
		key_proceed(k);
	k->reply_len = 0;
	k->cmd = cmd;
	k->refused = 0;
	k->asks = k->answered = k->waiting = false;
	if (k->trouble[0] != '\0')
		return;
	k->host = find_host(k, (uint32_t)(channel >> 32));
	k->cid = k->host != NULL ? find_channel(k, k->host, channel) : 0;
	if (k->cid == 0)
		return;
	if (msg.len > CTAPHID_MESSAGE_MAX)
		key_trouble(k, "a message of %zu bytes cannot be sent",
		    msg.len);
	else if (hid_host_send(k->host, k->cid, cmd, msg) < 0)
		key_trouble(k, "the key takes no reports");
	else
		k->waiting = true;
}

static void
take_keepalive(struct key *k)
{
	if (k->host->code != CTAPHID_STATUS_UPNEEDED) {
		k->asks = k->answered = false;
		return;
	}
	/* one that was under way when the user answered is no news */
	if (k->answered && key_clock_ms(k) < k->answered_ms + KEY_STALE_MS)
		return;
	k->asks = true;
	k->answered = false;
}

static void
take_reply(struct key *k)
{
	k->waiting = k->asks = false;
	if (k->host->cmd != k->cmd) {
		key_trouble(k, "CTAPHID command %02x is answered with %02x",
		    k->cmd, k->host->cmd);
		return;
	}
	k->reply_len = k->host->len;
	memcpy(k->reply, k->host->msg, k->reply_len);
	if (k->reply_len == 0)
		key_trouble(k, "an empty reply");
}

static void
take_event(struct key *k, enum hid_host_event e)
{
	switch (e) {
	case HID_HOST_REPLY:
		take_reply(k);
		break;
	case HID_HOST_KEEPALIVE:
		take_keepalive(k);
		break;
	case HID_HOST_ERROR:
		k->refused = k->host->code;
		key_trouble(k, "CTAPHID error %02x", k->host->code);
		break;
	case HID_HOST_SILENCE:
		key_trouble(k, "no answer in %d s", KEY_SILENCE_MS / 1000);
		break;
	default:
		key_trouble(k, "%s", k->host->why);
		break;
	}
}

void
key_proceed(struct key *k)
{
	uint64_t until_ms = key_clock_ms(k) + KEY_REPLY_MS;

	while (k->waiting && !k->asks) {
		if (key_clock_ms(k) >= until_ms)
			key_trouble(k, "nothing but keepalives in %d s",
			    KEY_REPLY_MS / 1000);
		else
			take_event(k, hid_host_next(k->host, k->cid,
			    KEY_SILENCE_MS));
	}
}

void
key_listen(struct key *k, uint64_t until_ms)
{
	uint64_t now_ms;

	while (k->waiting && (now_ms = key_clock_ms(k)) < until_ms) {
		enum hid_host_event e = hid_host_next(k->host, k->cid,
		    (unsigned)(until_ms - now_ms));

		if (e != HID_HOST_SILENCE)
			take_event(k, e);
	}
	now_ms = key_clock_ms(k);
	if (now_ms < until_ms)
		key_pause((unsigned)(until_ms - now_ms));
}

/* A cancelled request is answered, in its own words. */
bool
key_cancel(struct key *k, uint64_t channel)
{
	struct hid_host *host = find_host(k, (uint32_t)(channel >> 32));
	uint32_t cid = host != NULL ? find_channel(k, host, channel) : 0;

	return cid != 0 && hid_host_send(host, cid, CTAPHID_CMD_CANCEL,
	    span(NULL, 0)) == 0;
}

void
key_give_up(struct key *k)
{
	if (k->waiting && hid_host_send(k->host, k->cid, CTAPHID_CMD_CANCEL,
	    span(NULL, 0)) == 0)
		hid_host_reply(k->host, k->cid, KEY_STALE_MS);
	k->waiting = k->asks = false;
}

void
key_forget(struct key *k)
{
	while (k->host_count > 1)
		host_pipe_free(k->hosts[--k->host_count].host.pipe);
	k->channel_count = 0;
	k->host = NULL;
	k->cid = 0;
	k->reply_len = 0;
	k->waiting = k->asks = k->answered = false;
	if (k->host_count > 0)
		hid_host_drain(&k->hosts[0].host);
}
