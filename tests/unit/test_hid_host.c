/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance runner against keys that misbehave: it must call each of
 * them a failure, in time. Time is the pipe's, so nothing here waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "conformance/key_target.h"
#include "ctap/hid.h"

#define LIMIT_MS	120000	/* whatever the key does, per case */

enum fault {
	NO_FAULT,
	SILENT,			/* never says anything */
	WRONG_NONCE,
	RESERVED_CHANNEL,
	SHORT_INIT,
	NOISE,			/* random reports on the right channel */
	KEEPALIVES,		/* and nothing else */
	ASKS_FOR_EVER,		/* for its user */
	HALF_A_MESSAGE,
	WRONG_SEQUENCE,
	TOO_LONG,
	EMPTY,
	NOT_CBOR,
	TRUNCATED_CBOR,
	ERROR_FRAME,
	GONE,
	FAULTS,
};

static const char *const fault_names[FAULTS] = {
	"no fault", "silent", "wrong nonce", "reserved channel",
	"short INIT", "noise", "keepalives", "asks for ever",
	"half a message", "wrong sequence", "too long", "empty", "not CBOR",
	"truncated CBOR", "error frame", "gone",
};

/* A key that answers getInfo well until it is told to misbehave. */
struct fake {
	struct host_pipe	base;
	uint64_t	now_ms;
	unsigned	sent;		/* packets of the reply */
	uint8_t		cmd;		/* of the message; 0: none */
	uint8_t		nonce[8];
	uint32_t	random;
};

static struct fake *the_fake;
static enum fault fault;
static bool init_too;			/* the fault is there from INIT on */

static const uint8_t good_info[] = {
	0x00, 0xa2, 0x01, 0x81, 0x68, 'F', 'I', 'D', 'O', '_', '2', '_', '1',
	0x03, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
};

static int
fake_send(struct host_pipe *p, const uint8_t report[static CTAPHID_REPORT_LEN])
{
	struct fake *f = (struct fake *)p;

	if (fault == GONE)
		return -1;
	f->cmd = report[4] & 0x7f;
	f->sent = 0;
	memcpy(f->nonce, report + 7, sizeof(f->nonce));
	return 0;
}

static void
frame(uint8_t r[static 64], uint8_t cmd, size_t len)
{
	r[4] = cmd | 0x80;
	r[5] = (uint8_t)(len >> 8);
	r[6] = (uint8_t)len;
}

static int
answer_init(struct fake *f, uint8_t r[static 64])
{
	f->cmd = 0;
	memset(r, 0xff, 4);
	frame(r, CTAPHID_CMD_INIT, init_too && fault == SHORT_INIT ? 5 : 17);
	memcpy(r + 7, f->nonce, sizeof(f->nonce));
	r[7] ^= init_too && fault == WRONG_NONCE;
	if (!init_too || fault != RESERVED_CHANNEL)
		r[18] = 7;
	r[19] = 2;
	r[23] = 4;
	return 1;
}

static void
put_noise(struct fake *f, uint8_t r[static 64])
{
	for (size_t i = 4; i < 64; i++) {
		f->random = f->random * 1103515245 + 12345;
		r[i] = (uint8_t)(f->random >> 16);
	}
}

/* One report of a reply that is wrong. */
static int
misbehave(struct fake *f, uint8_t r[static 64])
{
	f->sent++;
	switch (fault) {
	case NOISE:
		put_noise(f, r);
		return 1;
	case KEEPALIVES:
	case ASKS_FOR_EVER:
		f->now_ms += 100;
		frame(r, CTAPHID_CMD_KEEPALIVE, 1);
		r[7] = fault == KEEPALIVES ? 1 : 2;
		return 1;
	case HALF_A_MESSAGE:
		frame(r, CTAPHID_CMD_CBOR, 100);
		return f->sent == 1;
	case WRONG_SEQUENCE:
		frame(r, CTAPHID_CMD_CBOR, 100);
		if (f->sent > 1)
			r[4] = 5;
		return 1;
	case TOO_LONG:
		frame(r, CTAPHID_CMD_CBOR, 0xffff);
		return 1;
	case EMPTY:
		frame(r, CTAPHID_CMD_CBOR, 0);
		return f->sent == 1;
	case NOT_CBOR:
		frame(r, CTAPHID_CMD_CBOR, 5);
		memset(r + 8, 0xff, 4);
		return f->sent == 1;
	case TRUNCATED_CBOR:
		frame(r, CTAPHID_CMD_CBOR, 10);
		memcpy(r + 7, good_info, 10);
		return f->sent == 1;
	case ERROR_FRAME:
		frame(r, CTAPHID_CMD_ERROR, 1);
		r[7] = CTAPHID_ERR_OTHER;
		return f->sent == 1;
	default:
		return 0;
	}
}

static int
fake_receive(struct host_pipe *p, uint8_t report[static CTAPHID_REPORT_LEN],
    unsigned wait_ms)
{
	struct fake *f = (struct fake *)p;
	int r = 0;

	if (fault == GONE)
		return -1;
	memset(report, 0, CTAPHID_REPORT_LEN);
	if (f->cmd == CTAPHID_CMD_INIT && !(init_too && fault == SILENT))
		return answer_init(f, report);
	report[3] = 7;
	if (f->cmd == CTAPHID_CMD_CBOR && fault != NO_FAULT) {
		r = misbehave(f, report);
	} else if (f->cmd == CTAPHID_CMD_CBOR) {
		f->cmd = 0;
		frame(report, CTAPHID_CMD_CBOR, sizeof(good_info));
		memcpy(report + 7, good_info, sizeof(good_info));
		r = 1;
	}
	if (r == 0)
		f->now_ms += wait_ms;
	return r;
}

static void
fake_free(struct host_pipe *p)
{
	the_fake = NULL;
	free(p);
}

static uint64_t
fake_now_ms(struct host_pipe *p)
{
	return ((struct fake *)p)->now_ms;
}

static int
open_fake(const char *where, struct host_pipe **out, char *msg, size_t msglen)
{
	static const struct host_pipe_ops ops = {
		.name = "fake",
		.send = fake_send,
		.receive = fake_receive,
		.free = fake_free,
		.now_ms = fake_now_ms,
	};

	(void)where;
	(void)msg;
	(void)msglen;
	the_fake = calloc(1, sizeof(*the_fake));
	assert_non_null(the_fake);
	the_fake->base.ops = &ops;
	the_fake->random = 1;
	*out = &the_fake->base;
	return 0;
}

static const struct key_options options = {
	.open = open_fake,
	.where = "a fake",
	.no_touch = true,
};

static enum transcript_outcome
judge(struct key *k, char why[static TRANSCRIPT_WHY_MAX])
{
	struct transcript_file file = { .name = "fake.txt",
	    .text = "title t\n> cbor 08\n< ok {1: _, 3: bytes(16)}\n" };
	struct transcript_result result;
	struct transcript_case c;

	assert_true(transcript_next(&file, &c));
	transcript_run_case(&c, key_target(k), &result);
	memcpy(why, result.why, sizeof(result.why));
	return result.outcome;
}

static void
a_good_key_passes(void **state)
{
	char msg[256], why[TRANSCRIPT_WHY_MAX];
	struct key *k;

	(void)state;
	fault = NO_FAULT;
	assert_int_equal(key_open(&options, &k, msg, sizeof(msg)), 0);
	if (judge(k, why) != OUTCOME_PASSED)
		fail_msg("%s", why);
	key_close(k);
	assert_null(the_fake);
}

static void
every_fault_is_a_failure_in_time(void **state)
{
	char msg[256], why[TRANSCRIPT_WHY_MAX];
	uint64_t begun_ms;
	struct key *k;

	(void)state;
	for (int i = SILENT; i < FAULTS; i++) {
		/* those of INIT have a test of their own */
		if (i == WRONG_NONCE || i == RESERVED_CHANNEL ||
		    i == SHORT_INIT)
			continue;
		fault = NO_FAULT;
		init_too = false;
		assert_int_equal(key_open(&options, &k, msg, sizeof(msg)), 0);
		fault = (enum fault)i;
		begun_ms = the_fake->now_ms;
		if (judge(k, why) != OUTCOME_FAILED)
			fail_msg("%s passes", fault_names[i]);
		if (the_fake->now_ms - begun_ms > LIMIT_MS)
			fail_msg("%s takes too long", fault_names[i]);
		if (strlen(why) < 20)
			fail_msg("%s: no reason", fault_names[i]);
		key_close(k);
	}
}

static void
no_channel_no_key(void **state)
{
	static const enum fault faults[] = { SILENT, WRONG_NONCE,
	    RESERVED_CHANNEL, SHORT_INIT, GONE };
	char msg[256];
	struct key *k;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		fault = faults[i];
		init_too = true;
		msg[0] = '\0';
		if (key_open(&options, &k, msg, sizeof(msg)) == 0)
			fail_msg("%s is a key", fault_names[fault]);
		assert_true(strlen(msg) > 10);
		assert_null(the_fake);
	}
}

/* What the descriptor of a key begins with, and of a keyboard. */
static void
only_fido_keys_are_taken(void **state)
{
	static const uint8_t fido[] = { 0x06, 0xd0, 0xf1, 0x09, 0x01 };
	static const uint8_t later[] = { 0x05, 0x01, 0x06, 0xd0, 0xf1 };
	static const uint8_t keyboard[] = { 0x05, 0x01, 0x09, 0x06 };

	(void)state;
	assert_true(host_pipe_is_fido(fido, sizeof(fido)));
	assert_false(host_pipe_is_fido(later, sizeof(later)));
	assert_false(host_pipe_is_fido(keyboard, sizeof(keyboard)));
	assert_false(host_pipe_is_fido(fido, 2));
	assert_false(host_pipe_is_fido(fido, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_key_passes),
		cmocka_unit_test(every_fault_is_a_failure_in_time),
		cmocka_unit_test(no_channel_no_key),
		cmocka_unit_test(only_fido_keys_are_taken),
	};

	return cmocka_run_group_tests_name("hid_host", tests, NULL, NULL);
}
