/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/webauthn.h"

#include "authenticator/webauthn_impl.h"

#include <stdlib.h>

/* One sign-in on its way. */
struct request {
	struct webauthn_client	*c;
	struct dom_error	*err;
	struct options_memory	 memory;
	struct get_options	 options;
	struct client_data	 data;
	struct span		 rp_id;
	uint8_t			 salts[TOKEN_SALTS_MAX];
	struct token_get	 req;
	struct token_assertion	 got;
};

static bool
plan_verification(struct request *rq)
{
	enum requirement uv = rq->options.user_verification;
	bool can = rq->c->info.verifies;

	if (uv == REQUIREMENT_REQUIRED && !can)
		return dom_fail(rq->err, "NotAllowedError",
		    "the token has no built-in user verification");
	/* prf always uses the secret that goes with verification. */
	rq->req.uv = can &&
	    (uv != REQUIREMENT_DISCOURAGED || rq->options.prf);
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

/* WebAuthn Level 3, 10.1.4: what a page gives never is the salt itself. */
static bool
prf_salt(struct request *rq, struct span input, uint8_t *out)
{
	static const char context[] = "WebAuthn PRF";	/* with its NUL */

	return client_hash(rq->c, span(context, sizeof(context)), input, out,
	    rq->err);
}

static bool
plan_salts(struct request *rq)
{
	const struct salt_inputs *in = &rq->options.hmac_get_secret;
	uint8_t *second = rq->salts + TOKEN_SALT_LEN;

	if (rq->options.prf)
		in = prf_inputs(rq);
	if (in->first.p == NULL || !rq->c->info.hmac_secret)
		return true;
	if (!rq->options.prf) {
		memcpy(rq->salts, in->first.p, TOKEN_SALT_LEN);
		if (in->second.p != NULL)
			memcpy(second, in->second.p, TOKEN_SALT_LEN);
	} else if (!prf_salt(rq, in->first, rq->salts) ||
	    (in->second.p != NULL && !prf_salt(rq, in->second, second))) {
		return false;
	}
	rq->req.salts = span(rq->salts,
	    in->second.p != NULL ? TOKEN_SALTS_MAX : TOKEN_SALT_LEN);
	return true;
}

static bool
plan(struct request *rq)
{
	rq->req.client_data_hash = span(rq->data.hash, sizeof(rq->data.hash));
	rq->req.rp_id = rq->rp_id;
	return plan_verification(rq) && plan_allow(rq) && plan_salts(rq);
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

/* The two outputs under the names that prf and hmacGetSecret have. */
static void
put_outputs(const struct request *rq, const char *name, const char *first,
    const char *second, struct json_out *out)
{
	const struct token_assertion *got = &rq->got;

	if (got->hmac.len < TOKEN_SALT_LEN)
		return;
	json_out_name(out, name);
	json_out_open(out, '{');
	client_put(out, first, span(got->hmac.bytes, TOKEN_SALT_LEN));
	if (got->hmac.len == TOKEN_SALTS_MAX)
		client_put(out, second,
		    span(got->hmac.bytes + TOKEN_SALT_LEN, TOKEN_SALT_LEN));
	json_out_close(out, '}');
}

static void
put_extensions(const struct request *rq, struct json_out *out)
{
	json_out_name(out, "clientExtensionResults");
	json_out_open(out, '{');
	if (rq->options.prf) {
		json_out_name(out, "prf");
		json_out_open(out, '{');
		put_outputs(rq, "results", "first", "second", out);
		json_out_close(out, '}');
	} else if (rq->options.hmac_get_secret.first.p != NULL) {
		put_outputs(rq, "hmacGetSecret", "output1", "output2", out);
	}
	json_out_close(out, '}');
}

bool
webauthn_get(struct webauthn_client *c, struct span options,
    struct json_out *out, struct dom_error *err)
{
	struct request rq = { .c = c, .err = err };
	bool ok = false;

	memset(err, 0, sizeof(*err));
	if (!get_options_parse(options, &rq.memory, &rq.options, err) ||
	    !origin_check(&c->origin, rq.options.rp_id, &rq.rp_id, err) ||
	    !client_data_make(c, "webauthn.get", rq.options.challenge,
		&rq.data, err) ||
	    !plan(&rq) || !ask_token(&rq))
		goto out;
	client_put_head(c, rq.got.credential_id, out);
	put_response(&rq, out);
	put_extensions(&rq, out);
	ok = client_put_tail(out, err);
out:
	explicit_bzero(&rq.got, sizeof(rq.got));
	explicit_bzero(rq.salts, sizeof(rq.salts));
	free(rq.data.text);
	options_memory_done(&rq.memory);
	return ok;
}
