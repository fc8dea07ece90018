/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIN/UV auth protocols one and two. The values are the test vectors of
 * WebAuthn Level 3 for the prf extension over CTAP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include <openssl/crypto.h>

#include "ctap/cbor.h"
#include "ctap/pin.h"
#include "tests/hex.h"

#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

/* where the coordinates are in what pin_agreement_public() writes */
#define X_AT	11
#define Y_AT	46

static const char authenticator_key[] =
	"a184532a52717c1719ed7f8a5c0bdbc0489a79fc2076b9a0b020ecda0ea585b5";
static const char authenticator_point[] =
	"a30522c2de402b561965c3cf949a1cab020c6f6ea36fcf7e911ac1a0f1515300"
	"9961a929abdb2f42e6566771887d41484d889e735e3248518a53112d2b915f00";
static const char platform_key[] =
	"0971bc7fb1be48270adcd3d9a5fc15d5fb0f335b3071ff36a54c007fa6c76514";
static const char secret_one[] =
	"23e5ed7157c25892b77732fb9c8a107e3518800db2af4142f9f4adfacb771d39";
static const char secret_two[] =
	"0c63083de8170101d38bcf8bd72309568ddb4550867e23404b35d85712f7c20d"
	"8bc911ee23c06034cbc14290b9669bec07739053c5a416e313ef905c79955876";
static const char cred_random[] =
	"437e065e723a98b2f08f39d8baf7c53ecb3c363c5e5104bdaaf5d5ca2e028154";

/* salts, and what hmac-secret makes of them under cred_random */
static const char *const salts[][2] = {
	{ "527413ebb48293772df30f031c5ac4650c7de14bf9498671ae163447b6a772b3",
	  "3c33e07d202c3b029cc21f1722767021bf27d595933b3d2b6a1b9d5dddc77fae" },
	{ "d68ac03329a10ee5e0ec834492bb9a96a0e547baf563bf78ccbe8789b22e776b",
	  "a62a8773b19cda90d7ed4ef72a80a804320dbd3997e2f663805ad1fd3293d50b" },
};

/* the first salt and its output, as they cross the bus */
static const struct {
	int		 protocol;
	const char	*plain;
	const char	*sealed;
} sealings[] = {
	{ 1, "527413ebb48293772df30f031c5ac4650c7de14bf9498671ae163447b6a772b3",
	  "ab8c878bb05d04700f077ed91845ec9c503c925cb12b327ddbeb4243c397f913" },
	{ 1, "3c33e07d202c3b029cc21f1722767021bf27d595933b3d2b6a1b9d5dddc77fae",
	  "15d4e4f3f04109b492b575c1b38c28585b6719cf8d61304215108d939f37ccfb" },
	{ 2, "527413ebb48293772df30f031c5ac4650c7de14bf9498671ae163447b6a772b3",
	  "23dde5e3462daf36559b85c4ac5f9656aa9bfd81c1dc2bf8533c8b9f38828547"
	  "86b4f500e25b4e3d81f7fc7c74236229" },
	{ 2, "3c33e07d202c3b029cc21f1722767021bf27d595933b3d2b6a1b9d5dddc77fae",
	  "3bfaa48f7952330d63e35ff8cd5bca48d2a12823828915749287256ab146272f"
	  "9fb437bf65691243c3f504bd7ea6d5e6" },
};

/* pin_random: the scalar that arg says, in the last of the bytes */
static void
this_scalar(void *arg, uint8_t *out, size_t len)
{
	struct span scalar = hex(arg);

	assert_true(len >= scalar.len);
	memset(out, 0, len);
	memcpy(out + len - scalar.len, scalar.p, scalar.len);
	hex_free(scalar);
}

static struct pin_agreement *
agreement(const char *scalar)
{
	return pin_agreement_new(this_scalar, (void *)(uintptr_t)scalar);
}

/* The public key as x || y, checking what is around them. */
static void
public_point(const struct pin_agreement *a, uint8_t out[static 64])
{
	struct span head = hex("a5 01 02 03 38 18 20 01 21 58 20");
	struct span middle = hex("22 58 20");
	uint8_t cose[COSE_KEY_MAX];

	assert_int_equal(pin_agreement_public(a, cose), Y_AT + 32);
	assert_true(cbor_check(span(cose, Y_AT + 32)));
	assert_memory_equal(cose, head.p, head.len);
	assert_memory_equal(cose + X_AT + 32, middle.p, middle.len);
	memcpy(out, cose + X_AT, 32);
	memcpy(out + 32, cose + Y_AT, 32);
	hex_free(head);
	hex_free(middle);
}

static struct pin_secret
secret_of(int protocol)
{
	struct span key = hex(protocol == 1 ? secret_one : secret_two);
	struct pin_secret s = { .protocol = protocol };

	memcpy(s.key, key.p, key.len);
	hex_free(key);
	return s;
}

/* --- key agreement ------------------------------------------------------- */

static void
the_public_key_follows_from_the_randomness(void **state)
{
	struct span want = hex(authenticator_point);
	struct pin_agreement *a = agreement(authenticator_key);
	uint8_t got[64];

	(void)state;
	assert_non_null(a);
	public_point(a, got);
	assert_memory_equal(got, want.p, 64);
	pin_agreement_free(a);
	hex_free(want);
}

static void
randomness_is_reduced_by_the_group_order(void **state)
{
	/* n + 1: the generator itself */
	struct pin_agreement *a = agreement("ffffffff00000000"
	    "ffffffffffffffffbce6faada7179e84f3b9cac2fc632552");
	struct span g = hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0"
	    "f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ece"
	    "cbb6406837bf51f5");
	uint8_t got[64];

	(void)state;
	assert_non_null(a);
	public_point(a, got);
	assert_memory_equal(got, g.p, 64);
	pin_agreement_free(a);
	hex_free(g);
}

static void
a_scalar_of_zero_is_refused(void **state)
{
	(void)state;
	assert_null(agreement("00"));
	assert_null(agreement("ffffffff00000000ffffffffffffffff"
	    "bce6faada7179e84f3b9cac2fc632551"));
	pin_agreement_free(NULL);
}

static void
both_sides_agree_on_the_vector(void **state)
{
	struct pin_agreement *a = agreement(authenticator_key);
	struct pin_agreement *b = agreement(platform_key);
	uint8_t pub_a[64], pub_b[64];
	struct pin_secret s, t, want;

	(void)state;
	public_point(a, pub_a);
	public_point(b, pub_b);
	for (int protocol = 1; protocol <= 2; protocol++) {
		size_t len = protocol == 1 ? 32 : 64;

		want = secret_of(protocol);
		assert_true(pin_agreement_secret(a, protocol, pub_b,
		    pub_b + 32, &s));
		assert_true(pin_agreement_secret(b, protocol, pub_a,
		    pub_a + 32, &t));
		assert_int_equal(s.protocol, protocol);
		assert_memory_equal(s.key, want.key, len);
		assert_memory_equal(t.key, want.key, len);
	}
	pin_agreement_free(a);
	pin_agreement_free(b);
}

/* x = 0 has a point, and x = p is the same number but no coordinate. */
static const char zero[] =
	"0000000000000000000000000000000000000000000000000000000000000000";
static const char y_of_zero[] =
	"66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
static const char prime[] =
	"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
static const char ones[] =
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

static bool
agrees_with(const char *x_text, const char *y_text)
{
	struct pin_agreement *a = agreement(authenticator_key);
	struct span x = hex(x_text), y = hex(y_text);
	struct pin_secret s[3];
	bool one, two;

	memset(s, 0, sizeof(s));
	one = pin_agreement_secret(a, 1, x.p, y.p, &s[0]);
	two = pin_agreement_secret(a, 2, x.p, y.p, &s[1]);
	assert_int_equal(one, two);
	/* outputs are written only on success */
	if (!one)
		assert_memory_equal(&s[0], &s[2], sizeof(s[0]));
	hex_free(x);
	hex_free(y);
	pin_agreement_free(a);
	return one;
}

static void
points_that_are_not_on_the_curve(void **state)
{
	char x[65], y[65];

	(void)state;
	memcpy(x, authenticator_point, 64);
	memcpy(y, authenticator_point + 64, 64);
	x[64] = y[64] = '\0';
	assert_true(agrees_with(x, y));
	assert_false(agrees_with(y, x));
	assert_false(agrees_with(x, x));
	assert_false(agrees_with(x, zero));
	y[63] ^= 1;
	assert_false(agrees_with(x, y));
	assert_true(agrees_with(zero, y_of_zero));
	assert_false(agrees_with(prime, y_of_zero));
	assert_false(agrees_with(y_of_zero, zero));
	assert_false(agrees_with(ones, ones));
	/* as some write down infinity */
	assert_false(agrees_with(zero, zero));
	assert_false(agrees_with(prime, prime));
}

static void
wiping_leaves_nothing(void **state)
{
	struct pin_secret s = secret_of(2), none;

	(void)state;
	memset(&none, 0, sizeof(none));
	pin_secret_wipe(&s);
	assert_memory_equal(&s, &none, sizeof(s));
}

/* --- encryption ---------------------------------------------------------- */

static void
vectors_are_encrypted_and_decrypted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sealings); i++) {
		struct pin_secret s = secret_of(sealings[i].protocol);
		struct span plain = hex(sealings[i].plain);
		struct span sealed = hex(sealings[i].sealed);
		uint8_t out[64];
		size_t len = 0;

		/* protocol two: the IV is what comes first */
		assert_int_equal(pin_encrypt(&s, sealed.p, plain.p,
		    plain.len, out), sealed.len);
		assert_memory_equal(out, sealed.p, sealed.len);
		assert_true(pin_decrypt(&s, sealed, out, sizeof(out), &len));
		assert_int_equal(len, plain.len);
		assert_memory_equal(out, plain.p, plain.len);
		hex_free(plain);
		hex_free(sealed);
	}
}

static void
every_multiple_of_a_block_comes_back(void **state)
{
	uint8_t plain[80], sealed[96], back[80], iv[PIN_IV_LEN];
	size_t n, len;

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	memset(iv, 0x5a, sizeof(iv));
	for (int protocol = 1; protocol <= 2; protocol++) {
		struct pin_secret s = secret_of(protocol);

		for (size_t in = 16; in <= sizeof(plain); in += 16) {
			n = pin_encrypt(&s, iv, plain, in, sealed);
			assert_int_equal(n, protocol == 1 ? in : in + 16);
			assert_true(pin_decrypt(&s, span(sealed, n), back,
			    in, &len));
			assert_int_equal(len, in);
			assert_memory_equal(back, plain, in);
			len = 42;
			assert_false(pin_decrypt(&s, span(sealed, n), back,
			    in - 1, &len));
			assert_int_equal(len, 42);
		}
	}
}

static void
parts_of_blocks_are_refused(void **state)
{
	uint8_t bytes[96] = { 0 }, out[96];
	size_t len = 42;

	(void)state;
	for (int protocol = 1; protocol <= 2; protocol++) {
		struct pin_secret s = secret_of(protocol);
		size_t least = protocol == 1 ? 16 : 32;

		for (size_t n = 0; n <= sizeof(bytes); n++) {
			struct span in = hex_copy(bytes, n);
			bool ok = n >= least && n % 16 == 0;

			len = 42;
			assert_int_equal(pin_decrypt(&s, in, out,
			    sizeof(out), &len), ok);
			assert_int_equal(len, ok ? n - (least - 16) : 42);
			hex_free(in);
		}
		assert_int_equal(pin_encrypt(&s, bytes, bytes, 15, out), 0);
		assert_int_equal(pin_encrypt(&s, bytes, bytes, 33, out), 0);
	}
}

static void
only_protocol_two_has_an_iv(void **state)
{
	uint8_t plain[16] = { 0 }, iv[2][PIN_IV_LEN] = { { 1 }, { 2 } };
	uint8_t a[32], b[32];
	struct pin_secret one = secret_of(1), two = secret_of(2);

	(void)state;
	pin_encrypt(&one, iv[0], plain, 16, a);
	pin_encrypt(&one, iv[1], plain, 16, b);
	assert_memory_equal(a, b, 16);
	pin_encrypt(&two, iv[0], plain, 16, a);
	pin_encrypt(&two, iv[1], plain, 16, b);
	assert_memory_equal(a, iv[0], 16);
	assert_memory_equal(b, iv[1], 16);
	assert_memory_not_equal(a + 16, b + 16, 16);
}

/* --- authentication ------------------------------------------------------ */

static void
the_outputs_of_hmac_secret_verify(void **state)
{
	struct span key = hex(cred_random);

	(void)state;
	for (size_t i = 0; i < COUNT(salts); i++) {
		struct span salt = hex(salts[i][0]), out = hex(salts[i][1]);

		assert_true(pin_verify(2, key.p, salt, span(NULL, 0), out));
		assert_true(pin_verify(1, key.p, salt, span(NULL, 0),
		    span(out.p, 16)));
		/* the message may come in two parts */
		for (size_t at = 0; at <= salt.len; at++)
			assert_true(pin_verify(2, key.p, span(salt.p, at),
			    span(salt.p + at, salt.len - at), out));
		hex_free(salt);
		hex_free(out);
	}
	hex_free(key);
}

static void
macs_of_another_length_are_wrong(void **state)
{
	struct span key = hex(cred_random), salt = hex(salts[0][0]);
	struct span out = hex(salts[0][1]);
	uint8_t longer[64] = { 0 };

	(void)state;
	memcpy(longer, out.p, out.len);
	for (size_t len = 0; len <= sizeof(longer); len++) {
		struct span mac = hex_copy(longer, len);

		assert_int_equal(pin_verify(1, key.p, salt, span(NULL, 0),
		    mac), len == 16);
		assert_int_equal(pin_verify(2, key.p, salt, span(NULL, 0),
		    mac), len == 32);
		hex_free(mac);
	}
	assert_false(pin_verify(2, key.p, salt, span(NULL, 0),
	    span(NULL, 0)));
	hex_free(key);
	hex_free(salt);
	hex_free(out);
}

static void
every_bit_of_a_mac_counts(void **state)
{
	struct span key = hex(cred_random), salt = hex(salts[0][0]);
	struct span out = hex(salts[0][1]);
	uint8_t mac[32];

	(void)state;
	for (unsigned bit = 0; bit < 256; bit++) {
		memcpy(mac, out.p, 32);
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(pin_verify(2, key.p, salt, span(NULL, 0),
		    span(mac, 32)));
		if (bit < 128)
			assert_false(pin_verify(1, key.p, salt,
			    span(NULL, 0), span(mac, 16)));
	}
	assert_false(pin_verify(2, salt.p, salt, span(NULL, 0), out));
	assert_false(pin_verify(2, key.p, key, span(NULL, 0), out));
	assert_false(pin_verify(2, key.p, salt, span(salt.p, 1), out));
	hex_free(key);
	hex_free(salt);
	hex_free(out);
}

/* --- when memory runs out ------------------------------------------------ */

/* OpenSSL's allocations from this one on fail; 0: none do. */
static unsigned long fail_from, allocated;

static bool
may_allocate(void)
{
	return fail_from == 0 || ++allocated < fail_from;
}

static void *
try_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return may_allocate() ? malloc(len) : NULL;
}

static void *
try_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return may_allocate() ? realloc(p, len) : NULL;
}

static void
just_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* A whole key agreement, encryption and MAC; whether all of it was done. */
static bool
use_everything(int protocol, const uint8_t peer[static 64])
{
	static const uint8_t plain[32] = { 1 }, iv[PIN_IV_LEN];
	static char scalar[] = "05";
	struct pin_agreement *a = pin_agreement_new(this_scalar, scalar);
	uint8_t cose[COSE_KEY_MAX], sealed[48], back[32];
	struct pin_secret s;
	size_t n, len = 0;
	bool ok = false;

	if (a == NULL)
		return false;
	if (pin_agreement_public(a, cose) > 0 &&
	    pin_agreement_secret(a, protocol, peer, peer + 32, &s)) {
		n = pin_encrypt(&s, iv, plain, sizeof(plain), sealed);
		ok = n > 0 && pin_decrypt(&s, span(sealed, n), back,
		    sizeof(back), &len) && len == sizeof(plain) &&
		    memcmp(back, plain, len) == 0;
	}
	pin_agreement_free(a);
	return ok;
}

/* Each allocation fails once, and all that come after it. */
static void
without_memory_there_is_no_secret(void **state)
{
	struct span peer = hex(authenticator_point);
	unsigned long n;

	(void)state;
	for (int protocol = 1; protocol <= 2; protocol++) {
		assert_true(use_everything(protocol, peer.p));
		for (n = 1; n < 10000; n++) {
			bool ok;

			allocated = 0;
			fail_from = n;
			ok = use_everything(protocol, peer.p);
			fail_from = 0;
			if (ok)
				break;
			assert_true(allocated >= n);
		}
		assert_true(n > 10 && n < 10000);
		assert_true(use_everything(protocol, peer.p));
	}
	hex_free(peer);
}

static void
without_memory_nothing_verifies(void **state)
{
	struct span key = hex(cred_random), salt = hex(salts[0][0]);
	struct span out = hex(salts[0][1]);
	bool ok = false;

	(void)state;
	for (unsigned long n = 1; !ok; n++) {
		assert_true(n < 1000);
		allocated = 0;
		fail_from = n;
		ok = pin_verify(2, key.p, salt, span(NULL, 0), out);
		fail_from = 0;
		assert_int_equal(ok, allocated < n);
	}
	hex_free(key);
	hex_free(salt);
	hex_free(out);
}

/* HKDF and AES done with other tools. */
static void
values_are_sealed_for_holders_of_the_token(void **state)
{
	static const char *const sealed[][2] = {
		{ "encIdentifier", "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
		    "975c5e68180daae4a31af671af8bb59d" },
		{ "encCredStoreState", "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
		    "745dfdc818047a34783a3378d453471f" },
	};
	uint8_t token[PIN_TOKEN_LEN], iv[PIN_IV_LEN], value[PIN_VALUE_LEN];
	uint8_t out[PIN_SEALED_VALUE_LEN];

	(void)state;
	for (uint8_t i = 0; i < sizeof(token); i++)
		token[i] = i;
	for (uint8_t i = 0; i < sizeof(iv); i++) {
		iv[i] = 0xa0 + i;
		value[i] = 0x40 + i;
	}
	for (size_t i = 0; i < COUNT(sealed); i++) {
		struct span want = hex(sealed[i][1]);

		pin_seal_value(token, sealed[i][0], iv, value, out);
		assert_true(span_eq(want, span(out, sizeof(out))));
		hex_free(want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_public_key_follows_from_the_randomness),
		cmocka_unit_test(randomness_is_reduced_by_the_group_order),
		cmocka_unit_test(a_scalar_of_zero_is_refused),
		cmocka_unit_test(both_sides_agree_on_the_vector),
		cmocka_unit_test(points_that_are_not_on_the_curve),
		cmocka_unit_test(wiping_leaves_nothing),
		cmocka_unit_test(vectors_are_encrypted_and_decrypted),
		cmocka_unit_test(every_multiple_of_a_block_comes_back),
		cmocka_unit_test(parts_of_blocks_are_refused),
		cmocka_unit_test(only_protocol_two_has_an_iv),
		cmocka_unit_test(the_outputs_of_hmac_secret_verify),
		cmocka_unit_test(macs_of_another_length_are_wrong),
		cmocka_unit_test(every_bit_of_a_mac_counts),
		cmocka_unit_test(values_are_sealed_for_holders_of_the_token),
		cmocka_unit_test(without_memory_there_is_no_secret),
		cmocka_unit_test(without_memory_nothing_verifies),
	};

	/* before OpenSSL has allocated anything */
	if (CRYPTO_set_mem_functions(try_malloc, try_realloc,
	    just_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
