/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole conversation with the engine: messages, touches, time, power,
 * failures of the disk and of the keys, in any order. The seeds are the
 * conformance cases, written down by tests/corpus_main.c.
 *
 * An event is one byte; EVENT_SEND is followed by a length (two bytes,
 * big-endian) and a message, EVENT_TIME by a number of tenths of a second.
 */
#include "ctap/authdata.h"
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
	unsigned	commits;
	uint32_t	counter;	/* the last one told */
	bool		touched;	/* since power-up */
	bool		verified;
	uint64_t	channel;	/* who asked last */
	uint8_t		cmd;
};

/* Authenticator data of a registration or sign-in: member 2 of the reply. */
static struct span
auth_data_of(struct span reply)
{
	struct cbor_in in;
	struct span data = { NULL, 0 };
	size_t pairs;
	int64_t key;

	cbor_in_init(&in, span(reply.p + 1, reply.len - 1));
	check(cbor_map(&in, &pairs));
	for (; pairs > 0 && cbor_int(&in, &key); pairs--)
		if (key != 2)
			cbor_any(&in, NULL);
		else
			cbor_bytes(&in, &data);
	check(in.err == CTAP2_OK && data.len >= 37);
	return data;
}

/* No flag without the gesture, no counter twice. */
static void
check_auth_data(struct sim *s, struct seen *seen)
{
	struct span d = auth_data_of(s->reply);
	uint32_t counter = (uint32_t)d.p[33] << 24 | (uint32_t)d.p[34] << 16 |
	    (uint32_t)d.p[35] << 8 | d.p[36];

	if (d.p[32] & AUTHDATA_UP)
		check(seen->touched || seen->verified);
	if (d.p[32] & AUTHDATA_UV)
		check(seen->verified);
	if (seen->cmd == CTAP_MAKE_CREDENTIAL) {
		check(counter >= seen->counter);
		return;
	}
	check(counter > seen->counter);
	seen->counter = counter;
}

static void
check_reply(struct sim *s, struct seen *before)
{
	uint8_t cmd = before->cmd;
	size_t now = sim_credentials(s);
	uint8_t status = s->reply.p[0];

	check(ctap_status_name(status) != NULL);
	/* an error has no body, and changed no credential */
	if (status != CTAP2_OK)
		check(s->reply.len == 1 && now == before->credentials);
	/* what is kept was committed, what was not asked for is not kept */
	if (now != before->credentials) {
		check(s->commits > before->commits);
		check(cmd == CTAP_MAKE_CREDENTIAL || cmd == CTAP_RESET ||
		    cmd == CTAP_CREDENTIAL_MANAGEMENT);
		check(cmd != CTAP_RESET || now == 0);
		check(cmd != CTAP_CREDENTIAL_MANAGEMENT ||
		    now == before->credentials - 1);
	}
	/* a user is asked at most for verification and then for a touch */
	check(s->prompts <= 2);
	check(auth_idle(s->auth));
	if (status == CTAP2_OK && (cmd == CTAP_MAKE_CREDENTIAL ||
	    cmd == CTAP_GET_ASSERTION || cmd == CTAP_GET_NEXT_ASSERTION))
		check_auth_data(s, before);
	before->credentials = now;
	before->commits = s->commits;
}

static size_t
take_send(struct sim *s, uint64_t channel, const uint8_t *data, size_t len,
    struct seen *seen)
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
	seen->cmd = data[2];
	seen->channel = channel;
	sim_send(s, channel, span(data + 2, n));
	return 2 + n;
}

static void
answer(struct sim *s, struct seen *seen, enum user_answer a)
{
	if (s->want != AUTH_USER)
		return;
	seen->touched |= a == USER_PRESENT;
	seen->verified |= a == USER_VERIFIED;
	sim_answer(s, a);
}

/* The host gives up; nobody else can do that for it. */
static void
cancel(struct sim *s, const struct seen *seen)
{
	if (s->want != AUTH_USER)
		return;
	check(sim_cancel(s, seen->channel ^ 8) == AUTH_USER);
	check(sim_cancel(s, seen->channel) == AUTH_REPLY);
	check(s->reply.p[0] == CTAP2_ERR_KEEPALIVE_CANCEL);
}

static void
fail_commits(struct sim *s)
{
	s->commit_error = s->commit_error == 0 ? -ENOSPC :
	    s->commit_error == -ENOSPC ? -EIO : 0;
}

/* Bytes that the event took besides its own. */
static size_t
do_event(struct sim *s, uint8_t event, const uint8_t *data, size_t len,
    struct seen *seen)
{
	switch (event) {
	case EVENT_SEND_1:
	case EVENT_SEND_2:
	case EVENT_SEND_3:
		/* one operation at a time: the loop lets the others wait */
		cancel(s, seen);
		return take_send(s, event == EVENT_SEND_1 ? 1 :
		    event == EVENT_SEND_2 ? 2 : UINT64_C(1) << 32 | 1, data,
		    len, seen);
	case EVENT_TOUCH:
		answer(s, seen, USER_PRESENT);
		return 0;
	case EVENT_VERIFY:
		answer(s, seen, USER_VERIFIED);
		return 0;
	case EVENT_DENY:
		answer(s, seen, USER_REFUSED);
		return 0;
	case EVENT_CANCEL:
		cancel(s, seen);
		return 0;
	case EVENT_TIME:
		if (len > 0)
			sim_advance(s, data[0] * UINT64_C(100));
		return len > 0;
	case EVENT_REPLUG:
		sim_power_cycle(s);
		seen->touched = seen->verified = false;
		return 0;
	case EVENT_DISK:
		fail_commits(s);
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
	struct seen seen = { 0 };
	uint8_t event;
	size_t n;

	while (len > 0) {
		event = *data++;
		len--;
		n = do_event(s, event, data, len, &seen);
		data += n;
		len -= n;
		if (s->want == AUTH_REPLY) {
			check_reply(s, &seen);
			s->want = AUTH_IDLE;
		}
	}
	sim_free(s);
	return 0;
}
