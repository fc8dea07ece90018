/* SPDX-License-Identifier: Apache-2.0 */
/* What people write, to the program or to its control interface. */
#ifndef AUTHENTICATOR_PARSE_H
#define AUTHENTICATOR_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits and nothing else, of a number from min to max. */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* The index of word among names (ended by NULL), or -1. */
int parse_choice(const char *word, const char *const *names);

#endif
