/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/tpmkey_impl.h"

#include <errno.h>

#define CREATE_TRIES	8	/* see create_full_width() */

/*
 * A session, although nothing here is secret: what the TPM answers is the
 * public key of a credential, and nobody on the bus shall put in another.
 */
static int
create(struct tpmkeys *tk, const TPM2B_PUBLIC *template,
    TPM2B_PRIVATE **private, TPM2B_PUBLIC **public)
{
	static const TPM2B_SENSITIVE_CREATE sensitive;
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION pcrs;
	ESYS_TR srk, session;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	do {
		r = link_srk(tk->link, &srk);
		if (r == 0)
			r = link_auth(tk->link, false, false, &session);
		if (r != 0)
			return r;
		rc = Esys_Create(link_esys(tk->link), srk, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, template, &outside,
		    &pcrs, private, public, NULL, NULL, NULL);
	} while (link_again(tk->link, rc, &tries));
	if (tpmkey_rc_unsupported(rc))
		return link_fail(tk->link, -ENOTSUP, "the TPM makes no such "
		    "keys (0x%x)", rc);
	return link_result(tk->link, rc, "make a key");
}

static int
create_once(struct tpmkeys *tk, const struct tpmalg *a, struct key_op *op)
{
	TPM2B_PUBLIC template = { 0 }, *public = NULL;
	uint8_t unique[TPMALG_UNIQUE_MAX];
	TPM2B_PRIVATE *private = NULL;
	int r;

	tpmalg_template(a, op->shape, &template.publicArea);
	r = create(tk, &template, &private, &public);
	if (r != 0)
		return r;
	r = tpmalg_get_unique(a, op->shape, &public->publicArea, unique);
	if (r == -EIO)
		link_fail(tk->link, -EIO,
		    "the TPM made another key than it was asked for");
	if (r == 0)
		r = tpmkey_seal_blob(tk, a, span(unique, tpmalg_unique_len(a)),
		    span(private->buffer, private->size), op);
	if (r == 0)
		op->out_pub_len = tpmalg_cose(a, unique, op->out_pub);
	Esys_Free(private);
	Esys_Free(public);
	return r;
}

/*
 * Relying parties want coordinates of full width, in the public area as in
 * the COSE_Key. The TPM's name for a key is the hash of the public area as
 * the TPM writes it: where that leaves away leading zeros (old ones; libtpms
 * does not), one key in 128 cannot be both, and another is made.
 */
static int
create_full_width(struct tpmkeys *tk, const struct tpmalg *a,
    struct key_op *op)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < CREATE_TRIES; i++)
		r = create_once(tk, a, op);
	if (r == -EAGAIN)
		return link_fail(tk->link, -EIO,
		    "the TPM's public keys are too short");
	return r;
}

int
tpmkey_create(struct tpmkeys *tk, struct key_op *op)
{
	const struct tpmalg *a = tpmalg_find(op->alg);
	bool restricted = (op->shape & KEY_RESTRICTED) != 0;

	if (a == NULL || (restricted ? !a->restricted : !a->plain))
		return -ENOTSUP;
	/* what was not probed shows when it is made */
	if (a->plain && !tpmkey_has_alg(tk, op->alg))
		return -ENOTSUP;
	return create_full_width(tk, a, op);
}

