/* SPDX-License-Identifier: Apache-2.0 */
/* authenticatorMakeCredential (CTAP 2.3, 6.1) */
#include "authenticator/engine/impl.h"

/* enterpriseAttestation, 6.1.2 */
#define ENTERPRISE_BY_VENDOR	1	/* for RPs that the key lists */
#define ENTERPRISE_BY_PLATFORM	2

/* mc.1 */
enum auth_want
mc_blink(struct auth *au, struct auth_op *op)
{
	return ask_blink(au, op, &op->req.mc.auth);
}

static bool
has_alg(const struct auth *au, int64_t alg)
{
	for (size_t i = 0; i < au->cfg.alg_count; i++)
		if (au->cfg.algs[i] == alg)
			return true;
	return false;
}

/* mc.3: all entries were read by the decoder; the first we know wins */
static enum ctap_status
choose_alg(const struct auth *au, struct auth_op *op)
{
	struct cbor_in at = ctap_list_begin(&op->req.mc.params);
	struct span type;
	int64_t alg;

	while (ctap_next_param(&at, &type, &alg)) {
		if (!span_eq(type, span_str(CREDENTIAL_TYPE)) ||
		    !has_alg(au, alg))
			continue;
		op->alg = (int)alg;
		return CTAP2_OK;
	}
	return CTAP2_ERR_UNSUPPORTED_ALGORITHM;
}

/* mc.5: pinUvAuthParam wins over uv */
static enum ctap_status
check_options(const struct auth *au, struct ctap_make_credential *req)
{
	if (req->auth.param.p != NULL)
		req->options.uv = OPT_FALSE;
	if (req->options.uv == OPT_TRUE && !uv_ready(au))
		return CTAP2_ERR_INVALID_OPTION;
	if (req->options.rk != OPT_ABSENT && !has(au, FEATURE_RK))
		return CTAP2_ERR_UNSUPPORTED_OPTION;
	if (req->options.up == OPT_FALSE)
		return CTAP2_ERR_INVALID_OPTION;
	return CTAP2_OK;
}

enum auth_want
mc_check(struct auth *au, struct auth_op *op)
{
	struct ctap_make_credential *req = &op->req.mc;
	enum ctap_status status = check_auth_protocol(au, &req->auth);

	if (status == CTAP2_OK)
		status = choose_alg(au, op);
	if (status == CTAP2_OK)
		status = check_options(au, req);
	if (status != CTAP2_OK)
		return fail(au, status);
	/* msg.7 */
	if (req->exclude.count > au->cfg.list_max)
		return fail(au, CTAP2_ERR_LIMIT_EXCEEDED);
	if (!auth_sha256(au, req->rp_id, op->ga.rp_id_hash))
		return fail(au, CTAP1_ERR_OTHER);
	op->asked.of_rp = true;
	op->list = ctap_list_begin(&req->exclude);
	return AUTH_NEXT;
}

/*
 * mc.6 to mc.8: whether there must be verification that the host did not
 * bring, and what it is told then.
 */
static enum ctap_status
check_verification(const struct auth *au, struct ctap_make_credential *req)
{
	if (req->auth.param.p != NULL && is_protected(au))
		return CTAP2_OK;
	if (always_uv(au)) {
		if (!uv_ready(au))
			return token_required(au);
		req->options.uv = OPT_TRUE;
	}
	if (!is_protected(au) || req->options.uv == OPT_TRUE)
		return CTAP2_OK;
	if (has(au, FEATURE_MC_UV_NOT_RQD) && req->options.rk != OPT_TRUE)
		return CTAP2_OK;
	return au->state.pin_set ? token_required(au) :
	    CTAP2_ERR_OPERATION_DENIED;
}

static bool
is_enterprise_rp(const struct auth *au, struct span rp_id)
{
	const struct rp_id_text *listed = au->cfg.ep_rp;

	for (size_t i = 0; i < AUTH_EP_RPS_MAX && listed[i].len > 0; i++)
		if (span_eq(rp_id, span(listed[i].s, listed[i].len)))
			return true;
	return false;
}

/*
 * mc.9: by the vendor's list of RPs, or as the platform says. Who is neither
 * gets the attestation that everybody gets.
 */
static enum ctap_status
check_enterprise(const struct auth *au, struct auth_op *op)
{
	const struct ctap_make_credential *req = &op->req.mc;

	if (!req->enterprise.there)
		return CTAP2_OK;
	if (!has(au, FEATURE_EP) || !ep_enabled(au))
		return CTAP1_ERR_INVALID_PARAMETER;
	if (req->enterprise.v != ENTERPRISE_BY_VENDOR &&
	    req->enterprise.v != ENTERPRISE_BY_PLATFORM)
		return CTAP2_ERR_INVALID_OPTION;
	op->enterprise = req->enterprise.v == ENTERPRISE_BY_PLATFORM ||
	    is_enterprise_rp(au, req->rp_id);
	return CTAP2_OK;
}

enum auth_want
mc_authorize(struct auth *au, struct auth_op *op)
{
	struct ctap_make_credential *req = &op->req.mc;
	enum ctap_status status = check_verification(au, req);

	if (status == CTAP2_OK)
		status = check_enterprise(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	/* not protected: a pinUvAuthParam proves nothing and is ignored */
	if (!is_protected(au))
		return AUTH_NEXT;
	/* mc.11.1 */
	if (req->auth.param.p != NULL) {
		status = token_check(op, &req->auth, req->client_data_hash,
		    PERMISSION_MC);
		if (status != CTAP2_OK)
			return fail(au, status);
		op->uv = true;
		op->token = true;
	/* mc.11.2; else mc.10: makeCredUvNotRqd */
	} else if (req->options.uv == OPT_TRUE) {
		uv_want(op, REASON_REGISTER, req->rp_id, req->user.name);
	}
	return AUTH_NEXT;
}

/* mc.12, cp.3: told at once if somebody is there, else after a touch */
static enum auth_want
excluded(struct auth *au, struct auth_op *op)
{
	if (op->up || (op->token && token_present(op)))
		return fail(au, CTAP2_ERR_CREDENTIAL_EXCLUDED);
	return again(op, ask_user(op, PROMPT_PRESENCE, REASON_EXCLUDED,
	    op->req.mc.rp_id, op->req.mc.user.name));
}

enum auth_want
mc_exclude(struct auth *au, struct auth_op *op)
{
	if (op->prompt.reason == REASON_EXCLUDED)
		return fail(au, CTAP2_ERR_CREDENTIAL_EXCLUDED);
	if (found_candidate(op) &&
	    (op->cred.protect != PROTECT_REQUIRED || op->uv))
		return excluded(au, op);
	if (!next_candidate(op)) {
		memset(&op->cred, 0, sizeof(op->cred));
		return AUTH_NEXT;
	}
	return again(op, ask_candidate(au, op, PROTECT_REQUIRED));
}

/* mc.13, mc.14 */
enum auth_want
mc_consent(struct auth *au, struct auth_op *op)
{
	(void)au;
	if (op->up || (op->token && token_present(op)))
		return AUTH_NEXT;
	return ask_user(op, PROMPT_PRESENCE, REASON_REGISTER,
	    op->req.mc.rp_id, op->req.mc.user.name);
}

/* mc.15; mc.16: the key, and what a credential ID that holds it must say */
enum auth_want
mc_create(struct auth *au, struct auth_op *op)
{
	enum ctap_status status;

	op->up = true;
	token_spend(op);
	status = ext_create(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	op->cred.alg = op->alg;
	op->cred.discoverable = op->req.mc.options.rk == OPT_TRUE;
	/* bk.1 */
	op->cred.backup_eligible = au->cfg.backup_eligible;
	op->cred.backup_state = au->cfg.backup_eligible &&
	    au->cfg.backup_state;
	cred_begin(au, op);
	op->key.alg = op->alg;
	op->key.shape = au->cfg.key_shape;
	op->key.bound = span(op->ga.rp_id_hash, sizeof(op->ga.rp_id_hash));
	op->key.meta = span(op->meta, meta_encode(&op->cred,
	    op->stored, op->meta));
	return ask_key(au, op, KEY_CREATE);
}

void
keep_name(struct name_text *out, struct span s)
{
	out->len = (uint8_t)cbor_utf8_cut(s, NAME_KEPT);
	if (out->len > 0)
		memcpy(out->s, s.p, out->len);
}

/*
 * 6.8.7, cm.12: an RP ID that is too long keeps its scheme and its end, with an
 * ellipsis between them.
 */
void
keep_rp_id(struct rp_id_text *out, struct span s)
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	const uint8_t *colon = memchr(s.p, ':', s.len);
	size_t head = 0, tail;

	if (s.len <= RP_ID_KEPT) {
		out->len = (uint8_t)s.len;
		memcpy(out->s, s.p, s.len);
		return;
	}
	if (colon != NULL && (size_t)(colon - s.p) < RP_ID_KEPT / 2)
		head = (size_t)(colon - s.p) + 1;
	tail = RP_ID_KEPT - head - (sizeof(ellipsis) - 1);
	/* not from inside a code point */
	while (tail > 0 && (s.p[s.len - tail] & 0xc0) == 0x80)
		tail--;
	memcpy(out->s, s.p, head);
	memcpy(out->s + head, ellipsis, sizeof(ellipsis) - 1);
	memcpy(out->s + head + sizeof(ellipsis) - 1, s.p + s.len - tail, tail);
	out->len = (uint8_t)(head + sizeof(ellipsis) - 1 + tail);
}

/* mc.17, keep.1: what is remembered of a stored credential */
static void
keep_account(struct auth_op *op)
{
	const struct ctap_make_credential *req = &op->req.mc;
	struct credential *cred = &op->cred;

	keep_rp_id(&cred->rp_id, req->rp_id);
	keep_name(&cred->rp_name, req->rp_name);
	memcpy(cred->user.id, req->user.id.p, req->user.id.len);
	cred->user.id_len = (uint8_t)req->user.id.len;
	keep_name(&cred->user.name, req->user.name);
	keep_name(&cred->user.display_name, req->user.display_name);
}

/* mc.17, mc.18 */
enum auth_want
mc_replace(struct auth *au, struct auth_op *op)
{
	struct credential *cred = &op->cred;

	cred_keep_key(op);
	cred_name(au, op);
	if (op->stored)
		keep_account(op);
	if (!cred->discoverable)
		return AUTH_NEXT;
	op->lookup.user_id = op->req.mc.user.id;
	op->lookup.protect_max = PROTECT_REQUIRED;
	op->lookup.cred = &op->other;
	return ask_lookup(op, LOOKUP_USER);
}

/* mc.19: a host that names "none" and nothing else */
static bool
wants_none(const struct ctap_make_credential *req)
{
	struct cbor_in at = ctap_list_begin(&req->formats);
	struct span format;

	return req->formats.count == 1 && ctap_next_text(&at, &format) &&
	    span_eq(format, span_str("none"));
}

/* What that RP gets, if it prefers nothing. */
static enum attestation_kind
kind_for(const struct auth *au, struct span rp_id)
{
	const struct auth_format_rp *listed = au->cfg.format_rp;

	for (size_t i = 0; i < AUTH_FORMAT_RPS_MAX && listed[i].rp.len > 0;
	    i++)
		if (span_eq(rp_id, span(listed[i].rp.s, listed[i].rp.len)))
			return listed[i].kind;
	return au->cfg.attestation.kind;
}

/*
 * mc.19: the first format of the host's that there is, or else the key's
 * choice, usual. None is no format among others.
 */
static enum attestation_kind
preferred(const struct auth *au, const struct ctap_make_credential *req,
    enum attestation_kind usual)
{
	struct cbor_in at = ctap_list_begin(&req->formats);
	struct span format;

	if (usual == ATTESTATION_NONE || wants_none(req))
		return ATTESTATION_NONE;
	while (ctap_next_text(&at, &format)) {
		if (span_eq(format, span_str("tpm")) &&
		    au->cfg.tpm.x5c_count > 0)
			return ATTESTATION_TPM;
		if (span_eq(format, span_str("packed")))
			return usual == ATTESTATION_SELF ? ATTESTATION_SELF :
			    ATTESTATION_PACKED;
		if (span_eq(format, span_str(auth_attestation_format(usual))))
			return usual;
	}
	return usual;
}

/*
 * mc.19, att.1, att.2, att.7. Who wants none is not told which key this is
 * either (mc.9: may return).
 */
static void
choose_attestation(const struct auth *au, struct auth_op *op)
{
	const struct ctap_make_credential *req = &op->req.mc;
	enum attestation_kind usual = kind_for(au, req->rp_id);
	enum attestation_kind kind = preferred(au, req, usual);

	/* att.9: for a key that the TPM cannot certify */
	op->attestation_else = usual == ATTESTATION_TPM ?
	    ATTESTATION_PACKED : usual;
	if (kind == ATTESTATION_TPM && au->cfg.tpm.x5c_count == 0)
		kind = op->attestation_else;
	op->enterprise = op->enterprise && !wants_none(req);
	op->attestation_kind = op->enterprise ? ATTESTATION_PACKED : kind;
	op->attestation = op->enterprise ? &au->cfg.enterprise :
	    &au->cfg.attestation;
}

static bool
write_auth_data(struct auth *au, struct auth_op *op)
{
	struct authdata ad = {
		.rp_id_hash = op->ga.rp_id_hash,
		.flags = AUTHDATA_UP | (op->uv ? AUTHDATA_UV : 0) |
		    backup_flags(&op->cred),
		.counter = first_counter(au, &op->cred),
		.aaguid = au->cfg.aaguid,
		.credential_id = span(op->cred.id, op->cred.id_len),
		.public_key = span(op->cred.pub, op->cred.pub_len),
		.extensions = span(op->extensions, op->extensions_len),
	};

	op->auth_data_len = authdata_write(&ad, op->auth_data,
	    sizeof(op->auth_data));
	return op->auth_data_len > 0;
}

/* att.7: the TPM says what the key is, if it lives there */
enum auth_want
mc_attest(struct auth *au, struct auth_op *op)
{
	if (!ext_create_output(au, op) || !write_auth_data(au, op))
		return fail(au, CTAP1_ERR_OTHER);
	choose_attestation(au, op);
	op->key.data[0] = span(op->auth_data, op->auth_data_len);
	op->key.data[1] = op->req.mc.client_data_hash;
	op->key.blob = span(op->cred.blob, op->cred.blob_len);
	if (op->attestation_kind != ATTESTATION_TPM)
		return AUTH_NEXT;
	op->attestation = &au->cfg.tpm;
	op->key.signer = au->cfg.tpm.blob;
	op->key.signer_bound = span_str(AUTH_ATTESTATION_BOUND);
	op->key.strict = au->cfg.tpm_strict;
	return ask_key(au, op, KEY_CERTIFY);
}

enum auth_want
mc_sign(struct auth *au, struct auth_op *op)
{
	/* att.9 */
	if (op->attestation_kind == ATTESTATION_TPM && op->key.result != 0) {
		op->attestation_kind = op->attestation_else;
		op->attestation = &au->cfg.attestation;
	}
	switch (op->attestation_kind) {
	case ATTESTATION_PACKED:
		sign_with_attestation(op, op->attestation);
		/* FALLTHROUGH */
	case ATTESTATION_SELF:
		return ask_key(au, op, KEY_SIGN);
	default:
		return AUTH_NEXT;
	}
}

enum auth_want
mc_save(struct auth *au, struct auth_op *op)
{
	if (!op->stored)
		return AUTH_NEXT;
	op->change = (struct auth_change){ .put = &op->cred };
	if (!op->cred.discoverable)
		return ask_commit(op);
	/* id.2 */
	auth_state_copy(&op->state, &au->state);
	op->state.store_generation++;
	op->change.state = &op->state;
	if (op->lookup.found)
		op->change.remove = op->other.seq;
	return ask_commit(op);
}

/* Members that every format with a signature begins with. */
static void
put_signature(struct cbor_out *out, int alg, const struct key_op *key)
{
	cbor_put_str(out, "alg");
	cbor_put_int(out, alg);
	cbor_put_str(out, "sig");
	cbor_put_bytes(out, span(key->out_sig, key->out_sig_len));
}

static void
put_chain(struct cbor_out *out, const struct auth_attestation *att)
{
	cbor_put_str(out, "x5c");
	cbor_put_array(out, att->x5c_count);
	for (size_t i = 0; i < att->x5c_count; i++)
		cbor_put_bytes(out, att->x5c[i]);
}

/* WebAuthn Level 3, 8.2, 8.3 and 8.7; shorter names first */
static void
put_statement(const struct auth_op *op, struct cbor_out *out)
{
	const struct auth_attestation *att = op->attestation;
	const struct key_op *key = &op->key;

	switch (op->attestation_kind) {
	default:
		cbor_put_map(out, 0);
		break;
	case ATTESTATION_SELF:
		cbor_put_map(out, 2);
		put_signature(out, op->cred.alg, key);
		break;
	case ATTESTATION_PACKED:
		cbor_put_map(out, 3);
		put_signature(out, att->alg, key);
		put_chain(out, att);
		break;
	case ATTESTATION_TPM:
		/* att.7 */
		cbor_put_map(out, 6);
		put_signature(out, att->alg, key);
		cbor_put_str(out, "ver");
		cbor_put_str(out, "2.0");
		put_chain(out, att);
		cbor_put_str(out, "pubArea");
		cbor_put_bytes(out, span(key->out_pub_area,
		    key->out_pub_area_len));
		cbor_put_str(out, "certInfo");
		cbor_put_bytes(out, span(key->out_cert_info,
		    key->out_cert_info_len));
		break;
	}
}

const char *
auth_attestation_format(enum attestation_kind kind)
{
	static const char *const formats[ATTESTATION_KINDS] = {
		[ATTESTATION_PACKED] = "packed",
		[ATTESTATION_SELF] = "packed",
		[ATTESTATION_NONE] = "none",
		[ATTESTATION_TPM] = "tpm",
		[ATTESTATION_FIDO_U2F] = "fido-u2f",
		[ATTESTATION_ANDROID_KEY] = "android-key",
		[ATTESTATION_APPLE] = "apple",
		[ATTESTATION_COMPOUND] = "compound",
		[ATTESTATION_SAFETYNET] = "android-safetynet",
	};

	return formats[kind];
}

/* att.10: whoever is to write the statement finds an empty one */
static const char *
format_of(enum attestation_kind kind)
{
	return auth_attestation_format(kind <= ATTESTATION_TPM ? kind :
	    ATTESTATION_NONE);
}

enum auth_want
mc_reply(struct auth *au, struct auth_op *op)
{
	struct cbor_out out = reply_begin(au);
	bool blob_key = ext_tells_large_blob_key(op);
	bool blob = blob_tells(op);

	cbor_put_map(&out, (size_t)3 + op->enterprise + blob_key + blob);
	cbor_put_uint(&out, 0x01);	/* fmt */
	cbor_put_str(&out, format_of(op->attestation_kind));
	cbor_put_uint(&out, 0x02);	/* authData */
	cbor_put_bytes(&out, span(op->auth_data, op->auth_data_len));
	cbor_put_uint(&out, 0x03);	/* attStmt */
	put_statement(op, &out);
	if (op->enterprise) {
		cbor_put_uint(&out, 0x04);	/* epAtt */
		cbor_put_bool(&out, true);
	}
	if (blob_key) {
		cbor_put_uint(&out, 0x05);	/* largeBlobKey */
		ext_put_large_blob_key(op, &out);
	}
	if (blob) {
		cbor_put_uint(&out, 0x06);	/* unsignedExtensionOutputs */
		blob_put(au, op, &out);
	}
	return reply(au, &out);
}
