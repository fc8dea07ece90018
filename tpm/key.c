/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/key.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

void
keys_free(struct keys *k)
{
	if (k != NULL)
		k->ops->free(k);
}

int
keys_perform(struct keys *k, struct key_op *op)
{
	struct pollfd pfd = { .events = POLLIN };
	struct key_op *done;

	if (k->ops->start(k, op))
		return op->result;
	pfd.fd = k->ops->fd(k);
	assert(pfd.fd >= 0);
	do {
		/* The provider has the deadline, and poll() tells it. */
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR) {
			op->result = -errno;
			k->ops->abandon(k, op);
			return op->result;
		}
		done = k->ops->poll(k);
	} while (done == NULL);
	assert(done == op);
	return op->result;
}
