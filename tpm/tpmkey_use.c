/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a key: signatures, and secrets of hmac-secret. */
#include "tpm/tpmkey_impl.h"

#include <errno.h>

#include <openssl/core_names.h>

#include "tpm/tpmverify.h"

#define DIGEST_LEN	32

/*
 * TPM2_Sign with a password session, because there is no password: nothing in
 * this command is secret, and who can use the bus can send one of his own.
 */
static TSS2_RC
sign(struct tpmkeys *tk, ESYS_TR key, const struct tpmalg *a,
    const TPM2B_DIGEST *digest, TPMT_SIGNATURE **sig)
{
	static const TPMT_TK_HASHCHECK no_ticket = {
		.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPMT_SIG_SCHEME scheme = tpmalg_sig_scheme(a);
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_Sign(link_esys(tk->link), key, ESYS_TR_PASSWORD,
		    ESYS_TR_NONE, ESYS_TR_NONE, digest, &scheme, &no_ticket,
		    sig);
	while (!loaded_lost(rc) && link_again(tk->link, rc, &tries));
	return rc;
}

/*
 * A password session does not name the key, as others do (cpHash), and costs
 * nothing; so what comes out is looked at, which is less than what an HMAC of
 * the TPM takes, and finds one that miscalculates as well.
 */
int
tpmkey_check(struct tpmkeys *tk, const struct opened *o,
    const TPM2B_DIGEST *digest, struct span sig, const char *doing)
{
	int r = 0;

	if (link_is_shared(tk->link))
		r = tpmverify(o->alg, o->unique.p, digest, sig);
	return r == -EBADMSG ? link_replaced(tk->link, doing) : r;
}

int
tpmkey_sign(struct tpmkeys *tk, const struct opened *o, struct key_op *op)
{
	TPMT_SIGNATURE *sig = NULL;
	bool reloaded = false;
	TPM2B_DIGEST digest;
	ESYS_TR key;
	TSS2_RC rc;
	int r;

	if (o->shape & KEY_RESTRICTED)
		return -EINVAL;		/* key.h: nothing from outside */
	r = tpmkey_hash_for(tk, o->alg, op->data, &digest);
	if (r != 0)
		return r;
	do {
		r = tpmkey_load(tk, o, &key);
		if (r != 0)
			return r;
		rc = sign(tk, key, o->alg, &digest, &sig);
	} while (tpmkey_reload(tk, rc, &reloaded));
	r = link_result(tk->link, rc, "sign");
	if (r != 0)
		return r;
	r = tpmalg_signature(o->alg, sig, op->out_sig, &op->out_sig_len);
	if (r == -EIO)
		link_fail(tk->link, r, "the TPM's signature is none");
	Esys_Free(sig);
	if (r == 0)
		r = tpmkey_check(tk, o, &digest,
		    span(op->out_sig, op->out_sig_len), "sign");
	return r;
}

/*
 * CredRandom. An epoch has one HMAC key in the TPM. A primary key is made of
 * the owner's seed and of its template alone, so that it needs no place of its
 * own, neither here nor there; and since unique, of which it is made as well,
 * is derived from the epoch, nobody can have it made again once the epoch is
 * forgotten. What it authenticates is secret, too, and the epoch's: whoever
 * gets hold of the TPM can use the key, but knows nothing to use it for.
 */

/* No hash is zeros: what loaded.h knows that key by. */
static const uint8_t hmac_id[LOADED_ID_LEN];

struct load_arg {
	struct tpmkeys	*tk;
	struct span	 epoch;
};

static int
hmac_template(const struct load_arg *la, TPMT_PUBLIC *out)
{
	*out = (TPMT_PUBLIC){
		.type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM |
		    TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
		    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
		    TPMA_OBJECT_SIGN_ENCRYPT,
		.parameters.keyedHashDetail.scheme = {
			.scheme = TPM2_ALG_HMAC,
			.details.hmac.hashAlg = TPM2_ALG_SHA256,
		},
		.unique.keyedHash.size = SEAL_KEY_LEN,
	};
	return wraps_derive(&la->tk->wraps, la->epoch,
	    "sealkey CredRandom key 1", out->unique.keyedHash.buffer);
}

/*
 * For struct loaded_source. A session, so that what the TPM answers is known
 * to come from it, and the Name of the key to be the right one.
 */
static int
load_hmac(void *arg, ESYS_TR *out)
{
	static const TPM2B_SENSITIVE_CREATE sensitive;
	static const TPML_PCR_SELECTION pcrs;
	static const TPM2B_DATA outside;
	const struct load_arg *la = arg;
	struct link *l = la->tk->link;
	TPM2B_PUBLIC template = { 0 };
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	r = hmac_template(la, &template.publicArea);
	if (r != 0)
		goto out;
	do {
		r = link_auth(l, false, false, &session);
		if (r != 0)
			goto out;
		rc = Esys_CreatePrimary(link_esys(l), ESYS_TR_RH_OWNER,
		    session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template,
		    &outside, &pcrs, out, NULL, NULL, NULL, NULL);
	} while (link_again(l, rc, &tries));
	r = link_result(l, rc, "make the HMAC key");
out:
	explicit_bzero(&template, sizeof(template));
	return r;
}

/* What the TPM makes CredRandom of: 32 bytes, for this key and this one. */
static int
cred_seed(struct tpmkeys *tk, const struct opened *o, const struct key_op *op,
    TPM2B_MAX_BUFFER *out)
{
	uint8_t seeds[SEAL_KEY_LEN];
	int r;

	r = wraps_derive(&tk->wraps, op->epoch, "sealkey CredRandom seeds 1",
	    seeds);
	if (r == 0)
		r = seal_derive(seeds, o->unique, op->with_uv ?
		    "CredRandomWithUV" : "CredRandomWithoutUV", out->buffer);
	out->size = SEAL_KEY_LEN;
	explicit_bzero(seeds, sizeof(seeds));
	return r;
}

static TSS2_RC
tpm_hmac(struct tpmkeys *tk, ESYS_TR key, const TPM2B_MAX_BUFFER *seed,
    TPM2B_DIGEST **out, int *error)
{
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;

	do {
		*error = link_auth(tk->link, true, true, &session);
		if (*error != 0)
			return TSS2_RC_SUCCESS;
		rc = Esys_HMAC(link_esys(tk->link), key, session, ESYS_TR_NONE,
		    ESYS_TR_NONE, seed, TPM2_ALG_NULL, out);
	} while (!loaded_lost(rc) && link_again(tk->link, rc, &tries));
	return rc;
}

static int
cred_random(struct tpmkeys *tk, const struct opened *o, struct key_op *op,
    uint8_t out[static DIGEST_LEN])
{
	struct load_arg la = { tk, op->epoch };
	struct loaded_source src = { load_hmac, &la };
	TPM2B_MAX_BUFFER seed = { 0 };
	TPM2B_DIGEST *mac = NULL;
	bool reloaded = false;
	ESYS_TR key;
	TSS2_RC rc;
	int r;

	r = cred_seed(tk, o, op, &seed);
	if (r != 0)
		goto out;
	do {
		r = loaded_get(tk->loaded, o->wrap, hmac_id, &src, &key);
		if (r != 0)
			goto out;
		rc = tpm_hmac(tk, key, &seed, &mac, &r);
		if (r != 0)
			goto out;
	} while (tpmkey_reload(tk, rc, &reloaded));
	r = link_result(tk->link, rc, "compute an HMAC");
	if (r == 0 && mac->size != DIGEST_LEN)
		r = link_fail(tk->link, -EIO, "the TPM's HMAC is none");
	if (r == 0)
		memcpy(out, mac->buffer, DIGEST_LEN);
	if (mac != NULL)
		explicit_bzero(mac, sizeof(*mac));
	Esys_Free(mac);
out:
	explicit_bzero(&seed, sizeof(seed));
	return r;
}

static int
hmac(const uint8_t key[static DIGEST_LEN], struct span data,
    uint8_t out[static DIGEST_LEN])
{
	size_t len;

	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, DIGEST_LEN,
	    data.p, data.len, out, DIGEST_LEN, &len) == NULL)
		return -EIO;
	return 0;
}

int
tpmkey_hmac(struct tpmkeys *tk, const struct opened *o, struct key_op *op)
{
	uint8_t secret[DIGEST_LEN];
	bool both = op->data[1].p != NULL;
	int r;

	r = cred_random(tk, o, op, secret);
	if (r == 0)
		r = hmac(secret, op->data[0], op->out_sig);
	if (r == 0 && both)
		r = hmac(secret, op->data[1], op->out_sig + DIGEST_LEN);
	if (r == 0)
		op->out_sig_len = both ? 2 * DIGEST_LEN : DIGEST_LEN;
	explicit_bzero(secret, sizeof(secret));
	return r;
}
