/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage key as an object of the TPM: a keyedhash below the storage root
 * key, which TPM2_Unseal gives to whoever may ask. Without PCRs that is
 * whoever has the wrapped key and this TPM. With PCRs its policy has two
 * ways: PolicyPCR, or PolicyAuthValue with what follows from the recovery
 * passphrase.
 */
#include "tpm/vault_impl.h"

#include <errno.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

/*
 * The TPM lets a passphrase be guessed as often as it answers (noDA: the
 * machine's lockout is not ours to trigger). So each guess is to cost more
 * than the TPM does; OWASP's number for PBKDF2 with SHA-256.
 */
#define RECOVERY_ITERATIONS 600000

#define SEALED_ATTRIBUTES \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA)

int
vault_random(struct vault *v, uint8_t *out, size_t len)
{
	TPM2B_DIGEST *theirs = NULL;
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	if (len > VAULT_DIGEST_LEN || RAND_priv_bytes(out, len) != 1)
		return -EIO;
	do {
		r = link_session(v->link, false, true, &session);
		if (r != 0)
			return r;
		rc = Esys_GetRandom(link_esys(v->link), session, ESYS_TR_NONE,
		    ESYS_TR_NONE, len, &theirs);
	} while (link_again(v->link, rc, &tries));
	r = link_result(v->link, rc, "get random bytes");
	if (r != 0)
		return r;
	/* A TPM may answer with fewer; xor cannot make ours worse. */
	for (size_t i = 0; i < len && i < theirs->size; i++)
		out[i] ^= theirs->buffer[i];
	explicit_bzero(theirs, sizeof(*theirs));
	Esys_Free(theirs);
	return 0;
}

int
vault_capability(struct vault *v, TPM2_CAP cap, UINT32 first,
    const char *doing, TPMS_CAPABILITY_DATA **out)
{
	unsigned tries = 0;
	TPMI_YES_NO more;
	TSS2_RC rc;
	int r;

	*out = NULL;
	do
		rc = Esys_GetCapability(link_esys(v->link), ESYS_TR_NONE,
		    ESYS_TR_NONE, ESYS_TR_NONE, cap, first, 1, &more, out);
	while (link_again(v->link, rc, &tries));
	if (rc == TSS2_RC_SUCCESS && (*out)->capability != cap)
		rc = TSS2_TCTI_RC_MALFORMED_RESPONSE;
	r = link_result(v->link, rc, doing);
	if (r != 0) {
		Esys_Free(*out);
		*out = NULL;
	}
	return r;
}

/* Policy sessions. */

int
policy_start(struct vault *v, TPM2_SE type, ESYS_TR *out)
{
	static const TPMT_SYM_DEF aes = { .algorithm = TPM2_ALG_AES,
		.keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
	unsigned tries = 0;
	ESYS_TR srk;
	TSS2_RC rc;
	int r;

	do {
		r = link_srk(v->link, &srk);
		if (r != 0)
			return r;
		rc = Esys_StartAuthSession(link_esys(v->link), srk,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		    NULL, type, &aes, TPM2_ALG_SHA256, out);
	} while (link_again(v->link, rc, &tries));
	return link_result(v->link, rc, "start a policy session");
}

/* A command that succeeds in it may have ended it already. */
void
policy_end(struct vault *v, ESYS_TR *session)
{
	ESYS_CONTEXT *esys = link_esys(v->link);

	if (*session != ESYS_TR_NONE)
		Esys_FlushContext(esys, *session);
	*session = ESYS_TR_NONE;
}

int
policy_or(struct vault *v, ESYS_TR session, const TPML_DIGEST *branches)
{
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_PolicyOR(link_esys(v->link), session, ESYS_TR_NONE,
		    ESYS_TR_NONE, ESYS_TR_NONE, branches);
	while (link_again(v->link, rc, &tries));
	if (link_code(rc) == TPM2_RC_VALUE)
		return -EBADMSG;
	return link_result(v->link, rc, "check a policy");
}

static int
policy_auth_value(struct vault *v, ESYS_TR session)
{
	unsigned tries = 0;
	TSS2_RC rc;

	do
		rc = Esys_PolicyAuthValue(link_esys(v->link), session,
		    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
	while (link_again(v->link, rc, &tries));
	return link_result(v->link, rc, "use the recovery passphrase");
}

/* PCRs. */

static TPML_PCR_SELECTION
selection(uint32_t pcrs)
{
	return (TPML_PCR_SELECTION){ .count = 1, .pcrSelections = { {
		.hash = TPM2_ALG_SHA256, .sizeofSelect = 3,
		.pcrSelect = { pcrs & 0xff, pcrs >> 8 & 0xff,
		    pcrs >> 16 & 0xff } } } };
}

static int
policy_pcr(struct vault *v, ESYS_TR session, uint32_t pcrs)
{
	const TPML_PCR_SELECTION select = selection(pcrs);
	unsigned tries = 0;
	ESYS_TR guard;
	TSS2_RC rc;
	int r;

	/* Nothing is secret here, but nobody on the bus picks other PCRs. */
	do {
		r = link_session(v->link, true, false, &guard);
		if (r != 0)
			return r;
		rc = Esys_PolicyPCR(link_esys(v->link), session, guard,
		    ESYS_TR_NONE, ESYS_TR_NONE, NULL, &select);
	} while (link_again(v->link, rc, &tries));
	return link_result(v->link, rc, "read PCRs");
}

static bool
in_bank(const TPML_PCR_SELECTION *banks, uint32_t pcrs)
{
	for (uint32_t i = 0; i < banks->count; i++) {
		const TPMS_PCR_SELECTION *b = &banks->pcrSelections[i];
		uint32_t has = 0;

		for (unsigned n = 0; n < b->sizeofSelect && n < 3; n++)
			has |= (uint32_t)b->pcrSelect[n] << 8 * n;
		if (b->hash == TPM2_ALG_SHA256)
			return (pcrs & ~has) == 0;
	}
	return false;
}

/* A TPM ignores those it does not have: the policy would be no policy. */
static int
check_pcrs(struct vault *v, uint32_t pcrs)
{
	TPMS_CAPABILITY_DATA *data;
	bool ok;
	int r;

	r = vault_capability(v, TPM2_CAP_PCRS, 0, "ask for its PCRs", &data);
	if (r != 0)
		return r;
	ok = in_bank(&data->data.assignedPCR, pcrs);
	Esys_Free(data);
	return ok ? 0 : link_fail(v->link, -ENOTSUP,
	    "this TPM has no SHA-256 bank of PCRs with those: use others");
}

/* What PolicyPCR makes of the PCRs as they are. */
static int
measure(struct vault *v, uint32_t pcrs, uint8_t out[static VAULT_DIGEST_LEN])
{
	ESYS_TR trial = ESYS_TR_NONE, session;
	TPM2B_DIGEST *digest = NULL;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	r = check_pcrs(v, pcrs);
	if (r == 0)
		r = policy_start(v, TPM2_SE_TRIAL, &trial);
	if (r == 0)
		r = policy_pcr(v, trial, pcrs);
	if (r != 0)
		goto out;
	do {
		r = link_session(v->link, false, true, &session);
		if (r != 0)
			goto out;
		rc = Esys_PolicyGetDigest(link_esys(v->link), trial, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, &digest);
	} while (link_again(v->link, rc, &tries));
	r = link_result(v->link, rc, "read PCRs");
	if (r == 0 && digest->size != VAULT_DIGEST_LEN)
		r = link_fail(v->link, -EIO, "the TPM gave no policy digest");
	if (r == 0)
		memcpy(out, digest->buffer, VAULT_DIGEST_LEN);
out:
	policy_end(v, &trial);
	Esys_Free(digest);
	return r;
}

/* Sealing. */

static int
recovery_auth(const struct wrapped *w, const char *recovery, TPM2B_AUTH *out)
{
	uint8_t derived[VAULT_DIGEST_LEN];
	int r = -EIO;

	if (PKCS5_PBKDF2_HMAC(recovery, strlen(recovery), w->salt,
	    sizeof(w->salt), RECOVERY_ITERATIONS, EVP_sha256(),
	    sizeof(derived), derived) == 1) {
		vault_auth(derived, out);
		r = 0;
	}
	explicit_bzero(derived, sizeof(derived));
	return r;
}

static int
create_sealed(struct vault *v, const TPM2B_SENSITIVE_CREATE *sensitive,
    const TPM2B_PUBLIC *template, struct wrapped *w)
{
	static const TPML_PCR_SELECTION no_pcrs;
	static const TPM2B_DATA no_data;
	TPM2B_CREATION_DATA *creation = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	TPM2B_DIGEST *hash = NULL;
	unsigned tries = 0;
	ESYS_TR srk, session;
	TSS2_RC rc;
	int r;

	do {
		r = link_srk(v->link, &srk);
		if (r == 0)
			r = link_session(v->link, true, false, &session);
		if (r != 0)
			return r;
		rc = Esys_Create(link_esys(v->link), srk, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, sensitive, template, &no_data,
		    &no_pcrs, &private, &public, &creation, &hash, &ticket);
	} while (link_again(v->link, rc, &tries));
	r = link_result(v->link, rc, "seal the storage key");
	if (r == 0) {
		w->public = *public;
		w->private = *private;
	}
	Esys_Free(private);
	Esys_Free(public);
	Esys_Free(creation);
	Esys_Free(hash);
	Esys_Free(ticket);
	return r;
}

static int
sealed_policy(struct vault *v, struct wrapped *w, TPM2B_PUBLIC *template)
{
	TPML_DIGEST branches;
	int r;

	if (w->pcrs == 0) {
		template->publicArea.objectAttributes |=
		    TPMA_OBJECT_USERWITHAUTH;
		return 0;
	}
	r = measure(v, w->pcrs, w->pcr_branch);
	if (r != 0)
		return r;
	return policy_sealed(w, &v->record, &branches,
	    &template->publicArea.authPolicy);
}

int
vault_seal(struct vault *v, const uint8_t key[static SEAL_KEY_LEN],
    const char *recovery, struct wrapped *w)
{
	TPM2B_PUBLIC template = { .publicArea = { .type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = SEALED_ATTRIBUTES,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL } };
	TPM2B_SENSITIVE_CREATE sensitive;
	int r;

	if ((w->pcrs & ~VAULT_PCRS) != 0)
		return link_fail(v->link, -EINVAL, "no such PCR");
	if (recovery != NULL && w->pcrs == 0)
		return link_fail(v->link, -EINVAL, "a recovery passphrase is "
		    "for keys that are sealed to PCRs");
	memset(&sensitive, 0, sizeof(sensitive));
	w->recovery = recovery != NULL;
	r = vault_random(v, w->salt, sizeof(w->salt));
	if (r == 0 && w->recovery)
		r = recovery_auth(w, recovery, &sensitive.sensitive.userAuth);
	if (r == 0)
		r = sealed_policy(v, w, &template);
	if (r == 0) {
		sensitive.sensitive.data.size = SEAL_KEY_LEN;
		memcpy(sensitive.sensitive.data.buffer, key, SEAL_KEY_LEN);
		r = create_sealed(v, &sensitive, &template, w);
	}
	explicit_bzero(&sensitive, sizeof(sensitive));
	return r;
}

/* Unsealing. */

static int
load(struct vault *v, ESYS_TR *out)
{
	const struct wrapped *w = &v->wrapped;
	unsigned tries = 0;
	ESYS_TR srk, session;
	TSS2_RC rc;
	int r;

	do {
		r = link_srk(v->link, &srk);
		if (r == 0)
			r = link_room(v->link);
		if (r == 0)
			r = link_session(v->link, false, false, &session);
		if (r != 0)
			return r;
		rc = Esys_Load(link_esys(v->link), srk, session, ESYS_TR_NONE,
		    ESYS_TR_NONE, &w->private, &w->public, out);
	} while (link_again(v->link, rc, &tries));
	/* Whatever it has against a parameter: the TPM did not make it. */
	if (link_code(rc) != 0 && (rc & (TPM2_RC_FMT1 | TPM2_RC_P)) ==
	    (TPM2_RC_FMT1 | TPM2_RC_P))
		return link_fail(v->link, -EBADMSG, "the storage key was not "
		    "sealed by this TPM, or it is damaged");
	r = link_result(v->link, rc, "load the storage key");
	if (r == 0)
		link_loaded(v->link);
	return r;
}

static TSS2_RC
unseal_once(struct vault *v, ESYS_TR object, ESYS_TR policy, ESYS_TR session,
    uint8_t key[static SEAL_KEY_LEN])
{
	TPM2B_SENSITIVE_DATA *data = NULL;
	TSS2_RC rc;

	if (policy == ESYS_TR_NONE)
		rc = Esys_Unseal(link_esys(v->link), object, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, &data);
	else
		rc = Esys_Unseal(link_esys(v->link), object, policy, session,
		    ESYS_TR_NONE, &data);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	if (data->size == SEAL_KEY_LEN)
		memcpy(key, data->buffer, SEAL_KEY_LEN);
	else
		rc = TPM2_RC_INTEGRITY;
	explicit_bzero(data, sizeof(*data));
	Esys_Free(data);
	return rc;
}

static int
unseal(struct vault *v, ESYS_TR object, ESYS_TR policy,
    uint8_t key[static SEAL_KEY_LEN])
{
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	do {
		r = link_session(v->link, false, true, &session);
		if (r != 0)
			return r;
		rc = unseal_once(v, object, policy, session, key);
	} while (link_again(v->link, rc, &tries));
	if (link_code(rc) == TPM2_RC_INTEGRITY ||
	    link_code(rc) == TPM2_RC_POLICY_FAIL)
		return link_fail(v->link, -EBADMSG,
		    "the wrapped storage key was altered");
	if (link_code(rc) == TPM2_RC_PCR_CHANGED)
		return link_fail(v->link, -ESTALE, "a PCR of this machine "
		    "changed at this moment: try again");
	if (vault_denied(rc))
		return link_fail(v->link, -ESTALE, "the PCRs of this machine "
		    "changed, and this is not the recovery passphrase");
	return link_result(v->link, rc, "unseal the storage key");
}

static int
other_pcrs(struct vault *v)
{
	if (!v->wrapped.recovery)
		return link_fail(v->link, -ESTALE, "the PCRs that the keys "
		    "are sealed to changed (a firmware update?), and there is "
		    "no recovery passphrase: start the machine as it was");
	return link_fail(v->link, -ESTALE, "the PCRs that the keys are "
	    "sealed to changed (a firmware update?): sealkey tpm reseal "
	    "--recovery FILE");
}

/* -EAGAIN: not with these PCRs */
static int
unseal_pcrs(struct vault *v, ESYS_TR object, const TPML_DIGEST *branches,
    uint8_t key[static SEAL_KEY_LEN])
{
	ESYS_TR policy = ESYS_TR_NONE;
	int r;

	r = policy_start(v, TPM2_SE_POLICY, &policy);
	if (r == 0)
		r = policy_pcr(v, policy, v->wrapped.pcrs);
	if (r == 0) {
		r = policy_or(v, policy, branches);
		if (r == -EBADMSG)
			r = -EAGAIN;
	}
	if (r == 0)
		r = unseal(v, object, policy, key);
	policy_end(v, &policy);
	return r;
}

static int
unseal_recovery(struct vault *v, ESYS_TR object, const TPML_DIGEST *branches,
    const char *recovery, uint8_t key[static SEAL_KEY_LEN])
{
	ESYS_TR policy = ESYS_TR_NONE;
	TPM2B_AUTH auth;
	int r;

	memset(&auth, 0, sizeof(auth));
	r = recovery_auth(&v->wrapped, recovery, &auth);
	if (r == 0)
		r = vault_set_auth(v, object, &auth);
	if (r == 0)
		r = policy_start(v, TPM2_SE_POLICY, &policy);
	if (r == 0)
		r = policy_auth_value(v, policy);
	if (r == 0)
		r = policy_or(v, policy, branches);
	if (r == 0)
		r = unseal(v, object, policy, key);
	policy_end(v, &policy);
	vault_set_auth(v, object, NULL);
	explicit_bzero(&auth, sizeof(auth));
	return r;
}

int
vault_unseal(struct vault *v, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN])
{
	ESYS_TR object = ESYS_TR_NONE;
	TPML_DIGEST branches;
	TPM2B_DIGEST policy;
	int r;

	r = policy_sealed(&v->wrapped, &v->record, &branches, &policy);
	if (r == 0)
		r = load(v, &object);
	if (r == 0) {
		if (v->wrapped.pcrs == 0)
			r = unseal(v, object, ESYS_TR_NONE, key);
		else
			r = unseal_pcrs(v, object, &branches, key);
		if (r == -EAGAIN && v->wrapped.recovery && recovery != NULL)
			r = unseal_recovery(v, object, &branches, recovery,
			    key);
		else if (r == -EAGAIN)
			r = other_pcrs(v);
	}
	if (object != ESYS_TR_NONE)
		link_flush(v->link, &object);
	return r;
}
