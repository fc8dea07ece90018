/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue as a whole, and its words: see fault.h. */
#include "authenticator/fault/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/fault/fault_rows.h"
#include "ctap/status.h"

#define VALUE_MS_MAX	3600000

/* The parts, in the order in which they are listed; NULL at the end. */
static const struct fault_rows *const parts[] = {
	&fault_registration,
	&fault_key,
	&fault_statement,
	&fault_tpm,
	&fault_authentication,
	&fault_client,
	&fault_response,
	&fault_metadata,
	&fault_transport,
	NULL
};

const struct fault *
fault_at(size_t i)
{
	for (size_t part = 0; parts[part] != NULL; part++) {
		if (i < parts[part]->count)
			return &parts[part]->row[i];
		i -= parts[part]->count;
	}
	return NULL;
}

static const struct fault *
find(const char *name, size_t len)
{
	const struct fault *f;

	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
			return f;
	}
	return NULL;
}

const struct fault *
fault_find(const char *name)
{
	return find(name, strlen(name));
}

/* Decimal, or hex after 0x; UINT32_MAX: it is no number up to max. */
static uint32_t
number(const char *text, uint32_t max)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	unsigned long n;
	char *end;

	text += hex ? 2 : 0;
	if (strspn(text, hex ? "0123456789abcdefABCDEF" : "0123456789") !=
	    strlen(text) || text[0] == '\0' || strlen(text) > 8)
		return UINT32_MAX;
	n = strtoul(text, &end, hex ? 16 : 10);
	return n <= max ? (uint32_t)n : UINT32_MAX;
}

/* OK is no error */
static uint32_t
status_named(const char *text)
{
	for (unsigned status = 1; status <= UINT8_MAX; status++) {
		const char *name = ctap_status_name((uint8_t)status);

		if (name != NULL && strcmp(name, text) == 0)
			return status;
	}
	return UINT32_MAX;
}

static bool
take_value(const struct fault *f, const char *text, uint32_t *out)
{
	uint32_t n = UINT32_MAX;

	switch (f->value) {
	case FAULT_NO_VALUE:
		return false;
	case FAULT_VALUE_STATUS:
		n = number(text, UINT8_MAX);
		if (n == UINT32_MAX)
			n = status_named(text);
		if (n == CTAP2_OK)
			return false;
		break;
	case FAULT_VALUE_MS:
		n = number(text, VALUE_MS_MAX);
		break;
	}
	if (n == UINT32_MAX)
		return false;
	*out = n;
	return true;
}

static int
bad_value(const struct fault *f, char *msg, size_t msglen)
{
	static const char *const wants[] = {
		[FAULT_NO_VALUE] = "takes nothing behind its name",
		[FAULT_VALUE_STATUS] = "takes a CTAP status, 1 to 255 or a "
		    "name such as NO_CREDENTIALS, as NAME:STATUS",
		[FAULT_VALUE_MS] = "takes milliseconds, at most an hour, as "
		    "NAME:MS",
	};

	snprintf(msg, msglen, "the fault %s %s", f->name, wants[f->value]);
	return -EINVAL;
}

int
fault_choose(const char *text, struct fault_choice *out, char *msg,
    size_t msglen)
{
	size_t len = strcspn(text, ":");
	struct fault_choice choice = { .fault = find(text, len) };

	if (choice.fault == NULL) {
		snprintf(msg, msglen, "there is no such fault; \"sealkey fault "
		    "list\" lists them");
		return -EINVAL;
	}
	choice.value = choice.fault->usual;
	if (text[len] == ':' &&
	    !take_value(choice.fault, text + len + 1, &choice.value))
		return bad_value(choice.fault, msg, msglen);
	*out = choice;
	return 0;
}

void
fault_choice_name(struct fault_choice choice, char out[static FAULT_NAME_MAX])
{
	const char *name = choice.fault->name, *status;

	switch (choice.fault->value) {
	case FAULT_NO_VALUE:
		snprintf(out, FAULT_NAME_MAX, "%s", name);
		break;
	case FAULT_VALUE_STATUS:
		status = ctap_status_name((uint8_t)choice.value);
		if (status != NULL) {
			snprintf(out, FAULT_NAME_MAX, "%s:%s", name, status);
			break;
		}
		/* fallthrough */
	case FAULT_VALUE_MS:
		snprintf(out, FAULT_NAME_MAX, "%s:%u", name, choice.value);
		break;
	}
}

static const char *const stages[] = {
	[FAULT_REGISTRATION] = "registration",
	[FAULT_AUTHENTICATION] = "authentication",
	[FAULT_CLIENT] = "client",
	[FAULT_TRANSPORT] = "transport",
	[FAULT_METADATA] = "metadata",
};

const char *
fault_stage_name(enum fault_stage stage)
{
	return stages[stage];
}

int
fault_stage_named(const char *name)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (strcmp(stages[i], name) == 0)
			return (int)i;
	}
	return -1;
}

const char *
fault_verdict_name(enum fault_verdict verdict)
{
	static const char *const names[] = {
		[FAULT_REFUSE] = "refuse",
		[FAULT_POLICY] = "policy",
		[FAULT_TOLERATE] = "tolerate",
	};

	return names[verdict];
}

const char *
fault_reach_name(enum fault_reach reach)
{
	static const char *const names[] = {
		[FAULT_UNKNOWN] = "unknown",
		[FAULT_PASSES] = "passes",
		[FAULT_CHANGED] = "changed",
		[FAULT_BLOCKED] = "blocked",
		[FAULT_HANGS] = "hangs",
		[FAULT_LIKELY] = "expected to pass",
		[FAULT_UNLIKELY] = "expected to be blocked",
	};

	return names[reach];
}

const char *
fault_need_name(enum fault_need need)
{
	static const char *const names[FAULT_NEEDS] = {
		"attestation is asked for",
		"user verification is required",
		"ES256 is the only algorithm offered",
		"the key has another account at the relying party",
		"the credential has signed in before",
		"no credential is named",
		"excludeCredentials names a credential of the key",
		"the relying party reads the metadata",
		("the certificate names a CRL (--set attestationCrl=URL; mds "
		    "blob --crl URL), which the relying party reads"),
		"allowCredentials names the credential",
		"RS256 is offered",
		"one before it, in the same sealkey webauthn --batch",
	};

	for (unsigned i = 0; i < FAULT_NEEDS; i++) {
		if (need == 1U << i)
			return names[i];
	}
	return "";
}

static bool
stops(enum fault_reach reach)
{
	return reach == FAULT_CHANGED || reach == FAULT_BLOCKED ||
	    reach == FAULT_HANGS || reach == FAULT_UNLIKELY;
}

#define INSTEAD		"or sealkey webauthn --fault"
#define NOT_EXPECTED	"this fault is not expected to reach a page through "

const char *
fault_browser_name(enum fault_browser browser)
{
	static const char *const names[] = {
		[FAULT_ANY_BROWSER] = NULL,
		[FAULT_CHROMIUM] = "chromium",
		[FAULT_FIREFOX] = "firefox",
	};

	return names[browser];
}

int
fault_browser_named(const char *name)
{
	for (int i = FAULT_CHROMIUM; i <= FAULT_FIREFOX; i++)
		if (strcmp(name, fault_browser_name(i)) == 0)
			return i;
	return -1;
}

const char *
fault_warning(const struct fault *f, enum fault_browser browser)
{
	bool chromium = stops(f->chromium), firefox = stops(f->firefox);
	bool expected = f->chromium == FAULT_UNLIKELY ||
	    f->firefox == FAULT_UNLIKELY;

	if (f->stage == FAULT_METADATA || f->stage == FAULT_TRANSPORT)
		return NULL;
	if ((browser == FAULT_CHROMIUM && !chromium) ||
	    (browser == FAULT_FIREFOX && !firefox))
		return NULL;
	if (chromium && firefox)
		return expected ? "this fault is expected to reach a page "
		    "through neither Chromium nor Firefox; use sealkey "
		    "webauthn --fault" : "this fault reaches a page through "
		    "neither Chromium nor Firefox; use sealkey webauthn "
		    "--fault";
	if (chromium)
		return expected ? NOT_EXPECTED "Chromium; try Firefox, "
		    INSTEAD : "this fault does not reach a page through "
		    "Chromium; use Firefox, " INSTEAD;
	if (firefox)
		return expected ? NOT_EXPECTED "Firefox; try Chromium, "
		    INSTEAD : "this fault does not reach a page through "
		    "Firefox; use Chromium, " INSTEAD;
	return NULL;
}
