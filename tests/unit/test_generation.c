/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state that is dated by a counter of the key provider (commit.h): what
 * moves it, what an older copy is told, whatever fails or loses power in
 * between; and a PIN that the provider has.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/device.h"
#include "ctap/cbor.h"
#include "tests/chip_keys.h"
#include "tests/fake_keys.h"
#include "tests/powerloss.h"
#include "tests/requests.h"
#include "tests/store_fixture.h"

#define NEW_AT	41	/* where the counter is when the key is made */

static const uint8_t make[] = { MAKE(1) };

static const uint8_t assert_it[] = { GET };

/* with a largeBlob of its own */
static const uint8_t make_blob[] = {
	MAKE_FOR(6, 1), MAKE_ES256,
	0x06, 0xa1, 0x69, 'l', 'a', 'r', 'g', 'e', 'B', 'l', 'o', 'b', 0xa1,
	    0x67, 's', 'u', 'p', 'p', 'o', 'r', 't',
	    0x68, 'r', 'e', 'q', 'u', 'i', 'r', 'e', 'd',
	MAKE_RK_UV,
};

static const uint8_t reset[] = { 0x07 };

struct fixture {
	struct scratch	 dir;
	struct scratch	 soft_dir;
	struct keys	*soft;
	struct chip	 chip;
	struct keys	*keys;
	struct device	*device;
};

static char msg[DEVICE_MESSAGE_LEN];

static enum counter_mode counter_mode;
static bool own_blobs;

static int
open_device(struct fixture *f, bool create, bool manage, bool look)
{
	struct device_config cfg = { .path = f->dir.path, .create = create,
	    .manage = manage, .look = look };

	device_config_default(&cfg);
	cfg.auth.attestation.kind = ATTESTATION_SELF;
	cfg.auth.counter = counter_mode;
	if (own_blobs) {
		cfg.auth.features |= FEATURE_LARGE_BLOB;
		cfg.auth.features &= ~(FEATURE_LARGE_BLOBS |
		    FEATURE_LARGE_BLOB_KEY);
	}
	keys_free(f->keys);
	f->keys = chip_keys_new(&f->chip, f->soft);
	assert_non_null(f->keys);
	cfg.keys = f->keys;
	f->device = NULL;
	msg[0] = '\0';
	return device_open(&cfg, 0, &f->device, msg, sizeof(msg));
}

static void
close_device(struct fixture *f)
{
	device_close(f->device);
	f->device = NULL;
}

static void
reopen(struct fixture *f)
{
	close_device(f);
	assert_int_equal(open_device(f, false, false, false), 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	scratch_new(&f->dir);
	scratch_new(&f->soft_dir);
	assert_int_equal(keys_open_software(f->soft_dir.fd, true, &f->soft),
	    0);
	f->chip = (struct chip){ .counter = true, .count = NEW_AT,
	    .pin = true };
	assert_int_equal(open_device(f, true, false, false), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	close_device(f);
	keys_free(f->keys);
	keys_free(f->soft);
	scratch_free(&f->soft_dir);
	scratch_free(&f->dir);
	free(f);
	return 0;
}

/* Starts it; the user is there. */
static enum device_want
begin(struct fixture *f, struct span request)
{
	struct user_finger fitting = { .long_touch = true };
	enum device_want want = device_command(f->device, 1, request, 0);

	while (want == DEVICE_USER)
		want = device_finger(f->device, fitting, 0);
	return want;
}

static int
end(struct fixture *f, enum device_want want)
{
	uint8_t status;

	assert_int_equal(want, DEVICE_REPLY);
	status = device_reply(f->device).p[0];
	device_replied(f->device);
	return status;
}

static int
ask(struct fixture *f, struct span request)
{
	return end(f, begin(f, request));
}

#define ASK(f, request) ask(f, span(request, sizeof(request)))
#define BEGIN(f, request) begin(f, span(request, sizeof(request)))

static uint32_t
credentials(struct fixture *f)
{
	struct auth_state s;

	assert_int_equal(store_load(device_store(f->device), &s), 0);
	return s.credentials;
}

/* The state's generation and the counter are both there. */
static void
assert_at(struct fixture *f, uint64_t generation)
{
	assert_int_equal(device_generation(f->device), generation);
	assert_int_equal(f->chip.count, generation);
}

/*
 * What moves it
 */

static void
test_new_key_begins_where_the_counter_is(void **state)
{
	assert_at(*state, NEW_AT);
}

static struct fixture *watched;

/* Whatever the counter is advanced to is on disk by then. */
static void
on_advanced(uint64_t count)
{
	assert_int_equal(device_generation(watched->device), count);
}

static void
test_changes_move_it_after_the_commit(void **state)
{
	struct fixture *f = watched = *state;

	f->chip.advanced = on_advanced;
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_at(f, NEW_AT + 1);
	assert_int_equal(device_delete(f->device, 1), 0);
	assert_at(f, NEW_AT + 2);
	assert_int_equal(ASK(f, reset), CTAP2_OK);
	assert_at(f, NEW_AT + 3);
	assert_int_equal(device_reset(f->device), 0);
	assert_at(f, NEW_AT + 4);
	assert_int_equal(f->chip.advances, 4);
	f->chip.advanced = NULL;
	reopen(f);
	assert_at(f, NEW_AT + 4);
}

/* Or a login a minute wears out the TPM within two years. */
static void
test_assertions_do_not_move_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ASK(f, make), CTAP2_OK);
	for (int i = 0; i < 300; i++)
		assert_int_equal(ASK(f, assert_it), CTAP2_OK);
	assert_at(f, NEW_AT + 1);
	reopen(f);
	assert_at(f, NEW_AT + 1);
}

static void
test_without_a_counter_there_is_no_date(void **state)
{
	struct fixture *f = *state;

	close_device(f);
	scratch_free(&f->dir);
	scratch_new(&f->dir);
	f->chip.counter = false;
	assert_int_equal(open_device(f, true, false, false), 0);
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_int_equal(device_generation(f->device), 0);
	assert_int_equal(f->chip.advances, 0);
	reopen(f);
}

/*
 * What is refused
 */

static void
assert_refused(struct fixture *f, int error, const char *why)
{
	close_device(f);
	assert_int_equal(open_device(f, false, false, false), error);
	if (strstr(msg, why) == NULL || strchr(msg, '\n') != NULL)
		fail_msg("says \"%s\"", msg);
	assert_non_null(strstr(msg, f->dir.path));
	/* nor to be managed */
	assert_int_equal(open_device(f, false, true, false), error);
}

static void
test_older_copy(void **state)
{
	struct fixture *f = *state;

	f->chip.count++;
	assert_refused(f, -ESTALE, "an older copy of this state directory "
	    "(generation 41, the TPM says 42)");
	assert_non_null(strstr(msg, "sealkey tpm accept-rollback"));
	f->chip.count += 1000;
	assert_refused(f, -ESTALE, "an older copy");
}

static void
test_older_copy_is_looked_at_only(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ASK(f, make), CTAP2_OK);
	close_device(f);
	f->chip.count += 7;
	assert_int_equal(open_device(f, false, true, true), 0);
	assert_true(device_is_stale(f->device));
	assert_int_equal(device_counter(f->device), NEW_AT + 8);
	assert_int_equal(device_delete(f->device, 1), -ESTALE);
	assert_non_null(strstr(device_strerror(f->device), "older copy"));
	assert_int_equal(device_reset(f->device), -ESTALE);
	assert_int_equal(device_generation(f->device), NEW_AT + 1);
	assert_int_equal(credentials(f), 1);
}

static void
test_older_copy_that_is_meant(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ASK(f, make), CTAP2_OK);
	close_device(f);
	f->chip.count += 7;
	assert_int_equal(open_device(f, false, true, true), 0);
	assert_int_equal(device_accept(f->device), 0);
	assert_false(device_is_stale(f->device));
	/* ahead of the one that it replaces */
	assert_at(f, NEW_AT + 9);
	reopen(f);
	assert_at(f, NEW_AT + 9);
	assert_int_equal(credentials(f), 1);
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_at(f, NEW_AT + 10);
}

static void
test_acceptance_that_is_interrupted(void **state)
{
	struct fixture *f = *state;

	close_device(f);
	f->chip.count += 7;
	assert_int_equal(open_device(f, false, true, true), 0);
	f->chip.fails = 1;
	assert_int_equal(device_accept(f->device), -EIO);
	reopen(f);
	assert_at(f, NEW_AT + 8);
}

static void
test_counter_of_another_tpm(void **state)
{
	struct fixture *f = *state;

	f->chip.count -= 2;
	assert_refused(f, -ENODEV, "belongs to another TPM");
	f->chip.count = 0;
	assert_refused(f, -ENODEV, "belongs to another TPM");
}

/* A provider that says it has none does not open what was dated. */
static void
test_counter_that_is_gone(void **state)
{
	struct fixture *f = *state;

	f->chip.counter = false;
	assert_refused(f, -ENODEV, "has lost its counter");
}

/*
 * What fails
 */

static void
test_crash_before_the_advance(void **state)
{
	struct fixture *f = *state;

	close_device(f);
	f->chip.count--;
	assert_int_equal(open_device(f, false, false, false), 0);
	assert_at(f, NEW_AT);
	assert_int_equal(f->chip.advances, 1);
}

static void
test_advance_that_fails_at_opening(void **state)
{
	struct fixture *f = *state;

	f->chip.count--;
	f->chip.fails = 2;
	assert_refused(f, -ETIMEDOUT, "the counter of the TPM cannot be "
	    "advanced: the chip says no");
	assert_int_equal(open_device(f, false, false, false), 0);
	assert_at(f, NEW_AT);
}

/* The host hears of a failure; what is on disk is true from then on. */
static void
fail_once(struct fixture *f, bool late)
{
	f->chip.fails = 1;
	f->chip.late = late;
	assert_int_equal(ASK(f, make), CTAP1_ERR_OTHER);
	assert_int_equal(device_generation(f->device), NEW_AT + 1);
	assert_int_equal(f->chip.count, NEW_AT + late);
	assert_int_equal(f->chip.fails, 0);
}

static void
test_failed_advance_is_made_up_for(void **state)
{
	struct fixture *f = *state;

	fail_once(f, false);
	assert_int_equal(credentials(f), 1);
	assert_int_equal(ASK(f, assert_it), CTAP2_OK);
	assert_int_equal(f->chip.count, NEW_AT);
	/* the same one again, then the next */
	assert_int_equal(device_delete(f->device, 1), 0);
	assert_at(f, NEW_AT + 2);
	reopen(f);
	assert_at(f, NEW_AT + 2);
}

static void
test_advance_that_seems_to_fail(void **state)
{
	struct fixture *f = *state;

	fail_once(f, true);
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_at(f, NEW_AT + 2);
}

/* Never two ahead, however often it fails. */
static void
test_chip_that_keeps_failing(void **state)
{
	struct fixture *f = *state;

	f->chip.fails = 1000;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ASK(f, make), CTAP1_ERR_OTHER);
		assert_int_equal(device_reset(f->device), -EIO);
		assert_non_null(strstr(device_strerror(f->device),
		    "the chip says no"));
		assert_int_equal(device_generation(f->device), NEW_AT + 1);
	}
	assert_int_equal(f->chip.count, NEW_AT);
	f->chip.fails = 0;
	reopen(f);
	assert_at(f, NEW_AT + 1);
}

/* The engine takes over what is on disk, and does not undo it. */
/* Hosts hear no more than that it failed; who runs the key wants to know. */
static void
test_trouble_is_told_once(void **state)
{
	struct fixture *f = *state;
	const char *line;

	assert_null(device_trouble(f->device));
	assert_int_equal(ASK(f, assert_it), CTAP2_ERR_NO_CREDENTIALS);
	assert_null(device_trouble(f->device));
	for (int i = 0; i < 2; i++) {
		f->chip.fails = 1000;
		assert_int_equal(ASK(f, make), CTAP1_ERR_OTHER);
		line = device_trouble(f->device);
		assert_non_null(line);
		assert_non_null(strstr(line, "the chip says no"));
		assert_null(device_trouble(f->device));
		f->chip.fails = 0;
		assert_int_equal(ASK(f, make), CTAP2_OK);
		assert_null(device_trouble(f->device));
	}
}

static void
test_reset_whose_advance_fails(void **state)
{
	struct fixture *f = *state;
	struct auth_state before, after;

	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_int_equal(store_load(device_store(f->device), &before), 0);
	f->chip.fails = 1;
	assert_int_equal(ASK(f, reset), CTAP1_ERR_OTHER);
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_int_equal(store_load(device_store(f->device), &after), 0);
	assert_memory_not_equal(before.epoch, after.epoch, KEY_EPOCH_LEN);
	assert_int_equal(ASK(f, assert_it), CTAP2_OK);
}

/*
 * A slow chip
 */

static void
test_host_waits_for_the_advance(void **state)
{
	struct fixture *f = *state;

	f->chip.slow = true;
	assert_int_equal(BEGIN(f, make), DEVICE_KEYS);
	assert_int_equal(device_generation(f->device), NEW_AT + 1);
	assert_int_equal(device_tick(f->device, 1), DEVICE_KEYS);
	assert_int_equal(device_keys(f->device, 1), DEVICE_KEYS);
	assert_false(device_idle(f->device));
	assert_int_equal(device_delete(f->device, 1), -EBUSY);
	assert_true(chip_answer(f->keys));
	assert_int_equal(end(f, device_keys(f->device, 2)), CTAP2_OK);
	assert_at(f, NEW_AT + 1);
}

/* covers cnt.2: a TPM would wear out by it */
static void
test_counters_of_credentials_do_not_advance(void **state)
{
	struct fixture *f = *state;

	counter_mode = COUNTER_CREDENTIAL;
	reopen(f);
	counter_mode = COUNTER_SHARED;
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_at(f, NEW_AT + 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ASK(f, assert_it), CTAP2_OK);
	assert_int_equal(f->chip.advances, 1);
	assert_at(f, NEW_AT + 1);
	reopen(f);
	assert_int_equal(ASK(f, assert_it), CTAP2_OK);
	assert_at(f, NEW_AT + 1);
}

/* can.1: like the commit that it belongs to */
static void
test_cancel_does_not_stop_the_advance(void **state)
{
	struct fixture *f = *state;

	f->chip.slow = true;
	assert_int_equal(BEGIN(f, make), DEVICE_KEYS);
	assert_int_equal(device_cancel(f->device, 1, 1), DEVICE_KEYS);
	assert_int_equal(device_abort(f->device, 1, 1), DEVICE_KEYS);
	assert_true(chip_answer(f->keys));
	assert_int_equal(end(f, device_keys(f->device, 2)), CTAP2_OK);
	assert_int_equal(f->chip.advances, 1);
	assert_int_equal(credentials(f), 1);
}

static void
test_power_cycle_waits_for_the_advance(void **state)
{
	struct fixture *f = *state;

	f->chip.slow = true;
	assert_int_equal(BEGIN(f, make), DEVICE_KEYS);
	assert_true(chip_answer(f->keys));
	assert_int_equal(device_power_cycle(f->device, 5), 0);
	assert_true(device_idle(f->device));
	assert_at(f, NEW_AT + 1);
	f->chip.slow = false;
	assert_int_equal(ASK(f, assert_it), CTAP2_OK);
	assert_int_equal(ASK(f, make), CTAP2_OK);
	assert_at(f, NEW_AT + 2);
}

/* As if power were lost: nobody has to wait for a chip that hangs. */
static void
test_closing_does_not_wait(void **state)
{
	struct fixture *f = *state;

	f->chip.slow = true;
	assert_int_equal(BEGIN(f, make), DEVICE_KEYS);
	close_device(f);
	assert_int_equal(f->chip.count, NEW_AT);
	f->chip.slow = false;
	assert_int_equal(open_device(f, false, false, false), 0);
	assert_at(f, NEW_AT + 1);
	assert_int_equal(credentials(f), 1);
}

static void
test_making_up_for_it_is_waited_for(void **state)
{
	struct fixture *f = *state;

	fail_once(f, false);
	f->chip.slow = true;
	assert_int_equal(BEGIN(f, make), DEVICE_KEYS);
	assert_int_equal(device_generation(f->device), NEW_AT + 1);
	assert_true(chip_answer(f->keys));
	assert_int_equal(device_keys(f->device, 1), DEVICE_KEYS);
	assert_int_equal(device_generation(f->device), NEW_AT + 2);
	assert_true(chip_answer(f->keys));
	assert_int_equal(end(f, device_keys(f->device, 2)), CTAP2_OK);
	assert_at(f, NEW_AT + 2);
}

static int
take_one(void *arg, const struct credential *cred)
{
	*(struct credential *)arg = *cred;
	return 1;
}

/* Writes the blob of the credential a key has; in memory that ends with it. */
static size_t
write_request(struct fixture *f, struct span blob, uint8_t **out)
{
	static const uint8_t hash[] = { HASH };
	struct credential cred;
	struct cbor_out w;

	assert_int_equal(store_each_after(device_store(f->device), 0,
	    take_one, &cred), 1);
	*out = malloc(512);
	assert_non_null(*out);
	(*out)[0] = 0x02;
	cbor_out_init(&w, *out + 1, 511);
	cbor_put_map(&w, 4);
	cbor_put_uint(&w, 1);
	cbor_put_str(&w, "a");
	cbor_put_uint(&w, 2);
	cbor_put_bytes(&w, span(hash, sizeof(hash)));
	cbor_put_uint(&w, 3);
	cbor_put_array(&w, 1);
	cbor_put_map(&w, 2);
	cbor_put_str(&w, "id");
	cbor_put_bytes(&w, span(cred.id, cred.id_len));
	cbor_put_str(&w, "type");
	cbor_put_str(&w, "public-key");
	cbor_put_uint(&w, 4);
	cbor_put_map(&w, 1);
	cbor_put_str(&w, "largeBlob");
	cbor_put_map(&w, 2);
	cbor_put_str(&w, "write");
	cbor_put_bytes(&w, blob);
	cbor_put_str(&w, "originalSize");
	cbor_put_uint(&w, 99);
	assert_false(w.overflow);
	return 1 + w.len;
}

/*
 * can.1: what is written cannot be called back, and is what was sent, though
 * the host that sent it is gone with all its memory.
 */
static void
test_a_lost_host_has_its_blob_written(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[LARGE_BLOBS_MAX], *request;
	struct auth_lookup q = { .kind = LOOKUP_BLOB, .blobs = bytes };
	struct span blob = span_str("what was sent");
	size_t len;

	own_blobs = true;
	reopen(f);
	own_blobs = false;
	/* made, and the counter stays behind */
	f->chip.fails = 1;
	assert_int_equal(ASK(f, make_blob), CTAP1_ERR_OTHER);
	f->chip.slow = true;
	len = write_request(f, blob, &request);
	assert_int_equal(begin(f, span(request, len)), DEVICE_KEYS);
	assert_int_equal(device_generation(f->device), NEW_AT + 1);
	assert_int_equal(device_abort(f->device, 1, 1), DEVICE_KEYS);
	memset(request, 0, len);
	free(request);
	assert_true(chip_answer(f->keys));
	assert_int_equal(device_keys(f->device, 2), DEVICE_KEYS);
	assert_true(chip_answer(f->keys));
	assert_int_equal(end(f, device_keys(f->device, 3)), CTAP2_OK);
	assert_at(f, NEW_AT + 2);
	q.seq = 1;
	assert_int_equal(store_lookup(device_store(f->device), &q), 0);
	assert_true(q.found && q.original_size == 99);
	assert_true(span_eq(span(bytes, q.blobs_len), blob));
}

/*
 * Losing power
 */

struct disk {
	struct keys	*inner;
	struct chip	 chip;
	char		*path;
	int		 behind;	/* how often it was one ahead */
};

static int
open_disk(struct disk *d, bool create, struct keys **keys,
    struct device **out)
{
	struct device_config cfg = { .path = d->path, .create = create,
	    .manage = true, .env = powerloss_env() };

	*keys = cfg.keys = chip_keys_new(&d->chip, d->inner);
	assert_non_null(cfg.keys);
	return device_open(&cfg, 0, out, msg, sizeof(msg));
}

/* In the model, a counter is durable when it was advanced. */
static void
on_durable(uint64_t count)
{
	powerloss_promise((int)count);
}

/*
 * Whenever power was lost: the key opens, what was acknowledged is there, and
 * the counter says afterwards what the state says. promised 0: no key yet.
 */
static bool
check_disk(void *arg, int dirfd, int promised)
{
	struct disk *d = arg;
	struct device *device;
	struct keys *keys;
	uint64_t counter = promised > 0 ? (uint64_t)promised : NEW_AT;
	bool fine;
	int r;

	d->chip.count = counter;
	r = open_disk(d, false, &keys, &device);
	if (r == 0) {
		d->behind += d->chip.count == counter + 1;
		fine = device_generation(device) == d->chip.count &&
		    d->chip.count <= counter + 1;
		device_close(device);
	} else {
		fine = r == -ENOENT && promised == 0 && !store_exists(dirfd);
	}
	keys_free(keys);
	if (!fine)
		print_error("%d: promised %d, counter %d: %s\n", r, promised,
		    (int)d->chip.count, msg);
	return fine;
}

static void
test_power_loss(void **state)
{
	struct disk d = { .inner = fake_keys_new(1),
	    .chip = { .counter = true, .count = NEW_AT } };
	struct scratch dir, after;
	struct device *device;
	struct keys *keys;

	(void)state;
	scratch_new(&dir);
	scratch_new(&after);
	d.path = dir.path;
	powerloss_start();
	assert_int_equal(open_disk(&d, true, &keys, &device), 0);
	powerloss_promise(NEW_AT);
	d.chip.advanced = on_durable;
	for (uint32_t n = 1; n <= 3; n++)
		assert_int_equal(device_reset(device), 0);
	assert_int_equal(d.chip.count, NEW_AT + 3);
	device_close(device);
	keys_free(keys);
	powerloss_stop();
	d.chip.advanced = NULL;
	d.path = after.path;
	assert_true(powerloss_each(after.fd, check_disk, &d) > 100);
	powerloss_done();
	assert_true(d.behind > 10);
	scratch_free(&after);
	scratch_free(&dir);
	fake_keys_free(d.inner);
}

/*
 * The PIN of a provider that has it
 */

static void
put_pin(struct fixture *f, bool set)
{
	struct device *d = f->device;
	struct auth_state s;
	struct auth_change chg = { .state = &s };

	assert_int_equal(store_load(device_store(d), &s), 0);
	s.pin_set = set;
	s.pin_length = set ? 6 : 0;
	assert_int_equal(store_commit(device_store(d), &chg, NULL), 0);
}

/* getInfo 04: clientPin; -1: not there. */
static int
info_client_pin(struct fixture *f)
{
	static const uint8_t name[] = "\x69" "clientPin";
	uint8_t info[2048], *at;
	size_t len = device_info(f->device, 1, info, sizeof(info));

	at = memmem(info, len, name, sizeof(name) - 1);
	return at == NULL ? -1 : at[sizeof(name) - 1] == 0xf5;
}

/* clientPIN getPINRetries */
static int
pin_retries(struct fixture *f)
{
	static const uint8_t request[] = { 0x06, 0xa2, 1, 1, 2, 1 };
	int retries;

	assert_int_equal(BEGIN(f, request), DEVICE_REPLY);
	assert_int_equal(device_reply(f->device).p[0], CTAP2_OK);
	assert_int_equal(device_reply(f->device).p[2], 3);
	retries = device_reply(f->device).p[3];
	device_replied(f->device);
	return retries;
}

static void
test_failures_are_the_providers(void **state)
{
	struct fixture *f = *state;

	put_pin(f, true);
	f->chip.pin_set = true;
	f->chip.failures = 3;
	reopen(f);
	assert_int_equal(info_client_pin(f), 1);
	assert_int_equal(pin_retries(f), 5);
	assert_string_equal(device_warning(f->device), "");
	f->chip.failures = KEY_PIN_LIMIT;
	reopen(f);
	assert_int_equal(pin_retries(f), 0);
}

/* Power was lost while it was set: it is the new one. */
static void
test_pin_that_only_the_provider_has(void **state)
{
	struct fixture *f = *state;

	f->chip.pin_set = true;
	reopen(f);
	assert_int_equal(info_client_pin(f), 1);
	assert_int_equal(pin_retries(f), 8);
	assert_string_equal(device_warning(f->device), "");
}

/* Never a key without a PIN for having lost it. */
static void
test_pin_that_the_provider_lost(void **state)
{
	struct fixture *f = *state;

	put_pin(f, true);
	reopen(f);
	assert_int_equal(info_client_pin(f), 1);
	assert_int_equal(pin_retries(f), 0);
	assert_non_null(strstr(device_warning(f->device),
	    "only a reset helps"));
	assert_int_equal(device_reset(f->device), 0);
	assert_int_equal(info_client_pin(f), 0);
	assert_int_equal(pin_retries(f), 8);
	assert_string_equal(device_warning(f->device), "");
}

static void
test_owners_reset_clears_the_pin(void **state)
{
	struct fixture *f = *state;

	put_pin(f, true);
	f->chip.pin_set = true;
	f->chip.failures = 8;
	reopen(f);
	assert_int_equal(device_reset(f->device), 0);
	assert_false(f->chip.pin_set);
	assert_int_equal(info_client_pin(f), 0);
	reopen(f);
	assert_int_equal(info_client_pin(f), 0);
	assert_int_equal(pin_retries(f), 8);
}

static void
test_pin_that_cannot_be_cleared(void **state)
{
	struct fixture *f = *state;

	put_pin(f, true);
	f->chip.pin_set = true;
	f->chip.counter = true;
	reopen(f);
	f->chip.advanced = NULL;
	f->chip.fails = 2;	/* the advance comes first, and is repeated */
	assert_int_equal(device_reset(f->device), -EIO);
	assert_int_equal(device_reset(f->device), -EIO);
	f->chip.fails = 0;
	assert_true(f->chip.pin_set);
	assert_int_equal(info_client_pin(f), 1);
	assert_int_equal(device_reset(f->device), 0);
	assert_false(f->chip.pin_set);
}

/* It is still there after power came back. */
static void
test_power_cycle_keeps_the_failures(void **state)
{
	struct fixture *f = *state;

	put_pin(f, true);
	f->chip.pin_set = true;
	f->chip.failures = 2;
	reopen(f);
	assert_int_equal(device_power_cycle(f->device, 0), 0);
	assert_int_equal(pin_retries(f), 6);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_key_begins_where_the_counter_is),
		TEST(test_changes_move_it_after_the_commit),
		TEST(test_assertions_do_not_move_it),
		TEST(test_without_a_counter_there_is_no_date),
		TEST(test_older_copy),
		TEST(test_older_copy_is_looked_at_only),
		TEST(test_older_copy_that_is_meant),
		TEST(test_acceptance_that_is_interrupted),
		TEST(test_counter_of_another_tpm),
		TEST(test_counter_that_is_gone),
		TEST(test_crash_before_the_advance),
		TEST(test_advance_that_fails_at_opening),
		TEST(test_failed_advance_is_made_up_for),
		TEST(test_advance_that_seems_to_fail),
		TEST(test_chip_that_keeps_failing),
		TEST(test_trouble_is_told_once),
		TEST(test_reset_whose_advance_fails),
		TEST(test_host_waits_for_the_advance),
		TEST(test_counters_of_credentials_do_not_advance),
		TEST(test_cancel_does_not_stop_the_advance),
		TEST(test_power_cycle_waits_for_the_advance),
		TEST(test_closing_does_not_wait),
		TEST(test_making_up_for_it_is_waited_for),
		TEST(test_a_lost_host_has_its_blob_written),
		cmocka_unit_test(test_power_loss),
		TEST(test_failures_are_the_providers),
		TEST(test_pin_that_only_the_provider_has),
		TEST(test_pin_that_the_provider_lost),
		TEST(test_owners_reset_clears_the_pin),
		TEST(test_pin_that_cannot_be_cleared),
		TEST(test_power_cycle_keeps_the_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
