/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file "tpm" of a state directory: lines of text that say which TPM it
 * belongs to and what in that TPM is its own (format: vault.md). Nothing in it
 * is secret, and nothing falls open if it is altered: what it says is
 * confirmed by what is sealed in the TPM.
 */
#ifndef TPM_RECORD_H
#define TPM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FILE	"tpm"
#define RECORD_TARGET_MAX 512	/* bytes, with the NUL */
#define RECORD_ID_LEN	32	/* bytes, random: the mark of what is ours */
/* NV handles that belong to whoever owns the TPM (TCG registry of reserved
 * TPM 2.0 handles and localities) */
#define RECORD_HANDLE_FIRST 0x01800000
#define RECORD_HANDLE_LAST 0x01bfffff

struct record {
	char		target[RECORD_TARGET_MAX];
	uint8_t		id[RECORD_ID_LEN];
	uint32_t	counter;	/* NV handles; 0: not chosen yet */
	uint32_t	pin;
};

/*
 * -ENOENT: none; -EUCLEAN: damaged; -EPROTO: of a newer sealkey; -EPERM:
 * others than its owner may write it.
 */
int record_read(int dirfd, struct record *out);
/* Durable when it returns 0; never half. -EINVAL: could not be read again. */
int record_write(int dirfd, const struct record *rec);
/* Durable as well; 0 if there is none. */
int record_remove(int dirfd);

#endif
