/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of a key may do to it, and no host: credentials that come
 * from elsewhere and go there, other properties of those that are there,
 * deleting, resetting without a PIN (device.h). The PIN itself: device_pin.c.
 */
#include "authenticator/device_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "ctap/cbor.h"

#define IN_TPM	"the keys of this key are in a TPM, which neither takes " \
		"private keys from elsewhere nor gives any away"

static int
explain(struct device *d, int r)
{
	if (r < 0)
		snprintf(d->line, sizeof(d->line), "%s",
		    commit_strerror(&d->commit));
	return r;
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

int
device_check_runs(struct device *d)
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
	r = device_check_runs(d);
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
	int r = device_check_runs(d);

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
 * Managing, also a key that does not run
 */

int
device_delete(struct device *d, uint64_t seq)
{
	struct auth_change change = { .remove = seq };
	struct credential cred = { .seq = 0 };
	struct auth_state state;
	int r = store_load(d->store, &state);

	if (r == 0 && d->watch.sinks != NULL)
		(void)find(d, seq, &cred);
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
	return device_forget_pin(d);
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
