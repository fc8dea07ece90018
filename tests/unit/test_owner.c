/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of a running key does to it: credentials from elsewhere and
 * to elsewhere, other properties, a PIN, another kind of key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "authenticator/device.h"
#include "ctap/cbor.h"
#include "tests/chip_keys.h"
#include "tests/store_fixture.h"

struct fixture {
	struct scratch	 dir;
	struct device	*d;
	struct device_config cfg;
};

static char msg[DEVICE_MESSAGE_LEN];
static uint8_t pkcs8[512];
static size_t pkcs8_len;

static void
open_key(struct fixture *f, bool create)
{
	f->cfg.path = f->dir.path;
	f->cfg.create = create;
	f->cfg.tpm.target = "none";
	assert_int_equal(device_open(&f->cfg, 0, &f->d, msg, sizeof(msg)), 0);
}

static void
reopen(struct fixture *f)
{
	device_close(f->d);
	open_key(f, false);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scratch_new(&f->dir);
	device_config_default(&f->cfg);
	f->cfg.auth.attestation.kind = ATTESTATION_SELF;
	open_key(f, true);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	device_close(f->d);
	scratch_free(&f->dir);
	free(f);
	return 0;
}

static int
group_setup(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;

	(void)state;
	pkcs8_len = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	assert_true(pkcs8_len <= sizeof(pkcs8));
	memcpy(pkcs8, der, pkcs8_len);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return 0;
}

static struct device_import
alice(void)
{
	return (struct device_import){ .id = span_str("an ID of Alice's"),
		.rp_id = span_str("example.com"),
		.private_key = span(pkcs8, pkcs8_len), .discoverable = true,
		.user_id = span_str("alice"), .counting = COUNT_ITSELF,
		.counter = 41 };
}

/* getAssertion for example.com, by id if there is one: authData, or none */
static struct span
sign_in(struct fixture *f, struct span id)
{
	static uint8_t reply[AUTH_MESSAGE_MAX];
	static const uint8_t hash[32];
	uint8_t request[2048] = { 0x02 };
	struct cbor_out out;
	size_t len, at = 0;

	cbor_out_init(&out, request + 1, sizeof(request) - 1);
	cbor_put_map(&out, id.p != NULL ? 3 : 2);
	cbor_put_uint(&out, 1);
	cbor_put_str(&out, "example.com");
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(hash, sizeof(hash)));
	if (id.p != NULL) {
		cbor_put_uint(&out, 3);
		cbor_put_array(&out, 1);
		cbor_put_map(&out, 2);
		cbor_put_str(&out, "id");
		cbor_put_bytes(&out, id);
		cbor_put_str(&out, "type");
		cbor_put_str(&out, "public-key");
	}
	assert_int_equal(device_transact(f->d, span(request, 1 + out.len),
	    reply, sizeof(reply), &len), 0);
	if (reply[0] != CTAP2_OK)
		return span(NULL, 0);
	/* 02 58 25: member 2, 37 bytes */
	while (at + 40 < len && memcmp(reply + at, "\x02\x58\x25", 3) != 0)
		at++;
	assert_true(at + 40 < len);
	return span(reply + at + 3, 37);
}

static uint32_t
count_of(struct span auth_data)
{
	assert_int_equal(auth_data.len, 37);
	return (uint32_t)auth_data.p[33] << 24 | auth_data.p[34] << 16 |
	    auth_data.p[35] << 8 | auth_data.p[36];
}

/* covers imp.1: and it counts on from where it was */
static void
test_an_imported_credential_signs_in(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	struct credential cred;
	uint32_t count;

	assert_int_equal(device_import(f->d, &in, &cred), 0);
	assert_int_equal(cred.alg, COSE_ES256);
	assert_true(span_eq(span(cred.id, cred.id_len), in.id));
	assert_true(device_sign_count(f->d, &cred, &count));
	assert_int_equal(count, 41);
	assert_int_equal(count_of(sign_in(f, span(NULL, 0))), 42);
	assert_int_equal(count_of(sign_in(f, in.id)), 43);
	reopen(f);
	assert_int_equal(count_of(sign_in(f, in.id)), 44);
}

static void
test_without_a_counter(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	struct credential cred;
	uint32_t count;

	in.counting = COUNT_NOTHING;
	in.backup_eligible = in.backup_state = true;
	assert_int_equal(device_import(f->d, &in, &cred), 0);
	assert_false(device_sign_count(f->d, &cred, &count));
	for (int i = 0; i < 2; i++) {
		struct span ad = sign_in(f, in.id);

		assert_int_equal(count_of(ad), 0);
		assert_int_equal(ad.p[32] & 0x18, 0x18);
	}
}

static void
test_not_discoverable(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	uint8_t id[CREDENTIAL_ID_MAX];

	memset(id, 0x17, sizeof(id));
	in.discoverable = false;
	in.user_id = span(NULL, 0);
	in.id = span(id, sizeof(id));
	assert_int_equal(device_import(f->d, &in, NULL), 0);
	assert_null(sign_in(f, span(NULL, 0)).p);
	assert_int_equal(count_of(sign_in(f, in.id)), 42);
	in.id = span(id, 1);
	assert_int_equal(device_import(f->d, &in, NULL), 0);
	assert_int_equal(count_of(sign_in(f, in.id)), 42);
}

static void
assert_refused(struct fixture *f, const struct device_import *in, int error,
    const char *why)
{
	struct auth_state before, after;

	assert_int_equal(store_load(device_store(f->d), &before), 0);
	assert_int_equal(device_import(f->d, in, NULL), error);
	if (strstr(device_strerror(f->d), why) == NULL ||
	    strchr(device_strerror(f->d), '\n') != NULL)
		fail_msg("says \"%s\"", device_strerror(f->d));
	assert_int_equal(store_load(device_store(f->d), &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void
test_what_cannot_be_imported(void **state)
{
	static const uint8_t latin[] = "Andr\xe9";
	struct fixture *f = *state;
	struct device_import in = alice();
	uint8_t large[4096] = { 0 };

	assert_int_equal(device_import(f->d, &in, NULL), 0);
	assert_refused(f, &in, -EEXIST, "with that ID already");
	in.id = span(NULL, 0);
	assert_refused(f, &in, -EEXIST, "for that account already");
	in.user_id = span_str("bob");
	assert_int_equal(device_import(f->d, &in, NULL), 0);
#define REFUSES(change, error, why) do { \
		in = alice(); \
		in.id = span_str("another"); \
		in.user_id = span_str("carol"); \
		change; \
		assert_refused(f, &in, error, why); \
	} while (0)
	REFUSES(in.id = span(large, 0), -EINVAL, "1 to 1023 bytes");
	REFUSES(in.id = span(large, 1024), -EINVAL, "1 to 1023 bytes");
	REFUSES(in.rp_id = span(NULL, 0), -EINVAL, "an RP ID has");
	REFUSES(in.rp_id = span(large, 256), -EINVAL, "an RP ID has");
	REFUSES(in.rp_id = span(latin, 5), -EINVAL, "an RP ID has");
	REFUSES(in.user_id = span(large, 65), -EINVAL, "1 to 64 bytes");
	REFUSES(in.user_id = span(large, 0), -EINVAL, "1 to 64 bytes");
	REFUSES(in.user_id = span(NULL, 0), -EINVAL, "has a user handle");
	REFUSES(in.user_name = span(latin, 5), -EINVAL, "a name is UTF-8");
	REFUSES(in.protect = 4, -EINVAL, "credProtect");
	REFUSES(in.backup_state = true, -EINVAL, "not eligible");
	REFUSES(in.large_blob = span(large, 10), -ENOTSUP, "largeBlob");
	REFUSES(in.large_blob = span(large, 2049), -EINVAL, "2048");
	REFUSES(in.private_key = span(NULL, 0), -EINVAL, "PKCS #8");
	REFUSES(in.private_key.len--, -EINVAL, "PKCS #8");
	REFUSES(in.alg = COSE_RS256, -ENOTSUP, "algorithm");
	REFUSES(in.alg = 1, -ENOTSUP, "algorithm");
#undef REFUSES
}

static void
test_its_large_blob_comes_along(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	struct credential cred;
	uint8_t bytes[LARGE_BLOBS_MAX];
	struct auth_lookup q = { .kind = LOOKUP_BLOB, .blobs = bytes };

	f->cfg.auth.features |= FEATURE_LARGE_BLOB;
	f->cfg.auth.features &= ~(FEATURE_LARGE_BLOBS |
	    FEATURE_LARGE_BLOB_KEY);
	reopen(f);
	in.large_blob = span_str("compressed");
	in.large_blob_size = 99;
	assert_int_equal(device_import(f->d, &in, &cred), 0);
	assert_true(cred.large_blob);
	q.seq = 1;
	assert_int_equal(store_lookup(device_store(f->d), &q), 0);
	assert_true(q.found);
	assert_int_equal(q.original_size, 99);
	assert_true(span_eq(span(bytes, q.blobs_len), in.large_blob));
}

static int
find_by_id(struct fixture *f, struct span id, struct credential *out)
{
	struct auth_lookup q = { .kind = LOOKUP_ID_ANY, .id = id,
	    .cred = out };

	return store_lookup(device_store(f->d), &q) == 0 && q.found ? 0 : -1;
}

/* The same key in two keys: a clone. */
static void
test_what_is_exported_can_be_imported(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	uint8_t out[KEY_SIG_MAX];
	struct credential cred, again;
	size_t len;

	assert_int_equal(device_import(f->d, &in, NULL), 0);
	assert_int_equal(find_by_id(f, in.id, &cred), 0);
	assert_int_equal(device_export(f->d, &cred, out, sizeof(out), &len),
	    0);
	assert_int_equal(device_export(f->d, &cred, out, 10, &len),
	    -EMSGSIZE);
	assert_int_equal(device_export(f->d, &cred, out, sizeof(out), &len),
	    0);
	assert_int_equal(device_delete(f->d, cred.seq), 0);
	assert_null(sign_in(f, in.id).p);
	in.private_key = span(out, len);
	assert_int_equal(device_import(f->d, &in, &again), 0);
	assert_int_equal(again.pub_len, cred.pub_len);
	assert_memory_equal(again.pub, cred.pub, cred.pub_len);
	assert_int_equal(count_of(sign_in(f, in.id)), 42);
}

static void
test_keys_of_a_tpm_stay_there(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	struct credential cred = { .blob_len = 100 };
	uint8_t out[KEY_SIG_MAX];
	struct scratch dir;
	struct device *d;
	size_t len;

	scratch_new(&dir);
	f->cfg.path = dir.path;
	f->cfg.create = true;
	f->cfg.tpm.target = "embedded";
	assert_int_equal(device_open(&f->cfg, 0, &d, msg, sizeof(msg)), 0);
	assert_int_equal(device_import(d, &in, NULL), -ENOTSUP);
	assert_non_null(strstr(device_strerror(d), "are in a TPM"));
	assert_int_equal(device_export(d, &cred, out, sizeof(out), &len),
	    -ENOTSUP);
	assert_non_null(strstr(device_strerror(d), "are in a TPM"));
	/* nor does the provider, whoever asks */
	struct key_op op = { .verb = KEY_EXPORT };
	assert_int_equal(keys_perform(device_provider(d), &op), -ENOTSUP);
	op.verb = KEY_IMPORT;
	assert_int_equal(keys_perform(device_provider(d), &op), -ENOTSUP);
	device_close(d);
	scratch_free(&dir);
}

static void
test_properties(void **state)
{
	struct fixture *f = *state;
	struct device_import in = alice();
	struct device_properties p = { .set_backup_eligible = true,
	    .backup_eligible = true };

	assert_int_equal(device_import(f->d, &in, NULL), 0);
	assert_int_equal(device_set_properties(f->d, 1, &p), 0);
	assert_int_equal(sign_in(f, in.id).p[32] & 0x18, 0x08);
	p = (struct device_properties){ .set_backup_state = true,
	    .backup_state = true };
	assert_int_equal(device_set_properties(f->d, 1, &p), 0);
	assert_int_equal(sign_in(f, in.id).p[32] & 0x18, 0x18);
	p = (struct device_properties){ .set_backup_eligible = true };
	assert_int_equal(device_set_properties(f->d, 1, &p), -EINVAL);
	assert_non_null(strstr(device_strerror(f->d), "not eligible"));
	/* back to where it was, as a clone has it */
	p = (struct device_properties){ .set_counter = true,
	    .counting = COUNT_ITSELF, .counter = 7 };
	assert_int_equal(device_set_properties(f->d, 1, &p), 0);
	assert_int_equal(count_of(sign_in(f, in.id)), 8);
	p.counting = COUNT_WITH_KEY;
	assert_int_equal(device_set_properties(f->d, 1, &p), 0);
	assert_int_equal(count_of(sign_in(f, in.id)), 1);
	p = (struct device_properties){ .set_backup_state = true };
	assert_int_equal(device_set_properties(f->d, 0, &p), -ENOENT);
	assert_int_equal(device_set_properties(f->d, 2, &p), -ENOENT);
	assert_int_equal(device_set_properties(f->d, UINT64_MAX, &p),
	    -ENOENT);
}

static struct device_pin
pin_of(struct fixture *f)
{
	struct device_pin pin;

	device_pin_state(f->d, &pin);
	return pin;
}

static void
test_pin(void **state)
{
	struct fixture *f = *state;
	char text[70];

	assert_true(pin_of(f).supported && !pin_of(f).set);
	assert_int_equal(device_set_pin(f->d, "123"), -EINVAL);
	assert_non_null(strstr(device_strerror(f->d), "4 code points"));
	assert_int_equal(device_set_pin(f->d, ""), -EINVAL);
	assert_int_equal(device_set_pin(f->d, "\xe4\xe4\xe4\xe4"), -EINVAL);
	memset(text, 'x', sizeof(text));
	text[64] = '\0';
	assert_int_equal(device_set_pin(f->d, text), -EINVAL);
	text[63] = '\0';
	assert_int_equal(device_set_pin(f->d, text), 0);
	assert_int_equal(device_set_pin(f->d, "1234"), 0);
	assert_true(pin_of(f).set);
	assert_int_equal(pin_of(f).retries, 8);
	assert_int_equal(pin_of(f).min_length, 4);
	reopen(f);
	assert_true(pin_of(f).set);
	assert_int_equal(device_set_pin(f->d, NULL), 0);
	assert_false(pin_of(f).set);
	assert_int_equal(device_set_pin(f->d, NULL), 0);
	f->cfg.auth.features &= ~FEATURE_CLIENT_PIN;
	reopen(f);
	assert_false(pin_of(f).supported);
	assert_int_equal(device_set_pin(f->d, "1234"), -ENOTSUP);
}

/* A key with a chip instead of its own provider. */
struct chip_bench {
	struct scratch	 dir, soft_dir;
	struct keys	*soft;
};

static void
begin_chip(struct fixture *f, struct chip *chip, struct chip_bench *b)
{
	scratch_new(&b->dir);
	scratch_new(&b->soft_dir);
	assert_int_equal(keys_open_software(b->soft_dir.fd, true, &b->soft),
	    0);
	device_close(f->d);
	f->cfg.keys = chip_keys_new(chip, b->soft);
	f->cfg.path = b->dir.path;
	f->cfg.create = true;
	assert_int_equal(device_open(&f->cfg, 0, &f->d, msg, sizeof(msg)), 0);
}

static void
end_chip(struct fixture *f, struct chip_bench *b)
{
	device_close(f->d);
	keys_free(f->cfg.keys);
	f->cfg.keys = NULL;
	keys_free(b->soft);
	scratch_free(&b->soft_dir);
	scratch_free(&b->dir);
	open_key(f, false);
}

/* One change of the store, so that there is nothing between old and new. */
static void
test_pin_is_replaced_in_one_step(void **state)
{
	struct fixture *f = *state;
	struct chip chip = { .counter = true, .count = 5 };
	struct auth_state old, now;
	struct chip_bench b;
	uint64_t before;

	begin_chip(f, &chip, &b);
	assert_int_equal(device_set_pin(f->d, "1234"), 0);
	before = chip.count;
	assert_int_equal(store_load(device_store(f->d), &old), 0);
	assert_int_equal(device_set_pin(f->d, "567890"), 0);
	assert_int_equal(chip.count - before, 1);
	assert_int_equal(store_load(device_store(f->d), &now), 0);
	assert_true(now.pin_set && now.pin_length == 6);
	assert_memory_not_equal(now.pin_hash, old.pin_hash, PIN_HASH_LEN);
	end_chip(f, &b);
}

/* pin.12: the provider has it, and nothing of it is in the state. */
static void
test_pin_of_the_provider(void **state)
{
	struct fixture *f = *state;
	struct chip chip = { .counter = true, .count = 5, .pin = true };
	struct chip_bench b;
	struct auth_state st;

	begin_chip(f, &chip, &b);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(device_set_pin(f->d, "1234"), 0);
		assert_true(chip.pin_set && pin_of(f).set);
		assert_int_equal(store_load(device_store(f->d), &st), 0);
		assert_true(st.pin_set && st.pin_length == 4);
		for (int k = 0; k < PIN_HASH_LEN; k++)
			assert_int_equal(st.pin_hash[k], 0);
	}
	assert_int_equal(device_set_pin(f->d, NULL), 0);
	assert_false(chip.pin_set || pin_of(f).set);
	end_chip(f, &b);
}

/* A key at rest says what it was; then it runs again. */
static void
assert_at_rest(struct fixture *f, const uint8_t want[static 16])
{
	uint8_t aaguid[16];

	f->cfg.manage = true;
	reopen(f);
	device_aaguid_of(f->d, aaguid);
	assert_memory_equal(aaguid, want, sizeof(aaguid));
	f->cfg.manage = false;
	reopen(f);
}

/* A firmware update: another AAGUID, and the credentials stay. */
static void
test_another_kind(void **state)
{
	static const uint8_t other[16] = { 0x2f, 0xc0, 0x57, 0x9f };
	struct fixture *f = *state;
	struct auth_config auth = f->cfg.auth;
	struct device_import in = alice();
	uint8_t info[2048], aaguid[16];
	size_t len;

	assert_int_equal(device_import(f->d, &in, NULL), 0);
	memcpy(auth.aaguid, other, sizeof(other));
	auth.features &= ~FEATURE_U2F_V2;
	auth.attestation.kind = ATTESTATION_PACKED;
	assert_int_equal(device_reconfigure(f->d, &auth, 5), 0);
	assert_memory_equal(device_auth(f->d)->aaguid, other, 16);
	len = device_info(f->d, 1, info, sizeof(info));
	assert_non_null(memmem(info, len, other, sizeof(other)));
	assert_null(memmem(info, len, "U2F_V2", 6));
	assert_int_equal(count_of(sign_in(f, in.id)), 42);
	assert_at_rest(f, other);
	device_aaguid_of(f->d, aaguid);
	assert_memory_equal(aaguid, device_aaguid, sizeof(aaguid));
}

/* What is under way is dropped, and what cannot be leaves all as it was. */
static void
test_another_kind_that_cannot_be(void **state)
{
	static const uint8_t selection[] = { 0x0b };
	struct fixture *f = *state;
	struct auth_config auth = f->cfg.auth;
	struct device_import in = alice();

	assert_int_equal(device_import(f->d, &in, NULL), 0);
	assert_int_equal(device_command(f->d, 1, span(selection, 1), 1),
	    DEVICE_USER);
	assert_int_equal(device_import(f->d, &in, NULL), -EBUSY);
	assert_int_equal(device_set_pin(f->d, NULL), -EBUSY);
	auth.aaguid[0] ^= 1;
	auth.attestation.kind = ATTESTATION_TPM;
	assert_int_equal(device_reconfigure(f->d, &auth, 2), -ENOTSUP);
	assert_true(device_strerror(f->d)[0] != '\0');
	assert_true(device_idle(f->d));
	assert_memory_equal(device_auth(f->d)->aaguid, device_aaguid, 16);
	assert_int_equal(count_of(sign_in(f, in.id)), 42);
	auth.attestation.kind = ATTESTATION_SELF;
	auth.alg_count = 0;
	assert_int_equal(device_reconfigure(f->d, &auth, 3), -EINVAL);
	assert_int_equal(count_of(sign_in(f, in.id)), 43);
	assert_at_rest(f, device_aaguid);
	assert_int_equal(count_of(sign_in(f, in.id)), 44);
	auth.alg_count = 1;
	assert_int_equal(device_reconfigure(f->d, &auth, 4), 0);
	assert_int_equal(count_of(sign_in(f, in.id)), 45);
}

#define OWNER_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* Keys in a TPM are in a helper: the program that we are ourselves. */
int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		OWNER_TEST(test_an_imported_credential_signs_in),
		OWNER_TEST(test_without_a_counter),
		OWNER_TEST(test_not_discoverable),
		OWNER_TEST(test_what_cannot_be_imported),
		OWNER_TEST(test_its_large_blob_comes_along),
		OWNER_TEST(test_what_is_exported_can_be_imported),
		OWNER_TEST(test_keys_of_a_tpm_stay_there),
		OWNER_TEST(test_properties),
		OWNER_TEST(test_pin),
		OWNER_TEST(test_pin_is_replaced_in_one_step),
		OWNER_TEST(test_pin_of_the_provider),
		OWNER_TEST(test_another_kind),
		OWNER_TEST(test_another_kind_that_cannot_be),
	};

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0)
		return key_helper_main();
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
