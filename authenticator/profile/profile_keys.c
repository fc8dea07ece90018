/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of [profile], [device] and [metadata], as a table. */
#include "authenticator/profile/profile_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "authenticator/parse.h"

struct key {
	const char	*section;
	const char	*name;
	bool		(*take)(struct profile_parser *parser,
			    const struct key *key, void *member);
	size_t		 offset;	/* of the member of struct profile */
	unsigned	 max;		/* take_u16: of the number */
	const char	*const *words;	/* that it can be; ended by NULL */
};

static bool
wrong(const struct profile_parser *parser, const char *why)
{
	const struct ini *ini = &parser->ini;

	return ini_wrong(&ini->place, ini->msg, ini->msglen, "%s", why);
}

static char *
value(const struct profile_parser *parser)
{
	return parser->ini.value;
}

static bool
is_one_of(const char *word, size_t len, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == len && memcmp(*words, word, len) == 0)
			return true;
	return false;
}

/* "it takes hardware, software, ..." */
static bool
not_one_of(const struct profile_parser *parser, const char *word, size_t len,
    const char *const *words)
{
	const struct ini *ini = &parser->ini;
	char list[400] = "";
	size_t used = 0;

	for (; *words != NULL && used < sizeof(list) - 40; words++)
		used += (size_t)snprintf(list + used, sizeof(list) - used,
		    "%s%s", used > 0 ? ", " : "", *words);
	return ini_wrong(&ini->place, ini->msg, ini->msglen,
	    "\"%.*s\" is none of %s", (int)(len < 40 ? len : 40), word, list);
}

/* --- kinds of value --------------------------------------------------- */

static bool
take_text(struct profile_parser *parser, const struct key *key, void *member)
{
	(void)key;
	*(const char **)member = value(parser);
	return true;
}

/* What others will write into JSON, logs and paths. */
static bool
take_name(struct profile_parser *parser, const struct key *key, void *member)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *name = value(parser);
	size_t len = strlen(name);

	if (len > PROFILE_NAME_MAX || strspn(name, letters) != len ||
	    name[0] == '-' || name[len - 1] == '-')
		return wrong(parser, "it takes up to 47 small letters, digits "
		    "and, between them, \"-\"");
	return take_text(parser, key, member);
}

/* What a USB device or uhid is called by. */
static bool
take_product(struct profile_parser *parser, const struct key *key,
    void *member)
{
	const char *text = value(parser);

	for (size_t i = 0; text[i] != '\0'; i++)
		if (i == 127 || text[i] < ' ' || text[i] > '~')
			return wrong(parser, "it takes up to 127 printable "
			    "ASCII characters");
	return take_text(parser, key, member);
}

/* "0x1209" */
static bool
take_id(struct profile_parser *parser, const struct key *key, void *member)
{
	const char *text = value(parser);
	char *end;

	(void)key;
	if (strlen(text) != 6 || text[0] != '0' || text[1] != 'x' ||
	    strspn(text + 2, "0123456789abcdefABCDEF") != 4)
		return wrong(parser, "it takes 0x and four hexadecimal "
		    "digits");
	*(uint16_t *)member = (uint16_t)strtoul(text, &end, 16);
	return true;
}

static bool
number(const struct profile_parser *parser, uint64_t max, uint64_t *out)
{
	const struct ini *ini = &parser->ini;

	return parse_number(value(parser), 0, max, out) ||
	    ini_wrong(&ini->place, ini->msg, ini->msglen,
	    "it takes a number from 0 to %llu", (unsigned long long)max);
}

static bool
take_u16(struct profile_parser *parser, const struct key *key, void *member)
{
	uint64_t n;

	if (!number(parser, key->max, &n))
		return false;
	*(uint16_t *)member = (uint16_t)n;
	return true;
}

static bool
take_u32(struct profile_parser *parser, const struct key *key, void *member)
{
	uint64_t n;

	(void)key;
	if (!number(parser, UINT32_MAX, &n))
		return false;
	*(uint32_t *)member = (uint32_t)n;
	return true;
}

static bool
take_bool(struct profile_parser *parser, const struct key *key, void *member)
{
	bool on = strcmp(value(parser), "on") == 0;

	(void)key;
	if (!on && strcmp(value(parser), "off") != 0)
		return wrong(parser, "it takes on or off");
	*(bool *)member = on;
	return true;
}

/* A probability, as JSON would have it: 0.00001 */
static bool
take_rate(struct profile_parser *parser, const struct key *key, void *member)
{
	const char *text = value(parser);
	size_t digits = 0;

	if (strncmp(text, "0.", 2) == 0)
		digits = strspn(text + 2, "0123456789");
	if (digits == 0 || digits > 12 || text[2 + digits] != '\0' ||
	    strspn(text + 2, "0") == digits)
		return wrong(parser, "it takes a number below 1 and above 0, "
		    "like 0.00001");
	return take_text(parser, key, member);
}

static bool
take_word(struct profile_parser *parser, const struct key *key, void *member)
{
	const char *word = value(parser);

	if (!is_one_of(word, strlen(word), key->words))
		return not_one_of(parser, word, strlen(word), key->words);
	return take_text(parser, key, member);
}

/* The next element of a list with commas, and blanks around them. */
static char *
next_word(char **list)
{
	char *word = *list + strspn(*list, " ");
	size_t len = strcspn(word, ",");

	*list = word[len] == ',' ? word + len + 1 : NULL;
	while (len > 0 && word[len - 1] == ' ')
		len--;
	word[len] = '\0';
	return word;
}

/* Whether each part between '+' is one of the words. */
static bool
check_parts(const struct profile_parser *parser, const char *word,
    const char *const *words, bool sums)
{
	bool more = true;

	while (more) {
		size_t len = strcspn(word, sums ? "+" : "");

		if (!is_one_of(word, len, words))
			return not_one_of(parser, word, len, words);
		more = word[len] == '+';
		word += len + 1;
	}
	return true;
}

static bool
take_list(struct profile_parser *parser, const struct key *key, void *member,
    bool sums)
{
	struct profile_words *list = member;
	char *rest = value(parser);	/* taken apart for good */

	while (rest != NULL) {
		const char *word = next_word(&rest);

		if (list->count == PROFILE_WORDS_MAX)
			return wrong(parser, "the list is too long");
		if (!check_parts(parser, word, key->words, sums))
			return false;
		for (size_t i = 0; i < list->count; i++)
			if (strcmp(list->word[i], word) == 0)
				return wrong(parser, "the list has one of "
				    "them twice");
		list->word[list->count++] = word;
	}
	return true;
}

static bool
take_words(struct profile_parser *parser, const struct key *key, void *member)
{
	return take_list(parser, key, member, false);
}

static bool
take_sums(struct profile_parser *parser, const struct key *key, void *member)
{
	return take_list(parser, key, member, true);
}

static bool
is_base64(const char *text)
{
	size_t len = strlen(text);
	size_t letters = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/");

	return letters > 0 && len % 4 == 0 && len - letters <= 2 &&
	    letters + strspn(text + letters, "=") == len;
}

/* Statement, 4: "icon" */
static bool
take_icon(struct profile_parser *parser, const struct key *key, void *member)
{
	static const char *const begin[] = { "data:image/png;base64,",
		"data:image/svg+xml;base64," };
	const char *text = value(parser);

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (strncmp(text, begin[i], strlen(begin[i])) == 0 &&
		    is_base64(text + strlen(begin[i])))
			return take_text(parser, key, member);
	return wrong(parser, "it takes a data: URL of a PNG or SVG, in "
	    "base64");
}

static const char *const statuses[] = {
	"NOT_FIDO_CERTIFIED", "FIDO_CERTIFIED", "USER_VERIFICATION_BYPASS",
	"ATTESTATION_KEY_COMPROMISE", "USER_KEY_REMOTE_COMPROMISE",
	"USER_KEY_PHYSICAL_COMPROMISE", "UPDATE_AVAILABLE", "RETIRED",
	"REVOKED", "SELF_ASSERTION_SUBMITTED", "FIDO_CERTIFIED_L1",
	"FIDO_CERTIFIED_L1plus", "FIDO_CERTIFIED_L2", "FIDO_CERTIFIED_L2plus",
	"FIDO_CERTIFIED_L3", "FIDO_CERTIFIED_L3plus", "FIPS140_CERTIFIED_L1",
	"FIPS140_CERTIFIED_L2", "FIPS140_CERTIFIED_L3",
	"FIPS140_CERTIFIED_L4", NULL
};

/* "2024-02-29", of a calendar */
static bool
is_date(const char *text)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
	    30, 31 };
	int year, month, day;
	bool leap;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' ||
	    strspn(text, "0123456789") != 4 ||
	    strspn(text + 5, "0123456789") != 2 ||
	    strspn(text + 8, "0123456789") != 2)
		return false;
	year = atoi(text);
	month = atoi(text + 5);
	day = atoi(text + 8);
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return year >= 1900 && month >= 1 && month <= 12 && day >= 1 &&
	    day <= days[month - 1] + (month == 2 && leap);
}

/* STATUS@DATE, ... */
static bool
take_statuses(struct profile_parser *parser, const struct key *key,
    void *member)
{
	struct profile_metadata *md = &parser->p->metadata;
	char *rest = value(parser);

	(void)member;
	while (rest != NULL) {
		char *status = next_word(&rest);
		char *at = strchr(status, '@');

		if (at != NULL)
			*at++ = '\0';
		if (!is_one_of(status, strlen(status), key->words))
			return not_one_of(parser, status, strlen(status),
			    key->words);
		if (at != NULL && !is_date(at))
			return wrong(parser, "behind an @ belongs a date, "
			    "like 2020-05-12");
		if (md->status_count == PROFILE_STATUSES_MAX)
			return wrong(parser, "the list is too long");
		md->status[md->status_count++] = (struct profile_status){
			.status = status, .date = at };
	}
	return true;
}

/* --- the table -------------------------------------------------------- */

/*
 * FIDO Registry of Predefined Values 2.2, 3.1 to 3.4; "all" joins the bits of
 * methods where they are a number, which a statement has lists for
 */
static const char *const uv_methods[] = {
	"presence_internal", "fingerprint_internal", "passcode_internal",
	"voiceprint_internal", "faceprint_internal", "location_internal",
	"eyeprint_internal", "pattern_internal", "handprint_internal",
	"passcode_external", "pattern_external", "none", NULL
};
static const char *const key_protections[] = {
	"software", "hardware", "tee", "secure_element", "remote_handle", NULL
};
static const char *const matchers[] = { "software", "tee", "on_chip", NULL };
static const char *const hints[] = {
	"internal", "external", "wired", "wireless", "nfc", "bluetooth",
	"network", "ready", "wifi_direct", NULL
};
static const char *const displays[] = {
	"any", "privileged_software", "tee", "hardware", "remote", NULL
};
static const char *const sharing[] = {
	"unsupported", "explicit", "implicit", NULL
};

#define AT(member)	offsetof(struct profile, member)

static const struct key keys[] = {
	{ "profile", "name", take_name, AT(name), 0, NULL },
	{ "device", "product", take_product, AT(device.product), 0, NULL },
	{ "device", "vendorId", take_id, AT(device.vendor_id), 0, NULL },
	{ "device", "productId", take_id, AT(device.product_id), 0, NULL },
	{ "metadata", "description", take_text, AT(metadata.description), 0,
	    NULL },
	{ "metadata", "keyProtection", take_words,
	    AT(metadata.key_protection), 0, key_protections },
	{ "metadata", "matcherProtection", take_words,
	    AT(metadata.matcher_protection), 0, matchers },
	{ "metadata", "attachmentHint", take_words,
	    AT(metadata.attachment_hint), 0, hints },
	{ "metadata", "tcDisplay", take_words, AT(metadata.tc_display), 0,
	    displays },
	{ "metadata", "userVerification", take_sums,
	    AT(metadata.user_verification), 0, uv_methods },
	{ "metadata", "cryptoStrength", take_u16,
	    AT(metadata.crypto_strength), UINT16_MAX, NULL },
	{ "metadata", "authenticatorVersion", take_u32,
	    AT(metadata.authenticator_version), 0, NULL },
	{ "metadata", "isKeyRestricted", take_bool,
	    AT(metadata.key_restricted), 0, NULL },
	{ "metadata", "isFreshUserVerificationRequired", take_bool,
	    AT(metadata.fresh_user_verification), 0, NULL },
	{ "metadata", "multiDeviceCredentialSupport", take_word,
	    AT(metadata.multi_device), 0, sharing },
	{ "metadata", "passcodeBase", take_u16, AT(metadata.code_base),
	    UINT16_MAX, NULL },
	{ "metadata", "passcodeMinLength", take_u16,
	    AT(metadata.code_min_length), UINT16_MAX, NULL },
	{ "metadata", "passcodeMaxRetries", take_u16,
	    AT(metadata.code_retries), UINT16_MAX, NULL },
	{ "metadata", "passcodeBlockSlowdown", take_u16,
	    AT(metadata.code_slowdown), UINT16_MAX, NULL },
	{ "metadata", "biometricFAR", take_rate, AT(metadata.bio_far), 0,
	    NULL },
	{ "metadata", "biometricFRR", take_rate, AT(metadata.bio_frr), 0,
	    NULL },
	{ "metadata", "biometricMaxTemplates", take_u16,
	    AT(metadata.bio_templates), UINT16_MAX, NULL },
	{ "metadata", "biometricMaxRetries", take_u16,
	    AT(metadata.bio_retries), UINT16_MAX, NULL },
	{ "metadata", "biometricBlockSlowdown", take_u16,
	    AT(metadata.bio_slowdown), UINT16_MAX, NULL },
	{ "metadata", "icon", take_icon, AT(metadata.icon), 0, NULL },
	{ "metadata", "status", take_statuses, 0, 0, statuses },
	{ "metadata", "fipsRevision", take_u16, AT(metadata.fips_revision),
	    3, NULL },
	{ "metadata", "fipsPhysicalSecurityLevel", take_u16,
	    AT(metadata.fips_physical_level), 4, NULL },
	{ "metadata", "certificateNumber", take_text,
	    AT(metadata.certificate_number), 0, NULL },
	{ "metadata", "certificationDescriptor", take_text,
	    AT(metadata.certification_descriptor), 0, NULL },
	{ "metadata", "certificationPolicyVersion", take_text,
	    AT(metadata.certification_policy), 0, NULL },
	{ "metadata", "certificationRequirementsVersion", take_text,
	    AT(metadata.certification_requirements), 0, NULL },
};

bool
profile_take(struct profile_parser *parser)
{
	const struct ini *ini = &parser->ini;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].section, ini->section) == 0 &&
		    strcmp(keys[i].name, ini->place.key) == 0)
			return keys[i].take(parser, &keys[i],
			    (char *)parser->p + keys[i].offset);
	return ini_wrong(&ini->place, ini->msg, ini->msglen,
	    "there is no such key in [%s]", ini->section);
}
