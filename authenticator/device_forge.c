/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies that are not what hosts and engine made them: what the
 * key gets wrong on purpose (fault/armed.h), and attestations that the engine
 * does not make (forge/forge.h).
 */
#include "authenticator/device_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "authenticator/fault/other.h"
#include "authenticator/fault/request.h"
#include "authenticator/forge/forge.h"

/* Without a fault. False: what the host gets is the engine's. */
static bool
begin_honest(struct device *d)
{
	struct forge_source src = { .reply = auth_reply(d->engine),
	    .now_s = time(NULL) };

	d->forging = HONEST;
	return auth_facts(d->engine, &src.facts) &&
	    forge_must(d->forge, &src.facts) && forge_begin(d->forge, &src);
}

/* The provider's own line, where it failed, says more. */
static void
note_forge(struct device *d, const char *what)
{
	char line[DEVICE_MESSAGE_LEN];
	const char *why = forge_trouble(d->forge);

	if (why == NULL || (device_has_failed(forge_key_op(d->forge)) &&
	    d->trouble[0] != '\0'))
		return;
	snprintf(line, sizeof(line), "%s%s", what, why);
	device_note_trouble(d, line);
}

static bool
is_reset(const struct auth_facts *facts)
{
	return !facts->u2f && facts->command == CTAP_RESET &&
	    facts->status == CTAP2_OK;
}

struct fault_told *
device_told(struct device *d)
{
	if (d->counters != NULL || fault_set_forbidden(d->faults))
		return d->counters;
	d->counters = calloc(1, sizeof(*d->counters));
	if (d->counters != NULL)
		fault_told_load(d->counters, d->store);
	return d->counters;
}

/* What its relying party knows of it from now on. */
void
device_note_told(struct device *d, const struct auth_facts *facts)
{
	struct fault_told *told = facts->cred != NULL ||
	    is_reset(facts) ? device_told(d) : NULL;

	if (told != NULL && is_reset(facts))
		fault_told_clear(told);
	else if (told != NULL)
		fault_told_note(told, facts, d->fault.happened);
}

/* Memory: until replied. */
static void
find_other(struct device *d, struct forge_source *src)
{
	static const struct fault_accounts none;

	if (d->other == NULL)
		d->other = calloc(1, sizeof(*d->other));
	if (d->other == NULL || !fault_account_other(d->accounts != NULL ?
	    d->accounts : &none, d->store, &src->facts, d->other))
		return;
	src->other_id = span(d->other->id, d->other->id_len);
	if (d->other->user_id_len > 0)
		src->other_user_id = span(d->other->user_id,
		    d->other->user_id_len);
}

/* Those that change a request instead have no such hooks. */
static bool
is_forged(const struct fault *f)
{
	return f->mc.kinds != 0 || f->mc.plan != NULL || f->mc.sign != NULL ||
	    f->mc.frame != NULL || f->ga.plan != NULL ||
	    f->ga.sign != NULL || f->ga.frame != NULL;
}

/* A registration of U2F has no authenticator data, and always presence. */
static bool
is_present(const struct auth_facts *facts)
{
	return facts->auth_data.p == NULL ||
	    (facts->auth_data.p[32] & AUTHDATA_UP) != 0;
}

/*
 * Asking whether a credential is there, without anybody being present, is no
 * sign-in: clients do that on their own, and nobody sees the reply.
 */
static bool
begin_fault(struct device *d, struct forge_source *src)
{
	bool mc = src->facts.command == CTAP_MAKE_CREDENTIAL;
	enum fault_stage stage = mc ? FAULT_REGISTRATION :
	    FAULT_AUTHENTICATION;
	struct fault_armed armed;
	uint32_t after = 0;

	if (d->fault.name[0] != '\0' || fault_armed_at(d->faults, 0) == NULL ||
	    !forge_can(&src->facts) || !is_present(&src->facts))
		return false;
	find_other(d, src);
	if (device_told(d) != NULL)
		src->told = fault_told(d->counters, src->facts.cred);
	for (; fault_next(d->faults, stage, src->facts.rp_id, after, &armed);
	    after = armed.id) {
		src->choice = armed.choice;
		if (armed.choice.fault->value == FAULT_NO_VALUE)
			src->choice.value = (uint32_t)armed.used;
		if (!is_forged(armed.choice.fault) ||
		    !forge_begin(d->forge, src))
			continue;
		d->fault.armed = armed;
		return true;
	}
	return false;
}

/* What is not stored has to be remembered for those that mix accounts up. */
static void
note_account(struct device *d, const struct auth_facts *facts)
{
	if (facts->status != CTAP2_OK || facts->cred == NULL ||
	    facts->cred->seq != 0 || fault_set_forbidden(d->faults))
		return;
	if (d->accounts == NULL)
		d->accounts = calloc(1, sizeof(*d->accounts));
	if (d->accounts != NULL)
		fault_account_note(d->accounts, facts);
}

static void
fault_happened(struct device *d, const struct auth_facts *facts)
{
	struct event e = { .kind = EVENT_FAULT_USED, .fault = d->fault.name,
	    .channel = facts->channel, .rp_id = facts->rp_id,
	    .rp_id_hash = facts->rp_id_hash };

	fault_choice_name(d->fault.armed.choice, d->fault.name);
	d->fault.happened = d->fault.armed.choice.fault;
	fault_used(d->faults, d->fault.armed.id);
	d->fault.armed.id = 0;
	watch_tell(&d->watch, &e);
}

/* Goes on as far as nobody waits for the key provider; false: it signs. */
static bool
forge_signs(struct device *d, enum forge_want want)
{
	while (want == FORGE_KEY) {
		d->pending = forge_key_op(d->forge);
		if (!d->keys->ops->start(d->keys, d->pending)) {
			d->forging = FORGING;
			return false;
		}
		device_note_result(d, d->pending);
		d->pending = NULL;
		want = forge_key_done(d->forge);
	}
	return true;
}

/*
 * A fault that could not be made is left out, and stays armed. What has to be
 * made anew without one, and cannot be, is an error: the credential, which is
 * on disk by then, stays, as the one that it replaced is gone already.
 */
static enum device_want
forge_on(struct device *d, enum forge_want want)
{
	struct auth_facts facts;

	for (;;) {
		if (!forge_signs(d, want))
			return DEVICE_KEYS;
		d->forging = FORGED;
		if (forge_bent(d->forge) || d->fault.armed.id == 0)
			break;
		note_forge(d, "a fault was left out: ");
		d->fault.armed.id = 0;
		if (!begin_honest(d))
			return DEVICE_REPLY;
		want = forge_run(d->forge);
	}
	if (forge_bent(d->forge) && auth_facts(d->engine, &facts))
		fault_happened(d, &facts);
	note_forge(d, "a host got an error, though what it asked for is "
	    "done: ");
	return DEVICE_REPLY;
}

enum device_want
device_forge_key(struct device *d)
{
	device_note_result(d, d->pending);
	d->pending = NULL;
	return forge_on(d, forge_key_done(d->forge));
}

enum device_want
device_forge(struct device *d)
{
	struct forge_source src = { .reply = auth_reply(d->engine),
	    .now_s = time(NULL) };

	if (d->forging == FORGING)
		return DEVICE_KEYS;
	if (d->forging != NOT_FORGED)
		return DEVICE_REPLY;
	d->forging = HONEST;
	if (!auth_facts(d->engine, &src.facts))
		return DEVICE_REPLY;
	note_account(d, &src.facts);
	if (!begin_fault(d, &src) && !begin_honest(d))
		return DEVICE_REPLY;
	return forge_on(d, forge_run(d->forge));
}

/* An operation is over, one way or another. */
void
device_forget_forged(struct device *d)
{
	/* most replies are not forged, and a forge is large */
	if (d->forging == FORGING || d->forging == FORGED)
		forge_end(d->forge);
	d->forging = NOT_FORGED;
}

/* What was asked for wrongly has been done, or did not go well. */
void
device_finish_request(struct device *d)
{
	struct auth_facts facts;

	if (d->fault.armed.id == 0)
		return;
	if (auth_facts(d->engine, &facts) && facts.status == CTAP2_OK)
		fault_happened(d, &facts);
	d->fault.armed.id = 0;
}

bool
device_change_request(struct device *d, struct span msg, size_t *len)
{
	return fault_armed_at(d->faults, 0) != NULL && fault_request(d->faults,
	    msg, &d->auth, d->work->request, len, &d->fault.armed);
}

void
device_forget_fault(struct device *d)
{
	d->fault.armed.id = 0;
	d->fault.name[0] = '\0';
	d->fault.happened = NULL;
}
