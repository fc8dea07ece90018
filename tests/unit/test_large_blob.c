/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential's own blob (largeBlob, CTAP 2.3, 12.4) when the store fails,
 * and what it costs; the conversation itself is in
 * conformance/cases/ext_large_blob.txt.
 */
#include "conformance/sim.h"
#include "ctap/cbor.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WRITTEN	"\x69largeBlob\xa1\x67written\xf5"
#define READ	"\x69largeBlob\xa2\x64" "blob\x43" "abc\x6coriginalSize\x09"

static const uint8_t hash[32];

/* A registration whose blob is enabled. */
static uint8_t
make(struct sim *s)
{
	uint8_t buf[256] = { 0x01 };
	struct cbor_out out;

	cbor_out_init(&out, buf + 1, sizeof(buf) - 1);
	cbor_put_map(&out, 6);
	cbor_put_uint(&out, 1);
	cbor_put_bytes(&out, span(hash, sizeof(hash)));
	cbor_put_uint(&out, 2);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "id");
	cbor_put_str(&out, "example.com");
	cbor_put_uint(&out, 3);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "id");
	cbor_put_bytes(&out, span("u", 1));
	cbor_put_uint(&out, 4);
	cbor_put_array(&out, 1);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "alg");
	cbor_put_int(&out, COSE_ES256);
	cbor_put_str(&out, "type");
	cbor_put_str(&out, "public-key");
	cbor_put_uint(&out, 6);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "largeBlob");
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "support");
	cbor_put_str(&out, "required");
	cbor_put_uint(&out, 7);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "rk");
	cbor_put_bool(&out, true);
	return sim_yes(s, span(buf, out.len + 1));
}

/* An assertion by it that writes "abc", or reads. */
static uint8_t
use(struct sim *s, bool write)
{
	const struct credential *cred = sim_credential(s, 0);
	uint8_t buf[256] = { 0x02 };
	struct cbor_out out;

	cbor_out_init(&out, buf + 1, sizeof(buf) - 1);
	cbor_put_map(&out, 4);
	cbor_put_uint(&out, 1);
	cbor_put_str(&out, "example.com");
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(hash, sizeof(hash)));
	cbor_put_uint(&out, 3);
	cbor_put_array(&out, 1);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "id");
	cbor_put_bytes(&out, span(cred->id, cred->id_len));
	cbor_put_str(&out, "type");
	cbor_put_str(&out, "public-key");
	cbor_put_uint(&out, 4);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "largeBlob");
	cbor_put_map(&out, write ? 2 : 1);
	cbor_put_str(&out, write ? "write" : "read");
	if (!write) {
		cbor_put_bool(&out, true);
	} else {
		cbor_put_bytes(&out, span("abc", 3));
		cbor_put_str(&out, "originalSize");
		cbor_put_uint(&out, 9);
	}
	return sim_yes(s, span(buf, out.len + 1));
}

static bool
reply_ends_with(const struct sim *s, const char *text, size_t len)
{
	return s->reply.len > len &&
	    memcmp(s->reply.p + s->reply.len - len, text, len) == 0;
}

#define ENDS_WITH(s, text) reply_ends_with((s), text, sizeof(text) - 1)

static int
setup(void **state)
{
	struct sim_setup how = { .set = { "uv=off", "largeBlob=on" } };
	struct sim *s = sim_new(&how);

	*state = s;
	assert_int_equal(make(s), CTAP2_OK);
	assert_int_equal(use(s, false), CTAP2_OK);
	assert_false(ENDS_WITH(s, READ));
	return 0;
}

static int
teardown(void **state)
{
	sim_free(*state);
	return 0;
}

static void
test_it_costs_a_commit(void **state)
{
	struct sim *s = *state;
	unsigned before = s->commits;

	assert_int_equal(use(s, true), CTAP2_OK);
	assert_true(ENDS_WITH(s, WRITTEN));
	assert_int_equal(s->commits, before + 1);
	assert_int_equal(use(s, false), CTAP2_OK);
	assert_true(ENDS_WITH(s, READ));
	assert_int_equal(s->commits, before + 1);
}

/* lbx.4: nobody is told that it was written before it was */
static void
test_commit_that_fails(void **state)
{
	static const struct {
		int		error;
		uint8_t		status;
	} how[] = {
		{ -ENOSPC, CTAP2_ERR_LARGE_BLOB_STORAGE_FULL },
		{ -EIO, CTAP1_ERR_OTHER },
	};
	struct sim *s = *state;

	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		s->commit_error = how[i].error;
		assert_int_equal(use(s, true), how[i].status);
		s->commit_error = 0;
		assert_int_equal(use(s, false), CTAP2_OK);
		assert_false(ENDS_WITH(s, READ));
	}
	assert_int_equal(use(s, true), CTAP2_OK);
}

static void
test_lookup_that_fails(void **state)
{
	struct sim *s = *state;

	assert_int_equal(use(s, true), CTAP2_OK);
	s->lookup_error = -EIO;
	assert_int_equal(use(s, false), CTAP1_ERR_OTHER);
	s->lookup_error = 0;
	assert_int_equal(use(s, false), CTAP2_OK);
	assert_true(ENDS_WITH(s, READ));
}

#define BLOB_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BLOB_TEST(test_it_costs_a_commit),
		BLOB_TEST(test_commit_that_fails),
		BLOB_TEST(test_lookup_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
