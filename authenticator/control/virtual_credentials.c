/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of virtual authenticators, in and out: see virtual.h. */
#include "authenticator/control/virtual.h"

#include <openssl/crypto.h>

#include <errno.h>

#include "authenticator/base64url.h"

static json_t *
put_bytes(struct span bytes, enum credential_form form)
{
	char text[BASE64URL_LEN(KEY_SIG_MAX) + 4];
	size_t len = BASE64URL_LEN(bytes.len);
	json_t *json;

	base64url_encode(bytes, text);
	for (char *at = text; form == CREDENTIAL_CDP && *at != '\0'; at++)
		*at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
	while (form == CREDENTIAL_CDP && len % 4 != 0)
		text[len++] = '=';
	json = json_stringn(text, len);
	OPENSSL_cleanse(text, sizeof(text));
	return json;
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
    enum credential_form form, uint64_t *listed)
{
	uint8_t key[KEY_SIG_MAX];
	json_t *json = NULL;
	size_t len;
	int r;

	if (listed == NULL)
		r = device_export(k->device, cred, key, sizeof(key), &len);
	else
		r = device_export_listed(k->device, cred, key, sizeof(key),
		    &len);
	if (r == 0) {
		json = put_bytes(span(key, len), form);
		if (listed != NULL)
			(*listed)++;
	}
	OPENSSL_cleanse(key, sizeof(key));
	return json;
}

/* listed counts private keys, of which somebody else tells; NULL: told. */
static json_t *
put_credential(struct hub_key *k, const struct credential *cred,
    enum credential_form form, uint64_t *listed)
{
	json_t *json = json_object();

	json_object_set_new(json, "credentialId",
	    put_bytes(span(cred->id, cred->id_len), form));
	json_object_set_new(json, "isResidentCredential",
	    json_boolean(cred->discoverable));
	json_object_set_new(json, "rpId",
	    json_stringn(cred->rp_id.s, cred->rp_id.len));
	json_object_set_new(json, "privateKey",
	    put_private_key(k, cred, form, listed));
	if (cred->user.id_len > 0)
		json_object_set_new(json, "userHandle", put_bytes(span(
		    cred->user.id, cred->user.id_len), form));
	json_object_set_new(json, "signCount", put_counter(k, cred));
	json_object_set_new(json, "backupEligibility",
	    json_boolean(cred->backup_eligible));
	json_object_set_new(json, "backupState",
	    json_boolean(cred->backup_state));
	put_text(json, "userName", &cred->user.name);
	put_text(json, "userDisplayName", &cred->user.display_name);
	return json;
}

json_t *
virtual_credential(struct hub_key *k, const struct credential *cred,
    enum credential_form form)
{
	return put_credential(k, cred, form, NULL);
}

/* Of virtual_credentials(). */
struct gathering {
	struct hub_key	*k;
	enum credential_form form;
	json_t		*list;
	uint64_t	 exported;
};

static int
gather(void *arg, const struct credential *cred)
{
	struct gathering *g = arg;

	return json_array_append_new(g->list, put_credential(g->k, cred,
	    g->form, &g->exported)) == 0 ? 0 : -ENOMEM;
}

json_t *
virtual_credentials(struct hub_key *k, enum credential_form form)
{
	struct gathering g = { .k = k, .form = form,
	    .list = json_array() };
	int r;

	if (g.list == NULL)
		return NULL;
	r = store_each_after(device_store(k->device), 0, gather, &g);
	device_list_exported(k->device, g.exported);
	if (r < 0) {
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
    enum credential_form form, struct credential *out)
{
	struct auth_lookup l = { .kind = LOOKUP_ID_ANY,
	    .protect_max = PROTECT_REQUIRED, .cred = out };
	uint8_t bytes[CREDENTIAL_ID_MAX];
	size_t len;

	if (!credential_bytes(span_str(id), form, bytes, sizeof(bytes),
	    &len) || len == 0)
		return false;
	l.id = span(bytes, len);
	return store_lookup(device_store(k->device), &l) == 0 && l.found;
}

/* 11.5, step 12 on: what is not wrong in itself */
static bool
is_possible(struct hub_key *k, json_t *parameters,
    const struct device_import *in, struct answer *failed)
{
	uint64_t features = auth_config_features(device_auth(k->device));

	if (in->discoverable && in->user_id.p == NULL)
		return virtual_bad(failed, "is missing, which a resident "
		    "credential has", "userHandle");
	if (in->discoverable && !(features & FEATURE_RK))
		return virtual_bad(failed, "is true, but the authenticator "
		    "has no resident keys", "isResidentCredential");
	/* it would have to be put into what hosts keep there */
	if (json_object_get(parameters, "largeBlob") != NULL &&
	    (features & FEATURE_LARGE_BLOBS)) {
		*failed = answer_error(-ENOTSUP, "a credential cannot bring a "
		    "large blob along");
		return false;
	}
	return true;
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
    enum credential_form form, struct answer *failed)
{
	const struct auth_config *cfg = device_auth(k->device);
	/* step 10: a P-256 key, and no other */
	struct credential_import ci = { .import = { .alg = COSE_ES256,
	    .backup_eligible = cfg->backup_eligible,
	    .backup_state = cfg->backup_state, .counting = COUNT_ITSELF } };
	char msg[256];
	bool ok;
	int r;

	r = credential_import_read(parameters, form, &ci, msg, sizeof(msg));
	if (r < 0) {
		*failed = answer_error(r, msg);
		return false;
	}
	ok = is_possible(k, parameters, &ci.import, failed) &&
	    import(k, &ci.import, failed);
	credential_import_done(&ci);
	return ok;
}

bool
virtual_set_properties(struct hub_key *k, const struct credential *cred,
    json_t *parameters, struct answer *failed)
{
	struct device_properties set;
	char msg[256];
	int r;

	r = credential_properties_read(parameters, CREDENTIAL_WEBDRIVER, &set,
	    msg, sizeof(msg));
	if (r < 0) {
		*failed = answer_error(r, msg);
		return false;
	}
	r = device_set_properties(k->device, cred->seq, &set);
	hub_tell_trouble(k);
	if (r < 0)
		*failed = answer_error(r, device_strerror(k->device));
	return r == 0;
}
