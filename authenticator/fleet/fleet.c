/* SPDX-License-Identifier: Apache-2.0 */
/* Many keys, and a batch of lines for them: see fleet.h. */
#include "authenticator/fleet/fleet_impl.h"

#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "authenticator/client/webauthn_options.h"
#include "authenticator/paths.h"

/* Two chunks are at work at a time, and each has two lines for each worker, so
 * that none waits for lack of them. But few: what was answered last is still
 * in the cache when it is written. */
#define CHUNK_LINES_MIN	48
#define CHUNK_LINES_MAX	(2 * FLEET_JOBS_MAX)
#define CHUNKS		3	/* one is read, one answered, one written */
#define HEAP_KEPT	(64 << 20)	/* bytes that are not given back */
#define HEAP_STEP	(1 << 20)
#define HEAP_OWN_PAGES	(32 << 20)	/* from so many bytes on */
#define READ_LEN	(256 * 1024)	/* bytes at once */
#define BUFFER_LEN	(FLEET_LINE_MAX + READ_LEN)

struct chunk {
	struct job_group group;
	struct job	 job[CHUNK_LINES_MAX];
	size_t		 count;
	char		*text;		/* of the lines, BUFFER_LEN bytes */
	size_t		 len;
};

struct batch {
	struct fleet	*fleet;
	size_t		 lines;		/* of a chunk, at most */
	int		 in, out;
	char		*buf;		/* BUFFER_LEN bytes, not taken yet */
	size_t		 start, end;
	bool		 eof;
	bool		 skipping;	/* a line that is too long */
	struct chunk	 chunk[CHUNKS];
	bool		 failed;
};

/*
 * The fleet
 */

static int
make_one(const char *path, char *msg, size_t msglen)
{
	int r = paths_open_dir(path, true, msg, msglen);

	if (r < 0)
		return r;
	close(r);
	return 0;
}

static int
make_directory(const struct fleet_plan *plan, char *msg, size_t msglen)
{
	char path[PATH_MAX];
	int r;

	if (plan->state == NULL)
		return 0;
	r = make_one(plan->state, msg, msglen);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/keys", plan->state);
	return make_one(path, msg, msglen);
}

int
fleet_open(const struct fleet_plan *plan, struct fleet **out, char *msg,
    size_t msglen)
{
	struct fleet *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	snprintf(msg, msglen, "out of memory");
	if (f == NULL)
		return r;
	/* what a line needs, the next one needs, too */
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_TOP_PAD, HEAP_STEP);
	/* pages of its own for each key put what is used of all of them at
	 * the same place in a page, and so in a few lines of the cache */
	mallopt(M_MMAP_THRESHOLD, HEAP_OWN_PAGES);
	f->plan = plan;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->done, NULL);
	f->workers = calloc(plan->jobs, sizeof(*f->workers));
	if (f->workers != NULL)
		r = make_directory(plan, msg, msglen);
	for (unsigned i = 0; i < plan->jobs && r == 0; i++)
		r = worker_init(&f->workers[i], f, i, msg, msglen);
	for (unsigned i = 0; i < plan->jobs && r == 0; i++) {
		r = worker_start(&f->workers[i]);
		if (r != 0)
			snprintf(msg, msglen, "cannot start a thread: %s",
			    strerror(-r));
	}
	if (r != 0) {
		fleet_close(f);
		return r;
	}
	*out = f;
	return 0;
}

void
fleet_close(struct fleet *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; f->workers != NULL && i < f->plan->jobs; i++)
		worker_done(&f->workers[i]);
	free(f->workers);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->done);
	free(f);
}

static const char too_long[] = "the line is too long";
static const char no_such_key[] = "the fleet has no key of this number";

/* What job, with text or too_long set, is: its line, or what is wrong. */
static void
take_line(struct fleet *f, struct job *job)
{
	const struct fleet_plan *plan = f->plan;
	struct fleet_line *line = &job->line;

	*line = (struct fleet_line){ .options = job->text,
	    .create = plan->verb == FLEET_CREATE };
	job->wrong = job->too_long ? too_long : NULL;
	if (!job->too_long && plan->verb == FLEET_NAMED &&
	    fleet_line_parse(job->text, line, &job->wrong))
		job->wrong = NULL;
	if (!line->has_key)
		line->key = f->lines % plan->keys;
	if (job->wrong == NULL && line->key >= plan->keys)
		job->wrong = no_such_key;
	f->lines++;
}

/* For all jobs of a chunk. */
static void
wait_for(struct job_group *group)
{
	struct fleet *f = group->fleet;

	if (atomic_load(&group->left) == 0)
		return;
	pthread_mutex_lock(&f->lock);
	while (atomic_load(&group->left) != 0)
		pthread_cond_wait(&f->done, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

/*
 * Reading
 */

static bool
is_blank(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	return true;
}

static void
add_line(struct batch *b, struct chunk *c, struct span text)
{
	struct job *job = &c->job[c->count];

	if (!b->skipping && is_blank(text))
		return;
	if (!b->skipping) {
		memcpy(c->text + c->len, text.p, text.len);
		job->text = span(c->text + c->len, text.len);
		c->len += text.len;
	}
	job->too_long = b->skipping;
	b->skipping = false;
	take_line(b->fleet, job);
	c->count++;
}

/* The lines that are there, as many as fit. */
static void
take_lines(struct batch *b, struct chunk *c)
{
	char *line, *end;
	size_t len;

	while (c->count < b->lines && b->start < b->end) {
		line = b->buf + b->start;
		end = memchr(line, '\n', b->end - b->start);
		if (end == NULL && !b->eof)
			break;
		len = end != NULL ? (size_t)(end - line) : b->end - b->start;
		if (c->len + len > BUFFER_LEN)
			break;
		if (len > FLEET_LINE_MAX)
			b->skipping = true;
		add_line(b, c, span(line, len));
		b->start += len + (end != NULL);
	}
	if (b->eof && b->skipping && b->start == b->end &&
	    c->count < b->lines)
		add_line(b, c, span(NULL, 0));
}

/* What is left of a line goes to the front; of one too long, nowhere. */
static void
make_room(struct batch *b)
{
	memmove(b->buf, b->buf + b->start, b->end - b->start);
	b->end -= b->start;
	b->start = 0;
	if (b->end > FLEET_LINE_MAX) {
		b->skipping = true;
		b->end = 0;
	}
}

static bool
has_input(const struct batch *b)
{
	struct pollfd pfd = { .fd = b->in, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* 0, or -errno. */
static int
read_more(struct batch *b)
{
	ssize_t n;

	make_room(b);
	do {
		n = read(b->in, b->buf + b->end, READ_LEN);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	b->eof = n == 0;
	b->end += (size_t)n;
	return 0;
}

/*
 * Lines into c. With wait, one at least, unless there are no more; without,
 * what there is.
 */
static int
fill(struct batch *b, struct chunk *c, bool wait)
{
	int r = 0;

	c->count = c->len = 0;
	take_lines(b, c);
	while (r == 0 && c->count == 0 && !b->eof && (wait || has_input(b))) {
		r = read_more(b);
		if (r == 0)
			take_lines(b, c);
	}
	return r;
}

/*
 * Answering and writing
 */

static void
hand_out(struct batch *b, struct chunk *c)
{
	struct fleet *f = b->fleet;
	struct job *first[FLEET_JOBS_MAX] = { NULL };
	struct job **last[FLEET_JOBS_MAX];
	size_t w;

	for (w = 0; w < f->plan->jobs; w++)
		last[w] = &first[w];
	c->group.fleet = f;
	atomic_store(&c->group.left, c->count);
	for (size_t i = 0; i < c->count; i++) {
		c->job[i].group = &c->group;
		c->job[i].next = NULL;
		w = c->job[i].line.key % f->plan->jobs;
		*last[w] = &c->job[i];
		last[w] = &c->job[i].next;
	}
	for (w = 0; w < f->plan->jobs; w++)
		if (first[w] != NULL)
			worker_add(&f->workers[w], first[w], last[w]);
}

/* All of it, in as few calls as the system makes of them. */
static int
write_all(int fd, struct iovec *iov, size_t count)
{
	ssize_t n;

	while (count > 0) {
		n = writev(fd, iov, (int)count);
		if (n == -1 && errno != EINTR)
			return -errno;
		for (; n > 0 && (size_t)n >= iov->iov_len; iov++, count--)
			n -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* When all of it is answered. */
static int
put_out(struct batch *b, struct chunk *c)
{
	struct iovec iov[CHUNK_LINES_MAX];
	struct span text;

	wait_for(&c->group);
	for (size_t i = 0; i < c->count; i++) {
		b->failed = b->failed || c->job[i].failed;
		text = json_out_text(&c->job[i].out);
		if (text.p == NULL)
			return -ENOMEM;
		iov[i] = (struct iovec){ (void *)text.p, text.len };
	}
	return write_all(b->out, iov, c->count);
}

static struct batch *
batch_new(struct fleet *f, int in, int out)
{
	struct batch *b = calloc(1, sizeof(*b));
	bool ok = b != NULL;

	if (b == NULL)
		return NULL;
	b->fleet = f;
	b->lines = 2 * f->plan->jobs > CHUNK_LINES_MIN ? 2 * f->plan->jobs :
	    CHUNK_LINES_MIN;
	b->in = in;
	b->out = out;
	b->buf = malloc(BUFFER_LEN);
	ok = b->buf != NULL;
	for (int i = 0; i < CHUNKS; i++) {
		b->chunk[i].text = malloc(BUFFER_LEN);
		ok = ok && b->chunk[i].text != NULL;
		for (int j = 0; j < CHUNK_LINES_MAX; j++)
			json_out_init(&b->chunk[i].job[j].out);
	}
	if (ok)
		return b;
	free(b->buf);
	for (int i = 0; i < CHUNKS; i++)
		free(b->chunk[i].text);
	free(b);
	return NULL;
}

/* Options can have secrets (salts), and so can answers. */
static void
batch_free(struct batch *b)
{
	explicit_bzero(b->buf, BUFFER_LEN);
	free(b->buf);
	for (int i = 0; i < CHUNKS; i++) {
		explicit_bzero(b->chunk[i].text, BUFFER_LEN);
		free(b->chunk[i].text);
		for (int j = 0; j < CHUNK_LINES_MAX; j++)
			json_out_done(&b->chunk[i].job[j].out);
	}
	free(b);
}

/*
 * At most two chunks are with the workers: as long as there is input, none of
 * them waits while answers are written.
 */
static int
answer_all(struct batch *b, const char **doing)
{
	struct chunk *c;
	unsigned head = 0, tail = 0;	/* chunks handed out, written */
	int r;

	for (;;) {
		c = &b->chunk[head % CHUNKS];
		*doing = "cannot read the options";
		r = fill(b, c, head == tail);
		if (r != 0)
			break;
		if (c->count > 0) {
			hand_out(b, c);
			head++;
		}
		if (head == tail)
			return 0;	/* the end: it would have waited */
		if (c->count > 0 && head - tail < CHUNKS - 1)
			continue;
		*doing = "cannot write the output";
		r = put_out(b, &b->chunk[tail % CHUNKS]);
		tail++;
		if (r != 0)
			break;
	}
	/* what is handed out is the workers' */
	for (; tail != head; tail++)
		wait_for(&b->chunk[tail % CHUNKS].group);
	return r;
}

int
fleet_run(struct fleet *f, int in, int out, bool *failed, char *msg,
    size_t msglen)
{
	struct batch *b = batch_new(f, in, out);
	const char *doing;
	int r;

	if (b == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	r = answer_all(b, &doing);
	if (r != 0)
		snprintf(msg, msglen, "%s: %s", doing, strerror(-r));
	*failed = b->failed;
	batch_free(b);
	return r;
}
