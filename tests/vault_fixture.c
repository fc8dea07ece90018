/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vault_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

const uint8_t vf_pin_1[KEY_PIN_HASH_LEN] = "pin hash one....";
const uint8_t vf_pin_2[KEY_PIN_HASH_LEN] = "pin hash two....";

const char *
vf_target(const struct vf *f)
{
	return f->use_swtpm ? f->swtpm.target : "embedded";
}

void
vf_open(struct vf *f, int dirfd, bool create)
{
	char msg[256];
	int r;

	r = link_open(vf_target(f), dirfd, create, &f->link, &f->info, msg,
	    sizeof(msg));
	if (r != 0)
		fail_msg("%s: %d: %s", vf_target(f), r, msg);
	assert_int_equal(vault_new(f->link, dirfd, &f->vault), 0);
}

void
vf_close(struct vf *f)
{
	vault_free(f->vault);
	f->vault = NULL;
	link_close(f->link);
	f->link = NULL;
}

void
vf_reopen(struct vf *f)
{
	vf_close(f);
	vf_open(f, f->dir.fd, false);
}

int
vf_unlock_with(struct vf *f, const char *recovery)
{
	uint8_t key[SEAL_KEY_LEN];
	int r;

	r = vault_unlock(f->vault, span(f->wrapped, f->len), recovery, key);
	if (r == 0)
		assert_memory_equal(key, f->key, sizeof(key));
	explicit_bzero(key, sizeof(key));
	vault_info(f->vault, &f->info);
	return r;
}

int
vf_unlock(struct vf *f)
{
	return vf_unlock_with(f, NULL);
}

void
vf_create(struct vf *f, uint32_t pcrs, const char *recovery)
{
	WORKS(f, vault_create(f->vault, vf_target(f), pcrs, recovery, f->key,
	    f->wrapped, &f->len));
	vault_info(f->vault, &f->info);
}

void
vf_new(struct vf *f, bool use_swtpm)
{
	memset(f, 0, sizeof(*f));
	f->use_swtpm = use_swtpm;
	scratch_new(&f->dir);
	if (use_swtpm) {
		scratch_new(&f->tpm);
		swtpm_on(&f->swtpm, f->tpm.path);
	}
	vf_open(f, f->dir.fd, true);
	vf_create(f, 0, NULL);
}

void
vf_done(struct vf *f)
{
	vf_close(f);
	if (f->use_swtpm) {
		swtpm_remove(&f->swtpm);
		scratch_free(&f->tpm);
	}
	scratch_free(&f->dir);
}

/* The verbs. */

int
vf_check_pin(struct vf *f, const uint8_t *hash, int failures)
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

int
vf_set_pin(struct vf *f, const uint8_t *hash, const uint8_t *current)
{
	struct key_op op = { .verb = KEY_PIN_SET,
		.data = { span(hash, KEY_PIN_HASH_LEN),
		    span(current, current == NULL ? 0 : KEY_PIN_HASH_LEN) } };
	int r;

	r = vault_pin_set(f->vault, &op);
	assert_int_equal(op.result, r);
	return r;
}

int
vf_clear_pin(struct vf *f)
{
	struct key_op op = { .verb = KEY_PIN_CLEAR };

	return vault_pin_clear(f->vault, &op);
}

int
vf_advance(struct vf *f, uint64_t generation)
{
	struct key_op op = { .verb = KEY_ADVANCE, .generation = generation };
	int r;

	r = vault_advance(f->vault, &op);
	assert_int_equal(op.result, r);
	return r;
}

/* What the TPM says. */

uint32_t
vf_property(struct vf *f, TPM2_PT pt)
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

uint32_t
vf_indices(struct vf *f)
{
	return vf_property(f, TPM2_PT_HR_NV_INDEX);
}

/*
 * As the owner of the TPM, past ESAPI, which would mix up his objects with
 * ours: a command with two handles and an empty password.
 */
static TPM2_RC
owner_command(struct vf *f, TPM2_CC cc, uint32_t handle, const void *p,
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

TPM2_RC
vf_owner_writes(struct vf *f, uint32_t handle, const uint8_t p[static 8])
{
	uint8_t data[12] = { 0, 8 };	/* and offset 0 */

	memcpy(data + 2, p, 8);
	return owner_command(f, TPM2_CC_NV_Write, handle, data, sizeof(data));
}

void
vf_owner_removes(struct vf *f, uint32_t handle)
{
	assert_int_equal(owner_command(f, TPM2_CC_NV_UndefineSpace, handle,
	    "", 0), 0);
}

TPM2_RC
vf_define_foreign(struct vf *f, uint32_t handle, uint32_t size)
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
