/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon and key helper say to each other, tpm/helper.md. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tpm/message.h"

#define HEAD_LEN	6

struct fixture {
	uint8_t		msg[MESSAGE_MAX];
	size_t		len;
	struct key_op	op;
	struct key_op	out;
	uint8_t		filler[MESSAGE_MAX];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	for (size_t i = 0; i < sizeof(f->filler); i++)
		f->filler[i] = (uint8_t)(i * 11 + 1);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

/* An exact copy on the heap, so that ASan sees every byte read past it. */
static int
get_request(const uint8_t *p, size_t len, struct message_request *rq)
{
	uint8_t *copy = malloc(len);
	int r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	r = message_get_request(span(copy, len), rq);
	free(copy);
	return r;
}

static int
get_answer(const uint8_t *p, size_t len, struct message_answer *an)
{
	uint8_t *copy = malloc(len);
	int r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	r = message_get_answer(span(copy, len), an);
	free(copy);
	return r;
}

static void
check_span(struct span a, struct span b)
{
	assert_int_equal(a.p == NULL, b.p == NULL);
	assert_true(span_eq(a, b));
}

/* One of each. */

static struct message_request
request(struct fixture *f, enum message_type type)
{
	struct span filler = span(f->filler, 32);

	f->op = (struct key_op){ .verb = KEY_CERTIFY, .alg = COSE_RS256,
	    .blob = span(f->filler, KEY_BLOB_MAX), .epoch = filler,
	    .bound = span(f->filler, MESSAGE_BOUND_MAX),
	    .meta = span(f->filler, KEY_META_MAX),
	    .data = { span(f->filler, MESSAGE_DATA_MAX), span(NULL, 0) },
	    .with_uv = true, .shape = KEY_WITH_POLICY,
	    .signer = span(f->filler + 1, 300), .signer_bound = span_str(""),
	    .strict = true, .generation = 0x0102030405060708 };
	return (struct message_request){ .type = type, .serial = 77,
	    .create = true, .target = span_str("device:/dev/tpmrm0"),
	    .pcrs = 0x880, .recovery = span_str("open sesame"),
	    .wrapped = span(f->filler, KEY_WRAPPED_MAX), .op = &f->op };
}

static struct message_answer
answer(struct fixture *f, enum message_type type)
{
	struct message_answer an = { .type = type, .serial = 0xfffffffe,
	    .op = &f->op, .wrapped = span(f->filler, 300),
	    .device = { .kind = "device", .target = "device:/dev/tpmrm0",
	    .info = { .tpm = true, .hardware = true, .manufacturer = "INTC",
	    .manufacturer_id = 0x494e5443, .vendor = "Intel",
	    .firmware = 0x0002000300040005, .revision = "1.59",
	    .has_ek = { true, false, true } },
	    .alg_count = 2, .algs = { { COSE_ES256, true },
	    { COSE_EDDSA, false } } },
	    .keys = { .info = { .pin = true, .pin_index = true,
	    .counter = true, .pcrs = true, .srk_kept = true,
	    .pin_set = true,
	    .pin_failures = KEY_PIN_LIMIT, .generation = 1ULL << 40 } } };

	memset(an.keys.rows, 0xaa, sizeof(an.keys.rows));
	memset(an.keys.names, 0xbb, sizeof(an.keys.names));
	memcpy(f->op.out_sig, f->filler, KEY_SIG_MAX);
	f->op.out_sig_len = KEY_SIG_MAX;
	memcpy(f->op.out_blob, f->filler, KEY_BLOB_MAX);
	f->op.out_blob_len = KEY_BLOB_MAX;
	memcpy(f->op.out_pub, f->filler, COSE_KEY_MAX);
	f->op.out_pub_len = COSE_KEY_MAX;
	memcpy(f->op.out_meta, f->filler, 3);
	f->op.out_meta_len = 3;
	memcpy(f->op.out_pub_area, f->filler, KEY_PUB_AREA_MAX);
	f->op.out_pub_area_len = KEY_PUB_AREA_MAX;
	memcpy(f->op.out_cert_info, f->filler, KEY_CERT_INFO_MAX);
	f->op.out_cert_info_len = KEY_CERT_INFO_MAX;
	f->op.alg = COSE_ES384;
	f->op.pin_failures = 3;
	return an;
}

#define REQUESTS(type) \
	for (enum message_type type = MESSAGE_HELLO; type <= MESSAGE_CANCEL; \
	    type++)
#define ANSWERS(type) \
	for (enum message_type type = MESSAGE_HELLO; type < MESSAGE_CANCEL; \
	    type++)

static void
put_request(struct fixture *f, enum message_type type)
{
	struct message_request rq = request(f, type);

	f->len = message_put_request(&rq, f->msg);
}

static void
put_answer(struct fixture *f, enum message_type type)
{
	struct message_answer an = answer(f, type);

	f->len = message_put_answer(&an, f->msg);
}

static void
head_says_what_it_is_about(void **state)
{
	struct fixture *f = *state;
	enum message_type got;
	uint32_t serial;

	REQUESTS(type) {
		put_request(f, type);
		assert_int_equal(message_head(span(f->msg, f->len), false,
		    &got, &serial), 0);
		assert_int_equal(got, type);
		assert_int_equal(serial, 77);
		assert_int_equal(message_head(span(f->msg, f->len), true,
		    &got, &serial), -EBADMSG);
	}
	ANSWERS(type) {
		put_answer(f, type);
		assert_int_equal(message_head(span(f->msg, f->len), true,
		    &got, &serial), 0);
		assert_int_equal(got, type);
		assert_int_equal(serial, 0xfffffffe);
		assert_int_equal(message_head(span(f->msg, f->len), false,
		    &got, &serial), -EBADMSG);
	}
}

static void
operation_arrives_as_it_was_sent(void **state)
{
	struct fixture *f = *state;
	struct message_request got = { .op = &f->out };
	const struct key_op *out = &f->out;

	put_request(f, MESSAGE_OP);
	memset(&f->out, 0xff, sizeof(f->out));
	assert_int_equal(message_get_request(span(f->msg, f->len), &got), 0);
	assert_int_equal(out->verb, f->op.verb);
	assert_int_equal(out->alg, f->op.alg);
	assert_int_equal(out->shape, f->op.shape);
	assert_true(out->with_uv && out->strict);
	assert_int_equal(out->generation, f->op.generation);
	check_span(out->blob, f->op.blob);
	check_span(out->epoch, f->op.epoch);
	check_span(out->bound, f->op.bound);
	check_span(out->meta, f->op.meta);
	check_span(out->data[0], f->op.data[0]);
	check_span(out->data[1], f->op.data[1]);
	check_span(out->signer, f->op.signer);
	check_span(out->signer_bound, f->op.signer_bound);
	/* nothing of what was in the struct before */
	assert_int_equal(out->out_sig_len, 0);
	assert_int_equal(out->result, 0);
}

static void
other_requests_arrive_as_they_were_sent(void **state)
{
	struct fixture *f = *state;
	struct message_request rq, got = { .op = &f->out };

	rq = request(f, MESSAGE_HELLO);
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(message_get_request(span(f->msg, f->len), &got), 0);
	assert_true(got.create);
	check_span(got.target, rq.target);
	rq = request(f, MESSAGE_CREATE);
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(message_get_request(span(f->msg, f->len), &got), 0);
	assert_int_equal(got.pcrs, rq.pcrs);
	check_span(got.recovery, rq.recovery);
	rq = request(f, MESSAGE_UNLOCK);
	rq.recovery = span(NULL, 0);
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(message_get_request(span(f->msg, f->len), &got), 0);
	check_span(got.wrapped, rq.wrapped);
	check_span(got.recovery, rq.recovery);
	rq = request(f, MESSAGE_REWRAP);
	rq.recovery = span_str("");
	rq.pcrs = 3;
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(message_get_request(span(f->msg, f->len), &got), 0);
	assert_int_equal(got.pcrs, 3);
	check_span(got.recovery, rq.recovery);
}

static void
outcome_arrives_as_it_was_sent(void **state)
{
	struct fixture *f = *state;
	struct message_answer got = { .op = &f->out }, an;
	const struct key_op *a = &f->op, *b = &f->out;

	an = answer(f, MESSAGE_OP);
	an.result = -EACCES;
	strcpy(an.text, "not this PIN");
	f->len = message_put_answer(&an, f->msg);
	assert_int_equal(message_get_answer(span(f->msg, f->len), &got), 0);
	assert_int_equal(got.result, -EACCES);
	assert_string_equal(got.text, "not this PIN");
	assert_int_equal(b->result, -EACCES);
	assert_int_equal(b->alg, a->alg);
	assert_int_equal(b->pin_failures, a->pin_failures);
	check_span(span(b->out_blob, b->out_blob_len),
	    span(a->out_blob, a->out_blob_len));
	check_span(span(b->out_pub, b->out_pub_len),
	    span(a->out_pub, a->out_pub_len));
	check_span(span(b->out_meta, b->out_meta_len),
	    span(a->out_meta, a->out_meta_len));
	check_span(span(b->out_sig, b->out_sig_len),
	    span(a->out_sig, a->out_sig_len));
	check_span(span(b->out_pub_area, b->out_pub_area_len),
	    span(a->out_pub_area, a->out_pub_area_len));
	check_span(span(b->out_cert_info, b->out_cert_info_len),
	    span(a->out_cert_info, a->out_cert_info_len));
}

static void
device_arrives_as_it_was_sent(void **state)
{
	struct fixture *f = *state;
	struct message_answer got = { .op = &f->out }, an;
	const struct message_device *d = &got.device;

	an = answer(f, MESSAGE_HELLO);
	put_answer(f, MESSAGE_HELLO);
	assert_int_equal(message_get_answer(span(f->msg, f->len), &got), 0);
	assert_string_equal(d->kind, "device");
	assert_string_equal(d->target, "device:/dev/tpmrm0");
	assert_true(d->info.tpm && d->info.hardware);
	assert_string_equal(d->info.manufacturer, "INTC");
	assert_int_equal(d->info.manufacturer_id, 0x494e5443);
	assert_string_equal(d->info.vendor, "Intel");
	assert_int_equal(d->info.firmware, an.device.info.firmware);
	assert_string_equal(d->info.revision, "1.59");
	assert_true(d->info.has_ek[0] && !d->info.has_ek[1] &&
	    d->info.has_ek[2]);
	assert_int_equal(d->alg_count, 2);
	assert_int_equal(d->algs[1].alg, COSE_EDDSA);
	assert_true(d->algs[0].in_tpm && !d->algs[1].in_tpm);
}

static void
keys_arrive_as_they_were_sent(void **state)
{
	struct fixture *f = *state;
	struct message_answer got = { .op = &f->out }, an;

	an = answer(f, MESSAGE_CREATE);
	put_answer(f, MESSAGE_CREATE);
	assert_int_equal(message_get_answer(span(f->msg, f->len), &got), 0);
	assert_memory_equal(&got.keys, &an.keys, sizeof(an.keys));
	check_span(got.wrapped, an.wrapped);
	put_answer(f, MESSAGE_UNLOCK);
	assert_int_equal(message_get_answer(span(f->msg, f->len), &got), 0);
	assert_memory_equal(&got.keys, &an.keys, sizeof(an.keys));
	put_answer(f, MESSAGE_REWRAP);
	assert_int_equal(message_get_answer(span(f->msg, f->len), &got), 0);
	check_span(got.wrapped, an.wrapped);
}

/* A failure tells nothing but why. */
static void
failure_has_no_keys_in_it(void **state)
{
	struct fixture *f = *state;
	struct message_answer an, got = { .op = &f->out };

	ANSWERS(type) {
		an = answer(f, type);
		an.result = -ENODEV;
		strcpy(an.text, "gone");
		f->len = message_put_answer(&an, f->msg);
		if (type != MESSAGE_OP)
			assert_int_equal(f->len, HEAD_LEN + 4 + 2 + 4);
		assert_int_equal(message_get_answer(span(f->msg, f->len),
		    &got), 0);
		assert_int_equal(got.result, -ENODEV);
		assert_string_equal(got.text, "gone");
	}
}

static void
format_is_as_written_down(void **state)
{
	static const uint8_t hello[] = { 1, 1, 0, 0, 0, 9, 1, 0, 3, 'a', 'b',
		'c' };
	static const uint8_t cancel[] = { 1, 7, 1, 2, 3, 4 };
	static const uint8_t failed[] = { 1, 0x83, 0, 0, 0, 5, 0, 0, 0, ENODEV,
		0, 2, 'n', 'o' };
	struct fixture *f = *state;
	struct message_request rq = { .type = MESSAGE_HELLO, .serial = 9,
	    .create = true, .target = span_str("abc") };
	struct message_answer an = { .type = MESSAGE_UNLOCK, .serial = 5,
	    .result = -ENODEV, .text = "no" };

	assert_int_equal(message_put_request(&rq, f->msg), sizeof(hello));
	assert_memory_equal(f->msg, hello, sizeof(hello));
	rq = (struct message_request){ .type = MESSAGE_CANCEL,
	    .serial = 0x01020304 };
	assert_int_equal(message_put_request(&rq, f->msg), sizeof(cancel));
	assert_memory_equal(f->msg, cancel, sizeof(cancel));
	assert_int_equal(message_put_answer(&an, f->msg), sizeof(failed));
	assert_memory_equal(f->msg, failed, sizeof(failed));
}

/* Every message, cut anywhere, or with a byte behind it. */
static void
nothing_shorter_or_longer_is_a_message(void **state)
{
	struct fixture *f = *state;
	struct message_request rq = { .op = &f->out };
	struct message_answer an = { .op = &f->out };

	REQUESTS(type) {
		put_request(f, type);
		for (size_t len = 0; len < f->len; len++)
			assert_int_equal(get_request(f->msg, len, &rq),
			    -EBADMSG);
		assert_int_equal(get_request(f->msg, f->len, &rq), 0);
		assert_int_equal(get_request(f->msg, f->len + 1, &rq),
		    -EBADMSG);
	}
	ANSWERS(type) {
		put_answer(f, type);
		for (size_t len = 0; len < f->len; len++)
			assert_int_equal(get_answer(f->msg, len, &an),
			    -EBADMSG);
		assert_int_equal(get_answer(f->msg, f->len, &an), 0);
		assert_int_equal(get_answer(f->msg, f->len + 1, &an),
		    -EBADMSG);
	}
}

static void
other_versions_and_types_are_refused(void **state)
{
	struct fixture *f = *state;
	struct message_request rq = { .op = &f->out };
	struct message_answer an = { .op = &f->out };

	put_request(f, MESSAGE_CANCEL);
	for (int i = 0; i < 256; i++) {
		f->msg[0] = (uint8_t)i;
		assert_int_equal(get_request(f->msg, f->len, &rq),
		    i == MESSAGE_VERSION ? 0 : -EPROTO);
	}
	f->msg[0] = MESSAGE_VERSION;
	for (int i = 0; i < 256; i++) {
		f->msg[1] = (uint8_t)i;
		assert_int_equal(get_request(f->msg, f->len, &rq),
		    i == MESSAGE_DESTROY || i == MESSAGE_CANCEL ? 0 :
		    -EBADMSG);
	}
	put_answer(f, MESSAGE_DESTROY);
	for (int i = 0; i < 256; i++) {
		f->msg[1] = (uint8_t)i;
		assert_int_equal(get_answer(f->msg, f->len, &an),
		    i == (0x80 | MESSAGE_DESTROY) ? 0 : -EBADMSG);
	}
}

/* Where which byte is, helper.md. */
#define CREATE_AT	HEAD_LEN
#define VERB_AT		HEAD_LEN
#define UV_AT		(HEAD_LEN + 9)
#define STRICT_AT	(HEAD_LEN + 10)

static void
values_that_do_not_exist_are_refused(void **state)
{
	static const struct {
		enum message_type type;
		size_t	at;
		uint8_t	max;
	} bytes[] = {
		{ MESSAGE_HELLO, CREATE_AT, 1 },
		{ MESSAGE_OP, VERB_AT, KEY_ACTIVATE },
		{ MESSAGE_OP, UV_AT, 1 },
		{ MESSAGE_OP, STRICT_AT, 1 },
	};
	struct fixture *f = *state;
	struct message_request rq = { .op = &f->out };

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		put_request(f, bytes[i].type);
		for (int v = 0; v < 256; v++) {
			f->msg[bytes[i].at] = (uint8_t)v;
			assert_int_equal(get_request(f->msg, f->len, &rq),
			    v <= bytes[i].max ? 0 : -EBADMSG);
		}
	}
}

static void
targets_and_passphrases_are_strings(void **state)
{
	struct fixture *f = *state;
	struct message_request rq, got = { .op = &f->out };

	rq = request(f, MESSAGE_HELLO);
	rq.target = span("a\0b", 3);
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(get_request(f->msg, f->len, &got), -EBADMSG);
	rq.target = span_str("");
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(get_request(f->msg, f->len, &got), -EBADMSG);
	rq = request(f, MESSAGE_REWRAP);
	rq.recovery = span("a\0b", 3);
	f->len = message_put_request(&rq, f->msg);
	assert_int_equal(get_request(f->msg, f->len, &got), -EBADMSG);
}

/* What a TPM calls itself ends on a terminal, and in the journal. */
static void
text_is_printable(void **state)
{
	struct fixture *f = *state;
	struct message_answer an, got = { .op = &f->out };

	an = answer(f, MESSAGE_HELLO);
	strcpy(an.text, "a\033[2J\nb\177");
	strcpy(an.device.info.vendor, "SW\r\n TPM");
	f->len = message_put_answer(&an, f->msg);
	assert_int_equal(get_answer(f->msg, f->len, &got), 0);
	assert_string_equal(got.text, "a?[2J?b?");
	assert_string_equal(got.device.info.vendor, "SW?? TPM");
	/* and from a helper that does not see to it */
	f->msg[HEAD_LEN + 6] = '\033';
	assert_int_equal(get_answer(f->msg, f->len, &got), -EBADMSG);
}

static void
results_are_errors_or_zero(void **state)
{
	struct fixture *f = *state;
	struct message_answer got = { .op = &f->out };

	put_answer(f, MESSAGE_DESTROY);
	f->msg[HEAD_LEN + 2] = 0x0f;
	f->msg[HEAD_LEN + 3] = 0xff;
	assert_int_equal(get_answer(f->msg, f->len, &got), 0);
	assert_int_equal(got.result, -4095);
	for (size_t i = 0; i < 3; i++) {
		put_answer(f, MESSAGE_DESTROY);
		f->msg[HEAD_LEN + i] = 0x80;
		assert_int_equal(get_answer(f->msg, f->len, &got), -EBADMSG);
	}
}

static void
more_failures_than_the_limit_are_refused(void **state)
{
	struct fixture *f = *state;
	struct message_answer an, got = { .op = &f->out };

	an = answer(f, MESSAGE_OP);
	f->op.pin_failures = KEY_PIN_LIMIT + 1;
	f->len = message_put_answer(&an, f->msg);
	assert_int_equal(get_answer(f->msg, f->len, &got), -EBADMSG);
	an = answer(f, MESSAGE_UNLOCK);
	an.keys.info.pin_failures = KEY_PIN_LIMIT + 1;
	f->len = message_put_answer(&an, f->msg);
	assert_int_equal(get_answer(f->msg, f->len, &got), -EBADMSG);
}

static void
operations_that_do_not_fit_are_named(void **state)
{
	struct fixture *f = *state;
	struct span *fields[] = { &f->op.blob, &f->op.signer, &f->op.epoch,
	    &f->op.bound, &f->op.signer_bound, &f->op.meta, &f->op.data[0],
	    &f->op.data[1] };
	static const struct {
		size_t	max;
		int	error;
	} limits[] = {
		{ KEY_BLOB_MAX, -EBADMSG }, { KEY_BLOB_MAX, -EBADMSG },
		{ KEY_EPOCH_LEN, -EINVAL }, { MESSAGE_BOUND_MAX, -EINVAL },
		{ MESSAGE_BOUND_MAX, -EINVAL }, { KEY_META_MAX, -EINVAL },
		{ MESSAGE_DATA_MAX, -EINVAL }, { MESSAGE_DATA_MAX, -EINVAL },
	};
	struct message_request rq;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		rq = request(f, MESSAGE_OP);
		*fields[i] = span(f->filler, limits[i].max);
		assert_int_equal(message_op_fits(&f->op), 0);
		assert_true(message_put_request(&rq, f->msg) < MESSAGE_MAX);
		fields[i]->len++;
		assert_int_equal(message_op_fits(&f->op), limits[i].error);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_says_what_it_is_about),
		cmocka_unit_test(operation_arrives_as_it_was_sent),
		cmocka_unit_test(other_requests_arrive_as_they_were_sent),
		cmocka_unit_test(outcome_arrives_as_it_was_sent),
		cmocka_unit_test(device_arrives_as_it_was_sent),
		cmocka_unit_test(keys_arrive_as_they_were_sent),
		cmocka_unit_test(failure_has_no_keys_in_it),
		cmocka_unit_test(format_is_as_written_down),
		cmocka_unit_test(nothing_shorter_or_longer_is_a_message),
		cmocka_unit_test(other_versions_and_types_are_refused),
		cmocka_unit_test(values_that_do_not_exist_are_refused),
		cmocka_unit_test(targets_and_passphrases_are_strings),
		cmocka_unit_test(text_is_printable),
		cmocka_unit_test(results_are_errors_or_zero),
		cmocka_unit_test(more_failures_than_the_limit_are_refused),
		cmocka_unit_test(operations_that_do_not_fit_are_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
