/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn.h"

#include "authenticator/client/client_fault.h"
#include "authenticator/client/webauthn_client_data.h"
#include "authenticator/client/webauthn_impl.h"

#include <errno.h>
#include <stdlib.h>

#define REQUEST_REST_MAX	2048	/* bytes of a request but its list */
#define DESCRIPTOR_REST		26	/* bytes of a descriptor but its ID */

static int
compare_transports(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
webauthn_client_init(struct webauthn_client *c, const struct origin *origin,
    bool platform, struct token *token)
{
	int r;

	memset(c, 0, sizeof(*c));
	c->origin = *origin;
	c->platform = platform;
	c->token = token;
	r = token->ops->info(token, &c->info);
	if (r != 0)
		return r;
	/* WebAuthn Level 3, 5.2.1.1, getTransports(): in this order */
	qsort(c->info.transports, c->info.transport_count,
	    sizeof(c->info.transports[0]), compare_transports);
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->md = EVP_MD_CTX_new();
	return c->sha256 == NULL || c->md == NULL ? -ENOMEM : 0;
}

void
webauthn_client_done(struct webauthn_client *c)
{
	EVP_MD_CTX_free(c->md);
	EVP_MD_free(c->sha256);
	c->md = NULL;
	c->sha256 = NULL;
	json_out_done(&c->first_create);
	json_out_done(&c->first_get);
}

/* Of two pieces in a row; false, with *err, if OpenSSL fails. */
static bool
hash_two(const struct webauthn_client *c, struct span a, struct span b,
    uint8_t out[static SHA256_LEN], struct dom_error *err)
{
	/* the same again takes OpenSSL less time than one that is named */
	const EVP_MD *md = EVP_MD_CTX_get0_md(c->md) != NULL ? NULL :
	    c->sha256;
	bool ok;

	ok = EVP_DigestInit_ex2(c->md, md, NULL) == 1 &&
	    EVP_DigestUpdate(c->md, a.p, a.len) == 1 &&
	    EVP_DigestUpdate(c->md, b.p, b.len) == 1 &&
	    EVP_DigestFinal_ex(c->md, out, NULL) == 1;
	return ok || dom_fail(err, "UnknownError", "SHA-256 failed");
}

/* Whether the client's fault is one of its own, for this ceremony. */
static bool
has_fault(const struct webauthn_client *c, bool create)
{
	const struct fault *f = c->fault;

	return f != NULL &&
	    (create ? f->client.create : f->client.get) != NULL;
}

/* Like client_data_new(), with the fault, if that fits. */
static bool
data_with_fault(struct webauthn_client *c, bool create, struct span challenge,
    struct client_data *out, size_t *hashed)
{
	out->fault = calloc(1, sizeof(*out->fault));
	if (out->fault == NULL || !client_fault_init(out->fault,
	    create ? "webauthn.create" : "webauthn.get", challenge,
	    c->origin.text))
		return false;
	c->fault_made = create ? c->fault->client.create(out->fault) :
	    c->fault->client.get(out->fault);
	out->text = client_fault_data(out->fault, &out->len, hashed);
	return out->text != NULL;
}

static bool
data_text(struct webauthn_client *c, bool create, struct span challenge,
    struct client_data *out, size_t *hashed)
{
	c->fault_made = false;
	if (has_fault(c, create))
		return data_with_fault(c, create, challenge, out, hashed);
	out->text = client_data_new(create ? "webauthn.create" :
	    "webauthn.get", challenge, span_str(c->origin.text), &out->len);
	*hashed = out->len;
	return out->text != NULL;
}

bool
client_data_make(struct webauthn_client *c, bool create,
    struct span challenge, struct client_data *out, struct dom_error *err)
{
	size_t hashed;

	if (!data_text(c, create, challenge, out, &hashed))
		return dom_fail(err, "UnknownError", "out of memory");
	return hash_two(c, span(out->text, hashed), span("", 0),
	    out->hash, err);
}

void
client_data_done(struct client_data *data)
{
	if (data->fault != NULL)
		client_fault_done(data->fault);
	free(data->fault);
	free(data->text);
}

static struct json_out *
first_answer(struct webauthn_client *c, bool create)
{
	return create ? &c->first_create : &c->first_get;
}

bool
client_replays(struct webauthn_client *c, bool create,
    const struct client_data *data, struct json_out *out)
{
	struct span first = json_out_text(first_answer(c, create));

	if (data->fault == NULL || !data->fault->replay)
		return false;
	c->fault_made = first.len > 0;
	if (!c->fault_made)
		return false;
	json_out_clear(out);
	json_out_raw(out, first);
	return true;
}

/*
 * A budget instead of a trial encoding: what else is in a request is bounded
 * by the limits of options and RP IDs. Small tokens get half of theirs.
 */
size_t
client_list_fits(const struct webauthn_client *c, const struct id_list *list)
{
	size_t room = c->info.message_max, n;

	if (room > AUTH_MESSAGE_MAX)
		room = AUTH_MESSAGE_MAX;
	room -= room > 2 * REQUEST_REST_MAX ? REQUEST_REST_MAX : room / 2;
	for (n = 0; n < list->count; n++) {
		size_t need = list->ids[n].len + DESCRIPTOR_REST;

		if (need > room ||
		    (c->info.list_max > 0 && n == c->info.list_max))
			break;
		room -= need;
	}
	return n;
}

/* One request's worth of a list; *found as client_probe(). */
static bool
probe_part(const struct webauthn_client *c, struct span rp_id,
    const struct id_list *part, bool uv, const struct span **found)
{
	static const uint8_t no_hash[SHA256_LEN];
	const struct token_get req = {
		.client_data_hash = span(no_hash, sizeof(no_hash)),
		.rp_id = rp_id,
		.allow = part->ids,
		.allow_count = part->count,
		.silent = true,
		.uv = uv,
	};
	struct token_assertion got;

	if (c->token->ops->get(c->token, &req, &got) != 0)
		return false;
	if (got.credential_id.p == NULL && part->count == 1) {
		*found = part->ids;
		return true;
	}
	for (size_t i = 0; i < part->count; i++) {
		if (!span_eq(part->ids[i], got.credential_id))
			continue;
		*found = &part->ids[i];
		return true;
	}
	return false;
}

bool
client_probe(const struct webauthn_client *c, struct span rp_id,
    const struct id_list *list, bool uv, const struct span **found)
{
	struct id_list rest = *list, part;
	size_t n;

	while (rest.count > 0) {
		n = client_list_fits(c, &rest);
		part = (struct id_list){ rest.ids, n };
		if (n > 0 && probe_part(c, rp_id, &part, uv, found))
			return true;
		n += n == 0;	/* too large for this token: not its own */
		rest = (struct id_list){ rest.ids + n, rest.count - n };
	}
	return false;
}

/* A name is wanted even for what another vendor's token made up. */
static const char *
status_name(int status)
{
	const char *name = ctap_status_name((uint8_t)status);

	return name != NULL ? name : "unknown status";
}

/* WebAuthn Level 3, 5.1.3 and 5.1.4: everything else is NotAllowedError. */
bool
client_token_error(int r, bool create, struct dom_error *err)
{
	const char *name = "NotAllowedError";

	if (r < 0)
		return dom_fail(err, name, "the token gave no proper answer: "
		    "%s", strerror(-r));
	if (create && r == CTAP2_ERR_CREDENTIAL_EXCLUDED)
		return dom_fail(err, "InvalidStateError", "the token has a "
		    "credential that excludeCredentials names");
	if (create && r == CTAP2_ERR_UNSUPPORTED_ALGORITHM)
		return dom_fail(err, "NotSupportedError",
		    "the token has none of the algorithms");
	if (create && r == CTAP2_ERR_LARGE_BLOB_STORAGE_FULL)
		return dom_fail(err, name, "the token has no place for the "
		    "large blob that is required");
	if (create && r == CTAP2_ERR_UNSUPPORTED_OPTION)
		name = "ConstraintError";
	if (r == CTAP2_ERR_NO_CREDENTIALS)
		return dom_fail(err, name,
		    "the token has no credential for this");
	if (r == CTAP2_ERR_PUAT_REQUIRED || r == CTAP2_ERR_PIN_INVALID)
		return dom_fail(err, name, "the token %s (see --pin-file)",
		    r == CTAP2_ERR_PIN_INVALID ? "has another PIN" :
		    "wants its user verified by PIN");
	return dom_fail(err, name, "the token answered %s (0x%02x)",
	    status_name(r), (unsigned)r);
}

/* WebAuthn Level 3, 10.1.4 */
bool
client_prf_salts(const struct webauthn_client *c, const struct salt_inputs *in,
    uint8_t salts[static TOKEN_SALTS_MAX], struct span *out,
    struct dom_error *err)
{
	static const char name[] = "WebAuthn PRF";	/* with its NUL */
	const struct span context = span(name, sizeof(name));

	if (in->first.p == NULL)
		return true;
	if (!hash_two(c, context, in->first, salts, err) ||
	    (in->second.p != NULL && !hash_two(c, context, in->second,
	    salts + TOKEN_SALT_LEN, err)))
		return false;
	*out = span(salts, in->second.p != NULL ? TOKEN_SALTS_MAX :
	    TOKEN_SALT_LEN);
	return true;
}

void
client_put_outputs(struct json_out *out, const char *name, const char *first,
    const char *second, const struct token_outputs *hmac)
{
	if (hmac->len < TOKEN_SALT_LEN)
		return;
	json_out_name(out, name);
	json_out_open(out, '{');
	client_put(out, first, span(hmac->bytes, TOKEN_SALT_LEN));
	if (hmac->len == TOKEN_SALTS_MAX)
		client_put(out, second,
		    span(hmac->bytes + TOKEN_SALT_LEN, TOKEN_SALT_LEN));
	json_out_close(out, '}');
}

void
client_put(struct json_out *out, const char *name, struct span bytes)
{
	json_out_name(out, name);
	json_out_bytes(out, bytes);
}

void
client_put_head(const struct webauthn_client *c, struct span id,
    struct json_out *out)
{
	json_out_clear(out);
	json_out_open(out, '{');
	client_put(out, "id", id);
	client_put(out, "rawId", id);
	json_out_name(out, "type");
	json_out_string(out, "public-key");
	json_out_name(out, "authenticatorAttachment");
	json_out_string(out, c->platform ? "platform" : "cross-platform");
}

static bool
put_tail(struct json_out *out, struct dom_error *err)
{
	json_out_close(out, '}');
	if (json_out_text(out).p == NULL)
		return dom_fail(err, "UnknownError", "out of memory");
	return true;
}

bool
client_finish(struct webauthn_client *c, bool create,
    const struct client_data *data, struct json_out *out,
    struct dom_error *err)
{
	struct json_out *first = first_answer(c, create);

	if (!put_tail(out, err))
		return false;
	if (data->fault != NULL && data->fault->respond != NULL)
		c->fault_made = client_fault_respond(data->fault, out);
	/* Only what can be told: an earlier answer, of this client */
	if (c->fault != NULL && first->len == 0)
		json_out_raw(first, json_out_text(out));
	return true;
}
