/* SPDX-License-Identifier: Apache-2.0 */
/* See scratch.h. */
#include "tests/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
scratch_new(struct scratch *s)
{
	snprintf(s->path, sizeof(s->path), "%s/sealkey-test-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(s->path) == NULL ||
	    (s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror(s->path);
		abort();
	}
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
scratch_free(struct scratch *s)
{
	close(s->fd);
	(void)nftw(s->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
