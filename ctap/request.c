/* SPDX-License-Identifier: Apache-2.0 */
#include "ctap/request.h"

#define TABLE(t) (t), sizeof(t) / sizeof((t)[0])
#define REQUIRED true
#define OPTIONAL false

bool
ctap_take_opt(struct cbor_in *in, enum ctap_opt *out)
{
	bool v;

	if (!cbor_bool(in, &v))
		return false;
	*out = v ? OPT_TRUE : OPT_FALSE;
	return true;
}

bool
ctap_take_uint(struct cbor_in *in, struct ctap_uint *out)
{
	out->there = cbor_uint(in, &out->v);
	return out->there;
}

/* The bytes of each element are checked by each(), which reads one. */
static bool
take_list(struct cbor_in *in, struct ctap_list *out,
    bool (*each)(struct cbor_in *in))
{
	struct span start;
	size_t count;

	if (!cbor_array(in, &count))
		return false;
	start = in->rest;
	for (size_t i = 0; i < count; i++)
		if (!each(in))
			return false;
	out->items = span(start.p, start.len - in->rest.len);
	out->count = count;
	return true;
}

struct cbor_in
ctap_list_begin(const struct ctap_list *list)
{
	struct cbor_in at;

	cbor_in_init(&at, list->items);
	return at;
}

/* PublicKeyCredentialDescriptor */

static bool
take_descriptor_id(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_descriptor *)arg)->id);
}

static bool
take_descriptor_type(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_descriptor *)arg)->type);
}

static bool
each_text(struct cbor_in *in)
{
	struct span s;

	return cbor_text(in, &s);
}

bool
ctap_take_texts(struct cbor_in *in, struct ctap_list *out)
{
	return take_list(in, out, each_text);
}

static bool
take_descriptor_transports(struct cbor_in *in, void *arg)
{
	struct ctap_list ignored;

	(void)arg;
	return take_list(in, &ignored, each_text);
}

static const struct cbor_member descriptor[] = {
	{ 0, "id",		REQUIRED, take_descriptor_id },
	{ 0, "type",		REQUIRED, take_descriptor_type },
	{ 0, "transports",	OPTIONAL, take_descriptor_transports },
};

bool
ctap_next_descriptor(struct cbor_in *at, struct ctap_descriptor *out)
{
	if (at->rest.len == 0)
		return false;
	return cbor_members(at, TABLE(descriptor), out);
}

static bool
each_descriptor(struct cbor_in *in)
{
	struct ctap_descriptor d;

	return cbor_members(in, TABLE(descriptor), &d);
}

bool
ctap_next_text(struct cbor_in *at, struct span *out)
{
	return at->rest.len > 0 && cbor_text(at, out);
}

/* PublicKeyCredentialParameters */

struct param {
	struct span	type;
	int64_t		alg;
};

static bool
take_param_alg(struct cbor_in *in, void *arg)
{
	return cbor_int(in, &((struct param *)arg)->alg);
}

static bool
take_param_type(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct param *)arg)->type);
}

static const struct cbor_member param[] = {
	{ 0, "alg",	REQUIRED, take_param_alg },
	{ 0, "type",	REQUIRED, take_param_type },
};

static bool
each_param(struct cbor_in *in)
{
	struct param p;

	return cbor_members(in, TABLE(param), &p);
}

bool
ctap_next_param(struct cbor_in *at, struct span *type, int64_t *alg)
{
	struct param p;

	if (at->rest.len == 0 || !cbor_members(at, TABLE(param), &p))
		return false;
	*type = p.type;
	*alg = p.alg;
	return true;
}

/* PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity */

static bool
take_rp_id(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_make_credential *)arg)->rp_id);
}

static bool
take_rp_name(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_make_credential *)arg)->rp_name);
}

static const struct cbor_member rp[] = {
	{ 0, "id",	REQUIRED, take_rp_id },
	{ 0, "name",	OPTIONAL, take_rp_name },
};

/* WebAuthn Level 3, 5.4.3: a user handle has 1 to 64 bytes. */
static bool
take_user_id(struct cbor_in *in, void *arg)
{
	struct ctap_user *user = arg;

	if (!cbor_bytes(in, &user->id))
		return false;
	if (user->id.len == 0 || user->id.len > 64)
		return cbor_fail(in, CTAP1_ERR_INVALID_LENGTH);
	return true;
}

static bool
take_user_name(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_user *)arg)->name);
}

static bool
take_user_display_name(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_user *)arg)->display_name);
}

static const struct cbor_member user[] = {
	{ 0, "id",		REQUIRED, take_user_id },
	{ 0, "name",		OPTIONAL, take_user_name },
	{ 0, "displayName",	OPTIONAL, take_user_display_name },
};

bool
ctap_take_user(struct cbor_in *in, struct ctap_user *out)
{
	return cbor_members(in, TABLE(user), out);
}

/* Options; names that are not ours are treated as absent. */

static bool
take_rk(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct ctap_options *)arg)->rk);
}

static bool
take_up(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct ctap_options *)arg)->up);
}

static bool
take_uv(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct ctap_options *)arg)->uv);
}

static const struct cbor_member options[] = {
	{ 0, "rk", OPTIONAL, take_rk },
	{ 0, "up", OPTIONAL, take_up },
	{ 0, "uv", OPTIONAL, take_uv },
};

/* COSE_Key of a platform (6.5.6): types are checked here, the curve below. */

struct cose_peer {
	struct ctap_uint kty;
	struct ctap_uint crv;
	struct span	 x, y;
};

static bool
take_peer_kty(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct cose_peer *)arg)->kty);
}

static bool
take_peer_alg(struct cbor_in *in, void *arg)
{
	int64_t alg;

	/* ECDH-ES+HKDF-256 by the text, but it names nothing that is used */
	(void)arg;
	return cbor_int(in, &alg);
}

static bool
take_peer_crv(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct cose_peer *)arg)->crv);
}

static bool
take_peer_x(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct cose_peer *)arg)->x);
}

static bool
take_peer_y(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct cose_peer *)arg)->y);
}

static const struct cbor_member peer_key[] = {
	{ 1,  NULL, OPTIONAL, take_peer_kty },
	{ 3,  NULL, OPTIONAL, take_peer_alg },
	{ -1, NULL, OPTIONAL, take_peer_crv },
	{ -2, NULL, OPTIONAL, take_peer_x },
	{ -3, NULL, OPTIONAL, take_peer_y },
};

/*
 * 6.5.6: a key that is not a point of P-256 is an error of decapsulate(),
 * which comes later than the decoding, so it is only marked here.
 */
static bool
take_peer(struct cbor_in *in, struct ctap_peer_key *out)
{
	struct cose_peer c = { 0 };

	if (!cbor_members(in, TABLE(peer_key), &c))
		return false;
	out->there = true;
	out->x = c.x;
	out->y = c.y;
	out->valid = c.kty.v == 2 && c.crv.v == 1 && c.x.len == 32 &&
	    c.y.len == 32;
	return true;
}

/* hmac-secret (12.7) */

static bool
take_hs_peer(struct cbor_in *in, void *arg)
{
	return take_peer(in, &((struct ctap_hmac_secret *)arg)->peer);
}

static bool
take_hs_salt_enc(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_hmac_secret *)arg)->salt_enc);
}

static bool
take_hs_salt_auth(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_hmac_secret *)arg)->salt_auth);
}

static bool
take_hs_protocol(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_hmac_secret *)arg)->protocol);
}

static const struct cbor_member hmac_secret[] = {
	{ 1, NULL, REQUIRED, take_hs_peer },
	{ 2, NULL, REQUIRED, take_hs_salt_enc },
	{ 3, NULL, REQUIRED, take_hs_salt_auth },
	{ 4, NULL, OPTIONAL, take_hs_protocol },
};

/*
 * largeBlob (12.4): the whole input is read apart from the message, so that
 * what is wrong in it is no error of the message.
 */

struct large_blob_support {
	struct span	text;
};

static bool
take_lb_support(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct large_blob_support *)arg)->text);
}

static bool
take_lb_read(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct ctap_ga_large_blob *)arg)->read);
}

static bool
take_lb_write(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_ga_large_blob *)arg)->write);
}

static bool
take_lb_original_size(struct cbor_in *in, void *arg)
{
	struct ctap_ga_large_blob *lb = arg;

	return ctap_take_uint(in, &lb->original_size);
}

static const struct cbor_member mc_large_blob[] = {
	{ 0, "support", REQUIRED, take_lb_support },
};

static const struct cbor_member ga_large_blob[] = {
	{ 0, "read",		OPTIONAL, take_lb_read },
	{ 0, "write",		OPTIONAL, take_lb_write },
	{ 0, "originalSize",	OPTIONAL, take_lb_original_size },
};

static bool
take_mc_large_blob(struct cbor_in *in, void *arg)
{
	struct ctap_mc_large_blob *lb =
	    &((struct ctap_mc_extensions *)arg)->large_blob;
	struct large_blob_support support = { span(NULL, 0) };
	struct cbor_in at;
	struct span item;

	if (!cbor_any(in, &item))
		return false;
	cbor_in_init(&at, item);
	lb->there = true;
	if (!cbor_members(&at, TABLE(mc_large_blob), &support))
		return true;
	lb->required = span_eq(support.text, span_str("required"));
	lb->valid = lb->required ||
	    span_eq(support.text, span_str("preferred"));
	return true;
}

/* Either to read, or to write something of a known size. */
static bool
take_ga_large_blob(struct cbor_in *in, void *arg)
{
	struct ctap_ga_large_blob *lb =
	    &((struct ctap_ga_extensions *)arg)->large_blob;
	struct cbor_in at;
	struct span item;
	bool reads, writes, sized;

	if (!cbor_any(in, &item))
		return false;
	cbor_in_init(&at, item);
	lb->there = true;
	if (!cbor_members(&at, TABLE(ga_large_blob), lb))
		return true;
	reads = lb->read != OPT_ABSENT;
	writes = lb->write.p != NULL;
	sized = lb->original_size.there;
	lb->valid = writes == sized && reads != writes;
	return true;
}

/* Extensions */

static bool
take_mc_uvm(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct ctap_mc_extensions *)arg)->uvm);
}

static bool
take_ga_uvm(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct ctap_ga_extensions *)arg)->uvm);
}

static bool
take_cred_protect(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_mc_extensions *)arg)->cred_protect);
}

static bool
take_mc_hmac_secret(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in,
	    &((struct ctap_mc_extensions *)arg)->hmac_secret);
}

static bool
take_mc_cred_blob(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_mc_extensions *)arg)->cred_blob);
}

static bool
take_hmac_map(struct cbor_in *in, struct ctap_hmac_secret *hs)
{
	hs->there = true;
	return cbor_members(in, TABLE(hmac_secret), hs);
}

static bool
take_mc_hmac_secret_mc(struct cbor_in *in, void *arg)
{
	return take_hmac_map(in,
	    &((struct ctap_mc_extensions *)arg)->hmac_secret_mc);
}

static bool
take_mc_large_blob_key(struct cbor_in *in, void *arg)
{
	struct ctap_mc_extensions *ext = arg;

	return ctap_take_opt(in, &ext->large_blob_key);
}

static bool
take_mc_min_pin_length(struct cbor_in *in, void *arg)
{
	struct ctap_mc_extensions *ext = arg;

	return ctap_take_opt(in, &ext->min_pin_length);
}

static bool
take_mc_pin_complexity(struct cbor_in *in, void *arg)
{
	struct ctap_mc_extensions *ext = arg;

	return ctap_take_opt(in, &ext->pin_complexity);
}

static bool
take_mc_third_party_payment(struct cbor_in *in, void *arg)
{
	struct ctap_mc_extensions *ext = arg;

	return ctap_take_opt(in, &ext->third_party_payment);
}

static const struct cbor_member mc_extensions[] = {
	{ 0, "uvm",		OPTIONAL, take_mc_uvm },
	{ 0, "credBlob",	OPTIONAL, take_mc_cred_blob },
	{ 0, "largeBlob",	OPTIONAL, take_mc_large_blob },
	{ 0, "credProtect",	OPTIONAL, take_cred_protect },
	{ 0, "hmac-secret",	OPTIONAL, take_mc_hmac_secret },
	{ 0, "largeBlobKey",	OPTIONAL, take_mc_large_blob_key },
	{ 0, "minPinLength",	OPTIONAL, take_mc_min_pin_length },
	{ 0, "hmac-secret-mc",	OPTIONAL, take_mc_hmac_secret_mc },
	{ 0, "thirdPartyPayment", OPTIONAL, take_mc_third_party_payment },
	{ 0, "pinComplexityPolicy", OPTIONAL, take_mc_pin_complexity },
};

static bool
take_ga_hmac_secret(struct cbor_in *in, void *arg)
{
	return take_hmac_map(in,
	    &((struct ctap_ga_extensions *)arg)->hmac_secret);
}

static bool
take_ga_cred_blob(struct cbor_in *in, void *arg)
{
	struct ctap_ga_extensions *ext = arg;

	return ctap_take_opt(in, &ext->cred_blob);
}

static bool
take_ga_large_blob_key(struct cbor_in *in, void *arg)
{
	struct ctap_ga_extensions *ext = arg;

	return ctap_take_opt(in, &ext->large_blob_key);
}

static bool
take_ga_third_party_payment(struct cbor_in *in, void *arg)
{
	struct ctap_ga_extensions *ext = arg;

	return ctap_take_opt(in, &ext->third_party_payment);
}

static const struct cbor_member ga_extensions[] = {
	{ 0, "uvm",		OPTIONAL, take_ga_uvm },
	{ 0, "credBlob",	OPTIONAL, take_ga_cred_blob },
	{ 0, "largeBlob",	OPTIONAL, take_ga_large_blob },
	{ 0, "hmac-secret",	OPTIONAL, take_ga_hmac_secret },
	{ 0, "largeBlobKey",	OPTIONAL, take_ga_large_blob_key },
	{ 0, "thirdPartyPayment", OPTIONAL, take_ga_third_party_payment },
};

/* authenticatorMakeCredential (6.1) */

static bool
mc_client_data_hash(struct cbor_in *in, void *arg)
{
	return cbor_bytes_len(in,
	    &((struct ctap_make_credential *)arg)->client_data_hash, 32);
}

static bool
mc_rp(struct cbor_in *in, void *arg)
{
	return cbor_members(in, TABLE(rp), arg);
}

static bool
mc_user(struct cbor_in *in, void *arg)
{
	return cbor_members(in, TABLE(user),
	    &((struct ctap_make_credential *)arg)->user);
}

static bool
mc_params(struct cbor_in *in, void *arg)
{
	return take_list(in, &((struct ctap_make_credential *)arg)->params,
	    each_param);
}

static bool
mc_exclude(struct cbor_in *in, void *arg)
{
	return take_list(in, &((struct ctap_make_credential *)arg)->exclude,
	    each_descriptor);
}

static bool
mc_ext(struct cbor_in *in, void *arg)
{
	return cbor_members(in, TABLE(mc_extensions),
	    &((struct ctap_make_credential *)arg)->ext);
}

static bool
mc_options(struct cbor_in *in, void *arg)
{
	return cbor_members(in, TABLE(options),
	    &((struct ctap_make_credential *)arg)->options);
}

static bool
mc_auth_param(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in,
	    &((struct ctap_make_credential *)arg)->auth.param);
}

static bool
mc_auth_protocol(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_make_credential *)arg)->auth.protocol);
}

static bool
mc_enterprise(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_make_credential *)arg)->enterprise);
}

static bool
mc_formats(struct cbor_in *in, void *arg)
{
	return take_list(in, &((struct ctap_make_credential *)arg)->formats,
	    each_text);
}

static const struct cbor_member make_credential[] = {
	{ 0x01, NULL, REQUIRED, mc_client_data_hash },
	{ 0x02, NULL, REQUIRED, mc_rp },
	{ 0x03, NULL, REQUIRED, mc_user },
	{ 0x04, NULL, REQUIRED, mc_params },
	{ 0x05, NULL, OPTIONAL, mc_exclude },
	{ 0x06, NULL, OPTIONAL, mc_ext },
	{ 0x07, NULL, OPTIONAL, mc_options },
	{ 0x08, NULL, OPTIONAL, mc_auth_param },
	{ 0x09, NULL, OPTIONAL, mc_auth_protocol },
	{ 0x0a, NULL, OPTIONAL, mc_enterprise },
	{ 0x0b, NULL, OPTIONAL, mc_formats },
};

/* authenticatorGetAssertion (6.2) */

static bool
ga_rp_id(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_get_assertion *)arg)->rp_id);
}

static bool
ga_client_data_hash(struct cbor_in *in, void *arg)
{
	return cbor_bytes_len(in,
	    &((struct ctap_get_assertion *)arg)->client_data_hash, 32);
}

static bool
ga_allow(struct cbor_in *in, void *arg)
{
	return take_list(in, &((struct ctap_get_assertion *)arg)->allow,
	    each_descriptor);
}

static bool
ga_ext(struct cbor_in *in, void *arg)
{
	return cbor_members(in, TABLE(ga_extensions),
	    &((struct ctap_get_assertion *)arg)->ext);
}

static bool
ga_options(struct cbor_in *in, void *arg)
{
	return cbor_members(in, TABLE(options),
	    &((struct ctap_get_assertion *)arg)->options);
}

static bool
ga_auth_param(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in,
	    &((struct ctap_get_assertion *)arg)->auth.param);
}

static bool
ga_auth_protocol(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_get_assertion *)arg)->auth.protocol);
}

static const struct cbor_member get_assertion[] = {
	{ 0x01, NULL, REQUIRED, ga_rp_id },
	{ 0x02, NULL, REQUIRED, ga_client_data_hash },
	{ 0x03, NULL, OPTIONAL, ga_allow },
	{ 0x04, NULL, OPTIONAL, ga_ext },
	{ 0x05, NULL, OPTIONAL, ga_options },
	{ 0x06, NULL, OPTIONAL, ga_auth_param },
	{ 0x07, NULL, OPTIONAL, ga_auth_protocol },
};

/* authenticatorClientPIN (6.5.5) */

static bool
pin_protocol(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_client_pin *)arg)->protocol);
}

static bool
pin_subcommand(struct cbor_in *in, void *arg)
{
	return cbor_uint(in, &((struct ctap_client_pin *)arg)->subcommand);
}

static bool
pin_peer(struct cbor_in *in, void *arg)
{
	return take_peer(in, &((struct ctap_client_pin *)arg)->peer);
}

static bool
pin_auth_param(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_client_pin *)arg)->auth_param);
}

static bool
pin_new_pin_enc(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_client_pin *)arg)->new_pin_enc);
}

static bool
pin_hash_enc(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_client_pin *)arg)->pin_hash_enc);
}

static bool
pin_permissions(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_client_pin *)arg)->permissions);
}

static bool
pin_rp_id(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct ctap_client_pin *)arg)->rp_id);
}

static const struct cbor_member client_pin[] = {
	{ 0x01, NULL, OPTIONAL, pin_protocol },
	{ 0x02, NULL, REQUIRED, pin_subcommand },
	{ 0x03, NULL, OPTIONAL, pin_peer },
	{ 0x04, NULL, OPTIONAL, pin_auth_param },
	{ 0x05, NULL, OPTIONAL, pin_new_pin_enc },
	{ 0x06, NULL, OPTIONAL, pin_hash_enc },
	{ 0x09, NULL, OPTIONAL, pin_permissions },
	{ 0x0a, NULL, OPTIONAL, pin_rp_id },
};

/*
 * bioEnrollment (6.7), credentialManagement (6.8), authenticatorConfig
 * (6.11): what is required depends on the subcommand, whose parameters stay
 * encoded until it is known.
 */

static bool
mgmt_modality(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_management *)arg)->modality);
}

static bool
mgmt_subcommand(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_management *)arg)->subcommand);
}

static bool
mgmt_params(struct cbor_in *in, void *arg)
{
	if (cbor_peek(in) != CBOR_MAP)
		return false;
	return cbor_any(in, &((struct ctap_management *)arg)->params);
}

static bool
mgmt_auth_param(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_management *)arg)->auth.param);
}

static bool
mgmt_auth_protocol(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_management *)arg)->auth.protocol);
}

static bool
mgmt_get_modality(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in,
	    &((struct ctap_management *)arg)->get_modality);
}

static const struct cbor_member bio_enrollment[] = {
	{ 0x01, NULL, OPTIONAL, mgmt_modality },
	{ 0x02, NULL, OPTIONAL, mgmt_subcommand },
	{ 0x03, NULL, OPTIONAL, mgmt_params },
	{ 0x04, NULL, OPTIONAL, mgmt_auth_protocol },
	{ 0x05, NULL, OPTIONAL, mgmt_auth_param },
	{ 0x06, NULL, OPTIONAL, mgmt_get_modality },
};

static const struct cbor_member management[] = {
	{ 0x01, NULL, REQUIRED, mgmt_subcommand },
	{ 0x02, NULL, OPTIONAL, mgmt_params },
	{ 0x03, NULL, OPTIONAL, mgmt_auth_protocol },
	{ 0x04, NULL, OPTIONAL, mgmt_auth_param },
};

/* authenticatorLargeBlobs (6.10) */

static bool
blobs_get(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_large_blobs *)arg)->get);
}

static bool
blobs_set(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_large_blobs *)arg)->set);
}

static bool
blobs_offset(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_large_blobs *)arg)->offset);
}

static bool
blobs_length(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct ctap_large_blobs *)arg)->length);
}

static bool
blobs_auth_param(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct ctap_large_blobs *)arg)->auth.param);
}

static bool
blobs_auth_protocol(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in,
	    &((struct ctap_large_blobs *)arg)->auth.protocol);
}

/* 6.10.2: an absent offset is INVALID_PARAMETER, so it is optional here. */
static const struct cbor_member large_blobs[] = {
	{ 0x01, NULL, OPTIONAL, blobs_get },
	{ 0x02, NULL, OPTIONAL, blobs_set },
	{ 0x03, NULL, OPTIONAL, blobs_offset },
	{ 0x04, NULL, OPTIONAL, blobs_length },
	{ 0x05, NULL, OPTIONAL, blobs_auth_param },
	{ 0x06, NULL, OPTIONAL, blobs_auth_protocol },
};

static const struct {
	uint8_t		cmd;
	const struct cbor_member *table;	/* NULL: no parameters */
	size_t		count;
} commands[] = {
	{ CTAP_MAKE_CREDENTIAL,		TABLE(make_credential) },
	{ CTAP_GET_ASSERTION,		TABLE(get_assertion) },
	{ CTAP_GET_INFO,		NULL, 0 },
	{ CTAP_CLIENT_PIN,		TABLE(client_pin) },
	{ CTAP_RESET,			NULL, 0 },
	{ CTAP_GET_NEXT_ASSERTION,	NULL, 0 },
	{ CTAP_BIO_ENROLLMENT,		TABLE(bio_enrollment) },
	{ CTAP_CREDENTIAL_MANAGEMENT,	TABLE(management) },
	{ CTAP_SELECTION,		NULL, 0 },
	{ CTAP_LARGE_BLOBS,		TABLE(large_blobs) },
	{ CTAP_CONFIG,			TABLE(management) },
};

/*
 * msg.9: Firefox (authenticator-rs) writes "uv" before "up" where it wants
 * both, which is at every sign-in with a key of CTAP 2.0 that verifies the
 * user by itself. CTAP 2.3, 8 only says that decoders SHOULD refuse that, and
 * one that does never signs in there. Nothing else is known to need it.
 */
static bool
check(uint8_t cmd, struct span body)
{
	return cmd == CTAP_GET_ASSERTION ?
	    cbor_check_loose(body, 0x05, TABLE(options)) : cbor_check(body);
}

static enum ctap_status
decode_map(struct span map, const struct cbor_member *table, size_t count,
    void *out)
{
	struct cbor_in in;

	cbor_in_init(&in, map);
	cbor_members(&in, table, count, out);
	return in.err;
}

enum ctap_status
ctap_decode(uint8_t cmd, struct span body, union ctap_request *out)
{
	size_t n = sizeof(commands) / sizeof(commands[0]);
	size_t i;

	for (i = 0; i < n && commands[i].cmd != cmd; i++)
		continue;
	if (i == n)
		return CTAP1_ERR_INVALID_COMMAND;
	/* gi.2 */
	if (commands[i].table == NULL)
		return body.len == 0 ? CTAP2_OK : CTAP1_ERR_INVALID_LENGTH;
	if (!check(cmd, body))
		return CTAP2_ERR_INVALID_CBOR;
	memset(out, 0, sizeof(*out));
	return decode_map(body, commands[i].table, commands[i].count, out);
}

enum ctap_status
ctap_decode_params(const struct ctap_management *req,
    const struct cbor_member *table, size_t count, void *out)
{
	return req->params.p == NULL ? CTAP2_OK :
	    decode_map(req->params, table, count, out);
}
