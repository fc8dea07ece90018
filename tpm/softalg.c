/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/softalg.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "tpm/ecdsa.h"
#include "tpm/rsa.h"
#include "tpm/seal.h"

#define PUB_MAX		2592	/* bytes, ML-DSA-87 */
/* OSSL_PKEY_PARAM_ML_DSA_SEED, which the headers of OpenSSL 3.0 lack */
#define PARAM_SEED	"seed"

_Static_assert(SOFTALG_SECRET_MAX == 2 * RSA_PRIME_LEN, "RSA: p || q");

void
softalg_key_done(struct softalg_key *k)
{
	EVP_PKEY_CTX_free(k->signer);
	EVP_PKEY_free(k->key);
	*k = (struct softalg_key){ 0 };
}

static struct softalg_tool *tool_of(struct softalg_tools *t,
    const struct softalg *a);

/* The digest of data[0] || data[1]. */
static int
digest_data(struct softalg_tools *t, const struct softalg *a,
    const struct key_op *op, uint8_t out[static EVP_MAX_MD_SIZE],
    unsigned int *len)
{
	const EVP_MD *md = tool_of(t, a)->md;

	/* the same again takes OpenSSL less time than one that is named */
	if (EVP_MD_CTX_get0_md(t->md_ctx) == md)
		md = NULL;
	if (EVP_DigestInit_ex2(t->md_ctx, md, NULL) != 1 ||
	    EVP_DigestUpdate(t->md_ctx, op->data[0].p,
	    op->data[0].len) != 1 ||
	    EVP_DigestUpdate(t->md_ctx, op->data[1].p,
	    op->data[1].len) != 1 ||
	    EVP_DigestFinal_ex(t->md_ctx, out, len) != 1)
		return -EIO;
	return 0;
}

/* ES256 and its like: the secret is the scalar. */

static int
ecdsa_make(struct softalg_tools *t, const struct softalg *a, uint8_t *secret,
    struct key_op *op)
{
	uint8_t pub[2 * ECDSA_LEN_MAX];
	size_t len = ecdsa_len(a->crv);
	int r;

	r = a->alg == COSE_ES256 && t->stock != NULL ?
	    ecdsa_take(tool_of(t, a)->ecdsa, t->stock, secret, pub) :
	    ecdsa_generate(tool_of(t, a)->ecdsa, secret, pub);
	if (r == 0)
		op->out_pub_len = cose_ec2(op->out_pub, a->alg, a->crv,
		    span(pub, len), span(pub + len, len));
	return r;
}

static int
ecdsa_use(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, struct softalg_key *k, struct key_op *op)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len;
	int r;

	(void)k;
	r = digest_data(t, a, op, digest, &len);
	if (r != 0)
		return r;
	return ecdsa_sign(tool_of(t, a)->ecdsa, secret, digest, len,
	    op->out_sig, &op->out_sig_len);
}

/*
 * EdDSA and ML-DSA: everything comes from a seed. The secret of the former
 * is seed || public key, which could be computed, at the price of a
 * signature; of the latter the seed alone, as FIPS 204, 3.6.3 permits,
 * because what it expands to would make an ID of 5 kB.
 */

/* pub may be NULL: then OpenSSL computes it. */
static int
seed_import(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *seed, const uint8_t *pub, EVP_PKEY **out)
{
	EVP_PKEY_CTX *ctx = tool_of(t, a)->import;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(a->crv != 0 ?
		    OSSL_PKEY_PARAM_PRIV_KEY : PARAM_SEED, (void *)seed,
		    a->seed_len),
		OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};

	if (pub != NULL)
		params[1] = OSSL_PARAM_construct_octet_string(
		    OSSL_PKEY_PARAM_PUB_KEY, (void *)pub, a->pub_len);
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, out, EVP_PKEY_KEYPAIR, params) != 1)
		return -EIO;
	return 0;
}

static bool
keeps_pub(const struct softalg *a)
{
	return a->secret_len > a->seed_len;
}

/*
 * The seed is any bytes (RFC 8032, 5.1.5 and 5.2.5; FIPS 204, 5.1). It is
 * not OpenSSL that makes it, because asking for it leaves a copy in freed
 * memory.
 */
static int
seed_make(struct softalg_tools *t, const struct softalg *a, uint8_t *secret,
    struct key_op *op)
{
	EVP_PKEY *key = NULL;
	uint8_t pub[PUB_MAX];
	size_t len = 0;
	int r = -EIO;

	if (RAND_priv_bytes(secret, (int)a->seed_len) == 1)
		r = seed_import(t, a, secret, NULL, &key);
	if (r == 0 && (EVP_PKEY_get_octet_string_param(key,
	    OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub), &len) != 1 ||
	    len != a->pub_len))
		r = -EIO;
	EVP_PKEY_free(key);
	if (r != 0)
		return r;
	if (keeps_pub(a))
		memcpy(secret + a->seed_len, pub, len);
	op->out_pub_len = a->crv != 0 ?
	    cose_okp(op->out_pub, a->alg, a->crv, span(pub, len)) :
	    cose_akp(op->out_pub, a->alg, span(pub, len));
	return 0;
}

static int
seed_parse(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, struct softalg_key *k)
{
	return seed_import(t, a, secret, keeps_pub(a) ?
	    secret + a->seed_len : NULL, &k->key);
}

/* EdDSA hashes the message twice, so that it has to be in one piece. */
static int
seed_use(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, struct softalg_key *k, struct key_op *op)
{
	size_t len = op->data[0].len + op->data[1].len;
	uint8_t *msg;
	int r = -EIO;

	(void)a;
	(void)secret;
	msg = malloc(len + 1);		/* nothing is a message, too */
	if (msg == NULL)
		return -ENOMEM;
	if (op->data[0].len > 0)
		memcpy(msg, op->data[0].p, op->data[0].len);
	if (op->data[1].len > 0)
		memcpy(msg + op->data[0].len, op->data[1].p, op->data[1].len);
	op->out_sig_len = sizeof(op->out_sig);
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

/* RS256 and PS256: the secret is p || q, and e is 65537. */

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

/* WebAuthn Level 3, 5.8.5 and RFC 8230, 2: the salt is as long as a digest */
static EVP_PKEY_CTX *
rsa_signer(EVP_PKEY *key, const struct softalg *a, const EVP_MD *md)
{
	bool pss = a->alg == COSE_PS256;
	EVP_PKEY_CTX *ctx;

	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING :
	    RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	    (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
	    RSA_PSS_SALTLEN_DIGEST) == 1))
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static int
rsa_parse(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, struct softalg_key *k)
{
	struct softalg_tool *tool = tool_of(t, a);
	struct rsa_numbers num = { 0 };
	OSSL_PARAM *params = NULL;
	BN_CTX *ctx;
	int r = -EIO;

	ctx = BN_CTX_secure_new();
	if (ctx == NULL || !rsa_numbers_new(&num) ||
	    !rsa_numbers_derive(&num, secret, ctx))
		goto out;
	params = rsa_numbers_params(&num);
	if (params == NULL || EVP_PKEY_fromdata_init(tool->import) != 1 ||
	    EVP_PKEY_fromdata(tool->import, &k->key, EVP_PKEY_KEYPAIR,
	    params) != 1)
		goto out;
	k->signer = rsa_signer(k->key, a, tool->md);
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
	op->out_pub_len = cose_rsa(op->out_pub, op->alg, span(n, sizeof(n)));
	r = 0;
out:
	rsa_numbers_done(&k);
	BN_CTX_free(ctx);
	return r;
}

static int
rsa_use(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, struct softalg_key *k, struct key_op *op)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len;
	int r;

	(void)secret;
	r = digest_data(t, a, op, digest, &len);
	if (r != 0)
		return r;
	op->out_sig_len = sizeof(op->out_sig);
	return EVP_PKEY_sign(k->signer, op->out_sig, &op->out_sig_len,
	    digest, len) == 1 ? 0 : -EIO;
}

#define ECDSA	.generate = ecdsa_make, .sign = ecdsa_use
#define SEED	.generate = seed_make, .parse = seed_parse, .sign = seed_use
#define RSA	.secret_len = 2 * RSA_PRIME_LEN, .type = "RSA", \
		.md = "SHA256", .parse = rsa_parse, .sign = rsa_use

static const struct softalg algs[] = {
	{ COSE_ES256, 1, .secret_len = 32, .crv = COSE_P256,
	    .md = "SHA256", ECDSA },
	{ COSE_EDDSA, 2, .secret_len = 32 + 32, .crv = COSE_ED25519,
	    .type = "ED25519", .seed_len = 32, .pub_len = 32, SEED },
	{ COSE_RS256, 3, RSA },
	{ COSE_ES384, 4, .secret_len = 48, .crv = COSE_P384,
	    .md = "SHA384", ECDSA },
	{ COSE_ES512, 5, .secret_len = 66, .crv = COSE_P521,
	    .md = "SHA512", ECDSA },
	{ COSE_ES256K, 6, .secret_len = 32, .crv = COSE_SECP256K1,
	    .md = "SHA256", ECDSA },
	{ COSE_PS256, 7, RSA },
	{ COSE_ED448, 8, .secret_len = 57 + 57, .crv = COSE_CRV_ED448,
	    .type = "ED448", .seed_len = 57, .pub_len = 57, SEED },
	{ COSE_ML_DSA_44, 9, .secret_len = 32, .type = "ML-DSA-44",
	    .seed_len = 32, .pub_len = 1312, SEED },
	{ COSE_ML_DSA_65, 10, .secret_len = 32, .type = "ML-DSA-65",
	    .seed_len = 32, .pub_len = 1952, SEED },
	{ COSE_ML_DSA_87, 11, .secret_len = 32, .type = "ML-DSA-87",
	    .seed_len = 32, .pub_len = PUB_MAX, SEED },
};

_Static_assert(sizeof(algs) / sizeof(algs[0]) == SOFTALG_ROWS, "a tool each");

static struct softalg_tool *
tool_of(struct softalg_tools *t, const struct softalg *a)
{
	return &t->tool[a - algs];
}

const struct softalg *
softalg_find(int alg)
{
	for (size_t i = 0; i < SOFTALG_ROWS; i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

const struct softalg *
softalg_find_code(uint8_t code)
{
	for (size_t i = 0; i < SOFTALG_ROWS; i++)
		if (algs[i].code == code)
			return &algs[i];
	return NULL;
}

static void
tool_done(struct softalg_tool *tool)
{
	ecdsa_free(tool->ecdsa);
	EVP_MD_free(tool->md);
	EVP_PKEY_CTX_free(tool->import);
	*tool = (struct softalg_tool){ 0 };
}

/* What this OpenSSL does not have stays without tools, and is not offered. */
static void
tool_init(struct softalg_tool *tool, const struct softalg *a)
{
	if (a->md != NULL)
		tool->md = EVP_MD_fetch(NULL, a->md, NULL);
	if (a->type != NULL)
		tool->import = EVP_PKEY_CTX_new_from_name(NULL, a->type,
		    NULL);
	else
		tool->ecdsa = ecdsa_new(a->crv);
	tool->ready = (a->md == NULL || tool->md != NULL) &&
	    (tool->import != NULL || tool->ecdsa != NULL);
	if (!tool->ready)
		tool_done(tool);
	ERR_clear_error();
}

int
softalg_tools_init(struct softalg_tools *t)
{
	t->md_ctx = EVP_MD_CTX_new();
	for (size_t i = 0; i < SOFTALG_ROWS; i++)
		tool_init(&t->tool[i], &algs[i]);
	/* nothing goes without attestation */
	return t->md_ctx != NULL && softalg_has(t, COSE_ES256) ? 0 : -ENOMEM;
}

void
softalg_tools_done(struct softalg_tools *t)
{
	EVP_MD_CTX_free(t->md_ctx);
	t->md_ctx = NULL;
	seal_memory_free(t->stock, sizeof(*t->stock));
	t->stock = NULL;
	for (size_t i = 0; i < SOFTALG_ROWS; i++)
		tool_done(&t->tool[i]);
}

int
softalg_stock(struct softalg_tools *t)
{
	t->stock = seal_memory_new(sizeof(*t->stock));
	if (t->stock == NULL)
		return -ENOMEM;
	if (!seal_wiped_on_fork(t->stock, sizeof(*t->stock))) {
		seal_memory_free(t->stock, sizeof(*t->stock));
		t->stock = NULL;
	}
	return 0;
}

bool
softalg_has(const struct softalg_tools *t, int alg)
{
	const struct softalg *a = softalg_find(alg);

	return a != NULL && t->tool[a - algs].ready;
}
