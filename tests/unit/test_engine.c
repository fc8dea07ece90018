/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine, want by want. Transcripts say what a host sees; here is what
 * it cannot see: failures, cancels and counters at every step, and what is
 * left in memory.
 *
 * Most of it runs against keys that are made up, so that nothing but the
 * engine is at work. Signatures are made by the simulator's keys and
 * verified by OpenSSL calls that share nothing with the product.
 *
 * covers att.1 att.2
 */
/* fail() is a macro of cmocka's, and a function of the engine */
#include "tests/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include "conformance/sim.h"

#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

/* --- counting allocations ----------------------------------------------- */

static unsigned long allocations;
static unsigned long openssl_allocations;	/* of those, OpenSSL's */

#ifdef __SANITIZE_ADDRESS__

/* as in sanitizer/allocator_interface.h, which gcc does not always bring */
int __sanitizer_install_malloc_and_free_hooks(
    void (*on_malloc)(const volatile void *, size_t),
    void (*on_free)(const volatile void *));

static void
count_malloc(const volatile void *p, size_t len)
{
	(void)p;
	(void)len;
	allocations++;
}

static void
ignore_free(const volatile void *p)
{
	(void)p;
}

static void
count_allocations(void)
{
	assert_true(__sanitizer_install_malloc_and_free_hooks(
	    count_malloc, ignore_free) > 0);
}

#else

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t len);
void *__libc_realloc(void *p, size_t len);

void *
malloc(size_t len)
{
	allocations++;
	return __libc_malloc(len);
}

void *
calloc(size_t n, size_t len)
{
	allocations++;
	return __libc_calloc(n, len);
}

void *
realloc(void *p, size_t len)
{
	allocations++;
	return __libc_realloc(p, len);
}

static void
count_allocations(void)
{
}

#endif

/* OpenSSL's own, which can be made to fail. */
static void *
openssl_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	if (openssl_starves)
		return NULL;
	openssl_allocations++;
	return malloc(len);
}

static void *
openssl_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	if (openssl_starves)
		return NULL;
	openssl_allocations++;
	return realloc(p, len);
}

static void
openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* What a MAC of credentialManagement and authenticatorConfig is over. */
static struct span
mgmt_mac(uint8_t cmd, uint8_t subcommand, struct span params,
    const uint8_t token[static 32], uint8_t out[static 32])
{
	uint8_t over[34 + 512];
	size_t n = 0;

	if (cmd == CTAP_CONFIG) {
		memset(over, 0xff, 32);
		over[32] = CTAP_CONFIG;
		n = 33;
	}
	over[n++] = subcommand;
	assert_true(params.len <= 512);
	if (params.len > 0)
		memcpy(over + n, params.p, params.len);
	return mac_of(token, span(over, n + params.len), out);
}

/* token NULL: without */
static struct span
mgmt_msg(uint8_t *buf, uint8_t cmd, uint8_t subcommand, struct span params,
    const uint8_t *token)
{
	struct cbor_out out;
	uint8_t mac[32];

	buf[0] = cmd;
	cbor_out_init(&out, buf + 1, AUTH_MESSAGE_MAX - 1);
	cbor_put_map(&out, (size_t)1 + (params.p != NULL) +
	    2 * (token != NULL));
	cbor_put_uint(&out, 1);
	cbor_put_uint(&out, subcommand);
	if (params.p != NULL) {
		cbor_put_uint(&out, 2);
		cbor_put_raw(&out, params);
	}
	if (token != NULL) {
		cbor_put_uint(&out, 3);
		cbor_put_uint(&out, 2);
		cbor_put_uint(&out, 4);
		cbor_put_bytes(&out, mgmt_mac(cmd, subcommand, params, token,
		    mac));
	}
	assert_false(out.overflow);
	return span(buf, 1 + out.len);
}

/* A large-blob array whose digest is right, behind as much as len of 'B'. */
static struct span
blob_array(uint8_t buf[static 512], size_t len)
{
	uint8_t digest[32];

	memset(buf, 'B', len);
	SHA256(buf, len, digest);
	memcpy(buf + len, digest, 16);
	return span(buf, len + 16);
}

/* length 0: a fragment behind the first one */
static struct span
blobs_msg(uint8_t *buf, struct span fragment, uint32_t offset, size_t length,
    const uint8_t token[static 32])
{
	uint8_t over[70], mac[32];
	struct cbor_out out;

	memset(over, 0xff, 32);
	memset(over + 32, 0, 6);
	over[32] = CTAP_LARGE_BLOBS;
	over[34] = (uint8_t)offset;
	over[35] = (uint8_t)(offset >> 8);
	SHA256(fragment.p, fragment.len, over + 38);
	buf[0] = CTAP_LARGE_BLOBS;
	cbor_out_init(&out, buf + 1, AUTH_MESSAGE_MAX - 1);
	cbor_put_map(&out, (size_t)4 + (length > 0));
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, fragment);
	cbor_put_uint(&out, 3);
	cbor_put_uint(&out, offset);
	if (length > 0) {
		cbor_put_uint(&out, 4);
		cbor_put_uint(&out, length);
	}
	cbor_put_uint(&out, 5);
	cbor_put_bytes(&out, mac_of(token, span(over, sizeof(over)), mac));
	cbor_put_uint(&out, 6);
	cbor_put_uint(&out, 2);
	assert_false(out.overflow);
	return span(buf, 1 + out.len);
}

static struct span
hmac_map(uint8_t buf[static 512], const struct platform *p,
    const uint8_t *salts, size_t len)
{
	static const uint8_t iv[PIN_IV_LEN] = { 9 };
	uint8_t sealed[80], mac[32];
	size_t n = pin_encrypt(&p->secret, iv, salts, len, sealed);
	struct cbor_out out;

	cbor_out_init(&out, buf, 512);
	cbor_put_map(&out, 4);
	cbor_put_uint(&out, 1);
	cbor_put_raw(&out, span(p->cose, p->cose_len));
	cbor_put_uint(&out, 2);
	cbor_put_bytes(&out, span(sealed, n));
	cbor_put_uint(&out, 3);
	cbor_put_bytes(&out, mac_of(p->secret.key, span(sealed, n), mac));
	cbor_put_uint(&out, 4);
	cbor_put_uint(&out, 2);
	assert_false(out.overflow);
	return cbor_out_span(&out);
}

/* --- every failure at every want ----------------------------------------- */

/* What is not the same for all of them. */
enum special {
	/* what a failure leaves behind all the same, and is meant to */
	LEAVES_PIN_RETRY = 0x01,	/* spent by the first want */
	LEAVES_UV_RETRY = 0x02,		/* a mismatch, on disk by the second */
	LEAVES_USED = 0x04,		/* the token has been used */
	/* no room for it has a status of its own */
	FILLS_STORE = 0x08,
	FILLS_BLOBS = 0x10,
	/* goes on with what another message began */
	GOES_ON = 0x20,
};

/*
 * Each scenario brings a key into some state and says one message, which
 * must succeed, with these wants.
 */
struct scenario {
	const char	*name;
	const char	*wants;
	struct span	(*prepare)(struct rig *r, uint8_t *buf);
	unsigned	 special;
};

static struct span
prepare_selection(struct rig *r, uint8_t *buf)
{
	(void)r;
	buf[0] = CTAP_SELECTION;
	return span(buf, 1);
}

static struct span
prepare_reset(struct rig *r, uint8_t *buf)
{
	struct ask a = { .rk = true, .uv = true };

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	buf[0] = CTAP_RESET;
	return span(buf, 1);
}

static struct span
prepare_token(struct rig *r, uint8_t *buf)
{
	struct platform p;

	agree(r, &p);
	return token_msg(buf, &p);
}

static struct span
prepare_create(struct rig *r, uint8_t *buf)
{
	struct ask a = { .user_name = "anna" };

	(void)r;
	return create_msg(buf, &a);
}

static struct span
prepare_create_self(struct rig *r, uint8_t *buf)
{
	r->au->cfg.attestation.kind = ATTESTATION_SELF;
	return prepare_create(r, buf);
}

/* In place of the same account; the list holds nothing of ours. */
static struct span
prepare_replace(struct rig *r, uint8_t *buf)
{
	static const uint8_t foreign[64] = { 'F' };
	struct ask a = { .rk = true, .uv = true };

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a.listed = 2;
	a.list[0] = span(foreign, CREDENTIAL_ID_STORED);
	a.list[1] = span(foreign, sizeof(foreign));
	return create_msg(buf, &a);
}

static struct span
prepare_get(struct rig *r, uint8_t *buf)
{
	struct ask a = { .rk = true, .uv = true };

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a = (struct ask){ .uv = true };
	return get_msg(buf, &a);
}

static struct span
prepare_get_listed(struct rig *r, uint8_t *buf)
{
	struct ask a = { .listed = 0 };
	uint8_t id[FAKE_BLOB_LEN];

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	memcpy(id, id_in(rig_reply(r).auth_data).p, sizeof(id));
	a.listed = 1;
	a.list[0] = span(id, sizeof(id));
	return get_msg(buf, &a);
}

static struct span
prepare_get_hmac(struct rig *r, uint8_t *buf)
{
	static const uint8_t salts[64] = { 5, 6, 7 };
	struct ask a = { .rk = true, .uv = true };
	struct platform p;
	uint8_t map[512];

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	agree(r, &p);
	a = (struct ask){ .hmac = hmac_map(map, &p, salts, 64) };
	return get_msg(buf, &a);
}

static struct span
prepare_next(struct rig *r, uint8_t *buf)
{
	struct ask a = { .rk = true, .uv = true };

	r->au->cfg.choice = CHOICE_HOST;
	for (; a.user < 2; a.user++)
		assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a = (struct ask){ .silent = true };
	assert_int_equal(rig_get(r, &a), CTAP2_OK);
	assert_int_equal(rig_reply(r).number, 2);
	/* as if its counter were the first of a block */
	r->au->state.counter_ceiling = r->au->counter;
	r->state.counter_ceiling = r->au->counter;
	buf[0] = CTAP_GET_NEXT_ASSERTION;
	return span(buf, 1);
}

static struct span
prepare_create_hmac(struct rig *r, uint8_t *buf)
{
	static const uint8_t salts[64] = { 5, 6, 7 };
	struct ask a = { .rk = true, .uv = true };
	struct platform p;
	uint8_t map[512];

	agree(r, &p);
	a.hmac = hmac_map(map, &p, salts, 64);
	return create_msg(buf, &a);
}

static struct span
prepare_info(struct rig *r, uint8_t *buf)
{
	(void)r;
	buf[0] = CTAP_GET_INFO;
	return span(buf, 1);
}

static struct span
prepare_set_pin(struct rig *r, uint8_t *buf)
{
	struct platform p;

	agree(r, &p);
	return pin_msg(buf, &p, &(struct pin_ask){ .subcommand = 3,
	    .new_pin = PIN });
}

/* Whatever it is that the PIN is needed for. */
static struct span
prepare_with_pin(struct rig *r, uint8_t *buf, const struct pin_ask *q)
{
	struct platform p;

	set_pin(r);
	agree(r, &p);
	return pin_msg(buf, &p, q);
}

static struct span
prepare_change_pin(struct rig *r, uint8_t *buf)
{
	return prepare_with_pin(r, buf, &(struct pin_ask){ .subcommand = 4,
	    .new_pin = OTHER_PIN, .pin = PIN });
}

static struct span
prepare_pin_token(struct rig *r, uint8_t *buf)
{
	return prepare_with_pin(r, buf, &(struct pin_ask){ .subcommand = 5,
	    .pin = PIN });
}

static struct span
prepare_token_by_pin(struct rig *r, uint8_t *buf)
{
	return prepare_with_pin(r, buf, &(struct pin_ask){ .subcommand = 9,
	    .pin = PIN, .permissions = PERMISSION_CM });
}

static struct span
prepare_persistent_by_pin(struct rig *r, uint8_t *buf)
{
	return prepare_with_pin(r, buf, &(struct pin_ask){ .subcommand = 9,
	    .pin = PIN, .permissions = PERMISSION_PCMR });
}

static struct span
prepare_persistent_by_uv(struct rig *r, uint8_t *buf)
{
	struct platform p;

	agree(r, &p);
	return pin_msg(buf, &p, &(struct pin_ask){ .subcommand = 6,
	    .permissions = PERMISSION_PCMR });
}

static struct span
prepare_second_attempt(struct rig *r, uint8_t *buf)
{
	r->mismatches = 1;
	return prepare_token(r, buf);
}

static struct span
prepare_always_uv(struct rig *r, uint8_t *buf)
{
	uint8_t token[32];

	get_permission(r, PERMISSION_ACFG, token);
	return mgmt_msg(buf, CTAP_CONFIG, 2, span(NULL, 0), token);
}

/* Longer than the PIN: it must be changed, and its tokens end. */
static struct span
prepare_min_pin(struct rig *r, uint8_t *buf)
{
	static const uint8_t params[] = { 0xa1, 1, 0x18, 30 };
	uint8_t token[32];

	set_pin(r);
	get_permission(r, PERMISSION_ACFG, token);
	return mgmt_msg(buf, CTAP_CONFIG, 3, span(params, sizeof(params)),
	    token);
}

/* Two accounts at one site, one at another. */
static void
make_accounts(struct rig *r)
{
	struct ask a = { .rk = true, .uv = true, .user_name = "anna" };

	for (; a.user < 2; a.user++)
		assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a.rp_id = "example.org";
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
}

static struct span
prepare_metadata(struct rig *r, uint8_t *buf)
{
	uint8_t token[32];

	make_accounts(r);
	get_permission(r, PERMISSION_CM, token);
	return mgmt_msg(buf, CTAP_CREDENTIAL_MANAGEMENT, 1, span(NULL, 0),
	    token);
}

static struct span
prepare_rps(struct rig *r, uint8_t *buf)
{
	uint8_t token[32];

	make_accounts(r);
	get_permission(r, PERMISSION_CM, token);
	return mgmt_msg(buf, CTAP_CREDENTIAL_MANAGEMENT, 2, span(NULL, 0),
	    token);
}

static struct span
prepare_next_rp(struct rig *r, uint8_t *buf)
{
	assert_int_equal(rig_send(r, prepare_rps(r, buf)), CTAP2_OK);
	return mgmt_msg(buf, CTAP_CREDENTIAL_MANAGEMENT, 3, span(NULL, 0),
	    NULL);
}

static struct span
prepare_credentials(struct rig *r, uint8_t *buf)
{
	uint8_t token[32], params[36] = { 0xa1, 1, 0x58, 32 };

	make_accounts(r);
	memcpy(params + 4, r->cred[0].rp_id_hash, 32);
	get_permission(r, PERMISSION_CM, token);
	return mgmt_msg(buf, CTAP_CREDENTIAL_MANAGEMENT, 4,
	    span(params, sizeof(params)), token);
}

static struct span
prepare_next_credential(struct rig *r, uint8_t *buf)
{
	assert_int_equal(rig_send(r, prepare_credentials(r, buf)), CTAP2_OK);
	return mgmt_msg(buf, CTAP_CREDENTIAL_MANAGEMENT, 5, span(NULL, 0),
	    NULL);
}

/* About the first account; with new names for it, if there is one. */
static struct span
prepare_change(struct rig *r, uint8_t *buf, uint8_t subcommand,
    const char *name)
{
	uint8_t token[32], params[256];
	struct cbor_out out;

	make_accounts(r);
	get_permission(r, PERMISSION_CM, token);
	cbor_out_init(&out, params, sizeof(params));
	cbor_put_map(&out, (size_t)1 + (name != NULL));
	cbor_put_uint(&out, 2);
	cbor_put_map(&out, 2);
	cbor_put_str(&out, "id");
	cbor_put_bytes(&out, span(r->cred[0].id, r->cred[0].id_len));
	cbor_put_str(&out, "type");
	cbor_put_str(&out, "public-key");
	if (name != NULL) {
		cbor_put_uint(&out, 3);
		cbor_put_map(&out, 2);
		cbor_put_str(&out, "id");
		cbor_put_bytes(&out, span(r->cred[0].user.id, 1));
		put_name(&out, "name", name);
	}
	return mgmt_msg(buf, CTAP_CREDENTIAL_MANAGEMENT, subcommand,
	    cbor_out_span(&out), token);
}

static struct span
prepare_delete(struct rig *r, uint8_t *buf)
{
	return prepare_change(r, buf, 6, NULL);
}

static struct span
prepare_update(struct rig *r, uint8_t *buf)
{
	return prepare_change(r, buf, 7, "berta");
}

static struct span
prepare_blobs(struct rig *r, uint8_t *buf)
{
	uint8_t token[32], array[512];
	struct span all = blob_array(array, 100);

	get_permission(r, PERMISSION_LBW, token);
	return blobs_msg(buf, all, 0, all.len, token);
}

static struct span
prepare_get_blobs(struct rig *r, uint8_t *buf)
{
	static const uint8_t get[] = { CTAP_LARGE_BLOBS, 0xa2, 1, 0x18, 200,
		3, 0 };

	assert_int_equal(rig_send(r, prepare_blobs(r, buf)), CTAP2_OK);
	memcpy(buf, get, sizeof(get));
	return span(buf, sizeof(get));
}

static const struct scenario scenarios[] = {
	{ "selection",		"U",		prepare_selection, 0 },
	{ "reset",		"UC",		prepare_reset, 0 },
	{ "info",		"",		prepare_info, 0 },
	{ "token",		"U",		prepare_token, 0 },
	{ "create",		"UKK",		prepare_create, 0 },
	{ "create, self",	"UKK",		prepare_create_self, 0 },
	{ "replace",		"ULKLKLKC",	prepare_replace, FILLS_STORE },
	{ "create, salts",	"UKLKKC",	prepare_create_hmac,
	    FILLS_STORE },
	{ "get",		"ULKC",		prepare_get, 0 },
	{ "get, listed",	"KUKC",		prepare_get_listed, 0 },
	{ "get, hmac-secret",	"LUKKC",	prepare_get_hmac, 0 },
	{ "next",		"LKC",		prepare_next, GOES_ON },
	{ "set PIN",		"C",		prepare_set_pin, 0 },
	{ "change PIN",		"CC",		prepare_change_pin,
	    LEAVES_PIN_RETRY },
	{ "token by PIN, old",	"CC",		prepare_pin_token,
	    LEAVES_PIN_RETRY },
	{ "token by PIN",	"CC",		prepare_token_by_pin,
	    LEAVES_PIN_RETRY },
	{ "persistent, PIN",	"CC",		prepare_persistent_by_pin,
	    LEAVES_PIN_RETRY },
	{ "persistent, UV",	"UC",		prepare_persistent_by_uv, 0 },
	{ "second attempt",	"UCUC",		prepare_second_attempt,
	    LEAVES_UV_RETRY },
	{ "alwaysUv",		"C",		prepare_always_uv,
	    LEAVES_USED },
	{ "setMinPINLength",	"C",		prepare_min_pin, LEAVES_USED },
	{ "metadata",		"L",		prepare_metadata, LEAVES_USED },
	{ "RPs",		"L",		prepare_rps, LEAVES_USED },
	{ "next RP",		"L",		prepare_next_rp, GOES_ON },
	{ "credentials",	"L",		prepare_credentials,
	    LEAVES_USED },
	{ "next credential",	"L",		prepare_next_credential,
	    GOES_ON },
	{ "delete",		"LC",		prepare_delete, LEAVES_USED },
	{ "update",		"LC",		prepare_update,
	    LEAVES_USED | FILLS_STORE },
	{ "large blobs",	"C",		prepare_blobs,
	    LEAVES_USED | FILLS_BLOBS },
	{ "get large blobs",	"L",		prepare_get_blobs, 0 },
};

static void
wants_come_in_this_order(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct rig *r = rig_new();
		struct span s = scenarios[i].prepare(r, msg);

		if (rig_send(r, s) != CTAP2_OK)
			fail_msg("%s: %02x", scenarios[i].name, r->reply[0]);
		if (strcmp(r->trace, scenarios[i].wants) != 0)
			fail_msg("%s: %s", scenarios[i].name, r->trace);
		rig_free(r);
	}
}

static uint8_t
status_of(const struct scenario *sc, enum fault fault, char want)
{
	if (fault == FAULT_NONE || fault == FAULT_STRANGER)
		return CTAP2_OK;
	if (fault == FAULT_CANCEL || fault == FAULT_ABORT)
		return want == 'C' ? CTAP2_OK : CTAP2_ERR_KEEPALIVE_CANCEL;
	if (want == 'U')
		return CTAP2_ERR_OPERATION_DENIED;
	/* no room is a status of its own only where something is added */
	if (want == 'C' && fault == FAULT_FULL && sc->special & FILLS_STORE)
		return CTAP2_ERR_KEY_STORE_FULL;
	if (want == 'C' && fault == FAULT_FULL && sc->special & FILLS_BLOBS)
		return CTAP2_ERR_LARGE_BLOB_STORAGE_FULL;
	return CTAP1_ERR_OTHER;
}

/* What must not have changed when a command failed. */
struct memory {
	struct auth_state disk, state;
	uint32_t	counter;
	unsigned	pin_mismatches;
	size_t		credentials;
	struct credential cred[RIG_CREDENTIALS];
	uint64_t	seq;
	uint8_t		blobs[LARGE_BLOBS_MAX];
	size_t		blobs_len;
	struct auth_remembered next;
	struct auth_token token[PIN_PROTOCOL_MAX];
};

/* CHANNEL's host is the only one, so its session is the first. */
static void
memory_of(const struct rig *r, struct memory *out)
{
	memset(out, 0, sizeof(*out));
	out->disk = r->state;
	out->state = r->au->state;
	out->counter = r->au->counter;
	out->pin_mismatches = r->au->pin_mismatches;
	out->credentials = r->count;
	memcpy(out->cred, r->cred, r->count * sizeof(r->cred[0]));
	out->seq = r->seq;
	memcpy(out->blobs, r->blobs, r->blobs_len);
	out->blobs_len = r->blobs_len;
	memcpy(&out->next, &r->au->session[0].next, sizeof(out->next));
	memcpy(out->token, r->au->session[0].token, sizeof(out->token));
}

/* What a failure at that want has changed, and must have. */
static void
expect_what_stays(const struct scenario *sc, size_t at, struct memory *m)
{
	/* 6.5.5: spent before anything is compared, for good */
	if (sc->special & LEAVES_PIN_RETRY && at > 0) {
		m->disk.pin_failures++;
		m->state.pin_failures++;
	}
	if (sc->special & LEAVES_UV_RETRY && at > 1) {
		m->disk.uv_failures++;
		m->state.uv_failures++;
	}
	/* tok.2: it lives on to its maximum */
	if (sc->special & LEAVES_USED)
		m->token[1].used = true;
}

/* One fault at one want of a scenario; then again, without it. */
static void
try_fault(const struct scenario *sc, size_t at, enum fault fault)
{
	uint8_t want = status_of(sc, fault, sc->wants[at]);
	static struct memory before, after;
	uint8_t msg[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span s = sc->prepare(r, msg);

	memory_of(r, &before);
	r->fault_at = at;
	r->fault = fault;
	if (rig_send(r, s) != want)
		fail_msg("%s, want %zu, fault %d: %02x", sc->name, at,
		    (int)fault, r->reply[0]);
	if (want == CTAP2_OK) {
		assert_string_equal(r->trace, sc->wants);
		rig_free(r);
		return;
	}
	assert_int_equal(r->reply_len, 1);
	assert_int_equal(r->wants, at + 1);
	if (fault == FAULT_ABORT)
		memset(&before.next, 0, sizeof(before.next));
	expect_what_stays(sc, at, &before);
	memory_of(r, &after);
	if (memcmp(&before, &after, sizeof(before)) != 0)
		fail_msg("%s, want %zu, fault %d: changed something",
		    sc->name, at, (int)fault);
	r->fault_at = SIZE_MAX;
	assert_int_equal(rig_send(r, s), fault == FAULT_ABORT &&
	    (sc->special & GOES_ON) ? CTAP2_ERR_NOT_ALLOWED : CTAP2_OK);
	rig_free(r);
}

/* covers can.1 */
static void
every_failure_at_every_want_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++)
		for (size_t at = 0; at < strlen(scenarios[i].wants); at++)
			for (int f = FAULT_ERROR; f < FAULTS; f++)
				try_fault(&scenarios[i], at, (enum fault)f);
}

static void
cancel_without_an_operation(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	assert_int_equal(auth_cancel(r->au, CHANNEL), AUTH_IDLE);
	assert_int_equal(auth_abort(r->au, CHANNEL), AUTH_IDLE);
	assert_int_equal(rig_byte(r, CTAP_SELECTION), CTAP2_OK);
	rig_free(r);
}

/* What a cancelled operation answered is not cancelled a second time. */
static void
cancel_of_what_is_answered(void **state)
{
	static const uint8_t retries[] = { 6, 0xa1, 2, 1 };
	struct rig *r = rig_new();

	(void)state;
	assert_int_equal(auth_command(r->au, CHANNEL,
	    span(retries, sizeof(retries)), 5000), AUTH_REPLY);
	assert_int_equal(auth_cancel(r->au, CHANNEL), AUTH_REPLY);
	assert_int_equal(auth_reply(r->au).p[0], CTAP2_OK);
	assert_true(auth_reply(r->au).len > 1);
	auth_replied(r->au);
	rig_free(r);
}

static void
abort_ends_what_the_channel_could_go_on_with(void **state)
{
	struct rig *r = rig_new();
	uint8_t msg[AUTH_MESSAGE_MAX];
	struct span next = prepare_next(r, msg);

	(void)state;
	assert_int_equal(auth_abort(r->au, STRANGER), AUTH_IDLE);
	assert_int_equal(r->au->session[0].next.what, NEXT_ASSERTION);
	assert_int_equal(auth_abort(r->au, CHANNEL), AUTH_IDLE);
	assert_int_equal(rig_send(r, next), CTAP2_ERR_NOT_ALLOWED);
	rig_free(r);
}

/* --- time --------------------------------------------------------------- */

static void
deadlines_are_those_of_the_user(void **state)
{
	struct rig *r = rig_new();
	uint8_t msg[] = { CTAP_SELECTION };
	uint64_t end = r->now_ms + AUTH_USER_TIMEOUT_MS;

	(void)state;
	assert_int_equal(auth_deadline(r->au), UINT64_MAX);
	assert_int_equal(auth_tick(r->au, UINT64_MAX - 1), AUTH_IDLE);
	assert_int_equal(auth_command(r->au, CHANNEL, span(msg, 1),
	    r->now_ms), AUTH_USER);
	assert_int_equal(auth_deadline(r->au), end);
	assert_int_equal(auth_tick(r->au, r->now_ms), AUTH_USER);
	assert_int_equal(auth_tick(r->au, end - 1), AUTH_USER);
	assert_int_equal(auth_tick(r->au, end), AUTH_REPLY);
	assert_int_equal(auth_reply(r->au).p[0],
	    CTAP2_ERR_USER_ACTION_TIMEOUT);
	/* once */
	assert_int_equal(auth_tick(r->au, end + 1), AUTH_REPLY);
	auth_replied(r->au);
	assert_int_equal(auth_current_want(r->au), AUTH_IDLE);
	rig_free(r);
}

static void
keys_and_disks_have_no_deadline(void **state)
{
	struct rig *r = rig_new();
	struct ask a = { .silent = true };

	(void)state;
	assert_int_equal(auth_command(r->au, CHANNEL, get_msg(r->msg, &a),
	    r->now_ms), AUTH_LOOKUP);
	assert_int_equal(auth_deadline(r->au), UINT64_MAX);
	assert_int_equal(auth_tick(r->au, r->now_ms + 1000000), AUTH_LOOKUP);
	assert_int_equal(auth_cancel(r->au, CHANNEL), AUTH_REPLY);
	auth_replied(r->au);
	rig_free(r);
}

/* --- the signature counter ----------------------------------------------- */

static uint32_t
counter_of_next(struct rig *r)
{
	struct ask a = { .silent = true };

	assert_int_equal(rig_get(r, &a), CTAP2_OK);
	return counter_in(rig_reply(r).auth_data);
}

static struct rig *
rig_with_account(void)
{
	struct rig *r = rig_new();
	struct ask a = { .rk = true, .uv = true };

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	r->commits = 0;
	return r;
}

/*
 * A key that was plugged in as one without PINs cannot unblock the one that
 * it had as another kind: that is no reason to block verification.
 */
static void
a_pin_of_another_kind_of_key_blocks_nothing(void **state)
{
	static const uint8_t ask[] = { 0x06, 0xa1, 0x02, 0x07 };
	static const uint8_t none[] = { 0x00, 0xa1, 0x05, 0x00 };
	static const uint8_t all[] = { 0x00, 0xa1, 0x05, 0x08 };
	struct rig *r = rig_new();

	(void)state;
	rig_power_off(r);
	r->state.pin_set = true;
	r->state.pin_failures = 8;
	rig_power_up(r);
	rig_send(r, span(ask, sizeof(ask)));
	assert_memory_equal(r->reply, none, sizeof(none));
	rig_power_off(r);
	r->cfg.features &= ~FEATURE_CLIENT_PIN;
	rig_power_up(r);
	rig_send(r, span(ask, sizeof(ask)));
	assert_memory_equal(r->reply, all, sizeof(all));
	rig_free(r);
}

/* covers ga.13 */
static void
one_commit_for_256_assertions(void **state)
{
	struct rig *r = rig_with_account();

	(void)state;
	for (uint32_t i = 1; i <= 600; i++) {
		assert_int_equal(counter_of_next(r), i);
		assert_int_equal(r->commits, 1 + (i - 1) / 256);
		assert_true(r->state.counter_ceiling >= i);
	}
	rig_free(r);
}

static void
a_crash_skips_what_was_reserved(void **state)
{
	struct rig *r = rig_with_account();
	uint32_t ceiling;

	(void)state;
	assert_int_equal(counter_of_next(r), 1);
	ceiling = r->state.counter_ceiling;
	assert_int_equal(ceiling, 256);
	rig_power_off(r);
	rig_power_up(r);
	assert_int_equal(counter_of_next(r), ceiling + 1);
	rig_free(r);
}

static void
an_orderly_end_gives_the_rest_back(void **state)
{
	struct rig *r = rig_with_account();
	const struct auth_change *chg;

	(void)state;
	assert_null(auth_settle(r->au));
	assert_int_equal(counter_of_next(r), 1);
	assert_int_equal(counter_of_next(r), 2);
	chg = auth_settle(r->au);
	assert_non_null(chg);
	assert_false(chg->reset);
	assert_null(chg->put);
	assert_int_equal(chg->remove, 0);
	assert_int_equal(chg->state->counter_ceiling, 2);
	assert_memory_equal(chg->state->epoch, r->state.epoch, KEY_EPOCH_LEN);
	fake_commit(r, chg);
	rig_power_off(r);
	rig_power_up(r);
	assert_null(auth_settle(r->au));
	assert_int_equal(counter_of_next(r), 3);
	rig_free(r);
}

static void
the_last_counter_stays(void **state)
{
	static const uint32_t before[] = { 1, 2, 255, 256, 257, 300 };
	struct ask a = { .rk = true, .uv = true };

	(void)state;
	for (size_t i = 0; i < COUNT(before); i++) {
		struct rig *r = rig_new();
		uint32_t counter = UINT32_MAX - before[i];

		rig_power_off(r);
		r->state.counter_ceiling = counter;
		rig_power_up(r);
		assert_int_equal(rig_create(r, &a), CTAP2_OK);
		assert_true(counter_in(rig_reply(r).auth_data) == counter);
		while (counter < UINT32_MAX) {
			assert_true(counter_of_next(r) == ++counter);
			assert_true(r->state.counter_ceiling >= counter);
		}
		r->commits = 0;
		assert_true(counter_of_next(r) == UINT32_MAX);
		assert_true(counter_of_next(r) == UINT32_MAX);
		assert_int_equal(r->commits, 0);
		assert_null(auth_settle(r->au));
		rig_free(r);
	}
}

/* --- what is kept of an account ------------------------------------------ */

static const struct credential *
kept(struct rig *r, const struct ask *ask)
{
	struct ask a = *ask;

	a.rk = a.uv = true;
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	return &r->cred[r->count - 1];
}

static void
assert_rp_id(const char *rp_id, const char *want)
{
	struct rig *r = rig_new();
	struct ask a = { .rp_id = rp_id };
	const struct credential *c = kept(r, &a);
	uint8_t hash[32];

	assert_true(span_eq(span(c->rp_id.s, c->rp_id.len), span_str(want)));
	assert_int_equal(cbor_utf8_cut(span_str(want), RP_ID_KEPT),
	    strlen(want));
	/* the hash is of all of it */
	SHA256((const uint8_t *)rp_id, strlen(rp_id), hash);
	assert_memory_equal(c->rp_id_hash, hash, sizeof(hash));
	rig_free(r);
}

/* n times c, then the text */
static const char *
stretch(char *buf, const char *before, char c, size_t n, const char *text)
{
	size_t len = strlen(before);

	strcpy(buf, before);
	memset(buf + len, c, n);
	strcpy(buf + len + n, text);
	return buf;
}

#define ELLIPSIS "\xe2\x80\xa6"

/* CTAP 2.3, 6.8.7 */
static void
long_rp_ids_keep_scheme_and_end(void **state)
{
	char in[1024], want[1024];

	(void)state;
	assert_rp_id("", "");
	stretch(in, "", 'a', 255, "");
	assert_rp_id(in, in);
	assert_rp_id(stretch(in, "x", 'a', 255, ""),
	    stretch(want, ELLIPSIS, 'a', 252, ""));
	assert_rp_id(stretch(in, "https://", 'b', 400, ".org"),
	    stretch(want, "https:" ELLIPSIS, 'b', 255 - 6 - 3 - 4, ".org"));
	/* a scheme must not take more than half, and starts no later */
	stretch(in, "", 's', 126, ":");
	stretch(in + 127, "", 'b', 300, "");
	stretch(want, "", 's', 126, ":" ELLIPSIS);
	stretch(want + 130, "", 'b', 255 - 130, "");
	assert_rp_id(in, want);
	stretch(in, "", 's', 127, ":");
	stretch(in + 128, "", 'b', 300, "");
	assert_rp_id(in, stretch(want, ELLIPSIS, 'b', 252, ""));
}

static void
rp_ids_are_cut_between_code_points(void **state)
{
	char in[1024], want[1024];

	(void)state;
	/* the end that would fit begins inside, before, and at one */
	stretch(in, "", 'a', 40, "\xf0\x9d\x84\x9e");
	stretch(in + 44, "", 'b', 251, "");
	assert_rp_id(in, stretch(want, ELLIPSIS, 'b', 251, ""));
	stretch(in + 44, "", 'b', 249, "");
	assert_rp_id(in, stretch(want, ELLIPSIS, 'b', 249, ""));
	stretch(in + 44, "", 'b', 248, "");
	assert_rp_id(in, stretch(want, ELLIPSIS "\xf0\x9d\x84\x9e", 'b', 248,
	    ""));
}

static void
assert_name(struct name_text got, const char *want)
{
	assert_true(span_eq(span(got.s, got.len), span_str(want)));
}

static void
names_are_cut_between_code_points(void **state)
{
	char fits[256], long_name[256], two[256], cut[256];
	struct rig *r = rig_new();
	struct ask a = { .rp_name = stretch(fits, "", 'n', 127, ""),
		.user_name = stretch(long_name, "", 'n', 200, ""),
		.display_name = stretch(two, "", 'd', 126, "\xc3\xa9x") };
	const struct credential *c = kept(r, &a);

	(void)state;
	assert_name(c->rp_name, fits);
	assert_name(c->user.name, fits);
	assert_name(c->user.display_name, stretch(cut, "", 'd', 126, ""));
	rig_free(r);
}

static void
names_that_are_not_given(void **state)
{
	struct rig *r = rig_new();
	struct ask a = { .user = 3, .user_name = "" };
	const struct credential *c = kept(r, &a);

	(void)state;
	assert_int_equal(c->rp_name.len, 0);
	assert_int_equal(c->user.name.len, 0);
	assert_int_equal(c->user.display_name.len, 0);
	assert_int_equal(c->user.id_len, 1);
	assert_int_equal(c->user.id[0], 3);
	assert_int_equal(c->id_len, CREDENTIAL_ID_STORED);
	assert_true(c->discoverable);
	assert_int_equal(c->protect, PROTECT_OPTIONAL);
	assert_int_equal(c->alg, COSE_ES256);
	assert_int_equal(c->blob_len, FAKE_BLOB_LEN);
	rig_free(r);
}

static void
the_same_account_takes_the_place_of_the_first(void **state)
{
	struct rig *r = rig_new();
	struct ask a = { .user = 1, .user_name = "old" };
	struct ask other = { .user = 2 }, site = { .rp_id = "example.org",
		.user = 1 };

	(void)state;
	kept(r, &a);
	kept(r, &other);
	kept(r, &site);
	assert_int_equal(r->count, 3);
	a.user_name = "new";
	assert_name(kept(r, &a)->user.name, "new");
	assert_int_equal(r->count, 3);
	assert_int_equal(r->cred[2].seq, 4);
	for (size_t i = 0; i < 2; i++)
		assert_true(r->cred[i].seq == i + 2);
	rig_free(r);
}

/* --- blobs, replies and stores that are odd ------------------------------ */

static void
blobs_with_a_meta_that_is_not_ours(void **state)
{
	static const struct {
		uint8_t		meta[5];
		size_t		len;
		bool		ok;
	} metas[] = {
		{ { 1, 1, 0 }, 3, true },
		{ { 1, 3, 1 }, 3, false },	/* needs verification */
		{ { 1, 2, 1 }, 3, true },
		{ { 2, 1, 0 }, 3, false },
		{ { 0, 1, 0 }, 3, false },
		{ { 1, 0, 0 }, 3, false },
		{ { 1, 4, 0 }, 3, false },
		{ { 1, 255, 0 }, 3, false },
		{ { 1, 1, 0x80 }, 3, false },	/* flags to come */
		{ { 1, 1, 0x02 }, 3, false },	/* one that was stored */
		{ { 1, 1 }, 2, false },
		{ { 1, 1, 0, 0 }, 4, false },
	};
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(metas); i++) {
		struct rig *r = rig_new();
		struct span get = prepare_get_listed(r, msg);

		memcpy(r->meta, metas[i].meta, sizeof(metas[i].meta));
		r->meta_len = metas[i].len;
		assert_int_equal(rig_send(r, get), metas[i].ok ? CTAP2_OK :
		    CTAP2_ERR_NO_CREDENTIALS);
		rig_free(r);
	}
}

static void
a_level_that_does_not_exist_excludes_nothing(void **state)
{
	static const uint8_t meta[3] = { 1, 4, 0 };
	struct rig *r = rig_new();
	struct ask a = { .uv = true };
	uint8_t id[FAKE_BLOB_LEN];

	(void)state;
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	memcpy(id, id_in(rig_reply(r).auth_data).p, sizeof(id));
	a.listed = 1;
	a.list[0] = span(id, sizeof(id));
	assert_int_equal(rig_create(r, &a), CTAP2_ERR_CREDENTIAL_EXCLUDED);
	memcpy(r->meta, meta, sizeof(meta));
	r->meta_len = sizeof(meta);
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	rig_free(r);
}

/* The store was changed behind the engine's back. */
static void
an_account_that_is_gone_ends_getnextassertion(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span next = prepare_next(r, msg);

	(void)state;
	r->count = 0;
	assert_int_equal(rig_send(r, next), CTAP2_ERR_NOT_ALLOWED);
	assert_string_equal(r->trace, "L");
	assert_int_equal(rig_send(r, next), CTAP2_ERR_NOT_ALLOWED);
	assert_string_equal(r->trace, "");
	rig_free(r);
}

static void
a_certificate_chain_that_does_not_fit(void **state)
{
	static uint8_t certificate[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct ask a = { .rk = false };

	(void)state;
	r->au->cfg.attestation.x5c[0] = span(certificate, 7000);
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	r->au->cfg.attestation.x5c[0] = span(certificate, 7500);
	assert_int_equal(rig_create(r, &a), CTAP1_ERR_OTHER);
	assert_int_equal(r->reply_len, 1);
	rig_free(r);
}

static void
randomness_that_makes_no_key(void **state)
{
	static const uint8_t agreement[] = { 6, 0xa2, 1, 2, 2, 2 };
	uint8_t token[AUTH_MESSAGE_MAX], get[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span t = prepare_token(r, token), g = prepare_get_hmac(r, get);

	(void)state;
	rig_power_off(r);
	rig_power_up(r);
	r->random_zero = true;
	assert_int_equal(rig_send(r, span(agreement, sizeof(agreement))),
	    CTAP1_ERR_OTHER);
	assert_int_equal(rig_send(r, t), CTAP1_ERR_OTHER);
	assert_int_equal(rig_send(r, g), CTAP1_ERR_OTHER);
	/* not for good */
	r->random_zero = false;
	assert_int_equal(rig_send(r, span(agreement, sizeof(agreement))),
	    CTAP2_OK);
	rig_free(r);
}

static void
hmac_output_of_an_odd_length(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span get = prepare_get_hmac(r, msg);

	(void)state;
	r->hmac_cut = 1;
	assert_int_equal(rig_send(r, get), CTAP1_ERR_OTHER);
	r->hmac_cut = 0;
	assert_int_equal(rig_send(r, get), CTAP2_OK);
	rig_free(r);
}

static void
lists_have_at_most_64_entries(void **state)
{
	static const uint8_t id[CREDENTIAL_ID_STORED];
	struct rig *r = rig_new();
	struct ask a = { .listed = AUTH_LIST_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(a.list); i++)
		a.list[i] = span(id, sizeof(id));
	assert_int_equal(rig_get(r, &a), CTAP2_ERR_NO_CREDENTIALS);
	assert_int_equal(r->wants, AUTH_LIST_MAX);
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a.listed++;
	assert_int_equal(rig_get(r, &a), CTAP2_ERR_LIMIT_EXCEEDED);
	assert_int_equal(r->wants, 0);
	assert_int_equal(rig_create(r, &a), CTAP2_ERR_LIMIT_EXCEEDED);
	assert_int_equal(r->wants, 0);
	rig_free(r);
}

/* What cannot be encrypted is not told, and a token nobody got is gone. */
static void
openssl_without_memory(void **state)
{
	uint8_t token[AUTH_MESSAGE_MAX], get[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span t = prepare_token(r, token), g = prepare_get_hmac(r, get);

	(void)state;
	r->starve = true;
	assert_int_equal(rig_send(r, t), CTAP1_ERR_OTHER);
	for (int i = 0; i < PIN_PROTOCOL_MAX; i++)
		assert_false(r->au->session[0].token[i].in_use);
	assert_int_equal(rig_send(r, g), CTAP1_ERR_OTHER);
	assert_int_equal(r->au->counter, 0);
	r->starve = false;
	assert_int_equal(rig_send(r, t), CTAP2_OK);
	assert_int_equal(rig_send(r, g), CTAP2_OK);
	rig_free(r);
}

static void
a_start_without_memory(void **state)
{
	struct rig *r = rig_new();
	void *mem = malloc(auth_size());

	(void)state;
	assert_non_null(mem);
	openssl_starves = true;
	assert_null(auth_init(mem, &r->cfg, &r->state, r->now_ms));
	openssl_starves = false;
	free(mem);
	rig_free(r);
}

/* covers ga.6.1 */
static void
an_unprotected_key_ignores_what_proves_nothing(void **state)
{
	static const uint8_t garbage[32] = { 1 };
	struct rig *r = rig_new();
	struct ask a = { .rk = true, .protocol = 2,
		.auth_param = span(garbage, sizeof(garbage)) };

	(void)state;
	r->au->features &= ~FEATURE_UV_READY;
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	assert_string_equal(r->trace, "UKLKC");
	a.rk = false;
	assert_int_equal(rig_get(r, &a), CTAP2_OK);
	assert_string_equal(r->trace, "LUKC");
	assert_int_equal(rig_reply(r).auth_data.p[32], AUTHDATA_UP);
	rig_free(r);
}

/*
 * covers imp.1
 * An ID that can hold a key is asked both ways, the others are names of rows;
 * and what no ID can be costs nothing.
 */
static void
ids_are_looked_for_as_they_can_be(void **state)
{
	static const struct {
		size_t		len;
		const char	*wants;
	} ids[] = { { 0, "" }, { 1, "L" }, { 31, "L" }, { 32, "L" },
		{ 33, "KL" }, { KEY_BLOB_MAX, "KL" }, { KEY_BLOB_MAX + 1, "L" },
		{ 1023, "L" }, { 1024, "" } };
	static const uint8_t id[1024];
	struct rig *r = rig_new();
	struct ask a = { .listed = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		a.list[0] = span(id, ids[i].len);
		assert_int_equal(rig_get(r, &a), CTAP2_ERR_NO_CREDENTIALS);
		assert_string_equal(r->trace, ids[i].wants);
	}
	rig_free(r);
}

/* covers imp.1: whatever ID it came with */
static void
a_credential_is_found_by_any_id(void **state)
{
	static const size_t lens[] = { 1, 31, 32, 33, 64, KEY_BLOB_MAX, 1023 };
	uint8_t id[1023];
	struct rig *r = rig_new();
	struct ask a = { .rk = true, .uv = true };

	(void)state;
	memset(id, 0x77, sizeof(id));
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a.rk = false;
	a.listed = 1;
	for (size_t i = 0; i < COUNT(lens); i++) {
		r->cred[0].id_len = (uint16_t)lens[i];
		memcpy(r->cred[0].id, id, lens[i]);
		a.list[0] = span(id, lens[i]);
		assert_int_equal(rig_get(r, &a), CTAP2_OK);
		assert_true(span_eq(rig_reply(r).id, a.list[0]));
		assert_int_equal(rig_create(r, &a),
		    CTAP2_ERR_CREDENTIAL_EXCLUDED);
	}
	rig_free(r);
}

/* --- secrets ------------------------------------------------------------- */

/* How often these bytes are in the engine's memory. */
static size_t
occurrences(const struct auth *au, const void *p, size_t len)
{
	const uint8_t *at = (const uint8_t *)au, *end = at + auth_size();
	size_t n = 0;

	while ((at = memmem(at, (size_t)(end - at), p, len)) != NULL) {
		n++;
		at++;
	}
	return n;
}

static void
assert_all_zero(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((const uint8_t *)p)[i], 0);
}

static void
nothing_is_left_of_an_operation(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct rig *r = rig_new();
		struct span s = scenarios[i].prepare(r, msg);

		assert_int_equal(rig_send(r, s), CTAP2_OK);
		assert_all_zero(&r->au->work->op, sizeof(r->au->work->op));
		/* the one that is in use */
		assert_int_equal(occurrences(r->au, r->au->state.epoch,
		    KEY_EPOCH_LEN), 1);
		rig_free(r);
	}
}

static void
power_up_lent(struct rig *r, void *work)
{
	void *mem = malloc(auth_lent_size());

	assert_non_null(mem);
	rig_power_off(r);
	memset(mem, 0x99, auth_lent_size());
	r->au = auth_init_lent(mem, work, &r->cfg, &r->state, r->now_ms);
	assert_non_null(r->au);
}

static void
engines_share_what_only_operations_need(void **state)
{
	struct ask make = { .rk = true, .uv = true }, ask = { .uv = true };
	struct rig *a = rig_new(), *b = rig_new();
	struct auth_work *work = calloc(1, auth_work_size());

	(void)state;
	assert_non_null(work);
	assert_true(auth_lent_size() + auth_work_size() <= auth_size());
	power_up_lent(a, work);
	power_up_lent(b, work);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig_create(a, &make), CTAP2_OK);
		assert_all_zero(&work->op, sizeof(work->op));
		assert_int_equal(rig_get(a, &ask), CTAP2_OK);
		assert_int_equal(rig_get(b, &ask), i == 0 ?
		    CTAP2_ERR_NO_CREDENTIALS : CTAP2_OK);
		assert_int_equal(rig_create(b, &make), CTAP2_OK);
	}
	/* the other one is not worse off */
	rig_free(a);
	assert_all_zero(work, auth_work_size());
	assert_int_equal(rig_get(b, &ask), CTAP2_OK);
	rig_free(b);
	assert_all_zero(work, auth_work_size());
	free(work);
}

static void
a_token_is_in_one_place(void **state)
{
	struct rig *r = rig_new();
	struct platform p;
	uint8_t token[32];

	(void)state;
	agree(r, &p);
	get_token(r, &p, token);
	assert_int_equal(occurrences(r->au, token, sizeof(token)), 1);
	assert_int_equal(occurrences(r->au, p.secret.key, 32), 0);
	assert_int_equal(occurrences(r->au, p.secret.key + 32, 32), 0);
	auth_store_changed(r->au, &r->state);
	assert_int_equal(occurrences(r->au, token, sizeof(token)), 0);
	rig_free(r);
}

static void
salts_and_secrets_go_with_the_reply(void **state)
{
	uint8_t salts[64], out[32], map[512];
	struct ask a = { .rk = true, .uv = true };
	struct rig *r = rig_new();
	struct platform p;

	(void)state;
	memset(salts, 0x5a, sizeof(salts));
	memset(out, FAKE_SECRET, sizeof(out));
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	agree(r, &p);
	a = (struct ask){ .hmac = hmac_map(map, &p, salts, sizeof(salts)) };
	assert_int_equal(rig_get(r, &a), CTAP2_OK);
	assert_int_equal(occurrences(r->au, salts, 32), 0);
	assert_int_equal(occurrences(r->au, out, sizeof(out)), 0);
	assert_int_equal(occurrences(r->au, p.secret.key, 32), 0);
	assert_int_equal(occurrences(r->au, p.secret.key + 32, 32), 0);
	rig_free(r);
}

/* getNextAssertion needs them again, and nobody else. */
static void
salts_stay_for_getnextassertion_and_no_longer(void **state)
{
	uint8_t salts[32], map[512];
	struct ask a = { .rk = true, .uv = true };
	struct rig *r = rig_new();
	struct platform p;

	(void)state;
	memset(salts, 0x5a, sizeof(salts));
	r->au->cfg.choice = CHOICE_HOST;
	for (; a.user < 2; a.user++)
		assert_int_equal(rig_create(r, &a), CTAP2_OK);
	agree(r, &p);
	a = (struct ask){ .hmac = hmac_map(map, &p, salts, sizeof(salts)) };
	assert_int_equal(rig_get(r, &a), CTAP2_OK);
	assert_int_equal(occurrences(r->au, salts, 32), 1);
	assert_int_equal(occurrences(r->au, p.secret.key, 64), 1);
	assert_int_equal(rig_byte(r, CTAP_GET_NEXT_ASSERTION), CTAP2_OK);
	assert_string_equal(r->trace, "LKK");
	assert_int_equal(occurrences(r->au, salts, 32), 0);
	assert_int_equal(occurrences(r->au, p.secret.key, 64), 0);
	rig_free(r);
}

/*
 * Of the PIN only what it is compared with is left, in one place; the other
 * half of its hash nowhere.
 */
static void
assert_pin_is_gone(const struct rig *r, const char *pin, size_t kept_hashes)
{
	uint8_t hash[32];

	SHA256((const uint8_t *)pin, strlen(pin), hash);
	assert_int_equal(occurrences(r->au, pin, strlen(pin)), 0);
	assert_int_equal(occurrences(r->au, hash, PIN_HASH_LEN), kept_hashes);
	assert_int_equal(occurrences(r->au, hash + PIN_HASH_LEN, 16), 0);
}

static void
pins_go_with_the_reply(void **state)
{
	struct rig *r = rig_new();
	struct pin_ask q = { .subcommand = 4, .new_pin = OTHER_PIN,
		.pin = WRONG_PIN };

	(void)state;
	set_pin(r);
	assert_pin_is_gone(r, PIN, 1);
	assert_int_equal(rig_pin(r, &q), CTAP2_ERR_PIN_INVALID);
	assert_pin_is_gone(r, WRONG_PIN, 0);
	assert_pin_is_gone(r, OTHER_PIN, 0);
	q.pin = PIN;
	q.new_pin = "4444";
	r->state.pin_complexity = true;
	auth_store_changed(r->au, &r->state);
	assert_int_equal(rig_pin(r, &q), CTAP2_ERR_PIN_POLICY_VIOLATION);
	assert_pin_is_gone(r, "4444", 0);
	q.new_pin = OTHER_PIN;
	assert_int_equal(rig_pin(r, &q), CTAP2_OK);
	assert_pin_is_gone(r, PIN, 0);
	assert_pin_is_gone(r, OTHER_PIN, 1);
	rig_free(r);
}

/* It is derived whenever it is needed, and nowhere in between. */
static void
the_persistent_token_is_in_no_place(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX], token[32];
	struct rig *r = rig_new();
	struct pin_ask q = { .subcommand = 6,
		.permissions = PERMISSION_PCMR };
	struct platform p;

	(void)state;
	make_accounts(r);
	agree(r, &p);
	assert_int_equal(rig_send(r, pin_msg(msg, &p, &q)), CTAP2_OK);
	take_token(r, &p, token);
	assert_int_equal(occurrences(r->au, token, sizeof(token)), 0);
	assert_int_equal(rig_send(r, mgmt_msg(msg, CTAP_CREDENTIAL_MANAGEMENT,
	    2, span(NULL, 0), token)), CTAP2_OK);
	assert_int_equal(occurrences(r->au, token, sizeof(token)), 0);
	assert_int_equal(rig_byte(r, CTAP_GET_INFO), CTAP2_OK);
	assert_int_equal(occurrences(r->au, token, sizeof(token)), 0);
	rig_free(r);
}

/*
 * 6.5.5: whoever cuts the power between the count and the comparison has
 * spent the retry, right PIN or not.
 */
static void
no_power_after_the_retry_is_spent(void **state)
{
	static const char *const pins[] = { PIN, WRONG_PIN };
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(pins); i++) {
		struct rig *r = rig_new();
		struct pin_ask q = { .subcommand = 5, .pin = pins[i] };
		struct span m = prepare_with_pin(r, msg, &q);

		assert_int_equal(auth_command(r->au, CHANNEL, m, r->now_ms),
		    AUTH_COMMIT);
		assert_int_equal(r->state.pin_failures, 0);
		fake_commit(r, auth_change(r->au));
		rig_power_off(r);
		rig_power_up(r);
		assert_int_equal(r->au->state.pin_failures, 1);
		assert_int_equal(pin_retries(r->au), PIN_RETRIES - 1);
		rig_free(r);
	}
}

/* A retry that cannot be written is not spent, and nothing is compared. */
static void
no_comparison_without_a_retry(void **state)
{
	static const char *const pins[] = { PIN, WRONG_PIN };
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(pins); i++) {
		struct rig *r = rig_new();
		struct pin_ask q = { .subcommand = 5, .pin = pins[i] };
		struct span m = prepare_with_pin(r, msg, &q);
		const struct pin_agreement *before = r->au->agreement[1];

		r->fault_at = 0;
		r->fault = FAULT_ERROR;
		assert_int_equal(rig_send(r, m), CTAP1_ERR_OTHER);
		assert_string_equal(r->trace, "C");
		assert_int_equal(r->au->pin_mismatches, 0);
		assert_ptr_equal(r->au->agreement[1], before);
		rig_free(r);
	}
}

/* It needs no operation: the same while one is under way. */
static void
info_is_told_at_any_time(void **state)
{
	uint8_t info[AUTH_MESSAGE_MAX], selection = CTAP_SELECTION;
	struct rig *r = rig_new();
	size_t len;

	(void)state;
	assert_int_equal(auth_command(r->au, CHANNEL, span(&selection, 1),
	    r->now_ms), AUTH_USER);
	len = auth_info(r->au, STRANGER, info, sizeof(info));
	assert_true(len > 1 && info[0] == CTAP2_OK);
	assert_true(cbor_check(span(info + 1, len - 1)));
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(auth_info(r->au, STRANGER, info, cap), 0);
	assert_int_equal(auth_info(r->au, STRANGER, info, len), len);
	assert_int_equal(auth_current_want(r->au), AUTH_USER);
	assert_int_equal(auth_user_input(r->au, USER_PRESENT, r->now_ms),
	    AUTH_REPLY);
	auth_replied(r->au);
	assert_int_equal(rig_byte(r, CTAP_GET_INFO), CTAP2_OK);
	assert_int_equal(r->reply_len, len);
	rig_free(r);
}

static void
pins_are_as_long_as_the_key_was_made(void **state)
{
	static const struct {
		const char	*pin;
		uint8_t		 status;
	} pins[] = {
		{ "12435", CTAP2_ERR_PIN_POLICY_VIOLATION },
		{ "124356789", CTAP2_ERR_PIN_POLICY_VIOLATION },
		{ "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
		    CTAP2_ERR_PIN_POLICY_VIOLATION },
		{ "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
		    CTAP2_OK },
		{ "124356", CTAP2_OK },
		{ "12435678", CTAP2_OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pins); i++) {
		struct rig *r = rig_new();
		struct pin_ask q = { .subcommand = 3,
			.new_pin = pins[i].pin };

		r->au->cfg.min_pin_length = 6;
		r->au->cfg.max_pin_length = 8;
		assert_int_equal(rig_pin(r, &q), pins[i].status);
		assert_int_equal(r->state.pin_set,
		    pins[i].status == CTAP2_OK);
		rig_free(r);
	}
}

/* covers cfg.5: one that would have to be cut is not kept at all */
static void
rp_ids_that_are_too_long_to_be_told_about_pins(void **state)
{
	static const size_t lens[] = { RP_ID_KEPT, RP_ID_KEPT + 1 };
	uint8_t params[512], token[32], msg[AUTH_MESSAGE_MAX];
	char rp_id[512] = "";
	struct cbor_out out;

	(void)state;
	memset(rp_id, 'r', sizeof(rp_id) - 1);
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct rig *r = rig_new();

		get_permission(r, PERMISSION_ACFG, token);
		cbor_out_init(&out, params, sizeof(params));
		cbor_put_map(&out, 1);
		cbor_put_uint(&out, 2);
		cbor_put_array(&out, 1);
		cbor_put_text(&out, span((uint8_t *)rp_id, lens[i]));
		assert_int_equal(rig_send(r, mgmt_msg(msg, CTAP_CONFIG, 3,
		    cbor_out_span(&out), token)), i == 0 ? CTAP2_OK :
		    CTAP2_ERR_KEY_STORE_FULL);
		assert_int_equal(r->state.min_pin_rp_count, i == 0);
		rig_free(r);
	}
}

/* What was written of an array goes when the whole of it cannot be kept. */
static void
a_large_blob_array_that_cannot_be_kept(void **state)
{
	uint8_t token[32], array[512], msg[AUTH_MESSAGE_MAX];
	struct span all = blob_array(array, 200);
	struct rig *r = rig_new();

	(void)state;
	get_permission(r, PERMISSION_LBW, token);
	assert_int_equal(rig_send(r, blobs_msg(msg, span(all.p, 100), 0,
	    all.len, token)), CTAP2_OK);
	assert_string_equal(r->trace, "");
	r->fault_at = 0;
	r->fault = FAULT_FULL;
	assert_int_equal(rig_send(r, blobs_msg(msg, span(all.p + 100,
	    all.len - 100), 100, 0, token)),
	    CTAP2_ERR_LARGE_BLOB_STORAGE_FULL);
	assert_int_equal(r->blobs_len, 0);
	r->fault_at = SIZE_MAX;
	assert_int_equal(rig_send(r, blobs_msg(msg, span(all.p + 100,
	    all.len - 100), 100, 0, token)), CTAP1_ERR_INVALID_SEQ);
	/* nor does nothing at its end set it off again */
	assert_int_equal(rig_send(r, blobs_msg(msg, span(all.p, 0),
	    (uint32_t)all.len, 0, token)), CTAP1_ERR_INVALID_SEQ);
	assert_int_equal(rig_send(r, blobs_msg(msg, all, 0, all.len, token)),
	    CTAP2_OK);
	assert_true(span_eq(all, span(r->blobs, r->blobs_len)));
	rig_free(r);
}

static void
reset_forgets_the_old_epoch(void **state)
{
	uint8_t old[KEY_EPOCH_LEN];
	struct rig *r = rig_new();

	(void)state;
	memcpy(old, r->state.epoch, sizeof(old));
	assert_int_equal(rig_byte(r, CTAP_RESET), CTAP2_OK);
	assert_int_equal(occurrences(r->au, old, sizeof(old)), 0);
	assert_int_equal(occurrences(r->au, r->state.epoch, KEY_EPOCH_LEN),
	    1);
	assert_memory_not_equal(old, r->state.epoch, sizeof(old));
	rig_free(r);
}

static void
the_end_leaves_zeros(void **state)
{
	struct rig *r = rig_with_account();
	struct platform p;
	uint8_t token[32];

	(void)state;
	counter_of_next(r);
	agree(r, &p);
	get_token(r, &p, token);
	assert_non_null(auth_settle(r->au));
	auth_done(r->au);
	assert_all_zero(r->au, auth_size());
	free(r->au);
	free(r);
}

/* In the middle of an operation, too. */
static void
a_sudden_end_leaves_zeros(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span get = prepare_get_hmac(r, msg);
	enum auth_want want;

	(void)state;
	r->wants = 0;
	want = auth_command(r->au, CHANNEL, get, r->now_ms);
	while (auth_key_op(r->au)->verb != KEY_SIGN || want != AUTH_KEY)
		want = perform(r, want);
	auth_done(r->au);
	assert_all_zero(r->au, auth_size());
	free(r->au);
	free(r);
}

static void
the_store_has_changed_forgets_tokens(void **state)
{
	uint8_t token[32], mac[32], msg[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span next = prepare_next(r, msg);
	struct ask a = { .protocol = 2 };
	struct platform p;

	(void)state;
	auth_store_changed(r->au, &r->state);
	assert_int_equal(rig_send(r, next), CTAP2_ERR_NOT_ALLOWED);
	agree(r, &p);
	get_token(r, &p, token);
	a.auth_param = mac_of(token, span(client_data_hash, 32), mac);
	assert_int_equal(rig_get(r, &a), CTAP2_OK);
	get_token(r, &p, token);
	a.auth_param = mac_of(token, span(client_data_hash, 32), mac);
	memset(r->state.epoch, 0x77, KEY_EPOCH_LEN);
	auth_store_changed(r->au, &r->state);
	assert_int_equal(rig_get(r, &a), CTAP2_ERR_PIN_AUTH_INVALID);
	assert_memory_equal(r->au->state.epoch, r->state.epoch,
	    KEY_EPOCH_LEN);
	rig_free(r);
}

static void
token_of_host(struct rig *r, uint64_t host, uint8_t token[static 32])
{
	struct platform p;

	r->now_ms++;
	r->channel = host << 32 | CHANNEL;
	agree(r, &p);
	get_token(r, &p, token);
}

/* Whether the token of a host still lets it sign in. */
static uint8_t
use_token(struct rig *r, uint64_t host, const uint8_t token[static 32])
{
	struct ask a = { .protocol = 2, .silent = true };
	uint8_t mac[32];

	r->channel = host << 32 | CHANNEL;
	a.auth_param = mac_of(token, span(client_data_hash, 32), mac);
	return rig_get(r, &a);
}

static void
who_merely_asks_pushes_nobody_out(void **state)
{
	struct rig *r = rig_with_account();
	uint8_t token[32];

	(void)state;
	token_of_host(r, 0, token);
	for (uint64_t host = 1; host <= 2 * HOSTS_MAX; host++) {
		r->now_ms++;
		r->channel = host << 32 | CHANNEL;
		assert_int_equal(rig_byte(r, CTAP_GET_INFO), CTAP2_OK);
		assert_int_equal(use_token(r, host, token),
		    CTAP2_ERR_PIN_AUTH_INVALID);
	}
	assert_int_equal(use_token(r, 0, token), CTAP2_OK);
	rig_free(r);
}

/*
 * As many hosts as there may be have tokens at once; one more takes the place
 * of the one that was silent for longest.
 */
/* The operation goes on, for nobody; it leaves no session behind. */
static void
a_host_that_goes_while_it_is_served(void **state)
{
	struct rig *r = rig_with_account();
	struct ask a = { .rk = false };
	uint8_t token[32];

	(void)state;
	token_of_host(r, 3, token);
	assert_int_equal(auth_command(r->au, r->channel, create_msg(r->msg,
	    &a), r->now_ms), AUTH_USER);
	auth_host_gone(r->au, 3);
	assert_int_equal(occurrences(r->au, token, sizeof(token)), 0);
	assert_int_equal(auth_user_input(r->au, USER_PRESENT, r->now_ms),
	    AUTH_KEY);
	assert_int_equal(auth_cancel(r->au, r->channel), AUTH_REPLY);
	auth_replied(r->au);
	for (size_t i = 0; i < HOSTS_MAX; i++)
		assert_false(r->au->session[i].open);
	rig_free(r);
}

static void
the_host_unused_for_longest_makes_room(void **state)
{
	struct rig *r = rig_with_account();
	uint8_t token[HOSTS_MAX + 1][32];

	(void)state;
	for (uint64_t host = 0; host < HOSTS_MAX; host++)
		token_of_host(r, host, token[host]);
	r->now_ms++;
	assert_int_equal(use_token(r, 0, token[0]), CTAP2_OK);
	token_of_host(r, HOSTS_MAX, token[HOSTS_MAX]);
	for (size_t i = 0; i < HOSTS_MAX; i++)
		assert_int_not_equal(r->au->session[i].host, 1);
	assert_int_equal(use_token(r, 1, token[1]),
	    CTAP2_ERR_PIN_AUTH_INVALID);
	for (uint64_t host = 2; host <= HOSTS_MAX; host++)
		assert_int_equal(use_token(r, host, token[host]), CTAP2_OK);
	assert_int_equal(use_token(r, 0, token[0]), CTAP2_OK);
	rig_free(r);
}

static void
nothing_is_kept_of_a_host_that_has_gone(void **state)
{
	struct rig *r = rig_with_account();
	uint8_t token[2][32];

	(void)state;
	token_of_host(r, 1, token[0]);
	token_of_host(r, 2, token[1]);
	auth_host_gone(r->au, 1);
	auth_host_gone(r->au, 77);
	assert_int_equal(occurrences(r->au, token[0], 32), 0);
	assert_int_equal(use_token(r, 1, token[0]),
	    CTAP2_ERR_PIN_AUTH_INVALID);
	assert_int_equal(use_token(r, 2, token[1]), CTAP2_OK);
	rig_free(r);
}

/* A token nobody uses is wiped when its time is over, not when it is asked. */
static void
tokens_are_wiped_when_they_expire(void **state)
{
	struct rig *r = rig_with_account();
	uint8_t token[2][32];
	uint64_t begun;

	(void)state;
	token_of_host(r, 1, token[0]);
	begun = r->now_ms;
	assert_int_equal(auth_deadline(r->au), begun + TOKEN_FIRST_USE_MS);
	token_of_host(r, 2, token[1]);
	assert_int_equal(use_token(r, 2, token[1]), CTAP2_OK);
	assert_int_equal(auth_tick(r->au, begun + TOKEN_FIRST_USE_MS - 1),
	    AUTH_IDLE);
	assert_int_equal(occurrences(r->au, token[0], 32), 1);
	assert_int_equal(auth_tick(r->au, begun + TOKEN_FIRST_USE_MS),
	    AUTH_IDLE);
	assert_int_equal(occurrences(r->au, token[0], 32), 0);
	assert_int_equal(occurrences(r->au, token[1], 32), 1);
	assert_int_equal(auth_deadline(r->au), begun + 1 + TOKEN_MAX_MS);
	auth_tick(r->au, auth_deadline(r->au));
	assert_int_equal(occurrences(r->au, token[1], 32), 0);
	assert_int_equal(auth_deadline(r->au), UINT64_MAX);
	rig_free(r);
}

static void
accounts_left_to_tell_are_wiped_when_they_expire(void **state)
{
	struct rig *r = rig_new();
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	prepare_next(r, msg);
	assert_int_equal(r->au->session[0].next.what, NEXT_ASSERTION);
	auth_tick(r->au, r->now_ms + CONTINUE_MS);
	assert_int_equal(r->au->session[0].next.what, NEXT_ASSERTION);
	auth_tick(r->au, auth_deadline(r->au));
	assert_int_equal(r->au->session[0].next.what, NEXT_NOTHING);
	rig_free(r);
}

/* --- allocations --------------------------------------------------------- */

/* Of its own accord the engine allocates nothing, ever. */
static unsigned long
allocations_of(struct rig *r, struct span msg, uint8_t status)
{
	unsigned long before = allocations, openssl = openssl_allocations;
	uint8_t got = rig_send(r, msg);

	before = allocations - before;
	assert_int_equal(before, openssl_allocations - openssl);
	assert_int_equal(got, status);
	return before;
}

static void
only_openssl_allocates(void **state)
{
	uint8_t msg[AUTH_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct rig *r = rig_new();
		struct span s = scenarios[i].prepare(r, msg);

		allocations_of(r, s, CTAP2_OK);
		rig_free(r);
	}
}

/*
 * OpenSSL does, for key agreement, tokens, MACs and identifiers, and once in
 * every hash of an RP ID; what needs none of these is free of it.
 */
static void
nothing_is_allocated(void **state)
{
	static const uint8_t nonsense[] = { 1, 0xa1, 0xff };
	static const uint8_t retries[] = { 6, 0xa1, 2, 7 };
	uint8_t selection = CTAP_SELECTION, reset = CTAP_RESET;
	uint8_t unknown = 0x55;
	uint8_t msg[AUTH_MESSAGE_MAX];
	struct rig *r = rig_new();
	struct span s;

	(void)state;
	/* counting works, and OpenSSL has what it keeps */
	free(malloc(1));
	assert_true(allocations > 0);
	s = prepare_replace(r, msg);
	assert_int_equal(rig_send(r, s), CTAP2_OK);

	assert_int_equal(allocations_of(r, span(&selection, 1), CTAP2_OK),
	    0);
	assert_int_equal(allocations_of(r, span(&unknown, 1),
	    CTAP1_ERR_INVALID_COMMAND), 0);
	assert_int_equal(allocations_of(r, span(nonsense, sizeof(nonsense)),
	    CTAP2_ERR_INVALID_CBOR), 0);
	assert_int_equal(allocations_of(r, span(retries, sizeof(retries)),
	    CTAP2_OK), 0);
	/* a list, both kinds of IDs, a new credential, a commit */
	assert_true(allocations_of(r, s, CTAP2_OK) <= 1);
	s = prepare_get_listed(r, msg);
	assert_true(allocations_of(r, s, CTAP2_OK) <= 1);
	s = prepare_next(r, msg);
	assert_int_equal(allocations_of(r, s, CTAP2_OK), 0);
	assert_int_equal(allocations_of(r, span(&reset, 1), CTAP2_OK), 0);
	rig_free(r);
}

/* --- signatures, by the simulator's keys --------------------------------- */

struct cose_parts {
	int64_t		alg;
	struct span	n_or_x;		/* -1 of RSA, else -2 */
	struct span	e_or_y;		/* -2 of RSA, else -3 */
};

static struct cose_parts
cose_read(struct span cose)
{
	struct cose_parts c = { .alg = 0 };
	struct cbor_in in;
	int64_t key;
	size_t pairs;

	cbor_in_init(&in, cose);
	assert_true(cbor_map(&in, &pairs));
	while (pairs-- > 0) {
		assert_true(cbor_int(&in, &key));
		if (key == 3)
			assert_true(cbor_int(&in, &c.alg));
		else if (cbor_peek(&in) != CBOR_BYTES)
			assert_true(cbor_any(&in, NULL));
		else if (c.n_or_x.p == NULL)
			assert_true(cbor_bytes(&in, &c.n_or_x));
		else
			assert_true(cbor_bytes(&in, &c.e_or_y));
	}
	return c;
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
public_key(const struct cose_parts *c)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(c->n_or_x.p, (int)c->n_or_x.len, NULL);
	BIGNUM *e = BN_bin2bn(c->e_or_y.p, (int)c->e_or_y.len, NULL);
	uint8_t point[65] = { 4 };
	EVP_PKEY *key;

	if (c->alg == COSE_EDDSA) {
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
		    c->n_or_x.p, c->n_or_x.len);
	} else if (c->alg == COSE_RS256) {
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n);
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e);
		key = from_params("RSA", bld);
	} else {
		assert_int_equal(c->alg, COSE_ES256);
		memcpy(point + 1, c->n_or_x.p, 32);
		memcpy(point + 33, c->e_or_y.p, 32);
		OSSL_PARAM_BLD_push_utf8_string(bld,
		    OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
		OSSL_PARAM_BLD_push_octet_string(bld,
		    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
		key = from_params("EC", bld);
	}
	assert_non_null(key);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

/* Whether sig is over auth_data and the client data hash. */
static bool
verifies(struct span cose, struct span auth_data, struct span sig)
{
	struct cose_parts c = cose_read(cose);
	EVP_PKEY *key = public_key(&c);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signed_data[2048];
	bool ok;

	memcpy(signed_data, auth_data.p, auth_data.len);
	memcpy(signed_data + auth_data.len, client_data_hash, 32);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, c.alg == COSE_EDDSA ?
	    NULL : EVP_sha256(), NULL, key), 1);
	ok = EVP_DigestVerify(ctx, sig.p, sig.len, signed_data,
	    auth_data.len + 32) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

struct statement {
	int64_t		alg;
	struct span	sig;
	size_t		certificates;
};

static bool
take_alg(struct cbor_in *in, void *arg)
{
	return cbor_int(in, &((struct statement *)arg)->alg);
}

static bool
take_sig(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct statement *)arg)->sig);
}

static bool
take_x5c(struct cbor_in *in, void *arg)
{
	struct statement *s = arg;
	bool ok = cbor_array(in, &s->certificates);

	for (size_t i = 0; ok && i < s->certificates; i++)
		ok = cbor_any(in, NULL);
	return ok;
}

static struct statement
read_statement(struct span att_stmt)
{
	static const struct cbor_member table[] = {
		{ 0, "alg", true, take_alg },
		{ 0, "sig", true, take_sig },
		{ 0, "x5c", false, take_x5c },
	};
	struct statement s;
	struct cbor_in in;

	memset(&s, 0, sizeof(s));
	cbor_in_init(&in, att_stmt);
	assert_true(cbor_members(&in, table, COUNT(table), &s));
	return s;
}

/* Signs in with the key in cose twice, and looks for the difference. */
static void
assert_signs_in(struct sim *s, struct span cose, struct span id)
{
	struct ask a = { .listed = 1, .list = { id } };
	uint8_t buf[AUTH_MESSAGE_MAX], changed[64];
	struct reply out;
	uint32_t counter;

	assert_int_equal(sim_yes(s, get_msg(buf, &a)), CTAP2_OK);
	out = parse(s->reply);
	assert_true(span_eq(out.id, id));
	assert_true(verifies(cose, out.auth_data, out.signature));
	assert_int_equal(out.auth_data.len, 37);
	memcpy(changed, out.auth_data.p, 37);
	changed[36] ^= 1;
	assert_false(verifies(cose, span(changed, 37), out.signature));
	counter = counter_in(out.auth_data);
	a.silent = true;
	assert_int_equal(sim_yes(s, get_msg(buf, &a)), CTAP2_OK);
	out = parse(s->reply);
	assert_int_equal(counter_in(out.auth_data), counter + 1);
	assert_int_equal(out.auth_data.p[32], 0);
	assert_true(verifies(cose, out.auth_data, out.signature));
}

static void
try_signatures(enum attestation_kind kind, int alg, bool rk)
{
	struct sim_setup setup = { .seed = 3, .set = {
	    kind == ATTESTATION_SELF ? "attestation=self" :
	    "attestation=packed" } };
	struct sim *s = sim_new(&setup);
	struct ask a = { .alg = alg, .rk = rk, .uv = true };
	uint8_t buf[AUTH_MESSAGE_MAX], cose[COSE_KEY_MAX], id[1023];
	struct span auth_data, pub, cred_id;
	struct statement st;

	assert_int_equal(sim_yes(s, create_msg(buf, &a)), CTAP2_OK);
	auth_data = parse(s->reply).auth_data;
	st = read_statement(parse(s->reply).signature);
	cred_id = id_in(auth_data);
	pub = span(cred_id.p + cred_id.len, auth_data.len - 55 - cred_id.len);
	assert_int_equal(cose_read(pub).alg, alg);
	assert_int_equal(auth_data.p[32], AUTHDATA_UP | AUTHDATA_UV |
	    AUTHDATA_AT);
	if (kind == ATTESTATION_PACKED) {
		assert_int_equal(st.certificates, 1);
		assert_true(verifies(span(s->attestation_pub,
		    s->attestation_pub_len), auth_data, st.sig));
	} else {
		assert_int_equal(st.certificates, 0);
		assert_int_equal(st.alg, alg);
		assert_true(verifies(pub, auth_data, st.sig));
	}
	memcpy(cose, pub.p, pub.len);
	memcpy(id, cred_id.p, cred_id.len);
	assert_signs_in(s, span(cose, pub.len), span(id, cred_id.len));
	sim_free(s);
}

/* covers mc.16 mc.19 ga.13 */
static void
signatures_verify(void **state)
{
	static const int algs[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };

	(void)state;
	for (size_t i = 0; i < COUNT(algs); i++) {
		try_signatures(ATTESTATION_PACKED, algs[i], i == 1);
		try_signatures(ATTESTATION_SELF, algs[i], i != 1);
	}
}

/*
 * The longest keys and signatures there are, together, and what extensions
 * may add to them: credProtect, hmac-secret, hmac-secret-mc, minPinLength,
 * pinComplexityPolicy and uvm; credBlob and largeBlobKey if discoverable.
 */
static void
ml_dsa_87_fits_a_message(void **state)
{
	static const size_t more[] = { 179, 224 };
	struct rig *r = rig_new();
	struct ask a = { .alg = COSE_ML_DSA_87, .uv = true };

	(void)state;
	rig_power_off(r);
	r->cfg.algs[0] = COSE_ML_DSA_87;
	r->cfg.attestation.kind = ATTESTATION_SELF;
	r->lattice = true;
	rig_power_up(r);
	for (int rk = 0; rk < 2; rk++) {
		a.rk = rk;
		assert_int_equal(rig_create(r, &a), CTAP2_OK);
		assert_true(r->reply_len > 2592 + KEY_SIG_MAX);
		assert_true(r->reply_len + more[rk] <= AUTH_MESSAGE_MAX);
	}
	assert_int_equal(rig_get(r, &(struct ask){ .uv = true }), CTAP2_OK);
	assert_true(r->reply_len > KEY_SIG_MAX);
	rig_free(r);
}

/* The simulator's own failures, as the real store and keys report them. */
static void
the_simulator_fails_as_told(void **state)
{
	struct sim_setup setup = { .seed = 4 };
	struct sim *s = sim_new(&setup);
	struct ask a = { .rk = true, .uv = true };
	uint8_t buf[AUTH_MESSAGE_MAX];
	struct span msg = create_msg(buf, &a);

	(void)state;
	s->commit_error = -ENOSPC;
	assert_int_equal(sim_yes(s, msg), CTAP2_ERR_KEY_STORE_FULL);
	s->commit_error = -EIO;
	assert_int_equal(sim_yes(s, msg), CTAP1_ERR_OTHER);
	s->commit_error = 0;
	s->lookup_error = -EIO;
	assert_int_equal(sim_yes(s, msg), CTAP1_ERR_OTHER);
	s->lookup_error = 0;
	s->key_error = -ENODEV;
	assert_int_equal(sim_yes(s, msg), CTAP1_ERR_OTHER);
	s->key_error = 0;
	assert_int_equal(sim_credentials(s), 0);
	assert_int_equal(sim_yes(s, msg), CTAP2_OK);
	assert_int_equal(sim_credentials(s), 1);
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_come_in_this_order),
		cmocka_unit_test(every_failure_at_every_want_changes_nothing),
		cmocka_unit_test(cancel_without_an_operation),
		cmocka_unit_test(cancel_of_what_is_answered),
		cmocka_unit_test(abort_ends_what_the_channel_could_go_on_with),
		cmocka_unit_test(deadlines_are_those_of_the_user),
		cmocka_unit_test(keys_and_disks_have_no_deadline),
		cmocka_unit_test(a_pin_of_another_kind_of_key_blocks_nothing),
		cmocka_unit_test(one_commit_for_256_assertions),
		cmocka_unit_test(a_crash_skips_what_was_reserved),
		cmocka_unit_test(an_orderly_end_gives_the_rest_back),
		cmocka_unit_test(the_last_counter_stays),
		cmocka_unit_test(long_rp_ids_keep_scheme_and_end),
		cmocka_unit_test(rp_ids_are_cut_between_code_points),
		cmocka_unit_test(names_are_cut_between_code_points),
		cmocka_unit_test(names_that_are_not_given),
		cmocka_unit_test(
		    the_same_account_takes_the_place_of_the_first),
		cmocka_unit_test(blobs_with_a_meta_that_is_not_ours),
		cmocka_unit_test(
		    a_level_that_does_not_exist_excludes_nothing),
		cmocka_unit_test(
		    an_account_that_is_gone_ends_getnextassertion),
		cmocka_unit_test(a_certificate_chain_that_does_not_fit),
		cmocka_unit_test(randomness_that_makes_no_key),
		cmocka_unit_test(hmac_output_of_an_odd_length),
		cmocka_unit_test(lists_have_at_most_64_entries),
		cmocka_unit_test(openssl_without_memory),
		cmocka_unit_test(a_start_without_memory),
		cmocka_unit_test(
		    an_unprotected_key_ignores_what_proves_nothing),
		cmocka_unit_test(ids_are_looked_for_as_they_can_be),
		cmocka_unit_test(a_credential_is_found_by_any_id),
		cmocka_unit_test(nothing_is_left_of_an_operation),
		cmocka_unit_test(engines_share_what_only_operations_need),
		cmocka_unit_test(a_token_is_in_one_place),
		cmocka_unit_test(salts_and_secrets_go_with_the_reply),
		cmocka_unit_test(
		    salts_stay_for_getnextassertion_and_no_longer),
		cmocka_unit_test(pins_go_with_the_reply),
		cmocka_unit_test(the_persistent_token_is_in_no_place),
		cmocka_unit_test(no_power_after_the_retry_is_spent),
		cmocka_unit_test(no_comparison_without_a_retry),
		cmocka_unit_test(info_is_told_at_any_time),
		cmocka_unit_test(pins_are_as_long_as_the_key_was_made),
		cmocka_unit_test(
		    rp_ids_that_are_too_long_to_be_told_about_pins),
		cmocka_unit_test(a_large_blob_array_that_cannot_be_kept),
		cmocka_unit_test(reset_forgets_the_old_epoch),
		cmocka_unit_test(the_end_leaves_zeros),
		cmocka_unit_test(a_sudden_end_leaves_zeros),
		cmocka_unit_test(the_store_has_changed_forgets_tokens),
		cmocka_unit_test(who_merely_asks_pushes_nobody_out),
		cmocka_unit_test(a_host_that_goes_while_it_is_served),
		cmocka_unit_test(the_host_unused_for_longest_makes_room),
		cmocka_unit_test(nothing_is_kept_of_a_host_that_has_gone),
		cmocka_unit_test(tokens_are_wiped_when_they_expire),
		cmocka_unit_test(
		    accounts_left_to_tell_are_wiped_when_they_expire),
		cmocka_unit_test(only_openssl_allocates),
		cmocka_unit_test(nothing_is_allocated),
		cmocka_unit_test(ml_dsa_87_fits_a_message),
		cmocka_unit_test(signatures_verify),
		cmocka_unit_test(the_simulator_fails_as_told),
	};

	/* before OpenSSL has allocated anything */
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
	    openssl_free) != 1)
		return 1;
	count_allocations();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
