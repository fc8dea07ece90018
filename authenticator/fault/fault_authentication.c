/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of an assertion. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>

#include "authenticator/fault/fault_rows.h"
#include "authenticator/forge/plan.h"
#include "ctap/cose.h"

#define RFU_FLAGS	0x22	/* bits 1 and 5 */
#define TRAILING_LEN	16	/* bytes */
#define JUMP		1000000	/* as far as no user signs in */

/*
 * The signature
 */

static bool
sig_bad(struct forge_ga *ga)
{
	ga->sig = forge_flip(ga->memory, ga->sig, -1);
	return ga->sig.p != NULL;
}

static bool
sig_empty(struct forge_ga *ga)
{
	ga->sig = span("", 0);
	return true;
}

static bool
sig_wrong_key(struct forge_ga *ga)
{
	ga->signer = FORGE_BY_STRANGER;
	return true;
}

static bool
sig_authdata_only(struct forge_ga *ga)
{
	ga->without_client_data = true;
	return true;
}

/* The curve's group, NULL where signatures are no ECDSA; not to be freed
 * but by EC_GROUP_free(). */
static EC_GROUP *
group_of(const struct forge_ga *ga)
{
	static const struct {
		int	alg;
		int	nid;
	} curves[] = {
		{ COSE_ES256,	NID_X9_62_prime256v1 },
		{ COSE_ES384,	NID_secp384r1 },
		{ COSE_ES512,	NID_secp521r1 },
		{ COSE_ES256K,	NID_secp256k1 },
	};

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (curves[i].alg == ga->cred->alg)
			return EC_GROUP_new_by_curve_name(curves[i].nid);
	}
	return NULL;
}

static bool
is_ecdsa(const struct forge_ga *ga)
{
	EC_GROUP *group = group_of(ga);

	EC_GROUP_free(group);
	return group != NULL;
}

static bool
sig_zero(struct forge_ga *ga)
{
	if (!is_ecdsa(ga))
		return false;
	ga->sig = span("\x30\x06\x02\x01\x00\x02\x01\x00", 8);
	return true;
}

static bool
sig_der_trailing(struct forge_ga *ga)
{
	if (!is_ecdsa(ga))
		return false;
	ga->sig = forge_join(ga->memory, ga->sig, span("\x00", 1));
	return ga->sig.p != NULL;
}

static ECDSA_SIG *
read_sig(const struct forge_ga *ga)
{
	const uint8_t *p = ga->sig.p;

	return d2i_ECDSA_SIG(NULL, &p, (long)ga->sig.len);
}

/* s, or n - s, whichever is above half of n. */
static bool
raise_s(ECDSA_SIG *sig, const BIGNUM *n)
{
	BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(sig));
	BIGNUM *s = BN_new();
	bool ok = r != NULL && s != NULL &&
	    BN_sub(s, n, ECDSA_SIG_get0_s(sig)) == 1;

	if (ok && BN_cmp(s, ECDSA_SIG_get0_s(sig)) < 0)
		ok = BN_copy(s, ECDSA_SIG_get0_s(sig)) != NULL;
	if (ok && ECDSA_SIG_set0(sig, r, s) == 1)
		return true;
	BN_free(r);
	BN_free(s);
	return false;
}

static bool
sig_high_s(struct forge_ga *ga)
{
	EC_GROUP *group = group_of(ga);
	ECDSA_SIG *sig = group != NULL ? read_sig(ga) : NULL;
	uint8_t *der = NULL;
	bool ok = false;
	int len;

	if (sig != NULL && raise_s(sig, EC_GROUP_get0_order(group)) &&
	    (len = i2d_ECDSA_SIG(sig, &der)) > 0) {
		ga->sig = forge_copy(ga->memory, span(der, (size_t)len));
		ok = ga->sig.p != NULL;
	}
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	EC_GROUP_free(group);
	return ok;
}

static bool
sig_raw(struct forge_ga *ga)
{
	EC_GROUP *group = group_of(ga);
	ECDSA_SIG *sig = group != NULL ? read_sig(ga) : NULL;
	int half = group != NULL ? (EC_GROUP_order_bits(group) + 7) / 8 : 0;
	uint8_t *raw = sig != NULL ?
	    forge_room(ga->memory, 2 * (size_t)half) : NULL;
	bool ok = raw != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half) == half &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half) == half;

	if (ok)
		ga->sig = span(raw, 2 * (size_t)half);
	ECDSA_SIG_free(sig);
	EC_GROUP_free(group);
	return ok;
}

/*
 * The counter. One that the relying party does not know, or knows as 0, does
 * not count: there is nothing to go back to. What the key has counted since,
 * for others, is not known there.
 */

static bool
counter_same(struct forge_ga *ga)
{
	if (ga->told == 0)
		return false;
	ga->auth_data.counter = ga->told;
	return true;
}

static bool
counter_lower(struct forge_ga *ga)
{
	if (ga->told < 2)
		return false;
	ga->auth_data.counter = 1;
	return true;
}

static bool
counter_zero(struct forge_ga *ga)
{
	if (ga->told == 0)
		return false;
	ga->auth_data.counter = 0;
	return true;
}

static bool
counter_jump(struct forge_ga *ga)
{
	if (ga->auth_data.counter > UINT32_MAX - JUMP)
		return false;	/* it would be back at its beginning */
	ga->auth_data.counter += JUMP;
	return true;
}

static bool
counter_max(struct forge_ga *ga)
{
	ga->auth_data.counter = UINT32_MAX;
	return true;
}

/* value is how often the copy has signed before. */
static bool
cloned(struct forge_ga *ga)
{
	if (ga->told <= ga->value)
		return false;
	ga->auth_data.counter = ga->value + 1;
	return true;
}

/*
 * Flags, and the rest of authenticator data
 */

static bool
up_clear(struct forge_ga *ga)
{
	if (!(ga->auth_data.flags & AUTHDATA_UP))
		return false;
	ga->auth_data.flags &= (uint8_t)~AUTHDATA_UP;
	return true;
}

static bool
uv_clear(struct forge_ga *ga)
{
	if (!(ga->auth_data.flags & AUTHDATA_UV))
		return false;
	ga->auth_data.flags &= (uint8_t)~AUTHDATA_UV;
	return true;
}

/* BS goes with it: that without BE would be another fault. */
static bool
be_flip(struct forge_ga *ga)
{
	ga->auth_data.flags ^= AUTHDATA_BE;
	if (!(ga->auth_data.flags & AUTHDATA_BE))
		ga->auth_data.flags &= (uint8_t)~AUTHDATA_BS;
	return true;
}

static bool
bs_without_be(struct forge_ga *ga)
{
	ga->auth_data.flags &= (uint8_t)~AUTHDATA_BE;
	ga->auth_data.flags |= AUTHDATA_BS;
	return true;
}

static bool
rfu_flags(struct forge_ga *ga)
{
	ga->auth_data.flags |= RFU_FLAGS;
	return true;
}

static bool
rp_id_hash(struct forge_ga *ga)
{
	ga->auth_data.rp_id_hash[0] ^= 0x01;
	return true;
}

static bool
trailing(struct forge_ga *ga)
{
	ga->auth_data.trailing = forge_random(ga->memory, TRAILING_LEN);
	return ga->auth_data.trailing.p != NULL;
}

static bool
at_set(struct forge_ga *ga)
{
	ga->auth_data.flags |= AUTHDATA_AT;
	return true;
}

static bool
ed_set(struct forge_ga *ga)
{
	ga->auth_data.flags |= AUTHDATA_ED;
	ga->auth_data.extensions = span("", 0);
	return true;
}

static bool
extensions_unasked(struct forge_ga *ga)
{
	static const char unasked[] = "\xa1\x6c" "example.test\xf5";

	if (ga->auth_data.extensions.len > 0)
		return false;
	ga->auth_data.extensions = span(unasked, sizeof(unasked) - 1);
	ga->auth_data.flags |= AUTHDATA_ED;
	return true;
}

/*
 * Whose it is
 */

static bool
id_other(struct forge_ga *ga)
{
	if (ga->other_id.p == NULL)
		return false;
	ga->credential_id = ga->other_id;
	return true;
}

static bool
id_unknown(struct forge_ga *ga)
{
	struct span id = forge_random(ga->memory, CREDENTIAL_ID_STORED);

	if (id.p == NULL)
		return false;
	ga->credential_id = id;
	return true;
}

static bool
user_other(struct forge_ga *ga)
{
	if (ga->user_id.p == NULL || ga->other_user_id.p == NULL)
		return false;
	ga->user_id = ga->other_user_id;
	return true;
}

static bool
user_unknown(struct forge_ga *ga)
{
	if (ga->user_id.p == NULL)
		return false;
	/* a short one might be somebody's after all */
	ga->user_id = forge_random(ga->memory, USER_ID_MAX);
	return ga->user_id.p != NULL;
}

static bool
user_absent(struct forge_ga *ga)
{
	if (ga->user_id.p == NULL)
		return false;
	ga->user_id = (struct span){ NULL, 0 };
	return true;
}

static const struct fault rows[] = {
	{ .name = "auth.sig-bad", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.sign = sig_bad,
	  .breaks = "One bit of the signature is wrong.",
	  .check = "verify the signature",
	  .section = "7.2 step 21: sig",
	  .references = "CDP isBogusSignature",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.sig-empty", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.sign = sig_empty,
	  .breaks = "The signature is empty.",
	  .check = "verify the signature",
	  .section = "7.2 step 21: sig",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.sig-wrong-key", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = sig_wrong_key,
	  .breaks = "The signature is of another key.",
	  .check = "verify it with the key that was registered",
	  .section = "7.2 step 21: sig",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.sig-zero", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.sign = sig_zero,
	  .breaks = "The signature is r = 0, s = 0.",
	  .check = "verify with a library that refuses zeros",
	  .section = "7.2 step 21: sig",
	  .references = "CVE-2022-21449",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.sig-authdata-only", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = sig_authdata_only,
	  .breaks = "The signature does not cover the client data.",
	  .check = "verify over authenticator data and client data hash",
	  .section = "7.2 steps 20 and 21: hash, sig",
	  .references = "conformance Assertion-Resp-3",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.sig-raw-rs", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.sign = sig_raw,
	  .breaks = "The signature is r and s in a row, not DER.",
	  .check = "refuse what is no DER",
	  .section = "6.5.5",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.sig-der-trailing", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.sign = sig_der_trailing,
	  .breaks = "There is a byte behind the DER of the signature.",
	  .check = "refuse leftovers",
	  .section = "6.5.5",
	  .references = "malleable signatures",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.sig-high-s", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.sign = sig_high_s,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "s of the signature is above half of the order, as half "
	    "of all honest ones are.",
	  .check = "accept it, and never take a signature for an identifier",
	  .section = "6.5.5",
	  .references = "malleable signatures",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.counter-same", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = counter_same,
	  .needs = FAULT_NEEDS_EARLIER,
	  .breaks = "The signature counter is the one that the relying party "
	    "was told last of this credential.",
	  .check = "notice that it did not rise",
	  .section = "7.2 step 22: signCount",
	  .references = "conformance Assertion-Resp-3 F-5",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.counter-lower", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = counter_lower,
	  .needs = FAULT_NEEDS_EARLIER,
	  .breaks = "The signature counter is 1 again.",
	  .check = "notice that it went back",
	  .section = "7.2 step 22: signCount",
	  .references = "conformance Assertion-Resp-3 F-5",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.counter-zero", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = counter_zero,
	  .needs = FAULT_NEEDS_EARLIER,
	  .breaks = "The signature counter is 0, though it was not.",
	  .check = "notice that it went back; 0 is an excuse only if it "
	    "always was",
	  .section = "7.2 step 22: signCount",
	  .references = "conformance Assertion-Resp-3 F-5",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.counter-jump", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = counter_jump,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The signature counter has risen by a million.",
	  .check = "accept it; the next honest assertion goes back",
	  .section = "7.2 step 22: signCount",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.counter-max", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = counter_max,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The signature counter is 4294967295, the greatest.",
	  .check = "store it as it is, without overflow",
	  .section = "6.1.1",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.clone", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = cloned,
	  .needs = FAULT_NEEDS_EARLIER,
	  .breaks = "A copy of the key signs, whose signature counter has run "
	    "on from 1 while that of the key did elsewhere.",
	  .check = "take a counter that went back for the sign of a copy",
	  .section = "6.1.1; 7.2 step 22: signCount",
	  .references = "enterprise practice",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.up-clear", .stage = FAULT_AUTHENTICATION,
	  .u2f = true,
	  .ga.plan = up_clear,
	  .breaks = "The flag UP says that no user was present.",
	  .check = "refuse an assertion without UP",
	  .section = "7.2 step 16: UP bit",
	  .references = "CVE-2021-38299",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.uv-clear", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = uv_clear,
	  .needs = FAULT_NEEDS_UV,
	  .breaks = "The flag UV says that the user was not verified, though "
	    "that was required.",
	  .check = "refuse it if userVerification was \"required\"",
	  .section = "7.2 step 17: UV bit",
	  .references = "CVE-2020-8236",
	  .chromium = FAULT_BLOCKED, .firefox = FAULT_PASSES },
	{ .name = "auth.be-flip", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = be_flip,
	  .breaks = "The credential was eligible for backup (BE) when it was "
	    "registered and is not now, or the other way round.",
	  .check = "compare BE with what was registered",
	  .section = "7.2 step 19: BE bit",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.bs-without-be", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = bs_without_be,
	  .breaks = "The credential is backed up (BS) but not eligible for "
	    "backup (BE).",
	  .check = "refuse BS without BE",
	  .section = "7.2 step 18: BE and BS bits; 6.1.3",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.rfu-flags", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = rfu_flags,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "The reserved flags 1 and 5 are set.",
	  .check = "ignore them",
	  .section = "6.1: flags" },
	{ .name = "auth.rpidhash", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = rp_id_hash,
	  .breaks = "The RP ID hash is that of no RP ID.",
	  .check = "compare it with the SHA-256 of the RP ID",
	  .section = "7.2 step 15: rpIdHash",
	  .references = "conformance Assertion-Resp-3 F-1",
	  .chromium = FAULT_BLOCKED, .firefox = FAULT_PASSES },
	{ .name = "auth.trailing", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = trailing,
	  .breaks = "There are 16 bytes behind the authenticator data.",
	  .check = "refuse leftovers",
	  .section = "6.1",
	  .references = "conformance Assertion-Resp-3",
	  .chromium = FAULT_HANGS, .firefox = FAULT_PASSES },
	{ .name = "auth.at-set", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = at_set,
	  .breaks = "The flag AT is set, but there is no attested credential "
	    "data.",
	  .check = "find that it is missing",
	  .section = "6.1: attestedCredentialData",
	  .chromium = FAULT_HANGS, .firefox = FAULT_BLOCKED },
	{ .name = "auth.ed-set", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = ed_set,
	  .breaks = "The flag ED is set, but there are no extension outputs.",
	  .check = "find that they are missing",
	  .section = "6.1: extensions",
	  .chromium = FAULT_HANGS, .firefox = FAULT_BLOCKED },
	{ .name = "auth.ext-unasked", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = extensions_unasked,
	  .verdict = FAULT_TOLERATE,
	  .breaks = "There is an output of an extension that nobody asked "
	    "for.",
	  .check = "ignore it, or refuse it: both are allowed",
	  .section = "7.2: client extension outputs" },
	{ .name = "auth.credid-other", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = id_other,
	  .needs = FAULT_NEEDS_OTHER | FAULT_NEEDS_LIST,
	  .breaks = "The credential ID is that of another account; the key "
	    "that signs is not.",
	  .check = "verify with the key of that ID, of that account",
	  .section = "7.2 steps 6 and 21: credentialRecord, sig",
	  .references = "YSA-2026-02",
	  .chromium = FAULT_HANGS, .firefox = FAULT_PASSES },
	{ .name = "auth.revoked-credential", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = id_unknown,
	  .breaks = "The credential ID is one that the relying party does not "
	    "have, or no longer.",
	  .check = "refuse unknown credentials, and say so to the page "
	    "(signalUnknownCredential)",
	  .section = "7.2 step 6: credentialRecord",
	  .references = "enterprise practice",
	  .chromium = FAULT_HANGS, .firefox = FAULT_PASSES },
	{ .name = "auth.userhandle-other", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = user_other,
	  .needs = FAULT_NEEDS_OTHER,
	  .breaks = "The user handle is that of another account.",
	  .check = "compare it with the account of the credential",
	  .section = "7.2 step 6: userHandle",
	  .references = "YSA-2026-02",
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "auth.userhandle-unknown", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = user_unknown,
	  .breaks = "The user handle is of no account.",
	  .check = "compare it with the account of the credential",
	  .section = "7.2 step 6: userHandle",
	  .chromium = FAULT_LIKELY, .firefox = FAULT_LIKELY },
	{ .name = "auth.userhandle-absent", .stage = FAULT_AUTHENTICATION,
	  .ga.plan = user_absent,
	  .needs = FAULT_NEEDS_NO_LIST,
	  .breaks = "There is no user handle, though nobody has said who "
	    "signs in.",
	  .check = "demand one where the user was not identified before",
	  .section = "7.2 step 6: userHandle",
	  .references = "YSA-2026-02",
	  .chromium = FAULT_BLOCKED, .firefox = FAULT_PASSES },
};

const struct fault_rows fault_authentication = FAULT_ROWS(rows);
