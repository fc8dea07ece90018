/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reply is about (struct auth_facts). The message may be gone when it
 * is asked for, so what of it is told was kept at the beginning.
 */
#include "authenticator/engine/impl.h"

static void
note_rp(struct auth_op *op, struct span rp_id)
{
	if (rp_id.len > 0)
		keep_rp_id(&op->asked.rp_id, rp_id);
}

static void
note_registration(struct auth_op *op)
{
	const struct ctap_make_credential *mc = &op->req.mc;

	note_rp(op, mc->rp_id);
	memcpy(op->asked.user_id, mc->user.id.p, mc->user.id.len);
	op->asked.user_id_len = (uint8_t)mc->user.id.len;
	memcpy(op->ga.client_data_hash, mc->client_data_hash.p,
	    sizeof(op->ga.client_data_hash));
	op->asked.client_data = true;
}

void
facts_note(struct auth_op *op)
{
	switch (op->row->cmd) {
	case CTAP_MAKE_CREDENTIAL:
		note_registration(op);
		break;
	case CTAP_GET_ASSERTION:
		note_rp(op, op->req.ga.rp_id);
		break;
	case CTAP_CLIENT_PIN:
		op->asked.subcommand = (uint8_t)op->req.pin.subcommand;
		note_rp(op, op->req.pin.rp_id);
		break;
	case CTAP_BIO_ENROLLMENT:
	case CTAP_CREDENTIAL_MANAGEMENT:
	case CTAP_CONFIG:
		op->asked.subcommand = (uint8_t)op->req.mgmt.subcommand.v;
		break;
	}
}

void
facts_note_apdu(struct auth_op *op, uint8_t ins)
{
	op->asked.command = ins;
}

/* The last two bytes of every reply of U2F. */
static enum ctap_status
status_of_sw(struct span reply)
{
	switch (reply.p[reply.len - 2] << 8 | reply.p[reply.len - 1]) {
	case SW_NO_ERROR:
		return CTAP2_OK;
	case SW_CONDITIONS_NOT_SATISFIED:
		return CTAP2_ERR_UP_REQUIRED;
	case SW_WRONG_DATA:
		return CTAP2_ERR_NO_CREDENTIALS;
	case SW_WRONG_LENGTH:
		return CTAP1_ERR_INVALID_LENGTH;
	case SW_COMMAND_NOT_ALLOWED:
		return CTAP2_ERR_NOT_ALLOWED;
	case SW_CLA_NOT_SUPPORTED:
	case SW_INS_NOT_SUPPORTED:
		return CTAP1_ERR_INVALID_COMMAND;
	default:
		return CTAP1_ERR_OTHER;
	}
}

static bool
is_registration(const struct auth_op *op)
{
	return op->asked.command == (op->u2f ? U2F_REGISTER :
	    CTAP_MAKE_CREDENTIAL);
}

static bool
is_assertion(const struct auth_op *op)
{
	if (op->u2f)
		return op->asked.command == U2F_AUTHENTICATE;
	return op->asked.command == CTAP_GET_ASSERTION ||
	    op->asked.command == CTAP_GET_NEXT_ASSERTION;
}

/* Renamed or deleted by its host. */
static bool
is_change(const struct auth_op *op)
{
	return !op->u2f && op->asked.command == CTAP_CREDENTIAL_MANAGEMENT &&
	    (op->change.remove != 0 || op->change.replace != NULL);
}

static void
tell_registration(const struct auth *au, struct auth_facts *f)
{
	const struct auth_op *op = &au->work->op;

	if (op->u2f) {
		f->attestation = u2f_has_chain(au) ? ATTESTATION_FIDO_U2F :
		    ATTESTATION_SELF;
		return;
	}
	f->auth_data = span(op->auth_data, op->auth_data_len);
	f->attestation = op->attestation_kind;
	f->enterprise = op->enterprise;
	if (op->change.remove != 0)
		f->replaced = &op->other;
}

/* Of what was done: op->cred may be another one as long as it is not. */
static void
tell_success(const struct auth *au, struct auth_facts *f)
{
	const struct auth_op *op = &au->work->op;

	if (!is_registration(op) && !is_assertion(op) && !is_change(op))
		return;
	f->cred = &op->cred;
	f->epoch = span(au->state.epoch, KEY_EPOCH_LEN);
	f->rp_id_hash = op->cred.rp_id_hash;
	if (f->rp_id.p == NULL && op->cred.rp_id.len > 0)
		f->rp_id = span(op->cred.rp_id.s, op->cred.rp_id.len);
	if (f->user_id.p == NULL && op->cred.user.id_len > 0)
		f->user_id = span(op->cred.user.id, op->cred.user.id_len);
	if (is_registration(op)) {
		tell_registration(au, f);
	} else if (is_assertion(op)) {
		f->auth_data = span(op->auth_data, op->auth_data_len);
		f->user_selected = op->user_selected;
		f->assertions = op->number;
	}
}

bool
auth_facts(const struct auth *au, struct auth_facts *out)
{
	const struct auth_op *op = &au->work->op;
	const struct asked *asked = &op->asked;

	if (!au->busy || op->want != AUTH_REPLY)
		return false;
	*out = (struct auth_facts){ .channel = op->channel, .u2f = op->u2f,
	    .command = asked->command, .subcommand = asked->subcommand,
	    .attestation = ATTESTATION_NONE };
	out->status = op->u2f ? status_of_sw(auth_reply(au)) :
	    (enum ctap_status)au->work->reply[0];
	if (asked->rp_id.len > 0)
		out->rp_id = span(asked->rp_id.s, asked->rp_id.len);
	if (asked->user_id_len > 0)
		out->user_id = span(asked->user_id, asked->user_id_len);
	if (asked->of_rp)
		out->rp_id_hash = op->ga.rp_id_hash;
	if (asked->client_data)
		out->client_data_hash = span(op->ga.client_data_hash,
		    sizeof(op->ga.client_data_hash));
	if (out->status == CTAP2_OK)
		tell_success(au, out);
	return true;
}
