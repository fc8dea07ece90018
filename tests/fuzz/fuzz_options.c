/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options JSON of a hostile relying party. The first byte chooses ceremony
 * and token, the rest are the options. What must hold for every input:
 *
 *  1. Either a response or an error with a name and a message, never both.
 *  2. Every request to the token is canonical CBOR that the authenticator's
 *     decoder takes for the same request (tests/fake_token.c).
 *  3. A response is JSON that reads back as it was; its clientDataJSON parses
 *     and names this ceremony and this origin.
 *  4. A message is one line of ASCII.
 *  5. The same options give the same outcome.
 */
#include <stdio.h>
#include <stdlib.h>

#include "authenticator/base64url.h"
#include "authenticator/webauthn.h"
#include "tests/fake_token.h"

#define CHECK(cond) \
	do { \
		if (cond) \
			break; \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort(); \
	} while (0)

#define ORIGIN	"https://login.example.com"

enum choice {
	CHOOSE_GET = 0x01,
	CHOOSE_POOR = 0x02,	/* a token that can do little */
	CHOOSE_OTHER = 0x04,	/* it has none of the listed credentials */
	CHOOSE_SILENT = 0x08,	/* it does not say which it used */
	CHOOSE_HIDDEN = 0x10,	/* they only show after verification */
	CHOOSE_PLATFORM = 0x20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
choose(struct fake_token *f, unsigned choice)
{
	fake_token_init(f);
	if (choice & CHOOSE_POOR) {
		f->info = (struct token_info){
			.message_max = 1024, .list_max = 3
		};
		memset(f->aaguid, 0, sizeof(f->aaguid));
	}
	if (choice & CHOOSE_OTHER)
		f->has_id = span("other", 5);
	f->omit_id = (choice & CHOOSE_SILENT) != 0;
	f->hidden = (choice & CHOOSE_HIDDEN) != 0;
}

static json_t *
run(struct fake_token *f, unsigned choice, struct span options,
    struct dom_error *err)
{
	struct webauthn_client c;
	struct origin origin;
	const char *why;
	json_t *out;

	choose(f, choice);
	CHECK(origin_parse(ORIGIN, &origin, &why));
	CHECK(webauthn_client_init(&c, &origin,
	    (choice & CHOOSE_PLATFORM) != 0, &f->token) == 0);
	out = choice & CHOOSE_GET ? webauthn_get(&c, options, err) :
	    webauthn_create(&c, options, err);
	webauthn_client_done(&c);
	CHECK((out == NULL) == (err->name != NULL));
	return out;
}

static void
check_error(const struct dom_error *err)
{
	const char *p = err->message;

	CHECK(*p != '\0' && strlen(p) < DOM_MESSAGE_MAX);
	for (; *p != '\0'; p++)
		CHECK(*p >= ' ' && *p < 0x7f);
}

static void
check_client_data(json_t *out, unsigned choice)
{
	const char *text = json_string_value(json_object_get(
	    json_object_get(out, "response"), "clientDataJSON"));
	json_t *data;
	uint8_t *raw;
	size_t len;

	CHECK(text != NULL);
	raw = malloc(strlen(text) + 1);
	CHECK(raw != NULL);
	CHECK(base64url_decode(span_str(text), raw, &len));
	data = json_loadb((char *)raw, len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(data != NULL);
	CHECK(strcmp(json_string_value(json_object_get(data, "origin")),
	    ORIGIN) == 0);
	CHECK(strcmp(json_string_value(json_object_get(data, "type")),
	    choice & CHOOSE_GET ? "webauthn.get" : "webauthn.create") == 0);
	json_decref(data);
	free(raw);
}

static void
check_response(json_t *out, unsigned choice)
{
	char *text = json_dumps(out, JSON_COMPACT);
	json_t *back;

	CHECK(text != NULL && strchr(text, '\n') == NULL);
	back = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_equal(out, back));
	check_client_data(back, choice);
	json_decref(back);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_token one, two;
	struct dom_error err, again_err;
	json_t *out, *again;
	struct span options;
	unsigned choice;

	if (size == 0)
		return 0;
	choice = data[0];
	options = span(data + 1, size - 1);
	out = run(&one, choice, options, &err);
	again = run(&two, choice, options, &again_err);
	CHECK((out == NULL) == (again == NULL));
	CHECK(one.makes + one.gets <= 1 && one.makes == two.makes &&
	    one.gets == two.gets && one.probes == two.probes);
	if (out == NULL) {
		CHECK(strcmp(err.message, again_err.message) == 0);
		check_error(&err);
	} else {
		CHECK(json_equal(out, again));
		check_response(out, choice);
	}
	json_decref(out);
	json_decref(again);
	return 0;
}
