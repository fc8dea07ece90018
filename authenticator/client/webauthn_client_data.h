/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clientDataJSON, byte for byte as WebAuthn Level 3, 5.8.1.1 serialises it,
 * so that relying parties without a JSON parser can verify it by comparing
 * (5.8.1.2). Strings are UTF-8, which the caller has made sure of.
 */
#ifndef AUTHENTICATOR_WEBAUTHN_CLIENT_DATA_H
#define AUTHENTICATOR_WEBAUTHN_CLIENT_DATA_H

#include "ctap/span.h"

/* Bytes that CCDToString can make of len bytes. */
#define CCD_STRING_LEN(len)	((len) * 6 + 2)

/* CCDToString: writes s in quotes, without a NUL; returns the length. */
size_t ccd_string(struct span s, char *out);

/*
 * type is "webauthn.create" or "webauthn.get". Returns the text, to be freed
 * with free(), and its length in *len; NULL: out of memory.
 */
char *client_data_new(const char *type, struct span challenge,
    struct span origin, size_t *len);

#endif
