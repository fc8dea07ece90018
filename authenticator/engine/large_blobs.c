/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorLargeBlobs (CTAP 2.3, 6.10): one array for all relying
 * parties, which hosts encrypt and take apart; here it is bytes with a
 * digest at their end. It is written in fragments. What has arrived of it
 * is in memory, and belongs to the channel that began it, until it is whole
 * and correct: nothing of an unfinished or damaged array is ever stored.
 */
#include "authenticator/engine/impl.h"

#define DIGEST_LEN	16
#define ARRAY_MIN	17	/* bytes: an empty array and its digest */

/* lb.10: an empty CBOR array, and the start of its SHA-256 */
static const uint8_t initial[ARRAY_MIN] = {
	0x80, 0x76, 0xbe, 0x8b, 0x52, 0x8d, 0x00, 0x75, 0xf7, 0xaa, 0xe9,
	0x8d, 0x6f, 0xa5, 0x7a, 0x6d, 0x3c,
};

void
blobs_forget(struct auth *au)
{
	if (au->pending.active || au->pending.len > 0)
		explicit_bzero(&au->pending, sizeof(au->pending));
}

static bool
is_pending(const struct auth *au, const struct auth_op *op)
{
	return au->pending.active && au->pending.channel == op->channel;
}

/* maxFragmentLength, 6.10.2; bytes */
static size_t
fragment_max(const struct auth *au)
{
	return au->cfg.message_max - 64;
}

/* lb.2, lb.3 */
static enum auth_want
get_begin(struct auth *au, struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;

	if (req->length.there || req->auth.param.p != NULL ||
	    req->auth.protocol.there)
		return fail(au, CTAP1_ERR_INVALID_PARAMETER);
	if (req->get.v > fragment_max(au))
		return fail(au, CTAP1_ERR_INVALID_LENGTH);
	op->lookup.blobs = au->work->blobs;
	return ask_lookup(op, LOOKUP_BLOBS);
}

/* lb.5 */
static enum ctap_status
check_first(struct auth *au, const struct auth_op *op)
{
	const struct ctap_uint *length = &op->req.blobs.length;

	if (!length->there)
		return CTAP1_ERR_INVALID_PARAMETER;
	if (length->v > au->cfg.large_blobs_max)
		return CTAP2_ERR_LARGE_BLOB_STORAGE_FULL;
	if (length->v < ARRAY_MIN)
		return CTAP1_ERR_INVALID_PARAMETER;
	/* from here on the one before can no longer be finished */
	if (is_pending(au, op))
		blobs_forget(au);
	return CTAP2_OK;
}

/* lb.6 */
static enum ctap_status
check_next(const struct auth *au, const struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;

	if (req->length.there)
		return CTAP1_ERR_INVALID_PARAMETER;
	if (!is_pending(au, op) || req->offset.v != au->pending.len)
		return CTAP1_ERR_INVALID_SEQ;
	return CTAP2_OK;
}

/* lb.7: who may write; a key that verifies nobody lets everybody */
static enum ctap_status
authorize(struct auth *au, struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;
	uint32_t offset = (uint32_t)req->offset.v;
	uint8_t prefix[38], digest[32];

	if (!is_protected(au) && !always_uv(au))
		return CTAP2_OK;
	memset(prefix, 0xff, 32);
	prefix[32] = CTAP_LARGE_BLOBS;
	prefix[33] = 0;
	for (int i = 0; i < 4; i++)
		prefix[34 + i] = (uint8_t)(offset >> (8 * i));
	if (!auth_sha256(au, req->set, digest))
		return CTAP1_ERR_OTHER;
	return token_authorize(au, op, &req->auth, span(prefix, sizeof(prefix)),
	    span(digest, sizeof(digest)), PERMISSION_LBW);
}

/* lb.8: takes the fragment, if there is room for it in what was announced */
static enum ctap_status
append(struct auth *au, const struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;
	struct blobs_pending *p = &au->pending;
	size_t expected = req->offset.v == 0 ? (size_t)req->length.v :
	    p->expected;

	if (req->set.len > expected - (size_t)req->offset.v)
		return CTAP1_ERR_INVALID_PARAMETER;
	if (req->offset.v == 0) {
		blobs_forget(au);
		p->active = true;
		p->channel = op->channel;
		p->expected = expected;
	}
	if (req->set.len > 0)
		memcpy(p->bytes + p->len, req->set.p, req->set.len);
	p->len += req->set.len;
	return CTAP2_OK;
}

/* lb.9: all of it is there; what its digest does not confirm is dropped */
static enum auth_want
set_whole(struct auth *au, struct auth_op *op)
{
	struct blobs_pending *p = &au->pending;
	size_t len = p->len - DIGEST_LEN;
	uint8_t digest[32];

	if (!auth_sha256(au, span(p->bytes, len), digest)) {
		blobs_forget(au);
		return fail(au, CTAP1_ERR_OTHER);
	}
	if (memcmp(digest, p->bytes + len, DIGEST_LEN) != 0) {
		blobs_forget(au);
		return fail(au, CTAP2_ERR_INTEGRITY_FAILURE);
	}
	p->active = false;	/* whatever becomes of the commit */
	op->change = (struct auth_change){
		.large_blobs = span(p->bytes, p->len),
	};
	return ask_commit(op);
}

static enum auth_want
set_fragment(struct auth *au, struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;
	enum ctap_status status;

	/* lb.4 */
	if (req->set.len > fragment_max(au))
		return fail(au, CTAP1_ERR_INVALID_LENGTH);
	status = req->offset.v == 0 ? check_first(au, op) :
	    check_next(au, op);
	if (status == CTAP2_OK)
		status = authorize(au, op);
	if (status == CTAP2_OK)
		status = append(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	return au->pending.len == au->pending.expected ?
	    set_whole(au, op) : reply_empty(au);
}

enum auth_want
lb_run(struct auth *au, struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;

	/* lb.1 */
	if (!req->offset.there || req->get.there == (req->set.p != NULL))
		return fail(au, CTAP1_ERR_INVALID_PARAMETER);
	return req->get.there ? get_begin(au, op) : set_fragment(au, op);
}

/* lb.3: short at the end, and empty right behind it */
static enum auth_want
get_reply(struct auth *au, struct auth_op *op)
{
	const struct ctap_large_blobs *req = &op->req.blobs;
	struct span all = span(initial, sizeof(initial));
	struct cbor_out out = reply_begin(au);
	size_t offset, len;

	if (op->lookup.found)
		all = span(au->work->blobs, op->lookup.blobs_len);
	if (req->offset.v > all.len)
		return fail(au, CTAP1_ERR_INVALID_PARAMETER);
	offset = (size_t)req->offset.v;
	len = all.len - offset;
	if (req->get.v < len)
		len = (size_t)req->get.v;
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x01);	/* config */
	cbor_put_bytes(&out, span(all.p + offset, len));
	return reply(au, &out);
}

enum auth_want
lb_done(struct auth *au, struct auth_op *op)
{
	if (op->req.blobs.get.there)
		return get_reply(au, op);
	blobs_forget(au);
	return reply_empty(au);
}
