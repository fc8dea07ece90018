/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/diagnostic.h"

#include "ctap/status.h"

#include <stdbool.h>

#define DEPTH_MAX	16	/* a key may send deeper than CTAP allows */

/* What is not read yet. */
struct reader {
	FILE		*out;
	struct span	 rest;
	unsigned	 depth;
};

static const struct {
	uint8_t		 code;
	const char	*name;
} commands[] = {
	{ 0x01, "makeCredential" },
	{ 0x02, "getAssertion" },
	{ 0x04, "getInfo" },
	{ 0x06, "clientPIN" },
	{ 0x07, "reset" },
	{ 0x08, "getNextAssertion" },
	{ 0x09, "bioEnrollment" },
	{ 0x0a, "credentialManagement" },
	{ 0x0b, "selection" },
	{ 0x0c, "largeBlobs" },
	{ 0x0d, "config" },
	{ 0x40, "bioEnrollment (preview)" },
	{ 0x41, "credentialManagement (preview)" },
};

/* of U2F, class 0 */
static const struct {
	uint8_t		 code;
	const char	*name;
} instructions[] = {
	{ 0x01, "U2F_REGISTER" },
	{ 0x02, "U2F_AUTHENTICATE" },
	{ 0x03, "U2F_VERSION" },
};

static const struct {
	unsigned	 code;
	const char	*name;
} words[] = {
	{ 0x9000, "NO_ERROR" },
	{ 0x6700, "WRONG_LENGTH" },
	{ 0x6985, "CONDITIONS_NOT_SATISFIED" },
	{ 0x6a80, "WRONG_DATA" },
	{ 0x6d00, "INS_NOT_SUPPORTED" },
	{ 0x6e00, "CLA_NOT_SUPPORTED" },
};

static const char *
command_name(uint8_t command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].code == command)
			return commands[i].name;
	return NULL;
}

static void
put_hex(FILE *out, struct span s)
{
	fputs("h'", out);
	for (size_t i = 0; i < s.len; i++)
		fprintf(out, "%02x", s.p[i]);
	putc('\'', out);
}

static void
put_text(FILE *out, struct span s)
{
	putc('"', out);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			fprintf(out, "\\x%02x", s.p[i]);
		else if (s.p[i] == '"' || s.p[i] == '\\')
			fprintf(out, "\\%c", s.p[i]);
		else
			putc(s.p[i], out);
	}
	putc('"', out);
}

/* What cannot be read is shown as it is, and nothing is left. */
static bool
give_up(struct reader *r, const char *why)
{
	fprintf(r->out, "/%s/ ", why);
	put_hex(r->out, r->rest);
	r->rest.len = 0;
	return false;
}

/* The first byte's argument; the reader is behind it. */
static bool
take_head(struct reader *r, uint8_t *major, uint8_t *info, uint64_t *value)
{
	struct span s = r->rest;
	size_t n;

	if (s.len == 0)
		return give_up(r, "it ends here");
	*major = s.p[0] >> 5;
	*info = s.p[0] & 0x1f;
	n = *info < 24 ? 0 : *info < 28 ? (size_t)1 << (*info - 24) : 0;
	if (*info > 27)
		return give_up(r, "no definite length");
	if (s.len < 1 + n)
		return give_up(r, "it ends here");
	*value = *info < 24 ? *info : 0;
	for (size_t i = 1; i <= n; i++)
		*value = *value << 8 | s.p[i];
	r->rest = span(s.p + 1 + n, s.len - 1 - n);
	return true;
}

static bool
put_string(struct reader *r, uint64_t len, bool text)
{
	struct span s = r->rest;

	if (len > s.len)
		return give_up(r, "a string that is longer than the message");
	r->rest = span(s.p + len, s.len - (size_t)len);
	(text ? put_text : put_hex)(r->out, span(s.p, (size_t)len));
	return true;
}

static void
put_simple(FILE *out, uint8_t info, uint64_t value)
{
	static const char *const names[] = { "false", "true", "null",
	    "undefined" };

	if (value >= 20 && value <= 23 && info < 25)
		fputs(names[value - 20], out);
	else
		fprintf(out, "%s(%llu)", info < 25 ? "simple" : "float",
		    (unsigned long long)value);
}

static bool put_item(struct reader *r);

static bool
put_items(struct reader *r, uint64_t count, bool map)
{
	bool ok = true;

	putc(map ? '{' : '[', r->out);
	for (uint64_t i = 0; ok && i < count; i++) {
		if (i > 0)
			fputs(", ", r->out);
		ok = put_item(r);
		if (ok && map) {
			fputs(": ", r->out);
			ok = put_item(r);
		}
	}
	putc(map ? '}' : ']', r->out);
	return ok;
}

/* An item whose head has been read. */
static bool
put_body(struct reader *r, uint8_t major, uint8_t info, uint64_t value)
{
	switch (major) {
	case 0:
		fprintf(r->out, "%llu", (unsigned long long)value);
		return true;
	case 1:
		/* -1 - value, which may not fit 64 bits */
		if (value < INT64_MAX)
			fprintf(r->out, "%lld", -1 - (long long)value);
		else
			fprintf(r->out, "-1-%llu", (unsigned long long)value);
		return true;
	case 2:
	case 3:
		return put_string(r, value, major == 3);
	case 4:
	case 5:
		return put_items(r, value, major == 5);
	case 6:
		fprintf(r->out, "%llu:", (unsigned long long)value);
		return put_item(r);
	default:
		put_simple(r->out, info, value);
		return true;
	}
}

static bool
put_item(struct reader *r)
{
	uint8_t major, info;
	uint64_t value;
	bool ok;

	if (r->depth == DEPTH_MAX)
		return give_up(r, "too deep");
	r->depth++;
	ok = take_head(r, &major, &info, &value) &&
	    put_body(r, major, info, value);
	r->depth--;
	return ok;
}

static void
put_cbor(FILE *out, struct span items)
{
	struct reader r = { out, items, 0 };

	while (put_item(&r) && r.rest.len > 0)
		fputs(" /and/ ", out);
}

static void
put_word(FILE *out, struct span msg)
{
	unsigned word;

	if (msg.len < 2) {
		fputs("/no status word/ ", out);
		put_hex(out, msg);
		return;
	}
	word = (unsigned)msg.p[msg.len - 2] << 8 | msg.p[msg.len - 1];
	fprintf(out, "%04x", word);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].code == word)
			fprintf(out, " %s", words[i].name);
	if (msg.len == 2)
		return;
	putc(' ', out);
	put_hex(out, span(msg.p, msg.len - 2));
}

static void
put_apdu(FILE *out, struct span msg)
{
	size_t n = sizeof(instructions) / sizeof(instructions[0]);

	fputs("APDU ", out);
	for (size_t i = 0; i < n && msg.len > 1; i++)
		if (msg.p[0] == 0 && msg.p[1] == instructions[i].code)
			fprintf(out, "%s ", instructions[i].name);
	put_hex(out, msg);
}

void
diagnostic_request(FILE *out, struct span msg, bool apdu)
{
	const char *name;

	if (msg.len == 0) {
		fputs("nothing", out);
		return;
	}
	if (apdu) {
		put_apdu(out, msg);
		return;
	}
	name = command_name(msg.p[0]);
	fprintf(out, "%02x %s", msg.p[0], name != NULL ? name : "?");
	if (msg.len == 1)
		return;
	putc(' ', out);
	put_cbor(out, span(msg.p + 1, msg.len - 1));
}

void
diagnostic_reply(FILE *out, struct span msg, bool apdu)
{
	const char *name;

	if (msg.len == 0) {
		fputs("nothing", out);
		return;
	}
	if (apdu) {
		put_word(out, msg);
		return;
	}
	name = ctap_status_name(msg.p[0]);
	fprintf(out, "%02x %s", msg.p[0], name != NULL ? name : "?");
	if (msg.len == 1)
		return;
	putc(' ', out);
	put_cbor(out, span(msg.p + 1, msg.len - 1));
}
