/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases that are to run: those that the program brings along, or those
 * of somebody's own files, as far as they match what was asked for.
 */
#ifndef CONFORMANCE_LIBRARY_H
#define CONFORMANCE_LIBRARY_H

#include "conformance/transcript.h"

#define LIBRARY_FILTERS_MAX	16

struct library {
	/* Shell patterns; a case is in if one matches. None: all are. */
	const char	*filters[LIBRARY_FILTERS_MAX];
	size_t		 filter_count;

	struct transcript_case **cases;
	size_t		 count;
	size_t		 room;
	char		**texts;	/* of files that were read */
	size_t		 text_count;
};

/* -ENOMEM. */
int library_add_builtin(struct library *lib);
/* A file, or every *.txt of a folder. -errno and a line in msg. */
int library_add_path(struct library *lib, const char *path, char *msg,
    size_t msglen);
void library_done(struct library *lib);

#endif
