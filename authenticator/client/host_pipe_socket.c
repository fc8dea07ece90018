/* SPDX-License-Identifier: Apache-2.0 */
/* To a key behind a socket: one report a packet. */
#include "authenticator/client/host_pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uhid/unix.h"

struct socket_pipe {
	struct host_pipe	base;
	int		fd;
};

static int
socket_send(struct host_pipe *p,
    const uint8_t report[static CTAPHID_REPORT_LEN])
{
	int fd = ((struct socket_pipe *)p)->fd;
	int r = host_pipe_wait(fd, POLLOUT, HOST_PIPE_SEND_MS);

	if (r <= 0)
		return r == 0 ? -ETIMEDOUT : r;
	if (send(fd, report, CTAPHID_REPORT_LEN, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    CTAPHID_REPORT_LEN)
		return errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
	return 0;
}

static int
socket_receive(struct host_pipe *p, uint8_t report[static CTAPHID_REPORT_LEN],
    unsigned wait_ms)
{
	int fd = ((struct socket_pipe *)p)->fd;
	int r = host_pipe_wait(fd, POLLIN, wait_ms);
	ssize_t n;

	if (r <= 0)
		return r;
	n = recv(fd, report, CTAPHID_REPORT_LEN, MSG_TRUNC | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n == CTAPHID_REPORT_LEN ? 1 : n > 0 ? -EPROTO : -EPIPE;
}

static void
socket_free(struct host_pipe *p)
{
	close(((struct socket_pipe *)p)->fd);
	free(p);
}

static const struct host_pipe_ops socket_ops = {
	.name = "socket",
	.send = socket_send,
	.receive = socket_receive,
	.free = socket_free,
};

int
host_pipe_open_socket(const char *path, struct host_pipe **out, char *msg,
    size_t msglen)
{
	struct socket_pipe *s = calloc(1, sizeof(*s));
	int r = s != NULL ? unix_connect(path, SOCK_SEQPACKET) : -ENOMEM;

	if (r < 0) {
		snprintf(msg, msglen, "%s: %s", path, strerror(-r));
		free(s);
		return r;
	}
	s->base.ops = &socket_ops;
	s->fd = r;
	*out = &s->base;
	return 0;
}
