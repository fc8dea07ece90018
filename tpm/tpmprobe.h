/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which algorithms of tpmalg.h a TPM has for keys that sign what they are
 * given. It is asked by TPM2_TestParms, not by its lists alone, which say
 * nothing of combinations; and for PS256 it has to sign something, because
 * TPMs choose the length of the salt by themselves: the length of the hash
 * (RFC 8230, 2, and what relying parties verify), or, the older ones, as much
 * as fits.
 *
 * Errors: those of link_result(), for what is neither yes nor no.
 */
#ifndef TPM_TPMPROBE_H
#define TPM_TPMPROBE_H

#include "tpm/link.h"
#include "tpm/tpmalg.h"

int tpmprobe(struct link *l, bool has[static TPMALG_ROWS]);

#endif
