/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of one thought: authenticatorGetInfo (CTAP 2.3, 6.4),
 * authenticatorReset (6.6), authenticatorSelection (6.9).
 */
#include "authenticator/engine/impl.h"

/* Option names sort by length, then by letter. */
static void
put_options(const struct auth *au, struct cbor_out *out)
{
	cbor_put_map(out, 6);
	cbor_put_str(out, "rk");
	cbor_put_bool(out, true);
	cbor_put_str(out, "up");
	cbor_put_bool(out, true);
	cbor_put_str(out, "uv");
	cbor_put_bool(out, au->cfg.uv);
	cbor_put_str(out, "plat");
	cbor_put_bool(out, false);
	cbor_put_str(out, "pinUvAuthToken");
	cbor_put_bool(out, au->cfg.uv);
	cbor_put_str(out, "makeCredUvNotRqd");
	cbor_put_bool(out, true);
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

/*
 * gi.1; gi.2 is the decoder's. feat.1: there is no credMgmt, but the key has
 * a user interface of its own for that; feat.2, feat.3: see the options.
 */
static void
put_info(const struct auth *au, struct cbor_out *out)
{
	cbor_put_map(out, 11);
	cbor_put_uint(out, 0x01);	/* versions */
	cbor_put_array(out, 2);
	cbor_put_str(out, "FIDO_2_0");
	cbor_put_str(out, "FIDO_2_1");
	cbor_put_uint(out, 0x02);	/* extensions */
	cbor_put_array(out, 2);
	cbor_put_str(out, "credProtect");
	cbor_put_str(out, "hmac-secret");
	cbor_put_uint(out, 0x03);	/* aaguid */
	cbor_put_bytes(out, span(au->cfg.aaguid, sizeof(au->cfg.aaguid)));
	cbor_put_uint(out, 0x04);	/* options */
	put_options(au, out);
	cbor_put_uint(out, 0x05);	/* maxMsgSize */
	cbor_put_uint(out, AUTH_MESSAGE_MAX);
	cbor_put_uint(out, 0x06);	/* pinUvAuthProtocols */
	cbor_put_array(out, 2);
	cbor_put_uint(out, 2);
	cbor_put_uint(out, 1);
	cbor_put_uint(out, 0x07);	/* maxCredentialCountInList */
	cbor_put_uint(out, AUTH_LIST_MAX);
	cbor_put_uint(out, 0x08);	/* maxCredentialIdLength */
	cbor_put_uint(out, KEY_BLOB_MAX);
	cbor_put_uint(out, 0x09);	/* transports */
	cbor_put_array(out, 1);
	cbor_put_str(out, "usb");
	cbor_put_uint(out, 0x0a);	/* algorithms */
	put_algorithms(au, out);
	cbor_put_uint(out, 0x0e);	/* firmwareVersion */
	cbor_put_uint(out, au->cfg.firmware_version);
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
auth_info(const struct auth *au, uint8_t *out, size_t cap)
{
	struct cbor_out info;

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
	op->state = au->state;
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
	return reply_empty(au);
}
