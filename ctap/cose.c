/* SPDX-License-Identifier: Apache-2.0 */
#include "ctap/cose.h"

#include <assert.h>

#include "ctap/cbor.h"

/* RFC 9053, 7; RFC 8230, 4; RFC 9964, 3. In canonical order: 1, 3, -1, ... */
enum {
	KTY = 1,
	ALG = 3,
	CRV = -1,
	EC2_X = -2,
	EC2_Y = -3,
	OKP_X = -2,
	RSA_N = -1,
	RSA_E = -2,
	AKP_PUB = -1,
};

enum {
	KTY_OKP = 1,
	KTY_EC2 = 2,
	KTY_RSA = 3,
	KTY_AKP = 7,
};

static const uint8_t f4[] = { 0x01, 0x00, 0x01 };	/* 65537 */

static void
begin(struct cbor_out *w, uint8_t *out, size_t members, int kty, int alg)
{
	cbor_out_init(w, out, COSE_KEY_MAX);
	cbor_put_map(w, members);
	cbor_put_int(w, KTY);
	cbor_put_int(w, kty);
	cbor_put_int(w, ALG);
	cbor_put_int(w, alg);
}

static void
put_bytes(struct cbor_out *w, int key, struct span value)
{
	cbor_put_int(w, key);
	cbor_put_bytes(w, value);
}

static size_t
end(const struct cbor_out *w)
{
	/* The widths of all curves, of RSA and of ML-DSA fit. */
	assert(!w->overflow);
	return w->len;
}

size_t
cose_ec2(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    enum cose_curve crv, struct span x, struct span y)
{
	struct cbor_out w;

	assert(x.len == y.len);
	begin(&w, out, 5, KTY_EC2, alg);
	cbor_put_int(&w, CRV);
	cbor_put_int(&w, crv);
	put_bytes(&w, EC2_X, x);
	put_bytes(&w, EC2_Y, y);
	return end(&w);
}

void
cose_p256_point(struct span key, uint8_t out[static COSE_P256_POINT_LEN])
{
	struct cbor_in in;
	struct span point[2] = { { NULL, 0 }, { NULL, 0 } };
	size_t pairs = 0;
	int64_t k;

	cbor_in_init(&in, key);
	cbor_map(&in, &pairs);
	for (; pairs > 0 && cbor_int(&in, &k); pairs--) {
		if (k == EC2_X || k == EC2_Y)
			cbor_bytes_len(&in, &point[EC2_X - k], 32);
		else
			cbor_any(&in, NULL);
	}
	assert(in.err == CTAP2_OK && point[0].p != NULL &&
	    point[1].p != NULL);
	out[0] = 0x04;
	memcpy(out + 1, point[0].p, 32);
	memcpy(out + 33, point[1].p, 32);
}

size_t
cose_okp(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    enum cose_curve crv, struct span x)
{
	struct cbor_out w;

	begin(&w, out, 4, KTY_OKP, alg);
	cbor_put_int(&w, CRV);
	cbor_put_int(&w, crv);
	put_bytes(&w, OKP_X, x);
	return end(&w);
}

size_t
cose_rsa(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg, struct span n)
{
	struct cbor_out w;

	assert(n.len > 0 && n.p[0] != 0);
	begin(&w, out, 4, KTY_RSA, alg);
	put_bytes(&w, RSA_N, n);
	put_bytes(&w, RSA_E, span(f4, sizeof(f4)));
	return end(&w);
}

size_t
cose_akp(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    struct span pub)
{
	struct cbor_out w;

	begin(&w, out, 3, KTY_AKP, alg);
	put_bytes(&w, AKP_PUB, pub);
	return end(&w);
}
