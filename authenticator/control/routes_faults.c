/* SPDX-License-Identifier: Apache-2.0 */
/* What a key is to get wrong on purpose. */
#include <errno.h>
#include <string.h>

#include "authenticator/control/describe_fault.h"
#include "authenticator/control/route.h"
#include "authenticator/parse.h"

static struct fault_set *
faults_of(struct request *rq)
{
	return device_faults(rq->key->device);
}

static void
tell_watchers(struct request *rq, enum event_kind kind, const char *name,
    const struct rp_id_text *rp)
{
	struct event e = { .kind = kind, .owner = true, .fault = name };

	if (rp != NULL && rp->len > 0)
		e.rp_id = span(rp->s, rp->len);
	watch_tell(device_watch(rq->key->device), &e);
}

static struct answer
get_faults(struct request *rq)
{
	return answer_success(describe_fault_set(faults_of(rq)));
}

static struct answer
refusal(int error, const char *line)
{
	switch (error) {
	case -EPERM:
		return answer_failure(403, "faults forbidden", line);
	case -ENOSPC:
		return answer_error(error, line);
	default:
		return answer_invalid(line);
	}
}

static bool
take_browser(const json_t *json, struct fault_scope *scope)
{
	int browser = FAULT_ANY_BROWSER;

	if (json != NULL && !json_is_null(json))
		browser = json_is_string(json) ? fault_browser_named(
		    json_string_value(json)) : -1;
	scope->browser = (enum fault_browser)browser;
	return browser >= 0;
}

/* {"fault": "reg.rpidhash", "uses": 1, "rpId": "example.com"} */
static const char *
take_armament(json_t *json, const char **name, struct fault_scope *scope)
{
	static const char wrong[] = "fault is a name, uses a number up to "
	    "1000000 (0: until it is cleared), rpId an RP ID, browser "
	    "chromium or firefox";
	json_t *rp = NULL, *browser = NULL;
	json_int_t uses = 1;
	struct span id;

	if (json_unpack(json, "{s:s, s?I, s?o, s?o !}", "fault", name, "uses",
	    &uses, "rpId", &rp, "browser", &browser) == -1 || uses < 0 ||
	    uses > FAULT_USES_MAX || !take_browser(browser, scope))
		return wrong;
	scope->uses = (uint32_t)uses;
	if (rp == NULL || json_is_null(rp))
		return NULL;
	if (!json_is_string(rp))
		return wrong;
	id = span(json_string_value(rp), json_string_length(rp));
	if (!fault_is_rp_id(id))
		return FAULT_NO_RP_ID;
	memcpy(scope->rp.s, id.p, id.len);
	scope->rp.len = (uint8_t)id.len;
	return NULL;
}

static struct answer
arm(struct request *rq, const char *name, const struct fault_scope *scope)
{
	struct fault_set *set = faults_of(rq);
	char line[FAULT_MESSAGE_LEN], full[FAULT_NAME_MAX];
	const struct fault_armed *a = NULL;
	struct fault_choice choice;
	int r = fault_choose(name, &choice, line, sizeof(line));

	if (r == 0)
		r = fault_arm(set, choice, scope, NULL, line, sizeof(line));
	if (r < 0)
		return refusal(r, line);
	for (size_t i = 0; fault_armed_at(set, i) != NULL; i++)
		a = fault_armed_at(set, i);	/* the newest is the last */
	fault_choice_name(choice, full);
	tell_watchers(rq, EVENT_FAULT_ARMED, full, &scope->rp);
	return answer_success(describe_armed(a));
}

static struct answer
post_fault(struct request *rq)
{
	struct fault_scope scope = { .uses = 1 };
	struct answer answer;
	const char *name, *wrong;
	json_t *json;

	if (!request_object(rq, false, &json, &answer))
		return answer;
	wrong = take_armament(json, &name, &scope);
	answer = wrong == NULL ? arm(rq, name, &scope) :
	    answer_invalid(wrong);
	json_decref(json);
	return answer;
}

static struct answer
delete_faults(struct request *rq)
{
	fault_clear_all(faults_of(rq));
	tell_watchers(rq, EVENT_FAULT_CLEARED, NULL, NULL);
	return answer_success(json_object());
}

/* 0: it is no id */
static uint32_t
id_of(const char *text)
{
	uint64_t id;

	return parse_number(text, 1, UINT32_MAX, &id) ? (uint32_t)id : 0;
}

static struct answer
delete_fault(struct request *rq)
{
	struct fault_set *set = faults_of(rq);
	const struct fault_armed *a;
	char name[FAULT_NAME_MAX] = "";
	uint32_t id = id_of(rq->arg[0]);

	for (size_t i = 0; (a = fault_armed_at(set, i)) != NULL; i++) {
		if (a->id == id)
			fault_choice_name(a->choice, name);
	}
	if (fault_clear(set, id) < 0)
		return answer_failure(404, "no such fault", "no fault with "
		    "this id is armed");
	tell_watchers(rq, EVENT_FAULT_CLEARED, name, NULL);
	return answer_success(json_object());
}

const struct route routes_faults[] = {
	{ "GET",	"faults",	get_faults, NULL },
	{ "POST",	"faults",	post_fault, "{}" },
	{ "DELETE",	"faults",	delete_faults, NULL },
	{ "DELETE",	"faults/*",	delete_fault, NULL },
	{ NULL, NULL, NULL, NULL }
};
