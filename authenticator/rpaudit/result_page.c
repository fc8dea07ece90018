/* SPDX-License-Identifier: Apache-2.0 */
/* The results for machines that build software: JUnit XML, and a page. */
#include "authenticator/markup.h"
#include "authenticator/rpaudit/result.h"

static const char head[] =
"<!DOCTYPE html>\n"
"<html lang=\"en\">\n"
"<head>\n"
"<meta charset=\"utf-8\">\n"
"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
"style-src 'unsafe-inline'\">\n"
"<title>sealkey rp-audit</title>\n"
"<style>\n"
"body { font: 15px sans-serif; margin: 2em auto; max-width: 80em; }\n"
"table { border-collapse: collapse; width: 100%; }\n"
"td, th { padding: .2em .6em; text-align: left; vertical-align: top;\n"
"  border-bottom: 1px solid #ddd; }\n"
"td.n { text-align: right; }\n"
".good { color: #060; } .bad { color: #b00; font-weight: bold; }\n"
".none { color: #666; } .said { color: #666; font-size: 90%; }\n"
"</style>\n"
"</head>\n"
"<body>\n"
"<h1>sealkey rp-audit</h1>\n";

static const char *
class_of(const struct rp_row *row)
{
	if (row->outcome == RP_NOT_APPLICABLE)
		return "none";
	return rp_row_is_bad(row) ? "bad" : "good";
}

static void
put_cell(FILE *f, const char *text)
{
	fputs("<td>", f);
	markup_escape(f, text);
	fputs("</td>", f);
}

static void
put_row(FILE *f, const struct rp_row *row)
{
	fprintf(f, "<tr><td class=\"%s\">%s</td><td>%s</td><td><code>",
	    class_of(row), rp_outcome_name(row->outcome),
	    rp_level_name(row->level));
	markup_escape(f, row->name);
	fputs("</code></td><td>", f);
	markup_escape(f, row->breaks);
	if (row->why != NULL) {
		fputs("<div class=\"said\">", f);
		markup_escape(f, row->why);
		fputs("</div>", f);
	}
	fputs("</td>", f);
	put_cell(f, row->check);
	fputs("<td>", f);
	markup_escape(f, row->section);
	if (row->references != NULL) {
		fputs("<div class=\"said\">", f);
		markup_escape(f, row->references);
		fputs("</div>", f);
	}
	fprintf(f, "</td><td class=\"n\">%llu ms</td></tr>\n",
	    (unsigned long long)row->took_ms);
}

static void
put_summary(const struct rp_results *rs, FILE *f)
{
	fputs("<table>\n<tr><th></th>", f);
	for (int o = 0; o < RP_OUTCOMES; o++)
		fprintf(f, "<th>%s</th>",
		    rp_outcome_name((enum rp_outcome)o));
	fputs("</tr>\n", f);
	for (int l = 0; l < RP_LEVELS; l++) {
		fprintf(f, "<tr><th>%s</th>",
		    rp_level_name((enum rp_level)l));
		for (int o = 0; o < RP_OUTCOMES; o++)
			fprintf(f, "<td>%u</td>", rp_results_count(rs,
			    (enum rp_level)l, (enum rp_outcome)o));
		fputs("</tr>\n", f);
	}
	fputs("</table>\n", f);
}

void
rp_results_html(const struct rp_results *rs, FILE *f)
{
	fputs(head, f);
	fputs("<p>", f);
	markup_escape(f, rs->target);
	fprintf(f, ": %zu checks in %llu.%llu s</p>\n", rs->count,
	    (unsigned long long)rs->took_ms / 1000,
	    (unsigned long long)rs->took_ms % 1000 / 100);
	put_summary(rs, f);
	fputs("<table>\n<tr><th>outcome</th><th>level</th><th>name</th>"
	    "<th>what is wrong</th><th>what the relying party has to do</th>"
	    "<th>section</th><th></th></tr>\n", f);
	for (size_t i = 0; i < rs->count; i++)
		put_row(f, &rs->rows[i]);
	fputs("</table>\n</body>\n</html>\n", f);
}

static void
put_failure(FILE *f, const struct rp_row *row)
{
	fprintf(f, "\n      <failure type=\"%s\"", rp_level_name(row->level));
	markup_attribute(f, "message", rp_outcome_name(row->outcome));
	putc('>', f);
	markup_escape(f, row->breaks);
	fputs(" It has to: ", f);
	markup_escape(f, row->check);
	fputs(" (", f);
	markup_escape(f, row->section);
	fputs(")", f);
	if (row->why != NULL) {
		fputs("; it said: ", f);
		markup_escape(f, row->why);
	}
	fputs("</failure>\n    ", f);
}

static void
put_case(FILE *f, const struct rp_row *row)
{
	fputs("    <testcase", f);
	markup_attribute(f, "classname", rp_level_name(row->level));
	markup_attribute(f, "name", row->name);
	markup_time(f, row->took_ms);
	putc('>', f);
	if (rp_row_is_bad(row))
		put_failure(f, row);
	if (row->outcome == RP_NOT_APPLICABLE) {
		fputs("<skipped", f);
		markup_attribute(f, "message",
		    row->why != NULL ? row->why : "");
		fputs("/>", f);
	}
	fputs("</testcase>\n", f);
}

/* The rows of one level; nothing if there are none. */
static void
put_suite(const struct rp_results *rs, FILE *f, enum rp_level level)
{
	unsigned total = 0, failed = 0, skipped = 0;
	uint64_t took_ms = 0;

	for (size_t i = 0; i < rs->count; i++) {
		const struct rp_row *row = &rs->rows[i];

		if (row->level != level)
			continue;
		total++;
		failed += rp_row_is_bad(row);
		skipped += row->outcome == RP_NOT_APPLICABLE;
		took_ms += row->took_ms;
	}
	if (total == 0)
		return;
	fprintf(f, "  <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" "
	    "errors=\"0\" skipped=\"%u\"", rp_level_name(level), total,
	    failed, skipped);
	markup_time(f, took_ms);
	fputs(">\n", f);
	for (size_t i = 0; i < rs->count; i++)
		if (rs->rows[i].level == level)
			put_case(f, &rs->rows[i]);
	fputs("  </testsuite>\n", f);
}

void
rp_results_junit(const struct rp_results *rs, FILE *f)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", f);
	markup_attribute(f, "name", rs->target);
	markup_time(f, rs->took_ms);
	fputs(">\n", f);
	for (int level = 0; level < RP_LEVELS; level++)
		put_suite(rs, f, (enum rp_level)level);
	fputs("</testsuites>\n", f);
}
