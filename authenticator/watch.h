/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who watches a key, and what they are told: the list of sinks, the labels
 * that every event of the key bears, and which events an operation makes.
 * Costs nothing while nobody watches.
 */
#ifndef AUTHENTICATOR_WATCH_H
#define AUTHENTICATOR_WATCH_H

#include "authenticator/engine/engine.h"
#include "authenticator/event.h"

#define WATCH_LABEL_LEN	64	/* bytes, with the NUL; the rest is cut off */

/* All zero: nobody, and no labels. */
struct watch {
	struct event_sink *sinks;
	char		 key[WATCH_LABEL_LEN];		/* "": not told */
	char		 profile[WATCH_LABEL_LEN];
};

void watch_add(struct watch *w, struct event_sink *s);
/* If it is there. Not from within its event(). */
void watch_remove(struct watch *w, struct event_sink *s);

/* NULL takes the label away. */
void watch_label_key(struct watch *w, const char *key);
void watch_label_profile(struct watch *w, const char *profile);

/* Tells everybody e, with the time and the labels. */
void watch_tell(const struct watch *w, const struct event *e);

/*
 * The same for what an operation was and what it did, by its facts (engine.h)
 * and the reply as it is sent; fault NULL: none was used.
 */
void watch_operation(const struct watch *w, const struct auth_facts *f,
    struct span reply, const char *fault, uint64_t duration_us);
/* And for the owner's doing to cred; seq 0: nobody knows which one it was. */
void watch_owner(const struct watch *w, enum event_kind kind,
    const struct credential *cred);
/* Whether events of operations can have that name. */
bool watch_is_operation(const char *name);
/* What a prompt is for, as events have it. */
const char *watch_reason(enum prompt_reason reason);

#endif
