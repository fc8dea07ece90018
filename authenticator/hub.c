/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of one daemon: see hub.h. */
#include "authenticator/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/clock.h"
#include "authenticator/hex.h"
#include "authenticator/note.h"
#include "authenticator/paths.h"
#include "authenticator/profile/profile_state.h"
#include "authenticator/watch.h"
#include "uhid/transport.h"

#define VENDOR_ID	0x1209	/* pid.codes, for tests and experiments */
#define PRODUCT_ID	0xf1d0
#define DEVICE_NAME	"sealkey"
#define DEVICE_VERSION	0x0010	/* bcdDevice, 0.1.0 */

#define MESSAGE_LEN	(DEVICE_MESSAGE_LEN + PATH_MAX)	/* bytes */
#define HUB_ENDS	"the daemon is about to end"

/* A key that is being opened. */
struct birth {
	struct aside_job job;
	struct hub_key	*k;
	struct hub_options options;	/* id, name and owner: k has them */
	struct hub_added added;
	bool		 called_off;
	int		 error;
	char		 msg[MESSAGE_LEN];
	struct birth	*next;
};

struct hub {
	struct reactor	*reactor;
	struct hub_key	*keys;		/* oldest first */
	size_t		 count;
	struct birth	*births;
	size_t		 birth_count;
	struct aside	*aside;
	bool		 ending;
	unsigned	 last_number;	/* of the IDs that we make */
	struct hub_events events;
	char		 control[PATH_MAX];	/* "": not known yet */
	struct event_ring *ring;
	struct source	 chores;	/* keys whose transport failed */
};

const char *const hub_transport_names[] = { "uhid", "socket", "gadget",
	NULL };

uint64_t
hub_now(const struct hub_key *k, uint64_t now_ms)
{
	return now_ms + k->offset_ms;
}

void
hub_tell_trouble(const struct hub_key *k)
{
	const char *line = device_trouble(k->device);

	if (line != NULL && k->hub->events.trouble != NULL)
		k->hub->events.trouble(k->hub->events.arg, k, line);
}

static void
on_hosts_ready(void *arg, uint64_t now_ms)
{
	struct hub_key *k = arg;

	loop_dispatch(k->loop, hub_now(k, now_ms));
	hub_tell_trouble(k);
}

static uint64_t
hosts_deadline(const void *arg)
{
	const struct hub_key *k = arg;
	uint64_t at = loop_deadline(k->loop);

	if (at == UINT64_MAX)
		return at;
	return at > k->offset_ms ? at - k->offset_ms : 0;
}

static void
on_hosts_tick(void *arg, uint64_t now_ms)
{
	struct hub_key *k = arg;

	loop_tick(k->loop, hub_now(k, now_ms));
	hub_tell_trouble(k);
}

static void
on_keys_ready(void *arg, uint64_t now_ms)
{
	struct hub_key *k = arg;

	loop_keys(k->loop, hub_now(k, now_ms));
	hub_tell_trouble(k);
}

/* From within the transport, which must not be freed yet. */
static void
on_transport_failed(void *arg, const char *line)
{
	struct hub_key *k = arg;

	k->failed = true;
	if (k->hub->events.failed != NULL)
		k->hub->events.failed(k->hub->events.arg, k, line);
}

/* A fault that is no failure: nobody ends for it, and nobody is told why. */
static void
on_pulled_out(void *arg)
{
	struct hub_key *k = arg;

	k->failed = true;
}

static uint64_t
chores_deadline(const void *arg)
{
	const struct hub *h = arg;
	const struct hub_key *k;

	for (k = h->keys; k != NULL; k = k->next) {
		if (k->failed)
			return 0;
	}
	return UINT64_MAX;
}

static void
do_chores(void *arg, uint64_t now_ms)
{
	struct hub *h = arg;
	struct hub_key *k;

	for (k = h->keys; k != NULL; k = k->next) {
		if (k->failed)
			hub_unplug(k, now_ms);
	}
}

int
hub_new(struct reactor *reactor, struct hub **out)
{
	struct hub *h = calloc(1, sizeof(*h));
	int r;

	if (h == NULL)
		return -ENOMEM;
	h->reactor = reactor;
	h->chores = (struct source){ .fd = -1, .deadline = chores_deadline,
	    .tick = do_chores, .arg = h };
	r = event_ring_new(&h->ring);
	if (r == 0)
		r = aside_new(reactor, &h->aside);
	if (r == 0)
		r = reactor_add(reactor, &h->chores);
	if (r < 0) {
		aside_free(h->aside);
		event_ring_free(h->ring);
		free(h);
		return r;
	}
	*out = h;
	return 0;
}

void
hub_watch(struct hub *h, const struct hub_events *events)
{
	h->events = *events;
}

struct event_ring *
hub_ring(const struct hub *h)
{
	return h->ring;
}

struct hub_key *
hub_first(const struct hub *h)
{
	return h->keys;
}

struct hub_key *
hub_next(const struct hub_key *k)
{
	return k->next;
}

struct hub_key *
hub_find(const struct hub *h, const char *id)
{
	struct hub_key *k = h->keys;

	while (k != NULL && strcmp(k->id, id) != 0)
		k = k->next;
	return k;
}

size_t
hub_count(const struct hub *h)
{
	return h->count;
}

void
hub_serial(const struct hub_key *k, char out[static HUB_SERIAL_LEN])
{
	static const uint8_t what[] = "serial number";
	uint8_t tag[KEY_TAG_LEN] = { 0 };

	device_tag(k->device, span(what, sizeof(what) - 1), tag);
	hex_encode(span(tag, HUB_SERIAL_LEN / 2), out);
}

static int
open_transport(struct hub_key *k, struct transport **out, char *msg,
    size_t msglen)
{
	struct transport_identity id = { .name = k->name,
	    .vendor = k->vendor_id, .product = k->product_id,
	    .version = DEVICE_VERSION };
	char serial[HUB_SERIAL_LEN];

	if (k->kind == HUB_SOCKET)
		return transport_open_socket(k->path, &loop_events, k->loop,
		    out, msg, msglen);
	if (k->kind == HUB_GADGET)
		return transport_open_gadget(k->path, &loop_events, k->loop,
		    out, msg, msglen);
	hub_serial(k, serial);
	id.uniq = serial;
	return transport_open_uhid(&id, &loop_events, k->loop, out, msg,
	    msglen);
}

/*
 * Whether it is the owner's doing: not what happens before there is a control
 * interface, nor what a transport did.
 */
static bool
by_owner(const struct hub_key *k)
{
	return k->hub->control[0] != '\0' && !k->failed;
}

static void
tell_plugged(const struct hub_key *k, bool plugged)
{
	const struct event e = { .owner = by_owner(k),
	    .kind = plugged ? EVENT_PLUGGED : EVENT_UNPLUGGED };

	watch_tell(device_watch(k->device), &e);
	if (k->hub->events.plugged != NULL)
		k->hub->events.plugged(k->hub->events.arg, k, plugged);
}

static int
plug_in(struct hub_key *k, char *msg, size_t msglen)
{
	struct transport *t;
	int r = open_transport(k, &t, msg, msglen);

	if (r < 0)
		return r;
	k->hosts.fd = t->ops->fd(t);
	r = reactor_add(k->hub->reactor, &k->hosts);
	if (r < 0) {
		snprintf(msg, msglen, "cannot wait: %s", strerror(-r));
		transport_free(t);
		return r;
	}
	k->transport = t;
	loop_attach(k->loop, t, on_transport_failed, k);
	loop_on_unplug(k->loop, on_pulled_out, k);
	return 0;
}

/* Without a transport, timers go on: presses give up. */
static int
watch_timers(struct hub_key *k)
{
	k->hosts.fd = -1;
	return reactor_add(k->hub->reactor, &k->hosts);
}

/* Its power comes back at this moment, however long ago it was opened. */
static int
power_up(struct hub_key *k, uint64_t now_ms, char *msg, size_t msglen)
{
	int r = loop_power_cycle(k->loop, hub_now(k, now_ms));

	if (r < 0)
		snprintf(msg, msglen, "%s", r == -ENOMEM ? "out of memory" :
		    store_strerror(device_store(k->device)));
	return r;
}

int
hub_plug(struct hub_key *k, uint64_t now_ms, char *msg, size_t msglen)
{
	int r;

	if (k->transport != NULL)
		return 0;
	r = power_up(k, now_ms, msg, msglen);
	if (r < 0)
		return r;
	reactor_remove(k->hub->reactor, &k->hosts);
	r = plug_in(k, msg, msglen);
	if (r < 0)
		(void)watch_timers(k);	/* no descriptor: cannot fail */
	else
		tell_plugged(k, true);
	return r;
}

/* Hosts see it go; the key itself may not have noticed. */
static void
pull_out(struct hub_key *k)
{
	reactor_remove(k->hub->reactor, &k->hosts);
	transport_free(k->transport);
	loop_detach(k->loop);
	k->transport = NULL;
}

void
hub_unplug(struct hub_key *k, uint64_t now_ms)
{
	if (k->transport == NULL) {
		k->failed = false;	/* it may have failed while it went */
		return;
	}
	pull_out(k);
	(void)watch_timers(k);
	/* what it was about to do ends now, not when its power is back */
	(void)loop_power_cycle(k->loop, hub_now(k, now_ms));
	tell_plugged(k, false);
	k->failed = false;
}

void
hub_unplug_all(struct hub *h)
{
	struct hub_key *k;

	h->control[0] = '\0';	/* whatever comes, it is the daemon's end */
	for (k = h->keys; k != NULL; k = k->next) {
		if (k->transport == NULL)
			continue;
		pull_out(k);
		(void)watch_timers(k);
		tell_plugged(k, false);
		k->failed = false;
	}
}

int
hub_advance(struct hub_key *k, uint64_t ms, uint64_t now_ms)
{
	if (ms > HUB_ADVANCE_MAX_MS - k->offset_ms)
		return -EINVAL;
	k->offset_ms += ms;
	on_hosts_tick(k, now_ms);
	return 0;
}

bool
hub_is_id(const char *s)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t len = strlen(s);

	/* "." and ".." are not what they look like in a URL */
	return len > 0 && len <= HUB_ID_MAX && strspn(s, good) == len &&
	    strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

bool
hub_is_name(const char *s)
{
	size_t len = strlen(s);
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	}
	return len > 0 && len <= HUB_NAME_MAX;
}

/* Also by one that is being opened. */
static bool
is_taken(const struct hub *h, const char *id)
{
	const struct birth *b = h->births;

	while (b != NULL && strcmp(b->k->id, id) != 0)
		b = b->next;
	return b != NULL || hub_find(h, id) != NULL;
}

static int
refuse(int error, char *msg, size_t msglen, const char *line)
{
	snprintf(msg, msglen, "%s", line);
	return error;
}

static int
check_options(const struct hub *h, const struct hub_options *o, char *msg,
    size_t msglen)
{
	if (h->count + h->birth_count >= HUB_KEYS_MAX)
		return refuse(-ENOSPC, msg, msglen, "there are 256 keys "
		    "already");
	if (o->id != NULL && !hub_is_id(o->id))
		return refuse(-EINVAL, msg, msglen, "the ID of a key has 1 to "
		    "48 letters, digits, or -._~");
	if (o->name != NULL && !hub_is_name(o->name))
		return refuse(-EINVAL, msg, msglen, "the name of a key has 1 "
		    "to 127 printable ASCII characters");
	if (o->id != NULL && is_taken(h, o->id))
		return refuse(-EEXIST, msg, msglen, "there is a key with this "
		    "ID already");
	if (o->path != NULL && strlen(o->path) >= PATH_MAX)
		return refuse(-EINVAL, msg, msglen, "the path is too long");
	return 0;
}

static void
choose_id(struct hub_key *k, const char *id)
{
	if (id != NULL) {
		snprintf(k->id, sizeof(k->id), "%s", id);
		return;
	}
	do {
		snprintf(k->id, sizeof(k->id), "key%u",
		    ++k->hub->last_number);
	} while (is_taken(k->hub, k->id));
}

/* To what the kernel takes from hosts in one go. */
static void
limit_messages(enum hub_transport transport, struct auth_config *auth)
{
	if (transport == HUB_UHID && auth->message_max > UHID_MESSAGE_MAX)
		auth->message_max = UHID_MESSAGE_MAX;
}

/*
 * All that waits for a TPM or a disk; perhaps aside, and then k is nobody
 * else's. It touches nothing of the hub.
 */
static int
open_device(struct hub_key *k, const struct hub_options *o, uint64_t now_ms,
    char *msg, size_t msglen)
{
	struct device_config cfg = { .path = o->state, .create = true,
	    .auth = o->auth, .tpm = o->tpm, .root = o->root,
	    .audit = o->audit };
	int r = 0;

	limit_messages(o->transport, &cfg.auth);
	if (o->state == NULL) {
		r = ephemeral_make(&k->ephemeral, msg, msglen);
		cfg.path = k->ephemeral.path;
	}
	if (r == 0)
		r = device_open(&cfg, now_ms, &k->device, msg, msglen);
	if (r == 0 && o->keep_profile && o->profile != NULL)
		r = profile_keep(o->profile, device_dirfd(k->device),
		    device_path(k->device), msg, msglen);
	return r;
}

static int
choose_path(struct hub_key *k, const char *path, char *msg, size_t msglen)
{
	if (k->kind == HUB_UHID)
		return 0;
	/* others, who are told it, are in other folders */
	if (path != NULL)
		return paths_absolute(path, k->path, msg, msglen);
	if ((size_t)snprintf(k->path, sizeof(k->path), "%s/host.sock",
	    device_path(k->device)) < sizeof(k->path))
		return 0;
	return refuse(-ENAMETOOLONG, msg, msglen, "the path of the socket is "
	    "too long");
}

static int
write_note(struct hub_key *k, char *msg, size_t msglen)
{
	if (k->hub->control[0] == '\0')
		return 0;
	return note_write(device_store(k->device), device_path(k->device),
	    k->hub->control, k->id, msg, msglen);
}

/* What it looks like to a machine. p: NULL: sealkey itself. */
static void
take_identity(struct hub_key *k, const struct profile *p)
{
	bool numbers = p != NULL && p->device.vendor_id != 0;

	if (!k->named)
		snprintf(k->name, sizeof(k->name), "%s", p != NULL ?
		    p->device.product : DEVICE_NAME);
	k->vendor_id = numbers ? p->device.vendor_id : VENDOR_ID;
	k->product_id = numbers ? p->device.product_id : PRODUCT_ID;
	watch_label_profile(device_watch(k->device),
	    p != NULL ? p->name : NULL);
}

/* All else of a key whose device is open. */
static int
start(struct hub_key *k, const struct hub_options *o, uint64_t now_ms,
    char *msg, size_t msglen)
{
	int r;

	take_identity(k, o->profile);
	r = choose_path(k, o->path, msg, msglen);
	if (r < 0)
		return r;
	k->sink = (struct event_sink){ .event = event_ring_put,
	    .arg = k->hub->ring };
	watch_label_key(device_watch(k->device), k->id);
	watch_add(device_watch(k->device), &k->sink);
	k->keys = (struct source){ .fd = device_keys_fd(k->device),
	    .ready = on_keys_ready, .arg = k };
	k->hosts = (struct source){ .fd = -1, .ready = on_hosts_ready,
	    .deadline = hosts_deadline, .tick = on_hosts_tick, .arg = k };
	r = loop_new(k->device, o->presence, &k->loop);
	if (r == 0)
		r = reactor_add(k->hub->reactor, &k->keys);
	if (r < 0) {
		snprintf(msg, msglen, "cannot start: %s", strerror(-r));
		return r;
	}
	if (o->unplugged)
		r = watch_timers(k);
	else if ((r = power_up(k, now_ms, msg, msglen)) == 0)
		r = plug_in(k, msg, msglen);
	return r < 0 ? r : write_note(k, msg, msglen);
}

static int
become(struct hub_key *k, const struct profile *p, uint64_t now_ms, char *msg,
    size_t msglen)
{
	struct auth_config auth = *device_auth(k->device);
	enum account_choice choice = auth.choice;
	int r;

	profile_apply(p, &auth);
	if (!profile_says(p, "accountChoice"))
		auth.choice = choice;
	limit_messages(k->kind, &auth);
	r = loop_reconfigure(k->loop, &auth, hub_now(k, now_ms));
	if (r < 0)
		snprintf(msg, msglen, "%s", device_strerror(k->device));
	return r;
}

int
hub_set_profile(struct hub_key *k, const struct profile *p, uint64_t now_ms,
    char *msg, size_t msglen)
{
	const struct event e = { .kind = EVENT_PROFILE_CHANGED,
	    .owner = true };
	bool plugged = k->transport != NULL;
	char why[PROFILE_MESSAGE_LEN];
	int r, plug;

	if (!device_idle(k->device))
		return refuse(-EBUSY, msg, msglen, "the key is answering a "
		    "request; try again");
	r = become(k, p, now_ms, msg, msglen);
	if (r < 0)
		return r;
	r = profile_keep(p, device_dirfd(k->device), device_path(k->device),
	    why, sizeof(why));
	if (r < 0)
		snprintf(msg, msglen, "the key is another one until it is "
		    "stopped, and then what it was: %s", why);
	hub_unplug(k, now_ms);
	take_identity(k, p);
	watch_tell(device_watch(k->device), &e);
	if (plugged && (plug = hub_plug(k, now_ms, why, sizeof(why))) < 0 &&
	    r == 0) {
		snprintf(msg, msglen, "the key is another one, and unplugged: "
		    "%s", why);
		r = plug;
	}
	return r;
}

/* What start() made. From then on the device is all that is left. */
static void
stop(struct hub_key *k)
{
	if (k->loop != NULL)
		pull_out(k);
	reactor_remove(k->hub->reactor, &k->keys);
	loop_free(k->loop);
	k->loop = NULL;
	if (k->device != NULL)
		watch_remove(device_watch(k->device), &k->sink);
}

/* What open_device() made. Waits, and touches nothing of the hub. */
static void
close_device(struct hub_key *k)
{
	device_close(k->device);
	k->device = NULL;
	ephemeral_remove(&k->ephemeral);
}

static void
work_at_closing(void *arg)
{
	close_device(arg);
}

static void
end_closing(void *arg, uint64_t now_ms)
{
	struct hub_key *k = arg;

	(void)now_ms;
	if (k->closed != NULL)
		k->closed(k->closed_arg);
	free(k);
}

/* After stop(); frees it, too. */
static void
close_aside(struct hub_key *k, void (*closed)(void *arg), void *arg)
{
	k->closed = closed;
	k->closed_arg = arg;
	k->closing = (struct aside_job){ .work = work_at_closing,
	    .done = end_closing, .arg = k };
	aside_give(k->hub->aside, &k->closing);
}

/* NULL: out of memory. */
static struct hub_key *
new_key(struct hub *h, const struct hub_options *o)
{
	struct hub_key *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->hub = h;
	k->ephemeral.lock_fd = -1;
	k->kind = o->transport;
	k->essential = o->essential;
	choose_id(k, o->id);
	k->named = o->name != NULL;
	snprintf(k->name, sizeof(k->name), "%s", k->named ? o->name : "");
	snprintf(k->owner, sizeof(k->owner), "%s", o->owner != NULL ?
	    o->owner : "");
	return k;
}

/* From here on it is there. */
static void
enter(struct hub_key *k)
{
	struct hub *h = k->hub;
	struct hub_key **end = &h->keys;

	while (*end != NULL)
		end = &(*end)->next;
	*end = k;
	h->count++;
	if (h->events.added != NULL)
		h->events.added(h->events.arg, k);
	if (k->transport != NULL)
		tell_plugged(k, true);
}

int
hub_add(struct hub *h, const struct hub_options *o, uint64_t now_ms,
    struct hub_key **out, char *msg, size_t msglen)
{
	struct hub_key *k;
	int r;

	r = check_options(h, o, msg, msglen);
	if (r < 0)
		return r;
	k = new_key(h, o);
	if (k == NULL)
		return refuse(-ENOMEM, msg, msglen, "out of memory");
	r = open_device(k, o, now_ms, msg, msglen);
	if (r == 0)
		r = start(k, o, now_ms, msg, msglen);
	if (r < 0) {
		stop(k);
		close_device(k);
		free(k);
		return r;
	}
	enter(k);
	*out = k;
	return 0;
}

static void
work_at_birth(void *arg)
{
	struct birth *b = arg;

	b->error = open_device(b->k, &b->options, clock_ms(), b->msg,
	    sizeof(b->msg));
}

/* Nothing is left of the key. */
static void
tell_stillborn(void *arg)
{
	struct birth *b = arg;

	b->added.added(b->added.arg, NULL, b->error, b->msg);
	free(b);
}

static void
end_birth(void *arg, uint64_t now_ms)
{
	struct birth *b = arg;
	struct hub *h = b->k->hub;
	struct birth **at = &h->births;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	h->birth_count--;
	if (b->error == 0 && (h->ending || b->called_off))
		b->error = refuse(-ECANCELED, b->msg, sizeof(b->msg),
		    h->ending ? HUB_ENDS : "whose it was to be has left");
	if (b->error == 0)
		b->error = start(b->k, &b->options, now_ms, b->msg,
		    sizeof(b->msg));
	if (b->error < 0) {
		stop(b->k);
		close_aside(b->k, tell_stillborn, b);
		return;
	}
	enter(b->k);
	b->added.added(b->added.arg, b->k, 0, NULL);
	free(b);
}

int
hub_add_aside(struct hub *h, const struct hub_options *o,
    const struct hub_added *added, char *msg, size_t msglen)
{
	struct birth *b;
	int r;

	r = check_options(h, o, msg, msglen);
	if (r < 0)
		return r;
	b = calloc(1, sizeof(*b));
	if (b == NULL || (b->k = new_key(h, o)) == NULL) {
		free(b);
		return refuse(-ENOMEM, msg, msglen, "out of memory");
	}
	b->options = *o;
	b->added = *added;
	b->next = h->births;
	h->births = b;
	h->birth_count++;
	b->job = (struct aside_job){ .work = work_at_birth,
	    .done = end_birth, .arg = b };
	aside_give(h->aside, &b->job);
	return 0;
}

/* Everybody sees it go; its device is still open. */
static void
leave(struct hub_key *k)
{
	const struct event e = { .kind = EVENT_REMOVED,
	    .owner = by_owner(k) };
	struct hub *h = k->hub;
	struct hub_key **at = &h->keys;

	if (k->transport != NULL) {
		pull_out(k);
		tell_plugged(k, false);
	}
	watch_tell(device_watch(k->device), &e);
	if (h->events.removed != NULL)
		h->events.removed(h->events.arg, k);
	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	h->count--;
	stop(k);
}

void
hub_remove(struct hub_key *k)
{
	leave(k);
	close_device(k);
	free(k);
}

void
hub_remove_aside(struct hub_key *k, void (*closed)(void *arg), void *arg)
{
	leave(k);
	close_aside(k, closed, arg);
}

void
hub_call_off(struct hub *h, const char *owner)
{
	struct birth *b;

	for (b = h->births; b != NULL; b = b->next)
		b->called_off |= strcmp(b->k->owner, owner) == 0;
}

void
hub_settle(struct hub *h)
{
	aside_finish(h->aside);
}

/* What was not begun is not begun any more. */
static void
end_births(struct hub *h)
{
	struct birth *b, *next;

	h->ending = true;
	for (b = h->births; b != NULL; b = next) {
		next = b->next;
		if (!aside_take_back(h->aside, &b->job))
			continue;
		b->error = refuse(-ECANCELED, b->msg, sizeof(b->msg),
		    HUB_ENDS);
		end_birth(b, 0);
	}
	hub_settle(h);
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	h->control[0] = '\0';
	end_births(h);
	while (h->keys != NULL)
		hub_remove(h->keys);
	aside_free(h->aside);
	reactor_remove(h->reactor, &h->chores);
	event_ring_free(h->ring);
	free(h);
}

int
hub_announce(struct hub *h, const char *control, char *msg, size_t msglen)
{
	struct hub_key *k;
	int r = 0;

	if ((size_t)snprintf(h->control, sizeof(h->control), "%s", control) >=
	    sizeof(h->control))
		return refuse(-ENAMETOOLONG, msg, msglen, "the path of the "
		    "control socket is too long");
	for (k = h->keys; k != NULL && r == 0; k = k->next)
		r = write_note(k, msg, msglen);
	return r;
}
