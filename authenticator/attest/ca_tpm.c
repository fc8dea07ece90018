/* SPDX-License-Identifier: Apache-2.0 */
/* Public areas and credentials: see ca_tpm.h. */
#include "authenticator/attest/ca_tpm.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <tss2/tss2_mu.h>

#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	4096
#define FIELD_MAX	48	/* bytes; P-384 */
#define HASH_MAX	48	/* bytes; SHA-384 */
#define DEFAULT_EXPONENT 65537

/* What an AK and an EK have in common: made in the TPM, for good. */
#define BOUND_TO_TPM	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | \
			 TPMA_OBJECT_SENSITIVEDATAORIGIN | \
			 TPMA_OBJECT_RESTRICTED)

static const struct curve {
	TPM2_ECC_CURVE	 id;
	const char	*name;
	size_t		 len;	/* bytes of a coordinate */
} curves[] = {
	{ TPM2_ECC_NIST_P256, "P-256", 32 },
	{ TPM2_ECC_NIST_P384, "P-384", 48 },
};

static const struct curve *
curve_of(const TPMT_PUBLIC *area)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (area->parameters.eccDetail.curveID == curves[i].id)
			return &curves[i];
	return NULL;
}

static const EVP_MD *
hash_of(const TPMT_PUBLIC *area)
{
	switch (area->nameAlg) {
	case TPM2_ALG_SHA256:
		return EVP_sha256();
	case TPM2_ALG_SHA384:
		return EVP_sha384();
	default:
		return NULL;
	}
}

static EVP_PKEY *
import(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || ctx == NULL ||
	    EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key,
	    EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
rsa_key(const TPMT_PUBLIC *area)
{
	const TPM2B_PUBLIC_KEY_RSA *n = &area->unique.rsa;
	uint32_t e = area->parameters.rsaDetail.exponent;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_bin2bn(n->buffer, n->size, NULL);
	EVP_PKEY *key = NULL;

	if (bld != NULL && modulus != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_uint32(bld, OSSL_PKEY_PARAM_RSA_E, e == 0 ?
	    DEFAULT_EXPONENT : e) == 1)
		key = import("RSA", bld);
	BN_free(modulus);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

/* To the right of len bytes, with zeros before it. */
static bool
pad(const TPM2B_ECC_PARAMETER *v, uint8_t *out, size_t len)
{
	if (v->size > len)
		return false;
	memset(out, 0, len - v->size);
	memcpy(out + len - v->size, v->buffer, v->size);
	return true;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *
ec_key(const TPMT_PUBLIC *area, const struct curve *c)
{
	uint8_t point[1 + 2 * FIELD_MAX] = { 0x04 };
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (bld != NULL && pad(&area->unique.ecc.x, point + 1, c->len) &&
	    pad(&area->unique.ecc.y, point + 1 + c->len, c->len) &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
	    c->name, 0) == 1 && OSSL_PARAM_BLD_push_octet_string(bld,
	    OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * c->len) == 1)
		key = import("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

static const char *
parse_key(struct ca_public *pub)
{
	const TPMT_PUBLIC *area = &pub->area;

	if (area->type == TPM2_ALG_RSA &&
	    area->unique.rsa.size * 8 == area->parameters.rsaDetail.keyBits &&
	    area->parameters.rsaDetail.keyBits >= RSA_BITS_MIN &&
	    area->parameters.rsaDetail.keyBits <= RSA_BITS_MAX)
		pub->key = rsa_key(area);
	else if (area->type == TPM2_ALG_ECC && curve_of(area) != NULL)
		pub->key = ec_key(area, curve_of(area));
	else
		return "is neither RSA of 2048 to 4096 bits nor on P-256 or "
		    "P-384";
	ERR_clear_error();
	return pub->key != NULL ? NULL : "is no public key";
}

const char *
ca_public_parse(struct span bytes, struct ca_public *out)
{
	const EVP_MD *md;
	unsigned int len;
	size_t at = 0;

	*out = (struct ca_public){ .key = NULL };
	if (bytes.len == 0 || Tss2_MU_TPMT_PUBLIC_Unmarshal(bytes.p,
	    bytes.len, &at, &out->area) != TSS2_RC_SUCCESS || at != bytes.len)
		return "is not a TPMT_PUBLIC";
	md = hash_of(&out->area);
	if (md == NULL)
		return "is not named with SHA-256 or SHA-384";
	out->name[0] = (uint8_t)(out->area.nameAlg >> 8);
	out->name[1] = (uint8_t)out->area.nameAlg;
	if (EVP_Digest(bytes.p, bytes.len, out->name + 2, &len, md, NULL) !=
	    1)
		return "cannot be hashed";
	out->name_len = 2 + len;
	return parse_key(out);
}

void
ca_public_done(struct ca_public *pub)
{
	EVP_PKEY_free(pub->key);
	pub->key = NULL;
}

static const char *
judge_bound(TPMA_OBJECT has)
{
	if ((has & TPMA_OBJECT_RESTRICTED) == 0)
		return "is not restricted: it would sign anything";
	if ((has & BOUND_TO_TPM) != BOUND_TO_TPM)
		return "may leave its TPM, or was not made there";
	return NULL;
}

static bool
is_es256(const TPMT_PUBLIC *area)
{
	const TPMT_ECC_SCHEME *s = &area->parameters.eccDetail.scheme;

	return area->type == TPM2_ALG_ECC &&
	    area->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256 &&
	    s->scheme == TPM2_ALG_ECDSA &&
	    s->details.ecdsa.hashAlg == TPM2_ALG_SHA256;
}

static bool
is_rs256(const TPMT_PUBLIC *area)
{
	const TPMT_RSA_SCHEME *s = &area->parameters.rsaDetail.scheme;

	return area->type == TPM2_ALG_RSA && s->scheme == TPM2_ALG_RSASSA &&
	    s->details.rsassa.hashAlg == TPM2_ALG_SHA256;
}

const char *
ca_judge_ak(const struct ca_public *ak)
{
	TPMA_OBJECT has = ak->area.objectAttributes;
	const char *why = judge_bound(has);

	if (why != NULL)
		return why;
	if ((has & TPMA_OBJECT_SIGN_ENCRYPT) == 0 ||
	    (has & TPMA_OBJECT_DECRYPT) != 0)
		return "is not for signing alone";
	if (ak->area.nameAlg != TPM2_ALG_SHA256)
		return "is not named with SHA-256";
	if (!is_es256(&ak->area) && !is_rs256(&ak->area))
		return "is neither ES256 nor RS256";
	return NULL;
}

const char *
ca_judge_ek(const struct ca_public *ek)
{
	const TPMT_SYM_DEF_OBJECT *sym =
	    &ek->area.parameters.asymDetail.symmetric;
	TPMA_OBJECT has = ek->area.objectAttributes;
	const char *why = judge_bound(has);

	if (why != NULL)
		return why;
	if ((has & TPMA_OBJECT_DECRYPT) == 0 ||
	    (has & TPMA_OBJECT_SIGN_ENCRYPT) != 0)
		return "is not for decrypting alone";
	if (sym->algorithm != TPM2_ALG_AES || sym->mode.aes != TPM2_ALG_CFB ||
	    (sym->keyBits.aes != 128 && sym->keyBits.aes != 256))
		return "does not protect with AES-128 or AES-256 in CFB mode";
	return NULL;
}

/* Credentials. */

static void
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/*
 * Part 1, 11.4.10.2: KDFa, as far as one block of the hash goes, which is all
 * that is ever wanted here.
 */
static bool
kdf_a(const EVP_MD *md, struct span key, const char *label,
    struct span context, uint16_t bits, uint8_t out[static HASH_MAX])
{
	uint8_t data[4 + 16 + CA_NAME_MAX + 4] = { 0, 0, 0, 1 };
	size_t n = strlen(label) + 1, at = 4;

	memcpy(data + at, label, n);
	at += n;
	if (context.len > 0)
		memcpy(data + at, context.p, context.len);
	at += context.len;
	put16(data + at, 0);
	put16(data + at + 2, bits);
	return HMAC(md, key.p, (int)key.len, data, at + 4, out, NULL) != NULL;
}

/* Part 1, 11.4.10.3: KDFe, one block as well. */
static bool
kdf_e(const EVP_MD *md, const uint8_t *z, const uint8_t *ours,
    const uint8_t *theirs, size_t len, uint8_t out[static HASH_MAX])
{
	static const uint8_t counter[4] = { 0, 0, 0, 1 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, counter, sizeof(counter)) == 1 &&
	    EVP_DigestUpdate(ctx, z, len) == 1 &&
	    EVP_DigestUpdate(ctx, "IDENTITY", sizeof("IDENTITY")) == 1 &&
	    EVP_DigestUpdate(ctx, ours, len) == 1 &&
	    EVP_DigestUpdate(ctx, theirs, len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* Part 1, B.10.3: OAEP with the EK's hash; the label ends with its NUL. */
static bool
seal_seed_rsa(const struct ca_public *ek, const EVP_MD *md,
    uint8_t seed[static HASH_MAX], struct ca_credential *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ek->key, NULL);
	char *label = OPENSSL_strdup("IDENTITY");
	size_t len = (size_t)EVP_MD_get_size(md);
	bool ok;

	out->seed_len = sizeof(out->seed);
	ok = ctx != NULL && label != NULL && RAND_bytes(seed, (int)len) == 1 &&
	    EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
	if (ok && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label,
	    sizeof("IDENTITY")) == 1)
		label = NULL;	/* ctx has it now */
	else
		ok = false;
	ok = ok && EVP_PKEY_encrypt(ctx, out->seed, &out->seed_len, seed,
	    len) == 1;
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
agree(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t *z, size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	size_t n = len;
	bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
	    EVP_PKEY_derive(ctx, z, &n) == 1 && n == len;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* 04, x, y */
static bool
point_of(const EVP_PKEY *key, uint8_t out[static 1 + 2 * FIELD_MAX],
    size_t field)
{
	size_t len;

	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
	    out, 1 + 2 * FIELD_MAX, &len) == 1 && len == 1 + 2 * field &&
	    out[0] == 0x04;
}

/* Part 1, C.6.4: with a key that is used this once; the seed is its point. */
static bool
seal_seed_ec(const struct ca_public *ek, const EVP_MD *md,
    uint8_t seed[static HASH_MAX], struct ca_credential *out)
{
	const struct curve *c = curve_of(&ek->area);
	uint8_t ours[1 + 2 * FIELD_MAX], theirs[1 + 2 * FIELD_MAX];
	uint8_t z[FIELD_MAX], *p = out->seed;
	EVP_PKEY *once = EVP_EC_gen(c->name);
	bool ok = once != NULL && agree(once, ek->key, z, c->len) &&
	    point_of(once, ours, c->len) &&
	    point_of(ek->key, theirs, c->len) &&
	    kdf_e(md, z, ours + 1, theirs + 1, c->len, seed);

	for (size_t i = 0; ok && i < 2; i++, p += 2 + c->len) {
		put16(p, c->len);
		memcpy(p + 2, ours + 1 + i * c->len, c->len);
	}
	out->seed_len = (size_t)(p - out->seed);
	explicit_bzero(z, sizeof(z));
	EVP_PKEY_free(once);
	return ok;
}

/* AES in CFB mode, from an initialization vector of zeros. */
static bool
encrypt(unsigned bits, const uint8_t *key, const uint8_t *in, size_t len,
    uint8_t *out)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok = ctx != NULL && EVP_EncryptInit_ex2(ctx, bits == 128 ?
	    EVP_aes_128_cfb128() : EVP_aes_256_cfb128(), key, iv, NULL) == 1 &&
	    EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1 &&
	    n == (int)len;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* Part 1, 24.4 and 24.5: TPM2B_DIGEST of the HMAC, then what is encrypted. */
static bool
seal_secret(const struct ca_public *ek, const EVP_MD *md, struct span seed,
    struct span name, const uint8_t *secret, struct ca_credential *out)
{
	uint16_t bits = ek->area.parameters.asymDetail.symmetric.keyBits.aes;
	uint8_t plain[2 + CA_SECRET_LEN], key[HASH_MAX];
	uint8_t data[sizeof(plain) + CA_NAME_MAX];
	size_t hash = (size_t)EVP_MD_get_size(md);
	bool ok;

	put16(plain, CA_SECRET_LEN);
	memcpy(plain + 2, secret, CA_SECRET_LEN);
	ok = kdf_a(md, seed, "STORAGE", name, bits, key) &&
	    encrypt(bits, key, plain, sizeof(plain), data);
	memcpy(data + sizeof(plain), name.p, name.len);
	put16(out->blob, hash);
	ok = ok && kdf_a(md, seed, "INTEGRITY", span(NULL, 0),
	    (uint16_t)(hash * 8), key) &&
	    HMAC(md, key, (int)hash, data, sizeof(plain) + name.len,
	    out->blob + 2, NULL) != NULL;
	memcpy(out->blob + 2 + hash, data, sizeof(plain));
	out->blob_len = 2 + hash + sizeof(plain);
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(key, sizeof(key));
	return ok;
}

int
ca_make_credential(const struct ca_public *ek, struct span name,
    const uint8_t secret[static CA_SECRET_LEN], struct ca_credential *out)
{
	const EVP_MD *md = hash_of(&ek->area);
	uint8_t seed[HASH_MAX];
	bool ok = md != NULL && name.len <= CA_NAME_MAX &&
	    (ek->area.type == TPM2_ALG_RSA ? seal_seed_rsa : seal_seed_ec)(ek,
	    md, seed, out) && seal_secret(ek, md, span(seed,
	    (size_t)EVP_MD_get_size(md)), name, secret, out);

	explicit_bzero(seed, sizeof(seed));
	ERR_clear_error();
	return ok ? 0 : -EIO;
}
