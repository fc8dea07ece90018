/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcripts: conformance cases as text, which somebody who knows CTAP can
 * read without our code (language: README.md in this folder). A file holds
 * any number of cases; each runs against a fresh target.
 *
 * This file knows the language. What a target is, it does not: a struct of
 * functions, one implementation per way to reach a key.
 */
#ifndef CONFORMANCE_TRANSCRIPT_H
#define CONFORMANCE_TRANSCRIPT_H

#include "ctap/span.h"

#include <stdio.h>

#define TRANSCRIPT_REPLY_MAX	7609
#define TRANSCRIPT_WHY_MAX	512

/* What a case asks its key to be (lines "given"). */
struct transcript_given {
	bool	no_uv;
	bool	no_pin;
	bool	always_uv;
	bool	no_u2f;
	bool	host_chooses;
	char	attestation[8];		/* "packed", "self", "none" */
	int	algs[12];		/* 0 at the end; none: default */
};

enum transcript_state {
	STATE_IDLE,		/* idle */
	STATE_TOUCH,		/* waits for a touch */
	STATE_VERIFY,		/* waits for user verification */
	STATE_REPLY,
};

struct transcript_target {
	/* A factory-new key, just powered up. NULL: cannot be one like it. */
	void	*(*open)(const struct transcript_given *given);
	void	(*close)(void *t);
	/* A message on a channel: host << 32 | 1, 2, ... */
	void	(*send)(void *t, uint64_t channel, struct span msg);
	/* Where things stand; *reply if STATE_REPLY; *rp_id of a prompt. */
	enum transcript_state (*state)(void *t, struct span *reply,
		    struct span *rp_id);
	/* "touch", "verify", "deny", "cancel", "replug"; false: cannot. */
	bool	(*act)(void *t, const char *what, uint64_t channel);
	void	(*advance)(void *t, uint64_t ms);
	/*
	 * A message of U2F; the reply is data and a status word. Whoever
	 * touches does so between two of them, as its hosts poll.
	 */
	void	(*apdu)(void *t, uint64_t channel, struct span msg);
	/*
	 * CTAPHID as it is on the wire; NULL: cannot. A report to the key;
	 * false: the key is gone. One from the key, waited for at most so
	 * long: 1, 0 for none, -1 if the key is gone.
	 */
	bool	(*report)(void *t, const uint8_t report[static 64]);
	int	(*next_report)(void *t, uint8_t report[static 64],
		    unsigned wait_ms);
	/*
	 * How long the key may take for what has to come at once; 0: its
	 * clock is virtual, and times are kept to the millisecond.
	 */
	unsigned patience_ms;
};

struct transcript_result {
	const char	*title;
	const char	*covers;
	bool		 ok;
	char		 why[TRANSCRIPT_WHY_MAX];	/* FILE:LINE: ... */
};

/*
 * Runs every case of text (name is for messages) and calls done() after
 * each. Returns the number of cases; a file that cannot be parsed is one
 * failed case.
 */
unsigned transcript_run(const char *name, const char *text,
    const struct transcript_target *target,
    void (*done)(void *arg, const struct transcript_result *r), void *arg);

#endif
