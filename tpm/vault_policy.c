/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of what is ours in a TPM, computed as the TPM does it (TPM 2.0
 * Part 3, "Enhanced Authorization Commands"). Each is a PolicyOR of its ways,
 * and has one that nobody can go: the digest of the record's id, for which no
 * command sequence is known. That makes it ours, and tells it from everybody
 * else's.
 */
#include "tpm/vault_impl.h"

#include <errno.h>

#include <openssl/evp.h>

#include <tss2/tss2_mu.h>

#define MARK_LABEL	"sealkey tpm 1"

#define COUNTER_ATTRIBUTES \
	(TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD | \
	TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)
#define PIN_INDEX_ATTRIBUTES \
	(TPM2_NT_PIN_FAIL << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD | \
	TPMA_NV_OWNERREAD | TPMA_NV_POLICYWRITE | TPMA_NV_NO_DA)
#define PIN_COUNTED_ATTRIBUTES \
	(TPM2_NT_ORDINARY << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD | \
	TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)

struct nv_name {
	uint8_t	b[2 + VAULT_DIGEST_LEN];	/* nameAlg, digest */
};

static void
put_u32(uint8_t out[static 4], uint32_t n)
{
	out[0] = n >> 24;
	out[1] = n >> 16;
	out[2] = n >> 8;
	out[3] = n;
}

bool
vault_hash(struct span a, struct span b, uint8_t out[static VAULT_DIGEST_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, a.p, a.len) == 1 &&
	    EVP_DigestUpdate(ctx, b.p, b.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* digest := H(digest || cc || arg) */
static bool
extend(TPM2B_DIGEST *digest, TPM2_CC cc, struct span arg)
{
	uint8_t head[VAULT_DIGEST_LEN + 4];

	memcpy(head, digest->buffer, VAULT_DIGEST_LEN);
	put_u32(head + VAULT_DIGEST_LEN, cc);
	return vault_hash(span(head, sizeof(head)), arg, digest->buffer);
}

static TPM2B_DIGEST
no_policy(void)
{
	return (TPM2B_DIGEST){ .size = VAULT_DIGEST_LEN };
}

static bool
extend_command_code(TPM2B_DIGEST *digest, TPM2_CC cc)
{
	uint8_t arg[4];

	put_u32(arg, cc);
	return extend(digest, TPM2_CC_PolicyCommandCode, span(arg, 4));
}

/* With no policyRef, which is hashed all the same. */
static bool
extend_secret(TPM2B_DIGEST *digest, const struct nv_name *name)
{
	return extend(digest, TPM2_CC_PolicySecret,
	    span(name->b, sizeof(name->b))) &&
	    vault_hash(span(digest->buffer, VAULT_DIGEST_LEN),
	    span(NULL, 0), digest->buffer);
}

static bool
or_branches(const TPML_DIGEST *branches, TPM2B_DIGEST *out)
{
	uint8_t all[8 * VAULT_DIGEST_LEN];

	for (uint32_t i = 0; i < branches->count; i++)
		memcpy(all + i * VAULT_DIGEST_LEN, branches->digests[i].buffer,
		    VAULT_DIGEST_LEN);
	*out = no_policy();
	return extend(out, TPM2_CC_PolicyOR,
	    span(all, branches->count * VAULT_DIGEST_LEN));
}

static int
mark_policy(const struct record *rec, TPM2B_DIGEST *out)
{
	*out = no_policy();
	return vault_hash(span_str(MARK_LABEL),
	    span(rec->id, sizeof(rec->id)), out->buffer) ? 0 : -EIO;
}

int
policy_sealed(const struct wrapped *w, const struct record *rec,
    TPML_DIGEST *branches, TPM2B_DIGEST *out)
{
	TPM2B_DIGEST *pcr = &branches->digests[0];
	TPM2B_DIGEST *other = &branches->digests[1];
	int r = 0;

	branches->count = 2;
	*pcr = no_policy();
	memcpy(pcr->buffer, w->pcr_branch, VAULT_DIGEST_LEN);
	*other = no_policy();
	if (!w->recovery)
		r = mark_policy(rec, other);
	else if (!extend(other, TPM2_CC_PolicyAuthValue, span(NULL, 0)))
		r = -EIO;
	if (r != 0)
		return r;
	return or_branches(branches, out) ? 0 : -EIO;
}

static bool
name_of(const TPMS_NV_PUBLIC *public, struct nv_name *out)
{
	uint8_t area[sizeof(TPMS_NV_PUBLIC)];
	size_t len = 0;

	out->b[0] = TPM2_ALG_SHA256 >> 8;
	out->b[1] = TPM2_ALG_SHA256 & 0xff;
	return Tss2_MU_TPMS_NV_PUBLIC_Marshal(public, area, sizeof(area),
	    &len) == TSS2_RC_SUCCESS &&
	    vault_hash(span(area, len), span(NULL, 0), out->b + 2);
}

/*
 * Not by PolicyAuthValue, although the one who changes the PIN knows it: the
 * reference implementation counts failures in a policy session, but does not
 * stop at the limit. So it is the counter's authorization that changes the
 * PIN, which follows from the storage key, and gives away nothing about it.
 */
static bool
change_branch(const struct record *rec, TPM2B_DIGEST *out)
{
	TPMS_NV_PUBLIC counter;
	struct nv_name name;

	if (policy_nv_public(rec, NV_COUNTER, &counter) != 0)
		return false;
	counter.attributes |= TPMA_NV_WRITTEN;
	*out = no_policy();
	return name_of(&counter, &name) && extend_secret(out, &name) &&
	    extend_command_code(out, TPM2_CC_NV_ChangeAuth);
}

/* Once, and then nobody ever, not even the owner of the TPM. */
static bool
write_branch(TPM2B_DIGEST *out)
{
	static const uint8_t not_written[] = { TPM2_NO };

	*out = no_policy();
	return extend(out, TPM2_CC_PolicyNvWritten, span(not_written, 1)) &&
	    extend_command_code(out, TPM2_CC_NV_Write);
}

int
policy_pin(const struct record *rec, TPML_DIGEST *branches, TPM2B_DIGEST *out)
{
	branches->count = 3;
	if (!change_branch(rec, &branches->digests[0]) ||
	    !write_branch(&branches->digests[1]) ||
	    mark_policy(rec, &branches->digests[2]) != 0 ||
	    !or_branches(branches, out))
		return -EIO;
	return 0;
}

int
policy_nv_public(const struct record *rec, enum vault_nv which,
    TPMS_NV_PUBLIC *out)
{
	TPML_DIGEST branches;

	*out = (TPMS_NV_PUBLIC){ .nvIndex = rec->pin,
		.nameAlg = TPM2_ALG_SHA256 };
	switch (which) {
	case NV_COUNTER:
		out->nvIndex = rec->counter;
		out->attributes = COUNTER_ATTRIBUTES;
		out->dataSize = VAULT_COUNTER_LEN;
		return mark_policy(rec, &out->authPolicy);
	case NV_PIN_INDEX:
		out->attributes = PIN_INDEX_ATTRIBUTES;
		out->dataSize = VAULT_PIN_INDEX_LEN;
		return policy_pin(rec, &branches, &out->authPolicy);
	case NV_PIN_COUNTED:
		out->attributes = PIN_COUNTED_ATTRIBUTES;
		out->dataSize = VAULT_PIN_COUNTED_LEN;
		return mark_policy(rec, &out->authPolicy);
	}
	return -EINVAL;
}
