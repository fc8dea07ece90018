/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options JSON of a hostile relying party. The first byte chooses ceremony
 * and token, the rest are the options. What must hold for every input:
 *
 *  1. Either a response or an error with a name and a message, never both.
 *  2. Every request to the token is canonical CBOR that the authenticator's
 *     decoder takes for the same request (tests/fake_token.c).
 *  3. A response is one line of JSON without duplicates; its clientDataJSON
 *     parses and names this ceremony and this origin.
 *  4. A message is one line of ASCII.
 *  5. The same options give the same outcome.
 */
#include <stdlib.h>

#include <jansson.h>

#include "authenticator/base64url.h"
#include "authenticator/client/webauthn.h"
#include "tests/fake_token.h"
#include "tests/fuzz/fuzz.h"

#define ORIGIN	"https://login.example.com"

enum choice {
	CHOOSE_GET = 0x01,
	CHOOSE_POOR = 0x02,	/* a token that can do little */
	CHOOSE_OTHER = 0x04,	/* it has none of the listed credentials */
	CHOOSE_SILENT = 0x08,	/* it does not say which it used */
	CHOOSE_HIDDEN = 0x10,	/* they only show after verification */
	CHOOSE_PLATFORM = 0x20,
	CHOOSE_OWN_BLOB = 0x40,	/* it keeps blobs with their credentials */
};

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
	if (choice & CHOOSE_OWN_BLOB) {
		static const uint8_t blob[] = { 0x4b, 0x4c, 0x84, 0x01, 0x00 };

		fake_token_keeps_blobs(&f->info);
		memcpy(f->own_blob, blob, sizeof(blob));
		f->own_blob_len = sizeof(blob);
		f->own_blob_size = 10;
	}
	if (choice & CHOOSE_OTHER)
		f->has_id = span("other", 5);
	f->omit_id = (choice & CHOOSE_SILENT) != 0;
	f->hidden = (choice & CHOOSE_HIDDEN) != 0;
}

static bool
run(struct fake_token *f, unsigned choice, struct span options,
    struct json_out *out, struct dom_error *err)
{
	struct webauthn_client c;
	struct origin origin;
	const char *why;
	bool ok;

	choose(f, choice);
	CHECK(origin_parse(ORIGIN, &origin, &why));
	CHECK(webauthn_client_init(&c, &origin,
	    (choice & CHOOSE_PLATFORM) != 0, &f->token) == 0);
	ok = choice & CHOOSE_GET ? webauthn_get(&c, options, out, err) :
	    webauthn_create(&c, options, out, err);
	webauthn_client_done(&c);
	CHECK(ok == (err->name == NULL));
	return ok;
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
check_response(struct span text, unsigned choice)
{
	json_t *out;

	CHECK(memchr(text.p, '\n', text.len) == NULL);
	out = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, NULL);
	CHECK(out != NULL);
	check_client_data(out, choice);
	json_decref(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_token one, two;
	static struct json_out out, again;
	struct dom_error err, again_err;
	struct span options;
	unsigned choice;
	bool ok;

	if (size == 0)
		return 0;
	choice = data[0];
	options = span(data + 1, size - 1);
	ok = run(&one, choice, options, &out, &err);
	CHECK(run(&two, choice, options, &again, &again_err) == ok);
	CHECK(one.makes + one.gets <= 1 && one.makes == two.makes &&
	    one.gets == two.gets && one.probes == two.probes);
	if (!ok) {
		CHECK(strcmp(err.message, again_err.message) == 0);
		check_error(&err);
	} else {
		CHECK(span_eq(json_out_text(&out), json_out_text(&again)));
		check_response(json_out_text(&out), choice);
	}
	return 0;
}
