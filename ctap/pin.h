/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIN/UV auth protocols one and two (CTAP 2.3, 6.5.6 and 6.5.7): the
 * authenticator's side of the key agreement, and encryption and
 * authentication under the shared secret or a token.
 *
 * Owns the key agreement key and the algorithms it fetched from OpenSSL.
 * Keeps no protocol state: tokens and retries are the engine's.
 */
#ifndef CTAP_PIN_H
#define CTAP_PIN_H

#include "ctap/cose.h"
#include "ctap/span.h"

#define PIN_PROTOCOL_MAX	2
#define PIN_SECRET_MAX		64	/* bytes; protocol one uses 32 */
#define PIN_TOKEN_LEN		32
#define PIN_IV_LEN		16	/* protocol two prepends it */
#define PIN_VALUE_LEN		16	/* of what pin_seal_value() seals */
#define PIN_SEALED_VALUE_LEN	32

/* What two sides share after ECDH. Wipe with pin_secret_wipe(). */
struct pin_secret {
	int	protocol;		/* 1 or 2 */
	uint8_t	key[PIN_SECRET_MAX];	/* one: K; two: HMAC key, AES key */
};

void pin_secret_wipe(struct pin_secret *s);

/* Fills out with len random bytes. */
typedef void pin_random(void *arg, uint8_t *out, size_t len);

struct pin_agreement;	/* opaque: an EVP_PKEY */

/*
 * A fresh P-256 key from the caller's randomness, NULL if OpenSSL fails.
 * Free with pin_agreement_free(), which accepts NULL.
 */
struct pin_agreement *pin_agreement_new(pin_random *random, void *arg);
void pin_agreement_free(struct pin_agreement *a);
/* getPublicKey(): COSE_Key, returns its length. */
size_t pin_agreement_public(const struct pin_agreement *a,
    uint8_t out[static COSE_KEY_MAX]);
/*
 * decapsulate(): the shared secret with the point x, y (32 bytes each);
 * false if it is not on the curve.
 */
bool pin_agreement_secret(const struct pin_agreement *a, int protocol,
    const uint8_t x[static 32], const uint8_t y[static 32],
    struct pin_secret *out);

/*
 * encrypt(): len is a multiple of 16. iv is 16 random bytes (protocol two
 * only). Returns the bytes written: len, plus 16 for protocol two; 0 if
 * OpenSSL fails. out has room for that.
 */
size_t pin_encrypt(const struct pin_secret *s,
    const uint8_t iv[static PIN_IV_LEN], const uint8_t *plain, size_t len,
    uint8_t *out);
/* decrypt(): false if the length cannot be. *len: at most cap. */
bool pin_decrypt(const struct pin_secret *s, struct span sealed,
    uint8_t *out, size_t cap, size_t *len);

/*
 * encIdentifier and encCredStoreState (CTAP 2.3, 6.4): iv, then value under
 * a key that only holders of the persistent token can make. info is the
 * name of the member. All zero if OpenSSL fails.
 */
void pin_seal_value(const uint8_t token[static PIN_TOKEN_LEN],
    const char *info, const uint8_t iv[static PIN_IV_LEN],
    const uint8_t value[static PIN_VALUE_LEN],
    uint8_t out[static PIN_SEALED_VALUE_LEN]);

/* HMAC-SHA-256 of a || b; false if OpenSSL fails. */
bool pin_hmac(const uint8_t key[static 32], struct span a, struct span b,
    uint8_t out[static 32]);

/*
 * verify(): whether mac is authenticate(key, a || b), in constant time. A
 * mac of another length than the protocol's is wrong.
 */
bool pin_verify(int protocol, const uint8_t key[static 32], struct span a,
    struct span b, struct span mac);

#endif
