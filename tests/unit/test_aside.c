/* SPDX-License-Identifier: Apache-2.0 */
/* Work aside from the loop: in order, told to the loop, and never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>

#include "authenticator/aside.h"

#define TASKS	3

static bool no_threads;

/* In place of the C library's, which it calls. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *arg)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
	    void *);

	if (no_threads)
		return EAGAIN;
	*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	return next(thread, attr, start, arg);
}

struct scene;

struct task {
	struct aside_job job;
	struct scene	*scene;
	char		 name;
	bool		 waits;		/* for gate */
	pthread_t	 thread;	/* that worked at it */
	sigset_t	 blocked;	/* in that */
};

struct scene {
	struct reactor	 reactor;
	struct aside	*aside;
	struct task	 task[TASKS];
	sem_t		 begun;		/* those that wait are being done */
	sem_t		 gate;
	char		 worked[16];	/* names, in order */
	char		 done[16];
	size_t		 stop_at;	/* so many are done */
	struct task	*again;		/* given by who is done; NULL: none */
};

static void
work(void *arg)
{
	struct task *t = arg;

	t->thread = pthread_self();
	pthread_sigmask(SIG_BLOCK, NULL, &t->blocked);
	if (t->waits) {
		sem_post(&t->scene->begun);
		sem_wait(&t->scene->gate);
	}
	strncat(t->scene->worked, &t->name, 1);
}

static void
done(void *arg, uint64_t now_ms)
{
	struct task *t = arg;
	struct scene *s = t->scene;
	struct task *again = s->again;

	assert_true(now_ms > 0);
	strncat(s->done, &t->name, 1);
	s->again = NULL;
	if (again != NULL)
		aside_give(s->aside, &again->job);
	if (strlen(s->done) == s->stop_at)
		reactor_stop(&s->reactor, 0);
}

static int
setup(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	assert_int_equal(reactor_init(&s.reactor), 0);
	assert_int_equal(aside_new(&s.reactor, &s.aside), 0);
	assert_int_equal(sem_init(&s.begun, 0, 0), 0);
	assert_int_equal(sem_init(&s.gate, 0, 0), 0);
	for (int i = 0; i < TASKS; i++)
		s.task[i] = (struct task){ .scene = &s, .name = (char)('a' +
		    i), .job = { .work = work, .done = done,
		    .arg = &s.task[i] } };
	*state = &s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	aside_free(s->aside);
	reactor_done(&s->reactor);
	sem_destroy(&s->begun);
	sem_destroy(&s->gate);
	return 0;
}

static void
give(struct scene *s, int first, int last)
{
	for (int i = first; i <= last; i++)
		aside_give(s->aside, &s->task[i].job);
}

static void
run(struct scene *s, size_t count)
{
	s->stop_at = count;
	s->reactor.stopped = false;
	assert_int_equal(reactor_run(&s->reactor), 0);
}

static void
jobs_are_done_in_order(void **state)
{
	struct scene *s = *state;

	give(s, 0, 2);
	run(s, 3);
	assert_string_equal(s->worked, "abc");
	assert_string_equal(s->done, "abc");
	give(s, 1, 1);
	run(s, 4);
	assert_string_equal(s->done, "abcb");
}

static void
they_are_done_by_one_other_thread_without_signals(void **state)
{
	struct scene *s = *state;

	give(s, 0, 2);
	run(s, 3);
	for (int i = 0; i < TASKS; i++) {
		assert_false(pthread_equal(s->task[i].thread,
		    pthread_self()));
		assert_true(pthread_equal(s->task[i].thread,
		    s->task[0].thread));
		assert_true(sigismember(&s->task[i].blocked, SIGTERM));
	}
}

static uint64_t
at_once(const void *arg)
{
	(void)arg;
	return 0;
}

/* In the loop. */
static void
open_gate(void *arg, uint64_t now_ms)
{
	struct scene *s = arg;

	(void)now_ms;
	if (sem_trywait(&s->begun) != 0)
		return;
	assert_string_equal(s->worked, "");
	sem_post(&s->gate);
}

/* Or nobody would ever open the gate. */
static void
the_loop_goes_on_meanwhile(void **state)
{
	struct scene *s = *state;
	struct source keeper = { .fd = -1, .deadline = at_once,
	    .tick = open_gate, .arg = s };

	s->task[0].waits = true;
	give(s, 0, 0);
	assert_int_equal(reactor_add(&s->reactor, &keeper), 0);
	run(s, 1);
	reactor_remove(&s->reactor, &keeper);
	assert_string_equal(s->done, "a");
}

static void
what_was_not_begun_can_be_taken_back(void **state)
{
	struct scene *s = *state;

	s->task[0].waits = true;
	give(s, 0, 2);
	sem_wait(&s->begun);
	assert_false(aside_take_back(s->aside, &s->task[0].job));
	assert_true(aside_take_back(s->aside, &s->task[2].job));
	assert_false(aside_take_back(s->aside, &s->task[2].job));
	give(s, 2, 2);			/* the last of them, twice */
	assert_true(aside_take_back(s->aside, &s->task[1].job));
	sem_post(&s->gate);
	aside_finish(s->aside);
	assert_string_equal(s->worked, "ac");
	assert_string_equal(s->done, "ac");
	assert_false(aside_take_back(s->aside, &s->task[2].job));
}

static void
finishing_is_with_all_that_comes_of_it(void **state)
{
	struct scene *s = *state;

	s->again = &s->task[2];
	give(s, 0, 1);
	aside_finish(s->aside);
	assert_string_equal(s->done, "abc");
	aside_finish(s->aside);
	assert_string_equal(s->done, "abc");
}

/* As where there may be no more of them. */
static void
without_a_thread_it_is_done_here(void **state)
{
	struct scene *s = *state;

	no_threads = true;
	give(s, 0, 1);
	no_threads = false;
	assert_string_equal(s->worked, "ab");
	assert_true(pthread_equal(s->task[0].thread, pthread_self()));
	assert_string_equal(s->done, "");	/* not from within */
	run(s, 2);
	assert_string_equal(s->done, "ab");
	give(s, 2, 2);
	run(s, 3);
	assert_false(pthread_equal(s->task[2].thread, pthread_self()));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jobs_are_done_in_order),
		TEST(they_are_done_by_one_other_thread_without_signals),
		TEST(the_loop_goes_on_meanwhile),
		TEST(what_was_not_begun_can_be_taken_back),
		TEST(finishing_is_with_all_that_comes_of_it),
		TEST(without_a_thread_it_is_done_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
