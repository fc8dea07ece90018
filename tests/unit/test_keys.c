/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software key provider. Signatures and formats are checked by OpenSSL
 * calls that share nothing with it: open_independently() reads a blob from
 * software.md alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "ctap/cbor.h"
#include "tpm/key.h"
#include "tpm/rsa.h"
#include "tpm/softkey.h"

#define BOUND	"an RP ID hash, or so"

static const uint8_t epoch_a[KEY_EPOCH_LEN] = { 1, 2, 3 };
static const uint8_t epoch_b[KEY_EPOCH_LEN] = { 1, 2, 4 };
static const uint8_t epoch_c[KEY_EPOCH_LEN] = { 0 };
/* in the order of their codes in blobs */
static const int all_algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256,
	COSE_ES384, COSE_ES512, COSE_ES256K, COSE_PS256, COSE_ED448 };

#define ALGS	(sizeof(all_algs) / sizeof(all_algs[0]))

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct keys	*keys;
	uint8_t		 wrapped[KEY_WRAPPED_MAX];
	size_t		 wrapped_len;
	struct key_op	 made[ALGS];	/* one key of each, meta "12345678" */
};

static struct key_op
create_op(int alg, const char *meta)
{
	return (struct key_op){ .verb = KEY_CREATE, .alg = alg,
		.epoch = span(epoch_a, sizeof(epoch_a)),
		.bound = span_str(BOUND), .meta = span_str(meta) };
}

static struct key_op
use_op(enum key_verb verb, const struct key_op *made)
{
	return (struct key_op){ .verb = verb,
		.blob = span(made->out_blob, made->out_blob_len),
		.epoch = span(epoch_a, sizeof(epoch_a)),
		.bound = span_str(BOUND) };
}

static struct key_op
sign_op(const struct key_op *made)
{
	struct key_op op = use_op(KEY_SIGN, made);

	op.data[0] = span_str("authenticator data, ");
	op.data[1] = span_str("client data hash");
	return op;
}

/* RSA keys take long: all tests use the same ones. */
static int
group_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-keys-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(keys_open_software(f->dirfd, true, &f->keys), 0);
	assert_int_equal(f->keys->ops->new_storage_key(f->keys, f->wrapped,
	    &f->wrapped_len), 0);
	for (size_t i = 0; i < ALGS; i++) {
		f->made[i] = create_op(all_algs[i], "12345678");
		assert_int_equal(keys_perform(f->keys, &f->made[i]), 0);
	}
	*state = f;
	return 0;
}

static int
group_teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->keys);
	unlinkat(f->dirfd, "software.key", 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* The key in a COSE_Key, from its members. */
struct cose_parts {
	int64_t		alg;
	struct span	a, b;	/* -2 and -3, or n and e */
};

static struct cose_parts
parse_cose(const struct key_op *op)
{
	struct cose_parts parts = { 0 };
	struct cbor_in in;
	size_t pairs;

	assert_true(cbor_check(span(op->out_pub, op->out_pub_len)));
	cbor_in_init(&in, span(op->out_pub, op->out_pub_len));
	assert_true(cbor_map(&in, &pairs));
	while (pairs-- > 0) {
		int64_t key, num;
		struct span s = { NULL, 0 };

		assert_true(cbor_int(&in, &key));
		if (cbor_peek(&in) == CBOR_BYTES)
			cbor_bytes(&in, &s);
		else
			assert_true(cbor_int(&in, &num));
		if (key == 3)
			parts.alg = num;
		else if (s.p != NULL && parts.a.p == NULL)
			parts.a = s;
		else if (s.p != NULL)
			parts.b = s;
	}
	return parts;
}

static EVP_PKEY *
public_from(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

/* What has to do with an algorithm, by its standard. */
static const struct standard {
	int		 alg;
	const char	*type;		/* of OpenSSL's */
	const char	*group;		/* NULL: not ECDSA */
	size_t		 len;		/* bytes of a, b if there is one */
	const char	*md;		/* NULL: none */
	size_t		 secret_len;	/* bytes, software.md */
} standards[] = {
	{ COSE_ES256, "EC", "P-256", 32, "SHA256", 32 },
	{ COSE_EDDSA, "ED25519", NULL, 32, NULL, 64 },
	{ COSE_RS256, "RSA", NULL, 256, "SHA256", 256 },
	{ COSE_ES384, "EC", "P-384", 48, "SHA384", 48 },
	{ COSE_ES512, "EC", "P-521", 66, "SHA512", 66 },
	{ COSE_ES256K, "EC", "secp256k1", 32, "SHA256", 32 },
	{ COSE_PS256, "RSA", NULL, 256, "SHA256", 256 },
	{ COSE_ED448, "ED448", NULL, 57, NULL, 114 },
};

static const struct standard *
standard_of(int64_t alg)
{
	for (size_t i = 0; i < sizeof(standards) / sizeof(standards[0]); i++)
		if (standards[i].alg == alg)
			return &standards[i];
	fail_msg("no standard for %d", (int)alg);
	return NULL;
}

static EVP_PKEY *
public_key(const struct key_op *made)
{
	struct cose_parts c = parse_cose(made);
	const struct standard *std = standard_of(c.alg);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * 66] = { 4 };
	BIGNUM *n, *e;
	EVP_PKEY *key;

	assert_int_equal(made->alg, c.alg);
	assert_int_equal(c.a.len, std->len);
	if (std->group != NULL) {
		assert_int_equal(c.b.len, std->len);
		memcpy(point + 1, c.a.p, std->len);
		memcpy(point + 1 + std->len, c.b.p, std->len);
		OSSL_PARAM_BLD_push_utf8_string(bld, "group", std->group, 0);
		OSSL_PARAM_BLD_push_octet_string(bld, "pub", point,
		    1 + 2 * std->len);
		return public_from("EC", bld);
	}
	if (std->md == NULL) {
		OSSL_PARAM_BLD_push_octet_string(bld, "pub", c.a.p, c.a.len);
		return public_from(std->type, bld);
	}
	n = BN_bin2bn(c.a.p, (int)c.a.len, NULL);
	e = BN_bin2bn(c.b.p, (int)c.b.len, NULL);
	OSSL_PARAM_BLD_push_BN(bld, "n", n);
	OSSL_PARAM_BLD_push_BN(bld, "e", e);
	key = public_from("RSA", bld);
	BN_free(n);
	BN_free(e);
	return key;
}

static bool
verifies_under(EVP_PKEY *key, int alg, const struct key_op *sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	uint8_t msg[256];
	size_t len = sig->data[0].len + sig->data[1].len;
	bool ok;

	assert_true(len <= sizeof(msg));
	if (sig->data[0].len > 0)
		memcpy(msg, sig->data[0].p, sig->data[0].len);
	if (sig->data[1].len > 0)
		memcpy(msg + sig->data[0].len, sig->data[1].p,
		    sig->data[1].len);
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pctx,
	    standard_of(alg)->md, NULL, NULL, key, NULL), 1);
	if (alg == COSE_PS256) {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 32);
	}
	ok = EVP_DigestVerify(ctx, sig->out_sig, sig->out_sig_len, msg,
	    len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
verifies(const struct key_op *made, const struct key_op *sig)
{
	EVP_PKEY *key = public_key(made);
	bool ok = verifies_under(key, made->alg, sig);

	EVP_PKEY_free(key);
	return ok;
}

static void
signatures_verify_under_the_public_key(void **state)
{
	struct fixture *f = *state;
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		for (int again = 0; again < 3; again++) {
			op = sign_op(&f->made[i]);
			assert_int_equal(keys_perform(f->keys, &op), 0);
			assert_int_equal(op.alg, all_algs[i]);
			assert_true(verifies(&f->made[i], &op));
			op.out_sig[op.out_sig_len / 2] ^= 1;
			assert_false(verifies(&f->made[i], &op));
		}
	}
}

static void
either_half_of_the_message_may_be_empty(void **state)
{
	struct fixture *f = *state;
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		for (int half = 0; half < 3; half++) {
			op = sign_op(&f->made[i]);
			if (half != 1)
				op.data[0] = span(NULL, 0);
			if (half != 0)
				op.data[1] = span("", 0);
			assert_int_equal(keys_perform(f->keys, &op), 0);
			assert_true(verifies(&f->made[i], &op));
		}
	}
}

static void
open_tells_algorithm_and_meta(void **state)
{
	struct fixture *f = *state;
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		op = use_op(KEY_OPEN, &f->made[i]);
		assert_int_equal(keys_perform(f->keys, &op), 0);
		assert_int_equal(op.alg, all_algs[i]);
		assert_int_equal(op.out_meta_len, 8);
		assert_memory_equal(op.out_meta, "12345678", 8);
	}
}

static void
blobs_fit_where_they_have_to(void **state)
{
	struct fixture *f = *state;
	uint8_t meta[KEY_META_MAX + 1] = { 0 };
	struct key_op op = create_op(COSE_EDDSA, "");

	assert_int_equal(f->made[0].out_blob_len, 103);	/* U2F: 255 */
	for (size_t i = 0; i < ALGS; i++)
		assert_int_equal(f->made[i].out_blob_len,
		    71 + standard_of(all_algs[i])->secret_len);
	assert_true(327 - 8 + KEY_META_MAX <= 640);
	op.meta = span(meta, KEY_META_MAX);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	op.meta = span(NULL, 0);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(op.out_blob_len, 127);
}

static void
sizes_beyond_the_limits_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t big[KEY_META_MAX + 1] = { 0 };
	struct key_op op;

	op = create_op(COSE_ES256, "");
	op.meta = span(big, sizeof(big));
	assert_int_equal(keys_perform(f->keys, &op), -EINVAL);
	op = create_op(COSE_ES256, "");
	op.bound = span(big, 65);
	assert_int_equal(keys_perform(f->keys, &op), -EINVAL);
	op.bound = span(big, 64);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	op = create_op(COSE_ES256, "");
	op.epoch.len--;
	assert_int_equal(keys_perform(f->keys, &op), -EINVAL);
	op = create_op(COSE_RS256, "");
	op.meta = span(big, sizeof(big));
	assert_int_equal(keys_perform(f->keys, &op), -EINVAL);
	op = sign_op(&f->made[0]);
	op.epoch = span(NULL, 0);
	assert_int_equal(keys_perform(f->keys, &op), -EINVAL);
}

static void
unknown_algorithms_are_refused(void **state)
{
	/* ESP256 and Ed25519 of RFC 9864, PS384, RS512 among them */
	static const int others[] = { 0, -1, -9, -19, -38, -51, -52, -259,
		COSE_RS1, COSE_ECDH_ES_HKDF_256 };
	struct fixture *f = *state;
	struct key_op op;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_false(f->keys->ops->has_alg(f->keys, others[i]));
		op = create_op(others[i], "");
		assert_int_equal(keys_perform(f->keys, &op), -ENOTSUP);
	}
	for (size_t i = 0; i < ALGS; i++)
		assert_true(f->keys->ops->has_alg(f->keys, all_algs[i]));
}

/* As this OpenSSL has it: since 3.5. Then it has to be whole, too. */
static void
ml_dsa_is_offered_if_openssl_has_it(void **state)
{
	static const struct {
		int		 alg;
		const char	*name;
		size_t		 pub_len, sig_len;
	} all[] = {
		{ COSE_ML_DSA_44, "ML-DSA-44", 1312, 2420 },
		{ COSE_ML_DSA_65, "ML-DSA-65", 1952, 3309 },
		{ COSE_ML_DSA_87, "ML-DSA-87", 2592, 4627 },
	};
	struct fixture *f = *state;
	struct key_op op, sig;
	EVP_SIGNATURE *has;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		has = EVP_SIGNATURE_fetch(NULL, all[i].name, NULL);
		EVP_SIGNATURE_free(has);
		assert_int_equal(f->keys->ops->has_alg(f->keys, all[i].alg),
		    has != NULL);
		op = create_op(all[i].alg, "12345678");
		if (has == NULL) {
			assert_int_equal(keys_perform(f->keys, &op),
			    -ENOTSUP);
			continue;
		}
		assert_int_equal(keys_perform(f->keys, &op), 0);
		assert_int_equal(op.out_blob_len, 103);
		assert_int_equal(parse_cose(&op).a.len, all[i].pub_len);
		sig = sign_op(&op);
		assert_int_equal(keys_perform(f->keys, &sig), 0);
		assert_int_equal(sig.out_sig_len, all[i].sig_len);
	}
}

/* Only RSA is a matter of luck. */
static void
other_keys_are_there_at_once(void **state)
{
	struct fixture *f = *state;
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		if (all_algs[i] == COSE_RS256 || all_algs[i] == COSE_PS256)
			continue;
		op = create_op(all_algs[i], "");
		assert_true(f->keys->ops->start(f->keys, &op));
		assert_int_equal(op.result, 0);
	}
}

static const enum key_verb uses[] = { KEY_OPEN, KEY_SIGN, KEY_HMAC };

static void
refuse_all_uses(struct keys *k, struct key_op op)
{
	for (size_t i = 0; i < 3; i++) {
		op.verb = uses[i];
		op.data[0] = span(epoch_a, 32);
		assert_int_equal(keys_perform(k, &op), -EBADMSG);
		assert_int_equal(op.out_sig_len, 0);
		assert_int_equal(op.out_meta_len, 0);
	}
}

static void
blob_with_any_byte_altered_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t blob[KEY_BLOB_MAX];
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		const struct key_op *made = &f->made[i];

		/* Whether or not the true one is in the cache. */
		op = sign_op(made);
		assert_int_equal(keys_perform(f->keys, &op), 0);
		for (size_t at = 0; at < made->out_blob_len; at++) {
			memcpy(blob, made->out_blob, made->out_blob_len);
			blob[at] ^= 1 << at % 8;
			op = use_op(KEY_OPEN, made);
			op.blob.p = blob;
			refuse_all_uses(f->keys, op);
		}
	}
}

static void
blob_of_any_other_length_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t blob[KEY_BLOB_MAX + 1] = { 0 };
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		memcpy(blob, f->made[i].out_blob, f->made[i].out_blob_len);
		for (size_t len = 0; len <= sizeof(blob); len++) {
			if (len == f->made[i].out_blob_len)
				continue;
			op = use_op(KEY_OPEN, &f->made[i]);
			op.blob = span(blob, len);
			refuse_all_uses(f->keys, op);
		}
	}
	op = use_op(KEY_OPEN, &f->made[0]);
	op.blob = span(NULL, 0);
	refuse_all_uses(f->keys, op);
}

static void
other_bound_or_epoch_is_refused(void **state)
{
	struct fixture *f = *state;
	struct key_op op;

	for (size_t i = 0; i < ALGS; i++) {
		op = sign_op(&f->made[i]);
		assert_int_equal(keys_perform(f->keys, &op), 0);
		op = use_op(KEY_OPEN, &f->made[i]);
		op.bound = span_str("another RP ID hash");
		refuse_all_uses(f->keys, op);
		op.bound = span_str(BOUND " ");
		refuse_all_uses(f->keys, op);
		op.bound = span(NULL, 0);
		refuse_all_uses(f->keys, op);
		op = use_op(KEY_OPEN, &f->made[i]);
		op.epoch = span(epoch_b, sizeof(epoch_b));
		refuse_all_uses(f->keys, op);
	}
}

/* More epochs and keys than are kept ready. */
static void
many_keys_in_three_epochs_keep_apart(void **state)
{
	static const uint8_t *const epochs[] = { epoch_a, epoch_b, epoch_c };
	struct fixture *f = *state;
	struct key_op *made = calloc(3 * SOFTKEY_PARSED, sizeof(*made));
	struct key_op op;

	for (size_t i = 0; i < 3 * SOFTKEY_PARSED; i++) {
		made[i] = create_op(COSE_EDDSA, "");
		made[i].epoch = span(epochs[i % 3], KEY_EPOCH_LEN);
		assert_int_equal(keys_perform(f->keys, &made[i]), 0);
	}
	for (size_t i = 0; i < 9 * SOFTKEY_PARSED; i++) {
		/* 5 is prime to all: each comes again, far from itself */
		size_t at = i * 5 % (3 * SOFTKEY_PARSED);

		op = sign_op(&made[at]);
		op.epoch = span(epochs[at % 3], KEY_EPOCH_LEN);
		assert_int_equal(keys_perform(f->keys, &op), 0);
		assert_true(verifies(&made[at], &op));
		op.epoch = span(epochs[(at + 1) % 3], KEY_EPOCH_LEN);
		assert_int_equal(keys_perform(f->keys, &op), -EBADMSG);
	}
	free(made);
}

static int
hmac_with(struct fixture *f, size_t key, bool uv, struct span s1,
    struct span s2, struct key_op *op)
{
	*op = use_op(KEY_HMAC, &f->made[key]);
	op->with_uv = uv;
	op->data[0] = s1;
	op->data[1] = s2;
	return keys_perform(f->keys, op);
}

static void
hmac_has_one_output_for_each_salt(void **state)
{
	struct fixture *f = *state;
	struct span a = span(epoch_a, 32), b = span(epoch_b, 32);
	struct span none = span(NULL, 0);
	struct key_op both, one, two, uv, other;

	assert_int_equal(hmac_with(f, 0, false, a, b, &both), 0);
	assert_int_equal(hmac_with(f, 0, false, a, none, &one), 0);
	assert_int_equal(hmac_with(f, 0, false, b, none, &two), 0);
	assert_int_equal(hmac_with(f, 0, true, a, b, &uv), 0);
	assert_int_equal(hmac_with(f, 1, false, a, b, &other), 0);
	assert_int_equal(both.out_sig_len, 64);
	assert_int_equal(one.out_sig_len, 32);
	assert_memory_equal(both.out_sig, one.out_sig, 32);
	assert_memory_equal(both.out_sig + 32, two.out_sig, 32);
	assert_memory_not_equal(one.out_sig, two.out_sig, 32);
	assert_memory_not_equal(both.out_sig, uv.out_sig, 32);
	assert_memory_not_equal(both.out_sig, other.out_sig, 32);
}

static void
hmac_salts_are_32_bytes(void **state)
{
	struct fixture *f = *state;
	struct span a = span(epoch_a, 32), none = span(NULL, 0);
	struct key_op op;

	assert_int_equal(hmac_with(f, 0, false, none, none, &op), -EINVAL);
	assert_int_equal(hmac_with(f, 0, false, none, a, &op), -EINVAL);
	assert_int_equal(hmac_with(f, 0, false, span(a.p, 31), none, &op),
	    -EINVAL);
	assert_int_equal(hmac_with(f, 0, false, a, span(a.p, 31), &op),
	    -EINVAL);
	assert_int_equal(hmac_with(f, 0, false, a, span(a.p, 0), &op),
	    -EINVAL);
}

/* software.md, in one-shot calls. */

static void
hkdf(const uint8_t key[32], struct span salt, const char *info,
    uint8_t out[32])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t len = 32;

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256());
	EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt.p, (int)salt.len);
	EVP_PKEY_CTX_set1_hkdf_key(ctx, key, 32);
	EVP_PKEY_CTX_add1_hkdf_info(ctx, (const uint8_t *)info,
	    (int)strlen(info));
	assert_int_equal(EVP_PKEY_derive(ctx, out, &len), 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
gcm_open(const uint8_t key[32], struct span ad, const uint8_t *box,
    size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, text = (int)len - 28;

	EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, box);
	EVP_DecryptUpdate(ctx, NULL, &n, ad.p, (int)ad.len);
	EVP_DecryptUpdate(ctx, out, &n, box + 12, text);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16,
	    (void *)(box + 12 + text));
	assert_int_equal(EVP_DecryptFinal_ex(ctx, out + n, &n), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static void
storage_key_independently(struct fixture *f, uint8_t storage_key[32])
{
	uint8_t file[48], wrap[32], version = 1;
	int fd = openat(f->dirfd, "software.key", O_RDONLY);

	assert_int_equal(read(fd, file, sizeof(file)), sizeof(file));
	close(fd);
	assert_int_equal(f->wrapped_len, 61);
	hkdf(file + 8, span("", 0), "sealkey storage key 1", wrap);
	gcm_open(wrap, span(&version, 1), f->wrapped + 1, 60, storage_key);
}

static void
open_independently(struct fixture *f, const struct key_op *made,
    uint8_t *plain)
{
	uint8_t storage_key[32], wrap[32], ad[1 + sizeof(BOUND)] = { 1 };

	storage_key_independently(f, storage_key);
	hkdf(storage_key, span(epoch_a, 32), "sealkey key blobs 1", wrap);
	memcpy(ad + 1, BOUND, strlen(BOUND));
	gcm_open(wrap, span(ad, 1 + strlen(BOUND)), made->out_blob + 1,
	    made->out_blob_len - 1, plain);
}

static void
blob_format_is_as_written_down(void **state)
{
	struct fixture *f = *state;
	uint8_t plain[KEY_BLOB_MAX];
	BIGNUM *p, *q, *n;
	BN_CTX *ctx = BN_CTX_new();

	for (size_t i = 0; i < ALGS; i++) {
		open_independently(f, &f->made[i], plain);
		assert_int_equal(plain[0], i + 1);
		assert_int_equal(plain[1], 8);
		assert_memory_equal(plain + 34, "12345678", 8);
	}
	open_independently(f, &f->made[2], plain);
	p = BN_bin2bn(plain + 42, 128, NULL);
	q = BN_bin2bn(plain + 42 + 128, 128, NULL);
	n = BN_bin2bn(parse_cose(&f->made[2]).a.p, 256, NULL);
	assert_int_equal(BN_check_prime(p, ctx, NULL), 1);
	assert_int_equal(BN_check_prime(q, ctx, NULL), 1);
	BN_mul(p, p, q, ctx);
	assert_int_equal(BN_cmp(p, n), 0);
	open_independently(f, &f->made[1], plain);
	assert_memory_equal(plain + 42 + 32, parse_cose(&f->made[1]).a.p, 32);
	open_independently(f, &f->made[7], plain);
	assert_memory_equal(plain + 42 + 57, parse_cose(&f->made[7]).a.p, 57);
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
}

/* A key of our own choice, in a blob made by hand. */
static void
seal_independently(struct fixture *f, int code, struct span secret,
    struct key_op *made)
{
	uint8_t storage_key[32], wrap[32], ad[1 + sizeof(BOUND)] = { 1 };
	uint8_t plain[34 + 256] = { (uint8_t)code }, *p = made->out_blob;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, len = 34 + (int)secret.len;

	memcpy(plain + 34, secret.p, secret.len);
	storage_key_independently(f, storage_key);
	hkdf(storage_key, span(epoch_a, 32), "sealkey key blobs 1", wrap);
	memcpy(ad + 1, BOUND, strlen(BOUND));
	*p++ = 1;
	memset(p, 7, 12);
	EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrap, p);
	EVP_EncryptUpdate(ctx, NULL, &n, ad, 1 + (int)strlen(BOUND));
	EVP_EncryptUpdate(ctx, p + 12, &n, plain, len);
	EVP_EncryptFinal_ex(ctx, p + 12 + n, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, p + 12 + len);
	EVP_CIPHER_CTX_free(ctx);
	made->out_blob_len = 1 + 12 + (size_t)len + 16;
}

/* RFC 8032, 7.4, "1 octet" */
static void
ed448_signs_as_the_standard_says(void **state)
{
	static const uint8_t secret[] = {
		0xc4, 0xea, 0xb0, 0x5d, 0x35, 0x70, 0x07, 0xc6, 0x32, 0xf3,
		0xdb, 0xb4, 0x84, 0x89, 0x92, 0x4d, 0x55, 0x2b, 0x08, 0xfe,
		0x0c, 0x35, 0x3a, 0x0d, 0x4a, 0x1f, 0x00, 0xac, 0xda, 0x2c,
		0x46, 0x3a, 0xfb, 0xea, 0x67, 0xc5, 0xe8, 0xd2, 0x87, 0x7c,
		0x5e, 0x3b, 0xc3, 0x97, 0xa6, 0x59, 0x94, 0x9e, 0xf8, 0x02,
		0x1e, 0x95, 0x4e, 0x0a, 0x12, 0x27, 0x4e,
		/* and the public key */
		0x43, 0xba, 0x28, 0xf4, 0x30, 0xcd, 0xff, 0x45, 0x6a, 0xe5,
		0x31, 0x54, 0x5f, 0x7e, 0xcd, 0x0a, 0xc8, 0x34, 0xa5, 0x5d,
		0x93, 0x58, 0xc0, 0x37, 0x2b, 0xfa, 0x0c, 0x6c, 0x67, 0x98,
		0xc0, 0x86, 0x6a, 0xea, 0x01, 0xeb, 0x00, 0x74, 0x28, 0x02,
		0xb8, 0x43, 0x8e, 0xa4, 0xcb, 0x82, 0x16, 0x9c, 0x23, 0x51,
		0x60, 0x62, 0x7b, 0x4c, 0x3a, 0x94, 0x80,
	};
	static const uint8_t sig[] = {
		0x26, 0xb8, 0xf9, 0x17, 0x27, 0xbd, 0x62, 0x89, 0x7a, 0xf1,
		0x5e, 0x41, 0xeb, 0x43, 0xc3, 0x77, 0xef, 0xb9, 0xc6, 0x10,
		0xd4, 0x8f, 0x23, 0x35, 0xcb, 0x0b, 0xd0, 0x08, 0x78, 0x10,
		0xf4, 0x35, 0x25, 0x41, 0xb1, 0x43, 0xc4, 0xb9, 0x81, 0xb7,
		0xe1, 0x8f, 0x62, 0xde, 0x8c, 0xcd, 0xf6, 0x33, 0xfc, 0x1b,
		0xf0, 0x37, 0xab, 0x7c, 0xd7, 0x79, 0x80, 0x5e, 0x0d, 0xbc,
		0xc0, 0xaa, 0xe1, 0xcb, 0xce, 0xe1, 0xaf, 0xb2, 0xe0, 0x27,
		0xdf, 0x36, 0xbc, 0x04, 0xdc, 0xec, 0xbf, 0x15, 0x43, 0x36,
		0xc1, 0x9f, 0x0a, 0xf7, 0xe0, 0xa6, 0x47, 0x29, 0x05, 0xe7,
		0x99, 0xf1, 0x95, 0x3d, 0x2a, 0x0f, 0xf3, 0x34, 0x8a, 0xb2,
		0x1a, 0xa4, 0xad, 0xaf, 0xd1, 0xd2, 0x34, 0x44, 0x1c, 0xf8,
		0x07, 0xc0, 0x3a, 0x00,
	};
	struct fixture *f = *state;
	struct key_op made = { 0 }, op;

	seal_independently(f, 8, span(secret, sizeof(secret)), &made);
	op = sign_op(&made);
	op.data[0] = span("\x03", 1);
	op.data[1] = span(NULL, 0);
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(op.out_sig_len, sizeof(sig));
	assert_memory_equal(op.out_sig, sig, sizeof(sig));
}

/* All leading zeros of a scalar count: with 1, the point is the generator. */
static void
small_scalars_sign_for_their_point(void **state)
{
	static const uint8_t one[66] = { [65] = 1 };
	struct fixture *f = *state;
	struct key_op made = { 0 }, op;

	for (size_t i = 0; i < ALGS; i++) {
		const struct standard *std = standard_of(all_algs[i]);
		OSSL_PARAM_BLD *bld;
		uint8_t point[1 + 2 * 66];
		EC_GROUP *group;
		EVP_PKEY *key;

		if (std->group == NULL)
			continue;
		group = EC_GROUP_new_by_curve_name(
		    EC_curve_nist2nid(std->group) != NID_undef ?
		    EC_curve_nist2nid(std->group) : OBJ_sn2nid(std->group));
		EC_POINT_point2oct(group, EC_GROUP_get0_generator(group),
		    POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), NULL);
		EC_GROUP_free(group);
		bld = OSSL_PARAM_BLD_new();
		OSSL_PARAM_BLD_push_utf8_string(bld, "group", std->group, 0);
		OSSL_PARAM_BLD_push_octet_string(bld, "pub", point,
		    1 + 2 * std->len);
		key = public_from("EC", bld);
		seal_independently(f, (int)i + 1, span(one + 66 - std->len,
		    std->len), &made);
		op = sign_op(&made);
		assert_int_equal(keys_perform(f->keys, &op), 0);
		assert_true(verifies_under(key, std->alg, &op));
		EVP_PKEY_free(key);
	}
}

static void
hmac_is_as_written_down(void **state)
{
	struct fixture *f = *state;
	uint8_t plain[KEY_BLOB_MAX], cred_random[32], want[32];
	const char *name;
	struct key_op op;

	for (size_t i = 0; i < 2 * ALGS; i++) {
		bool uv = i % 2 == 1;

		open_independently(f, &f->made[i / 2], plain);
		name = uv ? "CredRandomWithUV" : "CredRandomWithoutUV";
		HMAC(EVP_sha256(), plain + 2, 32, (const uint8_t *)name,
		    strlen(name), cred_random, NULL);
		HMAC(EVP_sha256(), cred_random, 32, epoch_b, 32, want, NULL);
		assert_int_equal(hmac_with(f, i / 2, uv, span(epoch_b, 32),
		    span(NULL, 0), &op), 0);
		assert_memory_equal(op.out_sig, want, 32);
	}
}

static void
names_and_rows_are_as_written_down(void **state)
{
	struct fixture *f = *state;
	uint8_t storage_key[32], key[32], want[32], tag[KEY_TAG_LEN];
	uint8_t box[5 + KEY_SEAL_OVERHEAD], plain[5];

	storage_key_independently(f, storage_key);
	hkdf(storage_key, span("", 0), "sealkey names 1", key);
	HMAC(EVP_sha256(), key, 32, (const uint8_t *)"rp\0data", 7, want,
	    NULL);
	assert_int_equal(f->keys->ops->tag(f->keys, "rp", span_str("data"),
	    tag), 0);
	assert_memory_equal(tag, want, sizeof(tag));
	hkdf(storage_key, span("", 0), "sealkey rows 1", key);
	assert_int_equal(f->keys->ops->seal(f->keys, span_str("row 7"),
	    span_str("hello"), box), 0);
	gcm_open(key, span_str("row 7"), box, sizeof(box), plain);
	assert_memory_equal(plain, "hello", 5);
}

static void
labels_do_not_run_into_data(void **state)
{
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	uint8_t a[KEY_TAG_LEN], b[KEY_TAG_LEN], c[KEY_TAG_LEN];

	assert_int_equal(ops->tag(f->keys, "ab", span_str("c"), a), 0);
	assert_int_equal(ops->tag(f->keys, "a", span_str("bc"), b), 0);
	assert_int_equal(ops->tag(f->keys, "ab", span_str("c"), c), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_equal(a, c, sizeof(a));
	assert_int_equal(ops->tag(f->keys, "ab", span(NULL, 0), a), 0);
	assert_memory_not_equal(a, c, sizeof(a));
}

static void
sealed_rows_come_back_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	uint8_t box[100 + KEY_SEAL_OVERHEAD], plain[100], zero[100] = { 0 };
	struct span ad = span_str("row 7"), text = span(epoch_a, 32);
	struct span sealed = span(box, 32 + KEY_SEAL_OVERHEAD);

	assert_int_equal(ops->seal(f->keys, ad, text, box), 0);
	assert_int_equal(ops->open(f->keys, ad, sealed, plain), 0);
	assert_memory_equal(plain, epoch_a, 32);
	assert_int_equal(ops->open(f->keys, span_str("row 8"), sealed,
	    plain), -EBADMSG);
	assert_memory_equal(plain, zero, 32);
	for (size_t i = 0; i < sealed.len; i++) {
		box[i] ^= 0x40;
		assert_int_equal(ops->open(f->keys, ad, sealed, plain),
		    -EBADMSG);
		box[i] ^= 0x40;
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(ops->open(f->keys, ad, span(box, len),
		    plain), -EBADMSG);
	assert_int_equal(ops->open(f->keys, ad, sealed, plain), 0);
}

static void
nothing_can_be_sealed_too(void **state)
{
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	uint8_t box[KEY_SEAL_OVERHEAD], again[KEY_SEAL_OVERHEAD], none[1];
	struct span empty = span(NULL, 0);

	assert_int_equal(ops->seal(f->keys, empty, empty, box), 0);
	assert_int_equal(ops->seal(f->keys, empty, empty, again), 0);
	assert_memory_not_equal(box, again, sizeof(box));
	assert_int_equal(ops->open(f->keys, empty, span(box, sizeof(box)),
	    none), 0);
	assert_int_equal(ops->open(f->keys, span_str("x"),
	    span(box, sizeof(box)), none), -EBADMSG);
}

static void
keys_survive_a_restart(void **state)
{
	struct fixture *f = *state;
	struct keys *k;
	struct key_op op, before;

	assert_int_equal(keys_open_software(f->dirfd, false, &k), 0);
	assert_int_equal(k->ops->unlock(k, span(f->wrapped,
	    f->wrapped_len)), 0);
	for (size_t i = 0; i < ALGS; i++) {
		op = sign_op(&f->made[i]);
		assert_int_equal(keys_perform(k, &op), 0);
		assert_true(verifies(&f->made[i], &op));
	}
	assert_int_equal(hmac_with(f, 0, true, span(epoch_b, 32),
	    span(NULL, 0), &before), 0);
	op = before;
	memset(op.out_sig, 0, 32);
	assert_int_equal(keys_perform(k, &op), 0);
	assert_memory_equal(op.out_sig, before.out_sig, 32);
	keys_free(k);
}

static void
another_storage_key_opens_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t wrapped[KEY_WRAPPED_MAX], box[KEY_SEAL_OVERHEAD], none[1];
	struct span empty = span(NULL, 0);
	struct keys *k;
	size_t len;

	assert_int_equal(keys_open_software(f->dirfd, false, &k), 0);
	assert_int_equal(k->ops->new_storage_key(k, wrapped, &len), 0);
	for (size_t i = 0; i < ALGS; i++)
		refuse_all_uses(k, use_op(KEY_OPEN, &f->made[i]));
	assert_int_equal(f->keys->ops->seal(f->keys, empty, empty, box), 0);
	assert_int_equal(k->ops->open(k, empty, span(box, sizeof(box)),
	    none), -EBADMSG);
	keys_free(k);
}

static void
damaged_storage_key_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t w[KEY_WRAPPED_MAX];
	struct keys *k;

	assert_int_equal(keys_open_software(f->dirfd, false, &k), 0);
	for (size_t i = 0; i < f->wrapped_len; i++) {
		memcpy(w, f->wrapped, f->wrapped_len);
		w[i] ^= 0x10;
		assert_int_equal(k->ops->unlock(k, span(w, f->wrapped_len)),
		    -EBADMSG);
	}
	for (size_t len = 0; len < f->wrapped_len; len++)
		assert_int_equal(k->ops->unlock(k, span(f->wrapped, len)),
		    -EBADMSG);
	assert_int_equal(k->ops->unlock(k, span(f->wrapped,
	    f->wrapped_len + 1)), -EBADMSG);
	assert_int_equal(k->ops->unlock(k, span(f->wrapped,
	    f->wrapped_len)), 0);
	keys_free(k);
}

/*
 * What is left in memory. The needle is kept inverted, and the memory is
 * read into a window that is left out, so as not to find ourselves.
 */

#define NEEDLE_LEN	32
#define WINDOW_LEN	(1024 * 1024)

static size_t
count_in(const uint8_t *p, size_t len, const uint8_t *inverted)
{
	size_t n = 0;

	for (size_t at = 0; at + NEEDLE_LEN <= len; at++) {
		bool same = true, reversed = true;

		/* Big numbers are stored with the last byte first. */
		for (size_t i = 0; i < NEEDLE_LEN && (same || reversed); i++) {
			uint8_t c = (uint8_t)~inverted[i];

			same &= p[at + i] == c;
			reversed &= p[at + NEEDLE_LEN - 1 - i] == c;
		}
		n += same || reversed;
	}
	return n;
}

static size_t
count_in_range(int mem, uintptr_t from, uintptr_t to, uint8_t *window,
    const uint8_t *inverted)
{
	size_t n = 0;

	while (from < to) {
		size_t len = to - from < WINDOW_LEN ? to - from : WINDOW_LEN;

		if (pread(mem, window, len, (off_t)from) == (ssize_t)len)
			n += count_in(window, len, inverted);
		if (len < WINDOW_LEN)
			break;
		from += len - NEEDLE_LEN + 1;	/* across the border */
	}
	return n;
}

static size_t
count_in_memory(const uint8_t *inverted)
{
	uint8_t *window = mmap(NULL, WINDOW_LEN, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	char line[512], mode[8];
	size_t n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 ||
		    mode[1] != 'w')
			continue;
		if ((uintptr_t)window >= from && (uintptr_t)window < to) {
			/* It may have grown together with its neighbours. */
			n += count_in_range(mem, from, (uintptr_t)window,
			    window, inverted);
			n += count_in_range(mem,
			    (uintptr_t)window + WINDOW_LEN, to, window,
			    inverted);
		} else if (to - from < 64UL * WINDOW_LEN) {
			n += count_in_range(mem, from, to, window,
			    inverted);
		}
	}
	fclose(maps);
	close(mem);
	munmap(window, WINDOW_LEN);
	return n;
}

/* The beginning of the private key of made, inverted. */
static void
learn_secret(struct fixture *f, const struct key_op *made, uint8_t *inverted)
{
	uint8_t plain[KEY_BLOB_MAX];

	open_independently(f, made, plain);
	for (size_t i = 0; i < NEEDLE_LEN; i++)
		inverted[i] = (uint8_t)~plain[34 + 8 + i];
	explicit_bzero(plain, sizeof(plain));
}

static struct keys *
another_provider(struct fixture *f)
{
	struct keys *k;

	assert_int_equal(keys_open_software(f->dirfd, false, &k), 0);
	assert_int_equal(k->ops->unlock(k, span(f->wrapped,
	    f->wrapped_len)), 0);
	return k;
}

static void
no_private_key_outlives_the_provider(void **state)
{
	struct fixture *f = *state;
	uint8_t inverted[NEEDLE_LEN];
	struct key_op made, op;
	struct keys *k;

	for (size_t i = 0; i < ALGS; i++) {
		k = another_provider(f);
		made = create_op(all_algs[i], "12345678");
		assert_int_equal(keys_perform(k, &made), 0);
		op = sign_op(&made);
		assert_int_equal(keys_perform(k, &op), 0);
		learn_secret(f, &made, inverted);
		/* Those of ECDSA are not even kept while it lives. */
		assert_int_equal(count_in_memory(inverted) > 0,
		    standard_of(all_algs[i])->group == NULL);
		keys_free(k);
		assert_int_equal(count_in_memory(inverted), 0);
	}
}

static void
keys_of_a_forgotten_epoch_are_wiped(void **state)
{
	struct fixture *f = *state;
	uint8_t inverted[NEEDLE_LEN];
	struct key_op made = create_op(COSE_EDDSA, "12345678"), op;
	struct keys *k = another_provider(f);

	/* the epoch of attestation, longest unused, is not to go instead */
	op = create_op(COSE_ES256, "");
	op.epoch = span(epoch_c, sizeof(epoch_c));
	assert_int_equal(keys_perform(k, &op), 0);
	assert_int_equal(keys_perform(k, &made), 0);
	op = sign_op(&made);
	assert_int_equal(keys_perform(k, &op), 0);
	learn_secret(f, &made, inverted);
	assert_true(count_in_memory(inverted) > 0);
	op = create_op(COSE_ES256, "");
	op.epoch = span(epoch_b, sizeof(epoch_b));
	assert_int_equal(keys_perform(k, &op), 0);
	assert_int_equal(count_in_memory(inverted), 0);
	keys_free(k);
}

/* The search for RSA keys. */

static bool
readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int
count_entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Besides this one. */
static int
count_threads(void)
{
	return count_entries("/proc/self/task") - 3;	/* ".", ".." */
}

/* What has been joined may be listed a moment longer. */
static bool
is_alone(void)
{
	double from = now_ms();

	while (count_threads() > 0 && now_ms() - from < 60000)
		sched_yield();
	return count_threads() == 0;
}

static int
count_fds(void)
{
	return count_entries("/proc/self/fd");
}

static void
rsa_does_not_keep_the_caller_waiting(void **state)
{
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	struct key_op op = create_op(COSE_RS256, "meta"), sig;
	uint8_t box[KEY_SEAL_OVERHEAD];
	int fd = ops->fd(f->keys), fds = count_fds();
	double from = now_ms();

	assert_false(ops->start(f->keys, &op));
	assert_true(now_ms() - from < 200);	/* a thread */
	assert_int_equal(ops->seal(f->keys, span_str(""), span_str(""), box),
	    0);
	while (!readable(fd, 60000) || ops->poll(f->keys) == NULL)
		assert_true(now_ms() - from < 60000);
	assert_int_equal(op.result, 0);
	assert_null(ops->poll(f->keys));
	assert_false(readable(fd, 0));
	assert_true(is_alone());
	assert_int_equal(count_fds(), fds);
	assert_int_equal(ops->fd(f->keys), fd);
	sig = sign_op(&op);
	assert_int_equal(keys_perform(f->keys, &sig), 0);
	assert_true(verifies(&op, &sig));
}

static void
poll_without_an_answer_says_so(void **state)
{
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	struct key_op op = create_op(COSE_RS256, "");

	assert_null(ops->poll(f->keys));
	assert_false(ops->start(f->keys, &op));
	/* It may be there at once, but hardly three times. */
	for (int i = 0; i < 3 && ops->poll(f->keys) == &op; i++)
		assert_false(ops->start(f->keys, &op));
	ops->abandon(f->keys, &op);
}

static void
abandoned_rsa_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	const struct keys_ops *ops = f->keys->ops;
	struct key_op op, other = create_op(COSE_ES256, "");
	int fds = count_fds();

	for (int i = 0; i < 5; i++) {
		op = create_op(COSE_RS256, "");
		assert_false(ops->start(f->keys, &op));
		ops->abandon(f->keys, &other);	/* not that one */
		ops->abandon(f->keys, &op);
		assert_true(is_alone());
		assert_int_equal(count_fds(), fds);
		assert_null(ops->poll(f->keys));
		assert_int_equal(keys_perform(f->keys, &other), 0);
	}
}

static void
freeing_a_busy_provider_ends_the_search(void **state)
{
	struct fixture *f = *state;
	struct key_op op = create_op(COSE_RS256, "");
	int fds = count_fds();
	struct keys *k;

	assert_int_equal(keys_open_software(f->dirfd, false, &k), 0);
	assert_int_equal(k->ops->unlock(k, span(f->wrapped,
	    f->wrapped_len)), 0);
	assert_false(k->ops->start(k, &op));
	keys_free(k);
	assert_true(is_alone());
	assert_int_equal(count_fds(), fds);
}

/* poll() until it has something else to say. */
static int
search_result(struct rsa_search *rs, uint8_t *primes)
{
	int r;

	do {
		assert_true(readable(rs->epoll_fd, 60000));
		r = rsa_search_poll(rs, primes);
	} while (r == -EAGAIN);
	return r;
}

/* Nobody finds one within a millisecond. But who looks may be too late, too. */
static void
deadline_ends_the_search(void **state)
{
	struct rsa_search rs;
	uint8_t primes[2 * RSA_PRIME_LEN];
	int r = 0;

	(void)state;
	assert_int_equal(rsa_search_init(&rs), 0);
	for (int i = 0; i < 100 && r == 0; i++) {
		assert_int_equal(rsa_search_start(&rs, 1), 0);
		r = search_result(&rs, primes);
	}
	assert_int_equal(r, -ETIMEDOUT);
	assert_true(is_alone());
	assert_false(readable(rs.epoll_fd, 50));
	/* and the next one works */
	assert_int_equal(rsa_search_start(&rs, 60000), 0);
	assert_int_equal(search_result(&rs, primes), 0);
	assert_true((primes[0] & 0x80) != 0 && (primes[127] & 1) != 0);
	rsa_search_done(&rs);
}

/* It is told so between two numbers, and looks for no further one. */
static void
a_search_that_is_stopped_has_found_nothing(void **state)
{
	struct rsa_search rs;
	int stopped = 0;

	(void)state;
	assert_int_equal(rsa_search_init(&rs), 0);
	for (int i = 0; i < 100 && stopped == 0; i++) {
		assert_int_equal(rsa_search_start(&rs, 60000), 0);
		rsa_search_stop(&rs);
		stopped = rs.result;
		assert_false(readable(rs.epoll_fd, 0));
	}
	assert_int_equal(stopped, -EIO);
	rsa_search_done(&rs);
}

/* What is found lies in it until it is asked for, and not for longer. */
static void
primes_are_given_out_once(void **state)
{
	static const uint8_t zero[2 * RSA_PRIME_LEN];
	uint8_t primes[2 * RSA_PRIME_LEN];
	struct rsa_search rs;

	(void)state;
	assert_int_equal(rsa_search_init(&rs), 0);
	assert_int_equal(rsa_search_start(&rs, 60000), 0);
	assert_int_equal(search_result(&rs, primes), 0);
	assert_memory_equal(rs.primes, zero, sizeof(zero));
	assert_int_equal(rsa_search_start(&rs, 60000), 0);
	assert_true(readable(rs.epoll_fd, 60000));
	rsa_search_stop(&rs);
	assert_memory_equal(rs.primes, zero, sizeof(zero));
	rsa_search_done(&rs);
}

/* software.key */

struct place {
	char	dir[64];
	int	fd;
};

static void
place_make(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/test-root-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
}

static void
place_remove(struct place *p)
{
	unlinkat(p->fd, "software.key", 0);
	unlinkat(p->fd, "software.key", AT_REMOVEDIR);
	unlinkat(p->fd, "software.key.new", 0);
	close(p->fd);
	assert_int_equal(rmdir(p->dir), 0);
}

static int
try_open(struct place *p, bool create)
{
	struct keys *k = NULL;
	int r;

	r = keys_open_software(p->fd, create, &k);
	assert_true((r == 0) == (k != NULL));
	keys_free(k);
	return r;
}

static void
write_file(struct place *p, const char *name, const void *data, size_t len,
    mode_t mode)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static size_t
read_file(struct place *p, uint8_t *buf, size_t len)
{
	int fd = openat(p->fd, "software.key", O_RDONLY);
	ssize_t n = read(fd, buf, len);

	assert_true(n >= 0);
	close(fd);
	return n;
}

static void
root_secret_is_made_once_and_private(void **state)
{
	struct place p;
	struct stat st;
	uint8_t first[64], again[64];

	(void)state;
	place_make(&p);
	umask(0);
	assert_int_equal(try_open(&p, true), 0);
	umask(022);
	assert_int_equal(fstatat(p.fd, "software.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read_file(&p, first, sizeof(first)), 48);
	assert_int_equal(try_open(&p, true), 0);
	assert_int_equal(read_file(&p, again, sizeof(again)), 48);
	assert_memory_equal(first, again, 48);
	assert_int_equal(faccessat(p.fd, "software.key.new", F_OK, 0), -1);
	place_remove(&p);
}

static void
missing_root_secret_is_only_made_on_request(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(try_open(&p, false), -ENOENT);
	assert_int_equal(faccessat(p.fd, "software.key", F_OK, 0), -1);
	place_remove(&p);
}

static void
leftover_of_a_crash_is_replaced(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	write_file(&p, "software.key.new", "half", 4, 0600);
	assert_int_equal(try_open(&p, true), 0);
	assert_int_equal(faccessat(p.fd, "software.key.new", F_OK, 0), -1);
	place_remove(&p);
}

static void
somebody_else_making_it_is_busy(void **state)
{
	struct place p;
	int lock;

	(void)state;
	place_make(&p);
	lock = open(p.dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(try_open(&p, true), -EBUSY);
	close(lock);
	assert_int_equal(try_open(&p, true), 0);
	place_remove(&p);
}

static void
root_secret_that_others_can_read_is_refused(void **state)
{
	static const mode_t bad[] = { 0640, 0604, 0660, 0601, 0622, 0777 };
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(try_open(&p, true), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(fchmodat(p.fd, "software.key", bad[i], 0),
		    0);
		assert_int_equal(try_open(&p, true), -EPERM);
	}
	assert_int_equal(fchmodat(p.fd, "software.key", 0400, 0), 0);
	assert_int_equal(try_open(&p, true), 0);
	place_remove(&p);
}

static void
damaged_root_secret_is_refused_and_kept(void **state)
{
	struct place p;
	uint8_t good[49] = { 0 }, bad[49], after[49];

	(void)state;
	place_make(&p);
	assert_int_equal(try_open(&p, true), 0);
	assert_int_equal(read_file(&p, good, sizeof(good)), 48);
	for (size_t i = 0; i < 48; i++) {
		memcpy(bad, good, 48);
		bad[i] ^= 1 << i % 8;
		write_file(&p, "software.key", bad, 48, 0600);
		assert_int_equal(try_open(&p, true), -EUCLEAN);
		assert_int_equal(read_file(&p, after, sizeof(after)), 48);
		assert_memory_equal(after, bad, 48);
	}
	for (size_t len = 0; len <= 49; len++) {
		write_file(&p, "software.key", good, len, 0600);
		assert_int_equal(try_open(&p, true),
		    len == 48 ? 0 : -EUCLEAN);
	}
	place_remove(&p);
}

static void
newer_root_secret_is_refused_as_such(void **state)
{
	struct place p;
	uint8_t file[48], digest[32];

	(void)state;
	place_make(&p);
	assert_int_equal(try_open(&p, true), 0);
	assert_int_equal(read_file(&p, file, sizeof(file)), 48);
	file[7] = 2;
	SHA256(file, 40, digest);
	memcpy(file + 40, digest, 8);
	write_file(&p, "software.key", file, 48, 0600);
	assert_int_equal(try_open(&p, true), -EPROTO);
	file[7] = 1;
	SHA256(file, 40, digest);
	memcpy(file + 40, digest, 8);
	write_file(&p, "software.key", file, 48, 0600);
	assert_int_equal(try_open(&p, true), 0);
	place_remove(&p);
}

static void
what_is_no_file_is_refused(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(symlinkat("/dev/zero", p.fd, "software.key"), 0);
	assert_int_equal(try_open(&p, true), -EUCLEAN);
	unlinkat(p.fd, "software.key", 0);
	assert_int_equal(mkdirat(p.fd, "software.key", 0700), 0);
	assert_int_equal(try_open(&p, true), -EUCLEAN);
	unlinkat(p.fd, "software.key", AT_REMOVEDIR);
	assert_int_equal(mkfifoat(p.fd, "software.key", 0600), 0);
	assert_int_equal(try_open(&p, true), -EUCLEAN);
	place_remove(&p);
}

static void
place_that_takes_no_file_is_an_error(void **state)
{
	struct keys *k = NULL;
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_true(keys_open_software(fd, true, &k) < 0);
	assert_null(k);
	close(fd);
	assert_int_equal(keys_open_software(-1, true, &k), -EBADF);
}

static void
two_places_have_two_secrets(void **state)
{
	struct fixture *f = *state;
	struct place p;
	struct keys *k;

	place_make(&p);
	assert_int_equal(keys_open_software(p.fd, true, &k), 0);
	assert_int_equal(k->ops->unlock(k, span(f->wrapped,
	    f->wrapped_len)), -EBADMSG);
	keys_free(k);
	keys_free(NULL);
	place_remove(&p);
}

/* Speed, against the bare signature. Ten times what is aimed at fails. */

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#define ROUNDS	1000

static double
median_us(double *ms)
{
	qsort(ms, ROUNDS, sizeof(ms[0]), compare_doubles);
	return ms[ROUNDS / 2] * 1e3;
}

static double
bare_signature_us(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t sig[80];
	double ms[ROUNDS];

	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	for (int i = 0; i < ROUNDS; i++) {
		size_t len = sizeof(sig);
		double from = now_ms();

		EVP_PKEY_sign(ctx, sig, &len, epoch_a, 32);
		ms[i] = now_ms() - from;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return median_us(ms);
}

static double
signature_us(struct fixture *f, const struct key_op *made, size_t count)
{
	struct key_op op;
	double ms[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		double from;

		op = sign_op(&made[i % count]);
		from = now_ms();
		assert_int_equal(keys_perform(f->keys, &op), 0);
		ms[i] = now_ms() - from;
	}
	return median_us(ms);
}

static void
es256_costs_little_more_than_the_signature(void **state)
{
	struct fixture *f = *state;
	struct key_op *made = calloc(ROUNDS, sizeof(*made));
	double bare, same, fresh;

	for (size_t i = 0; i < ROUNDS; i++) {
		made[i] = create_op(COSE_ES256, "12345678");
		assert_int_equal(keys_perform(f->keys, &made[i]), 0);
	}
	bare = bare_signature_us();
	same = signature_us(f, made, 1);
	fresh = signature_us(f, made, ROUNDS);
	print_message("ES256: bare %.1f us, one key %.1f us, each time "
	    "another %.1f us\n", bare, same, fresh);
	assert_true(same < 10 * bare && fresh < 10 * bare);
	free(made);
}

/* What has no file: signs as the other one does, and a copy can what it can. */
static void
a_provider_without_a_file(void **state)
{
	struct key_op made, op;
	struct keys *k, *copy, *other;

	(void)state;
	assert_int_equal(keys_open_memory(3, &k), 0);
	assert_int_equal(keys_copy_memory(k, &copy), 0);
	assert_int_equal(keys_open_memory(3, &other), 0);
	for (size_t i = 0; i < ALGS; i++) {
		made = create_op(all_algs[i], "12345678");
		assert_int_equal(keys_perform(k, &made), 0);
		op = sign_op(&made);
		assert_int_equal(keys_perform(copy, &op), 0);
		op = sign_op(&made);
		assert_int_equal(keys_perform(other, &op), -EBADMSG);
	}
	keys_free(k);
	op = sign_op(&made);
	assert_int_equal(keys_perform(copy, &op), 0);
	keys_free(copy);
	keys_free(other);
}

/* More than there is room for: what was driven out comes back. */
static void
many_epochs_at_a_time(void **state)
{
	enum { EPOCHS = 60 };
	static struct key_op made[EPOCHS];
	uint8_t epoch[EPOCHS][KEY_EPOCH_LEN];
	struct key_op op;
	struct keys *k;

	(void)state;
	assert_int_equal(keys_open_memory(4, &k), 0);
	for (int i = 0; i < EPOCHS; i++) {
		memset(epoch[i], i + 1, KEY_EPOCH_LEN);
		made[i] = create_op(COSE_ES256, "12345678");
		made[i].epoch = span(epoch[i], KEY_EPOCH_LEN);
		assert_int_equal(keys_perform(k, &made[i]), 0);
	}
	for (int i = 0; i < EPOCHS; i++) {
		op = sign_op(&made[i]);
		op.epoch = span(epoch[i], KEY_EPOCH_LEN);
		assert_int_equal(keys_perform(k, &op), 0);
		op = sign_op(&made[i]);
		op.epoch = span(epoch[(i + 1) % EPOCHS], KEY_EPOCH_LEN);
		assert_int_equal(keys_perform(k, &op), -EBADMSG);
	}
	keys_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_provider_without_a_file),
		cmocka_unit_test(many_epochs_at_a_time),
		cmocka_unit_test(signatures_verify_under_the_public_key),
		cmocka_unit_test(either_half_of_the_message_may_be_empty),
		cmocka_unit_test(open_tells_algorithm_and_meta),
		cmocka_unit_test(blobs_fit_where_they_have_to),
		cmocka_unit_test(sizes_beyond_the_limits_are_refused),
		cmocka_unit_test(unknown_algorithms_are_refused),
		cmocka_unit_test(ml_dsa_is_offered_if_openssl_has_it),
		cmocka_unit_test(other_keys_are_there_at_once),
		cmocka_unit_test(blob_with_any_byte_altered_is_refused),
		cmocka_unit_test(blob_of_any_other_length_is_refused),
		cmocka_unit_test(other_bound_or_epoch_is_refused),
		cmocka_unit_test(many_keys_in_three_epochs_keep_apart),
		cmocka_unit_test(hmac_has_one_output_for_each_salt),
		cmocka_unit_test(hmac_salts_are_32_bytes),
		cmocka_unit_test(blob_format_is_as_written_down),
		cmocka_unit_test(ed448_signs_as_the_standard_says),
		cmocka_unit_test(small_scalars_sign_for_their_point),
		cmocka_unit_test(hmac_is_as_written_down),
		cmocka_unit_test(names_and_rows_are_as_written_down),
		cmocka_unit_test(labels_do_not_run_into_data),
		cmocka_unit_test(sealed_rows_come_back_whole_or_not_at_all),
		cmocka_unit_test(nothing_can_be_sealed_too),
		cmocka_unit_test(keys_survive_a_restart),
		cmocka_unit_test(another_storage_key_opens_nothing),
		cmocka_unit_test(damaged_storage_key_is_refused),
		cmocka_unit_test(no_private_key_outlives_the_provider),
		cmocka_unit_test(keys_of_a_forgotten_epoch_are_wiped),
		cmocka_unit_test(rsa_does_not_keep_the_caller_waiting),
		cmocka_unit_test(poll_without_an_answer_says_so),
		cmocka_unit_test(abandoned_rsa_leaves_nothing_behind),
		cmocka_unit_test(freeing_a_busy_provider_ends_the_search),
		cmocka_unit_test(deadline_ends_the_search),
		cmocka_unit_test(a_search_that_is_stopped_has_found_nothing),
		cmocka_unit_test(primes_are_given_out_once),
		cmocka_unit_test(root_secret_is_made_once_and_private),
		cmocka_unit_test(missing_root_secret_is_only_made_on_request),
		cmocka_unit_test(leftover_of_a_crash_is_replaced),
		cmocka_unit_test(somebody_else_making_it_is_busy),
		cmocka_unit_test(root_secret_that_others_can_read_is_refused),
		cmocka_unit_test(damaged_root_secret_is_refused_and_kept),
		cmocka_unit_test(newer_root_secret_is_refused_as_such),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(place_that_takes_no_file_is_an_error),
		cmocka_unit_test(two_places_have_two_secrets),
		cmocka_unit_test(es256_costs_little_more_than_the_signature),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
