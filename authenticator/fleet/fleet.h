/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet: any number of keys in one process, each with an identity of its
 * own, and a batch of lines for them.
 *
 *	lines ──▶ reader ──▶ chunk ──▶ worker 0: keys 0, J, 2J, ...
 *	             ▲         │  └──▶ worker 1: keys 1, J+1, ...
 *	answers ◀────┴─────────┘
 *
 * Each of the J workers is a thread that has keys to itself, with a provider
 * of private keys of its own, so that nothing is shared while they work.
 * Lines go to the workers in chunks: as many as can be read without waiting,
 * so that whoever sends one line and waits for its answer gets it. Answers
 * come in the order of the lines.
 *
 * A key is made when it is first used. Without a directory keys live in
 * memory: nothing waits for a disk, and nothing is left. All of them attest
 * with one certificate then, as a batch of real keys does. With one, key 17 is
 * what "sealkey ... --state DIR/keys/17" is, and stays.
 */
#ifndef AUTHENTICATOR_FLEET_H
#define AUTHENTICATOR_FLEET_H

#include "authenticator/attest/attestation.h"
#include "authenticator/client/webauthn.h"
#include "authenticator/client/webauthn_options.h"
#include "authenticator/device.h"

#define FLEET_KEYS_MAX	100000
#define FLEET_JOBS_MAX	64
#define FLEET_OPEN_MAX	64	/* keys of a worker in directories, at once */
#define FLEET_LINE_MAX	(WEBAUTHN_INPUT_MAX + 256)	/* bytes */

enum fleet_verb {
	FLEET_NAMED,		/* lines say what they are (line.h) */
	FLEET_CREATE,		/* lines are options, */
	FLEET_GET,		/* for one key after the other */
};

struct fleet_plan {
	size_t		 keys;
	unsigned	 jobs;
	enum fleet_verb	 verb;
	const char	*state;		/* absolute; NULL: in memory */
	const struct auth_config *auth;
	const struct attestation_root *root;	/* NULL: the fleet's own, or
						 * in directories each key's */
	const struct origin *origin;
	bool		 platform;	/* what the client claims to be */
	/* Told of each directory that a key was opened in, by its worker;
	 * may be NULL. -errno, with one line: the key cannot be used. */
	int		(*opened)(void *arg, const char *path, char *msg,
			    size_t msglen);
	void		*arg;
};

struct fleet;

/* The plan and all in it must outlive the fleet. -errno, with one line. */
int fleet_open(const struct fleet_plan *plan, struct fleet **out, char *msg,
    size_t msglen);
void fleet_close(struct fleet *f);	/* accepts NULL */

/*
 * Answers lines from the descriptor in until its end, to the descriptor out.
 * *failed: one of them at least failed. -errno: it could not be read, or
 * written, and which of the two is in msg.
 */
int fleet_run(struct fleet *f, int in, int out, bool *failed, char *msg,
    size_t msglen);

#endif
