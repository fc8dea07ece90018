/* SPDX-License-Identifier: Apache-2.0 */
/* What only the owner may see or set: private keys, counters, the PIN. */
#include <errno.h>
#include <string.h>

#include "authenticator/base64url.h"
#include "authenticator/control/credential_json.h"
#include "authenticator/control/describe.h"
#include "authenticator/control/route.h"

#define PIN_TEXT_MAX	256	/* bytes */

/* What the device said of it; 404 is for credentials that are not there. */
static struct answer
device_failure(struct request *rq, int error)
{
	hub_tell_trouble(rq->key);
	if (error == -ENOENT)
		return answer_store_error(rq, error);
	return answer_error(error, device_strerror(rq->key->device));
}

static struct answer
post_credential(struct request *rq)
{
	struct credential_import ci = { .import = { .alg = 0 } };
	struct credential cred;
	struct answer answer;
	char msg[256];
	json_t *json;
	int r;

	if (!request_object(rq, false, &json, &answer))
		return answer;
	r = credential_import_read(json, CREDENTIAL_OURS, &ci, msg,
	    sizeof(msg));
	if (r < 0) {
		json_decref(json);
		return answer_error(r, msg);
	}
	r = device_import(rq->key->device, &ci.import, &cred);
	credential_import_done(&ci);
	json_decref(json);
	return r < 0 ? device_failure(rq, r) :
	    answer_success(describe_credential(rq->key->device, &cred));
}

/* As POST takes it, so that another key can have it. */
static json_t *
exported(struct device *d, const struct credential *c, struct span key)
{
	char text[BASE64URL_LEN(PKCS8_MAX) + 1];
	char id[BASE64URL_LEN(CREDENTIAL_ID_MAX) + 1];
	char user[BASE64URL_LEN(USER_ID_MAX) + 1];
	uint32_t count = 0;
	bool counts = device_sign_count(d, c, &count);
	json_t *json;

	base64url_encode(key, text);
	base64url_encode(span(c->id, c->id_len), id);
	base64url_encode(span(c->user.id, c->user.id_len), user);
	json = json_pack("{s:s, s:b, s:s%, s:s, s:i, s:o, s:i, s:b, s:b, s:b}",
	    "credentialId", id,
	    "isResidentCredential", c->discoverable,
	    "rpId", c->rp_id.s, (size_t)c->rp_id.len,
	    "privateKey", text,
	    "algorithm", c->alg,
	    "signCount", counts ? json_integer(count) : json_null(),
	    "credProtect", c->protect,
	    "hmacSecret", c->hmac_secret,
	    "backupEligibility", c->backup_eligible,
	    "backupState", c->backup_state);
	explicit_bzero(text, sizeof(text));
	if (json == NULL)
		return NULL;
	if (c->user.id_len > 0)
		json_object_set_new(json, "userHandle", json_string(user));
	if (c->rp_name.len > 0)
		json_object_set_new(json, "rpName",
		    json_stringn(c->rp_name.s, c->rp_name.len));
	if (c->user.name.len > 0)
		json_object_set_new(json, "userName",
		    json_stringn(c->user.name.s, c->user.name.len));
	if (c->user.display_name.len > 0)
		json_object_set_new(json, "userDisplayName",
		    json_stringn(c->user.display_name.s,
		    c->user.display_name.len));
	return json;
}

static struct answer
get_export(struct request *rq)
{
	struct device *d = rq->key->device;
	struct credential cred;
	uint8_t key[PKCS8_MAX];
	json_t *json;
	size_t len;
	int r;

	r = describe_find(d, rq->arg[0], &cred);
	if (r < 0)
		return answer_store_error(rq, r);
	r = device_export(d, &cred, key, sizeof(key), &len);
	if (r < 0)
		return device_failure(rq, r);
	json = exported(d, &cred, span(key, len));
	explicit_bzero(key, sizeof(key));
	return answer_success(json);
}

static struct answer
put_properties(struct request *rq)
{
	struct device *d = rq->key->device;
	struct device_properties p;
	struct credential cred;
	struct answer answer;
	char msg[256];
	json_t *json;
	int r;

	if (!request_object(rq, false, &json, &answer))
		return answer;
	r = credential_properties_read(json, CREDENTIAL_OURS, &p, msg,
	    sizeof(msg));
	json_decref(json);
	if (r < 0)
		return answer_error(r, msg);
	r = describe_find(d, rq->arg[0], &cred);
	if (r < 0)
		return answer_store_error(rq, r);
	r = device_set_properties(d, cred.seq, &p);
	if (r == 0)
		r = describe_find(d, rq->arg[0], &cred);
	return r < 0 ? device_failure(rq, r) :
	    answer_success(describe_credential(d, &cred));
}

static struct answer
get_pin(struct request *rq)
{
	struct device_pin pin;

	device_pin_state(rq->key->device, &pin);
	return answer_success(json_pack("{s:b, s:b, s:b, s:b, s:i, s:i}",
	    "supported", pin.supported,
	    "set", pin.set,
	    "forceChange", pin.force_change,
	    "powerCycle", pin.power_cycle,
	    "retries", (int)pin.retries,
	    "minLength", (int)pin.min_length));
}

static struct answer
set_pin(struct request *rq, const char *pin)
{
	int r = device_set_pin(rq->key->device, pin);

	return r < 0 ? device_failure(rq, r) : get_pin(rq);
}

/* {"pin": "1234"} */
static struct answer
put_pin(struct request *rq)
{
	struct answer answer;
	const char *pin;
	json_t *json;

	if (!request_object(rq, false, &json, &answer))
		return answer;
	if (json_unpack(json, "{s:s !}", "pin", &pin) == -1 ||
	    strlen(pin) > PIN_TEXT_MAX)
		answer = answer_invalid("pin is a text of 4 to 63 "
		    "characters");
	else
		answer = set_pin(rq, pin);
	json_decref(json);
	return answer;
}

static struct answer
delete_pin(struct request *rq)
{
	return set_pin(rq, NULL);
}

const struct route routes_secrets[] = {
	{ "POST",	"credentials",			post_credential, "{}" },
	{ "GET",	"credentials/*/export",		get_export, NULL },
	{ "PUT",	"credentials/*/properties",	put_properties, "{}" },
	{ "GET",	"pin",				get_pin, NULL },
	{ "PUT",	"pin",				put_pin, "{}" },
	{ "DELETE",	"pin",				delete_pin, NULL },
	{ NULL, NULL, NULL, NULL }
};
