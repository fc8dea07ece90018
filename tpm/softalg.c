/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/softalg.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "tpm/p256.h"
#include "tpm/rsa.h"

#define DIGEST_LEN	32
#define ED25519_LEN	32
#define ED25519_SIG_LEN	64

_Static_assert(SOFTALG_SECRET_MAX == 2 * RSA_PRIME_LEN, "RSA: p || q");

int
softalg_tools_init(struct softalg_tools *t)
{
	t->p256 = p256_new();
	t->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	t->md_ctx = EVP_MD_CTX_new();
	t->ed25519 = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
	t->rsa = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (t->p256 == NULL || t->sha256 == NULL || t->md_ctx == NULL ||
	    t->ed25519 == NULL || t->rsa == NULL)
		return -ENOMEM;
	return 0;
}

void
softalg_tools_done(struct softalg_tools *t)
{
	p256_free(t->p256);
	EVP_MD_free(t->sha256);
	EVP_MD_CTX_free(t->md_ctx);
	EVP_PKEY_CTX_free(t->ed25519);
	EVP_PKEY_CTX_free(t->rsa);
	*t = (struct softalg_tools){ 0 };
}

void
softalg_key_done(struct softalg_key *k)
{
	EVP_PKEY_CTX_free(k->signer);
	EVP_PKEY_free(k->key);
	*k = (struct softalg_key){ 0 };
}

/* SHA-256 of data[0] || data[1]. */
static int
digest_data(struct softalg_tools *t, const struct key_op *op,
    uint8_t out[static DIGEST_LEN])
{
	if (EVP_DigestInit_ex2(t->md_ctx, t->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(t->md_ctx, op->data[0].p,
	    op->data[0].len) != 1 ||
	    EVP_DigestUpdate(t->md_ctx, op->data[1].p,
	    op->data[1].len) != 1 ||
	    EVP_DigestFinal_ex(t->md_ctx, out, NULL) != 1)
		return -EIO;
	return 0;
}

/* ES256: the secret is the scalar. */

static int
es256_generate(struct softalg_tools *t, uint8_t *secret, struct key_op *op)
{
	uint8_t pub[2 * P256_LEN];
	int r;

	r = p256_generate(t->p256, secret, pub);
	if (r == 0)
		op->out_pub_len = cose_ec2(op->out_pub, COSE_ES256, COSE_P256,
		    span(pub, P256_LEN), span(pub + P256_LEN, P256_LEN));
	return r;
}

static int
es256_sign(struct softalg_tools *t, const uint8_t *secret,
    struct softalg_key *k, struct key_op *op)
{
	uint8_t digest[DIGEST_LEN];
	int r;

	(void)k;
	r = digest_data(t, op, digest);
	if (r != 0)
		return r;
	return p256_sign(t->p256, secret, digest, op->out_sig,
	    &op->out_sig_len);
}

/*
 * EdDSA: the secret is seed || public key. The latter could be computed
 * from the former, at the price of a signature.
 */

/* pub may be NULL: then OpenSSL computes it. */
static int
ed25519_import(struct softalg_tools *t, const uint8_t *seed,
    const uint8_t *pub, EVP_PKEY **out)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
		    (void *)seed, ED25519_LEN),
		OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};

	if (pub != NULL)
		params[1] = OSSL_PARAM_construct_octet_string(
		    OSSL_PKEY_PARAM_PUB_KEY, (void *)pub, ED25519_LEN);
	if (EVP_PKEY_fromdata_init(t->ed25519) != 1 ||
	    EVP_PKEY_fromdata(t->ed25519, out, EVP_PKEY_KEYPAIR, params) != 1)
		return -EIO;
	return 0;
}

/*
 * The seed is any 32 bytes (RFC 8032, 5.1.5). It is not OpenSSL that makes
 * it, because asking for it leaves a copy in freed memory.
 */
static int
eddsa_generate(struct softalg_tools *t, uint8_t *secret, struct key_op *op)
{
	EVP_PKEY *key = NULL;
	uint8_t *pub = secret + ED25519_LEN;
	size_t len = ED25519_LEN;
	int r = -EIO;

	if (RAND_priv_bytes(secret, ED25519_LEN) == 1)
		r = ed25519_import(t, secret, NULL, &key);
	if (r == 0 && EVP_PKEY_get_raw_public_key(key, pub, &len) != 1)
		r = -EIO;
	if (r == 0)
		op->out_pub_len = cose_okp(op->out_pub, COSE_EDDSA,
		    COSE_ED25519, span(pub, ED25519_LEN));
	EVP_PKEY_free(key);
	return r;
}

static int
eddsa_parse(struct softalg_tools *t, const uint8_t *secret,
    struct softalg_key *k)
{
	return ed25519_import(t, secret, secret + ED25519_LEN, &k->key);
}

/* Ed25519 hashes the message twice, so that it has to be in one piece. */
static int
eddsa_sign(struct softalg_tools *t, const uint8_t *secret,
    struct softalg_key *k, struct key_op *op)
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
	EVP_MD_CTX_reset(t->md_ctx);
	if (EVP_DigestSignInit_ex(t->md_ctx, NULL, NULL, NULL, NULL, k->key,
	    NULL) == 1 && EVP_DigestSign(t->md_ctx, op->out_sig,
	    &op->out_sig_len, msg, len) == 1)
		r = 0;
	EVP_MD_CTX_reset(t->md_ctx);	/* it refers to the key */
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
rs256_parse(struct softalg_tools *t, const uint8_t *secret,
    struct softalg_key *k)
{
	struct rsa_numbers num = { 0 };
	OSSL_PARAM *params = NULL;
	BN_CTX *ctx;
	int r = -EIO;

	ctx = BN_CTX_secure_new();
	if (ctx == NULL || !rsa_numbers_new(&num) ||
	    !rsa_numbers_derive(&num, secret, ctx))
		goto out;
	params = rsa_numbers_params(&num);
	if (params == NULL || EVP_PKEY_fromdata_init(t->rsa) != 1 ||
	    EVP_PKEY_fromdata(t->rsa, &k->key, EVP_PKEY_KEYPAIR,
	    params) != 1)
		goto out;
	k->signer = rsa_signer(k->key, t->sha256);
	if (k->signer != NULL)
		r = 0;
out:
	free_params(params);
	rsa_numbers_done(&num);
	BN_CTX_free(ctx);
	return r;
}

int
softalg_publish_primes(const uint8_t *secret, struct key_op *op)
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
rs256_sign(struct softalg_tools *t, const uint8_t *secret,
    struct softalg_key *k, struct key_op *op)
{
	uint8_t digest[DIGEST_LEN];
	int r;

	(void)secret;
	r = digest_data(t, op, digest);
	if (r != 0)
		return r;
	op->out_sig_len = sizeof(op->out_sig);
	return EVP_PKEY_sign(k->signer, op->out_sig, &op->out_sig_len,
	    digest, sizeof(digest)) == 1 ? 0 : -EIO;
}

static const struct softalg algs[] = {
	{ COSE_ES256, 1, P256_LEN, es256_generate, NULL, es256_sign },
	{ COSE_EDDSA, 2, 2 * ED25519_LEN, eddsa_generate, eddsa_parse,
	    eddsa_sign },
	{ COSE_RS256, 3, 2 * RSA_PRIME_LEN, NULL, rs256_parse, rs256_sign },
};

const struct softalg *
softalg_find(int alg)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

const struct softalg *
softalg_find_code(uint8_t code)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].code == code)
			return &algs[i];
	return NULL;
}
