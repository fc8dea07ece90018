/* SPDX-License-Identifier: Apache-2.0 */
/* One key at work, and what can be asked of it: see device.h. */
#include "authenticator/device_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "authenticator/clock.h"
#include "authenticator/forge/forge.h"
#include "authenticator/prefetch.h"
#include "ctap/request.h"

void
device_abandon(struct device *d)
{
	if (d->pending != NULL)
		d->keys->ops->abandon(d->keys, d->pending);
	d->pending = NULL;
}

void
device_note_trouble(struct device *d, const char *line)
{
	if (strcmp(d->trouble, line) == 0)
		return;
	snprintf(d->trouble, sizeof(d->trouble), "%s", line);
	d->told = false;
}

/* Whether the provider failed; it may as well just have said no. */
bool
device_has_failed(const struct key_op *op)
{
	switch (op->result) {
	case -EACCES:
		return op->verb < KEY_PIN_CHECK || op->verb > KEY_PIN_CLEAR;
	case -EBADMSG:
		return op->verb != KEY_OPEN;
	case -ENOTSUP:
		return op->verb != KEY_CERTIFY;
	case -EBUSY:
	case -EIO:
	case -ENODEV:
	case -ENOMEM:
	case -ESTALE:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* What the TPM has no part in (KEY_OPEN) says nothing of how it is. */
void
device_note_result(struct device *d, const struct key_op *op)
{
	const char *why = d->keys->ops->strerror(d->keys);

	if (device_has_failed(op))
		device_note_trouble(d, why[0] != '\0' ? why :
		    strerror(-op->result));
	else if (op->result == 0 && op->verb != KEY_OPEN)
		d->trouble[0] = '\0';
}

const char *
device_trouble(struct device *d)
{
	const char *line = d->audit != NULL ? audit_log_trouble(d->audit) :
	    NULL;

	if (line != NULL)
		return line;
	if (d->told || d->trouble[0] == '\0')
		return NULL;
	d->told = true;
	return d->trouble;
}

static enum auth_want
key_done(struct device *d, uint64_t now_ms)
{
	device_note_pin(d, d->pending);
	device_note_result(d, d->pending);
	d->pending = NULL;
	return auth_key_done(d->engine, now_ms);
}

/* Hosts have a word for it: mc.17, lb.9. */
static bool
says_full(const struct device *d)
{
	struct auth_facts facts;

	return auth_facts(d->engine, &facts) &&
	    (facts.status == CTAP2_ERR_KEY_STORE_FULL ||
	    facts.status == CTAP2_ERR_LARGE_BLOB_STORAGE_FULL);
}

/* No room is an answer, where it is one; a sign-in has no other but OTHER. */
static enum auth_want
commit_done(struct device *d, int r, uint64_t now_ms)
{
	enum auth_want want = auth_commit_done(d->engine, r, now_ms);

	if (r == 0)
		d->trouble[0] = '\0';
	else if (r != -ENOSPC || want != AUTH_REPLY || !says_full(d))
		device_note_trouble(d, commit_strerror(&d->commit));
	return want;
}

/*
 * What the engine wants, done as far as it goes without the user and
 * without waiting.
 */
static enum device_want
perform(struct device *d, enum auth_want want, uint64_t now_ms)
{
	struct auth *au = d->engine;
	int r;

	d->now_ms = now_ms;
	for (;;) {
		switch (want) {
		case AUTH_LOOKUP:
			(void)store_lookup(d->store, auth_lookup_op(au));
			want = auth_lookup_done(au, now_ms);
			break;
		case AUTH_COMMIT:
			if (d->commit.phase != COMMIT_IDLE)
				return DEVICE_KEYS;
			r = commit_start(&d->commit, auth_change(au));
			if (r == 1)
				return DEVICE_KEYS;
			want = commit_done(d, r, now_ms);
			break;
		case AUTH_KEY:
			if (d->pending != NULL)
				return DEVICE_KEYS;
			d->pending = auth_key_op(au);
			if (!d->keys->ops->start(d->keys, d->pending))
				return DEVICE_KEYS;
			want = key_done(d, now_ms);
			break;
		case AUTH_USER:
			return DEVICE_USER;
		case AUTH_REPLY:
			if (d->forging == NOT_FORGED)
				device_finish_request(d);
			return device_forge(d);
		case AUTH_IDLE:
			return DEVICE_IDLE;
		}
	}
}

/* Something stopped the operation, perhaps: then nobody waits for its key. */
static enum device_want
stopped(struct device *d, enum auth_want want, uint64_t now_ms)
{
	if (want != AUTH_KEY && d->forging != FORGING)
		device_abandon(d);
	return perform(d, want, now_ms);
}

/* One that is too long is refused before anything in it is looked at. */
static struct span
keep_request(struct device *d, struct span msg)
{
	uint8_t *kept = d->work->request;

	if (msg.len > sizeof(d->work->request))
		return msg;
	if (msg.len > 0)
		memcpy(kept, msg.p, msg.len);
	return span(kept, msg.len);
}

/*
 * The one before may have ended without a reply. Nobody asks for the time that
 * nobody is told.
 */
static void
begin_operation(struct device *d)
{
	device_forget_fault(d);
	if (d->watch.sinks != NULL)
		d->begun_us = clock_us();
}

enum device_want
device_command(struct device *d, uint64_t channel, struct span msg,
    uint64_t now_ms)
{
	size_t len;

	begin_operation(d);
	msg = device_change_request(d, msg, &len) ?
	    span(d->work->request, len) : keep_request(d, msg);
	return perform(d, auth_command(d->engine, channel, msg, now_ms),
	    now_ms);
}

enum device_want
device_apdu(struct device *d, uint64_t channel, struct span msg,
    uint64_t now_ms)
{
	begin_operation(d);
	msg = keep_request(d, msg);
	return perform(d, auth_apdu(d->engine, channel, msg, now_ms), now_ms);
}

bool
device_has_u2f(const struct device *d)
{
	return auth_has_u2f(d->engine);
}

bool
device_has_ctap2(const struct device *d)
{
	return auth_has_ctap2(d->engine);
}

/* What the user did, which may have been of no use. */
static enum device_want
answered(struct device *d, enum auth_want want, uint64_t now_ms)
{
	if (auth_answer(d->engine) == USER_MISMATCH)
		watch_tell(&d->watch, &(struct event){
		    .kind = EVENT_VERIFICATION_FAILED });
	return perform(d, want, now_ms);
}

enum device_want
device_user(struct device *d, enum user_answer answer, uint64_t now_ms)
{
	return answered(d, auth_user_input(d->engine, answer, now_ms), now_ms);
}

enum device_want
device_finger(struct device *d, struct user_finger finger, uint64_t now_ms)
{
	return answered(d, auth_finger(d->engine, finger, now_ms), now_ms);
}

enum device_want
device_keys(struct device *d, uint64_t now_ms)
{
	struct key_op *op = d->keys->ops->poll(d->keys);
	int r;

	if (op != NULL && op == d->pending && d->forging == FORGING)
		return device_forge_key(d);
	if (op != NULL && op == d->pending)
		return perform(d, key_done(d, now_ms), now_ms);
	if (op != NULL && op == &d->commit.op &&
	    (r = commit_advanced(&d->commit)) != 1)
		return perform(d, commit_done(d, r, now_ms), now_ms);
	return perform(d, auth_current_want(d->engine), now_ms);
}

enum device_want
device_cancel(struct device *d, uint64_t channel, uint64_t now_ms)
{
	return stopped(d, auth_cancel(d->engine, channel), now_ms);
}

enum device_want
device_abort(struct device *d, uint64_t channel, uint64_t now_ms)
{
	return stopped(d, auth_abort(d->engine, channel), now_ms);
}

enum device_want
device_tick(struct device *d, uint64_t now_ms)
{
	if (d->audit != NULL && audit_log_deadline(d->audit, now_ms) <= now_ms)
		(void)audit_log_flush(d->audit);
	return stopped(d, auth_tick(d->engine, now_ms), now_ms);
}

void
device_host_gone(struct device *d, uint32_t host)
{
	auth_host_gone(d->engine, host);
}

size_t
device_info(struct device *d, uint64_t channel, uint8_t *out, size_t cap)
{
	const struct auth_facts facts = { .channel = channel,
	    .command = CTAP_GET_INFO, .status = CTAP2_OK };
	uint64_t begun_us = d->watch.sinks != NULL ? clock_us() : 0;
	size_t len = auth_info(d->engine, channel, out, cap);

	if (len > 0 && d->watch.sinks != NULL)
		watch_operation(&d->watch, &facts, span(out, len), NULL,
		    clock_us() - begun_us);
	return len;
}

uint64_t
device_deadline(const struct device *d)
{
	uint64_t engine = auth_deadline(d->engine), audit = UINT64_MAX;

	if (d->audit != NULL)
		audit = audit_log_deadline(d->audit, d->now_ms);
	return audit < engine ? audit : engine;
}

int
device_keys_fd(const struct device *d)
{
	return d->keys->ops->fd(d->keys);
}

bool
device_idle(const struct device *d)
{
	return d->engine == NULL || auth_idle(d->engine);
}

void
device_prefetch(const struct device *d)
{
	prefetch(d, &d->commit.op);
	prefetch(&d->auth.leaf, &d->auth.leaf.subject);
	prefetch_first(d->forge);
	prefetch_first(d->faults);
	if (d->engine != NULL)
		auth_prefetch(d->engine);
	store_prefetch(d->store);
}

const struct auth_prompt *
device_prompt(struct device *d)
{
	return auth_prompt(d->engine);
}

struct span
device_reply(const struct device *d)
{
	return d->forging == FORGED ? forge_reply(d->forge) :
	    auth_reply(d->engine);
}

struct fault_set *
device_faults(struct device *d)
{
	return d->faults;
}

const char *
device_fault(const struct device *d)
{
	return d->fault.name[0] != '\0' ? d->fault.name : NULL;
}

bool
device_facts(const struct device *d, struct auth_facts *out)
{
	if (!auth_facts(d->engine, out))
		return false;
	if (d->forging != FORGED)
		return true;
	/* as it goes out */
	if (!out->u2f)
		out->status = (enum ctap_status)forge_reply(d->forge).p[0];
	out->auth_data = forge_auth_data(d->forge);
	out->attestation = forge_kind(d->forge);
	return true;
}

void
device_replied(struct device *d)
{
	struct auth_facts facts;

	if (device_facts(d, &facts)) {
		if (d->watch.sinks != NULL)
			watch_operation(&d->watch, &facts, device_reply(d),
			    device_fault(d), clock_us() - d->begun_us);
		device_note_told(d, &facts);
	}
	device_forget_fault(d);
	device_forget_forged(d);
	auth_replied(d->engine);
	if (d->commit.diverged && device_tell_engine(d) == 0)
		d->commit.diverged = false;
}

/* One step of device_transact(). */
static enum device_want
step(struct device *d, enum device_want want)
{
	struct pollfd pfd = { .events = POLLIN };
	struct user_finger fitting = { .long_touch = true };

	if (want == DEVICE_USER)
		return device_finger(d, fitting, clock_ms());
	pfd.fd = device_keys_fd(d);
	(void)poll(&pfd, 1, -1);
	return device_keys(d, clock_ms());
}

/* What an operation that was started comes to. */
static int
finish(struct device *d, enum device_want want, uint8_t *reply, size_t cap,
    size_t *len)
{
	struct span answer;
	int r = -EMSGSIZE;

	while (want == DEVICE_USER || want == DEVICE_KEYS)
		want = step(d, want);
	answer = device_reply(d);
	if (answer.len <= cap) {
		memcpy(reply, answer.p, answer.len);
		*len = answer.len;
		r = 0;
	}
	device_replied(d);
	return r;
}

int
device_transact(struct device *d, struct span request, uint8_t *reply,
    size_t cap, size_t *len)
{
	if (!device_idle(d))
		return -EBUSY;
	return finish(d, device_command(d, 0, request, clock_ms()), reply,
	    cap, len);
}

int
device_transact_apdu(struct device *d, struct span request, uint8_t *reply,
    size_t cap, size_t *len)
{
	if (!device_idle(d))
		return -EBUSY;
	return finish(d, device_apdu(d, 0, request, clock_ms()), reply, cap,
	    len);
}

int
device_fail(struct device *d, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->line, sizeof(d->line), fmt, ap);
	va_end(ap);
	return error;
}

int
device_explain_keys(struct device *d, int r, const char *before)
{
	const char *why = d->keys->ops->strerror(d->keys);

	if (r < 0)
		snprintf(d->line, sizeof(d->line), "%s%s", before,
		    why[0] != '\0' ? why : strerror(-r));
	return r;
}

int
device_check_idle(struct device *d)
{
	return device_idle(d) ? 0 : device_fail(d, -EBUSY,
	    "the key is answering a request; try again");
}

struct watch *
device_watch(struct device *d)
{
	return &d->watch;
}

struct store *
device_store(struct device *d)
{
	return d->store;
}

struct keys *
device_provider(struct device *d)
{
	return d->keys;
}

const char *
device_keys_name(const struct device *d)
{
	return d->keys->ops->name;
}

bool
device_hardware(const struct device *d)
{
	return d->keys->ops->info(d->keys)->hardware;
}

const struct keys_info *
device_keys_info(const struct device *d)
{
	return d->keys->ops->info(d->keys);
}

bool
device_is_stale(const struct device *d)
{
	return d->commit.stale;
}

uint64_t
device_counter(const struct device *d)
{
	return d->commit.counter;
}

uint64_t
device_generation(const struct device *d)
{
	return commit_generation(&d->commit);
}

const char *
device_strerror(const struct device *d)
{
	return d->line;
}

int
device_tag(struct device *d, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	return d->keys->ops->tag(d->keys, "device", data, out);
}

const char *
device_path(const struct device *d)
{
	return d->path;
}

int
device_dirfd(const struct device *d)
{
	return d->dirfd;
}

int
device_audit_flush(struct device *d)
{
	return d->audit != NULL ? audit_log_flush(d->audit) : 0;
}
