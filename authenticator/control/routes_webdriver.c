/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebDriver's commands for virtual authenticators (WebAuthn Level 3, 11), at
 * the paths that WebDriver has them at. Whatever a command cannot find or
 * read is an invalid argument there.
 */

#include "authenticator/control/pending.h"
#include "authenticator/control/remove_key.h"
#include "authenticator/control/route.h"
#include "authenticator/control/virtual.h"

/* Consumes value; NULL: there was no memory. */
static struct answer
success(json_t *value)
{
	return answer_success(value == NULL ? NULL :
	    json_pack("{s:o}", "value", value));
}

static struct answer
no_authenticator(void)
{
	return answer_invalid("the session has no authenticator of this ID");
}

static struct answer
no_credential(void)
{
	return answer_invalid("the authenticator has no credential of this "
	    "ID");
}

/* Session and authenticator are in the path. */
static struct hub_key *
find(const struct request *rq)
{
	return virtual_find(rq, rq->arg[0], rq->arg[1]);
}

static json_t *
describe_added(struct hub_key *k)
{
	return json_pack("{s:s}", "value", k->id);
}

/* 11.3 */
static struct answer
add_authenticator(struct request *rq)
{
	struct answer answer;
	json_t *json;

	if (rq->own != NULL)
		return pending_outcome(rq);
	if (!request_object(rq, false, &json, &answer))
		return answer;
	answer = virtual_add(rq, rq->arg[0], json, false, describe_added);
	json_decref(json);
	return answer;
}

/* 11.4 */
static struct answer
remove_authenticator(struct request *rq)
{
	struct hub_key *k;

	if (rq->own != NULL)
		return pending_outcome(rq);
	k = find(rq);
	return k == NULL ? no_authenticator() :
	    remove_key(rq, k, success(json_null()));
}

/* What a proxy does when a session ends. */
static struct answer
end_session(struct request *rq)
{
	return rq->own != NULL ? pending_outcome(rq) :
	    remove_keys_of(rq, rq->arg[0], success(json_null()));
}

/* 11.5 */
static struct answer
add_credential(struct request *rq)
{
	struct hub_key *k = find(rq);
	struct answer failed;
	json_t *json;
	bool ok;

	if (k == NULL)
		return no_authenticator();
	if (!request_object(rq, false, &json, &failed))
		return failed;
	ok = virtual_import(k, json, CREDENTIAL_WEBDRIVER, &failed);
	json_decref(json);
	return ok ? success(json_null()) : failed;
}

/* 11.6 */
static struct answer
get_credentials(struct request *rq)
{
	struct hub_key *k = find(rq);

	if (k == NULL)
		return no_authenticator();
	return success(virtual_credentials(k, CREDENTIAL_WEBDRIVER));
}

/* 11.7 */
static struct answer
remove_credential(struct request *rq)
{
	struct hub_key *k = find(rq);
	struct credential cred;
	int r;

	if (k == NULL)
		return no_authenticator();
	if (!virtual_find_credential(k, rq->arg[2], CREDENTIAL_WEBDRIVER,
	    &cred))
		return no_credential();
	r = device_delete(k->device, cred.seq);
	hub_tell_trouble(k);
	return r < 0 ? answer_error(r, device_strerror(k->device)) :
	    success(json_null());
}

/* 11.8. A reset would take more. */
static struct answer
remove_credentials(struct request *rq)
{
	struct hub_key *k = find(rq);
	int r;

	if (k == NULL)
		return no_authenticator();
	r = virtual_clear(k);
	hub_tell_trouble(k);
	return r < 0 ? answer_error(r, device_strerror(k->device)) :
	    success(json_null());
}

/* 11.9. Bindings repeat in the body what is in the path. */
static struct answer
set_verified(struct request *rq)
{
	struct hub_key *k = find(rq);
	struct answer failed;
	json_t *json;
	int verified = -1;

	if (k == NULL)
		return no_authenticator();
	if (!request_object(rq, false, &json, &failed))
		return failed;
	(void)json_unpack(json, "{s:b}", "isUserVerified", &verified);
	json_decref(json);
	if (verified == -1)
		return answer_invalid("isUserVerified is true or false");
	virtual_set_verified(k, verified != 0);
	return success(json_null());
}

/* 11.10 */
static struct answer
set_properties(struct request *rq)
{
	struct hub_key *k = find(rq);
	struct credential cred;
	struct answer failed;
	json_t *json;
	bool ok;

	if (k == NULL)
		return no_authenticator();
	if (!virtual_find_credential(k, rq->arg[2], CREDENTIAL_WEBDRIVER,
	    &cred))
		return no_credential();
	if (!request_object(rq, false, &json, &failed))
		return failed;
	ok = virtual_set_properties(k, &cred, json, &failed);
	json_decref(json);
	return ok ? success(json_null()) : failed;
}

#define AT "session/*/webauthn/authenticator"

const struct route routes_webdriver[] = {
	{ "POST",	AT,				add_authenticator,
	    "{}" },
	{ "DELETE",	AT "/*",			remove_authenticator,
	    NULL },
	{ "DELETE",	AT "s",				end_session, NULL },
	{ "POST",	AT "/*/credential",		add_credential, "{}" },
	{ "GET",	AT "/*/credentials",		get_credentials, NULL },
	{ "DELETE",	AT "/*/credentials",		remove_credentials,
	    NULL },
	{ "DELETE",	AT "/*/credentials/*",		remove_credential,
	    NULL },
	{ "POST",	AT "/*/credentials/*/props",	set_properties, "{}" },
	{ "POST",	AT "/*/uv",			set_verified, "{}" },
	{ NULL, NULL, NULL, NULL }
};
