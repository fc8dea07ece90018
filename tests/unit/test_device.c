/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a state directory: what is said about one that is not as it
 * should be, who waits for whom, and running out of memory on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "authenticator/attest/attestation.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/clock.h"
#include "authenticator/device.h"
#include "authenticator/note.h"
#include "tests/store_fixture.h"

static char msg[DEVICE_MESSAGE_LEN];

/* OpenSSL's memory: this many more allocations, then none; -1: enough. */
static int allocations_left = -1;

static bool
may_allocate(void)
{
	if (allocations_left > 0)
		allocations_left--;
	return allocations_left != 0;
}

static void *
openssl_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return may_allocate() ? malloc(len) : NULL;
}

static void *
openssl_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return may_allocate() ? realloc(p, len) : NULL;
}

static void
openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static int
open_device(struct scratch *dir, bool create, bool manage,
    struct device **out)
{
	struct device_config cfg = { .path = dir->path, .create = create,
	    .manage = manage };

	device_config_default(&cfg);
	cfg.tpm.target = "none";
	msg[0] = '\0';
	return device_open(&cfg, 0, out, msg, sizeof(msg));
}

static void
make_key(struct scratch *dir)
{
	struct device *d;

	scratch_new(dir);
	assert_int_equal(open_device(dir, true, false, &d), 0);
	device_close(d);
}

static void
assert_refused(struct scratch *dir, int error, const char *why)
{
	struct device *d;

	assert_int_equal(open_device(dir, true, false, &d), error);
	if (strstr(msg, why) == NULL || strchr(msg, '\n') != NULL)
		fail_msg("says \"%s\"", msg);
	assert_non_null(strstr(msg, dir->path));
}

static void
write_byte(struct scratch *dir, const char *name, off_t at, uint8_t byte)
{
	int fd = openat(dir->fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* What is random may be any byte already. */
static void
damage_byte(struct scratch *dir, const char *name, off_t at)
{
	int fd = openat(dir->fd, name, O_RDONLY);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	close(fd);
	write_byte(dir, name, at, (uint8_t)~byte);
}

static void
test_damaged_software_key(void **state)
{
	struct scratch dir;

	(void)state;
	make_key(&dir);
	damage_byte(&dir, "software.key", 20);
	assert_refused(&dir, -EUCLEAN, "software.key is damaged");
	scratch_free(&dir);
}

/* The owner's reset is the reset of the standard: but for the counter, new. */
static void
test_reset_leaves_the_counter_and_a_trace(void **state)
{
	struct auth_state before, after, want = { .counter_ceiling = 700,
	    .was_reset = true };
	struct auth_change change = { .state = &before };
	struct scratch dir;
	struct device *d;

	(void)state;
	make_key(&dir);
	assert_int_equal(open_device(&dir, false, true, &d), 0);
	memset(&before, 1, sizeof(before));
	before.counter_ceiling = 700;
	before.credentials = 0;
	before.min_pin_rp_count = 0;
	before.bio_count = 0;
	before.generation = 0;
	assert_int_equal(store_commit(device_store(d), &change, NULL), 0);
	assert_int_equal(device_reset(d), 0);
	assert_int_equal(store_load(device_store(d), &after), 0);
	assert_memory_not_equal(after.epoch, before.epoch, KEY_EPOCH_LEN);
	memcpy(want.epoch, after.epoch, KEY_EPOCH_LEN);
	assert_memory_equal(&after, &want, sizeof(want));
	device_close(d);
	scratch_free(&dir);
}

static void
test_readable_software_key(void **state)
{
	struct scratch dir;

	(void)state;
	make_key(&dir);
	assert_int_equal(fchmodat(dir.fd, "software.key", 0644, 0), 0);
	assert_refused(&dir, -EPERM, "others can read software.key");
	scratch_free(&dir);
}

/* Where a log lies, the key that belongs to it is missing as well. */
static void
test_log_alone_gets_no_key(void **state)
{
	struct scratch dir;

	(void)state;
	scratch_new(&dir);
	write_byte(&dir, "sealkey.db-wal", 0, 1);
	assert_refused(&dir, -ENOENT, "software.key is missing");
	assert_int_equal(faccessat(dir.fd, "software.key", F_OK, 0), -1);
	scratch_free(&dir);
}

/*
 * In a process of its own: has the directory open for so long, or, if the key
 * is running, until it is killed.
 */
static pid_t
hold(struct scratch *dir, bool running, useconds_t us)
{
	struct device *d;
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		if (open_device(dir, false, true, &d) != 0 || (running &&
		    note_write(device_store(d), "/", "/run/x", "key1", msg,
		    sizeof(msg)) != 0) || write(ready[1], "", 1) != 1)
			_exit(1);
		while (running)
			pause();
		usleep(us);
		device_close(d);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void
assert_exit_0(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
test_waits_for_a_short_use(void **state)
{
	struct scratch dir;
	struct device *d;
	pid_t pid;

	(void)state;
	make_key(&dir);
	pid = hold(&dir, false, 300000);
	assert_int_equal(open_device(&dir, false, false, &d), 0);
	device_close(d);
	assert_exit_0(pid);
	scratch_free(&dir);
}

static void
test_does_not_wait_for_a_running_key(void **state)
{
	uint64_t begun_ms;
	struct scratch dir;
	pid_t pid;

	(void)state;
	make_key(&dir);
	pid = hold(&dir, true, 0);
	begun_ms = clock_ms();
	assert_refused(&dir, -EBUSY, "is in use by another sealkey");
	assert_true(clock_ms() - begun_ms < DEVICE_BUSY_MS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	scratch_free(&dir);
}

static void
test_gives_up_waiting(void **state)
{
	uint64_t begun_ms = clock_ms();
	struct scratch dir;
	int fd;

	(void)state;
	/* as software.c does while it makes the file */
	scratch_new(&dir);
	fd = open(dir.path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_refused(&dir, -EBUSY, "another sealkey is making a key");
	assert_true(clock_ms() - begun_ms >= DEVICE_BUSY_MS);
	close(fd);
	scratch_free(&dir);
}

/* With ever more memory, until it is enough. */
static void
test_openssl_without_memory(void **state)
{
	static uint8_t reply[AUTH_MESSAGE_MAX];
	struct scratch dir;
	struct device *d;
	size_t len;
	int n, r = -1;

	(void)state;
	make_key(&dir);
	for (n = 1; r != 0; n++) {
		allocations_left = n;
		r = open_device(&dir, false, false, &d);
		allocations_left = -1;
		assert_true(r == 0 || msg[0] != '\0');
		assert_true(n < 5000);
	}
	assert_int_equal(device_transact(d, span("\x04", 1), reply,
	    sizeof(reply), &len), 0);
	assert_int_equal(reply[0], 0);
	device_close(d);
	assert_true(n > 10);
	scratch_free(&dir);
}

/* Clients that know no Ed448 and ML-DSA would drop the key for them. */
static void
test_algorithms_offered_unasked(void **state)
{
	static const int want[] = { COSE_ES256, COSE_EDDSA, COSE_RS256,
		COSE_ES384, COSE_ES512, COSE_ES256K, COSE_PS256 };
	struct device_config cfg;

	(void)state;
	device_config_default(&cfg);
	assert_int_equal(cfg.auth.alg_count, sizeof(want) / sizeof(want[0]));
	assert_memory_equal(cfg.auth.algs, want, sizeof(want));
}

/* PEM of a root that somebody brings; to be freed with BIO_free(). */
static void
make_root(BIO **cert, BIO **key)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	struct certificate_plan plan = { .kind = CERTIFICATE_ROOT,
	    .key = pair, .issuer_key = pair, .now_s = time(NULL) };
	X509 *x;

	assert_non_null(pair);
	assert_int_equal(certificate_make(&plan, &x), 0);
	*cert = BIO_new(BIO_s_mem());
	*key = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(*cert, x), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(*key, pair, NULL, NULL, 0,
	    NULL, NULL), 1);
	X509_free(x);
	EVP_PKEY_free(pair);
}

static struct span
text_of(BIO *bio)
{
	char *p;
	long len = BIO_get_mem_data(bio, &p);

	return span(p, (size_t)len);
}

static void
attest(struct store *st, struct keys *keys, const uint8_t aaguid[static 16],
    const struct attestation_root *root)
{
	struct attestation_plan plan = { .aaguid = aaguid, .brought = root,
		.now_s = time(NULL) };
	struct attestation *att;

	assert_int_equal(attestation_load(st, keys, &plan, &att, msg,
	    sizeof(msg)), 0);
	attestation_free(att);
}

/*
 * A root was brought with its key, which is not kept; what it signed for
 * this kind of key is gone with a firmware of another kind.
 */
static void
make_key_of_a_brought_root(struct scratch *dir, BIO *cert, BIO *key)
{
	static const uint8_t other_aaguid[16] = { 0x01 };
	struct attestation_root root = { text_of(cert), text_of(key) };
	struct store_config sc = { .create = false };
	struct keys *keys;
	struct store *st;

	make_key(dir);
	assert_int_equal(keys_open_software(dir->fd, false, &keys), 0);
	assert_int_equal(store_open(dir->fd, dir->path, keys, &sc, &st, msg,
	    sizeof(msg)), 0);
	attest(st, keys, device_aaguid, &root);
	attest(st, keys, other_aaguid, NULL);
	store_close(st);
	keys_free(keys);
}

/* att.5: rather than a key that says ep and has nothing to show for it */
static void
test_enterprise_attestation_wants_its_root(void **state)
{
	struct device_config cfg = { .create = false };
	struct scratch dir;
	BIO *cert, *key;
	struct attestation_root root;
	struct device *d;

	(void)state;
	make_root(&cert, &key);
	make_key_of_a_brought_root(&dir, cert, key);
	device_config_default(&cfg);
	cfg.tpm.target = "none";
	cfg.path = dir.path;
	cfg.auth.features |= FEATURE_EP;
	/* what another attestation had does not count */
	cfg.auth.enterprise = (struct auth_attestation){
	    .x5c = { span_str("gone") }, .x5c_count = 1 };
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)),
	    -EKEYEXPIRED);
	assert_string_equal(msg, "the enterprise attestation certificate has "
	    "to be made: bring the attestation root and its key again");
	/* who does not want it does without */
	assert_int_equal(open_device(&dir, false, false, &d), 0);
	device_close(d);
	root = (struct attestation_root){ text_of(cert), text_of(key) };
	cfg.root = &root;
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), 0);
	device_close(d);
	/* and it is there from now on */
	cfg.root = NULL;
	assert_int_equal(device_open(&cfg, 0, &d, msg, sizeof(msg)), 0);
	device_close(d);
	BIO_free(cert);
	BIO_free(key);
	scratch_free(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms_offered_unasked),
		cmocka_unit_test(test_damaged_software_key),
		cmocka_unit_test(test_reset_leaves_the_counter_and_a_trace),
		cmocka_unit_test(test_readable_software_key),
		cmocka_unit_test(test_log_alone_gets_no_key),
		cmocka_unit_test(test_waits_for_a_short_use),
		cmocka_unit_test(test_does_not_wait_for_a_running_key),
		cmocka_unit_test(test_gives_up_waiting),
		cmocka_unit_test(test_enterprise_attestation_wants_its_root),
		cmocka_unit_test(test_openssl_without_memory),
	};

	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
	    openssl_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
