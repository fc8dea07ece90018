/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside struct device, for these alone:
 *
 *	device_open.c	its parts, opened and closed
 *	device_kind.c	what kind of key it is; its engine
 *	device.c	what hosts make it do
 *	device_forge.c	requests and replies that are changed on the way
 *	device_pin.c	the PIN
 *	device_owner.c	what its owner does to it
 */
#ifndef AUTHENTICATOR_DEVICE_IMPL_H
#define AUTHENTICATOR_DEVICE_IMPL_H

#include "authenticator/device.h"

#include <stdalign.h>
#include <stddef.h>

#include "authenticator/fault/armed.h"
#include "authenticator/fault/fault.h"
#include "authenticator/fault/told.h"
#include "authenticator/store/commit.h"
#include "authenticator/watch.h"
#include "tpm/seal.h"

/* What the key provider is known to have of the PIN, if it has it. */
struct pin_known {
	bool		 set;
	uint8_t		 failures;
};

/* What the operation under way gets wrong on purpose, if anything. */
struct fault_now {
	struct fault_armed armed;	/* id 0: nothing */
	const struct fault *happened;	/* NULL: it has not */
	char		 name[FAULT_NAME_MAX];	/* "": it has not happened */
};

/* What became of the engine's reply. */
enum forging {
	NOT_FORGED,		/* yet */
	FORGING,		/* the key provider signs; nothing can stop it,
				 * as what is replied to is done */
	FORGED,
	HONEST,
};

/* In memory that no child process has a copy of. */
struct device_work {
	/*
	 * What the engine works on. The host's own may be gone before that is
	 * over: what cannot be stopped goes on without it.
	 */
	uint8_t		 request[AUTH_MESSAGE_MAX];
	struct seal_random random;	/* of keys that have this in turn */
	alignas(max_align_t) uint8_t engine[];	/* auth_work_size() */
};

/* What every operation looks at is together, at the front (device_prefetch). */
struct device {
	char		*path;
	int		 dirfd;
	int		 lock_fd;	/* -1: the store has it */
	struct keys	*keys;
	bool		 keys_lent;	/* by device_config.keys */
	struct store	*store;
	struct pin_known pin;
	struct attestation *attestation;
	bool		 attestation_lent;	/* by device_config */
	void		*engine_mem;	/* wiped by auth_done() */
	struct auth	*engine;	/* NULL: managed only */
	struct device_work *work;	/* NULL without engine */
	bool		 work_lent;	/* by device_config */
	struct key_op	*pending;	/* of the engine or the forge; the key
					 * provider works on it */
	struct forge	*forge;
	enum forging	 forging;
	struct fault_account *other;	/* of find_other(); NULL: not yet */
	struct fault_accounts *accounts;	/* NULL: none */
	struct fault_told *counters;	/* NULL: not yet looked at */
	struct fault_set *faults;
	struct audit_log *audit;	/* NULL: none */
	uint64_t	 begun_us;	/* the operation; if it is watched */
	uint64_t	 now_ms;	/* of the latest call */
	bool		 told;			/* device_trouble() was */
	struct watch	 watch;
	struct fault_now fault;
	char		 trouble[DEVICE_MESSAGE_LEN];	/* "": none */
	struct commit	 commit;
	struct auth_config auth;	/* of the engine */
	char		 line[DEVICE_MESSAGE_LEN];	/* device_strerror() */
};

/* device_kind.c */

/* The engine and what it needs. Whatever it got, device_close() gives back. */
int device_start(struct device *d, const struct device_config *cfg,
    uint64_t now_ms, char *msg, size_t msglen);
/* Of the system; auth_config.random. */
void device_random(void *arg, uint8_t *out, size_t len);

/* device.c */

/* What the key provider is at is of no use any more. */
void device_abandon(struct device *d);
/* For device_trouble(): a line, or how an operation of the provider ended. */
void device_note_trouble(struct device *d, const char *line);
void device_note_result(struct device *d, const struct key_op *op);
/* Whether the provider failed; it may as well just have said no. */
bool device_has_failed(const struct key_op *op);
/* Sets device_strerror() and returns error. */
int device_fail(struct device *d, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for what the provider was asked for and answered with r, if that
 * is an error; returns r. */
int device_explain_keys(struct device *d, int r, const char *before);
/* -EBUSY while an operation is under way, with a line. */
int device_check_idle(struct device *d);

/* device_forge.c */

/* Writes to d->work->request what an armed fault makes of the request; false:
 * nothing, as there is none. */
bool device_change_request(struct device *d, struct span msg, size_t *len);
/* The engine has replied: was it a request that had been changed? */
void device_finish_request(struct device *d);
/* Its reply, made anew where it has to be; device_forge_key() when the
 * provider has signed. */
enum device_want device_forge(struct device *d);
enum device_want device_forge_key(struct device *d);
/* An operation is over, one way or another. */
void device_forget_forged(struct device *d);
void device_forget_fault(struct device *d);
/* What its relying party knows of a credential from now on. */
void device_note_told(struct device *d, const struct auth_facts *facts);
/* NULL: a key that never gets anything wrong, or no memory. */
struct fault_told *device_told(struct device *d);

/* device_pin.c */

void device_learn_pin(struct device *d);
/* After an operation of the provider about the PIN. */
void device_note_pin(struct device *d, const struct key_op *op);
/* The state, with what the provider knows better. */
int device_load_state(struct device *d, struct auth_state *state);
/* The state as it is now, to the engine, which is idle. */
int device_tell_engine(struct device *d);
/* Behind a reset that is on disk. */
int device_forget_pin(struct device *d);

/* device_owner.c */

/* Commits what the owner decided, and tells the engine. */
int device_change(struct device *d, const struct auth_change *change);
/* For what needs a key that runs, and is idle; a line if not. */
int device_check_runs(struct device *d);

#endif
