/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/safetynet.h"

#include <inttypes.h>
#include <stdio.h>

#include <openssl/evp.h>

#include "authenticator/base64url.h"
#include "authenticator/forge/keys.h"

#define CLAIMS_MAX	768	/* bytes */
/* of nothing in particular: whoever compares them knows what to expect */
#define DIGEST		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static struct span
text(struct forge_memory *m, const char *s)
{
	return forge_copy(m, span_str(s));
}

/* With padding, as in x5c (RFC 7515, 4.1.6). */
static struct span
base64(struct forge_memory *m, struct span bytes)
{
	size_t len = 4 * ((bytes.len + 2) / 3);
	uint8_t *at = forge_room(m, len + 1);

	if (at == NULL)
		return span(NULL, 0);
	EVP_EncodeBlock(at, bytes.p, (int)bytes.len);
	return span(at, len);
}

static struct span
base64url(struct forge_memory *m, struct span bytes)
{
	size_t len = BASE64URL_LEN(bytes.len);
	uint8_t *at = forge_room(m, len + 1);

	if (at == NULL)
		return span(NULL, 0);
	base64url_encode(bytes, (char *)at);
	return span(at, len);
}

static struct span
header(struct forge_memory *m, const struct forge_chain *chain)
{
	struct span s = text(m, "{\"alg\":\"RS256\",\"x5c\":[");

	for (size_t i = 0; i < chain->x5c_count; i++) {
		s = forge_join(m, s, text(m, i == 0 ? "\"" : ",\""));
		s = forge_join(m, s, base64(m, chain->x5c[i]));
		s = forge_join(m, s, text(m, "\""));
	}
	return forge_join(m, s, text(m, "]}"));
}

static struct span
claims(struct forge_memory *m, const struct forge_safetynet *net,
    struct span nonce)
{
	static const char *const words[] = { "false", "true" };
	struct span b64 = base64(m, nonce);
	char *at = (char *)forge_room(m, CLAIMS_MAX);
	int len;

	if (b64.p == NULL || at == NULL)
		return span(NULL, 0);
	len = snprintf(at, CLAIMS_MAX, "{\"nonce\":\"%.*s\","
	    "\"timestampMs\":%" PRId64 ","
	    "\"apkPackageName\":\"com.google.android.gms\","
	    "\"apkDigestSha256\":\"" DIGEST "\","
	    "\"ctsProfileMatch\":%s,"
	    "\"apkCertificateDigestSha256\":[\"" DIGEST "\"],"
	    "\"basicIntegrity\":%s}", (int)b64.len, (const char *)b64.p,
	    net->timestamp_ms, words[net->cts_profile_match],
	    words[net->basic_integrity]);
	if (len < 0 || len >= CLAIMS_MAX) {
		m->full = true;
		return span(NULL, 0);
	}
	return span(at, (size_t)len);
}

struct span
safetynet_input(struct forge_memory *m, const struct forge_statement *st,
    struct span signed_data)
{
	struct span nonce = st->safetynet.nonce;
	uint8_t hash[32];
	struct span s;

	if (nonce.p == NULL) {
		if (!forge_sha256(signed_data, span("", 0), hash))
			return span(NULL, 0);
		nonce = span(hash, sizeof(hash));
	}
	s = base64url(m, header(m, &st->chain));
	s = forge_join(m, s, text(m, "."));
	return forge_join(m, s, base64url(m, claims(m, &st->safetynet,
	    nonce)));
}

struct span
safetynet_jws(struct forge_memory *m, struct span input, struct span sig)
{
	return forge_join(m, forge_join(m, input, text(m, ".")),
	    base64url(m, sig));
}
