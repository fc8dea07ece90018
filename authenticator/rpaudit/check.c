/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/check.h"

#include "ctap/cose.h"

#include <string.h>

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* The first one is what faults happen to. */
static const struct rp_honest keys[] = {
	{ "honest.packed", "A chain of certificates (packed).",
	    { "attestation=packed" }, COSE_ES256, false, false, false,
	    "direct" },
	{ "honest.self", "The credential's own key signs (self attestation).",
	    { "attestation=self" }, COSE_ES256, false, false, false,
	    "direct" },
	{ "honest.none", "No attestation.",
	    { "attestation=none" }, COSE_ES256, false, false, false,
	    "none" },
	{ "honest.eddsa", "A credential of Ed25519.",
	    { "attestation=packed" }, COSE_EDDSA, false, false, false,
	    "direct" },
	{ "honest.rs256", "A credential of RSA.",
	    { "attestation=packed" }, COSE_RS256, false, false, false,
	    "direct" },
	{ "honest.es384", "A credential of P-384.",
	    { "attestation=packed" }, COSE_ES384, false, false, false,
	    "direct" },
	{ "honest.discoverable", "A discoverable credential, and a sign-in "
	    "that names none.",
	    { "attestation=packed" }, COSE_ES256, false, true, false,
	    "direct" },
	{ "honest.metadata", "Its model is in the metadata.",
	    { "attestation=packed" }, COSE_ES256, false, false, true,
	    "direct" },
	{ "honest.tpm", "A TPM attests (tpm).",
	    { "attestation=tpm" }, COSE_ES256, true, false, false,
	    "direct" },
	{ "honest.tpm-rs256", "A TPM attests to a credential of RSA.",
	    { "attestation=tpm" }, COSE_RS256, true, false, false,
	    "direct" },
};

bool
rp_check_at(size_t i, struct rp_check *out)
{
	*out = (struct rp_check){ .honest = &keys[0] };
	if (i < COUNT(keys)) {
		out->honest = &keys[i];
		return true;
	}
	out->fault = fault_at(i - COUNT(keys));
	return out->fault != NULL;
}

static enum rp_level
level_of(const struct fault *f)
{
	switch (f->verdict) {
	case FAULT_POLICY:
		return RP_POLICY;
	case FAULT_TOLERATE:
		return RP_TOLERATE;
	case FAULT_REFUSE:
		break;
	}
	return RP_REQUIRED;
}

void
rp_check_row(const struct rp_check *c, struct rp_row *out)
{
	const struct fault *f = c->fault;

	memset(out, 0, sizeof(*out));
	if (f == NULL) {
		out->name = c->honest->name;
		out->breaks = c->honest->breaks;
		out->check = "accept it";
		out->section = "7.1, 7.2";
		return;
	}
	out->name = f->name;
	out->breaks = f->breaks;
	out->check = f->check;
	out->section = f->section;
	out->references = f->references;
	out->level = level_of(f);
}
