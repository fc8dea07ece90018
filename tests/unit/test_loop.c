/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop between hosts and one key, in virtual time: a transport that
 * keeps reports in memory, and a real device in a temporary directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/client/token_cbor.h"
#include "authenticator/fault/armed.h"
#include "authenticator/loop.h"
#include "ctap/apdu.h"
#include "ctap/hid.h"

#define HOSTS		60
#define SENT_MAX	512	/* reports kept for one host */

static const uint8_t get_info[] = { 0x04 };
static const uint8_t selection[] = { 0x0b };
static const uint8_t u2f_version[] = { 0, 3, 0, 0, 0, 0, 0 };
static const uint8_t u2f_register[7 + 64 + 2] = { 0, 1, 0, 0, 0, 0, 64 };
static const uint8_t key_agreement[] = { 0x06, 0xa2, 1, 2, 2, 2 };

/* One computer, with one channel unless it asks for more. */
struct computer {
	struct host	host;		/* first */
	uint32_t	cid;
	unsigned	sent;
	unsigned	read;
	uint8_t		report[SENT_MAX][CTAPHID_REPORT_LEN];
	bool		full;		/* takes no reports */
	unsigned	room;		/* fills up after so many; 0: never */
	bool		paused;
};

struct bench {
	struct transport base;		/* first */
	struct loop	*loop;
	struct device	*device;
	uint64_t	 now_ms;
	char		 dir[64];
	struct computer	*from;		/* whose report dispatch brings */
	uint8_t		 input[CTAPHID_REPORT_LEN];
	struct computer	 computer[HOSTS];
	unsigned	 pressed;	/* presses that answered */
	unsigned	 in_vain;
	struct press	 press;
	struct event_sink watcher;
	char		 seen[512];	/* what it was told */
};

/*
 * The transport
 */

static int
fake_fd(const struct transport *t)
{
	(void)t;
	return -1;
}

static void
fake_dispatch(struct transport *t, uint64_t now_ms)
{
	struct bench *b = (struct bench *)t;

	(void)now_ms;
	loop_events.report(b->loop, &b->from->host, b->input);
}

static int
fake_send(struct transport *t, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN], uint64_t now_ms)
{
	struct computer *c = (struct computer *)h;

	(void)t;
	(void)now_ms;
	if (c->full)
		return -EAGAIN;
	assert_true(c->sent < SENT_MAX);
	memcpy(c->report[c->sent++], report, CTAPHID_REPORT_LEN);
	if (c->room > 0 && --c->room == 0)
		c->full = true;
	return 0;
}

static void
fake_pause(struct transport *t, struct host *h, bool paused)
{
	(void)t;
	((struct computer *)h)->paused = paused;
}

static uint64_t
fake_deadline(const struct transport *t)
{
	(void)t;
	return UINT64_MAX;
}

static void
fake_tick(struct transport *t, uint64_t now_ms)
{
	(void)t;
	(void)now_ms;
	fail_msg("it has no deadline");
}

static const struct transport_ops fake_ops = {
	.name = "fake",
	.fd = fake_fd,
	.dispatch = fake_dispatch,
	.send = fake_send,
	.pause = fake_pause,
	.deadline = fake_deadline,
	.tick = fake_tick,
};

/*
 * Hosts
 */

static void
input(struct bench *b, struct computer *c)
{
	b->from = c;
	loop_dispatch(b->loop, b->now_ms);
}

static void
send_message(struct bench *b, struct computer *c, uint32_t cid, uint8_t cmd,
    const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t chunk = len < 57 ? len : 57;
	uint8_t seq = 0;

	memset(b->input, 0, sizeof(b->input));
	b->input[0] = cid >> 24;
	b->input[1] = cid >> 16;
	b->input[2] = cid >> 8;
	b->input[3] = cid;
	b->input[4] = cmd | 0x80;
	b->input[5] = len >> 8;
	b->input[6] = len;
	if (chunk > 0)
		memcpy(b->input + 7, p, chunk);
	input(b, c);
	for (p += chunk, len -= chunk; len > 0; p += chunk, len -= chunk) {
		chunk = len < 59 ? len : 59;
		b->input[4] = seq++;
		memset(b->input + 5, 0, 59);
		memcpy(b->input + 5, p, chunk);
		input(b, c);
	}
}

static void
ask(struct bench *b, struct computer *c, const void *data, size_t len)
{
	send_message(b, c, c->cid, CTAPHID_CMD_CBOR, data, len);
}

/* The next report to c, or NULL. */
static const uint8_t *
next(struct computer *c)
{
	return c->read < c->sent ? c->report[c->read++] : NULL;
}

static const uint8_t *
skip_keepalives(struct computer *c)
{
	const uint8_t *r;

	do {
		r = next(c);
	} while (r != NULL && r[4] == (CTAPHID_CMD_KEEPALIVE | 0x80));
	return r;
}

/* The status byte of the CBOR reply that c got; skips its other packets. */
static int
reply_status(struct computer *c)
{
	const uint8_t *r = skip_keepalives(c);
	unsigned len;

	if (r == NULL)
		return -1;
	assert_int_equal(r[4], CTAPHID_CMD_CBOR | 0x80);
	for (len = r[5] << 8 | r[6]; len > 57; len -= len < 116 ? len - 57 : 59)
		assert_non_null(next(c));
	return r[7];
}

/* The status word of the reply to a MSG that c got; -1: none is there. */
static int
reply_sw(struct computer *c)
{
	const uint8_t *r = next(c);
	uint8_t reply[2048];
	unsigned len, n;

	if (r == NULL)
		return -1;
	assert_int_equal(r[4], CTAPHID_CMD_MSG | 0x80);
	len = r[5] << 8 | r[6];
	assert_in_range(len, 2, sizeof(reply) - CTAPHID_REPORT_LEN);
	memcpy(reply, r + 7, 57);
	for (n = 57; n < len; n += 59) {
		r = next(c);
		assert_non_null(r);
		memcpy(reply + n, r + 5, 59);
	}
	return reply[len - 2] << 8 | reply[len - 1];
}

static int
hid_error(struct computer *c)
{
	const uint8_t *r = skip_keepalives(c);

	assert_non_null(r);
	assert_int_equal(r[4], CTAPHID_CMD_ERROR | 0x80);
	return r[7];
}

static uint32_t
new_channel(struct bench *b, struct computer *c)
{
	static const uint8_t nonce[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const uint8_t *r;

	send_message(b, c, CTAPHID_BROADCAST, CTAPHID_CMD_INIT, nonce, 8);
	r = skip_keepalives(c);
	assert_non_null(r);
	assert_memory_equal(r + 7, nonce, 8);
	return (uint32_t)r[15] << 24 | r[16] << 16 | r[17] << 8 | r[18];
}

static struct computer *
plug(struct bench *b, int i)
{
	struct computer *c = &b->computer[i];

	c->host.transport = &b->base;
	assert_true(loop_events.host_open(b->loop, &c->host));
	c->cid = new_channel(b, c);
	return c;
}

static void
unplug(struct bench *b, struct computer *c)
{
	loop_events.host_close(b->loop, &c->host);
	c->sent = c->read = 0;
}

/* Time passes, a millisecond at a time. */
static void
pass(struct bench *b, unsigned ms)
{
	while (ms-- > 0) {
		b->now_ms++;
		if (loop_deadline(b->loop) <= b->now_ms)
			loop_tick(b->loop, b->now_ms);
		assert_true(loop_deadline(b->loop) > b->now_ms);
	}
}

static void
on_press(struct press *p, bool answered)
{
	struct bench *b = p->arg;

	if (answered)
		b->pressed++;
	else
		b->in_vain++;
}

static int
press(struct bench *b, bool deny)
{
	b->press = (struct press){ .touch.deny = deny, .done = on_press,
	    .arg = b };
	return loop_press(b->loop, &b->press, b->now_ms);
}

/*
 * A key that answers keys in its own time: waits for the provider.
 */
static void
wait_for_keys(struct bench *b)
{
	struct pollfd pfd = { device_keys_fd(b->device), POLLIN, 0 };

	assert_int_equal(poll(&pfd, 1, 20000), 1);
	loop_keys(b->loop, b->now_ms);
}

/* A key that has more to say about itself than any other. */
static void
become_talkative(struct auth_config *cfg)
{
	uint8_t max;

	cfg->features = UINT64_MAX & ~FEATURE_LARGE_BLOB;
	cfg->transports = cfg->transports_for_reset = 0x3f;
	cfg->uv_attempts = 3;
	cfg->uv_modality = 0x1ff;
	cfg->firmware_version = UINT64_MAX;
	memset(cfg->policy_url, 'x', AUTH_URL_MAX - 1);
	for (size_t i = 0; auth_certification(i, &max) != NULL; i++)
		cfg->certifications[i] = max;
}

static struct bench *
open_bench_with(enum presence_mode mode, void (*change)(struct auth_config *))
{
	struct bench *b = calloc(1, sizeof(*b));
	struct device_config cfg = { .create = true };
	char msg[DEVICE_MESSAGE_LEN];

	device_config_default(&cfg);
	cfg.tpm.target = "none";
	cfg.auth.attestation.kind = ATTESTATION_SELF;
	if (change != NULL)
		change(&cfg.auth);
	strcpy(b->dir, "/tmp/sealkey-test-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	cfg.path = b->dir;
	b->now_ms = 1000;
	assert_int_equal(device_open(&cfg, b->now_ms, &b->device, msg,
	    sizeof(msg)), 0);
	assert_int_equal(loop_new(b->device, mode, &b->loop), 0);
	b->base = (struct transport){ &fake_ops, &loop_events, b->loop };
	loop_attach(b->loop, &b->base, NULL, NULL);
	return b;
}

static struct bench *
open_bench(enum presence_mode mode)
{
	return open_bench_with(mode, NULL);
}

static void
lose_u2f(struct auth_config *cfg)
{
	cfg->features &= ~FEATURE_U2F_V2;
}

static int
open_without_u2f(void **state)
{
	*state = open_bench_with(PRESENCE_AUTO, lose_u2f);
	return 0;
}

static int
open_talkative(void **state)
{
	*state = open_bench_with(PRESENCE_MANUAL, become_talkative);
	return 0;
}

static int
open_auto(void **state)
{
	*state = open_bench(PRESENCE_AUTO);
	return 0;
}

static int
open_manual(void **state)
{
	*state = open_bench(PRESENCE_MANUAL);
	return 0;
}

static int
open_never(void **state)
{
	*state = open_bench(PRESENCE_NEVER);
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;
	char command[128];
	int i;

	for (i = 0; i < HOSTS; i++) {
		if (b->computer[i].host.owner != NULL)
			unplug(b, &b->computer[i]);
	}
	assert_true(device_idle(b->device));
	loop_free(b->loop);
	device_close(b->device);
	snprintf(command, sizeof(command), "rm -rf '%s'", b->dir);
	free(b);
	return system(command);
}

/*
 * Tests
 */

static void
answers_a_message(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask(b, c, get_info, sizeof(get_info));
	assert_int_equal(reply_status(c), CTAP2_OK);
	assert_null(next(c));
	assert_true(device_idle(b->device));
}

static void
automatic_presence_shows_no_keepalive(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask(b, c, selection, sizeof(selection));
	assert_int_equal(c->sent - c->read, 1);
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
fifty_hosts_are_all_answered(void **state)
{
	struct bench *b = *state;
	int round, i;

	for (i = 0; i < 50; i++)
		plug(b, i);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 50; i++)
			ask(b, &b->computer[i], get_info, 1);
		for (i = 0; i < 50; i++)
			assert_int_equal(reply_status(&b->computer[i]), 0);
	}
}

static void
hosts_are_limited(void **state)
{
	static struct computer crowd[257];
	struct bench *b = *state;
	int i;

	for (i = 0; i < 256; i++) {
		crowd[i].host.transport = &b->base;
		assert_true(loop_events.host_open(b->loop, &crowd[i].host));
	}
	assert_false(loop_events.host_open(b->loop, &crowd[256].host));
	assert_int_equal(loop_host_count(b->loop), 256);
	for (i = 0; i < 256; i++)
		loop_events.host_close(b->loop, &crowd[i].host);
	assert_int_equal(loop_host_count(b->loop), 0);
}

/* What is the same at all times is said also while another host waits. */
static void
info_waits_for_nobody(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);
	uint8_t idle[3 * CTAPHID_REPORT_LEN];

	ask(b, c, get_info, sizeof(get_info));
	memcpy(idle, c->report[c->read], sizeof(idle));
	assert_int_equal(reply_status(c), CTAP2_OK);
	ask(b, a, selection, sizeof(selection));
	ask(b, c, get_info, sizeof(get_info));
	assert_memory_equal(c->report[c->read], idle, sizeof(idle));
	assert_int_equal(reply_status(c), CTAP2_OK);
	assert_null(next(c));
	assert_false(device_idle(b->device));
	assert_int_equal(press(b, false), 0);
	assert_int_equal(reply_status(a), CTAP2_OK);
}

/* Nor is that a matter of how much there is to say. */
static void
long_info_waits_for_nobody(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);

	ask(b, a, selection, sizeof(selection));
	ask(b, c, get_info, sizeof(get_info));
	assert_int_equal(reply_status(c), CTAP2_OK);
	assert_int_equal(press(b, false), 0);
	assert_int_equal(reply_status(a), CTAP2_OK);
}

/*
 * The engine has room for some hosts' secrets. Those that have gone take
 * theirs along, so that the one that stays keeps its own.
 */
static void
hosts_that_go_leave_nothing(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	uint8_t before[2 * CTAPHID_REPORT_LEN];
	struct computer *c;
	int i;

	ask(b, a, key_agreement, sizeof(key_agreement));
	memcpy(before, a->report[a->read], sizeof(before));
	assert_int_equal(reply_status(a), CTAP2_OK);
	for (i = 0; i < 100; i++) {
		c = plug(b, 1);
		ask(b, c, key_agreement, sizeof(key_agreement));
		assert_int_equal(reply_status(c), CTAP2_OK);
		unplug(b, c);
	}
	ask(b, a, key_agreement, sizeof(key_agreement));
	assert_memory_equal(a->report[a->read], before, sizeof(before));
	assert_int_equal(reply_status(a), CTAP2_OK);
}

/* Another host waits its turn, and hears that the key lives. */
static void
another_host_waits_its_turn(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);
	const uint8_t *r;

	ask(b, a, selection, sizeof(selection));
	ask(b, c, key_agreement, sizeof(key_agreement));
	assert_null(next(c));
	pass(b, 250);
	r = next(c);
	assert_non_null(r);
	assert_int_equal(r[4], CTAPHID_CMD_KEEPALIVE | 0x80);
	assert_int_equal(r[7], CTAPHID_STATUS_PROCESSING);
	assert_int_equal(c->sent - c->read, 1);
	assert_int_equal(press(b, false), 0);
	assert_int_equal(b->pressed, 1);
	assert_int_equal(reply_status(a), CTAP2_OK);
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
hosts_are_served_in_order(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < 5; i++) {
		plug(b, i);
		ask(b, &b->computer[i], selection, sizeof(selection));
	}
	for (i = 0; i < 5; i++) {
		assert_int_equal(reply_status(&b->computer[i]), -1);
		press(b, i == 2);
		assert_int_equal(reply_status(&b->computer[i]), i == 2 ?
		    CTAP2_ERR_OPERATION_DENIED : CTAP2_OK);
	}
	assert_int_equal(b->pressed, 5);
}

static void
another_channel_is_told_busy(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	uint32_t other = new_channel(b, c);

	ask(b, c, selection, sizeof(selection));
	send_message(b, c, other, CTAPHID_CMD_CBOR, key_agreement, 1);
	assert_int_equal(hid_error(c), CTAPHID_ERR_CHANNEL_BUSY);
	press(b, false);
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
asks_for_a_touch_every_100_ms(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	const uint8_t *r;
	unsigned n = 0;

	ask(b, c, selection, sizeof(selection));
	pass(b, 1000);
	while ((r = next(c)) != NULL) {
		assert_int_equal(r[4], CTAPHID_CMD_KEEPALIVE | 0x80);
		assert_int_equal(r[7], CTAPHID_STATUS_UPNEEDED);
		n++;
	}
	assert_in_range(n, 10, 11);
	press(b, false);
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
cancel_ends_a_request(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask(b, c, selection, sizeof(selection));
	send_message(b, c, c->cid, CTAPHID_CMD_CANCEL, NULL, 0);
	assert_int_equal(reply_status(c), CTAP2_ERR_KEEPALIVE_CANCEL);
	assert_true(device_idle(b->device));
	pass(b, 1000);
	assert_null(next(c));
	ask(b, c, key_agreement, sizeof(key_agreement));
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
cancel_ends_a_request_that_waits(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);

	ask(b, a, selection, sizeof(selection));
	ask(b, c, selection, sizeof(selection));
	send_message(b, c, c->cid, CTAPHID_CMD_CANCEL, NULL, 0);
	assert_int_equal(reply_status(c), CTAP2_ERR_KEEPALIVE_CANCEL);
	assert_int_equal(reply_status(a), -1);
	press(b, false);
	assert_int_equal(reply_status(a), CTAP2_OK);
	assert_true(device_idle(b->device));
}

static void
init_ends_a_request_without_reply(void **state)
{
	static const uint8_t nonce[8] = { 8 };
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	const uint8_t *r;

	ask(b, c, selection, sizeof(selection));
	send_message(b, c, c->cid, CTAPHID_CMD_INIT, nonce, 8);
	r = skip_keepalives(c);
	assert_int_equal(r[4], CTAPHID_CMD_INIT | 0x80);
	assert_true(device_idle(b->device));
	pass(b, 40000);
	assert_null(next(c));
}

/* Events, each with what came of it, in their order. */
static void
note_event(void *arg, const struct event *e)
{
	struct bench *b = arg;
	size_t len = strlen(b->seen);
	const char *more = e->answer != NULL ? e->answer :
	    e->result != NULL ? e->result : e->reason;

	snprintf(b->seen + len, sizeof(b->seen) - len, "%s%s%s ",
	    event_name(e->kind), more != NULL ? ":" : "",
	    more != NULL ? more : "");
	if (e->kind == EVENT_OPERATION)
		assert_true(e->has_duration);
}

static void
watch(struct bench *b)
{
	b->watcher = (struct event_sink){ .event = note_event, .arg = b };
	watch_add(device_watch(b->device), &b->watcher);
}

static void
assert_seen(struct bench *b, const char *want)
{
	assert_string_equal(b->seen, want);
	b->seen[0] = '\0';
}

static void
events_tell_who_waits_for_whom(void **state)
{
	struct bench *b = *state;
	struct computer *c;

	watch(b);
	c = plug(b, 0);
	assert_seen(b, "host-connected ");
	ask(b, c, selection, sizeof(selection));
	pass(b, 300);
	assert_seen(b, "user-wanted:select ");
	press(b, false);
	assert_seen(b, "user-answered:touched operation:OK ");
	ask(b, c, selection, sizeof(selection));
	press(b, true);
	assert_seen(b, "user-wanted:select user-answered:denied "
	    "operation:OPERATION_DENIED ");
	ask(b, c, selection, sizeof(selection));
	pass(b, AUTH_USER_TIMEOUT_MS);
	assert_seen(b, "user-wanted:select user-answered:timeout "
	    "operation:USER_ACTION_TIMEOUT ");
	ask(b, c, selection, sizeof(selection));
	send_message(b, c, c->cid, CTAPHID_CMD_CANCEL, NULL, 0);
	assert_seen(b, "user-wanted:select user-answered:cancelled "
	    "operation:KEEPALIVE_CANCEL ");
	ask(b, c, selection, sizeof(selection));
	unplug(b, c);
	assert_seen(b, "user-wanted:select user-answered:cancelled "
	    "operation:KEEPALIVE_CANCEL host-gone ");
}

/* What is answered past an operation is one, too. */
static void
no_operation_is_missed(void **state)
{
	static const uint8_t info[] = { 0x04 };	/* getInfo */
	struct bench *b = *state;
	struct computer *c = plug(b, 0), *other = plug(b, 1);

	watch(b);
	ask(b, c, selection, sizeof(selection));
	ask(b, other, info, sizeof(info));
	assert_seen(b, "user-wanted:select operation:OK ");
	press(b, false);
	assert_seen(b, "user-answered:touched operation:OK ");
}

/* A press that was kept: nobody had to be asked for. */
static void
a_kept_press_is_not_asked_for(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	watch(b);
	press(b, false);
	ask(b, c, selection, sizeof(selection));
	assert_seen(b, "operation:OK ");
}

static void
polling_is_one_request(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	int i;

	watch(b);
	for (i = 0; i < 5; i++) {
		send_message(b, c, c->cid, CTAPHID_CMD_MSG, u2f_register,
		    sizeof(u2f_register));
		assert_int_equal(reply_sw(c), 0x6985);
		pass(b, 250);
	}
	press(b, false);
	send_message(b, c, c->cid, CTAPHID_CMD_MSG, u2f_register,
	    sizeof(u2f_register));
	assert_int_equal(reply_sw(c), 0x9000);
	assert_seen(b, "user-wanted:register operation:UP_REQUIRED "
	    "operation:UP_REQUIRED operation:UP_REQUIRED "
	    "operation:UP_REQUIRED operation:UP_REQUIRED "
	    "user-answered:touched operation:OK credential-created:OK ");
}

static void
a_power_cut_is_told(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	watch(b);
	ask(b, c, selection, sizeof(selection));
	assert_int_equal(loop_power_cycle(b->loop, b->now_ms), 0);
	assert_seen(b, "user-wanted:select user-answered:cancelled ");
	assert_int_equal(loop_power_cycle(b->loop, b->now_ms), 0);
	assert_seen(b, "");
}

static void
the_owner_says_who_touches_it(void **state)
{
	struct bench *b = *state;
	const struct verifications v = { .always = VERIFICATION_MISMATCH };

	watch(b);
	loop_set_presence(b->loop, PRESENCE_NEVER, 0, b->now_ms);
	loop_set_verifications(b->loop, &v);
	assert_seen(b, "presence-changed verification-changed ");
}

static void
a_host_that_vanishes_lets_the_next_in(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);
	struct computer *d = plug(b, 2);

	ask(b, a, selection, sizeof(selection));
	ask(b, c, selection, sizeof(selection));
	ask(b, d, selection, sizeof(selection));
	unplug(b, c);	/* waits */
	unplug(b, a);	/* is asked for */
	press(b, false);
	assert_int_equal(b->pressed, 1);
	assert_int_equal(reply_status(d), CTAP2_OK);
}

static void
a_host_that_vanishes_in_a_message_is_forgotten(void **state)
{
	static const uint8_t half[300] = { 0x01 };
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);

	memset(b->input, 0, sizeof(b->input));
	b->input[0] = a->cid >> 24;
	b->input[1] = a->cid >> 16;
	b->input[2] = a->cid >> 8;
	b->input[3] = a->cid;
	b->input[4] = CTAPHID_CMD_CBOR | 0x80;
	b->input[5] = sizeof(half) >> 8;
	b->input[6] = sizeof(half) & 0xff;
	input(b, a);
	unplug(b, a);
	ask(b, c, key_agreement, sizeof(key_agreement));
	assert_int_equal(reply_status(c), CTAP2_OK);
	pass(b, 1000);
}

static void
nobody_touches_for_30_s(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask(b, c, selection, sizeof(selection));
	pass(b, AUTH_USER_TIMEOUT_MS - 1);
	assert_int_equal(reply_status(c), -1);
	pass(b, 1);
	assert_int_equal(reply_status(c), CTAP2_ERR_USER_ACTION_TIMEOUT);
	assert_true(device_idle(b->device));
}

static void
a_press_is_kept_for_one_request(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	assert_int_equal(press(b, false), 0);
	assert_int_equal(b->pressed, 0);
	pass(b, PRESS_KEPT_MS - 1);
	ask(b, c, selection, sizeof(selection));
	assert_int_equal(b->pressed, 1);
	assert_int_equal(reply_status(c), CTAP2_OK);
	ask(b, c, selection, sizeof(selection));
	assert_int_equal(reply_status(c), -1);
}

static void
ask_u2f(struct bench *b, struct computer *c, const void *apdu, size_t len)
{
	send_message(b, c, c->cid, CTAPHID_CMD_MSG, apdu, len);
}

static void
u2f_asks_nobody_for_its_version(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask_u2f(b, c, u2f_version, sizeof(u2f_version));
	assert_int_equal(reply_sw(c), 0x9000);
	assert_null(next(c));
	assert_true(device_idle(b->device));
}

static void
u2f_is_touched_automatically(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask_u2f(b, c, u2f_register, sizeof(u2f_register));
	assert_int_equal(reply_sw(c), 0x9000);
	assert_null(next(c));
}

/* covers uf.6: without a keepalive, and without keeping the key busy */
static void
u2f_is_answered_at_once_and_a_press_is_for_the_next(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	for (int i = 0; i < 3; i++) {
		ask_u2f(b, c, u2f_register, sizeof(u2f_register));
		assert_int_equal(reply_sw(c), 0x6985);
		assert_null(next(c));
		assert_true(device_idle(b->device));
		pass(b, 200);
	}
	assert_int_equal(press(b, false), 0);
	assert_int_equal(b->pressed, 0);
	pass(b, 200);
	ask_u2f(b, c, u2f_register, sizeof(u2f_register));
	assert_int_equal(b->pressed, 1);
	assert_int_equal(reply_sw(c), 0x9000);
	ask_u2f(b, c, u2f_register, sizeof(u2f_register));
	assert_int_equal(reply_sw(c), 0x6985);
	assert_int_equal(press(b, true), 0);
	ask_u2f(b, c, u2f_register, sizeof(u2f_register));
	assert_int_equal(b->pressed, 2);
	assert_int_equal(reply_sw(c), 0x6985);
}

static void
u2f_never_touched(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask_u2f(b, c, u2f_register, sizeof(u2f_register));
	assert_int_equal(reply_sw(c), 0x6985);
	assert_true(device_idle(b->device));
}

/* A byte of U2F is not a command of CTAP2. */
static void
u2f_waits_its_turn(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);

	ask(b, a, selection, sizeof(selection));
	ask_u2f(b, c, get_info, sizeof(get_info));
	assert_int_equal(reply_sw(c), -1);
	assert_int_equal(press(b, false), 0);
	assert_int_equal(reply_status(a), CTAP2_OK);
	assert_int_equal(reply_sw(c), 0x6700);
}

static uint8_t
capabilities(struct bench *b, struct computer *c)
{
	static const uint8_t nonce[8] = { 1 };

	send_message(b, c, c->cid, CTAPHID_CMD_INIT, nonce, sizeof(nonce));
	return next(c)[7 + 16];
}

static void
u2f_is_among_the_capabilities(void **state)
{
	struct bench *b = *state;

	assert_int_equal(capabilities(b, plug(b, 0)),
	    CAPABILITY_WINK | CAPABILITY_CBOR);
}

static void
without_u2f_its_messages_are_invalid(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	assert_int_equal(capabilities(b, c),
	    CAPABILITY_WINK | CAPABILITY_CBOR | CAPABILITY_NMSG);
	ask_u2f(b, c, u2f_version, sizeof(u2f_version));
	assert_int_equal(hid_error(c), CTAPHID_ERR_INVALID_CMD);
}

static void
a_press_gives_up_after_10_s(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	press(b, false);
	pass(b, PRESS_KEPT_MS);
	assert_int_equal(b->in_vain, 1);
	ask(b, c, selection, sizeof(selection));
	assert_int_equal(reply_status(c), -1);
	assert_int_equal(b->pressed, 0);
}

static void
a_withdrawn_press_does_nothing(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	press(b, false);
	loop_withdraw(b->loop, &b->press);
	ask(b, c, selection, sizeof(selection));
	assert_int_equal(reply_status(c), -1);
	assert_int_equal(b->pressed + b->in_vain, 0);
}

static void
others_have_no_button(void **state)
{
	struct bench *b = *state;

	assert_int_equal(press(b, false), -ENOTTY);
	assert_int_equal(b->pressed + b->in_vain, 0);
}

static void
a_slow_host_gets_everything_in_order(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	uint8_t data[1000];
	unsigned turns = 0;
	int i;

	memset(data, 0x5c, sizeof(data));
	c->full = true;
	send_message(b, c, c->cid, CTAPHID_CMD_PING, data, sizeof(data));
	assert_null(next(c));
	for (; c->full; turns++) {	/* one report at a time */
		c->full = false;
		c->room = 1;
		loop_events.writable(b->loop, &c->host);
	}
	assert_int_equal(turns, 18);	/* 17 reports, and none */
	assert_int_equal(next(c)[4], CTAPHID_CMD_PING | 0x80);
	for (i = 0; i < 16; i++)
		assert_int_equal(next(c)[4], i);
	assert_null(next(c));
}

static void
reading_stops_while_answers_pile_up(void **state)
{
	static const uint8_t nonce[8] = { 3 };
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	unsigned asked = 0;
	unsigned got = 0;

	c->full = true;
	while (!c->paused) {
		send_message(b, c, CTAPHID_BROADCAST, CTAPHID_CMD_INIT, nonce,
		    8);
		assert_true(++asked < 100);
	}
	c->full = false;
	loop_events.writable(b->loop, &c->host);
	assert_false(c->paused);
	while (next(c) != NULL)
		got++;
	assert_int_equal(got, asked);
}

/* makeCredential of an RSA key, which takes its time. */
static const uint8_t make_rsa[] = {
	0x01, 0xa4,
	0x01, 0x58, 0x20,
	    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	0x02, 0xa1, 0x62, 'i', 'd', 0x67,
	    'e', 'x', 'a', 'm', 'p', 'l', 'e',
	0x03, 0xa1, 0x62, 'i', 'd', 0x41, 0x01,
	0x04, 0x81, 0xa2,
	    0x63, 'a', 'l', 'g', 0x39, 0x01, 0x00,
	    0x64, 't', 'y', 'p', 'e', 0x6a, 'p', 'u', 'b', 'l', 'i', 'c',
	    '-', 'k', 'e', 'y',
};

static void
slow_keys_do_not_stop_the_loop(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);

	ask(b, a, make_rsa, sizeof(make_rsa));
	ask(b, c, key_agreement, sizeof(key_agreement));
	assert_int_equal(reply_status(a), -1);
	pass(b, 300);
	assert_in_range(a->sent, 3, 5);	/* INIT, and keepalives */
	while (!device_idle(b->device))
		wait_for_keys(b);
	assert_int_equal(reply_status(a), CTAP2_OK);
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
slow_keys_can_be_cancelled(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask(b, c, make_rsa, sizeof(make_rsa));
	send_message(b, c, c->cid, CTAPHID_CMD_CANCEL, NULL, 0);
	assert_int_equal(reply_status(c), CTAP2_ERR_KEEPALIVE_CANCEL);
	assert_true(device_idle(b->device));
	ask(b, c, key_agreement, sizeof(key_agreement));
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
slow_keys_of_a_lost_host_are_abandoned(void **state)
{
	struct bench *b = *state;
	struct computer *a = plug(b, 0);
	struct computer *c = plug(b, 1);

	ask(b, a, make_rsa, sizeof(make_rsa));
	unplug(b, a);
	assert_true(device_idle(b->device));
	ask(b, c, make_rsa, sizeof(make_rsa));
	while (!device_idle(b->device))
		wait_for_keys(b);
	assert_int_equal(reply_status(c), CTAP2_OK);
}

/* What was deleted or reset outside of a command is gone for hosts, too. */
static void
managing_waits_for_the_engine(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	ask(b, c, selection, sizeof(selection));
	assert_int_equal(device_reset(b->device), -EBUSY);
	assert_int_equal(device_delete(b->device, 1), -EBUSY);
	press(b, false);
	assert_int_equal(device_reset(b->device), 0);
}

/* Channels and the request under way are gone; the key works again. */
static void
a_power_cycle_forgets_what_was_under_way(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	struct computer *waits = plug(b, 1);
	unsigned sent;

	ask(b, c, selection, sizeof(selection));
	ask(b, waits, selection, sizeof(selection));
	assert_false(device_idle(b->device));
	assert_int_equal(loop_power_cycle(b->loop, b->now_ms), 0);
	assert_true(device_idle(b->device));
	sent = waits->sent;
	assert_int_equal(loop_press(b->loop, &b->press, b->now_ms), 0);
	assert_int_equal(waits->sent, sent);
	ask(b, c, get_info, sizeof(get_info));
	assert_int_equal(c->report[c->sent - 1][4],
	    0x80 | CTAPHID_CMD_ERROR);
	assert_int_equal(c->report[c->sent - 1][7],
	    CTAPHID_ERR_INVALID_CHANNEL);
	loop_withdraw(b->loop, &b->press);
}

/*
 * Faults on the way
 */

static size_t
make_request(const char *rp_id, uint8_t out[static 512])
{
	static const uint8_t hash[32];
	static const int es256 = -7;
	const struct token_make req = {
		.client_data_hash = span(hash, sizeof(hash)),
		.rp_id = span_str(rp_id),
		.rp_name = span_str("RP"),
		.user_id = span_str("user"),
		.user_name = span_str("user"),
		.user_display_name = span_str("User"),
		.algs = &es256,
		.alg_count = 1,
	};
	size_t len = token_encode_make(&req, NULL, out, 512);

	assert_true(len > 0);
	return len;
}

static void
register_at(struct bench *b, struct computer *c, const char *rp_id)
{
	uint8_t request[512];
	size_t len = make_request(rp_id, request);

	ask(b, c, request, len);
}

static void
sign_in(struct bench *b, struct computer *c, bool silent)
{
	static const uint8_t hash[32];
	const struct token_get req = {
		.client_data_hash = span(hash, sizeof(hash)),
		.rp_id = span_str("example.com"),
		.silent = silent,
	};
	uint8_t request[512];
	size_t len = token_encode_get(&req, NULL, request, sizeof(request));

	assert_true(len > 0);
	ask(b, c, request, len);
}

/* For the next operation, at example.com or (NULL) at any. */
static void
arm(struct bench *b, const char *name, const char *rp_id)
{
	struct fault_scope scope = { .uses = 1 };
	struct fault_choice choice;
	char msg[FAULT_MESSAGE_LEN];

	assert_int_equal(fault_choose(name, &choice, msg, sizeof(msg)), 0);
	if (rp_id != NULL)
		scope.rp.len = (uint8_t)strlen(rp_id);
	if (rp_id != NULL)
		memcpy(scope.rp.s, rp_id, scope.rp.len);
	assert_int_equal(fault_arm(device_faults(b->device), choice, &scope,
	    NULL, msg, sizeof(msg)), 0);
}

static bool
armed(const struct bench *b)
{
	return fault_armed_at(device_faults(b->device), 0) != NULL;
}

static void
cancel(struct bench *b, struct computer *c)
{
	send_message(b, c, c->cid, CTAPHID_CMD_CANCEL, NULL, 0);
}

/* How many keepalives c got, and nothing else. */
static unsigned
keepalives(struct computer *c)
{
	unsigned n = 0;
	const uint8_t *r;

	for (; (r = next(c)) != NULL; n++)
		assert_int_equal(r[4], CTAPHID_CMD_KEEPALIVE | 0x80);
	c->sent = c->read = 0;
	return n;
}

static void
a_fault_answers_with_a_status(void **state)
{
	static const struct {
		const char *name;
		int status;
	} faults[] = {
		{ "ctap.pin-blocked", CTAP2_ERR_PIN_BLOCKED },
		{ "ctap.pin-auth-blocked", CTAP2_ERR_PIN_AUTH_BLOCKED },
		{ "ctap.uv-blocked", CTAP2_ERR_UV_BLOCKED },
		{ "ctap.excluded", CTAP2_ERR_CREDENTIAL_EXCLUDED },
		{ "ctap.denied", CTAP2_ERR_OPERATION_DENIED },
		{ "ctap.user-timeout", CTAP2_ERR_USER_ACTION_TIMEOUT },
		{ "ctap.unsupported-algorithm",
		    CTAP2_ERR_UNSUPPORTED_ALGORITHM },
		{ "auth.reset-token", CTAP2_ERR_NO_CREDENTIALS },
		{ "ctap.store-full", CTAP2_ERR_KEY_STORE_FULL },
		{ "ctap.no-credentials", CTAP2_ERR_NO_CREDENTIALS },
		{ "ctap.error", CTAP2_ERR_OPERATION_DENIED },
		{ "ctap.error:0x7f", 0x7f },
		{ "ctap.error:CREDENTIAL_EXCLUDED",
		    CTAP2_ERR_CREDENTIAL_EXCLUDED },
	};
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		arm(b, faults[i].name, NULL);
		register_at(b, c, "example.com");
		assert_int_equal(reply_status(c), faults[i].status);
		assert_false(armed(b));
	}
	/* and once only: the key has done nothing, and can */
	sign_in(b, c, false);
	assert_int_equal(reply_status(c), CTAP2_ERR_NO_CREDENTIALS);
	register_at(b, c, "example.com");
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
only_ceremonies_meet_with_faults(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	arm(b, "ctap.error", "example.com");
	ask(b, c, get_info, sizeof(get_info));
	assert_int_equal(reply_status(c), CTAP2_OK);
	ask(b, c, selection, sizeof(selection));
	assert_int_equal(reply_status(c), CTAP2_OK);
	sign_in(b, c, true);		/* looks around */
	assert_int_equal(reply_status(c), CTAP2_ERR_NO_CREDENTIALS);
	register_at(b, c, "example.org");
	assert_int_equal(reply_status(c), CTAP2_OK);
	assert_true(armed(b));
	sign_in(b, c, false);
	assert_int_equal(reply_status(c), CTAP2_ERR_OPERATION_DENIED);
	assert_false(armed(b));
}

static void
u2f_meets_with_them_as_well(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	arm(b, "ctap.error", "example.com");
	send_message(b, c, c->cid, CTAPHID_CMD_MSG, u2f_version,
	    sizeof(u2f_version));
	assert_int_equal(reply_sw(c), SW_NO_ERROR);
	/* whose it is nobody knows */
	send_message(b, c, c->cid, CTAPHID_CMD_MSG, u2f_register,
	    sizeof(u2f_register));
	assert_int_equal(reply_sw(c), SW_NO_ERROR);
	arm(b, "ctap.denied", NULL);
	send_message(b, c, c->cid, CTAPHID_CMD_MSG, u2f_register,
	    sizeof(u2f_register));
	assert_int_equal(reply_sw(c), SW_CONDITIONS_NOT_SATISFIED);
	arm(b, "ctap.store-full", NULL);
	send_message(b, c, c->cid, CTAPHID_CMD_MSG, u2f_register,
	    sizeof(u2f_register));
	assert_int_equal(reply_sw(c), SW_INTERNAL);
}

static void
a_fault_says_busy(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	arm(b, "hid.busy", NULL);
	register_at(b, c, "example.com");
	assert_int_equal(hid_error(c), CTAPHID_ERR_CHANNEL_BUSY);
	register_at(b, c, "example.com");
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
a_key_that_never_answers(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0), *other = plug(b, 1);

	arm(b, "hid.timeout", NULL);
	register_at(b, c, "example.com");
	pass(b, 60000);
	assert_null(next(c));
	cancel(b, c);
	pass(b, 1000);
	assert_null(next(c));
	/* nobody else waits for it */
	register_at(b, other, "example.com");
	assert_int_equal(reply_status(other), CTAP2_OK);
	/* and INIT ends it */
	send_message(b, c, c->cid, CTAPHID_CMD_INIT, "12345678", 8);
	assert_non_null(next(c));
	register_at(b, c, "example.com");
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
a_key_that_works_for_ever(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	arm(b, "hid.keepalive-forever", NULL);
	register_at(b, c, "example.com");
	for (int i = 0; i < 30; i++) {
		pass(b, 10000);
		assert_int_equal(keepalives(c), 100);
	}
	cancel(b, c);
	assert_int_equal(reply_status(c), CTAP2_ERR_KEEPALIVE_CANCEL);
	pass(b, 1000);
	assert_null(next(c));
	register_at(b, c, "example.com");
	assert_int_equal(reply_status(c), CTAP2_OK);
}

static void
a_slow_key(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0), *other = plug(b, 1);

	arm(b, "hid.slow:2500", NULL);
	arm(b, "ctap.error", NULL);	/* for the one after it */
	register_at(b, c, "example.com");
	pass(b, 2499);
	assert_int_equal(keepalives(c), 24);
	pass(b, 1);
	assert_int_equal(reply_status(c), CTAP2_OK);
	assert_true(armed(b));
	register_at(b, other, "example.com");
	assert_int_equal(reply_status(other), CTAP2_ERR_OPERATION_DENIED);

	arm(b, "hid.slow:2500", NULL);
	register_at(b, c, "example.com");
	pass(b, 1000);
	cancel(b, c);
	assert_int_equal(reply_status(c), CTAP2_ERR_KEEPALIVE_CANCEL);
	pass(b, 5000);
	assert_null(next(c));

	/* no power, no delay */
	arm(b, "hid.slow:2500", NULL);
	register_at(b, c, "example.com");
	assert_int_equal(loop_power_cycle(b->loop, b->now_ms), 0);
	pass(b, 5000);
	assert_int_equal(keepalives(c), 0);
}

static void
on_unplug(void *arg)
{
	(*(unsigned *)arg)++;
}

static void
a_key_that_is_pulled_out(void **state)
{
	struct bench *b = *state;
	struct computer *c = plug(b, 0);
	unsigned pulled = 0;

	loop_on_unplug(b->loop, on_unplug, &pulled);
	arm(b, "hid.unplug-mid", NULL);
	register_at(b, c, "example.com");
	assert_int_equal(pulled, 1);
	pass(b, 1000);
	assert_null(next(c));
	unplug(b, c);
	loop_on_unplug(b->loop, NULL, NULL);
	c = plug(b, 0);
	arm(b, "hid.unplug-mid", NULL);
	register_at(b, c, "example.com");
	pass(b, 1000);
	assert_null(next(c));
	assert_int_equal(pulled, 1);
}

struct heard {
	unsigned count;
	char	 fault[64];
	uint64_t channel;
};

static void
on_event(void *arg, const struct event *e)
{
	struct heard *h = arg;

	if (e->kind != EVENT_FAULT_USED)
		return;
	h->count++;
	h->channel = e->channel;
	assert_true(span_eq(e->rp_id, span_str("example.com")));
	assert_true(strlen(e->fault) < sizeof(h->fault));
	strcpy(h->fault, e->fault);
}

static void
faults_on_the_way_are_told(void **state)
{
	struct heard heard = { .count = 0 };
	struct event_sink sink = { .event = on_event, .arg = &heard };
	struct bench *b = *state;
	struct computer *c = plug(b, 0);

	watch_add(device_watch(b->device), &sink);
	arm(b, "ctap.error:PIN_BLOCKED", NULL);
	register_at(b, c, "example.com");
	watch_remove(device_watch(b->device), &sink);
	assert_int_equal(heard.count, 1);
	assert_string_equal(heard.fault, "ctap.error:PIN_BLOCKED");
	assert_int_equal((uint32_t)heard.channel, c->cid);
}

#define TEST(f, open)	cmocka_unit_test_setup_teardown(f, open, teardown)
#define AUTO(f)		TEST(f, open_auto)
#define MANUAL(f)	TEST(f, open_manual)
#define NEVER(f)	TEST(f, open_never)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AUTO(answers_a_message),
		AUTO(automatic_presence_shows_no_keepalive),
		AUTO(fifty_hosts_are_all_answered),
		AUTO(hosts_are_limited),
		MANUAL(info_waits_for_nobody),
		TEST(long_info_waits_for_nobody, open_talkative),
		AUTO(hosts_that_go_leave_nothing),
		MANUAL(another_host_waits_its_turn),
		MANUAL(hosts_are_served_in_order),
		MANUAL(another_channel_is_told_busy),
		MANUAL(asks_for_a_touch_every_100_ms),
		MANUAL(cancel_ends_a_request),
		MANUAL(cancel_ends_a_request_that_waits),
		MANUAL(init_ends_a_request_without_reply),
		MANUAL(events_tell_who_waits_for_whom),
		MANUAL(no_operation_is_missed),
		MANUAL(a_kept_press_is_not_asked_for),
		MANUAL(polling_is_one_request),
		MANUAL(a_power_cut_is_told),
		MANUAL(the_owner_says_who_touches_it),
		MANUAL(a_host_that_vanishes_lets_the_next_in),
		AUTO(a_host_that_vanishes_in_a_message_is_forgotten),
		MANUAL(nobody_touches_for_30_s),
		NEVER(nobody_touches_for_30_s),
		MANUAL(a_press_is_kept_for_one_request),
		MANUAL(u2f_asks_nobody_for_its_version),
		AUTO(u2f_is_touched_automatically),
		MANUAL(u2f_is_answered_at_once_and_a_press_is_for_the_next),
		NEVER(u2f_never_touched),
		MANUAL(u2f_waits_its_turn),
		AUTO(u2f_is_among_the_capabilities),
		AUTO(a_fault_answers_with_a_status),
		AUTO(only_ceremonies_meet_with_faults),
		AUTO(u2f_meets_with_them_as_well),
		AUTO(a_fault_says_busy),
		AUTO(a_key_that_never_answers),
		AUTO(a_key_that_works_for_ever),
		AUTO(a_slow_key),
		AUTO(a_key_that_is_pulled_out),
		AUTO(faults_on_the_way_are_told),
		TEST(without_u2f_its_messages_are_invalid, open_without_u2f),
		MANUAL(a_press_gives_up_after_10_s),
		MANUAL(a_withdrawn_press_does_nothing),
		AUTO(others_have_no_button),
		NEVER(others_have_no_button),
		AUTO(a_slow_host_gets_everything_in_order),
		AUTO(reading_stops_while_answers_pile_up),
		AUTO(slow_keys_do_not_stop_the_loop),
		AUTO(slow_keys_can_be_cancelled),
		AUTO(slow_keys_of_a_lost_host_are_abandoned),
		MANUAL(managing_waits_for_the_engine),
		MANUAL(a_power_cycle_forgets_what_was_under_way),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
