/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/token_cbor.h"

#include "ctap/authdata.h"
#include "ctap/request.h"

#include <stddef.h>

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

/* Members of a request by number, and of maps in it by name. */

static void
put_bytes_at(struct cbor_out *out, unsigned key, struct span s)
{
	cbor_put_uint(out, key);
	cbor_put_bytes(out, s);
}

static void
put_text_at(struct cbor_out *out, unsigned key, struct span s)
{
	cbor_put_uint(out, key);
	cbor_put_text(out, s);
}

static void
put_raw_at(struct cbor_out *out, unsigned key, struct span s)
{
	cbor_put_uint(out, key);
	cbor_put_raw(out, s);
}

static void
put_uint_at(struct cbor_out *out, unsigned key, uint64_t v)
{
	cbor_put_uint(out, key);
	cbor_put_uint(out, v);
}

static void
put_named_bytes(struct cbor_out *out, const char *name, struct span s)
{
	cbor_put_str(out, name);
	cbor_put_bytes(out, s);
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
	put_named_bytes(out, "id", req->user_id);
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
		put_named_bytes(out, "id", ids[i]);
		put_named_text(out, "type", span_str("public-key"));
	}
}

static void
put_true(struct cbor_out *out, const char *name, bool wanted)
{
	if (!wanted)
		return;
	cbor_put_str(out, name);
	cbor_put_bool(out, true);
}

static bool
has_salts(const struct token_proof *proof)
{
	return proof != NULL && proof->salt_enc.p != NULL;
}

static bool
has_auth(const struct token_proof *proof)
{
	return proof != NULL && proof->auth_param.p != NULL;
}

static void
put_hmac(struct cbor_out *out, const char *name,
    const struct token_proof *proof)
{
	if (!has_salts(proof))
		return;
	cbor_put_str(out, name);
	cbor_put_map(out, 4);
	put_raw_at(out, 0x01, proof->key);
	put_bytes_at(out, 0x02, proof->salt_enc);
	put_bytes_at(out, 0x03, proof->salt_auth);
	put_uint_at(out, 0x04, proof->protocol);
}

/* pinUvAuthParam and pinUvAuthProtocol */
static void
put_auth(struct cbor_out *out, unsigned key, const struct token_proof *proof)
{
	if (!has_auth(proof))
		return;
	put_bytes_at(out, key, proof->auth_param);
	put_uint_at(out, key + 1, proof->protocol);
}

static size_t
count_make_extensions(const struct token_make *req,
    const struct token_proof *proof)
{
	return (size_t)(req->cred_blob.p != NULL) + (req->protect != 0) +
	    req->hmac_secret + req->large_blob_key + req->min_pin_length +
	    req->large_blob + has_salts(proof);
}

/* CTAP 2.3, 12.4 */
static void
put_blob_support(struct cbor_out *out, const struct token_make *req)
{
	if (!req->large_blob)
		return;
	cbor_put_str(out, "largeBlob");
	cbor_put_map(out, 1);
	put_named_text(out, "support", span_str(req->large_blob_required ?
	    "required" : "preferred"));
}

static void
put_make_extensions(struct cbor_out *out, const struct token_make *req,
    const struct token_proof *proof)
{
	cbor_put_map(out, count_make_extensions(req, proof));
	if (req->cred_blob.p != NULL)
		put_named_bytes(out, "credBlob", req->cred_blob);
	put_blob_support(out, req);
	if (req->protect != 0) {
		cbor_put_str(out, "credProtect");
		cbor_put_uint(out, req->protect);
	}
	put_true(out, "hmac-secret", req->hmac_secret);
	put_true(out, "largeBlobKey", req->large_blob_key);
	put_true(out, "minPinLength", req->min_pin_length);
	put_hmac(out, "hmac-secret-mc", proof);
}

size_t
token_encode_make(const struct token_make *req,
    const struct token_proof *proof, uint8_t *p, size_t cap)
{
	bool uv = req->uv && !has_auth(proof), options = req->rk || uv;
	bool ext = count_make_extensions(req, proof) > 0;
	struct cbor_out out;

	begin(&out, p, cap, CTAP_MAKE_CREDENTIAL);
	cbor_put_map(&out, 4 + (req->exclude_count > 0) + ext + options +
	    2 * has_auth(proof) + (req->enterprise != 0));
	put_bytes_at(&out, 0x01, req->client_data_hash);
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
		put_make_extensions(&out, req, proof);
	}
	/* Absent is the default of each: only what differs is sent. */
	if (options) {
		cbor_put_uint(&out, 0x07);
		cbor_put_map(&out, req->rk + uv);
		put_true(&out, "rk", req->rk);
		put_true(&out, "uv", uv);
	}
	put_auth(&out, 0x08, proof);
	if (req->enterprise != 0)
		put_uint_at(&out, 0x0a, req->enterprise);
	return finish(&out);
}

static bool
has_own_blob(const struct token_get *req)
{
	return req->read_blob || req->write_blob.packed.p != NULL;
}

static size_t
count_get_extensions(const struct token_get *req,
    const struct token_proof *proof)
{
	return (size_t)req->cred_blob + has_salts(proof) +
	    req->large_blob_key + has_own_blob(req);
}

static void
put_own_blob(struct cbor_out *out, const struct token_get *req)
{
	const struct token_blob *blob = &req->write_blob;

	if (!has_own_blob(req))
		return;
	cbor_put_str(out, "largeBlob");
	cbor_put_map(out, req->read_blob ? 1 : 2);
	put_true(out, "read", req->read_blob);
	if (req->read_blob)
		return;
	put_named_bytes(out, "write", blob->packed);
	cbor_put_str(out, "originalSize");
	cbor_put_uint(out, blob->size);
}

static void
put_get_options(struct cbor_out *out, bool silent, bool uv)
{
	cbor_put_map(out, silent + uv);
	if (silent) {
		cbor_put_str(out, "up");
		cbor_put_bool(out, false);
	}
	put_true(out, "uv", uv);
}

size_t
token_encode_get(const struct token_get *req, const struct token_proof *proof,
    uint8_t *p, size_t cap)
{
	bool uv = req->uv && !has_auth(proof), options = req->silent || uv;
	size_t ext = count_get_extensions(req, proof);
	struct cbor_out out;

	begin(&out, p, cap, CTAP_GET_ASSERTION);
	cbor_put_map(&out, 2 + (req->allow_count > 0) + (ext > 0) + options +
	    2 * has_auth(proof));
	put_text_at(&out, 0x01, req->rp_id);
	put_bytes_at(&out, 0x02, req->client_data_hash);
	if (req->allow_count > 0) {
		cbor_put_uint(&out, 0x03);
		put_descriptors(&out, req->allow, req->allow_count);
	}
	if (ext > 0) {
		cbor_put_uint(&out, 0x04);
		cbor_put_map(&out, ext);
		put_true(&out, "credBlob", req->cred_blob);
		put_own_blob(&out, req);
		put_hmac(&out, "hmac-secret", proof);
		put_true(&out, "largeBlobKey", req->large_blob_key);
	}
	if (options) {
		cbor_put_uint(&out, 0x05);
		put_get_options(&out, req->silent, uv);
	}
	put_auth(&out, 0x06, proof);
	return finish(&out);
}

size_t
token_encode_key_agreement(unsigned protocol, uint8_t *p, size_t cap)
{
	struct cbor_out out;

	begin(&out, p, cap, CTAP_CLIENT_PIN);
	cbor_put_map(&out, 2);
	put_uint_at(&out, 0x01, protocol);
	put_uint_at(&out, 0x02, 0x02);	/* getKeyAgreement */
	return finish(&out);
}

size_t
token_encode_ask(const struct token_ask *ask, uint8_t *p, size_t cap)
{
	bool pin = ask->way != TOKEN_BY_UV;
	bool permissions = ask->way != TOKEN_BY_PIN_ALONE;
	bool rp_id = permissions && ask->rp_id.p != NULL;
	struct cbor_out out;

	begin(&out, p, cap, CTAP_CLIENT_PIN);
	cbor_put_map(&out, 3 + pin + permissions + rp_id);
	put_uint_at(&out, 0x01, ask->protocol);
	put_uint_at(&out, 0x02, ask->way);
	put_raw_at(&out, 0x03, ask->key);
	if (pin)
		put_bytes_at(&out, 0x06, ask->pin_hash_enc);
	if (permissions)
		put_uint_at(&out, 0x09, ask->permissions);
	if (rp_id)
		put_text_at(&out, 0x0a, ask->rp_id);
	return finish(&out);
}

size_t
token_encode_blobs_get(size_t offset, size_t count, uint8_t *p, size_t cap)
{
	struct cbor_out out;

	begin(&out, p, cap, CTAP_LARGE_BLOBS);
	cbor_put_map(&out, 2);
	put_uint_at(&out, 0x01, count);
	put_uint_at(&out, 0x03, offset);
	return finish(&out);
}

size_t
token_encode_blobs_set(size_t offset, size_t total, struct span part,
    const struct token_proof *proof, uint8_t *p, size_t cap)
{
	struct cbor_out out;

	begin(&out, p, cap, CTAP_LARGE_BLOBS);
	cbor_put_map(&out, 2 + (offset == 0) + 2 * has_auth(proof));
	put_bytes_at(&out, 0x02, part);
	put_uint_at(&out, 0x03, offset);
	if (offset == 0)
		put_uint_at(&out, 0x04, total);
	put_auth(&out, 0x05, proof);
	return finish(&out);
}

/*
 * A member of a reply: what reads it, and where to. Unlike the tables of
 * cbor_members(), these need no function for every member.
 */
struct field {
	int		 key;
	const char	*name;		/* NULL: the key is an integer */
	bool		 required;
	bool		(*take)(struct cbor_in *in, void *to);
	size_t		 offset;	/* bytes into what is filled */
};

static const struct field *
find_field(const struct field *table, size_t count, bool named, int64_t key,
    struct span name)
{
	for (size_t i = 0; i < count; i++) {
		if (named != (table[i].name != NULL))
			continue;
		if (named ? span_eq(span_str(table[i].name), name) :
		    table[i].key == key)
			return &table[i];
	}
	return NULL;
}

/*
 * The next key of a map; false if it cannot be read. One that is neither
 * text nor an integer has the name "", which no field has.
 */
static bool
take_key(struct cbor_in *in, bool *named, int64_t *key, struct span *name)
{
	enum cbor_kind kind = cbor_peek(in);

	*named = kind != CBOR_UINT && kind != CBOR_NEGINT;
	*name = span("", 0);
	if (kind == CBOR_TEXT)
		return cbor_text(in, name);
	return *named ? cbor_any(in, NULL) : cbor_int(in, key);
}

static bool
take_fields(struct cbor_in *in, const struct field *table, size_t count,
    void *to)
{
	const struct field *f;
	struct span name;
	uint32_t seen = 0;
	int64_t key = 0;
	size_t pairs;
	bool named;

	if (!cbor_map(in, &pairs))
		return false;
	while (pairs-- > 0) {
		if (!take_key(in, &named, &key, &name))
			return false;
		f = find_field(table, count, named, key, name);
		if (!(f == NULL ? cbor_any(in, NULL) :
		    f->take(in, (uint8_t *)to + f->offset)))
			return false;
		if (f != NULL)
			seen |= UINT32_C(1) << (f - table);
	}
	for (size_t i = 0; i < count; i++)
		if (table[i].required && !(seen & UINT32_C(1) << i))
			return false;
	return true;
}

/* A whole reply body: canonical, and as the table says. */
static bool
decode(struct span body, const struct field *table, size_t count, void *to)
{
	struct cbor_in in;

	/* deeper than CTAP permits: compound attestation */
	if (!cbor_check_deep(body, CBOR_DEPTH_COMPOUND))
		return false;
	cbor_in_init(&in, body);
	return take_fields(&in, table, count, to);
}

static bool
take_bytes(struct cbor_in *in, void *to)
{
	return cbor_bytes(in, to);
}

static bool
take_text(struct cbor_in *in, void *to)
{
	return cbor_text(in, to);
}

static bool
take_any(struct cbor_in *in, void *to)
{
	return cbor_any(in, to);
}

static bool
take_bool(struct cbor_in *in, void *to)
{
	return cbor_bool(in, to);
}

static bool
take_int(struct cbor_in *in, void *to)
{
	return cbor_int(in, to);
}

static bool
take_size(struct cbor_in *in, void *to)
{
	uint64_t v;

	if (!cbor_uint(in, &v))
		return false;
	*(size_t *)to = v > SIZE_MAX ? SIZE_MAX : (size_t)v;
	return true;
}

static bool
take_extensions(struct cbor_in *in, void *to)
{
	struct token_info *info = to;
	const struct {
		const char *name;
		bool *there;
	} known[] = {
		{ "credBlob", &info->cred_blob },
		{ "credProtect", &info->cred_protect },
		{ "hmac-secret", &info->hmac_secret },
		{ "hmac-secret-mc", &info->hmac_secret_mc },
		{ "largeBlob", &info->large_blob },
		{ "largeBlobKey", &info->large_blob_key },
		{ "minPinLength", &info->min_pin_length },
	};
	struct span s;
	size_t n;

	if (!cbor_array(in, &n))
		return false;
	while (n-- > 0) {
		if (!cbor_text(in, &s))
			return false;
		for (size_t i = 0; i < COUNT(known); i++)
			*known[i].there |= span_eq(s, span_str(known[i].name));
	}
	return true;
}

#define INFO(member)	offsetof(struct token_info, member)

static bool
take_options(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "rk", false, take_bool, INFO(rk) },
		{ 0, "uv", false, take_bool, INFO(uv) },
		{ 0, "alwaysUv", false, take_bool, INFO(always_uv) },
		{ 0, "ep", false, take_bool, INFO(ep) },
		{ 0, "clientPin", false, take_bool, INFO(pin) },
		{ 0, "largeBlobs", false, take_bool, INFO(large_blobs) },
		{ 0, "pinUvAuthToken", false, take_bool, INFO(uv_tokens) },
		{ 0, "makeCredUvNotRqd", false, take_bool,
		    INFO(make_without_uv) },
		{ 0, "noMcGaPermissionsWithClientPin", false, take_bool,
		    INFO(pin_manages) },
	};

	return take_fields(in, table, COUNT(table), to);
}

/* Two where the token has it, whatever its order says. */
static bool
take_protocols(struct cbor_in *in, void *to)
{
	unsigned *best = to;
	uint64_t v;
	size_t n;

	if (!cbor_array(in, &n))
		return false;
	while (n-- > 0) {
		if (!cbor_uint(in, &v))
			return false;
		if (v <= 2 && v > *best)
			*best = (unsigned)v;
	}
	return true;
}

static bool
take_transports(struct cbor_in *in, void *to)
{
	struct token_info *info = to;
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
take_algs(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "alg", true, take_int, 0 },
	};
	struct token_info *info = to;
	int64_t alg;
	size_t n;

	if (!cbor_array(in, &n))
		return false;
	while (n-- > 0) {
		if (!take_fields(in, table, COUNT(table), &alg))
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
	static const struct field table[] = {
		{ 0x02, NULL, false, take_extensions, 0 },
		{ 0x04, NULL, false, take_options, 0 },
		{ 0x05, NULL, false, take_size, INFO(message_max) },
		{ 0x06, NULL, false, take_protocols, INFO(protocol) },
		{ 0x07, NULL, false, take_size, INFO(list_max) },
		{ 0x09, NULL, false, take_transports, 0 },
		{ 0x0a, NULL, false, take_algs, 0 },
		{ 0x0b, NULL, false, take_size, INFO(blobs_max) },
		{ 0x0f, NULL, false, take_size, INFO(cred_blob_max) },
	};

	memset(out, 0, sizeof(*out));
	out->message_max = MESSAGE_DEFAULT;
	return decode(body, table, COUNT(table), out);
}

#define CRED(member)	offsetof(struct token_credential, member)

static bool
take_blob_supported(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "supported", false, take_bool, CRED(large_blob) },
	};

	return take_fields(in, table, COUNT(table), to);
}

/* Of extensions whose outputs are not signed. */
static bool
take_make_outputs(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "largeBlob", false, take_blob_supported, 0 },
	};

	return take_fields(in, table, COUNT(table), to);
}

bool
token_decode_credential(struct span body, struct token_credential *out)
{
	/* Optional in CTAP 2.2 for "none", but ours always says it. */
	static const struct field table[] = {
		{ 0x01, NULL, true, take_text, CRED(fmt) },
		{ 0x02, NULL, true, take_bytes, CRED(auth_data) },
		{ 0x03, NULL, false, take_any, CRED(att_stmt) },
		{ 0x05, NULL, false, take_bytes, CRED(large_blob_key) },
		{ 0x06, NULL, false, take_make_outputs, 0 },
	};
	static const uint8_t empty_map[] = { 0xa0 };

	memset(out, 0, sizeof(*out));
	out->att_stmt = span(empty_map, sizeof(empty_map));
	return decode(body, table, COUNT(table), out);
}

/* The id of a descriptor, or of a user. */
static bool
take_id(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "id", true, take_bytes, 0 },
	};

	return take_fields(in, table, COUNT(table), to);
}

#define GOT(member)	offsetof(struct token_assertion, member)

static bool
take_own_blob(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "blob", false, take_bytes, GOT(blob.packed) },
		{ 0, "written", false, take_bool, GOT(blob_written) },
		{ 0, "originalSize", false, take_size, GOT(blob.size) },
	};

	return take_fields(in, table, COUNT(table), to);
}

static bool
take_get_outputs(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ 0, "largeBlob", false, take_own_blob, 0 },
	};

	return take_fields(in, table, COUNT(table), to);
}

bool
token_decode_assertion(struct span body, struct token_assertion *out)
{
	static const struct field table[] = {
		{ 0x01, NULL, false, take_id, GOT(credential_id) },
		{ 0x02, NULL, true, take_bytes, GOT(auth_data) },
		{ 0x03, NULL, true, take_bytes, GOT(signature) },
		{ 0x04, NULL, false, take_id, GOT(user_id) },
		{ 0x07, NULL, false, take_bytes, GOT(large_blob_key) },
		{ 0x08, NULL, false, take_get_outputs, 0 },
	};

	memset(out, 0, sizeof(*out));
	return decode(body, table, COUNT(table), out);
}

static bool
take_coordinate(struct cbor_in *in, void *to)
{
	return cbor_bytes_len(in, to, 32);
}

struct point {
	struct span x, y;
};

static bool
take_peer(struct cbor_in *in, void *to)
{
	static const struct field table[] = {
		{ -2, NULL, true, take_coordinate, offsetof(struct point, x) },
		{ -3, NULL, true, take_coordinate, offsetof(struct point, y) },
	};

	return take_fields(in, table, COUNT(table), to);
}

bool
token_decode_key_agreement(struct span body, struct span *x, struct span *y)
{
	static const struct field table[] = {
		{ 0x01, NULL, true, take_peer, 0 },
	};
	struct point point;

	if (!decode(body, table, COUNT(table), &point))
		return false;
	*x = point.x;
	*y = point.y;
	return true;
}

bool
token_decode_token(struct span body, struct span *out)
{
	static const struct field table[] = {
		{ 0x02, NULL, true, take_bytes, 0 },
	};

	return decode(body, table, COUNT(table), out);
}

bool
token_decode_blobs(struct span body, struct span *out)
{
	static const struct field table[] = {
		{ 0x01, NULL, true, take_bytes, 0 },
	};

	return decode(body, table, COUNT(table), out);
}

/* true at creation, encrypted bytes in an assertion */
static bool
take_hmac(struct cbor_in *in, void *to)
{
	struct token_auth_data *ad = to;

	if (cbor_peek(in) == CBOR_BOOL)
		return cbor_bool(in, &ad->hmac_secret);
	return cbor_bytes(in, &ad->hmac_output);
}

/* whether it is kept, at creation; what was kept, in an assertion */
static bool
take_cred_blob(struct cbor_in *in, void *to)
{
	struct token_auth_data *ad = to;

	if (cbor_peek(in) == CBOR_BOOL)
		return cbor_bool(in, &ad->cred_blob_kept);
	return cbor_bytes(in, &ad->cred_blob);
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
	static const struct field table[] = {
		{ 0, "credBlob", false, take_cred_blob, 0 },
		{ 0, "credProtect", false, take_any,
		    offsetof(struct token_auth_data, protect) },
		{ 0, "hmac-secret", false, take_hmac, 0 },
		{ 0, "hmac-secret-mc", false, take_bytes,
		    offsetof(struct token_auth_data, hmac_output) },
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
		return take_fields(&in, table, COUNT(table), out);
	return true;
}
