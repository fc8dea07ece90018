/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a batch: see line.h. */
#include "authenticator/fleet/line.h"

#include <jansson.h>
#include <stddef.h>
#include <string.h>

struct scan {
	const char	*at;
	const char	*end;
};

static void
skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
	    *s->at == '\r' || *s->at == '\n'))
		s->at++;
}

static bool
take(struct scan *s, char c)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Whether what is behind start and before at ends in a backslash that is not
 * escaped itself. */
static bool
is_escaped(const char *start, const char *at)
{
	size_t n = 0;

	while (at - n > start && at[-1 - (ptrdiff_t)n] == '\\')
		n++;
	return n % 2 != 0;
}

/* Behind the quote that ends it. */
static bool
skip_string(struct scan *s)
{
	const char *start, *quote;

	if (!take(s, '"'))
		return false;
	start = s->at;
	do {
		quote = memchr(s->at, '"', (size_t)(s->end - s->at));
		if (quote == NULL)
			return false;
		s->at = quote + 1;
	} while (is_escaped(start, quote));
	return true;
}

/* An object or array: to the bracket that ends it, whatever is in there. */
static bool
skip_nested(struct scan *s)
{
	size_t depth = 0;

	while (s->at < s->end) {
		if (*s->at == '"') {
			if (!skip_string(s))
				return false;
			continue;
		}
		if (*s->at == '{' || *s->at == '[')
			depth++;
		if (*s->at == '}' || *s->at == ']')
			depth--;
		s->at++;
		if (depth == 0)
			return true;
	}
	return false;
}

static bool
take_value(struct scan *s, struct span *out)
{
	const char *start;
	bool ok = true;

	skip_blanks(s);
	start = s->at;
	if (s->at == s->end)
		return false;
	if (*s->at == '"')
		ok = skip_string(s);
	else if (*s->at == '{' || *s->at == '[')
		ok = skip_nested(s);
	else
		while (s->at < s->end && strchr(",}] \t\r\n", *s->at) == NULL)
			s->at++;
	*out = span(start, (size_t)(s->at - start));
	return ok && out->len > 0;
}

static bool
take_number(struct span text, uint64_t *out)
{
	uint64_t n = 0;

	if (text.len > 9 || (text.len > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = 10 * n + (uint64_t)(text.p[i] - '0');
	}
	*out = n;
	return true;
}

/* It is to be written again as it is. */
static bool
is_id(struct span text)
{
	json_t *id = json_loadb((const char *)text.p, text.len,
	    JSON_DECODE_ANY, NULL);
	bool ok = json_is_string(id) || json_is_integer(id);

	json_decref(id);
	return ok;
}

/* NULL, or what is wrong with it: then it is not in out. */
static const char *
take_member(struct fleet_line *out, struct span name, struct span value)
{
	bool create = span_eq(name, span_str("\"create\""));

	if (span_eq(name, span_str("\"key\"")) && !out->has_key) {
		out->has_key = take_number(value, &out->key);
		return out->has_key ? NULL : "key is not a number from 0";
	}
	if (span_eq(name, span_str("\"id\"")) && out->id.p == NULL) {
		if (!is_id(value))
			return "id is neither a string nor a number";
		out->id = value;
		return NULL;
	}
	if (out->options.p != NULL ||
	    (!create && !span_eq(name, span_str("\"get\""))))
		return "a line has create or get, and may have key and id, "
		    "each once";
	out->options = value;
	out->create = create;
	return NULL;
}

/* What is wrong is *why, unless something was before. */
static bool
take_object(struct scan *s, struct fleet_line *out, const char **why)
{
	struct span name, value;
	const char *start, *wrong;
	bool more = true;

	if (!take(s, '{'))
		return false;
	while (more) {
		skip_blanks(s);
		start = s->at;
		if (!skip_string(s))
			return false;
		name = span(start, (size_t)(s->at - start));
		if (!take(s, ':') || !take_value(s, &value))
			return false;
		wrong = take_member(out, name, value);
		if (*why == NULL)
			*why = wrong;
		more = take(s, ',');
	}
	if (!take(s, '}'))
		return false;
	skip_blanks(s);
	return s->at == s->end;
}

bool
fleet_line_parse(struct span text, struct fleet_line *out, const char **why)
{
	const char *start = (const char *)text.p;
	struct scan s = { start, start + text.len };

	*out = (struct fleet_line){ .has_key = false };
	*why = NULL;
	if (!take_object(&s, out, why))
		*why = "not a JSON object";
	else if (*why == NULL && out->options.p == NULL)
		*why = "neither create nor get";
	return *why == NULL;
}
