/* SPDX-License-Identifier: Apache-2.0 */
/* The last events, for readers who are fast, slow, or look the other way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "authenticator/event_ring.h"

static void
put(struct event_ring *r, enum event_kind kind, const char *key)
{
	event_ring_put(r, &(struct event){ .kind = kind, .key = key });
}

static struct event_ring *
new_ring(void)
{
	struct event_ring *r;

	assert_int_equal(event_ring_new(&r), 0);
	return r;
}

/* The number of the next event for rd; 0: there is none. */
static uint64_t
next(struct event_ring *r, struct event_reader *rd, uint64_t *lost)
{
	unsigned long long seq = 0;
	struct span line;

	if (!event_ring_read(r, rd, &line, lost))
		return 0;
	assert_int_equal(line.p[line.len - 1], '\n');
	assert_null(memchr(line.p, '\n', line.len - 1));
	assert_int_equal(sscanf((const char *)line.p, "{\"seq\":%llu,", &seq),
	    1);
	return seq;
}

static void
readers_read_in_their_own_time(void **state)
{
	struct event_ring *r = new_ring();
	struct event_reader fast = { .next = 1 }, slow = { .next = 1 };
	uint64_t lost;

	(void)state;
	assert_true(event_ring_end(r) == 1);
	assert_int_equal(next(r, &fast, &lost), 0);
	put(r, EVENT_RESET, "a");
	assert_int_equal(next(r, &fast, &lost), 1);
	put(r, EVENT_RESET, "a");
	assert_int_equal(next(r, &fast, &lost), 2);
	assert_int_equal(next(r, &fast, &lost), 0);
	assert_int_equal(next(r, &slow, &lost), 1);
	assert_int_equal(next(r, &slow, &lost), 2);
	assert_true(lost == 0);
	event_ring_free(r);
}

static void
readers_get_what_they_want(void **state)
{
	struct event_ring *r = new_ring();
	struct event_reader kind = { .next = 1,
	    .kinds = 1 << EVENT_RESET | 1 << EVENT_PLUGGED };
	struct event_reader key = { .next = 1, .key = "b" };
	uint64_t lost;

	(void)state;
	put(r, EVENT_PLUGGED, "a");
	put(r, EVENT_OPERATION, "a");
	put(r, EVENT_OPERATION, "b");
	put(r, EVENT_RESET, NULL);
	assert_int_equal(next(r, &kind, &lost), 1);
	assert_int_equal(next(r, &kind, &lost), 4);
	assert_int_equal(next(r, &kind, &lost), 0);
	assert_int_equal(next(r, &key, &lost), 3);
	assert_int_equal(next(r, &key, &lost), 0);
	event_ring_free(r);
}

/* The end of the one key that a reader is there for, or of the daemon. */
static void
the_end_is_told(void **state)
{
	struct event_ring *r = new_ring();
	struct event_reader of_a = { .next = 1, .live = 2, .key = "a",
	    .kinds = 1 << EVENT_RESET };
	struct event_reader all = { .next = 1, .live = 2 };
	uint64_t lost;

	(void)state;
	put(r, EVENT_REMOVED, "a");	/* another one of that name, before */
	put(r, EVENT_REMOVED, "b");
	put(r, EVENT_RESET, "a");
	assert_int_equal(next(r, &of_a, &lost), 3);
	assert_false(of_a.over);
	put(r, EVENT_REMOVED, "a");
	put(r, EVENT_RESET, "a");	/* and after */
	assert_int_equal(next(r, &of_a, &lost), 4);
	assert_true(of_a.over);
	for (int i = 0; i < RING_EVENTS; i++)
		put(r, EVENT_RESET, "a");
	assert_int_equal(next(r, &of_a, &lost), 0);
	assert_true(lost == 0);
	put(r, EVENT_ENDED, NULL);
	while (next(r, &all, &lost) != 0)
		assert_int_equal(all.over, all.next == event_ring_end(r));
	assert_true(all.over);
	event_ring_free(r);
}

static void
who_comes_too_late_is_told(void **state)
{
	struct event_ring *r = new_ring();
	struct event_reader rd = { .next = 1 };
	uint64_t lost;

	(void)state;
	put(r, EVENT_RESET, "a");
	assert_int_equal(next(r, &rd, &lost), 1);
	for (int i = 0; i < RING_EVENTS + 10; i++)
		put(r, EVENT_RESET, "a");
	assert_int_equal(next(r, &rd, &lost), 12);
	assert_true(lost == 10);
	assert_int_equal(next(r, &rd, &lost), 13);
	assert_true(lost == 0);
	event_ring_free(r);
}

/* The longest that there can be: text of hosts, all of it to be escaped. */
static void
text_is_bounded(void **state)
{
	static const uint8_t blob[1023];
	struct event e = { .kind = EVENT_OPERATION, .key = "a",
	    .credential_id = span(blob, sizeof(blob)),
	    .rp_id = span(blob, 255), .user_id = span(blob, 64) };
	struct event_reader rd = { .next = 1 };
	struct event_ring *r = new_ring();
	uint64_t lost, seq;
	size_t bytes = 0;
	struct span line;

	(void)state;
	for (int i = 0; i < RING_EVENTS; i++)
		event_ring_put(r, &e);
	seq = next(r, &rd, &lost);
	assert_true(seq > 1 && lost == seq - 1);
	rd.next--;
	while (event_ring_read(r, &rd, &line, &lost))
		bytes += line.len;
	assert_in_range(bytes, RING_BYTES / 2, RING_BYTES);
	event_ring_free(r);
}

static void
count(void *arg)
{
	++*(unsigned *)arg;
}

static void
whoever_sleeps_is_woken(void **state)
{
	struct event_ring *r = new_ring();
	unsigned calls = 0;

	(void)state;
	event_ring_watch(r, count, &calls);
	put(r, EVENT_RESET, "a");
	put(r, EVENT_RESET, "a");
	assert_int_equal(calls, 2);
	event_ring_watch(r, NULL, NULL);
	put(r, EVENT_RESET, "a");
	assert_int_equal(calls, 2);
	event_ring_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_read_in_their_own_time),
		cmocka_unit_test(readers_get_what_they_want),
		cmocka_unit_test(the_end_is_told),
		cmocka_unit_test(who_comes_too_late_is_told),
		cmocka_unit_test(text_is_bounded),
		cmocka_unit_test(whoever_sleeps_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
