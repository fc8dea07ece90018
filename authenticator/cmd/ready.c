/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/cmd/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
ready_take(const struct cli *cli, int *out)
{
	char *end;
	long fd;

	errno = 0;
	fd = strtol(optarg, &end, 10);
	if (errno != 0 || end == optarg || *end != '\0' || fd < 0 ||
	    fd > INT_MAX || fcntl((int)fd, F_GETFD) == -1)
		return cli_wrong_use(cli, "--ready-fd: \"%s\" is not an open "
		    "descriptor", optarg);
	*out = (int)fd;
	return CLI_DONE;
}

/* 0, 1 and 2 are not left closed: the next file would become one of them. */
void
ready_tell(int fd)
{
	static const char ready[] = "READY=1\n";
	int null = -1;

	if (fd == READY_NONE)
		return;
	if (write(fd, ready, sizeof(ready) - 1) == -1)
		cli_error("--ready-fd: %s", strerror(errno));
	if (fd <= STDERR_FILENO)
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		(void)dup2(null, fd);
		close(null);
	} else {
		close(fd);
	}
}
