/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that come in as JSON: see credential_json.h. */
#include "authenticator/control/credential_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/base64url.h"
#include "authenticator/client/webauthn_blob.h"
#include "authenticator/names.h"

/* Bits 1 << form. */
#define WEBDRIVER	(1u << CREDENTIAL_WEBDRIVER | 1u << CREDENTIAL_CDP)
#define ALL		(1u << CREDENTIAL_OURS | WEBDRIVER)

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * A member: what reads it, into which part of what is filled in, and what is
 * said of one that is not what it should be: "NAME WHAT".
 */
struct member {
	const char	*name;
	unsigned	 unknown;	/* forms that do not have it, */
	unsigned	 required;	/* that must have it, */
	unsigned	 empty;		/* that may have it without a byte,
					 * which is as if it were not there */
	int		(*take)(const json_t *value, const struct member *m,
			    enum credential_form form, void *out);
	const char	*what;
	size_t		 offset;
	/* of bytes: where they are kept; a span of them is at offset */
	size_t		 bytes, cap;
};

/* The padding goes, and the two characters that are others in base64url. */
static size_t
to_base64url(struct span text, char *out)
{
	size_t len = text.len;

	for (size_t i = 0; i < len; i++)
		out[i] = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' :
		    (char)text.p[i];
	if (len % 4 == 0)
		for (int i = 0; i < 2 && len > 0 && out[len - 1] == '='; i++)
			len--;
	return len;
}

static bool
decode(struct span text, uint8_t *out, size_t cap, size_t *len)
{
	return BASE64URL_BYTES(text.len) <= cap &&
	    base64url_decode(text, out, len);
}

bool
credential_bytes(struct span text, enum credential_form form, uint8_t *out,
    size_t cap, size_t *len)
{
	char *copy;
	bool ok;

	if (form != CREDENTIAL_CDP)
		return decode(text, out, cap, len);
	/* letters of base64url alone, which to_base64url() would not see */
	if (memchr(text.p, '-', text.len) != NULL ||
	    memchr(text.p, '_', text.len) != NULL)
		return false;
	copy = malloc(text.len + 1);
	if (copy == NULL)
		return false;
	ok = decode(span(copy, to_base64url(text, copy)), out, cap, len);
	/* private keys are among them: no copy of the text stays */
	explicit_bzero(copy, text.len);
	free(copy);
	return ok;
}

static struct span
text_of(const json_t *value)
{
	return span(json_string_value(value), json_string_length(value));
}

static int
take_bytes(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	uint8_t *bytes = (uint8_t *)out + m->bytes;
	size_t len;

	if (!json_is_string(value) || !credential_bytes(text_of(value), form,
	    bytes, m->cap, &len))
		return -EINVAL;
	if (len == 0 && (m->empty & 1u << form) == 0)
		return -EINVAL;
	*(struct span *)((char *)out + m->offset) =
	    len > 0 ? span(bytes, len) : span(NULL, 0);
	return 0;
}

static int
take_text(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	(void)form;
	if (!json_is_string(value))
		return -EINVAL;
	*(struct span *)((char *)out + m->offset) = text_of(value);
	return 0;
}

static int
take_bool(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	(void)form;
	if (!json_is_boolean(value))
		return -EINVAL;
	*(bool *)((char *)out + m->offset) = json_is_true(value);
	return 0;
}

static int
read_count(const json_t *value, enum cred_counting *counting,
    uint32_t *counter)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_null(value) && (!json_is_integer(value) || n < 0 ||
	    n > UINT32_MAX))
		return -EINVAL;
	*counting = json_is_null(value) ? COUNT_NOTHING : COUNT_ITSELF;
	*counter = (uint32_t)n;
	return 0;
}

static int
take_import_count(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	struct device_import *in = &((struct credential_import *)out)->import;

	(void)m;
	(void)form;
	return read_count(value, &in->counting, &in->counter);
}

static int
take_set_count(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	struct device_properties *set = out;

	(void)m;
	(void)form;
	return read_count(value, &set->counting, &set->counter);
}

static int
take_alg(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	struct device_import *in = &((struct credential_import *)out)->import;

	(void)m;
	(void)form;
	if (json_is_string(value))
		in->alg = alg_named(json_string_value(value));
	else if (json_integer_value(value) >= INT32_MIN &&
	    json_integer_value(value) <= INT32_MAX)
		in->alg = (int)json_integer_value(value);
	return in->alg != 0 ? 0 : -EINVAL;
}

static int
take_protect(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	json_int_t level = json_integer_value(value);

	(void)m;
	(void)form;
	if (level < PROTECT_OPTIONAL || level > PROTECT_REQUIRED)
		return -EINVAL;
	((struct credential_import *)out)->import.protect =
	    (enum cred_protect)level;
	return 0;
}

/* As it is for the relying party; the key keeps it compressed. */
static int
take_blob(const json_t *value, const struct member *m,
    enum credential_form form, void *out)
{
	struct credential_import *ci = out;
	size_t cap = BASE64URL_BYTES(json_string_length(value));
	size_t len, packed = 0;
	uint8_t *raw;
	int r = -EINVAL;

	(void)m;
	if (!json_is_string(value))
		return -EINVAL;
	raw = malloc(cap + 1);
	if (raw == NULL)
		return -ENOMEM;
	if (credential_bytes(text_of(value), form, raw, cap, &len)) {
		ci->blob = blob_deflate(span(raw, len), &packed);
		ci->import.large_blob = span(ci->blob, packed);
		ci->import.large_blob_size = len;
		r = ci->blob != NULL ? 0 : -ENOMEM;
	}
	/* what was decoded before an error is there, too */
	explicit_bzero(raw, cap + 1);
	free(raw);
	return r;
}

#define IMPORT(member)	offsetof(struct credential_import, import.member)
#define KEPT(member)	.bytes = offsetof(struct credential_import, member), \
	.cap = sizeof(((struct credential_import *)NULL)->member)
#define SET(member)	offsetof(struct device_properties, member)
#define TEXT		"is not text"
#define BOOLEAN		"is true or false"
#define SIGN_COUNT	"is a number up to 4294967295, or null"

/* 11.5, steps 2 to 12 and 15 to 21, in that order, and ours. */
static const struct member import_members[] = {
	{ .name = "credentialId", .required = WEBDRIVER, .take = take_bytes,
	  .what = "is 1 to 1023 bytes in base64", .offset = IMPORT(id),
	  KEPT(id) },
	{ .name = "isResidentCredential", .required = WEBDRIVER,
	  .take = take_bool, .what = BOOLEAN, .offset = IMPORT(discoverable) },
	{ .name = "rpId", .required = ALL, .take = take_text, .what = TEXT,
	  .offset = IMPORT(rp_id) },
	{ .name = "privateKey", .required = ALL, .take = take_bytes,
	  .what = "is no PKCS #8 in base64", .offset = IMPORT(private_key),
	  KEPT(key) },
	{ .name = "userHandle", .empty = WEBDRIVER, .take = take_bytes,
	  .what = "is 1 to 64 bytes in base64", .offset = IMPORT(user_id),
	  KEPT(user_id) },
	{ .name = "largeBlob", .unknown = WEBDRIVER, .take = take_blob,
	  .what = "is not base64" },
	{ .name = "rpName", .unknown = WEBDRIVER, .take = take_text,
	  .what = TEXT, .offset = IMPORT(rp_name) },
	{ .name = "algorithm", .unknown = WEBDRIVER, .take = take_alg,
	  .what = "is the number or the name of a COSE algorithm" },
	{ .name = "hmacSecret", .unknown = WEBDRIVER, .take = take_bool,
	  .what = BOOLEAN, .offset = IMPORT(hmac_secret) },
	{ .name = "credProtect", .unknown = WEBDRIVER, .take = take_protect,
	  .what = "is 1, 2 or 3" },
	{ .name = "backupEligibility", .take = take_bool, .what = BOOLEAN,
	  .offset = IMPORT(backup_eligible) },
	{ .name = "backupState", .take = take_bool, .what = BOOLEAN,
	  .offset = IMPORT(backup_state) },
	{ .name = "userName", .take = take_text, .what = TEXT,
	  .offset = IMPORT(user_name) },
	{ .name = "userDisplayName", .take = take_text, .what = TEXT,
	  .offset = IMPORT(display_name) },
	{ .name = "signCount", .take = take_import_count,
	  .what = SIGN_COUNT },
};

static const struct member property_members[] = {
	{ .name = "backupEligibility", .take = take_bool, .what = BOOLEAN,
	  .offset = SET(backup_eligible) },
	{ .name = "backupState", .take = take_bool, .what = BOOLEAN,
	  .offset = SET(backup_state) },
	{ .name = "signCount", .take = take_set_count, .what = SIGN_COUNT },
};

static bool
is_known(const char *name, const struct member *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return true;
	return false;
}

static int
read_member(const json_t *value, const struct member *m,
    enum credential_form form, void *out, char *msg, size_t msglen)
{
	bool bytes = m->take == take_bytes || m->take == take_blob;
	int r;

	if (value == NULL && (m->required & 1u << form) == 0)
		return 0;
	if (value == NULL) {
		snprintf(msg, msglen, "%s is missing", m->name);
		return -EINVAL;
	}
	r = m->take(value, m, form, out);
	if (r == -ENOMEM)
		snprintf(msg, msglen, "out of memory");
	else if (r < 0)
		snprintf(msg, msglen, "%s %s%s", m->name, m->what, bytes &&
		    form != CREDENTIAL_CDP ? "url" : "");
	return r;
}

static int
read_members(const json_t *json, const struct member *table, size_t count,
    enum credential_form form, void *out, char *msg, size_t msglen)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach((json_t *)json, name, value) {
		if (form != CREDENTIAL_OURS || is_known(name, table, count))
			continue;
		snprintf(msg, msglen, "\"%.64s\" is none of the members",
		    name);
		return -EINVAL;
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		if ((table[i].unknown & 1u << form) == 0)
			r = read_member(json_object_get(json, table[i].name),
			    &table[i], form, out, msg, msglen);
	return r;
}

int
credential_import_read(const json_t *json, enum credential_form form,
    struct credential_import *out, char *msg, size_t msglen)
{
	int r = read_members(json, import_members, COUNT(import_members),
	    form, out, msg, msglen);

	if (r < 0)
		credential_import_done(out);
	return r;
}

void
credential_import_done(struct credential_import *ci)
{
	free(ci->blob);
	explicit_bzero(ci, sizeof(*ci));
}

int
credential_properties_read(const json_t *json, enum credential_form form,
    struct device_properties *out, char *msg, size_t msglen)
{
	*out = (struct device_properties){
		.set_backup_eligible = json_object_get(json,
		    "backupEligibility") != NULL,
		.set_backup_state = json_object_get(json, "backupState") !=
		    NULL,
		.set_counter = json_object_get(json, "signCount") != NULL,
		.counting = COUNT_ITSELF,
	};
	return read_members(json, property_members, COUNT(property_members),
	    form, out, msg, msglen);
}
