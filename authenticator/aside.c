/* SPDX-License-Identifier: Apache-2.0 */
/* Work that waits, aside from the loop: see aside.h. */
#include "authenticator/aside.h"

#include <sys/eventfd.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "authenticator/clock.h"

struct queue {
	struct aside_job *first;
	struct aside_job **end;		/* where the next one goes */
};

struct aside {
	struct reactor	*reactor;
	struct source	 source;	/* of an eventfd: some are done */
	pthread_t	 thread;
	bool		 running;	/* there is one */
	pthread_mutex_t	 lock;		/* of all below */
	pthread_cond_t	 wake;		/* something waits, or it is over */
	pthread_cond_t	 idle;		/* nothing waits, nor is worked at */
	struct queue	 waiting;
	struct queue	 done;
	bool		 busy;		/* at a job that is in neither */
	bool		 over;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void
queue_put(struct queue *q, struct aside_job *job)
{
	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
}

static struct aside_job *
queue_take(struct queue *q)
{
	struct aside_job *job = q->first;

	if (job == NULL)
		return NULL;
	q->first = job->next;
	if (q->first == NULL)
		q->end = &q->first;
	return job;
}

static bool
queue_remove(struct queue *q, struct aside_job *job)
{
	struct aside_job **at = &q->first;

	while (*at != NULL && *at != job)
		at = &(*at)->next;
	if (*at == NULL)
		return false;
	*at = job->next;
	if (q->end == &job->next)
		q->end = at;
	return true;
}

/* With the lock. */
static void
put_done(struct aside *a, struct aside_job *job)
{
	queue_put(&a->done, job);
	(void)eventfd_write(a->source.fd, 1);
}

static void *
work(void *arg)
{
	struct aside *a = arg;
	struct aside_job *job;

	pthread_mutex_lock(&a->lock);
	while (!a->over) {
		job = queue_take(&a->waiting);
		if (job == NULL) {
			pthread_cond_signal(&a->idle);
			pthread_cond_wait(&a->wake, &a->lock);
			continue;
		}
		a->busy = true;
		pthread_mutex_unlock(&a->lock);
		job->work(job->arg);
		pthread_mutex_lock(&a->lock);
		a->busy = false;
		put_done(a, job);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* Those that are done now; what they bring about comes later. */
static bool
call_done(struct aside *a, uint64_t now_ms)
{
	struct queue done;
	struct aside_job *job;
	bool any;

	queue_init(&done);
	pthread_mutex_lock(&a->lock);
	while ((job = queue_take(&a->done)) != NULL)
		queue_put(&done, job);
	pthread_mutex_unlock(&a->lock);
	any = done.first != NULL;
	while ((job = queue_take(&done)) != NULL)
		job->done(job->arg, now_ms);
	return any;
}

static void
on_done(void *arg, uint64_t now_ms)
{
	struct aside *a = arg;
	eventfd_t count;

	(void)eventfd_read(a->source.fd, &count);
	(void)call_done(a, now_ms);
}

int
aside_new(struct reactor *reactor, struct aside **out)
{
	struct aside *a = calloc(1, sizeof(*a));
	int r;

	if (a == NULL)
		return -ENOMEM;
	a->reactor = reactor;
	a->source = (struct source){ .ready = on_done, .arg = a,
	    .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	queue_init(&a->waiting);
	queue_init(&a->done);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->wake, NULL);
	pthread_cond_init(&a->idle, NULL);
	r = a->source.fd != -1 ? reactor_add(reactor, &a->source) : -errno;
	if (r < 0) {
		aside_free(a);
		return r;
	}
	*out = a;
	return 0;
}

/* Signals are the loop's. */
static bool
has_thread(struct aside *a)
{
	sigset_t all, old;

	if (a->running)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	a->running = pthread_create(&a->thread, NULL, work, a) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return a->running;
}

void
aside_give(struct aside *a, struct aside_job *job)
{
	bool aside = has_thread(a);

	if (!aside)
		job->work(job->arg);
	pthread_mutex_lock(&a->lock);
	if (aside)
		queue_put(&a->waiting, job);
	else
		put_done(a, job);
	pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->lock);
}

bool
aside_take_back(struct aside *a, struct aside_job *job)
{
	bool found;

	pthread_mutex_lock(&a->lock);
	found = queue_remove(&a->waiting, job);
	pthread_mutex_unlock(&a->lock);
	return found;
}

void
aside_finish(struct aside *a)
{
	do {
		pthread_mutex_lock(&a->lock);
		while (a->busy || a->waiting.first != NULL)
			pthread_cond_wait(&a->idle, &a->lock);
		pthread_mutex_unlock(&a->lock);
	} while (call_done(a, clock_ms()));
}

void
aside_free(struct aside *a)
{
	if (a == NULL)
		return;
	assert(a->waiting.first == NULL && a->done.first == NULL);
	if (a->running) {
		pthread_mutex_lock(&a->lock);
		a->over = true;
		pthread_cond_signal(&a->wake);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	reactor_remove(a->reactor, &a->source);
	if (a->source.fd != -1)
		close(a->source.fd);
	pthread_cond_destroy(&a->idle);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
