/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole conversation with the engine: messages, touches, time, power,
 * failures of the disk and of the keys, in any order. The seeds are the
 * conformance cases, written down by tests/corpus_main.c.
 *
 * An event is one byte; EVENT_SEND is followed by a length (two bytes,
 * big-endian) and a message, EVENT_TIME by a number of tenths of a second.
 */
#include "ctap/request.h"
#include "tests/conversation.h"
#include "tests/sim.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* What must hold whatever was said. */
struct seen {
	size_t		credentials;
	uint32_t	ceiling;
	unsigned	commits;
};

static void
check_reply(struct sim *s, uint8_t cmd, struct seen *before)
{
	size_t now = sim_credentials(s);
	uint8_t status = s->reply.p[0];

	check(ctap_status_name(status) != NULL);
	/* an error has no body, and changed no credential */
	if (status != CTAP2_OK)
		check(s->reply.len == 1 && now == before->credentials);
	/* what is kept was committed, what was not asked for is not kept */
	if (now != before->credentials) {
		check(s->commits > before->commits);
		check(cmd == CTAP_MAKE_CREDENTIAL || cmd == CTAP_RESET);
		check(cmd != CTAP_RESET || now == 0);
	}
	/* a user is asked at most for verification and then for a touch */
	check(s->prompts <= 2);
	check(auth_idle(s->auth));
	before->credentials = now;
	before->commits = s->commits;
}

static size_t
take_send(struct sim *s, unsigned channel, const uint8_t *data, size_t len,
    uint8_t *cmd)
{
	size_t n;

	if (len < 2)
		return len;
	n = (size_t)data[0] << 8 | data[1];
	if (n > len - 2)
		n = len - 2;
	/* CTAPHID lets through neither of these */
	if (n == 0 || n > AUTH_MESSAGE_MAX)
		return 2 + n;
	*cmd = data[2];
	sim_send(s, channel, span(data + 2, n));
	return 2 + n;
}

static void
answer(struct sim *s, enum user_answer a)
{
	if (s->want == AUTH_USER)
		sim_answer(s, a);
}

/* Bytes that the event took besides its own. */
static size_t
do_event(struct sim *s, uint8_t event, const uint8_t *data, size_t len,
    uint8_t *cmd)
{
	switch (event) {
	case EVENT_SEND_1:
	case EVENT_SEND_2:
		/* one operation at a time: CTAPHID answers the others */
		if (s->want == AUTH_USER)
			sim_cancel(s, *cmd >> 7 ? 2 : 1);
		if (s->want == AUTH_USER)
			answer(s, USER_REFUSED);
		return take_send(s, event == EVENT_SEND_1 ? 1 : 2, data, len,
		    cmd);
	case EVENT_TOUCH:
		answer(s, USER_PRESENT);
		return 0;
	case EVENT_VERIFY:
		answer(s, USER_VERIFIED);
		return 0;
	case EVENT_DENY:
		answer(s, USER_REFUSED);
		return 0;
	case EVENT_CANCEL:
		if (s->want == AUTH_USER)
			sim_cancel(s, 1);
		return 0;
	case EVENT_TIME:
		if (len > 0)
			sim_advance(s, data[0] * UINT64_C(100));
		return len > 0;
	case EVENT_REPLUG:
		sim_power_cycle(s);
		return 0;
	case EVENT_DISK:
		s->commit_error = s->commit_error != 0 ? 0 : -ENOSPC;
		return 0;
	case EVENT_LOOKUP:
		s->lookup_error = s->lookup_error != 0 ? 0 : -EUCLEAN;
		return 0;
	case EVENT_KEYS:
		s->key_error = s->key_error != 0 ? 0 : -EIO;
		return 0;
	default:
		return 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct sim_setup setup = {
		.choice = CHOICE_HOST,
		.algs = { COSE_ES256, COSE_EDDSA },	/* RSA is too slow */
	};
	struct sim *s = sim_new(&setup);
	struct seen before = { 0 };
	uint8_t event, cmd = 0;
	size_t n;

	while (len > 0) {
		event = *data++;
		len--;
		n = do_event(s, event, data, len, &cmd);
		data += n;
		len -= n;
		if (s->want == AUTH_REPLY) {
			check_reply(s, cmd, &before);
			s->want = AUTH_IDLE;
		}
	}
	sim_free(s);
	return 0;
}
