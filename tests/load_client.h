/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of many: a key to itself, behind a socket, and the control
 * interface of its daemon. It pings, registers, signs in, presses, deletes,
 * resets and comes anew, in an order of its own, without a pause, and checks
 * every answer: what was sent comes back, signatures are those of the key that
 * was registered, counters rise, what was deleted is gone, and nothing is
 * there but what it made. It never has more than LOAD_SLOTS discoverable
 * credentials.
 *
 * It owns its connections; one thread at a time.
 */
#ifndef TESTS_LOAD_CLIENT_H
#define TESTS_LOAD_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "authenticator/client/hid_host.h"
#include "tests/histogram.h"

#define LOAD_SLOTS	8
#define LOAD_ID_MAX	1023	/* bytes, CTAP 2.3, 6.1 */
#define LOAD_ERRORS_MAX	10	/* then a client gives up */

/* What is timed, each by itself. */
enum load_kind {
	LOAD_PING,
	LOAD_GET_INFO,
	LOAD_MAKE,		/* a credential that the key does not keep */
	LOAD_MAKE_KEPT,
	LOAD_SIGN_IN,
	LOAD_PRESSED,		/* a sign-in that waits for a press */
	LOAD_CONTROL,		/* GET info */
	LOAD_LIST,		/* GET credentials */
	LOAD_DELETE,
	LOAD_RESET,
	LOAD_POWER_CYCLE,
	LOAD_CONNECT,
	LOAD_KINDS,
};
extern const char *const load_kind_names[LOAD_KINDS];

struct load_slot {
	uint8_t		 id[LOAD_ID_MAX];
	size_t		 id_len;
	EVP_PKEY	*key;		/* NULL: empty */
};

struct load_client {
	/* of the owner: */
	const char	*control;	/* socket */
	const char	*name;		/* the key's ID in the daemon */
	const char	*socket;	/* of the key */
	const atomic_bool *stop;
	uint64_t	 seed;		/* not 0 */
	/* of the client: */
	struct hid_host	 hid;
	uint32_t	 cid;
	uint32_t	 counter;	/* the last one seen */
	uint64_t	 answers;	/* to messages of CTAP */
	struct load_slot kept[LOAD_SLOTS];
	struct load_slot loose[LOAD_SLOTS];
	/* what came of it: */
	struct histogram ns[LOAD_KINDS];
	unsigned	 errors;
	char		 why[320];	/* the first one */
};

uint64_t load_now_ns(void);

/*
 * Works until *stop, or LOAD_ERRORS_MAX errors. It ends after a whole
 * operation, and leaves nothing open.
 */
void load_client_run(struct load_client *c);

#endif
