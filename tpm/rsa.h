/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA keys are found by luck: 2048 bits take 50 to 500 ms, sometimes more,
 * and nothing else may wait for them. So a child process looks for one and
 * sends its two primes through a pipe. The child runs no other program; it
 * first closes every other descriptor, so that it neither keeps locks nor
 * connections alive, and dies with its parent.
 *
 * One search at a time. The owner of a struct rsa_search waits for its
 * descriptor to become readable, then asks rsa_search_poll().
 *
 * Needs of a sandbox: fork, pipe2, timerfd, epoll, wait4, kill; in the
 * child prctl, close_range, getrandom, write, exit_group.
 */
#ifndef TPM_RSA_H
#define TPM_RSA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RSA_BITS		2048
#define RSA_PRIME_LEN		(RSA_BITS / 16)		/* bytes */
#define RSA_MODULUS_LEN		(RSA_BITS / 8)		/* bytes */
#define RSA_DEADLINE_MS		60000

struct rsa_search {
	int	epoll_fd;	/* of the next two; constant */
	int	timer_fd;
	int	pipe_fd;	/* -1: nothing under way */
	pid_t	child;
};

/* 0 or -errno. rsa_search_done() is needed, and right, in either case. */
int rsa_search_init(struct rsa_search *rs);
void rsa_search_done(struct rsa_search *rs);

/* 0: under way. -errno: not. Only when nothing is under way. */
int rsa_search_start(struct rsa_search *rs, unsigned int deadline_ms);
/*
 * primes is p || q. 0: there they are. -EAGAIN: not yet. -ETIMEDOUT: the
 * deadline has passed. -EIO: the child failed. All but -EAGAIN end it.
 */
int rsa_search_poll(struct rsa_search *rs,
    uint8_t primes[static 2 * RSA_PRIME_LEN]);
/* Looks for them in this process, however long it takes. 0 or -EIO. */
int rsa_find_primes(uint8_t primes[static 2 * RSA_PRIME_LEN]);
/* Kills the child, if there is one. */
void rsa_search_stop(struct rsa_search *rs);

#endif
