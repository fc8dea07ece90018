/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url without padding (RFC 4648, 5), strict: no padding, no white
 * space, no stray bits, so that every byte string has exactly one text.
 *
 * Owns nothing, allocates nothing. Not for secrets: table look-ups and
 * refusals take time that depends on the contents.
 */
#ifndef AUTHENTICATOR_BASE64URL_H
#define AUTHENTICATOR_BASE64URL_H

#include "ctap/span.h"

/* Characters for len bytes, without a NUL. */
#define BASE64URL_LEN(len)	(((len) * 4 + 2) / 3)
/* Bytes that len characters can stand for, at most. */
#define BASE64URL_BYTES(len)	((len) * 3 / 4)

/* Writes BASE64URL_LEN(bytes.len) characters and a NUL. */
void base64url_encode(struct span bytes, char *out);

/*
 * Writes at most BASE64URL_BYTES(text.len) bytes and their number. False,
 * with *len untouched, if text is not exactly what encode would write.
 */
bool base64url_decode(struct span text, uint8_t *out, size_t *len);

#endif
