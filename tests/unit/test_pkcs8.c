/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys that come from elsewhere, and those that go (KEY_IMPORT,
 * KEY_EXPORT): what OpenSSL writes is read, what we write OpenSSL reads, and
 * what makes no sense is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tpm/key.h"
#include "tpm/pkcs8.h"

#define BOUND	"an RP ID hash, or so"
#define COUNT(t)	(sizeof(t) / sizeof((t)[0]))

static const uint8_t epoch[KEY_EPOCH_LEN] = { 1, 2, 3 };

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct keys	*keys;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t wrapped[KEY_WRAPPED_MAX];
	size_t len;

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-pkcs8-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(keys_open_software(f->dirfd, true, &f->keys), 0);
	assert_int_equal(f->keys->ops->new_storage_key(f->keys, wrapped,
	    &len), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->keys);
	unlinkat(f->dirfd, "software.key", 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static struct key_op
op_of(enum key_verb verb, int alg)
{
	return (struct key_op){ .verb = verb, .alg = alg,
		.epoch = span(epoch, sizeof(epoch)),
		.bound = span_str(BOUND), .meta = span_str("meta") };
}

/* With the blob of made. */
static struct key_op
use_of(enum key_verb verb, const struct key_op *made)
{
	struct key_op op = op_of(verb, 0);

	op.blob = span(made->out_blob, made->out_blob_len);
	return op;
}

static int
import(struct fixture *f, int alg, struct span der, struct key_op *op)
{
	*op = op_of(KEY_IMPORT, alg);
	op->data[0] = der;
	return keys_perform(f->keys, op);
}

/* PKCS #8; to be freed with free(). */
static struct span
der_of(EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL, *copy;
	int n;

	assert_non_null(info);
	n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	assert_true(n > 0);
	copy = malloc((size_t)n);
	memcpy(copy, der, (size_t)n);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return span(copy, (size_t)n);
}

static void
drop(struct span der)
{
	free((void *)der.p);
}

/* In with one and out with the other: the same key signs for both. */
static void
assert_signs_for(struct fixture *f, const struct key_op *made, EVP_PKEY *key)
{
	struct key_op op = use_of(KEY_SIGN, made);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *md = made->alg == COSE_ES384 ? "SHA384" :
	    made->alg == COSE_ES512 ? "SHA512" : "SHA256";
	EVP_PKEY_CTX *pctx;

	op.data[0] = span_str("authenticator ");
	op.data[1] = span_str("data");
	assert_int_equal(keys_perform(f->keys, &op), 0);
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		md = NULL;
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pctx, md, NULL, NULL,
	    key, NULL), 1);
	if (made->alg == COSE_PS256) {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 32);
	}
	assert_int_equal(EVP_DigestVerify(ctx, op.out_sig, op.out_sig_len,
	    (const uint8_t *)"authenticator data", 18), 1);
	EVP_MD_CTX_free(ctx);
}

static const struct {
	const char	*type;
	const char	*group;
	int		 alg;		/* to be guessed */
	int		 other;		/* or to be asked for; 0: none */
} good[] = {
	{ "EC", "P-256", COSE_ES256, 0 },
	{ "EC", "P-384", COSE_ES384, 0 },
	{ "EC", "P-521", COSE_ES512, 0 },
	{ "EC", "secp256k1", COSE_ES256K, 0 },
	{ "ED25519", NULL, COSE_EDDSA, 0 },
	{ "ED448", NULL, COSE_ED448, 0 },
	{ "RSA", NULL, COSE_RS256, COSE_PS256 },
};

static EVP_PKEY *
generate(const char *type, const char *group)
{
	if (group != NULL)
		return EVP_EC_gen(group);
	if (strcmp(type, "RSA") == 0)
		return EVP_RSA_gen(2048);
	return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void
test_what_openssl_writes_is_read(void **state)
{
	struct fixture *f = *state;
	struct key_op op, open;
	struct span der;
	EVP_PKEY *key;

	for (size_t i = 0; i < COUNT(good); i++) {
		key = generate(good[i].type, good[i].group);
		assert_non_null(key);
		EVP_PKEY_up_ref(key);
		der = der_of(key);
		assert_int_equal(import(f, 0, der, &op), 0);
		assert_int_equal(op.alg, good[i].alg);
		assert_true(op.out_pub_len > 0);
		assert_signs_for(f, &op, key);
		open = use_of(KEY_OPEN, &op);
		assert_int_equal(keys_perform(f->keys, &open), 0);
		assert_int_equal(open.alg, good[i].alg);
		assert_int_equal(open.out_meta_len, 4);
		assert_int_equal(import(f, good[i].alg, der, &op), 0);
		if (good[i].other != 0) {
			assert_int_equal(import(f, good[i].other, der, &op),
			    0);
			assert_int_equal(op.alg, good[i].other);
			assert_signs_for(f, &op, key);
		}
		assert_int_equal(import(f, i == 0 ? COSE_EDDSA : COSE_ES256,
		    der, &op), -ENOTSUP);
		drop(der);
		EVP_PKEY_free(key);
	}
}

/* And what comes back in has the same public key. */
static void
test_what_is_written_openssl_reads(void **state)
{
	struct fixture *f = *state;
	struct key_op made, out, again;
	const unsigned char *p;
	EVP_PKEY *key;

	for (size_t i = 0; i < COUNT(good); i++) {
		made = op_of(KEY_CREATE, good[i].alg);
		assert_int_equal(keys_perform(f->keys, &made), 0);
		out = use_of(KEY_EXPORT, &made);
		assert_int_equal(keys_perform(f->keys, &out), 0);
		assert_int_equal(out.alg, good[i].alg);
		p = out.out_sig;
		key = d2i_AutoPrivateKey(NULL, &p, (long)out.out_sig_len);
		assert_non_null(key);
		assert_ptr_equal(p, out.out_sig + out.out_sig_len);
		assert_true(EVP_PKEY_is_a(key, good[i].type));
		assert_signs_for(f, &made, key);
		assert_int_equal(import(f, 0, span(out.out_sig,
		    out.out_sig_len), &again), 0);
		assert_int_equal(again.out_pub_len, made.out_pub_len);
		assert_memory_equal(again.out_pub, made.out_pub,
		    made.out_pub_len);
		EVP_PKEY_free(key);
	}
}

/* RFC 9881, C.1: seeds alone; also where this OpenSSL knows no ML-DSA. */
static void
test_seeds_are_written(void **state)
{
	static const struct {
		int	 alg;
		uint8_t	 last;		/* of the object identifier */
	} kinds[] = {
		{ COSE_ML_DSA_44, 0x11 },
		{ COSE_ML_DSA_65, 0x12 },
		{ COSE_ML_DSA_87, 0x13 },
	};
	uint8_t want[] = { 0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06,
	    0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x04,
	    0x22, 0x80, 0x20, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
	    30, 31 };
	struct softalg_tools none = { .md_ctx = NULL };
	uint8_t secret[SOFTALG_SECRET_MAX], out[KEY_SIG_MAX];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		want[17] = kinds[i].last;
		assert_int_equal(pkcs8_write(&none, softalg_find(
		    kinds[i].alg), secret, out, sizeof(out), &len), 0);
		assert_true(span_eq(span(out, len), span(want,
		    sizeof(want))));
	}
	assert_int_equal(pkcs8_write(&none, softalg_find(COSE_ML_DSA_44),
	    secret, out, sizeof(want) - 1, &len), -EIO);
}

static void
test_only_what_is_ours_is_written(void **state)
{
	struct fixture *f = *state;
	struct key_op made = op_of(KEY_CREATE, COSE_ES256), op;

	assert_int_equal(keys_perform(f->keys, &made), 0);
	op = use_of(KEY_EXPORT, &made);
	op.bound = span_str("another one");
	assert_int_equal(keys_perform(f->keys, &op), -EBADMSG);
	assert_int_equal(op.out_sig_len, 0);
	made.out_blob[made.out_blob_len - 1] ^= 1;
	op = use_of(KEY_EXPORT, &made);
	assert_int_equal(keys_perform(f->keys, &op), -EBADMSG);
}

/* Cut off, longer, or with any byte another one: never a crash. */
static void
test_damage(void **state)
{
	struct fixture *f = *state;
	struct span der = der_of(EVP_EC_gen("P-256"));
	uint8_t bytes[300];
	struct key_op op;
	int r;

	assert_true(der.len < sizeof(bytes));
	memcpy(bytes, der.p, der.len);
	bytes[der.len] = 0;
	for (size_t n = 0; n < der.len; n++)
		assert_int_equal(import(f, 0, span(bytes, n), &op), -EINVAL);
	assert_int_equal(import(f, 0, span(bytes, der.len + 1), &op),
	    -EINVAL);
	for (size_t i = 0; i < der.len * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		r = import(f, 0, span(bytes, der.len), &op);
		if (r != 0 && r != -EINVAL && r != -ENOTSUP)
			fail_msg("bit %zu: %d", i, r);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(import(f, 0, span(NULL, 0), &op), -EINVAL);
	assert_int_equal(import(f, 0, span("", 0), &op), -EINVAL);
	drop(der);
}

/* The last 65 bytes are the point: another key's, or on no curve. */
static void
test_a_public_key_of_another(void **state)
{
	struct fixture *f = *state;
	struct span der = der_of(EVP_EC_gen("P-256"));
	struct span other = der_of(EVP_EC_gen("P-256"));
	uint8_t bytes[300];
	struct key_op op;

	assert_true(der.len < sizeof(bytes) && der.len == other.len);
	memcpy(bytes, der.p, der.len);
	memcpy(bytes + der.len - 64, other.p + der.len - 64, 64);
	assert_int_equal(import(f, 0, span(bytes, der.len), &op), -EINVAL);
	memset(bytes + der.len - 64, 0x11, 64);
	assert_int_equal(import(f, 0, span(bytes, der.len), &op), -EINVAL);
	drop(der);
	drop(other);
}

static void
refuse(struct fixture *f, EVP_PKEY *key, int error)
{
	struct span der;
	struct key_op op;

	assert_non_null(key);
	der = der_of(key);
	assert_int_equal(import(f, 0, der, &op), error);
	assert_int_equal(op.out_blob_len, 0);
	drop(der);
}

static EVP_PKEY *
rsa_of(unsigned bits, unsigned long e, unsigned primes)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_new();
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
	BN_set_word(n, e);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, (int)primes),
	    1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, n), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	BN_free(n);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
rsa(unsigned bits, unsigned long e)
{
	return rsa_of(bits, e, 2);
}

static EVP_PKEY *
explicit_curve(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_int_equal(EVP_PKEY_set_utf8_string_param(key,
	    OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT), 1);
	return key;
}

static void
test_other_keys(void **state)
{
	struct fixture *f = *state;

	refuse(f, EVP_EC_gen("P-224"), -ENOTSUP);
	refuse(f, EVP_EC_gen("brainpoolP256r1"), -ENOTSUP);
	refuse(f, explicit_curve(), -ENOTSUP);
	refuse(f, EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), -ENOTSUP);
	refuse(f, rsa(1024, 65537), -ENOTSUP);
	refuse(f, rsa(3072, 65537), -ENOTSUP);
	refuse(f, rsa(2048, 3), -ENOTSUP);
	refuse(f, rsa_of(2048, 65537, 3), -ENOTSUP);
}

static void
test_encrypted(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	X509_SIG *sig = PKCS8_encrypt(-1, EVP_aes_128_cbc(), "secret", 6,
	    NULL, 0, 1000, info);
	unsigned char *der = NULL;
	struct key_op op;
	int n;

	assert_non_null(sig);
	n = i2d_X509_SIG(sig, &der);
	assert_true(n > 0);
	assert_int_equal(import(f, 0, span(der, (size_t)n), &op), -EINVAL);
	OPENSSL_free(der);
	X509_SIG_free(sig);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
}

/* An RSA key with a byte of its numbers altered signs for nobody. */
static void
test_rsa_that_contradicts_itself(void **state)
{
	struct fixture *f = *state;
	struct span der = der_of(rsa(2048, 65537));
	uint8_t *bytes = (uint8_t *)der.p;
	struct key_op op;

	for (size_t i = 40; i < der.len; i += 97) {
		bytes[i] ^= 0x04;
		assert_int_not_equal(import(f, 0, der, &op), 0);
		bytes[i] ^= 0x04;
	}
	assert_int_equal(import(f, 0, der, &op), 0);
	drop(der);
}

static void
test_too_large(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = calloc(1, 100000);
	struct key_op op;

	memcpy(bytes, "\x30\x83\x01\x86\x9b", 5);
	assert_int_equal(import(f, 0, span(bytes, 100000), &op), -EINVAL);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_openssl_writes_is_read),
		cmocka_unit_test(test_what_is_written_openssl_reads),
		cmocka_unit_test(test_seeds_are_written),
		cmocka_unit_test(test_only_what_is_ours_is_written),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_a_public_key_of_another),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_rsa_that_contradicts_itself),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
