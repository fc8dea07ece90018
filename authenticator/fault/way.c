/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/fault/way.h"

#include "ctap/apdu.h"
#include "ctap/request.h"

/* U2F Raw Message Formats 1.2, 4 and 5 */
#define U2F_REGISTER		0x01
#define U2F_AUTHENTICATE	0x02
#define U2F_CHECK_ONLY		0x07

static bool
is_u2f_ceremony(struct span msg)
{
	struct apdu a;

	if (!apdu_header(msg, &a))
		return false;
	return a.ins == U2F_REGISTER ||
	    (a.ins == U2F_AUTHENTICATE && a.p1 != U2F_CHECK_ONLY);
}

static bool
is_ctap_ceremony(struct span msg, struct span *rp_id)
{
	union ctap_request req;

	if (msg.len == 0 || (msg.p[0] != CTAP_MAKE_CREDENTIAL &&
	    msg.p[0] != CTAP_GET_ASSERTION) ||
	    ctap_decode(msg.p[0], span(msg.p + 1, msg.len - 1), &req) !=
	    CTAP2_OK)
		return false;
	if (msg.p[0] == CTAP_MAKE_CREDENTIAL) {
		*rp_id = req.mc.rp_id;
		return true;
	}
	*rp_id = req.ga.rp_id;
	return req.ga.options.up != OPT_FALSE;
}

bool
fault_on_the_way(struct fault_set *set, bool apdu, struct span msg,
    struct fault_armed *out, struct span *rp_id)
{
	*rp_id = span(NULL, 0);
	if (fault_armed_at(set, 0) == NULL)
		return false;
	if (!(apdu ? is_u2f_ceremony(msg) : is_ctap_ceremony(msg, rp_id)))
		return false;
	return fault_take(set, FAULT_TRANSPORT, *rp_id, out);
}
