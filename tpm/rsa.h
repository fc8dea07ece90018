/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA keys are found by luck: 2048 bits take 50 to 500 ms, sometimes more,
 * and nothing else may wait for them. So a thread looks for one. It is no child
 * process, which would have to go on with an OpenSSL whose locks other threads
 * may have held when it was forked; and it ends soon when it is told to, as
 * OpenSSL asks after each number whether it is to try another.
 *
 * One search at a time. The owner of a struct rsa_search waits for its
 * descriptor to become readable, then asks rsa_search_poll(). The primes are
 * in it until then: its memory is to be for secrets (seal_memory_new()).
 *
 * Needs of a sandbox: clone, eventfd, timerfd, epoll, getrandom.
 */
#ifndef TPM_RSA_H
#define TPM_RSA_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RSA_BITS		2048
#define RSA_PRIME_LEN		(RSA_BITS / 16)		/* bytes */
#define RSA_MODULUS_LEN		(RSA_BITS / 8)		/* bytes */
#define RSA_DEADLINE_MS		60000

struct rsa_search {
	int		epoll_fd;	/* of the next two; constant */
	int		timer_fd;
	int		event_fd;	/* the thread has ended */
	bool		under_way;	/* there is a thread; it has the rest */
	pthread_t	thread;
	atomic_bool	stop;
	int		result;
	uint8_t		primes[2 * RSA_PRIME_LEN];
};

/* 0 or -errno. rsa_search_done() is needed, and right, in either case. */
int rsa_search_init(struct rsa_search *rs);
void rsa_search_done(struct rsa_search *rs);

/* 0: under way. -errno: not. Only when nothing is under way. */
int rsa_search_start(struct rsa_search *rs, unsigned int deadline_ms);
/*
 * primes is p || q. 0: there they are. -EAGAIN: not yet. -ETIMEDOUT: the
 * deadline has passed. -EIO: OpenSSL failed. All but -EAGAIN end it.
 */
int rsa_search_poll(struct rsa_search *rs,
    uint8_t primes[static 2 * RSA_PRIME_LEN]);
/* Looks for them in this thread, however long it takes. 0 or -EIO. */
int rsa_find_primes(uint8_t primes[static 2 * RSA_PRIME_LEN]);
/* Ends the thread, if there is one. */
void rsa_search_stop(struct rsa_search *rs);

#endif
