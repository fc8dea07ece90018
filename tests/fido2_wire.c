/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fido2_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uhid/transport.h"
#include "uhid/unix.h"

struct wire {
	int	fd;
};

static void *
wire_open(const char *path)
{
	struct wire *w = malloc(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->fd = unix_connect(path, SOCK_SEQPACKET);
	if (w->fd >= 0)
		return w;
	errno = -w->fd;
	free(w);
	return NULL;
}

static void
wire_close(void *handle)
{
	struct wire *w = handle;

	close(w->fd);
	free(w);
}

static int
wire_read(void *handle, unsigned char *buf, size_t len, int ms)
{
	struct wire *w = handle;
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };

	if (len != TRANSPORT_REPORT_LEN || poll(&pfd, 1, ms) != 1)
		return -1;
	/* MSG_TRUNC: the length of the packet, even if it is longer. */
	return recv(w->fd, buf, len, MSG_TRUNC) == TRANSPORT_REPORT_LEN ?
	    TRANSPORT_REPORT_LEN : -1;
}

/* libfido2 puts a report number in front, as hidraw wants it. */
static int
wire_write(void *handle, const unsigned char *buf, size_t len)
{
	struct wire *w = handle;

	if (len != TRANSPORT_REPORT_LEN + 1 ||
	    send(w->fd, buf + 1, len - 1, MSG_NOSIGNAL) != (ssize_t)len - 1)
		return -1;
	return (int)len;
}

fido_dev_t *
fido2_open(const char *socket)
{
	static const fido_dev_io_t io = {
		wire_open, wire_close, wire_read, wire_write,
	};
	fido_dev_t *dev;

	fido_init(0);
	dev = fido_dev_new();
	if (dev == NULL)
		return NULL;
	if (fido_dev_set_io_functions(dev, &io) != FIDO_OK ||
	    fido_dev_open(dev, socket) != FIDO_OK)
		fido_dev_free(&dev);
	return dev;
}

void
fido2_close(fido_dev_t **dev)
{
	if (*dev != NULL)
		fido_dev_close(*dev);
	fido_dev_free(dev);
}
