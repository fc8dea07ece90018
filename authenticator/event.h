/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a key, for those who watch it: the audit log, whoever reads
 * GET /v1/events, and tests that wait instead of sleeping.
 *
 * A sink is called in the middle of things, by the one thread that the key
 * has: it takes what it needs out of the event and returns; it must not call
 * the device or the loop. What the event points to lives until it returns.
 *
 * event_write() is the one form that events have outside, a JSON object
 * (events.md). It tells no secrets, and of a user handle only the hash.
 */
#ifndef AUTHENTICATOR_EVENT_H
#define AUTHENTICATOR_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "authenticator/client/json_out.h"
#include "ctap/span.h"

enum event_kind {
	EVENT_OPERATION,		/* a command, and how it ended */
	EVENT_USER_WANTED,		/* the key waits for its user */
	EVENT_USER_ANSWERED,		/* who came, or did not */
	EVENT_CREDENTIAL_CREATED,
	EVENT_CREDENTIAL_ASSERTED,
	EVENT_CREDENTIAL_UPDATED,
	EVENT_CREDENTIAL_DELETED,
	EVENT_CREDENTIAL_EXPORTED,	/* with its private key */
	EVENT_RESET,
	EVENT_PIN_WRONG,
	EVENT_PIN_BLOCKED,		/* until reset, or power-up */
	EVENT_PIN_CHANGED,		/* set, changed, or taken away */
	EVENT_VERIFICATION_FAILED,	/* the key does not know who it was */
	EVENT_PLUGGED,
	EVENT_UNPLUGGED,
	EVENT_HOST_CONNECTED,
	EVENT_HOST_GONE,
	EVENT_PROFILE_CHANGED,
	EVENT_FAULT_ARMED,
	EVENT_FAULT_USED,
	EVENT_FAULT_CLEARED,
	EVENT_POWER_CYCLED,
	EVENT_PRESENCE_CHANGED,		/* who touches it from now on */
	EVENT_VERIFICATION_CHANGED,	/* and whether it knows them */
	EVENT_CLOCK_ADVANCED,
	EVENT_REMOVED,			/* the daemon has that key no more */
	EVENT_ENDED,			/* the daemon itself ends */
	EVENT_LOST,			/* this reader missed count of them */
};
#define EVENT_KINDS	(EVENT_LOST + 1)

/* All zero but for kind is an event. What is 0 or NULL is not told. */
struct event {
	enum event_kind	 kind;
	bool		 owner;		/* by the control interface, not by a
					 * command of a host */
	uint64_t	 time_ms;	/* since 1970 */
	const char	*key;		/* its ID in the daemon */
	const char	*profile;
	uint64_t	 channel;	/* host << 32 | CID */
	const char	*operation;	/* as the standard spells it */
	uint8_t		 subcommand;
	struct span	 rp_id;
	const uint8_t	*rp_id_hash;	/* 32 bytes; told if rp_id is not */
	struct span	 credential_id;
	struct span	 user_id;	/* told as its hash */
	bool		 has_flags;
	uint8_t		 flags;		/* of authenticator data */
	uint32_t	 counter;	/* told if has_flags */
	const char	*format;	/* of an attestation statement */
	const char	*fault;
	const char	*reason;	/* of USER_*: what the user is for */
	const char	*answer;	/* of USER_ANSWERED */
	const char	*result;	/* name of a CTAP status */
	const char	*value;		/* of *_CHANGED: what it is now */
	uint64_t	 offset_ms;	/* of CLOCK_ADVANCED */
	bool		 has_duration;
	uint64_t	 duration_us;
	uint64_t	 count;		/* of LOST; of CREDENTIAL_EXPORTED, if
					 * a list of them was read */
};

/* A member of a list of whoever is watched; its owner's memory. */
struct event_sink {
	void		(*event)(void *arg, const struct event *e);
	void		*arg;
	struct event_sink *next;	/* private */
};

/* "credential-created" */
const char *event_name(enum event_kind kind);
/* "credentialAdded": the Chrome DevTools Protocol's, NULL: it has none. */
const char *event_alias(enum event_kind kind);
/* By either of them; -1: no such event. */
int event_find(const char *name);

/* In UTC, with milliseconds: "2026-01-31T12:00:00.250Z". */
#define EVENT_TIME_LEN	32	/* bytes, with the NUL */
void event_time(uint64_t time_ms, char out[static EVENT_TIME_LEN]);

/* Appends e as a JSON object, without a line break. */
void event_write(const struct event *e, struct json_out *out);

#endif
