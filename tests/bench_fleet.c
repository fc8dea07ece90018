/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet beside raw OpenSSL: registrations with packed attestation, which
 * make a key and sign, and sign-ins, which sign. Both on as many threads as
 * the fleet has jobs, in turns. What is compared is what comes out of the
 * program, JSON in and JSON out, pipes included.
 */
#include "tests/bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/ec.h>
#include <openssl/rand.h>

#define JOBS		2
#define KEYS		"200"
#define ROUNDS		9
#define LINES		4000		/* of a round */
#define LINE_MAX_LEN	2048
#define ANSWER_MAX	8192
#define PIPE_SIZE	(1 << 20)	/* bytes; who is at the other end
					 * should not be woken for a line */
#define BUDGET		0.60		/* of raw */

/*
 * A round: by the clock, and by what the processors worked. Other processes
 * have a part in the first, so the second is what is judged: "per core".
 */
struct took {
	double	us;
	double	cpu_us;
};

/* Raw OpenSSL, contexts prepared. */

struct raw {
	bool		 generate;
	size_t		 count;
};

static void
raw_sign(EVP_PKEY_CTX *sign)
{
	uint8_t sig[80];
	size_t len = sizeof(sig);

	if (EVP_PKEY_sign(sign, sig, &len, bench_hash, BENCH_HASH_LEN) != 1)
		bench_die("EVP_PKEY_sign");
}

static void *
raw_thread(void *arg)
{
	const struct raw *raw = arg;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *fresh;
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	EVP_PKEY_CTX *gen = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (sign == NULL || gen == NULL || EVP_PKEY_sign_init(sign) != 1 ||
	    EVP_PKEY_keygen_init(gen) != 1 ||
	    EVP_PKEY_CTX_set_group_name(gen, "P-256") != 1)
		bench_die("OpenSSL");
	for (size_t i = 0; i < raw->count; i++) {
		fresh = NULL;
		if (raw->generate && EVP_PKEY_generate(gen, &fresh) != 1)
			bench_die("EVP_PKEY_generate");
		EVP_PKEY_free(fresh);
		raw_sign(sign);
	}
	EVP_PKEY_CTX_free(sign);
	EVP_PKEY_CTX_free(gen);
	EVP_PKEY_free(key);
	return NULL;
}

static double
cpu_us(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		bench_die("no clock of a process");
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Microseconds for LINES of them. */
static struct took
run_raw(bool generate)
{
	struct raw raw = { generate, LINES / JOBS };
	pthread_t thread[JOBS];
	double start = bench_now_us();
	double cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < JOBS; i++)
		if (pthread_create(&thread[i], NULL, raw_thread, &raw) != 0)
			bench_die("pthread_create");
	for (int i = 0; i < JOBS; i++)
		pthread_join(thread[i], NULL);
	return (struct took){ bench_now_us() - start,
	    cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu };
}

/* The program. */

struct fleet {
	pid_t	pid;
	clockid_t clock;	/* of its processors */
	int	in, out;
	char	*lines;		/* of a round, to be written */
	size_t	len;
	char	*answers;	/* of a round */
};

static void
start_fleet(struct fleet *f, const char *sealkey)
{
	int in[2], out[2];
	char jobs[16];

	if (pipe(in) != 0 || pipe(out) != 0 ||
	    fcntl(in[1], F_SETPIPE_SZ, PIPE_SIZE) < 0 ||
	    fcntl(out[1], F_SETPIPE_SZ, PIPE_SIZE) < 0)
		bench_die("pipe");
	snprintf(jobs, sizeof(jobs), "%d", JOBS);
	f->pid = fork();
	if (f->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		execl(sealkey, sealkey, "webauthn", "--batch", "--keys", KEYS,
		    "--jobs", jobs, "--origin", "https://bench.example",
		    (char *)NULL);
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	f->in = in[1];
	f->out = out[0];
	f->lines = malloc(LINES * LINE_MAX_LEN);
	f->answers = malloc(LINES * ANSWER_MAX);
	if (f->pid < 0 || f->lines == NULL || f->answers == NULL ||
	    clock_getcpuclockid(f->pid, &f->clock) != 0)
		bench_die("sealkey webauthn does not start");
}

static void
stop_fleet(struct fleet *f)
{
	int status;

	close(f->in);
	close(f->out);
	free(f->lines);
	free(f->answers);
	if (waitpid(f->pid, &status, 0) != f->pid || status != 0)
		bench_die("sealkey webauthn did not end well");
}

static void
random_text(char *out, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t bytes[64];

	if (RAND_bytes(bytes, (int)len) != 1)
		bench_die("RAND_bytes");
	for (size_t i = 0; i < len; i++)
		out[i] = letters[bytes[i] & 63];
	out[len - 1] = 'A';	/* nothing behind the last byte */
	out[len] = '\0';
}

/* As SimpleWebAuthn makes them. */
static void
add_create(struct fleet *f, size_t i)
{
	char user[64], challenge[64];

	random_text(user, 43);
	random_text(challenge, 43);
	f->len += (size_t)snprintf(f->lines + f->len, LINE_MAX_LEN,
	    "{\"key\":%zu,\"create\":{\"challenge\":\"%s\",\"rp\":{\"name\":"
	    "\"Bench\",\"id\":\"bench.example\"},\"user\":{\"id\":\"%s\","
	    "\"name\":\"user%zu@bench.example\",\"displayName\":\"User %zu\"},"
	    "\"pubKeyCredParams\":["
	    "{\"alg\":-7,\"type\":\"public-key\"},"
	    "{\"alg\":-257,\"type\":\"public-key\"}],\"timeout\":60000,"
	    "\"attestation\":\"direct\",\"excludeCredentials\":[],"
	    "\"authenticatorSelection\":{\"residentKey\":\"preferred\","
	    "\"userVerification\":\"preferred\",\"requireResidentKey\":false},"
	    "\"extensions\":{\"credProps\":true},\"hints\":[]}}\n",
	    i % 200, challenge, user, i, i);
}

static void
add_get(struct fleet *f, size_t i, const char *id)
{
	char challenge[64];

	random_text(challenge, 43);
	f->len += (size_t)snprintf(f->lines + f->len, LINE_MAX_LEN,
	    "{\"key\":%zu,\"get\":{\"rpId\":\"bench.example\",\"challenge\":"
	    "\"%s\",\"allowCredentials\":[{\"id\":\"%s\",\"transports\":"
	    "[\"usb\"],\"type\":\"public-key\"}],\"timeout\":60000,"
	    "\"userVerification\":\"preferred\"}}\n", i % 200, challenge, id);
}

static void *
write_lines(void *arg)
{
	const struct fleet *f = arg;
	size_t done = 0;
	ssize_t n;

	while (done < f->len) {
		n = write(f->in, f->lines + done, f->len - done);
		if (n <= 0)
			bench_die("writing to sealkey webauthn");
		done += (size_t)n;
	}
	return NULL;
}

static void
take_id(const char *answer, char id[static 64])
{
	const char *at = strstr(answer, "\"id\":\"");

	if (at == NULL || strstr(answer, "\"response\"") == NULL ||
	    sscanf(at, "\"id\":\"%60[^\"]", id) != 1)
		bench_die(answer);
}

/* Until there are LINES of them. They are looked at later, off the clock. */
static size_t
read_answers(struct fleet *f)
{
	size_t len = 0, lines = 0;
	const char *at, *end;
	ssize_t n;

	while (lines < LINES) {
		n = read(f->out, f->answers + len, LINES * ANSWER_MAX - len);
		if (n <= 0)
			bench_die("sealkey webauthn ended");
		at = f->answers + len;
		for (end = at + n; (at = memchr(at, '\n',
		    (size_t)(end - at))) != NULL; at++)
			lines++;
		len += (size_t)n;
	}
	return len;
}

static void
take_ids(struct fleet *f, size_t len, char (*ids)[64])
{
	char *at = f->answers, *end;

	for (size_t i = 0; i < LINES; i++) {
		end = memchr(at, '\n', (size_t)(f->answers + len - at));
		*end = '\0';
		take_id(at, ids[i]);
		at = end + 1;
	}
}

/* For the lines that were added; and the IDs that came back. */
static struct took
run_fleet(struct fleet *f, char (*ids)[64])
{
	double start = bench_now_us(), cpu = cpu_us(f->clock);
	struct took took;
	pthread_t writer;
	size_t len;

	if (pthread_create(&writer, NULL, write_lines, f) != 0)
		bench_die("pthread_create");
	len = read_answers(f);
	took = (struct took){ bench_now_us() - start,
	    cpu_us(f->clock) - cpu };
	pthread_join(writer, NULL);
	f->len = 0;
	take_ids(f, len, ids);
	return took;
}

/* All rounds of one kind. */
struct rounds {
	struct took	fleet, raw;
	struct samples	*ratio;		/* of each */
};

static void
add_round(struct rounds *r, struct took fleet, struct took raw)
{
	r->fleet.us += fleet.us;
	r->fleet.cpu_us += fleet.cpu_us;
	r->raw.us += raw.us;
	r->raw.cpu_us += raw.cpu_us;
	samples_add(r->ratio, raw.cpu_us / fleet.cpu_us);
}

/* The median: machines are busy with other things, too, now and then. */
static bool
conclude(json_t *to, const char *name, const struct rounds *r)
{
	double n = LINES * ROUNDS, ratio = samples_percentile(r->ratio, 50);
	json_t *row = json_pack("{s:f, s:f, s:f, s:f, s:f}",
	    "per_second", n / r->fleet.us * 1e6,
	    "cpu_us", r->fleet.cpu_us / n, "raw_cpu_us", r->raw.cpu_us / n,
	    "of_raw", ratio, "of_raw_by_the_clock", r->raw.us / r->fleet.us);

	printf("  %-20s %8.0f %8.1f %8.1f   %5.0f %%  (%.0f %% by the "
	    "clock)%s\n", name, n / r->fleet.us * 1e6, r->fleet.cpu_us / n,
	    r->raw.cpu_us / n, 100 * ratio, 100 * r->raw.us / r->fleet.us,
	    ratio < BUDGET ? "  LESS THAN 60 %" : "");
	json_object_set_new(to, name, row);
	return ratio >= BUDGET;
}

bool
bench_fleet(json_t *report, const char *sealkey)
{
	static char ids[LINES][64], ignored[LINES][64];
	struct rounds create = { .ratio = samples_new() };
	struct rounds get = { .ratio = samples_new() };
	json_t *to = json_object();
	struct fleet f = { .pid = 0 };
	struct took took;
	bool within;

	start_fleet(&f, sealkey);
	for (int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < LINES; i++)
			add_create(&f, i);
		took = run_fleet(&f, ids);
		add_round(&create, took, run_raw(true));
		for (size_t i = 0; i < LINES; i++)
			add_get(&f, i, ids[i]);
		took = run_fleet(&f, ignored);
		add_round(&get, took, run_raw(false));
	}
	stop_fleet(&f);
	printf("\n%d jobs, a fleet of " KEYS "  per s   cpu us   raw us   "
	    "of raw\n", JOBS);
	within = conclude(to, "registrations", &create);
	within = conclude(to, "sign-ins", &get) && within;
	json_object_set_new(report, "fleet", to);
	free(create.ratio);
	free(get.ratio);
	return within;
}
