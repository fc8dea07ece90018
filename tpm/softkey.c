/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. A private key is in the clear in a struct opened, on the stack of one
 *     call, or in sk->parsed; nowhere else, and the former are wiped.
 *  2. sk->parsed holds only keys whose blob was opened by a wrap that is
 *     still in sk->wraps.
 *  3. sk->pending is the operation that sk->search works for, or NULL.
 */
#include "tpm/softkey.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "tpm/p256.h"
#include "tpm/rsa.h"
#include "tpm/seal.h"

#define BLOB_VERSION	1
#define BOUND_MAX	64	/* bytes, key.h */
#define SEED_LEN	32
#define DIGEST_LEN	32
#define SALT_LEN	32	/* bytes, CTAP 2.3, 12.7 */
#define ED25519_LEN	32
#define ED25519_SIG_LEN	64
#define HEAD_LEN	(2 + SEED_LEN)	/* code, length of meta, seed */
#define SECRET_MAX	(2 * RSA_PRIME_LEN)
#define PLAIN_MAX	(HEAD_LEN + KEY_META_MAX + SECRET_MAX)
/* The attestation key lives in the epoch of zeros, the rest in another. */
#define EPOCHS		2

_Static_assert(1 + SEAL_OVERHEAD + PLAIN_MAX <= 640, "blobs are small");
_Static_assert(SEAL_OVERHEAD == KEY_SEAL_OVERHEAD, "as key.h says");

struct alg;

/* What is inside a blob: HEAD, meta, secret (its form is the algorithm's). */
struct opened {
	const struct alg *alg;
	uint8_t		  plain[PLAIN_MAX];
	size_t		  len;
	uint8_t		 *seed;
	struct span	  meta;
	uint8_t		 *secret;
};

struct wrap {
	bool		 used;
	uint8_t		 epoch[KEY_EPOCH_LEN];
	struct seal_box	 box;
	uint64_t	 last_use;
};

struct parsed {
	const struct wrap *wrap;
	uint8_t		 blob[KEY_BLOB_MAX];
	size_t		 blob_len;	/* 0: free */
	EVP_PKEY	*key;
	EVP_PKEY_CTX	*signer;	/* RSA only */
	uint64_t	 last_use;
};

struct softkeys {
	bool		 unlocked;
	uint8_t		 storage_key[SEAL_KEY_LEN];
	struct wrap	 wraps[EPOCHS];
	struct parsed	 parsed[SOFTKEY_PARSED];
	uint64_t	 uses;		/* clock of both last_use */
	struct p256	*p256;
	EVP_MD		*sha256;
	EVP_MD_CTX	*md_ctx;
	EVP_MAC		*hmac;
	EVP_PKEY_CTX	*ed25519;	/* imports and generates */
	EVP_PKEY_CTX	*rsa;		/* imports */
	struct rsa_search search;
	struct key_op	*pending;
};

struct alg {
	int		 alg;
	uint8_t		 code;		/* in blobs: never change one */
	size_t		 secret_len;
	/* NULL: by sk->search. Writes the secret and op->out_pub. */
	int		(*generate)(struct softkeys *sk, uint8_t *secret,
			    struct key_op *op);
	/* NULL: not kept parsed. Fills in key and signer. */
	int		(*parse)(struct softkeys *sk, const uint8_t *secret,
			    struct parsed *p);
	/* p is NULL without parse. Writes op->out_sig. */
	int		(*sign)(struct softkeys *sk, const uint8_t *secret,
			    struct parsed *p, struct key_op *op);
};

/* SHA-256 of data[0] || data[1]. */
static int
digest_data(struct softkeys *sk, const struct key_op *op,
    uint8_t out[static DIGEST_LEN])
{
	if (EVP_DigestInit_ex2(sk->md_ctx, sk->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(sk->md_ctx, op->data[0].p,
	    op->data[0].len) != 1 ||
	    EVP_DigestUpdate(sk->md_ctx, op->data[1].p,
	    op->data[1].len) != 1 ||
	    EVP_DigestFinal_ex(sk->md_ctx, out, NULL) != 1)
		return -EIO;
	return 0;
}

/* ES256: the secret is the scalar. */

static int
es256_generate(struct softkeys *sk, uint8_t *secret, struct key_op *op)
{
	uint8_t pub[2 * P256_LEN];
	int r;

	r = p256_generate(sk->p256, secret, pub);
	if (r == 0)
		op->out_pub_len = cose_ec2(op->out_pub, COSE_ES256, COSE_P256,
		    span(pub, P256_LEN), span(pub + P256_LEN, P256_LEN));
	return r;
}

static int
es256_sign(struct softkeys *sk, const uint8_t *secret, struct parsed *p,
    struct key_op *op)
{
	uint8_t digest[DIGEST_LEN];
	int r;

	(void)p;
	r = digest_data(sk, op, digest);
	if (r != 0)
		return r;
	return p256_sign(sk->p256, secret, digest, op->out_sig,
	    &op->out_sig_len);
}

/*
 * EdDSA: the secret is seed || public key. The latter could be computed
 * from the former, at the price of a signature.
 */

static int
eddsa_generate(struct softkeys *sk, uint8_t *secret, struct key_op *op)
{
	EVP_PKEY *key = NULL;
	size_t seed_len = ED25519_LEN, pub_len = ED25519_LEN;
	uint8_t *pub = secret + ED25519_LEN;
	int r = -EIO;

	if (EVP_PKEY_keygen_init(sk->ed25519) != 1 ||
	    EVP_PKEY_generate(sk->ed25519, &key) != 1)
		goto out;
	if (EVP_PKEY_get_raw_private_key(key, secret, &seed_len) != 1 ||
	    EVP_PKEY_get_raw_public_key(key, pub, &pub_len) != 1)
		goto out;
	op->out_pub_len = cose_okp(op->out_pub, COSE_EDDSA, COSE_ED25519,
	    span(pub, ED25519_LEN));
	r = 0;
out:
	EVP_PKEY_free(key);
	return r;
}

static int
eddsa_parse(struct softkeys *sk, const uint8_t *secret, struct parsed *p)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
		    (void *)secret, ED25519_LEN),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    (void *)(secret + ED25519_LEN), ED25519_LEN),
		OSSL_PARAM_construct_end(),
	};

	if (EVP_PKEY_fromdata_init(sk->ed25519) != 1 ||
	    EVP_PKEY_fromdata(sk->ed25519, &p->key, EVP_PKEY_KEYPAIR,
	    params) != 1)
		return -EIO;
	return 0;
}

/* Ed25519 hashes the message twice, so that it has to be in one piece. */
static int
eddsa_sign(struct softkeys *sk, const uint8_t *secret, struct parsed *p,
    struct key_op *op)
{
	size_t len = op->data[0].len + op->data[1].len;
	uint8_t *msg;
	int r = -EIO;

	(void)secret;
	msg = malloc(len + 1);		/* nothing is a message, too */
	if (msg == NULL)
		return -ENOMEM;
	if (op->data[0].len > 0)
		memcpy(msg, op->data[0].p, op->data[0].len);
	if (op->data[1].len > 0)
		memcpy(msg + op->data[0].len, op->data[1].p, op->data[1].len);
	op->out_sig_len = ED25519_SIG_LEN;
	/* A context that has signed may not sign again, says OpenSSL 3.4. */
	EVP_MD_CTX_reset(sk->md_ctx);
	if (EVP_DigestSignInit_ex(sk->md_ctx, NULL, NULL, NULL, NULL, p->key,
	    NULL) == 1 && EVP_DigestSign(sk->md_ctx, op->out_sig,
	    &op->out_sig_len, msg, len) == 1)
		r = 0;
	EVP_MD_CTX_reset(sk->md_ctx);	/* it refers to the key */
	free(msg);
	return r;
}

/* RS256: the secret is p || q, and e is 65537. */

struct rsa_numbers {
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qinv;
};

static void
rsa_numbers_done(struct rsa_numbers *k)
{
	BN_free(k->n);
	BN_free(k->e);
	BN_clear_free(k->d);
	BN_clear_free(k->p);
	BN_clear_free(k->q);
	BN_clear_free(k->dp);
	BN_clear_free(k->dq);
	BN_clear_free(k->qinv);
}

static BIGNUM *
secret_number(void)
{
	BIGNUM *b = BN_secure_new();

	if (b != NULL)
		BN_set_flags(b, BN_FLG_CONSTTIME);
	return b;
}

static bool
rsa_numbers_new(struct rsa_numbers *k)
{
	k->n = BN_new();
	k->e = BN_new();
	k->d = secret_number();
	k->p = secret_number();
	k->q = secret_number();
	k->dp = secret_number();
	k->dq = secret_number();
	k->qinv = secret_number();
	return k->n != NULL && k->e != NULL && k->d != NULL && k->p != NULL &&
	    k->q != NULL && k->dp != NULL && k->dq != NULL && k->qinv != NULL;
}

/* Everything else from the primes. RFC 8017, 3.2; d modulo phi(n). */
static bool
rsa_numbers_derive(struct rsa_numbers *k, const uint8_t *primes, BN_CTX *ctx)
{
	BIGNUM *p1 = secret_number(), *q1 = secret_number();
	BIGNUM *phi = secret_number();
	bool ok;

	ok = p1 != NULL && q1 != NULL && phi != NULL &&
	    BN_bin2bn(primes, RSA_PRIME_LEN, k->p) != NULL &&
	    BN_bin2bn(primes + RSA_PRIME_LEN, RSA_PRIME_LEN, k->q) != NULL &&
	    BN_set_word(k->e, RSA_F4) == 1 &&
	    BN_mul(k->n, k->p, k->q, ctx) == 1 &&
	    BN_num_bits(k->n) == RSA_BITS &&
	    BN_sub(p1, k->p, BN_value_one()) == 1 &&
	    BN_sub(q1, k->q, BN_value_one()) == 1 &&
	    BN_mul(phi, p1, q1, ctx) == 1 &&
	    BN_mod_inverse(k->d, k->e, phi, ctx) != NULL &&
	    BN_mod(k->dp, k->d, p1, ctx) == 1 &&
	    BN_mod(k->dq, k->d, q1, ctx) == 1 &&
	    BN_mod_inverse(k->qinv, k->q, k->p, ctx) != NULL;
	BN_clear_free(p1);
	BN_clear_free(q1);
	BN_clear_free(phi);
	return ok;
}

static OSSL_PARAM *
rsa_numbers_params(const struct rsa_numbers *k)
{
	const struct {
		const char	*name;
		const BIGNUM	*value;
	} all[] = {
		{ OSSL_PKEY_PARAM_RSA_N, k->n },
		{ OSSL_PKEY_PARAM_RSA_E, k->e },
		{ OSSL_PKEY_PARAM_RSA_D, k->d },
		{ OSSL_PKEY_PARAM_RSA_FACTOR1, k->p },
		{ OSSL_PKEY_PARAM_RSA_FACTOR2, k->q },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT1, k->dp },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT2, k->dq },
		{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, k->qinv },
	};
	OSSL_PARAM_BLD *bld;
	OSSL_PARAM *params = NULL;
	size_t i;

	bld = OSSL_PARAM_BLD_new();
	if (bld == NULL)
		return NULL;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (OSSL_PARAM_BLD_push_BN(bld, all[i].name,
		    all[i].value) != 1)
			break;
	if (i == sizeof(all) / sizeof(all[0]))
		params = OSSL_PARAM_BLD_to_param(bld);
	OSSL_PARAM_BLD_free(bld);
	return params;
}

/* Wipes values too: they are in one allocation, which OpenSSL frees as is
 * unless they came from its secure heap. */
static void
free_params(OSSL_PARAM *params)
{
	if (params == NULL)
		return;
	for (OSSL_PARAM *p = params; p->key != NULL; p++)
		OPENSSL_cleanse(p->data, p->data_size);
	OSSL_PARAM_free(params);
}

static EVP_PKEY_CTX *
rsa_signer(EVP_PKEY *key, const EVP_MD *md)
{
	EVP_PKEY_CTX *ctx;

	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static int
rs256_parse(struct softkeys *sk, const uint8_t *secret, struct parsed *p)
{
	struct rsa_numbers k = { 0 };
	OSSL_PARAM *params = NULL;
	BN_CTX *ctx;
	int r = -EIO;

	ctx = BN_CTX_secure_new();
	if (ctx == NULL || !rsa_numbers_new(&k) ||
	    !rsa_numbers_derive(&k, secret, ctx))
		goto out;
	params = rsa_numbers_params(&k);
	if (params == NULL || EVP_PKEY_fromdata_init(sk->rsa) != 1 ||
	    EVP_PKEY_fromdata(sk->rsa, &p->key, EVP_PKEY_KEYPAIR,
	    params) != 1)
		goto out;
	p->signer = rsa_signer(p->key, sk->sha256);
	if (p->signer != NULL)
		r = 0;
out:
	free_params(params);
	rsa_numbers_done(&k);
	BN_CTX_free(ctx);
	return r;
}

/* The public key of what sk->search has found. */
static int
rs256_publish(const uint8_t *secret, struct key_op *op)
{
	struct rsa_numbers k = { 0 };
	uint8_t n[RSA_MODULUS_LEN];
	BN_CTX *ctx;
	int r = -EIO;

	ctx = BN_CTX_secure_new();
	if (ctx == NULL || !rsa_numbers_new(&k) ||
	    !rsa_numbers_derive(&k, secret, ctx) ||
	    BN_bn2binpad(k.n, n, sizeof(n)) != sizeof(n))
		goto out;
	op->out_pub_len = cose_rsa(op->out_pub, COSE_RS256,
	    span(n, sizeof(n)));
	r = 0;
out:
	rsa_numbers_done(&k);
	BN_CTX_free(ctx);
	return r;
}

static int
rs256_sign(struct softkeys *sk, const uint8_t *secret, struct parsed *p,
    struct key_op *op)
{
	uint8_t digest[DIGEST_LEN];
	int r;

	(void)secret;
	r = digest_data(sk, op, digest);
	if (r != 0)
		return r;
	op->out_sig_len = sizeof(op->out_sig);
	return EVP_PKEY_sign(p->signer, op->out_sig, &op->out_sig_len,
	    digest, sizeof(digest)) == 1 ? 0 : -EIO;
}

static const struct alg algs[] = {
	{ COSE_ES256, 1, P256_LEN, es256_generate, NULL, es256_sign },
	{ COSE_EDDSA, 2, 2 * ED25519_LEN, eddsa_generate, eddsa_parse,
	    eddsa_sign },
	{ COSE_RS256, 3, 2 * RSA_PRIME_LEN, NULL, rs256_parse, rs256_sign },
};

static const struct alg *
find_alg(int alg)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

static const struct alg *
find_code(uint8_t code)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].code == code)
			return &algs[i];
	return NULL;
}

bool
softkey_has_alg(int alg)
{
	return find_alg(alg) != NULL;
}

/* Wrapping keys, one for each epoch. */

static void
parsed_done(struct parsed *p)
{
	EVP_PKEY_CTX_free(p->signer);
	EVP_PKEY_free(p->key);
	*p = (struct parsed){ 0 };
}

/* With the parsed keys of its epoch (invariant 2). */
static void
wrap_done(struct softkeys *sk, struct wrap *w)
{
	for (size_t i = 0; i < SOFTKEY_PARSED; i++)
		if (sk->parsed[i].wrap == w)
			parsed_done(&sk->parsed[i]);
	seal_box_done(&w->box);
	explicit_bzero(w, sizeof(*w));
}

static int
wrap_init(struct softkeys *sk, struct wrap *w, struct span epoch)
{
	uint8_t key[SEAL_KEY_LEN];
	int r;

	r = seal_derive(sk->storage_key, epoch, "sealkey key blobs 1", key);
	if (r == 0)
		r = seal_box_init(&w->box, key);
	explicit_bzero(key, sizeof(key));
	if (r != 0)
		return r;
	memcpy(w->epoch, epoch.p, sizeof(w->epoch));
	w->used = true;
	return 0;
}

static int
find_wrap(struct softkeys *sk, struct span epoch, struct wrap **out)
{
	struct wrap *w = &sk->wraps[0];
	int r;

	for (size_t i = 0; i < EPOCHS; i++) {
		struct wrap *here = &sk->wraps[i];

		if (here->used && CRYPTO_memcmp(here->epoch, epoch.p,
		    sizeof(here->epoch)) == 0) {
			w = here;
			goto found;
		}
		if (here->last_use < w->last_use)
			w = here;
	}
	wrap_done(sk, w);
	r = wrap_init(sk, w, epoch);
	if (r != 0)
		return r;
found:
	w->last_use = ++sk->uses;
	*out = w;
	return 0;
}

/* Blobs: version || sealed(plain), bound to version || op->bound. */

static const uint8_t version[] = { BLOB_VERSION };

static int
seal_blob(struct wrap *w, const struct opened *o, struct key_op *op)
{
	int r;

	op->out_blob[0] = BLOB_VERSION;
	r = seal_box_seal(&w->box, span(version, sizeof(version)), op->bound,
	    span(o->plain, o->len), op->out_blob + 1);
	if (r == 0)
		op->out_blob_len = 1 + SEAL_OVERHEAD + o->len;
	return r;
}

/* What we sealed ourselves can only be malformed if we erred. */
static int
parse_plain(struct opened *o)
{
	size_t meta_len;

	if (o->len < HEAD_LEN)
		return -EBADMSG;
	o->alg = find_code(o->plain[0]);
	meta_len = o->plain[1];
	if (o->alg == NULL || meta_len > KEY_META_MAX ||
	    o->len != HEAD_LEN + meta_len + o->alg->secret_len)
		return -EBADMSG;
	o->seed = o->plain + 2;
	o->meta = span(o->plain + HEAD_LEN, meta_len);
	o->secret = o->plain + HEAD_LEN + meta_len;
	return 0;
}

/* The caller wipes *o, whatever comes back. */
static int
open_blob(struct wrap *w, const struct key_op *op, struct opened *o)
{
	int r;

	if (op->blob.len < 1 + SEAL_OVERHEAD + HEAD_LEN ||
	    op->blob.len > 1 + SEAL_OVERHEAD + PLAIN_MAX ||
	    op->blob.p[0] != BLOB_VERSION)
		return -EBADMSG;
	o->len = op->blob.len - 1 - SEAL_OVERHEAD;
	r = seal_box_open(&w->box, span(version, sizeof(version)), op->bound,
	    span(op->blob.p + 1, op->blob.len - 1), o->plain);
	return r == 0 ? parse_plain(o) : r;
}

/* Room for a secret of alg behind the head and op->meta. */
static int
begin_plain(struct opened *o, const struct alg *alg, const struct key_op *op)
{
	o->plain[0] = alg->code;
	o->plain[1] = (uint8_t)op->meta.len;
	if (op->meta.len > 0)
		memcpy(o->plain + HEAD_LEN, op->meta.p, op->meta.len);
	o->len = HEAD_LEN + op->meta.len + alg->secret_len;
	if (RAND_priv_bytes(o->plain + 2, SEED_LEN) != 1)
		return -EIO;
	return parse_plain(o);
}

/* The verbs. */

static int
do_create(struct softkeys *sk, struct wrap *w, const struct alg *alg,
    struct key_op *op)
{
	struct opened o;
	int r;

	r = begin_plain(&o, alg, op);
	if (r == 0)
		r = alg->generate(sk, o.secret, op);
	if (r == 0)
		r = seal_blob(w, &o, op);
	explicit_bzero(&o, sizeof(o));
	return r;
}

/* The second half of the creation of an RSA key. */
static int
finish_create(struct softkeys *sk, struct key_op *op, const uint8_t *primes)
{
	struct opened o;
	struct wrap *w;
	int r;

	r = find_wrap(sk, op->epoch, &w);
	if (r == 0)
		r = begin_plain(&o, find_alg(COSE_RS256), op);
	if (r == 0)
		r = rs256_publish(primes, op);
	if (r == 0) {
		memcpy(o.secret, primes, SECRET_MAX);
		r = seal_blob(w, &o, op);
	}
	explicit_bzero(&o, sizeof(o));
	return r;
}

static int
do_open(const struct opened *o, struct key_op *op)
{
	memcpy(op->out_meta, o->meta.p, o->meta.len);
	op->out_meta_len = o->meta.len;
	return 0;
}

static int
find_parsed(struct softkeys *sk, const struct wrap *w, const struct opened *o,
    const struct key_op *op, struct parsed **out)
{
	struct parsed *p = &sk->parsed[0];
	int r;

	for (size_t i = 0; i < SOFTKEY_PARSED; i++) {
		struct parsed *here = &sk->parsed[i];

		if (here->wrap == w &&
		    span_eq(span(here->blob, here->blob_len), op->blob)) {
			p = here;
			goto found;
		}
		if (here->last_use < p->last_use)
			p = here;
	}
	parsed_done(p);
	r = o->alg->parse(sk, o->secret, p);
	if (r != 0) {
		parsed_done(p);
		return r;
	}
	p->wrap = w;
	memcpy(p->blob, op->blob.p, op->blob.len);
	p->blob_len = op->blob.len;
found:
	p->last_use = ++sk->uses;
	*out = p;
	return 0;
}

static int
do_sign(struct softkeys *sk, const struct wrap *w, const struct opened *o,
    struct key_op *op)
{
	struct parsed *p = NULL;
	int r;

	if (o->alg->parse != NULL) {
		r = find_parsed(sk, w, o, op, &p);
		if (r != 0)
			return r;
	}
	return o->alg->sign(sk, o->secret, p, op);
}

static int
hmac(struct softkeys *sk, const uint8_t key[static SEED_LEN],
    struct span data, uint8_t out[static DIGEST_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx;
	size_t n;
	int r = -EIO;

	ctx = EVP_MAC_CTX_new(sk->hmac);
	if (ctx != NULL && EVP_MAC_init(ctx, key, SEED_LEN, params) == 1 &&
	    EVP_MAC_update(ctx, data.p, data.len) == 1 &&
	    EVP_MAC_final(ctx, out, &n, DIGEST_LEN) == 1)
		r = 0;
	EVP_MAC_CTX_free(ctx);
	return r;
}

static int
do_hmac(struct softkeys *sk, const struct opened *o, struct key_op *op)
{
	uint8_t cred_random[DIGEST_LEN];
	int r;

	r = hmac(sk, o->seed, span_str(op->with_uv ? "CredRandomWithUV" :
	    "CredRandomWithoutUV"), cred_random);
	if (r == 0)
		r = hmac(sk, cred_random, op->data[0], op->out_sig);
	if (r == 0 && op->data[1].p != NULL)
		r = hmac(sk, cred_random, op->data[1],
		    op->out_sig + DIGEST_LEN);
	op->out_sig_len = op->data[1].p != NULL ? 2 * DIGEST_LEN : DIGEST_LEN;
	explicit_bzero(cred_random, sizeof(cred_random));
	return r;
}

/* KEY_OPEN, KEY_SIGN and KEY_HMAC. */
static int
do_use(struct softkeys *sk, struct wrap *w, struct key_op *op)
{
	struct opened o;
	int r;

	r = open_blob(w, op, &o);
	if (r != 0)
		goto out;
	op->alg = o.alg->alg;
	switch (op->verb) {
	case KEY_OPEN:
		r = do_open(&o, op);
		break;
	case KEY_SIGN:
		r = do_sign(sk, w, &o, op);
		break;
	case KEY_HMAC:
		r = do_hmac(sk, &o, op);
		break;
	default:
		r = -EINVAL;
	}
out:
	explicit_bzero(&o, sizeof(o));
	return r;
}

static bool
sizes_ok(const struct key_op *op)
{
	if (op->epoch.len != KEY_EPOCH_LEN || op->bound.len > BOUND_MAX)
		return false;
	if (op->verb == KEY_CREATE)
		return op->meta.len <= KEY_META_MAX;
	if (op->verb == KEY_HMAC)
		return op->data[0].len == SALT_LEN &&
		    (op->data[1].p == NULL || op->data[1].len == SALT_LEN);
	return true;
}

bool
softkey_start(struct softkeys *sk, struct key_op *op)
{
	const struct alg *alg = find_alg(op->alg);
	struct wrap *w;

	assert(sk->unlocked && sk->pending == NULL);
	op->out_blob_len = op->out_pub_len = 0;
	op->out_meta_len = op->out_sig_len = 0;
	if (!sizes_ok(op)) {
		op->result = -EINVAL;
		return true;
	}
	op->result = find_wrap(sk, op->epoch, &w);
	if (op->result != 0)
		return true;
	if (op->verb != KEY_CREATE) {
		op->result = do_use(sk, w, op);
		return true;
	}
	if (alg == NULL) {
		op->result = -ENOTSUP;
		return true;
	}
	if (alg->generate != NULL) {
		op->result = do_create(sk, w, alg, op);
		return true;
	}
	op->result = rsa_search_start(&sk->search, RSA_DEADLINE_MS);
	if (op->result != 0)
		return true;
	sk->pending = op;
	return false;
}

struct key_op *
softkey_poll(struct softkeys *sk)
{
	uint8_t primes[SECRET_MAX];
	struct key_op *op = sk->pending;
	int r;

	if (op == NULL)
		return NULL;
	r = rsa_search_poll(&sk->search, primes);
	if (r == -EAGAIN)
		return NULL;
	if (r == 0)
		r = finish_create(sk, op, primes);
	explicit_bzero(primes, sizeof(primes));
	op->result = r;
	sk->pending = NULL;
	return op;
}

int
softkey_fd(const struct softkeys *sk)
{
	return sk->search.epoll_fd;
}

void
softkey_abandon(struct softkeys *sk, struct key_op *op)
{
	if (sk->pending != op)
		return;
	rsa_search_stop(&sk->search);
	sk->pending = NULL;
}

static int
fetch_algorithms(struct softkeys *sk)
{
	sk->p256 = p256_new();
	sk->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sk->md_ctx = EVP_MD_CTX_new();
	sk->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	sk->ed25519 = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
	sk->rsa = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (sk->p256 == NULL || sk->sha256 == NULL || sk->md_ctx == NULL ||
	    sk->hmac == NULL || sk->ed25519 == NULL || sk->rsa == NULL)
		return -ENOMEM;
	return 0;
}

int
softkey_new(struct softkeys **out)
{
	struct softkeys *sk;
	int r;

	sk = seal_memory_new(sizeof(*sk));
	if (sk == NULL)
		return -ENOMEM;
	r = rsa_search_init(&sk->search);
	if (r == 0)
		r = fetch_algorithms(sk);
	if (r != 0) {
		softkey_free(sk);
		return r;
	}
	*out = sk;
	return 0;
}

void
softkey_unlock(struct softkeys *sk,
    const uint8_t storage_key[static SEAL_KEY_LEN])
{
	assert(!sk->unlocked);
	memcpy(sk->storage_key, storage_key, sizeof(sk->storage_key));
	sk->unlocked = true;
}

void
softkey_free(struct softkeys *sk)
{
	if (sk == NULL)
		return;
	rsa_search_done(&sk->search);
	for (size_t i = 0; i < EPOCHS; i++)
		wrap_done(sk, &sk->wraps[i]);
	p256_free(sk->p256);
	EVP_MD_free(sk->sha256);
	EVP_MD_CTX_free(sk->md_ctx);
	EVP_MAC_free(sk->hmac);
	EVP_PKEY_CTX_free(sk->ed25519);
	EVP_PKEY_CTX_free(sk->rsa);
	seal_memory_free(sk, sizeof(*sk));
}
