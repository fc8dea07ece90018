/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real key as a target of transcripts: over a pipe, in real time, with a
 * person at it or the control interface of a sealkey that runs.
 *
 * Each case wants a factory-new key that was just powered up. What a case
 * may change for good is found out beforehand (survey.h): with "destructive"
 * the key is powered off and on and reset before the next case, without it
 * the case is skipped. What cannot be done here is skipped with the reason.
 */
#ifndef CONFORMANCE_KEY_TARGET_H
#define CONFORMANCE_KEY_TARGET_H

#include "authenticator/client/host_pipe.h"
#include "conformance/transcript.h"

struct key_options {
	int	(*open)(const char *where, struct host_pipe **out, char *msg,
		    size_t msglen);
	const char *where;	/* for open */
	bool	 hosts;		/* each pipe is a host of its own */
	const char *control;	/* a control socket; NULL: a person is there */
	bool	 destructive;
	bool	 no_touch;	/* nobody is */
	bool	 wait;		/* let real time pass for "@" lines */
};

struct key;

/* Opens the key and asks what it is. -errno and one line in msg. */
int key_open(const struct key_options *opt, struct key **out, char *msg,
    size_t msglen);
/* Accepts NULL. A key that was changed is reset, as far as it can be. */
void key_close(struct key *k);

/* The target that it is, as long as it is open. */
const struct transcript_target *key_target(const struct key *k);

#endif
