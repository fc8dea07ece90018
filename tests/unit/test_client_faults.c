/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of the stage "client": each changes what it says and nothing else.
 * A ceremony with and one without are taken apart, down to the members of
 * client data, and compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/sha.h>

#include "authenticator/base64url.h"
#include "authenticator/client/client_fault.h"
#include "ctap/cbor.h"
#include "tests/client_fixture.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define PATHS_MAX	4096	/* bytes of paths that differ */

#define CHALLENGE	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define ATTESTED \
	"{\"challenge\":\"" CHALLENGE "\",\"rp\":{\"name\":\"RP\"}," \
	"\"user\":{\"id\":\"AQID\",\"name\":\"n\",\"displayName\":\"d\"}," \
	"\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-8}]," \
	"\"attestation\":\"direct\"}"
#define LISTED	"{\"challenge\":\"" CHALLENGE "\",\"allowCredentials\":" \
	"[{\"type\":\"public-key\",\"id\":\"AQID\"}]}"

/* RFC 8032, 7.1, TEST 1 */
static const uint8_t public_key[] = {
	0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20,
	0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
	0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
	0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
};

/* What differs, by the name of the fault without "reg." or "auth.". */
static const struct {
	const char *name;
	const char *paths;	/* each followed by a blank */
} expected[] = {
	{ "type-get", "client.type " },
	{ "type-create", "client.type " },
	{ "type-payment", "client.type " },
	{ "type-missing", "client.type " },
	{ "challenge", "client.challenge " },
	{ "challenge-empty", "client.challenge " },
	{ "challenge-missing", "client.challenge " },
	{ "challenge-short", "client.challenge " },
	{ "challenge-padded", "client.challenge " },
	{ "origin", "client.origin " },
	{ "origin-lookalike", "client.origin " },
	{ "origin-subdomain", "client.origin " },
	{ "origin-longer", "client.origin " },
	{ "origin-port", "client.origin " },
	{ "origin-scheme", "client.origin " },
	{ "origin-path", "client.origin " },
	{ "origin-missing", "client.origin " },
	{ "cross-origin", "client.crossOrigin " },
	{ "top-origin", "client.topOrigin " },
	{ "client-data-bom", "client.text " },
	{ "client-data-trailing", "client.text " },
	{ "client-data-cut", "client.text " },
	{ "client-data-array", "client.text " },
	{ "client-data-unknown", "client.new_keys_may_be_added_here " },
	{ "client-data-unsigned", "client.text " },
	{ "credid-outer", "id rawId " },
	{ "rawid-differs", "rawId " },
	{ "id-missing", "id " },
	{ "id-number", "id " },
	{ "id-padded", "id " },
	{ "client-data-padded", "response.clientDataJSON " },
	{ "type-password", "type " },
	{ "response-missing", "response " },
	{ "client-data-missing", "response.clientDataJSON " },
	{ "object-missing", "response.attestationObject " },
	{ "authdata-missing", "response.authenticatorData " },
	{ "sig-missing", "response.signature " },
	{ "sig-null", "response.signature " },
	{ "userhandle-invented", "response.userHandle " },
	{ "transports-unknown", "response.transports " },
	{ "public-key-outer", "response.publicKey " },
	{ "extension-unasked", "clientExtensionResults " },
	{ "member-unknown", "notInTheStandard " },
};

static int
setup(void **state)
{
	struct client_fixture *f;

	client_setup(state);
	f = *state;
	f->fake.public_key = span(public_key, sizeof(public_key));
	f->fake.info.alg_count = 0;
	return 0;
}

/* One ceremony; its response, to be given back with json_decref(). */
static json_t *
perform(struct client_fixture *f, bool create, const struct fault *fault)
{
	bool ok;

	f->client.fault = fault;
	ok = create ? webauthn_create(&f->client, span_str(ATTESTED), &f->text,
	    &f->err) : webauthn_get(&f->client, span_str(LISTED), &f->text,
	    &f->err);
	if (!ok)
		fail_msg("%s: %s", fault != NULL ? fault->name : "honest",
		    f->err.message);
	return json_incref(client_answer(f));
}

static struct span
client_data(const json_t *json)
{
	size_t len = 0;
	uint8_t *p = client_fault_take(json_object_get(json, "response"),
	    "clientDataJSON", &len);

	return span(p, p != NULL ? len : 0);
}

static void
differs(char *paths, const char *prefix, const char *name)
{
	size_t used = strlen(paths);

	assert_true(used + strlen(prefix) + strlen(name) + 2 < PATHS_MAX);
	sprintf(paths + used, "%s%s ", prefix, name);
}

/* Names of members that are not the same in both, sorted as they come. */
static void
compare(json_t *a, json_t *b, const char *prefix, const char *but,
    char *paths)
{
	const char *name;
	json_t *v;

	json_object_foreach(a, name, v) {
		if (strcmp(name, but) != 0 &&
		    !json_equal(v, json_object_get(b, name)))
			differs(paths, prefix, name);
	}
	json_object_foreach(b, name, v) {
		if (json_object_get(a, name) == NULL)
			differs(paths, prefix, name);
	}
}

/* Client data, by member if it is an object, or else, or if only its bytes
 * differ, as a whole. */
static void
compare_client_data(struct span a, struct span b, char *paths)
{
	json_t *ja, *jb;
	size_t before = strlen(paths);

	if (span_eq(a, b))
		return;
	ja = json_loadb((const char *)a.p, a.len, 0, NULL);
	jb = json_loadb((const char *)b.p, b.len, 0, NULL);
	assert_non_null(ja);
	if (json_is_object(jb))
		compare(ja, jb, "client.", "", paths);
	if (strlen(paths) == before)
		differs(paths, "client.", "text");
	json_decref(ja);
	json_decref(jb);
}

/* What of b is not as in a, each followed by a blank. */
static void
difference(json_t *a, json_t *b, char *paths)
{
	json_t *ra = json_object_get(a, "response");
	json_t *rb = json_object_get(b, "response");
	struct span ca = client_data(a), cb = client_data(b);

	paths[0] = '\0';
	compare(a, b, "", "", paths);
	if (rb == NULL || strstr(paths, "response ") == NULL)
		goto out;
	paths[strlen(paths) - strlen("response ")] = '\0';
	assert_null(strstr(paths, "response "));
	compare(ra, rb, "response.", cb.p != NULL ? "clientDataJSON" : "",
	    paths);
	if (cb.p != NULL)
		compare_client_data(ca, cb, paths);
out:
	free((void *)(uintptr_t)ca.p);
	free((void *)(uintptr_t)cb.p);
}

static const char *
expected_paths(const char *name)
{
	for (size_t i = 0; i < COUNT(expected); i++) {
		if (strcmp(expected[i].name, strchr(name, '.') + 1) == 0)
			return expected[i].paths;
	}
	return NULL;
}

/* The token signs for what the relying party will hash, or the fault is
 * that it does not. */
static void
check_hash(const struct client_fixture *f, const json_t *json,
    const struct fault *fault)
{
	struct span data = client_data(json);
	uint8_t hash[SHA256_DIGEST_LENGTH];
	bool same;

	if (data.p == NULL)
		return;
	SHA256(data.p, data.len, hash);
	same = memcmp(hash, f->fake.hash, sizeof(hash)) == 0;
	if (same == (strstr(fault->name, "-unsigned") != NULL))
		fail_msg("%s: the hash %s", fault->name,
		    same ? "fits" : "does not fit");
	free((void *)(uintptr_t)data.p);
}

static void
check_fault(struct client_fixture *f, bool create, const struct fault *fault)
{
	json_t *honest = perform(f, create, NULL);
	json_t *broken = perform(f, create, fault);
	const char *paths = expected_paths(fault->name);
	char found[PATHS_MAX];

	if (!f->client.fault_made)
		fail_msg("%s: was not made", fault->name);
	difference(honest, broken, found);
	if (paths == NULL)
		fail_msg("%s: is not tested; it changes %s", fault->name,
		    found);
	else if (strcmp(found, paths) != 0)
		fail_msg("%s: changes %s, not %s", fault->name, found, paths);
	check_hash(f, broken, fault);
	json_decref(honest);
	json_decref(broken);
}

/* Faults that have tests of their own. */
static bool
is_special(const struct fault *fault)
{
	return strncmp(fault->name, "cbor.", 5) == 0 ||
	    strstr(fault->name, ".replay") != NULL;
}

static void
test_each_changes_one_thing(void **state)
{
	const struct fault *fault;
	unsigned n = 0;

	for (size_t i = 0; (fault = fault_at(i)) != NULL; i++) {
		if (fault->stage != FAULT_CLIENT || is_special(fault))
			continue;
		assert_true((fault->client.create != NULL) !=
		    (fault->client.get != NULL));
		check_fault(*state, fault->client.create != NULL, fault);
		n++;
	}
	assert_true(n >= COUNT(expected));
}

/* Another port is a port, whatever it was. */
static void
test_ports(void **state)
{
	static const char *const origins[][2] = {
		{ "https://a.example", "https://a.example:8444" },
		{ "https://a.example:3000", "https://a.example:3001" },
		{ "http://localhost:8080", "http://localhost:8081" },
		{ "https://a.example:65535", "https://a.example:65534" },
		{ "https://[::1]", "https://[::1]:8444" },
		{ "https://[::1]:8443", "https://[::1]:8444" },
	};
	const struct fault *fault = fault_find("reg.origin-port");
	struct client_fault c;

	(void)state;
	for (size_t i = 0; i < COUNT(origins); i++) {
		assert_true(client_fault_init(&c, "webauthn.create",
		    span("", 0), origins[i][0]));
		assert_true(fault->client.create(&c));
		assert_string_equal(c.origin, origins[i][1]);
		client_fault_done(&c);
	}
}

/* What is around client data, and what is left of it. */
static const struct {
	const char *name;
	const char *before;
	const char *after;
	bool	 half;
} texts[] = {
	{ "reg.client-data-bom", "\xef\xbb\xbf", "", false },
	{ "reg.client-data-trailing", "", "{}", false },
	{ "reg.client-data-cut", "", "", true },
	{ "reg.client-data-array", "[", "]", false },
	{ "reg.client-data-unsigned", "", " ", false },
};

static void
test_texts_of_client_data(void **state)
{
	json_t *honest = perform(*state, true, NULL), *broken;
	struct span was = client_data(honest), is;
	size_t i, n, kept;

	for (i = 0; i < COUNT(texts); i++) {
		broken = perform(*state, true, fault_find(texts[i].name));
		is = client_data(broken);
		n = strlen(texts[i].before);
		kept = texts[i].half ? was.len / 2 : was.len;
		assert_int_equal(is.len, n + kept + strlen(texts[i].after));
		assert_memory_equal(is.p, texts[i].before, n);
		assert_memory_equal(is.p + n, was.p, kept);
		assert_memory_equal(is.p + n + kept, texts[i].after,
		    strlen(texts[i].after));
		free((void *)(uintptr_t)is.p);
		json_decref(broken);
	}
	free((void *)(uintptr_t)was.p);
	json_decref(honest);
}

/* What the fault leaves of the honest object, byte for byte. */
static const struct {
	const char *name;
	bool	 canonical;	/* all the same */
	const char *begins;	/* instead of the first byte */
	size_t	 begins_len;
	int	 longer;	/* by so many bytes */
} frames[] = {
	{ "cbor.trailing", false, "\xa3", 1, 1 },
	{ "cbor.truncated", false, "\xa3", 1, -1 },
	{ "cbor.extra-key", true, "\xa4\x63" "abc\xf5\x63" "fmt", 10, 5 },
	{ "cbor.duplicate-key", false, "\xa4\x63" "fmt\x64none\x63", 11, 9 },
	{ "cbor.indefinite", false, "\xbf\x63", 2, 1 },
	{ "cbor.long-head", false, "\xb8\x03\x63", 3, 1 },
	{ "cbor.array", true, "\x81\xa3\x63", 3, 1 },
	{ "cbor.huge-length", false, "\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
	    9, 8 },
	{ "cbor.deep", false, "\xa4\x63" "abc\x81\x81", 7, 4 + 200001 },
	{ "cbor.fmt-bytes", true, "\xa3\x63" "fmt\x46packed", 12, 0 },
	{ "cbor.fmt-missing", true, "\xa3\x63" "fms\x66packed", 12, 0 },
	{ "cbor.statement-missing", true, "\xa3\x63" "fmt\x66packed\x67"
	    "attStms", 20, 0 },
	{ "cbor.authdata-missing", true, "\xa3\x63" "fmt\x66packed\x67"
	    "attStmt", 20, 0 },
	{ "cbor.empty", false, "", 0, INT32_MIN },
};

static struct span
object(json_t *json)
{
	size_t len;
	uint8_t *p = client_fault_take(json_object_get(json, "response"),
	    "attestationObject", &len);

	assert_non_null(p);
	return span(p, len);
}

static void
check_frame(struct client_fixture *f, size_t i)
{
	const struct fault *fault = fault_find(frames[i].name);
	json_t *honest = perform(f, true, NULL), *broken;
	struct span was, is;
	char found[PATHS_MAX];

	assert_non_null(fault);
	broken = perform(f, true, fault);
	difference(honest, broken, found);
	assert_string_equal(found, "response.attestationObject ");
	was = object(honest);
	is = object(broken);
	assert_true(cbor_check(was));
	if (frames[i].longer == INT32_MIN)
		assert_int_equal(is.len, 0);
	else
		assert_int_equal((int)is.len - (int)was.len,
		    frames[i].longer);
	assert_memory_equal(is.p, frames[i].begins, frames[i].begins_len);
	if (cbor_check(is) != frames[i].canonical)
		fail_msg("%s: canonical or not", fault->name);
	free((void *)(uintptr_t)was.p);
	free((void *)(uintptr_t)is.p);
	json_decref(honest);
	json_decref(broken);
}

static void
test_frames_of_attestation_objects(void **state)
{
	const struct fault *fault;
	struct client_fixture *f = *state;
	unsigned n = 0;

	f->fake.fmt = "packed";
	for (size_t i = 0; i < COUNT(frames); i++)
		check_frame(f, i);
	for (size_t i = 0; (fault = fault_at(i)) != NULL; i++)
		n += fault->stage == FAULT_CLIENT &&
		    strncmp(fault->name, "cbor.", 5) == 0;
	assert_int_equal(n, COUNT(frames));
}

static void
check_replay(struct client_fixture *f, bool create)
{
	const struct fault *fault = fault_find(create ? "reg.replay" :
	    "auth.replay");
	json_t *first, *second;
	unsigned asked;

	/* the first one is honest: there is nothing to send again */
	first = perform(f, create, fault);
	assert_false(f->client.fault_made);
	f->fake.id[0]++;
	asked = f->fake.makes + f->fake.gets;
	second = perform(f, create, fault);
	assert_true(f->client.fault_made);
	assert_true(json_equal(first, second));
	assert_int_equal(f->fake.makes + f->fake.gets, asked);
	json_decref(first);
	json_decref(second);
}

static void
test_replay(void **state)
{
	check_replay(*state, true);
	check_replay(*state, false);
}

/* Ceremonies of the other kind are honest. */
static void
test_each_has_its_ceremony(void **state)
{
	const struct fault *fault;
	struct client_fixture *f = *state;

	for (size_t i = 0; (fault = fault_at(i)) != NULL; i++) {
		bool create = fault->client.create == NULL;

		json_t *a, *b;

		if (fault->stage != FAULT_CLIENT)
			continue;
		a = perform(f, create, NULL);
		b = perform(f, create, fault);
		assert_false(f->client.fault_made);
		assert_true(json_equal(a, b));
		json_decref(a);
		json_decref(b);
	}
}

/* A challenge with nothing to spoil: the fault does not fit. */
static void
test_one_that_does_not_fit(void **state)
{
	struct client_fixture *f = *state;

	f->client.fault = fault_find("auth.challenge-padded");
	assert_true(webauthn_get(&f->client, span_str("{\"challenge\":"
	    "\"AAEC\",\"allowCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AQID\"}]}"), &f->text, &f->err));
	assert_false(f->client.fault_made);
}

/* What a fault of the token made senseless is passed on nevertheless. */
static void
test_senseless_authenticator_data(void **state)
{
	static uint8_t data[200];
	struct client_fixture *f = *state;
	json_t *json;

	/* an attested credential whose ID of 16 bytes has no key behind it */
	data[32] = 0x45;
	data[54] = 16;
	memset(data + 55, 0x7f, 16);
	data[71] = 0xff;
	f->fake.raw_auth_data = span(data, sizeof(data));
	f->client.fault = NULL;
	assert_false(webauthn_create(&f->client, span_str(ATTESTED), &f->text,
	    &f->err));
	json = perform(f, true, fault_find("hid.slow"));
	assert_string_equal(json_string_value(json_object_get(json, "id")),
	    "f39_f39_f39_f39_f39_fw");
	json_decref(json);

	f->fake.raw_auth_data = span(data, 20);
	json = perform(f, true, fault_find("hid.slow"));
	assert_string_equal(json_string_value(json_object_get(json, "id")),
	    "");
	json_decref(json);
	data[54] = 255;
	f->fake.raw_auth_data = span(data, 60);
	json = perform(f, true, fault_find("hid.slow"));
	assert_string_equal(json_string_value(json_object_get(json, "id")),
	    "f39_f38");
	json_decref(json);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, client_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_changes_one_thing),
		TEST(test_ports),
		TEST(test_texts_of_client_data),
		TEST(test_frames_of_attestation_objects),
		TEST(test_replay),
		TEST(test_each_has_its_ceremony),
		TEST(test_one_that_does_not_fit),
		TEST(test_senseless_authenticator_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
