/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/attest/enrolment.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define VERSION		1
#define REQUEST		"sealkey AK request"
#define CHALLENGE	"sealkey AK challenge"
#define ANSWER		"sealkey AK answer"

#define PUBLIC_MAX	KEY_PUB_AREA_MAX
#define CERTIFICATE_MAX	KEY_SIG_MAX
#define BLOB_MAX	256	/* bytes */
#define SEED_MAX	512
#define SECRET_MAX	64

static const char *const ek_names[ENROL_EKS] = { "RSA-2048", "P-256",
	"P-384" };

static int
find_ek(const char *name)
{
	for (int i = 0; i < ENROL_EKS; i++)
		if (strcmp(ek_names[i], name) == 0)
			return i;
	return -1;
}

static bool
is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

static size_t
base64_len(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* OpenSSL skips and forgives; what it would not write is none. */
bool
enrol_base64(const char *text, size_t max, struct enrol_bytes *out)
{
	uint8_t bytes[KEY_SIG_MAX + 3];
	char again[(KEY_SIG_MAX + 2) / 3 * 4 + 1];
	size_t len = strlen(text);
	int n;

	if (len == 0 || len % 4 != 0 || max > KEY_SIG_MAX ||
	    len > base64_len(max))
		return false;
	n = EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)len);
	if (n < 0)
		return false;
	n -= (text[len - 1] == '=') + (text[len - 2] == '=');
	if (n <= 0 || (size_t)n > max)
		return false;
	EVP_EncodeBlock((uint8_t *)again, bytes, n);
	if (strcmp(again, text) != 0)
		return false;
	memcpy(out->p, bytes, (size_t)n);
	out->len = (size_t)n;
	return true;
}

json_t *
enrol_base64_json(struct span bytes)
{
	char *text = malloc(base64_len(bytes.len) + 1);
	json_t *j = NULL;

	if (text == NULL)
		return NULL;
	EVP_EncodeBlock((uint8_t *)text, bytes.p, (int)bytes.len);
	j = json_string(text);
	free(text);
	return j;
}

static json_t *
bytes_json(const struct enrol_bytes *b)
{
	return enrol_base64_json(span(b->p, b->len));
}

/* Copies a text of at most size - 1 characters. */
static bool
take_text(const char *text, char *out, size_t size)
{
	if (strlen(text) >= size)
		return false;
	strcpy(out, text);
	return true;
}

/* The message, if it is one of that type and this version. */
static const char *
load(struct span text, const char *type, json_t **out)
{
	const char *said = NULL;
	json_int_t version = 0;
	json_t *root;

	if (text.len > ENROL_TEXT_MAX)
		return "is too big to be one";
	root = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, NULL);
	if (root == NULL)
		return "is not JSON";
	if (json_unpack(root, "{s:s, s:I}", "type", &said, "version",
	    &version) != 0 || strcmp(said, type) != 0) {
		json_decref(root);
		return "is something else (type)";
	}
	if (version != VERSION) {
		json_decref(root);
		return "was written by a newer sealkey (version)";
	}
	*out = root;
	return NULL;
}

/* What take makes of it, which is given out. */
static const char *
parse(struct span text, const char *type,
    const char *(*take)(json_t *root, void *out), void *out)
{
	json_t *root = NULL;
	const char *why = load(text, type, &root);

	if (why == NULL)
		why = take(root, out);
	json_decref(root);
	return why;
}

static bool
take_id(const char *id, char out[static ENROL_ID_LEN + 1])
{
	return strlen(id) == ENROL_ID_LEN && is_hex(id) &&
	    take_text(id, out, ENROL_ID_LEN + 1);
}

static const char *
take_ek(json_t *j, struct enrol_request *out)
{
	const char *type, *public, *certificate = NULL;
	int i;

	if (json_unpack_ex(j, NULL, JSON_STRICT, "{s:s, s:s, s?:s}", "type",
	    &type, "public", &public, "certificate", &certificate) != 0)
		return "has an odd endorsement key";
	i = find_ek(type);
	if (i < 0 || out->ek[i].public.len > 0)
		return "has an endorsement key of an unknown type, or two of "
		    "one";
	if (!enrol_base64(public, PUBLIC_MAX, &out->ek[i].public) ||
	    (certificate != NULL && !enrol_base64(certificate,
	    CERTIFICATE_MAX, &out->ek[i].certificate)))
		return "has an endorsement key that is not base64";
	return NULL;
}

static const char *
take_request(json_t *root, void *arg)
{
	struct enrol_request *out = arg;
	const char *type, *alg, *ak, *why = NULL;
	int version;
	json_t *eks;

	if (json_unpack_ex(root, NULL, JSON_STRICT,
	    "{s:s, s:i, s:{s:s, s:s}, s:o}", "type", &type, "version",
	    &version, "ak", "alg", &alg, "public", &ak, "ek", &eks) != 0)
		return "has other members than a request has";
	if (!take_text(alg, out->alg, sizeof(out->alg)) ||
	    !enrol_base64(ak, PUBLIC_MAX, &out->ak))
		return "has an odd attestation key";
	if (!json_is_array(eks) || json_array_size(eks) > ENROL_EKS)
		return "has no list of endorsement keys, or a long one";
	for (size_t i = 0; why == NULL && i < json_array_size(eks); i++)
		why = take_ek(json_array_get(eks, i), out);
	return why;
}

const char *
enrol_request_parse(struct span text, struct enrol_request *out)
{
	memset(out, 0, sizeof(*out));
	return parse(text, REQUEST, take_request, out);
}

static const char *
take_challenge(json_t *root, void *arg)
{
	struct enrol_challenge *out = arg;
	const char *type, *id, *alg, *name, *ek, *blob, *seed;
	json_int_t expires;
	int version, i;

	if (json_unpack_ex(root, NULL, JSON_STRICT, "{s:s, s:i, s:s, "
	    "s:{s:s, s:s}, s:s, s:s, s:s, s:I}", "type", &type, "version",
	    &version, "id", &id, "ak", "alg", &alg, "name", &name, "ek", &ek,
	    "credentialBlob", &blob, "encryptedSecret", &seed, "expires",
	    &expires) != 0)
		return "has other members than a challenge has";
	i = find_ek(ek);
	if (!take_id(id, out->id) || i < 0 || !is_hex(name) ||
	    !take_text(name, out->name, sizeof(out->name)) ||
	    !take_text(alg, out->alg, sizeof(out->alg)))
		return "has members that cannot be";
	out->ek = (unsigned)i;
	out->expires_s = expires;
	if (!enrol_base64(blob, BLOB_MAX, &out->blob) ||
	    !enrol_base64(seed, SEED_MAX, &out->seed))
		return "has a credential that is not base64, or too long";
	return NULL;
}

const char *
enrol_challenge_parse(struct span text, struct enrol_challenge *out)
{
	memset(out, 0, sizeof(*out));
	return parse(text, CHALLENGE, take_challenge, out);
}

static const char *
take_answer(json_t *root, void *arg)
{
	struct enrol_answer *out = arg;
	const char *type, *id, *secret;
	int version;

	if (json_unpack_ex(root, NULL, JSON_STRICT, "{s:s, s:i, s:s, s:s}",
	    "type", &type, "version", &version, "id", &id, "secret",
	    &secret) != 0)
		return "has other members than an answer has";
	if (!take_id(id, out->id) ||
	    !enrol_base64(secret, SECRET_MAX, &out->secret))
		return "has members that cannot be";
	return NULL;
}

const char *
enrol_answer_parse(struct span text, struct enrol_answer *out)
{
	memset(out, 0, sizeof(*out));
	return parse(text, ANSWER, take_answer, out);
}

static json_t *
eks_json(const struct enrol_request *req)
{
	json_t *list = json_array();

	for (unsigned i = 0; list != NULL && i < ENROL_EKS; i++) {
		json_t *ek;

		if (req->ek[i].public.len == 0)
			continue;
		ek = json_pack("{s:s, s:o}", "type", ek_names[i], "public",
		    bytes_json(&req->ek[i].public));
		if (req->ek[i].certificate.len > 0)
			json_object_set_new(ek, "certificate",
			    bytes_json(&req->ek[i].certificate));
		if (json_array_append_new(list, ek) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

json_t *
enrol_request_json(const struct enrol_request *req)
{
	return json_pack("{s:s, s:i, s:{s:s, s:o}, s:o}", "type", REQUEST,
	    "version", VERSION, "ak", "alg", req->alg, "public",
	    bytes_json(&req->ak), "ek", eks_json(req));
}

json_t *
enrol_challenge_json(const struct enrol_challenge *c)
{
	return json_pack("{s:s, s:i, s:s, s:{s:s, s:s}, s:s, s:o, s:o, s:I}",
	    "type", CHALLENGE, "version", VERSION, "id", c->id, "ak", "alg",
	    c->alg, "name", c->name, "ek", ek_names[c->ek], "credentialBlob",
	    bytes_json(&c->blob), "encryptedSecret", bytes_json(&c->seed),
	    "expires", (json_int_t)c->expires_s);
}

json_t *
enrol_answer_json(const struct enrol_answer *a)
{
	return json_pack("{s:s, s:i, s:s, s:o}", "type", ANSWER, "version",
	    VERSION, "id", a->id, "secret", bytes_json(&a->secret));
}
