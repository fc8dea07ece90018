/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a running key at random moments of a create and get load, again and
 * again, and looks whether anything it had acknowledged is lost:
 *
 *	kill SEALKEY ROUNDS [SEED]
 *
 *  1. The next start works, whenever the kill came; also one that came while
 *     the state directory was being made.
 *  2. Every credential whose registration was acknowledged signs in.
 *  3. The signature counter never goes back.
 *
 * Half of the kills come while the program starts, which takes as long as it
 * last took undisturbed, half in the 60 ms after that. Kills that all came too
 * early would find nothing to lose: a quarter of the rounds must have got as
 * far as ready, and as many registrations and sign-ins must have been
 * acknowledged, or the test has failed.
 *
 * Prints TAP. The load goes through the socket, as a client's.
 */
#include "authenticator/token.h"
#include "ctap/authdata.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ID_LEN		32	/* bytes; of discoverable credentials */
#define FRESH_EVERY	40	/* rounds between new state directories */
#define RECHECK		8	/* credentials looked at after each kill */
#define CREDENTIALS_MAX	20000
#define LOAD_MAX_US	60000	/* from ready to the kill */
#define START_MAX_US	5000000	/* whoever takes longer hangs */
#define FLOOR(rounds)	(((rounds) + 3) / 4)

static const uint8_t client_data_hash[32] = { 7 };

struct world {
	const char	*sealkey;
	char		 dir[64];	/* temporary, holds the two below */
	char		 state[96];
	char		 socket[96];
	pid_t		 pid;
	uint8_t		 id[CREDENTIALS_MAX][ID_LEN];
	size_t		 count;
	uint32_t	 counter;
	uint32_t	 start_us;	/* of the last start without a kill */
	unsigned	 creates, gets, kills_ready, starts_killed;
	char		 why[256];
};

static volatile pid_t victim;
static volatile sig_atomic_t fired;	/* in this round */

static void
on_alarm(int sig)
{
	(void)sig;
	fired = 1;
	if (victim > 0)
		kill(victim, SIGKILL);
}

static bool
bad(struct world *w, const char *what, int r)
{
	snprintf(w->why, sizeof(w->why), "%s (%d)", what, r);
	return false;
}

static void
die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static void
run_program(struct world *w, int ready_fd)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", ready_fd);
	if (freopen("/dev/null", "w", stderr) == NULL)
		_exit(1);
	execl(w->sealkey, w->sealkey, "run", "--state", w->state, "--socket",
	    w->socket, "--ready-fd", fd, (char *)NULL);
	_exit(127);
}

/* False: it ended before it was ready. */
static bool
start(struct world *w)
{
	int fds[2];
	ssize_t n;
	char byte;

	if (pipe(fds) != 0)
		die("pipe");
	w->pid = fork();
	if (w->pid == 0) {
		close(fds[0]);
		run_program(w, fds[1]);
	}
	victim = w->pid;
	if (fired)
		kill(w->pid, SIGKILL);	/* the alarm found nobody yet */
	close(fds[1]);
	do {
		n = read(fds[0], &byte, 1);
	} while (n < 0 && errno == EINTR);
	close(fds[0]);
	return n == 1;
}

static int
reap(struct world *w)
{
	int status = 0;

	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	victim = 0;
	return status;
}

static int
make(struct world *w, struct token *t)
{
	static const int algs[] = { COSE_ES256 };
	struct token_credential answer;
	struct token_make req = {
		.client_data_hash = span(client_data_hash, 32),
		.rp_id = span_str("kill.example"),
		.rp_name = span_str("kill"),
		.user_name = span_str("user"),
		.algs = algs,
		.alg_count = 1,
		.rk = true,
		.uv = true,
	};
	uint32_t user = (uint32_t)w->count + 1;
	int r;

	req.user_id = span(&user, sizeof(user));
	r = t->ops->make(t, &req, &answer);
	if (r != 0)
		return r;
	if (answer.auth_data.len < 55 + ID_LEN || w->count == CREDENTIALS_MAX)
		return -EPROTO;
	memcpy(w->id[w->count++], answer.auth_data.p + 55, ID_LEN);
	w->creates++;
	return 0;
}

static int
get(struct world *w, struct token *t, size_t which)
{
	struct span id = span(w->id[which], ID_LEN);
	struct token_get req = {
		.client_data_hash = span(client_data_hash, 32),
		.rp_id = span_str("kill.example"),
		.allow = &id,
		.allow_count = 1,
	};
	struct token_assertion answer;
	uint32_t counter;
	const uint8_t *p;
	int r;

	r = t->ops->get(t, &req, &answer);
	if (r != 0)
		return r;
	if (answer.auth_data.len < 37)
		return -EPROTO;
	p = answer.auth_data.p + 33;
	counter = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
	if (counter <= w->counter)
		return -ERANGE;
	w->counter = counter;
	w->gets++;
	return 0;
}

/* Until the token is gone. */
static int
load(struct world *w)
{
	char msg[256];
	struct token *t;
	int r = 0;

	if (token_open_socket(w->socket, &t, msg, sizeof(msg)) != 0)
		return 0;
	while (r == 0)
		r = w->count == 0 || rand() % 3 == 0 ? make(w, t) :
		    get(w, t, (size_t)rand() % w->count);
	token_free(t);
	/* a broken connection is what the kill does; an answer is not */
	return r == -EIO || r == -ENODEV ? 0 : r;
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* start() when nobody kills, which is the time to measure it. */
static bool
start_undisturbed(struct world *w)
{
	uint64_t from_us = now_us(), took_us;

	if (!start(w))
		return false;
	took_us = now_us() - from_us;
	w->start_us = took_us < START_MAX_US ? (uint32_t)took_us :
	    START_MAX_US;
	return true;
}

/* Points 2 and 3, on a key that nobody kills. */
static bool
check(struct world *w, size_t how_many)
{
	size_t from = w->count > how_many ? w->count - how_many : 0;
	char msg[256];
	struct token *t;
	int r = 0;

	if (!start_undisturbed(w))
		return bad(w, "it did not start again", reap(w));
	if (token_open_socket(w->socket, &t, msg, sizeof(msg)) != 0)
		return bad(w, "socket", 0);
	for (size_t i = from; r == 0 && i < w->count; i++)
		r = get(w, t, i);
	for (size_t i = 0; r == 0 && i < how_many && w->count > 0; i++)
		r = get(w, t, (size_t)rand() % w->count);
	token_free(t);
	kill(w->pid, SIGTERM);
	if (reap(w) != 0)
		return bad(w, "it did not end well", 0);
	if (r == -ERANGE)
		return bad(w, "the signature counter went back", 0);
	return r == 0 || bad(w, "an acknowledged credential is lost", r);
}

static void
empty(struct world *w)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s' '%s'", w->state, w->socket);
	if (system(cmd) != 0)
		die("rm");
	w->count = 0;
	w->counter = 0;
}

/* Of half the rounds while it starts, of the others after that. */
static struct timeval
kill_delay(const struct world *w)
{
	uint32_t us = 1;

	if (rand() % 2 == 0)
		us += (uint32_t)rand() % (w->start_us + 1);
	else
		us += w->start_us + (uint32_t)rand() % LOAD_MAX_US;
	return (struct timeval){ us / 1000000, us % 1000000 };
}

static bool
round_of(struct world *w)
{
	struct itimerval when = { 0 };
	int r;

	when.it_value = kill_delay(w);
	setitimer(ITIMER_REAL, &when, NULL);
	if (!start(w)) {
		/* before it was ready, and only because of the kill */
		w->starts_killed++;
		r = reap(w);
		if (!WIFSIGNALED(r) || WTERMSIG(r) != SIGKILL)
			return bad(w, "it did not start", r);
	} else {
		r = load(w);
		if (r != 0)
			return bad(w, r == -ERANGE ?
			    "the signature counter went back" :
			    "the key answered with an error", r);
		kill(w->pid, SIGKILL);
		reap(w);
		w->kills_ready++;
	}
	memset(&when, 0, sizeof(when));
	setitimer(ITIMER_REAL, &when, NULL);
	fired = 0;
	return true;
}

/* Whether there was enough to lose. */
static bool
enough(struct world *w, unsigned rounds)
{
	unsigned floor = FLOOR(rounds);

	return (w->kills_ready >= floor && w->creates >= floor &&
	    w->gets >= floor) ||
	    bad(w, "too little to lose: kills after ready, registrations and "
	    "sign-ins should each be at least", (int)floor);
}

static bool
run(struct world *w, unsigned rounds)
{
	/* how long a start takes; the first, which makes the key, longer */
	if (!check(w, 0))
		return false;
	for (unsigned i = 0; i < rounds; i++) {
		if (i % FRESH_EVERY == 0) {
			if (i > 0 && !check(w, w->count))
				return false;
			empty(w);
		}
		if (!round_of(w))
			return false;
		if (i % 4 == 3 && !check(w, RECHECK))
			return false;
	}
	return check(w, w->count) && enough(w, rounds);
}

int
main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_alarm,
	    .sa_flags = SA_RESTART };
	static struct world w;
	unsigned rounds, seed;
	bool ok;

	if (argc < 3)
		die("usage: kill SEALKEY ROUNDS [SEED]");
	rounds = (unsigned)strtoul(argv[2], NULL, 10);
	seed = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) :
	    (unsigned)getpid();
	srand(seed);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGALRM, &sa, NULL);
	w.sealkey = argv[1];
	snprintf(w.dir, sizeof(w.dir), "/tmp/sealkey-kill-XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		die("mkdtemp");
	snprintf(w.state, sizeof(w.state), "%s/state", w.dir);
	snprintf(w.socket, sizeof(w.socket), "%s/socket", w.dir);
	ok = run(&w, rounds);
	printf("# seed %u, %u kills (%u before ready), %u registrations and "
	    "%u sign-ins acknowledged\n", seed, rounds, w.starts_killed,
	    w.creates, w.gets);
	printf("%s 1 - %u kills, nothing acknowledged is lost\n",
	    ok ? "ok" : "not ok", rounds);
	if (!ok)
		printf("# %s; state is in %s\n", w.why, w.dir);
	printf("1..1\n");
	if (ok) {
		empty(&w);
		rmdir(w.dir);
	}
	return !ok;
}
