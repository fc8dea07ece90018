/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files, as the messages and the keys of an enrolment are. Errors are
 * negative errno values.
 */
#ifndef AUTHENTICATOR_CA_FILE_H
#define AUTHENTICATOR_CA_FILE_H

#include <stdint.h>

#include "ctap/span.h"

struct ca_file {
	uint8_t	*p;
	size_t	 len;
	size_t	 size;	/* to be wiped */
};

/* All of name in dirfd (AT_FDCWD), at most max bytes, -EFBIG; "-" in AT_FDCWD
 * is standard input. *out is zeroed before. */
int ca_file_read(int dirfd, const char *name, size_t max,
    struct ca_file *out);
/*
 * To the end, less than size bytes: -EFBIG. Not by stdio, whose buffers would
 * keep a copy of keys.
 */
int ca_file_read_fd(int fd, uint8_t *buf, size_t size, size_t *len);
/* Wipes and frees; any number of times. */
void ca_file_done(struct ca_file *f);

/* A new file of mode 0600, durable; -EEXIST. */
int ca_file_create(int dirfd, const char *name, struct span bytes);
/* -ENOENT: somebody else was there before. Durable. */
int ca_file_remove(int dirfd, const char *name);

#endif
