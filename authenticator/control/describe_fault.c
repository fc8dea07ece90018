/* SPDX-License-Identifier: Apache-2.0 */
/* Faults as JSON: see describe_fault.h. */
#include "authenticator/control/describe_fault.h"

#include <string.h>

static json_t *
needs_of(const struct fault *f)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < FAULT_NEEDS; i++) {
		if (f->needs & 1U << i)
			json_array_append_new(list,
			    json_string(fault_need_name(1U << i)));
	}
	return list;
}

static const char *
value_of(const struct fault *f)
{
	static const char *const names[] = {
		[FAULT_NO_VALUE] = NULL,
		[FAULT_VALUE_STATUS] = "status",
		[FAULT_VALUE_MS] = "milliseconds",
	};

	return names[f->value];
}

/* What it is if the name comes without one; NULL: it takes none. */
static const char *
default_of(const struct fault *f, char name[static FAULT_NAME_MAX])
{
	const char *colon;

	fault_choice_name((struct fault_choice){ f, f->usual }, name);
	colon = strchr(name, ':');
	return colon != NULL ? colon + 1 : NULL;
}

json_t *
describe_fault(const struct fault *f)
{
	char name[FAULT_NAME_MAX];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:s?, "
	    "s:s?, s:b, s:{s:s, s:s}, s:s?}",
	    "name", f->name,
	    "stage", fault_stage_name(f->stage),
	    "verdict", fault_verdict_name(f->verdict),
	    "breaks", f->breaks,
	    "check", f->check,
	    "section", f->section,
	    "references", f->references,
	    "needs", needs_of(f),
	    "value", value_of(f),
	    "default", default_of(f, name),
	    "u2f", f->u2f,
	    "reach",
	    "chromium", fault_reach_name(f->chromium),
	    "firefox", fault_reach_name(f->firefox),
	    "warning", fault_warning(f, FAULT_ANY_BROWSER));
}

json_t *
describe_armed(const struct fault_armed *a)
{
	const struct rp_id_text *rp = &a->scope.rp;
	char name[FAULT_NAME_MAX];
	json_t *id = rp->len > 0 ? json_stringn(rp->s, rp->len) : json_null();

	fault_choice_name(a->choice, name);
	return json_pack("{s:I, s:s, s:I, s:o, s:I, s:s?, s:s?}",
	    "id", (json_int_t)a->id,
	    "fault", name,
	    "uses", (json_int_t)a->scope.uses,
	    "rpId", id,
	    "used", (json_int_t)a->used,
	    "browser", fault_browser_name(a->scope.browser),
	    "warning", fault_warning(a->choice.fault, a->scope.browser));
}

json_t *
describe_fault_set(const struct fault_set *set)
{
	const struct fault_armed *a;
	json_t *list = json_array();

	for (size_t i = 0; (a = fault_armed_at(set, i)) != NULL; i++) {
		if (json_array_append_new(list, describe_armed(a)) == -1) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:b, s:o}",
	    "allowed", !fault_set_forbidden(set),
	    "armed", list);
}
