/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: what their files say, and which of them are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/device.h"
#include "authenticator/profile/profile.h"

static char msg[PROFILE_MESSAGE_LEN];

#define HEAD	"[profile]\nname = it\n[device]\nproduct = It (test)\n"
#define BARE	HEAD "[settings]\nversions = FIDO_2_0\nalgorithms = ES256\n"

static struct profile *
parse(const char *text)
{
	struct profile *p;

	msg[0] = '\0';
	if (profile_parse("it.ini", span_str(text), &p, msg,
	    sizeof(msg)) != 0)
		fail_msg("%s", msg);
	return p;
}

static void
refuses_bytes(struct span text, const char *why)
{
	struct profile *p;

	msg[0] = '\0';
	if (profile_parse("it.ini", text, &p, msg, sizeof(msg)) != -EINVAL)
		fail_msg("it is taken, but %s", why);
	if (strstr(msg, why) == NULL || strncmp(msg, "it.ini:", 7) != 0 ||
	    strpbrk(msg, "\r\n") != NULL)
		fail_msg("%s, and not: %s", msg, why);
}

static void
refuses(const char *text, const char *why)
{
	refuses_bytes(span_str(text), why);
}

/* ... of a file that goes on after BARE, whose last line is its seventh */
static void
refuses_more(const char *more, const char *why)
{
	char text[4096];

	snprintf(text, sizeof(text), BARE "%s", more);
	refuses(text, why);
}

static void
says_what_a_key_is(void **state)
{
	struct auth_config cfg, before;
	struct device_config defaults;
	struct profile *p = parse(
	    "# a comment\r\n"
	    "\n"
	    "[profile]\n"
	    "name = some-key\n"
	    " [device] \n"
	    "\tproduct\t=  Some = key  \n"
	    "vendorId = 0x1209\n"
	    "productId = 0x0001\n"
	    "[settings]\n"
	    "aaguid = 01020304-0506-0708-090a-0b0c0d0e0f10\n"
	    "versions = FIDO_2_0\n"
	    "algorithms = ES256,RS256\n"
	    "firmwareVersion = 7\n"
	    "; another\n"
	    "rk = on\n"
	    "[metadata]\n"
	    "status = FIDO_CERTIFIED@2019-01-02, REVOKED@2024-02-29\n"
	    "keyProtection = hardware , secure_element\n"
	    "attachmentHint = external");

	(void)state;
	device_config_default(&defaults);
	cfg = defaults.auth;
	profile_apply(p, &cfg);
	before = cfg;
	assert_string_equal(p->name, "some-key");
	assert_string_equal(p->device.product, "Some = key");
	assert_int_equal(p->device.vendor_id, 0x1209);
	assert_int_equal(p->device.product_id, 1);
	assert_int_equal(cfg.aaguid[15], 0x10);
	assert_int_equal(cfg.features, FEATURE_FIDO_2_0 | FEATURE_RK);
	assert_int_equal(cfg.alg_count, 2);
	assert_int_equal(cfg.firmware_version, 7);
	assert_string_equal(p->metadata.description, "Some = key");
	assert_int_equal(p->metadata.authenticator_version, 7);
	assert_true(p->metadata.key_restricted);
	assert_int_equal(p->metadata.status_count, 2);
	assert_string_equal(p->metadata.status[0].status, "FIDO_CERTIFIED");
	assert_string_equal(p->metadata.status[1].date, "2024-02-29");
	assert_int_equal(p->metadata.key_protection.count, 2);
	assert_string_equal(p->metadata.key_protection.word[1],
	    "secure_element");
	assert_int_equal(p->setting[1].line, 11);
	/* whatever it was before */
	cfg.features = ~UINT64_C(0);
	cfg.backup_eligible = true;
	profile_apply(p, &cfg);
	assert_memory_equal(&cfg, &before, sizeof(cfg));
	profile_free(p);
}

static void
keeps_the_text(void **state)
{
	struct profile *p = parse(BARE), *again;

	(void)state;
	assert_int_equal(p->text.len, strlen(BARE));
	assert_memory_equal(p->text.p, BARE, strlen(BARE));
	again = parse((const char *)p->text.p);
	profile_free(again);
	profile_free(p);
	profile_free(NULL);
}

static void
is_made_of_lines(void **state)
{
	char *text;
	size_t len = strlen(BARE);

	(void)state;
	refuses("\xef\xbb\xbf" BARE, "it.ini:1: it begins with a byte order");
	refuses(BARE "product", "it.ini:8: this is neither [section], KEY");
	refuses(BARE "= on", "it.ini:8: what is before the = is no key");
	refuses(BARE "r k = on", "it.ini:8: what is before the = is no key");
	refuses(BARE "rk =  ", "it.ini:8: rk: there is nothing behind the =");
	refuses(BARE "rk = on # why", "it.ini:8: rk: cannot be \"on # why\"");
	refuses(BARE "rk = o\tn", "it.ini:8: rk: there is a tab in the value");
	refuses(BARE "[x", "it.ini:8: a section's ] is missing");
	refuses(BARE "[]", "it.ini:8: this is no name of a section");
	refuses(BARE "[x y]", "it.ini:8: this is no name of a section");
	refuses("\nrk = on", "it.ini:2: rk: a [section] has to come first");
	refuses(BARE "rk = on\rup = on", "it.ini:8: there is a carriage");
	refuses(BARE "rk = \xc3\x28", "it.ini:8: this is not UTF-8");
	refuses(BARE "rk = \xc3", "it.ini:8: this is not UTF-8");
	refuses(BARE "rk = \x1b[31m", "it.ini:8: there is a control");
	refuses(BARE "rk = \xc2\x9b", "it.ini:8: there is a control");
	refuses_bytes(span(BARE "rk\0 = on", len + 8),
	    "it.ini:8: there is a NUL in it");
	text = calloc(1, PROFILE_FILE_MAX + 2);
	assert_non_null(text);
	memcpy(text, BARE "#", len + 1);
	memset(text + len + 1, 'x', PROFILE_LINE_MAX);
	refuses(text, "it.ini:8: this line is too long");
	memset(text, '\n', PROFILE_FILE_MAX + 1);
	refuses(text, "it.ini: it has more than 32768 bytes");
	free(text);
}

static void
has_each_thing_once(void **state)
{
	(void)state;
	refuses_more("[other]\n", "it.ini:8: there is no such section");
	refuses_more("[device]\n", "it.ini:8: this section was there");
	refuses_more("rk = on\nrk = on\n", "it.ini:9: rk: line 8 has it, too");
	refuses_more("rk = on\nrk = off\n", "it.ini:9: rk: line 8");
	refuses_more("faults = off\n", "it.ini:8: faults: that is decided "
	    "when a key is made, and no matter of its model");
	refuses_more("rrk = on\n", "it.ini:8: rrk: there is no setting "
	    "\"rrk\"");
	refuses_more("[metadata]\nx = on\n", "it.ini:9: x: there is no such "
	    "key in [metadata]");
	refuses_more("[metadata]\nproduct = on\n", "there is no such key in");
	refuses("[settings]\nrk = on\nversions = FIDO_2_0\n",
	    "it.ini:3: versions: this has to come before");
}

static void
has_what_every_key_has(void **state)
{
	(void)state;
	refuses("", "it.ini: name: [profile] has to say it");
	refuses("[profile]\nname = it\n", "it.ini: product: [device] has to");
	refuses(HEAD, "it.ini: versions: [settings] has to say them");
	refuses(HEAD "[settings]\nversions = FIDO_2_0\n",
	    "algorithms: [settings] has to say them");
	refuses("[profile]\nname = It\n", "it.ini:2: name: it takes up to 47");
	refuses("[profile]\nname = ../it\n", "name: it takes up to 47");
	refuses("[profile]\nname = -it\n", "name: it takes up to 47");
	refuses("[profile]\nname = it-\n", "name: it takes up to 47");
	refuses("[profile]\nname = 012345678901234567890123456789012345678901"
	    "234567\n", "name: it takes up to 47");
	refuses("[device]\nproduct = K\xc3\xa9y\n", "product: it takes up to "
	    "127");
}

static void
uses_no_vendors_number(void **state)
{
	(void)state;
	refuses("[device]\nvendorId = 1209\n", "vendorId: it takes 0x and "
	    "four");
	refuses("[device]\nvendorId = 0x12g9\n", "it takes 0x and four");
	refuses("[profile]\nname = it\n[device]\nproduct = It\n"
	    "vendorId = 0x1050\nproductId = 0x0407\n[settings]\n"
	    "versions = FIDO_2_0\nalgorithms = ES256\n",
	    "it.ini:5: vendorId: 0x1050 is Yubico's");
	refuses("[profile]\nname = it\n[device]\nproduct = It\n"
	    "vendorId = 0x18d1\nproductId = 0x0407\n[settings]\n"
	    "versions = FIDO_2_0\nalgorithms = ES256\n",
	    "it.ini:5: vendorId: it belongs to somebody");
	refuses("[profile]\nname = it\n[device]\nproduct = It\n"
	    "vendorId = 0x0000\nproductId = 0x0407\n[settings]\n"
	    "versions = FIDO_2_0\nalgorithms = ES256\n",
	    "it.ini:5: vendorId: it belongs to somebody");
	refuses("[profile]\nname = it\n[device]\nproduct = It\n"
	    "vendorId = 0x1209\n[settings]\n"
	    "versions = FIDO_2_0\nalgorithms = ES256\n",
	    "it.ini:5: vendorId: productId belongs to it");
	refuses("[profile]\nname = it\n[device]\nproduct = It\n"
	    "productId = 0x0001\n[settings]\n"
	    "versions = FIDO_2_0\nalgorithms = ES256\n",
	    "it.ini:5: productId: vendorId belongs to it");
}

static void
takes_no_setting_that_is_none(void **state)
{
	(void)state;
	refuses_more("aaguid = 01020304-0506-0708-090a-0b0c0d0e0f1\n",
	    "it.ini:8: aaguid: cannot be");
	refuses_more("aaguid = 010203040506-0708-090a-0b0c0d0e0f1011\n",
	    "it.ini:8: aaguid: cannot be");
	refuses_more("rk = maybe\n", "it.ini:8: rk: cannot be \"maybe\"; it "
	    "takes on|off");
	refuses(HEAD "[settings]\nversions = FIDO_2_2\n",
	    "it.ini:6: versions: cannot be \"FIDO_2_2\"");
	refuses(HEAD "[settings]\nversions = FIDO_2_0\nalgorithms = FOO\n",
	    "it.ini:7: algorithms: cannot be \"FOO\"");
	refuses(HEAD "[settings]\nversions = FIDO_2_0\n"
	    "algorithms = ES256,ES256\n", "it.ini:7: algorithms: cannot be");
}

/* Who wrote them believed that the key has what it does not. */
#define CODE	"clientPin = on\npinUvAuthProtocols = 1\n[metadata]\n" \
	"cryptoStrength = 128\nuserVerification = passcode_external\n"
static const struct {
	const char *more;
	const char *why;
} contradictions[] = {
	{ "credMgmt = on", "8: credMgmt: it needs rk and "
	    "pinUvAuthToken" },
	{ "rk = on\ncredBlob = on", "9: credBlob: it needs "
	    "credProtect" },
	{ "pinUvAuthToken = on", "8: pinUvAuthToken: it needs "
	    "clientPin or uv" },
	{ "bioEnroll = on\npinUvAuthProtocols = 2", "8: bioEnroll: it "
	    "needs clientPin and pinUvAuthToken" },
	{ "ep = on", "8: ep: it needs authnrCfg" },
	{ "authnrCfg = on\nep = on", "9: ep: it needs the version "
	    "FIDO_2_1" },
	{ "epRpIds = example.com", "8: epRpIds: they need ep" },
	{ "largeBlobs = on", "8: largeBlobs: it needs rk" },
	{ "rk = on\nlargeBlob = on\nlargeBlobs = on", "9: largeBlob: "
	    "it excludes largeBlobs" },
	{ "clientPin = on\npinUvAuthProtocols = 1\nauthnrCfg = on",
	    "10: authnrCfg: it needs pinUvAuthToken" },
	{ "rk = on\nclientPin = on\npinUvAuthProtocols = 1\n"
	    "largeBlobs = on", "11: largeBlobs: it needs "
	    "pinUvAuthToken" },
	{ "pinUvAuthProtocols = none\nclientPin = on",
	    "9: clientPin: it needs pinUvAuthProtocols" },
	{ "pinUvAuthProtocols = none\nuv = on", "9: uv: it needs "
	    "pinUvAuthProtocols" },
	{ "pinUvAuthProtocols = none\nhmac-secret = on",
	    "9: hmac-secret: it needs pinUvAuthProtocols" },
	{ "alwaysUv = on", "8: alwaysUv: it needs clientPin or uv" },
	{ "alwaysUv = off", "8: alwaysUv: it needs clientPin or uv" },
	{ "makeCredUvNotRqd = on", "8: makeCredUvNotRqd: it needs" },
	{ "clientPin = on\npinUvAuthProtocols = 2\npinUvAuthToken = on\n"
	    "authnrCfg = on\nsetMinPINLength = on",
	    "12: setMinPINLength: it needs minPinLength" },
	{ "uvModality = 2", "8: uvModality: it needs uv" },
	{ "uv = on\npinUvAuthProtocols = 1\nuvModality = 2048",
	    "10: uvModality: 0x800 is the PIN" },
	{ "preferredPlatformUvAttempts = 3",
	    "8: preferredPlatformUvAttempts: they need uv" },
	{ "maxCredBlobLength = 32", "8: maxCredBlobLength: it needs "
	    "credBlob" },
	{ "maxSerializedLargeBlobArray = 1024",
	    "8: maxSerializedLargeBlobArray: it needs largeBlobs" },
	{ "maxDiscoverableCredentials = 25",
	    "8: maxDiscoverableCredentials: they need rk" },
	{ "minPINLength = 4", "8: minPINLength: it needs clientPin" },
	{ "maxPINLength = 63", "8: maxPINLength: it needs clientPin" },
	{ "clientPin = on\npinUvAuthProtocols = 1\n"
	    "minPINLength = 12\nmaxPINLength = 8",
	    "10: minPINLength: it is more than maxPINLength" },
	{ "maxRPIDsForSetMinPINLength = 1",
	    "8: maxRPIDsForSetMinPINLength: it needs setMinPIN" },
	{ "pinComplexityPolicyURL = https://a.example",
	    "8: pinComplexityPolicyURL: it needs clientPin" },
	{ "transports = usb\ntransportsForReset = usb,nfc",
	    "9: transportsForReset: transports does not have all" },
	{ "plat = on\ntransports = usb", "8: plat: transports has to "
	    "say internal" },
	{ "transports = usb,internal", "8: transports: internal needs "
	    "plat" },
	{ "backupState = on", "8: backupState: it needs backupEligible" },
	{ "backupEligible = on\n[metadata]\n"
	    "multiDeviceCredentialSupport = unsupported",
	    "10: multiDeviceCredentialSupport: backupEligible says" },
	{ "[metadata]\nuserVerification = passcode_external",
	    "9: userVerification: passcode_external needs clientPin" },
	{ "[metadata]\nuserVerification = fingerprint_internal",
	    "9: userVerification: fingerprint, passcode_internal and" },
	{ "[metadata]\nuserVerification = presence_internal+eyeprint_internal",
	    "9: userVerification: fingerprint, passcode_internal and" },
	{ "[metadata]\nuserVerification = pattern_internal",
	    "9: userVerification: fingerprint, passcode_internal and" },
	{ "[metadata]\npasscodeBase = 10\npasscodeMinLength = 4",
	    "9: passcodeBase: userVerification has no passcode" },
	{ "[metadata]\npasscodeMaxRetries = 8",
	    "9: passcodeMaxRetries: userVerification has no passcode" },
	{ CODE "passcodeBase = 10", "13: passcodeBase: passcodeBase and "
	    "passcodeMinLength belong together" },
	{ CODE "passcodeMinLength = 4", "13: passcodeMinLength: passcodeBase "
	    "and" },
	{ CODE "passcodeBlockSlowdown = 4", "13: passcodeBlockSlowdown: "
	    "passcodeBase and" },
	{ CODE "passcodeMinLength = 4\npasscodeBase = 0", "14: "
	    "passcodeBase: passcodeBase and" },
	{ "[metadata]\nbiometricMaxTemplates = 5", "9: "
	    "biometricMaxTemplates: userVerification has no biometric" },
	{ "uv = on\npinUvAuthProtocols = 1\n[metadata]\nuserVerification = "
	    "eyeprint_internal\nbiometricMaxRetries = 5", "12: "
	    "biometricMaxRetries: biometricFAR or biometricFRR belongs" },
	{ "[metadata]\nbiometricFAR = 0.001", "9: biometricFAR: "
	    "userVerification has no biometric" },
	{ "[metadata]\nfipsRevision = 2", "9: fipsRevision: status has no" },
	{ "[metadata]\nfipsPhysicalSecurityLevel = 3\nstatus = "
	    "FIDO_CERTIFIED", "9: fipsPhysicalSecurityLevel: status has no" },
	{ "[metadata]\nkeyProtection = software,hardware",
	    "9: keyProtection: software excludes hardware" },
	{ "[metadata]\nkeyProtection = secure_element",
	    "9: keyProtection: tee and secure_element need" },
	{ "[metadata]\nmatcherProtection = tee,on_chip",
	    "9: matcherProtection: it is one of them" },
	{ "[metadata]\nattachmentHint = internal,external",
	    "9: attachmentHint: internal excludes external" },
	{ "[metadata]\nattachmentHint = internal",
	    "9: attachmentHint: it is external without plat" },
};

static void
does_not_contradict_itself(void **state)
{
	size_t n = sizeof(contradictions) / sizeof(contradictions[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		refuses_more(contradictions[i].more, contradictions[i].why);
}

/* A version is a promise. */
static void
keeps_what_its_versions_promise(void **state)
{
#define V21	HEAD "[settings]\nversions = FIDO_2_1\nalgorithms = ES256\n"
	(void)state;
	refuses(V21 "rk = off\n", "it.ini:6: versions: FIDO_2_1 and later "
	    "need hmac-secret");
	refuses(V21 "hmac-secret = on\npinUvAuthProtocols = 1\n",
	    "it.ini:6: versions: FIDO_2_1 and later need pinUvAuthProtocols");
	refuses(V21 "hmac-secret = on\npinUvAuthProtocols = 2\nrk = on\n",
	    "it.ini:6: versions: FIDO_2_1 and later need clientPin or uv");
	refuses(V21 "hmac-secret = on\npinUvAuthProtocols = 2\nrk = on\n"
	    "clientPin = on\n", "need credMgmt, as there is rk");
	refuses(V21 "hmac-secret = on\npinUvAuthProtocols = 2\n"
	    "clientPin = on\n", "need credProtect, as there is");
	refuses(V21 "hmac-secret = on\npinUvAuthProtocols = 2\n"
	    "clientPin = on\ncredProtect = on\n", "need pinUvAuthToken, as");
	profile_free(parse(V21 "hmac-secret = on\npinUvAuthProtocols = 2\n"
	    "clientPin = on\ncredProtect = on\npinUvAuthToken = on\n"));
	refuses(HEAD "[settings]\nversions = FIDO_2_1,FIDO_2_3\n"
	    "algorithms = ES256\nhmac-secret = on\npinUvAuthProtocols = 2\n",
	    "it.ini:6: versions: FIDO_2_3 needs clientPin");
	refuses(HEAD "[settings]\nversions = U2F_V2\nalgorithms = ES256\n"
	    "rk = on\n", "it.ini:6: versions: a key that has U2F_V2 only");
	refuses(HEAD "[settings]\nversions = U2F_V2\nalgorithms = EdDSA\n",
	    "it.ini:7: algorithms: U2F_V2 needs ES256");
	profile_free(parse(HEAD "[settings]\nversions = U2F_V2\n"
	    "algorithms = ES256\n"));
}

static void
says_metadata_of_the_registry(void **state)
{
	static const struct {
		const char *more;
		const char *why;
	} cases[] = {
		{ "status = CERTIFIED", "status: \"CERTIFIED\" is none of" },
		{ "status = REVOKED@2023-02-29", "status: behind an @" },
		{ "status = REVOKED@", "status: behind an @" },
		{ "status = REVOKED,", "status: \"\" is none of" },
		{ "keyProtection = hardware,hardware", "has one of them "
		    "twice" },
		{ "keyProtection = tpm", "keyProtection: \"tpm\" is none of "
		    "software, hardware" },
		{ "userVerification = none+", "userVerification: \"\" is" },
		{ "cryptoStrength = 65536", "it takes a number from 0 to "
		    "65535" },
		{ "cryptoStrength = -1", "it takes a number from 0 to" },
		{ "cryptoStrength = 0x80", "it takes a number from 0 to" },
		{ "authenticatorVersion = 4294967296", "it takes a number" },
		{ "isKeyRestricted = yes", "it takes on or off" },
		{ "biometricFAR = 1.0", "it takes a number below 1" },
		{ "biometricFAR = .1", "it takes a number below 1" },
		{ "biometricFRR = 0.000", "it takes a number below 1" },
		{ "fipsRevision = 4", "it takes a number from 0 to 3" },
		{ "userVerification = all", "\"all\" is none of" },
		{ "biometricFAR = 0.1e1", "it takes a number below 1" },
		{ "icon = http://example.com/", "icon: it takes a data: URL" },
		{ "icon = data:image/png,AAAA", "icon: it takes a data: URL" },
		{ "icon = data:image/gif;base64,AAAA", "icon: it takes a" },
		{ "icon = data:image/png;base64,", "icon: it takes a data:" },
		{ "icon = data:image/png;base64,AAA", "icon: it takes a" },
		{ "icon = data:image/png;base64,A===", "icon: it takes a" },
		{ "icon = data:image/png;base64,AA=A", "icon: it takes a" },
		{ "multiDeviceCredentialSupport = yes", "is none of "
		    "unsupported" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "[metadata]\n%s",
		    cases[i].more);
		refuses_more(text, cases[i].why);
	}
}

/* --- those that the program brings along ------------------------------ */

static void
each_that_is_shipped_is_good(void **state)
{
	char name[PROFILE_NAME_MAX + 1], before[sizeof(name)] = "";
	struct profile *p;
	size_t i;

	(void)state;
	for (i = 0; profile_builtin_name(i, name); i++) {
		if (profile_load(name, &p, msg, sizeof(msg)) != 0)
			fail_msg("%s", msg);
		assert_string_equal(p->name, name);
		assert_true(strcmp(before, name) < 0);
		if (strcmp(name, "sealkey") != 0)
			assert_non_null(strstr(p->device.product,
			    "(test profile)"));
		assert_true(p->metadata.status_count > 0);
		/* whoever finds it somewhere sees what it is */
		if (p->metadata.certificate_number != NULL)
			assert_non_null(strstr(
			    p->metadata.certificate_number, "TEST"));
		if (p->metadata.certification_descriptor != NULL)
			assert_non_null(strstr(
			    p->metadata.certification_descriptor, "TEST"));
		assert_true(p->metadata.key_protection.count > 0);
		assert_true(p->metadata.matcher_protection.count > 0);
		assert_true(p->metadata.attachment_hint.count > 0);
		assert_true(p->metadata.user_verification.count > 0);
		profile_free(p);
		strcpy(before, name);
	}
	assert_true(i >= 20);
}

/* --set and profiles agree on what sealkey is. */
static void
sealkey_is_what_it_is_without(void **state)
{
	struct device_config defaults;
	struct auth_config cfg;
	struct profile *p;

	(void)state;
	device_config_default(&defaults);
	memset(defaults.auth.ep_rp, 0, sizeof(defaults.auth.ep_rp));
	assert_int_equal(profile_load("sealkey", &p, msg, sizeof(msg)), 0);
	cfg = defaults.auth;
	profile_apply(p, &cfg);
	assert_int_equal(cfg.features, defaults.auth.features);
	assert_memory_equal(&cfg, &defaults.auth, sizeof(cfg));
	profile_free(p);
}

static void
files_are_found_by_their_names(void **state)
{
	struct profile *p;
	char path[] = "/tmp/test_profile.XXXXXX";
	char file[64];
	int fd, dirfd;

	(void)state;
	assert_non_null(mkdtemp(path));
	dirfd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(dirfd >= 0);
	assert_int_equal(profile_read_at(dirfd, "k.ini", "k", &p, msg,
	    sizeof(msg)), -ENOENT);
	snprintf(file, sizeof(file), "%s/k.ini", path);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, BARE, strlen(BARE)), strlen(BARE));
	close(fd);
	assert_int_equal(profile_load(file, &p, msg, sizeof(msg)), 0);
	assert_string_equal(p->name, "it");
	profile_free(p);
	assert_int_equal(profile_read_at(dirfd, "k.ini", "k", &p, msg,
	    sizeof(msg)), 0);
	profile_free(p);
	unlink(file);
	/* nobody is there to write, and nothing waits for them */
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(profile_load(file, &p, msg, sizeof(msg)), -EINVAL);
	assert_non_null(strstr(msg, "[profile] has to say it"));
	assert_int_equal(profile_load(path, &p, msg, sizeof(msg)), -EISDIR);
	assert_non_null(strstr(msg, "Is a directory"));
	unlink(file);
	close(dirfd);
	rmdir(path);
	assert_int_equal(profile_load(file, &p, msg, sizeof(msg)), -ENOENT);
	assert_non_null(strstr(msg, "No such file"));
	assert_int_equal(profile_load("nonesuch", &p, msg, sizeof(msg)),
	    -ENOENT);
	assert_non_null(strstr(msg, "there is no profile \"nonesuch\""));
	assert_int_equal(profile_load("", &p, msg, sizeof(msg)), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_a_key_is),
		cmocka_unit_test(keeps_the_text),
		cmocka_unit_test(is_made_of_lines),
		cmocka_unit_test(has_each_thing_once),
		cmocka_unit_test(has_what_every_key_has),
		cmocka_unit_test(uses_no_vendors_number),
		cmocka_unit_test(takes_no_setting_that_is_none),
		cmocka_unit_test(does_not_contradict_itself),
		cmocka_unit_test(keeps_what_its_versions_promise),
		cmocka_unit_test(says_metadata_of_the_registry),
		cmocka_unit_test(each_that_is_shipped_is_good),
		cmocka_unit_test(sealkey_is_what_it_is_without),
		cmocka_unit_test(files_are_found_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
