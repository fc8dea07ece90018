/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet of keys: lines that say which key they are for, and many of them
 * at once. What the command says to its user is tests/cli/batch.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "authenticator/fleet/fleet.h"
#include "authenticator/fleet/line.h"

#define COUNT(t)	(sizeof(t) / sizeof((t)[0]))

/* Lines */

static void
test_lines(void **state)
{
	static const struct {
		const char	*text, *options, *id;
		bool		 create, has_key;
		uint64_t	 key;
	} lines[] = {
		{ "{\"create\":{}}", "{}", NULL, true, false, 0 },
		{ "{\"get\":{}}", "{}", NULL, false, false, 0 },
		{ " { \"key\" : 17 , \"get\" : {\"a\":[1,{\"}\":2}]} } ",
		    "{\"a\":[1,{\"}\":2}]}", NULL, false, true, 17 },
		{ "{\"id\":\"a \\\"b\",\"get\":{},\"key\":0}", "{}",
		    "\"a \\\"b\"", false, true, 0 },
		{ "{\"id\":-5,\"get\":{\"x\":\"{\\\\\"}}",
		    "{\"x\":\"{\\\\\"}", "-5", false, false, 0 },
		{ "{\"get\":nonsense}", "nonsense", NULL, false, false, 0 },
		{ "{\"key\":999999999,\"get\":1}", "1", NULL, false, true,
		    999999999 },
	};
	struct fleet_line line;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_true(fleet_line_parse(span_str(lines[i].text), &line,
		    &why));
		assert_true(span_eq(line.options,
		    span_str(lines[i].options)));
		assert_int_equal(line.create, lines[i].create);
		assert_int_equal(line.has_key, lines[i].has_key);
		assert_int_equal(line.key, lines[i].key);
		assert_int_equal(line.id.p != NULL, lines[i].id != NULL);
		if (lines[i].id != NULL)
			assert_true(span_eq(line.id, span_str(lines[i].id)));
	}
}

static void
test_bad_lines(void **state)
{
	static const char *const lines[] = { "", " ", "null", "[]", "{", "{}",
	    "{\"get\":{}", "{\"get\":{}}}", "{\"get\":{},}", "{\"get\"}",
	    "{\"get\":}", "{get:{}}", "{\"get\":{]", "{\"get\":\"",
	    "{\"get\":\"\\", "{\"key\":1}", "{\"id\":1}", "{\"key\":-1,"
	    "\"get\":{}}", "{\"key\":01,\"get\":{}}", "{\"key\":1.0,"
	    "\"get\":{}}", "{\"key\":1e3,\"get\":{}}", "{\"key\":\"1\","
	    "\"get\":{}}", "{\"key\":1000000000,\"get\":{}}", "{\"key\":1,"
	    "\"key\":1,\"get\":{}}", "{\"id\":null,\"get\":{}}",
	    "{\"id\":[1],\"get\":{}}", "{\"id\":\"\\x\",\"get\":{}}",
	    "{\"id\":1,\"id\":1,\"get\":{}}", "{\"get\":{},\"get\":{}}",
	    "{\"get\":{},\"create\":{}}", "{\"other\":1,\"get\":{}}",
	    "{\"g\\u0065t\":{}}" };
	struct fleet_line line;
	const char *why;
	char *copy;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		/* nothing behind it that a sanitizer would not see */
		copy = strndup(lines[i], strlen(lines[i]));
		why = NULL;
		if (fleet_line_parse(span(copy, strlen(copy)), &line, &why))
			fail_msg("%s is taken for a line", lines[i]);
		assert_non_null(why);
		free(copy);
	}
}

static void
test_bad_lines_have_their_key(void **state)
{
	static const struct {
		const char *text;
		bool key, id;
	} lines[] = {
		{ "{\"key\":7,\"id\":\"a\",\"get\":{}", true, true },
		{ "{\"got\":{},\"id\":\"a\",\"key\":7}", true, true },
		{ "{\"key\":7,\"id\":[],\"get\":{}}", true, false },
		{ "{\"key\":-7,\"id\":\"a\",\"get\":{}}", false, true },
		{ "nonsense", false, false },
	};
	struct fleet_line line;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_false(fleet_line_parse(span_str(lines[i].text), &line,
		    &why));
		assert_int_equal(line.has_key, lines[i].key);
		assert_int_equal(line.key, lines[i].key ? 7 : 0);
		assert_int_equal(line.id.p != NULL, lines[i].id);
	}
}

/* A batch */

struct batch {
	struct origin	 origin;
	struct device_config defaults;
	struct fleet_plan plan;
	char		*answers;	/* of the last run */
	size_t		 len;
	bool		 failed;
};

static int
setup(void **state)
{
	struct batch *b = calloc(1, sizeof(*b));
	const char *why;

	assert_non_null(b);
	assert_true(origin_parse("https://example.com", &b->origin, &why));
	device_config_default(&b->defaults);
	b->plan = (struct fleet_plan){ .keys = 7, .jobs = 3,
	    .verb = FLEET_NAMED, .auth = &b->defaults.auth,
	    .origin = &b->origin };
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct batch *b = *state;

	free(b->answers);
	free(b);
	return 0;
}

/* Lines through f; their answers, terminated, in b. */
static void
run(struct batch *b, struct fleet *f, const char *lines)
{
	int in = memfd_create("lines", 0), out = memfd_create("answers", 0);
	char msg[DEVICE_MESSAGE_LEN];

	assert_int_equal(write(in, lines, strlen(lines)), strlen(lines));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(fleet_run(f, in, out, &b->failed, msg, sizeof(msg)),
	    0);
	b->len = (size_t)lseek(out, 0, SEEK_END);
	free(b->answers);
	b->answers = calloc(1, b->len + 1);
	assert_int_equal(pread(out, b->answers, b->len, 0), b->len);
	close(in);
	close(out);
}

static struct fleet *
open_fleet(struct batch *b)
{
	char msg[DEVICE_MESSAGE_LEN] = "";
	struct fleet *f = NULL;

	if (fleet_open(&b->plan, &f, msg, sizeof(msg)) != 0)
		fail_msg("%s", msg);
	return f;
}

#define CREATE "\"create\":{\"challenge\":\"AAECAw\",\"rp\":{\"name\":\"RP\"},"\
	"\"user\":{\"id\":\"AQID\",\"name\":\"n\",\"displayName\":\"d\"},"\
	"\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-7}]}"
#define GET "\"get\":{\"challenge\":\"AAECAw\",\"allowCredentials\":"\
	"[{\"type\":\"public-key\",\"id\":\"%s\"}]}"

static json_t *
next_answer(char **at)
{
	char *end = strchr(*at, '\n');
	json_t *answer;

	assert_non_null(end);
	answer = json_loadb(*at, (size_t)(end - *at), 0, NULL);
	assert_non_null(answer);
	*at = end + 1;
	return answer;
}

static void
assert_in_order(struct batch *b)
{
	enum { LINES = 500 };
	int keys = (int)b->plan.keys;
	struct fleet *f = open_fleet(b);
	char *lines = calloc(LINES, 512), *at;
	size_t len = 0;
	json_t *answer;

	for (int i = 0; i < LINES; i++)
		len += (size_t)sprintf(lines + len, "{\"key\":%d,\"id\":%d,"
		    CREATE "}\n", i * i % keys, i);
	run(b, f, lines);
	assert_false(b->failed);
	at = b->answers;
	for (int i = 0; i < LINES; i++) {
		answer = next_answer(&at);
		assert_int_equal(json_integer_value(json_object_get(answer,
		    "id")), i);
		assert_int_equal(json_integer_value(json_object_get(answer,
		    "key")), i * i % keys);
		assert_non_null(json_object_get(answer, "response"));
		json_decref(answer);
	}
	assert_int_equal(*at, '\0');
	free(lines);
	fleet_close(f);
}

/* Several chunks, keys in no order: answers are in that of the lines. */
static void
test_answers_in_order(void **state)
{
	assert_in_order(*state);
}

/* The more there are, the longer is a chunk. */
static void
test_as_many_jobs_as_there_can_be(void **state)
{
	struct batch *b = *state;

	b->plan.jobs = FLEET_JOBS_MAX;
	b->plan.keys = FLEET_JOBS_MAX + 7;
	assert_in_order(b);
}

static void
test_a_credential_is_of_one_key(void **state)
{
	struct batch *b = *state;
	struct fleet *f = open_fleet(b);
	char lines[4096], *at;
	size_t len = 0;
	json_t *answer;
	char id[256];

	run(b, f, "{\"key\":4," CREATE "}\n");
	at = b->answers;
	answer = next_answer(&at);
	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(
	    json_object_get(answer, "response"), "id")));
	json_decref(answer);
	for (int key = 0; key < 7; key++)
		len += (size_t)sprintf(lines + len, "{\"key\":%d," GET "}\n",
		    key, id);
	run(b, f, lines);
	assert_true(b->failed);
	at = b->answers;
	for (int key = 0; key < 7; key++) {
		answer = next_answer(&at);
		assert_int_equal(json_object_get(answer, "error") == NULL,
		    key == 4);
		json_decref(answer);
	}
	fleet_close(f);
}

static void
test_nothing_to_do(void **state)
{
	struct batch *b = *state;
	struct fleet *f = open_fleet(b);

	run(b, f, "");
	assert_int_equal(b->len, 0);
	run(b, f, " \n\t\r\n\n");
	assert_int_equal(b->len, 0);
	assert_false(b->failed);
	fleet_close(f);
}

/* A pipe that nobody reads, a file that cannot be read. */
static void
test_what_fails(void **state)
{
	struct batch *b = *state;
	struct fleet *f = open_fleet(b);
	int full = open("/dev/full", O_WRONLY), in = memfd_create("in", 0);
	int dir = open("/", O_RDONLY | O_DIRECTORY);
	char msg[DEVICE_MESSAGE_LEN];
	const char *line = "{" CREATE "}\n";

	for (int i = 0; i < 300; i++)
		assert_int_equal(write(in, line, strlen(line)), strlen(line));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(fleet_run(f, in, full, &b->failed, msg, sizeof(msg)),
	    -ENOSPC);
	assert_string_equal(msg,
	    "cannot write the output: No space left on device");
	assert_int_equal(fleet_run(f, dir, full, &b->failed, msg,
	    sizeof(msg)), -EISDIR);
	assert_string_equal(msg, "cannot read the options: Is a directory");
	close(dir);
	close(in);
	close(full);
	fleet_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_bad_lines_have_their_key),
		cmocka_unit_test_setup_teardown(test_answers_in_order, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_as_many_jobs_as_there_can_be, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_credential_is_of_one_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_do, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_what_fails, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
