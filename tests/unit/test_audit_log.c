/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log of operations: written, rotated, full disks, and read. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/audit.h"
#include "authenticator/audit_log.h"
#include "authenticator/audit_read.h"
#include "authenticator/device.h"
#include "tests/bench.h"
#include "tests/store_fixture.h"

#define NOW_MS	UINT64_C(1785585600000)	/* 2026-08-01T12:00:00Z */

static struct scratch dir;
static struct device *device;
static struct audit_log *a;

/* What was read: "event/rpId/count" and a space for each line. */
static char seen[4096];
static unsigned lines;

/* What the journal was told last, a field on each line; and how often. */
static char journal[4096];
static unsigned messages;

/* Instead of libsystemd's, which sendv() is a macro for. */
int sd_journal_sendv_with_location(const char *file, const char *line,
    const char *func, const struct iovec *iov, int n);

int
sd_journal_sendv_with_location(const char *file, const char *line,
    const char *func, const struct iovec *iov, int n)
{
	size_t len = 0;

	(void)file;
	(void)line;
	(void)func;
	messages++;
	for (int i = 0; i < n; i++) {
		assert_true(len + iov[i].iov_len + 2 < sizeof(journal));
		memcpy(journal + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
		journal[len++] = '\n';
	}
	journal[len] = '\0';
	return 0;
}

static int
note_line(void *arg, json_t *line)
{
	const char *rp = json_string_value(json_object_get(line, "rpId"));
	json_int_t count = json_integer_value(json_object_get(line, "count"));
	size_t len = strlen(seen);

	lines++;
	if (len + 100 < sizeof(seen))
		snprintf(seen + len, sizeof(seen) - len, "%s/%s/%d ",
		    json_string_value(json_object_get(line, "event")),
		    rp != NULL ? rp : "", (int)count);
	return arg != NULL ? *(int *)arg : 0;
}

static struct audit_reader
reader(void)
{
	lines = 0;
	seen[0] = '\0';
	return (struct audit_reader){ .dirfd = dir.fd,
	    .keys = device_provider(device) };
}

static void
assert_read(const char *want)
{
	struct audit_reader r = reader();

	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_string_equal(seen, want);
	assert_int_equal(r.damaged, 0);
}

static void
open_log(enum audit_mode mode)
{
	assert_int_equal(audit_log_open(dir.fd, mode, device_provider(device),
	    &a), 0);
}

static int
setup(void **state)
{
	struct device_config cfg = { .create = true };
	char msg[DEVICE_MESSAGE_LEN];

	(void)state;
	scratch_new(&dir);
	device_config_default(&cfg);
	cfg.path = dir.path;
	cfg.tpm.target = "none";
	assert_int_equal(device_open(&cfg, 0, &device, msg, sizeof(msg)), 0);
	open_log(AUDIT_SEALED);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	audit_log_close(a);
	a = NULL;
	device_close(device);
	scratch_free(&dir);
	return 0;
}

static void
happen(const char *rp)
{
	struct event e = { .kind = EVENT_OPERATION, .time_ms = NOW_MS,
	    .operation = "getAssertion", .rp_id = span_str(rp),
	    .result = "OK" };

	audit_log_sink(a)->event(audit_log_sink(a)->arg, &e);
}

static off_t
size_of(const char *name)
{
	struct stat sb;

	return fstatat(dir.fd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 ?
	    sb.st_size : -1;
}

/* The first bytes of a file, as a string. */
static char *
text_of(const char *name)
{
	static char text[65536];
	int fd = openat(dir.fd, name, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void
append_raw(const char *name, const char *text)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
sealed_lines_say_nothing(void **state)
{
	struct stat sb;

	(void)state;
	happen("secret.example");
	happen("other.example");
	assert_int_equal(size_of(AUDIT_NAME), -1);
	audit_log_flush(a);
	assert_null(strstr(text_of(AUDIT_NAME), "example"));
	assert_null(strstr(text_of(AUDIT_NAME), "{"));
	assert_int_equal(fstatat(dir.fd, AUDIT_NAME, &sb, 0), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	assert_read("operation/secret.example/0 operation/other.example/0 ");
}

static void
plain_lines_are_json(void **state)
{
	(void)state;
	audit_log_close(a);
	open_log(AUDIT_PLAIN);
	happen("a.example");
	audit_log_flush(a);
	assert_string_equal(text_of(AUDIT_NAME), "{\"event\":\"operation\","
	    "\"time\":\"2026-08-01T12:00:00.000Z\","
	    "\"operation\":\"getAssertion\",\"rpId\":\"a.example\","
	    "\"result\":\"OK\"}\n");
	assert_read("operation/a.example/0 ");
}

static void
what_is_noted(void **state)
{
	static const enum event_kind kinds[] = { EVENT_USER_WANTED,
		EVENT_CREDENTIAL_CREATED, EVENT_HOST_GONE, EVENT_FAULT_ARMED,
		EVENT_CREDENTIAL_EXPORTED, EVENT_PRESENCE_CHANGED,
		EVENT_CLOCK_ADVANCED, EVENT_POWER_CYCLED, EVENT_RESET };
	struct event e = { .time_ms = NOW_MS };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		e.kind = kinds[i];
		audit_log_sink(a)->event(audit_log_sink(a)->arg, &e);
	}
	e.owner = true;		/* and not a part of an operation */
	audit_log_sink(a)->event(audit_log_sink(a)->arg, &e);
	audit_log_flush(a);
	assert_read("fault-armed//0 credential-exported//0 "
	    "presence-changed//0 clock-advanced//0 power-cycled//0 reset//0 ");
}

static void
lines_wait_for_others(void **state)
{
	(void)state;
	assert_true(audit_log_deadline(a, 5000) == UINT64_MAX);
	happen("a.example");
	assert_int_equal(audit_log_deadline(a, 5000), 5000 + AUDIT_LATE_MS);
	happen("b.example");
	assert_int_equal(audit_log_deadline(a, 5100), 5000 + AUDIT_LATE_MS);
	audit_log_flush(a);
	assert_true(audit_log_deadline(a, 5200) == UINT64_MAX);
	/* many of them do not wait */
	for (int i = 0; i < 1000; i++)
		happen("c.example");
	assert_true(size_of(AUDIT_NAME) > 100000);
}

static void
half_a_line(void **state)
{
	struct audit_reader r = reader();

	(void)state;
	append_raw(AUDIT_NAME, "{\"event\":\"ha");
	/* it could still be written */
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_int_equal(r.damaged, 0);
	happen("a.example");
	audit_log_flush(a);
	r = reader();
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_string_equal(seen, "operation/a.example/0 ");
	assert_int_equal(r.damaged, 1);
}

/* Of another key, of nobody, without a time: passed over, and counted. */
static void
lines_that_are_not_ours(void **state)
{
	struct audit_reader r = reader();
	char *text;

	(void)state;
	happen("a.example");
	audit_log_flush(a);
	text = text_of(AUDIT_NAME);
	text[20] = text[20] == 'A' ? 'B' : 'A';
	append_raw(AUDIT_NAME, text);
	append_raw(AUDIT_NAME, "AAAA\n\n{}\n[1]\n{\"time\":7}\n=\n");
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_string_equal(seen, "operation/a.example/0 ");
	assert_int_equal(r.damaged, 6);
	r = reader();
	r.keys = NULL;
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_int_equal(lines, 0);
	assert_int_equal(r.damaged, 7);
}

/* The disk is full from size bytes on. */
static void
limit_files(rlim_t size)
{
	struct rlimit rl;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &rl), 0);
	rl.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
}

static void
a_full_disk_is_told_once(void **state)
{
	const char *line;
	off_t before;

	(void)state;
	happen("a.example");
	audit_log_flush(a);
	assert_null(audit_log_trouble(a));
	before = size_of(AUDIT_NAME);
	limit_files((rlim_t)before + 100);
	happen("lost.example");
	happen("lost.example");
	audit_log_flush(a);
	assert_int_equal(size_of(AUDIT_NAME), before);
	line = audit_log_trouble(a);
	assert_non_null(line);
	assert_non_null(strstr(line, "audit.log cannot be written: "));
	assert_null(strchr(line, '\n'));
	happen("lost.example");
	audit_log_flush(a);
	assert_null(audit_log_trouble(a));

	limit_files(RLIM_INFINITY);
	happen("b.example");
	audit_log_flush(a);
	assert_null(audit_log_trouble(a));
	assert_read("operation/a.example/0 audit-lost//3 "
	    "operation/b.example/0 ");

	/* and the next time again */
	limit_files((rlim_t)size_of(AUDIT_NAME));
	happen("lost.example");
	audit_log_flush(a);
	assert_non_null(audit_log_trouble(a));
	limit_files(RLIM_INFINITY);
}

static void
a_log_that_is_a_link_is_not_written(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("elsewhere", dir.fd, AUDIT_NAME), 0);
	happen("a.example");
	audit_log_flush(a);
	assert_non_null(audit_log_trouble(a));
	assert_int_equal(size_of("elsewhere"), -1);
}

/* Fills the log until it is not the one any more that it was. */
static unsigned
fill(const char *rp)
{
	struct stat was, is;
	unsigned n = 0;

	happen(rp);
	n++;
	audit_log_flush(a);
	assert_int_equal(fstatat(dir.fd, AUDIT_NAME, &was, 0), 0);
	do {
		happen(rp);
		n++;
		assert_int_equal(fstatat(dir.fd, AUDIT_NAME, &is, 0), 0);
		assert_true(n < 1000000);
	} while (is.st_ino == was.st_ino);
	return n;
}

static void
logs_are_rotated(void **state)
{
	char name[AUDIT_NAME_LEN];
	unsigned all = 0;
	struct audit_reader r;

	(void)state;
	audit_append(dir.fd, json_pack("{s:s}", "event", "reseal"));
	for (int i = 0; i < AUDIT_FILES - 1; i++)
		all += fill("a.example");
	audit_log_flush(a);
	assert_int_equal(size_of(AUDIT_OLD), -1);
	for (unsigned i = 0; i < AUDIT_FILES; i++) {
		audit_file_name(i, name);
		assert_in_range(size_of(name), 1, AUDIT_SIZE_MAX);
	}
	r = reader();
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_int_equal(lines, all + 1);
	assert_int_equal(r.damaged, 0);

	/* the oldest goes, but for what the owner did */
	fill("b.example");
	audit_log_flush(a);
	assert_int_equal(strncmp(text_of(AUDIT_OLD), "{\"event\":\"reseal\"",
	    17), 0);
	r = reader();
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, NULL), 0);
	assert_int_equal(strncmp(seen, "reseal//0 operation/a", 20), 0);
	assert_int_equal(r.damaged, 0);
}

/* Whoever reads some of it goes on where it was, whatever happened since. */
static void
reading_goes_on(void **state)
{
	struct audit_reader r = reader();

	(void)state;
	for (int i = 0; i < 10; i++)
		happen("a.example");
	audit_log_flush(a);
	assert_int_equal(audit_read(&r, 1, note_line, NULL), 1);
	assert_int_equal(lines, 1);
	assert_int_equal(audit_read(&r, 1000, note_line, NULL), 1);
	assert_in_range(lines, 3, 9);
	assert_int_equal(audit_rotate(dir.fd), 0);
	happen("b.example");
	audit_log_flush(a);
	while (audit_read(&r, 300, note_line, NULL) == 1)
		;
	assert_int_equal(lines, 11);
	assert_non_null(strstr(seen, "b.example"));
	assert_int_equal(audit_read(&r, 300, note_line, NULL), 0);
	assert_int_equal(lines, 11);
	happen("c.example");
	audit_log_flush(a);
	assert_true(audit_read(&r, 300, note_line, NULL) >= 0);
	assert_int_equal(lines, 12);
	/* what it stood in is gone: the oldest that is left */
	for (int i = 0; i < 2 * AUDIT_FILES; i++)
		assert_int_equal(audit_rotate(dir.fd), 0);
	assert_int_equal(audit_read(&r, 300, note_line, NULL), 0);
	assert_int_equal(lines, 12);
}

static void
whoever_reads_may_stop(void **state)
{
	struct audit_reader r = reader();
	int stop = -ECANCELED;

	(void)state;
	happen("a.example");
	happen("b.example");
	audit_log_flush(a);
	assert_int_equal(audit_read(&r, SIZE_MAX, note_line, &stop), stop);
	assert_int_equal(lines, 1);
}

static void
filters(void **state)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "event", "operation",
	    "operation", "getAssertion", "rpId", "a.example", "time",
	    "2026-08-01T12:00:00.000Z");
	struct audit_filter all = { 0 };
	struct audit_filter f;

	(void)state;
	assert_true(audit_filter_fits(&all, line));
	f = (struct audit_filter){ .since_ms = NOW_MS };
	assert_true(audit_filter_fits(&f, line));
	f.since_ms++;
	assert_false(audit_filter_fits(&f, line));
	f = (struct audit_filter){ .until_ms = NOW_MS };
	assert_false(audit_filter_fits(&f, line));
	f.until_ms++;
	assert_true(audit_filter_fits(&f, line));
	f = (struct audit_filter){ .operation = "getAssertion",
	    .rp_id = "a.example" };
	assert_true(audit_filter_fits(&f, line));
	f.operation = "operation";
	assert_true(audit_filter_fits(&f, line));
	f.operation = "reset";
	assert_false(audit_filter_fits(&f, line));
	f = (struct audit_filter){ .rp_id = "example" };
	assert_false(audit_filter_fits(&f, line));
	json_decref(line);
}

static void
times(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 ms;	/* 0: refused */
	} rows[] = {
		{ "2026-08-01T12:00:00Z", NOW_MS },
		{ "2026-08-01T12:00:00.250Z", NOW_MS + 250 },
		{ "2026-08-01", NOW_MS - 12 * 3600000 },
		{ "-1h", NOW_MS - 3600000 }, { "-90s", NOW_MS - 90000 },
		{ "-30m", NOW_MS - 1800000 }, { "-2d", NOW_MS - 172800000 },
		{ "-0s", NOW_MS },
		{ "", 0 }, { "-", 0 }, { "-h", 0 }, { "-1", 0 },
		{ "-1w", 0 }, { "- 1h", 0 }, { "--1h", 0 }, { "-1hh", 0 },
		{ "-99999999999999999999d", 0 }, { "-30000d", 0 },
		{ "1h", 0 }, { "2026-08-01T12:00:00", 0 },
		{ "2026-13-01", 0 }, { "2026-08-01T25:00:00Z", 0 },
		{ "1969-08-01", 0 }, { "2026-08-01T12:00:00.25Z", 0 },
		{ "2026-08-01T12:00:00z", 0 }, { "yesterday!", 0 },
		{ " -12-01-01", 0 }, { "2026- 8-01", 0 }, { "2026-+8-01", 0 },
		{ "2026-02-30", 0 }, { "2026-00-01", 0 }, { "2026-01-00", 0 },
		{ "2026-08-01 12:00:00Z", 0 }, { "2026-08-01T12:00:0 Z", 0 },
		{ "2026-08-01T12:00:60Z", 0 },
	};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (audit_time(rows[i].text, NOW_MS, &ms) !=
		    (rows[i].ms != 0) || (rows[i].ms != 0 && ms !=
		    rows[i].ms))
			fail_msg("\"%s\"", rows[i].text);
	}
}

/* A key that keeps one, from its first operation to its last. */
static void
a_key_keeps_it(void **state)
{
	struct device_config cfg = { .audit = AUDIT_SEALED };
	char msg[DEVICE_MESSAGE_LEN];

	(void)state;
	device_close(device);
	device_config_default(&cfg);
	cfg.path = dir.path;
	assert_int_equal(device_open(&cfg, 0, &device, msg, sizeof(msg)), 0);
	bench_make(device, 3);
	assert_int_equal(size_of(AUDIT_NAME), -1);
	assert_true(device_deadline(device) != UINT64_MAX);
	device_tick(device, UINT64_MAX - 1);
	assert_read("operation/site-3.example/0 ");
	assert_true(device_deadline(device) == UINT64_MAX);
	bench_get(device, 3);
	device_close(device);
	cfg.audit = AUDIT_OFF;
	assert_int_equal(device_open(&cfg, 0, &device, msg, sizeof(msg)), 0);
	bench_get(device, 3);
	assert_read("operation/site-3.example/0 operation/site-3.example/0 ");
}

static void
modes(void **state)
{
	(void)state;
	assert_string_equal(audit_mode_names[AUDIT_OFF], "off");
	assert_string_equal(audit_mode_names[AUDIT_SEALED], "sealed");
	assert_string_equal(audit_mode_names[AUDIT_PLAIN], "plain");
	assert_null(audit_mode_names[AUDIT_PLAIN + 1]);
}

/* systemd.exec(5): DEVICE:INODE of standard error, or of something else. */
static void
open_in_journal(ino_t off, enum audit_mode mode)
{
	char stream[64];
	struct stat sb;

	assert_int_equal(fstat(STDERR_FILENO, &sb), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
	    (unsigned long long)sb.st_dev,
	    (unsigned long long)(sb.st_ino + off));
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	audit_log_close(a);
	open_log(mode);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	messages = 0;
}

static void
the_journal_has_fields(void **state)
{
	struct event e = { .kind = EVENT_OPERATION, .time_ms = NOW_MS,
	    .key = "alice", .profile = "titan-v2",
	    .operation = "makeCredential", .rp_id = span_str("a.example"),
	    .result = "OK", .fault = "att.sig-bad" };

	(void)state;
	open_in_journal(0, AUDIT_SEALED);
	audit_log_sink(a)->event(audit_log_sink(a)->arg, &e);
	assert_int_equal(messages, 1);	/* that does not wait for others */
	assert_string_equal(journal, "PRIORITY=6\n"
	    "SYSLOG_IDENTIFIER=sealkey\nSEALKEY_EVENT=operation\n"
	    "SEALKEY_KEY=alice\nSEALKEY_PROFILE=titan-v2\n"
	    "SEALKEY_OPERATION=makeCredential\nSEALKEY_RP_ID=a.example\n"
	    "SEALKEY_RESULT=OK\nSEALKEY_FAULT=att.sig-bad\n"
	    "MESSAGE={\"event\":\"operation\","
	    "\"time\":\"2026-08-01T12:00:00.000Z\","
	    "\"key\":\"alice\",\"profile\":\"titan-v2\","
	    "\"operation\":\"makeCredential\",\"rpId\":\"a.example\","
	    "\"fault\":\"att.sig-bad\",\"result\":\"OK\"}\n");
	happen("b.example");
	assert_null(strstr(journal, "SEALKEY_FAULT"));
	e = (struct event){ .kind = EVENT_HOST_GONE, .time_ms = NOW_MS };
	audit_log_sink(a)->event(audit_log_sink(a)->arg, &e);
	assert_int_equal(messages, 2);	/* what is not noted, it is not told */
	assert_read("");
	audit_log_flush(a);
	assert_read("operation/a.example/0 operation/b.example/0 ");
}

/* The longest there can be, and what a field is cut to. */
static void
a_long_name_in_the_journal(void **state)
{
	char rp[2000];

	(void)state;
	memset(rp, 'x', sizeof(rp) - 1);
	rp[sizeof(rp) - 1] = '\0';
	open_in_journal(0, AUDIT_PLAIN);
	happen(rp);
	assert_int_equal(messages, 1);
	assert_non_null(strstr(journal, "\nSEALKEY_RP_ID=xxx"));
	assert_non_null(strstr(journal, "xxx\nSEALKEY_RESULT=OK\n"));
	assert_non_null(strstr(journal, rp));	/* in MESSAGE */
}

static void
no_journal_is_told_nothing(void **state)
{
	(void)state;
	open_in_journal(1, AUDIT_SEALED);	/* of some other file */
	happen("a.example");
	assert_int_equal(messages, 0);
	assert_int_equal(setenv("JOURNAL_STREAM", "x", 1), 0);
	audit_log_close(a);
	open_log(AUDIT_SEALED);
	happen("a.example");
	unsetenv("JOURNAL_STREAM");
	assert_int_equal(messages, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sealed_lines_say_nothing),
		TEST(plain_lines_are_json),
		TEST(what_is_noted),
		TEST(lines_wait_for_others),
		TEST(half_a_line),
		TEST(lines_that_are_not_ours),
		TEST(a_full_disk_is_told_once),
		TEST(a_log_that_is_a_link_is_not_written),
		TEST(logs_are_rotated),
		TEST(reading_goes_on),
		TEST(whoever_reads_may_stop),
		TEST(filters),
		TEST(times),
		TEST(a_key_keeps_it),
		TEST(modes),
		TEST(the_journal_has_fields),
		TEST(a_long_name_in_the_journal),
		TEST(no_journal_is_told_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
