/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of key it is, and the engine that is made so: when it starts, when
 * its power comes back, and when it becomes another kind (device.h).
 */
#include "authenticator/device_impl.h"

#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authenticator/forge/forge.h"
#include "authenticator/settings.h"

#define FIRMWARE_VERSION	100	/* getInfo 0E; major, minor, patch */

/* 93a46401-ecad-4593-9b67-4eacf8a0a8c0 */
const uint8_t device_aaguid[16] = {
	0x93, 0xa4, 0x64, 0x01, 0xec, 0xad, 0x45, 0x93,
	0x9b, 0x67, 0x4e, 0xac, 0xf8, 0xa0, 0xa8, 0xc0,
};

/*
 * In order of preference; those that the key provider has are offered. Not
 * Ed448 and ML-DSA: Firefox of before mid-2026 gives up a key whose getInfo
 * names an algorithm that it does not know.
 */
static const int algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256, COSE_ES384,
	COSE_ES512, COSE_ES256K, COSE_PS256 };

/* A key without randomness is worse than none at all. */
void
device_random(void *arg, uint8_t *out, size_t len)
{
	ssize_t n;

	(void)arg;
	while (len > 0) {
		n = getrandom(out, len, 0);
		if (n == -1 && errno != EINTR)
			abort();
		if (n > 0) {
			out += n;
			len -= n;
		}
	}
}

static int
ask_system(uint8_t *out, size_t len)
{
	device_random(NULL, out, len);
	return 0;
}

/* The same, of what was asked for ahead: of 32 bytes, most of the price is the
 * call. */
static void
random_ahead(void *arg, uint8_t *out, size_t len)
{
	struct device_work *w = arg;

	(void)seal_random_of(&w->random, ask_system, out, len);
}

void
device_config_default(struct device_config *cfg)
{
	auth_config_default(&cfg->auth);
	memcpy(cfg->auth.aaguid, device_aaguid, sizeof(cfg->auth.aaguid));
	cfg->auth.firmware_version = FIRMWARE_VERSION;
	memcpy(cfg->auth.algs, algs, sizeof(algs));
	cfg->auth.alg_count = sizeof(algs) / sizeof(algs[0]);
}

static void
configure(struct device *d, const struct device_config *cfg,
    struct auth_config *out)
{
	*out = cfg->auth;
	out->alg_count = 0;
	for (size_t i = 0; i < cfg->auth.alg_count; i++) {
		if (d->keys->ops->has_alg(d->keys, cfg->auth.algs[i]))
			out->algs[out->alg_count++] = cfg->auth.algs[i];
	}
	store_restrict(d->store, cfg->auth.capacity);
	out->capacity = store_capacity(d->store);
	out->hardware = device_hardware(d);
	out->pin_in_keys = d->keys->ops->info(d->keys)->pin;
	attestation_config(d->attestation, cfg->auth.attestation.kind,
	    &out->attestation);
	/* whoever asks may have those of an attestation that is gone */
	out->enterprise = out->tpm = (struct auth_attestation){
	    .x5c_count = 0 };
	/* without it, check_kind() refuses FEATURE_EP */
	(void)attestation_enterprise(d->attestation, &out->enterprise);
	/* without it, too */
	(void)attestation_tpm(d->attestation, &out->tpm);
	/* many keys in turn are worth it; for one, what its next tokens and
	 * epochs are going to be would wait in memory, and in its copies */
	out->random = d->work_lent ? random_ahead : device_random;
	out->random_arg = d->work;
}

static bool
wants_tpm(const struct auth_config *auth)
{
	bool wants = auth->attestation.kind == ATTESTATION_TPM;

	for (size_t i = 0; i < AUTH_FORMAT_RPS_MAX; i++)
		wants = wants || (auth->format_rp[i].rp.len > 0 &&
		    auth->format_rp[i].kind == ATTESTATION_TPM);
	return wants;
}

/* att.8: never a weaker attestation than was asked for */
static int
check_tpm(const struct device *d, char *msg, size_t msglen)
{
	struct auth_attestation tpm;
	const char *why = attestation_tpm(d->attestation, &tpm);

	if (why == NULL || !wants_tpm(&d->auth))
		return 0;
	snprintf(msg, msglen, "%s", why);
	return -ENOTSUP;
}

static int
check_chain(const struct device *d, char *msg, size_t msglen)
{
	const struct auth_leaf *leaf = &d->auth.leaf;
	const char *why = settings_judge(&d->auth);

	if (why == NULL && leaf->chain != 0)
		why = attestation_judge_chain(d->attestation, leaf->chain);
	if (why == NULL)
		return 0;
	snprintf(msg, msglen, "%s", why);
	return -EINVAL;
}

/* Whether there is what that kind of key needs. */
static int
check_kind(const struct device *d, char *msg, size_t msglen)
{
	if (d->auth.alg_count == 0) {
		snprintf(msg, msglen, "the %s key provider has none of the "
		    "algorithms that are wanted", d->keys->ops->name);
		return -EINVAL;
	}
	if ((auth_config_features(&d->auth) & FEATURE_EP) &&
	    d->auth.enterprise.x5c_count == 0) {
		snprintf(msg, msglen, "the enterprise attestation certificate "
		    "has to be made: bring the attestation root and its key "
		    "again");
		return -EKEYEXPIRED;
	}
	if (check_chain(d, msg, msglen) < 0)
		return -EINVAL;
	return check_tpm(d, msg, msglen);
}

static int
start_forge(struct device *d)
{
	struct forge_config cfg = { .store = d->store, .auth = &d->auth };

	memcpy(cfg.number, attestation_number(d->attestation),
	    sizeof(cfg.number));
	d->forge = forge_new(&cfg);
	return d->forge != NULL ? 0 : -ENOMEM;
}

static size_t
work_size(void)
{
	return sizeof(struct device_work) + auth_work_size();
}

struct device_work *
device_work_new(void)
{
	struct device_work *w = seal_memory_new(work_size());

	if (w != NULL)
		seal_random_init(&w->random);
	return w;
}

void
device_work_free(struct device_work *w)
{
	seal_memory_free(w, work_size());
}

/* A new engine, in place of one that there may be, which is dropped then. */
static int
replace_engine(struct device *d, uint64_t now_ms)
{
	struct auth_state state;
	struct auth *engine = NULL;
	void *mem = malloc(auth_lent_size());
	int r;

	r = mem != NULL ? device_load_state(d, &state) : -ENOMEM;
	if (r == 0) {
		engine = auth_init_lent(mem, d->work->engine, &d->auth,
		    &state, now_ms);
		r = engine != NULL ? 0 : -ENOMEM;
	}
	explicit_bzero(&state, sizeof(state));
	if (r < 0) {
		free(mem);
		return device_fail(d, r, "%s", r == -ENOMEM ?
		    "out of memory" : store_strerror(d->store));
	}
	if (d->engine != NULL) {
		device_abandon(d);
		auth_done(d->engine);
	}
	free(d->engine_mem);
	d->engine = engine;
	d->engine_mem = mem;
	return 0;
}

static int
load_attestation(struct device *d, const struct device_config *cfg,
    struct attestation **out, char *msg, size_t msglen)
{
	struct attestation_plan plan = {
		.aaguid = cfg->auth.aaguid,
		.subject = cfg->auth.leaf.subject,
		.ak_alg = cfg->auth.ak_alg,
		.tpm_manufacturer = cfg->auth.tpm_manufacturer,
		.brought = cfg->root,
		.now_s = time(NULL),
	};

	return attestation_load(d->store, d->keys, &plan, out, msg, msglen);
}

int
device_start(struct device *d, const struct device_config *cfg,
    uint64_t now_ms, char *msg, size_t msglen)
{
	int r;

	d->work_lent = cfg->work != NULL;
	d->work = cfg->work != NULL ? cfg->work : device_work_new();
	if (d->work == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	d->attestation_lent = cfg->attestation != NULL;
	d->attestation = cfg->attestation;
	r = d->attestation_lent ? 0 : load_attestation(d, cfg,
	    &d->attestation, msg, msglen);
	if (r < 0)
		return r;
	if (start_forge(d) < 0) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	configure(d, cfg, &d->auth);
	r = check_kind(d, msg, msglen);
	if (r < 0)
		return r;
	r = replace_engine(d, now_ms);
	if (r < 0)
		snprintf(msg, msglen, "%s", d->line);
	return r;
}

/*
 * A commit that is under way is finished first: it could be the engine's last.
 * Then the new engine, so that there is one whatever happens.
 */
int
device_power_cycle(struct device *d, uint64_t now_ms)
{
	int r;

	if (d->commit.phase != COMMIT_IDLE)
		(void)commit_wait(&d->commit, 1);
	r = replace_engine(d, now_ms);
	if (r < 0)
		return r;
	device_forget_forged(d);
	d->commit.diverged = false;
	return 0;
}

/*
 * What the old engine's configuration points to lives as long as it: in the
 * attestation.
 */
static int
become(struct device *d, const struct auth_config *auth, uint64_t now_ms)
{
	const struct device_config cfg = { .auth = *auth };
	struct attestation *old_att = d->attestation, *att;
	struct auth_config old = d->auth;
	int r;

	r = load_attestation(d, &cfg, &att, d->line, sizeof(d->line));
	if (r < 0)
		return r;
	d->attestation = att;
	configure(d, &cfg, &d->auth);
	r = check_kind(d, d->line, sizeof(d->line));
	if (r == 0)
		r = replace_engine(d, now_ms);
	if (r < 0) {
		d->attestation = old_att;
		d->auth = old;
		store_restrict(d->store, old.capacity);
		attestation_free(att);
		return r;
	}
	if (!d->attestation_lent)
		attestation_free(old_att);
	d->attestation_lent = false;
	return 0;
}

/*
 * First the power cycle, which ends what the provider is at. The store may
 * have certificates of the other kind before that turns out to be impossible.
 */
int
device_reconfigure(struct device *d, const struct auth_config *auth,
    uint64_t now_ms)
{
	const struct auth_config old = d->auth;
	char why[sizeof(d->line)];
	int r;

	r = device_power_cycle(d, now_ms);
	if (r < 0)
		return r;
	r = become(d, auth, now_ms);
	if (r < 0) {
		memcpy(why, d->line, sizeof(why));
		(void)become(d, &old, now_ms);
		memcpy(d->line, why, sizeof(why));
	}
	return r;
}

const struct auth_config *
device_auth(const struct device *d)
{
	return d->engine != NULL ? &d->auth : NULL;
}

/* A key at rest is what it was when it last ran. */
void
device_aaguid_of(const struct device *d, uint8_t out[static 16])
{
	memcpy(out, device_aaguid, sizeof(device_aaguid));
	if (d->engine != NULL)
		memcpy(out, d->auth.aaguid, sizeof(d->auth.aaguid));
	else
		(void)attestation_aaguid_read(d->store, out);
}
