/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as they are written, by name and by alias, and who is told. What a
 * key at work tells is in test_watch.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "authenticator/watch.h"

static void
assert_written(const struct event *e, const char *want)
{
	struct json_out out;
	struct span text;

	json_out_init(&out);
	event_write(e, &out);
	text = json_out_text(&out);
	assert_non_null(text.p);
	if (text.len != strlen(want) || memcmp(text.p, want, text.len) != 0)
		fail_msg("says %.*s", (int)text.len, (const char *)text.p);
	json_out_done(&out);
}

static void
test_little(void **state)
{
	struct event e = { .kind = EVENT_POWER_CYCLED };

	(void)state;
	assert_written(&e, "{\"event\":\"power-cycled\","
	    "\"time\":\"1970-01-01T00:00:00.000Z\"}");
}

static void
test_what_was_set(void **state)
{
	struct event e = { .kind = EVENT_PRESENCE_CHANGED, .owner = true,
		.value = "deny 250", .offset_ms = 7 };

	(void)state;
	assert_written(&e, "{\"event\":\"presence-changed\","
	    "\"time\":\"1970-01-01T00:00:00.000Z\",\"owner\":true,"
	    "\"value\":\"deny 250\"}");
	e.kind = EVENT_CLOCK_ADVANCED;
	e.value = NULL;
	e.offset_ms = 0;
	assert_written(&e, "{\"event\":\"clock-advanced\","
	    "\"time\":\"1970-01-01T00:00:00.000Z\",\"owner\":true,"
	    "\"offsetMs\":0}");
	e.kind = EVENT_CREDENTIAL_EXPORTED;
	e.count = 600;
	assert_written(&e, "{\"event\":\"credential-exported\","
	    "\"time\":\"1970-01-01T00:00:00.000Z\",\"owner\":true,"
	    "\"count\":600}");
}

static void
test_everything(void **state)
{
	struct event e = {
		.kind = EVENT_CREDENTIAL_CREATED,
		.owner = true,
		.time_ms = UINT64_C(1785585600042),
		.key = "two",
		.profile = "sealkey",
		.channel = UINT64_C(3) << 32 | 0xa1,
		.operation = "makeCredential",
		.subcommand = 2,
		.rp_id = span("ex\"ample", 8),
		.credential_id = span("\xff\xfe", 2),
		.user_id = span("abc", 3),
		.has_flags = true,
		.flags = 0xdd,
		.counter = UINT32_MAX,
		.format = "packed",
		.fault = "auth.sig-bad",
		.reason = "register",
		.answer = "touched",
		.result = "OK",
		.has_duration = true,
		.duration_us = UINT64_MAX,
	};

	(void)state;
	/* the hash is that of FIPS 180-4 for "abc" */
	assert_written(&e, "{\"event\":\"credential-created\","
	    "\"alias\":\"credentialAdded\","
	    "\"time\":\"2026-08-01T12:00:00.042Z\","
	    "\"key\":\"two\",\"profile\":\"sealkey\",\"owner\":true,"
	    "\"channel\":\"3:000000a1\",\"operation\":\"makeCredential\","
	    "\"subcommand\":2,\"rpId\":\"ex\\\"ample\","
	    "\"credentialId\":\"__4\","
	    "\"userHandleHash\":"
	    "\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0\","
	    "\"flags\":[\"UP\",\"UV\",\"BE\",\"BS\",\"AT\",\"ED\"],"
	    "\"signCount\":4294967295,\"format\":\"packed\","
	    "\"fault\":\"auth.sig-bad\",\"reason\":\"register\","
	    "\"answer\":\"touched\",\"result\":\"OK\","
	    "\"durationUs\":18446744073709551615}");
}

/* U2F asks by hash alone; and nothing missed is a number as well. */
static void
test_alternatives(void **state)
{
	static const uint8_t hash[32] = { 0 };
	struct event e = { .kind = EVENT_LOST, .rp_id_hash = hash,
	    .has_flags = true };

	(void)state;
	assert_written(&e, "{\"event\":\"lost\","
	    "\"time\":\"1970-01-01T00:00:00.000Z\",\"rpIdHash\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	    "\"flags\":[],\"signCount\":0,\"count\":0}");
}

static void
test_names(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_KINDS; i++) {
		assert_non_null(event_name(i));
		assert_int_equal(event_find(event_name(i)), i);
		if (event_alias(i) != NULL)
			assert_int_equal(event_find(event_alias(i)), i);
	}
	assert_int_equal(event_find("credentialAsserted"),
	    EVENT_CREDENTIAL_ASSERTED);
	assert_int_equal(event_find(""), -1);
	assert_int_equal(event_find("Reset"), -1);
}

static void
count(void *arg, const struct event *e)
{
	int *n = arg;

	assert_true(e->time_ms > 0);
	if (e->key != NULL)
		assert_string_equal(e->key, "one");
	*n += e->key != NULL ? 100 : 1;
}

static void
test_watchers(void **state)
{
	struct watch w = { .sinks = NULL };
	int a = 0, b = 0;
	struct event_sink first = { .event = count, .arg = &a };
	struct event_sink second = { .event = count, .arg = &b };
	struct event e = { .kind = EVENT_RESET };

	(void)state;
	watch_tell(&w, &e);
	watch_remove(&w, &first);
	watch_add(&w, &first);
	watch_add(&w, &second);
	watch_tell(&w, &e);
	watch_label_key(&w, "one");
	watch_tell(&w, &e);
	watch_remove(&w, &first);
	watch_label_key(&w, NULL);
	watch_tell(&w, &e);
	watch_remove(&w, &second);
	watch_tell(&w, &e);
	assert_int_equal(a, 101);
	assert_int_equal(b, 102);
}

static void
test_long_label(void **state)
{
	struct watch w = { .sinks = NULL };
	char text[WATCH_LABEL_LEN + 10];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	watch_label_profile(&w, text);
	assert_int_equal(strlen(w.profile), WATCH_LABEL_LEN - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little),
		cmocka_unit_test(test_what_was_set),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_watchers),
		cmocka_unit_test(test_long_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
