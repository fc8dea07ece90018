/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_Certify, for tpm attestation (WebAuthn Level 3, 8.3). */
#include "tpm/tpmkey_impl.h"

#include <errno.h>

#include <tss2/tss2_mu.h>

struct statement {
	TPM2B_ATTEST	*info;
	TPMT_SIGNATURE	*sig;
};

/* Both keys are in the TPM: one command. Neither has a password. */
static TSS2_RC
certify(struct tpmkeys *tk, ESYS_TR key, ESYS_TR signer,
    const TPM2B_DATA *extra, struct statement *st)
{
	/* a restricted key has its own */
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_Certify(link_esys(tk->link), key, signer,
		    ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE, extra,
		    &scheme, &st->info, &st->sig);
	while (!loaded_lost(rc) && link_again(tk->link, rc, &tries));
	return rc;
}

static int
load_and_certify(struct tpmkeys *tk, const struct opened *o,
    const struct opened *signer, const TPM2B_DATA *extra,
    struct statement *st)
{
	ESYS_TR key, signer_key;
	bool reloaded = false;
	TSS2_RC rc;
	int r;

	do {
		/* the signer last: it is wanted again before the other */
		r = tpmkey_load(tk, o, &key);
		if (r == 0)
			r = tpmkey_load(tk, signer, &signer_key);
		if (r != 0)
			return r;
		rc = certify(tk, key, signer_key, extra, st);
	} while (tpmkey_reload(tk, rc, &reloaded));
	return link_result(tk->link, rc, "certify a key");
}

/* Name: the algorithm, and the hash of the public area with it. */
static int
name_of(struct tpmkeys *tk, struct span pub_area, TPM2B_NAME *out)
{
	const struct span data[2] = { pub_area, span("", 0) };
	TPM2B_DIGEST digest;
	int r;

	r = tpmkey_hash_for(tk, tpmalg_find(COSE_ES256), data, &digest);
	if (r != 0)
		return r;
	out->size = (UINT16)(2 + digest.size);
	out->name[0] = TPM2_ALG_SHA256 >> 8;
	out->name[1] = TPM2_ALG_SHA256 & 0xff;
	memcpy(out->name + 2, digest.buffer, digest.size);
	return 0;
}

/* Whether it says what a relying party will look for. */
static bool
says(const TPM2B_ATTEST *info, const TPM2B_DATA *extra, const TPM2B_NAME *name)
{
	TPMS_ATTEST a;
	size_t n = 0;

	if (Tss2_MU_TPMS_ATTEST_Unmarshal(info->attestationData, info->size,
	    &n, &a) != TSS2_RC_SUCCESS || n != info->size)
		return false;
	return a.magic == TPM2_GENERATED_VALUE &&
	    a.type == TPM2_ST_ATTEST_CERTIFY &&
	    span_eq(span(a.extraData.buffer, a.extraData.size),
	    span(extra->buffer, extra->size)) &&
	    span_eq(span(a.attested.certify.name.name,
	    a.attested.certify.name.size), span(name->name, name->size));
}

static int
check_signer(struct tpmkeys *tk, const struct opened *signer,
    const struct key_op *op)
{
	const struct span data[2] = {
		span(op->out_cert_info, op->out_cert_info_len), span("", 0) };
	TPM2B_DIGEST digest;
	int r;

	r = tpmkey_hash_for(tk, signer->alg, data, &digest);
	return r != 0 ? r : tpmkey_check(tk, signer, &digest,
	    span(op->out_sig, op->out_sig_len), "certify a key");
}

static int
put(struct tpmkeys *tk, const struct opened *o, const struct opened *signer,
    const TPM2B_DATA *extra, const struct statement *st, struct key_op *op)
{
	TPMT_PUBLIC public;
	TPM2B_NAME name;
	int r;

	tpmkey_public(o, &public);
	r = tpmalg_marshal(&public, op->out_pub_area, &op->out_pub_area_len);
	if (r == 0)
		r = name_of(tk, span(op->out_pub_area, op->out_pub_area_len),
		    &name);
	if (r != 0)
		return r;
	if (st->info->size > KEY_CERT_INFO_MAX ||
	    !says(st->info, extra, &name))
		return link_replaced(tk->link, "certify a key");
	op->out_cert_info_len = st->info->size;
	memcpy(op->out_cert_info, st->info->attestationData, st->info->size);
	/* also to see that it is one, for the strict form */
	r = tpmalg_signature(signer->alg, st->sig, op->out_sig,
	    &op->out_sig_len);
	if (r == 0)
		r = check_signer(tk, signer, op);
	if (r == 0 && op->strict)
		r = tpmalg_signature_strict(st->sig, op->out_sig,
		    &op->out_sig_len);
	if (r == -EIO)
		link_fail(tk->link, r, "the TPM's signature is none");
	return r;
}

static int
open_signer(struct tpmkeys *tk, const struct key_op *op, struct opened *out)
{
	static const uint8_t zeros[KEY_EPOCH_LEN];
	int r;

	if (!tpmkey_is_ours(op->signer))
		return -ENOTSUP;
	r = tpmkey_open_blob(tk, op->signer, span(zeros, sizeof(zeros)),
	    op->signer_bound, out);
	if (r != 0)
		return r;
	return out->shape & KEY_RESTRICTED ? 0 : -EINVAL;
}

int
tpmkey_certify(struct tpmkeys *tk, const struct opened *o, struct key_op *op)
{
	struct statement st = { NULL, NULL };
	TPM2B_DATA extra = { 0 };
	TPM2B_DIGEST digest;
	struct opened signer;
	int r;

	r = open_signer(tk, op, &signer);
	if (r != 0)
		goto out;
	op->alg = signer.alg->alg;
	r = tpmkey_hash_for(tk, signer.alg, op->data, &digest);
	if (r != 0)
		goto out;
	extra.size = digest.size;
	memcpy(extra.buffer, digest.buffer, digest.size);
	r = load_and_certify(tk, o, &signer, &extra, &st);
	if (r == 0)
		r = put(tk, o, &signer, &extra, &st, op);
	Esys_Free(st.info);
	Esys_Free(st.sig);
out:
	explicit_bzero(&signer, sizeof(signer));
	return r;
}
