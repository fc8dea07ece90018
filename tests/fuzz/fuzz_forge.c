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
 */
#include <poll.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/device.h"
#include "authenticator/forge/forge.h"
#include "authenticator/settings.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"
#include "tests/fuzz/fuzz.h"
#include "tests/scratch.h"

#define TEXT_MAX	2048	/* bytes */
#define NOW_S		INT64_C(1800000000)

/* A key that has answered that request, and waits with its reply. */
static struct ceremony {
	const char	*name;
	int		 alg;		/* 0: a sign-in */
	struct scratch	 dir;
	struct device	*device;
	struct forge	*forge;
	struct auth_config auth;	/* of the forge */
	struct forge_source src;
} ceremonies[] = {
	{ .name = "es256", .alg = COSE_ES256 },
	{ .name = "eddsa", .alg = COSE_EDDSA },
	{ .name = "rs256", .alg = COSE_RS256 },
	{ .name = "get", .alg = 0 },
};
#define CEREMONIES	(sizeof(ceremonies) / sizeof(ceremonies[0]))

static const uint8_t hash[32] = "a hash of what a client says ..";
static const uint8_t other_id[32] = "a credential of another account";

static void
answer(struct device *d, const struct cbor_out *request)
{
	enum device_want want = device_command(d, 0, cbor_out_span(request),
	    0);

	struct pollfd pfd = { .fd = device_keys_fd(d), .events = POLLIN };

	CHECK(!request->overflow);
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
	answer(d, &out);
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
	answer(d, &out);
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
	cfg.auth.attestation.kind = ATTESTATION_NONE;
	cfg.tpm.target = "none";
	CHECK(device_open(&cfg, 0, &c->device, msg, sizeof(msg)) == 0);
	fc.store = device_store(c->device);
	c->forge = forge_new(&fc);
	CHECK(c->forge != NULL);
	make_credential(c->device, c->alg != 0 ? c->alg : COSE_ES256);
	if (c->alg == 0) {
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

static void
check_reply(const struct ceremony *c, bool compound)
{
	struct span reply = forge_reply(c->forge), item;
	struct cbor_in in;

	CHECK(reply.len > 0 && reply.len <= AUTH_MESSAGE_MAX);
	if (forge_trouble(c->forge) != NULL) {
		check_line(forge_trouble(c->forge));
		CHECK(reply.len == 1 && reply.p[0] != CTAP2_OK);
		CHECK(!forge_bent(c->forge));
		return;
	}
	CHECK(reply.p[0] == CTAP2_OK && reply.len > 1);
	/* a compound one is deeper than CTAP2 allows */
	if (is_framed(c->src.choice.fault) || compound)
		return;
	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	CHECK(cbor_any(&in, &item) && item.len == reply.len - 1);
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
	check_reply(c, c->alg != 0 &&
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
		CHECK(c->src.choice.fault != NULL);
	forge_end(c->forge);
	CHECK(memcmp(&before, &c->auth, sizeof(before)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1], msg[FAULT_MESSAGE_LEN], *lines = text, *words;
	const char *fault, *number;
	struct ceremony *c;

	if (size > TEXT_MAX || memchr(data, '\0', size) != NULL)
		return -1;
	memcpy(text, data, size);
	text[size] = '\0';
	words = strsep(&lines, "\n");
	c = take_ceremony(strsep(&words, " "));
	c->auth = *device_auth(c->device);
	c->src.facts.attestation = ATTESTATION_PACKED;
	(void)(words != NULL && settings_attestation_named(
	    strsep(&words, " "), &c->src.facts.attestation));
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
