/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn.h"

#include "authenticator/client/token_cbor.h"
#include "authenticator/client/webauthn_blob.h"
#include "authenticator/client/webauthn_impl.h"

#include <stdlib.h>

#define PROOF_MAX	256	/* bytes of a request that token_proof makes */

/* One sign-in on its way. */
struct request {
	struct webauthn_client	*c;
	struct dom_error	*err;
	struct get_options	 options;
	struct client_data	 data;
	struct span		 rp_id;
	uint8_t			 salts[TOKEN_SALTS_MAX];
	struct token_get	 req;
	struct token_assertion	 got;
	bool			 used_app_id;
	uint8_t			*packed;	/* what is to be written */
	uint8_t			*blob;		/* largeBlob, if there is one */
	size_t			 blob_len;
	bool			 written;
};

static bool
plan_verification(struct request *rq)
{
	enum requirement uv = rq->options.user_verification;
	bool can = rq->c->info.verifies;

	if (uv == REQUIREMENT_REQUIRED && !can)
		return dom_fail(rq->err, "NotAllowedError",
		    NO_VERIFICATION);
	/* prf always uses the secret that goes with verification. */
	rq->req.uv = can && (uv != REQUIREMENT_DISCOURAGED ||
	    rq->options.prf || rq->c->info.always_uv);
	return true;
}

static bool
probe(struct request *rq, const struct id_list *list,
    const struct span **found)
{
	return client_probe(rq->c, rq->rp_id, list, false, found) ||
	    (rq->req.uv &&
	    client_probe(rq->c, rq->rp_id, list, true, found));
}

/*
 * WebAuthn Level 3, 10.1.1: a credential that U2F made goes by the AppID.
 * Only if the token has none of the list that goes by the RP ID.
 */
static bool
plan_app_id(struct request *rq)
{
	const struct credential_list *l = &rq->options.allow;
	const struct id_list list = { l->id, l->count };
	const struct span *found;
	struct span app_id;

	if (rq->options.app_id.p == NULL)
		return true;
	if (!origin_app_id(&rq->c->origin, rq->options.app_id, &app_id,
	    rq->err))
		return false;
	if (list.count == 0 || probe(rq, &list, &found) ||
	    !client_probe(rq->c, app_id, &list, false, &found))
		return true;
	rq->rp_id = app_id;
	rq->req.rp_id = app_id;
	rq->used_app_id = true;
	return true;
}

/*
 * A list that is too long, or one whose members have inputs of their own for
 * prf, is narrowed to the one credential that the token has.
 */
static bool
plan_allow(struct request *rq)
{
	const struct credential_list *l = &rq->options.allow;
	const struct id_list list = { l->id, l->count };
	const struct span *found;
	size_t fits;

	if (l->given && l->count == 0)
		return dom_fail(rq->err, "NotAllowedError",
		    "allowCredentials names none that could exist");
	fits = client_list_fits(rq->c, &list);
	rq->req.allow = list.ids;
	rq->req.allow_count = fits;
	if (fits == list.count &&
	    (rq->options.prf_count == 0 || list.count <= 1))
		return true;
	if (!probe(rq, &list, &found))
		return client_token_error(CTAP2_ERR_NO_CREDENTIALS, false,
		    rq->err);
	rq->req.allow = found;
	rq->req.allow_count = 1;
	return true;
}

/* WebAuthn Level 3, 10.1.4: the credential's own inputs, else the common. */
static const struct salt_inputs *
prf_inputs(const struct request *rq)
{
	const struct get_options *o = &rq->options;

	if (rq->req.allow_count == 1)
		for (size_t i = 0; i < o->prf_count; i++)
			if (span_eq(o->prf_by_credential[i].id,
			    rq->req.allow[0]))
				return &o->prf_by_credential[i].in;
	return &o->prf_eval;
}

static bool
plan_salts(struct request *rq)
{
	const struct salt_inputs *in = &rq->options.hmac_get_secret;

	if (!rq->c->info.hmac_secret)
		return true;
	/* Without verification there is no secret that prf may use. */
	if (rq->options.prf)
		return !rq->req.uv || client_prf_salts(rq->c, prf_inputs(rq),
		    rq->salts, &rq->req.salts, rq->err);
	if (in->first.p == NULL)
		return true;
	memcpy(rq->salts, in->first.p, TOKEN_SALT_LEN);
	if (in->second.p != NULL)
		memcpy(rq->salts + TOKEN_SALT_LEN, in->second.p,
		    TOKEN_SALT_LEN);
	rq->req.salts = span(rq->salts,
	    in->second.p != NULL ? TOKEN_SALTS_MAX : TOKEN_SALT_LEN);
	return true;
}

/* CTAP 2.3, 12.4: the token keeps it with the credential. */
static void
plan_own_blob(struct request *rq)
{
	struct span blob = rq->options.large_blob_write;
	size_t len;

	rq->req.read_blob = rq->options.large_blob == LARGE_BLOB_READ;
	if (rq->options.large_blob != LARGE_BLOB_WRITE || blob.len > BLOB_MAX)
		return;
	rq->packed = blob_deflate(blob, &len);
	if (rq->packed != NULL)
		rq->req.write_blob = (struct token_blob){
			span(rq->packed, len), blob.len };
}

/*
 * A blob that the token cannot even be sent fails alone, the sign-in without
 * it does not. What it may be sent is tight over uhid: so this is measured.
 */
static void
drop_long_blob(struct request *rq)
{
	uint8_t trial[AUTH_MESSAGE_MAX];
	size_t max = rq->c->info.message_max;

	if (rq->req.write_blob.packed.p == NULL)
		return;
	if (max > sizeof(trial))
		max = sizeof(trial);
	if (max <= PROOF_MAX || token_encode_get(&rq->req, NULL, trial,
	    max - PROOF_MAX) == 0)
		rq->req.write_blob = (struct token_blob){ .size = 0 };
}

static void
plan_blobs(struct request *rq)
{
	const struct token_info *info = &rq->c->info;

	rq->req.cred_blob = rq->options.cred_blob && info->cred_blob;
	if (info->large_blob) {
		plan_own_blob(rq);
		return;
	}
	if (rq->options.large_blob == LARGE_BLOB_NONE ||
	    !info->large_blob_key || !info->large_blobs)
		return;
	rq->req.large_blob_key = true;
	rq->req.will_write = rq->options.large_blob == LARGE_BLOB_WRITE;
}

static bool
plan(struct request *rq)
{
	rq->req.client_data_hash = span(rq->data.hash, sizeof(rq->data.hash));
	rq->req.rp_id = rq->rp_id;
	plan_blobs(rq);
	if (!plan_verification(rq) || !plan_app_id(rq) || !plan_allow(rq) ||
	    !plan_salts(rq))
		return false;
	drop_long_blob(rq);
	return true;
}

static bool
ask_token(struct request *rq)
{
	struct token *token = rq->c->token;
	int r = token->ops->get(token, &rq->req, &rq->got);

	if (r != 0)
		return client_token_error(r, false, rq->err);
	if (rq->got.credential_id.p != NULL)
		return true;
	/* CTAP 2.3, 6.2: it may be left out if the list had only one. */
	if (rq->req.allow_count != 1)
		return dom_fail(rq->err, "NotAllowedError",
		    "the token does not say which credential it used");
	rq->got.credential_id = rq->req.allow[0];
	return true;
}

static void
put_response(const struct request *rq, struct json_out *out)
{
	const struct token_assertion *got = &rq->got;

	json_out_name(out, "response");
	json_out_open(out, '{');
	client_put(out, "clientDataJSON", span(rq->data.text, rq->data.len));
	client_put(out, "authenticatorData", got->auth_data);
	client_put(out, "signature", got->signature);
	if (got->user_id.p != NULL)
		client_put(out, "userHandle", got->user_id);
	json_out_close(out, '}');
}

static bool
write_blob(struct request *rq, struct span array,
    const uint8_t key[static BLOB_KEY_LEN])
{
	struct token *token = rq->c->token;
	size_t max = rq->c->info.blobs_max, len;
	uint8_t *all;
	bool ok;

	if (max < BLOBS_DIGEST_LEN || !blob_replace(array, key,
	    rq->options.large_blob_write, max - BLOBS_DIGEST_LEN, &all, &len))
		return false;
	ok = token->ops->blobs_write(token, span(all, len)) == 0;
	free(all);
	return ok;
}

/* The token has done it already. */
static void
use_own_blob(struct request *rq)
{
	const struct token_blob *own = &rq->got.blob;

	rq->written = rq->req.write_blob.packed.p != NULL &&
	    rq->got.blob_written;
	if (!rq->req.read_blob || own->packed.p == NULL)
		return;
	rq->blob = blob_inflate(own->packed, own->size);
	rq->blob_len = own->size;
}

static void
use_array(struct request *rq)
{
	struct token *token = rq->c->token;
	uint8_t key[BLOB_KEY_LEN];
	struct span array;

	if (rq->got.large_blob_key.len != sizeof(key) ||
	    !rq->req.large_blob_key)
		return;
	/* What the answer points to goes with the next verb. */
	memcpy(key, rq->got.large_blob_key.p, sizeof(key));
	if (token->ops->blobs_read(token, &array) == 0) {
		if (rq->req.will_write)
			rq->written = write_blob(rq, array, key);
		else if (!blob_find(array, key, &rq->blob, &rq->blob_len))
			rq->blob = NULL;
	}
	explicit_bzero(key, sizeof(key));
}

/*
 * WebAuthn Level 3, 10.1.5, after the assertion: what fails here fails the
 * extension, not the ceremony.
 */
static void
use_blob(struct request *rq)
{
	if (rq->c->info.large_blob)
		use_own_blob(rq);
	else
		use_array(rq);
}

static void
put_blob(const struct request *rq, struct json_out *out)
{
	if (rq->options.large_blob == LARGE_BLOB_NONE)
		return;
	json_out_name(out, "largeBlob");
	json_out_open(out, '{');
	if (rq->options.large_blob == LARGE_BLOB_WRITE) {
		json_out_name(out, "written");
		json_out_bool(out, rq->written);
	} else if (rq->blob != NULL) {
		client_put(out, "blob", span(rq->blob, rq->blob_len));
	}
	json_out_close(out, '}');
}

static void
put_cred_blob(const struct request *rq, struct json_out *out)
{
	struct token_auth_data ad;

	if (rq->req.cred_blob &&
	    token_decode_auth_data(rq->got.auth_data, &ad) &&
	    ad.cred_blob.p != NULL)
		client_put(out, "getCredBlob", ad.cred_blob);
}

/* All but largeBlob: that takes another verb, and the answer with
 * it. Leaves the object open. */
static void
put_extensions(const struct request *rq, struct json_out *out)
{
	const struct token_outputs *hmac = &rq->got.hmac;

	json_out_name(out, "clientExtensionResults");
	json_out_open(out, '{');
	if (rq->options.app_id.p != NULL) {
		json_out_name(out, "appid");
		json_out_bool(out, rq->used_app_id);
	}
	put_cred_blob(rq, out);
	if (rq->options.prf) {
		json_out_name(out, "prf");
		json_out_open(out, '{');
		client_put_outputs(out, "results", "first", "second", hmac);
		json_out_close(out, '}');
	} else if (rq->options.hmac_get_secret.first.p != NULL) {
		client_put_outputs(out, "hmacGetSecret", "output1", "output2",
		    hmac);
	}
}

bool
webauthn_get(struct webauthn_client *c, struct span options,
    struct json_out *out, struct dom_error *err)
{
	struct request rq = { .c = c, .err = err };
	struct options_memory memory;	/* large, and not to be zeroed */
	bool ok = false;

	memset(err, 0, sizeof(*err));
	if (!get_options_parse(options, &memory, &rq.options, err) ||
	    !origin_check(&c->origin, rq.options.rp_id, &rq.rp_id, err) ||
	    !client_data_make(c, false, rq.options.challenge, &rq.data, err))
		goto out;
	ok = client_replays(c, false, &rq.data, out);
	if (ok || !plan(&rq) || !ask_token(&rq))
		goto out;
	client_put_head(c, rq.got.credential_id, out);
	put_response(&rq, out);
	put_extensions(&rq, out);
	use_blob(&rq);
	put_blob(&rq, out);
	json_out_close(out, '}');
	ok = client_finish(c, false, &rq.data, out, err);
out:
	free(rq.packed);
	free(rq.blob);
	explicit_bzero(&rq.got, sizeof(rq.got));
	explicit_bzero(rq.salts, sizeof(rq.salts));
	client_data_done(&rq.data);
	options_memory_done(&memory);
	return ok;
}
