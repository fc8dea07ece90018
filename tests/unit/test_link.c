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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpm/embedded.h"
#include "tpm/link.h"

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct link	*link;
	struct keys_info info;
	char		 msg[256];
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
	assert_non_null(strstr(link_strerror(f->link), "not the one"));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(embedded_says_what_it_is),
		TEST(embedded_keeps_its_storage_root_key),
		TEST(another_name_is_refused),
		TEST(session_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
