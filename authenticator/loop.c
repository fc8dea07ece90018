/* SPDX-License-Identifier: Apache-2.0 */
/* One key at work: see loop.h. */
#include "authenticator/loop.h"

#include <sys/queue.h>
#include <sys/random.h>

#include <errno.h>
#include <stdlib.h>

#include "authenticator/fault/way.h"
#include "ctap/apdu.h"
#include "ctap/hid.h"
#include "ctap/request.h"

#define HOSTS_MAX	256	/* at once; each takes about 8 kB */
#define INFO_MAX	2048	/* bytes of a reply to getInfo, which can be
				 * some 1200 */
#define POLLED_AGAIN_MS	2000	/* without asking, then it is another one */

/* A host and, if it has one in progress, its message. */
struct loop_host {
	struct host	*host;
	uint32_t	 number;	/* never used twice */
	TAILQ_ENTRY(loop_host) all;
	TAILQ_ENTRY(loop_host) waits;
	bool		 waiting;	/* in the queue */
	enum fault_transport held_up;	/* how, by a fault */
	uint64_t	 until_ms;	/* FAULT_TRANSPORT_DELAY */
	bool		 delayed;	/* was, and has no other fault */
	uint32_t	 cid;
	uint32_t	 serial;
	uint8_t		 cmd;		/* CTAPHID_CMD_CBOR or _MSG */
	struct span	 msg;		/* in hid */

	bool		 blocked;	/* until the transport is writable */
	bool		 holding;	/* held is to be sent first */
	uint8_t		 held[CTAPHID_REPORT_LEN];
	struct ctaphid	 hid;
};

TAILQ_HEAD(host_list, loop_host);

struct loop {
	struct device	*device;
	struct transport *transport;
	void		(*failed)(void *arg, const char *line);
	void		*failed_arg;
	void		(*unplug)(void *arg);
	void		*unplug_arg;
	struct presence	 presence;
	uint64_t	 now_ms;	/* of the call that is going on */
	struct host_list hosts;
	unsigned	 host_count;
	uint32_t	 next_number;
	struct host_list queue;
	bool		 busy;		/* the engine is */
	bool		 wanted;	/* that was told of the user, and not
					 * yet what became of it */
	uint64_t	 polled_ms;	/* when a host last asked that polls */
	struct loop_host *active;	/* whom it works for */
};

/* What INIT tells. */
static struct ctaphid_config
hid_config(const struct loop *l)
{
	return (struct ctaphid_config){
		.version = { 0, 1, 0 },
		.capabilities = CAPABILITY_WINK |
		    (device_has_ctap2(l->device) ? CAPABILITY_CBOR : 0) |
		    (device_has_u2f(l->device) ? 0 : CAPABILITY_NMSG),
	};
}

static uint64_t
channel(const struct loop_host *lh)
{
	return (uint64_t)lh->number << 32 | lh->cid;
}

/* Sends what ctaphid has, as far as the transport takes it. */
static void
pump(struct loop *l, struct loop_host *lh)
{
	struct transport *t = lh->host->transport;

	while (!lh->blocked) {
		if (!lh->holding)
			lh->holding = ctaphid_output(&lh->hid, lh->held);
		if (!lh->holding)
			break;
		if (t->ops->send(t, lh->host, lh->held, l->now_ms) == 0)
			lh->holding = false;
		else
			lh->blocked = true;
	}
	t->ops->pause(t, lh->host, ctaphid_full(&lh->hid));
}

/* The operation is over. Only a host that is still there hears of it. */
static void
finish(struct loop *l)
{
	struct loop_host *lh = l->active;

	if (lh != NULL)
		ctaphid_reply(&lh->hid, lh->serial, device_reply(l->device));
	device_replied(l->device);
	l->active = NULL;
	l->busy = false;
	if (lh != NULL)
		pump(l, lh);
}

static void
tell_status(struct loop *l, enum ctaphid_status status)
{
	struct loop_host *lh = l->active;

	if (lh == NULL)
		return;
	ctaphid_set_status(&lh->hid, lh->serial, status, l->now_ms);
	pump(l, lh);
}

/* Without the site, whose name is in a message that may be gone. */
static struct event
user_event(struct loop *l, enum event_kind kind)
{
	return (struct event){ .kind = kind,
	    .reason = watch_reason(device_prompt(l->device)->reason),
	    .channel = l->active != NULL ? channel(l->active) : 0 };
}

/* Once for each request; one that is polled for is the same for a while. */
static void
tell_wanted(struct loop *l)
{
	struct event e = user_event(l, EVENT_USER_WANTED);
	bool polled = device_prompt(l->device)->polled;

	e.rp_id = device_prompt(l->device)->rp_id;
	if (l->wanted && (!polled ||
	    l->now_ms - l->polled_ms < POLLED_AGAIN_MS))
		goto out;
	l->wanted = true;
	watch_tell(device_watch(l->device), &e);
out:
	l->polled_ms = polled ? l->now_ms : 0;
}

/* e is a user_event(), of a while ago if the operation is gone meanwhile. */
static void
tell_answer(struct loop *l, struct event e, const char *answer)
{
	if (!l->wanted)
		return;
	l->wanted = false;
	l->polled_ms = 0;
	e.answer = answer;
	watch_tell(device_watch(l->device), &e);
}

static void
tell_answered(struct loop *l, const char *answer)
{
	tell_answer(l, user_event(l, EVENT_USER_ANSWERED), answer);
}

/* The operation waits no more: if nobody had answered, nobody will. */
static void
tell_unanswered(struct loop *l, enum device_want want)
{
	struct auth_facts facts;

	if (!l->wanted || l->polled_ms != 0)
		return;
	if (want == DEVICE_REPLY && device_facts(l->device, &facts) &&
	    facts.status == CTAP2_ERR_KEEPALIVE_CANCEL)
		tell_answered(l, "cancelled");
	else
		tell_answered(l, "timeout");
}

/* What the user does, as the engine sees it. */
static enum device_want
touched(struct loop *l, struct touch touch)
{
	bool verifies = device_prompt(l->device)->kind == PROMPT_VERIFICATION;
	enum verification v = VERIFICATION_GOOD;

	if (verifies && !touch.deny)
		v = presence_verification(&l->presence);
	if (touch.deny || v == VERIFICATION_REFUSED) {
		tell_answered(l, "denied");
		return device_user(l->device, USER_REFUSED, l->now_ms);
	}
	if (v == VERIFICATION_MISMATCH) {
		tell_answered(l, "mismatch");
		return device_user(l->device, USER_MISMATCH, l->now_ms);
	}
	tell_answered(l, "touched");
	return device_finger(l->device, touch.finger, l->now_ms);
}

/*
 * Whether the operation goes on; if not, the host is told what is missing.
 * A host that polls is never kept waiting: a press that comes until it asks
 * again is kept for it (presence.h).
 */
static bool
ask_user(struct loop *l, enum device_want *want)
{
	const struct auth_prompt *prompt = device_prompt(l->device);
	struct touch touch;

	if (presence_ask(&l->presence, prompt->polled, l->now_ms, &touch)) {
		tell_status(l, CTAPHID_STATUS_PROCESSING);
		*want = touched(l, touch);
		return true;
	}
	tell_wanted(l);
	if (prompt->polled) {
		*want = device_tick(l->device, l->now_ms);
		return true;
	}
	tell_status(l, CTAPHID_STATUS_UPNEEDED);
	return false;
}

/* Goes on with the operation until it has to wait, or is over. */
static void
proceed(struct loop *l, enum device_want want)
{
	while (want == DEVICE_USER)
		if (!ask_user(l, &want))
			return;
	presence_unask(&l->presence);
	tell_unanswered(l, want);
	if (want == DEVICE_REPLY) {
		finish(l);
	} else if (want == DEVICE_IDLE) {
		l->busy = false;
		l->active = NULL;
	} else {
		tell_status(l, CTAPHID_STATUS_PROCESSING);
	}
}

static enum device_want
start(struct loop *l, const struct loop_host *lh)
{
	return lh->cmd == CTAPHID_CMD_MSG ?
	    device_apdu(l->device, channel(lh), lh->msg, l->now_ms) :
	    device_command(l->device, channel(lh), lh->msg, l->now_ms);
}

/* U2F has few statuses. */
static uint16_t
status_word(uint32_t status)
{
	switch (status) {
	case CTAP2_ERR_NO_CREDENTIALS:
		return SW_WRONG_DATA;
	case CTAP2_ERR_USER_ACTION_TIMEOUT:
	case CTAP2_ERR_OPERATION_DENIED:
		return SW_CONDITIONS_NOT_SATISFIED;
	default:
		return SW_INTERNAL;
	}
}

static void
answer_status(struct loop_host *lh, uint32_t status)
{
	uint16_t sw = status_word(status);
	const uint8_t word[2] = { (uint8_t)(sw >> 8), (uint8_t)sw };
	const uint8_t byte = (uint8_t)status;

	ctaphid_reply(&lh->hid, lh->serial, lh->cmd == CTAPHID_CMD_MSG ?
	    span(word, sizeof(word)) : span(&byte, 1));
}

/* The message is not for the engine; or not yet. */
static void
hold_up(struct loop *l, struct loop_host *lh, struct fault_choice choice)
{
	enum fault_transport how = choice.fault->transport;

	lh->held_up = how;
	switch (how) {
	case FAULT_TRANSPORT_STATUS:
		lh->held_up = FAULT_TRANSPORT_NONE;
		answer_status(lh, choice.value);
		break;
	case FAULT_TRANSPORT_BUSY:
		lh->held_up = FAULT_TRANSPORT_NONE;
		ctaphid_error(&lh->hid, lh->serial, CTAPHID_ERR_CHANNEL_BUSY);
		break;
	case FAULT_TRANSPORT_UNPLUG:
		if (l->unplug != NULL)
			l->unplug(l->unplug_arg);
		/* fallthrough */
	case FAULT_TRANSPORT_SILENCE:
		ctaphid_mute(&lh->hid, lh->serial);
		break;
	case FAULT_TRANSPORT_DELAY:
		lh->until_ms = l->now_ms + choice.value;
		break;
	case FAULT_TRANSPORT_KEEPALIVE:
	case FAULT_TRANSPORT_NONE:
		break;
	}
	pump(l, lh);
}

/* Whether a fault that is armed happens to the message, and not the engine. */
static bool
meets_fault(struct loop *l, struct loop_host *lh)
{
	char name[FAULT_NAME_MAX];
	struct fault_armed fault;
	struct span rp_id;

	if (lh->delayed || !fault_on_the_way(device_faults(l->device),
	    lh->cmd == CTAPHID_CMD_MSG, lh->msg, &fault, &rp_id))
		return false;
	fault_choice_name(fault.choice, name);
	watch_tell(device_watch(l->device), &(struct event){
	    .kind = EVENT_FAULT_USED, .fault = name, .rp_id = rp_id,
	    .channel = channel(lh) });
	hold_up(l, lh, fault.choice);
	return true;
}

/* Gives the engine work while it is idle and there is some. */
static void
run_queue(struct loop *l)
{
	struct loop_host *lh;

	while (!l->busy && (lh = TAILQ_FIRST(&l->queue)) != NULL) {
		TAILQ_REMOVE(&l->queue, lh, waits);
		lh->waiting = false;
		if (meets_fault(l, lh))
			continue;
		l->busy = true;
		l->active = lh;
		proceed(l, start(l, lh));
	}
}

/*
 * A computer that looks what keys there are must not wait until somebody at
 * another one has touched this key.
 */
static bool
answer_at_once(struct loop *l, struct loop_host *lh,
    const struct ctaphid_event *ev)
{
	uint8_t info[INFO_MAX];
	size_t len;

	if (!l->busy || ev->cmd != CTAPHID_CMD_CBOR || ev->msg.len != 1 ||
	    ev->msg.p[0] != CTAP_GET_INFO)
		return false;
	len = device_info(l->device, (uint64_t)lh->number << 32 | ev->cid, info,
	    sizeof(info));
	if (len > 0)
		ctaphid_reply(&lh->hid, ev->serial, span(info, len));
	return len > 0;
}

static void
take_message(struct loop *l, struct loop_host *lh,
    const struct ctaphid_event *ev)
{
	if (answer_at_once(l, lh, ev))
		return;
	lh->cid = ev->cid;
	lh->serial = ev->serial;
	lh->cmd = ev->cmd;
	lh->msg = ev->msg;
	lh->delayed = false;
	lh->waiting = true;
	TAILQ_INSERT_TAIL(&l->queue, lh, waits);
}

static void
leave_queue(struct loop *l, struct loop_host *lh)
{
	if (lh->waiting)
		TAILQ_REMOVE(&l->queue, lh, waits);
	lh->waiting = false;
	lh->held_up = FAULT_TRANSPORT_NONE;
}

/* It waits for its turn, or is held up by a fault that can be cancelled. */
static bool
only_waits(const struct loop_host *lh)
{
	return lh->waiting || lh->held_up == FAULT_TRANSPORT_DELAY ||
	    lh->held_up == FAULT_TRANSPORT_KEEPALIVE;
}

/*
 * If the engine could stop, it has the reply to a cancelled request ready;
 * if not, it is as busy as before and answers when it is done.
 */
static void
cancel_message(struct loop *l, struct loop_host *lh)
{
	static const uint8_t cancelled = CTAP2_ERR_KEEPALIVE_CANCEL;

	if (only_waits(lh)) {
		leave_queue(l, lh);
		ctaphid_reply(&lh->hid, lh->serial, span(&cancelled, 1));
	} else if (l->active == lh) {
		proceed(l, device_cancel(l->device, channel(lh), l->now_ms));
	}
}

static void
abort_message(struct loop *l, struct loop_host *lh)
{
	enum device_want want;

	leave_queue(l, lh);
	if (l->active != lh)
		return;
	l->active = NULL;
	want = device_abort(l->device, channel(lh), l->now_ms);
	proceed(l, want);
}

static void
take_event(struct loop *l, struct loop_host *lh,
    const struct ctaphid_event *ev)
{
	switch (ev->type) {
	case CTAPHID_MESSAGE:
		take_message(l, lh, ev);
		break;
	case CTAPHID_CANCEL:
		cancel_message(l, lh);
		break;
	case CTAPHID_ABORT:
		abort_message(l, lh);
		break;
	case CTAPHID_WINK:	/* there is nothing to blink with */
	case CTAPHID_NONE:
		break;
	}
}

/* The key as this host sees it when it was just plugged in. */
static void
init_hid(struct loop *l, struct loop_host *lh)
{
	const struct ctaphid_config config = hid_config(l);
	uint32_t first_cid;

	if (getrandom(&first_cid, sizeof(first_cid), 0) != sizeof(first_cid))
		first_cid = lh->number;
	ctaphid_init(&lh->hid, &config, first_cid);
}

static bool
on_host_open(void *arg, struct host *h)
{
	struct loop *l = arg;
	struct loop_host *lh;

	if (l->host_count >= HOSTS_MAX)
		return false;
	lh = calloc(1, sizeof(*lh));
	if (lh == NULL)
		return false;
	lh->host = h;
	lh->number = l->next_number++;
	init_hid(l, lh);
	h->owner = lh;
	TAILQ_INSERT_TAIL(&l->hosts, lh, all);
	l->host_count++;
	watch_tell(device_watch(l->device), &(struct event){
	    .kind = EVENT_HOST_CONNECTED,
	    .channel = (uint64_t)lh->number << 32 });
	return true;
}

static void
on_report(void *arg, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN])
{
	struct loop *l = arg;
	struct loop_host *lh = h->owner;
	struct ctaphid_event ev;

	ev = ctaphid_input(&lh->hid, report, l->now_ms);
	take_event(l, lh, &ev);
	run_queue(l);
	pump(l, lh);
}

static void
on_writable(void *arg, struct host *h)
{
	struct loop *l = arg;
	struct loop_host *lh = h->owner;

	lh->blocked = false;
	pump(l, lh);
}

static void
on_host_close(void *arg, struct host *h)
{
	struct loop *l = arg;
	struct loop_host *lh = h->owner;

	abort_message(l, lh);
	TAILQ_REMOVE(&l->hosts, lh, all);
	l->host_count--;
	device_host_gone(l->device, lh->number);
	watch_tell(device_watch(l->device), &(struct event){
	    .kind = EVENT_HOST_GONE,
	    .channel = (uint64_t)lh->number << 32 });
	h->owner = NULL;
	free(lh);
	run_queue(l);
}

static void
on_failed(void *arg, int error, const char *what)
{
	struct loop *l = arg;

	(void)error;
	if (l->failed != NULL)
		l->failed(l->failed_arg, what);
}

const struct transport_events loop_events = {
	.host_open = on_host_open,
	.report = on_report,
	.writable = on_writable,
	.host_close = on_host_close,
	.failed = on_failed,
};

int
loop_new(struct device *device, enum presence_mode presence,
    struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->device = device;
	l->next_number = 1;
	presence_init(&l->presence, presence);
	TAILQ_INIT(&l->hosts);
	TAILQ_INIT(&l->queue);
	*out = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	if (l != NULL)
		presence_done(&l->presence);
	free(l);
}

void
loop_attach(struct loop *l, struct transport *t,
    void (*failed)(void *arg, const char *line), void *arg)
{
	l->transport = t;
	l->failed = failed;
	l->failed_arg = arg;
}

void
loop_on_unplug(struct loop *l, void (*unplug)(void *arg), void *arg)
{
	l->unplug = unplug;
	l->unplug_arg = arg;
}

void
loop_detach(struct loop *l)
{
	l->transport = NULL;
}

void
loop_dispatch(struct loop *l, uint64_t now_ms)
{
	l->now_ms = now_ms;
	l->transport->ops->dispatch(l->transport, now_ms);
}

void
loop_keys(struct loop *l, uint64_t now_ms)
{
	l->now_ms = now_ms;
	if (!l->busy)
		return;
	proceed(l, device_keys(l->device, now_ms));
	run_queue(l);
}

static void
lower(uint64_t *deadline, uint64_t other)
{
	if (other < *deadline)
		*deadline = other;
}

uint64_t
loop_deadline(const struct loop *l)
{
	uint64_t first = device_deadline(l->device);
	const struct loop_host *lh;

	lower(&first, presence_deadline(&l->presence));
	if (l->transport != NULL)
		lower(&first, l->transport->ops->deadline(l->transport));
	TAILQ_FOREACH(lh, &l->hosts, all) {
		lower(&first, ctaphid_deadline(&lh->hid));
		if (lh->held_up == FAULT_TRANSPORT_DELAY)
			lower(&first, lh->until_ms);
	}
	return first;
}

/* The user may have come in the end. */
static void
answer_touch(struct loop *l, struct touch touch)
{
	tell_status(l, CTAPHID_STATUS_PROCESSING);
	proceed(l, touched(l, touch));
	run_queue(l);
}

static void
tick_presence(struct loop *l)
{
	struct touch touch;

	if (presence_tick(&l->presence, l->now_ms, &touch))
		answer_touch(l, touch);
}

/* Timers of the engine; the operation may end by one. */
static void
tick_device(struct loop *l)
{
	enum device_want want;

	if (device_deadline(l->device) > l->now_ms)
		return;
	want = device_tick(l->device, l->now_ms);
	if (l->busy)
		proceed(l, want);	/* asking again changes nothing */
	run_queue(l);
}

/* Delays that are over. */
static void
tick_delays(struct loop *l)
{
	struct loop_host *lh;

	TAILQ_FOREACH(lh, &l->hosts, all) {
		if (lh->held_up != FAULT_TRANSPORT_DELAY ||
		    lh->until_ms > l->now_ms)
			continue;
		lh->held_up = FAULT_TRANSPORT_NONE;
		lh->delayed = true;
		lh->waiting = true;
		TAILQ_INSERT_TAIL(&l->queue, lh, waits);
	}
	run_queue(l);
}

void
loop_tick(struct loop *l, uint64_t now_ms)
{
	struct loop_host *lh;

	l->now_ms = now_ms;
	tick_presence(l);
	tick_device(l);
	tick_delays(l);
	if (l->transport != NULL &&
	    l->transport->ops->deadline(l->transport) <= now_ms)
		l->transport->ops->tick(l->transport, now_ms);
	TAILQ_FOREACH(lh, &l->hosts, all) {
		if (ctaphid_deadline(&lh->hid) > now_ms)
			continue;
		ctaphid_tick(&lh->hid, now_ms);
		pump(l, lh);
	}
}

int
loop_press(struct loop *l, struct press *press, uint64_t now_ms)
{
	struct touch touch;

	l->now_ms = now_ms;
	if (l->presence.mode != PRESENCE_MANUAL)
		return -ENOTTY;
	if (presence_press(&l->presence, press, now_ms, &touch))
		answer_touch(l, touch);
	return 0;
}

void
loop_withdraw(struct loop *l, struct press *press)
{
	presence_withdraw(&l->presence, press);
}

/* By the control interface: who touches the key is nobody else's to say. */
static void
tell_setting(struct loop *l, enum event_kind kind, const char *value)
{
	watch_tell(device_watch(l->device), &(struct event){ .kind = kind,
	    .owner = true, .value = value });
}

void
loop_set_presence(struct loop *l, enum presence_mode mode,
    uint64_t delay_ms, uint64_t now_ms)
{
	char text[PRESENCE_TEXT_LEN];

	l->now_ms = now_ms;
	presence_set(&l->presence, mode, delay_ms, now_ms);
	presence_text(&l->presence, text);
	tell_setting(l, EVENT_PRESENCE_CHANGED, text);
	tick_presence(l);
}

void
loop_set_verifications(struct loop *l, const struct verifications *v)
{
	char text[PRESENCE_TEXT_LEN];

	l->presence.verifications = *v;
	presence_verification_text(&l->presence, text);
	tell_setting(l, EVENT_VERIFICATION_CHANGED, text);
}

/*
 * The key is another one than before, and whoever waits for it does so in
 * vain: hosts, and the user_event() of the request that is gone.
 */
static void
begin_anew(struct loop *l, struct event gone, uint64_t now_ms)
{
	struct loop_host *lh;

	l->now_ms = now_ms;
	presence_unask(&l->presence);
	tell_answer(l, gone, "cancelled");
	l->active = NULL;
	l->busy = false;
	TAILQ_FOREACH(lh, &l->hosts, all) {
		leave_queue(l, lh);
		lh->holding = false;
		init_hid(l, lh);
		pump(l, lh);	/* reading goes on */
	}
}

int
loop_power_cycle(struct loop *l, uint64_t now_ms)
{
	struct event gone = user_event(l, EVENT_USER_ANSWERED);
	int r = device_power_cycle(l->device, now_ms);

	if (r == 0)
		begin_anew(l, gone, now_ms);
	return r;
}

/* The power cycle that comes first may be all that there was. */
int
loop_reconfigure(struct loop *l, const struct auth_config *auth,
    uint64_t now_ms)
{
	struct event gone = user_event(l, EVENT_USER_ANSWERED);
	int r = device_reconfigure(l->device, auth, now_ms);

	if (r == 0 || device_idle(l->device))
		begin_anew(l, gone, now_ms);
	return r;
}

unsigned
loop_host_count(const struct loop *l)
{
	return l->host_count;
}

const struct presence *
loop_presence(const struct loop *l)
{
	return &l->presence;
}
