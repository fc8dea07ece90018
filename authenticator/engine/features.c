/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kinds of key there are (CTAP 2.3, 6.4 and 9): what every feature
 * needs, so that no key says of itself what does not fit together.
 */
#include "authenticator/engine/impl.h"

#define VERIFICATION	(FEATURE_CLIENT_PIN | FEATURE_UV)

/* feat.1 to feat.3; any: 0 asks for nothing */
static const struct {
	uint64_t feature;
	uint64_t all;		/* goes without them */
	uint64_t any;		/* or without one of them at least */
} needs[] = {
	{ FEATURE_UV_READY, FEATURE_UV, 0 },
	/* the first finger is enrolled with a token that the PIN gave */
	{ FEATURE_BIO_ENROLL, FEATURE_UV | FEATURE_CLIENT_PIN |
	    FEATURE_PIN_UV_AUTH_TOKEN, 0 },
	{ FEATURE_PIN_UV_AUTH_TOKEN, 0, VERIFICATION },
	{ FEATURE_NO_MC_GA_WITH_PIN, FEATURE_CLIENT_PIN, 0 },
	{ FEATURE_LARGE_BLOBS, FEATURE_RK, 0 },
	{ FEATURE_EP, FEATURE_AUTHNR_CFG, 0 },
	{ FEATURE_UV_BIO_ENROLL, FEATURE_BIO_ENROLL, 0 },
	{ FEATURE_UV_MGMT_PREVIEW, FEATURE_BIO_ENROLL, 0 },
	{ FEATURE_UV_ACFG, FEATURE_AUTHNR_CFG | FEATURE_UV, 0 },
	{ FEATURE_CRED_MGMT, FEATURE_RK | FEATURE_PIN_UV_AUTH_TOKEN, 0 },
	{ FEATURE_CRED_MGMT_PREVIEW, FEATURE_RK, 0 },
	{ FEATURE_PER_CRED_MGMT_RO, FEATURE_CRED_MGMT |
	    FEATURE_PIN_UV_AUTH_TOKEN, 0 },
	{ FEATURE_SET_MIN_PIN_LENGTH, FEATURE_CLIENT_PIN |
	    FEATURE_AUTHNR_CFG, 0 },
	{ FEATURE_LONG_TOUCH, FEATURE_AUTHNR_CFG, 0 },
	{ FEATURE_REMAINING, FEATURE_RK, 0 },
	{ FEATURE_CRED_PROTECT, 0, VERIFICATION },
	{ FEATURE_CRED_BLOB, FEATURE_CRED_PROTECT | FEATURE_RK, 0 },
	{ FEATURE_LARGE_BLOB_KEY, FEATURE_LARGE_BLOBS, 0 },
	{ FEATURE_LARGE_BLOB, FEATURE_RK, 0 },
	{ FEATURE_MIN_PIN_LENGTH, FEATURE_SET_MIN_PIN_LENGTH, 0 },
	{ FEATURE_PIN_COMPLEXITY, FEATURE_SET_MIN_PIN_LENGTH, 0 },
	{ FEATURE_HMAC_SECRET_MC, FEATURE_HMAC_SECRET, 0 },
};

/* feat.1, feat.2, feat.3: what FIDO_2_1 demands */
static bool
is_fido_2_1(const struct auth_config *cfg, uint64_t f)
{
	bool two = cfg->protocols[0] == 2 || cfg->protocols[1] == 2;

	if (!(f & FEATURE_HMAC_SECRET) || !two)
		return false;
	if ((f & FEATURE_RK) && (!(f & VERIFICATION) ||
	    !(f & FEATURE_CRED_MGMT)))
		return false;
	return !(f & VERIFICATION) || ((f & FEATURE_CRED_PROTECT) &&
	    (f & FEATURE_PIN_UV_AUTH_TOKEN));
}

static uint64_t
without_unmet(uint64_t f)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if ((needs[i].all & ~f) != 0 ||
		    (needs[i].any != 0 && !(needs[i].any & f)))
			f &= ~needs[i].feature;
	/* what no token can be had for, a protected key could not let use */
	if ((f & VERIFICATION) && !(f & FEATURE_PIN_UV_AUTH_TOKEN))
		f &= ~(FEATURE_LARGE_BLOBS | FEATURE_AUTHNR_CFG);
	/* lbx.0: stored with the credential, or in an array: not both */
	if (f & FEATURE_LARGE_BLOBS)
		f &= ~FEATURE_LARGE_BLOB;
	return f;
}

uint64_t
auth_config_features(const struct auth_config *cfg)
{
	uint64_t f = cfg->features, before;

	if (cfg->protocols[0] == 0)
		f &= ~(VERIFICATION | FEATURE_HMAC_SECRET);
	do {
		before = f;
		f = without_unmet(f);
	} while (f != before);
	if (!is_fido_2_1(cfg, f))
		f &= ~(FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3);
	/* a key that has a version of the standard says whether it has PINs */
	if (!(f & FEATURE_CLIENT_PIN))
		f &= ~FEATURE_FIDO_2_3;
	return f;
}

void
auth_feature_needs(uint64_t feature, uint64_t *all, uint64_t *any)
{
	*all = 0;
	*any = 0;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (needs[i].feature != feature)
			continue;
		*all = needs[i].all;
		*any = needs[i].any;
	}
}

void
auth_config_default(struct auth_config *cfg)
{
	static const char test_rp[] =
	    "enterprisetest.certinfra.fidoalliance.org";

	memset(cfg, 0, sizeof(*cfg));
	cfg->features = FEATURE_U2F_V2 | FEATURE_FIDO_2_0 |
	    FEATURE_FIDO_2_1 | FEATURE_FIDO_2_3 | FEATURE_RK |
	    FEATURE_CLIENT_PIN | FEATURE_UV | FEATURE_UV_READY |
	    FEATURE_PIN_UV_AUTH_TOKEN | FEATURE_LARGE_BLOBS |
	    FEATURE_AUTHNR_CFG | FEATURE_UV_ACFG | FEATURE_CRED_MGMT |
	    FEATURE_PER_CRED_MGMT_RO | FEATURE_SET_MIN_PIN_LENGTH |
	    FEATURE_MC_UV_NOT_RQD | FEATURE_ALWAYS_UV | FEATURE_REMAINING |
	    FEATURE_CRED_PROTECT | FEATURE_CRED_BLOB |
	    FEATURE_LARGE_BLOB_KEY | FEATURE_MIN_PIN_LENGTH |
	    FEATURE_PIN_COMPLEXITY | FEATURE_HMAC_SECRET |
	    FEATURE_HMAC_SECRET_MC | FEATURE_THIRD_PARTY_PAYMENT |
	    FEATURE_LONG_TOUCH;
	cfg->protocols[0] = 2;
	cfg->protocols[1] = 1;
	cfg->min_pin_length = PIN_MIN_LENGTH;
	cfg->max_pin_length = PIN_BYTES_MAX;
	cfg->min_pin_rps_max = MIN_PIN_RPS_MAX;
	cfg->message_max = AUTH_MESSAGE_MAX;
	cfg->list_max = AUTH_LIST_MAX;
	cfg->cred_blob_max = CRED_BLOB_MAX;
	cfg->large_blobs_max = LARGE_BLOBS_MAX;
	cfg->transports = TRANSPORT_USB;
	cfg->ak_alg = COSE_ES256;
	keep_rp_id(&cfg->ep_rp[0], span_str(test_rp));
}

/* 6.4, member 13; shorter names first, then by letter */
const char *
auth_certification(size_t i, uint8_t *level_max)
{
	static const struct {
		const char	*name;
		uint8_t		 max;
	} names[AUTH_CERTIFICATIONS] = {
		{ "FIDO", 6 },
		{ "CC-EAL", 7 },
		{ "CCN-CPSTIC", 1 },
		{ "FIPS-CMVP-2", 4 },
		{ "FIPS-CMVP-3", 4 },
		{ "FIPS-CMVP-2-PHY", 4 },
		{ "FIPS-CMVP-3-PHY", 4 },
	};

	if (i >= AUTH_CERTIFICATIONS)
		return NULL;
	*level_max = names[i].max;
	return names[i].name;
}

const char *
auth_transport_name(size_t bit)
{
	static const char *const names[] = {
		"usb", "nfc", "ble", "smart-card", "hybrid", "internal",
	};

	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}
