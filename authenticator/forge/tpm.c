/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/tpm.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "authenticator/be.h"
#include "ctap/cbor.h"

#define TPM_ALG_RSA	0x0001
#define TPM_ALG_ECC	0x0023
#define TPM_MAGIC	0xff544347
#define TPM_CERTIFY	0x8017
/* fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign */
#define ATTRIBUTES	0x00040472
#define CLOCK_MS	UINT64_C(86400000)	/* for a day */
#define NAME_LEN	34

/* The members of a COSE_Key that matter, EC2 and RSA. */
struct key_parts {
	int64_t		kty, crv;
	struct span	x, y, n;
};

static void
take_member(struct cbor_in *in, int64_t key, struct key_parts *out)
{
	bool rsa = out->kty == 3;

	if (key == 1)
		(void)cbor_int(in, &out->kty);
	else if (key == -1 && rsa)
		(void)cbor_bytes(in, &out->n);
	else if (key == -1)
		(void)cbor_int(in, &out->crv);
	else if (key == -2 && !rsa)
		(void)cbor_bytes(in, &out->x);
	else if (key == -3 && !rsa)
		(void)cbor_bytes(in, &out->y);
	else
		(void)cbor_any(in, NULL);
}

static bool
take_key(struct span cose, struct key_parts *out)
{
	struct cbor_in in;
	int64_t key;
	size_t pairs;

	memset(out, 0, sizeof(*out));
	cbor_in_init(&in, cose);
	if (!cbor_map(&in, &pairs))
		return false;
	for (size_t i = 0; i < pairs && cbor_int(&in, &key); i++)
		take_member(&in, key, out);
	return in.err == CTAP2_OK;
}

bool
tpm_honest(struct forge_memory *m, struct span cose, struct forge_tpm *out)
{
	static const uint16_t curves[] = { 0, 0x0003, 0x0004, 0x0005 };
	struct key_parts key;
	struct forge_tpm t = {
		.ver = "2.0", .name_alg = TPM_SHA256,
		.attributes = ATTRIBUTES, .policy = span("", 0),
		.symmetric = TPM_NULL, .scheme = TPM_NULL, .kdf = TPM_NULL,
		.magic = TPM_MAGIC, .attest_type = TPM_CERTIFY,
		.clock = CLOCK_MS, .reset_count = 1, .safe = 1,
		.firmware = UINT64_C(1) << 48, .attested_alg = TPM_SHA256,
		.restricted = true,
	};

	if (!take_key(cose, &key))
		return false;
	if (key.kty == 3) {
		t.type = TPM_ALG_RSA;
		t.n = key.n;
		t.bits = (uint16_t)(8 * key.n.len);
	} else if (key.kty == 2 && key.crv >= 1 && key.crv <= 3) {
		t.type = TPM_ALG_ECC;
		t.curve = curves[key.crv];
		t.x = key.x;
		t.y = key.y;
	} else {
		return false;
	}
	t.qualified_signer = forge_random(m, NAME_LEN);
	t.qualified_name = forge_random(m, NAME_LEN);
	if (m->full)
		return false;
	be_put(m->bytes + (t.qualified_signer.p - m->bytes), TPM_SHA256, 2);
	be_put(m->bytes + (t.qualified_name.p - m->bytes), TPM_SHA256, 2);
	*out = t;
	return true;
}

static uint8_t *
put_sized(uint8_t *at, struct span s)
{
	at = be_put(at, s.len, 2);
	if (s.len > 0)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

static uint8_t *
put_bytes(uint8_t *at, struct span s)
{
	if (s.len > 0)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

/* A scheme that is not NULL has a hash. */
static uint8_t *
put_scheme(uint8_t *at, const struct forge_tpm *t)
{
	at = be_put(at, t->scheme, 2);
	return t->scheme == TPM_NULL ? at : be_put(at, t->scheme_hash, 2);
}

struct span
tpm_pub_area(struct forge_memory *m, const struct forge_tpm *t)
{
	size_t cap = 64 + t->policy.len + t->x.len + t->y.len + t->n.len +
	    t->pub_area_trailing.len;
	uint8_t *begin, *at;

	if (t->pub_area.p != NULL)
		return t->pub_area;
	begin = at = forge_room(m, cap);
	if (at == NULL)
		return span(NULL, 0);
	at = be_put(at, t->type, 2);
	at = be_put(at, t->name_alg, 2);
	at = be_put(at, t->attributes, 4);
	at = put_sized(at, t->policy);
	at = be_put(at, t->symmetric, 2);
	at = put_scheme(at, t);
	if (t->type == TPM_ALG_RSA) {
		at = be_put(at, t->bits, 2);
		at = be_put(at, t->exponent, 4);
		at = put_sized(at, t->n);
	} else {
		at = be_put(at, t->curve, 2);
		at = be_put(at, t->kdf, 2);
		at = put_sized(at, t->x);
		at = put_sized(at, t->y);
	}
	at = put_bytes(at, t->pub_area_trailing);
	return span(begin, (size_t)(at - begin));
}

/* The algorithm and, by it or else by SHA-256, the hash of pubArea. */
static struct span
name_of(struct forge_memory *m, const struct forge_tpm *t,
    struct span pub_area)
{
	uint8_t name[2 + EVP_MAX_MD_SIZE];
	unsigned len = 0;
	const EVP_MD *md = EVP_sha256();

	if (t->name.p != NULL)
		return t->name;
	if (t->attested_alg == TPM_SHA1)
		md = EVP_sha1();
	else if (t->attested_alg == TPM_SHA384)
		md = EVP_sha384();
	be_put(name, t->attested_alg, 2);
	if (EVP_Digest(pub_area.p, pub_area.len, name + 2, &len, md, NULL)
	    != 1)
		m->full = true;
	return forge_copy(m, span(name, 2 + len));
}

struct span
tpm_cert_info(struct forge_memory *m, const struct forge_tpm *t,
    struct span extra_data, struct span pub_area)
{
	struct span extra = t->extra_data.p != NULL ? t->extra_data :
	    extra_data;
	struct span name;
	uint8_t *begin, *at;

	if (t->cert_info.p != NULL)
		return t->cert_info;
	name = name_of(m, t, pub_area);
	begin = at = forge_room(m, 64 + t->qualified_signer.len + extra.len +
	    name.len + t->qualified_name.len + t->cert_info_trailing.len);
	if (at == NULL)
		return span(NULL, 0);
	at = be_put(at, t->magic, 4);
	at = be_put(at, t->attest_type, 2);
	at = put_sized(at, t->qualified_signer);
	at = put_sized(at, extra);
	at = be_put(at, t->clock, 8);
	at = be_put(at, t->reset_count, 4);
	at = be_put(at, t->restart_count, 4);
	*at++ = t->safe;
	at = be_put(at, t->firmware, 8);
	at = put_sized(at, name);
	at = put_sized(at, t->qualified_name);
	at = put_bytes(at, t->cert_info_trailing);
	return span(begin, (size_t)(at - begin));
}

/* r and s, of the P-256 key that signs. */
static struct span
ecdsa_parts(struct forge_memory *m, struct span der)
{
	const uint8_t *p = der.p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
	uint8_t *at = forge_room(m, 2 * (2 + 32));
	bool ok = sig != NULL && at != NULL;

	if (ok) {
		be_put(at, 32, 2);
		be_put(at + 34, 32, 2);
		ok = BN_bn2binpad(ECDSA_SIG_get0_r(sig), at + 2, 32) == 32 &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), at + 36, 32) == 32;
	}
	ECDSA_SIG_free(sig);
	if (!ok)
		m->full = true;
	return span(at, ok ? 68 : 0);
}

struct span
tpm_signature(struct forge_memory *m, struct span bare, bool rsa,
    uint16_t hash)
{
	uint8_t head[6];

	be_put(head, rsa ? TPM_RSASSA : TPM_ECDSA, 2);
	be_put(head + 2, hash, 2);
	be_put(head + 4, bare.len, 2);
	return rsa ? forge_join(m, span(head, 6), bare) :
	    forge_join(m, span(head, 4), ecdsa_parts(m, bare));
}
