/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of each check: rows, and how they are told. What a relying party
 * says is not trusted: it cannot leave its place in any of the forms.
 */
#ifndef AUTHENTICATOR_RPAUDIT_RESULT_H
#define AUTHENTICATOR_RPAUDIT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What the relying party is expected to do. */
enum rp_level {
	RP_HONEST,	/* accept: nothing is wrong */
	RP_REQUIRED,	/* refuse: the standard says so */
	RP_POLICY,	/* refuse, if that is its policy */
	RP_TOLERATE,	/* accept: it is unusual, and allowed */
};
#define RP_LEVELS	4

enum rp_outcome {
	RP_CAUGHT,	/* refused what is wrong */
	RP_MISSED,	/* accepted what is wrong */
	RP_ACCEPTED,	/* accepted what is not */
	RP_REFUSED,	/* refused what is not */
	RP_CRASHED,	/* it ended, or HTTP 5xx */
	RP_NO_ANSWER,	/* in time */
	RP_NONSENSE,	/* it answered with something else */
	RP_NOT_APPLICABLE,	/* the check could not be made; see why */
};
#define RP_OUTCOMES	8

struct rp_row {
	const char	*name;		/* these five live for ever */
	const char	*breaks;
	const char	*check;
	const char	*section;
	const char	*references;	/* NULL: none */
	enum rp_level	 level;
	enum rp_outcome	 outcome;
	char		*why;		/* what the relying party said; NULL */
	uint64_t	 took_ms;
};

struct rp_results {
	const char	*target;	/* who was audited */
	struct rp_row	*rows;
	size_t		 count;
	size_t		 cap;
	uint64_t	 took_ms;
};

/* Takes row, its why included. -ENOMEM: why is freed. */
int rp_results_add(struct rp_results *rs, const struct rp_row *row);
void rp_results_done(struct rp_results *rs);

unsigned rp_results_count(const struct rp_results *rs, enum rp_level level,
    enum rp_outcome outcome);
/* It should have been otherwise, at whatever level. */
bool rp_row_is_bad(const struct rp_row *row);

const char *rp_level_name(enum rp_level level);
const char *rp_outcome_name(enum rp_outcome outcome);

/* A line each, and the sum. */
void rp_results_print(const struct rp_results *rs, FILE *f);
/* False: no memory. */
bool rp_results_json(const struct rp_results *rs, FILE *f);
void rp_results_junit(const struct rp_results *rs, FILE *f);
void rp_results_html(const struct rp_results *rs, FILE *f);

/* Has a file written by one of the above, whole or not at all (output_file.h);
 * -errno. */
int rp_results_write(const struct rp_results *rs, const char *path,
    void (*write)(const struct rp_results *rs, FILE *f));

#endif
