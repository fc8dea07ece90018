/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that come in as JSON: see credential_json.h. */
#include "authenticator/control/credential_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/base64url.h"
#include "authenticator/client/webauthn_blob.h"
#include "authenticator/control/describe.h"

static int
refuse(char *msg, size_t msglen, const char *line)
{
	snprintf(msg, msglen, "%s", line);
	return -EINVAL;
}

static bool
take_bytes(const json_t *value, uint8_t *out, size_t cap, struct span *bytes)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (text == NULL || BASE64URL_BYTES(len) > cap ||
	    !base64url_decode(span(text, len), out, &len) || len == 0)
		return false;
	*bytes = span(out, len);
	return true;
}

static bool
take_text(const json_t *value, struct span *text)
{
	if (!json_is_string(value))
		return false;
	*text = span(json_string_value(value), json_string_length(value));
	return true;
}

/* What is not there, is not asked for. */
static bool
take_bool(const json_t *json, const char *name, bool *out)
{
	const json_t *value = json_object_get(json, name);

	if (value == NULL)
		return true;
	*out = json_is_true(value);
	return json_is_boolean(value);
}

/* A number of 32 bits, or null. */
static bool
take_count(const json_t *value, enum cred_counting *counting,
    uint32_t *counter)
{
	json_int_t n = json_integer_value(value);

	if (json_is_null(value)) {
		*counting = COUNT_NOTHING;
		*counter = 0;
		return true;
	}
	*counting = COUNT_ITSELF;
	*counter = (uint32_t)n;
	return json_is_integer(value) && n >= 0 && n <= UINT32_MAX;
}

static const char *
take_names(const json_t *json, struct device_import *in)
{
	static const struct {
		const char	*name;
		size_t		 offset;
	} texts[] = {
		{ "rpName", offsetof(struct device_import, rp_name) },
		{ "userName", offsetof(struct device_import, user_name) },
		{ "userDisplayName",
		    offsetof(struct device_import, display_name) },
	};
	const json_t *value;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		value = json_object_get(json, texts[i].name);
		if (value != NULL && !take_text(value,
		    (struct span *)((char *)in + texts[i].offset)))
			return "rpName, userName and userDisplayName are "
			    "text";
	}
	return NULL;
}

static const char *
take_alg(const json_t *json, struct device_import *in)
{
	const json_t *value = json_object_get(json, "algorithm");

	if (json_is_string(value))
		in->alg = describe_alg_named(json_string_value(value));
	else if (json_integer_value(value) >= INT32_MIN &&
	    json_integer_value(value) <= INT32_MAX)
		in->alg = (int)json_integer_value(value);
	return value == NULL || in->alg != 0 ? NULL :
	    "algorithm is the number or the name of a COSE algorithm";
}

static const char *
take_policy(const json_t *json, struct device_import *in)
{
	const json_t *protect = json_object_get(json, "credProtect");
	const json_t *count = json_object_get(json, "signCount");
	json_int_t level = json_integer_value(protect);

	if (!take_bool(json, "isResidentCredential", &in->discoverable) ||
	    !take_bool(json, "hmacSecret", &in->hmac_secret) ||
	    !take_bool(json, "backupEligibility", &in->backup_eligible) ||
	    !take_bool(json, "backupState", &in->backup_state))
		return "isResidentCredential, hmacSecret, backupEligibility "
		    "and backupState are true or false";
	if (protect != NULL && (level < PROTECT_OPTIONAL ||
	    level > PROTECT_REQUIRED))
		return "credProtect is 1, 2 or 3";
	in->protect = protect != NULL ? (enum cred_protect)level : 0;
	if (count != NULL && !take_count(count, &in->counting, &in->counter))
		return "signCount is a number of 32 bits, or null";
	return NULL;
}

/* As it is for the relying party; the key keeps it compressed. */
static const char *
take_blob(const json_t *json, struct credential_import *ci)
{
	static const char wrong[] = "largeBlob is at most 64 KiB of base64url";
	const char *text = json_string_value(json);
	size_t len = json_string_length(json), packed;
	uint8_t *raw;

	if (text == NULL)
		return wrong;
	raw = malloc(BASE64URL_BYTES(len) + 1);
	if (raw == NULL || !base64url_decode(span(text, len), raw, &len)) {
		free(raw);
		return wrong;
	}
	ci->blob = blob_deflate(span(raw, len), &packed);
	ci->import.large_blob = span(ci->blob, packed);
	ci->import.large_blob_size = len;
	explicit_bzero(raw, len);
	free(raw);
	return ci->blob != NULL ? NULL : "out of memory";
}

static const char *
take_bytes_of(const json_t *json, struct credential_import *ci)
{
	const json_t *id = json_object_get(json, "credentialId");
	const json_t *user = json_object_get(json, "userHandle");
	const json_t *blob = json_object_get(json, "largeBlob");
	struct device_import *in = &ci->import;

	if (id != NULL && !take_bytes(id, ci->id, sizeof(ci->id), &in->id))
		return "credentialId is 1 to 1023 bytes in base64url";
	if (!take_text(json_object_get(json, "rpId"), &in->rp_id))
		return "rpId is missing, or no text";
	if (!take_bytes(json_object_get(json, "privateKey"), ci->key,
	    sizeof(ci->key), &in->private_key))
		return "privateKey is missing, or no PKCS #8 in base64url";
	if (user != NULL && !take_bytes(user, ci->user_id,
	    sizeof(ci->user_id), &in->user_id))
		return "userHandle is 1 to 64 bytes in base64url";
	return blob != NULL ? take_blob(blob, ci) : NULL;
}

static const char *
unknown_member(const json_t *json, const char *const *known)
{
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)json, name, value) {
		for (i = 0; known[i] != NULL; i++) {
			if (strcmp(known[i], name) == 0)
				break;
		}
		if (known[i] == NULL)
			return name;
	}
	return NULL;
}

static int
check_members(const json_t *json, const char *const *known, char *msg,
    size_t msglen)
{
	const char *name = unknown_member(json, known);

	if (name == NULL)
		return 0;
	snprintf(msg, msglen, "\"%.64s\" is none of the members", name);
	return -EINVAL;
}

int
credential_import_read(const json_t *json, struct credential_import *out,
    char *msg, size_t msglen)
{
	static const char *const known[] = { "credentialId",
	    "isResidentCredential", "rpId", "rpName", "privateKey",
	    "algorithm", "userHandle", "userName", "userDisplayName",
	    "signCount", "credProtect", "hmacSecret", "largeBlob",
	    "backupEligibility", "backupState", NULL };
	const char *wrong;
	int r = check_members(json, known, msg, msglen);

	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	wrong = take_bytes_of(json, out);
	if (wrong == NULL)
		wrong = take_names(json, &out->import);
	if (wrong == NULL)
		wrong = take_alg(json, &out->import);
	if (wrong == NULL)
		wrong = take_policy(json, &out->import);
	if (wrong == NULL)
		return 0;
	credential_import_done(out);
	return refuse(msg, msglen, wrong);
}

void
credential_import_done(struct credential_import *ci)
{
	free(ci->blob);
	explicit_bzero(ci, sizeof(*ci));
}

int
credential_properties_read(const json_t *json, struct device_properties *out,
    char *msg, size_t msglen)
{
	static const char *const known[] = { "backupEligibility",
	    "backupState", "signCount", NULL };
	const json_t *count = json_object_get(json, "signCount");
	int r = check_members(json, known, msg, msglen);

	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	out->set_backup_eligible = json_object_get(json,
	    "backupEligibility") != NULL;
	out->set_backup_state = json_object_get(json, "backupState") != NULL;
	if (!take_bool(json, "backupEligibility", &out->backup_eligible) ||
	    !take_bool(json, "backupState", &out->backup_state))
		return refuse(msg, msglen, "backupEligibility and backupState "
		    "are true or false");
	out->set_counter = count != NULL;
	if (count != NULL && !take_count(count, &out->counting,
	    &out->counter))
		return refuse(msg, msglen, "signCount is a number of 32 bits, "
		    "or null");
	return 0;
}
