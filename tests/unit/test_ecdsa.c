/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are made ahead (tpm/ecdsa.h): good ones, each for one, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "tpm/ecdsa.h"
#include "tpm/seal.h"

#define TAKEN	(2 * ECDSA_STOCK + 1)	/* from three stocks */

struct pair {
	uint8_t	priv[ECDSA_LEN_MAX];
	uint8_t	pub[2 * ECDSA_LEN_MAX];
};

static const struct {
	enum cose_curve	crv;
	const char	*name;
} curves[] = {
	{ COSE_P256, "P-256" },
	{ COSE_P384, "P-384" },
	{ COSE_P521, "P-521" },
	{ COSE_SECP256K1, "secp256k1" },
};

#define CURVES	(sizeof(curves) / sizeof(curves[0]))

static struct ecdsa_stock *
stock_new(void)
{
	struct ecdsa_stock *s = seal_memory_new(sizeof(*s));

	assert_non_null(s);
	assert_true(seal_wiped_on_fork(s, sizeof(*s)));
	return s;
}

static EVP_PKEY *
public_key(const char *curve, const uint8_t *pub, size_t len)
{
	uint8_t point[1 + 2 * ECDSA_LEN_MAX] = { 0x04 };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    (char *)curve, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    point, 1 + 2 * len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(point + 1, pub, 2 * len);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
check_pair(struct ecdsa *e, const char *curve, const struct pair *p,
    size_t len)
{
	static const uint8_t digest[32] = "what is signed";
	EVP_PKEY *key = public_key(curve, p->pub, len);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t sig[ECDSA_SIG_MAX];
	size_t sig_len;

	assert_int_equal(ecdsa_sign(e, p->priv, digest, sizeof(digest), sig,
	    &sig_len), 0);
	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	assert_int_equal(EVP_PKEY_verify(ctx, sig, sig_len, digest,
	    sizeof(digest)), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

/* What was given out is not there any more, and the rest still is. */
static void
check_wiped(const struct ecdsa_stock *s)
{
	static const uint8_t zeros[sizeof(s->pair[0])];

	for (size_t i = 0; i < ECDSA_STOCK; i++)
		assert_int_equal(memcmp(s->pair[i], zeros, sizeof(zeros)) == 0,
		    i < ECDSA_STOCK - s->left);
}

static void
test_each_signs_for_its_point_and_is_given_once(void **state)
{
	static struct pair taken[TAKEN];
	struct ecdsa_stock *s;
	struct ecdsa *e;
	size_t len;

	(void)state;
	for (size_t c = 0; c < CURVES; c++) {
		e = ecdsa_new(curves[c].crv);
		len = ecdsa_len(curves[c].crv);
		s = stock_new();
		assert_non_null(e);
		for (size_t i = 0; i < TAKEN; i++) {
			assert_int_equal(ecdsa_take(e, s, taken[i].priv,
			    taken[i].pub), 0);
			check_wiped(s);
			check_pair(e, curves[c].name, &taken[i], len);
			for (size_t j = 0; j < i; j++)
				assert_memory_not_equal(taken[i].priv,
				    taken[j].priv, len);
		}
		seal_memory_free(s, sizeof(*s));
		ecdsa_free(e);
	}
}

/* The private key that a child process takes from the same stock. */
static void
take_in_child(struct ecdsa *e, struct ecdsa_stock *s, uint8_t priv[static 32])
{
	struct pair p;
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0)
		_exit(ecdsa_take(e, s, p.priv, p.pub) != 0 ||
		    write(fd[1], p.priv, 32) != 32);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(fd[0], priv, 32), 32);
	close(fd[0]);
	close(fd[1]);
}

static void
test_a_child_process_has_others(void **state)
{
	struct ecdsa *e = ecdsa_new(COSE_P256);
	struct ecdsa_stock *s = stock_new();
	uint8_t theirs[32];
	struct pair p;

	(void)state;
	assert_int_equal(ecdsa_take(e, s, p.priv, p.pub), 0);
	assert_int_equal(s->left, ECDSA_STOCK - 1);
	take_in_child(e, s, theirs);
	while (s->left > 0) {
		assert_int_equal(ecdsa_take(e, s, p.priv, p.pub), 0);
		assert_memory_not_equal(p.priv, theirs, sizeof(theirs));
	}
	seal_memory_free(s, sizeof(*s));
	ecdsa_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_each_signs_for_its_point_and_is_given_once),
		cmocka_unit_test(test_a_child_process_has_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
