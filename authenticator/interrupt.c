/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/interrupt.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

/* An ignored one would be kept as well, once it is blocked. */
static void
add(sigset_t *set, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 &&
	    action.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

int
interrupt_open(struct interrupt *i)
{
	sigset_t set;
	int r;

	i->signal = 0;
	sigemptyset(&set);
	add(&set, SIGINT);
	add(&set, SIGTERM);
	add(&set, SIGHUP);
	i->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (i->fd == -1)
		return -errno;
	r = -pthread_sigmask(SIG_BLOCK, &set, &i->before);
	if (r < 0)
		close(i->fd);
	return r;
}

bool
interrupt_came(struct interrupt *i)
{
	struct signalfd_siginfo info;

	if (i == NULL)
		return false;
	if (i->signal == 0 && read(i->fd, &info, sizeof(info)) ==
	    sizeof(info))
		i->signal = (int)info.ssi_signo;
	return i->signal != 0;
}

void
interrupt_close(struct interrupt *i)
{
	bool came = interrupt_came(i);

	close(i->fd);
	pthread_sigmask(SIG_SETMASK, &i->before, NULL);
	if (came)
		raise(i->signal);
}
