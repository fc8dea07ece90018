/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key helper as a process, tpm/helper.md, with a TPM that is none: what
 * link.h, vault.h and tpmkey.h promise is done here, in a few lines each, and
 * the helper is linked to that. So what is under test is whom it serves, what
 * it permits when, what it gives to the TPM and what to software, and how it
 * ends. This program is that helper too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tpm/message.h"
#include "tpm/tpmkey.h"
#include "tpm/vault.h"

#define SOCKET_FD	3
#define STATE_FD	4
#define TPM_BLOB	2	/* first byte */
#define WRAPPED		"wrapped"
#define OTHER		"wrapped otherwise"

/* A TPM. What happens to it is noted in files. */

static void
note(const char *name)
{
	int fd = openat(STATE_FD, name, O_WRONLY | O_CREAT, 0600);

	if (fd != -1)
		close(fd);
}

struct link {
	bool	broken;
};

struct vault {
	int	nothing;
};

struct tpmkeys {
	bool	unlocked;
};

static struct link the_link;
static struct vault the_vault;
static int loaded;	/* struct tpmkeys */

int
link_open(const char *target, int dirfd, bool create, struct link **out,
    struct keys_info *info, char *msg, size_t msglen)
{
	if (dirfd != STATE_FD)
		abort();
	if (strcmp(target, "gone") == 0) {
		snprintf(msg, msglen, "there is no TPM");
		return -ENODEV;
	}
	*info = (struct keys_info){ .kind = create ? "made" : "found",
	    .target = "as the TPM says", .tpm = true,
	    .manufacturer = "TEST" };
	*out = &the_link;
	return 0;
}

void
link_close(struct link *l)
{
	if (l != NULL)
		note("closed");
}

const char *
link_strerror(const struct link *l)
{
	assert_non_null(l);
	return "the TPM says no";
}

bool
link_broken(const struct link *l)
{
	return l->broken;
}

int
vault_new(struct link *l, int dirfd, struct vault **out)
{
	if (l != &the_link || dirfd != STATE_FD)
		abort();
	*out = &the_vault;
	return 0;
}

void
vault_free(struct vault *v)
{
	(void)v;
}

/* Each of them has a storage key of its own. */
static int
storage_key(struct span wrapped, uint8_t key[static SEAL_KEY_LEN])
{
	if (span_eq(wrapped, span_str(WRAPPED)))
		memset(key, 0x5a, SEAL_KEY_LEN);
	else if (span_eq(wrapped, span_str(OTHER)))
		memset(key, 0x6b, SEAL_KEY_LEN);
	else
		return -EBADMSG;
	return 0;
}

static int
give_wrapped(uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	*len = strlen(WRAPPED);
	memcpy(wrapped, WRAPPED, *len);
	return 0;
}

int
vault_create(struct vault *v, const char *target, uint32_t pcrs,
    const char *recovery, uint8_t key[static SEAL_KEY_LEN],
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	(void)v;
	if (pcrs != 0x80 || strcmp(target, "fake") != 0 || recovery == NULL ||
	    strcmp(recovery, "open sesame") != 0)
		return -EINVAL;
	give_wrapped(wrapped, len);
	return storage_key(span(wrapped, *len), key);
}

int
vault_unlock(struct vault *v, struct span wrapped, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN])
{
	(void)v;
	if (recovery != NULL && strcmp(recovery, "hang") == 0)
		for (;;)
			pause();
	return storage_key(wrapped, key);
}

int
vault_rewrap(struct vault *v, const uint8_t key[static SEAL_KEY_LEN],
    uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	(void)v;
	if (key[0] != 0x5a || pcrs != 0x100 || recovery != NULL)
		return -EINVAL;
	return give_wrapped(wrapped, len);
}

void
vault_info(const struct vault *v, struct keys_info *info)
{
	(void)v;
	info->pin = true;
	info->counter = true;
	info->generation = 12;
}

int
vault_advance(struct vault *v, struct key_op *op)
{
	(void)v;
	return op->generation == 13 ? 0 : -EINVAL;
}

int
vault_pin_check(struct vault *v, struct key_op *op)
{
	(void)v;
	op->pin_failures = 5;
	return -EACCES;
}

int
vault_pin_set(struct vault *v, struct key_op *op)
{
	(void)v;
	op->pin_failures = 1;
	return 0;
}

int
vault_pin_clear(struct vault *v, struct key_op *op)
{
	(void)v;
	op->pin_failures = 0;
	return -ENODEV;
}

int
vault_destroy(struct vault *v)
{
	(void)v;
	note("destroyed");
	return 0;
}

int
tpmkey_new(struct link *l, struct tpmkeys **out)
{
	if (l != &the_link)
		abort();
	if (faccessat(STATE_FD, "full", F_OK, 0) == 0)
		return -EBUSY;
	loaded++;
	*out = calloc(1, sizeof(**out));
	return 0;
}

void
tpmkey_free(struct tpmkeys *tk)
{
	if (tk == NULL)
		return;
	free(tk);
	loaded--;
}

void
tpmkey_unlock(struct tpmkeys *tk,
    const uint8_t key[static SEAL_KEY_LEN])
{
	if (tk->unlocked || loaded != 1 || (key[0] != 0x5a && key[0] != 0x6b))
		abort();
	tk->unlocked = true;
}

bool
tpmkey_has_alg(const struct tpmkeys *tk, int alg)
{
	(void)tk;
	return alg == COSE_ES256;
}

bool
tpmkey_is_ours(struct span blob)
{
	return blob.len > 0 && blob.p[0] == TPM_BLOB;
}

int
tpmkey_perform(struct tpmkeys *tk, struct key_op *op)
{
	if (!tk->unlocked)
		abort();
	op->out_meta[0] = 't';
	op->out_meta_len = 1;
	op->result = op->verb == KEY_EK ? -ENOENT : 0;
	if (span_eq(op->data[1], span_str("broken"))) {
		the_link.broken = true;
		op->result = -ENODEV;
	}
	return op->result;
}

/* The client. */

struct fixture {
	char		dir[64];
	int		dirfd;
	pid_t		pid;
	int		sock;
	uint32_t	serial;
	struct message_answer an;
	struct key_op	out;
	uint8_t		epoch[KEY_EPOCH_LEN];
	uint8_t		bound[32];
	uint8_t		buf[MESSAGE_MAX];
	uint8_t		said[65536];	/* every answer */
	size_t		said_len;
};

static _Noreturn void
become_helper(int sock, int dirfd)
{
	char name[] = "sealkey", command[] = "key-helper";
	char *argv[] = { name, command, NULL };

	if (dup2(sock, 10) == -1 || dup2(dirfd, 11) == -1 ||
	    dup2(10, SOCKET_FD) == -1 || dup2(11, STATE_FD) == -1)
		_exit(80);
	execv("/proc/self/exe", argv);
	_exit(81);
}

static void
start_helper(struct fixture *f)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0)
		become_helper(pair[1], f->dirfd);
	close(pair[1]);
	f->sock = pair[0];
	f->serial = 0;
}

/* Its exit status, or 128 and the signal. */
static int
helper_status(struct fixture *f)
{
	int status;

	if (f->sock != -1)
		close(f->sock);
	f->sock = -1;
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test-helper-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	memset(f->epoch, 0xe0, sizeof(f->epoch));
	memset(f->bound, 0xb0, sizeof(f->bound));
	start_helper(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->pid != -1)
		assert_int_equal(helper_status(f), 0);
	unlinkat(f->dirfd, "closed", 0);
	unlinkat(f->dirfd, "destroyed", 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static bool
noted(const struct fixture *f, const char *name)
{
	return faccessat(f->dirfd, name, F_OK, 0) == 0;
}

static void
send_request(struct fixture *f, struct message_request rq)
{
	size_t len;

	rq.serial = rq.type == MESSAGE_CANCEL ? f->serial : ++f->serial;
	len = message_put_request(&rq, f->buf);
	assert_int_equal(send(f->sock, f->buf, len, MSG_NOSIGNAL), len);
}

/* Its result; the rest is in f->an and f->out. */
static int
get_answer(struct fixture *f, enum message_type type, uint32_t serial)
{
	ssize_t n = recv(f->sock, f->buf, sizeof(f->buf), 0);

	assert_true(n > 0);
	assert_true((size_t)n <= sizeof(f->said) - f->said_len);
	memcpy(f->said + f->said_len, f->buf, (size_t)n);
	f->said_len += (size_t)n;
	f->an.op = &f->out;
	assert_int_equal(message_get_answer(span(f->buf, (size_t)n), &f->an),
	    0);
	assert_int_equal(f->an.type, type);
	assert_int_equal(f->an.serial, serial);
	return f->an.result;
}

static int
ask(struct fixture *f, struct message_request rq)
{
	send_request(f, rq);
	return get_answer(f, rq.type, f->serial);
}

static int
hello(struct fixture *f)
{
	return ask(f, (struct message_request){ .type = MESSAGE_HELLO,
	    .target = span_str("fake") });
}

static int
unlock(struct fixture *f, const char *wrapped)
{
	return ask(f, (struct message_request){ .type = MESSAGE_UNLOCK,
	    .wrapped = span_str(wrapped) });
}

static int
perform(struct fixture *f, struct key_op op)
{
	return ask(f, (struct message_request){ .type = MESSAGE_OP,
	    .op = &op });
}

static void
unlocked(struct fixture *f)
{
	assert_int_equal(hello(f), 0);
	assert_int_equal(unlock(f, WRAPPED), 0);
}

static struct key_op
key_op(const struct fixture *f, enum key_verb verb, int alg)
{
	return (struct key_op){ .verb = verb, .alg = alg,
	    .epoch = span(f->epoch, sizeof(f->epoch)),
	    .bound = span(f->bound, sizeof(f->bound)),
	    .data = { span_str("message"), span(NULL, 0) } };
}

static bool
tpm_did_it(const struct fixture *f)
{
	return f->out.out_meta_len == 1 && f->out.out_meta[0] == 't';
}

/* One whose client was killed, and who is at a last command. */
static void
two_do_not_work_in_one_directory(void **state)
{
	struct fixture *f = *state;
	int before = openat(f->dirfd, ".", O_RDONLY | O_DIRECTORY);

	assert_int_equal(flock(before, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(hello(f), -EBUSY);
	assert_non_null(strstr(f->an.text, "try again"));
	close(before);
	assert_int_equal(hello(f), 0);
}

static void
hello_says_what_there_is(void **state)
{
	struct fixture *f = *state;
	const struct message_device *d = &f->an.device;
	bool ec = false, ed = false;

	assert_int_equal(ask(f, (struct message_request){
	    .type = MESSAGE_HELLO, .create = true,
	    .target = span_str("fake") }), 0);
	assert_string_equal(d->kind, "made");
	assert_string_equal(d->target, "as the TPM says");
	for (size_t i = 0; i < d->alg_count; i++) {
		assert_int_equal(d->algs[i].in_tpm,
		    d->algs[i].alg == COSE_ES256);
		ec |= d->algs[i].alg == COSE_ES256;
		ed |= d->algs[i].alg == COSE_EDDSA;
	}
	assert_true(ec && ed);
}

static void
what_comes_too_early_is_refused(void **state)
{
	struct fixture *f = *state;
	struct message_request rewrap = { .type = MESSAGE_REWRAP };
	struct message_request destroy = { .type = MESSAGE_DESTROY };
	struct message_request create = { .type = MESSAGE_CREATE };
	struct key_op op = key_op(f, KEY_SIGN, COSE_ES256);

	assert_int_equal(unlock(f, WRAPPED), -ENODEV);
	assert_int_equal(ask(f, destroy), -ENODEV);
	assert_int_equal(ask(f, create), -ENODEV);
	assert_int_equal(ask(f, rewrap), -ENODEV);
	assert_int_equal(perform(f, op), -ENODEV);
	assert_true(f->an.text[0] != '\0');
	assert_int_equal(hello(f), 0);
	assert_int_equal(ask(f, rewrap), -ENODEV);
	assert_int_equal(perform(f, op), -ENODEV);
	assert_int_equal(unlock(f, "damaged"), -EBADMSG);
	assert_string_equal(f->an.text, "the TPM says no");
	assert_int_equal(perform(f, op), -ENODEV);
	assert_false(noted(f, "destroyed"));
	assert_int_equal(ask(f, destroy), 0);
	assert_true(noted(f, "destroyed"));
}

static void
tpm_that_is_not_there_may_be_asked_for_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, (struct message_request){
	    .type = MESSAGE_HELLO, .target = span_str("gone") }), -ENODEV);
	assert_string_equal(f->an.text, "there is no TPM");
	unlocked(f);
}

static void
creation_and_rewrapping_reach_the_vault(void **state)
{
	struct fixture *f = *state;
	struct message_request rq = { .type = MESSAGE_CREATE, .pcrs = 0x80,
	    .recovery = span_str("open sesame") };

	assert_int_equal(hello(f), 0);
	assert_int_equal(ask(f, rq), 0);
	assert_true(f->an.keys.info.pin && f->an.keys.info.counter);
	assert_int_equal(f->an.keys.info.generation, 12);
	rq.recovery = span_str("open");
	assert_int_equal(ask(f, rq), -EINVAL);
	rq = (struct message_request){ .type = MESSAGE_REWRAP, .pcrs = 0x100 };
	assert_int_equal(ask(f, rq), 0);
}

static void
keys_for_sealing_are_those_of_the_storage_key(void **state)
{
	struct fixture *f = *state;
	uint8_t key[SEAL_KEY_LEN], rows[SEAL_KEY_LEN], names[SEAL_KEY_LEN];

	unlocked(f);
	assert_int_equal(storage_key(span_str(WRAPPED), key), 0);
	assert_int_equal(seal_storage_derive(key, rows, names), 0);
	assert_memory_equal(f->an.keys.rows, rows, sizeof(rows));
	assert_memory_equal(f->an.keys.names, names, sizeof(names));
	assert_int_equal(unlock(f, WRAPPED), 0);
	assert_memory_equal(f->an.keys.rows, rows, sizeof(rows));
	assert_int_equal(unlock(f, OTHER), 0);
	assert_memory_not_equal(f->an.keys.rows, rows, sizeof(rows));
}

/* What one storage key wrapped is nothing to the other. */
static void
another_storage_key_locks_again(void **state)
{
	struct fixture *f = *state;
	struct key_op op = key_op(f, KEY_CREATE, COSE_EDDSA);
	uint8_t blob[KEY_BLOB_MAX];

	unlocked(f);
	assert_int_equal(perform(f, op), 0);
	memcpy(blob, f->out.out_blob, f->out.out_blob_len);
	op = key_op(f, KEY_SIGN, COSE_EDDSA);
	op.blob = span(blob, f->out.out_blob_len);
	assert_int_equal(perform(f, op), 0);
	assert_int_equal(unlock(f, OTHER), 0);
	assert_int_equal(perform(f, op), -EBADMSG);
	assert_int_equal(unlock(f, WRAPPED), 0);
	assert_int_equal(perform(f, op), 0);
}

static void
unlocking_can_be_tried_again(void **state)
{
	struct fixture *f = *state;
	int fd;

	unlocked(f);
	fd = openat(f->dirfd, "full", O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1);
	close(fd);
	assert_int_equal(unlock(f, OTHER), -EBUSY);
	assert_int_equal(unlock(f, OTHER), -EBUSY);
	assert_int_equal(unlinkat(f->dirfd, "full", 0), 0);
	assert_int_equal(unlock(f, OTHER), 0);
}

static void
tpm_has_what_it_can_and_software_the_rest(void **state)
{
	struct fixture *f = *state;
	struct key_op op;
	uint8_t soft[KEY_BLOB_MAX];
	size_t soft_len;

	unlocked(f);
	assert_int_equal(perform(f, key_op(f, KEY_CREATE, COSE_ES256)), 0);
	assert_true(tpm_did_it(f));
	assert_int_equal(perform(f, key_op(f, KEY_CREATE, COSE_EDDSA)), 0);
	assert_false(tpm_did_it(f));
	soft_len = f->out.out_blob_len;
	memcpy(soft, f->out.out_blob, soft_len);
	/* software has no restricted keys */
	op = key_op(f, KEY_CREATE, COSE_EDDSA);
	op.shape = KEY_RESTRICTED;
	assert_int_equal(perform(f, op), 0);
	assert_true(tpm_did_it(f));
	/* a policy is nothing to it */
	op.shape = KEY_WITH_POLICY;
	assert_int_equal(perform(f, op), 0);
	assert_false(tpm_did_it(f));
	assert_int_equal(perform(f, key_op(f, KEY_CREATE, 12345)), -ENOTSUP);
	op = key_op(f, KEY_OPEN, 0);
	op.blob = span(soft, soft_len);
	assert_int_equal(perform(f, op), 0);
	assert_false(tpm_did_it(f));
	op.blob = span("\2blob", 5);
	assert_int_equal(perform(f, op), 0);
	assert_true(tpm_did_it(f));
	op.blob = span("\3blob", 5);
	assert_int_equal(perform(f, op), -EBADMSG);
	assert_int_equal(perform(f, key_op(f, KEY_EK, 0)), -ENOENT);
	assert_string_equal(f->an.text, "the TPM says no");
}

static void
software_keys_are_not_certified(void **state)
{
	struct fixture *f = *state;
	struct span soft = span("\1blob", 5), tpm = span("\2blob", 5);
	struct key_op op = key_op(f, KEY_CERTIFY, 0);

	unlocked(f);
	op.blob = tpm;
	op.signer = tpm;
	assert_int_equal(perform(f, op), 0);
	assert_true(tpm_did_it(f));
	op.signer = soft;
	assert_int_equal(perform(f, op), -ENOTSUP);
	assert_true(f->an.text[0] != '\0');
	op.signer = tpm;
	op.blob = soft;
	assert_int_equal(perform(f, op), -ENOTSUP);
	op.verb = KEY_PUBLIC;
	assert_int_equal(perform(f, op), -ENOTSUP);
	op.verb = KEY_ACTIVATE;
	assert_int_equal(perform(f, op), -ENOTSUP);
	op.blob = tpm;
	assert_int_equal(perform(f, op), 0);
}

static void
pin_and_counter_reach_the_vault(void **state)
{
	struct fixture *f = *state;
	struct key_op op = { .verb = KEY_ADVANCE, .generation = 13 };

	unlocked(f);
	assert_int_equal(perform(f, op), 0);
	assert_string_equal(f->an.text, "");
	op.generation = 14;
	assert_int_equal(perform(f, op), -EINVAL);
	op.verb = KEY_PIN_CHECK;
	assert_int_equal(perform(f, op), -EACCES);
	assert_int_equal(f->out.pin_failures, 5);
	assert_string_equal(f->an.text, "the TPM says no");
	op.verb = KEY_PIN_SET;
	assert_int_equal(perform(f, op), 0);
	assert_int_equal(f->out.pin_failures, 1);
	op.verb = KEY_PIN_CLEAR;
	assert_int_equal(perform(f, op), -ENODEV);
}

/* RSA, which this TPM does not have. */
static void
rsa_is_searched_for_while_requests_are_read(void **state)
{
	struct fixture *f = *state;
	struct message_request rq = { .type = MESSAGE_CANCEL };
	struct key_op op = key_op(f, KEY_CREATE, COSE_RS256);
	struct pollfd pfd = { .fd = f->sock, .events = POLLIN };
	int cancelled = 0;

	unlocked(f);
	assert_int_equal(perform(f, op), 0);
	assert_true(f->out.out_pub_len > 256);
	/* one may be found at once, but hardly each time */
	for (int i = 0; i < 5; i++) {
		int r;

		send_request(f, (struct message_request){
		    .type = MESSAGE_OP, .op = &op });
		send_request(f, rq);
		r = get_answer(f, MESSAGE_OP, f->serial);
		assert_true(r == 0 || r == -ECANCELED);
		cancelled += r == -ECANCELED;
	}
	assert_true(cancelled > 0);
	send_request(f, rq);	/* of what has been answered: nothing */
	assert_int_equal(poll(&pfd, 1, 100), 0);
	assert_int_equal(perform(f, key_op(f, KEY_CREATE, COSE_ES256)), 0);
}

static void
second_operation_at_a_time_ends_it(void **state)
{
	struct fixture *f = *state;
	struct key_op op = key_op(f, KEY_CREATE, COSE_RS256);
	struct message_request rq = { .type = MESSAGE_OP, .op = &op };
	int status = 0;

	for (int i = 0; i < 10 && status == 0; i++) {
		unlocked(f);
		send_request(f, rq);
		send_request(f, rq);
		send_request(f, rq);
		while (recv(f->sock, f->buf, sizeof(f->buf), 0) > 0 &&
		    f->buf[5] != (uint8_t)f->serial)
			;
		status = helper_status(f);
		start_helper(f);
	}
	assert_int_equal(status, 1);
}

static void
what_makes_no_sense_ends_it(void **state)
{
	struct fixture *f = *state;
	struct message_request rq = { .type = MESSAGE_HELLO, .serial = 1,
	    .target = span_str("fake") };
	size_t len = message_put_request(&rq, f->buf);

	for (int i = 0; i < 5; i++) {
		uint8_t msg[64];
		size_t n = len;

		memcpy(msg, f->buf, len);
		n -= i == 0;
		n += i == 1;
		msg[0] += i == 2;
		msg[1] |= i == 3 ? 0x80 : 0;
		msg[6] = i == 4 ? 2 : msg[6];
		assert_int_equal(send(f->sock, msg, n, MSG_NOSIGNAL), n);
		/* it has gone before we have */
		assert_int_equal(recv(f->sock, msg, sizeof(msg), 0), 0);
		assert_int_equal(helper_status(f), 1);
		start_helper(f);
	}
	assert_int_equal(hello(f), 0);
	send_request(f, rq);		/* HELLO, again */
	assert_int_equal(recv(f->sock, f->buf, sizeof(f->buf), 0), 0);
	assert_int_equal(helper_status(f), 1);
	assert_true(noted(f, "closed"));
}

static void
it_shuts_the_tpm_down_when_the_client_leaves(void **state)
{
	struct fixture *f = *state;

	unlocked(f);
	assert_false(noted(f, "closed"));
	assert_int_equal(helper_status(f), 0);
	assert_true(noted(f, "closed"));
}

/* After its answer, and by itself. */
static void
it_ends_when_the_link_is_broken(void **state)
{
	struct fixture *f = *state;
	struct key_op op = key_op(f, KEY_SIGN, 0);
	uint8_t c;

	unlocked(f);
	op.blob = span_str("\2");	/* TPM_BLOB */
	op.data[1] = span_str("broken");
	assert_int_equal(perform(f, op), -ENODEV);
	assert_int_equal(recv(f->sock, &c, 1, 0), 0);
	assert_int_equal(helper_status(f), 0);
	assert_true(noted(f, "closed"));
}

/* They are meant for the client, who may still need it. */
static void
signals_to_the_service_do_not_end_it(void **state)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct fixture *f = *state;

	unlocked(f);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		kill(f->pid, signals[i]);
	assert_int_equal(perform(f, key_op(f, KEY_CREATE, COSE_EDDSA)), 0);
}

/* A client with a helper that hangs is killed: the helper's ID. */
static pid_t
lose_client(struct fixture *f)
{
	struct message_request rq = { .type = MESSAGE_UNLOCK,
	    .wrapped = span_str(WRAPPED), .recovery = span_str("hang") };
	int out[2];
	pid_t client, helper = -1;

	assert_int_equal(pipe(out), 0);
	client = fork();
	assert_true(client >= 0);
	if (client == 0) {
		start_helper(f);
		if (hello(f) != 0)
			_exit(1);
		send_request(f, rq);
		/* it works for a client that lives */
		if (write(out[1], &f->pid, sizeof(f->pid)) == -1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(out[0], &helper, sizeof(helper)),
	    sizeof(helper));
	close(out[0]);
	close(out[1]);
	kill(client, SIGKILL);
	assert_int_equal(waitpid(client, NULL, 0), client);
	return helper;
}

static void
helper_that_hangs_ends_after_its_client(void **state)
{
	struct fixture *f = *state;
	struct fixture *other = calloc(1, sizeof(*other));
	struct pollfd pfd = { .events = POLLIN };

	*other = *f;
	pfd.fd = pidfd_open(lose_client(other), 0);
	if (pfd.fd != -1)	/* else it has gone already */
		assert_int_equal(poll(&pfd, 1, 20000), 1);
	close(pfd.fd);
	free(other);
}

static void
storage_key_is_in_no_message(void **state)
{
	struct fixture *f = *state;
	uint8_t key[SEAL_KEY_LEN];

	unlocked(f);
	assert_int_equal(perform(f, key_op(f, KEY_CREATE, COSE_EDDSA)), 0);
	assert_int_equal(ask(f, (struct message_request){
	    .type = MESSAGE_REWRAP, .pcrs = 0x100 }), 0);
	assert_int_equal(storage_key(span_str(WRAPPED), key), 0);
	assert_true(f->said_len > 200);
	assert_null(memmem(f->said, f->said_len, key, 8));
	/* as would be found */
	assert_non_null(memmem(f->said, f->said_len, WRAPPED, 7));
}

static void
nobody_may_look_into_it(void **state)
{
	struct fixture *f = *state;
	char path[64], line[128];
	bool no_new_privs = false, no_core = false;
	struct stat st;
	FILE *file;

	unlocked(f);
	/* what is not dumpable belongs to root, whoever runs it */
	snprintf(path, sizeof(path), "/proc/%d/status", f->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		no_new_privs |= strcmp(line, "NoNewPrivs:\t1\n") == 0;
	fclose(file);
	assert_true(no_new_privs);
	snprintf(path, sizeof(path), "/proc/%d/limits", f->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		no_core |= strncmp(line, "Max core file size        0    "
		    "                0 ", 48) == 0;
	fclose(file);
	assert_true(no_core);
	snprintf(path, sizeof(path), "/proc/%d/mem", f->pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static void
by_hand_it_does_nothing(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(null, STDERR_FILENO);
		become_helper(null, null);
	}
	close(null);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(hello_says_what_there_is),
		TEST(two_do_not_work_in_one_directory),
		TEST(what_comes_too_early_is_refused),
		TEST(tpm_that_is_not_there_may_be_asked_for_again),
		TEST(creation_and_rewrapping_reach_the_vault),
		TEST(keys_for_sealing_are_those_of_the_storage_key),
		TEST(another_storage_key_locks_again),
		TEST(unlocking_can_be_tried_again),
		TEST(tpm_has_what_it_can_and_software_the_rest),
		TEST(software_keys_are_not_certified),
		TEST(pin_and_counter_reach_the_vault),
		TEST(rsa_is_searched_for_while_requests_are_read),
		TEST(second_operation_at_a_time_ends_it),
		TEST(what_makes_no_sense_ends_it),
		TEST(it_shuts_the_tpm_down_when_the_client_leaves),
		TEST(it_ends_when_the_link_is_broken),
		TEST(signals_to_the_service_do_not_end_it),
		TEST(helper_that_hangs_ends_after_its_client),
		TEST(storage_key_is_in_no_message),
		TEST(nobody_may_look_into_it),
		TEST(by_hand_it_does_nothing),
	};
	int status;

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0) {
		status = key_helper_main();
		(void)prctl(PR_SET_DUMPABLE, 1);	/* for leak checkers */
		return status;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
