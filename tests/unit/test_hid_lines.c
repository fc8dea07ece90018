/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CTAPHID lines of transcripts, against keys that say anything but what
 * they should: each must fail the case, soon, and with a word about it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/transcript.h"

#define REPORT_LEN	64

/* A key that says this, whatever is asked; the last report for ever. */
struct liar {
	const char	*reports[4];	/* how they begin, in hexadecimal */
	bool		 forever;
	bool		 gone;
	unsigned	 pause;		/* polls until each of them is there */
	size_t		 next;
	unsigned	 polls;
	uint8_t		 sent[REPORT_LEN];	/* last one of the host */
};

static struct transcript_result result;

static void *
open_liar(void *arg, const struct transcript_case *c,
    char why[static TRANSCRIPT_WHY_MAX])
{
	(void)c;
	(void)why;
	return arg;
}

static void
close_liar(void *t)
{
	(void)t;
}

static bool
report_liar(void *t, const uint8_t report[static 64])
{
	struct liar *l = t;

	memcpy(l->sent, report, sizeof(l->sent));
	return !l->gone;
}

static uint8_t
digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static int
next_report_liar(void *t, uint8_t report[static 64], unsigned wait_ms)
{
	struct liar *l = t;
	const char *hex = l->reports[l->next];

	(void)wait_ms;
	assert_true(l->polls++ < 100000);
	if (l->gone)
		return -1;
	if (hex == NULL || (l->pause > 0 && l->polls % l->pause != 0))
		return 0;
	memset(report, 0, REPORT_LEN);
	for (size_t i = 0; hex[2 * i] != '\0'; i++)
		report[i] = (uint8_t)(digit(hex[2 * i]) << 4 |
		    digit(hex[2 * i + 1]));
	if (!l->forever || l->reports[l->next + 1] != NULL)
		l->next++;
	return 1;
}

static void
done(void *arg, const struct transcript_result *r)
{
	(void)arg;
	result = *r;
}

/* Runs lines, and returns what was wrong with them; "": nothing. */
static const char *
run(struct liar *l, unsigned patience_ms, const char *lines)
{
	struct transcript_target target = {
		.arg = l,
		.open = open_liar,
		.close = close_liar,
		.report = report_liar,
		.next_report = next_report_liar,
		.patience_ms = patience_ms,
	};
	char text[512];

	snprintf(text, sizeof(text), "title   t\n%s\n", lines);
	assert_int_equal(transcript_run("t", text, &target, done, NULL), 1);
	return result.outcome == OUTCOME_PASSED ? "" : result.why;
}

#define SAYS(why, what)	assert_non_null(strstr(why, what))

static void
test_nonce_of_another(void **state)
{
	struct liar l = { .reports = { "ffffffff8600110102030405060708"
	    "00000001020000000005" } };

	(void)state;
	SAYS(run(&l, 0, "* channel $a"), "INIT of somebody else");
}

static void
test_init_too_short(void **state)
{
	struct liar l = { .reports = { "ffffffff86000c2a01020304050607"
	    "00000001" } };

	(void)state;
	SAYS(run(&l, 0, "* channel $a"), "INIT of somebody else");
	l.next = 0;
	SAYS(run(&l, 0, "< hid broadcast INIT {..., \"cid\": $a}"),
	    "INIT with 12 bytes");
}

static void
test_silence(void **state)
{
	struct liar l = { .next = 0 };

	(void)state;
	SAYS(run(&l, 1000, "* channel $a"), "nothing comes on ffffffff");
	assert_true(l.polls > 100 && l.polls < 1100);
}

static void
test_key_that_is_gone(void **state)
{
	struct liar l = { .gone = true };

	(void)state;
	SAYS(run(&l, 1000, "* channel $a"), "takes no report");
	SAYS(run(&l, 1000, "< hid h'00000001' PING"), "nothing comes");
	assert_true(l.polls < 10);
}

static void
test_endless_keepalives(void **state)
{
	struct liar l = { .forever = true,
	    .reports = { "00000001bb000102" } };

	(void)state;
	SAYS(run(&l, 1000, "< hid h'00000001' CBOR ok"),
	    "nothing but keepalives");
	/* nor does it hold up the end of a case */
	SAYS(run(&l, 0, "< hid h'00000001' keepalive upneeded"),
	    "not the end of the case");
}

static void
test_keepalives_that_come_slowly(void **state)
{
	struct liar l = { .forever = true, .pause = 900,
	    .reports = { "00000001bb000101" } };

	(void)state;
	SAYS(run(&l, 1000, "< hid h'00000001' CBOR ok"),
	    "nothing but keepalives");
}

static void
test_message_that_comes_slowly(void **state)
{
	struct liar l = { .pause = 900, .reports = { "000000018100af",
	    "0000000100", "0000000101" } };

	(void)state;
	SAYS(run(&l, 1000, "< hid h'00000001' PING h'00'*175"),
	    "nothing comes");
}

static void
test_endless_reports_for_others(void **state)
{
	struct liar l = { .forever = true, .reports = { "0000000281" } };

	(void)state;
	SAYS(run(&l, 1000, "< hid h'00000001' PING"),
	    "too much on other channels");
}

static void
test_message_longer_than_there_can_be(void **state)
{
	struct liar l = { .reports = { "0000000181ffff" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' PING"), "message of 65535 bytes");
}

static void
test_continuation_out_of_order(void **state)
{
	struct liar l = { .reports = { "00000001810064", "0000000101" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' PING h'00'*100"), "SEQ 1");
}

static void
test_message_cut_off(void **state)
{
	struct liar l = { .reports = { "00000001810064" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' PING h'00'*100"),
	    "nothing comes");
}

static void
test_empty_reply_to_a_request(void **state)
{
	struct liar l = { .reports = { "0000000190", "0000000183",
	    "000000018300019000" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' CBOR ok"), "empty");
	SAYS(run(&l, 0, "< hid h'00000001' MSG sw 9000"), "no status word");
	SAYS(run(&l, 0, "< hid h'00000001' MSG sw 9000"), "no status word");
}

static void
test_error_of_two_bytes(void **state)
{
	struct liar l = { .reports = { "00000001bf000206" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' error CHANNEL_BUSY"), "2 bytes");
}

static void
test_another_error_is_named(void **state)
{
	struct liar l = { .reports = { "00000001bf000105",
	    "00000001bf0001ee" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' error CHANNEL_BUSY"),
	    "MSG_TIMEOUT (05), not CHANNEL_BUSY");
	SAYS(run(&l, 0, "< hid h'00000001' PING"), "ERROR ? (3f)");
}

static void
test_what_nobody_asked_for(void **state)
{
	struct liar l = { .reports = { "0000000181", "0000000288" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' PING"), "WINK");
	l.next = 0;
	SAYS(run(&l, 0, "< hid nothing"), "PING");
	/* kept, as another channel was waited for */
	l.next = 0;
	assert_string_equal(run(&l, 0, "< hid h'00000002' WINK\n"
	    "< hid h'00000001' PING\n< hid nothing"), "");
}

static void
test_keepalive_is_no_answer_to_ping(void **state)
{
	struct liar l = { .reports = { "00000001bb000101", "0000000181" } };

	(void)state;
	SAYS(run(&l, 0, "< hid h'00000001' PING"), "KEEPALIVE processing");
}

static void
test_packets_are_framed(void **state)
{
	static const uint8_t last[] = { 0, 0, 0, 1, 1, 0x55, 0xee };
	struct liar l = { .next = 0 };

	(void)state;
	assert_string_equal(run(&l, 0,
	    "> hid h'00000001' PING h'55'*117 fill ee"), "");
	assert_memory_equal(l.sent, last, sizeof(last));
	assert_int_equal(l.sent[63], 0xee);
	assert_string_equal(run(&l, 0,
	    "> hid h'00000001' PING h'55'*117 withhold last"), "");
	assert_int_equal(l.sent[4], 0);
	assert_string_equal(run(&l, 0,
	    "> hid h'00000001' 0x21 bcnt 258"), "");
	assert_memory_equal(l.sent, "\0\0\0\1\xa1\1\2\0", 8);
	assert_string_equal(run(&l, 0, "> hid broadcast CBOR 02 [1]"), "");
	assert_memory_equal(l.sent, "\xff\xff\xff\xff\x90\0\3\2\x81\1", 10);
}

static void
test_lines_that_make_no_sense(void **state)
{
	static const char *const lines[] = {
		"> hid PING", "> hid h'01' PING",
		"> hid broadcast", "> hid broadcast SING",
		"> hid broadcast 0x80", "> hid broadcast PING 1",
		"> hid broadcast PING h'00' h'00'",
		"> hid broadcast PING bcnt 65536",
		"> hid broadcast PING packets 2",
		"> hid broadcast PING h'00'*60 packets 2..1",
		"> hid broadcast PING h'00'*60 packets 0..1",
		"> hid broadcast PING withhold last",
		"> hid broadcast PING h'00'*60 withhold first",
		"> hid broadcast PING fill xx",
		"> hid broadcast PING h'00'*7669",
		"> hid broadcast cont 128", "> hid broadcast cont 0 h'00'*60",
		"> hid raw h'00'*65", "> hid raw 1",
		"< hid broadcast", "< hid nothing for",
		"< hid nothing for 3", "< hid nothing at all",
		"< hid broadcast within PING", "< hid broadcast error NONE",
		"< hid broadcast keepalive dead", "* channel a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct liar l = { .next = 0 };

		assert_string_not_equal(run(&l, 0, lines[i]), "");
		assert_int_equal(result.outcome, OUTCOME_FAILED);
	}
}

static void
test_target_without_reports(void **state)
{
	static const struct transcript_target target = {
		.open = open_liar, .close = close_liar,
		.arg = (void *)"anything",
	};

	(void)state;
	transcript_run("t", "title t\n< hid nothing\n", &target, done, NULL);
	assert_int_equal(result.outcome, OUTCOME_SKIPPED);
	assert_string_equal(result.why, "needs CTAPHID reports");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonce_of_another),
		cmocka_unit_test(test_init_too_short),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_key_that_is_gone),
		cmocka_unit_test(test_endless_keepalives),
		cmocka_unit_test(test_keepalives_that_come_slowly),
		cmocka_unit_test(test_message_that_comes_slowly),
		cmocka_unit_test(test_endless_reports_for_others),
		cmocka_unit_test(test_message_longer_than_there_can_be),
		cmocka_unit_test(test_continuation_out_of_order),
		cmocka_unit_test(test_message_cut_off),
		cmocka_unit_test(test_empty_reply_to_a_request),
		cmocka_unit_test(test_error_of_two_bytes),
		cmocka_unit_test(test_another_error_is_named),
		cmocka_unit_test(test_what_nobody_asked_for),
		cmocka_unit_test(test_keepalive_is_no_answer_to_ping),
		cmocka_unit_test(test_packets_are_framed),
		cmocka_unit_test(test_lines_that_make_no_sense),
		cmocka_unit_test(test_target_without_reports),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
