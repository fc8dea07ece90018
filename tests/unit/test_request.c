/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: from bytes to structs. The engine does not have all commands
 * yet, so the tables of those are only seen here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "ctap/request.h"
#include "tests/hex.h"

#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

#define HASH	"5820 000102030405060708090a0b0c0d0e0f" \
		"101112131415161718191a1b1c1d1e1f"
#define PUBLIC_KEY "6a 7075626c69632d6b6579"	/* "public-key" */
#define ID	"62 6964"
#define TYPE	"64 74797065"
#define NAME	"64 6e616d65"
#define ALG	"63 616c67"
#define COORD	"5820 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PEER	"a5 01 02 03 3818 20 01 21 " COORD " 22 " COORD
#define DESCRIPTOR "a2 " ID " 42 0102 " TYPE " " PUBLIC_KEY

static enum ctap_status
decode(uint8_t cmd, const char *text, union ctap_request *req)
{
	struct span msg = hex(text);
	enum ctap_status status = ctap_decode(cmd, msg, req);

	hex_free(msg);
	return status;
}

/* --- the tables ---------------------------------------------------------- */

enum kind { K_UINT, K_NEGINT, K_BYTES, K_TEXT, K_ARRAY, K_MAP, K_BOOL,
	K_NULL, KINDS };

static const char *const of_kind[KINDS] = { "05", "24", "4100", "6161",
	"80", "a0", "f5", "f6" };

struct member {
	const char	*key;
	const char	*value;
	enum kind	 kind;
	bool		 required;
};

#define MEMBERS_MAX	11

static const struct {
	uint8_t		cmd;
	struct member	m[MEMBERS_MAX];
} commands[] = {
	{ CTAP_MAKE_CREDENTIAL, {
		{ "01", HASH, K_BYTES, true },
		{ "02", "a1 " ID " 6161", K_MAP, true },
		{ "03", "a1 " ID " 4101", K_MAP, true },
		{ "04", "81 a2 " ALG " 26 " TYPE PUBLIC_KEY, K_ARRAY, true },
		{ "05", "81 " DESCRIPTOR, K_ARRAY, false },
		{ "06", "a0", K_MAP, false },
		{ "07", "a0", K_MAP, false },
		{ "08", "40", K_BYTES, false },
		{ "09", "02", K_UINT, false },
		{ "0a", "01", K_UINT, false },
		{ "0b", "80", K_ARRAY, false } } },
	{ CTAP_GET_ASSERTION, {
		{ "01", "6161", K_TEXT, true },
		{ "02", HASH, K_BYTES, true },
		{ "03", "80", K_ARRAY, false },
		{ "04", "a0", K_MAP, false },
		{ "05", "a0", K_MAP, false },
		{ "06", "40", K_BYTES, false },
		{ "07", "01", K_UINT, false } } },
	{ CTAP_CLIENT_PIN, {
		{ "01", "02", K_UINT, false },
		{ "02", "09", K_UINT, true },
		{ "03", PEER, K_MAP, false },
		{ "04", "40", K_BYTES, false },
		{ "05", "40", K_BYTES, false },
		{ "06", "40", K_BYTES, false },
		{ "09", "03", K_UINT, false },
		{ "0a", "60", K_TEXT, false } } },
	{ CTAP_BIO_ENROLLMENT, {
		{ "01", "01", K_UINT, false },
		{ "02", "01", K_UINT, false },
		{ "03", "a0", K_MAP, false },
		{ "04", "02", K_UINT, false },
		{ "05", "40", K_BYTES, false },
		{ "06", "f5", K_BOOL, false } } },
	{ CTAP_CREDENTIAL_MANAGEMENT, {
		{ "01", "01", K_UINT, true },
		{ "02", "a0", K_MAP, false },
		{ "03", "02", K_UINT, false },
		{ "04", "40", K_BYTES, false } } },
	{ CTAP_LARGE_BLOBS, {
		{ "01", "00", K_UINT, false },
		{ "02", "40", K_BYTES, false },
		{ "03", "00", K_UINT, false },
		{ "04", "00", K_UINT, false },
		{ "05", "40", K_BYTES, false },
		{ "06", "02", K_UINT, false } } },
	{ CTAP_CONFIG, {
		{ "01", "01", K_UINT, true },
		{ "02", "a0", K_MAP, false },
		{ "03", "02", K_UINT, false },
		{ "04", "40", K_BYTES, false } } },
};

static size_t
member_count(const struct member *m)
{
	size_t n = 0;

	while (n < MEMBERS_MAX && m[n].key != NULL)
		n++;
	return n;
}

/* All members, but that value in place of the one of number at; NULL: none. */
static enum ctap_status
decode_with(size_t c, size_t at, const char *value)
{
	const struct member *m = commands[c].m;
	size_t n = member_count(m);
	union ctap_request req;
	char text[2048];
	int len;

	len = snprintf(text, sizeof(text), "%02zx",
	    0xa0 + n - (at < n && value == NULL));
	for (size_t i = 0; i < n; i++) {
		const char *v = i == at ? value : m[i].value;

		if (v != NULL)
			len += snprintf(text + len,
			    sizeof(text) - (size_t)len, " %s %s", m[i].key, v);
	}
	return decode(commands[c].cmd, text, &req);
}

static void
all_members_at_once(void **state)
{
	(void)state;
	for (size_t c = 0; c < COUNT(commands); c++)
		assert_int_equal(decode_with(c, SIZE_MAX, NULL), CTAP2_OK);
}

static void
required_members_are_missed(void **state)
{
	(void)state;
	for (size_t c = 0; c < COUNT(commands); c++) {
		const struct member *m = commands[c].m;

		for (size_t i = 0; i < member_count(m); i++)
			assert_int_equal(decode_with(c, i, NULL),
			    m[i].required ? CTAP2_ERR_MISSING_PARAMETER :
			    CTAP2_OK);
	}
}

static void
every_member_has_one_type(void **state)
{
	(void)state;
	for (size_t c = 0; c < COUNT(commands); c++) {
		const struct member *m = commands[c].m;

		for (size_t i = 0; i < member_count(m) * KINDS; i++) {
			if (m[i / KINDS].kind == i % KINDS)
				continue;
			assert_int_equal(decode_with(c, i / KINDS,
			    of_kind[i % KINDS]),
			    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
		}
	}
}

static void
members_that_nobody_knows(void **state)
{
	union ctap_request req;

	(void)state;
	assert_int_equal(decode(CTAP_CLIENT_PIN, "a7 00 a1 00 80 01 01 02 02 "
	    "0b 4100 1818 f6 20 82 00 01 6161 f5", &req), CTAP2_OK);
	assert_true(req.pin.protocol.there);
	assert_int_equal(req.pin.subcommand, 2);
	assert_null(req.pin.rp_id.p);
	/* ... are looked at all the same */
	assert_int_equal(decode(CTAP_CLIENT_PIN, "a2 02 02 0b c000", &req),
	    CTAP2_ERR_INVALID_CBOR);
}

static void
what_comes_first_is_told_first(void **state)
{
	union ctap_request req;

	(void)state;
	assert_int_equal(decode(CTAP_CLIENT_PIN, "a1 01 6161", &req),
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	assert_int_equal(decode(CTAP_GET_ASSERTION,
	    "a3 01 6161 02 4100 03 f6", &req), CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(decode(CTAP_GET_ASSERTION,
	    "a3 01 f6 02 4100 03 f6", &req), CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	assert_int_equal(decode(CTAP_GET_ASSERTION,
	    "a3 01 f6 02 4100 04 c0", &req), CTAP2_ERR_INVALID_CBOR);
}

static void
commands_without_parameters(void **state)
{
	static const uint8_t cmds[] = { CTAP_GET_INFO, CTAP_RESET,
		CTAP_GET_NEXT_ASSERTION, CTAP_SELECTION };
	union ctap_request req;

	(void)state;
	for (size_t i = 0; i < COUNT(cmds); i++) {
		assert_int_equal(decode(cmds[i], "", &req), CTAP2_OK);
		assert_int_equal(decode(cmds[i], "a0", &req),
		    CTAP1_ERR_INVALID_LENGTH);
		assert_int_equal(decode(cmds[i], "ff", &req),
		    CTAP1_ERR_INVALID_LENGTH);
	}
}

static void
bytes_that_are_no_command(void **state)
{
	static const uint8_t known[] = { 1, 2, 4, 6, 7, 8, 9, 10, 11, 12,
		13 };
	union ctap_request req;

	(void)state;
	for (unsigned cmd = 0; cmd < 256; cmd++) {
		bool is_known = memchr(known, (int)cmd,
		    sizeof(known)) != NULL;

		assert_int_equal(decode((uint8_t)cmd, "a0", &req) ==
		    CTAP1_ERR_INVALID_COMMAND, !is_known);
		assert_int_equal(decode((uint8_t)cmd, "", &req) ==
		    CTAP1_ERR_INVALID_COMMAND, !is_known);
	}
}

/* --- what comes out ------------------------------------------------------ */

/* Whether s lies inside msg and holds these bytes. */
static void
assert_part(struct span msg, struct span s, const char *want)
{
	struct span w = hex(want);

	assert_true(s.p > msg.p && s.p + s.len <= msg.p + msg.len);
	assert_true(span_eq(s, w));
	hex_free(w);
}

static void
make_credential_whole(void **state)
{
	struct span msg = hex("ab 01 " HASH
	    " 02 a2 " ID " 6161 " NAME " 6162"
	    " 03 a3 " ID " 42 0a0b " NAME " 6163 6b 646973706c61794e616d65 60"
	    " 04 82 a2 " ALG " 26 " TYPE PUBLIC_KEY
	    " a2 " ALG " 390100 " TYPE " 6178"
	    " 05 81 " DESCRIPTOR
	    " 06 a2 6b 6372656450726f74656374 03"
	    " 6b 686d61632d736563726574 f5"
	    " 07 a3 62726b f5 627570 f4 627576 f5"
	    " 08 42 cafe 09 02 0a 01 0b 81 64 6e6f6e65");
	struct ctap_make_credential *mc;
	union ctap_request req;

	(void)state;
	mc = &req.mc;
	assert_int_equal(ctap_decode(CTAP_MAKE_CREDENTIAL, msg, &req),
	    CTAP2_OK);
	assert_part(msg, mc->client_data_hash, "000102030405060708090a0b0c0d"
	    "0e0f101112131415161718191a1b1c1d1e1f");
	assert_part(msg, mc->rp_id, "61");
	assert_part(msg, mc->rp_name, "62");
	assert_part(msg, mc->user.id, "0a0b");
	assert_part(msg, mc->user.name, "63");
	assert_part(msg, mc->user.display_name, "");
	assert_int_equal(mc->params.count, 2);
	assert_int_equal(mc->exclude.count, 1);
	assert_part(msg, mc->exclude.items, DESCRIPTOR);
	assert_true(mc->ext.cred_protect.there);
	assert_int_equal(mc->ext.cred_protect.v, 3);
	assert_int_equal(mc->ext.hmac_secret, OPT_TRUE);
	assert_int_equal(mc->options.rk, OPT_TRUE);
	assert_int_equal(mc->options.up, OPT_FALSE);
	assert_int_equal(mc->options.uv, OPT_TRUE);
	assert_part(msg, mc->auth.param, "cafe");
	assert_int_equal(mc->auth.protocol.v, 2);
	assert_int_equal(mc->enterprise.v, 1);
	assert_int_equal(mc->formats.count, 1);
	hex_free(msg);
}

static void
make_credential_bare(void **state)
{
	struct ctap_make_credential *mc;
	union ctap_request req;

	(void)state;
	mc = &req.mc;
	memset(&req, 0xff, sizeof(req));
	assert_int_equal(decode(CTAP_MAKE_CREDENTIAL, "a4 01 " HASH
	    " 02 a1 " ID " 60 03 a1 " ID " 4101 04 80", &req), CTAP2_OK);
	assert_non_null(mc->rp_id.p);
	assert_null(mc->rp_name.p);
	assert_null(mc->user.name.p);
	assert_null(mc->user.display_name.p);
	assert_non_null(mc->params.items.p);
	assert_int_equal(mc->params.count, 0);
	assert_null(mc->exclude.items.p);
	assert_int_equal(mc->exclude.count, 0);
	assert_false(mc->ext.cred_protect.there);
	assert_int_equal(mc->ext.hmac_secret, OPT_ABSENT);
	assert_int_equal(mc->options.rk, OPT_ABSENT);
	assert_int_equal(mc->options.up, OPT_ABSENT);
	assert_int_equal(mc->options.uv, OPT_ABSENT);
	assert_null(mc->auth.param.p);
	assert_false(mc->auth.protocol.there);
	assert_false(mc->enterprise.there);
	assert_null(mc->formats.items.p);
}

static void
get_assertion_whole(void **state)
{
	struct span msg = hex("a7 01 6161 02 " HASH " 03 81 " DESCRIPTOR
	    " 04 a1 6b 686d61632d736563726574 a4 01 " PEER
	    " 02 42 0102 03 42 0304 04 02"
	    " 05 a1 627570 f4 06 40 07 01");
	struct ctap_get_assertion *ga;
	union ctap_request req;

	(void)state;
	ga = &req.ga;
	assert_int_equal(ctap_decode(CTAP_GET_ASSERTION, msg, &req),
	    CTAP2_OK);
	assert_part(msg, ga->rp_id, "61");
	assert_int_equal(ga->client_data_hash.len, 32);
	assert_int_equal(ga->allow.count, 1);
	assert_true(ga->ext.hmac_secret.there);
	assert_true(ga->ext.hmac_secret.peer.valid);
	assert_int_equal(ga->ext.hmac_secret.peer.x.p[0], 0xaa);
	assert_part(msg, ga->ext.hmac_secret.salt_enc, "0102");
	assert_part(msg, ga->ext.hmac_secret.salt_auth, "0304");
	assert_int_equal(ga->ext.hmac_secret.protocol.v, 2);
	assert_int_equal(ga->options.up, OPT_FALSE);
	assert_int_equal(ga->options.rk, OPT_ABSENT);
	/* empty is not absent: it asks for a touch */
	assert_part(msg, ga->auth.param, "");
	assert_int_equal(ga->auth.protocol.v, 1);
	hex_free(msg);
}

static void
client_pin_whole(void **state)
{
	struct span msg = hex("a8 01 02 02 1bffffffffffffffff 03 " PEER
	    " 04 41 0a 05 41 0b 06 41 0c 09 18ff 0a 6161");
	struct ctap_client_pin *pin;
	union ctap_request req;

	(void)state;
	pin = &req.pin;
	assert_int_equal(ctap_decode(CTAP_CLIENT_PIN, msg, &req), CTAP2_OK);
	assert_int_equal(pin->protocol.v, 2);
	assert_true(pin->subcommand == UINT64_MAX);
	assert_true(pin->peer.there && pin->peer.valid);
	assert_part(msg, pin->auth_param, "0a");
	assert_part(msg, pin->new_pin_enc, "0b");
	assert_part(msg, pin->pin_hash_enc, "0c");
	assert_int_equal(pin->permissions.v, 255);
	assert_part(msg, pin->rp_id, "61");
	hex_free(msg);
}

static void
large_blobs_whole(void **state)
{
	struct span msg = hex("a6 01 1903c0 02 42 0102 03 0a 04 11 05 41 0b"
	    " 06 02");
	struct ctap_large_blobs *b;
	union ctap_request req;

	(void)state;
	b = &req.blobs;
	assert_int_equal(ctap_decode(CTAP_LARGE_BLOBS, msg, &req), CTAP2_OK);
	assert_int_equal(b->get.v, 960);
	assert_part(msg, b->set, "0102");
	assert_int_equal(b->offset.v, 10);
	assert_int_equal(b->length.v, 17);
	assert_part(msg, b->auth.param, "0b");
	assert_int_equal(b->auth.protocol.v, 2);
	hex_free(msg);
	assert_int_equal(decode(CTAP_LARGE_BLOBS, "a0", &req), CTAP2_OK);
	assert_false(b->get.there || b->offset.there || b->length.there);
	assert_null(b->set.p);
}

#define SUPPORT	"67 737570706f7274"
#define READ	"64 72656164"
#define WRITE	"65 7772697465"
#define SIZE	"6c 6f726967696e616c53697a65"
#define LARGE_BLOB "69 6c61726765426c6f62"
#define MC_WITH(ext) "a5 01 " HASH " 02 a1 " ID " 6161 03 a1 " ID " 4101" \
	" 04 81 a2 " ALG " 26 " TYPE PUBLIC_KEY " 06 a1 " ext
#define GA_WITH(ext) "a3 01 6161 02 " HASH " 04 a1 " ext

/* A key without the extension ignores it: it is no error of the message. */
static void
large_blob_inputs_that_cannot_be_are_only_marked(void **state)
{
	static const struct {
		const char	*text;
		bool		 valid;
	} mc[] = {
		{ MC_WITH(LARGE_BLOB "a1" SUPPORT "68 7265717569726564"), 1 },
		{ MC_WITH(LARGE_BLOB "a1" SUPPORT "69 707265666572726564"), 1 },
		{ MC_WITH(LARGE_BLOB "a1" SUPPORT "68 7265717569726565"), 0 },
		{ MC_WITH(LARGE_BLOB "a1" SUPPORT "f5"), 0 },
		{ MC_WITH(LARGE_BLOB "a0"), 0 },
		{ MC_WITH(LARGE_BLOB "80"), 0 },
	}, ga[] = {
		{ GA_WITH(LARGE_BLOB "a1" READ "f5"), 1 },
		{ GA_WITH(LARGE_BLOB "a1" READ "f4"), 1 },
		{ GA_WITH(LARGE_BLOB "a2" WRITE "41 07" SIZE "18 ff"), 1 },
		{ GA_WITH(LARGE_BLOB "a2" WRITE "40" SIZE "00"), 1 },
		{ GA_WITH(LARGE_BLOB "a1" READ "01"), 0 },
		{ GA_WITH(LARGE_BLOB "a1" WRITE "41 07"), 0 },
		{ GA_WITH(LARGE_BLOB "a2" WRITE "41 07" SIZE "20"), 0 },
		{ GA_WITH(LARGE_BLOB "a2" READ "f5" WRITE "41 07"), 0 },
		{ GA_WITH(LARGE_BLOB "a0"), 0 },
		{ GA_WITH(LARGE_BLOB "f5"), 0 },
	};
	union ctap_request req;

	(void)state;
	for (size_t i = 0; i < COUNT(mc); i++) {
		assert_int_equal(decode(CTAP_MAKE_CREDENTIAL, mc[i].text,
		    &req), CTAP2_OK);
		assert_true(req.mc.ext.large_blob.there);
		assert_int_equal(req.mc.ext.large_blob.valid, mc[i].valid);
	}
	for (size_t i = 0; i < COUNT(ga); i++) {
		assert_int_equal(decode(CTAP_GET_ASSERTION, ga[i].text, &req),
		    CTAP2_OK);
		assert_true(req.ga.ext.large_blob.there);
		assert_int_equal(req.ga.ext.large_blob.valid, ga[i].valid);
	}
}

/* The MAC is over the parameters as they came. */
static void
management_keeps_its_parameters_encoded(void **state)
{
	static const uint8_t cmds[] = { CTAP_CREDENTIAL_MANAGEMENT,
		CTAP_CONFIG };
	struct span msg = hex("a4 01 04 02 a2 01 42 0102 02 a1 " ID " 4109"
	    " 03 02 04 41 0b");
	union ctap_request req;

	(void)state;
	for (size_t i = 0; i < COUNT(cmds); i++) {
		assert_int_equal(ctap_decode(cmds[i], msg, &req), CTAP2_OK);
		assert_int_equal(req.mgmt.subcommand.v, 4);
		assert_part(msg, req.mgmt.params,
		    "a2 01 42 0102 02 a1 " ID " 4109");
		assert_int_equal(req.mgmt.auth.protocol.v, 2);
		assert_part(msg, req.mgmt.auth.param, "0b");
	}
	hex_free(msg);
	assert_int_equal(decode(CTAP_CONFIG, "a1 01 01", &req), CTAP2_OK);
	assert_null(req.mgmt.params.p);
}

static void
bio_enrollment_whole(void **state)
{
	struct span msg = hex("a6 01 01 02 02 03 a0 04 02 05 41 0b 06 f4");
	union ctap_request req;

	(void)state;
	assert_int_equal(ctap_decode(CTAP_BIO_ENROLLMENT, msg, &req),
	    CTAP2_OK);
	assert_int_equal(req.mgmt.modality.v, 1);
	assert_int_equal(req.mgmt.subcommand.v, 2);
	assert_part(msg, req.mgmt.params, "a0");
	assert_int_equal(req.mgmt.auth.protocol.v, 2);
	assert_part(msg, req.mgmt.auth.param, "0b");
	assert_int_equal(req.mgmt.get_modality, OPT_FALSE);
	hex_free(msg);
}

/* --- members of members -------------------------------------------------- */

/* One member of makeCredential with that value, the others as they should. */
static enum ctap_status
mc_with(unsigned key, const char *value)
{
	return decode_with(0, key - 1, value);
}

/* msg.9: what Firefox sends, and only this command */
static void
options_of_get_assertion_in_any_order(void **state)
{
	union ctap_request req;

	(void)state;
	assert_int_equal(decode(CTAP_GET_ASSERTION, "a3 01 6161 02 " HASH
	    " 05 a2 627576 f5 627570 f4", &req), CTAP2_OK);
	assert_int_equal(req.ga.options.uv, OPT_TRUE);
	assert_int_equal(req.ga.options.up, OPT_FALSE);
	assert_int_equal(req.ga.options.rk, OPT_ABSENT);
	assert_int_equal(decode(CTAP_GET_ASSERTION, "a3 01 6161 02 " HASH
	    " 05 a3 627576 f5 627570 f4 62726b f5", &req), CTAP2_OK);
	assert_int_equal(req.ga.options.rk, OPT_TRUE);
	assert_int_equal(decode(CTAP_GET_ASSERTION, "a3 01 6161 02 " HASH
	    " 05 a3 627576 f5 627570 f4 627576 f5", &req),
	    CTAP2_ERR_INVALID_CBOR);
	assert_int_equal(mc_with(7, "a2 62726b f5 627576 f5"), CTAP2_OK);
	assert_int_equal(mc_with(7, "a2 627576 f5 62726b f5"),
	    CTAP2_ERR_INVALID_CBOR);
	/* member 5 of makeCredential is another */
	assert_int_equal(mc_with(5, "a2 627576 f5 62726b f5"),
	    CTAP2_ERR_INVALID_CBOR);
}

static enum ctap_status
user_of(size_t id_len)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "a1 " ID " %s%02zx",
	    id_len < 24 ? "" : "58",
	    id_len < 24 ? 0x40 + id_len : id_len);

	for (size_t i = 0; i < id_len; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "07");
	return mc_with(3, text);
}

static void
user_handles_have_1_to_64_bytes(void **state)
{
	(void)state;
	assert_int_equal(user_of(0), CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(user_of(1), CTAP2_OK);
	assert_int_equal(user_of(64), CTAP2_OK);
	assert_int_equal(user_of(65), CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(user_of(200), CTAP1_ERR_INVALID_LENGTH);
}

static void
hashes_have_32_bytes(void **state)
{
	static const char hash_31[] = "581f 000102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e";
	static const char hash_33[] = "5821 000102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f20";

	(void)state;
	assert_int_equal(mc_with(1, hash_31), CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(mc_with(1, hash_33), CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(mc_with(1, "40"), CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(decode_with(1, 1, hash_31),
	    CTAP1_ERR_INVALID_LENGTH);
	assert_int_equal(decode_with(1, 1, hash_33),
	    CTAP1_ERR_INVALID_LENGTH);
}

static const struct {
	unsigned	 key;		/* of makeCredential */
	const char	*value;
	enum ctap_status status;
} nested[] = {
	/* rp, user */
	{ 2, "a0", CTAP2_ERR_MISSING_PARAMETER },
	{ 2, "a1 " NAME " 6161", CTAP2_ERR_MISSING_PARAMETER },
	{ 2, "a2 " ID " 6161 64 69636f6e 6161", CTAP2_OK },
	{ 3, "a1 " NAME " 6161", CTAP2_ERR_MISSING_PARAMETER },
	{ 3, "a2 " ID " 4101 64 69636f6e a0", CTAP2_OK },
	/* params: all of them are looked at */
	{ 4, "81 a0", CTAP2_ERR_MISSING_PARAMETER },
	{ 4, "81 26", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 4, "81 a1 " ALG " 26", CTAP2_ERR_MISSING_PARAMETER },
	{ 4, "81 a1 " TYPE " 60", CTAP2_ERR_MISSING_PARAMETER },
	{ 4, "81 a2 " ALG " 6161 " TYPE " 60",
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 4, "81 a2 " ALG " 26 " TYPE " 26", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 4, "82 a2 " ALG " 26 " TYPE " 60 a0", CTAP2_ERR_MISSING_PARAMETER },
	{ 4, "81 a3 " ALG " 26 " TYPE " 60 65 6f74686572 80", CTAP2_OK },
	{ 4, "81 a2 " ALG " 1b7fffffffffffffff " TYPE " 60", CTAP2_OK },
	{ 4, "81 a2 " ALG " 3b7fffffffffffffff " TYPE " 60", CTAP2_OK },
	{ 4, "81 a2 " ALG " 1b8000000000000000 " TYPE " 60",
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	/* descriptors */
	{ 5, "81 a0", CTAP2_ERR_MISSING_PARAMETER },
	{ 5, "81 80", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 5, "81 a1 " ID " 40", CTAP2_ERR_MISSING_PARAMETER },
	{ 5, "81 a1 " TYPE " 60", CTAP2_ERR_MISSING_PARAMETER },
	{ 5, "81 a2 " ID " 60 " TYPE " 60", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 5, "81 a2 " ID " 40 " TYPE " 40", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 5, "82 " DESCRIPTOR " 00", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 5, "81 a3 " ID " 40 " TYPE " 60 6a 7472616e73706f727473 80",
	    CTAP2_OK },
	{ 5, "81 a3 " ID " 40 " TYPE " 60 6a 7472616e73706f727473 82 60 60",
	    CTAP2_OK },
	{ 5, "81 a3 " ID " 40 " TYPE " 60 6a 7472616e73706f727473 81 00",
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 5, "81 a3 " ID " 40 " TYPE " 60 6a 7472616e73706f727473 60",
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	/* extensions, options: other names may say what they like */
	{ 6, "a2 6161 a0 6b 6372656450726f74656374 02", CTAP2_OK },
	{ 6, "a1 6b 6372656450726f74656374 21",
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 6, "a1 6b 686d61632d736563726574 a0",
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 7, "a3 626162 00 62726b f5 64706c6174 a0", CTAP2_OK },
	{ 7, "a1 62726b f6", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 7, "a1 627570 01", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 7, "a1 627576 60", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	/* formats */
	{ 11, "81 60", CTAP2_OK },
	{ 11, "81 40", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
	{ 11, "82 60 00", CTAP2_ERR_CBOR_UNEXPECTED_TYPE },
};

static void
members_of_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nested); i++)
		if (mc_with(nested[i].key, nested[i].value) !=
		    nested[i].status)
			fail_msg("%u: %s", nested[i].key, nested[i].value);
}

static const struct {
	const char	*key;
	bool		 valid;
} peers[] = {
	{ PEER, true },
	/* the algorithm says nothing that is used */
	{ "a4 01 02 20 01 21 " COORD " 22 " COORD, true },
	{ "a5 01 02 03 26 20 01 21 " COORD " 22 " COORD, true },
	{ "a6 01 02 03 3818 20 01 21 " COORD " 22 " COORD " 23 00", true },
	{ "a0", false },
	{ "a5 01 01 03 3818 20 01 21 " COORD " 22 " COORD, false },
	{ "a5 01 03 03 3818 20 01 21 " COORD " 22 " COORD, false },
	{ "a5 01 02 03 3818 20 02 21 " COORD " 22 " COORD, false },
	{ "a4 03 3818 20 01 21 " COORD " 22 " COORD, false },
	{ "a4 01 02 03 3818 21 " COORD " 22 " COORD, false },
	{ "a4 01 02 03 3818 20 01 21 " COORD, false },
	{ "a4 01 02 03 3818 20 01 22 " COORD, false },
	{ "a5 01 02 03 3818 20 01 21 40 22 " COORD, false },
	{ "a5 01 02 03 3818 20 01 21 " COORD " 22 42 0102", false },
	{ "a5 01 02 03 3818 20 01 21 5821 00 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 22 " COORD, false },
};

/* Which of them are points is asked later: the types are in order. */
static void
peer_keys_that_cannot_be_are_only_marked(void **state)
{
	union ctap_request req;
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(peers); i++) {
		snprintf(text, sizeof(text), "a2 02 06 03 %s", peers[i].key);
		assert_int_equal(decode(CTAP_CLIENT_PIN, text, &req),
		    CTAP2_OK);
		assert_true(req.pin.peer.there);
		if (req.pin.peer.valid != peers[i].valid)
			fail_msg("%s", peers[i].key);
	}
	assert_int_equal(decode(CTAP_CLIENT_PIN, "a1 02 06", &req), CTAP2_OK);
	assert_false(req.pin.peer.there || req.pin.peer.valid);
}

static void
peer_keys_of_wrong_types(void **state)
{
	static const char *const wrong[] = { "a1 01 6161", "a1 01 20",
		"a1 03 40", "a1 20 20", "a1 20 6161", "a1 21 f5", "a1 22 00" };
	union ctap_request req;
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(text, sizeof(text), "a2 02 06 03 %s", wrong[i]);
		assert_int_equal(decode(CTAP_CLIENT_PIN, text, &req),
		    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	}
}

static void
hmac_secret_without_its_members(void **state)
{
	static const char *const ext[] = {
		"a0", "a2 02 40 03 40", "a2 01 " PEER " 03 40",
		"a2 01 " PEER " 02 40",
	};
	union ctap_request req;
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(ext); i++) {
		snprintf(text, sizeof(text), "a3 01 6161 02 " HASH
		    " 04 a1 6b 686d61632d736563726574 %s", ext[i]);
		assert_int_equal(decode(CTAP_GET_ASSERTION, text, &req),
		    CTAP2_ERR_MISSING_PARAMETER);
	}
	assert_int_equal(decode(CTAP_GET_ASSERTION, "a3 01 6161 02 " HASH
	    " 04 a1 6b 686d61632d736563726574 a3 01 " PEER " 02 40 03 40",
	    &req), CTAP2_OK);
	assert_true(req.ga.ext.hmac_secret.there);
	assert_false(req.ga.ext.hmac_secret.protocol.there);
}

/* --- lists --------------------------------------------------------------- */

static void
descriptors_one_after_the_other(void **state)
{
	struct span msg = hex("a3 01 6161 02 " HASH " 03 83 " DESCRIPTOR
	    " a3 " ID " 41 07 " TYPE " 6178 65 6f74686572 a0"
	    " a3 " ID " 40 " TYPE " 60 6a 7472616e73706f727473 81 63757362");
	struct ctap_descriptor d;
	union ctap_request req;
	struct cbor_in at;

	(void)state;
	assert_int_equal(ctap_decode(CTAP_GET_ASSERTION, msg, &req),
	    CTAP2_OK);
	assert_int_equal(req.ga.allow.count, 3);
	at = ctap_list_begin(&req.ga.allow);
	assert_true(ctap_next_descriptor(&at, &d));
	assert_part(msg, d.id, "0102");
	assert_true(span_eq(d.type, span_str("public-key")));
	assert_true(ctap_next_descriptor(&at, &d));
	assert_part(msg, d.id, "07");
	assert_part(msg, d.type, "78");
	assert_true(ctap_next_descriptor(&at, &d));
	assert_int_equal(d.id.len, 0);
	assert_false(ctap_next_descriptor(&at, &d));
	assert_false(ctap_next_descriptor(&at, &d));
	assert_int_equal(at.err, CTAP2_OK);
	hex_free(msg);
}

static void
params_one_after_the_other(void **state)
{
	struct span msg = hex("a4 01 " HASH " 02 a1 " ID " 60 03 a1 " ID
	    " 4101 04 82 a2 " ALG " 39fffe " TYPE PUBLIC_KEY
	    " a2 " ALG " 18ff " TYPE " 6178");
	union ctap_request req;
	struct cbor_in at;
	struct span type;
	int64_t alg;

	(void)state;
	assert_int_equal(ctap_decode(CTAP_MAKE_CREDENTIAL, msg, &req),
	    CTAP2_OK);
	at = ctap_list_begin(&req.mc.params);
	assert_true(ctap_next_param(&at, &type, &alg));
	assert_int_equal(alg, -65535);
	assert_true(span_eq(type, span_str("public-key")));
	assert_true(ctap_next_param(&at, &type, &alg));
	assert_int_equal(alg, 255);
	assert_part(msg, type, "78");
	assert_false(ctap_next_param(&at, &type, &alg));
	hex_free(msg);
}

static void
no_list_and_an_empty_one_have_no_elements(void **state)
{
	static const uint8_t nothing[1];
	struct ctap_list lists[2] = { { .items = { NULL, 0 } },
		{ .items = { nothing, 0 } } };
	struct ctap_descriptor d;
	struct span s;
	int64_t alg;

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct cbor_in at = ctap_list_begin(&lists[i]);

		assert_false(ctap_next_descriptor(&at, &d));
		assert_false(ctap_next_text(&at, &s));
		assert_false(ctap_next_param(&at, &s, &alg));
	}
}

/* The longest list of one-byte elements that there is room for. */
static void
lists_are_bounded_by_the_message(void **state)
{
	struct span head = hex("a5 01 " HASH " 02 a1 " ID " 60 03 a1 " ID
	    " 4101 04 80 0b");
	uint8_t msg[7608];
	union ctap_request req;
	struct cbor_in at;
	struct span s;
	size_t n = 0;

	(void)state;
	memset(msg, 0x60, sizeof(msg));
	memcpy(msg, head.p, head.len);
	msg[head.len] = 0x99;
	msg[head.len + 1] = 5000 >> 8;
	msg[head.len + 2] = 5000 & 0xff;
	assert_int_equal(ctap_decode(CTAP_MAKE_CREDENTIAL,
	    span(msg, head.len + 3 + 5000), &req), CTAP2_OK);
	assert_int_equal(req.mc.formats.count, 5000);
	at = ctap_list_begin(&req.mc.formats);
	while (ctap_next_text(&at, &s))
		n++;
	assert_int_equal(n, 5000);
	assert_int_equal(ctap_decode(CTAP_MAKE_CREDENTIAL,
	    span(msg, head.len + 3 + 4999), &req), CTAP2_ERR_INVALID_CBOR);
	assert_int_equal(ctap_decode(CTAP_MAKE_CREDENTIAL,
	    span(msg, head.len + 3 + 5001), &req), CTAP2_ERR_INVALID_CBOR);
	hex_free(head);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members_at_once),
		cmocka_unit_test(required_members_are_missed),
		cmocka_unit_test(every_member_has_one_type),
		cmocka_unit_test(members_that_nobody_knows),
		cmocka_unit_test(what_comes_first_is_told_first),
		cmocka_unit_test(commands_without_parameters),
		cmocka_unit_test(bytes_that_are_no_command),
		cmocka_unit_test(make_credential_whole),
		cmocka_unit_test(make_credential_bare),
		cmocka_unit_test(get_assertion_whole),
		cmocka_unit_test(options_of_get_assertion_in_any_order),
		cmocka_unit_test(client_pin_whole),
		cmocka_unit_test(large_blobs_whole),
		cmocka_unit_test(
		    large_blob_inputs_that_cannot_be_are_only_marked),
		cmocka_unit_test(management_keeps_its_parameters_encoded),
		cmocka_unit_test(bio_enrollment_whole),
		cmocka_unit_test(user_handles_have_1_to_64_bytes),
		cmocka_unit_test(hashes_have_32_bytes),
		cmocka_unit_test(members_of_members),
		cmocka_unit_test(peer_keys_that_cannot_be_are_only_marked),
		cmocka_unit_test(peer_keys_of_wrong_types),
		cmocka_unit_test(hmac_secret_without_its_members),
		cmocka_unit_test(descriptors_one_after_the_other),
		cmocka_unit_test(params_one_after_the_other),
		cmocka_unit_test(no_list_and_an_empty_one_have_no_elements),
		cmocka_unit_test(lists_are_bounded_by_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
