/* SPDX-License-Identifier: Apache-2.0 */
/* JUnit XML, as the dashboards of CI systems read it: a suite a file. */
#include "conformance/report_impl.h"

static void
put_failure(FILE *f, const struct report_row *row)
{
	fputs("\n      <failure", f);
	markup_attribute(f, "message", row->why);
	putc('>', f);
	if (row->sent != NULL) {
		fputs("sent: ", f);
		markup_escape(f, row->sent);
		fputs("\nreceived: ", f);
		markup_escape(f, row->received != NULL ? row->received : "");
	}
	fputs("</failure>\n    ", f);
}

static void
put_case(FILE *f, const struct report_row *row)
{
	fputs("    <testcase", f);
	markup_attribute(f, "classname", row->file);
	markup_attribute(f, "name", row->title);
	markup_time(f, row->took_ms);
	putc('>', f);
	if (row->outcome == OUTCOME_FAILED)
		put_failure(f, row);
	if (row->outcome == OUTCOME_SKIPPED) {
		fputs("<skipped", f);
		markup_attribute(f, "message", row->why);
		fputs("/>", f);
	}
	fputs("</testcase>\n", f);
}

/* The rows of one file, from first on; returns the row behind them. */
static unsigned
put_suite(const struct report *rp, FILE *f, unsigned first)
{
	unsigned end = first, failed = 0, skipped = 0;
	uint64_t took_ms = 0;

	while (end < rp->count &&
	    strcmp(rp->rows[end].file, rp->rows[first].file) == 0) {
		failed += rp->rows[end].outcome == OUTCOME_FAILED;
		skipped += rp->rows[end].outcome == OUTCOME_SKIPPED;
		took_ms += rp->rows[end++].took_ms;
	}
	fputs("  <testsuite", f);
	markup_attribute(f, "name", rp->rows[first].file);
	fprintf(f, " tests=\"%u\" failures=\"%u\" errors=\"0\" "
	    "skipped=\"%u\"", end - first, failed, skipped);
	markup_time(f, took_ms);
	fputs(">\n", f);
	for (unsigned i = first; i < end; i++)
		put_case(f, &rp->rows[i]);
	fputs("  </testsuite>\n", f);
	return end;
}

static void
write_junit(const struct report *rp, FILE *f)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", f);
	markup_attribute(f, "name", rp->target);
	fprintf(f, " tests=\"%u\" failures=\"%u\" errors=\"0\" "
	    "skipped=\"%u\"", rp->count, report_count(rp, OUTCOME_FAILED),
	    report_count(rp, OUTCOME_SKIPPED));
	markup_time(f, rp->took_ms);
	fputs(">\n", f);
	for (unsigned i = 0; i < rp->count;)
		i = put_suite(rp, f, i);
	fputs("</testsuites>\n", f);
}

int
report_write_junit(const struct report *rp, const char *path)
{
	return report_write(rp, path, write_junit);
}
