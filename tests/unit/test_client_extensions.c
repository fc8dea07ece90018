/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions as the client maps them (WebAuthn Level 3, 10; CTAP 2.3, 12):
 * what a page asks, what the token is asked, what the page gets. The token is
 * tests/fake_token.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/sha.h>

#include "authenticator/client/webauthn_blob.h"
#include "ctap/cbor.h"
#include "tests/client_fixture.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define RESIDENT \
	CREATE ",\"authenticatorSelection\":{\"residentKey\":\"required\"}"
#define ONE \
	GET ",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"AQID\"}]"
#define EXTENSIONS(x)	",\"extensions\":{" x "}}"

/*
 * clientExtensionResults as compact JSON, sorted; or the name of the error.
 */
static void
results(struct client_fixture *f, bool ok, char out[static 512])
{
	char *s;

	if (!ok) {
		assert_true(strlen(f->err.message) > 0);
		snprintf(out, 512, "%s", f->err.name);
		return;
	}
	s = json_dumps(json_object_get(client_answer(f),
	    "clientExtensionResults"),
	    JSON_COMPACT | JSON_SORT_KEYS);
	assert_non_null(s);
	snprintf(out, 512, "%s", s);
	free(s);
}

static void
create_gives(struct client_fixture *f, const char *text, const char *wanted)
{
	bool ok = webauthn_create(&f->client, span_str(text), &f->text,
	    &f->err);
	char got[512];

	results(f, ok, got);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: %s, wanted %s (%s)", text, got, wanted,
		    f->err.message);
}

static void
get_gives(struct client_fixture *f, const char *text, const char *wanted)
{
	bool ok = webauthn_get(&f->client, span_str(text), &f->text, &f->err);
	char got[512];

	results(f, ok, got);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: %s, wanted %s (%s)", text, got, wanted,
		    f->err.message);
}

/*
 * prf at creation
 */

#define PRF_FOO	EXTENSIONS("\"prf\":{\"eval\":{\"first\":\"Zm9v\"}}")

static void
test_create_prf_has_results_at_once(void **state)
{
	static const char salted[] = "WebAuthn PRF\0foo";
	struct client_fixture *f = *state;
	uint8_t salt[32];

	SHA256((const uint8_t *)salted, sizeof(salted) - 1, salt);
	create_gives(f, CREATE PRF_FOO, "{\"prf\":{\"enabled\":true,"
	    "\"results\":{\"first\":"
	    "\"VGNI9flXYQivEV0vcuBkGKi0TTFJGOMp8fLMU808tk0\"}}}");
	assert_int_equal(f->fake.make.salts.len, 32);
	assert_memory_equal(f->fake.salts, salt, 32);
}

static void
test_create_prf_verifies_the_user(void **state)
{
	struct client_fixture *f = *state;

	create_gives(f, CREATE ",\"authenticatorSelection\":{"
	    "\"userVerification\":\"discouraged\"}" EXTENSIONS("\"prf\":{}"),
	    "{\"prf\":{\"enabled\":true}}");
	assert_false(f->fake.make.uv);
	assert_int_equal(f->fake.make.salts.len, 0);
	webauthn_create(&f->client, span_str(CREATE
	    ",\"authenticatorSelection\":{\"userVerification\":"
	    "\"discouraged\"}" PRF_FOO), &f->text, &f->err);
	assert_true(f->fake.make.uv);
}

/* Without hmac-secret-mc, or without verification, there is only a promise. */
static void
test_create_prf_without_results(void **state)
{
	struct client_fixture *f = *state;

	f->client.info.hmac_secret_mc = false;
	create_gives(f, CREATE PRF_FOO, "{\"prf\":{\"enabled\":true}}");
	assert_int_equal(f->fake.make.salts.len, 0);
	f->client.info.hmac_secret_mc = true;
	f->client.info.verifies = false;
	create_gives(f, CREATE PRF_FOO, "{\"prf\":{\"enabled\":true}}");
	assert_int_equal(f->fake.make.salts.len, 0);
	f->client.info.hmac_secret = false;
	create_gives(f, CREATE PRF_FOO, "{\"prf\":{\"enabled\":false}}");
}

static void
test_get_prf_without_verification_has_no_results(void **state)
{
	struct client_fixture *f = *state;

	f->client.info.verifies = false;
	get_gives(f, GET PRF_FOO, "{\"prf\":{}}");
	assert_int_equal(f->fake.get.salts.len, 0);
}

/*
 * credBlob and minPinLength
 */

static void
test_cred_blob(void **state)
{
	struct client_fixture *f = *state;

	create_gives(f, RESIDENT EXTENSIONS("\"credBlob\":\"AQID\""),
	    "{\"credBlob\":false}");	/* the fake does not say it kept it */
	assert_int_equal(f->fake.make.cred_blob.len, 3);
	/* more than getInfo 0F: not even asked */
	f->client.info.cred_blob_max = 2;
	create_gives(f, RESIDENT EXTENSIONS("\"credBlob\":\"AQID\""),
	    "{\"credBlob\":false}");
	assert_null(f->fake.make.cred_blob.p);
	create_gives(f, CREATE EXTENSIONS("\"credBlob\":\"AQ==\""),
	    "EncodingError");
	f->fake.get_extensions = span("\xa1\x68" "credBlob\x43\1\2\3", 14);
	get_gives(f, GET EXTENSIONS("\"getCredBlob\":true"),
	    "{\"getCredBlob\":\"AQID\"}");
	assert_true(f->fake.get.cred_blob);
	get_gives(f, GET EXTENSIONS("\"getCredBlob\":false"), "{}");
	assert_false(f->fake.get.cred_blob);
	f->client.info.cred_blob = false;
	get_gives(f, GET EXTENSIONS("\"getCredBlob\":true"), "{}");
	assert_false(f->fake.get.cred_blob);
}

static void
test_min_pin_length(void **state)
{
	struct client_fixture *f = *state;

	create_gives(f, CREATE EXTENSIONS("\"minPinLength\":true"), "{}");
	assert_true(f->fake.make.min_pin_length);
	f->client.info.min_pin_length = false;
	create_gives(f, CREATE EXTENSIONS("\"minPinLength\":true"), "{}");
	assert_false(f->fake.make.min_pin_length);
}

/*
 * largeBlob
 */

static void
test_large_blob_support(void **state)
{
	struct client_fixture *f = *state;

	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"required\"}"), "{\"largeBlob\":{\"supported\":true}}");
	assert_true(f->fake.make.large_blob_key);
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{}"), "{}");
	assert_false(f->fake.make.large_blob_key);
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"of a later version\"}"), "{\"largeBlob\":{\"supported\":true}}");
	/* not discoverable: cannot have one */
	create_gives(f, CREATE EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"preferred\"}"), "{\"largeBlob\":{\"supported\":false}}");
	create_gives(f, CREATE EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"required\"}"), "NotAllowedError");
	f->client.info.large_blob_key = false;
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"preferred\"}"), "{\"largeBlob\":{\"supported\":false}}");
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"required\"}"), "NotAllowedError");
}

static void
test_large_blob_wrong_use(void **state)
{
	static const char *const create[] = { "\"read\":true",
	    "\"write\":\"AQID\"", "\"support\":\"required\",\"read\":false" };
	static const char *const get[] = { "\"support\":\"preferred\"",
	    "\"read\":true,\"write\":\"AQID\"",
	    "\"read\":false,\"write\":\"AQID\"" };
	struct client_fixture *f = *state;
	char text[512];

	for (size_t i = 0; i < COUNT(create); i++) {
		snprintf(text, sizeof(text), RESIDENT
		    EXTENSIONS("\"largeBlob\":{%s}"), create[i]);
		create_gives(f, text, "NotSupportedError");
	}
	for (size_t i = 0; i < COUNT(get); i++) {
		snprintf(text, sizeof(text), ONE
		    EXTENSIONS("\"largeBlob\":{%s}"), get[i]);
		get_gives(f, text, "NotSupportedError");
	}
	/* none and two credentials to write to */
	get_gives(f, GET EXTENSIONS("\"largeBlob\":{\"write\":\"AQID\"}"),
	    "NotSupportedError");
	get_gives(f, GET ",\"allowCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AQID\"},{\"type\":\"public-key\",\"id\":\"BAUG\"}]"
	    EXTENSIONS("\"largeBlob\":{\"write\":\"AQID\"}"),
	    "NotSupportedError");
	assert_int_equal(f->fake.gets + f->fake.makes, 0);
}

#define READ	ONE EXTENSIONS("\"largeBlob\":{\"read\":true}")
#define WRITE	ONE EXTENSIONS("\"largeBlob\":{\"write\":\"AQID\"}")
#define WRITTEN	"{\"largeBlob\":{\"written\":true}}"
#define FAILED	"{\"largeBlob\":{\"written\":false}}"

static void
test_large_blob_written_is_read(void **state)
{
	struct client_fixture *f = *state;

	get_gives(f, READ, "{\"largeBlob\":{}}");
	assert_false(f->fake.get.will_write);
	get_gives(f, WRITE, WRITTEN);
	assert_true(f->fake.get.will_write);
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"AQID\"}}");
	/* another credential's key opens nothing */
	f->fake.key[0] ^= 1;
	get_gives(f, READ, "{\"largeBlob\":{}}");
	get_gives(f, ONE EXTENSIONS("\"largeBlob\":{\"write\":\"\"}"), WRITTEN);
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"\"}}");
	f->fake.key[0] ^= 1;
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"AQID\"}}");
	get_gives(f, ONE EXTENSIONS("\"largeBlob\":{\"read\":false}"), "{}");
}

/* The ceremony goes on: only the extension fails. */
static void
test_large_blob_that_cannot_be_written(void **state)
{
	struct client_fixture *f = *state;

	f->fake.blobs_status = CTAP2_ERR_LARGE_BLOB_STORAGE_FULL;
	get_gives(f, WRITE, FAILED);
	get_gives(f, READ, "{\"largeBlob\":{}}");
	f->fake.blobs_status = 0;
	f->client.info.blobs_max = 32;
	get_gives(f, WRITE, FAILED);
	f->client.info.blobs_max = 1000;
	f->fake.large_blob_key = span(NULL, 0);
	get_gives(f, WRITE, FAILED);
	get_gives(f, READ, "{\"largeBlob\":{}}");
	f->fake.large_blob_key = span(f->fake.key, sizeof(f->fake.key));
	f->client.info.large_blobs = false;
	get_gives(f, WRITE, FAILED);
	assert_false(f->fake.get.large_blob_key);
}

/*
 * largeBlob of a token that keeps blobs with their credentials, CTAP 2.3,
 * 12.4
 */

static void
test_own_blob_support(void **state)
{
	struct client_fixture *f = *state;

	fake_token_keeps_blobs(&f->client.info);
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"required\"}"), "{\"largeBlob\":{\"supported\":true}}");
	assert_true(f->fake.make.large_blob_required);
	assert_false(f->fake.make.large_blob_key);
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"preferred\"}"), "{\"largeBlob\":{\"supported\":true}}");
	assert_false(f->fake.make.large_blob_required);
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{}"), "{}");
	assert_false(f->fake.make.large_blob);
	/* whether it needs to be discoverable, the token knows */
	create_gives(f, CREATE EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"preferred\"}"), "{\"largeBlob\":{\"supported\":false}}");
	create_gives(f, CREATE EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"required\"}"), "NotAllowedError");
	assert_true(f->fake.make.large_blob_required);
	f->fake.full = true;
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"required\"}"), "NotAllowedError");
	assert_non_null(strstr(f->err.message, "large blob"));
}

static void
test_own_blob_written_is_read(void **state)
{
	struct client_fixture *f = *state;

	fake_token_keeps_blobs(&f->client.info);
	get_gives(f, READ, "{\"largeBlob\":{}}");
	get_gives(f, WRITE, WRITTEN);
	assert_false(f->fake.get.will_write || f->fake.get.large_blob_key);
	assert_int_equal(f->fake.own_blob_size, 3);
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"AQID\"}}");
	get_gives(f, ONE EXTENSIONS("\"largeBlob\":{\"write\":\"\"}"), WRITTEN);
	assert_int_equal(f->fake.own_blob_size, 0);
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"\"}}");
	get_gives(f, ONE EXTENSIONS("\"largeBlob\":{\"read\":false}"), "{}");
	assert_false(f->fake.get.read_blob);
	assert_int_equal(f->fake.writes, 0);
}

/* 10 bytes "a", compressed by the zlib of Node.js */
static const uint8_t packed_elsewhere[] = { 0x4b, 0x4c, 0x84, 0x01,
	0x00 };

static void
keep_own_blob(struct client_fixture *f, const void *packed, size_t len,
    size_t size)
{
	memcpy(f->fake.own_blob, packed, len);
	f->fake.own_blob_len = len;
	f->fake.own_blob_size = size;
}

static void
test_own_blob_of_another_platform(void **state)
{
	static const size_t wrong[] = { 0, 9, 11, BLOB_MAX + 1, SIZE_MAX };
	const size_t len = sizeof(packed_elsewhere);
	struct client_fixture *f = *state;

	fake_token_keeps_blobs(&f->client.info);
	keep_own_blob(f, packed_elsewhere, len, 10);
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"YWFhYWFhYWFhYQ\"}}");
	for (size_t i = 0; i < COUNT(wrong); i++) {
		keep_own_blob(f, packed_elsewhere, len, wrong[i]);
		get_gives(f, READ, "{\"largeBlob\":{}}");
	}
	for (size_t i = 1; i < len; i++) {
		keep_own_blob(f, packed_elsewhere, i, 10);
		get_gives(f, READ, "{\"largeBlob\":{}}");
	}
	keep_own_blob(f, "\x4b\x4c\x84\x01\x00\x00", len + 1, 10);
	get_gives(f, READ, "{\"largeBlob\":{}}");
}

/* Only what was asked for is taken, by whichever way. */
static void
test_own_blob_that_nobody_asked_for(void **state)
{
	struct client_fixture *f = *state;

	f->fake.unasked = true;
	f->fake.large_blob_key = span(NULL, 0);
	keep_own_blob(f, packed_elsewhere, sizeof(packed_elsewhere), 10);
	create_gives(f, RESIDENT EXTENSIONS("\"largeBlob\":{\"support\":"
	    "\"preferred\"}"), "{\"largeBlob\":{\"supported\":false}}");
	get_gives(f, READ, "{\"largeBlob\":{}}");
	get_gives(f, WRITE, FAILED);
	f->fake.large_blob_key = span(f->fake.key, sizeof(f->fake.key));
	get_gives(f, WRITE, WRITTEN);
	get_gives(f, READ, "{\"largeBlob\":{\"blob\":\"AQID\"}}");
	fake_token_keeps_blobs(&f->client.info);
	f->client.info.message_max = 16;
	get_gives(f, ONE "}", "NotAllowedError");
	f->client.info.message_max = 1024;
	get_gives(f, ONE "}", "{}");
	get_gives(f, WRITE, WRITTEN);
}

/* The ceremony goes on, too, and what is too long is not sent at all. */
static void
test_own_blob_that_cannot_be_written(void **state)
{
	struct client_fixture *f = *state;
	char text[4096] = ONE ",\"extensions\":{\"largeBlob\":{\"write\":\"";
	size_t at = strlen(text);
	uint32_t noise = 1;

	fake_token_keeps_blobs(&f->client.info);
	f->fake.full = true;
	get_gives(f, WRITE, FAILED);
	assert_non_null(f->fake.get.write_blob.packed.p);
	/* 1200 bytes that do not compress */
	for (size_t i = 0; i < 1600; i++) {
		noise = noise * 1664525 + 1013904223;
		text[at + i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-_"[noise >> 26];
	}
	strcpy(text + at + 1600, "\"}}}");
	f->client.info.message_max = 2048;
	get_gives(f, text, FAILED);
	assert_non_null(f->fake.get.write_blob.packed.p);
	assert_true(f->fake.request_len < 2048 - 256);
	f->client.info.message_max = 1200;
	get_gives(f, text, FAILED);
	assert_null(f->fake.get.write_blob.packed.p);
	f->client.info.message_max = 16;
	get_gives(f, text, "NotAllowedError");
}

static const uint8_t key_a[BLOB_KEY_LEN] = { 0xa }, key_b[BLOB_KEY_LEN] = {
	0xb };

/* Whatever is not ours stays, byte for byte, and of ours there is one. */
static void
test_blob_array_keeps_other_entries(void **state)
{
	static const uint8_t others[] = { 0x83, 0x01, 0xa1, 0x01, 0x02, 0xa3,
	    0x01, 0x40, 0x02, 0x4c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	    0x03, 0x00 };
	uint8_t *one, *two, *three, *blob;
	size_t one_len, two_len, three_len, len;

	(void)state;
	assert_true(blob_replace(span(others, sizeof(others)), key_a,
	    span_str("first"), 1024, &one, &one_len));
	assert_true(blob_replace(span(one, one_len), key_b, span_str("b"),
	    1024, &two, &two_len));
	assert_true(blob_replace(span(two, two_len), key_a,
	    span_str("second"), 1024, &three, &three_len));
	assert_true(cbor_check(span(three, three_len)));
	assert_int_equal(three[0], 0x85);
	assert_memory_equal(three + 1, others + 1, sizeof(others) - 1);
	assert_true(blob_find(span(three, three_len), key_a, &blob, &len));
	assert_true(span_eq(span(blob, len), span_str("second")));
	free(blob);
	assert_true(blob_find(span(three, three_len), key_b, &blob, &len));
	assert_true(span_eq(span(blob, len), span_str("b")));
	free(blob);
	/* as long as it may be, and no longer */
	assert_true(blob_replace(span(one, one_len), key_b, span_str("b"),
	    two_len, &blob, &len));
	free(blob);
	assert_false(blob_replace(span(one, one_len), key_b, span_str("b"),
	    two_len - 1, &blob, &len));
	free(one);
	free(two);
	free(three);
}

static void
test_blob_array_that_is_none(void **state)
{
	static const char *const arrays[] = { "", "\xa0", "\x81", "\x80\x80",
	    "\x98\x01\x01" };
	uint8_t *out;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(arrays); i++) {
		assert_false(blob_find(span_str(arrays[i]), key_a, &out,
		    &len));
		assert_false(blob_replace(span_str(arrays[i]), key_a,
		    span_str("x"), 1024, &out, &len));
	}
}

/*
 * One entry by hand: {1: AES-256-GCM of raw DEFLATE, 2: nonce, 3: size},
 * with 10 bytes "a" under the key 00..1f, made with the zlib and
 * the crypto of Node.js.
 */
static const uint8_t made_elsewhere[] = {
	0x81, 0xa3, 0x01, 0x55, 0x44, 0x26, 0x22, 0x5d, 0x6f, 0x9c, 0xb4, 0xa0,
	0x09, 0xf3, 0xcb, 0xe6, 0xdf, 0x09, 0x56, 0x59, 0xf5, 0xf1, 0xbc, 0x8c,
	0xf4, 0x02, 0x4c, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
	0x07, 0x07, 0x07, 0x03, 0x0a,
};

static void
test_blob_of_another_platform(void **state)
{
	uint8_t key[BLOB_KEY_LEN], broken[sizeof(made_elsewhere)], *blob;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	assert_true(blob_find(span(made_elsewhere, sizeof(made_elsewhere)),
	    key, &blob, &len));
	assert_true(span_eq(span(blob, len), span_str("aaaaaaaaaa")));
	free(blob);
	/* not a bit may differ, be it the size, which is authenticated */
	for (size_t i = 0; i < sizeof(broken) * 8; i++) {
		memcpy(broken, made_elsewhere, sizeof(broken));
		broken[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(blob_find(span(broken, sizeof(broken)), key,
		    &blob, &len));
	}
}

/*
 * appid and appidExclude
 */

static const struct {
	const char *origin;
	const char *app_id;
	const char *result;	/* NULL: as given */
} app_ids[] = {
	{ "https://example.com", "", "https://example.com" },
	{ "https://example.com:8443", "", "https://example.com:8443" },
	{ "https://example.com", "https://example.com", NULL },
	{ "https://example.com", "https://example.com/app.json", NULL },
	{ "https://example.com", "https://www.example.com/a?b#c", NULL },
	{ "https://login.example.com", "https://example.com/app.json", NULL },
	{ "https://a.example.co.uk", "https://b.example.co.uk/x", NULL },
	{ "https://example.com:8443", "https://example.com/x", NULL },
	{ "https://localhost:8443", "https://localhost/x", NULL },
	{ "http://localhost:80", "http://localhost/x", NULL },
	{ "http://localhost", "https://localhost/x", "SecurityError" },
	{ "https://example.com", "http://example.com/x", "SecurityError" },
	{ "https://example.com", "https://example.org/x", "SecurityError" },
	{ "https://a.co.uk", "https://b.co.uk/x", "SecurityError" },
	{ "https://me.github.io", "https://github.io/x", "SecurityError" },
	{ "https://example.com", "https://example.com.evil.org/",
	    "SecurityError" },
	{ "https://example.com", "https://example.com@evil.org/",
	    "SecurityError" },
	{ "https://example.com", "https://evil.org/https://example.com/",
	    "SecurityError" },
	{ "https://example.com", "example.com", "SecurityError" },
	{ "https://example.com", "://example.com", "SecurityError" },
	{ "https://example.com", "https://", "SecurityError" },
	{ "https://example.com", "https://example.com/ x", "SecurityError" },
	{ "https://example.com", "https://example.com/\xc3\xa9",
	    "SecurityError" },
};

static void
test_app_id_against_origin(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(app_ids); i++) {
		struct dom_error err = { NULL, "" };
		const char *why, *wanted = app_ids[i].result;
		struct span out = span(NULL, 0);
		struct origin o;

		if (wanted == NULL)
			wanted = app_ids[i].app_id;
		assert_true(origin_parse(app_ids[i].origin, &o, &why));
		if (!origin_app_id(&o, span_str(app_ids[i].app_id), &out,
		    &err))
			out = span_str(err.name);
		if (!span_eq(out, span_str(wanted)))
			fail_msg("%s, %s: %.*s", app_ids[i].origin,
			    app_ids[i].app_id, (int)out.len,
			    (const char *)out.p);
	}
}

static void
test_app_id_too_long(void **state)
{
	struct dom_error err = { NULL, "" };
	char url[APP_ID_MAX + 2] = "https://example.com/";
	const char *why;
	struct origin o;
	struct span out;

	(void)state;
	memset(url + 20, 'a', sizeof(url) - 21);
	assert_true(origin_parse("https://example.com", &o, &why));
	assert_true(origin_app_id(&o, span(url, APP_ID_MAX), &out, &err));
	assert_false(origin_app_id(&o, span_str(url), &out, &err));
	assert_string_equal(err.name, "NotSupportedError");
}

#define APPID	EXTENSIONS("\"appid\":\"https://example.com/app\"")

static void
test_get_app_id(void **state)
{
	struct client_fixture *f = *state;

	/* known by the RP ID: the AppID is not used */
	get_gives(f, ONE APPID, "{\"appid\":false}");
	assert_true(span_eq(f->fake.get.rp_id,
	    span_str("login.example.com")));
	/* known by the AppID */
	f->fake.has_app_id = span_str("https://example.com/app");
	get_gives(f, ONE APPID, "{\"appid\":true}");
	assert_int_equal(f->fake.get.rp_id.len, 23);
	assert_int_equal(f->fake.get.allow_count, 1);
	/* known by neither */
	f->fake.has_app_id = span_str("https://example.com/other");
	get_gives(f, ONE APPID, "NotAllowedError");
	assert_int_equal(f->fake.get.rp_id.len, 17);
}

static void
test_get_app_id_without_a_list(void **state)
{
	struct client_fixture *f = *state;

	get_gives(f, GET APPID, "{\"appid\":false}");
	assert_int_equal(f->fake.probes, 0);
	get_gives(f, GET EXTENSIONS("\"appid\":\"https://example.org\""),
	    "SecurityError");
	get_gives(f, GET EXTENSIONS("\"appidExclude\":\"\""),
	    "NotSupportedError");
}

#define EXCLUDE_APPID \
	EXTENSIONS("\"appidExclude\":\"https://example.com/app\"")
#define EXCLUDE_ONE \
	CREATE ",\"excludeCredentials\":[{\"type\":\"public-key\",\"id\":" \
	"\"AQID\"}]"

static void
test_create_app_id_exclude(void **state)
{
	struct client_fixture *f = *state;

	f->fake.has_app_id = span_str("https://example.com/app");
	create_gives(f, EXCLUDE_ONE EXCLUDE_APPID, "InvalidStateError");
	assert_int_equal(f->fake.makes, 0);
	f->fake.has_app_id = span_str("https://example.com/other");
	create_gives(f, EXCLUDE_ONE EXCLUDE_APPID,
	    "{\"appidExclude\":true}");
	create_gives(f, CREATE EXCLUDE_APPID, "{\"appidExclude\":true}");
	create_gives(f, EXCLUDE_ONE
	    EXTENSIONS("\"appidExclude\":\"https://example.org/\""),
	    "SecurityError");
	create_gives(f, CREATE APPID, "NotSupportedError");
}

/*
 * Verification of tokens that insist on it
 */

static void
test_tokens_that_always_verify(void **state)
{
	static const char discouraged[] = CREATE ",\"authenticatorSelection\":"
	    "{\"userVerification\":\"discouraged\"}}";
	struct client_fixture *f = *state;

	create_gives(f, discouraged, "{}");
	assert_false(f->fake.make.uv);
	f->client.info.make_without_uv = false;
	create_gives(f, discouraged, "{}");
	assert_true(f->fake.make.uv);
	f->client.info.make_without_uv = true;
	f->client.info.always_uv = true;
	create_gives(f, discouraged, "{}");
	assert_true(f->fake.make.uv);
	get_gives(f, GET ",\"userVerification\":\"discouraged\"}", "{}");
	assert_true(f->fake.get.uv);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, client_setup, \
	client_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_create_prf_has_results_at_once),
		WITH(test_create_prf_verifies_the_user),
		WITH(test_create_prf_without_results),
		WITH(test_get_prf_without_verification_has_no_results),
		WITH(test_cred_blob),
		WITH(test_min_pin_length),
		WITH(test_large_blob_support),
		WITH(test_large_blob_wrong_use),
		WITH(test_large_blob_written_is_read),
		WITH(test_large_blob_that_cannot_be_written),
		WITH(test_own_blob_support),
		WITH(test_own_blob_written_is_read),
		WITH(test_own_blob_of_another_platform),
		WITH(test_own_blob_that_nobody_asked_for),
		WITH(test_own_blob_that_cannot_be_written),
		cmocka_unit_test(test_blob_array_keeps_other_entries),
		cmocka_unit_test(test_blob_array_that_is_none),
		cmocka_unit_test(test_blob_of_another_platform),
		cmocka_unit_test(test_app_id_against_origin),
		cmocka_unit_test(test_app_id_too_long),
		WITH(test_get_app_id),
		WITH(test_get_app_id_without_a_list),
		WITH(test_create_app_id_exclude),
		WITH(test_tokens_that_always_verify),
	};
#undef WITH

	return cmocka_run_group_tests(tests, NULL, NULL);
}
