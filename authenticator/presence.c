/* SPDX-License-Identifier: Apache-2.0 */
/* Who touches the key: see presence.h. */
#include "authenticator/presence.h"

#include <inttypes.h>
#include <stdio.h>

const char *const presence_names[PRESENCE_MODES + 1] = { "auto", "manual",
	"never", "deny", NULL };
const char *const verification_names[VERIFICATION_RESULTS + 1] = { "verified",
    "mismatch", "refused", NULL };

void
presence_init(struct presence *p, enum presence_mode mode)
{
	memset(p, 0, sizeof(*p));
	p->mode = mode;
	p->due_ms = UINT64_MAX;
}

/* Somebody answers by themselves. */
static bool
is_prompt(const struct presence *p)
{
	return p->mode == PRESENCE_AUTO || p->mode == PRESENCE_DENY;
}

void
presence_set(struct presence *p, enum presence_mode mode, uint64_t delay_ms,
    uint64_t now_ms)
{
	p->mode = mode;
	p->delay_ms = is_prompt(p) ? delay_ms : 0;
	p->due_ms = p->asking && is_prompt(p) ? now_ms + p->delay_ms :
	    UINT64_MAX;
	if (mode != PRESENCE_MANUAL)
		presence_done(p);
}

void
presence_text(const struct presence *p, char out[static PRESENCE_TEXT_LEN])
{
	size_t n = (size_t)snprintf(out, PRESENCE_TEXT_LEN, "%s",
	    presence_names[p->mode]);

	if (p->delay_ms > 0)
		snprintf(out + n, PRESENCE_TEXT_LEN - n, " %" PRIu64,
		    p->delay_ms);
}

void
presence_verification_text(const struct presence *p,
    char out[static PRESENCE_TEXT_LEN])
{
	const struct verifications *v = &p->verifications;
	size_t n = (size_t)snprintf(out, PRESENCE_TEXT_LEN, "%s",
	    verification_names[v->always]);

	_Static_assert((VERIFICATIONS_MAX + 1) * sizeof(" verified") <=
	    PRESENCE_TEXT_LEN, "all of them fit");
	for (unsigned i = 0; i < v->count; i++)
		n += (size_t)snprintf(out + n, PRESENCE_TEXT_LEN - n, "%c%s",
		    i == 0 ? ' ' : ',', verification_names[v->next[i]]);
}

enum verification
presence_verification(struct presence *p)
{
	struct verifications *v = &p->verifications;
	enum verification first = v->next[0];

	if (v->count == 0)
		return v->always;
	v->count--;
	memmove(v->next, v->next + 1, v->count * sizeof(v->next[0]));
	return first;
}

/* done() may free the press, or press again: it must be unlinked before. */
static struct touch
use_press(struct press *press)
{
	struct touch touch = press->touch;

	press->done(press, true);
	return touch;
}

static struct press *
take_oldest(struct presence *p)
{
	struct press *press = p->kept;

	p->kept = press->next;
	press->next = NULL;
	return press;
}

/* Whoever polls finds what was due since, unless they polled no more. */
static void
set_due(struct presence *p, uint64_t now_ms)
{
	if (p->due_ms == UINT64_MAX ||
	    (p->due_ms < now_ms && now_ms - p->due_ms >= PRESS_KEPT_MS))
		p->due_ms = now_ms + p->delay_ms;
}

static bool
take_due(struct presence *p, uint64_t now_ms, struct touch *answer)
{
	if (p->due_ms > now_ms)
		return false;
	p->due_ms = UINT64_MAX;
	*answer = (struct touch){ .deny = p->mode == PRESENCE_DENY,
	    .finger.long_touch = p->mode == PRESENCE_AUTO };
	return true;
}

static void
give_up_late(struct presence *p, uint64_t now_ms)
{
	while (p->kept != NULL && now_ms >= p->kept->deadline_ms) {
		struct press *press = take_oldest(p);

		press->done(press, false);
	}
}

bool
presence_ask(struct presence *p, bool polled, uint64_t now_ms,
    struct touch *answer)
{
	give_up_late(p, now_ms);
	p->polled = polled;
	if (is_prompt(p))
		set_due(p, now_ms);
	if (take_due(p, now_ms, answer))
		return true;
	if (p->kept != NULL) {
		*answer = use_press(take_oldest(p));
		return true;
	}
	p->asking = true;
	return false;
}

void
presence_unask(struct presence *p)
{
	p->asking = false;
	if (!p->polled)
		p->due_ms = UINT64_MAX;
}

bool
presence_press(struct presence *p, struct press *press, uint64_t now_ms,
    struct touch *answer)
{
	struct press **end = &p->kept;

	press->next = NULL;
	if (p->asking) {
		p->asking = false;
		*answer = use_press(press);
		return true;
	}
	press->deadline_ms = now_ms + PRESS_KEPT_MS;
	while (*end != NULL)
		end = &(*end)->next;
	*end = press;
	return false;
}

void
presence_withdraw(struct presence *p, struct press *press)
{
	struct press **at = &p->kept;

	while (*at != NULL && *at != press)
		at = &(*at)->next;
	if (*at == press)
		*at = press->next;
}

unsigned
presence_kept(const struct presence *p)
{
	const struct press *press;
	unsigned count = 0;

	for (press = p->kept; press != NULL; press = press->next)
		count++;
	return count;
}

void
presence_done(struct presence *p)
{
	while (p->kept != NULL) {
		struct press *press = take_oldest(p);

		press->done(press, false);
	}
}

/* All are kept equally long, so the oldest is the first to give up. */
uint64_t
presence_deadline(const struct presence *p)
{
	uint64_t first = p->kept != NULL ? p->kept->deadline_ms : UINT64_MAX;

	return p->asking && p->due_ms < first ? p->due_ms : first;
}

bool
presence_tick(struct presence *p, uint64_t now_ms, struct touch *answer)
{
	give_up_late(p, now_ms);
	if (!p->asking || !take_due(p, now_ms, answer))
		return false;
	p->asking = false;
	return true;
}
