/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of one thought: authenticatorGetInfo (CTAP 2.3, 6.4),
 * authenticatorReset (6.6), authenticatorSelection (6.9).
 */
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

static void
put_options(const struct auth *au, struct cbor_out *out)
{
	bool pin = !au->cfg.no_pin;
	const struct {
		const char	*name;
		enum option	 value;
	} options[] = {
		{ "rk", ON },
		{ "up", ON },
		{ "uv", au->cfg.uv ? ON : ABSENT },
		{ "plat", OFF },
		{ "uvAcfg", au->cfg.uv ? ON : ABSENT },
		{ "alwaysUv", on_if(always_uv(au)) },
		{ "credMgmt", ON },
		{ "authnrCfg", ON },
		{ "clientPin", pin ? on_if(au->state.pin_set) : ABSENT },
		{ "largeBlobs", ON },
		{ "perCredMgmtRO", ON },
		{ "pinUvAuthToken", on_if(pin || au->cfg.uv) },
		{ "setMinPINLength", pin ? ON : ABSENT },
		{ "makeCredUvNotRqd", on_if(!always_uv(au)) },
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

static void
put_versions(const struct auth *au, struct cbor_out *out)
{
	/* uf.3 */
	bool u2f = auth_has_u2f(au) && !always_uv(au);

	cbor_put_array(out, 2 + u2f);
	if (u2f)
		cbor_put_str(out, "U2F_V2");
	cbor_put_str(out, "FIDO_2_0");
	cbor_put_str(out, "FIDO_2_1");
}

static void
put_extensions(const struct auth *au, struct cbor_out *out)
{
	bool pin = !au->cfg.no_pin;

	cbor_put_array(out, pin ? 8 : 6);
	cbor_put_str(out, "credBlob");
	cbor_put_str(out, "credProtect");
	cbor_put_str(out, "hmac-secret");
	cbor_put_str(out, "largeBlobKey");
	if (pin)
		cbor_put_str(out, "minPinLength");
	cbor_put_str(out, "hmac-secret-mc");
	cbor_put_str(out, "thirdPartyPayment");
	if (pin)
		cbor_put_str(out, "pinComplexityPolicy");
}

static void
put_aaguid(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bytes(out, span(au->cfg.aaguid, sizeof(au->cfg.aaguid)));
}

static void
put_message_max(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, message_max(au));
}

static void
put_protocols(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_array(out, 2);
	cbor_put_uint(out, 2);
	cbor_put_uint(out, 1);
}

static void
put_list_max(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_uint(out, AUTH_LIST_MAX);
}

static void
put_id_max(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_uint(out, KEY_BLOB_MAX);
}

static void
put_transports(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_array(out, 1);
	cbor_put_str(out, "usb");
}

static void
put_blobs_max(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_uint(out, LARGE_BLOBS_MAX);
}

static void
put_cred_blob_max(const struct auth *au, struct cbor_out *out)
{
	(void)au;
	cbor_put_uint(out, CRED_BLOB_MAX);
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
	(void)au;
	cbor_put_uint(out, MIN_PIN_RPS_MAX);
}

static void
put_complexity(const struct auth *au, struct cbor_out *out)
{
	cbor_put_bool(out, au->state.pin_complexity);
}

static void
put_max_pin(const struct auth *au, struct cbor_out *out)
{
	cbor_put_uint(out, pin_max_length(au));
}

static void
put_config_commands(const struct auth *au, struct cbor_out *out)
{
	cbor_put_array(out, au->cfg.no_pin ? 1 : 2);
	cbor_put_uint(out, 2);
	if (!au->cfg.no_pin)
		cbor_put_uint(out, 3);
}

/* Members of getInfo, 6.4, in order. */
static const struct {
	uint8_t	key;
	bool	of_pin;		/* there only with clientPin */
	void	(*put)(const struct auth *au, struct cbor_out *out);
} members[] = {
	{ 0x01, false, put_versions },
	{ 0x02, false, put_extensions },
	{ 0x03, false, put_aaguid },
	{ 0x04, false, put_options },
	{ 0x05, false, put_message_max },
	{ 0x06, false, put_protocols },
	{ 0x07, false, put_list_max },
	{ 0x08, false, put_id_max },
	{ 0x09, false, put_transports },
	{ 0x0a, false, put_algorithms },
	{ 0x0b, false, put_blobs_max },
	{ 0x0c, true, put_force_change },
	{ 0x0d, true, put_min_pin },
	{ 0x0e, false, put_firmware },
	{ 0x0f, false, put_cred_blob_max },
	{ 0x10, true, put_rps_max },
	{ 0x19, false, put_identifier },
	{ 0x1b, true, put_complexity },
	{ 0x1d, true, put_max_pin },
	{ 0x1e, false, put_store_state },
	{ 0x1f, false, put_config_commands },
};

/* gi.1; gi.2 is the decoder's. feat.1 to feat.3: see the options. */
static void
put_info(const struct auth *au, struct cbor_out *out)
{
	size_t n = sizeof(members) / sizeof(members[0]), count = 0;

	for (size_t i = 0; i < n; i++)
		count += !(members[i].of_pin && au->cfg.no_pin);
	cbor_put_map(out, count);
	for (size_t i = 0; i < n; i++) {
		if (members[i].of_pin && au->cfg.no_pin)
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

/* sel.1 */
enum auth_want
sel_ask(struct auth *au, struct auth_op *op)
{
	(void)au;
	return ask_user(op, PROMPT_PRESENCE, REASON_SELECT, span(NULL, 0),
	    span(NULL, 0));
}

enum auth_want
sel_reply(struct auth *au, struct auth_op *op)
{
	(void)op;
	return reply_empty(au);
}

/* rst.1: only shortly after power-up, and only by hand */
enum auth_want
rst_check(struct auth *au, struct auth_op *op)
{
	if (op->now_ms - au->powered_ms > RESET_WINDOW_MS)
		return fail(au, CTAP2_ERR_NOT_ALLOWED);
	/* rst.2 */
	return ask_user(op, PROMPT_PRESENCE, REASON_RESET, span(NULL, 0),
	    span(NULL, 0));
}

/*
 * rst.3: a new epoch destroys the keys that live in credential IDs, the
 * store forgets the rest. The signature counter goes on, so that no relying
 * party ever sees it fall.
 */
enum auth_want
rst_commit(struct auth *au, struct auth_op *op)
{
	op->state = auth_state_after_reset(&au->state);
	auth_random(au, op->state.epoch, sizeof(op->state.epoch));
	op->change = (struct auth_change){
		.reset = true,
		.state = &op->state,
	};
	return ask_commit(op);
}

enum auth_want
rst_reply(struct auth *au, struct auth_op *op)
{
	(void)op;
	sessions_wipe(au);
	au->pin_mismatches = 0;
	return reply_empty(au);
}
