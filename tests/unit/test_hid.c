/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAPHID framing, rule by rule, in virtual time. The numbers in brackets are
 * sections of CTAP 2.3 or rows of what a certification run looks at (hid-NN).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctap/hid.h"

#define A		0x1000u		/* handed out by setup(), in order */
#define B		0x1001u
#define STRANGER	0xdeadbeefu	/* never handed out */
#define FIRST_LEN	57u		/* payload of a first packet */
#define NEXT_LEN	59u		/* payload of the others */
#define CAPABILITIES	(CAPABILITY_WINK | CAPABILITY_CBOR)

struct host {
	struct ctaphid		h;
	uint64_t		now_ms;
	struct ctaphid_event	ev;	/* of the last report */
	uint8_t			pattern[CTAPHID_MESSAGE_MAX];
	uint8_t			whole[CTAPHID_MESSAGE_MAX];
};

static const uint8_t nonce[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t other_nonce[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
static const uint8_t get_info[1] = { 0x04 };
static const uint8_t cancelled[1] = { 0x2d };

/*
 * The host's side
 */

static void
put_be32(uint8_t *p, uint32_t v)
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

/* Padding is not zero, because it must not matter. */
static void
send_first(struct host *t, uint32_t cid, unsigned int cmd, size_t bcnt,
    const void *data, size_t len)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	memset(report, 0xee, sizeof(report));
	put_be32(report, cid);
	report[4] = (uint8_t)(cmd | 0x80);
	report[5] = (uint8_t)(bcnt >> 8);
	report[6] = (uint8_t)bcnt;
	if (len > 0)
		memcpy(&report[7], data, len);
	t->ev = ctaphid_input(&t->h, report, t->now_ms);
}

static void
send_next(struct host *t, uint32_t cid, uint8_t seq, const void *data,
    size_t len)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	memset(report, 0xee, sizeof(report));
	put_be32(report, cid);
	report[4] = seq;
	memcpy(&report[5], data, len);
	t->ev = ctaphid_input(&t->h, report, t->now_ms);
}

/* Packets of a message up to, and not including, number end. */
static void
send_packets(struct host *t, uint32_t cid, unsigned int cmd,
    const uint8_t *data, size_t len, size_t end)
{
	size_t done = min_size(len, FIRST_LEN);

	send_first(t, cid, cmd, len, data, done);
	for (size_t i = 1; i < end && done < len; i++) {
		size_t n = min_size(len - done, NEXT_LEN);

		assert_int_equal(t->ev.type, CTAPHID_NONE);
		send_next(t, cid, (uint8_t)(i - 1), &data[done], n);
		done += n;
	}
}

static void
send_message(struct host *t, uint32_t cid, unsigned int cmd,
    const void *data, size_t len)
{
	send_packets(t, cid, cmd, data, len, SIZE_MAX);
}

static void
send_init(struct host *t, uint32_t cid)
{
	send_message(t, cid, CTAPHID_CMD_INIT, nonce, sizeof(nonce));
}

static void
send_ping(struct host *t, uint32_t cid, size_t len)
{
	send_message(t, cid, CTAPHID_CMD_PING, t->pattern, len);
}

/* The first of two packets. */
static void
send_half_ping(struct host *t, uint32_t cid)
{
	send_packets(t, cid, CTAPHID_CMD_PING, t->pattern, 99, 1);
}

static void
send_cbor(struct host *t, uint32_t cid)
{
	send_message(t, cid, CTAPHID_CMD_CBOR, get_info, sizeof(get_info));
}

static void
send_cancel(struct host *t, uint32_t cid)
{
	send_message(t, cid, CTAPHID_CMD_CANCEL, NULL, 0);
}

static void
send_lock(struct host *t, uint32_t cid, uint8_t seconds)
{
	send_message(t, cid, CTAPHID_CMD_LOCK, &seconds, 1);
}

/* Let time pass as a loop does: wake up at deadlines, and only then. */
static void
pass_ms(struct host *t, uint64_t ms)
{
	uint64_t end_ms = t->now_ms + ms;

	while (ctaphid_deadline(&t->h) <= end_ms) {
		t->now_ms = ctaphid_deadline(&t->h);
		ctaphid_tick(&t->h, t->now_ms);
	}
	t->now_ms = end_ms;
}

static void
expect_event(const struct host *t, enum ctaphid_event_type type, uint32_t cid)
{
	assert_int_equal(t->ev.type, type);
	assert_int_equal(t->ev.cid, cid);
}

static void
expect_silence(struct host *t)
{
	uint8_t report[CTAPHID_REPORT_LEN];

	assert_false(ctaphid_output(&t->h, report));
}

/* One report, all 64 bytes of it. */
static void
expect_first(struct host *t, uint32_t cid, unsigned int cmd, size_t bcnt,
    const void *data, size_t len)
{
	uint8_t want[CTAPHID_REPORT_LEN] = { 0 };
	uint8_t got[CTAPHID_REPORT_LEN];

	put_be32(want, cid);
	want[4] = (uint8_t)(cmd | 0x80);
	want[5] = (uint8_t)(bcnt >> 8);
	want[6] = (uint8_t)bcnt;
	if (len > 0)
		memcpy(&want[7], data, len);
	assert_true(ctaphid_output(&t->h, got));
	assert_memory_equal(got, want, sizeof(want));
}

static void
expect_next(struct host *t, uint32_t cid, uint8_t seq, const void *data,
    size_t len)
{
	uint8_t want[CTAPHID_REPORT_LEN] = { 0 };
	uint8_t got[CTAPHID_REPORT_LEN];

	put_be32(want, cid);
	want[4] = seq;
	memcpy(&want[5], data, len);
	assert_true(ctaphid_output(&t->h, got));
	assert_memory_equal(got, want, sizeof(want));
}

static void
expect_message(struct host *t, uint32_t cid, unsigned int cmd,
    const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t done = min_size(len, FIRST_LEN);
	uint8_t seq = 0;

	expect_first(t, cid, cmd, len, p, done);
	while (done < len) {
		size_t n = min_size(len - done, NEXT_LEN);

		expect_next(t, cid, seq++, &p[done], n);
		done += n;
	}
}

static void
expect_only(struct host *t, uint32_t cid, unsigned int cmd, const void *data,
    size_t len)
{
	expect_message(t, cid, cmd, data, len);
	expect_silence(t);
}

static void
expect_error(struct host *t, uint32_t cid, uint8_t code)
{
	expect_only(t, cid, CTAPHID_CMD_ERROR, &code, 1);
}

static void
expect_keepalive(struct host *t, uint32_t cid, uint8_t status)
{
	expect_only(t, cid, CTAPHID_CMD_KEEPALIVE, &status, 1);
}

static void
expect_init(struct host *t, uint32_t cid, uint32_t channel)
{
	uint8_t want[17];

	memcpy(want, nonce, sizeof(nonce));
	put_be32(&want[8], channel);
	memcpy(&want[12], (const uint8_t[]){ 2, 0, 9, 7, CAPABILITIES }, 5);
	expect_only(t, cid, CTAPHID_CMD_INIT, want, sizeof(want));
}

/* The channel works, and nobody else keeps it from working. */
static void
expect_usable(struct host *t, uint32_t cid)
{
	send_ping(t, cid, 8);
	expect_only(t, cid, CTAPHID_CMD_PING, t->pattern, 8);
}

static void
reply(struct host *t, uint32_t serial, const void *data, size_t len)
{
	ctaphid_reply(&t->h, serial, span(data, len));
}

static void
set_status(struct host *t, enum ctaphid_status status)
{
	ctaphid_set_status(&t->h, t->ev.serial, status, t->now_ms);
}

static void
plug_in(struct host *t, uint8_t capabilities, uint32_t first_cid)
{
	const struct ctaphid_config config = { { 0, 9, 7 }, capabilities };

	ctaphid_init(&t->h, &config, first_cid);
}

/* A key with channels A and B, some time after boot. */
static int
setup(void **state)
{
	struct host *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(t->pattern); i++)
		t->pattern[i] = (uint8_t)(i * 7 + i / 256);
	t->now_ms = 86400000;
	plug_in(t, CAPABILITIES, A);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, A);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, B);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

/*
 * Idle
 */

static void
test_says_nothing_unasked(void **state)			/* hid-01 */
{
	struct host *t = *state;

	assert_true(ctaphid_deadline(&t->h) == UINT64_MAX);
	pass_ms(t, 3600000);
	expect_silence(t);
}

static void
test_tick_without_reason_says_nothing(void **state)
{
	struct host *t = *state;

	ctaphid_tick(&t->h, t->now_ms);
	expect_silence(t);
}

static void
test_stray_continuation_is_ignored(void **state)	/* hid-02 */
{
	struct host *t = *state;

	send_next(t, A, 0, t->pattern, NEXT_LEN);
	send_next(t, STRANGER, 0, t->pattern, NEXT_LEN);
	expect_event(t, CTAPHID_NONE, 0);
	pass_ms(t, 1000);
	expect_silence(t);
}

/*
 * INIT and channels
 */

static void
test_init_reply_fields(void **state)			/* hid-03 */
{
	struct host *t = *state;

	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, B + 1);
}

static void
test_capability_bits_are_known_ones(void **state)	/* hid-03 */
{
	struct host *t = *state;
	uint8_t report[CTAPHID_REPORT_LEN];

	plug_in(t, 0xff, A);
	send_init(t, CTAPHID_BROADCAST);
	assert_true(ctaphid_output(&t->h, report));
	assert_int_equal(report[7 + 16], 0x0d);
}

static void
test_channels_are_distinct(void **state)		/* hid-04 */
{
	struct host *t = *state;

	for (uint32_t i = 0; i < 3; i++) {
		send_init(t, CTAPHID_BROADCAST);
		expect_init(t, CTAPHID_BROADCAST, B + 1 + i);
	}
}

static void
test_reserved_channels_are_not_handed_out(void **state)
{
	struct host *t = *state;

	plug_in(t, CAPABILITIES, 0xfffffffe);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, 0xfffffffe);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, 1);
	expect_usable(t, 0xfffffffe);
	expect_usable(t, 1);
}

static void
test_channels_may_run_out_without_refusing(void **state)
{
	struct host *t = *state;

	t->h.next_cid = A - 1;	/* as after four billion of them */
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, A - 1);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, A);
	expect_usable(t, A - 1);
	expect_usable(t, STRANGER);
}

static void
test_init_on_own_channel_keeps_it(void **state)
{
	struct host *t = *state;

	send_init(t, A);
	expect_init(t, A, A);
	expect_usable(t, A);
}

static void
test_init_on_unallocated_channel_allocates_it(void **state)
{
	struct host *t = *state;

	send_init(t, STRANGER);
	expect_init(t, STRANGER, STRANGER);
	expect_usable(t, STRANGER);
}

static void
test_adopted_channel_is_not_handed_out(void **state)
{
	struct host *t = *state;

	send_init(t, B + 1);
	expect_init(t, B + 1, B + 1);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, B + 2);
}

static void
test_oldest_adopted_channel_is_forgotten(void **state)
{
	struct host *t = *state;

	for (uint32_t i = 0; i <= CTAPHID_ADOPTED_MAX; i++) {
		send_init(t, STRANGER + i);
		expect_init(t, STRANGER + i, STRANGER + i);
	}
	send_ping(t, STRANGER, 1);
	expect_error(t, STRANGER, CTAPHID_ERR_INVALID_CHANNEL);
	expect_usable(t, STRANGER + 1);
	expect_usable(t, STRANGER + CTAPHID_ADOPTED_MAX);
	expect_usable(t, A);
}

static void
test_repeated_init_takes_one_place(void **state)
{
	struct host *t = *state;

	send_init(t, STRANGER);
	expect_init(t, STRANGER, STRANGER);
	for (uint32_t i = 0; i <= CTAPHID_ADOPTED_MAX; i++) {
		send_init(t, STRANGER + 1);
		expect_init(t, STRANGER + 1, STRANGER + 1);
	}
	expect_usable(t, STRANGER);
}

static void
test_init_on_channel_0(void **state)			/* hid-17 */
{
	struct host *t = *state;

	send_init(t, 0);
	expect_error(t, 0, CTAPHID_ERR_INVALID_CHANNEL);
}

static void
test_ping_on_channel_0(void **state)			/* hid-18 */
{
	struct host *t = *state;

	send_ping(t, 0, 8);
	expect_error(t, 0, CTAPHID_ERR_INVALID_CHANNEL);
}

static void
test_cancel_on_channel_0(void **state)
{
	struct host *t = *state;

	send_cancel(t, 0);
	expect_error(t, 0, CTAPHID_ERR_INVALID_CHANNEL);
}

static void
test_channel_0_is_judged_before_busy(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_init(t, 0);
	expect_error(t, 0, CTAPHID_ERR_INVALID_CHANNEL);
}

static void
test_ping_on_broadcast(void **state)			/* hid-18 */
{
	struct host *t = *state;

	send_ping(t, CTAPHID_BROADCAST, 8);
	expect_error(t, CTAPHID_BROADCAST, CTAPHID_ERR_INVALID_CHANNEL);
}

static void
test_unallocated_channel(void **state)
{
	struct host *t = *state;

	send_ping(t, STRANGER, 8);
	expect_error(t, STRANGER, CTAPHID_ERR_INVALID_CHANNEL);
}

static void
test_busy_is_judged_before_unallocated(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_ping(t, STRANGER, 8);
	expect_error(t, STRANGER, CTAPHID_ERR_CHANNEL_BUSY);
}

static void
test_init_of_wrong_length(void **state)
{
	static const size_t lens[] = { 0, 7, 9, 57, 58, 7609, 7610, 65535 };
	struct host *t = *state;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		send_first(t, A, CTAPHID_CMD_INIT, lens[i], NULL, 0);
		expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
		send_first(t, CTAPHID_BROADCAST, CTAPHID_CMD_INIT, lens[i],
		    NULL, 0);
		expect_error(t, CTAPHID_BROADCAST, CTAPHID_ERR_INVALID_LEN);
	}
}

static void
test_init_of_wrong_length_ends_the_transaction(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_first(t, A, CTAPHID_CMD_INIT, 7, nonce, 7);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
	pass_ms(t, 1000);
	expect_silence(t);
}

/*
 * Messages
 */

static void
test_ping_in_one_packet(void **state)			/* hid-05 */
{
	struct host *t = *state;

	send_ping(t, A, FIRST_LEN);
	expect_event(t, CTAPHID_NONE, 0);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, FIRST_LEN);
}

static void
test_ping_1024(void **state)				/* hid-06 */
{
	struct host *t = *state;

	send_ping(t, A, 1024);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 1024);
}

static void
test_ping_of_every_length(void **state)
{
	struct host *t = *state;

	for (size_t len = 0; len <= CTAPHID_MESSAGE_MAX; len++) {
		send_ping(t, A, len);
		expect_only(t, A, CTAPHID_CMD_PING, t->pattern, len);
	}
}

static void
test_ping_of_zeros(void **state)			/* hid-08 */
{
	struct host *t = *state;

	memset(t->whole, 0, sizeof(t->whole));
	send_message(t, A, CTAPHID_CMD_PING, t->whole, 1024);
	expect_only(t, A, CTAPHID_CMD_PING, t->whole, 1024);
}

static void
test_ping_beginning_and_ending_in_zeros(void **state)	/* hid-08 */
{
	struct host *t = *state;

	memset(t->pattern, 0, 60);
	memset(&t->pattern[1024], 0, 256);
	send_ping(t, A, 1280);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 1280);
}

static void
test_too_long_is_refused_at_once(void **state)
{
	struct host *t = *state;

	send_first(t, A, CTAPHID_CMD_PING, CTAPHID_MESSAGE_MAX + 1,
	    t->pattern, FIRST_LEN);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
	send_next(t, A, 0, t->pattern, NEXT_LEN);
	pass_ms(t, 1000);
	expect_silence(t);
	expect_usable(t, B);
}

static void
test_length_is_judged_before_command(void **state)
{
	struct host *t = *state;

	send_first(t, A, 0x21, 0xffff, NULL, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
}

static void
test_unknown_commands(void **state)			/* hid-16 */
{
	static const uint8_t known[] = { CTAPHID_CMD_PING, CTAPHID_CMD_MSG,
	    CTAPHID_CMD_LOCK, CTAPHID_CMD_INIT, CTAPHID_CMD_WINK,
	    CTAPHID_CMD_CBOR, CTAPHID_CMD_CANCEL };
	struct host *t = *state;

	for (unsigned int cmd = 0; cmd < 0x80; cmd++) {
		if (memchr(known, (int)cmd, sizeof(known)) != NULL)
			continue;
		send_message(t, A, cmd, t->pattern, 1);
		expect_error(t, A, CTAPHID_ERR_INVALID_CMD);
	}
}

static void
test_unknown_command_swallows_its_continuations(void **state)
{
	struct host *t = *state;

	send_message(t, A, 0x20, t->pattern, 200);
	expect_error(t, A, CTAPHID_ERR_INVALID_CMD);
	expect_usable(t, B);
}

static void
test_cbor_is_handed_over(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_CBOR, t->pattern, 7609);
	expect_event(t, CTAPHID_MESSAGE, A);
	assert_int_equal(t->ev.cmd, CTAPHID_CMD_CBOR);
	assert_int_equal(t->ev.msg.len, 7609);
	assert_memory_equal(t->ev.msg.p, t->pattern, 7609);
	expect_silence(t);
}

static void
test_cbor_reply(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	reply(t, t->ev.serial, t->pattern, 7609);
	expect_only(t, A, CTAPHID_CMD_CBOR, t->pattern, 7609);
	expect_usable(t, B);
}

static void
test_reply_may_lie_in_the_message(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_CBOR, t->pattern, 500);
	ctaphid_reply(&t->h, t->ev.serial, span(t->ev.msg.p + 3, 400));
	expect_only(t, A, CTAPHID_CMD_CBOR, t->pattern + 3, 400);
}

static void
test_reply_is_copied(void **state)
{
	struct host *t = *state;
	uint8_t data[200];

	memcpy(data, t->pattern, sizeof(data));
	send_cbor(t, A);
	reply(t, t->ev.serial, data, sizeof(data));
	memset(data, 0, sizeof(data));
	expect_only(t, A, CTAPHID_CMD_CBOR, t->pattern, sizeof(data));
}

static void
test_empty_reply(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_MSG, t->pattern, 7);
	ctaphid_reply(&t->h, t->ev.serial, (struct span){ NULL, 0 });
	expect_only(t, A, CTAPHID_CMD_MSG, NULL, 0);
}

static void
test_reply_too_long_for_the_wire(void **state)
{
	struct host *t = *state;
	static const uint8_t big[CTAPHID_MESSAGE_MAX + 1];

	send_cbor(t, A);
	reply(t, t->ev.serial, big, sizeof(big));
	expect_error(t, A, CTAPHID_ERR_OTHER);
}

static void
test_error_instead_of_a_reply(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	ctaphid_error(&t->h, t->ev.serial, CTAPHID_ERR_CHANNEL_BUSY);
	expect_error(t, A, CTAPHID_ERR_CHANNEL_BUSY);
	expect_usable(t, A);
}

static void
test_second_reply_is_ignored(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	reply(t, t->ev.serial, "a", 1);
	reply(t, t->ev.serial, "b", 1);
	ctaphid_error(&t->h, t->ev.serial, CTAPHID_ERR_OTHER);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
}

static void
test_reply_to_nothing_is_ignored(void **state)
{
	struct host *t = *state;

	reply(t, 0, "a", 1);
	reply(t, 1, "a", 1);
	expect_silence(t);
}

static void
test_late_reply_does_not_reach_the_next_request(void **state)
{
	struct host *t = *state;
	uint32_t old;

	send_cbor(t, A);
	old = t->ev.serial;
	send_init(t, A);
	expect_init(t, A, A);
	send_cbor(t, B);
	assert_int_not_equal(t->ev.serial, old);
	reply(t, old, "a", 1);
	ctaphid_error(&t->h, old, CTAPHID_ERR_OTHER);
	ctaphid_set_status(&t->h, old, CTAPHID_STATUS_UPNEEDED, t->now_ms);
	expect_silence(t);
	reply(t, t->ev.serial, "b", 1);
	expect_only(t, B, CTAPHID_CMD_CBOR, "b", 1);
}

static void
test_serial_is_never_0(void **state)
{
	struct host *t = *state;

	t->h.serial = UINT32_MAX;
	send_cbor(t, A);
	assert_int_equal(t->ev.serial, 1);
}

static void
test_empty_cbor_and_msg(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_CBOR, NULL, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
	send_message(t, A, CTAPHID_CMD_MSG, NULL, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
}

static void
test_msg_is_handed_over(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_MSG, t->pattern, 7);
	expect_event(t, CTAPHID_MESSAGE, A);
	assert_int_equal(t->ev.cmd, CTAPHID_CMD_MSG);
	reply(t, t->ev.serial, "\x90\x00", 2);
	expect_only(t, A, CTAPHID_CMD_MSG, "\x90\x00", 2);
}

static void
test_msg_without_u2f(void **state)
{
	struct host *t = *state;

	plug_in(t, CAPABILITY_CBOR | CAPABILITY_NMSG, A);
	send_init(t, A);
	(void)ctaphid_output(&t->h, t->whole);
	send_message(t, A, CTAPHID_CMD_MSG, t->pattern, 7);
	expect_event(t, CTAPHID_NONE, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_CMD);
}

static void
test_cbor_without_ctap2(void **state)
{
	struct host *t = *state;

	plug_in(t, 0, A);
	send_init(t, A);
	(void)ctaphid_output(&t->h, t->whole);
	send_cbor(t, A);
	expect_error(t, A, CTAPHID_ERR_INVALID_CMD);
}

static void
test_wink(void **state)					/* hid-12 */
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_WINK, NULL, 0);
	expect_event(t, CTAPHID_WINK, A);
	expect_only(t, A, CTAPHID_CMD_WINK, NULL, 0);
}

static void
test_wink_of_wrong_length(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_WINK, t->pattern, 1);
	expect_event(t, CTAPHID_NONE, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
}

static void
test_wink_without_capability(void **state)
{
	struct host *t = *state;

	plug_in(t, CAPABILITY_CBOR, A);
	send_init(t, A);
	(void)ctaphid_output(&t->h, t->whole);
	send_message(t, A, CTAPHID_CMD_WINK, NULL, 0);
	expect_event(t, CTAPHID_NONE, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_CMD);
}

/*
 * Sequence
 */

static void
test_skipped_packet(void **state)			/* hid-19 */
{
	struct host *t = *state;

	send_packets(t, A, CTAPHID_CMD_PING, t->pattern, 1024, 3);
	send_next(t, A, 3, t->pattern, NEXT_LEN);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
	send_next(t, A, 4, t->pattern, NEXT_LEN);
	send_next(t, A, 2, t->pattern, NEXT_LEN);
	pass_ms(t, 1000);
	expect_silence(t);
	expect_usable(t, B);
}

static void
test_repeated_packet(void **state)
{
	struct host *t = *state;

	send_packets(t, A, CTAPHID_CMD_PING, t->pattern, 1024, 2);
	send_next(t, A, 0, t->pattern, NEXT_LEN);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
}

static void
test_first_sequence_number_is_0(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_next(t, A, 1, t->pattern, NEXT_LEN);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
}

static void
test_header_twice(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_half_ping(t, A);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
	pass_ms(t, 600);
	expect_silence(t);
	send_next(t, A, 0, t->pattern, NEXT_LEN);
	expect_silence(t);
	expect_usable(t, A);
}

static void
test_sequence_is_judged_before_length(void **state)	/* hid-19 */
{
	struct host *t = *state;

	send_packets(t, A, CTAPHID_CMD_PING, t->pattern, 1024, 17);
	send_first(t, A, 0x02, 0xabcd, t->pattern, FIRST_LEN);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
	pass_ms(t, 1000);
	expect_silence(t);
}

static void
test_request_during_own_request(void **state)
{
	struct host *t = *state;
	uint32_t serial;

	send_cbor(t, A);
	serial = t->ev.serial;
	send_cbor(t, A);
	expect_event(t, CTAPHID_ABORT, A);
	assert_int_equal(t->ev.serial, serial);
	reply(t, serial, "a", 1);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
	pass_ms(t, 1000);
	expect_silence(t);
}

static void
test_request_during_own_reply(void **state)
{
	struct host *t = *state;

	send_ping(t, A, 500);
	expect_first(t, A, CTAPHID_CMD_PING, 500, t->pattern, FIRST_LEN);
	send_ping(t, A, 8);
	expect_event(t, CTAPHID_NONE, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_SEQ);
	expect_usable(t, A);
}

static void
test_continuation_during_own_request_is_ignored(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	send_next(t, A, 0, t->pattern, NEXT_LEN);
	expect_silence(t);
	reply(t, 1, "a", 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
}

/*
 * Arbitration
 */

static void
test_busy_while_another_assembles(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_ping(t, B, 8);
	expect_error(t, B, CTAPHID_ERR_CHANNEL_BUSY);
	send_next(t, A, 0, &t->pattern[FIRST_LEN], 99 - FIRST_LEN);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 99);
}

static void
test_busy_while_another_is_processed(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	send_cbor(t, B);
	expect_event(t, CTAPHID_NONE, 0);
	expect_error(t, B, CTAPHID_ERR_CHANNEL_BUSY);
	reply(t, 1, "a", 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
	expect_usable(t, B);
}

static void
test_busy_until_the_last_packet_is_taken(void **state)
{
	struct host *t = *state;

	send_ping(t, A, 100);
	expect_first(t, A, CTAPHID_CMD_PING, 100, t->pattern, FIRST_LEN);
	send_ping(t, B, 8);
	/* told before the reply goes on: within 100 ms, 11.2.5.1 */
	expect_first(t, B, CTAPHID_CMD_ERROR, 1, "\x06", 1);
	expect_next(t, A, 0, &t->pattern[FIRST_LEN], 100 - FIRST_LEN);
	expect_silence(t);
	expect_usable(t, B);
}

static void
test_foreign_continuation_is_ignored(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_half_ping(t, B);
	send_next(t, B, 0, t->whole, 42);
	send_next(t, A, 0, &t->pattern[FIRST_LEN], 42);
	expect_message(t, B, CTAPHID_CMD_ERROR, "\x06", 1);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 99);
}

static void
test_broadcast_init_disturbs_nobody(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	send_init(t, CTAPHID_BROADCAST);
	expect_event(t, CTAPHID_NONE, 0);
	expect_init(t, CTAPHID_BROADCAST, B + 1);
	pass_ms(t, 100);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	reply(t, 1, "a", 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
}

static void
test_foreign_init_disturbs_nobody(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_init(t, STRANGER);
	expect_init(t, STRANGER, STRANGER);
	send_init(t, B);
	expect_init(t, B, B);
	pass_ms(t, 500);
	expect_error(t, A, CTAPHID_ERR_MSG_TIMEOUT);
}

/*
 * Resynchronization
 */

static void
test_init_drops_a_partial_message(void **state)		/* hid-07 */
{
	struct host *t = *state;

	send_packets(t, A, CTAPHID_CMD_PING, t->pattern, 512, 8);
	send_init(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	expect_init(t, A, A);
	send_next(t, A, 7, t->pattern, 42);
	pass_ms(t, 1000);
	expect_silence(t);
	expect_usable(t, A);
}

static void
test_init_aborts_a_request(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	send_init(t, A);
	expect_event(t, CTAPHID_ABORT, A);
	assert_int_equal(t->ev.serial, 1);
	expect_init(t, A, A);
	reply(t, 1, cancelled, 1);
	pass_ms(t, 1000);
	expect_silence(t);
	expect_usable(t, A);
}

static void
test_init_drops_the_rest_of_a_reply(void **state)
{
	struct host *t = *state;

	send_ping(t, A, 500);
	expect_first(t, A, CTAPHID_CMD_PING, 500, t->pattern, FIRST_LEN);
	send_init(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	expect_init(t, A, A);
	expect_usable(t, B);
}

static void
test_init_drops_queued_errors_of_its_channel(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_ping(t, STRANGER, 8);
	send_ping(t, B, 8);
	send_ping(t, B, 8);
	send_init(t, B);
	expect_message(t, STRANGER, CTAPHID_CMD_ERROR, "\x06", 1);
	expect_init(t, B, B);
}

static void
test_init_does_not_drop_another_init(void **state)
{
	struct host *t = *state;
	uint8_t report[CTAPHID_REPORT_LEN];

	send_init(t, A);
	send_message(t, A, CTAPHID_CMD_INIT, other_nonce, sizeof(other_nonce));
	assert_true(ctaphid_output(&t->h, report));
	assert_memory_equal(&report[7], nonce, sizeof(nonce));
	assert_true(ctaphid_output(&t->h, report));
	assert_memory_equal(&report[7], other_nonce, sizeof(other_nonce));
	expect_silence(t);
}

/*
 * Timeout
 */

static void
test_stalled_message_times_out(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	pass_ms(t, 499);
	expect_silence(t);
	pass_ms(t, 1);
	expect_error(t, A, CTAPHID_ERR_MSG_TIMEOUT);
	pass_ms(t, 1000);
	expect_silence(t);
}

static void
test_each_packet_restarts_the_timeout(void **state)
{
	struct host *t = *state;
	size_t done = FIRST_LEN;

	send_first(t, A, CTAPHID_CMD_PING, 7609, t->pattern, FIRST_LEN);
	for (uint8_t seq = 0; seq < 128; seq++) {
		pass_ms(t, 499);
		send_next(t, A, seq, &t->pattern[done], NEXT_LEN);
		done += NEXT_LEN;
	}
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 7609);
}

static void
test_foreign_packets_do_not_restart_the_timeout(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	pass_ms(t, 400);
	send_next(t, B, 0, t->pattern, NEXT_LEN);
	send_ping(t, B, 8);
	expect_error(t, B, CTAPHID_ERR_CHANNEL_BUSY);
	pass_ms(t, 100);
	expect_error(t, A, CTAPHID_ERR_MSG_TIMEOUT);
}

static void
test_late_packet_is_ignored(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	pass_ms(t, 500);
	expect_error(t, A, CTAPHID_ERR_MSG_TIMEOUT);
	send_next(t, A, 0, t->pattern, NEXT_LEN);
	expect_silence(t);
	expect_usable(t, B);
}

static void
test_packet_that_waited_for_us_is_not_late(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	t->now_ms += 5000;	/* we were held up, and no tick came */
	send_next(t, A, 0, &t->pattern[FIRST_LEN], 42);
	ctaphid_tick(&t->h, t->now_ms);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 99);
}

static void
test_complete_message_has_no_timeout(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_MSG, t->pattern, 7);
	assert_true(ctaphid_deadline(&t->h) == UINT64_MAX);
	reply(t, 1, "a", 1);
	assert_true(ctaphid_deadline(&t->h) == UINT64_MAX);
	expect_only(t, A, CTAPHID_CMD_MSG, "a", 1);
}

/*
 * KEEPALIVE
 */

static void
test_keepalive_each_100_ms(void **state)		/* hid-09 */
{
	struct host *t = *state;

	send_cbor(t, A);
	pass_ms(t, 99);
	expect_silence(t);
	pass_ms(t, 1);
	expect_keepalive(t, A, CTAPHID_STATUS_PROCESSING);
	pass_ms(t, 99);
	expect_silence(t);
	pass_ms(t, 1);
	expect_keepalive(t, A, CTAPHID_STATUS_PROCESSING);
}

static void
test_keepalive_for_30_s(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	for (int i = 0; i < 300; i++) {
		pass_ms(t, 100);
		expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	}
}

static void
test_status_change_is_told_at_once(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	pass_ms(t, 30);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	pass_ms(t, 99);
	expect_silence(t);
	pass_ms(t, 1);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	set_status(t, CTAPHID_STATUS_PROCESSING);
	expect_keepalive(t, A, CTAPHID_STATUS_PROCESSING);
}

static void
test_same_status_again_is_not_told(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	set_status(t, CTAPHID_STATUS_PROCESSING);
	expect_silence(t);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	pass_ms(t, 60);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_silence(t);
	pass_ms(t, 40);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
}

static void
test_keepalives_do_not_pile_up(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	pass_ms(t, 10000);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
}

static void
test_no_keepalive_after_the_reply(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	pass_ms(t, 100);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	reply(t, 1, "a", 1);
	set_status(t, CTAPHID_STATUS_PROCESSING);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
	pass_ms(t, 1000);
	expect_silence(t);
}

static void
test_each_request_begins_processing(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	reply(t, 1, "a", 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
	send_cbor(t, A);
	pass_ms(t, 100);
	expect_keepalive(t, A, CTAPHID_STATUS_PROCESSING);
}

static void
test_msg_has_keepalives_only_for_upneeded(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_MSG, t->pattern, 7);
	pass_ms(t, 1000);
	expect_silence(t);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	pass_ms(t, 100);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	set_status(t, CTAPHID_STATUS_PROCESSING);
	pass_ms(t, 1000);
	expect_silence(t);
}

/*
 * CANCEL
 */

static void
test_cancel_asks_for_an_answer(void **state)		/* hid-10, hid-15 */
{
	struct host *t = *state;

	send_cbor(t, A);
	set_status(t, CTAPHID_STATUS_UPNEEDED);
	expect_keepalive(t, A, CTAPHID_STATUS_UPNEEDED);
	send_cancel(t, A);
	expect_event(t, CTAPHID_CANCEL, A);
	assert_int_equal(t->ev.serial, 1);
	expect_silence(t);
	reply(t, 1, cancelled, 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, cancelled, 1);
	expect_usable(t, A);
}

static void
test_second_cancel_is_silent(void **state)		/* hid-10, hid-15 */
{
	struct host *t = *state;

	send_cbor(t, A);
	send_cancel(t, A);
	send_cancel(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	reply(t, 1, cancelled, 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, cancelled, 1);
	send_cancel(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	pass_ms(t, 1000);
	expect_silence(t);
}

static void
test_cancel_works_for_each_request(void **state)
{
	struct host *t = *state;

	for (uint32_t i = 1; i <= 2; i++) {
		send_cbor(t, A);
		send_cancel(t, A);
		expect_event(t, CTAPHID_CANCEL, A);
		reply(t, i, cancelled, 1);
		expect_only(t, A, CTAPHID_CMD_CBOR, cancelled, 1);
	}
}

static void
test_keepalives_go_on_after_cancel(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	send_cancel(t, A);
	pass_ms(t, 100);
	expect_keepalive(t, A, CTAPHID_STATUS_PROCESSING);
}

static void
test_cancel_when_idle_is_silent(void **state)
{
	struct host *t = *state;

	send_cancel(t, A);
	send_cancel(t, STRANGER);
	expect_event(t, CTAPHID_NONE, 0);
	expect_silence(t);
}

static void
test_foreign_cancel_is_silent(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	send_cancel(t, B);
	expect_event(t, CTAPHID_NONE, 0);
	send_cancel(t, STRANGER);
	expect_event(t, CTAPHID_NONE, 0);
	expect_silence(t);
}

static void
test_cancel_of_a_partial_request(void **state)
{
	struct host *t = *state;

	send_packets(t, A, CTAPHID_CMD_CBOR, t->pattern, 99, 1);
	send_cancel(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	pass_ms(t, 1000);
	expect_silence(t);
	expect_usable(t, B);
}

static void
test_cancel_does_not_touch_ping(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	send_cancel(t, A);
	send_next(t, A, 0, &t->pattern[FIRST_LEN], 42);
	expect_only(t, A, CTAPHID_CMD_PING, t->pattern, 99);
}

static void
test_cancel_does_not_touch_msg(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_MSG, t->pattern, 7);
	send_cancel(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	reply(t, 1, "a", 1);
	expect_only(t, A, CTAPHID_CMD_MSG, "a", 1);
}

static void
test_cancel_after_the_reply_changes_nothing(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	reply(t, 1, t->pattern, 200);
	send_cancel(t, A);
	expect_event(t, CTAPHID_NONE, 0);
	expect_only(t, A, CTAPHID_CMD_CBOR, t->pattern, 200);
}

static void
test_cancel_of_any_length(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	send_first(t, A, CTAPHID_CMD_CANCEL, 0xffff, t->pattern, FIRST_LEN);
	expect_event(t, CTAPHID_CANCEL, A);
	expect_silence(t);
}

/*
 * LOCK
 */

static void
test_unlock(void **state)				/* hid-13 */
{
	struct host *t = *state;

	send_lock(t, A, 0);
	expect_only(t, A, CTAPHID_CMD_LOCK, NULL, 0);
	expect_usable(t, B);
}

static void
lock(struct host *t, uint32_t cid, uint8_t seconds)
{
	send_lock(t, cid, seconds);
	expect_only(t, cid, CTAPHID_CMD_LOCK, NULL, 0);
}

static void
expect_locked(struct host *t, uint32_t cid)
{
	send_ping(t, cid, 8);
	expect_error(t, cid, CTAPHID_ERR_CHANNEL_BUSY);
}

static void
test_lock_keeps_others_out(void **state)
{
	struct host *t = *state;

	lock(t, A, 8);
	expect_locked(t, B);
	expect_locked(t, STRANGER);
	send_cbor(t, B);
	expect_event(t, CTAPHID_NONE, 0);
	expect_error(t, B, CTAPHID_ERR_CHANNEL_BUSY);
	expect_usable(t, A);
}

static void
test_lock_of_another_is_busy(void **state)
{
	struct host *t = *state;

	lock(t, A, 8);
	send_lock(t, B, 0);
	expect_error(t, B, CTAPHID_ERR_CHANNEL_BUSY);
	expect_locked(t, B);
}

static void
test_lock_is_released(void **state)
{
	struct host *t = *state;

	lock(t, A, 8);
	lock(t, A, 0);
	expect_usable(t, B);
}

static void
test_lock_expires(void **state)
{
	struct host *t = *state;

	lock(t, A, 3);
	pass_ms(t, 2999);
	expect_locked(t, B);
	pass_ms(t, 1);
	expect_silence(t);
	expect_usable(t, B);
}

static void
test_lock_restarts_with_each_message_of_its_holder(void **state)
{
	struct host *t = *state;

	lock(t, A, 3);
	pass_ms(t, 2999);
	expect_usable(t, A);
	pass_ms(t, 2999);
	expect_locked(t, B);
	pass_ms(t, 1);
	expect_usable(t, B);
}

static void
test_expired_lock_does_not_come_back(void **state)
{
	struct host *t = *state;

	lock(t, A, 3);
	pass_ms(t, 3000);
	expect_usable(t, A);
	expect_usable(t, B);
}

static void
test_lock_can_be_changed(void **state)
{
	struct host *t = *state;

	lock(t, A, 10);
	lock(t, A, 1);
	pass_ms(t, 1000);
	expect_usable(t, B);
}

static void
test_lock_of_10_s_is_the_longest(void **state)
{
	struct host *t = *state;

	send_lock(t, A, 11);
	expect_error(t, A, CTAPHID_ERR_INVALID_PAR);
	expect_usable(t, B);
	lock(t, A, 10);
	pass_ms(t, 9999);
	expect_locked(t, B);
}

static void
test_lock_of_wrong_length(void **state)
{
	struct host *t = *state;

	send_message(t, A, CTAPHID_CMD_LOCK, NULL, 0);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
	send_message(t, A, CTAPHID_CMD_LOCK, "\x05\x05", 2);
	expect_error(t, A, CTAPHID_ERR_INVALID_LEN);
	expect_usable(t, B);
}

static void
test_broadcast_init_under_lock(void **state)
{
	struct host *t = *state;

	lock(t, A, 8);
	send_init(t, CTAPHID_BROADCAST);
	expect_init(t, CTAPHID_BROADCAST, B + 1);
	expect_locked(t, B + 1);
}

static void
test_foreign_init_under_lock(void **state)		/* hid-14 */
{
	struct host *t = *state;

	lock(t, A, 8);
	send_init(t, STRANGER);
	expect_error(t, STRANGER, CTAPHID_ERR_CHANNEL_BUSY);
	send_init(t, B);
	expect_error(t, B, CTAPHID_ERR_CHANNEL_BUSY);
	lock(t, A, 0);
	send_init(t, STRANGER);
	expect_init(t, STRANGER, STRANGER);
}

static void
test_own_init_under_lock_keeps_the_lock(void **state)
{
	struct host *t = *state;

	lock(t, A, 8);
	send_init(t, A);
	expect_init(t, A, A);
	expect_locked(t, B);
}

/*
 * Hosts that do not read, and hosts that leave
 */

static void
test_queue_is_bounded(void **state)
{
	struct host *t = *state;

	for (int i = 0; i < CTAPHID_QUEUE_MAX; i++) {
		assert_false(ctaphid_full(&t->h));
		send_ping(t, STRANGER, 1);
	}
	assert_true(ctaphid_full(&t->h));
	send_cbor(t, A);		/* dropped, by contract */
	expect_event(t, CTAPHID_NONE, 0);
	for (int i = 0; i < CTAPHID_QUEUE_MAX; i++)
		expect_message(t, STRANGER, CTAPHID_CMD_ERROR, "\x0b", 1);
	expect_silence(t);
	assert_false(ctaphid_full(&t->h));
	expect_usable(t, A);
}

static void
test_timeout_needs_no_place_in_the_queue(void **state)
{
	struct host *t = *state;

	send_half_ping(t, A);
	for (int i = 0; i < CTAPHID_QUEUE_MAX; i++)
		send_ping(t, B, 1);
	pass_ms(t, 500);
	for (int i = 0; i < CTAPHID_QUEUE_MAX; i++)
		expect_message(t, B, CTAPHID_CMD_ERROR, "\x06", 1);
	expect_error(t, A, CTAPHID_ERR_MSG_TIMEOUT);
}

static void
test_hangup_aborts_a_request(void **state)
{
	struct host *t = *state;

	send_cbor(t, A);
	pass_ms(t, 100);
	send_ping(t, B, 1);
	t->ev = ctaphid_hangup(&t->h);
	expect_event(t, CTAPHID_ABORT, A);
	assert_int_equal(t->ev.serial, 1);
	pass_ms(t, 1000);
	expect_silence(t);
	expect_usable(t, A);
}

static void
test_hangup_releases_the_lock(void **state)
{
	struct host *t = *state;

	lock(t, A, 8);
	t->ev = ctaphid_hangup(&t->h);
	expect_event(t, CTAPHID_NONE, 0);
	expect_usable(t, B);
}

static void
test_hosts_are_independent(void **state)
{
	struct host *t = *state;
	struct host *u;

	assert_int_equal(setup((void **)&u), 0);
	send_cbor(t, A);
	lock(u, A, 8);
	expect_locked(u, B);
	reply(t, 1, "a", 1);
	expect_only(t, A, CTAPHID_CMD_CBOR, "a", 1);
	expect_usable(t, B);
	free(u);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

static const struct CMUnitTest tests[] = {
	T(says_nothing_unasked),
	T(tick_without_reason_says_nothing),
	/* covers hid.1 hid.2 hid.3 hid.4 hid.5 hid.6 hid.7 hid.8 hid.9 */
	/* covers hid.10 hid.11 hid.12 hid.13 hid.14 hid.15 hid.16 hid.17 */
	/* covers hid.18 */
	T(stray_continuation_is_ignored),

	T(init_reply_fields),
	T(capability_bits_are_known_ones),
	T(channels_are_distinct),
	T(reserved_channels_are_not_handed_out),
	T(channels_may_run_out_without_refusing),
	T(init_on_own_channel_keeps_it),
	T(init_on_unallocated_channel_allocates_it),
	T(adopted_channel_is_not_handed_out),
	T(oldest_adopted_channel_is_forgotten),
	T(repeated_init_takes_one_place),
	T(init_on_channel_0),
	T(ping_on_channel_0),
	T(cancel_on_channel_0),
	T(channel_0_is_judged_before_busy),
	T(ping_on_broadcast),
	T(unallocated_channel),
	T(busy_is_judged_before_unallocated),
	T(init_of_wrong_length),
	T(init_of_wrong_length_ends_the_transaction),

	T(ping_in_one_packet),
	T(ping_1024),
	T(ping_of_every_length),
	T(ping_of_zeros),
	T(ping_beginning_and_ending_in_zeros),
	T(too_long_is_refused_at_once),
	T(length_is_judged_before_command),
	T(unknown_commands),
	T(unknown_command_swallows_its_continuations),
	T(cbor_is_handed_over),
	T(cbor_reply),
	T(reply_may_lie_in_the_message),
	T(reply_is_copied),
	T(empty_reply),
	T(reply_too_long_for_the_wire),
	T(error_instead_of_a_reply),
	T(second_reply_is_ignored),
	T(reply_to_nothing_is_ignored),
	T(late_reply_does_not_reach_the_next_request),
	T(serial_is_never_0),
	T(empty_cbor_and_msg),
	T(msg_is_handed_over),
	T(msg_without_u2f),
	T(cbor_without_ctap2),
	T(wink),
	T(wink_of_wrong_length),
	T(wink_without_capability),

	T(skipped_packet),
	T(repeated_packet),
	T(first_sequence_number_is_0),
	T(header_twice),
	T(sequence_is_judged_before_length),
	T(request_during_own_request),
	T(request_during_own_reply),
	T(continuation_during_own_request_is_ignored),

	T(busy_while_another_assembles),
	T(busy_while_another_is_processed),
	T(busy_until_the_last_packet_is_taken),
	T(foreign_continuation_is_ignored),
	T(broadcast_init_disturbs_nobody),
	T(foreign_init_disturbs_nobody),

	T(init_drops_a_partial_message),
	T(init_aborts_a_request),
	T(init_drops_the_rest_of_a_reply),
	T(init_drops_queued_errors_of_its_channel),
	T(init_does_not_drop_another_init),

	T(stalled_message_times_out),
	T(each_packet_restarts_the_timeout),
	T(foreign_packets_do_not_restart_the_timeout),
	T(late_packet_is_ignored),
	T(packet_that_waited_for_us_is_not_late),
	T(complete_message_has_no_timeout),

	T(keepalive_each_100_ms),
	T(keepalive_for_30_s),
	T(status_change_is_told_at_once),
	T(same_status_again_is_not_told),
	T(keepalives_do_not_pile_up),
	T(no_keepalive_after_the_reply),
	T(each_request_begins_processing),
	T(msg_has_keepalives_only_for_upneeded),

	T(cancel_asks_for_an_answer),
	T(second_cancel_is_silent),
	T(cancel_works_for_each_request),
	T(keepalives_go_on_after_cancel),
	T(cancel_when_idle_is_silent),
	T(foreign_cancel_is_silent),
	T(cancel_of_a_partial_request),
	T(cancel_does_not_touch_ping),
	T(cancel_does_not_touch_msg),
	T(cancel_after_the_reply_changes_nothing),
	T(cancel_of_any_length),

	T(unlock),
	T(lock_keeps_others_out),
	T(lock_of_another_is_busy),
	T(lock_is_released),
	T(lock_expires),
	T(lock_restarts_with_each_message_of_its_holder),
	T(expired_lock_does_not_come_back),
	T(lock_can_be_changed),
	T(lock_of_10_s_is_the_longest),
	T(lock_of_wrong_length),
	T(broadcast_init_under_lock),
	T(foreign_init_under_lock),
	T(own_init_under_lock_keeps_the_lock),

	T(queue_is_bounded),
	T(timeout_needs_no_place_in_the_queue),
	T(hangup_aborts_a_request),
	T(hangup_releases_the_lock),
	T(hosts_are_independent),
};

int
main(void)
{
	return cmocka_run_group_tests_name("hid", tests, NULL, NULL);
}
