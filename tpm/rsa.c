/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/rsa.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static int
watch(int epoll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == -1 ? -errno : 0;
}

int
rsa_search_init(struct rsa_search *rs)
{
	rs->child = -1;
	rs->pipe_fd = -1;
	rs->timer_fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	rs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (rs->timer_fd == -1 || rs->epoll_fd == -1)
		return -errno;
	return watch(rs->epoll_fd, rs->timer_fd);
}

void
rsa_search_done(struct rsa_search *rs)
{
	rsa_search_stop(rs);
	if (rs->epoll_fd != -1)
		close(rs->epoll_fd);
	if (rs->timer_fd != -1)
		close(rs->timer_fd);
	rs->epoll_fd = rs->timer_fd = -1;
}

/* In the child: finds a key, takes its primes. */
int
rsa_find_primes(uint8_t primes[static 2 * RSA_PRIME_LEN])
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	};
	EVP_PKEY *key;
	int r = 0;

	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	if (key == NULL)
		return -EIO;
	for (size_t i = 0; i < 2; i++) {
		BIGNUM *f = NULL;

		if (EVP_PKEY_get_bn_param(key, names[i], &f) != 1 ||
		    BN_bn2binpad(f, primes + i * RSA_PRIME_LEN,
		    RSA_PRIME_LEN) != RSA_PRIME_LEN)
			r = -EIO;
		BN_clear_free(f);
	}
	EVP_PKEY_free(key);
	return r;
}

/* Descriptors below and above the one to keep. */
static void
close_others(int keep)
{
	if (keep > 0)
		close_range(0, keep - 1, 0);
	close_range(keep + 1, ~0U, 0);
}

static _Noreturn void
child_main(int out, pid_t parent)
{
	uint8_t primes[2 * RSA_PRIME_LEN];
	sigset_t all;

	/* What is sent to the process group is meant for the parent. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	close_others(out);
	if (rsa_find_primes(primes) != 0)
		_exit(1);
	/* Less than PIPE_BUF into an empty pipe: all of it, at once. */
	_exit(write(out, primes, sizeof(primes)) != sizeof(primes));
}

static int
set_deadline(struct rsa_search *rs, unsigned int ms)
{
	struct itimerspec t = {
		.it_value = { ms / 1000, ms % 1000 * 1000000L },
	};

	return timerfd_settime(rs->timer_fd, 0, &t, NULL) == -1 ? -errno : 0;
}

int
rsa_search_start(struct rsa_search *rs, unsigned int deadline_ms)
{
	pid_t parent = getpid();
	int fd[2], r;

	assert(rs->child == -1 && deadline_ms > 0);
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == -1)
		return -errno;
	rs->pipe_fd = fd[0];
	r = watch(rs->epoll_fd, fd[0]);
	if (r == 0)
		r = set_deadline(rs, deadline_ms);
	if (r == 0) {
		rs->child = fork();
		if (rs->child == 0)
			child_main(fd[1], parent);
		if (rs->child == -1)
			r = -errno;
	}
	close(fd[1]);
	if (r != 0)
		rsa_search_stop(rs);
	return r;
}

int
rsa_search_poll(struct rsa_search *rs,
    uint8_t primes[static 2 * RSA_PRIME_LEN])
{
	uint64_t expired;
	ssize_t n;
	int r;

	assert(rs->child != -1);
	n = read(rs->pipe_fd, primes, 2 * RSA_PRIME_LEN);
	if (n == 2 * RSA_PRIME_LEN)
		r = 0;
	else if (n != -1 || (errno != EAGAIN && errno != EINTR))
		r = -EIO;	/* died, or worse */
	else if (read(rs->timer_fd, &expired, sizeof(expired)) > 0)
		r = -ETIMEDOUT;
	else
		return -EAGAIN;
	rsa_search_stop(rs);
	return r;
}

void
rsa_search_stop(struct rsa_search *rs)
{
	if (rs->child > 0) {
		kill(rs->child, SIGKILL);
		/* ECHILD where SIGCHLD is ignored: then nothing is left. */
		while (waitpid(rs->child, NULL, 0) == -1 && errno == EINTR)
			;
	}
	rs->child = -1;
	if (rs->pipe_fd != -1)
		close(rs->pipe_fd);	/* leaves the epoll set with it */
	rs->pipe_fd = -1;
	if (rs->timer_fd != -1)
		set_deadline(rs, 0);
}
