/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn.h"

#include "authenticator/client/token_cbor.h"
#include "authenticator/client/webauthn_impl.h"
#include "authenticator/client/webauthn_spki.h"
#include "ctap/authdata.h"

#include <stdlib.h>

#define AAGUID_AT	37	/* bytes into authenticator data */
#define AAGUID_LEN	16
#define ID_AT		55	/* behind AAGUID and the ID's length */
#define OBJECT_REST	32	/* bytes of an attestation object's own */
#define OBJECT_USUAL	2048	/* bytes; no heap for these */

/* One registration on its way. */
struct creation {
	struct webauthn_client	*c;
	struct dom_error	*err;
	struct create_options	 options;
	struct client_data	 data;
	struct span		 rp_id;
	int			 algs[TOKEN_ALGS_MAX];
	uint8_t			 salts[TOKEN_SALTS_MAX];
	struct token_make	 req;
	struct token_credential	 cred;
	struct token_auth_data	 auth_data;
	uint8_t			*object;	/* attestation object: on the */
	uint8_t			*usual;		/* heap, or mostly here */
	size_t			 object_len;
	struct span		 object_auth_data;	/* inside object */
};

static bool
has_alg(const struct token_info *info, int alg)
{
	if (info->alg_count == 0)
		return true;	/* it does not say: let it choose */
	for (size_t i = 0; i < info->alg_count; i++)
		if (info->algs[i] == alg)
			return true;
	return false;
}

static bool
plan_algs(struct creation *cr)
{
	const struct create_options *o = &cr->options;
	size_t n = 0;

	for (size_t i = 0; i < o->alg_count && n < TOKEN_ALGS_MAX; i++)
		if (has_alg(&cr->c->info, o->algs[i]))
			cr->algs[n++] = o->algs[i];
	if (n == 0)
		return dom_fail(cr->err, "NotSupportedError",
		    "the token has none of the algorithms");
	cr->req.algs = cr->algs;
	cr->req.alg_count = n;
	return true;
}

static bool
plan_selection(struct creation *cr)
{
	const struct create_options *o = &cr->options;
	const struct token_info *info = &cr->c->info;

	if (o->attachment != ATTACHMENT_ANY &&
	    (o->attachment == ATTACHMENT_PLATFORM) != cr->c->platform)
		return dom_fail(cr->err, "NotAllowedError", "the options "
		    "demand a %s authenticator (see --attachment)",
		    cr->c->platform ? "cross-platform" : "platform");
	if (o->resident_key == REQUIREMENT_REQUIRED && !info->rk)
		return dom_fail(cr->err, "ConstraintError",
		    "the token makes no discoverable credentials");
	if (o->user_verification == REQUIREMENT_REQUIRED && !info->verifies)
		return dom_fail(cr->err, "ConstraintError",
		    NO_VERIFICATION);
	cr->req.rk = o->resident_key != REQUIREMENT_DISCOURAGED && info->rk;
	/*
	 * A protected token makes discoverable credentials for verified
	 * users only, some make others for them only, too (CTAP 2.3, 6.1.2,
	 * step 7): browsers verify them, even where the site would rather
	 * not.
	 */
	cr->req.uv = info->verifies && (cr->req.rk ||
	    !info->make_without_uv || info->always_uv ||
	    o->user_verification != REQUIREMENT_DISCOURAGED);
	return true;
}

/* WebAuthn Level 3, 10.1.4: at once, where the token can. */
static bool
plan_prf(struct creation *cr)
{
	const struct create_options *o = &cr->options;
	const struct token_info *info = &cr->c->info;

	cr->req.hmac_secret = (o->prf || o->hmac_create_secret) &&
	    info->hmac_secret;
	/* As in assertions: the secret that goes with verification, or none */
	if (o->prf_eval.first.p == NULL || !cr->req.hmac_secret ||
	    !info->hmac_secret_mc || !info->verifies)
		return true;
	cr->req.uv = true;
	return client_prf_salts(cr->c, &o->prf_eval, cr->salts,
	    &cr->req.salts, cr->err);
}

static bool
plan_large_blob(struct creation *cr)
{
	const struct create_options *o = &cr->options;
	const struct token_info *info = &cr->c->info;

	if (o->large_blob == LARGE_BLOB_NONE)
		return true;
	/* CTAP 2.3, 12.4: which credentials have a place, the token knows */
	if (info->large_blob) {
		cr->req.large_blob = true;
		cr->req.large_blob_required =
		    o->large_blob == LARGE_BLOB_REQUIRED;
		return true;
	}
	/* CTAP 2.3, 12.3: for discoverable credentials only */
	cr->req.large_blob_key = info->large_blob_key && info->large_blobs &&
	    cr->req.rk;
	if (o->large_blob == LARGE_BLOB_REQUIRED && !cr->req.large_blob_key)
		return dom_fail(cr->err, "NotAllowedError", cr->req.rk ?
		    "the token has no large blobs, which are required" :
		    "a large blob is required, but no discoverable "
		    "credential that could have one");
	return true;
}

static bool
plan_extensions(struct creation *cr)
{
	const struct create_options *o = &cr->options;
	const struct token_info *info = &cr->c->info;

	if (o->enforce_protect && o->protect > PROTECT_OPTIONAL &&
	    !info->cred_protect)
		return dom_fail(cr->err, "NotAllowedError", "the token does "
		    "not have the credential protection that is enforced");
	if (o->protect != 0)
		cr->req.protect = o->protect;
	else if (cr->req.rk)
		cr->req.protect =
		    o->user_verification == REQUIREMENT_REQUIRED ?
		    PROTECT_REQUIRED : PROTECT_OPTIONAL_WITH_LIST;
	if (!info->cred_protect)
		cr->req.protect = 0;
	cr->req.min_pin_length = o->min_pin_length && info->min_pin_length;
	if (info->cred_blob && o->cred_blob.len <= info->cred_blob_max)
		cr->req.cred_blob = o->cred_blob;
	return plan_prf(cr) && plan_large_blob(cr);
}

/* WebAuthn Level 3, 10.1.2: credentials that U2F made go by the AppID. */
static bool
plan_app_id(struct creation *cr)
{
	const struct credential_list *l = &cr->options.exclude;
	const struct id_list list = { l->id, l->count };
	const struct span *found;
	struct span app_id;

	if (cr->options.app_id_exclude.p == NULL)
		return true;
	if (!origin_app_id(&cr->c->origin, cr->options.app_id_exclude,
	    &app_id, cr->err))
		return false;
	if (client_probe(cr->c, app_id, &list, false, &found))
		return client_token_error(CTAP2_ERR_CREDENTIAL_EXCLUDED, true,
		    cr->err);
	return true;
}

/* Only what the token can hold against us: an own credential, if any. */
static void
plan_exclude(struct creation *cr)
{
	const struct credential_list *l = &cr->options.exclude;
	const struct id_list list = { l->id, l->count };
	const struct span *found;

	if (client_list_fits(cr->c, &list) == list.count) {
		cr->req.exclude = list.ids;
		cr->req.exclude_count = list.count;
	} else if (client_probe(cr->c, cr->rp_id, &list, false, &found) ||
	    (cr->c->info.verifies &&
	    client_probe(cr->c, cr->rp_id, &list, true, &found))) {
		cr->req.exclude = found;
		cr->req.exclude_count = 1;
	}
}

/*
 * WebAuthn Level 3, 5.4.7: a browser whose administrator permits it says so
 * to a token that can. Others give what they give to everybody.
 */
static unsigned
plan_enterprise(const struct creation *cr)
{
	bool wanted = cr->options.conveyance == CONVEYANCE_ENTERPRISE;

	cr->c->not_enterprise = wanted && !cr->c->info.ep;
	return wanted && cr->c->info.ep ? TOKEN_ENTERPRISE_BY_PLATFORM : 0;
}

/* Clients cut names before the token does (WebAuthn Level 3, 6.4.1). */
static struct span
cut(struct span s)
{
	return span(s.p, cbor_utf8_cut(s, NAME_KEPT));
}

static bool
plan(struct creation *cr)
{
	const struct create_options *o = &cr->options;

	cr->req.client_data_hash = span(cr->data.hash, sizeof(cr->data.hash));
	cr->req.rp_id = cr->rp_id;
	cr->req.rp_name = cut(o->rp_name);
	cr->req.user_id = o->user_id;
	cr->req.user_name = cut(o->user_name);
	cr->req.user_display_name = cut(o->user_display_name);
	cr->req.enterprise = plan_enterprise(cr);
	if (!plan_algs(cr) || !plan_selection(cr) || !plan_extensions(cr) ||
	    !plan_app_id(cr))
		return false;
	plan_exclude(cr);
	return true;
}

static bool
take_x5c(struct cbor_in *in, void *arg)
{
	*(bool *)arg = true;
	return cbor_any(in, NULL);
}

/*
 * Chromium leaves self attestation of a blank AAGUID as it is: there is
 * nothing in it that would tell keys apart.
 */
static bool
is_anonymous(const struct creation *cr)
{
	static const struct cbor_member table[] = {
		{ 0, "x5c", false, take_x5c },
	};
	static const uint8_t blank[AAGUID_LEN];
	bool has_chain = false;
	struct cbor_in in;

	if (!span_eq(cr->cred.fmt, span_str("packed")) ||
	    !span_eq(cr->auth_data.aaguid, span(blank, sizeof(blank))))
		return false;
	cbor_in_init(&in, cr->cred.att_stmt);
	return cbor_members(&in, table, 1, &has_chain) && !has_chain;
}

/* WebAuthn Level 3, 6.5.4: the object, as the conveyance wants it. */
static bool
make_object(struct creation *cr)
{
	static const uint8_t empty_map[] = { 0xa0 };
	bool blank = cr->options.conveyance == CONVEYANCE_NONE &&
	    !is_anonymous(cr);
	struct span fmt = blank ? span_str("none") : cr->cred.fmt;
	struct span stmt = blank ? span(empty_map, 1) : cr->cred.att_stmt;
	size_t auth_data_len = cr->cred.auth_data.len;
	size_t cap = OBJECT_REST + fmt.len + stmt.len + auth_data_len;
	struct cbor_out out;
	uint8_t *auth_data;

	cr->object = cap <= OBJECT_USUAL ? cr->usual : malloc(cap);
	if (cr->object == NULL)
		return dom_fail(cr->err, "UnknownError", "out of memory");
	cbor_out_init(&out, cr->object, cap);
	cbor_put_map(&out, 3);
	cbor_put_str(&out, "fmt");
	cbor_put_text(&out, fmt);
	cbor_put_str(&out, "attStmt");
	cbor_put_raw(&out, stmt);
	cbor_put_str(&out, "authData");
	cbor_put_bytes(&out, cr->cred.auth_data);
	if (out.overflow)
		return dom_fail(cr->err, "UnknownError", "answer too long");
	cr->object_len = out.len;
	auth_data = cr->object + out.len - auth_data_len;
	if (blank && cr->auth_data.aaguid.p != NULL)
		memset(auth_data + AAGUID_AT, 0, AAGUID_LEN);
	cr->object_auth_data = span(auth_data, auth_data_len);
	return true;
}

static bool
has_transport(const struct token_info *info, const char *transport)
{
	for (size_t i = 0; i < info->transport_count; i++)
		if (strcmp(info->transports[i], transport) == 0)
			return true;
	return false;
}

/* A part of the machine is internal, and may be reached otherwise, too. */
static void
put_transports(const struct webauthn_client *c, struct json_out *out)
{
	const struct token_info *info = &c->info;
	const char *usual = c->platform ? "internal" : "usb";
	bool told = info->transport_count > 0 &&
	    (!c->platform || has_transport(info, usual));

	json_out_name(out, "transports");
	json_out_open(out, '[');
	if (!told)
		json_out_string(out, usual);
	for (size_t i = 0; told && i < info->transport_count; i++)
		json_out_string(out, info->transports[i]);
	json_out_close(out, ']');
}

static void
put_response(const struct creation *cr, struct json_out *out)
{
	uint8_t spki[SPKI_MAX];
	size_t spki_len;
	int alg;

	spki_len = spki_from_cose(cr->auth_data.public_key, spki, &alg);
	json_out_name(out, "response");
	json_out_open(out, '{');
	client_put(out, "clientDataJSON", span(cr->data.text, cr->data.len));
	client_put(out, "attestationObject",
	    span(cr->object, cr->object_len));
	client_put(out, "authenticatorData", cr->object_auth_data);
	put_transports(cr->c, out);
	json_out_name(out, "publicKeyAlgorithm");
	json_out_int(out, alg);
	/* A key of a kind that a browser does not know has none. */
	if (spki_len > 0)
		client_put(out, "publicKey", span(spki, spki_len));
	json_out_close(out, '}');
}

static void
put_bool(struct json_out *out, const char *name, bool v)
{
	json_out_name(out, name);
	json_out_bool(out, v);
}

/* "name":{"member":v} */
static void
put_nested(struct json_out *out, const char *name, const char *member,
    bool v)
{
	json_out_name(out, name);
	json_out_open(out, '{');
	put_bool(out, member, v);
	json_out_close(out, '}');
}

static void
put_prf(const struct creation *cr, struct json_out *out)
{
	json_out_name(out, "prf");
	json_out_open(out, '{');
	put_bool(out, "enabled", cr->auth_data.hmac_secret);
	client_put_outputs(out, "results", "first", "second", &cr->cred.hmac);
	json_out_close(out, '}');
}

static void
put_extensions(const struct creation *cr, struct json_out *out)
{
	const struct create_options *o = &cr->options;

	json_out_name(out, "clientExtensionResults");
	json_out_open(out, '{');
	if (o->app_id_exclude.p != NULL)
		put_bool(out, "appidExclude", true);
	if (o->cred_blob.p != NULL)
		put_bool(out, "credBlob", cr->auth_data.cred_blob_kept);
	if (o->cred_props)
		put_nested(out, "credProps", "rk", cr->req.rk);
	if (o->prf)
		put_prf(cr, out);
	if (o->hmac_create_secret)
		put_bool(out, "hmacCreateSecret", cr->auth_data.hmac_secret);
	if (o->large_blob != LARGE_BLOB_NONE)
		put_nested(out, "largeBlob", "supported",
		    cr->req.large_blob ? cr->cred.large_blob :
		    cr->cred.large_blob_key.p != NULL);
	json_out_close(out, '}');
}

/*
 * Authenticator data that a fault has made senseless: the credential ID is
 * taken from where it would be, as far as it is there, and the rest is not
 * known.
 */
static void
salvage(struct creation *cr)
{
	const struct span data = cr->cred.auth_data;
	size_t len, rest;

	memset(&cr->auth_data, 0, sizeof(cr->auth_data));
	cr->auth_data.credential_id = span("", 0);
	cr->auth_data.public_key = span("", 0);
	if (data.len < ID_AT)
		return;
	cr->auth_data.aaguid = span(data.p + AAGUID_AT, AAGUID_LEN);
	len = (size_t)data.p[ID_AT - 2] << 8 | data.p[ID_AT - 1];
	rest = data.len - ID_AT;
	cr->auth_data.credential_id = span(data.p + ID_AT,
	    len < rest ? len : rest);
}

static bool
ask_token(struct creation *cr)
{
	struct token *token = cr->c->token;
	int r = token->ops->make(token, &cr->req, &cr->cred);

	if (r != 0)
		return client_token_error(r, true, cr->err);
	if (token_decode_auth_data(cr->cred.auth_data, &cr->auth_data) &&
	    cr->auth_data.credential_id.p != NULL)
		return true;
	if (cr->c->fault == NULL)
		return dom_fail(cr->err, "NotAllowedError",
		    "the token's authenticator data makes no sense");
	salvage(cr);
	return true;
}

bool
webauthn_create(struct webauthn_client *c, struct span options,
    struct json_out *out, struct dom_error *err)
{
	uint8_t usual[OBJECT_USUAL];
	struct creation cr = { .c = c, .err = err, .usual = usual };
	struct options_memory memory;	/* large, and not to be zeroed */
	bool ok = false;

	memset(err, 0, sizeof(*err));
	if (!create_options_parse(options, &memory, &cr.options, err) ||
	    !origin_check(&c->origin, cr.options.rp_id, &cr.rp_id, err) ||
	    !client_data_make(c, true, cr.options.challenge, &cr.data, err))
		goto out;
	ok = client_replays(c, true, &cr.data, out);
	if (ok || !plan(&cr) || !ask_token(&cr) || !make_object(&cr))
		goto out;
	client_put_head(c, cr.auth_data.credential_id, out);
	put_response(&cr, out);
	put_extensions(&cr, out);
	ok = client_finish(c, true, &cr.data, out, err);
out:
	explicit_bzero(&cr.cred.hmac, sizeof(cr.cred.hmac));
	explicit_bzero(cr.salts, sizeof(cr.salts));
	if (cr.object != usual)
		free(cr.object);
	client_data_done(&cr.data);
	options_memory_done(&memory);
	return ok;
}
