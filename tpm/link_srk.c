/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage root key, the session that is salted to it, and the room that
 * the two leave for other objects.
 *
 * A TPM has few slots for transient objects (TPM2_PT_HR_TRANSIENT_MIN, three
 * as a rule; the kernel's resource manager gives each of its users three). A
 * persistent key takes one while a command uses it, so the storage root key
 * always counts for one, wherever it is.
 */
#include "tpm/link_impl.h"

#include <errno.h>

#define SRK_MUST	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | \
			 TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED | \
			 TPMA_OBJECT_DECRYPT)
#define SRK_MUST_NOT	TPMA_OBJECT_SIGN_ENCRYPT
/* TCG TPM v2.0 Provisioning Guidance, 7.5.1; 0x00030472 */
#define SRK_ATTRIBUTES	(SRK_MUST | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
			 TPMA_OBJECT_NODA)
#define SRK_COORDINATE	32	/* bytes of zeros in unique */

static const TPMT_SYM_DEF session_cipher = {
	.algorithm = TPM2_ALG_AES,
	.keyBits.aes = 128,
	.mode.aes = TPM2_ALG_CFB,
};

/* The session. */

void
link_forget_session(struct link *l)
{
	if (l->session == ESYS_TR_NONE)
		return;
	if (Esys_FlushContext(l->esys, l->session) != TSS2_RC_SUCCESS)
		Esys_TR_Close(l->esys, &l->session);
	l->session = ESYS_TR_NONE;
}

static int
start_session(struct link *l)
{
	ESYS_TR srk;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	r = link_srk(l, &srk);
	if (r != 0)
		return r;
	do
		rc = Esys_StartAuthSession(l->esys, srk, ESYS_TR_NONE,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
		    TPM2_SE_HMAC, &session_cipher, TPM2_ALG_SHA256,
		    &l->session);
	while (link_again(l, rc, &tries));
	if (rc != TSS2_RC_SUCCESS)
		l->session = ESYS_TR_NONE;
	return link_result(l, rc, "start a session with the TPM");
}

int
link_session(struct link *l, bool decrypt, bool encrypt, ESYS_TR *out)
{
	TPMA_SESSION flags = TPMA_SESSION_CONTINUESESSION;
	TSS2_RC rc;
	int r;

	if (l->session == ESYS_TR_NONE) {
		r = start_session(l);
		if (r != 0)
			return r;
	}
	if (decrypt)
		flags |= TPMA_SESSION_DECRYPT;
	if (encrypt)
		flags |= TPMA_SESSION_ENCRYPT;
	rc = Esys_TRSess_SetAttributes(l->esys, l->session, flags, 0xff);
	if (rc != TSS2_RC_SUCCESS)
		return link_result(l, rc, "use a session with the TPM");
	*out = l->session;
	return 0;
}

/* Slots. */

void
link_on_evict(struct link *l, bool (*evict)(void *arg), void *arg)
{
	l->evict = evict;
	l->evict_arg = arg;
}

int
link_room(struct link *l)
{
	while (l->loaded >= l->room)
		if (l->evict == NULL || !l->evict(l->evict_arg))
			return link_fail(l, -EBUSY, "the TPM has no room for"
			    " another key while this one is in use");
	return 0;
}

void
link_loaded(struct link *l)
{
	l->loaded++;
}

void
link_flush(struct link *l, ESYS_TR *object)
{
	if (*object == ESYS_TR_NONE)
		return;
	if (Esys_FlushContext(l->esys, *object) != TSS2_RC_SUCCESS)
		Esys_TR_Close(l->esys, object);
	*object = ESYS_TR_NONE;
	if (l->loaded > 0)
		l->loaded--;
}

/* The storage root key. */

void
link_drop_srk(struct link *l)
{
	link_forget_session(l);
	if (l->srk == ESYS_TR_NONE)
		return;
	if (!l->srk_transient ||
	    Esys_FlushContext(l->esys, l->srk) != TSS2_RC_SUCCESS)
		Esys_TR_Close(l->esys, &l->srk);
	l->srk = ESYS_TR_NONE;
	l->srk_transient = false;
}

static bool
is_storage_root(const TPM2B_PUBLIC *pub)
{
	const TPMT_PUBLIC *p = &pub->publicArea;

	return (p->type == TPM2_ALG_ECC || p->type == TPM2_ALG_RSA) &&
	    p->nameAlg == TPM2_ALG_SHA256 &&
	    (p->objectAttributes & SRK_MUST) == SRK_MUST &&
	    (p->objectAttributes & SRK_MUST_NOT) == 0;
}

static int
take_name(struct link *l)
{
	TPM2B_NAME *name = NULL;
	TSS2_RC rc;
	int r;

	rc = Esys_TR_GetName(l->esys, l->srk, &name);
	r = link_result(l, rc, "get the name of the storage root key");
	if (r == 0 && (name->size == 0 || name->size > LINK_NAME_MAX))
		r = link_fail(l, -EIO, "the name of the storage root key has"
		    " %u bytes", name->size);
	if (r == 0) {
		memcpy(l->srk_name.bytes, name->name, name->size);
		l->srk_name.len = name->size;
	}
	Esys_Free(name);
	return r;
}

static bool
is_pinned(const struct link *l)
{
	return l->pinned.len == 0 ||
	    span_eq(span(l->pinned.bytes, l->pinned.len),
	    span(l->srk_name.bytes, l->srk_name.len));
}

/*
 * What seals nothing for nobody, but takes the key's authorization, which has
 * to be empty. Only for a key that is new to us: the ones that are pinned
 * have been tried, and a refusal may count towards the TPM's lockout.
 */
static int
check_no_password(struct link *l)
{
	TPM2B_SENSITIVE_CREATE secret = { .sensitive.data = { 1, { 0 } } };
	TPM2B_PUBLIC seal = { .publicArea = { .type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM |
		    TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA |
		    TPMA_OBJECT_USERWITHAUTH,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL } };
	TPM2B_DATA outside = { 0 };
	TPML_PCR_SELECTION pcrs = { 0 };
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_Create(l->esys, l->srk, ESYS_TR_PASSWORD,
		    ESYS_TR_NONE, ESYS_TR_NONE, &secret, &seal, &outside,
		    &pcrs, NULL, NULL, NULL, NULL, NULL);
	while (link_again(l, rc, &tries));
	return link_result(l, rc, "use the storage root key");
}

/* -ENOENT: there is none, or none for us. */
static int
find_srk(struct link *l)
{
	TPM2B_PUBLIC *pub = NULL;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	do
		rc = Esys_TR_FromTPMPublic(l->esys, LINK_SRK_HANDLE,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &l->srk);
	while (link_again(l, rc, &tries));
	if (rc != TSS2_RC_SUCCESS)
		l->srk = ESYS_TR_NONE;
	r = link_result(l, rc, "look for the storage root key");
	if (r == -ENODEV && !l->broken)
		return -ENOENT;
	if (r != 0)
		return r;
	tries = 0;
	do
		rc = Esys_ReadPublic(l->esys, l->srk, ESYS_TR_NONE,
		    ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL, NULL);
	while (link_again(l, rc, &tries));
	r = link_result(l, rc, "read the storage root key");
	if (r == 0 && !is_storage_root(pub))
		r = -ENOENT;
	Esys_Free(pub);
	if (r == 0)
		r = take_name(l);
	if (r == 0 && !is_pinned(l))
		r = -ENOENT;
	if (r == 0 && l->pinned.len == 0) {
		r = check_no_password(l);
		if (r == -EACCES)
			r = -ENOENT;
	}
	if (r != 0)
		link_drop_srk(l);
	return r;
}

static const TPM2B_PUBLIC srk_template = { .publicArea = {
	.type = TPM2_ALG_ECC,
	.nameAlg = TPM2_ALG_SHA256,
	.objectAttributes = SRK_ATTRIBUTES,
	.parameters.eccDetail = {
		.symmetric = { .algorithm = TPM2_ALG_AES,
			.keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
		.scheme.scheme = TPM2_ALG_NULL,
		.curveID = TPM2_ECC_NIST_P256,
		.kdf.scheme = TPM2_ALG_NULL },
	.unique.ecc = { .x.size = SRK_COORDINATE,
		.y.size = SRK_COORDINATE } } };

static int
make_srk(struct link *l)
{
	TPM2B_SENSITIVE_CREATE nothing = { 0 };
	TPM2B_DATA outside = { 0 };
	TPML_PCR_SELECTION pcrs = { 0 };
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	do
		rc = Esys_CreatePrimary(l->esys, ESYS_TR_RH_OWNER,
		    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing,
		    &srk_template, &outside, &pcrs, &l->srk, NULL, NULL, NULL,
		    NULL);
	while (link_again(l, rc, &tries));
	if (rc != TSS2_RC_SUCCESS)
		l->srk = ESYS_TR_NONE;
	r = link_result(l, rc, "make the storage root key");
	if (r != 0)
		return r;
	l->srk_transient = true;
	return take_name(l);
}

/* Only in an embedded TPM: there, nobody else is the owner. */
static int
keep_srk(struct link *l)
{
	ESYS_TR kept = ESYS_TR_NONE;
	TSS2_RC rc;
	int r;

	rc = Esys_EvictControl(l->esys, ESYS_TR_RH_OWNER, l->srk,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, LINK_SRK_HANDLE,
	    &kept);
	r = link_result(l, rc, "keep the storage root key");
	if (r != 0)
		return r;
	link_drop_srk(l);
	l->srk = kept;
	return 0;
}

int
link_srk(struct link *l, ESYS_TR *out)
{
	int r;

	if (l->srk != ESYS_TR_NONE) {
		*out = l->srk;
		return 0;
	}
	r = find_srk(l);
	if (r == -ENOENT) {
		r = make_srk(l);
		if (r == 0 && l->embedded && l->pinned.len == 0)
			r = keep_srk(l);
	}
	if (r == 0 && !is_pinned(l))
		r = link_fail(l, -ENODEV, "this TPM is not the one that the"
		    " state was made with, or it was cleared: its keys are"
		    " gone, unless the old TPM comes back");
	if (r != 0) {
		link_drop_srk(l);
		return r;
	}
	*out = l->srk;
	return 0;
}

int
link_srk_name(struct link *l, uint8_t out[static LINK_NAME_MAX], size_t *len)
{
	ESYS_TR srk;
	int r;

	r = link_srk(l, &srk);
	if (r != 0)
		return r;
	memcpy(out, l->srk_name.bytes, l->srk_name.len);
	*len = l->srk_name.len;
	return 0;
}

int
link_pin(struct link *l, struct span name)
{
	ESYS_TR srk;

	if (name.len == 0 || name.len > LINK_NAME_MAX)
		return link_fail(l, -EBADMSG, "the pinned name of the storage"
		    " root key has %zu bytes", name.len);
	memcpy(l->pinned.bytes, name.p, name.len);
	l->pinned.len = name.len;
	if (l->srk != ESYS_TR_NONE && !is_pinned(l))
		link_drop_srk(l);
	return link_srk(l, &srk);
}
