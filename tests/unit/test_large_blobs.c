/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorLargeBlobs when the store fails or the host vanishes; the
 * conversation itself is in conformance/cases/large_blobs.txt.
 */
#include "conformance/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* {2: the initial array, 3: 0, 4: 17} */
static const uint8_t set_empty[] = {
	0x0c, 0xa3, 0x02, 0x51, 0x80, 0x76, 0xbe, 0x8b, 0x52, 0x8d, 0x00,
	0x75, 0xf7, 0xaa, 0xe9, 0x8d, 0x6f, 0xa5, 0x7a, 0x6d, 0x3c, 0x03,
	0x00, 0x04, 0x11,
};
/* {2: h'8101', 3: 0, 4: 18}, and {2: the digest, 3: 2} */
static const uint8_t set_first[] = {
	0x0c, 0xa3, 0x02, 0x42, 0x81, 0x01, 0x03, 0x00, 0x04, 0x12,
};
static const uint8_t set_last[] = {
	0x0c, 0xa2, 0x02, 0x50, 0xac, 0x38, 0x78, 0x3f, 0x6a, 0x3b, 0x2f,
	0xe3, 0xb5, 0x79, 0x71, 0x8d, 0x6b, 0xa8, 0x49, 0x3a, 0x03, 0x02,
};
/* {2: h'', 3: 18}: behind the end of it */
static const uint8_t set_nothing[] = {
	0x0c, 0xa2, 0x02, 0x40, 0x03, 0x12,
};
/* {1: 100, 3: 0} */
static const uint8_t get_all[] = { 0x0c, 0xa2, 0x01, 0x18, 0x64, 0x03, 0x00 };

#define SEND(s, msg)	sim_yes((s), span((msg), sizeof(msg)))

static int
setup(void **state)
{
	/* nobody to verify: whoever comes may write */
	struct sim_setup how = { .set = { "uv=off" } };

	*state = sim_new(&how);
	return 0;
}

static int
teardown(void **state)
{
	sim_free(*state);
	return 0;
}

/* Status, map of one, key, length, array. */
static void
assert_array_len(struct sim *s, size_t len)
{
	assert_int_equal(SEND(s, get_all), CTAP2_OK);
	assert_int_equal(s->reply.len, 4 + len);
}

static void
test_no_room_on_the_disk(void **state)
{
	struct sim *s = *state;

	s->commit_error = -ENOSPC;
	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	assert_int_equal(SEND(s, set_last),
	    CTAP2_ERR_LARGE_BLOB_STORAGE_FULL);
	s->commit_error = 0;
	assert_array_len(s, 17);
	/* it cannot be finished by asking again */
	assert_int_equal(SEND(s, set_nothing), CTAP1_ERR_INVALID_SEQ);
	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	assert_int_equal(SEND(s, set_last), CTAP2_OK);
	assert_array_len(s, 18);
}

static void
test_commit_that_fails(void **state)
{
	struct sim *s = *state;

	s->commit_error = -EIO;
	assert_int_equal(SEND(s, set_empty), CTAP1_ERR_OTHER);
	s->commit_error = 0;
	assert_array_len(s, 17);
}

static void
test_only_what_is_whole_costs_a_commit(void **state)
{
	struct sim *s = *state;

	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	assert_int_equal(s->commits, 0);
	assert_int_equal(SEND(s, set_last), CTAP2_OK);
	assert_int_equal(s->commits, 1);
	assert_int_equal(s->prompts, 0);
}

static void
test_lookup_that_fails(void **state)
{
	struct sim *s = *state;

	s->lookup_error = -EIO;
	assert_int_equal(SEND(s, get_all), CTAP1_ERR_OTHER);
	s->lookup_error = 0;
	assert_array_len(s, 17);
}

static void
test_host_that_vanishes_takes_it_along(void **state)
{
	struct sim *s = *state;

	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	auth_abort(s->auth, 2);
	assert_int_equal(SEND(s, set_last), CTAP2_OK);
	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	auth_abort(s->auth, 1);
	assert_int_equal(SEND(s, set_last), CTAP1_ERR_INVALID_SEQ);
	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	auth_host_gone(s->auth, 1);
	assert_int_equal(SEND(s, set_last), CTAP2_OK);
	assert_int_equal(SEND(s, set_first), CTAP2_OK);
	auth_host_gone(s->auth, 0);
	assert_int_equal(SEND(s, set_last), CTAP1_ERR_INVALID_SEQ);
}

#define BLOBS_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BLOBS_TEST(test_no_room_on_the_disk),
		BLOBS_TEST(test_commit_that_fails),
		BLOBS_TEST(test_only_what_is_whole_costs_a_commit),
		BLOBS_TEST(test_lookup_that_fails),
		BLOBS_TEST(test_host_that_vanishes_takes_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
