/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The WebAuthn domain of the Chrome DevTools Protocol: POST /v1/cdp/METHOD,
 * with a method's parameters as the body, and its result as the reply. For who
 * has a test for Chromium's own virtual authenticators, and wants to run it
 * against a key that other browsers see as well.
 */
#include <string.h>

#include "authenticator/control/pending.h"
#include "authenticator/control/remove_key.h"
#include "authenticator/control/route.h"
#include "authenticator/control/virtual.h"
#include "authenticator/fault/armed.h"

#define SESSION	"cdp"	/* that all of them belong to */

struct call {
	struct request	*rq;
	json_t		*params;
	struct hub_key	*k;		/* authenticatorId, if the method has
					 * one */
	struct credential cred;		/* credentialId, likewise */
};

static struct answer
nothing(void)
{
	return answer_success(json_object());
}

static struct answer
enable(struct call *c)
{
	(void)c;
	return nothing();
}

static struct answer
disable(struct call *c)
{
	return remove_keys_of(c->rq, SESSION, nothing());
}

static json_t *
describe_added(struct hub_key *k)
{
	return json_pack("{s:s}", "authenticatorId", k->id);
}

static struct answer
add_authenticator(struct call *c)
{
	json_t *options = json_object_get(c->params, "options");

	if (!json_is_object(options))
		return answer_invalid("options is an object");
	return virtual_add(c->rq, SESSION, options, true, describe_added);
}

static struct answer
remove_authenticator(struct call *c)
{
	return remove_key(c->rq, c->k, nothing());
}

static void
disarm(struct fault_set *set, const struct fault *fault)
{
	const struct fault_armed *a;
	size_t i = 0;

	while ((a = fault_armed_at(set, i)) != NULL) {
		if (a->choice.fault == fault)
			(void)fault_clear(set, a->id);
		else
			i++;
	}
}

/* Each bit is a fault of registrations and one of sign-ins. */
static struct answer
set_overrides(struct call *c)
{
	static const struct {
		const char *bit;
		const char *faults[2];
	} bits[] = {
		{ "isBogusSignature", { "att.sig-bad", "auth.sig-bad" } },
		{ "isBadUV", { "reg.uv-clear", "auth.uv-clear" } },
		{ "isBadUP", { "reg.up-clear", "auth.up-clear" } },
	};
	const struct fault_scope always = { .uses = 0 };
	struct fault_set *set = device_faults(c->k->device);
	struct fault_choice choice;
	char msg[FAULT_MESSAGE_LEN];
	json_t *bit;
	int r = 0;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		bit = json_object_get(c->params, bits[i].bit);
		if (bit != NULL && !json_is_boolean(bit))
			return answer_invalid("a bit is true or false");
		for (size_t j = 0; r == 0 && j < 2; j++) {
			choice.fault = fault_find(bits[i].faults[j]);
			choice.value = 0;
			disarm(set, choice.fault);
			if (json_is_true(bit))
				r = fault_arm(set, choice, &always, NULL, msg,
				    sizeof(msg));
		}
	}
	return r < 0 ? answer_error(r, msg) : nothing();
}

static struct answer
add_credential(struct call *c)
{
	json_t *parameters = json_object_get(c->params, "credential");
	struct answer failed;

	if (!json_is_object(parameters))
		return answer_invalid("credential is an object");
	return virtual_import(c->k, parameters, CREDENTIAL_CDP, &failed) ?
	    nothing() : failed;
}

static struct answer
get_credential(struct call *c)
{
	return answer_success(json_pack("{s:o}", "credential",
	    virtual_credential(c->k, &c->cred, CREDENTIAL_CDP)));
}

static struct answer
get_credentials(struct call *c)
{
	return answer_success(json_pack("{s:o}", "credentials",
	    virtual_credentials(c->k, CREDENTIAL_CDP)));
}

static struct answer
changed(struct call *c, int r)
{
	hub_tell_trouble(c->k);
	return r < 0 ? answer_error(r, device_strerror(c->k->device)) :
	    nothing();
}

static struct answer
remove_credential(struct call *c)
{
	return changed(c, device_delete(c->k->device, c->cred.seq));
}

static struct answer
clear_credentials(struct call *c)
{
	return changed(c, virtual_clear(c->k));
}

static struct answer
set_properties(struct call *c)
{
	struct answer failed;

	return virtual_set_properties(c->k, &c->cred, c->params, &failed) ?
	    nothing() : failed;
}

static struct answer
set_verified(struct call *c)
{
	json_t *yes = json_object_get(c->params, "isUserVerified");

	if (!json_is_boolean(yes))
		return answer_invalid("isUserVerified is true or false");
	virtual_set_verified(c->k, json_is_true(yes));
	return nothing();
}

static struct answer
set_presence(struct call *c)
{
	json_t *yes = json_object_get(c->params, "enabled");

	if (!json_is_boolean(yes))
		return answer_invalid("enabled is true or false");
	virtual_set_consenting(c->rq, c->k, json_is_true(yes));
	return nothing();
}

enum about {
	NOTHING,
	AN_AUTHENTICATOR,
	A_CREDENTIAL,		/* of an authenticator */
};

static const struct method {
	const char	*name;
	enum about	 about;
	struct answer	(*handle)(struct call *c);
} methods[] = {
	{ "enable", NOTHING, enable },
	{ "disable", NOTHING, disable },
	{ "addVirtualAuthenticator", NOTHING, add_authenticator },
	{ "removeVirtualAuthenticator", AN_AUTHENTICATOR,
	    remove_authenticator },
	{ "setResponseOverrideBits", AN_AUTHENTICATOR, set_overrides },
	{ "addCredential", AN_AUTHENTICATOR, add_credential },
	{ "getCredential", A_CREDENTIAL, get_credential },
	{ "getCredentials", AN_AUTHENTICATOR, get_credentials },
	{ "removeCredential", A_CREDENTIAL, remove_credential },
	{ "clearCredentials", AN_AUTHENTICATOR, clear_credentials },
	{ "setCredentialProperties", A_CREDENTIAL, set_properties },
	{ "setUserVerified", AN_AUTHENTICATOR, set_verified },
	{ "setAutomaticPresenceSimulation", AN_AUTHENTICATOR, set_presence },
};

static const struct method *
find_method(const char *name)
{
	static const char domain[] = "WebAuthn.";

	if (strncmp(name, domain, sizeof(domain) - 1) != 0)
		return NULL;
	name += sizeof(domain) - 1;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(name, methods[i].name) == 0)
			return &methods[i];
	return NULL;
}

/* What the parameters name has to be there. */
static struct answer
run(struct call *c, const struct method *m)
{
	const char *id = json_string_value(json_object_get(c->params,
	    "authenticatorId"));

	if (m->about == NOTHING)
		return m->handle(c);
	c->k = id != NULL ? virtual_find(c->rq, SESSION, id) : NULL;
	if (c->k == NULL)
		return answer_invalid("there is no authenticator of this "
		    "authenticatorId");
	id = json_string_value(json_object_get(c->params, "credentialId"));
	if (m->about == A_CREDENTIAL && (id == NULL ||
	    !virtual_find_credential(c->k, id, CREDENTIAL_CDP, &c->cred)))
		return answer_invalid("there is no credential of this "
		    "credentialId");
	return m->handle(c);
}

static struct answer
post_method(struct request *rq)
{
	const struct method *m = find_method(rq->arg[0]);
	struct call c = { .rq = rq };
	struct answer answer;

	if (rq->own != NULL)
		return pending_outcome(rq);
	if (m == NULL)
		return answer_failure(404, "unknown command", "there is no "
		    "such method");
	if (!request_object(rq, true, &c.params, &answer))
		return answer;
	answer = run(&c, m);
	json_decref(c.params);
	return answer;
}

const struct route routes_cdp[] = {
	{ "POST",	"v1/cdp/*",	post_method, "{}" },
	{ NULL, NULL, NULL, NULL }
};
