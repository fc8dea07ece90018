/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for everything at once, of which some goes away meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "authenticator/reactor.h"

struct scene {
	struct reactor	reactor;
	struct source	source[3];
	struct source	*victim;	/* whoever is called first removes it */
	int		pipe[3][2];
	unsigned	calls;
	uint64_t	deadline_ms;
};

static void
remove_victim(void *arg, uint64_t now_ms)
{
	struct scene *s = arg;

	(void)now_ms;
	s->calls++;
	if (s->victim != NULL)
		reactor_remove(&s->reactor, s->victim);
	s->victim = NULL;
}

static uint64_t
deadline(const void *arg)
{
	return ((const struct scene *)arg)->deadline_ms;
}

static void
end(void *arg, uint64_t now_ms)
{
	struct scene *s = arg;

	(void)now_ms;
	reactor_stop(&s->reactor, 7);
}

static void
setup(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->deadline_ms = UINT64_MAX;
	assert_int_equal(reactor_init(&s->reactor), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pipe(s->pipe[i]), 0);
}

static void
teardown(struct scene *s)
{
	reactor_done(&s->reactor);
	for (int i = 0; i < 3; i++) {
		close(s->pipe[i][0]);
		close(s->pipe[i][1]);
	}
}

static void
add(struct scene *s, int i)
{
	s->source[i] = (struct source){ .fd = s->pipe[i][0],
	    .ready = remove_victim, .arg = s };
	assert_int_equal(reactor_add(&s->reactor, &s->source[i]), 0);
	assert_int_equal(write(s->pipe[i][1], "", 1), 1);
}

/* Both are ready at once; whichever comes first takes the other away. */
static void
one_that_was_removed_is_not_called(void **state)
{
	struct source stop = { .fd = -1, .deadline = deadline, .tick = end };
	struct scene s;

	(void)state;
	for (int victim = 0; victim < 2; victim++) {
		setup(&s);
		s.victim = &s.source[victim];
		add(&s, 0);
		add(&s, 1);
		s.deadline_ms = 0;
		stop.arg = &s;
		assert_int_equal(reactor_add(&s.reactor, &stop), 0);
		assert_int_equal(reactor_run(&s.reactor), 7);
		/* itself, then the other; or the other was taken away */
		assert_in_range(s.calls, 1, 2);
		reactor_remove(&s.reactor, &s.source[victim]);
		teardown(&s);
	}
}

static void
tick_and_remove_both(void *arg, uint64_t now_ms)
{
	struct scene *s = arg;

	(void)now_ms;
	s->calls++;
	reactor_remove(&s->reactor, &s->source[0]);
	reactor_remove(&s->reactor, &s->source[1]);
	reactor_stop(&s->reactor, 0);
	s->reactor.stopped = false;	/* the rest of this round goes on */
}

static void
a_tick_may_remove_itself_and_the_next(void **state)
{
	struct source stop = { .fd = -1, .deadline = deadline, .tick = end };
	struct scene s;

	(void)state;
	setup(&s);
	stop.arg = &s;
	assert_int_equal(reactor_add(&s.reactor, &stop), 0);
	for (int i = 0; i < 2; i++) {
		s.source[i] = (struct source){ .fd = -1, .arg = &s,
		    .deadline = deadline, .tick = tick_and_remove_both };
		assert_int_equal(reactor_add(&s.reactor, &s.source[i]), 0);
	}
	s.deadline_ms = 0;
	(void)reactor_run(&s.reactor);
	assert_int_equal(s.calls, 1);
	teardown(&s);
}

static void
removed_twice_and_never_added(void **state)
{
	struct scene s;

	(void)state;
	setup(&s);
	add(&s, 0);
	reactor_remove(&s.reactor, &s.source[0]);
	reactor_remove(&s.reactor, &s.source[0]);
	reactor_remove(&s.reactor, &s.source[2]);
	/* it can be added again */
	add(&s, 0);
	reactor_remove(&s.reactor, &s.source[0]);
	teardown(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_was_removed_is_not_called),
		cmocka_unit_test(a_tick_may_remove_itself_and_the_next),
		cmocka_unit_test(removed_twice_and_never_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
