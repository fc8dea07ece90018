/* SPDX-License-Identifier: Apache-2.0 */
/* authenticatorGetInfo (CTAP 2.3, 6.4): a table of members. */
#include "authenticator/engine/impl.h"

/*
 * Options, 6.4: by length of the name, then by letter, as they are put on
 * the wire; those that are ABSENT are not.
 */
enum option {
	ABSENT,
	OFF,
	ON,
};

static enum option
on_if(bool on)
{
	return on ? ON : OFF;
}

static enum option
there(const struct auth *au, uint64_t feature)
{
	return has(au, feature) ? ON : ABSENT;
}

/* One that says whether something is set up; ABSENT if it cannot be. */
static enum option
set_up(const struct auth *au, uint64_t feature, bool on)
{
	return has(au, feature) ? on_if(on) : ABSENT;
}

static void
put_options(const struct auth *au, struct cbor_out *out)
{
	bool not_required = has(au, FEATURE_MC_UV_NOT_RQD) && !always_uv(au);
	bool bio = au->state.bio_count > 0;	/* bio.11 */
	const struct {
		const char	*name;
		enum option	 value;
	} options[] = {
		{ "ep", set_up(au, FEATURE_EP, ep_enabled(au)) },
		{ "rk", there(au, FEATURE_RK) },
		{ "up", ON },
		{ "uv", set_up(au, FEATURE_UV, uv_ready(au)) },
		{ "plat", on_if(has(au, FEATURE_PLAT)) },
		{ "uvAcfg", there(au, FEATURE_UV_ACFG) },
		{ "alwaysUv", set_up(au, FEATURE_ALWAYS_UV, always_uv(au)) },
		{ "credMgmt", there(au, FEATURE_CRED_MGMT) },
		{ "authnrCfg", there(au, FEATURE_AUTHNR_CFG) },
		{ "bioEnroll", set_up(au, FEATURE_BIO_ENROLL, bio) },
		{ "clientPin", set_up(au, FEATURE_CLIENT_PIN,
		    au->state.pin_set) },
		{ "largeBlobs", there(au, FEATURE_LARGE_BLOBS) },
		{ "uvBioEnroll", there(au, FEATURE_UV_BIO_ENROLL) },
		{ "perCredMgmtRO", there(au, FEATURE_PER_CRED_MGMT_RO) },
		{ "pinUvAuthToken", there(au, FEATURE_PIN_UV_AUTH_TOKEN) },
		{ "setMinPINLength", there(au, FEATURE_SET_MIN_PIN_LENGTH) },
		{ "makeCredUvNotRqd", set_up(au, FEATURE_MC_UV_NOT_RQD,
		    not_required) },
		{ "credentialMgmtPreview", there(au,
		    FEATURE_CRED_MGMT_PREVIEW) },
		{ "userVerificationMgmtPreview", set_up(au,
		    FEATURE_UV_MGMT_PREVIEW, bio) },
		{ "noMcGaPermissionsWithClientPin", there(au,
		    FEATURE_NO_MC_GA_WITH_PIN) },
	};
	size_t n = sizeof(options) / sizeof(options[0]), count = 0;

	for (size_t i = 0; i < n; i++)
		count += options[i].value != ABSENT;
	cbor_put_map(out, count);
	for (size_t i = 0; i < n; i++) {
		if (options[i].value == ABSENT)
			continue;
		cbor_put_str(out, options[i].name);
		cbor_put_bool(out, options[i].value == ON);
	}
}

static void
put_algorithms(const struct auth *au, struct cbor_out *out)
{
	cbor_put_array(out, au->cfg.alg_count);
	for (size_t i = 0; i < au->cfg.alg_count; i++) {
		cbor_put_map(out, 2);
		cbor_put_str(out, "alg");
		cbor_put_int(out, au->cfg.algs[i]);
		cbor_put_str(out, "type");
		cbor_put_str(out, CREDENTIAL_TYPE);
	}
}

/* A name that is told if the key has the feature. */
struct named_feature {
	const char	*name;
	uint64_t	 feature;
};

static void
put_names(const struct auth *au, struct cbor_out *out,
    const struct named_feature *names, size_t n, uint64_t but)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += has(au, names[i].feature & ~but);
	cbor_put_array(out, count);
	for (size_t i = 0; i < n; i++)
		if (has(au, names[i].feature & ~but))
			cbor_put_str(out, names[i].name);
}

static void
put_versions(const struct auth *au, struct cbor_out *out)
{
	static const struct named_feature names[] = {
		{ "U2F_V2", FEATURE_U2F_V2 },
		{ "FIDO_2_0", FEATURE_FIDO_2_0 },
		{ "FIDO_2_1_PRE", FEATURE_FIDO_2_1_PRE },
		{ "FIDO_2_1", FEATURE_FIDO_2_1 },
		{ "FIDO_2_3", FEATURE_FIDO_2_3 },
	};
	/* uf.3 */
	bool u2f = auth_has_u2f(au) && !always_uv(au);

	put_names(au, out, names, sizeof(names) / sizeof(names[0]),
	    u2f ? 0 : FEATURE_U2F_V2);
}

static const struct named_feature extensions[] = {
	{ "uvm", FEATURE_UVM },
	{ "credBlob", FEATURE_CRED_BLOB },
	{ "largeBlob", FEATURE_LARGE_BLOB },
	{ "credProtect", FEATURE_CRED_PROTECT },
	{ "hmac-secret", FEATURE_HMAC_SECRET },
	{ "largeBlobKey", FEATURE_LARGE_BLOB_KEY },
	{ "minPinLength", FEATURE_MIN_PIN_LENGTH },
	{ "hmac-secret-mc", FEATURE_HMAC_SECRET_MC },
	{ "thirdPartyPayment", FEATURE_THIRD_PARTY_PAYMENT },
	{ "pinComplexityPolicy", FEATURE_PIN_COMPLEXITY },
};

static void
put_extensions(const struct auth *au, struct cbor_out *out)
{
	put_names(au, out, extensions,
	    sizeof(extensions) / sizeof(extensions[0]), 0);
}

static bool
has_extensions(const struct auth *au)
{
	uint64_t all = 0;

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		all |= extensions[i].feature;
	return has(au, all);
}

static void
put_aaguid(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bytes(out, span(au->cfg.aaguid, sizeof(au->cfg.aaguid)));
}

static void
put_message_max(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.message_max);
}

/* 6.4: needed as soon as there is anything to agree a key for */
static bool
has_protocols(const struct auth *au)
{
	return has(au, FEATURE_CLIENT_PIN | FEATURE_PIN_UV_AUTH_TOKEN |
	    FEATURE_HMAC_SECRET);
}

static void
put_protocols(const struct auth *au, struct cbor_out *out)
{
	const uint8_t *protocols = au->cfg.protocols;

	cbor_put_array(out, protocols[1] != 0 ? 2 : 1);
	cbor_put_uint(out, protocols[0]);
	if (protocols[1] != 0)
		cbor_put_uint(out, protocols[1]);
}

static void
put_list_max(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.list_max);
}

/* imp.1: ours are shorter, but imported ones may be as long as they can be */
static void
put_id_max(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_uint(out, CREDENTIAL_ID_MAX);
}

static void
put_transport_set(struct cbor_out *out, unsigned set)
{
	size_t count = 0;

	for (size_t i = 0; auth_transport_name(i) != NULL; i++)
		count += set >> i & 1;
	cbor_put_array(out, count);
	for (size_t i = 0; auth_transport_name(i) != NULL; i++)
		if (set & 1u << i)
			cbor_put_str(out, auth_transport_name(i));
}

static bool
has_transports(const struct auth *au)
{
	return au->cfg.transports != 0;
}

static void
put_transports(const struct auth *au, struct cbor_out *out)
{
	put_transport_set(out, au->cfg.transports);
}

static bool
has_blobs(const struct auth *au)
{
	return has(au, FEATURE_LARGE_BLOBS);
}

static void
put_blobs_max(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.large_blobs_max);
}

static bool
has_cred_blob(const struct auth *au)
{
	return has(au, FEATURE_CRED_BLOB);
}

static void
put_cred_blob_max(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.cred_blob_max);
}

static bool
has_pin(const struct auth *au)
{
	return has(au, FEATURE_CLIENT_PIN);
}

static bool
has_min_pin(const struct auth *au)
{
	return has(au, FEATURE_SET_MIN_PIN_LENGTH);
}

static void
put_force_change(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bool(out, au->state.force_pin_change);
}

static void
put_min_pin(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, pin_min_length(au));
}

static void
put_firmware(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.firmware_version);
}

static void
put_rps_max(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.min_pin_rps_max);
}

static bool
has_attempts(const struct auth *au)
{
	return has(au, FEATURE_UV) && au->cfg.uv_attempts != 0;
}

static void
put_attempts(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.uv_attempts);
}

static bool
has_modality(const struct auth *au)
{
	return has(au, FEATURE_UV) && au->cfg.uv_modality != 0;
}

static void
put_modality(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, au->cfg.uv_modality);
}

static size_t
certification_count(const struct auth *au)
{
	size_t count = 0;

	for (size_t i = 0; i < AUTH_CERTIFICATIONS; i++)
		count += au->cfg.certifications[i] != 0;
	return count;
}

static bool
has_certifications(const struct auth *au)
{
	return certification_count(au) > 0;
}

static void
put_certifications(const struct auth *au, struct cbor_out *out)
{
	uint8_t max;

	cbor_put_map(out, certification_count(au));
	for (size_t i = 0; i < AUTH_CERTIFICATIONS; i++) {
		if (au->cfg.certifications[i] == 0)
			continue;
		cbor_put_str(out, auth_certification(i, &max));
		cbor_put_uint(out, au->cfg.certifications[i]);
	}
}

static bool
has_remaining(const struct auth *au)
{
	return has(au, FEATURE_REMAINING);
}

static void
put_remaining(const struct auth *au, struct cbor_out *out)
{
	uint32_t used = au->state.credentials;

	cbor_put_uint(out, used < au->cfg.capacity ?
	    au->cfg.capacity - used : 0);
}

/* Whether there is an RP that gets to choose: others get none. */
static bool
attests(const struct auth *au)
{
	const struct auth_format_rp *listed = au->cfg.format_rp;

	for (size_t i = 0; i < AUTH_FORMAT_RPS_MAX && listed[i].rp.len > 0;
	    i++)
		if (listed[i].kind != ATTESTATION_NONE)
			return true;
	return au->cfg.attestation.kind != ATTESTATION_NONE;
}

/* att.4: "none" is no format that is listed */
static bool
has_formats(const struct auth *au)
{
	return attests(au) || has(au, FEATURE_EP);
}

/* att.4: first the one that an RP gets which prefers nothing */
static void
put_formats(const struct auth *au, struct cbor_out *out)
{
	enum attestation_kind usual = au->cfg.attestation.kind;
	bool tpm = attests(au) && au->cfg.tpm.x5c_count > 0;
	bool first = usual == ATTESTATION_TPM;
	/* att.10 */
	bool other = usual > ATTESTATION_TPM;

	cbor_put_array(out, (size_t)1 + tpm + other);
	if (other)
		cbor_put_str(out, auth_attestation_format(usual));
	if (tpm && first)
		cbor_put_str(out, "tpm");
	cbor_put_str(out, "packed");
	if (tpm && !first)
		cbor_put_str(out, "tpm");
}

static bool
has_long_touch(const struct auth *au)
{
	return has(au, FEATURE_LONG_TOUCH);
}

static void
put_long_touch(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bool(out, au->state.long_touch);
}

static bool
has_persistent(const struct auth *au)
{
	return has(au, FEATURE_PER_CRED_MGMT_RO);
}

static bool
has_reset_transports(const struct auth *au)
{
	return au->cfg.transports_for_reset != 0;
}

static void
put_reset_transports(const struct auth *au, struct cbor_out *out)
{
	put_transport_set(out, au->cfg.transports_for_reset);
}

static void
put_complexity(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bool(out, au->state.pin_complexity);
}

static bool
has_policy_url(const struct auth *au)
{
	return has_pin(au) && au->cfg.policy_url[0] != '\0';
}

static void
put_policy_url(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bytes(out, span_str(au->cfg.policy_url));
}

static void
put_max_pin(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, pin_max_length(au));
}

static bool
has_config(const struct auth *au)
{
	return has(au, FEATURE_AUTHNR_CFG);
}

static void
put_config_commands(const struct auth *au, struct cbor_out *out)
{
	size_t count = 0;

	for (uint64_t c = 0; c <= 0xff; c++)
		count += config_offers(au, c);
	cbor_put_array(out, count);
	for (uint64_t c = 0; c <= 0xff; c++)
		if (config_offers(au, c))
			cbor_put_uint(out, c);
}

/* Members of getInfo, 6.4, in order. */
static const struct {
	uint8_t	key;
	bool	(*there)(const struct auth *au);	/* NULL: always */
	void	(*put)(const struct auth *au, struct cbor_out *out);
} members[] = {
	{ 0x01, NULL, put_versions },
	{ 0x02, has_extensions, put_extensions },
	{ 0x03, NULL, put_aaguid },
	{ 0x04, NULL, put_options },
	{ 0x05, NULL, put_message_max },
	{ 0x06, has_protocols, put_protocols },
	{ 0x07, NULL, put_list_max },
	{ 0x08, NULL, put_id_max },
	{ 0x09, has_transports, put_transports },
	{ 0x0a, NULL, put_algorithms },
	{ 0x0b, has_blobs, put_blobs_max },
	{ 0x0c, has_min_pin, put_force_change },
	{ 0x0d, has_pin, put_min_pin },
	{ 0x0e, NULL, put_firmware },
	{ 0x0f, has_cred_blob, put_cred_blob_max },
	{ 0x10, has_min_pin, put_rps_max },
	{ 0x11, has_attempts, put_attempts },
	{ 0x12, has_modality, put_modality },
	{ 0x13, has_certifications, put_certifications },
	{ 0x14, has_remaining, put_remaining },
	{ 0x16, has_formats, put_formats },
	{ 0x18, has_long_touch, put_long_touch },
	{ 0x19, has_persistent, put_identifier },
	{ 0x1a, has_reset_transports, put_reset_transports },
	{ 0x1b, has_min_pin, put_complexity },
	{ 0x1c, has_policy_url, put_policy_url },
	{ 0x1d, has_pin, put_max_pin },
	{ 0x1e, has_persistent, put_store_state },
	{ 0x1f, has_config, put_config_commands },
};

static bool
is_there(const struct auth *au, size_t i)
{
	return members[i].there == NULL || members[i].there(au);
}

/* gi.1; gi.2 is the decoder's */
static void
put_info(const struct auth *au, struct cbor_out *out)
{
	size_t n = sizeof(members) / sizeof(members[0]), count = 0;

	for (size_t i = 0; i < n; i++)
		count += is_there(au, i);
	cbor_put_map(out, count);
	for (size_t i = 0; i < n; i++) {
		if (!is_there(au, i))
			continue;
		cbor_put_uint(out, members[i].key);
		members[i].put(au, out);
	}
}

enum auth_want
info_reply(struct auth *au, struct auth_op *op)
{
	struct cbor_out out = reply_begin(au);

	(void)op;
	put_info(au, &out);
	return reply(au, &out);
}

size_t
auth_info(struct auth *au, uint64_t channel, uint8_t *out, size_t cap)
{
	struct cbor_out info;

	/* gn.5, cm.9, lb.11: it is a command like any other */
	channel_goes_on(au, channel);

	if (cap == 0)
		return 0;
	out[0] = CTAP2_OK;
	cbor_out_init(&info, out + 1, cap - 1);
	put_info(au, &info);
	return info.overflow ? 0 : 1 + info.len;
}
