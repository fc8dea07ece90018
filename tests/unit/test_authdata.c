/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticator data, against the layout in WebAuthn Level 3, 6.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctap/authdata.h"

#define PLAIN_LEN	37

static uint8_t hash[32], aaguid[16], id[1024], key[77], ext[20];
static uint8_t out[2048];

static int
fill(void **state)
{
	(void)state;
	memset(hash, 0x11, sizeof(hash));
	memset(aaguid, 0x22, sizeof(aaguid));
	memset(id, 0x33, sizeof(id));
	memset(key, 0x44, sizeof(key));
	memset(ext, 0x55, sizeof(ext));
	memset(out, 0xee, sizeof(out));
	return 0;
}

static struct authdata
plain(uint8_t flags, uint32_t counter)
{
	return (struct authdata){ .rp_id_hash = hash, .flags = flags,
		.counter = counter };
}

static struct authdata
attested(size_t id_len)
{
	struct authdata ad = plain(AUTHDATA_UP, 7);

	ad.aaguid = aaguid;
	ad.credential_id = span(id, id_len);
	ad.public_key = span(key, sizeof(key));
	return ad;
}

/* All of p[0] to p[len - 1] are byte. */
static void
assert_filled(const uint8_t *p, uint8_t byte, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], byte);
}

static void
assertions_have_37_bytes(void **state)
{
	static const uint8_t tail[] = { 0x05, 0x01, 0x02, 0x03, 0x04 };
	struct authdata ad = plain(AUTHDATA_UP | AUTHDATA_UV, 0x01020304);

	(void)state;
	assert_int_equal(authdata_write(&ad, out, sizeof(out)), PLAIN_LEN);
	assert_filled(out, 0x11, 32);
	assert_memory_equal(out + 32, tail, sizeof(tail));
	assert_int_equal(out[PLAIN_LEN], 0xee);
}

static void
counters_to_the_last(void **state)
{
	struct authdata ad = plain(0, UINT32_MAX);

	(void)state;
	assert_int_equal(authdata_write(&ad, out, sizeof(out)), PLAIN_LEN);
	assert_int_equal(out[32], 0);
	assert_filled(out + 33, 0xff, 4);
	ad.counter = 0;
	assert_int_equal(authdata_write(&ad, out, sizeof(out)), PLAIN_LEN);
	assert_filled(out + 33, 0, 4);
}

static void
flags_are_set_where_parts_are(void **state)
{
	struct authdata ad;

	(void)state;
	for (unsigned flags = 0; flags < 64; flags++) {
		ad = plain((uint8_t)flags, 1);
		assert_true(authdata_write(&ad, out, sizeof(out)) > 0);
		assert_int_equal(out[32], flags);
		ad.extensions = span(ext, sizeof(ext));
		assert_true(authdata_write(&ad, out, sizeof(out)) > 0);
		assert_int_equal(out[32], flags | 0x80);
		ad.aaguid = aaguid;
		assert_true(authdata_write(&ad, out, sizeof(out)) > 0);
		assert_int_equal(out[32], flags | 0xc0);
		ad.extensions = span(NULL, 0);
		assert_true(authdata_write(&ad, out, sizeof(out)) > 0);
		assert_int_equal(out[32], flags | 0x40);
	}
}

static void
registrations_name_the_credential(void **state)
{
	struct authdata ad = attested(300);

	(void)state;
	ad.extensions = span(ext, sizeof(ext));
	assert_int_equal(authdata_write(&ad, out, sizeof(out)),
	    37 + 16 + 2 + 300 + 77 + 20);
	assert_filled(out, 0x11, 32);
	assert_int_equal(out[32], 0xc1);
	assert_filled(out + 37, 0x22, 16);
	assert_int_equal(out[53], 300 >> 8);
	assert_int_equal(out[54], 300 & 0xff);
	assert_filled(out + 55, 0x33, 300);
	assert_filled(out + 355, 0x44, 77);
	assert_filled(out + 432, 0x55, 20);
	assert_int_equal(out[452], 0xee);
}

static void
without_an_aaguid_there_is_no_credential(void **state)
{
	struct authdata ad = attested(32);

	(void)state;
	ad.aaguid = NULL;
	assert_int_equal(authdata_write(&ad, out, sizeof(out)), PLAIN_LEN);
	assert_int_equal(out[32], AUTHDATA_UP);
}

static void
ids_have_at_most_1023_bytes(void **state)
{
	struct authdata ad = attested(1023);

	(void)state;
	assert_int_equal(authdata_write(&ad, out, sizeof(out)),
	    37 + 18 + 1023 + 77);
	ad.credential_id.len = 1024;
	assert_int_equal(authdata_write(&ad, out, sizeof(out)), 0);
}

static void
nothing_is_written_where_there_is_no_room(void **state)
{
	struct authdata ad = attested(32);
	size_t need = 37 + 18 + 32 + 77 + 20;

	(void)state;
	ad.extensions = span(ext, sizeof(ext));
	for (size_t cap = 0; cap < need; cap++) {
		assert_int_equal(authdata_write(&ad, out, cap), 0);
		assert_filled(out, 0xee, sizeof(out));
	}
	assert_int_equal(authdata_write(&ad, out, need), need);
	assert_filled(out + need, 0xee, sizeof(out) - need);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(assertions_have_37_bytes, fill),
		cmocka_unit_test_setup(counters_to_the_last, fill),
		cmocka_unit_test_setup(flags_are_set_where_parts_are, fill),
		cmocka_unit_test_setup(registrations_name_the_credential,
		    fill),
		cmocka_unit_test_setup(
		    without_an_aaguid_there_is_no_credential, fill),
		cmocka_unit_test_setup(ids_have_at_most_1023_bytes, fill),
		cmocka_unit_test_setup(
		    nothing_is_written_where_there_is_no_room, fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
