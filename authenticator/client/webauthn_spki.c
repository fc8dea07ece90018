/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_spki.h"

#include "ctap/cbor.h"
#include "ctap/cose.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define PREFIX_MAX	28	/* bytes */
#define RSA_MAX		512	/* bytes of a modulus */

/* RFC 9053; RFC 8230; RFC 9964 */
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3, KTY_AKP = 7 };

/* Members -1 to -3 mean another thing for every key type. */
struct cose_key {
	int64_t		kty, alg, crv;
	struct span	b1, b2, b3;	/* bytes of -1, -2, -3 */
};

/* What comes before the point: everything else is fixed by the curve. */
static const struct curve {
	int64_t	kty, crv;
	size_t	width;		/* bytes of a coordinate */
	size_t	prefix_len;
	uint8_t	prefix[PREFIX_MAX];
} curves[] = {
	{ KTY_EC2, COSE_P256, 32, 27, { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07,
	    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
	    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 } },
	{ KTY_EC2, COSE_P384, 48, 24, { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07,
	    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
	    0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04 } },
	{ KTY_EC2, COSE_P521, 66, 26, { 0x30, 0x81, 0x9b, 0x30, 0x10, 0x06,
	    0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
	    0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00, 0x04 } },
	{ KTY_EC2, COSE_SECP256K1, 32, 24, { 0x30, 0x56, 0x30, 0x10, 0x06,
	    0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
	    0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04 } },
	{ KTY_OKP, COSE_ED25519, 32, 12, { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
	    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 } },
	{ KTY_OKP, COSE_CRV_ED448, 57, 12, { 0x30, 0x43, 0x30, 0x05, 0x06,
	    0x03, 0x2b, 0x65, 0x71, 0x03, 0x3a, 0x00 } },
};

/* RFC 9881, 2: the last byte of the object identifier tells them apart. */
static const struct lattice {
	int64_t	alg;
	size_t	len;		/* bytes */
	uint8_t	oid_end;
} lattices[] = {
	{ COSE_ML_DSA_44, 1312, 0x11 },
	{ COSE_ML_DSA_65, 1952, 0x12 },
	{ COSE_ML_DSA_87, 2592, 0x13 },
};

static bool
take_kty(struct cbor_in *in, void *arg)
{
	return cbor_int(in, &((struct cose_key *)arg)->kty);
}

static bool
take_alg(struct cbor_in *in, void *arg)
{
	return cbor_int(in, &((struct cose_key *)arg)->alg);
}

static bool
take_1(struct cbor_in *in, void *arg)
{
	struct cose_key *key = arg;

	if (cbor_peek(in) == CBOR_BYTES)
		return cbor_bytes(in, &key->b1);
	return cbor_int(in, &key->crv);
}

static bool
take_2(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct cose_key *)arg)->b2);
}

/* A compressed point has a boolean here, and has no place in WebAuthn. */
static bool
take_3(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct cose_key *)arg)->b3);
}

static size_t
curve_spki(const struct cose_key *key, uint8_t *out)
{
	bool ec2 = key->kty == KTY_EC2;
	const struct curve *c = NULL;
	size_t len;

	for (size_t i = 0; i < COUNT(curves) && c == NULL; i++)
		if (curves[i].kty == key->kty && curves[i].crv == key->crv)
			c = &curves[i];
	if (c == NULL || key->b2.len != c->width ||
	    (ec2 && key->b3.len != c->width))
		return 0;
	memcpy(out, c->prefix, c->prefix_len);
	len = c->prefix_len;
	memcpy(out + len, key->b2.p, c->width);
	len += c->width;
	if (!ec2)
		return len;
	memcpy(out + len, key->b3.p, c->width);
	return len + c->width;
}

/* Tag and length of a DER value of len bytes, at most 65535. */
static size_t
der_head(uint8_t *out, uint8_t tag, size_t len)
{
	size_t n = 0;

	out[n++] = tag;
	if (len >= 256) {
		out[n++] = 0x82;
		out[n++] = (uint8_t)(len >> 8);
	} else if (len >= 128) {
		out[n++] = 0x81;
	}
	out[n++] = (uint8_t)len;
	return n;
}

/* A non-negative INTEGER, big-endian, not empty. */
static size_t
der_integer(uint8_t *out, struct span v)
{
	bool pad;
	size_t n;

	while (v.len > 1 && v.p[0] == 0)
		v = span(v.p + 1, v.len - 1);
	pad = (v.p[0] & 0x80) != 0;
	n = der_head(out, 0x02, v.len + pad);
	if (pad)
		out[n++] = 0;
	memcpy(out + n, v.p, v.len);
	return n + v.len;
}

static size_t
rsa_spki(const struct cose_key *key, uint8_t *out)
{
	static const uint8_t algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a,
	    0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	uint8_t numbers[RSA_MAX + 32], seq[4], bits[5];
	size_t n, seq_len, bits_len, len;

	if (key->b1.len == 0 || key->b1.len > RSA_MAX || key->b2.len == 0 ||
	    key->b2.len > 8)
		return 0;
	n = der_integer(numbers, key->b1);
	n += der_integer(numbers + n, key->b2);
	seq_len = der_head(seq, 0x30, n);
	bits_len = der_head(bits, 0x03, 1 + seq_len + n);
	bits[bits_len++] = 0;	/* no unused bits */
	len = der_head(out, 0x30,
	    sizeof(algorithm) + bits_len + seq_len + n);
	memcpy(out + len, algorithm, sizeof(algorithm));
	len += sizeof(algorithm);
	memcpy(out + len, bits, bits_len);
	len += bits_len;
	memcpy(out + len, seq, seq_len);
	len += seq_len;
	memcpy(out + len, numbers, n);
	return len + n;
}

/* The type has no curve; the algorithm says how long a key is. */
static size_t
lattice_spki(const struct cose_key *key, uint8_t *out)
{
	static const uint8_t algorithm[] = { 0x30, 0x0b, 0x06, 0x09, 0x60,
	    0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03 };
	const struct lattice *l = NULL;
	uint8_t bits[4];
	size_t len, bits_len;

	for (size_t i = 0; i < COUNT(lattices) && l == NULL; i++)
		if (lattices[i].alg == key->alg)
			l = &lattices[i];
	if (l == NULL || key->b1.len != l->len)
		return 0;
	bits_len = der_head(bits, 0x03, 1 + l->len);
	len = der_head(out, 0x30, sizeof(algorithm) + 1 + bits_len + 1 +
	    l->len);
	memcpy(out + len, algorithm, sizeof(algorithm));
	len += sizeof(algorithm);
	out[len++] = l->oid_end;
	memcpy(out + len, bits, bits_len);
	len += bits_len;
	out[len++] = 0;		/* no unused bits */
	memcpy(out + len, key->b1.p, l->len);
	return len + l->len;
}

size_t
spki_from_cose(struct span cose, uint8_t out[static SPKI_MAX], int *alg)
{
	static const struct cbor_member table[] = {
		{ 1, NULL, true, take_kty },
		{ 3, NULL, true, take_alg },
		{ -1, NULL, true, take_1 },
		{ -2, NULL, false, take_2 },	/* AKP has none */
		{ -3, NULL, false, take_3 },
	};
	struct cose_key key = { 0 };
	struct cbor_in in;
	bool whole;

	cbor_in_init(&in, cose);
	whole = cbor_members(&in, table, COUNT(table), &key);
	*alg = key.alg >= INT32_MIN && key.alg <= INT32_MAX ?
	    (int)key.alg : 0;
	if (!whole)
		return 0;
	switch (key.kty) {
	case KTY_RSA:
		return rsa_spki(&key, out);
	case KTY_AKP:
		return lattice_spki(&key, out);
	default:
		return curve_spki(&key, out);
	}
}
