/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U2F in the simulator: what transcripts cannot see, which is whether
 * signatures and certificates are good, and what failures leave behind.
 * Verified by OpenSSL, over messages put together here.
 *
 * covers uf.7 uf.8 uf.13 uf.14
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "conformance/sim.h"
#include "ctap/apdu.h"
#include "ctap/cose.h"

#define LEAF_LEN	3	/* of the simulator's for U2F */

static const uint8_t challenge[32] = { 0xc4, 0xa1 };
static const uint8_t application[32] = { 0xa9, 0x91 };

/* A reply to U2F_REGISTER, taken apart. */
struct registration {
	uint8_t		bytes[1024];
	size_t		len;
	const uint8_t	*point;		/* 65 bytes */
	const uint8_t	*handle;
	size_t		handle_len;
	const uint8_t	*cert;		/* and the signature behind it */
};

static enum apdu_sw
send(struct sim *s, uint8_t ins, uint8_t p1, const void *data, size_t len)
{
	uint8_t apdu[600] = { 0, ins, p1, 0, 0 };
	const uint8_t *end;

	apdu[5] = (uint8_t)(len >> 8);
	apdu[6] = (uint8_t)len;
	memcpy(apdu + 7, data, len);
	assert_int_equal(sim_apdu(s, 1, span(apdu, 7 + len + 2)), AUTH_REPLY);
	assert_true(s->reply.len >= 2);
	end = s->reply.p + s->reply.len - 2;
	return (enum apdu_sw)(end[0] << 8 | end[1]);
}

static enum apdu_sw
poll_register(struct sim *s)
{
	uint8_t data[64];

	memcpy(data, challenge, 32);
	memcpy(data + 32, application, 32);
	return send(s, 1, 0, data, sizeof(data));
}

static enum apdu_sw
sign(struct sim *s, uint8_t control, const struct registration *reg)
{
	uint8_t data[64 + 1 + 255];

	memcpy(data, challenge, 32);
	memcpy(data + 32, application, 32);
	data[64] = (uint8_t)reg->handle_len;
	memcpy(data + 65, reg->handle, reg->handle_len);
	return send(s, 2, control, data, 65 + reg->handle_len);
}

static void
take_registration(const struct sim *s, struct registration *reg)
{
	assert_true(s->reply.len - 2 <= sizeof(reg->bytes));
	reg->len = s->reply.len - 2;
	memcpy(reg->bytes, s->reply.p, reg->len);
	assert_int_equal(reg->bytes[0], 0x05);
	reg->point = reg->bytes + 1;
	assert_int_equal(reg->point[0], 0x04);
	reg->handle_len = reg->bytes[66];
	reg->handle = reg->bytes + 67;
	reg->cert = reg->handle + reg->handle_len;
	assert_true(reg->cert < reg->bytes + reg->len);
}

static void
do_register(struct sim *s, struct registration *reg)
{
	assert_int_equal(poll_register(s), SW_CONDITIONS_NOT_SATISFIED);
	assert_true(sim_touch(s));
	assert_int_equal(poll_register(s), SW_NO_ERROR);
	take_registration(s, reg);
}

static EVP_PKEY *
key_of(const uint8_t *point)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    (char[]){ "P-256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    (void *)(uintptr_t)point, 65),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Frees key. */
static bool
verifies(EVP_PKEY *key, const uint8_t *msg, size_t len, const uint8_t *sig,
    size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r;

	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
	    key), 1);
	r = EVP_DigestVerify(ctx, sig, sig_len, msg, len);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return r == 1;
}

static size_t
signed_by_register(const struct registration *reg, uint8_t out[400])
{
	size_t n = 0;

	out[n++] = 0;
	memcpy(out + n, application, 32);
	memcpy(out + n + 32, challenge, 32);
	n += 64;
	memcpy(out + n, reg->handle, reg->handle_len);
	n += reg->handle_len;
	memcpy(out + n, reg->point, 65);
	return n + 65;
}

static EVP_PKEY *
attestation_key(const struct sim *s)
{
	uint8_t point[65];

	cose_p256_point(span(s->attestation_pub, s->attestation_pub_len),
	    point);
	return key_of(point);
}

static void
check_certificate_for_u2f(const char *attestation)
{
	struct sim_setup setup = { .set = { attestation } };
	struct sim *s = sim_new(&setup);
	struct registration reg;
	const uint8_t *sig;
	uint8_t msg[400];

	do_register(s, &reg);
	assert_memory_equal(reg.cert, "\x30\x01\x02", LEAF_LEN);
	sig = reg.cert + LEAF_LEN;
	assert_true(verifies(attestation_key(s), msg,
	    signed_by_register(&reg, msg), sig,
	    (size_t)(reg.bytes + reg.len - sig)));
	sim_free(s);
}

/* Whatever CTAP2 has instead: U2F knows no other attestation. */
static void
a_certificate_for_u2f_attests(void **state)
{
	(void)state;
	check_certificate_for_u2f("attestation=packed");
	check_certificate_for_u2f("attestation=tpm");
	check_certificate_for_u2f("attestation=fido-u2f");
	check_certificate_for_u2f("attestation=android-key");
	check_certificate_for_u2f("attestation=apple");
	check_certificate_for_u2f("attestation=compound");
	check_certificate_for_u2f("attestation=android-safetynet");
}

/* The certificate is whole, the key's own, and signed by it. */
static void
check_own_certificate(const char *attestation)
{
	struct sim_setup setup = { .set = { attestation } };
	struct sim *s = sim_new(&setup);
	struct registration reg;
	const uint8_t *p, *end;
	EVP_PKEY *key;
	uint8_t msg[400];
	char name[64];
	X509 *cert;

	do_register(s, &reg);
	p = reg.cert;
	end = reg.bytes + reg.len;
	cert = d2i_X509(NULL, &p, end - p);
	assert_non_null(cert);
	key = key_of(reg.point);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), key), 1);
	assert_int_equal(X509_verify(cert, key), 1);
	assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(cert),
	    X509_get_subject_name(cert)), 0);
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
	    NID_commonName, name, sizeof(name)) > 0);
	assert_string_equal(name, "sealkey TEST");
	assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(cert)), -1);
	assert_int_equal(X509_cmp_current_time(X509_get0_notAfter(cert)), 1);
	assert_true(verifies(key, msg, signed_by_register(&reg, msg), p,
	    (size_t)(end - p)));
	X509_free(cert);
	sim_free(s);
}

static void
without_a_chain_the_key_attests_itself(void **state)
{
	(void)state;
	/* signatures have several lengths, and so has the certificate */
	for (int i = 0; i < 16; i++)
		check_own_certificate("attestation=self");
	check_own_certificate("attestation=none");
}

static uint32_t
check_assertion(const struct sim *s, const struct registration *reg,
    uint8_t presence)
{
	const uint8_t *r = s->reply.p;
	uint8_t msg[69];

	assert_true(s->reply.len > 7);
	assert_int_equal(r[0], presence);
	memcpy(msg, application, 32);
	memcpy(msg + 32, r, 5);
	memcpy(msg + 37, challenge, 32);
	assert_true(verifies(key_of(reg->point), msg, sizeof(msg), r + 5,
	    s->reply.len - 7));
	return (uint32_t)r[1] << 24 | (uint32_t)r[2] << 16 |
	    (uint32_t)r[3] << 8 | r[4];
}

static void
the_credential_signs(void **state)
{
	static const struct sim_setup setup = { .set = { "uv=off" } };
	struct sim *s = sim_new(&setup);
	struct registration reg;

	(void)state;
	do_register(s, &reg);
	assert_int_equal(sign(s, 0x03, &reg), SW_CONDITIONS_NOT_SATISFIED);
	assert_true(sim_touch(s));
	assert_int_equal(sign(s, 0x03, &reg), SW_NO_ERROR);
	assert_int_equal(check_assertion(s, &reg, 1), 1);
	assert_int_equal(sign(s, 0x08, &reg), SW_NO_ERROR);
	assert_int_equal(check_assertion(s, &reg, 0), 2);
	sim_free(s);
}

/* Counters of a block cost no write, and none comes twice. */
static void
the_counter_survives_power_loss(void **state)
{
	static const struct sim_setup setup = { .set = { "uv=off" } };
	struct sim *s = sim_new(&setup);
	struct registration reg;
	uint32_t before;

	(void)state;
	do_register(s, &reg);
	assert_int_equal(s->commits, 0);
	assert_int_equal(sign(s, 0x08, &reg), SW_NO_ERROR);
	assert_int_equal(s->commits, 1);
	assert_int_equal(sign(s, 0x08, &reg), SW_NO_ERROR);
	assert_int_equal(s->commits, 1);
	before = check_assertion(s, &reg, 0);
	sim_power_cycle(s);
	assert_int_equal(sign(s, 0x08, &reg), SW_NO_ERROR);
	assert_true(check_assertion(s, &reg, 0) > before);
	sim_free(s);
}

static void
failures_are_told_and_change_nothing(void **state)
{
	static const struct sim_setup setup = { .set = { "uv=off" } };
	struct sim *s = sim_new(&setup);
	struct registration reg;

	(void)state;
	do_register(s, &reg);
	s->key_error = -EIO;
	assert_int_equal(poll_register(s), SW_CONDITIONS_NOT_SATISFIED);
	assert_true(sim_touch(s));
	assert_int_equal(poll_register(s), SW_INTERNAL);
	assert_int_equal(sign(s, 0x07, &reg), SW_INTERNAL);
	s->key_error = 0;
	s->commit_error = -ENOSPC;
	assert_int_equal(sign(s, 0x08, &reg), SW_INTERNAL);
	s->commit_error = 0;
	assert_int_equal(sign(s, 0x08, &reg), SW_NO_ERROR);
	assert_int_equal(check_assertion(s, &reg, 0), 1);
	sim_free(s);
}

/* Starts a registration that finds somebody there; stops at the first key. */
static void
begin_registration(struct auth *au, uint64_t now_ms)
{
	uint8_t apdu[5 + 64] = { 0, 1, 0, 0, 64 };

	assert_int_equal(auth_apdu(au, 1, span(apdu, sizeof(apdu)), now_ms),
	    AUTH_USER);
	assert_true(auth_prompt(au)->polled);
	assert_true(auth_deadline(au) <= now_ms);
	assert_int_equal(auth_user_input(au, USER_PRESENT, now_ms), AUTH_KEY);
}

static void
expect_sw(struct auth *au, enum apdu_sw sw)
{
	struct span r = auth_reply(au);

	assert_int_equal(r.len, 2);
	assert_int_equal(r.p[0] << 8 | r.p[1], sw);
	auth_replied(au);
	assert_true(auth_idle(au));
}

static void
a_handle_too_long_for_its_length_byte_fails(void **state)
{
	static const struct sim_setup setup = { .set = { "uv=off" } };
	struct sim *s = sim_new(&setup);
	struct key_op *op = auth_key_op(s->auth);

	(void)state;
	begin_registration(s->auth, s->now_ms);
	op->result = 0;
	op->out_blob_len = 256;
	assert_int_equal(auth_key_done(s->auth, s->now_ms), AUTH_REPLY);
	expect_sw(s->auth, SW_INTERNAL);
	sim_free(s);
}

static void
a_user_who_refuses_is_not_there(void **state)
{
	static const struct sim_setup setup = { .set = { "uv=off" } };
	struct sim *s = sim_new(&setup);
	uint8_t apdu[5 + 64] = { 0, 1, 0, 0, 64 };

	(void)state;
	assert_int_equal(auth_apdu(s->auth, 1, span(apdu, sizeof(apdu)),
	    s->now_ms), AUTH_USER);
	assert_int_equal(auth_user_input(s->auth, USER_REFUSED, s->now_ms),
	    AUTH_REPLY);
	expect_sw(s->auth, SW_CONDITIONS_NOT_SATISFIED);
	sim_free(s);
}

static void
a_host_that_goes_stops_it(void **state)
{
	static const struct sim_setup setup = { .set = { "uv=off" } };
	struct sim *s = sim_new(&setup);

	(void)state;
	begin_registration(s->auth, s->now_ms);
	assert_int_equal(auth_abort(s->auth, 1), AUTH_REPLY);
	auth_replied(s->auth);
	assert_true(auth_idle(s->auth));
	sim_free(s);
}

static void
u2f_is_a_setting_and_needs_es256(void **state)
{
	static const struct {
		struct sim_setup setup;
		bool		 has;
	} t[] = {
		{ { .set = { NULL } }, true },
		{ { .set = { "versions=FIDO_2_1" } }, false },
		{ { .set = { "algorithms=EdDSA" } }, false },
		{ { .set = { "algorithms=EdDSA,ES256" } }, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct sim *s = sim_new(&t[i].setup);

		assert_int_equal(auth_has_u2f(s->auth), t[i].has);
		sim_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_for_u2f_attests),
		cmocka_unit_test(without_a_chain_the_key_attests_itself),
		cmocka_unit_test(the_credential_signs),
		cmocka_unit_test(the_counter_survives_power_loss),
		cmocka_unit_test(failures_are_told_and_change_nothing),
		cmocka_unit_test(a_handle_too_long_for_its_length_byte_fails),
		cmocka_unit_test(a_user_who_refuses_is_not_there),
		cmocka_unit_test(a_host_that_goes_stops_it),
		cmocka_unit_test(u2f_is_a_setting_and_needs_es256),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
