/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for everything at once: see reactor.h. */
#include "authenticator/reactor.h"

#include <sys/epoll.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/clock.h"

#define EVENTS_AT_ONCE	16

int
reactor_init(struct reactor *r)
{
	memset(r, 0, sizeof(*r));
	r->epfd = epoll_create1(EPOLL_CLOEXEC);
	return r->epfd == -1 ? -errno : 0;
}

void
reactor_done(struct reactor *r)
{
	if (r->epfd != -1)
		close(r->epfd);
	r->epfd = -1;
}

int
reactor_add(struct reactor *r, struct source *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	if (s->fd != -1 && epoll_ctl(r->epfd, EPOLL_CTL_ADD, s->fd, &ev) == -1)
		return -errno;
	s->next = r->sources;
	r->sources = s;
	return 0;
}

void
reactor_remove(struct reactor *r, struct source *s)
{
	struct source **at = &r->sources;
	int i;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = s->next;
	if (s->fd != -1)
		(void)epoll_ctl(r->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	for (i = 0; i < r->batch_len; i++) {
		if (r->batch[i].data.ptr == s)
			r->batch[i].data.ptr = NULL;
	}
	if (r->next_tick == s)
		r->next_tick = s->next;
}

static int
timeout_ms(const struct reactor *r)
{
	uint64_t first = UINT64_MAX;
	const struct source *s;
	uint64_t now_ms;
	uint64_t at;

	for (s = r->sources; s != NULL; s = s->next) {
		at = s->deadline != NULL ? s->deadline(s->arg) : UINT64_MAX;
		if (at < first)
			first = at;
	}
	if (first == UINT64_MAX)
		return -1;
	now_ms = clock_ms();
	if (first <= now_ms)
		return 0;
	return first - now_ms < INT_MAX ? (int)(first - now_ms) : INT_MAX;
}

/* After reading, so that what has arrived in time counts as in time. */
static void
tick_all(struct reactor *r)
{
	uint64_t now_ms = clock_ms();
	struct source *s;

	for (s = r->sources; s != NULL && !r->stopped; s = r->next_tick) {
		r->next_tick = s->next;
		if (s->deadline != NULL && s->deadline(s->arg) <= now_ms)
			s->tick(s->arg, now_ms);
	}
	r->next_tick = NULL;
}

static int
wait_once(struct reactor *r)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	uint64_t now_ms;
	struct source *s;
	int n;
	int i;

	n = epoll_wait(r->epfd, ev, EVENTS_AT_ONCE, timeout_ms(r));
	if (n == -1)
		return errno == EINTR ? 0 : -errno;
	now_ms = clock_ms();
	r->batch = ev;
	r->batch_len = n;
	for (i = 0; i < n && !r->stopped; i++) {
		s = ev[i].data.ptr;
		if (s != NULL)		/* not removed meanwhile */
			s->ready(s->arg, now_ms);
	}
	r->batch_len = 0;
	tick_all(r);
	return 0;
}

int
reactor_run(struct reactor *r)
{
	int error;

	while (!r->stopped) {
		error = wait_once(r);
		if (error < 0)
			return error;
	}
	return r->status;
}

void
reactor_stop(struct reactor *r, int status)
{
	if (!r->stopped)
		r->status = status;
	r->stopped = true;
}
