/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load_client.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "authenticator/base64url.h"
#include "authenticator/be.h"
#include "authenticator/client/token_cbor.h"
#include "authenticator/control/control_client.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"
#include "ctap/request.h"

#define RP_ID		"load.example"
#define REPLY_MS	30000	/* who waits as long has lost something */
#define PING_MAX	2048	/* bytes */
#define MESSAGE_MAX	2048	/* bytes, of a request of ours */
#define TEXT_MAX	(BASE64URL_LEN(LOAD_ID_MAX) + 64)
#define HASH_LEN	32
/* Authenticator data: WebAuthn Level 3, 6.1 */
#define AT_COUNTER	33
#define AUTH_DATA_MIN	37
#define COSE_ES256_LEN	77	/* canonical: RFC 9053, 7.1 */

const char *const load_kind_names[LOAD_KINDS] = {
	"ping", "getInfo", "register", "register, kept", "sign in",
	"sign in, pressed", "control: info", "control: credentials",
	"control: delete", "control: reset", "control: power-cycle",
	"connect",
};

uint64_t
load_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* xorshift64: the same order in every run, for what the seed is. */
static uint64_t
draw(struct load_client *c, uint64_t below)
{
	c->seed ^= c->seed << 13;
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	return c->seed % below;
}

static bool __attribute__((format(printf, 2, 3)))
fail(struct load_client *c, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (c->errors++ > 0)
		return false;
	n = snprintf(c->why, sizeof(c->why), "%s: ", c->name);
	va_start(ap, fmt);
	vsnprintf(c->why + n, sizeof(c->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

static void
took(struct load_client *c, enum load_kind kind, uint64_t start_ns)
{
	histogram_add(&c->ns[kind], load_now_ns() - start_ns);
}

/* Messages. */

static bool
send_message(struct load_client *c, uint8_t cmd, struct span msg)
{
	int r = hid_host_send(&c->hid, c->cid, cmd, msg);

	return r == 0 || fail(c, "a message is not taken: %s", strerror(-r));
}

static bool
take_message(struct load_client *c, uint8_t cmd)
{
	enum hid_host_event e = hid_host_reply(&c->hid, c->cid, REPLY_MS);

	if (e == HID_HOST_REPLY && c->hid.cmd == cmd)
		return true;
	if (e == HID_HOST_REPLY)
		return fail(c, "an answer to 0x%02x is 0x%02x", cmd,
		    c->hid.cmd);
	if (e == HID_HOST_ERROR)
		return fail(c, "CTAPHID error 0x%02x", c->hid.code);
	return fail(c, "no answer to 0x%02x: %s", cmd,
	    e == HID_HOST_SILENCE ? "silence" : c->hid.why);
}

static bool
take_answer(struct load_client *c, uint8_t want)
{
	if (!take_message(c, CTAPHID_CMD_CBOR))
		return false;
	c->answers++;
	if (c->hid.len == 0 || c->hid.msg[0] != want)
		return fail(c, "status 0x%02x, not 0x%02x",
		    c->hid.len == 0 ? 0xff : c->hid.msg[0], want);
	if (c->hid.len > 1 &&
	    !cbor_check(span(c->hid.msg + 1, c->hid.len - 1)))
		return fail(c, "an answer is not canonical CBOR");
	return true;
}

static bool
ask(struct load_client *c, enum load_kind kind, struct span msg)
{
	uint64_t start = load_now_ns();

	if (!send_message(c, CTAPHID_CMD_CBOR, msg) ||
	    !take_answer(c, CTAP2_OK))
		return false;
	took(c, kind, start);
	return true;
}

/* *out: a new reference, or NULL out: whatever it says. */
static bool
control(struct load_client *c, const char *method, const char *what,
    const char *body, json_t **out)
{
	char target[TEXT_MAX + 64], msg[256];
	json_t *json = NULL;
	int r;

	snprintf(target, sizeof(target), "/v1/keys/%s/%s", c->name, what);
	r = control_call_with(c->control, method, target, body, &json, msg,
	    sizeof(msg));
	if (r < 0)
		return fail(c, "%s %s: %s", method, what, msg);
	if (out != NULL)
		*out = json;
	else
		json_decref(json);
	return true;
}

static bool
ask_control(struct load_client *c, enum load_kind kind, const char *method,
    const char *what, json_t **out)
{
	uint64_t start = load_now_ns();

	if (!control(c, method, what, "", out))
		return false;
	took(c, kind, start);
	return true;
}

/* What the key said. */

static struct span
answer_body(const struct load_client *c)
{
	return span(c->hid.msg + 1, c->hid.len - 1);
}

static bool
counter_rises(struct load_client *c, struct span auth_data)
{
	uint32_t counter = (uint32_t)be_get(auth_data.p + AT_COUNTER, 4);

	if (counter <= c->counter)
		return fail(c, "counter %u after %u", counter, c->counter);
	c->counter = counter;
	return true;
}

static EVP_PKEY *
public_key(struct span cose)
{
	uint8_t point[COSE_P256_POINT_LEN];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM params[3];

	cose_p256_point(cose, point);
	params[0] = OSSL_PARAM_construct_utf8_string(
	    OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)"P-256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(
	    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	params[2] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
slot_clear(struct load_slot *s)
{
	EVP_PKEY_free(s->key);
	s->key = NULL;
}

static bool
slot_fill(struct load_client *c, struct load_slot *s)
{
	struct token_credential made;
	struct token_auth_data ad;

	slot_clear(s);
	if (!token_decode_credential(answer_body(c), &made) ||
	    !token_decode_auth_data(made.auth_data, &ad))
		return fail(c, "a registration is none");
	if (ad.credential_id.len == 0 || ad.credential_id.len > LOAD_ID_MAX ||
	    ad.public_key.len != COSE_ES256_LEN)
		return fail(c, "a registration is too short, or too long");
	memcpy(s->id, ad.credential_id.p, ad.credential_id.len);
	s->id_len = ad.credential_id.len;
	s->key = public_key(ad.public_key);
	return s->key != NULL || fail(c, "a public key is none");
}

static bool
verifies(EVP_PKEY *key, const struct token_assertion *got,
    const uint8_t hash[static HASH_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerifyUpdate(ctx, got->auth_data.p,
	    got->auth_data.len) == 1 &&
	    EVP_DigestVerifyUpdate(ctx, hash, HASH_LEN) == 1 &&
	    EVP_DigestVerifyFinal(ctx, got->signature.p,
	    got->signature.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
signed_by(struct load_client *c, const struct load_slot *s,
    const uint8_t hash[static HASH_LEN])
{
	struct token_assertion got;

	if (!token_decode_assertion(answer_body(c), &got) ||
	    got.auth_data.len < AUTH_DATA_MIN)
		return fail(c, "a sign-in is none");
	return counter_rises(c, got.auth_data) &&
	    (verifies(s->key, &got, hash) ||
	    fail(c, "a signature is wrong"));
}

/* Requests. */

static void
draw_bytes(struct load_client *c, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)draw(c, 256);
}

static size_t
write_make(struct load_client *c, uint8_t *msg, size_t slot, bool kept)
{
	static const int algs[] = { COSE_ES256 };
	uint8_t hash[HASH_LEN], user = (uint8_t)slot;
	const struct token_make req = {
		.client_data_hash = span(hash, sizeof(hash)),
		.rp_id = span_str(RP_ID),
		.rp_name = span_str("load"),
		.user_id = span(&user, 1),
		.user_name = span_str("user@example"),
		.algs = algs,
		.alg_count = 1,
		.rk = kept,
		.uv = true,
	};

	draw_bytes(c, hash, sizeof(hash));
	return token_encode_make(&req, NULL, msg, MESSAGE_MAX);
}

static size_t
write_get(struct load_client *c, uint8_t *msg, struct span id,
    uint8_t hash[static HASH_LEN])
{
	const struct token_get req = {
		.client_data_hash = span(hash, HASH_LEN),
		.rp_id = span_str(RP_ID),
		.allow = &id,
		.allow_count = 1,
	};

	draw_bytes(c, hash, HASH_LEN);
	return token_encode_get(&req, NULL, msg, MESSAGE_MAX);
}

/* Operations: false if something is not as it should be. */

static bool
do_ping(struct load_client *c)
{
	uint8_t msg[PING_MAX];
	size_t len = draw(c, sizeof(msg) + 1);
	uint64_t start;

	draw_bytes(c, msg, len);
	start = load_now_ns();
	if (!send_message(c, CTAPHID_CMD_PING, span(msg, len)) ||
	    !take_message(c, CTAPHID_CMD_PING))
		return false;
	took(c, LOAD_PING, start);
	return span_eq(span(msg, len), span(c->hid.msg, c->hid.len)) ||
	    fail(c, "a ping comes back different");
}

static bool
do_get_info(struct load_client *c)
{
	const uint8_t msg = CTAP_GET_INFO;

	return ask(c, LOAD_GET_INFO, span(&msg, 1));
}

static bool
make(struct load_client *c, struct load_slot *slots, size_t i)
{
	bool kept = slots == c->kept;
	uint8_t msg[MESSAGE_MAX];
	size_t len = write_make(c, msg, i, kept);

	return ask(c, kept ? LOAD_MAKE_KEPT : LOAD_MAKE, span(msg, len)) &&
	    slot_fill(c, &slots[i]);
}

static bool
do_make(struct load_client *c)
{
	return make(c, c->loose, draw(c, LOAD_SLOTS));
}

static bool
do_make_kept(struct load_client *c)
{
	return make(c, c->kept, draw(c, LOAD_SLOTS));
}

/* Any of the credentials; one is made where there is none. */
static struct load_slot *
any_slot(struct load_client *c)
{
	struct load_slot *slots = draw(c, 2) == 0 ? c->kept : c->loose;
	size_t i = draw(c, LOAD_SLOTS);

	if (slots[i].key == NULL && !make(c, slots, i))
		return NULL;
	return &slots[i];
}

static bool
do_sign_in(struct load_client *c)
{
	struct load_slot *s = any_slot(c);
	uint8_t msg[MESSAGE_MAX], hash[HASH_LEN];
	size_t len;

	if (s == NULL)
		return false;
	len = write_get(c, msg, span(s->id, s->id_len), hash);
	return ask(c, LOAD_SIGN_IN, span(msg, len)) && signed_by(c, s, hash);
}

static bool
do_pressed(struct load_client *c)
{
	struct load_slot *s = any_slot(c);
	uint8_t msg[MESSAGE_MAX], hash[HASH_LEN];
	uint64_t start;
	size_t len;

	if (s == NULL || !control(c, "PUT", "presence",
	    "{\"presence\": \"manual\"}", NULL))
		return false;
	len = write_get(c, msg, span(s->id, s->id_len), hash);
	start = load_now_ns();
	if (!send_message(c, CTAPHID_CMD_CBOR, span(msg, len)) ||
	    !control(c, "POST", "press", "", NULL) ||
	    !take_answer(c, CTAP2_OK))
		return false;
	took(c, LOAD_PRESSED, start);
	return signed_by(c, s, hash) && control(c, "PUT", "presence",
	    "{\"presence\": \"auto\"}", NULL);
}

static size_t
count_kept(const struct load_client *c)
{
	size_t n = 0;

	for (size_t i = 0; i < LOAD_SLOTS; i++)
		n += c->kept[i].key != NULL;
	return n;
}

static bool
do_control(struct load_client *c)
{
	json_int_t count = -1;
	json_t *json;

	if (!ask_control(c, LOAD_CONTROL, "GET", "info", &json))
		return false;
	(void)json_unpack(json, "{s:I}", "credentials", &count);
	json_decref(json);
	return count == (json_int_t)count_kept(c) || fail(c, "%lld "
	    "credentials of %zu", (long long)count, count_kept(c));
}

static bool
do_list(struct load_client *c)
{
	size_t count;
	json_t *json;

	if (!ask_control(c, LOAD_LIST, "GET", "credentials", &json))
		return false;
	count = json_array_size(json_object_get(json, "credentials"));
	json_decref(json);
	return count == count_kept(c) || fail(c, "%zu credentials of %zu are "
	    "listed", count, count_kept(c));
}

/* What was deleted no longer signs in. */
static bool
do_delete(struct load_client *c)
{
	size_t i = draw(c, LOAD_SLOTS), len;
	uint8_t msg[MESSAGE_MAX], hash[HASH_LEN];
	struct load_slot *s = &c->kept[i];
	char what[TEXT_MAX] = "credentials/";

	if (s->key == NULL && !make(c, c->kept, i))
		return false;
	base64url_encode(span(s->id, s->id_len), what + strlen(what));
	if (!ask_control(c, LOAD_DELETE, "DELETE", what, NULL))
		return false;
	slot_clear(s);
	len = write_get(c, msg, span(s->id, s->id_len), hash);
	return send_message(c, CTAPHID_CMD_CBOR, span(msg, len)) &&
	    take_answer(c, CTAP2_ERR_NO_CREDENTIALS);
}

static void
clear_slots(struct load_client *c)
{
	for (size_t i = 0; i < LOAD_SLOTS; i++) {
		slot_clear(&c->kept[i]);
		slot_clear(&c->loose[i]);
	}
}

static bool
do_reset(struct load_client *c)
{
	if (!ask_control(c, LOAD_RESET, "POST", "reset", NULL))
		return false;
	clear_slots(c);
	return true;
}

static bool
open_channel(struct load_client *c)
{
	return hid_host_channel(&c->hid, &c->cid) == HID_HOST_REPLY ||
	    fail(c, "no channel: %s", c->hid.why);
}

static bool
do_power_cycle(struct load_client *c)
{
	return ask_control(c, LOAD_POWER_CYCLE, "POST", "power-cycle", NULL) &&
	    open_channel(c);
}

static bool
do_connect(struct load_client *c)
{
	uint64_t start = load_now_ns();
	char msg[256];

	host_pipe_free(c->hid.pipe);
	c->hid.pipe = NULL;
	if (host_pipe_open_socket(c->socket, &c->hid.pipe, msg,
	    sizeof(msg)) != 0)
		return fail(c, "%s", msg);
	if (!open_channel(c))
		return false;
	took(c, LOAD_CONNECT, start);
	return true;
}

/* How often each comes, of a thousand. */
static const struct {
	unsigned weight;
	bool	(*run)(struct load_client *c);
} mix[] = {
	{ 200,	do_ping },
	{ 150,	do_get_info },
	{ 100,	do_make },
	{ 100,	do_make_kept },
	{ 300,	do_sign_in },
	{ 30,	do_pressed },
	{ 60,	do_control },
	{ 20,	do_list },
	{ 20,	do_delete },
	{ 2,	do_reset },
	{ 8,	do_power_cycle },
	{ 10,	do_connect },
};

static bool
do_any(struct load_client *c)
{
	uint64_t at = draw(c, 1000);
	size_t i = 0;

	for (; at >= mix[i].weight; i++)
		at -= mix[i].weight;
	return mix[i].run(c);
}

void
load_client_run(struct load_client *c)
{
	bool ok = do_connect(c);

	while (!atomic_load(c->stop) && c->errors < LOAD_ERRORS_MAX)
		/* after an error nobody knows what comes next on a channel */
		ok = ok ? do_any(c) : do_connect(c);
	host_pipe_free(c->hid.pipe);
	c->hid.pipe = NULL;
	clear_slots(c);
}
