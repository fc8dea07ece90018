/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of a batch that says which key it is for and what it is to do:
 *
 *	{"key": 17, "id": "any", "create": { options }}
 *	{"get": { options }}
 *
 * Only the outer object is looked at; the options are whoever takes them's
 * to judge, so that nothing is parsed twice. "key" is a number from 0, "id" a
 * string or a number, which comes back with the answer. In any order, each at
 * most once, and nothing else.
 *
 * Owns nothing: what comes out points into the text.
 */
#ifndef AUTHENTICATOR_FLEET_LINE_H
#define AUTHENTICATOR_FLEET_LINE_H

#include "ctap/span.h"

struct fleet_line {
	bool		has_key;
	uint64_t	key;
	struct span	id;		/* as it was written; p NULL: none */
	bool		create;		/* else get */
	struct span	options;	/* as they were written */
};

/*
 * False, with a line for the user in *why: it is none of these. out has the key
 * and the ID all the same, as far as they are there, for who answers it.
 */
bool fleet_line_parse(struct span text, struct fleet_line *out,
    const char **why);

#endif
