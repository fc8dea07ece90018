/* SPDX-License-Identifier: Apache-2.0 */
/* authenticatorGetAssertion and GetNextAssertion (CTAP 2.3, 6.2, 6.3) */
#include "authenticator/engine/impl.h"

/* ga.1 */
enum auth_want
ga_blink(struct auth *au, struct auth_op *op)
{
	return ask_blink(au, op, &op->req.ga.auth);
}

/* ga.4: pinUvAuthParam wins over uv */
static enum ctap_status
check_options(const struct auth *au, struct ctap_get_assertion *req)
{
	if (req->auth.param.p != NULL)
		req->options.uv = OPT_FALSE;
	if (req->options.uv == OPT_TRUE && !uv_ready(au))
		return CTAP2_ERR_INVALID_OPTION;
	if (req->options.rk != OPT_ABSENT)
		return CTAP2_ERR_UNSUPPORTED_OPTION;
	return CTAP2_OK;
}

enum auth_want
ga_check(struct auth *au, struct auth_op *op)
{
	struct ctap_get_assertion *req = &op->req.ga;
	enum ctap_status status = check_auth_protocol(au, &req->auth);

	if (status == CTAP2_OK)
		status = check_options(au, req);
	if (status != CTAP2_OK)
		return fail(au, status);
	/* msg.7 */
	if (req->allow.count > au->cfg.list_max)
		return fail(au, CTAP2_ERR_LIMIT_EXCEEDED);
	if (!auth_sha256(au, req->rp_id, op->ga.rp_id_hash))
		return fail(au, CTAP1_ERR_OTHER);
	op->asked.of_rp = op->asked.client_data = true;
	memcpy(op->ga.client_data_hash, req->client_data_hash.p,
	    sizeof(op->ga.client_data_hash));
	op->list = ctap_list_begin(&req->allow);
	return AUTH_NEXT;
}

/* ga.5: alwaysUv, for whoever asks for a touch */
static enum ctap_status
check_always_uv(const struct auth *au, struct ctap_get_assertion *req)
{
	if (!always_uv(au) || req->options.up == OPT_FALSE)
		return CTAP2_OK;
	if (!is_protected(au))
		return token_required(au);
	if (req->auth.param.p != NULL)
		return CTAP2_OK;
	if (!uv_ready(au))
		return token_required(au);
	req->options.uv = OPT_TRUE;
	return CTAP2_OK;
}

enum auth_want
ga_authorize(struct auth *au, struct auth_op *op)
{
	struct ctap_get_assertion *req = &op->req.ga;
	enum ctap_status status = check_always_uv(au, req);

	if (status != CTAP2_OK)
		return fail(au, status);
	/* not protected: a pinUvAuthParam proves nothing and is ignored */
	if (!is_protected(au))
		return AUTH_NEXT;
	/* ga.6.1 */
	if (req->auth.param.p != NULL) {
		status = token_check(op, &req->auth, req->client_data_hash,
		    PERMISSION_GA);
		if (status != CTAP2_OK)
			return fail(au, status);
		op->uv = true;
		op->token = true;
	/* ga.6.2 */
	} else if (req->options.uv == OPT_TRUE) {
		uv_want(op, REASON_SIGN_IN, req->rp_id, span(NULL, 0));
	}
	return AUTH_NEXT;
}

/* ga.7, cp.2, without a list: whatever is discoverable, newest first */
static enum auth_want
find_discoverable(struct auth *au, struct auth_op *op)
{
	bool asked = op->lookup.cred != NULL;

	if (asked)
		return op->lookup.found ? AUTH_NEXT :
		    fail(au, CTAP2_ERR_NO_CREDENTIALS);
	op->lookup.before = UINT64_MAX;
	op->lookup.protect_max = op->uv ? PROTECT_REQUIRED :
	    PROTECT_OPTIONAL;
	op->lookup.cred = &op->cred;
	return again(op, ask_lookup(op, LOOKUP_RP));
}

/*
 * ga.7, with a list: the first that is ours; an empty list is no list. cp.3
 */
enum auth_want
ga_find(struct auth *au, struct auth_op *op)
{
	uint8_t protect_max;

	if (op->req.ga.allow.count == 0)
		return find_discoverable(au, op);
	protect_max = op->uv ? PROTECT_REQUIRED : PROTECT_OPTIONAL_WITH_LIST;
	if (found_candidate(op) && op->cred.protect <= protect_max)
		return AUTH_NEXT;
	if (!next_candidate(op))
		return fail(au, CTAP2_ERR_NO_CREDENTIALS);
	return again(op, ask_candidate(au, op, protect_max));
}

/* ga.9: up=false asks for nothing, and then proves nothing */
enum auth_want
ga_consent(struct auth *au, struct auth_op *op)
{
	const struct ctap_get_assertion *req = &op->req.ga;

	(void)au;
	if (req->options.up == OPT_FALSE || op->up ||
	    (op->token && token_present(op)))
		return AUTH_NEXT;
	return ask_user(op, PROMPT_PRESENCE, REASON_SIGN_IN, req->rp_id,
	    span(op->cred.user.name.s, op->cred.user.name.len));
}

/*
 * ga.12: who is told about which account. With a list there is no choice;
 * without one either the key chooses and says so, or the host is told how
 * many there are and asks for them one by one.
 */
static void
choose_account(const struct auth *au, struct auth_op *op)
{
	bool by_token = au->cfg.choice == CHOICE_TOKEN && (op->up || op->uv);

	if (op->req.ga.allow.count > 0)
		return;
	op->user_selected = by_token;
	if (by_token || op->lookup.count < 2)
		return;
	op->number = op->lookup.count;
	op->left = op->lookup.count - 1;
	op->ga.full_user = op->uv;
}

/* ga.9 to ga.11 */
enum auth_want
ga_extend(struct auth *au, struct auth_op *op)
{
	enum ctap_status status;

	if (op->req.ga.options.up != OPT_FALSE) {
		op->up = true;
		token_spend(op);
	}
	op->ga.up = op->up;
	op->ga.uv = op->uv;
	choose_account(au, op);
	status = ext_assert(au, op);
	return status == CTAP2_OK ? AUTH_NEXT : fail(au, status);
}

/* ga.13 */
enum auth_want
ga_sign(struct auth *au, struct auth_op *op)
{
	struct authdata ad = {
		.rp_id_hash = op->ga.rp_id_hash,
		.flags = (op->ga.up ? AUTHDATA_UP : 0) |
		    (op->ga.uv ? AUTHDATA_UV : 0) |
		    backup_flags(&op->cred),
	};

	if (!ext_assert_output(au, op))
		return fail(au, CTAP1_ERR_OTHER);
	count_assertion(au, op);
	ad.counter = op->counter;
	ad.extensions = span(op->extensions, op->extensions_len);
	op->auth_data_len = authdata_write(&ad, op->auth_data,
	    sizeof(op->auth_data));
	op->key.data[0] = span(op->auth_data, op->auth_data_len);
	op->key.data[1] = span(op->ga.client_data_hash,
	    sizeof(op->ga.client_data_hash));
	return ask_key(au, op, KEY_SIGN);
}

/*
 * Of the counter that all share, only the first of a block costs a write. One
 * of a credential's own does each time (cnt.2): how many of those there are,
 * nobody knows, and a write for each at an orderly end is none at a crash.
 */
enum auth_want
ga_save(struct auth *au, struct auth_op *op)
{
	bool reserve = op->counting == COUNT_WITH_KEY &&
	    op->counter > au->state.counter_ceiling;

	blob_change(op);
	if (reserve) {
		auth_state_copy(&op->state, &au->state);
		op->state.counter_ceiling = op->counter < UINT32_MAX -
		    COUNTER_BLOCK ? op->counter + COUNTER_BLOCK - 1 :
		    UINT32_MAX;
		op->change.state = &op->state;
	}
	if (op->counting == COUNT_ITSELF) {
		op->cred.counter = op->counter;
		op->change.replace = &op->cred;
	}
	return reserve || op->change.replace != NULL ||
	    op->change.own_blob.seq != 0 ? ask_commit(op) : AUTH_NEXT;
}

/* What getNextAssertion goes on with. */
static void
remember_others(struct auth *au, struct auth_op *op)
{
	struct auth_remembered *next = remember(au, op, NEXT_ASSERTION,
	    op->left);

	if (next == NULL)
		return;
	next->before = op->cred.seq;
	next->ga = op->ga;
}

enum auth_want
ga_reply(struct auth *au, struct auth_op *op)
{
	struct cbor_out out = reply_begin(au);
	bool user = op->cred.discoverable;
	bool blob_key = ext_tells_large_blob_key(op);
	bool blob = blob_tells(op);

	count_done(au, op);
	remember_others(au, op);
	cbor_put_map(&out, (size_t)3 + user + (op->number > 0) +
	    op->user_selected + blob_key + blob);
	cbor_put_uint(&out, 0x01);	/* credential */
	put_descriptor(&out, &op->cred);
	cbor_put_uint(&out, 0x02);	/* authData */
	cbor_put_bytes(&out, span(op->auth_data, op->auth_data_len));
	cbor_put_uint(&out, 0x03);	/* signature */
	cbor_put_bytes(&out, span(op->key.out_sig, op->key.out_sig_len));
	if (user) {
		cbor_put_uint(&out, 0x04);	/* user */
		/* ga.12.3: names only to a host that verified the user */
		put_user(&out, &op->cred.user, op->ga.full_user);
	}
	if (op->number > 0) {
		cbor_put_uint(&out, 0x05);	/* numberOfCredentials */
		cbor_put_uint(&out, op->number);
	}
	if (op->user_selected) {
		cbor_put_uint(&out, 0x06);	/* userSelected */
		cbor_put_bool(&out, true);
	}
	if (blob_key) {
		cbor_put_uint(&out, 0x07);	/* largeBlobKey */
		ext_put_large_blob_key(op, &out);
	}
	if (blob) {
		cbor_put_uint(&out, 0x08);	/* unsignedExtensionOutputs */
		blob_put(au, op, &out);
	}
	return reply(au, &out);
}

/* gn.1 to gn.4 */
enum auth_want
gn_find(struct auth *au, struct auth_op *op)
{
	const struct auth_remembered *next = recall(op, NEXT_ASSERTION);

	if (next == NULL)
		return fail(au, CTAP2_ERR_NOT_ALLOWED);
	op->ga = next->ga;
	op->asked.of_rp = op->asked.client_data = true;
	op->up = op->ga.up;
	op->uv = op->ga.uv;
	op->left = next->left - 1;
	op->lookup.before = next->before;
	op->lookup.protect_max = op->uv ? PROTECT_REQUIRED :
	    PROTECT_OPTIONAL;
	op->lookup.cred = &op->cred;
	return ask_lookup(op, LOOKUP_RP);
}

enum auth_want
gn_found(struct auth *au, struct auth_op *op)
{
	if (op->lookup.found)
		return AUTH_NEXT;
	remembered_forget(op->session);
	return fail(au, CTAP2_ERR_NOT_ALLOWED);
}
