/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as it comes in is what jansson makes of it: of texts that are damaged
 * at random, but always the same ones, both take the same, and see the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "authenticator/client/json_in.h"

#define ROUNDS		20000
#define TEXT_MAX	512
#define COUNT(t)	(sizeof(t) / sizeof((t)[0]))

static const char *const seeds[] = {
	"{\"challenge\":\"AAEC\",\"rp\":{\"id\":\"a.example\"},\"n\":[1,-2,0]}",
	" { \"a\" : [ true , false , null , { } , [ ] ] }\r\n\t",
	"[\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\\b\\f\\r\\t\",\"\xc3\xa9\"]",
	"[0,-0,1.5,-1e3,2E+4,9223372036854775807,-9223372036854775808,10]",
	"\"\xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xee\x80\x80\"",
	"{\"a\":1,\"b\":2,\"aa\":{\"a\":{\"a\":[[[]]]}},\"\":0}",
};

static void same(const struct json *a, json_t *b);

static void
same_members(const struct json *a, json_t *b)
{
	const struct json *v;
	char *name;

	assert_int_equal(a->count, json_object_size(b));
	for (v = a->first; v != NULL; v = v->next) {
		name = strndup((const char *)v->name.p, v->name.len);
		same(v, json_object_get(b, name));
		free(name);
	}
}

static void
same(const struct json *a, json_t *b)
{
	static const json_type types[] = { JSON_NULL, JSON_FALSE, JSON_TRUE,
	    JSON_INTEGER, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
	const struct json *v = a->first;

	assert_non_null(b);
	assert_int_equal(types[a->kind], json_typeof(b));
	/* what underflows is written as something else than 0 */
	if (json_is_number(b) && (a->zero || json_is_integer(b)))
		assert_int_equal(a->zero, json_number_value(b) == 0);
	if (json_is_integer(b))
		assert_true(a->integer == json_integer_value(b));
	if (json_is_string(b))
		assert_true(span_eq(a->text, span(json_string_value(b),
		    json_string_length(b))));
	if (json_is_object(b))
		same_members(a, b);
	if (!json_is_array(b))
		return;
	assert_int_equal(a->count, json_array_size(b));
	for (size_t i = 0; i < json_array_size(b); i++, v = v->next)
		same(v, json_array_get(b, i));
}

/* What jansson alone refuses, on purpose. */
static bool
only_ours(const json_error_t *e)
{
	enum json_error_code code = json_error_code(e);

	return code == json_error_numeric_overflow ||
	    code == json_error_null_byte_in_key ||
	    code == json_error_null_character ||
	    code == json_error_stack_overflow;
}

/* text is a copy of just that length, for sanitizers to watch. */
static bool
compare(const char *text, size_t len)
{
	uint8_t *arena = malloc(len + 1);
	char *copy = malloc(len + 1);
	struct json_in_error why;
	const struct json *a;
	struct json_in in;
	json_error_t e;
	json_t *b;
	size_t used;
	bool taken;

	memcpy(copy, text, len);
	copy = realloc(copy, len > 0 ? len : 1);
	a = json_in_parse(&in, span(copy, len), arena, &used, &why);
	b = json_loadb(copy, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
	    JSON_DECODE_ANY, &e);
	assert_true(used <= len);
	taken = a != NULL;
	if (b != NULL && a == NULL)
		fail_msg("%.*s: %s", (int)len, text, why.why);
	if (b == NULL && a != NULL && !only_ours(&e))
		fail_msg("%.*s: taken, but %s", (int)len, text, e.text);
	if (a != NULL && b != NULL)
		same(a, b);
	json_in_done(&in);
	json_decref(b);
	free(copy);
	free(arena);
	return taken;
}

static uint32_t
pick(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % n;
}

static void
test_the_same_as_jansson(void **state)
{
	static const char bytes[] = "{}[]\",:\\u0 19.eE+-dDnt"
	    "\x1f\x80\xc3\xed\xf4";
	uint32_t r = 1, taken = 0;
	char text[TEXT_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(seeds); i++)
		assert_true(compare(seeds[i], strlen(seeds[i])));
	for (int i = 0; i < ROUNDS; i++) {
		const char *seed = seeds[pick(&r, COUNT(seeds))];

		len = strlen(seed);
		memcpy(text, seed, len);
		for (uint32_t n = 1 + pick(&r, 3); n > 0; n--)
			text[pick(&r, (uint32_t)len)] =
			    bytes[pick(&r, sizeof(bytes) - 1)];
		if (pick(&r, 4) == 0)
			len = pick(&r, (uint32_t)len);
		taken += compare(text, len);
	}
	/* both kinds were there */
	assert_in_range(taken, ROUNDS / 50, ROUNDS / 2);
}

static const struct json *
parse(struct json_in *in, const char *text, size_t len,
    struct json_in_error *why)
{
	static uint8_t arena[1 << 20];
	size_t used;

	assert_true(len <= sizeof(arena));
	return json_in_parse(in, span(text, len), arena, &used, why);
}

/* Neither the stack nor time gives out. */
static void
test_deep_and_wide(void **state)
{
	const size_t n = 100000;
	char *text = malloc(10 * n + 1);	/* and sprintf's end */
	struct json_in_error why;
	struct json_in in;
	size_t len = 0;

	(void)state;
	memset(text, '[', n);
	memset(text + n, ']', n);
	assert_non_null(parse(&in, text, 2 * n, &why));
	json_in_done(&in);
	assert_null(parse(&in, text, 2 * n - 1, &why));
	json_in_done(&in);
	for (size_t i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "%c\"%05zx\":1",
		    i == 0 ? '{' : ',', i);
	text[len] = '}';
	assert_non_null(parse(&in, text, len + 1, &why));
	json_in_done(&in);
	memcpy(text + 2, text + len - 8, 5);	/* the last one's name */
	assert_null(parse(&in, text, len + 1, &why));
	assert_string_equal(why.why, "a member that is there twice");
	json_in_done(&in);
	free(text);
}

static void
test_where_it_is_wrong(void **state)
{
	struct json_in_error why;
	struct json_in in;
	const char *text = "{\"a\": 1,\n \"b\" 2}";

	(void)state;
	assert_null(parse(&in, text, strlen(text), &why));
	assert_int_equal(why.line, 2);
	assert_int_equal(why.column, 6);
	assert_string_equal(why.why, "no ':' behind a name");
	json_in_done(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_as_jansson),
		cmocka_unit_test(test_deep_and_wide),
		cmocka_unit_test(test_where_it_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
