/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/needs.h"

#include "ctap/cose.h"

#include <stdio.h>
#include <string.h>

static bool
is_text(const json_t *object, const char *name, const char *value)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && strcmp(text, value) == 0;
}

static bool
asks_for_attestation(const json_t *o)
{
	return is_text(o, "attestation", "direct") ||
	    is_text(o, "attestation", "indirect") ||
	    is_text(o, "attestation", "enterprise");
}

static bool
requires_verification(const json_t *o, bool create)
{
	return is_text(create ? json_object_get(o, "authenticatorSelection") :
	    o, "userVerification", "required");
}

/* How many are offered; whether alg is one of them. */
static size_t
offers(const json_t *o, enum cose_alg alg, bool *offered)
{
	const json_t *list = json_object_get(o, "pubKeyCredParams"), *one;
	size_t i;

	*offered = false;
	json_array_foreach(list, i, one)
		*offered |= json_integer_value(json_object_get(one,
		    "alg")) == alg;
	return json_array_size(list);
}

static unsigned
algs_met(const json_t *o)
{
	unsigned met = 0;
	bool offered;

	if (offers(o, COSE_ES256, &offered) == 1 && offered)
		met |= FAULT_NEEDS_ONE_ALG;
	offers(o, COSE_RS256, &offered);
	return offered ? met | FAULT_NEEDS_RS256 : met;
}

/* Those that options alone decide. */
static unsigned
needs_met(const json_t *o, bool create)
{
	unsigned met = 0;

	if (!create || asks_for_attestation(o))
		met |= FAULT_NEEDS_DIRECT;
	if (requires_verification(o, create))
		met |= FAULT_NEEDS_UV;
	met |= create ? algs_met(o) : FAULT_NEEDS_ONE_ALG | FAULT_NEEDS_RS256;
	if (create || json_array_size(json_object_get(o,
	    "allowCredentials")) == 0)
		met |= FAULT_NEEDS_NO_LIST;
	else
		met |= FAULT_NEEDS_LIST;
	if (!create || json_array_size(json_object_get(o,
	    "excludeCredentials")) > 0)
		met |= FAULT_NEEDS_EXCLUDE;
	return met;
}

bool
needs_are_met(const struct fault *f, const json_t *options, bool create,
    char *why, size_t size)
{
	static const unsigned by_options = FAULT_NEEDS_DIRECT |
	    FAULT_NEEDS_UV | FAULT_NEEDS_ONE_ALG | FAULT_NEEDS_RS256 |
	    FAULT_NEEDS_NO_LIST | FAULT_NEEDS_EXCLUDE | FAULT_NEEDS_LIST;
	const json_t *inner = json_object_get(options, "publicKey");
	unsigned missing;

	/* what the other ceremony of the check is like does not matter */
	missing = f->needs & by_options &
	    ~needs_met(inner != NULL ? inner : options, create);
	if (missing == 0)
		return true;
	missing &= ~missing + 1;	/* one is enough to tell */
	snprintf(why, size, "the options are not what this takes: %s",
	    fault_need_name((enum fault_need)missing));
	return false;
}
