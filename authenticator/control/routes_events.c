/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET events: a line of JSON for each event, as long as the client reads and
 * the key is there. A stream keeps no more than the line that it is in the
 * middle of; all else is in the hub's ring, which waits for nobody.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/control/route.h"
#include "authenticator/event_ring.h"

#define BLOCK_SIZE	4096	/* bytes that are asked for at once */
#define LOST_MAX	128	/* bytes of a line that says so */

struct stream {
	struct request	*rq;
	struct event_ring *ring;
	struct event_reader reader;
	char		*line;		/* that is under way; NULL: none */
	size_t		 len;
	size_t		 sent;
};

static void
free_stream(void *own)
{
	struct stream *s = own;

	free(s->line);
	free(s);
}

static bool
take_line(struct stream *s, const char *text, size_t len)
{
	free(s->line);
	s->line = malloc(len);
	s->len = s->line != NULL ? len : 0;
	s->sent = 0;
	if (s->line != NULL)
		memcpy(s->line, text, len);
	return s->line != NULL;
}

/*
 * A line to send, or false: there is none. What was lost comes before, and is
 * all that was read then.
 */
static bool
next_line(struct stream *s)
{
	struct event_reader before = s->reader;
	char text[LOST_MAX];
	struct span line;
	uint64_t lost;
	bool there;

	there = event_ring_read(s->ring, &s->reader, &line, &lost);
	if (lost > 0) {
		snprintf(text, sizeof(text), "{\"event\":\"lost\",\"count\":"
		    "%llu}\n", (unsigned long long)lost);
		s->reader = before;
		s->reader.next += lost;
		return take_line(s, text, strlen(text));
	}
	return there && take_line(s, (const char *)line.p, line.len);
}

/* Nothing comes any more. The line that says so may be among those lost. */
static bool
is_over(const struct stream *s)
{
	return s->rq->ending || s->reader.over || (s->reader.key[0] != '\0' &&
	    hub_find(s->rq->hub, s->reader.key) == NULL);
}

static ssize_t
read_stream(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = arg;
	size_t done = 0, n;

	(void)pos;
	if (s->rq->hung_up)
		return MHD_CONTENT_READER_END_OF_STREAM;
	while (done < max && (s->sent < s->len || next_line(s))) {
		n = s->len - s->sent < max - done ? s->len - s->sent :
		    max - done;
		memcpy(buf + done, s->line + s->sent, n);
		s->sent += n;
		done += n;
	}
	if (done == 0 && (is_over(s) || !request_sleep(s->rq)))
		return MHD_CONTENT_READER_END_OF_STREAM;
	return (ssize_t)done;
}

/* "user-wanted,reset", by either of their names */
static bool
take_kinds(const char *list, uint32_t *kinds)
{
	char name[64];
	size_t len;
	int kind;

	_Static_assert(EVENT_KINDS <= 32, "kinds are bits");
	for (*kinds = 0; *list != '\0'; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len == 0 || len >= sizeof(name))
			return false;
		memcpy(name, list, len);
		name[len] = '\0';
		kind = event_find(name);
		if (kind == -1)
			return false;
		*kinds |= UINT32_C(1) << kind;
	}
	return *kinds != 0;
}

static const char *
take_query(struct request *rq, struct stream *s)
{
	const char *kinds = request_query(rq, "kind");
	const char *key = request_query(rq, "key");
	uint64_t since = event_ring_end(s->ring) - 1;

	if (rq->key != NULL)
		key = rq->key->id;
	if (kinds != NULL && !take_kinds(kinds, &s->reader.kinds))
		return "kind is names of events with commas between";
	if (key != NULL && hub_find(rq->hub, key) == NULL)
		return "key is the ID of a key";
	if (!request_query_number(rq, "since", &since) ||
	    since >= event_ring_end(s->ring))
		return "since is the number of an event that was";
	s->reader.next = since + 1;
	s->reader.live = event_ring_end(s->ring);
	snprintf(s->reader.key, sizeof(s->reader.key), "%s",
	    key != NULL ? key : "");
	return NULL;
}

static struct answer
get_events(struct request *rq)
{
	struct MHD_Response *rp;
	const char *wrong;
	struct stream *s;

	s = rq->own = calloc(1, sizeof(*s));
	if (s == NULL)
		return answer_success(NULL);
	rq->done = free_stream;
	s->rq = rq;
	s->ring = hub_ring(rq->hub);
	wrong = take_query(rq, s);
	if (wrong != NULL)
		return answer_invalid(wrong);
	if (!request_lasts(rq))
		return answer_error(-EBUSY, "too many requests wait");
	rp = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE,
	    read_stream, s, NULL);
	if (rp == NULL)
		return answer_success(NULL);
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONTENT_TYPE,
	    "application/x-ndjson; charset=utf-8");
	rq->streams = true;
	return (struct answer){ .status = 200, .response = rp };
}

const struct route routes_events[] = {
	{ "GET",	"v1/events",	get_events, "kind,key,since" },
	{ NULL, NULL, NULL, NULL }
};

const struct route routes_key_events[] = {
	{ "GET",	"events",	get_events, "kind,since" },
	{ NULL, NULL, NULL, NULL }
};
