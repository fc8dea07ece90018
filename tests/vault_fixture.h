/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the vault share: a state directory, a TPM (embedded or
 * swtpm), and a vault on it that has been created. Its verbs, what the TPM
 * says about itself, and what its owner does to it without us. Failures end
 * the test through cmocka.
 */
#ifndef TESTS_VAULT_FIXTURE_H
#define TESTS_VAULT_FIXTURE_H

#include "tests/store_fixture.h"
#include "tests/swtpm.h"
#include "tpm/vault_impl.h"

struct vf {
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

extern const uint8_t vf_pin_1[KEY_PIN_HASH_LEN], vf_pin_2[KEY_PIN_HASH_LEN];

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

/* All of it, and its end; vf_done() accepts one that is closed. */
void vf_new(struct vf *f, bool use_swtpm);
void vf_done(struct vf *f);
const char *vf_target(const struct vf *f);

void vf_open(struct vf *f, int dirfd, bool create);
void vf_close(struct vf *f);
/* As if the helper had ended and been started again. */
void vf_reopen(struct vf *f);

void vf_create(struct vf *f, uint32_t pcrs, const char *recovery);
/* Fill info; what they open has to be the key that was made. */
int vf_unlock(struct vf *f);
int vf_unlock_with(struct vf *f, const char *recovery);

/* failures: that is what has to be told with 0 and -EACCES */
int vf_check_pin(struct vf *f, const uint8_t *hash, int failures);
int vf_set_pin(struct vf *f, const uint8_t *hash, const uint8_t *current);
int vf_clear_pin(struct vf *f);
int vf_advance(struct vf *f, uint64_t generation);

uint32_t vf_property(struct vf *f, TPM2_PT pt);
/* How many there are in the TPM. */
uint32_t vf_indices(struct vf *f);

/* What the TPM says to its owner, who does it. */
TPM2_RC vf_owner_writes(struct vf *f, uint32_t handle,
    const uint8_t p[static 8]);
void vf_owner_removes(struct vf *f, uint32_t handle);
TPM2_RC vf_define_foreign(struct vf *f, uint32_t handle, uint32_t size);

#endif
