/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The large-blob array as platforms keep it (CTAP 2.3, 6.10.3): one list for
 * all relying parties, each entry compressed (RFC 1951) and sealed with the
 * key of the credential it belongs to (AES-256-GCM). Whoever has no key to an
 * entry sees nothing in it, and leaves it as it is.
 *
 * An array that is not canonical CBOR has no blobs, and is not written over:
 * it may be somebody's. No I/O; what comes out is to be freed with free(),
 * once wiped if it matters.
 */
#ifndef AUTHENTICATOR_WEBAUTHN_BLOB_H
#define AUTHENTICATOR_WEBAUTHN_BLOB_H

#include "ctap/span.h"

#define BLOB_KEY_LEN	32
#define BLOB_MAX	(1024 * 1024)	/* bytes, when it is inflated */

/*
 * RFC 1951, as blobs are in entries of the array and in tokens that keep them
 * with the credential (CTAP 2.3, 12.4). *len bytes; NULL: no memory.
 */
uint8_t *blob_deflate(struct span blob, size_t *len);
/* All of packed has to give exactly size bytes, up to BLOB_MAX; else NULL. */
uint8_t *blob_inflate(struct span packed, size_t size);

/* What key opens, into *out and *len; false: nothing, or no memory. */
bool blob_find(struct span array, const uint8_t key[static BLOB_KEY_LEN],
    uint8_t **out, size_t *len);

/*
 * The array with blob as the only entry that key opens, other entries byte
 * for byte as they were; false: it would be longer than max bytes, the array
 * is none, or there is no memory or randomness.
 */
bool blob_replace(struct span array, const uint8_t key[static BLOB_KEY_LEN],
    struct span blob, size_t max, uint8_t **out, size_t *len);

#endif
