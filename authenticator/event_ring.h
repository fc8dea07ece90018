/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last events of a daemon, as lines of JSON, for any number of readers
 * who read them in their own time. Nobody is waited for: what is old makes
 * room, and a reader who comes too late is told how much they missed.
 *
 * Limits: RING_EVENTS lines, and RING_BYTES of text together.
 */
#ifndef AUTHENTICATOR_EVENT_RING_H
#define AUTHENTICATOR_EVENT_RING_H

#include "authenticator/event.h"

#define RING_EVENTS	1024
#define RING_BYTES	(256 << 10)
#define RING_KEY_LEN	64	/* bytes, with the NUL */

struct event_ring;

/* -ENOMEM. changed(arg) is called after each event; NULL: nobody cares. */
int event_ring_new(struct event_ring **out);
void event_ring_watch(struct event_ring *r, void (*changed)(void *arg),
    void *arg);
void event_ring_free(struct event_ring *r);	/* accepts NULL */

/* For a device's watch; its events come in. sink->arg is the ring. */
void event_ring_put(void *ring, const struct event *e);

/* The number of the next event; the first is 1. */
uint64_t event_ring_end(const struct event_ring *r);

/* What a reader wants, and where they are. */
struct event_reader {
	uint64_t	 next;		/* number of the event to come */
	uint32_t	 kinds;		/* 1 << kind; 0: every kind */
	char		 key[RING_KEY_LEN];	/* "": every key */
	/*
	 * From this number on, the end of key, or of the daemon, is told
	 * whatever is wanted, and is the last line; 0: they are events like
	 * others.
	 */
	uint64_t	 live;
	bool		 over;		/* that line was read */
};

/*
 * The next line for rd, with its line break: lives until the next event.
 * False: there is none yet. *lost: so many events of any kind and key, which
 * came before this line, or would have, are not there any more.
 */
bool event_ring_read(const struct event_ring *r, struct event_reader *rd,
    struct span *line, uint64_t *lost);

#endif
