/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of a key that runs may do to it, and no host: credentials
 * that come from elsewhere and go there, other properties of those that are
 * there, a PIN without knowing the old one (device.h).
 */
#include "authenticator/device_impl.h"

#include <errno.h>
#include <string.h>

#include <openssl/sha.h>

#include "ctap/cbor.h"

#define IN_TPM	"the keys of this key are in a TPM, which neither takes " \
		"private keys from elsewhere nor gives any away"

static int
check_runs(struct device *d)
{
	if (d->engine == NULL)
		return device_fail(d, -EINVAL, "the key does not run");
	return device_check_idle(d);
}

/* For others than the software provider, also for what is not in the TPM. */
static int
check_software(struct device *d)
{
	return d->keys->ops->info(d->keys)->tpm ?
	    device_fail(d, -ENOTSUP, IN_TPM) : 0;
}

/*
 * Importing
 */

static bool
is_text(struct span s)
{
	return cbor_utf8_cut(s, s.len) == s.len;
}

static const char *
what_is_wrong(const struct device_import *in)
{
	if (in->id.p != NULL && (in->id.len == 0 ||
	    in->id.len > CREDENTIAL_ID_MAX))
		return "a credential ID has 1 to 1023 bytes";
	if (in->rp_id.len == 0 || in->rp_id.len > RP_ID_KEPT ||
	    !is_text(in->rp_id))
		return "an RP ID has 1 to 255 bytes of UTF-8";
	if (in->user_id.p != NULL && (in->user_id.len == 0 ||
	    in->user_id.len > USER_ID_MAX))
		return "a user handle has 1 to 64 bytes";
	if (in->discoverable && in->user_id.p == NULL)
		return "a discoverable credential has a user handle";
	if (!is_text(in->user_name) || !is_text(in->display_name) ||
	    !is_text(in->rp_name))
		return "a name is UTF-8";
	if ((int)in->protect < 0 || in->protect > PROTECT_REQUIRED)
		return "credProtect is 1, 2 or 3";
	if (in->backup_state && !in->backup_eligible)
		return "a credential that is not eligible for backup is not "
		    "backed up";
	if (in->large_blob.p != NULL && (!in->discoverable ||
	    in->large_blob.len > LARGE_BLOB_MAX))
		return "a large blob has up to 2048 bytes, compressed, and "
		    "belongs to a discoverable credential";
	return NULL;
}

/* Whether a key of this kind could have made it. */
static int
check_features(struct device *d, const struct device_import *in)
{
	uint64_t features = auth_config_features(&d->auth);

	if (in->discoverable && !(features & FEATURE_RK))
		return device_fail(d, -ENOTSUP, "this kind of key has no "
		    "discoverable credentials");
	if (in->large_blob.p != NULL && !(features & FEATURE_LARGE_BLOB))
		return device_fail(d, -ENOTSUP, "this kind of key keeps no "
		    "large blob with a credential (setting largeBlob)");
	return 0;
}

static void
take_name(struct name_text *out, struct span s)
{
	out->len = (uint8_t)cbor_utf8_cut(s, NAME_KEPT);
	if (out->len > 0)
		memcpy(out->s, s.p, out->len);
}

static void
describe(const struct device_import *in, struct credential *out)
{
	memset(out, 0, sizeof(*out));
	out->id_len = in->id.p != NULL ? (uint16_t)in->id.len :
	    CREDENTIAL_ID_STORED;
	if (in->id.p != NULL)
		memcpy(out->id, in->id.p, in->id.len);
	else
		device_random(NULL, out->id, out->id_len);
	(void)SHA256(in->rp_id.p, in->rp_id.len, out->rp_id_hash);
	out->rp_id.len = (uint8_t)in->rp_id.len;
	memcpy(out->rp_id.s, in->rp_id.p, in->rp_id.len);
	take_name(&out->rp_name, in->rp_name);
	if (in->user_id.p != NULL) {
		out->user.id_len = (uint8_t)in->user_id.len;
		memcpy(out->user.id, in->user_id.p, in->user_id.len);
	}
	take_name(&out->user.name, in->user_name);
	take_name(&out->user.display_name, in->display_name);
	out->discoverable = in->discoverable;
	out->protect = in->protect != 0 ? (uint8_t)in->protect :
	    PROTECT_OPTIONAL;
	out->hmac_secret = in->hmac_secret;
	out->backup_eligible = in->backup_eligible;
	out->backup_state = in->backup_state;
	out->counting = (uint8_t)in->counting;
	out->counter = in->counting == COUNT_ITSELF ? in->counter : 0;
	out->large_blob = in->large_blob.p != NULL;
}

/* 1: it is there. */
static int
look_up(struct device *d, enum lookup_kind kind, const struct credential *cred)
{
	struct credential found;
	struct auth_lookup q = { .kind = kind, .cred = &found,
	    .protect_max = PROTECT_REQUIRED,
	    .id = span(cred->id, cred->id_len),
	    .user_id = span(cred->user.id, cred->user.id_len) };
	int r;

	memcpy(q.rp_id_hash, cred->rp_id_hash, sizeof(q.rp_id_hash));
	r = store_lookup(d->store, &q);
	explicit_bzero(&found, sizeof(found));
	return r < 0 ? device_fail(d, r, "%s", store_strerror(d->store)) :
	    q.found;
}

static int
check_new(struct device *d, const struct credential *cred)
{
	int r = look_up(d, LOOKUP_ID_ANY, cred);

	if (r == 1)
		return device_fail(d, -EEXIST, "there is a credential with "
		    "that ID already");
	if (r == 0 && cred->discoverable)
		r = look_up(d, LOOKUP_USER, cred);
	return r == 1 ? device_fail(d, -EEXIST, "there is a discoverable "
	    "credential for that account already") : r;
}

static int
import_key(struct device *d, const struct device_import *in,
    struct credential *cred)
{
	uint8_t meta[KEY_META_MAX];
	struct auth_state state;
	struct key_op op = { .verb = KEY_IMPORT, .alg = in->alg };
	int r = store_load(d->store, &state);

	op.epoch = span(state.epoch, sizeof(state.epoch));
	op.bound = span(cred->rp_id_hash, sizeof(cred->rp_id_hash));
	op.meta = span(meta, auth_stored_meta(cred, meta));
	op.data[0] = in->private_key;
	if (r == 0)
		r = keys_perform(d->keys, &op);
	if (r == 0) {
		cred->alg = op.alg;
		memcpy(cred->blob, op.out_blob, op.out_blob_len);
		cred->blob_len = (uint16_t)op.out_blob_len;
		memcpy(cred->pub, op.out_pub, op.out_pub_len);
		cred->pub_len = (uint16_t)op.out_pub_len;
	}
	explicit_bzero(&op, sizeof(op));
	explicit_bzero(&state, sizeof(state));
	if (r == -EINVAL)
		return device_fail(d, r, "the private key is no unencrypted "
		    "PKCS #8, or contradicts itself");
	if (r == -ENOTSUP)
		return device_fail(d, r, "the private key is none for an "
		    "algorithm that there is, or for the one that was named");
	return device_explain_keys(d, r, "");
}

static int
keep(struct device *d, const struct device_import *in,
    struct credential *cred)
{
	struct auth_change change = { .put = cred };
	struct auth_state state;
	int r = store_load(d->store, &state);

	if (in->large_blob.p != NULL)
		change.own_blob = (struct own_blob){ OWN_BLOB_OF_PUT,
		    in->large_blob_size, in->large_blob };
	if (r == 0) {
		/* whoever keeps a copy of the list sees that it is old */
		state.store_generation += cred->discoverable;
		change.state = &state;
		r = device_change(d, &change);
	}
	explicit_bzero(&state, sizeof(state));
	return r;
}

int
device_import(struct device *d, const struct device_import *in,
    struct credential *out)
{
	const char *wrong = what_is_wrong(in);
	struct credential cred;
	int r;

	if (wrong != NULL)
		return device_fail(d, -EINVAL, "%s", wrong);
	r = check_runs(d);
	if (r == 0)
		r = check_software(d);
	if (r == 0)
		r = check_features(d, in);
	if (r < 0)
		return r;
	describe(in, &cred);
	r = check_new(d, &cred);
	if (r == 0)
		r = import_key(d, in, &cred);
	if (r == 0)
		r = keep(d, in, &cred);
	if (r == 0)
		watch_owner(&d->watch, EVENT_CREDENTIAL_CREATED, &cred);
	if (r == 0 && out != NULL)
		*out = cred;
	explicit_bzero(&cred, sizeof(cred));
	return r;
}

/*
 * Exporting
 */

int
device_export_listed(struct device *d, const struct credential *cred,
    uint8_t *out, size_t cap, size_t *len)
{
	struct key_op op = { .verb = KEY_EXPORT };
	struct auth_state state;
	int r = check_runs(d);

	if (r == 0)
		r = check_software(d);
	if (r == 0)
		r = store_load(d->store, &state);
	if (r < 0)
		return r;
	op.blob = span(cred->blob, cred->blob_len);
	op.bound = span(cred->rp_id_hash, sizeof(cred->rp_id_hash));
	op.epoch = span(state.epoch, sizeof(state.epoch));
	r = device_explain_keys(d, keys_perform(d->keys, &op), "");
	if (r == 0 && op.out_sig_len > cap)
		r = device_fail(d, -EMSGSIZE, "a private key of %zu bytes",
		    op.out_sig_len);
	if (r == 0) {
		memcpy(out, op.out_sig, op.out_sig_len);
		*len = op.out_sig_len;
	}
	explicit_bzero(&op, sizeof(op));
	explicit_bzero(&state, sizeof(state));
	return r;
}

int
device_export(struct device *d, const struct credential *cred, uint8_t *out,
    size_t cap, size_t *len)
{
	int r = device_export_listed(d, cred, out, cap, len);

	if (r == 0)
		watch_owner(&d->watch, EVENT_CREDENTIAL_EXPORTED, cred);
	return r;
}

void
device_list_exported(struct device *d, uint64_t count)
{
	const struct event e = { .kind = EVENT_CREDENTIAL_EXPORTED,
	    .owner = true, .count = count };

	if (count > 0)
		watch_tell(&d->watch, &e);
}

bool
device_sign_count(const struct device *d, const struct credential *cred,
    uint32_t *count)
{
	*count = 0;
	if (d->auth.counter == COUNTER_ZERO ||
	    cred->counting == COUNT_NOTHING)
		return false;
	if (cred->counting == COUNT_ITSELF)
		*count = cred->counter;
	else if (d->engine != NULL)
		*count = auth_counter(d->engine);
	else
		return false;
	return true;
}

/*
 * Properties
 */

static void
set(struct credential *cred, const struct device_properties *p)
{
	if (p->set_backup_eligible)
		cred->backup_eligible = p->backup_eligible;
	if (p->set_backup_state)
		cred->backup_state = p->backup_state;
	if (p->set_counter) {
		cred->counting = (uint8_t)p->counting;
		cred->counter = p->counting == COUNT_ITSELF ? p->counter : 0;
	}
}

static int
take_one(void *arg, const struct credential *cred)
{
	*(struct credential *)arg = *cred;
	return 1;
}

/* -ENOENT also if it is another one that comes next. */
static int
find(struct device *d, uint64_t seq, struct credential *out)
{
	int r = 0;

	if (seq > 0)
		r = store_each_after(d->store, seq - 1, take_one, out);
	if (r < 0)
		return device_fail(d, r, "%s", store_strerror(d->store));
	return r == 1 && out->seq == seq ? 0 : device_fail(d, -ENOENT,
	    "there is no such credential");
}

int
device_set_properties(struct device *d, uint64_t seq,
    const struct device_properties *p)
{
	struct credential cred;
	const struct auth_change change = { .replace = &cred };
	int r = find(d, seq, &cred);

	if (r == 0) {
		set(&cred, p);
		if (cred.backup_state && !cred.backup_eligible)
			r = device_fail(d, -EINVAL, "a credential that is not "
			    "eligible for backup is not backed up");
	}
	if (r == 0)
		r = device_change(d, &change);
	if (r == 0)
		watch_owner(&d->watch, EVENT_CREDENTIAL_UPDATED, &cred);
	explicit_bzero(&cred, sizeof(cred));
	return r;
}

/*
 * The PIN
 */

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
	int r = check_runs(d);

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
