/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of attestation: see settings_impl.h. */
#include "authenticator/settings_impl.h"

#include <stdlib.h>
#include <string.h>

#include "authenticator/date.h"
#include "ctap/cbor.h"

/* self is packed, too */
const char *
settings_attestation_name(enum attestation_kind kind)
{
	return kind == ATTESTATION_SELF ? "self" :
	    auth_attestation_format(kind);
}

bool
settings_attestation_named(const char *name, enum attestation_kind *kind)
{
	for (int i = 0; i < ATTESTATION_KINDS; i++) {
		if (!settings_is(name, settings_attestation_name(i)))
			continue;
		*kind = (enum attestation_kind)i;
		return true;
	}
	return false;
}

bool
settings_take_attestation(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	(void)s;
	return settings_attestation_named(value, &cfg->attestation.kind);
}

/* len bytes of RP_ID:KIND, in place of what that RP had; some have colons */
static bool
take_format_rp(struct auth_format_rp rps[static AUTH_FORMAT_RPS_MAX],
    const char *value, size_t len)
{
	struct auth_format_rp new = { .kind = ATTESTATION_PACKED };
	const char *colon = memrchr(value, ':', len);
	char kind[SETTINGS_WORD_MAX];
	size_t i = 0, id;

	if (colon == NULL)
		return false;
	id = (size_t)(colon - value);
	len -= id + 1;
	if (id == 0 || id > RP_ID_KEPT || len >= sizeof(kind))
		return false;
	snprintf(kind, sizeof(kind), "%.*s", (int)len, colon + 1);
	if (!settings_attestation_named(kind, &new.kind))
		return false;
	new.rp.len = (uint8_t)id;
	memcpy(new.rp.s, value, id);
	while (i < AUTH_FORMAT_RPS_MAX && rps[i].rp.len > 0 &&
	    memcmp(&rps[i].rp, &new.rp, sizeof(new.rp)) != 0)
		i++;
	if (i == AUTH_FORMAT_RPS_MAX)
		return false;
	rps[i] = new;
	return true;
}

/* Adds to those that are there; none: there are none. */
bool
settings_take_format_rps(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	struct auth_format_rp rps[AUTH_FORMAT_RPS_MAX];
	bool more = true;
	size_t len;

	(void)s;
	if (settings_is(value, "none")) {
		memset(cfg->format_rp, 0, sizeof(cfg->format_rp));
		return true;
	}
	memcpy(rps, cfg->format_rp, sizeof(rps));
	for (; more; value += len + 1) {
		len = strcspn(value, ",");
		more = value[len] == ',';
		if (!take_format_rp(rps, value, len))
			return false;
	}
	memcpy(cfg->format_rp, rps, sizeof(rps));
	return true;
}

/* YYYY-MM-DD, and hh:mm:ss in UTC behind it; none: as usual */
bool
settings_take_date(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	int64_t date_s, date_ms = 0;

	/* 0 is none */
	if (!settings_is(value, "none") && (!date_parse(value, &date_ms) ||
	    date_ms == 0 || date_ms % 1000 != 0))
		return false;
	date_s = date_ms / 1000;
	memcpy((unsigned char *)cfg + s->offset, &date_s, sizeof(date_s));
	return true;
}

/* Of a certificate: ASCII, as RFC 5280, 4.2.1.6 wants it. */
bool
settings_take_crl_url(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool none = settings_is(value, "none");

	(void)s;
	if (!none && (strlen(value) >= sizeof(cfg->leaf.crl_url) ||
	    (strncmp(value, "http://", 7) != 0 &&
	    strncmp(value, "https://", 8) != 0)))
		return false;
	for (const char *p = value; !none && *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	memset(cfg->leaf.crl_url, 0, sizeof(cfg->leaf.crl_url));
	if (!none)
		memcpy(cfg->leaf.crl_url, value, strlen(value));
	return true;
}

static bool
is_country(const char *value)
{
	return strlen(value) == 2 && value[0] >= 'A' && value[0] <= 'Z' &&
	    value[1] >= 'A' && value[1] <= 'Z';
}

/*
 * X.520: a country is two letters, the others are 64 characters at most. Of
 * each there is one (WebAuthn, 8.2.1 is about one of each, too). A bit for the
 * attribute; 0: it is none.
 */
static unsigned
attribute(const char *word)
{
	static const char *const names[] = { "C", "ST", "L", "O", "OU", "CN" };
	const char *value = strchr(word, '=');
	size_t len = value != NULL ? (size_t)(value - word) : 0, i = 0;
	const size_t count = sizeof(names) / sizeof(names[0]);

	while (i < count && (strlen(names[i]) != len ||
	    strncmp(word, names[i], len) != 0))
		i++;
	if (i == count || value[1] == '\0')
		return 0;
	value++;
	if (i == 0 ? !is_country(value) : cbor_utf8_cut(span_str(value),
	    strlen(value)) != strlen(value))
		return 0;
	return 1U << i;
}

/*
 * C=SE,O=...: what is named replaces what is usual. Nobody may take the
 * certificate for a maker's: TEST has to be in it.
 */
bool
settings_take_subject(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool none = settings_is(value, "none");
	const char *rest = value;
	char word[SETTINGS_WORD_MAX + 4];
	unsigned seen = 0, bit;

	(void)s;
	if (!none && (strlen(value) >= sizeof(cfg->leaf.subject) ||
	    strstr(value, "TEST") == NULL))
		return false;
	while (!none && settings_next(&rest, word)) {
		bit = attribute(word);
		if (bit == 0 || (seen & bit) != 0)
			return false;
		seen |= bit;
	}
	memset(cfg->leaf.subject, 0, sizeof(cfg->leaf.subject));
	if (!none)
		memcpy(cfg->leaf.subject, value, strlen(value));
	return true;
}

bool
settings_take_tpm_signature(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	(void)s;
	if (!settings_is(value, "bare") && !settings_is(value, "tpmt"))
		return false;
	cfg->tpm_strict = settings_is(value, "tpmt");
	return true;
}

bool
settings_take_tpm_alg(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	static const struct {
		const char	*name;
		int		 alg;
	} names[] = {
		{ "ES256", COSE_ES256 }, { "RS256", COSE_RS256 },
		{ "RS1", COSE_RS1 },
	};

	(void)s;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!settings_is(value, names[i].name))
			continue;
		cfg->ak_alg = names[i].alg;
		return true;
	}
	return false;
}

/* Windows Hello's keys have a policy, and it signs with RS1. */
bool
settings_take_tpm_shape(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool hello = settings_is(value, "windows-hello");

	(void)s;
	if (!hello && !settings_is(value, "webauthn"))
		return false;
	cfg->key_shape = hello ? KEY_WITH_POLICY : 0;
	if (hello)
		cfg->ak_alg = COSE_RS1;
	else if (cfg->ak_alg == COSE_RS1)
		cfg->ak_alg = COSE_ES256;
	return true;
}

/* Four bytes, by letter or in hexadecimal; none: what the TPM says. */
bool
settings_take_tpm_manufacturer(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	size_t len = strlen(value);
	uint32_t id = 0;

	(void)s;
	if (settings_is(value, "none")) {
		cfg->tpm_manufacturer = 0;
		return true;
	}
	if (len == 8 && strspn(value, "0123456789abcdefABCDEF") == len)
		id = (uint32_t)strtoul(value, NULL, 16);
	else if (len != 4)
		return false;
	for (size_t i = 0; len == 4 && i < len; i++) {
		if (value[i] < ' ' || value[i] > '~')
			return false;
		id = id << 8 | (uint8_t)value[i];
	}
	if (id == 0)
		return false;
	cfg->tpm_manufacturer = id;
	return true;
}
