/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forge by itself: what it makes of the reply of a real key, whose private
 * keys sign when the test says so, or do not. Statements are judged by
 * statement.h. Faults of our own take its memory away, and make replies that
 * are too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/device.h"
#include "authenticator/forge/forge.h"
#include "authenticator/forge/memory.h"
#include "tests/requests.h"
#include "tests/statement.h"
#include "tests/store_fixture.h"

static const uint8_t hash[32] = { HASH };

static const uint8_t make[] = { MAKE(1) };

static const uint8_t assert_it[] = { GET };

/* All that is not none, and not the engine's to make. */
static const enum attestation_kind kinds[] = { ATTESTATION_PACKED,
	ATTESTATION_SELF, ATTESTATION_TPM, ATTESTATION_FIDO_U2F,
	ATTESTATION_ANDROID_KEY, ATTESTATION_APPLE, ATTESTATION_COMPOUND,
	ATTESTATION_SAFETYNET };
#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static char msg[DEVICE_MESSAGE_LEN];

/* A key that has just answered, and a forge that has not. */
struct rig {
	struct scratch	 dir;
	struct device	*d;
	struct auth_config auth;	/* of the forge */
	struct forge	*f;
	struct forge_source src;
	int		 provider;	/* 0, or how signing fails */
	unsigned	 signs;		/* that it was asked for */
};

static void
answer(struct rig *r, const uint8_t *request, size_t len)
{
	struct user_finger touch = { .long_touch = true };
	enum device_want want = device_command(r->d, 0, span(request, len),
	    0);

	while (want == DEVICE_USER)
		want = device_finger(r->d, touch, 0);
	assert_int_equal(want, DEVICE_REPLY);
	assert_true(device_facts(r->d, &r->src.facts));
	assert_int_equal(r->src.facts.status, CTAP2_OK);
	r->src.reply = device_reply(r->d);
}

static void
rig_open(struct rig *r, const struct attestation_root *root)
{
	struct device_config cfg = { .create = true, .root = root };
	struct forge_config fc = { .auth = &r->auth };

	*r = (struct rig){ .src.now_s = time(NULL) };
	scratch_new(&r->dir);
	device_config_default(&cfg);
	cfg.auth.attestation.kind = ATTESTATION_NONE;
	cfg.path = r->dir.path;
	cfg.tpm.target = "none";
	if (device_open(&cfg, 0, &r->d, msg, sizeof(msg)) != 0)
		fail_msg("%s", msg);
	r->auth = *device_auth(r->d);
	fc.store = device_store(r->d);
	r->f = forge_new(&fc);
	assert_non_null(r->f);
	answer(r, make, sizeof(make));
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	rig_open(r, NULL);
	*state = r;
	return 0;
}

static void
rig_close(struct rig *r)
{
	forge_free(r->f);
	device_replied(r->d);
	device_close(r->d);
	scratch_free(&r->dir);
}

static int
teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* What it wants until it is done; the reply. */
static struct span
run(struct rig *r)
{
	enum forge_want want = forge_run(r->f);

	while (want == FORGE_KEY) {
		struct key_op *op = forge_key_op(r->f);

		r->signs++;
		assert_int_equal(op->verb, KEY_SIGN);
		if (r->provider != 0)
			op->result = r->provider;
		else
			assert_int_equal(keys_perform(device_provider(r->d),
			    op), 0);
		want = forge_key_done(r->f);
	}
	return forge_reply(r->f);
}

static struct span
forge_as(struct rig *r, enum attestation_kind kind)
{
	r->src.facts.attestation = kind;
	assert_true(forge_begin(r->f, &r->src));
	return run(r);
}

static void
judge(struct rig *r, struct span reply, enum attestation_kind kind,
    size_t certificates)
{
	struct statement_case c = { .store = device_store(r->d),
	    .reply = reply, .client_data_hash = span(hash, sizeof(hash)),
	    .rp_id = "a", .kind = kind, .certificates = certificates };

	assert_null(forge_trouble(r->f));
	assert_int_equal(forge_kind(r->f), kind);
	statement_judge(&c);
}

static void
assert_failed(struct rig *r, struct span reply)
{
	assert_int_equal(reply.len, 1);
	assert_int_equal(reply.p[0], CTAP1_ERR_OTHER);
	assert_non_null(forge_trouble(r->f));
	assert_null(forge_auth_data(r->f).p);
	assert_false(forge_bent(r->f));
}

/*
 * Statements
 */

static void
every_statement_is_good(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < KINDS; i++)
		judge(r, forge_as(r, kinds[i]), kinds[i], 2);
}

static void
chains_are_as_long_as_was_asked_for(void **state)
{
	struct rig *r = *state;

	for (unsigned chain = 1; chain <= 3; chain++) {
		r->auth.leaf.chain = chain;
		for (size_t i = 0; i < KINDS; i++)
			judge(r, forge_as(r, kinds[i]), kinds[i], chain);
	}
}

static X509 *
leaf_of(struct rig *r, struct span reply)
{
	struct statement_case c = { .store = device_store(r->d),
	    .reply = reply, .client_data_hash = span(hash, sizeof(hash)) };

	return statement_leaf(&c);
}

static void
settings_are_in_the_certificate(void **state)
{
	struct rig *r = *state;
	char text[64] = "";
	X509_NAME *subject;
	X509 *leaf;

	r->auth.leaf = (struct auth_leaf){
	    .not_before_s = r->src.now_s - 1000,
	    .not_after_s = r->src.now_s + 1000,
	    .crl_url = "http://127.0.0.1/x.crl",
	    .subject = "O=Example Corp,CN=A key" };
	for (size_t i = 0; i < 2; i++) {
		leaf = leaf_of(r, forge_as(r, i == 0 ? ATTESTATION_PACKED :
		    ATTESTATION_FIDO_U2F));
		assert_int_equal(ASN1_TIME_cmp_time_t(
		    X509_get0_notBefore(leaf), r->src.now_s - 1000), 0);
		assert_int_equal(ASN1_TIME_cmp_time_t(
		    X509_get0_notAfter(leaf), r->src.now_s + 1000), 0);
		subject = X509_get_subject_name(leaf);
		X509_NAME_get_text_by_NID(subject, NID_organizationName, text,
		    sizeof(text));
		assert_string_equal(text, "Example Corp");
		X509_NAME_get_text_by_NID(subject, NID_commonName, text,
		    sizeof(text));
		assert_string_equal(text, "A key");
		assert_true(X509_get_ext_by_NID(leaf,
		    NID_crl_distribution_points, -1) >= 0);
		X509_free(leaf);
	}
}

/* What is sent as none has nothing to be made anew. */
static void
only_what_the_engine_does_not_make_has_to_be(void **state)
{
	struct rig *r = *state;
	struct auth_facts *facts = &r->src.facts;

	assert_true(forge_can(facts));
	facts->attestation = ATTESTATION_NONE;
	assert_false(forge_must(r->f, facts));
	facts->attestation = ATTESTATION_PACKED;
	assert_false(forge_must(r->f, facts));
	/* the certificate of the attestation key has it already */
	strcpy(r->auth.leaf.subject, "O=TEST");
	assert_false(forge_must(r->f, facts));
	r->auth.leaf.chain = 3;
	assert_true(forge_must(r->f, facts));
	facts->attestation = ATTESTATION_APPLE;
	facts->u2f = true;
	assert_false(forge_can(facts) || forge_must(r->f, facts));
	facts->u2f = false;
	facts->status = CTAP2_ERR_OPERATION_DENIED;
	assert_false(forge_can(facts) || forge_must(r->f, facts));
}

/* The most that can be set, and a name that fills the room for it. */
static void
set_most(struct auth_leaf *leaf)
{
	size_t len;

	leaf->chain = 3;
	leaf->not_before_s = time(NULL) - 1000;
	memset(leaf->crl_url, 'x', sizeof(leaf->crl_url) - 1);
	len = (size_t)snprintf(leaf->subject, sizeof(leaf->subject),
	    "C=SE,O=%064d,OU=%064d,CN=", 0, 0);
	while (len < sizeof(leaf->subject) - 1 && len < 140 + 64)
		leaf->subject[len++] = 'n';
}

static void
the_most_that_can_be_set_fits(void **state)
{
	struct rig *r = *state;

	set_most(&r->auth.leaf);
	for (size_t i = 0; i < KINDS; i++) {
		struct span reply = forge_as(r, kinds[i]);

		if (forge_trouble(r->f) != NULL)
			fail_msg("%d: %s", kinds[i], forge_trouble(r->f));
		assert_int_equal(reply.p[0], CTAP2_OK);
	}
}

/*
 * Signing that fails
 */

/* How often each asks for a key that is not the forge's own. */
static unsigned
asks(enum attestation_kind kind)
{
	return kind == ATTESTATION_SELF || kind == ATTESTATION_FIDO_U2F ||
	    kind == ATTESTATION_ANDROID_KEY || kind == ATTESTATION_COMPOUND;
}

static void
a_provider_that_fails_is_an_error(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < KINDS; i++) {
		struct span reply;

		r->signs = 0;
		r->provider = -ETIMEDOUT;
		reply = forge_as(r, kinds[i]);
		assert_int_equal(r->signs, asks(kinds[i]));
		if (r->signs > 0)
			assert_failed(r, reply);
		r->provider = 0;
		judge(r, forge_as(r, kinds[i]), kinds[i], 2);
	}
}

/* While somebody signs: the next one starts from nothing. */
static void
what_nobody_waits_for_is_forgotten(void **state)
{
	static const struct key_op none;
	struct rig *r = *state;

	r->src.facts.attestation = ATTESTATION_COMPOUND;
	assert_true(forge_begin(r->f, &r->src));
	assert_int_equal(forge_run(r->f), FORGE_KEY);
	forge_end(r->f);
	assert_memory_equal(forge_key_op(r->f), &none, sizeof(none));
	assert_null(forge_auth_data(r->f).p);
	judge(r, forge_as(r, ATTESTATION_COMPOUND), ATTESTATION_COMPOUND, 2);
}

/* What the engine cannot have written has no statement that would do. */
static void
what_cannot_be_taken_apart_is_an_error(void **state)
{
	struct rig *r = *state;

	r->src.facts.auth_data.len = 36;
	assert_failed(r, forge_as(r, ATTESTATION_APPLE));
	assert_int_equal(r->signs, 0);
}

/*
 * Memory, and the length of a message
 */

static size_t left;	/* bytes that a fault leaves to the forge */

static bool
take_memory(struct forge_memory *m)
{
	size_t has = sizeof(m->bytes) - m->used;

	return has <= left || forge_room(m, has - left) != NULL;
}

static bool
little_memory_mc(struct forge_mc *mc)
{
	mc->auth_data.flags |= 0x02;	/* a plan breaks something */
	return take_memory(mc->memory);
}

static bool
little_memory_ga(struct forge_ga *ga)
{
	ga->auth_data.flags |= 0x02;
	return take_memory(ga->memory);
}

static const struct fault little_memory = { .name = "test.memory",
	.mc.plan = little_memory_mc, .ga.plan = little_memory_ga };

/* Whatever it is that does not fit; all of it does, once. */
static void
run_out_of_memory(struct rig *r, enum attestation_kind kind)
{
	unsigned failed = 0, made = 0;

	r->src.choice.fault = &little_memory;
	r->src.facts.attestation = kind;
	for (left = 0; left < FORGE_MEMORY; left += left < 4000 ? 37 : 997) {
		struct span reply;

		assert_true(forge_begin(r->f, &r->src));
		reply = run(r);
		if (forge_trouble(r->f) != NULL) {
			assert_failed(r, reply);
			failed++;
		} else {
			assert_true(forge_bent(r->f));
			assert_int_equal(reply.p[0], CTAP2_OK);
			made++;
		}
	}
	if (failed == 0 || made == 0)
		fail_msg("kind %d: %u failed, %u made", kind, failed, made);
}

static void
running_out_of_memory_is_an_error(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < KINDS; i++)
		run_out_of_memory(r, kinds[i]);
	device_replied(r->d);
	answer(r, assert_it, sizeof(assert_it));
	run_out_of_memory(r, ATTESTATION_NONE);
}

static size_t behind;	/* bytes */

static bool
long_mc(struct forge_mc *mc)
{
	mc->trailing = span(forge_room(mc->memory, behind), behind);
	return mc->trailing.p != NULL;
}

static bool
long_ga(struct forge_ga *ga)
{
	ga->trailing = span(forge_room(ga->memory, behind), behind);
	return ga->trailing.p != NULL;
}

static const struct fault long_reply = { .name = "test.long",
	.mc.plan = long_mc, .ga.plan = long_ga };

/* The longest one is sent, and one byte more is not. */
static void
assert_limit(struct rig *r)
{
	size_t len;

	r->src.choice.fault = NULL;
	r->src.facts.attestation = ATTESTATION_SELF;
	assert_true(forge_begin(r->f, &r->src));
	len = run(r).len;
	r->src.choice.fault = &long_reply;
	/* signatures differ by some bytes: try until one is as long */
	for (unsigned tries = 0, done = 0; done != 3; tries++) {
		struct span reply;

		assert_true(tries < 500);
		behind = AUTH_MESSAGE_MAX - len + tries % 2;
		assert_true(forge_begin(r->f, &r->src));
		reply = run(r);
		if (forge_trouble(r->f) != NULL) {
			assert_failed(r, reply);
			done |= 1;
		} else if (reply.len == AUTH_MESSAGE_MAX) {
			done |= 2;
		}
		assert_true(reply.len <= AUTH_MESSAGE_MAX);
	}
}

static void
no_reply_is_longer_than_a_message(void **state)
{
	struct rig *r = *state;

	assert_limit(r);
	device_replied(r->d);
	answer(r, assert_it, sizeof(assert_it));
	assert_limit(r);
}

/*
 * Faults that do not fit after all
 */

static bool
refuse_mc(struct forge_mc *mc)
{
	(void)mc;
	return false;
}

static bool
refuse_ga(struct forge_ga *ga)
{
	(void)ga;
	return false;
}

static bool
idle_mc(struct forge_mc *mc)
{
	mc->auth_data.flags |= AUTHDATA_UP;
	return true;
}

static bool
idle_ga(struct forge_ga *ga)
{
	ga->auth_data.flags |= AUTHDATA_UP;
	return true;
}

static void
a_plan_that_bends_nothing_does_not_fit(void **state)
{
	static const struct fault idle = { .name = "test.idle",
		.mc.plan = idle_mc, .ga.plan = idle_ga };
	struct rig *r = *state;

	r->src.choice.fault = &idle;
	for (size_t i = 0; i < KINDS; i++) {
		r->src.facts.attestation = kinds[i];
		assert_false(forge_begin(r->f, &r->src));
	}
	device_replied(r->d);
	answer(r, assert_it, sizeof(assert_it));
	r->src.choice.fault = &idle;
	assert_false(forge_begin(r->f, &r->src));
}

static void
a_hook_that_refuses_late_has_bent_nothing(void **state)
{
	static const struct fault refusing[] = {
		{ .name = "test.sign", .mc.sign = refuse_mc,
		  .ga.sign = refuse_ga },
		{ .name = "test.frame", .mc.frame = refuse_mc,
		  .ga.frame = refuse_ga },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < 4; i++) {
		if (i == 2) {
			device_replied(r->d);
			answer(r, assert_it, sizeof(assert_it));
		}
		r->src.facts.attestation = ATTESTATION_SELF;
		r->src.choice.fault = &refusing[i % 2];
		assert_true(forge_begin(r->f, &r->src));
		assert_int_equal(run(r).p[0], CTAP2_OK);
		assert_false(forge_bent(r->f));
		assert_null(forge_trouble(r->f));
	}
}

/*
 * A root that was brought: its key is not kept
 */

static void
bring_root(BIO *cert, BIO *key)
{
	struct certificate_plan plan = { .kind = CERTIFICATE_ROOT,
	    .now_s = 1700000000 };
	X509 *x = NULL;

	plan.key = plan.issuer_key = EVP_EC_gen("P-256");
	assert_int_equal(certificate_make(&plan, &x), 0);
	assert_int_equal(PEM_write_bio_X509(cert, x), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key, plan.key, NULL, NULL,
	    0, NULL, NULL), 1);
	X509_free(x);
	EVP_PKEY_free(plan.key);
}

static struct span
text_of(BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	return span((const uint8_t *)text, (size_t)len);
}

static void
reopen_with(struct rig *r, unsigned chain, const char *why)
{
	struct device_config cfg = { .path = r->dir.path };
	int e;

	device_replied(r->d);
	device_close(r->d);
	device_config_default(&cfg);
	cfg.tpm.target = "none";
	cfg.auth.leaf.chain = chain;
	msg[0] = '\0';
	e = device_open(&cfg, 0, &r->d, msg, sizeof(msg));
	if (why != NULL) {
		assert_int_equal(e, -EINVAL);
		assert_string_equal(msg, why);
		cfg.auth.leaf.chain = 0;
		e = device_open(&cfg, 0, &r->d, msg, sizeof(msg));
	}
	assert_int_equal(e, 0);
	answer(r, make, sizeof(make));
}

static void
under_a_brought_root(void **state)
{
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	struct attestation_root root;
	struct rig r;

	(void)state;
	bring_root(cert, key);
	root = (struct attestation_root){ text_of(cert), text_of(key) };
	rig_open(&r, &root);
	for (unsigned chain = 2; chain <= 3; chain++) {
		r.auth.leaf.chain = chain;
		for (size_t i = 0; i < KINDS; i++)
			judge(&r, forge_as(&r, kinds[i]), kinds[i], chain);
	}
	forge_free(r.f);
	r.f = NULL;
	reopen_with(&r, 1, "attestationChain=1 needs the key of the "
	    "attestation root, and that was brought and is not kept");
	reopen_with(&r, 3, NULL);
	rig_close(&r);
	BIO_free(cert);
	BIO_free(key);
}

/* U2F shows one certificate: its own, or one that the intermediate signs. */
static void
u2f_under_a_brought_root(void **state)
{
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	struct attestation_issuer is = { .root = NULL };
	struct attestation_root root;
	struct rig r;
	X509 *leaf;

	(void)state;
	bring_root(cert, key);
	root = (struct attestation_root){ text_of(cert), text_of(key) };
	rig_open(&r, &root);
	judge(&r, forge_as(&r, ATTESTATION_FIDO_U2F), ATTESTATION_FIDO_U2F,
	    1);
	snprintf(r.auth.leaf.crl_url, sizeof(r.auth.leaf.crl_url),
	    "http://127.0.0.1/x.crl");
	leaf = leaf_of(&r, forge_as(&r, ATTESTATION_FIDO_U2F));
	assert_int_equal(attestation_issuer_open(device_store(r.d), &is), 0);
	assert_null(is.root_key);
	assert_int_equal(X509_verify(leaf, is.intermediate_key), 1);
	attestation_issuer_done(&is);
	X509_free(leaf);
	rig_close(&r);
	BIO_free(cert);
	BIO_free(key);
}

#define RIGGED(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(every_statement_is_good),
		RIGGED(chains_are_as_long_as_was_asked_for),
		RIGGED(settings_are_in_the_certificate),
		RIGGED(the_most_that_can_be_set_fits),
		RIGGED(only_what_the_engine_does_not_make_has_to_be),
		RIGGED(a_provider_that_fails_is_an_error),
		RIGGED(what_nobody_waits_for_is_forgotten),
		RIGGED(what_cannot_be_taken_apart_is_an_error),
		RIGGED(running_out_of_memory_is_an_error),
		RIGGED(no_reply_is_longer_than_a_message),
		RIGGED(a_plan_that_bends_nothing_does_not_fit),
		RIGGED(a_hook_that_refuses_late_has_bent_nothing),
		cmocka_unit_test(under_a_brought_root),
		cmocka_unit_test(u2f_under_a_brought_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
