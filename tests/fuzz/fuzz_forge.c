/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies made anew, of a key with whatever settings, and faults in them. An
 * input is words, "CEREMONY KIND FAULT NUMBER", and lines "NAME=VALUE", the
 * settings; what is no such word is the first of its kind. What must hold for
 * every input:
 *
 *  1. A setting is taken, or refused with a line and not taken.
 *  2. What is honest is always begun; a fault may not fit. Whether one that was
 *     begun makes a difference is for tests/unit/test_faults.c to say.
 *  3. There is a reply, of one byte if it failed, else whole and not too long,
 *     and of one item if no fault is about that.
 *  4. The forge asks for signatures of credentials and of nothing else, and
 *     leaves the settings as they are.
 *  5. Without a fault, or with one that did not fit after all, a reply is what
 *     the engine replied, but for the attestation that was asked for: where
 *     none was, every byte. An assertion is signed.
 *
 * U2F has no honest reply of the forge's: what has no fault is the engine's.
 */
#include <openssl/evp.h>
#include <poll.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/device.h"
#include "authenticator/forge/forge.h"
#include "authenticator/settings.h"
#include "ctap/apdu.h"
#include "ctap/authdata.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"
#include "tests/fuzz/fuzz.h"
#include "tests/scratch.h"

#define TEXT_MAX	2048	/* bytes */
#define NOW_S		INT64_C(1800000000)
#define U2F_ID_AT	67	/* bytes into a registration */

/* A key that has answered that request, and waits with its reply. */
static struct ceremony {
	const char	*name;
	int		 alg;
	bool		 sign_in, u2f;
	enum attestation_kind kind;	/* of the device */
	struct scratch	 dir;
	struct device	*device;
	struct forge	*forge;
	struct auth_config auth;	/* of the forge */
	struct forge_source src;
	uint8_t		 handle[UINT8_MAX];	/* of U2F */
} ceremonies[] = {
	{ .name = "es256", .alg = COSE_ES256, .kind = ATTESTATION_PACKED },
	{ .name = "eddsa", .alg = COSE_EDDSA, .kind = ATTESTATION_NONE },
	{ .name = "rs256", .alg = COSE_RS256, .kind = ATTESTATION_NONE },
	{ .name = "get", .alg = COSE_ES256, .sign_in = true },
	{ .name = "u2f-register", .kind = ATTESTATION_PACKED, .u2f = true },
	{ .name = "u2f-get", .sign_in = true, .u2f = true },
};
#define CEREMONIES	(sizeof(ceremonies) / sizeof(ceremonies[0]))

static const uint8_t hash[32] = "a hash of what a client says ..";
static const uint8_t other_id[32] = "a credential of another account";

static void
answer(struct device *d, enum device_want want)
{
	struct pollfd pfd = { .fd = device_keys_fd(d), .events = POLLIN };

	while (want == DEVICE_USER || want == DEVICE_KEYS) {
		if (want == DEVICE_USER) {
			want = device_finger(d, (struct user_finger){
			    .long_touch = true }, 0);
			continue;
		}
		(void)poll(&pfd, 1, -1);
		want = device_keys(d, 0);
	}
	CHECK(want == DEVICE_REPLY);
}

static void
command(struct device *d, const struct cbor_out *request)
{
	CHECK(!request->overflow);
	answer(d, device_command(d, 0, cbor_out_span(request), 0));
}

/* U2F Raw Message Formats 1.2, 4.1 and 5.1, with lengths of three bytes */
static void
u2f(struct device *d, uint8_t ins, struct span handle)
{
	uint8_t apdu[512] = { 0, ins, 3 };
	size_t len = 64 + (handle.len > 0 ? 1 + handle.len : 0);

	CHECK(handle.len <= UINT8_MAX);
	apdu[5] = (uint8_t)(len >> 8);
	apdu[6] = (uint8_t)len;
	memcpy(apdu + 7, hash, 32);
	memcpy(apdu + 39, other_id, 32);
	apdu[71] = (uint8_t)handle.len;
	if (handle.len > 0)
		memcpy(apdu + 72, handle.p, handle.len);
	answer(d, device_apdu(d, 0, span(apdu, 7 + len + 2), 0));
	CHECK(device_reply(d).len > 2);
}

static void
u2f_ceremony(struct ceremony *c)
{
	struct span reply;

	u2f(c->device, U2F_REGISTER, span(NULL, 0));
	if (!c->sign_in)
		return;
	/* the handle is behind a byte, the point, and its length */
	reply = device_reply(c->device);
	reply = span(reply.p + U2F_ID_AT, reply.p[U2F_ID_AT - 1]);
	memcpy(c->handle, reply.p, reply.len);
	device_replied(c->device);
	u2f(c->device, U2F_AUTHENTICATE, span(c->handle, reply.len));
}

static void
make_credential(struct device *d, int alg)
{
	uint8_t buf[512];
	struct cbor_out out;

	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_raw(&out, span("\x01", 1));
	cbor_put_map(&out, 5);
	cbor_put_uint(&out, 1);
	cbor_put_bytes(&out, span(hash, sizeof(hash)));
	cbor_put_uint(&out, 2);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "id");
	cbor_put_str(&out, "a");
	cbor_put_uint(&out, 3);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "id");
	cbor_put_bytes(&out, span("u", 1));
	cbor_put_uint(&out, 4);
	cbor_put_array(&out, 1);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "alg");
	cbor_put_int(&out, alg);
	cbor_put_str(&out, "type");
	cbor_put_str(&out, "public-key");
	cbor_put_uint(&out, 7);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "rk");
	cbor_put_bool(&out, true);
	cbor_put_str(&out, "uv");
	cbor_put_bool(&out, true);
	command(d, &out);
}

static void
get_assertion(struct device *d)
{
	uint8_t buf[128];
	struct cbor_out out;

	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_raw(&out, span("\x02", 1));
	cbor_put_map(&out, 2);
	cbor_put_uint(&out, 1);
	cbor_put_str(&out, "a");
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(hash, sizeof(hash)));
	command(d, &out);
}

static void
begin(struct ceremony *c)
{
	char msg[DEVICE_MESSAGE_LEN];
	struct device_config cfg = { .create = true };
	struct forge_config fc = { .auth = &c->auth };

	scratch_new(&c->dir);
	cfg.path = c->dir.path;
	device_config_default(&cfg);
	cfg.auth.attestation.kind = c->kind;
	cfg.tpm.target = "none";
	CHECK(device_open(&cfg, 0, &c->device, msg, sizeof(msg)) == 0);
	fc.store = device_store(c->device);
	c->forge = forge_new(&fc);
	CHECK(c->forge != NULL);
	if (c->u2f)
		u2f_ceremony(c);
	else
		make_credential(c->device, c->alg);
	if (!c->u2f && c->sign_in) {
		device_replied(c->device);
		get_assertion(c->device);
	}
	CHECK(device_facts(c->device, &c->src.facts));
	c->src.reply = device_reply(c->device);
	c->src.now_s = NOW_S;
}

static void
end(void)
{
	for (size_t i = 0; i < CEREMONIES; i++) {
		forge_free(ceremonies[i].forge);
		device_replied(ceremonies[i].device);
		device_close(ceremonies[i].device);
		scratch_free(&ceremonies[i].dir);
	}
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* keys are in memory where the leak checker looks for no pointers */
	__lsan_disable();
	for (size_t i = 0; i < CEREMONIES; i++)
		begin(&ceremonies[i]);
	__lsan_enable();
	return atexit(end);
}

/* Whoever prints it cleans it of what it quotes. */
static void
check_line(const char *line)
{
	CHECK(*line != '\0');
}

static struct ceremony *
take_ceremony(const char *word)
{
	for (size_t i = 0; word != NULL && i < CEREMONIES; i++)
		if (strcmp(word, ceremonies[i].name) == 0)
			return &ceremonies[i];
	return &ceremonies[0];
}

static void
take_settings(char *lines, struct auth_config *auth)
{
	char msg[SETTINGS_MESSAGE_LEN], *line;
	struct auth_config before;

	while ((line = strsep(&lines, "\n")) != NULL) {
		memcpy(&before, auth, sizeof(before));
		if (settings_assign(auth, line, msg, sizeof(msg)) == 0)
			continue;
		check_line(msg);
		CHECK(memcmp(&before, auth, sizeof(before)) == 0);
	}
}

/* The hook that the fault has for the last thing that can be wrong. */
static bool
is_framed(const struct fault *f)
{
	return f != NULL && (f->mc.frame != NULL || f->ga.frame != NULL);
}

/*
 * Honest replies
 */

/* Member 1, 2 or 3 of a reply; the others, as they are, behind them. */
static struct span
member_of(struct span reply, uint64_t which)
{
	struct span value, found = { NULL, 0 };
	struct cbor_in in;
	uint64_t key;
	size_t pairs;

	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	CHECK(cbor_map(&in, &pairs));
	for (; pairs > 0; pairs--) {
		CHECK(cbor_uint(&in, &key) && cbor_any(&in, &value));
		if (key == which)
			found = value;
		else if (which == 0 && key > 3 && found.p == NULL)
			found = span(value.p, (size_t)(reply.p + reply.len -
			    value.p));
	}
	CHECK(in.err == CTAP2_OK && in.rest.len == 0);
	return found;
}

static struct span
bytes_of(struct span reply, uint64_t which)
{
	struct span item = member_of(reply, which), bytes;
	struct cbor_in in;

	cbor_in_init(&in, item);
	CHECK(cbor_bytes(&in, &bytes));
	return bytes;
}

/* WebAuthn Level 3, 8.6: U2F knows no AAGUID. */
static void
check_auth_data(struct span was, struct span is, bool blank)
{
	static const uint8_t zero[16];

	CHECK(was.len == is.len && was.len > 37 + sizeof(zero));
	CHECK(memcmp(was.p, is.p, 37) == 0);
	CHECK(memcmp(is.p + 37, blank ? zero : was.p + 37, sizeof(zero)) == 0);
	CHECK(span_eq(span(was.p + 53, was.len - 53),
	    span(is.p + 53, is.len - 53)));
}

static void
check_registration(const struct ceremony *c, struct span is)
{
	enum attestation_kind kind = forge_kind(c->forge);
	struct span was = c->src.reply, fmt;
	struct cbor_in in;

	check_auth_data(bytes_of(was, 2), bytes_of(is, 2),
	    kind == ATTESTATION_FIDO_U2F);
	CHECK(span_eq(member_of(was, 0), member_of(is, 0)));
	CHECK(kind == c->src.facts.attestation || kind == ATTESTATION_PACKED);
	cbor_in_init(&in, member_of(is, 1));
	CHECK(cbor_text(&in, &fmt) && span_eq(fmt,
	    span_str(auth_attestation_format(kind))));
	if (kind == ATTESTATION_NONE && c->kind == ATTESTATION_NONE)
		CHECK(span_eq(was, is));
}

static bool
is_signed(const struct ceremony *c, struct span auth_data, struct span sig)
{
	const struct credential *cred = c->src.facts.cred;
	EVP_PKEY *key = certificate_cose_key(span(cred->pub, cred->pub_len));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = key != NULL && md != NULL &&
	    EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerifyUpdate(md, auth_data.p, auth_data.len) == 1 &&
	    EVP_DigestVerifyUpdate(md, hash, sizeof(hash)) == 1 &&
	    EVP_DigestVerifyFinal(md, sig.p, sig.len) == 1;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return ok;
}

static void
check_assertion(const struct ceremony *c, struct span is)
{
	struct span was = c->src.reply;

	CHECK(span_eq(member_of(was, 1), member_of(is, 1)));
	CHECK(span_eq(member_of(was, 2), member_of(is, 2)));
	CHECK(span_eq(member_of(was, 0), member_of(is, 0)));
	CHECK(is_signed(c, bytes_of(is, 2), bytes_of(is, 3)));
}

/*
 * Any reply
 */

/* Point and certificate are what they are; a signature may be gone. */
static void
check_u2f(const struct ceremony *c, struct span reply)
{
	CHECK(reply.len >= 2 && reply.p[reply.len - 2] == 0x90 &&
	    reply.p[reply.len - 1] == 0);
	if (c->sign_in)
		CHECK(reply.len >= 5 + 2);
	else
		CHECK(reply.p[0] == 5 && reply.len > U2F_ID_AT &&
		    reply.len > U2F_ID_AT + reply.p[U2F_ID_AT - 1] + 4u &&
		    reply.p[U2F_ID_AT + reply.p[U2F_ID_AT - 1]] == 0x30);
}

/* An honest reply does not, but one that only the attestation key signs. */
static bool
may_fail(const struct ceremony *c)
{
	return c->src.choice.fault != NULL ||
	    (c->src.facts.attestation == ATTESTATION_FIDO_U2F &&
	    c->kind != ATTESTATION_PACKED);
}

static void
check_reply(const struct ceremony *c, bool compound)
{
	struct span reply = forge_reply(c->forge), item;
	struct cbor_in in;

	CHECK(reply.len > 0 && reply.len <= AUTH_MESSAGE_MAX);
	if (forge_trouble(c->forge) != NULL) {
		CHECK(may_fail(c));
		check_line(forge_trouble(c->forge));
		CHECK(reply.len == 1 && reply.p[0] != CTAP2_OK);
		CHECK(!forge_bent(c->forge));
		return;
	}
	if (c->u2f) {
		check_u2f(c, reply);
		return;
	}
	CHECK(reply.p[0] == CTAP2_OK && reply.len > 1);
	if (c->src.choice.fault == NULL && c->sign_in)
		check_assertion(c, reply);
	/* a compound one is deeper than CTAP2 allows */
	if (is_framed(c->src.choice.fault) || compound)
		return;
	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	CHECK(cbor_any(&in, &item) && item.len == reply.len - 1);
	if (c->src.choice.fault == NULL && !c->sign_in)
		check_registration(c, reply);
}

static void
run(struct ceremony *c)
{
	enum forge_want want = forge_run(c->forge);

	for (int i = 0; want == FORGE_KEY; i++) {
		struct key_op *op = forge_key_op(c->forge);

		CHECK(op->verb == KEY_SIGN && i < FORGE_STATEMENTS_MAX);
		(void)keys_perform(device_provider(c->device), op);
		want = forge_key_done(c->forge);
	}
	check_reply(c, !c->sign_in &&
	    forge_kind(c->forge) == ATTESTATION_COMPOUND);
}

static void
forge_it(struct ceremony *c)
{
	struct auth_config before;

	memcpy(&before, &c->auth, sizeof(before));
	if (forge_begin(c->forge, &c->src))
		run(c);
	else
		CHECK(c->src.choice.fault != NULL || c->u2f);
	/* as a device does it, if it did not fit */
	if (c->src.choice.fault != NULL && !forge_bent(c->forge)) {
		c->src.choice.fault = NULL;
		if (forge_begin(c->forge, &c->src))
			run(c);
		else
			CHECK(c->u2f);
	}
	forge_end(c->forge);
	CHECK(memcmp(&before, &c->auth, sizeof(before)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1], msg[FAULT_MESSAGE_LEN], *lines = text, *words;
	enum attestation_kind kind;
	const char *fault, *number;
	struct ceremony *c;

	if (size > TEXT_MAX || memchr(data, '\0', size) != NULL)
		return -1;
	memcpy(text, data, size);
	text[size] = '\0';
	words = strsep(&lines, "\n");
	c = take_ceremony(strsep(&words, " "));
	c->auth = *device_auth(c->device);
	kind = ATTESTATION_PACKED;
	(void)(words != NULL && settings_attestation_named(
	    strsep(&words, " "), &kind));
	if (!c->u2f)		/* which has its own */
		c->src.facts.attestation = kind;
	fault = strsep(&words, " ");
	number = strsep(&words, " ");
	c->src.choice = (struct fault_choice){ .fault = NULL };
	if (fault != NULL && fault_choose(fault, &c->src.choice, msg,
	    sizeof(msg)) < 0)
		check_line(msg);
	c->src.told = number != NULL ? (uint32_t)strtoul(number, NULL, 10) : 0;
	c->src.choice.value = c->src.told;
	c->src.other_id = c->src.told & 1 ? span(other_id, sizeof(other_id)) :
	    span(NULL, 0);
	c->src.other_user_id = c->src.told & 1 ? span("o", 1) : span(NULL, 0);
	take_settings(lines, &c->auth);
	forge_it(c);
	return 0;
}
