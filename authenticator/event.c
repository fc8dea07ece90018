/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a key: see event.h. */
#include "authenticator/event.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/sha.h>

#include "ctap/authdata.h"

static const struct {
	const char	*name;
	const char	*alias;
} kinds[EVENT_KINDS] = {
	[EVENT_OPERATION] = { "operation", NULL },
	[EVENT_USER_WANTED] = { "user-wanted", NULL },
	[EVENT_USER_ANSWERED] = { "user-answered", NULL },
	[EVENT_CREDENTIAL_CREATED] = { "credential-created",
	    "credentialAdded" },
	[EVENT_CREDENTIAL_ASSERTED] = { "credential-asserted",
	    "credentialAsserted" },
	[EVENT_CREDENTIAL_UPDATED] = { "credential-updated",
	    "credentialUpdated" },
	[EVENT_CREDENTIAL_DELETED] = { "credential-deleted",
	    "credentialDeleted" },
	[EVENT_CREDENTIAL_EXPORTED] = { "credential-exported", NULL },
	[EVENT_RESET] = { "reset", NULL },
	[EVENT_PIN_WRONG] = { "pin-wrong", NULL },
	[EVENT_PIN_BLOCKED] = { "pin-blocked", NULL },
	[EVENT_PIN_CHANGED] = { "pin-changed", NULL },
	[EVENT_VERIFICATION_FAILED] = { "verification-failed", NULL },
	[EVENT_PLUGGED] = { "plugged", NULL },
	[EVENT_UNPLUGGED] = { "unplugged", NULL },
	[EVENT_HOST_CONNECTED] = { "host-connected", NULL },
	[EVENT_HOST_GONE] = { "host-gone", NULL },
	[EVENT_PROFILE_CHANGED] = { "profile-changed", NULL },
	[EVENT_FAULT_ARMED] = { "fault-armed", NULL },
	[EVENT_FAULT_USED] = { "fault-used", NULL },
	[EVENT_FAULT_CLEARED] = { "fault-cleared", NULL },
	[EVENT_POWER_CYCLED] = { "power-cycled", NULL },
	[EVENT_PRESENCE_CHANGED] = { "presence-changed", NULL },
	[EVENT_VERIFICATION_CHANGED] = { "verification-changed", NULL },
	[EVENT_CLOCK_ADVANCED] = { "clock-advanced", NULL },
	[EVENT_REMOVED] = { "removed", NULL },
	[EVENT_ENDED] = { "ended", NULL },
	[EVENT_LOST] = { "lost", NULL },
};

/* WebAuthn Level 3, 6.1 */
static const struct {
	uint8_t		 bit;
	const char	*name;
} flag_names[] = {
	{ AUTHDATA_UP, "UP" }, { AUTHDATA_UV, "UV" }, { AUTHDATA_BE, "BE" },
	{ AUTHDATA_BS, "BS" }, { AUTHDATA_AT, "AT" }, { AUTHDATA_ED, "ED" },
};

const char *
event_name(enum event_kind kind)
{
	return kinds[kind].name;
}

const char *
event_alias(enum event_kind kind)
{
	return kinds[kind].alias;
}

int
event_find(const char *name)
{
	for (int i = 0; i < EVENT_KINDS; i++) {
		if (strcmp(name, kinds[i].name) == 0)
			return i;
		if (kinds[i].alias != NULL &&
		    strcmp(name, kinds[i].alias) == 0)
			return i;
	}
	return -1;
}

void
event_time(uint64_t time_ms, char out[static EVENT_TIME_LEN])
{
	time_t s = (time_t)(time_ms / 1000);
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&s, &tm) != NULL)
		n = strftime(out, EVENT_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, EVENT_TIME_LEN - n, ".%03uZ",
	    (unsigned)(time_ms % 1000));
}

static void
put_text(struct json_out *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	json_out_name(out, name);
	json_out_string(out, text);
}

static void
put_bytes(struct json_out *out, const char *name, struct span bytes)
{
	if (bytes.p == NULL)
		return;
	json_out_name(out, name);
	json_out_bytes(out, bytes);
}

static void
put_number(struct json_out *out, const char *name, uint64_t v)
{
	json_out_name(out, name);
	json_out_uint(out, v);
}

static void
put_rp(struct json_out *out, const struct event *e)
{
	if (e->rp_id.p != NULL) {
		json_out_name(out, "rpId");
		json_out_utf8(out, e->rp_id);
	} else if (e->rp_id_hash != NULL) {
		put_bytes(out, "rpIdHash", span(e->rp_id_hash, 32));
	}
}

/* A user handle says who it is to whoever has the relying party's table. */
static void
put_user(struct json_out *out, struct span user_id)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	if (user_id.p != NULL && SHA256(user_id.p, user_id.len, hash) != NULL)
		put_bytes(out, "userHandleHash", span(hash, sizeof(hash)));
}

static void
put_flags(struct json_out *out, const struct event *e)
{
	if (!e->has_flags)
		return;
	json_out_name(out, "flags");
	json_out_open(out, '[');
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (e->flags & flag_names[i].bit)
			json_out_string(out, flag_names[i].name);
	json_out_close(out, ']');
	put_number(out, "signCount", e->counter);
}

static void
put_channel(struct json_out *out, uint64_t channel)
{
	char text[32];

	if (channel == 0)
		return;
	snprintf(text, sizeof(text), "%u:%08x", (unsigned)(channel >> 32),
	    (unsigned)channel);
	put_text(out, "channel", text);
}

void
event_write(const struct event *e, struct json_out *out)
{
	char when[EVENT_TIME_LEN];

	event_time(e->time_ms, when);
	json_out_open(out, '{');
	put_text(out, "event", event_name(e->kind));
	put_text(out, "alias", event_alias(e->kind));
	put_text(out, "time", when);
	put_text(out, "key", e->key);
	put_text(out, "profile", e->profile);
	if (e->owner) {
		json_out_name(out, "owner");
		json_out_bool(out, true);
	}
	put_channel(out, e->channel);
	put_text(out, "operation", e->operation);
	if (e->subcommand != 0)
		put_number(out, "subcommand", e->subcommand);
	put_rp(out, e);
	put_bytes(out, "credentialId", e->credential_id);
	put_user(out, e->user_id);
	put_flags(out, e);
	put_text(out, "format", e->format);
	put_text(out, "fault", e->fault);
	put_text(out, "reason", e->reason);
	put_text(out, "answer", e->answer);
	put_text(out, "result", e->result);
	put_text(out, "value", e->value);
	if (e->kind == EVENT_CLOCK_ADVANCED)
		put_number(out, "offsetMs", e->offset_ms);
	if (e->has_duration)
		put_number(out, "durationUs", e->duration_us);
	if (e->kind == EVENT_LOST || e->count > 0)
		put_number(out, "count", e->count);
	json_out_close(out, '}');
}
