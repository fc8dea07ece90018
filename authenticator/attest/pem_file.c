/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate and its private key, as files: see pem_file.h. */
#include "authenticator/attest/pem_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/attest/attestation.h"
#include "authenticator/attest/ca_file.h"

/*
 * Only what is there as a whole: a FIFO that nobody writes to would keep the
 * key waiting, so opening does not wait, and anything but a file is refused.
 */
static int
open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r = 0;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int
read_file(const char *path, uint8_t **out, size_t *len, char *msg,
    size_t msglen)
{
	int fd = open_file(path);
	int r = -ENOMEM;

	if (fd < 0) {
		r = fd;
		goto out;
	}
	*out = calloc(1, ATTESTATION_PEM_MAX + 1);
	if (*out != NULL)
		r = ca_file_read_fd(fd, *out, ATTESTATION_PEM_MAX + 1, len);
out:
	if (fd >= 0)
		close(fd);
	if (r < 0)
		snprintf(msg, msglen, "%s: %s", path, r == -EINVAL ?
		    "not a regular file" : strerror(-r));
	return r;
}

int
pem_files_read(struct pem_files *files, const char *cert_path,
    const char *key_path, char *msg, size_t msglen)
{
	int r = read_file(cert_path, &files->cert, &files->cert_len, msg,
	    msglen);

	if (r < 0)
		return r;
	return read_file(key_path, &files->key, &files->key_len, msg, msglen);
}

void
pem_files_done(struct pem_files *files)
{
	if (files->key != NULL)
		explicit_bzero(files->key, ATTESTATION_PEM_MAX + 1);
	free(files->key);
	free(files->cert);
	memset(files, 0, sizeof(*files));
}
