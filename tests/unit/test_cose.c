/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctap/cbor.h"
#include "ctap/cose.h"

static uint8_t out[COSE_KEY_MAX];

static void
fill(uint8_t *p, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(first + i);
}

/* WebAuthn Level 3, 6.5.1.1, the example for ES256 */
static void
es256_is_77_bytes_in_canonical_order(void **state)
{
	static const uint8_t head[] = { 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20,
		0x01, 0x21, 0x58, 0x20 };
	static const uint8_t middle[] = { 0x22, 0x58, 0x20 };
	uint8_t x[32], y[32];
	size_t len;

	(void)state;
	fill(x, sizeof(x), 0);		/* a leading zero must survive */
	fill(y, sizeof(y), 100);
	len = cose_ec2(out, COSE_ES256, COSE_P256, span(x, 32), span(y, 32));
	assert_int_equal(len, 77);
	assert_memory_equal(out, head, sizeof(head));
	assert_memory_equal(out + 10, x, 32);
	assert_memory_equal(out + 42, middle, sizeof(middle));
	assert_memory_equal(out + 45, y, 32);
}

static void
es512_has_full_width(void **state)
{
	static const uint8_t head[] = { 0xa5, 0x01, 0x02, 0x03, 0x38, 0x23,
		0x20, 0x03, 0x21, 0x58, 0x42 };
	uint8_t x[66], y[66];
	size_t len;

	(void)state;
	fill(x, sizeof(x), 0);
	fill(y, sizeof(y), 0);
	len = cose_ec2(out, COSE_ES512, COSE_P521, span(x, 66), span(y, 66));
	assert_int_equal(len, sizeof(head) + 66 + 3 + 66);
	assert_memory_equal(out, head, sizeof(head));
	assert_true(cbor_check(span(out, len)));
}

static void
eddsa_is_42_bytes(void **state)
{
	static const uint8_t head[] = { 0xa4, 0x01, 0x01, 0x03, 0x27, 0x20,
		0x06, 0x21, 0x58, 0x20 };
	uint8_t x[32];
	size_t len;

	(void)state;
	fill(x, sizeof(x), 7);
	len = cose_okp(out, COSE_EDDSA, COSE_ED25519, span(x, 32));
	assert_int_equal(len, 42);
	assert_memory_equal(out, head, sizeof(head));
	assert_memory_equal(out + sizeof(head), x, 32);
}

static void
rs256_is_272_bytes_with_f4(void **state)
{
	static const uint8_t head[] = { 0xa4, 0x01, 0x03, 0x03, 0x39, 0x01,
		0x00, 0x20, 0x59, 0x01, 0x00 };
	static const uint8_t tail[] = { 0x21, 0x43, 0x01, 0x00, 0x01 };
	uint8_t n[256];
	size_t len;

	(void)state;
	fill(n, sizeof(n), 0x80);
	len = cose_rsa(out, COSE_RS256, span(n, sizeof(n)));
	assert_int_equal(len, 272);
	assert_memory_equal(out, head, sizeof(head));
	assert_memory_equal(out + sizeof(head), n, sizeof(n));
	assert_memory_equal(out + sizeof(head) + 256, tail, sizeof(tail));
}

/* RFC 9864, 2.2: an algorithm of its own, on curve 7 */
static void
ed448_has_its_own_identifier(void **state)
{
	static const uint8_t head[] = { 0xa4, 0x01, 0x01, 0x03, 0x38, 0x34,
		0x20, 0x07, 0x21, 0x58, 0x39 };
	uint8_t x[57];
	size_t len;

	(void)state;
	fill(x, sizeof(x), 7);
	len = cose_okp(out, COSE_ED448, COSE_CRV_ED448, span(x, 57));
	assert_int_equal(len, sizeof(head) + 57);
	assert_memory_equal(out, head, sizeof(head));
	assert_memory_equal(out + sizeof(head), x, 57);
}

/* RFC 9964, 3 and 4: kty 7, the key in -1 */
static void
ml_dsa_87_is_the_longest(void **state)
{
	static const uint8_t head[] = { 0xa3, 0x01, 0x07, 0x03, 0x38, 0x31,
		0x20, 0x59, 0x0a, 0x20 };
	uint8_t pub[2592];
	size_t len;

	(void)state;
	fill(pub, sizeof(pub), 9);
	len = cose_akp(out, COSE_ML_DSA_87, span(pub, sizeof(pub)));
	assert_int_equal(len, COSE_KEY_MAX);
	assert_memory_equal(out, head, sizeof(head));
	assert_memory_equal(out + sizeof(head), pub, sizeof(pub));
	len = cose_akp(out, COSE_ML_DSA_44, span(pub, 1312));
	assert_int_equal(len, sizeof(head) + 1312);
	assert_int_equal(out[5], 0x2f);
	assert_true(cbor_check(span(out, len)));
}

static void
every_encoding_is_canonical(void **state)
{
	uint8_t p[256];

	(void)state;
	fill(p, sizeof(p), 0x80);
	assert_true(cbor_check(span(out, cose_ec2(out, COSE_ES256, COSE_P256,
	    span(p, 32), span(p, 32)))));
	assert_true(cbor_check(span(out, cose_ec2(out, COSE_ES384, COSE_P384,
	    span(p, 48), span(p, 48)))));
	assert_true(cbor_check(span(out, cose_ec2(out, COSE_ES256K,
	    COSE_SECP256K1, span(p, 32), span(p, 32)))));
	assert_true(cbor_check(span(out, cose_ec2(out, COSE_ECDH_ES_HKDF_256,
	    COSE_P256, span(p, 32), span(p, 32)))));
	assert_true(cbor_check(span(out, cose_okp(out, COSE_EDDSA,
	    COSE_ED25519, span(p, 32)))));
	assert_true(cbor_check(span(out, cose_rsa(out, COSE_RS1,
	    span(p, 256)))));
	assert_true(cbor_check(span(out, cose_rsa(out, COSE_PS256,
	    span(p, 256)))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(es256_is_77_bytes_in_canonical_order),
		cmocka_unit_test(es512_has_full_width),
		cmocka_unit_test(eddsa_is_42_bytes),
		cmocka_unit_test(rs256_is_272_bytes_with_f4),
		cmocka_unit_test(ed448_has_its_own_identifier),
		cmocka_unit_test(ml_dsa_87_is_the_longest),
		cmocka_unit_test(every_encoding_is_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
