/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's part of CTAP2 against the engine itself, in a state
 * directory: PINs, pinUvAuthTokens and large blobs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/device.h"
#include "authenticator/client/token.h"
#include "authenticator/client/token_cbor.h"
#include "authenticator/client/token_ctap.h"
#include "ctap/authdata.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"
#include "ctap/pin.h"
#include "ctap/request.h"

#define PIN	"1234"

struct fixture {
	char		dir[64];
	struct token	*token;
	struct token_info info;
	struct device_config kind;	/* of key: its auth */
	const struct token_wire *wire;	/* of the token, when it is counted */
	struct token_wire counting;
};

static unsigned messages[256];		/* by command, when they are counted */

static void
reopen(struct fixture *f)
{
	char msg[DEVICE_MESSAGE_LEN];

	token_free(f->token);
	f->token = NULL;
	if (token_open_local(f->dir, &f->kind.auth, &f->kind.tpm, &f->token,
	    msg, sizeof(msg)) != 0)
		fail_msg("%s", msg);
	assert_int_equal(f->token->ops->info(f->token, &f->info), 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/sealkey-token-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	device_config_default(&f->kind);
	f->kind.tpm.target = "none";
	f->kind.auth.attestation.kind = ATTESTATION_NONE;
	reopen(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	token_free(f->token);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
fixed(void *arg, uint8_t *out, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i + 1);
}

static struct span
send_raw(struct fixture *f, const struct cbor_out *out, int status)
{
	struct ctap_token *t = (struct ctap_token *)f->token;
	int got;

	assert_false(out->overflow);
	memcpy(t->msg->request, out->p, out->len);
	got = t->wire->transact(t, out->len);
	assert_true(got > 0);
	assert_int_equal(t->msg->reply[0], status);
	return span(t->msg->reply + 1, (size_t)got - 1);
}

/* setPIN, which the client has no use for */
static void
set_pin(struct fixture *f)
{
	struct pin_agreement *ours = pin_agreement_new(fixed, NULL);
	uint8_t buf[512], key[COSE_KEY_MAX], pin[64] = PIN, enc[80], mac[32];
	uint8_t iv[PIN_IV_LEN] = { 0 };
	struct pin_secret secret;
	struct cbor_out out;
	struct span x, y;

	assert_non_null(ours);
	cbor_out_init(&out, buf, sizeof(buf));
	out.len = token_encode_key_agreement(2, buf, sizeof(buf));
	assert_true(token_decode_key_agreement(send_raw(f, &out, 0), &x, &y));
	assert_true(pin_agreement_secret(ours, 2, x.p, y.p, &secret));
	assert_int_equal(pin_encrypt(&secret, iv, pin, 64, enc), 80);
	assert_true(pin_hmac(secret.key, span(enc, 80), span("", 0), mac));
	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_raw(&out, span("\x06\xa5\x01\x02\x02\x03\x03", 7));
	cbor_put_raw(&out, span(key, pin_agreement_public(ours, key)));
	cbor_put_uint(&out, 4);
	cbor_put_bytes(&out, span(mac, 32));
	cbor_put_uint(&out, 5);
	cbor_put_bytes(&out, span(enc, 80));
	send_raw(f, &out, 0);
	pin_agreement_free(ours);
}

static unsigned
pin_retries(struct fixture *f)
{
	uint8_t ask[] = { 0x06, 0xa1, 0x02, 0x01 };
	struct cbor_out out = { ask, sizeof(ask), sizeof(ask), false };
	struct span body = send_raw(f, &out, 0);

	assert_true(body.len >= 3);
	assert_int_equal(body.p[1], 0x03);
	return body.p[2];
}

static const int es256[] = { COSE_ES256 };
static const uint8_t hash[32] = { 0x77 };

static struct token_make
make_request(void)
{
	return (struct token_make){
		.client_data_hash = span(hash, sizeof(hash)),
		.rp_id = span_str("example.com"),
		.rp_name = span_str("RP"),
		.user_id = span_str("user"),
		.user_name = span_str("name"),
		.user_display_name = span_str("Name"),
		.algs = es256,
		.alg_count = 1,
		.rk = true,
		.uv = true,
		.large_blob_key = true,
	};
}

static struct token_get
get_request(void)
{
	return (struct token_get){
		.client_data_hash = span(hash, sizeof(hash)),
		.rp_id = span_str("example.com"),
		.uv = true,
		.large_blob_key = true,
	};
}

static int
make(struct fixture *f, struct token_credential *cred)
{
	const struct token_make req = make_request();

	return f->token->ops->make(f->token, &req, cred);
}

static struct fixture *counted;

static int
counting_transact(struct ctap_token *t, size_t len)
{
	messages[t->msg->request[0]]++;
	return counted->wire->transact(t, len);
}

/* From here on messages are counted. */
static void
count_messages(struct fixture *f)
{
	struct ctap_token *t = (struct ctap_token *)f->token;

	f->wire = t->wire;
	f->counting = (struct token_wire){ counting_transact, t->wire->close };
	t->wire = &f->counting;
	counted = f;
	memset(messages, 0, sizeof(messages));
}

static void
test_info_of_our_own_key(void **state)
{
	struct fixture *f = *state;
	const struct token_info *i = &f->info;

	assert_true(i->rk && i->uv && i->verifies && i->uv_tokens);
	assert_false(i->pin);
	assert_true(i->make_without_uv && !i->always_uv);
	assert_true(i->hmac_secret && i->hmac_secret_mc && i->cred_protect);
	assert_true(i->cred_blob && i->cred_blob_max >= 32);
	assert_true(i->large_blob_key && i->large_blobs);
	assert_true(i->blobs_max >= 1024);
	assert_true(i->min_pin_length);
	assert_int_equal(i->protocol, 2);
}

/* The uv option needs one message, a token three. */
static void
test_built_in_verification_is_one_message(void **state)
{
	struct fixture *f = *state;
	struct token_credential cred;

	count_messages(f);
	assert_int_equal(make(f, &cred), 0);
	assert_int_equal(messages[CTAP_CLIENT_PIN], 0);
	assert_true(cred.auth_data.p[32] & AUTHDATA_UV);
}

static void
test_pin_verifies(void **state)
{
	struct fixture *f = *state;
	struct token_credential cred;
	struct token_assertion got;
	struct token_get get = get_request();

	set_pin(f);
	f->token->ops->set_pin(f->token, span_str(PIN));
	assert_int_equal(f->token->ops->info(f->token, &f->info), 0);
	assert_true(f->info.pin && f->info.verifies);
	count_messages(f);
	assert_int_equal(make(f, &cred), 0);
	assert_int_equal(messages[CTAP_CLIENT_PIN], 2);
	assert_true(cred.auth_data.p[32] & AUTHDATA_UV);
	assert_int_equal(f->token->ops->get(f->token, &get, &got), 0);
	assert_true(got.auth_data.p[32] & AUTHDATA_UV);
	/* with a secret, too, under the same agreement */
	get.salts = span("0123456789abcdef0123456789abcdef", 32);
	assert_int_equal(f->token->ops->get(f->token, &get, &got), 0);
	assert_int_equal(got.hmac.len, 32);
	assert_int_equal(pin_retries(f), 8);
}

/* A batch must not lock the key. */
static void
test_wrong_pin_is_tried_once(void **state)
{
	struct fixture *f = *state;
	struct token_credential cred;

	set_pin(f);
	f->token->ops->set_pin(f->token, span_str("4321"));
	for (int i = 0; i < 10; i++)
		assert_int_equal(make(f, &cred), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(pin_retries(f), 7);
	f->token->ops->set_pin(f->token, span_str(PIN));
	assert_int_equal(make(f, &cred), 0);
	assert_int_equal(pin_retries(f), 8);
}

static void
write_and_read(struct fixture *f, size_t len)
{
	const struct token_ops *ops = f->token->ops;
	uint8_t *array = malloc(len);
	struct span got;

	assert_non_null(array);
	assert_true(len > 3);
	memset(array, 0, len);
	array[0] = 0x81;		/* one byte string */
	array[1] = 0x59;
	array[2] = (uint8_t)((len - 4) >> 8);
	array[3] = (uint8_t)(len - 4);
	assert_int_equal(ops->blobs_write(f->token, span(array, len)), 0);
	assert_int_equal(ops->blobs_read(f->token, &got), 0);
	assert_true(span_eq(got, span(array, len)));
	free(array);
}

static void
test_blobs_after_an_assertion(void **state)
{
	struct fixture *f = *state;
	struct token_get get = get_request();
	struct token_credential cred;
	struct token_assertion got;
	struct span array;

	assert_int_equal(make(f, &cred), 0);
	assert_int_equal(cred.large_blob_key.len, TOKEN_BLOB_KEY_LEN);
	assert_int_equal(f->token->ops->blobs_read(f->token, &array), 0);
	assert_true(span_eq(array, span("\x80", 1)));
	/* one token is good for the assertion and for writing */
	get.will_write = true;
	count_messages(f);
	assert_int_equal(f->token->ops->get(f->token, &get, &got), 0);
	assert_int_equal(got.large_blob_key.len, TOKEN_BLOB_KEY_LEN);
	assert_int_equal(messages[CTAP_CLIENT_PIN], 2);
	write_and_read(f, 300);
	assert_int_equal(messages[CTAP_CLIENT_PIN], 2);
}

/* A token that is left from an assertion before may have expired. */
static void
test_blobs_after_an_unverified_assertion(void **state)
{
	struct fixture *f = *state;
	struct token_get get = get_request();
	struct token_credential cred;
	struct token_assertion got;

	assert_int_equal(make(f, &cred), 0);
	get.will_write = true;
	assert_int_equal(f->token->ops->get(f->token, &get, &got), 0);
	get.uv = false;
	count_messages(f);
	f->token->ops->get(f->token, &get, &got);
	write_and_read(f, 300);
	assert_int_equal(messages[CTAP_CLIENT_PIN], 2);
}

/* Alone, too, by verification and by PIN, and over the next opening. */
static void
test_blobs_alone(void **state)
{
	struct fixture *f = *state;
	struct span array;

	write_and_read(f, 64);
	reopen(f);
	assert_int_equal(f->token->ops->blobs_read(f->token, &array), 0);
	assert_int_equal(array.len, 64);
	set_pin(f);
	f->token->ops->set_pin(f->token, span_str(PIN));
	write_and_read(f, f->info.blobs_max - 16);
}

/* Fragments: the token says that it takes little. */
static void
test_blobs_in_fragments(void **state)
{
	struct fixture *f = *state;
	struct ctap_token *t = (struct ctap_token *)f->token;

	t->info.message_max = 200;
	count_messages(f);
	write_and_read(f, 1000);
	assert_int_equal(messages[CTAP_LARGE_BLOBS], 8 + 8);
	/* a multiple of the fragment: the last one is empty */
	memset(messages, 0, sizeof(messages));
	write_and_read(f, 136 * 3 - 16);
	assert_int_equal(messages[CTAP_LARGE_BLOBS], 3 + 4);
}

/* A key of the other kind: the blob comes and goes with assertions. */
static void
test_blob_of_a_credential(void **state)
{
	struct fixture *f = *state;
	struct token_make make = make_request();
	struct token_get get = get_request();
	const struct token_ops *ops;
	struct token_credential cred;
	struct token_auth_data ad;
	struct token_assertion got;
	uint8_t id[64];
	struct span allow;

	f->kind.auth.features |= FEATURE_LARGE_BLOB;
	f->kind.auth.features &= ~(FEATURE_LARGE_BLOBS |
	    FEATURE_LARGE_BLOB_KEY);
	reopen(f);
	ops = f->token->ops;
	assert_true(f->info.large_blob && !f->info.large_blob_key);
	make.large_blob_key = false;
	make.large_blob = true;
	make.large_blob_required = true;
	assert_int_equal(ops->make(f->token, &make, &cred), 0);
	assert_true(cred.large_blob);
	assert_true(token_decode_auth_data(cred.auth_data, &ad));
	assert_true(ad.credential_id.len <= sizeof(id));
	memcpy(id, ad.credential_id.p, ad.credential_id.len);
	allow = span(id, ad.credential_id.len);
	get.allow = &allow;
	get.allow_count = 1;
	get.large_blob_key = false;
	get.read_blob = true;
	assert_int_equal(ops->get(f->token, &get, &got), 0);
	assert_null(got.blob.packed.p);
	get.read_blob = false;
	get.write_blob = (struct token_blob){ span_str("packed"), 600 };
	assert_int_equal(ops->get(f->token, &get, &got), 0);
	assert_true(got.blob_written);
	get.write_blob.packed = span(NULL, 0);
	get.read_blob = true;
	assert_int_equal(ops->get(f->token, &get, &got), 0);
	assert_false(got.blob_written);
	assert_true(span_eq(got.blob.packed, span_str("packed")));
	assert_int_equal(got.blob.size, 600);
}

/* Answers instead of the token's own; len 0: those are good enough. */
static struct {
	uint8_t	 cmd;
	uint8_t	 bytes[256];
	size_t	 len;
} lie;

static int
lying_transact(struct ctap_token *t, size_t len)
{
	if (lie.len == 0 || t->msg->request[0] != lie.cmd)
		return counting_transact(t, len);
	memcpy(t->msg->reply, lie.bytes, lie.len);
	return (int)lie.len;
}

/* From here on the answer to cmd is a success with what is put into out. */
static struct cbor_out
lie_about(struct fixture *f, uint8_t cmd)
{
	struct cbor_out out;

	count_messages(f);
	f->counting.transact = lying_transact;
	lie.cmd = cmd;
	lie.len = 0;
	cbor_out_init(&out, lie.bytes, sizeof(lie.bytes));
	cbor_put_raw(&out, span("\0", 1));
	return out;
}

/* Zeros, encrypted to the client, which has agreed on a key before. */
static void
put_sealed(struct fixture *f, struct cbor_out *out, size_t len)
{
	const struct ctap_token *t = (const struct ctap_token *)f->token;
	uint8_t plain[TOKEN_SALTS_MAX] = { 0 }, sealed[PIN_IV_LEN + 64];
	uint8_t iv[PIN_IV_LEN] = { 0 };

	assert_true(t->agreement.valid && len <= sizeof(plain));
	cbor_put_bytes(out, span(sealed, pin_encrypt(&t->agreement.secret, iv,
	    plain, len, sealed)));
}

static void
put_get_info(struct cbor_out *out, bool uv)
{
	cbor_put_map(out, 1);
	cbor_put_uint(out, 0x04);
	cbor_put_map(out, uv ? 4 : 3);
	if (uv) {
		cbor_put_str(out, "uv");
		cbor_put_bool(out, true);
	}
	cbor_put_str(out, "clientPin");
	cbor_put_bool(out, true);
	cbor_put_str(out, "pinUvAuthToken");
	cbor_put_bool(out, true);
	cbor_put_str(out, "noMcGaPermissionsWithClientPin");
	cbor_put_bool(out, true);
	assert_false(out->overflow);
	lie.len = out->len;
}

/* CTAP 2.3, 6.4: a PIN that only manages verifies nobody for a page. */
static void
test_pin_that_only_manages(void **state)
{
	struct fixture *f = *state;
	const struct token_ops *ops = f->token->ops;
	struct token_info info;
	struct cbor_out out;

	ops->set_pin(f->token, span_str(PIN));
	out = lie_about(f, CTAP_GET_INFO);
	put_get_info(&out, false);
	assert_int_equal(ops->info(f->token, &info), 0);
	assert_false(info.verifies);
	out = lie_about(f, CTAP_GET_INFO);
	put_get_info(&out, true);
	assert_int_equal(ops->info(f->token, &info), 0);
	assert_true(info.verifies && !info.pin);
}

/* One salt has one output: the second would be of nobody knows what. */
static void
test_outputs_of_another_length(void **state)
{
	struct fixture *f = *state;
	struct token_get get = get_request();
	uint8_t auth_data[256] = { [32] = AUTHDATA_UP | AUTHDATA_ED };
	struct token_credential cred;
	struct token_assertion got;
	struct cbor_out out, ad;

	assert_int_equal(make(f, &cred), 0);
	get.salts = span("0123456789abcdef0123456789abcdef", 32);
	assert_int_equal(f->token->ops->get(f->token, &get, &got), 0);
	assert_int_equal(got.hmac.len, 32);
	for (size_t len = 16; len <= 64; len += 16) {
		cbor_out_init(&ad, auth_data + 37, sizeof(auth_data) - 37);
		cbor_put_map(&ad, 1);
		cbor_put_str(&ad, "hmac-secret");
		put_sealed(f, &ad, len);
		out = lie_about(f, CTAP_GET_ASSERTION);
		cbor_put_map(&out, 2);
		cbor_put_uint(&out, 0x02);
		cbor_put_bytes(&out, span(auth_data, 37 + ad.len));
		cbor_put_uint(&out, 0x03);
		cbor_put_bytes(&out, span("sig", 3));
		assert_false(out.overflow);
		lie.len = out.len;
		assert_int_equal(f->token->ops->get(f->token, &get, &got),
		    len == 32 ? 0 : -EPROTO);
	}
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_info_of_our_own_key),
		WITH(test_built_in_verification_is_one_message),
		WITH(test_pin_verifies),
		WITH(test_wrong_pin_is_tried_once),
		WITH(test_blobs_after_an_assertion),
		WITH(test_blobs_after_an_unverified_assertion),
		WITH(test_blobs_alone),
		WITH(test_blobs_in_fragments),
		WITH(test_blob_of_a_credential),
		WITH(test_pin_that_only_manages),
		WITH(test_outputs_of_another_length),
	};
#undef WITH

	return cmocka_run_group_tests(tests, NULL, NULL);
}
