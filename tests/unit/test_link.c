/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link to a TPM: the embedded one, and swtpm over its sockets. What other
 * programs do to a TPM is done by tpm2-tools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include "tests/swtpm.h"
#include "tpm/embedded.h"
#include "tpm/link.h"

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct link	*link;
	struct keys_info info;
	char		 msg[256];
	struct swtpm	 swtpm;
	/* what is loaded, oldest first, and how often we had to evict */
	ESYS_TR		 keys[8];
	unsigned	 keys_len;
	unsigned	 evicted;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_link.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(f->dirfd, -1);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	link_close(f->link);
	if (f->swtpm.dir[0] != '\0')
		swtpm_remove(&f->swtpm);
	unlinkat(f->dirfd, EMBEDDED_FILE, 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void
open_link(struct fixture *f, const char *target, bool create)
{
	int r;

	memset(&f->info, 0, sizeof(f->info));
	r = link_open(target, f->dirfd, create, &f->link, &f->info, f->msg,
	    sizeof(f->msg));
	if (r != 0)
		fail_msg("%s: %d: %s", target, r, f->msg);
}

static void
close_link(struct fixture *f)
{
	link_close(f->link);
	f->link = NULL;
}

static void
open_swtpm(struct fixture *f)
{
	swtpm_on(&f->swtpm, f->dir);
	open_link(f, f->swtpm.target, false);
}

static void
assert_line(const struct fixture *f, const char *part)
{
	if (strstr(link_strerror(f->link), part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part,
		    link_strerror(f->link));
}

static int
load_key(struct fixture *f)
{
	TPM2B_SENSITIVE_CREATE secret = { .sensitive.data = { 1, { 7 } } };
	TPM2B_PUBLIC seal = { .publicArea = { .type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM |
		    TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA |
		    TPMA_OBJECT_USERWITHAUTH,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL } };
	TPM2B_DATA outside = { 0 };
	TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PRIVATE *priv = NULL;
	TPM2B_PUBLIC *pub = NULL;
	ESYS_TR srk, session, key = ESYS_TR_NONE;
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	r = link_srk(f->link, &srk);
	if (r == 0)
		r = link_room(f->link);
	if (r != 0)
		return r;
	do {
		r = link_session(f->link, true, false, &session);
		if (r != 0)
			return r;
		rc = Esys_Create(link_esys(f->link), srk, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, &secret, &seal, &outside,
		    &pcrs, &priv, &pub, NULL, NULL, NULL);
	} while (link_again(f->link, rc, &tries));
	r = link_result(f->link, rc, "make a key");
	tries = 0;
	while (r == 0) {
		r = link_session(f->link, true, false, &session);
		if (r != 0)
			break;
		rc = Esys_Load(link_esys(f->link), srk, session, ESYS_TR_NONE,
		    ESYS_TR_NONE, priv, pub, &key);
		if (link_again(f->link, rc, &tries))
			continue;
		r = link_result(f->link, rc, "load a key");
		break;
	}
	Esys_Free(priv);
	Esys_Free(pub);
	if (r != 0)
		return r;
	link_loaded(f->link);
	f->keys[f->keys_len++] = key;
	return 0;
}

static bool
evict_oldest(void *arg)
{
	struct fixture *f = arg;

	if (f->keys_len == 0)
		return false;
	link_flush(f->link, &f->keys[0]);
	assert_int_equal(f->keys[0], ESYS_TR_NONE);
	memmove(f->keys, f->keys + 1, --f->keys_len * sizeof(f->keys[0]));
	f->evicted++;
	return true;
}

static int
unseal(struct fixture *f, ESYS_TR key)
{
	TPM2B_SENSITIVE_DATA *data = NULL;
	unsigned tries = 0;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	do {
		r = link_session(f->link, false, true, &session);
		if (r != 0)
			return r;
		rc = Esys_Unseal(link_esys(f->link), key, session,
		    ESYS_TR_NONE, ESYS_TR_NONE, &data);
	} while (link_again(f->link, rc, &tries));
	r = link_result(f->link, rc, "unseal");
	if (r == 0) {
		assert_int_equal(data->size, 1);
		assert_int_equal(data->buffer[0], 7);
	}
	Esys_Free(data);
	return r;
}

static void
embedded_says_what_it_is(void **state)
{
	struct fixture *f = *state;

	open_link(f, "embedded", true);
	assert_string_equal(f->info.kind, "embedded");
	assert_string_equal(f->info.target, "embedded");
	assert_string_equal(f->info.manufacturer, "IBM");
	assert_int_equal(f->info.manufacturer_id, 0x49424d00);
	assert_string_equal(f->info.vendor, "SW   TPM");
	assert_string_equal(f->info.revision, "1.64");
	assert_true(f->info.firmware != 0);
	assert_true(f->info.tpm);
	assert_false(f->info.hardware);
	assert_true(f->info.has_ek[0]);
	assert_true(f->info.has_ek[1]);
	assert_true(f->info.has_ek[2]);
	assert_true(link_has_curve(f->link, TPM2_ECC_NIST_P384));
	assert_true(link_has_alg(f->link, TPM2_ALG_ECDSA));
	assert_false(link_has_alg(f->link, TPM2_ALG_SM4 + 0x1000));
	assert_int_equal(link_property(f->link, TPM2_PT_HR_TRANSIENT_MIN), 3);
	assert_int_equal(link_property(f->link, 0x1ff), 0);
}

static void
embedded_keeps_its_storage_root_key(void **state)
{
	struct fixture *f = *state;
	uint8_t name[LINK_NAME_MAX], again[LINK_NAME_MAX];
	size_t len, again_len;
	ESYS_TR srk;

	open_link(f, "embedded", true);
	assert_int_equal(link_srk_name(f->link, name, &len), 0);
	assert_int_equal(len, 34);
	close_link(f);
	open_link(f, "embedded", false);
	assert_int_equal(Esys_TR_FromTPMPublic(link_esys(f->link),
	    LINK_SRK_HANDLE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &srk),
	    0);
	assert_int_equal(link_pin(f->link, span(name, len)), 0);
	assert_int_equal(link_srk_name(f->link, again, &again_len), 0);
	assert_memory_equal(name, again, len);
}

static void
another_name_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t name[LINK_NAME_MAX];
	size_t len;

	open_link(f, "embedded", true);
	assert_int_equal(link_srk_name(f->link, name, &len), 0);
	name[len - 1] ^= 1;
	assert_int_equal(link_pin(f->link, span(name, len)), -ENODEV);
	assert_non_null(strstr(link_strerror(f->link), "not the TPM"));
	name[len - 1] ^= 1;
	assert_int_equal(link_pin(f->link, span(name, len)), 0);
}

static void
session_is_made_once(void **state)
{
	struct fixture *f = *state;
	TPM2B_DIGEST *random = NULL;
	ESYS_TR one, two;

	open_link(f, "embedded", true);
	assert_int_equal(link_session(f->link, false, true, &one), 0);
	assert_int_equal(Esys_GetRandom(link_esys(f->link), one, ESYS_TR_NONE,
	    ESYS_TR_NONE, 32, &random), 0);
	assert_int_equal(random->size, 32);
	Esys_Free(random);
	assert_int_equal(link_session(f->link, true, false, &two), 0);
	assert_int_equal(one, two);
}

static void
swtpm_says_what_it_is(void **state)
{
	struct fixture *f = *state;

	open_swtpm(f);
	assert_string_equal(f->info.kind, "swtpm");
	assert_string_equal(f->info.target, f->swtpm.target);
	assert_string_equal(f->info.vendor, "SW   TPM");
	assert_false(f->info.hardware);
}

static void
key_at_the_agreed_handle_is_used(void **state)
{
	struct fixture *f = *state;
	uint8_t name[LINK_NAME_MAX];
	size_t len;
	TPM2B_NAME *theirs = NULL;
	ESYS_TR tr;

	swtpm_on(&f->swtpm, f->dir);
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_createprimary -C o -G rsa"
	    " -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000001;"
	    " r=$?; rm -f p.ctx; tpm2_flushcontext -t; exit $r"), 0);
	open_link(f, f->swtpm.target, false);
	assert_false(link_srk_kept(f->link));
	assert_int_equal(link_srk_name(f->link, name, &len), 0);
	assert_true(link_srk_kept(f->link));
	assert_int_equal(Esys_TR_FromTPMPublic(link_esys(f->link),
	    LINK_SRK_HANDLE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr),
	    0);
	assert_int_equal(Esys_TR_GetName(link_esys(f->link), tr, &theirs), 0);
	assert_int_equal(len, theirs->size);
	assert_memory_equal(name, theirs->name, len);
	Esys_Free(theirs);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(unseal(f, f->keys[0]), 0);
}

/* What is there and is none of ours stays, and another one is made. */
static void
other_keys_at_the_handle_are_left_alone(void **state)
{
	static const char *const made[] = {
		/* signs */
		"tpm2_createprimary -C o -G ecc -a 'fixedtpm|fixedparent|"
		    "sensitivedataorigin|userwithauth|sign' -c p.ctx",
		/* wants a password, which counts towards the lockout or not */
		"tpm2_createprimary -C o -G ecc -p secret -c p.ctx",
		"tpm2_createprimary -C o -G ecc -p secret -a 'fixedtpm|"
		    "fixedparent|sensitivedataorigin|userwithauth|noda|"
		    "restricted|decrypt' -c p.ctx",
		/* another hash */
		"tpm2_createprimary -C o -g sha384 -G ecc -c p.ctx",
	};
	struct fixture *f = *state;
	char line[512];
	uint8_t name[LINK_NAME_MAX], first[LINK_NAME_MAX];
	size_t len, first_len = 0;

	swtpm_on(&f->swtpm, f->dir);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(line, sizeof(line), "%s && tpm2_evictcontrol -C o"
		    " -c p.ctx 0x81000001; r=$?; rm -f p.ctx;"
		    " tpm2_flushcontext -t; exit $r", made[i]);
		assert_int_equal(swtpm_tool(&f->swtpm, line), 0);
		assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_readpublic"
		    " -c 0x81000001 -n name"), 0);
		open_link(f, f->swtpm.target, false);
		assert_int_equal(link_srk_name(f->link, name, &len), 0);
		if (i == 0)
			memcpy(first, name, first_len = len);
		assert_int_equal(len, first_len);
		assert_memory_equal(name, first, len);
		assert_int_equal(load_key(f), 0);
		assert_int_equal(unseal(f, f->keys[0]), 0);
		f->keys_len = 0;
		close_link(f);
		assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_flushcontext -t;"
		    " tpm2_readpublic -c 0x81000001 -n name2 && cmp name"
		    " name2; r=$?; rm -f name name2; tpm2_evictcontrol -C o"
		    " -c 0x81000001 && exit $r"), 0);
	}
}

/* Removed, it can be made again; so that is no reason to refuse. */
static void
pinned_key_is_made_again(void **state)
{
	struct fixture *f = *state;
	uint8_t name[LINK_NAME_MAX];
	size_t len;

	open_swtpm(f);
	assert_int_equal(link_srk_name(f->link, name, &len), 0);
	close_link(f);
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_createprimary -C o"
	    " -G rsa -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000001;"
	    " r=$?; rm -f p.ctx; tpm2_flushcontext -t; exit $r"), 0);
	open_link(f, f->swtpm.target, false);
	assert_int_equal(link_pin(f->link, span(name, len)), 0);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(unseal(f, f->keys[0]), 0);
}

static void
cleared_tpm_is_another_one(void **state)
{
	struct fixture *f = *state;
	uint8_t name[LINK_NAME_MAX];
	size_t len;

	open_swtpm(f);
	assert_int_equal(link_srk_name(f->link, name, &len), 0);
	close_link(f);
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_clear -c p"), 0);
	open_link(f, f->swtpm.target, false);
	assert_int_equal(link_pin(f->link, span(name, len)), -ENODEV);
	assert_line(f, "was cleared");
}

static void
older_keys_make_room(void **state)
{
	struct fixture *f = *state;

	open_swtpm(f);
	link_on_evict(f->link, evict_oldest, f);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(load_key(f), 0);
		assert_int_equal(f->keys_len, i == 0 ? 1 : 2);
		for (unsigned k = 0; k < f->keys_len; k++)
			assert_int_equal(unseal(f, f->keys[k]), 0);
	}
	assert_int_equal(f->evicted, 4);
}

/* A TPM that has less room than it says. */
static void
full_memory_is_retried_with_less(void **state)
{
	struct fixture *f = *state;

	swtpm_on(&f->swtpm, f->dir);
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_createprimary -C n"
	    " -G ecc -c p.ctx; r=$?; rm -f p.ctx; exit $r"), 0);
	open_link(f, f->swtpm.target, false);
	link_on_evict(f->link, evict_oldest, f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(load_key(f), 0);
		assert_int_equal(f->keys_len, 1);
	}
	assert_int_equal(f->evicted, 2);
}

/* What somebody left behind who was killed. */
static void
remains_in_memory_are_flushed(void **state)
{
	struct fixture *f = *state;

	swtpm_on(&f->swtpm, f->dir);
	assert_int_equal(swtpm_tool(&f->swtpm, "for i in 1 2 3; do"
	    " tpm2_createprimary -C n -G ecc -c p.ctx || exit;"
	    " tpm2_startauthsession -S s$i.ctx || exit; done; rm -f p.ctx"
	    " s?.ctx"), 0);
	open_link(f, f->swtpm.target, false);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(unseal(f, f->keys[0]), 0);
	assert_int_equal(unseal(f, f->keys[1]), 0);
}

/* So that it cannot be called an accident: ten that were killed. */
static void
killed_processes_leave_the_tpm_usable(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	swtpm_on(&f->swtpm, f->dir);
	for (int i = 0; i < 10; i++) {
		pid = fork();
		if (pid == 0) {
			if (link_open(f->swtpm.target, f->dirfd, false,
			    &f->link, &f->info, f->msg, sizeof(f->msg)) != 0 ||
			    load_key(f) != 0 || load_key(f) != 0)
				_exit(1);
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
}

/* TPM2_FlushContext, past ESAPI. */
static void
flush_behind(struct fixture *f, TPM2_HANDLE handle)
{
	uint8_t command[14] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65,
		handle >> 24, handle >> 16, handle >> 8, handle };
	uint8_t answer[64];
	size_t len = sizeof(answer);
	TSS2_TCTI_CONTEXT *tcti;

	assert_int_equal(Esys_GetTcti(link_esys(f->link), &tcti), 0);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(command), command),
	    0);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &len, answer,
	    TSS2_TCTI_TIMEOUT_BLOCK), 0);
	assert_int_equal(len, 10);
	assert_memory_equal(answer + 6, "\0\0\0\0", 4);
}

static void
lost_session_is_made_again(void **state)
{
	struct fixture *f = *state;
	TPM2_HANDLE handle;
	ESYS_TR session, other;

	open_link(f, "embedded", true);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(link_session(f->link, false, true, &session), 0);
	assert_int_equal(Esys_TR_GetTpmHandle(link_esys(f->link), session,
	    &handle), 0);
	flush_behind(f, handle);
	assert_int_equal(unseal(f, f->keys[0]), 0);
	assert_false(link_broken(f->link));
	assert_int_equal(link_session(f->link, false, true, &other), 0);
	assert_int_not_equal(session, other);
}

static void
lost_object_breaks_the_link(void **state)
{
	struct fixture *f = *state;
	TPM2_HANDLE handle;

	open_link(f, "embedded", true);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(Esys_TR_GetTpmHandle(link_esys(f->link), f->keys[0],
	    &handle), 0);
	flush_behind(f, handle);
	assert_int_equal(unseal(f, f->keys[0]), -ENODEV);
	assert_line(f, "has lost what was loaded");
	assert_true(link_broken(f->link));
}

static void
reset_breaks_the_link(void **state)
{
	struct fixture *f = *state;
	uint8_t name[LINK_NAME_MAX];
	size_t len;

	open_swtpm(f);
	assert_int_equal(link_srk_name(f->link, name, &len), 0);
	assert_int_equal(load_key(f), 0);
	swtpm_reset(&f->swtpm);
	assert_int_equal(unseal(f, f->keys[0]), -ENODEV);
	assert_line(f, "has lost what was loaded");
	assert_true(link_broken(f->link));
	f->keys_len = 0;
	close_link(f);
	open_link(f, f->swtpm.target, false);
	assert_int_equal(link_pin(f->link, span(name, len)), 0);
	assert_int_equal(load_key(f), 0);
	assert_int_equal(unseal(f, f->keys[0]), 0);
}

/* Flushed by somebody else: the session and the storage root key as well. */
static void
clear_underneath_breaks_the_link(void **state)
{
	struct fixture *f = *state;
	ESYS_CONTEXT *esys;

	open_link(f, "embedded", true);
	assert_int_equal(load_key(f), 0);
	esys = link_esys(f->link);
	assert_int_equal(Esys_Clear(esys, ESYS_TR_RH_PLATFORM,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
	assert_int_equal(unseal(f, f->keys[0]), -ENODEV);
	assert_line(f, "has lost what was loaded");
	assert_true(link_broken(f->link));
}

static void
lockout_is_told_apart(void **state)
{
	struct fixture *f = *state;

	swtpm_on(&f->swtpm, f->dir);
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_createprimary -C o"
	    " -G ecc -p secret -c p.ctx && tpm2_evictcontrol -C o -c p.ctx"
	    " 0x81000001; tpm2_flushcontext -t; for i in 1 2 3; do tpm2_create"
	    " -C 0x81000001 -P wrong -u u -r r; done; rm -f p.ctx;"
	    " tpm2_getcap properties-variable | grep 'inLockout: *1'"), 0);
	open_link(f, f->swtpm.target, false);
	assert_int_equal(load_key(f), -EBUSY);
	assert_line(f, "tpm2_dictionarylockout");
}

static void
absent_tpms_are_told_apart(void **state)
{
	static const struct {
		const char *target, *line;
	} cases[] = {
		{ "device:/dev/there-is-none", "there is no TPM at" },
		{ "device:/dev/null", "it does not answer" },
		{ "swtpm:path=/nonexistent", "cannot reach a TPM at" },
		{ "swtpm:nonsense", "cannot reach a TPM at" },
		{ "mssim:host=localhost,port=1", "cannot reach a TPM at" },
		{ "nosuchtcti:x", "cannot reach a TPM at" },
		{ "/nonexistent/libtss2-tcti-x.so", "cannot reach a TPM at" },
		{ "", "cannot reach a TPM at" },
		{ ":", "cannot reach a TPM at" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->msg[0] = '\0';
		assert_int_equal(link_open(cases[i].target, f->dirfd, true,
		    &f->link, &f->info, f->msg, sizeof(f->msg)), -ENODEV);
		assert_null(f->link);
		if (strstr(f->msg, cases[i].line) == NULL)
			fail_msg("%s: %s", cases[i].target, f->msg);
		assert_null(strchr(f->msg, '\n'));
		assert_int_equal(strstr(f->msg, "with --tpm") != NULL,
		    strstr(f->msg, "does not answer") == NULL);
		/* a key that was made cannot go elsewhere */
		assert_int_equal(link_open(cases[i].target, f->dirfd, false,
		    &f->link, &f->info, f->msg, sizeof(f->msg)), -ENODEV);
		assert_null(strstr(f->msg, "--tpm"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(embedded_says_what_it_is),
		TEST(embedded_keeps_its_storage_root_key),
		TEST(another_name_is_refused),
		TEST(session_is_made_once),
		TEST(swtpm_says_what_it_is),
		TEST(key_at_the_agreed_handle_is_used),
		TEST(other_keys_at_the_handle_are_left_alone),
		TEST(pinned_key_is_made_again),
		TEST(cleared_tpm_is_another_one),
		TEST(older_keys_make_room),
		TEST(full_memory_is_retried_with_less),
		TEST(remains_in_memory_are_flushed),
		TEST(killed_processes_leave_the_tpm_usable),
		TEST(lost_session_is_made_again),
		TEST(lost_object_breaks_the_link),
		TEST(reset_breaks_the_link),
		TEST(clear_underneath_breaks_the_link),
		TEST(lockout_is_told_apart),
		TEST(absent_tpms_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
