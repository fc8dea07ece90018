/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON text, straight into a buffer that grows: for answers that are
 * made of base64url by the thousand, where building a tree first costs as
 * much as a signature. Commas are its business; that what is opened is closed
 * is the caller's.
 *
 * Running out of memory is remembered: nothing is written from then on, and
 * json_out_text() tells. An emptied writer keeps its buffer for the next text.
 */
#ifndef AUTHENTICATOR_JSON_OUT_H
#define AUTHENTICATOR_JSON_OUT_H

#include "ctap/span.h"

#include <string.h>

struct json_out {
	char	*p;
	size_t	 len;
	size_t	 cap;
	bool	 failed;
};

void json_out_init(struct json_out *o);
/* Wipes and frees the buffer: answers can carry secrets. */
void json_out_done(struct json_out *o);
/* A new text. */
void json_out_clear(struct json_out *o);

/* '{', '}', '[' or ']' */
void json_out_open(struct json_out *o, char bracket);
void json_out_close(struct json_out *o, char bracket);
/* The name of the member whose value comes next; one without anything that
 * JSON would escape. */
void json_out_member(struct json_out *o, const char *name, size_t len);

/* Here, where the compiler knows how long it is. */
static inline void
json_out_name(struct json_out *o, const char *name)
{
	json_out_member(o, name, strlen(name));
}

/* Values, of a member or an array. */
void json_out_bytes(struct json_out *o, struct span bytes);	/* base64url */
void json_out_string(struct json_out *o, const char *utf8);
void json_out_utf8(struct json_out *o, struct span utf8);
void json_out_int(struct json_out *o, int v);
void json_out_uint(struct json_out *o, uint64_t v);
void json_out_bool(struct json_out *o, bool v);

/* Text as it is, JSON or not: no comma goes before it. */
void json_out_raw(struct json_out *o, struct span text);

/* What was written, without a NUL; p NULL: out of memory. Lives until the
 * next call. */
struct span json_out_text(const struct json_out *o);

#endif
