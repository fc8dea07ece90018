/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the vault, for vault*.c and their tests: what is wrapped
 * (vault_wrap.c), policies (vault_policy.c), the sealed storage key
 * (vault_seal.c), NV indices (vault_nv.c). Formats: vault.md.
 */
#ifndef TPM_VAULT_IMPL_H
#define TPM_VAULT_IMPL_H

#include "tpm/record.h"
#include "tpm/vault.h"

#define VAULT_DIGEST_LEN 32	/* bytes; SHA-256, our only one */
#define VAULT_SALT_LEN	16
#define VAULT_PCRS	0x00ffffff	/* those that a PC has */
#define VAULT_COUNTER_LEN 8	/* bytes of NV memory */
#define VAULT_PIN_INDEX_LEN 8	/* TPMS_NV_PIN_COUNTER_PARAMETERS */
#define VAULT_PIN_COUNTED_LEN (4 + VAULT_DIGEST_LEN)	/* failures, HMAC */

/* What keeps the PIN; a byte of the wrapped storage key. */
enum vault_pin {
	VAULT_PIN_INDEX = 1,	/* TPM_NT_PIN_FAIL: the TPM counts */
	VAULT_PIN_COUNTED = 2,	/* ordinary memory: we count */
};

enum vault_nv {
	NV_COUNTER,
	NV_PIN_INDEX,
	NV_PIN_COUNTED,
};

/* The wrapped storage key, in its parts. */
struct wrapped {
	enum vault_pin	pin_kind;
	bool		recovery;
	uint32_t	pcrs;
	uint32_t	counter;	/* handles, as in the record */
	uint32_t	pin;
	uint8_t		salt[VAULT_SALT_LEN];
	uint8_t		pcr_branch[VAULT_DIGEST_LEN];
	uint8_t		srk_name[LINK_NAME_MAX];
	TPM2B_PUBLIC	public;
	TPM2B_PRIVATE	private;
};

struct vault {
	struct link	*link;
	int		 dirfd;
	bool		 unlocked;
	struct record	 record;	/* as in the file */
	struct wrapped	 wrapped;
	ESYS_TR		 counter;	/* ESYS_TR_NONE: not open */
	ESYS_TR		 pin;		/* ESYS_TR_NONE: there is no PIN */
	bool		 generation_known;	/* false: ask the TPM */
	uint64_t	 generation;
	uint8_t		 pin_failures;
	/* derived from the storage key */
	uint8_t		 mac_key[SEAL_KEY_LEN];
	uint8_t		 pin_key[SEAL_KEY_LEN];
	TPM2B_AUTH	 counter_auth;
	TPM2B_AUTH	 memory_auth;	/* of NV_PIN_COUNTED */
};

/* Not the authorization that the TPM wants. */
static inline bool
vault_denied(TSS2_RC rc)
{
	return link_code(rc) == TPM2_RC_BAD_AUTH ||
	    link_code(rc) == TPM2_RC_AUTH_FAIL;
}

/* The line about what went wrong, over what is tidied up because of it. */
struct vault_line {
	char	text[256];
};

void vault_keep_line(struct vault *v, struct vault_line *out);
void vault_tell_line(struct vault *v, const struct vault_line *line);

/* SHA-256 of both, and HMAC-SHA-256; false: out of memory, or so. */
bool vault_hash(struct span a, struct span b,
    uint8_t out[static VAULT_DIGEST_LEN]);
bool vault_hmac(const uint8_t key[static SEAL_KEY_LEN], struct span a,
    struct span b, uint8_t out[static VAULT_DIGEST_LEN]);
/* For the TPM, which ignores zeros at the end: there are none. */
void vault_auth(const uint8_t value[static VAULT_DIGEST_LEN],
    TPM2B_AUTH *out);
/* Sets what an object is used with, NULL: nothing, and wipes what was. */
int vault_set_auth(struct vault *v, ESYS_TR object, const TPM2B_AUTH *auth);

/*
 * vault_wrap.c. read: -EBADMSG if damaged. check: that whoever wrote it had
 * the storage key from which mac_key comes, and that record.
 */
int wrapped_write(const struct wrapped *w, const struct record *rec,
    const uint8_t mac_key[static SEAL_KEY_LEN],
    uint8_t out[static KEY_WRAPPED_MAX], size_t *len);
int wrapped_read(struct span in, struct wrapped *out);
int wrapped_check(struct span in, const struct record *rec,
    const uint8_t mac_key[static SEAL_KEY_LEN]);

/*
 * vault_policy.c: policy digests as the TPM computes them (TPM 2.0 Part 3).
 * -EIO, if there is no memory for it.
 */
/* PolicyOR of PCRs and either the recovery passphrase, or nothing. */
int policy_sealed(const struct wrapped *w, const struct record *rec,
    TPML_DIGEST *branches, TPM2B_DIGEST *out);
/* PolicyOR of three: changes the PIN, writes it first, and nothing. */
int policy_pin(const struct record *rec, TPML_DIGEST *branches,
    TPM2B_DIGEST *out);
/* What an index of ours looks like, before it is written. */
int policy_nv_public(const struct record *rec, enum vault_nv which,
    TPMS_NV_PUBLIC *out);

/* vault_seal.c. seal: fills pcr_branch, salt, public and private. */
int vault_seal(struct vault *v, const uint8_t key[static SEAL_KEY_LEN],
    const char *recovery, struct wrapped *w);
int vault_unseal(struct vault *v, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN]);
/* Random bytes of the TPM, and ours. */
int vault_random(struct vault *v, uint8_t *out, size_t len);
/* The first of a list that the TPM has, checked to be of that kind. The caller
 * frees it (Esys_Free); NULL if there is an error. */
int vault_capability(struct vault *v, TPM2_CAP cap, UINT32 first,
    const char *doing, TPMS_CAPABILITY_DATA **out);
/* A policy session, salted to the storage root key; to be flushed. */
int policy_start(struct vault *v, TPM2_SE type, ESYS_TR *out);
void policy_end(struct vault *v, ESYS_TR *session);
/* -EBADMSG: it has become none of the branches */
int policy_or(struct vault *v, ESYS_TR session, const TPML_DIGEST *branches);

/* vault_nv.c. */
/* Two handles that are not in use, into the record. */
int nv_choose(struct vault *v);
/* -EBUSY: the handle is in use; -ENOTSUP: the TPM knows no such index. */
int nv_define(struct vault *v, enum vault_nv which, const TPM2B_AUTH *auth,
    ESYS_TR *out);
/* -ENOENT: there is none; -EPERM: there is one which is not ours. */
int nv_open(struct vault *v, enum vault_nv which, ESYS_TR *out,
    bool *written);
void nv_close(struct vault *v, ESYS_TR *index);
/* index becomes ESYS_TR_NONE. */
int nv_undefine(struct vault *v, ESYS_TR *index);
/* link_result(), but an index of ours that denies us is not a wrong PIN. */
int nv_result(struct vault *v, TSS2_RC rc, const char *doing);
/* with: the index itself, or ESYS_TR_RH_OWNER. try: the TPM's word is in rc,
 * with result 0. */
int nv_try_read(struct vault *v, ESYS_TR with, ESYS_TR index, uint8_t *out,
    size_t len, TSS2_RC *rc);
int nv_read(struct vault *v, ESYS_TR with, ESYS_TR index, uint8_t *out,
    size_t len);
/* With its own authorization, or in a policy session. */
int nv_write(struct vault *v, ESYS_TR index, ESYS_TR policy,
    const uint8_t *p, size_t len);
int nv_increment(struct vault *v, ESYS_TR index);
/* Removes whatever the record calls ours; what is not, stays. */
int nv_remove_ours(struct vault *v);

/* vault_pin.c: finds out about the PIN, when everything else is known. */
int vault_pin_open(struct vault *v);
/* What this TPM can keep a PIN in, by trying. */
int vault_pin_probe(struct vault *v, enum vault_pin *out);

#endif
