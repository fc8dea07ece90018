/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of a fleet, and the keys that are its own.
 *
 * A provider and a store have one user: this thread, from worker_start() on.
 * All workers' providers have the same storage key, so that the attestation
 * that the first one made is good for everybody's keys.
 */
#include "authenticator/fleet/fleet_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "authenticator/client/webauthn_options.h"
#include "authenticator/fault/forbid.h"
#include "authenticator/prefetch.h"

#define HEAP_ROOM	(24 << 20)	/* bytes; less than have own pages */
#define HEAP_MORE	(4 << 20)	/* bytes, */
#define HEAP_MORE_JOBS	2048		/* which so many fit into, mostly */
#define LARGE_PAGE	(2 << 20)	/* bytes */

/*
 * Keys
 */

static int
open_in_memory(struct worker *w, struct token **out, char *msg, size_t msglen)
{
	const struct fleet_plan *plan = w->fleet->plan;
	struct device_config cfg = { .path = "memory", .auth = *plan->auth,
	    .keys = w->keys, .root = plan->root, .work = w->work,
	    .attestation = w->attestation };
	int r;

	r = store_open_memory(w->keys, &cfg.store);
	if (r == 0 && w->blobs != NULL) {
		r = store_copy_blobs(w->blobs, cfg.store);
		if (r != 0)
			store_close(cfg.store);
	}
	if (r != 0) {
		snprintf(msg, msglen, "%s", strerror(-r));
		return r;
	}
	return token_open_config(&cfg, &w->messages, out, msg, msglen);
}

static int
open_in_directory(struct worker *w, size_t key, struct token **out, char *msg,
    size_t msglen)
{
	const struct fleet_plan *plan = w->fleet->plan;
	char path[PATH_MAX];
	struct device_config cfg = { .path = path, .create = true,
	    .auth = *plan->auth, .root = plan->root, .tpm.target = "none",
	    .audit = AUDIT_SEALED, .work = w->work };
	int r;

	if (snprintf(path, sizeof(path), "%s/keys/%zu", plan->state, key) >=
	    (int)sizeof(path)) {
		snprintf(msg, msglen, "%s: too long", plan->state);
		return -ENAMETOOLONG;
	}
	r = token_open_config(&cfg, &w->messages, out, msg, msglen);
	if (r == 0 && plan->opened != NULL) {
		r = plan->opened(plan->arg, path, msg, msglen);
		if (r != 0)
			token_free(*out);
	}
	return r;
}

static void
unlink_member(struct worker *w, struct member *m)
{
	if (m->newer != NULL)
		m->newer->older = m->older;
	else
		w->newest = m->older;
	if (m->older != NULL)
		m->older->newer = m->newer;
	else
		w->oldest = m->newer;
	m->newer = m->older = NULL;
}

static void
link_newest(struct worker *w, struct member *m)
{
	m->older = w->newest;
	if (m->older != NULL)
		m->older->newer = m;
	else
		w->oldest = m;
	w->newest = m;
}

static void
close_member(struct worker *w, struct member *m)
{
	if (m->token == NULL)
		return;
	webauthn_client_done(&m->client);
	token_free(m->token);
	m->token = NULL;
	if (w->fleet->plan->state != NULL)
		unlink_member(w, m);
	w->open_count--;
}

static int
open_member(struct worker *w, struct member *m, size_t key, char *msg,
    size_t msglen)
{
	const struct fleet_plan *plan = w->fleet->plan;
	struct token *token;
	int r;

	/* open files are few, memory is not */
	if (plan->state != NULL && w->open_count >= FLEET_OPEN_MAX)
		close_member(w, w->oldest);
	r = plan->state != NULL ?
	    open_in_directory(w, key, &token, msg, msglen) :
	    open_in_memory(w, &token, msg, msglen);
	if (r != 0)
		return r;
	r = webauthn_client_init(&m->client, plan->origin, plan->platform,
	    token);
	if (r != 0) {
		snprintf(msg, msglen, "the key does not say what it is");
		webauthn_client_done(&m->client);
		token_free(token);
		return r < 0 ? r : -EIO;
	}
	m->token = token;
	w->open_count++;
	if (plan->state != NULL)
		link_newest(w, m);
	return 0;
}

static struct member *
find_member(struct worker *w, size_t key, struct dom_error *err)
{
	struct member *m = &w->members[key / w->fleet->plan->jobs];
	char msg[DEVICE_MESSAGE_LEN];

	if (m->token == NULL) {
		if (open_member(w, m, key, msg, sizeof(msg)) != 0) {
			dom_fail(err, "UnknownError", "key %zu: %s", key, msg);
			return NULL;
		}
	} else if (w->fleet->plan->state != NULL && w->newest != m) {
		unlink_member(w, m);
		link_newest(w, m);
	}
	return m;
}

/*
 * Jobs
 */

static bool
perform(struct worker *w, const struct job *job, struct json_out *out,
    struct dom_error *err)
{
	const struct fleet_line *line = &job->line;
	struct member *m;

	if (job->wrong != NULL)
		return dom_fail(err, job->too_long ? "NotSupportedError" :
		    "SyntaxError", "%s", job->wrong);
	m = find_member(w, line->key, err);
	if (m == NULL)
		return false;
	return line->create ? webauthn_create(&m->client, line->options, out,
	    err) : webauthn_get(&m->client, line->options, out, err);
}

/* {"key": 17, "id": ..., "response" or "error": ...} */
static void
answer_named(struct worker *w, struct job *job)
{
	struct json_out *out = &job->out;
	struct dom_error err = { .name = NULL };

	job->failed = !perform(w, job, &w->scratch, &err);
	json_out_clear(out);
	json_out_open(out, '{');
	if (job->wrong == NULL || job->line.has_key) {
		json_out_name(out, "key");
		json_out_uint(out, job->line.key);
	}
	if (job->line.id.p != NULL) {
		json_out_name(out, "id");
		json_out_raw(out, job->line.id);
	}
	if (job->failed) {
		dom_error_put_member(out, &err);
	} else {
		json_out_name(out, "response");
		json_out_raw(out, json_out_text(&w->scratch));
	}
	json_out_close(out, '}');
}

static void
answer_plainly(struct worker *w, struct job *job)
{
	struct dom_error err = { .name = NULL };

	job->failed = !perform(w, job, &job->out, &err);
	if (job->failed)
		dom_error_put(&job->out, &err);
}

void
worker_answer(struct worker *w, struct job *job)
{
	if (w->fleet->plan->verb == FLEET_NAMED)
		answer_named(w, job);
	else
		answer_plainly(w, job);
	json_out_raw(&job->out, span_str("\n"));
}

/* Whoever waits looks at left with the lock, or has not begun to wait; and is
 * not woken to wait for the lock. */
static void
finish_job(struct job *job)
{
	struct fleet *f = job->group->fleet;

	if (atomic_fetch_sub(&job->group->left, 1) != 1)
		return;
	pthread_mutex_lock(&f->lock);
	pthread_mutex_unlock(&f->lock);
	pthread_cond_broadcast(&f->done);
}

/* All that have come; NULL: there will be no more. */
static struct job *
take_jobs(struct worker *w)
{
	struct job *jobs;

	pthread_mutex_lock(&w->lock);
	while (w->first == NULL && !w->stop)
		pthread_cond_wait(&w->wake, &w->lock);
	jobs = w->first;
	w->first = NULL;
	w->last = &w->first;
	pthread_mutex_unlock(&w->lock);
	return jobs;
}

/*
 * Room for so many bytes in the heap of this thread at once, in large pages if
 * the system has them: keys and what they remember are many small things, for
 * which it would have to ask every few of them.
 */
static void
make_heap(size_t len)
{
	char *p = malloc(len), *page;

	if (p == NULL)
		return;
	page = p + LARGE_PAGE - (uintptr_t)p % LARGE_PAGE;
	(void)madvise(page, (size_t)(p + len - page), MADV_HUGEPAGE);
	free(p);
}

/* The key of a job that comes next, if it is open: while another one's
 * signature is made, nobody needs the memory. */
static void
prefetch_member(struct worker *w, const struct job *job)
{
	struct member *m;

	if (job == NULL || job->wrong != NULL)
		return;
	m = &w->members[job->line.key / w->fleet->plan->jobs];
	prefetch(m, m + 1);
	if (m->token != NULL)
		device_prefetch(token_local_device(m->token));
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct job *job, *next;
	unsigned done = 0;

	make_heap(HEAP_ROOM);
	while ((job = take_jobs(w)) != NULL) {
		for (; job != NULL; job = next) {
			next = job->next;	/* before it is another's */
			prefetch_member(w, next);
			worker_answer(w, job);
			finish_job(job);
			if (++done % HEAP_MORE_JOBS == 0)
				make_heap(HEAP_MORE);
		}
	}
	return NULL;
}

void
worker_add(struct worker *w, struct job *first, struct job **last)
{
	pthread_mutex_lock(&w->lock);
	*w->last = first;
	w->last = last;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->wake);
}

/*
 * Beginning and end
 */

/*
 * What every key of a fleet in memory would otherwise make for itself. None
 * of them ever gets something wrong, as nobody can arm a fault for it: so what
 * faults need to know of each operation need not be kept. The first worker
 * says so and makes it, the others load it.
 */
static int
make_shared(struct worker *w, char *msg, size_t msglen)
{
	const struct fleet_plan *plan = w->fleet->plan;
	struct attestation_plan ap = { .aaguid = plan->auth->aaguid,
	    .subject = plan->auth->leaf.subject,
	    .ak_alg = plan->auth->ak_alg,
	    .tpm_manufacturer = plan->auth->tpm_manufacturer,
	    .brought = plan->root, .now_s = time(NULL) };
	bool forbidden;
	int r = 0;

	/* first: what has an attestation, has been started (forbid.h) */
	if (w->number == 0)
		r = fault_forbid(w->blobs, true, &forbidden, msg, msglen);
	return r != 0 ? r : attestation_load(w->blobs, w->keys, &ap,
	    &w->attestation, msg, msglen);
}

static int
init_memory(struct worker *w, char *msg, size_t msglen)
{
	struct worker *first = &w->fleet->workers[0];
	int r;

	r = w->number == 0 ? keys_open_memory(w->member_count, &w->keys) :
	    keys_copy_memory(first->keys, &w->keys);
	if (r == 0)
		r = store_open_memory(w->keys, &w->blobs);
	if (r != 0) {
		snprintf(msg, msglen, "%s", strerror(-r));
		return r;
	}
	r = w->number == 0 ? 0 : store_copy_blobs(first->blobs, w->blobs);
	if (r != 0) {
		snprintf(msg, msglen, "%s", strerror(-r));
		return r;
	}
	return make_shared(w, msg, msglen);
}

int
worker_init(struct worker *w, struct fleet *f, unsigned number, char *msg,
    size_t msglen)
{
	w->fleet = f;
	w->number = number;
	w->last = &w->first;
	w->member_count = (f->plan->keys + f->plan->jobs - 1 - number) /
	    f->plan->jobs;
	json_out_init(&w->scratch);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	w->members = calloc(w->member_count, sizeof(*w->members));
	w->work = device_work_new();
	if (w->members == NULL || w->work == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	return f->plan->state != NULL ? 0 : init_memory(w, msg, msglen);
}

int
worker_start(struct worker *w)
{
	int r = pthread_create(&w->thread, NULL, work, w);

	w->started = r == 0;
	return -r;
}

void
worker_done(struct worker *w)
{
	if (w->fleet == NULL)
		return;
	if (w->started) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_signal(&w->wake);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	for (size_t i = 0; w->members != NULL && i < w->member_count; i++)
		close_member(w, &w->members[i]);
	free(w->members);
	device_work_free(w->work);
	attestation_free(w->attestation);
	store_close(w->blobs);
	keys_free(w->keys);
	json_out_done(&w->scratch);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
}
