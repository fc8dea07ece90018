/* SPDX-License-Identifier: Apache-2.0 */
/* A key to be managed, at rest or at work: see manage.h. */
#include "authenticator/control/manage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/base64url.h"
#include "authenticator/control/anchors.h"
#include "authenticator/control/control_client.h"
#include "authenticator/control/describe.h"
#include "authenticator/names.h"
#include "authenticator/paths.h"
#include "authenticator/profile/profile_state.h"

#define BUSY_TRIES	30
#define BUSY_WAIT_MS	100
#define TARGET_MAX	(BASE64URL_LEN(CREDENTIAL_ID_MAX) + 128)

/* Where the running key listens; m->path is known. */
static int
find_control(struct manage *m)
{
	int dirfd;
	int r;

	dirfd = paths_open_dir(m->path, false, m->msg, sizeof(m->msg));
	if (dirfd < 0)
		return dirfd;
	r = note_read(dirfd, m->control, m->id);
	close(dirfd);
	if (r < 0)
		snprintf(m->msg, sizeof(m->msg), "%s: no key is running here",
		    m->path);
	return r;
}

int
manage_open(struct manage *m, const char *state)
{
	static const struct device_tpm as_made;

	return manage_open_tpm(m, state, &as_made, false);
}

int
manage_open_tpm(struct manage *m, const char *state,
    const struct device_tpm *tpm, bool look)
{
	/* how the key itself does it, nobody knows while it is at rest */
	struct device_config cfg = { .manage = true, .look = look,
	    .tpm = *tpm, .audit = AUDIT_SEALED };
	int r;

	memset(m, 0, sizeof(*m));
	r = paths_state(state, m->path, m->msg, sizeof(m->msg));
	if (r < 0)
		return r;
	cfg.path = m->path;
	r = device_open(&cfg, 0, &m->device, m->msg, sizeof(m->msg));
	if (r != -EBUSY)
		return r;
	/* Locked, but by what? "sealkey webauthn" has no control socket. */
	r = find_control(m);
	if (r < 0)
		snprintf(m->msg, sizeof(m->msg), "%s: another sealkey is using "
		    "this key", m->path);
	return r;
}

int
manage_open_or_make(struct manage *m, const char *state,
    const struct device_tpm *tpm)
{
	struct device_config cfg = { .create = true, .tpm = *tpm };
	int r = manage_open_tpm(m, state, tpm, false);

	if (r != -ENOENT)
		return r;
	device_config_default(&cfg);
	r = paths_state(state, m->path, m->msg, sizeof(m->msg));
	if (r < 0)
		return r;
	cfg.path = m->path;
	return device_open(&cfg, 0, &m->device, m->msg, sizeof(m->msg));
}

int
manage_open_running(struct manage *m, const char *state)
{
	int r;

	memset(m, 0, sizeof(*m));
	r = paths_state(state, m->path, m->msg, sizeof(m->msg));
	return r < 0 ? r : find_control(m);
}

void
manage_close(struct manage *m)
{
	device_close(m->device);
	m->device = NULL;
}

/* Where the key has path: "info". */
static void
make_target(const struct manage *m, const char *path,
    char out[static TARGET_MAX])
{
	snprintf(out, TARGET_MAX, "/v1/%s%s%s%s", m->id[0] != '\0' ? "keys/" :
	    "", m->id, m->id[0] != '\0' ? "/" : "", path);
}

/* A key that answers a host at the moment is asked again for a while. */
int
manage_request(struct manage *m, const char *method, const char *path,
    const char *body, json_t **out)
{
	char target[TARGET_MAX];
	static const struct timespec pause = { 0, BUSY_WAIT_MS * 1000000L };
	int r = -EBUSY;
	int i;

	make_target(m, path, target);
	for (i = 0; i < BUSY_TRIES && r == -EBUSY; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		r = control_call_with(m->control, method, target,
		    body != NULL ? body : "", out, m->msg, sizeof(m->msg));
	}
	if (r == -ECONNREFUSED)
		snprintf(m->msg, sizeof(m->msg), "%s: no key is running here",
		    m->path);
	return r;
}

static int
call(struct manage *m, const char *method, const char *path, json_t **out)
{
	return manage_request(m, method, path, NULL, out);
}

static int
call_simple(struct manage *m, const char *method, const char *path)
{
	json_t *body = NULL;
	int r = call(m, method, path, &body);

	json_decref(body);
	return r;
}

/* For the device at hand: m->msg says what the store says. */
static int
explain(struct manage *m, int r)
{
	if (r == -ENOENT)
		snprintf(m->msg, sizeof(m->msg), "there is no credential "
		    "with this ID");
	else if (r == -EINVAL)
		snprintf(m->msg, sizeof(m->msg), "not a credential ID in "
		    "base64url");
	else if (r == -ENOMEM)
		snprintf(m->msg, sizeof(m->msg), "out of memory");
	else if (r < 0)
		snprintf(m->msg, sizeof(m->msg), "%s",
		    store_strerror(device_store(m->device)));
	return r;
}

/* The same for what device_*() did. */
static int
explain_device(struct manage *m, int r)
{
	if (r < 0 && r != -ENOENT)
		snprintf(m->msg, sizeof(m->msg), "%s",
		    device_strerror(m->device));
	return r == -ENOENT ? explain(m, r) : r;
}

int
manage_info(struct manage *m, json_t **out)
{
	json_t *json;

	if (m->device == NULL)
		return call(m, "GET", "info", out);
	json = describe_device(m->device);
	if (json == NULL || json_object_set_new(json, "running",
	    json_false()) == -1) {
		json_decref(json);
		return explain(m, -EIO);
	}
	*out = json;
	return 0;
}

/* An ID goes into a URL: nothing but base64url may. */
static int
id_target(struct manage *m, const char *id, char *out, size_t size)
{
	uint8_t raw[CREDENTIAL_ID_MAX];
	size_t len = strlen(id);

	if (len == 0 || BASE64URL_BYTES(len) > sizeof(raw) ||
	    !base64url_decode(span(id, len), raw, &len))
		return explain(m, -EINVAL);
	snprintf(out, size, "credentials/%s", id);
	return 0;
}

int
manage_show(struct manage *m, const char *id, json_t **out)
{
	char target[BASE64URL_LEN(CREDENTIAL_ID_MAX) + 32];
	struct credential cred;
	int r;

	if (m->device == NULL) {
		r = id_target(m, id, target, sizeof(target));
		return r < 0 ? r : call(m, "GET", target, out);
	}
	r = describe_find(m->device, id, &cred);
	if (r < 0)
		return explain(m, r);
	*out = describe_credential(m->device, &cred);
	return *out != NULL ? 0 : explain(m, -ENOMEM);
}

struct visit {
	const struct device *device;	/* NULL: it runs */
	int	(*each)(void *arg, json_t *cred);
	void	*arg;
};

static int
visit(void *arg, const struct credential *cred)
{
	struct visit *v = arg;
	json_t *json = describe_credential(v->device, cred);
	int r;

	if (json == NULL)
		return -ENOMEM;
	r = v->each(v->arg, json);
	json_decref(json);
	return r;
}

static int
visit_page(struct visit *v, json_t *page)
{
	json_t *list = json_object_get(page, "credentials");
	int r = 0;
	size_t i;

	for (i = 0; i < json_array_size(list) && r == 0; i++)
		r = v->each(v->arg, json_array_get(list, i));
	return r;
}

static int
visit_pages(struct manage *m, struct visit *v)
{
	char target[64];
	json_int_t after = 0;
	json_t *page;
	int r;

	do {
		snprintf(target, sizeof(target), "credentials?after=%"
		    JSON_INTEGER_FORMAT, after);
		r = call(m, "GET", target, &page);
		if (r < 0)
			return r;
		r = visit_page(v, page);
		after = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (r == 0 && after > 0);
	return r;
}

int
manage_each(struct manage *m, int (*each)(void *arg, json_t *cred), void *arg)
{
	struct visit v = { m->device, each, arg };

	if (m->device == NULL)
		return visit_pages(m, &v);
	return explain(m, store_each(device_store(m->device), visit, &v));
}

/* Which model it was done to, as a running key says it. */
static void
label(struct manage *m)
{
	char msg[PROFILE_MESSAGE_LEN];
	struct profile *p = NULL;

	if (profile_recall(m->path, &p, msg, sizeof(msg)) == 0 && p != NULL)
		watch_label_profile(device_watch(m->device), p->name);
	profile_free(p);
}

/* It is done, whether or not it can be noted down. */
static void
note_down(struct manage *m)
{
	int r = device_audit_flush(m->device);

	if (r < 0)
		snprintf(m->warning, sizeof(m->warning), "%s/audit.log: %s: "
		    "that it is done is not in it", m->path, strerror(-r));
}

int
manage_delete(struct manage *m, const char *id)
{
	char target[BASE64URL_LEN(CREDENTIAL_ID_MAX) + 32];
	struct credential cred;
	int r;

	if (m->device == NULL) {
		r = id_target(m, id, target, sizeof(target));
		return r < 0 ? r : call_simple(m, "DELETE", target);
	}
	r = describe_find(m->device, id, &cred);
	if (r < 0)
		return explain(m, r);
	label(m);
	r = device_delete(m->device, cred.seq);
	note_down(m);
	return explain_device(m, r);
}

int
manage_reset(struct manage *m)
{
	int r;

	if (m->device == NULL)
		return call_simple(m, "POST", "reset");
	label(m);
	r = device_reset(m->device);
	note_down(m);
	return explain_device(m, r);
}

/* The file itself goes along: the key may not see what we see. */
static int
set_running(struct manage *m, const struct profile *p)
{
	json_t *body = json_pack("{s:s%}", "profileText",
	    (const char *)p->text.p, p->text.len);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *reply = NULL;
	int r = -ENOMEM;

	if (text != NULL)
		r = manage_request(m, "PUT", "profile", text, &reply);
	else
		snprintf(m->msg, sizeof(m->msg), "out of memory");
	free(text);
	json_decref(body);
	json_decref(reply);
	return r;
}

int
manage_set_profile(struct manage *m, const struct profile *p)
{
	static const struct event changed = { .kind = EVENT_PROFILE_CHANGED,
	    .owner = true };
	struct auth_config cfg = { .features = 0 };
	int r;

	if (m->device == NULL)
		return set_running(m, p);
	profile_apply(p, &cfg);
	/* it would not start again */
	if (cfg.attestation.kind == ATTESTATION_TPM &&
	    !device_keys_info(m->device)->tpm) {
		snprintf(m->msg, sizeof(m->msg), "tpm attestation needs keys "
		    "in a TPM");
		return -ENOTSUP;
	}
	r = profile_keep(p, device_dirfd(m->device), m->path, m->msg,
	    sizeof(m->msg));
	if (r < 0)
		return r;
	watch_label_profile(device_watch(m->device), p->name);
	watch_tell(device_watch(m->device), &changed);
	note_down(m);
	return 0;
}

int
manage_anchors(struct manage *m, json_t **out)
{
	char *pem;
	int r;

	if (m->device == NULL)
		return call(m, "GET", "attestation/roots", out);
	r = attestation_roots_read(device_store(m->device), &pem);
	if (r == -ENOENT)
		snprintf(m->msg, sizeof(m->msg), "%s: this key has no "
		    "attestation yet: run it once", m->path);
	else if (r < 0)
		return explain(m, r);
	if (r < 0)
		return r;
	free(pem);
	*out = describe_anchors(m->device);
	return *out != NULL ? 0 : explain(m, -ENOMEM);
}

int
manage_crls(struct manage *m, int64_t now_s, json_t **out)
{
	if (m->device == NULL)
		return call(m, "GET", "attestation/crls", out);
	*out = describe_crls(m->device, now_s);
	return *out != NULL ? 0 : explain(m, -ENOMEM);
}

static int
audit_at_rest(struct manage *m, const struct audit_filter *f,
    int (*each)(void *arg, json_t *line), void *arg, uint64_t *damaged)
{
	struct audit_reader reader = { .keys = device_provider(m->device),
	    .dirfd = device_dirfd(m->device), .filter = *f };
	int r = audit_read(&reader, SIZE_MAX, each, arg);

	*damaged = reader.damaged;
	if (r < 0)
		snprintf(m->msg, sizeof(m->msg), "%s: the audit log cannot be "
		    "read: %s", m->path, strerror(-r));
	return r;
}

int
manage_audit(struct manage *m, const struct audit_filter *f,
    int (*each)(void *arg, json_t *line), void *arg, uint64_t *damaged)
{
	json_t *page, *list, *next;
	char path[128], place[64];
	int r = 0, len;
	size_t i;

	*damaged = 0;
	if (m->device != NULL)
		return audit_at_rest(m, f, each, arg, damaged);
	len = snprintf(path, sizeof(path), "audit?since=%" PRIu64 "&until=%"
	    PRIu64, f->since_ms, f->until_ms);
	for (place[0] = '\0'; r == 0;) {
		if (place[0] != '\0')
			snprintf(path + len, sizeof(path) - (size_t)len,
			    "&after=%s", place);
		r = call(m, "GET", path, &page);
		if (r < 0)
			break;
		list = json_object_get(page, "events");
		for (i = 0; i < json_array_size(list) && r == 0; i++)
			r = each(arg, json_array_get(list, i));
		*damaged += (uint64_t)json_integer_value(
		    json_object_get(page, "damaged"));
		next = json_object_get(page, "next");
		snprintf(place, sizeof(place), "%s", next != NULL ?
		    json_string_value(next) : "");
		json_decref(page);
		if (place[0] == '\0')
			break;
	}
	return r;
}

int
manage_roots(struct manage *m, char **out)
{
	const char *pem;
	json_t *body;
	int r;

	r = manage_anchors(m, &body);
	if (r < 0)
		return r;
	pem = json_string_value(json_object_get(body, "pem"));
	*out = pem != NULL ? strdup(pem) : NULL;
	json_decref(body);
	return *out != NULL ? 0 : explain(m, -ENOMEM);
}

int
manage_press(struct manage *m, const struct touch *touch)
{
	char text[128], target[TARGET_MAX];
	json_t *body = NULL;
	int r;

	make_target(m, touch->deny ? "deny" : "press", target);
	snprintf(text, sizeof(text), "{\"finger\": %u, \"sample\": \"%s\", "
	    "\"long\": %s}", touch->finger.number,
	    sample_name(touch->finger.status),
	    touch->finger.long_touch ? "true" : "false");
	/* -EBUSY here means that this key has no button: no second try */
	r = control_call_with(m->control, "POST", target,
	    touch->deny ? "" : text, &body, m->msg, sizeof(m->msg));
	json_decref(body);
	if (r == -ECONNREFUSED)
		snprintf(m->msg, sizeof(m->msg), "%s: no key is running here",
		    m->path);
	return r;
}
