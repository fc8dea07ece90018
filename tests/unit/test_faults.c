/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fault of a registration or an assertion breaks what it says, and
 * nothing else. A ceremony's reply is taken apart and judged as a relying
 * party would that misses nothing; what it finds is a line, "" for an honest
 * one, and for each fault the line of the table.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cbor.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/attestation.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/device.h"
#include "authenticator/fault/armed.h"
#include "authenticator/fault/told.h"
#include "authenticator/settings.h"
#include "ctap/authdata.h"
#include "ctap/cbor.h"
#include "ctap/request.h"
#include "tests/store_fixture.h"

#define RP		"example.com"
#define FINDINGS_LEN	512
#define HONEST_KEY	"1:2 3:-7 -1:1 -2:h32 -3:h32"

static const uint8_t client_data_hash[32] = "a hash of what a client says ..";
static char msg[DEVICE_MESSAGE_LEN];

struct key {
	enum attestation_kind kind;
	struct scratch	 dir;
	struct device	*device;
	uint8_t		 user;		/* the last one */
	uint8_t		 id[CREDENTIAL_ID_MAX];	/* of the first account */
	size_t		 id_len;
	uint8_t		 reply[AUTH_MESSAGE_MAX];
	size_t		 len;
	uint32_t	 counter;	/* of the last honest assertion */
};

/*
 * What is found
 */

struct findings {
	char		 text[FINDINGS_LEN];
	size_t		 len;
};

static void
find(struct findings *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
find(struct findings *f, const char *format, ...)
{
	va_list args;

	if (f->len > 0)
		f->text[f->len++] = ' ';
	va_start(args, format);
	f->len += (size_t)vsnprintf(f->text + f->len, FINDINGS_LEN - f->len,
	    format, args);
	va_end(args);
	assert_true(f->len < FINDINGS_LEN - 1);
}

/*
 * Ceremonies
 */

/* Of what cfg says beyond what every key has. */
static void
key_open_new(struct key *k, struct device_config *cfg)
{
	memset(k, 0, sizeof(*k));
	k->kind = cfg->auth.attestation.kind;
	scratch_new(&k->dir);
	cfg->create = true;
	cfg->path = k->dir.path;
	if (device_open(cfg, 0, &k->device, msg, sizeof(msg)) != 0)
		fail_msg("%s", msg);
}

static void
key_new_of(struct key *k, enum attestation_kind kind, const char *tpm)
{
	struct device_config cfg = { .tpm.target = tpm };

	device_config_default(&cfg);
	cfg.auth.attestation.kind = kind;
	key_open_new(k, &cfg);
}

static void
key_new(struct key *k)
{
	key_new_of(k, ATTESTATION_PACKED, "none");
}

static void
key_free(struct key *k)
{
	device_close(k->device);
	scratch_free(&k->dir);
}

static uint8_t
transact(struct key *k, const struct cbor_out *out)
{
	assert_false(out->overflow);
	assert_int_equal(device_transact(k->device, cbor_out_span(out),
	    k->reply, sizeof(k->reply), &k->len), 0);
	assert_true(k->len > 0);
	return k->reply[0];
}

static void
put_descriptor(struct cbor_out *out, const struct key *k)
{
	cbor_put_array(out, 1);
	cbor_put_map(out, 2);
	cbor_put_str(out, "id");
	cbor_put_bytes(out, span(k->id, k->id_len));
	cbor_put_str(out, "type");
	cbor_put_str(out, "public-key");
}

static void
put_uv(struct cbor_out *out, bool rk)
{
	cbor_put_map(out, 1 + rk);
	if (rk) {
		cbor_put_str(out, "rk");
		cbor_put_bool(out, true);
	}
	cbor_put_str(out, "uv");
	cbor_put_bool(out, true);
}

/* A new user each time; exclude: one who names the first account. */
static struct cbor_out
make_request(struct key *k, const char *rp, bool rk, bool exclude)
{
	static uint8_t buf[4096];
	struct cbor_out out;

	k->user++;
	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_raw(&out, span("\x01", 1));
	cbor_put_map(&out, 5 + (size_t)exclude);
	cbor_put_uint(&out, 1);
	cbor_put_bytes(&out, span(client_data_hash, 32));
	cbor_put_uint(&out, 2);
	cbor_put_map(&out, 1);
	cbor_put_str(&out, "id");
	cbor_put_str(&out, rp);
	cbor_put_uint(&out, 3);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "id");
	cbor_put_bytes(&out, span(&k->user, 1));
	cbor_put_str(&out, "name");
	cbor_put_str(&out, "somebody");
	cbor_put_uint(&out, 4);
	cbor_put_array(&out, 1);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "alg");
	cbor_put_int(&out, COSE_ES256);
	cbor_put_str(&out, "type");
	cbor_put_str(&out, "public-key");
	if (exclude) {
		cbor_put_uint(&out, 5);
		put_descriptor(&out, k);
	}
	cbor_put_uint(&out, 7);
	put_uv(&out, rk);
	return out;
}

static uint8_t
create_as(struct key *k, const char *rp, bool rk, bool exclude)
{
	struct cbor_out out = make_request(k, rp, rk, exclude);

	return transact(k, &out);
}

static uint8_t
create(struct key *k, bool exclude)
{
	return create_as(k, RP, true, exclude);
}

static uint8_t
get(struct key *k, bool list)
{
	static uint8_t buf[4096];
	struct cbor_out out;

	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_raw(&out, span("\x02", 1));
	cbor_put_map(&out, 3 + (size_t)list);
	cbor_put_uint(&out, 1);
	cbor_put_str(&out, RP);
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(client_data_hash, 32));
	if (list) {
		cbor_put_uint(&out, 3);
		put_descriptor(&out, k);
	}
	cbor_put_uint(&out, 5);
	put_uv(&out, false);
	return transact(k, &out);
}

/*
 * Taking apart
 */

/* The value of key in a map; text or number. Asserted to be there. */
static cbor_item_t *
member(const cbor_item_t *map, const char *name, int number)
{
	struct cbor_pair *pairs = cbor_map_handle(map);

	for (size_t i = 0; i < cbor_map_size(map); i++) {
		const cbor_item_t *key = pairs[i].key;

		if (name == NULL ? cbor_isa_uint(key) &&
		    cbor_get_int(key) == (uint64_t)number :
		    cbor_isa_string(key) && span_eq(span_str(name),
		    span(cbor_string_handle(key), cbor_string_length(key))))
			return pairs[i].value;
	}
	return NULL;
}

static struct span
bytes_in(const cbor_item_t *map, const char *name, int number)
{
	cbor_item_t *v = member(map, name, number);

	if (v == NULL || !cbor_isa_bytestring(v))
		return (struct span){ NULL, 0 };
	return span(cbor_bytestring_handle(v), cbor_bytestring_length(v));
}

static cbor_item_t *
load_reply(struct key *k)
{
	struct cbor_load_result result;
	cbor_item_t *map;

	assert_int_equal(k->reply[0], 0);
	assert_true(cbor_check(span(k->reply + 1, k->len - 1)));
	map = cbor_load(k->reply + 1, k->len - 1, &result);
	assert_non_null(map);
	return map;
}

static int64_t
int_of(const cbor_item_t *item)
{
	return cbor_isa_negint(item) ? -1 - (int64_t)cbor_get_int(item) :
	    (int64_t)cbor_get_int(item);
}

/* "-2:h32" */
static size_t
dump_pair(const struct cbor_pair *pair, char *out, size_t size)
{
	const cbor_item_t *v = pair->value;
	int n = snprintf(out, size, "%d:", (int)int_of(pair->key));

	if (cbor_isa_bytestring(v))
		n += snprintf(out + n, size - (size_t)n, "h%zu",
		    cbor_bytestring_length(v));
	else if (cbor_isa_string(v))
		n += snprintf(out + n, size - (size_t)n, "text");
	else if (cbor_is_bool(v))
		n += snprintf(out + n, size - (size_t)n, "bool");
	else
		n += snprintf(out + n, size - (size_t)n, "%d", (int)int_of(v));
	return (size_t)n;
}

static void
dump_key(const cbor_item_t *key, char out[static FINDINGS_LEN])
{
	size_t n = 0;

	for (size_t i = 0; i < cbor_map_size(key); i++) {
		if (i > 0)
			out[n++] = ' ';
		n += dump_pair(&cbor_map_handle(key)[i], out + n,
		    FINDINGS_LEN - n);
	}
	out[n] = '\0';
}

/* To be freed; NULL: the point is not on P-256. */
static EVP_PKEY *
import_p256(struct span x, struct span y)
{
	uint8_t point[65] = { 0x04 };
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params;

	assert_true(x.len == 32 && y.len == 32);
	memcpy(point + 1, x.p, 32);
	memcpy(point + 33, y.p, 32);
	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
	    "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point,
	    sizeof(point));
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* Label -2 and -3 of a COSE_Key: 33 and 34 in CBOR's own counting. */
static EVP_PKEY *
import_cose(struct span cose)
{
	uint8_t point[COSE_P256_POINT_LEN];

	cose_p256_point(cose, point);
	return import_p256(span(point + 1, 32), span(point + 33, 32));
}

static bool
verifies(EVP_PKEY *key, struct span signature, struct span a, struct span b)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
	    key) == 1 && EVP_DigestVerifyUpdate(ctx, a.p, a.len) == 1 &&
	    EVP_DigestVerifyUpdate(ctx, b.p, b.len) == 1 &&
	    EVP_DigestVerifyFinal(ctx, signature.p, signature.len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void
judge_head(struct span ad, uint8_t honest_flags, struct findings *f)
{
	uint8_t hash[32];

	SHA256((const uint8_t *)RP, strlen(RP), hash);
	if (memcmp(ad.p, hash, 32) != 0)
		find(f, "rpidhash");
	if (ad.p[32] != honest_flags)
		find(f, "flags^%02x", ad.p[32] ^ honest_flags);
}

static uint32_t
counter_of(struct span ad)
{
	return (uint32_t)ad.p[33] << 24 | (uint32_t)ad.p[34] << 16 |
	    (uint32_t)ad.p[35] << 8 | ad.p[36];
}

static void
judge_rest(struct span rest, bool extensions, struct findings *f)
{
	if (extensions)
		find(f, "ext=%zu%s", rest.len, rest.len > 0 &&
		    rest.p[0] >> 5 != 5 ? "!map" : "");
	else if (rest.len > 0)
		find(f, "rest=%zu", rest.len);
}

/* As it is in the store, which is what the key really made. */
static void
stored_key(struct key *k, struct span id, struct credential *out)
{
	struct auth_lookup q = { .kind = LOOKUP_ID_ANY, .id = id,
	    .protect_max = PROTECT_REQUIRED, .cred = out };

	out->pub_len = 0;
	(void)store_lookup(device_store(k->device), &q);
}

static void
judge_point(const cbor_item_t *key, struct findings *f)
{
	struct span x = { NULL, 0 }, y = { NULL, 0 };
	EVP_PKEY *pkey;

	for (size_t i = 0; i < cbor_map_size(key); i++) {
		const struct cbor_pair *p = &cbor_map_handle(key)[i];
		struct span bytes;

		if (!cbor_isa_bytestring(p->value))
			continue;
		bytes = span(cbor_bytestring_handle(p->value),
		    cbor_bytestring_length(p->value));
		if (int_of(p->key) == -2)
			x = bytes;
		if (int_of(p->key) == -3)
			y = bytes;
	}
	if (x.len != 32 || y.len != 32)
		return;
	pkey = import_p256(x, y);
	if (pkey == NULL)
		find(f, "off-curve");
	EVP_PKEY_free(pkey);
}

/* The key that begins rest; what is behind it. */
static struct span
judge_key(struct span rest, struct span stored, struct findings *f)
{
	char dump[FINDINGS_LEN];
	struct cbor_load_result result;
	cbor_item_t *key = cbor_load(rest.p, rest.len, &result);
	struct span cose;

	if (key == NULL || !cbor_isa_map(key)) {
		find(f, "no-key");
		return rest;
	}
	cose = span(rest.p, result.read);
	dump_key(key, dump);
	if (!cbor_check(cose))
		find(f, "key!canonical");
	if (strcmp(dump, HONEST_KEY) != 0)
		find(f, "key(%s)", dump);
	judge_point(key, f);
	if (stored.p != NULL && strcmp(dump, HONEST_KEY) == 0 &&
	    !span_eq(stored, cose))
		find(f, "key!stored");
	cbor_decref(&key);
	return span(rest.p + result.read, rest.len - result.read);
}

static void
judge_attested(struct key *k, struct span ad, const uint8_t *cert_aaguid,
    struct findings *f)
{
	struct span rest = span(ad.p + 37, ad.len - 37);
	size_t told = (size_t)(ad.p[53] << 8 | ad.p[54]);
	/* the one that is told to be longer than it is has 32 */
	size_t id_len = told == UINT16_MAX ? CREDENTIAL_ID_STORED : told;
	struct credential cred;

	if (memcmp(rest.p, device_aaguid, 16) != 0)
		find(f, "aaguid");
	if (cert_aaguid != NULL && memcmp(rest.p, cert_aaguid, 16) != 0)
		find(f, "aaguid!cert");
	if (told != CREDENTIAL_ID_STORED)
		find(f, "id=%zu", told);
	assert_true(ad.len >= 55 + id_len);
	stored_key(k, span(ad.p + 55, id_len), &cred);
	if (cred.pub_len > 0 && cred.user.id[0] != k->user)
		find(f, "id=other");
	rest = judge_key(span(ad.p + 55 + id_len, ad.len - 55 - id_len),
	    cred.pub_len > 0 ? span(cred.pub, cred.pub_len) :
	    (struct span){ NULL, 0 }, f);
	judge_rest(rest, ad.p[32] & AUTHDATA_ED, f);
}

/*
 * Statements: packed with certificates
 */

static X509 *
leaf_of(const cbor_item_t *statement)
{
	cbor_item_t *x5c = member(statement, "x5c", 0), *first;
	const uint8_t *p;

	assert_non_null(x5c);
	assert_true(cbor_array_size(x5c) >= 1);
	first = cbor_array_handle(x5c)[0];
	p = cbor_bytestring_handle(first);
	return d2i_X509(NULL, &p, (long)cbor_bytestring_length(first));
}

static bool
chain_leads_home(struct key *k, const cbor_item_t *statement, X509 *leaf)
{
	cbor_item_t *x5c = member(statement, "x5c", 0);
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE *roots = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *root;
	char *pem;
	BIO *bio;
	bool ok;

	assert_int_equal(attestation_roots_read(device_store(k->device),
	    &pem), 0);
	bio = BIO_new_mem_buf(pem, -1);
	while ((root = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_STORE_add_cert(roots, root);
		X509_free(root);
	}
	for (size_t i = 1; i < cbor_array_size(x5c); i++) {
		cbor_item_t *c = cbor_array_handle(x5c)[i];
		const uint8_t *p = cbor_bytestring_handle(c);

		sk_X509_push(others, d2i_X509(NULL, &p,
		    (long)cbor_bytestring_length(c)));
	}
	X509_STORE_CTX_init(ctx, roots, leaf, others);
	ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(roots);
	sk_X509_pop_free(others, X509_free);
	BIO_free(bio);
	free(pem);
	return ok;
}

/* id-fido-gen-ce-aaguid */
static void
aaguid_in(X509 *leaf, uint8_t out[static 16])
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
	int at = X509_get_ext_by_OBJ(leaf, oid, -1);
	const ASN1_OCTET_STRING *value;

	ASN1_OBJECT_free(oid);
	assert_true(at >= 0);
	value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
	assert_int_equal(ASN1_STRING_length(value), 18);
	memcpy(out, ASN1_STRING_get0_data(value) + 2, 16);
}

/* The key that a registration tells, EC2 or RSA; NULL: none of these. *alg is
 * 0 where it says none. To be freed. */
static EVP_PKEY *
told_key(struct span ad, int64_t *alg)
{
	size_t head = 55 + (size_t)(ad.p[53] << 8 | ad.p[54]);
	struct cbor_load_result result;
	cbor_item_t *key = ad.len > head ? cbor_load(ad.p + head,
	    ad.len - head, &result) : NULL;
	EVP_PKEY *pkey = NULL;

	*alg = 0;
	for (size_t i = 0; key != NULL && i < cbor_map_size(key); i++) {
		const struct cbor_pair *p = &cbor_map_handle(key)[i];

		if (int_of(p->key) == 3 && cbor_is_int(p->value))
			*alg = int_of(p->value);
	}
	if (*alg == COSE_RS256 || *alg == COSE_ES256)
		pkey = certificate_cose_key(span(ad.p + head, ad.len - head));
	if (key != NULL)
		cbor_decref(&key);
	return pkey;
}

/* The key that the newest credential really has. */
static EVP_PKEY *
newest_key(struct key *k)
{
	struct credential cred;
	struct auth_lookup q = { .kind = LOOKUP_RP, .before = UINT64_MAX,
	    .protect_max = PROTECT_REQUIRED, .cred = &cred };

	SHA256((const uint8_t *)RP, strlen(RP), q.rp_id_hash);
	assert_int_equal(store_lookup(device_store(k->device), &q), 0);
	assert_true(q.found);
	return cred.alg == COSE_ES256 ?
	    import_cose(span(cred.pub, cred.pub_len)) : NULL;
}

/* packed by the credential's own key: the one that it tells, if that is one,
 * and says of it what the COSE_Key says */
static void
judge_self(struct key *k, const cbor_item_t *statement, struct span ad,
    struct findings *f)
{
	int64_t alg = 0;
	EVP_PKEY *key = NULL;

	if (ad.p[32] & AUTHDATA_AT && ad.len > 55)
		key = told_key(ad, &alg);
	if (alg != 0 && int_of(member(statement, "alg", 0)) != alg)
		find(f, "att-alg");
	if (key == NULL)
		key = newest_key(k);
	if (key != NULL && !verifies(key, bytes_in(statement, "sig", 0), ad,
	    span(client_data_hash, 32)))
		find(f, "att-sig");
	EVP_PKEY_free(key);
}

static void
judge_packed(struct key *k, const cbor_item_t *statement, struct span ad,
    uint8_t aaguid[static 16], struct findings *f)
{
	struct span signature = bytes_in(statement, "sig", 0);
	X509 *leaf = leaf_of(statement);

	assert_non_null(leaf);
	if (int_of(member(statement, "alg", 0)) != COSE_ES256)
		find(f, "att-alg");
	if (!verifies(X509_get0_pubkey(leaf), signature, ad,
	    span(client_data_hash, 32)))
		find(f, "att-sig");
	if (!chain_leads_home(k, statement, leaf))
		find(f, "chain");
	aaguid_in(leaf, aaguid);
	X509_free(leaf);
}

/* Whether aaguid is that of the certificate. */
static bool
judge_statement(struct key *k, const cbor_item_t *reply, struct span ad,
    uint8_t aaguid[static 16], struct findings *f)
{
	cbor_item_t *fmt = member(reply, NULL, 1);
	cbor_item_t *statement = member(reply, NULL, 3);
	const char *format = k->kind == ATTESTATION_NONE ? "none" : "packed";
	size_t members = k->kind == ATTESTATION_PACKED ? 3 :
	    k->kind == ATTESTATION_SELF ? 2 : 0;

	if (!span_eq(span(cbor_string_handle(fmt), cbor_string_length(fmt)),
	    span_str(format)) || cbor_map_size(statement) != members)
		find(f, "fmt");
	if (k->kind == ATTESTATION_PACKED)
		judge_packed(k, statement, ad, aaguid, f);
	if (k->kind == ATTESTATION_SELF)
		judge_self(k, statement, ad, f);
	return k->kind == ATTESTATION_PACKED;
}

/* Of a makeCredential that went well; the line is in f. */
static void
judge_registration(struct key *k, struct findings *f)
{
	cbor_item_t *reply = load_reply(k);
	struct span ad = bytes_in(reply, NULL, 2);
	uint8_t aaguid[16];
	bool certified;

	*f = (struct findings){ .len = 0 };
	if (cbor_map_size(reply) != 3)
		find(f, "members");
	assert_true(ad.len >= 37);
	judge_head(ad, AUTHDATA_UP | AUTHDATA_UV | AUTHDATA_AT, f);
	if (counter_of(ad) > 1000000)
		find(f, "counter=%u", counter_of(ad));
	certified = judge_statement(k, reply, ad, aaguid, f);
	if (ad.len > 37)
		judge_attested(k, ad, certified ? aaguid : NULL, f);
	else
		find(f, "no-attested");
	cbor_decref(&reply);
}

/*
 * Assertions: of the first account
 */

static bool
is_high(struct span signature)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	const uint8_t *p = signature.p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)signature.len);
	BIGNUM *half = BN_new();
	bool high;

	assert_non_null(sig);
	BN_rshift1(half, EC_GROUP_get0_order(group));
	high = BN_cmp(ECDSA_SIG_get0_s(sig), half) > 0;
	BN_free(half);
	ECDSA_SIG_free(sig);
	EC_GROUP_free(group);
	return high;
}

/* In which way it is wrong. */
static void
judge_bad_signature(EVP_PKEY *key, struct span ad, struct span signature,
    struct findings *f)
{
	struct span hash = span(client_data_hash, 32);
	uint8_t r[32], s[32];

	if (signature.len == 0)
		find(f, "sig=empty");
	else if (span_eq(signature, span("\x30\x06\x02\x01\x00\x02\x01\x00",
	    8)))
		find(f, "sig=zero");
	else if (verifies(key, signature, ad, span(r, 0)))
		find(f, "sig=authdata-only");
	else if (verifies(key, span(signature.p, signature.len - 1), ad, hash))
		find(f, "sig=trailing");
	else if (signature.len == 64) {
		ECDSA_SIG *sig = ECDSA_SIG_new();
		uint8_t *der = NULL;
		int len;

		memcpy(r, signature.p, 32);
		memcpy(s, signature.p + 32, 32);
		ECDSA_SIG_set0(sig, BN_bin2bn(r, 32, NULL),
		    BN_bin2bn(s, 32, NULL));
		len = i2d_ECDSA_SIG(sig, &der);
		find(f, verifies(key, span(der, (size_t)len), ad, hash) ?
		    "sig=raw" : "sig");
		OPENSSL_free(der);
		ECDSA_SIG_free(sig);
	} else {
		find(f, "sig");
	}
}

static void
judge_whose(struct key *k, const cbor_item_t *reply, struct findings *f)
{
	cbor_item_t *descriptor = member(reply, NULL, 1);
	cbor_item_t *user = member(reply, NULL, 4);
	struct span id = bytes_in(descriptor, "id", 0), user_id;
	struct credential cred;

	if (!span_eq(id, span(k->id, k->id_len))) {
		stored_key(k, id, &cred);
		find(f, cred.pub_len > 0 ? "id=other" : "id=unknown");
	}
	if (user == NULL) {
		find(f, "user=none");
		return;
	}
	user_id = bytes_in(user, "id", 0);
	if (user_id.len != 1)
		find(f, "user=unknown");
	else if (user_id.p[0] != 1)
		find(f, "user=other");
}

static void
judge_counter(struct key *k, uint32_t counter, struct findings *f)
{
	if (counter == 0)
		find(f, "counter=zero");
	else if (counter == UINT32_MAX)
		find(f, "counter=max");
	else if (counter == k->counter)
		find(f, "counter=same");
	else if (counter < k->counter)
		find(f, "counter=lower");
	else if (counter > k->counter + 1000)
		find(f, "counter=jump");
	else
		k->counter = counter;
}

static void
judge_assertion(struct key *k, struct findings *f)
{
	cbor_item_t *reply = load_reply(k);
	struct span ad = bytes_in(reply, NULL, 2);
	struct span signature = bytes_in(reply, NULL, 3);
	struct credential cred;
	EVP_PKEY *key;

	*f = (struct findings){ .len = 0 };
	assert_true(ad.len >= 37 && signature.p != NULL);
	stored_key(k, span(k->id, k->id_len), &cred);
	key = import_cose(span(cred.pub, cred.pub_len));
	judge_head(ad, AUTHDATA_UP | AUTHDATA_UV, f);
	judge_counter(k, counter_of(ad), f);
	judge_rest(span(ad.p + 37, ad.len - 37), ad.p[32] & AUTHDATA_ED, f);
	if (!verifies(key, signature, ad, span(client_data_hash, 32)))
		judge_bad_signature(key, ad, signature, f);
	judge_whose(k, reply, f);
	EVP_PKEY_free(key);
	cbor_decref(&reply);
}

/*
 * What each fault is to be found as
 */

struct expectation {
	const char	*name;
	const char	*findings;
};

static const struct expectation registrations[] = {
	{ "reg.rpidhash", "rpidhash" },
	{ "reg.up-clear", "flags^01" },
	{ "reg.uv-clear", "flags^04" },
	{ "reg.bs-without-be", "flags^10" },
	{ "reg.be-bs", "flags^18" },
	{ "reg.rfu-flags", "flags^22" },
	{ "reg.at-clear", "flags^40" },
	{ "reg.at-absent", "flags^40 no-attested" },
	{ "reg.at-without-data", "no-attested" },
	{ "reg.ed-without-data", "flags^80 ext=0" },
	{ "reg.ed-clear", "rest=14" },
	{ "reg.ext-no-map", "flags^80 ext=1!map" },
	{ "reg.ext-unasked", "flags^80 ext=15" },
	{ "reg.trailing", "rest=16" },
	{ "reg.counter-max", "counter=4294967295" },
	{ "reg.aaguid-unknown", "aaguid" },
	{ "reg.aaguid-zero", "aaguid" },
	{ "reg.aaguid-unapproved", "aaguid" },
	{ "reg.aaguid-vs-cert", "aaguid aaguid!cert" },
	{ "reg.credid-1024", "id=1024" },
	{ "reg.credid-1023", "id=1023" },
	{ "reg.credid-0", "id=0" },
	{ "reg.credid-short", "id=1" },
	{ "reg.credid-length", "id=65535" },
	{ "reg.credid-duplicate", "id=other key!stored" },
	{ "reg.exclude-ignored", "" },
	{ "key.alg-not-offered", "key(1:1 3:-8 -1:6 -2:h32)" },
	{ "key.alg-kty-confusion", "key(1:2 3:-257 -1:1 -2:h32 -3:h32)" },
	{ "key.alg-eddsa", "key(1:2 3:-8 -1:1 -2:h32 -3:h32)" },
	{ "key.alg-curve", "key(1:2 3:-35 -1:1 -2:h32 -3:h32)" },
	{ "key.alg-unknown", "key(1:2 3:-70001 -1:1 -2:h32 -3:h32)" },
	{ "key.alg-text", "key(1:2 3:text -1:1 -2:h32 -3:h32)" },
	{ "key.alg-missing", "key(1:2 -1:1 -2:h32 -3:h32)" },
	{ "key.kty-missing", "key(3:-7 -1:1 -2:h32 -3:h32)" },
	{ "key.kty-unknown", "key(1:99 3:-7 -1:1 -2:h32 -3:h32)" },
	{ "key.off-curve", "off-curve key!stored" },
	{ "key.zero-point", "off-curve key!stored" },
	{ "key.compressed-y", "key(1:2 3:-7 -1:1 -2:h32 -3:bool)" },
	{ "key.y-missing", "key(1:2 3:-7 -1:1 -2:h32)" },
	{ "key.x-short", "key(1:2 3:-7 -1:1 -2:h31 -3:h32)" },
	{ "key.x-long", "key(1:2 3:-7 -1:1 -2:h33 -3:h32)" },
	{ "key.curve", "key(1:2 3:-7 -1:2 -2:h32 -3:h32)" },
	{ "key.private-d", "key(1:2 3:-7 -1:1 -2:h32 -3:h32 -4:h32)" },
	{ "key.optional", "key(1:2 2:h1 3:-7 -1:1 -2:h32 -3:h32)" },
	{ "key.noncanonical", "key!canonical key!stored" },
	{ "key.dup", "key!canonical key(1:2 3:-7 3:-7 -1:1 -2:h32 -3:h32)" },
	{ "key.indefinite", "key!canonical key!stored" },
	{ "key.reordered", "key!canonical key(3:-7 1:2 -1:1 -2:h32 -3:h32)" },
	{ "key.weak-rsa", "key(1:3 3:-257 -1:h64 -2:h3)" },
	{ "key.rsa-e3", "key(1:3 3:-257 -1:h256 -2:h1)" },
	{ "key.rsa-e1", "key(1:3 3:-257 -1:h256 -2:h1)" },
};

static const struct expectation authentications[] = {
	{ "auth.sig-bad", "sig" },
	{ "auth.sig-empty", "sig=empty" },
	{ "auth.sig-wrong-key", "sig" },
	{ "auth.sig-zero", "sig=zero" },
	{ "auth.sig-authdata-only", "sig=authdata-only" },
	{ "auth.sig-raw-rs", "sig=raw" },
	{ "auth.sig-der-trailing", "sig=trailing" },
	{ "auth.sig-high-s", "" },
	{ "auth.counter-same", "counter=same" },
	{ "auth.counter-lower", "counter=lower" },
	{ "auth.counter-zero", "counter=zero" },
	{ "auth.counter-jump", "counter=jump" },
	{ "auth.counter-max", "counter=max" },
	{ "auth.clone", "counter=lower" },
	{ "auth.up-clear", "flags^01" },
	{ "auth.uv-clear", "flags^04" },
	{ "auth.be-flip", "flags^08" },
	{ "auth.bs-without-be", "flags^10" },
	{ "auth.rfu-flags", "flags^22" },
	{ "auth.rpidhash", "rpidhash" },
	{ "auth.trailing", "rest=16" },
	{ "auth.at-set", "flags^40" },
	{ "auth.ed-set", "flags^80 ext=0" },
	{ "auth.ext-unasked", "flags^80 ext=15" },
	{ "auth.credid-other", "id=other" },
	{ "auth.revoked-credential", "id=unknown" },
	{ "auth.userhandle-other", "user=other" },
	{ "auth.userhandle-unknown", "user=unknown" },
	{ "auth.userhandle-absent", "user=none" },
};

static void
arm(struct key *k, const char *name, uint32_t uses)
{
	struct fault_scope scope = { .uses = uses };
	struct fault_choice choice;

	assert_int_equal(fault_choose(name, &choice, msg, sizeof(msg)), 0);
	assert_int_equal(fault_arm(device_faults(k->device), choice, &scope,
	    NULL, msg, sizeof(msg)), 0);
}

static void
assert_findings(const char *name, const char *when, const struct findings *f,
    const char *want)
{
	if (strcmp(f->text, want) != 0)
		fail_msg("%s %s: found \"%s\", not \"%s\"", name, when,
		    f->text, want);
}

static void
first_account(struct key *k)
{
	cbor_item_t *reply;
	struct findings f;
	struct span ad;

	assert_int_equal(create(k, false), 0);
	judge_registration(k, &f);
	assert_string_equal(f.text, "");
	reply = load_reply(k);
	ad = bytes_in(reply, NULL, 2);
	k->id_len = CREDENTIAL_ID_STORED;
	memcpy(k->id, ad.p + 55, k->id_len);
	cbor_decref(&reply);
}

static void
register_with(struct key *k, const struct expectation *e)
{
	bool exclude = strcmp(e->name, "reg.exclude-ignored") == 0;
	struct findings f;

	arm(k, e->name, 1);
	assert_int_equal(create(k, exclude), 0);
	judge_registration(k, &f);
	assert_findings(e->name, "armed", &f, e->findings);
	if (fault_armed_at(device_faults(k->device), 0) != NULL)
		fail_msg("%s is still armed", e->name);
	/* and that was it */
	assert_int_equal(create(k, false), 0);
	judge_registration(k, &f);
	assert_findings(e->name, "over", &f, "");
}

static void
registrations_break_one_thing(void **state)
{
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	for (size_t i = 0; i < sizeof(registrations) /
	    sizeof(registrations[0]); i++)
		register_with(&k, &registrations[i]);
	key_free(&k);
}

/* There is no certificate for it to differ from. */
static bool
fits_self(const char *name)
{
	return strcmp(name, "reg.aaguid-vs-cert") != 0;
}

/* Signed anew by the credential's key, or by nobody. */
static void
whatever_the_attestation_is(void **state)
{
	static const enum attestation_kind kinds[] = { ATTESTATION_SELF,
		ATTESTATION_NONE };
	struct key k;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		key_new_of(&k, kinds[i], "none");
		first_account(&k);
		for (size_t n = 0; n < sizeof(registrations) /
		    sizeof(registrations[0]); n++) {
			if (fits_self(registrations[n].name))
				register_with(&k, &registrations[n]);
		}
		key_free(&k);
	}
}

/* One item; a compound statement is deeper than CTAP2 allows. */
static bool
is_whole(const struct key *k)
{
	struct cbor_load_result result;
	cbor_item_t *item = cbor_load(k->reply + 1, k->len - 1, &result);
	bool whole = item != NULL && result.read == k->len - 1;

	if (item != NULL)
		cbor_decref(&item);
	return whole;
}

/* There, or not: it comes to a reply that can be read. */
static void
every_fault_with_every_attestation(void **state)
{
	static const enum attestation_kind kinds[] = { ATTESTATION_SELF,
		ATTESTATION_NONE, ATTESTATION_FIDO_U2F,
		ATTESTATION_ANDROID_KEY, ATTESTATION_APPLE,
		ATTESTATION_COMPOUND, ATTESTATION_SAFETYNET };
	const struct fault *f;
	struct key k;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		key_new_of(&k, kinds[i], "none");
		for (size_t n = 0; (f = fault_at(n)) != NULL; n++) {
			if (f->stage != FAULT_REGISTRATION)
				continue;
			arm(&k, f->name, 1);
			if (create(&k, false) != 0)
				fail_msg("%s fails", f->name);
			if (f->mc.frame == NULL && !is_whole(&k))
				fail_msg("%s with %d cannot be read", f->name,
				    (int)kinds[i]);
			fault_clear_all(device_faults(k.device));
		}
		key_free(&k);
	}
}

static void
sign_in_with(struct key *k, const struct expectation *e)
{
	struct findings f;

	arm(k, e->name, 1);
	assert_int_equal(get(k, true), 0);
	judge_assertion(k, &f);
	assert_findings(e->name, "armed", &f, e->findings);
	if (fault_armed_at(device_faults(k->device), 0) != NULL)
		fail_msg("%s is still armed", e->name);
	assert_int_equal(get(k, true), 0);
	judge_assertion(k, &f);
	assert_findings(e->name, "over", &f, "");
}

static void
sign_in_with_all(struct key *k)
{
	struct findings f;

	first_account(k);
	assert_int_equal(create(k, false), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(get(k, true), 0);
		judge_assertion(k, &f);
		assert_string_equal(f.text, "");
	}
	for (size_t i = 0; i < sizeof(authentications) /
	    sizeof(authentications[0]); i++)
		sign_in_with(k, &authentications[i]);
	key_free(k);
}

static void
authentications_break_one_thing(void **state)
{
	struct key k;

	(void)state;
	key_new(&k);
	sign_in_with_all(&k);
}

/* Who signs is another process, which takes its time. */
static void
keys_in_a_tpm_sign_what_is_wrong(void **state)
{
	struct key k;

	(void)state;
	key_new_of(&k, ATTESTATION_PACKED, "embedded");
	sign_in_with_all(&k);
	key_new_of(&k, ATTESTATION_SELF, "embedded");
	first_account(&k);
	register_with(&k, &registrations[0]);
	key_free(&k);
}

/* s is high half of the time anyway: here it always is. */
static void
high_s_is_high(void **state)
{
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	arm(&k, "auth.sig-high-s", 0);
	for (int i = 0; i < 20; i++) {
		cbor_item_t *reply;

		assert_int_equal(get(&k, true), 0);
		reply = load_reply(&k);
		assert_true(is_high(bytes_in(reply, NULL, 3)));
		cbor_decref(&reply);
	}
	key_free(&k);
}

/* No row of these groups is left out. */
static void
every_fault_is_expected(void **state)
{
	static const char *const groups[] = { "reg.", "key.", "auth." };
	const struct fault *f;

	(void)state;
	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		bool found = f->stage != FAULT_REGISTRATION &&
		    f->stage != FAULT_AUTHENTICATION, ours = false;

		for (size_t g = 0; g < 3; g++)
			ours = ours || strncmp(f->name, groups[g],
			    strlen(groups[g])) == 0;
		for (size_t e = 0; e < sizeof(registrations) /
		    sizeof(registrations[0]); e++)
			found = found || strcmp(registrations[e].name,
			    f->name) == 0;
		for (size_t e = 0; e < sizeof(authentications) /
		    sizeof(authentications[0]); e++)
			found = found || strcmp(authentications[e].name,
			    f->name) == 0;
		if (ours && !found)
			fail_msg("%s is not expected", f->name);
	}
}

/* The copy counts on from 1 by itself. */
static void
a_clone_counts(void **state)
{
	struct findings f;
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(get(&k, true), 0);
		judge_assertion(&k, &f);
	}
	arm(&k, "auth.clone", 3);
	for (uint32_t i = 1; i <= 3; i++) {
		cbor_item_t *reply;

		assert_int_equal(get(&k, true), 0);
		reply = load_reply(&k);
		assert_int_equal(counter_of(bytes_in(reply, NULL, 2)), i);
		cbor_decref(&reply);
	}
	key_free(&k);
}

static bool
is_armed(struct key *k)
{
	return fault_armed_at(device_faults(k->device), 0) != NULL;
}

/*
 * U2F: what a client makes WebAuthn of (CTAP 2.3, 8.1)
 */

static const struct expectation u2f_registrations[] = {
	{ "att.sig-bad", "att-sig" },
	{ "att.sig-empty", "att-sig" },
	{ "att.sig-wrong-key", "att-sig" },
	{ "att.sig-authdata-only", "att-sig" },
	{ "key.off-curve", "off-curve" },
	{ "key.zero-point", "off-curve" },
	{ "reg.credid-0", "id=0" },
	{ "reg.credid-short", "id=1" },
};

/* The last registration without a fault is what signs in. */
struct u2f_key {
	struct key	 k;
	uint8_t		 point[COSE_P256_POINT_LEN];
};

static void
apdu(struct key *k, uint8_t ins, bool handle)
{
	uint8_t buf[512] = { 0, ins, 3 }, *at = buf + 7;
	size_t len = 64 + (handle ? 1 + k->id_len : 0);

	buf[5] = (uint8_t)(len >> 8);
	buf[6] = (uint8_t)len;
	memcpy(at, client_data_hash, 32);
	SHA256((const uint8_t *)RP, strlen(RP), at + 32);
	at += 64;
	if (handle) {
		*at++ = (uint8_t)k->id_len;
		memcpy(at, k->id, k->id_len);
		at += k->id_len;
	}
	memset(at, 0, 2);
	assert_int_equal(device_transact_apdu(k->device, span(buf,
	    (size_t)(at - buf) + 2), k->reply, sizeof(k->reply), &k->len), 0);
	assert_true(k->len > 2);
	assert_int_equal(k->reply[k->len - 2], 0x90);
	assert_int_equal(k->reply[k->len - 1], 0);
	k->len -= 2;
}

/* What is signed, 4.3 */
static struct span
u2f_signed(struct span id, const uint8_t *point,
    uint8_t out[static 512])
{
	out[0] = 0;
	SHA256((const uint8_t *)RP, strlen(RP), out + 1);
	memcpy(out + 33, client_data_hash, 32);
	memcpy(out + 65, id.p, id.len);
	memcpy(out + 65 + id.len, point, COSE_P256_POINT_LEN);
	return span(out, 65 + id.len + COSE_P256_POINT_LEN);
}

static void
judge_u2f_registration(struct u2f_key *u, struct findings *f)
{
	const uint8_t *point = u->k.reply + 1, *end = u->k.reply + u->k.len;
	struct span id = span(point + 66, point[65]);
	const uint8_t *at = id.p + id.len;
	uint8_t data[512];
	X509 *cert = d2i_X509(NULL, &at, end - at);
	EVP_PKEY *key = import_p256(span(point + 1, 32), span(point + 33, 32));

	*f = (struct findings){ .len = 0 };
	assert_int_equal(u->k.reply[0], 5);
	assert_non_null(cert);
	if (id.len != CREDENTIAL_ID_STORED && id.len < 16)
		find(f, "id=%zu", id.len);
	if (key == NULL)
		find(f, "off-curve");
	if (!verifies(X509_get0_pubkey(cert), span(at, (size_t)(end - at)),
	    u2f_signed(id, point, data), span(data, 0)))
		find(f, "att-sig");
	if (f->len == 0) {
		u->k.id_len = id.len;
		memcpy(u->k.id, id.p, id.len);
		memcpy(u->point, point, sizeof(u->point));
	}
	EVP_PKEY_free(key);
	X509_free(cert);
}

static void
judge_u2f_sign_in(struct u2f_key *u, struct findings *f)
{
	struct span sig = span(u->k.reply + 5, u->k.len - 5);
	EVP_PKEY *key = import_p256(span(u->point + 1, 32),
	    span(u->point + 33, 32));
	uint8_t ad[37];

	*f = (struct findings){ .len = 0 };
	SHA256((const uint8_t *)RP, strlen(RP), ad);
	memcpy(ad + 32, u->k.reply, 5);
	judge_head(span(ad, 37), AUTHDATA_UP, f);
	judge_counter(&u->k, counter_of(span(ad, 37)), f);
	if (!verifies(key, sig, span(ad, 37), span(client_data_hash, 32)))
		judge_bad_signature(key, span(ad, 37), sig, f);
	EVP_PKEY_free(key);
}

/* NULL: it is none that U2F has, and honest. */
static const char *
u2f_expected(const struct fault *fault)
{
	if (!fault->u2f)
		return NULL;
	for (size_t i = 0; i < sizeof(u2f_registrations) /
	    sizeof(u2f_registrations[0]); i++)
		if (strcmp(u2f_registrations[i].name, fault->name) == 0)
			return u2f_registrations[i].findings;
	for (size_t i = 0; i < sizeof(authentications) /
	    sizeof(authentications[0]); i++)
		if (strcmp(authentications[i].name, fault->name) == 0)
			return authentications[i].findings;
	fail_msg("%s is not expected", fault->name);
	return NULL;
}

static void
u2f_ceremony(struct u2f_key *u, bool mc, struct findings *f)
{
	apdu(&u->k, mc ? U2F_REGISTER : U2F_AUTHENTICATE, !mc);
	if (mc)
		judge_u2f_registration(u, f);
	else
		judge_u2f_sign_in(u, f);
}

static void
u2f_with(struct u2f_key *u, const struct fault *fault)
{
	const char *want = u2f_expected(fault);
	bool mc = fault->stage == FAULT_REGISTRATION;
	struct findings f;

	arm(&u->k, fault->name, 1);
	u2f_ceremony(u, mc, &f);
	assert_findings(fault->name, "armed", &f, want != NULL ? want : "");
	if (is_armed(&u->k) != (want == NULL))
		fail_msg("%s: is armed, or not", fault->name);
	fault_clear_all(device_faults(u->k.device));
	u2f_ceremony(u, mc, &f);
	assert_findings(fault->name, "over", &f, "");
}

/* It has those that its messages have room for, and no other is used up. */
static void
u2f_breaks_one_thing_or_nothing(void **state)
{
	const struct fault *fault;
	struct u2f_key u;
	struct findings f;

	(void)state;
	key_new(&u.k);
	u2f_ceremony(&u, true, &f);
	assert_string_equal(f.text, "");
	for (int i = 0; i < 3; i++)
		u2f_ceremony(&u, false, &f);
	for (size_t i = 0; (fault = fault_at(i)) != NULL; i++) {
		if (fault->stage != FAULT_AUTHENTICATION)
			continue;
		u2f_with(&u, fault);
	}
	for (size_t i = 0; (fault = fault_at(i)) != NULL; i++) {
		if (fault->stage == FAULT_REGISTRATION)
			u2f_with(&u, fault);
	}
	key_free(&u.k);
}

/* A certificate of its own says nothing that could be wrong. */
static void
u2f_without_attestation_is_honest(void **state)
{
	struct u2f_key u;
	struct findings f;

	(void)state;
	key_new_of(&u.k, ATTESTATION_NONE, "none");
	arm(&u.k, "att.sig-bad", 1);
	u2f_ceremony(&u, true, &f);
	assert_string_equal(f.text, "");
	assert_true(is_armed(&u.k));
	arm(&u.k, "auth.sig-bad", 1);
	u2f_ceremony(&u, false, &f);
	assert_string_equal(f.text, "sig");
	key_free(&u.k);
}

/* With nothing to mix up, a fault waits for something. */
static void
what_does_not_fit_stays_armed(void **state)
{
	static const char *const alone[] = { "reg.credid-duplicate",
		"auth.credid-other", "auth.userhandle-other",
		"reg.exclude-ignored" };
	struct findings f;
	struct key k;

	(void)state;
	key_new(&k);
	for (size_t i = 0; i < 4; i++)
		arm(&k, alone[i], 1);
	first_account(&k);
	assert_int_equal(get(&k, true), 0);
	judge_assertion(&k, &f);
	assert_string_equal(f.text, "");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(fault_armed_at(device_faults(k.device),
		    i)->used, 0);
	/* nor is there anything in an account at another place */
	assert_int_equal(create_as(&k, "example.org", true, false), 0);
	assert_int_equal(get(&k, true), 0);
	judge_assertion(&k, &f);
	assert_string_equal(f.text, "");
	key_free(&k);
}

/* A key of that kind, whose credentials are synced. */
static void
key_new_synced(struct key *k, enum attestation_kind kind)
{
	struct device_config cfg = { .tpm.target = "none" };

	device_config_default(&cfg);
	cfg.auth.attestation.kind = kind;
	cfg.auth.backup_eligible = cfg.auth.backup_state = true;
	key_open_new(k, &cfg);
}

static void
assert_waits(struct key *k, const char *name)
{
	const struct fault_armed *armed;

	arm(k, name, 1);
	assert_int_equal(create(k, false), 0);
	armed = fault_armed_at(device_faults(k->device), 0);
	if (armed == NULL || armed->used != 0)
		fail_msg("%s of %s: has happened", name,
		    auth_attestation_format(k->kind));
}

/* What is so already, or would be wrong twice, is no fault of that key. */
static void
nothing_is_broken_twice_or_not_at_all(void **state)
{
	static const struct {
		enum attestation_kind kind;
		const char *name;
	} rows[] = {
		{ ATTESTATION_PACKED, "reg.be-bs" },
		{ ATTESTATION_SELF, "att.self-when-basic-required" },
		{ ATTESTATION_NONE, "att.none-when-direct" },
		{ ATTESTATION_FIDO_U2F, "reg.aaguid-zero" },
		{ ATTESTATION_FIDO_U2F, "reg.aaguid-unknown" },
		{ ATTESTATION_FIDO_U2F, "reg.aaguid-unapproved" },
		{ ATTESTATION_FIDO_U2F, "key.weak-rsa" },
		{ ATTESTATION_FIDO_U2F, "key.rsa-e3" },
		{ ATTESTATION_FIDO_U2F, "key.rsa-e1" },
		{ ATTESTATION_APPLE, "key.off-curve" },
		{ ATTESTATION_ANDROID_KEY, "key.zero-point" },
		{ ATTESTATION_ANDROID_KEY, "att.fmt-android-key" },
		{ ATTESTATION_COMPOUND, "key.off-curve" },
		{ ATTESTATION_COMPOUND, "att.fmt-compound" },
	};
	struct key k;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		key_new_synced(&k, rows[i].kind);
		assert_waits(&k, rows[i].name);
		key_free(&k);
	}
}

/* A setting gave the key what the fault would: another kind of attestation
 * than its own does not make that wrong. */
static void
what_a_setting_says_is_no_fault(void **state)
{
	static const struct {
		const char *setting, *name;
	} rows[] = {
		{ "aaguid=00000000-0000-0000-0000-000000000000",
		    "att.fmt-u2f-aaguid" },
		{ "attestationSubject=C=AA,O=TEST", "att.leaf-c-unknown" },
		{ "attestationSubject=OU=Authenticator TEST Attestation",
		    "att.leaf-ou" },
		{ "tpmManufacturer=00001014", "tpm.aik-san-manufacturer" },
	};
	struct device_config cfg = { .tpm.target = "none" };
	struct key k;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		device_config_default(&cfg);
		if (settings_assign(&cfg.auth, rows[i].setting, msg,
		    sizeof(msg)) != 0)
			fail_msg("%s", msg);
		key_open_new(&k, &cfg);
		assert_waits(&k, rows[i].name);
		key_free(&k);
		/* of the usual key, it is one */
		key_new(&k);
		arm(&k, rows[i].name, 1);
		assert_int_equal(create(&k, false), 0);
		assert_false(is_armed(&k));
		key_free(&k);
	}
}

static uint32_t
counter_with(struct key *k, const char *fault)
{
	cbor_item_t *reply;
	uint32_t counter;

	if (fault != NULL)
		arm(k, fault, 1);
	assert_int_equal(get(k, true), 0);
	reply = load_reply(k);
	counter = counter_of(bytes_in(reply, NULL, 2));
	cbor_decref(&reply);
	return counter;
}

/* Other accounts sign in, and the counter that all share goes on. */
static void
others_sign_in(struct key *k)
{
	uint8_t id[CREDENTIAL_ID_MAX];
	size_t id_len = k->id_len;

	memcpy(id, k->id, id_len);
	first_account(k);
	for (int i = 0; i < 3; i++)
		(void)counter_with(k, NULL);
	memcpy(k->id, id, id_len);
}

static const char *const counters[] = { "auth.counter-same",
	"auth.counter-lower", "auth.counter-zero", "auth.clone" };

/*
 * A relying party compares with what it was told of that credential, whatever
 * the key did for others since: every counter goes back there, or the fault
 * does not fit.
 */
static void
counters_go_back_where_they_are_compared(void **state)
{
	struct key k;
	uint32_t told;

	(void)state;
	key_new(&k);
	first_account(&k);
	others_sign_in(&k);
	/* it was told 0, which is no counter */
	for (size_t i = 0; i < 4; i++)
		arm(&k, counters[i], 1);
	told = counter_with(&k, NULL);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(fault_armed_at(device_faults(k.device),
		    i)->used, 0);
	fault_clear_all(device_faults(k.device));
	others_sign_in(&k);
	assert_int_equal(counter_with(&k, counters[0]), told);
	/* that one was refused */
	assert_int_equal(counter_with(&k, counters[0]), told);
	assert_int_equal(counter_with(&k, counters[1]), 1);
	assert_int_equal(counter_with(&k, counters[2]), 0);
	assert_int_equal(counter_with(&k, counters[3]), 1);
	/* these are accepted, and known from then on */
	told = counter_with(&k, "auth.counter-jump");
	assert_int_equal(counter_with(&k, counters[0]), told);
	assert_false(is_armed(&k));
	key_free(&k);
}

static void
reopen(struct key *k)
{
	struct device_config cfg = { .create = false };

	device_close(k->device);
	device_config_default(&cfg);
	cfg.path = k->dir.path;
	cfg.tpm.target = "none";
	if (device_open(&cfg, 0, &k->device, msg, sizeof(msg)) != 0)
		fail_msg("%s", msg);
}

/* Each sealkey webauthn is a process of its own. */
static void
what_was_told_is_known_afterwards(void **state)
{
	struct key k;
	uint32_t told;

	(void)state;
	key_new(&k);
	first_account(&k);
	told = counter_with(&k, NULL);
	others_sign_in(&k);
	reopen(&k);
	assert_int_equal(counter_with(&k, counters[0]), told);
	key_free(&k);
}

/* Authenticator data with a counter, of whoever was present. */
static void
tell(struct fault_told *t, uint8_t counter)
{
	static const struct credential cred = { .id = { 7 }, .id_len = 16 };
	const uint8_t data[37] = { [32] = AUTHDATA_UP, [36] = counter };
	const struct auth_facts facts = { .status = CTAP2_OK, .cred = &cred,
	    .auth_data = span(data, sizeof(data)) };

	fault_told_note(t, &facts, NULL);
	assert_int_equal(fault_told(t, &cred), counter);
}

/* A registration is told 0, which every relying party knows anyway. */
static void
nothing_told_is_not_written(void **state)
{
	struct fault_told t = { .count = 0 };

	(void)state;
	tell(&t, 0);
	assert_false(t.changed);
	tell(&t, 5);
	assert_true(t.changed);
	t.changed = false;
	tell(&t, 5);
	assert_false(t.changed);
	/* as if it had never counted: that is another thing than before */
	tell(&t, 0);
	assert_true(t.changed);
	fault_told_clear(&t);
	assert_false(t.changed);
	assert_int_equal(t.count, 0);
}

static void
the_greatest_counter_is_told(void **state)
{
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	assert_int_equal(counter_with(&k, "auth.counter-max"), UINT32_MAX);
	assert_int_equal(counter_with(&k, counters[0]), UINT32_MAX);
	key_free(&k);
}

/* One that the store does not have is remembered. */
static void
accounts_that_are_not_stored_are_mixed_up(void **state)
{
	struct findings f;
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	assert_int_equal(create_as(&k, RP, false, false), 0);
	arm(&k, "auth.credid-other", 1);
	arm(&k, "auth.userhandle-other", 1);
	assert_int_equal(get(&k, true), 0);
	judge_assertion(&k, &f);
	/* it is of a key that the store knows nothing of */
	assert_string_equal(f.text, "id=unknown");
	assert_int_equal(get(&k, true), 0);
	judge_assertion(&k, &f);
	assert_string_equal(f.text, "user=other");
	key_free(&k);
}

/* An operation that fails has not done it either. */
static void
what_fails_stays_armed(void **state)
{
	struct key k;

	(void)state;
	key_new(&k);
	arm(&k, "auth.sig-bad", 1);
	assert_int_equal(get(&k, false), CTAP2_ERR_NO_CREDENTIALS);
	assert_non_null(fault_armed_at(device_faults(k.device), 0));
	key_free(&k);
}

/* What watchers were told. */
struct heard {
	struct event_sink sink;
	char		 used[FAULT_NAME_MAX];
	char		 operation[FAULT_NAME_MAX];	/* of the operation */
	uint8_t		 flags;
	unsigned	 operations, uses;
};

static void
hear(void *arg, const struct event *e)
{
	struct heard *h = arg;

	if (e->kind == EVENT_FAULT_USED) {
		h->uses++;
		snprintf(h->used, sizeof(h->used), "%s", e->fault);
	}
	if (e->kind == EVENT_OPERATION) {
		h->operations++;
		h->flags = e->flags;
		snprintf(h->operation, sizeof(h->operation), "%s",
		    e->fault != NULL ? e->fault : "-");
	}
}

static void
watchers_hear_of_each_use(void **state)
{
	struct heard h = { .sink = { .event = hear, .arg = &h } };
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	watch_add(device_watch(k.device), &h.sink);
	arm(&k, "auth.up-clear", 1);
	arm(&k, "reg.exclude-ignored", 1);
	assert_int_equal(get(&k, true), 0);
	assert_string_equal(h.used, "auth.up-clear");
	assert_string_equal(h.operation, "auth.up-clear");
	/* as it went out */
	assert_int_equal(h.flags, AUTHDATA_UV);
	assert_int_equal(create(&k, true), 0);
	assert_string_equal(h.used, "reg.exclude-ignored");
	assert_string_equal(h.operation, "reg.exclude-ignored");
	assert_int_equal(get(&k, true), 0);
	assert_string_equal(h.operation, "-");
	assert_int_equal(h.uses, 2);
	assert_int_equal(h.operations, 3);
	watch_remove(device_watch(k.device), &h.sink);
	key_free(&k);
}

/* What never got a reply is not what the next operation did. */
static void
an_operation_that_was_dropped_did_nothing(void **state)
{
	static const uint8_t version[] = { 0, 3, 0, 0, 0, 0, 0 };
	struct heard h = { .sink = { .event = hear, .arg = &h } };
	struct cbor_out out;
	struct key k;

	(void)state;
	key_new(&k);
	first_account(&k);
	watch_add(device_watch(k.device), &h.sink);
	arm(&k, "reg.exclude-ignored", 1);
	out = make_request(&k, RP, true, true);
	assert_int_equal(device_command(k.device, 1, cbor_out_span(&out), 0),
	    DEVICE_USER);
	assert_int_equal(device_power_cycle(k.device, 0), 0);
	assert_int_equal(device_transact_apdu(k.device, span(version,
	    sizeof(version)), k.reply, sizeof(k.reply), &k.len), 0);
	assert_int_equal(h.operations, 1);
	assert_string_equal(h.operation, "-");
	assert_int_equal(h.uses, 0);
	assert_non_null(fault_armed_at(device_faults(k.device), 0));
	watch_remove(device_watch(k.device), &h.sink);
	key_free(&k);
}

static void
a_key_keeps_what_was_decided(void **state)
{
	struct device_config cfg = { .create = true };
	struct scratch dir;
	struct device *d;

	(void)state;
	scratch_new(&dir);
	device_config_default(&cfg);
	cfg.path = dir.path;
	cfg.tpm.target = "none";
	cfg.auth.no_faults = true;
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), 0);
	assert_true(fault_set_forbidden(device_faults(d)));
	assert_int_equal(device_reset(d), 0);
	device_close(d);
	/* whoever asks for faults later, does not get them */
	cfg.auth.no_faults = false;
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), 0);
	assert_true(fault_set_forbidden(device_faults(d)));
	assert_int_equal(device_power_cycle(d, 0), 0);
	assert_true(fault_set_forbidden(device_faults(d)));
	device_close(d);
	cfg.manage = true;
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), 0);
	assert_true(fault_set_forbidden(device_faults(d)));
	device_close(d);
	scratch_free(&dir);
}

static void
a_key_that_could_have_lied_is_refused(void **state)
{
	struct device_config cfg = { .create = false };
	char why[DEVICE_MESSAGE_LEN];
	struct device *d;
	struct key k;

	(void)state;
	key_new(&k);
	device_close(k.device);
	device_config_default(&cfg);
	cfg.path = k.dir.path;
	cfg.tpm.target = "none";
	cfg.auth.no_faults = true;
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), -EINVAL);
	snprintf(why, sizeof(why), "%s: was made without --no-faults, and may "
	    "have got something wrong before; make another key", k.dir.path);
	assert_string_equal(msg, why);
	scratch_free(&k.dir);
}

/* As the program is: the process that has the keys is one of these. */
int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registrations_break_one_thing),
		cmocka_unit_test(whatever_the_attestation_is),
		cmocka_unit_test(every_fault_with_every_attestation),
		cmocka_unit_test(authentications_break_one_thing),
		cmocka_unit_test(keys_in_a_tpm_sign_what_is_wrong),
		cmocka_unit_test(high_s_is_high),
		cmocka_unit_test(a_clone_counts),
		cmocka_unit_test(every_fault_is_expected),
		cmocka_unit_test(u2f_breaks_one_thing_or_nothing),
		cmocka_unit_test(u2f_without_attestation_is_honest),
		cmocka_unit_test(what_does_not_fit_stays_armed),
		cmocka_unit_test(nothing_is_broken_twice_or_not_at_all),
		cmocka_unit_test(what_a_setting_says_is_no_fault),
		cmocka_unit_test(counters_go_back_where_they_are_compared),
		cmocka_unit_test(what_was_told_is_known_afterwards),
		cmocka_unit_test(the_greatest_counter_is_told),
		cmocka_unit_test(nothing_told_is_not_written),
		cmocka_unit_test(accounts_that_are_not_stored_are_mixed_up),
		cmocka_unit_test(what_fails_stays_armed),
		cmocka_unit_test(watchers_hear_of_each_use),
		cmocka_unit_test(an_operation_that_was_dropped_did_nothing),
		cmocka_unit_test(a_key_keeps_what_was_decided),
		cmocka_unit_test(a_key_that_could_have_lied_is_refused),
	};

	int status;

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0) {
		status = key_helper_main();
		(void)prctl(PR_SET_DUMPABLE, 1);	/* for leak checkers */
		return status;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
