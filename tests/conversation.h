/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations as bytes, which tests/corpus_main.c writes down and
 * tests/fuzz/fuzz_conversation.c reads. The values are part of a committed
 * corpus: add at the end.
 */
#ifndef TESTS_CONVERSATION_H
#define TESTS_CONVERSATION_H

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
};

#endif
