/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/host_pipe.h"

#include <errno.h>
#include <poll.h>

#include "authenticator/clock.h"

void
host_pipe_free(struct host_pipe *p)
{
	if (p != NULL)
		p->ops->free(p);
}

uint64_t
host_pipe_now_ms(struct host_pipe *p)
{
	return p != NULL && p->ops->now_ms != NULL ? p->ops->now_ms(p) :
	    clock_ms();
}

/* Short items only: a long one is none that a FIDO key begins with. */
bool
host_pipe_is_fido(const uint8_t *d, size_t len)
{
	static const uint8_t sizes[] = { 0, 1, 2, 4 };
	size_t size;

	for (size_t i = 0; i < len; i += 1 + size) {
		size = sizes[d[i] & 3];
		if (i + size >= len)
			return false;
		if ((d[i] & 0xfc) == 0x04)	/* usage page */
			return size == 2 && d[i + 1] == 0xd0 &&
			    d[i + 2] == 0xf1;
	}
	return false;
}

int
host_pipe_wait(int fd, short events, unsigned wait_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n = poll(&pfd, 1, (int)wait_ms);

	if (n == -1)
		return errno == EINTR ? 0 : -errno;
	if (n == 1 && (pfd.revents & events) == 0)
		return -EPIPE;
	return n;
}
