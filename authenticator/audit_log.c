/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation, noted down: see audit_log.h. */
#include "authenticator/audit_log.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "authenticator/audit.h"
#include "authenticator/base64url.h"
#include "authenticator/clock.h"

#define GATHERED_MAX	65536	/* bytes; written when there are as many */
#define JOURNAL_FIELDS	10

_Static_assert(2 * AUDIT_LINE_MAX <= GATHERED_MAX,
    "what was lost and one line fit always");

struct audit_log {
	struct event_sink sink;
	int		 dirfd;
	enum audit_mode	 mode;
	struct keys	*keys;
	bool		 journal;
	struct json_out	 line;		/* the one that is being made */
	char		 text[GATHERED_MAX];
	size_t		 len;
	unsigned	 lines;		/* in text */
	uint64_t	 due_ms;	/* 0: not known yet */
	uint64_t	 lost;		/* and not said yet */
	uint64_t	 saying;	/* as lost, by a line in text */
	bool		 failing;
	bool		 told;		/* that it is */
	char		 trouble[256];
};

const char *const audit_mode_names[] = { "off", "sealed", "plain", NULL };

bool
audit_notes(enum event_kind kind)
{
	switch (kind) {
	case EVENT_USER_WANTED:
	case EVENT_USER_ANSWERED:
	case EVENT_HOST_CONNECTED:
	case EVENT_HOST_GONE:
	case EVENT_REMOVED:
	case EVENT_ENDED:
	case EVENT_LOST:
		return false;
	default:
		return true;
	}
}

/* What an operation made happen says its own line. */
static bool
is_noted(const struct event *e)
{
	switch (e->kind) {
	case EVENT_FAULT_USED:
	case EVENT_CREDENTIAL_CREATED:
	case EVENT_CREDENTIAL_ASSERTED:
	case EVENT_CREDENTIAL_UPDATED:
	case EVENT_CREDENTIAL_DELETED:
	case EVENT_RESET:
	case EVENT_PIN_WRONG:
	case EVENT_PIN_BLOCKED:
	case EVENT_PIN_CHANGED:
	case EVENT_VERIFICATION_FAILED:
		return e->owner;
	default:
		return audit_notes(e->kind);
	}
}

/* systemd.exec(5): whether standard error is the journal's. */
static bool
is_in_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat sb;

	return named != NULL && sscanf(named, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &sb) == 0 && sb.st_dev == dev &&
	    sb.st_ino == ino;
}

struct fields {
	char		 text[JOURNAL_FIELDS][512];
	struct iovec	 iov[JOURNAL_FIELDS];
	int		 count;
};

static void
add_field(struct fields *f, const char *name, const char *value, size_t len)
{
	char *text = f->text[f->count];
	int n;

	if (value == NULL)
		return;
	n = snprintf(text, sizeof(f->text[0]), "%s=%.*s", name, (int)len,
	    value);
	if (n >= (int)sizeof(f->text[0]))
		n = sizeof(f->text[0]) - 1;
	f->iov[f->count++] = (struct iovec){ text, (size_t)n };
}

static void
add_text(struct fields *f, const char *name, const char *value)
{
	if (value != NULL)
		add_field(f, name, value, strlen(value));
}

/* The message is the line as it stands; some of it again, to select by. */
static void
tell_journal(const struct event *e, struct span line)
{
	struct fields f = { .count = 0 };
	struct iovec all[JOURNAL_FIELDS + 1];
	char *message;

	if (asprintf(&message, "MESSAGE=%.*s", (int)line.len,
	    (const char *)line.p) == -1)
		return;
	add_text(&f, "PRIORITY", "6");	/* LOG_INFO */
	add_text(&f, "SYSLOG_IDENTIFIER", "sealkey");
	add_text(&f, "SEALKEY_EVENT", event_name(e->kind));
	add_text(&f, "SEALKEY_KEY", e->key);
	add_text(&f, "SEALKEY_PROFILE", e->profile);
	add_text(&f, "SEALKEY_OPERATION", e->operation);
	add_field(&f, "SEALKEY_RP_ID", (const char *)e->rp_id.p, e->rp_id.len);
	add_text(&f, "SEALKEY_RESULT", e->result);
	add_text(&f, "SEALKEY_FAULT", e->fault);
	memcpy(all, f.iov, sizeof(f.iov));
	all[f.count] = (struct iovec){ message, strlen(message) };
	(void)sd_journal_sendv(all, f.count + 1);
	free(message);
}

/* In its form in the file, and with the line break. 0: it has none. */
static size_t
finish_line(struct audit_log *a, struct span line, char *out)
{
	uint8_t sealed[AUDIT_LINE_MAX];
	size_t len = line.len + KEY_SEAL_OVERHEAD;

	if (a->mode == AUDIT_PLAIN) {
		if (line.len + 1 > AUDIT_LINE_MAX)
			return 0;
		memcpy(out, line.p, line.len);
		out[line.len] = '\n';
		return line.len + 1;
	}
	if (BASE64URL_LEN(len) + 1 > AUDIT_LINE_MAX ||
	    a->keys->ops->seal(a->keys, span_str(AUDIT_SEAL_LABEL), line,
	    sealed) != 0)
		return 0;
	base64url_encode(span(sealed, len), out);
	out[BASE64URL_LEN(len)] = '\n';
	return BASE64URL_LEN(len) + 1;
}

/* Behind what is gathered, for which there has to be room. */
static void
gather(struct audit_log *a, struct span line)
{
	size_t len = 0;

	if (line.p != NULL)
		len = finish_line(a, line, a->text + a->len);
	if (len == 0) {
		a->lost++;
		return;
	}
	a->len += len;
	a->lines++;
}

/* Before the first line that can be written again. */
static void
gather_lost(struct audit_log *a)
{
	char when[EVENT_TIME_LEN];
	struct span line;
	size_t len;

	event_time(clock_real_ms(), when);
	json_out_clear(&a->line);
	json_out_open(&a->line, '{');
	json_out_name(&a->line, "event");
	json_out_string(&a->line, AUDIT_LOST);
	json_out_name(&a->line, "time");
	json_out_string(&a->line, when);
	json_out_name(&a->line, "count");
	json_out_uint(&a->line, a->lost);
	json_out_close(&a->line, '}');
	line = json_out_text(&a->line);
	len = line.p != NULL ? finish_line(a, line, a->text + a->len) : 0;
	if (len == 0)
		return;
	a->len += len;
	a->saying = a->lost;
	a->lost = 0;
}

static void
on_event(void *arg, const struct event *e)
{
	struct audit_log *a = arg;
	struct span line;

	if (!is_noted(e))
		return;
	if (a->len + 2 * AUDIT_LINE_MAX > sizeof(a->text))
		(void)audit_log_flush(a);
	if (a->len == 0 && a->lost > 0)
		gather_lost(a);
	json_out_clear(&a->line);
	event_write(e, &a->line);
	line = json_out_text(&a->line);
	if (a->journal && line.p != NULL)
		tell_journal(e, line);
	gather(a, line);
}

int
audit_log_open(int dirfd, enum audit_mode mode, struct keys *keys,
    struct audit_log **out)
{
	struct audit_log *a = calloc(1, sizeof(*a));
	int r;

	if (a == NULL)
		return -ENOMEM;
	a->sink = (struct event_sink){ .event = on_event, .arg = a };
	a->mode = mode;
	a->keys = keys;
	a->journal = is_in_journal();
	json_out_init(&a->line);
	a->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (a->dirfd == -1) {
		r = -errno;
		free(a);
		return r;
	}
	*out = a;
	return 0;
}

void
audit_log_close(struct audit_log *a)
{
	if (a == NULL)
		return;
	(void)audit_log_flush(a);
	json_out_done(&a->line);
	close(a->dirfd);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

struct event_sink *
audit_log_sink(struct audit_log *a)
{
	return &a->sink;
}

/*
 * A clock of its own would not be the one that the deadline is compared with:
 * the time starts with the first question after the first line.
 */
uint64_t
audit_log_deadline(struct audit_log *a, uint64_t now_ms)
{
	if (a->len == 0)
		return UINT64_MAX;
	if (a->due_ms == 0)
		a->due_ms = now_ms + AUDIT_LATE_MS;
	return a->due_ms;
}

/* All of text or nothing: what is counted as lost is not to be read, too. */
static int
write_text(struct audit_log *a, int fd)
{
	bool torn = audit_ends_within_a_line(fd);
	struct iovec iov[2] = { { (char *)"\n", torn }, { a->text, a->len } };
	struct stat sb;
	ssize_t n;
	int r;

	if (fstat(fd, &sb) == -1)
		return -errno;
	n = writev(fd, iov, 2);
	if (n == (ssize_t)(torn + a->len))
		return 0;
	r = n == -1 ? -errno : -ENOSPC;
	if (n > 0)
		(void)!ftruncate(fd, sb.st_size);
	return r;
}

static int
append_text(struct audit_log *a)
{
	struct stat sb;
	int fd, r;

	fd = audit_open_log(a->dirfd);
	if (fd >= 0 && fstat(fd, &sb) == 0 && sb.st_size > 0 &&
	    (uint64_t)sb.st_size + a->len > AUDIT_SIZE_MAX) {
		close(fd);
		r = audit_rotate(a->dirfd);
		fd = r == 0 ? audit_open_log(a->dirfd) : r;
	}
	if (fd < 0)
		return fd;
	r = write_text(a, fd);
	close(fd);
	return r;
}

int
audit_log_flush(struct audit_log *a)
{
	int r;

	a->due_ms = 0;
	if (a->len == 0)
		return 0;
	r = append_text(a);
	if (r < 0) {
		a->lost += a->saying + a->lines;
		snprintf(a->trouble, sizeof(a->trouble), AUDIT_NAME " cannot "
		    "be written: %s; the key goes on, and the log will say "
		    "how many operations it misses", strerror(-r));
	}
	a->told = a->told && a->failing && r < 0;
	a->failing = r < 0;
	a->saying = 0;
	explicit_bzero(a->text, a->len);
	a->len = 0;
	a->lines = 0;
	return r;
}

const char *
audit_log_trouble(struct audit_log *a)
{
	if (!a->failing || a->told)
		return NULL;
	a->told = true;
	return a->trouble;
}
