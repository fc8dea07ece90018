/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM keeps for a state directory, with two TPMs: the embedded one and
 * swtpm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/vault_fixture.h"

#define MAPPING_MAX	(1UL << 30)
#define RECOVERY	"correct horse battery staple"

static int
setup_embedded(void **state)
{
	static struct vf f;

	vf_new(&f, false);
	*state = &f;
	return 0;
}

static int
setup_swtpm(void **state)
{
	static struct vf f;

	vf_new(&f, true);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	vf_done(*state);
	return 0;
}

/* Opening. */

static void
opens_again(void **state)
{
	struct vf *f = *state;
	uint64_t generation = f->info.generation;

	assert_true(f->info.pin && f->info.pin_index && f->info.counter);
	assert_false(f->info.pcrs);
	assert_false(f->info.pin_set);
	assert_true(f->len > 200 && f->len < 700);
	vf_reopen(f);
	assert_int_equal(vf_advance(f, generation), -EINVAL);	/* locked */
	assert_int_equal(vf_check_pin(f, vf_pin_1, 0), -EINVAL);
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.generation, generation);
	assert_true(f->info.pin_index && f->info.counter);
	/* in an embedded TPM we are the owner, and keep it */
	assert_int_equal(f->info.srk_kept, !f->use_swtpm);
	assert_false(f->info.pcrs);
	assert_false(f->info.pin_set);
	WORKS(f, vf_unlock(f));	/* twice is as good as once */
	assert_int_equal(vf_property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
}

static void
two_keys_differ(void **state)
{
	struct vf *f = *state;
	uint8_t key[SEAL_KEY_LEN];

	memcpy(key, f->key, sizeof(key));
	vf_create(f, 0, NULL);
	assert_memory_not_equal(key, f->key, sizeof(key));
	assert_int_equal(vf_indices(f), 1);	/* the first one's is gone */
}

/* The check at the end made to fit again, as somebody would who means it. */
static void
fix_check(uint8_t *wrapped, size_t len)
{
	uint8_t digest[VAULT_DIGEST_LEN];

	assert_true(vault_hash(span(wrapped, len - 8), span(NULL, 0), digest));
	memcpy(wrapped + len - 8, digest, 8);
}

static void
altered_wrapped_key(void **state)
{
	struct vf *f = *state;
	uint8_t good[KEY_WRAPPED_MAX];
	size_t len = f->len;
	int r;

	memcpy(good, f->wrapped, len);
	for (size_t i = 0; i < 8 * len; i++) {
		f->wrapped[i / 8] ^= 1 << i % 8;
		FAILS(f, vf_unlock(f), -EBADMSG, "wrapped storage key");
		f->wrapped[i / 8] ^= 1 << i % 8;
	}
	for (size_t i = 0; i < len - 8; i++) {
		f->wrapped[i] ^= 1 << i % 8;
		fix_check(f->wrapped, len);
		r = vf_unlock(f);
		assert_true(r == -EBADMSG || r == -ENODEV || r == -ESTALE);
		assert_true(link_strerror(f->link)[0] != '\0');
		memcpy(f->wrapped, good, len);
	}
	for (f->len = 0; f->len < len; f->len++)
		FAILS(f, vf_unlock(f), -EBADMSG, "wrapped storage key");
	WORKS(f, vf_unlock(f));
	assert_int_equal(vf_property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
}

static void
altered_record(void **state)
{
	struct vf *f = *state;
	struct record good, rec;
	char text[1024];
	ssize_t len;
	int fd, r;

	assert_int_equal(record_read(f->dir.fd, &good), 0);
	fd = openat(f->dir.fd, RECORD_FILE, O_RDWR);
	len = pread(fd, text, sizeof(text), 0);
	assert_true(len > 0);
	for (ssize_t i = 0; i < len; i++) {
		text[i] ^= 1;
		assert_int_equal(pwrite(fd, text, len, 0), len);
		r = vf_unlock(f);
		if (r == 0) {	/* the target alone is not bound to it */
			assert_int_equal(record_read(f->dir.fd, &rec), 0);
			assert_string_not_equal(rec.target, good.target);
		}
		text[i] ^= 1;
	}
	assert_int_equal(pwrite(fd, text, len, 0), len);
	WORKS(f, vf_unlock(f));
	assert_int_equal(unlinkat(f->dir.fd, RECORD_FILE, 0), 0);
	FAILS(f, vf_unlock(f), -EBADMSG, "directory is missing");
	close(fd);
}

static void
record_of_another_key(void **state)
{
	struct vf *f = *state;
	struct record rec, other;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	other = rec;
	other.id[0] ^= 1;
	assert_int_equal(record_write(f->dir.fd, &other), 0);
	FAILS(f, vf_unlock(f), -EBADMSG, "was altered");
	other = rec;
	other.counter++;
	assert_int_equal(record_write(f->dir.fd, &other), 0);
	FAILS(f, vf_unlock(f), -EBADMSG, "belongs to another key");
	assert_int_equal(record_write(f->dir.fd, &rec), 0);
	WORKS(f, vf_unlock(f));
}

static void
another_tpm(void **state)
{
	struct vf *f = *state;
	struct record rec;
	struct vf other;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	vf_close(f);
	vf_new(&other, f->use_swtpm);
	assert_int_equal(record_write(other.dir.fd, &rec), 0);
	memcpy(other.wrapped, f->wrapped, f->len);
	other.len = f->len;
	FAILS(&other, vf_unlock(&other), -ENODEV, "not the TPM that the keys");
	vf_done(&other);
	vf_open(f, f->dir.fd, false);
}

/* As operating systems do, whenever they like. */
static void
root_key_of_others(void **state)
{
	struct vf *f = *state;

	vf_close(f);
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_createprimary -Q -C o "
	    "-G rsa -c srk -a 'fixedtpm|fixedparent|sensitivedataorigin|"
	    "userwithauth|noda|restricted|decrypt' && "
	    "tpm2_evictcontrol -Q -C o -c srk 0x81000001"), 0);
	swtpm_reset(&f->swtpm);
	vf_open(f, f->dir.fd, false);
	WORKS(f, vf_unlock(f));
	assert_false(f->info.srk_kept);
	WORKS(f, vf_advance(f, f->info.generation + 1));
}

static void
cleared_tpm(void **state)
{
	struct vf *f = *state;

	assert_int_equal(Esys_Clear(link_esys(f->link), ESYS_TR_RH_LOCKOUT,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
	assert_int_not_equal(vf_advance(f, f->info.generation + 1), 0);
	assert_int_not_equal(vf_set_pin(f, vf_pin_1, NULL), -EACCES);
	vf_reopen(f);
	FAILS(f, vf_unlock(f), -ENODEV, "or it was cleared");
	/* and nothing stops one from beginning again */
	vf_create(f, 0, NULL);
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
}

static void
set_owner_password(struct vf *f, const char *password)
{
	TPM2B_AUTH auth = { .size = strlen(password) };

	memcpy(auth.buffer, password, auth.size);
	assert_int_equal(Esys_HierarchyChangeAuth(link_esys(f->link),
	    ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
	    &auth), 0);
}

static void
owner_with_password(void **state)
{
	TPM2B_AUTH none = { .size = 0 }, auth = { 6, "secret" };
	struct vf *f = *state;

	set_owner_password(f, "secret");
	Esys_TR_SetAuth(link_esys(f->link), ESYS_TR_RH_OWNER, &none);
	FAILS(f, vf_set_pin(f, vf_pin_1, NULL), -EBUSY, "owner hierarchy");
	WORKS(f, vf_advance(f, f->info.generation + 1));
	Esys_TR_SetAuth(link_esys(f->link), ESYS_TR_RH_OWNER, &auth);
	set_owner_password(f, "");
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
}

/* The counter. */

static void
counter_goes_on(void **state)
{
	struct vf *f = *state;
	uint64_t c = f->info.generation;

	WORKS(f, vf_advance(f, c));
	FAILS(f, vf_advance(f, c + 2), -EINVAL, "does not follow");
	FAILS(f, vf_advance(f, c - 1), -EINVAL, "does not follow");
	WORKS(f, vf_advance(f, c + 1));
	WORKS(f, vf_advance(f, c + 1));
	assert_int_equal(vf_advance(f, c), -EINVAL);
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.generation, c + 1);
	WORKS(f, vf_advance(f, c + 2));
	/* somebody removes it: the next one is beyond whatever it was */
	vf_create(f, 0, NULL);
	assert_true(f->info.generation > c + 2);
}

static void
counter_removed(void **state)
{
	struct vf *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	vf_owner_removes(f, rec.counter);
	FAILS(f, vf_advance(f, f->info.generation + 1), -ENODEV, "not there");
	vf_reopen(f);
	FAILS(f, vf_unlock(f), -ENODEV, "has lost its counter");
	assert_int_equal(vf_define_foreign(f, rec.counter, 8), 0);
	FAILS(f, vf_unlock(f), -ENODEV, "is somebody else's");
	assert_int_equal(vf_indices(f), 1);
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(vf_indices(f), 1);	/* not ours to remove */
}

/* The PIN. */

static void
pin_is_checked(void **state)
{
	struct vf *f = *state;

	FAILS(f, vf_check_pin(f, vf_pin_1, 0), -EINVAL, "no PIN");
	FAILS(f, vf_set_pin(f, vf_pin_1, vf_pin_2), -EINVAL, "no PIN");
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	FAILS(f, vf_set_pin(f, vf_pin_2, NULL), -EINVAL, "a PIN already");
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	FAILS(f, vf_check_pin(f, vf_pin_2, 1), -EACCES, "not the PIN");
	FAILS(f, vf_check_pin(f, vf_pin_2, 2), -EACCES, "not the PIN");
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	FAILS(f, vf_check_pin(f, vf_pin_2, 1), -EACCES, "not the PIN");
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pin_set);
	assert_int_equal(f->info.pin_failures, 1);
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	vault_info(f->vault, &f->info);
	assert_int_equal(f->info.pin_failures, 0);
	WORKS(f, vf_clear_pin(f));
	WORKS(f, vf_clear_pin(f));
	assert_int_equal(vf_indices(f), 1);
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_false(f->info.pin_set);
	WORKS(f, vf_set_pin(f, vf_pin_2, NULL));
	WORKS(f, vf_check_pin(f, vf_pin_2, 0));
}

static void
pin_is_changed(void **state)
{
	struct vf *f = *state;

	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	FAILS(f, vf_set_pin(f, vf_pin_2, vf_pin_2), -EACCES, "not the PIN");
	assert_int_equal(vf_check_pin(f, vf_pin_2, 2), -EACCES);
	WORKS(f, vf_set_pin(f, vf_pin_2, vf_pin_1));
	WORKS(f, vf_check_pin(f, vf_pin_2, 0));
	assert_int_equal(vf_check_pin(f, vf_pin_1, 1), -EACCES);
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.pin_failures, 1);
	assert_int_equal(vf_check_pin(f, vf_pin_1, 2), -EACCES);
	WORKS(f, vf_check_pin(f, vf_pin_2, 0));
}

/* Eight failures, whatever is restarted, and the TPM's own count at none. */
static void
pin_is_blocked(void **state)
{
	static const uint8_t none[8] = { 0, 0, 0, 0, 0, 0, 0, 8 };
	struct vf *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	for (int i = 1; i <= KEY_PIN_LIMIT; i++) {
		assert_int_equal(vf_check_pin(f, vf_pin_2, i), -EACCES);
		if (i % 3 == 0) {
			vf_reopen(f);
			WORKS(f, vf_unlock(f));
			assert_int_equal(f->info.pin_failures, i);
		}
	}
	for (int i = 0; i < 12; i++)
		FAILS(f, vf_check_pin(f, vf_pin_2, 8), -EACCES, "blocked");
	FAILS(f, vf_check_pin(f, vf_pin_1, 8), -EACCES, "blocked");
	FAILS(f, vf_set_pin(f, vf_pin_2, vf_pin_1), -EACCES, "blocked");
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.pin_failures, KEY_PIN_LIMIT);
	assert_true(f->info.pin_set);
	FAILS(f, vf_check_pin(f, vf_pin_1, 8), -EACCES, "blocked");
	assert_int_equal(vf_property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
	/* nor does the owner of the TPM give a try back */
	assert_int_equal(vf_owner_writes(f, rec.pin, none),
	    TPM2_RC_NV_AUTHORIZATION);
	FAILS(f, vf_check_pin(f, vf_pin_1, 8), -EACCES, "blocked");
	WORKS(f, vf_clear_pin(f));
	WORKS(f, vf_set_pin(f, vf_pin_2, NULL));
	WORKS(f, vf_check_pin(f, vf_pin_2, 0));
}

/* The policy of the PIN index by one of its ways, ready for the command. */
static ESYS_TR
pin_policy(struct vf *f, TPM2_CC cc)
{
	ESYS_CONTEXT *esys = link_esys(f->link);
	ESYS_TR policy, session;
	TPML_DIGEST branches;
	TPM2B_DIGEST digest;

	assert_int_equal(policy_pin(&f->vault->record, &branches, &digest), 0);
	WORKS(f, policy_start(f->vault, TPM2_SE_POLICY, &policy));
	WORKS(f, link_session(f->link, false, false, &session));
	if (cc == TPM2_CC_NV_Write)
		assert_int_equal(Esys_PolicyNvWritten(esys, policy,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_NO), 0);
	else
		assert_int_equal(Esys_PolicySecret(esys, f->vault->counter,
		    policy, session, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL,
		    NULL, 0, NULL, NULL), 0);
	assert_int_equal(Esys_PolicyCommandCode(esys, policy, ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, cc), 0);
	WORKS(f, policy_or(f->vault, policy, &branches));
	return policy;
}

/* Even with the storage key: there are eight guesses, and no way to more. */
static void
pin_is_not_guessed_around_the_limit(void **state)
{
	static const uint8_t first[8] = { 0, 0, 0, 0, 0, 0, 0, 8 };
	struct vf *f = *state;
	uint8_t value[VAULT_DIGEST_LEN];
	TPM2B_AUTH auth;
	ESYS_TR policy;

	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	for (int i = 1; i <= KEY_PIN_LIMIT; i++)
		assert_int_equal(vf_check_pin(f, vf_pin_2, i), -EACCES);
	policy = pin_policy(f, TPM2_CC_NV_Write);
	assert_int_not_equal(nv_write(f->vault, f->vault->pin, policy, first,
	    sizeof(first)), 0);
	policy_end(f->vault, &policy);
	/* a PIN of one's own is none that opens */
	assert_true(vault_hmac(f->vault->pin_key, span(vf_pin_2, 16),
	    span(NULL, 0), value));
	vault_auth(value, &auth);
	policy = pin_policy(f, TPM2_CC_NV_ChangeAuth);
	assert_int_equal(Esys_NV_ChangeAuth(link_esys(f->link), f->vault->pin,
	    policy, ESYS_TR_NONE, ESYS_TR_NONE, &auth), 0);
	policy_end(f->vault, &policy);
	FAILS(f, vf_check_pin(f, vf_pin_2, 8), -EACCES, "blocked");
	FAILS(f, vf_check_pin(f, vf_pin_1, 8), -EACCES, "blocked");
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.pin_failures, KEY_PIN_LIMIT);
}

/* Somebody removes it: then there is none, and that cannot be hidden. */
static void
pin_removed(void **state)
{
	struct vf *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	vf_owner_removes(f, rec.pin);
	assert_int_equal(vf_check_pin(f, vf_pin_1, 0), -ENODEV);
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_false(f->info.pin_set);
	assert_int_equal(vf_define_foreign(f, rec.pin, 8), 0);
	FAILS(f, vf_set_pin(f, vf_pin_1, NULL), -EBUSY, "somebody else's");
	vf_reopen(f);
	FAILS(f, vf_unlock(f), -ENODEV, "somebody else's");
}

static void
bad_pin_hashes(void **state)
{
	struct vf *f = *state;
	struct key_op op = { .data = { span(vf_pin_1, 15),
		span(vf_pin_1, 17) } };

	assert_int_equal(vault_pin_set(f->vault, &op), -EINVAL);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	assert_int_equal(vault_pin_check(f->vault, &op), -EINVAL);
	op.data[0] = span(vf_pin_2, 16);
	assert_int_equal(vault_pin_set(f->vault, &op), -EINVAL);
	op.data[0] = span(NULL, 0);
	assert_int_equal(vault_pin_check(f->vault, &op), -EINVAL);
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
}

/* PCRs. */

static void
extend_pcr(struct vf *f, unsigned pcr)
{
	TPML_DIGEST_VALUES values = { .count = 1, .digests = { {
		.hashAlg = TPM2_ALG_SHA256, .digest.sha256 = { 1, 2, 3 } } } };

	assert_int_equal(Esys_PCR_Extend(link_esys(f->link),
	    ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
	    &values), 0);
}

static void
sealed_to_pcrs(void **state)
{
	struct vf *f = *state;

	vf_create(f, 1 << 7 | 1 << 11, NULL);
	assert_true(f->info.pcrs);
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pcrs);
	extend_pcr(f, 8);
	WORKS(f, vf_unlock_with(f, "not needed"));
	extend_pcr(f, 7);
	FAILS(f, vf_unlock(f), -ESTALE, "no recovery passphrase");
	FAILS(f, vf_unlock_with(f, RECOVERY), -ESTALE,
	    "no recovery passphrase");
}

static void
sealed_anew(void **state)
{
	struct vf *f = *state;
	uint8_t old[KEY_WRAPPED_MAX];
	size_t old_len;

	vf_create(f, 1 << 7, RECOVERY);
	WORKS(f, vf_unlock(f));
	extend_pcr(f, 7);
	FAILS(f, vf_unlock(f), -ESTALE, "sealkey tpm reseal");
	FAILS(f, vf_unlock_with(f, ""), -ESTALE, "not the recovery passphrase");
	FAILS(f, vf_unlock_with(f, RECOVERY "r"), -ESTALE,
	    "not the recovery passphrase");
	assert_int_equal(vault_rewrap(f->vault, f->key, 0, NULL, old,
	    &old_len), -EINVAL);
	WORKS(f, vf_unlock_with(f, RECOVERY));
	memcpy(old, f->wrapped, f->len);
	old_len = f->len;
	WORKS(f, vault_rewrap(f->vault, f->key, 0, RECOVERY, f->wrapped,
	    &f->len));
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pcrs);
	extend_pcr(f, 7);
	WORKS(f, vf_unlock_with(f, RECOVERY));
	WORKS(f, vault_rewrap(f->vault, f->key, 0, NULL, f->wrapped,
	    &f->len));
	WORKS(f, vf_unlock(f));
	extend_pcr(f, 7);
	FAILS(f, vf_unlock_with(f, RECOVERY), -ESTALE,
	    "no recovery passphrase");
	/* what was kept from before opens still: it is the same key */
	memcpy(f->wrapped, old, old_len);
	f->len = old_len;
	WORKS(f, vf_unlock_with(f, RECOVERY));
	assert_int_equal(vf_property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
}

/* A key that was not, and then to others. */
static void
sealed_to_other_pcrs(void **state)
{
	struct vf *f = *state;

	WORKS(f, vf_unlock(f));
	FAILS(f, vault_rewrap(f->vault, f->key, 1 << 24, NULL, f->wrapped,
	    &f->len), -EINVAL, "no such PCR");
	FAILS(f, vault_rewrap(f->vault, f->key, 0, RECOVERY, f->wrapped,
	    &f->len), -EINVAL, "sealed to PCRs");
	WORKS(f, vault_rewrap(f->vault, f->key, 1 << 7, RECOVERY, f->wrapped,
	    &f->len));
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pcrs);
	extend_pcr(f, 7);
	FAILS(f, vf_unlock(f), -ESTALE, "sealkey tpm reseal");
	WORKS(f, vf_unlock_with(f, RECOVERY));
	WORKS(f, vault_rewrap(f->vault, f->key, 1 << 11, NULL, f->wrapped,
	    &f->len));
	extend_pcr(f, 7);
	WORKS(f, vf_unlock(f));
	extend_pcr(f, 11);
	FAILS(f, vf_unlock(f), -ESTALE, "no recovery passphrase");
}

static void
impossible_pcrs(void **state)
{
	struct vf *f = *state;
	uint8_t key[SEAL_KEY_LEN];

	FAILS(f, vault_create(f->vault, vf_target(f), 1 << 24, NULL, key,
	    f->wrapped, &f->len), -EINVAL, "no such PCR");
	assert_int_equal(vf_indices(f), 0);
	assert_int_equal(faccessat(f->dir.fd, RECORD_FILE, F_OK, 0), -1);
	FAILS(f, vault_create(f->vault, vf_target(f), 0, RECOVERY, key,
	    f->wrapped, &f->len), -EINVAL, "sealed to PCRs");
	vf_create(f, VAULT_PCRS, RECOVERY);
	WORKS(f, vf_unlock(f));
}

/* Several on one TPM. */

static void
destroyed(void **state)
{
	struct vf *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	assert_int_equal(vf_define_foreign(f, 0x01812345, 8), 0);
	assert_int_equal(vf_indices(f), 3);
	vf_reopen(f);	/* from the record alone */
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(vf_indices(f), 1);
	assert_int_equal(record_read(f->dir.fd, &rec), -ENOENT);
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(vf_advance(f, f->info.generation), -EINVAL);
	assert_int_equal(vf_unlock(f), -EBADMSG);
}

static void
two_on_one_tpm(void **state)
{
	struct vf *f = *state;
	struct vf other = { .use_swtpm = true, .swtpm = f->swtpm };
	struct record rec, others;

	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	vf_close(f);
	scratch_new(&other.dir);
	/* nothing may meet, even where it would begin at the same handle */
	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	vf_open(&other, other.dir.fd, true);
	other.vault->record.id[0] = rec.id[0];
	other.vault->record.id[1] = rec.id[1];
	other.vault->record.id[2] = rec.id[2];
	WORKS(&other, nv_choose(other.vault));
	assert_int_not_equal(other.vault->record.counter, rec.counter);
	assert_int_not_equal(other.vault->record.counter, rec.pin);
	assert_int_not_equal(other.vault->record.pin, rec.counter);
	assert_int_not_equal(other.vault->record.pin, rec.pin);
	vf_create(&other, 0, NULL);
	WORKS(&other, vf_set_pin(&other, vf_pin_2, NULL));
	assert_int_equal(vf_check_pin(&other, vf_pin_1, 1), -EACCES);
	assert_int_equal(vf_indices(&other), 4);
	assert_int_equal(record_read(other.dir.fd, &others), 0);
	/* with the record of the other one */
	assert_int_equal(record_write(other.dir.fd, &rec), 0);
	FAILS(&other, vf_unlock(&other), -EBADMSG, "belongs to another key");
	assert_int_equal(record_write(other.dir.fd, &others), 0);
	WORKS(&other, vault_destroy(other.vault));
	assert_int_equal(vf_indices(&other), 2);
	vf_close(&other);
	scratch_free(&other.dir);
	vf_open(f, f->dir.fd, false);
	WORKS(f, vf_unlock(f));
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
}

static void
memory_full(void **state)
{
	struct vf *f = *state;
	uint32_t handle = 0x01810000;
	uint8_t key[SEAL_KEY_LEN];

	for (uint32_t size = 2048; size > 0; size /= 2)
		while (vf_define_foreign(f, handle, size) == 0)
			handle++;
	assert_int_equal(vf_define_foreign(f, handle, 8), TPM2_RC_NV_SPACE);
	FAILS(f, vf_set_pin(f, vf_pin_1, NULL), -EBUSY, "memory is full");
	WORKS(f, vf_advance(f, f->info.generation + 1));
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_false(f->info.pin_set);
	vf_owner_removes(f, 0x01810000);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	while (vf_define_foreign(f, handle, 8) == 0)
		handle++;
	/* a new key takes the place of the old one, and no more */
	WORKS(f, vault_destroy(f->vault));
	while (vf_define_foreign(f, handle, 8) == 0)
		handle++;
	FAILS(f, vault_create(f->vault, vf_target(f), 0, NULL, key, f->wrapped,
	    &f->len), -EBUSY, "memory is full");
	assert_int_equal(faccessat(f->dir.fd, RECORD_FILE, F_OK, 0), -1);
}

static unsigned
count_in_range(int mem, const uint8_t masked[static SEAL_KEY_LEN],
    unsigned long from, unsigned long to)
{
	size_t len = to - from, i, j;
	unsigned found = 0;
	uint8_t *p;

	if (len > MAPPING_MAX)	/* AddressSanitizer's */
		return 0;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	if (pread(mem, p, len, from) != (ssize_t)len)
		len = 0;
	for (i = 0; i + SEAL_KEY_LEN <= len; i++) {
		for (j = 0; j < SEAL_KEY_LEN; j++)
			if ((p[i + j] ^ 0x55) != masked[j])
				break;
		found += j == SEAL_KEY_LEN;
	}
	munmap(p, to - from);
	return found;
}

/*
 * Memory of this process that holds the storage key (masked, so that this is
 * not one of them).
 */
static unsigned
count_in_memory(const uint8_t masked[static SEAL_KEY_LEN])
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	unsigned found = 0;
	char line[512];

	assert_non_null(maps);
	assert_int_not_equal(mem, -1);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 ||
		    strstr(line, " rw") == NULL)
			continue;
		found += count_in_range(mem, masked, from, to);
	}
	fclose(maps);
	close(mem);
	return found;
}

struct made {
	uint8_t	masked[SEAL_KEY_LEN];
	uint8_t	wrapped[KEY_WRAPPED_MAX];
	size_t	len;
};

/* In a process of its own, because ESAPI keeps what it has sent for a while. */
static void
create_elsewhere(struct vf *f, struct made *out)
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		vf_open(f, f->dir.fd, false);
		vf_create(f, 0, NULL);
		for (size_t i = 0; i < SEAL_KEY_LEN; i++)
			out->masked[i] = f->key[i] ^ 0x55;
		memcpy(out->wrapped, f->wrapped, f->len);
		out->len = f->len;
		vf_close(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The TPM is not in this process, and we only hold what is derived from it. */
static void
storage_key_is_not_kept(void **state)
{
	struct vf *f = *state;
	uint8_t key[SEAL_KEY_LEN];
	struct made *made;

	made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(made, MAP_FAILED);
	vf_close(f);
	create_elsewhere(f, made);
	vf_open(f, f->dir.fd, false);
	WORKS(f, vault_unlock(f->vault, span(made->wrapped, made->len), NULL,
	    key));
	assert_int_equal(count_in_memory(made->masked), 1);	/* that */
	explicit_bzero(key, sizeof(key));
	assert_int_equal(count_in_memory(made->masked), 0);
	munmap(made, sizeof(*made));
}

int
main(void)
{
#define EMBEDDED(name) { "embedded: " #name, name, setup_embedded, teardown, \
	NULL }
#define SWTPM(name) { "swtpm: " #name, name, setup_swtpm, teardown, NULL }
#define BOTH(name) EMBEDDED(name), SWTPM(name)
	const struct CMUnitTest tests[] = {
		BOTH(opens_again),
		BOTH(two_keys_differ),
		BOTH(altered_wrapped_key),
		BOTH(altered_record),
		BOTH(record_of_another_key),
		BOTH(another_tpm),
		BOTH(cleared_tpm),
		BOTH(owner_with_password),
		BOTH(counter_goes_on),
		BOTH(counter_removed),
		BOTH(pin_is_checked),
		BOTH(pin_is_changed),
		BOTH(pin_is_blocked),
		BOTH(pin_is_not_guessed_around_the_limit),
		BOTH(pin_removed),
		BOTH(bad_pin_hashes),
		BOTH(sealed_to_pcrs),
		BOTH(sealed_anew),
		BOTH(sealed_to_other_pcrs),
		BOTH(impossible_pcrs),
		BOTH(destroyed),
		SWTPM(root_key_of_others),
		SWTPM(two_on_one_tpm),
		BOTH(memory_full),
		SWTPM(storage_key_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
