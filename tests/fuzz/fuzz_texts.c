/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and words of hostile authors, for commands that read them. An input's
 * first line says what the rest of it is. What must hold for every input:
 *
 *  audit	each line of a log is told or counted as damaged; reading on in
 *		small steps tells the same as reading all at once.
 *  time	is refused, or as it is written.
 *  date	is refused, or as it is written.
 *  fault	is refused with a line, or is what it is called.
 *  report	AAGUID=STATUS@DATE, and
 *  reports	a file of them: refused with a line, or JSON.
 *  model	a profile: its metadata entry, or one line.
 *  request, challenge, answer
 *		of enrolment: refused with a line, or taken.
 *  capabilities	of WebDriver: refused with an error, or replies match.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/attest/enrolment.h"
#include "authenticator/audit_read.h"
#include "authenticator/device.h"
#include "authenticator/fault/fault.h"
#include "authenticator/mds/models.h"
#include "authenticator/mds/text.h"
#include "authenticator/webdriver/capabilities.h"
#include "tests/fuzz/fuzz.h"
#include "tests/scratch.h"

#define TEXT_MAX	8192	/* bytes */
#define NOW_S		INT64_C(1800000000)

static struct scratch dir;

static void
end(void)
{
	scratch_free(&dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	scratch_new(&dir);
	return atexit(end);
}

/* Whoever prints it cleans it of what it quotes. */
static void
check_line(const char *line)
{
	CHECK(*line != '\0');
}

/*
 * The audit log
 */

static int
count_line(void *arg, json_t *line)
{
	struct audit_filter filter = { .since_ms = 1, .operation = "reset",
	    .rp_id = "example.com" };

	CHECK(json_is_object(line));
	(void)audit_filter_fits(&filter, line);
	++*(size_t *)arg;
	return 0;
}

/* So many bytes at a time. */
static size_t
read_log(size_t budget, size_t size, uint64_t *damaged)
{
	struct audit_reader r = { .dirfd = dir.fd };
	size_t lines = 0, steps = 0;

	while (audit_read(&r, budget, count_line, &lines) == 1)
		CHECK(++steps <= size + 2);
	*damaged = r.damaged;
	return lines;
}

static void
try_audit(const char *text, size_t len)
{
	int fd = openat(dir.fd, "audit.log", O_WRONLY | O_CREAT | O_TRUNC,
	    0600);
	uint64_t damaged, again;
	size_t lines;

	CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
	lines = read_log(SIZE_MAX, len, &damaged);
	CHECK(lines + damaged <= len);
	CHECK(read_log(1, len, &again) == lines && again == damaged);
}

/* One that is not told from now is written as it was. */
static void
try_time(const char *text, size_t len)
{
	char again[64];
	uint64_t ms;
	struct tm tm;
	time_t s;

	(void)len;
	if (!audit_time(text, NOW_S * 1000, &ms))
		return;
	if (text[0] == '-') {
		CHECK(ms <= NOW_S * 1000);
		return;
	}
	s = (time_t)(ms / 1000);
	CHECK(gmtime_r(&s, &tm) != NULL);
	len = strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(again + len, sizeof(again) - len, ".%03uZ",
	    (unsigned)(ms % 1000));
	/* the log has no second number 60 */
	if (strstr(text, ":60") != NULL)
		return;
	CHECK(strncmp(text, again, strlen(text) - (strlen(text) > 10)) == 0);
}

/*
 * Metadata
 */

/* Since 1970, of the Gregorian calendar; a year begins in March. */
static int64_t
days(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	return 365 * year + year / 4 - year / 100 + year / 400 +
	    (153 * ((month + 9) % 12) + 2) / 5 + day - 1 - 719468;
}

/* Reckoned without the C library's calendar, it is the same day. */
static void
try_date(const char *text, size_t len)
{
	char again[MDS_DATE_LEN];
	int year, month, day;

	(void)len;	/* of the input: what it says may end before */
	if (!mds_is_date(text))
		return;
	CHECK(strlen(text) == 10);
	CHECK(sscanf(text, "%d-%d-%d", &year, &month, &day) == 3);
	CHECK(year >= 0);
	mds_date(days(year, month, day) * 86400 + NOW_S % 86400, again);
	CHECK(strcmp(again, text) == 0);
}

static void
check_reports(const char *why, const json_t *reports)
{
	char *json;

	if (why != NULL) {
		check_line(why);
		return;
	}
	json = json_dumps(reports, 0);
	CHECK(json != NULL);
	free(json);
}

static void
try_report(const char *text, size_t len)
{
	json_t *reports = json_object();
	char msg[1024] = "";

	(void)len;
	check_reports(mds_take_report(text, MDS_3_1_1, reports, msg,
	    sizeof(msg)), reports);
	json_decref(reports);
}

static void
try_reports(const char *text, size_t len)
{
	json_t *reports = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	char msg[1024] = "";

	if (reports == NULL)
		return;
	check_reports(mds_judge_reports(reports, MDS_3_1_1, msg, sizeof(msg)),
	    reports);
	check_reports(mds_judge_reports(reports, MDS_3_0, msg, sizeof(msg)),
	    reports);
	json_decref(reports);
}

static void
try_model(const char *text, size_t len)
{
	char msg[PROFILE_MESSAGE_LEN + 512] = "", *said;
	struct mds_models models = { .count = 0 };
	struct device_config cfg;
	struct profile *p;
	json_t *entries;

	if (profile_parse("fuzz.ini", span(text, len), &p, msg,
	    sizeof(msg)) < 0)
		return;
	device_config_default(&cfg);
	profile_apply(p, &cfg.auth);
	CHECK(mds_models_add(&models, &cfg.auth, p) == 0);
	entries = mds_models_entries(&models, NULL, MDS_3_1_1, msg,
	    sizeof(msg));
	if (entries == NULL) {
		check_line(msg);
	} else {
		CHECK(json_array_size(entries) == 1);
		said = json_dumps(entries, 0);
		CHECK(said != NULL);
		free(said);
	}
	json_decref(entries);
	mds_models_done(&models);
}

/*
 * Others
 */

static void
try_fault(const char *text, size_t len)
{
	char msg[FAULT_MESSAGE_LEN] = "", name[FAULT_NAME_MAX];
	struct fault_choice choice, again;

	(void)len;
	if (fault_choose(text, &choice, msg, sizeof(msg)) < 0) {
		check_line(msg);
		return;
	}
	fault_choice_name(choice, name);
	CHECK(fault_choose(name, &again, msg, sizeof(msg)) == 0);
	CHECK(again.fault == choice.fault && again.value == choice.value);
}

static void
try_request(const char *text, size_t len)
{
	struct enrol_request out;
	const char *why = enrol_request_parse(span(text, len), &out);

	if (why != NULL)
		check_line(why);
}

static void
try_challenge(const char *text, size_t len)
{
	struct enrol_challenge out;
	const char *why = enrol_challenge_parse(span(text, len), &out);

	if (why != NULL)
		check_line(why);
}

static void
try_answer(const char *text, size_t len)
{
	struct enrol_answer out;
	const char *why = enrol_answer_parse(span(text, len), &out);

	if (why != NULL)
		check_line(why);
}

static void
try_capabilities(const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, 0, NULL), *matched = NULL;
	json_t *reply = json_pack("{s:{s:{}}}", "value", "capabilities");
	const char *error = NULL, *why;

	if (json != NULL) {
		why = capabilities_take(json, &matched, &error);
		CHECK((why == NULL) == (matched != NULL));
		if (why != NULL) {
			check_line(why);
			check_line(error);
		} else {
			capabilities_put(reply, matched);
		}
	}
	json_decref(reply);
	json_decref(matched);
	json_decref(json);
}

static const struct {
	const char	*name;
	void		(*attempt)(const char *text, size_t len);
} kinds[] = {
	{ "audit", try_audit },
	{ "time", try_time },
	{ "date", try_date },
	{ "fault", try_fault },
	{ "report", try_report },
	{ "reports", try_reports },
	{ "model", try_model },
	{ "request", try_request },
	{ "challenge", try_challenge },
	{ "answer", try_answer },
	{ "capabilities", try_capabilities },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	char text[TEXT_MAX + 1];
	size_t name, len;

	if (line == NULL || size > TEXT_MAX)
		return -1;
	name = (size_t)(line - data);
	len = size - name - 1;
	memcpy(text, line + 1, len);
	text[len] = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!span_eq(span(data, name), span_str(kinds[i].name)))
			continue;
		kinds[i].attempt(text, len);
		return 0;
	}
	return -1;
}
