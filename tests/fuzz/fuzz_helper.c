/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What daemon and key helper say to each other (tpm/helper.md), in both
 * directions. The input is one message.
 *
 *  1. What a decoder accepts, the encoder writes the same way: there is one
 *     form of each message, and nothing in it that nobody reads.
 *  2. Every span lies within the message.
 *  3. What one decoder accepts, the other refuses, and message_head() says of
 *     it what the decoder says.
 */

#include "tests/fuzz/fuzz.h"
#include "tpm/message.h"

static void
check_within(struct span msg, struct span s)
{
	CHECK(s.p == NULL ? s.len == 0 : s.p >= msg.p &&
	    s.len <= msg.len && s.p + s.len <= msg.p + msg.len);
}

static void
check_head(struct span msg, bool answer, enum message_type type,
    uint32_t serial)
{
	enum message_type got;
	uint32_t number;

	CHECK(message_head(msg, answer, &got, &number) == 0);
	CHECK(got == type && number == serial);
	CHECK(message_head(msg, !answer, &got, &number) != 0);
}

static void
check_request(struct span msg, const struct message_request *rq)
{
	static uint8_t again[MESSAGE_MAX];
	size_t len;

	CHECK(msg.len <= MESSAGE_MAX);
	check_head(msg, false, rq->type, rq->serial);
	if (rq->type == MESSAGE_OP) {
		CHECK(message_op_fits(rq->op) == 0);
		check_within(msg, rq->op->blob);
		check_within(msg, rq->op->epoch);
		check_within(msg, rq->op->bound);
		check_within(msg, rq->op->meta);
		check_within(msg, rq->op->data[0]);
		check_within(msg, rq->op->data[1]);
		check_within(msg, rq->op->signer);
		check_within(msg, rq->op->signer_bound);
	}
	len = message_put_request(rq, again);
	CHECK(span_eq(span(again, len), msg));
}

static void
check_answer(struct span msg, const struct message_answer *an)
{
	static uint8_t again[MESSAGE_MAX];
	size_t len;

	CHECK(msg.len <= MESSAGE_MAX);
	CHECK(an->result <= 0);
	check_head(msg, true, an->type, an->serial);
	len = message_put_answer(an, again);
	CHECK(span_eq(span(again, len), msg));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key_op in, out;
	static struct message_request rq;
	static struct message_answer an;
	struct span msg = span(data, size);

	memset(&an, 0, sizeof(an));
	rq = (struct message_request){ .op = &in };
	an.op = &out;
	if (message_get_request(msg, &rq) == 0)
		check_request(msg, &rq);
	if (message_get_answer(msg, &an) == 0)
		check_answer(msg, &an);
	return 0;
}
