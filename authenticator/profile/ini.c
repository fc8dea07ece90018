/* SPDX-License-Identifier: Apache-2.0 */
/* INI files, strictly: see ini.h. */
#include "authenticator/profile/ini.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctap/cbor.h"

#define BLANKS	" \t"
#define NAME	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789-"

/* Names of files, and what was quoted from them, can have anything in them. */
static void
one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

bool
ini_wrong(const struct ini_place *place, char *msg, size_t msglen,
    const char *format, ...)
{
	char at[24] = "", why[512];
	const char *key = place->key;
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	if (place->line > 0)
		snprintf(at, sizeof(at), ":%u", place->line);
	snprintf(msg, msglen, "%.200s%s: %.40s%s%s", place->file, at,
	    key != NULL ? key : "", key != NULL ? ": " : "", why);
	one_line(msg);
	return false;
}

/* The line of a byte of the text. */
static unsigned
line_of(const char *text, size_t at)
{
	unsigned line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

/* C0, DEL, and C1 as UTF-8 has it; text ends behind a byte that is none. */
static bool
is_control(const unsigned char *c)
{
	if (c[0] == 0xc2)
		return c[1] >= 0x80 && c[1] <= 0x9f;
	return (c[0] < ' ' && c[0] != '\t' && c[0] != '\n' && c[0] != '\r') ||
	    c[0] == 0x7f;
}

/* NULL: it is text. Else why not, and where. */
static const char *
not_text(const char *text, size_t len, size_t *where)
{
	size_t good = cbor_utf8_cut(span(text, len), len);
	size_t at = 0;

	*where = 0;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return "it begins with a byte order mark; save it without one";
	while (at < good && !is_control((const unsigned char *)text + at))
		at++;
	*where = at;
	if (at < good)
		return text[at] == '\0' ? "there is a NUL in it" :
		    "there is a control character in it";
	return good < len ? "this is not UTF-8" : NULL;
}

bool
ini_begin(struct ini *ini, const char *file, char *text, size_t len)
{
	size_t at;
	const char *why;

	text[len] = '\0';
	why = not_text(text, len, &at);
	ini->place = (struct ini_place){ .file = file };
	if (why != NULL) {
		ini->place.line = line_of(text, at);
		return ini_wrong(&ini->place, ini->msg, ini->msglen, "%s",
		    why);
	}
	ini->section = NULL;
	ini->next = text;
	ini->end = text + len;
	return true;
}

static enum ini_event
wrong(const struct ini *ini, const char *why)
{
	ini_wrong(&ini->place, ini->msg, ini->msglen, "%s", why);
	return INI_WRONG;
}

/* Without the blanks around it. */
static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		len--;
	text[len] = '\0';
	return text;
}

static bool
is_name(const char *text)
{
	return *text != '\0' && text[strspn(text, NAME)] == '\0';
}

static enum ini_event
take_section(struct ini *ini, char *line)
{
	size_t len = strlen(line);

	if (line[len - 1] != ']')
		return wrong(ini, "a section's ] is missing");
	line[len - 1] = '\0';
	if (!is_name(line + 1))
		return wrong(ini, "this is no name of a section");
	ini->section = line + 1;
	ini->value = NULL;
	return INI_SECTION;
}

static enum ini_event
take_key(struct ini *ini, char *line)
{
	char *equals = strchr(line, '=');
	const char *key;

	if (equals == NULL)
		return wrong(ini, "this is neither [section], KEY = VALUE, "
		    "nor a comment");
	*equals = '\0';
	key = trim(line);
	if (!is_name(key))
		return wrong(ini, "what is before the = is no key");
	ini->place.key = key;
	ini->value = trim(equals + 1);
	if (ini->value[0] == '\0')
		return wrong(ini, "there is nothing behind the =");
	if (strchr(ini->value, '\t') != NULL)
		return wrong(ini, "there is a tab in the value");
	if (ini->section == NULL)
		return wrong(ini, "a [section] has to come first");
	return INI_KEY;
}

/* The next line as a string, less its end. NULL: there are no more. */
static char *
next_line(struct ini *ini)
{
	char *line = ini->next, *newline;

	if (line == ini->end)
		return NULL;
	newline = strchr(line, '\n');
	ini->next = newline != NULL ? newline + 1 : ini->end;
	if (newline != NULL)
		*newline = '\0';
	else
		newline = ini->end;
	if (newline > line && newline[-1] == '\r')
		newline[-1] = '\0';
	ini->place.line++;
	ini->place.key = NULL;
	return line;
}

enum ini_event
ini_next(struct ini *ini)
{
	char *line;

	while ((line = next_line(ini)) != NULL) {
		if (strlen(line) > ini->line_max)
			return wrong(ini, "this line is too long");
		if (strchr(line, '\r') != NULL)
			return wrong(ini, "there is a carriage return in it");
		line = trim(line);
		if (*line == '\0' || *line == '#' || *line == ';')
			continue;
		return *line == '[' ? take_section(ini, line) :
		    take_key(ini, line);
	}
	ini->place.line = 0;
	ini->place.key = NULL;
	return INI_END;
}
