/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches a key: see watch.h. */
#include "authenticator/watch.h"

#include <stdio.h>

#include "authenticator/clock.h"
#include "ctap/request.h"

#define FORMAT_LEN	24	/* bytes of a name, with the NUL */
#define AUTH_DATA_HEAD	37	/* hash, flags and counter */

/* clientPIN, CTAP 2.3, 6.5.5 */
#define SET_PIN		0x03
#define CHANGE_PIN	0x04
/* credentialManagement, CTAP 2.3, 6.8; others that change it rename */
#define CM_DELETE	0x06

void
watch_add(struct watch *w, struct event_sink *s)
{
	s->next = w->sinks;
	w->sinks = s;
}

void
watch_remove(struct watch *w, struct event_sink *s)
{
	struct event_sink **at = &w->sinks;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at == s)
		*at = s->next;
}

static void
label(char out[static WATCH_LABEL_LEN], const char *text)
{
	snprintf(out, WATCH_LABEL_LEN, "%s", text != NULL ? text : "");
}

void
watch_label_key(struct watch *w, const char *key)
{
	label(w->key, key);
}

void
watch_label_profile(struct watch *w, const char *profile)
{
	label(w->profile, profile);
}

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

void
watch_tell(const struct watch *w, const struct event *e)
{
	struct event full = *e;
	struct event_sink *s;

	if (w->sinks == NULL)
		return;
	full.time_ms = clock_real_ms();
	full.key = text_or_null(w->key);
	full.profile = text_or_null(w->profile);
	for (s = w->sinks; s != NULL; s = s->next)
		s->event(s->arg, &full);
}

static const struct {
	uint8_t		 code;
	const char	*name;
} commands[] = {	/* CTAP 2.3, 6 */
	{ CTAP_MAKE_CREDENTIAL, "makeCredential" },
	{ CTAP_GET_ASSERTION, "getAssertion" },
	{ CTAP_GET_INFO, "getInfo" },
	{ CTAP_CLIENT_PIN, "clientPIN" },
	{ CTAP_RESET, "reset" },
	{ CTAP_GET_NEXT_ASSERTION, "getNextAssertion" },
	{ CTAP_BIO_ENROLLMENT, "bioEnrollment" },
	{ CTAP_CREDENTIAL_MANAGEMENT, "credentialManagement" },
	{ CTAP_SELECTION, "selection" },
	{ CTAP_LARGE_BLOBS, "largeBlobs" },
	{ CTAP_CONFIG, "config" },
}, apdus[] = {		/* U2F raw messages */
	{ U2F_REGISTER, "U2F_REGISTER" },
	{ U2F_AUTHENTICATE, "U2F_AUTHENTICATE" },
	{ U2F_VERSION, "U2F_VERSION" },
};

static const char unknown[] = "unknown";

static const char *
operation_name(const struct auth_facts *f)
{
	size_t i;

	for (i = 0; !f->u2f && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].code == f->command)
			return commands[i].name;
	for (i = 0; f->u2f && i < sizeof(apdus) / sizeof(apdus[0]); i++)
		if (apdus[i].code == f->command)
			return apdus[i].name;
	return unknown;
}

bool
watch_is_operation(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return true;
	for (i = 0; i < sizeof(apdus) / sizeof(apdus[0]); i++)
		if (strcmp(name, apdus[i].name) == 0)
			return true;
	return strcmp(name, unknown) == 0;
}

/*
 * Of a registration, as it is sent, which need not be what the engine made,
 * nor CBOR: 00, a map, 1: a text of less than 24 bytes.
 */
static const char *
statement_format(const struct auth_facts *f, struct span reply,
    char out[static FORMAT_LEN])
{
	size_t len;

	if (f->status != CTAP2_OK)
		return NULL;
	if (f->u2f)
		return f->command == U2F_REGISTER ? "fido-u2f" : NULL;
	if (f->command != CTAP_MAKE_CREDENTIAL || reply.len < 4 ||
	    reply.p[1] >> 5 != 5 || reply.p[2] != 1 || reply.p[3] >> 5 != 3)
		return NULL;
	len = reply.p[3] & 31;
	if (len >= FORMAT_LEN || len > reply.len - 4)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (reply.p[4 + i] < 0x20 || reply.p[4 + i] > 0x7e)
			return NULL;
		out[i] = (char)reply.p[4 + i];
	}
	out[len] = '\0';
	return out;
}

static void
describe_auth_data(struct event *e, struct span ad)
{
	if (ad.len < AUTH_DATA_HEAD)
		return;
	e->has_flags = true;
	e->flags = ad.p[32];
	e->counter = (uint32_t)ad.p[33] << 24 | (uint32_t)ad.p[34] << 16 |
	    (uint32_t)ad.p[35] << 8 | ad.p[36];
}

/* The event that an operation makes beside itself; -1: none. */
static int
effect_of_pin(const struct auth_facts *f)
{
	switch (f->status) {
	case CTAP2_OK:
		return f->subcommand == SET_PIN || f->subcommand ==
		    CHANGE_PIN ? EVENT_PIN_CHANGED : -1;
	case CTAP2_ERR_PIN_INVALID:
		return EVENT_PIN_WRONG;
	case CTAP2_ERR_PIN_BLOCKED:
	case CTAP2_ERR_PIN_AUTH_BLOCKED:
		return EVENT_PIN_BLOCKED;
	default:
		return -1;
	}
}

static int
effect(const struct auth_facts *f)
{
	if (f->u2f)
		return f->cred == NULL ? -1 : f->command == U2F_REGISTER ?
		    EVENT_CREDENTIAL_CREATED : EVENT_CREDENTIAL_ASSERTED;
	if (f->command == CTAP_CLIENT_PIN)
		return effect_of_pin(f);
	/* it stays, even if its host is told of an error (device.c) */
	if (f->command == CTAP_MAKE_CREDENTIAL)
		return f->cred != NULL ? EVENT_CREDENTIAL_CREATED : -1;
	if (f->status != CTAP2_OK)
		return -1;
	switch (f->command) {
	case CTAP_GET_ASSERTION:
	case CTAP_GET_NEXT_ASSERTION:
		return EVENT_CREDENTIAL_ASSERTED;
	case CTAP_CREDENTIAL_MANAGEMENT:
		if (f->cred == NULL)
			return -1;
		return f->subcommand == CM_DELETE ? EVENT_CREDENTIAL_DELETED :
		    EVENT_CREDENTIAL_UPDATED;
	case CTAP_RESET:
		return EVENT_RESET;
	default:
		return -1;
	}
}

/* A registration for the same account of the same site took its place. */
static void
tell_replaced(const struct watch *w, const struct event *op,
    const struct credential *old)
{
	struct event e = *op;

	e.kind = EVENT_CREDENTIAL_DELETED;
	e.credential_id = span(old->id, old->id_len);
	e.has_flags = false;
	e.format = NULL;
	e.has_duration = false;
	watch_tell(w, &e);
}

void
watch_operation(const struct watch *w, const struct auth_facts *f,
    struct span reply, const char *fault, uint64_t duration_us)
{
	char format[FORMAT_LEN];
	struct event e = { .kind = EVENT_OPERATION, .channel = f->channel,
	    .operation = operation_name(f), .subcommand = f->subcommand,
	    .rp_id = f->rp_id, .rp_id_hash = f->rp_id_hash,
	    .user_id = f->user_id, .fault = fault,
	    .result = ctap_status_name(f->status),
	    .has_duration = true, .duration_us = duration_us };
	int kind;

	if (w->sinks == NULL)
		return;
	if (f->cred != NULL)
		e.credential_id = span(f->cred->id, f->cred->id_len);
	describe_auth_data(&e, f->auth_data);
	e.format = statement_format(f, reply, format);
	watch_tell(w, &e);
	if (f->replaced != NULL)
		tell_replaced(w, &e, f->replaced);
	kind = effect(f);
	if (kind != -1) {
		e.kind = (enum event_kind)kind;
		e.has_duration = false;
		watch_tell(w, &e);
	}
}

void
watch_owner(const struct watch *w, enum event_kind kind,
    const struct credential *cred)
{
	struct event e = { .kind = kind, .owner = true };

	if (cred->seq != 0) {
		e.rp_id_hash = cred->rp_id_hash;
		e.credential_id = span(cred->id, cred->id_len);
	}
	if (cred->rp_id.len > 0)
		e.rp_id = span(cred->rp_id.s, cred->rp_id.len);
	if (cred->user.id_len > 0)
		e.user_id = span(cred->user.id, cred->user.id_len);
	watch_tell(w, &e);
}

const char *
watch_reason(enum prompt_reason reason)
{
	switch (reason) {
	case REASON_REGISTER:
		return "register";
	case REASON_SIGN_IN:
		return "sign-in";
	case REASON_SELECT:
		return "select";
	case REASON_RESET:
		return "reset";
	case REASON_EXCLUDED:
		return "excluded";
	case REASON_TOKEN:
		return "token";
	case REASON_ENROLL:
		return "enroll";
	}
	return NULL;
}
