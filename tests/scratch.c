/* SPDX-License-Identifier: Apache-2.0 */
/* See scratch.h. */
#include "tests/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

void
scratch_free(struct scratch *s)
{
	struct dirent *e;
	DIR *d = opendir(s->path);

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			unlinkat(s->fd, e->d_name, 0);
	if (d != NULL)
		closedir(d);
	close(s->fd);
	rmdir(s->path);
}
