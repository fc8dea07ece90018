/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of X.509 (RFC 5280) that whoever makes certificates or revocation
 * lists here needs alike. Knows OpenSSL, and nothing of what is certified.
 *
 * false: OpenSSL failed, which mostly is a lack of memory.
 */
#ifndef AUTHENTICATOR_X509_H
#define AUTHENTICATOR_X509_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "ctap/span.h"

/* id-fido-gen-ce-aaguid, -sernum; id-fido-u2f-ce-transports */
#define X509_AAGUID		"1.3.6.1.4.1.45724.1.1.4"
#define X509_SERNUM		"1.3.6.1.4.1.45724.1.1.2"
#define X509_TRANSPORTS		"1.3.6.1.4.1.45724.2.1.1"
/* tcg-at-tpmManufacturer, -tpmModel, -tpmVersion */
#define X509_TPM_MANUFACTURER	"2.23.133.2.1"
#define X509_TPM_MODEL		"2.23.133.2.2"
#define X509_TPM_VERSION	"2.23.133.2.3"
/* tcg-kp-AIKCertificate */
#define X509_AK_PURPOSE		"2.23.133.8.3"

#define X509_SERIAL_LEN	16	/* bytes, of every serial number of ours */

/* A random one: positive, and of constant length as DER. */
bool x509_random_serial(uint8_t out[static X509_SERIAL_LEN]);
bool x509_set_serial(X509 *x, struct span serial);

/* oid in dotted decimal, or a name that OpenSSL knows. */
bool x509_add_extension(X509 *x, const char *oid, bool critical,
    struct span der);
/*
 * The extension that names issuer by its key (4.2.1.1), to be freed; NULL and
 * true where it has no key identifier, as a CA that was brought may.
 */
bool x509_authority(X509 *issuer, X509_EXTENSION **out);
/* Both in seconds since 1970. */
bool x509_set_validity(X509 *x, int64_t from_s, int64_t until_s);

/* As strong as the key that signs; NULL for keys that hash on their own. */
const EVP_MD *x509_digest_for(const EVP_PKEY *key);

/* A pem_password_cb: nobody is there to be asked for one. */
int x509_no_passphrase(char *buf, int size, int writing, void *arg);

#endif
