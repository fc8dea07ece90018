/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as it comes in (RFC 8259), as a tree of items that point into the text:
 * a string without escapes costs nothing but to look at it. That is what most
 * options of relying parties are made of.
 *
 * Strict: UTF-8 has to be valid, names in an object are different, surrogates
 * come in pairs, and nothing is behind the value. A string may have a NUL. An
 * integer that 64 bits do not hold is a fraction, as any number is to
 * JavaScript. However deep it goes, it takes heap and not stack.
 */
#ifndef AUTHENTICATOR_JSON_IN_H
#define AUTHENTICATOR_JSON_IN_H

#include "ctap/span.h"

#define JSON_IN_FEW	64	/* items that need no heap */

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_FALSE,
	JSON_KIND_TRUE,
	JSON_KIND_INTEGER,
	JSON_KIND_FRACTION,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};

struct json {
	enum json_kind	 kind;
	bool		 zero;		/* of numbers: has no other digit */
	struct span	 name;		/* of a member; may be empty */
	struct span	 text;		/* of a string; p is never NULL */
	int64_t		 integer;
	size_t		 count;		/* of an array or object: items */
	struct json *first, *last;	/* of those; NULL: none */
	struct json *next;		/* beside this one; NULL: none */
	struct json *parent;
};

struct json_in_block;

/* Owns the items. They point into the text, and into the caller's arena. */
struct json_in {
	struct json few[JSON_IN_FEW];
	size_t		 used;		/* of few, or of the newest block */
	struct json_in_block *blocks;
};

struct json_in_error {
	const char	*why;		/* for the user */
	size_t		 line, column;	/* from 1; column in bytes */
};

/*
 * The value that text is. Strings with escapes go to arena, at most text.len
 * bytes, *used of which are taken then. NULL: it is not JSON, or there is no
 * memory; *err says which. in is to be emptied in any case.
 */
const struct json *json_in_parse(struct json_in *in, struct span text,
    uint8_t *arena, size_t *used, struct json_in_error *err);
void json_in_done(struct json_in *in);

/* NULL: obj is NULL, not an object, or has none of that name. */
const struct json *json_get_member(const struct json *obj,
    const char *name);

#endif
