/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of virtual authenticators, in and out: see virtual.h. */
#include "authenticator/control/virtual.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/base64url.h"

#define TEXT_MAX	32768	/* characters of base64 in one member */

static json_t *
put_bytes(struct span bytes, enum virtual_coding coding)
{
	char text[BASE64URL_LEN(KEY_SIG_MAX) + 4];
	size_t len = BASE64URL_LEN(bytes.len);
	json_t *json;

	base64url_encode(bytes, text);
	for (char *at = text; coding == CODING_BASE64 && *at != '\0'; at++)
		*at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
	while (coding == CODING_BASE64 && len % 4 != 0)
		text[len++] = '=';
	json = json_stringn(text, len);
	OPENSSL_cleanse(text, sizeof(text));
	return json;
}

/* malloc()ed, *out points to it; false: that is no text of bytes. */
static bool
get_bytes(const char *text, size_t len, enum virtual_coding coding,
    struct span *out)
{
	uint8_t *bytes = len <= TEXT_MAX ? malloc(2 * len + 1) : NULL;
	size_t got = 0, size = len;
	char *copy;
	bool ok;

	if (bytes == NULL)
		return false;
	copy = (char *)bytes + len;	/* more than the bytes need */
	if (coding == CODING_BASE64 && len % 4 == 0)
		for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
			len--;
	for (size_t i = 0; i < len; i++)
		copy[i] = coding == CODING_BASE64URL ? text[i] :
		    text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	ok = base64url_decode(span((uint8_t *)copy, len), bytes, &got);
	/* private keys are among them: no copy of the text stays */
	explicit_bzero(bytes + got, 2 * size + 1 - got);
	if (!ok)
		free(bytes);
	else
		*out = span(bytes, got);
	return ok;
}

static void
free_bytes(struct span bytes)
{
	if (bytes.p != NULL)
		explicit_bzero((void *)(uintptr_t)bytes.p, bytes.len);
	free((void *)(uintptr_t)bytes.p);
}

static void
put_text(json_t *json, const char *name, const struct name_text *text)
{
	json_object_set_new(json, name, json_stringn(text->s, text->len));
}

static json_t *
put_counter(struct hub_key *k, const struct credential *cred)
{
	uint32_t count;

	return device_sign_count(k->device, cred, &count) ?
	    json_integer(count) : json_null();
}

static json_t *
put_private_key(struct hub_key *k, const struct credential *cred,
    enum virtual_coding coding)
{
	uint8_t key[KEY_SIG_MAX];
	json_t *json = NULL;
	size_t len;

	if (device_export(k->device, cred, key, sizeof(key), &len) == 0)
		json = put_bytes(span(key, len), coding);
	OPENSSL_cleanse(key, sizeof(key));
	return json;
}

json_t *
virtual_credential(struct hub_key *k, const struct credential *cred,
    enum virtual_coding coding)
{
	json_t *json = json_object();

	json_object_set_new(json, "credentialId",
	    put_bytes(span(cred->id, cred->id_len), coding));
	json_object_set_new(json, "isResidentCredential",
	    json_boolean(cred->discoverable));
	json_object_set_new(json, "rpId",
	    json_stringn(cred->rp_id.s, cred->rp_id.len));
	json_object_set_new(json, "privateKey",
	    put_private_key(k, cred, coding));
	if (cred->user.id_len > 0)
		json_object_set_new(json, "userHandle", put_bytes(span(
		    cred->user.id, cred->user.id_len), coding));
	json_object_set_new(json, "signCount", put_counter(k, cred));
	json_object_set_new(json, "backupEligibility",
	    json_boolean(cred->backup_eligible));
	json_object_set_new(json, "backupState",
	    json_boolean(cred->backup_state));
	put_text(json, "userName", &cred->user.name);
	put_text(json, "userDisplayName", &cred->user.display_name);
	return json;
}

/* Of virtual_credentials(). */
struct gathering {
	struct hub_key	*k;
	enum virtual_coding coding;
	json_t		*list;
};

static int
gather(void *arg, const struct credential *cred)
{
	struct gathering *g = arg;

	return json_array_append_new(g->list, virtual_credential(g->k, cred,
	    g->coding)) == 0 ? 0 : -ENOMEM;
}

json_t *
virtual_credentials(struct hub_key *k, enum virtual_coding coding)
{
	struct gathering g = { .k = k, .coding = coding,
	    .list = json_array() };

	if (g.list == NULL || store_each_after(device_store(k->device), 0,
	    gather, &g) < 0) {
		json_decref(g.list);
		return NULL;
	}
	return g.list;
}

static int
note_first(void *arg, const struct credential *cred)
{
	*(uint64_t *)arg = cred->seq;
	return 1;
}

int
virtual_clear(struct hub_key *k)
{
	struct store *store = device_store(k->device);
	uint64_t seq;
	int r;

	while ((r = store_each_after(store, 0, note_first, &seq)) == 1) {
		r = device_delete(k->device, seq);
		if (r < 0)
			return r;
	}
	return r;
}

bool
virtual_find_credential(struct hub_key *k, const char *id,
    enum virtual_coding coding, struct credential *out)
{
	struct auth_lookup l = { .kind = LOOKUP_ID_ANY,
	    .protect_max = PROTECT_REQUIRED, .cred = out };
	bool found = false;

	if (!get_bytes(id, strlen(id), coding, &l.id))
		return false;
	if (l.id.len > 0 && l.id.len <= CREDENTIAL_ID_MAX)
		found = store_lookup(device_store(k->device), &l) == 0 &&
		    l.found;
	free_bytes(l.id);
	return found;
}

/* Credential Parameters, taken apart. Bytes are malloc()ed. */
struct parameters {
	struct device_import in;
	struct span	id;
	struct span	private_key;
	struct span	user_id;
};

static bool
take_bytes(json_t *json, const char *name, enum virtual_coding coding,
    bool required, struct span *out, struct answer *failed)
{
	json_t *value = json_object_get(json, name);

	if (value == NULL && !required)
		return true;
	if (value == NULL)
		return virtual_bad(failed, "is missing", name);
	if (!json_is_string(value) || !get_bytes(json_string_value(value),
	    json_string_length(value), coding, out))
		return virtual_bad(failed, "is not bytes, as text", name);
	return true;
}

static bool
take_string(json_t *json, const char *name, struct span *out,
    struct answer *failed)
{
	json_t *value = json_object_get(json, name);

	if (value == NULL)
		return true;
	if (!json_is_string(value))
		return virtual_bad(failed, "is not text", name);
	*out = span((const uint8_t *)json_string_value(value),
	    json_string_length(value));
	return true;
}

/* NULL: as it is. */
static bool
take_bool(json_t *json, const char *name, bool *given, bool *out,
    struct answer *failed)
{
	json_t *value = json_object_get(json, name);

	if (given != NULL)
		*given = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_boolean(value))
		return virtual_bad(failed, "is true or false", name);
	*out = json_is_true(value);
	return true;
}

/* A number, or null for a credential that does not count. */
static bool
take_counter(json_t *json, bool *given, enum cred_counting *counting,
    uint32_t *count, struct answer *failed)
{
	json_t *value = json_object_get(json, "signCount");
	json_int_t n = json_integer_value(value);

	if (given != NULL)
		*given = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_null(value) && (!json_is_integer(value) || n < 0 ||
	    n > UINT32_MAX))
		return virtual_bad(failed, "is a number up to 4294967295, "
		    "or null", "signCount");
	*counting = json_is_null(value) ? COUNT_NOTHING : COUNT_ITSELF;
	*count = (uint32_t)n;
	return true;
}

/* 11.5, steps 2 to 12 */
static bool
take_identity(json_t *json, enum virtual_coding coding, struct parameters *p,
    struct answer *failed)
{
	bool given;

	if (!take_bytes(json, "credentialId", coding, true, &p->id, failed) ||
	    !take_bool(json, "isResidentCredential", &given,
	    &p->in.discoverable, failed) ||
	    !take_string(json, "rpId", &p->in.rp_id, failed) ||
	    !take_bytes(json, "privateKey", coding, true, &p->private_key,
	    failed) ||
	    !take_bytes(json, "userHandle", coding, false, &p->user_id,
	    failed))
		return false;
	if (!given)
		return virtual_bad(failed, "is missing",
		    "isResidentCredential");
	if (p->in.rp_id.p == NULL)
		return virtual_bad(failed, "is missing", "rpId");
	if (p->in.discoverable && p->user_id.p == NULL)
		return virtual_bad(failed, "is missing, which a resident "
		    "credential has", "userHandle");
	p->in.id = p->id;
	p->in.private_key = p->private_key;
	p->in.user_id = p->user_id;
	return true;
}

/* 11.5, steps 15 to 21 */
static bool
take_rest(struct hub_key *k, json_t *json, struct parameters *p,
    struct answer *failed)
{
	const struct auth_config *cfg = device_auth(k->device);
	uint64_t features = auth_config_features(cfg);

	if (p->in.discoverable && !(features & FEATURE_RK))
		return virtual_bad(failed, "is true, but the authenticator "
		    "has no resident keys", "isResidentCredential");
	/* it would have to be put into what hosts keep there */
	if (json_object_get(json, "largeBlob") != NULL &&
	    (features & FEATURE_LARGE_BLOBS)) {
		*failed = answer_error(-ENOTSUP, "a credential cannot bring a "
		    "large blob along");
		return false;
	}
	p->in.backup_eligible = cfg->backup_eligible;
	p->in.backup_state = cfg->backup_state;
	p->in.counting = COUNT_ITSELF;
	return take_bool(json, "backupEligibility", NULL,
	    &p->in.backup_eligible, failed) &&
	    take_bool(json, "backupState", NULL, &p->in.backup_state,
	    failed) &&
	    take_string(json, "userName", &p->in.user_name, failed) &&
	    take_string(json, "userDisplayName", &p->in.display_name,
	    failed) &&
	    take_counter(json, NULL, &p->in.counting, &p->in.counter, failed);
}

/* WebDriver has one error for all of them, but for a key that is full. */
static bool
import(struct hub_key *k, const struct device_import *in,
    struct answer *failed)
{
	int r = device_import(k->device, in, NULL);

	hub_tell_trouble(k);
	if (r < 0)
		*failed = answer_error(r == -EEXIST || r == -ENOTSUP ?
		    -EINVAL : r == -ENOSPC ? -EIO : r,
		    device_strerror(k->device));
	return r == 0;
}

bool
virtual_import(struct hub_key *k, json_t *parameters,
    enum virtual_coding coding, struct answer *failed)
{
	/* step 10: a P-256 key, and no other */
	struct parameters p = { .in = { .alg = COSE_ES256 } };
	bool ok;

	ok = take_identity(parameters, coding, &p, failed) &&
	    take_rest(k, parameters, &p, failed) &&
	    import(k, &p.in, failed);
	free_bytes(p.id);
	free_bytes(p.private_key);
	free_bytes(p.user_id);
	return ok;
}

bool
virtual_set_properties(struct hub_key *k, const struct credential *cred,
    json_t *parameters, struct answer *failed)
{
	struct device_properties set = { .counting = COUNT_ITSELF };
	int r;

	if (!take_bool(parameters, "backupEligibility",
	    &set.set_backup_eligible, &set.backup_eligible, failed) ||
	    !take_bool(parameters, "backupState", &set.set_backup_state,
	    &set.backup_state, failed) ||
	    !take_counter(parameters, &set.set_counter, &set.counting,
	    &set.counter, failed))
		return false;
	r = device_set_properties(k->device, cred->seq, &set);
	hub_tell_trouble(k);
	if (r < 0)
		*failed = answer_error(r, device_strerror(k->device));
	return r == 0;
}
