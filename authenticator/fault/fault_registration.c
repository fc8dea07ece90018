/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of a registration's authenticator data. */
#include <string.h>

#include "authenticator/fault/fault_rows.h"
#include "authenticator/fault/request.h"
#include "authenticator/forge/plan.h"
#include "ctap/cbor.h"

#define RFU_FLAGS	0x22	/* bits 1 and 5 */
#define TRAILING_LEN	16	/* bytes */
#define ID_TOO_LONG	(CREDENTIAL_ID_MAX + 1)

/* A model that is made by others; what attests to it never leads to us. */
static const uint8_t somebodys_aaguid[16] = {
	0xcb, 0x69, 0x48, 0x1e, 0x8f, 0xf7, 0x40, 0x39,
	0x93, 0xec, 0x0a, 0x27, 0x29, 0xa1, 0x54, 0xa8,
};

static bool
rp_id_hash(struct forge_mc *mc)
{
	mc->auth_data.rp_id_hash[0] ^= 0x01;
	return true;
}

static bool
up_clear(struct forge_mc *mc)
{
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_UP;
	return true;
}

static bool
uv_clear(struct forge_mc *mc)
{
	if (!(mc->auth_data.flags & AUTHDATA_UV))
		return false;
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_UV;
	return true;
}

static bool
bs_without_be(struct forge_mc *mc)
{
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_BE;
	mc->auth_data.flags |= AUTHDATA_BS;
	return true;
}

static bool
be_bs(struct forge_mc *mc)
{
	mc->auth_data.flags |= AUTHDATA_BE | AUTHDATA_BS;
	return true;
}

static bool
rfu_flags(struct forge_mc *mc)
{
	mc->auth_data.flags |= RFU_FLAGS;
	return true;
}

static bool
at_clear(struct forge_mc *mc)
{
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_AT;
	return true;
}

static bool
at_absent(struct forge_mc *mc)
{
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_AT;
	mc->auth_data.attested = false;
	return true;
}

static bool
at_without_data(struct forge_mc *mc)
{
	mc->auth_data.attested = false;
	/* else they would be taken for the beginning of it */
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_ED;
	mc->auth_data.extensions = span("", 0);
	return true;
}

static bool
ed_without_data(struct forge_mc *mc)
{
	mc->auth_data.flags |= AUTHDATA_ED;
	mc->auth_data.extensions = span("", 0);
	return true;
}

/* {"credProtect": 1}, which nobody need have asked for */
static const char output[] = "\xa1\x6b" "credProtect\x01";

static bool
ed_clear(struct forge_mc *mc)
{
	if (mc->auth_data.extensions.len == 0)
		mc->auth_data.extensions = span(output, sizeof(output) - 1);
	mc->auth_data.flags &= (uint8_t)~AUTHDATA_ED;
	return true;
}

static bool
extensions_no_map(struct forge_mc *mc)
{
	mc->auth_data.extensions = span("\x80", 1);
	mc->auth_data.flags |= AUTHDATA_ED;
	return true;
}

static bool
extensions_unasked(struct forge_mc *mc)
{
	static const char unasked[] = "\xa1\x6c" "example.test\xf5";

	if (mc->auth_data.extensions.len > 0)
		return false;
	mc->auth_data.extensions = span(unasked, sizeof(unasked) - 1);
	mc->auth_data.flags |= AUTHDATA_ED;
	return true;
}

static bool
trailing(struct forge_mc *mc)
{
	mc->auth_data.trailing = forge_random(mc->memory, TRAILING_LEN);
	return mc->auth_data.trailing.p != NULL;
}

static bool
counter_max(struct forge_mc *mc)
{
	mc->auth_data.counter = UINT32_MAX;
	return true;
}

/* The certificates, too: nothing else is to be wrong. */
static void
set_aaguid(struct forge_mc *mc, const uint8_t aaguid[static 16])
{
	memcpy(mc->auth_data.aaguid, aaguid, 16);
	for (size_t i = 0; i < mc->statements; i++)
		memcpy(mc->statement[i].chain.leaf.aaguid, aaguid, 16);
}

/* One that is not zero would be against fido-u2f, whatever it is. */
static bool
has_aaguid(const struct forge_mc *mc)
{
	return forge_mc_is(mc) != ATTESTATION_FIDO_U2F;
}

static bool
aaguid_unknown(struct forge_mc *mc)
{
	struct span random = forge_random(mc->memory, 16);

	if (random.p == NULL || !has_aaguid(mc))
		return false;
	set_aaguid(mc, random.p);
	return true;
}

static bool
aaguid_zero(struct forge_mc *mc)
{
	static const uint8_t zero[16];

	if (!has_aaguid(mc))
		return false;
	set_aaguid(mc, zero);
	return true;
}

static bool
aaguid_unapproved(struct forge_mc *mc)
{
	if (!has_aaguid(mc))
		return false;
	set_aaguid(mc, somebodys_aaguid);
	return true;
}

static bool
aaguid_vs_cert(struct forge_mc *mc)
{
	if (mc->statement[0].chain.leaf.aaguid_there == FORGE_ABSENT)
		return false;
	mc->auth_data.aaguid[15] ^= 0x01;
	return true;
}

static bool
set_id(struct forge_mc *mc, struct span id)
{
	if (id.p == NULL)
		return false;
	mc->auth_data.credential_id = id;
	mc->auth_data.id_len = id.len;
	return true;
}

static bool
id_1024(struct forge_mc *mc)
{
	return set_id(mc, forge_random(mc->memory, ID_TOO_LONG));
}

static bool
id_1023(struct forge_mc *mc)
{
	return set_id(mc, forge_random(mc->memory, CREDENTIAL_ID_MAX));
}

static bool
id_0(struct forge_mc *mc)
{
	return set_id(mc, span("", 0));
}

static bool
id_short(struct forge_mc *mc)
{
	return set_id(mc, forge_random(mc->memory, 1));
}

static bool
id_length(struct forge_mc *mc)
{
	mc->auth_data.id_len = UINT16_MAX;
	return true;
}

static bool
id_duplicate(struct forge_mc *mc)
{
	return set_id(mc, mc->other_id);
}

static bool
exclude_ignored(struct fault_request *rq)
{
	return rq->mc.exclude.count > 0 &&
	    fault_request_without(rq, CTAP_MC_EXCLUDE_LIST);
}

static const struct fault rows[] = {
	{ .name = "reg.rpidhash", .mc.plan = rp_id_hash,
	  .breaks = "The RP ID hash is that of no RP ID.",
	  .check = "compare it with the SHA-256 of the RP ID",
	  .section = "7.1 step 14: rpIdHash",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_BLOCKED, .firefox = FAULT_PASSES },
	{ .name = "reg.up-clear", .mc.plan = up_clear,
	  .breaks = "The flag UP says that no user was present.",
	  .check = "refuse a registration without UP",
	  .section = "7.1 step 15: UP bit",
	  .references = "CVE-2021-38299",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.uv-clear", .mc.plan = uv_clear,
	  .needs = FAULT_NEEDS_UV,
	  .breaks = "The flag UV says that the user was not verified, though "
	    "that was required.",
	  .check = "refuse it if userVerification was \"required\"",
	  .section = "7.1 step 16: UV bit",
	  .references = "CVE-2020-8236; idenplane#695",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.bs-without-be", .mc.plan = bs_without_be,
	  .breaks = "The credential is backed up (BS) but not eligible for "
	    "backup (BE).",
	  .check = "refuse BS without BE",
	  .section = "7.1 step 17: BE and BS bits; 6.1.3",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.be-bs", .mc.plan = be_bs, .verdict = FAULT_POLICY,
	  .breaks = "The credential says that it is synced (BE and BS).",
	  .check = "refuse it where credentials must be device-bound",
	  .section = "7.1 steps 18 and 19: BE and BS bits, policy",
	  .references = "enterprise practice",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.rfu-flags", .mc.plan = rfu_flags,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The reserved flags 1 and 5 are set.",
	  .check = "ignore them",
	  .section = "6.1: flags",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.at-clear", .mc.plan = at_clear,
	  .breaks = "The flag AT is clear, though the attested credential "
	    "data is there.",
	  .check = "refuse a registration without AT",
	  .section = "6.1: flags",
	  .references = "conformance Resp-3 F-10; webauthn-ruby#229",
	  .chromium = FAULT_HANGS, .firefox = FAULT_BLOCKED },
	{ .name = "reg.at-absent", .mc.plan = at_absent,
	  .breaks = "There is no attested credential data, and the flag AT "
	    "says so.",
	  .check = "refuse a registration without AT",
	  .section = "6.5: attestation object",
	  .references = "conformance Resp-3 F-10",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "reg.at-without-data", .mc.plan = at_without_data,
	  .breaks = "The flag AT is set, but the authenticator data ends "
	    "after the counter.",
	  .check = "find that the attested credential data is missing",
	  .section = "6.1: attestedCredentialData",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "reg.ed-without-data", .mc.plan = ed_without_data,
	  .breaks = "The flag ED is set, but there are no extension outputs.",
	  .check = "find that the map of extensions is missing",
	  .section = "6.1: extensions",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_HANGS, .firefox = FAULT_BLOCKED },
	{ .name = "reg.ed-clear", .mc.plan = ed_clear,
	  .breaks = "There are extension outputs, but the flag ED is clear.",
	  .check = "refuse bytes behind what the flags announce",
	  .section = "6.1: flags",
	  .references = "conformance Resp-3" },
	{ .name = "reg.ext-no-map", .mc.plan = extensions_no_map,
	  .breaks = "The extension outputs are an array, not a map.",
	  .check = "refuse extension outputs that are no map",
	  .section = "6.1: extensions",
	  .references = "conformance Resp-3" },
	{ .name = "reg.ext-unasked", .mc.plan = extensions_unasked,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "There is an output of an extension that nobody asked "
	    "for.",
	  .check = "ignore it, or refuse it: both are allowed",
	  .section = "7.1: client extension outputs" },
	{ .name = "reg.trailing", .mc.plan = trailing,
	  .breaks = "There are 16 bytes behind the authenticator data.",
	  .check = "refuse leftovers",
	  .section = "6.1",
	  .references = "conformance Resp-3 F-12; webauthn-ruby#196",
	  .chromium = FAULT_HANGS, .firefox = FAULT_PASSES },
	{ .name = "reg.counter-max", .mc.plan = counter_max,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The signature counter is 4294967295, the greatest.",
	  .check = "store it as it is, without overflow",
	  .section = "6.1.1",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.aaguid-unknown", .mc.plan = aaguid_unknown,
	  .verdict = FAULT_POLICY, .needs = FAULT_NEEDS_DIRECT,
	  .breaks = "The AAGUID is random, and the certificate agrees.",
	  .check = "look for it in the metadata, or in the list of models "
	    "that are allowed",
	  .section = "7.1: trust anchors; policy",
	  .references = "enterprise practice; MDS F-3",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.aaguid-zero", .mc.plan = aaguid_zero,
	  .verdict = FAULT_POLICY, .needs = FAULT_NEEDS_DIRECT,
	  .breaks = "The AAGUID is all zero, and the certificate agrees.",
	  .check = "accept models by AAGUID, and not one without",
	  .section = "7.1: trust anchors; policy",
	  .references = "SimpleWebAuthn#692",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.aaguid-unapproved", .mc.plan = aaguid_unapproved,
	  .verdict = FAULT_POLICY, .needs = FAULT_NEEDS_DIRECT,
	  .breaks = "The AAGUID is that of a model of another maker, and the "
	    "certificate, which leads to our root, agrees.",
	  .check = "accept for an AAGUID the trust anchors of that model "
	    "alone, and approved models alone",
	  .section = "7.1: trust anchors; policy",
	  .references = "enterprise practice",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.aaguid-vs-cert", .mc.plan = aaguid_vs_cert,
	  .needs = FAULT_NEEDS_DIRECT,
	  .breaks = "The AAGUID is not the one in the attestation "
	    "certificate.",
	  .check = "compare it with id-fido-gen-ce-aaguid",
	  .section = "8.2: verification procedure",
	  .references = "py_webauthn does not",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.credid-1024", .mc.plan = id_1024,
	  .breaks = "The credential ID has 1024 bytes.",
	  .check = "refuse more than 1023 bytes",
	  .section = "7.1: credentialId",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.credid-1023", .mc.plan = id_1023,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The credential ID has 1023 bytes, the most it may have.",
	  .check = "have room for it",
	  .section = "7.1: credentialId",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.credid-0", .mc.plan = id_0,
	  .u2f = true,
	  .breaks = "The credential ID is empty.",
	  .check = "refuse an ID that identifies nothing",
	  .section = "4: Credential ID, at least 16 bytes",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "reg.credid-short", .mc.plan = id_short,
	  .u2f = true,
	  .verdict = FAULT_POLICY,
	  .breaks = "The credential ID has a single byte.",
	  .check = "refuse an ID with less than 100 bits of entropy",
	  .section = "4: Credential ID, at least 16 bytes",
	  .chromium = FAULT_LIKELY },
	{ .name = "reg.credid-length", .mc.plan = id_length,
	  .breaks = "The length in front of the credential ID is 65535, which "
	    "is more than there are bytes.",
	  .check = "never read behind the end",
	  .section = "6.5.1: credentialIdLength",
	  .references = "CVE-2021-40818, CVE-2022-27240" },
	{ .name = "reg.credid-duplicate", .mc.plan = id_duplicate,
	  .needs = FAULT_NEEDS_OTHER,
	  .breaks = "The credential ID is that of another account.",
	  .check = "refuse an ID that is registered already",
	  .section = "7.1: credentialId is not yet registered",
	  .references = "CVE-2022-42731",
	  .chromium = FAULT_LIKELY },
	{ .name = "reg.exclude-ignored", .mc.request = exclude_ignored,
	  .needs = FAULT_NEEDS_EXCLUDE, .verdict = FAULT_POLICY,
	  .breaks = "The key registers once more, although excludeCredentials "
	    "names a credential of it.",
	  .check = "do not count on excludeCredentials: one key may be two "
	    "credentials of a user",
	  .section = "5.4: excludeCredentials",
	  .references = "CVE-2026-8830",
	  .chromium = FAULT_LIKELY },
};

const struct fault_rows fault_registration = FAULT_ROWS(rows);
