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
#include "authenticator/clock.h"
#include "authenticator/reactor.h"
#include "tests/bench.h"

/* after ours: its macros have names of our enums, and their values */
#include "tests/fido2_wire.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#define ROUNDS		20	/* of engine, then OpenSSL */
#define GA_PER_ROUND	250
#define MC_PER_ROUND	25
#define STARTS		15

/* Raw OpenSSL: the signature alone, key and context prepared. */

static EVP_PKEY *
raw_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		bench_die("EVP_EC_gen");
	return key;
}

static EVP_PKEY_CTX *
raw_sign_ctx(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
		bench_die("EVP_PKEY_sign_init");
	return ctx;
}

static void
raw_sign(EVP_PKEY_CTX *ctx, struct samples *s)
{
	uint8_t sig[80];
	size_t len = sizeof(sig);
	double start = bench_now_us();

	if (EVP_PKEY_sign(ctx, sig, &len, bench_hash, BENCH_HASH_LEN) != 1)
		bench_die("EVP_PKEY_sign");
	samples_since(s, start);
}

static void
raw_keygen(EVP_PKEY_CTX *ctx, struct samples *s)
{
	EVP_PKEY *key = NULL;
	double start = bench_now_us();

	if (EVP_PKEY_generate(ctx, &key) != 1)
		bench_die("EVP_PKEY_generate");
	samples_since(s, start);
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
		bench_die("keygen");
	return ctx;
}

/* The engine, in this process, with its real store and keys. */

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
	if (device_open(&cfg, clock_ms(), &d, msg, sizeof(msg)) != 0)
		bench_die(msg);
	return d;
}

static void
fill(struct device *d, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		bench_make(d, i);
}

/* stride 0: always the same account; else all over the database. */
static void
bench_gets(struct device *d, size_t count, bool spread, struct samples *engine,
    struct samples *raw)
{
	EVP_PKEY *key = raw_key();
	EVP_PKEY_CTX *ctx = raw_sign_ctx(key);
	size_t at = 0;

	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < GA_PER_ROUND; i++) {
			at = spread ? (at + 7919) % count : 0;
			samples_add(engine, bench_get(d, at));
		}
		for (int i = 0; i < GA_PER_ROUND; i++)
			raw_sign(ctx, raw);
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

/* makeCredential: two key operations and a commit */
static void
bench_makes(struct device *d, struct samples *engine, struct samples *raw)
{
	EVP_PKEY *key = raw_key();
	EVP_PKEY_CTX *sign = raw_sign_ctx(key), *gen = raw_keygen_ctx();
	static size_t number = 1000000000;
	struct samples *part = calloc(1, sizeof(*part));
	double start;

	if (part == NULL)
		bench_die("no memory");
	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < MC_PER_ROUND; i++) {
			samples_add(engine, bench_make(d, number++));
			start = bench_now_us();
			raw_keygen(gen, part);
			raw_sign(sign, part);
			samples_since(raw, start);
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
	double start = bench_now_us();

	if (pipe(fds) != 0)
		bench_die("pipe");
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
		bench_die("sealkey run did not become ready");
	c.ready_us = bench_now_us() - start;
	close(fds[0]);
	return c;
}

static void
stop_program(struct child c)
{
	int status;

	kill(c.pid, SIGTERM);
	if (waitpid(c.pid, &status, 0) != c.pid || status != 0)
		bench_die("sealkey run did not end well");
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

	if (a == NULL || fido_assert_set_clientdata_hash(a, bench_hash,
	    sizeof(bench_hash)) != FIDO_OK)
		bench_die("fido_assert_new");
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
		bench_die("libfido2 does not open the socket");
	for (int i = 0; i < 2000; i++) {
		at = (at + 7919) % count;
		bench_site(rp, at);
		if (fido_assert_set_rp(a, rp) != FIDO_OK)
			bench_die("fido_assert_set_rp");
		start = bench_now_us();
		if (fido_dev_get_assert(dev, a, NULL) != FIDO_OK)
			bench_die("getAssertion through the socket");
		samples_since(s, start);
	}
	fido_assert_free(&a);
	fido2_close(&dev);
}

/* Report */

static void
row(json_t *to, const char *name, struct samples *engine,
    struct samples *raw)
{
	double ratio = samples_percentile(engine, 50) /
	    samples_percentile(raw, 50);
	char key[80];

	samples_print(name, engine);
	printf("   %5.2f x\n", ratio);
	samples_put(to, name, engine);
	snprintf(key, sizeof(key), "%s, raw OpenSSL", name);
	samples_put(to, key, raw);
	snprintf(key, sizeof(key), "%s, ratio", name);
	json_object_set_new(to, key, json_real(ratio));
}

static void
bench_engine(json_t *to, struct device *d, size_t count)
{
	struct samples *a = samples_new(), *b = samples_new();

	bench_gets(d, count, false, a, b);
	row(to, "getAssertion, one account", a, b);
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	bench_gets(d, count, true, a, b);
	row(to, "getAssertion, all over", a, b);
	free(a);
	free(b);
}

static void
bench_program(json_t *to, const char *sealkey, const char *dir, size_t count)
{
	struct samples *start = samples_new(), *get = samples_new();
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
	samples_print("getAssertion, socket", get);
	printf("\n  start to ready %.1f ms, resident %.1f MiB\n",
	    samples_percentile(start, 50) / 1000, rss);
	samples_put(to, "getAssertion, socket", get);
	json_object_set_new(to, "start_ms",
	    json_real(samples_percentile(start, 50) / 1000));
	json_object_set_new(to, "resident_mib", json_real(rss));
	free(start);
	free(get);
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
	struct samples *a = samples_new(), *b = samples_new();
	const char *base = getenv("TMPDIR");
	json_t *to = json_object();
	struct device *d;
	char dir[512];

	bench_temporary(dir, sizeof(dir), base != NULL ? base : "/tmp");
	d = open_device(dir);
	bench_makes(d, a, b);
	printf("\nwith a commit to disk %18s %8s %9s   %s\n", "p50 us",
	    "p99 us", "per s", "keygen and sign");
	row(to, "makeCredential", a, b);
	json_object_set_new(report, "disk", to);
	device_close(d);
	bench_remove(dir);
	free(a);
	free(b);
}

static void
bench_make_memory(json_t *to, const char *dir)
{
	struct samples *a = samples_new(), *b = samples_new();
	struct device *d = open_device(dir);

	bench_makes(d, a, b);
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
	bool within;

	if (argc < 3)
		bench_die("usage: bench SEALKEY OUT.json [COUNT...|fleet]");
	if (argc == 4 && strcmp(argv[3], "fleet") == 0) {
		within = bench_fleet(report, argv[1]);
		json_dump_file(report, argv[2], JSON_INDENT(2));
		json_decref(report);
		return within ? 0 : 1;
	}
	if (argc > 3) {
		counts = (const char *const *)argv + 3;
		n = (size_t)argc - 3;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_memory(dir, sizeof(dir));
	for (size_t i = 0; i < n; i++) {
		count = strtoul(counts[i], NULL, 10);
		if (count <= before)
			bench_die("counts must rise");
		to = bench_count(argv[1], dir, before, count);
		json_object_set_new(report, counts[i], to);
		before = count;
	}
	bench_make_memory(to, dir);
	bench_remove(dir);
	bench_commit(report);
	within = bench_tpm(report, argv[1]);
	within = bench_fleet(report, argv[1]) && within;
	if (json_dump_file(report, argv[2], JSON_INDENT(2)) != 0)
		bench_die("cannot write the report");
	json_decref(report);
	return within ? 0 : 1;
}
