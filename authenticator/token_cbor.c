/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/token_cbor.h"

#include "ctap/authdata.h"
#include "ctap/request.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define MESSAGE_DEFAULT	1024	/* bytes, CTAP 2.3, 6.4: maxMsgSize absent */

static size_t
finish(const struct cbor_out *out)
{
	return out->overflow ? 0 : out->len;
}

static void
begin(struct cbor_out *out, uint8_t *p, size_t cap, uint8_t cmd)
{
	cbor_out_init(out, p, cap);
	cbor_put_raw(out, span(&cmd, 1));
}

static void
put_named_text(struct cbor_out *out, const char *name, struct span s)
{
	cbor_put_str(out, name);
	cbor_put_text(out, s);
}

static void
put_user(struct cbor_out *out, const struct token_make *req)
{
	cbor_put_map(out, 3);
	cbor_put_str(out, "id");
	cbor_put_bytes(out, req->user_id);
	put_named_text(out, "name", req->user_name);
	put_named_text(out, "displayName", req->user_display_name);
}

static void
put_params(struct cbor_out *out, const struct token_make *req)
{
	cbor_put_array(out, req->alg_count);
	for (size_t i = 0; i < req->alg_count; i++) {
		cbor_put_map(out, 2);
		cbor_put_str(out, "alg");
		cbor_put_int(out, req->algs[i]);
		put_named_text(out, "type", span_str("public-key"));
	}
}

static void
put_descriptors(struct cbor_out *out, const struct span *ids, size_t count)
{
	cbor_put_array(out, count);
	for (size_t i = 0; i < count; i++) {
		cbor_put_map(out, 2);
		cbor_put_str(out, "id");
		cbor_put_bytes(out, ids[i]);
		put_named_text(out, "type", span_str("public-key"));
	}
}

static void
put_make_extensions(struct cbor_out *out, const struct token_make *req)
{
	cbor_put_map(out, (req->protect != 0) + req->hmac_secret);
	if (req->protect != 0) {
		cbor_put_str(out, "credProtect");
		cbor_put_uint(out, req->protect);
	}
	if (req->hmac_secret) {
		cbor_put_str(out, "hmac-secret");
		cbor_put_bool(out, true);
	}
}

/* Absent is the default of each: only what differs is sent. */
static void
put_make_options(struct cbor_out *out, const struct token_make *req)
{
	cbor_put_map(out, req->rk + req->uv);
	if (req->rk) {
		cbor_put_str(out, "rk");
		cbor_put_bool(out, true);
	}
	if (req->uv) {
		cbor_put_str(out, "uv");
		cbor_put_bool(out, true);
	}
}

size_t
token_encode_make(const struct token_make *req, uint8_t *p, size_t cap)
{
	bool ext = req->protect != 0 || req->hmac_secret;
	bool options = req->rk || req->uv;
	struct cbor_out out;

	begin(&out, p, cap, CTAP_MAKE_CREDENTIAL);
	cbor_put_map(&out, 4 + (req->exclude_count > 0) + ext + options);
	cbor_put_uint(&out, 0x01);
	cbor_put_bytes(&out, req->client_data_hash);
	cbor_put_uint(&out, 0x02);
	cbor_put_map(&out, 2);
	put_named_text(&out, "id", req->rp_id);
	put_named_text(&out, "name", req->rp_name);
	cbor_put_uint(&out, 0x03);
	put_user(&out, req);
	cbor_put_uint(&out, 0x04);
	put_params(&out, req);
	if (req->exclude_count > 0) {
		cbor_put_uint(&out, 0x05);
		put_descriptors(&out, req->exclude, req->exclude_count);
	}
	if (ext) {
		cbor_put_uint(&out, 0x06);
		put_make_extensions(&out, req);
	}
	if (options) {
		cbor_put_uint(&out, 0x07);
		put_make_options(&out, req);
	}
	return finish(&out);
}

static void
put_hmac(struct cbor_out *out, const struct token_hmac *hmac)
{
	cbor_put_map(out, 1);
	cbor_put_str(out, "hmac-secret");
	cbor_put_map(out, 4);
	cbor_put_uint(out, 0x01);
	cbor_put_raw(out, hmac->key);
	cbor_put_uint(out, 0x02);
	cbor_put_bytes(out, hmac->salt_enc);
	cbor_put_uint(out, 0x03);
	cbor_put_bytes(out, hmac->salt_auth);
	cbor_put_uint(out, 0x04);
	cbor_put_uint(out, hmac->protocol);
}

static void
put_get_options(struct cbor_out *out, const struct token_get *req)
{
	cbor_put_map(out, req->silent + req->uv);
	if (req->silent) {
		cbor_put_str(out, "up");
		cbor_put_bool(out, false);
	}
	if (req->uv) {
		cbor_put_str(out, "uv");
		cbor_put_bool(out, true);
	}
}

size_t
token_encode_get(const struct token_get *req, const struct token_hmac *hmac,
    uint8_t *p, size_t cap)
{
	bool options = req->silent || req->uv;
	struct cbor_out out;

	begin(&out, p, cap, CTAP_GET_ASSERTION);
	cbor_put_map(&out,
	    2 + (req->allow_count > 0) + (hmac != NULL) + options);
	cbor_put_uint(&out, 0x01);
	cbor_put_text(&out, req->rp_id);
	cbor_put_uint(&out, 0x02);
	cbor_put_bytes(&out, req->client_data_hash);
	if (req->allow_count > 0) {
		cbor_put_uint(&out, 0x03);
		put_descriptors(&out, req->allow, req->allow_count);
	}
	if (hmac != NULL) {
		cbor_put_uint(&out, 0x04);
		put_hmac(&out, hmac);
	}
	if (options) {
		cbor_put_uint(&out, 0x05);
		put_get_options(&out, req);
	}
	return finish(&out);
}

size_t
token_encode_key_agreement(unsigned protocol, uint8_t *p, size_t cap)
{
	struct cbor_out out;

	begin(&out, p, cap, CTAP_CLIENT_PIN);
	cbor_put_map(&out, 2);
	cbor_put_uint(&out, 0x01);
	cbor_put_uint(&out, protocol);
	cbor_put_uint(&out, 0x02);
	cbor_put_uint(&out, 0x02);	/* getKeyAgreement */
	return finish(&out);
}

/* A whole reply body: canonical, and as the table says. */
static bool
decode(struct span body, const struct cbor_member *table, size_t count,
    void *arg)
{
	struct cbor_in in;

	if (!cbor_check(body))
		return false;
	cbor_in_init(&in, body);
	return cbor_members(&in, table, count, arg);
}

static bool
take_extensions(struct cbor_in *in, void *arg)
{
	struct token_info *info = arg;
	struct span s;
	size_t n;

	if (!cbor_array(in, &n))
		return false;
	while (n-- > 0) {
		if (!cbor_text(in, &s))
			return false;
		info->cred_protect |= span_eq(s, span_str("credProtect"));
		info->hmac_secret |= span_eq(s, span_str("hmac-secret"));
	}
	return true;
}

static bool
take_rk(struct cbor_in *in, void *arg)
{
	return cbor_bool(in, &((struct token_info *)arg)->rk);
}

static bool
take_uv(struct cbor_in *in, void *arg)
{
	return cbor_bool(in, &((struct token_info *)arg)->uv);
}

static bool
take_options(struct cbor_in *in, void *arg)
{
	static const struct cbor_member table[] = {
		{ 0, "rk", false, take_rk },
		{ 0, "uv", false, take_uv },
	};

	return cbor_members(in, table, COUNT(table), arg);
}

static bool
take_size(struct cbor_in *in, size_t *out)
{
	uint64_t v;

	if (!cbor_uint(in, &v))
		return false;
	*out = v > SIZE_MAX ? SIZE_MAX : (size_t)v;
	return true;
}

static bool
take_message_max(struct cbor_in *in, void *arg)
{
	return take_size(in, &((struct token_info *)arg)->message_max);
}

static bool
take_list_max(struct cbor_in *in, void *arg)
{
	return take_size(in, &((struct token_info *)arg)->list_max);
}

static bool
take_transports(struct cbor_in *in, void *arg)
{
	struct token_info *info = arg;
	struct span s;
	size_t n;

	if (!cbor_array(in, &n))
		return false;
	while (n-- > 0) {
		if (!cbor_text(in, &s))
			return false;
		if (info->transport_count == TOKEN_TRANSPORTS_MAX ||
		    s.len >= TOKEN_TRANSPORT_LEN)
			continue;
		memcpy(info->transports[info->transport_count], s.p, s.len);
		info->transports[info->transport_count++][s.len] = '\0';
	}
	return true;
}

static bool
take_alg(struct cbor_in *in, void *arg)
{
	return cbor_int(in, arg);
}

static bool
take_algs(struct cbor_in *in, void *arg)
{
	static const struct cbor_member table[] = {
		{ 0, "alg", true, take_alg },
	};
	struct token_info *info = arg;
	int64_t alg;
	size_t n;

	if (!cbor_array(in, &n))
		return false;
	while (n-- > 0) {
		if (!cbor_members(in, table, COUNT(table), &alg))
			return false;
		if (info->alg_count < TOKEN_ALGS_MAX && alg >= INT32_MIN &&
		    alg <= INT32_MAX)
			info->algs[info->alg_count++] = (int)alg;
	}
	return true;
}

bool
token_decode_info(struct span body, struct token_info *out)
{
	static const struct cbor_member table[] = {
		{ 0x02, NULL, false, take_extensions },
		{ 0x04, NULL, false, take_options },
		{ 0x05, NULL, false, take_message_max },
		{ 0x07, NULL, false, take_list_max },
		{ 0x09, NULL, false, take_transports },
		{ 0x0a, NULL, false, take_algs },
	};

	memset(out, 0, sizeof(*out));
	out->message_max = MESSAGE_DEFAULT;
	return decode(body, table, COUNT(table), out);
}

static bool
take_fmt(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct token_credential *)arg)->fmt);
}

static bool
take_credential_data(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct token_credential *)arg)->auth_data);
}

static bool
take_statement(struct cbor_in *in, void *arg)
{
	return cbor_any(in, &((struct token_credential *)arg)->att_stmt);
}

bool
token_decode_credential(struct span body, struct token_credential *out)
{
	/* Optional in CTAP 2.2 for "none", but ours always says it. */
	static const struct cbor_member table[] = {
		{ 0x01, NULL, true, take_fmt },
		{ 0x02, NULL, true, take_credential_data },
		{ 0x03, NULL, false, take_statement },
	};
	static const uint8_t empty_map[] = { 0xa0 };

	memset(out, 0, sizeof(*out));
	out->att_stmt = span(empty_map, sizeof(empty_map));
	return decode(body, table, COUNT(table), out);
}

static bool
take_id(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, arg);
}

static bool
take_credential(struct cbor_in *in, void *arg)
{
	static const struct cbor_member table[] = {
		{ 0, "id", true, take_id },
	};

	return cbor_members(in, table, COUNT(table),
	    &((struct token_assertion *)arg)->credential_id);
}

static bool
take_user(struct cbor_in *in, void *arg)
{
	static const struct cbor_member table[] = {
		{ 0, "id", true, take_id },
	};

	return cbor_members(in, table, COUNT(table),
	    &((struct token_assertion *)arg)->user_id);
}

static bool
take_assertion_data(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct token_assertion *)arg)->auth_data);
}

static bool
take_signature(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct token_assertion *)arg)->signature);
}

bool
token_decode_assertion(struct span body, struct token_assertion *out)
{
	static const struct cbor_member table[] = {
		{ 0x01, NULL, false, take_credential },
		{ 0x02, NULL, true, take_assertion_data },
		{ 0x03, NULL, true, take_signature },
		{ 0x04, NULL, false, take_user },
	};

	memset(out, 0, sizeof(*out));
	return decode(body, table, COUNT(table), out);
}

struct point {
	struct span x, y;
};

static bool
take_x(struct cbor_in *in, void *arg)
{
	return cbor_bytes_len(in, &((struct point *)arg)->x, 32);
}

static bool
take_y(struct cbor_in *in, void *arg)
{
	return cbor_bytes_len(in, &((struct point *)arg)->y, 32);
}

static bool
take_peer(struct cbor_in *in, void *arg)
{
	static const struct cbor_member table[] = {
		{ -2, NULL, true, take_x },
		{ -3, NULL, true, take_y },
	};

	return cbor_members(in, table, COUNT(table), arg);
}

bool
token_decode_key_agreement(struct span body, struct span *x, struct span *y)
{
	static const struct cbor_member table[] = {
		{ 0x01, NULL, true, take_peer },
	};
	struct point point;

	if (!decode(body, table, COUNT(table), &point))
		return false;
	*x = point.x;
	*y = point.y;
	return true;
}

static bool
take_protect(struct cbor_in *in, void *arg)
{
	return cbor_any(in, &((struct token_auth_data *)arg)->protect);
}

/* true at creation, encrypted bytes in an assertion */
static bool
take_hmac(struct cbor_in *in, void *arg)
{
	struct token_auth_data *ad = arg;

	if (cbor_peek(in) == CBOR_BOOL)
		return cbor_bool(in, &ad->hmac_secret);
	return cbor_bytes(in, &ad->hmac_output);
}

/* WebAuthn Level 3, 6.5.1: AAGUID, length, ID, COSE_Key */
static bool
take_attested(struct cbor_in *in, struct token_auth_data *out)
{
	size_t len;

	if (in->rest.len < 18)
		return false;
	out->aaguid = span(in->rest.p, 16);
	len = (size_t)in->rest.p[16] << 8 | in->rest.p[17];
	if (len > in->rest.len - 18)
		return false;
	out->credential_id = span(in->rest.p + 18, len);
	in->rest = span(in->rest.p + 18 + len, in->rest.len - 18 - len);
	return cbor_any(in, &out->public_key);
}

bool
token_decode_auth_data(struct span data, struct token_auth_data *out)
{
	static const struct cbor_member table[] = {
		{ 0, "credProtect", false, take_protect },
		{ 0, "hmac-secret", false, take_hmac },
	};
	struct cbor_in in;

	memset(out, 0, sizeof(*out));
	if (data.len < 37)
		return false;
	out->flags = data.p[32];
	cbor_in_init(&in, span(data.p + 37, data.len - 37));
	if ((out->flags & AUTHDATA_AT) && !take_attested(&in, out))
		return false;
	if (out->flags & AUTHDATA_ED)
		return cbor_members(&in, table, COUNT(table), out);
	return true;
}
