/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UNIX sockets with a name in the file system, for the socket transport and
 * the control interface.
 *
 * Limits: the kernel's sun_path has room for 108 bytes. Longer paths work
 * too, through /proc/self/fd/N/NAME, as long as /proc is mounted and the
 * last component (NAME) has at most 80 bytes.
 *
 * Errors are negative errno values; -ENAMETOOLONG: see above.
 */
#ifndef UHID_UNIX_H
#define UHID_UNIX_H

#include <sys/stat.h>
#include <sys/types.h>

/* Which file was made, so that no other one is removed at the end. */
struct unix_name {
	dev_t	dev;
	ino_t	ino;
};

/*
 * A listening, non-blocking socket of that type, made with mode 0600; there
 * is no moment at which others could connect. A socket file that nobody
 * listens to any more is replaced; -EADDRINUSE if somebody does, and
 * -EEXIST if there is something there that is not a socket. Returns the
 * descriptor.
 */
int unix_listen(const char *path, int type, struct unix_name *name);

/* Removes path if it is still the file that unix_listen() made. */
void unix_unlink(const char *path, const struct unix_name *name);

/* A connected, blocking socket of that type. Returns the descriptor. */
int unix_connect(const char *path, int type);

#endif
