/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/report.h"

#include "authenticator/output_file.h"
#include "conformance/diagnostic.h"
#include "conformance/report_impl.h"

#include <errno.h>
#include <stdlib.h>

#define COMMENT_MAX	2000	/* bytes of a message in a line of TAP */

struct report *
report_new(const char *target, unsigned total, bool progress)
{
	struct report *rp = calloc(1, sizeof(*rp));

	if (rp == NULL)
		return NULL;
	rp->target = strdup(target);
	rp->rows = calloc(total > 0 ? total : 1, sizeof(*rp->rows));
	rp->total = total;
	rp->progress = progress;
	if (rp->target != NULL && rp->rows != NULL)
		return rp;
	report_free(rp);
	return NULL;
}

static void
empty_row(struct report_row *row)
{
	free(row->file);
	free(row->title);
	free(row->covers);
	free(row->why);
	free(row->sent);
	free(row->received);
}

void
report_free(struct report *rp)
{
	if (rp == NULL)
		return;
	for (unsigned i = 0; i < rp->count; i++)
		empty_row(&rp->rows[i]);
	free(rp->rows);
	free(rp->target);
	free(rp);
}

static void
clear_progress(const struct report *rp)
{
	if (!rp->progress)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}

void
report_begin(struct report *rp, const struct transcript_case *c)
{
	if (!rp->progress)
		return;
	fprintf(stderr, "\r\033[K%u/%u, %u failed: %.12s: %.40s",
	    rp->count + 1, rp->total, report_count(rp, OUTCOME_FAILED),
	    c->file, c->title);
	fflush(stderr);
}

static char *
to_text(struct span msg, bool apdu,
    void (*show)(FILE *out, struct span msg, bool apdu))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	show(f, msg, apdu);
	fclose(f);
	return text;
}

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What a terminal would obey becomes '?'. */
static void
put_plain(const char *text, size_t max)
{
	for (; *text != '\0' && max > 0; text++, max--)
		putchar(is_control(*text) ? '?' : *text);
	if (*text != '\0')
		fputs(" ...", stdout);
}

/* A comment of TAP is one line. */
static void
put_comment(const char *what, const char *text)
{
	printf("# %s", what);
	put_plain(text, COMMENT_MAX);
	putchar('\n');
}

/* '#' would begin a directive. */
static void
put_name(const struct report_row *row)
{
	printf("%s: ", row->file);
	for (const char *p = row->title; *p != '\0'; p++)
		putchar(*p == '#' ? '.' : is_control(*p) ? '?' : *p);
}

static void
put_tap(unsigned number, const struct report_row *row)
{
	printf("%s %u - ", row->outcome == OUTCOME_FAILED ? "not ok" : "ok",
	    number);
	put_name(row);
	if (row->outcome == OUTCOME_SKIPPED) {
		fputs(" # SKIP ", stdout);
		put_plain(row->why, COMMENT_MAX);
	}
	putchar('\n');
	if (row->outcome == OUTCOME_FAILED) {
		put_comment("", row->why);
		if (row->sent != NULL)
			put_comment("sent: ", row->sent);
		if (row->received != NULL)
			put_comment("received: ", row->received);
	}
	fflush(stdout);
}

static bool
fill(struct report_row *row, const struct transcript_result *r)
{
	bool failed = r->outcome == OUTCOME_FAILED;
	size_t len = strlen(r->of->file);

	if (len > 4 && strcmp(r->of->file + len - 4, ".txt") == 0)
		len -= 4;
	row->outcome = r->outcome;
	row->file = strndup(r->of->file, len);
	row->title = strdup(r->of->title);
	row->covers = strdup(r->of->covers);
	if (r->outcome != OUTCOME_PASSED)
		row->why = strdup(r->why);
	if (failed && r->sent.len > 0) {
		row->sent = to_text(r->sent, r->apdu, diagnostic_request);
		row->received = to_text(r->received, r->apdu,
		    diagnostic_reply);
	}
	return row->file != NULL && row->title != NULL &&
	    row->covers != NULL &&
	    (r->outcome == OUTCOME_PASSED || row->why != NULL);
}

int
report_add(struct report *rp, const struct transcript_result *r,
    uint64_t took_ms)
{
	struct report_row *row;

	if (rp->count == rp->total)
		return -ENOMEM;
	row = &rp->rows[rp->count];
	row->took_ms = took_ms;
	if (!fill(row, r)) {
		empty_row(row);		/* and nobody counts it */
		return -ENOMEM;
	}
	rp->count++;
	rp->took_ms += took_ms;
	clear_progress(rp);
	put_tap(rp->count, row);
	return 0;
}

unsigned
report_count(const struct report *rp, enum transcript_outcome o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < rp->count; i++)
		n += rp->rows[i].outcome == o;
	return n;
}

void
report_end(struct report *rp)
{
	clear_progress(rp);
	printf("1..%u\n# %u passed, %u failed, %u skipped in %llu.%llu s\n",
	    rp->count, report_count(rp, OUTCOME_PASSED),
	    report_count(rp, OUTCOME_FAILED),
	    report_count(rp, OUTCOME_SKIPPED),
	    (unsigned long long)rp->took_ms / 1000,
	    (unsigned long long)rp->took_ms % 1000 / 100);
}

int
report_write(const struct report *rp, const char *path,
    void (*write)(const struct report *rp, FILE *f))
{
	struct output_file o;
	int r = output_file_begin(&o);

	if (r < 0)
		return r;
	write(rp, o.f);
	return output_file_end(&o, path);
}
