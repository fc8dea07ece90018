/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are written down as hexadecimal text, for tables in tests.
 * Blanks are skipped. Aborts on anything else: the test is wrong then.
 */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include "ctap/span.h"

/*
 * In memory of exactly that length, so that a sanitizer sees whoever reads
 * past the end. Free with hex_free().
 */
struct span hex(const char *text);
struct span hex_copy(const void *p, size_t len);
void hex_free(struct span s);

#endif
