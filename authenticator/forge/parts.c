/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/parts.h"

#include "authenticator/be.h"
#include "ctap/apdu.h"
#include "ctap/cbor.h"

#define FIXED_LEN	37	/* bytes: hash, flags, counter */
#define U2F_REGISTER_REPLY	0x05	/* reserved byte */
#define ATTESTED_LEN	18	/* AAGUID, length of the ID */

static uint8_t *
put(uint8_t *at, struct span s)
{
	if (s.len > 0)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

bool
parts_auth_data(struct span bytes, struct span public_key,
    struct forge_auth_data *out)
{
	struct forge_auth_data ad = { .flags = 0 };
	size_t at = FIXED_LEN;

	if (bytes.len < FIXED_LEN)
		return false;
	memcpy(ad.rp_id_hash, bytes.p, sizeof(ad.rp_id_hash));
	ad.flags = bytes.p[32];
	ad.counter = (uint32_t)be_get(bytes.p + 33, 4);
	if (ad.flags & AUTHDATA_AT) {
		if (bytes.len < FIXED_LEN + ATTESTED_LEN)
			return false;
		ad.attested = true;
		memcpy(ad.aaguid, bytes.p + at, sizeof(ad.aaguid));
		ad.id_len = (size_t)be_get(bytes.p + at + 16, 2);
		at += ATTESTED_LEN;
		if (bytes.len - at < ad.id_len + public_key.len)
			return false;
		ad.credential_id = span(bytes.p + at, ad.id_len);
		at += ad.id_len;
		ad.public_key = span(bytes.p + at, public_key.len);
		at += public_key.len;
	}
	ad.extensions = span(bytes.p + at, bytes.len - at);
	*out = ad;
	return true;
}

static bool
begin_reply(struct span reply, struct cbor_in *in, size_t *pairs)
{
	if (reply.len < 2 || reply.p[0] != CTAP2_OK)
		return false;
	cbor_in_init(in, span(reply.p + 1, reply.len - 1));
	return cbor_map(in, pairs);
}

bool
parts_mc(struct span reply, struct forge_mc *out)
{
	struct span value;
	struct cbor_in in;
	uint64_t key;
	size_t pairs;

	if (!begin_reply(reply, &in, &pairs))
		return false;
	for (size_t i = 0; i < pairs && cbor_uint(&in, &key) &&
	    cbor_any(&in, &value); i++) {
		if (key == 0x05)
			out->large_blob_key = value;
		else if (key == 0x06)
			out->unsigned_outputs = value;
	}
	return in.err == CTAP2_OK;
}

bool
parts_ga(struct span reply, struct forge_rest *rest)
{
	struct span value, from;
	struct cbor_in in;
	uint64_t key;
	size_t pairs;

	if (!begin_reply(reply, &in, &pairs))
		return false;
	*rest = (struct forge_rest){ .count = 0 };
	for (size_t i = 0; i < pairs; i++) {
		from = in.rest;
		if (!cbor_uint(&in, &key) || !cbor_any(&in, &value))
			return false;
		if (key == 0x04)
			rest->user = value;
		else if (key > 0x04 && rest->count++ == 0)
			rest->members.p = from.p;
	}
	if (rest->count > 0)
		rest->members.len = (size_t)(in.rest.p - rest->members.p);
	return in.err == CTAP2_OK;
}

struct span
parts_write_auth_data(struct forge_memory *m,
    const struct forge_auth_data *ad)
{
	uint8_t *begin, *at;

	begin = at = forge_room(m, FIXED_LEN + ATTESTED_LEN +
	    ad->credential_id.len + ad->public_key.len + ad->extensions.len +
	    ad->trailing.len);
	if (at == NULL)
		return span(NULL, 0);
	memcpy(at, ad->rp_id_hash, sizeof(ad->rp_id_hash));
	at[32] = ad->flags;
	at = be_put(at + 33, ad->counter, 4);
	if (ad->attested) {
		memcpy(at, ad->aaguid, sizeof(ad->aaguid));
		at = be_put(at + 16, ad->id_len, 2);
		at = put(at, ad->credential_id);
		at = put(at, ad->public_key);
	}
	at = put(at, ad->extensions);
	at = put(at, ad->trailing);
	return span(begin, (size_t)(at - begin));
}

/* Room for CBOR of at most cap bytes; what of it is used, write_end() says. */
static bool
write_begin(struct forge_memory *m, struct cbor_out *out, size_t cap)
{
	uint8_t *p = forge_room(m, cap);

	cbor_out_init(out, p, p != NULL ? cap : 0);
	return p != NULL;
}

static struct span
write_end(struct forge_memory *m, const struct cbor_out *out)
{
	if (out->overflow)
		m->full = true;
	return out->overflow ? span(NULL, 0) : cbor_out_span(out);
}

static void
put_member(struct cbor_out *out, const char *name, struct span bytes)
{
	cbor_put_str(out, name);
	cbor_put_bytes(out, bytes);
}

static void
put_chain(struct cbor_out *out, const struct forge_chain *chain)
{
	cbor_put_str(out, "x5c");
	cbor_put_array(out, chain->x5c_count);
	for (size_t i = 0; i < chain->x5c_count; i++)
		cbor_put_bytes(out, chain->x5c[i]);
}

static size_t
statement_size(const struct forge_statement *st, struct span pub_area,
    struct span cert_info, struct span jws)
{
	size_t len = 128 + st->sig.len + pub_area.len + cert_info.len +
	    jws.len + st->extra.len;

	for (size_t i = 0; i < st->chain.x5c_count; i++)
		len += 5 + st->chain.x5c[i].len;
	return len;
}

/* WebAuthn Level 3, 8.2 to 8.8: shorter names first */
static void
put_statement(struct cbor_out *out, const struct forge_statement *st,
    struct span pub_area, struct span cert_info, struct span jws)
{
	bool tpm = st->kind == ATTESTATION_TPM;
	bool safetynet = st->kind == ATTESTATION_SAFETYNET;
	bool chain = st->chain.there && !safetynet;
	bool sig = st->sig_there && !safetynet;

	cbor_put_map(out, (size_t)st->alg_there + sig + chain + 3u * tpm +
	    2u * safetynet + (st->extra.p != NULL));
	if (st->alg_there) {
		cbor_put_str(out, "alg");
		cbor_put_int(out, st->alg);
	}
	if (sig)
		put_member(out, "sig", st->sig);
	if (tpm || safetynet) {
		cbor_put_str(out, "ver");
		cbor_put_str(out, tpm ? st->tpm.ver : st->safetynet.ver);
	}
	if (chain)
		put_chain(out, &st->chain);
	if (tpm) {
		put_member(out, "pubArea", pub_area);
		put_member(out, "certInfo", cert_info);
	}
	if (safetynet)
		put_member(out, "response", jws);
	if (st->extra.p != NULL)
		cbor_put_raw(out, st->extra);
}

struct span
parts_write_statement(struct forge_memory *m,
    const struct forge_statement *st, struct span pub_area,
    struct span cert_info, struct span jws)
{
	struct cbor_out out;

	if (st->cbor.p != NULL)
		return st->cbor;
	if (!write_begin(m, &out, statement_size(st, pub_area, cert_info,
	    jws)))
		return span(NULL, 0);
	put_statement(&out, st, pub_area, cert_info, jws);
	return write_end(m, &out);
}

struct span
parts_write_compound(struct forge_memory *m,
    const struct forge_statement *st, const struct span *stmt, size_t count)
{
	struct cbor_out out;
	size_t cap = 16;

	for (size_t i = 0; i < count; i++)
		cap += 64 + stmt[i].len;
	if (!write_begin(m, &out, cap))
		return span(NULL, 0);
	cbor_put_array(&out, count);
	for (size_t i = 0; i < count; i++) {
		cbor_put_map(&out, 2);
		cbor_put_str(&out, "fmt");
		cbor_put_str(&out, st[i].fmt);
		cbor_put_str(&out, "attStmt");
		cbor_put_raw(&out, stmt[i]);
	}
	return write_end(m, &out);
}

/* Status byte and map, then whatever is to be behind it. */
static struct span
finish_reply(struct forge_memory *m, const struct cbor_out *out,
    struct span trailing)
{
	static const uint8_t ok = CTAP2_OK;
	struct span map = write_end(m, out);

	if (map.p == NULL)
		return map;
	map = forge_join(m, span(&ok, 1), map);
	return trailing.p != NULL ? forge_join(m, map, trailing) : map;
}

static void
put_raw(struct cbor_out *out, unsigned key, struct span value)
{
	if (value.p == NULL)
		return;
	cbor_put_uint(out, key);
	cbor_put_raw(out, value);
}

struct span
parts_write_mc(struct forge_memory *m, const struct forge_mc *mc,
    const char *fmt, struct span auth_data, struct span stmt)
{
	struct cbor_out out;

	if (!write_begin(m, &out, 128 + auth_data.len + stmt.len +
	    mc->large_blob_key.len + mc->unsigned_outputs.len))
		return span(NULL, 0);
	cbor_put_map(&out, 3u + mc->ep_att + (mc->large_blob_key.p != NULL) +
	    (mc->unsigned_outputs.p != NULL));
	cbor_put_uint(&out, 0x01);
	cbor_put_str(&out, fmt);
	cbor_put_uint(&out, 0x02);
	cbor_put_bytes(&out, auth_data);
	put_raw(&out, 0x03, stmt);
	if (mc->ep_att) {
		cbor_put_uint(&out, 0x04);
		cbor_put_bool(&out, true);
	}
	put_raw(&out, 0x05, mc->large_blob_key);
	put_raw(&out, 0x06, mc->unsigned_outputs);
	return finish_reply(m, &out, mc->trailing);
}

/*
 * The account as the engine told it, with another ID perhaps: names, if there
 * are any, stay.
 */
static void
put_user(struct cbor_out *out, struct span user, struct span id)
{
	struct span name, value, rest = span(NULL, 0);
	struct cbor_in in;
	size_t pairs = 1;

	cbor_in_init(&in, user);
	if (user.p != NULL && cbor_map(&in, &pairs) && cbor_text(&in, &name) &&
	    cbor_any(&in, &value))
		rest = in.rest;	/* "id" is the first of them */
	cbor_put_map(out, pairs);
	cbor_put_str(out, "id");
	cbor_put_bytes(out, id);
	if (rest.len > 0)
		cbor_put_raw(out, rest);
}

struct span
parts_write_ga(struct forge_memory *m, const struct forge_ga *ga,
    const struct forge_rest *rest, struct span auth_data)
{
	bool id = ga->credential_id.p != NULL, user = ga->user_id.p != NULL;
	struct cbor_out out;

	if (!write_begin(m, &out, 256 + ga->credential_id.len +
	    auth_data.len + ga->sig.len + ga->user_id.len + rest->user.len +
	    rest->members.len))
		return span(NULL, 0);
	cbor_put_map(&out, 2u + id + user + rest->count);
	if (id) {
		cbor_put_uint(&out, 0x01);
		cbor_put_map(&out, 2);
		cbor_put_str(&out, "id");
		cbor_put_bytes(&out, ga->credential_id);
		cbor_put_str(&out, "type");
		cbor_put_str(&out, "public-key");
	}
	cbor_put_uint(&out, 0x02);
	cbor_put_bytes(&out, auth_data);
	cbor_put_uint(&out, 0x03);
	cbor_put_bytes(&out, ga->sig);
	if (user) {
		cbor_put_uint(&out, 0x04);
		put_user(&out, rest->user, ga->user_id);
	}
	if (rest->count > 0)
		cbor_put_raw(&out, rest->members);
	return finish_reply(m, &out, ga->trailing);
}

struct span
parts_write_u2f(struct forge_memory *m, const struct forge_mc *mc,
    struct span point)
{
	const struct forge_statement *st = &mc->statement[0];
	struct span id = mc->auth_data.credential_id;
	uint8_t *begin, *at;

	if (id.len > UINT8_MAX || st->chain.x5c_count == 0)
		return span(NULL, 0);
	begin = at = forge_room(m, 1 + point.len + 1 + id.len +
	    st->chain.x5c[0].len + st->sig.len + 2);
	if (at == NULL)
		return span(NULL, 0);
	at = be_put(at, U2F_REGISTER_REPLY, 1);
	at = put(at, point);
	at = be_put(at, id.len, 1);
	at = put(at, id);
	at = put(at, st->chain.x5c[0]);
	at = put(at, st->sig);
	at = be_put(at, SW_NO_ERROR, 2);
	return span(begin, (size_t)(at - begin));
}

struct span
parts_write_u2f_ga(struct forge_memory *m, const struct forge_ga *ga)
{
	uint8_t *begin, *at;

	begin = at = forge_room(m, 5 + ga->sig.len + 2);
	if (at == NULL)
		return span(NULL, 0);
	at = be_put(at, ga->auth_data.flags, 1);
	at = be_put(at, ga->auth_data.counter, 4);
	at = put(at, ga->sig);
	at = be_put(at, SW_NO_ERROR, 2);
	return span(begin, (size_t)(at - begin));
}
