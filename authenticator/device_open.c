/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key is made of, opened in order and closed: the directory with its
 * lock, the key provider, the store, the audit log; the engine by
 * device_start() (device.h).
 */
#include "authenticator/device_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/clock.h"
#include "authenticator/fault/forbid.h"
#include "authenticator/forge/forge.h"
#include "authenticator/paths.h"
#include "tpm/record.h"

#define BUSY_PAUSE_MS		20

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
	d->other = NULL;
	free(d->accounts);
	d->accounts = NULL;
	free(d->counters);
	d->counters = NULL;
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
		device_learn_pin(d);
	if (r == 0)
		r = open_faults(d, cfg, msg, msglen);
	if (r == 0 && !cfg->manage)
		r = device_start(d, cfg, now_ms, msg, msglen);
	if (r == 0)
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
		device_learn_pin(d);
	if (r == 0)
		r = open_faults(d, cfg, msg, msglen);
	if (r == 0)
		r = device_start(d, cfg, now_ms, msg, msglen);
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

/* Losing unused counters only makes the counter jump, and nothing depends on
 * those that were told, so errors are fine. */
static void
stop_engine(struct device *d)
{
	const struct auth_change *settle = NULL;
	struct auth_change last = { .state = NULL };
	uint8_t told[FAULT_TOLD_LEN];

	device_abandon(d);
	commit_drop(&d->commit);
	if (auth_idle(d->engine))
		settle = auth_settle(d->engine);
	if (settle != NULL)
		last = *settle;
	if ((d->counters != NULL && fault_told_save(d->counters, &last,
	    told)) || settle != NULL)
		(void)commit_now(&d->commit, &last);
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
