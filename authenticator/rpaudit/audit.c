/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/audit.h"

#include "authenticator/clock.h"
#include "authenticator/interrupt.h"
#include "authenticator/rpaudit/bench.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE	3	/* checks without any answer at all */

bool
rp_patterns_match(const struct rp_patterns *patterns, const char *name)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (fnmatch(patterns->list[i], name, 0) == 0)
			return true;
	}
	return false;
}

static bool
has_check(const char *pattern)
{
	const struct rp_patterns one = { &pattern, 1 };
	struct rp_check c;
	struct rp_row row;

	for (size_t i = 0; rp_check_at(i, &c); i++) {
		rp_check_row(&c, &row);
		if (rp_patterns_match(&one, row.name))
			return true;
	}
	return false;
}

const char *
rp_patterns_unknown(const struct rp_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (!has_check(patterns->list[i]))
			return patterns->list[i];
	return NULL;
}

static bool
is_wanted(const struct rp_audit *a, const char *name)
{
	return (a->only.count == 0 || rp_patterns_match(&a->only, name)) &&
	    !rp_patterns_match(&a->skip, name);
}

void
rp_audit_list(const struct rp_audit *a, FILE *f)
{
	struct rp_check c;
	struct rp_row row;

	for (size_t i = 0; rp_check_at(i, &c); i++) {
		rp_check_row(&c, &row);
		if (is_wanted(a, row.name))
			fprintf(f, "%-8s  %-28s  %s\n",
			    rp_level_name(row.level), row.name, row.breaks);
	}
}

/*
 * One check
 */

static enum bench_step
honest_key(struct bench *b, const struct bench_user *user)
{
	enum bench_step step = bench_ceremony(b, true, user, NULL, NULL);

	if (step == BENCH_ACCEPTED)
		step = bench_ceremony(b, false, user, NULL, NULL);
	return step;
}

/* Something honest that a fault builds on: refused, it tells nothing. */
static enum bench_step
groundwork(struct bench *b, bool create, const struct bench_user *user)
{
	enum bench_step step = bench_ceremony(b, create, user, NULL, NULL);
	char said[sizeof(b->why)];

	if (step != BENCH_REFUSED)
		return step;
	memcpy(said, b->why, sizeof(said));
	if (snprintf(b->why, sizeof(b->why), "the honest %s before it was "
	    "refused: %s", create ? "registration" : "sign-in", said) < 0)
		return BENCH_FAILED;
	return BENCH_IMPOSSIBLE;
}

static enum bench_step
prepare(struct bench *b, const struct fault *f, bool create,
    const struct bench_user *user)
{
	enum bench_step step = BENCH_ACCEPTED;
	struct bench_user other;

	if (f->needs & FAULT_NEEDS_OTHER)
		step = bench_user(b, &other) ? groundwork(b, true, &other) :
		    BENCH_FAILED;
	if (step == BENCH_ACCEPTED &&
	    (!create || (f->needs & FAULT_NEEDS_EXCLUDE)))
		step = groundwork(b, true, user);
	if (step == BENCH_ACCEPTED && !create &&
	    (f->needs & FAULT_NEEDS_EARLIER))
		step = groundwork(b, false, user);
	return step;
}

/*
 * A fault that sends something once more is made the second time only: it
 * has seen nothing before.
 */
static enum bench_step
ceremony_with_fault(struct bench *b, const struct fault *f, bool create,
    const struct bench_user *user, bool *fits)
{
	enum bench_step step;
	char said[sizeof(b->why)];
	bool made;

	step = bench_ceremony(b, create, user, f, &made);
	if (step == BENCH_ACCEPTED && !made && f->stage == FAULT_CLIENT)
		step = bench_ceremony(b, create, user, f, &made);
	if ((step != BENCH_ACCEPTED && step != BENCH_REFUSED) || made)
		return step;
	*fits = false;
	memcpy(said, b->why, sizeof(said));
	if (step == BENCH_ACCEPTED)
		snprintf(b->why, sizeof(b->why), "the fault does not fit "
		    "what this relying party asks for");
	else if (snprintf(b->why, sizeof(b->why),
	    "refused without the fault: %s", said) < 0)
		return BENCH_FAILED;
	return BENCH_IMPOSSIBLE;
}

/* What is to be tolerated leaves a credential that can be used. */
static enum bench_step
sign_in_after(struct bench *b, const struct bench_user *user)
{
	enum bench_step step = bench_ceremony(b, false, user, NULL, NULL);
	char said[sizeof(b->why)];

	if (step != BENCH_REFUSED)
		return step;
	memcpy(said, b->why, sizeof(said));
	if (snprintf(b->why, sizeof(b->why), "registered, but then: %s",
	    said) < 0)
		return BENCH_FAILED;
	return step;
}

static bool
happens_at_create(const struct fault *f)
{
	return f->stage == FAULT_REGISTRATION ||
	    (f->stage == FAULT_CLIENT && f->client.create != NULL);
}

/*
 * The BLOB before the one with the fault is honest: it is there to be
 * replaced, and shows that metadata is read at all.
 */
static enum bench_step
with_metadata(struct bench *b, const struct fault *f,
    const struct bench_user *user)
{
	struct bench_user other;
	enum bench_step step = BENCH_FAILED;

	if (!bench_metadata(b, true, MDS_HONEST) || !bench_user(b, &other))
		return BENCH_FAILED;
	step = groundwork(b, true, &other);
	if (step != BENCH_ACCEPTED)
		return step;
	if (!bench_metadata(b, true, (enum mds_bend)f->metadata))
		return BENCH_IMPOSSIBLE;
	return bench_ceremony(b, true, user, f, NULL);
}

static enum bench_step
with_fault(struct bench *b, const struct fault *f,
    const struct bench_user *user, bool *fits)
{
	bool create = happens_at_create(f);
	enum bench_step step = prepare(b, f, create, user);

	if (step == BENCH_ACCEPTED)
		step = ceremony_with_fault(b, f, create, user, fits);
	if (step == BENCH_ACCEPTED && create && f->stage == FAULT_CLIENT &&
	    f->verdict == FAULT_TOLERATE)
		step = sign_in_after(b, user);
	return step;
}

/* Some only fit discoverable credentials: of others a key tells less. */
static enum bench_step
with_either(struct bench *b, const struct fault *f,
    const struct bench_user *user)
{
	struct bench_user another;
	bool fits = true;
	enum bench_step step = with_fault(b, f, user, &fits);

	if (fits || b->discoverable)
		return step;
	b->discoverable = true;
	if (!bench_user(b, &another))
		return BENCH_FAILED;
	return with_fault(b, f, &another, &fits);
}

/* Once for each format. The relying party is told of no fault. */
static enum bench_step
register_control(struct bench *b, const struct rp_honest *control)
{
	const char *name = b->name;
	enum bench_step step = BENCH_FAILED;
	struct bench_user user;

	b->name = control->name;
	if (bench_user(b, &user))
		step = bench_ceremony(b, true, &user, rp_check_as(control),
		    NULL);
	else
		snprintf(b->why, sizeof(b->why), "no random numbers");
	b->name = name;
	return step;
}

/*
 * What is refused with a fault counts if it is accepted without. Somebody who
 * does not know a format refuses everything of it.
 */
static enum bench_step
compare(struct bench *b, const struct fault *f)
{
	const struct rp_honest *control = rp_check_control(f);
	struct bench_control *c = &b->control[control->format];
	char said[sizeof(b->why)];

	memcpy(said, b->why, sizeof(said));
	if (!c->done) {
		b->why[0] = '\0';
		c->step = register_control(b, control);
		memcpy(c->why, b->why, sizeof(c->why));
		c->done = true;
	}
	if (c->step == BENCH_ACCEPTED) {
		memcpy(b->why, said, sizeof(said));
		return BENCH_REFUSED;
	}
	if (c->step == BENCH_FAILED || snprintf(b->why, sizeof(b->why),
	    "refused with nothing wrong, too: %s", c->why) < 0)
		return BENCH_FAILED;
	return BENCH_IMPOSSIBLE;
}

static enum bench_step
perform_fault(struct bench *b, const struct fault *f,
    const struct bench_user *user)
{
	enum bench_step step;

	/* their groundwork is the control of the others */
	if (f->stage == FAULT_METADATA)
		return with_metadata(b, f, user);
	step = with_either(b, f, user);
	return step == BENCH_REFUSED && happens_at_create(f) ?
	    compare(b, f) : step;
}

static enum bench_step
perform(struct bench *b, const struct rp_check *c)
{
	struct bench_user user;

	if (c->fault != NULL && c->fault->stage == FAULT_TRANSPORT) {
		snprintf(b->why, sizeof(b->why), "happens between key and "
		    "browser: a page sees it, the server does not");
		return BENCH_IMPOSSIBLE;
	}
	json_out_clear(&b->client.first_create);
	json_out_clear(&b->client.first_get);
	if (!bench_user(b, &user)) {
		snprintf(b->why, sizeof(b->why), "no random numbers");
		return BENCH_FAILED;
	}
	if (!bench_metadata(b, c->honest->metadata, MDS_HONEST))
		return BENCH_FAILED;
	if (c->fault == NULL)
		return honest_key(b, &user);
	return perform_fault(b, c->fault, &user);
}

/* What a verdict is worth. */
static enum rp_outcome
outcome(const struct bench *b, enum bench_step step, enum rp_level level)
{
	bool wrong = level == RP_REQUIRED || level == RP_POLICY;

	switch (step) {
	case BENCH_ACCEPTED:
		return wrong ? RP_MISSED : RP_ACCEPTED;
	case BENCH_REFUSED:
		return wrong ? RP_CAUGHT : RP_REFUSED;
	case BENCH_BROKEN:
		return b->broken;
	case BENCH_IMPOSSIBLE:
	case BENCH_FAILED:
		break;
	}
	return RP_NOT_APPLICABLE;
}

static int
run_check(struct bench *b, const struct rp_check *c, struct rp_row *row,
    char *msg, size_t msglen)
{
	const struct rp_honest *key = c->honest;
	uint64_t begun_ms = clock_ms();
	enum bench_step step;
	int r = 0;

	b->needs = c->fault != NULL ? c->fault->needs : 0;
	if (b->needs & FAULT_NEEDS_CRL)
		r = bench_lists(b, c->honest, &key, msg, msglen);
	if (r == 0)
		r = bench_key(b, key, msg, msglen);
	if (r < 0)
		return r;
	b->name = row->name;
	b->discoverable = c->honest->discoverable ||
	    (b->needs & FAULT_NEEDS_NO_LIST);
	b->why[0] = '\0';
	step = perform(b, c);
	row->outcome = outcome(b, step, row->level);
	row->took_ms = clock_ms() - begun_ms;
	if (step == BENCH_FAILED) {
		snprintf(msg, msglen, "%s", b->why);
		return -EIO;
	}
	if (step == BENCH_ACCEPTED || b->why[0] == '\0')
		return 0;
	row->why = strdup(b->why);
	return row->why != NULL ? 0 : -ENOMEM;
}

/*
 * All of them
 */

static void
show_progress(const struct rp_audit *a, const char *name, size_t count)
{
	if (!a->progress)
		return;
	if (name == NULL)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r\033[K%zu: %s", count + 1, name);
	fflush(stderr);
}

static int
run_all(struct bench *b, struct rp_results *results, char *msg, size_t msglen)
{
	struct rp_check c;
	struct rp_row row;
	int r = 0;

	snprintf(msg, msglen, "out of memory");
	for (size_t i = 0; r == 0 && rp_check_at(i, &c); i++) {
		rp_check_row(&c, &row);
		if (!is_wanted(b->audit, row.name))
			continue;
		show_progress(b->audit, row.name, results->count);
		r = run_check(b, &c, &row, msg, msglen);
		if (r == 0)
			r = rp_results_add(results, &row);
		if (r == 0 && b->answers == 0 && results->count >= PATIENCE) {
			snprintf(msg, msglen, "the relying party answers "
			    "nothing: %s", b->why);
			r = -EIO;
		}
		if (interrupt_came(b->audit->interrupt))
			r = -EINTR;
	}
	show_progress(b->audit, NULL, 0);
	return r;
}

int
rp_audit_run(const struct rp_audit *a, struct rp_results *results,
    char *msg, size_t msglen)
{
	struct bench b;
	int r = bench_open(&b, a, msg, msglen);

	if (r == 0)
		r = run_all(&b, results, msg, msglen);
	bench_close(&b);
	return r;
}
