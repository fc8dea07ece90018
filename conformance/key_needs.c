/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases are written for the key that sealkey is without settings; where they
 * want another one they say so. Whoever judges another key wants to know
 * what it does wrong, not what it does not have. So what its getInfo says
 * differently is compared with what a case uses, told from its text: the
 * name of an option or extension, a command, a function. Where the text does
 * not tell, the case is not run.
 */
#include "conformance/key_impl.h"

#include "ctap/cbor.h"

#include <stdlib.h>

enum demand_of {
	OPTION,			/* its value, by name */
	THERE,			/* whether there is such an option */
	LISTED,			/* a name in a list, member number */
	PROTOCOL,		/* number in member 06 */
	ALGORITHM,
	MEMBER,			/* its value */
};

#define NEEDLES_MAX	12

/* A case that has one of the needles in it wants this to be as usual. */
struct demand {
	enum demand_of	 of;
	const char	*name;		/* also for the user */
	int64_t		 number;
	const char	*needles[NEEDLES_MAX];
};

#define REGISTERS	"cbor 01", "CBOR h'01", " CBOR 01", "u2f 01"
#define SIGNS_IN	"cbor 02", " CBOR 02", "u2f 02"
#define MANAGES		"cbor 0a", "cbor 41"
#define TOKEN		"* token"
#define NEW_PIN		"* pin", "padded(", "pinhash("

static const struct demand demands[] = {
	{ LISTED, "U2F_V2", 1, { "u2f ", "apdu ", " MSG",
	    "\"MSG\"", "\"nmsg\"" } },
	{ LISTED, "FIDO_2_1", 1, { "cbor 0b", "CBOR h'0b",
	    " CBOR 0b", "h'0b'", "cbor 08" } },
	{ OPTION, "rk", 0, { "\"rk\"", MANAGES, "largeBlobKey",
	    "\"credBlob\"", "accountChoice", "$account" } },
	{ OPTION, "uv", 0, { "\"uv\"", "! verify", "? verify", "! mismatch",
	    "auth(UP UV", "cbor 0c", "OPERATION_DENIED",
	    "PIN_AUTH_INVALID", "PUAT_REQUIRED", "2: 6," } },
	{ THERE, "clientPin", 0, { "cbor 06", NEW_PIN, TOKEN,
	    "PUAT_REQUIRED", "8: h''", "6: h''" } },
	{ OPTION, "alwaysUv", 0, { REGISTERS, SIGNS_IN, "cbor 0d",
	    "cbor 0c", " MSG" } },
	{ OPTION, "makeCredUvNotRqd", 0, { REGISTERS } },
	{ OPTION, "pinUvAuthToken", 0, { TOKEN, MANAGES, "cbor 0c",
	    "cbor 0d", "cbor 06" } },
	{ OPTION, "noMcGaPermissionsWithClientPin", 0, { TOKEN, NEW_PIN,
	    "cbor 06" } },
	{ OPTION, "credMgmt", 0, { MANAGES, "cbor 06" } },
	{ OPTION, "perCredMgmtRO", 0, { "9: 64", " 64 -", "unseal(",
	    "25: ", "30: ", "cbor 06" } },
	{ OPTION, "authnrCfg", 0, { "cbor 0d", "cbor 06", " 32 -" } },
	{ OPTION, "uvAcfg", 0, { "cbor 0d", "cbor 06", " 32 -" } },
	{ OPTION, "setMinPINLength", 0, { "cbor 0d" } },
	{ OPTION, "largeBlobs", 0, { "cbor 0c", "'0c", "largeBlob",
	    "cbor 06" } },
	{ THERE, "ep", 0, { "10: ", "cbor 0d" } },
	{ THERE, "bioEnroll", 0, { "cbor 09", "cbor 40", "9: 8" } },
	{ LISTED, "credProtect", 2, { "credProtect" } },
	{ LISTED, "credBlob", 2, { "credBlob" } },
	{ LISTED, "largeBlobKey", 2, { "largeBlobKey" } },
	{ LISTED, "largeBlob", 2, { "\"largeBlob\"" } },
	{ LISTED, "minPinLength", 2, { "minPinLength" } },
	{ LISTED, "pinComplexityPolicy", 2, { "pinComplexityPolicy" } },
	{ LISTED, "hmac-secret", 2, { "hmac-secret" } },
	{ LISTED, "hmac-secret-mc", 2, { "hmac-secret-mc" } },
	{ LISTED, "thirdPartyPayment", 2, { "thirdPartyPayment" } },
	{ LISTED, "uvm", 2, { "\"uvm\"" } },
	{ ALGORITHM, "ES256", -7, { "\"alg\": -7,", "u2f 01", "u2f 02",
	    "$ann", "$mc" } },
	{ ALGORITHM, "EdDSA", -8, { "\"alg\": -8," } },
	{ ALGORITHM, "RS256", -257, { "\"alg\": -257," } },
	{ PROTOCOL, "protocol one", 1, { "* agree 1", "* pin 1", "* token 1",
	    "mac1(", "{1: 1, 2:", "4: 1}", "hs1" } },
	{ PROTOCOL, "protocol two", 2, { "* agree 2", "* pin 2", "* token 2",
	    "mac($", "{1: 2, 2:", "9: 2}", "7: 2}", "3: 2" } },
	{ MEMBER, "maxMsgSize", 5, { "0c {1: 4096", "7545", "7546",
	    "LIMIT_EXCEEDED" } },
	{ MEMBER, "maxCredentialCountInList", 7, { "LIMIT_EXCEEDED" } },
	{ MEMBER, "maxSerializedLargeBlobArray", 0x0b, { "cbor 0c" } },
	{ MEMBER, "minPINLength", 0x0d, { NEW_PIN, "cbor 0d" } },
	{ MEMBER, "maxCredBlobLength", 0x0f, { "credBlob" } },
	{ MEMBER, "maxRPIDsForSetMinPINLength", 0x10, { "cbor 0d" } },
	{ MEMBER, "preferredPlatformUvAttempts", 0x11, { "mismatch" } },
	{ MEMBER, "transportsForReset", 0x1a, { "cbor 07" } },
	{ MEMBER, "maxPINLength", 0x1d, { NEW_PIN, "cbor 0d" } },
	{ MEMBER, "authenticatorConfigCommands", 0x1f, { "cbor 0d" } },
	{ LISTED, "tpm", 0x16, { "\"tpm\"", "22: [" } },
	/* who looks at all that getInfo says wants it to be ours */
	{ MEMBER, "versions", 1, { " 1: [", "{1: [" } },
	{ MEMBER, "extensions", 2, { " 2: [\"", "2: [\"credBlob" } },
	{ MEMBER, "options", 4, { "4: {\"rk\"", "4: {\"up\"" } },
	{ MEMBER, "pinUvAuthProtocols", 6, { " 6: [" } },
	{ MEMBER, "algorithms", 0x0a, { "10: [" } },
};

static bool
has_name(struct span list, const char *name)
{
	struct span text;
	struct cbor_in in;
	size_t count;

	cbor_in_init(&in, list);
	if (!cbor_array(&in, &count))
		return false;
	for (; count > 0 && cbor_text(&in, &text); count--)
		if (span_eq(text, span_str(name)))
			return true;
	return false;
}

static bool
has_protocol(struct span list, int64_t number)
{
	struct cbor_in in;
	size_t count;
	int64_t n;

	cbor_in_init(&in, list);
	if (!cbor_array(&in, &count))
		return false;
	for (; count > 0 && cbor_int(&in, &n); count--)
		if (n == number)
			return true;
	return false;
}

/* Entries are {"alg": N, "type": T}; no list says nothing. */
static bool
has_algorithm(struct span list, int64_t number)
{
	struct cbor_in in;
	struct span name, type;
	size_t count, pairs;
	int64_t n;

	cbor_in_init(&in, list);
	if (!cbor_array(&in, &count))
		return true;
	for (; count > 0; count--) {
		if (!cbor_map(&in, &pairs) || pairs != 2 ||
		    !cbor_text(&in, &name) || !cbor_int(&in, &n) ||
		    !cbor_text(&in, &name) || !cbor_text(&in, &type))
			return true;
		if (n == number)
			return true;
	}
	return false;
}

#define MEMBER_OPTIONS		4
#define MEMBER_PROTOCOLS	6
#define MEMBER_ALGORITHMS	0x0a

static struct span
option(struct span info, const char *name)
{
	return key_info_find(info, MEMBER_OPTIONS, span_str(name));
}

static bool
is_same(const struct demand *d, struct span a, struct span b)
{
	const struct span none = { NULL, 0 };
	struct span in_a = key_info_find(a, d->number, none);
	struct span in_b = key_info_find(b, d->number, none);

	switch (d->of) {
	case OPTION:
		return span_eq(option(a, d->name), option(b, d->name));
	case THERE:
		return (option(a, d->name).len > 0) ==
		    (option(b, d->name).len > 0);
	case LISTED:
		return has_name(in_a, d->name) == has_name(in_b, d->name);
	case PROTOCOL:
		return has_protocol(key_info_find(a, MEMBER_PROTOCOLS, none),
		    d->number) == has_protocol(key_info_find(b,
		    MEMBER_PROTOCOLS, none), d->number);
	case ALGORITHM:
		return has_algorithm(key_info_find(a, MEMBER_ALGORITHMS,
		    none), d->number) == has_algorithm(key_info_find(b,
		    MEMBER_ALGORITHMS, none), d->number);
	default:
		return span_eq(in_a, in_b);
	}
}

static bool
contains_any(const char *line, const char *const *needles)
{
	for (size_t i = 0; i < NEEDLES_MAX && needles[i] != NULL; i++)
		if (strstr(line, needles[i]) != NULL)
			return true;
	return false;
}

/* A line of the case has one of them. */
static bool
is_in_case(const struct transcript_case *c, const char *const *needles)
{
	char line[TRANSCRIPT_LINE_MAX];
	const char *text = c->body;
	unsigned number = c->line;

	while (transcript_line(&text, &number, line))
		if (contains_any(line, needles))
			return true;
	return false;
}

/* Or a variable, from before the first case, that it uses. */
static bool
is_in_variable(const struct transcript_case *c, const char *const *needles)
{
	char line[TRANSCRIPT_LINE_MAX], name[64] = "$";
	const char *variable[NEEDLES_MAX] = { name };
	const char *text = c->prelude;
	unsigned number = 0;

	while (transcript_line(&text, &number, line)) {
		if (!contains_any(line, needles))
			continue;
		if (sscanf(line, "let %62s", name + 1) != 1 ||
		    is_in_case(c, variable))
			return true;
	}
	return false;
}

/*
 * What the key says of itself; without, CTAP 2.3, 6.4, has 1024. One of
 * nothing but U2F has no such limit.
 */
static unsigned long
message_max(struct span info)
{
	struct span member = key_info_find(info, 5, span(NULL, 0));
	struct cbor_in in;
	int64_t n = 1024;

	if (info.len == 0)
		return CTAPHID_MESSAGE_MAX;
	cbor_in_init(&in, member);
	if (member.len == 0 || !cbor_int(&in, &n) || n < 0)
		return 1024;
	return (unsigned long)n;
}

/* "h'00'*6000" and its like: the only way that cases become that long. */
static bool
is_longer(const struct transcript_case *c, unsigned long max)
{
	char line[TRANSCRIPT_LINE_MAX];
	const char *text = c->body, *at;
	unsigned number = c->line;

	while (transcript_line(&text, &number, line))
		for (at = strchr(line, '*'); at != NULL;
		    at = strchr(at + 1, '*'))
			if (strtoul(at + 1, NULL, 10) > max)
				return true;
	return false;
}

bool
key_has_what_it_uses(const struct key *k, const struct transcript_case *c,
    struct span usual, char why[static TRANSCRIPT_WHY_MAX])
{
	struct span info = span(k->info, k->info_len);
	unsigned long max = message_max(info);

	if (max < message_max(usual) && is_longer(c, max)) {
		snprintf(why, TRANSCRIPT_WHY_MAX, "needs a key that takes "
		    "messages of more than %lu bytes", max);
		return false;
	}
	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
		if (is_same(&demands[i], info, usual) ||
		    (!is_in_case(c, demands[i].needles) &&
		    !is_in_variable(c, demands[i].needles)))
			continue;
		snprintf(why, TRANSCRIPT_WHY_MAX, "needs a key that has as "
		    "usual: %s", demands[i].name);
		return false;
	}
	return true;
}
