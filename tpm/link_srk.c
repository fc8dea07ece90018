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

#include <openssl/evp.h>
#include <tss2/tss2_mu.h>

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

int
link_auth(struct link *l, bool decrypt, bool encrypt, ESYS_TR *out)
{
	if (!l->embedded)
		return link_session(l, decrypt, encrypt, out);
	*out = ESYS_TR_PASSWORD;
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

static bool
is_ours(struct link *l, TPM2_HANDLE handle)
{
	const ESYS_TR mine[] = { l->srk, l->session };
	TPM2_HANDLE h;

	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		if (mine[i] != ESYS_TR_NONE &&
		    Esys_TR_GetTpmHandle(l->esys, mine[i], &h) ==
		    TSS2_RC_SUCCESS && h == handle)
			return true;
	return false;
}

/* TPM2_FlushContext: ESAPI flushes only what it has seen being made. */
static bool
flush_handle(struct link *l, TPM2_HANDLE handle)
{
	uint8_t command[14] = { TPM2_ST_NO_SESSIONS >> 8,
		TPM2_ST_NO_SESSIONS & 0xff, 0, 0, 0, sizeof(command),
		0, 0, TPM2_CC_FlushContext >> 8, TPM2_CC_FlushContext & 0xff,
		handle >> 24, handle >> 16, handle >> 8, handle };
	static const uint8_t done[4];
	uint8_t answer[TPM2_MAX_RESPONSE_SIZE];
	size_t len = sizeof(answer);

	return Tss2_Tcti_Transmit(l->tcti, sizeof(command), command) ==
	    TSS2_RC_SUCCESS &&
	    Tss2_Tcti_Receive(l->tcti, &len, answer,
	    TSS2_TCTI_TIMEOUT_BLOCK) == TSS2_RC_SUCCESS &&
	    len == 10 && memcmp(answer + 6, done, sizeof(done)) == 0;
}

bool
link_flush_foreign(struct link *l, TPM2_HANDLE first)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	bool any = false;
	TSS2_RC rc;

	rc = Esys_GetCapability(l->esys, ESYS_TR_NONE, ESYS_TR_NONE,
	    ESYS_TR_NONE, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES,
	    &more, &data);
	if (rc != TSS2_RC_SUCCESS || data->capability != TPM2_CAP_HANDLES)
		goto out;
	for (UINT32 i = 0; i < data->data.handles.count; i++) {
		TPM2_HANDLE h = data->data.handles.handle[i];

		if (!is_ours(l, h) && flush_handle(l, h))
			any = true;
	}
out:
	Esys_Free(data);
	return any;
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
is_storage_root(const TPMT_PUBLIC *p)
{
	return (p->type == TPM2_ALG_ECC || p->type == TPM2_ALG_RSA) &&
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
	if (r == 0 && name->size != LINK_NAME_MAX)
		r = -ENOENT;	/* another hash: for us, it is none */
	if (r == 0) {
		memcpy(l->srk_name.bytes, name->name, name->size);
		l->srk_name.len = name->size;
	}
	Esys_Free(name);
	return r;
}

/*
 * ESAPI believes what TPM2_ReadPublic answers: it does not compare the Name
 * with the public area, to which it will encrypt the salt of sessions. Whoever
 * sits on the bus would have one of his own there, under the Name we pinned.
 * What ESAPI has is in what it serializes: handle, Name, type, TPM2B_PUBLIC.
 */
static bool
read_serialized(const uint8_t *blob, size_t len, TPM2B_NAME *name,
    TPM2B_PUBLIC *pub)
{
	UINT32 type;
	size_t at = 4;

	return Tss2_MU_TPM2B_NAME_Unmarshal(blob, len, &at, name) ==
	    TSS2_RC_SUCCESS &&
	    Tss2_MU_UINT32_Unmarshal(blob, len, &at, &type) ==
	    TSS2_RC_SUCCESS &&
	    Tss2_MU_TPM2B_PUBLIC_Unmarshal(blob, len, &at, pub) ==
	    TSS2_RC_SUCCESS && at == len;
}

/* TPM 2.0 Library, part 1, 16: nameAlg || H(TPMT_PUBLIC) */
static bool
is_name_of(const struct link_name *name, const TPMT_PUBLIC *pub)
{
	uint8_t area[sizeof(*pub)], digest[EVP_MAX_MD_SIZE];
	size_t len = 0;
	unsigned digest_len;

	return name->len == LINK_NAME_MAX &&
	    name->bytes[0] == TPM2_ALG_SHA256 >> 8 &&
	    name->bytes[1] == (TPM2_ALG_SHA256 & 0xff) &&
	    Tss2_MU_TPMT_PUBLIC_Marshal(pub, area, sizeof(area), &len) ==
	    TSS2_RC_SUCCESS &&
	    EVP_Digest(area, len, digest, &digest_len, EVP_sha256(), NULL) ==
	    1 && memcmp(name->bytes + 2, digest, LINK_NAME_MAX - 2) == 0;
}

/* -ENOENT: it is no storage root key, or none that can be pinned. */
static int
check_srk(struct link *l)
{
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_NAME name = { 0 };
	uint8_t *blob = NULL;
	size_t len;
	TSS2_RC rc;
	int r;

	rc = Esys_TR_Serialize(l->esys, l->srk, &blob, &len);
	r = link_result(l, rc, "read the storage root key");
	if (r != 0)
		return r;
	if (!read_serialized(blob, len, &name, &pub))
		r = link_fail(l, -EIO, "cannot read the storage root key:"
		    " this tpm2-tss library serializes it in a new way");
	else if (pub.publicArea.nameAlg != TPM2_ALG_SHA256)
		r = -ENOENT;
	else if (!span_eq(span(name.name, name.size),
	    span(l->srk_name.bytes, l->srk_name.len)) ||
	    !is_name_of(&l->srk_name, &pub.publicArea))
		r = link_fail(l, -EIO, "cannot read the storage root key: its"
		    " name is not its own: something between the TPM and us"
		    " alters data");
	else if (!is_storage_root(&pub.publicArea))
		r = -ENOENT;
	Esys_Free(blob);
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
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	do
		rc = Esys_TR_FromTPMPublic(l->esys, LINK_SRK_HANDLE,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &l->srk);
	while (link_again(l, rc, &tries));
	if (rc != TSS2_RC_SUCCESS)
		l->srk = ESYS_TR_NONE;
	if (link_code(rc) == TPM2_RC_HANDLE)
		return -ENOENT;
	r = link_result(l, rc, "look for the storage root key");
	if (r != 0)
		return r;
	r = take_name(l);
	if (r == 0)
		r = check_srk(l);
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
		r = link_fail(l, -ENODEV, "this is not the TPM that the keys"
		    " are in, or it was cleared: its credentials cannot be"
		    " used here");
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

bool
link_srk_kept(const struct link *l)
{
	return l->srk != ESYS_TR_NONE && !l->srk_transient;
}

int
link_pin(struct link *l, struct span name)
{
	struct link_name before = l->pinned;
	ESYS_TR srk;
	int r;

	if (name.len == 0 || name.len > LINK_NAME_MAX)
		return link_fail(l, -EBADMSG, "the pinned name of the storage"
		    " root key has %zu bytes", name.len);
	memcpy(l->pinned.bytes, name.p, name.len);
	l->pinned.len = name.len;
	if (l->srk != ESYS_TR_NONE && !is_pinned(l))
		link_drop_srk(l);
	r = link_srk(l, &srk);
	if (r != 0)
		l->pinned = before;
	return r;
}
