/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a transcript that speak CTAPHID (CTAP 2.3, 11.2), report by
 * report: "> hid", "< hid" and "* channel" (language: README.md).
 *
 * This is the host's side as a case spells it out, so it does nothing by
 * itself: it does not open channels, answer keepalives, try again or wait
 * longer than it is told to. What the key sends is not trusted.
 */
#ifndef CONFORMANCE_HID_LINES_H
#define CONFORMANCE_HID_LINES_H

#include "conformance/expr.h"
#include "conformance/transcript.h"
#include "ctap/hid.h"

#define HID_KEPT_MAX	256	/* reports */

/* Zero it, and set the first three. Nothing needs to be freed. */
struct hid_lines {
	const struct transcript_target *target;
	void		*t;
	struct expr_env	*env;		/* why: what was wrong */
	bool		 cannot;	/* ... is that the target cannot */

	/* the last message of CBOR or MSG; until the next is sent */
	struct span	 sent;
	bool		 sent_apdu;

	/* reports that came while one of another channel was waited for */
	size_t		 kept;
	uint8_t		 keep[HID_KEPT_MAX][CTAPHID_REPORT_LEN];

	/* the last message that was received */
	uint8_t		 cmd;
	size_t		 len;
	uint8_t		 msg[CTAPHID_MESSAGE_MAX];
};

/* What is behind "> hid". */
bool hid_send(struct hid_lines *h, const char *text);

/*
 * What is behind "< hid". If it is a reply to CBOR or MSG, *reply is that,
 * and *rest what is still to be said about it; else NULL.
 */
bool hid_expect(struct hid_lines *h, const char *text, struct span *reply,
    const char **rest);

/* A channel of its own, as the variable of that name. */
bool hid_channel(struct hid_lines *h, const char *name);

/* Whether all that the key has said was looked at. */
bool hid_end(struct hid_lines *h);

#endif
