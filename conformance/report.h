/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of the cases: TAP while they run, and at the end a JUnit XML
 * file, an HTML page that needs nothing else, and one line that sums up.
 *
 * Failures come with their last messages, as diagnostic.h shows them. The
 * key's bytes are not trusted: nothing it sends can leave its place in any
 * of the three formats.
 */
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include "conformance/transcript.h"

struct report;

/*
 * TAP goes to standard output; progress, if it is wanted, to standard error:
 * a line that is written over. target says what was judged, for the page.
 * total is how many results will come. NULL: no memory.
 */
struct report *report_new(const char *target, unsigned total, bool progress);
/* Accepts NULL. */
void report_free(struct report *rp);

/* Progress: this one is under way. */
void report_begin(struct report *rp, const struct transcript_case *c);
/* What r points to is copied. -ENOMEM. */
int report_add(struct report *rp, const struct transcript_result *r,
    uint64_t took_ms);
/* The plan and the sum, to standard output. */
void report_end(struct report *rp);

unsigned report_count(const struct report *rp, enum transcript_outcome o);

/* -errno. */
int report_write_junit(const struct report *rp, const char *path);
int report_write_html(const struct report *rp, const char *path);

#endif
