/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/json_in.h"

#include <stdlib.h>

#include "authenticator/hex.h"

#define BLOCK_ITEMS	512
#define PAIRS_MAX	16	/* members that are compared one by one */

struct json_in_block {
	struct json_in_block *older;
	struct json item[BLOCK_ITEMS];
};

struct parser {
	struct json_in	*in;
	const uint8_t	*start, *at, *end;
	uint8_t		*arena;
	size_t		 used;
	const char	*why;
};

static bool
fail(struct parser *p, const char *why)
{
	p->why = why;
	return false;
}

static void
skip_blanks(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' ||
	    *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

/* The next that is no blank, which is taken if it is c. */
static bool
take(struct parser *p, char c)
{
	skip_blanks(p);
	if (p->at == p->end || *p->at != (uint8_t)c)
		return false;
	p->at++;
	return true;
}

/*
 * Strings
 */

/* How long the character at s is; 0: it is not UTF-8 (RFC 3629). */
static size_t
utf8_len(const uint8_t *s, const uint8_t *end)
{
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || (size_t)(end - s) < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Over characters that stand for themselves. */
static bool
skip_plain(struct parser *p)
{
	size_t len;

	while (p->at < p->end && *p->at != '"' && *p->at != '\\') {
		if (*p->at < 0x20)
			return fail(p, "a control character in a string");
		len = *p->at < 0x80 ? 1 : utf8_len(p->at, p->end);
		if (len == 0)
			return fail(p, "a string that is not UTF-8");
		p->at += len;
	}
	return p->at < p->end || fail(p, "a string that does not end");
}

static bool
take_hex(struct parser *p, uint32_t *out)
{
	uint32_t n = 0;
	int digit;

	for (int i = 0; i < 4; i++) {
		if (p->at == p->end)
			return fail(p, "a string that does not end");
		digit = hex_digit((char)*p->at);
		if (digit < 0)
			return fail(p, "\\u without four hexadecimal digits");
		n = n << 4 | (uint32_t)digit;
		p->at++;
	}
	*out = n;
	return true;
}

/* Never longer than its escape: 6 characters give 3 bytes, 12 give 4. */
static void
put_utf8(struct parser *p, uint32_t c)
{
	uint8_t *out = p->arena + p->used;

	if (c < 0x80) {
		out[0] = (uint8_t)c;
		p->used += 1;
	} else if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		p->used += 2;
	} else if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		p->used += 3;
	} else {
		out[0] = (uint8_t)(0xf0 | c >> 18);
		out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[3] = (uint8_t)(0x80 | (c & 0x3f));
		p->used += 4;
	}
}

/* Behind \u. */
static bool
take_code_point(struct parser *p)
{
	uint32_t c, low;

	if (!take_hex(p, &c))
		return false;
	if (c >= 0xd800 && c <= 0xdfff) {
		if (c > 0xdbff || p->end - p->at < 6 || p->at[0] != '\\' ||
		    p->at[1] != 'u')
			return fail(p, "half a surrogate pair");
		p->at += 2;
		if (!take_hex(p, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(p, "half a surrogate pair");
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
	}
	put_utf8(p, c);
	return true;
}

/* At a backslash. */
static bool
take_escape(struct parser *p)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint8_t c;

	p->at++;
	if (p->at == p->end)
		return fail(p, "a string that does not end");
	c = *p->at++;
	if (c == 'u')
		return take_code_point(p);
	found = c != '\0' ? strchr(names, c) : NULL;
	if (found == NULL)
		return fail(p, "an escape that JSON does not have");
	p->arena[p->used++] = (uint8_t)values[found - names];
	return true;
}

/* With escapes; p->at is at the first, or behind the last, character. */
static bool
take_escaped(struct parser *p, const uint8_t *start, struct span *out)
{
	uint8_t *to = p->arena + p->used;

	for (;;) {
		memcpy(p->arena + p->used, start, (size_t)(p->at - start));
		p->used += (size_t)(p->at - start);
		if (*p->at == '"')
			break;
		if (!take_escape(p))
			return false;
		start = p->at;
		if (!skip_plain(p))
			return false;
	}
	p->at++;
	*out = span(to, (size_t)(p->arena + p->used - to));
	return true;
}

static bool
take_string(struct parser *p, struct span *out)
{
	const uint8_t *start = ++p->at;

	if (!skip_plain(p))
		return false;
	if (*p->at == '\\')
		return take_escaped(p, start, out);
	*out = span(start, (size_t)(p->at - start));
	p->at++;
	return true;
}

/*
 * Other values
 */

static size_t
skip_digits(struct parser *p, bool *zero)
{
	const uint8_t *start = p->at;

	for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++)
		*zero = *zero && *p->at == '0';
	return (size_t)(p->at - start);
}

/* Digits, of which there are not too many for 64 bits. */
static bool
to_integer(const uint8_t *s, const uint8_t *end, int64_t *out)
{
	bool negative = *s == '-';
	int64_t n = 0;

	for (s += negative; s < end; s++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, *s - '0', &n))
			return false;
	if (!negative && n == INT64_MIN)
		return false;
	*out = negative ? n : -n;
	return true;
}

static bool
take_number(struct parser *p, struct json *v)
{
	const uint8_t *start = p->at, *digits;
	bool whole = true, ignored = true;

	v->zero = true;
	p->at += *p->at == '-';
	digits = p->at;
	if (skip_digits(p, &v->zero) == 0 ||
	    (*digits == '0' && p->at - digits > 1))
		return fail(p, "a number that JSON does not have");
	if (p->at < p->end && *p->at == '.') {
		whole = false;
		p->at++;
		if (skip_digits(p, &v->zero) == 0)
			return fail(p, "a number that JSON does not have");
	}
	if (p->at < p->end && (*p->at | 0x20) == 'e') {
		whole = false;
		p->at++;
		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (skip_digits(p, &ignored) == 0)
			return fail(p, "a number that JSON does not have");
	}
	v->kind = whole && to_integer(start, p->at, &v->integer) ?
	    JSON_KIND_INTEGER : JSON_KIND_FRACTION;
	return true;
}

static bool
take_word(struct parser *p, struct json *v)
{
	static const struct {
		const char	*text;
		enum json_kind	 kind;
	} words[] = {
		{ "null", JSON_KIND_NULL },
		{ "false", JSON_KIND_FALSE },
		{ "true", JSON_KIND_TRUE },
	};
	size_t len;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i].text);
		if ((size_t)(p->end - p->at) < len ||
		    memcmp(p->at, words[i].text, len) != 0)
			continue;
		p->at += len;
		v->kind = words[i].kind;
		return true;
	}
	return fail(p, "no value where there should be one");
}

/* Of an array or object the bracket. */
static bool
take_value(struct parser *p, struct json *v)
{
	skip_blanks(p);
	if (p->at == p->end)
		return fail(p, "the end where a value should be");
	switch (*p->at) {
	case '"':
		v->kind = JSON_KIND_STRING;
		return take_string(p, &v->text);
	case '[':
	case '{':
		v->kind = *p->at == '[' ? JSON_KIND_ARRAY : JSON_KIND_OBJECT;
		p->at++;
		return true;
	case '-':
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return take_number(p, v);
	default:
		return take_word(p, v);
	}
}

/*
 * The tree
 */

static struct json *
new_item(struct parser *p, struct json *parent)
{
	struct json_in *in = p->in;
	struct json_in_block *b = in->blocks;
	struct json *v;

	if (b == NULL && in->used < JSON_IN_FEW) {
		v = &in->few[in->used++];
	} else {
		if (b == NULL || in->used == BLOCK_ITEMS) {
			b = malloc(sizeof(*b));
			if (b == NULL) {
				fail(p, "out of memory");
				return NULL;
			}
			b->older = in->blocks;
			in->blocks = b;
			in->used = 0;
		}
		v = &b->item[in->used++];
	}
	memset(v, 0, sizeof(*v));
	v->parent = parent;
	if (parent == NULL)
		return v;
	if (parent->last != NULL)
		parent->last->next = v;
	else
		parent->first = v;
	parent->last = v;
	parent->count++;
	return v;
}

static int
compare_names(const void *x, const void *y)
{
	const struct json *a = *(const struct json *const *)x;
	const struct json *b = *(const struct json *const *)y;

	if (a->name.len != b->name.len)
		return a->name.len < b->name.len ? -1 : 1;
	return memcmp(a->name.p, b->name.p, a->name.len);
}

/* However many: nobody makes us compare each with each. */
static bool
check_many(struct parser *p, const struct json *obj)
{
	const struct json **all, *v;
	bool ok = true;
	size_t n = 0;

	all = calloc(obj->count, sizeof(*all));
	if (all == NULL)
		return fail(p, "out of memory");
	for (v = obj->first; v != NULL; v = v->next)
		all[n++] = v;
	qsort(all, n, sizeof(*all), compare_names);
	for (size_t i = 1; i < n && ok; i++)
		ok = compare_names(&all[i - 1], &all[i]) != 0;
	free(all);
	return ok || fail(p, "a member that is there twice");
}

static bool
check_names(struct parser *p, const struct json *obj)
{
	const struct json *a, *b;

	if (obj->count > PAIRS_MAX)
		return check_many(p, obj);
	for (a = obj->first; a != NULL; a = a->next)
		for (b = a->next; b != NULL; b = b->next)
			if (span_eq(a->name, b->name))
				return fail(p, "a member that is there twice");
	return true;
}

/* Into parent, with its name if that is an object. NULL: failed. */
static struct json *
take_item(struct parser *p, struct json *parent)
{
	struct json *v = new_item(p, parent);

	if (v == NULL)
		return NULL;
	if (parent != NULL && parent->kind == JSON_KIND_OBJECT) {
		skip_blanks(p);
		if (p->at == p->end || *p->at != '"') {
			fail(p, "no name where there should be one");
			return NULL;
		}
		if (!take_string(p, &v->name))
			return NULL;
		if (!take(p, ':')) {
			fail(p, "no ':' behind a name");
			return NULL;
		}
	}
	return take_value(p, v) ? v : NULL;
}

static bool
ends(struct parser *p, const struct json *v)
{
	return take(p, v->kind == JSON_KIND_OBJECT ? '}' : ']');
}

/*
 * What is behind v, which is whole: closes what ends there. The item that the
 * next one is in, or NULL: that was all, or it failed.
 */
static struct json *
go_on(struct parser *p, struct json *v)
{
	for (v = v->parent; v != NULL; v = v->parent) {
		if (take(p, ','))
			return v;
		if (!ends(p, v)) {
			fail(p, v->kind == JSON_KIND_OBJECT ?
			    "no ',' or '}' behind a member" :
			    "no ',' or ']' behind an item");
			return NULL;
		}
		if (v->kind == JSON_KIND_OBJECT && !check_names(p, v))
			return NULL;
	}
	skip_blanks(p);
	if (p->at != p->end)
		fail(p, "something behind the value");
	return NULL;
}

static struct json *
parse(struct parser *p)
{
	struct json *parent = NULL, *v, *root = NULL;

	do {
		v = take_item(p, parent);
		if (v == NULL)
			return NULL;
		if (root == NULL)
			root = v;
		if (v->kind >= JSON_KIND_ARRAY && !ends(p, v))
			parent = v;
		else
			parent = go_on(p, v);
	} while (parent != NULL);
	return p->why == NULL ? root : NULL;
}

static void
tell_where(const struct parser *p, struct json_in_error *err)
{
	err->why = p->why;
	err->line = err->column = 1;
	for (const uint8_t *s = p->start; s < p->at; s++) {
		err->column++;
		if (*s == '\n') {
			err->line++;
			err->column = 1;
		}
	}
}

const struct json *
json_in_parse(struct json_in *in, struct span text, uint8_t *arena,
    size_t *used, struct json_in_error *err)
{
	struct parser p = { .in = in, .start = text.p, .at = text.p,
	    .end = text.p + text.len, .arena = arena };
	const struct json *root;

	in->used = 0;
	in->blocks = NULL;
	root = parse(&p);
	*used = p.used;
	if (root == NULL)
		tell_where(&p, err);
	return root;
}

void
json_in_done(struct json_in *in)
{
	struct json_in_block *b;

	while ((b = in->blocks) != NULL) {
		in->blocks = b->older;
		free(b);
	}
	in->used = 0;
}

const struct json *
json_get_member(const struct json *obj, const char *name)
{
	struct span wanted = span_str(name);
	const struct json *v;

	if (obj == NULL || obj->kind != JSON_KIND_OBJECT)
		return NULL;
	for (v = obj->first; v != NULL; v = v->next)
		if (span_eq(v->name, wanted))
			return v;
	return NULL;
}
