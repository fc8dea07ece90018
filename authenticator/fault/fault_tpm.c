/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of tpm attestation. A real TPM does not say what is not so, and its
 * keys stay out of this: the statement is made here, of a credential whose key
 * could live in a TPM, and certified by the test root. But for the fault it is
 * as good as any.
 */
#include "authenticator/fault/fault_rows.h"
#include "authenticator/fault/fault_statement.h"
#include "authenticator/forge/plan.h"
#include "ctap/cose.h"

#define TPM_QUOTE	0x8018
#define TPM_SHA1	0x0004
#define TPM_SHA256	0x000b
#define TPM_ECDSA	0x0018
#define TPM_RSASSA	0x0014
#define TPM_RSA		0x0001
#define FIXED		0x00000032	/* fixedTPM, fixedParent,
					 * sensitiveDataOrigin */
#define CLIENT_AUTH	"1.3.6.1.5.5.7.3.2"
#define TRAILING_LEN	16		/* bytes */

/* certInfo */

static bool
magic(struct forge_mc *mc)
{
	mc->statement[0].tpm.magic ^= 1;
	return true;
}

static bool
type_quote(struct forge_mc *mc)
{
	mc->statement[0].tpm.attest_type = TPM_QUOTE;
	return true;
}

static bool
extra_data(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->tpm.extra_data = forge_random(mc->memory, 32);
	return st->tpm.extra_data.p != NULL;
}

/* A name of the right kind, of something else. */
static bool
name(struct forge_mc *mc)
{
	static const uint8_t alg[] = { 0x00, TPM_SHA256 };
	struct forge_statement *st = &mc->statement[0];

	st->tpm.name = forge_join(mc->memory, span(alg, sizeof(alg)),
	    forge_random(mc->memory, 32));
	return st->tpm.name.p != NULL;
}

static bool
name_alg(struct forge_mc *mc)
{
	mc->statement[0].tpm.attested_alg = TPM_SHA1;
	return true;
}

static bool
cert_info_trailing(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->tpm.cert_info_trailing = forge_random(mc->memory, TRAILING_LEN);
	return st->tpm.cert_info_trailing.p != NULL;
}

static bool
clock_unsafe(struct forge_mc *mc)
{
	mc->statement[0].tpm.safe = 0;
	return true;
}

/* pubArea */

static bool
attributes(struct forge_mc *mc)
{
	mc->statement[0].tpm.attributes &= ~(uint32_t)FIXED;
	return true;
}

/* What was certified is that other key, and all of that agrees. */
static bool
pub_area_key(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];
	struct span *part = st->tpm.type == TPM_RSA ? &st->tpm.n : &st->tpm.x;

	*part = forge_flip(mc->memory, *part, -1);
	return part->p != NULL;
}

static bool
pub_area_trailing(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->tpm.pub_area_trailing = forge_random(mc->memory, TRAILING_LEN);
	return st->tpm.pub_area_trailing.p != NULL;
}

static bool
pub_area_scheme(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->tpm.scheme = st->tpm.type == TPM_RSA ? TPM_RSASSA : TPM_ECDSA;
	st->tpm.scheme_hash = TPM_SHA256;
	return true;
}

/* The statement */

static bool
version(struct forge_mc *mc)
{
	mc->statement[0].tpm.ver = "1.2";
	return true;
}

static bool
alg_rs1(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	if (st->key_alg == COSE_RS1)
		return false;
	st->key_alg = COSE_RS1;
	st->alg = COSE_RS1;
	return true;
}

/* The hash under both is the same. */
static bool
alg_vs_aik(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	st->key_alg = COSE_ES256;
	st->alg = COSE_RS256;
	return true;
}

static bool
sig_tpmt(struct forge_mc *mc)
{
	struct forge_statement *st = &mc->statement[0];

	if (st->tpm.tpmt_signature)
		return false;
	st->tpm.tpmt_signature = true;
	return true;
}

static bool
not_restricted(struct forge_mc *mc)
{
	mc->statement[0].tpm.restricted = false;
	return true;
}

static bool
x5c_missing(struct forge_mc *mc)
{
	mc->statement[0].chain.there = false;
	return true;
}

/* The certificate of the attestation key */

static bool
aik_subject(struct forge_mc *mc)
{
	return forge_leaf_name(&mc->statement[0].chain.leaf, "CN",
	    "sealkey TEST attestation key");
}

static bool
san_missing(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.tpm_there = FORGE_ABSENT;
	return true;
}

static bool
san_not_critical(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.tpm_there = FORGE_PLAIN;
	return true;
}

/* swtpm's own, which is on nobody's list; a key may have it anyway. */
static bool
san_manufacturer(struct forge_mc *mc)
{
	static const char swtpm[] = "id:00001014";
	struct forge_leaf *leaf = &mc->statement[0].chain.leaf;

	if (leaf->manufacturer != NULL &&
	    strcmp(leaf->manufacturer, swtpm) == 0)
		return false;
	leaf->manufacturer = swtpm;
	return true;
}

static bool
san_model_missing(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.model = NULL;
	return true;
}

static bool
eku_missing(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.purposes_there = FORGE_ABSENT;
	return true;
}

static bool
eku_other(struct forge_mc *mc)
{
	mc->statement[0].chain.leaf.purposes[0] = CLIENT_AUTH;
	return true;
}

static bool
eku_second(struct forge_mc *mc)
{
	struct forge_leaf *leaf = &mc->statement[0].chain.leaf;

	leaf->purposes[1] = leaf->purposes[0];
	leaf->purposes[0] = CLIENT_AUTH;
	return true;
}

static bool
aik_aaguid(struct forge_mc *mc)
{
	struct forge_leaf *leaf = &mc->statement[0].chain.leaf;

	leaf->aaguid_there = FORGE_PLAIN;
	leaf->aaguid[sizeof(leaf->aaguid) - 1] ^= 1;
	return true;
}

/* Chromium does not look into it, Firefox knows no such format. */
#define TPM	FAULT_OF(TPM), .needs = FAULT_NEEDS_DIRECT, \
	.chromium = FAULT_LIKELY, .firefox = FAULT_UNLIKELY

static const struct fault rows[] = {
	{ .name = "tpm.magic", TPM, .mc.plan = magic,
	  .breaks = "certInfo does not begin with TPM_GENERATED_VALUE: it may "
	    "be anything that somebody had the TPM sign.",
	  .check = "compare magic with ff544347",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.type-quote", TPM, .mc.plan = type_quote,
	  .breaks = "The type of certInfo is that of a quote.",
	  .check = "require TPM_ST_ATTEST_CERTIFY",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.extradata", TPM, .mc.plan = extra_data,
	  .breaks = "extraData is not the hash of this registration.",
	  .check = "compare it with the hash of authenticator data and hash "
	    "of the client data",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.name", TPM, .mc.plan = name,
	  .breaks = "What certInfo certifies is not the name of pubArea.",
	  .check = "compare attested.name with the hash of pubArea",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.namealg-mismatch", TPM, .mc.plan = name_alg,
	  .breaks = "The name in certInfo is by SHA-1, and nameAlg of pubArea "
	    "is SHA-256.",
	  .check = "compute the name by nameAlg of pubArea",
	  .section = "8.3: verification procedure; TPM 2.0 Part 1, 16",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.certinfo-trailing", TPM,
	  .mc.plan = cert_info_trailing,
	  .breaks = "There are 16 bytes behind certInfo, signed with it.",
	  .check = "refuse leftovers",
	  .section = "8.3: verification procedure" },
	{ .name = "tpm.clock-unsafe", TPM, .mc.plan = clock_unsafe,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "certInfo says that the TPM's clock may have gone "
	    "backwards.",
	  .check = "ignore clockInfo",
	  .section = "8.3: verification procedure" },
	{ .name = "tpm.pubarea-attrs", TPM, .mc.plan = attributes,
	  .verdict = FAULT_POLICY,
	  .breaks = "The key was not made in the TPM, and may leave it "
	    "(fixedTPM, fixedParent and sensitiveDataOrigin are clear).",
	  .check = "look at objectAttributes, where the key has to be bound "
	    "to its device",
	  .section = "8.3; TPM 2.0 Part 2, 8.3" },
	{ .name = "tpm.pubarea-key", TPM, .mc.plan = pub_area_key,
	  .breaks = "The key that was certified is not the credential's.",
	  .check = "compare the key in pubArea with credentialPublicKey",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.pubarea-trailing", TPM, .mc.plan = pub_area_trailing,
	  .breaks = "There are 16 bytes behind pubArea, certified with it.",
	  .check = "refuse leftovers",
	  .section = "8.3: verification procedure" },
	{ .name = "tpm.pubarea-scheme", TPM, .mc.plan = pub_area_scheme,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "pubArea names the scheme that the key is for, which is "
	    "mostly NULL.",
	  .check = "parse it: it is two bytes longer",
	  .section = "8.3; TPM 2.0 Part 2, 12.2.3.6",
	  .references = "simplewebauthn, webauthn-rs and others refuse it" },
	{ .name = "tpm.ver", TPM, .mc.plan = version,
	  .breaks = "ver is \"1.2\".",
	  .check = "require \"2.0\"",
	  .section = "8.3: syntax",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.alg-rs1", TPM, .mc.plan = alg_rs1,
	  .verdict = FAULT_POLICY,
	  .breaks = "The statement is signed with RS1, which is SHA-1.",
	  .check = "refuse SHA-1, unless keys as old as that are to be "
	    "accepted",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9 P-1" },
	{ .name = "tpm.alg-vs-aik", TPM, .mc.plan = alg_vs_aik,
	  .breaks = "The statement says RS256, and the attestation key is a "
	    "P-256 key, which signed with ES256.",
	  .check = "verify with the algorithm that the statement names, and "
	    "refuse a key that is not of it",
	  .section = "8.3: verification procedure" },
	{ .name = "tpm.sig-tpmt", TPM, .mc.plan = sig_tpmt,
	  .verdict = FAULT_POLICY,
	  .breaks = "sig is a TPMT_SIGNATURE, as the standard says and nobody "
	    "sends.",
	  .check = "take one form or the other, and no mixture",
	  .section = "8.3: syntax" },
	{ .name = "tpm.sig-bad", TPM, .mc.sign = fault_sign_bad,
	  .breaks = "The signature over certInfo is wrong.",
	  .check = "verify the signature",
	  .section = "8.3: verification procedure",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.x5c-missing", TPM, .mc.plan = x5c_missing,
	  .breaks = "The statement has no certificates.",
	  .check = "refuse a statement that is not of its syntax",
	  .section = "8.3: syntax",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.untrusted-root", TPM, .mc.plan = fault_untrusted_root,
	  .breaks = "The attestation key's chain leads to a root that nobody "
	    "trusts.",
	  .check = "require a trust anchor of its own at the end of the "
	    "chain",
	  .section = "7.1: trust anchors" },
	{ .name = "tpm.aik-not-restricted", TPM, .mc.plan = not_restricted,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The attestation key is in no TPM, and signs whatever it "
	    "is given: all of this is made up.",
	  .check = "trust CAs that certify restricted keys in TPMs alone; the "
	    "statement itself cannot tell",
	  .section = "8.3; 8.3.1" },
	{ .name = "tpm.aik-subject", TPM, .mc.plan = aik_subject,
	  .breaks = "The certificate of the attestation key has a subject.",
	  .check = "require an empty one",
	  .section = "8.3.1: Subject",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-san-missing", TPM, .mc.plan = san_missing,
	  .breaks = "The certificate of the attestation key does not name a "
	    "TPM.",
	  .check = "require the alternative name",
	  .section = "8.3.1: Subject Alternative Name",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-san-noncritical", TPM,
	  .mc.plan = san_not_critical, .verdict = FAULT_POLICY,
	  .breaks = "The alternative name is not critical, although the "
	    "subject is empty.",
	  .check = "require that it is critical",
	  .section = "8.3.1; RFC 5280, 4.2.1.6",
	  .references = "webauthn-rs and webauthn-ruby do" },
	{ .name = "tpm.aik-san-manufacturer", TPM,
	  .mc.plan = san_manufacturer,
	  .breaks = "The TPM is of a manufacturer that is not in the "
	    "registry.",
	  .check = "compare it with the list of the TCG",
	  .section = "8.3.1; TPM 2.0 vendor ID registry",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-san-model-missing", TPM,
	  .mc.plan = san_model_missing,
	  .breaks = "The alternative name does not say which model of TPM.",
	  .check = "require manufacturer, model and version",
	  .section = "8.3.1; TCG EK credential profile, 3.2.9",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-eku-missing", TPM, .mc.plan = eku_missing,
	  .breaks = "The certificate does not say what the key is for.",
	  .check = "require the purpose tcg-kp-AIKCertificate",
	  .section = "8.3.1: Extended Key Usage",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-eku-other", TPM, .mc.plan = eku_other,
	  .breaks = "The certificate is for the clients of TLS.",
	  .check = "require the purpose tcg-kp-AIKCertificate",
	  .section = "8.3.1: Extended Key Usage",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-eku-second", TPM, .mc.plan = eku_second,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "tcg-kp-AIKCertificate is the second of two purposes.",
	  .check = "look at all of them",
	  .section = "8.3.1: Extended Key Usage",
	  .references = "simplewebauthn and py_webauthn look at the first" },
	{ .name = "tpm.aik-ca-true", TPM, .mc.plan = fault_leaf_ca,
	  .breaks = "The certificate of the attestation key says that it is "
	    "a CA's.",
	  .check = "require that basicConstraints says CA is false",
	  .section = "8.3.1: Basic Constraints",
	  .references = "conformance Resp-9" },
	{ .name = "tpm.aik-no-bc", TPM, .mc.plan = fault_leaf_no_constraints,
	  .breaks = "The certificate of the attestation key has no "
	    "basicConstraints.",
	  .check = "require them",
	  .section = "8.3.1: Basic Constraints",
	  .references = "simplewebauthn accepts it" },
	{ .name = "tpm.aik-aaguid-ext", TPM, .mc.plan = aik_aaguid,
	  .breaks = "The certificate of the attestation key has another "
	    "AAGUID than the authenticator data.",
	  .check = "compare id-fido-gen-ce-aaguid with it",
	  .section = "8.3: verification procedure" },
};

const struct fault_rows fault_tpm = FAULT_ROWS(rows);
