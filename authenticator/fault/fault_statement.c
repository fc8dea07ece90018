/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of attestation statements, but for tpm's.
 */
#include <openssl/ec.h>

#include "authenticator/attest/crl.h"
#include "authenticator/fault/fault_rows.h"
#include "authenticator/fault/fault_statement.h"
#include "authenticator/forge/plan.h"
#include "ctap/cose.h"

#define DAY_S		86400LL
#define YEAR_S		(365 * DAY_S)
#define ALG_UNKNOWN	(-70000)	/* not in the registry of IANA */
/* port 9 discards, where anybody is there at all */
#define CRL_OF_NOBODY	"http://127.0.0.1:9/sealkey-test.crl"
#define HOUR_MS		3600000LL

/* The signature. */

static bool
flip_signature(struct forge_mc *mc, size_t i)
{
	struct forge_statement *st = &mc->statement[i];

	st->sig = forge_flip(mc->memory, st->sig, -1);
	return st->sig.p != NULL;
}

bool
fault_sign_bad(struct forge_mc *mc)
{
	return flip_signature(mc, 0);
}

static bool
sign_empty(struct forge_mc *mc)
{
	mc->statement[0].sig = span("", 0);
	return true;
}

/* r and s of P-256, as other protocols have them. */
static bool
sign_raw(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];
	const uint8_t *p = st->sig.p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)st->sig.len);
	uint8_t *raw = sig != NULL ? forge_room(mc->memory, 64) : NULL;
	bool ok = raw != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;

	ECDSA_SIG_free(sig);
	if (ok)
		st->sig = span(raw, 64);
	return ok;
}

static bool
sig_wrong_key(struct forge_mc *mc)
{
	mc->statement[0].signer = FORGE_BY_STRANGER;
	return true;
}

static bool
sig_authdata_only(struct forge_mc *mc)
{
	mc->statement[0].without_client_data = true;
	return true;
}

/* The algorithm. */

static bool
alg_mismatch_basic(struct forge_mc *mc)
{
	mc->statement[0].alg = COSE_RS256;
	return true;
}

static bool
alg_mismatch_self(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->alg = st->alg == COSE_RS256 ? COSE_ES256 : COSE_RS256;
	return true;
}

static bool
alg_missing(struct forge_mc *mc)
{
	mc->statement[0].alg_there = false;
	return true;
}

static bool
alg_unknown(struct forge_mc *mc)
{
	mc->statement[0].alg = ALG_UNKNOWN;
	return true;
}

/* The chain. */

bool
fault_untrusted_root(struct forge_mc *mc)
{
	mc->statement[0].chain.anchor = FORGE_TO_STRANGER;
	return true;
}

static bool
own_root_in_x5c(struct forge_mc *mc)
{
	mc->statement[0].chain.with_anchor = true;
	return fault_untrusted_root(mc);
}

static bool
leaf_self_signed(struct forge_mc *mc)
{
	mc->statement[0].chain.anchor = FORGE_TO_ITSELF;
	return true;
}

static bool
anchor_in_x5c(struct forge_mc *mc)
{
	mc->statement[0].chain.with_anchor = true;
	return true;
}

static bool
plan_two(struct forge_mc *mc)
{
	struct forge_chain *c = &mc->statement[0].chain;

	if (c->certificates < 2)
		c->certificates = 2;
	return true;
}

static bool
missing_intermediate(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf_only = true;
	return plan_two(mc);
}

static bool
sign_x5c_empty(struct forge_mc *mc)
{
	mc->statement[0].chain.x5c_count = 0;
	return true;
}

static bool
sign_x5c_garbage(struct forge_mc *mc)
{
	struct span *cert = &mc->statement[0].chain.x5c[0];

	*cert = forge_random(mc->memory, cert->len);
	return cert->p != NULL;
}

static bool
sign_x5c_order(struct forge_mc *mc)
{
	struct forge_chain *c = &mc->statement[0].chain;
	struct span first = c->x5c[0];

	c->x5c[0] = c->x5c[1];
	c->x5c[1] = first;
	return true;
}

static bool
crl_ssrf(struct forge_mc *mc)
{
	struct forge_leaf *l = &mc->statement[0].chain.leaf;

	if (l->crl_url == NULL)
		l->crl_url = CRL_OF_NOBODY;
	return fault_untrusted_root(mc);
}

/* The leaf. */

static bool
leaf_expired(struct forge_mc *mc)
{
	struct forge_leaf *l = &mc->statement[0].chain.leaf;

	l->not_before_s = mc->now_s - YEAR_S;
	l->not_after_s = mc->now_s - DAY_S;
	return true;
}

static bool
leaf_not_yet(struct forge_mc *mc)
{
	struct forge_leaf *l = &mc->statement[0].chain.leaf;

	l->not_before_s = mc->now_s + 2 * DAY_S;
	l->not_after_s = mc->now_s + YEAR_S;
	return true;
}

static bool
leaf_revoked(struct forge_mc *mc)
{
	struct forge_leaf *l = &mc->statement[0].chain.leaf;

	memcpy(l->serial, crl_revoked_serial, X509_SERIAL_LEN);
	l->serial_len = X509_SERIAL_LEN;
	return true;
}

static bool
leaf_bad_signature(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.bad_signature = true;
	return true;
}

static bool
leaf_ou(struct forge_mc *mc)
{
	return forge_leaf_name(&mc->statement[0].chain.leaf, "OU",
	    "Authenticator TEST Attestation");
}

static bool
leaf_without(struct forge_mc *mc, const char *oid)
{
	return forge_leaf_name(&mc->statement[0].chain.leaf, oid, NULL);
}

static bool
leaf_o(struct forge_mc *mc)
{
	return leaf_without(mc, "O");
}

static bool
leaf_cn(struct forge_mc *mc)
{
	return leaf_without(mc, "CN");
}

static bool
leaf_c(struct forge_mc *mc)
{
	return leaf_without(mc, "C");
}

/* "AA" is for private use, and no country. */
static bool
leaf_c_unknown(struct forge_mc *mc)
{
	return forge_leaf_name(&mc->statement[0].chain.leaf, "C", "AA");
}

static bool
leaf_v1(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.version = 1;
	return true;
}

bool
fault_leaf_ca(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.ca = true;
	return true;
}

bool
fault_leaf_no_constraints(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.constraints = FORGE_ABSENT;
	return true;
}

static bool
leaf_aaguid_critical(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.aaguid_there = FORGE_CRITICAL;
	return true;
}

static bool
leaf_aaguid_other(struct forge_mc *mc)
{
	struct forge_leaf *l = &mc->statement[0].chain.leaf;

	l->aaguid[sizeof(l->aaguid) - 1] ^= 1;
	return true;
}

/* The format. */

/* Another kind than the key gives, which is what is wrong with it. */
static bool
give(struct forge_mc *mc, enum attestation_kind kind)
{
	return forge_mc_is(mc) != kind && forge_mc_kind(mc, kind);
}

static bool
self(struct forge_mc *mc)
{
	return give(mc, ATTESTATION_SELF);
}

static bool
none(struct forge_mc *mc)
{
	return give(mc, ATTESTATION_NONE);
}

/* "test": 1, which is where it belongs in the order of a packed statement */
static bool
extra_member(struct forge_mc *mc)
{
	mc->statement[0].extra = span("\x64" "test" "\x01", 6);
	return true;
}

static bool
statement_empty(struct forge_mc *mc)
{
	mc->statement[0].cbor = span("\xa0", 1);	/* a map */
	return true;
}

static bool
format_unknown(struct forge_mc *mc)
{
	mc->fmt = "sealkey-test";
	return true;
}

static bool
u2f_aaguid(struct forge_mc *mc)
{
	memcpy(mc->auth_data.aaguid, mc->aaguid, sizeof(mc->aaguid));
	return true;
}

/* U2F has room for one certificate. */
static bool
u2f_two_certificates(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->signer = FORGE_BY_LEAF;
	st->chain.certificates = 2;
	return true;
}

static bool
compound(struct forge_mc *mc)
{
	return give(mc, ATTESTATION_COMPOUND);
}

static bool
compound_one(struct forge_mc *mc)
{
	mc->statements = 1;
	return true;
}

static bool
sign_compound_bad(struct forge_mc *mc)
{
	return flip_signature(mc, 1);
}

static bool
android_key(struct forge_mc *mc)
{
	return give(mc, ATTESTATION_ANDROID_KEY);
}

/* What phones say. */

static bool
android_challenge(struct forge_mc *mc)
{
	struct span *challenge =
	    &mc->statement[0].chain.leaf.description.challenge;

	*challenge = forge_random(mc->memory, 32);
	return challenge->p != NULL;
}

static bool
android_all_applications(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.description.all_applications = true;
	return true;
}

static bool
android_origin(struct forge_mc *mc)
{
	/* KM_ORIGIN_IMPORTED */
	mc->statement[0].chain.leaf.description.origin = 2;
	return true;
}

static bool
android_purpose(struct forge_mc *mc)
{
	/* KM_PURPOSE_DECRYPT */
	mc->statement[0].chain.leaf.description.purpose = 1;
	return true;
}

static bool
android_software(struct forge_mc *mc)
{
	struct forge_key_description *d =
	    &mc->statement[0].chain.leaf.description;

	d->security_level = 0;
	d->in_tee = false;
	return true;
}

/* The certificate is another key's. */
static bool
other_certified(struct forge_mc *mc)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	mc->statement[0].chain.leaf.key = key;
	return key != NULL;
}

static bool
apple_nonce(struct forge_mc *mc)
{
	struct span *nonce = &mc->statement[0].chain.leaf.nonce;

	*nonce = forge_random(mc->memory, 32);
	return nonce->p != NULL;
}

static bool
safetynet_nonce(struct forge_mc *mc)
{
	struct forge_safetynet *net = &mc->statement[0].safetynet;

	net->nonce = forge_random(mc->memory, 32);
	return net->nonce.p != NULL;
}

static bool
safetynet_cts(struct forge_mc *mc)
{
	mc->statement[0].safetynet.cts_profile_match = false;
	return true;
}

static bool
safetynet_old(struct forge_mc *mc)
{
	mc->statement[0].safetynet.timestamp_ms -= HOUR_MS;
	return true;
}

static bool
safetynet_host(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.dns = "attest.example";
	return forge_leaf_name(&mc->statement[0].chain.leaf, "CN",
	    "attest.example");
}

/* One that is signed; packed first. */
#define OF_SIGNED	.mc.kinds = FAULT_KIND(PACKED) | FAULT_KIND(SELF) | \
	FAULT_KIND(TPM) | FAULT_KIND(FIDO_U2F) | FAULT_KIND(ANDROID_KEY) | \
	FAULT_KIND(SAFETYNET)

/*
 * Chromium hands statements on unread; of packed, so does Firefox, and stops
 * what it cannot read. With _SEEN, it was that very fault that was measured.
 */
#define DIRECT	.needs = FAULT_NEEDS_DIRECT
#define PACKED	DIRECT, .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY
#define PACKED_SEEN \
	DIRECT, .chromium = FAULT_PASSES, .firefox = FAULT_PASSES
#define OTHER	DIRECT, .chromium = FAULT_LIKELY, .firefox = FAULT_UNLIKELY
#define OTHER_SEEN \
	DIRECT, .chromium = FAULT_PASSES, .firefox = FAULT_BLOCKED
#define UNREAD	DIRECT, .chromium = FAULT_LIKELY

static const struct fault rows[] = {
	{ .name = "att.sig-bad", PACKED_SEEN,
	  .u2f = true,
	  OF_SIGNED, .mc.sign = fault_sign_bad,
	  .breaks = "The last bit of the attestation signature is another "
	    "one.",
	  .check = "verify the signature",
	  .section = "8.2: verification procedure",
	  .references = "conformance Resp-5" },
	{ .name = "att.sig-empty", PACKED_SEEN,
	  .u2f = true,
	  OF_SIGNED, .mc.sign = sign_empty,
	  .breaks = "The attestation signature has no bytes.",
	  .check = "verify the signature",
	  .section = "8.2: verification procedure",
	  .references = "conformance Resp-5" },
	{ .name = "att.sig-raw-rs", PACKED_SEEN,
	  FAULT_OF(PACKED), .mc.sign = sign_raw,
	  .breaks = "The ECDSA signature is r and s, and not DER.",
	  .check = "take ECDSA signatures in DER alone",
	  .section = "6.5.5: signature formats",
	  .references = "conformance Resp-5" },
	{ .name = "att.sig-wrong-key", PACKED,
	  .u2f = true,
	  OF_SIGNED, .mc.plan = sig_wrong_key,
	  .breaks = "The attestation signature is by another key than the "
	    "certificate's.",
	  .check = "verify the signature with the key of the certificate",
	  .section = "8.2: verification procedure",
	  .references = "conformance Resp-5" },
	{ .name = "att.sig-authdata-only", PACKED,
	  .u2f = true,
	  OF_SIGNED, .mc.plan = sig_authdata_only,
	  .breaks = "The attestation signature is over authenticator data "
	    "alone, without the hash of the client data.",
	  .check = "verify the signature over both: it would be good for any "
	    "challenge otherwise",
	  .section = "8.2: verification procedure",
	  .references = "conformance Resp-5" },
	{ .name = "att.alg-mismatch-basic", PACKED_SEEN,
	  FAULT_OF(PACKED), .mc.plan = alg_mismatch_basic,
	  .breaks = "The statement says RS256, and the certificate has a "
	    "P-256 key, which signed with ES256.",
	  .check = "verify with the algorithm that the statement names, and "
	    "refuse a key that is not of it",
	  .section = "8.2: verification procedure" },
	{ .name = "att.alg-mismatch-self", PACKED,
	  FAULT_OF(SELF), .mc.plan = alg_mismatch_self,
	  .breaks = "The statement of self attestation names another "
	    "algorithm than the credential's key.",
	  .check = "compare alg with that of credentialPublicKey",
	  .section = "8.2: verification procedure, self attestation",
	  .references = "py_webauthn, webauthn4j and fido2-net-lib do" },
	{ .name = "att.alg-missing", UNREAD,
	  FAULT_OF(PACKED), .mc.plan = alg_missing,
	  .breaks = "The packed statement has no member alg.",
	  .check = "refuse a statement that is not of its syntax",
	  .section = "8.2: syntax",
	  .references = "conformance Resp-5" },
	{ .name = "att.alg-unknown", OTHER_SEEN,
	  FAULT_OF(PACKED), .mc.plan = alg_unknown,
	  .breaks = "The statement names an algorithm that nobody has "
	    "registered.",
	  .check = "refuse an algorithm that it does not know",
	  .section = "8.2: verification procedure",
	  .references = "conformance Resp-5" },
	{ .name = "att.untrusted-root", PACKED,
	  FAULT_OF(PACKED), .mc.plan = fault_untrusted_root,
	  .breaks = "The chain leads to a root that nobody trusts.",
	  .check = "require a trust anchor of its own at the end of the "
	    "chain",
	  .section = "7.1: trust anchors",
	  .references = "fido2-net-lib#158" },
	{ .name = "att.self-signed-root-in-x5c", PACKED,
	  FAULT_OF(PACKED), .mc.plan = own_root_in_x5c,
	  .breaks = "The chain leads to a root that nobody trusts, which it "
	    "brings along.",
	  .check = "take trust anchors from its own list, never from x5c",
	  .section = "7.1: trust anchors",
	  .references = "GHSA-6hxq-p678-4hr2" },
	{ .name = "att.leaf-self-signed", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_self_signed,
	  .breaks = "The attestation certificate is signed by its own key.",
	  .check = "require a trust anchor of its own at the end of the "
	    "chain",
	  .section = "7.1: trust anchors" },
	{ .name = "att.anchor-in-x5c", PACKED,
	  FAULT_OF(PACKED), .mc.plan = anchor_in_x5c,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The chain has the root in it, which is not needed.",
	  .check = "survive it; accepting is up to the relying party",
	  .section = "7.1: trust anchors" },
	{ .name = "att.missing-intermediate", PACKED,
	  FAULT_OF(PACKED), .mc.plan = missing_intermediate,
	  .breaks = "The certificate of the CA between leaf and root is not "
	    "sent.",
	  .check = "refuse a chain with a gap",
	  .section = "7.1: trust anchors" },
	{ .name = "att.x5c-empty", .needs = FAULT_NEEDS_DIRECT,
	  .chromium = FAULT_PASSES, .firefox = FAULT_CHANGED,
	  FAULT_OF(PACKED), .mc.sign = sign_x5c_empty,
	  .breaks = "The list x5c is there, without a certificate in it.",
	  .check = "refuse a statement that is not of its syntax, and not "
	    "take it for self attestation",
	  .section = "8.2: syntax",
	  .references = "conformance Resp-5" },
	{ .name = "att.x5c-garbage", PACKED_SEEN,
	  FAULT_OF(PACKED), .mc.sign = sign_x5c_garbage,
	  .breaks = "The attestation certificate is random bytes.",
	  .check = "survive a certificate that cannot be parsed",
	  .section = "8.2: syntax",
	  .references = "conformance Resp-5" },
	{ .name = "att.x5c-order", PACKED,
	  FAULT_OF(PACKED), .mc.plan = plan_two, .mc.sign = sign_x5c_order,
	  .breaks = "The CA's certificate comes before the leaf.",
	  .check = "take the first certificate for the one that signs",
	  .section = "8.2: syntax" },
	{ .name = "att.leaf-expired", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_expired,
	  .breaks = "The attestation certificate expired yesterday.",
	  .check = "refuse certificates that have expired",
	  .section = "7.1: trust anchors; RFC 5280, 6.1.3",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-notyet", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_not_yet,
	  .breaks = "The attestation certificate is not valid before the day "
	    "after tomorrow.",
	  .check = "refuse certificates that are not valid yet",
	  .section = "7.1: trust anchors; RFC 5280, 6.1.3",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-revoked",
	  FAULT_OF(PACKED), .mc.plan = leaf_revoked,
	  .needs = FAULT_NEEDS_DIRECT | FAULT_NEEDS_CRL,
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY,
	  .verdict = FAULT_POLICY,
	  .breaks = "The attestation certificate is on its CA's revocation "
	    "list.",
	  .check = "look into the CRL",
	  .section = "7.1: trust anchors; RFC 5280, 6.3",
	  .references = "GHSA-2g3p-m8c9-hhwh" },
	{ .name = "att.crl-ssrf", PACKED,
	  FAULT_OF(PACKED), .mc.plan = crl_ssrf,
	  .breaks = "The chain leads to a root that nobody trusts, and says "
	    "where its revocation list is to be fetched.",
	  .check = "fetch nothing for a chain that does not end in a trust "
	    "anchor",
	  .section = "7.1: trust anchors",
	  .references = "GHSA-j3h4-m3m2-7p7j" },
	{ .name = "att.leaf-bad-signature", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_bad_signature,
	  .breaks = "The signature of the CA on the attestation certificate "
	    "is wrong.",
	  .check = "verify every signature of the chain",
	  .section = "7.1: trust anchors; RFC 5280, 6.1.3" },
	{ .name = "att.leaf-ou", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_ou,
	  .breaks = "The certificate's OU is not \"Authenticator "
	    "Attestation\".",
	  .check = "compare Subject-OU with that text",
	  .section = "8.2.1: Subject-OU",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-o", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_o,
	  .breaks = "The certificate names no organisation.",
	  .check = "require Subject-O",
	  .section = "8.2.1: Subject-O",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-cn", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_cn,
	  .breaks = "The certificate has no common name.",
	  .check = "require Subject-CN",
	  .section = "8.2.1: Subject-CN",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-c", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_c,
	  .breaks = "The certificate names no country.",
	  .check = "require Subject-C",
	  .section = "8.2.1: Subject-C",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-c-unknown", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_c_unknown,
	  .verdict = FAULT_POLICY,
	  .breaks = "The certificate's country is \"AA\", which is none.",
	  .check = "compare Subject-C with ISO 3166",
	  .section = "8.2.1: Subject-C",
	  .references = "go-webauthn does" },
	{ .name = "att.leaf-v1", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_v1,
	  .breaks = "The certificate says that it is of version 1.",
	  .check = "require version 3",
	  .section = "8.2.1: version",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-ca-true", PACKED,
	  FAULT_OF(PACKED), .mc.plan = fault_leaf_ca,
	  .breaks = "The attestation certificate says that it is a CA's.",
	  .check = "require that basicConstraints says CA is false",
	  .section = "8.2.1: Basic Constraints",
	  .references = "conformance Resp-5" },
	{ .name = "att.leaf-no-bc", PACKED,
	  FAULT_OF(PACKED), .mc.plan = fault_leaf_no_constraints,
	  .breaks = "The certificate has no basicConstraints.",
	  .check = "require them",
	  .section = "8.2.1: Basic Constraints",
	  .references = "go iso3166; fido2-lib crashes" },
	{ .name = "att.leaf-aaguid-critical", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_aaguid_critical,
	  .breaks = "The extension id-fido-gen-ce-aaguid is critical.",
	  .check = "refuse it if it is marked critical",
	  .section = "8.2.1: extension",
	  .references = "python-fido2 and webauthn-rs do" },
	{ .name = "att.leaf-aaguid", PACKED,
	  FAULT_OF(PACKED), .mc.plan = leaf_aaguid_other,
	  .breaks = "The certificate has another AAGUID than the "
	    "authenticator data.",
	  .check = "compare id-fido-gen-ce-aaguid with it",
	  .section = "8.2: verification procedure" },
	{ .name = "att.self-when-basic-required", PACKED_SEEN,
	  .mc.plan = self,
	  .verdict = FAULT_POLICY,
	  .breaks = "The key answers with self attestation, which proves no "
	    "model.",
	  .check = "refuse it where a model has to be proved",
	  .section = "7.1: self attestation is acceptable by policy",
	  .references = "keycloak#9511" },
	{ .name = "att.none-when-direct", PACKED, .mc.plan = none,
	  .verdict = FAULT_POLICY,
	  .breaks = "The key answers without attestation.",
	  .check = "refuse it where attestation is required",
	  .section = "7.1: none is acceptable by policy",
	  .references = "vertx-auth#697" },
	{ .name = "att.fmt-none-with-stmt", OTHER_SEEN,
	  FAULT_OF(NONE), .mc.plan = extra_member,
	  .breaks = "The format is none, and the statement is not empty.",
	  .check = "require an empty map",
	  .section = "8.7: syntax",
	  .references = "conformance Resp-7" },
	{ .name = "att.stmt-empty", OTHER_SEEN,
	  FAULT_OF(PACKED), .mc.plan = statement_empty,
	  .breaks = "The format is packed, and the statement is empty.",
	  .check = "refuse a statement that is not of its syntax",
	  .section = "8.2: syntax",
	  .references = "conformance Resp-5" },
	{ .name = "att.stmt-extra-key", PACKED_SEEN,
	  FAULT_OF(PACKED), .mc.plan = extra_member,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The packed statement has a member \"test\".",
	  .check = "survive it; the standard does not say more",
	  .section = "8.2: syntax" },
	{ .name = "att.fmt-unknown", OTHER_SEEN,
	  FAULT_OF(PACKED), .mc.plan = format_unknown,
	  .breaks = "The format is one that nobody has registered.",
	  .check = "refuse a format that it does not know",
	  .section = "7.1: attestation statement format",
	  .references = "conformance Resp-8 F-1" },
	{ .name = "att.fmt-u2f-aaguid", PACKED,
	  FAULT_OF(FIDO_U2F), .mc.plan = u2f_aaguid,
	  .breaks = "The format is fido-u2f, and there is an AAGUID.",
	  .check = "require the AAGUID of U2F, which is all zero",
	  .section = "6.5.1: aaguid of U2F; 8.6",
	  .references = "conformance Resp-6" },
	{ .name = "att.u2f-two-certs", PACKED,
	  FAULT_OF(FIDO_U2F), .mc.plan = u2f_two_certificates,
	  .breaks = "The fido-u2f statement has two certificates.",
	  .check = "require exactly one",
	  .section = "8.6: verification procedure",
	  .references = "conformance Resp-6" },
	{ .name = "att.fmt-compound", OTHER_SEEN,
	  .mc.plan = compound,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The statement is a compound one, of two that are good.",
	  .check = "verify both, or refuse a format that it does not know",
	  .section = "8.9" },
	{ .name = "att.compound-one", OTHER,
	  FAULT_OF(COMPOUND), .mc.plan = compound_one,
	  .breaks = "The compound statement consists of one.",
	  .check = "require two or more",
	  .section = "8.9: syntax" },
	{ .name = "att.compound-second-bad", OTHER,
	  FAULT_OF(COMPOUND), .mc.sign = sign_compound_bad,
	  .verdict = FAULT_POLICY,
	  .breaks = "Of two statements of a compound one, the signature of "
	    "the second is wrong.",
	  .check = "verify all of them, not just the first",
	  .section = "8.9: verification procedure" },
	{ .name = "att.fmt-android-key", OTHER_SEEN,
	  .mc.plan = android_key,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The format is android-key, of a key that is no phone's.",
	  .check = "verify it, or refuse a format that it does not know",
	  .section = "8.4" },
	{ .name = "att.android-challenge", OTHER,
	  FAULT_OF(ANDROID_KEY), .mc.plan = android_challenge,
	  .breaks = "The attestationChallenge in the certificate is not the "
	    "hash of the client data.",
	  .check = "compare them",
	  .section = "8.4: verification procedure",
	  .references = "conformance Resp-A" },
	{ .name = "att.android-key-other", OTHER,
	  FAULT_OF(ANDROID_KEY), .mc.plan = other_certified,
	  .breaks = "The first certificate is of another key than the "
	    "credential's.",
	  .check = "compare it with credentialPublicKey",
	  .section = "8.4: verification procedure" },
	{ .name = "att.android-all-apps", OTHER,
	  FAULT_OF(ANDROID_KEY), .mc.plan = android_all_applications,
	  .breaks = "The key may be used by all applications.",
	  .check = "refuse allApplications in either list",
	  .section = "8.4: verification procedure" },
	{ .name = "att.android-origin", OTHER,
	  FAULT_OF(ANDROID_KEY), .mc.plan = android_origin,
	  .breaks = "The key was imported, not generated.",
	  .check = "require the origin KM_ORIGIN_GENERATED",
	  .section = "8.4: verification procedure" },
	{ .name = "att.android-purpose", OTHER,
	  FAULT_OF(ANDROID_KEY), .mc.plan = android_purpose,
	  .breaks = "The key is there to decrypt.",
	  .check = "require the purpose KM_PURPOSE_SIGN",
	  .section = "8.4: verification procedure" },
	{ .name = "att.android-software", OTHER,
	  FAULT_OF(ANDROID_KEY), .mc.plan = android_software,
	  .verdict = FAULT_POLICY,
	  .breaks = "The key is enforced by software, in no trusted "
	    "environment.",
	  .check = "look at teeEnforced alone, where a trusted environment "
	    "is required",
	  .section = "8.4: verification procedure" },
	{ .name = "att.apple-nonce", OTHER,
	  FAULT_OF(APPLE), .mc.plan = apple_nonce,
	  .breaks = "The nonce in the certificate is not the hash of this "
	    "registration.",
	  .check = "compare it with SHA-256 of authenticator data and hash "
	    "of the client data",
	  .section = "8.8: verification procedure" },
	{ .name = "att.apple-key-other", OTHER,
	  FAULT_OF(APPLE), .mc.plan = other_certified,
	  .breaks = "The certificate is of another key than the "
	    "credential's.",
	  .check = "compare it with credentialPublicKey",
	  .section = "8.8: verification procedure" },
	{ .name = "att.safetynet-nonce", OTHER,
	  FAULT_OF(SAFETYNET), .mc.plan = safetynet_nonce,
	  .breaks = "The nonce in the response is not the hash of this "
	    "registration.",
	  .check = "compare it",
	  .section = "8.5: verification procedure",
	  .references = "conformance Resp-B" },
	{ .name = "att.safetynet-cts", OTHER,
	  FAULT_OF(SAFETYNET), .mc.plan = safetynet_cts,
	  .verdict = FAULT_POLICY,
	  .breaks = "The response says that ctsProfileMatch is false.",
	  .check = "require that it is true",
	  .section = "8.5: verification procedure",
	  .references = "conformance Resp-B" },
	{ .name = "att.safetynet-old", OTHER,
	  FAULT_OF(SAFETYNET), .mc.plan = safetynet_old,
	  .breaks = "The response is an hour old.",
	  .check = "require that timestampMs is of this minute",
	  .section = "8.5: verification procedure",
	  .references = "conformance Resp-B" },
	{ .name = "att.safetynet-host", OTHER,
	  FAULT_OF(SAFETYNET), .mc.plan = safetynet_host,
	  .breaks = "The certificate is of another host than "
	    "attest.android.com.",
	  .check = "require that name",
	  .section = "8.5: verification procedure",
	  .references = "conformance Resp-B" },
};

const struct fault_rows fault_statement = FAULT_ROWS(rows);
