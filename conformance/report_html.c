/* SPDX-License-Identifier: Apache-2.0 */
/* One page without scripts: a table a command, failures spelled out. */
#include "conformance/report_impl.h"

static const char head[] =
"<!DOCTYPE html>\n"
"<html lang=\"en\">\n"
"<head>\n"
"<meta charset=\"utf-8\">\n"
"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
"style-src 'unsafe-inline'\">\n"
"<title>sealkey conformance</title>\n"
"<style>\n"
"body { font: 15px sans-serif; margin: 2em auto; max-width: 70em; }\n"
"table { border-collapse: collapse; width: 100%; }\n"
"td, th { padding: .2em .6em; text-align: left; vertical-align: top;\n"
"  border-bottom: 1px solid #ddd; }\n"
"td.n { text-align: right; }\n"
".passed { color: #060; } .failed { color: #b00; } .skipped { color: #666; }\n"
"pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3em 0; }\n"
"summary { cursor: pointer; padding: .3em 0; }\n"
"</style>\n"
"</head>\n"
"<body>\n"
"<h1>sealkey conformance</h1>\n";

static const char *const outcome_names[] = { "passed", "failed", "skipped" };

/* How many rows of a file had each outcome; those of rows follow at *end. */
static void
count_file(const struct report *rp, unsigned first, unsigned *end,
    unsigned counts[static 3])
{
	counts[0] = counts[1] = counts[2] = 0;
	for (*end = first; *end < rp->count; (*end)++) {
		if (strcmp(rp->rows[*end].file, rp->rows[first].file) != 0)
			return;
		counts[rp->rows[*end].outcome]++;
	}
}

static void
put_message(FILE *f, const char *what, const char *text)
{
	if (text == NULL)
		return;
	fprintf(f, "<pre>%s: ", what);
	markup_escape(f, text);
	fputs("</pre>", f);
}

static void
put_row(FILE *f, const struct report_row *row)
{
	const char *name = outcome_names[row->outcome];

	fprintf(f, "<tr><td class=\"%s\">%s</td><td>", name, name);
	markup_escape(f, row->title);
	if (row->why != NULL) {
		fprintf(f, "<div class=\"%s\">", name);
		markup_escape(f, row->why);
		fputs("</div>", f);
	}
	put_message(f, "sent", row->sent);
	put_message(f, "received", row->received);
	fputs("</td><td>", f);
	markup_escape(f, row->covers);
	fprintf(f, "</td><td class=\"n\">%llu ms</td></tr>\n",
	    (unsigned long long)row->took_ms);
}

static void
put_files(const struct report *rp, FILE *f)
{
	unsigned counts[3], end;

	for (unsigned i = 0; i < rp->count; i = end) {
		count_file(rp, i, &end, counts);
		fprintf(f, "<details%s id=\"",
		    counts[OUTCOME_FAILED] > 0 ? " open" : "");
		markup_escape(f, rp->rows[i].file);
		fputs("\"><summary>", f);
		markup_escape(f, rp->rows[i].file);
		for (int o = 0; o < 3; o++)
			fprintf(f, " <span class=\"%s\">%u %s</span>",
			    outcome_names[o], counts[o], outcome_names[o]);
		fputs("</summary>\n<table>\n<tr><th></th><th>case</th>"
		    "<th>covers</th><th></th></tr>\n", f);
		for (unsigned j = i; j < end; j++)
			put_row(f, &rp->rows[j]);
		fputs("</table>\n</details>\n", f);
	}
}

static void
write_html(const struct report *rp, FILE *f)
{
	fputs(head, f);
	fputs("<p>", f);
	markup_escape(f, rp->target);
	fprintf(f, ": <span class=\"passed\">%u passed</span>, "
	    "<span class=\"failed\">%u failed</span>, "
	    "<span class=\"skipped\">%u skipped</span>, %llu.%llu s</p>\n",
	    report_count(rp, OUTCOME_PASSED),
	    report_count(rp, OUTCOME_FAILED),
	    report_count(rp, OUTCOME_SKIPPED),
	    (unsigned long long)rp->took_ms / 1000,
	    (unsigned long long)rp->took_ms % 1000 / 100);
	put_files(rp, f);
	fputs("</body>\n</html>\n", f);
}

int
report_write_html(const struct report *rp, const char *path)
{
	return report_write(rp, path, write_html);
}
