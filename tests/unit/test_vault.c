/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM keeps for a state directory, with two TPMs: the embedded one and
 * swtpm. What others do to a TPM is done by tpm2-tools or by ESAPI here.
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

#include "tests/store_fixture.h"
#include "tests/swtpm.h"
#include "tpm/vault_impl.h"

#define RECOVERY	"correct horse battery staple"

struct fixture {
	bool		 use_swtpm;
	struct swtpm	 swtpm;
	struct scratch	 tpm;	/* its directory */
	struct scratch	 dir;
	struct link	*link;
	struct vault	*vault;
	struct keys_info info;
	uint8_t		 key[SEAL_KEY_LEN];	/* as it was made */
	uint8_t		 wrapped[KEY_WRAPPED_MAX];
	size_t		 len;
};

static const uint8_t pin_1[KEY_PIN_HASH_LEN] = "pin hash one....";
static const uint8_t pin_2[KEY_PIN_HASH_LEN] = "pin hash two....";

static const char *
target(const struct fixture *f)
{
	return f->use_swtpm ? f->swtpm.target : "embedded";
}

static void
open_in(struct fixture *f, int dirfd, bool create)
{
	char msg[256];
	int r;

	r = link_open(target(f), dirfd, create, &f->link, &f->info, msg,
	    sizeof(msg));
	if (r != 0)
		fail_msg("%s: %d: %s", target(f), r, msg);
	assert_int_equal(vault_new(f->link, dirfd, &f->vault), 0);
}

static void
close_vault(struct fixture *f)
{
	vault_free(f->vault);
	f->vault = NULL;
	link_close(f->link);
	f->link = NULL;
}

/* As if the helper had ended and been started again. */
static void
reopen(struct fixture *f)
{
	close_vault(f);
	open_in(f, f->dir.fd, false);
}

#define WORKS(f, call) \
	do { \
		int r_ = (call); \
		if (r_ != 0) \
			fail_msg("%s: %d: %s", #call, r_, \
			    link_strerror((f)->link)); \
	} while (0)

/* That error, with these words in its line. */
#define FAILS(f, call, error, words) \
	do { \
		int r_ = (call); \
		if (r_ != (error) || \
		    strstr(link_strerror((f)->link), words) == NULL) \
			fail_msg("%s: %d: %s", #call, r_, \
			    link_strerror((f)->link)); \
	} while (0)

static int
unlock_with(struct fixture *f, const char *recovery)
{
	uint8_t key[SEAL_KEY_LEN];
	int r;

	r = vault_unlock(f->vault, span(f->wrapped, f->len), recovery, key);
	if (r == 0)
		assert_memory_equal(key, f->key, sizeof(key));
	vault_info(f->vault, &f->info);
	return r;
}

static int
unlock(struct fixture *f)
{
	return unlock_with(f, NULL);
}

static void
create(struct fixture *f, uint32_t pcrs, const char *recovery)
{
	WORKS(f, vault_create(f->vault, target(f), pcrs, recovery, f->key,
	    f->wrapped, &f->len));
	vault_info(f->vault, &f->info);
}

static void
setup(struct fixture *f, bool use_swtpm)
{
	memset(f, 0, sizeof(*f));
	f->use_swtpm = use_swtpm;
	scratch_new(&f->dir);
	if (use_swtpm) {
		scratch_new(&f->tpm);
		swtpm_on(&f->swtpm, f->tpm.path);
	}
	open_in(f, f->dir.fd, true);
	create(f, 0, NULL);
}

static int
setup_embedded(void **state)
{
	static struct fixture f;

	setup(&f, false);
	*state = &f;
	return 0;
}

static int
setup_swtpm(void **state)
{
	static struct fixture f;

	setup(&f, true);
	*state = &f;
	return 0;
}

static void
done(struct fixture *f)
{
	close_vault(f);
	if (f->use_swtpm) {
		swtpm_remove(&f->swtpm);
		scratch_free(&f->tpm);
	}
	scratch_free(&f->dir);
}

static int
teardown(void **state)
{
	done(*state);
	return 0;
}

/* The verbs. */

static int
check_pin(struct fixture *f, const uint8_t *hash, int failures)
{
	struct key_op op = { .verb = KEY_PIN_CHECK,
		.data = { span(hash, KEY_PIN_HASH_LEN) } };
	int r;

	r = vault_pin_check(f->vault, &op);
	assert_int_equal(op.result, r);
	assert_int_equal(op.out_blob_len, 0);
	if (r == 0 || r == -EACCES)
		assert_int_equal(op.pin_failures, failures);
	return r;
}

static int
set_pin(struct fixture *f, const uint8_t *hash, const uint8_t *current)
{
	struct key_op op = { .verb = KEY_PIN_SET,
		.data = { span(hash, KEY_PIN_HASH_LEN),
		    span(current, current == NULL ? 0 : KEY_PIN_HASH_LEN) } };
	int r;

	r = vault_pin_set(f->vault, &op);
	assert_int_equal(op.result, r);
	return r;
}

static int
clear_pin(struct fixture *f)
{
	struct key_op op = { .verb = KEY_PIN_CLEAR };

	return vault_pin_clear(f->vault, &op);
}

static int
advance(struct fixture *f, uint64_t generation)
{
	struct key_op op = { .verb = KEY_ADVANCE, .generation = generation };
	int r;

	r = vault_advance(f->vault, &op);
	assert_int_equal(op.result, r);
	return r;
}

/* What the TPM says. */

static uint32_t
property(struct fixture *f, TPM2_PT pt)
{
	TPMS_CAPABILITY_DATA *data;
	TPMI_YES_NO more;
	uint32_t value;

	assert_int_equal(Esys_GetCapability(link_esys(f->link), ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, pt, 1, &more,
	    &data), 0);
	assert_int_equal(data->data.tpmProperties.tpmProperty[0].property, pt);
	value = data->data.tpmProperties.tpmProperty[0].value;
	Esys_Free(data);
	return value;
}

static uint32_t
indices(struct fixture *f)
{
	return property(f, TPM2_PT_HR_NV_INDEX);
}

/*
 * As the owner of the TPM, past ESAPI, which would mix up his objects with
 * ours: a command with two handles and an empty password.
 */
static TPM2_RC
owner_command(struct fixture *f, TPM2_CC cc, uint32_t handle, const void *p,
    size_t len)
{
	uint8_t command[512] = { 0x80, 0x02, [4] = 0, [6] = cc >> 24,
		cc >> 16, cc >> 8, cc, TPM2_RH_OWNER >> 24, 0, 0,
		TPM2_RH_OWNER & 0xff, handle >> 24, handle >> 16, handle >> 8,
		handle, 0, 0, 0, 9, TPM2_RS_PW >> 24, 0, 0,
		TPM2_RS_PW & 0xff };	/* no nonce, attributes or HMAC */
	uint8_t answer[4096];
	size_t answer_len = sizeof(answer), size = 31 + len;
	TSS2_TCTI_CONTEXT *tcti;

	memcpy(command + 31, p, len);
	command[4] = size >> 8;
	command[5] = size;
	assert_int_equal(Esys_GetTcti(link_esys(f->link), &tcti), 0);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, size, command), 0);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &answer_len, answer,
	    TSS2_TCTI_TIMEOUT_BLOCK), 0);
	assert_true(answer_len >= 10);
	return link_code((uint32_t)answer[6] << 24 | answer[7] << 16 |
	    answer[8] << 8 | answer[9]);
}

static TPM2_RC
owner_writes(struct fixture *f, uint32_t handle, const uint8_t p[static 8])
{
	uint8_t data[12] = { 0, 8 };	/* and offset 0 */

	memcpy(data + 2, p, 8);
	return owner_command(f, TPM2_CC_NV_Write, handle, data, sizeof(data));
}

static void
owner_removes(struct fixture *f, uint32_t handle)
{
	assert_int_equal(owner_command(f, TPM2_CC_NV_UndefineSpace, handle,
	    "", 0), 0);
}

static int
define_foreign(struct fixture *f, uint32_t handle, uint32_t size)
{
	TPM2B_NV_PUBLIC public = { .nvPublic = { .nvIndex = handle,
		.nameAlg = TPM2_ALG_SHA256, .dataSize = size,
		.attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE } };
	TPM2B_AUTH none = { .size = 0 };
	ESYS_TR index;
	TSS2_RC rc;

	rc = Esys_NV_DefineSpace(link_esys(f->link), ESYS_TR_RH_OWNER,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &none, &public,
	    &index);
	if (rc == 0)
		Esys_TR_Close(link_esys(f->link), &index);
	return link_code(rc);
}

/* Opening. */

static void
opens_again(void **state)
{
	struct fixture *f = *state;
	uint64_t generation = f->info.generation;

	assert_true(f->info.pin && f->info.pin_index && f->info.counter);
	assert_false(f->info.pcrs);
	assert_false(f->info.pin_set);
	assert_true(f->len > 200 && f->len < 700);
	reopen(f);
	assert_int_equal(advance(f, generation), -EINVAL);	/* locked */
	assert_int_equal(check_pin(f, pin_1, 0), -EINVAL);
	WORKS(f, unlock(f));
	assert_int_equal(f->info.generation, generation);
	assert_true(f->info.pin_index && f->info.counter);
	assert_false(f->info.pcrs);
	assert_false(f->info.pin_set);
	WORKS(f, unlock(f));	/* twice is as good as once */
	assert_int_equal(property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
}

static void
two_keys_differ(void **state)
{
	struct fixture *f = *state;
	uint8_t key[SEAL_KEY_LEN];

	memcpy(key, f->key, sizeof(key));
	create(f, 0, NULL);
	assert_memory_not_equal(key, f->key, sizeof(key));
	assert_int_equal(indices(f), 1);	/* the first one's is gone */
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
	struct fixture *f = *state;
	uint8_t good[KEY_WRAPPED_MAX];
	size_t len = f->len;
	int r;

	memcpy(good, f->wrapped, len);
	for (size_t i = 0; i < 8 * len; i++) {
		f->wrapped[i / 8] ^= 1 << i % 8;
		FAILS(f, unlock(f), -EBADMSG, "wrapped storage key");
		f->wrapped[i / 8] ^= 1 << i % 8;
	}
	for (size_t i = 0; i < len - 8; i++) {
		f->wrapped[i] ^= 1 << i % 8;
		fix_check(f->wrapped, len);
		r = unlock(f);
		assert_true(r == -EBADMSG || r == -ENODEV || r == -ESTALE);
		assert_true(link_strerror(f->link)[0] != '\0');
		memcpy(f->wrapped, good, len);
	}
	for (f->len = 0; f->len < len; f->len++)
		FAILS(f, unlock(f), -EBADMSG, "wrapped storage key");
	WORKS(f, unlock(f));
	assert_int_equal(property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
}

static void
altered_record(void **state)
{
	struct fixture *f = *state;
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
		r = unlock(f);
		if (r == 0) {	/* the target alone is not bound to it */
			assert_int_equal(record_read(f->dir.fd, &rec), 0);
			assert_string_not_equal(rec.target, good.target);
		}
		text[i] ^= 1;
	}
	assert_int_equal(pwrite(fd, text, len, 0), len);
	WORKS(f, unlock(f));
	assert_int_equal(unlinkat(f->dir.fd, RECORD_FILE, 0), 0);
	FAILS(f, unlock(f), -EBADMSG, "tpm of the state directory is missing");
	close(fd);
}

static void
record_of_another_key(void **state)
{
	struct fixture *f = *state;
	struct record rec, other;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	other = rec;
	other.id[0] ^= 1;
	assert_int_equal(record_write(f->dir.fd, &other), 0);
	FAILS(f, unlock(f), -EBADMSG, "was altered");
	other = rec;
	other.counter++;
	assert_int_equal(record_write(f->dir.fd, &other), 0);
	FAILS(f, unlock(f), -EBADMSG, "belongs to another key");
	assert_int_equal(record_write(f->dir.fd, &rec), 0);
	WORKS(f, unlock(f));
}

static void
another_tpm(void **state)
{
	struct fixture *f = *state;
	struct record rec;
	struct fixture other;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	close_vault(f);
	setup(&other, f->use_swtpm);
	assert_int_equal(record_write(other.dir.fd, &rec), 0);
	memcpy(other.wrapped, f->wrapped, f->len);
	other.len = f->len;
	FAILS(&other, unlock(&other), -ENODEV, "not the TPM that the keys");
	done(&other);
	open_in(f, f->dir.fd, false);
}

static void
cleared_tpm(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(Esys_Clear(link_esys(f->link), ESYS_TR_RH_LOCKOUT,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
	assert_int_not_equal(advance(f, f->info.generation + 1), 0);
	assert_int_not_equal(set_pin(f, pin_1, NULL), -EACCES);
	reopen(f);
	FAILS(f, unlock(f), -ENODEV, "or it was cleared");
	/* and nothing stops one from beginning again */
	create(f, 0, NULL);
	reopen(f);
	WORKS(f, unlock(f));
}

static void
set_owner_password(struct fixture *f, const char *password)
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
	struct fixture *f = *state;

	set_owner_password(f, "secret");
	Esys_TR_SetAuth(link_esys(f->link), ESYS_TR_RH_OWNER, &none);
	FAILS(f, set_pin(f, pin_1, NULL), -EBUSY, "owner hierarchy");
	WORKS(f, advance(f, f->info.generation + 1));
	Esys_TR_SetAuth(link_esys(f->link), ESYS_TR_RH_OWNER, &auth);
	set_owner_password(f, "");
	WORKS(f, set_pin(f, pin_1, NULL));
}

/* The counter. */

static void
counter_goes_on(void **state)
{
	struct fixture *f = *state;
	uint64_t c = f->info.generation;

	WORKS(f, advance(f, c));
	FAILS(f, advance(f, c + 2), -EINVAL, "does not follow");
	FAILS(f, advance(f, c - 1), -EINVAL, "does not follow");
	WORKS(f, advance(f, c + 1));
	WORKS(f, advance(f, c + 1));
	assert_int_equal(advance(f, c), -EINVAL);
	reopen(f);
	WORKS(f, unlock(f));
	assert_int_equal(f->info.generation, c + 1);
	WORKS(f, advance(f, c + 2));
	/* somebody removes it: the next one is beyond whatever it was */
	create(f, 0, NULL);
	assert_true(f->info.generation > c + 2);
}

static void
counter_removed(void **state)
{
	struct fixture *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	owner_removes(f, rec.counter);
	FAILS(f, advance(f, f->info.generation + 1), -ENODEV, "not there");
	reopen(f);
	FAILS(f, unlock(f), -ENODEV, "has lost its counter");
	assert_int_equal(define_foreign(f, rec.counter, 8), 0);
	FAILS(f, unlock(f), -ENODEV, "is somebody else's");
	assert_int_equal(indices(f), 1);
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(indices(f), 1);	/* not ours to remove */
}

/* The PIN. */

static void
pin_is_checked(void **state)
{
	struct fixture *f = *state;

	FAILS(f, check_pin(f, pin_1, 0), -EINVAL, "no PIN");
	FAILS(f, set_pin(f, pin_1, pin_2), -EINVAL, "no PIN");
	WORKS(f, set_pin(f, pin_1, NULL));
	FAILS(f, set_pin(f, pin_2, NULL), -EINVAL, "a PIN already");
	WORKS(f, check_pin(f, pin_1, 0));
	FAILS(f, check_pin(f, pin_2, 1), -EACCES, "not the PIN");
	FAILS(f, check_pin(f, pin_2, 2), -EACCES, "not the PIN");
	WORKS(f, check_pin(f, pin_1, 0));
	FAILS(f, check_pin(f, pin_2, 1), -EACCES, "not the PIN");
	reopen(f);
	WORKS(f, unlock(f));
	assert_true(f->info.pin_set);
	assert_int_equal(f->info.pin_failures, 1);
	WORKS(f, check_pin(f, pin_1, 0));
	vault_info(f->vault, &f->info);
	assert_int_equal(f->info.pin_failures, 0);
	WORKS(f, clear_pin(f));
	WORKS(f, clear_pin(f));
	assert_int_equal(indices(f), 1);
	reopen(f);
	WORKS(f, unlock(f));
	assert_false(f->info.pin_set);
	WORKS(f, set_pin(f, pin_2, NULL));
	WORKS(f, check_pin(f, pin_2, 0));
}

static void
pin_is_changed(void **state)
{
	struct fixture *f = *state;

	WORKS(f, set_pin(f, pin_1, NULL));
	FAILS(f, set_pin(f, pin_2, pin_2), -EACCES, "not the PIN");
	assert_int_equal(check_pin(f, pin_2, 2), -EACCES);
	WORKS(f, set_pin(f, pin_2, pin_1));
	WORKS(f, check_pin(f, pin_2, 0));
	assert_int_equal(check_pin(f, pin_1, 1), -EACCES);
	reopen(f);
	WORKS(f, unlock(f));
	assert_int_equal(f->info.pin_failures, 1);
	assert_int_equal(check_pin(f, pin_1, 2), -EACCES);
	WORKS(f, check_pin(f, pin_2, 0));
}

/* Eight failures, whatever is restarted, and the TPM's own count at none. */
static void
pin_is_blocked(void **state)
{
	static const uint8_t none[8] = { 0, 0, 0, 0, 0, 0, 0, 8 };
	struct fixture *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	WORKS(f, set_pin(f, pin_1, NULL));
	for (int i = 1; i <= KEY_PIN_LIMIT; i++) {
		assert_int_equal(check_pin(f, pin_2, i), -EACCES);
		if (i % 3 == 0) {
			reopen(f);
			WORKS(f, unlock(f));
			assert_int_equal(f->info.pin_failures, i);
		}
	}
	for (int i = 0; i < 12; i++)
		FAILS(f, check_pin(f, pin_2, 8), -EACCES, "blocked");
	FAILS(f, check_pin(f, pin_1, 8), -EACCES, "blocked");
	FAILS(f, set_pin(f, pin_2, pin_1), -EACCES, "blocked");
	reopen(f);
	WORKS(f, unlock(f));
	assert_int_equal(f->info.pin_failures, KEY_PIN_LIMIT);
	assert_true(f->info.pin_set);
	FAILS(f, check_pin(f, pin_1, 8), -EACCES, "blocked");
	assert_int_equal(property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
	/* nor does the owner of the TPM give a try back */
	assert_int_equal(owner_writes(f, rec.pin, none),
	    TPM2_RC_NV_AUTHORIZATION);
	FAILS(f, check_pin(f, pin_1, 8), -EACCES, "blocked");
	WORKS(f, clear_pin(f));
	WORKS(f, set_pin(f, pin_2, NULL));
	WORKS(f, check_pin(f, pin_2, 0));
}

/* The policy of the PIN index by one of its ways, ready for the command. */
static ESYS_TR
pin_policy(struct fixture *f, TPM2_CC cc)
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
	struct fixture *f = *state;
	uint8_t value[VAULT_DIGEST_LEN];
	TPM2B_AUTH auth;
	ESYS_TR policy;

	WORKS(f, set_pin(f, pin_1, NULL));
	for (int i = 1; i <= KEY_PIN_LIMIT; i++)
		assert_int_equal(check_pin(f, pin_2, i), -EACCES);
	policy = pin_policy(f, TPM2_CC_NV_Write);
	assert_int_not_equal(nv_write(f->vault, f->vault->pin, policy, first,
	    sizeof(first)), 0);
	policy_end(f->vault, &policy);
	/* a PIN of one's own is none that opens */
	assert_true(vault_hmac(f->vault->pin_key, span(pin_2, 16),
	    span(NULL, 0), value));
	vault_auth(value, &auth);
	policy = pin_policy(f, TPM2_CC_NV_ChangeAuth);
	assert_int_equal(Esys_NV_ChangeAuth(link_esys(f->link), f->vault->pin,
	    policy, ESYS_TR_NONE, ESYS_TR_NONE, &auth), 0);
	policy_end(f->vault, &policy);
	FAILS(f, check_pin(f, pin_2, 8), -EACCES, "blocked");
	FAILS(f, check_pin(f, pin_1, 8), -EACCES, "blocked");
	reopen(f);
	WORKS(f, unlock(f));
	assert_int_equal(f->info.pin_failures, KEY_PIN_LIMIT);
}

/* Somebody removes it: then there is none, and that cannot be hidden. */
static void
pin_removed(void **state)
{
	struct fixture *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	WORKS(f, set_pin(f, pin_1, NULL));
	owner_removes(f, rec.pin);
	assert_int_equal(check_pin(f, pin_1, 0), -ENODEV);
	reopen(f);
	WORKS(f, unlock(f));
	assert_false(f->info.pin_set);
	assert_int_equal(define_foreign(f, rec.pin, 8), 0);
	FAILS(f, set_pin(f, pin_1, NULL), -EBUSY, "somebody else's");
	reopen(f);
	FAILS(f, unlock(f), -ENODEV, "somebody else's");
}

static void
bad_pin_hashes(void **state)
{
	struct fixture *f = *state;
	struct key_op op = { .data = { span(pin_1, 15), span(pin_1, 17) } };

	assert_int_equal(vault_pin_set(f->vault, &op), -EINVAL);
	WORKS(f, set_pin(f, pin_1, NULL));
	assert_int_equal(vault_pin_check(f->vault, &op), -EINVAL);
	op.data[0] = span(pin_2, 16);
	assert_int_equal(vault_pin_set(f->vault, &op), -EINVAL);
	op.data[0] = span(NULL, 0);
	assert_int_equal(vault_pin_check(f->vault, &op), -EINVAL);
	WORKS(f, check_pin(f, pin_1, 0));
}

/* PCRs. */

static void
extend_pcr(struct fixture *f, unsigned pcr)
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
	struct fixture *f = *state;

	create(f, 1 << 7 | 1 << 11, NULL);
	assert_true(f->info.pcrs);
	WORKS(f, unlock(f));
	assert_true(f->info.pcrs);
	extend_pcr(f, 8);
	WORKS(f, unlock_with(f, "not needed"));
	extend_pcr(f, 7);
	FAILS(f, unlock(f), -ESTALE, "no recovery passphrase");
	FAILS(f, unlock_with(f, RECOVERY), -ESTALE, "no recovery passphrase");
}

static void
sealed_anew(void **state)
{
	struct fixture *f = *state;
	uint8_t old[KEY_WRAPPED_MAX];
	size_t old_len;

	create(f, 1 << 7, RECOVERY);
	WORKS(f, unlock(f));
	extend_pcr(f, 7);
	FAILS(f, unlock(f), -ESTALE, "sealkey tpm reseal");
	FAILS(f, unlock_with(f, ""), -ESTALE, "not the recovery passphrase");
	FAILS(f, unlock_with(f, RECOVERY "r"), -ESTALE,
	    "not the recovery passphrase");
	assert_int_equal(vault_rewrap(f->vault, f->key, NULL, old, &old_len),
	    -EINVAL);
	WORKS(f, unlock_with(f, RECOVERY));
	memcpy(old, f->wrapped, f->len);
	old_len = f->len;
	WORKS(f, vault_rewrap(f->vault, f->key, RECOVERY, f->wrapped,
	    &f->len));
	WORKS(f, unlock(f));
	assert_true(f->info.pcrs);
	extend_pcr(f, 7);
	WORKS(f, unlock_with(f, RECOVERY));
	WORKS(f, vault_rewrap(f->vault, f->key, NULL, f->wrapped, &f->len));
	WORKS(f, unlock(f));
	extend_pcr(f, 7);
	FAILS(f, unlock_with(f, RECOVERY), -ESTALE, "no recovery passphrase");
	/* what was kept from before opens still: it is the same key */
	memcpy(f->wrapped, old, old_len);
	f->len = old_len;
	WORKS(f, unlock_with(f, RECOVERY));
	assert_int_equal(property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
}

static void
impossible_pcrs(void **state)
{
	struct fixture *f = *state;
	uint8_t key[SEAL_KEY_LEN];

	FAILS(f, vault_create(f->vault, target(f), 1 << 24, NULL, key,
	    f->wrapped, &f->len), -EINVAL, "no such PCR");
	assert_int_equal(indices(f), 0);
	assert_int_equal(faccessat(f->dir.fd, RECORD_FILE, F_OK, 0), -1);
	FAILS(f, vault_create(f->vault, target(f), 0, RECOVERY, key,
	    f->wrapped, &f->len), -EINVAL, "sealed to PCRs");
	create(f, VAULT_PCRS, RECOVERY);
	WORKS(f, unlock(f));
}

/* Several on one TPM. */

static void
destroyed(void **state)
{
	struct fixture *f = *state;
	struct record rec;

	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	WORKS(f, set_pin(f, pin_1, NULL));
	assert_int_equal(define_foreign(f, 0x01812345, 8), 0);
	assert_int_equal(indices(f), 3);
	reopen(f);	/* from the record alone */
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(indices(f), 1);
	assert_int_equal(record_read(f->dir.fd, &rec), -ENOENT);
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(advance(f, f->info.generation), -EINVAL);
	assert_int_equal(unlock(f), -EBADMSG);
}

static void
two_on_one_tpm(void **state)
{
	struct fixture *f = *state;
	struct fixture other = { .use_swtpm = true, .swtpm = f->swtpm };
	struct record rec, others;

	WORKS(f, set_pin(f, pin_1, NULL));
	close_vault(f);
	scratch_new(&other.dir);
	/* nothing may meet, even where it would begin at the same handle */
	assert_int_equal(record_read(f->dir.fd, &rec), 0);
	open_in(&other, other.dir.fd, true);
	other.vault->record.id[0] = rec.id[0];
	other.vault->record.id[1] = rec.id[1];
	other.vault->record.id[2] = rec.id[2];
	WORKS(&other, nv_choose(other.vault));
	assert_int_not_equal(other.vault->record.counter, rec.counter);
	assert_int_not_equal(other.vault->record.counter, rec.pin);
	assert_int_not_equal(other.vault->record.pin, rec.counter);
	assert_int_not_equal(other.vault->record.pin, rec.pin);
	create(&other, 0, NULL);
	WORKS(&other, set_pin(&other, pin_2, NULL));
	assert_int_equal(check_pin(&other, pin_1, 1), -EACCES);
	assert_int_equal(indices(&other), 4);
	assert_int_equal(record_read(other.dir.fd, &others), 0);
	/* with the record of the other one */
	assert_int_equal(record_write(other.dir.fd, &rec), 0);
	FAILS(&other, unlock(&other), -EBADMSG, "belongs to another key");
	assert_int_equal(record_write(other.dir.fd, &others), 0);
	WORKS(&other, vault_destroy(other.vault));
	assert_int_equal(indices(&other), 2);
	close_vault(&other);
	scratch_free(&other.dir);
	open_in(f, f->dir.fd, false);
	WORKS(f, unlock(f));
	WORKS(f, check_pin(f, pin_1, 0));
}

static void
memory_full(void **state)
{
	struct fixture *f = *state;
	uint32_t handle = 0x01810000;
	uint8_t key[SEAL_KEY_LEN];

	for (uint32_t size = 2048; size > 0; size /= 2)
		while (define_foreign(f, handle, size) == 0)
			handle++;
	assert_int_equal(define_foreign(f, handle, 8), TPM2_RC_NV_SPACE);
	FAILS(f, set_pin(f, pin_1, NULL), -EBUSY, "memory is full");
	WORKS(f, advance(f, f->info.generation + 1));
	reopen(f);
	WORKS(f, unlock(f));
	assert_false(f->info.pin_set);
	owner_removes(f, 0x01810000);
	WORKS(f, set_pin(f, pin_1, NULL));
	WORKS(f, check_pin(f, pin_1, 0));
	while (define_foreign(f, handle, 8) == 0)
		handle++;
	/* a new key takes the place of the old one, and no more */
	WORKS(f, vault_destroy(f->vault));
	while (define_foreign(f, handle, 8) == 0)
		handle++;
	FAILS(f, vault_create(f->vault, target(f), 0, NULL, key, f->wrapped,
	    &f->len), -EBUSY, "memory is full");
	assert_int_equal(faccessat(f->dir.fd, RECORD_FILE, F_OK, 0), -1);
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
		BOTH(impossible_pcrs),
		BOTH(destroyed),
		SWTPM(two_on_one_tpm),
		BOTH(memory_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
