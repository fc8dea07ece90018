/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in a TPM that refuses, answers nonsense or does not answer: every code
 * of the table at every command that keys send, and ways to spoil an answer.
 * Each gives an error that says so, and afterwards the same keys work.
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
#include <unistd.h>

#include "conformance/verify.h"
#include "tests/fault.h"
#include "tests/swtpm.h"
#include "tpm/link_impl.h"
#include "tpm/tpmkey.h"

#define BOUND	"an RP ID hash, or so"
#define KEYS	4

static const uint8_t storage_key[SEAL_KEY_LEN] = { 9, 8, 7 };
static const uint8_t epoch[KEY_EPOCH_LEN] = { 1, 2, 3 };
static const uint8_t zeros[KEY_EPOCH_LEN];

struct fixture {
	char		 dir[64];
	struct swtpm	 swtpm;
	char		 target[FAULT_TARGET_MAX];
	struct link	*link;
	struct tpmkeys	*keys;
	struct key_op	 made[KEYS], ak;
};

static void
do_not_wait(unsigned ms)
{
	(void)ms;
}

static void
power_on(struct fixture *f)
{
	struct keys_info info = { 0 };
	char msg[256];
	int r;

	fault_script(f->dir, "");
	r = link_open(f->target, -1, false, &f->link, &info, msg,
	    sizeof(msg));
	if (r != 0)
		fail_msg("%d: %s", r, msg);
	f->link->wait_ms = do_not_wait;
	r = tpmkey_new(f->link, &f->keys);
	if (r != 0)
		fail_msg("%d: %s", r, link_strerror(f->link));
	tpmkey_unlock(f->keys, storage_key);
}

static void
power_off(struct fixture *f)
{
	tpmkey_free(f->keys);
	link_close(f->link);
	f->keys = NULL;
	f->link = NULL;
}

/* --- operations ----------------------------------------------------------- */

static int
create(struct fixture *f, struct key_op *op)
{
	*op = (struct key_op){ .verb = KEY_CREATE, .alg = COSE_ES256,
		.epoch = span(epoch, sizeof(epoch)), .bound = span_str(BOUND),
		.meta = span_str("") };
	return tpmkey_perform(f->keys, op);
}

static int
create_another(struct fixture *f)
{
	struct key_op op;

	return create(f, &op);
}

static struct key_op
use(enum key_verb verb, const struct key_op *made)
{
	return (struct key_op){ .verb = verb,
		.blob = span(made->out_blob, made->out_blob_len),
		.epoch = span(epoch, sizeof(epoch)),
		.bound = span_str(BOUND) };
}

static int
sign_with(struct fixture *f, int i, bool *verifies)
{
	struct key_op op = use(KEY_SIGN, &f->made[i]);
	int r;

	op.data[0] = span_str("a message");
	r = tpmkey_perform(f->keys, &op);
	*verifies = r == 0 && verify_signature(span(f->made[i].out_pub,
	    f->made[i].out_pub_len), span_str("a message"),
	    span(op.out_sig, op.out_sig_len));
	return r;
}

static int
sign(struct fixture *f)
{
	bool verifies;

	return sign_with(f, 0, &verifies);
}

/* The last of more keys than there is room for. */
static int
sign_all(struct fixture *f)
{
	bool verifies;
	int r = 0;

	for (int i = 0; r == 0 && i < KEYS; i++)
		r = sign_with(f, i, &verifies);
	return r;
}

static int
hmac(struct fixture *f)
{
	struct key_op op = use(KEY_HMAC, &f->made[0]);

	op.data[0] = span(storage_key, 32);
	return tpmkey_perform(f->keys, &op);
}

static int
certify(struct fixture *f)
{
	struct key_op op = use(KEY_CERTIFY, &f->made[0]);

	op.signer = span(f->ak.out_blob, f->ak.out_blob_len);
	op.signer_bound = span_str(BOUND);
	return tpmkey_perform(f->keys, &op);
}

/* --- fixture -------------------------------------------------------------- */

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_tpmkey_bad.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	swtpm_on(&f->swtpm, f->dir);
	fault_target(f->target, f->dir, f->swtpm.target);
	power_on(f);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(create(f, &f->made[i]), 0);
	f->ak = (struct key_op){ .verb = KEY_CREATE, .alg = COSE_ES256,
		.epoch = span(zeros, sizeof(zeros)), .bound = span_str(BOUND),
		.shape = KEY_RESTRICTED };
	assert_int_equal(tpmkey_perform(f->keys, &f->ak), 0);
	power_off(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	power_off(f);
	swtpm_remove(&f->swtpm);
	fault_remove(f->dir);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/*
 * Works again: at once, or after opening it again if it says so. What a link
 * that is broken leaves in the TPM, a resource manager clears away; here, the
 * plug is pulled.
 */
static void
assert_works(struct fixture *f, const char *after)
{
	bool verifies;

	fault_script(f->dir, "");
	if (link_broken(f->link)) {
		power_off(f);
		swtpm_reset(&f->swtpm);
		power_on(f);
	}
	if (sign_all(f) != 0 || sign_with(f, 0, &verifies) != 0 || !verifies ||
	    hmac(f) != 0 || certify(f) != 0)
		fail_msg("after %s: %s", after, link_strerror(f->link));
}

/* What keys send, and what makes them send it. */
static const struct sent {
	const char	*command;
	int		 (*perform)(struct fixture *f);
	bool		 dispensable;	/* there is another way */
} sent[] = {
	{ "Create", create_another, false },
	{ "Load", sign, false },
	{ "Sign", sign, false },
	{ "CreatePrimary", hmac, false },
	{ "HMAC", hmac, false },
	{ "Certify", certify, false },
	{ "ContextSave", sign_all, true },
	{ "ContextLoad", sign_all, true },
};

#define SENT	(sizeof(sent) / sizeof(sent[0]))

/* --- codes ---------------------------------------------------------------- */

static const struct answer {
	TSS2_RC	rc;
	int	error;
	bool	passes;		/* when asked again */
} answers[] = {
	{ 0x902, -EBUSY, true }, { 0x903, -EBUSY, true },
	{ 0x904, -EBUSY, true }, { 0x905, -EBUSY, true },
	{ 0x906, -EBUSY, true }, { 0x908, -EBUSY, true },
	{ 0x909, -EBUSY, false }, { 0x90a, -EBUSY, true },
	{ 0x910, -ENODEV, false }, { 0x916, -ENODEV, false },
	{ 0x918, -ENODEV, true }, { 0x920, -EBUSY, true },
	{ 0x921, -EBUSY, false }, { 0x922, -EBUSY, true },
	{ 0x923, -EBUSY, true }, { 0x98e, -EACCES, false },
	{ 0x9a2, -EACCES, false }, { 0x1df, -EBADMSG, false },
	{ 0x18b, -ENODEV, false }, { 0x101, -ENODEV, false },
	{ 0x100, -ENODEV, false }, { 0x143, -ENOTSUP, false },
	{ 0x2e6, -ENOTSUP, false }, { 0x2d2, -ENOTSUP, false },
	{ 0x102, -EIO, false }, { 0xfff, -EIO, false },
};

#define ANSWERS	(sizeof(answers) / sizeof(answers[0]))

static void
spoil(struct fixture *f, const char *format, const char *command, unsigned n)
{
	char text[128];

	snprintf(text, sizeof(text), format, command, n);
	fault_script(f->dir, text);
}

static void
each_code_is_an_error(void **state)
{
	struct fixture *f = *state;

	power_on(f);
	for (size_t c = 0; c < SENT; c++) {
		for (size_t i = 0; i < ANSWERS; i++) {
			const struct answer *a = &answers[i];
			int r;

			power_off(f);
			power_on(f);
			if (sent[c].dispensable)
				assert_int_equal(sign_all(f), 0);
			spoil(f, "%s rc 0x%x\n", sent[c].command, a->rc);
			r = sent[c].perform(f);
			if (r != (sent[c].dispensable ? 0 : a->error))
				fail_msg("%s 0x%x: %d: %s", sent[c].command,
				    a->rc, r, link_strerror(f->link));
			assert_true(r == 0 || link_strerror(f->link)[0]);
			assert_works(f, sent[c].command);
		}
	}
}

/* Once, and not when it is asked again. */
static void
what_passes_is_no_error(void **state)
{
	struct fixture *f = *state;

	power_on(f);
	for (size_t c = 0; c < SENT; c++) {
		for (size_t i = 0; i < ANSWERS; i++) {
			if (!answers[i].passes)
				continue;
			power_off(f);
			power_on(f);
			spoil(f, "%s#1 rc 0x%x\n", sent[c].command,
			    answers[i].rc);
			if (sent[c].perform(f) != 0)
				fail_msg("%s 0x%x: %s", sent[c].command,
				    answers[i].rc, link_strerror(f->link));
		}
	}
}

/* --- answers -------------------------------------------------------------- */

static void
spoiled_answers_are_survived(void **state)
{
	static const char *const ways[] = { "%s cut %u\n", "%s truncate %u\n",
		"%s extend %u\n", "%s append %u\n" };
	static const unsigned sizes[] = { 9, 10, 14, 40 };
	static const char *const rest[] = { "%s huge\n", "%s error\n",
		"%s lost\n" };
	struct fixture *f = *state;

	power_on(f);
	for (size_t c = 0; c < SENT; c++) {
		for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]);
		    i++) {
			spoil(f, ways[i % 4], sent[c].command, sizes[i / 4]);
			sent[c].perform(f);
			assert_works(f, ways[i % 4]);
		}
		for (size_t i = 0; i < 3; i++) {
			spoil(f, rest[i], sent[c].command, 0);
			sent[c].perform(f);
			assert_works(f, rest[i]);
		}
	}
}

/* Nobody on the bus puts in another public key, or another HMAC key. */
static void
altered_answers_are_refused(void **state)
{
	static const struct sent altered[] = {
		{ "Create", create_another, false },
		{ "CreatePrimary", hmac, false },
		{ "HMAC", hmac, false },
	};
	struct fixture *f = *state;

	for (size_t c = 0; c < 3; c++) {
		for (unsigned at = 10; at < (c == 2 ? 50 : 180); at += 12) {
			char text[64];
			int r;

			power_on(f);
			snprintf(text, sizeof(text), "%s flip %u 0x01\n",
			    altered[c].command, at);
			fault_script(f->dir, text);
			r = altered[c].perform(f);
			if (r == 0)
				fail_msg("%s: %s", text, "accepted");
			power_off(f);
			swtpm_reset(&f->swtpm);
		}
	}
	power_on(f);
	assert_works(f, "all that");
}

static void
altered_statements_are_survived(void **state)
{
	struct fixture *f = *state;
	char text[64];

	power_on(f);
	for (unsigned at = 0; at < 300; at += 11) {
		snprintf(text, sizeof(text), "Certify flip %u 0x80\n", at);
		fault_script(f->dir, text);
		certify(f);
		snprintf(text, sizeof(text), "Sign flip %u 0x80\n", at % 100);
		fault_script(f->dir, text);
		if (!link_broken(f->link))
			sign(f);
		assert_works(f, text);
	}
}

/*
 * Nor is a signature given out that is not by the key: one that was altered,
 * or made by what somebody else has loaded into its place.
 */
static void
wrong_signatures_are_refused(void **state)
{
	struct fixture *f = *state;
	char text[64];

	power_on(f);
	/* behind sizes and algorithms, 20 bytes; in R and in S */
	for (unsigned at = 20; at < 84; at += 9) {
		if (at >= 52 && at < 54)
			continue;	/* the size of S */
		snprintf(text, sizeof(text), "Sign flip %u 0x01\n", at);
		fault_script(f->dir, text);
		assert_int_equal(sign(f), -EIO);
		assert_true(link_broken(f->link));
		assert_works(f, text);
		snprintf(text, sizeof(text), "Certify flip %u 0x01\n", at);
		fault_script(f->dir, text);
		assert_int_equal(certify(f), -EIO);
		assert_works(f, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(each_code_is_an_error),
		TEST(what_passes_is_no_error),
		TEST(spoiled_answers_are_survived),
		TEST(altered_answers_are_refused),
		TEST(altered_statements_are_survived),
		TEST(wrong_signatures_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
