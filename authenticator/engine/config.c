/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorConfig (CTAP 2.3, 6.11): enterprise attestation, alwaysUv,
 * the minimum PIN length, and the long touch for a reset.
 */
#include "authenticator/engine/impl.h"

#define ENABLE_ENTERPRISE	0x01
#define TOGGLE_ALWAYS_UV	0x02
#define SET_MIN_PIN_LENGTH	0x03
#define ENABLE_LONG_TOUCH	0x04

/* setMinPINLength, 6.11.4 */
struct min_pin {
	struct ctap_uint new_length;
	struct ctap_list rp_ids;
	enum ctap_opt	 force;
	enum ctap_opt	 complexity;
};

static bool
take_new_length(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct min_pin *)arg)->new_length);
}

static bool
take_rp_ids(struct cbor_in *in, void *arg)
{
	return ctap_take_texts(in, &((struct min_pin *)arg)->rp_ids);
}

static bool
take_force(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct min_pin *)arg)->force);
}

static bool
take_complexity(struct cbor_in *in, void *arg)
{
	return ctap_take_opt(in, &((struct min_pin *)arg)->complexity);
}

static const struct cbor_member min_pin_members[] = {
	{ 1, NULL, false, take_new_length },
	{ 2, NULL, false, take_rp_ids },
	{ 3, NULL, false, take_force },
	{ 4, NULL, false, take_complexity },
};

/* cfg.7: told to, or as it came, which a reset ends */
bool
ep_enabled(const struct auth *au)
{
	return au->state.enterprise ||
	    (au->cfg.ep_enabled && !au->state.was_reset);
}

bool
config_offers(const struct auth *au, uint64_t subcommand)
{
	switch (subcommand) {
	case ENABLE_ENTERPRISE:
		return has(au, FEATURE_EP);
	case TOGGLE_ALWAYS_UV:
		return has(au, FEATURE_ALWAYS_UV);
	case SET_MIN_PIN_LENGTH:
		return has(au, FEATURE_SET_MIN_PIN_LENGTH);
	case ENABLE_LONG_TOUCH:
		return has(au, FEATURE_LONG_TOUCH);
	default:
		return false;
	}
}

/* cfg.2, cfg.3: a token that may, unless there is nothing to get one with */
static enum ctap_status
authorize(struct auth *au, struct auth_op *op)
{
	const struct ctap_management *req = &op->req.mgmt;
	uint8_t head[34];

	if (!is_protected(au) && (!always_uv(au) ||
	    req->subcommand.v == TOGGLE_ALWAYS_UV))
		return CTAP2_OK;
	memset(head, 0xff, 32);
	head[32] = CTAP_CONFIG;
	head[33] = (uint8_t)req->subcommand.v;
	return token_authorize(au, op, &req->auth, span(head, sizeof(head)),
	    req->params, PERMISSION_ACFG);
}

/* cfg.5: kept as they are told, cut as a credential's would be */
static enum ctap_status
take_rps(const struct auth *au, struct auth_op *op,
    const struct ctap_list *list)
{
	struct cbor_in at = ctap_list_begin(list);
	struct span rp_id;

	if (list->items.p == NULL)
		return CTAP2_OK;
	if (list->count > au->cfg.min_pin_rps_max)
		return CTAP2_ERR_KEY_STORE_FULL;
	op->state.min_pin_rp_count = 0;
	while (ctap_next_text(&at, &rp_id)) {
		/* a name that is cut would match nothing, or too much */
		if (rp_id.len > RP_ID_KEPT)
			return CTAP2_ERR_KEY_STORE_FULL;
		keep_rp_id(&op->state.min_pin_rp[
		    op->state.min_pin_rp_count++], rp_id);
	}
	return CTAP2_OK;
}

/* cfg.5: setMinPINLength, in the order of the standard */
static enum ctap_status
set_min_pin_length(struct auth *au, struct auth_op *op)
{
	struct min_pin p = { .force = OPT_ABSENT };
	unsigned length = pin_min_length(au);
	enum ctap_status status = ctap_decode_params(&op->req.mgmt,
	    min_pin_members, sizeof(min_pin_members) /
	    sizeof(min_pin_members[0]), &p);

	if (status != CTAP2_OK)
		return status;
	if (p.new_length.there) {
		if (p.new_length.v < length ||
		    p.new_length.v > pin_max_length(au))
			return CTAP2_ERR_PIN_POLICY_VIOLATION;
		length = (unsigned)p.new_length.v;
		op->state.min_pin_length = (uint8_t)length;
	}
	if (p.force == OPT_TRUE && !au->state.pin_set)
		return CTAP2_ERR_PIN_NOT_SET;
	if (p.complexity == OPT_TRUE && !au->state.pin_complexity) {
		op->state.pin_complexity = true;
		/* the PIN itself is not known: whether it is complex neither */
		op->state.force_pin_change = au->state.pin_set;
	}
	if (p.force == OPT_TRUE || (au->state.pin_set &&
	    au->state.pin_length < length))
		op->state.force_pin_change = true;
	if (op->state.force_pin_change) {
		op->state.ppuat_generation++;
		op->state.ppuat_pcmr = false;
	}
	return take_rps(au, op, &p.rp_ids);
}

/* What the subcommand makes of op->state. */
static enum ctap_status
apply(struct auth *au, struct auth_op *op)
{
	switch (op->req.mgmt.subcommand.v) {
	case ENABLE_ENTERPRISE:
		/* cfg.7: only a reset switches it off again */
		op->state.enterprise = true;
		return CTAP2_OK;
	case TOGGLE_ALWAYS_UV:
		op->state.always_uv_toggled = !op->state.always_uv_toggled;
		return CTAP2_OK;
	case ENABLE_LONG_TOUCH:
		/* cfg.8: likewise */
		op->state.long_touch = true;
		return CTAP2_OK;
	default:
		return set_min_pin_length(au, op);
	}
}

/* cfg.1 to cfg.5 */
enum auth_want
cfg_run(struct auth *au, struct auth_op *op)
{
	enum ctap_status status;

	if (!config_offers(au, op->req.mgmt.subcommand.v))
		return fail(au, CTAP2_ERR_INVALID_SUBCOMMAND);
	status = authorize(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	op->state = au->state;
	status = apply(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	op->change = (struct auth_change){ .state = &op->state };
	return ask_commit(op);
}

/* cfg.6: a PIN that must be changed gives no tokens, nor keeps any */
enum auth_want
cfg_done(struct auth *au, struct auth_op *op)
{
	if (op->req.mgmt.subcommand.v == SET_MIN_PIN_LENGTH &&
	    au->state.force_pin_change)
		tokens_end(au);
	return reply_empty(au);
}
