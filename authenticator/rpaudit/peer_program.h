/* SPDX-License-Identifier: Apache-2.0 */
/* A program that reads lines and answers each with one. See peer.h. */
#ifndef AUTHENTICATOR_RPAUDIT_PEER_PROGRAM_H
#define AUTHENTICATOR_RPAUDIT_PEER_PROGRAM_H

#include "authenticator/rpaudit/peer.h"
#include "ctap/span.h"

#include <sys/types.h>

struct interrupt;

struct peer_program {
	const char	*command;	/* the caller's */
	struct interrupt *interrupt;	/* likewise; NULL: none */
	pid_t		 pid;		/* 0: does not run */
	int		 in;		/* what it reads */
	int		 out;		/* what it writes */
	char		*line;		/* PEER_ANSWER_MAX bytes */
	size_t		 len;		/* of it, as far as it has come */
};

/* -ENOMEM. */
int peer_program_init(struct peer_program *p, const char *command);
/* Its input ends; if that does not end it, it is killed. */
void peer_program_done(struct peer_program *p);

/*
 * Sends line, which ends in '\n', and waits for one; *out lives until the next
 * call, and has no '\n'. Whatever goes wrong ends the program, but for an
 * interrupt: peer_program_done() is next.
 */
enum peer_result peer_program_ask(struct peer_program *p, struct span line,
    unsigned timeout_ms, struct span *out, char *why, size_t size);

#endif
