/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NV indices that are ours: an index is, if its whole public area is what the
 * record says it has to be, the policy that nobody else has included. Handles
 * are in the range that TCG leaves to the owner of a TPM, from a random one
 * on, so that the indices of two state directories rarely meet.
 */
#include "tpm/vault_impl.h"

#include <errno.h>

#define CHOOSE_MAX	256	/* handles in a row that are not in use */

/* Handles. */

/* The lowest handle in use that is not below from; 0: none */
static int
next_in_use(struct vault *v, TPM2_HANDLE from, TPM2_HANDLE *out)
{
	TPMS_CAPABILITY_DATA *data;
	int r;

	r = vault_capability(v, TPM2_CAP_HANDLES, from, "list its NV indices",
	    &data);
	if (r != 0)
		return r;
	*out = data->data.handles.count > 0 ? data->data.handles.handle[0] : 0;
	Esys_Free(data);
	return 0;
}

static TPM2_HANDLE
handle_after(TPM2_HANDLE h)
{
	return h == RECORD_HANDLE_LAST ? RECORD_HANDLE_FIRST : h + 1;
}

static int
choose(struct vault *v, TPM2_HANDLE *h)
{
	TPM2_HANDLE used;
	int r;

	for (int i = 0; i < CHOOSE_MAX; i++) {
		r = next_in_use(v, *h, &used);
		if (r != 0)
			return r;
		if (used != *h)
			return 0;
		*h = handle_after(*h);
	}
	return link_fail(v->link, -EBUSY, "this TPM has too many NV indices");
}

/* The id is random, so its first bytes are as good as any. */
int
nv_choose(struct vault *v)
{
	struct record *rec = &v->record;
	TPM2_HANDLE h;
	int r;

	h = (uint32_t)rec->id[0] << 16 | rec->id[1] << 8 | rec->id[2];
	h = RECORD_HANDLE_FIRST +
	    h % (RECORD_HANDLE_LAST - RECORD_HANDLE_FIRST + 1);
	r = choose(v, &h);
	if (r != 0)
		return r;
	rec->counter = h;
	h = handle_after(h);
	r = choose(v, &h);
	if (r != 0)
		return r;
	rec->pin = h;
	return 0;
}

/* Authorization. */

int
vault_set_auth(struct vault *v, ESYS_TR object, const TPM2B_AUTH *auth)
{
	static const TPM2B_AUTH zeros = { .size = sizeof(zeros.buffer) };

	if (object == ESYS_TR_NONE)
		return 0;
	/* ESAPI forgets the length only. */
	if (auth == NULL)
		Esys_TR_SetAuth(link_esys(v->link), object, &zeros);
	return Esys_TR_SetAuth(link_esys(v->link), object, auth) ==
	    TSS2_RC_SUCCESS ? 0 : -EIO;
}

static int
owner_result(struct vault *v, TSS2_RC rc, const char *doing)
{
	if (!vault_denied(rc))
		return link_result(v->link, rc, doing);
	return link_fail(v->link, -EBUSY, "the owner hierarchy of the TPM has "
	    "a password: take it away (tpm2_changeauth -c owner -p PASSWORD)");
}

/* The authorization follows from the storage key, so it was ours once. */
int
nv_result(struct vault *v, TSS2_RC rc, const char *doing)
{
	if (!vault_denied(rc))
		return link_result(v->link, rc, doing);
	return link_fail(v->link, -ENODEV, "an NV index of this key was "
	    "replaced in the TPM: its credentials cannot be used any more");
}

/* Making, finding and removing. */

int
nv_define(struct vault *v, enum vault_nv which, const TPM2B_AUTH *auth,
    ESYS_TR *out)
{
	TPM2B_NV_PUBLIC public = { .size = 0 };
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	*out = ESYS_TR_NONE;
	r = policy_nv_public(&v->record, which, &public.nvPublic);
	if (r != 0)
		return r;
	do {
		r = link_session(v->link, true, false, &session);
		if (r != 0)
			return r;
		rc = Esys_NV_DefineSpace(link_esys(v->link), ESYS_TR_RH_OWNER,
		    session, ESYS_TR_NONE, ESYS_TR_NONE, auth, &public, out);
	} while (link_again(v->link, rc, &tries));
	if (link_code(rc) == TPM2_RC_NV_DEFINED)
		return link_fail(v->link, -EBUSY, "NV index 0x%08x of the "
		    "TPM is somebody else's", public.nvPublic.nvIndex);
	/* of publicInfo: this type is not known, or not with these */
	if (which == NV_PIN_INDEX &&
	    (link_code(rc) == TPM2_RC_ATTRIBUTES ||
	    link_code(rc) == TPM2_RC_VALUE ||
	    link_code(rc) == TPM2_RC_TYPE ||
	    link_code(rc) == TPM2_RC_RESERVED_BITS))
		return -ENOTSUP;
	return owner_result(v, rc, "define an NV index");
}

static int
read_public(struct vault *v, ESYS_TR index, TPMS_NV_PUBLIC *out)
{
	TPM2B_NV_PUBLIC *public = NULL;
	TPM2B_NAME *name = NULL;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	do
		rc = Esys_NV_ReadPublic(link_esys(v->link), index,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, &name);
	while (link_again(v->link, rc, &tries));
	r = link_result(v->link, rc, "look at an NV index");
	if (r == 0)
		*out = public->nvPublic;
	Esys_Free(public);
	Esys_Free(name);
	return r;
}

static bool
is_ours(const TPMS_NV_PUBLIC *is, const TPMS_NV_PUBLIC *ours)
{
	return is->nvIndex == ours->nvIndex && is->nameAlg == ours->nameAlg &&
	    (is->attributes & ~TPMA_NV_WRITTEN) == ours->attributes &&
	    is->dataSize == ours->dataSize &&
	    span_eq(span(is->authPolicy.buffer, is->authPolicy.size),
	    span(ours->authPolicy.buffer, ours->authPolicy.size));
}

int
nv_open(struct vault *v, enum vault_nv which, ESYS_TR *out, bool *written)
{
	TPMS_NV_PUBLIC ours, is;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	*out = ESYS_TR_NONE;
	r = policy_nv_public(&v->record, which, &ours);
	if (r != 0)
		return r;
	if (ours.nvIndex == 0)
		return -ENOENT;
	do
		rc = Esys_TR_FromTPMPublic(link_esys(v->link), ours.nvIndex,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);
	while (link_again(v->link, rc, &tries));
	if (link_code(rc) == TPM2_RC_HANDLE)
		return -ENOENT;
	r = link_result(v->link, rc, "find an NV index");
	if (r == 0)
		r = read_public(v, *out, &is);
	if (r == 0 && !is_ours(&is, &ours))
		r = link_fail(v->link, -EPERM, "NV index 0x%08x of the TPM "
		    "is somebody else's", ours.nvIndex);
	if (r == 0)
		*written = (is.attributes & TPMA_NV_WRITTEN) != 0;
	else
		nv_close(v, out);
	return r;
}

void
nv_close(struct vault *v, ESYS_TR *index)
{
	if (*index == ESYS_TR_NONE)
		return;
	vault_set_auth(v, *index, NULL);
	Esys_TR_Close(link_esys(v->link), index);
	*index = ESYS_TR_NONE;
}

int
nv_undefine(struct vault *v, ESYS_TR *index)
{
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	vault_set_auth(v, *index, NULL);
	do {
		r = link_session(v->link, false, false, &session);
		if (r != 0)
			return r;
		rc = Esys_NV_UndefineSpace(link_esys(v->link),
		    ESYS_TR_RH_OWNER, *index, session, ESYS_TR_NONE,
		    ESYS_TR_NONE);
	} while (link_again(v->link, rc, &tries));
	if (rc == TSS2_RC_SUCCESS)
		*index = ESYS_TR_NONE;	/* ESAPI closed it */
	return owner_result(v, rc, "remove an NV index");
}

static int
remove_if_ours(struct vault *v, enum vault_nv which)
{
	ESYS_TR index;
	bool written;
	int r;

	r = nv_open(v, which, &index, &written);
	if (r == -ENOENT || r == -EPERM)
		return 0;
	if (r == 0)
		r = nv_undefine(v, &index);
	nv_close(v, &index);
	return r;
}

int
nv_remove_ours(struct vault *v)
{
	int r;

	r = remove_if_ours(v, NV_PIN_INDEX);
	if (r == 0)
		r = remove_if_ours(v, NV_PIN_COUNTED);
	if (r == 0)
		r = remove_if_ours(v, NV_COUNTER);
	return r;
}

/* What is in them. */

int
nv_try_read(struct vault *v, ESYS_TR with, ESYS_TR index, uint8_t *out,
    size_t len, TSS2_RC *rc)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	unsigned tries = 0;
	ESYS_TR session;
	int r;

	do {
		r = link_auth(v->link, false, true, &session);
		if (r != 0)
			return r;
		*rc = Esys_NV_Read(link_esys(v->link), with, index, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, len, 0, &data);
	} while (link_again(v->link, *rc, &tries));
	if (*rc != TSS2_RC_SUCCESS)
		return 0;
	if (data->size == len)
		memcpy(out, data->buffer, len);
	else
		*rc = TSS2_ESYS_RC_MALFORMED_RESPONSE;
	explicit_bzero(data, sizeof(*data));
	Esys_Free(data);
	return 0;
}

int
nv_read(struct vault *v, ESYS_TR with, ESYS_TR index, uint8_t *out,
    size_t len)
{
	TSS2_RC rc;
	int r;

	r = nv_try_read(v, with, index, out, len, &rc);
	if (r != 0)
		return r;
	return with == ESYS_TR_RH_OWNER ?
	    owner_result(v, rc, "read an NV index") :
	    nv_result(v, rc, "read an NV index");
}

int
nv_write(struct vault *v, ESYS_TR index, ESYS_TR policy, const uint8_t *p,
    size_t len)
{
	TPM2B_MAX_NV_BUFFER data = { .size = len };
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	memcpy(data.buffer, p, len);
	do {
		r = link_session(v->link, true, false, &session);
		if (r != 0)
			goto out;
		if (policy == ESYS_TR_NONE)
			rc = Esys_NV_Write(link_esys(v->link), index, index,
			    session, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0);
		else
			rc = Esys_NV_Write(link_esys(v->link), index, index,
			    policy, session, ESYS_TR_NONE, &data, 0);
	} while (link_again(v->link, rc, &tries));
	r = nv_result(v, rc, "write an NV index");
out:
	explicit_bzero(&data, sizeof(data));
	return r;
}

int
nv_increment(struct vault *v, ESYS_TR index)
{
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	do {
		r = link_auth(v->link, false, false, &session);
		if (r != 0)
			return r;
		rc = Esys_NV_Increment(link_esys(v->link), index, index,
		    session, ESYS_TR_NONE, ESYS_TR_NONE);
	} while (link_again(v->link, rc, &tries));
	return nv_result(v, rc, "advance its counter");
}
