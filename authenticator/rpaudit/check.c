/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/check.h"

#include "ctap/cose.h"

#include <string.h>

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* A key, and how it attests where that is asked for. */
#define KEY(name_, format_, setting_, alg_, breaks_) \
	.name = "honest." name_, .format = ATTESTATION_##format_, \
	.settings = { "attestation=" setting_ }, .alg = COSE_##alg_, \
	.attestation = "direct", .breaks = breaks_

/*
 * The first one is what faults happen to. Of each format, the first is the
 * control of its faults.
 */
static const struct rp_honest keys[] = {
	{ KEY("packed", PACKED, "packed", ES256,
	    "A chain of certificates (packed)."), .known = true },
	{ KEY("self", SELF, "self", ES256,
	    "The credential's own key signs (self attestation)."),
	    .known = true },
	{ .name = "honest.none", .format = ATTESTATION_NONE,
	    .settings = { "attestation=none" }, .alg = COSE_ES256,
	    .attestation = "none", .breaks = "No attestation.",
	    .known = true },
	{ KEY("eddsa", PACKED, "packed", EDDSA,
	    "A credential of Ed25519."), .known = true },
	{ KEY("rs256", PACKED, "packed", RS256,
	    "A credential of RSA."), .known = true },
	{ KEY("es384", PACKED, "packed", ES384,
	    "A credential of P-384."), .known = true },
	{ KEY("discoverable", PACKED, "packed", ES256,
	    "A discoverable credential, and a sign-in that names none."),
	    .known = true, .discoverable = true },
	{ KEY("metadata", PACKED, "packed", ES256,
	    "Its model is in the metadata."), .known = true,
	    .metadata = true },
	{ KEY("tpm", TPM, "tpm", ES256,
	    "A TPM attests (tpm)."), .known = true, .tpm = true },
	{ KEY("tpm-rs256", TPM, "tpm", RS256,
	    "A TPM attests to a credential of RSA."), .known = true,
	    .tpm = true },
	{ KEY("fido-u2f", FIDO_U2F, "fido-u2f", ES256,
	    "It attests as keys of U2F do (fido-u2f).") },
	{ KEY("android-key", ANDROID_KEY, "android-key", ES256,
	    "It attests as phones do (android-key).") },
	{ KEY("apple", APPLE, "apple", ES256,
	    "It attests as phones do (apple).") },
	{ KEY("compound", COMPOUND, "compound", ES256,
	    "Two statements that are good, in one (compound).") },
	{ KEY("safetynet", SAFETYNET, "android-safetynet", ES256,
	    "It attests as phones once did (android-safetynet).") },
};

/* A reply that is there is one that was altered: by nothing. */
static bool
as_it_is(struct forge_mc *mc)
{
	return mc != NULL;
}

/* By format; the key that faults happen to gives packed without. */
#define AS(kind) \
	[ATTESTATION_##kind] = { .name = "honest", \
	    .stage = FAULT_REGISTRATION, \
	    .mc.kinds = 1u << ATTESTATION_##kind, .mc.frame = as_it_is }

static const struct fault as[ATTESTATION_KINDS] = {
	AS(SELF), AS(NONE), AS(TPM), AS(FIDO_U2F), AS(ANDROID_KEY),
	AS(APPLE), AS(COMPOUND), AS(SAFETYNET),
};

const struct rp_honest *
rp_check_control(const struct fault *f)
{
	unsigned kinds = f->mc.kinds;

	/* the forge takes the first as well (fault.h) */
	for (size_t i = 0; kinds != 0 && i < COUNT(keys); i++)
		if ((kinds & -kinds) == 1u << keys[i].format)
			return &keys[i];
	return &keys[0];
}

const struct fault *
rp_check_as(const struct rp_honest *control)
{
	const struct fault *f = &as[control->format];

	return f->name != NULL ? f : NULL;
}

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
		out->check = c->honest->known ? "accept it" :
		    "accept it, or refuse a format that it does not know";
		out->section = "7.1, 7.2";
		out->level = c->honest->known ? RP_HONEST : RP_TOLERATE;
		return;
	}
	out->name = f->name;
	out->breaks = f->breaks;
	out->check = f->check;
	out->section = f->section;
	out->references = f->references;
	out->level = level_of(f);
}
