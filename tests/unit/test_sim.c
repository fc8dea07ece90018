/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator itself: a test can only be repeated if it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/sha.h>

#include "conformance/sim.h"
#include "conformance/verify.h"
#include "ctap/cbor.h"
#include "tests/requests.h"

static const uint8_t make[] = { MAKE_FOR(4, 1), MAKE_ES256 };

static size_t
reply_of(uint64_t seed, uint8_t out[static 4096])
{
	struct sim_setup setup = { .seed = seed };
	struct sim *s = sim_new(&setup);
	size_t len;

	assert_int_equal(sim_yes(s, span(make, sizeof(make))), CTAP2_OK);
	len = s->reply.len;
	assert_true(len < 4096);
	memcpy(out, s->reply.p, len);
	sim_free(s);
	return len;
}

static void
same_seed_same_bytes(void **state)
{
	static uint8_t a[4096], b[4096];
	size_t len = reply_of(7, a);

	(void)state;
	assert_int_equal(reply_of(7, b), len);
	assert_memory_equal(a, b, len);
}

static void
another_seed_other_bytes(void **state)
{
	static uint8_t a[4096], b[4096];
	size_t len = reply_of(7, a);

	(void)state;
	assert_true(reply_of(8, b) != len || memcmp(a, b, len) != 0);
}

/*
 * Seeds of the fuzzer (tests/fuzz/corpus/conversation) have PINs and tokens
 * in them, which are worth nothing to a key with other secrets: whoever has
 * to change these bytes writes the seeds anew, as tests/corpus_main.c says.
 */
static void
same_bytes_as_in_the_corpus(void **state)
{
	static const uint8_t agree[] = { 0x06, 0xa2, 1, 2, 2, 2 };
	static const uint8_t x[] = { 0x6a, 0x4d, 0x59, 0xbb };
	struct sim_setup setup = { .seed = 0 };
	struct sim *s = sim_new(&setup);

	(void)state;
	assert_int_equal(sim_yes(s, span(make, sizeof(make))), CTAP2_OK);
	assert_int_equal(sim_yes(s, span(agree, sizeof(agree))), CTAP2_OK);
	/* 00 {1: {1: 2, 3: -25, -1: 1, -2: x, ... */
	assert_memory_equal(s->reply.p + 14, x, sizeof(x));
	sim_free(s);
}

/* What the simulator says as a TPM: 3 of the reply, attStmt. */
struct statement {
	struct span	auth_data, sig, pub_area, cert_info;
};

static struct statement
read_statement(struct span reply)
{
	static const char *const names[] = { "alg", "sig", "ver", "x5c",
		"pubArea", "certInfo" };
	struct statement st;
	struct span value[6], key;
	struct cbor_in in;
	int64_t member;
	size_t n;

	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	assert_true(cbor_map(&in, &n) && cbor_int(&in, &member) &&
	    cbor_text(&in, &key) && span_eq(key, span_str("tpm")));
	assert_true(cbor_int(&in, &member) && cbor_bytes(&in, &st.auth_data));
	assert_true(cbor_int(&in, &member) && cbor_map(&in, &n) && n == 6);
	for (size_t i = 0; i < 6; i++) {
		assert_true(cbor_text(&in, &key) &&
		    span_eq(key, span_str(names[i])));
		assert_true(i == 1 || i > 3 ? cbor_bytes(&in, &value[i]) :
		    cbor_any(&in, &value[i]));
	}
	st.sig = value[1];
	st.pub_area = value[4];
	st.cert_info = value[5];
	return st;
}

/* WebAuthn Level 3, 8.3, as a relying party reads it */
static void
a_statement_like_that_of_a_tpm(void **state)
{
	static const uint8_t head[] = { 0xff, 0x54, 0x43, 0x47, 0x80, 0x17,
		0, 0, 0, 32 };
	struct sim_setup setup = { .set = { "attestation=tpm" } };
	struct sim *s = sim_new(&setup);
	struct statement st;
	uint8_t over[1024], digest[32];

	(void)state;
	assert_int_equal(sim_yes(s, span(make, sizeof(make))), CTAP2_OK);
	st = read_statement(s->reply);
	assert_int_equal(st.cert_info.len, 139);
	assert_memory_equal(st.cert_info.p, head, sizeof(head));
	/* extraData */
	memcpy(over, st.auth_data.p, st.auth_data.len);
	memcpy(over + st.auth_data.len, make + 5, 32);
	SHA256(over, st.auth_data.len + 32, digest);
	assert_memory_equal(st.cert_info.p + 10, digest, 32);
	/* the name, and the key that has it: the one in authData */
	SHA256(st.pub_area.p, st.pub_area.len, digest);
	assert_memory_equal(st.cert_info.p + 71, digest, 32);
	assert_int_equal(st.pub_area.len, 86);
	assert_non_null(memmem(st.auth_data.p, st.auth_data.len,
	    st.pub_area.p + 20, 32));
	assert_non_null(memmem(st.auth_data.p, st.auth_data.len,
	    st.pub_area.p + 54, 32));
	assert_true(verify_signature(span(s->tpm_pub, s->tpm_pub_len),
	    st.cert_info, st.sig));
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_like_that_of_a_tpm),
		cmocka_unit_test(same_seed_same_bytes),
		cmocka_unit_test(another_seed_other_bytes),
		cmocka_unit_test(same_bytes_as_in_the_corpus),
	};

	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
