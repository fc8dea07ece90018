/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI files, strictly: UTF-8, one "key = value" a line below a "[section]",
 * comments on lines of their own that begin with '#' or ';'. Nothing
 * continues, nothing is quoted, nothing is empty. What a key means is for
 * who asks.
 */
#ifndef AUTHENTICATOR_INI_H
#define AUTHENTICATOR_INI_H

#include <stdbool.h>
#include <stddef.h>

/* The places of a file that errors name. */
struct ini_place {
	const char	*file;
	unsigned	 line;		/* counted from 1; 0: the whole */
	const char	*key;		/* NULL: none */
};

/*
 * A file while it is read. text is taken apart in place: section, key and
 * value are strings in it.
 */
struct ini {
	struct ini_place place;		/* of what was read last */
	const char	*section;	/* NULL: not yet in one */
	char		*value;
	char		*next;		/* what was not read yet */
	char		*end;
	size_t		 line_max;	/* bytes */
	char		*msg;
	size_t		 msglen;
};

enum ini_event {
	INI_SECTION,
	INI_KEY,
	INI_END,
	INI_WRONG,	/* with a line in msg */
};

/*
 * Begins with len bytes of text, behind which there is room for a NUL. False,
 * with a line in msg: it is no text.
 */
bool ini_begin(struct ini *ini, const char *file, char *text, size_t len);
enum ini_event ini_next(struct ini *ini);

/* "FILE:LINE: KEY: ..." in msg, of one line and cut to fit. Returns false. */
bool ini_wrong(const struct ini_place *place, char *msg, size_t msglen,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
