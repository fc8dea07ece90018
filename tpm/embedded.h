/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM without hardware: libtpms in this process, behind a TCTI. Its
 * non-volatile memory is the file embedded.tpm of the state directory, which
 * has on disk what the TPM has written before the command is answered
 * (format: embedded.md). One per process, because libtpms is one, and one
 * process at a time.
 */
#ifndef TPM_EMBEDDED_H
#define TPM_EMBEDDED_H

#include <stdbool.h>
#include <stddef.h>

#include <tss2/tss2_tcti.h>

#define EMBEDDED_FILE	"embedded.tpm"

/*
 * Powers it on. create: manufactures it if that file is missing; without,
 * -ENOENT. -EUCLEAN: damaged, or not one of ours; -EPROTO: of a newer
 * libtpms; -EPERM: others may read or write it; -EBUSY: another process has
 * it, or this one has already; msg has the line. The TCTI
 * belongs to the caller: Tss2_Tcti_Finalize(), then free().
 */
int embedded_open(int dirfd, bool create, TSS2_TCTI_CONTEXT **out, char *msg,
    size_t msglen);
/*
 * 0, or the -errno of the write that failed: since then every command is
 * TSS2_TCTI_RC_IO_ERROR, for good.
 */
int embedded_error(TSS2_TCTI_CONTEXT *ctx);

#endif
