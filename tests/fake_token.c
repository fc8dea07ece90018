/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_token.h"

#include "ctap/authdata.h"
#include "ctap/request.h"

#include <errno.h>
#include <stdlib.h>

/* P-256, with coordinates that a test can recognise */
static const uint8_t es256_key[77] = { 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01,
    0x21, 0x58, 0x20, [10 ... 41] = 0x11, [42] = 0x22, 0x58, 0x20,
    [45 ... 76] = 0x22 };

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static struct fake_token *
fake(struct token *t)
{
	return (struct fake_token *)t;
}

static int
fake_info(struct token *t, struct token_info *out)
{
	*out = fake(t)->info;
	return 0;
}

/* What the authenticator's decoder makes of the request. */
static const union ctap_request *
decoded(struct fake_token *f)
{
	static union ctap_request req;
	struct span body = span(f->request + 1, f->request_len - 1);

	check(cbor_check(body));
	check(ctap_decode(f->request[0], body, &req) == CTAP2_OK);
	return &req;
}

static void
check_make(const struct ctap_make_credential *got,
    const struct token_make *req)
{
	check(span_eq(got->client_data_hash, req->client_data_hash));
	check(span_eq(got->rp_id, req->rp_id));
	check(span_eq(got->rp_name, req->rp_name));
	check(span_eq(got->user.id, req->user_id));
	check(span_eq(got->user.name, req->user_name));
	check(span_eq(got->user.display_name, req->user_display_name));
	check(got->params.count == req->alg_count && req->alg_count > 0);
	check(got->exclude.count == req->exclude_count);
	check((got->options.rk == OPT_TRUE) == req->rk);
	check((got->options.uv == OPT_TRUE) == req->uv);
	check((got->ext.hmac_secret == OPT_TRUE) == req->hmac_secret);
	check(got->ext.cred_protect.there == (req->protect != 0));
	check(!got->ext.cred_protect.there ||
	    got->ext.cred_protect.v == req->protect);
	check(span_eq(got->ext.cred_blob, req->cred_blob));
	check((got->ext.large_blob_key == OPT_TRUE) == req->large_blob_key);
	check(got->enterprise.there == (req->enterprise != 0));
	check(!got->enterprise.there || got->enterprise.v == req->enterprise);
	check((got->ext.min_pin_length == OPT_TRUE) == req->min_pin_length);
	check(got->ext.large_blob.there == req->large_blob);
	check(!req->large_blob || got->ext.large_blob.valid);
	check(got->ext.large_blob.required == req->large_blob_required);
}

static struct span
fake_auth_data(struct fake_token *f, struct span rp_id, bool attested)
{
	static uint8_t rp_id_hash[32];
	struct authdata ad = {
		.rp_id_hash = rp_id_hash,
		.flags = AUTHDATA_UP | AUTHDATA_UV,
		.counter = 1,
	};
	size_t len;

	if (f->raw_auth_data.p != NULL)
		return f->raw_auth_data;
	memset(rp_id_hash, (int)rp_id.len, sizeof(rp_id_hash));
	if (attested) {
		ad.aaguid = f->aaguid;
		ad.credential_id = span(f->id, sizeof(f->id));
		ad.public_key = f->public_key;
		if (f->make.hmac_secret)
			ad.extensions = span("\xa1\x6bhmac-secret\xf5", 14);
	} else {
		ad.extensions = f->get_extensions;
	}
	len = authdata_write(&ad, f->auth_data, sizeof(f->auth_data));
	check(len > 0);
	return span(f->auth_data, len);
}

static void
remember_salts(struct fake_token *f, struct span salts)
{
	check(salts.len <= sizeof(f->salts));
	if (salts.len > 0)
		memcpy(f->salts, salts.p, salts.len);
}

/* Not an HMAC, but as recognisable. */
static void
give_outputs(const struct fake_token *f, struct span salts,
    struct token_outputs *out)
{
	memcpy(out->bytes, f->salts, salts.len);
	out->len = salts.len;
}

static int
fake_make(struct token *t, const struct token_make *req,
    struct token_credential *out)
{
	struct fake_token *f = fake(t);

	f->makes++;
	f->request_len = token_encode_make(req, NULL, f->request,
	    sizeof(f->request));
	if (f->request_len == 0)
		return -EMSGSIZE;
	check_make(&decoded(f)->mc, req);
	check(f->request_len <= f->info.message_max ||
	    f->info.message_max < 4096);
	f->make = *req;
	memcpy(f->hash, req->client_data_hash.p, sizeof(f->hash));
	if (f->status != 0)
		return f->status;
	if (req->large_blob_required && (f->full || !req->rk))
		return CTAP2_ERR_LARGE_BLOB_STORAGE_FULL;
	memset(out, 0, sizeof(*out));
	out->large_blob = f->unasked ||
	    (req->large_blob && req->rk && !f->full);
	remember_salts(f, req->salts);
	if (req->salts.len > 0)
		give_outputs(f, req->salts, &out->hmac);
	if (req->large_blob_key)
		out->large_blob_key = f->large_blob_key;
	out->fmt = span_str(f->fmt);
	out->att_stmt = f->att_stmt;
	out->auth_data = fake_auth_data(f, req->rp_id, true);
	return 0;
}

/* Which of the list this token has, NULL if none. */
static const struct span *
matching(const struct fake_token *f, const struct token_get *req)
{
	if (f->hidden && !req->uv)
		return NULL;
	if (f->has_app_id.p != NULL && !span_eq(req->rp_id, f->has_app_id))
		return NULL;
	for (size_t i = 0; i < req->allow_count; i++)
		if (f->has_id.p == NULL || span_eq(req->allow[i], f->has_id))
			return &req->allow[i];
	return NULL;
}

static void
check_get(const struct ctap_get_assertion *got, const struct token_get *req)
{
	check(span_eq(got->client_data_hash, req->client_data_hash));
	check(span_eq(got->rp_id, req->rp_id));
	check(got->allow.count == req->allow_count);
	check((got->options.up == OPT_FALSE) == req->silent);
	check((got->options.uv == OPT_TRUE) == req->uv);
	check(got->options.rk == OPT_ABSENT);
}

static void
check_own_blob(const struct ctap_ga_large_blob *got,
    const struct token_get *req)
{
	bool writes = req->write_blob.packed.p != NULL;

	check(got->there == (req->read_blob || writes));
	check(!got->there || got->valid);
	check((got->read == OPT_TRUE) == req->read_blob);
	check(span_eq(got->write, req->write_blob.packed));
	check(!writes || got->original_size.v == req->write_blob.size);
}

static void
use_own_blob(struct fake_token *f, const struct token_get *req,
    struct token_assertion *out)
{
	struct span new = req->write_blob.packed;

	if (new.p != NULL && !f->full && new.len <= sizeof(f->own_blob)) {
		memcpy(f->own_blob, new.p, new.len);
		f->own_blob_len = new.len;
		f->own_blob_size = req->write_blob.size;
		out->blob_written = true;
	}
	out->blob_written |= f->unasked;
	if ((req->read_blob || f->unasked) && f->own_blob_len > 0)
		out->blob = (struct token_blob){ span(f->own_blob,
		    f->own_blob_len), f->own_blob_size };
}

static void
remember_get(struct fake_token *f, const struct token_get *req)
{
	f->get = *req;
	memcpy(f->hash, req->client_data_hash.p, sizeof(f->hash));
	remember_salts(f, req->salts);
}

static int
fake_get(struct token *t, const struct token_get *req,
    struct token_assertion *out)
{
	struct fake_token *f = fake(t);
	const struct span *id = matching(f, req);

	*(req->silent ? &f->probes : &f->gets) += 1;
	f->request_len = token_encode_get(req, NULL, f->request,
	    sizeof(f->request));
	if (f->request_len == 0)
		return -EMSGSIZE;
	check_get(&decoded(f)->ga, req);
	check_own_blob(&decoded(f)->ga.ext.large_blob, req);
	check(f->info.list_max == 0 || req->allow_count <= f->info.list_max);
	if (!req->silent)
		remember_get(f, req);
	if (!req->silent && f->status != 0)
		return f->status;
	if (id == NULL && req->allow_count > 0)
		return CTAP2_ERR_NO_CREDENTIALS;
	memset(out, 0, sizeof(*out));
	if (!f->omit_id)
		out->credential_id = id != NULL ? *id :
		    span(f->id, sizeof(f->id));
	if (id == NULL)
		out->user_id = span("user", 4);
	out->auth_data = fake_auth_data(f, req->rp_id, false);
	out->signature = span(f->sig, sizeof(f->sig));
	give_outputs(f, req->salts, &out->hmac);
	if (req->large_blob_key)
		out->large_blob_key = f->large_blob_key;
	use_own_blob(f, req, out);
	return 0;
}

static int
fake_blobs_read(struct token *t, struct span *out)
{
	*out = span(fake(t)->blobs, fake(t)->blobs_len);
	return fake(t)->blobs_status;
}

static int
fake_blobs_write(struct token *t, struct span array)
{
	struct fake_token *f = fake(t);

	f->writes++;
	check(cbor_check(array));
	check(array.len + 16 <= f->info.blobs_max);
	check(array.len <= sizeof(f->blobs));
	if (f->blobs_status != 0)
		return f->blobs_status;
	memcpy(f->blobs, array.p, array.len);
	f->blobs_len = array.len;
	return 0;
}

static void
fake_set_pin(struct token *t, struct span pin)
{
	(void)t;
	(void)pin;
}

static void
fake_free(struct token *t)
{
	(void)t;
}

static const struct token_ops fake_ops = {
	.info = fake_info,
	.make = fake_make,
	.get = fake_get,
	.blobs_read = fake_blobs_read,
	.blobs_write = fake_blobs_write,
	.set_pin = fake_set_pin,
	.free = fake_free,
};

void
fake_token_keeps_blobs(struct token_info *info)
{
	info->large_blob_key = false;
	info->large_blobs = false;
	info->blobs_max = 0;
	info->large_blob = true;
}

void
fake_token_init(struct fake_token *f)
{
	*f = (struct fake_token){
		.token.ops = &fake_ops,
		.info = {
			.rk = true,
			.uv = true,
			.verifies = true,
			.make_without_uv = true,
			.cred_protect = true,
			.hmac_secret = true,
			.hmac_secret_mc = true,
			.cred_blob = true,
			.cred_blob_max = 32,
			.min_pin_length = true,
			.large_blob_key = true,
			.large_blobs = true,
			.blobs_max = sizeof(f->blobs) + 16,
			.message_max = AUTH_MESSAGE_MAX,
			.list_max = 64,
			.algs = { COSE_ES256, COSE_EDDSA, COSE_RS256 },
			.alg_count = 3,
			.transports = { "usb" },
			.transport_count = 1,
		},
		.fmt = "packed",
		.att_stmt = span("\xa2\x63" "alg\x26\x63sig\x41\x00", 12),
		.public_key = span(es256_key, sizeof(es256_key)),
	};
	memset(f->id, 0x1d, sizeof(f->id));
	memset(f->aaguid, 0xaa, sizeof(f->aaguid));
	memset(f->sig, 0x51, sizeof(f->sig));
	memset(f->key, 0xb1, sizeof(f->key));
	f->large_blob_key = span(f->key, sizeof(f->key));
	f->blobs[0] = 0x80;
	f->blobs_len = 1;
}
