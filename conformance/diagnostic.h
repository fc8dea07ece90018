/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for people: the command or status by name, and what follows in
 * CBOR diagnostic notation (RFC 8949, 8). The bytes are somebody else's, so
 * whatever is wrong with them ends in a remark and the rest in hex.
 */
#ifndef CONFORMANCE_DIAGNOSTIC_H
#define CONFORMANCE_DIAGNOSTIC_H

#include "ctap/span.h"

#include <stdio.h>

/*
 * One line without its end, ASCII without control characters. apdu: of U2F.
 */
void diagnostic_request(FILE *out, struct span msg, bool apdu);
void diagnostic_reply(FILE *out, struct span msg, bool apdu);

#endif
