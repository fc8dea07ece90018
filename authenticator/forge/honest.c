/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/honest.h"

#include <stdio.h>
#include <string.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/attest/x509.h"
#include "authenticator/forge/parts.h"
#include "authenticator/forge/tpm.h"

#define CHAIN_USUAL	2	/* certificates */
#define IBM		0x49424d00	/* a manufacturer that many know */
#define SIGN		2	/* KM_PURPOSE_SIGN */
#define TEE		1	/* SecurityLevel TrustedEnvironment */

struct honest_subject {
	const char	*o, *ou, *cn;	/* NULL: not there */
};

/* Whoever reads the certificate sees that it proves nothing. */
static const struct honest_subject subjects[ATTESTATION_KINDS] = {
	[ATTESTATION_PACKED] = { "sealkey TEST", "Authenticator Attestation",
	    "sealkey TEST attestation" },
	[ATTESTATION_FIDO_U2F] = { "sealkey TEST", "Authenticator Attestation",
	    "sealkey TEST U2F attestation" },
	[ATTESTATION_ANDROID_KEY] = { "sealkey TEST", NULL,
	    "Android Keystore Key" },
	[ATTESTATION_APPLE] = { "sealkey TEST", "AAA Certification",
	    "sealkey TEST Apple credential" },
	[ATTESTATION_SAFETYNET] = { "sealkey TEST", NULL,
	    "attest.android.com" },
};

bool
forge_leaf_name(struct forge_leaf *leaf, const char *oid, const char *value)
{
	size_t i = 0;

	while (i < FORGE_NAMES_MAX && leaf->subject[i].oid != NULL &&
	    strcmp(leaf->subject[i].oid, oid) != 0)
		i++;
	if (i == FORGE_NAMES_MAX)
		return false;
	if (value != NULL) {
		if (leaf->subject[i].oid != NULL &&
		    strcmp(leaf->subject[i].value, value) == 0)
			return false;
		leaf->subject[i] = (struct forge_name){ oid, value };
		return true;
	}
	if (leaf->subject[i].oid == NULL)
		return false;
	for (; i + 1 < FORGE_NAMES_MAX; i++)
		leaf->subject[i] = leaf->subject[i + 1];
	leaf->subject[i].oid = NULL;
	return true;
}

/* NAME=VALUE,... as settings have checked it */
static void
take_subject(struct forge_memory *m, const char *text,
    struct forge_leaf *leaf)
{
	char *at = (char *)forge_room(m, strlen(text) + 1), *value;

	if (at == NULL)
		return;
	memcpy(at, text, strlen(text));
	while (at != NULL) {
		char *name = strsep(&at, ",");

		value = strchr(name, '=');
		if (value == NULL)
			continue;
		*value++ = '\0';
		(void)forge_leaf_name(leaf, name, value);
	}
}

/* Enterprise attestation names its key for those, too, who read names. */
static void
honest_subject(struct forge_mc *mc, enum attestation_kind kind,
    struct forge_leaf *leaf)
{
	const struct auth_leaf *set = &mc->config->auth->leaf;
	const struct honest_subject *s = &subjects[kind];
	char *number;

	if (s->cn == NULL)
		return;
	(void)forge_leaf_name(leaf, "C", "SE");
	(void)forge_leaf_name(leaf, "O", s->o);
	if (s->ou != NULL)
		(void)forge_leaf_name(leaf, "OU", s->ou);
	(void)forge_leaf_name(leaf, "CN", s->cn);
	if (kind == ATTESTATION_PACKED && mc->ep_att)
		(void)forge_leaf_name(leaf, "CN",
		    "sealkey TEST enterprise attestation");
	if (kind == ATTESTATION_PACKED && mc->ep_att &&
	    (number = (char *)forge_room(mc->memory, 2 *
	    sizeof(leaf->number) + 1)) != NULL) {
		for (size_t i = 0; i < sizeof(leaf->number); i++)
			snprintf(number + 2 * i, 3, "%02X", leaf->number[i]);
		(void)forge_leaf_name(leaf, "serialNumber", number);
	}
	if (set->subject[0] != '\0' && (kind == ATTESTATION_PACKED ||
	    kind == ATTESTATION_FIDO_U2F))
		take_subject(mc->memory, set->subject, leaf);
}

static void
honest_tpm_leaf(struct forge_mc *mc, struct forge_leaf *leaf)
{
	uint32_t id = mc->config->auth->tpm_manufacturer;
	char *text = (char *)forge_room(mc->memory, 12);

	if (text == NULL)
		return;
	certificate_tpm_id(id != 0 ? id : IBM, text);
	leaf->tpm_there = FORGE_CRITICAL;
	leaf->manufacturer = text;
	leaf->model = "sealkey TEST TPM";
	leaf->firmware = "id:00010000";
	leaf->purposes_there = FORGE_PLAIN;
	leaf->purposes[0] = X509_AK_PURPOSE;
}

static void
honest_leaf(struct forge_mc *mc, enum attestation_kind kind,
    struct forge_leaf *leaf)
{
	const struct auth_leaf *set = &mc->config->auth->leaf;

	*leaf = (struct forge_leaf){ .version = 3,
	    .serial_len = X509_SERIAL_LEN,
	    .constraints = FORGE_CRITICAL,
	    .not_before_s = set->not_before_s,
	    .not_after_s = set->not_after_s,
	    .crl_url = set->crl_url[0] != '\0' ? set->crl_url : NULL };
	if (!x509_random_serial(leaf->serial))
		mc->memory->full = true;
	memcpy(leaf->aaguid, mc->aaguid, sizeof(leaf->aaguid));
	memcpy(leaf->number, mc->config->number, sizeof(leaf->number));
	if (kind == ATTESTATION_PACKED) {
		leaf->aaguid_there = FORGE_PLAIN;
		leaf->number_there = mc->ep_att ? FORGE_PLAIN : FORGE_ABSENT;
	}
	leaf->transports_there = kind == ATTESTATION_FIDO_U2F ? FORGE_PLAIN :
	    FORGE_ABSENT;
	if (kind == ATTESTATION_TPM)
		honest_tpm_leaf(mc, leaf);
	if (kind == ATTESTATION_SAFETYNET) {
		leaf->dns_there = FORGE_PLAIN;
		leaf->dns = "attest.android.com";
	}
	leaf->nonce_there = kind == ATTESTATION_APPLE ? FORGE_PLAIN :
	    FORGE_ABSENT;
	if (kind == ATTESTATION_ANDROID_KEY) {
		leaf->description_there = FORGE_PLAIN;
		leaf->description = (struct forge_key_description){
		    .security_level = TEE, .purpose = SIGN, .in_tee = true };
	}
	honest_subject(mc, kind, leaf);
}

static void
honest_chain(struct forge_mc *mc, enum attestation_kind kind,
    struct forge_chain *chain)
{
	unsigned set = mc->config->auth->leaf.chain;

	*chain = (struct forge_chain){ .there = kind != ATTESTATION_NONE &&
	    kind != ATTESTATION_SELF };
	if (!chain->there)
		return;
	chain->certificates = set != 0 ? set : CHAIN_USUAL;
	if (kind == ATTESTATION_FIDO_U2F)
		chain->certificates = 1;
	chain->with_anchor = kind == ATTESTATION_ANDROID_KEY;
	honest_leaf(mc, kind, &chain->leaf);
}

/* Nothing is set that the attestation key's certificate would not show. */
static bool
is_usual(const struct auth_leaf *set)
{
	return set->not_before_s == 0 && set->not_after_s == 0 &&
	    set->crl_url[0] == '\0';
}

static enum forge_signer
honest_signer(const struct forge_mc *mc, enum attestation_kind kind)
{
	switch (kind) {
	case ATTESTATION_NONE:
	case ATTESTATION_APPLE:
		return FORGE_BY_NOBODY;
	case ATTESTATION_SELF:
	case ATTESTATION_ANDROID_KEY:
		return FORGE_BY_CREDENTIAL;
	case ATTESTATION_FIDO_U2F:
		return is_usual(&mc->config->auth->leaf) ? FORGE_BY_DEVICE :
		    FORGE_BY_LEAF;
	default:
		return FORGE_BY_LEAF;
	}
}

/* What RPs are told signs, and what does. */
static void
honest_alg(const struct forge_mc *mc, struct forge_statement *st)
{
	int ak = mc->config->auth->ak_alg;

	st->key_alg = COSE_ES256;
	if (st->kind == ATTESTATION_SAFETYNET)
		st->key_alg = COSE_RS256;
	else if (st->kind == ATTESTATION_TPM && ak != 0)
		st->key_alg = ak;
	st->alg = st->signer == FORGE_BY_CREDENTIAL ? mc->cred->alg :
	    st->key_alg;
	st->alg_there = st->kind == ATTESTATION_PACKED ||
	    st->kind == ATTESTATION_SELF || st->kind == ATTESTATION_TPM ||
	    st->kind == ATTESTATION_ANDROID_KEY;
}

static bool
is_certifiable(const struct forge_mc *mc)
{
	EVP_PKEY *key = certificate_cose_key(mc->auth_data.public_key);

	EVP_PKEY_free(key);
	return key != NULL;
}

/* False: that credential cannot have one. */
static bool
honest_statement(struct forge_mc *mc, enum attestation_kind kind,
    struct forge_statement *out)
{
	struct forge_statement st = { .kind = kind };

	if (kind == ATTESTATION_TPM && !tpm_honest(mc->memory,
	    mc->auth_data.public_key, &st.tpm))
		return false;
	if (kind == ATTESTATION_FIDO_U2F && mc->cred->alg != COSE_ES256)
		return false;
	if ((kind == ATTESTATION_ANDROID_KEY || kind == ATTESTATION_APPLE) &&
	    !is_certifiable(mc))
		return false;
	st.fmt = auth_attestation_format(kind);
	st.signer = honest_signer(mc, kind);
	st.sig_there = st.signer != FORGE_BY_NOBODY;
	honest_alg(mc, &st);
	honest_chain(mc, kind, &st.chain);
	st.tpm.tpmt_signature = mc->config->auth->tpm_strict;
	st.safetynet = (struct forge_safetynet){ .ver = "14366018",
	    .timestamp_ms = mc->now_s * 1000, .cts_profile_match = true,
	    .basic_integrity = true };
	*out = st;
	return true;
}

/*
 * Two that any relying party knows and that any credential can have; of a
 * kind that no certificate can be made for, self attestation is the second.
 */
static bool
honest_compound(struct forge_mc *mc)
{
	struct forge_statement st[2];

	if (!honest_statement(mc, ATTESTATION_PACKED, &st[0]) ||
	    (!honest_statement(mc, ATTESTATION_ANDROID_KEY, &st[1]) &&
	    !honest_statement(mc, ATTESTATION_SELF, &st[1])))
		return false;
	memcpy(mc->statement, st, sizeof(st));
	mc->statements = 2;
	mc->compound = true;
	return true;
}

enum attestation_kind
forge_mc_is(const struct forge_mc *mc)
{
	return mc->compound ? ATTESTATION_COMPOUND : mc->statement[0].kind;
}

bool
forge_mc_kind(struct forge_mc *mc, enum attestation_kind kind)
{
	static const uint8_t zero[16];
	struct forge_statement st;
	bool was_u2f = forge_mc_is(mc) == ATTESTATION_FIDO_U2F;

	if (kind == ATTESTATION_COMPOUND) {
		if (!honest_compound(mc))
			return false;
	} else {
		if (!honest_statement(mc, kind, &st))
			return false;
		mc->statement[0] = st;
		mc->statements = 1;
		mc->compound = false;
	}
	/* WebAuthn Level 3, 8.6: U2F knows no AAGUID */
	if (kind == ATTESTATION_FIDO_U2F)
		memcpy(mc->auth_data.aaguid, zero, sizeof(zero));
	else if (was_u2f)
		memcpy(mc->auth_data.aaguid, mc->aaguid, sizeof(mc->aaguid));
	return true;
}

bool
honest_mc(struct forge_memory *m, const struct forge_config *cfg,
    const struct forge_source *src, struct forge_mc *out)
{
	const struct auth_facts *f = &src->facts;
	struct span pub = span(f->cred->pub, f->cred->pub_len);

	*out = (struct forge_mc){ .memory = m, .cred = f->cred,
	    .rp_id = f->rp_id, .client_data_hash = f->client_data_hash,
	    .value = src->choice.value, .other_id = src->other_id,
	    .now_s = src->now_s, .config = cfg, .ep_att = f->enterprise };
	out->statement[0].kind = ATTESTATION_NONE;
	if (!parts_auth_data(f->auth_data, pub, &out->auth_data) ||
	    !out->auth_data.attested || !parts_mc(src->reply, out))
		return false;
	memcpy(out->aaguid, out->auth_data.aaguid, sizeof(out->aaguid));
	/* what this key cannot have is packed */
	return forge_mc_kind(out, f->attestation) ||
	    forge_mc_kind(out, ATTESTATION_PACKED);
}

bool
honest_u2f(struct forge_memory *m, const struct forge_config *cfg,
    const struct forge_source *src, struct forge_mc *out)
{
	const struct credential *cred = src->facts.cred;

	*out = (struct forge_mc){ .memory = m, .cred = cred,
	    .client_data_hash = src->facts.client_data_hash,
	    .value = src->choice.value, .other_id = src->other_id,
	    .now_s = src->now_s, .config = cfg };
	out->statement[0].kind = ATTESTATION_NONE;
	out->auth_data = (struct forge_auth_data){
	    .flags = AUTHDATA_UP | AUTHDATA_AT, .attested = true,
	    .credential_id = span(cred->id, cred->id_len),
	    .id_len = cred->id_len,
	    .public_key = span(cred->pub, cred->pub_len) };
	memcpy(out->auth_data.rp_id_hash, cred->rp_id_hash,
	    sizeof(cred->rp_id_hash));
	return forge_mc_kind(out, ATTESTATION_FIDO_U2F);
}
