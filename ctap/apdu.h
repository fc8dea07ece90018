/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APDUs, the framing of U2F messages (ISO 7816-4; FIDO U2F Raw Message
 * Formats 1.2, 3): a command comes in whole, its answer is data and then a
 * status word. There is no chaining over HID, so nothing is remembered.
 *
 *	CLA INS P1 P2				neither data nor Le
 *	CLA INS P1 P2 Le			short; Le 00 is 256
 *	CLA INS P1 P2 Lc data [Le]		Lc 01 to ff
 *	CLA INS P1 P2 00 LeH LeL		extended, no data
 *	CLA INS P1 P2 00 LcH LcL data [Le]	Le of 1 to 3 bytes, if 3 then
 *						the first is 00
 *
 * Hosts differ in what they send as Le: every form is taken, and none is
 * heeded, as HID carries an answer of any length. Owns nothing; data is a
 * view of the message.
 */
#ifndef CTAP_APDU_H
#define CTAP_APDU_H

#include "ctap/span.h"

#define APDU_HEADER_LEN	4	/* bytes */

/* Status words, U2F Raw Message Formats 1.2, 3.3, and ISO 7816-4. */
enum apdu_sw {
	SW_NO_ERROR = 0x9000,
	SW_WRONG_LENGTH = 0x6700,
	SW_CONDITIONS_NOT_SATISFIED = 0x6985,
	SW_COMMAND_NOT_ALLOWED = 0x6986,
	SW_WRONG_DATA = 0x6a80,
	SW_INS_NOT_SUPPORTED = 0x6d00,
	SW_CLA_NOT_SUPPORTED = 0x6e00,
	SW_INTERNAL = 0x6f00,
};

struct apdu {
	uint8_t		cla;
	uint8_t		ins;
	uint8_t		p1;
	uint8_t		p2;
	struct span	body;	/* Lc, data and Le, not looked at yet */
};

/*
 * The header and the data are taken apart one after the other, because a
 * command that is not known is told so whatever its body is. False: the
 * message is too short, or its lengths contradict each other; *out is as it
 * was.
 */
bool apdu_header(struct span msg, struct apdu *out);
/* out->p is never NULL: no data is empty data. */
bool apdu_data(const struct apdu *apdu, struct span *out);

#endif
