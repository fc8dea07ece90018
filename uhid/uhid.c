/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uhid transport: the kernel shows a HID device to this machine, and we
 * are it (Documentation/hid/uhid.rst). One descriptor of /dev/uhid is one
 * device; it speaks whole struct uhid_event, one for each read and write.
 *
 *	create --> [closed] --OPEN--> [open: one host] --CLOSE, STOP--+
 *	              ^                                               |
 *	              +-----------------------------------------------+
 *
 * The kernel says OPEN for the first program that opens the device and
 * CLOSE for the last one that leaves. All programs between are one host: a
 * USB key cannot tell them apart either. CLOSE is like pulling the key out:
 * requests and channels end with it.
 *
 * Nothing pushes back: the kernel copies each report into a ring of 64 for
 * every program and drops what does not fit. So reports are paced: after
 * BURST_MAX at once, REPORTS_PER_MS, about as fast as a full-speed endpoint.
 */
#include "uhid/transport.h"

#include <linux/input.h>
#include <linux/uhid.h>
#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BURST_MAX	32	/* reports; half of the ring */
#define REPORTS_PER_MS	 1
#define EVENTS_AT_ONCE	32	/* the kernel's queue */

struct uhid_transport {
	struct transport base;
	struct host	 host;
	int		 fd;
	int		 epfd;		/* has fd in it unless paused */
	bool		 open;		/* host is there */
	bool		 paused;
	bool		 blocked;	/* send said -EAGAIN */
	bool		 failed;
	unsigned	 credit;	/* reports that may go now */
	uint64_t	 credit_ms;	/* when that was counted */
};

static struct uhid_transport *
to_uhid(const struct transport *t)
{
	return (struct uhid_transport *)(uintptr_t)t;
}

static int
watch(struct uhid_transport *u, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(u->epfd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, u->fd,
	    &ev);
}

static void
fail(struct uhid_transport *u, int error)
{
	if (u->failed)
		return;
	u->failed = true;
	watch(u, false);
	u->base.events->failed(u->base.arg, error,
	    "uhid: the kernel took the device away");
}

static int
write_event(struct uhid_transport *u, const struct uhid_event *ev)
{
	ssize_t n;

	do {
		n = write(u->fd, ev, sizeof(*ev));
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	return n == sizeof(*ev) ? 0 : -EIO;
}

static void
host_arrives(struct uhid_transport *u)
{
	if (u->open)
		return;
	u->host.owner = NULL;
	u->credit = BURST_MAX;
	u->credit_ms = 0;
	u->blocked = false;
	u->open = u->base.events->host_open(u->base.arg, &u->host);
}

static void
host_leaves(struct uhid_transport *u)
{
	if (!u->open)
		return;
	u->open = false;
	u->base.events->host_close(u->base.arg, &u->host);
}

/*
 * Programs write the report number first, although there are no numbered
 * reports: 65 bytes, the first of them 0. Anything else is no report.
 */
static void
take_report(struct uhid_transport *u, const uint8_t *data, size_t len)
{
	if (!u->open)
		return;
	if (len == TRANSPORT_REPORT_LEN + 1 && data[0] == 0) {
		data++;
		len--;
	}
	if (len == TRANSPORT_REPORT_LEN)
		u->base.events->report(u->base.arg, &u->host, data);
}

/* A key on USB has an endpoint for reports and stalls these requests. */
static void
refuse_get_report(struct uhid_transport *u, const struct uhid_event *in)
{
	struct uhid_event out;

	memset(&out, 0, sizeof(out));
	out.type = UHID_GET_REPORT_REPLY;
	out.u.get_report_reply.id = in->u.get_report.id;
	out.u.get_report_reply.err = EIO;
	(void)write_event(u, &out);
}

static void
take_set_report(struct uhid_transport *u, const struct uhid_event *in)
{
	const struct uhid_set_report_req *set = &in->u.set_report;
	bool output = set->rtype == UHID_OUTPUT_REPORT;
	struct uhid_event out;

	/* Answer first: an unanswered one blocks the caller for seconds. */
	memset(&out, 0, sizeof(out));
	out.type = UHID_SET_REPORT_REPLY;
	out.u.set_report_reply.id = set->id;
	out.u.set_report_reply.err = output ? 0 : EIO;
	(void)write_event(u, &out);
	if (output)
		take_report(u, set->data, set->size);
}

static void
take_event(struct uhid_transport *u, const struct uhid_event *ev)
{
	switch (ev->type) {
	case UHID_OPEN:
		host_arrives(u);
		break;
	case UHID_CLOSE:
	case UHID_STOP:
		host_leaves(u);
		break;
	case UHID_OUTPUT:
		if (ev->u.output.rtype == UHID_OUTPUT_REPORT)
			take_report(u, ev->u.output.data, ev->u.output.size);
		break;
	case UHID_GET_REPORT:
		refuse_get_report(u, ev);
		break;
	case UHID_SET_REPORT:
		take_set_report(u, ev);
		break;
	default:	/* UHID_START: there, but nobody has opened it yet */
		break;
	}
}

static int
uhid_fd(const struct transport *t)
{
	return to_uhid(t)->epfd;
}

static void
uhid_dispatch(struct transport *t, uint64_t now_ms)
{
	struct uhid_transport *u = to_uhid(t);
	struct uhid_event ev;
	ssize_t n;
	int i;

	(void)now_ms;
	for (i = 0; i < EVENTS_AT_ONCE && !u->paused && !u->failed; i++) {
		/* Older kernels send shorter events. */
		memset(&ev, 0, sizeof(ev));
		n = read(u->fd, &ev, sizeof(ev));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			fail(u, n == 0 ? -ENODEV : -errno);
			return;
		}
		if ((size_t)n >= sizeof(ev.type))
			take_event(u, &ev);
	}
}

static void
count_credit(struct uhid_transport *u, uint64_t now_ms)
{
	uint64_t earned = (now_ms - u->credit_ms) * REPORTS_PER_MS;

	if (now_ms <= u->credit_ms)
		return;
	u->credit_ms = now_ms;
	if (earned > BURST_MAX - u->credit)
		earned = BURST_MAX - u->credit;
	u->credit += earned;
}

static int
uhid_send(struct transport *t, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN], uint64_t now_ms)
{
	struct uhid_transport *u = to_uhid(t);
	struct uhid_event ev;

	(void)h;
	count_credit(u, now_ms);
	if (u->credit == 0) {
		u->blocked = true;
		return -EAGAIN;
	}
	memset(&ev, 0, sizeof(ev));
	ev.type = UHID_INPUT2;
	ev.u.input2.size = TRANSPORT_REPORT_LEN;
	memcpy(ev.u.input2.data, report, TRANSPORT_REPORT_LEN);
	/* An error means that nobody is there to miss it. */
	(void)write_event(u, &ev);
	u->credit--;
	return 0;
}

static void
uhid_pause(struct transport *t, struct host *h, bool paused)
{
	struct uhid_transport *u = to_uhid(t);

	(void)h;
	if (u->paused == paused)
		return;
	u->paused = paused;
	if (!u->failed)
		watch(u, !paused);
}

static uint64_t
uhid_deadline(const struct transport *t)
{
	const struct uhid_transport *u = to_uhid(t);

	return u->open && u->blocked ? u->credit_ms + 1 : UINT64_MAX;
}

static void
uhid_tick(struct transport *t, uint64_t now_ms)
{
	struct uhid_transport *u = to_uhid(t);

	if (!u->open || !u->blocked)
		return;
	count_credit(u, now_ms);
	if (u->credit == 0)
		return;
	u->blocked = false;
	u->base.events->writable(u->base.arg, &u->host);
}

static void
uhid_free(struct transport *t)
{
	struct uhid_transport *u = to_uhid(t);
	struct uhid_event ev;

	host_leaves(u);
	memset(&ev, 0, sizeof(ev));
	ev.type = UHID_DESTROY;
	(void)write_event(u, &ev);
	close(u->fd);
	if (u->epfd != -1)
		close(u->epfd);
	free(u);
}

static const struct transport_ops uhid_ops = {
	.name = "uhid",
	.fd = uhid_fd,
	.dispatch = uhid_dispatch,
	.send = uhid_send,
	.pause = uhid_pause,
	.deadline = uhid_deadline,
	.tick = uhid_tick,
	.free = uhid_free,
};

/* Cuts what is too long; the field is zeroed, so there is a NUL at the end. */
static void
copy_text(uint8_t *field, size_t size, const char *text)
{
	memcpy(field, text, strnlen(text, size - 1));
}

static int
create_device(struct uhid_transport *u, const struct transport_identity *id)
{
	struct uhid_create2_req *req;
	struct uhid_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = UHID_CREATE2;
	req = &ev.u.create2;
	copy_text(req->name, sizeof(req->name), id->name);
	copy_text(req->phys, sizeof(req->phys), "sealkey");
	copy_text(req->uniq, sizeof(req->uniq), id->uniq);
	req->rd_size = sizeof(transport_report_descriptor);
	req->bus = BUS_USB;
	req->vendor = id->vendor;
	req->product = id->product;
	req->version = id->version;
	memcpy(req->rd_data, transport_report_descriptor,
	    sizeof(transport_report_descriptor));
	return write_event(u, &ev);
}

/* Takes fd only if it succeeds. */
int
transport_open_uhid_fd(int fd, const struct transport_identity *id,
    const struct transport_events *events, void *arg,
    struct transport **out, char *msg, size_t msglen)
{
	struct uhid_transport *u = calloc(1, sizeof(*u));
	int r = -ENOMEM;

	if (u == NULL)
		goto out;
	u->base = (struct transport){ &uhid_ops, events, arg };
	u->host.transport = &u->base;
	u->fd = fd;
	u->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (u->epfd == -1 || watch(u, true) == -1) {
		r = -errno;
		goto out;
	}
	r = create_device(u, id);
out:
	if (r < 0) {
		snprintf(msg, msglen, "uhid: cannot make the device: %s",
		    strerror(-r));
		if (u != NULL && u->epfd != -1)
			close(u->epfd);
		free(u);
		return r;
	}
	*out = &u->base;
	return 0;
}

/* In words of whoever asked: the command line, or a request. */
#define A_SOCKET	"use a socket instead (run --socket PATH; transport " \
			"socket in a request)"

static void
explain(int error, char *msg, size_t msglen)
{
	if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
		snprintf(msg, msglen, "/dev/uhid is missing: load it with "
		    "\"modprobe uhid\", or " A_SOCKET);
	else if (error == -EACCES || error == -EPERM)
		snprintf(msg, msglen, "/dev/uhid is forbidden to this user: "
		    "install the udev rule 60-sealkey.rules and run \"udevadm "
		    "trigger /dev/uhid\", join group sealkey and log in again, "
		    "run as root, or " A_SOCKET);
	else
		snprintf(msg, msglen, "/dev/uhid: %s", strerror(-error));
}

int
transport_open_uhid(const struct transport_identity *id,
    const struct transport_events *events, void *arg,
    struct transport **out, char *msg, size_t msglen)
{
	int fd = open("/dev/uhid", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd == -1) {
		r = -errno;
		explain(r, msg, msglen);
		return r;
	}
	r = transport_open_uhid_fd(fd, id, events, arg, out, msg, msglen);
	if (r < 0)
		close(fd);
	return r;
}
