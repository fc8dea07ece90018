/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/message.h"

#include <assert.h>
#include <errno.h>

#define ANSWER		0x80	/* bit of the type */
#define ABSENT		0xffff	/* length of a span that is not there */
#define ERRNO_MAX	4095	/* as the kernel has it */

/* The longest, an OP: its spans with their lengths, and what is fixed. */
_Static_assert(2 * (2 + MESSAGE_DATA_MAX) + 2 * (2 + KEY_BLOB_MAX) +
    2 * (2 + MESSAGE_BOUND_MAX) + 2 + KEY_EPOCH_LEN + 2 + KEY_META_MAX + 64 <=
    MESSAGE_MAX, "requests fit");
_Static_assert(MESSAGE_TEXT_MAX + KEY_BLOB_MAX + COSE_KEY_MAX + KEY_META_MAX +
    KEY_SIG_MAX + KEY_PUB_AREA_MAX + KEY_CERT_INFO_MAX + 64 <= MESSAGE_MAX,
    "answers fit");

/* Writing. What does not fit is a mistake of ours. */

struct writer {
	uint8_t	*p;
	size_t	 len;
};

static void
put(struct writer *w, const void *p, size_t len)
{
	assert(len <= MESSAGE_MAX - w->len);
	if (len > 0)
		memcpy(w->p + w->len, p, len);
	w->len += len;
}

static void
put_number(struct writer *w, uint64_t v, size_t len)
{
	uint8_t be[8];

	for (size_t i = 0; i < len; i++)
		be[i] = (uint8_t)(v >> 8 * (len - 1 - i));
	put(w, be, len);
}

static void
put_u8(struct writer *w, uint8_t v)
{
	put(w, &v, 1);
}

static void
put_u32(struct writer *w, uint32_t v)
{
	put_number(w, v, 4);
}

static void
put_u64(struct writer *w, uint64_t v)
{
	put_number(w, v, 8);
}

static void
put_span(struct writer *w, struct span s, size_t max)
{
	assert(s.len <= max && max < ABSENT);
	put_number(w, s.p == NULL ? ABSENT : s.len, 2);
	put(w, s.p, s.len);
}

static bool
printable(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f;
}

/* A TPM may call itself anything; nothing of that reaches a terminal. */
static void
put_text(struct writer *w, const char *s, size_t size)
{
	size_t len = strnlen(s, size - 1);

	put_number(w, len, 2);
	for (size_t i = 0; i < len; i++)
		put_u8(w, printable(s[i]) ? (uint8_t)s[i] : '?');
}

/* Reading. The first error stays; what is read after it is nothing. */

struct reader {
	struct span	left;
	bool		failed;
};

static const uint8_t *
get(struct reader *rd, size_t len)
{
	const uint8_t *p = rd->left.p;

	if (rd->failed || len > rd->left.len) {
		rd->failed = true;
		return NULL;
	}
	rd->left = span(p + len, rd->left.len - len);
	return p;
}

static void
get_copy(struct reader *rd, void *out, size_t len)
{
	const uint8_t *p = get(rd, len);

	if (p != NULL && len > 0)
		memcpy(out, p, len);
}

static uint64_t
get_number(struct reader *rd, size_t len)
{
	const uint8_t *p = get(rd, len);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static uint8_t
get_u8(struct reader *rd)
{
	return (uint8_t)get_number(rd, 1);
}

static uint32_t
get_u32(struct reader *rd)
{
	return (uint32_t)get_number(rd, 4);
}

static uint64_t
get_u64(struct reader *rd)
{
	return get_number(rd, 8);
}

static bool
get_bool(struct reader *rd)
{
	uint8_t v = get_u8(rd);

	if (v > 1)
		rd->failed = true;
	return v == 1;
}

static struct span
get_span(struct reader *rd, size_t max)
{
	size_t len = get_number(rd, 2);
	const uint8_t *p;

	if (len == ABSENT)
		return span(NULL, 0);
	if (len > max)
		rd->failed = true;
	p = get(rd, len);
	return p != NULL ? span(p, len) : span(NULL, 0);
}

/* There, and copied. */
static size_t
get_buffer(struct reader *rd, uint8_t *out, size_t max)
{
	struct span s = get_span(rd, max);

	if (s.p == NULL)
		rd->failed = true;
	else if (s.len > 0)
		memcpy(out, s.p, s.len);
	return s.len;
}

static void
get_text(struct reader *rd, char *out, size_t size)
{
	struct span s = get_span(rd, size - 1);

	if (s.p == NULL)
		rd->failed = true;
	for (size_t i = 0; i < s.len; i++) {
		out[i] = (char)s.p[i];
		if (!printable(out[i]))
			rd->failed = true;
	}
	out[s.len] = '\0';
}

/* The head of each. */

static void
put_head(struct writer *w, uint8_t type, uint32_t serial)
{
	put_u8(w, MESSAGE_VERSION);
	put_u8(w, type);
	put_u32(w, serial);
}

static int
get_head(struct reader *rd, bool answer, enum message_type *type,
    uint32_t *serial)
{
	uint8_t version = get_u8(rd), code = get_u8(rd);

	*serial = get_u32(rd);
	if (rd->failed)
		return -EBADMSG;
	if (version != MESSAGE_VERSION)
		return -EPROTO;
	if (answer != ((code & ANSWER) != 0))
		return -EBADMSG;
	code &= (uint8_t)~ANSWER;
	if (code < MESSAGE_HELLO || code > MESSAGE_CANCEL ||
	    (answer && code == MESSAGE_CANCEL))
		return -EBADMSG;
	*type = (enum message_type)code;
	return 0;
}

int
message_head(struct span msg, bool answer, enum message_type *type,
    uint32_t *serial)
{
	struct reader rd = { .left = msg };

	return get_head(&rd, answer, type, serial);
}

static int
finish(const struct reader *rd)
{
	return rd->failed || rd->left.len > 0 ? -EBADMSG : 0;
}

/* Operations: every field, whatever the verb. */

int
message_op_fits(const struct key_op *op)
{
	if (op->blob.len > KEY_BLOB_MAX || op->signer.len > KEY_BLOB_MAX)
		return -EBADMSG;
	if (op->epoch.len > KEY_EPOCH_LEN ||
	    op->bound.len > MESSAGE_BOUND_MAX ||
	    op->signer_bound.len > MESSAGE_BOUND_MAX ||
	    op->meta.len > KEY_META_MAX ||
	    op->data[0].len > MESSAGE_DATA_MAX ||
	    op->data[1].len > MESSAGE_DATA_MAX)
		return -EINVAL;
	return 0;
}

static void
put_op(struct writer *w, const struct key_op *op)
{
	put_u8(w, (uint8_t)op->verb);
	put_u32(w, (uint32_t)op->alg);
	put_u32(w, op->shape);
	put_u8(w, op->with_uv);
	put_u8(w, op->strict);
	put_u64(w, op->generation);
	put_span(w, op->blob, KEY_BLOB_MAX);
	put_span(w, op->epoch, KEY_EPOCH_LEN);
	put_span(w, op->bound, MESSAGE_BOUND_MAX);
	put_span(w, op->meta, KEY_META_MAX);
	put_span(w, op->data[0], MESSAGE_DATA_MAX);
	put_span(w, op->data[1], MESSAGE_DATA_MAX);
	put_span(w, op->signer, KEY_BLOB_MAX);
	put_span(w, op->signer_bound, MESSAGE_BOUND_MAX);
}

static void
get_op(struct reader *rd, struct key_op *op)
{
	uint8_t verb = get_u8(rd);

	if (verb > KEY_ACTIVATE)
		rd->failed = true;
	memset(op, 0, sizeof(*op));
	op->verb = (enum key_verb)verb;
	op->alg = (int32_t)get_u32(rd);
	op->shape = get_u32(rd);
	op->with_uv = get_bool(rd);
	op->strict = get_bool(rd);
	op->generation = get_u64(rd);
	op->blob = get_span(rd, KEY_BLOB_MAX);
	op->epoch = get_span(rd, KEY_EPOCH_LEN);
	op->bound = get_span(rd, MESSAGE_BOUND_MAX);
	op->meta = get_span(rd, KEY_META_MAX);
	op->data[0] = get_span(rd, MESSAGE_DATA_MAX);
	op->data[1] = get_span(rd, MESSAGE_DATA_MAX);
	op->signer = get_span(rd, KEY_BLOB_MAX);
	op->signer_bound = get_span(rd, MESSAGE_BOUND_MAX);
}

static void
put_done(struct writer *w, const struct key_op *op)
{
	put_u8(w, op->pin_failures);
	put_u32(w, (uint32_t)op->alg);
	put_span(w, span(op->out_blob, op->out_blob_len), KEY_BLOB_MAX);
	put_span(w, span(op->out_pub, op->out_pub_len), COSE_KEY_MAX);
	put_span(w, span(op->out_meta, op->out_meta_len), KEY_META_MAX);
	put_span(w, span(op->out_sig, op->out_sig_len), KEY_SIG_MAX);
	put_span(w, span(op->out_pub_area, op->out_pub_area_len),
	    KEY_PUB_AREA_MAX);
	put_span(w, span(op->out_cert_info, op->out_cert_info_len),
	    KEY_CERT_INFO_MAX);
}

static void
get_done(struct reader *rd, struct key_op *op)
{
	op->pin_failures = get_u8(rd);
	if (op->pin_failures > KEY_PIN_LIMIT)
		rd->failed = true;
	op->alg = (int32_t)get_u32(rd);
	op->out_blob_len = get_buffer(rd, op->out_blob, KEY_BLOB_MAX);
	op->out_pub_len = get_buffer(rd, op->out_pub, COSE_KEY_MAX);
	op->out_meta_len = get_buffer(rd, op->out_meta, KEY_META_MAX);
	op->out_sig_len = get_buffer(rd, op->out_sig, KEY_SIG_MAX);
	op->out_pub_area_len = get_buffer(rd, op->out_pub_area,
	    KEY_PUB_AREA_MAX);
	op->out_cert_info_len = get_buffer(rd, op->out_cert_info,
	    KEY_CERT_INFO_MAX);
}

/* Requests. */

size_t
message_put_request(const struct message_request *rq, uint8_t *out)
{
	struct writer w = { .p = out };

	put_head(&w, (uint8_t)rq->type, rq->serial);
	switch (rq->type) {
	case MESSAGE_HELLO:
		put_u8(&w, rq->create);
		put_span(&w, rq->target, RECORD_TARGET_MAX - 1);
		break;
	case MESSAGE_CREATE:
	case MESSAGE_REWRAP:
		put_u32(&w, rq->pcrs);
		put_span(&w, rq->recovery, MESSAGE_RECOVERY_MAX);
		break;
	case MESSAGE_UNLOCK:
		put_span(&w, rq->wrapped, KEY_WRAPPED_MAX);
		put_span(&w, rq->recovery, MESSAGE_RECOVERY_MAX);
		break;
	case MESSAGE_OP:
		put_op(&w, rq->op);
		break;
	case MESSAGE_DESTROY:
	case MESSAGE_CANCEL:
		break;
	}
	return w.len;
}

/* Something, and a C string of it has it all. */
static struct span
get_target(struct reader *rd)
{
	struct span s = get_span(rd, RECORD_TARGET_MAX - 1);

	if (s.len == 0 || memchr(s.p, '\0', s.len) != NULL)
		rd->failed = true;
	return s;
}

static struct span
get_recovery(struct reader *rd)
{
	struct span s = get_span(rd, MESSAGE_RECOVERY_MAX);

	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		rd->failed = true;
	return s;
}

int
message_get_request(struct span msg, struct message_request *rq)
{
	struct reader rd = { .left = msg };
	int r;

	r = get_head(&rd, false, &rq->type, &rq->serial);
	if (r != 0)
		return r;
	switch (rq->type) {
	case MESSAGE_HELLO:
		rq->create = get_bool(&rd);
		rq->target = get_target(&rd);
		break;
	case MESSAGE_CREATE:
	case MESSAGE_REWRAP:
		rq->pcrs = get_u32(&rd);
		rq->recovery = get_recovery(&rd);
		break;
	case MESSAGE_UNLOCK:
		rq->wrapped = get_span(&rd, KEY_WRAPPED_MAX);
		rq->recovery = get_recovery(&rd);
		break;
	case MESSAGE_OP:
		get_op(&rd, rq->op);
		break;
	case MESSAGE_DESTROY:
	case MESSAGE_CANCEL:
		break;
	}
	return finish(&rd);
}

/* Answers. */

static void
put_device(struct writer *w, const struct message_device *d)
{
	const struct keys_info *info = &d->info;

	put_text(w, d->kind, sizeof(d->kind));
	put_text(w, d->target, sizeof(d->target));
	put_u8(w, info->tpm);
	put_u8(w, info->hardware);
	put_text(w, info->manufacturer, sizeof(info->manufacturer));
	put_u32(w, info->manufacturer_id);
	put_text(w, info->vendor, sizeof(info->vendor));
	put_u64(w, info->firmware);
	put_text(w, info->revision, sizeof(info->revision));
	for (size_t i = 0; i < sizeof(info->has_ek); i++)
		put_u8(w, info->has_ek[i]);
	assert(d->alg_count <= MESSAGE_ALGS_MAX);
	put_u8(w, (uint8_t)d->alg_count);
	for (size_t i = 0; i < d->alg_count; i++) {
		put_u32(w, (uint32_t)d->algs[i].alg);
		put_u8(w, d->algs[i].in_tpm);
	}
}

static void
get_device(struct reader *rd, struct message_device *d)
{
	struct keys_info *info = &d->info;

	memset(d, 0, sizeof(*d));
	get_text(rd, d->kind, sizeof(d->kind));
	get_text(rd, d->target, sizeof(d->target));
	info->tpm = get_bool(rd);
	info->hardware = get_bool(rd);
	get_text(rd, info->manufacturer, sizeof(info->manufacturer));
	info->manufacturer_id = get_u32(rd);
	get_text(rd, info->vendor, sizeof(info->vendor));
	info->firmware = get_u64(rd);
	get_text(rd, info->revision, sizeof(info->revision));
	for (size_t i = 0; i < sizeof(info->has_ek); i++)
		info->has_ek[i] = get_bool(rd);
	d->alg_count = get_u8(rd);
	if (d->alg_count > MESSAGE_ALGS_MAX) {
		rd->failed = true;
		d->alg_count = 0;
	}
	for (size_t i = 0; i < d->alg_count; i++) {
		d->algs[i].alg = (int32_t)get_u32(rd);
		d->algs[i].in_tpm = get_bool(rd);
	}
}

static void
put_keys(struct writer *w, const struct message_keys *k)
{
	put(w, k->rows, sizeof(k->rows));
	put(w, k->names, sizeof(k->names));
	put_u8(w, k->info.pin);
	put_u8(w, k->info.pin_index);
	put_u8(w, k->info.counter);
	put_u8(w, k->info.pcrs);
	put_u8(w, k->info.srk_kept);
	put_u8(w, k->info.pin_set);
	put_u8(w, k->info.pin_failures);
	put_u64(w, k->info.generation);
}

static void
get_keys(struct reader *rd, struct message_keys *k)
{
	memset(k, 0, sizeof(*k));
	get_copy(rd, k->rows, sizeof(k->rows));
	get_copy(rd, k->names, sizeof(k->names));
	k->info.pin = get_bool(rd);
	k->info.pin_index = get_bool(rd);
	k->info.counter = get_bool(rd);
	k->info.pcrs = get_bool(rd);
	k->info.srk_kept = get_bool(rd);
	k->info.pin_set = get_bool(rd);
	k->info.pin_failures = get_u8(rd);
	if (k->info.pin_failures > KEY_PIN_LIMIT)
		rd->failed = true;
	k->info.generation = get_u64(rd);
}

size_t
message_put_answer(const struct message_answer *an, uint8_t *out)
{
	struct writer w = { .p = out };

	assert(an->result <= 0 && an->result >= -ERRNO_MAX);
	put_head(&w, (uint8_t)an->type | ANSWER, an->serial);
	put_u32(&w, (uint32_t)-an->result);
	put_text(&w, an->text, sizeof(an->text));
	if (an->type == MESSAGE_OP) {
		put_done(&w, an->op);
		return w.len;
	}
	if (an->result != 0)
		return w.len;
	if (an->type == MESSAGE_HELLO)
		put_device(&w, &an->device);
	if (an->type == MESSAGE_CREATE || an->type == MESSAGE_UNLOCK)
		put_keys(&w, &an->keys);
	if (an->type == MESSAGE_CREATE || an->type == MESSAGE_REWRAP)
		put_span(&w, an->wrapped, KEY_WRAPPED_MAX);
	return w.len;
}

/* A storage key is something. */
static struct span
get_wrapped(struct reader *rd)
{
	struct span s = get_span(rd, KEY_WRAPPED_MAX);

	if (s.len == 0)
		rd->failed = true;
	return s;
}

int
message_get_answer(struct span msg, struct message_answer *an)
{
	struct reader rd = { .left = msg };
	uint32_t error;
	int r;

	r = get_head(&rd, true, &an->type, &an->serial);
	if (r != 0)
		return r;
	error = get_u32(&rd);
	if (error > ERRNO_MAX)
		return -EBADMSG;
	an->result = -(int)error;
	get_text(&rd, an->text, sizeof(an->text));
	if (an->type == MESSAGE_OP) {
		get_done(&rd, an->op);
		an->op->result = an->result;
		return finish(&rd);
	}
	if (an->result != 0)
		return finish(&rd);
	if (an->type == MESSAGE_HELLO)
		get_device(&rd, &an->device);
	if (an->type == MESSAGE_CREATE || an->type == MESSAGE_UNLOCK)
		get_keys(&rd, &an->keys);
	if (an->type == MESSAGE_CREATE || an->type == MESSAGE_REWRAP)
		an->wrapped = get_wrapped(&rd);
	return finish(&rd);
}
