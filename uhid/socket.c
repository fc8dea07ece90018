/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket transport: a UNIX SOCK_SEQPACKET socket, one report of 64 bytes
 * per packet, each way. Each client is a host of its own. For places where
 * the kernel offers no HID device, and for tests.
 *
 * A client that sends a packet of any other size does not speak this
 * protocol and is disconnected; so is one that comes when CLIENTS_MAX are
 * there already, or when the process is out of descriptors. Reports wait in
 * the socket: one that does not fit makes send say -EAGAIN until the client
 * has read.
 */
#include "uhid/transport.h"
#include "uhid/unix.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX	256	/* at once */
#define EVENTS_AT_ONCE	 32	/* clients served before others get a turn */
#define REPORTS_AT_ONCE	 32	/* of one client */

struct client {
	struct host	host;		/* first: the loop's handle */
	struct client	*next;
	struct client	**prev;
	int		 fd;
	bool		 paused;	/* do not read */
	bool		 blocked;	/* wait until it can be written */
};

struct socket_transport {
	struct transport base;
	int		 epfd;
	int		 listen_fd;
	int		 spare_fd;	/* given up to refuse one client when
					 * descriptors have run out */
	char		*path;
	struct unix_name name;
	struct client	*clients;
	unsigned	 client_count;
};

static struct socket_transport *
to_socket(const struct transport *t)
{
	return (struct socket_transport *)(uintptr_t)t;
}

static int
watch_client(struct socket_transport *s, struct client *c, int op)
{
	struct epoll_event ev = { .data.ptr = c };

	ev.events = (c->paused ? 0 : EPOLLIN) | (c->blocked ? EPOLLOUT : 0);
	return epoll_ctl(s->epfd, op, c->fd, &ev);
}

static void
close_client(struct socket_transport *s, struct client *c)
{
	s->base.events->host_close(s->base.arg, &c->host);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	s->client_count--;
	close(c->fd);
	free(c);
}

/* Takes ownership of fd. */
static void
add_client(struct socket_transport *s, int fd)
{
	struct client *c = NULL;

	if (s->client_count < CLIENTS_MAX)
		c = calloc(1, sizeof(*c));
	if (c == NULL)
		goto refuse;
	c->host.transport = &s->base;
	c->fd = fd;
	if (watch_client(s, c, EPOLL_CTL_ADD) == -1)
		goto refuse;
	if (!s->base.events->host_open(s->base.arg, &c->host))
		goto refuse;
	c->next = s->clients;
	c->prev = &s->clients;
	if (c->next != NULL)
		c->next->prev = &c->next;
	s->clients = c;
	s->client_count++;
	return;
refuse:
	free(c);
	close(fd);
}

/* Without this the waiting client would wake us up for ever. */
static void
refuse_client(struct socket_transport *s)
{
	int fd;

	if (s->spare_fd != -1)
		close(s->spare_fd);
	fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd != -1)
		close(fd);
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
accept_clients(struct socket_transport *s)
{
	int fd;
	int i;

	for (i = 0; i < EVENTS_AT_ONCE; i++) {
		fd = accept4(s->listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			add_client(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			refuse_client(s);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* False: the client is gone. */
static bool
read_client(struct socket_transport *s, struct client *c)
{
	uint8_t report[TRANSPORT_REPORT_LEN];
	ssize_t n;
	int i;

	for (i = 0; i < REPORTS_AT_ONCE && !c->paused; i++) {
		n = recv(c->fd, report, sizeof(report), MSG_TRUNC);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN;
		if (n != sizeof(report))
			return false;
		s->base.events->report(s->base.arg, &c->host, report);
	}
	return true;
}

static void
serve_client(struct socket_transport *s, struct client *c, uint32_t events)
{
	bool there = true;

	if ((events & EPOLLOUT) != 0 && c->blocked) {
		c->blocked = false;
		watch_client(s, c, EPOLL_CTL_MOD);
		s->base.events->writable(s->base.arg, &c->host);
	}
	/* Nobody reads replies any more, so what it still says is moot. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		there = false;
	else if ((events & EPOLLIN) != 0)
		there = read_client(s, c);
	if (!there)
		close_client(s, c);
}

static int
socket_fd(const struct transport *t)
{
	return to_socket(t)->epfd;
}

static void
socket_dispatch(struct transport *t, uint64_t now_ms)
{
	struct socket_transport *s = to_socket(t);
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n;
	int i;

	(void)now_ms;
	n = epoll_wait(s->epfd, ev, EVENTS_AT_ONCE, 0);
	for (i = 0; i < n; i++) {
		if (ev[i].data.ptr == NULL)
			accept_clients(s);
		else
			serve_client(s, ev[i].data.ptr, ev[i].events);
	}
}

static int
socket_send(struct transport *t, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN], uint64_t now_ms)
{
	struct client *c = (struct client *)h;
	ssize_t n;

	(void)now_ms;
	if (c->blocked)
		return -EAGAIN;
	do {
		n = send(c->fd, report, TRANSPORT_REPORT_LEN, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == ENOBUFS)) {
		c->blocked = true;
		watch_client(to_socket(t), c, EPOLL_CTL_MOD);
		return -EAGAIN;
	}
	/* Other errors: it has gone, and dispatch will be told so. */
	return 0;
}

static void
socket_pause(struct transport *t, struct host *h, bool paused)
{
	struct client *c = (struct client *)h;

	if (c->paused == paused)
		return;
	c->paused = paused;
	watch_client(to_socket(t), c, EPOLL_CTL_MOD);
}

static uint64_t
socket_deadline(const struct transport *t)
{
	(void)t;
	return UINT64_MAX;
}

static void
socket_tick(struct transport *t, uint64_t now_ms)
{
	(void)t;
	(void)now_ms;
}

static void
socket_free(struct transport *t)
{
	struct socket_transport *s = to_socket(t);

	while (s->clients != NULL)
		close_client(s, s->clients);
	if (s->listen_fd != -1) {
		unix_unlink(s->path, &s->name);
		close(s->listen_fd);
	}
	if (s->spare_fd != -1)
		close(s->spare_fd);
	if (s->epfd != -1)
		close(s->epfd);
	free(s->path);
	free(s);
}

static const struct transport_ops socket_ops = {
	.name = "socket",
	.fd = socket_fd,
	.dispatch = socket_dispatch,
	.send = socket_send,
	.pause = socket_pause,
	.deadline = socket_deadline,
	.tick = socket_tick,
	.free = socket_free,
};

static int
socket_start(struct socket_transport *s, const char *path)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd;

	s->path = strdup(path);
	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->path == NULL || s->epfd == -1 || s->spare_fd == -1)
		return -errno;
	fd = unix_listen(path, SOCK_SEQPACKET, &s->name);
	if (fd < 0)
		return fd;
	s->listen_fd = fd;
	if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev) == -1)
		return -errno;
	return 0;
}

static void
explain(const char *path, int error, char *msg, size_t msglen)
{
	const char *why = strerror(-error);

	if (error == -EADDRINUSE)
		why = "another process serves a key there";
	else if (error == -EEXIST)
		why = "there is something there that is not a socket";
	snprintf(msg, msglen, "%s: cannot listen: %s", path, why);
}

int
transport_open_socket(const char *path, const struct transport_events *events,
    void *arg, struct transport **out, char *msg, size_t msglen)
{
	struct socket_transport *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	s->base = (struct transport){ &socket_ops, events, arg };
	s->epfd = s->listen_fd = s->spare_fd = -1;
	r = socket_start(s, path);
	if (r < 0) {
		explain(path, r, msg, msglen);
		socket_free(&s->base);
		return r;
	}
	*out = &s->base;
	return 0;
}
