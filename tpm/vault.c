/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault: made, opened, taken away. In this order, so that a crash between
 * any two steps leaves something that can be opened, or made anew:
 *
 *	create	record, counter, (probe), storage key, and then the caller
 *		keeps what is wrapped. Until he does, there is nothing worth
 *		keeping, and creating again removes what the record names.
 *	destroy	indices, record.
 */
#include "tpm/vault_impl.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/rand.h>

void
vault_keep_line(struct vault *v, struct vault_line *out)
{
	snprintf(out->text, sizeof(out->text), "%s", link_strerror(v->link));
}

void
vault_tell_line(struct vault *v, const struct vault_line *line)
{
	link_fail(v->link, 0, "%s", line->text);
}

void
vault_auth(const uint8_t value[static VAULT_DIGEST_LEN], TPM2B_AUTH *out)
{
	memset(out, 0, sizeof(*out));
	out->size = VAULT_DIGEST_LEN;
	memcpy(out->buffer, value, VAULT_DIGEST_LEN);
	/* TPMs and TSSs do not agree about zeros at the end. */
	out->buffer[VAULT_DIGEST_LEN - 1] |= 1;
}

int
vault_new(struct link *l, int dirfd, struct vault **out)
{
	struct vault *v;

	v = seal_memory_new(sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->link = l;
	v->dirfd = dirfd;
	v->counter = v->pin = ESYS_TR_NONE;
	*out = v;
	return 0;
}

/* Back to what vault_new() gave. */
static void
forget(struct vault *v)
{
	struct link *l = v->link;
	int dirfd = v->dirfd;

	nv_close(v, &v->counter);
	nv_close(v, &v->pin);
	explicit_bzero(v, sizeof(*v));
	v->link = l;
	v->dirfd = dirfd;
	v->counter = v->pin = ESYS_TR_NONE;
}

void
vault_free(struct vault *v)
{
	if (v == NULL)
		return;
	forget(v);
	seal_memory_free(v, sizeof(*v));
}

static int
derive_auth(const uint8_t key[static SEAL_KEY_LEN], const char *info,
    TPM2B_AUTH *out)
{
	uint8_t value[SEAL_KEY_LEN];
	int r;

	r = seal_derive(key, span_str(""), info, value);
	if (r == 0)
		vault_auth(value, out);
	explicit_bzero(value, sizeof(value));
	return r;
}

static int
derive(struct vault *v, const uint8_t key[static SEAL_KEY_LEN])
{
	int r;

	r = seal_derive(key, span_str(""), "sealkey wrapped 1", v->mac_key);
	if (r == 0)
		r = seal_derive(key, span_str(""), "sealkey pin 1",
		    v->pin_key);
	if (r == 0)
		r = derive_auth(key, "sealkey pin memory 1", &v->memory_auth);
	if (r == 0)
		r = derive_auth(key, "sealkey counter 1", &v->counter_auth);
	return r;
}

/* The record. */

static int
load_record(struct vault *v)
{
	int r = record_read(v->dirfd, &v->record);

	switch (r) {
	case -EUCLEAN:
		return link_fail(v->link, r, "the file tpm of the state "
		    "directory is damaged: restore it from a copy");
	case -EPROTO:
		return link_fail(v->link, r, "the file tpm of the state "
		    "directory was written by a newer sealkey");
	case -EPERM:
		return link_fail(v->link, r, "others may write the file tpm "
		    "of the state directory: chmod go-w it");
	}
	return r;
}

static int
store_record(struct vault *v)
{
	int r = record_write(v->dirfd, &v->record);

	if (r == 0)
		return 0;
	return link_fail(v->link, r, "the file tpm of the state directory "
	    "cannot be written: %s", strerror(-r));
}

/* The counter. */

static int
read_generation(struct vault *v)
{
	uint8_t now[VAULT_COUNTER_LEN];
	uint64_t n = 0;
	int r;

	v->generation_known = false;
	r = nv_read(v, v->counter, v->counter, now, sizeof(now));
	if (r != 0)
		return r;
	for (size_t i = 0; i < sizeof(now); i++)
		n = n << 8 | now[i];
	v->generation = n;
	v->generation_known = true;
	return 0;
}

/* The first increment gives it a value that no counter here ever had. */
static int
make_counter(struct vault *v)
{
	int r;

	r = nv_define(v, NV_COUNTER, &v->counter_auth, &v->counter);
	if (r == 0)
		r = vault_set_auth(v, v->counter, &v->counter_auth);
	if (r == 0)
		r = nv_increment(v, v->counter);
	if (r == 0)
		r = read_generation(v);
	return r;
}

static int
open_counter(struct vault *v)
{
	bool written;
	int r;

	r = nv_open(v, NV_COUNTER, &v->counter, &written);
	if (r == -ENOENT || (r == 0 && !written))
		return link_fail(v->link, -ENODEV, "the TPM has lost its "
		    "counter for this key (NV index 0x%08x): without it old "
		    "copies of the state cannot be told from new ones",
		    v->record.counter);
	if (r == -EPERM)
		return -ENODEV;
	if (r == 0)
		r = vault_set_auth(v, v->counter, &v->counter_auth);
	if (r == 0)
		r = read_generation(v);
	return r;
}

static int
advance(struct vault *v, uint64_t generation)
{
	int r = 0;

	if (!v->generation_known)
		r = read_generation(v);
	if (r != 0 || generation == v->generation)
		return r;
	if (generation - 1 != v->generation)
		return link_fail(v->link, -EINVAL, "generation %llu does not "
		    "follow %llu", (unsigned long long)generation,
		    (unsigned long long)v->generation);
	/* Whoever fails here may have succeeded in the TPM. */
	v->generation_known = false;
	r = nv_increment(v, v->counter);
	if (r != 0)
		return r;
	v->generation = generation;
	v->generation_known = true;
	return 0;
}

int
vault_advance(struct vault *v, struct key_op *op)
{
	op->result = v->unlocked ? advance(v, op->generation) : -EINVAL;
	return op->result;
}

/* Creation. */

static int
begin(struct vault *v, const char *target)
{
	int r;

	r = load_record(v);
	if (r == 0)
		r = nv_remove_ours(v);
	if (r != 0 && r != -ENOENT)
		return r;
	memset(&v->record, 0, sizeof(v->record));
	if (strlen(target) >= sizeof(v->record.target))
		return link_fail(v->link, -EINVAL, "too long a target");
	memcpy(v->record.target, target, strlen(target));
	if (RAND_bytes(v->record.id, sizeof(v->record.id)) != 1)
		return -EIO;
	r = nv_choose(v);
	if (r == 0)
		r = store_record(v);
	return r;
}

static int
pin_root(struct vault *v, uint8_t name[static LINK_NAME_MAX])
{
	size_t len;
	int r;

	r = link_srk_name(v->link, name, &len);
	if (r == 0 && len != LINK_NAME_MAX)
		r = link_fail(v->link, -ENOTSUP,
		    "the storage root key of this TPM has no SHA-256 name");
	if (r == 0)
		r = link_pin(v->link, span(name, len));
	return r;
}

static int
make_all(struct vault *v, const char *target, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN])
{
	int r;

	r = begin(v, target);
	if (r == 0)
		r = pin_root(v, v->wrapped.srk_name);
	if (r == 0)
		r = vault_random(v, key, SEAL_KEY_LEN);
	if (r == 0)
		r = derive(v, key);
	if (r == 0)
		r = make_counter(v);
	if (r == 0)
		r = vault_pin_probe(v, &v->wrapped.pin_kind);
	if (r == 0)
		r = vault_seal(v, key, recovery, &v->wrapped);
	v->wrapped.counter = v->record.counter;
	v->wrapped.pin = v->record.pin;
	return r;
}

/* The record stays if something in the TPM does. */
static void
give_up(struct vault *v)
{
	struct vault_line line;
	struct record rec;

	vault_keep_line(v, &line);
	nv_close(v, &v->counter);
	if (!link_broken(v->link) && record_read(v->dirfd, &rec) == 0 &&
	    memcmp(rec.id, v->record.id, sizeof(rec.id)) == 0 &&
	    nv_remove_ours(v) == 0)
		record_remove(v->dirfd);
	vault_tell_line(v, &line);
	forget(v);
}

int
vault_create(struct vault *v, const char *target, uint32_t pcrs,
    const char *recovery, uint8_t key[static SEAL_KEY_LEN],
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	int r;

	forget(v);
	v->wrapped.pcrs = pcrs;
	r = make_all(v, target, recovery, key);
	if (r == 0)
		r = wrapped_write(&v->wrapped, &v->record, v->mac_key,
		    wrapped, len);
	if (r == 0) {
		v->unlocked = true;
		return 0;
	}
	explicit_bzero(key, SEAL_KEY_LEN);
	give_up(v);
	return r;
}

/* Opening. */

static int
match_record(struct vault *v)
{
	int r = load_record(v);

	if (r == -ENOENT)
		return link_fail(v->link, -EBADMSG, "the file tpm of the "
		    "state directory is missing: restore it from a copy");
	if (r == 0 && (v->record.counter != v->wrapped.counter ||
	    v->record.pin != v->wrapped.pin))
		return link_fail(v->link, -EBADMSG, "the file tpm of the "
		    "state directory belongs to another key");
	return r;
}

/*
 * The key that it was made under, even if there is another one at the handle
 * where storage root keys are by now.
 */
static int
match_root(struct vault *v)
{
	return link_pin(v->link, span(v->wrapped.srk_name,
	    sizeof(v->wrapped.srk_name)));
}

static int
open_all(struct vault *v, struct span wrapped, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN])
{
	int r;

	r = wrapped_read(wrapped, &v->wrapped);
	if (r == -EBADMSG)
		return link_fail(v->link, r, "the wrapped storage key is "
		    "damaged, or not one of a TPM");
	if (r == 0)
		r = match_record(v);
	if (r == 0)
		r = match_root(v);
	if (r == 0)
		r = vault_unseal(v, recovery, key);
	if (r == 0)
		r = derive(v, key);
	if (r != 0)
		return r;
	r = wrapped_check(wrapped, &v->record, v->mac_key);
	if (r == -EBADMSG)
		return link_fail(v->link, r, "the wrapped storage key or the "
		    "file tpm of the state directory was altered");
	if (r == 0)
		r = open_counter(v);
	if (r == 0)
		r = vault_pin_open(v);
	return r;
}

int
vault_unlock(struct vault *v, struct span wrapped, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN])
{
	int r;

	forget(v);
	r = open_all(v, wrapped, recovery, key);
	if (r == 0) {
		v->unlocked = true;
		return 0;
	}
	explicit_bzero(key, SEAL_KEY_LEN);
	forget(v);
	return r;
}

int
vault_rewrap(struct vault *v, const uint8_t key[static SEAL_KEY_LEN],
    uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	struct wrapped w = v->wrapped;
	int r;

	if (!v->unlocked)
		return -EINVAL;
	if (pcrs != 0)
		w.pcrs = pcrs;
	r = vault_seal(v, key, recovery, &w);
	if (r == 0)
		r = wrapped_write(&w, &v->record, v->mac_key, wrapped, len);
	if (r == 0)
		v->wrapped = w;
	return r;
}

void
vault_info(const struct vault *v, struct keys_info *info)
{
	info->pin = v->unlocked;
	info->pin_index = v->wrapped.pin_kind == VAULT_PIN_INDEX;
	info->counter = v->unlocked;
	info->pcrs = v->wrapped.pcrs != 0;
	info->srk_kept = link_srk_kept(v->link);
	info->pin_set = v->pin != ESYS_TR_NONE;
	info->pin_failures = v->pin_failures;
	info->generation = v->generation;
}

int
vault_destroy(struct vault *v)
{
	int r;

	forget(v);
	r = load_record(v);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = nv_remove_ours(v);
	if (r == 0)
		r = record_remove(v->dirfd);
	forget(v);
	return r;
}
