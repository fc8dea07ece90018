/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/client/token_cbor.h"
#include "authenticator/device.h"
#include "ctap/cose.h"
#include "ctap/request.h"

const uint8_t bench_hash[BENCH_HASH_LEN] = { 1 };

void
bench_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

double
bench_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Samples. */

struct samples *
samples_new(void)
{
	struct samples *s = calloc(1, sizeof(*s));

	if (s == NULL)
		bench_die("no memory");
	return s;
}

void
samples_add(struct samples *s, double us)
{
	if (s->n == SAMPLES_MAX)
		bench_die("too many samples");
	s->us[s->n++] = us;
	s->total_us += us;
}

void
samples_since(struct samples *s, double start_us)
{
	samples_add(s, bench_now_us() - start_us);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
samples_percentile(struct samples *s, unsigned p)
{
	if (s->n == 0)
		bench_die("nothing was measured");
	qsort(s->us, s->n, sizeof(s->us[0]), compare);
	return s->us[(s->n - 1) * p / 100];
}

static double
per_second(const struct samples *s)
{
	return (double)s->n / s->total_us * 1e6;
}

void
samples_put(json_t *to, const char *name, struct samples *s)
{
	json_object_set_new(to, name, json_pack("{s:f, s:f, s:f}",
	    "p50_us", samples_percentile(s, 50),
	    "p99_us", samples_percentile(s, 99),
	    "per_second", per_second(s)));
}

void
samples_print(const char *name, struct samples *s)
{
	printf("  %-34s %8.1f %8.1f %9.0f", name, samples_percentile(s, 50),
	    samples_percentile(s, 99), per_second(s));
}

/* Folders. */

void
bench_temporary(char *out, size_t size, const char *base)
{
	snprintf(out, size, "%s/sealkey-bench-XXXXXX", base);
	if (mkdtemp(out) == NULL)
		bench_die("mkdtemp");
}

void
bench_memory(char *out, size_t size)
{
	bench_temporary(out, size, access("/dev/shm", W_OK) == 0 ?
	    "/dev/shm" : "/tmp");
}

void
bench_remove(const char *dir)
{
	char cmd[600];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		bench_die(cmd);
}

/* Requests. */

void
bench_site(char out[static 64], size_t i)
{
	snprintf(out, 64, "site-%zu.example", i);
}

static double
transact(struct device *d, const uint8_t *msg, size_t len)
{
	static uint8_t reply[AUTH_MESSAGE_MAX];
	double start = bench_now_us();
	size_t n;

	if (device_transact(d, span(msg, len), reply, sizeof(reply), &n) != 0)
		bench_die("device_transact");
	if (reply[0] != CTAP2_OK)
		bench_die("the engine refused");
	return bench_now_us() - start;
}

size_t
bench_make_message(uint8_t *msg, size_t cap, size_t i)
{
	static const int algs[] = { COSE_ES256 };
	char rp[64];
	struct token_make req = {
		.client_data_hash = span(bench_hash, BENCH_HASH_LEN),
		.rp_name = span_str("bench"),
		.user_id = span_str("user-1"),
		.user_name = span_str("user@example"),
		.algs = algs,
		.alg_count = 1,
		.rk = true,
		.uv = true,
	};

	bench_site(rp, i);
	req.rp_id = span_str(rp);
	return token_encode_make(&req, NULL, msg, cap);
}

double
bench_make(struct device *d, size_t i)
{
	uint8_t msg[512];

	return transact(d, msg, bench_make_message(msg, sizeof(msg), i));
}

double
bench_get(struct device *d, size_t i)
{
	struct token_get req = {
		.client_data_hash = span(bench_hash, BENCH_HASH_LEN),
	};
	uint8_t msg[512];
	char rp[64];

	bench_site(rp, i);
	req.rp_id = span_str(rp);
	return transact(d, msg, token_encode_get(&req, NULL, msg,
	    sizeof(msg)));
}
