/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as hexadecimal digits. */
#ifndef AUTHENTICATOR_HEX_H
#define AUTHENTICATOR_HEX_H

#include "ctap/span.h"

/* 2 * bytes.len lower-case digits and a NUL. */
void hex_encode(struct span bytes, char *out);

/* Of either case; -1: it is none. */
int hex_digit(char c);

#endif
