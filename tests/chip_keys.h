/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key provider with what only a TPM has: a counter and the PIN. All else it
 * passes on to another provider. What the chip remembers is in a struct that
 * outlives it, so that a test can put a directory back without the chip, and
 * its faults are members that a test sets.
 */
#ifndef TESTS_CHIP_KEYS_H
#define TESTS_CHIP_KEYS_H

#include "tpm/key.h"

struct chip {
	bool		 counter;	/* it has one, */
	uint64_t	 count;		/* which is here */
	bool		 pin;		/* it has this, too */
	bool		 pin_set;
	uint8_t		 pin_hash[KEY_PIN_HASH_LEN];
	uint8_t		 failures;
	/* so many commands of its own fail; those that do it late, after
	 * they were done */
	int		 fails;
	bool		 late;
	bool		 slow;		/* they wait for chip_answer() */
	/* KEY_SIGN, but for so many first ones: waits as well, fails so */
	unsigned	 sign_skip;
	bool		 sign_slow;
	int		 sign_error;	/* -errno; 0: it does not */
	unsigned	 advances;	/* that it was asked for */
	void		(*advanced)(uint64_t count);
};

/* inner outlives it, and is not freed with it. */
struct keys *chip_keys_new(struct chip *chip, struct keys *inner);
/* What a slow chip was asked for is done now; false: nothing. */
bool chip_answer(struct keys *k);

#endif
