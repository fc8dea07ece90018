/* SPDX-License-Identifier: Apache-2.0 */
/* U2F tokens as a client sees them: see token_u2f.h. */
#include "authenticator/client/token_u2f.h"

#include "authenticator/clock.h"
#include "ctap/apdu.h"
#include "ctap/authdata.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"

#include <errno.h>
#include <openssl/evp.h>
#include <time.h>

#define U2F_REGISTER		0x01
#define U2F_AUTHENTICATE	0x02
#define CHECK_ONLY		0x07	/* P1: is this handle the token's? */
#define ENFORCE_PRESENCE	0x03

#define HASH_LEN		32	/* bytes */
#define HANDLE_MAX		255	/* bytes; its length has one */
#define POINT_LEN		COSE_P256_POINT_LEN
#define COUNTER_END		5	/* bytes: presence, counter */

static struct u2f_token *
u2f(struct token *t)
{
	return (struct u2f_token *)t;
}

void
u2f_pause(struct u2f_token *t)
{
	const struct timespec wait = { .tv_nsec = U2F_POLL_MS * 1000000L };

	(void)t;
	nanosleep(&wait, NULL);
}

uint64_t
u2f_now_ms(struct u2f_token *t)
{
	(void)t;
	return clock_ms();
}

static bool
hash(struct span in, uint8_t out[static HASH_LEN])
{
	return EVP_Digest(in.p, in.len, out, NULL, EVP_sha256(), NULL) == 1;
}

/* --- questions and answers ---------------------------------------------- */

/*
 * One APDU, in the extended form that all tokens take over HID. The status
 * word; *data is what came before it. Or -errno.
 */
static int
ask(struct u2f_token *t, uint8_t ins, uint8_t p1, struct span body,
    struct span *data)
{
	const uint8_t head[] = { 0, ins, p1, 0, 0, (uint8_t)(body.len >> 8),
	    (uint8_t)body.len };
	size_t len = sizeof(head) + body.len;
	int got;

	if (len + 2 > sizeof(t->request))
		return -EMSGSIZE;
	memcpy(t->request, head, sizeof(head));
	memcpy(t->request + sizeof(head), body.p, body.len);
	memset(t->request + len, 0, 2);	/* Le: whatever comes */
	got = t->wire->transact(t, len + 2);
	if (got < 2)
		return got < 0 ? got : -EPROTO;
	*data = span(t->reply, (size_t)got - 2);
	return t->reply[got - 2] << 8 | t->reply[got - 1];
}

/* The same until somebody has touched the token. */
static int
ask_present(struct u2f_token *t, uint8_t ins, struct span body,
    struct span *data)
{
	uint64_t end = t->wire->now_ms(t) + TOKEN_TIMEOUT_MS;
	int sw;

	while ((sw = ask(t, ins, ENFORCE_PRESENCE, body, data)) ==
	    SW_CONDITIONS_NOT_SATISFIED && t->wire->now_ms(t) < end)
		t->wire->pause(t);
	return sw;
}

/* What a client is told of a status word, or of -errno. */
static int
status(int sw)
{
	switch (sw) {
	case SW_NO_ERROR:
		return CTAP2_OK;
	case SW_CONDITIONS_NOT_SATISFIED:
		return CTAP2_ERR_USER_ACTION_TIMEOUT;
	case SW_WRONG_DATA:
	case SW_WRONG_LENGTH:	/* of handles that others made */
		return CTAP2_ERR_NO_CREDENTIALS;
	case SW_COMMAND_NOT_ALLOWED:
		return CTAP2_ERR_NOT_ALLOWED;
	default:
		return sw < 0 ? sw : CTAP1_ERR_OTHER;
	}
}

/* challenge, application, handle */
struct sign_body {
	uint8_t	bytes[2 * HASH_LEN + 1 + HANDLE_MAX];
	size_t	len;
};

static void
put_handle(struct sign_body *body, struct span handle)
{
	body->bytes[2 * HASH_LEN] = (uint8_t)handle.len;
	memcpy(body->bytes + 2 * HASH_LEN + 1, handle.p, handle.len);
	body->len = 2 * HASH_LEN + 1 + handle.len;
}

/*
 * The first of the list that the token made for this RP, with its body: 0,
 * CTAP2_ERR_NO_CREDENTIALS, or -errno.
 */
static int
find(struct u2f_token *t, struct span client_data_hash, struct span rp_id,
    const struct span *list, size_t count, struct sign_body *body,
    const struct span **found)
{
	struct span data;

	if (client_data_hash.len != HASH_LEN ||
	    !hash(rp_id, body->bytes + HASH_LEN))
		return -ENOMEM;
	memcpy(body->bytes, client_data_hash.p, HASH_LEN);
	for (size_t i = 0; i < count; i++) {
		int sw;

		if (list[i].len == 0 || list[i].len > HANDLE_MAX)
			continue;
		put_handle(body, list[i]);
		sw = ask(t, U2F_AUTHENTICATE, CHECK_ONLY,
		    span(body->bytes, body->len), &data);
		if (sw < 0)
			return sw;
		/* some say that all is well instead */
		if (sw != SW_CONDITIONS_NOT_SATISFIED && sw != SW_NO_ERROR)
			continue;
		*found = &list[i];
		return 0;
	}
	return CTAP2_ERR_NO_CREDENTIALS;
}

/* --- registration ------------------------------------------------------- */

/* A registration's answer, taken apart. */
struct registration {
	struct span	point;		/* 04, x, y */
	struct span	handle;
	struct span	cert;		/* DER */
	struct span	signature;
};

/*
 * The bytes of a SEQUENCE at the beginning of data, 0: there is none that
 * fits. Lengths of one to three bytes.
 */
static size_t
sequence_len(struct span data)
{
	size_t len, head = 2;

	if (data.len < 2 || data.p[0] != 0x30)
		return 0;
	len = data.p[1];
	if (len == 0x81 && data.len >= 3) {
		len = data.p[2];
		head = 3;
	} else if (len == 0x82 && data.len >= 4) {
		len = (size_t)data.p[2] << 8 | data.p[3];
		head = 4;
	} else if (len >= 0x80) {
		return 0;
	}
	return head + len <= data.len ? head + len : 0;
}

/*
 * Raw Message Formats, 4.3. Whether there is anything in the handle, and what
 * is behind the certificate, is for the relying party to judge.
 */
static bool
take_registration(struct span data, struct registration *out)
{
	size_t at = 1 + POINT_LEN + 1, len;
	struct span rest;

	if (data.len < at || data.p[0] != 0x05 || data.p[1] != 0x04)
		return false;
	out->point = span(data.p + 1, POINT_LEN);
	out->handle = span(data.p + at, data.p[at - 1]);
	if (data.len - at < out->handle.len)
		return false;
	at += out->handle.len;
	rest = span(data.p + at, data.len - at);
	len = sequence_len(rest);
	if (len == 0)
		return false;
	out->cert = span(rest.p, len);
	out->signature = span(rest.p + len, rest.len - len);
	return true;
}

/* CTAP 2.3, 10.2: as if the token had made it. */
static bool
put_credential(struct u2f_token *t, const struct registration *reg,
    const uint8_t rp_id_hash[static HASH_LEN], struct token_credential *out)
{
	static const uint8_t no_aaguid[16];
	uint8_t key[COSE_KEY_MAX];
	struct authdata ad = {
		.rp_id_hash = rp_id_hash,
		.flags = AUTHDATA_UP,
		.aaguid = no_aaguid,
		.credential_id = reg->handle,
		.public_key.p = key,
	};
	struct cbor_out stmt;
	size_t len;

	ad.public_key.len = cose_ec2(key, COSE_ES256, COSE_P256,
	    span(reg->point.p + 1, 32), span(reg->point.p + 33, 32));
	len = authdata_write(&ad, t->auth_data, sizeof(t->auth_data));
	cbor_out_init(&stmt, t->att_stmt, sizeof(t->att_stmt));
	cbor_put_map(&stmt, 2);
	cbor_put_str(&stmt, "sig");
	cbor_put_bytes(&stmt, reg->signature);
	cbor_put_str(&stmt, "x5c");
	cbor_put_array(&stmt, 1);
	cbor_put_bytes(&stmt, reg->cert);
	memset(out, 0, sizeof(*out));
	out->fmt = span_str("fido-u2f");
	out->auth_data = span(t->auth_data, len);
	out->att_stmt = span(t->att_stmt, stmt.len);
	return len > 0 && !stmt.overflow;
}

/*
 * One that is excluded is told only to who is there; a registration for
 * nobody is all that U2F has to find that out.
 */
static int
touch_excluded(struct u2f_token *t)
{
	uint8_t body[2 * HASH_LEN];
	struct span data;
	int sw;

	memset(body, 'A', sizeof(body));
	sw = ask_present(t, U2F_REGISTER, span(body, sizeof(body)), &data);
	return sw == SW_NO_ERROR ? CTAP2_ERR_CREDENTIAL_EXCLUDED : status(sw);
}

static bool
wants_es256(const struct token_make *req)
{
	for (size_t i = 0; i < req->alg_count; i++)
		if (req->algs[i] == COSE_ES256)
			return true;
	return false;
}

static int
u2f_make(struct token *token, const struct token_make *req,
    struct token_credential *out)
{
	struct u2f_token *t = u2f(token);
	struct registration reg;
	const struct span *found;
	struct sign_body body;
	struct span data;
	int r;

	if (req->rk || req->uv)
		return CTAP2_ERR_UNSUPPORTED_OPTION;
	if (!wants_es256(req))
		return CTAP2_ERR_UNSUPPORTED_ALGORITHM;
	r = find(t, req->client_data_hash, req->rp_id, req->exclude,
	    req->exclude_count, &body, &found);
	if (r == 0)
		return touch_excluded(t);
	if (r != CTAP2_ERR_NO_CREDENTIALS)
		return r;
	r = status(ask_present(t, U2F_REGISTER, span(body.bytes,
	    2 * HASH_LEN), &data));
	if (r != 0)
		return r;
	if (!take_registration(data, &reg) ||
	    !put_credential(t, &reg, body.bytes + HASH_LEN, out))
		return -EPROTO;
	return 0;
}

/* --- the rest ----------------------------------------------------------- */

/* CTAP 2.3, 10.3; the answer is presence, counter, signature */
static bool
put_assertion(struct u2f_token *t, const struct span *handle,
    const uint8_t rp_id_hash[static HASH_LEN], struct span data,
    struct token_assertion *out)
{
	if (data.len < COUNTER_END)
		return false;
	memcpy(t->auth_data, rp_id_hash, HASH_LEN);
	memcpy(t->auth_data + HASH_LEN, data.p, COUNTER_END);
	/* what else the token says there is no flag of an authenticator's */
	t->auth_data[HASH_LEN] &= AUTHDATA_UP;
	out->auth_data = span(t->auth_data, HASH_LEN + COUNTER_END);
	out->signature = span(data.p + COUNTER_END, data.len - COUNTER_END);
	out->credential_id = *handle;
	return true;
}

static int
u2f_get(struct token *token, const struct token_get *req,
    struct token_assertion *out)
{
	struct u2f_token *t = u2f(token);
	const struct span *found;
	struct sign_body body;
	struct span data;
	int r;

	memset(out, 0, sizeof(*out));
	if (req->uv)
		return CTAP2_ERR_UNSUPPORTED_OPTION;
	r = find(t, req->client_data_hash, req->rp_id, req->allow,
	    req->allow_count, &body, &found);
	if (r != 0)
		return r;
	/* who is silent wants to know that it is there */
	if (req->silent) {
		out->credential_id = *found;
		return 0;
	}
	r = status(ask_present(t, U2F_AUTHENTICATE, span(body.bytes,
	    body.len), &data));
	if (r != 0)
		return r;
	return put_assertion(t, found, body.bytes + HASH_LEN, data, out) ?
	    0 : -EPROTO;
}

static int
u2f_info(struct token *token, struct token_info *out)
{
	(void)token;
	*out = (struct token_info){
		.make_without_uv = true,
		.message_max = AUTH_MESSAGE_MAX,
		.algs = { COSE_ES256 },
		.alg_count = 1,
		.transports = { "usb" },
		.transport_count = 1,
	};
	return 0;
}

static int
u2f_blobs_read(struct token *token, struct span *out)
{
	(void)token;
	(void)out;
	return CTAP1_ERR_INVALID_COMMAND;
}

static int
u2f_blobs_write(struct token *token, struct span array)
{
	(void)token;
	(void)array;
	return CTAP1_ERR_INVALID_COMMAND;
}

/* It has none, and nothing to give it to. */
static void
u2f_set_pin(struct token *token, struct span pin)
{
	(void)token;
	(void)pin;
}

static void
u2f_free(struct token *token)
{
	struct u2f_token *t = u2f(token);

	t->wire->close(t);
}

static const struct token_ops u2f_ops = {
	.info = u2f_info,
	.make = u2f_make,
	.get = u2f_get,
	.blobs_read = u2f_blobs_read,
	.blobs_write = u2f_blobs_write,
	.set_pin = u2f_set_pin,
	.free = u2f_free,
};

void
u2f_token_init(struct u2f_token *t, const struct u2f_wire *wire)
{
	t->token.ops = &u2f_ops;
	t->wire = wire;
}

bool
u2f_token_is(const struct token *token)
{
	return token->ops == &u2f_ops;
}
