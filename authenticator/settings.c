/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of key as text: see settings.h. */
#include "authenticator/settings_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/names.h"
#include "authenticator/parse.h"
#include "ctap/cbor.h"

#define RANGE_LEN	48	/* bytes, two numbers of 64 bits */

bool
settings_is(const char *value, const char *word)
{
	return strcmp(value, word) == 0;
}

bool
settings_next(const char **list, char word[static SETTINGS_WORD_MAX])
{
	const char *at = *list;
	size_t len;

	if (at == NULL)
		return false;
	len = strcspn(at, ",");
	if (len == 0 || len >= SETTINGS_WORD_MAX)
		snprintf(word, SETTINGS_WORD_MAX, "?");
	else
		snprintf(word, SETTINGS_WORD_MAX, "%.*s", (int)len, at);
	*list = at[len] == ',' ? at + len + 1 : NULL;
	return true;
}

static bool
take_switch(const char *value, bool *on)
{
	*on = settings_is(value, "on");
	return *on || settings_is(value, "off");
}

static void
set_features(struct auth_config *cfg, uint64_t features, bool on)
{
	cfg->features = on ? cfg->features | features :
	    cfg->features & ~features;
}

static bool
take_feature(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool on;

	if (!take_switch(value, &on))
		return false;
	set_features(cfg, s->feature, on);
	return true;
}

/* A credential's own store, instead of the array for all (12.4). */
static bool
take_large_blob(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool on;

	if (!take_switch(value, &on))
		return false;
	set_features(cfg, s->feature, on);
	if (on)
		set_features(cfg, FEATURE_LARGE_BLOBS |
		    FEATURE_LARGE_BLOB_KEY, false);
	return true;
}

/* on, off: there is none, unconfigured: nothing is enrolled */
static bool
take_uv(struct auth_config *cfg, const struct setting *s, const char *value)
{
	bool unconfigured = settings_is(value, "unconfigured");
	bool on = unconfigured;

	(void)s;
	if (!unconfigured && !take_switch(value, &on))
		return false;
	set_features(cfg, FEATURE_UV, on);
	set_features(cfg, FEATURE_UV_READY, on && !unconfigured);
	return true;
}

#define MODALITY_FINGERPRINT	2	/* FIDO registry, 3.1 */

/* Fingers are what such a key verifies its user by. */
static bool
take_bio(struct auth_config *cfg, const struct setting *s, const char *value)
{
	bool on;

	(void)s;
	if (!take_switch(value, &on))
		return false;
	set_features(cfg, FEATURE_BIO_ENROLL, on);
	if (on)
		set_features(cfg, FEATURE_UV, true);
	if (on && cfg->uv_modality == 0)
		cfg->uv_modality = MODALITY_FINGERPRINT;
	return true;
}

/* on and off as it comes from the factory, none: there is no such option */
static bool
take_always_uv(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool none = settings_is(value, "none");
	bool on = false;

	(void)s;
	if (!none && !take_switch(value, &on))
		return false;
	set_features(cfg, FEATURE_ALWAYS_UV, !none);
	cfg->always_uv = on;
	return true;
}

/* on: a host can enable it, enabled: who made the key has */
static bool
take_ep(struct auth_config *cfg, const struct setting *s, const char *value)
{
	bool enabled = settings_is(value, "enabled");
	bool on = enabled;

	if (!enabled && !take_switch(value, &on))
		return false;
	set_features(cfg, s->feature, on);
	cfg->ep_enabled = enabled;
	return true;
}

static bool
take_number(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	unsigned char *at = (unsigned char *)cfg + s->offset;
	uint64_t n;

	if (!parse_number(value, s->min, s->max, &n))
		return false;
	switch (s->size) {
	case 1:
		*at = (uint8_t)n;
		break;
	case 2:
		memcpy(at, &(uint16_t){ (uint16_t)n }, 2);
		break;
	case 4:
		memcpy(at, &(uint32_t){ (uint32_t)n }, 4);
		break;
	default:
		memcpy(at, &n, sizeof(n));
	}
	return true;
}

/* A number, or as makers write it: three bytes of it. */
static bool
take_firmware(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	const char *at = value;
	uint64_t version = 0;
	unsigned part;
	size_t len;

	if (strchr(value, '.') == NULL)
		return take_number(cfg, s, value);
	for (int i = 0; i < 3; i++, at += len + 1) {
		part = 0;
		for (len = 0; at[len] >= '0' && at[len] <= '9' && len < 4;
		    len++)
			part = 10 * part + (unsigned)(at[len] - '0');
		if (len == 0 || part > 0xff || at[len] != (i < 2 ? '.' : '\0'))
			return false;
		version = version << 8 | part;
	}
	cfg->firmware_version = version;
	return true;
}

/*
 * What each version brought; whoever names only older ones gets an older
 * key.
 */
#define SINCE_2_1	(FEATURE_PIN_UV_AUTH_TOKEN | FEATURE_LARGE_BLOBS | \
	FEATURE_EP | FEATURE_BIO_ENROLL | FEATURE_UV_BIO_ENROLL | \
	FEATURE_AUTHNR_CFG | FEATURE_UV_ACFG | FEATURE_CRED_MGMT | \
	FEATURE_SET_MIN_PIN_LENGTH | FEATURE_MC_UV_NOT_RQD | \
	FEATURE_ALWAYS_UV | FEATURE_REMAINING | FEATURE_CRED_PROTECT | \
	FEATURE_CRED_BLOB | FEATURE_LARGE_BLOB_KEY | FEATURE_MIN_PIN_LENGTH)
#define SINCE_2_3	(FEATURE_PER_CRED_MGMT_RO | FEATURE_LONG_TOUCH | \
	FEATURE_LARGE_BLOB | FEATURE_PIN_COMPLEXITY | \
	FEATURE_HMAC_SECRET_MC | FEATURE_THIRD_PARTY_PAYMENT)

static void
become_older(struct auth_config *cfg, uint64_t versions)
{
	if (!(versions & FEATURE_FIDO_2_3))
		cfg->features &= ~SINCE_2_3;
	if (versions & (FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3))
		return;
	cfg->features &= ~SINCE_2_1;
	cfg->protocols[0] = 1;
	cfg->protocols[1] = 0;
}

static bool
take_versions(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	static const struct {
		const char	*name;
		uint64_t	 feature;
	} names[] = {
		{ "U2F_V2", FEATURE_U2F_V2 },
		{ "FIDO_2_0", FEATURE_FIDO_2_0 },
		{ "FIDO_2_1_PRE", FEATURE_FIDO_2_1_PRE },
		{ "FIDO_2_1", FEATURE_FIDO_2_1 },
		{ "FIDO_2_3", FEATURE_FIDO_2_3 },
	};
	uint64_t versions = 0;
	char word[SETTINGS_WORD_MAX];

	while (settings_next(&value, word)) {
		uint64_t found = 0;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (settings_is(word, names[i].name))
				found = names[i].feature;
		if (found == 0)
			return false;
		versions |= found;
	}
	if (versions == 0)
		return false;
	set_features(cfg, s->feature, false);
	set_features(cfg, versions, true);
	become_older(cfg, versions);
	return true;
}

/* By name or COSE number; 0: there is none like that. */
static int
algorithm(const char *word)
{
	int alg = alg_named(word);
	char *end;
	long n;

	if (alg != 0)
		return alg;
	errno = 0;
	n = strtol(word, &end, 10);
	if (errno != 0 || *end != '\0' || n < INT_MIN || n > INT_MAX ||
	    alg_name((int)n) == NULL)
		return 0;
	return (int)n;
}

/* In order of preference. */
static bool
take_algorithms(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	int algs[AUTH_ALGS_MAX] = { 0 };
	char word[SETTINGS_WORD_MAX];
	size_t count = 0;

	(void)s;
	while (settings_next(&value, word)) {
		int alg = algorithm(word);

		if (alg == 0 || count == AUTH_ALGS_MAX)
			return false;
		for (size_t i = 0; i < count; i++)
			if (algs[i] == alg)
				return false;
		algs[count++] = alg;
	}
	memcpy(cfg->algs, algs, sizeof(algs));
	cfg->alg_count = count;
	return true;
}

static bool
take_protocols(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	static const struct {
		const char	*text;
		uint8_t		 protocols[2];
	} choices[] = {
		{ "2,1", { 2, 1 } }, { "1,2", { 1, 2 } },
		{ "2", { 2, 0 } }, { "1", { 1, 0 } }, { "none", { 0, 0 } },
	};

	(void)s;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (!settings_is(value, choices[i].text))
			continue;
		memcpy(cfg->protocols, choices[i].protocols,
		    sizeof(cfg->protocols));
		return true;
	}
	return false;
}

static bool
take_transports(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool none = settings_is(value, "none");
	unsigned set = 0, bit;
	char word[SETTINGS_WORD_MAX];

	while (!none && settings_next(&value, word)) {
		for (bit = 0; auth_transport_name(bit) != NULL; bit++)
			if (settings_is(word, auth_transport_name(bit)))
				break;
		if (auth_transport_name(bit) == NULL)
			return false;
		set |= 1u << bit;
	}
	memcpy((unsigned char *)cfg + s->offset, &set, sizeof(set));
	return true;
}

/* NAME:LEVEL */
static bool
take_certification(struct auth_config *cfg, const char *word)
{
	const char *name, *colon = strchr(word, ':');
	uint64_t level;
	uint8_t max;

	if (colon == NULL)
		return false;
	for (size_t i = 0; (name = auth_certification(i, &max)) != NULL; i++) {
		if (strlen(name) != (size_t)(colon - word) ||
		    strncmp(word, name, strlen(name)) != 0)
			continue;
		if (!parse_number(colon + 1, 1, max, &level))
			return false;
		cfg->certifications[i] = (uint8_t)level;
		return true;
	}
	return false;
}

static bool
take_certifications(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	bool none = settings_is(value, "none");
	struct auth_config new = *cfg;
	char word[SETTINGS_WORD_MAX];

	(void)s;
	memset(new.certifications, 0, sizeof(new.certifications));
	while (!none && settings_next(&value, word))
		if (!take_certification(&new, word))
			return false;
	*cfg = new;
	return true;
}

/* RP IDs are longer than words. */
static bool
take_ep_rps(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	struct rp_id_text rps[AUTH_EP_RPS_MAX] = { { .len = 0 } };
	bool none = settings_is(value, "none");
	size_t count = 0, len;

	(void)s;
	if (*value == '\0')
		return false;
	for (; !none && *value != '\0'; value += len) {
		value += count > 0;	/* the comma */
		len = strcspn(value, ",");
		if (len == 0 || len > RP_ID_KEPT || count == AUTH_EP_RPS_MAX)
			return false;
		rps[count].len = (uint8_t)len;
		memcpy(rps[count++].s, value, len);
	}
	memcpy(cfg->ep_rp, rps, sizeof(rps));
	return true;
}

static bool
take_counter(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	static const char *const names[] = {
		[COUNTER_SHARED] = "shared",
		[COUNTER_CREDENTIAL] = "credential",
		[COUNTER_ZERO] = "zero", NULL
	};
	int i = parse_choice(value, names);

	(void)s;
	if (i >= 0)
		cfg->counter = (enum counter_mode)i;
	return i >= 0;
}

static bool
take_bool(struct auth_config *cfg, const struct setting *s, const char *value)
{
	bool on;

	if (!take_switch(value, &on))
		return false;
	memcpy((unsigned char *)cfg + s->offset, &on, sizeof(on));
	return true;
}

static bool
take_url(struct auth_config *cfg, const struct setting *s, const char *value)
{
	(void)s;
	if (strlen(value) >= sizeof(cfg->policy_url) ||
	    cbor_utf8_cut(span_str(value), strlen(value)) != strlen(value))
		return false;
	memset(cfg->policy_url, 0, sizeof(cfg->policy_url));
	memcpy(cfg->policy_url, value, strlen(value));
	return true;
}

static bool
take_aaguid(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	(void)s;
	return aaguid_parse(value, cfg->aaguid);
}

static bool
take_choice(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	(void)s;
	if (!settings_is(value, "token") && !settings_is(value, "host"))
		return false;
	cfg->choice = settings_is(value, "token") ? CHOICE_TOKEN : CHOICE_HOST;
	return true;
}

static bool
take_faults(struct auth_config *cfg, const struct setting *s,
    const char *value)
{
	(void)s;
	if (!settings_is(value, "on") && !settings_is(value, "off"))
		return false;
	cfg->no_faults = settings_is(value, "off");
	return true;
}

#define SWITCH(n, f, m) \
	{ .name = (n), .take = take_feature, .values = "on|off", \
	    .meaning = (m), .feature = (f) }
#define NUMBER(n, member, lo, hi, m) \
	{ .name = (n), .take = take_number, \
	    .meaning = (m), \
	    .offset = offsetof(struct auth_config, member), \
	    .size = sizeof(((struct auth_config *)0)->member), \
	    .min = (lo), .max = (hi) }

static const struct setting settings[] = {
	{ .name = "aaguid", .take = take_aaguid, .values = "UUID",
	    .meaning = "the model; credentials stay as they are" },
	{ .name = "versions", .take = take_versions, .values = "LIST",
	    .takes = "some of U2F_V2,FIDO_2_0,FIDO_2_1_PRE,FIDO_2_1,FIDO_2_3, "
	    "with commas",
	    .meaning = "U2F_V2, FIDO_2_0, "
	    "FIDO_2_1_PRE, FIDO_2_1, FIDO_2_3; what came after the newest is "
	    "off", .feature = FEATURE_U2F_V2 | FEATURES_FIDO2 },
	{ .name = "algorithms", .take = take_algorithms, .values = "LIST",
	    .takes = "some of ES256,EdDSA,ES384,ES512,PS256,ES256K,RS256,"
	    "Ed448,ML-DSA-44,ML-DSA-65,ML-DSA-87, with commas, each once",
	    .meaning = "by name or COSE number, "
	    "preferred first" },
	SWITCH("rk", FEATURE_RK, "discoverable credentials"),
	SWITCH("clientPin", FEATURE_CLIENT_PIN, "it can have a PIN"),
	{ .name = "uv", .take = take_uv, .values = "on|off|unconfigured",
	    .meaning = "built-in user verification",
	    .feature = FEATURE_UV },
	{ .name = "bioEnroll", .take = take_bio, .values = "on|off",
	    .meaning = "a fingerprint reader is what verifies: uv follows "
	    "the enrolled fingers", .feature = FEATURE_BIO_ENROLL },
	SWITCH("uvBioEnroll", FEATURE_UV_BIO_ENROLL, "verification authorises "
	    "it, too"),
	SWITCH("userVerificationMgmtPreview", FEATURE_UV_MGMT_PREVIEW,
	    "its prototype, command 40"),
	SWITCH("plat", FEATURE_PLAT, "says that it is part of the machine"),
	{ .name = "alwaysUv", .take = take_always_uv, .values = "on|off|none",
	    .meaning = "as from the factory; none: "
	    "there is no such option", .feature = FEATURE_ALWAYS_UV },
	SWITCH("makeCredUvNotRqd", FEATURE_MC_UV_NOT_RQD, "credentials that "
	    "are not discoverable need no verification"),
	SWITCH("pinUvAuthToken", FEATURE_PIN_UV_AUTH_TOKEN, "tokens with "
	    "permissions"),
	SWITCH("noMcGaPermissionsWithClientPin", FEATURE_NO_MC_GA_WITH_PIN,
	    "a PIN only manages the key"),
	{ .name = "pinUvAuthProtocols", .take = take_protocols,
	    .values = "2,1|1,2|2|1|none", .meaning = "preferred first" },
	SWITCH("credMgmt", FEATURE_CRED_MGMT, "credentialManagement"),
	SWITCH("perCredMgmtRO", FEATURE_PER_CRED_MGMT_RO, "persistent "
	    "read-only tokens"),
	SWITCH("credentialMgmtPreview", FEATURE_CRED_MGMT_PREVIEW,
	    "its prototype, command 41"),
	SWITCH("authnrCfg", FEATURE_AUTHNR_CFG, "authenticatorConfig"),
	SWITCH("uvAcfg", FEATURE_UV_ACFG, "verification authorises it, too"),
	{ .name = "ep", .take = take_ep, .values = "on|off|enabled",
	    .meaning = "enterprise attestation, which authenticatorConfig "
	    "switches on; enabled: it comes switched on, until a reset",
	    .feature = FEATURE_EP },
	{ .name = "epRpIds", .take = take_ep_rps, .values = "LIST|none",
	    .takes = "RP IDs with commas, 8 at most, or none",
	    .meaning = "RP IDs that get it from the vendor, 8 at most" },
	SWITCH("longTouchForReset", FEATURE_LONG_TOUCH, "a reset may need a "
	    "long touch"),
	SWITCH("setMinPINLength", FEATURE_SET_MIN_PIN_LENGTH, "its "
	    "subcommand 03"),
	SWITCH("largeBlobs", FEATURE_LARGE_BLOBS, "an array for large blobs"),
	SWITCH("remainingDiscoverableCredentials", FEATURE_REMAINING,
	    "says how many more fit"),
	SWITCH("credProtect", FEATURE_CRED_PROTECT, "extension"),
	SWITCH("credBlob", FEATURE_CRED_BLOB, "extension"),
	SWITCH("largeBlobKey", FEATURE_LARGE_BLOB_KEY, "extension"),
	{ .name = "largeBlob", .take = take_large_blob, .values = "on|off",
	    .meaning = "extension; on switches largeBlobs and largeBlobKey "
	    "off", .feature = FEATURE_LARGE_BLOB },
	SWITCH("minPinLength", FEATURE_MIN_PIN_LENGTH, "extension"),
	SWITCH("pinComplexityPolicy", FEATURE_PIN_COMPLEXITY, "extension"),
	SWITCH("hmac-secret", FEATURE_HMAC_SECRET, "extension"),
	SWITCH("hmac-secret-mc", FEATURE_HMAC_SECRET_MC, "extension"),
	SWITCH("thirdPartyPayment", FEATURE_THIRD_PARTY_PAYMENT, "extension"),
	SWITCH("uvm", FEATURE_UVM, "extension, of WebAuthn Level 2"),
	NUMBER("maxMsgSize", message_max, 1024, 7609, "bytes"),
	NUMBER("maxCredentialCountInList", list_max, 1, 64, "descriptors"),
	NUMBER("maxDiscoverableCredentials", capacity, 1, 10000000, "as many "
	    "as there can be, if the store has room"),
	NUMBER("maxCredBlobLength", cred_blob_max, 32, 64, "bytes"),
	NUMBER("maxSerializedLargeBlobArray", large_blobs_max, 1024, 4096,
	    "bytes"),
	NUMBER("minPINLength", min_pin_length, 4, 63, "code points"),
	NUMBER("maxPINLength", max_pin_length, 8, 63, "code points"),
	NUMBER("maxRPIDsForSetMinPINLength", min_pin_rps_max, 1, 8, "RP IDs"),
	NUMBER("preferredPlatformUvAttempts", uv_attempts, 0, 25, "0: the "
	    "key repeats by itself"),
	NUMBER("uvModality", uv_modality, 0, UINT32_MAX, "FIDO registry; 0: "
	    "not told"),
	{ .name = "firmwareVersion", .take = take_firmware,
	    .values = "0..18446744073709551615|A.B.C",
	    .takes = "a number, or A.B.C of 0 to 255 each",
	    .meaning = "5.4.3 is "
	    "one byte each: 328707",
	    .offset = offsetof(struct auth_config, firmware_version),
	    .size = sizeof(((struct auth_config *)0)->firmware_version),
	    .max = UINT64_MAX },
	{ .name = "certifications", .take = take_certifications,
	    .values = "LIST|none",
	    .takes = "NAME:LEVEL with commas, like FIDO:1, or none",
	    .meaning = "NAME:LEVEL, "
	    "like FIDO:1" },
	{ .name = "transports", .take = take_transports, .values = "LIST|none",
	    .takes = "some of usb,nfc,ble,smart-card,hybrid,internal, with "
	    "commas, or none",
	    .meaning = "usb, nfc, ble, "
	    "smart-card, hybrid, internal", .offset =
	    offsetof(struct auth_config, transports) },
	{ .name = "transportsForReset", .take = take_transports,
	    .values = "LIST|none",
	    .takes = "some of usb,nfc,ble,smart-card,hybrid,internal, with "
	    "commas, or none",
	    .meaning = "none: any of "
	    "them", .offset =
	    offsetof(struct auth_config, transports_for_reset) },
	{ .name = "pinComplexityPolicyURL", .take = take_url, .values = "URL",
	    .meaning = "up to 127 bytes" },
	{ .name = "accountChoice", .take = take_choice, .values = "token|host",
	    .meaning = "who picks among "
	    "accounts" },
	{ .name = "backupEligible", .take = take_bool, .values = "on|off",
	    .meaning = "new credentials may be synced: flag BE, for good",
	    .offset = offsetof(struct auth_config, backup_eligible) },
	{ .name = "backupState", .take = take_bool, .values = "on|off",
	    .meaning = "and are: flag BS; never without backupEligible",
	    .offset = offsetof(struct auth_config, backup_state) },
	{ .name = "signatureCounter", .take = take_counter,
	    .values = "shared|credential|zero", .meaning = "one for all "
	    "credentials; one for each that is stored from now on; none" },
	{ .name = "keepAll", .take = take_bool, .values = "on|off",
	    .meaning = "credentials that are not discoverable are stored, "
	    "too, and listed for the owner of the key",
	    .offset = offsetof(struct auth_config, keep_all) },
	{ .name = "attestation", .take = settings_take_attestation,
	    .values = "packed|self|none|tpm|fido-u2f|android-key|apple|"
	    "compound|android-safetynet",
	    .meaning = "of new credentials; tpm: by the TPM that the keys "
	    "are in, and packed for keys that are not. U2F has one of its "
	    "own, unless it is self or none" },
	{ .name = "attestationFor", .take = settings_take_format_rps,
	    .values = "RP_ID:KIND,...|none", .meaning = "another kind for "
	    "these RPs, 8 at most; given again, it adds to them" },
	NUMBER("attestationChain", leaf.chain, 1, 3, "certificates that are "
	    "sent, 2 otherwise; these settings are for all attestation but "
	    "none, self, and a TPM's own, and U2F sends one"),
	{ .name = "attestationNotBefore", .take = settings_take_date,
	    .values = "DATE|none", .meaning = "of the attestation "
	    "certificate, like 2026-01-31 or 2026-01-31T12:00:00Z",
	    .offset = offsetof(struct auth_config, leaf.not_before_s) },
	{ .name = "attestationNotAfter", .take = settings_take_date,
	    .values = "DATE|none", .meaning = "the same, when it expires",
	    .offset = offsetof(struct auth_config, leaf.not_after_s) },
	{ .name = "attestationCrl", .take = settings_take_crl_url,
	    .values = "URL|none", .meaning = "where its revocation list is, "
	    "up to 127 bytes" },
	{ .name = "attestationSubject", .take = settings_take_subject,
	    .values = "NAME=VALUE,...|none",
	    .takes = "NAME=VALUE,... of C, ST, L, O, OU and CN, once each, "
	    "TEST in one of the values, or none", .meaning = "C, ST, L, O, OU, "
	    "CN of the certificate of packed and fido-u2f, with TEST in one "
	    "of them; what is not named is as usual" },
	{ .name = "tpmSignature", .take = settings_take_tpm_signature,
	    .values = "bare|tpmt", .meaning = "in tpm attestation: as relying "
	    "parties expect it, or a TPMT_SIGNATURE" },
	{ .name = "tpmKeyAlgorithm", .take = settings_take_tpm_alg,
	    .values = "ES256|RS256|RS1", .meaning = "of the key that signs "
	    "tpm attestation" },
	{ .name = "tpmShape", .take = settings_take_tpm_shape,
	    .values = "webauthn|windows-hello", .meaning = "of new keys in the "
	    "TPM; windows-hello: with a policy, and tpmKeyAlgorithm RS1, which "
	    "is what libfido2 verifies, for RS256 credentials" },
	{ .name = "tpmManufacturer", .take = settings_take_tpm_manufacturer,
	    .values = "ID|none", .meaning = "in the certificate of tpm "
	    "attestation, four characters or 8 hexadecimal digits, like "
	    "49424D00; none: what the TPM says" },
	{ .name = "faults", .take = take_faults, .values = "on|off",
	    .meaning = "off: a new key that can never be made to get anything "
	    "wrong" },
};

static const struct setting *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (settings_is(name, settings[i].name))
			return &settings[i];
	return NULL;
}

const char *
settings_judge(const struct auth_config *cfg)
{
	const struct auth_leaf *leaf = &cfg->leaf;

	/* a certificate that was never good is the faults' business */
	if (leaf->not_before_s != 0 && leaf->not_after_s != 0 &&
	    leaf->not_before_s > leaf->not_after_s)
		return "attestationNotBefore is later than "
		    "attestationNotAfter";
	return NULL;
}

uint64_t
settings_feature(const char *name)
{
	const struct setting *s = find(name);

	/* the versions are several, and have no "on" */
	return s != NULL && s->take != take_versions ? s->feature : 0;
}

const char *
settings_feature_name(uint64_t feature)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (settings[i].feature == feature && feature != 0)
			return settings[i].name;
	return NULL;
}

/* What it can be; range is memory for that. */
static const char *
values_of(const struct setting *s, char range[static RANGE_LEN])
{
	if (s->values != NULL)
		return s->values;
	snprintf(range, RANGE_LEN, "%" PRIu64 "..%" PRIu64, s->min, s->max);
	return range;
}

int
settings_set(struct auth_config *cfg, const char *name, const char *value,
    char *msg, size_t msglen)
{
	const struct setting *s = find(name);
	char range[RANGE_LEN];

	if (s == NULL) {
		snprintf(msg, msglen, "there is no setting \"%.40s\" "
		    "(\"--set help\" lists them)", name);
		return -EINVAL;
	}
	if (!s->take(cfg, s, value)) {
		snprintf(msg, msglen, "%s cannot be \"%.60s\"; it takes %s",
		    s->name, value, s->takes != NULL ? s->takes :
		    values_of(s, range));
		return -EINVAL;
	}
	return 0;
}

int
settings_assign(struct auth_config *cfg, const char *assignment, char *msg,
    size_t msglen)
{
	const char *equals = strchr(assignment, '=');
	char name[SETTINGS_WORD_MAX];

	if (equals == NULL || equals == assignment ||
	    equals - assignment >= SETTINGS_WORD_MAX) {
		snprintf(msg, msglen, "\"%.60s\" is not NAME=VALUE "
		    "(\"--set help\" lists the names)", assignment);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(equals - assignment),
	    assignment);
	return settings_set(cfg, name, equals + 1, msg, msglen);
}

void
settings_print(FILE *f)
{
	char range[RANGE_LEN];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		fprintf(f, "%s=%s\n\t%s\n", settings[i].name,
		    values_of(&settings[i], range), settings[i].meaning);
}
