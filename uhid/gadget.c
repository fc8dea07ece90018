/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gadget transport: this machine is a USB device, and /dev/hidgN is the
 * HID function that somebody configured for it (configfs, usb_f_hid) with
 * our report descriptor. One report of 64 bytes for each read and write.
 *
 * There is one host, from start to end: the function does not say when the
 * cable is pulled, and whoever is plugged in next starts with INIT. What the
 * bus cannot take now waits: the function holds one report and says EAGAIN.
 */
#include "uhid/transport.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORTS_AT_ONCE	32

struct gadget_transport {
	struct transport base;
	struct host	 host;
	int		 fd;
	int		 epfd;
	bool		 watched;	/* fd is in epfd */
	bool		 open;
	bool		 paused;
	bool		 blocked;
	bool		 failed;
};

static struct gadget_transport *
to_gadget(const struct transport *t)
{
	return (struct gadget_transport *)(uintptr_t)t;
}

/* EPOLLERR and EPOLLHUP cannot be masked, so nothing to do means: not in. */
static int
watch(struct gadget_transport *g)
{
	struct epoll_event ev = { 0 };
	int op = g->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	ev.events = (g->paused ? 0 : EPOLLIN) | (g->blocked ? EPOLLOUT : 0);
	if (ev.events == 0 || g->failed) {
		if (!g->watched)
			return 0;
		op = EPOLL_CTL_DEL;
	}
	if (epoll_ctl(g->epfd, op, g->fd, &ev) == -1)
		return -errno;
	g->watched = op != EPOLL_CTL_DEL;
	return 0;
}

static void
fail(struct gadget_transport *g, int error)
{
	if (g->failed)
		return;
	g->failed = true;
	watch(g);
	g->base.events->failed(g->base.arg, error,
	    "gadget: the HID function has gone");
}

static void
read_reports(struct gadget_transport *g)
{
	uint8_t report[TRANSPORT_REPORT_LEN];
	ssize_t n;
	int i;

	for (i = 0; i < REPORTS_AT_ONCE && !g->paused; i++) {
		n = read(g->fd, report, sizeof(report));
		if (n == -1 && errno == EINTR)
			continue;
		/* ESHUTDOWN: no host at the moment */
		if (n == -1 && (errno == EAGAIN || errno == ESHUTDOWN))
			return;
		if (n == -1) {
			fail(g, -errno);
			return;
		}
		if (n == sizeof(report))
			g->base.events->report(g->base.arg, &g->host, report);
	}
}

static int
gadget_fd(const struct transport *t)
{
	return to_gadget(t)->epfd;
}

static void
gadget_dispatch(struct transport *t, uint64_t now_ms)
{
	struct gadget_transport *g = to_gadget(t);
	struct epoll_event ev;

	(void)now_ms;
	if (g->failed || epoll_wait(g->epfd, &ev, 1, 0) != 1)
		return;
	if ((ev.events & EPOLLOUT) != 0 && g->blocked) {
		g->blocked = false;
		watch(g);
		g->base.events->writable(g->base.arg, &g->host);
	}
	if ((ev.events & EPOLLIN) != 0)
		read_reports(g);
	else if ((ev.events & (EPOLLERR | EPOLLHUP)) != 0)
		fail(g, -ENODEV);
}

static int
gadget_send(struct transport *t, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN], uint64_t now_ms)
{
	struct gadget_transport *g = to_gadget(t);
	ssize_t n;

	(void)h;
	(void)now_ms;
	if (g->blocked)
		return -EAGAIN;
	do {
		n = write(g->fd, report, TRANSPORT_REPORT_LEN);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN && !g->failed) {
		g->blocked = true;
		watch(g);
		return -EAGAIN;
	}
	return 0;	/* other errors: there is no host to miss it */
}

static void
gadget_pause(struct transport *t, struct host *h, bool paused)
{
	struct gadget_transport *g = to_gadget(t);

	(void)h;
	if (g->paused == paused)
		return;
	g->paused = paused;
	watch(g);
}

static uint64_t
gadget_deadline(const struct transport *t)
{
	(void)t;
	return UINT64_MAX;
}

static void
gadget_tick(struct transport *t, uint64_t now_ms)
{
	(void)t;
	(void)now_ms;
}

static void
gadget_free(struct transport *t)
{
	struct gadget_transport *g = to_gadget(t);

	if (g->open)
		g->base.events->host_close(g->base.arg, &g->host);
	if (g->fd != -1)
		close(g->fd);
	if (g->epfd != -1)
		close(g->epfd);
	free(g);
}

static const struct transport_ops gadget_ops = {
	.name = "gadget",
	.fd = gadget_fd,
	.dispatch = gadget_dispatch,
	.send = gadget_send,
	.pause = gadget_pause,
	.deadline = gadget_deadline,
	.tick = gadget_tick,
	.free = gadget_free,
};

static int
gadget_start(struct gadget_transport *g, const char *path)
{
	struct stat st;
	int r;

	g->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (g->fd == -1 || fstat(g->fd, &st) == -1)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENODEV;
	g->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (g->epfd == -1)
		return -errno;
	r = watch(g);
	if (r < 0)	/* what nobody can wait for is no HID function */
		return r == -EPERM ? -ENODEV : r;
	g->open = g->base.events->host_open(g->base.arg, &g->host);
	return g->open ? 0 : -ENOMEM;
}

static void
explain(const char *path, int error, char *msg, size_t msglen)
{
	const char *why = strerror(-error);

	if (error == -ENOENT || error == -ENXIO)
		why = "no such device: configure a USB gadget with a HID "
		    "function first";
	else if (error == -EACCES || error == -EPERM)
		why = "forbidden to this user: run as root, or install the "
		    "udev rule 60-sealkey.rules";
	else if (error == -ENODEV)
		why = "not a HID function of a USB gadget";
	snprintf(msg, msglen, "%s: %s", path, why);
}

int
transport_open_gadget(const char *path, const struct transport_events *events,
    void *arg, struct transport **out, char *msg, size_t msglen)
{
	struct gadget_transport *g = calloc(1, sizeof(*g));
	int r;

	if (g == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	g->base = (struct transport){ &gadget_ops, events, arg };
	g->host.transport = &g->base;
	g->fd = g->epfd = -1;
	r = gadget_start(g, path);
	if (r < 0) {
		explain(path, r, msg, msglen);
		gadget_free(&g->base);
		return r;
	}
	*out = &g->base;
	return 0;
}
