/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/json_out.h"

#include "authenticator/base64url.h"
#include "authenticator/client/webauthn_client_data.h"

#include <stdlib.h>

#define FIRST_CAP	4096	/* bytes; most answers fit */
#define DIGITS_MAX	20	/* of 64 bits */

void
json_out_init(struct json_out *o)
{
	memset(o, 0, sizeof(*o));
}

void
json_out_done(struct json_out *o)
{
	if (o->p != NULL)
		explicit_bzero(o->p, o->cap);
	free(o->p);
	memset(o, 0, sizeof(*o));
}

void
json_out_clear(struct json_out *o)
{
	o->len = 0;
	o->failed = false;
}

/* Moved by hand, because realloc() leaves the old copy behind. */
static bool
grow(struct json_out *o, size_t need)
{
	size_t cap = o->cap == 0 ? FIRST_CAP : o->cap;
	char *p;

	while (cap - o->len < need)
		cap *= 2;
	p = malloc(cap);
	if (p == NULL)
		return false;
	if (o->len > 0)
		memcpy(p, o->p, o->len);
	if (o->p != NULL)
		explicit_bzero(o->p, o->cap);
	free(o->p);
	o->p = p;
	o->cap = cap;
	return true;
}

/* Where need bytes can be written, NULL if there is no memory for them. */
static char *
room(struct json_out *o, size_t need)
{
	if (o->failed)
		return NULL;
	/* nothing to begin with needs a place, too */
	if ((o->p == NULL || o->cap - o->len < need) && !grow(o, need)) {
		o->failed = true;
		return NULL;
	}
	return o->p + o->len;
}

static void
put(struct json_out *o, const char *s, size_t len)
{
	char *p = room(o, len);

	if (p == NULL)
		return;
	memcpy(p, s, len);
	o->len += len;
}

/* A comma, unless this is the first of its kind, or the value of a name. */
static void
separate(struct json_out *o)
{
	if (o->len > 0 && strchr("{[:", o->p[o->len - 1]) == NULL)
		put(o, ",", 1);
}

void
json_out_open(struct json_out *o, char bracket)
{
	separate(o);
	put(o, &bracket, 1);
}

void
json_out_close(struct json_out *o, char bracket)
{
	put(o, &bracket, 1);
}

void
json_out_member(struct json_out *o, const char *name, size_t len)
{
	char *p;

	separate(o);
	p = room(o, len + 3);
	if (p == NULL)
		return;
	p[0] = '"';
	memcpy(p + 1, name, len);
	memcpy(p + 1 + len, "\":", 2);
	o->len += len + 3;
}

void
json_out_bytes(struct json_out *o, struct span bytes)
{
	char *p;

	separate(o);
	p = room(o, BASE64URL_LEN(bytes.len) + 3);	/* quotes, and a NUL */
	if (p == NULL)
		return;
	p[0] = '"';
	base64url_encode(bytes, p + 1);
	p[1 + BASE64URL_LEN(bytes.len)] = '"';
	o->len += BASE64URL_LEN(bytes.len) + 2;
}

/* CCDToString is JSON as well, and needs no locale. */
void
json_out_utf8(struct json_out *o, struct span utf8)
{
	char *p;

	separate(o);
	p = room(o, CCD_STRING_LEN(utf8.len) + 1);
	if (p != NULL)
		o->len += ccd_string(utf8, p);
}

void
json_out_string(struct json_out *o, const char *utf8)
{
	json_out_utf8(o, span_str(utf8));
}

static void
put_digits(struct json_out *o, uint64_t v)
{
	char text[DIGITS_MAX], *at = text + sizeof(text);

	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(o, at, (size_t)(text + sizeof(text) - at));
}

void
json_out_int(struct json_out *o, int v)
{
	separate(o);
	if (v < 0)
		put(o, "-", 1);
	put_digits(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void
json_out_uint(struct json_out *o, uint64_t v)
{
	separate(o);
	put_digits(o, v);
}

void
json_out_bool(struct json_out *o, bool v)
{
	separate(o);
	put(o, v ? "true" : "false", v ? 4 : 5);
}

void
json_out_raw(struct json_out *o, struct span text)
{
	put(o, (const char *)text.p, text.len);
}

struct span
json_out_text(const struct json_out *o)
{
	return o->failed ? span(NULL, 0) : span(o->p, o->len);
}
