/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions (CTAP 2.3, 12). Three moments each: what a request asks for is
 * checked after the touch and before anything is made (mc.15, ga.10); the
 * secrets of hmac-secret are used once the key is known; outputs are
 * written when authenticator data is.
 */
#include "authenticator/engine/impl.h"

/* hs.2 to hs.6, hsm.2: the salts, decrypted */
static enum ctap_status
take_salts(struct auth *au, struct auth_op *op,
    const struct ctap_hmac_secret *hs, bool up)
{
	uint64_t asked = hs->protocol.there ? hs->protocol.v : 1;
	struct ga_request *ga = &op->ga;
	int protocol = (int)asked;
	struct pin_agreement *a;

	if (!token_protocol_known(au, asked))
		return CTAP1_ERR_INVALID_PARAMETER;
	if (!up)
		return CTAP2_ERR_UNSUPPORTED_OPTION;
	if ((a = key_agreement(au, protocol)) == NULL)
		return CTAP1_ERR_OTHER;
	if (!hs->peer.valid || !pin_agreement_secret(a, protocol,
	    hs->peer.x.p, hs->peer.y.p, &ga->hmac_secret))
		return CTAP1_ERR_INVALID_PARAMETER;
	if (!pin_verify(protocol, ga->hmac_secret.key, hs->salt_enc,
	    span(NULL, 0), hs->salt_auth))
		return CTAP2_ERR_PIN_AUTH_INVALID;
	if (!pin_decrypt(&ga->hmac_secret, hs->salt_enc, ga->salts,
	    sizeof(ga->salts), &ga->salts_len))
		return CTAP1_ERR_INVALID_PARAMETER;
	if (ga->salts_len != 32 && ga->salts_len != 64)
		return CTAP1_ERR_INVALID_PARAMETER;
	ga->hmac = true;
	return CTAP2_OK;
}

/* cp.1 */
static enum ctap_status
take_protect(struct auth_op *op)
{
	const struct ctap_uint *level = &op->req.mc.ext.cred_protect;

	op->cred.protect = PROTECT_OPTIONAL;
	if (!level->there)
		return CTAP2_OK;
	if (level->v < PROTECT_OPTIONAL || level->v > PROTECT_REQUIRED)
		return CTAP2_ERR_INVALID_OPTION;
	op->cred.protect = (uint8_t)level->v;
	return CTAP2_OK;
}

/* lbk.1: only true is something to ask for, and only of a stored one */
static enum ctap_status
make_large_blob_key(struct auth *au, struct auth_op *op)
{
	enum ctap_opt asked = op->req.mc.ext.large_blob_key;

	if (asked == OPT_ABSENT)
		return CTAP2_OK;
	if (asked != OPT_TRUE || op->req.mc.options.rk != OPT_TRUE)
		return CTAP2_ERR_INVALID_OPTION;
	op->cred.has_large_blob_key = true;
	auth_random(au, op->cred.large_blob_key, LARGE_BLOB_KEY_LEN);
	return CTAP2_OK;
}

/* cb.1: what does not fit, or has no row to be kept in, is not stored */
static bool
cred_blob_fits(const struct auth *au, const struct auth_op *op)
{
	return op->req.mc.options.rk == OPT_TRUE &&
	    op->req.mc.ext.cred_blob.len <= au->cfg.cred_blob_max;
}

/* msg.5: what this key does not have is as unknown as any other */
static void
forget_opt(const struct auth *au, uint64_t feature, enum ctap_opt *asked)
{
	if (!has(au, feature))
		*asked = OPT_ABSENT;
}

static void
forget(const struct auth *au, uint64_t feature, bool *there)
{
	if (!has(au, feature))
		*there = false;
}

static void
forget_of_make(const struct auth *au, struct ctap_mc_extensions *ext)
{
	if (!has(au, FEATURE_CRED_BLOB))
		ext->cred_blob = span(NULL, 0);
	forget(au, FEATURE_CRED_PROTECT, &ext->cred_protect.there);
	forget_opt(au, FEATURE_LARGE_BLOB_KEY, &ext->large_blob_key);
	forget_opt(au, FEATURE_MIN_PIN_LENGTH, &ext->min_pin_length);
	forget_opt(au, FEATURE_PIN_COMPLEXITY, &ext->pin_complexity);
	forget_opt(au, FEATURE_HMAC_SECRET, &ext->hmac_secret);
	forget(au, FEATURE_HMAC_SECRET_MC, &ext->hmac_secret_mc.there);
	forget_opt(au, FEATURE_THIRD_PARTY_PAYMENT,
	    &ext->third_party_payment);
	forget(au, FEATURE_LARGE_BLOB, &ext->large_blob.there);
	forget_opt(au, FEATURE_UVM, &ext->uvm);
}

static void
forget_of_get(const struct auth *au, struct ctap_ga_extensions *ext)
{
	forget_opt(au, FEATURE_CRED_BLOB, &ext->cred_blob);
	forget_opt(au, FEATURE_LARGE_BLOB_KEY, &ext->large_blob_key);
	forget(au, FEATURE_HMAC_SECRET, &ext->hmac_secret.there);
	forget_opt(au, FEATURE_THIRD_PARTY_PAYMENT,
	    &ext->third_party_payment);
	forget(au, FEATURE_LARGE_BLOB, &ext->large_blob.there);
	forget_opt(au, FEATURE_UVM, &ext->uvm);
}

/* FIDO registry, 3.1 to 3.3 */
#define UV_METHOD_PRESENCE		0x001
#define UV_METHOD_NONE			0x200
#define UV_METHOD_ALL			0x400	/* no method, but how many */
#define UV_METHOD_PASSCODE_EXTERNAL	0x800
#define KEY_PROTECTION_SOFTWARE		1
#define KEY_PROTECTION_HARDWARE		2
#define MATCHER_PROTECTION_SOFTWARE	1

/*
 * uvm.1: what has shown who is there, or else that somebody is. Of a
 * built-in verification that was not told to be of any kind, all that is
 * known is its gesture.
 */
static uint32_t
uv_method(const struct auth *au, const struct auth_op *op, bool up)
{
	uint32_t kinds = au->cfg.uv_modality & ~(uint32_t)(UV_METHOD_NONE |
	    UV_METHOD_ALL);

	if (op->by_pin)
		return UV_METHOD_PASSCODE_EXTERNAL;
	if (!op->uv)
		return up ? UV_METHOD_PRESENCE : UV_METHOD_NONE;
	/* one of them; presence by itself verifies nobody */
	if (kinds & ~(uint32_t)UV_METHOD_PRESENCE)
		kinds &= ~(uint32_t)UV_METHOD_PRESENCE;
	return kinds != 0 ? kinds & -kinds : UV_METHOD_PRESENCE;
}

/* uvm.2: PINs and gestures are compared by this program, in its memory */
static void
put_uvm(const struct auth *au, const struct auth_op *op,
    struct cbor_out *out)
{
	cbor_put_str(out, "uvm");
	cbor_put_array(out, 1);
	cbor_put_array(out, 3);
	cbor_put_uint(out, op->ga.uv_method);
	cbor_put_uint(out, au->cfg.hardware ? KEY_PROTECTION_HARDWARE :
	    KEY_PROTECTION_SOFTWARE);
	cbor_put_uint(out, MATCHER_PROTECTION_SOFTWARE);
}

enum ctap_status
ext_create(struct auth *au, struct auth_op *op)
{
	struct ctap_mc_extensions *ext = &op->req.mc.ext;
	struct credential *cred = &op->cred;
	enum ctap_status status;

	forget_of_make(au, ext);
	op->ga.uvm = ext->uvm == OPT_TRUE;
	op->ga.uv_method = uv_method(au, op, true);
	status = take_protect(op);

	if (status == CTAP2_OK)
		status = make_large_blob_key(au, op);
	if (status == CTAP2_OK)
		status = blob_create(op);
	if (status != CTAP2_OK)
		return status;
	if (ext->cred_blob.len > 0 && cred_blob_fits(au, op)) {
		memcpy(cred->cred_blob, ext->cred_blob.p, ext->cred_blob.len);
		cred->cred_blob_len = (uint8_t)ext->cred_blob.len;
	}
	/* tpp.1 */
	cred->third_party_payment = ext->third_party_payment == OPT_TRUE;
	/* hs.1 */
	cred->hmac_secret = ext->hmac_secret == OPT_TRUE;
	if (!ext->hmac_secret_mc.there)
		return CTAP2_OK;
	/* hsm.1 */
	if (!cred->hmac_secret)
		return CTAP2_ERR_MISSING_PARAMETER;
	return take_salts(au, op, &ext->hmac_secret_mc, true);
}

enum ctap_status
ext_assert(struct auth *au, struct auth_op *op)
{
	struct ctap_ga_extensions *ext = &op->req.ga.ext;
	enum ctap_status status;

	forget_of_get(au, ext);
	/* lbk.2 */
	if (ext->large_blob_key == OPT_FALSE)
		return CTAP2_ERR_INVALID_OPTION;
	op->ga.large_blob_key = ext->large_blob_key == OPT_TRUE;
	/* cb.2, tpp.2: false asks for nothing */
	op->ga.cred_blob = ext->cred_blob == OPT_TRUE;
	op->ga.third_party_payment = ext->third_party_payment == OPT_TRUE;
	op->ga.uvm = ext->uvm == OPT_TRUE;
	op->ga.uv_method = uv_method(au, op, op->up);
	status = blob_assert(op);
	if (status != CTAP2_OK || !ext->hmac_secret.there)
		return status;
	return take_salts(au, op, &ext->hmac_secret,
	    op->req.ga.options.up != OPT_FALSE);
}

/*
 * hs.7, hs.8, hsm.3. Also says what the key operations that follow are
 * about: op->cred.
 */
enum auth_want
ext_hmac(struct auth *au, struct auth_op *op)
{
	const struct ga_request *ga = &op->ga;

	op->key.blob = span(op->cred.blob, op->cred.blob_len);
	op->key.bound = span(ga->rp_id_hash, sizeof(ga->rp_id_hash));
	if (!ga->hmac)
		return AUTH_NEXT;
	op->key.with_uv = op->uv;
	op->key.data[0] = span(ga->salts, 32);
	op->key.data[1] = ga->salts_len == 64 ? span(ga->salts + 32, 32) :
	    span(NULL, 0);
	return ask_key(au, op, KEY_HMAC);
}

/* hs.9 */
static void
put_hmac(struct auth *au, struct auth_op *op, struct cbor_out *out,
    const char *name)
{
	uint8_t iv[PIN_IV_LEN], sealed[PIN_IV_LEN + SALTS_MAX];
	size_t len;

	auth_random(au, iv, sizeof(iv));
	len = pin_encrypt(&op->ga.hmac_secret, iv, op->key.out_sig,
	    op->key.out_sig_len, sealed);
	if (len == 0)
		out->overflow = true;	/* as bad: there is no output */
	cbor_put_str(out, name);
	cbor_put_bytes(out, span(sealed, len));
}

static void
put_named_bool(struct cbor_out *out, const char *name, bool v)
{
	cbor_put_str(out, name);
	cbor_put_bool(out, v);
}

static void
put_named_uint(struct cbor_out *out, const char *name, uint64_t v)
{
	cbor_put_str(out, name);
	cbor_put_uint(out, v);
}

/* mpl.1, pcp.1: an RP that may know what PINs are like */
static bool
is_told_about_pin(const struct auth *au, struct span rp_id)
{
	for (size_t i = 0; i < au->state.min_pin_rp_count; i++) {
		const struct rp_id_text *t = &au->state.min_pin_rp[i];

		if (span_eq(rp_id, span(t->s, t->len)))
			return true;
	}
	return false;
}

/* By length of the name, then by letter: canonical order. */
bool
ext_create_output(struct auth *au, struct auth_op *op)
{
	const struct ctap_mc_extensions *ext = &op->req.mc.ext;
	bool told = is_told_about_pin(au, op->req.mc.rp_id);
	bool length = told && ext->min_pin_length == OPT_TRUE;
	bool complexity = told && ext->pin_complexity == OPT_TRUE;
	bool blob = ext->cred_blob.p != NULL;
	size_t count = (size_t)op->ga.uvm + blob + ext->cred_protect.there +
	    op->cred.hmac_secret + length + op->ga.hmac + complexity;
	struct cbor_out out;

	if (count == 0)
		return true;
	cbor_out_init(&out, op->extensions, sizeof(op->extensions));
	cbor_put_map(&out, count);
	if (op->ga.uvm)
		put_uvm(au, op, &out);
	if (blob)
		put_named_bool(&out, "credBlob", cred_blob_fits(au, op));
	if (ext->cred_protect.there)
		put_named_uint(&out, "credProtect", op->cred.protect);
	if (op->cred.hmac_secret)
		put_named_bool(&out, "hmac-secret", true);
	if (length)
		put_named_uint(&out, "minPinLength", pin_min_length(au));
	if (op->ga.hmac)
		put_hmac(au, op, &out, "hmac-secret-mc");
	if (complexity)
		put_named_bool(&out, "pinComplexityPolicy",
		    au->state.pin_complexity);
	op->extensions_len = out.len;
	return !out.overflow;
}

bool
ext_assert_output(struct auth *au, struct auth_op *op)
{
	const struct ga_request *ga = &op->ga;
	size_t count = (size_t)ga->uvm + ga->cred_blob + ga->hmac +
	    ga->third_party_payment;
	struct cbor_out out;

	if (count == 0)
		return true;
	cbor_out_init(&out, op->extensions, sizeof(op->extensions));
	cbor_put_map(&out, count);
	if (ga->uvm)
		put_uvm(au, op, &out);
	if (ga->cred_blob) {
		cbor_put_str(&out, "credBlob");
		cbor_put_bytes(&out, span(op->cred.cred_blob,
		    op->cred.cred_blob_len));
	}
	if (ga->hmac)
		put_hmac(au, op, &out, "hmac-secret");
	if (ga->third_party_payment)
		put_named_bool(&out, "thirdPartyPayment",
		    op->cred.third_party_payment);
	op->extensions_len = out.len;
	return !out.overflow;
}

bool
ext_tells_large_blob_key(const struct auth_op *op)
{
	return op->cred.has_large_blob_key &&
	    (op->row->cmd == CTAP_MAKE_CREDENTIAL || op->ga.large_blob_key);
}

void
ext_put_large_blob_key(const struct auth_op *op, struct cbor_out *out)
{
	cbor_put_bytes(out, span(op->cred.large_blob_key,
	    LARGE_BLOB_KEY_LEN));
}
