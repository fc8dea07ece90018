/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forge in a device: replies that are made anew while the key provider
 * takes its time, or fails, and whatever may happen meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/device.h"
#include "authenticator/fault/armed.h"
#include "tests/chip_keys.h"
#include "tests/requests.h"
#include "tests/statement.h"
#include "tests/store_fixture.h"

#define CHANNEL	((uint64_t)7 << 32 | 1)	/* of host 7 */
#define LATE	(UINT64_C(1) << 40)	/* ms */

static const uint8_t hash[32] = { HASH };

static const uint8_t make[] = { MAKE(1) };

static const uint8_t assert_it[] = { GET };

/* Whether there is a credential, with nobody there. */
static const uint8_t probe[] = { GET_WITH(1),
	0x05, 0xa1, 0x62, 'u', 'p', 0xf4,
};

/* U2F: a registration for application parameter HASH */
static const uint8_t u2f_register[] = {
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x40, HASH, HASH, 0x00, 0x00,
};

static char msg[DEVICE_MESSAGE_LEN];

struct rig {
	struct scratch	 dir;
	struct scratch	 soft_dir;
	struct keys	*soft, *keys;
	struct chip	 chip;
	struct device_config cfg;
	struct device	*d;
	struct event_sink sink;
	unsigned	 uses, created;	/* that watchers heard of */
	char		 fault[FAULT_NAME_MAX];	/* of the last operation */
	char		 result[64];
};

static void
hear(void *arg, const struct event *e)
{
	struct rig *r = arg;

	if (e->kind == EVENT_FAULT_USED)
		r->uses++;
	if (e->kind == EVENT_CREDENTIAL_CREATED)
		r->created++;
	if (e->kind != EVENT_OPERATION)
		return;
	snprintf(r->fault, sizeof(r->fault), "%s", e->fault != NULL ?
	    e->fault : "-");
	snprintf(r->result, sizeof(r->result), "%s", e->result);
}

/* chip: the keys are those that a test may slow down. */
static struct rig *
rig_new_of(enum attestation_kind kind, bool chip)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	scratch_new(&r->dir);
	scratch_new(&r->soft_dir);
	assert_int_equal(keys_open_software(r->soft_dir.fd, true, &r->soft),
	    0);
	r->keys = chip_keys_new(&r->chip, r->soft);
	device_config_default(&r->cfg);
	r->cfg.auth.attestation.kind = kind;
	r->cfg.path = r->dir.path;
	r->cfg.create = true;
	r->cfg.keys = chip ? r->keys : r->soft;
	if (device_open(&r->cfg, 0, &r->d, msg, sizeof(msg)) != 0)
		fail_msg("%s", msg);
	r->sink = (struct event_sink){ .event = hear, .arg = r };
	watch_add(device_watch(r->d), &r->sink);
	return r;
}

static struct rig *
rig_new(enum attestation_kind kind)
{
	return rig_new_of(kind, true);
}

static void
rig_free(struct rig *r)
{
	if (r->d != NULL)
		watch_remove(device_watch(r->d), &r->sink);
	device_close(r->d);
	keys_free(r->keys);
	keys_free(r->soft);
	scratch_free(&r->dir);
	scratch_free(&r->soft_dir);
	free(r);
}

static void
arm(struct rig *r, const char *name)
{
	struct fault_scope scope = { .uses = 1 };
	struct fault_choice choice;

	assert_int_equal(fault_choose(name, &choice, msg, sizeof(msg)), 0);
	assert_int_equal(fault_arm(device_faults(r->d), choice, &scope, NULL,
	    msg, sizeof(msg)), 0);
}

static bool
is_armed(struct rig *r)
{
	return fault_armed_at(device_faults(r->d), 0) != NULL;
}

static enum device_want
start(struct rig *r, const uint8_t *request, size_t len)
{
	struct user_finger touch = { .long_touch = true };
	enum device_want want = device_command(r->d, CHANNEL,
	    span(request, len), 0);

	while (want == DEVICE_USER)
		want = device_finger(r->d, touch, 0);
	return want;
}

/* The status of what needs no waiting. */
static uint8_t
transact(struct rig *r, const uint8_t *request, size_t len)
{
	uint8_t status;

	assert_int_equal(start(r, request, len), DEVICE_REPLY);
	status = device_reply(r->d).p[0];
	device_replied(r->d);
	return status;
}

static struct rig *
rig_signed_up(enum attestation_kind kind)
{
	struct rig *r = rig_new(kind);

	assert_int_equal(transact(r, make, sizeof(make)), CTAP2_OK);
	r->created = 0;
	return r;
}

/* An assertion whose fault waits for the key to sign it. */
static void
begin_slow_fault(struct rig *r)
{
	arm(r, "auth.up-clear");
	r->chip.sign_slow = true;
	r->chip.sign_skip = 1;	/* the honest one */
	assert_int_equal(start(r, assert_it, sizeof(assert_it)), DEVICE_KEYS);
	assert_int_equal(r->chip.sign_skip, 0);
}

static void
assert_works(struct rig *r, const char *fault)
{
	r->chip.sign_slow = false;
	r->chip.sign_error = 0;
	assert_int_equal(transact(r, assert_it, sizeof(assert_it)),
	    CTAP2_OK);
	assert_string_equal(r->fault, fault);
}

/*
 * While the key provider signs
 */

static void
whoever_waits_gets_it(void **state)
{
	struct rig *r = rig_signed_up(ATTESTATION_PACKED);

	(void)state;
	begin_slow_fault(r);
	assert_false(device_idle(r->d));
	assert_int_equal(device_set_pin(r->d, "1234"), -EBUSY);
	assert_int_equal(device_reset(r->d), -EBUSY);
	assert_int_equal(device_keys(r->d, 1), DEVICE_KEYS);
	assert_true(chip_answer(r->keys));
	assert_int_equal(device_keys(r->d, 2), DEVICE_REPLY);
	assert_string_equal(device_fault(r->d), "auth.up-clear");
	device_replied(r->d);
	assert_true(device_idle(r->d));
	assert_int_equal(r->uses, 1);
	assert_false(is_armed(r));
	assert_works(r, "-");
	rig_free(r);
}

/* What is done is done: neither its host nor time stops it. */
static void
nothing_stops_it(void **state)
{
	struct rig *r = rig_signed_up(ATTESTATION_PACKED);

	(void)state;
	begin_slow_fault(r);
	assert_int_equal(device_cancel(r->d, CHANNEL, 1), DEVICE_KEYS);
	assert_int_equal(device_tick(r->d, LATE), DEVICE_KEYS);
	assert_int_equal(device_abort(r->d, CHANNEL, LATE), DEVICE_KEYS);
	device_host_gone(r->d, 7);
	assert_int_equal(device_tick(r->d, LATE + 1), DEVICE_KEYS);
	assert_true(chip_answer(r->keys));
	assert_int_equal(device_keys(r->d, LATE + 2), DEVICE_REPLY);
	/* nor when it is there */
	assert_int_equal(device_cancel(r->d, CHANNEL, LATE), DEVICE_REPLY);
	assert_int_equal(device_abort(r->d, CHANNEL, LATE), DEVICE_REPLY);
	assert_int_equal(device_tick(r->d, LATE + 3), DEVICE_REPLY);
	assert_int_equal(device_reply(r->d).p[0], CTAP2_OK);
	device_replied(r->d);
	assert_int_equal(r->uses, 1);
	assert_works(r, "-");
	rig_free(r);
}

static void
a_power_cycle_drops_it(void **state)
{
	struct rig *r = rig_signed_up(ATTESTATION_PACKED);

	(void)state;
	begin_slow_fault(r);
	assert_int_equal(device_power_cycle(r->d, 1), 0);
	assert_true(device_idle(r->d));
	assert_false(chip_answer(r->keys));
	assert_int_equal(device_keys(r->d, 2), DEVICE_IDLE);
	assert_int_equal(r->uses, 0);
	assert_works(r, "auth.up-clear");
	/* and so does another kind of key */
	begin_slow_fault(r);
	assert_int_equal(device_reconfigure(r->d, &r->cfg.auth, 3), 0);
	assert_false(chip_answer(r->keys));
	assert_works(r, "auth.up-clear");
	assert_int_equal(r->uses, 2);
	rig_free(r);
}

static void
an_end_drops_it(void **state)
{
	struct rig *r = rig_signed_up(ATTESTATION_PACKED);

	(void)state;
	begin_slow_fault(r);
	rig_free(r);
}

/* Of a statement that is made of two, the second is the credential's. */
static void
a_statement_waits_too(void **state)
{
	static const enum attestation_kind kinds[] = {
		ATTESTATION_ANDROID_KEY, ATTESTATION_FIDO_U2F,
		ATTESTATION_COMPOUND };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct rig *r = rig_new(kinds[i]);
		struct statement_case c = { .store = device_store(r->d),
		    .client_data_hash = span(hash, sizeof(hash)),
		    .rp_id = "a", .kind = kinds[i], .certificates = 2 };

		r->chip.sign_slow = true;
		assert_int_equal(start(r, make, sizeof(make)), DEVICE_KEYS);
		assert_int_equal(device_cancel(r->d, CHANNEL, 1),
		    DEVICE_KEYS);
		assert_true(chip_answer(r->keys));
		assert_int_equal(device_keys(r->d, 2), DEVICE_REPLY);
		c.reply = device_reply(r->d);
		statement_judge(&c);
		device_replied(r->d);
		assert_string_equal(r->fault, "-");
		assert_works(r, "-");
		rig_free(r);
	}
}

/*
 * A key provider that fails
 */

static void
a_fault_that_cannot_be_signed_is_left_out(void **state)
{
	static const char *const when[] = { "at once", "later" };
	struct rig *r = rig_signed_up(ATTESTATION_PACKED);

	(void)state;
	for (size_t i = 0; i < sizeof(when) / sizeof(when[0]); i++) {
		arm(r, "auth.up-clear");
		r->chip.sign_error = -ETIMEDOUT;
		r->chip.sign_slow = i == 1;
		r->chip.sign_skip = 1;
		if (start(r, assert_it, sizeof(assert_it)) == DEVICE_KEYS) {
			assert_true(chip_answer(r->keys));
			assert_int_equal(device_keys(r->d, 2), DEVICE_REPLY);
		}
		assert_null(device_fault(r->d));
		/* honest: there is somebody */
		assert_int_equal(device_reply(r->d).p[0], CTAP2_OK);
		device_replied(r->d);
		assert_string_equal(r->fault, "-");
		assert_int_equal(r->uses, i);
		assert_true(is_armed(r));
		assert_string_equal(device_trouble(r->d),
		    "the chip says no");
		assert_works(r, "auth.up-clear");
	}
	rig_free(r);
}

/* Where the statement has to be made anew, it is, without the fault. */
static void
what_is_left_out_of_a_statement(void **state)
{
	struct rig *r = rig_new(ATTESTATION_APPLE);
	struct statement_case c = { .store = device_store(r->d),
	    .client_data_hash = span(hash, sizeof(hash)), .rp_id = "a",
	    .kind = ATTESTATION_APPLE, .certificates = 2 };

	(void)state;
	/* self attestation is the credential's to sign, apple's is nobody's */
	arm(r, "att.self-when-basic-required");
	r->chip.sign_error = -EIO;
	assert_int_equal(start(r, make, sizeof(make)), DEVICE_REPLY);
	assert_null(device_fault(r->d));
	c.reply = device_reply(r->d);
	statement_judge(&c);
	device_replied(r->d);
	assert_int_equal(r->uses, 0);
	assert_true(is_armed(r));
	rig_free(r);
}

static unsigned
credentials(struct rig *r)
{
	struct auth_state state;

	assert_int_equal(store_load(device_store(r->d), &state), 0);
	return state.credentials;
}

/*
 * Never another attestation than was asked for; the credential, which is
 * there, is told to watchers, and the next registration takes its place.
 */
static void
a_statement_that_cannot_be_signed_is_an_error(void **state)
{
	struct rig *r = rig_new(ATTESTATION_ANDROID_KEY);
	struct auth_facts facts;

	(void)state;
	r->chip.sign_error = -EIO;
	assert_int_equal(start(r, make, sizeof(make)), DEVICE_REPLY);
	assert_int_equal(device_reply(r->d).len, 1);
	assert_true(device_facts(r->d, &facts));
	assert_int_equal(facts.status, CTAP1_ERR_OTHER);
	assert_null(facts.auth_data.p);
	device_replied(r->d);
	assert_string_equal(r->result, "OTHER");
	assert_int_equal(r->created, 1);
	assert_int_equal(credentials(r), 1);
	assert_string_equal(device_trouble(r->d), "the chip says no");
	assert_null(device_trouble(r->d));
	r->chip.sign_error = 0;
	assert_int_equal(transact(r, make, sizeof(make)), CTAP2_OK);
	assert_int_equal(credentials(r), 1);
	rig_free(r);
}

/* The provider had trouble before; this is another one. */
static void
trouble_of_its_own_is_told(void **state)
{
	struct rig *r = rig_new(ATTESTATION_ANDROID_KEY);

	(void)state;
	/* it refuses: no trouble of the provider's */
	r->chip.sign_error = -EINVAL;
	assert_int_equal(transact(r, make, sizeof(make)), CTAP1_ERR_OTHER);
	assert_string_equal(device_trouble(r->d), "a host got an error, "
	    "though what it asked for is done: the key provider did not "
	    "sign");
	rig_free(r);
}

/*
 * What has no fault
 */

static void
nobody_there_uses_up_no_fault(void **state)
{
	struct rig *r = rig_signed_up(ATTESTATION_PACKED);

	(void)state;
	arm(r, "auth.sig-bad");
	assert_int_equal(transact(r, probe, sizeof(probe)), CTAP2_OK);
	assert_string_equal(r->fault, "-");
	assert_int_equal(r->uses, 0);
	assert_works(r, "auth.sig-bad");
	rig_free(r);
}

static enum device_want
start_u2f(struct rig *r)
{
	struct user_finger touch = { .long_touch = true };
	enum device_want want = device_apdu(r->d, CHANNEL,
	    span(u2f_register, sizeof(u2f_register)), 0);

	return want == DEVICE_USER ? device_finger(r->d, touch, 0) : want;
}

static void
assert_u2f_works(struct rig *r)
{
	struct span reply;

	assert_int_equal(start_u2f(r), DEVICE_REPLY);
	reply = device_reply(r->d);
	assert_memory_equal(reply.p + reply.len - 2, "\x90\x00", 2);
	device_replied(r->d);
}

/* What U2F has no place for waits for CTAP2. */
static void
u2f_uses_up_what_it_has_room_for(void **state)
{
	struct rig *r = rig_new(ATTESTATION_PACKED);

	(void)state;
	arm(r, "reg.up-clear");
	assert_u2f_works(r);
	assert_string_equal(r->fault, "-");
	assert_true(is_armed(r));
	arm(r, "att.sig-bad");
	assert_u2f_works(r);
	assert_string_equal(r->fault, "att.sig-bad");
	assert_int_equal(r->uses, 1);
	assert_true(is_armed(r));
	rig_free(r);
}

/* What was asked for wrongly, and lost power, is not what comes next. */
static void
a_request_that_was_dropped_has_no_fault(void **state)
{
	/* with algorithms that are not offered */
	struct rig *r = rig_new_of(ATTESTATION_PACKED, false);

	(void)state;
	arm(r, "key.alg-not-offered");
	assert_int_equal(device_command(r->d, CHANNEL, span(make,
	    sizeof(make)), 0), DEVICE_USER);
	assert_int_equal(device_power_cycle(r->d, 1), 0);
	assert_int_equal(start_u2f(r), DEVICE_REPLY);
	device_replied(r->d);
	assert_string_equal(r->fault, "-");
	assert_int_equal(r->uses, 0);
	assert_int_equal(transact(r, make, sizeof(make)), CTAP2_OK);
	assert_string_equal(r->fault, "key.alg-not-offered");
	rig_free(r);
}

static void
of_two_the_oldest_that_fits(void **state)
{
	struct rig *r = rig_new(ATTESTATION_PACKED);

	(void)state;
	arm(r, "att.sig-bad");
	arm(r, "auth.sig-bad");
	arm(r, "auth.counter-max");
	arm(r, "reg.rfu-flags");
	assert_int_equal(transact(r, make, sizeof(make)), CTAP2_OK);
	assert_string_equal(r->fault, "att.sig-bad");
	assert_works(r, "auth.sig-bad");
	assert_works(r, "auth.counter-max");
	assert_int_equal(transact(r, make, sizeof(make)), CTAP2_OK);
	assert_string_equal(r->fault, "reg.rfu-flags");
	assert_int_equal(r->uses, 4);
	assert_false(is_armed(r));
	rig_free(r);
}

/*
 * Keys in a TPM: the process that has them answers when it has signed
 */

static uint8_t reply[AUTH_MESSAGE_MAX];

static struct span
wait_for(struct device *d, const uint8_t *request, size_t len)
{
	size_t n = 0;

	assert_int_equal(device_transact(d, span(request, len), reply,
	    sizeof(reply), &n), 0);
	return span(reply, n);
}

/* Faults that the credential's key signs, each used when it is asked for. */
static void
wait_for_faults(struct device *d)
{
	static const char *const names[] = { "att.self-when-basic-required",
		"att.fmt-android-key", "auth.up-clear", "auth.sig-bad" };
	struct fault_scope scope = { .uses = 1 };
	struct fault_choice choice;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span got;

		assert_int_equal(fault_choose(names[i], &choice, msg,
		    sizeof(msg)), 0);
		assert_int_equal(fault_arm(device_faults(d), choice, &scope,
		    NULL, msg, sizeof(msg)), 0);
		got = i < 2 ? wait_for(d, make, sizeof(make)) :
		    wait_for(d, assert_it, sizeof(assert_it));
		assert_int_equal(got.p[0], CTAP2_OK);
		assert_null(fault_armed_at(device_faults(d), 0));
		assert_null(device_trouble(d));
	}
}

static void
keys_in_a_tpm_sign_statements(void **state)
{
	static const enum attestation_kind kinds[] = { ATTESTATION_ANDROID_KEY,
		ATTESTATION_COMPOUND, ATTESTATION_APPLE,
		ATTESTATION_FIDO_U2F, ATTESTATION_SAFETYNET };
	struct device_config cfg = { .create = true };
	struct scratch dir;
	struct device *d;

	(void)state;
	scratch_new(&dir);
	device_config_default(&cfg);
	cfg.path = dir.path;
	cfg.tpm.target = "embedded";
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), 0);
	assert_true(device_keys_info(d)->tpm);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct statement_case c = { .store = device_store(d),
		    .client_data_hash = span(hash, sizeof(hash)),
		    .rp_id = "a", .kind = kinds[i], .certificates = 2 };

		cfg.auth.attestation.kind = kinds[i];
		assert_int_equal(device_reconfigure(d, &cfg.auth, 1), 0);
		c.reply = wait_for(d, make, sizeof(make));
		statement_judge(&c);
	}
	wait_for_faults(d);
	device_close(d);
	scratch_free(&dir);
}

/* As the program is: the process that has the keys is one of these. */
int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_waits_gets_it),
		cmocka_unit_test(nothing_stops_it),
		cmocka_unit_test(a_power_cycle_drops_it),
		cmocka_unit_test(an_end_drops_it),
		cmocka_unit_test(a_statement_waits_too),
		cmocka_unit_test(a_fault_that_cannot_be_signed_is_left_out),
		cmocka_unit_test(what_is_left_out_of_a_statement),
		cmocka_unit_test(a_statement_that_cannot_be_signed_is_an_error),
		cmocka_unit_test(trouble_of_its_own_is_told),
		cmocka_unit_test(nobody_there_uses_up_no_fault),
		cmocka_unit_test(u2f_uses_up_what_it_has_room_for),
		cmocka_unit_test(a_request_that_was_dropped_has_no_fault),
		cmocka_unit_test(of_two_the_oldest_that_fits),
		cmocka_unit_test(keys_in_a_tpm_sign_statements),
	};
	int status;

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0) {
		status = key_helper_main();
		(void)prctl(PR_SET_DUMPABLE, 1);	/* for leak checkers */
		return status;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
