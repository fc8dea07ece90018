/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of clientDataJSON (WebAuthn Level 3, 5.8.1). The token signs for it
 * as it is: only a relying party that reads it can notice. No browser makes
 * any of them.
 */
#include "authenticator/client/client_fault.h"
#include "authenticator/fault/fault_rows.h"

#include <stdio.h>
#include <stdlib.h>

#define BOM	"\xef\xbb\xbf"
#define PORT_MAX	65535

static bool
type_get(struct client_fault *c)
{
	c->type = "webauthn.get";
	return true;
}

static bool
type_create(struct client_fault *c)
{
	c->type = "webauthn.create";
	return true;
}

static bool
type_payment(struct client_fault *c)
{
	c->type = "payment.get";
	return true;
}

static bool
no_type(struct client_fault *c)
{
	c->type = NULL;
	return true;
}

/* Last character but one: the last one of 32 bytes has stray bits. */
static bool
other_challenge(struct client_fault *c)
{
	size_t len = strlen(c->challenge);

	if (len < 2 || len >= sizeof(c->text))
		return false;
	memcpy(c->text, c->challenge, len + 1);
	c->text[len - 2] = c->text[len - 2] == 'A' ? 'B' : 'A';
	c->challenge = c->text;
	return true;
}

static bool
empty_challenge(struct client_fault *c)
{
	c->challenge = "";
	return true;
}

static bool
no_challenge(struct client_fault *c)
{
	c->challenge = NULL;
	return true;
}

/* To a whole group of four: what is left is base64url of fewer bytes. */
static bool
short_challenge(struct client_fault *c)
{
	size_t len = strlen(c->challenge) / 2 / 4 * 4;

	if (len == 0 || len >= sizeof(c->text))
		return false;
	memcpy(c->text, c->challenge, len);
	c->text[len] = '\0';
	c->challenge = c->text;
	return true;
}

static bool
padded_challenge(struct client_fault *c)
{
	size_t len = strlen(c->challenge);

	if (len % 4 == 0 || len + 3 >= sizeof(c->text))
		return false;
	snprintf(c->text, sizeof(c->text), "%s%s", c->challenge,
	    len % 4 == 2 ? "==" : "=");
	c->challenge = c->text;
	return true;
}

/* The origin with something in place of its scheme, and before its host. */
static bool
bend_origin(struct client_fault *c, const char *scheme, const char *before,
    const char *after)
{
	const char *host = strstr(c->origin, "://");

	if (host == NULL)
		return false;
	snprintf(c->text, sizeof(c->text), "%s://%s%s%s", scheme, before,
	    host + 3, after);
	c->origin = c->text;
	return true;
}

static const char *
scheme_of(const struct client_fault *c)
{
	return strncmp(c->origin, "https:", 6) == 0 ? "https" : "http";
}

static bool
other_origin(struct client_fault *c)
{
	c->origin = "https://attacker.example";
	return true;
}

static bool
lookalike_origin(struct client_fault *c)
{
	return bend_origin(c, scheme_of(c), "not", "");
}

static bool
subdomain_origin(struct client_fault *c)
{
	return bend_origin(c, scheme_of(c), "other.", "");
}

static bool
longer_origin(struct client_fault *c)
{
	return bend_origin(c, scheme_of(c), "", ".attacker.example");
}

/* The next port, so that it is one: more digits might be beyond 65535. */
static bool
port_origin(struct client_fault *c)
{
	const char *host = strstr(c->origin, "://");
	const char *colon = host != NULL ? strrchr(host + 3, ':') : NULL;
	unsigned long port;

	if (colon == NULL || strchr(colon, ']') != NULL)
		return bend_origin(c, scheme_of(c), "", ":8444");
	port = strtoul(colon + 1, NULL, 10);
	snprintf(c->text, sizeof(c->text), "%.*s:%lu",
	    (int)(colon - c->origin), c->origin,
	    port < PORT_MAX ? port + 1 : port - 1);
	c->origin = c->text;
	return true;
}

static bool
scheme_origin(struct client_fault *c)
{
	bool https = strcmp(scheme_of(c), "https") == 0;

	return bend_origin(c, https ? "http" : "https", "", "");
}

static bool
slash_origin(struct client_fault *c)
{
	return bend_origin(c, scheme_of(c), "", "/sign-in");
}

static bool
no_origin(struct client_fault *c)
{
	c->origin = NULL;
	return true;
}

static bool
cross_origin(struct client_fault *c)
{
	c->cross_origin = true;
	return true;
}

static bool
top_origin(struct client_fault *c)
{
	c->top_origin = "https://attacker.example";
	return true;
}

static bool
bom(struct client_fault *c)
{
	c->before = BOM;
	return true;
}

static bool
trailing(struct client_fault *c)
{
	c->after = "{}";
	return true;
}

static bool
cut(struct client_fault *c)
{
	c->cut = true;
	return true;
}

static bool
array(struct client_fault *c)
{
	c->array = true;
	return true;
}

static bool
unknown_member(struct client_fault *c)
{
	c->unknown = "new_keys_may_be_added_here";
	return true;
}

static bool
not_signed(struct client_fault *c)
{
	c->unsigned_after = " ";
	return true;
}

#define CLIENT_ROW(prefix_, name_, verdict_, needs_, hook, breaks_, check_, \
    section_, references_) \
	{ .name = prefix_ name_, .stage = FAULT_CLIENT, .verdict = verdict_, \
	  .chromium = FAULT_UNLIKELY, .firefox = FAULT_UNLIKELY, \
	  .needs = needs_, .breaks = breaks_, .check = check_, \
	  .section = section_, .references = references_, hook }
#define REG(name_, verdict_, hook, breaks_, check_, step, references_) \
	CLIENT_ROW("reg.", name_, verdict_, 0, .client.create = hook, \
	    breaks_, check_, "7.1 step " step, references_)
#define AUTH(name_, verdict_, hook, breaks_, check_, step, references_) \
	CLIENT_ROW("auth.", name_, verdict_, 0, .client.get = hook, \
	    breaks_, check_, "7.2 step " step, references_)
/* The same in both ceremonies, which are checked in different places. */
#define BOTH(name_, verdict_, hook, breaks_, check_, step_1, step_2, \
    references_) \
	REG(name_, verdict_, hook, breaks_, check_, step_1, references_), \
	AUTH(name_, verdict_, hook, breaks_, check_, step_2, references_)

#define ORIGIN_CHECK	"compare the origin, whole, with those it expects"

static const struct fault rows[] = {
	REG("type-get", FAULT_REFUSE, type_get,
	    "The client data says that this is a sign-in.",
	    "compare type with \"webauthn.create\"", "7",
	    "conformance Server-ServerAuthenticatorAttestationResponse-Resp-2"),
	AUTH("type-create", FAULT_REFUSE, type_create,
	    "The client data says that this is a registration.",
	    "compare type with \"webauthn.get\"", "10", NULL),
	BOTH("type-payment", FAULT_REFUSE, type_payment,
	    "The client data says that this confirms a payment.",
	    "compare type with the one of this ceremony", "7", "10", NULL),
	BOTH("type-missing", FAULT_REFUSE, no_type,
	    "The client data has no type.",
	    "compare type with the one of this ceremony", "7", "10", NULL),
	BOTH("challenge", FAULT_REFUSE, other_challenge,
	    "The challenge is not the one that was sent.",
	    "compare the challenge with the one of this ceremony", "8", "11",
	    "CVE-2022-42731"),
	BOTH("challenge-empty", FAULT_REFUSE, empty_challenge,
	    "The challenge is empty.",
	    "compare the challenge with the one of this ceremony", "8", "11",
	    NULL),
	BOTH("challenge-missing", FAULT_REFUSE, no_challenge,
	    "The client data has no challenge.",
	    "compare the challenge with the one of this ceremony", "8", "11",
	    NULL),
	BOTH("challenge-short", FAULT_REFUSE, short_challenge,
	    "The challenge is the first half of the one that was sent.",
	    "compare the whole challenge", "8", "11", NULL),
	BOTH("challenge-padded", FAULT_REFUSE, padded_challenge,
	    "The challenge is base64url with padding.",
	    "compare the text of the challenge, not what it decodes to", "8",
	    "11", NULL),
	BOTH("origin", FAULT_REFUSE, other_origin,
	    "The page was one of another site.", ORIGIN_CHECK, "9", "12",
	    "phishing"),
	BOTH("origin-lookalike", FAULT_REFUSE, lookalike_origin,
	    "The page's host ends in the site's name, without a dot before "
	    "it.", ORIGIN_CHECK, "9", "12", NULL),
	BOTH("origin-subdomain", FAULT_REFUSE, subdomain_origin,
	    "The page was of a subdomain that is none of the expected "
	    "origins.", ORIGIN_CHECK, "9", "12", NULL),
	BOTH("origin-longer", FAULT_REFUSE, longer_origin,
	    "The page's host begins with the site's name.", ORIGIN_CHECK,
	    "9", "12", NULL),
	BOTH("origin-port", FAULT_REFUSE, port_origin,
	    "The page came from another port.", ORIGIN_CHECK, "9", "12",
	    "CVE-2026-30964"),
	BOTH("origin-scheme", FAULT_REFUSE, scheme_origin,
	    "The page came over HTTP where it should be HTTPS, or the other "
	    "way round.", ORIGIN_CHECK, "9", "12", "CVE-2026-30964"),
	BOTH("origin-path", FAULT_REFUSE, slash_origin,
	    "A path follows the origin.", ORIGIN_CHECK, "9", "12", NULL),
	BOTH("origin-missing", FAULT_REFUSE, no_origin,
	    "The client data has no origin.", ORIGIN_CHECK, "9", "12", NULL),
	BOTH("cross-origin", FAULT_REFUSE, cross_origin,
	    "The page was framed by a page of another origin.",
	    "refuse crossOrigin unless it expects to be framed", "10", "13",
	    NULL),
	BOTH("top-origin", FAULT_REFUSE, top_origin,
	    "The page says which other origin framed it, one that nobody "
	    "expects.",
	    "compare topOrigin with the origins that may frame it", "11",
	    "14", NULL),
	BOTH("client-data-bom", FAULT_TOLERATE, bom,
	    "The client data begins with a byte order mark.",
	    "decode it as \"UTF-8 decode\" does, which drops the mark", "5",
	    "8", NULL),
	BOTH("client-data-trailing", FAULT_REFUSE, trailing,
	    "More JSON follows the client data.",
	    "refuse what is not one JSON text", "6", "9", NULL),
	BOTH("client-data-cut", FAULT_REFUSE, cut,
	    "The second half of the client data is missing.",
	    "refuse what is not JSON", "6", "9", NULL),
	BOTH("client-data-array", FAULT_REFUSE, array,
	    "The client data is an array, with what should be there in it.",
	    "refuse what is not an object", "6", "9", NULL),
	BOTH("client-data-unknown", FAULT_TOLERATE, unknown_member,
	    "The client data has a member that no standard knows.",
	    "ignore it: clients may add members", "6", "9", NULL),
	CLIENT_ROW("reg.", "client-data-unsigned", FAULT_REFUSE,
	    FAULT_NEEDS_DIRECT, .client.create = not_signed,
	    "The client data was changed after the key had signed.",
	    "hash it as it came, and verify the attestation over the hash",
	    "7.1 steps 12 and 22", NULL),
	AUTH("client-data-unsigned", FAULT_REFUSE, not_signed,
	    "The client data was changed after the key had signed.",
	    "hash it as it came, and verify the signature over the hash",
	    "20", NULL),
};

const struct fault_rows fault_client = FAULT_ROWS(rows);
