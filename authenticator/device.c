/* SPDX-License-Identifier: Apache-2.0 */
/* One key, opened: see device.h. */
#include "authenticator/device_impl.h"

#include <sys/random.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/audit_log.h"
#include "authenticator/forge/forge.h"
#include "authenticator/store/commit.h"
#include "authenticator/fault/armed.h"
#include "authenticator/fault/forbid.h"
#include "authenticator/fault/other.h"
#include "authenticator/fault/request.h"
#include "authenticator/paths.h"
#include "tpm/record.h"
#include "tpm/seal.h"

#define BUSY_PAUSE_MS		20
#define FIRMWARE_VERSION	100	/* getInfo 0E; major, minor, patch */
#define PIN_LENGTH_LEAST	4	/* code points, CTAP 2.3, 6.5.1 */

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

static uint64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static uint64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

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

/* $SEALKEY_TPM is for new keys: an old one is where it is. */
static const char *
key_target(const struct device_tpm *tpm, bool old)
{
	const char *named = getenv("SEALKEY_TPM");

	if (tpm->target != NULL || old || named == NULL || named[0] == '\0')
		return tpm->target;
	return named;
}

static bool
is_there(const struct device *d, const char *name)
{
	return faccessat(d->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT;
}

static int
open_provider(struct device *d, const struct device_config *cfg, bool old,
    char *msg, size_t msglen)
{
	struct keys_config kc = { .dirfd = d->dirfd,
	    .create = cfg->create && !old, .pcrs = cfg->tpm.pcrs,
	    .target = key_target(&cfg->tpm, old),
	    .recovery = cfg->tpm.recovery };
	char why[DEVICE_MESSAGE_LEN];
	int r;

	if (old && !is_there(d, "software.key") && !is_there(d, RECORD_FILE)) {
		snprintf(msg, msglen, "%s: software.key is missing, or the "
		    "file tpm if that is where the keys are, and nothing can "
		    "be read without it", d->path);
		return -ENOENT;
	}
	r = keys_open(&kc, &d->keys, why, sizeof(why));
	if (r < 0)
		snprintf(msg, msglen, "%s: %s", d->path, why);
	return r;
}

static int
no_key(const struct device *d, char *msg, size_t msglen)
{
	snprintf(msg, msglen, "%s: there is no key here (\"sealkey run "
	    "--state DIR\" makes one)", d->path);
	return -ENOENT;
}

/*
 * A key that lost its database still has a counter and a PIN in its TPM, and
 * making another here would remove them: then the database, put back, would be
 * worth nothing. One that was never finished has them for nothing.
 */
static bool
lost_database(const struct device *d)
{
	return is_there(d, RECORD_FILE) && !store_exists(d->dirfd) &&
	    !store_begun(d->dirfd);
}

static int
open_keys(struct device *d, const struct device_config *cfg, char *msg,
    size_t msglen)
{
	/* A new key for an old database would only hide what is wrong. */
	bool old = store_exists(d->dirfd);
	int r;

	if (!old && !cfg->create)
		return no_key(d, msg, msglen);
	/* before the provider: two of them must not use one TPM at a time */
	r = store_lock(d->dirfd, d->path, &d->lock_fd, msg, msglen);
	if (r < 0)
		return r;
	if (lost_database(d)) {
		snprintf(msg, msglen, "%s: sealkey.db is missing, and the key "
		    "in the TPM is worth nothing without it; restore it, or "
		    "give the key up: sealkey tpm destroy", d->path);
		return -EUCLEAN;
	}
	d->keys_lent = cfg->keys != NULL;
	d->keys = cfg->keys;
	if (d->keys_lent)
		return 0;
	return open_provider(d, cfg, old, msg, msglen);
}

static int
open_store(struct device *d, const struct device_config *cfg, char *msg,
    size_t msglen)
{
	struct store_config sc = { .create = cfg->create, .env = cfg->env,
	    .lock = &d->lock_fd };
	char why[DEVICE_MESSAGE_LEN];
	int r;

	r = store_open(d->dirfd, cfg->path, d->keys, &sc, &d->store, msg,
	    msglen);
	if (r < 0)
		return r;
	if (cfg->tpm.pcrs != 0 && !d->keys->ops->info(d->keys)->pcrs) {
		snprintf(msg, msglen, "%s: was made without PCRs, and will "
		    "open whatever they are; sealkey tpm reseal --pcrs seals "
		    "it to them", d->path);
		return -EINVAL;
	}
	r = commit_open(&d->commit, d->keys, d->store, cfg->look, why,
	    sizeof(why));
	if (r < 0)
		snprintf(msg, msglen, "%s: %s", d->path, why);
	return r;
}

/*
 * The PIN, if the provider has it: what it says counts, whatever the state
 * remembers, which may be of before a power cut, or a copy.
 */

static void
learn_pin(struct device *d)
{
	const struct keys_info *info = d->keys->ops->info(d->keys);

	d->pin = (struct pin_known){ info->pin_set, info->pin_failures };
}

void
device_note_pin(struct device *d, const struct key_op *op)
{
	if (op->verb < KEY_PIN_CHECK || op->verb > KEY_PIN_CLEAR)
		return;
	if (op->result != 0 && op->result != -EACCES)
		return;
	d->pin.failures = op->pin_failures;
	if (op->result == 0)
		d->pin.set = op->verb != KEY_PIN_CLEAR;
}

/* The state has a PIN that the provider knows nothing of. */
static bool
pin_is_lost(const struct device *d, const struct auth_state *state)
{
	return d->keys->ops->info(d->keys)->pin && state->pin_set &&
	    !d->pin.set;
}

int
device_load_state(struct device *d, struct auth_state *state)
{
	int r = store_load(d->store, state);

	if (r < 0 || !d->keys->ops->info(d->keys)->pin)
		return r;
	state->pin_failures = d->pin.failures;
	if (pin_is_lost(d, state)) {
		state->pin_failures = KEY_PIN_LIMIT;
	} else if (d->pin.set && !state->pin_set) {
		/* set, but not committed; nobody knows how long it is */
		state->pin_set = true;
		state->pin_length = PIN_LENGTH_LEAST;
	}
	return 0;
}

const char *
device_warning(struct device *d)
{
	struct auth_state state;
	bool lost;

	lost = store_load(d->store, &state) == 0 && pin_is_lost(d, &state);
	explicit_bzero(&state, sizeof(state));
	return lost ? "the TPM has lost the PIN of this key, which is blocked "
	    "therefore: only a reset helps" : "";
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
	const char *why = leaf->chain == 0 ? NULL :
	    attestation_judge_chain(d->attestation, leaf->chain);

	/* a certificate that was never good is the faults' business */
	if (leaf->not_before_s != 0 && leaf->not_after_s != 0 &&
	    leaf->not_before_s > leaf->not_after_s)
		why = "attestationNotBefore is later than attestationNotAfter";
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

static void
abandon(struct device *d)
{
	if (d->pending != NULL)
		d->keys->ops->abandon(d->keys, d->pending);
	d->pending = NULL;
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
		abandon(d);
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

static int
start_engine(struct device *d, const struct device_config *cfg,
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

static int
open_faults(struct device *d, const struct device_config *cfg, char *msg,
    size_t msglen)
{
	char why[DEVICE_MESSAGE_LEN];
	bool forbidden = false;
	int r;

	r = fault_forbid(d->store, cfg->auth.no_faults && !cfg->manage,
	    &forbidden, why, sizeof(why));
	if (r < 0) {
		snprintf(msg, msglen, "%s: %s", d->path, why);
		return r;
	}
	d->faults = fault_set_new(forbidden);
	if (d->faults == NULL)
		snprintf(msg, msglen, "out of memory");
	return d->faults != NULL ? 0 : -ENOMEM;
}

static int
start_audit(struct device *d, const struct device_config *cfg, char *msg,
    size_t msglen)
{
	int r;

	if (cfg->audit == AUDIT_OFF)
		return 0;
	r = audit_log_open(d->dirfd, cfg->audit, d->keys, &d->audit);
	if (r < 0)
		snprintf(msg, msglen, "%s: no audit log: %s", d->path,
		    strerror(-r));
	else
		watch_add(&d->watch, audit_log_sink(d->audit));
	return r;
}

static void
stop_audit(struct device *d)
{
	if (d->audit == NULL)
		return;
	watch_remove(&d->watch, audit_log_sink(d->audit));
	audit_log_close(d->audit);
	d->audit = NULL;
}

static void
close_parts(struct device *d)
{
	stop_audit(d);
	fault_set_free(d->faults);
	d->faults = NULL;
	free(d->engine_mem);
	d->engine_mem = NULL;
	if (!d->work_lent)
		device_work_free(d->work);
	d->work = NULL;
	forge_free(d->forge);
	d->forge = NULL;
	free(d->other);
	free(d->accounts);
	d->accounts = NULL;
	free(d->counters);
	d->counters = NULL;
	d->other = NULL;
	if (!d->attestation_lent)
		attestation_free(d->attestation);
	d->attestation = NULL;
	store_close(d->store);
	d->store = NULL;
	if (!d->keys_lent)
		keys_free(d->keys);
	d->keys = NULL;
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	d->lock_fd = -1;
}

static int
open_parts(struct device *d, const struct device_config *cfg,
    uint64_t now_ms, char *msg, size_t msglen)
{
	int r;

	r = open_keys(d, cfg, msg, msglen);
	if (r == 0)
		r = open_store(d, cfg, msg, msglen);
	if (r == 0)
		learn_pin(d);
	if (r == 0)
		r = open_faults(d, cfg, msg, msglen);
	if (r == 0 && !cfg->manage)
		r = start_engine(d, cfg, now_ms, msg, msglen);
	if (r == 0 && !cfg->manage)
		r = start_audit(d, cfg, msg, msglen);
	if (r < 0)
		close_parts(d);
	return r;
}

/* A running key has left a note in the lock, and is there to stay. */
static bool
is_running(const struct device *d)
{
	char note[2];

	return store_lock_read(d->dirfd, note, sizeof(note)) > 0;
}

/*
 * Whoever makes a key or looks at one has it for a moment only, and two of
 * them at once are no reason to fail.
 */
static int
open_patiently(struct device *d, const struct device_config *cfg,
    uint64_t now_ms, char *msg, size_t msglen)
{
	static const struct timespec pause = { 0, BUSY_PAUSE_MS * 1000000L };
	uint64_t begun_ms = clock_ms(), waited_ms = 0;
	int r;

	for (;;) {
		r = open_parts(d, cfg, now_ms + waited_ms, msg, msglen);
		if (r != -EBUSY || waited_ms >= DEVICE_BUSY_MS ||
		    is_running(d))
			return r;
		nanosleep(&pause, NULL);
		waited_ms = clock_ms() - begun_ms;
	}
}

/* What open_parts() does for a directory. */
static int
open_memory(struct device *d, const struct device_config *cfg,
    uint64_t now_ms, char *msg, size_t msglen)
{
	int r;

	d->dirfd = -1;
	d->keys = cfg->keys;
	d->keys_lent = true;
	d->store = cfg->store;
	r = commit_open(&d->commit, d->keys, d->store, false, msg, msglen);
	if (r == 0)
		learn_pin(d);
	if (r == 0)
		r = open_faults(d, cfg, msg, msglen);
	if (r == 0)
		r = start_engine(d, cfg, now_ms, msg, msglen);
	if (r < 0)
		close_parts(d);
	return r;
}

int
device_open(const struct device_config *cfg, uint64_t now_ms,
    struct device **out, char *msg, size_t msglen)
{
	struct device *d = calloc(1, sizeof(*d));
	int r = -ENOMEM;

	if (d == NULL || (d->path = strdup(cfg->path)) == NULL) {
		free(d);
		store_close(cfg->store);
		snprintf(msg, msglen, "out of memory");
		return r;
	}
	d->lock_fd = -1;
	if (cfg->store != NULL) {
		r = open_memory(d, cfg, now_ms, msg, msglen);
		goto out;
	}
	r = d->dirfd = paths_open_dir(cfg->path, cfg->create, msg, msglen);
	if (r < 0)
		goto out;
	r = open_patiently(d, cfg, now_ms, msg, msglen);
out:
	if (r < 0) {
		device_close(d);
		return r;
	}
	*out = d;
	return 0;
}

/* The store may be beyond opening: it is not needed. */
static int
destroy(struct device *d, char *msg, size_t msglen)
{
	static const struct device_config cfg;
	bool old = store_exists(d->dirfd);
	const char *why;
	int r;

	/* making a key may have been interrupted behind that */
	if (!old && !is_there(d, RECORD_FILE))
		return no_key(d, msg, msglen);
	r = store_lock(d->dirfd, d->path, &d->lock_fd, msg, msglen);
	if (r == 0)
		r = open_provider(d, &cfg, old, msg, msglen);
	if (r < 0)
		return r;
	if (!d->keys->ops->info(d->keys)->tpm) {
		snprintf(msg, msglen, "%s: the keys of this key are not in a "
		    "TPM", d->path);
		return -ENOTSUP;
	}
	r = d->keys->ops->destroy(d->keys);
	why = d->keys->ops->strerror(d->keys);
	if (r < 0)
		snprintf(msg, msglen, "%s: %s", d->path, why[0] != '\0' ? why :
		    strerror(-r));
	return r;
}

int
device_destroy(const char *path, char *msg, size_t msglen)
{
	struct device *d = calloc(1, sizeof(*d));
	int r = -ENOMEM;

	if (d == NULL || (d->path = strdup(path)) == NULL) {
		free(d);
		snprintf(msg, msglen, "out of memory");
		return r;
	}
	d->lock_fd = -1;
	r = d->dirfd = paths_open_dir(path, false, msg, msglen);
	if (r >= 0)
		r = destroy(d, msg, msglen);
	device_close(d);
	return r;
}

/* Losing unused counters only makes the counter jump, so errors are fine. */
static void
stop_engine(struct device *d)
{
	const struct auth_change *settle = NULL;

	abandon(d);
	commit_drop(&d->commit);
	if (auth_idle(d->engine))
		settle = auth_settle(d->engine);
	if (settle != NULL)
		(void)commit_now(&d->commit, settle);
	if (d->counters != NULL)
		fault_told_save(d->counters, d->store);
	auth_done(d->engine);
}

void
device_close(struct device *d)
{
	if (d == NULL)
		return;
	if (d->engine != NULL)
		stop_engine(d);
	close_parts(d);
	if (d->dirfd >= 0)
		close(d->dirfd);
	free(d->path);
	free(d);
}

static void
note_trouble(struct device *d, const char *line)
{
	if (strcmp(d->trouble, line) == 0)
		return;
	snprintf(d->trouble, sizeof(d->trouble), "%s", line);
	d->told = false;
}

/* Whether the provider failed; it may as well just have said no. */
static bool
has_failed(const struct key_op *op)
{
	switch (op->result) {
	case -EACCES:
		return op->verb < KEY_PIN_CHECK || op->verb > KEY_PIN_CLEAR;
	case -EBADMSG:
		return op->verb != KEY_OPEN;
	case -ENOTSUP:
		return op->verb != KEY_CERTIFY;
	case -EBUSY:
	case -EIO:
	case -ENODEV:
	case -ENOMEM:
	case -ESTALE:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* What the TPM has no part in (KEY_OPEN) says nothing of how it is. */
static void
note_result(struct device *d, const struct key_op *op)
{
	const char *why = d->keys->ops->strerror(d->keys);

	if (has_failed(op))
		note_trouble(d, why[0] != '\0' ? why : strerror(-op->result));
	else if (op->result == 0 && op->verb != KEY_OPEN)
		d->trouble[0] = '\0';
}

const char *
device_trouble(struct device *d)
{
	const char *line = d->audit != NULL ? audit_log_trouble(d->audit) :
	    NULL;

	if (line != NULL)
		return line;
	if (d->told || d->trouble[0] == '\0')
		return NULL;
	d->told = true;
	return d->trouble;
}

/* The reply made anew, where it has to be. */

static void fault_happened(struct device *d, const struct auth_facts *facts);

/* Without a fault. False: what the host gets is the engine's. */
static bool
begin_honest(struct device *d)
{
	struct forge_source src = { .reply = auth_reply(d->engine),
	    .now_s = time(NULL) };

	d->forging = HONEST;
	return auth_facts(d->engine, &src.facts) &&
	    forge_must(d->forge, &src.facts) && forge_begin(d->forge, &src);
}

/* The provider's own line, where it failed, says more. */
static void
note_forge(struct device *d, const char *what)
{
	char line[DEVICE_MESSAGE_LEN];
	const char *why = forge_trouble(d->forge);

	if (why == NULL || (has_failed(forge_key_op(d->forge)) &&
	    d->trouble[0] != '\0'))
		return;
	snprintf(line, sizeof(line), "%s%s", what, why);
	note_trouble(d, line);
}

/* Goes on as far as nobody waits for the key provider; false: it signs. */
static bool
forge_signs(struct device *d, enum forge_want want)
{
	while (want == FORGE_KEY) {
		d->pending = forge_key_op(d->forge);
		if (!d->keys->ops->start(d->keys, d->pending)) {
			d->forging = FORGING;
			return false;
		}
		note_result(d, d->pending);
		d->pending = NULL;
		want = forge_key_done(d->forge);
	}
	return true;
}

/*
 * A fault that could not be made is left out, and stays armed. What has to be
 * made anew without one, and cannot be, is an error: the credential, which is
 * on disk by then, stays, as the one that it replaced is gone already.
 */
static enum device_want
forge_on(struct device *d, enum forge_want want)
{
	struct auth_facts facts;

	for (;;) {
		if (!forge_signs(d, want))
			return DEVICE_KEYS;
		d->forging = FORGED;
		if (forge_bent(d->forge) || d->fault.armed.id == 0)
			break;
		note_forge(d, "a fault was left out: ");
		d->fault.armed.id = 0;
		if (!begin_honest(d))
			return DEVICE_REPLY;
		want = forge_run(d->forge);
	}
	if (forge_bent(d->forge) && auth_facts(d->engine, &facts))
		fault_happened(d, &facts);
	note_forge(d, "a host got an error, though what it asked for is "
	    "done: ");
	return DEVICE_REPLY;
}

static enum device_want
forge_key(struct device *d)
{
	note_result(d, d->pending);
	d->pending = NULL;
	return forge_on(d, forge_key_done(d->forge));
}

/* An operation is over, one way or another. */
static void
forget_forged(struct device *d)
{
	/* most replies are not forged, and a forge is large */
	if (d->forging == FORGING || d->forging == FORGED)
		forge_end(d->forge);
	d->forging = NOT_FORGED;
}

/* What is not stored has to be remembered for those that mix accounts up. */
static void
note_account(struct device *d, const struct auth_facts *facts)
{
	if (facts->status != CTAP2_OK || facts->cred == NULL ||
	    facts->cred->seq != 0 || fault_set_forbidden(d->faults))
		return;
	if (d->accounts == NULL)
		d->accounts = calloc(1, sizeof(*d->accounts));
	if (d->accounts != NULL)
		fault_account_note(d->accounts, facts);
}

static bool
is_reset(const struct auth_facts *facts)
{
	return !facts->u2f && facts->command == CTAP_RESET &&
	    facts->status == CTAP2_OK;
}

struct fault_told *
device_told(struct device *d)
{
	if (d->counters != NULL || fault_set_forbidden(d->faults))
		return d->counters;
	d->counters = calloc(1, sizeof(*d->counters));
	if (d->counters != NULL)
		fault_told_load(d->counters, d->store);
	return d->counters;
}

/* What its relying party knows of it from now on. */
static void
note_told(struct device *d, const struct auth_facts *facts)
{
	struct fault_told *told = facts->cred != NULL ||
	    is_reset(facts) ? device_told(d) : NULL;

	if (told != NULL && is_reset(facts))
		fault_told_clear(told);
	else if (told != NULL)
		fault_told_note(told, facts, d->fault.happened);
}

/* Memory: until replied. */
static void
find_other(struct device *d, struct forge_source *src)
{
	static const struct fault_accounts none;

	if (d->other == NULL)
		d->other = calloc(1, sizeof(*d->other));
	if (d->other == NULL || !fault_account_other(d->accounts != NULL ?
	    d->accounts : &none, d->store, &src->facts, d->other))
		return;
	src->other_id = span(d->other->id, d->other->id_len);
	if (d->other->user_id_len > 0)
		src->other_user_id = span(d->other->user_id,
		    d->other->user_id_len);
}

/* Those that change a request instead have no such hooks. */
static bool
is_forged(const struct fault *f)
{
	return f->mc.kinds != 0 || f->mc.plan != NULL || f->mc.sign != NULL ||
	    f->mc.frame != NULL || f->ga.plan != NULL ||
	    f->ga.sign != NULL || f->ga.frame != NULL;
}

/* A registration of U2F has no authenticator data, and always presence. */
static bool
is_present(const struct auth_facts *facts)
{
	return facts->auth_data.p == NULL ||
	    (facts->auth_data.p[32] & AUTHDATA_UP) != 0;
}

/*
 * Asking whether a credential is there, without anybody being present, is no
 * sign-in: clients do that on their own, and nobody sees the reply.
 */
static bool
begin_fault(struct device *d, struct forge_source *src)
{
	bool mc = src->facts.command == CTAP_MAKE_CREDENTIAL;
	enum fault_stage stage = mc ? FAULT_REGISTRATION :
	    FAULT_AUTHENTICATION;
	struct fault_armed armed;
	uint32_t after = 0;

	if (d->fault.name[0] != '\0' || fault_armed_at(d->faults, 0) == NULL ||
	    !forge_can(&src->facts) || !is_present(&src->facts))
		return false;
	find_other(d, src);
	if (device_told(d) != NULL)
		src->told = fault_told(d->counters, src->facts.cred);
	for (; fault_next(d->faults, stage, src->facts.rp_id, after, &armed);
	    after = armed.id) {
		src->choice = armed.choice;
		if (armed.choice.fault->value == FAULT_NO_VALUE)
			src->choice.value = (uint32_t)armed.used;
		if (!is_forged(armed.choice.fault) ||
		    !forge_begin(d->forge, src))
			continue;
		d->fault.armed = armed;
		return true;
	}
	return false;
}

static enum device_want
forge(struct device *d)
{
	struct forge_source src = { .reply = auth_reply(d->engine),
	    .now_s = time(NULL) };

	if (d->forging == FORGING)
		return DEVICE_KEYS;
	if (d->forging != NOT_FORGED)
		return DEVICE_REPLY;
	d->forging = HONEST;
	if (!auth_facts(d->engine, &src.facts))
		return DEVICE_REPLY;
	note_account(d, &src.facts);
	if (!begin_fault(d, &src) && !begin_honest(d))
		return DEVICE_REPLY;
	return forge_on(d, forge_run(d->forge));
}

static enum auth_want
key_done(struct device *d, uint64_t now_ms)
{
	device_note_pin(d, d->pending);
	note_result(d, d->pending);
	d->pending = NULL;
	return auth_key_done(d->engine, now_ms);
}

/* Hosts have a word for it: mc.17, lb.9. */
static bool
says_full(const struct device *d)
{
	struct auth_facts facts;

	return auth_facts(d->engine, &facts) &&
	    (facts.status == CTAP2_ERR_KEY_STORE_FULL ||
	    facts.status == CTAP2_ERR_LARGE_BLOB_STORAGE_FULL);
}

/* No room is an answer, where it is one; a sign-in has no other but OTHER. */
static enum auth_want
commit_done(struct device *d, int r, uint64_t now_ms)
{
	enum auth_want want = auth_commit_done(d->engine, r, now_ms);

	if (r == 0)
		d->trouble[0] = '\0';
	else if (r != -ENOSPC || want != AUTH_REPLY || !says_full(d))
		note_trouble(d, commit_strerror(&d->commit));
	return want;
}

static void
fault_happened(struct device *d, const struct auth_facts *facts)
{
	struct event e = { .kind = EVENT_FAULT_USED, .fault = d->fault.name,
	    .channel = facts->channel, .rp_id = facts->rp_id,
	    .rp_id_hash = facts->rp_id_hash };

	fault_choice_name(d->fault.armed.choice, d->fault.name);
	d->fault.happened = d->fault.armed.choice.fault;
	fault_used(d->faults, d->fault.armed.id);
	d->fault.armed.id = 0;
	watch_tell(&d->watch, &e);
}

/* What was asked for wrongly has been done, or did not go well. */
static void
finish_request(struct device *d)
{
	struct auth_facts facts;

	if (d->fault.armed.id == 0)
		return;
	if (auth_facts(d->engine, &facts) && facts.status == CTAP2_OK)
		fault_happened(d, &facts);
	d->fault.armed.id = 0;
}

/*
 * What the engine wants, done as far as it goes without the user and
 * without waiting.
 */
static enum device_want
perform(struct device *d, enum auth_want want, uint64_t now_ms)
{
	struct auth *au = d->engine;
	int r;

	d->now_ms = now_ms;
	for (;;) {
		switch (want) {
		case AUTH_LOOKUP:
			(void)store_lookup(d->store, auth_lookup_op(au));
			want = auth_lookup_done(au, now_ms);
			break;
		case AUTH_COMMIT:
			if (d->commit.phase != COMMIT_IDLE)
				return DEVICE_KEYS;
			r = commit_start(&d->commit, auth_change(au));
			if (r == 1)
				return DEVICE_KEYS;
			want = commit_done(d, r, now_ms);
			break;
		case AUTH_KEY:
			if (d->pending != NULL)
				return DEVICE_KEYS;
			d->pending = auth_key_op(au);
			if (!d->keys->ops->start(d->keys, d->pending))
				return DEVICE_KEYS;
			want = key_done(d, now_ms);
			break;
		case AUTH_USER:
			return DEVICE_USER;
		case AUTH_REPLY:
			if (d->forging == NOT_FORGED)
				finish_request(d);
			return forge(d);
		case AUTH_IDLE:
			return DEVICE_IDLE;
		}
	}
}

/* Something stopped the operation, perhaps: then nobody waits for its key. */
static enum device_want
stopped(struct device *d, enum auth_want want, uint64_t now_ms)
{
	if (want != AUTH_KEY && d->forging != FORGING)
		abandon(d);
	return perform(d, want, now_ms);
}

/* One that is too long is refused before anything in it is looked at. */
static struct span
keep_request(struct device *d, struct span msg)
{
	uint8_t *kept = d->work->request;

	if (msg.len > sizeof(d->work->request))
		return msg;
	if (msg.len > 0)
		memcpy(kept, msg.p, msg.len);
	return span(kept, msg.len);
}

static struct span
change_request(struct device *d, struct span msg)
{
	size_t len;

	if (fault_armed_at(d->faults, 0) == NULL || !fault_request(d->faults,
	    msg, &d->auth, d->work->request, &len, &d->fault.armed))
		return keep_request(d, msg);
	return span(d->work->request, len);
}

/*
 * The one before may have ended without a reply. Nobody asks for the time that
 * nobody is told.
 */
static void
begin_operation(struct device *d)
{
	d->fault.armed.id = 0;
	d->fault.name[0] = '\0';
	d->fault.happened = NULL;
	if (d->watch.sinks != NULL)
		d->begun_us = clock_us();
}

enum device_want
device_command(struct device *d, uint64_t channel, struct span msg,
    uint64_t now_ms)
{
	begin_operation(d);
	msg = change_request(d, msg);
	return perform(d, auth_command(d->engine, channel, msg, now_ms),
	    now_ms);
}

enum device_want
device_apdu(struct device *d, uint64_t channel, struct span msg,
    uint64_t now_ms)
{
	begin_operation(d);
	msg = keep_request(d, msg);
	return perform(d, auth_apdu(d->engine, channel, msg, now_ms), now_ms);
}

bool
device_has_u2f(const struct device *d)
{
	return auth_has_u2f(d->engine);
}

bool
device_has_ctap2(const struct device *d)
{
	return auth_has_ctap2(d->engine);
}

/* What the user did, which may have been of no use. */
static enum device_want
answered(struct device *d, enum auth_want want, uint64_t now_ms)
{
	if (auth_answer(d->engine) == USER_MISMATCH)
		watch_tell(&d->watch, &(struct event){
		    .kind = EVENT_VERIFICATION_FAILED });
	return perform(d, want, now_ms);
}

enum device_want
device_user(struct device *d, enum user_answer answer, uint64_t now_ms)
{
	return answered(d, auth_user_input(d->engine, answer, now_ms), now_ms);
}

enum device_want
device_finger(struct device *d, struct user_finger finger, uint64_t now_ms)
{
	return answered(d, auth_finger(d->engine, finger, now_ms), now_ms);
}

enum device_want
device_keys(struct device *d, uint64_t now_ms)
{
	struct key_op *op = d->keys->ops->poll(d->keys);
	int r;

	if (op != NULL && op == d->pending && d->forging == FORGING)
		return forge_key(d);
	if (op != NULL && op == d->pending)
		return perform(d, key_done(d, now_ms), now_ms);
	if (op != NULL && op == &d->commit.op &&
	    (r = commit_advanced(&d->commit)) != 1)
		return perform(d, commit_done(d, r, now_ms), now_ms);
	return perform(d, auth_current_want(d->engine), now_ms);
}

enum device_want
device_cancel(struct device *d, uint64_t channel, uint64_t now_ms)
{
	return stopped(d, auth_cancel(d->engine, channel), now_ms);
}

enum device_want
device_abort(struct device *d, uint64_t channel, uint64_t now_ms)
{
	return stopped(d, auth_abort(d->engine, channel), now_ms);
}

enum device_want
device_tick(struct device *d, uint64_t now_ms)
{
	if (d->audit != NULL && audit_log_deadline(d->audit, now_ms) <= now_ms)
		audit_log_flush(d->audit);
	return stopped(d, auth_tick(d->engine, now_ms), now_ms);
}

void
device_host_gone(struct device *d, uint32_t host)
{
	auth_host_gone(d->engine, host);
}

size_t
device_info(struct device *d, uint64_t channel, uint8_t *out, size_t cap)
{
	const struct auth_facts facts = { .channel = channel,
	    .command = CTAP_GET_INFO, .status = CTAP2_OK };
	uint64_t begun_us = d->watch.sinks != NULL ? clock_us() : 0;
	size_t len = auth_info(d->engine, channel, out, cap);

	if (len > 0 && d->watch.sinks != NULL)
		watch_operation(&d->watch, &facts, span(out, len), NULL,
		    clock_us() - begun_us);
	return len;
}

uint64_t
device_deadline(const struct device *d)
{
	uint64_t engine = auth_deadline(d->engine), audit = UINT64_MAX;

	if (d->audit != NULL)
		audit = audit_log_deadline(d->audit, d->now_ms);
	return audit < engine ? audit : engine;
}

int
device_keys_fd(const struct device *d)
{
	return d->keys->ops->fd(d->keys);
}

bool
device_idle(const struct device *d)
{
	return d->engine == NULL || auth_idle(d->engine);
}

const struct auth_prompt *
device_prompt(struct device *d)
{
	return auth_prompt(d->engine);
}

struct span
device_reply(const struct device *d)
{
	return d->forging == FORGED ? forge_reply(d->forge) :
	    auth_reply(d->engine);
}

struct fault_set *
device_faults(struct device *d)
{
	return d->faults;
}

const char *
device_fault(const struct device *d)
{
	return d->fault.name[0] != '\0' ? d->fault.name : NULL;
}

bool
device_facts(const struct device *d, struct auth_facts *out)
{
	if (!auth_facts(d->engine, out))
		return false;
	if (d->forging != FORGED)
		return true;
	/* as it goes out */
	if (!out->u2f)
		out->status = (enum ctap_status)forge_reply(d->forge).p[0];
	out->auth_data = forge_auth_data(d->forge);
	out->attestation = forge_kind(d->forge);
	return true;
}

/* The state as it is now, to the engine, which is idle. */
int
device_tell_engine(struct device *d)
{
	struct auth_state state;
	int r = device_load_state(d, &state);

	if (r == 0)
		auth_store_changed(d->engine, &state);
	explicit_bzero(&state, sizeof(state));
	return r;
}

void
device_replied(struct device *d)
{
	struct auth_facts facts;

	if (device_facts(d, &facts)) {
		if (d->watch.sinks != NULL)
			watch_operation(&d->watch, &facts, device_reply(d),
			    device_fault(d), clock_us() - d->begun_us);
		note_told(d, &facts);
	}
	d->fault.armed.id = 0;
	d->fault.name[0] = '\0';
	d->fault.happened = NULL;
	forget_forged(d);
	auth_replied(d->engine);
	if (d->commit.diverged && device_tell_engine(d) == 0)
		d->commit.diverged = false;
}

/* One step of device_transact(). */
static enum device_want
step(struct device *d, enum device_want want)
{
	struct pollfd pfd = { .events = POLLIN };
	struct user_finger fitting = { .long_touch = true };

	if (want == DEVICE_USER)
		return device_finger(d, fitting, clock_ms());
	pfd.fd = device_keys_fd(d);
	(void)poll(&pfd, 1, -1);
	return device_keys(d, clock_ms());
}

/* What an operation that was started comes to. */
static int
finish(struct device *d, enum device_want want, uint8_t *reply, size_t cap,
    size_t *len)
{
	struct span answer;
	int r = -EMSGSIZE;

	while (want == DEVICE_USER || want == DEVICE_KEYS)
		want = step(d, want);
	answer = device_reply(d);
	if (answer.len <= cap) {
		memcpy(reply, answer.p, answer.len);
		*len = answer.len;
		r = 0;
	}
	device_replied(d);
	return r;
}

int
device_transact(struct device *d, struct span request, uint8_t *reply,
    size_t cap, size_t *len)
{
	if (!device_idle(d))
		return -EBUSY;
	return finish(d, device_command(d, 0, request, clock_ms()), reply,
	    cap, len);
}

int
device_transact_apdu(struct device *d, struct span request, uint8_t *reply,
    size_t cap, size_t *len)
{
	if (!device_idle(d))
		return -EBUSY;
	return finish(d, device_apdu(d, 0, request, clock_ms()), reply, cap,
	    len);
}

int
device_fail(struct device *d, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->line, sizeof(d->line), fmt, ap);
	va_end(ap);
	return error;
}

static int
explain(struct device *d, int r)
{
	if (r < 0)
		snprintf(d->line, sizeof(d->line), "%s",
		    commit_strerror(&d->commit));
	return r;
}

int
device_explain_keys(struct device *d, int r, const char *before)
{
	const char *why = d->keys->ops->strerror(d->keys);

	if (r < 0)
		snprintf(d->line, sizeof(d->line), "%s%s", before,
		    why[0] != '\0' ? why : strerror(-r));
	return r;
}

int
device_check_idle(struct device *d)
{
	return device_idle(d) ? 0 : device_fail(d, -EBUSY,
	    "the key is answering a request; try again");
}

/* Also when it is on disk and nothing more can be said of it. */
int
device_change(struct device *d, const struct auth_change *change)
{
	int r, told = 0;

	if (device_check_idle(d) != 0)
		return -EBUSY;
	r = explain(d, commit_now(&d->commit, change));
	if (d->engine != NULL && (r == 0 || d->commit.diverged))
		told = device_tell_engine(d);
	d->commit.diverged = false;
	return r != 0 ? r : told;
}

static int
take_first(void *arg, const struct credential *cred)
{
	*(struct credential *)arg = *cred;
	return 1;
}

int
device_delete(struct device *d, uint64_t seq)
{
	struct auth_change change = { .remove = seq };
	struct credential cred = { .seq = 0 };
	struct auth_state state;
	int r = store_load(d->store, &state);

	if (r == 0 && d->watch.sinks != NULL)
		(void)store_each_after(d->store, seq - 1, take_first, &cred);
	if (r == 0) {
		/* whoever keeps a copy of the list sees that it is old */
		state.store_generation++;
		change.state = &state;
		r = device_change(d, &change);
	}
	if (r == 0)
		watch_owner(&d->watch, EVENT_CREDENTIAL_DELETED, &cred);
	explicit_bzero(&state, sizeof(state));
	explicit_bzero(&cred, sizeof(cred));
	return r;
}

/* Not before the reset is on disk: a key without a PIN has no credentials. */
static int
forget_pin(struct device *d)
{
	struct key_op op = { .verb = KEY_PIN_CLEAR };
	int r;

	if (!d->keys->ops->info(d->keys)->pin)
		return 0;
	r = device_explain_keys(d, keys_perform(d->keys, &op),
	    "the credentials are gone, but the PIN is not: ");
	device_note_pin(d, &op);
	explicit_bzero(&op, sizeof(op));
	if (d->engine != NULL)
		(void)device_tell_engine(d);
	return r < 0 ? -EIO : 0;
}

/*
 * A new epoch makes every key of the old one useless, also those that live
 * in credential IDs out there. The signature counter stays where it is.
 */
int
device_reset(struct device *d)
{
	struct auth_change change = { .reset = true };
	struct auth_state old, state;
	int r = store_load(d->store, &old);

	if (r == 0) {
		state = auth_state_after_reset(&old);
		device_random(NULL, state.epoch, sizeof(state.epoch));
		change.state = &state;
		r = device_change(d, &change);
	}
	explicit_bzero(&old, sizeof(old));
	explicit_bzero(&state, sizeof(state));
	if (r != 0)
		return r;
	watch_tell(&d->watch, &(struct event){ .kind = EVENT_RESET,
	    .owner = true });
	if (device_told(d) != NULL)
		fault_told_clear(d->counters);
	return forget_pin(d);
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
	forget_forged(d);
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

struct watch *
device_watch(struct device *d)
{
	return &d->watch;
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

const struct auth_config *
device_auth(const struct device *d)
{
	return d->engine != NULL ? &d->auth : NULL;
}

struct store *
device_store(struct device *d)
{
	return d->store;
}

struct keys *
device_provider(struct device *d)
{
	return d->keys;
}

const char *
device_keys_name(const struct device *d)
{
	return d->keys->ops->name;
}

bool
device_hardware(const struct device *d)
{
	return d->keys->ops->info(d->keys)->hardware;
}

const struct keys_info *
device_keys_info(const struct device *d)
{
	return d->keys->ops->info(d->keys);
}

uint8_t
device_pin_failures(const struct device *d)
{
	return d->pin.failures;
}

bool
device_is_stale(const struct device *d)
{
	return d->commit.stale;
}

uint64_t
device_counter(const struct device *d)
{
	return d->commit.counter;
}

uint64_t
device_generation(const struct device *d)
{
	return commit_generation(&d->commit);
}

int
device_accept(struct device *d)
{
	return explain(d, commit_accept(&d->commit));
}

int
device_rewrap(struct device *d, uint32_t pcrs, const char *recovery)
{
	uint8_t wrapped[KEY_WRAPPED_MAX];
	size_t len = 0;
	int r;

	r = device_explain_keys(d, d->keys->ops->rewrap(d->keys, pcrs, recovery,
	    wrapped, &len), "");
	if (r == 0) {
		r = store_rewrap(d->store, span(wrapped, len));
		if (r < 0)
			snprintf(d->line, sizeof(d->line), "%s",
			    store_strerror(d->store));
	}
	explicit_bzero(wrapped, sizeof(wrapped));
	return r;
}

const char *
device_strerror(const struct device *d)
{
	return d->line;
}

int
device_tag(struct device *d, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	return d->keys->ops->tag(d->keys, "device", data, out);
}

const char *
device_path(const struct device *d)
{
	return d->path;
}

int
device_dirfd(const struct device *d)
{
	return d->dirfd;
}

void
device_audit_flush(struct device *d)
{
	if (d->audit != NULL)
		audit_log_flush(d->audit);
}
