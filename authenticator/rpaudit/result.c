/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/result.h"

#include "authenticator/cmd/cli.h"
#include "authenticator/output_file.h"

#include <jansson.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHY_SHOWN	100	/* bytes of it in the table */

int
rp_results_add(struct rp_results *rs, const struct rp_row *row)
{
	struct rp_row *rows;
	size_t cap;

	if (rs->count == rs->cap) {
		cap = rs->cap == 0 ? 256 : rs->cap * 2;
		rows = reallocarray(rs->rows, cap, sizeof(*rows));
		if (rows == NULL) {
			free(row->why);
			return -ENOMEM;
		}
		rs->rows = rows;
		rs->cap = cap;
	}
	rs->rows[rs->count++] = *row;
	rs->took_ms += row->took_ms;
	return 0;
}

void
rp_results_done(struct rp_results *rs)
{
	for (size_t i = 0; i < rs->count; i++)
		free(rs->rows[i].why);
	free(rs->rows);
	memset(rs, 0, sizeof(*rs));
}

unsigned
rp_results_count(const struct rp_results *rs, enum rp_level level,
    enum rp_outcome outcome)
{
	unsigned n = 0;

	for (size_t i = 0; i < rs->count; i++)
		n += rs->rows[i].level == level &&
		    rs->rows[i].outcome == outcome;
	return n;
}

bool
rp_row_is_bad(const struct rp_row *row)
{
	switch (row->outcome) {
	case RP_CAUGHT:
	case RP_ACCEPTED:
	case RP_NOT_APPLICABLE:
		return false;
	case RP_MISSED:
	case RP_REFUSED:
	case RP_CRASHED:
	case RP_NO_ANSWER:
	case RP_NONSENSE:
		break;
	}
	return true;
}

const char *
rp_level_name(enum rp_level level)
{
	static const char *const names[RP_LEVELS] = {
		[RP_HONEST] = "honest",
		[RP_REQUIRED] = "required",
		[RP_POLICY] = "policy",
		[RP_TOLERATE] = "tolerate",
	};

	return names[level];
}

const char *
rp_outcome_name(enum rp_outcome outcome)
{
	static const char *const names[RP_OUTCOMES] = {
		[RP_CAUGHT] = "caught",
		[RP_MISSED] = "missed",
		[RP_ACCEPTED] = "accepted",
		[RP_REFUSED] = "refused",
		[RP_CRASHED] = "crashed",
		[RP_NO_ANSWER] = "no answer",
		[RP_NONSENSE] = "nonsense",
		[RP_NOT_APPLICABLE] = "not applicable",
	};

	return names[outcome];
}

/* Of one level: "12 caught, 3 missed", in the order of the enum. */
static void
print_sum(const struct rp_results *rs, enum rp_level level, FILE *f)
{
	static const char *const titles[RP_LEVELS] = {
		[RP_HONEST] = "honest keys",
		[RP_REQUIRED] = "what every relying party has to refuse",
		[RP_POLICY] = "what only a policy can refuse",
		[RP_TOLERATE] = "what is unusual and allowed",
	};
	const char *between = ": ";

	for (int o = 0; o < RP_OUTCOMES; o++) {
		unsigned n = rp_results_count(rs, level, (enum rp_outcome)o);

		if (n == 0)
			continue;
		if (between[0] == ':')
			fputs(titles[level], f);
		fprintf(f, "%s%u %s", between, n,
		    rp_outcome_name((enum rp_outcome)o));
		between = ", ";
	}
	if (between[0] == ',')
		putc('\n', f);
}

static void
print_row(const struct rp_row *row, FILE *f)
{
	char why[WHY_SHOWN];

	fprintf(f, "%-14s  %-8s  %-28s  ", rp_outcome_name(row->outcome),
	    rp_level_name(row->level), row->name);
	/* what matters most: what ought to have been checked; else why */
	if (row->outcome == RP_MISSED || row->why == NULL) {
		fprintf(f, "%s (%s)\n", row->check, row->section);
		return;
	}
	cli_clean(row->why, strlen(row->why), why, sizeof(why));
	fprintf(f, "%s\n", why);
}

void
rp_results_print(const struct rp_results *rs, FILE *f)
{
	for (size_t i = 0; i < rs->count; i++)
		print_row(&rs->rows[i], f);
	putc('\n', f);
	for (int level = 0; level < RP_LEVELS; level++)
		print_sum(rs, (enum rp_level)level, f);
	fprintf(f, "%zu checks in %llu.%llu s\n", rs->count,
	    (unsigned long long)rs->took_ms / 1000,
	    (unsigned long long)rs->took_ms % 1000 / 100);
}

static json_t *
row_json(const struct rp_row *row)
{
	char why[1024];

	why[0] = '\0';
	if (row->why != NULL)
		cli_clean(row->why, strlen(row->why), why, sizeof(why));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o?, s:I}",
	    "name", row->name,
	    "level", rp_level_name(row->level),
	    "outcome", rp_outcome_name(row->outcome),
	    "breaks", row->breaks,
	    "check", row->check,
	    "section", row->section,
	    "references", row->references,
	    "why", why[0] != '\0' ? json_string(why) : NULL,
	    "ms", (json_int_t)row->took_ms);
}

static json_t *
summary_json(const struct rp_results *rs)
{
	json_t *all = json_object();

	for (int l = 0; l < RP_LEVELS; l++) {
		json_t *level = json_object();

		for (int o = 0; o < RP_OUTCOMES; o++) {
			unsigned n = rp_results_count(rs, (enum rp_level)l,
			    (enum rp_outcome)o);

			if (n > 0)
				json_object_set_new(level, rp_outcome_name(
				    (enum rp_outcome)o), json_integer(n));
		}
		json_object_set_new(all, rp_level_name((enum rp_level)l),
		    level);
	}
	return all;
}

bool
rp_results_json(const struct rp_results *rs, FILE *f)
{
	json_t *rows = json_array(), *all;
	bool ok;

	for (size_t i = 0; i < rs->count; i++)
		json_array_append_new(rows, row_json(&rs->rows[i]));
	all = json_pack("{s:s, s:o, s:o, s:I}", "relyingParty", rs->target,
	    "summary", summary_json(rs), "checks", rows, "ms",
	    (json_int_t)rs->took_ms);
	ok = all != NULL && json_array_size(rows) == rs->count &&
	    json_dumpf(all, f, JSON_INDENT(2)) == 0 && putc('\n', f) != EOF;
	json_decref(all);
	return ok;
}

int
rp_results_write(const struct rp_results *rs, const char *path,
    void (*write)(const struct rp_results *rs, FILE *f))
{
	struct output_file o;
	int r = output_file_begin(&o);

	if (r < 0)
		return r;
	write(rs, o.f);
	return output_file_end(&o, path);
}
