/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people call what the protocol has numbers for; the same everywhere: in
 * settings, profiles, the control interface and conformance cases.
 */
#ifndef AUTHENTICATOR_NAMES_H
#define AUTHENTICATOR_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#define AAGUID_TEXT_LEN	37	/* 36 characters and a NUL */

/* "ES256", or NULL; and back, 0 if there is none of that name. */
const char *alg_name(int alg);
int alg_named(const char *name);

/* What a fingerprint sensor says of a sample (enum sample_status), such as
 * "too-high", or NULL; and back, -1 if there is none of that name. */
const char *sample_name(unsigned status);
int sample_named(const char *name);

/*
 * 8-4-4-4-12 hexadecimal digits; and back, false if it is not that: then out
 * is what it was.
 */
void aaguid_write(const uint8_t aaguid[static 16],
    char out[static AAGUID_TEXT_LEN]);
bool aaguid_parse(const char *text, uint8_t out[static 16]);

#endif
