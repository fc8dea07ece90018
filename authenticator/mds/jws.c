/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#include "authenticator/base64url.h"
#include "authenticator/mds/text.h"

#define SIGNATURE_MAX	512	/* bytes; RSA-4096 */
#define SCALAR_LEN	32	/* bytes, P-256 */

static const char *
algorithm(const struct mds_signer *signer, enum jws_flaw flaw)
{
	if (flaw == JWS_ALG_NONE)
		return "none";
	if (flaw == JWS_ALG_HS256)
		return "HS256";
	return EVP_PKEY_is_a(signer->key, "RSA") ? "RS256" : "ES256";
}

static json_t *
make_header(const struct mds_signer *signer, enum jws_flaw flaw)
{
	json_t *header = json_pack("{s:s, s:s}", "alg",
	    algorithm(signer, flaw), "typ", "JWT");
	json_t *x5c = json_array();

	for (size_t i = 0; i < signer->count; i++)
		(void)json_array_append_new(x5c,
		    mds_base64_cert(signer->cert[i]));
	if (flaw == JWS_NO_X5C)
		json_decref(x5c);
	else
		(void)json_object_set_new(header, "x5c", x5c);
	return header;
}

/* base64url of its text, to be freed with free(). */
static char *
encode_json(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	size_t len = text != NULL ? strlen(text) : 0;
	char *out = text != NULL ? malloc(BASE64URL_LEN(len) + 1) : NULL;

	if (out != NULL)
		base64url_encode(span(text, len), out);
	free(text);
	return out;
}

/* RFC 7518, 3.4: r and s, as long as the curve's order is. */
static size_t
raw_of(const uint8_t *der, size_t len, uint8_t out[static 2 * SCALAR_LEN])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out,
	    SCALAR_LEN) == SCALAR_LEN && BN_bn2binpad(ECDSA_SIG_get0_s(sig),
	    out + SCALAR_LEN, SCALAR_LEN) == SCALAR_LEN;

	ECDSA_SIG_free(sig);
	return ok ? 2 * SCALAR_LEN : 0;
}

static size_t
sign(EVP_PKEY *key, struct span input, enum jws_flaw flaw,
    uint8_t out[static SIGNATURE_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[SIGNATURE_MAX];
	size_t len = sizeof(der);

	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL,
	    key) != 1 || EVP_DigestSign(ctx, der, &len, input.p, input.len)
	    != 1)
		len = 0;
	EVP_MD_CTX_free(ctx);
	if (len > 0 && EVP_PKEY_is_a(key, "EC") && flaw != JWS_DER_SIGNATURE)
		return raw_of(der, len, out);
	memcpy(out, der, len);
	return len;
}

/* What an RP makes of it that lets the header choose how to verify. */
static size_t
mac(EVP_PKEY *key, struct span input, uint8_t out[static SIGNATURE_MAX])
{
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(key, &spki);
	unsigned len = 0;

	if (n <= 0 || HMAC(EVP_sha256(), spki, n, input.p, input.len, out,
	    &len) == NULL)
		len = 0;
	OPENSSL_free(spki);
	return len;
}

/* -1: failed */
static int
make_signature(const struct mds_signer *signer, struct span input,
    enum jws_flaw flaw, uint8_t out[static SIGNATURE_MAX])
{
	size_t len;

	if (flaw == JWS_ALG_NONE)
		return 0;
	if (flaw == JWS_ALG_HS256)
		len = mac(signer->key, input, out);
	else
		len = sign(signer->key, input, flaw, out);
	if (flaw == JWS_BAD_SIGNATURE && len > 0)
		out[len / 2] ^= 0x10;
	return len > 0 ? (int)len : -1;
}

char *
jws_make(const json_t *payload, const struct mds_signer *signer,
    enum jws_flaw flaw)
{
	json_t *header = make_header(signer, flaw);
	char *head = encode_json(header), *body = encode_json(payload);
	uint8_t signature[SIGNATURE_MAX];
	size_t len = 0;
	char *out = NULL;
	int n = -1;

	if (head != NULL && body != NULL) {
		len = strlen(head) + 1 + strlen(body);
		out = malloc(len + 1 + BASE64URL_LEN(SIGNATURE_MAX) + 1);
	}
	if (out != NULL) {
		snprintf(out, len + 1, "%s.%s", head, body);
		n = make_signature(signer, span(out, len), flaw, signature);
		out[len] = '.';
		if (n >= 0)
			base64url_encode(span(signature, (size_t)n),
			    out + len + 1);
	}
	ERR_clear_error();
	json_decref(header);
	free(head);
	free(body);
	if (n < 0) {
		free(out);
		return NULL;
	}
	return out;
}
