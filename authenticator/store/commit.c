/* SPDX-License-Identifier: Apache-2.0 */
/* Commits and the counter that dates them: see commit.h. */
#include "authenticator/store/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t
commit_generation(const struct commit *c)
{
	return store_generation(c->store);
}

static void
prepare_advance(struct commit *c)
{
	memset(&c->op, 0, sizeof(c->op));
	c->op.verb = KEY_ADVANCE;
	c->op.generation = commit_generation(c);
}

/* 0, and then the counter is where the state is; or an error. */
static int
advance_result(struct commit *c)
{
	const char *why = c->keys->ops->strerror(c->keys);
	int r = c->op.result;

	if (r == 0)
		c->counter = c->op.generation;
	else
		snprintf(c->line, sizeof(c->line), "the counter of the TPM "
		    "cannot be advanced: %s", why[0] != '\0' ? why :
		    strerror(-r));
	return r;
}

const char *
commit_strerror(const struct commit *c)
{
	return c->line;
}

/*
 * Opening
 */

static int
explain_age(const struct commit *c, uint64_t generation, char *msg,
    size_t msglen)
{
	if (!c->dated || generation > c->counter) {
		snprintf(msg, msglen, "belongs to another TPM, or that TPM was "
		    "replaced or has lost its counter (generation %" PRIu64
		    ", the TPM says %" PRIu64 "); restore what it was made "
		    "with", generation, c->counter);
		return -ENODEV;
	}
	snprintf(msg, msglen, "an older copy of this state directory "
	    "(generation %" PRIu64 ", the TPM says %" PRIu64 "): credentials "
	    "made since would be lost, and deleted ones come back; if that "
	    "is meant: sealkey tpm accept-rollback", generation, c->counter);
	return -ESTALE;
}

static int
catch_up_now(struct commit *c, char *msg, size_t msglen)
{
	int r;

	prepare_advance(c);
	(void)keys_perform(c->keys, &c->op);
	r = advance_result(c);
	if (r < 0)
		snprintf(msg, msglen, "%s", c->line);
	return r;
}

int
commit_open(struct commit *c, struct keys *keys, struct store *store,
    bool look, char *msg, size_t msglen)
{
	const struct keys_info *info = keys->ops->info(keys);
	uint64_t generation;

	memset(c, 0, sizeof(*c));
	c->keys = keys;
	c->store = store;
	c->dated = info->counter;
	c->counter = info->counter ? info->generation : 0;
	generation = commit_generation(c);
	if (generation == c->counter)
		return 0;
	if (c->dated && generation == c->counter + 1)
		return look ? 0 : catch_up_now(c, msg, msglen);
	c->stale = true;
	return look ? 0 : explain_age(c, generation, msg, msglen);
}

/*
 * Committing
 */

/* Passes c->op on to the provider: 1, or finished at once. */
static int
advance(struct commit *c, enum commit_phase phase)
{
	prepare_advance(c);
	c->phase = phase;
	if (!c->keys->ops->start(c->keys, &c->op))
		return 1;
	return commit_advanced(c);
}

static int
to_store(struct commit *c, const struct auth_change *change)
{
	int r = store_commit(c->store, change, NULL);

	if (r < 0)
		snprintf(c->line, sizeof(c->line), "%s",
		    store_strerror(c->store));
	return r;
}

/* The change, with everything that is not the engine's business. */
static int
commit_dated(struct commit *c, uint64_t generation)
{
	struct auth_change change = *c->change;
	struct auth_state state;
	int r;

	if (change.put != NULL && change.put->created_s == 0)
		change.put->created_s = (uint64_t)time(NULL);
	if (change.state != NULL)
		change.state->generation = generation;
	if (change.state != NULL || generation == commit_generation(c))
		return to_store(c, &change);
	r = store_load(c->store, &state);
	state.generation = generation;
	change.state = &state;
	if (r == 0)
		r = to_store(c, &change);
	explicit_bzero(&state, sizeof(state));
	return r;
}

/* Only when the counter is where the state is. */
static int
commit_and_advance(struct commit *c)
{
	int r = commit_dated(c, c->counter + 1);

	return r == 0 ? advance(c, COMMIT_ADVANCING) : r;
}

int
commit_start(struct commit *c, const struct auth_change *change)
{
	uint64_t generation = commit_generation(c);

	c->change = change;
	if (c->stale) {
		snprintf(c->line, sizeof(c->line), "this is an older copy of "
		    "the state");
		return -ESTALE;
	}
	if (!c->dated || store_is_count(c->store, change))
		return commit_dated(c, generation);
	if (generation != c->counter)
		return advance(c, COMMIT_CATCHING_UP);
	return commit_and_advance(c);
}

int
commit_advanced(struct commit *c)
{
	enum commit_phase phase = c->phase;
	int r = advance_result(c);

	c->phase = COMMIT_IDLE;
	if (phase == COMMIT_CATCHING_UP && r == 0)
		return commit_and_advance(c);
	if (phase == COMMIT_ADVANCING && r != 0)
		c->diverged = true;
	return r == 0 ? 0 : -EIO;
}

int
commit_wait(struct commit *c, int r)
{
	struct pollfd pfd = { .events = POLLIN };

	while (r == 1) {
		/* the provider has the deadline */
		pfd.fd = c->keys->ops->fd(c->keys);
		(void)poll(&pfd, 1, -1);
		if (c->keys->ops->poll(c->keys) == &c->op)
			r = commit_advanced(c);
	}
	return r;
}

int
commit_now(struct commit *c, const struct auth_change *change)
{
	return commit_wait(c, commit_start(c, change));
}

void
commit_drop(struct commit *c)
{
	if (c->phase != COMMIT_IDLE)
		c->keys->ops->abandon(c->keys, &c->op);
	c->phase = COMMIT_IDLE;
}

int
commit_accept(struct commit *c)
{
	const struct auth_change nothing = { .reset = false };
	int r;

	c->change = &nothing;
	r = commit_dated(c, c->counter + 1);
	if (r == 0) {
		c->stale = false;
		r = commit_wait(c, advance(c, COMMIT_ADVANCING));
	}
	return r;
}
