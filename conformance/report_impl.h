/* SPDX-License-Identifier: Apache-2.0 */
/* What the report's formats share; only report*.c include this. */
#ifndef CONFORMANCE_REPORT_IMPL_H
#define CONFORMANCE_REPORT_IMPL_H

#include "authenticator/markup.h"
#include "conformance/report.h"

/* One case that was run; every pointer is its own. */
struct report_row {
	enum transcript_outcome outcome;
	char		*file;		/* without ".txt": the command */
	char		*title;
	char		*covers;
	char		*why;		/* NULL: passed */
	char		*sent;		/* as diagnostic.h shows it; NULL */
	char		*received;
	uint64_t	 took_ms;
};

struct report {
	char		*target;
	bool		 progress;
	unsigned	 total;		/* expected */
	unsigned	 count;
	struct report_row *rows;	/* total of them */
	uint64_t	 took_ms;	/* together */
};

/* Lets write() print what path is to have (output_file.h). -errno. */
int report_write(const struct report *rp, const char *path,
    void (*write)(const struct report *rp, FILE *f));

#endif
