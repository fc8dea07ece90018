/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	          spawn_helper()                end_helper()
 *	NO HELPER ─────────────▶ HELPER (sock) ─────────────▶ DYING
 *	    ▲                                                   │
 *	    └───────────────── bury_helper() ───────────────────┘
 *
 * Invariants:
 *  1. There is at most one helper, and the next is started only when the one
 *     before it has ended: two would have one TPM's state in the directory.
 *  2. Every request but CANCEL is answered once, and in order. sent and
 *     answered are the last serial numbers of each; what lies between them is
 *     outstanding. An answer that nobody waits for any more is read and
 *     forgotten.
 *  3. job is what somebody waits for. The timer runs while there is a job, or
 *     anything outstanding.
 *  4. epoll_fd is readable when step() has something to do.
 */
#include "tpm/remote.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <openssl/crypto.h>

#include "tpm/message.h"
#include "tpm/seal.h"

#define SOCKET_FD	3	/* in the helper */
#define STATE_FD	4
#define FIRST_FREE_FD	10	/* ours, out of the way of those */
#define KILL_MS		1000	/* for the kernel to end it */

/* What somebody waits for: an operation, or one of the calls that wait. */
struct job {
	struct message_request rq;
	bool		 sent;
	unsigned int	 tries;		/* helpers that were started for it */
};

struct remote {
	struct keys	 base;
	struct remote_config cfg;
	char		 target[RECORD_TARGET_MAX];
	char		 recovery[MESSAGE_RECOVERY_MAX + 1];
	char		*helper;	/* NULL: the program that we are */

	int		 epoll_fd;
	int		 timer_fd;
	pid_t		 pid;		/* -1: no helper */
	int		 pid_fd;	/* -1: none, or a kernel without */
	int		 sock;		/* -1: none, or it is dying */
	bool		 unread;	/* it left something in its socket */

	uint32_t	 sent;
	uint32_t	 answered;
	uint32_t	 hello;		/* their serial numbers, if they are */
	uint32_t	 unlock;	/* outstanding */

	struct job	*job;
	struct job	 op_job;
	struct key_op	 nobody;	/* for answers that nobody waits for */

	bool		 opened;	/* device is known */
	bool		 unlocked;
	struct message_device device;
	struct keys_info info;
	struct seal_storage storage;
	struct message_keys keys;
	uint8_t		 wrapped[KEY_WRAPPED_MAX];
	size_t		 wrapped_len;
	struct message_answer answer;	/* wrapped is in fresh */
	uint8_t		 fresh[KEY_WRAPPED_MAX];
	char		 text[MESSAGE_TEXT_MAX];
	uint8_t		 buf[MESSAGE_MAX + 1];	/* for one too long */
};

static struct remote *
remote_of(struct keys *k)
{
	return (struct remote *)k;
}

static const struct remote *
remote_of_const(const struct keys *k)
{
	return (const struct remote *)k;
}

static int __attribute__((format(printf, 3, 4)))
fail(struct remote *r, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return error;
}

static int
watch(int epoll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == -1 ? -errno : 0;
}

/* Closing is not enough while a child that has just been forked has it too. */
static void
unwatch_close(int epoll_fd, int fd)
{
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	close(fd);
}

/* 0: none. Sets the clock anew, and forgets that the time was up. */
static void
set_timer(struct remote *r, unsigned int ms)
{
	struct itimerspec t = {
		.it_value = { ms / 1000, ms % 1000 * 1000000L },
	};

	(void)timerfd_settime(r->timer_fd, 0, &t, NULL);
}

static bool
time_is_up(struct remote *r)
{
	uint64_t expired;

	return read(r->timer_fd, &expired, sizeof(expired)) > 0;
}

/* The process. */

static const char *
helper_name(const struct remote *r)
{
	return r->helper != NULL ? r->helper : "this program";
}

/*
 * What a TCTI may want to know, how sanitizers report, and which OpenSSL it
 * is: nothing else of our environment is the helper's business.
 */
static bool
env_is_kept(const char *var)
{
	static const char *const kept[] = {
		"TSS2_", "TCTI_", "TPM2", "DBUS_", "OPENSSL_", "ASAN_OPTIONS=",
		"UBSAN_OPTIONS=", "LSAN_OPTIONS=", "GCOV_", "PATH=", "HOME=",
		"LD_LIBRARY_PATH=", "XDG_RUNTIME_DIR=",
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strncmp(var, kept[i], strlen(kept[i])) == 0)
			return true;
	return false;
}

/* The strings are environ's. NULL: no memory. */
static char **
helper_env(void)
{
	size_t n = 0;
	char **env;

	while (environ != NULL && environ[n] != NULL)
		n++;
	env = calloc(n + 1, sizeof(env[0]));
	if (env == NULL)
		return NULL;
	n = 0;
	for (char **var = environ; var != NULL && *var != NULL; var++)
		if (env_is_kept(*var))
			env[n++] = *var;
	return env;
}

static int
add_actions(posix_spawn_file_actions_t *fa, int sock, int dirfd)
{
	int e;

	e = posix_spawn_file_actions_addopen(fa, STDIN_FILENO, "/dev/null",
	    O_RDWR, 0);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(fa, STDIN_FILENO,
		    STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(fa, sock, SOCKET_FD);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(fa, dirfd, STATE_FD);
	if (e == 0)
		e = posix_spawn_file_actions_addclosefrom_np(fa, STATE_FD + 1);
	return -e;
}

/*
 * The program that we are ourselves, by its name, which is what ps shows. It
 * has none any more if it was replaced while we run; the kernel still has it,
 * and it alone is of our version.
 */
static const char *
helper_path(const struct remote *r, char *buf, size_t size)
{
	ssize_t n;

	if (r->helper != NULL)
		return r->helper;
	n = readlink("/proc/self/exe", buf, size - 1);
	if (n > 0) {
		buf[n] = '\0';
		if (access(buf, X_OK) == 0)
			return buf;
	}
	return "/proc/self/exe";
}

/* A child that runs the helper, with sock (at least FIRST_FREE_FD). */
static int
run_helper(struct remote *r, int sock)
{
	char name[] = "sealkey", command[] = "key-helper";
	char *const argv[] = { name, command, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	char **env = helper_env(), path[PATH_MAX];
	sigset_t none;
	int e;

	if (env == NULL)
		return -ENOMEM;
	e = posix_spawn_file_actions_init(&fa);
	if (e != 0)
		goto out;
	e = posix_spawnattr_init(&attr);
	if (e != 0)
		goto out_actions;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	e = -add_actions(&fa, sock, r->cfg.dirfd);
	if (e == 0)
		e = posix_spawn(&r->pid, helper_path(r, path, sizeof(path)),
		    &fa, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
out_actions:
	posix_spawn_file_actions_destroy(&fa);
out:
	free(env);
	return -e;
}

/*
 * The process is there when this returns, or an error. It may have ended
 * already, and be gone if somebody ignores SIGCHLD.
 */
static int
spawn_helper(struct remote *r)
{
	int pair[2] = { -1, -1 }, theirs, e;

	assert(r->pid == -1 && r->sock == -1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, pair) == -1)
		return -errno;
	theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	e = theirs == -1 ? -errno : watch(r->epoll_fd, pair[0]);
	if (e == 0)
		e = run_helper(r, theirs);
	if (theirs != -1)
		close(theirs);
	close(pair[1]);
	if (e != 0) {
		close(pair[0]);
		r->pid = -1;
		return e;
	}
	r->pid_fd = pidfd_open(r->pid, 0);
	r->sock = pair[0];
	r->unread = false;
	r->answered = r->sent;
	r->hello = r->unlock = r->sent;
	return 0;
}

/*
 * Waits, but not for ever: whether it has ended. Without pidfd_open (Linux
 * 5.3, and valgrind has not heard of it either) nobody can tell, and it is
 * waited for when it is buried.
 */
static bool
has_ended(const struct remote *r, int ms)
{
	struct pollfd pfd = { .fd = r->pid_fd, .events = POLLIN };
	int n;

	if (r->pid_fd == -1)
		return true;
	do
		n = poll(&pfd, 1, ms);
	while (n == -1 && errno == EINTR);
	return n == 1;
}

static void
forget_helper(struct remote *r)
{
	if (r->pid_fd != -1)
		unwatch_close(r->epoll_fd, r->pid_fd);
	r->pid_fd = -1;
	r->pid = -1;
}

/* When it has been killed, and has ended: nothing is left of it. */
static void
bury_helper(struct remote *r)
{
	if (r->pid == -1 || r->sock != -1 || !has_ended(r, 0))
		return;
	/* ECHILD where SIGCHLD is ignored: then nothing was left. */
	while (waitpid(r->pid, NULL, 0) == -1 && errno == EINTR)
		;
	forget_helper(r);
}

/* epoll_fd tells when it can be buried. */
static void
end_helper(struct remote *r)
{
	if (r->sock == -1)
		return;
	unwatch_close(r->epoll_fd, r->sock);
	r->sock = -1;
	r->answered = r->sent;
	if (r->pid_fd != -1) {
		(void)pidfd_send_signal(r->pid_fd, SIGKILL, NULL, 0);
		(void)watch(r->epoll_fd, r->pid_fd);
	} else {
		(void)kill(r->pid, SIGKILL);
	}
	bury_helper(r);
}

/*
 * The last one may end by itself, so that its TPM is shut down. One that the
 * kernel cannot end, because the TPM's driver does not let go of it, is left
 * to whoever inherits our children.
 */
static void
dismiss_helper(struct remote *r)
{
	if (r->pid == -1)
		return;
	if (r->sock != -1) {
		(void)shutdown(r->sock, SHUT_RDWR);
		(void)has_ended(r, (int)r->cfg.end_ms);
	}
	end_helper(r);
	if (r->pid != -1 && has_ended(r, KILL_MS))
		bury_helper(r);
	forget_helper(r);
}

/* Talking to it. */

static int
send_request(struct remote *r, struct message_request *rq)
{
	size_t len;
	ssize_t n;

	if (rq->type != MESSAGE_CANCEL)
		rq->serial = r->sent + 1;
	len = message_put_request(rq, r->buf);
	n = send(r->sock, r->buf, len, MSG_NOSIGNAL);
	explicit_bzero(r->buf, sizeof(r->buf));
	/* A socket that is full has a helper that does not read. */
	if (n == -1)
		return -errno;
	if (rq->type != MESSAGE_CANCEL)
		r->sent = rq->serial;
	return 0;
}

/* NULL: not there. */
static struct span
text_span(const char *s)
{
	return s != NULL ? span_str(s) : span(NULL, 0);
}

/* A helper, greeted, and unlocked if the one before it was. */
static int
start_helper(struct remote *r)
{
	struct message_request rq = { .type = MESSAGE_HELLO,
	    .create = r->cfg.create && !r->opened,
	    .target = span_str(r->target) };
	int e;

	e = spawn_helper(r);
	if (e != 0)
		return fail(r, e, "cannot start the key helper (%s): %s",
		    helper_name(r), strerror(-e));
	e = send_request(r, &rq);
	r->hello = r->sent;
	if (e == 0 && r->unlocked) {
		rq = (struct message_request){ .type = MESSAGE_UNLOCK,
		    .wrapped = span(r->wrapped, r->wrapped_len),
		    .recovery = text_span(r->cfg.recovery) };
		e = send_request(r, &rq);
		r->unlock = r->sent;
	}
	/* One that has ended already says no more than that. */
	if (e != 0)
		end_helper(r);
	return 0;
}

/* Jobs. */

static void
job_done(struct remote *r, int result)
{
	struct job *job = r->job;

	r->job = NULL;
	r->answer.result = result;
	if (job->rq.type == MESSAGE_OP)
		job->rq.op->result = result;
}

/* The helper is of no use any more, and neither is what it was to do. */
static void
give_up(struct remote *r, int error)
{
	end_helper(r);
	if (r->job != NULL)
		job_done(r, error);
}

static unsigned int
op_deadline(const struct remote *r, const struct key_op *op)
{
	if (op->verb == KEY_EK || op->verb == KEY_ACTIVATE ||
	    (op->verb == KEY_CREATE && (op->alg == COSE_RS256 ||
	    op->alg == COSE_PS256 || op->alg == COSE_RS1)))
		return r->cfg.rsa_ms;
	return r->cfg.op_ms;
}

static unsigned int
job_deadline(const struct remote *r)
{
	unsigned int ms = r->cfg.start_ms;

	if (r->job->rq.type != MESSAGE_OP)
		return ms;
	if (r->sock != -1)
		ms = 0;
	return ms + op_deadline(r, r->job->rq.op);
}

/*
 * The job goes as far as it can without waiting: to the grave of the last
 * helper, to a new one, to its socket. One whose helper had died before it
 * could read it is given to another.
 */
static void
push_job(struct remote *r)
{
	struct job *job = r->job;

	while (r->job != NULL && !job->sent) {
		if (r->sock == -1 && r->pid != -1)
			return;		/* until it can be buried */
		if (r->sock == -1) {
			int e = -EIO;

			if (job->tries++ < 2)
				e = start_helper(r);
			else
				fail(r, e, "the key helper (%s) does not run",
				    helper_name(r));
			if (e != 0)
				job_done(r, e);
			continue;
		}
		if (job->rq.type == MESSAGE_HELLO) {
			/* has been said when the helper was started */
			job->rq.serial = r->hello;
			job->sent = true;
		} else if (send_request(r, &job->rq) == 0) {
			job->sent = true;
		} else {
			end_helper(r);
			set_timer(r, job_deadline(r));
		}
	}
}

/* Answers. */

static void
take_device(struct remote *r)
{
	if (r->opened)
		return;
	r->device = r->answer.device;
	r->info = r->device.info;
	r->info.kind = r->device.kind;
	r->info.target = r->device.target;
	snprintf(r->info.note, sizeof(r->info.note), "%s",
	    r->cfg.note != NULL ? r->cfg.note : "");
	r->cfg.note = NULL;	/* was the caller's */
	r->opened = true;
}

/*
 * Rows that the one key sealed must be opened by the other: a helper that
 * has other keys than the one before it has another TPM.
 */
static bool
same_keys(const struct remote *r)
{
	return CRYPTO_memcmp(r->keys.rows, r->answer.keys.rows,
	    sizeof(r->keys.rows)) == 0 &&
	    CRYPTO_memcmp(r->keys.names, r->answer.keys.names,
	    sizeof(r->keys.names)) == 0;
}

/* HELLO and UNLOCK that we said by ourselves. */
static void
take_start(struct remote *r)
{
	const struct message_answer *an = &r->answer;

	if (an->result != 0)
		give_up(r, fail(r, an->result, "%s", an->text));
	else if (an->type == MESSAGE_HELLO)
		take_device(r);
	else if (!same_keys(r))
		give_up(r, fail(r, -ENODEV, "the TPM behind %s is not the "
		    "one that it was", r->target));
}

static bool
is_for_job(const struct remote *r, uint32_t serial)
{
	return r->job != NULL && r->job->sent && r->job->rq.serial == serial;
}

/* What the answer to that request has to be, as far as we remember. */
static bool
type_fits(const struct remote *r, uint32_t serial, enum message_type type)
{
	if (serial == r->hello)
		return type == MESSAGE_HELLO;
	if (serial == r->unlock)
		return type == MESSAGE_UNLOCK;
	return is_for_job(r, serial) ? type == r->job->rq.type :
	    type == MESSAGE_OP;	/* only those can be abandoned */
}

static int
parse_answer(struct remote *r, struct span msg)
{
	struct message_answer *an = &r->answer;
	int e;

	e = message_head(msg, true, &an->type, &an->serial);
	if (e == 0 && (r->answered == r->sent ||
	    an->serial != r->answered + 1 ||
	    !type_fits(r, an->serial, an->type)))
		e = -EBADMSG;
	if (e != 0)
		return e;
	an->op = is_for_job(r, an->serial) && an->type == MESSAGE_OP ?
	    r->job->rq.op : &r->nobody;
	e = message_get_answer(msg, an);
	if (e == 0 && an->result == 0 && (an->type == MESSAGE_CREATE ||
	    an->type == MESSAGE_REWRAP)) {
		memcpy(r->fresh, an->wrapped.p, an->wrapped.len);
		an->wrapped.p = r->fresh;
	}
	return e;
}

static void
take_answer(struct remote *r, struct span msg)
{
	const struct message_answer *an = &r->answer;
	int e = parse_answer(r, msg);

	if (e != 0) {
		give_up(r, e == -EPROTO ?
		    fail(r, -EIO, "the key helper (%s) is of another version",
		    helper_name(r)) :
		    fail(r, -EIO, "the key helper says what makes no sense"));
		return;
	}
	r->answered = an->serial;
	if (an->serial == r->hello || an->serial == r->unlock)
		take_start(r);
	if (is_for_job(r, an->serial)) {
		fail(r, 0, "%s", an->text);
		job_done(r, an->result);
	}
	explicit_bzero(&r->nobody, sizeof(r->nobody));
}

/* It has answered what it was sent to begin with. */
static bool
has_started(const struct remote *r)
{
	return (int32_t)(r->answered - r->hello) >= 0 &&
	    (int32_t)(r->answered - r->unlock) >= 0;
}

/*
 * A helper that is of no use any more ends when it has said why, and may have
 * been sent something meanwhile. If it has left that in its socket, the job,
 * which is last, was not begun, and goes to another. One that could not even
 * start is another matter.
 */
static void
take_end(struct remote *r)
{
	if (r->unread && has_started(r) && r->job != NULL && r->job->sent) {
		end_helper(r);
		r->job->sent = false;
		set_timer(r, job_deadline(r));
	} else {
		give_up(r, fail(r, -EIO, "the key helper has ended"));
	}
}

static void
receive(struct remote *r)
{
	ssize_t n;

	if (r->sock == -1)
		return;
	n = recv(r->sock, r->buf, sizeof(r->buf), 0);
	/* The kernel says this first, once, and then what was answered. */
	if (n == -1 && errno == ECONNRESET) {
		r->unread = true;
		n = recv(r->sock, r->buf, sizeof(r->buf), 0);
	}
	if (n > 0)
		take_answer(r, span(r->buf, (size_t)n));
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		take_end(r);
	explicit_bzero(r->buf, sizeof(r->buf));
}

/* Whatever there is to do without waiting. */
static void
step(struct remote *r)
{
	bury_helper(r);
	receive(r);
	if (time_is_up(r))
		give_up(r, fail(r, -ETIMEDOUT, "the TPM behind %s does not "
		    "answer", r->target));
	push_job(r);
	if (r->job == NULL && r->answered == r->sent)
		set_timer(r, 0);
}

static void
begin(struct remote *r, struct job *job)
{
	assert(r->job == NULL);
	r->job = job;
	r->text[0] = '\0';
	bury_helper(r);
	set_timer(r, job_deadline(r));
	push_job(r);
}

/* One of the calls that wait. What came of it is in r->answer. */
static int
call(struct remote *r, struct message_request rq)
{
	struct job job = { .rq = rq };
	struct pollfd pfd = { .fd = r->epoll_fd, .events = POLLIN };

	begin(r, &job);
	while (r->job != NULL) {
		/* The timer is in there. */
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			give_up(r, fail(r, -errno, "cannot wait for the key "
			    "helper: %s", strerror(errno)));
		else
			step(r);
	}
	return r->answer.result;
}

/* The provider. */

static int
take_keys(struct remote *r, struct span wrapped)
{
	const struct message_keys *mk = &r->answer.keys;
	struct seal_storage storage;
	int e;

	e = seal_storage_init_derived(&storage, mk->rows, mk->names);
	if (e != 0)
		return e;
	seal_storage_done(&r->storage);
	r->storage = storage;
	r->keys = *mk;
	memcpy(r->wrapped, wrapped.p, wrapped.len);
	r->wrapped_len = wrapped.len;
	r->info.pin = mk->info.pin;
	r->info.pin_index = mk->info.pin_index;
	r->info.counter = mk->info.counter;
	r->info.pcrs = mk->info.pcrs;
	r->info.srk_kept = mk->info.srk_kept;
	r->info.pin_set = mk->info.pin_set;
	r->info.pin_failures = mk->info.pin_failures;
	r->info.generation = mk->info.generation;
	r->unlocked = true;
	return 0;
}

/* What comes out of a call is secret, or of no interest, once it is taken. */
static void
forget_answer(struct remote *r)
{
	explicit_bzero(&r->answer, sizeof(r->answer));
	explicit_bzero(r->fresh, sizeof(r->fresh));
}

static int
check_recovery(struct remote *r, const char *recovery)
{
	if (recovery == NULL || strlen(recovery) < sizeof(r->recovery))
		return 0;
	return fail(r, -EINVAL, "a recovery passphrase has %zu bytes at most",
	    sizeof(r->recovery) - 1);
}

/* For the next helper; NULL: it opens without. */
static void
keep_recovery(struct remote *r, const char *recovery)
{
	explicit_bzero(r->recovery, sizeof(r->recovery));
	r->cfg.recovery = NULL;
	if (recovery == NULL)
		return;
	strcpy(r->recovery, recovery);
	r->cfg.recovery = r->recovery;
}

/* Nobody needs a passphrase for what opens without. */
static void
forget_recovery(struct remote *r)
{
	if (!r->info.pcrs)
		keep_recovery(r, NULL);
}

static int
remote_new_storage_key(struct keys *k,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	struct remote *r = remote_of(k);
	int e;

	r->unlocked = false;
	e = call(r, (struct message_request){ .type = MESSAGE_CREATE,
	    .pcrs = r->cfg.pcrs, .recovery = text_span(r->cfg.recovery) });
	if (e == 0)
		e = take_keys(r, r->answer.wrapped);
	if (e == 0) {
		memcpy(wrapped, r->wrapped, r->wrapped_len);
		*len = r->wrapped_len;
		forget_recovery(r);
	}
	forget_answer(r);
	return e;
}

static int
remote_unlock(struct keys *k, struct span wrapped)
{
	struct remote *r = remote_of(k);
	int e;

	if (wrapped.len == 0 || wrapped.len > KEY_WRAPPED_MAX)
		return fail(r, -EBADMSG, "the storage key is damaged");
	r->unlocked = false;
	e = call(r, (struct message_request){ .type = MESSAGE_UNLOCK,
	    .wrapped = wrapped, .recovery = text_span(r->cfg.recovery) });
	if (e == 0)
		e = take_keys(r, wrapped);
	if (e == 0)
		forget_recovery(r);
	forget_answer(r);
	return e;
}

static int
remote_rewrap(struct keys *k, uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	struct remote *r = remote_of(k);
	struct span fresh;
	int e;

	assert(r->unlocked);
	e = check_recovery(r, recovery);
	if (e != 0)
		return e;
	e = call(r, (struct message_request){ .type = MESSAGE_REWRAP,
	    .pcrs = pcrs, .recovery = text_span(recovery) });
	if (e == 0) {
		r->info.pcrs |= pcrs != 0;
		keep_recovery(r, recovery);
		fresh = r->answer.wrapped;
		memcpy(r->wrapped, fresh.p, fresh.len);
		r->wrapped_len = fresh.len;
		memcpy(wrapped, fresh.p, fresh.len);
		*len = fresh.len;
	}
	forget_answer(r);
	return e;
}

static int
remote_destroy(struct keys *k)
{
	struct remote *r = remote_of(k);
	int e;

	e = call(r, (struct message_request){ .type = MESSAGE_DESTROY });
	forget_answer(r);
	return e;
}

static bool
remote_start(struct keys *k, struct key_op *op)
{
	struct remote *r = remote_of(k);

	assert(r->unlocked && r->job == NULL);
	if (op->verb == KEY_IMPORT || op->verb == KEY_EXPORT) {
		fail(r, 0, "keys of a TPM neither come from elsewhere nor "
		    "leave it");
		op->result = -ENOTSUP;
		return true;
	}
	op->result = message_op_fits(op);
	if (op->result != 0) {
		fail(r, 0, "an operation with more than there can be");
		return true;
	}
	r->op_job = (struct job){ .rq = { .type = MESSAGE_OP, .op = op } };
	begin(r, &r->op_job);
	return r->job == NULL;
}

static struct key_op *
remote_poll(struct keys *k)
{
	struct remote *r = remote_of(k);
	bool waiting = r->job != NULL;

	step(r);
	return waiting && r->job == NULL ? r->op_job.rq.op : NULL;
}

static int
remote_fd(const struct keys *k)
{
	return remote_of_const(k)->epoll_fd;
}

/* The deadline stays: one that hangs is replaced before it is needed again. */
static void
remote_abandon(struct keys *k, struct key_op *op)
{
	struct remote *r = remote_of(k);
	struct message_request rq = { .type = MESSAGE_CANCEL };

	if (r->job == NULL || r->job->rq.op != op)
		return;
	rq.serial = r->job->rq.serial;
	if (r->job->sent && send_request(r, &rq) != 0)
		end_helper(r);
	r->job = NULL;
	if (r->answered == r->sent)
		set_timer(r, 0);
}

static int
remote_seal(struct keys *k, struct span ad, struct span plain, uint8_t *out)
{
	struct remote *r = remote_of(k);

	assert(r->unlocked);
	return seal_box_seal(&r->storage.rows, ad, span_str(""), plain, out);
}

static int
remote_open_row(struct keys *k, struct span ad, struct span sealed,
    uint8_t *out)
{
	struct remote *r = remote_of(k);

	assert(r->unlocked);
	return seal_box_open(&r->storage.rows, ad, span_str(""), sealed, out);
}

static int
remote_tag(struct keys *k, const char *label, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	struct remote *r = remote_of(k);

	assert(r->unlocked);
	return seal_storage_tag(&r->storage, label, data, out, KEY_TAG_LEN);
}

static const struct message_alg *
find_alg(const struct keys *k, int alg)
{
	const struct message_device *d = &remote_of_const(k)->device;

	for (size_t i = 0; i < d->alg_count; i++)
		if (d->algs[i].alg == alg)
			return &d->algs[i];
	return NULL;
}

static bool
remote_has_alg(const struct keys *k, int alg)
{
	return find_alg(k, alg) != NULL;
}

static bool
remote_in_tpm(const struct keys *k, int alg)
{
	const struct message_alg *found = find_alg(k, alg);

	return found != NULL && found->in_tpm;
}

static const struct keys_info *
remote_info(const struct keys *k)
{
	return &remote_of_const(k)->info;
}

static const char *
remote_strerror(const struct keys *k)
{
	return remote_of_const(k)->text;
}

static void
remote_free(struct keys *k)
{
	struct remote *r = remote_of(k);

	dismiss_helper(r);
	if (r->timer_fd != -1)
		close(r->timer_fd);
	if (r->epoll_fd != -1)
		close(r->epoll_fd);
	if (r->cfg.dirfd != -1)
		close(r->cfg.dirfd);
	seal_storage_done(&r->storage);
	free(r->helper);
	seal_memory_free(r, sizeof(*r));
}

static const struct keys_ops remote_ops = {
	.name = "tpm",
	.new_storage_key = remote_new_storage_key,
	.unlock = remote_unlock,
	.start = remote_start,
	.poll = remote_poll,
	.fd = remote_fd,
	.abandon = remote_abandon,
	.seal = remote_seal,
	.open = remote_open_row,
	.tag = remote_tag,
	.has_alg = remote_has_alg,
	.in_tpm = remote_in_tpm,
	.info = remote_info,
	.rewrap = remote_rewrap,
	.destroy = remote_destroy,
	.strerror = remote_strerror,
	.free = remote_free,
};

static unsigned int
or_default(unsigned int ms, unsigned int usual_ms)
{
	return ms != 0 ? ms : usual_ms;
}

static int
take_config(struct remote *r, const struct remote_config *cfg)
{
	int e;

	r->cfg = *cfg;
	r->cfg.dirfd = -1;
	r->cfg.op_ms = or_default(cfg->op_ms, REMOTE_OP_MS);
	r->cfg.rsa_ms = or_default(cfg->rsa_ms, REMOTE_RSA_MS);
	r->cfg.start_ms = or_default(cfg->start_ms, REMOTE_START_MS);
	r->cfg.end_ms = or_default(cfg->end_ms, REMOTE_END_MS);
	if (cfg->target[0] == '\0' ||
	    strlen(cfg->target) >= sizeof(r->target))
		return fail(r, -EINVAL, "a TPM is named by 1 to %zu bytes",
		    sizeof(r->target) - 1);
	strcpy(r->target, cfg->target);
	e = check_recovery(r, cfg->recovery);
	if (e != 0)
		return e;
	keep_recovery(r, cfg->recovery);
	r->cfg.dirfd = fcntl(cfg->dirfd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (r->cfg.dirfd == -1)
		return fail(r, -errno, "%s", strerror(errno));
	if (cfg->helper == NULL)
		return 0;
	r->helper = strdup(cfg->helper);
	return r->helper != NULL ? 0 : fail(r, -ENOMEM, "out of memory");
}

static int
make_descriptors(struct remote *r)
{
	int e;

	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	e = r->epoll_fd == -1 || r->timer_fd == -1 ? -errno :
	    watch(r->epoll_fd, r->timer_fd);
	return e == 0 ? 0 : fail(r, e, "%s", strerror(-e));
}

int
remote_open(const struct remote_config *cfg, struct keys **out, char *msg,
    size_t msglen)
{
	struct remote *r = seal_memory_new(sizeof(*r));
	int e;

	if (r == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	r->base.ops = &remote_ops;
	r->epoll_fd = r->timer_fd = r->pid_fd = r->sock = -1;
	r->pid = -1;
	e = take_config(r, cfg);
	if (e == 0)
		e = make_descriptors(r);
	if (e == 0)
		e = call(r, (struct message_request){ .type = MESSAGE_HELLO });
	if (e != 0) {
		snprintf(msg, msglen, "%s", r->text);
		keys_free(&r->base);
		return e;
	}
	*out = &r->base;
	return 0;
}
