/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the user has asked for: reports, metadata. One that a full disk
 * cuts short must not be taken for the whole.
 *
 * A regular file is written beside itself, and takes its place, mode and
 * group included, when all of it is on the disk; until then, and if that
 * fails, whoever reads it has what was there before. What is something else,
 * or has more than one name (a device, a pipe, a link such as /dev/stdout, a
 * file of another user, with an access control list, or in a directory that
 * cannot be written), is written where it is; if that fails, nothing of a
 * regular file is left in it.
 */
#ifndef AUTHENTICATOR_OUTPUT_FILE_H
#define AUTHENTICATOR_OUTPUT_FILE_H

#include <sys/types.h>

#include <stdio.h>

#include "ctap/span.h"

/*
 * What new files are denied, as umask(2) says it: the user's, where the
 * process has a stricter one for its secrets. Before, 077.
 */
void output_file_set_mask(mode_t mask);

/* 0, or the -errno of what failed first. */
int output_file_write(const char *path, struct span bytes);

/* The same of what is printed to f in between. */
struct output_file {
	FILE	*f;
	char	*text;
	size_t	 len;
};

int output_file_begin(struct output_file *o);	/* 0 or -ENOMEM */
/* Once, behind that. -ENOMEM: something of it got lost. */
int output_file_end(struct output_file *o, const char *path);

#endif
