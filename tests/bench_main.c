/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make bench: what the key costs beside the cryptography in it.
 *
 *	bench SEALKEY OUT.json [COUNT...]
 *
 * Every figure stands beside the raw OpenSSL operation, measured in turns
 * with it in the same run, because machines drift and ratios do not.
 * Databases are filled on a tmpfs, where it exists, so that filling takes
 * seconds; makeCredential is measured on the file system of $TMPDIR, as it
 * ends with a commit that waits for the disk.
 */
#include "authenticator/device.h"
#include "authenticator/reactor.h"
#include "ctap/cbor.h"
#include "ctap/request.h"

/* after ours: its macros have names of our enums, and their values */
#include "tests/fido2_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#define ROUNDS		20	/* of engine, then OpenSSL */
#define GA_PER_ROUND	250
#define MC_PER_ROUND	25
#define STARTS		15
#define SAMPLES_MAX	20000

static const uint8_t client_data_hash[32] = { 1 };

struct samples {
	double	us[SAMPLES_MAX];
	size_t	n;
	double	total_us;
};

static void
die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
sample(struct samples *s, double start_us)
{
	double us = now_us() - start_us;

	if (s->n == SAMPLES_MAX)
		die("too many samples");
	s->us[s->n++] = us;
	s->total_us += us;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
percentile(struct samples *s, unsigned p)
{
	if (s->n == 0)
		die("nothing was measured");
	qsort(s->us, s->n, sizeof(s->us[0]), compare);
	return s->us[(s->n - 1) * p / 100];
}

/* Raw OpenSSL: the signature alone, key and context prepared. */

static EVP_PKEY *
raw_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		die("EVP_EC_gen");
	return key;
}

static EVP_PKEY_CTX *
raw_sign_ctx(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
		die("EVP_PKEY_sign_init");
	return ctx;
}

static void
raw_sign(EVP_PKEY_CTX *ctx, struct samples *s)
{
	uint8_t sig[80];
	size_t len = sizeof(sig);
	double start = now_us();

	if (EVP_PKEY_sign(ctx, sig, &len, client_data_hash, 32) != 1)
		die("EVP_PKEY_sign");
	sample(s, start);
}

static void
raw_keygen(EVP_PKEY_CTX *ctx, struct samples *s)
{
	EVP_PKEY *key = NULL;
	double start = now_us();

	if (EVP_PKEY_generate(ctx, &key) != 1)
		die("EVP_PKEY_generate");
	sample(s, start);
	EVP_PKEY_free(key);
}

static EVP_PKEY_CTX *
raw_keygen_ctx(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM params[2];

	params[0] = OSSL_PARAM_construct_utf8_string(
	    OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)"P-256", 0);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_params(ctx, params) != 1)
		die("keygen");
	return ctx;
}

/* The engine, in this process, with its real store and keys. */

static void
rp_name(char out[static 64], size_t i)
{
	snprintf(out, 64, "site-%zu.example", i);
}

static size_t
write_make(uint8_t *msg, size_t cap, const char *rp)
{
	struct cbor_out out;

	msg[0] = CTAP_MAKE_CREDENTIAL;
	cbor_out_init(&out, msg + 1, cap - 1);
	cbor_put_map(&out, 5);
	cbor_put_uint(&out, 1);
	cbor_put_bytes(&out, span(client_data_hash, 32));
	cbor_put_uint(&out, 2);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "id");
	cbor_put_str(&out, rp);
	cbor_put_uint(&out, 3);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "id");
	cbor_put_bytes(&out, span_str("user-1"));
	cbor_put_str(&out, "name");
	cbor_put_str(&out, "user@example");
	cbor_put_uint(&out, 4);
	cbor_put_array(&out, 1);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "alg");
	cbor_put_int(&out, COSE_ES256);
	cbor_put_str(&out, "type");
	cbor_put_str(&out, "public-key");
	cbor_put_uint(&out, 7);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "rk");
	cbor_put_bool(&out, true);
	cbor_put_str(&out, "uv");
	cbor_put_bool(&out, true);
	return 1 + out.len;
}

static size_t
write_get(uint8_t *msg, size_t cap, const char *rp)
{
	struct cbor_out out;

	msg[0] = CTAP_GET_ASSERTION;
	cbor_out_init(&out, msg + 1, cap - 1);
	cbor_put_map(&out, 2);
	cbor_put_uint(&out, 1);
	cbor_put_str(&out, rp);
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(client_data_hash, 32));
	return 1 + out.len;
}

static void
transact(struct device *d, const uint8_t *msg, size_t len)
{
	static uint8_t reply[AUTH_MESSAGE_MAX];
	size_t n;

	if (device_transact(d, span(msg, len), reply, sizeof(reply), &n) != 0)
		die("device_transact");
	if (reply[0] != CTAP2_OK)
		die("the engine refused");
}

static struct device *
open_device(const char *dir)
{
	struct device_config cfg = {
		.path = dir,
		.create = true,
	};
	char msg[DEVICE_MESSAGE_LEN];
	struct device *d;

	device_config_default(&cfg);
	cfg.tpm.target = "none";
	if (device_open(&cfg, reactor_now_ms(), &d, msg, sizeof(msg)) != 0)
		die(msg);
	return d;
}

static void
fill(struct device *d, size_t from, size_t to)
{
	uint8_t msg[512];
	char rp[64];

	for (size_t i = from; i < to; i++) {
		rp_name(rp, i);
		transact(d, msg, write_make(msg, sizeof(msg), rp));
	}
}

/* stride 0: always the same account; else all over the database. */
static void
bench_get(struct device *d, size_t count, bool spread, struct samples *engine,
    struct samples *raw)
{
	EVP_PKEY *key = raw_key();
	EVP_PKEY_CTX *ctx = raw_sign_ctx(key);
	uint8_t msg[512];
	size_t len, at = 0;
	double start;
	char rp[64];

	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < GA_PER_ROUND; i++) {
			at = spread ? (at + 7919) % count : 0;
			rp_name(rp, at);
			len = write_get(msg, sizeof(msg), rp);
			start = now_us();
			transact(d, msg, len);
			sample(engine, start);
		}
		for (int i = 0; i < GA_PER_ROUND; i++)
			raw_sign(ctx, raw);
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

/* makeCredential: two key operations and a commit */
static void
bench_make(struct device *d, struct samples *engine, struct samples *raw)
{
	EVP_PKEY *key = raw_key();
	EVP_PKEY_CTX *sign = raw_sign_ctx(key), *gen = raw_keygen_ctx();
	static size_t number = 1000000000;
	struct samples *part = calloc(1, sizeof(*part));
	uint8_t msg[512];
	size_t len;
	double start;
	char rp[64];

	if (part == NULL)
		die("no memory");
	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < MC_PER_ROUND; i++) {
			rp_name(rp, number++);
			len = write_make(msg, sizeof(msg), rp);
			start = now_us();
			transact(d, msg, len);
			sample(engine, start);
			start = now_us();
			raw_keygen(gen, part);
			raw_sign(sign, part);
			sample(raw, start);
			part->n = 0;
		}
	}
	free(part);
	EVP_PKEY_CTX_free(sign);
	EVP_PKEY_CTX_free(gen);
	EVP_PKEY_free(key);
}

/* The program, as its users start it. */

struct child {
	pid_t	pid;
	double	ready_us;
};

static struct child
start_program(const char *sealkey, const char *dir, const char *socket)
{
	struct child c;
	int fds[2];
	char byte, fd[16];
	double start = now_us();

	if (pipe(fds) != 0)
		die("pipe");
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	c.pid = fork();
	if (c.pid == 0) {
		close(fds[0]);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		execl(sealkey, sealkey, "run", "--state", dir, "--socket",
		    socket, "--ready-fd", fd, (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	if (c.pid < 0 || read(fds[0], &byte, 1) != 1)
		die("sealkey run did not become ready");
	c.ready_us = now_us() - start;
	close(fds[0]);
	return c;
}

static void
stop_program(struct child c)
{
	int status;

	kill(c.pid, SIGTERM);
	if (waitpid(c.pid, &status, 0) != c.pid || status != 0)
		die("sealkey run did not end well");
}

static double
resident_mib(pid_t pid)
{
	char path[64], line[256];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %lf", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib / 1024;
}

static fido_assert_t *
fido2_request(void)
{
	fido_assert_t *a = fido_assert_new();

	if (a == NULL || fido_assert_set_clientdata_hash(a, client_data_hash,
	    sizeof(client_data_hash)) != FIDO_OK)
		die("fido_assert_new");
	return a;
}

/* A whole sign-in by libfido2, which others' programs are made of. */
static void
bench_socket(const char *socket, size_t count, struct samples *s)
{
	fido_dev_t *dev = fido2_open(socket);
	fido_assert_t *a = fido2_request();
	char rp[64];
	size_t at = 0;
	double start;

	if (dev == NULL)
		die("libfido2 does not open the socket");
	for (int i = 0; i < 2000; i++) {
		at = (at + 7919) % count;
		rp_name(rp, at);
		if (fido_assert_set_rp(a, rp) != FIDO_OK)
			die("fido_assert_set_rp");
		start = now_us();
		if (fido_dev_get_assert(dev, a, NULL) != FIDO_OK)
			die("getAssertion through the socket");
		sample(s, start);
	}
	fido_assert_free(&a);
	fido2_close(&dev);
}

/* Report */

static void
put_samples(json_t *to, const char *name, struct samples *s)
{
	json_object_set_new(to, name, json_pack("{s:f, s:f, s:f}",
	    "p50_us", percentile(s, 50), "p99_us", percentile(s, 99),
	    "per_second", (double)s->n / s->total_us * 1e6));
}

static void
row(json_t *to, const char *name, struct samples *engine,
    struct samples *raw)
{
	double ratio = percentile(engine, 50) / percentile(raw, 50);
	char key[80];

	printf("  %-34s %8.1f %8.1f %9.0f", name, percentile(engine, 50),
	    percentile(engine, 99),
	    (double)engine->n / engine->total_us * 1e6);
	printf("   %5.2f x\n", ratio);
	put_samples(to, name, engine);
	snprintf(key, sizeof(key), "%s, raw OpenSSL", name);
	put_samples(to, key, raw);
	snprintf(key, sizeof(key), "%s, ratio", name);
	json_object_set_new(to, key, json_real(ratio));
}

static struct samples *
samples(void)
{
	struct samples *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die("no memory");
	return s;
}

static void
bench_engine(json_t *to, struct device *d, size_t count)
{
	struct samples *a = samples(), *b = samples();

	bench_get(d, count, false, a, b);
	row(to, "getAssertion, one account", a, b);
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	bench_get(d, count, true, a, b);
	row(to, "getAssertion, all over", a, b);
	free(a);
	free(b);
}

static void
bench_program(json_t *to, const char *sealkey, const char *dir, size_t count)
{
	struct samples *start = samples(), *get = samples();
	char path[600];
	struct child c;
	double rss;

	snprintf(path, sizeof(path), "%s.sock", dir);
	for (int i = 0; i < STARTS; i++) {
		c = start_program(sealkey, dir, path);
		start->us[start->n++] = c.ready_us;
		start->total_us += c.ready_us;
		if (i + 1 < STARTS)
			stop_program(c);
	}
	bench_socket(path, count, get);
	rss = resident_mib(c.pid);
	stop_program(c);
	printf("  %-34s %8.1f %8.1f %9.0f\n", "getAssertion, socket",
	    percentile(get, 50), percentile(get, 99),
	    (double)get->n / get->total_us * 1e6);
	printf("  start to ready %.1f ms, resident %.1f MiB\n",
	    percentile(start, 50) / 1000, rss);
	put_samples(to, "getAssertion, socket", get);
	json_object_set_new(to, "start_ms",
	    json_real(percentile(start, 50) / 1000));
	json_object_set_new(to, "resident_mib", json_real(rss));
	free(start);
	free(get);
}

static void
temporary(char *out, size_t size, const char *base)
{
	snprintf(out, size, "%s/sealkey-bench-XXXXXX", base);
	if (mkdtemp(out) == NULL)
		die("mkdtemp");
}

static void
remove_tree(const char *dir)
{
	char cmd[600];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		die(cmd);
}

static json_t *
bench_count(const char *sealkey, const char *dir, size_t from, size_t count)
{
	json_t *to = json_object();
	struct device *d = open_device(dir);

	fill(d, from, count);
	printf("\n%zu credentials %24s %8s %9s   %s\n", count, "p50 us",
	    "p99 us", "per s", "raw OpenSSL");
	bench_engine(to, d, count);
	device_close(d);
	bench_program(to, sealkey, dir, count);
	return to;
}

static void
bench_commit(json_t *report)
{
	struct samples *a = samples(), *b = samples();
	const char *base = getenv("TMPDIR");
	json_t *to = json_object();
	struct device *d;
	char dir[512];

	temporary(dir, sizeof(dir), base != NULL ? base : "/tmp");
	d = open_device(dir);
	bench_make(d, a, b);
	printf("\nwith a commit to disk %18s %8s %9s   %s\n", "p50 us",
	    "p99 us", "per s", "keygen and sign");
	row(to, "makeCredential", a, b);
	json_object_set_new(report, "disk", to);
	device_close(d);
	remove_tree(dir);
	free(a);
	free(b);
}

static void
bench_make_memory(json_t *to, const char *dir)
{
	struct samples *a = samples(), *b = samples();
	struct device *d = open_device(dir);

	bench_make(d, a, b);
	row(to, "makeCredential, no disk", a, b);
	device_close(d);
	free(a);
	free(b);
}

int
main(int argc, char **argv)
{
	static const char *const standard[] = { "10", "1000", "100000" };
	const char *const *counts = standard;
	size_t n = 3, before = 0, count;
	json_t *report = json_object(), *to;
	char dir[512];

	if (argc < 3)
		die("usage: bench SEALKEY OUT.json [COUNT...]");
	if (argc > 3) {
		counts = (const char *const *)argv + 3;
		n = (size_t)argc - 3;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	temporary(dir, sizeof(dir), access("/dev/shm", W_OK) == 0 ?
	    "/dev/shm" : "/tmp");
	for (size_t i = 0; i < n; i++) {
		count = strtoul(counts[i], NULL, 10);
		if (count <= before)
			die("counts must rise");
		to = bench_count(argv[1], dir, before, count);
		json_object_set_new(report, counts[i], to);
		before = count;
	}
	bench_make_memory(to, dir);
	remove_tree(dir);
	bench_commit(report);
	if (json_dump_file(report, argv[2], JSON_INDENT(2)) != 0)
		die("cannot write the report");
	json_decref(report);
	return 0;
}
