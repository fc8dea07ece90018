/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/signals.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <unistd.h>

static void
on_signal(void *arg, uint64_t now_ms)
{
	struct signals *s = arg;
	struct signalfd_siginfo si;

	(void)now_ms;
	if (read(s->fd, &si, sizeof(si)) == sizeof(si))
		reactor_stop(s->reactor, 0);
}

int
signals_block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	return -pthread_sigmask(SIG_BLOCK, set, NULL);
}

int
signals_open(struct signals *s, struct reactor *r)
{
	sigset_t set;
	int error = signals_block(&set);

	if (error < 0)
		return error;
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd == -1)
		return -errno;
	s->reactor = r;
	s->source = (struct source){ .fd = s->fd, .ready = on_signal,
	    .arg = s };
	return reactor_add(r, &s->source);
}

void
signals_close(struct signals *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}
