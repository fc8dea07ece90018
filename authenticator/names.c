/* SPDX-License-Identifier: Apache-2.0 */
/* What people call things: see names.h. */
#include "authenticator/names.h"

#include <string.h>

#include "authenticator/engine/engine.h"
#include "authenticator/hex.h"

static const struct {
	int		 alg;
	const char	*name;
} alg_names[] = {
	{ COSE_ES256, "ES256" },
	{ COSE_EDDSA, "EdDSA" },
	{ COSE_ES384, "ES384" },
	{ COSE_ES512, "ES512" },
	{ COSE_PS256, "PS256" },
	{ COSE_ES256K, "ES256K" },
	{ COSE_RS256, "RS256" },
	{ COSE_ED448, "Ed448" },
	{ COSE_ML_DSA_44, "ML-DSA-44" },
	{ COSE_ML_DSA_65, "ML-DSA-65" },
	{ COSE_ML_DSA_87, "ML-DSA-87" },
};

const char *
alg_name(int alg)
{
	size_t i;

	for (i = 0; i < sizeof(alg_names) / sizeof(alg_names[0]); i++) {
		if (alg_names[i].alg == alg)
			return alg_names[i].name;
	}
	return NULL;
}

int
alg_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(alg_names) / sizeof(alg_names[0]); i++) {
		if (strcmp(alg_names[i].name, name) == 0)
			return alg_names[i].alg;
	}
	return 0;
}

static const char *const sample_names[] = {
	[SAMPLE_GOOD] = "good",
	[SAMPLE_TOO_HIGH] = "too-high",
	[SAMPLE_TOO_LOW] = "too-low",
	[SAMPLE_TOO_LEFT] = "too-left",
	[SAMPLE_TOO_RIGHT] = "too-right",
	[SAMPLE_TOO_FAST] = "too-fast",
	[SAMPLE_TOO_SLOW] = "too-slow",
	[SAMPLE_POOR_QUALITY] = "poor-quality",
	[SAMPLE_TOO_SKEWED] = "too-skewed",
	[SAMPLE_TOO_SHORT] = "too-short",
	[SAMPLE_MERGE_FAILURE] = "merge-failure",
	[SAMPLE_EXISTS] = "exists",
	[SAMPLE_NO_USER_ACTIVITY] = "no-activity",
	[SAMPLE_NO_USER_PRESENCE_TRANSITION] = "no-transition",
};
#define SAMPLE_NAMES	(sizeof(sample_names) / sizeof(sample_names[0]))

const char *
sample_name(unsigned status)
{
	return status < SAMPLE_NAMES ? sample_names[status] : NULL;
}

int
sample_named(const char *name)
{
	for (unsigned i = 0; i < SAMPLE_NAMES; i++)
		if (sample_names[i] != NULL &&
		    strcmp(sample_names[i], name) == 0)
			return (int)i;
	return -1;
}

/* Where a dash stands before a byte. */
static bool
is_dashed(int i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void
aaguid_write(const uint8_t aaguid[static 16],
    char out[static AAGUID_TEXT_LEN])
{
	for (int i = 0; i < 16; i++) {
		if (is_dashed(i))
			*out++ = '-';
		hex_encode(span(&aaguid[i], 1), out);
		out += 2;
	}
}

bool
aaguid_parse(const char *text, uint8_t out[static 16])
{
	uint8_t aaguid[16];
	int high, low;

	for (int i = 0; i < 16; i++) {
		if (is_dashed(i) && *text++ != '-')
			return false;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return false;
		aaguid[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text != '\0')
		return false;
	memcpy(out, aaguid, sizeof(aaguid));
	return true;
}
