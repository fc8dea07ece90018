/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CA makes of keys in a TPM: the embedded one, with endorsement keys of
 * every kind, opens what was sealed to it; and messages that are anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tss2/tss2_tpm2_types.h>

#include "authenticator/attest/ca_tpm.h"
#include "authenticator/attest/enrolment.h"
#include "tpm/embedded.h"
#include "tpm/tpmkey.h"

#define BOUND	"test"

static const uint8_t storage_key[SEAL_KEY_LEN] = { 1 };
static const uint8_t no_epoch[KEY_EPOCH_LEN];
static const uint8_t secret[CA_SECRET_LEN] = "what only that TPM can open....";

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct link	*link;
	struct tpmkeys	*keys;
	struct key_op	 ak;		/* as it was created */
};

static void
must(struct fixture *f, struct key_op *op)
{
	int r = tpmkey_perform(f->keys, op);

	if (r != 0)
		fail_msg("%d: %s", r, link_strerror(f->link));
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct keys_info info = { 0 };
	char msg[256];

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-ca-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(link_open("embedded", f->dirfd, true, &f->link,
	    &info, msg, sizeof(msg)), 0);
	assert_int_equal(tpmkey_new(f->link, &f->keys), 0);
	tpmkey_unlock(f->keys, storage_key);
	f->ak = (struct key_op){ .verb = KEY_CREATE, .alg = COSE_ES256,
		.shape = KEY_RESTRICTED, .epoch = span(no_epoch,
		sizeof(no_epoch)), .bound = span_str(BOUND) };
	must(f, &f->ak);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	tpmkey_free(f->keys);
	link_close(f->link);
	unlinkat(f->dirfd, EMBEDDED_FILE, 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static struct key_op
about(const struct key_op *key, enum key_verb verb)
{
	return (struct key_op){ .verb = verb,
		.blob = span(key->out_blob, key->out_blob_len),
		.epoch = span(no_epoch, sizeof(no_epoch)),
		.bound = span_str(BOUND) };
}

/* The public area of the AK. */
static void
read_ak(struct fixture *f, struct ca_public *out)
{
	struct key_op op = about(&f->ak, KEY_PUBLIC);

	must(f, &op);
	assert_null(ca_public_parse(span(op.out_pub_area,
	    op.out_pub_area_len), out));
}

static void
every_endorsement_key_opens_what_was_sealed_to_it(void **state)
{
	struct fixture *f = *state;
	struct ca_public ak, ek;
	struct ca_credential cred;

	read_ak(f, &ak);
	assert_null(ca_judge_ak(&ak));
	assert_non_null(ca_judge_ek(&ak));
	for (int which = 0; which < ENROL_EKS; which++) {
		struct key_op op = { .verb = KEY_EK, .alg = which };

		must(f, &op);
		assert_null(ca_public_parse(span(op.out_pub_area,
		    op.out_pub_area_len), &ek));
		assert_null(ca_judge_ek(&ek));
		assert_non_null(ca_judge_ak(&ek));
		assert_int_equal(ca_make_credential(&ek, span(ak.name,
		    ak.name_len), secret, &cred), 0);
		op = about(&f->ak, KEY_ACTIVATE);
		op.alg = which;
		op.data[0] = span(cred.blob, cred.blob_len);
		op.data[1] = span(cred.seed, cred.seed_len);
		must(f, &op);
		assert_int_equal(op.out_sig_len, sizeof(secret));
		assert_memory_equal(op.out_sig, secret, sizeof(secret));
		/* for another name it is not */
		ak.name[5] ^= 1;
		assert_int_equal(ca_make_credential(&ek, span(ak.name,
		    ak.name_len), secret, &cred), 0);
		ak.name[5] ^= 1;
		assert_int_equal(tpmkey_perform(f->keys, &op), -EBADMSG);
		ca_public_done(&ek);
	}
	ca_public_done(&ak);
}

static void
credential_keys_are_no_attestation_keys(void **state)
{
	struct fixture *f = *state;
	struct key_op key = f->ak, op;
	struct ca_public public;

	key.shape = 0;
	must(f, &key);
	op = about(&key, KEY_PUBLIC);
	must(f, &op);
	assert_null(ca_public_parse(span(op.out_pub_area,
	    op.out_pub_area_len), &public));
	assert_string_equal(ca_judge_ak(&public),
	    "is not restricted: it would sign anything");
	ca_public_done(&public);
}

/* A copy as long as it says, so that a sanitizer sees what is read beyond. */
static const char *
parse_copy(const uint8_t *p, size_t len, struct ca_public *out)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	const char *why;

	memcpy(copy, p, len);
	why = ca_public_parse(span(copy, len), out);
	free(copy);
	return why;
}

static void
public_areas_may_be_anything(void **state)
{
	struct fixture *f = *state;
	struct key_op op = about(&f->ak, KEY_PUBLIC);
	struct ca_public public;
	uint8_t area[KEY_PUB_AREA_MAX + 1] = { 0 };
	size_t len;

	must(f, &op);
	len = op.out_pub_area_len;
	memcpy(area, op.out_pub_area, len);
	for (size_t cut = 0; cut < len; cut++)
		assert_non_null(parse_copy(area, cut, &public));
	assert_non_null(parse_copy(area, len + 1, &public));
	for (size_t i = 0; i < len; i++) {
		for (int bit = 1; bit < 256; bit <<= 1) {
			area[i] ^= bit;
			if (parse_copy(area, len, &public) == NULL) {
				(void)ca_judge_ak(&public);
				(void)ca_judge_ek(&public);
				ca_public_done(&public);
			}
			area[i] ^= bit;
		}
	}
	/* a point that is not on the curve */
	area[len - 1] ^= 1;
	assert_string_equal(parse_copy(area, len, &public),
	    "is no public key");
}

/* Every message, cut and altered: no answer but a phrase. */
static void
messages_may_be_anything(void **state)
{
	static const char request[] = "{\"type\": \"sealkey AK request\", "
	    "\"version\": 1, \"ak\": {\"alg\": \"ES256\", \"public\": "
	    "\"AAAA\"}, \"ek\": [{\"type\": \"P-256\", \"public\": \"AAA=\", "
	    "\"certificate\": \"AA==\"}]}";
	struct enrol_request *out = malloc(sizeof(*out));
	char text[sizeof(request)];
	size_t len = sizeof(request) - 1;

	(void)state;
	assert_null(enrol_request_parse(span(request, len), out));
	assert_int_equal(out->ak.len, 3);
	assert_int_equal(out->ek[1].public.len, 2);
	assert_int_equal(out->ek[1].certificate.len, 1);
	for (size_t cut = 0; cut < len; cut++)
		assert_non_null(enrol_request_parse(span(request, cut), out));
	for (size_t i = 0; i < len; i++) {
		for (int bit = 1; bit < 256; bit <<= 1) {
			memcpy(text, request, sizeof(text));
			text[i] ^= bit;
			(void)enrol_request_parse(span(text, len), out);
		}
	}
	free(out);
}

/* Also one that is 1 in as many bits as an int has. */
static void
messages_of_other_versions_are_refused(void **state)
{
	static const char *const versions[] = { "0", "2", "-1", "4294967297",
		"1.0", "\"1\"", "9223372036854775807" };
	struct enrol_answer out;
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		snprintf(text, sizeof(text), "{\"type\": \"sealkey AK answer\""
		    ", \"version\": %s, \"id\": \"00112233445566778899aabbcc"
		    "ddeeff\", \"secret\": \"AAAA\"}", versions[i]);
		assert_non_null(enrol_answer_parse(span_str(text), &out));
	}
}

static void
base64_is_as_it_would_be_written(void **state)
{
	static const char *const wrong[] = { "", "A", "AA", "AAA", "AB==",
		"AAB=", "AA A", "AAAA\n", "====", "A===", "AA==AAAA", "AA-_",
		"\xff\xff\xff\xff" };
	struct enrol_bytes b;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(enrol_base64(wrong[i], 100, &b));
	assert_true(enrol_base64("AQI=", 2, &b));
	assert_int_equal(b.len, 2);
	assert_false(enrol_base64("AQID", 2, &b));
	assert_true(enrol_base64("/+8=", 2, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(every_endorsement_key_opens_what_was_sealed_to_it),
		TEST(credential_keys_are_no_attestation_keys),
		TEST(public_areas_may_be_anything),
		cmocka_unit_test(messages_may_be_anything),
		cmocka_unit_test(messages_of_other_versions_are_refused),
		cmocka_unit_test(base64_is_as_it_would_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
