/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key as libfido2 finds it: a client that is not ours, and the one that
 * ssh, PAM and disk encryption have. It parses what the key says, computes
 * the other half of every PIN protocol, and checks signatures by itself.
 *
 *	SEALKEY=PROGRAM fido2
 *
 * Each test has a key of its own, behind a socket, just started. Prints TAP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* before fido.h, whose macros have names of our enums, and their values */
#include "authenticator/device.h"

#include <fido.h>
#include <fido/bio.h>
#include <fido/config.h>
#include <fido/credman.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/es384.h>
#include <fido/rs256.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fido2_wire.h"

#define SITE		"example.com"
#define PIN		"1234"
#define OTHER_PIN	"caf\xc3\xa9s"	/* five code points */
#define WAIT_MS		10000	/* for answers that are due at once */
#define SHORT_MS	300	/* for one that does not come */

/* The call came to this status of libfido2's, or is told of with its line. */
#define OK(call)		expect(FIDO_OK, (call), #call, __LINE__)
#define FAILS(status, call)	expect((status), (call), #call, __LINE__)

struct key {
	pid_t		 pid;
	char		 dir[64];	/* temporary, holds the two below */
	char		 state[96];
	char		 socket[96];
	fido_dev_t	*dev;
};

static const unsigned char client_data_hash[32] = { 0xcd, 0xa7 };

static void
expect(int want, int got, const char *call, int line)
{
	if (got == want)
		return;
	print_error("%s: %s (0x%02x)\n", call, fido_strerr(got),
	    (unsigned)got);
	_fail(__FILE__, line);
}

/* --- the key --- */

#define OPTIONS_MAX	4
#define OPTIONS_LEN	128	/* bytes, with the NUL */

/* options: words, or NULL */
static void
run_key(const struct key *k, const char *options, int ready_fd)
{
	char fd[16], words[OPTIONS_LEN], *rest = NULL;
	const char *argv[8 + OPTIONS_MAX + 1] = { getenv("SEALKEY"), "run",
	    "--state", k->state, "--socket", k->socket, "--ready-fd", fd };
	size_t n = 8;

	snprintf(fd, sizeof(fd), "%d", ready_fd);
	snprintf(words, sizeof(words), "%s", options != NULL ? options : "");
	argv[n] = strtok_r(words, " ", &rest);
	while (argv[n] != NULL && n < 8 + OPTIONS_MAX)
		argv[++n] = strtok_r(NULL, " ", &rest);
	if (argv[n] == NULL && freopen("/dev/null", "w", stderr) != NULL)
		execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
start(struct key *k, const char *options)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	k->pid = fork();
	assert_int_not_equal(k->pid, -1);
	if (k->pid == 0) {
		close(fds[0]);
		run_key(k, options, fds[1]);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
}

static fido_dev_t *
connect_to(const struct key *k)
{
	fido_dev_t *dev = fido2_open(k->socket);

	assert_non_null(dev);
	OK(fido_dev_set_timeout(dev, WAIT_MS));
	return dev;
}

/* What a program sees that opens the key anew: libfido2 remembers options. */
static void
reconnect(struct key *k)
{
	fido2_close(&k->dev);
	k->dev = connect_to(k);
}

static int
plug_in(void **state)
{
	struct key *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	strcpy(k->dir, "/tmp/sealkey-fido2-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->state, sizeof(k->state), "%s/state", k->dir);
	snprintf(k->socket, sizeof(k->socket), "%s/socket", k->dir);
	start(k, *state);
	k->dev = connect_to(k);
	*state = k;
	return 0;
}

static int
plug_out(void **state)
{
	struct key *k = *state;
	char cmd[128];
	int status = -1;

	fido2_close(&k->dev);
	kill(k->pid, SIGTERM);
	waitpid(k->pid, &status, 0);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", k->dir);
	if (system(cmd) != 0)
		status = -1;
	free(k);
	return status;
}

/* --- requests --- */

static fido_cred_t *
new_cred(int alg, const char *user)
{
	fido_cred_t *c = fido_cred_new();

	assert_non_null(c);
	OK(fido_cred_set_type(c, alg));
	OK(fido_cred_set_rp(c, SITE, "Example"));
	OK(fido_cred_set_user(c, (const unsigned char *)user, strlen(user),
	    user, "A. User", NULL));
	OK(fido_cred_set_clientdata_hash(c, client_data_hash,
	    sizeof(client_data_hash)));
	return c;
}

/*
 * Such a credential takes a verified user (CTAP 2.3, 6.1.2): by the key, as
 * uv asks for, or by a PIN, for which libfido2 takes uv back.
 */
static fido_cred_t *
new_discoverable(const char *user, fido_opt_t uv)
{
	fido_cred_t *c = new_cred(COSE_ES256, user);

	OK(fido_cred_set_rk(c, FIDO_OPT_TRUE));
	OK(fido_cred_set_uv(c, uv));
	return c;
}

static fido_assert_t *
new_assert(const fido_cred_t *allowed)
{
	fido_assert_t *a = fido_assert_new();

	assert_non_null(a);
	OK(fido_assert_set_rp(a, SITE));
	OK(fido_assert_set_clientdata_hash(a, client_data_hash,
	    sizeof(client_data_hash)));
	if (allowed != NULL)
		OK(fido_assert_allow_cred(a, fido_cred_id_ptr(allowed),
		    fido_cred_id_len(allowed)));
	return a;
}

/* An account of SITE, made with the PIN if there is one. */
static fido_cred_t *
register_account(struct key *k, const char *user, const char *pin)
{
	fido_cred_t *c = new_discoverable(user, FIDO_OPT_TRUE);

	OK(fido_dev_make_cred(k->dev, c, pin));
	OK(fido_cred_verify(c));
	return c;
}

static int
verify_es256(const fido_cred_t *c, const fido_assert_t *a, size_t i)
{
	es256_pk_t *pk = es256_pk_new();
	int r = es256_pk_from_ptr(pk, fido_cred_pubkey_ptr(c),
	    fido_cred_pubkey_len(c));

	if (r == FIDO_OK)
		r = fido_assert_verify(a, i, COSE_ES256, pk);
	es256_pk_free(&pk);
	return r;
}

static int
verify_es384(const fido_cred_t *c, const fido_assert_t *a, size_t i)
{
	es384_pk_t *pk = es384_pk_new();
	int r = es384_pk_from_ptr(pk, fido_cred_pubkey_ptr(c),
	    fido_cred_pubkey_len(c));

	if (r == FIDO_OK)
		r = fido_assert_verify(a, i, COSE_ES384, pk);
	es384_pk_free(&pk);
	return r;
}

static int
verify_rs256(const fido_cred_t *c, const fido_assert_t *a, size_t i)
{
	rs256_pk_t *pk = rs256_pk_new();
	int r = rs256_pk_from_ptr(pk, fido_cred_pubkey_ptr(c),
	    fido_cred_pubkey_len(c));

	if (r == FIDO_OK)
		r = fido_assert_verify(a, i, COSE_RS256, pk);
	rs256_pk_free(&pk);
	return r;
}

static int
verify_eddsa(const fido_cred_t *c, const fido_assert_t *a, size_t i)
{
	eddsa_pk_t *pk = eddsa_pk_new();
	int r = eddsa_pk_from_ptr(pk, fido_cred_pubkey_ptr(c),
	    fido_cred_pubkey_len(c));

	if (r == FIDO_OK)
		r = fido_assert_verify(a, i, COSE_EDDSA, pk);
	eddsa_pk_free(&pk);
	return r;
}

/* Whether the i-th assertion was signed by the credential's key. */
static int
verify(const fido_cred_t *c, const fido_assert_t *a, size_t i)
{
	switch (fido_cred_type(c)) {
	case COSE_ES256:
		return verify_es256(c, a, i);
	case COSE_ES384:
		return verify_es384(c, a, i);
	case COSE_RS256:
		return verify_rs256(c, a, i);
	default:
		return verify_eddsa(c, a, i);
	}
}

/* Signs in to the account, or comes to the status. */
static int
sign_in(struct key *k, const fido_cred_t *c, const char *pin)
{
	fido_assert_t *a = new_assert(c);
	int r = fido_dev_get_assert(k->dev, a, pin);

	if (r == FIDO_OK)
		r = verify(c, a, 0);
	fido_assert_free(&a);
	return r;
}

/* --- what the key says of itself --- */

static bool
has_name(char **names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
has_alg(const fido_cbor_info_t *ci, int alg)
{
	for (size_t i = 0; i < fido_cbor_info_algorithm_count(ci); i++)
		if (fido_cbor_info_algorithm_cose(ci, i) == alg)
			return strcmp(fido_cbor_info_algorithm_type(ci, i),
			    "public-key") == 0;
	return false;
}

static fido_cbor_info_t *
get_info(struct key *k)
{
	fido_cbor_info_t *ci = fido_cbor_info_new();

	assert_non_null(ci);
	OK(fido_dev_get_cbor_info(k->dev, ci));
	return ci;
}

/* 1, 0, or -1: there is none */
static int
option(struct key *k, const char *name)
{
	fido_cbor_info_t *ci = get_info(k);
	int value = -1;

	for (size_t i = 0; i < fido_cbor_info_options_len(ci); i++)
		if (strcmp(fido_cbor_info_options_name_ptr(ci)[i], name) == 0)
			value = fido_cbor_info_options_value_ptr(ci)[i];
	fido_cbor_info_free(&ci);
	return value;
}

static void
names_what_it_has(void **state)
{
	static const char *const extensions[] = { "credProtect", "credBlob",
	    "hmac-secret", "largeBlobKey", "minPinLength" };
	static const int algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256,
	    COSE_ES384 };
	fido_cbor_info_t *ci = get_info(*state);
	char **versions = fido_cbor_info_versions_ptr(ci);
	size_t count = fido_cbor_info_versions_len(ci);

	assert_true(has_name(versions, count, "FIDO_2_1"));
	assert_true(has_name(versions, count, "FIDO_2_0"));
	assert_true(has_name(versions, count, "U2F_V2"));
	for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++)
		assert_true(has_name(fido_cbor_info_extensions_ptr(ci),
		    fido_cbor_info_extensions_len(ci), extensions[i]));
	for (size_t i = 0; i < sizeof(algs) / sizeof(*algs); i++)
		assert_true(has_alg(ci, algs[i]));
	assert_true(has_name(fido_cbor_info_transports_ptr(ci),
	    fido_cbor_info_transports_len(ci), "usb"));
	fido_cbor_info_free(&ci);
}

static void
names_its_limits(void **state)
{
	fido_cbor_info_t *ci = get_info(*state);

	assert_int_equal(fido_cbor_info_aaguid_len(ci), 16);
	assert_memory_equal(fido_cbor_info_aaguid_ptr(ci), device_aaguid, 16);
	assert_int_equal(fido_cbor_info_protocols_len(ci), 2);
	assert_int_equal(fido_cbor_info_protocols_ptr(ci)[0], 2);
	assert_int_equal(fido_cbor_info_protocols_ptr(ci)[1], 1);
	assert_in_range(fido_cbor_info_maxmsgsiz(ci), 1024, 7609);
	assert_true(fido_cbor_info_maxcredcntlst(ci) > 0);
	assert_true(fido_cbor_info_maxcredidlen(ci) >= 32);
	assert_true(fido_cbor_info_maxcredbloblen(ci) >= 32);
	assert_true(fido_cbor_info_maxlargeblob(ci) >= 1024);
	assert_true(fido_cbor_info_maxrpid_minpinlen(ci) > 0);
	assert_int_equal(fido_cbor_info_minpinlen(ci), 4);
	assert_true(fido_cbor_info_rk_remaining(ci) > 0);
	assert_true(fido_cbor_info_fwversion(ci) > 0);
	assert_false(fido_cbor_info_new_pin_required(ci));
	fido_cbor_info_free(&ci);
}

static void
can_what_libfido2_asks_for(void **state)
{
	const fido_dev_t *dev = ((struct key *)*state)->dev;

	assert_true(fido_dev_is_fido2(dev));
	assert_int_equal(fido_dev_protocol(dev), 2);
	assert_true(fido_dev_flags(dev) & FIDO_CAP_CBOR);
	assert_false(fido_dev_flags(dev) & FIDO_CAP_NMSG);
	assert_true(fido_dev_supports_pin(dev));
	assert_true(fido_dev_supports_uv(dev));
	assert_true(fido_dev_supports_cred_prot(dev));
	assert_true(fido_dev_supports_credman(dev));
	assert_true(fido_dev_supports_permissions(dev));
	assert_false(fido_dev_has_pin(dev));
	assert_true(fido_dev_has_uv(dev));
}

/* --- registering and signing in --- */

static void
sign_in_twice(struct key *k, const fido_cred_t *c)
{
	fido_assert_t *a = new_assert(c);
	uint32_t counter = fido_cred_sigcount(c);

	for (int i = 0; i < 2; i++) {
		OK(fido_dev_get_assert(k->dev, a, NULL));
		assert_int_equal(fido_assert_count(a), 1);
		assert_true(fido_assert_sigcount(a, 0) > counter);
		counter = fido_assert_sigcount(a, 0);
		assert_true(fido_assert_flags(a, 0) &
		    CTAP_AUTHDATA_USER_PRESENT);
		OK(verify(c, a, 0));
	}
	fido_assert_free(&a);
}

static void
signs_with_every_algorithm(void **state)
{
	static const int algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256,
	    COSE_ES384 };
	struct key *k = *state;

	for (size_t i = 0; i < sizeof(algs) / sizeof(*algs); i++) {
		fido_cred_t *c = new_cred(algs[i], "alice");

		OK(fido_dev_make_cred(k->dev, c, NULL));
		OK(fido_cred_verify(c));
		assert_string_equal(fido_cred_fmt(c), "packed");
		assert_true(fido_cred_x5c_len(c) > 0);
		assert_memory_equal(fido_cred_aaguid_ptr(c), device_aaguid,
		    16);
		assert_int_equal(fido_cred_flags(c) &
		    CTAP_AUTHDATA_USER_VERIFIED, 0);
		sign_in_twice(k, c);
		fido_cred_free(&c);
	}
}

static void
attests_with_its_own_key(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = new_cred(COSE_EDDSA, "alice");

	OK(fido_dev_make_cred(k->dev, c, NULL));
	assert_int_equal(fido_cred_x5c_len(c), 0);
	OK(fido_cred_verify_self(c));
	fido_cred_free(&c);
}

static void
attests_nothing(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = new_cred(COSE_ES256, "alice");

	OK(fido_dev_make_cred(k->dev, c, NULL));
	assert_string_equal(fido_cred_fmt(c), "none");
	assert_int_equal(fido_cred_sig_len(c), 0);
	OK(sign_in(k, c, NULL));
	fido_cred_free(&c);
}

/* What was made, as somebody else has it who is to verify it. */
static fido_cred_t *
passed_on(const fido_cred_t *made)
{
	fido_cred_t *c = new_cred(COSE_RS256, "alice");

	assert_string_equal(fido_cred_fmt(made), "tpm");
	OK(fido_cred_set_fmt(c, "tpm"));
	OK(fido_cred_set_authdata(c, fido_cred_authdata_ptr(made),
	    fido_cred_authdata_len(made)));
	OK(fido_cred_set_attstmt(c, fido_cred_attstmt_ptr(made),
	    fido_cred_attstmt_len(made)));
	return c;
}

/*
 * libfido2 knows tpm attestation as Windows Hello gives it, RSA and SHA-1; it
 * looks at the certificate's key and at no chain. It cannot verify what it
 * has just made itself (1.12): what was signed is not kept.
 */
static void
attests_as_windows_hello(void **state)
{
	struct key *k = *state;
	fido_cred_t *made = new_cred(COSE_RS256, "alice"), *c;

	OK(fido_dev_make_cred(k->dev, made, NULL));
	c = passed_on(made);
	OK(fido_cred_verify(c));
	/* so it can fail: other client data is not what was certified */
	OK(fido_cred_set_clientdata_hash(c, (const uint8_t *)
	    "another hash of 32 bytes, or so.", 32));
	assert_int_not_equal(fido_cred_verify(c), FIDO_OK);
	fido_cred_free(&made);
	fido_cred_free(&c);
}

/* ... and no other; which is why packed is what keys give by themselves. */
static void
attests_as_others_verify(void **state)
{
	struct key *k = *state;
	fido_cred_t *made = new_cred(COSE_RS256, "alice"), *c;

	OK(fido_dev_make_cred(k->dev, made, NULL));
	c = passed_on(made);
	assert_int_not_equal(fido_cred_verify(c), FIDO_OK);
	fido_cred_free(&made);
	fido_cred_free(&c);
}

static void
verifies_its_user(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = new_cred(COSE_ES256, "alice");
	fido_assert_t *a;

	OK(fido_cred_set_uv(c, FIDO_OPT_TRUE));
	OK(fido_dev_make_cred(k->dev, c, NULL));
	OK(fido_cred_verify(c));
	assert_true(fido_cred_flags(c) & CTAP_AUTHDATA_USER_VERIFIED);
	a = new_assert(c);
	OK(fido_assert_set_uv(a, FIDO_OPT_TRUE));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	assert_true(fido_assert_flags(a, 0) & CTAP_AUTHDATA_USER_VERIFIED);
	OK(verify(c, a, 0));
	fido_assert_free(&a);
	fido_cred_free(&c);
}

static void
signs_without_its_user(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = register_account(k, "alice", NULL);
	fido_assert_t *a = new_assert(c);

	OK(fido_assert_set_up(a, FIDO_OPT_FALSE));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	assert_int_equal(fido_assert_flags(a, 0) &
	    CTAP_AUTHDATA_USER_PRESENT, 0);
	OK(verify(c, a, 0));
	fido_assert_free(&a);
	fido_cred_free(&c);
}

static void
knows_what_is_excluded(void **state)
{
	struct key *k = *state;
	fido_cred_t *first = register_account(k, "alice", NULL);
	fido_cred_t *second = new_discoverable("alice", FIDO_OPT_TRUE);

	OK(fido_cred_exclude(second, fido_cred_id_ptr(first),
	    fido_cred_id_len(first)));
	FAILS(FIDO_ERR_CREDENTIAL_EXCLUDED,
	    fido_dev_make_cred(k->dev, second, NULL));
	assert_int_equal(fido_cred_id_len(second), 0);
	fido_cred_free(&second);
	fido_cred_free(&first);
}

static void
has_no_other_credentials(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = register_account(k, "alice", NULL);
	fido_assert_t *a = new_assert(c);

	OK(fido_assert_set_rp(a, "example.org"));
	FAILS(FIDO_ERR_NO_CREDENTIALS,
	    fido_dev_get_assert(k->dev, a, NULL));
	fido_assert_free(&a);
	fido_cred_free(&c);
}

/* As many as getInfo says, of which one is of this key. */
static void
finds_its_own_among_many(void **state)
{
	struct key *k = *state;
	fido_cbor_info_t *ci = get_info(k);
	fido_cred_t *c = register_account(k, "alice", NULL);
	fido_assert_t *a = new_assert(NULL);
	unsigned char strange[64] = { 0 };
	uint64_t max = fido_cbor_info_maxcredcntlst(ci);

	assert_in_range(max, 2, 255);
	for (uint64_t i = 1; i < max; i++) {
		strange[0] = (unsigned char)i;
		OK(fido_assert_allow_cred(a, strange, sizeof(strange)));
	}
	OK(fido_assert_allow_cred(a, fido_cred_id_ptr(c),
	    fido_cred_id_len(c)));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	OK(verify(c, a, 0));
	assert_int_equal(fido_assert_id_len(a, 0), fido_cred_id_len(c));
	assert_memory_equal(fido_assert_id_ptr(a, 0), fido_cred_id_ptr(c),
	    fido_cred_id_len(c));
	fido_assert_free(&a);
	fido_cred_free(&c);
	fido_cbor_info_free(&ci);
}

/* The newest comes first. */
static void
lists_the_accounts_of_a_site(void **state)
{
	static const char *const users[] = { "alice", "bob", "carol" };
	struct key *k = *state;
	fido_cred_t *c[3];
	fido_assert_t *a = new_assert(NULL);

	for (size_t i = 0; i < 3; i++)
		c[i] = register_account(k, users[i], NULL);
	OK(fido_assert_set_uv(a, FIDO_OPT_TRUE));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	assert_int_equal(fido_assert_count(a), 3);
	for (size_t i = 0; i < 3; i++) {
		const char *user = users[2 - i];

		OK(verify(c[2 - i], a, i));
		assert_int_equal(fido_assert_user_id_len(a, i), strlen(user));
		assert_memory_equal(fido_assert_user_id_ptr(a, i), user,
		    strlen(user));
		assert_string_equal(fido_assert_user_name(a, i), user);
		assert_string_equal(fido_assert_user_display_name(a, i),
		    "A. User");
	}
	for (size_t i = 0; i < 3; i++)
		fido_cred_free(&c[i]);
	fido_assert_free(&a);
}

static void
picks_an_account_by_itself(void **state)
{
	struct key *k = *state;
	fido_cred_t *alice = register_account(k, "alice", NULL);
	fido_cred_t *bob = register_account(k, "bob", NULL);
	fido_assert_t *a = new_assert(NULL);

	OK(fido_assert_set_uv(a, FIDO_OPT_TRUE));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	assert_int_equal(fido_assert_count(a), 1);
	OK(verify(bob, a, 0));
	fido_assert_free(&a);
	fido_cred_free(&alice);
	fido_cred_free(&bob);
}

/* --- PIN --- */

static int
retries(struct key *k)
{
	int n = -1;

	OK(fido_dev_get_retry_count(k->dev, &n));
	return n;
}

static void
takes_a_pin_and_another(void **state)
{
	struct key *k = *state;
	fido_cred_t *c;

	FAILS(FIDO_ERR_PIN_NOT_SET, fido_dev_set_pin(k->dev, OTHER_PIN, PIN));
	FAILS(FIDO_ERR_PIN_POLICY_VIOLATION,
	    fido_dev_set_pin(k->dev, "123", NULL));
	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	assert_true(fido_dev_has_pin(k->dev));
	c = register_account(k, "alice", PIN);
	assert_true(fido_cred_flags(c) & CTAP_AUTHDATA_USER_VERIFIED);
	OK(fido_dev_set_pin(k->dev, OTHER_PIN, PIN));
	FAILS(FIDO_ERR_PIN_INVALID, sign_in(k, c, PIN));
	OK(sign_in(k, c, OTHER_PIN));
	fido_cred_free(&c);
}

static void
counts_wrong_pins(void **state)
{
	struct key *k = *state;
	fido_cred_t *c;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	assert_int_equal(retries(k), 8);
	c = register_account(k, "alice", PIN);
	FAILS(FIDO_ERR_PIN_INVALID, sign_in(k, c, "wrong"));
	assert_int_equal(retries(k), 7);
	OK(sign_in(k, c, PIN));
	assert_int_equal(retries(k), 8);
	FAILS(FIDO_ERR_PIN_INVALID, sign_in(k, c, "wrong"));
	FAILS(FIDO_ERR_PIN_INVALID, sign_in(k, c, "wrong"));
	FAILS(FIDO_ERR_PIN_AUTH_BLOCKED, sign_in(k, c, "wrong"));
	FAILS(FIDO_ERR_PIN_AUTH_BLOCKED, sign_in(k, c, PIN));
	assert_int_equal(retries(k), 5);
	fido_cred_free(&c);
}

/* A key that cannot verify by itself: its PIN, or nothing. */
static void
wants_its_pin(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = new_discoverable("alice", FIDO_OPT_OMIT);

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	assert_false(fido_dev_supports_uv(k->dev));
	FAILS(FIDO_ERR_PIN_REQUIRED, fido_dev_make_cred(k->dev, c, NULL));
	OK(fido_dev_make_cred(k->dev, c, PIN));
	OK(fido_cred_verify(c));
	fido_cred_free(&c);
}

static void
counts_its_own_verifications(void **state)
{
	struct key *k = *state;
	int n = 0;

	OK(fido_dev_get_uv_retry_count(k->dev, &n));
	assert_true(n > 0);
}

/* --- extensions --- */

static const unsigned char salts[64] = { [0] = 1, [32] = 2 };

/* What salts of len bytes come to, which is as long. */
static void
hmac_secret(struct key *k, const fido_cred_t *c, const char *pin,
    const unsigned char *salt, size_t len, unsigned char out[static 64])
{
	fido_assert_t *a = new_assert(c);

	OK(fido_assert_set_extensions(a, FIDO_EXT_HMAC_SECRET));
	OK(fido_assert_set_hmac_salt(a, salt, len));
	OK(fido_dev_get_assert(k->dev, a, pin));
	OK(verify(c, a, 0));
	assert_int_equal(fido_assert_hmac_secret_len(a, 0), len);
	memcpy(out, fido_assert_hmac_secret_ptr(a, 0), len);
	fido_assert_free(&a);
}

static fido_cred_t *
register_with_secret(struct key *k, const char *pin)
{
	fido_cred_t *c = new_cred(COSE_ES256, "alice");

	OK(fido_cred_set_extensions(c, FIDO_EXT_HMAC_SECRET));
	OK(fido_dev_make_cred(k->dev, c, pin));
	OK(fido_cred_verify(c));
	return c;
}

static void
gives_secrets(void **state)
{
	unsigned char one[64], other[64], both[64];
	struct key *k = *state;
	fido_cred_t *c = register_with_secret(k, NULL);

	hmac_secret(k, c, NULL, salts, 32, one);
	hmac_secret(k, c, NULL, salts + 32, 32, other);
	assert_memory_not_equal(one, other, 32);
	hmac_secret(k, c, NULL, salts, 64, both);
	assert_memory_equal(both, one, 32);
	assert_memory_equal(both + 32, other, 32);
	reconnect(k);
	hmac_secret(k, c, NULL, salts, 32, both);
	assert_memory_equal(both, one, 32);
	fido_cred_free(&c);
}

/* CTAP 2.3, 12.7: a secret for each, so that presence opens no volume. */
static void
gives_verified_users_other_secrets(void **state)
{
	unsigned char touched[64], verified[64], again[64];
	struct key *k = *state;
	fido_cred_t *c;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	c = register_with_secret(k, PIN);
	hmac_secret(k, c, NULL, salts, 32, touched);
	hmac_secret(k, c, PIN, salts, 32, verified);
	assert_memory_not_equal(touched, verified, 32);
	OK(fido_dev_set_pin(k->dev, OTHER_PIN, PIN));
	hmac_secret(k, c, OTHER_PIN, salts, 32, again);
	assert_memory_equal(verified, again, 32);
	fido_cred_free(&c);
}

static void
keeps_cred_blobs(void **state)
{
	static const unsigned char blob[] = "thirty-two bytes are guaranteed";
	struct key *k = *state;
	fido_cred_t *c = new_discoverable("alice", FIDO_OPT_TRUE);
	fido_assert_t *a;

	OK(fido_cred_set_blob(c, blob, sizeof(blob)));
	OK(fido_cred_set_extensions(c, FIDO_EXT_CRED_BLOB));
	OK(fido_dev_make_cred(k->dev, c, NULL));
	OK(fido_cred_verify(c));
	a = new_assert(c);
	OK(fido_assert_set_extensions(a, FIDO_EXT_CRED_BLOB));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	OK(verify(c, a, 0));
	assert_int_equal(fido_assert_blob_len(a, 0), sizeof(blob));
	assert_memory_equal(fido_assert_blob_ptr(a, 0), blob, sizeof(blob));
	fido_assert_free(&a);
	fido_cred_free(&c);
}

static void
protects_credentials(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = new_discoverable("alice", FIDO_OPT_TRUE);
	fido_assert_t *a;

	OK(fido_cred_set_prot(c, FIDO_CRED_PROT_UV_REQUIRED));
	OK(fido_dev_make_cred(k->dev, c, NULL));
	OK(fido_cred_verify(c));
	assert_int_equal(fido_cred_prot(c), FIDO_CRED_PROT_UV_REQUIRED);
	FAILS(FIDO_ERR_NO_CREDENTIALS, sign_in(k, c, NULL));
	a = new_assert(c);
	OK(fido_assert_set_uv(a, FIDO_OPT_TRUE));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	OK(verify(c, a, 0));
	fido_assert_free(&a);
	fido_cred_free(&c);
}

static void
tells_who_may_know_how_long_pins_are(void **state)
{
	static const char *const sites[] = { SITE };
	struct key *k = *state;
	fido_cred_t *c = new_cred(COSE_ES256, "alice");

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	OK(fido_dev_set_pin_minlen_rpid(k->dev, sites, 1, PIN));
	OK(fido_cred_set_pin_minlen(c, 4));
	OK(fido_dev_make_cred(k->dev, c, PIN));
	OK(fido_cred_verify(c));
	assert_int_equal(fido_cred_pin_minlen(c), 4);
	fido_cred_free(&c);
}

/* --- large blobs --- */

/* The large blob key, as registration and sign-in agree on it. */
static void
large_blob_key(struct key *k, unsigned char out[static 32])
{
	fido_cred_t *c = new_discoverable("alice", FIDO_OPT_TRUE);
	fido_assert_t *a;

	OK(fido_cred_set_extensions(c, FIDO_EXT_LARGEBLOB_KEY));
	OK(fido_dev_make_cred(k->dev, c, PIN));
	OK(fido_cred_verify(c));
	a = new_assert(c);
	OK(fido_assert_set_extensions(a, FIDO_EXT_LARGEBLOB_KEY));
	OK(fido_dev_get_assert(k->dev, a, NULL));
	assert_int_equal(fido_cred_largeblob_key_len(c), 32);
	assert_int_equal(fido_assert_largeblob_key_len(a, 0), 32);
	assert_memory_equal(fido_cred_largeblob_key_ptr(c),
	    fido_assert_largeblob_key_ptr(a, 0), 32);
	memcpy(out, fido_cred_largeblob_key_ptr(c), 32);
	fido_assert_free(&a);
	fido_cred_free(&c);
}

static void
check_blob(struct key *k, const unsigned char *key,
    const unsigned char *blob, size_t len)
{
	unsigned char *got = NULL;
	size_t n = 0;

	OK(fido_dev_largeblob_get(k->dev, key, 32, &got, &n));
	assert_int_equal(n, len);
	assert_memory_equal(got, blob, len);
	free(got);
}

/* More than one fragment, so that libfido2 has to put them together. */
static void
keeps_large_blobs(void **state)
{
	static unsigned char noise[3000];
	unsigned char key[32], *got = NULL;
	struct key *k = *state;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)(i * i * 2654435761u >> 13);
	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	large_blob_key(k, key);
	FAILS(FIDO_ERR_NOTFOUND,
	    fido_dev_largeblob_get(k->dev, key, 32, &got, &n));
	OK(fido_dev_largeblob_set(k->dev, key, 32, noise, 100, PIN));
	check_blob(k, key, noise, 100);
	OK(fido_dev_largeblob_set(k->dev, key, 32, noise, sizeof(noise),
	    PIN));
	check_blob(k, key, noise, sizeof(noise));
	OK(fido_dev_largeblob_remove(k->dev, key, 32, PIN));
	FAILS(FIDO_ERR_NOTFOUND,
	    fido_dev_largeblob_get(k->dev, key, 32, &got, &n));
}

/* An array of one empty map, and the one that is empty. */
static void
keeps_the_array_of_large_blobs(void **state)
{
	static const unsigned char array[] = { 0x81, 0xa0 }, none = 0x80;
	struct key *k = *state;
	unsigned char *got = NULL;
	size_t n = 0;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	OK(fido_dev_largeblob_set_array(k->dev, array, sizeof(array), PIN));
	OK(fido_dev_largeblob_get_array(k->dev, &got, &n));
	assert_int_equal(n, sizeof(array));
	assert_memory_equal(got, array, n);
	free(got);
	FAILS(FIDO_ERR_PIN_INVALID, fido_dev_largeblob_set_array(k->dev,
	    &none, 1, "wrong"));
	OK(fido_dev_largeblob_set_array(k->dev, &none, 1, PIN));
}

/* --- managing credentials --- */

static void
check_metadata(struct key *k, uint64_t existing)
{
	fido_credman_metadata_t *m = fido_credman_metadata_new();

	OK(fido_credman_get_dev_metadata(k->dev, m, PIN));
	assert_int_equal(fido_credman_rk_existing(m), existing);
	assert_true(fido_credman_rk_remaining(m) > 0);
	fido_credman_metadata_free(&m);
}

static void
check_sites(struct key *k)
{
	fido_credman_rp_t *rp = fido_credman_rp_new();

	OK(fido_credman_get_dev_rp(k->dev, rp, PIN));
	assert_int_equal(fido_credman_rp_count(rp), 1);
	assert_string_equal(fido_credman_rp_id(rp, 0), SITE);
	assert_int_equal(fido_credman_rp_id_hash_len(rp, 0), 32);
	fido_credman_rp_free(&rp);
}

/* The only account that is left. */
static void
check_account(struct key *k, const fido_cred_t *c, const char *name)
{
	fido_credman_rk_t *rk = fido_credman_rk_new();
	const fido_cred_t *found;

	OK(fido_credman_get_dev_rk(k->dev, SITE, rk, PIN));
	assert_int_equal(fido_credman_rk_count(rk), 1);
	found = fido_credman_rk(rk, 0);
	assert_string_equal(fido_cred_user_name(found), name);
	assert_int_equal(fido_cred_id_len(found), fido_cred_id_len(c));
	assert_memory_equal(fido_cred_id_ptr(found), fido_cred_id_ptr(c),
	    fido_cred_id_len(c));
	assert_int_equal(fido_cred_type(found), COSE_ES256);
	assert_int_equal(fido_cred_pubkey_len(found),
	    fido_cred_pubkey_len(c));
	assert_memory_equal(fido_cred_pubkey_ptr(found),
	    fido_cred_pubkey_ptr(c), fido_cred_pubkey_len(c));
	fido_credman_rk_free(&rk);
}

static void
rename_account(struct key *k, const fido_cred_t *c, const char *user,
    const char *name)
{
	fido_cred_t *new = fido_cred_new();

	OK(fido_cred_set_id(new, fido_cred_id_ptr(c), fido_cred_id_len(c)));
	OK(fido_cred_set_user(new, (const unsigned char *)user, strlen(user),
	    name, NULL, NULL));
	OK(fido_credman_set_dev_rk(k->dev, new, PIN));
	fido_cred_free(&new);
}

static void
manages_credentials(void **state)
{
	struct key *k = *state;
	fido_cred_t *alice, *bob;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	check_metadata(k, 0);
	alice = register_account(k, "alice", PIN);
	bob = register_account(k, "bob", PIN);
	check_metadata(k, 2);
	check_sites(k);
	OK(fido_credman_del_dev_rk(k->dev, fido_cred_id_ptr(alice),
	    fido_cred_id_len(alice), PIN));
	FAILS(FIDO_ERR_NO_CREDENTIALS, fido_credman_del_dev_rk(k->dev,
	    fido_cred_id_ptr(alice), fido_cred_id_len(alice), PIN));
	check_account(k, bob, "bob");
	rename_account(k, bob, "bob", "robert");
	check_account(k, bob, "robert");
	FAILS(FIDO_ERR_NO_CREDENTIALS, sign_in(k, alice, NULL));
	OK(sign_in(k, bob, NULL));
	check_metadata(k, 1);
	fido_cred_free(&alice);
	fido_cred_free(&bob);
}

/* --- configuration --- */

static void
always_verifies_if_told(void **state)
{
	struct key *k = *state;
	fido_cred_t *c;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	c = register_account(k, "alice", PIN);
	assert_int_equal(option(k, "alwaysUv"), 0);
	OK(fido_dev_toggle_always_uv(k->dev, PIN));
	assert_int_equal(option(k, "alwaysUv"), 1);
	FAILS(FIDO_ERR_PIN_REQUIRED, sign_in(k, c, NULL));
	OK(sign_in(k, c, PIN));
	OK(fido_dev_toggle_always_uv(k->dev, PIN));
	assert_int_equal(option(k, "alwaysUv"), 0);
	OK(sign_in(k, c, NULL));
	fido_cred_free(&c);
}

static void
check_pin_policy(struct key *k, uint64_t min_length, bool change)
{
	fido_cbor_info_t *ci = get_info(k);

	assert_int_equal(fido_cbor_info_minpinlen(ci), min_length);
	assert_int_equal(fido_cbor_info_new_pin_required(ci), change);
	fido_cbor_info_free(&ci);
}

static void
raises_the_length_of_pins(void **state)
{
	struct key *k = *state;

	OK(fido_dev_set_pin(k->dev, "12345678", NULL));
	reconnect(k);
	OK(fido_dev_set_pin_minlen(k->dev, 6, "12345678"));
	check_pin_policy(k, 6, false);
	FAILS(FIDO_ERR_PIN_POLICY_VIOLATION,
	    fido_dev_set_pin_minlen(k->dev, 5, "12345678"));
	FAILS(FIDO_ERR_PIN_POLICY_VIOLATION,
	    fido_dev_set_pin(k->dev, "12345", "12345678"));
	OK(fido_dev_set_pin(k->dev, "123456", "12345678"));
	OK(fido_dev_set_pin_minlen(k->dev, 7, "123456"));
	check_pin_policy(k, 7, true);
}

static void
forces_another_pin(void **state)
{
	struct key *k = *state;
	fido_cred_t *c;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	c = register_account(k, "alice", PIN);
	OK(fido_dev_force_pin_change(k->dev, PIN));
	check_pin_policy(k, 4, true);
	FAILS(FIDO_ERR_PIN_POLICY_VIOLATION, sign_in(k, c, PIN));
	FAILS(FIDO_ERR_PIN_POLICY_VIOLATION,
	    fido_dev_set_pin(k->dev, PIN, PIN));
	OK(fido_dev_set_pin(k->dev, "4321", PIN));
	check_pin_policy(k, 4, false);
	OK(sign_in(k, c, "4321"));
	fido_cred_free(&c);
}

static void
has_no_enterprise_attestation_unasked(void **state)
{
	struct key *k = *state;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	assert_int_equal(option(k, "ep"), -1);
	assert_int_not_equal(fido_dev_enable_entattest(k->dev, PIN), FIDO_OK);
}

static void
has_enterprise_attestation_once_told(void **state)
{
	struct key *k = *state;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	assert_int_equal(option(k, "ep"), 0);
	FAILS(FIDO_ERR_PIN_INVALID,
	    fido_dev_enable_entattest(k->dev, OTHER_PIN));
	assert_int_equal(option(k, "ep"), 0);
	OK(fido_dev_enable_entattest(k->dev, PIN));
	assert_int_equal(option(k, "ep"), 1);
	OK(fido_dev_reset(k->dev));
	reconnect(k);
	assert_int_equal(option(k, "ep"), 0);
}

/* --- fingers --- */

static void
enroll(struct key *k, fido_bio_template_t *t)
{
	fido_bio_enroll_t *e = fido_bio_enroll_new();
	unsigned samples = 1;

	OK(fido_bio_dev_enroll_begin(k->dev, t, e, WAIT_MS, PIN));
	while (fido_bio_enroll_remaining_samples(e) > 0) {
		assert_int_equal(fido_bio_enroll_last_status(e),
		    FIDO_BIO_ENROLL_FP_GOOD);
		OK(fido_bio_dev_enroll_continue(k->dev, t, e, WAIT_MS));
		assert_true(++samples < 100);
	}
	fido_bio_enroll_free(&e);
}

static size_t
count_fingers(struct key *k)
{
	fido_bio_template_array_t *all = fido_bio_template_array_new();
	size_t n;
	int r = fido_bio_dev_get_template_array(k->dev, all, PIN);

	/* how libfido2 learns that there are none */
	n = r == FIDO_ERR_INVALID_OPTION ? 0 :
	    fido_bio_template_array_count(all);
	if (n > 0)
		OK(r);
	fido_bio_template_array_free(&all);
	return n;
}

static void
describes_its_reader(void **state)
{
	fido_bio_info_t *info = fido_bio_info_new();

	OK(fido_bio_dev_get_info(((struct key *)*state)->dev, info));
	assert_int_equal(fido_bio_info_type(info), 1);	/* to be touched */
	assert_true(fido_bio_info_max_samples(info) > 0);
	fido_bio_info_free(&info);
}

static void
verifies_by_finger(void **state)
{
	struct key *k = *state;
	fido_bio_template_t *t = fido_bio_template_new();
	fido_cred_t *c;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	assert_true(fido_dev_supports_uv(k->dev));
	assert_false(fido_dev_has_uv(k->dev));
	assert_int_equal(count_fingers(k), 0);
	enroll(k, t);
	assert_int_equal(count_fingers(k), 1);
	reconnect(k);
	assert_true(fido_dev_has_uv(k->dev));
	c = new_discoverable("alice", FIDO_OPT_TRUE);
	OK(fido_dev_make_cred(k->dev, c, NULL));
	OK(fido_cred_verify(c));
	assert_true(fido_cred_flags(c) & CTAP_AUTHDATA_USER_VERIFIED);
	OK(fido_bio_dev_enroll_remove(k->dev, t, PIN));
	assert_int_equal(count_fingers(k), 0);
	fido_cred_free(&c);
	fido_bio_template_free(&t);
}

static void
gives_up_enrolling(void **state)
{
	struct key *k = *state;
	fido_bio_template_t *t = fido_bio_template_new();
	fido_bio_enroll_t *e = fido_bio_enroll_new();

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	reconnect(k);
	OK(fido_bio_dev_enroll_begin(k->dev, t, e, WAIT_MS, PIN));
	assert_true(fido_bio_enroll_remaining_samples(e) > 0);
	OK(fido_bio_dev_enroll_cancel(k->dev));
	assert_int_equal(count_fingers(k), 0);
	fido_bio_enroll_free(&e);
	fido_bio_template_free(&t);
}

/* --- the device --- */

static void
forgets_everything(void **state)
{
	struct key *k = *state;
	fido_cred_t *c;

	OK(fido_dev_set_pin(k->dev, PIN, NULL));
	c = register_account(k, "alice", PIN);
	OK(fido_dev_reset(k->dev));
	reconnect(k);
	assert_false(fido_dev_has_pin(k->dev));
	FAILS(FIDO_ERR_NO_CREDENTIALS, sign_in(k, c, NULL));
	fido_cred_free(&c);
}

/* Registers, signs in, and knows the credential again. */
static fido_cred_t *
use_u2f(struct key *k)
{
	fido_cred_t *c = new_cred(COSE_ES256, "alice");
	fido_cred_t *again = new_cred(COSE_ES256, "alice");

	assert_false(fido_dev_is_fido2(k->dev));
	OK(fido_dev_make_cred(k->dev, c, NULL));
	assert_string_equal(fido_cred_fmt(c), "fido-u2f");
	OK(fido_cred_verify(c));
	sign_in_twice(k, c);
	OK(fido_cred_exclude(again, fido_cred_id_ptr(c),
	    fido_cred_id_len(c)));
	FAILS(FIDO_ERR_CREDENTIAL_EXCLUDED,
	    fido_dev_make_cred(k->dev, again, NULL));
	fido_cred_free(&again);
	return c;
}

static void
is_a_u2f_key_as_well(void **state)
{
	struct key *k = *state;
	fido_cred_t *c;

	fido_dev_force_u2f(k->dev);
	c = use_u2f(k);
	fido_dev_force_fido2(k->dev);
	OK(sign_in(k, c, NULL));
	fido_cred_free(&c);
}

/* libfido2 comes to that by itself. */
static void
is_a_u2f_key_only(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = use_u2f(k);

	assert_false(fido_dev_flags(k->dev) & FIDO_CAP_CBOR);
	assert_false(fido_dev_supports_pin(k->dev));
	fido_cred_free(&c);
}

static void
is_told_by_touch(void **state)
{
	struct key *k = *state;
	int touched = 0;

	OK(fido_dev_get_touch_begin(k->dev));
	OK(fido_dev_get_touch_status(k->dev, &touched, WAIT_MS));
	assert_int_equal(touched, 1);
	/* and is the same as before */
	OK(fido_dev_set_pin(k->dev, PIN, NULL));
}

/* Nobody touches it: the host gives up, and the key serves again. */
static void
can_be_left_waiting(void **state)
{
	struct key *k = *state;
	int touched = -1;

	OK(fido_dev_get_touch_begin(k->dev));
	OK(fido_dev_get_touch_status(k->dev, &touched, SHORT_MS));
	assert_int_equal(touched, 0);
	OK(fido_dev_cancel(k->dev));
	FAILS(FIDO_ERR_KEEPALIVE_CANCEL,
	    fido_dev_get_touch_status(k->dev, &touched, WAIT_MS));
	assert_int_equal(touched, 0);
	assert_int_equal(option(k, "rk"), 1);
}

static void
outlasts_a_host_without_patience(void **state)
{
	struct key *k = *state;
	fido_cred_t *c = new_cred(COSE_ES256, "alice");

	OK(fido_dev_set_timeout(k->dev, SHORT_MS));
	FAILS(FIDO_ERR_RX, fido_dev_make_cred(k->dev, c, NULL));
	reconnect(k);
	assert_int_equal(option(k, "rk"), 1);
	fido_cred_free(&c);
}

static void
serves_two_hosts_in_turns(void **state)
{
	struct key *k = *state, other = *k;
	fido_cred_t *here, *there;

	other.dev = connect_to(k);
	here = register_account(k, "alice", NULL);
	there = register_account(&other, "bob", NULL);
	for (int i = 0; i < 3; i++) {
		OK(sign_in(k, there, NULL));
		OK(sign_in(&other, here, NULL));
	}
	fido_cred_free(&here);
	fido_cred_free(&there);
	fido2_close(&other.dev);
}

/* Both wait for the user, in turns, and each cancels what is its own. */
static void
keeps_hosts_apart(void **state)
{
	struct key *k = *state, other = *k;
	int touched = -1;

	other.dev = connect_to(k);
	OK(fido_dev_get_touch_begin(k->dev));
	OK(fido_dev_get_touch_begin(other.dev));
	OK(fido_dev_cancel(other.dev));
	FAILS(FIDO_ERR_KEEPALIVE_CANCEL,
	    fido_dev_get_touch_status(other.dev, &touched, WAIT_MS));
	assert_int_equal(option(&other, "rk"), 1);
	OK(fido_dev_get_touch_status(k->dev, &touched, SHORT_MS));
	assert_int_equal(touched, 0);
	OK(fido_dev_cancel(k->dev));
	FAILS(FIDO_ERR_KEEPALIVE_CANCEL,
	    fido_dev_get_touch_status(k->dev, &touched, WAIT_MS));
	fido2_close(&other.dev);
}

/* a test, and the same on another kind of key */
#define TEST(f, options)	KIND(f, "", options)
#define KIND(f, kind, options) \
	{ #f kind, f, plug_in, plug_out, (void *)(uintptr_t)(options) }
#define SET_PROTOCOL_1	"--set=pinUvAuthProtocols=1"
#define SET_TPM		"--tpm=embedded --attestation=tpm"
#define SET_2_0		"--set=uv=off --set=versions=FIDO_2_0"
#define SET_2_1_PRE \
	"--set=versions=FIDO_2_0,FIDO_2_1_PRE --set=credentialMgmtPreview=on"

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_what_it_has, NULL),
		TEST(names_its_limits, NULL),
		TEST(can_what_libfido2_asks_for, NULL),
		TEST(signs_with_every_algorithm, NULL),
		TEST(attests_with_its_own_key, "--attestation=self"),
		TEST(attests_nothing, "--attestation=none"),
		TEST(verifies_its_user, NULL),
		TEST(signs_without_its_user, NULL),
		TEST(knows_what_is_excluded, NULL),
		TEST(has_no_other_credentials, NULL),
		TEST(finds_its_own_among_many, NULL),
		TEST(lists_the_accounts_of_a_site, "--account-choice=host"),
		TEST(picks_an_account_by_itself, "--account-choice=token"),
		TEST(takes_a_pin_and_another, NULL),
		TEST(counts_wrong_pins, NULL),
		TEST(attests_as_windows_hello, SET_TPM
		    " --set=tpmShape=windows-hello"),
		TEST(attests_as_others_verify, SET_TPM),
		TEST(wants_its_pin, "--set=uv=off"),
		KIND(takes_a_pin_and_another, ", protocol 1", SET_PROTOCOL_1),
		KIND(wants_its_pin, ", FIDO_2_0", SET_2_0),
		TEST(counts_its_own_verifications, NULL),
		TEST(gives_secrets, NULL),
		KIND(gives_secrets, ", protocol 1", SET_PROTOCOL_1),
		KIND(gives_secrets, ", FIDO_2_0", SET_2_0),
		TEST(gives_verified_users_other_secrets, NULL),
		TEST(keeps_cred_blobs, NULL),
		TEST(protects_credentials, NULL),
		TEST(tells_who_may_know_how_long_pins_are, NULL),
		TEST(keeps_large_blobs, NULL),
		KIND(keeps_large_blobs, ", protocol 1", SET_PROTOCOL_1),
		TEST(keeps_the_array_of_large_blobs, NULL),
		TEST(manages_credentials, NULL),
		KIND(manages_credentials, ", protocol 1", SET_PROTOCOL_1),
		KIND(manages_credentials, ", prototype", SET_2_1_PRE),
		TEST(always_verifies_if_told, "--set=uv=off"),
		TEST(raises_the_length_of_pins, NULL),
		TEST(forces_another_pin, NULL),
		TEST(has_no_enterprise_attestation_unasked, NULL),
		TEST(has_enterprise_attestation_once_told, "--set=ep=on"),
		TEST(describes_its_reader, "--set=bioEnroll=on"),
		TEST(verifies_by_finger, "--set=bioEnroll=on"),
		TEST(gives_up_enrolling, "--set=bioEnroll=on"),
		TEST(forgets_everything, NULL),
		TEST(is_a_u2f_key_as_well, NULL),
		TEST(is_a_u2f_key_only, "--set=versions=U2F_V2"),
		TEST(is_told_by_touch, NULL),
		TEST(can_be_left_waiting, "--presence=manual"),
		TEST(outlasts_a_host_without_patience, "--presence=manual"),
		TEST(serves_two_hosts_in_turns, NULL),
		TEST(keeps_hosts_apart, "--presence=manual"),
	};

	if (getenv("SEALKEY") == NULL) {
		printf("Bail out! SEALKEY names no program\n");
		return 1;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
