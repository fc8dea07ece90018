/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate revocation lists (RFC 5280, 5) of test CAs. There is one serial
 * number that every one of them revokes, for good: a certificate that is to be
 * found revoked is made with that number, and nothing has to be remembered.
 */
#ifndef AUTHENTICATOR_CRL_H
#define AUTHENTICATOR_CRL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "authenticator/attest/x509.h"

#define CRL_VALID_S	(24 * 3600LL)	/* until the next one is due */

/* Big-endian, positive. */
extern const uint8_t crl_revoked_serial[X509_SERIAL_LEN];

/*
 * The list of issuer as of now_s, DER: *out is to be freed with free(). 0,
 * -ENOMEM, or -EIO (OpenSSL failed).
 */
int crl_make(X509 *issuer, EVP_PKEY *key, int64_t now_s, uint8_t **out,
    size_t *len);

#endif
