/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as text, and which features a key has in fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/settings.h"

static char msg[SETTINGS_MESSAGE_LEN];

static struct auth_config
config(void)
{
	struct auth_config cfg;

	auth_config_default(&cfg);
	return cfg;
}

static void
takes(struct auth_config *cfg, const char *assignment)
{
	msg[0] = '\0';
	if (settings_assign(cfg, assignment, msg, sizeof(msg)) != 0)
		fail_msg("%s: %s", assignment, msg);
}

/* ... with one line that contains why, and cfg as it was. */
static void
refuses(const char *assignment, const char *why)
{
	struct auth_config cfg = config(), before = cfg;

	msg[0] = '\0';
	if (settings_assign(&cfg, assignment, msg, sizeof(msg)) != -EINVAL)
		fail_msg("%s is taken", assignment);
	assert_memory_equal(&cfg, &before, sizeof(cfg));
	if (strstr(msg, why) == NULL || strchr(msg, '\n') != NULL)
		fail_msg("%s: %s", assignment, msg);
}

static bool
has(const struct auth_config *cfg, uint64_t features)
{
	return (auth_config_features(cfg) & features) == features;
}

static void
a_name_and_a_value(void **state)
{
	(void)state;
	refuses("rk", "not NAME=VALUE");
	refuses("=on", "not NAME=VALUE");
	refuses("", "not NAME=VALUE");
	refuses("RK=on", "no setting \"RK\"");
	refuses("rk=yes", "it takes on|off");
	refuses("rk=", "it takes on|off");
	refuses("rk=on ", "it takes on|off");
}

static void
long_ones_are_refused_whole(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuses(text, "not NAME=VALUE");
	memcpy(text, "algorithms=", 11);
	refuses(text, "algorithms cannot be");
	memcpy(text, "transports=", 11);
	refuses(text, "transports cannot be");
	memcpy(text, "pinComplexityPolicyURL=", 23);
	refuses(text, "pinComplexityPolicyURL cannot be");
}

static void
numbers_have_limits(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	refuses("maxMsgSize=1023", "it takes 1024..7609");
	refuses("maxMsgSize=7610", "it takes 1024..7609");
	refuses("maxMsgSize=-1", "it takes");
	refuses("maxMsgSize=0x500", "it takes");
	refuses("maxMsgSize=99999999999999999999", "it takes");
	refuses("minPINLength=3", "it takes 4..63");
	refuses("maxCredentialCountInList=0", "it takes 1..64");
	takes(&cfg, "maxMsgSize=1024");
	takes(&cfg, "maxSerializedLargeBlobArray=2048");
	takes(&cfg, "minPINLength=63");
	takes(&cfg, "uvModality=4294967295");
	takes(&cfg, "firmwareVersion=18446744073709551615");
	assert_true(cfg.firmware_version == UINT64_MAX);
	takes(&cfg, "firmwareVersion=5.4.3");
	assert_int_equal(cfg.firmware_version, 328707);
	refuses("firmwareVersion=5.4", "it takes a number, or A.B.C of 0 to "
	    "255 each");
	refuses("firmwareVersion=5.4.256", "it takes");
	refuses("firmwareVersion=5.4.3.", "it takes");
	refuses("firmwareVersion=5..3", "it takes");
	refuses("firmwareVersion=.4.3", "it takes");
	refuses("firmwareVersion=5.4.00003", "it takes");
	refuses("versions=FIDO_2_2", "it takes some of U2F_V2,FIDO_2_0");
	refuses("algorithms=ES256,ES256", "with commas, each once");
	refuses("transports=usb,wifi", "it takes some of usb,nfc");
	refuses("attestationSubject=CN=Foo", "TEST in one of the values");
	assert_int_equal(cfg.message_max, 1024);
	assert_int_equal(cfg.large_blobs_max, 2048);
	assert_int_equal(cfg.min_pin_length, 63);
	assert_int_equal(cfg.uv_modality, UINT32_MAX);
	/* the neighbours are as they were */
	assert_int_equal(cfg.max_pin_length, 63);
	assert_int_equal(cfg.list_max, AUTH_LIST_MAX);
}

static void
ranges_are_listed_as_they_are_typed(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	settings_print(f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "\nmaxPINLength=8..63\n"));
	assert_non_null(strstr(text,
	    "\nfirmwareVersion=0..18446744073709551615|A.B.C\n"));
	free(text);
}

static void
algorithms_by_name_and_number(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "algorithms=RS256,-7");
	assert_int_equal(cfg.alg_count, 2);
	assert_int_equal(cfg.algs[0], COSE_RS256);
	assert_int_equal(cfg.algs[1], COSE_ES256);
	refuses("algorithms=", "algorithms cannot be");
	refuses("algorithms=ES256,", "");
	refuses("algorithms=ES256,ES256", "algorithms cannot be");
	refuses("algorithms=ES256,-7", "algorithms cannot be");
	refuses("algorithms=-1", "algorithms cannot be");
	refuses("algorithms=-7x", "algorithms cannot be");
	refuses("algorithms=4294967289", "algorithms cannot be");
}

static void
certifications_have_levels(void **state)
{
	struct auth_config cfg = config();
	uint8_t max;

	(void)state;
	takes(&cfg, "certifications=CC-EAL:4,FIDO:1");
	for (size_t i = 0; auth_certification(i, &max) != NULL; i++)
		assert_int_equal(cfg.certifications[i],
		    strcmp(auth_certification(i, &max), "FIDO") == 0 ? 1 :
		    strcmp(auth_certification(i, &max), "CC-EAL") == 0 ? 4 :
		    0);
	takes(&cfg, "certifications=none");
	assert_int_equal(cfg.certifications[0], 0);
	refuses("certifications=FIDO:0", "cannot be");
	refuses("certifications=FIDO:7", "cannot be");
	refuses("certifications=FIDO", "cannot be");
	refuses("certifications=FIDO:", "cannot be");
	refuses("certifications=FIDO:1x", "cannot be");
	refuses("certifications=FID:1", "cannot be");
	refuses("certifications=FIDO:1,X:1", "cannot be");
}

static void
transports_are_a_set(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "transports=nfc,usb,usb");
	assert_int_equal(cfg.transports, TRANSPORT_USB | TRANSPORT_NFC);
	takes(&cfg, "transports=none");
	assert_int_equal(cfg.transports, 0);
	takes(&cfg, "transportsForReset=internal");
	assert_int_equal(cfg.transports_for_reset, TRANSPORT_INTERNAL);
	refuses("transports=usb,serial", "cannot be");
	refuses("transports=usb,,nfc", "cannot be");
}

static void
enterprise_attestation_may_come_enabled(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "ep=on");
	assert_true(has(&cfg, FEATURE_EP) && !cfg.ep_enabled);
	takes(&cfg, "ep=enabled");
	assert_true(has(&cfg, FEATURE_EP) && cfg.ep_enabled);
	takes(&cfg, "ep=off");
	assert_false(has(&cfg, FEATURE_EP) || cfg.ep_enabled);
	refuses("ep=yes", "it takes on|off|enabled");
	assert_true(settings_feature("ep") == FEATURE_EP);
}

static void
rp_ids_are_a_list(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "epRpIds=example.com,a.example");
	assert_int_equal(cfg.ep_rp[0].len, 11);
	assert_int_equal(cfg.ep_rp[1].len, 9);
	assert_int_equal(cfg.ep_rp[2].len, 0);
	takes(&cfg, "epRpIds=none");
	assert_int_equal(cfg.ep_rp[0].len, 0);
	refuses("epRpIds=", "");
	refuses("epRpIds=,a.example", "");
	refuses("epRpIds=a.example,", "");
	refuses("epRpIds=a,,b", "");
	refuses("epRpIds=1,2,3,4,5,6,7,8,9", "");
}

static bool
is_listed(const struct auth_config *cfg, size_t i, const char *rp_id,
    enum attestation_kind kind)
{
	const struct auth_format_rp *rp = &cfg->format_rp[i];

	return rp->rp.len == strlen(rp_id) &&
	    memcmp(rp->rp.s, rp_id, rp->rp.len) == 0 && rp->kind == kind;
}

static void
attestation_for_single_rps(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "attestation=tpm");
	assert_int_equal(cfg.attestation.kind, ATTESTATION_TPM);
	takes(&cfg, "attestation=none");
	assert_int_equal(cfg.attestation.kind, ATTESTATION_NONE);
	takes(&cfg, "attestationFor=example.com:tpm,https://a.b:8080:none");
	takes(&cfg, "attestationFor=example.org:self");
	assert_true(is_listed(&cfg, 0, "example.com", ATTESTATION_TPM));
	assert_true(is_listed(&cfg, 1, "https://a.b:8080", ATTESTATION_NONE));
	assert_true(is_listed(&cfg, 2, "example.org", ATTESTATION_SELF));
	assert_int_equal(cfg.format_rp[3].rp.len, 0);
	/* what is set behind it counts, for that RP */
	takes(&cfg, "attestationFor=example.com:packed");
	assert_true(is_listed(&cfg, 0, "example.com", ATTESTATION_PACKED));
	assert_int_equal(cfg.format_rp[3].rp.len, 0);
	takes(&cfg, "attestationFor=4:tpm,5:tpm,6:tpm,7:tpm,8:tpm");
	assert_true(is_listed(&cfg, 7, "8", ATTESTATION_TPM));
	takes(&cfg, "attestationFor=none");
	assert_int_equal(cfg.format_rp[0].rp.len, 0);
	takes(&cfg, "attestationFor=example.com:android-safetynet");
	assert_true(is_listed(&cfg, 0, "example.com", ATTESTATION_SAFETYNET));
	refuses("attestationFor=", "attestationFor cannot be");
	refuses("attestationFor=example.com", "it takes RP_ID:KIND");
	refuses("attestationFor=:tpm", "it takes");
	refuses("attestationFor=example.com:", "it takes");
	refuses("attestationFor=example.com:tpm,", "it takes");
	refuses("attestationFor=example.com:tpm,x", "it takes");
	refuses("attestationFor=example.com:TPM", "it takes");
	refuses("attestationFor=1:tpm,2:tpm,3:tpm,4:tpm,5:tpm,6:tpm,7:tpm,"
	    "8:tpm,9:tpm", "it takes");
}

static void
every_kind_of_attestation_has_a_name(void **state)
{
	struct auth_config cfg = config();
	enum attestation_kind kind;
	char text[64];

	(void)state;
	for (int i = 0; i < ATTESTATION_KINDS; i++) {
		assert_true(settings_attestation_named(
		    settings_attestation_name(i), &kind));
		assert_int_equal(kind, i);
		snprintf(text, sizeof(text), "attestation=%s",
		    settings_attestation_name(i));
		takes(&cfg, text);
		assert_int_equal(cfg.attestation.kind, i);
	}
	assert_false(settings_attestation_named("", &kind));
	assert_false(settings_attestation_named("Packed", &kind));
}

static void
what_is_kept_with_credentials(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	assert_false(cfg.backup_eligible || cfg.backup_state || cfg.keep_all);
	assert_int_equal(cfg.counter, COUNTER_SHARED);
	takes(&cfg, "backupEligible=on");
	takes(&cfg, "backupState=on");
	takes(&cfg, "keepAll=on");
	assert_true(cfg.backup_eligible && cfg.backup_state && cfg.keep_all);
	takes(&cfg, "keepAll=off");
	assert_false(cfg.keep_all);
	takes(&cfg, "signatureCounter=zero");
	assert_int_equal(cfg.counter, COUNTER_ZERO);
	takes(&cfg, "signatureCounter=credential");
	assert_int_equal(cfg.counter, COUNTER_CREDENTIAL);
	refuses("signatureCounter=", "it takes shared|credential|zero");
	refuses("signatureCounter=Shared", "it takes");
	refuses("backupEligible=true", "it takes on|off");
	refuses("keepAll=", "it takes on|off");
}

static void
certificates(void **state)
{
	struct auth_config cfg;

	(void)state;
	auth_config_default(&cfg);
	assert_int_equal(cfg.leaf.chain, 0);
	takes(&cfg, "attestationChain=3");
	assert_int_equal(cfg.leaf.chain, 3);
	refuses("attestationChain=0", "it takes 1..3");
	refuses("attestationChain=4", "it takes 1..3");
	takes(&cfg, "attestationNotBefore=2024-02-29");
	assert_int_equal(cfg.leaf.not_before_s, 1709164800);
	takes(&cfg, "attestationNotAfter=2038-01-19T03:14:08Z");
	assert_int_equal(cfg.leaf.not_after_s, INT64_C(2147483648));
	takes(&cfg, "attestationNotAfter=none");
	assert_int_equal(cfg.leaf.not_after_s, 0);
	refuses("attestationNotAfter=", "it takes DATE|none");
	refuses("attestationNotAfter=2023-02-29", "it takes");
	refuses("attestationNotAfter=2023-13-01", "it takes");
	refuses("attestationNotAfter=2023-1-01", "it takes");
	refuses("attestationNotAfter=2023-01-01T", "it takes");
	refuses("attestationNotAfter=2023-01-01T24:00:00Z", "it takes");
	refuses("attestationNotAfter=2023-01-01T00:00:00", "it takes");
	refuses("attestationNotAfter=2023-01-01 ", "it takes");
	refuses("attestationNotAfter=-023-01-01", "it takes");
	refuses("attestationNotAfter=1970-01-01", "it takes");
	takes(&cfg, "attestationCrl=http://127.0.0.1/ca.crl");
	assert_string_equal(cfg.leaf.crl_url, "http://127.0.0.1/ca.crl");
	refuses("attestationCrl=ftp://127.0.0.1/ca.crl", "it takes URL");
	refuses("attestationCrl=http://a b/", "it takes URL");
	refuses("attestationCrl=", "it takes URL");
	takes(&cfg, "attestationCrl=none");
	assert_string_equal(cfg.leaf.crl_url, "");
}

static void
subjects(void **state)
{
	struct auth_config cfg;

	(void)state;
	auth_config_default(&cfg);
	takes(&cfg, "attestationSubject=C=DE,O=TEST-Works,CN=Key");
	assert_string_equal(cfg.leaf.subject, "C=DE,O=TEST-Works,CN=Key");
	refuses("attestationSubject=O=Yubico AB", "it takes NAME=VALUE");
	refuses("attestationSubject=C=TEST", "it takes");
	refuses("attestationSubject=C=de,O=TEST", "it takes");
	refuses("attestationSubject=X=TEST", "it takes");
	refuses("attestationSubject=O=,CN=TEST", "it takes");
	refuses("attestationSubject=O=TEST,", "it takes");
	refuses("attestationSubject=OU=TEST one,CN=Key,OU=TEST two",
	    "once each");
	refuses("attestationSubject=C=SE,C=DE,O=TEST", "once each");
	refuses("attestationSubject=CN=TEST,CN=TEST", "once each");
	refuses("attestationSubject=,O=TEST", "it takes");
	refuses("attestationSubject=O=TEST\xff", "it takes");
	refuses("attestationSubject=TEST", "it takes");
	refuses("attestationSubject=", "it takes");
	refuses("attestationSubject=O=TEST567890123456789012345678901234567890"
	    "123456789012345678901234567890", "it takes");
	takes(&cfg, "attestationSubject=none");
	assert_string_equal(cfg.leaf.subject, "");
}

static void
aaguids(void **state)
{
	static const uint8_t want[16] = { 0x2f, 0xc0, 0x57, 0x9f, 0x81, 0x13,
		0x47, 0xea, 0xb1, 0x16, 0xbb, 0x5a, 0x8d, 0xb9, 0x20, 0x2a };
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "aaguid=2fc0579f-8113-47ea-b116-bb5a8db9202a");
	assert_memory_equal(cfg.aaguid, want, sizeof(want));
	memset(cfg.aaguid, 0, sizeof(cfg.aaguid));
	takes(&cfg, "aaguid=2FC0579F-8113-47EA-B116-BB5A8DB9202A");
	assert_memory_equal(cfg.aaguid, want, sizeof(want));
	refuses("aaguid=", "aaguid cannot be \"\"; it takes UUID");
	refuses("aaguid=2fc0579f-8113-47ea-b116-bb5a8db9202", "it takes UUID");
	refuses("aaguid=2fc0579f-8113-47ea-b116-bb5a8db9202aa", "it takes");
	refuses("aaguid=2fc0579f811347eab116bb5a8db9202a", "it takes");
	refuses("aaguid=2fc0579g-8113-47ea-b116-bb5a8db9202a", "it takes");
	refuses("aaguid=2fc0579f-8113-47ea-b116_bb5a8db9202a", "it takes");
	refuses("aaguid=2fc0579f-8113-47ea-b116-bb5a8db9202\x11", "it takes");
	refuses("aaguid=-", "it takes UUID");
}

static void
rp_ids_as_long_as_they_are_kept(void **state)
{
	struct auth_config cfg = config();
	char text[400];

	(void)state;
	snprintf(text, sizeof(text), "attestationFor=%0*d:tpm", 255, 1);
	takes(&cfg, text);
	assert_int_equal(cfg.format_rp[0].rp.len, 255);
	snprintf(text, sizeof(text), "attestationFor=%0*d:tpm", 256, 1);
	refuses(text, "attestationFor cannot be");
	snprintf(text, sizeof(text), "attestationFor=1:%0*d", 300, 1);
	refuses(text, "attestationFor cannot be");
}

static void
faults_can_be_forbidden(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	assert_false(cfg.no_faults);
	takes(&cfg, "faults=off");
	assert_true(cfg.no_faults);
	takes(&cfg, "faults=on");
	assert_false(cfg.no_faults);
	refuses("faults=reg.up-clear", "faults cannot be \"reg.up-clear\"; "
	    "it takes on|off");
}

static void
what_tpm_attestation_looks_like(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	assert_int_equal(cfg.ak_alg, COSE_ES256);
	takes(&cfg, "tpmSignature=tpmt");
	assert_true(cfg.tpm_strict);
	takes(&cfg, "tpmSignature=bare");
	assert_false(cfg.tpm_strict);
	refuses("tpmSignature=strict", "it takes bare|tpmt");
	takes(&cfg, "tpmKeyAlgorithm=RS256");
	assert_int_equal(cfg.ak_alg, COSE_RS256);
	refuses("tpmKeyAlgorithm=EdDSA", "it takes ES256|RS256|RS1");
	/* one that is not Windows Hello's leaves the algorithm alone */
	takes(&cfg, "tpmShape=webauthn");
	assert_int_equal(cfg.ak_alg, COSE_RS256);
	takes(&cfg, "tpmShape=windows-hello");
	assert_int_equal(cfg.ak_alg, COSE_RS1);
	assert_int_equal(cfg.key_shape, KEY_WITH_POLICY);
	takes(&cfg, "tpmShape=webauthn");
	assert_int_equal(cfg.ak_alg, COSE_ES256);
	assert_int_equal(cfg.key_shape, 0);
	refuses("tpmShape=", "it takes webauthn|windows-hello");
}

static void
manufacturers_are_four_bytes(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "tpmManufacturer=INTC");
	assert_int_equal(cfg.tpm_manufacturer, 0x494e5443);
	takes(&cfg, "tpmManufacturer=STM ");
	assert_int_equal(cfg.tpm_manufacturer, 0x53544d20);
	takes(&cfg, "tpmManufacturer=49424d00");
	assert_int_equal(cfg.tpm_manufacturer, 0x49424d00);
	takes(&cfg, "tpmManufacturer=FFFFF1D0");
	assert_int_equal(cfg.tpm_manufacturer, 0xfffff1d0);
	takes(&cfg, "tpmManufacturer=none");
	assert_int_equal(cfg.tpm_manufacturer, 0);
	refuses("tpmManufacturer=IBM", "it takes ID|none");
	refuses("tpmManufacturer=", "it takes");
	refuses("tpmManufacturer=00000000", "it takes");
	refuses("tpmManufacturer=4942 d00", "it takes");
	refuses("tpmManufacturer=0x494e54", "it takes");
	refuses("tpmManufacturer=49424d0", "it takes");
	refuses("tpmManufacturer=49424d000", "it takes");
	refuses("tpmManufacturer=I\tTC", "it takes");
}

static void
what_builds_on_a_feature_goes_with_it(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	assert_true(has(&cfg, FEATURE_SET_MIN_PIN_LENGTH |
	    FEATURE_MIN_PIN_LENGTH | FEATURE_PIN_COMPLEXITY));
	takes(&cfg, "authnrCfg=off");
	assert_false(has(&cfg, FEATURE_SET_MIN_PIN_LENGTH));
	assert_false(has(&cfg, FEATURE_MIN_PIN_LENGTH));
	assert_false(has(&cfg, FEATURE_UV_ACFG));
	/* asked for again, it still has nothing to stand on */
	takes(&cfg, "minPinLength=on");
	assert_false(has(&cfg, FEATURE_MIN_PIN_LENGTH));
	takes(&cfg, "authnrCfg=on");
	assert_true(has(&cfg, FEATURE_MIN_PIN_LENGTH));
}

static void
a_version_needs_what_it_demands(void **state)
{
	static const char *const without[] = {
		"hmac-secret=off", "credMgmt=off", "credProtect=off",
		"pinUvAuthToken=off", "pinUvAuthProtocols=1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		struct auth_config cfg = config();

		assert_true(has(&cfg, FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3));
		takes(&cfg, without[i]);
		assert_false(has(&cfg, FEATURE_FIDO_2_1));
		assert_false(has(&cfg, FEATURE_FIDO_2_3));
		assert_true(has(&cfg, FEATURE_FIDO_2_0));
	}
}

static void
versions_make_a_key_older(void **state)
{
	struct auth_config cfg = config();

	(void)state;
	takes(&cfg, "versions=FIDO_2_0");
	assert_false(has(&cfg, FEATURE_CRED_MGMT));
	assert_false(has(&cfg, FEATURE_U2F_V2));
	assert_int_equal(cfg.protocols[0], 1);
	/* what is set behind it counts */
	takes(&cfg, "credMgmt=on");
	takes(&cfg, "pinUvAuthToken=on");
	assert_true(has(&cfg, FEATURE_CRED_MGMT));
	refuses("versions=", "cannot be");
	refuses("versions=FIDO_2_2", "cannot be");
	refuses("versions=FIDO_2_0,", "");
}

/* Every line of the list names something that is taken. */
static void
the_list_is_true(void **state)
{
	char *text = NULL, *line, *rest, *equals;
	struct auth_config cfg = config();
	size_t size = 0, count = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	settings_print(f);
	fclose(f);
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest)) {
		if (*line == '\t')
			continue;
		equals = strchr(line, '=');
		assert_non_null(equals);
		*equals = '\0';
		assert_int_equal(settings_set(&cfg, line, "?!", msg,
		    sizeof(msg)) != 0 || strcmp(line,
		    "pinComplexityPolicyURL") == 0 ||
		    strcmp(line, "epRpIds") == 0, 1);
		assert_null(strstr(msg, "no setting"));
		count++;
	}
	assert_true(count > 40);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_and_a_value),
		cmocka_unit_test(long_ones_are_refused_whole),
		cmocka_unit_test(numbers_have_limits),
		cmocka_unit_test(ranges_are_listed_as_they_are_typed),
		cmocka_unit_test(algorithms_by_name_and_number),
		cmocka_unit_test(certifications_have_levels),
		cmocka_unit_test(transports_are_a_set),
		cmocka_unit_test(enterprise_attestation_may_come_enabled),
		cmocka_unit_test(rp_ids_are_a_list),
		cmocka_unit_test(attestation_for_single_rps),
		cmocka_unit_test(rp_ids_as_long_as_they_are_kept),
		cmocka_unit_test(every_kind_of_attestation_has_a_name),
		cmocka_unit_test(certificates),
		cmocka_unit_test(subjects),
		cmocka_unit_test(aaguids),
		cmocka_unit_test(what_is_kept_with_credentials),
		cmocka_unit_test(faults_can_be_forbidden),
		cmocka_unit_test(what_tpm_attestation_looks_like),
		cmocka_unit_test(manufacturers_are_four_bytes),
		cmocka_unit_test(what_builds_on_a_feature_goes_with_it),
		cmocka_unit_test(a_version_needs_what_it_demands),
		cmocka_unit_test(versions_make_a_key_older),
		cmocka_unit_test(the_list_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
