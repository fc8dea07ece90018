/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's role: who may ask, what is asked of the token, what the
 * relying party gets. The token is tests/fake_token.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "authenticator/base64url.h"
#include "authenticator/client/webauthn_client_data.h"
#include "authenticator/client/webauthn_options.h"
#include "authenticator/client/webauthn_spki.h"
#include "ctap/authdata.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"
#include "ctap/request.h"
#include "tests/client_fixture.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * base64url
 */

static const struct {
	const char *bytes;
	const char *text;
} base64[] = {	/* RFC 4648, 10, without padding */
	{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfb", "__77" },
	{ "\xfb\xef\xbe", "----" },
};

/* Character by character, which is how it is defined. */
static void
plain_base64url(struct span bytes, char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned six;

	for (size_t bit = 0; bit < 8 * bytes.len; bit += 6) {
		six = 0;
		for (size_t b = bit; b < bit + 6; b++)
			six = six << 1 | (b < 8 * bytes.len &&
			    (bytes.p[b / 8] >> (7 - b % 8) & 1));
		*out++ = letters[six];
	}
	*out = '\0';
}

static void
any_length_both_ways(void)
{
	uint8_t bytes[64], back[64];
	char text[100], expected[100];
	uint32_t random = 1;
	size_t len;

	for (int round = 0; round < 4096; round++) {
		struct span s = span(bytes, (size_t)round % 61);

		for (size_t i = 0; i < sizeof(bytes); i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(random >> 24);
		}
		plain_base64url(s, expected);
		base64url_encode(s, text);
		assert_string_equal(text, expected);
		assert_true(base64url_decode(span_str(text), back, &len));
		assert_true(span_eq(span(back, len), s));
	}
}

static void
test_base64url_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(base64); i++) {
		struct span bytes = span_str(base64[i].bytes);
		char text[16];
		uint8_t back[16];
		size_t len;

		base64url_encode(bytes, text);
		assert_string_equal(text, base64[i].text);
		assert_int_equal(strlen(text), BASE64URL_LEN(bytes.len));
		assert_true(base64url_decode(span_str(text), back, &len));
		assert_true(span_eq(span(back, len), bytes));
		assert_true(len <= BASE64URL_BYTES(strlen(text)));
	}
	any_length_both_ways();
}

static void
test_base64url_has_one_text_for_each(void **state)
{
	static const char *const wrong[] = { "Zg==", "Zm8=", "Z", "Zm9vY",
	    "Zh", "Zm9", "Z g", "Zg\n", "Zm+v", "Zm/v", "Zm9v!", "Zm\xc3\xa9",
	    " ", "=", "====", "A", "AB", "AAB" };
	uint8_t out[16];
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_false(base64url_decode(span_str(wrong[i]), out, &len));
		assert_int_equal(len, 77);
	}
}

/*
 * Origins and RP IDs
 */

static const struct {
	const char *given;
	const char *serialised;
} origins[] = {
	{ "https://example.com", "https://example.com" },
	{ "HTTPS://Example.COM", "https://example.com" },
	{ "https://example.com:443", "https://example.com" },
	{ "https://example.com:8443", "https://example.com:8443" },
	{ "https://example.com:08443", "https://example.com:8443" },
	{ "https://example.com:80", "https://example.com:80" },
	{ "http://localhost", "http://localhost" },
	{ "http://localhost:80", "http://localhost" },
	{ "http://localhost:443", "http://localhost:443" },
	{ "https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example" },
	{ "https://[::1]:8443", "https://[::1]:8443" },
	{ "https://my_container", "https://my_container" },
};

static void
test_origin_is_serialised_as_browsers_do(void **state)
{
	struct origin o;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(origins); i++) {
		assert_true(origin_parse(origins[i].given, &o, &why));
		assert_string_equal(o.text, origins[i].serialised);
	}
}

static void
test_origin_refuses_what_is_none(void **state)
{
	static const char *const wrong[] = { "", "example.com", "https://",
	    "https:example.com", "ftp://example.com", "null", "file:///x",
	    "https://example.com/", "https://example.com/path",
	    "https://example.com?q", "https://example.com#f",
	    "https://user@example.com", "https://example.com:",
	    "https://example.com:65536", "https://example.com:99999999",
	    "https://example.com:0", "https://example.com:-1",
	    "https://example.com:8a", "https://:443", "https://exa mple.com",
	    "https://m\xc3\xbcnchen.example", "https://example.com\n",
	    "https://[::1", "https://[g::1]", "https://[::1]x", " https://a",
	    "https://ex%41mple.com", "https://a\"b", "wss://example.com" };
	char longest[400] = "https://";
	struct origin o;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		why = NULL;
		if (origin_parse(wrong[i], &o, &why))
			fail_msg("accepted %s", wrong[i]);
		assert_non_null(why);
	}
	memset(longest + 8, 'a', sizeof(longest) - 9);
	assert_false(origin_parse(longest, &o, &why));
}

#define OK	NULL		/* the RP ID may be used */
#define NO	"SecurityError"
#define HOST	NULL		/* no RP ID given */

static const struct {
	const char *origin;
	const char *rp_id;
	const char *error;
} relations[] = {
	/* default: the host */
	{ "https://example.com", HOST, OK },
	{ "https://login.example.com:8443", HOST, OK },
	{ "http://localhost:3000", HOST, OK },
	{ "http://rp.localhost:3000", HOST, OK },
	{ "https://localhost", HOST, OK },
	{ "https://rp", HOST, OK },
	/* equal */
	{ "https://example.com", "example.com", OK },
	{ "https://EXAMPLE.com", "example.com", OK },
	{ "http://localhost", "localhost", OK },
	{ "https://rp", "rp", OK },
	{ "https://my_container", "my_container", OK },
	{ "https://github.io", "github.io", OK },
	{ "https://co.uk", "co.uk", OK },
	{ "https://xn--mnchen-3ya.de", "xn--mnchen-3ya.de", OK },
	/* a suffix that can be registered */
	{ "https://login.example.com", "example.com", OK },
	{ "https://a.b.c.example.com", "example.com", OK },
	{ "https://a.b.c.example.com", "b.c.example.com", OK },
	{ "https://a.b.c.example.com:8443", "c.example.com", OK },
	{ "https://www.example.co.uk", "example.co.uk", OK },
	{ "https://www.me.github.io", "me.github.io", OK },
	{ "https://a.xn--mnchen-3ya.de", "xn--mnchen-3ya.de", OK },
	{ "https://login.corp.internal", "corp.internal", OK },
	/* public suffixes, known, private, unknown, by wildcard */
	{ "https://example.com", "com", NO },
	{ "https://www.example.co.uk", "co.uk", NO },
	{ "https://www.example.co.uk", "uk", NO },
	{ "https://me.github.io", "github.io", NO },
	{ "https://login.corp.internal", "internal", NO },
	{ "http://rp.localhost", "localhost", NO },
	{ "https://a.b.ck", "b.ck", NO },
	{ "https://www.ck", "ck", NO },
	{ "https://x.www.ck", "www.ck", OK },	/* an exception to *.ck */
	{ "https://city.kawasaki.jp", "kawasaki.jp", NO },
	/* not a suffix */
	{ "https://example.com", "login.example.com", NO },
	{ "https://example.com", "example.org", NO },
	{ "https://badexample.com", "example.com", NO },
	{ "https://example.com.evil.org", "example.com", NO },
	{ "https://login.example.com", "ogin.example.com", NO },
	/* not a domain, or not as browsers write it */
	{ "https://example.com", "", NO },
	{ "https://example.com", ".", NO },
	{ "https://example.com", "EXAMPLE.com", NO },
	{ "https://example.com", "example.com.", NO },
	{ "https://example.com", ".example.com", NO },
	{ "https://a.example.com", ".example.com", NO },
	{ "https://example.com", "https://example.com", NO },
	{ "https://example.com:8443", "example.com:8443", NO },
	{ "https://example.com", "example.com/", NO },
	{ "https://example.com", "*.com", NO },
	{ "https://example.com", "m\xc3\xbcnchen.example.com", NO },
	{ "https://example.com", "example..com", NO },
	{ "https://example.com.", HOST, NO },
	{ "https://a..example.com", "example.com", NO },
	/* addresses */
	{ "https://127.0.0.1", HOST, NO },
	{ "http://127.0.0.1:3000", HOST, NO },
	{ "https://127.0.0.1", "127.0.0.1", NO },
	{ "https://1.2.3.4", "3.4", NO },
	{ "https://127.1", HOST, NO },
	{ "https://2130706433", HOST, NO },
	{ "https://0x7f.1", HOST, NO },
	{ "https://a.b.0xff", HOST, NO },
	{ "https://foo.0x", HOST, NO },
	{ "https://[::1]", HOST, NO },
	{ "http://[::1]:3000", "[::1]", NO },
	/* not a secure context */
	{ "http://example.com", HOST, NO },
	{ "http://example.com", "example.com", NO },
	{ "http://mylocalhost", HOST, NO },
	{ "http://localhost.example.com", HOST, NO },
	{ "http://.localhost", HOST, NO },
};

static void
test_rp_id_against_origin(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(relations); i++) {
		const char *id = relations[i].rp_id, *why;
		struct span given = id != NULL ? span_str(id) :
		    span(NULL, 0), out = span(NULL, 0);
		struct dom_error err = { NULL, "" };
		struct origin o;
		bool ok;

		assert_true(origin_parse(relations[i].origin, &o, &why));
		ok = origin_check(&o, given, &out, &err);
		if (ok != (relations[i].error == NULL))
			fail_msg("%s, %s: %s", relations[i].origin,
			    id != NULL ? id : "(host)",
			    ok ? "allowed" : err.message);
		if (!ok)
			assert_string_equal(err.name, relations[i].error);
		else
			assert_true(span_eq(out,
			    id != NULL ? given : span_str(o.host)));
	}
}

/* What is not said in a message cannot steer a terminal. */
static void
test_rp_id_is_quoted_only_if_it_is_a_domain(void **state)
{
	struct dom_error err = { NULL, "" };
	struct origin o;
	struct span out;
	const char *why;

	(void)state;
	assert_true(origin_parse("https://example.com", &o, &why));
	assert_false(origin_check(&o, span_str("\x1b[2Jx"), &out, &err));
	assert_null(strchr(err.message, '\x1b'));
}

/*
 * clientDataJSON
 */

static const struct {
	const char *text;
	size_t len;
	const char *quoted;
} ccd[] = {	/* WebAuthn Level 3, 5.8.1.1, CCDToString */
	{ "", 0, "\"\"" },
	{ "https://example.com", 19, "\"https://example.com\"" },
	{ "a\"b", 3, "\"a\\\"b\"" },
	{ "a\\b", 3, "\"a\\\\b\"" },
	{ "a/b", 3, "\"a/b\"" },
	{ "\n\r\t\b\f", 5, "\"\\u000a\\u000d\\u0009\\u0008\\u000c\"" },
	{ "\0\x1f \x7f", 4, "\"\\u0000\\u001f \x7f\"" },
	{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
	    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
};

static void
test_ccd_string(void **state)
{
	char out[CCD_STRING_LEN(32) + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(ccd); i++) {
		size_t len = ccd_string(span(ccd[i].text, ccd[i].len), out);

		assert_int_equal(len, strlen(ccd[i].quoted));
		assert_memory_equal(out, ccd[i].quoted, len);
	}
}

static void
test_client_data(void **state)
{
	static const char expected[] = "{\"type\":\"webauthn.get\","
	    "\"challenge\":\"__77AA\",\"origin\":\"https://example.com:8443\","
	    "\"crossOrigin\":false}";
	size_t len = 0;
	char *text = client_data_new("webauthn.get",
	    span("\xff\xfe\xfb", 4), span_str("https://example.com:8443"),
	    &len);

	(void)state;
	assert_non_null(text);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
	free(text);
}

/*
 * SubjectPublicKeyInfo, against what OpenSSL makes
 */

static void
check_spki(EVP_PKEY *pkey, struct span cose, int alg)
{
	uint8_t spki[SPKI_MAX], *expected = NULL;
	int len = i2d_PUBKEY(pkey, &expected), got_alg = 0;

	assert_true(len > 0);
	assert_int_equal(spki_from_cose(cose, spki, &got_alg), len);
	assert_memory_equal(spki, expected, (size_t)len);
	assert_int_equal(got_alg, alg);
	OPENSSL_free(expected);
}

static void
check_spki_ec(const char *curve, enum cose_alg alg, enum cose_curve crv)
{
	EVP_PKEY *pkey = EVP_EC_gen(curve);
	uint8_t point[1 + 2 * 66], cose[COSE_KEY_MAX];
	size_t len = 0, width;

	assert_int_equal(EVP_PKEY_get_octet_string_param(pkey,
	    "encoded-pub-key", point, sizeof(point), &len), 1);
	width = (len - 1) / 2;
	len = cose_ec2(cose, alg, crv, span(point + 1, width),
	    span(point + 1 + width, width));
	check_spki(pkey, span(cose, len), alg);
	EVP_PKEY_free(pkey);
}

static void
test_spki_of_ec_keys(void **state)
{
	(void)state;
	check_spki_ec("P-256", COSE_ES256, COSE_P256);
	check_spki_ec("P-384", COSE_ES384, COSE_P384);
	check_spki_ec("P-521", COSE_ES512, COSE_P521);
	check_spki_ec("secp256k1", COSE_ES256K, COSE_SECP256K1);
}

static void
test_spki_of_ed25519(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t x[32], cose[COSE_KEY_MAX];
	size_t len = sizeof(x);

	(void)state;
	assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, x, &len), 1);
	len = cose_okp(cose, COSE_EDDSA, COSE_ED25519, span(x, len));
	check_spki(pkey, span(cose, len), COSE_EDDSA);
	EVP_PKEY_free(pkey);
}

static void
test_spki_of_ed448(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
	uint8_t x[57], cose[COSE_KEY_MAX];
	size_t len = sizeof(x);

	(void)state;
	assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, x, &len), 1);
	len = cose_okp(cose, COSE_ED448, COSE_CRV_ED448, span(x, len));
	check_spki(pkey, span(cose, len), COSE_ED448);
	EVP_PKEY_free(pkey);
}

/* The heads of the examples in RFC 9881, C */
static void
test_spki_of_ml_dsa(void **state)
{
	static const struct {
		int	alg;
		size_t	len;
		uint8_t	head[22];
	} all[] = {
		{ COSE_ML_DSA_44, 1312, { 0x30, 0x82, 0x05, 0x32, 0x30, 0x0b,
		    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		    0x03, 0x11, 0x03, 0x82, 0x05, 0x21, 0x00 } },
		{ COSE_ML_DSA_65, 1952, { 0x30, 0x82, 0x07, 0xb2, 0x30, 0x0b,
		    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		    0x03, 0x12, 0x03, 0x82, 0x07, 0xa1, 0x00 } },
		{ COSE_ML_DSA_87, 2592, { 0x30, 0x82, 0x0a, 0x32, 0x30, 0x0b,
		    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		    0x03, 0x13, 0x03, 0x82, 0x0a, 0x21, 0x00 } },
	};
	uint8_t pub[2592], cose[COSE_KEY_MAX], spki[SPKI_MAX];
	int alg;

	(void)state;
	memset(pub, 0x5a, sizeof(pub));
	for (size_t i = 0; i < 3; i++) {
		size_t len = cose_akp(cose, all[i].alg, span(pub,
		    all[i].len));

		assert_int_equal(spki_from_cose(span(cose, len), spki, &alg),
		    22 + all[i].len);
		assert_int_equal(alg, all[i].alg);
		assert_memory_equal(spki, all[i].head, 22);
		assert_memory_equal(spki + 22, pub, all[i].len);
		/* one byte less, and of an algorithm of another length */
		len = cose_akp(cose, all[i].alg, span(pub, all[i].len - 1));
		assert_int_equal(spki_from_cose(span(cose, len), spki, &alg),
		    0);
		len = cose_akp(cose, COSE_ES256, span(pub, all[i].len));
		assert_int_equal(spki_from_cose(span(cose, len), spki, &alg),
		    0);
	}
}

static void
test_spki_of_rsa(void **state)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	uint8_t modulus[256], cose[COSE_KEY_MAX];
	BIGNUM *n = NULL;
	size_t len;

	(void)state;
	assert_int_equal(EVP_PKEY_get_bn_param(pkey, "n", &n), 1);
	assert_int_equal(BN_bn2binpad(n, modulus, sizeof(modulus)), 256);
	len = cose_rsa(cose, COSE_RS256, span(modulus, sizeof(modulus)));
	check_spki(pkey, span(cose, len), COSE_RS256);
	BN_free(n);
	EVP_PKEY_free(pkey);
}

static void
test_spki_refuses_malformed_keys(void **state)
{
	uint8_t cose[COSE_KEY_MAX], x[32] = { 1 }, spki[SPKI_MAX];
	size_t len = cose_ec2(cose, COSE_ES256, COSE_P256, span(x, 32),
	    span(x, 32));
	int alg = 0;

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(spki_from_cose(span(cose, cut), spki, &alg),
		    0);
	/* coordinates that are too short for the curve */
	len = cose_ec2(cose, COSE_ES256, COSE_P384, span(x, 32), span(x, 32));
	assert_int_equal(spki_from_cose(span(cose, len), spki, &alg), 0);
	assert_int_equal(alg, COSE_ES256);
}

/*
 * JSON text
 */

static void
test_json_out(void **state)
{
	struct json_out o;
	struct span text;

	(void)state;
	json_out_init(&o);
	json_out_open(&o, '{');
	json_out_name(&o, "a");
	json_out_int(&o, -257);
	json_out_name(&o, "b");
	json_out_open(&o, '[');
	json_out_string(&o, "x\"\\\n{");
	json_out_string(&o, "");
	json_out_bool(&o, true);
	json_out_open(&o, '[');
	json_out_close(&o, ']');
	json_out_close(&o, ']');
	json_out_name(&o, "c");
	json_out_open(&o, '{');
	json_out_close(&o, '}');
	json_out_name(&o, "d");
	json_out_bytes(&o, span("fo", 2));
	json_out_close(&o, '}');
	text = json_out_text(&o);
	assert_true(span_eq(text, span_str("{\"a\":-257,\"b\":"
	    "[\"x\\\"\\\\\\u000a{\",\"\",true,[]],\"c\":{},\"d\":\"Zm8\"}")));
	json_out_done(&o);
}

static void
test_json_out_grows(void **state)
{
	static uint8_t bytes[100000];
	struct json_out o;

	(void)state;
	json_out_init(&o);
	json_out_open(&o, '[');
	for (size_t len = 1; len < sizeof(bytes); len *= 7)
		json_out_bytes(&o, span(bytes, len));
	json_out_close(&o, ']');
	assert_int_equal(json_out_text(&o).len, 2 + 6 + 5 * 3 +
	    BASE64URL_LEN(1 + 7 + 49 + 343 + 2401 + 16807));
	json_out_clear(&o);
	json_out_int(&o, 7);
	assert_true(span_eq(json_out_text(&o), span("7", 1)));
	json_out_done(&o);
}

/*
 * Options. A template has what is required; tests put members into it.
 */

/* The answer as JSON; NULL if there is an error instead. */
static json_t *
take_answer(struct client_fixture *f, bool ok)
{
	struct span text = json_out_text(&f->text);

	assert_true(ok == (f->err.name == NULL));
	if (!ok)
		return NULL;
	assert_null(memchr(text.p, '\n', text.len));
	return client_answer(f);
}

static json_t *
create(struct client_fixture *f, const char *text)
{
	bool ok = webauthn_create(&f->client, span_str(text), &f->text,
	    &f->err);

	return take_answer(f, ok);
}

static json_t *
get(struct client_fixture *f, const char *text)
{
	bool ok = webauthn_get(&f->client, span_str(text), &f->text, &f->err);

	return take_answer(f, ok);
}

static void
create_fails(struct client_fixture *f, const char *text, const char *name)
{
	if (create(f, text) != NULL)
		fail_msg("accepted %s", text);
	if (strcmp(f->err.name, name) != 0)
		fail_msg("%s: %s: %s", text, f->err.name, f->err.message);
	assert_true(strlen(f->err.message) > 0);
}

static void
get_fails(struct client_fixture *f, const char *text, const char *name)
{
	if (get(f, text) != NULL)
		fail_msg("accepted %s", text);
	if (strcmp(f->err.name, name) != 0)
		fail_msg("%s: %s: %s", text, f->err.name, f->err.message);
	assert_true(strlen(f->err.message) > 0);
}

static void
create_works(struct client_fixture *f, const char *text)
{
	if (create(f, text) == NULL)
		fail_msg("%s: %s: %s", text, f->err.name, f->err.message);
}

static void
get_works(struct client_fixture *f, const char *text)
{
	if (get(f, text) == NULL)
		fail_msg("%s: %s: %s", text, f->err.name, f->err.message);
}

/* A member of a response by its path ("response.signature"). */
static const json_t *
at(const json_t *v, const char *path)
{
	char part[64];
	size_t n;

	for (; *path != '\0'; path += n + (path[n] == '.')) {
		n = strcspn(path, ".");
		assert_true(n < sizeof(part));
		memcpy(part, path, n);
		part[n] = '\0';
		v = json_object_get(v, part);
	}
	return v;
}

static const char *
str_at(const json_t *v, const char *path)
{
	const char *s = json_string_value(at(v, path));

	if (s == NULL)
		fail_msg("no text at %s", path);
	return s;
}

static struct span
bytes_at(const json_t *v, const char *path, uint8_t out[static 4096])
{
	size_t len = 0;

	assert_true(strlen(str_at(v, path)) < 4096);
	assert_true(base64url_decode(span_str(str_at(v, path)), out, &len));
	return span(out, len);
}

static void
test_options_that_are_not_json(void **state)
{
	static const char *const wrong[] = { "", "{", "nonsense", "{\"a\":1,}",
	    "{\"a\":1,\"a\":1}", GET "}x", "{\"challenge\":\"\xff\"}",
	    "{'challenge':'AA'}", GET "," GET "}" };

	for (size_t i = 0; i < COUNT(wrong); i++) {
		create_fails(*state, wrong[i], "SyntaxError");
		get_fails(*state, wrong[i], "SyntaxError");
	}
}

static void
test_options_that_are_no_dictionary(void **state)
{
	static const char *const wrong[] = { "[]", "{\"publicKey\":[]}",
	    "{\"publicKey\":null}", "{\"publicKey\":\"x\"}", "[" GET "}]" };

	for (size_t i = 0; i < COUNT(wrong); i++) {
		create_fails(*state, wrong[i], "TypeError");
		get_fails(*state, wrong[i], "TypeError");
	}
}

/* Every member, with every type that it must not have. */
enum type { T_STRING = 1, T_NUMBER = 2, T_BOOL = 4, T_NULL = 8, T_ARRAY = 16,
    T_OBJECT = 32, T_REAL = 64 };

static const struct {
	enum type type;
	const char *json;
} samples[] = {
	{ T_STRING, "\"AAAA\"" }, { T_NUMBER, "1" }, { T_BOOL, "true" },
	{ T_NULL, "null" }, { T_ARRAY, "[]" }, { T_OBJECT, "{}" },
	{ T_REAL, "1.5" },
};

struct member {
	const char *before;	/* options up to the value, and after it */
	const char *after;
	int allowed;		/* enum type */
};

#define DICT	(T_OBJECT | T_NULL)
#define ANY	127	/* JavaScript makes a boolean or number of it */
#define TEXT	(T_STRING | T_NUMBER | T_BOOL | T_NULL)
#define WORD	TEXT	/* unknown words are ignored */

static const struct member create_members[] = {
	{ "{\"rp\":{\"name\":\"RP\"},\"pubKeyCredParams\":[],\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"challenge\":", "}", T_STRING },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"rp\":", "}", 0 },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"rp\":{\"name\":", "}}", TEXT },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"rp\":{\"name\":\"RP\",\"id\":", "}}", 0 },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],"
	    "\"rp\":{\"name\":\"RP\"},\"user\":", "}", 0 },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],"
	    "\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"name\":\"n\",\"displayName\":\"d\",\"id\":", "}}", T_STRING },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],"
	    "\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"id\":\"AQ\",\"displayName\":\"d\",\"name\":", "}}", TEXT },
	{ "{\"challenge\":\"AA\",\"pubKeyCredParams\":[],"
	    "\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":", "}}", TEXT },
	{ "{\"challenge\":\"AA\",\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"pubKeyCredParams\":", "}", T_ARRAY },
	{ "{\"challenge\":\"AA\",\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"pubKeyCredParams\":[", "]}", 0 },
	{ "{\"challenge\":\"AA\",\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-7},"
	    "{\"alg\":-8,\"type\":", "}]}", TEXT },
	{ "{\"challenge\":\"AA\",\"rp\":{\"name\":\"RP\"},\"user\":"
	    "{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-7},"
	    "{\"type\":\"public-key\",\"alg\":", "}]}", T_NUMBER },
	{ CREATE ",\"timeout\":", "}", ANY },
	{ CREATE ",\"excludeCredentials\":", "}", T_ARRAY },
	{ CREATE ",\"excludeCredentials\":[", "]}", 0 },
	{ CREATE ",\"excludeCredentials\":[{\"id\":\"AA\",\"type\":", "}]}",
	    TEXT },
	{ CREATE ",\"excludeCredentials\":[{\"type\":\"public-key\",\"id\":",
	    "}]}", T_STRING },
	{ CREATE ",\"excludeCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AA\",\"transports\":", "}]}", T_ARRAY },
	{ CREATE ",\"excludeCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AA\",\"transports\":[", "]}]}", TEXT },
	{ CREATE ",\"authenticatorSelection\":", "}", DICT },
	{ CREATE ",\"authenticatorSelection\":{\"authenticatorAttachment\":",
	    "}}", WORD },
	{ CREATE ",\"authenticatorSelection\":{\"residentKey\":", "}}", WORD },
	{ CREATE ",\"authenticatorSelection\":{\"userVerification\":", "}}",
	    WORD },
	{ CREATE ",\"authenticatorSelection\":{\"requireResidentKey\":", "}}",
	    ANY },
	{ CREATE ",\"hints\":", "}", T_ARRAY },
	{ CREATE ",\"hints\":[", "]}", TEXT },
	{ CREATE ",\"attestation\":", "}", WORD },
	{ CREATE ",\"attestationFormats\":", "}", T_ARRAY },
	{ CREATE ",\"attestationFormats\":[", "]}", TEXT },
	{ CREATE ",\"extensions\":", "}", DICT },
	{ CREATE ",\"extensions\":{\"credProps\":", "}}", ANY },
	{ CREATE ",\"extensions\":{\"hmacCreateSecret\":", "}}", ANY },
	{ CREATE ",\"extensions\":{\"credentialProtectionPolicy\":", "}}", 0 },
	{ CREATE ",\"extensions\":{\"credentialProtectionPolicy\":"
	    "\"userVerificationOptional\","
	    "\"enforceCredentialProtectionPolicy\":", "}}", ANY },
	{ CREATE ",\"extensions\":{\"prf\":", "}}", DICT },
	{ CREATE ",\"extensions\":{\"prf\":{\"eval\":", "}}}", T_NULL },
	{ CREATE ",\"extensions\":{\"prf\":{\"eval\":{\"first\":", "}}}}",
	    T_STRING },
	{ CREATE ",\"extensions\":{\"prf\":{\"eval\":{\"first\":\"AA\","
	    "\"second\":", "}}}}", T_STRING },
	{ CREATE ",\"extensions\":{\"minPinLength\":", "}}", ANY },
	{ CREATE ",\"extensions\":{\"credBlob\":", "}}", T_STRING },
	{ CREATE ",\"extensions\":{\"largeBlob\":", "}}", DICT },
	{ CREATE ",\"extensions\":{\"largeBlob\":{\"support\":", "}}}",
	    WORD },
	/* What browsers do not know is not looked at. */
	{ CREATE ",\"unknown\":", "}", 127 },
	{ CREATE ",\"extensions\":{\"unknown\":", "}}", 127 },
	{ CREATE ",\"extensions\":{\"uvm\":", "}}", 127 },
};

static const struct member get_members[] = {
	{ "{\"challenge\":", "}", T_STRING },
	{ GET ",\"timeout\":", "}", ANY },
	{ GET ",\"rpId\":", "}", 0 },
	{ GET ",\"allowCredentials\":", "}", T_ARRAY },
	{ GET ",\"allowCredentials\":[", "]}", 0 },
	{ GET ",\"allowCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AA\"},{\"id\":\"AA\",\"type\":", "}]}", TEXT },
	{ GET ",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":",
	    "}]}", T_STRING },
	{ GET ",\"userVerification\":", "}", WORD },
	{ GET ",\"hints\":", "}", T_ARRAY },
	{ GET ",\"hints\":[", "]}", TEXT },
	{ GET ",\"extensions\":", "}", DICT },
	{ GET ",\"extensions\":{\"prf\":", "}}", DICT },
	{ GET ",\"extensions\":{\"prf\":{\"eval\":", "}}}", T_NULL },
	{ GET ",\"extensions\":{\"prf\":{\"eval\":{\"first\":", "}}}}",
	    T_STRING },
	{ GET ",\"extensions\":{\"prf\":{\"evalByCredential\":", "}}}",
	    DICT },
	{ GET ",\"extensions\":{\"hmacGetSecret\":", "}}", T_NULL },
	{ GET ",\"extensions\":{\"hmacGetSecret\":{\"salt1\":", "}}}", 0 },
	{ GET ",\"extensions\":{\"getCredBlob\":", "}}", ANY },
	{ GET ",\"extensions\":{\"largeBlob\":", "}}", DICT },
	{ GET ",\"extensions\":{\"largeBlob\":{\"read\":", "}}}", ANY },
	{ GET ",\"allowCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AA\"}],\"extensions\":{\"largeBlob\":{\"write\":",
	    "}}}", T_STRING },
	{ GET ",\"unknown\":", "}", 127 },
};

static void
check_member(struct client_fixture *f, const struct member *m, size_t sample,
    bool creating)
{
	bool allowed = (m->allowed & (int)samples[sample].type) != 0;
	/* A text in the wrong place can be a wrong domain as well. */
	const char *name = strstr(m->before, "\"rp\":{\"name\":\"RP\",\"id\"")
	    != NULL || strstr(m->before, "rpId") != NULL ? "SecurityError" :
	    "TypeError";
	char text[1024];

	if ((samples[sample].type & TEXT) == 0)
		name = "TypeError";
	snprintf(text, sizeof(text), "%s%s%s", m->before,
	    samples[sample].json, m->after);
	if (allowed && creating)
		create_works(f, text);
	else if (allowed)
		get_works(f, text);
	else if (creating)
		create_fails(f, text, name);
	else
		get_fails(f, text, name);
}

static void
test_options_of_every_wrong_type(void **state)
{
	for (size_t s = 0; s < COUNT(samples); s++) {
		for (size_t i = 0; i < COUNT(create_members); i++)
			check_member(*state, &create_members[i], s, true);
		for (size_t i = 0; i < COUNT(get_members); i++)
			check_member(*state, &get_members[i], s, false);
	}
}

static void
test_options_without_a_required_member(void **state)
{
	static const char *const wrong[] = { "{}", "{\"publicKey\":{}}",
	    "{\"challenge\":\"AA\"}",
	    "{\"challenge\":\"AA\",\"rp\":{},\"user\":{\"id\":\"AQ\","
	    "\"name\":\"n\",\"displayName\":\"d\"},\"pubKeyCredParams\":[]}",
	    "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\"},\"user\":{\"name\":"
	    "\"n\",\"displayName\":\"d\"},\"pubKeyCredParams\":[]}",
	    "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\"},\"user\":{\"id\":"
	    "\"AQ\",\"displayName\":\"d\"},\"pubKeyCredParams\":[]}",
	    "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\"},\"user\":{\"id\":"
	    "\"AQ\",\"name\":\"n\"},\"pubKeyCredParams\":[]}",
	    "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\"},\"user\":{\"id\":"
	    "\"AQ\",\"name\":\"n\",\"displayName\":\"d\"}}",
	    "{\"rp\":{\"name\":\"\"},\"user\":{\"id\":\"AQ\",\"name\":\"n\","
	    "\"displayName\":\"d\"},\"pubKeyCredParams\":[]}",
	    CREATE ",\"excludeCredentials\":[{\"id\":\"AA\"}]}",
	    CREATE ",\"excludeCredentials\":[{\"type\":\"public-key\"}]}",
	    CREATE ",\"extensions\":{\"prf\":{\"eval\":{}}}}" };

	for (size_t i = 0; i < COUNT(wrong); i++)
		create_fails(*state, wrong[i], "TypeError");
	get_fails(*state, "{}", "TypeError");
	get_fails(*state, GET ",\"extensions\":{\"prf\":{\"eval\":{}}}}",
	    "TypeError");
}

static void
test_options_with_bad_base64url(void **state)
{
	get_fails(*state, "{\"challenge\":\"AA==\"}", "EncodingError");
	get_fails(*state, "{\"challenge\":\"A+/A\"}", "EncodingError");
	get_fails(*state, GET ",\"allowCredentials\":[{\"type\":"
	    "\"public-key\",\"id\":\"A\"}]}", "EncodingError");
	get_fails(*state, GET ",\"extensions\":{\"prf\":{\"eval\":{\"first\":"
	    "\"!\"}}}}", "EncodingError");
	create_fails(*state, "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\"},"
	    "\"user\":{\"id\":\"AR\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"pubKeyCredParams\":[]}", "EncodingError");
}

static void
test_options_user_id_of_1_to_64_bytes(void **state)
{
	static const struct {
		size_t chars;
		bool ok;
	} lengths[] = { { 0, false }, { 2, true }, { 86, true },
	    { 87, false }, { 2000, false } };
	char text[4096], id[2001];

	for (size_t i = 0; i < COUNT(lengths); i++) {
		memset(id, 'A', lengths[i].chars);
		id[lengths[i].chars] = '\0';
		snprintf(text, sizeof(text), "{\"challenge\":\"AA\",\"rp\":"
		    "{\"name\":\"\"},\"user\":{\"id\":\"%s\",\"name\":\"n\","
		    "\"displayName\":\"d\"},\"pubKeyCredParams\":[]}", id);
		if (lengths[i].ok)
			create_works(*state, text);
		else
			create_fails(*state, text, "TypeError");
	}
}

static void
test_options_longer_than_a_mebibyte(void **state)
{
	size_t len = WEBAUTHN_INPUT_MAX + 1;
	struct client_fixture *f = *state;
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, ' ', len);
	memcpy(text, GET "}", strlen(GET) + 1);
	assert_false(webauthn_get(&f->client, span(text, len), &f->text,
	    &f->err));
	assert_string_equal(f->err.name, "NotSupportedError");
	assert_true(webauthn_get(&f->client, span(text, len - 1), &f->text,
	    &f->err));
	free(text);
}

static void
test_options_under_public_key(void **state)
{
	create_works(*state, "{\"publicKey\":" CREATE "},\"mediation\":1}");
	get_works(*state, "{\"publicKey\":" GET "}}");
}

/*
 * Origin and RP ID in the ceremonies
 */

static void
test_rp_id_default_is_the_host(void **state)
{
	struct client_fixture *f = *state;

	create_works(f, CREATE "}");
	assert_true(f->fake.make.rp_id.len == strlen("login.example.com"));
	get_works(f, GET "}");
	assert_true(f->fake.get.rp_id.len == strlen("login.example.com"));
	get_works(f, GET ",\"rpId\":\"example.com\"}");
	assert_true(f->fake.get.rp_id.len == strlen("example.com"));
}

static void
test_rp_id_of_somebody_else(void **state)
{
	struct client_fixture *f = *state;

	get_fails(f, GET ",\"rpId\":\"example.org\"}", "SecurityError");
	get_fails(f, GET ",\"rpId\":\"com\"}", "SecurityError");
	create_fails(f, "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\","
	    "\"id\":\"evil.example\"},\"user\":{\"id\":\"AQ\",\"name\":\"n\","
	    "\"displayName\":\"d\"},\"pubKeyCredParams\":[]}",
	    "SecurityError");
	assert_int_equal(f->fake.makes + f->fake.gets + f->fake.probes, 0);
}

/*
 * Registration
 */

static void
test_create_response_has_all_members(void **state)
{
	uint8_t a[4096], b[4096], hash[32];
	struct client_fixture *f = *state;
	json_t *r;
	struct span data;

	create_works(f, CREATE ",\"attestation\":\"direct\"}");
	r = f->out;
	assert_string_equal(str_at(r, "type"), "public-key");
	assert_string_equal(str_at(r, "id"), str_at(r, "rawId"));
	assert_true(span_eq(bytes_at(r, "id", a), span(f->fake.id,
	    FAKE_ID_LEN)));
	assert_string_equal(str_at(r, "authenticatorAttachment"),
	    "cross-platform");
	data = bytes_at(r, "response.clientDataJSON", a);
	assert_true(span_eq(data, span_str("{\"type\":\"webauthn.create\","
	    "\"challenge\":\"AAECAw\",\"origin\":\"https://login.example.com\""
	    ",\"crossOrigin\":false}")));
	SHA256(data.p, data.len, hash);
	assert_memory_equal(hash, f->fake.hash, sizeof(hash));
	data = bytes_at(r, "response.authenticatorData", b);
	assert_memory_equal(data.p, f->fake.auth_data, data.len);
	assert_int_equal(json_integer_value(at(r,
	    "response.publicKeyAlgorithm")), COSE_ES256);
	assert_int_equal(bytes_at(r, "response.publicKey", b).len, 91);
	assert_string_equal(json_string_value(json_array_get(at(r,
	    "response.transports"), 0)), "usb");
	assert_int_equal(json_object_size(at(r, "clientExtensionResults")),
	    0);
	assert_true(json_is_object(at(r, "clientExtensionResults")));
}

static struct span
object_of(struct client_fixture *f, uint8_t out[static 4096])
{
	struct span object = bytes_at(f->out, "response.attestationObject",
	    out);

	assert_true(cbor_check(object));
	return object;
}

static bool
starts_with(struct span s, const char *prefix, size_t len)
{
	return s.len >= len && memcmp(s.p, prefix, len) == 0;
}

static const uint8_t *
aaguid_in(struct client_fixture *f, uint8_t out[static 4096])
{
	struct span data = bytes_at(f->out, "response.authenticatorData",
	    out);

	assert_true(data.len > 53);
	return data.p + 37;
}

static const uint8_t blank[16];

static void
check_blanked(struct client_fixture *f)
{
	uint8_t a[4096];
	struct span object;

	object = object_of(f, a);
	assert_true(starts_with(object, "\xa3\x63" "fmt\x64none"
	    "\x67" "attStmt\xa0\x68" "authData", 28));
	/* the AAGUID inside the object, behind flags and counter */
	assert_memory_equal(a + object.len - f->fake.public_key.len - 50,
	    blank, 16);
	assert_memory_equal(aaguid_in(f, a), blank, 16);
}

static void
test_conveyance_none_is_the_default(void **state)
{
	create_works(*state, CREATE "}");
	check_blanked(*state);
	create_works(*state, CREATE ",\"attestation\":\"none\"}");
	check_blanked(*state);
	create_works(*state, CREATE ",\"attestation\":\"unheard-of\"}");
	check_blanked(*state);
}

static void
check_passed(struct client_fixture *f)
{
	uint8_t a[4096];

	assert_true(starts_with(object_of(f, a), "\xa3\x63" "fmt\x66packed"
	    "\x67" "attStmt\xa2\x63" "alg", 25));
	assert_memory_equal(aaguid_in(f, a), f->fake.aaguid, 16);
}

static void
test_conveyance_of_other_kinds_passes(void **state)
{
	create_works(*state, CREATE ",\"attestation\":\"direct\"}");
	check_passed(*state);
	create_works(*state, CREATE ",\"attestation\":\"indirect\"}");
	check_passed(*state);
	create_works(*state, CREATE ",\"attestation\":\"enterprise\"}");
	check_passed(*state);
}

/* As a browser says it that was told to: platform-managed. */
static void
test_enterprise_is_asked_of_tokens_that_have_it(void **state)
{
	struct client_fixture *f = *state;

	create_works(f, CREATE ",\"attestation\":\"enterprise\"}");
	assert_int_equal(f->fake.make.enterprise, 0);
	assert_true(f->client.not_enterprise);
	create_works(f, CREATE ",\"attestation\":\"direct\"}");
	assert_false(f->client.not_enterprise);
	f->client.info.ep = true;
	create_works(f, CREATE ",\"attestation\":\"direct\"}");
	assert_int_equal(f->fake.make.enterprise, 0);
	create_works(f, CREATE ",\"attestation\":\"enterprise\"}");
	assert_int_equal(f->fake.make.enterprise, 2);
	assert_false(f->client.not_enterprise);
	check_passed(f);
}

static void
test_enterprise_refused_is_told(void **state)
{
	struct client_fixture *f = *state;

	f->client.info.ep = true;
	f->fake.status = CTAP1_ERR_INVALID_PARAMETER;
	create_fails(f, CREATE ",\"attestation\":\"enterprise\"}",
	    "NotAllowedError");
	assert_int_equal(f->fake.makes, 1);
	assert_non_null(strstr(f->err.message, "(0x02)"));
}

static void
test_conveyance_none_keeps_blank_self_attestation(void **state)
{
	struct client_fixture *f = *state;

	memset(f->fake.aaguid, 0, sizeof(f->fake.aaguid));
	create_works(f, CREATE "}");
	check_passed(f);
	/* with a chain it is not self attestation */
	f->fake.att_stmt = span("\xa3\x63" "alg\x26\x63sig\x41\x00\x63x5c\x80",
	    17);
	create_works(f, CREATE "}");
	check_blanked(f);
}

static void
test_create_selection(void **state)
{
	static const struct {
		const char *selection;
		bool rk, uv;
		unsigned protect;
	} cases[] = {
		{ "{}", false, true, 0 },
		{ "{\"residentKey\":\"discouraged\"}", false, true, 0 },
		{ "{\"residentKey\":\"preferred\"}", true, true, 2 },
		{ "{\"residentKey\":\"required\"}", true, true, 2 },
		{ "{\"requireResidentKey\":true}", true, true, 2 },
		{ "{\"requireResidentKey\":false}", false, true, 0 },
		{ "{\"residentKey\":\"discouraged\","
		    "\"requireResidentKey\":true}", false, true, 0 },
		{ "{\"residentKey\":\"unheard-of\","
		    "\"requireResidentKey\":true}", true, true, 2 },
		{ "{\"userVerification\":\"discouraged\"}", false, false, 0 },
		{ "{\"residentKey\":\"required\","
		    "\"userVerification\":\"discouraged\"}", true, true, 2 },
		{ "{\"userVerification\":\"preferred\"}", false, true, 0 },
		{ "{\"userVerification\":\"required\"}", false, true, 0 },
		{ "{\"userVerification\":\"unheard-of\"}", false, true, 0 },
		{ "{\"residentKey\":\"required\",\"userVerification\":"
		    "\"required\"}", true, true, 3 },
		{ "{\"authenticatorAttachment\":\"cross-platform\"}", false,
		    true, 0 },
		{ "{\"authenticatorAttachment\":\"unheard-of\"}", false,
		    true, 0 },
	};
	struct client_fixture *f = *state;
	char text[1024];

	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), CREATE
		    ",\"authenticatorSelection\":%s}", cases[i].selection);
		create_works(f, text);
		assert_int_equal(f->fake.make.rk, cases[i].rk);
		assert_int_equal(f->fake.make.uv, cases[i].uv);
		assert_int_equal(f->fake.make.protect, cases[i].protect);
	}
}

static void
test_create_on_a_token_that_can_do_less(void **state)
{
	struct client_fixture *f = *state;

	f->client.info.rk = f->client.info.verifies = false;
	f->client.info.cred_protect = f->client.info.hmac_secret = false;
	create_works(f, CREATE ",\"authenticatorSelection\":{\"residentKey\":"
	    "\"preferred\",\"userVerification\":\"preferred\"},\"extensions\":"
	    "{\"prf\":{},\"credProps\":true}}");
	assert_false(f->fake.make.rk);
	assert_false(f->fake.make.uv);
	assert_false(f->fake.make.hmac_secret);
	assert_int_equal(f->fake.make.protect, 0);
	assert_true(json_is_false(at(f->out,
	    "clientExtensionResults.credProps.rk")));
	assert_true(json_is_false(at(f->out,
	    "clientExtensionResults.prf.enabled")));
	create_fails(f, CREATE ",\"authenticatorSelection\":{\"residentKey\":"
	    "\"required\"}}", "ConstraintError");
	create_fails(f, CREATE ",\"authenticatorSelection\":"
	    "{\"userVerification\":\"required\"}}", "ConstraintError");
	get_fails(f, GET ",\"userVerification\":\"required\"}",
	    "NotAllowedError");
	create_fails(f, CREATE ",\"extensions\":{"
	    "\"credentialProtectionPolicy\":\"userVerificationRequired\","
	    "\"enforceCredentialProtectionPolicy\":true}}",
	    "NotAllowedError");
}

/* CTAP 2.0 knew neither transports nor algorithms in getInfo. */
static void
test_create_on_a_token_that_says_less(void **state)
{
	struct client_fixture *f = *state;

	f->client.info.alg_count = 0;
	f->client.info.transport_count = 0;
	create_works(f, CREATE "}");
	assert_int_equal(f->fake.make.alg_count, 1);
	assert_int_equal(json_array_size(at(f->out, "response.transports")),
	    1);
	assert_string_equal(json_string_value(json_array_get(at(f->out,
	    "response.transports"), 0)), "usb");
}

static void
test_transports_are_sorted(void **state)
{
	static const char *const sorted[] = { "ble", "nfc", "usb" };
	struct client_fixture *f = *state;
	struct token_info *info = &f->fake.info;

	strcpy(info->transports[0], "usb");
	strcpy(info->transports[1], "ble");
	strcpy(info->transports[2], "nfc");
	info->transport_count = 3;
	webauthn_client_done(&f->client);
	assert_int_equal(webauthn_client_init(&f->client,
	    &(struct origin){ .text = "https://example.com",
		.host = "example.com", .https = true }, false,
	    &f->fake.token), 0);
	create_works(f, CREATE "}");
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(json_string_value(json_array_get(
		    at(f->out, "response.transports"), i)), sorted[i]);
}

static void
test_create_attachment(void **state)
{
	static const char platform[] = CREATE ",\"authenticatorSelection\":"
	    "{\"authenticatorAttachment\":\"platform\"}}";
	static const char roaming[] = CREATE ",\"authenticatorSelection\":"
	    "{\"authenticatorAttachment\":\"cross-platform\"}}";
	struct client_fixture *f = *state;

	create_works(f, roaming);
	create_fails(f, platform, "NotAllowedError");
	f->client.platform = true;
	create_fails(f, roaming, "NotAllowedError");
	create_works(f, platform);
	assert_string_equal(str_at(f->out, "authenticatorAttachment"),
	    "platform");
	assert_string_equal(json_string_value(json_array_get(at(f->out,
	    "response.transports"), 0)), "internal");
}

static void
test_create_algorithms(void **state)
{
	static const struct {
		const char *params;
		size_t count;
		int first;
	} cases[] = {
		/* empty: ES256 and RS256 */
		{ "[]", 2, COSE_ES256 },
		/* what the token does not have is left out */
		{ "[{\"type\":\"public-key\",\"alg\":-36},{\"type\":"
		    "\"public-key\",\"alg\":-257}]", 1, COSE_RS256 },
		/* the relying party's order, without repetition */
		{ "[{\"type\":\"public-key\",\"alg\":-8},{\"type\":"
		    "\"public-key\",\"alg\":-7},{\"type\":\"public-key\","
		    "\"alg\":-8}]", 2, COSE_EDDSA },
		/* other types are not for us */
		{ "[{\"type\":\"other\",\"alg\":-7},{\"type\":\"public-key\","
		    "\"alg\":-257}]", 1, COSE_RS256 },
	};
	static const char *const wrong[] = {
		"[{\"type\":\"public-key\",\"alg\":-36}]",
		"[{\"type\":\"other\",\"alg\":-7}]",
		"[{\"type\":\"public-key\",\"alg\":0}]",
	};
	struct client_fixture *f = *state;
	uint8_t *alg;
	char text[1024];

	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"challenge\":\"AA\",\"rp\":"
		    "{\"name\":\"\"},\"user\":{\"id\":\"AQ\",\"name\":\"n\","
		    "\"displayName\":\"d\"},\"pubKeyCredParams\":%s}",
		    cases[i].params);
		create_works(f, text);
		assert_int_equal(f->fake.make.alg_count, cases[i].count);
		alg = memmem(f->fake.request, f->fake.request_len,
		    "\xa2\x63" "alg", 5);
		assert_non_null(alg);
		assert_int_equal(alg[5], cases[i].first == COSE_RS256 ? 0x39 :
		    0x20 - 1 - cases[i].first);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(text, sizeof(text), "{\"challenge\":\"AA\",\"rp\":"
		    "{\"name\":\"\"},\"user\":{\"id\":\"AQ\",\"name\":\"n\","
		    "\"displayName\":\"d\"},\"pubKeyCredParams\":%s}",
		    wrong[i]);
		create_fails(f, text, "NotSupportedError");
	}
}

static void
test_create_too_many_algorithms(void **state)
{
	char text[8192] = "{\"challenge\":\"AA\",\"rp\":{\"name\":\"\"},"
	    "\"user\":{\"id\":\"AQ\",\"name\":\"n\",\"displayName\":\"d\"},"
	    "\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-7}";
	size_t n = strlen(text);

	for (int i = 0; i < WEBAUTHN_ALGS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",{\"type\":\"public-key\",\"alg\":%d}", 1000 + i);
	snprintf(text + n, sizeof(text) - n, "]}");
	create_fails(*state, text, "NotSupportedError");
	/* one less is fine: the last entry repeats the one before */
	memcpy(text + n - 5, "1062", 4);
	create_works(*state, text);
}

static void
test_create_extensions(void **state)
{
	struct client_fixture *f = *state;

	create_works(f, CREATE ",\"extensions\":{\"credProps\":true,"
	    "\"hmacCreateSecret\":true,\"prf\":{\"eval\":{\"first\":\"AA\"}},"
	    "\"credentialProtectionPolicy\":\"userVerificationRequired\","
	    "\"enforceCredentialProtectionPolicy\":true,\"uvm\":\"x\"}}");
	assert_true(f->fake.make.hmac_secret);
	assert_int_equal(f->fake.make.protect, 3);
	assert_true(json_is_false(at(f->out,
	    "clientExtensionResults.credProps.rk")));
	assert_true(json_is_true(at(f->out,
	    "clientExtensionResults.prf.enabled")));
	assert_true(json_is_true(at(f->out,
	    "clientExtensionResults.hmacCreateSecret")));
	assert_int_equal(json_object_size(at(f->out,
	    "clientExtensionResults")), 3);
	/* said by the relying party, it is not raised for rk */
	create_works(f, CREATE ",\"authenticatorSelection\":{\"residentKey\":"
	    "\"required\"},\"extensions\":{\"credentialProtectionPolicy\":"
	    "\"userVerificationOptional\",\"credProps\":true}}");
	assert_int_equal(f->fake.make.protect, 1);
	assert_true(json_is_true(at(f->out,
	    "clientExtensionResults.credProps.rk")));
	create_fails(f, CREATE ",\"extensions\":{"
	    "\"credentialProtectionPolicy\":\"unheard-of\"}}", "TypeError");
	create_fails(f, CREATE ",\"extensions\":{\"prf\":{"
	    "\"evalByCredential\":{}}}}", "NotSupportedError");
}

static void
test_create_names_are_cut_between_characters(void **state)
{
	struct client_fixture *f = *state;
	char name[400], text[2048];

	for (size_t i = 0; i < 130; i++)
		memcpy(name + 3 * i, "\xe2\x82\xac", 3);
	name[390] = '\0';
	snprintf(text, sizeof(text), "{\"challenge\":\"AA\",\"rp\":{\"name\":"
	    "\"%s\"},\"user\":{\"id\":\"AQ\",\"name\":\"%s\",\"displayName\":"
	    "\"%s\"},\"pubKeyCredParams\":[]}", name, name, name);
	create_works(f, text);
	assert_int_equal(f->fake.make.user_name.len, 126);
	assert_int_equal(f->fake.make.user_display_name.len, 126);
	assert_int_equal(f->fake.make.rp_name.len, 126);
}

static void
test_create_token_errors(void **state)
{
	static const struct {
		int status;
		const char *name;
	} cases[] = {
		{ CTAP2_ERR_CREDENTIAL_EXCLUDED, "InvalidStateError" },
		{ CTAP2_ERR_UNSUPPORTED_ALGORITHM, "NotSupportedError" },
		{ CTAP2_ERR_UNSUPPORTED_OPTION, "ConstraintError" },
		{ CTAP2_ERR_OPERATION_DENIED, "NotAllowedError" },
		{ CTAP2_ERR_USER_ACTION_TIMEOUT, "NotAllowedError" },
		{ CTAP2_ERR_KEY_STORE_FULL, "NotAllowedError" },
		{ CTAP2_ERR_PUAT_REQUIRED, "NotAllowedError" },
		{ CTAP1_ERR_OTHER, "NotAllowedError" },
		{ 0xf0, "NotAllowedError" },
		{ -ENODEV, "NotAllowedError" },
		{ -EPROTO, "NotAllowedError" },
	};
	struct client_fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		f->fake.status = cases[i].status;
		create_fails(f, CREATE "}", cases[i].name);
	}
}

static void
test_get_token_errors(void **state)
{
	static const int statuses[] = { CTAP2_ERR_NO_CREDENTIALS,
	    CTAP2_ERR_CREDENTIAL_EXCLUDED, CTAP2_ERR_UNSUPPORTED_OPTION,
	    CTAP2_ERR_OPERATION_DENIED, CTAP1_ERR_OTHER, 0xff, -EIO };
	struct client_fixture *f = *state;

	for (size_t i = 0; i < COUNT(statuses); i++) {
		f->fake.status = statuses[i];
		get_fails(f, GET "}", "NotAllowedError");
	}
}

static void
test_create_with_authenticator_data_that_cannot_be_read(void **state)
{
	uint8_t data[37] = { 0 };
	struct client_fixture *f = *state;

	for (size_t len = 0; len <= sizeof(data); len++) {
		f->fake.raw_auth_data = span(data, len);
		create_fails(f, CREATE "}", "NotAllowedError");
	}
	data[32] = AUTHDATA_AT;		/* promised, and not there */
	create_fails(f, CREATE "}", "NotAllowedError");
}

/*
 * Sign-in
 */

static void
test_get_response_has_all_members(void **state)
{
	uint8_t a[4096], hash[32];
	struct client_fixture *f = *state;
	struct span data;

	get_works(f, GET "}");
	assert_string_equal(str_at(f->out, "type"), "public-key");
	assert_string_equal(str_at(f->out, "id"), str_at(f->out, "rawId"));
	assert_string_equal(str_at(f->out, "authenticatorAttachment"),
	    "cross-platform");
	data = bytes_at(f->out, "response.clientDataJSON", a);
	assert_true(starts_with(data, "{\"type\":\"webauthn.get\",", 23));
	SHA256(data.p, data.len, hash);
	assert_memory_equal(hash, f->fake.hash, sizeof(hash));
	assert_int_equal(bytes_at(f->out, "response.authenticatorData",
	    a).len, 37);
	assert_true(span_eq(bytes_at(f->out, "response.signature", a),
	    span(f->fake.sig, sizeof(f->fake.sig))));
	assert_true(span_eq(bytes_at(f->out, "response.userHandle", a),
	    span("user", 4)));
	assert_true(json_is_object(at(f->out, "clientExtensionResults")));
}

static void
test_get_takes_the_only_credential_if_the_token_says_none(void **state)
{
	static const char two[] = GET ",\"allowCredentials\":[{\"type\":"
	    "\"public-key\",\"id\":\"AQID\"},{\"type\":\"public-key\",\"id\":"
	    "\"BAUG\"}]}";
	struct client_fixture *f = *state;

	f->fake.omit_id = true;
	get_works(f, GET ",\"allowCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"AQID\"}]}");
	assert_string_equal(str_at(f->out, "id"), "AQID");
	assert_null(at(f->out, "response.userHandle"));
	get_fails(f, two, "NotAllowedError");
	get_fails(f, GET "}", "NotAllowedError");
}

/* An impossible list must not become "whoever you are". */
static void
test_get_with_a_list_of_nothing_usable(void **state)
{
	struct client_fixture *f = *state;

	get_fails(f, GET ",\"allowCredentials\":[{\"type\":\"other\",\"id\":"
	    "\"AQID\"}]}", "NotAllowedError");
	get_fails(f, GET ",\"allowCredentials\":[{\"type\":\"public-key\","
	    "\"id\":\"\"}]}", "NotAllowedError");
	assert_int_equal(f->fake.gets, 0);
	get_works(f, GET ",\"allowCredentials\":[]}");
	get_works(f, GET ",\"allowCredentials\":[{\"type\":\"other\",\"id\":"
	    "\"AQID\"},{\"type\":\"public-key\",\"id\":\"BAUG\"}]}");
	assert_int_equal(f->fake.get.allow_count, 1);
}

static void
test_get_user_verification(void **state)
{
	struct client_fixture *f = *state;

	get_works(f, GET "}");
	assert_true(f->fake.get.uv);
	get_works(f, GET ",\"userVerification\":\"required\"}");
	assert_true(f->fake.get.uv);
	get_works(f, GET ",\"userVerification\":\"discouraged\"}");
	assert_false(f->fake.get.uv);
	/* prf always means the secret that goes with verification */
	get_works(f, GET ",\"userVerification\":\"discouraged\","
	    "\"extensions\":{\"prf\":{\"eval\":{\"first\":\"AA\"}}}}");
	assert_true(f->fake.get.uv);
}

/* A list of count IDs, each of len bytes that are its number. */
static char *
options_with_list(const char *before, const char *name, unsigned count,
    size_t len, const char *after)
{
	size_t each = BASE64URL_LEN(len) + 64;
	char *text = malloc(strlen(before) + 64 + count * each +
	    strlen(after)), *p = text;
	uint8_t id[CREDENTIAL_ID_MAX + 1];

	assert_non_null(text);
	p += sprintf(p, "%s,\"%s\":[", before, name);
	for (unsigned i = 0; i < count; i++) {
		memset(id, (int)i + 1, len);
		p += sprintf(p, "%s{\"type\":\"public-key\",\"id\":\"",
		    i > 0 ? "," : "");
		base64url_encode(span(id, len), p);
		p += BASE64URL_LEN(len);
		p += sprintf(p, "\"}");
	}
	sprintf(p, "]%s}", after);
	return text;
}

static void
test_lists_of_more_than_64_entries(void **state)
{
	char *most = options_with_list(GET, "allowCredentials", 64, 8, "");
	char *more = options_with_list(GET, "allowCredentials", 65, 8, "");

	get_works(*state, most);
	get_fails(*state, more, "NotSupportedError");
	free(most);
	free(more);
}

static void
test_get_with_a_list_too_long_for_the_token(void **state)
{
	char *text = options_with_list(GET, "allowCredentials", 64, 600, "");
	struct client_fixture *f = *state;
	uint8_t id[600];

	memset(id, 50, sizeof(id));
	f->fake.has_id = span(id, sizeof(id));
	get_works(f, text);
	assert_true(f->fake.probes > 1);
	assert_int_equal(f->fake.get.allow_count, 1);
	assert_true(f->fake.get.uv);
	/* found without verification first; a hidden one with it */
	f->fake.hidden = true;
	get_works(f, text);
	assert_int_equal(f->fake.get.allow_count, 1);
	/* none of them */
	f->fake.has_id = span(id, 10);
	f->fake.gets = 0;
	get_fails(f, text, "NotAllowedError");
	assert_int_equal(f->fake.gets, 0);
	free(text);
}

static void
test_get_with_a_list_too_long_for_getinfo_07(void **state)
{
	char *text = options_with_list(GET, "allowCredentials", 20, 16, "");
	struct client_fixture *f = *state;
	uint8_t id[16];

	memset(id, 18, sizeof(id));
	f->fake.has_id = span(id, sizeof(id));
	f->fake.info.list_max = f->client.info.list_max = 8;
	get_works(f, text);
	assert_int_equal(f->fake.probes, 3);
	assert_int_equal(f->fake.get.allow_count, 1);
	free(text);
}

/* IDs that cannot be the token's own must not stop the search. */
static void
test_get_with_ids_too_long_for_a_small_token(void **state)
{
	char *text = options_with_list(GET, "allowCredentials", 5, 900,
	    ",\"x\":1");
	struct client_fixture *f = *state;
	char *end;

	f->fake.info.message_max = f->client.info.message_max = 1024;
	get_fails(f, text, "NotAllowedError");
	assert_int_equal(f->fake.probes + f->fake.gets, 0);
	text = realloc(text, strlen(text) + 64);
	assert_non_null(text);
	end = strrchr(text, ']');
	strcpy(end, ",{\"type\":\"public-key\",\"id\":\"AQID\"}]}");
	get_works(f, text);
	assert_int_equal(f->fake.get.allow_count, 1);
	assert_string_equal(str_at(f->out, "id"), "AQID");
	free(text);
}

static void
test_create_with_a_list_too_long_for_the_token(void **state)
{
	char *text = options_with_list(CREATE, "excludeCredentials", 64, 600,
	    "");
	struct client_fixture *f = *state;
	uint8_t id[600];

	memset(id, 50, sizeof(id));
	f->fake.has_id = span(id, sizeof(id));
	create_works(f, text);	/* the fake does not look at the list */
	assert_int_equal(f->fake.make.exclude_count, 1);
	f->fake.has_id = span(id, 10);
	create_works(f, text);
	assert_int_equal(f->fake.make.exclude_count, 0);
	free(text);
}

static void
test_create_with_a_short_list_is_not_probed(void **state)
{
	char *text = options_with_list(CREATE, "excludeCredentials", 10, 64,
	    "");
	struct client_fixture *f = *state;

	create_works(f, text);
	assert_int_equal(f->fake.make.exclude_count, 10);
	assert_int_equal(f->fake.probes, 0);
	free(text);
}

/*
 * prf and hmac-secret
 */

static void
prf_of(const char *input, size_t len, uint8_t out[static 32])
{
	uint8_t text[64] = "WebAuthn PRF";

	memcpy(text + 13, input, len);
	SHA256(text, 13 + len, out);
}

static void
test_get_prf_hashes_inputs(void **state)
{
	struct client_fixture *f = *state;
	uint8_t first[32], second[32], a[4096];

	get_works(f, GET ",\"extensions\":{\"prf\":{\"eval\":{\"first\":"
	    "\"Zm9v\",\"second\":\"YmFy\"}}}}");
	prf_of("foo", 3, first);
	prf_of("bar", 3, second);
	assert_int_equal(f->fake.get.salts.len, 64);
	assert_memory_equal(f->fake.salts, first, 32);
	assert_memory_equal(f->fake.salts + 32, second, 32);
	assert_true(span_eq(bytes_at(f->out,
	    "clientExtensionResults.prf.results.first", a), span(first, 32)));
	assert_true(span_eq(bytes_at(f->out,
	    "clientExtensionResults.prf.results.second", a),
	    span(second, 32)));
}

static void
test_get_prf_without_inputs(void **state)
{
	struct client_fixture *f = *state;

	get_works(f, GET ",\"extensions\":{\"prf\":{}}}");
	assert_int_equal(f->fake.get.salts.len, 0);
	assert_true(json_is_object(at(f->out, "clientExtensionResults.prf")));
	assert_null(at(f->out, "clientExtensionResults.prf.results"));
}

#define TWO \
	GET ",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"AQID\"}" \
	",{\"type\":\"public-key\",\"id\":\"BAUG\"}]"

static void
test_get_prf_by_credential(void **state)
{
	static const char text[] = TWO ",\"extensions\":{\"prf\":{\"eval\":"
	    "{\"first\":\"AA\"},\"evalByCredential\":{\"BAUG\":{\"first\":"
	    "\"Zm9v\"}}}}}";
	struct client_fixture *f = *state;
	uint8_t salt[32];

	f->fake.has_id = span("\x04\x05\x06", 3);
	get_works(f, text);
	prf_of("foo", 3, salt);
	assert_memory_equal(f->fake.salts, salt, 32);
	assert_int_equal(f->fake.get.allow_count, 1);
	/* the other one has only the common input */
	f->fake.has_id = span("\x01\x02\x03", 3);
	get_works(f, text);
	prf_of("\0", 1, salt);
	assert_memory_equal(f->fake.salts, salt, 32);
}

static void
test_get_prf_by_credential_errors(void **state)
{
	get_fails(*state, GET ",\"extensions\":{\"prf\":{\"evalByCredential\":"
	    "{\"AQID\":{\"first\":\"AA\"}}}}}", "NotSupportedError");
	get_fails(*state, TWO ",\"extensions\":{\"prf\":{\"evalByCredential\":"
	    "{\"AAAA\":{\"first\":\"AA\"}}}}}", "SyntaxError");
	get_fails(*state, TWO ",\"extensions\":{\"prf\":{\"evalByCredential\":"
	    "{\"\":{\"first\":\"AA\"}}}}}", "SyntaxError");
	get_fails(*state, TWO ",\"extensions\":{\"prf\":{\"evalByCredential\":"
	    "{\"AQID=\":{\"first\":\"AA\"}}}}}", "SyntaxError");
	get_fails(*state, TWO ",\"extensions\":{\"prf\":{\"evalByCredential\":"
	    "{\"AQID\":{}}}}}", "TypeError");
	get_fails(*state, TWO ",\"extensions\":{\"prf\":{\"evalByCredential\":"
	    "{\"AQID\":1}}}}", "TypeError");
}

/* Every listed credential and one more: the one more is the error. */
static void
test_get_prf_for_more_than_the_list(void **state)
{
	char by[64 * 32 + 128], *p = by, *text;
	uint8_t id[4];

	p += sprintf(p, ",\"extensions\":{\"prf\":{\"evalByCredential\":{");
	for (int i = 0; i < 64; i++) {
		memset(id, i + 1, sizeof(id));
		*p++ = '"';
		base64url_encode(span(id, sizeof(id)), p);
		p += BASE64URL_LEN(sizeof(id));
		p += sprintf(p, "\":{\"first\":\"AA\"},");
	}
	sprintf(p, "\"AAAA\":{\"first\":\"AA\"}}}}");
	text = options_with_list(GET, "allowCredentials", 64, 4, by);
	get_fails(*state, text, "SyntaxError");
	free(text);
}

static void
test_get_hmac_get_secret(void **state)
{
	static const char salt[] =
	    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
	struct client_fixture *f = *state;
	char text[512];

	snprintf(text, sizeof(text), GET ",\"userVerification\":"
	    "\"discouraged\",\"extensions\":{\"hmacGetSecret\":{\"salt1\":"
	    "\"%s\"}}}", salt);
	get_works(f, text);
	assert_int_equal(f->fake.get.salts.len, 32);
	assert_int_equal(f->fake.salts[31], 1);
	assert_false(f->fake.get.uv);
	assert_string_equal(str_at(f->out,
	    "clientExtensionResults.hmacGetSecret.output1"), salt);
	assert_null(at(f->out,
	    "clientExtensionResults.hmacGetSecret.output2"));
	snprintf(text, sizeof(text), GET ",\"extensions\":{\"hmacGetSecret\":"
	    "{\"salt1\":\"%s\",\"salt2\":\"%s\"}}}", salt, salt);
	get_works(f, text);
	assert_int_equal(f->fake.get.salts.len, 64);
	assert_string_equal(str_at(f->out,
	    "clientExtensionResults.hmacGetSecret.output2"), salt);
	snprintf(text, sizeof(text), GET ",\"extensions\":{\"hmacGetSecret\":"
	    "{\"salt1\":\"%s\",\"salt2\":\"AAAA\"}}}", salt);
	get_fails(f, text, "TypeError");
	snprintf(text, sizeof(text), GET ",\"extensions\":{\"prf\":{},"
	    "\"hmacGetSecret\":{\"salt1\":\"%s\"}}}", salt);
	get_fails(f, text, "NotSupportedError");
}

static void
test_get_prf_on_a_token_without_hmac_secret(void **state)
{
	struct client_fixture *f = *state;

	f->client.info.hmac_secret = false;
	get_works(f, GET ",\"extensions\":{\"prf\":{\"eval\":{\"first\":"
	    "\"AA\"}}}}");
	assert_int_equal(f->fake.get.salts.len, 0);
	assert_null(at(f->out, "clientExtensionResults.prf.results"));
}

/*
 * Replies of a token
 */

static void
test_reply_get_info(void **state)
{
	static const uint8_t body[] = { 0xa6,
	    0x01, 0x81, 0x68, 'F', 'I', 'D', 'O', '_', '2', '_', '1',
	    0x02, 0x83, 0x6b, 'c', 'r', 'e', 'd', 'P', 'r', 'o', 't', 'e',
	    'c', 't', 0x6b, 'h', 'm', 'a', 'c', '-', 's', 'e', 'c', 'r', 'e',
	    't', 0x69, 'l', 'a', 'r', 'g', 'e', 'B', 'l', 'o', 'b',
	    0x04, 0xa3, 0x62, 'r', 'k', 0xf5, 0x62, 'u', 'p', 0xf5, 0x62, 'u',
	    'v', 0xf4,
	    0x05, 0x19, 0x1d, 0xb9,
	    0x09, 0x81, 0x63, 'u', 's', 'b',
	    0x0a, 0x81, 0xa2, 0x63, 'a', 'l', 'g', 0x26, 0x64, 't', 'y', 'p',
	    'e', 0x6a, 'p', 'u', 'b', 'l', 'i', 'c', '-', 'k', 'e', 'y' };
	struct token_info info;

	(void)state;
	assert_true(token_decode_info(span(body, sizeof(body)), &info));
	assert_true(info.rk && !info.uv);
	assert_true(info.cred_protect && info.hmac_secret);
	assert_true(info.large_blob && !info.large_blob_key);
	assert_int_equal(info.message_max, 7609);
	assert_int_equal(info.alg_count, 1);
	assert_int_equal(info.algs[0], COSE_ES256);
	assert_string_equal(info.transports[0], "usb");
	for (size_t len = 0; len < sizeof(body); len++)
		assert_false(token_decode_info(span(body, len), &info));
	assert_true(token_decode_info(span("\xa0", 1), &info));
	assert_int_equal(info.message_max, 1024);
}

static void
test_reply_authenticator_data(void **state)
{
	struct token_auth_data ad;
	uint8_t data[200] = { [32] = AUTHDATA_AT | AUTHDATA_ED,
	    [54] = 3, 'i', 'd', '!', 0xa1, 0x03, 0x26,
	    0xa2, 0x6b, 'c', 'r', 'e', 'd', 'P', 'r', 'o', 't', 'e', 'c', 't',
	    0x02, 0x6b, 'h', 'm', 'a', 'c', '-', 's', 'e', 'c', 'r', 'e', 't',
	    0xf5 };
	size_t len = 55 + 3 + 3 + 1 + 13 + 13;

	(void)state;
	assert_true(token_decode_auth_data(span(data, len), &ad));
	assert_true(span_eq(ad.credential_id, span("id!", 3)));
	assert_int_equal(ad.public_key.len, 3);
	assert_true(ad.hmac_secret);
	assert_int_equal(ad.protect.p[0], 2);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(token_decode_auth_data(span(data, cut), &ad));
}

static void
test_reply_get_info_with_odd_transports(void **state)
{
	/* one too long for us is left out, one to escape is kept */
	static const uint8_t body[] = { 0xa2, 0x07, 0x08, 0x09, 0x82, 0x70,
	    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c',
	    'd', 'e', 'f', 0x62, '"', '\n' };
	struct token_info info;

	(void)state;
	assert_true(token_decode_info(span(body, sizeof(body)), &info));
	assert_int_equal(info.list_max, 8);
	assert_int_equal(info.transport_count, 1);
	assert_string_equal(info.transports[0], "\"\n");
}

static void
test_reply_make_credential(void **state)
{
	static const uint8_t body[] = { 0xa3, 0x01, 0x66, 'p', 'a', 'c', 'k',
	    'e', 'd', 0x02, 0x43, 'a', 'd', '!', 0x03, 0xa1, 0x63, 's', 'i',
	    'g', 0x40 };
	static const uint8_t short_body[] = { 0xa2, 0x01, 0x64, 'n', 'o', 'n',
	    'e', 0x02, 0x40 };
	struct token_credential cred;

	(void)state;
	assert_true(token_decode_credential(span(body, sizeof(body)),
	    &cred));
	assert_true(span_eq(cred.fmt, span_str("packed")));
	assert_true(span_eq(cred.auth_data, span_str("ad!")));
	assert_true(span_eq(cred.att_stmt, span(body + 15, 6)));
	for (size_t len = 0; len < sizeof(body); len++)
		assert_false(token_decode_credential(span(body, len), &cred));
	assert_true(token_decode_credential(span(short_body,
	    sizeof(short_body)), &cred));
	assert_true(span_eq(cred.att_stmt, span("\xa0", 1)));
}

static void
test_reply_get_assertion(void **state)
{
	static const uint8_t body[] = { 0xa5, 0x01, 0xa2, 0x62, 'i', 'd',
	    0x42, 1, 2, 0x64, 't', 'y', 'p', 'e', 0x61, 'x',
	    0x02, 0x43, 'a', 'd', '!', 0x03, 0x43, 's', 'i', 'g',
	    0x04, 0xa1, 0x62, 'i', 'd', 0x41, 7, 0x06, 0xf5 };
	struct token_assertion got;

	(void)state;
	assert_true(token_decode_assertion(span(body, sizeof(body)), &got));
	assert_true(span_eq(got.credential_id, span("\1\2", 2)));
	assert_true(span_eq(got.auth_data, span_str("ad!")));
	assert_true(span_eq(got.signature, span_str("sig")));
	assert_true(span_eq(got.user_id, span("\7", 1)));
	assert_int_equal(got.hmac.len, 0);
	for (size_t len = 0; len < sizeof(body); len++)
		assert_false(token_decode_assertion(span(body, len), &got));
}

#define LARGE_BLOB	0xa1, 0x69, 'l', 'a', 'r', 'g', 'e', 'B', 'l', 'o', 'b'

/* The outputs that are not signed, with others that nobody knows. */
static void
test_reply_with_large_blob(void **state)
{
	static const uint8_t made[] = { 0xa3, 0x01, 0x61, 'f', 0x02, 0x41, 'a',
	    0x06, LARGE_BLOB, 0xa2, 0x61, 'x', 0x80,
	    0x69, 's', 'u', 'p', 'p', 'o', 'r', 't', 'e', 'd', 0xf5 };
	static const uint8_t wrote[] = { 0xa3, 0x02, 0x41, 'a', 0x03, 0x41, 's',
	    0x08, LARGE_BLOB, 0xa1, 0x67, 'w', 'r', 'i', 't', 't', 'e', 'n',
	    0xf5 };
	static const uint8_t read[] = { 0xa3, 0x02, 0x41, 'a', 0x03, 0x41, 's',
	    0x08, LARGE_BLOB, 0xa2, 0x64, 'b', 'l', 'o', 'b', 0x42, 0x03, 0x00,
	    0x6c, 'o', 'r', 'i', 'g', 'i', 'n', 'a', 'l', 'S', 'i', 'z', 'e',
	    0x19, 0x01, 0x00 };
	struct token_credential cred;
	struct token_assertion got;

	(void)state;
	assert_true(token_decode_credential(span(made, sizeof(made)), &cred));
	assert_true(cred.large_blob);
	assert_true(token_decode_assertion(span(wrote, sizeof(wrote)), &got));
	assert_true(got.blob_written);
	assert_null(got.blob.packed.p);
	assert_true(token_decode_assertion(span(read, sizeof(read)), &got));
	assert_false(got.blob_written);
	assert_true(span_eq(got.blob.packed, span("\3\0", 2)));
	assert_int_equal(got.blob.size, 256);
	for (size_t len = 0; len < sizeof(read); len++)
		assert_false(token_decode_assertion(span(read, len), &got));
	for (size_t len = 0; len < sizeof(made); len++)
		assert_false(token_decode_credential(span(made, len), &cred));
}

/* A member that is left out, or of another type, is no half of a blob. */
static void
test_reply_with_wrong_large_blob(void **state)
{
	static const uint8_t half[] = { 0xa3, 0x02, 0x41, 'a', 0x03, 0x41, 's',
	    0x08, LARGE_BLOB, 0xa1, 0x64, 'b', 'l', 'o', 'b', 0x41, 0x03 };
	static const uint8_t text[] = { 0xa3, 0x02, 0x41, 'a', 0x03, 0x41, 's',
	    0x08, LARGE_BLOB, 0xa1, 0x67, 'w', 'r', 'i', 't', 't', 'e', 'n',
	    0x61, 'y' };
	static const uint8_t other[] = { 0xa3, 0x02, 0x41, 'a', 0x03, 0x41,
	    's', 0x08, 0xa1, 0x61, 'x', 0xf5 };
	struct token_assertion got;

	(void)state;
	assert_true(token_decode_assertion(span(half, sizeof(half)), &got));
	assert_int_equal(got.blob.size, 0);
	assert_false(token_decode_assertion(span(text, sizeof(text)), &got));
	assert_true(token_decode_assertion(span(other, sizeof(other)), &got));
	assert_null(got.blob.packed.p);
}

static void
test_reply_key_agreement(void **state)
{
	uint8_t key[COSE_KEY_MAX], body[2 + COSE_KEY_MAX] = { 0xa1, 0x01 };
	uint8_t want_x[32], want_y[48];
	struct span x, y;
	size_t len;

	(void)state;
	memset(want_x, 0x77, sizeof(want_x));
	memset(want_y, 0x88, sizeof(want_y));
	len = cose_ec2(key, COSE_ECDH_ES_HKDF_256, COSE_P256,
	    span(want_x, 32), span(want_y, 32));
	memcpy(body + 2, key, len);
	assert_true(token_decode_key_agreement(span(body, 2 + len), &x, &y));
	assert_true(span_eq(x, span(want_x, 32)));
	assert_true(span_eq(y, span(want_y, 32)));
	for (size_t cut = 0; cut < 2 + len; cut++)
		assert_false(token_decode_key_agreement(span(body, cut), &x,
		    &y));
	/* a point of another curve */
	len = cose_ec2(key, COSE_ECDH_ES_HKDF_256, COSE_P384,
	    span(want_y, 48), span(want_y, 48));
	memcpy(body + 2, key, len);
	assert_false(token_decode_key_agreement(span(body, 2 + len), &x,
	    &y));
}

/* hmac-secret as the authenticator's decoder takes it. */
static void
test_request_with_hmac_secret(void **state)
{
	uint8_t key[COSE_KEY_MAX], x[32], y[32], enc[48], auth[32];
	uint8_t out[512], hash[32] = { 0 };
	struct token_get req = { .client_data_hash = span(hash, 32),
	    .rp_id = span_str("example.com") };
	struct token_proof hmac = { .salt_enc = span(enc, sizeof(enc)),
	    .salt_auth = span(auth, sizeof(auth)), .protocol = 2 };
	union ctap_request got;
	size_t len;

	(void)state;
	memset(x, 0x77, sizeof(x));
	memset(y, 0x88, sizeof(y));
	memset(enc, 1, sizeof(enc));
	memset(auth, 2, sizeof(auth));
	hmac.key = span(key, cose_ec2(key, COSE_ECDH_ES_HKDF_256, COSE_P256,
	    span(x, 32), span(y, 32)));
	len = token_encode_get(&req, &hmac, out, sizeof(out));
	assert_true(len > 0 && cbor_check(span(out + 1, len - 1)));
	assert_int_equal(ctap_decode(out[0], span(out + 1, len - 1), &got),
	    CTAP2_OK);
	assert_true(got.ga.ext.hmac_secret.there);
	assert_true(got.ga.ext.hmac_secret.peer.valid);
	assert_true(span_eq(got.ga.ext.hmac_secret.peer.x, span(x, 32)));
	assert_true(span_eq(got.ga.ext.hmac_secret.peer.y, span(y, 32)));
	assert_true(span_eq(got.ga.ext.hmac_secret.salt_enc, hmac.salt_enc));
	assert_true(span_eq(got.ga.ext.hmac_secret.salt_auth, hmac.salt_auth));
	assert_int_equal(got.ga.ext.hmac_secret.protocol.v, 2);
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(token_encode_get(&req, &hmac, out, cap), 0);
}

static void
test_request_key_agreement(void **state)
{
	union ctap_request got;
	uint8_t out[16];
	size_t len = token_encode_key_agreement(2, out, sizeof(out));

	(void)state;
	assert_true(len > 0);
	assert_int_equal(ctap_decode(out[0], span(out + 1, len - 1), &got),
	    CTAP2_OK);
	assert_int_equal(got.pin.subcommand, 2);
	assert_int_equal(got.pin.protocol.v, 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, client_setup, \
	client_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64url_both_ways),
		cmocka_unit_test(test_base64url_has_one_text_for_each),
		cmocka_unit_test(test_origin_is_serialised_as_browsers_do),
		cmocka_unit_test(test_origin_refuses_what_is_none),
		cmocka_unit_test(test_rp_id_against_origin),
		cmocka_unit_test(test_rp_id_is_quoted_only_if_it_is_a_domain),
		cmocka_unit_test(test_ccd_string),
		cmocka_unit_test(test_client_data),
		cmocka_unit_test(test_spki_of_ec_keys),
		cmocka_unit_test(test_spki_of_ed25519),
		cmocka_unit_test(test_spki_of_ed448),
		cmocka_unit_test(test_spki_of_ml_dsa),
		cmocka_unit_test(test_spki_of_rsa),
		cmocka_unit_test(test_spki_refuses_malformed_keys),
		cmocka_unit_test(test_json_out),
		cmocka_unit_test(test_json_out_grows),
		WITH(test_options_that_are_not_json),
		WITH(test_options_that_are_no_dictionary),
		WITH(test_options_of_every_wrong_type),
		WITH(test_options_without_a_required_member),
		WITH(test_options_with_bad_base64url),
		WITH(test_options_user_id_of_1_to_64_bytes),
		WITH(test_options_longer_than_a_mebibyte),
		WITH(test_options_under_public_key),
		WITH(test_rp_id_default_is_the_host),
		WITH(test_rp_id_of_somebody_else),
		WITH(test_create_response_has_all_members),
		WITH(test_conveyance_none_is_the_default),
		WITH(test_conveyance_of_other_kinds_passes),
		WITH(test_enterprise_is_asked_of_tokens_that_have_it),
		WITH(test_enterprise_refused_is_told),
		WITH(test_conveyance_none_keeps_blank_self_attestation),
		WITH(test_create_selection),
		WITH(test_create_on_a_token_that_can_do_less),
		WITH(test_create_on_a_token_that_says_less),
		WITH(test_transports_are_sorted),
		WITH(test_create_attachment),
		WITH(test_create_algorithms),
		WITH(test_create_too_many_algorithms),
		WITH(test_create_extensions),
		WITH(test_create_names_are_cut_between_characters),
		WITH(test_create_token_errors),
		WITH(test_get_token_errors),
		WITH(test_create_with_authenticator_data_that_cannot_be_read),
		WITH(test_get_response_has_all_members),
		WITH(test_get_takes_the_only_credential_if_the_token_says_none),
		WITH(test_get_with_a_list_of_nothing_usable),
		WITH(test_get_user_verification),
		WITH(test_lists_of_more_than_64_entries),
		WITH(test_get_with_a_list_too_long_for_the_token),
		WITH(test_get_with_a_list_too_long_for_getinfo_07),
		WITH(test_get_with_ids_too_long_for_a_small_token),
		WITH(test_create_with_a_list_too_long_for_the_token),
		WITH(test_create_with_a_short_list_is_not_probed),
		WITH(test_get_prf_hashes_inputs),
		WITH(test_get_prf_without_inputs),
		WITH(test_get_prf_by_credential),
		WITH(test_get_prf_by_credential_errors),
		WITH(test_get_prf_for_more_than_the_list),
		WITH(test_get_hmac_get_secret),
		WITH(test_get_prf_on_a_token_without_hmac_secret),
		cmocka_unit_test(test_reply_get_info),
		cmocka_unit_test(test_reply_get_info_with_odd_transports),
		cmocka_unit_test(test_reply_make_credential),
		cmocka_unit_test(test_reply_get_assertion),
		cmocka_unit_test(test_reply_with_large_blob),
		cmocka_unit_test(test_reply_with_wrong_large_blob),
		cmocka_unit_test(test_reply_key_agreement),
		cmocka_unit_test(test_reply_authenticator_data),
		cmocka_unit_test(test_request_with_hmac_secret),
		cmocka_unit_test(test_request_key_agreement),
	};
#undef WITH

	return cmocka_run_group_tests(tests, NULL, NULL);
}
