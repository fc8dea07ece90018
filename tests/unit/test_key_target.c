/* SPDX-License-Identifier: Apache-2.0 */
/* A key that is judged, at the other end of a pipe of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/key_target.h"
#include "conformance/sim.h"

#define QUEUE_MAX	64	/* reports */

/*
 * It answers getInfo as a sealkey does, and to anything else asks for a touch
 * until that is cancelled.
 */
struct fake {
	struct host_pipe base;
	uint8_t		 cmd;		/* it answers getInfo with */
	unsigned	 cancels;
	uint64_t	 now_ms;
	uint8_t		 queue[QUEUE_MAX][CTAPHID_REPORT_LEN];
	size_t		 first, end;
};

static struct fake fake;
static struct transcript_result results[4];
static unsigned result_count;

static void
say(const uint8_t cid[static 4], uint8_t cmd, struct span msg)
{
	size_t done = 0, at = 7, n;

	for (uint8_t seq = 0; done == 0 || done < msg.len; seq++) {
		uint8_t *p = fake.queue[fake.end++];

		assert_true(fake.end < QUEUE_MAX);
		memset(p, 0, CTAPHID_REPORT_LEN);
		memcpy(p, cid, 4);
		p[4] = at == 7 ? 0x80 | cmd : seq - 1;
		p[5] = (uint8_t)(msg.len >> 8);
		p[6] = (uint8_t)msg.len;
		n = msg.len - done < CTAPHID_REPORT_LEN - at ?
		    msg.len - done : CTAPHID_REPORT_LEN - at;
		memcpy(p + at, msg.p + done, n);
		done += n;
		at = 5;
	}
}

static void
say_info(const uint8_t cid[static 4])
{
	static const uint8_t get_info = 0x04;
	struct sim *s = sim_new(&(struct sim_setup){ .seed = 1 });

	sim_send(s, 1, span(&get_info, 1));
	say(cid, fake.cmd, s->reply);
	sim_free(s);
}

static int
send_fake(struct host_pipe *p, const uint8_t report[static CTAPHID_REPORT_LEN])
{
	static const uint8_t needed = CTAPHID_STATUS_UPNEEDED, cancelled = 0x2d;
	uint8_t init[17] = { [11] = 1, [12] = 2, [16] = 0x04 };

	assert_ptr_equal(p, &fake);
	switch (report[4] & 0x7f) {
	case CTAPHID_CMD_INIT:
		memcpy(init, report + 7, 8);
		say(report, CTAPHID_CMD_INIT, span(init, sizeof(init)));
		break;
	case CTAPHID_CMD_CBOR:
		if (report[7] == 0x04)
			say_info(report);
		else
			say(report, CTAPHID_CMD_KEEPALIVE, span(&needed, 1));
		break;
	case CTAPHID_CMD_CANCEL:
		fake.cancels++;
		/* it asked once more before it heard of that */
		say(report, CTAPHID_CMD_KEEPALIVE, span(&needed, 1));
		say(report, CTAPHID_CMD_CBOR, span(&cancelled, 1));
		break;
	}
	return 0;
}

static int
receive_fake(struct host_pipe *p, uint8_t report[static CTAPHID_REPORT_LEN],
    unsigned wait_ms)
{
	assert_ptr_equal(p, &fake);
	if (fake.first == fake.end) {
		fake.now_ms += wait_ms;
		return 0;
	}
	memcpy(report, fake.queue[fake.first++], CTAPHID_REPORT_LEN);
	if (fake.first == fake.end)
		fake.first = fake.end = 0;
	return 1;
}

static void
free_fake(struct host_pipe *p)
{
	assert_ptr_equal(p, &fake);
}

static uint64_t
fake_now_ms(struct host_pipe *p)
{
	assert_ptr_equal(p, &fake);
	return fake.now_ms;
}

static int
open_fake(const char *where, struct host_pipe **out, char *msg, size_t msglen)
{
	static const struct host_pipe_ops ops = {
		"fake", send_fake, receive_fake, free_fake, fake_now_ms,
	};

	(void)where;
	(void)msg;
	(void)msglen;
	fake.base.ops = &ops;
	*out = &fake.base;
	return 0;
}

static const struct key_options options = {
	.open = open_fake, .where = "fake", .no_touch = true,
};

static void
done(void *arg, const struct transcript_result *r)
{
	(void)arg;
	assert_true(result_count < 4);
	results[result_count++] = *r;
}

static void
run(const char *cases)
{
	char msg[TRANSCRIPT_WHY_MAX];
	struct key *k;

	result_count = 0;
	fake = (struct fake){ .cmd = CTAPHID_CMD_CBOR };
	assert_int_equal(key_open(&options, &k, msg, sizeof(msg)), 0);
	transcript_run("t", cases, key_target(k), done, NULL);
	key_close(k);
}

static void
test_answer_by_another_command(void **state)
{
	char msg[TRANSCRIPT_WHY_MAX];
	struct key *k;

	(void)state;
	fake = (struct fake){ .cmd = CTAPHID_CMD_MSG };
	assert_int_not_equal(key_open(&options, &k, msg, sizeof(msg)), 0);
	assert_non_null(strstr(msg, "command 10 is answered with 03"));
}

static void
test_question_that_a_case_leaves(void **state)
{
	(void)state;
	run("title asks\n> cbor 0b\n? touch\n"
	    "title does not\n> cbor 04\n< ok\n");
	assert_int_equal(result_count, 2);
	assert_string_equal(results[0].why, "");
	assert_string_equal(results[1].why, "");
	assert_int_equal(fake.cancels, 1);
}

static void
test_question_that_crosses_cancel(void **state)
{
	(void)state;
	run("title t\n> cbor 0b\n? touch\n! cancel\n"
	    "< error KEEPALIVE_CANCEL\n");
	assert_int_equal(result_count, 1);
	assert_string_equal(results[0].why, "");
	assert_int_equal(results[0].outcome, OUTCOME_PASSED);
	assert_int_equal(fake.cancels, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_by_another_command),
		cmocka_unit_test(test_question_that_a_case_leaves),
		cmocka_unit_test(test_question_that_crosses_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
