/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_options.h"

#include "authenticator/base64url.h"

#include <inttypes.h>
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

static bool
is(const struct json *v, enum json_kind kind)
{
	return v != NULL && v->kind == kind;
}

/* Of an array or object, which may be NULL: not there. */
static const struct json *
first_of(const struct json *v)
{
	return v != NULL ? v->first : NULL;
}

static size_t
count_of(const struct json *v)
{
	return v != NULL ? v->count : 0;
}

/*
 * The member of obj that path ends with ("rp.id": "id"), or NULL. The whole
 * path is for the message.
 */
static const struct json *
in_member(struct options_in *in, const struct json *obj, const char *path,
    enum need need)
{
	const char *dot = strrchr(path, '.');
	const struct json *v;

	if (failed(in))
		return NULL;
	v = json_get_member(obj, dot != NULL ? dot + 1 : path);
	if (v == NULL && need == REQUIRED)
		type_error(in, path, "is missing");
	return v;
}

static const struct json *
in_dict(struct options_in *in, const struct json *obj, const char *path,
    enum need need)
{
	const struct json *v = in_member(in, obj, path, need);

	if (v == NULL)
		return NULL;
	if (is(v, JSON_KIND_NULL) && need == OPTIONAL)
		return NULL;	/* Web IDL: null is an empty dictionary */
	if (is(v, JSON_KIND_OBJECT))
		return v;
	type_error(in, path, "is not an object");
	return NULL;
}

static const struct json *
in_array(struct options_in *in, const struct json *obj, const char *path,
    enum need need)
{
	const struct json *v = in_member(in, obj, path, need);

	if (v == NULL || is(v, JSON_KIND_ARRAY))
		return v;
	type_error(in, path, "is not an array");
	return NULL;
}

/* Web IDL makes text of these without surprises. */
static bool
is_text(const struct json *v)
{
	return v->kind <= JSON_KIND_INTEGER || v->kind == JSON_KIND_STRING;
}

/* Into the arena, which is twice as long as the options: it fits, as what
 * was escaped is in the first half of it. */
static void
convert(struct options_in *in, const struct json *v, struct span *out)
{
	struct options_memory *mem = in->mem;
	char *p = (char *)mem->arena + mem->used, text[24];
	int n;

	if (is(v, JSON_KIND_INTEGER))
		n = snprintf(text, sizeof(text), "%" PRId64, v->integer);
	else
		n = snprintf(text, sizeof(text), "%s", is(v, JSON_KIND_NULL) ?
		    "null" : is(v, JSON_KIND_TRUE) ? "true" : "false");
	if ((size_t)n > mem->cap - mem->used) {
		dom_fail(in->err, "UnknownError", "out of memory");
		return;
	}
	memcpy(p, text, (size_t)n);
	mem->used += (size_t)n;
	*out = span(p, (size_t)n);
}

static void
in_string(struct options_in *in, const struct json *obj, const char *path,
    enum need need, struct span *out)
{
	const struct json *v = in_member(in, obj, path, need);

	if (v == NULL)
		return;
	if (is(v, JSON_KIND_STRING))
		*out = v->text;
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
in_bytes(struct options_in *in, const struct json *obj, const char *path,
    enum need need, struct span *out)
{
	const struct json *v = in_member(in, obj, path, need);

	if (v == NULL)
		return;
	if (v->kind != JSON_KIND_STRING)
		type_error(in, path, "is not a string");
	else if (!decode(in, v->text, out))
		dom_fail(in->err, "EncodingError",
		    "%s is not base64url without padding", path);
}

static bool
in_bool(struct options_in *in, const struct json *obj, const char *path)
{
	const struct json *v = in_member(in, obj, path, OPTIONAL);

	/* Web IDL, ToBoolean: null, 0 and "" are false, the rest is true */
	if (is(v, JSON_KIND_INTEGER) || is(v, JSON_KIND_FRACTION))
		return !v->zero;
	if (is(v, JSON_KIND_STRING))
		return v->text.len > 0;
	return v != NULL && v->kind > JSON_KIND_FALSE;
}

/* fallback: absent, null, or a word that is not in the list. */
static int
in_word(struct options_in *in, const struct json *obj, const char *path,
    const struct word *words, int fallback)
{
	const struct json *v = in_member(in, obj, path, OPTIONAL);

	if (v == NULL || is(v, JSON_KIND_NULL))
		return fallback;
	if (!is_text(v)) {
		type_error(in, path, "is not a string");
		return fallback;
	}
	for (; is(v, JSON_KIND_STRING) && words->s != NULL; words++)
		if (span_eq(v->text, span_str(words->s)))
			return words->value;
	return fallback;
}

/* Members that are only looked at: they change nothing here. */
static void
skip_strings(struct options_in *in, const struct json *obj, const char *path)
{
	const struct json *v = in_array(in, obj, path, OPTIONAL), *item;

	for (item = first_of(v); item != NULL; item = item->next)
		if (!is_text(item))
			type_error(in, path, "has what is not a string");
}

static bool
is_public_key(struct span type)
{
	return span_eq(type, span_str("public-key"));
}

static void
in_descriptor(struct options_in *in, const struct json *item,
    struct credential_list *list)
{
	struct span type = { NULL, 0 }, id = { NULL, 0 };

	if (!is(item, JSON_KIND_OBJECT)) {
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
in_descriptors(struct options_in *in, const struct json *obj, const char *path,
    struct credential_list *list)
{
	const struct json *v = in_array(in, obj, path, OPTIONAL), *item;

	list->given = count_of(v) > 0;
	if (count_of(v) > WEBAUTHN_LIST_MAX) {
		dom_fail(in->err, "NotSupportedError",
		    "%s has more than %d entries", path, WEBAUTHN_LIST_MAX);
		return;
	}
	for (item = first_of(v); item != NULL; item = item->next)
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
in_param(struct options_in *in, const struct json *item,
    struct create_options *o)
{
	struct span type = { NULL, 0 };
	const struct json *alg;

	if (!is(item, JSON_KIND_OBJECT)) {
		type_error(in, "pubKeyCredParams", "has what is no object");
		return;
	}
	in_string(in, item, "pubKeyCredParams.type", REQUIRED, &type);
	alg = in_member(in, item, "pubKeyCredParams.alg", REQUIRED);
	if (failed(in))
		return;
	if (alg->kind != JSON_KIND_INTEGER || alg->integer < INT32_MIN ||
	    alg->integer > INT32_MAX)
		type_error(in, "pubKeyCredParams.alg", "is not a long");
	else if (is_public_key(type))
		add_alg(in, o, (int)alg->integer);
}

/* WebAuthn Level 3, 5.1.3, "credTypesAndPubKeyAlgs": empty means these two */
static void
in_params(struct options_in *in, const struct json *obj,
    struct create_options *o)
{
	const struct json *v = in_array(in, obj, "pubKeyCredParams",
	    REQUIRED), *item;

	for (item = first_of(v); item != NULL; item = item->next)
		in_param(in, item, o);
	if (failed(in) || o->alg_count > 0)
		return;
	if (count_of(v) > 0) {
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
in_selection(struct options_in *in, const struct json *obj,
    struct create_options *o)
{
	const struct json *v = in_dict(in, obj, "authenticatorSelection",
	    OPTIONAL);
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
in_prf_values(struct options_in *in, const struct json *v,
    struct salt_inputs *out)
{
	in_bytes(in, v, "prf.eval.first", REQUIRED, &out->first);
	in_bytes(in, v, "prf.eval.second", OPTIONAL, &out->second);
}

/* WebAuthn Level 3, 10.1.4, registration */
static void
in_create_prf(struct options_in *in, const struct json *ext,
    struct create_options *o)
{
	const struct json *prf = in_dict(in, ext, "extensions.prf",
	    OPTIONAL), *eval;

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
in_protect(struct options_in *in, const struct json *ext,
    struct create_options *o)
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
refuse(struct options_in *in, const struct json *obj, const char *path,
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
in_create_large_blob(struct options_in *in, const struct json *ext,
    struct create_options *o)
{
	const struct json *v = in_dict(in, ext, "extensions.largeBlob",
	    OPTIONAL);

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
in_create_extensions(struct options_in *in, const struct json *obj,
    struct create_options *o)
{
	const struct json *ext = in_dict(in, obj, "extensions", OPTIONAL);

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
in_create(struct options_in *in, const struct json *obj,
    struct create_options *o)
{
	const struct json *rp = in_dict(in, obj, "rp", REQUIRED);
	const struct json *user = in_dict(in, obj, "user", REQUIRED);

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
in_by_credential(struct options_in *in, const struct json *prf,
    struct get_options *o)
{
	const struct json *by = in_dict(in, prf, "prf.evalByCredential",
	    OPTIONAL), *v;
	struct prf_entry entry;

	if (count_of(by) > 0 && !o->allow.given)
		dom_fail(in->err, "NotSupportedError",
		    "prf.evalByCredential needs allowCredentials");
	for (v = first_of(by); v != NULL; v = v->next) {
		memset(&entry, 0, sizeof(entry));
		if (failed(in))
			return;
		/* Listed and distinct: never more than the list can hold. */
		if (!decode(in, v->name, &entry.id) ||
		    !is_listed(&o->allow, entry.id) ||
		    o->prf_count == WEBAUTHN_LIST_MAX) {
			dom_fail(in->err, "SyntaxError",
			    "prf.evalByCredential names a credential that is "
			    "not in allowCredentials");
			return;
		}
		if (!is(v, JSON_KIND_OBJECT))
			type_error(in, "prf.evalByCredential",
			    "has what is not an object");
		in_prf_values(in, v, &entry.in);
		o->prf_by_credential[o->prf_count++] = entry;
	}
}

static void
in_get_prf(struct options_in *in, const struct json *ext, struct get_options *o)
{
	const struct json *prf = in_dict(in, ext, "extensions.prf",
	    OPTIONAL), *eval;

	if (prf == NULL)
		return;
	o->prf = true;
	eval = in_dict(in, prf, "prf.eval", OPTIONAL);
	if (eval != NULL)
		in_prf_values(in, eval, &o->prf_eval);
	in_by_credential(in, prf, o);
}

static void
in_hmac_get_secret(struct options_in *in, const struct json *ext,
    struct get_options *o)
{
	const struct json *v = in_dict(in, ext, "extensions.hmacGetSecret",
	    OPTIONAL);
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
in_get_large_blob(struct options_in *in, const struct json *ext, size_t listed,
    struct get_options *o)
{
	const struct json *v = in_dict(in, ext, "extensions.largeBlob",
	    OPTIONAL);
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
in_get(struct options_in *in, const struct json *obj, struct get_options *o)
{
	const struct json *ext;

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
	in_get_large_blob(in, ext, count_of(json_get_member(obj,
	    "allowCredentials")), o);
	in_string(in, ext, "extensions.appid", OPTIONAL, &o->app_id);
	refuse(in, ext, "extensions.appidExclude", "registrations");
}

static void
syntax_error(struct options_in *in, struct span text,
    const struct json_in_error *why)
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
	dom_fail(in->err, "SyntaxError", "the options are not a JSON object: "
	    "line %zu, column %zu: %s", why->line, why->column, why->why);
}

/* The dictionary itself, or NULL with *in failed. */
static const struct json *
load(struct options_in *in, struct span text)
{
	struct options_memory *mem = in->mem;
	const struct json *root;
	struct json_in_error why;

	if (text.len > WEBAUTHN_INPUT_MAX) {
		dom_fail(in->err, "NotSupportedError",
		    "the options are longer than %d bytes",
		    WEBAUTHN_INPUT_MAX);
		return NULL;
	}
	mem->cap = 2 * text.len;
	mem->arena = mem->cap <= sizeof(mem->usual) ? mem->usual :
	    malloc(mem->cap);
	if (mem->arena == NULL) {
		dom_fail(in->err, "UnknownError", "out of memory");
		return NULL;
	}
	root = json_in_parse(&mem->json, text, mem->arena, &mem->used, &why);
	if (root == NULL) {
		syntax_error(in, text, &why);
		return NULL;
	}
	if (root->kind != JSON_KIND_OBJECT) {
		type_error(in, "options", "are not an object");
		return NULL;
	}
	if (json_get_member(root, "publicKey") == NULL)
		return root;
	return in_dict(in, root, "publicKey", REQUIRED);
}

static void
memory_init(struct options_memory *mem)
{
	mem->json.used = mem->used = mem->cap = 0;
	mem->json.blocks = NULL;
	mem->arena = NULL;
}

bool
create_options_parse(struct span text, struct options_memory *mem,
    struct create_options *out, struct dom_error *err)
{
	struct options_in in = { mem, err };
	const struct json *obj;

	memory_init(mem);
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
	const struct json *obj;

	memory_init(mem);
	memset(out, 0, sizeof(*out));
	obj = load(&in, text);
	if (obj != NULL)
		in_get(&in, obj, out);
	return !failed(&in);
}

void
options_memory_done(struct options_memory *mem)
{
	json_in_done(&mem->json);
	if (mem->arena != mem->usual)
		free(mem->arena);
	memory_init(mem);
}
