/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/blob.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/mds/text.h"

#define LEGAL	"TEST metadata, made by sealkey for tests. None of it is " \
	"metadata of the FIDO Alliance."
/* From when on sealkey says what it says, if nothing was told. */
#define FIRST_DATE	"2026-01-01"
#define FIPS_REVISION	3	/* of FIPS 140, if nothing was told */

/* 3.1.4, and whether 3.0 has it */
static const struct {
	const char	*name;
	bool		 old;
} statuses[] = {
	{ "NOT_FIDO_CERTIFIED", true },
	{ "FIDO_CERTIFIED", true },
	{ "USER_VERIFICATION_BYPASS", true },
	{ "ATTESTATION_KEY_COMPROMISE", true },
	{ "USER_KEY_REMOTE_COMPROMISE", true },
	{ "USER_KEY_PHYSICAL_COMPROMISE", true },
	{ "UPDATE_AVAILABLE", true },
	{ "RETIRED", false },
	{ "REVOKED", true },
	{ "SELF_ASSERTION_SUBMITTED", true },
	{ "FIDO_CERTIFIED_L1", true },
	{ "FIDO_CERTIFIED_L1plus", true },
	{ "FIDO_CERTIFIED_L2", true },
	{ "FIDO_CERTIFIED_L2plus", true },
	{ "FIDO_CERTIFIED_L3", true },
	{ "FIDO_CERTIFIED_L3plus", true },
	{ "FIPS140_CERTIFIED_L1", false },
	{ "FIPS140_CERTIFIED_L2", false },
	{ "FIPS140_CERTIFIED_L3", false },
	{ "FIPS140_CERTIFIED_L4", false },
};

static bool
is_status(const char *name, enum mds_shape shape)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(name, statuses[i].name) == 0)
			return statuses[i].old || shape == MDS_3_1_1;
	return false;
}

static bool
starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* Entries. */

static void
set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL)
		(void)json_object_set_new(object, name, json_string(text));
}

/* 3.1.3; what only certifications have goes into their reports. */
static json_t *
profile_report(const struct mds_model *m, const struct profile_status *status)
{
	const struct profile_metadata *t = &m->profile->metadata;
	json_t *r = json_pack("{s:s}", "status", status->status);
	const char *s = status->status;

	set_text(r, "effectiveDate", status->date);
	(void)json_object_set_new(r, "authenticatorVersion", json_integer(
	    (json_int_t)(t->authenticator_version != 0 ?
	    t->authenticator_version : m->auth->firmware_version)));
	if (starts_with(s, "FIDO_CERTIFIED")) {
		set_text(r, "certificationDescriptor",
		    t->certification_descriptor);
		set_text(r, "certificateNumber", t->certificate_number);
		set_text(r, "certificationPolicyVersion",
		    t->certification_policy);
		set_text(r, "certificationRequirementsVersion",
		    t->certification_requirements);
	}
	if (starts_with(s, "FIPS140_CERTIFIED_L")) {
		(void)json_object_set_new(r, "fipsRevision", json_integer(
		    t->fips_revision != 0 ? t->fips_revision : FIPS_REVISION));
		(void)json_object_set_new(r, "fipsPhysicalSecurityLevel",
		    json_integer(t->fips_physical_level != 0 ?
		    t->fips_physical_level : s[strlen(s) - 1] - '0'));
	}
	return r;
}

static json_t *
profile_reports(const struct mds_model *m, enum mds_shape shape)
{
	const struct profile_metadata *t;
	json_t *list = json_array();

	if (m->profile != NULL) {
		t = &m->profile->metadata;
		for (size_t i = 0; i < t->status_count; i++)
			if (is_status(t->status[i].status, shape))
				(void)json_array_append_new(list,
				    profile_report(m, &t->status[i]));
	}
	if (json_array_size(list) == 0)
		(void)json_array_append_new(list, json_pack("{s:s, s:s}",
		    "status", "NOT_FIDO_CERTIFIED", "effectiveDate",
		    FIRST_DATE));
	return list;
}

/* Dates sort like text. */
static const char *
last_change(const json_t *reports)
{
	const char *last = FIRST_DATE, *date;
	bool any = false;

	for (size_t i = 0; i < json_array_size(reports); i++) {
		date = json_string_value(json_object_get(json_array_get(
		    reports, i), "effectiveDate"));
		if (date == NULL || (any && strcmp(date, last) <= 0))
			continue;
		last = date;
		any = true;
	}
	return last;
}

json_t *
mds_entry(const struct mds_model *m, enum mds_shape shape, char *msg,
    size_t msglen)
{
	json_t *statement = mds_statement(m, shape, msg, msglen);
	json_t *reports, *entry;
	char id[MDS_ID_LEN + 1];

	if (statement == NULL)
		return NULL;
	mds_model_id(m, id);
	reports = profile_reports(m, shape);
	entry = mds_model_is_u2f(m) ?
	    json_pack("{s:[s]}", "attestationCertificateKeyIdentifiers", id) :
	    json_pack("{s:s}", "aaguid", id);
	(void)json_object_set_new(entry, "metadataStatement", statement);
	(void)json_object_set_new(entry, "timeOfLastStatusChange",
	    json_string(last_change(reports)));
	if (json_object_set_new(entry, "statusReports", reports) == 0)
		return entry;
	snprintf(msg, msglen, "out of memory");
	json_decref(entry);
	return NULL;
}

/* Reports that are added. */

enum member_kind { TEXT, DATE, NUMBER, WORDS };

/* StatusReport, 3.1.3, less its status; and whether 3.0 has it */
static const struct {
	const char	*name;
	enum member_kind kind;
	bool		 old;
} members[] = {
	{ "effectiveDate", DATE, true },
	{ "authenticatorVersion", NUMBER, true },
	{ "certificate", TEXT, true },
	{ "batchCertificate", TEXT, false },
	{ "url", TEXT, true },
	{ "certificationDescriptor", TEXT, true },
	{ "certificateNumber", TEXT, true },
	{ "certificationPolicyVersion", TEXT, true },
	{ "certificationProfiles", WORDS, false },
	{ "certificationRequirementsVersion", TEXT, true },
	{ "sunsetDate", DATE, false },
	{ "fipsRevision", NUMBER, false },
	{ "fipsPhysicalSecurityLevel", NUMBER, false },
};

#define MEMBERS	(sizeof(members) / sizeof(members[0]))

static bool
are_words(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return false;
	return json_array_size(list) > 0;
}

/* NULL, or what is to be said of a member. */
static const char *
judge_member(const char *name, const json_t *value, enum mds_shape shape)
{
	size_t i = 0;

	while (i < MEMBERS && strcmp(name, members[i].name) != 0)
		i++;
	if (i == MEMBERS || (shape == MDS_3_0 && !members[i].old))
		return shape == MDS_3_0 ? "is no member of a StatusReport of "
		    "MDS 3.0" : "is no member of a StatusReport";
	switch (members[i].kind) {
	case TEXT:
		return json_string_length(value) > 0 ? NULL :
		    "is text, and some";
	case DATE:
		return json_is_string(value) &&
		    mds_is_date(json_string_value(value)) ? NULL :
		    "is a date such as 2026-01-31";
	case NUMBER:
		return json_is_integer(value) &&
		    json_integer_value(value) >= 0 &&
		    json_integer_value(value) <= UINT32_MAX ? NULL :
		    "is a number from 0 to 4294967295";
	default:
		return are_words(value) ? NULL : "is a list of words";
	}
}

static const char *
judge_report(const char *id, json_t *report, enum mds_shape shape, char *msg,
    size_t msglen)
{
	const char *status = json_string_value(json_object_get(report,
	    "status"));
	const char *name, *wrong;
	json_t *value;

	if (status == NULL || !is_status(status, shape)) {
		snprintf(msg, msglen, "%s: a report has no status that MDS %s "
		    "knows", id, shape == MDS_3_0 ? "3.0" : "3.1.1");
		return msg;
	}
	json_object_foreach(report, name, value) {
		wrong = strcmp(name, "status") == 0 ? NULL :
		    judge_member(name, value, shape);
		if (wrong == NULL)
			continue;
		snprintf(msg, msglen, "%s: \"%s\" of a report %s", id, name,
		    wrong);
		return msg;
	}
	return NULL;
}

const char *
mds_judge_reports(const json_t *reports, enum mds_shape shape, char *msg,
    size_t msglen)
{
	const char *id, *why;
	json_t *list;

	if (!json_is_object(reports)) {
		snprintf(msg, msglen, "status reports are a JSON object, by "
		    "AAGUID or key identifier");
		return msg;
	}
	json_object_foreach((json_t *)reports, id, list) {
		if (!json_is_array(list)) {
			snprintf(msg, msglen, "%s: its reports are no array",
			    id);
			return msg;
		}
		for (size_t i = 0; i < json_array_size(list); i++) {
			why = judge_report(id, json_array_get(list, i), shape,
			    msg, msglen);
			if (why != NULL)
				return why;
		}
	}
	return NULL;
}

/* Under id, whatever was there before stays. */
static bool
append_report(json_t *reports, const char *id, json_t *report)
{
	json_t *list = json_object_get(reports, id);

	if (list == NULL) {
		list = json_array();
		if (json_object_set_new(reports, id, list) == -1) {
			json_decref(report);
			return false;
		}
	}
	return json_array_append_new(list, report) == 0;
}

const char *
mds_take_report(const char *text, enum mds_shape shape, json_t *reports,
    char *msg, size_t msglen)
{
	char id[MDS_ID_LEN + 1], status[64];
	const char *equal = strchr(text, '='), *at;
	size_t len;

	at = equal != NULL ? strchr(equal, '@') : NULL;
	len = at != NULL ? (size_t)(at - equal) - 1 : equal != NULL ?
	    strlen(equal + 1) : 0;
	if (equal == NULL || equal - text > MDS_ID_LEN || equal == text ||
	    len >= sizeof(status) || (at != NULL && !mds_is_date(at + 1))) {
		snprintf(msg, msglen, "\"%s\" is not AAGUID=STATUS or "
		    "AAGUID=STATUS@YYYY-MM-DD", text);
		return msg;
	}
	snprintf(id, sizeof(id), "%.*s", (int)(equal - text), text);
	snprintf(status, sizeof(status), "%.*s", (int)len, equal + 1);
	if (!is_status(status, shape)) {
		snprintf(msg, msglen, "\"%s\" is no status that MDS %s knows",
		    status, shape == MDS_3_0 ? "3.0" : "3.1.1");
		return msg;
	}
	if (append_report(reports, id, json_pack("{s:s, s:s*}", "status",
	    status, "effectiveDate", at != NULL ? at + 1 : NULL)))
		return NULL;
	snprintf(msg, msglen, "out of memory");
	return msg;
}

static json_t *
find_entry(json_t *entries, const char *id)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *entry = json_array_get(entries, i);
		const char *aaguid = json_string_value(json_object_get(entry,
		    "aaguid"));
		const char *key = json_string_value(json_array_get(
		    json_object_get(entry,
		    "attestationCertificateKeyIdentifiers"), 0));

		if ((aaguid != NULL && strcmp(aaguid, id) == 0) ||
		    (key != NULL && strcmp(key, id) == 0))
			return entry;
	}
	return NULL;
}

static bool
any_is_undated(const json_t *reports)
{
	for (size_t i = 0; i < json_array_size(reports); i++)
		if (json_object_get(json_array_get(reports, i),
		    "effectiveDate") == NULL)
			return true;
	return false;
}

/* To entry; false: out of memory. */
static bool
add_reports(json_t *entry, json_t *added, const char *today)
{
	json_t *all = json_object_get(entry, "statusReports");
	const char *before = json_string_value(json_object_get(entry,
	    "timeOfLastStatusChange"));
	bool now = any_is_undated(added) ||
	    (before != NULL && strcmp(before, today) == 0);
	const char *last;

	if (json_array_extend(all, added) == -1)
		return false;
	last = last_change(all);
	if (now && strcmp(today, last) > 0)
		last = today;
	return json_object_set_new(entry, "timeOfLastStatusChange",
	    json_string(last)) == 0;
}

int
mds_add_reports(json_t *entries, const json_t *reports, int64_t now_s,
    char *msg, size_t msglen)
{
	char today[MDS_DATE_LEN];
	json_t *list, *entry;
	const char *id;

	mds_date(now_s, today);
	json_object_foreach((json_t *)reports, id, list) {
		entry = find_entry(entries, id);
		if (entry == NULL) {
			snprintf(msg, msglen, "there is no entry %s to report "
			    "a status of", id);
			return -EINVAL;
		}
		if (!add_reports(entry, list, today)) {
			snprintf(msg, msglen, "out of memory");
			return -ENOMEM;
		}
	}
	return 0;
}

/* The BLOB. */

static json_t *
make_payload(const struct mds_blob_plan *plan)
{
	char next[MDS_DATE_LEN];
	json_t *payload = json_object(), *entries;

	mds_date(plan->now_s + MDS_NEXT_S, next);
	entries = json_deep_copy(plan->entries);
	(void)json_object_set_new(payload, "legalHeader", json_string(LEGAL));
	(void)json_object_set_new(payload, "no", json_integer(0));
	(void)json_object_set_new(payload, "nextUpdate", json_string(
	    plan->next_update != NULL ? plan->next_update : next));
	if (json_object_set_new(payload, "entries", entries) == 0)
		return payload;
	json_decref(payload);
	return NULL;
}

/* With a number of 0 in it, as it is counted. */
static int
number_payload(const struct mds_blob_plan *plan, json_t *payload, char *msg,
    size_t msglen)
{
	char *text = json_dumps(payload, JSON_COMPACT | JSON_SORT_KEYS);
	uint8_t digest[MDS_DIGEST_LEN];
	uint64_t no;
	int r = -ENOMEM;

	snprintf(msg, msglen, "out of memory");
	if (text != NULL && EVP_Digest(text, strlen(text), digest, NULL,
	    EVP_sha256(), NULL) == 1)
		r = mds_authority_number(plan->authority, digest, plan->no,
		    &no, msg, msglen);
	free(text);
	if (r != 0)
		return r;
	if (plan->no != 0)
		no = plan->no;
	return json_object_set_new(payload, "no",
	    json_integer((json_int_t)no)) == 0 ? 0 : -ENOMEM;
}

static int
sign_payload(const struct mds_blob_plan *plan, const json_t *payload,
    char **out, char *msg, size_t msglen)
{
	struct mds_signer_plan sp = {
		.rsa = plan->rsa,
		.crl_url = plan->crl_url,
		.now_s = plan->now_s,
		.flaws = mds_bend_signer(plan->bend),
	};
	struct mds_signer signer;
	int r = mds_signer_make(plan->authority, &sp, &signer);

	*out = NULL;
	if (r == 0)
		*out = jws_make(payload, &signer, mds_bend_jws(plan->bend));
	mds_signer_done(&signer);
	if (*out != NULL)
		return 0;
	snprintf(msg, msglen, "the BLOB cannot be signed");
	return -EIO;
}

/* What a plan lacks for its fault, whatever the payload; NULL: nothing. */
static const char *
lacks(const struct mds_blob_plan *plan)
{
	if (plan->bend == MDS_SIGNER_REVOKED && plan->crl_url == NULL)
		return "for a signer that is revoked, its certificate has to "
		    "name a revocation list: --crl URL";
	if (plan->bend == MDS_DER_SIGNATURE && plan->rsa)
		return "a signature in DER is one of ES256: not --alg RS256";
	return NULL;
}

/* What is wrong counts as new; what is wrong about the number comes last. */
static int
bend_and_number(const struct mds_blob_plan *plan, json_t *payload, char *msg,
    size_t msglen)
{
	bool of_number = plan->bend == MDS_ROLLBACK ||
	    plan->bend == MDS_NUMBER_MISSING;
	const char *why = lacks(plan);
	int r = 0;

	if (why == NULL && !of_number && !mds_bend_payload(plan->bend,
	    payload, plan->bend_id, plan->now_s))
		why = "there is nothing in this BLOB that could be wrong "
		    "like that";
	if (why != NULL) {
		snprintf(msg, msglen, "%s", why);
		return -EINVAL;
	}
	r = number_payload(plan, payload, msg, msglen);
	if (r == 0 && of_number && !mds_bend_payload(plan->bend, payload,
	    plan->bend_id, plan->now_s))
		r = -ENOMEM;
	return r;
}

int
mds_blob_make(const struct mds_blob_plan *plan, char **out, char *msg,
    size_t msglen)
{
	json_t *payload = make_payload(plan);
	int r = -ENOMEM;

	snprintf(msg, msglen, "out of memory");
	if (payload == NULL)
		return r;
	r = bend_and_number(plan, payload, msg, msglen);
	if (r == 0)
		r = sign_payload(plan, payload, out, msg, msglen);
	json_decref(payload);
	return r;
}
