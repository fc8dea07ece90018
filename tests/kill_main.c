/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a running key at random moments of a create and get load, again and
 * again, and looks whether anything it had acknowledged is lost:
 *
 *	kill [-t TARGET] SEALKEY ROUNDS [SEED]
 *
 *  1. The next start works, whenever the kill came; also one that came while
 *     the state directory was being made.
 *  2. Every credential whose registration was acknowledged signs in.
 *  3. The signature counter never goes back.
 *  4. A PIN that was acknowledged is there, and a failure that was
 *     acknowledged, or could be read once, is counted until the right PIN is
 *     given.
 *
 * With -t, keys are made in that TPM ("none" for software). Then the key has a
 * helper, and of three rounds one kills the key, one its helper, and some time
 * later the key, and one both at once. What a helper was doing when it was
 * killed fails, once; what comes next works.
 *
 * Half of the kills come while the program starts, which takes as long as it
 * last took undisturbed, half at work: in the middle of an operation, or
 * between two, after some number of them. So it does not matter how fast the
 * machine is. Kills that all came too early would find nothing to lose: a
 * quarter of the rounds must have got as far as ready, and as many
 * registrations and sign-ins must have been acknowledged, or the test has
 * failed. A start that is going to be killed has KILL_COMES=1 in its
 * environment, for programs that shall behave differently then.
 *
 * Prints TAP. The load goes through the socket, as a client's.
 */
#include "authenticator/client/token.h"
#include "ctap/authdata.h"
#include "tests/fido2_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ID_LEN		32	/* bytes; of discoverable credentials */
#define FRESH_EVERY	40	/* rounds between new state directories */
#define RECHECK		8	/* credentials looked at after each kill */
#define CREDENTIALS_MAX	20000
#define WORK_MAX	24	/* operations before a kill at work */
#define START_MAX_US	5000000	/* whoever takes longer hangs */
#define FLOOR(rounds)	(((rounds) + 3) / 4)
#define HELPER_FLOOR(rounds) (((rounds) + 9) / 10)
#define PIN_RETRIES	8
#define PIN		"the right one"
#define WRONG_PIN	"a wrong one"

static const uint8_t client_data_hash[32] = { 7 };

/* Whom the round kills, and when it has, who is left. */
enum prey {
	PREY_KEY,
	PREY_HELPER,		/* and then the key */
	PREY_BOTH,
};

/* What has to be true of a PIN after what was acknowledged. */
enum pin_known {
	PIN_NONE,
	PIN_PERHAPS,		/* nobody said whether it was set */
	PIN_SET,
};

struct world {
	const char	*sealkey;
	const char	*target;	/* NULL: not said */
	char		 dir[64];	/* temporary, holds these: */
	char		 said[96];	/* what the last one said */
	char		 state[96];
	char		 socket[96];
	pid_t		 pid;
	uint8_t		 id[CREDENTIALS_MAX][ID_LEN];
	size_t		 count;
	uint32_t	 counter;
	uint32_t	 start_us;	/* of the last start without a kill */
	uint32_t	 operation_us;	/* of the last one that was answered */
	bool		 doomed;	/* this start, by on_alarm() */
	bool		 at_work;	/* and not while it starts */
	enum pin_known	 pin;
	int		 pin_failures;	/* at least */
	unsigned	 creates, gets, kills_ready, starts_killed;
	unsigned	 pin_failed, pin_right, helpers_killed, failed;
	char		 why[256];
};

static volatile pid_t victim;
static volatile sig_atomic_t fired;	/* in this round, at the key */
static volatile sig_atomic_t prey;	/* of this round, enum prey */
static volatile sig_atomic_t helper_killed;

/* The key's one child. In a signal handler: only what may be called there. */
static char children[64];	/* a file that names it; set before victim */

static pid_t
find_helper(void)
{
	int fd = open(children, O_RDONLY | O_CLOEXEC);
	pid_t helper = 0;
	char text[32];
	ssize_t n;

	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text));
	close(fd);
	for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		helper = helper * 10 + (text[i] - '0');
	return helper;
}

static void
on_alarm(int sig)
{
	struct itimerval soon = { .it_value = { 0, 40000 } };
	int saved = errno;
	pid_t helper;

	(void)sig;
	if (victim > 0 && prey != PREY_KEY && !helper_killed) {
		helper = find_helper();
		if (helper > 0 && kill(helper, SIGKILL) == 0)
			helper_killed = 1;
	}
	if (prey == PREY_HELPER && victim > 0) {
		prey = PREY_KEY;
		setitimer(ITIMER_REAL, &soon, NULL);
		errno = saved;
		return;
	}
	fired = 1;
	if (victim > 0)
		kill(victim, SIGKILL);
	errno = saved;
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
	if (freopen(w->said, "w", stderr) == NULL ||
	    (w->doomed && setenv("KILL_COMES", "1", 1) != 0))
		_exit(1);
	/* without a target, that is where the arguments end */
	execl(w->sealkey, w->sealkey, "run", "--state", w->state, "--socket",
	    w->socket, "--ready-fd", fd, w->target != NULL ? "--tpm" : NULL,
	    w->target, (char *)NULL);
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
	snprintf(children, sizeof(children), "/proc/%d/task/%d/children",
	    w->pid, w->pid);
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

/*
 * The PIN, by libfido2: setting it, or being wrong about it, which costs a
 * retry. The token is gone in the middle of it, or it answers: then what it
 * said is true from now on.
 */
static int
spoil_pin(struct world *w)
{
	fido_dev_t *dev = fido2_open(w->socket);
	bool set = w->pin == PIN_NONE;
	int r;

	if (dev == NULL)
		return -ENODEV;
	r = fido_dev_set_pin(dev, PIN, set ? NULL : WRONG_PIN);
	fido2_close(&dev);
	if (set) {
		w->pin = r == FIDO_OK ? PIN_SET : PIN_PERHAPS;
		return r < 0 ? -ENODEV : r;
	}
	if (r == FIDO_ERR_PIN_INVALID) {
		w->pin_failures++;
		w->pin_failed++;
		return 0;
	}
	/* three in a row are a power cycle's worth; more than eight, all */
	if (r == FIDO_ERR_PIN_AUTH_BLOCKED || r == FIDO_ERR_PIN_BLOCKED)
		return 0;
	return r < 0 ? -ENODEV : r == FIDO_OK ? -EPERM : r;
}

/*
 * What to do next. When the last PIN retry is gone, so is verification: a
 * refusal is taken at its word, and check_pin() holds the key to it.
 */
static int
load_once(struct world *w, struct token *t)
{
	int r;

	if (w->pin_failures == PIN_RETRIES)
		return w->count == 0 ? -ENODEV :
		    get(w, t, (size_t)rand() % w->count);
	if (w->target != NULL && w->pin != PIN_PERHAPS && rand() % 12 == 0)
		return spoil_pin(w);
	if (w->count > 0 && rand() % 3 != 0)
		return get(w, t, (size_t)rand() % w->count);
	r = make(w, t);
	if (r != CTAP2_ERR_PUAT_REQUIRED || w->pin == PIN_NONE)
		return r;
	w->pin = PIN_SET;
	w->pin_failures = PIN_RETRIES;
	return 0;
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
set_alarm(uint32_t us)
{
	const struct itimerval when = { .it_value = { us / 1000000,
	    us % 1000000 } };

	setitimer(ITIMER_REAL, &when, NULL);
}

/* In one of the next operations, or behind it. */
static void
kill_soon(const struct world *w)
{
	set_alarm(1 + (uint32_t)rand() % (2 * w->operation_us + 1));
}

/* load_once(), and how long it takes. */
static int
load_timed(struct world *w, struct token *t)
{
	uint64_t from_us = now_us(), took_us;
	int r = load_once(w, t);

	took_us = now_us() - from_us;
	if (r == 0 && took_us < START_MAX_US)
		w->operation_us = (uint32_t)took_us;
	return r;
}

/* Until the token is gone. */
static int
load(struct world *w)
{
	int before = w->at_work ? rand() % (WORK_MAX + 1) : -1;
	bool forgiven = false;
	char msg[256];
	struct token *t;
	int r = 0;

	if (token_open_socket(w->socket, &t, msg, sizeof(msg)) != 0)
		return 0;
	while (r == 0) {
		if (before-- == 0)
			kill_soon(w);
		r = load_timed(w, t);
		if (r > 0 && helper_killed && !forgiven) {
			forgiven = true;
			w->failed++;
			r = 0;
		}
	}
	token_free(t);
	/* a broken connection is what the kill does; an answer is not */
	return r == -EIO || r == -ENODEV ? 0 : r;
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

/* Point 4. What the key says of retries is what it has to stand by. */
static const char *
check_pin(struct world *w)
{
	fido_dev_t *dev = fido2_open(w->socket);
	const char *why = NULL;
	int left = -1, r = FIDO_OK;
	bool has;

	if (dev == NULL)
		return "the PIN cannot be asked for";
	has = fido_dev_has_pin(dev);
	if (w->pin == PIN_SET && !has)
		why = "a PIN that was acknowledged is lost";
	if (w->pin == PIN_PERHAPS)
		w->pin = has ? PIN_SET : PIN_NONE;
	if (why != NULL || w->pin == PIN_NONE)
		goto out;
	r = fido_dev_get_retry_count(dev, &left);
	if (r != FIDO_OK || left > PIN_RETRIES - w->pin_failures) {
		why = "PIN retries were gained";
		goto out;
	}
	w->pin_failures = PIN_RETRIES - left;
	if (left > PIN_RETRIES / 2 && rand() % 3 != 0)
		goto out;
	r = fido_dev_set_pin(dev, PIN, PIN);
	if (r != (left > 0 ? FIDO_OK : FIDO_ERR_PIN_BLOCKED))
		why = left > 0 ? "the right PIN is refused" :
		    "a PIN that is blocked is accepted";
	else if (left > 0)
		w->pin_failures = 0;
	w->pin_right += left > 0;
out:
	fido2_close(&dev);
	return why;
}

/* Points 2 to 4, on a key that nobody kills. */
static bool
check(struct world *w, size_t how_many)
{
	const char *pin = NULL;
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
	if (w->target != NULL)
		pin = check_pin(w);
	kill(w->pid, SIGTERM);
	if (reap(w) != 0)
		return bad(w, "it did not end well", 0);
	if (r == -ERANGE)
		return bad(w, "the signature counter went back", 0);
	if (pin != NULL)
		return bad(w, pin, w->pin_failures);
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
	w->pin = PIN_NONE;
	w->pin_failures = 0;
}

/* Whom, and while it starts or, as often, at work. */
static void
draw_kill(struct world *w, unsigned round)
{
	w->at_work = round % 2 == 0 ? rand() % 2 == 0 : !w->at_work;
	prey = w->target != NULL ? rand() % 3 : PREY_KEY;
	/* at work: load() will, unless there is no coming to it */
	set_alarm(w->at_work ? START_MAX_US :
	    1 + (uint32_t)rand() % (w->start_us + 1));
}

static bool
killed_starting(struct world *w)
{
	int status = reap(w);

	w->starts_killed++;
	/* before it was ready, and only because of the kill */
	return helper_killed ||
	    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
	    bad(w, "it did not start", status);
}

static bool
killed_at_work(struct world *w)
{
	int r = load(w);

	if (r != 0)
		return bad(w, r == -ERANGE ?
		    "the signature counter went back" :
		    "the key answered with an error", r);
	kill(w->pid, SIGKILL);
	reap(w);
	w->kills_ready++;
	return true;
}

static bool
round_of(struct world *w, unsigned round)
{
	bool ok;

	w->doomed = true;
	draw_kill(w, round);
	ok = start(w) ? killed_at_work(w) : killed_starting(w);
	set_alarm(0);
	w->doomed = false;
	w->helpers_killed += helper_killed;
	fired = helper_killed = 0;
	return ok;
}

/* Whether there was enough to lose. */
static bool
enough(struct world *w, unsigned rounds)
{
	unsigned floor = FLOOR(rounds), helpers = HELPER_FLOOR(rounds);

	if (w->target != NULL && strcmp(w->target, "none") != 0 &&
	    w->helpers_killed < helpers)
		return bad(w, "too few helpers were killed; there should be "
		    "at least", (int)helpers);
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
		if (!round_of(w, i))
			return false;
		if (i % 4 == 3 && !check(w, RECHECK))
			return false;
		/* nothing can be registered any more */
		if (i % 4 == 3 && w->pin_failures == PIN_RETRIES)
			empty(w);
	}
	return check(w, w->count) && enough(w, rounds);
}

static void
take_arguments(struct world *w, int argc, char **argv, unsigned *rounds,
    unsigned *seed)
{
	int opt;

	while ((opt = getopt(argc, argv, "t:")) == 't')
		w->target = optarg;
	if (opt != -1 || argc - optind < 2)
		die("usage: kill [-t TARGET] SEALKEY ROUNDS [SEED]");
	w->sealkey = argv[optind];
	*rounds = (unsigned)strtoul(argv[optind + 1], NULL, 10);
	*seed = argc - optind > 2 ?
	    (unsigned)strtoul(argv[optind + 2], NULL, 10) :
	    (unsigned)getpid();
}

int
main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_alarm,
	    .sa_flags = SA_RESTART };
	static struct world w;
	unsigned rounds, seed;
	bool ok;

	take_arguments(&w, argc, argv, &rounds, &seed);
	srand(seed);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGALRM, &sa, NULL);
	snprintf(w.dir, sizeof(w.dir), "%s/sealkey-kill-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(w.dir) == NULL)
		die("mkdtemp");
	snprintf(w.state, sizeof(w.state), "%s/state", w.dir);
	snprintf(w.socket, sizeof(w.socket), "%s/socket", w.dir);
	snprintf(w.said, sizeof(w.said), "%s/said", w.dir);
	ok = run(&w, rounds);
	if (victim > 0) {		/* it failed in the middle */
		kill(victim, SIGKILL);
		reap(&w);
	}
	printf("# seed %u, %u kills (%u before ready), %u registrations and "
	    "%u sign-ins acknowledged\n", seed, rounds, w.starts_killed,
	    w.creates, w.gets);
	printf("# %u helpers killed, %u operations failed with them; %u "
	    "wrong PINs, %u right ones\n", w.helpers_killed, w.failed,
	    w.pin_failed, w.pin_right);
	printf("%s 1 - %u kills%s%s, nothing acknowledged is lost\n",
	    ok ? "ok" : "not ok", rounds, w.target != NULL ? ", keys in " : "",
	    w.target != NULL ? w.target : "");
	if (!ok)
		printf("# %s; state is in %s\n", w.why, w.dir);
	printf("1..1\n");
	if (ok) {
		empty(&w);
		unlink(w.said);
		rmdir(w.dir);
	}
	return !ok;
}
