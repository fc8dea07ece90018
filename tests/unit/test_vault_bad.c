/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault that is interrupted: each operation is ended before each of the
 * commands it gives to the TPM, as a crash or a loss of power would, and each
 * of those commands is answered with errors. Whatever happened, the vault
 * opens afterwards, nothing that was said to be done is undone, and nothing
 * is lost in the TPM. All of it with a PIN index, and without. And a vault that
 * is listened to: what is secret does not cross the bus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/vault_fixture.h"
#include "tpm/embedded.h"

#define DIED		77	/* exit status of whom the tap ended */
#define COMMANDS_MAX	60	/* in one operation; more is a mistake */
#define FILE_MAX	(1 << 20)
#define HEARD_MAX	(1 << 18)

/*
 * The tap: between ESAPI and the TCTI of a link.
 */

enum tap_does {
	TAP_COUNTS,
	TAP_DIES,	/* before command number at */
	TAP_ANSWERS,	/* instead of the TPM, command number at, with rc */
	TAP_CUTS,	/* the answer to command number at */
	TAP_HAS_NO_PIN_INDEX,
	TAP_LISTENS,
	TAP_LISTS_HANDLES,	/* where PCRs were asked for */
};

static struct tap {
	TSS2_TCTI_TRANSMIT_FCN	transmit;
	TSS2_TCTI_RECEIVE_FCN	receive;
	enum tap_does	does;
	unsigned	at, commands;
	TPM2_RC		rc;
	TPM2_CC		cc;	/* of command number at */
	bool		answers;	/* the next one */
	bool		lists;		/* handles, in the next one */
	uint8_t		heard[HEARD_MAX];
	size_t		heard_len;
} tap;

static void
listen(const uint8_t *p, size_t len)
{
	if (tap.does != TAP_LISTENS)
		return;
	assert_true(len <= sizeof(tap.heard) - tap.heard_len);
	memcpy(tap.heard + tap.heard_len, p, len);
	tap.heard_len += len;
}

/* What a PIN index is defined with; neither encrypted nor anywhere else. */
static bool
defines_pin_index(const uint8_t *command, size_t size)
{
	static const uint8_t attributes[] = { 0x02, 0x06, 0x00, 0x88 };

	return memmem(command, size, attributes, sizeof(attributes)) != NULL;
}

/* A list of as many handles as there can be, that says what it is. */
static size_t
list_handles(uint8_t *answer)
{
	static const uint8_t head[] = { 0x80, 0x01, 0, 0, 0x04, 0x0b,
		0, 0, 0, 0, TPM2_NO, 0, 0, 0, TPM2_CAP_HANDLES,
		0, 0, 0, TPM2_MAX_CAP_HANDLES };
	size_t len = sizeof(head) + 4 * TPM2_MAX_CAP_HANDLES;

	assert_int_equal(len, head[4] << 8 | head[5]);
	memset(answer, 0x01, len);
	memcpy(answer, head, sizeof(head));
	return len;
}

static TSS2_RC
tap_transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
	bool now = ++tap.commands == tap.at;

	tap.answers = false;
	tap.lists = tap.does == TAP_LISTS_HANDLES && size == 22 &&
	    command[9] == (TPM2_CC_GetCapability & 0xff) &&
	    command[13] == TPM2_CAP_PCRS;
	listen(command, size);
	if (now)
		tap.cc = (uint32_t)command[6] << 24 | command[7] << 16 |
		    command[8] << 8 | command[9];
	if (tap.does == TAP_DIES && now)
		_exit(DIED);
	if (tap.does == TAP_HAS_NO_PIN_INDEX &&
	    defines_pin_index(command, size)) {
		tap.rc = TPM2_RC_ATTRIBUTES + TPM2_RC_P + TPM2_RC_2;
		tap.answers = true;
	}
	/* that there is no such index would be no error, but a lie */
	if (tap.does == TAP_ANSWERS && now)
		tap.answers = tap.cc != TPM2_CC_NV_ReadPublic ||
		    link_code(tap.rc) != TPM2_RC_HANDLE;
	return tap.answers ? 0 : tap.transmit(tcti, size, command);
}

static TSS2_RC
tap_receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *answer,
    int32_t timeout)
{
	const uint8_t error[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0,
		tap.rc >> 8, tap.rc & 0xff };
	TSS2_RC rc;

	if (!tap.answers) {
		rc = tap.receive(tcti, size, answer, timeout);
		if (tap.does == TAP_CUTS && tap.commands == tap.at &&
		    rc == 0 && answer != NULL) {
			*size /= 2;
			answer[4] = *size >> 8;	/* as the header says it */
			answer[5] = *size & 0xff;
		}
		if (rc == 0 && answer != NULL && tap.lists)
			*size = list_handles(answer);
		if (rc == 0 && answer != NULL)
			listen(answer, *size);
		return rc;
	}
	*size = sizeof(error);
	if (answer != NULL)
		memcpy(answer, error, sizeof(error));
	return 0;
}

/* Until the link is closed. */
static void
tap_on(struct vf *f, enum tap_does does, unsigned at, TPM2_RC rc)
{
	TSS2_TCTI_CONTEXT_COMMON_V1 *tcti;

	assert_int_equal(Esys_GetTcti(link_esys(f->link),
	    (TSS2_TCTI_CONTEXT **)&tcti), 0);
	if (tcti->transmit != tap_transmit) {
		tap.transmit = tcti->transmit;
		tap.receive = tcti->receive;
	}
	tcti->transmit = tap_transmit;
	tcti->receive = tap_receive;
	tap.does = does;
	tap.at = at;
	tap.rc = rc;
	tap.commands = 0;
	tap.cc = 0;
}

/*
 * Operations: from what was prepared, and what holds after each of them,
 * finished or not. The vault is unlocked for prepare and run, not for verify.
 */

struct operation {
	const char *name;
	void	(*prepare)(struct vf *f);
	int	(*run)(struct vf *f);
	void	(*verify)(struct vf *f);
	bool	locked;		/* run is, too */
	bool	is_pin;		/* so that -EACCES means it */
	bool	wrong_pin;	/* which is what has to come out */
};

static uint64_t generation;	/* as it was prepared */

static void
with_no_pin(struct vf *f)
{
	(void)f;
}

static void
with_pin(struct vf *f)
{
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
}

static void
with_failures(struct vf *f)
{
	with_pin(f);
	assert_int_equal(vf_check_pin(f, vf_pin_2, 1), -EACCES);
	assert_int_equal(vf_check_pin(f, vf_pin_2, 2), -EACCES);
}

static int
run_create(struct vf *f)
{
	f->len = 0;
	return vault_create(f->vault, "embedded", 0, NULL, f->key, f->wrapped,
	    &f->len);
}

/* What was not handed over is not needed; no index of it is left. */
static void
verify_create(struct vf *f)
{
	if (f->len == 0)
		vf_create(f, 0, NULL);
	assert_int_equal(vf_indices(f), 1);
	WORKS(f, vf_unlock(f));
}

static int
run_unlock(struct vf *f)
{
	return vf_unlock(f);
}

static void
verify_pin(struct vf *f)
{
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pin_set);
	assert_int_equal(f->info.generation, generation);
	assert_int_equal(vf_indices(f), 2);
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
}

static int
run_set(struct vf *f)
{
	return vf_set_pin(f, vf_pin_1, NULL);
}

static void
verify_set(struct vf *f)
{
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.pin_failures, 0);
	if (!f->info.pin_set) {
		assert_int_equal(vf_indices(f), 1);
		WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	}
	verify_pin(f);
}

static int
run_change(struct vf *f)
{
	return vf_set_pin(f, vf_pin_2, vf_pin_1);
}

static int
check_only(struct vf *f, const uint8_t *hash)
{
	struct key_op op = { .data = { span(hash, KEY_PIN_HASH_LEN) } };

	return vault_pin_check(f->vault, &op);
}

static void
verify_change(struct vf *f)
{
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pin_set);
	assert_int_equal(vf_indices(f), 2);
	assert_in_range(f->info.pin_failures, 0, 3);
	if (check_only(f, vf_pin_1) == 0)
		assert_int_equal(vf_check_pin(f, vf_pin_2, 1), -EACCES);
	else
		WORKS(f, vf_check_pin(f, vf_pin_2, 0));
}

static int
run_right(struct vf *f)
{
	return check_only(f, vf_pin_1);
}

static int
run_wrong(struct vf *f)
{
	return check_only(f, vf_pin_2);
}

/* Two failures were there: they are forgotten, or there is one more. */
static void
verify_checked(struct vf *f)
{
	WORKS(f, vf_unlock(f));
	assert_true(f->info.pin_set);
	assert_in_range(f->info.pin_failures, 0, 3);
	assert_int_not_equal(f->info.pin_failures, 1);
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
}

static void
verify_wrong(struct vf *f)
{
	WORKS(f, vf_unlock(f));
	assert_in_range(f->info.pin_failures, 2, 3);
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
}

static int
run_clear(struct vf *f)
{
	return vf_clear_pin(f);
}

static int
run_advance(struct vf *f)
{
	return vf_advance(f, generation + 1);
}

static void
verify_advance(struct vf *f)
{
	WORKS(f, vf_unlock(f));
	assert_in_range(f->info.generation, generation, generation + 1);
	WORKS(f, vf_advance(f, generation + 1));
	assert_int_equal(vf_advance(f, generation), -EINVAL);
	WORKS(f, vf_unlock(f));
	assert_int_equal(f->info.generation, generation + 1);
}

static int
run_rewrap(struct vf *f)
{
	uint8_t wrapped[KEY_WRAPPED_MAX];
	size_t len;

	return vault_rewrap(f->vault, f->key, 0, NULL, wrapped, &len);
}

static int
run_destroy(struct vf *f)
{
	return vault_destroy(f->vault);
}

static void
verify_destroy(struct vf *f)
{
	struct record rec;

	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(vf_indices(f), 0);
	assert_int_equal(record_read(f->dir.fd, &rec), -ENOENT);
}

static const struct operation operations[] = {
	{ .name = "create", with_pin, run_create, verify_create,
	    .locked = true },
	{ .name = "unlock", with_pin, run_unlock, verify_pin,
	    .locked = true },
	{ .name = "set", with_no_pin, run_set, verify_set, .is_pin = true },
	{ .name = "change", with_failures, run_change, verify_change,
	    .is_pin = true },
	{ .name = "right PIN", with_failures, run_right, verify_checked,
	    .is_pin = true },
	{ .name = "wrong PIN", with_failures, run_wrong, verify_wrong,
	    .is_pin = true, .wrong_pin = true },
	{ .name = "clear", with_pin, run_clear, verify_set, .is_pin = true },
	{ .name = "advance", with_no_pin, run_advance, verify_advance },
	{ .name = "rewrap", with_pin, run_rewrap, verify_pin },
	{ .name = "destroy", with_pin, run_destroy, verify_destroy,
	    .locked = true },
};

#define OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

/*
 * The same beginning each time.
 */

static struct kept {
	struct vf	*f;	/* shared with child processes */
	struct vf	 as_prepared;
	uint8_t		*tpm;
	size_t		 tpm_len;
	uint8_t		 record[1024];
	size_t		 record_len;
} kept;

static size_t
read_file(int dirfd, const char *name, uint8_t *out, size_t max)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_int_not_equal(fd, -1);
	n = read(fd, out, max);
	assert_in_range(n, 1, max - 1);
	close(fd);
	return n;
}

static void
write_file(int dirfd, const char *name, const uint8_t *p, size_t len)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, p, len), len);
	close(fd);
}

static void
prepare(const struct operation *o, bool counted)
{
	struct vf *f = kept.f;

	vf_new(f, false);
	if (counted) {
		tap_on(f, TAP_HAS_NO_PIN_INDEX, 0, 0);
		vf_create(f, 0, NULL);
	}
	assert_int_equal(f->info.pin_index, !counted);
	o->prepare(f);
	vault_info(f->vault, &f->info);
	generation = f->info.generation;
	vf_close(f);
	kept.tpm_len = read_file(f->dir.fd, EMBEDDED_FILE, kept.tpm, FILE_MAX);
	kept.record_len = read_file(f->dir.fd, RECORD_FILE, kept.record,
	    sizeof(kept.record));
	kept.as_prepared = *f;
}

static void
begin_again(void)
{
	struct vf *f = kept.f;

	*f = kept.as_prepared;
	write_file(f->dir.fd, EMBEDDED_FILE, kept.tpm, kept.tpm_len);
	write_file(f->dir.fd, RECORD_FILE, kept.record, kept.record_len);
}

static void
verify(const struct operation *o)
{
	vf_open(kept.f, kept.f->dir.fd, false);
	o->verify(kept.f);
	assert_int_equal(vf_property(kept.f, TPM2_PT_LOCKOUT_COUNTER), 0);
	vf_close(kept.f);
}

/*
 * Crashes.
 */

/* In a process of its own; its exit status. */
static int
die_before(const struct operation *o, unsigned command)
{
	struct vf *f = kept.f;
	int status, r;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		vf_open(f, f->dir.fd, false);
		if (!o->locked && vf_unlock(f) != 0)
			_exit(1);
		tap_on(f, TAP_DIES, command, 0);
		r = o->run(f);
		_exit(r == (o->wrong_pin ? -EACCES : 0) ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	f->vault = NULL;
	f->link = NULL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
crash_everywhere(const struct operation *o, bool counted)
{
	unsigned command;
	int status = DIED;

	prepare(o, counted);
	for (command = 1; status == DIED; command++) {
		assert_true(command < COMMANDS_MAX);
		begin_again();
		status = die_before(o, command);
		if (status != DIED && status != 0)
			fail_msg("%s: status %d", o->name, status);
		verify(o);
	}
	assert_true(command > 2);
	vf_done(kept.f);
}

static void
survives_crashes(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPERATIONS; i++)
		crash_everywhere(&operations[i], false);
}

static void
survives_crashes_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPERATIONS; i++)
		crash_everywhere(&operations[i], true);
}

/*
 * Errors.
 */

/* False: the operation has fewer commands than that. */
static bool
fail_at(const struct operation *o, unsigned command, enum tap_does does,
    TPM2_RC rc)
{
	struct vf *f = kept.f;
	bool had_it;
	int r;

	begin_again();
	vf_open(f, f->dir.fd, false);
	if (!o->locked)
		WORKS(f, vf_unlock(f));
	tap_on(f, does, command, rc);
	r = o->run(f);
	had_it = tap.commands >= command;
	if (r > 0 || (r != 0 && link_strerror(f->link)[0] == '\0'))
		fail_msg("%s: command %u, 0x%x: %d without a line", o->name,
		    command, rc, r);
	/* only who tried to read what the PIN opens may say so */
	if (r == -EACCES && o->is_pin && !o->wrong_pin &&
	    tap.cc != TPM2_CC_NV_Read)
		fail_msg("%s: command %u, 0x%x: a wrong PIN?", o->name,
		    command, rc);
	vf_close(f);
	verify(o);
	return had_it;
}

static void
fail_everywhere(const struct operation *o, enum tap_does does, TPM2_RC rc)
{
	unsigned command = 1;

	while (fail_at(o, command, does, rc))
		assert_true(++command < COMMANDS_MAX);
}

static void
fail_operation(const struct operation *o, bool counted)
{
	prepare(o, counted);
	fail_everywhere(o, TAP_ANSWERS,
	    TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	if (!counted)
		fail_everywhere(o, TAP_ANSWERS, TPM2_RC_HANDLE + TPM2_RC_1);
	fail_everywhere(o, TAP_ANSWERS, TPM2_RC_FAILURE);
	if (!counted)
		fail_everywhere(o, TAP_CUTS, 0);
	vf_done(kept.f);
}

static void
survives_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPERATIONS; i++)
		fail_operation(&operations[i], false);
}

static void
survives_errors_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPERATIONS; i++)
		if (operations[i].is_pin)
			fail_operation(&operations[i], true);
}

/*
 * Without PIN indices.
 */

static void
counted_pin(void **state)
{
	struct vf *f = kept.f;

	(void)state;
	vf_new(f, false);
	tap_on(f, TAP_HAS_NO_PIN_INDEX, 0, 0);
	vf_create(f, 0, NULL);
	assert_true(f->info.pin);
	assert_false(f->info.pin_index);
	vf_reopen(f);
	WORKS(f, vf_unlock(f));
	assert_false(f->info.pin_index);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	FAILS(f, vf_check_pin(f, vf_pin_2, 1), -EACCES, "not the PIN");
	FAILS(f, vf_set_pin(f, vf_pin_2, vf_pin_2), -EACCES, "not the PIN");
	WORKS(f, vf_set_pin(f, vf_pin_2, vf_pin_1));
	for (int i = 1; i <= KEY_PIN_LIMIT; i++) {
		assert_int_equal(vf_check_pin(f, vf_pin_1, i), -EACCES);
		vf_reopen(f);
		WORKS(f, vf_unlock(f));
		assert_int_equal(f->info.pin_failures, i);
		assert_true(f->info.pin_set);
	}
	FAILS(f, vf_check_pin(f, vf_pin_2, 8), -EACCES, "blocked");
	FAILS(f, vf_set_pin(f, vf_pin_1, vf_pin_2), -EACCES, "blocked");
	assert_int_equal(vf_property(f, TPM2_PT_LOCKOUT_COUNTER), 0);
	WORKS(f, vf_clear_pin(f));
	assert_int_equal(vf_indices(f), 1);
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	WORKS(f, vault_destroy(f->vault));
	assert_int_equal(vf_indices(f), 0);
	vf_done(f);
}

/*
 * The bus.
 */

static bool
was_heard(const void *p, size_t len)
{
	return memmem(tap.heard, tap.heard_len, p, len) != NULL;
}

static bool
pin_was_heard(struct vf *f, const uint8_t *hash)
{
	uint8_t value[VAULT_DIGEST_LEN];
	TPM2B_AUTH auth;

	assert_true(vault_hmac(f->vault->pin_key, span(hash, KEY_PIN_HASH_LEN),
	    span(NULL, 0), value));
	vault_auth(value, &auth);
	return was_heard(hash, KEY_PIN_HASH_LEN) ||
	    was_heard(auth.buffer, VAULT_DIGEST_LEN - 1);
}

/* With PCRs and a recovery passphrase, which is all that can be given away. */
static void
nothing_on_the_bus(void **state)
{
	static struct vf own;	/* kept.f is shared with who becomes swtpm */
	const TPM2B_PRIVATE *sealed;
	struct vf *f = &own;

	(void)state;
	vf_new(f, true);
	tap.heard_len = 0;
	tap_on(f, TAP_LISTENS, 0, 0);
	vf_create(f, 1 << 7, "a passphrase");
	WORKS(f, vf_unlock(f));
	WORKS(f, vf_set_pin(f, vf_pin_1, NULL));
	WORKS(f, vf_check_pin(f, vf_pin_1, 0));
	assert_int_equal(vf_check_pin(f, vf_pin_2, 1), -EACCES);
	WORKS(f, vf_set_pin(f, vf_pin_2, vf_pin_1));
	WORKS(f, vf_advance(f, f->info.generation + 1));
	sealed = &f->vault->wrapped.private;
	assert_true(was_heard(sealed->buffer, sealed->size));
	assert_false(was_heard(f->key, SEAL_KEY_LEN));
	assert_false(was_heard(f->vault->counter_auth.buffer,
	    VAULT_DIGEST_LEN));
	assert_false(pin_was_heard(f, vf_pin_1));
	assert_false(pin_was_heard(f, vf_pin_2));
	vf_done(f);
}

/* What a list is of is what it says itself, not what it was asked for. */
static void
pcrs_that_are_something_else(void **state)
{
	static struct vf own;
	struct vf *f = &own;
	uint8_t key[SEAL_KEY_LEN];

	(void)state;
	vf_new(f, false);
	tap_on(f, TAP_LISTS_HANDLES, 0, 0);
	FAILS(f, vault_create(f->vault, vf_target(f), 1 << 7, NULL, key,
	    f->wrapped, &f->len), -EIO, "makes no sense");
	assert_true(link_broken(f->link));
	vf_done(f);
}

static int
group_setup(void **state)
{
	(void)state;
	kept.f = mmap(NULL, sizeof(*kept.f), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(kept.f, MAP_FAILED);
	kept.tpm = test_malloc(FILE_MAX);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	test_free(kept.tpm);
	munmap(kept.f, sizeof(*kept.f));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_pin),
		cmocka_unit_test(nothing_on_the_bus),
		cmocka_unit_test(pcrs_that_are_something_else),
		cmocka_unit_test(survives_crashes),
		cmocka_unit_test(survives_crashes_counted),
		cmocka_unit_test(survives_errors),
		cmocka_unit_test(survives_errors_counted),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
