/* SPDX-License-Identifier: Apache-2.0 */
/* Which faults are armed: see armed.h. */
#include "authenticator/fault/armed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first count of armed, oldest first, which is also by id. */
struct fault_set {
	bool		 forbidden;
	uint32_t	 last_id;
	size_t		 count;
	struct fault_armed armed[FAULTS_ARMED_MAX];
};

struct fault_set *
fault_set_new(bool forbidden)
{
	struct fault_set *set = calloc(1, sizeof(*set));

	if (set != NULL)
		set->forbidden = forbidden;
	return set;
}

void
fault_set_free(struct fault_set *set)
{
	free(set);
}

bool
fault_set_forbidden(const struct fault_set *set)
{
	return set->forbidden;
}

static int
check(const struct fault_set *set, const struct fault *f, char *msg,
    size_t msglen)
{
	if (set->forbidden) {
		snprintf(msg, msglen, FAULT_FORBIDDEN_TEXT);
		return -EPERM;
	}
	if (f->stage == FAULT_CLIENT) {
		snprintf(msg, msglen, "the fault %s is the client's, not the "
		    "key's: sealkey webauthn --fault %s", f->name, f->name);
		return -ENOTSUP;
	}
	if (f->stage == FAULT_METADATA) {
		snprintf(msg, msglen, "the fault %s is one of metadata, not "
		    "the key's: sealkey mds blob --fault %s", f->name,
		    f->name);
		return -ENOTSUP;
	}
	if (set->count == FAULTS_ARMED_MAX) {
		snprintf(msg, msglen, "%d faults are armed, which is as many "
		    "as a key takes; clear some", FAULTS_ARMED_MAX);
		return -ENOSPC;
	}
	return 0;
}

int
fault_arm(struct fault_set *set, struct fault_choice choice,
    const struct fault_scope *scope, uint32_t *id, char *msg, size_t msglen)
{
	int r = check(set, choice.fault, msg, msglen);

	if (r < 0)
		return r;
	set->armed[set->count++] = (struct fault_armed){
		.id = ++set->last_id, .choice = choice, .scope = *scope };
	if (id != NULL)
		*id = set->last_id;
	return 0;
}

const struct fault_armed *
fault_armed_at(const struct fault_set *set, size_t i)
{
	return i < set->count ? &set->armed[i] : NULL;
}

static struct fault_armed *
with_id(struct fault_set *set, uint32_t id)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->armed[i].id == id)
			return &set->armed[i];
	}
	return NULL;
}

int
fault_clear(struct fault_set *set, uint32_t id)
{
	struct fault_armed *a = with_id(set, id);

	if (a == NULL)
		return -ENOENT;
	set->count--;
	memmove(a, a + 1, (size_t)(set->armed + set->count - a) * sizeof(*a));
	return 0;
}

void
fault_clear_all(struct fault_set *set)
{
	set->count = 0;
}

bool
fault_is_rp_id(struct span rp_id)
{
	if (rp_id.len == 0 || rp_id.len > RP_ID_KEPT)
		return false;
	if (rp_id.len >= 4 && memcmp(rp_id.p, "ssh:", 4) == 0)
		return true;
	for (size_t i = 0; i < rp_id.len; i++) {
		if (rp_id.p[i] <= ' ' || rp_id.p[i] == '/' ||
		    rp_id.p[i] == ':' || rp_id.p[i] == 0x7f ||
		    (rp_id.p[i] >= 'A' && rp_id.p[i] <= 'Z'))
			return false;
	}
	return true;
}

static bool
fits(const struct fault_armed *a, enum fault_stage stage, struct span rp_id)
{
	const struct rp_id_text *rp = &a->scope.rp;

	if (a->choice.fault->stage != stage)
		return false;
	return rp->len == 0 ||
	    (rp_id.p != NULL && span_eq(rp_id, span(rp->s, rp->len)));
}

bool
fault_next(const struct fault_set *set, enum fault_stage stage,
    struct span rp_id, uint32_t after, struct fault_armed *out)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->armed[i].id > after &&
		    fits(&set->armed[i], stage, rp_id)) {
			*out = set->armed[i];
			return true;
		}
	}
	return false;
}

void
fault_used(struct fault_set *set, uint32_t id)
{
	struct fault_armed *a = with_id(set, id);

	if (a == NULL)
		return;
	a->used++;
	if (a->scope.uses > 0 && --a->scope.uses == 0)
		(void)fault_clear(set, id);
}

bool
fault_take(struct fault_set *set, enum fault_stage stage, struct span rp_id,
    struct fault_armed *out)
{
	if (!fault_next(set, stage, rp_id, 0, out))
		return false;
	fault_used(set, out->id);
	return true;
}
