/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM 2.0, opened: the TCTI behind a target, ESAPI above it, the storage
 * root key, sessions, and what its response codes mean. Lives in the key
 * helper, one per process (libtpms and ESAPI want it so). It may wait for as
 * long as the TPM does: whoever waits for us has the deadline.
 *
 * Invariants:
 *  1. The TPM has as many transient objects of ours as link_loaded() counts,
 *     and no more than there is room for: link_room() comes before anything
 *     that loads one, and evicts.
 *  2. Everything secret goes through a session that is salted to the storage
 *     root key and encrypts (link_session()), if it leaves this process
 *     (link_auth()); its Name is pinned by link_pin(), and another key under
 *     the same handle is -ENODEV.
 *
 * When the TPM loses what was loaded, gives no answer or one that makes no
 * sense, the link is broken: nothing works until it has been closed and
 * opened again (for the helper: until it has been started again), together
 * with all that was built on it. What failed may then be tried once more.
 *
 * Errors: as in key.h, with one line in link_strerror().
 */
#ifndef TPM_LINK_H
#define TPM_LINK_H

#include <tss2/tss2_esys.h>

#include "ctap/span.h"
#include "tpm/key.h"

#define LINK_SRK_HANDLE	0x81000001	/* TCG provisioning guidance */
#define LINK_NAME_MAX	34		/* bytes; SHA-256 */

struct link;

/*
 * target: "embedded", or a TCTI string (Tss2_TctiLdr_Initialize). dirfd is
 * the state directory, for embedded; create: a key is to be made, and for it
 * an embedded TPM.
 * Fills the facts about the device in info (kind, target, tpm, hardware,
 * manufacturer, ..., has_ek); they live as long as the link. hardware: it is
 * a device (not a socket), and does not call itself software: its vendor
 * string neither begins with "SW" (swtpm, the one of a virtual machine too)
 * nor contains "vTPM". has_ek: it knows the algorithms to make that one.
 * -ENODEV: there is no such TPM, or it does not answer.
 */
int link_open(const char *target, int dirfd, bool create, struct link **out,
    struct keys_info *info, char *msg, size_t msglen);
/* Flushes what is ours; an embedded TPM is shut down. Accepts NULL. */
void link_close(struct link *l);

ESYS_CONTEXT *link_esys(struct link *l);
const char *link_strerror(const struct link *l);
bool link_broken(const struct link *l);
/*
 * Whether others can get at the TPM, or at what is said to it: not if it is
 * embedded. Where they can, and no resource manager is in between, what we
 * loaded may be flushed by them, and theirs be in its place.
 */
bool link_is_shared(const struct link *l);
/* That has happened: -EIO, with a line, and the link is broken. */
int link_replaced(struct link *l, const char *doing);
/* Sets that line and returns error. */
int link_fail(struct link *l, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * What a command is repeated by:
 *
 *	unsigned tries = 0;
 *	do {
 *		r = link_session(l, true, false, &session);
 *		if (r != 0)
 *			return r;
 *		rc = Esys_...(..., session, ...);
 *	} while (link_again(l, rc, &tries));
 *	r = link_result(l, rc, "load a key");
 *
 * again waits (at most three seconds in all), evicts or forgets the session as
 * rc demands, so a session has to be asked for inside the loop. result
 * translates: what happened while doing that, 0 for success; the line is
 * "cannot load a key: " and why. Who knows better what a code means here
 * looks at rc first: link_code() is what the TPM said, without what tells
 * apart handles, parameters and sessions (TPM2_RC_HANDLE, say), and 0 if it
 * was not the TPM who said it.
 */
TSS2_RC link_code(TSS2_RC rc);
bool link_again(struct link *l, TSS2_RC rc, unsigned *tries);
int link_result(struct link *l, TSS2_RC rc, const char *doing);

/*
 * The storage root key: the one at LINK_SRK_HANDLE if it is one (restricted,
 * decrypts, fixedTPM, no password), or else made anew from the ECC template
 * and held. Never made persistent, but in an embedded TPM, whose owner is us.
 */
int link_srk(struct link *l, ESYS_TR *out);
int link_srk_name(struct link *l, uint8_t out[static LINK_NAME_MAX],
    size_t *len);
/* Whether it is the one at LINK_SRK_HANDLE; false too if nobody asked yet. */
bool link_srk_kept(const struct link *l);
/*
 * From now on it has to be the one with that Name: at the handle, or else made
 * anew. -ENODEV if it is neither; then nothing changes.
 */
int link_pin(struct link *l, struct span name);

/*
 * A session for one command, salted to the storage root key: with decrypt, the
 * first parameter that goes in is encrypted; with encrypt, the first that
 * comes out. The same one, again and again; made when there is none.
 */
int link_session(struct link *l, bool decrypt, bool encrypt, ESYS_TR *out);
/*
 * The same, to authorize a command with: but there is nobody to hide it from
 * where no bus is, so that for an embedded TPM it is ESYS_TR_PASSWORD. With
 * libtss2-esys 3.2 that saves 2 ms a command, or five signatures.
 */
int link_auth(struct link *l, bool decrypt, bool encrypt, ESYS_TR *out);

/* Transient objects. evict(arg) unloads one of them, false: there is none. */
void link_on_evict(struct link *l, bool (*evict)(void *arg), void *arg);
int link_room(struct link *l);
void link_loaded(struct link *l);
/* Out of the TPM, and no longer counted. *object becomes ESYS_TR_NONE. */
void link_flush(struct link *l, ESYS_TR *object);

/* Whether the TPM knows an algorithm, and a curve. */
bool link_has_alg(struct link *l, TPM2_ALG_ID alg);
bool link_has_curve(struct link *l, TPM2_ECC_CURVE curve);
/* A fixed property (TPM2_PT_*), 0 if it has none. */
uint32_t link_property(struct link *l, TPM2_PT property);

#endif
