/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a profile makes sense as a whole. The engine drops what does not
 * fit together (auth_config_features()), which is right for somebody who
 * tries things out; a file that says what a key is has to be true.
 *
 * Every rule names the key that it is about: the error tells its line. The
 * rules about versions and options: CTAP 2.3, 6.4, 9 and 12; about metadata:
 * FIDO Metadata Statement 3.1, and the FIDO registry.
 */
#include "authenticator/profile/profile_impl.h"

#include <stdio.h>

#include "authenticator/settings.h"
#include "ctap/cose.h"

#define VERIFICATION	(FEATURE_CLIENT_PIN | FEATURE_UV)
#define SINCE_2_1	(FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3)
#define PASSCODE_EXTERNAL	0x800	/* FIDO registry, 3.1 */

#define USB_TESTS	0x1209	/* pid.codes */
#define USB_YUBICO	0x1050

/* In msg, about a key, as if its line was read just now. */
static bool
wrong(struct profile_parser *parser, const char *section, const char *key,
    const char *why)
{
	struct ini *ini = &parser->ini;
	unsigned line = profile_line(parser, section, key);

	/* a list of versions asks for what has no key of its own */
	if (line == 0)
		line = profile_line(parser, section, "versions");
	ini->place.key = key;
	ini->place.line = line;
	return ini_wrong(&ini->place, ini->msg, ini->msglen, "%s", why);
}

/* --- rules about what a key can --------------------------------------- */

static bool
asks(const struct auth_config *cfg, uint64_t features)
{
	return (cfg->features & features) != 0;
}

static bool
says(const struct profile_parser *parser, const char *key)
{
	return profile_line(parser, "settings", key) > 0;
}

static bool
no_versions(const struct profile_parser *parser)
{
	return !says(parser, "versions");
}

static bool
no_algorithms(const struct profile_parser *parser)
{
	return !says(parser, "algorithms");
}

static bool
u2f_without_es256(const struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;

	for (size_t i = 0; i < cfg->alg_count; i++)
		if (cfg->algs[i] == COSE_ES256)
			return false;
	return asks(cfg, FEATURE_U2F_V2);
}

/* the platform says everything else of such a key (CTAP 2.3, 10.2) */
static bool
u2f_with_more(const struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;

	return !asks(cfg, FEATURES_FIDO2) &&
	    asks(cfg, ~(uint64_t)FEATURE_U2F_V2);
}

static bool
agrees(const struct auth_config *cfg)
{
	return cfg->protocols[0] != 0;
}

static bool
pin_without_protocol(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_CLIENT_PIN) && !agrees(&parser->cfg);
}

static bool
uv_without_protocol(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_UV) && !agrees(&parser->cfg);
}

static bool
secret_without_protocol(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_HMAC_SECRET) &&
	    !agrees(&parser->cfg);
}

static bool
blobs_without_token(const struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;

	return asks(cfg, FEATURE_LARGE_BLOBS) && asks(cfg, VERIFICATION) &&
	    !asks(cfg, FEATURE_PIN_UV_AUTH_TOKEN);
}

static bool
config_without_token(const struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;

	return asks(cfg, FEATURE_AUTHNR_CFG) && asks(cfg, VERIFICATION) &&
	    !asks(cfg, FEATURE_PIN_UV_AUTH_TOKEN);
}

static bool
both_blobs(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_LARGE_BLOB) &&
	    asks(&parser->cfg, FEATURE_LARGE_BLOBS | FEATURE_LARGE_BLOB_KEY);
}

static bool
ep_too_early(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_EP) &&
	    !asks(&parser->cfg, SINCE_2_1);
}

static bool
ep_rps_without_ep(const struct profile_parser *parser)
{
	return parser->cfg.ep_rp[0].len > 0 && !asks(&parser->cfg, FEATURE_EP);
}

static bool
always_without_uv(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_ALWAYS_UV) &&
	    !asks(&parser->cfg, VERIFICATION);
}

/*
 * No contradiction to alwaysUv=on: that can be switched off, and it is what
 * holds from then on. Until then getInfo says false (6.4, 6.11.2).
 */
static bool
not_required_without_uv(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_MC_UV_NOT_RQD) &&
	    !asks(&parser->cfg, VERIFICATION);
}

static bool
modality_without_uv(const struct profile_parser *parser)
{
	return parser->cfg.uv_modality != 0 && !asks(&parser->cfg, FEATURE_UV);
}

static bool
modality_of_pin(const struct profile_parser *parser)
{
	return (parser->cfg.uv_modality & PASSCODE_EXTERNAL) != 0;
}

static bool
attempts_without_uv(const struct profile_parser *parser)
{
	return parser->cfg.uv_attempts > 0 && !asks(&parser->cfg, FEATURE_UV);
}

static bool
cred_blob_max_without(const struct profile_parser *parser)
{
	return says(parser, "maxCredBlobLength") &&
	    !asks(&parser->cfg, FEATURE_CRED_BLOB);
}

static bool
blobs_max_without(const struct profile_parser *parser)
{
	return says(parser, "maxSerializedLargeBlobArray") &&
	    !asks(&parser->cfg, FEATURE_LARGE_BLOBS);
}

static bool
capacity_without(const struct profile_parser *parser)
{
	return says(parser, "maxDiscoverableCredentials") &&
	    !asks(&parser->cfg, FEATURE_RK);
}

static bool
min_pin_without(const struct profile_parser *parser)
{
	return says(parser, "minPINLength") &&
	    !asks(&parser->cfg, FEATURE_CLIENT_PIN);
}

static bool
max_pin_without(const struct profile_parser *parser)
{
	return says(parser, "maxPINLength") &&
	    !asks(&parser->cfg, FEATURE_CLIENT_PIN);
}

static bool
pin_impossible(const struct profile_parser *parser)
{
	return parser->cfg.min_pin_length > parser->cfg.max_pin_length;
}

static bool
pin_rps_without(const struct profile_parser *parser)
{
	return says(parser, "maxRPIDsForSetMinPINLength") &&
	    !asks(&parser->cfg, FEATURE_SET_MIN_PIN_LENGTH);
}

/* 12.5: the one is for nothing without the other */
static bool
min_pin_is_told_nobody(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_SET_MIN_PIN_LENGTH) &&
	    !asks(&parser->cfg, FEATURE_MIN_PIN_LENGTH);
}

static bool
url_without_pin(const struct profile_parser *parser)
{
	return says(parser, "pinComplexityPolicyURL") &&
	    !asks(&parser->cfg, FEATURE_CLIENT_PIN);
}

static bool
resets_elsewhere(const struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;

	return (cfg->transports_for_reset & ~cfg->transports) != 0;
}

static bool
platform_outside(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_PLAT) &&
	    !(parser->cfg.transports & TRANSPORT_INTERNAL);
}

static bool
inside_elsewhere(const struct profile_parser *parser)
{
	return !asks(&parser->cfg, FEATURE_PLAT) &&
	    (parser->cfg.transports & TRANSPORT_INTERNAL);
}

static bool
v21_without_secret(const struct profile_parser *parser)
{
	return asks(&parser->cfg, SINCE_2_1) &&
	    !asks(&parser->cfg, FEATURE_HMAC_SECRET);
}

static bool
v21_without_protocol_two(const struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;

	return asks(cfg, SINCE_2_1) && cfg->protocols[0] != 2 &&
	    cfg->protocols[1] != 2;
}

static bool
v21_without_uv(const struct profile_parser *parser)
{
	return asks(&parser->cfg, SINCE_2_1) &&
	    asks(&parser->cfg, FEATURE_RK) &&
	    !asks(&parser->cfg, VERIFICATION);
}

static bool
v21_without_management(const struct profile_parser *parser)
{
	return asks(&parser->cfg, SINCE_2_1) &&
	    asks(&parser->cfg, FEATURE_RK) &&
	    !asks(&parser->cfg, FEATURE_CRED_MGMT);
}

static bool
v21_without_protect(const struct profile_parser *parser)
{
	return asks(&parser->cfg, SINCE_2_1) &&
	    asks(&parser->cfg, VERIFICATION) &&
	    !asks(&parser->cfg, FEATURE_CRED_PROTECT);
}

static bool
v21_without_token(const struct profile_parser *parser)
{
	return asks(&parser->cfg, SINCE_2_1) &&
	    asks(&parser->cfg, VERIFICATION) &&
	    !asks(&parser->cfg, FEATURE_PIN_UV_AUTH_TOKEN);
}

static bool
v23_without_pin(const struct profile_parser *parser)
{
	return asks(&parser->cfg, FEATURE_FIDO_2_3) &&
	    !asks(&parser->cfg, FEATURE_CLIENT_PIN);
}

static bool
backed_up_nowhere(const struct profile_parser *parser)
{
	return parser->cfg.backup_state && !parser->cfg.backup_eligible;
}

/* --- rules about the rest --------------------------------------------- */

static bool
has_method(const struct profile_parser *parser, const char *method)
{
	const struct profile_words *uv =
	    &parser->p->metadata.user_verification;
	size_t len = strlen(method);

	for (size_t i = 0; i < uv->count; i++) {
		const char *at = strstr(uv->word[i], method);

		if (at != NULL && (at[len] == '\0' || at[len] == '+'))
			return true;
	}
	return false;
}

/* statement 3.1.1: what a backup flag says of every credential */
static bool
shared_by_nobody(const struct profile_parser *parser)
{
	const char *support = parser->p->metadata.multi_device;

	return support != NULL && parser->cfg.backup_eligible &&
	    strcmp(support, "unsupported") == 0;
}

static bool
no_name(const struct profile_parser *parser)
{
	return parser->p->name == NULL;
}

static bool
no_product(const struct profile_parser *parser)
{
	return parser->p->device.product == NULL;
}

static bool
vendor_yubico(const struct profile_parser *parser)
{
	return parser->p->device.vendor_id == USB_YUBICO;
}

static bool
vendor_somebodys(const struct profile_parser *parser)
{
	return profile_line(parser, "device", "vendorId") > 0 &&
	    parser->p->device.vendor_id != USB_TESTS;
}

static bool
vendor_alone(const struct profile_parser *parser)
{
	return profile_line(parser, "device", "vendorId") > 0 &&
	    parser->p->device.product_id == 0;
}

static bool
product_alone(const struct profile_parser *parser)
{
	return profile_line(parser, "device", "productId") > 0 &&
	    (parser->p->device.vendor_id == 0 ||
	    parser->p->device.product_id == 0);
}

static bool
pin_nobody_has(const struct profile_parser *parser)
{
	return has_method(parser, "passcode_external") &&
	    !asks(&parser->cfg, FEATURE_CLIENT_PIN);
}

static bool
has_biometric(const struct profile_parser *parser)
{
	return has_method(parser, "fingerprint_internal") ||
	    has_method(parser, "voiceprint_internal") ||
	    has_method(parser, "faceprint_internal") ||
	    has_method(parser, "eyeprint_internal") ||
	    has_method(parser, "handprint_internal");
}

static bool
verifies_nobody(const struct profile_parser *parser)
{
	return (has_biometric(parser) ||
	    has_method(parser, "passcode_internal") ||
	    has_method(parser, "pattern_internal")) &&
	    !asks(&parser->cfg, FEATURE_UV);
}

static bool
fips_of_nothing(const struct profile_parser *parser)
{
	const struct profile_metadata *md = &parser->p->metadata;

	for (size_t i = 0; i < md->status_count; i++)
		if (strncmp(md->status[i].status, "FIPS140_", 8) == 0)
			return false;
	return true;
}

static bool
revision_of_nothing(const struct profile_parser *parser)
{
	return parser->p->metadata.fips_revision > 0 &&
	    fips_of_nothing(parser);
}

static bool
level_of_nothing(const struct profile_parser *parser)
{
	return parser->p->metadata.fips_physical_level > 0 &&
	    fips_of_nothing(parser);
}

static bool
has_word(const struct profile_words *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->word[i], word) == 0)
			return true;
	return false;
}

/* registry, 3.2: software excludes all that is better */
static bool
keys_in_two_places(const struct profile_parser *parser)
{
	const struct profile_words *list =
	    &parser->p->metadata.key_protection;

	return has_word(list, "software") && (has_word(list, "hardware") ||
	    has_word(list, "tee") || has_word(list, "secure_element"));
}

/* registry, 3.2: they are kinds of hardware */
static bool
element_of_nothing(const struct profile_parser *parser)
{
	const struct profile_words *list =
	    &parser->p->metadata.key_protection;

	return (has_word(list, "tee") || has_word(list, "secure_element")) &&
	    !has_word(list, "hardware");
}

static bool
two_matchers(const struct profile_parser *parser)
{
	return parser->p->metadata.matcher_protection.count > 1;
}

/* registry, 3.4 */
static bool
inside_and_outside(const struct profile_parser *parser)
{
	const struct profile_words *list =
	    &parser->p->metadata.attachment_hint;

	return has_word(list, "internal") && has_word(list, "external");
}

static bool
hint_elsewhere(const struct profile_parser *parser)
{
	const struct profile_words *list =
	    &parser->p->metadata.attachment_hint;

	return list->count > 0 &&
	    asks(&parser->cfg, FEATURE_PLAT) == has_word(list, "external");
}

/* --- the rules -------------------------------------------------------- */

struct rule {
	bool		(*broken)(const struct profile_parser *parser);
	const char	*section;
	const char	*key;
	const char	*why;
};

static const struct rule rules[] = {
	{ no_name, "profile", "name", "[profile] has to say it" },
	{ no_product, "device", "product", "[device] has to say it" },
	{ no_versions, "settings", "versions", "[settings] has to say them" },
	{ no_algorithms, "settings", "algorithms", "[settings] has to say "
	    "them" },
	{ vendor_yubico, "device", "vendorId", "0x1050 is Yubico's, and what "
	    "is no YubiKey must not say it; 0x1209 is for tests" },
	{ vendor_somebodys, "device", "vendorId", "it belongs to somebody; "
	    "only 0x1209, which is for tests, is free" },
	{ vendor_alone, "device", "vendorId", "productId belongs to it" },
	{ product_alone, "device", "productId", "vendorId belongs to it, and "
	    "it cannot be 0" },
	{ u2f_with_more, "settings", "versions", "a key that has U2F_V2 only "
	    "can nothing else that is asked for here" },
	{ u2f_without_es256, "settings", "algorithms", "U2F_V2 needs ES256" },
	{ pin_without_protocol, "settings", "clientPin", "it needs "
	    "pinUvAuthProtocols" },
	{ uv_without_protocol, "settings", "uv", "it needs "
	    "pinUvAuthProtocols" },
	{ secret_without_protocol, "settings", "hmac-secret", "it needs "
	    "pinUvAuthProtocols" },
	{ blobs_without_token, "settings", "largeBlobs", "it needs "
	    "pinUvAuthToken, as there is clientPin or uv" },
	{ config_without_token, "settings", "authnrCfg", "it needs "
	    "pinUvAuthToken, as there is clientPin or uv" },
	{ both_blobs, "settings", "largeBlob", "it excludes largeBlobs and "
	    "largeBlobKey" },
	{ ep_too_early, "settings", "ep", "it needs the version FIDO_2_1" },
	{ ep_rps_without_ep, "settings", "epRpIds", "they need ep" },
	{ always_without_uv, "settings", "alwaysUv", "it needs clientPin or "
	    "uv" },
	{ not_required_without_uv, "settings", "makeCredUvNotRqd", "it needs "
	    "clientPin or uv" },
	{ modality_without_uv, "settings", "uvModality", "it needs uv" },
	{ modality_of_pin, "settings", "uvModality", "0x800 is the PIN, "
	    "which does not count here" },
	{ attempts_without_uv, "settings", "preferredPlatformUvAttempts",
	    "they need uv" },
	{ cred_blob_max_without, "settings", "maxCredBlobLength", "it needs "
	    "credBlob" },
	{ blobs_max_without, "settings", "maxSerializedLargeBlobArray", "it "
	    "needs largeBlobs" },
	{ capacity_without, "settings", "maxDiscoverableCredentials", "they "
	    "need rk" },
	{ min_pin_without, "settings", "minPINLength", "it needs clientPin" },
	{ max_pin_without, "settings", "maxPINLength", "it needs clientPin" },
	{ pin_impossible, "settings", "minPINLength", "it is more than "
	    "maxPINLength" },
	{ pin_rps_without, "settings", "maxRPIDsForSetMinPINLength", "it "
	    "needs setMinPINLength" },
	{ min_pin_is_told_nobody, "settings", "setMinPINLength", "it needs "
	    "minPinLength" },
	{ url_without_pin, "settings", "pinComplexityPolicyURL", "it needs "
	    "clientPin" },
	{ resets_elsewhere, "settings", "transportsForReset", "transports "
	    "does not have all of them" },
	{ platform_outside, "settings", "plat", "transports has to say "
	    "internal" },
	{ inside_elsewhere, "settings", "transports", "internal needs plat" },
	{ backed_up_nowhere, "settings", "backupState", "it needs "
	    "backupEligible" },
	{ v21_without_secret, "settings", "versions", "FIDO_2_1 and later "
	    "need hmac-secret" },
	{ v21_without_protocol_two, "settings", "versions", "FIDO_2_1 and "
	    "later need pinUvAuthProtocols with 2" },
	{ v21_without_uv, "settings", "versions", "FIDO_2_1 and later need "
	    "clientPin or uv, as there is rk" },
	{ v21_without_management, "settings", "versions", "FIDO_2_1 and "
	    "later need credMgmt, as there is rk" },
	{ v21_without_protect, "settings", "versions", "FIDO_2_1 and later "
	    "need credProtect, as there is clientPin or uv" },
	{ v21_without_token, "settings", "versions", "FIDO_2_1 and later "
	    "need pinUvAuthToken, as there is clientPin or uv" },
	{ v23_without_pin, "settings", "versions", "FIDO_2_3 needs "
	    "clientPin" },
	{ pin_nobody_has, "metadata", "userVerification",
	    "passcode_external needs clientPin" },
	{ verifies_nobody, "metadata", "userVerification", "fingerprint, "
	    "passcode_internal and the like need uv" },
	{ revision_of_nothing, "metadata", "fipsRevision", "status has no "
	    "FIPS140_CERTIFIED" },
	{ level_of_nothing, "metadata", "fipsPhysicalSecurityLevel", "status "
	    "has no FIPS140_CERTIFIED" },
	{ keys_in_two_places, "metadata", "keyProtection", "software excludes "
	    "hardware" },
	{ element_of_nothing, "metadata", "keyProtection", "tee and "
	    "secure_element need hardware" },
	{ two_matchers, "metadata", "matcherProtection", "it is one of "
	    "them" },
	{ shared_by_nobody, "metadata", "multiDeviceCredentialSupport",
	    "backupEligible says otherwise" },
	{ inside_and_outside, "metadata", "attachmentHint", "internal "
	    "excludes external" },
	{ hint_elsewhere, "metadata", "attachmentHint", "it is external "
	    "without plat, and internal with it" },
};

static bool
check_rules(struct profile_parser *parser)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];

		if (r->broken(parser))
			return wrong(parser, r->section, r->key, r->why);
	}
	return true;
}

/*
 * The descriptors of how good a method is (statement, 3.2 and 3.3) have keys
 * for each of their members: none of them without the method, nor without
 * those that a descriptor has to have.
 */
static bool
check_descriptor(struct profile_parser *parser, const char *const *keys,
    const char *why)
{
	for (; why != NULL && *keys != NULL; keys++)
		if (profile_line(parser, "metadata", *keys) > 0)
			return wrong(parser, "metadata", *keys, why);
	return true;
}

static bool
check_passcode(struct profile_parser *parser)
{
	static const char *const keys[] = { "passcodeBase",
		"passcodeMinLength", "passcodeMaxRetries",
		"passcodeBlockSlowdown", NULL };
	const struct profile_metadata *md = &parser->p->metadata;
	const char *why = NULL;

	if (!has_method(parser, "passcode_external") &&
	    !has_method(parser, "passcode_internal"))
		why = "userVerification has no passcode";
	else if (md->code_base == 0 || md->code_min_length == 0)
		why = "passcodeBase and passcodeMinLength belong together, "
		    "and neither can be 0";
	return check_descriptor(parser, keys, why);
}

static bool
check_biometric(struct profile_parser *parser)
{
	static const char *const keys[] = { "biometricFAR", "biometricFRR",
		"biometricMaxTemplates", "biometricMaxRetries",
		"biometricBlockSlowdown", NULL };
	const struct profile_metadata *md = &parser->p->metadata;
	const char *why = NULL;

	if (!has_biometric(parser))
		why = "userVerification has no biometric";
	else if (md->bio_far == NULL && md->bio_frr == NULL)
		why = "biometricFAR or biometricFRR belongs to it";
	return check_descriptor(parser, keys, why);
}

/* What is missing of a set, by name: "rk and pinUvAuthToken" */
static void
name_all(uint64_t features, const char *between, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (int bit = 0; bit < 64; bit++) {
		const char *name = settings_feature_name(features &
		    UINT64_C(1) << bit);

		if (name != NULL && used < size)
			used += (size_t)snprintf(out + used, size - used,
			    "%s%s", used > 0 ? between : "", name);
	}
}

/*
 * Every feature that was asked for, the engine has to keep. The one whose
 * own need is not met is told, not those that build on it.
 */
static bool
check_needs(struct profile_parser *parser)
{
	uint64_t asked = parser->cfg.features, all, any;
	const struct profile *p = parser->p;
	char names[160], why[200];

	for (size_t i = 0; i < p->setting_count; i++) {
		uint64_t feature = settings_feature(p->setting[i].name);

		if (!(asked & feature))
			continue;
		auth_feature_needs(feature, &all, &any);
		if ((all & ~asked) != 0)
			name_all(all & ~asked, " and ", names, sizeof(names));
		else if (any != 0 && !(any & asked))
			name_all(any, " or ", names, sizeof(names));
		else
			continue;
		snprintf(why, sizeof(why), "it needs %s", names);
		return wrong(parser, "settings", p->setting[i].name, why);
	}
	return true;
}

/* In the end it is the engine that decides; nothing asked for may be lost. */
static bool
check_engine(struct profile_parser *parser)
{
	const struct auth_config *cfg = &parser->cfg;
	uint64_t lost = cfg->features & ~auth_config_features(cfg);
	const struct profile *p = parser->p;

	if (lost & (FEATURES_FIDO2 | FEATURE_U2F_V2))
		return wrong(parser, "settings", "versions", "the key lacks "
		    "what one of them demands");
	for (size_t i = 0; i < p->setting_count; i++)
		if (settings_feature(p->setting[i].name) & lost)
			return wrong(parser, "settings", p->setting[i].name,
			    "it does not fit the rest of the key");
	return true;
}

/* What the file did not say, and follows. */
static void
complete(struct profile_parser *parser)
{
	struct profile_metadata *md = &parser->p->metadata;

	if (md->description == NULL)
		md->description = parser->p->device.product;
	if (profile_line(parser, "metadata", "authenticatorVersion") == 0)
		md->authenticator_version =
		    (uint32_t)parser->cfg.firmware_version;
	if (profile_line(parser, "metadata", "isKeyRestricted") == 0)
		md->key_restricted = true;
	if (profile_line(parser, "metadata",
	    "isFreshUserVerificationRequired") == 0)
		md->fresh_user_verification = true;
}

bool
profile_check(struct profile_parser *parser)
{
	if (!check_needs(parser) || !check_rules(parser) ||
	    !check_passcode(parser) || !check_biometric(parser) ||
	    !check_engine(parser))
		return false;
	complete(parser);
	return true;
}
