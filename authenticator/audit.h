/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/audit.log: what the owner did to a key, or with a CA, that nothing else
 * would tell afterwards, and (audit_log.h) every operation of a key. A line
 * for each, appended, mode 0600. Format: audit.md, enrolment.md.
 *
 * When the log has grown to AUDIT_SIZE_MAX it becomes audit.log.1, and so on;
 * of the one that goes, the owner's deeds stay in audit.log.old.
 */
#ifndef AUTHENTICATOR_AUDIT_H
#define AUTHENTICATOR_AUDIT_H

#include <jansson.h>
#include <stdbool.h>

#define AUDIT_LOST	"audit-lost"	/* an event: lines are missing */
#define AUDIT_NAME	"audit.log"
#define AUDIT_OLD	AUDIT_NAME ".old"
#define AUDIT_FILES	4		/* .1 to .3 are older */
#define AUDIT_NAME_LEN	32		/* bytes, with the NUL */
#define AUDIT_SIZE_MAX	(8 << 20)	/* bytes of each, but for one line */
#define AUDIT_LINE_MAX	16384		/* bytes, with the line break */
#define AUDIT_SEAL_LABEL "audit line"	/* what sealed lines are bound to */

/*
 * Appends event, with "time" and "uid" (which it is given), to the log of the
 * directory dirfd. Durable when it returns 0; takes over the reference.
 * -ENOMEM also for NULL.
 */
int audit_append(int dirfd, json_t *event);

/* The log, to append to; 0600, and no link. -errno. */
int audit_open_log(int dirfd);
/* Losing power may have left half a line, which is not to swallow ours. */
bool audit_ends_within_a_line(int fd);
/* Name of the log that is n old, from 0, up to AUDIT_FILES: that of old. */
void audit_file_name(unsigned n, char out[static AUDIT_NAME_LEN]);
/* Makes room for a new log. 0, or -errno: some may have moved on. */
int audit_rotate(int dirfd);

#endif
