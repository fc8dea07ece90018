/* SPDX-License-Identifier: Apache-2.0 */
#include "ctap/apdu.h"

#define SHORT_LE	1	/* bytes */
#define EXTENDED_LEN	3	/* bytes: 00 and a 16-bit number */

bool
apdu_header(struct span msg, struct apdu *out)
{
	if (msg.len < APDU_HEADER_LEN)
		return false;
	*out = (struct apdu){
		.cla = msg.p[0],
		.ins = msg.p[1],
		.p1 = msg.p[2],
		.p2 = msg.p[3],
		.body = span(msg.p + APDU_HEADER_LEN,
		    msg.len - APDU_HEADER_LEN),
	};
	return true;
}

/* uf.1: Lc of one byte, never 00 */
static bool
short_data(struct span body, struct span *out)
{
	size_t lc = body.p[0], rest = body.len - 1;

	if (rest != lc && rest != lc + SHORT_LE)
		return false;
	*out = span(body.p + 1, lc);
	return true;
}

/*
 * uf.1: after 00 come two bytes. If that is all they are Le; else they are
 * Lc, which may say that there is no data.
 */
static bool
extended_data(struct span body, struct span *out)
{
	struct span rest;
	size_t lc, le;

	if (body.len < EXTENDED_LEN)
		return false;
	rest = span(body.p + EXTENDED_LEN, body.len - EXTENDED_LEN);
	lc = rest.len > 0 ? (size_t)body.p[1] << 8 | body.p[2] : 0;
	if (rest.len < lc)
		return false;
	le = rest.len - lc;
	if (le > EXTENDED_LEN || (le == EXTENDED_LEN && rest.p[lc] != 0))
		return false;
	*out = span(rest.p, lc);
	return true;
}

bool
apdu_data(const struct apdu *apdu, struct span *out)
{
	struct span body = apdu->body;

	/* uf.1: nothing, or a short Le alone */
	if (body.len <= SHORT_LE) {
		*out = span(body.p, 0);
		return true;
	}
	return body.p[0] != 0 ? short_data(body, out) :
	    extended_data(body, out);
}
