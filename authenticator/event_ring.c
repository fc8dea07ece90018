/* SPDX-License-Identifier: Apache-2.0 */
/* The last events of a daemon: see event_ring.h. */
#include "authenticator/event_ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char		*text;
	size_t		 len;
	enum event_kind	 kind;
	char		 key[RING_KEY_LEN];
};

/* Event n is entry[n % RING_EVENTS]; first to end - 1 are there. */
struct event_ring {
	struct entry	 entry[RING_EVENTS];
	uint64_t	 first;
	uint64_t	 end;
	size_t		 bytes;
	struct json_out	 out;
	void		(*changed)(void *arg);
	void		*arg;
};

int
event_ring_new(struct event_ring **out)
{
	struct event_ring *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->first = r->end = 1;
	json_out_init(&r->out);
	*out = r;
	return 0;
}

void
event_ring_watch(struct event_ring *r, void (*changed)(void *arg), void *arg)
{
	r->changed = changed;
	r->arg = arg;
}

static void
drop_first(struct event_ring *r)
{
	struct entry *e = &r->entry[r->first++ % RING_EVENTS];

	r->bytes -= e->len;
	free(e->text);
	*e = (struct entry){ .text = NULL };
}

void
event_ring_free(struct event_ring *r)
{
	if (r == NULL)
		return;
	while (r->first < r->end)
		drop_first(r);
	json_out_done(&r->out);
	free(r);
}

/* The event's JSON with its number before all else; NULL: out of memory. */
static char *
number(struct event_ring *r, const struct event *e, size_t *len)
{
	struct span text;
	char *line;
	int n;

	json_out_clear(&r->out);
	event_write(e, &r->out);
	text = json_out_text(&r->out);
	if (text.p == NULL || text.len < 2)
		return NULL;
	n = asprintf(&line, "{\"seq\":%llu,%.*s\n", (unsigned long long)r->end,
	    (int)text.len - 1, (const char *)text.p + 1);
	if (n < 0)
		return NULL;
	*len = (size_t)n;
	return line;
}

/* One that memory has no room for counts as lost, by its number. */
void
event_ring_put(void *ring, const struct event *e)
{
	struct event_ring *r = ring;
	size_t len = 0;
	char *text = number(r, e, &len);
	struct entry *entry;

	while (r->first < r->end && (text == NULL || r->bytes + len >
	    RING_BYTES || r->end - r->first >= RING_EVENTS))
		drop_first(r);
	if (text == NULL) {
		r->first = ++r->end;
	} else {
		entry = &r->entry[r->end++ % RING_EVENTS];
		*entry = (struct entry){ .text = text, .len = len,
		    .kind = e->kind };
		snprintf(entry->key, sizeof(entry->key), "%s",
		    e->key != NULL ? e->key : "");
		r->bytes += len;
	}
	if (r->changed != NULL)
		r->changed(r->arg);
}

uint64_t
event_ring_end(const struct event_ring *r)
{
	return r->end;
}

static bool
wants(const struct event_reader *rd, const struct entry *e)
{
	if (rd->kinds != 0 && (rd->kinds >> e->kind & 1) == 0)
		return false;
	return rd->key[0] == '\0' || strcmp(rd->key, e->key) == 0;
}

/* Whether event seq is the last that there can be for rd. */
static bool
is_last(const struct event_reader *rd, const struct entry *e, uint64_t seq)
{
	if (rd->live == 0 || seq < rd->live)
		return false;
	return e->kind == EVENT_ENDED || (e->kind == EVENT_REMOVED &&
	    rd->key[0] != '\0' && strcmp(rd->key, e->key) == 0);
}

bool
event_ring_read(const struct event_ring *r, struct event_reader *rd,
    struct span *line, uint64_t *lost)
{
	const struct entry *e;

	*lost = rd->next < r->first && !rd->over ? r->first - rd->next : 0;
	rd->next += *lost;
	while (rd->next < r->end && !rd->over) {
		e = &r->entry[rd->next % RING_EVENTS];
		rd->over = is_last(rd, e, rd->next++);
		if (!rd->over && !wants(rd, e))
			continue;
		*line = span(e->text, e->len);
		return true;
	}
	return false;
}
