/* SPDX-License-Identifier: Apache-2.0 */
/* To a key that the kernel drives. */
#include "authenticator/client/host_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/*
 * For a key over uhid the kernel keeps 31 reports, and drops what does not
 * fit; so the key gets time to take them.
 */
#define BURST		16
#define BURST_PAUSE_MS	2

struct hidraw_pipe {
	struct host_pipe	base;
	int		fd;
	unsigned	burst;		/* reports sent since one came */
};

static int
hidraw_send(struct host_pipe *p,
    const uint8_t report[static CTAPHID_REPORT_LEN])
{
	static const struct timespec pause = { 0, BURST_PAUSE_MS * 1000000L };
	struct hidraw_pipe *h = (struct hidraw_pipe *)p;
	uint8_t numbered[1 + CTAPHID_REPORT_LEN] = { 0 };	/* number 0 */
	ssize_t n;

	if (++h->burst % BURST == 0)
		nanosleep(&pause, NULL);
	memcpy(numbered + 1, report, CTAPHID_REPORT_LEN);
	n = write(h->fd, numbered, sizeof(numbered));
	return n == sizeof(numbered) ? 0 : n == -1 ? -errno : -EIO;
}

static int
hidraw_receive(struct host_pipe *p, uint8_t report[static CTAPHID_REPORT_LEN],
    unsigned wait_ms)
{
	struct hidraw_pipe *h = (struct hidraw_pipe *)p;
	/* one byte more than there should be shows what is longer */
	uint8_t packet[CTAPHID_REPORT_LEN + 1];
	int r = host_pipe_wait(h->fd, POLLIN, wait_ms);
	ssize_t n;

	if (r <= 0)
		return r;
	h->burst = 0;
	n = read(h->fd, packet, sizeof(packet));
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n != CTAPHID_REPORT_LEN)
		return -EPROTO;
	memcpy(report, packet, CTAPHID_REPORT_LEN);
	return 1;
}

static void
hidraw_free(struct host_pipe *p)
{
	close(((struct hidraw_pipe *)p)->fd);
	free(p);
}

static const struct host_pipe_ops hidraw_ops = {
	.name = "hidraw",
	.send = hidraw_send,
	.receive = hidraw_receive,
	.free = hidraw_free,
};

/* No keyboard gets our reports by a slip of the pen. */
static int
check_descriptor(int fd)
{
	struct hidraw_report_descriptor d = { .size = 0 };
	int size = 0;

	if (ioctl(fd, HIDIOCGRDESCSIZE, &size) == -1)
		return errno == ENOTTY ? -EMEDIUMTYPE : -errno;
	if (size < 0 || size > HID_MAX_DESCRIPTOR_SIZE)
		return -EPROTO;
	d.size = (unsigned)size;
	if (ioctl(fd, HIDIOCGRDESC, &d) == -1)
		return -errno;
	return host_pipe_is_fido(d.value, d.size) ? 0 : -EMEDIUMTYPE;
}

int
host_pipe_open_hidraw(const char *path, struct host_pipe **out, char *msg,
    size_t msglen)
{
	struct hidraw_pipe *h = calloc(1, sizeof(*h));
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC |
	    O_NOCTTY);
	int r = fd == -1 ? -errno : h == NULL ? -ENOMEM : check_descriptor(fd);

	if (r < 0) {
		snprintf(msg, msglen, "%s: %s", path,
		    r == -EMEDIUMTYPE ? "that is no FIDO key" :
		    strerror(-r));
		if (fd != -1)
			close(fd);
		free(h);
		return r;
	}
	h->base.ops = &hidraw_ops;
	h->fd = fd;
	*out = &h->base;
	return 0;
}
