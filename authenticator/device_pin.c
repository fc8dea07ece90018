/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIN of a key, which its state has, or its key provider. What a provider
 * says of it counts, whatever the state remembers, which may be of before a
 * power cut, or a copy (device.h).
 */
#include "authenticator/device_impl.h"

#include <errno.h>
#include <string.h>

#include <openssl/sha.h>

#define PIN_LENGTH_LEAST	4	/* code points, CTAP 2.3, 6.5.1 */

void
device_learn_pin(struct device *d)
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

uint8_t
device_pin_failures(const struct device *d)
{
	return d->pin.failures;
}

static int
perform_pin(struct device *d, enum key_verb verb, struct span hash)
{
	struct key_op op = { .verb = verb, .data = { hash } };
	int r;

	if (!d->keys->ops->info(d->keys)->pin)
		return 0;
	r = device_explain_keys(d, keys_perform(d->keys, &op), "the PIN: ");
	device_note_pin(d, &op);
	explicit_bzero(&op, sizeof(op));
	(void)device_tell_engine(d);
	return r;
}

static int
commit_pin(struct device *d, const uint8_t *hash, uint8_t points)
{
	struct auth_state state = { .credentials = 0 };
	const struct auth_change change = { .state = &state };
	int r = store_load(d->store, &state);

	state.pin_set = hash != NULL;
	state.force_pin_change = false;
	state.pin_length = points;
	state.pin_failures = 0;
	memset(state.pin_hash, 0, sizeof(state.pin_hash));
	if (hash != NULL && !d->keys->ops->info(d->keys)->pin)
		memcpy(state.pin_hash, hash, sizeof(state.pin_hash));
	if (r == 0)
		r = device_change(d, &change);
	explicit_bzero(&state, sizeof(state));
	return r;
}

/* The state first: it says that there is a PIN only if the provider has it. */
static int
clear_pin(struct device *d)
{
	int r = commit_pin(d, NULL, 0);

	return r == 0 ? perform_pin(d, KEY_PIN_CLEAR, span(NULL, 0)) : r;
}

/*
 * In one step; but a provider takes another PIN from nobody who does not know
 * the one that it has.
 */
static int
put_pin(struct device *d, const char *pin, uint8_t points)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	int r = 0;

	(void)SHA256((const uint8_t *)pin, strlen(pin), hash);
	if (d->keys->ops->info(d->keys)->pin)
		r = clear_pin(d);
	if (r == 0)
		r = perform_pin(d, KEY_PIN_SET, span(hash, PIN_HASH_LEN));
	if (r == 0)
		r = commit_pin(d, hash, points);
	explicit_bzero(hash, sizeof(hash));
	return r;
}

static int
check_pin(struct device *d, const char *pin, uint8_t *points)
{
	int r = device_check_runs(d);

	if (r < 0)
		return r;
	if (!(auth_config_features(&d->auth) & FEATURE_CLIENT_PIN))
		return device_fail(d, -ENOTSUP, "this kind of key has no PIN "
		    "(setting clientPin)");
	if (pin == NULL || auth_check_pin(d->engine, span_str(pin), points) ==
	    CTAP2_OK)
		return 0;
	return device_fail(d, -EINVAL, "this key takes no such PIN: %u code "
	    "points at least and 63 bytes at most",
	    auth_pin_min_length(d->engine));
}

int
device_set_pin(struct device *d, const char *pin)
{
	uint8_t points = 0;
	int r = check_pin(d, pin, &points);

	if (r == 0)
		r = pin != NULL ? put_pin(d, pin, points) : clear_pin(d);
	if (r == 0)
		watch_tell(&d->watch, &(struct event){
		    .kind = EVENT_PIN_CHANGED, .owner = true });
	return r;
}

void
device_pin_state(struct device *d, struct device_pin *out)
{
	struct auth_state state;

	*out = (struct device_pin){ .supported = false };
	if (d->engine == NULL || device_load_state(d, &state) < 0)
		return;
	out->supported = (auth_config_features(&d->auth) &
	    FEATURE_CLIENT_PIN) != 0;
	out->set = state.pin_set;
	out->force_change = state.force_pin_change;
	out->retries = auth_pin_retries(d->engine, &out->power_cycle);
	out->min_length = auth_pin_min_length(d->engine);
	explicit_bzero(&state, sizeof(state));
}

/* Not before the reset is on disk: a key without a PIN has no credentials. */
int
device_forget_pin(struct device *d)
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
