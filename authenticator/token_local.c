/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine in this process as a token: CTAP2 messages without a transport.
 * Its user is always there and always verified, which is what makes it
 * useful to scripts; so built-in verification is asked for by the uv option,
 * and no pinUvAuthToken is needed.
 */
#include "authenticator/token.h"

#include "authenticator/device.h"
#include "authenticator/token_cbor.h"
#include "ctap/pin.h"
#include "ctap/request.h"

#include <assert.h>
#include <errno.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROTOCOL	2	/* PIN/UV auth protocol */
#define SALT_ENC_MAX	(PIN_IV_LEN + TOKEN_SALTS_MAX)
#define SALT_AUTH_LEN	32

/* What hmac-secret needs, agreed on once and kept for the batch. */
struct agreement {
	bool		 valid;
	struct pin_secret secret;
	uint8_t		 key[COSE_KEY_MAX];	/* ours, public */
	size_t		 key_len;
};

struct local_token {
	struct token	 token;
	struct device	*device;
	struct agreement agreement;
	uint8_t		 request[AUTH_MESSAGE_MAX];
	uint8_t		 reply[AUTH_MESSAGE_MAX];
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct local_token *
local(struct token *t)
{
	return (struct local_token *)t;
}

/* len bytes of request; *body is what follows the status of a success. */
static int
transact(struct local_token *t, size_t len, struct span *body)
{
	size_t got;
	int r;

	if (len == 0)
		return -EMSGSIZE;
	r = device_transact(t->device, span(t->request, len), t->reply,
	    sizeof(t->reply), &got);
	if (r < 0)
		return r;
	if (got == 0)
		return -EPROTO;
	*body = span(t->reply + 1, got - 1);
	return t->reply[0];
}

static int
local_info(struct token *token, struct token_info *out)
{
	struct local_token *t = local(token);
	struct span body;
	int r;

	t->request[0] = CTAP_GET_INFO;
	r = transact(t, 1, &body);
	if (r == 0 && !token_decode_info(body, out))
		return -EPROTO;
	return r;
}

static int
local_make(struct token *token, const struct token_make *req,
    struct token_credential *out)
{
	struct local_token *t = local(token);
	struct span body;
	size_t len;
	int r;

	len = token_encode_make(req, t->request, sizeof(t->request));
	r = transact(t, len, &body);
	if (r == 0 && !token_decode_credential(body, out))
		return -EPROTO;
	return r;
}

/* The engine's randomness comes from the same place, and must not fail. */
static void
random_bytes(void *arg, uint8_t *out, size_t len)
{
	(void)arg;
	if (RAND_bytes(out, (int)len) != 1)
		abort();
}

/* CTAP 2.3, 6.5.5.4: a key of ours, and what it shares with the token's. */
static int
agree(struct local_token *t)
{
	struct agreement *a = &t->agreement;
	struct pin_agreement *ours;
	struct span body, x, y;
	size_t len;
	int r;

	if (a->valid)
		return 0;
	len = token_encode_key_agreement(PROTOCOL, t->request,
	    sizeof(t->request));
	r = transact(t, len, &body);
	if (r != 0)
		return r;
	if (!token_decode_key_agreement(body, &x, &y))
		return -EPROTO;
	ours = pin_agreement_new(random_bytes, NULL);
	if (ours == NULL)
		return -ENOMEM;
	a->key_len = pin_agreement_public(ours, a->key);
	a->valid = pin_agreement_secret(ours, PROTOCOL, x.p, y.p, &a->secret);
	pin_agreement_free(ours);
	return a->valid ? 0 : -EPROTO;
}

static void
forget(struct agreement *a)
{
	pin_secret_wipe(&a->secret);
	a->valid = false;
}

/* CTAP 2.3, 12.7, platform: saltEnc and saltAuth into the two buffers. */
static int
seal_salts(const struct agreement *a, struct span salts,
    uint8_t enc[static SALT_ENC_MAX], uint8_t auth[static SALT_AUTH_LEN],
    struct token_hmac *out)
{
	uint8_t iv[PIN_IV_LEN];
	size_t len;

	assert(salts.len <= TOKEN_SALTS_MAX);
	random_bytes(NULL, iv, sizeof(iv));
	len = pin_encrypt(&a->secret, iv, salts.p, salts.len, enc);
	if (len == 0 || HMAC(EVP_sha256(), a->secret.key, SALT_AUTH_LEN, enc,
	    len, auth, NULL) == NULL)
		return -ENOMEM;
	out->key = span(a->key, a->key_len);
	out->salt_enc = span(enc, len);
	out->salt_auth = span(auth, SALT_AUTH_LEN);
	out->protocol = PROTOCOL;
	return 0;
}

static int
open_hmac(const struct agreement *a, struct token_assertion *out)
{
	struct token_auth_data ad;

	if (!token_decode_auth_data(out->auth_data, &ad) ||
	    ad.hmac_output.p == NULL)
		return 0;	/* the credential has no secret, or a fault */
	return pin_decrypt(&a->secret, ad.hmac_output, out->hmac,
	    sizeof(out->hmac), &out->hmac_len) ? 0 : -EPROTO;
}

static int
get_plain(struct local_token *t, const struct token_get *req,
    const struct token_hmac *hmac, struct token_assertion *out)
{
	struct span body;
	size_t len;
	int r;

	len = token_encode_get(req, hmac, t->request, sizeof(t->request));
	r = transact(t, len, &body);
	if (r == 0 && !token_decode_assertion(body, out))
		return -EPROTO;
	return r;
}

static int
get_with_salts(struct local_token *t, const struct token_get *req,
    struct token_assertion *out)
{
	uint8_t enc[SALT_ENC_MAX], auth[SALT_AUTH_LEN];
	struct token_hmac hmac;
	int r;

	r = agree(t);
	if (r == 0)
		r = seal_salts(&t->agreement, req->salts, enc, auth, &hmac);
	if (r == 0)
		r = get_plain(t, req, &hmac, out);
	if (r == 0)
		r = open_hmac(&t->agreement, out);
	return r;
}

static int
local_get(struct token *token, const struct token_get *req,
    struct token_assertion *out)
{
	struct local_token *t = local(token);
	int r;

	if (req->salts.len == 0)
		return get_plain(t, req, NULL, out);
	r = get_with_salts(t, req, out);
	if (r != CTAP2_ERR_PIN_AUTH_INVALID)
		return r;
	/* The token has a new key agreement key since. */
	forget(&t->agreement);
	return get_with_salts(t, req, out);
}

static void
local_free(struct token *token)
{
	struct local_token *t = local(token);

	device_close(t->device);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static const struct token_ops local_ops = {
	.name = "state directory",
	.info = local_info,
	.make = local_make,
	.get = local_get,
	.free = local_free,
};

int
token_open_local(const char *path, enum attestation_kind attestation,
    struct token **out, char *msg, size_t msglen)
{
	const struct device_config cfg = {
		.path = path,
		.create = true,
		.attestation = attestation,
		.choice = CHOICE_TOKEN,
	};
	struct local_token *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	t->token.ops = &local_ops;
	r = device_open(&cfg, now_ms(), &t->device, msg, msglen);
	if (r < 0) {
		free(t);
		return r;
	}
	*out = &t->token;
	return 0;
}
