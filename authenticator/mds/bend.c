/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/bend.h"

#include <string.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/mds/text.h"

#define DAY_S		86400LL
#define YEAR_S		(365 * DAY_S)
#define OTHER_NAME	"sealkey TEST other root"

/* What one hook needs to know. */
struct bending {
	json_t		*payload;
	const char	*today, *next_year, *last_year;
	int64_t		 now_s;
};

static json_t *
statement_of(json_t *entry)
{
	return json_object_get(entry, "metadataStatement");
}

/* What is not there cannot be another. */
static bool
set(json_t *object, const char *name, json_t *value)
{
	if (json_object_get(object, name) == NULL) {
		json_decref(value);
		return false;
	}
	return json_object_set_new(object, name, value) == 0;
}

static bool
drop(json_t *object, const char *name)
{
	return json_object_del(object, name) == 0;
}

/* Status reports. */

static bool
report(json_t *entry, const char *status, const char *since,
    const char *until, const char *changed)
{
	json_t *r = json_pack("{s:s, s:s}", "status", status, "effectiveDate",
	    since);

	if (until != NULL)
		(void)json_object_set_new(r, "sunsetDate", json_string(until));
	return json_array_append_new(json_object_get(entry, "statusReports"),
	    r) == 0 && set(entry, "timeOfLastStatusChange",
	    json_string(changed));
}

static bool
bend_status(enum mds_bend bend, json_t *entry, const struct bending *b)
{
	static const char *const names[] = {
		[MDS_STATUS_REVOKED] = "REVOKED",
		[MDS_STATUS_RETIRED] = "RETIRED",
		[MDS_STATUS_USER_VERIFICATION_BYPASS] =
		    "USER_VERIFICATION_BYPASS",
		[MDS_STATUS_ATTESTATION_KEY_COMPROMISE] =
		    "ATTESTATION_KEY_COMPROMISE",
		[MDS_STATUS_USER_KEY_REMOTE_COMPROMISE] =
		    "USER_KEY_REMOTE_COMPROMISE",
		[MDS_STATUS_USER_KEY_PHYSICAL_COMPROMISE] =
		    "USER_KEY_PHYSICAL_COMPROMISE",
		[MDS_STATUS_UPDATE_AVAILABLE] = "UPDATE_AVAILABLE",
		[MDS_STATUS_NOT_FIDO_CERTIFIED] = "NOT_FIDO_CERTIFIED",
	};
	json_t *reports = json_object_get(entry, "statusReports");

	switch (bend) {
	case MDS_STATUS_FUTURE:
		return report(entry, "FIDO_CERTIFIED_L3", b->next_year, NULL,
		    b->today);
	case MDS_STATUS_SUNSET:
		return report(entry, "FIDO_CERTIFIED_L3", b->last_year,
		    b->last_year, b->last_year);
	case MDS_STATUS_NONE:
		return json_array_clear(reports) == 0;
	default:
		return report(entry, names[bend], b->today, NULL, b->today);
	}
}

/* Entries. */

/* The same with its last digit changed, wherever it is written. */
static bool
other_aaguid(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	char other[64];
	size_t len;

	if (text == NULL || (len = strlen(text)) == 0 || len >= sizeof(other))
		return false;
	memcpy(other, text, len + 1);
	other[len - 1] = other[len - 1] == '0' ? '1' : '0';
	return set(object, name, json_string(other));
}

static json_t *
another_root(int64_t now_s)
{
	struct certificate_plan plan = {
		.kind = CERTIFICATE_ROOT,
		.now_s = now_s,
		.name = OTHER_NAME,
	};
	json_t *json = NULL;
	X509 *root;

	plan.key = plan.issuer_key = EVP_EC_gen("P-256");
	if (plan.key != NULL && certificate_make(&plan, &root) == 0) {
		json = json_pack("[o]", mds_base64_cert(root));
		X509_free(root);
	}
	EVP_PKEY_free(plan.key);
	return json;
}

static bool
has_roots(const json_t *statement)
{
	return json_array_size(json_object_get(statement,
	    "attestationRootCertificates")) > 0;
}

/* What a key that attests as it says does not do. */
static bool
other_type(json_t *statement)
{
	json_t *types = json_object_get(statement, "attestationTypes");
	const char *first = json_string_value(json_array_get(types, 0));

	if (first == NULL)
		return false;
	return set(statement, "attestationTypes", json_pack("[s]",
	    strcmp(first, "ecdaa") == 0 ? "basic_full" : "ecdaa"));
}

/* An algorithm that no key of ours has. */
static bool
other_algs(json_t *statement, bool in_info)
{
	if (in_info)
		return set(json_object_get(statement, "authenticatorGetInfo"),
		    "algorithms", json_pack("[{s:s, s:i}]", "type",
		    "public-key", "alg", -258));
	return set(statement, "authenticationAlgorithms", json_pack("[s]",
	    "rsassa_pkcsv15_sha384_raw"));
}

/* The honest one first: who stops there has not seen the other. */
static bool
duplicate(json_t *entry, const struct bending *b)
{
	json_t *again = json_deep_copy(entry);

	if (again == NULL || !report(again, "REVOKED", b->today, NULL,
	    b->today)) {
		json_decref(again);
		return false;
	}
	return json_array_append_new(json_object_get(b->payload, "entries"),
	    again) == 0;
}

static bool
bend_entry(enum mds_bend bend, json_t *entry, const struct bending *b)
{
	json_t *statement = statement_of(entry);

	switch (bend) {
	case MDS_AAGUID_MISSING:
		return drop(entry, "aaguid") && drop(statement, "aaguid");
	case MDS_AAGUID_OTHER:
		return other_aaguid(statement, "aaguid");
	case MDS_GETINFO_AAGUID:
		return other_aaguid(json_object_get(statement,
		    "authenticatorGetInfo"), "aaguid");
	case MDS_DUPLICATE_ENTRY:
		return duplicate(entry, b);
	case MDS_STATEMENT_MISSING:
		return drop(entry, "metadataStatement");
	case MDS_SCHEMA:
		return set(statement, "schema", json_integer(2));
	case MDS_WRONG_ROOT:
		return has_roots(statement) && set(statement,
		    "attestationRootCertificates", another_root(b->now_s));
	case MDS_NO_ROOT:
		return has_roots(statement) && set(statement,
		    "attestationRootCertificates", json_array());
	case MDS_ALG_LIST:
		return other_algs(statement, false);
	case MDS_GETINFO_ALGS:
		return other_algs(statement, true);
	case MDS_ATTESTATION_TYPE:
		return other_type(statement);
	case MDS_PROTOCOL_FAMILY:
		return set(statement, "protocolFamily", json_string("uaf"));
	default:
		return bend_status(bend, entry, b);
	}
}

static bool
is_of(const json_t *entry, const char *id)
{
	const char *aaguid = json_string_value(json_object_get(entry,
	    "aaguid"));
	const char *key = json_string_value(json_array_get(json_object_get(
	    entry, "attestationCertificateKeyIdentifiers"), 0));

	return id == NULL || (aaguid != NULL && strcmp(aaguid, id) == 0) ||
	    (key != NULL && strcmp(key, id) == 0);
}

static bool
bend_entries(enum mds_bend bend, const char *id, const struct bending *b)
{
	json_t *entries = json_object_get(b->payload, "entries");
	size_t count = json_array_size(entries);	/* may grow */
	bool bent = false;

	for (size_t i = 0; i < count; i++) {
		json_t *entry = json_array_get(entries, i);

		if (is_of(entry, id) && bend_entry(bend, entry, b))
			bent = true;
	}
	return bent;
}

bool
mds_bend_payload(enum mds_bend bend, json_t *payload, const char *id,
    int64_t now_s)
{
	char today[MDS_DATE_LEN], next[MDS_DATE_LEN], last[MDS_DATE_LEN];
	struct bending b = { .payload = payload, .today = today,
		.next_year = next, .last_year = last, .now_s = now_s };
	json_int_t no = json_integer_value(json_object_get(payload, "no"));

	mds_date(now_s, today);
	mds_date(now_s + YEAR_S, next);
	mds_date(now_s - YEAR_S, last);
	if (bend == MDS_HONEST || bend >= MDS_BAD_SIGNATURE)
		return true;
	switch (bend) {
	case MDS_STALE:
		return set(payload, "nextUpdate", json_string(last));
	case MDS_NEXT_UPDATE_MISSING:
		return drop(payload, "nextUpdate");
	case MDS_ROLLBACK:
		return set(payload, "no", json_integer(no > 0 ? no - 1 : 0));
	case MDS_NUMBER_MISSING:
		return drop(payload, "no");
	default:
		return bend_entries(bend, id, &b);
	}
}

enum jws_flaw
mds_bend_jws(enum mds_bend bend)
{
	switch (bend) {
	case MDS_BAD_SIGNATURE:
		return JWS_BAD_SIGNATURE;
	case MDS_DER_SIGNATURE:
		return JWS_DER_SIGNATURE;
	case MDS_ALG_NONE:
		return JWS_ALG_NONE;
	case MDS_ALG_HS256:
		return JWS_ALG_HS256;
	case MDS_NO_X5C:
		return JWS_NO_X5C;
	default:
		return JWS_HONEST;
	}
}

unsigned
mds_bend_signer(enum mds_bend bend)
{
	switch (bend) {
	case MDS_BAD_CHAIN:
		return SIGNER_FORGED;
	case MDS_UNKNOWN_ROOT:
		return SIGNER_ANOTHER_ROOT;
	case MDS_SELF_SIGNED:
		return SIGNER_SELF_SIGNED;
	case MDS_SIGNER_EXPIRED:
		return SIGNER_EXPIRED;
	case MDS_SIGNER_NOT_YET:
		return SIGNER_NOT_YET;
	case MDS_SIGNER_REVOKED:
		return SIGNER_REVOKED;
	default:
		return 0;
	}
}
