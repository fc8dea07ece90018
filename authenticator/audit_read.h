/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the audit log of a directory (audit.md), oldest line first, across
 * its files, some of it at a time: whoever has the key can go on where it
 * stopped, also when the files have been given other names meanwhile.
 *
 * A line that is not whole, or that this key has not written, is counted and
 * passed over; half a line at the end of the newest file is still being
 * written.
 */
#ifndef AUTHENTICATOR_AUDIT_READ_H
#define AUTHENTICATOR_AUDIT_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tpm/key.h"

/* All zero: everything. */
struct audit_filter {
	uint64_t	 since_ms;	/* since 1970 */
	uint64_t	 until_ms;	/* exclusive; 0: without end */
	const char	*operation;	/* or event */
	const char	*rp_id;
};

/* All zero but for dirfd, and keys for sealed lines, is the beginning. */
struct audit_reader {
	int		 dirfd;
	struct keys	*keys;
	struct audit_filter filter;
	uint64_t	 inode;		/* where to go on: of this file, */
	uint64_t	 offset;	/* bytes */
	uint64_t	 damaged;	/* lines that were passed over */
};

/*
 * Calls each(arg, line) until it returns non-zero, which is returned, or
 * budget bytes of the log were read (at least a line): 1. 0: that was all.
 * -errno: a file cannot be read.
 */
int audit_read(struct audit_reader *r, size_t budget,
    int (*each)(void *arg, json_t *line), void *arg);

bool audit_filter_fits(const struct audit_filter *f, json_t *line);

/*
 * A time as in the log, a date (UTC), or how long before now_ms it was: -90s,
 * -30m, -1h, -2d.
 */
bool audit_time(const char *text, uint64_t now_ms, uint64_t *out);

#endif
