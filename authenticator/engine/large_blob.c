/* SPDX-License-Identifier: Apache-2.0 */
/*
 * largeBlob (CTAP 2.3, 12.4): a blob of a credential's own, read and written
 * with an assertion by it. The host has compressed it, and how long it was
 * before that is kept beside it.
 *
 * Where the text leaves open what happens, the host that is there decides:
 * Chromium takes as outputs of an assertion either written alone, or blob
 * and originalSize, and drops a reply that has anything else, such as an
 * empty map. So a blob that is not there is told by no output at all, and
 * one that cannot be written by false: who signs in should not be kept from
 * it. Several credentials may be named in the list; the one that signs is
 * the one that is written, and no other.
 */
#include "authenticator/engine/impl.h"

/* lbx.1, lbx.2: what no row is kept of has no place for a blob */
enum ctap_status
blob_create(struct auth_op *op)
{
	const struct ctap_mc_large_blob *lb = &op->req.mc.ext.large_blob;

	if (!lb->there)
		return CTAP2_OK;
	if (!lb->valid)
		return CTAP2_ERR_INVALID_CBOR;
	op->cred.large_blob = op->req.mc.options.rk == OPT_TRUE;
	return lb->required && !op->cred.large_blob ?
	    CTAP2_ERR_LARGE_BLOB_STORAGE_FULL : CTAP2_OK;
}

/* lbx.3; read with false asks for nothing, as for a browser's script */
enum ctap_status
blob_assert(struct auth_op *op)
{
	const struct ctap_ga_large_blob *lb = &op->req.ga.ext.large_blob;

	if (!lb->there)
		return CTAP2_OK;
	if (!lb->valid)
		return CTAP2_ERR_INVALID_CBOR;
	op->ga.large_blob = lb->read == OPT_TRUE;
	op->write_blob = lb->write.p != NULL;
	return CTAP2_OK;
}

/* lbx.4: the key decides, for the reply is written before anybody reads it */
static bool
is_written(const struct auth_op *op)
{
	return op->write_blob && op->cred.large_blob && op->up &&
	    op->req.ga.allow.count > 0 &&
	    op->req.ga.ext.large_blob.write.len <= LARGE_BLOB_MAX;
}

void
blob_change(struct auth_op *op)
{
	const struct ctap_ga_large_blob *lb = &op->req.ga.ext.large_blob;

	if (is_written(op))
		op->change.own_blob = (struct own_blob){ op->cred.seq,
		    lb->original_size.v, lb->write };
}

/* lbx.5 */
enum auth_want
blob_read(struct auth *au, struct auth_op *op)
{
	if (!op->ga.large_blob || !op->cred.large_blob)
		return AUTH_NEXT;
	op->lookup.seq = op->cred.seq;
	op->lookup.blobs = au->work->blobs;
	return ask_lookup(op, LOOKUP_BLOB);
}

static bool
is_read(const struct auth_op *op)
{
	return op->lookup.kind == LOOKUP_BLOB && op->lookup.found;
}

bool
blob_tells(const struct auth_op *op)
{
	if (op->row->cmd == CTAP_MAKE_CREDENTIAL)
		return op->req.mc.ext.large_blob.there;
	return op->write_blob || is_read(op);
}

void
blob_put(const struct auth *au, const struct auth_op *op,
    struct cbor_out *out)
{
	cbor_put_map(out, 1);
	cbor_put_str(out, "largeBlob");
	cbor_put_map(out, is_read(op) ? 2 : 1);
	if (op->row->cmd == CTAP_MAKE_CREDENTIAL) {
		cbor_put_str(out, "supported");
		cbor_put_bool(out, op->cred.large_blob);
	} else if (op->write_blob) {
		cbor_put_str(out, "written");
		cbor_put_bool(out, is_written(op));
	} else {
		cbor_put_str(out, "blob");
		cbor_put_bytes(out, span(au->work->blobs,
		    op->lookup.blobs_len));
		cbor_put_str(out, "originalSize");
		cbor_put_uint(out, op->lookup.original_size);
	}
}
