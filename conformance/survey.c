/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/survey.h"

#include <stdlib.h>

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static const char *
skip(const char *text)
{
	return text + strspn(text, " \t");
}

/* The text of "KEY: N" has one of these numbers; else it is none of them. */
static bool
has_number(const char *text, const char *key, const char *numbers)
{
	const char *at = strstr(text, key);

	if (at == NULL)
		return false;
	at = skip(at + strlen(key));
	return *at != '\0' && strchr(numbers, *at) != NULL &&
	    (at[1] < '0' || at[1] > '9');
}

/*
 * Whether a message may change what lasts. What is in a variable is not
 * looked at, so it may.
 */
static bool
cbor_lasts(const char *text)
{
	unsigned long command = strtoul(text, (char **)&text, 16);
	bool hidden = strchr(text, '$') != NULL;

	switch (command) {
	case 0x01:
		return false;		/* "rk" is looked for everywhere */
	case 0x02:
	case 0x04:
	case 0x08:
	case 0x0b:
		return false;
	case 0x06:
		return !has_number(text, "2:", "127");
	case 0x0a:
	case 0x41:
		return *skip(text) != '\0' && !has_number(text, "1:", "12345");
	case 0x0c:
		return hidden || strstr(text, "2:") != NULL;
	default:
		return true;
	}
}

static void
survey_send(struct survey *s, const char *text)
{
	if (*text == '#') {
		s->hosts |= strchr(text, ':') != NULL &&
		    strcspn(text, ":") < strcspn(text, " ");
		text = skip(text + strcspn(text, " "));
	}
	s->ctap2 |= begins(text, "cbor ") || begins(text, "raw ") ||
	    strstr(text, " CBOR") != NULL;
	if (begins(text, "cbor ")) {
		s->lasts |= cbor_lasts(text + 5);
	} else if (begins(text, "hid ")) {
		s->hid = true;
		s->lasts |= strstr(text, " CBOR") != NULL &&
		    strstr(text, " CBOR 04") == NULL &&
		    strstr(text, " CBOR h'04'") == NULL;
		s->u2f |= strstr(text, " MSG") != NULL;
	} else if (begins(text, "u2f ") || begins(text, "apdu ")) {
		s->u2f = true;
	} else {
		s->lasts = true;
	}
}

static void
survey_act(struct survey *s, const char *text)
{
	s->samples |= begins(text, "sample");
	s->touches |= begins(text, "touch") || begins(text, "sample") ||
	    begins(text, "long touch");
	s->verifies |= begins(text, "verify");
	s->denies |= begins(text, "deny");
	s->mismatches |= begins(text, "mismatch");
	s->replugs |= begins(text, "replug");
	s->waits |= begins(text, "cancel");
	s->lasts |= begins(text, "mismatch");
}

static void
survey_time(struct survey *s, const char *text)
{
	char *unit;
	unsigned long n = strtoul(text + (*text == '+'), &unit, 10);

	s->fine_time |= strcmp(unit, "ms") == 0;
	s->time_ms += strcmp(unit, "ms") == 0 ? n : n * UINT64_C(1000);
}

/* * pin N PIN; * token N PERMISSIONS RP $NAME [PIN] */
static void
survey_platform(struct survey *s, const char *text)
{
	int words = 0;

	s->hid |= begins(text, "channel");
	s->ctap2 |= !begins(text, "channel");
	for (const char *p = text; *p != '\0'; words++)
		p = skip(p + strcspn(p, " \t"));
	if (begins(text, "pin") || (begins(text, "token") && words > 5))
		s->pin = s->lasts = true;
	else if (begins(text, "token"))
		s->verifies = true;
}

static void
survey_line(struct survey *s, const char *line)
{
	const char *text = skip(line + 1);

	/* said by the host: in what getInfo tells it is an option's name */
	s->lasts |= *line != '<' && strstr(line, "\"rk\": true") != NULL;
	switch (*line) {
	case '>':
		survey_send(s, text);
		break;
	case '!':
		survey_act(s, text);
		break;
	case '@':
		survey_time(s, text);
		break;
	case '*':
		survey_platform(s, text);
		break;
	case '<':
		s->hid |= begins(text, "hid ");
		/* a silence that ends soon: not on a busy machine */
		s->fine_time |= begins(text, "hid nothing for ") &&
		    strstr(text, "ms") != NULL;
		s->waits |= strstr(text, "sw 6985") != NULL;
		break;
	}
}

static bool
is_answer(const char *line)
{
	return begins(line, "! touch") || begins(line, "! verify");
}

/* What a variable of the file's head holds may be sent by any case. */
static void
survey_variables(struct survey *s, const struct transcript_case *c)
{
	const char *end = strstr(c->prelude, "\ntitle");
	const char *rk = strstr(c->prelude, "\"rk\": true");

	s->lasts |= rk != NULL && end != NULL && rk < end;
}

void
survey_case(const struct transcript_case *c, struct survey *out)
{
	char line[TRANSCRIPT_LINE_MAX];
	const char *text = c->body;
	unsigned number = c->line;
	bool asked = false;

	*out = (struct survey){ .time_ms = 0 };
	survey_variables(out, c);
	while (transcript_line(&text, &number, line)) {
		if (asked && !is_answer(line))
			out->waits = true;
		asked = begins(line, "? touch") || begins(line, "? verify");
		survey_line(out, line);
	}
}
