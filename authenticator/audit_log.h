/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of a key as a line of DIR/audit.log, and a message in the
 * journal if the process runs under systemd. Format, rotation: audit.md.
 *
 * A sink for events (event.h). Lines are gathered and written together, at
 * the latest AUDIT_LATE_MS after the first of them came, and not synced: an
 * operation must not wait for the disk because it is noted down. A line that
 * cannot be written is counted, and the next one that can be says how many
 * are missing; the key goes on.
 */
#ifndef AUTHENTICATOR_AUDIT_LOG_H
#define AUTHENTICATOR_AUDIT_LOG_H

#include "authenticator/event.h"
#include "tpm/key.h"

#define AUDIT_LATE_MS	200

enum audit_mode {
	AUDIT_OFF,
	AUDIT_SEALED,	/* lines that the key alone can read */
	AUDIT_PLAIN,
};

struct audit_log;

/*
 * Whether there can be lines of that kind: operations, and what happens
 * without one.
 */
bool audit_notes(enum event_kind kind);

/* By enum audit_mode, and NULL. */
extern const char *const audit_mode_names[];

/*
 * The log of the directory dirfd, of which it keeps a descriptor of its own.
 * keys seal the lines, and must outlive the log; of no use to AUDIT_PLAIN.
 * Nothing is written yet. -ENOMEM, -EMFILE and the like.
 */
int audit_log_open(int dirfd, enum audit_mode mode, struct keys *keys,
    struct audit_log **out);
/* Writes what is left. Accepts NULL. */
void audit_log_close(struct audit_log *a);

/* To be added to those who watch the key. */
struct event_sink *audit_log_sink(struct audit_log *a);

/* When what was gathered is to be written; UINT64_MAX: nothing was. */
uint64_t audit_log_deadline(struct audit_log *a, uint64_t now_ms);
/* 0, or -errno: it could not, and they are lost. */
int audit_log_flush(struct audit_log *a);

/* One line for the user when writing begins to fail, once; or NULL. */
const char *audit_log_trouble(struct audit_log *a);

#endif
