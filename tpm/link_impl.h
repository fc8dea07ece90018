/* SPDX-License-Identifier: Apache-2.0 */
/* What the files link*.c share; for nobody else. */
#ifndef TPM_LINK_IMPL_H
#define TPM_LINK_IMPL_H

#include "tpm/link.h"

#define LINK_LINE_MAX	256	/* bytes, with the NUL */
#define LINK_KIND_MAX	32
#define LINK_TARGET_MAX	512
#define LINK_ALGS_MAX	256
#define LINK_CURVES_MAX	32
#define LINK_PROPS_MAX	128
/* TPM2_TRANSIENT_FIRST shifts a signed 0x80 by 24 */
#define LINK_OBJECTS	0x80000000U	/* first of transient objects */
#define LINK_SESSIONS	0x02000000U	/* first of loaded sessions */

struct link_name {
	uint8_t		bytes[LINK_NAME_MAX];
	size_t		len;	/* 0: none */
};

struct link {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT	*esys;
	bool		 embedded;
	bool		 broken;
	void		(*wait_ms)(unsigned ms);
	char		 kind[LINK_KIND_MAX];
	char		 target[LINK_TARGET_MAX];
	char		 line[LINK_LINE_MAX];

	ESYS_TR		 srk;		/* ESYS_TR_NONE: not looked for yet */
	bool		 srk_transient;
	struct link_name srk_name;
	struct link_name pinned;
	ESYS_TR		 session;	/* ESYS_TR_NONE: there is none */

	unsigned	 loaded;	/* of the callers; the SRK is not one */
	unsigned	 room;		/* for how many */
	bool		(*evict)(void *arg);
	void		*evict_arg;

	TPM2_ALG_ID	 algs[LINK_ALGS_MAX];
	size_t		 algs_len;
	TPM2_ECC_CURVE	 curves[LINK_CURVES_MAX];
	size_t		 curves_len;
	TPMS_TAGGED_PROPERTY props[LINK_PROPS_MAX];
	size_t		 props_len;
};

void link_wait_ms(unsigned ms);
/* The session is no more; the TPM is told if it may still know it. */
void link_forget_session(struct link *l);
/* Nor the storage root key, until it is asked for again. */
void link_drop_srk(struct link *l);
/*
 * Flushes what there is from the handle first on (LINK_OBJECTS or
 * LINK_SESSIONS) and is none of ours; false: nothing. A resource manager
 * shows us only ours. Without one, that is what a process left behind that
 * was killed, or what another one will miss; but two processes cannot share
 * such a TPM.
 */
bool link_flush_foreign(struct link *l, TPM2_HANDLE first);

#endif
