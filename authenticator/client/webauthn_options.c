/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_options.h"

#include "authenticator/base64url.h"

#include <stdio.h>
#include <stdlib.h>

#define HMAC_SALT_LEN	32	/* bytes, CTAP 2.3, 12.7 */

/* A reader keeps the first error, and then reads nothing more. */
struct options_in {
	struct options_memory	*mem;
	struct dom_error	*err;
};

enum need { OPTIONAL, REQUIRED };

/* An enumeration whose unknown values count as not given. */
struct word {
	const char	*s;
	int		 value;
};

static bool
failed(const struct options_in *in)
{
	return in->err->name != NULL;
}

static bool
type_error(struct options_in *in, const char *path, const char *what)
{
	return dom_fail(in->err, "TypeError", "%s %s", path, what);
}

/*
 * The member of obj that path ends with ("rp.id": "id"), or NULL. The whole
 * path is for the message.
 */
static json_t *
in_member(struct options_in *in, const json_t *obj, const char *path,
    enum need need)
{
	const char *dot = strrchr(path, '.');
	json_t *v;

	if (failed(in))
		return NULL;
	v = json_object_get(obj, dot != NULL ? dot + 1 : path);
	if (v == NULL && need == REQUIRED)
		type_error(in, path, "is missing");
	return v;
}

static json_t *
in_dict(struct options_in *in, const json_t *obj, const char *path,
    enum need need)
{
	json_t *v = in_member(in, obj, path, need);

	if (v == NULL)
		return NULL;
	if (json_is_null(v) && need == OPTIONAL)
		return NULL;	/* Web IDL: null is an empty dictionary */
	if (json_is_object(v))
		return v;
	type_error(in, path, "is not an object");
	return NULL;
}

static json_t *
in_array(struct options_in *in, const json_t *obj, const char *path,
    enum need need)
{
	json_t *v = in_member(in, obj, path, need);

	if (v == NULL || json_is_array(v))
		return v;
	type_error(in, path, "is not an array");
	return NULL;
}

/* Web IDL makes text of these without surprises. */
static bool
is_text(const json_t *v)
{
	return json_is_string(v) || json_is_integer(v) ||
	    json_is_boolean(v) || json_is_null(v);
}

/* Into the arena, which is twice as long as the options: it fits. */
static void
convert(struct options_in *in, const json_t *v, struct span *out)
{
	struct options_memory *mem = in->mem;
	char *p = (char *)mem->arena + mem->used, text[24];
	int n;

	if (json_is_integer(v))
		n = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
	else
		n = snprintf(text, sizeof(text), "%s", json_is_null(v) ?
		    "null" : json_is_true(v) ? "true" : "false");
	if ((size_t)n > mem->cap - mem->used) {
		dom_fail(in->err, "UnknownError", "out of memory");
		return;
	}
	memcpy(p, text, (size_t)n);
	mem->used += (size_t)n;
	*out = span(p, (size_t)n);
}

static void
in_string(struct options_in *in, const json_t *obj, const char *path,
    enum need need, struct span *out)
{
	json_t *v = in_member(in, obj, path, need);

	if (v == NULL)
		return;
	if (json_is_string(v))
		*out = span(json_string_value(v), json_string_length(v));
	else if (is_text(v))
		convert(in, v, out);
	else
		type_error(in, path, "is not a string");
}

static bool
decode(struct options_in *in, struct span text, struct span *out)
{
	struct options_memory *mem = in->mem;
	uint8_t *p = mem->arena + mem->used;
	size_t len;

	if (BASE64URL_BYTES(text.len) > mem->cap - mem->used)
		return false;
	if (!base64url_decode(text, p, &len))
		return false;
	mem->used += len;
	*out = span(p, len);
	return true;
}

static void
in_bytes(struct options_in *in, const json_t *obj, const char *path,
    enum need need, struct span *out)
{
	json_t *v = in_member(in, obj, path, need);
	struct span text;

	if (v == NULL)
		return;
	text = span(json_string_value(v), json_string_length(v));
	if (text.p == NULL)
		type_error(in, path, "is not a string");
	else if (!decode(in, text, out))
		dom_fail(in->err, "EncodingError",
		    "%s is not base64url without padding", path);
}

static bool
in_bool(struct options_in *in, const json_t *obj, const char *path)
{
	json_t *v = in_member(in, obj, path, OPTIONAL);

	/* Web IDL, ToBoolean: null, 0 and "" are false, the rest is true */
	if (json_is_number(v))
		return json_number_value(v) != 0;
	if (json_is_string(v))
		return json_string_length(v) > 0;
	return v != NULL && !json_is_null(v) && !json_is_false(v);
}

/* fallback: absent, null, or a word that is not in the list. */
static int
in_word(struct options_in *in, const json_t *obj, const char *path,
    const struct word *words, int fallback)
{
	json_t *v = in_member(in, obj, path, OPTIONAL);

	if (v == NULL || json_is_null(v))
		return fallback;
	if (!is_text(v)) {
		type_error(in, path, "is not a string");
		return fallback;
	}
	for (; json_is_string(v) && words->s != NULL; words++)
		if (strcmp(words->s, json_string_value(v)) == 0)
			return words->value;
	return fallback;
}

/* Members that are only looked at: they change nothing here. */
static void
skip_strings(struct options_in *in, const json_t *obj, const char *path)
{
	json_t *v = in_array(in, obj, path, OPTIONAL), *item;
	size_t i;

	json_array_foreach(v, i, item)
		if (!is_text(item))
			type_error(in, path, "has what is not a string");
}

static bool
is_public_key(struct span type)
{
	return span_eq(type, span_str("public-key"));
}

static void
in_descriptor(struct options_in *in, const json_t *item,
    struct credential_list *list)
{
	struct span type = { NULL, 0 }, id = { NULL, 0 };

	if (!json_is_object(item)) {
		type_error(in, "credential descriptor", "is not an object");
		return;
	}
	in_string(in, item, "descriptor.type", REQUIRED, &type);
	in_bytes(in, item, "descriptor.id", REQUIRED, &id);
	skip_strings(in, item, "descriptor.transports");
	if (failed(in) || !is_public_key(type) || id.len == 0 ||
	    id.len > CREDENTIAL_ID_MAX)
		return;
	list->id[list->count++] = id;
}

static void
in_descriptors(struct options_in *in, const json_t *obj, const char *path,
    struct credential_list *list)
{
	json_t *v = in_array(in, obj, path, OPTIONAL), *item;
	size_t i;

	list->given = json_array_size(v) > 0;
	if (json_array_size(v) > WEBAUTHN_LIST_MAX) {
		dom_fail(in->err, "NotSupportedError",
		    "%s has more than %d entries", path, WEBAUTHN_LIST_MAX);
		return;
	}
	json_array_foreach(v, i, item)
		in_descriptor(in, item, list);
}

static void
add_alg(struct options_in *in, struct create_options *o, int alg)
{
	for (size_t i = 0; i < o->alg_count; i++)
		if (o->algs[i] == alg)
			return;
	if (o->alg_count == WEBAUTHN_ALGS_MAX) {
		dom_fail(in->err, "NotSupportedError",
		    "pubKeyCredParams has more than %d algorithms",
		    WEBAUTHN_ALGS_MAX);
		return;
	}
	o->algs[o->alg_count++] = alg;
}

static void
in_param(struct options_in *in, const json_t *item, struct create_options *o)
{
	struct span type = { NULL, 0 };
	json_t *alg;

	if (!json_is_object(item)) {
		type_error(in, "pubKeyCredParams", "has what is no object");
		return;
	}
	in_string(in, item, "pubKeyCredParams.type", REQUIRED, &type);
	alg = in_member(in, item, "pubKeyCredParams.alg", REQUIRED);
	if (failed(in))
		return;
	if (!json_is_integer(alg) || json_integer_value(alg) < INT32_MIN ||
	    json_integer_value(alg) > INT32_MAX)
		type_error(in, "pubKeyCredParams.alg", "is not a long");
	else if (is_public_key(type))
		add_alg(in, o, (int)json_integer_value(alg));
}

/* WebAuthn Level 3, 5.1.3, "credTypesAndPubKeyAlgs": empty means these two */
static void
in_params(struct options_in *in, const json_t *obj, struct create_options *o)
{
	json_t *v = in_array(in, obj, "pubKeyCredParams", REQUIRED), *item;
	size_t i;

	json_array_foreach(v, i, item)
		in_param(in, item, o);
	if (failed(in) || o->alg_count > 0)
		return;
	if (json_array_size(v) > 0) {
		dom_fail(in->err, "NotSupportedError",
		    "pubKeyCredParams has no entry of type public-key");
		return;
	}
	add_alg(in, o, COSE_ES256);
	add_alg(in, o, COSE_RS256);
}

static const struct word requirements[] = {
	{ "discouraged", REQUIREMENT_DISCOURAGED },
	{ "preferred", REQUIREMENT_PREFERRED },
	{ "required", REQUIREMENT_REQUIRED },
	{ NULL, 0 },
};

static const struct word attachments[] = {
	{ "platform", ATTACHMENT_PLATFORM },
	{ "cross-platform", ATTACHMENT_CROSS_PLATFORM },
	{ NULL, 0 },
};

static const struct word conveyances[] = {
	{ "none", CONVEYANCE_NONE },
	{ "indirect", CONVEYANCE_INDIRECT },
	{ "direct", CONVEYANCE_DIRECT },
	{ "enterprise", CONVEYANCE_ENTERPRISE },
	{ NULL, 0 },
};

static const struct word policies[] = {
	{ "userVerificationOptional", PROTECT_OPTIONAL },
	{ "userVerificationOptionalWithCredentialIDList",
	    PROTECT_OPTIONAL_WITH_LIST },
	{ "userVerificationRequired", PROTECT_REQUIRED },
	{ NULL, 0 },
};

static void
in_selection(struct options_in *in, const json_t *obj,
    struct create_options *o)
{
	json_t *v = in_dict(in, obj, "authenticatorSelection", OPTIONAL);
	bool required;

	required = in_bool(in, v, "authenticatorSelection.requireResidentKey");
	o->attachment = (enum attachment)in_word(in, v,
	    "authenticatorSelection.authenticatorAttachment", attachments,
	    ATTACHMENT_ANY);
	o->resident_key = (enum requirement)in_word(in, v,
	    "authenticatorSelection.residentKey", requirements,
	    required ? REQUIREMENT_REQUIRED : REQUIREMENT_DISCOURAGED);
	o->user_verification = (enum requirement)in_word(in, v,
	    "authenticatorSelection.userVerification", requirements,
	    REQUIREMENT_PREFERRED);
}

static void
in_prf_values(struct options_in *in, const json_t *v, struct salt_inputs *out)
{
	in_bytes(in, v, "prf.eval.first", REQUIRED, &out->first);
	in_bytes(in, v, "prf.eval.second", OPTIONAL, &out->second);
}

/* WebAuthn Level 3, 10.1.4, registration */
static void
in_create_prf(struct options_in *in, const json_t *ext,
    struct create_options *o)
{
	json_t *prf = in_dict(in, ext, "extensions.prf", OPTIONAL), *eval;

	if (prf == NULL)
		return;
	if (in_dict(in, prf, "prf.evalByCredential", OPTIONAL) != NULL)
		dom_fail(in->err, "NotSupportedError",
		    "prf.evalByCredential is for assertions");
	eval = in_dict(in, prf, "prf.eval", OPTIONAL);
	if (eval != NULL)
		in_prf_values(in, eval, &o->prf_eval);
	o->prf = true;
}

/*
 * An enumeration of the language, not a DOMString: unknown values are
 * errors (CTAP 2.3, 12.1, client extension input).
 */
static void
in_protect(struct options_in *in, const json_t *ext, struct create_options *o)
{
	const char *path = "extensions.credentialProtectionPolicy";

	if (in_member(in, ext, path, OPTIONAL) == NULL)
		return;
	o->protect = (unsigned)in_word(in, ext, path, policies, 0);
	if (o->protect == 0)
		type_error(in, path, "is none of its three values");
	o->enforce_protect = in_bool(in, ext,
	    "extensions.enforceCredentialProtectionPolicy");
}

/* An extension, or a member of one, that the other ceremony has. */
static void
refuse(struct options_in *in, const json_t *obj, const char *path,
    const char *other)
{
	if (in_member(in, obj, path, OPTIONAL) != NULL)
		dom_fail(in->err, "NotSupportedError", "%s is for %s", path,
		    other);
}

static const struct word supports[] = {
	{ "preferred", LARGE_BLOB_PREFERRED },
	{ "required", LARGE_BLOB_REQUIRED },
	{ NULL, 0 },
};

/* WebAuthn Level 3, 10.1.5, registration */
static void
in_create_large_blob(struct options_in *in, const json_t *ext,
    struct create_options *o)
{
	json_t *v = in_dict(in, ext, "extensions.largeBlob", OPTIONAL);

	if (v == NULL)
		return;
	refuse(in, v, "largeBlob.read", "assertions");
	refuse(in, v, "largeBlob.write", "assertions");
	/* A word of another version is no demand. */
	if (in_member(in, v, "largeBlob.support", OPTIONAL) != NULL)
		o->large_blob = (enum large_blob)in_word(in, v,
		    "largeBlob.support", supports, LARGE_BLOB_PREFERRED);
}

static void
in_create_extensions(struct options_in *in, const json_t *obj,
    struct create_options *o)
{
	json_t *ext = in_dict(in, obj, "extensions", OPTIONAL);

	o->cred_props = in_bool(in, ext, "extensions.credProps");
	o->hmac_create_secret = in_bool(in, ext,
	    "extensions.hmacCreateSecret");
	o->min_pin_length = in_bool(in, ext, "extensions.minPinLength");
	in_bytes(in, ext, "extensions.credBlob", OPTIONAL, &o->cred_blob);
	in_protect(in, ext, o);
	in_create_prf(in, ext, o);
	in_create_large_blob(in, ext, o);
	refuse(in, ext, "extensions.appid", "assertions");
	in_string(in, ext, "extensions.appidExclude", OPTIONAL,
	    &o->app_id_exclude);
}

static void
in_create(struct options_in *in, const json_t *obj, struct create_options *o)
{
	json_t *rp = in_dict(in, obj, "rp", REQUIRED);
	json_t *user = in_dict(in, obj, "user", REQUIRED);

	in_string(in, rp, "rp.name", REQUIRED, &o->rp_name);
	in_string(in, rp, "rp.id", OPTIONAL, &o->rp_id);
	in_bytes(in, user, "user.id", REQUIRED, &o->user_id);
	in_string(in, user, "user.name", REQUIRED, &o->user_name);
	in_string(in, user, "user.displayName", REQUIRED,
	    &o->user_display_name);
	if (!failed(in) &&
	    (o->user_id.len == 0 || o->user_id.len > USER_ID_MAX))
		type_error(in, "user.id", "is not 1 to 64 bytes long");
	in_bytes(in, obj, "challenge", REQUIRED, &o->challenge);
	in_params(in, obj, o);
	in_descriptors(in, obj, "excludeCredentials", &o->exclude);
	in_selection(in, obj, o);
	skip_strings(in, obj, "hints");
	o->conveyance = (enum conveyance)in_word(in, obj, "attestation",
	    conveyances, CONVEYANCE_NONE);
	skip_strings(in, obj, "attestationFormats");
	in_create_extensions(in, obj, o);
}

static bool
is_listed(const struct credential_list *list, struct span id)
{
	for (size_t i = 0; i < list->count; i++)
		if (span_eq(list->id[i], id))
			return true;
	return false;
}

/* WebAuthn Level 3, 10.1.4, assertion: the two errors, in this order */
static void
in_by_credential(struct options_in *in, const json_t *prf,
    struct get_options *o)
{
	json_t *by = in_dict(in, prf, "prf.evalByCredential", OPTIONAL), *v;
	struct prf_entry entry;
	const char *key;

	if (json_object_size(by) > 0 && !o->allow.given)
		dom_fail(in->err, "NotSupportedError",
		    "prf.evalByCredential needs allowCredentials");
	json_object_foreach(by, key, v) {
		memset(&entry, 0, sizeof(entry));
		if (failed(in))
			return;
		/* Listed and distinct: never more than the list can hold. */
		if (!decode(in, span_str(key), &entry.id) ||
		    !is_listed(&o->allow, entry.id) ||
		    o->prf_count == WEBAUTHN_LIST_MAX) {
			dom_fail(in->err, "SyntaxError",
			    "prf.evalByCredential names a credential that is "
			    "not in allowCredentials");
			return;
		}
		if (!json_is_object(v))
			type_error(in, "prf.evalByCredential",
			    "has what is not an object");
		in_prf_values(in, v, &entry.in);
		o->prf_by_credential[o->prf_count++] = entry;
	}
}

static void
in_get_prf(struct options_in *in, const json_t *ext, struct get_options *o)
{
	json_t *prf = in_dict(in, ext, "extensions.prf", OPTIONAL), *eval;

	if (prf == NULL)
		return;
	o->prf = true;
	eval = in_dict(in, prf, "prf.eval", OPTIONAL);
	if (eval != NULL)
		in_prf_values(in, eval, &o->prf_eval);
	in_by_credential(in, prf, o);
}

static void
in_hmac_get_secret(struct options_in *in, const json_t *ext,
    struct get_options *o)
{
	json_t *v = in_dict(in, ext, "extensions.hmacGetSecret", OPTIONAL);
	struct salt_inputs *salt = &o->hmac_get_secret;

	if (v == NULL)
		return;
	if (o->prf)
		dom_fail(in->err, "NotSupportedError",
		    "prf and hmacGetSecret exclude each other");
	in_bytes(in, v, "hmacGetSecret.salt1", REQUIRED, &salt->first);
	in_bytes(in, v, "hmacGetSecret.salt2", OPTIONAL, &salt->second);
	if (!failed(in) && (salt->first.len != HMAC_SALT_LEN ||
	    (salt->second.p != NULL && salt->second.len != HMAC_SALT_LEN)))
		type_error(in, "hmacGetSecret", "has a salt that is not "
		    "32 bytes long");
}

/* WebAuthn Level 3, 10.1.5, assertion; listed: entries of allowCredentials */
static void
in_get_large_blob(struct options_in *in, const json_t *ext, size_t listed,
    struct get_options *o)
{
	json_t *v = in_dict(in, ext, "extensions.largeBlob", OPTIONAL);
	bool read = in_member(in, v, "largeBlob.read", OPTIONAL) != NULL;

	refuse(in, v, "largeBlob.support", "registrations");
	in_bytes(in, v, "largeBlob.write", OPTIONAL, &o->large_blob_write);
	if (in_bool(in, v, "largeBlob.read"))
		o->large_blob = LARGE_BLOB_READ;
	if (o->large_blob_write.p == NULL)
		return;
	o->large_blob = LARGE_BLOB_WRITE;
	if (read)
		dom_fail(in->err, "NotSupportedError",
		    "largeBlob reads or writes, not both");
	if (listed != 1)
		dom_fail(in->err, "NotSupportedError",
		    "largeBlob.write needs one entry in allowCredentials");
}

static void
in_get(struct options_in *in, const json_t *obj, struct get_options *o)
{
	json_t *ext;

	in_bytes(in, obj, "challenge", REQUIRED, &o->challenge);
	in_string(in, obj, "rpId", OPTIONAL, &o->rp_id);
	in_descriptors(in, obj, "allowCredentials", &o->allow);
	o->user_verification = (enum requirement)in_word(in, obj,
	    "userVerification", requirements, REQUIREMENT_PREFERRED);
	skip_strings(in, obj, "hints");
	ext = in_dict(in, obj, "extensions", OPTIONAL);
	in_get_prf(in, ext, o);
	in_hmac_get_secret(in, ext, o);
	o->cred_blob = in_bool(in, ext, "extensions.getCredBlob");
	in_get_large_blob(in, ext, json_array_size(json_object_get(obj,
	    "allowCredentials")), o);
	in_string(in, ext, "extensions.appid", OPTIONAL, &o->app_id);
	refuse(in, ext, "extensions.appidExclude", "registrations");
}

/* jansson quotes what it stumbled over: only plain characters of that. */
static void
syntax_error(struct options_in *in, struct span text, json_error_t *why)
{
	size_t i;

	for (i = 0; i < text.len && strchr(" \t\r\n", text.p[i]) != NULL &&
	    text.p[i] != '\0'; i++)
		;
	if (i == text.len) {
		dom_fail(in->err, "SyntaxError",
		    "no options on standard input");
		return;
	}
	for (i = 0; why->text[i] != '\0'; i++) {
		if (why->text[i] < 0x20 || why->text[i] > 0x7e)
			why->text[i] = '?';
	}
	dom_fail(in->err, "SyntaxError", "the options are not a JSON object: "
	    "line %d, column %d: %s", why->line, why->column, why->text);
}

/* The dictionary itself, or NULL with *in failed. */
static json_t *
load(struct options_in *in, struct span text)
{
	struct options_memory *mem = in->mem;
	json_error_t why;
	json_t *obj;

	if (text.len > WEBAUTHN_INPUT_MAX) {
		dom_fail(in->err, "NotSupportedError",
		    "the options are longer than %d bytes",
		    WEBAUTHN_INPUT_MAX);
		return NULL;
	}
	mem->json = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (mem->json == NULL) {
		syntax_error(in, text, &why);
		return NULL;
	}
	mem->cap = 2 * text.len;
	mem->arena = malloc(mem->cap);
	if (mem->arena == NULL) {
		dom_fail(in->err, "UnknownError", "out of memory");
		return NULL;
	}
	if (!json_is_object(mem->json)) {
		type_error(in, "options", "are not an object");
		return NULL;
	}
	if (json_object_get(mem->json, "publicKey") == NULL)
		return mem->json;
	obj = in_dict(in, mem->json, "publicKey", REQUIRED);
	return obj;
}

bool
create_options_parse(struct span text, struct options_memory *mem,
    struct create_options *out, struct dom_error *err)
{
	struct options_in in = { mem, err };
	json_t *obj;

	memset(mem, 0, sizeof(*mem));
	memset(out, 0, sizeof(*out));
	obj = load(&in, text);
	if (obj != NULL)
		in_create(&in, obj, out);
	return !failed(&in);
}

bool
get_options_parse(struct span text, struct options_memory *mem,
    struct get_options *out, struct dom_error *err)
{
	struct options_in in = { mem, err };
	json_t *obj;

	memset(mem, 0, sizeof(*mem));
	memset(out, 0, sizeof(*out));
	obj = load(&in, text);
	if (obj != NULL)
		in_get(&in, obj, out);
	return !failed(&in);
}

void
options_memory_done(struct options_memory *mem)
{
	json_decref(mem->json);
	free(mem->arena);
	memset(mem, 0, sizeof(*mem));
}
