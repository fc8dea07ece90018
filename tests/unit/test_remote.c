/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider whose keys are in another process, against a helper that dies,
 * hangs and lies as it is told. This program is that helper too: it does what
 * the file "script" of its state directory says of the message that it is at,
 *
 *	HELPER.MESSAGE ACTION
 *
 * both counted from 1, MESSAGE in the life of one HELPER; "9.*" is each
 * message. What the script does not name is answered honestly, though no TPM
 * is behind it.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tpm/message.h"
#include "tpm/remote.h"

#define SOCKET_FD	3
#define STATE_FD	4
#define OP_MS		2000	/* long enough for ASan on a busy machine */
#define WRAPPED		"the wrapped storage key"

/* The helper. */

static int
count_start(void)
{
	struct stat st;
	int fd = openat(STATE_FD, "starts", O_WRONLY | O_CREAT | O_APPEND,
	    0600);

	if (fd == -1 || write(fd, ".", 1) != 1 || fstat(fd, &st) == -1)
		_exit(70);
	close(fd);
	return (int)st.st_size;
}

/* "" unless the script has something for it. */
static void
find_action(int helper, int message, char *action, size_t size)
{
	char here[32], any[32], line[64];
	int fd = openat(STATE_FD, "script", O_RDONLY);
	FILE *script = fd != -1 ? fdopen(fd, "r") : NULL;

	action[0] = '\0';
	if (script == NULL)
		return;
	snprintf(here, sizeof(here), "%d.%d ", helper, message);
	snprintf(any, sizeof(any), "%d.* ", helper);
	while (fgets(line, sizeof(line), script) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, here, strlen(here)) == 0)
			snprintf(action, size, "%s", line + strlen(here));
		else if (strncmp(line, any, strlen(any)) == 0)
			snprintf(action, size, "%s", line + strlen(any));
	}
	fclose(script);
}

static void
answer_keys(struct message_answer *an, const char *action)
{
	memset(an->keys.rows, 0x11, sizeof(an->keys.rows));
	memset(an->keys.names, 0x22, sizeof(an->keys.names));
	an->keys.info = (struct keys_info){ .pin = true, .counter = true,
	    .pin_failures = 2, .generation = 41,
	    .pcrs = strcmp(action, "pcrs") == 0 };
	an->wrapped = span_str(WRAPPED);
	if (strcmp(action, "othernames") == 0)
		an->keys.names[31] ^= 1;
	if (strcmp(action, "otherrows") == 0)
		an->keys.rows[0] ^= 1;
}

static void
answer_device(struct message_answer *an, const struct message_request *rq)
{
	struct message_device *d = &an->device;

	strcpy(d->kind, "fake");
	memcpy(d->target, rq->target.p, rq->target.len);
	d->info = (struct keys_info){ .tpm = true, .manufacturer = "TEST",
	    .firmware = 7 };
	d->alg_count = 2;
	d->algs[0] = (struct message_alg){ COSE_ES256, true };
	d->algs[1] = (struct message_alg){ COSE_EDDSA, false };
}

/* KEY_SIGN signs by repeating the message; KEY_HMAC by telling the recovery
 * passphrase that this helper was unlocked with. */
static void
answer_op(struct message_answer *an, const struct key_op *op,
    const char *recovery)
{
	struct span data = op->data[0];

	if (op->verb == KEY_HMAC)
		data = span_str(recovery);
	if (data.len > 0)
		memcpy(an->op->out_sig, data.p, data.len);
	an->op->out_sig_len = data.len;
	an->op->alg = COSE_ES256;
}

static void
send_bytes(const uint8_t *msg, size_t len)
{
	if (send(SOCKET_FD, msg, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

static void
hang(void)
{
	for (;;)
		pause();
}

/* Before the answer. */
static void
misbehave(const char *action)
{
	int ms;

	if (strcmp(action, "die") == 0)
		_exit(3);
	if (strcmp(action, "crash") == 0)
		raise(SIGKILL);
	if (strcmp(action, "hang") == 0)
		hang();
	if (strcmp(action, "silent") == 0) {	/* deaf, but not gone */
		close(SOCKET_FD);
		hang();
	}
	if (sscanf(action, "slow %d", &ms) == 1)
		poll(NULL, 0, ms);
	if (strcmp(action, "garbage") == 0)
		send_bytes((const uint8_t *)"no sense at all", 15);
	if (strcmp(action, "empty") == 0)
		send_bytes(NULL, 0);
}

/* With the answer. */
static void
send_wrongly(const char *action, uint8_t *msg, size_t len)
{
	static uint8_t huge[60000];

	if (strcmp(action, "short") == 0)
		len--;
	else if (strcmp(action, "long") == 0)
		len++;
	else if (strcmp(action, "version") == 0)
		msg[0]++;
	else if (strcmp(action, "type") == 0)
		msg[1] = msg[1] == 0x86 ? 0x85 : 0x86;
	else if (strcmp(action, "request") == 0)
		msg[1] &= 0x7f;
	else if (strcmp(action, "serial") == 0)
		msg[5]++;
	else if (strcmp(action, "huge") == 0)
		send_bytes(huge, sizeof(huge));
	send_bytes(msg, len);
	if (strcmp(action, "twice") == 0)
		send_bytes(msg, len);
	if (strcmp(action, "last") == 0)
		_exit(0);
	if (strcmp(action, "deaf") == 0) {	/* and about to end */
		poll(NULL, 0, 200);
		_exit(0);
	}
}

static void
answer_one(const struct message_request *rq, const char *action)
{
	static struct key_op out;
	static char recovery[MESSAGE_RECOVERY_MAX + 1];
	static uint8_t buf[MESSAGE_MAX + 1];
	struct message_answer an = { .type = rq->type, .serial = rq->serial,
	    .op = &out };
	int error;

	memset(&out, 0, sizeof(out));
	if (rq->type == MESSAGE_HELLO)
		answer_device(&an, rq);
	if (rq->type == MESSAGE_CREATE || rq->type == MESSAGE_UNLOCK)
		snprintf(recovery, sizeof(recovery), "%.*s",
		    (int)rq->recovery.len, rq->recovery.p != NULL ?
		    (const char *)rq->recovery.p : "");
	answer_keys(&an, action);
	if (rq->type == MESSAGE_OP)
		answer_op(&an, rq->op, recovery);
	if (rq->type == MESSAGE_UNLOCK &&
	    !span_eq(rq->wrapped, span_str(WRAPPED)))
		an.result = -EBADMSG;
	if (sscanf(action, "error %d", &error) == 1) {
		an.result = -error;
		strcpy(an.text, "as the script says");
	}
	if (rq->type != MESSAGE_CANCEL)
		send_wrongly(action, buf, message_put_answer(&an, buf));
}

static int
helper_main(void)
{
	static uint8_t buf[MESSAGE_MAX];
	static struct key_op op;
	struct message_request rq = { .op = &op };
	int helper = count_start(), message = 0;
	struct pollfd pfd = { .fd = SOCKET_FD, .events = POLLIN };
	char action[32];
	ssize_t n;

	for (;;) {
		poll(&pfd, 1, -1);
		n = recv(SOCKET_FD, buf, sizeof(buf), 0);
		if (n <= 0)
			return 0;
		if (message_get_request(span(buf, (size_t)n), &rq) != 0)
			return 71;
		find_action(helper, ++message, action, sizeof(action));
		misbehave(action);
		answer_one(&rq, action);
	}
}

/* The tests. */

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct remote_config cfg;
	struct keys	*keys;
	uint8_t		 wrapped[KEY_WRAPPED_MAX];
	size_t		 wrapped_len;
	char		 msg[256];
};

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Zombies too. */
static bool
has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Until one has ended, which is left as it is. */
static void
wait_for_zombie(void)
{
	siginfo_t info;

	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
}

static bool
readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

static void
put_file(struct fixture *f, const char *name, const char *text)
{
	int fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
starts(struct fixture *f)
{
	struct stat st;

	return fstatat(f->dirfd, "starts", &st, 0) == -1 ? 0 :
	    (int)st.st_size;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test-remote-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	f->cfg = (struct remote_config){ .dirfd = f->dirfd,
	    .target = "fake:target", .op_ms = OP_MS, .rsa_ms = OP_MS,
	    .start_ms = OP_MS, .end_ms = 5000 };
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->keys);
	if (has_children())
		return -1;
	unlinkat(f->dirfd, "script", 0);
	unlinkat(f->dirfd, "starts", 0);
	close(f->dirfd);
	if (rmdir(f->dir) == -1)
		return -1;
	free(f);
	return 0;
}

static int
open_keys(struct fixture *f, const char *script)
{
	put_file(f, "script", script);
	return remote_open(&f->cfg, &f->keys, f->msg, sizeof(f->msg));
}

/* Opened and unlocked: the next message of helper 1 is its third. */
static void
unlocked(struct fixture *f, const char *script)
{
	assert_int_equal(open_keys(f, script), 0);
	assert_int_equal(f->keys->ops->new_storage_key(f->keys, f->wrapped,
	    &f->wrapped_len), 0);
}

static struct key_op
sign_op(const char *data)
{
	return (struct key_op){ .verb = KEY_SIGN,
	    .data = { span_str(data), span(NULL, 0) } };
}

static void
check_signs(struct fixture *f, const char *data)
{
	struct key_op op = sign_op(data);

	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(op.alg, COSE_ES256);
	assert_true(span_eq(span(op.out_sig, op.out_sig_len),
	    span_str(data)));
	assert_string_equal(f->keys->ops->strerror(f->keys), "");
}

static void
check_fails(struct fixture *f, int error)
{
	struct key_op op = sign_op("never");

	assert_int_equal(keys_perform(f->keys, &op), error);
	assert_true(f->keys->ops->strerror(f->keys)[0] != '\0');
}

static void
what_it_is_is_known_at_once(void **state)
{
	struct fixture *f = *state;
	const struct keys_info *info;

	f->cfg.note = "a note";
	assert_int_equal(open_keys(f, ""), 0);
	info = f->keys->ops->info(f->keys);
	assert_string_equal(f->keys->ops->name, "tpm");
	assert_string_equal(info->kind, "fake");
	assert_string_equal(info->target, "fake:target");
	assert_string_equal(info->manufacturer, "TEST");
	assert_string_equal(info->note, "a note");
	assert_true(info->tpm && !info->hardware && info->firmware == 7);
	assert_true(f->keys->ops->has_alg(f->keys, COSE_ES256));
	assert_true(f->keys->ops->in_tpm(f->keys, COSE_ES256));
	assert_true(f->keys->ops->has_alg(f->keys, COSE_EDDSA));
	assert_false(f->keys->ops->in_tpm(f->keys, COSE_EDDSA));
	assert_false(f->keys->ops->has_alg(f->keys, COSE_ES384));
	assert_false(f->keys->ops->in_tpm(f->keys, COSE_ES384));
}

static void
how_things_stand_is_known_when_unlocked(void **state)
{
	struct fixture *f = *state;
	const struct keys_info *info;

	unlocked(f, "");
	info = f->keys->ops->info(f->keys);
	assert_true(info->pin && info->counter && !info->pin_set);
	assert_int_equal(info->pin_failures, 2);
	assert_int_equal(info->generation, 41);
	assert_string_equal(info->kind, "fake");
	assert_int_equal(f->wrapped_len, strlen(WRAPPED));
	assert_memory_equal(f->wrapped, WRAPPED, f->wrapped_len);
}

static void
wrong_storage_key_is_refused_and_the_right_one_taken(void **state)
{
	struct fixture *f = *state;
	uint8_t wrapped[KEY_WRAPPED_MAX + 1] = { 0 };
	const struct keys_ops *ops;

	assert_int_equal(open_keys(f, ""), 0);
	ops = f->keys->ops;
	assert_int_equal(ops->unlock(f->keys, span_str("other")), -EBADMSG);
	assert_int_equal(ops->unlock(f->keys, span_str("")), -EBADMSG);
	assert_int_equal(ops->unlock(f->keys, span(wrapped,
	    sizeof(wrapped))), -EBADMSG);
	assert_int_equal(ops->unlock(f->keys, span_str(WRAPPED)), 0);
	check_signs(f, "now");
	assert_int_equal(starts(f), 1);
}

static void
sealing_is_done_here(void **state)
{
	struct fixture *f = *state;
	uint8_t sealed[4 + KEY_SEAL_OVERHEAD], plain[4], tag[KEY_TAG_LEN];
	uint8_t rows[SEAL_KEY_LEN], names[SEAL_KEY_LEN], expected[KEY_TAG_LEN];
	struct seal_storage s;

	unlocked(f, "1.3 die\n");
	check_fails(f, -EIO);		/* and needs no helper */
	assert_int_equal(f->keys->ops->seal(f->keys, span_str("ad"),
	    span_str("text"), sealed), 0);
	assert_int_equal(f->keys->ops->open(f->keys, span_str("ad"),
	    span(sealed, sizeof(sealed)), plain), 0);
	assert_memory_equal(plain, "text", 4);
	assert_int_equal(f->keys->ops->tag(f->keys, "label", span_str("x"),
	    tag), 0);
	memset(rows, 0x11, sizeof(rows));
	memset(names, 0x22, sizeof(names));
	assert_int_equal(seal_storage_init_derived(&s, rows, names), 0);
	assert_int_equal(seal_storage_tag(&s, "label", span_str("x"),
	    expected, sizeof(expected)), 0);
	assert_memory_equal(tag, expected, sizeof(tag));
	assert_int_equal(seal_box_open(&s.rows, span_str("ad"), span_str(""),
	    span(sealed, sizeof(sealed)), plain), 0);
	seal_storage_done(&s);
	assert_int_equal(starts(f), 1);
}

static void
operations_follow_each_other(void **state)
{
	struct fixture *f = *state;
	char data[32];
	int fds;

	unlocked(f, "");
	fds = count_fds();
	for (int i = 0; i < 200; i++) {
		snprintf(data, sizeof(data), "message %d", i);
		check_signs(f, data);
	}
	assert_false(readable(f->keys->ops->fd(f->keys), 0));
	assert_int_equal(count_fds(), fds);
	assert_int_equal(starts(f), 1);
}

static void
operation_that_is_too_large_is_refused_at_once(void **state)
{
	struct fixture *f = *state;
	uint8_t *big = calloc(1, MESSAGE_DATA_MAX + 1);
	struct key_op op = sign_op("");

	unlocked(f, "");
	op.data[0] = span(big, MESSAGE_DATA_MAX + 1);
	assert_true(f->keys->ops->start(f->keys, &op));
	assert_int_equal(op.result, -EINVAL);
	op.data[0] = span_str("");
	op.blob = span(big, KEY_BLOB_MAX + 1);
	assert_true(f->keys->ops->start(f->keys, &op));
	assert_int_equal(op.result, -EBADMSG);
	check_signs(f, "and goes on");
	free(big);
}

static void
errors_of_the_helper_come_with_their_line(void **state)
{
	struct fixture *f = *state;
	char script[64];

	snprintf(script, sizeof(script), "1.3 error %d\n1.4 error %d\n",
	    EBUSY, EACCES);
	unlocked(f, script);
	check_fails(f, -EBUSY);
	assert_string_equal(f->keys->ops->strerror(f->keys),
	    "as the script says");
	check_fails(f, -EACCES);
	check_signs(f, "and goes on");
	assert_int_equal(starts(f), 1);
}

/*
 * Whatever a helper does instead of an answer: the operation fails, and the
 * next one is done by another helper, or the same if it did no harm.
 */
static void
whatever_a_helper_does_the_next_operation_works(void **state)
{
	static const struct {
		const char	*action;
		int		 error;
	} cases[] = {
		{ "die", -EIO }, { "crash", -EIO }, { "garbage", -EIO },
		{ "empty", -EIO }, { "short", -EIO }, { "long", -EIO },
		{ "version", -EIO }, { "type", -EIO }, { "request", -EIO },
		{ "serial", -EIO }, { "huge", -EIO }, { "silent", -EIO },
		{ "hang", -ETIMEDOUT },
	};
	struct fixture *f = *state;
	size_t n = sizeof(cases) / sizeof(cases[0]);
	char script[64];
	int fds;

	f->cfg.op_ms = 500;
	unlocked(f, "");
	fds = count_fds();
	for (size_t i = 0; i < n; i++) {
		/* the first message is HELLO, the second UNLOCK */
		snprintf(script, sizeof(script), "%zu.%d %s\n", i + 1,
		    i == 0 ? 3 : 4, cases[i].action);
		put_file(f, "script", script);
		check_fails(f, cases[i].error);
		put_file(f, "script", "");
		check_signs(f, "again");
		assert_int_equal(starts(f), i + 2);
		assert_int_equal(count_fds(), fds);
	}
}

/* The same, while the new helper is greeted and unlocked. */
static void
helper_that_fails_at_its_start_fails_the_operation(void **state)
{
	static const char *const actions[] = { "die", "garbage", "short",
		"version", "type", "serial", "hang", "error 19" };
	struct fixture *f = *state;
	int fds, helper = 1;
	char script[64];

	f->cfg.start_ms = 1000;
	f->cfg.op_ms = 500;
	unlocked(f, "");
	fds = count_fds();
	for (int message = 1; message <= 2; message++) {
		for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]);
		    i++) {
			snprintf(script, sizeof(script),
			    "%d.* die\n%d.%d %s\n", helper, helper + 1,
			    message, actions[i]);
			put_file(f, "script", script);
			check_fails(f, -EIO);		/* helper */
			check_fails(f, strcmp(actions[i], "hang") == 0 ?
			    -ETIMEDOUT : strcmp(actions[i], "error 19") == 0 ?
			    -ENODEV : -EIO);		/* and the next */
			put_file(f, "script", "");
			check_signs(f, "and the one after that");
			helper += 2;
			assert_int_equal(starts(f), helper);
			assert_int_equal(count_fds(), fds);
		}
	}
}

static void
opening_fails_with_the_helper(void **state)
{
	static const struct {
		const char	*script;
		int		 error;
	} cases[] = {
		{ "1.1 die\n", -EIO }, { "2.1 garbage\n", -EIO },
		{ "3.1 version\n", -EIO }, { "4.1 hang\n", -ETIMEDOUT },
		{ "5.1 error 19\n", -ENODEV }, { "6.1 error 2\n", -ENOENT },
	};
	struct fixture *f = *state;
	int fds = count_fds();

	f->cfg.start_ms = 1000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->msg[0] = '\0';
		assert_int_equal(open_keys(f, cases[i].script),
		    cases[i].error);
		assert_null(f->keys);
		assert_true(f->msg[0] != '\0');
		assert_false(has_children());
		assert_int_equal(count_fds(), fds);
	}
	assert_int_equal(open_keys(f, ""), 0);
}

static void
calls_that_wait_fail_with_the_helper_and_work_again(void **state)
{
	struct fixture *f = *state;
	uint8_t wrapped[KEY_WRAPPED_MAX];
	const struct keys_ops *ops;
	size_t len = 0;

	f->cfg.start_ms = 1000;
	/* after HELLO; after HELLO and UNLOCK */
	assert_int_equal(open_keys(f, "1.2 die\n2.2 hang\n4.3 die\n"
	    "5.3 hang\n"), 0);
	ops = f->keys->ops;
	assert_int_equal(ops->new_storage_key(f->keys, wrapped, &len), -EIO);
	assert_int_equal(ops->unlock(f->keys, span_str(WRAPPED)),
	    -ETIMEDOUT);
	assert_int_equal(ops->unlock(f->keys, span_str(WRAPPED)), 0);
	check_signs(f, "x");
	assert_int_equal(starts(f), 3);
	put_file(f, "script", "3.* die\n4.3 die\n5.3 hang\n");
	check_fails(f, -EIO);
	assert_int_equal(ops->rewrap(f->keys, 0, NULL, wrapped, &len),
	    -EIO);
	assert_int_equal(ops->destroy(f->keys), -ETIMEDOUT);
	put_file(f, "script", "");
	assert_int_equal(ops->rewrap(f->keys, 0, NULL, wrapped, &len), 0);
	assert_int_equal(len, strlen(WRAPPED));
	assert_memory_equal(wrapped, WRAPPED, len);
	assert_int_equal(ops->destroy(f->keys), 0);
}

/* Died between two operations, before or after we could notice. */
static void
idle_death_costs_nothing(void **state)
{
	struct fixture *f = *state;
	int fd, fds;

	unlocked(f, "1.3 last\n2.3 last\n");
	fds = count_fds();
	fd = f->keys->ops->fd(f->keys);
	check_signs(f, "helper 1");
	while (has_children()) {
		assert_true(readable(fd, 5000));
		assert_null(f->keys->ops->poll(f->keys));
	}
	assert_true(count_fds() < fds);
	assert_false(readable(fd, 0));
	check_signs(f, "helper 2");
	wait_for_zombie();
	check_signs(f, "helper 3");
	assert_int_equal(starts(f), 3);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(f->keys->ops->fd(f->keys), fd);
}

/*
 * As one ends whose TPM has failed: it has answered, and is still there when
 * the next operation comes, which it does not read.
 */
static void
operation_that_was_not_read_goes_to_another(void **state)
{
	struct fixture *f = *state;
	struct key_op op = sign_op("abandoned");

	unlocked(f, "1.3 deaf\n2.3 error 19\n2.4 deaf\n3.3 deaf\n");
	check_signs(f, "helper 1");
	check_fails(f, -ENODEV);
	assert_int_equal(starts(f), 2);
	check_signs(f, "helper 2");
	check_signs(f, "helper 3");
	/* nor is one lost behind another that nobody waits for any more */
	assert_false(f->keys->ops->start(f->keys, &op));
	f->keys->ops->abandon(f->keys, &op);
	check_signs(f, "helper 4");
	assert_int_equal(starts(f), 4);
}

static void
helper_that_never_runs_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->cfg.helper = "/nonexistent/sealkey";
	assert_int_equal(open_keys(f, ""), -ENOENT);
	assert_non_null(strstr(f->msg, "/nonexistent/sealkey"));
	f->cfg.helper = "/bin/true";
	assert_int_equal(open_keys(f, ""), -EIO);
	f->cfg.helper = "/dev/null";
	assert_int_equal(open_keys(f, ""), -EACCES);
	f->cfg.helper = NULL;
	f->cfg.target = "";
	assert_int_equal(open_keys(f, ""), -EINVAL);
	f->cfg.target = "fake:target";
	f->cfg.dirfd = -1;
	assert_int_equal(open_keys(f, ""), -EBADF);
	assert_false(has_children());
}

/* Rows of the one could not be read by the other. */
static void
other_keys_after_a_restart_are_another_tpm(void **state)
{
	static const char *const actions[] = { "otherrows", "othernames" };
	struct fixture *f = *state;
	char script[64];

	unlocked(f, "");
	for (int i = 0; i < 2; i++) {
		snprintf(script, sizeof(script), "%d.* die\n%d.2 %s\n",
		    2 * i + 1, 2 * i + 2, actions[i]);
		put_file(f, "script", script);
		check_fails(f, -EIO);
		check_fails(f, -ENODEV);
		put_file(f, "script", "");
		check_signs(f, "the right one again");
	}
}

static void
slow_helper_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct key_op op = sign_op("slow");
	double from;

	unlocked(f, "1.3 slow 400\n");
	from = now_ms();
	assert_false(f->keys->ops->start(f->keys, &op));
	assert_true(now_ms() - from < 300);
	assert_null(f->keys->ops->poll(f->keys));
	while (f->keys->ops->poll(f->keys) == NULL)
		assert_true(readable(f->keys->ops->fd(f->keys), 5000));
	assert_int_equal(op.result, 0);
	assert_true(now_ms() - from >= 400);
	assert_null(f->keys->ops->poll(f->keys));
	assert_false(readable(f->keys->ops->fd(f->keys), 0));
}

static void
deadline_is_that_of_the_operation(void **state)
{
	struct fixture *f = *state;
	struct key_op op = { .verb = KEY_CREATE, .alg = COSE_RS256 };
	double from;

	f->cfg.op_ms = 200;
	unlocked(f, "1.3 slow 600\n1.4 hang\n");
	assert_int_equal(keys_perform(f->keys, &op), 0);
	from = now_ms();
	check_fails(f, -ETIMEDOUT);
	assert_true(now_ms() - from >= 200 && now_ms() - from < 1500);
	op.alg = COSE_ES256;
	put_file(f, "script", "2.4 hang\n");
	check_signs(f, "2.3");
	assert_int_equal(keys_perform(f->keys, &op), -ETIMEDOUT);
}

static void
abandoned_answer_is_not_taken_for_the_next(void **state)
{
	struct fixture *f = *state;
	struct key_op op = sign_op("abandoned"), other = sign_op("other");

	unlocked(f, "1.3 slow 300\n");
	assert_false(f->keys->ops->start(f->keys, &op));
	f->keys->ops->abandon(f->keys, &other);	/* not that one */
	f->keys->ops->abandon(f->keys, &op);
	memset(&op, 0xff, sizeof(op));
	check_signs(f, "next");
	for (size_t i = 0; i < sizeof(op); i++)
		assert_int_equal(((uint8_t *)&op)[i], 0xff);
	assert_int_equal(starts(f), 1);
}

/* The next one does not wait for longer than it may take itself. */
static void
abandoned_operation_that_hangs_fails_the_next_in_time(void **state)
{
	struct fixture *f = *state;
	struct key_op op = { .verb = KEY_CREATE, .alg = COSE_RS256 };
	double from;

	f->cfg.op_ms = 500;
	f->cfg.rsa_ms = 60000;
	unlocked(f, "1.3 hang\n");
	assert_false(f->keys->ops->start(f->keys, &op));
	f->keys->ops->abandon(f->keys, &op);
	from = now_ms();
	check_fails(f, -ETIMEDOUT);
	assert_true(now_ms() - from < 2000);
	check_signs(f, "next");
	assert_int_equal(starts(f), 2);
}

/* Nobody comes, but when somebody does, he finds a helper. */
static void
abandoned_operation_that_hangs_is_ended_by_the_clock(void **state)
{
	struct fixture *f = *state;
	struct key_op op = sign_op("abandoned");
	double from = now_ms();

	f->cfg.op_ms = 500;
	unlocked(f, "1.3 hang\n");
	assert_false(f->keys->ops->start(f->keys, &op));
	f->keys->ops->abandon(f->keys, &op);
	while (has_children()) {
		assert_true(readable(f->keys->ops->fd(f->keys), 5000));
		assert_null(f->keys->ops->poll(f->keys));
	}
	assert_true(now_ms() - from >= 300);
	assert_false(readable(f->keys->ops->fd(f->keys), 500));
	check_signs(f, "next");
	assert_int_equal(starts(f), 2);
}

/* More than any socket takes, with a helper that reads none of it. */
static void
a_thousand_abandoned_operations_do_not_block(void **state)
{
	struct fixture *f = *state;
	uint8_t *big = calloc(1, MESSAGE_DATA_MAX);
	double from;

	f->cfg.rsa_ms = 60000;
	unlocked(f, "1.3 hang\n");
	from = now_ms();
	for (int i = 0; i < 1000 && starts(f) < 2; i++) {
		struct key_op op = { .verb = KEY_CREATE, .alg = COSE_RS256,
		    .data = { span(big, MESSAGE_DATA_MAX) } };

		if (!f->keys->ops->start(f->keys, &op))
			f->keys->ops->abandon(f->keys, &op);
	}
	check_signs(f, "next");
	assert_int_equal(starts(f), 2);
	assert_true(now_ms() - from < 10000);
	free(big);
}

static void
abandoning_while_a_helper_dies_is_fine(void **state)
{
	struct fixture *f = *state;
	struct key_op op = sign_op("x");

	unlocked(f, "1.3 die\n");
	check_fails(f, -EIO);
	for (int i = 0; i < 20; i++) {
		assert_false(f->keys->ops->start(f->keys, &op));
		f->keys->ops->abandon(f->keys, &op);
	}
	check_signs(f, "next");
}

static void
a_hundred_restarts_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	char script[1600], *p = script;
	int fds, fd;

	for (int i = 1; i <= 101; i++)
		p += sprintf(p, "%d.3 die\n", i);
	unlocked(f, "");
	put_file(f, "script", script);
	fds = count_fds();
	fd = f->keys->ops->fd(f->keys);
	for (int i = 0; i < 100; i++) {
		check_fails(f, -EIO);
		assert_true(count_fds() <= fds);
	}
	put_file(f, "script", "");
	check_signs(f, "next");
	assert_int_equal(starts(f), 101);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(f->keys->ops->fd(f->keys), fd);
}

static void
answer_that_nobody_asked_for_ends_the_helper(void **state)
{
	struct fixture *f = *state;

	unlocked(f, "1.3 twice\n");
	check_signs(f, "once");
	while (has_children()) {
		assert_true(readable(f->keys->ops->fd(f->keys), 5000));
		assert_null(f->keys->ops->poll(f->keys));
	}
	check_signs(f, "next");
	assert_int_equal(starts(f), 2);
}

static void
recovery_is_kept_only_for_pcrs(void **state)
{
	struct fixture *f = *state;
	struct key_op op = { .verb = KEY_HMAC };

	f->cfg.recovery = "open sesame";
	unlocked(f, "1.2 pcrs\n1.3 die\n2.2 pcrs\n");
	check_fails(f, -EIO);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_true(span_eq(span(op.out_sig, op.out_sig_len),
	    span_str("open sesame")));
	keys_free(f->keys);
	f->keys = NULL;
	unlinkat(f->dirfd, "starts", 0);
	unlocked(f, "1.3 die\n");
	check_fails(f, -EIO);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(op.out_sig_len, 0);
}

static void
recovery_is_what_it_was_sealed_with_last(void **state)
{
	struct fixture *f = *state;
	struct key_op op = { .verb = KEY_HMAC };
	char long_one[MESSAGE_RECOVERY_MAX + 2];
	uint8_t wrapped[KEY_WRAPPED_MAX];
	size_t len;

	unlocked(f, "1.4 die\n2.2 pcrs\n");
	memset(long_one, 'x', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(f->keys->ops->rewrap(f->keys, 1 << 7, long_one,
	    wrapped, &len), -EINVAL);
	assert_false(f->keys->ops->info(f->keys)->pcrs);
	assert_int_equal(f->keys->ops->rewrap(f->keys, 1 << 7, "open sesame",
	    wrapped, &len), 0);
	assert_true(f->keys->ops->info(f->keys)->pcrs);
	check_fails(f, -EIO);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_true(span_eq(span(op.out_sig, op.out_sig_len),
	    span_str("open sesame")));
}

static void
ignored_sigchld_does_no_harm(void **state)
{
	struct fixture *f = *state;

	signal(SIGCHLD, SIG_IGN);
	unlocked(f, "1.3 die\n2.4 crash\n3.4 hang\n");
	f->keys->ops->free(f->keys);
	f->keys = NULL;
	unlinkat(f->dirfd, "starts", 0);
	f->cfg.op_ms = 500;
	unlocked(f, "1.3 die\n2.4 crash\n3.4 hang\n");
	check_fails(f, -EIO);
	check_signs(f, "x");
	check_fails(f, -EIO);
	check_signs(f, "x");
	check_fails(f, -ETIMEDOUT);
	check_signs(f, "x");
	keys_free(f->keys);
	f->keys = NULL;
	signal(SIGCHLD, SIG_DFL);
}

static void
freeing_ends_a_helper_that_hangs(void **state)
{
	struct fixture *f = *state;
	struct key_op op = sign_op("x");
	int fds = count_fds();

	f->cfg.end_ms = 200;
	unlocked(f, "1.3 hang\n");
	assert_false(f->keys->ops->start(f->keys, &op));
	keys_free(f->keys);
	f->keys = NULL;
	assert_false(has_children());
	assert_int_equal(count_fds(), fds);
	keys_free(NULL);
}

/* Whatever the parent has there, the helper has its socket and its folder. */
static void
descriptors_are_in_nobodys_way(void **state)
{
	struct fixture *f = *state;
	int low[8], n = 0;

	/* take what is free below 10, so that ours are not what they are in
	 * the helper; and the other way round */
	while (n < 8 && (low[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 9)
		n++;
	unlocked(f, "");
	check_signs(f, "all taken");
	keys_free(f->keys);
	f->keys = NULL;
	while (n >= 0)
		close(low[n--]);
	unlocked(f, "");
	check_signs(f, "none taken");
}

/* Only what a TCTI and OpenSSL may ask for. */
static void
environment_is_not_inherited(void **state)
{
	struct fixture *f = *state;
	char path[64], env[4096] = { 0 };
	ssize_t n;
	DIR *proc;
	struct dirent *e;
	int fd, seen = 0;

	setenv("SEALKEY_SECRET", "hunter2", 1);
	setenv("TSS2_LOG", "all+none", 1);
	unlocked(f, "");
	unsetenv("SEALKEY_SECRET");
	proc = opendir("/proc/self/task");
	assert_non_null(proc);
	while ((e = readdir(proc)) != NULL) {
		int child;
		FILE *children;

		snprintf(path, sizeof(path), "/proc/self/task/%.16s/children",
		    e->d_name);
		children = e->d_name[0] != '.' ? fopen(path, "r") : NULL;
		if (children == NULL)
			continue;
		while (fscanf(children, "%d", &child) == 1) {
			snprintf(path, sizeof(path), "/proc/%d/environ",
			    child);
			fd = open(path, O_RDONLY);
			n = read(fd, env, sizeof(env) - 1);
			assert_true(n > 0);
			close(fd);
			assert_null(memmem(env, (size_t)n, "hunter2", 7));
			assert_non_null(memmem(env, (size_t)n, "TSS2_LOG", 8));
			seen++;
		}
		fclose(children);
	}
	closedir(proc);
	assert_int_equal(seen, 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_it_is_is_known_at_once),
		TEST(how_things_stand_is_known_when_unlocked),
		TEST(wrong_storage_key_is_refused_and_the_right_one_taken),
		TEST(sealing_is_done_here),
		TEST(operations_follow_each_other),
		TEST(operation_that_is_too_large_is_refused_at_once),
		TEST(errors_of_the_helper_come_with_their_line),
		TEST(whatever_a_helper_does_the_next_operation_works),
		TEST(helper_that_fails_at_its_start_fails_the_operation),
		TEST(opening_fails_with_the_helper),
		TEST(calls_that_wait_fail_with_the_helper_and_work_again),
		TEST(idle_death_costs_nothing),
		TEST(operation_that_was_not_read_goes_to_another),
		TEST(helper_that_never_runs_is_an_error),
		TEST(other_keys_after_a_restart_are_another_tpm),
		TEST(slow_helper_is_waited_for),
		TEST(deadline_is_that_of_the_operation),
		TEST(abandoned_answer_is_not_taken_for_the_next),
		TEST(abandoned_operation_that_hangs_fails_the_next_in_time),
		TEST(abandoned_operation_that_hangs_is_ended_by_the_clock),
		TEST(a_thousand_abandoned_operations_do_not_block),
		TEST(abandoning_while_a_helper_dies_is_fine),
		TEST(a_hundred_restarts_leave_nothing_behind),
		TEST(answer_that_nobody_asked_for_ends_the_helper),
		TEST(recovery_is_kept_only_for_pcrs),
		TEST(recovery_is_what_it_was_sealed_with_last),
		TEST(ignored_sigchld_does_no_harm),
		TEST(freeing_ends_a_helper_that_hangs),
		TEST(descriptors_are_in_nobodys_way),
		TEST(environment_is_not_inherited),
	};

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0)
		return helper_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
