/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/control/add_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/control/ask_profile.h"
#include "authenticator/control/pending.h"
#include "authenticator/parse.h"
#include "authenticator/profile/profile_state.h"
#include "authenticator/settings.h"

#define MESSAGE_LEN	(DEVICE_MESSAGE_LEN + PATH_MAX)	/* bytes */
#define TPM_DEFAULT	"none"	/* of a key that does not last */

/* What the hub needs until the key is there, and who waits for it. */
struct adding {
	struct pending	*pending;
	json_t		*json;		/* with what options point to */
	struct profile	*profile;
	struct hub_options options;
	struct new_key	 wanted;
};

/* The members of POST /v1/keys; spans of its JSON. */
struct wish {
	const char	*id;
	const char	*name;
	const char	*state;
	const char	*transport;
	const char	*socket;
	const char	*presence;
	const char	*tpm;
	int		 ephemeral;
	int		 plugged;
	const char	*profile;
	json_t		*profile_text;
	json_t		*settings;
};

/* As text, as the command line has it. */
static bool
setting_text(const json_t *value, char *out, size_t size)
{
	int n = -1;

	if (json_is_string(value))
		n = snprintf(out, size, "%s", json_string_value(value));
	else if (json_is_boolean(value))
		n = snprintf(out, size, "%s", json_is_true(value) ? "on" :
		    "off");
	else if (json_is_integer(value))
		n = snprintf(out, size, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
	return n >= 0 && (size_t)n < size;
}

static int
take_settings(json_t *settings, struct auth_config *auth, bool *choice,
    char *msg, size_t msglen)
{
	const char *name;
	char text[2048];
	json_t *value;
	int r;

	if (settings != NULL && !json_is_object(settings)) {
		snprintf(msg, msglen, "settings is an object, of a value for "
		    "each name");
		return -EINVAL;
	}
	json_object_foreach(settings, name, value) {
		if (!setting_text(value, text, sizeof(text))) {
			snprintf(msg, msglen, "settings: a value is text, a "
			    "number, true or false");
			return -EINVAL;
		}
		r = settings_set(auth, name, text, msg, msglen);
		if (r < 0)
			return r;
		*choice |= strcmp(name, "accountChoice") == 0;
	}
	return 0;
}

static int
wrong(char *msg, size_t msglen, const char *line)
{
	snprintf(msg, msglen, "%s", line);
	return -EINVAL;
}

static int
take_place(const struct wish *w, struct hub_options *o, char *msg,
    size_t msglen)
{
	int transport = parse_choice(w->transport, hub_transport_names);

	if (w->ephemeral > 0 && w->state != NULL)
		return wrong(msg, msglen, "a key is ephemeral, or has a state "
		    "directory");
	if (w->ephemeral == 0 && w->state == NULL)
		return wrong(msg, msglen, "a key that is not ephemeral needs "
		    "a state directory: state");
	if (w->state != NULL && w->state[0] != '/')
		return wrong(msg, msglen, "state is an absolute path");
	if (transport != HUB_UHID && transport != HUB_SOCKET)
		return wrong(msg, msglen, "transport is uhid or socket");
	if (w->socket != NULL && w->socket[0] != '/')
		return wrong(msg, msglen, "socket is an absolute path");
	if (w->socket != NULL && transport != HUB_SOCKET)
		return wrong(msg, msglen, "socket is for transport socket");
	o->state = w->state;
	o->transport = transport;
	o->path = w->socket;
	o->tpm.target = w->tpm;
	if (w->state == NULL && w->tpm == NULL)
		o->tpm.target = TPM_DEFAULT;
	return 0;
}

/* The one that was asked for, or that the state directory keeps. */
static int
take_profile(const struct wish *w, struct hub_options *o,
    struct profile **out, char *msg, size_t msglen)
{
	int r = ask_profile(w->profile, w->profile_text, out, msg, msglen);

	o->keep_profile = *out != NULL;
	if (r == 0 && *out == NULL && w->state != NULL)
		r = profile_recall(w->state, out, msg, msglen);
	if (r < 0 || *out == NULL)
		return r;
	o->profile = *out;
	profile_apply(*out, &o->auth);
	return 0;
}

/* *profile is to be freed, whatever comes of it. */
static int
take_wish(const struct wish *w, struct hub_options *o,
    struct profile **profile, char *msg, size_t msglen)
{
	int presence = parse_choice(w->presence, presence_names);
	struct device_config defaults;
	bool choice = false;
	int r;

	if (presence == -1)
		return wrong(msg, msglen, "presence is auto, manual, never or "
		    "deny");
	o->presence = presence;
	o->id = w->id;
	o->name = w->name;
	o->unplugged = w->plugged == 0;
	device_config_default(&defaults);
	o->auth = defaults.auth;
	r = take_place(w, o, msg, msglen);
	if (r == 0)
		r = take_profile(w, o, profile, msg, msglen);
	if (r == 0 && *profile != NULL)
		choice = profile_says(*profile, "accountChoice");
	if (r == 0)
		r = take_settings(w->settings, &o->auth, &choice, msg,
		    msglen);
	if (!choice)
		o->auth.choice = o->presence == PRESENCE_AUTO ?
		    CHOICE_TOKEN : CHOICE_HOST;
	return r;
}

/* Says which member cannot be; the two that are read elsewhere, there. */
static int
check_members(json_t *json, char *msg, size_t msglen)
{
	static const char *const texts[] = { "key", "name", "state",
	    "transport", "socket", "presence", "tpm", "profile",
	    NULL };
	static const char *const flags[] = { "ephemeral", "plugged", NULL };
	const char *name, *wrong = NULL;
	json_t *value;

	json_object_foreach(json, name, value) {
		if (parse_choice(name, texts) != -1)
			wrong = json_is_string(value) ? NULL : "is text";
		else if (parse_choice(name, flags) != -1)
			wrong = json_is_boolean(value) ? NULL : "is true or "
			    "false";
		else if (strcmp(name, "settings") != 0 &&
		    strcmp(name, "profileText") != 0)
			wrong = "is nothing that a new key has";
		if (wrong == NULL)
			continue;
		snprintf(msg, msglen, "\"%.64s\" %s", name, wrong);
		return -EINVAL;
	}
	return 0;
}

/* Of a.json, into the rest of it. */
static int
take_body(struct adding *a, char *msg, size_t msglen)
{
	struct wish w = { .transport = "uhid",
	    .presence = "auto", .ephemeral = -1, .plugged = 1 };
	int r = check_members(a->json, msg, msglen);

	if (r < 0)
		return r;
	if (json_unpack(a->json, "{s?s, s?s, s?s, s?s, s?s, s?s,"
	    " s?s, s?b, s?b, s?s, s?o, s?o !}", "key", &w.id, "name", &w.name,
	    "state", &w.state, "transport", &w.transport,
	    "socket", &w.socket, "presence", &w.presence, "tpm", &w.tpm,
	    "ephemeral", &w.ephemeral, "plugged", &w.plugged,
	    "profile", &w.profile, "profileText", &w.profile_text,
	    "settings", &w.settings) == -1)
		return wrong(msg, msglen, "the body cannot be read");
	return take_wish(&w, &a->options, &a->profile, msg, msglen);
}

static void
drop(struct adding *a)
{
	profile_free(a->profile);
	json_decref(a->json);
	free(a);
}

static void
on_added(void *arg, struct hub_key *k, int error, const char *line)
{
	struct adding *a = arg;

	if (k != NULL && a->wanted.born != NULL)
		a->wanted.born(k, a->wanted.verified);
	pending_say(a->pending, k != NULL ?
	    answer_success(a->wanted.reply(k)) : answer_error(error, line));
	pending_less(a->pending);
	drop(a);
}

/* From here on the hub has it. */
static struct answer
begin(struct request *rq, struct adding *a)
{
	const struct hub_added added = { .added = on_added, .arg = a };
	char msg[MESSAGE_LEN];
	struct answer failed;
	int r = take_body(a, msg, sizeof(msg));

	if (r == 0) {
		a->pending = pending_begin(rq, answer_error(-ECANCELED,
		    "the daemon is about to end"), &failed);
		if (a->pending == NULL) {
			drop(a);
			return failed;
		}
		r = hub_add_aside(rq->hub, &a->options, &added, msg,
		    sizeof(msg));
	}
	if (r < 0) {
		drop(a);
		return answer_error(r, msg);
	}
	pending_more(a->pending);
	return pending_outcome(rq);
}

struct answer
add_key(struct request *rq, json_t *json, const struct new_key *wanted)
{
	struct adding *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return answer_success(NULL);
	a->json = json_incref(json);
	a->wanted = *wanted;
	a->options.owner = wanted->owner;
	a->options.audit = AUDIT_SEALED;
	return begin(rq, a);
}
