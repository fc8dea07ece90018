/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes that were fetched ahead: seal.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tpm/seal.h"

#define DRAWN	32

static struct seal_random *
random_new(void)
{
	struct seal_random *r = seal_memory_new(sizeof(*r));

	assert_non_null(r);
	assert_false(r->ahead);
	seal_random_init(r);
	assert_true(r->ahead);
	return r;
}

static void
test_no_bytes_come_twice(void **state)
{
	static uint8_t drawn[100][DRAWN];
	struct seal_random *r = random_new();

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(seal_random(r, drawn[i], DRAWN), 0);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(drawn[i], drawn[j], DRAWN);
		assert_null(memmem(r->bytes, sizeof(r->bytes), drawn[i],
		    DRAWN));
	}
	seal_memory_free(r, sizeof(*r));
}

static void
test_any_length_up_to_all(void **state)
{
	uint8_t out[SEAL_RANDOM_LEN + 1], zeros[SEAL_RANDOM_LEN] = { 0 };
	struct seal_random *r = random_new();

	(void)state;
	memset(out, 0, sizeof(out));
	assert_int_equal(seal_random(r, out, sizeof(out)), 0);
	assert_memory_not_equal(out, zeros, sizeof(zeros));
	assert_int_equal(r->left, 0);
	for (size_t len = 0; len <= SEAL_RANDOM_LEN; len++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(seal_random(r, out, len), 0);
		assert_true(r->left <= SEAL_RANDOM_LEN - len);
		if (len >= DRAWN)
			assert_memory_not_equal(out, zeros, len);
		/* used ones are wiped, and nothing behind out is written */
		assert_memory_equal(r->bytes, zeros, SEAL_RANDOM_LEN -
		    r->left);
		assert_memory_equal(out + len, zeros, SEAL_RANDOM_LEN - len);
	}
	seal_memory_free(r, sizeof(*r));
}

/* What a child process draws, from the same. */
static void
draw_in_child(struct seal_random *r, uint8_t out[static DRAWN])
{
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0)
		_exit(seal_random(r, out, DRAWN) != 0 ||
		    write(fd[1], out, DRAWN) != DRAWN);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(fd[0], out, DRAWN), DRAWN);
	close(fd[0]);
	close(fd[1]);
}

static void
test_a_child_process_has_others(void **state)
{
	uint8_t ours[SEAL_RANDOM_LEN], theirs[DRAWN];
	struct seal_random *r = random_new();

	(void)state;
	assert_int_equal(seal_random(r, ours, DRAWN), 0);
	draw_in_child(r, theirs);
	assert_int_equal(seal_random(r, ours, r->left), 0);
	assert_null(memmem(ours, sizeof(ours), theirs, DRAWN));
	seal_memory_free(r, sizeof(*r));
}

/* Memory that is shared cannot be wiped for one of those who have it. */
static void
test_nothing_is_ahead_where_a_fork_copies_it(void **state)
{
	uint8_t ours[DRAWN], theirs[DRAWN], zeros[SEAL_RANDOM_LEN] = { 0 };
	struct seal_random *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(r, MAP_FAILED);
	seal_random_init(r);
	assert_false(r->ahead);
	assert_int_equal(seal_random(r, ours, DRAWN), 0);
	draw_in_child(r, theirs);
	assert_memory_not_equal(ours, theirs, DRAWN);
	assert_int_equal(seal_random(r, theirs, DRAWN), 0);
	assert_memory_not_equal(ours, theirs, DRAWN);
	assert_int_equal(r->left, 0);
	assert_memory_equal(r->bytes, zeros, sizeof(zeros));
	munmap(r, sizeof(*r));
}

static unsigned filled;

static int
fill_counting(uint8_t *out, size_t len)
{
	memset(out, (int)++filled, len);
	return filled < 3 ? 0 : -ENODEV;
}

/* Another source is asked as rarely, and its error is the caller's. */
static void
test_another_source(void **state)
{
	struct seal_random *r = random_new();
	uint8_t out[SEAL_RANDOM_LEN];

	(void)state;
	for (size_t n = 0; n < 2 * SEAL_RANDOM_LEN / DRAWN; n++) {
		assert_int_equal(seal_random_of(r, fill_counting, out, DRAWN),
		    0);
		assert_int_equal(out[0], n < SEAL_RANDOM_LEN / DRAWN ? 1 : 2);
	}
	assert_int_equal(filled, 2);
	assert_int_equal(seal_random_of(r, fill_counting, out, 1), -ENODEV);
	assert_int_equal(r->left, 0);
	seal_memory_free(r, sizeof(*r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_bytes_come_twice),
		cmocka_unit_test(test_any_length_up_to_all),
		cmocka_unit_test(test_a_child_process_has_others),
		cmocka_unit_test(test_nothing_is_ahead_where_a_fork_copies_it),
		cmocka_unit_test(test_another_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
