/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/statement.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/mds/get_info.h"
#include "authenticator/mds/text.h"
#include "authenticator/names.h"
#include "ctap/cose.h"

#define SCHEMA		3
#define STRENGTH	128	/* bits, of P-256 and Ed25519 */
#define NAME_MAX_LEN	63	/* characters, friendlyNames */
#define PIN_BASE	64	/* as keys that take any text say it */
#define PIN_RETRIES	8	/* CTAP 2.3, 6.5.2.1 */

#define LEGAL	"TEST metadata, made by sealkey for tests: it says nothing " \
	"about any authenticator that can be bought."
#define DESCRIPTION	"sealkey, a FIDO2 security key made of software (TEST)"
#define SHORT_NAME	"sealkey (TEST)"

/*
 * Registry, 3.6.1: signatures as WebAuthn has them are "raw" there. ML-DSA has
 * no name yet, and is left to authenticatorGetInfo.
 */
static const struct {
	int		 alg;
	const char	*name;
} algorithms[] = {
	{ COSE_ES256, "secp256r1_ecdsa_sha256_raw" },
	{ COSE_ES384, "secp384r1_ecdsa_sha384_raw" },
	{ COSE_ES512, "secp521r1_ecdsa_sha512_raw" },
	{ COSE_ES256K, "secp256k1_ecdsa_sha256_raw" },
	{ COSE_EDDSA, "ed25519_eddsa_sha512_raw" },
	{ COSE_ED448, "ed448_eddsa_sha512_raw" },
	{ COSE_RS256, "rsassa_pkcsv15_sha256_raw" },
	{ COSE_RS1, "rsassa_pkcsv15_sha1_raw" },
	{ COSE_PS256, "rsassa_pss_sha256_raw" },
};

/* Registry, 3.1, by the bits of uvModality */
static const char *const methods[] = { "presence_internal",
	"fingerprint_internal", "passcode_internal", "voiceprint_internal",
	"faceprint_internal", "location_internal", "eyeprint_internal",
	"pattern_internal", "handprint_internal" };
#define MODALITY_FINGERPRINT	0x002
#define MODALITY_METHODS	0x1fe	/* that verify somebody */

/* Formats by what they are called in the registry, 3.7 */
enum attestation_type {
	BASIC_FULL = 0x01,
	BASIC_SURROGATE = 0x02,
	ATTCA = 0x04,
	ANONCA = 0x08,
	NONE = 0x10,
};
static const char *const type_names[] = { "basic_full", "basic_surrogate",
	"attca", "anonca", "none" };

/* Text lists that are there: each helper takes what it makes. */

static json_t *
words_json(const struct profile_words *words)
{
	json_t *list = json_array();

	for (size_t i = 0; i < words->count; i++)
		(void)json_array_append_new(list, json_string(words->word[i]));
	return list;
}

static void
add_word(json_t *list, const char *word)
{
	(void)json_array_append_new(list, json_string(word));
}

static const struct profile_metadata *
told(const struct mds_model *m)
{
	static const struct profile_metadata nothing = {
		.description = DESCRIPTION,
		.key_restricted = true,
		.fresh_user_verification = true,
	};

	return m->profile != NULL ? &m->profile->metadata : &nothing;
}

bool
mds_model_is_u2f(const struct mds_model *m)
{
	return (auth_config_features(m->auth) & FEATURES_FIDO2) == 0;
}

void
mds_model_id(const struct mds_model *m, char out[static MDS_ID_LEN + 1])
{
	const char *id = json_string_value(json_object_get(m->anchors,
	    "u2fKeyIdentifier"));

	if (mds_model_is_u2f(m))
		snprintf(out, MDS_ID_LEN + 1, "%s", id != NULL ? id : "");
	else
		aaguid_write(m->auth->aaguid, out);
}

static bool
anchors_say(const struct mds_model *m, const char *name)
{
	return json_is_true(json_object_get(m->anchors, name));
}

/* 4: upv; what every version of getInfo stands for */
static json_t *
upv(const struct mds_model *m, uint64_t features)
{
	static const struct {
		uint64_t	feature;
		int		minor;
	} versions[] = {
		{ FEATURE_FIDO_2_0, 0 },
		{ FEATURE_FIDO_2_1, 1 },
		{ FEATURE_FIDO_2_3, 3 },
	};
	json_t *list = json_array();

	if (mds_model_is_u2f(m))
		(void)json_array_append_new(list, json_pack("{s:i, s:i}",
		    "major", 1, "minor", 2));
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if ((features & versions[i].feature) != 0)
			(void)json_array_append_new(list, json_pack(
			    "{s:i, s:i}", "major", 1, "minor",
			    versions[i].minor));
	return list;
}

/* Those that the key's provider has, in the key's order. */
static void
take_algorithms(const struct mds_model *m, struct auth_config *cfg)
{
	const json_t *there = json_object_get(m->anchors, "algorithms");
	size_t n = 0;

	for (size_t i = 0; i < cfg->alg_count; i++) {
		for (size_t j = 0; j < json_array_size(there); j++) {
			if (json_integer_value(json_array_get(there, j)) ==
			    cfg->algs[i]) {
				cfg->algs[n++] = cfg->algs[i];
				break;
			}
		}
	}
	cfg->alg_count = n;
}

static json_t *
authentication_algorithms(const struct mds_model *m,
    const struct auth_config *cfg)
{
	json_t *list = json_array();

	if (mds_model_is_u2f(m)) {
		add_word(list, algorithms[0].name);
		return list;
	}
	for (size_t i = 0; i < cfg->alg_count; i++) {
		for (size_t j = 0; j < sizeof(algorithms) /
		    sizeof(algorithms[0]); j++)
			if (algorithms[j].alg == cfg->algs[i])
				add_word(list, algorithms[j].name);
	}
	return list;
}

static unsigned
types_of_kind(enum attestation_kind kind)
{
	switch (kind) {
	case ATTESTATION_SELF:
		return BASIC_SURROGATE;
	case ATTESTATION_NONE:
		return NONE;
	case ATTESTATION_TPM:
		return ATTCA;
	case ATTESTATION_ANDROID_KEY:
	case ATTESTATION_APPLE:
	case ATTESTATION_SAFETYNET:
		return ANONCA;
	default:
		return BASIC_FULL;
	}
}

/* What the choice of "packed" makes of a key of that kind. */
static unsigned
types_of_packed(enum attestation_kind kind)
{
	unsigned usual = types_of_kind(kind);

	return usual == BASIC_SURROGATE ? BASIC_SURROGATE :
	    usual == BASIC_FULL ? BASIC_FULL : 0;
}

/*
 * 4: attestationTypes. What relying parties get by default or for being who
 * they are, and what they may choose: the formats that getInfo lists. Models
 * with a CA of their platform's have that alone, and a relying party that
 * makes the key say something else finds it unlisted.
 */
static unsigned
attestation_types(const struct mds_model *m, const json_t *info)
{
	const struct auth_config *cfg = m->auth;
	const json_t *formats = json_object_get(info, "attestationFormats");
	enum attestation_kind kind = cfg->attestation.kind;
	unsigned types = types_of_kind(kind);

	if (mds_model_is_u2f(m))
		return BASIC_FULL;
	for (size_t i = 0; i < AUTH_FORMAT_RPS_MAX &&
	    cfg->format_rp[i].rp.len > 0; i++)
		types |= types_of_kind(cfg->format_rp[i].kind);
	if (auth_config_features(cfg) & FEATURE_EP)
		types |= BASIC_FULL;
	for (size_t i = 0; i < json_array_size(formats); i++) {
		const char *format = json_string_value(json_array_get(formats,
		    i));

		if (format != NULL && strcmp(format, "tpm") == 0)
			types |= ATTCA;
		if (format != NULL && strcmp(format, "packed") == 0)
			types |= types_of_packed(kind);
	}
	/* nothing is what everybody gets who asks for nothing */
	return types == NONE ? NONE : types & ~(unsigned)NONE;
}

/*
 * Some who read statements want the algorithm of a tpm statement, which is
 * the attestation key's, among getInfo's, which are the credentials'. If it
 * is another one, they are better not told.
 */
static void
hide_algorithms(const struct auth_config *cfg, unsigned types, json_t *info)
{
	int alg = cfg->ak_alg != 0 ? cfg->ak_alg : COSE_ES256;

	if (!(types & ATTCA))
		return;
	for (size_t i = 0; i < cfg->alg_count; i++)
		if (cfg->algs[i] == alg)
			return;
	(void)json_object_del(info, "algorithms");
}

static json_t *
types_json(unsigned types)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]);
	    i++)
		if (types & 1u << i)
			add_word(list, type_names[i]);
	return list;
}

/* userVerificationDetails, 3.2 to 3.6 */

static void
set_number(json_t *object, const char *name, unsigned value)
{
	(void)json_object_set_new(object, name, json_integer(value));
}

static json_t *
code_accuracy(const struct mds_model *m)
{
	const struct profile_metadata *t = told(m);
	unsigned least = m->auth->min_pin_length;
	json_t *desc = json_object();

	set_number(desc, "base", t->code_base != 0 ? t->code_base : PIN_BASE);
	set_number(desc, "minLength", t->code_min_length != 0 ?
	    t->code_min_length : least != 0 ? least : 4);
	set_number(desc, "maxRetries", t->code_retries != 0 ?
	    t->code_retries : PIN_RETRIES);
	set_number(desc, "blockSlowdown", t->code_slowdown);
	return desc;
}

static void
set_rate(json_t *object, const char *name, const char *number)
{
	if (number != NULL)
		(void)json_object_set_new(object, name, json_real(strtod(
		    number, NULL)));
}

/* NULL: nobody has said how good the sensor is. */
static json_t *
biometric_accuracy(const struct mds_model *m)
{
	const struct profile_metadata *t = told(m);
	json_t *desc;

	if (t->bio_far == NULL && t->bio_frr == NULL)
		return NULL;
	desc = json_object();
	set_rate(desc, "selfAttestedFRR", t->bio_frr);
	set_rate(desc, "selfAttestedFAR", t->bio_far);
	if (t->bio_templates != 0)
		set_number(desc, "maxTemplates", t->bio_templates);
	set_number(desc, "maxRetries", t->bio_retries);
	set_number(desc, "blockSlowdown", t->bio_slowdown);
	return desc;
}

static bool
ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

static json_t *
method_json(const struct mds_model *m, const char *name, size_t len)
{
	json_t *method = json_object();
	json_t *desc = NULL;

	(void)json_object_set_new(method, "userVerificationMethod",
	    json_stringn(name, len));
	if (strncmp(name, "passcode_", 9) == 0)
		(void)json_object_set_new(method, "caDesc", code_accuracy(m));
	else if (ends_with(name, len, "print_internal"))
		desc = biometric_accuracy(m);
	if (desc != NULL)
		(void)json_object_set_new(method, "baDesc", desc);
	return method;
}

/* "fingerprint_internal+presence_internal" */
static json_t *
methods_json(const struct mds_model *m, const char *joined)
{
	json_t *all = json_array();
	size_t len;

	for (;;) {
		len = strcspn(joined, "+");
		(void)json_array_append_new(all, method_json(m, joined, len));
		if (joined[len] == '\0')
			return all;
		joined += len + 1;
	}
}

static void
add_methods(const struct mds_model *m, json_t *list, const char *joined)
{
	(void)json_array_append_new(list, methods_json(m, joined));
}

/* What is not told follows from what the key has: gi-16 to gi-18. */
static json_t *
user_verification(const struct mds_model *m)
{
	uint64_t features = mds_model_is_u2f(m) ? 0 :
	    auth_config_features(m->auth);
	uint32_t kinds = m->auth->uv_modality & MODALITY_METHODS;
	const struct profile_words *words = &told(m)->user_verification;
	json_t *list = json_array();
	char joined[64];

	for (size_t i = 0; i < words->count; i++)
		add_methods(m, list, words->word[i]);
	if (words->count > 0)
		return list;
	add_methods(m, list, methods[0]);
	if (kinds == 0)
		kinds = MODALITY_FINGERPRINT;
	for (size_t i = 1; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!(features & FEATURE_UV) || !(kinds & 1u << i))
			continue;
		snprintf(joined, sizeof(joined), "%s+%s", methods[i],
		    methods[0]);
		add_methods(m, list, joined);
	}
	if (features & FEATURE_CLIENT_PIN)
		add_methods(m, list, "passcode_external+presence_internal");
	return list;
}

/* What protects keys and PINs. */

static json_t *
told_or(const struct profile_words *words, const char *otherwise)
{
	json_t *list = words_json(words);

	if (words->count == 0)
		add_word(list, otherwise);
	return list;
}

/* Registry, 3.4: how it is attached, then by what. */
static json_t *
attachment(const struct mds_model *m)
{
	const struct profile_words *words = &told(m)->attachment_hint;
	unsigned transports = m->auth->transports != 0 ?
	    m->auth->transports : TRANSPORT_USB;
	json_t *list = words_json(words);

	if (words->count > 0)
		return list;
	if (transports & TRANSPORT_INTERNAL) {
		add_word(list, "internal");
		return list;
	}
	add_word(list, "external");
	if (transports & (TRANSPORT_USB | TRANSPORT_SMART_CARD))
		add_word(list, "wired");
	if (transports & (TRANSPORT_NFC | TRANSPORT_BLE | TRANSPORT_HYBRID))
		add_word(list, "wireless");
	if (transports & TRANSPORT_NFC)
		add_word(list, "nfc");
	if (transports & TRANSPORT_BLE)
		add_word(list, "bluetooth");
	if (transports & TRANSPORT_SMART_CARD)
		add_word(list, "smart-card");
	return list;
}

static void
add_protection(const struct mds_model *m, json_t *s)
{
	const struct profile_metadata *t = told(m);
	bool hardware = anchors_say(m, "hardware");
	int strength = t->crypto_strength != 0 ? t->crypto_strength : STRENGTH;

	(void)json_object_set_new(s, "keyProtection", told_or(
	    &t->key_protection, hardware ? "hardware" : "software"));
	(void)json_object_set_new(s, "isKeyRestricted",
	    json_boolean(t->key_restricted));
	(void)json_object_set_new(s, "isFreshUserVerificationRequired",
	    json_boolean(t->fresh_user_verification));
	(void)json_object_set_new(s, "matcherProtection", told_or(
	    &t->matcher_protection, hardware ? "on_chip" : "software"));
	set_number(s, "cryptoStrength", (unsigned)strength);
	(void)json_object_set_new(s, "attachmentHint", attachment(m));
	(void)json_object_set_new(s, "tcDisplay", words_json(&t->tc_display));
	if (t->tc_display.count > 0)
		(void)json_object_set_new(s, "tcDisplayContentType",
		    json_string("text/plain"));
}

/* 3.1 and later: what a user would call it. */
static void
add_names(const struct mds_model *m, json_t *s)
{
	const char *name = SHORT_NAME;

	if (m->profile != NULL)
		name = m->profile->device.product != NULL ?
		    m->profile->device.product : m->profile->name;
	if (m->profile != NULL && strlen(told(m)->description) <= NAME_MAX_LEN)
		name = told(m)->description;
	(void)json_object_set_new(s, "friendlyNames", json_pack("{s:o}",
	    "en-US", json_stringn(name, strnlen(name, NAME_MAX_LEN))));
}

static json_t *
head(const struct mds_model *m, enum mds_shape shape)
{
	const struct profile_metadata *t = told(m);
	bool u2f = mds_model_is_u2f(m);
	char id[MDS_ID_LEN + 1];
	json_t *s = json_object();
	uint64_t version = t->authenticator_version != 0 ?
	    t->authenticator_version : m->auth->firmware_version;

	mds_model_id(m, id);
	(void)json_object_set_new(s, "legalHeader", json_string(LEGAL));
	(void)json_object_set_new(s, u2f ?
	    "attestationCertificateKeyIdentifiers" : "aaguid", u2f ?
	    json_pack("[s]", id) : json_string(id));
	if (shape == MDS_3_1_1)
		add_names(m, s);
	(void)json_object_set_new(s, "description",
	    json_string(t->description));
	(void)json_object_set_new(s, "authenticatorVersion",
	    json_integer((json_int_t)version));
	(void)json_object_set_new(s, "protocolFamily",
	    json_string(u2f ? "u2f" : "fido2"));
	set_number(s, "schema", SCHEMA);
	return s;
}

/* The device would list what it can attest with; so does what is published. */
static void
take_formats(const struct mds_model *m, struct auth_config *cfg)
{
	uint32_t capacity;

	cfg->attestation.x5c_count = 2;
	cfg->enterprise.x5c_count = 1;
	cfg->tpm.x5c_count = anchors_say(m, "tpm") ? 2 : 0;
	cfg->hardware = anchors_say(m, "hardware");
	capacity = (uint32_t)json_integer_value(json_object_get(m->anchors,
	    "capacity"));
	if (cfg->capacity == 0 || cfg->capacity > capacity)
		cfg->capacity = capacity;
}

static void
add_body(const struct mds_model *m, const struct auth_config *cfg,
    json_t *info, json_t *roots, json_t *s)
{
	unsigned types = attestation_types(m, info);
	bool u2f = mds_model_is_u2f(m);

	hide_algorithms(cfg, types, info);
	(void)json_object_set_new(s, "upv", upv(m,
	    auth_config_features(m->auth)));
	(void)json_object_set_new(s, "authenticationAlgorithms",
	    authentication_algorithms(m, cfg));
	(void)json_object_set_new(s, "publicKeyAlgAndEncodings",
	    json_pack("[s]", u2f ? "ecc_x962_raw" : "cose"));
	(void)json_object_set_new(s, "attestationTypes", types_json(types));
	(void)json_object_set_new(s, "userVerificationDetails",
	    user_verification(m));
	add_protection(m, s);
	if ((types & ~(unsigned)(BASIC_SURROGATE | NONE)) == 0)
		(void)json_array_clear(roots);	/* md-23 */
	(void)json_object_set(s, "attestationRootCertificates", roots);
	if (told(m)->icon != NULL)
		(void)json_object_set_new(s, "icon",
		    json_string(told(m)->icon));
}

static void
add_tail(const struct mds_model *m, enum mds_shape shape, json_t *info,
    json_t *s)
{
	const char *devices = told(m)->multi_device;

	if (shape == MDS_3_1_1)
		(void)json_object_set_new(s, "multiDeviceCredentialSupport",
		    json_string(devices != NULL ? devices : "unsupported"));
	if (!mds_model_is_u2f(m))
		(void)json_object_set(s, "authenticatorGetInfo", info);
}

/* jansson's functions take a NULL for an answer; so nothing else may. */
static bool
is_whole(const struct mds_model *m, const json_t *s)
{
	static const char *const required[] = { "legalHeader", "description",
		"authenticatorVersion", "protocolFamily", "schema", "upv",
		"authenticationAlgorithms", "publicKeyAlgAndEncodings",
		"attestationTypes", "userVerificationDetails",
		"keyProtection", "matcherProtection", "attachmentHint",
		"tcDisplay", "attestationRootCertificates" };

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (json_object_get(s, required[i]) == NULL)
			return false;
	return mds_model_is_u2f(m) ||
	    json_object_get(s, "authenticatorGetInfo") != NULL;
}

json_t *
mds_statement(const struct mds_model *m, enum mds_shape shape, char *msg,
    size_t msglen)
{
	struct auth_config cfg = *m->auth;
	json_t *roots = NULL, *info = NULL, *s = NULL;

	take_algorithms(m, &cfg);
	take_formats(m, &cfg);
	roots = mds_base64_pem(json_string_value(json_object_get(m->anchors,
	    "pem")));
	info = mds_get_info(&cfg);
	if (roots != NULL && info != NULL) {
		s = head(m, shape);
		add_body(m, &cfg, info, roots, s);
		add_tail(m, shape, info, s);
	}
	json_decref(roots);
	json_decref(info);
	if (s != NULL && cfg.alg_count > 0 && is_whole(m, s))
		return s;
	json_decref(s);
	snprintf(msg, msglen, "%s: %s", m->profile != NULL ?
	    m->profile->name : "sealkey", cfg.alg_count == 0 ? "the key "
	    "provider has none of its algorithms" : "what it says of itself "
	    "cannot be told in JSON");
	return NULL;
}
