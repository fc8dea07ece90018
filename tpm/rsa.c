/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/rsa.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

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
	int r;

	rs->under_way = false;
	rs->timer_fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	rs->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (rs->timer_fd == -1 || rs->event_fd == -1 || rs->epoll_fd == -1)
		return -errno;
	r = watch(rs->epoll_fd, rs->timer_fd);
	return r == 0 ? watch(rs->epoll_fd, rs->event_fd) : r;
}

void
rsa_search_done(struct rsa_search *rs)
{
	rsa_search_stop(rs);
	if (rs->epoll_fd != -1)
		close(rs->epoll_fd);
	if (rs->event_fd != -1)
		close(rs->event_fd);
	if (rs->timer_fd != -1)
		close(rs->timer_fd);
	rs->epoll_fd = rs->event_fd = rs->timer_fd = -1;
}

/* OpenSSL asks it after each number that it has tried. */
static int
goes_on(EVP_PKEY_CTX *ctx)
{
	const atomic_bool *stop = EVP_PKEY_CTX_get_app_data(ctx);

	return !atomic_load(stop);
}

static EVP_PKEY *
find_key(atomic_bool *stop)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, RSA_BITS) == 1) {
		EVP_PKEY_CTX_set_app_data(ctx, stop);
		EVP_PKEY_CTX_set_cb(ctx, goes_on);
		if (EVP_PKEY_generate(ctx, &key) != 1)
			key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Finds a key, takes its primes. */
static int
find_primes(atomic_bool *stop, uint8_t primes[static 2 * RSA_PRIME_LEN])
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	};
	EVP_PKEY *key = find_key(stop);
	int r = 0;

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

int
rsa_find_primes(uint8_t primes[static 2 * RSA_PRIME_LEN])
{
	atomic_bool never = false;

	return find_primes(&never, primes);
}

static void *
search(void *arg)
{
	struct rsa_search *rs = arg;

	rs->result = find_primes(&rs->stop, rs->primes);
	/* from 0 to 1: it cannot be full */
	(void)eventfd_write(rs->event_fd, 1);
	return NULL;
}

/* No signal is meant for it. */
static int
start_thread(struct rsa_search *rs)
{
	sigset_t all, old;
	int r;

	atomic_store(&rs->stop, false);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&rs->thread, NULL, search, rs);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	rs->under_way = r == 0;
	return r;
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
	int r;

	assert(!rs->under_way && deadline_ms > 0);
	r = set_deadline(rs, deadline_ms);
	if (r == 0)
		r = start_thread(rs);
	if (r != 0)
		rsa_search_stop(rs);
	return r;
}

int
rsa_search_poll(struct rsa_search *rs,
    uint8_t primes[static 2 * RSA_PRIME_LEN])
{
	uint64_t expired;
	eventfd_t ended;
	int r = -ETIMEDOUT;

	assert(rs->under_way);
	if (eventfd_read(rs->event_fd, &ended) == 0) {
		pthread_join(rs->thread, NULL);
		rs->under_way = false;
		r = rs->result;
		if (r == 0)
			memcpy(primes, rs->primes, sizeof(rs->primes));
	} else if (read(rs->timer_fd, &expired, sizeof(expired)) <= 0) {
		return -EAGAIN;
	}
	rsa_search_stop(rs);
	return r;
}

void
rsa_search_stop(struct rsa_search *rs)
{
	eventfd_t ended;

	if (rs->under_way) {
		atomic_store(&rs->stop, true);
		pthread_join(rs->thread, NULL);
		(void)eventfd_read(rs->event_fd, &ended);
	}
	rs->under_way = false;
	explicit_bzero(rs->primes, sizeof(rs->primes));
	if (rs->timer_fd != -1)
		set_deadline(rs, 0);
}
