/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table "What the standard offers" of README.md: every name that CTAP 2.3
 * has is in it once, under what the key makes of it. The names are those of
 * the standard, written down here; what the key makes of them it is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/device.h"
#include "authenticator/names.h"
#include "conformance/sim.h"
#include "ctap/cbor.h"

#define NAMES_MAX	48

/* Columns of the table. */
enum column {
	ON,		/* there in every key that was told nothing else */
	BY_SETTING,
	NOT,
	COLUMNS,
};

/* One row: a name's place is where offered() found it. */
struct kind {
	const char	*row;
	const char	*names[NAMES_MAX];
	bool		(*has)(struct sim *s, const char *name);
};

static bool has_text(struct sim *s, const char *name);
static bool has_option(struct sim *s, const char *name);
static bool has_member(struct sim *s, const char *name);
static bool has_format(struct sim *s, const char *name);
static bool has_command(struct sim *s, const char *name);
static bool has_pin_command(struct sim *s, const char *name);
static bool has_config(struct sim *s, const char *name);

static const struct kind kinds[] = {
	{ "versions", { "U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1",
	    "FIDO_2_3" }, has_text },
	{ "options", { "plat", "rk", "clientPin", "up", "uv", "uvToken",
	    "pinUvAuthToken", "noMcGaPermissionsWithClientPin", "largeBlobs",
	    "ep", "bioEnroll", "userVerificationMgmtPreview", "uvBioEnroll",
	    "authnrCfg", "uvAcfg", "credMgmt", "perCredMgmtRO",
	    "credentialMgmtPreview", "setMinPINLength", "makeCredUvNotRqd",
	    "alwaysUv" }, has_option },
	{ "extensions", { "credProtect", "credBlob", "largeBlobKey",
	    "largeBlob", "minPinLength", "pinComplexityPolicy",
	    "hmac-secret", "hmac-secret-mc", "thirdPartyPayment", "uvm" },
	    has_text },
	{ "members of getInfo", { "01", "02", "03", "04", "05", "06", "07",
	    "08", "09", "0A", "0B", "0C", "0D", "0E", "0F", "10", "11", "12",
	    "13", "14", "15", "16", "17", "18", "19", "1A", "1B", "1C", "1D",
	    "1E", "1F" }, has_member },
	{ "commands", { "01", "02", "04", "06", "07", "08", "09", "0A", "0B",
	    "0C", "0D", "40", "41" }, has_command },
	{ "subcommands of clientPIN", { "01", "02", "03", "04", "05", "06",
	    "07", "09" }, has_pin_command },
	{ "subcommands of authenticatorConfig", { "01", "02", "03", "04",
	    "FF" }, has_config },
	{ "attestation formats", { "packed", "tpm", "fido-u2f", "android-key",
	    "apple", "compound", "android-safetynet" }, has_format },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* What switches on all that is off. */
static const struct sim_setup setups[] = {
	{ .set = { NULL } },
	{ .set = { "versions=U2F_V2,FIDO_2_0,FIDO_2_1_PRE,FIDO_2_1,FIDO_2_3",
	    "ep=on", "bioEnroll=on", "uvBioEnroll=on", "uvm=on",
	    "userVerificationMgmtPreview=on", "credentialMgmtPreview=on",
	    "noMcGaPermissionsWithClientPin=on", "longTouchForReset=on",
	    "preferredPlatformUvAttempts=3", "certifications=FIDO:1",
	    "transportsForReset=usb",
	    "pinComplexityPolicyURL=https://example.com/" } },
	{ .set = { "largeBlob=on" } },
	{ .set = { "attestation=tpm" } },
	{ .set = { "attestation=fido-u2f" } },
	{ .set = { "attestation=android-key" } },
	{ .set = { "attestation=apple" } },
	{ .set = { "attestation=compound" } },
	{ .set = { "attestation=android-safetynet" } },
};

#define SETUPS	(sizeof(setups) / sizeof(setups[0]))

static struct span
get_info(struct sim *s)
{
	static const uint8_t msg[] = { 0x04 };

	sim_send(s, 1, span(msg, sizeof(msg)));
	assert_int_equal(s->reply.p[0], CTAP2_OK);
	return span(s->reply.p + 1, s->reply.len - 1);
}

/* A member of getInfo, encoded; p NULL: it is not there. */
static struct span
member(struct sim *s, int64_t wanted)
{
	struct span value, found = { NULL, 0 };
	struct cbor_in in;
	size_t pairs;
	int64_t key;

	cbor_in_init(&in, get_info(s));
	assert_true(cbor_map(&in, &pairs));
	while (pairs-- > 0) {
		assert_true(cbor_int(&in, &key) && cbor_any(&in, &value));
		if (key == wanted)
			found = value;
	}
	return found;
}

static bool
has_text_in(struct span list, const char *name)
{
	struct cbor_in in;
	struct span text;
	size_t count;

	if (list.p == NULL)
		return false;
	cbor_in_init(&in, list);
	assert_true(cbor_array(&in, &count));
	while (count-- > 0) {
		assert_true(cbor_text(&in, &text));
		if (span_eq(text, span_str(name)))
			return true;
	}
	return false;
}

static bool
has_text(struct sim *s, const char *name)
{
	return has_text_in(member(s, 1), name) ||
	    has_text_in(member(s, 2), name);
}

static bool
has_option(struct sim *s, const char *name)
{
	struct cbor_in in;
	struct span text, value;
	size_t pairs;

	cbor_in_init(&in, member(s, 4));
	assert_true(cbor_map(&in, &pairs));
	while (pairs-- > 0) {
		assert_true(cbor_text(&in, &text) && cbor_any(&in, &value));
		if (span_eq(text, span_str(name)))
			return true;
	}
	return false;
}

static bool
has_member(struct sim *s, const char *name)
{
	return member(s, strtol(name, NULL, 16)).p != NULL;
}

static bool
has_format(struct sim *s, const char *name)
{
	return has_text_in(member(s, 0x16), name);
}

/* The status that comes at once; whatever begins is stopped again. */
static uint8_t
status_of(struct sim *s, const uint8_t *msg, size_t len)
{
	if (sim_send(s, 1, span(msg, len)) == AUTH_USER)
		sim_cancel(s, 1);
	return s->reply.p[0];
}

static bool
has_command(struct sim *s, const char *name)
{
	uint8_t msg[] = { (uint8_t)strtol(name, NULL, 16), 0xa0 };

	return status_of(s, msg, sizeof(msg)) != CTAP1_ERR_INVALID_COMMAND;
}

static bool
has_pin_command(struct sim *s, const char *name)
{
	uint8_t sub = (uint8_t)strtol(name, NULL, 16);
	uint8_t msg[] = { 0x06, 0xa1, 0x02, sub };

	return status_of(s, msg, sizeof(msg)) !=
	    CTAP2_ERR_INVALID_SUBCOMMAND;
}

static bool
has_config(struct sim *s, const char *name)
{
	long wanted = strtol(name, NULL, 16);
	struct cbor_in in;
	size_t count;
	int64_t n;

	cbor_in_init(&in, member(s, 0x1f));
	assert_true(cbor_array(&in, &count));
	while (count-- > 0) {
		assert_true(cbor_int(&in, &n));
		if (n == wanted)
			return true;
	}
	return false;
}

static enum column
place_of(const struct kind *k, const char *name)
{
	for (size_t i = 0; i < SETUPS; i++) {
		struct sim *s = sim_new(&setups[i]);
		bool has = k->has(s, name);

		sim_free(s);
		if (has)
			return i == 0 ? ON : BY_SETTING;
	}
	return NOT;
}

static char *readme;

static void
read_readme(void)
{
	FILE *f = fopen("README.md", "r");
	size_t size = 0;
	ssize_t len;

	assert_non_null(f);
	len = getdelim(&readme, &size, '\0', f);
	assert_true(len > 0);
	fclose(f);
}

/* The cell of a row; false: there is no such row. Text between backquotes
 * counts, whatever else a cell says. */
static bool
cell(const char *row, enum column column, const char **begin, size_t *len)
{
	char head[64];
	const char *at;

	snprintf(head, sizeof(head), "\n| %s |", row);
	at = strstr(readme, head);
	if (at == NULL)
		return false;
	at += strlen(head);
	for (int i = 0; i < (int)column; i++)
		at += strcspn(at, "|") + 1;
	*begin = at;
	*len = strcspn(at, "|\n");
	return true;
}

static unsigned
mentions(const char *row, enum column column, const char *name)
{
	const char *at, *end;
	char quoted[64];
	unsigned n = 0;
	size_t len;

	assert_true(cell(row, column, &at, &len));
	end = at + len;
	snprintf(quoted, sizeof(quoted), "`%s`", name);
	while ((at = strstr(at, quoted)) != NULL && at < end) {
		at += strlen(quoted);
		n++;
	}
	return n;
}

/* As many names as a cell has. */
static unsigned
names_in(const char *row, enum column column)
{
	unsigned ticks = 0;
	const char *at;
	size_t len;

	assert_true(cell(row, column, &at, &len));
	for (size_t i = 0; i < len; i++)
		ticks += at[i] == '`';
	return ticks / 2;
}

static void
check_name(const char *row, const char *name, enum column place)
{
	for (int c = 0; c < COLUMNS; c++) {
		unsigned n = mentions(row, (enum column)c, name);

		if (n != (c == (int)place))
			fail_msg("README.md, %s: %s is %u times in column "
			    "%d, and belongs into %d", row, name, n, c,
			    place);
	}
}

static void
check_count(const char *row, unsigned count)
{
	unsigned found = 0;

	for (int c = 0; c < COLUMNS; c++)
		found += names_in(row, (enum column)c);
	if (found != count)
		fail_msg("README.md, %s: %u names, and there are %u", row,
		    found, count);
}

static void
the_table_is_true(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		unsigned count = 0;

		for (; k->names[count] != NULL; count++)
			check_name(k->row, k->names[count],
			    place_of(k, k->names[count]));
		check_count(k->row, count);
	}
}

/* Which are on is the program's choice, not the engine's. */
static void
the_algorithms_are_true(void **state)
{
	static const char *const names[] = { "ES256", "EdDSA", "RS256",
	    "ES384", "ES512", "ES256K", "PS256", "Ed448", "ML-DSA-44",
	    "ML-DSA-65", "ML-DSA-87", "RS1" };
	static const char row[] = "algorithms";
	struct device_config cfg;

	(void)state;
	device_config_default(&cfg);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int alg = alg_named(names[i]);
		enum column place = alg != 0 ? BY_SETTING : NOT;

		for (size_t j = 0; j < cfg.auth.alg_count; j++)
			if (alg != 0 && cfg.auth.algs[j] == alg)
				place = ON;
		check_name(row, names[i], place);
	}
	check_count(row, sizeof(names) / sizeof(names[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_true),
		cmocka_unit_test(the_algorithms_are_true),
	};
	int failed;

	read_readme();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(readme);
	return failed;
}
