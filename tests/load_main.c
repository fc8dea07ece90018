/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of one daemon under load:
 *
 *	load [-s SECONDS] [-k KEYS] [-a] [-e] SEALKEY
 *
 * "sealkey run --empty" gets KEYS (10) ephemeral keys behind sockets by its
 * control interface, each a client that never pauses (load_client.h), and a
 * reader of all events. After SECONDS (600):
 *
 *  1. No answer was wrong, and no event is missing, but for those that the
 *     reader, who was too slow, is told to have lost.
 *  2. The memory of the daemon has not grown since a tenth of the time, at
 *     which every buffer has been as long as it gets. The number of
 *     credentials is bounded, so there is nothing that would explain it.
 *     So too with the descriptors it had open.
 *  3. Of each kind of operation, and of all, p99 is below 20 times p50. On a
 *     machine that has others to work for, the daemon waits for a processor:
 *     as many times longer than twice its work as that takes it, as many times
 *     wider this may be, but 40 times at most. With -a, for a machine that is
 *     to do nothing else, that is no pass but a SKIP.
 *  4. The daemon ends orderly, and said no more than that it was ready.
 *
 * States are on a tmpfs where there is one, as they are for who has a runtime
 * directory, so that no other's disk is measured. With -e only 1 and 4 are
 * asked: for a daemon with sanitizers, whose memory and times are not its own.
 * Prints TAP, and the figures as comments.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/control/control_client.h"
#include "tests/bench.h"
#include "tests/load_client.h"

#define KEYS_MAX	64
#define SECONDS_MAX	86400
#define SPREAD_MAX	20	/* p99 by p50 */
#define LATE_MAX_S	60	/* until the last event is read */
#define FEW		1000	/* of fewer, p99 says nothing */
#define GROWTH_MAX_KIB	1024
#define SAMPLES		100	/* of the daemon's memory */

/* What /proc says of the daemon. */
struct use {
	unsigned long	anon_kib;
	unsigned long	file_kib;
	unsigned long	fds;	/* places in its table of descriptors */
	unsigned long	threads;
	uint64_t	run_ns;		/* on a processor */
	uint64_t	wait_ns;	/* for one */
};

struct member {
	struct load_client client;
	pthread_t	 thread;
	char		 name[32];
	char		 socket[128];
};

/* Who reads all events. */
struct reader {
	pthread_t	 thread;
	uint64_t	 last;		/* number of the last event */
	uint64_t	 lost;		/* that were told to be */
	uint64_t	 operations;
	const char	*until;		/* the key that is removed last */
	pthread_mutex_t	 lock;		/* of begun */
	pthread_cond_t	 change;
	bool		 begun;
	char		 why[256];	/* "": all was well */
};

struct world {
	const char	*sealkey;
	unsigned	 seconds;
	size_t		 keys;
	bool		 errors_only;
	bool		 alone;		/* the machine does nothing else */
	pid_t		 pid;
	char		 dir[64];	/* temporary, holds the next two */
	char		 control[96];
	char		 log[96];
	atomic_bool	 stop;
	struct member	*members;
	struct reader	 reader;
	struct use	 use[SAMPLES + 1];
	unsigned	 tests, failed;
};

static void __attribute__((format(printf, 3, 4)))
result(struct world *w, bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%s %u - ", ok ? "ok" : "not ok", ++w->tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	w->failed += !ok;
}

/* The daemon. */

static void
be_daemon(const struct world *w, int ready)
{
	char fd[16];
	int log = open(w->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	snprintf(fd, sizeof(fd), "%d", ready);
	if (log == -1 || dup2(log, STDERR_FILENO) == -1 ||
	    setenv("XDG_RUNTIME_DIR", w->dir, 1) != 0)
		_exit(126);
	execl(w->sealkey, w->sealkey, "run", "--empty", "--control",
	    w->control, "--ready-fd", fd, (char *)NULL);
	_exit(127);
}

static void
start_daemon(struct world *w)
{
	int fds[2];
	char byte;

	if (pipe(fds) != 0 || (w->pid = fork()) == -1)
		bench_die("cannot start a process");
	if (w->pid == 0) {
		close(fds[0]);
		be_daemon(w, fds[1]);
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		bench_die("sealkey run did not become ready");
	close(fds[0]);
}

static void
call(const struct world *w, const char *method, const char *target,
    const char *body)
{
	char msg[256];
	json_t *json;

	if (control_call_with(w->control, method, target, body, &json, msg,
	    sizeof(msg)) < 0)
		bench_die(msg);
	json_decref(json);
}

static void
add_keys(struct world *w)
{
	char body[512];

	w->members = calloc(w->keys, sizeof(*w->members));
	if (w->members == NULL)
		bench_die("no memory");
	for (size_t i = 0; i < w->keys; i++) {
		struct member *m = &w->members[i];

		snprintf(m->name, sizeof(m->name), "load%zu", i);
		snprintf(m->socket, sizeof(m->socket), "%s/%s.sock", w->dir,
		    m->name);
		snprintf(body, sizeof(body), "{\"key\": \"%s\", \"ephemeral\":"
		    " true, \"transport\": \"socket\", \"socket\": \"%s\", "
		    "\"tpm\": \"none\", \"presence\": \"auto\"}", m->name,
		    m->socket);
		call(w, "POST", "/v1/keys", body);
		m->client.control = w->control;
		m->client.name = m->name;
		m->client.socket = m->socket;
		m->client.stop = &w->stop;
		m->client.seed = i + 1;
	}
}

static void
remove_keys(struct world *w)
{
	char target[64];

	for (size_t i = 0; i < w->keys; i++) {
		snprintf(target, sizeof(target), "/v1/keys/%s",
		    w->members[i].name);
		call(w, "DELETE", target, "");
	}
}

static unsigned long
number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* "" if there is no such file. */
static void
read_proc(const struct world *w, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)w->pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

static struct use
daemon_use(const struct world *w)
{
	struct use use = { .run_ns = 0 };
	char text[4096], *end;

	read_proc(w, "schedstat", text, sizeof(text));
	use.run_ns = strtoull(text, &end, 10);
	use.wait_ns = strtoull(end, NULL, 10);
	read_proc(w, "status", text, sizeof(text));
	use.anon_kib = number_behind(text, "\nRssAnon:");
	use.file_kib = number_behind(text, "\nRssFile:");
	use.fds = number_behind(text, "\nFDSize:");
	use.threads = number_behind(text, "\nThreads:");
	return use;
}

/* Events. */

static int
on_begun(void *arg)
{
	struct reader *rd = arg;

	pthread_mutex_lock(&rd->lock);
	rd->begun = true;
	pthread_cond_signal(&rd->change);
	pthread_mutex_unlock(&rd->lock);
	return 0;
}

/*
 * Numbers follow each other, but for as many as are told to be lost. Behind
 * the last key's end there are none, however late who reads them gets there.
 */
static int
on_line(void *arg, const char *line)
{
	struct reader *rd = arg;
	json_t *json = json_loads(line, 0, NULL);
	const char *name = "", *key = "";
	json_int_t seq = 0, count = 0;
	bool over;

	if (json_unpack(json, "{s:s, s?I, s?I, s?s}", "event", &name, "seq",
	    &seq, "count", &count, "key", &key) != 0)
		snprintf(rd->why, sizeof(rd->why), "%.200s", line);
	else if (strcmp(name, "lost") == 0)
		rd->lost += (uint64_t)count, rd->last += (uint64_t)count;
	else if (rd->last != 0 && (uint64_t)seq != rd->last + 1)
		snprintf(rd->why, sizeof(rd->why), "%lld behind %llu",
		    (long long)seq, (unsigned long long)rd->last);
	else
		rd->last = (uint64_t)seq;
	rd->operations += strcmp(name, "operation") == 0;
	over = strcmp(name, "unplugged") == 0 && strcmp(key, rd->until) == 0;
	json_decref(json);
	return rd->why[0] != '\0' || over ? 1 : 0;
}

static void *
read_events(void *arg)
{
	struct world *w = arg;
	const struct control_lines lines = { on_begun, on_line, &w->reader };
	char msg[256];

	if (control_lines(w->control, "/v1/events", &lines,
	    ((int64_t)w->seconds + LATE_MAX_S) * 1000, msg, sizeof(msg)) < 0)
		snprintf(w->reader.why, sizeof(w->reader.why), "%s", msg);
	on_begun(&w->reader);	/* also if it never has */
	return NULL;
}

static void
start_reader(struct world *w)
{
	struct reader *rd = &w->reader;

	rd->until = w->members[w->keys - 1].name;
	pthread_mutex_init(&rd->lock, NULL);
	pthread_cond_init(&rd->change, NULL);
	if (pthread_create(&rd->thread, NULL, read_events, w) != 0)
		bench_die("no thread");
	pthread_mutex_lock(&rd->lock);
	while (!rd->begun)
		pthread_cond_wait(&rd->change, &rd->lock);
	pthread_mutex_unlock(&rd->lock);
}

/* Load. */

static void *
run_client(void *arg)
{
	load_client_run(arg);
	return NULL;
}

static void
wait_until(uint64_t ns)
{
	const struct timespec ts = { (time_t)(ns / 1000000000),
	    (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts,
	    NULL) == EINTR)
		;
}

static void
run_clients(struct world *w)
{
	uint64_t start = load_now_ns();
	uint64_t step = (uint64_t)w->seconds * 1000000000 / SAMPLES;

	for (size_t i = 0; i < w->keys; i++) {
		if (pthread_create(&w->members[i].thread, NULL, run_client,
		    &w->members[i].client) != 0)
			bench_die("no thread");
	}
	for (size_t i = 0; i <= SAMPLES; i++) {
		wait_until(start + i * step);
		w->use[i] = daemon_use(w);
	}
	atomic_store(&w->stop, true);
	for (size_t i = 0; i < w->keys; i++)
		pthread_join(w->members[i].thread, NULL);
}

/* The verdict. */

static double
ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* How many times longer than its work the daemon took, waits included. */
static double
stretch(const struct world *w)
{
	const struct use *from = &w->use[0], *to = &w->use[SAMPLES];
	double run = (double)(to->run_ns - from->run_ns);
	double wait = (double)(to->wait_ns - from->wait_ns);

	return run > 0 ? (run + wait) / run : 1;
}

/* A comment; p99 by p50, 0 if there are too few to say. */
static double
show_times(const struct world *w, const char *name, const struct histogram *h)
{
	uint64_t p50 = histogram_percentile(h, 50);
	uint64_t p99 = histogram_percentile(h, 99);
	double spread = p50 > 0 ? (double)p99 / (double)p50 : 0;

	printf("# %-22s %10llu %8.0f %9.3f %9.3f %9.3f %7.1f\n", name,
	    (unsigned long long)h->count, (double)h->count / w->seconds,
	    ms(p50), ms(p99), ms(h->max), spread);
	return h->count < FEW ? 0 : spread;
}

static void
judge_spread(struct world *w, double spread)
{
	double times = stretch(w);
	double wider = SPREAD_MAX * (times < 2 ? 1 : times > 4 ? 2 : times / 2);

	printf("# the daemon took %.1f times as long as it worked\n", times);
	if (w->errors_only)
		return;
	if (spread < SPREAD_MAX || spread >= wider)
		result(w, spread < SPREAD_MAX, "p99 is below %d times p50",
		    SPREAD_MAX);
	else if (w->alone)
		result(w, true, "p99 is below %d times p50 # SKIP it is below "
		    "%.0f times, on a machine that has others to work for",
		    SPREAD_MAX, wider);
	else
		result(w, true, "p99 is below %.0f times p50", wider);
}

static void
judge_times(struct world *w)
{
	static struct histogram all, kind;
	double spread, widest = 0;
	bool done = true;

	printf("# %-22s %10s %8s %9s %9s %9s %7s\n", "", "operations",
	    "a second", "p50 ms", "p99 ms", "max ms", "p99/p50");
	for (int k = 0; k < LOAD_KINDS; k++) {
		memset(&kind, 0, sizeof(kind));
		for (size_t i = 0; i < w->keys; i++)
			histogram_merge(&kind, &w->members[i].client.ns[k]);
		histogram_merge(&all, &kind);
		done = done && kind.count > 0;
		spread = show_times(w, load_kind_names[k], &kind);
		widest = spread > widest ? spread : widest;
	}
	spread = show_times(w, "all", &all);
	widest = spread > widest ? spread : widest;
	result(w, done, "every kind of operation was done");
	judge_spread(w, widest);
}

static void
judge_errors(struct world *w)
{
	unsigned errors = 0;

	for (size_t i = 0; i < w->keys; i++) {
		const struct load_client *c = &w->members[i].client;

		errors += c->errors;
		if (c->errors > 0)
			printf("# %s\n", c->why);
	}
	result(w, errors == 0, "%zu clients, errors: %u", w->keys, errors);
}

static void
judge_events(struct world *w)
{
	const struct reader *rd = &w->reader;
	uint64_t answers = 0;

	for (size_t i = 0; i < w->keys; i++)
		answers += w->members[i].client.answers;
	if (rd->why[0] != '\0')
		printf("# %s\n", rd->why);
	result(w, rd->why[0] == '\0' && rd->operations <= answers &&
	    answers - rd->operations <= rd->lost, "events: %llu, of %llu "
	    "operations in %llu, lost %llu", (unsigned long long)rd->last,
	    (unsigned long long)rd->operations, (unsigned long long)answers,
	    (unsigned long long)rd->lost);
}

static void
judge_use(struct world *w)
{
	static const size_t at[] = { 0, SAMPLES / 10, SAMPLES / 2, SAMPLES };
	const struct use *early = &w->use[SAMPLES / 10];
	const struct use *late = &w->use[SAMPLES];
	long grown;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		const struct use *u = &w->use[at[i]];

		printf("# at %3zu %%: memory %lu KiB (and %lu KiB of files), "
		    "descriptors below %lu, threads %lu\n",
		    at[i] * 100 / SAMPLES, u->anon_kib, u->file_kib, u->fds,
		    u->threads);
	}
	if (w->errors_only)
		return;
	grown = (long)(late->anon_kib + late->file_kib) -
	    (long)(early->anon_kib + early->file_kib);
	result(w, early->anon_kib > 0 && grown <= GROWTH_MAX_KIB,
	    "memory grew by %ld KiB since a tenth of the time", grown);
	result(w, late->fds <= early->fds && late->threads <= early->threads,
	    "descriptors and threads are as many as then");
}

static void
stop_daemon(struct world *w)
{
	char text[2048] = "";
	unsigned lines = 0;
	int status, fd;

	kill(w->pid, SIGTERM);
	result(w, waitpid(w->pid, &status, 0) == w->pid && status == 0,
	    "the daemon ends orderly");
	fd = open(w->log, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read(fd, text, sizeof(text) - 1) == -1)
		bench_die(w->log);
	close(fd);
	for (char *line = strtok(text, "\n"); line != NULL;
	    line = strtok(NULL, "\n"), lines++)
		printf("# log: %s\n", line);
	result(w, lines == 1, "it said nothing but that it was ready");
}

static bool
take_options(struct world *w, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "s:k:ae")) != -1) {
		switch (opt) {
		case 's':
			w->seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			w->keys = strtoul(optarg, NULL, 10);
			break;
		case 'a':
			w->alone = true;
			break;
		case 'e':
			w->errors_only = true;
			break;
		default:
			return false;
		}
	}
	if (optind + 1 != argc)
		return false;
	w->sealkey = argv[optind];
	return w->seconds >= 1 && w->seconds <= SECONDS_MAX && w->keys >= 1 &&
	    w->keys <= KEYS_MAX;
}

int
main(int argc, char **argv)
{
	static struct world w = { .seconds = 600, .keys = 10 };

	if (!take_options(&w, argc, argv)) {
		fprintf(stderr, "usage: load [-s SECONDS] [-k KEYS] [-a] "
		    "[-e] SEALKEY\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_memory(w.dir, sizeof(w.dir));
	snprintf(w.control, sizeof(w.control), "%s/control", w.dir);
	snprintf(w.log, sizeof(w.log), "%s/log", w.dir);
	start_daemon(&w);
	add_keys(&w);
	start_reader(&w);
	run_clients(&w);
	judge_errors(&w);
	judge_times(&w);
	judge_use(&w);
	remove_keys(&w);
	pthread_join(w.reader.thread, NULL);
	judge_events(&w);
	stop_daemon(&w);
	printf("1..%u\n", w.tests);
	free(w.members);
	bench_remove(w.dir);
	return w.failed > 0;
}
