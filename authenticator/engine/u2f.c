/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U2F, also called CTAP1 (FIDO U2F Raw Message Formats 1.2). What it makes
 * are credentials like those of CTAP2: a key handle is a credential ID that
 * holds its key, the application is the RP ID's hash, the challenge is the
 * client data hash, and the signature is over authenticator data of the
 * same form. uf.14: so each side can use what the other has made (CTAP 2.3,
 * 10).
 *
 * A U2F host does not wait for a touch. It asks again a few times a second
 * until somebody has touched the key, and cannot call a request back; so a
 * request that finds nobody there is answered at once, and a touch between
 * two of them is kept for the next (presence.h).
 */
#include "authenticator/engine/impl.h"

#include <assert.h>

#define CHALLENGE_LEN	32
#define APPLICATION_LEN	32
#define KEY_HANDLE_MAX	255	/* its length is one byte */
#define POINT_LEN	65	/* 04, x, y */
#define REPLY_REGISTER	0x05	/* reserved byte, 4.3 */
#define SIGNED_REGISTER	0x00

/* P1 of U2F_AUTHENTICATE, 5.1 */
enum u2f_control {
	U2F_ENFORCE_AND_SIGN = 0x03,
	U2F_CHECK_ONLY = 0x07,
	U2F_SIGN = 0x08,	/* whether or not somebody is there */
};

/* Where the attested data of authenticator data would begin. */
#define SIGNED_FLAGS	32
#define SIGNED_END	37

bool
auth_has_u2f(const struct auth *au)
{
	for (size_t i = 0; i < au->cfg.alg_count; i++)
		if (au->cfg.algs[i] == COSE_ES256)
			return has(au, FEATURE_U2F_V2);
	return false;
}

/* Replies: data, then the status word; an error has no data. */

static void
put(struct auth *au, struct span s)
{
	assert(s.len <= sizeof(au->work->reply) - au->work->reply_len);
	memcpy(au->work->reply + au->work->reply_len, s.p, s.len);
	au->work->reply_len += s.len;
}

static void
put_byte(struct auth *au, uint8_t byte)
{
	put(au, span(&byte, 1));
}

static enum auth_want
reply_sw(struct auth *au, enum apdu_sw sw)
{
	put_byte(au, (uint8_t)(sw >> 8));
	put_byte(au, (uint8_t)sw);
	return AUTH_REPLY;
}

enum auth_want
fail_sw(struct auth *au, enum apdu_sw sw)
{
	au->work->reply_len = 0;
	return reply_sw(au, sw);
}

/* uf.6: that nobody agreed means that the host should ask again. */
enum auth_want
u2f_fail(struct auth *au, enum ctap_status status)
{
	switch (status) {
	case CTAP2_ERR_USER_ACTION_TIMEOUT:
	case CTAP2_ERR_OPERATION_DENIED:
		return fail_sw(au, SW_CONDITIONS_NOT_SATISFIED);
	default:
		return fail_sw(au, SW_INTERNAL);
	}
}

/* Requests */

static bool
take_nothing(struct auth_op *op, struct span data)
{
	(void)op;
	return data.len == 0;
}

static void
take_hashes(struct auth_op *op, const uint8_t *p)
{
	memcpy(op->ga.client_data_hash, p, CHALLENGE_LEN);
	memcpy(op->ga.rp_id_hash, p + CHALLENGE_LEN, APPLICATION_LEN);
	op->asked.of_rp = op->asked.client_data = true;
}

static bool
take_register(struct auth_op *op, struct span data)
{
	if (data.len != CHALLENGE_LEN + APPLICATION_LEN)
		return false;
	take_hashes(op, data.p);
	return true;
}

static bool
take_authenticate(struct auth_op *op, struct span data)
{
	const size_t head = CHALLENGE_LEN + APPLICATION_LEN + 1;

	if (data.len < head || data.len != head + data.p[head - 1])
		return false;
	take_hashes(op, data.p);
	set_candidate(op, span(data.p + head, data.len - head));
	return true;
}

static const struct u2f_command {
	struct auth_row	 row;
	bool		(*take)(struct auth_op *op, struct span data);
} commands[] = {
	{ { U2F_REGISTER, 0, { ur_ask, ur_create, ur_certify, ur_attest,
	    ur_save, ur_reply } }, take_register },
	{ { U2F_AUTHENTICATE, 0, { ua_find, ua_consent, ua_sign, ga_save,
	    ua_reply } }, take_authenticate },
	{ { U2F_VERSION, 0, { u2f_version } }, take_nothing },
};

static const struct u2f_command *
find_command(uint8_t ins)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].row.cmd == ins)
			return &commands[i];
	return NULL;
}

enum apdu_sw
u2f_decode(struct auth *au, struct auth_op *op, struct span msg)
{
	const struct u2f_command *command;
	struct apdu apdu;
	struct span data;

	/* uf.1 */
	if (!apdu_header(msg, &apdu))
		return SW_WRONG_LENGTH;
	/* uf.2 */
	if (apdu.cla != 0)
		return SW_CLA_NOT_SUPPORTED;
	command = find_command(apdu.ins);
	if (command == NULL)
		return SW_INS_NOT_SUPPORTED;
	/* uf.3: it cannot verify anybody, CTAP 2.3, 7.2.4 */
	if (always_uv(au))
		return SW_COMMAND_NOT_ALLOWED;
	/* uf.4; P2, and P1 where it says nothing, are not looked at */
	if (!apdu_data(&apdu, &data) || !command->take(op, data))
		return SW_WRONG_LENGTH;
	op->row = &command->row;
	op->control = apdu.p1;
	facts_note_apdu(op, apdu.ins);
	return SW_NO_ERROR;
}

/* uf.5 */
enum auth_want
u2f_version(struct auth *au, struct auth_op *op)
{
	(void)op;
	put(au, span_str("U2F_V2"));
	return reply_sw(au, SW_NO_ERROR);
}

/* uf.6: answered by who is there now; its time is over as it begins */
static enum auth_want
poll_user(struct auth_op *op, enum prompt_reason reason)
{
	ask_user(op, PROMPT_PRESENCE, reason, span(NULL, 0), span(NULL, 0));
	op->prompt.polled = true;
	op->user_deadline = op->now_ms;
	return AUTH_USER;
}

/* U2F_REGISTER, 4 */

enum auth_want
ur_ask(struct auth *au, struct auth_op *op)
{
	(void)au;
	return poll_user(op, REASON_REGISTER);
}

/* uf.7, bk.2: as a credential of CTAP2 that asked for no extension */
enum auth_want
ur_create(struct auth *au, struct auth_op *op)
{
	op->cred.protect = PROTECT_OPTIONAL;
	cred_begin(au, op);
	op->key.alg = COSE_ES256;
	op->key.bound = span(op->ga.rp_id_hash, APPLICATION_LEN);
	op->key.meta = span(op->meta, meta_encode(&op->cred,
	    op->stored, op->meta));
	return ask_key(au, op, KEY_CREATE);
}

/*
 * Without a chain to show, the certificate is one that the new key signs
 * for itself: U2F has no reply without a certificate, and the leaf would
 * tell who this key is to relying parties that its owner tells nothing. With
 * a chain it is always U2F's, whatever CTAP2 makes of it.
 */
bool
u2f_has_chain(const struct auth *au)
{
	switch (au->cfg.attestation.kind) {
	case ATTESTATION_SELF:
	case ATTESTATION_NONE:
		return false;
	default:
		return au->cfg.attestation.alg == COSE_ES256;
	}
}

/* DER: ecdsa-with-SHA256 */
#define DER_ALGORITHM	0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, \
			0x3d, 0x04, 0x03, 0x02
/* CN=sealkey TEST */
#define DER_NAME	0x30, 0x17, 0x31, 0x15, 0x30, 0x13, 0x06, 0x03, \
			0x55, 0x04, 0x03, 0x0c, 0x0c, \
			's', 'e', 'a', 'l', 'k', 'e', 'y', ' ', \
			'T', 'E', 'S', 'T'

/* A TBSCertificate (RFC 5280, 4.1) up to the public key's point. */
static const uint8_t tbs_head[] = {
	0x30, 0x81, 0xbe,
	0x02, 0x01, 0x01,			/* serialNumber */
	DER_ALGORITHM,
	DER_NAME,				/* issuer */
	0x30, 0x20,				/* 2020 to "no end" */
	0x17, 0x0d, '2', '0', '0', '1', '0', '1',
	'0', '0', '0', '0', '0', '0', 'Z',
	0x18, 0x0f, '9', '9', '9', '9', '1', '2', '3', '1',
	'2', '3', '5', '9', '5', '9', 'Z',
	DER_NAME,				/* subject */
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	0x07, 0x03, 0x42, 0x00,			/* P-256 */
};
#define TBS_LEN		(sizeof(tbs_head) + POINT_LEN)
_Static_assert(TBS_LEN == 3 + 0xbe, "the length that it begins with");

static void
sign_with_credential(struct auth_op *op)
{
	op->key.blob = span(op->cred.blob, op->cred.blob_len);
	op->key.bound = span(op->ga.rp_id_hash, APPLICATION_LEN);
}

/* uf.7: 05, point, key handle; then a certificate of its own, if needed */
enum auth_want
ur_certify(struct auth *au, struct auth_op *op)
{
	struct credential *cred = &op->cred;

	cred_keep_key(op);
	cred_name(au, op);
	if (cred->id_len > KEY_HANDLE_MAX)
		return fail(au, CTAP1_ERR_OTHER);
	put_byte(au, REPLY_REGISTER);
	cose_p256_point(span(op->key.out_pub, op->key.out_pub_len),
	    op->point);
	put(au, span(op->point, POINT_LEN));
	put_byte(au, (uint8_t)cred->id_len);
	put(au, span(cred->id, cred->id_len));
	if (u2f_has_chain(au))
		return AUTH_NEXT;
	sign_with_credential(op);
	op->key.data[0] = span(tbs_head, sizeof(tbs_head));
	op->key.data[1] = span(op->point, POINT_LEN);
	return ask_key(au, op, KEY_SIGN);
}

/* Certificate: TBSCertificate, algorithm, signature */
static void
put_own_certificate(struct auth *au, const struct auth_op *op)
{
	static const uint8_t algorithm[] = { DER_ALGORITHM };
	struct span sig = span(op->key.out_sig, op->key.out_sig_len);
	size_t len = TBS_LEN + sizeof(algorithm) + 3 + sig.len;

	put_byte(au, 0x30);
	put_byte(au, len > UINT8_MAX ? 0x82 : 0x81);
	if (len > UINT8_MAX)
		put_byte(au, (uint8_t)(len >> 8));
	put_byte(au, (uint8_t)len);
	put(au, span(tbs_head, sizeof(tbs_head)));
	put(au, span(op->point, POINT_LEN));
	put(au, span(algorithm, sizeof(algorithm)));
	put_byte(au, 0x03);			/* BIT STRING */
	put_byte(au, (uint8_t)(sig.len + 1));
	put_byte(au, 0);
	put(au, sig);
}

/* What the signature is over, 4.3: 00, application, challenge, handle, key */
static void
write_signed(struct auth_op *op)
{
	const struct credential *cred = &op->cred;
	uint8_t *p = op->auth_data;

	*p++ = SIGNED_REGISTER;
	memcpy(p, op->ga.rp_id_hash, APPLICATION_LEN);
	p += APPLICATION_LEN;
	memcpy(p, op->ga.client_data_hash, CHALLENGE_LEN);
	p += CHALLENGE_LEN;
	memcpy(p, cred->id, cred->id_len);
	p += cred->id_len;
	memcpy(p, op->point, POINT_LEN);
	p += POINT_LEN;
	op->auth_data_len = (size_t)(p - op->auth_data);
}

/* uf.8 */
enum auth_want
ur_attest(struct auth *au, struct auth_op *op)
{
	if (u2f_has_chain(au)) {
		put(au, au->cfg.attestation.u2f);
		sign_with_attestation(op, &au->cfg.attestation);
	} else {
		put_own_certificate(au, op);
		sign_with_credential(op);
	}
	write_signed(op);
	op->key.data[0] = span(op->auth_data, op->auth_data_len);
	op->key.data[1] = span(NULL, 0);
	return ask_key(au, op, KEY_SIGN);
}

/* keep.3 */
enum auth_want
ur_save(struct auth *au, struct auth_op *op)
{
	(void)au;
	if (!op->stored)
		return AUTH_NEXT;
	op->change = (struct auth_change){ .put = &op->cred };
	return ask_commit(op);
}

enum auth_want
ur_reply(struct auth *au, struct auth_op *op)
{
	put(au, span(op->key.out_sig, op->key.out_sig_len));
	return reply_sw(au, SW_NO_ERROR);
}

/* U2F_AUTHENTICATE, 5 */

/* uf.9: an unknown control byte is wrong, and so is no ID at all */
enum auth_want
ua_find(struct auth *au, struct auth_op *op)
{
	if (op->control != U2F_ENFORCE_AND_SIGN &&
	    op->control != U2F_CHECK_ONLY && op->control != U2F_SIGN)
		return fail_sw(au, SW_WRONG_DATA);
	if (op->candidate.len == 0)
		return fail_sw(au, SW_WRONG_DATA);
	return ask_candidate(au, op, PROTECT_OPTIONAL_WITH_LIST);
}

/* uf.10, uf.11, uf.12: whose it is comes first: nobody touches in vain */
enum auth_want
ua_consent(struct auth *au, struct auth_op *op)
{
	bool found = found_candidate(op);

	if (!found && retry_candidate(op))
		return again(op, ask_candidate(au, op,
		    PROTECT_OPTIONAL_WITH_LIST));
	if (!found || op->cred.alg != COSE_ES256 ||
	    op->cred.protect > PROTECT_OPTIONAL_WITH_LIST)
		return fail_sw(au, SW_WRONG_DATA);
	if (op->control == U2F_CHECK_ONLY)
		return fail_sw(au, SW_CONDITIONS_NOT_SATISFIED);
	if (op->control == U2F_SIGN)
		return AUTH_NEXT;
	return poll_user(op, REASON_SIGN_IN);
}

/* uf.13: application, user presence, counter, challenge */
enum auth_want
ua_sign(struct auth *au, struct auth_op *op)
{
	struct authdata ad = {
		.rp_id_hash = op->ga.rp_id_hash,
		.flags = op->control == U2F_ENFORCE_AND_SIGN ?
		    AUTHDATA_UP : 0,
	};

	count_assertion(au, op);
	ad.counter = op->counter;
	op->auth_data_len = authdata_write(&ad, op->auth_data,
	    sizeof(op->auth_data));
	sign_with_credential(op);
	op->key.data[0] = span(op->auth_data, op->auth_data_len);
	op->key.data[1] = span(op->ga.client_data_hash, CHALLENGE_LEN);
	return ask_key(au, op, KEY_SIGN);
}

enum auth_want
ua_reply(struct auth *au, struct auth_op *op)
{
	count_done(au, op);
	put(au, span(op->auth_data + SIGNED_FLAGS,
	    SIGNED_END - SIGNED_FLAGS));
	put(au, span(op->key.out_sig, op->key.out_sig_len));
	return reply_sw(au, SW_NO_ERROR);
}
