/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of make bench share: clocks, samples, and the two requests
 * that are measured. Whatever does not work ends the program.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLES_MAX	20000
#define BENCH_HASH_LEN	32

struct device;

struct samples {
	double	us[SAMPLES_MAX];
	size_t	n;
	double	total_us;
};

/* clientDataHash, and what raw signatures are over */
extern const uint8_t bench_hash[BENCH_HASH_LEN];

void bench_die(const char *what) __attribute__((noreturn));
double bench_now_us(void);

struct samples *samples_new(void);
void samples_add(struct samples *s, double us);
/* The time since start_us. */
void samples_since(struct samples *s, double start_us);
double samples_percentile(struct samples *s, unsigned p);
/* As to[name]: p50, p99, and how many a second. */
void samples_put(json_t *to, const char *name, struct samples *s);
/* Without the end of the line. */
void samples_print(const char *name, struct samples *s);

void bench_temporary(char *out, size_t size, const char *base);
/* Where writing waits for nothing, if there is such a place. */
void bench_memory(char *out, size_t size);
void bench_remove(const char *dir);

/* Site number i; the microseconds that registering and signing in there take */
void bench_site(char out[static 64], size_t i);
double bench_make(struct device *d, size_t i);
/* The message that does it; its length. */
size_t bench_make_message(uint8_t *msg, size_t cap, size_t i);
double bench_get(struct device *d, size_t i);

/*
 * Keys in the embedded TPM beside the bare commands. The result goes into
 * report, false: some ratio is beyond its budget. sealkey is the program.
 */
bool bench_tpm(json_t *report, const char *sealkey);
/* The same for a fleet, beside raw OpenSSL. */
bool bench_fleet(json_t *report, const char *sealkey);

#endif
