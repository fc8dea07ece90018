/* SPDX-License-Identifier: Apache-2.0 */
/* What a key is asked for, changed: see request.h. */
#include "authenticator/fault/request.h"

#include "ctap/cbor.h"

/*
 * A makeCredential that will not be read is left alone: its error has to be
 * the honest one.
 */
static bool
read_request(struct span msg, struct fault_request *rq)
{
	union ctap_request req;

	if (msg.len == 0 || msg.p[0] != CTAP_MAKE_CREDENTIAL ||
	    ctap_decode(msg.p[0], span(msg.p + 1, msg.len - 1), &req) !=
	    CTAP2_OK)
		return false;
	rq->msg = msg;
	rq->mc = req.mc;
	return true;
}

bool
fault_request(const struct fault_set *set, struct span msg,
    const struct auth_config *cfg, uint8_t out[static AUTH_MESSAGE_MAX],
    size_t *len, struct fault_armed *which)
{
	struct fault_request rq = { .algs = cfg->algs,
	    .alg_count = cfg->alg_count, .out = out };
	struct fault_armed a = { .id = 0 };

	if (fault_armed_at(set, 0) == NULL || !read_request(msg, &rq))
		return false;
	while (fault_next(set, FAULT_REGISTRATION, rq.mc.rp_id, a.id, &a)) {
		if (a.choice.fault->mc.request == NULL ||
		    !a.choice.fault->mc.request(&rq))
			continue;
		*len = rq.out_len;
		*which = a;
		return true;
	}
	return false;
}

static bool
put_pairs(struct cbor_in *in, size_t pairs, unsigned member,
    struct span value, struct cbor_out *out)
{
	struct span key, old;
	bool found = false;
	uint64_t k;

	for (; pairs > 0 && cbor_any(in, &key) && cbor_any(in, &old); pairs--) {
		struct cbor_in at;
		bool it;

		cbor_in_init(&at, key);
		it = cbor_uint(&at, &k) && k == member;
		found = found || it;
		if (it && value.p == NULL)
			continue;
		cbor_put_raw(out, key);
		cbor_put_raw(out, it ? value : old);
	}
	return found && in->err == CTAP2_OK && !out->overflow;
}

bool
fault_request_with(struct fault_request *rq, unsigned member,
    struct span value)
{
	struct cbor_out out;
	struct cbor_in in;
	size_t pairs;

	cbor_in_init(&in, span(rq->msg.p + 1, rq->msg.len - 1));
	if (!cbor_map(&in, &pairs) || pairs == 0)
		return false;
	rq->out[0] = rq->msg.p[0];
	cbor_out_init(&out, rq->out + 1, AUTH_MESSAGE_MAX - 1);
	cbor_put_map(&out, pairs - (value.p == NULL));
	if (!put_pairs(&in, pairs, member, value, &out))
		return false;
	rq->out_len = 1 + out.len;
	return true;
}

bool
fault_request_without(struct fault_request *rq, unsigned member)
{
	return fault_request_with(rq, member, (struct span){ NULL, 0 });
}
