/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link to a TPM that refuses, answers nonsense or does not answer: every
 * code of the table at every command that the link itself sends, and every
 * way to spoil an answer. Each gives its errno and its line, and afterwards
 * the same TPM works again.
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

#include "tests/fault.h"
#include "tests/swtpm.h"
#include "tpm/link_impl.h"

#define WAIT_MAX_MS	3000

struct fixture {
	char		 dir[64];
	struct swtpm	 swtpm;
	char		 target[FAULT_TARGET_MAX];
	struct link	*link;
	struct keys_info info;
	char		 msg[256];
	uint8_t		 name[LINK_NAME_MAX];	/* of the persistent key */
};

static unsigned waited;

static void
do_not_wait(unsigned ms)
{
	waited += ms;
}

/* The table of TPM codes, as its readers know it. */
struct answer {
	TSS2_RC		 rc;
	int		 error;
	bool		 passes;	/* is tried again */
	bool		 breaks;	/* the link */
	const char	*line;		/* part of it */
};

static const struct answer answers[] = {
	{ 0x901, -EBUSY, true, false, "tpm2_flushcontext -s)" },
	{ 0x902, -EBUSY, true, false, "no room for another key" },
	{ 0x903, -EBUSY, true, false, "no room for another session" },
	{ 0x904, -EBUSY, true, false, "out of memory" },
	{ 0x905, -EBUSY, true, false, "out of session handles" },
	{ 0x906, -EBUSY, true, false, "out of object handles" },
	{ 0x908, -EBUSY, true, false, "keeps interrupting" },
	{ 0x909, -EBUSY, false, false, "cancelled" },
	{ 0x90a, -EBUSY, true, false, "testing itself" },
	{ 0x910, -ENODEV, false, true, "lost what was loaded" },
	{ 0x911, -ENODEV, false, true, "lost what was loaded" },
	{ 0x916, -ENODEV, false, true, "lost what was loaded" },
	{ 0x918, -ENODEV, true, false, "lost our session" },
	{ 0x919, -ENODEV, true, false, "lost our session" },
	{ 0x91e, -ENODEV, true, false, "lost our session" },
	{ 0x920, -EBUSY, true, false, "limits how often" },
	{ 0x921, -EBUSY, false, false, "tpm2_dictionarylockout -c" },
	{ 0x922, -EBUSY, true, false, "is busy" },
	{ 0x923, -EBUSY, true, false, "cannot write its memory" },
	{ 0x98e, -EACCES, false, false, "counted that towards" },
	{ 0x9a2, -EACCES, false, false, "tpm2_changeauth" },
	{ 0x12f, -EACCES, false, false, "tries are used up" },
	{ 0x1df, -EBADMSG, false, false, "made by another TPM" },
	{ 0x2e5, -EBADMSG, false, false, "do not belong together" },
	{ 0x18b, -ENODEV, false, false, "is not there" },
	{ 0x99d, -ESTALE, false, false, "PCRs" },
	{ 0x128, -ESTALE, false, false, "a PCR changed" },
	{ 0x14a, -ENODEV, false, false, "never written" },
	{ 0x14b, -EBUSY, false, false, "non-volatile memory is full" },
	{ 0x14c, -EBUSY, false, false, "took that index" },
	{ 0x148, -EBUSY, false, false, "locked until" },
	{ 0x149, -ENODEV, false, false, "does not let us in" },
	{ 0x100, -ENODEV, false, true, "nobody has started it" },
	{ 0x101, -ENODEV, false, true, "power switched off" },
	{ 0x12d, -EBUSY, false, false, "being updated" },
	{ 0x130, -EBUSY, false, false, "to be restarted first" },
	{ 0x185, -ENODEV, false, false, "owner hierarchy is disabled" },
	{ 0x120, -ENODEV, false, false, "disabled this command" },
	{ 0x01e, -ENODEV, false, false, "TPM 1.2" },
	{ 0x143, -ENOTSUP, false, false, "does not know this command" },
	{ 0x2e6, -ENOTSUP, false, false, "this curve" },
	{ 0x2c1, -ENOTSUP, false, false, "this kind of key" },
	{ 0x2d2, -ENOTSUP, false, false, "this signature scheme" },
	{ 0x2c3, -ENOTSUP, false, false, "this hash" },
	{ 0x2c7, -ENOTSUP, false, false, "keys of this size" },
	{ 0x2d6, -ENOTSUP, false, false, "this cipher" },
	/* not in the table */
	{ 0x102, -EIO, false, false, "0x102" },
	{ 0x1c4, -EIO, false, false, "0x1c4" },
	{ 0xfff, -EIO, false, false, "0xfff" },
};

#define ANSWERS	(sizeof(answers) / sizeof(answers[0]))

/* What the link does, from nothing: a session. */
enum stage { WITH_KEY, WITHOUT_KEY };

static const struct {
	const char	*command;
	enum stage	 stage;		/* a key is at the handle, or not */
} sent[] = {
	{ "ReadPublic", WITH_KEY },
	{ "Create", WITH_KEY },
	{ "StartAuthSession", WITH_KEY },
	{ "CreatePrimary", WITHOUT_KEY },
};

#define SENT	(sizeof(sent) / sizeof(sent[0]))

static void
quiet_teardown(struct fixture *f)
{
	link_close(f->link);
	f->link = NULL;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_link_bad.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	swtpm_on(&f->swtpm, f->dir);
	fault_target(f->target, f->dir, f->swtpm.target);
	waited = 0;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	quiet_teardown(f);
	swtpm_remove(&f->swtpm);
	fault_remove(f->dir);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int
try_open(struct fixture *f)
{
	int r;

	f->msg[0] = '\0';
	r = link_open(f->target, -1, false, &f->link, &f->info, f->msg,
	    sizeof(f->msg));
	if (r == 0)
		f->link->wait_ms = do_not_wait;
	return r;
}

static void
open_link(struct fixture *f)
{
	int r = try_open(f);

	if (r != 0)
		fail_msg("%d: %s", r, f->msg);
}

static void
script(struct fixture *f, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault_script(f->dir, text);
}

static void
keep_key(struct fixture *f)
{
	assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_createprimary -C o"
	    " -G ecc -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000001;"
	    " r=$?; rm -f p.ctx; tpm2_flushcontext -t; exit $r"), 0);
}

static int
use(struct fixture *f)
{
	ESYS_TR session;

	return link_session(f->link, true, true, &session);
}

static void
assert_line(const char *line, const char *part, const char *where,
    TSS2_RC rc)
{
	if (strstr(line, part) == NULL || strchr(line, '\n') != NULL ||
	    strlen(line) >= LINK_LINE_MAX - 1)
		fail_msg("%s 0x%x: \"%s\" is not in \"%s\"", where, rc, part,
		    line);
}

/* Works again: at once, or after opening it again if it says so. */
static void
assert_works(struct fixture *f, const char *where, unsigned long what)
{
	int r;

	fault_script(f->dir, "");
	if (f->link != NULL && link_broken(f->link))
		quiet_teardown(f);
	if (f->link == NULL)
		open_link(f);
	r = use(f);
	if (r != 0)
		fail_msg("after %s %lx: %d: %s", where, what, r,
		    link_strerror(f->link));
}

/* The table. */

static void
each_code_has_its_errno_and_line(void **state)
{
	/* what a format-one code may carry, and who may say it */
	static const TSS2_RC marks[] = { 0x000, 0x100, 0x200, 0x700, 0x800,
		0x900, 0xf00, 0x040, 0x140, 0xf40 };
	static const TSS2_RC layers[] = { 0, TSS2_RESMGR_RC_LAYER,
		TSS2_RESMGR_TPM_RC_LAYER };
	struct fixture *f = *state;
	TSS2_RC rc;

	open_link(f);
	for (size_t i = 0; i < ANSWERS; i++) {
		const struct answer *a = &answers[i];

		for (size_t m = 0; m < 3 * sizeof(marks) / sizeof(marks[0]);
		    m++) {
			rc = a->rc;
			if ((rc & 0x80) != 0 && a->rc != 0xfff &&
			    a->rc != 0x1c4)
				rc = (rc & 0xbf) | marks[m / 3];
			rc |= layers[m % 3];
			f->link->broken = false;
			assert_int_equal(link_result(f->link, rc, "do it"),
			    a->error);
			assert_line(link_strerror(f->link), a->line, "", rc);
			assert_line(link_strerror(f->link), "cannot do it: ",
			    "", rc);
			assert_int_equal(link_broken(f->link), a->breaks);
		}
	}
	f->link->broken = false;
	assert_int_equal(link_result(f->link, 0, "do it"), 0);
}

static void
lines_are_distinct(void **state)
{
	struct fixture *f = *state;
	char lines[ANSWERS][LINK_LINE_MAX];

	open_link(f);
	for (size_t i = 0; i < ANSWERS; i++) {
		link_result(f->link, answers[i].rc, "x");
		strcpy(lines[i], link_strerror(f->link));
		for (size_t k = 0; k < i; k++)
			if (strcmp(answers[i].line, answers[k].line) != 0)
				assert_string_not_equal(lines[i], lines[k]);
	}
}

static void
layers_above_break_the_link(void **state)
{
	static const struct {
		TSS2_RC		 rc;
		int		 error;
		const char	*line;
	} cases[] = {
		{ TSS2_TCTI_RC_IO_ERROR, -ENODEV, "does not answer" },
		{ TSS2_TCTI_RC_NO_CONNECTION, -ENODEV, "does not answer" },
		{ TSS2_TCTI_RC_TRY_AGAIN, -ENODEV, "does not answer" },
		{ TSS2_TCTI_RC_GENERAL_FAILURE, -ENODEV, "does not answer" },
		{ TSS2_TCTI_RC_MALFORMED_RESPONSE, -EIO, "makes no sense" },
		{ TSS2_TCTI_RC_MEMORY, -ENOMEM, "out of memory" },
		{ TSS2_ESYS_RC_MEMORY, -ENOMEM, "out of memory" },
		{ TSS2_ESYS_RC_RSP_AUTH_FAILED, -EIO, "not from the TPM" },
		{ TSS2_ESYS_RC_MALFORMED_RESPONSE, -EIO, "makes no sense" },
		{ TSS2_SYS_RC_MALFORMED_RESPONSE, -EIO, "makes no sense" },
		{ TSS2_SYS_RC_INSUFFICIENT_RESPONSE, -EIO, "makes no sense" },
		{ TSS2_MU_RC_INSUFFICIENT_BUFFER, -EIO, "makes no sense" },
	};
	struct fixture *f = *state;
	unsigned tries = 0;

	open_link(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->link->broken = false;
		assert_false(link_again(f->link, cases[i].rc, &tries));
		assert_int_equal(link_code(cases[i].rc), 0);
		assert_int_equal(link_result(f->link, cases[i].rc, "do it"),
		    cases[i].error);
		assert_line(link_strerror(f->link), cases[i].line, "",
		    cases[i].rc);
		assert_true(link_broken(f->link));
	}
	assert_int_equal(tries, 0);
}

/*
 * Handle 1 is of another type, or has other attributes: somebody has loaded
 * something of his there. Not so if a parameter is, or a session.
 */
static void
another_object_in_our_place_breaks_the_link(void **state)
{
	static const struct {
		TSS2_RC	 rc;
		bool	 replaced;
	} cases[] = {
		{ 0x18a, true }, { 0x28a, true }, { 0x182, true },
		{ 0x1ca, false }, { 0x2c2, false }, { 0x98a, false },
		{ 0x184, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_link(f);
		assert_int_equal(link_result(f->link, cases[i].rc, "try"),
		    -EIO);
		assert_int_equal(link_broken(f->link), cases[i].replaced);
		assert_line(link_strerror(f->link), cases[i].replaced ?
		    "use a resource manager" : "the TPM says 0x", "case",
		    cases[i].rc);
		quiet_teardown(f);
	}
}

static void
patience_has_an_end(void **state)
{
	struct fixture *f = *state;

	open_link(f);
	for (size_t i = 0; i < ANSWERS; i++) {
		unsigned tries = 0, again = 0;

		waited = 0;
		while (link_again(f->link, answers[i].rc, &tries))
			again++;
		assert_int_equal(again > 0, answers[i].passes);
		assert_true(again <= 8);
		assert_true(waited < WAIT_MAX_MS);
		if (answers[i].passes)
			assert_true(waited > 500);
		else
			assert_int_equal(waited, 0);
	}
}

/* At the link's own commands. */

/*
 * What is refused there and is no reason to give up: nothing at the handle,
 * and a key with a password.
 */
static bool
has_a_way_around(size_t s, TSS2_RC rc)
{
	if (strcmp(sent[s].command, "ReadPublic") == 0)
		return link_code(rc) == TPM2_RC_HANDLE;
	if (strcmp(sent[s].command, "Create") == 0)
		return rc == 0x98e || rc == 0x9a2 || rc == 0x12f;
	return false;
}

static void
each_code_at_each_command(void **state)
{
	struct fixture *f = *state;
	bool kept = false;
	int r;

	for (size_t s = SENT; s-- > 0;) {
		if (sent[s].stage == WITH_KEY && !kept) {
			quiet_teardown(f);
			keep_key(f);
			kept = true;
		}
		for (size_t i = 0; i < ANSWERS; i++) {
			const struct answer *a = &answers[i];
			bool around = has_a_way_around(s, a->rc);

			if (f->link == NULL)
				open_link(f);
			link_drop_srk(f->link);
			script(f, "%s rc 0x%x", sent[s].command, a->rc);
			r = use(f);
			if (r != (around ? 0 : a->error))
				fail_msg("%s 0x%x: %d: %s", sent[s].command,
				    a->rc, r, link_strerror(f->link));
			if (!around)
				assert_line(link_strerror(f->link), a->line,
				    sent[s].command, a->rc);
			assert_int_equal(link_broken(f->link),
			    a->breaks && !around);
			assert_works(f, sent[s].command, a->rc);
		}
	}
}

static void
what_passes_is_not_even_noticed(void **state)
{
	struct fixture *f = *state;

	keep_key(f);
	open_link(f);
	for (size_t s = 0; s < SENT; s++) {
		if (sent[s].stage != WITH_KEY)
			continue;
		for (size_t i = 0; i < ANSWERS; i++) {
			if (!answers[i].passes)
				continue;
			link_drop_srk(f->link);
			script(f, "%s#1 rc 0x%x\n%s#2 rc 0x%x",
			    sent[s].command, answers[i].rc, sent[s].command,
			    answers[i].rc);
			assert_int_equal(use(f), 0);
			assert_false(link_broken(f->link));
		}
	}
}

static void
each_code_when_opening(void **state)
{
	static const char *const commands[] = { "Startup", "GetCapability",
		"GetCapability#2", "GetCapability#3" };
	struct fixture *f = *state;
	int r;

	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		for (size_t i = 0; i < ANSWERS; i++) {
			const struct answer *a = &answers[i];

			/* a wait would be one, here */
			if (a->passes)
				continue;
			script(f, "%s rc 0x%x", commands[c], a->rc);
			r = try_open(f);
			if (a->rc == 0x100 && c == 0) {
				assert_int_equal(r, 0);
			} else {
				if (r != a->error)
					fail_msg("%s 0x%x: %d: %s",
					    commands[c], a->rc, r, f->msg);
				assert_null(f->link);
				assert_line(f->msg, a->line, commands[c],
				    a->rc);
			}
			assert_works(f, commands[c], a->rc);
			quiet_teardown(f);
		}
	}
}

static void
flushing_never_fails(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ANSWERS; i++) {
		open_link(f);
		assert_int_equal(use(f), 0);
		script(f, "FlushContext rc 0x%x", answers[i].rc);
		link_drop_srk(f->link);
		quiet_teardown(f);
		fault_script(f->dir, "");
		assert_int_equal(swtpm_tool(&f->swtpm, "tpm2_flushcontext -t;"
		    " tpm2_flushcontext -l; tpm2_getcap handles-transient"), 0);
	}
}

/* Spoiled answers. */

static const char *const all_commands[] = { "Startup", "GetCapability",
	"GetCapability#2", "GetCapability#3", "ReadPublic", "Create",
	"StartAuthSession" };

#define ALL	(sizeof(all_commands) / sizeof(all_commands[0]))

/*
 * Whatever comes of it: a result with a line, no other storage root key than
 * the real one, and the TPM works afterwards.
 */
static void
try_spoiled(struct fixture *f, const char *command, const char *how,
    unsigned n, unsigned mask)
{
	uint8_t name[LINK_NAME_MAX];
	size_t len;
	int r;

	if (f->link != NULL && strcmp(command, "ReadPublic") < 0 &&
	    strcmp(command, "Create") != 0)
		quiet_teardown(f);
	if (f->link != NULL && strcmp(command, "Startup") == 0)
		quiet_teardown(f);
	if (f->link != NULL)
		link_drop_srk(f->link);
	script(f, "%s %s %u 0x%x", command, how, n, mask);
	if (strcmp(how, "flip") != 0)
		script(f, "%s %s %u", command, how, n);
	r = f->link == NULL ? try_open(f) : 0;
	if (r == 0) {
		r = use(f);
		if (r == 0) {
			assert_int_equal(link_srk_name(f->link, name, &len),
			    0);
			/* of another type or hash, it is passed over */
			if (memcmp(name, f->name, LINK_NAME_MAX) != 0 &&
			    (strcmp(command, "ReadPublic") != 0 || n < 12 ||
			    n > 15))
				fail_msg("%s %s %u: another key", command,
				    how, n);
		} else {
			assert_true(link_strerror(f->link)[0] != '\0');
		}
	} else {
		assert_true(f->msg[0] != '\0');
	}
	if (r > 0)
		fail_msg("%s %s %u: %d", command, how, n, r);
	assert_works(f, command, n);
}

static void
learn_name(struct fixture *f)
{
	size_t len;

	keep_key(f);
	open_link(f);
	assert_int_equal(link_srk_name(f->link, f->name, &len), 0);
	assert_int_equal(len, LINK_NAME_MAX);
}

static void
answers_cut_short_or_too_long(void **state)
{
	static const unsigned lengths[] = { 0, 1, 5, 6, 9, 10, 11, 12, 14, 20,
		40, 80, 160 };
	static const unsigned more[] = { 1, 2, 64, 4096, 8000 };
	struct fixture *f = *state;

	learn_name(f);
	for (size_t c = 0; c < ALL; c++) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]);
		    i++) {
			try_spoiled(f, all_commands[c], "cut", lengths[i], 0);
			try_spoiled(f, all_commands[c], "truncate",
			    lengths[i], 0);
		}
		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
			try_spoiled(f, all_commands[c], "extend", more[i], 0);
			try_spoiled(f, all_commands[c], "append", more[i], 0);
		}
	}
}

static void
answers_with_bits_flipped(void **state)
{
	static const unsigned masks[] = { 0x01, 0x80, 0xff };
	struct fixture *f = *state;

	learn_name(f);
	for (size_t c = 0; c < ALL; c++)
		for (unsigned i = 0; i < 180; i += i < 20 ? 1 : 7)
			try_spoiled(f, all_commands[c], "flip", i,
			    masks[i % 3]);
}

/*
 * ReadPublic says which key the salt of our sessions is encrypted to: there,
 * each bit counts.
 */
static void
another_public_area_under_the_same_name(void **state)
{
	struct fixture *f = *state;
	bool in_point;
	int r;

	learn_name(f);
	/* from where its size, which nobody reads, ends */
	for (unsigned i = 12; i < 102; i++) {
		in_point = i >= 36 && i != 68 && i != 69;
		link_drop_srk(f->link);
		memcpy(f->link->pinned.bytes, f->name, LINK_NAME_MAX);
		f->link->pinned.len = LINK_NAME_MAX;
		script(f, "ReadPublic flip %u 0x01\nStartAuthSession lost", i);
		r = use(f);
		/* -ENODEV: that is some other kind of key, so it is not ours */
		if (r != -EIO && (in_point || r != -ENODEV))
			fail_msg("%u: %d", i, r);
		if (in_point)
			assert_line(link_strerror(f->link),
			    "its name is not its own", "byte", i);
		/* nothing was encrypted to it */
		if (strstr(link_strerror(f->link), "start a session") != NULL)
			fail_msg("%u: %s", i, link_strerror(f->link));
		assert_works(f, "flip", i);
	}
}

static void
no_answer_at_all(void **state)
{
	static const char *const how[] = { "error", "lost", "huge" };
	struct fixture *f = *state;

	learn_name(f);
	for (size_t c = 4; c < ALL; c++)
		for (size_t i = 0; i < 3; i++) {
			if (f->link == NULL)
				open_link(f);
			link_drop_srk(f->link);
			script(f, "%s %s", all_commands[c], how[i]);
			if (i < 2) {
				assert_int_equal(use(f), -ENODEV);
				assert_line(link_strerror(f->link),
				    "does not answer", all_commands[c], 0);
			} else {
				assert_true(use(f) < 0);
			}
			assert_true(link_broken(f->link));
			/* and stays so, without crashing */
			fault_script(f->dir, "");
			use(f);
			assert_works(f, how[i], c);
		}
	for (size_t c = 0; c < 4; c++)
		for (size_t i = 0; i < 2; i++) {
			quiet_teardown(f);
			script(f, "%s %s", all_commands[c], how[i]);
			assert_int_equal(try_open(f), -ENODEV);
			assert_line(f->msg, "does not answer",
			    all_commands[c], 0);
			assert_works(f, how[i], c);
		}
}

static void
library_is_named_without_its_path(void **state)
{
	struct fixture *f = *state;

	open_link(f);
	assert_string_equal(f->info.kind, "fault");
	assert_string_equal(f->info.target, f->target);
	assert_false(f->info.hardware);
}

/* Whose process has ended. */
static void
tpm_that_goes_away(void **state)
{
	struct fixture *f = *state;

	learn_name(f);
	assert_int_equal(use(f), 0);
	link_drop_srk(f->link);
	swtpm_off(&f->swtpm);
	assert_int_equal(use(f), -ENODEV);
	assert_true(link_broken(f->link));
	quiet_teardown(f);
	assert_int_equal(try_open(f), -ENODEV);
	assert_non_null(strstr(f->msg, "cannot reach a TPM at"));
	swtpm_on(&f->swtpm, f->dir);
	assert_works(f, "off", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(each_code_has_its_errno_and_line),
		TEST(lines_are_distinct),
		TEST(layers_above_break_the_link),
		TEST(another_object_in_our_place_breaks_the_link),
		TEST(patience_has_an_end),
		TEST(each_code_at_each_command),
		TEST(what_passes_is_not_even_noticed),
		TEST(each_code_when_opening),
		TEST(flushing_never_fails),
		TEST(answers_cut_short_or_too_long),
		TEST(answers_with_bits_flipped),
		TEST(another_public_area_under_the_same_name),
		TEST(no_answer_at_all),
		TEST(library_is_named_without_its_path),
		TEST(tpm_that_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
