/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of what a client makes of a token's answer: the attestation object,
 * which a client encodes (WebAuthn Level 3, 6.5.4), and the response as JSON
 * (5.1.8, 5.1.9). Nothing that is signed changes.
 */
#include "authenticator/client/client_fault.h"
#include "authenticator/fault/fault_rows.h"

#include <stdlib.h>

#define DEEP		200000	/* arrays within arrays */
#define OBJECT_SPARE	64	/* bytes that a frame may need besides */

static bool
when_there(struct client_fault *c,
    bool (*respond)(const struct client_fault *c, json_t *response))
{
	c->respond = respond;
	return true;
}

/* A hook that leaves its work to do_NAME(). */
#define LATER(name) \
	static bool \
	name(struct client_fault *c) \
	{ \
		return when_there(c, do_##name); \
	}

/*
 * The attestation object
 */

/* Its bytes while they change. */
struct object {
	uint8_t	*p;
	size_t	 len;
	size_t	 cap;
};

static bool
object_begins(const struct object *o, const char *bytes)
{
	size_t n = strlen(bytes);

	return o->len > n && memcmp(o->p, bytes, n) == 0;
}

/* Puts n bytes at the place at, instead of old bytes; there is room. */
static void
object_put(struct object *o, size_t at, size_t old, const void *bytes,
    size_t n)
{
	memmove(o->p + at + n, o->p + at + old, o->len - at - old);
	memcpy(o->p + at, bytes, n);
	o->len = o->len - old + n;
}

/* Lets bend() change the object, which may grow by spare bytes. */
static bool
bend_object(json_t *response, size_t spare, bool (*bend)(struct object *o))
{
	json_t *inner = json_object_get(response, "response");
	struct object o = { .len = 0 };
	uint8_t *honest;
	bool ok = false;

	honest = client_fault_take(inner, "attestationObject", &o.len);
	if (honest == NULL)
		return false;
	o.cap = o.len + spare;
	o.p = malloc(o.cap);
	if (o.p != NULL) {
		memcpy(o.p, honest, o.len);
		/* as the client makes it: a map of three, "fmt" first */
		ok = object_begins(&o, "\xa3\x63" "fmt") && bend(&o) &&
		    client_fault_put(inner, "attestationObject",
			span(o.p, o.len));
	}
	free(o.p);
	free(honest);
	return ok;
}

#define OBJECT(name) \
	static bool \
	do_##name(const struct client_fault *c, json_t *response) \
	{ \
		(void)c; \
		return bend_object(response, OBJECT_SPARE, frame_##name); \
	} \
	LATER(name)

static bool
frame_trailing(struct object *o)
{
	object_put(o, o->len, 0, "\x00", 1);
	return true;
}
OBJECT(trailing)

static bool
frame_truncated(struct object *o)
{
	o->len--;
	return true;
}
OBJECT(truncated)

static bool
frame_empty(struct object *o)
{
	o->len = 0;
	return true;
}
OBJECT(empty)

/* The keys are sorted: "xyz" would have to come behind "fmt". */
static bool
frame_extra_key(struct object *o)
{
	object_put(o, 0, 1, "\xa4\x63" "abc\xf5", 6);
	return true;
}
OBJECT(extra_key)

static bool
frame_duplicate(struct object *o)
{
	object_put(o, 0, 1, "\xa4\x63" "fmt\x64none", 10);
	return true;
}
OBJECT(duplicate)

static bool
frame_indefinite(struct object *o)
{
	object_put(o, 0, 1, "\xbf", 1);
	object_put(o, o->len, 0, "\xff", 1);
	return true;
}
OBJECT(indefinite)

/* Three members, in two bytes where one would do. */
static bool
frame_long_head(struct object *o)
{
	object_put(o, 0, 1, "\xb8\x03", 2);
	return true;
}
OBJECT(long_head)

static bool
frame_array(struct object *o)
{
	object_put(o, 0, 0, "\x81", 1);
	return true;
}
OBJECT(array)

static bool
frame_huge_length(struct object *o)
{
	object_put(o, 0, 1, "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", 9);
	return true;
}
OBJECT(huge_length)

/* The format is a byte string. */
static bool
frame_fmt_bytes(struct object *o)
{
	o->p[5] = (uint8_t)((o->p[5] & 0x1f) | 0x40);
	return true;
}
OBJECT(fmt_bytes)

/* Renames a key: as the standard has it, it is missing then. */
static bool
rename_key(struct object *o, const char *key, const char *other)
{
	uint8_t *at = memmem(o->p, o->len, key, strlen(key));

	if (at == NULL)
		return false;
	memcpy(at, other, strlen(key));
	return true;
}

static bool
frame_no_fmt(struct object *o)
{
	return rename_key(o, "\x63" "fmt", "\x63" "fms");
}
OBJECT(no_fmt)

static bool
frame_no_statement(struct object *o)
{
	return rename_key(o, "\x67" "attStmt", "\x67" "attStms");
}
OBJECT(no_statement)

static bool
frame_no_auth_data(struct object *o)
{
	return rename_key(o, "\x68" "authData", "\x68" "authDatb");
}
OBJECT(no_auth_data)

/* A value of a member nobody knows, so that nothing else is wrong. */
static bool
frame_deep(struct object *o)
{
	uint8_t *deep = malloc(DEEP + 1);

	if (deep == NULL)
		return false;
	memset(deep, 0x81, DEEP);
	deep[DEEP] = 0x80;
	object_put(o, 0, 1, "\xa4\x63" "abc", 5);
	object_put(o, 5, 0, deep, DEEP + 1);
	free(deep);
	return true;
}

static bool
do_deep(const struct client_fault *c, json_t *response)
{
	(void)c;
	return bend_object(response, DEEP + OBJECT_SPARE, frame_deep);
}
LATER(deep)

/*
 * The response
 */

/* base64url of the same length, of other bytes. */
static bool
other_text(json_t *object, const char *member)
{
	const char *old = json_string_value(json_object_get(object, member));
	char *text;
	int r;

	if (old == NULL || old[0] == '\0')
		return false;
	text = strdup(old);
	if (text == NULL)
		return false;
	text[0] = text[0] == 'A' ? 'B' : 'A';
	r = json_object_set_new(object, member, json_string(text));
	free(text);
	return r == 0;
}

static bool
do_outer_id(const struct client_fault *c, json_t *response)
{
	(void)c;
	return other_text(response, "id") && other_text(response, "rawId");
}
LATER(outer_id)

static bool
do_raw_id(const struct client_fault *c, json_t *response)
{
	(void)c;
	return other_text(response, "rawId");
}
LATER(raw_id)

static bool
do_id_missing(const struct client_fault *c, json_t *response)
{
	(void)c;
	return json_object_del(response, "id") == 0;
}
LATER(id_missing)

static bool
do_id_number(const struct client_fault *c, json_t *response)
{
	(void)c;
	return json_object_set_new(response, "id", json_integer(1)) == 0;
}
LATER(id_number)

/* What base64 ends with, whether or not it would have to be there. */
static bool
pad(json_t *object, const char *member)
{
	const char *old = json_string_value(json_object_get(object, member));

	return old != NULL && json_object_set_new(object, member,
	    json_sprintf("%s%s", old, strlen(old) % 4 == 3 ? "=" : "==")) == 0;
}

static bool
do_id_padded(const struct client_fault *c, json_t *response)
{
	(void)c;
	return pad(response, "id");
}
LATER(id_padded)

static bool
do_data_padded(const struct client_fault *c, json_t *response)
{
	(void)c;
	return pad(json_object_get(response, "response"), "clientDataJSON");
}
LATER(data_padded)

static bool
do_other_type(const struct client_fault *c, json_t *response)
{
	(void)c;
	return json_object_set_new(response, "type",
	    json_string("password")) == 0;
}
LATER(other_type)

static bool
lacks(json_t *response, const char *member)
{
	return json_object_del(json_object_get(response, "response"),
	    member) == 0;
}

static bool
do_no_response(const struct client_fault *c, json_t *response)
{
	(void)c;
	return json_object_del(response, "response") == 0;
}
LATER(no_response)

static bool
do_no_client_data(const struct client_fault *c, json_t *response)
{
	(void)c;
	return lacks(response, "clientDataJSON");
}
LATER(no_client_data)

static bool
do_no_object(const struct client_fault *c, json_t *response)
{
	(void)c;
	return lacks(response, "attestationObject");
}
LATER(no_object)

static bool
do_no_authenticator_data(const struct client_fault *c, json_t *response)
{
	(void)c;
	return lacks(response, "authenticatorData");
}
LATER(no_authenticator_data)

static bool
do_no_signature(const struct client_fault *c, json_t *response)
{
	(void)c;
	return lacks(response, "signature");
}
LATER(no_signature)

static bool
do_signature_null(const struct client_fault *c, json_t *response)
{
	(void)c;
	return json_object_set_new(json_object_get(response, "response"),
	    "signature", json_null()) == 0;
}
LATER(signature_null)

/* A user handle that the token never gave. */
static bool
do_made_up_handle(const struct client_fault *c, json_t *response)
{
	static const uint8_t nobody[16] = "nobody we know.";

	(void)c;
	return client_fault_put(json_object_get(response, "response"),
	    "userHandle", span(nobody, sizeof(nobody)));
}
LATER(made_up_handle)

static bool
do_new_transport(const struct client_fault *c, json_t *response)
{
	json_t *list = json_object_get(json_object_get(response, "response"),
	    "transports");

	(void)c;
	return json_array_append_new(list, json_string("telepathy")) == 0;
}
LATER(new_transport)

static bool
do_new_extension(const struct client_fault *c, json_t *response)
{
	json_t *results = json_object_get(response, "clientExtensionResults");

	(void)c;
	return json_object_set_new(results, "notAskedFor", json_true()) == 0;
}
LATER(new_extension)

static bool
do_new_member(const struct client_fault *c, json_t *response)
{
	(void)c;
	return json_object_set_new(response, "notInTheStandard",
	    json_true()) == 0;
}
LATER(new_member)

/* RFC 8410: an Ed25519 key, of which nobody has the private one. */
static bool
do_outer_key(const struct client_fault *c, json_t *response)
{
	static const uint8_t spki[44] = {
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
		0x21, 0x00, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
	};
	json_t *inner = json_object_get(response, "response");

	(void)c;
	return json_object_get(inner, "publicKey") != NULL &&
	    client_fault_put(inner, "publicKey", span(spki, sizeof(spki)));
}
LATER(outer_key)

static bool
replay(struct client_fault *c)
{
	c->replay = true;
	return true;
}

#define CLIENT_ROW(name_, verdict_, needs_, hook, breaks_, check_, section_, \
    references_) \
	{ .name = name_, .stage = FAULT_CLIENT, .verdict = verdict_, \
	  .chromium = FAULT_UNLIKELY, .firefox = FAULT_UNLIKELY, \
	  .needs = needs_, .breaks = breaks_, .check = check_, \
	  .section = section_, .references = references_, hook }
#define REG(name_, verdict_, hook, breaks_, check_, section_, references_) \
	CLIENT_ROW(name_, verdict_, 0, .client.create = hook, breaks_, \
	    check_, section_, references_)
#define AUTH(name_, verdict_, hook, breaks_, check_, section_, references_) \
	CLIENT_ROW(name_, verdict_, 0, .client.get = hook, breaks_, check_, \
	    section_, references_)
#define BOTH(name_, verdict_, hook, breaks_, check_) \
	REG("reg." name_, verdict_, hook, breaks_, check_, "5.1.8", NULL), \
	AUTH("auth." name_, verdict_, hook, breaks_, check_, "5.1.9", NULL)

#define DECODE	"decode the attestation object, and nothing but it"
#define SYNTAX	"refuse a response that is not as the standard has it"

static const struct fault rows[] = {
	REG("cbor.trailing", FAULT_REFUSE, trailing,
	    "A byte follows the attestation object.", DECODE, "7.1 step 13",
	    "conformance Resp-3"),
	REG("cbor.truncated", FAULT_REFUSE, truncated,
	    "The last byte of the attestation object is missing.", DECODE,
	    "7.1 step 13", "conformance Resp-3"),
	REG("cbor.empty", FAULT_REFUSE, empty,
	    "The attestation object is empty.", DECODE, "7.1 step 13", NULL),
	REG("cbor.extra-key", FAULT_POLICY, extra_key,
	    "The attestation object has a member that no standard knows.",
	    "refuse it, if it is to be strict: the map has three members",
	    "6.5.4", NULL),
	REG("cbor.duplicate-key", FAULT_REFUSE, duplicate,
	    "The attestation object has two formats.",
	    "refuse a map with the same key twice", "6.5.4; RFC 8949, 5.6",
	    NULL),
	REG("cbor.indefinite", FAULT_POLICY, indefinite,
	    "The attestation object is a map of indefinite length.",
	    "refuse it, if it is to be strict: that is not canonical", "6.5.4",
	    NULL),
	REG("cbor.long-head", FAULT_POLICY, long_head,
	    "The size of the map takes more bytes than it needs.",
	    "refuse it, if it is to be strict: that is not canonical", "6.5.4",
	    NULL),
	REG("cbor.array", FAULT_REFUSE, array,
	    "The attestation object is in an array.", DECODE, "7.1 step 13",
	    NULL),
	REG("cbor.huge-length", FAULT_REFUSE, huge_length,
	    "The attestation object says that it has 2^64-1 members.",
	    "decode within the bytes that are there", "7.1 step 13",
	    "GHSA-g3qj-j598-cxmq, CVE-2026-26209"),
	REG("cbor.deep", FAULT_REFUSE, deep,
	    "A member of the attestation object is an array within an array, "
	    "200000 times.", "bound how deep it decodes", "7.1 step 13",
	    "CVE-2026-26209"),
	REG("cbor.fmt-bytes", FAULT_REFUSE, fmt_bytes,
	    "The attestation format is bytes, not text.", DECODE,
	    "7.1 step 13", NULL),
	REG("cbor.fmt-missing", FAULT_REFUSE, no_fmt,
	    "The attestation object has no format.", DECODE, "7.1 step 13",
	    NULL),
	REG("cbor.statement-missing", FAULT_REFUSE, no_statement,
	    "The attestation object has no statement.", DECODE,
	    "7.1 step 13", NULL),
	REG("cbor.authdata-missing", FAULT_REFUSE, no_auth_data,
	    "The attestation object has no authenticator data.", DECODE,
	    "7.1 step 13", NULL),
	REG("reg.credid-outer", FAULT_REFUSE, outer_id,
	    "The response's credential ID is not the one that the key made.",
	    "compare id with the one in authenticator data, or ignore id",
	    "5.1.8", "conformance Resp-1"),
	BOTH("rawid-differs", FAULT_REFUSE, raw_id,
	    "id and rawId are different.", SYNTAX),
	BOTH("id-missing", FAULT_REFUSE, id_missing,
	    "The response has no id.", SYNTAX),
	BOTH("id-number", FAULT_REFUSE, id_number,
	    "id is a number.", SYNTAX),
	BOTH("id-padded", FAULT_REFUSE, id_padded,
	    "id is base64url with padding.", SYNTAX),
	BOTH("client-data-padded", FAULT_POLICY, data_padded,
	    "clientDataJSON is base64url with padding.",
	    "refuse it, if it is to be strict"),
	BOTH("type-password", FAULT_REFUSE, other_type,
	    "The response's type is not \"public-key\".", SYNTAX),
	BOTH("response-missing", FAULT_REFUSE, no_response,
	    "The response has no member \"response\".", SYNTAX),
	BOTH("client-data-missing", FAULT_REFUSE, no_client_data,
	    "The response has no clientDataJSON.", SYNTAX),
	REG("reg.object-missing", FAULT_REFUSE, no_object,
	    "The response has no attestationObject.", SYNTAX, "5.1.8", NULL),
	AUTH("auth.authdata-missing", FAULT_REFUSE, no_authenticator_data,
	    "The response has no authenticatorData.", SYNTAX, "5.1.9", NULL),
	AUTH("auth.sig-missing", FAULT_REFUSE, no_signature,
	    "The response has no signature.", SYNTAX, "5.1.9", NULL),
	AUTH("auth.sig-null", FAULT_REFUSE, signature_null,
	    "The signature is null.", SYNTAX, "5.1.9", NULL),
	AUTH("auth.userhandle-invented", FAULT_REFUSE, made_up_handle,
	    "The user handle is of nobody, though nothing else says so: it "
	    "is not signed.",
	    "compare the user handle with that of the credential's owner",
	    "7.2 step 6", "YSA-2026-02"),
	REG("reg.transports-unknown", FAULT_TOLERATE, new_transport,
	    "The key has a transport that no standard knows.",
	    "keep it, and give it back in allowCredentials", "5.8.4", NULL),
	REG("reg.public-key-outer", FAULT_TOLERATE, outer_key,
	    "The response's publicKey, which the client made, is another than "
	    "the one in authenticator data.",
	    "take the one in authenticator data", "7.1 step 27", NULL),
	BOTH("extension-unasked", FAULT_TOLERATE, new_extension,
	    "There are results of an extension that nobody asked for.",
	    "ignore them"),
	BOTH("member-unknown", FAULT_TOLERATE, new_member,
	    "The response has a member that no standard knows.",
	    "ignore it"),
	CLIENT_ROW("reg.replay", FAULT_REFUSE, FAULT_NEEDS_BEFORE,
	    .client.create = replay,
	    "An earlier registration is sent once more.",
	    "take each challenge once", "7.1 step 8", "CVE-2022-42731"),
	CLIENT_ROW("auth.replay", FAULT_REFUSE,
	    FAULT_NEEDS_EARLIER | FAULT_NEEDS_BEFORE, .client.get = replay,
	    "An earlier sign-in is sent once more.",
	    "take each challenge once", "7.2 step 11", "CVE-2022-42731"),
};

const struct fault_rows fault_response = FAULT_ROWS(rows);
