/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in a TPM: what sealkey takes beside the TPM. Two embedded TPMs, which
 * are the fastest there are, so that nothing hides behind them: that of a key
 * in its helper process, as in service, and one in this process that is given
 * the bare commands, through ESAPI and without sessions, in turns. Everything
 * is in memory, where a disk does not hide anything either.
 */
#include "tests/bench.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/clock.h"
#include "authenticator/device.h"
#include "authenticator/reactor.h"
#include "authenticator/store/store.h"
#include "tpm/link.h"
#include "tpm/tpmalg.h"

#define TURNS		400
#define LATELY		5	/* keys in turns: more than a TPM holds */
#define LONG_AGO	80	/* more than LOADED_ENTRIES (tpm/loaded.h) */
#define BUDGET		1.3	/* times what the bare commands take */

/* The bare commands. */

struct bare {
	char		 dir[64];
	int		 dirfd;
	struct link	*link;
	ESYS_CONTEXT	*esys;
	ESYS_TR		 srk, ak, key;
	TPM2B_PRIVATE	*private;
	TPM2B_PUBLIC	*public;
};

static void
check(TSS2_RC rc)
{
	if (rc != TSS2_RC_SUCCESS)
		bench_die("the embedded TPM refused a command");
}

static void
bare_create(struct bare *b, unsigned shape)
{
	static const TPM2B_SENSITIVE_CREATE sensitive;
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION pcrs;
	TPM2B_PUBLIC template = { 0 };

	Esys_Free(b->private);
	Esys_Free(b->public);
	tpmalg_template(tpmalg_find(COSE_ES256), shape, &template.publicArea);
	check(Esys_Create(b->esys, b->srk, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	    ESYS_TR_NONE, &sensitive, &template, &outside, &pcrs, &b->private,
	    &b->public, NULL, NULL, NULL));
}

static void
bare_load(struct bare *b, ESYS_TR *out)
{
	check(Esys_Load(b->esys, b->srk, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	    ESYS_TR_NONE, b->private, b->public, out));
}

static void
bare_sign(struct bare *b)
{
	static const TPMT_TK_HASHCHECK no_ticket = {
		.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPMT_SIG_SCHEME scheme = tpmalg_sig_scheme(tpmalg_find(COSE_ES256));
	TPM2B_DIGEST digest = { .size = BENCH_HASH_LEN };
	TPMT_SIGNATURE *sig;

	memcpy(digest.buffer, bench_hash, BENCH_HASH_LEN);
	check(Esys_Sign(b->esys, b->key, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	    ESYS_TR_NONE, &digest, &scheme, &no_ticket, &sig));
	Esys_Free(sig);
}

static void
bare_certify(struct bare *b)
{
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA extra = { .size = BENCH_HASH_LEN };
	TPMT_SIGNATURE *sig;
	TPM2B_ATTEST *info;

	check(Esys_Certify(b->esys, b->key, b->ak, ESYS_TR_PASSWORD,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, &extra, &scheme, &info, &sig));
	Esys_Free(info);
	Esys_Free(sig);
}

static void
bare_flush(struct bare *b)
{
	check(Esys_FlushContext(b->esys, b->key));
}

static void
bare_open(struct bare *b)
{
	struct keys_info info = { 0 };
	char msg[DEVICE_MESSAGE_LEN];

	*b = (struct bare){ 0 };
	bench_memory(b->dir, sizeof(b->dir));
	b->dirfd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (link_open("embedded", b->dirfd, true, &b->link, &info, msg,
	    sizeof(msg)) != 0)
		bench_die(msg);
	b->esys = link_esys(b->link);
	if (link_srk(b->link, &b->srk) != 0)
		bench_die(link_strerror(b->link));
	bare_create(b, KEY_RESTRICTED);
	bare_load(b, &b->ak);
	bare_create(b, 0);
}

static void
bare_close(struct bare *b)
{
	Esys_Free(b->private);
	Esys_Free(b->public);
	link_close(b->link);
	close(b->dirfd);
	bench_remove(b->dir);
}

/* A state directory with its provider, whose helper is sealkey. */

struct state {
	char		 dir[64];
	int		 dirfd;
	struct keys	*keys;
};

static void
state_open(struct state *s, const char *sealkey)
{
	struct keys_config cfg = { .create = true, .target = "embedded",
		.helper = sealkey };
	char msg[DEVICE_MESSAGE_LEN];

	bench_memory(s->dir, sizeof(s->dir));
	s->dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cfg.dirfd = s->dirfd;
	if (keys_open(&cfg, &s->keys, msg, sizeof(msg)) != 0)
		bench_die(msg);
}

static void
state_close(struct state *s)
{
	keys_free(s->keys);
	close(s->dirfd);
	bench_remove(s->dir);
}

static struct device *
open_device(const struct state *s)
{
	struct device_config cfg = { .path = s->dir, .create = true,
		.keys = s->keys };
	char msg[DEVICE_MESSAGE_LEN];
	struct device *d;

	device_config_default(&cfg);
	cfg.auth.attestation.kind = ATTESTATION_TPM;
	if (device_open(&cfg, clock_ms(), &d, msg, sizeof(msg)) != 0)
		bench_die(msg);
	return d;
}

/* What a registration ends with: a commit of a new row, and the counter. */

static void
a_credential(struct credential *c, uint32_t n)
{
	*c = (struct credential){ .id_len = CREDENTIAL_ID_STORED,
		.discoverable = true, .protect = 1, .alg = COSE_ES256,
		.user.id_len = 6, .blob_len = 224, .pub_len = 77 };
	memcpy(c->id, &n, sizeof(n));
	memcpy(c->user.id, &n, sizeof(n));
	c->rp_id.len = (uint8_t)snprintf((char *)c->rp_id.s,
	    sizeof(c->rp_id.s), "site-%u.example", n);
	memcpy(c->rp_id_hash, &n, sizeof(n));
	memset(c->blob, 7, c->blob_len);
}

static void
commit(struct state *s, struct store *st, uint32_t n, uint64_t generation)
{
	struct key_op op = { .verb = KEY_ADVANCE, .generation = generation };
	struct auth_state state = { .generation = generation };
	struct auth_change chg = { .state = &state };
	struct credential c;

	a_credential(&c, n);
	chg.put = &c;
	if (store_commit(st, &chg, NULL) != 0)
		bench_die("store_commit");
	if (keys_perform(s->keys, &op) != 0)
		bench_die("the counter does not advance");
}

static void
measure_commits(const char *sealkey, struct samples *out)
{
	struct store_config cfg = { .create = true };
	char msg[DEVICE_MESSAGE_LEN];
	uint64_t generation;
	struct state s;
	struct store *st;
	double start;

	state_open(&s, sealkey);
	if (store_open(s.dirfd, s.dir, s.keys, &cfg, &st, msg,
	    sizeof(msg)) != 0)
		bench_die(msg);
	generation = s.keys->ops->info(s.keys)->generation;
	for (uint32_t i = 0; i < TURNS; i++) {
		start = bench_now_us();
		commit(&s, st, i, ++generation);
		samples_since(out, start);
	}
	store_close(st);
	state_close(&s);
}

/* In turns. */

static void
measure_loaded(struct device *d, struct bare *b, struct samples *ours,
    struct samples *raw)
{
	double start;

	bench_get(d, 0);
	bare_load(b, &b->key);
	for (int i = 0; i < TURNS; i++) {
		samples_add(ours, bench_get(d, 0));
		start = bench_now_us();
		bare_sign(b);
		samples_since(raw, start);
	}
	bare_flush(b);
}

static void
measure_unloaded(struct device *d, struct bare *b, size_t keys,
    struct samples *ours, struct samples *raw)
{
	double start;

	for (size_t i = 0; i < keys; i++)
		bench_get(d, i);
	for (size_t i = 0; i < TURNS; i++) {
		samples_add(ours, bench_get(d, i % keys));
		start = bench_now_us();
		bare_load(b, &b->key);
		bare_sign(b);
		samples_since(raw, start);
		bare_flush(b);
	}
}

static void
measure_makes(struct device *d, struct bare *b, struct samples *ours,
    struct samples *raw)
{
	double start;

	for (size_t i = 0; i < TURNS; i++) {
		samples_add(ours, bench_make(d, LONG_AGO + i));
		start = bench_now_us();
		bare_create(b, 0);
		bare_load(b, &b->key);
		bare_certify(b);
		samples_since(raw, start);
		bare_flush(b);
	}
}

/* Report. extra: what is not to be compared; NULL: nothing. */
static bool
row(json_t *to, const char *name, struct samples *ours, struct samples *raw,
    struct samples *extra)
{
	double ratio, p50 = samples_percentile(ours, 50);
	char key[80];
	bool within;

	if (extra != NULL)
		p50 -= samples_percentile(extra, 50);
	ratio = p50 / samples_percentile(raw, 50);
	within = ratio <= BUDGET;
	samples_print(name, ours);
	printf("   %5.2f x  %s %.1f\n", ratio, within ? "within" : "BEYOND",
	    BUDGET);
	samples_put(to, name, ours);
	snprintf(key, sizeof(key), "%s, raw TPM", name);
	samples_put(to, key, raw);
	snprintf(key, sizeof(key), "%s, ratio", name);
	json_object_set_new(to, key, json_real(ratio));
	snprintf(key, sizeof(key), "%s, within budget", name);
	json_object_set_new(to, key, json_boolean(within));
	memset(ours, 0, sizeof(*ours));
	memset(raw, 0, sizeof(*raw));
	return within;
}

/*
 * An operation takes two processes here, and the bare commands one: on a busy
 * machine, that makes a difference which is nobody's fault. So others wait, if
 * we may have it so, and both have one processor, as they are never at work
 * at once; a scheduler would put them there, but not while it is busy. The
 * helper inherits all that.
 */
struct place {
	int		 policy;
	cpu_set_t	 cpus;
};

static void
go_first(struct place *before)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t one;

	before->policy = sched_getscheduler(0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_getaffinity(0, sizeof(before->cpus), &before->cpus) == -1 ||
	    sched_setaffinity(0, sizeof(one), &one) == -1)
		bench_die("sched_setaffinity");
	if (sched_setscheduler(0, SCHED_FIFO, &param) == -1)
		printf("\n(not permitted to go first: other processes count)");
}

static void
go_on(const struct place *before)
{
	struct sched_param param = { .sched_priority = 0 };

	sched_setaffinity(0, sizeof(before->cpus), &before->cpus);
	if (before->policy == SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &param);
}

bool
bench_tpm(json_t *report, const char *sealkey)
{
	struct samples *ours = samples_new(), *raw = samples_new();
	struct samples *commits = samples_new();
	json_t *to = json_object();
	bool within = true;
	struct place before;
	struct device *d;
	struct state s;
	struct bare b;

	go_first(&before);
	measure_commits(sealkey, commits);
	bare_open(&b);
	state_open(&s, sealkey);
	d = open_device(&s);
	for (size_t i = 0; i < LONG_AGO; i++)
		bench_make(d, i);
	printf("\nkeys in the embedded TPM %15s %8s %9s   %s\n", "p50 us",
	    "p99 us", "per s", "raw TPM");
	samples_print("a commit, with the counter", commits);
	printf("\n");
	samples_put(to, "commit", commits);
	measure_loaded(d, &b, ours, raw);
	within &= row(to, "getAssertion, key loaded", ours, raw, NULL);
	measure_unloaded(d, &b, LATELY, ours, raw);
	within &= row(to, "getAssertion, loaded lately", ours, raw, NULL);
	measure_unloaded(d, &b, LONG_AGO, ours, raw);
	within &= row(to, "getAssertion, not loaded", ours, raw, NULL);
	measure_makes(d, &b, ours, raw);
	within &= row(to, "makeCredential, tpm, and a commit", ours, raw,
	    commits);
	json_object_set_new(to, "budget", json_real(BUDGET));
	json_object_set_new(report, "tpm", to);
	device_close(d);
	state_close(&s);
	bare_close(&b);
	go_on(&before);
	free(ours);
	free(raw);
	free(commits);
	return within;
}
