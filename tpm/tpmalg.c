/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/tpmalg.h"

#include <assert.h>
#include <errno.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <tss2/tss2_mu.h>

#define RSA_BITS	2048
#define RSA_LEN		256

static const struct tpmalg algs[TPMALG_ROWS] = {
	{ COSE_ES256, 1, true, true, TPM2_ALG_ECDSA, TPM2_ALG_SHA256,
	    "SHA256", TPM2_ECC_NIST_P256, COSE_P256, 32 },
	{ COSE_ES384, 2, true, false, TPM2_ALG_ECDSA, TPM2_ALG_SHA384,
	    "SHA384", TPM2_ECC_NIST_P384, COSE_P384, 48 },
	{ COSE_ES512, 3, true, false, TPM2_ALG_ECDSA, TPM2_ALG_SHA512,
	    "SHA512", TPM2_ECC_NIST_P521, COSE_P521, 66 },
	{ COSE_RS256, 4, true, true, TPM2_ALG_RSASSA, TPM2_ALG_SHA256,
	    "SHA256", TPM2_ECC_NONE, 0, RSA_LEN },
	{ COSE_PS256, 5, true, false, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256,
	    "SHA256", TPM2_ECC_NONE, 0, RSA_LEN },
	/* what the TPMs of Windows Hello attest with, and libfido2 knows */
	{ COSE_RS1, 6, false, true, TPM2_ALG_RSASSA, TPM2_ALG_SHA1,
	    "SHA1", TPM2_ECC_NONE, 0, RSA_LEN },
};

/*
 * KEY_WITH_POLICY: SHA-256("sealkey: a policy that nothing satisfies"). A
 * policy digest is the hash of the one before it, or of zeros, and of what a
 * policy command appended; no sequence of commands leads here. The policy is
 * for show: a key with an authorization value, though it is empty, does not
 * need it for anything.
 */
static const uint8_t no_policy[32] = {
	0x84, 0xc1, 0xf5, 0xeb, 0xfc, 0x9f, 0xe5, 0x4f,
	0x8c, 0x89, 0xb5, 0x22, 0x99, 0x6f, 0x7a, 0xbc,
	0x8a, 0x77, 0x92, 0x09, 0x83, 0x95, 0x2e, 0x07,
	0x50, 0xfb, 0xca, 0x7e, 0x27, 0x87, 0xdb, 0x05,
};

const struct tpmalg *
tpmalg_find(int alg)
{
	for (size_t i = 0; i < TPMALG_ROWS; i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

const struct tpmalg *
tpmalg_find_code(uint8_t code)
{
	for (size_t i = 0; i < TPMALG_ROWS; i++)
		if (algs[i].code == code)
			return &algs[i];
	return NULL;
}

const struct tpmalg *
tpmalg_row(size_t i)
{
	assert(i < TPMALG_ROWS);
	return &algs[i];
}

static bool
is_ecc(const struct tpmalg *a)
{
	return a->curve != TPM2_ECC_NONE;
}

size_t
tpmalg_unique_len(const struct tpmalg *a)
{
	return is_ecc(a) ? 2 * a->len : a->len;
}

/* Public areas. */

static TPMT_PUBLIC_PARMS
parms(const struct tpmalg *a, bool with_scheme)
{
	TPM2_ALG_ID scheme = with_scheme ? a->scheme : TPM2_ALG_NULL;
	TPM2_ALG_ID hash = with_scheme ? a->hash : TPM2_ALG_NULL;
	TPMT_PUBLIC_PARMS p = { 0 };

	if (is_ecc(a)) {
		p.type = TPM2_ALG_ECC;
		p.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
		p.parameters.eccDetail.scheme.scheme = scheme;
		p.parameters.eccDetail.scheme.details.anySig.hashAlg = hash;
		p.parameters.eccDetail.curveID = a->curve;
		p.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
		return p;
	}
	p.type = TPM2_ALG_RSA;
	p.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
	p.parameters.rsaDetail.scheme.scheme = scheme;
	p.parameters.rsaDetail.scheme.details.anySig.hashAlg = hash;
	p.parameters.rsaDetail.keyBits = RSA_BITS;
	p.parameters.rsaDetail.exponent = 0;	/* 65537 */
	return p;
}

TPMT_PUBLIC_PARMS
tpmalg_parms(const struct tpmalg *a)
{
	return parms(a, true);
}

void
tpmalg_template(const struct tpmalg *a, unsigned shape, TPMT_PUBLIC *out)
{
	TPMT_PUBLIC_PARMS p = parms(a, (shape & KEY_RESTRICTED) != 0);

	*out = (TPMT_PUBLIC){
		.type = p.type,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM |
		    TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
		    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
		    TPMA_OBJECT_SIGN_ENCRYPT,
		.parameters = p.parameters,
	};
	if (shape & KEY_RESTRICTED)
		out->objectAttributes |= TPMA_OBJECT_RESTRICTED;
	if (shape & KEY_WITH_POLICY) {
		out->authPolicy.size = sizeof(no_policy);
		memcpy(out->authPolicy.buffer, no_policy, sizeof(no_policy));
	}
}

void
tpmalg_set_unique(const struct tpmalg *a, const uint8_t *unique,
    TPMT_PUBLIC *pub)
{
	if (is_ecc(a)) {
		pub->unique.ecc.x.size = (UINT16)a->len;
		pub->unique.ecc.y.size = (UINT16)a->len;
		memcpy(pub->unique.ecc.x.buffer, unique, a->len);
		memcpy(pub->unique.ecc.y.buffer, unique + a->len, a->len);
		return;
	}
	pub->unique.rsa.size = (UINT16)a->len;
	memcpy(pub->unique.rsa.buffer, unique, a->len);
}

int
tpmalg_marshal(const TPMT_PUBLIC *pub, uint8_t out[static KEY_PUB_AREA_MAX],
    size_t *len)
{
	size_t n = 0;

	if (Tss2_MU_TPMT_PUBLIC_Marshal(pub, out, KEY_PUB_AREA_MAX, &n) !=
	    TSS2_RC_SUCCESS)
		return -EIO;
	*len = n;
	return 0;
}

static bool
same(const TPMT_PUBLIC *a, const TPMT_PUBLIC *b)
{
	uint8_t one[KEY_PUB_AREA_MAX], other[KEY_PUB_AREA_MAX];
	size_t one_len, other_len;

	return tpmalg_marshal(a, one, &one_len) == 0 &&
	    tpmalg_marshal(b, other, &other_len) == 0 &&
	    span_eq(span(one, one_len), span(other, other_len));
}

static int
ecc_unique(const struct tpmalg *a, const TPMS_ECC_POINT *p, uint8_t *unique)
{
	if (p->x.size > a->len || p->y.size > a->len)
		return -EIO;
	if (p->x.size < a->len || p->y.size < a->len)
		return -EAGAIN;
	memcpy(unique, p->x.buffer, a->len);
	memcpy(unique + a->len, p->y.buffer, a->len);
	return 0;
}

static int
rsa_unique(const struct tpmalg *a, const TPM2B_PUBLIC_KEY_RSA *n,
    uint8_t *unique)
{
	/* cose_rsa() wants no leading zeros, and 2048 bits have none */
	if (n->size != a->len || (n->buffer[0] & 0x80) == 0)
		return -EIO;
	memcpy(unique, n->buffer, a->len);
	return 0;
}

int
tpmalg_get_unique(const struct tpmalg *a, unsigned shape,
    const TPMT_PUBLIC *pub, uint8_t unique[static TPMALG_UNIQUE_MAX])
{
	TPMT_PUBLIC expected;
	int r;

	tpmalg_template(a, shape, &expected);
	if (pub->type != expected.type)
		return -EIO;
	r = is_ecc(a) ? ecc_unique(a, &pub->unique.ecc, unique) :
	    rsa_unique(a, &pub->unique.rsa, unique);
	if (r != 0)
		return r;
	tpmalg_set_unique(a, unique, &expected);
	return same(pub, &expected) ? 0 : -EIO;
}

size_t
tpmalg_cose(const struct tpmalg *a, const uint8_t *unique,
    uint8_t out[static COSE_KEY_MAX])
{
	if (is_ecc(a))
		return cose_ec2(out, a->alg, a->crv, span(unique, a->len),
		    span(unique + a->len, a->len));
	return cose_rsa(out, a->alg, span(unique, a->len));
}

/* Signatures. */

TPMT_SIG_SCHEME
tpmalg_sig_scheme(const struct tpmalg *a)
{
	return (TPMT_SIG_SCHEME){ .scheme = a->scheme,
		.details.any.hashAlg = a->hash };
}

static int
ecdsa_der(const TPMS_SIGNATURE_ECC *sig, uint8_t *out, size_t *len)
{
	ECDSA_SIG *der = ECDSA_SIG_new();
	BIGNUM *r, *s;
	int n = -1;

	r = BN_bin2bn(sig->signatureR.buffer, sig->signatureR.size, NULL);
	s = BN_bin2bn(sig->signatureS.buffer, sig->signatureS.size, NULL);
	if (der == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(der, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		goto out;
	}
	n = i2d_ECDSA_SIG(der, &out);
	if (n > 0)
		*len = (size_t)n;
out:
	ECDSA_SIG_free(der);
	return n > 0 ? 0 : -ENOMEM;
}

int
tpmalg_signature(const struct tpmalg *a, const TPMT_SIGNATURE *sig,
    uint8_t *out, size_t *len)
{
	if (sig->sigAlg != a->scheme || sig->signature.any.hashAlg != a->hash)
		return -EIO;
	if (is_ecc(a)) {
		if (sig->signature.ecdsa.signatureR.size > a->len ||
		    sig->signature.ecdsa.signatureS.size > a->len)
			return -EIO;
		return ecdsa_der(&sig->signature.ecdsa, out, len);
	}
	/* both kinds of RSA have the same members */
	if (sig->signature.rsassa.sig.size != a->len)
		return -EIO;
	memcpy(out, sig->signature.rsassa.sig.buffer, a->len);
	*len = a->len;
	return 0;
}

int
tpmalg_signature_strict(const TPMT_SIGNATURE *sig, uint8_t *out, size_t *len)
{
	size_t n = 0;

	if (Tss2_MU_TPMT_SIGNATURE_Marshal(sig, out, KEY_SIG_MAX, &n) !=
	    TSS2_RC_SUCCESS)
		return -EIO;
	*len = n;
	return 0;
}
