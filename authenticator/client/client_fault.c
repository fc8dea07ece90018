/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/client_fault.h"

#include "authenticator/base64url.h"

#include <stdlib.h>

bool
client_fault_init(struct client_fault *c, const char *type,
    struct span challenge, const char *origin)
{
	memset(c, 0, sizeof(*c));
	c->honest_challenge = malloc(BASE64URL_LEN(challenge.len) + 1);
	if (c->honest_challenge == NULL)
		return false;
	base64url_encode(challenge, c->honest_challenge);
	c->type = type;
	c->challenge = c->honest_challenge;
	c->origin = origin;
	c->before = c->after = c->unsigned_after = "";
	return true;
}

void
client_fault_done(struct client_fault *c)
{
	free(c->honest_challenge);
	c->honest_challenge = NULL;
}

static void
put_member(struct json_out *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	json_out_name(out, name);
	json_out_string(out, value);
}

/* In the order of WebAuthn Level 3, 5.8.1.1. */
static void
put_object(const struct client_fault *c, struct json_out *out)
{
	json_out_open(out, '{');
	put_member(out, "type", c->type);
	put_member(out, "challenge", c->challenge);
	put_member(out, "origin", c->origin);
	json_out_name(out, "crossOrigin");
	json_out_bool(out, c->cross_origin);
	put_member(out, "topOrigin", c->top_origin);
	if (c->unknown != NULL) {
		json_out_name(out, c->unknown);
		json_out_string(out, "a relying party may ignore this");
	}
	json_out_close(out, '}');
}

char *
client_fault_data(const struct client_fault *c, size_t *len, size_t *hashed)
{
	struct json_out object, out;
	struct span text;
	char *copy = NULL;

	json_out_init(&object);
	json_out_init(&out);
	put_object(c, &object);
	json_out_raw(&out, span_str(c->before));
	json_out_raw(&out, span_str(c->array ? "[" : ""));
	out.failed |= object.failed;
	json_out_raw(&out, span(object.p, object.len));
	json_out_raw(&out, span_str(c->array ? "]" : ""));
	if (c->cut && !out.failed)
		out.len /= 2;
	json_out_raw(&out, span_str(c->after));
	*hashed = out.len;
	json_out_raw(&out, span_str(c->unsigned_after));
	text = json_out_text(&out);
	if (text.p != NULL)
		copy = malloc(text.len);
	if (copy != NULL) {
		memcpy(copy, text.p, text.len);
		*len = text.len;
	}
	json_out_done(&object);
	json_out_done(&out);
	return copy;
}

bool
client_fault_respond(const struct client_fault *c, struct json_out *out)
{
	struct span text = json_out_text(out);
	json_t *json = NULL;
	char *changed = NULL;
	bool ok = false;

	if (text.p == NULL)
		return false;
	json = json_loadb((const char *)text.p, text.len, 0, NULL);
	if (json == NULL || !c->respond(c, json))
		goto out;
	changed = json_dumps(json, JSON_COMPACT);
	if (changed == NULL)
		goto out;
	json_out_clear(out);
	json_out_raw(out, span_str(changed));
	ok = !out->failed;
out:
	free(changed);
	json_decref(json);
	return ok;
}

uint8_t *
client_fault_take(const json_t *object, const char *member, size_t *len)
{
	const json_t *value = json_object_get(object, member);
	struct span text;
	uint8_t *bytes;

	if (!json_is_string(value))
		return NULL;
	text = span(json_string_value(value), json_string_length(value));
	bytes = malloc(BASE64URL_BYTES(text.len) + 1);
	if (bytes != NULL && !base64url_decode(text, bytes, len)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

bool
client_fault_put(json_t *object, const char *member, struct span bytes)
{
	char *text = malloc(BASE64URL_LEN(bytes.len) + 1);
	int r;

	if (text == NULL)
		return false;
	base64url_encode(bytes, text);
	r = json_object_set_new(object, member, json_string(text));
	free(text);
	return r == 0;
}
