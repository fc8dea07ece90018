/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of tpm/ together: keys_open(), the key helper as a process, and an
 * embedded TPM in it. What its parts do by themselves is tested with them;
 * here it is what a key in a TPM has to be for its owner, and that a helper
 * that is killed at any moment takes nothing of it along.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "conformance/verify.h"
#include "tpm/embedded.h"
#include "tpm/key.h"
#include "tpm/record.h"

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct keys	*keys;
	uint8_t		 wrapped[KEY_WRAPPED_MAX];
	size_t		 wrapped_len;
	char		 msg[256];
	uint8_t		 epoch[KEY_EPOCH_LEN];
	uint8_t		 bound[32];
	uint8_t		 pin[KEY_PIN_HASH_LEN];
	uint8_t		 wrong[KEY_PIN_HASH_LEN];
};

static int
try_open(struct fixture *f, bool create)
{
	struct keys_config cfg = { .dirfd = f->dirfd, .create = create,
	    .target = "embedded" };

	return keys_open(&cfg, &f->keys, f->msg, sizeof(f->msg));
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test-tpm-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	memset(f->epoch, 0xe0, sizeof(f->epoch));
	memset(f->bound, 0xb0, sizeof(f->bound));
	memset(f->pin, 0x12, sizeof(f->pin));
	memset(f->wrong, 0x34, sizeof(f->wrong));
	assert_int_equal(try_open(f, true), 0);
	assert_int_equal(f->keys->ops->new_storage_key(f->keys, f->wrapped,
	    &f->wrapped_len), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->keys);
	unlinkat(f->dirfd, EMBEDDED_FILE, 0);
	unlinkat(f->dirfd, RECORD_FILE, 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void
reopen(struct fixture *f)
{
	keys_free(f->keys);
	f->keys = NULL;
	assert_int_equal(try_open(f, false), 0);
	assert_int_equal(f->keys->ops->unlock(f->keys, span(f->wrapped,
	    f->wrapped_len)), 0);
}

/* The only child that we have. */
static pid_t
helper_pid(void)
{
	int child = 0;
	FILE *file = fopen("/proc/thread-self/children", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &child), 1);
	fclose(file);
	return child;
}

/* Dead, and still to be waited for. */
static void
kill_helper(void)
{
	siginfo_t info;
	pid_t pid = helper_pid();

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
	    0);
}

/* Reads nothing any more. */
static void
stop_helper(void)
{
	siginfo_t info;
	pid_t pid = helper_pid();

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT),
	    0);
}

static struct key_op
key_op(const struct fixture *f, enum key_verb verb)
{
	return (struct key_op){ .verb = verb,
	    .epoch = span(f->epoch, sizeof(f->epoch)),
	    .bound = span(f->bound, sizeof(f->bound)) };
}

static int
make(struct fixture *f, int alg, struct key_op *op)
{
	*op = key_op(f, KEY_CREATE);
	op->alg = alg;
	op->meta = span_str("abc");
	return keys_perform(f->keys, op);
}

static void
check_signs(struct fixture *f, const struct key_op *made, int alg)
{
	struct key_op op = key_op(f, KEY_SIGN);
	uint8_t message[] = "first half, second half";

	op.blob = span(made->out_blob, made->out_blob_len);
	op.data[0] = span(message, 12);
	op.data[1] = span(message + 12, sizeof(message) - 12);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(op.alg, alg);
	assert_true(verify_signature(span(made->out_pub, made->out_pub_len),
	    span(message, sizeof(message)), span(op.out_sig,
	    op.out_sig_len)));
}

static const int algs[] = { COSE_ES256, COSE_ES384, COSE_RS256, COSE_EDDSA,
	COSE_ES256K };

#define ALGS	(sizeof(algs) / sizeof(algs[0]))

static void
keys_sign_wherever_they_live(void **state)
{
	static const bool in_tpm[ALGS] = { true, true, true, false, false };
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	const struct keys_info *info = ops->info(f->keys);
	static struct key_op made[ALGS];

	assert_string_equal(info->kind, "embedded");
	assert_true(info->tpm && !info->hardware && info->pin &&
	    info->counter);
	for (size_t i = 0; i < ALGS; i++) {
		assert_true(ops->has_alg(f->keys, algs[i]));
		assert_int_equal(ops->in_tpm(f->keys, algs[i]), in_tpm[i]);
		assert_int_equal(make(f, algs[i], &made[i]), 0);
		check_signs(f, &made[i], algs[i]);
	}
	reopen(f);
	for (size_t i = 0; i < ALGS; i++)
		check_signs(f, &made[i], algs[i]);
}

static void
helper_that_was_killed_is_not_missed(void **state)
{
	struct fixture *f = *state;
	static struct key_op made[ALGS];
	struct key_op op = key_op(f, KEY_OPEN);
	uint8_t sealed[3 + KEY_SEAL_OVERHEAD], plain[3];

	assert_int_equal(f->keys->ops->seal(f->keys, span_str(""),
	    span_str("row"), sealed), 0);
	for (size_t i = 0; i < ALGS; i++)
		assert_int_equal(make(f, algs[i], &made[i]), 0);
	for (size_t i = 0; i < ALGS; i++) {
		op.blob = span(made[i].out_blob, made[i].out_blob_len);
		stop_helper();
		assert_false(f->keys->ops->start(f->keys, &op));
		kill_helper();
		while (f->keys->ops->poll(f->keys) == NULL) {
			struct pollfd pfd = { .events = POLLIN,
			    .fd = f->keys->ops->fd(f->keys) };

			assert_int_equal(poll(&pfd, 1, 30000), 1);
		}
		/* it was never read, so it was for the next one */
		assert_int_equal(op.result, 0);
		check_signs(f, &made[i], algs[i]);
	}
	assert_int_equal(f->keys->ops->open(f->keys, span_str(""),
	    span(sealed, sizeof(sealed)), plain), 0);
	assert_memory_equal(plain, "row", 3);
}

static void
one_tpm_has_one_owner_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct keys_config cfg = { .dirfd = f->dirfd, .target = "embedded" };
	struct keys *other = NULL;

	assert_int_equal(keys_open(&cfg, &other, f->msg, sizeof(f->msg)),
	    -EBUSY);
	assert_null(other);
	keys_free(f->keys);
	f->keys = NULL;
	/* not a moment later */
	assert_int_equal(keys_open(&cfg, &other, f->msg, sizeof(f->msg)), 0);
	keys_free(other);
}

static int
pin(struct fixture *f, enum key_verb verb, const uint8_t *hash,
    uint8_t *failures)
{
	struct key_op op = { .verb = verb };
	int r;

	if (hash != NULL)
		op.data[0] = span(hash, KEY_PIN_HASH_LEN);
	r = keys_perform(f->keys, &op);
	*failures = op.pin_failures;
	return r;
}

/* Nor does a helper that dies give any of them back. */
static void
eight_wrong_pins_are_all_there_is(void **state)
{
	struct fixture *f = *state;
	uint8_t failures;

	assert_int_equal(pin(f, KEY_PIN_SET, f->pin, &failures), 0);
	for (int i = 1; i <= KEY_PIN_LIMIT; i++) {
		assert_int_equal(pin(f, KEY_PIN_CHECK, f->wrong, &failures),
		    -EACCES);
		assert_int_equal(failures, i);
		if (i % 3 == 0)
			reopen(f);
		else
			kill_helper();
	}
	assert_int_equal(pin(f, KEY_PIN_CHECK, f->pin, &failures), -EACCES);
	assert_int_equal(failures, KEY_PIN_LIMIT);
	reopen(f);
	assert_int_equal(f->keys->ops->info(f->keys)->pin_failures,
	    KEY_PIN_LIMIT);
	assert_int_equal(pin(f, KEY_PIN_CHECK, f->pin, &failures), -EACCES);
	assert_int_equal(pin(f, KEY_PIN_CLEAR, NULL, &failures), 0);
	assert_int_equal(pin(f, KEY_PIN_SET, f->pin, &failures), 0);
	assert_int_equal(pin(f, KEY_PIN_CHECK, f->pin, &failures), 0);
}

static void
counter_is_where_it_was(void **state)
{
	struct fixture *f = *state;
	uint64_t from = f->keys->ops->info(f->keys)->generation;

	for (uint64_t g = from + 1; g < from + 10; g++) {
		struct key_op op = { .verb = KEY_ADVANCE, .generation = g };

		assert_int_equal(keys_perform(f->keys, &op), 0);
		/* once more is the same */
		assert_int_equal(keys_perform(f->keys, &op), 0);
		kill_helper();
	}
	reopen(f);
	assert_int_equal(f->keys->ops->info(f->keys)->generation, from + 9);
}

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/*
 * Killed at whatever moment of an attempt: each failure that was told is
 * counted, and one that was not told may be.
 */
static void
kills_at_any_moment_give_no_failure_back(void **state)
{
	struct fixture *f = *state;
	struct pollfd pfd = { .events = POLLIN };
	uint8_t failures, least = 0;
	unsigned rounds = 0;
	double took;

	assert_int_equal(pin(f, KEY_PIN_SET, f->pin, &failures), 0);
	took = now_ms();
	assert_int_equal(pin(f, KEY_PIN_CHECK, f->wrong, &failures), -EACCES);
	took = now_ms() - took;
	least = failures;
	while (least < KEY_PIN_LIMIT && rounds++ < 60) {
		struct key_op op = { .verb = KEY_PIN_CHECK, .data = {
		    span(f->wrong, KEY_PIN_HASH_LEN) } };
		double until = now_ms() + took * (rounds % 16) / 8;

		pfd.fd = f->keys->ops->fd(f->keys);
		assert_false(f->keys->ops->start(f->keys, &op));
		while (now_ms() < until)
			;
		kill_helper();
		while (f->keys->ops->poll(f->keys) == NULL)
			assert_int_equal(poll(&pfd, 1, 30000), 1);
		assert_true(op.result == -EACCES || op.result == -EIO);
		if (op.result == -EACCES) {
			assert_true(op.pin_failures > least);
			least = op.pin_failures;
		}
		reopen(f);
		assert_true(f->keys->ops->info(f->keys)->pin_failures >=
		    least);
		least = f->keys->ops->info(f->keys)->pin_failures;
	}
	assert_int_equal(least, KEY_PIN_LIMIT);
}

static void
destroyed_is_destroyed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->keys->ops->destroy(f->keys), 0);
	keys_free(f->keys);
	f->keys = NULL;
	assert_int_equal(faccessat(f->dirfd, RECORD_FILE, F_OK, 0), -1);
	assert_int_equal(try_open(f, false), -ENOENT);
	/* which leaves the TPM, and nothing that opens what was sealed */
	assert_int_equal(try_open(f, true), 0);
	assert_true(f->keys->ops->unlock(f->keys, span(f->wrapped,
	    f->wrapped_len)) < 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(keys_sign_wherever_they_live),
		TEST(helper_that_was_killed_is_not_missed),
		TEST(one_tpm_has_one_owner_at_a_time),
		TEST(eight_wrong_pins_are_all_there_is),
		TEST(counter_is_where_it_was),
		TEST(kills_at_any_moment_give_no_failure_back),
		TEST(destroyed_is_destroyed),
	};
	int status;

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0) {
		status = key_helper_main();
		(void)prctl(PR_SET_DUMPABLE, 1);	/* for leak checkers */
		return status;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
