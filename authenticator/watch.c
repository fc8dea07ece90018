/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches a key: see watch.h. */
#include "authenticator/watch.h"

#include <stdio.h>
#include <time.h>

void
watch_add(struct watch *w, struct event_sink *s)
{
	s->next = w->sinks;
	w->sinks = s;
}

void
watch_remove(struct watch *w, struct event_sink *s)
{
	struct event_sink **at = &w->sinks;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at == s)
		*at = s->next;
}

static void
label(char out[static WATCH_LABEL_LEN], const char *text)
{
	snprintf(out, WATCH_LABEL_LEN, "%s", text != NULL ? text : "");
}

void
watch_label_key(struct watch *w, const char *key)
{
	label(w->key, key);
}

void
watch_label_profile(struct watch *w, const char *profile)
{
	label(w->profile, profile);
}

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

void
watch_tell(const struct watch *w, const struct event *e)
{
	struct event full = *e;
	struct event_sink *s;
	struct timespec ts;

	if (w->sinks == NULL)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	full.time_ms = (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	full.key = text_or_null(w->key);
	full.profile = text_or_null(w->profile);
	for (s = w->sinks; s != NULL; s = s->next)
		s->event(s->arg, &full);
}
