/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of the public key in a registration: what it is, and how its
 * COSE_Key is written.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "authenticator/fault/fault_rows.h"
#include "authenticator/fault/request.h"
#include "authenticator/forge/plan.h"
#include "ctap/cbor.h"
#include "ctap/cose.h"

#define MEMBERS_MAX	8
#define MODULUS_LEN	256	/* bytes */
#define WEAK_RSA_BITS	512

/* Labels of COSE_Key, RFC 9053 */
enum {
	KTY = 1,
	KID = 2,
	ALG = 3,
	CRV = -1,
	X = -2,
	Y = -3,
	D = -4,
	RSA_E = -2,
};

enum {
	KTY_EC2 = 2,
	KTY_NOBODYS = 99,
	ALG_NOBODYS = -70001,	/* for private use */
};

/* A COSE_Key taken apart, its members as they are encoded. */
struct key {
	struct forge_memory *memory;
	size_t		 count;
	struct {
		struct span label, value;
	} member[MEMBERS_MAX];
};

static bool
read_key(struct forge_mc *mc, struct key *out)
{
	struct cbor_in in;
	size_t pairs;

	cbor_in_init(&in, mc->auth_data.public_key);
	if (!cbor_map(&in, &pairs) || pairs > MEMBERS_MAX - 1)
		return false;
	out->memory = mc->memory;
	out->count = pairs;
	for (size_t i = 0; i < pairs; i++) {
		if (!cbor_any(&in, &out->member[i].label) ||
		    !cbor_any(&in, &out->member[i].value))
			return false;
	}
	return true;
}

/* Where the member with that label is, or count. */
static size_t
place_of(const struct key *key, int64_t label)
{
	struct cbor_in in;
	int64_t l;
	size_t i;

	for (i = 0; i < key->count; i++) {
		cbor_in_init(&in, key->member[i].label);
		if (cbor_int(&in, &l) && l == label)
			break;
	}
	return i;
}

static bool
int_at(const struct key *key, int64_t label, int64_t *out)
{
	size_t i = place_of(key, label);
	struct cbor_in in;

	if (i == key->count)
		return false;
	cbor_in_init(&in, key->member[i].value);
	return cbor_int(&in, out);
}

/* Its bytes: a copy, to be changed. */
static uint8_t *
bytes_at(const struct key *key, int64_t label, size_t *len)
{
	size_t i = place_of(key, label);
	struct cbor_in in;
	struct span bytes;
	uint8_t *copy;

	if (i == key->count)
		return NULL;
	cbor_in_init(&in, key->member[i].value);
	if (!cbor_bytes(&in, &bytes) || bytes.len == 0)
		return NULL;
	copy = forge_room(key->memory, bytes.len);
	if (copy != NULL)
		memcpy(copy, bytes.p, bytes.len);
	*len = bytes.len;
	return copy;
}

static bool
set_raw(struct key *key, int64_t label, struct span value)
{
	size_t i = place_of(key, label);

	if (i == key->count || value.p == NULL)
		return false;
	key->member[i].value = value;
	return true;
}

static struct span
encoded_int(struct key *key, int64_t v)
{
	uint8_t *room = forge_room(key->memory, 9);
	struct cbor_out out;

	if (room == NULL)
		return (struct span){ NULL, 0 };
	cbor_out_init(&out, room, 9);
	cbor_put_int(&out, v);
	return cbor_out_span(&out);
}

static struct span
encoded_bytes(struct key *key, struct span bytes)
{
	uint8_t *room = forge_room(key->memory, bytes.len + 9);
	struct cbor_out out;

	if (room == NULL || bytes.p == NULL)
		return (struct span){ NULL, 0 };
	cbor_out_init(&out, room, bytes.len + 9);
	cbor_put_bytes(&out, bytes);
	return cbor_out_span(&out);
}

static bool
set_int(struct key *key, int64_t label, int64_t v)
{
	return set_raw(key, label, encoded_int(key, v));
}

static bool
set_bytes(struct key *key, int64_t label, struct span bytes)
{
	return set_raw(key, label, encoded_bytes(key, bytes));
}

static bool
take_out(struct key *key, int64_t label)
{
	size_t i = place_of(key, label);

	if (i == key->count)
		return false;
	key->count--;
	memmove(&key->member[i], &key->member[i + 1],
	    (key->count - i) * sizeof(key->member[0]));
	return true;
}

/* In front of member number at. */
static bool
put_in(struct key *key, size_t at, int64_t label, struct span value)
{
	struct span name = encoded_int(key, label);

	if (key->count == MEMBERS_MAX || name.p == NULL || value.p == NULL)
		return false;
	memmove(&key->member[at + 1], &key->member[at],
	    (key->count - at) * sizeof(key->member[0]));
	key->member[at].label = name;
	key->member[at].value = value;
	key->count++;
	return true;
}

static bool
write_between(struct forge_mc *mc, const struct key *key, struct span head,
    struct span tail)
{
	struct span s = forge_copy(mc->memory, head);

	for (size_t i = 0; i < key->count; i++) {
		s = forge_join(mc->memory, s, key->member[i].label);
		s = forge_join(mc->memory, s, key->member[i].value);
	}
	s = forge_join(mc->memory, s, tail);
	if (s.p == NULL)
		return false;
	mc->auth_data.public_key = s;
	return true;
}

static bool
write_key(struct forge_mc *mc, const struct key *key)
{
	uint8_t head = (uint8_t)(0xa0 + key->count);

	return write_between(mc, key, span(&head, 1), span("", 0));
}

static bool
read_kind(struct forge_mc *mc, int64_t kty, struct key *out)
{
	int64_t is;

	return read_key(mc, out) && int_at(out, KTY, &is) && is == kty;
}

static bool
read_ec2(struct forge_mc *mc, struct key *out)
{
	return read_kind(mc, KTY_EC2, out);
}

/* The same, and its coordinate of that label, to be changed; or NULL. */
static uint8_t *
coordinate(struct forge_mc *mc, struct key *key, int64_t label, size_t *len)
{
	*len = 0;
	return read_ec2(mc, key) ? bytes_at(key, label, len) : NULL;
}

/*
 * The algorithm
 */

static bool
names_alg(const struct ctap_list *params, int alg)
{
	struct cbor_in at = ctap_list_begin(params);
	struct span type;
	int64_t named;

	while (ctap_next_param(&at, &type, &named)) {
		if (named == alg)
			return true;
	}
	return false;
}

static bool
alg_not_offered(struct fault_request *rq)
{
	static const char type[] = "type", public_key[] = "public-key";
	uint8_t params[64];
	struct cbor_out out;
	size_t i = 0;

	while (i < rq->alg_count && names_alg(&rq->mc.params, rq->algs[i]))
		i++;
	if (i == rq->alg_count)
		return false;
	cbor_out_init(&out, params, sizeof(params));
	cbor_put_array(&out, 1);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "alg");
	cbor_put_int(&out, rq->algs[i]);
	cbor_put_str(&out, type);
	cbor_put_str(&out, public_key);
	return fault_request_with(rq, CTAP_MC_PARAMS, cbor_out_span(&out));
}

/* Statements of that kind name the algorithm that the key has now: that they
 * disagree with it would be another fault. */
static void
name_alg(struct forge_mc *mc, enum attestation_kind kind, int64_t alg)
{
	for (size_t i = 0; i < mc->statements; i++) {
		if (mc->statement[i].kind == kind)
			mc->statement[i].alg = alg;
	}
}

static bool
set_alg(struct forge_mc *mc, int64_t alg)
{
	struct key key;
	int64_t is;

	if (!read_key(mc, &key) || !int_at(&key, ALG, &is) || is == alg ||
	    !set_int(&key, ALG, alg) || !write_key(mc, &key))
		return false;
	name_alg(mc, ATTESTATION_SELF, alg);
	return true;
}

static bool
set_ec2_alg(struct forge_mc *mc, int64_t alg)
{
	struct key key;

	return read_ec2(mc, &key) && set_alg(mc, alg);
}

static bool
alg_kty_confusion(struct forge_mc *mc)
{
	return set_ec2_alg(mc, COSE_RS256);
}

static bool
alg_eddsa(struct forge_mc *mc)
{
	return set_ec2_alg(mc, COSE_EDDSA);
}

static bool
alg_curve(struct forge_mc *mc)
{
	struct key key;
	int64_t crv;

	return read_ec2(mc, &key) && int_at(&key, CRV, &crv) &&
	    set_alg(mc, crv == COSE_P256 ? COSE_ES384 : COSE_ES256);
}

static bool
alg_nobodys(struct forge_mc *mc)
{
	return set_alg(mc, ALG_NOBODYS);
}

static bool
alg_text(struct forge_mc *mc)
{
	struct key key;

	return read_key(mc, &key) &&
	    set_raw(&key, ALG, span("\x65" "ES256", 6)) && write_key(mc, &key);
}

static bool
without(struct forge_mc *mc, int64_t label)
{
	struct key key;

	return read_key(mc, &key) && take_out(&key, label) &&
	    write_key(mc, &key);
}

static bool
no_alg(struct forge_mc *mc)
{
	return without(mc, ALG);
}

static bool
no_kty(struct forge_mc *mc)
{
	return without(mc, KTY);
}

static bool
kty_nobodys(struct forge_mc *mc)
{
	struct key key;

	return read_key(mc, &key) && set_int(&key, KTY, KTY_NOBODYS) &&
	    write_key(mc, &key);
}

/*
 * The point
 */

/* A certificate has the credential's key, too, and cannot have one that is no
 * point: they would differ, and who compares them need not look at the key. */
static bool
is_certified(const struct forge_mc *mc)
{
	for (size_t i = 0; i < mc->statements; i++) {
		if (mc->statement[i].kind == ATTESTATION_APPLE ||
		    mc->statement[i].kind == ATTESTATION_ANDROID_KEY)
			return true;
	}
	return false;
}

/* That point, in pubArea as well. */
static bool
set_point(struct forge_mc *mc, struct key *key, struct span x, struct span y)
{
	if (is_certified(mc) || !set_bytes(key, X, x) ||
	    !set_bytes(key, Y, y) || !write_key(mc, key))
		return false;
	for (size_t i = 0; i < mc->statements; i++) {
		mc->statement[i].tpm.x = x;
		mc->statement[i].tpm.y = y;
	}
	return true;
}

static bool
off_curve(struct forge_mc *mc)
{
	struct key key;
	size_t len;
	uint8_t *x = coordinate(mc, &key, X, &len);
	uint8_t *y = x != NULL ? bytes_at(&key, Y, &len) : NULL;

	if (y == NULL)
		return false;
	y[len - 1] ^= 0x01;
	return set_point(mc, &key, span(x, len), span(y, len));
}

static bool
zero_point(struct forge_mc *mc)
{
	struct key key;
	size_t len;
	uint8_t *zero = coordinate(mc, &key, X, &len);

	if (zero == NULL)
		return false;
	memset(zero, 0, len);
	return set_point(mc, &key, span(zero, len), span(zero, len));
}

static bool
compressed_y(struct forge_mc *mc)
{
	struct key key;
	size_t len;
	uint8_t *y = coordinate(mc, &key, Y, &len);

	return y != NULL &&
	    set_raw(&key, Y, span(y[len - 1] & 1 ? "\xf5" : "\xf4", 1)) &&
	    write_key(mc, &key);
}

static bool
no_y(struct forge_mc *mc)
{
	struct key key;

	return read_ec2(mc, &key) && without(mc, Y);
}

static bool
short_x(struct forge_mc *mc)
{
	struct key key;
	size_t len;
	uint8_t *x = coordinate(mc, &key, X, &len);

	return x != NULL &&
	    set_bytes(&key, X, span(x + 1, len - 1)) && write_key(mc, &key);
}

static bool
long_x(struct forge_mc *mc)
{
	struct key key;
	size_t len;
	uint8_t *x = coordinate(mc, &key, X, &len);
	uint8_t *longer = x != NULL ? forge_room(mc->memory, len + 1) : NULL;

	if (longer == NULL)
		return false;
	memcpy(longer + 1, x, len);
	return set_bytes(&key, X, span(longer, len + 1)) &&
	    write_key(mc, &key);
}

static bool
other_curve(struct forge_mc *mc)
{
	struct key key;
	int64_t crv;

	return read_ec2(mc, &key) && int_at(&key, CRV, &crv) &&
	    set_int(&key, CRV, crv == COSE_P256 ? COSE_P384 : COSE_P256) &&
	    write_key(mc, &key);
}

static bool
private_d(struct forge_mc *mc)
{
	struct span d = forge_random(mc->memory, 32);
	struct key key;

	return read_ec2(mc, &key) && d.p != NULL &&
	    put_in(&key, key.count, D, encoded_bytes(&key, d)) &&
	    write_key(mc, &key);
}

/*
 * The encoding
 */

static bool
optional_member(struct forge_mc *mc)
{
	struct key key;

	return read_key(mc, &key) &&
	    put_in(&key, 1, KID, span("\x41\x01", 2)) && write_key(mc, &key);
}

static bool
noncanonical(struct forge_mc *mc)
{
	struct key key;
	uint8_t wide[2] = { 0x18, 0 };
	int64_t kty;

	if (!read_key(mc, &key) || !int_at(&key, KTY, &kty))
		return false;
	wide[1] = (uint8_t)kty;
	return set_raw(&key, KTY, forge_copy(mc->memory, span(wide, 2))) &&
	    write_key(mc, &key);
}

static bool
duplicate(struct forge_mc *mc)
{
	struct key key;
	size_t i;

	if (!read_key(mc, &key))
		return false;
	i = place_of(&key, ALG);
	return i < key.count && put_in(&key, i, ALG, key.member[i].value) &&
	    write_key(mc, &key);
}

static bool
indefinite(struct forge_mc *mc)
{
	struct key key;

	return read_key(mc, &key) &&
	    write_between(mc, &key, span("\xbf", 1), span("\xff", 1));
}

static bool
reordered(struct forge_mc *mc)
{
	struct span label, value;
	struct key key;

	if (!read_key(mc, &key) || key.count < 2)
		return false;
	label = key.member[0].label;
	value = key.member[0].value;
	key.member[0] = key.member[1];
	key.member[1].label = label;
	key.member[1].value = value;
	return write_key(mc, &key);
}

/*
 * RSA
 */

static bool
set_rsa(struct forge_mc *mc, struct span n, struct span e)
{
	uint8_t *room = forge_room(mc->memory, n.len + 32);
	struct cbor_out out;

	if (room == NULL || n.p == NULL || e.p == NULL)
		return false;
	cbor_out_init(&out, room, n.len + 32);
	cbor_put_map(&out, 4);
	cbor_put_int(&out, KTY);
	cbor_put_int(&out, 3);
	cbor_put_int(&out, ALG);
	cbor_put_int(&out, COSE_RS256);
	cbor_put_int(&out, -1);
	cbor_put_bytes(&out, n);
	cbor_put_int(&out, RSA_E);
	cbor_put_bytes(&out, e);
	mc->auth_data.public_key = cbor_out_span(&out);
	return true;
}

static struct span
number_of(struct forge_mc *mc, EVP_PKEY *key, const char *name)
{
	struct span out = { NULL, 0 };
	BIGNUM *bn = NULL;
	uint8_t *room;

	if (EVP_PKEY_get_bn_param(key, name, &bn) == 1 &&
	    (room = forge_room(mc->memory, (size_t)BN_num_bytes(bn))) != NULL)
		out = span(room, (size_t)BN_bn2bin(bn, room));
	BN_free(bn);
	return out;
}

static EVP_PKEY *
rsa_new(unsigned bits, unsigned e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *exponent = BN_new();
	EVP_PKEY *key = NULL;

	if (ctx == NULL || exponent == NULL || BN_set_word(exponent, e) != 1 ||
	    EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) != 1 ||
	    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, exponent) != 1 ||
	    EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	BN_free(exponent);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* A TPM's statement is about the key that it is now. */
static bool
certify_rsa(struct forge_mc *mc)
{
	BIGNUM *e = NULL;

	if (!forge_mc_kind(mc, ATTESTATION_TPM) ||
	    EVP_PKEY_get_bn_param(mc->credential_key, OSSL_PKEY_PARAM_RSA_E,
	    &e) != 1)
		return false;
	if (!BN_is_word(e, RSA_F4))
		mc->statement[0].tpm.exponent = (uint32_t)BN_get_word(e);
	BN_free(e);
	return true;
}

/*
 * The key that signs as well, where the credential's key does, and that is
 * certified; U2F has no RSA. Takes key, which may be NULL.
 */
static bool
use_rsa(struct forge_mc *mc, EVP_PKEY *key)
{
	if (key == NULL || forge_mc_is(mc) == ATTESTATION_FIDO_U2F ||
	    !set_rsa(mc, number_of(mc, key, OSSL_PKEY_PARAM_RSA_N),
	    number_of(mc, key, OSSL_PKEY_PARAM_RSA_E))) {
		EVP_PKEY_free(key);
		return false;
	}
	mc->credential_key = key;
	name_alg(mc, ATTESTATION_SELF, COSE_RS256);
	name_alg(mc, ATTESTATION_ANDROID_KEY, COSE_RS256);
	return forge_mc_is(mc) != ATTESTATION_TPM || certify_rsa(mc);
}

static bool
weak_rsa(struct forge_mc *mc)
{
	return use_rsa(mc, rsa_new(WEAK_RSA_BITS, 65537));
}

static bool
rsa_e3(struct forge_mc *mc)
{
	return use_rsa(mc, rsa_new(8 * MODULUS_LEN, 3));
}

/* d is e: x^1 is x, either way. */
static EVP_PKEY *
rsa_of_one(const BIGNUM *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (bld != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_RSA_E, 1) == 1 &&
	    OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_RSA_D, 1) == 1)
		params = OSSL_PARAM_BLD_to_param(bld);
	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Whoever has the key signs, and so does everybody else. */
static bool
rsa_e1(struct forge_mc *mc)
{
	BIGNUM *n = BN_new();
	EVP_PKEY *key = NULL;

	if (n != NULL && BN_rand(n, 8 * MODULUS_LEN, BN_RAND_TOP_ONE,
	    BN_RAND_BOTTOM_ODD) == 1)
		key = rsa_of_one(n);
	BN_free(n);
	return use_rsa(mc, key);
}

static const struct fault rows[] = {
	{ .name = "key.alg-not-offered", .mc.request = alg_not_offered,
	  .breaks = "The key is good, but of an algorithm that was not in "
	    "pubKeyCredParams.",
	  .check = "look the algorithm up in pubKeyCredParams",
	  .section = "7.1 step 20: alg in pkOptions.pubKeyCredParams",
	  .references = "CVE-2026-8830",
	  .needs = FAULT_NEEDS_ONE_ALG,
	  .chromium = FAULT_LIKELY },
	{ .name = "key.alg-kty-confusion", .mc.plan = alg_kty_confusion,
	  .breaks = "The algorithm of an EC2 key is RS256 (-257).",
	  .check = "let key type and algorithm agree",
	  .section = "5.8.5; RFC 9053",
	  .references = "conformance Resp-4",
	  .needs = FAULT_NEEDS_RS256,
	  .chromium = FAULT_PASSES, .firefox = FAULT_PASSES },
	{ .name = "key.alg-eddsa", .mc.plan = alg_eddsa,
	  .breaks = "The algorithm of an EC2 key is EdDSA (-8).",
	  .check = "let key type and algorithm agree",
	  .section = "5.8.5; RFC 9053",
	  .references = "conformance Resp-4" },
	{ .name = "key.alg-curve", .mc.plan = alg_curve,
	  .breaks = "The algorithm of a P-256 key is ES384 (-35), that of "
	    "another ES256 (-7).",
	  .check = "let algorithm and curve agree",
	  .section = "5.8.5: -35 with P-384",
	  .references = "conformance Resp-4" },
	{ .name = "key.alg-unknown", .mc.plan = alg_nobodys,
	  .breaks = "The algorithm is -70001, which is nobody's.",
	  .check = "look the algorithm up in pubKeyCredParams",
	  .section = "7.1 step 20: alg in pkOptions.pubKeyCredParams",
	  .references = "conformance Resp-4" },
	{ .name = "key.alg-text", .mc.plan = alg_text,
	  .breaks = "The algorithm is the text \"ES256\", not a number.",
	  .check = "refuse another type",
	  .section = "6.5.1.1",
	  .references = "conformance Resp-4" },
	{ .name = "key.alg-missing", .mc.plan = no_alg,
	  .breaks = "The COSE_Key has no algorithm.",
	  .check = "refuse a key without alg",
	  .section = "6.5.1.1: MUST contain alg",
	  .references = "conformance Resp-4" },
	{ .name = "key.kty-missing", .mc.plan = no_kty,
	  .breaks = "The COSE_Key has no key type.",
	  .check = "refuse a key without kty",
	  .section = "6.5.1.1; RFC 9052 7",
	  .references = "conformance Resp-4" },
	{ .name = "key.kty-unknown", .mc.plan = kty_nobodys,
	  .breaks = "The key type is 99, which is nobody's.",
	  .check = "refuse key types that are not known",
	  .section = "6.5.1.1; RFC 9053 7",
	  .references = "conformance Resp-4" },
	{ .name = "key.off-curve", .mc.plan = off_curve,
	  .u2f = true,
	  .breaks = "The point is not on its curve.",
	  .check = "import the key when it is registered",
	  .section = "5.8.5; SP 800-56A 5.6.2.3",
	  .references = "invalid curve attacks",
	  .chromium = FAULT_HANGS, .firefox = FAULT_PASSES },
	{ .name = "key.zero-point", .mc.plan = zero_point,
	  .u2f = true,
	  .breaks = "Both coordinates of the point are zero.",
	  .check = "import the key when it is registered",
	  .section = "5.8.5; SP 800-56A 5.6.2.3",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.compressed-y", .mc.plan = compressed_y,
	  .breaks = "The point is compressed: y is a boolean.",
	  .check = "refuse compressed points",
	  .section = "5.8.5: MUST NOT be compressed",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.y-missing", .mc.plan = no_y,
	  .breaks = "The point has no y.",
	  .check = "refuse a key with members missing",
	  .section = "6.5.1.1; RFC 9053 7.1.1",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.x-short", .mc.plan = short_x,
	  .breaks = "The first byte of x is missing.",
	  .check = "demand coordinates of full length",
	  .section = "RFC 9053 7.1.1: leading zeros are kept",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.x-long", .mc.plan = long_x,
	  .breaks = "There is a zero byte in front of x.",
	  .check = "demand coordinates of full length",
	  .section = "RFC 9053 7.1.1",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.curve", .mc.plan = other_curve,
	  .breaks = "The curve is another one than that of the point.",
	  .check = "demand coordinates as long as the curve has them",
	  .section = "5.8.5; RFC 9053 7.1.1",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.private-d", .mc.plan = private_d,
	  .breaks = "The COSE_Key has a private key (-4) in it.",
	  .check = "refuse members that do not belong there",
	  .section = "6.5.1.1: no other OPTIONAL parameters",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.optional", .mc.plan = optional_member,
	  .verdict = FAULT_POLICY,
	  .breaks = "The COSE_Key has a key identifier (2), which is "
	    "optional.",
	  .check = "refuse members that do not belong there",
	  .section = "6.5.1.1: no other OPTIONAL parameters" },
	{ .name = "key.noncanonical", .mc.plan = noncanonical,
	  .verdict = FAULT_POLICY,
	  .breaks = "The key type takes two bytes where one would do.",
	  .check = "refuse CBOR that is not canonical, if it is to be strict",
	  .section = "6.5.1.1: CTAP2 canonical CBOR",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_HANGS, .firefox = FAULT_PASSES },
	{ .name = "key.dup", .mc.plan = duplicate,
	  .breaks = "The COSE_Key has its algorithm twice.",
	  .check = "refuse maps with duplicates",
	  .section = "6.5.1.1: CTAP2 canonical CBOR",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.indefinite", .mc.plan = indefinite,
	  .verdict = FAULT_POLICY,
	  .breaks = "The COSE_Key is a map of indefinite length.",
	  .check = "refuse CBOR that is not canonical, if it is to be strict",
	  .section = "6.5.1.1: CTAP2 canonical CBOR",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_UNLIKELY },
	{ .name = "key.reordered", .mc.plan = reordered,
	  .verdict = FAULT_POLICY,
	  .breaks = "The first two members of the COSE_Key are the wrong way "
	    "round.",
	  .check = "refuse CBOR that is not canonical, if it is to be strict",
	  .section = "6.5.1.1: CTAP2 canonical CBOR",
	  .references = "conformance Resp-3",
	  .chromium = FAULT_HANGS, .firefox = FAULT_BLOCKED },
	{ .name = "key.weak-rsa", .mc.plan = weak_rsa,
	  .needs = FAULT_NEEDS_RS256, .verdict = FAULT_POLICY,
	  .breaks = "The key is RSA with 512 bits.",
	  .check = "refuse RSA below 2048 bits",
	  .section = "policy; RFC 8230 6.1",
	  .references = "CVE-2017-15361 (ROCA) and its like",
	  .chromium = FAULT_LIKELY },
	{ .name = "key.rsa-e3", .mc.plan = rsa_e3,
	  .needs = FAULT_NEEDS_RS256, .verdict = FAULT_POLICY,
	  .breaks = "The public exponent is 3.",
	  .check = "refuse exponents below 65537",
	  .section = "policy; FIPS 186-5 5.1",
	  .chromium = FAULT_LIKELY },
	{ .name = "key.rsa-e1", .mc.plan = rsa_e1,
	  .needs = FAULT_NEEDS_RS256,
	  .breaks = "The public exponent is 1: anybody can sign.",
	  .check = "import the key when it is registered, and refuse it",
	  .section = "5.8.5; RFC 8017 3.1",
	  .chromium = FAULT_LIKELY },
};

const struct fault_rows fault_key = FAULT_ROWS(rows);
