/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reply at a time, in these steps; steps[] says what each does:
 *
 *	forge_begin()	ENCODE		SIGN (each statement)	SEAL
 *	plan, bent   -> authData     -> certificates, sig     -> reply
 *			what is signed	FORGE_KEY: where it is
 *					the provider's to sign
 *
 * Invariants:
 *  1. A private key that is here was made here, but for the CAs', which are
 *     here only inside make_chain().
 *  2. After a failure there is a reply nevertheless, of one byte.
 */
#include "authenticator/forge/forge.h"

#include <stdlib.h>

#include "authenticator/attest/attestation.h"
#include "authenticator/forge/honest.h"
#include "authenticator/forge/keys.h"
#include "authenticator/forge/leaf.h"
#include "authenticator/forge/parts.h"
#include "authenticator/forge/safetynet.h"
#include "authenticator/forge/tpm.h"
#include "ctap/request.h"

#define COSE_X	10	/* bytes into what cose_ec2() writes for P-256 */
#define COSE_Y	45

/* What is computed for one statement. */
struct work {
	struct span	message;	/* to be signed */
	struct span	pub_area, cert_info;	/* tpm */
};

struct forge {
	struct forge_config cfg;
	struct forge_memory memory;
	struct key_op	 op;
	bool		 registration;
	struct auth_facts facts;
	const struct fault *fault;	/* NULL: honest */
	struct forge_mc	 mc;
	struct forge_ga	 ga;
	struct forge_rest rest;		/* of ga */
	struct span	 auth_data;
	struct work	 work[FORGE_STATEMENTS_MAX];
	size_t		 next;		/* statement to be signed */
	EVP_PKEY	*leaf_ec, *leaf_rsa;	/* made when first needed; for
						 * as long as the key runs */
	union {
		struct forge_mc	mc;
		struct forge_ga	ga;
	}		 honest;	/* mc or ga, before the fault's plan */
	bool		 refused;	/* the fault did not fit after all */
	const char	*trouble;	/* NULL: none */
	uint8_t		 failed[1];	/* the reply then */
};

struct forge *
forge_new(const struct forge_config *cfg)
{
	struct forge *f = calloc(1, sizeof(*f));

	if (f != NULL)
		f->cfg = *cfg;
	return f;
}

void
forge_free(struct forge *f)
{
	if (f == NULL)
		return;
	forge_end(f);
	EVP_PKEY_free(f->leaf_ec);
	EVP_PKEY_free(f->leaf_rsa);
	free(f);
}

void
forge_end(struct forge *f)
{
	EVP_PKEY_free(f->mc.credential_key);
	for (size_t i = 0; i < FORGE_STATEMENTS_MAX; i++)
		EVP_PKEY_free(f->mc.statement[i].chain.leaf.key);
	explicit_bzero(&f->op, sizeof(f->op));
	explicit_bzero(&f->facts, sizeof(f->facts));
	forge_memory_wipe(&f->memory);
	memset(&f->mc, 0, sizeof(f->mc));
	memset(&f->ga, 0, sizeof(f->ga));
	memset(f->work, 0, sizeof(f->work));
	f->fault = NULL;
	f->refused = false;
	f->trouble = NULL;
	f->auth_data = span(NULL, 0);
	f->registration = false;
}

static bool
is_registration(const struct auth_facts *facts)
{
	return facts->command == (facts->u2f ? U2F_REGISTER :
	    CTAP_MAKE_CREDENTIAL);
}

/*
 * Of U2F, those that are attested to: a certificate that the credential signs
 * for itself says the same of it as no attestation.
 */
static bool
can_u2f(const struct auth_facts *facts)
{
	return is_registration(facts) ?
	    facts->attestation == ATTESTATION_FIDO_U2F :
	    facts->auth_data.p != NULL;
}

bool
forge_can(const struct auth_facts *facts)
{
	if (facts->status != CTAP2_OK || facts->cred == NULL ||
	    facts->client_data_hash.p == NULL)
		return false;
	if (facts->u2f)
		return can_u2f(facts);
	return facts->auth_data.p != NULL && (is_registration(facts) ||
	    facts->command == CTAP_GET_ASSERTION ||
	    facts->command == CTAP_GET_NEXT_ASSERTION);
}

static bool
is_all_zero(const struct auth_leaf *leaf)
{
	return leaf->chain == 0 && leaf->not_before_s == 0 &&
	    leaf->not_after_s == 0 && leaf->crl_url[0] == '\0';
}

bool
forge_must(const struct forge *f, const struct auth_facts *facts)
{
	if (facts->u2f || !forge_can(facts) || !is_registration(facts))
		return false;
	if (facts->attestation == ATTESTATION_PACKED)
		return !is_all_zero(&f->cfg.auth->leaf);
	return facts->attestation > ATTESTATION_TPM;
}

static enum forge_want
fail(struct forge *f, const char *why)
{
	f->trouble = why;
	f->auth_data = span(NULL, 0);
	f->failed[0] = CTAP1_ERR_OTHER;
	f->mc.reply = f->ga.reply = span(f->failed, sizeof(f->failed));
	return FORGE_DONE;
}

/* Taking apart, and the fault's plan. */

/* Of one of these kinds, the first of them if it is of none. */
static bool
have_kind(struct forge_mc *mc, unsigned kinds)
{
	unsigned kind = 0;

	if (kinds == 0 || (kinds & 1u << forge_mc_is(mc)) != 0)
		return true;
	while ((kinds & 1u << kind) == 0)
		kind++;
	return forge_mc_kind(mc, kind);
}

/*
 * A plan that is as it was breaks nothing, unless what follows does. Another
 * kind of attestation than the key's is still an honest one.
 */
static bool
bend_mc(struct forge *f)
{
	const struct fault *fault = f->fault;

	if (fault == NULL)
		return true;
	if (!have_kind(&f->mc, fault->mc.kinds))
		return false;
	memcpy(&f->honest.mc, &f->mc, sizeof(f->mc));
	return (fault->mc.plan == NULL || fault->mc.plan(&f->mc)) &&
	    (fault->mc.sign != NULL || fault->mc.frame != NULL ||
	    memcmp(&f->honest.mc, &f->mc, sizeof(f->mc)) != 0);
}

static bool
bend_ga(struct forge *f)
{
	const struct fault *fault = f->fault;

	if (fault == NULL || fault->ga.plan == NULL)
		return true;
	memcpy(&f->honest.ga, &f->ga, sizeof(f->ga));
	return fault->ga.plan(&f->ga) && (fault->ga.sign != NULL ||
	    fault->ga.frame != NULL ||
	    memcmp(&f->honest.ga, &f->ga, sizeof(f->ga)) != 0);
}

static bool
begin_mc(struct forge *f, const struct forge_source *src)
{
	bool (*honest)(struct forge_memory *m, const struct forge_config *cfg,
	    const struct forge_source *src, struct forge_mc *out) =
	    src->facts.u2f ? honest_u2f : honest_mc;

	if (!honest(&f->memory, &f->cfg, src, &f->mc) || !bend_mc(f))
		return false;
	/* its own key has no part in what is wrong */
	for (size_t i = 0; f->fault != NULL && i < f->mc.statements; i++)
		if (f->mc.statement[i].signer == FORGE_BY_DEVICE)
			f->mc.statement[i].signer = FORGE_BY_LEAF;
	return true;
}

static bool
begin_ga(struct forge *f, const struct forge_source *src)
{
	const struct credential *cred = src->facts.cred;

	f->ga = (struct forge_ga){ .memory = &f->memory, .cred = cred,
	    .rp_id = src->facts.rp_id,
	    .client_data_hash = src->facts.client_data_hash,
	    .value = src->choice.value, .other_id = src->other_id,
	    .other_user_id = src->other_user_id, .told = src->told,
	    .now_s = src->now_s,
	    .credential_id = span(cred->id, cred->id_len),
	    .signer = FORGE_BY_CREDENTIAL };
	if (!parts_auth_data(src->facts.auth_data, span(NULL, 0),
	    &f->ga.auth_data))
		return false;
	f->rest = (struct forge_rest){ .count = 0 };
	if (!src->facts.u2f && !parts_ga(src->reply, &f->rest))
		return false;
	if (f->rest.user.p != NULL)
		f->ga.user_id = span(cred->user.id, cred->user.id_len);
	return bend_ga(f);
}

bool
forge_begin(struct forge *f, const struct forge_source *src)
{
	bool ok;

	forge_end(f);
	if (!forge_can(&src->facts) || (src->facts.u2f &&
	    (src->choice.fault == NULL || !src->choice.fault->u2f)))
		return false;
	f->facts = src->facts;
	f->fault = src->choice.fault;
	f->registration = is_registration(&src->facts);
	ok = f->registration ? begin_mc(f, src) : begin_ga(f, src);
	if (ok && !f->memory.full)
		return true;
	if (f->fault != NULL) {
		forge_end(f);
		return false;
	}
	/* never a weaker attestation than the one that was asked for */
	(void)fail(f, "an attestation statement cannot be made");
	return true;
}

/* What is signed. */

static struct span
with_client_data(struct forge *f, bool without)
{
	return without ? f->auth_data : forge_join(&f->memory, f->auth_data,
	    f->facts.client_data_hash);
}

/* As it is told, where that is still as long as it was and so can be read. */
static void
told_point(const struct forge_mc *mc, uint8_t point[COSE_P256_POINT_LEN])
{
	struct span made = span(mc->cred->pub, mc->cred->pub_len);
	struct span told = mc->auth_data.public_key;

	cose_p256_point(made, point);
	if (told.len == made.len) {
		memcpy(point + 1, told.p + COSE_X, 32);
		memcpy(point + 33, told.p + COSE_Y, 32);
	}
}

/* WebAuthn Level 3, 8.6: 00, hash of the RP ID, client data, ID, point */
static struct span
u2f_message(struct forge *f, bool without)
{
	static const uint8_t zero = 0;
	const struct forge_auth_data *ad = &f->mc.auth_data;
	struct forge_memory *m = &f->memory;
	uint8_t point[COSE_P256_POINT_LEN];
	struct span s;

	s = forge_join(m, span(&zero, 1), span(ad->rp_id_hash, 32));
	if (!without)
		s = forge_join(m, s, f->facts.client_data_hash);
	s = forge_join(m, s, ad->credential_id);
	told_point(&f->mc, point);
	return forge_join(m, s, span(point, sizeof(point)));
}

/* H(what is signed), H as who signs */
static struct span
tpm_message(struct forge *f, const struct forge_statement *st,
    struct work *w, struct span signed_data)
{
	const EVP_MD *md = st->key_alg == COSE_RS1 ? EVP_sha1() :
	    EVP_sha256();
	struct forge_memory *m = &f->memory;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(signed_data.p, signed_data.len, hash, &len, md, NULL)
	    != 1)
		return span(NULL, 0);
	w->pub_area = tpm_pub_area(m, &st->tpm);
	w->cert_info = tpm_cert_info(m, &st->tpm, span(hash, len),
	    w->pub_area);
	return w->cert_info;
}

/* The leaf's key, of one algorithm or the other. */
static EVP_PKEY *
leaf_key(struct forge *f, int alg)
{
	EVP_PKEY **key = alg == COSE_ES256 ? &f->leaf_ec : &f->leaf_rsa;

	if (*key == NULL)
		*key = forge_key_new(alg);
	return *key;
}

/* The credential's, for the certificate of it; to be freed. */
static EVP_PKEY *
credential_public(const struct forge *f)
{
	if (f->mc.credential_key != NULL) {
		EVP_PKEY_up_ref(f->mc.credential_key);
		return f->mc.credential_key;
	}
	return certificate_cose_key(span(f->mc.cred->pub,
	    f->mc.cred->pub_len));
}

/* Whose key the first certificate has; to be freed. */
static EVP_PKEY *
certified_key(struct forge *f, const struct forge_statement *st)
{
	EVP_PKEY *key = st->chain.leaf.key;

	if (key == NULL && (st->kind == ATTESTATION_APPLE ||
	    st->kind == ATTESTATION_ANDROID_KEY))
		return credential_public(f);
	if (key == NULL)
		key = leaf_key(f, st->key_alg);
	if (key != NULL)
		EVP_PKEY_up_ref(key);
	return key;
}

static bool
make_chain(struct forge *f, struct forge_statement *st,
    struct span signed_data)
{
	struct attestation_issuer is = { .root = NULL };
	const struct auth_attestation *own = &f->cfg.auth->attestation;
	EVP_PKEY *key;
	bool ok;

	if (!st->chain.there)
		return true;
	if (st->signer == FORGE_BY_DEVICE) {
		st->chain.x5c[0] = own->u2f;
		st->chain.x5c_count = 1;
		return own->u2f.len > 0;
	}
	key = certified_key(f, st);
	ok = key != NULL && attestation_issuer_open(f->cfg.store, &is) == 0 &&
	    leaf_chain(&f->memory, &is, &st->chain, key, signed_data,
	    f->facts.client_data_hash, f->mc.now_s);
	attestation_issuer_done(&is);
	EVP_PKEY_free(key);
	return ok;
}

static struct span
message_of(struct forge *f, struct forge_statement *st, struct work *w,
    struct span signed_data)
{
	switch (st->kind) {
	case ATTESTATION_TPM:
		return tpm_message(f, st, w, signed_data);
	case ATTESTATION_FIDO_U2F:
		return u2f_message(f, st->without_client_data);
	case ATTESTATION_SAFETYNET:
		return safetynet_input(&f->memory, st, signed_data);
	default:
		return signed_data;
	}
}

static bool
prepare(struct forge *f, struct forge_statement *st, struct work *w)
{
	struct span data = st->signed_data.p != NULL ? st->signed_data :
	    with_client_data(f, st->without_client_data);

	if (data.p == NULL || !make_chain(f, st, data))
		return false;
	w->message = message_of(f, st, w, data);
	return w->message.p != NULL;
}

/* Signing. */

static enum forge_want
ask_key(struct forge *f, struct span blob, struct span bound,
    struct span epoch, struct span message)
{
	f->op = (struct key_op){ .verb = KEY_SIGN, .blob = blob,
	    .bound = bound, .epoch = epoch, .data = { message } };
	return FORGE_KEY;
}

static enum forge_want
ask_credential(struct forge *f, struct span message)
{
	const struct credential *cred = f->facts.cred;

	return ask_key(f, span(cred->blob, cred->blob_len),
	    span(cred->rp_id_hash, sizeof(cred->rp_id_hash)), f->facts.epoch,
	    message);
}

static enum forge_want
ask_device(struct forge *f, struct span message)
{
	static const uint8_t no_epoch[KEY_EPOCH_LEN];

	return ask_key(f, f->cfg.auth->attestation.blob,
	    span_str(AUTH_ATTESTATION_BOUND),
	    span(no_epoch, sizeof(no_epoch)), message);
}

/* By a key that is here; false: it failed. */
static bool
sign_here(struct forge *f, struct forge_statement *st, struct span message)
{
	bool certified = st->chain.there &&
	    st->kind != ATTESTATION_ANDROID_KEY;
	int alg = certified ? st->key_alg : f->mc.cred->alg;
	EVP_PKEY *key = NULL;

	if (st->signer == FORGE_BY_NOBODY)
		return true;
	if (st->signer == FORGE_BY_STRANGER)
		key = forge_key_new(alg);
	else if (st->signer == FORGE_BY_LEAF)
		key = leaf_key(f, alg);
	else
		key = f->mc.credential_key;
	if (st->signer == FORGE_BY_CREDENTIAL)
		alg = forge_key_alg(key);
	if (key != NULL)
		st->sig = forge_key_sign(&f->memory, key, alg, message);
	if (st->signer == FORGE_BY_STRANGER)
		EVP_PKEY_free(key);
	return st->sig.p != NULL;
}

static enum forge_want seal_mc(struct forge *f);

/* The next statement that somebody else has to sign, or all of them done. */
static enum forge_want
sign_rest(struct forge *f)
{
	for (; f->next < f->mc.statements; f->next++) {
		struct forge_statement *st = &f->mc.statement[f->next];
		struct span message = f->work[f->next].message;

		if (st->signer == FORGE_BY_DEVICE)
			return ask_device(f, message);
		if (st->signer == FORGE_BY_CREDENTIAL &&
		    f->mc.credential_key == NULL)
			return ask_credential(f, message);
		if (!sign_here(f, st, message))
			return fail(f, "an attestation statement cannot be "
			    "signed");
	}
	return seal_mc(f);
}

static struct span
tpmt(struct forge *f, const struct forge_statement *st)
{
	return tpm_signature(&f->memory, st->sig, st->key_alg != COSE_ES256,
	    st->key_alg == COSE_RS1 ? TPM_SHA1 : TPM_SHA256);
}

static struct span
write_statement(struct forge *f, size_t i)
{
	struct forge_statement *st = &f->mc.statement[i];
	struct work *w = &f->work[i];
	struct span jws = span(NULL, 0);

	if (st->kind == ATTESTATION_SAFETYNET)
		jws = safetynet_jws(&f->memory, w->message, st->sig);
	return parts_write_statement(&f->memory, st, w->pub_area,
	    w->cert_info, jws);
}

static enum forge_want
finish(struct forge *f, struct span *reply)
{
	if (f->memory.full || reply->p == NULL ||
	    reply->len > AUTH_MESSAGE_MAX)
		return fail(f, "a reply that was made anew does not fit");
	return FORGE_DONE;
}

/* The message of U2F that a client makes a statement of. */
static struct span
write_u2f(struct forge *f)
{
	const struct forge_mc *mc = &f->mc;
	uint8_t point[COSE_P256_POINT_LEN];

	told_point(mc, point);
	return parts_write_u2f(&f->memory, mc, span(point, sizeof(point)));
}

static const char *
format_name(const struct forge_mc *mc)
{
	if (mc->fmt != NULL)
		return mc->fmt;
	return mc->compound ? "compound" : mc->statement[0].fmt;
}

static struct span
write_mc(struct forge *f)
{
	struct span stmt[FORGE_STATEMENTS_MAX], all;
	struct forge_mc *mc = &f->mc;

	for (size_t i = 0; i < mc->statements; i++) {
		stmt[i] = write_statement(f, i);
		if (stmt[i].p == NULL)
			return stmt[i];
	}
	all = mc->compound ? parts_write_compound(&f->memory, mc->statement,
	    stmt, mc->statements) : stmt[0];
	return parts_write_mc(&f->memory, mc, format_name(mc), f->auth_data,
	    all);
}

static enum forge_want
seal_mc(struct forge *f)
{
	struct forge_mc *mc = &f->mc;

	for (size_t i = 0; i < mc->statements; i++)
		if (mc->statement[i].kind == ATTESTATION_TPM &&
		    mc->statement[i].tpm.tpmt_signature)
			mc->statement[i].sig = tpmt(f, &mc->statement[i]);
	if (f->fault != NULL && f->fault->mc.sign != NULL)
		f->refused |= !f->fault->mc.sign(mc);
	mc->reply = f->facts.u2f ? write_u2f(f) : write_mc(f);
	if (mc->reply.p != NULL && f->fault != NULL &&
	    f->fault->mc.frame != NULL)
		f->refused |= !f->fault->mc.frame(mc);
	return finish(f, &mc->reply);
}

static enum forge_want
seal_ga(struct forge *f)
{
	struct forge_ga *ga = &f->ga;

	if (f->fault != NULL && f->fault->ga.sign != NULL)
		f->refused |= !f->fault->ga.sign(ga);
	ga->reply = f->facts.u2f ? parts_write_u2f_ga(&f->memory, ga) :
	    parts_write_ga(&f->memory, ga, &f->rest, f->auth_data);
	if (ga->reply.p != NULL && f->fault != NULL &&
	    f->fault->ga.frame != NULL)
		f->refused |= !f->fault->ga.frame(ga);
	return finish(f, &ga->reply);
}

static enum forge_want
run_ga(struct forge *f)
{
	struct span message = with_client_data(f, f->ga.without_client_data);
	EVP_PKEY *key;

	if (message.p == NULL)
		return fail(f, "an assertion does not fit");
	if (f->ga.signer == FORGE_BY_CREDENTIAL)
		return ask_credential(f, message);
	key = forge_key_new(f->ga.cred->alg);
	if (key != NULL)
		f->ga.sig = forge_key_sign(&f->memory, key, f->ga.cred->alg,
		    message);
	EVP_PKEY_free(key);
	return f->ga.sig.p != NULL ? seal_ga(f) :
	    fail(f, "an assertion cannot be signed");
}

enum forge_want
forge_run(struct forge *f)
{
	if (f->trouble != NULL)
		return FORGE_DONE;
	f->auth_data = parts_write_auth_data(&f->memory, f->registration ?
	    &f->mc.auth_data : &f->ga.auth_data);
	if (f->auth_data.p == NULL)
		return fail(f, "authenticator data does not fit");
	if (!f->registration)
		return run_ga(f);
	for (size_t i = 0; i < f->mc.statements; i++)
		if (!prepare(f, &f->mc.statement[i], &f->work[i]))
			return fail(f, "an attestation certificate cannot be "
			    "made");
	f->next = 0;
	return sign_rest(f);
}

struct key_op *
forge_key_op(struct forge *f)
{
	return &f->op;
}

enum forge_want
forge_key_done(struct forge *f)
{
	struct span sig;

	if (f->op.result != 0)
		return fail(f, "the key provider did not sign");
	sig = forge_copy(&f->memory, span(f->op.out_sig, f->op.out_sig_len));
	if (sig.p == NULL)
		return fail(f, "a signature does not fit");
	if (!f->registration) {
		f->ga.sig = sig;
		return seal_ga(f);
	}
	f->mc.statement[f->next++].sig = sig;
	return sign_rest(f);
}

struct span
forge_reply(const struct forge *f)
{
	return f->registration ? f->mc.reply : f->ga.reply;
}

const char *
forge_trouble(const struct forge *f)
{
	return f->trouble;
}

struct span
forge_auth_data(const struct forge *f)
{
	/* a registration of U2F has none */
	return f->facts.u2f && f->registration ? span(NULL, 0) : f->auth_data;
}

bool
forge_bent(const struct forge *f)
{
	return f->fault != NULL && !f->refused && f->trouble == NULL;
}

enum attestation_kind
forge_kind(const struct forge *f)
{
	return f->registration ? forge_mc_is(&f->mc) : ATTESTATION_NONE;
}
