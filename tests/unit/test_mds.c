/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata: statements compared with the key that they are about, and BLOBs
 * taken apart and verified by OpenSSL alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/attest/crl.h"
#include "authenticator/base64url.h"
#include "authenticator/control/anchors.h"
#include "authenticator/fault/fault.h"
#include "authenticator/mds/get_info.h"
#include "authenticator/mds/models.h"
#include "authenticator/mds/text.h"
#include "authenticator/settings.h"
#include "tests/store_fixture.h"
#include "uhid/transport.h"

#define NOW_S	1800000000LL	/* 2027-01-15 */
#define DAY_S	86400LL
#define OURS	"93a46401-ecad-4593-9b67-4eacf8a0a8c0"
#define CRL_URL	"http://127.0.0.1:1/crl"

struct fixture {
	struct scratch	 dir;
	struct device	*device;
	struct auth_config auth;
	json_t		*anchors;
	struct mds_authority *authority;
	char		 msg[MDS_MESSAGE_LEN];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct device_config cfg = { .create = true, .tpm.target = "none" };

	scratch_new(&f->dir);
	cfg.path = f->dir.path;
	device_config_default(&cfg);
	f->auth = cfg.auth;
	assert_int_equal(device_open(&cfg, 0, &f->device, f->msg,
	    sizeof(f->msg)), 0);
	f->anchors = describe_anchors(f->device);
	assert_non_null(f->anchors);
	assert_int_equal(mds_authority_open(NULL, NULL, NOW_S, &f->authority,
	    f->msg, sizeof(f->msg)), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	json_decref(f->anchors);
	mds_authority_free(f->authority);
	device_close(f->device);
	scratch_free(&f->dir);
	free(f);
	return 0;
}

static void
set(struct fixture *f, const char *assignment)
{
	if (settings_assign(&f->auth, assignment, f->msg, sizeof(f->msg)) != 0)
		fail_msg("%s", f->msg);
}

static json_t *
statement(struct fixture *f, enum mds_shape shape)
{
	struct mds_model m = { .auth = &f->auth, .anchors = f->anchors };
	json_t *s = mds_statement(&m, shape, f->msg, sizeof(f->msg));

	if (s == NULL)
		fail_msg("%s", f->msg);
	return s;
}

static const char *
text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* Exactly these words, in this order, separated by blanks. */
static void
check_words(const json_t *object, const char *name, const char *words)
{
	const json_t *list = json_object_get(object, name);
	char all[1024] = "";

	assert_true(json_is_array(list));
	for (size_t i = 0; i < json_array_size(list); i++) {
		strcat(all, i > 0 ? " " : "");
		strcat(all, json_string_value(json_array_get(list, i)));
	}
	assert_string_equal(all, words);
}

/* Statements. */

static void
statement_has_members_of_its_specification_only(void **state)
{
	static const char *const later[] = { "friendlyNames",
		"multiDeviceCredentialSupport" };
	static const char *const both[] = { "legalHeader", "aaguid",
		"description", "authenticatorVersion", "protocolFamily",
		"schema", "upv", "authenticationAlgorithms",
		"publicKeyAlgAndEncodings", "attestationTypes",
		"userVerificationDetails", "keyProtection", "isKeyRestricted",
		"isFreshUserVerificationRequired", "matcherProtection",
		"cryptoStrength", "attachmentHint", "tcDisplay",
		"attestationRootCertificates", "authenticatorGetInfo" };
	struct fixture *f = *state;
	json_t *now = statement(f, MDS_3_1_1), *then = statement(f, MDS_3_0);

	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		assert_non_null(json_object_get(now, both[i]));
		assert_non_null(json_object_get(then, both[i]));
	}
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		assert_non_null(json_object_get(now, later[i]));
		assert_null(json_object_get(then, later[i]));
	}
	assert_int_equal(json_object_size(then), sizeof(both) /
	    sizeof(both[0]));
	assert_int_equal(json_object_size(now), json_object_size(then) + 2);
	json_decref(now);
	json_decref(then);
}

static void
statement_says_whose_it_is(void **state)
{
	struct fixture *f = *state;
	json_t *s = statement(f, MDS_3_1_1);
	const char *description = text(s, "description");
	const char *name = text(json_object_get(s, "friendlyNames"), "en-US");

	assert_string_equal(text(s, "aaguid"), OURS);
	assert_string_equal(text(s, "protocolFamily"), "fido2");
	assert_int_equal(json_integer_value(json_object_get(s, "schema")), 3);
	assert_int_equal(json_integer_value(json_object_get(s,
	    "authenticatorVersion")), 100);
	assert_int_equal(json_integer_value(json_object_get(s,
	    "cryptoStrength")), 128);
	assert_non_null(strstr(text(s, "legalHeader"), "TEST"));
	assert_in_range(strlen(description), 1, 200);
	for (const char *p = description; *p != '\0'; p++)
		assert_in_range(*p, ' ', '~');
	assert_in_range(strlen(name), 1, 63);
	assert_string_equal(text(s, "multiDeviceCredentialSupport"),
	    "unsupported");
	json_decref(s);
}

static void
upv_is_what_versions_say(void **state)
{
	static const struct {
		const char *versions, *upv;
	} all[] = {
		{ "versions=U2F_V2,FIDO_2_0,FIDO_2_1,FIDO_2_3",
		    "[{\"major\":1,\"minor\":0},{\"major\":1,\"minor\":1},"
		    "{\"major\":1,\"minor\":3}]" },
		{ "versions=U2F_V2,FIDO_2_0,FIDO_2_1_PRE",
		    "[{\"major\":1,\"minor\":0}]" },
		{ "versions=U2F_V2", "[{\"major\":1,\"minor\":2}]" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		json_t *s;
		char *upv;

		set(f, all[i].versions);
		s = statement(f, MDS_3_1_1);
		upv = json_dumps(json_object_get(s, "upv"), JSON_COMPACT);
		assert_string_equal(upv, all[i].upv);
		free(upv);
		json_decref(s);
	}
}

static void
algorithms_are_those_of_get_info(void **state)
{
	struct fixture *f = *state;
	json_t *s, *algs, *there;

	set(f, "algorithms=RS256,ES512,EdDSA");
	s = statement(f, MDS_3_1_1);
	check_words(s, "authenticationAlgorithms", "rsassa_pkcsv15_sha256_raw "
	    "secp521r1_ecdsa_sha512_raw ed25519_eddsa_sha512_raw");
	check_words(s, "publicKeyAlgAndEncodings", "cose");
	algs = json_object_get(json_object_get(s, "authenticatorGetInfo"),
	    "algorithms");
	assert_int_equal(json_array_size(algs), 3);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(
	    algs, 0), "alg")), -257);
	json_decref(s);
	/* those that the provider does not have are not there either */
	there = json_object_get(f->anchors, "algorithms");
	json_array_clear(there);
	json_array_append_new(there, json_integer(-257));
	s = statement(f, MDS_3_1_1);
	check_words(s, "authenticationAlgorithms",
	    "rsassa_pkcsv15_sha256_raw");
	json_decref(s);
	json_array_clear(there);
	assert_null(mds_statement(&(struct mds_model){ .auth = &f->auth,
	    .anchors = f->anchors }, MDS_3_1_1, f->msg, sizeof(f->msg)));
	assert_string_equal(f->msg, "sealkey: the key provider has none of "
	    "its algorithms");
}

static void
attestation_types_follow_formats(void **state)
{
	static const struct {
		const char *first, *second, *types;
		bool roots;
	} all[] = {
		{ "attestation=packed", NULL, "basic_full", true },
		{ "attestation=self", NULL, "basic_surrogate", false },
		{ "attestation=none", NULL, "none", false },
		{ "attestation=none", "attestationFor=example.com:packed",
		    "basic_full", true },
		{ "attestation=fido-u2f", NULL, "basic_full", true },
		{ "attestation=apple", NULL, "anonca", true },
		{ "attestation=android-key", NULL, "anonca", true },
		{ "attestation=android-safetynet", NULL, "anonca", true },
		{ "attestation=apple", "attestationFor=example.com:packed",
		    "basic_full anonca", true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		json_t *s;

		set(f, all[i].first);
		if (all[i].second != NULL)
			set(f, all[i].second);
		s = statement(f, MDS_3_1_1);
		check_words(s, "attestationTypes", all[i].types);
		assert_int_equal(json_array_size(json_object_get(s,
		    "attestationRootCertificates")), all[i].roots);
		assert_null(json_object_get(s, "ecdaaTrustAnchors"));
		json_decref(s);
		memset(f->auth.format_rp, 0, sizeof(f->auth.format_rp));
	}
	/* a key in a TPM attests in its way as well, if it is asked to */
	set(f, "attestation=packed");
	json_object_set_new(f->anchors, "tpm", json_true());
	json_t *s = statement(f, MDS_3_1_1);
	check_words(s, "attestationTypes", "basic_full attca");
	json_decref(s);
	/* one that does so by itself is of no batch */
	set(f, "attestation=tpm");
	s = statement(f, MDS_3_1_1);
	check_words(s, "attestationTypes", "attca");
	json_decref(s);
}

/* One that no credential has: nobody is to look for it among theirs. */
static void
attestation_keys_algorithm_is_no_credentials(void **state)
{
	struct fixture *f = *state;
	json_t *s;

	set(f, "tpmKeyAlgorithm=RS1");
	set(f, "attestation=tpm");
	s = statement(f, MDS_3_1_1);
	assert_null(json_object_get(json_object_get(s,
	    "authenticatorGetInfo"), "algorithms"));
	assert_int_equal(json_array_size(json_object_get(s,
	    "authenticationAlgorithms")), 7);
	json_decref(s);
	set(f, "tpmKeyAlgorithm=RS256");
	s = statement(f, MDS_3_1_1);
	assert_int_equal(json_array_size(json_object_get(json_object_get(s,
	    "authenticatorGetInfo"), "algorithms")), 7);
	json_decref(s);
}

static void
trust_anchor_is_the_keys(void **state)
{
	struct fixture *f = *state;
	json_t *s = statement(f, MDS_3_1_1), *want;

	want = mds_base64_pem(text(f->anchors, "pem"));
	assert_true(json_equal(want, json_object_get(s,
	    "attestationRootCertificates")));
	assert_int_equal(json_array_size(want), 1);
	json_decref(want);
	json_decref(s);
}

/* Each group on a line: its methods, joined by '+'. */
static void
check_methods(const json_t *s, const char *want)
{
	const json_t *list = json_object_get(s, "userVerificationDetails");
	char all[512] = "";

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *group = json_array_get(list, i);

		for (size_t j = 0; j < json_array_size(group); j++) {
			const json_t *m = json_array_get(group, j);
			const char *name = text(m, "userVerificationMethod");

			strcat(all, j > 0 ? "+" : i > 0 ? " " : "");
			strcat(all, name);
			/* md-12 to md-14 */
			assert_int_equal(json_object_get(m, "caDesc") != NULL,
			    strncmp(name, "passcode_", 9) == 0);
			assert_null(json_object_get(m, "baDesc"));
			assert_null(json_object_get(m, "paDesc"));
		}
	}
	assert_string_equal(all, want);
}

static void
user_verification_follows_features(void **state)
{
	struct fixture *f = *state;
	json_t *s = statement(f, MDS_3_1_1), *ca;

	check_methods(s, "presence_internal fingerprint_internal+"
	    "presence_internal passcode_external+presence_internal");
	json_decref(s);
	set(f, "uvModality=8");
	s = statement(f, MDS_3_1_1);
	check_methods(s, "presence_internal voiceprint_internal+"
	    "presence_internal passcode_external+presence_internal");
	json_decref(s);
	set(f, "uv=off");
	set(f, "minPINLength=6");
	s = statement(f, MDS_3_1_1);
	check_methods(s, "presence_internal passcode_external+"
	    "presence_internal");
	ca = json_object_get(json_array_get(json_array_get(json_object_get(s,
	    "userVerificationDetails"), 1), 0), "caDesc");
	assert_int_equal(json_integer_value(json_object_get(ca, "minLength")),
	    6);
	assert_int_equal(json_integer_value(json_object_get(ca,
	    "maxRetries")), 8);
	json_decref(s);
	set(f, "clientPin=off");
	s = statement(f, MDS_3_1_1);
	check_methods(s, "presence_internal");
	json_decref(s);
}

static void
protection_is_what_the_key_has(void **state)
{
	struct fixture *f = *state;
	json_t *s = statement(f, MDS_3_1_1);

	check_words(s, "keyProtection", "software");
	check_words(s, "matcherProtection", "software");
	check_words(s, "attachmentHint", "external wired");
	check_words(s, "tcDisplay", "");
	assert_true(json_is_true(json_object_get(s, "isKeyRestricted")));
	assert_true(json_is_true(json_object_get(s,
	    "isFreshUserVerificationRequired")));
	json_decref(s);
	json_object_set_new(f->anchors, "hardware", json_true());
	set(f, "transports=nfc,usb");
	s = statement(f, MDS_3_1_1);
	check_words(s, "keyProtection", "hardware");
	check_words(s, "matcherProtection", "on_chip");
	check_words(s, "attachmentHint", "external wired wireless nfc");
	json_decref(s);
	set(f, "transports=internal");
	s = statement(f, MDS_3_1_1);
	check_words(s, "attachmentHint", "internal");
	json_decref(s);
	set(f, "transports=internal,hybrid");
	s = statement(f, MDS_3_1_1);
	check_words(s, "attachmentHint", "internal");
	json_decref(s);
}

/* gi-14: the device's own reply, as it is plugged in with those settings */
static void
get_info_is_what_the_key_says(void **state)
{
	struct device_config cfg = { .tpm.target = NULL };
	struct fixture *f = *state;
	uint8_t reply[AUTH_MESSAGE_MAX];
	json_t *said, *s, *info;
	size_t len;

	device_close(f->device);
	f->device = NULL;
	cfg.path = f->dir.path;
	device_config_default(&cfg);
	cfg.auth.message_max = UHID_MESSAGE_MAX;
	assert_int_equal(device_open(&cfg, 0, &f->device, f->msg,
	    sizeof(f->msg)), 0);
	len = device_info(f->device, 0, reply, sizeof(reply));
	assert_true(len > 1);
	said = mds_get_info_json(span(reply + 1, len - 1));
	s = statement(f, MDS_3_1_1);
	info = json_object_get(s, "authenticatorGetInfo");
	assert_true(json_equal(said, info));
	assert_string_equal(text(info, "aaguid"),
	    "93a46401ecad45939b674eacf8a0a8c0");
	assert_string_equal(text(info, "encIdentifier"), "");
	assert_true(json_is_false(json_object_get(json_object_get(info,
	    "options"), "clientPin")));
	json_decref(said);
	json_decref(s);
}

static void
bytes_that_are_no_get_info_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "", 0 }, { "\xa0\x00", 2 }, { "\x80", 1 },
		{ "\xa1\x18\x20\x01", 4 },	/* no member 0x20 */
		{ "\xa1\x00\x01", 3 },
		{ "\xa1\x61\x61\x01", 4 },
		{ "\xa1\x01\x81\xf6", 4 },	/* null */
		{ "\xa1\x04\xa1\x01\x01", 5 },	/* option 1 */
		{ "\xa1\x0e\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
		    11 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(mds_get_info_json(span(bad[i].bytes,
		    bad[i].len)));
}

static void
u2f_only_is_found_by_its_certificate(void **state)
{
	struct fixture *f = *state;
	struct mds_model m = { .auth = &f->auth, .anchors = f->anchors };
	json_t *entry, *s;

	set(f, "versions=U2F_V2");
	entry = mds_entry(&m, MDS_3_1_1, f->msg, sizeof(f->msg));
	s = json_object_get(entry, "metadataStatement");
	check_words(entry, "attestationCertificateKeyIdentifiers",
	    text(f->anchors, "u2fKeyIdentifier"));
	check_words(s, "attestationCertificateKeyIdentifiers",
	    text(f->anchors, "u2fKeyIdentifier"));
	assert_int_equal(strlen(text(f->anchors, "u2fKeyIdentifier")), 40);
	assert_null(json_object_get(entry, "aaguid"));
	assert_null(json_object_get(s, "aaguid"));
	assert_null(json_object_get(s, "authenticatorGetInfo"));
	assert_string_equal(text(s, "protocolFamily"), "u2f");
	check_words(s, "authenticationAlgorithms",
	    "secp256r1_ecdsa_sha256_raw");
	check_words(s, "publicKeyAlgAndEncodings", "ecc_x962_raw");
	check_words(s, "attestationTypes", "basic_full");
	check_methods(s, "presence_internal");
	json_decref(entry);
}

/* MDS 3.1.3: FIPS 140 has an edition, and a level of its own for the body */
static void
fips_is_what_the_profile_says(void **state)
{
	static const struct {
		const char *model;
		int revision;
	} models[] = {
		{ "yubikey-5-nfc-fips", 2 },
		{ "yubikey-5-nfc-fips-fw57", 3 },
	};
	struct fixture *f = *state;
	struct mds_model m = { .auth = &f->auth, .anchors = f->anchors };
	json_t *entry, *report;
	struct profile *p;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(profile_load(models[i].model, &p, f->msg,
		    sizeof(f->msg)), 0);
		profile_apply(p, &f->auth);
		m.profile = p;
		entry = mds_entry(&m, MDS_3_1_1, f->msg, sizeof(f->msg));
		report = json_array_get(json_object_get(entry,
		    "statusReports"), 1);
		assert_string_equal(text(report, "status"),
		    "FIPS140_CERTIFIED_L2");
		assert_int_equal(json_integer_value(json_object_get(report,
		    "fipsRevision")), models[i].revision);
		assert_int_equal(json_integer_value(json_object_get(report,
		    "fipsPhysicalSecurityLevel")), 3);
		json_decref(entry);
		profile_free(p);
	}
}

static const char described[] =
"[profile]\nname = described\n[device]\nproduct = A key\n"
"[settings]\nversions = FIDO_2_0\n"
"aaguid = 01020304-0506-0708-090a-0b0c0d0e0f10\n"
"algorithms = ES256\nattestation = packed\nfirmwareVersion = 7\n"
"transports = usb\n"
"[metadata]\ndescription = A described key\nkeyProtection = hardware,"
"secure_element\nmatcherProtection = on_chip\nattachmentHint = external,"
"wired\nuserVerification = presence_internal\nicon = "
"data:image/png;base64,iVBORw0KGgo=\nmultiDeviceCredentialSupport = "
"explicit\nstatus = FIDO_CERTIFIED@2020-05-12,FIDO_CERTIFIED_L1@2021-01-31,"
"RETIRED@2026-02-28\ncertificateNumber = TEST0001\n";

static void
profile_describes_its_model(void **state)
{
	struct fixture *f = *state;
	struct profile *p;
	struct auth_config auth = f->auth;
	struct mds_model m = { .auth = &auth, .anchors = f->anchors };
	json_t *entry, *s, *reports;

	if (profile_parse("described.ini", span_str(described), &p, f->msg,
	    sizeof(f->msg)) != 0)
		fail_msg("%s", f->msg);
	profile_apply(p, &auth);
	m.profile = p;
	entry = mds_entry(&m, MDS_3_1_1, f->msg, sizeof(f->msg));
	assert_non_null(entry);
	s = json_object_get(entry, "metadataStatement");
	assert_string_equal(text(entry, "aaguid"),
	    "01020304-0506-0708-090a-0b0c0d0e0f10");
	assert_string_equal(text(s, "description"), "A described key");
	assert_string_equal(text(json_object_get(s, "friendlyNames"),
	    "en-US"), "A described key");
	assert_string_equal(text(s, "icon"),
	    "data:image/png;base64,iVBORw0KGgo=");
	assert_string_equal(text(s, "multiDeviceCredentialSupport"),
	    "explicit");
	check_words(s, "keyProtection", "hardware secure_element");
	check_methods(s, "presence_internal");
	reports = json_object_get(entry, "statusReports");
	assert_int_equal(json_array_size(reports), 3);
	assert_string_equal(text(json_array_get(reports, 1), "status"),
	    "FIDO_CERTIFIED_L1");
	assert_string_equal(text(json_array_get(reports, 1),
	    "certificateNumber"), "TEST0001");
	assert_string_equal(text(entry, "timeOfLastStatusChange"),
	    "2026-02-28");
	json_decref(entry);
	/* 3.0 knows no RETIRED */
	entry = mds_entry(&m, MDS_3_0, f->msg, sizeof(f->msg));
	assert_int_equal(json_array_size(json_object_get(entry,
	    "statusReports")), 2);
	assert_string_equal(text(entry, "timeOfLastStatusChange"),
	    "2021-01-31");
	json_decref(entry);
	profile_free(p);
}

static void
two_models_of_one_aaguid_are_refused(void **state)
{
	struct fixture *f = *state;
	struct mds_models m = { NULL, 0 };
	json_t *entries;

	assert_int_equal(mds_models_add(&m, &f->auth, NULL), 0);
	set(f, "aaguid=01020304-0506-0708-090a-0b0c0d0e0f10");
	assert_int_equal(mds_models_add(&m, &f->auth, NULL), 0);
	entries = mds_models_entries(&m, f->anchors, MDS_3_1_1, f->msg,
	    sizeof(f->msg));
	assert_int_equal(json_array_size(entries), 2);
	json_decref(entries);
	assert_int_equal(mds_models_add(&m, &f->auth, NULL), 0);
	assert_null(mds_models_entries(&m, f->anchors, MDS_3_1_1, f->msg,
	    sizeof(f->msg)));
	assert_string_equal(f->msg, "two of the models are "
	    "01020304-0506-0708-090a-0b0c0d0e0f10");
	mds_models_done(&m);
}

/* BLOBs, by OpenSSL. */

struct opened {
	json_t	*header, *payload;
	X509	*cert[2];
	bool	 chain;		/* verifies under the authority's root */
	bool	 list;		/* also by its CRL */
	bool	 signature;	/* by the first certificate, as 3.1.7 wants */
};

static json_t *
decode_json(const char *p, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	size_t n = 0;
	json_t *json;

	assert_true(base64url_decode(span(p, len), bytes, &n));
	json = json_loadb((const char *)bytes, n, 0, NULL);
	assert_non_null(json);
	free(bytes);
	return json;
}

static X509 *
decode_cert(const char *base64)
{
	size_t len = strlen(base64);
	unsigned char *der = malloc(len);
	const unsigned char *p = der;
	X509 *x;

	assert_true(EVP_DecodeBlock(der, (const unsigned char *)base64,
	    (int)len) > 0);
	x = d2i_X509(NULL, &p, (long)len);
	assert_non_null(x);
	free(der);
	return x;
}

static X509_CRL *
decode_crl(struct fixture *f, enum attestation_ca which)
{
	const uint8_t *p;
	X509_CRL *crl;
	uint8_t *der;
	size_t len;

	assert_int_equal(mds_authority_crl(f->authority, which, NOW_S, &der,
	    &len), 0);
	p = der;
	crl = d2i_X509_CRL(NULL, &p, (long)len);
	assert_non_null(crl);
	free(der);
	return crl;
}

static bool
verify_chain(struct fixture *f, const struct opened *o, bool lists)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509_CRL *crl = decode_crl(f, ATTESTATION_CA_INTERMEDIATE);
	X509_CRL *root_crl = decode_crl(f, ATTESTATION_CA_ROOT);
	bool ok;

	X509_STORE_add_cert(store, mds_authority_root(f->authority));
	X509_STORE_add_crl(store, crl);
	X509_STORE_add_crl(store, root_crl);
	if (o->cert[1] != NULL)
		sk_X509_push(chain, o->cert[1]);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, o->cert[0], chain),
	    1);
	X509_STORE_CTX_set_time(ctx, 0, NOW_S);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT |
	    (lists ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0));
	ok = X509_verify_cert(ctx) == 1;
	sk_X509_free(chain);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_CRL_free(crl);
	X509_CRL_free(root_crl);
	return ok;
}

static bool
verify_signature(const struct opened *o, const char *input, size_t len,
    const uint8_t *sig, size_t sig_len)
{
	EVP_PKEY *key = X509_get0_pubkey(o->cert[0]);
	bool rsa = EVP_PKEY_is_a(key, "RSA");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *pair = ECDSA_SIG_new();
	uint8_t *der = NULL;
	int der_len;
	bool ok;

	ok = strcmp(text(o->header, "alg"), rsa ? "RS256" : "ES256") == 0 &&
	    (rsa || sig_len == 64);
	if (ok && !rsa) {
		ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL),
		    BN_bin2bn(sig + 32, 32, NULL));
		der_len = i2d_ECDSA_SIG(pair, &der);
		sig = der;
		sig_len = (size_t)der_len;
	}
	ok = ok && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key)
	    == 1 && EVP_DigestVerify(ctx, sig, sig_len,
	    (const uint8_t *)input, len) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static void
open_blob(struct fixture *f, const char *blob, struct opened *o)
{
	const char *first = strchr(blob, '.');
	const char *second = strchr(first + 1, '.');
	size_t input = (size_t)(second - blob), n = 0;
	const json_t *x5c;
	uint8_t sig[1024];

	*o = (struct opened){ .chain = false };
	assert_null(strchr(second + 1, '.'));
	o->header = decode_json(blob, (size_t)(first - blob));
	o->payload = decode_json(first + 1, (size_t)(second - first) - 1);
	assert_string_equal(text(o->header, "typ"), "JWT");
	x5c = json_object_get(o->header, "x5c");
	assert_true(json_array_size(x5c) <= 2);
	for (size_t i = 0; i < json_array_size(x5c); i++)
		o->cert[i] = decode_cert(json_string_value(json_array_get(x5c,
		    i)));
	if (o->cert[0] == NULL)
		return;
	o->chain = verify_chain(f, o, false);
	o->list = verify_chain(f, o, true);
	assert_true(base64url_decode(span_str(second + 1), sig, &n));
	o->signature = verify_signature(o, blob, input, sig, n);
	ERR_clear_error();
}

static void
opened_done(struct opened *o)
{
	json_decref(o->header);
	json_decref(o->payload);
	X509_free(o->cert[0]);
	X509_free(o->cert[1]);
}

static json_t *
entries_of(struct fixture *f)
{
	struct mds_models m = { NULL, 0 };
	json_t *entries;

	assert_int_equal(mds_models_add(&m, &f->auth, NULL), 0);
	entries = mds_models_entries(&m, f->anchors, MDS_3_1_1, f->msg,
	    sizeof(f->msg));
	assert_non_null(entries);
	mds_models_done(&m);
	return entries;
}

static void
make_blob(struct fixture *f, const struct mds_blob_plan *plan,
    struct opened *o)
{
	char *blob;

	if (mds_blob_make(plan, &blob, f->msg, sizeof(f->msg)) != 0)
		fail_msg("bend %d: %s", plan->bend, f->msg);
	open_blob(f, blob, o);
	free(blob);
}

static struct mds_blob_plan
honest(struct fixture *f, const json_t *entries)
{
	return (struct mds_blob_plan){ .authority = f->authority,
		.entries = entries, .now_s = NOW_S, .crl_url = CRL_URL };
}

static void
blob_verifies(void **state)
{
	struct fixture *f = *state;
	json_t *entries = entries_of(f);
	struct mds_blob_plan plan = honest(f, entries);
	struct opened o;

	for (int rsa = 0; rsa <= 1; rsa++) {
		plan.rsa = rsa;
		make_blob(f, &plan, &o);
		assert_true(o.chain);
		assert_true(o.list);
		assert_true(o.signature);
		assert_string_equal(text(o.header, "alg"),
		    rsa ? "RS256" : "ES256");
		assert_int_equal(json_array_size(json_object_get(o.header,
		    "x5c")), 2);
		assert_int_equal(X509_check_ca(o.cert[0]), 0);
		assert_non_null(strstr(text(o.payload, "legalHeader"),
		    "TEST"));
		assert_string_equal(text(o.payload, "nextUpdate"),
		    "2027-02-14");
		assert_int_equal(json_integer_value(json_object_get(
		    o.payload, "no")), 1);
		assert_true(json_equal(json_object_get(o.payload, "entries"),
		    entries));
		opened_done(&o);
	}
	json_decref(entries);
}

static void
number_is_told_and_the_date_is(void **state)
{
	struct fixture *f = *state;
	json_t *entries = entries_of(f);
	struct mds_blob_plan plan = honest(f, entries);
	struct opened o;

	plan.no = 41;
	plan.next_update = "2030-12-31";
	make_blob(f, &plan, &o);
	assert_int_equal(json_integer_value(json_object_get(o.payload, "no")),
	    41);
	assert_string_equal(text(o.payload, "nextUpdate"), "2030-12-31");
	opened_done(&o);
	plan.no = 0;
	plan.next_update = "2031-01-01";
	make_blob(f, &plan, &o);
	assert_int_equal(json_integer_value(json_object_get(o.payload, "no")),
	    42);
	opened_done(&o);
	json_decref(entries);
}

static void
number_counts_what_changed_and_is_remembered(void **state)
{
	uint8_t a[MDS_DIGEST_LEN] = { 1 }, b[MDS_DIGEST_LEN] = { 2 };
	struct fixture *f = *state;
	const char *path = f->dir.path;
	struct mds_authority *m;
	uint64_t no;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(mds_authority_open(path, NULL, NOW_S, &m,
		    f->msg, sizeof(f->msg)), 0);
		assert_int_equal(mds_authority_number(m, a, 0, &no, f->msg,
		    sizeof(f->msg)), 0);
		assert_int_equal(no, 1 + 2 * i);
		assert_int_equal(mds_authority_number(m, a, 0, &no, f->msg,
		    sizeof(f->msg)), 0);
		assert_int_equal(no, 1 + 2 * i);
		assert_int_equal(mds_authority_number(m, b, 0, &no, f->msg,
		    sizeof(f->msg)), 0);
		assert_int_equal(no, 2 + 2 * i);
		mds_authority_free(m);
	}
}

static void
write_file(const char *dir, const char *name, const char *contents,
    size_t len)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/mds/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(contents, 1, len, file), len);
	fclose(file);
}

static void
damaged_numbers_are_refused(void **state)
{
	static const char *const bad[] = { "", "1", "0 ", "1 12\n", "x",
		"-1 00", "18446744073709551616 00" };
	uint8_t a[MDS_DIGEST_LEN] = { 1 };
	struct fixture *f = *state;
	struct mds_authority *m;
	uint64_t no;

	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S, &m,
	    f->msg, sizeof(f->msg)), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(f->dir.path, "number", bad[i], strlen(bad[i]));
		assert_int_equal(mds_authority_number(m, a, 0, &no, f->msg,
		    sizeof(f->msg)), -EUCLEAN);
		assert_non_null(strstr(f->msg, "/mds/number is damaged"));
	}
	mds_authority_free(m);
}

static void
authority_is_the_same_the_next_time(void **state)
{
	struct fixture *f = *state;
	struct mds_authority *m, *again;
	struct stat st;
	char path[200];

	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S, &m,
	    f->msg, sizeof(f->msg)), 0);
	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S, &again,
	    f->msg, sizeof(f->msg)), 0);
	assert_int_equal(X509_cmp(mds_authority_root(m),
	    mds_authority_root(again)), 0);
	assert_int_equal(X509_cmp(mds_authority_ca(m),
	    mds_authority_ca(again)), 0);
	snprintf(path, sizeof(path), "%s/mds/authority.pem", f->dir.path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	mds_authority_free(m);
	mds_authority_free(again);
	/* it has nothing to do with who certifies keys */
	assert_null(strstr(text(f->anchors, "pem"), "metadata"));
}

static void
damaged_authorities_are_refused(void **state)
{
	struct fixture *f = *state;
	struct mds_authority *m;
	char whole[8192], path[200];
	size_t len;
	FILE *file;

	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S, &m,
	    f->msg, sizeof(f->msg)), 0);
	mds_authority_free(m);
	snprintf(path, sizeof(path), "%s/mds/authority.pem", f->dir.path);
	file = fopen(path, "r");
	len = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	/* without the root's key it is a brought one: cut before that */
	for (size_t cut = 0; cut < len - 400; cut += 37) {
		write_file(f->dir.path, "authority.pem", whole, cut);
		assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S,
		    &m, f->msg, sizeof(f->msg)), -EUCLEAN);
		assert_non_null(strstr(f->msg, "authority.pem is damaged"));
	}
	write_file(f->dir.path, "authority.pem", whole, len);
	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S +
	    50 * 365 * DAY_S, &m, f->msg, sizeof(f->msg)), -EKEYEXPIRED);
	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S, &m,
	    f->msg, sizeof(f->msg)), 0);
	mds_authority_free(m);
}

static void
brought_root_signs_and_its_key_is_not_kept(void **state)
{
	struct certificate_plan plan = { .kind = CERTIFICATE_ROOT,
		.now_s = NOW_S, .name = "somebody's root" };
	struct fixture *f = *state;
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	struct attestation_root root;
	struct mds_authority *m, *again;
	uint8_t *der;
	size_t len;
	char *p;
	X509 *x;

	plan.key = plan.issuer_key = EVP_EC_gen("P-384");
	assert_int_equal(certificate_make(&plan, &x), 0);
	PEM_write_bio_X509(cert, x);
	PEM_write_bio_PrivateKey(key, plan.key, NULL, NULL, 0, NULL, NULL);
	len = (size_t)BIO_get_mem_data(cert, &p);
	root.cert = span(p, len);
	len = (size_t)BIO_get_mem_data(key, &p);
	root.key = span(p, len);
	assert_int_equal(mds_authority_open(f->dir.path, &root, NOW_S, &m,
	    f->msg, sizeof(f->msg)), 0);
	assert_int_equal(mds_authority_open(f->dir.path, NULL, NOW_S, &again,
	    f->msg, sizeof(f->msg)), 0);
	assert_int_equal(X509_cmp(x, mds_authority_root(again)), 0);
	assert_int_equal(X509_verify(mds_authority_ca(again), plan.key), 1);
	assert_int_equal(mds_authority_crl(m, ATTESTATION_CA_ROOT, NOW_S,
	    &der, &len), -ENOKEY);
	mds_authority_free(m);
	mds_authority_free(again);
	root.key = root.cert;
	assert_int_equal(mds_authority_open(f->dir.path, &root, NOW_S, &m,
	    f->msg, sizeof(f->msg)), -EINVAL);
	assert_string_equal(f->msg, "the metadata root key is not an "
	    "unencrypted PEM private key");
	BIO_free(cert);
	BIO_free(key);
	X509_free(x);
	EVP_PKEY_free(plan.key);
}

/* Reports. */

#define DAY_2027_02_03	INT64_C(1801612800)	/* seconds since 1970 */

static void
reports_are_added(void **state)
{
	struct fixture *f = *state;
	json_t *entries = entries_of(f), *reports = json_object();
	json_t *entry = json_array_get(entries, 0), *list;

	assert_null(mds_take_report(OURS "=REVOKED@2027-01-01", MDS_3_1_1,
	    reports, f->msg, sizeof(f->msg)));
	assert_null(mds_take_report(OURS "=UPDATE_AVAILABLE", MDS_3_1_1,
	    reports, f->msg, sizeof(f->msg)));
	assert_int_equal(mds_add_reports(entries, reports, 0, f->msg,
	    sizeof(f->msg)), 0);
	list = json_object_get(entry, "statusReports");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(text(json_array_get(list, 1), "status"),
	    "REVOKED");
	assert_string_equal(text(entry, "timeOfLastStatusChange"),
	    "2027-01-01");
	/* what has no date is so since now, whatever is added beside it */
	assert_int_equal(mds_add_reports(entries, reports, DAY_2027_02_03,
	    f->msg, sizeof(f->msg)), 0);
	json_array_remove(json_object_get(reports, OURS), 1);
	assert_int_equal(mds_add_reports(entries, reports, DAY_2027_02_03,
	    f->msg, sizeof(f->msg)), 0);
	assert_string_equal(text(entry, "timeOfLastStatusChange"),
	    "2027-02-03");
	json_object_clear(reports);
	assert_null(mds_take_report("00000000-0000-0000-0000-000000000000="
	    "REVOKED", MDS_3_1_1, reports, f->msg, sizeof(f->msg)));
	assert_int_equal(mds_add_reports(entries, reports, 0, f->msg,
	    sizeof(f->msg)), -EINVAL);
	assert_string_equal(f->msg, "there is no entry 00000000-0000-0000-"
	    "0000-000000000000 to report a status of");
	json_decref(reports);
	json_decref(entries);
}

static void
texts_that_are_no_report_are_refused(void **state)
{
	static const char *const bad[] = { "", "=", "REVOKED", "=REVOKED",
		OURS, OURS "=", OURS "=revoked", OURS "=REVOKED@",
		OURS "=REVOKED@2027-02-30", OURS "=REVOKED@2027-1-1",
		OURS "=REVOKED@2027-01-01x", OURS "=REVOKED@ 2027-01-01",
		OURS OURS "=REVOKED", OURS "=REVOKED@REVOKED" };
	struct fixture *f = *state;
	json_t *reports = json_object();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(mds_take_report(bad[i], MDS_3_1_1, reports,
		    f->msg, sizeof(f->msg)));
	assert_non_null(mds_take_report(OURS "=RETIRED", MDS_3_0, reports,
	    f->msg, sizeof(f->msg)));
	assert_string_equal(f->msg, "\"RETIRED\" is no status that MDS 3.0 "
	    "knows");
	assert_int_equal(json_object_size(reports), 0);
	json_decref(reports);
}

static void
json_that_is_no_report_is_refused(void **state)
{
	static const struct {
		const char *json;
		bool now, then;		/* is good */
		const char *said;	/* of the older shape, if not */
	} all[] = {
		{ "{}", true, true, NULL },
		{ "{\"a\": []}", true, true, NULL },
		{ "{\"a\": [{\"status\": \"REVOKED\", \"url\": \"u\", "
		    "\"authenticatorVersion\": 3}]}", true, true, NULL },
		{ "{\"a\": [{\"status\": \"FIPS140_CERTIFIED_L2\", "
		    "\"fipsRevision\": 3, \"sunsetDate\": \"2030-01-01\", "
		    "\"certificationProfiles\": [\"consumer\"]}]}", true,
		    false, "no status that MDS 3.0" },
		{ "{\"a\": [{\"status\": \"REVOKED\", \"sunsetDate\": "
		    "\"2030-01-01\"}]}", true, false, "is no member of a "
		    "StatusReport of MDS 3.0" },
		{ "[]", false, false, "" },
		{ "{\"a\": {}}", false, false, "" },
		{ "{\"a\": [1]}", false, false, "" },
		{ "{\"a\": [{}]}", false, false, "no status" },
		{ "{\"a\": [{\"status\": 1}]}", false, false, "no status" },
		{ "{\"a\": [{\"status\": \"REVOKED\", \"colour\": 1}]}",
		    false, false, "a: \"colour\" of a report is no member" },
		{ "{\"a\": [{\"status\": \"REVOKED\", \"effectiveDate\": "
		    "\"tomorrow\"}]}", false, false, "is a date such as" },
		{ "{\"a\": [{\"status\": \"REVOKED\", \"url\": \"\"}]}",
		    false, false, "\"url\" of a report is text" },
		{ "{\"a\": [{\"status\": \"REVOKED\", "
		    "\"authenticatorVersion\": -1}]}", false, false,
		    "is a number from 0 to" },
		{ "{\"a\": [{\"status\": \"REVOKED\", "
		    "\"certificationProfiles\": [1]}]}", false, false,
		    "is no member" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		json_t *json = json_loads(all[i].json, 0, NULL);

		assert_non_null(json);
		assert_int_equal(mds_judge_reports(json, MDS_3_1_1, f->msg,
		    sizeof(f->msg)) == NULL, all[i].now);
		assert_int_equal(mds_judge_reports(json, MDS_3_0, f->msg,
		    sizeof(f->msg)) == NULL, all[i].then);
		if (all[i].said != NULL)
			assert_non_null(strstr(f->msg, all[i].said));
		json_decref(json);
	}
}

static void
dates_are_days_that_there_are(void **state)
{
	static const char *const good[] = { "2026-01-05", "2024-02-29",
		"1999-12-31" };
	static const char *const bad[] = { "", "2026-02-29", "2026-13-01",
		"2026-1-5", "26-01-05", "2026-01-05 ", " 2026-01-05",
		"2026/01/05", "2026-01-00", "+026-01-05", "0999-01-05",
		"2026-01-05T00:00:00Z" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(mds_is_date(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mds_is_date(bad[i]));
}

/* Faults. */

/* What differs between the two, as paths of JSON; at most room for two. */
static void
differ(const json_t *a, const json_t *b, const char *path, char *out,
    size_t size)
{
	char below[256];
	const char *name;
	const json_t *value;

	if (json_equal(a, b))
		return;
	if (json_is_object(a) && json_is_object(b)) {
		json_object_foreach((json_t *)a, name, value) {
			snprintf(below, sizeof(below), "%s/%s", path, name);
			differ(value, json_object_get(b, name), below, out,
			    size);
		}
		return;
	}
	if (json_is_array(a) && json_is_array(b) &&
	    json_array_size(a) == json_array_size(b) &&
	    json_is_object(json_array_get(a, 0))) {
		for (size_t i = 0; i < json_array_size(a); i++)
			differ(json_array_get(a, i), json_array_get(b, i),
			    path, out, size);
		return;
	}
	snprintf(out + strlen(out), size - strlen(out), "%s%s",
	    out[0] != '\0' ? " " : "", path);
}

#define STATEMENT	"/entries/metadataStatement/"
#define REPORTED	"/entries/statusReports"
#define CHANGED	"/entries/timeOfLastStatusChange"

/* Of each bend: what is then different in the payload, less the number. */
static const struct {
	const char *differs;
	bool	 chain, list, signature;	/* still good */
} bends[MDS_BENDS] = {
	[MDS_HONEST] = { "", true, true, true },
	[MDS_STATUS_REVOKED ... MDS_STATUS_SUNSET] = { CHANGED " " REPORTED,
	    true, true, true },
	[MDS_STATUS_NONE] = { REPORTED, true, true, true },
	[MDS_AAGUID_MISSING] = { "/entries/aaguid " STATEMENT "aaguid",
	    true, true, true },
	[MDS_AAGUID_OTHER] = { STATEMENT "aaguid", true, true, true },
	[MDS_GETINFO_AAGUID] = { STATEMENT "authenticatorGetInfo/aaguid",
	    true, true, true },
	[MDS_DUPLICATE_ENTRY] = { "/entries", true, true, true },
	[MDS_STATEMENT_MISSING] = { "/entries/metadataStatement",
	    true, true, true },
	[MDS_SCHEMA] = { STATEMENT "schema", true, true, true },
	[MDS_WRONG_ROOT] = { STATEMENT "attestationRootCertificates",
	    true, true, true },
	[MDS_NO_ROOT] = { STATEMENT "attestationRootCertificates",
	    true, true, true },
	[MDS_ALG_LIST] = { STATEMENT "authenticationAlgorithms",
	    true, true, true },
	[MDS_GETINFO_ALGS] = { STATEMENT "authenticatorGetInfo/algorithms",
	    true, true, true },
	[MDS_ATTESTATION_TYPE] = { STATEMENT "attestationTypes",
	    true, true, true },
	[MDS_PROTOCOL_FAMILY] = { STATEMENT "protocolFamily",
	    true, true, true },
	[MDS_STALE] = { "/nextUpdate", true, true, true },
	[MDS_NEXT_UPDATE_MISSING] = { "/nextUpdate", true, true, true },
	[MDS_ROLLBACK] = { "", true, true, true },
	[MDS_NUMBER_MISSING] = { "", true, true, true },
	[MDS_BAD_SIGNATURE] = { "", true, true, false },
	[MDS_DER_SIGNATURE] = { "", true, true, false },
	[MDS_ALG_NONE] = { "", true, true, false },
	[MDS_ALG_HS256] = { "", true, true, false },
	[MDS_NO_X5C] = { "", false, false, false },
	[MDS_BAD_CHAIN] = { "", false, false, true },
	[MDS_UNKNOWN_ROOT] = { "", false, false, true },
	[MDS_SELF_SIGNED] = { "", false, false, true },
	[MDS_SIGNER_EXPIRED] = { "", false, false, true },
	[MDS_SIGNER_NOT_YET] = { "", false, false, true },
	[MDS_SIGNER_REVOKED] = { "", true, false, true },
};

/* The number goes up for what is wrong as it does for what is right. */
static void
check_number(enum mds_bend bend, const json_t *no)
{
	if (bend == MDS_NUMBER_MISSING)
		assert_null(no);
	else if (bend == MDS_ROLLBACK)
		assert_int_equal(json_integer_value(no), 0);
	else
		assert_int_equal(json_integer_value(no),
		    bends[bend].differs[0] != '\0' ? 2 : 1);
}

static void
each_fault_breaks_one_thing(void **state)
{
	struct fixture *f = *state;
	json_t *entries = entries_of(f);
	struct mds_blob_plan plan = honest(f, entries);
	struct opened good, o;

	for (enum mds_bend bend = MDS_HONEST; bend < MDS_BENDS; bend++) {
		char what[1024] = "";

		mds_authority_free(f->authority);
		assert_int_equal(mds_authority_open(NULL, NULL, NOW_S,
		    &f->authority, f->msg, sizeof(f->msg)), 0);
		plan.authority = f->authority;
		plan.bend = MDS_HONEST;
		make_blob(f, &plan, &good);
		plan.bend = bend;
		make_blob(f, &plan, &o);
		check_number(bend, json_object_get(o.payload, "no"));
		json_object_del(good.payload, "no");
		json_object_del(o.payload, "no");
		differ(good.payload, o.payload, "", what, sizeof(what));
		if (strcmp(what, bends[bend].differs) != 0 ||
		    o.chain != bends[bend].chain ||
		    o.list != bends[bend].list ||
		    o.signature != bends[bend].signature)
			fail_msg("bend %d: \"%s\", chain %d, list %d, "
			    "signature %d", bend, what, o.chain, o.list,
			    o.signature);
		opened_done(&good);
		opened_done(&o);
	}
	json_decref(entries);
}

static void
faults_that_do_not_fit_are_refused(void **state)
{
	struct fixture *f = *state;
	json_t *entries;
	struct mds_blob_plan plan;
	char *blob;

	set(f, "attestation=self");
	entries = entries_of(f);
	plan = honest(f, entries);
	plan.bend = MDS_WRONG_ROOT;
	assert_int_equal(mds_blob_make(&plan, &blob, f->msg, sizeof(f->msg)),
	    -EINVAL);
	assert_string_equal(f->msg, "there is nothing in this BLOB that could "
	    "be wrong like that");
	plan.bend = MDS_SIGNER_REVOKED;
	plan.crl_url = NULL;
	assert_int_equal(mds_blob_make(&plan, &blob, f->msg, sizeof(f->msg)),
	    -EINVAL);
	plan.bend = MDS_STATUS_REVOKED;
	plan.bend_id = "00000000-0000-0000-0000-000000000000";
	assert_int_equal(mds_blob_make(&plan, &blob, f->msg, sizeof(f->msg)),
	    -EINVAL);
	json_decref(entries);
}

static void
catalogue_has_each_bend_once(void **state)
{
	bool seen[MDS_BENDS] = { [MDS_HONEST] = true };
	const struct fault *row;

	(void)state;
	for (size_t i = 0; (row = fault_at(i)) != NULL; i++) {
		if (row->stage != FAULT_METADATA) {
			assert_int_equal(row->metadata, 0);
			continue;
		}
		assert_in_range(row->metadata, 1, MDS_BENDS - 1);
		assert_false(seen[row->metadata]);
		seen[row->metadata] = true;
	}
	for (size_t i = 0; i < MDS_BENDS; i++)
		assert_true(seen[i]);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(statement_has_members_of_its_specification_only),
		TEST(statement_says_whose_it_is),
		TEST(upv_is_what_versions_say),
		TEST(algorithms_are_those_of_get_info),
		TEST(attestation_types_follow_formats),
		TEST(attestation_keys_algorithm_is_no_credentials),
		TEST(trust_anchor_is_the_keys),
		TEST(user_verification_follows_features),
		TEST(protection_is_what_the_key_has),
		TEST(get_info_is_what_the_key_says),
		TEST(bytes_that_are_no_get_info_are_refused),
		TEST(u2f_only_is_found_by_its_certificate),
		TEST(fips_is_what_the_profile_says),
		TEST(profile_describes_its_model),
		TEST(two_models_of_one_aaguid_are_refused),
		TEST(blob_verifies),
		TEST(number_is_told_and_the_date_is),
		TEST(number_counts_what_changed_and_is_remembered),
		TEST(damaged_numbers_are_refused),
		TEST(authority_is_the_same_the_next_time),
		TEST(damaged_authorities_are_refused),
		TEST(brought_root_signs_and_its_key_is_not_kept),
		TEST(reports_are_added),
		TEST(texts_that_are_no_report_are_refused),
		TEST(json_that_is_no_report_is_refused),
		TEST(dates_are_days_that_there_are),
		TEST(each_fault_breaks_one_thing),
		TEST(faults_that_do_not_fit_are_refused),
		TEST(catalogue_has_each_bend_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
