/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIN. Its authorization value is HMAC(key, hash of the PIN), key from the
 * storage key, so that nobody guesses PINs who could not open that.
 *
 * PIN index (TPM_NT_PIN_FAIL): the TPM compares, counts failures, forgets them
 * after a success and answers nobody any more at the limit. It is written
 * once; after that not even the owner of the TPM takes back a failure, but
 * only by removing the index, PIN and all. A PIN is changed in one command.
 *
 * Without such indices: ordinary memory of the TPM that opens with the storage
 * key, with the failures and the authorization value in it; they are compared
 * and counted here, the failure first. Restoring files gives nothing back
 * there either, but whoever has the storage key can write it.
 *
 * A crash can leave an index that was not written: no PIN was set, and it is
 * removed.
 */
#include "tpm/vault_impl.h"

#include <errno.h>

#include <openssl/crypto.h>

#define NOT_THE_PIN	(-EKEYREJECTED)

struct pin_memory {
	uint8_t	failures[4];	/* big-endian, as in a PIN index */
	uint8_t	value[VAULT_DIGEST_LEN];
};

_Static_assert(sizeof(struct pin_memory) == VAULT_PIN_COUNTED_LEN, "packed");

static const uint8_t fresh_index[VAULT_PIN_INDEX_LEN] = {
	0, 0, 0, 0, 0, 0, 0, KEY_PIN_LIMIT };

static enum vault_nv
pin_nv(const struct vault *v)
{
	return v->wrapped.pin_kind == VAULT_PIN_INDEX ? NV_PIN_INDEX :
	    NV_PIN_COUNTED;
}

static int
pin_value(struct vault *v, struct span hash,
    uint8_t out[static VAULT_DIGEST_LEN])
{
	return vault_hmac(v->pin_key, hash, span(NULL, 0), out) ? 0 : -EIO;
}

/* What is not one of our numbers was not written by us: blocked. */
static uint8_t
count_failures(const uint8_t count[static 4])
{
	if (count[0] != 0 || count[1] != 0 || count[2] != 0 ||
	    count[3] > KEY_PIN_LIMIT)
		return KEY_PIN_LIMIT;
	return count[3];
}

/* The index, as the TPM has it now. */

static int
read_index(struct vault *v)
{
	uint8_t now[VAULT_PIN_INDEX_LEN];
	int r;

	r = nv_read(v, ESYS_TR_RH_OWNER, v->pin, now, sizeof(now));
	if (r != 0)
		return r;
	v->pin_failures = memcmp(now + 4, fresh_index + 4, 4) == 0 ?
	    count_failures(now) : KEY_PIN_LIMIT;
	return 0;
}

static int
read_memory(struct vault *v, struct pin_memory *out)
{
	int r;

	r = nv_read(v, v->pin, v->pin, (uint8_t *)out, sizeof(*out));
	if (r == 0)
		v->pin_failures = count_failures(out->failures);
	return r;
}

static int
read_failures(struct vault *v)
{
	struct pin_memory memory;
	int r;

	if (v->wrapped.pin_kind == VAULT_PIN_INDEX)
		return read_index(v);
	r = vault_set_auth(v, v->pin, &v->memory_auth);
	if (r == 0)
		r = read_memory(v, &memory);
	explicit_bzero(&memory, sizeof(memory));
	return r;
}

int
vault_pin_open(struct vault *v)
{
	bool written;
	int r;

	v->pin_failures = 0;
	r = nv_open(v, pin_nv(v), &v->pin, &written);
	if (r == -ENOENT)
		return 0;
	if (r == -EPERM)
		return -ENODEV;
	if (r == 0 && !written)
		return nv_undefine(v, &v->pin);
	if (r == 0)
		r = read_failures(v);
	if (r != 0)
		nv_close(v, &v->pin);
	return r;
}

int
vault_pin_probe(struct vault *v, enum vault_pin *out)
{
	TPM2B_AUTH auth;
	ESYS_TR index;
	int r;

	auth.size = VAULT_DIGEST_LEN;
	r = vault_random(v, auth.buffer, auth.size);
	if (r == 0)
		r = nv_define(v, NV_PIN_INDEX, &auth, &index);
	explicit_bzero(&auth, sizeof(auth));
	*out = r == -ENOTSUP ? VAULT_PIN_COUNTED : VAULT_PIN_INDEX;
	if (r != 0)
		return r == -ENOTSUP ? 0 : r;
	return nv_undefine(v, &index);
}

/* What could not be written; the line is about that. */
static void
drop(struct vault *v, ESYS_TR *index)
{
	struct vault_line line;

	vault_keep_line(v, &line);
	nv_undefine(v, index);
	nv_close(v, index);
	vault_tell_line(v, &line);
}

/* With a PIN index. */

static int
index_policy(struct vault *v, TPML_DIGEST *branches, ESYS_TR *policy)
{
	TPM2B_DIGEST digest;
	int r;

	r = policy_pin(&v->record, branches, &digest);
	if (r == 0)
		r = policy_start(v, TPM2_SE_POLICY, policy);
	return r;
}

static int
policy_command(struct vault *v, ESYS_TR policy, TPM2_CC cc)
{
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_PolicyCommandCode(link_esys(v->link), policy,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, cc);
	while (link_again(v->link, rc, &tries));
	return link_result(v->link, rc, "name a command");
}

static int
policy_not_written(struct vault *v, ESYS_TR policy)
{
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_PolicyNvWritten(link_esys(v->link), policy,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_NO);
	while (link_again(v->link, rc, &tries));
	return link_result(v->link, rc, "set a PIN");
}

/* The counter's authorization stands for the storage key. */
static int
policy_counter(struct vault *v, ESYS_TR policy)
{
	TPM2B_TIMEOUT *timeout = NULL;
	TPMT_TK_AUTH *ticket = NULL;
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	do {
		r = link_session(v->link, false, false, &session);
		if (r != 0)
			return r;
		rc = Esys_PolicySecret(link_esys(v->link), v->counter, policy,
		    session, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0,
		    &timeout, &ticket);
	} while (link_again(v->link, rc, &tries));
	Esys_Free(timeout);
	Esys_Free(ticket);
	return nv_result(v, rc, "use its counter");
}

static int
index_write(struct vault *v, ESYS_TR index)
{
	ESYS_TR policy = ESYS_TR_NONE;
	TPML_DIGEST branches;
	int r;

	r = index_policy(v, &branches, &policy);
	if (r == 0)
		r = policy_not_written(v, policy);
	if (r == 0)
		r = policy_command(v, policy, TPM2_CC_NV_Write);
	if (r == 0)
		r = policy_or(v, policy, &branches);
	if (r == 0)
		r = nv_write(v, index, policy, fresh_index,
		    sizeof(fresh_index));
	policy_end(v, &policy);
	return r;
}

static int
change_auth(struct vault *v, ESYS_TR policy, const TPM2B_AUTH *auth)
{
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	do {
		r = link_session(v->link, true, false, &session);
		if (r != 0)
			return r;
		rc = Esys_NV_ChangeAuth(link_esys(v->link), v->pin, policy,
		    session, ESYS_TR_NONE, auth);
	} while (link_again(v->link, rc, &tries));
	return nv_result(v, rc, "change the PIN");
}

static int
index_change(struct vault *v, const TPM2B_AUTH *auth)
{
	ESYS_TR policy = ESYS_TR_NONE;
	TPML_DIGEST branches;
	int r;

	r = index_policy(v, &branches, &policy);
	if (r == 0)
		r = policy_counter(v, policy);
	if (r == 0)
		r = policy_command(v, policy, TPM2_CC_NV_ChangeAuth);
	if (r == 0)
		r = policy_or(v, policy, &branches);
	if (r == 0)
		r = change_auth(v, policy, auth);
	policy_end(v, &policy);
	return r;
}

static int
index_set(struct vault *v, const uint8_t value[static VAULT_DIGEST_LEN])
{
	ESYS_TR index = ESYS_TR_NONE;
	TPM2B_AUTH auth;
	int r;

	vault_auth(value, &auth);
	if (v->pin != ESYS_TR_NONE) {
		r = index_change(v, &auth);
		goto out;
	}
	r = nv_define(v, NV_PIN_INDEX, &auth, &index);
	if (r != 0)
		goto out;
	r = index_write(v, index);
	if (r == 0)
		v->pin = index;
	else
		drop(v, &index);
out:
	vault_set_auth(v, v->pin, NULL);
	explicit_bzero(&auth, sizeof(auth));
	return r;
}

/* One command if it is the PIN: reading forgets the failures. */
static int
index_check(struct vault *v, const uint8_t value[static VAULT_DIGEST_LEN])
{
	uint8_t now[VAULT_PIN_INDEX_LEN];
	TPM2B_AUTH auth;
	TSS2_RC rc;
	int r;

	vault_auth(value, &auth);
	r = vault_set_auth(v, v->pin, &auth);
	explicit_bzero(&auth, sizeof(auth));
	if (r == 0)
		r = nv_try_read(v, v->pin, v->pin, now, sizeof(now), &rc);
	vault_set_auth(v, v->pin, NULL);
	if (r != 0)
		return r;
	if (link_code(rc) == TPM2_RC_AUTH_UNAVAILABLE) {
		v->pin_failures = KEY_PIN_LIMIT;
		return NOT_THE_PIN;
	}
	if (vault_denied(rc)) {
		r = read_index(v);
		return r != 0 ? r : NOT_THE_PIN;
	}
	r = link_result(v->link, rc, "check the PIN");
	if (r == 0)
		v->pin_failures = 0;
	return r;
}

/* With ordinary memory. */

static int
memory_write(struct vault *v, ESYS_TR index, uint8_t failures,
    const uint8_t value[static VAULT_DIGEST_LEN])
{
	struct pin_memory memory = { .failures = { 0, 0, 0, failures } };
	int r;

	memcpy(memory.value, value, sizeof(memory.value));
	r = nv_write(v, index, ESYS_TR_NONE, (const uint8_t *)&memory,
	    sizeof(memory));
	explicit_bzero(&memory, sizeof(memory));
	if (r == 0)
		v->pin_failures = failures;
	return r;
}

static int
memory_set(struct vault *v, const uint8_t value[static VAULT_DIGEST_LEN])
{
	ESYS_TR index = v->pin;
	int r = 0;

	if (index == ESYS_TR_NONE)
		r = nv_define(v, NV_PIN_COUNTED, &v->memory_auth, &index);
	if (r == 0)
		r = vault_set_auth(v, index, &v->memory_auth);
	if (r == 0)
		r = memory_write(v, index, 0, value);
	if (r == 0)
		v->pin = index;
	else if (index != v->pin)
		drop(v, &index);
	return r;
}

static int
memory_check(struct vault *v, const uint8_t value[static VAULT_DIGEST_LEN])
{
	struct pin_memory memory;
	int r;

	r = vault_set_auth(v, v->pin, &v->memory_auth);
	if (r == 0)
		r = read_memory(v, &memory);
	if (r == 0 && v->pin_failures == KEY_PIN_LIMIT)
		r = NOT_THE_PIN;
	if (r == 0)
		r = memory_write(v, v->pin, v->pin_failures + 1,
		    memory.value);
	if (r != 0)
		goto out;
	if (CRYPTO_memcmp(memory.value, value, sizeof(memory.value)) == 0)
		r = memory_write(v, v->pin, 0, memory.value);
	else
		r = NOT_THE_PIN;
out:
	explicit_bzero(&memory, sizeof(memory));
	return r;
}

/* The verbs. */

static int
check(struct vault *v, struct span hash)
{
	uint8_t value[VAULT_DIGEST_LEN];
	int r;

	if (hash.p == NULL || hash.len != KEY_PIN_HASH_LEN)
		return link_fail(v->link, -EINVAL, "not the hash of a PIN");
	if (v->pin == ESYS_TR_NONE)
		return link_fail(v->link, -EINVAL, "there is no PIN");
	r = pin_value(v, hash, value);
	if (r == 0)
		r = v->wrapped.pin_kind == VAULT_PIN_INDEX ?
		    index_check(v, value) : memory_check(v, value);
	explicit_bzero(value, sizeof(value));
	if (r != NOT_THE_PIN)
		return r;
	return link_fail(v->link, NOT_THE_PIN, "%s",
	    v->pin_failures == KEY_PIN_LIMIT ? "the PIN is blocked" :
	    "not the PIN");
}

static int
set(struct vault *v, struct span new, struct span current)
{
	uint8_t value[VAULT_DIGEST_LEN];
	int r = 0;

	if (new.p == NULL || new.len != KEY_PIN_HASH_LEN)
		return link_fail(v->link, -EINVAL, "not the hash of a PIN");
	if ((v->pin == ESYS_TR_NONE) != (current.p == NULL))
		return link_fail(v->link, -EINVAL, current.p == NULL ?
		    "there is a PIN already" : "there is no PIN");
	if (current.p != NULL)
		r = check(v, current);
	if (r == 0)
		r = pin_value(v, new, value);
	if (r != 0)
		return r;
	r = v->wrapped.pin_kind == VAULT_PIN_INDEX ? index_set(v, value) :
	    memory_set(v, value);
	explicit_bzero(value, sizeof(value));
	return r;
}

/* -EACCES says that it is not the PIN; TPMs have other reasons for it too. */
static int
finish(struct vault *v, struct key_op *op, int result)
{
	if (result == -EACCES)
		result = -EIO;
	op->result = result == NOT_THE_PIN ? -EACCES : result;
	op->pin_failures = v->pin_failures;
	return op->result;
}

int
vault_pin_check(struct vault *v, struct key_op *op)
{
	if (!v->unlocked)
		return finish(v, op, -EINVAL);
	return finish(v, op, check(v, op->data[0]));
}

int
vault_pin_set(struct vault *v, struct key_op *op)
{
	if (!v->unlocked)
		return finish(v, op, -EINVAL);
	return finish(v, op, set(v, op->data[0], op->data[1]));
}

int
vault_pin_clear(struct vault *v, struct key_op *op)
{
	int r = 0;

	if (!v->unlocked)
		return finish(v, op, -EINVAL);
	if (v->pin != ESYS_TR_NONE)
		r = nv_undefine(v, &v->pin);
	if (r == 0)
		v->pin_failures = 0;
	return finish(v, op, r);
}
