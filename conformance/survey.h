/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a case needs of a key and does to it, told from its lines before
 * anything is sent. Where they do not tell, the answer is the careful one.
 */
#ifndef CONFORMANCE_SURVEY_H
#define CONFORMANCE_SURVEY_H

#include "conformance/transcript.h"

struct survey {
	uint64_t time_ms;	/* that passes in "@" lines, together */
	bool	fine_time;	/* some of it is told in milliseconds */
	bool	hosts;		/* more than one */
	bool	hid;		/* speaks CTAPHID by itself */
	bool	u2f;
	bool	ctap2;
	bool	pin;		/* sets or uses one */
	bool	touches;	/* somebody has to be there */
	bool	verifies;	/* and be verified by the key itself */
	bool	denies;
	bool	samples;	/* enrols whom it verifies */
	bool	mismatches;	/* somebody else's finger */
	bool	waits;		/* for a user who does not answer, or counts
				 * on a question that nobody has answered */
	bool	replugs;
	bool	lasts;		/* changes what outlives a power cycle */
};

void survey_case(const struct transcript_case *c, struct survey *out);

#endif
