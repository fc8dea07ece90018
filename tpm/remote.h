/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider whose keys are in another process, the key helper, which has
 * the TPM (helper.md). This side starts that process, asks it, and replaces
 * it: when it has died, when what it says makes no sense, and when it is
 * silent past the deadline. The operation under way fails then, the next one
 * finds a new helper, which is unlocked with what the first one was.
 *
 * Owns the child and the socket to it, the wrapped storage key, the two keys
 * that sealing takes (seal.h), and the recovery passphrase if the storage key
 * is sealed to PCRs. Refuses to know the storage key and any other.
 *
 * SIGCHLD is left alone, and may be ignored.
 *
 * Needs of a sandbox: what posix_spawn does, pidfd_open, pidfd_send_signal,
 * timerfd, epoll, socketpair, wait4.
 */
#ifndef TPM_REMOTE_H
#define TPM_REMOTE_H

#include "tpm/key.h"

/*
 * How long an answer may take. A discrete TPM signs in up to 0.6 s and makes a
 * P-256 key in 0.3 s; an operation is some five commands of that kind, and a
 * TPM that is busy with itself is asked again for 3 s. RSA-2048 keys are found
 * by luck: 20 s have been seen, and the endorsement key may have to be made
 * too. Opening a TPM and unlocking are some forty commands. Twice all that.
 */
#define REMOTE_OP_MS	10000
#define REMOTE_RSA_MS	65000	/* more than RSA_DEADLINE_MS (rsa.h) */
#define REMOTE_START_MS	30000
#define REMOTE_END_MS	5000	/* for the helper to end by itself */

struct remote_config {
	int		 dirfd;		/* of the state directory; not kept */
	bool		 create;	/* an embedded TPM may be made */
	const char	*target;	/* "embedded", or a TCTI string */
	const char	*helper;	/* NULL: the program that we are */
	uint32_t	 pcrs;
	const char	*recovery;	/* NULL: none */
	const char	*note;		/* for keys_info; NULL: "" */
	unsigned int	 op_ms;		/* 0: as above */
	unsigned int	 rsa_ms;
	unsigned int	 start_ms;
	unsigned int	 end_ms;
};

/* Starts the helper, which opens the TPM. On error, msg has a line. */
int remote_open(const struct remote_config *cfg, struct keys **out, char *msg,
    size_t msglen);

#endif
