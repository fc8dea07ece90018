/* SPDX-License-Identifier: Apache-2.0 */
/* See statement.h. */
#include "tests/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cbor.h>
#include <cmocka.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/attestation.h"
#include "ctap/authdata.h"

#define AAGUID_OID	"1.3.6.1.4.1.45724.1.1.4"
#define NONCE_OID	"1.2.840.113635.100.8.2"
#define DESCRIPTION_OID	"1.3.6.1.4.1.11129.2.1.17"

/* A reply, taken apart. */
struct parts {
	const struct statement_case *c;
	cbor_item_t	*map;
	struct span	 auth_data;
	struct span	 id;
	uint8_t		 point[65];	/* of the credential's key */
	EVP_PKEY	*key;		/* the same */
	uint8_t		 signed_data[2048];
	size_t		 signed_len;	/* authData, client data's hash */
};

static cbor_item_t *
member(const cbor_item_t *map, const char *name)
{
	struct cbor_pair *pairs = cbor_map_handle(map);

	for (size_t i = 0; i < cbor_map_size(map); i++)
		if (cbor_isa_string(pairs[i].key) &&
		    span_eq(span_str(name), span(cbor_string_handle(
		    pairs[i].key), cbor_string_length(pairs[i].key))))
			return pairs[i].value;
	fail_msg("no member %s", name);
	return NULL;
}

static struct span
bytes_of(const cbor_item_t *item)
{
	assert_true(cbor_isa_bytestring(item));
	return span(cbor_bytestring_handle(item),
	    cbor_bytestring_length(item));
}

static struct span
text_of(const cbor_item_t *item)
{
	assert_true(cbor_isa_string(item));
	return span(cbor_string_handle(item), cbor_string_length(item));
}

static int64_t
int_of(const cbor_item_t *item)
{
	return cbor_isa_negint(item) ? -1 - (int64_t)cbor_get_int(item) :
	    (int64_t)cbor_get_int(item);
}

static EVP_PKEY *
import_point(const uint8_t point[static 65])
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
	    "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point,
	    65);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* COSE_Key of ES256: { 1: 2, 3: -7, -1: 1, -2: x, -3: y } */
static void
take_credential(struct parts *p)
{
	struct span ad = p->auth_data;
	struct cbor_load_result result;
	cbor_item_t *cose;

	assert_true(ad.len > 55 && (ad.p[32] & AUTHDATA_AT));
	p->id = span(ad.p + 55, (size_t)(ad.p[53] << 8 | ad.p[54]));
	assert_true(ad.len > 55 + p->id.len);
	cose = cbor_load(ad.p + 55 + p->id.len, ad.len - 55 - p->id.len,
	    &result);
	assert_non_null(cose);
	assert_int_equal(cbor_map_size(cose), 5);
	assert_int_equal(int_of(cbor_map_handle(cose)[1].value), -7);
	p->point[0] = 4;
	memcpy(p->point + 1, bytes_of(cbor_map_handle(cose)[3].value).p, 32);
	memcpy(p->point + 33, bytes_of(cbor_map_handle(cose)[4].value).p, 32);
	p->key = import_point(p->point);
	cbor_decref(&cose);
}

static void
take_apart(const struct statement_case *c, struct parts *p)
{
	struct cbor_load_result result;

	*p = (struct parts){ .c = c };
	assert_true(c->reply.len > 1);
	assert_int_equal(c->reply.p[0], 0);
	p->map = cbor_load(c->reply.p + 1, c->reply.len - 1, &result);
	assert_non_null(p->map);
	assert_int_equal(result.read, c->reply.len - 1);
	assert_true(cbor_map_size(p->map) >= 3);
	p->auth_data = bytes_of(cbor_map_handle(p->map)[1].value);
	take_credential(p);
	memcpy(p->signed_data, p->auth_data.p, p->auth_data.len);
	memcpy(p->signed_data + p->auth_data.len, c->client_data_hash.p, 32);
	p->signed_len = p->auth_data.len + 32;
}

static void
parts_free(struct parts *p)
{
	EVP_PKEY_free(p->key);
	cbor_decref(&p->map);
}

static bool
verifies(EVP_PKEY *key, const EVP_MD *md, struct span sig, struct span data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig.p, sig.len, data.p, data.len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* Certificates, leaf first; to be freed. */
static STACK_OF(X509) *
chain_of(const cbor_item_t *x5c)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (size_t i = 0; i < cbor_array_size(x5c); i++) {
		struct span der = bytes_of(cbor_array_handle(x5c)[i]);
		const uint8_t *at = der.p;
		X509 *x = d2i_X509(NULL, &at, (long)der.len);

		assert_non_null(x);
		assert_ptr_equal(at, der.p + der.len);
		sk_X509_push(chain, x);
	}
	return chain;
}

static int
leave_extensions(int ok, X509_STORE_CTX *ctx)
{
	/* directoryName in a critical alternative name: OpenSSL reads it, but
	 * does not say so */
	if (X509_STORE_CTX_get_error(ctx) ==
	    X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION)
		return 1;
	return ok;
}

static bool
leads_home(struct store *st, STACK_OF(X509) *chain)
{
	X509_STORE *roots = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *root;
	char *pem;
	BIO *bio;
	bool ok;

	assert_int_equal(attestation_roots_read(st, &pem), 0);
	bio = BIO_new_mem_buf(pem, -1);
	while ((root = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_STORE_add_cert(roots, root);
		X509_free(root);
	}
	X509_STORE_CTX_init(ctx, roots, sk_X509_value(chain, 0), chain);
	X509_STORE_CTX_set_verify_cb(ctx, leave_extensions);
	ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(roots);
	BIO_free(bio);
	free(pem);
	return ok;
}

/* The public key of the leaf, to be freed, of a chain that is good. */
static EVP_PKEY *
judge_chain(const struct parts *p, STACK_OF(X509) *chain)
{
	X509 *leaf = sk_X509_value(chain, 0);
	EVP_PKEY *key = X509_get_pubkey(leaf);

	assert_true(leads_home(p->c->store, chain));
	assert_int_equal(X509_get_version(leaf), 2);
	assert_int_equal(X509_check_ca(leaf), 0);
	assert_non_null(key);
	return key;
}

/* The same of a statement's x5c, with so many certificates. */
static EVP_PKEY *
judge_x5c(const struct parts *p, const cbor_item_t *stmt, size_t count)
{
	cbor_item_t *x5c = member(stmt, "x5c");
	STACK_OF(X509) *chain = chain_of(x5c);
	EVP_PKEY *key = judge_chain(p, chain);

	assert_int_equal(cbor_array_size(x5c), count);
	sk_X509_pop_free(chain, X509_free);
	return key;
}

static struct span
extension(X509 *x, const char *name)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(name, 1);
	int at = X509_get_ext_by_OBJ(x, oid, -1);
	const ASN1_OCTET_STRING *value;

	ASN1_OBJECT_free(oid);
	if (at < 0)
		fail_msg("no extension %s", name);
	value = X509_EXTENSION_get_data(X509_get_ext(x, at));
	return span(ASN1_STRING_get0_data(value),
	    (size_t)ASN1_STRING_length(value));
}

static X509 *
first_of(const cbor_item_t *stmt)
{
	STACK_OF(X509) *chain = chain_of(member(stmt, "x5c"));
	X509 *x = sk_X509_shift(chain);

	sk_X509_pop_free(chain, X509_free);
	return x;
}

static struct span
signed_by(const struct parts *p)
{
	return span(p->signed_data, p->signed_len);
}

/* 8.2, with certificates */
static void
judge_packed(const struct parts *p, const cbor_item_t *stmt, size_t count)
{
	EVP_PKEY *key = judge_x5c(p, stmt, count);
	X509 *leaf = first_of(stmt);
	struct span aaguid = extension(leaf, AAGUID_OID);

	assert_int_equal(cbor_map_size(stmt), 3);
	assert_int_equal(int_of(member(stmt, "alg")), -7);
	assert_true(verifies(key, EVP_sha256(), bytes_of(member(stmt,
	    "sig")), signed_by(p)));
	assert_int_equal(aaguid.len, 18);
	assert_memory_equal(aaguid.p, "\x04\x10", 2);
	assert_memory_equal(aaguid.p + 2, p->auth_data.p + 37, 16);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

/* 8.2, self attestation */
static void
judge_self(const struct parts *p, const cbor_item_t *stmt)
{
	assert_int_equal(cbor_map_size(stmt), 2);
	assert_int_equal(int_of(member(stmt, "alg")), -7);
	assert_true(verifies(p->key, EVP_sha256(), bytes_of(member(stmt,
	    "sig")), signed_by(p)));
}

/* 8.6 */
static void
judge_u2f(const struct parts *p, const cbor_item_t *stmt)
{
	static const uint8_t zero[16];
	uint8_t message[1 + 32 + 32 + 1023 + 65] = { 0 };
	EVP_PKEY *key = judge_x5c(p, stmt, 1);
	size_t len = 65;

	assert_int_equal(cbor_map_size(stmt), 2);
	assert_memory_equal(p->auth_data.p + 37, zero, 16);
	SHA256((const uint8_t *)p->c->rp_id, strlen(p->c->rp_id),
	    message + 1);
	memcpy(message + 33, p->c->client_data_hash.p, 32);
	memcpy(message + len, p->id.p, p->id.len);
	len += p->id.len;
	memcpy(message + len, p->point, sizeof(p->point));
	len += sizeof(p->point);
	assert_true(verifies(key, EVP_sha256(), bytes_of(member(stmt,
	    "sig")), span(message, len)));
	EVP_PKEY_free(key);
}

/* The content of the value at *at, which goes behind it. */
static struct span
next_value(const uint8_t **at, const uint8_t *end, int tag)
{
	const uint8_t *content = *at;
	int got, class;
	long len;

	assert_int_equal(ASN1_get_object(&content, &len, &got, &class,
	    end - *at) & 0x80, 0);
	assert_int_equal(got, tag);
	*at = content + len;
	return span(content, (size_t)len);
}

/* The members of an AuthorizationList that say what the key is for. */
static void
judge_authorizations(struct span list)
{
	static const uint8_t purpose[] = { 0xa1, 5, 0x31, 3, 2, 1, 2 };
	static const uint8_t origin[] = { 0xbf, 0x85, 0x3e, 3, 2, 1, 0 };

	assert_int_equal(list.len, sizeof(purpose) + sizeof(origin));
	assert_memory_equal(list.p, purpose, sizeof(purpose));
	assert_memory_equal(list.p + sizeof(purpose), origin, sizeof(origin));
}

/* 8.4: KeyDescription */
static void
judge_description(const struct parts *p, struct span ext)
{
	const uint8_t *at = ext.p, *end = ext.p + ext.len;
	struct span all = next_value(&at, end, V_ASN1_SEQUENCE), value;

	assert_ptr_equal(at, end);
	at = all.p;
	(void)next_value(&at, end, V_ASN1_INTEGER);
	value = next_value(&at, end, V_ASN1_ENUMERATED);
	assert_int_equal(value.p[0], 1);
	(void)next_value(&at, end, V_ASN1_INTEGER);
	(void)next_value(&at, end, V_ASN1_ENUMERATED);
	value = next_value(&at, end, V_ASN1_OCTET_STRING);
	assert_true(span_eq(value, p->c->client_data_hash));
	(void)next_value(&at, end, V_ASN1_OCTET_STRING);
	/* what software enforces: nothing */
	value = next_value(&at, end, V_ASN1_SEQUENCE);
	assert_int_equal(value.len, 0);
	judge_authorizations(next_value(&at, end, V_ASN1_SEQUENCE));
	assert_ptr_equal(at, end);
}

static void
judge_android_key(const struct parts *p, const cbor_item_t *stmt,
    size_t count)
{
	/* with the anchor */
	EVP_PKEY *key = judge_x5c(p, stmt, count + 1);
	X509 *leaf = first_of(stmt);

	assert_int_equal(cbor_map_size(stmt), 3);
	assert_int_equal(EVP_PKEY_eq(key, p->key), 1);
	assert_int_equal(int_of(member(stmt, "alg")), -7);
	assert_true(verifies(key, EVP_sha256(), bytes_of(member(stmt,
	    "sig")), signed_by(p)));
	judge_description(p, extension(leaf, DESCRIPTION_OID));
	X509_free(leaf);
	EVP_PKEY_free(key);
}

/* 8.8 */
static void
judge_apple(const struct parts *p, const cbor_item_t *stmt, size_t count)
{
	static const uint8_t head[] = { 0x30, 0x24, 0xa1, 0x22, 0x04, 0x20 };
	EVP_PKEY *key = judge_x5c(p, stmt, count);
	X509 *leaf = first_of(stmt);
	struct span ext = extension(leaf, NONCE_OID);
	uint8_t hash[32];

	assert_int_equal(cbor_map_size(stmt), 1);
	assert_int_equal(EVP_PKEY_eq(key, p->key), 1);
	assert_int_equal(ext.len, sizeof(head) + sizeof(hash));
	assert_memory_equal(ext.p, head, sizeof(head));
	SHA256(p->signed_data, p->signed_len, hash);
	assert_memory_equal(ext.p + sizeof(head), hash, sizeof(hash));
	X509_free(leaf);
	EVP_PKEY_free(key);
}

static struct span
sized(struct span s, size_t *at)
{
	size_t len = (size_t)(s.p[*at] << 8 | s.p[*at + 1]);
	struct span value = span(s.p + *at + 2, len);

	assert_true(*at + 2 + len <= s.len);
	*at += 2 + len;
	return value;
}

/* 8.3: certInfo is about pubArea, and pubArea about the key */
static void
judge_cert_info(const struct parts *p, struct span info, struct span pub)
{
	static const uint8_t head[] = { 0xff, 'T', 'C', 'G', 0x80, 0x17 };
	uint8_t hash[32];
	size_t at = 6;
	struct span s;

	assert_memory_equal(info.p, head, sizeof(head));
	(void)sized(info, &at);
	s = sized(info, &at);
	SHA256(p->signed_data, p->signed_len, hash);
	assert_true(span_eq(s, span(hash, 32)));
	at += 8 + 4 + 4 + 1 + 8;
	s = sized(info, &at);
	SHA256(pub.p, pub.len, hash);
	assert_int_equal(s.len, 34);
	assert_memory_equal(s.p, "\x00\x0b", 2);
	assert_memory_equal(s.p + 2, hash, 32);
	(void)sized(info, &at);
	assert_int_equal(at, info.len);
	/* type, nameAlg, attributes, policy, symmetric, scheme, curve, kdf */
	assert_memory_equal(pub.p, "\x00\x23\x00\x0b\x00\x04\x04\x72\x00\x00"
	    "\x00\x10\x00\x10\x00\x03\x00\x10", 18);
	at = 18;
	assert_true(span_eq(sized(pub, &at), span(p->point + 1, 32)));
	assert_true(span_eq(sized(pub, &at), span(p->point + 33, 32)));
	assert_int_equal(at, pub.len);
}

static void
judge_tpm(const struct parts *p, const cbor_item_t *stmt, size_t count)
{
	EVP_PKEY *key = judge_x5c(p, stmt, count);
	struct span info = bytes_of(member(stmt, "certInfo"));
	X509 *leaf = first_of(stmt);
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage,
	    NULL, NULL);
	char oid[64] = "";

	assert_int_equal(cbor_map_size(stmt), 6);
	assert_true(span_eq(text_of(member(stmt, "ver")), span_str("2.0")));
	assert_true(verifies(key, EVP_sha256(), bytes_of(member(stmt,
	    "sig")), info));
	judge_cert_info(p, info, bytes_of(member(stmt, "pubArea")));
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(leaf)),
	    0);
	assert_int_equal(sk_ASN1_OBJECT_num(eku), 1);
	OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(eku, 0), 1);
	assert_string_equal(oid, "2.23.133.8.3");
	EXTENDED_KEY_USAGE_free(eku);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

/* Of base64 as it is, or of URLs; to be freed. */
static uint8_t *
decode64(const char *text, size_t len, size_t *out_len)
{
	uint8_t *padded = calloc(1, len + 4), *out = calloc(1, len + 4);
	size_t n = len;
	int got;

	for (size_t i = 0; i < len; i++)
		padded[i] = (uint8_t)(text[i] == '-' ? '+' :
		    text[i] == '_' ? '/' : text[i]);
	while (n % 4 != 0)
		padded[n++] = '=';
	got = EVP_DecodeBlock(out, padded, (int)n);
	assert_true(got > 0);
	for (size_t i = n; i > 0 && padded[i - 1] == '='; i--)
		got--;
	free(padded);
	*out_len = (size_t)got;
	return out;
}

static json_t *
load_part(const char *text, size_t len)
{
	size_t n;
	uint8_t *json = decode64(text, len, &n);
	json_t *object = json_loadb((char *)json, n, JSON_REJECT_DUPLICATES,
	    NULL);

	free(json);
	assert_non_null(object);
	return object;
}

/* Of the header of a JWS; to be freed. */
static STACK_OF(X509) *
chain_of_json(const json_t *header)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	json_t *one;
	size_t i, n;

	json_array_foreach(json_object_get(header, "x5c"), i, one) {
		uint8_t *der = decode64(json_string_value(one),
		    json_string_length(one), &n);
		const uint8_t *at = der;

		sk_X509_push(chain, d2i_X509(NULL, &at, (long)n));
		free(der);
	}
	return chain;
}

static void
judge_claims(const struct parts *p, const json_t *claims)
{
	const char *nonce = json_string_value(json_object_get(claims,
	    "nonce"));
	uint8_t hash[32], *got;
	size_t n;

	SHA256(p->signed_data, p->signed_len, hash);
	got = decode64(nonce, strlen(nonce), &n);
	assert_int_equal(n, 32);
	assert_memory_equal(got, hash, 32);
	free(got);
	assert_true(json_is_true(json_object_get(claims,
	    "ctsProfileMatch")));
}

/* 8.5, and RFC 7515 */
static void
judge_safetynet(const struct parts *p, const cbor_item_t *stmt, size_t count)
{
	struct span response = bytes_of(member(stmt, "response"));
	const char *jws = (const char *)response.p, *dot, *second;
	json_t *header, *claims;
	STACK_OF(X509) *chain;
	size_t sig_len;
	EVP_PKEY *key;
	uint8_t *sig;

	assert_int_equal(cbor_map_size(stmt), 2);
	dot = memchr(jws, '.', response.len);
	assert_non_null(dot);
	second = memchr(dot + 1, '.', response.len - (size_t)(dot + 1 - jws));
	assert_non_null(second);
	header = load_part(jws, (size_t)(dot - jws));
	claims = load_part(dot + 1, (size_t)(second - dot - 1));
	sig = decode64(second + 1, response.len - (size_t)(second + 1 - jws),
	    &sig_len);
	chain = chain_of_json(header);
	assert_int_equal(sk_X509_num(chain), count);
	key = judge_chain(p, chain);
	assert_string_equal(json_string_value(json_object_get(header, "alg")),
	    "RS256");
	assert_true(verifies(key, EVP_sha256(), span(sig, sig_len),
	    span(response.p, (size_t)(second - jws))));
	assert_int_equal(X509_check_host(sk_X509_value(chain, 0),
	    "attest.android.com", 0, 0, NULL), 1);
	judge_claims(p, claims);
	free(sig);
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
	json_decref(header);
	json_decref(claims);
}

static const char *const formats[ATTESTATION_KINDS] = {
	[ATTESTATION_PACKED] = "packed",
	[ATTESTATION_SELF] = "packed",
	[ATTESTATION_NONE] = "none",
	[ATTESTATION_TPM] = "tpm",
	[ATTESTATION_FIDO_U2F] = "fido-u2f",
	[ATTESTATION_ANDROID_KEY] = "android-key",
	[ATTESTATION_APPLE] = "apple",
	[ATTESTATION_COMPOUND] = "compound",
	[ATTESTATION_SAFETYNET] = "android-safetynet",
};

static void
judge_one(const struct parts *p, enum attestation_kind kind, struct span fmt,
    const cbor_item_t *stmt, size_t count)
{
	if (!span_eq(fmt, span_str(formats[kind])))
		fail_msg("%.*s, not %s", (int)fmt.len, (const char *)fmt.p,
		    formats[kind]);
	switch (kind) {
	case ATTESTATION_PACKED:
		judge_packed(p, stmt, count);
		break;
	case ATTESTATION_SELF:
		judge_self(p, stmt);
		break;
	case ATTESTATION_TPM:
		judge_tpm(p, stmt, count);
		break;
	case ATTESTATION_FIDO_U2F:
		judge_u2f(p, stmt);
		break;
	case ATTESTATION_ANDROID_KEY:
		judge_android_key(p, stmt, count);
		break;
	case ATTESTATION_APPLE:
		judge_apple(p, stmt, count);
		break;
	case ATTESTATION_SAFETYNET:
		judge_safetynet(p, stmt, count);
		break;
	default:
		assert_true(cbor_isa_map(stmt));
		assert_int_equal(cbor_map_size(stmt), 0);
		break;
	}
}

/* 8.9: packed, and android-key */
static void
judge_compound(const struct parts *p, const cbor_item_t *stmt, size_t count)
{
	static const enum attestation_kind kinds[] = { ATTESTATION_PACKED,
		ATTESTATION_ANDROID_KEY };

	assert_true(cbor_isa_array(stmt));
	assert_int_equal(cbor_array_size(stmt), 2);
	for (size_t i = 0; i < 2; i++) {
		const cbor_item_t *one = cbor_array_handle(stmt)[i];

		assert_int_equal(cbor_map_size(one), 2);
		judge_one(p, kinds[i], text_of(member(one, "fmt")),
		    member(one, "attStmt"), count);
	}
}

void
statement_judge(const struct statement_case *c)
{
	struct cbor_pair *pairs;
	struct span fmt;
	struct parts p;

	take_apart(c, &p);
	pairs = cbor_map_handle(p.map);
	fmt = text_of(pairs[0].value);
	if (c->kind == ATTESTATION_COMPOUND) {
		assert_true(span_eq(fmt, span_str("compound")));
		judge_compound(&p, pairs[2].value, c->certificates);
	} else {
		judge_one(&p, c->kind, fmt, pairs[2].value, c->certificates);
	}
	parts_free(&p);
}

X509 *
statement_leaf(const struct statement_case *c)
{
	struct parts p;
	X509 *x;

	take_apart(c, &p);
	x = first_of(cbor_map_handle(p.map)[2].value);
	parts_free(&p);
	return x;
}
