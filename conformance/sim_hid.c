/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/sim_hid.h"

#include <stdlib.h>

/*
 * Reports that nobody has looked at: the longest reply, and keepalives of
 * half a minute. More are lost, as they are where a kernel queues them.
 */
#define REPORTS_MAX	512
#define FIRST_CID	0x51a10001
#define HOST		1u	/* of the engine's channels */

struct sim_hid {
	struct sim	*sim;
	struct ctaphid_config config;
	struct ctaphid	 hid;
	bool		 busy;		/* the engine is, for this: */
	uint32_t	 cid;
	uint32_t	 serial;

	size_t		 first;		/* of reports, and how many */
	size_t		 count;
	uint8_t		 reports[REPORTS_MAX][CTAPHID_REPORT_LEN];
};

static uint64_t
channel(const struct sim_hid *h)
{
	return (uint64_t)HOST << 32 | h->cid;
}

/* The host takes what the key has to say, if that has an end. */
static void
pump(struct sim_hid *h)
{
	uint8_t report[CTAPHID_REPORT_LEN];
	size_t at;

	for (size_t n = 0; n < REPORTS_MAX; n++) {
		if (!ctaphid_output(&h->hid, report))
			break;
		if (h->count == REPORTS_MAX)
			continue;
		at = (h->first + h->count++) % REPORTS_MAX;
		memcpy(h->reports[at], report, sizeof(report));
	}
}

static void
tell_status(struct sim_hid *h, enum ctaphid_status status)
{
	ctaphid_set_status(&h->hid, h->serial, status, h->sim->now_ms);
	pump(h);
}

/* Tells the host how far its message is. */
static void
proceed(struct sim_hid *h)
{
	if (!h->busy)
		return;
	if (h->sim->want == AUTH_USER) {
		tell_status(h, CTAPHID_STATUS_UPNEEDED);
		return;
	}
	h->busy = false;
	ctaphid_reply(&h->hid, h->serial, h->sim->reply);
	pump(h);
}

/*
 * The framing sees to all of that; one that does not is to fail cases, not
 * the program that runs them.
 */
static bool
can_take(const struct sim_hid *h, const struct ctaphid_event *ev)
{
	return auth_idle(h->sim->auth) && ev->msg.len > 0 &&
	    (ev->cmd != CTAPHID_CMD_MSG || auth_has_u2f(h->sim->auth));
}

static void
take_message(struct sim_hid *h, const struct ctaphid_event *ev)
{
	if (!can_take(h, ev)) {
		ctaphid_error(&h->hid, ev->serial, CTAPHID_ERR_OTHER);
		return;
	}
	h->busy = true;
	h->cid = ev->cid;
	h->serial = ev->serial;
	if (ev->cmd == CTAPHID_CMD_MSG)
		sim_apdu(h->sim, channel(h), ev->msg);
	else
		sim_send(h->sim, channel(h), ev->msg);
	proceed(h);
}

static void
take_event(struct sim_hid *h, const struct ctaphid_event *ev)
{
	switch (ev->type) {
	case CTAPHID_MESSAGE:
		take_message(h, ev);
		break;
	case CTAPHID_CANCEL:
		sim_cancel(h->sim, channel(h));
		proceed(h);
		break;
	case CTAPHID_ABORT:
		h->busy = false;
		sim_abort(h->sim, channel(h));
		break;
	case CTAPHID_WINK:
	case CTAPHID_NONE:
		break;
	}
}

static void
plug_in(struct sim_hid *h)
{
	ctaphid_init(&h->hid, &h->config, FIRST_CID);
	h->busy = false;
	h->first = h->count = 0;
}

struct sim_hid *
sim_hid_new(struct sim *s, bool no_u2f)
{
	struct sim_hid *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	h->sim = s;
	h->config.version[1] = 1;
	h->config.capabilities = (uint8_t)(CAPABILITY_WINK | CAPABILITY_CBOR |
	    (no_u2f ? CAPABILITY_NMSG : 0));
	plug_in(h);
	return h;
}

void
sim_hid_free(struct sim_hid *h)
{
	free(h);
}

void
sim_hid_report(struct sim_hid *h, const uint8_t report[static 64])
{
	struct ctaphid_event ev;

	ev = ctaphid_input(&h->hid, report, h->sim->now_ms);
	take_event(h, &ev);
	pump(h);
}

/* To the next timer of either, or as far as end_ms. */
static void
step(struct sim_hid *h, uint64_t end_ms)
{
	uint64_t at = end_ms;

	if (ctaphid_deadline(&h->hid) < at)
		at = ctaphid_deadline(&h->hid);
	if (auth_deadline(h->sim->auth) < at)
		at = auth_deadline(h->sim->auth);
	if (at < h->sim->now_ms)
		at = h->sim->now_ms;
	sim_advance(h->sim, at - h->sim->now_ms);
	proceed(h);
	ctaphid_tick(&h->hid, at);
	pump(h);
}

void
sim_hid_advance(struct sim_hid *h, uint64_t ms)
{
	uint64_t end_ms = h->sim->now_ms + ms;

	do
		step(h, end_ms);
	while (h->sim->now_ms < end_ms);
}

int
sim_hid_next(struct sim_hid *h, uint8_t report[static 64], unsigned wait_ms)
{
	uint64_t end_ms = h->sim->now_ms + wait_ms;

	while (h->count == 0 && h->sim->now_ms < end_ms)
		step(h, end_ms);
	if (h->count == 0)
		return 0;
	memcpy(report, h->reports[h->first], CTAPHID_REPORT_LEN);
	h->first = (h->first + 1) % REPORTS_MAX;
	h->count--;
	return 1;
}

/* As the program does: what it goes on with, then what it waits for. */
void
sim_hid_acted(struct sim_hid *h)
{
	if (h->busy)
		tell_status(h, CTAPHID_STATUS_PROCESSING);
	proceed(h);
}

void
sim_hid_power_cycle(struct sim_hid *h)
{
	plug_in(h);
}
