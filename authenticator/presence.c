/* SPDX-License-Identifier: Apache-2.0 */
/* Who touches the key: see presence.h. */
#include "authenticator/presence.h"

void
presence_init(struct presence *p, enum presence_mode mode)
{
	memset(p, 0, sizeof(*p));
	p->mode = mode;
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

bool
presence_ask(struct presence *p, uint64_t now_ms, struct touch *answer)
{
	presence_tick(p, now_ms);
	if (p->mode == PRESENCE_AUTO) {
		*answer = (struct touch){ .finger.long_touch = true };
		return true;
	}
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

/* All are kept equally long, so the oldest is the first to give up. */
uint64_t
presence_deadline(const struct presence *p)
{
	return p->kept != NULL ? p->kept->deadline_ms : UINT64_MAX;
}

void
presence_tick(struct presence *p, uint64_t now_ms)
{
	while (p->kept != NULL && now_ms >= p->kept->deadline_ms) {
		struct press *press = take_oldest(p);

		press->done(press, false);
	}
}
