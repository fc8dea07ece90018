/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/token_ctap.h"

#include "authenticator/client/token_cbor.h"
#include "ctap/request.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define SALT_ENC_MAX	(PIN_IV_LEN + TOKEN_SALTS_MAX)
#define MAC_LEN		32	/* bytes; protocol one sends half of them */
#define MAC_LEN_ONE	16
#define PIN_HASH_LEN	16	/* bytes, CTAP 2.3, 6.5.5.7.1 */
#define DIGEST_LEN	16	/* bytes, behind the large-blob array */
#define FRAGMENT_REST	64	/* bytes, CTAP 2.3, 6.10.2 */
#define BLOBS_MAX	(64 * 1024)	/* bytes that are read of any token */

/* Memory for what a request has to prove. */
struct proof {
	struct token_proof	 p;
	uint8_t			 enc[SALT_ENC_MAX];
	uint8_t			 auth[MAC_LEN];		/* saltAuth */
	uint8_t			 param[MAC_LEN];	/* pinUvAuthParam */
};

static struct ctap_token *
ctap(struct token *t)
{
	return (struct ctap_token *)t;
}

/* len bytes of request; *body is what follows the status of a success. */
static int
transact(struct ctap_token *t, size_t len, struct span *body)
{
	int got;

	if (len == 0)
		return -EMSGSIZE;
	got = t->wire->transact(t, len);
	if (got <= 0)
		return got < 0 ? got : -EPROTO;
	*body = span(t->msg->reply + 1, (size_t)got - 1);
	return t->msg->reply[0];
}

static int
ctap_info(struct token *token, struct token_info *out)
{
	struct ctap_token *t = ctap(token);
	struct span body;
	int r;

	t->msg->request[0] = CTAP_GET_INFO;
	r = transact(t, 1, &body);
	if (r != 0)
		return r;
	if (!token_decode_info(body, &t->info))
		return -EPROTO;
	/* CTAP 2.0 says clientPin, and means protocol one */
	if (t->info.protocol == 0)
		t->info.protocol = 1;
	/* one that only manages the token is no way to verify for a page */
	if (t->info.pin_manages)
		t->info.pin = false;
	t->info.verifies = t->info.uv || (t->info.pin && t->pin_len > 0);
	t->info_known = true;
	*out = t->info;
	return 0;
}

static int
need_info(struct ctap_token *t)
{
	struct token_info unused;

	return t->info_known ? 0 : ctap_info(&t->token, &unused);
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
agree(struct ctap_token *t)
{
	struct token_agreement *a = &t->agreement;
	unsigned protocol = t->info.protocol;
	struct pin_agreement *ours;
	struct span body, x, y;
	int r;

	if (a->valid)
		return 0;
	r = transact(t, token_encode_key_agreement(protocol, t->msg->request,
	    sizeof(t->msg->request)), &body);
	if (r != 0)
		return r;
	if (!token_decode_key_agreement(body, &x, &y))
		return -EPROTO;
	ours = pin_agreement_new(random_bytes, NULL);
	if (ours == NULL)
		return -ENOMEM;
	a->key_len = pin_agreement_public(ours, a->key);
	a->valid = pin_agreement_secret(ours, (int)protocol, x.p, y.p,
	    &a->secret);
	pin_agreement_free(ours);
	return a->valid ? 0 : -EPROTO;
}

static void
forget(struct token_agreement *a)
{
	pin_secret_wipe(&a->secret);
	a->valid = false;
}

/* authenticate(), CTAP 2.3, 6.5.6 and 6.5.7; *out points into mac. */
static bool
authenticate(unsigned protocol, struct span key, struct span message,
    uint8_t mac[static MAC_LEN], struct span *out)
{
	if (HMAC(EVP_sha256(), key.p, (int)key.len, message.p, message.len,
	    mac, NULL) == NULL)
		return false;
	*out = span(mac, protocol == 1 ? MAC_LEN_ONE : MAC_LEN);
	return true;
}

static size_t
encrypt(const struct token_agreement *a, struct span plain, uint8_t *out)
{
	uint8_t iv[PIN_IV_LEN];

	random_bytes(NULL, iv, sizeof(iv));
	return pin_encrypt(&a->secret, iv, plain.p, plain.len, out);
}

/* CTAP 2.3, 12.7, platform: saltEnc and saltAuth. */
static int
seal_salts(struct ctap_token *t, struct span salts, struct proof *out)
{
	const struct token_agreement *a = &t->agreement;
	unsigned protocol = t->info.protocol;
	size_t len;
	int r;

	if (salts.len == 0)
		return 0;
	assert(salts.len <= TOKEN_SALTS_MAX);
	r = agree(t);
	if (r != 0)
		return r;
	len = encrypt(a, salts, out->enc);
	if (len == 0 || !authenticate(protocol, span(a->secret.key, MAC_LEN),
	    span(out->enc, len), out->auth, &out->p.salt_auth))
		return -ENOMEM;
	out->p.key = span(a->key, a->key_len);
	out->p.salt_enc = span(out->enc, len);
	return 0;
}

/* One for each salt, if there are any. */
static int
open_outputs(const struct ctap_token *t, struct span salts,
    struct span auth_data, struct token_outputs *out)
{
	struct token_auth_data ad;

	if (!token_decode_auth_data(auth_data, &ad) ||
	    ad.hmac_output.p == NULL)
		return 0;	/* the credential has no secret, or a fault */
	return pin_decrypt(&t->agreement.secret, ad.hmac_output, out->bytes,
	    sizeof(out->bytes), &out->len) && out->len == salts.len ? 0 :
	    -EPROTO;
}

/* LEFT(SHA-256(PIN), 16), encrypted; 0: OpenSSL failed. */
static size_t
seal_pin(const struct ctap_token *t, uint8_t out[static SALT_ENC_MAX])
{
	uint8_t hash[MAC_LEN];
	size_t len = 0;

	if (EVP_Digest(t->pin, t->pin_len, hash, NULL, EVP_sha256(), NULL) ==
	    1)
		len = encrypt(&t->agreement, span(hash, PIN_HASH_LEN), out);
	explicit_bzero(hash, sizeof(hash));
	return len;
}

static void
forget_uv_token(struct ctap_token *t)
{
	explicit_bzero(t->uv_token, sizeof(t->uv_token));
	t->uv_token_len = 0;
	t->may_write = false;
}

static bool
uses_pin(const struct ctap_token *t)
{
	return t->info.pin && t->pin_len > 0;
}

/* CTAP 2.3, 6.5.5.7: ask->permissions and rp_id are the caller's. */
static int
ask_uv_token(struct ctap_token *t, struct token_ask *ask)
{
	uint8_t enc[SALT_ENC_MAX];
	struct span body, sealed;
	int r = agree(t);

	if (r != 0)
		return r;
	ask->protocol = t->info.protocol;
	ask->key = span(t->agreement.key, t->agreement.key_len);
	ask->way = !uses_pin(t) ? TOKEN_BY_UV : t->info.uv_tokens ?
	    TOKEN_BY_PIN : TOKEN_BY_PIN_ALONE;
	if (ask->way != TOKEN_BY_UV)
		ask->pin_hash_enc = span(enc, seal_pin(t, enc));
	/* an empty one would cost a retry */
	if (ask->way != TOKEN_BY_UV && ask->pin_hash_enc.len == 0)
		return -ENOMEM;
	r = transact(t, token_encode_ask(ask, t->msg->request,
	    sizeof(t->msg->request)), &body);
	if (r != 0)
		return r;
	if (!token_decode_token(body, &sealed) ||
	    !pin_decrypt(&t->agreement.secret, sealed, t->uv_token,
	    sizeof(t->uv_token), &t->uv_token_len))
		return -EPROTO;
	t->may_write = ask->permissions & TOKEN_MAY_WRITE;
	return 0;
}

static bool
is_pin_trouble(int r)
{
	return r == CTAP2_ERR_PIN_INVALID || r == CTAP2_ERR_PIN_BLOCKED ||
	    r == CTAP2_ERR_PIN_AUTH_BLOCKED;
}

static int
get_uv_token(struct ctap_token *t, unsigned permissions, struct span rp_id)
{
	struct token_ask ask = { .permissions = permissions, .rp_id = rp_id };
	int r;

	forget_uv_token(t);
	if (uses_pin(t) && t->pin_status != 0)
		return t->pin_status;
	/* An agreement that is stale would cost a retry of the PIN. */
	forget(&t->agreement);
	r = ask_uv_token(t, &ask);
	if (is_pin_trouble(r))
		t->pin_status = r;
	if (r != 0)	/* the token has a new key agreement key since */
		forget(&t->agreement);
	return r;
}

/* pinUvAuthParam for hash, if verification takes one. */
static int
prove_user(struct ctap_token *t, unsigned permissions, struct span rp_id,
    struct span hash, struct proof *out)
{
	int r;

	if (!uses_pin(t) && !(permissions & TOKEN_MAY_WRITE &&
	    t->info.uv_tokens))
		return 0;	/* the uv option will do */
	r = get_uv_token(t, permissions, rp_id);
	if (r != 0)
		return r;
	return authenticate(t->info.protocol, span(t->uv_token,
	    t->uv_token_len), hash, out->param, &out->p.auth_param) ? 0 :
	    -ENOMEM;
}

static int
try_make(struct ctap_token *t, const struct token_make *req,
    struct token_credential *out)
{
	struct proof proof = { .p.protocol = t->info.protocol };
	struct span body;
	int r = 0;

	if (req->uv)
		r = prove_user(t, TOKEN_MAY_MAKE, req->rp_id,
		    req->client_data_hash, &proof);
	if (r == 0)
		r = seal_salts(t, req->salts, &proof);
	if (r == 0)
		r = transact(t, token_encode_make(req, &proof.p,
		    t->msg->request, sizeof(t->msg->request)), &body);
	if (r != 0)
		return r;
	if (!token_decode_credential(body, out))
		return -EPROTO;
	return req->salts.len == 0 ? 0 :
	    open_outputs(t, req->salts, out->auth_data, &out->hmac);
}

static int
try_get(struct ctap_token *t, const struct token_get *req,
    struct token_assertion *out)
{
	unsigned permissions = TOKEN_MAY_GET |
	    (req->will_write ? TOKEN_MAY_WRITE : 0);
	struct proof proof = { .p.protocol = t->info.protocol };
	struct span body;
	int r = 0;

	if (req->uv)
		r = prove_user(t, permissions, req->rp_id,
		    req->client_data_hash, &proof);
	if (r == 0)
		r = seal_salts(t, req->salts, &proof);
	if (r == 0)
		r = transact(t, token_encode_get(req, &proof.p, t->msg->request,
		    sizeof(t->msg->request)), &body);
	if (r != 0)
		return r;
	if (!token_decode_assertion(body, out))
		return -EPROTO;
	return req->salts.len == 0 ? 0 :
	    open_outputs(t, req->salts, out->auth_data, &out->hmac);
}

/*
 * Whether to try again with a new agreement: the token may have had a new
 * key agreement key since we kept ours.
 */
static bool
is_stale(struct ctap_token *t, bool known, size_t salts, int r)
{
	if (!known || salts == 0 || r != CTAP2_ERR_PIN_AUTH_INVALID)
		return false;
	forget(&t->agreement);
	return true;
}

static int
ctap_make(struct token *token, const struct token_make *req,
    struct token_credential *out)
{
	struct ctap_token *t = ctap(token);
	bool known = t->agreement.valid;
	int r = need_info(t);

	forget_uv_token(t);	/* what is left of before may have expired */
	if (r == 0)
		r = try_make(t, req, out);
	if (is_stale(t, known, req->salts.len, r))
		r = try_make(t, req, out);
	return r;
}

static int
ctap_get(struct token *token, const struct token_get *req,
    struct token_assertion *out)
{
	struct ctap_token *t = ctap(token);
	bool known = t->agreement.valid;
	int r = need_info(t);

	forget_uv_token(t);	/* what is left of before may have expired */
	if (r == 0)
		r = try_get(t, req, out);
	if (is_stale(t, known, req->salts.len, r))
		r = try_get(t, req, out);
	return r;
}

/* CTAP 2.3, 6.10.2: bytes of a fragment */
static size_t
fragment_max(const struct ctap_token *t)
{
	size_t max = t->info.message_max;

	if (max > AUTH_MESSAGE_MAX)
		max = AUTH_MESSAGE_MAX;
	return max > 2 * FRAGMENT_REST ? max - FRAGMENT_REST : FRAGMENT_REST;
}

/* All fragments into t->blobs; *len of them. */
static int
read_fragments(struct ctap_token *t, size_t *len)
{
	size_t max = fragment_max(t);
	struct span body, part;
	int r;

	*len = 0;
	do {
		r = transact(t, token_encode_blobs_get(*len, max,
		    t->msg->request, sizeof(t->msg->request)), &body);
		if (r != 0)
			return r;
		if (!token_decode_blobs(body, &part) || part.len > max ||
		    part.len > BLOBS_MAX - *len)
			return -EPROTO;
		if (part.len > 0)
			memcpy(t->blobs + *len, part.p, part.len);
		*len += part.len;
	} while (part.len == max);
	return 0;
}

static bool
blobs_digest(struct span array, uint8_t out[static MAC_LEN])
{
	return EVP_Digest(array.p, array.len, out, NULL, EVP_sha256(),
	    NULL) == 1;
}

static int
ctap_blobs_read(struct token *token, struct span *out)
{
	static const uint8_t empty[] = { 0x80 };
	struct ctap_token *t = ctap(token);
	uint8_t digest[MAC_LEN];
	size_t len;
	int r = need_info(t);

	if (r == 0 && t->blobs == NULL)
		t->blobs = malloc(BLOBS_MAX);
	if (r == 0)
		r = t->blobs == NULL ? -ENOMEM : read_fragments(t, &len);
	if (r != 0)
		return r;
	*out = span(empty, sizeof(empty));
	if (len <= DIGEST_LEN)
		return 0;
	len -= DIGEST_LEN;
	if (!blobs_digest(span(t->blobs, len), digest))
		return -ENOMEM;
	if (memcmp(digest, t->blobs + len, DIGEST_LEN) == 0)
		*out = span(t->blobs, len);
	return 0;
}

/* pinUvAuthParam of a fragment, CTAP 2.3, 6.10.2 */
static bool
prove_fragment(struct ctap_token *t, size_t offset, struct span part,
    struct proof *out)
{
	uint8_t m[38 + MAC_LEN];

	if (t->uv_token_len == 0)
		return true;	/* the token verifies nobody */
	memset(m, 0xff, 32);
	m[32] = CTAP_LARGE_BLOBS;
	m[33] = 0;
	for (int i = 0; i < 4; i++)
		m[34 + i] = (uint8_t)(offset >> (8 * i));
	return blobs_digest(part, m + 38) && authenticate(t->info.protocol,
	    span(t->uv_token, t->uv_token_len), span(m, sizeof(m)),
	    out->param, &out->p.auth_param);
}

static int
write_fragments(struct ctap_token *t, struct span all)
{
	size_t max = fragment_max(t), n;
	struct span body;
	int r = 0;

	for (size_t at = 0; r == 0 && at < all.len; at += n) {
		struct proof proof = { .p.protocol = t->info.protocol };
		struct span part;

		n = all.len - at < max ? all.len - at : max;
		part = span(all.p + at, n);
		if (!prove_fragment(t, at, part, &proof))
			return -ENOMEM;
		r = transact(t, token_encode_blobs_set(at, all.len, part,
		    &proof.p, t->msg->request, sizeof(t->msg->request)), &body);
	}
	return r;
}

static int
ctap_blobs_write(struct token *token, struct span array)
{
	struct ctap_token *t = ctap(token);
	size_t len = array.len + DIGEST_LEN;
	uint8_t *all, digest[MAC_LEN];
	int r = need_info(t);

	if (r == 0 && !t->may_write && t->info.verifies)
		r = get_uv_token(t, TOKEN_MAY_WRITE, span(NULL, 0));
	if (r != 0)
		return r;
	all = malloc(len);
	if (all == NULL || !blobs_digest(array, digest)) {
		r = -ENOMEM;
		goto out;
	}
	memcpy(all, array.p, array.len);
	memcpy(all + array.len, digest, DIGEST_LEN);
	r = write_fragments(t, span(all, len));
out:
	free(all);
	return r;
}

static void
ctap_set_pin(struct token *token, struct span pin)
{
	struct ctap_token *t = ctap(token);

	assert(pin.len <= sizeof(t->pin));
	memcpy(t->pin, pin.p, pin.len);
	t->pin_len = pin.len;
	t->pin_status = 0;
	t->info_known = false;
}

static void
ctap_free(struct token *token)
{
	struct ctap_token *t = ctap(token);
	const struct token_wire *wire = t->wire;

	free(t->blobs);
	forget(&t->agreement);
	forget_uv_token(t);
	explicit_bzero(t->pin, sizeof(t->pin));
	explicit_bzero(t->msg->request, sizeof(t->msg->request));
	explicit_bzero(t->msg->reply, sizeof(t->msg->reply));
	wire->close(t);
}

static const struct token_ops ctap_ops = {
	.info = ctap_info,
	.make = ctap_make,
	.get = ctap_get,
	.blobs_read = ctap_blobs_read,
	.blobs_write = ctap_blobs_write,
	.set_pin = ctap_set_pin,
	.free = ctap_free,
};

void
ctap_token_init(struct ctap_token *t, const struct token_wire *wire,
    struct token_messages *msg)
{
	t->msg = msg;
	t->token.ops = &ctap_ops;
	t->wire = wire;
}
