/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations as bytes, which tests/corpus_main.c writes down and
 * tests/fuzz/fuzz_conversation.c reads. The values are part of a committed
 * corpus: add at the end.
 */
#ifndef TESTS_CONVERSATION_H
#define TESTS_CONVERSATION_H

#include "conformance/sim.h"

enum conversation_event {
	EVENT_SEND_1 = 0,	/* on channel 1: length, message */
	EVENT_SEND_2,		/* on channel 2 */
	EVENT_TOUCH,
	EVENT_VERIFY,
	EVENT_DENY,
	EVENT_CANCEL,
	EVENT_TIME,		/* tenths of a second, one byte */
	EVENT_REPLUG,
	EVENT_DISK,		/* commits fail from now on, or no more */
	EVENT_LOOKUP,
	EVENT_KEYS,
	EVENT_SEND_3,		/* on channel 1 of another host */
	EVENT_MISMATCH,		/* verification that fails */
	EVENT_APDU,		/* on channel 1: length, U2F message */
	EVENT_KEY,		/* the first one only: what key it is, a
				 * byte of enum conversation_key */
	EVENT_FINGER,		/* on the reader: a byte, number << 4 | status
				 * (enum sample_status) */
	EVENT_HOLD,		/* a long touch */
	EVENT_GONE,		/* the host of channels 1 and 2 vanishes */
	EVENT_OWNER,		/* the key's owner changed what it keeps */
};

/* None of them is a key that lets the host choose accounts. */
enum conversation_key {
	KEY_NO_UV = 0x01,	/* and its keys have the PIN, if there is one:
				 * the host does not see that */
	KEY_NO_PIN = 0x02,
	KEY_ALWAYS_UV = 0x04,
	KEY_CHOOSES = 0x08,
	KEY_SELF = 0x10,	/* self attestation */
	KEY_NO_U2F = 0x20,
	KEY_BIO = 0x40,		/* a fingerprint reader */
	KEY_LARGE_BLOB = 0x80,	/* of each credential's own */
};

/* The key of that kind, a bitwise or of enum conversation_key. */
void conversation_setup(int key, struct sim_setup *out);
/* The kind that these settings ("NAME=VALUE", NULL at the end) make; -1: one
 * that has no number. */
int conversation_key(const char *const *settings);

#endif
