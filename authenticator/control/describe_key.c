/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the daemon as JSON: see describe_key.h. */
#include "authenticator/control/describe_key.h"

#include <unistd.h>

#include "authenticator/control/describe.h"
#include "authenticator/settings.h"

/* Consumes more. */
static json_t *
with(json_t *json, json_t *more)
{
	bool ok = json != NULL && more != NULL &&
	    json_object_update(json, more) == 0;

	json_decref(more);
	if (ok)
		return json;
	json_decref(json);
	return NULL;
}

/* What is only there when it is plugged in, and for some transports. */
static bool
add_transport(json_t *json, const struct hub_key *k)
{
	char serial[HUB_SERIAL_LEN];

	hub_serial(k, serial);
	if (json_object_set_new(json, "serial", json_string(serial)) == -1)
		return false;
	if (k->kind == HUB_SOCKET)
		return json_object_set_new(json, "socket",
		    json_string(k->path)) == 0;
	if (k->kind == HUB_GADGET)
		return json_object_set_new(json, "gadget",
		    json_string(k->path)) == 0;
	return true;
}

json_t *
describe_key_briefly(struct hub_key *k)
{
	const struct presence *p = loop_presence(k->loop);
	json_t *json = json_pack("{s:s, s:s, s:s, s:b, s:s, s:b, s:s, s:s?}",
	    "key", k->id,
	    "name", k->name,
	    "state", device_path(k->device),
	    "ephemeral", k->ephemeral.lock_fd != -1,
	    "transport", hub_transport_names[k->kind],
	    "plugged", k->transport != NULL,
	    "presence", presence_names[p->mode],
	    "session", k->owner[0] != '\0' ? k->owner : NULL);

	if (json != NULL && !add_transport(json, k)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *
describe_key(struct hub_key *k)
{
	const struct auth_config *auth = device_auth(k->device);
	json_t *json = describe_device(k->device);

	if (json == NULL)
		return NULL;
	json = with(json, describe_key_briefly(k));
	return json == NULL ? NULL : with(json,
	    json_pack("{s:b, s:b, s:i, s:i, s:i, s:I, s:s, s:s}",
	    "running", 1,
	    "userWanted", loop_presence(k->loop)->asking,
	    "pid", (int)getpid(),
	    "hosts", (int)loop_host_count(k->loop),
	    "presses", (int)presence_kept(loop_presence(k->loop)),
	    "clockOffsetMs", (json_int_t)k->offset_ms,
	    "attestation", settings_attestation_name(auth->attestation.kind),
	    "accountChoice", auth->choice == CHOICE_TOKEN ? "token" :
	    "host"));
}
