/* SPDX-License-Identifier: Apache-2.0 */
/* What a key at work tells those who watch it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "authenticator/device.h"
#include "ctap/authdata.h"
#include "ctap/request.h"
#include "tests/bench.h"
#include "tests/store_fixture.h"

#define TOLD_MAX	16

/* Of an event, what can be compared when it is over. */
struct told {
	enum event_kind	kind;
	bool		owner;
	char		text[1024];
	uint8_t		id[64];
	size_t		id_len;
	uint8_t		flags;
};

struct watched {
	struct scratch	dir;
	struct device	*device;
	struct event_sink sink;
	struct told	told[TOLD_MAX];
	int		count;
};

static void
on_event(void *arg, const struct event *e)
{
	struct watched *w = arg;
	struct told *t = &w->told[w->count++];
	struct json_out out;
	struct span text;

	assert_true(w->count <= TOLD_MAX);
	t->kind = e->kind;
	t->owner = e->owner;
	t->flags = e->flags;
	assert_true(e->credential_id.len <= sizeof(t->id));
	t->id_len = e->credential_id.len;
	if (t->id_len > 0)
		memcpy(t->id, e->credential_id.p, t->id_len);
	json_out_init(&out);
	event_write(e, &out);
	text = json_out_text(&out);
	assert_true(text.p != NULL && text.len < sizeof(t->text));
	memcpy(t->text, text.p, text.len);
	t->text[text.len] = '\0';
	json_out_done(&out);
}

static int
setup(void **state)
{
	struct watched *w = calloc(1, sizeof(*w));
	struct device_config cfg = { .create = true };
	char msg[DEVICE_MESSAGE_LEN];

	assert_non_null(w);
	scratch_new(&w->dir);
	device_config_default(&cfg);
	cfg.path = w->dir.path;
	cfg.tpm.target = "none";
	assert_int_equal(device_open(&cfg, 0, &w->device, msg, sizeof(msg)),
	    0);
	w->sink = (struct event_sink){ .event = on_event, .arg = w };
	watch_add(device_watch(w->device), &w->sink);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct watched *w = *state;

	device_close(w->device);
	scratch_free(&w->dir);
	free(w);
	return 0;
}

static void
assert_says(const struct told *t, const char *part)
{
	if (strstr(t->text, part) == NULL)
		fail_msg("says %s", t->text);
}

/* The status of the answer to a command of these bytes. */
static int
command(struct watched *w, const void *bytes, size_t len)
{
	static uint8_t reply[AUTH_MESSAGE_MAX];
	size_t n;

	assert_int_equal(device_transact(w->device, span(bytes, len), reply,
	    sizeof(reply), &n), 0);
	return reply[0];
}

static void
registering_and_signing_in(void **state)
{
	struct watched *w = *state;
	struct told *t = w->told;

	bench_make(w->device, 7);
	assert_int_equal(w->count, 2);
	assert_int_equal(t[0].kind, EVENT_OPERATION);
	assert_says(&t[0], "\"operation\":\"makeCredential\","
	    "\"rpId\":\"site-7.example\",\"credentialId\":\"");
	assert_says(&t[0], "\"flags\":[\"UP\",\"UV\",\"AT\"],\"signCount\":");
	assert_says(&t[0], "\"format\":\"packed\",\"result\":\"OK\","
	    "\"durationUs\":");
	/* the user handle is "user-1", its hash by another program */
	assert_says(&t[0], "\"userHandleHash\":"
	    "\"xsKJ5J6cBbIUWGA4e3O8sY30P7CaHkpKlxPHbIi7VBs\"");
	assert_null(strstr(t[0].text, "dXNlci0x"));
	assert_int_equal(t[1].kind, EVENT_CREDENTIAL_CREATED);
	assert_int_equal(t[1].id_len, CREDENTIAL_ID_STORED);

	bench_get(w->device, 7);
	assert_int_equal(w->count, 4);
	assert_int_equal(t[2].kind, EVENT_OPERATION);
	assert_says(&t[2], "\"operation\":\"getAssertion\"");
	assert_says(&t[2], "site-7.example");
	assert_int_equal(t[3].kind, EVENT_CREDENTIAL_ASSERTED);
	assert_memory_equal(t[3].id, t[1].id, CREDENTIAL_ID_STORED);
	assert_int_equal(t[3].flags, AUTHDATA_UP);
}

/* The same account at the same site: one goes, one comes. */
static void
replacing(void **state)
{
	struct watched *w = *state;

	bench_make(w->device, 1);
	w->count = 0;
	bench_make(w->device, 1);
	assert_int_equal(w->count, 3);
	assert_int_equal(w->told[1].kind, EVENT_CREDENTIAL_DELETED);
	assert_int_equal(w->told[2].kind, EVENT_CREDENTIAL_CREATED);
	assert_memory_not_equal(w->told[1].id, w->told[2].id,
	    CREDENTIAL_ID_STORED);
}

static void
failures(void **state)
{
	static const uint8_t none[] = { 0x02, 0xa2, 0x01, 0x61, 'x', 0x02,
		0x58, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t unknown[] = { 0x55 };
	struct watched *w = *state;

	assert_int_equal(command(w, none, sizeof(none)),
	    CTAP2_ERR_NO_CREDENTIALS);
	assert_int_equal(w->count, 1);
	assert_says(&w->told[0], "\"operation\":\"getAssertion\","
	    "\"rpId\":\"x\",\"result\":\"NO_CREDENTIALS\"");
	assert_int_equal(command(w, unknown, 1), CTAP1_ERR_INVALID_COMMAND);
	assert_says(&w->told[1], "\"result\":\"INVALID_COMMAND\"");
}

static void
the_owner(void **state)
{
	struct watched *w = *state;

	bench_make(w->device, 1);
	w->count = 0;
	assert_int_equal(device_delete(w->device, 1), 0);
	assert_int_equal(device_reset(w->device), 0);
	/* which is a part of more than one thing, all with names */
	assert_int_equal(device_power_cycle(w->device, 1), 0);
	assert_int_equal(w->count, 2);
	assert_int_equal(w->told[0].kind, EVENT_CREDENTIAL_DELETED);
	assert_says(&w->told[0], "\"owner\":true");
	assert_says(&w->told[0], "\"rpId\":\"site-1.example\"");
	assert_int_equal(w->told[1].kind, EVENT_RESET);
	assert_true(w->told[1].owner);
}

/* clientPIN by its facts: what a PIN is worth is for the engine's tests. */
static void
about_a_pin(void **state)
{
	static const struct {
		uint8_t		 subcommand;
		enum ctap_status status;
		int		 effect;	/* -1: none */
	} rows[] = {
		{ 0x02, CTAP2_OK, -1 },
		{ 0x03, CTAP2_OK, EVENT_PIN_CHANGED },
		{ 0x04, CTAP2_OK, EVENT_PIN_CHANGED },
		{ 0x04, CTAP2_ERR_PIN_INVALID, EVENT_PIN_WRONG },
		{ 0x09, CTAP2_ERR_PIN_INVALID, EVENT_PIN_WRONG },
		{ 0x05, CTAP2_ERR_PIN_AUTH_BLOCKED, EVENT_PIN_BLOCKED },
		{ 0x05, CTAP2_ERR_PIN_BLOCKED, EVENT_PIN_BLOCKED },
		{ 0x05, CTAP2_ERR_PIN_NOT_SET, -1 },
	};
	struct watched *w = *state;
	struct auth_facts f = { .command = CTAP_CLIENT_PIN };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f.subcommand = rows[i].subcommand;
		f.status = rows[i].status;
		w->count = 0;
		watch_operation(device_watch(w->device), &f, span(NULL, 0),
		    NULL, 5);
		assert_int_equal(w->count, rows[i].effect == -1 ? 1 : 2);
		assert_says(&w->told[0], "\"operation\":\"clientPIN\","
		    "\"subcommand\":");
		if (rows[i].effect != -1)
			assert_int_equal(w->told[1].kind, rows[i].effect);
	}
}

/* What a fault made of the reply has no format, and is not looked behind. */
static void
odd_replies(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		 len;
		bool		 format;
	} rows[] = {
		{ "\0\xa3\1\x64" "none\2", 9, true },
		{ "\0\xa3\1\x64" "non", 7, false },
		{ "\0\xa3\1\x78\4none", 9, false },
		{ "\0\xa3\2\x64" "none", 8, false },
		{ "\0\x83\1\x64" "none", 8, false },
		{ "\0\xa3\1\x44" "none", 8, false },
		{ "\0\xa3\1\x64" "n\nne", 8, false },
		{ "\0\xa3", 2, false },
		{ "", 0, false },
	};
	struct watched *w = *state;
	struct auth_facts f = { .command = CTAP_MAKE_CREDENTIAL };
	char *exact;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* so that a sanitizer sees what is read behind it */
		exact = malloc(rows[i].len + 1);
		assert_non_null(exact);
		memcpy(exact, rows[i].bytes, rows[i].len);
		exact = realloc(exact, rows[i].len > 0 ? rows[i].len : 1);
		w->count = 0;
		watch_operation(device_watch(w->device), &f,
		    span(exact, rows[i].len), "some.fault", 5);
		assert_true((strstr(w->told[0].text, "\"format\":\"none\"") !=
		    NULL) == rows[i].format);
		assert_says(&w->told[0], "\"fault\":\"some.fault\"");
		free(exact);
	}
}

static void
a_finger_that_is_not_known(void **state)
{
	struct watched *w = *state;
	uint8_t msg[512];
	enum device_want want;
	size_t len = bench_make_message(msg, sizeof(msg), 1);

	want = device_command(w->device, 0, span(msg, len), 1);
	while (want == DEVICE_KEYS)
		want = device_keys(w->device, 1);
	assert_int_equal(want, DEVICE_USER);
	assert_int_equal(device_prompt(w->device)->kind, PROMPT_VERIFICATION);
	w->count = 0;
	want = device_user(w->device, USER_MISMATCH, 2);
	assert_int_equal(w->told[0].kind, EVENT_VERIFICATION_FAILED);
	w->count = 0;
	if (want == DEVICE_USER)
		want = device_user(w->device, USER_VERIFIED, 3);
	assert_true(w->count == 0);
	if (want == DEVICE_REPLY)
		device_replied(w->device);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registering_and_signing_in),
		TEST(replacing),
		TEST(failures),
		TEST(the_owner),
		TEST(about_a_pin),
		TEST(odd_replies),
		TEST(a_finger_that_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
