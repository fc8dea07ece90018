/* SPDX-License-Identifier: Apache-2.0 */
/* The other account: see other.h. */
#include "authenticator/fault/other.h"

static bool
is_same(const struct fault_account *a, const struct credential *cred)
{
	return span_eq(span(a->id, a->id_len), span(cred->id, cred->id_len));
}

/* FNV-1a of its ID. */
static uint32_t
hash_id(const struct credential *cred)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < cred->id_len; i++)
		hash = (hash ^ cred->id[i]) * 16777619;
	return hash;
}

void
fault_account_note(struct fault_accounts *a, const struct auth_facts *facts)
{
	const struct credential *cred = facts->cred;
	struct fault_account *to = &a->account[a->next];
	uint32_t hash = hash_id(cred);
	size_t user_len = facts->user_id.len;

	/* it happens with every operation: what is not it is not looked at */
	for (size_t i = 0; i < FAULT_ACCOUNTS_MAX; i++) {
		if (a->hash[i] == hash && is_same(&a->account[i], cred))
			return;
	}
	a->hash[a->next] = hash;
	memcpy(to->rp_id_hash, cred->rp_id_hash, sizeof(to->rp_id_hash));
	memcpy(to->id, cred->id, cred->id_len);
	to->id_len = cred->id_len;
	to->user_id_len = 0;
	if (facts->user_id.p != NULL && user_len <= USER_ID_MAX) {
		memcpy(to->user_id, facts->user_id.p, user_len);
		to->user_id_len = (uint8_t)user_len;
	}
	a->next = (a->next + 1) % FAULT_ACCOUNTS_MAX;
}

/* At the same place, and neither that credential nor that user. */
static bool
is_other(const struct fault_account *a, const struct auth_facts *facts)
{
	struct span user = span(a->user_id, a->user_id_len);

	if (a->id_len == 0 || is_same(a, facts->cred) ||
	    memcmp(a->rp_id_hash, facts->cred->rp_id_hash, 32) != 0)
		return false;
	return user.len == 0 || facts->user_id.p == NULL ||
	    !span_eq(user, facts->user_id);
}

static void
from_credential(const struct credential *cred, struct fault_account *out)
{
	memcpy(out->rp_id_hash, cred->rp_id_hash, sizeof(out->rp_id_hash));
	memcpy(out->id, cred->id, cred->id_len);
	memcpy(out->user_id, cred->user.id, cred->user.id_len);
	out->id_len = cred->id_len;
	out->user_id_len = cred->user.id_len;
}

static bool
find_stored(struct store *st, const struct auth_facts *facts,
    struct fault_account *out)
{
	struct credential cred;
	struct auth_lookup q = { .kind = LOOKUP_RP, .before = UINT64_MAX,
	    .protect_max = PROTECT_REQUIRED, .cred = &cred };
	bool found = false;

	memcpy(q.rp_id_hash, facts->cred->rp_id_hash, sizeof(q.rp_id_hash));
	while (!found && store_lookup(st, &q) == 0 && q.found) {
		from_credential(&cred, out);
		found = is_other(out, facts);
		q.before = cred.seq;
	}
	explicit_bzero(&cred, sizeof(cred));
	return found;
}

bool
fault_account_other(const struct fault_accounts *a, struct store *st,
    const struct auth_facts *facts, struct fault_account *out)
{
	for (size_t i = 0; i < FAULT_ACCOUNTS_MAX; i++) {
		size_t at = a->next + FAULT_ACCOUNTS_MAX - 1 - i;
		const struct fault_account *account =
		    &a->account[at % FAULT_ACCOUNTS_MAX];

		if (is_other(account, facts)) {
			*out = *account;
			return true;
		}
	}
	return find_stored(st, facts, out);
}
