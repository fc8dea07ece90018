/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the answers of a TPM mean (TPM 2.0 Library, part 2, 6.6): which errno,
 * which line, and what to do before the command is sent again.
 *
 * A code of format one carries the number of the handle, parameter or session
 * it complains about; that is for whoever wrote the command. Codes of the
 * layers above the TPM say that no answer came, or none that can be read:
 * after those, nobody knows what the TPM did, and the link is broken.
 */
#include "tpm/link_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tss2/tss2_rc.h>

#include "tpm/embedded.h"

#define TRIES_MAX	8	/* 10 + 20 + ... + 1280 ms */
#define FIRST_WAIT_MS	10

#define FORMAT_ONE	0x080
#define FORMAT_ONE_MASK	0x0BF
#define TPM_CODE_MASK	0xFFF
#define LAYER_TPM	0
#define LAYER_TCTI	10
#define LAYER_RESMGR	11
#define LAYER_RESMGR_TPM 12

enum remedy {
	NONE,
	WAIT,		/* it passes */
	EVICT,		/* one of our objects less */
	FLUSH,		/* one session less */
	SESSION,	/* it has lost the session: another one */
	BROKEN,		/* it has lost what was loaded: start again */
};

struct meaning {
	TSS2_RC		 code, last;	/* last 0: the same */
	enum remedy	 remedy;
	int		 error;
	const char	*text;
};

static const struct meaning meanings[] = {
	{ TPM2_RC_OBJECT_MEMORY, 0, EVICT, -EBUSY,
	    "the TPM has no room for another key: use a resource manager"
	    " (/dev/tpmrm0), or flush what others left in it"
	    " (tpm2_flushcontext -t)" },
	{ TPM2_RC_SESSION_MEMORY, 0, FLUSH, -EBUSY,
	    "the TPM has no room for another session: flush what others left"
	    " in it (tpm2_flushcontext -l)" },
	{ TPM2_RC_MEMORY, 0, EVICT, -EBUSY,
	    "the TPM is out of memory: flush what others left in it"
	    " (tpm2_flushcontext -t -l -s)" },
	{ TPM2_RC_SESSION_HANDLES, 0, FLUSH, -EBUSY,
	    "the TPM is out of session handles: flush what others left in it"
	    " (tpm2_flushcontext -l -s)" },
	{ TPM2_RC_OBJECT_HANDLES, 0, EVICT, -EBUSY,
	    "the TPM is out of object handles: restart the machine" },
	{ TPM2_RC_CONTEXT_GAP, 0, FLUSH, -EBUSY,
	    "a saved session keeps the TPM from making new ones: flush it"
	    " (tpm2_flushcontext -s)" },
	{ TPM2_RC_YIELDED, 0, WAIT, -EBUSY,
	    "the TPM keeps interrupting the command: try again" },
	{ TPM2_RC_CANCELED, 0, NONE, -EBUSY,
	    "somebody cancelled the TPM's command: try again" },
	{ TPM2_RC_TESTING, 0, WAIT, -EBUSY,
	    "the TPM is testing itself: try again in a moment" },
	{ TPM2_RC_RETRY, 0, WAIT, -EBUSY,
	    "the TPM is busy: try again in a moment" },
	{ TPM2_RC_REFERENCE_H0, TPM2_RC_REFERENCE_H6, BROKEN, -ENODEV,
	    "the TPM has lost what was loaded, by a reset or a clear:"
	    " try again" },
	{ TPM2_RC_REFERENCE_S0, TPM2_RC_REFERENCE_S6, SESSION, -ENODEV,
	    "the TPM has lost our session, by a reset or a clear: try again" },
	{ TPM2_RC_NV_RATE, 0, WAIT, -EBUSY,
	    "the TPM limits how often its memory is written: try again in"
	    " some seconds" },
	{ TPM2_RC_NV_UNAVAILABLE, 0, WAIT, -EBUSY,
	    "the TPM cannot write its memory now: try again in some seconds" },
	{ TPM2_RC_LOCKOUT, 0, NONE, -EBUSY,
	    "the TPM is locked out, after wrong passwords that somebody gave"
	    " for something else in it: wait, or reset it"
	    " (tpm2_dictionarylockout -c)" },
	{ TPM2_RC_AUTH_FAIL, 0, NONE, -EACCES,
	    "the TPM refuses the authorization, and has counted that towards"
	    " its lockout" },
	{ TPM2_RC_BAD_AUTH, 0, NONE, -EACCES,
	    "the TPM refuses the authorization: if its owner has a password,"
	    " remove it (tpm2_changeauth -c owner)" },
	{ TPM2_RC_AUTH_UNAVAILABLE, 0, NONE, -EACCES,
	    "the TPM no longer accepts this authorization: its tries are"
	    " used up" },
	{ TPM2_RC_INTEGRITY, 0, NONE, -EBADMSG,
	    "made by another TPM, or by this one before it was cleared, or"
	    " damaged: restore a backup of the state made with this TPM" },
	{ TPM2_RC_BINDING, 0, NONE, -EBADMSG,
	    "its public and its private part do not belong together:"
	    " restore a backup of the state" },
	{ TPM2_RC_HANDLE, 0, NONE, -ENODEV,
	    "what was kept in the TPM is not there: it was removed, or the"
	    " TPM was cleared" },
	{ TPM2_RC_POLICY_FAIL, 0, NONE, -ESTALE,
	    "the machine's firmware or boot settings (PCRs) are not those"
	    " that this was sealed to: see sealkey tpm reseal" },
	{ TPM2_RC_PCR_CHANGED, 0, NONE, -ESTALE,
	    "a PCR changed while it was looked at: try again" },
	{ TPM2_RC_NV_UNINITIALIZED, 0, NONE, -ENODEV,
	    "an index in the TPM was never written: its owner has replaced"
	    " it" },
	{ TPM2_RC_NV_SPACE, 0, NONE, -EBUSY,
	    "the TPM's non-volatile memory is full: remove an index that"
	    " nobody needs (tpm2_getcap handles-nv-index,"
	    " tpm2_nvundefine)" },
	{ TPM2_RC_NV_DEFINED, 0, NONE, -EBUSY,
	    "something else took that index in the TPM: try again" },
	{ TPM2_RC_NV_LOCKED, 0, NONE, -EBUSY,
	    "an index in the TPM is locked until it is restarted" },
	{ TPM2_RC_NV_AUTHORIZATION, 0, NONE, -ENODEV,
	    "an index in the TPM does not let us in: its owner has replaced"
	    " it" },
	{ TPM2_RC_INITIALIZE, 0, BROKEN, -ENODEV,
	    "the TPM was reset, and nobody has started it: try again" },
	{ TPM2_RC_FAILURE, 0, BROKEN, -ENODEV,
	    "the TPM has failed, and wants the power switched off and on" },
	{ TPM2_RC_UPGRADE, 0, NONE, -EBUSY,
	    "the TPM's firmware is being updated: finish that first" },
	{ TPM2_RC_REBOOT, 0, NONE, -EBUSY,
	    "the TPM wants the machine to be restarted first" },
	{ TPM2_RC_HIERARCHY, 0, NONE, -ENODEV,
	    "the TPM's owner hierarchy is disabled: enable it in the"
	    " firmware setup" },
	{ TPM2_RC_DISABLED, 0, NONE, -ENODEV,
	    "the firmware has disabled this command of the TPM: enable the"
	    " TPM in its setup" },
	{ TPM2_RC_BAD_TAG, 0, NONE, -ENODEV,
	    "that is a TPM 1.2, and it takes a TPM 2.0" },
	{ TPM2_RC_COMMAND_CODE, 0, NONE, -ENOTSUP,
	    "the TPM does not know this command" },
	{ TPM2_RC_CURVE, 0, NONE, -ENOTSUP,
	    "the TPM does not know this curve" },
	{ TPM2_RC_ASYMMETRIC, 0, NONE, -ENOTSUP,
	    "the TPM does not know this kind of key" },
	{ TPM2_RC_SCHEME, 0, NONE, -ENOTSUP,
	    "the TPM does not know this signature scheme" },
	{ TPM2_RC_HASH, 0, NONE, -ENOTSUP,
	    "the TPM does not know this hash" },
	{ TPM2_RC_KEY_SIZE, 0, NONE, -ENOTSUP,
	    "the TPM does not know keys of this size" },
	{ TPM2_RC_SYMMETRIC, 0, NONE, -ENOTSUP,
	    "the TPM does not know this cipher" },
};

static bool
is_tpm_code(TSS2_RC rc)
{
	unsigned layer = (rc & TSS2_RC_LAYER_MASK) >> TSS2_RC_LAYER_SHIFT;

	/* A resource manager says the TPM's words in its own name. */
	return layer == LAYER_TPM || layer == LAYER_RESMGR ||
	    layer == LAYER_RESMGR_TPM;
}

TSS2_RC
link_code(TSS2_RC rc)
{
	if (!is_tpm_code(rc))
		return 0;
	if ((rc & FORMAT_ONE) != 0)
		return rc & FORMAT_ONE_MASK;
	return rc & TPM_CODE_MASK;
}

static const struct meaning *
find(TSS2_RC rc)
{
	TSS2_RC code = link_code(rc);

	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		const struct meaning *m = &meanings[i];

		if (code == m->code || (code > m->code && code <= m->last))
			return m;
	}
	return NULL;
}

void
link_wait_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

/*
 * One of our objects less. Without any, whatever else we can see goes; and if
 * that is nothing, somebody else may make room while we wait.
 */
static void
make_room(struct link *l, unsigned tries)
{
	if (l->evict != NULL && l->loaded > 0 && l->evict(l->evict_arg))
		return;
	if (l->loaded == 0 && link_flush_foreign(l, LINK_OBJECTS))
		return;
	l->wait_ms(FIRST_WAIT_MS << tries);
}

static void
make_room_for_session(struct link *l, unsigned tries)
{
	bool ours = l->session != ESYS_TR_NONE;

	link_forget_session(l);
	if (!ours && !link_flush_foreign(l, LINK_SESSIONS))
		l->wait_ms(FIRST_WAIT_MS << tries);
}

static void
another_session(struct link *l, unsigned tries)
{
	if (l->session == ESYS_TR_NONE)	/* then whose is it? */
		l->wait_ms(FIRST_WAIT_MS << tries);
	link_forget_session(l);
}

bool
link_again(struct link *l, TSS2_RC rc, unsigned *tries)
{
	const struct meaning *m = find(rc);
	enum remedy remedy = m == NULL ? NONE : m->remedy;

	if (remedy == NONE || remedy == BROKEN || *tries >= TRIES_MAX)
		return false;
	switch (remedy) {
	case EVICT:
		make_room(l, *tries);
		break;
	case FLUSH:
		make_room_for_session(l, *tries);
		break;
	case SESSION:
		another_session(l, *tries);
		break;
	default:
		l->wait_ms(FIRST_WAIT_MS << *tries);
	}
	++*tries;
	return true;
}

/* No answer, or none that makes sense. */
static int
layer_result(struct link *l, TSS2_RC rc, const char *doing)
{
	unsigned layer = (rc & TSS2_RC_LAYER_MASK) >> TSS2_RC_LAYER_SHIFT;
	int error = l->embedded ? embedded_error(l->tcti) : 0;

	l->broken = true;
	if (error != 0)
		return link_fail(l, -EIO, "cannot %s: cannot write %s: %s",
		    doing, EMBEDDED_FILE, strerror(-error));
	if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED)
		return link_fail(l, -EIO, "cannot %s: the answer is not from"
		    " the TPM: something between it and us alters data",
		    doing);
	if (rc == TSS2_ESYS_RC_MEMORY || rc == TSS2_TCTI_RC_MEMORY)
		return link_fail(l, -ENOMEM, "cannot %s: out of memory",
		    doing);
	if (rc == TSS2_TCTI_RC_MALFORMED_RESPONSE)
		return link_fail(l, -EIO, "cannot %s: the TPM's answer makes"
		    " no sense", doing);
	if (layer == LAYER_TCTI)
		return link_fail(l, -ENODEV, "cannot %s: the TPM does not"
		    " answer (%s)", doing, Tss2_RC_Decode(rc));
	return link_fail(l, -EIO, "cannot %s: the TPM's answer makes no sense"
	    " (%s)", doing, Tss2_RC_Decode(rc));
}

/*
 * What a command was told to use is not of the kind that it takes: not what we
 * loaded there, for that was.
 */
static bool
is_other_object(TSS2_RC rc)
{
	TSS2_RC code = link_code(rc);

	return (rc & (TPM2_RC_P | TPM2_RC_S)) == 0 &&
	    (code == TPM2_RC_TYPE || code == TPM2_RC_ATTRIBUTES);
}

int
link_result(struct link *l, TSS2_RC rc, const char *doing)
{
	const struct meaning *m = find(rc);

	if (rc == TSS2_RC_SUCCESS)
		return 0;
	if (!is_tpm_code(rc))
		return layer_result(l, rc, doing);
	if (m == NULL && is_other_object(rc))
		return link_replaced(l, doing);
	if (m == NULL)
		return link_fail(l, -EIO, "cannot %s: the TPM says 0x%03x, %s",
		    doing, rc & TPM_CODE_MASK, Tss2_RC_Decode(rc));
	if (m->remedy == BROKEN)
		l->broken = true;
	return link_fail(l, m->error, "cannot %s: %s", doing, m->text);
}

int
link_fail(struct link *l, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->line, sizeof(l->line), fmt, ap);
	va_end(ap);
	return error;
}
