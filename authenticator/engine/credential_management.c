/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorCredentialManagement (CTAP 2.3, 6.8): what is stored, told
 * to whoever holds a token for it; deleting, and changing names.
 *
 *	cm_check  checks, and asks for authority: a token, or a list begun
 *	cm_find   looks up
 *	cm_found  nothing found; deletes, updates
 *	cm_reply  answers
 *
 * The preview of this command (41) is understood but not offered: libfido2
 * before 1.15 knows no other, and asks for nothing but credMgmt.
 */
#include "authenticator/engine/impl.h"

enum subcommand_code {
	GET_METADATA = 0x01,
	RPS_BEGIN = 0x02,
	RPS_NEXT = 0x03,
	CREDENTIALS_BEGIN = 0x04,
	CREDENTIALS_NEXT = 0x05,
	DELETE = 0x06,
	UPDATE_USER = 0x07,
};

/* What a subcommand has to bring, and how it is authorised. */
enum needs {
	NEEDS_RP = 0x01,
	NEEDS_CREDENTIAL = 0x02,
	NEEDS_USER = 0x04,
	NEEDS_TOKEN = 0x08,
	READS_ONLY = 0x10,	/* the persistent token will do */
	UNBOUND = 0x20,		/* not a token that is bound to an RP */
};

struct subcommand {
	uint8_t		code;
	uint8_t		needs;
	enum continuation what;		/* goes on with it; or begins it */
	enum lookup_kind lookup;
	enum ctap_status none;		/* where nothing is found */
};

static const struct subcommand subcommands[] = {
	{ GET_METADATA, NEEDS_TOKEN | READS_ONLY | UNBOUND, NEXT_NOTHING,
	    LOOKUP_COUNT, CTAP1_ERR_OTHER },
	{ RPS_BEGIN, NEEDS_TOKEN | READS_ONLY | UNBOUND, NEXT_RP,
	    LOOKUP_SITE, CTAP2_ERR_NO_CREDENTIALS },
	{ RPS_NEXT, 0, NEXT_RP,
	    LOOKUP_SITE, CTAP2_ERR_NOT_ALLOWED },
	{ CREDENTIALS_BEGIN, NEEDS_TOKEN | READS_ONLY | NEEDS_RP,
	    NEXT_CREDENTIAL, LOOKUP_RP, CTAP2_ERR_NO_CREDENTIALS },
	{ CREDENTIALS_NEXT, 0, NEXT_CREDENTIAL,
	    LOOKUP_RP, CTAP2_ERR_NOT_ALLOWED },
	{ DELETE, NEEDS_TOKEN | NEEDS_CREDENTIAL, NEXT_NOTHING,
	    LOOKUP_ID_ANY, CTAP2_ERR_NO_CREDENTIALS },
	{ UPDATE_USER, NEEDS_TOKEN | NEEDS_CREDENTIAL | NEEDS_USER,
	    NEXT_NOTHING, LOOKUP_ID_ANY, CTAP2_ERR_NO_CREDENTIALS },
};

static const struct subcommand *
subcommand_of(const struct auth_op *op)
{
	size_t n = sizeof(subcommands) / sizeof(subcommands[0]);

	for (size_t i = 0; i < n; i++)
		if (subcommands[i].code == op->req.mgmt.subcommand.v)
			return &subcommands[i];
	return NULL;
}

/* subCommandParams */

static bool
take_rp_id_hash(struct cbor_in *in, void *arg)
{
	return cbor_bytes_len(in, &((struct cm_request *)arg)->rp_id_hash,
	    32);
}

static bool
take_credential(struct cbor_in *in, void *arg)
{
	return ctap_next_descriptor(in, &((struct cm_request *)arg)->cred);
}

static bool
take_user(struct cbor_in *in, void *arg)
{
	return ctap_take_user(in, &((struct cm_request *)arg)->user);
}

static const struct cbor_member members[] = {
	{ 1, NULL, false, take_rp_id_hash },
	{ 2, NULL, false, take_credential },
	{ 3, NULL, false, take_user },
};

/* cm.2: what the subcommand has to bring; nothing else is looked at */
static enum ctap_status
take_params(struct auth_op *op, unsigned needs)
{
	bool missing = false;
	enum ctap_status status;

	if ((needs & (NEEDS_RP | NEEDS_CREDENTIAL | NEEDS_USER)) == 0)
		return CTAP2_OK;
	status = ctap_decode_params(&op->req.mgmt, members,
	    sizeof(members) / sizeof(members[0]), &op->cm);
	if (status != CTAP2_OK)
		return status;
	if (needs & NEEDS_RP)
		missing |= op->cm.rp_id_hash.p == NULL;
	if (needs & NEEDS_CREDENTIAL)
		missing |= op->cm.cred.id.p == NULL;
	if (needs & NEEDS_USER)
		missing |= op->cm.user.id.p == NULL;
	return missing ? CTAP2_ERR_MISSING_PARAMETER : CTAP2_OK;
}

/*
 * cm.5: a token for one RP is no token for all of them. It may list the
 * credentials of its own: whoever has it could sign in there anyway.
 */
static bool
in_scope(const struct auth_op *op, unsigned needs)
{
	if (op->cm.bound == NULL)
		return true;
	if (needs & UNBOUND)
		return false;
	if (needs & NEEDS_RP)
		return span_eq(op->cm.rp_id_hash, span(op->cm.bound, 32));
	return true;		/* known when the credential is found */
}

/* cm.1 to cm.5 */
static enum ctap_status
authorize(struct auth *au, struct auth_op *op, unsigned needs)
{
	const struct ctap_management *req = &op->req.mgmt;
	uint8_t code = (uint8_t)req->subcommand.v;
	struct span head = span(&code, 1);
	enum ctap_status status;

	if (req->auth.param.p == NULL)
		return CTAP2_ERR_PUAT_REQUIRED;
	status = take_params(op, needs);
	if (status != CTAP2_OK)
		return status;
	/* cm.4 */
	op->cm.token = TOKEN_PERSISTENT;
	if ((needs & READS_ONLY) && token_authorize_persistent(au,
	    &req->auth, head, req->params))
		return CTAP2_OK;
	/* cm.3 */
	status = token_authorize(au, op, &req->auth, head, req->params,
	    PERMISSION_CM);
	if (status != CTAP2_OK)
		return status;
	op->cm.token = (int)req->auth.protocol.v;
	op->cm.bound = token_rp_id_hash(op, op->cm.token);
	return in_scope(op, needs) ? CTAP2_OK : CTAP2_ERR_PIN_AUTH_INVALID;
}

/* cm.9: the token was asked for when the list was begun */
static enum ctap_status
go_on(struct auth_op *op, enum continuation what)
{
	const struct auth_remembered *next = recall(op, what);

	if (next == NULL)
		return CTAP2_ERR_NOT_ALLOWED;
	op->left = next->left - 1;
	op->cm.token = next->token;
	op->lookup.before = next->before;
	op->lookup.has_cursor = true;
	memcpy(op->lookup.cursor, next->cursor, sizeof(next->cursor));
	memcpy(op->ga.rp_id_hash, next->ga.rp_id_hash,
	    sizeof(op->ga.rp_id_hash));
	return CTAP2_OK;
}

enum auth_want
cm_check(struct auth *au, struct auth_op *op)
{
	const struct subcommand *s = subcommand_of(op);
	bool begun = s != NULL && !(s->needs & NEEDS_TOKEN);
	enum ctap_status status;

	/* cm.9: any other subcommand ends a list */
	if (!begun)
		remembered_end(op->session, op->channel);
	/* cm.0 */
	if (s == NULL)
		return fail(au, CTAP2_ERR_INVALID_SUBCOMMAND);
	status = begun ? go_on(op, s->what) : authorize(au, op, s->needs);
	return status == CTAP2_OK ? AUTH_NEXT : fail(au, status);
}

enum auth_want
cm_find(struct auth *au, struct auth_op *op)
{
	const struct subcommand *s = subcommand_of(op);

	(void)au;
	op->lookup.cred = &op->cred;
	op->lookup.protect_max = PROTECT_REQUIRED;
	if (s->code == CREDENTIALS_BEGIN) {
		op->lookup.before = UINT64_MAX;
		memcpy(op->ga.rp_id_hash, op->cm.rp_id_hash.p,
		    sizeof(op->ga.rp_id_hash));
	}
	if (span_eq(op->cm.cred.type, span_str(CREDENTIAL_TYPE)))
		op->lookup.id = op->cm.cred.id;
	return ask_lookup(op, s->lookup);
}

/* What a change of the credentials comes with. id.2 */
static enum auth_want
change(struct auth *au, struct auth_op *op)
{
	op->state = au->state;
	op->state.store_generation++;
	op->change.state = &op->state;
	return ask_commit(op);
}

/*
 * cm.11: the user's names, and nothing else; one that is not given is
 * removed.
 */
static enum auth_want
update_user(struct auth *au, struct auth_op *op)
{
	struct user_entity *user = &op->cred.user;

	if (!span_eq(op->cm.user.id, span(user->id, user->id_len)))
		return fail(au, CTAP1_ERR_INVALID_PARAMETER);
	memset(&user->name, 0, sizeof(user->name));
	memset(&user->display_name, 0, sizeof(user->display_name));
	keep_name(&user->name, op->cm.user.name);
	keep_name(&user->display_name, op->cm.user.display_name);
	op->change.replace = &op->cred;
	return change(au, op);
}

/* A token for one RP learns nothing about credentials of others. */
static bool
is_out_of_scope(const struct auth_op *op)
{
	if (op->cm.bound == NULL)
		return false;
	return !op->lookup.found || memcmp(op->cred.rp_id_hash,
	    op->cm.bound, sizeof(op->cred.rp_id_hash)) != 0;
}

enum auth_want
cm_found(struct auth *au, struct auth_op *op)
{
	const struct subcommand *s = subcommand_of(op);

	/* keep.2: what is not listed cannot be changed here either */
	if ((s->needs & NEEDS_CREDENTIAL) && op->lookup.found)
		op->lookup.found = op->cred.discoverable;
	/* cm.5 */
	if ((s->needs & NEEDS_CREDENTIAL) && is_out_of_scope(op))
		return fail(au, CTAP2_ERR_PIN_AUTH_INVALID);
	if (!op->lookup.found) {
		remembered_end(op->session, op->channel);
		return fail(au, s->none);
	}
	if ((s->needs & NEEDS_TOKEN) && s->what != NEXT_NOTHING)
		op->left = op->lookup.count - 1;
	switch (s->code) {
	case DELETE:
		/* cm.10 */
		op->change.remove = op->cred.seq;
		return change(au, op);
	case UPDATE_USER:
		return update_user(au, op);
	default:
		return AUTH_NEXT;
	}
}

static void
remember_others(struct auth *au, struct auth_op *op, enum continuation what)
{
	struct auth_remembered *next = remember(au, op, what, op->left);

	if (next == NULL)
		return;
	next->token = op->cm.token;
	next->before = op->cred.seq;
	memcpy(next->cursor, op->lookup.cursor, sizeof(next->cursor));
	memcpy(next->ga.rp_id_hash, op->ga.rp_id_hash,
	    sizeof(next->ga.rp_id_hash));
}

/* cm.6 */
static void
put_metadata(struct cbor_out *out, const struct auth_op *op)
{
	cbor_put_map(out, 2);
	cbor_put_uint(out, 0x01);	/* existingResidentCredentialsCount */
	cbor_put_uint(out, op->lookup.count);
	cbor_put_uint(out, 0x02);	/* maxPossibleRemaining... */
	cbor_put_uint(out, op->lookup.room);
}

/* cm.7 */
static void
put_rp(struct cbor_out *out, const struct auth_op *op, bool first)
{
	const struct credential *cred = &op->cred;
	bool name = cred->rp_name.len > 0;

	cbor_put_map(out, first ? 3 : 2);
	cbor_put_uint(out, 0x03);	/* rp */
	cbor_put_map(out, 1 + name);
	cbor_put_str(out, "id");
	cbor_put_text(out, span(cred->rp_id.s, cred->rp_id.len));
	if (name) {
		cbor_put_str(out, "name");
		cbor_put_text(out, span(cred->rp_name.s, cred->rp_name.len));
	}
	cbor_put_uint(out, 0x04);	/* rpIDHash */
	cbor_put_bytes(out, span(cred->rp_id_hash,
	    sizeof(cred->rp_id_hash)));
	if (first) {
		cbor_put_uint(out, 0x05);	/* totalRPs */
		cbor_put_uint(out, op->lookup.count);
	}
}

/* cm.8 */
static void
put_credential(struct cbor_out *out, const struct auth_op *op, bool first)
{
	const struct credential *cred = &op->cred;
	bool blob_key = cred->has_large_blob_key;

	cbor_put_map(out, (size_t)5 + first + blob_key);
	cbor_put_uint(out, 0x06);	/* user */
	put_user(out, &cred->user, true);
	cbor_put_uint(out, 0x07);	/* credentialID */
	put_descriptor(out, cred);
	cbor_put_uint(out, 0x08);	/* publicKey */
	cbor_put_raw(out, span(cred->pub, cred->pub_len));
	if (first) {
		cbor_put_uint(out, 0x09);	/* totalCredentials */
		cbor_put_uint(out, op->lookup.count);
	}
	cbor_put_uint(out, 0x0a);	/* credProtect */
	cbor_put_uint(out, cred->protect);
	if (blob_key) {
		cbor_put_uint(out, 0x0b);	/* largeBlobKey */
		cbor_put_bytes(out, span(cred->large_blob_key,
		    sizeof(cred->large_blob_key)));
	}
	cbor_put_uint(out, 0x0c);	/* thirdPartyPayment */
	cbor_put_bool(out, cred->third_party_payment);
}

enum auth_want
cm_reply(struct auth *au, struct auth_op *op)
{
	const struct subcommand *s = subcommand_of(op);
	struct cbor_out out = reply_begin(au);

	if (s->lookup == LOOKUP_ID_ANY)
		return reply_empty(au);
	if (s->what != NEXT_NOTHING)
		remember_others(au, op, s->what);
	switch (s->code) {
	case GET_METADATA:
		put_metadata(&out, op);
		break;
	case RPS_BEGIN:
	case RPS_NEXT:
		put_rp(&out, op, s->code == RPS_BEGIN);
		break;
	default:
		put_credential(&out, op, s->code == CREDENTIALS_BEGIN);
	}
	return reply(au, &out);
}
