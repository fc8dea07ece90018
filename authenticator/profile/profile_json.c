/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as JSON: see profile_json.h. */
#include "authenticator/profile/profile_json.h"

#include "authenticator/names.h"

/* A member that is NULL out of lack of memory fails the whole in the end. */
static void
put(json_t *object, const char *name, json_t *value, bool *failed)
{
	*failed |= json_object_set_new(object, name, value) == -1;
}

static void
put_text(json_t *object, const char *name, const char *text, bool *failed)
{
	if (text != NULL)
		put(object, name, json_string(text), failed);
}

static void
put_number(json_t *object, const char *name, uint32_t number, bool *failed)
{
	if (number != 0)
		put(object, name, json_integer(number), failed);
}

static void
put_words(json_t *object, const char *name, const struct profile_words *list,
    bool *failed)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		*failed |= json_array_append_new(array,
		    json_string(list->word[i])) == -1;
	put(object, name, array, failed);
}

static json_t *
statuses(const struct profile_metadata *md, bool *failed)
{
	json_t *array = json_array();

	for (size_t i = 0; i < md->status_count; i++) {
		json_t *report = json_object();

		put_text(report, "status", md->status[i].status, failed);
		put_text(report, "effectiveDate", md->status[i].date, failed);
		*failed |= json_array_append_new(array, report) == -1;
	}
	return array;
}

static json_t *
metadata(const struct profile_metadata *md, bool *failed)
{
	json_t *o = json_object();

	put_text(o, "description", md->description, failed);
	put(o, "authenticatorVersion",
	    json_integer(md->authenticator_version), failed);
	put_words(o, "keyProtection", &md->key_protection, failed);
	put_words(o, "matcherProtection", &md->matcher_protection, failed);
	put_words(o, "attachmentHint", &md->attachment_hint, failed);
	put_words(o, "tcDisplay", &md->tc_display, failed);
	put_words(o, "userVerification", &md->user_verification, failed);
	put_number(o, "cryptoStrength", md->crypto_strength, failed);
	put(o, "isKeyRestricted", json_boolean(md->key_restricted), failed);
	put(o, "isFreshUserVerificationRequired",
	    json_boolean(md->fresh_user_verification), failed);
	put_text(o, "multiDeviceCredentialSupport", md->multi_device, failed);
	put_number(o, "passcodeBase", md->code_base, failed);
	put_number(o, "passcodeMinLength", md->code_min_length, failed);
	put_number(o, "passcodeMaxRetries", md->code_retries, failed);
	put_number(o, "passcodeBlockSlowdown", md->code_slowdown, failed);
	put_text(o, "biometricFAR", md->bio_far, failed);
	put_text(o, "biometricFRR", md->bio_frr, failed);
	put_number(o, "biometricMaxTemplates", md->bio_templates, failed);
	put_number(o, "biometricMaxRetries", md->bio_retries, failed);
	put_number(o, "biometricBlockSlowdown", md->bio_slowdown, failed);
	put_text(o, "icon", md->icon, failed);
	put(o, "status", statuses(md, failed), failed);
	put_number(o, "fipsRevision", md->fips_revision, failed);
	put_number(o, "fipsPhysicalSecurityLevel", md->fips_physical_level,
	    failed);
	put_text(o, "certificateNumber", md->certificate_number, failed);
	put_text(o, "certificationDescriptor", md->certification_descriptor,
	    failed);
	put_text(o, "certificationPolicyVersion", md->certification_policy,
	    failed);
	put_text(o, "certificationRequirementsVersion",
	    md->certification_requirements, failed);
	return o;
}

static json_t *
settings(const struct profile *p, bool *failed)
{
	json_t *o = json_object();

	for (size_t i = 0; i < p->setting_count; i++)
		put_text(o, p->setting[i].name, p->setting[i].value, failed);
	return o;
}

json_t *
profile_json(const struct profile *p)
{
	struct auth_config cfg = { .features = 0 };
	char aaguid[37], id[7];
	json_t *o = json_object();
	bool failed = false;

	profile_apply(p, &cfg);
	aaguid_write(cfg.aaguid, aaguid);
	put_text(o, "name", p->name, &failed);
	put_text(o, "product", p->device.product, &failed);
	if (p->device.vendor_id != 0) {
		snprintf(id, sizeof(id), "0x%04x", p->device.vendor_id);
		put_text(o, "vendorId", id, &failed);
		snprintf(id, sizeof(id), "0x%04x", p->device.product_id);
		put_text(o, "productId", id, &failed);
	}
	put_text(o, "aaguid", aaguid, &failed);
	put(o, "settings", settings(p, &failed), &failed);
	put(o, "metadata", metadata(&p->metadata, &failed), &failed);
	if (failed) {
		json_decref(o);
		return NULL;
	}
	return o;
}
