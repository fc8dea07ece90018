/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/hex.h"

#include <stdio.h>
#include <stdlib.h>

static _Noreturn void
die(const char *text)
{
	fprintf(stderr, "hex: %s\n", text);
	abort();
}

static unsigned
digit(char c, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	if (at == NULL)
		die(text);
	return (unsigned)(at - digits);
}

struct span
hex(const char *text)
{
	uint8_t buf[4096];
	size_t len = 0;

	for (const char *at = text; *at != '\0'; at++) {
		if (*at == ' ')
			continue;
		if (len == sizeof(buf))
			die(text);
		buf[len] = (uint8_t)(digit(*at++, text) << 4);
		buf[len++] |= (uint8_t)digit(*at, text);
	}
	return hex_copy(buf, len);
}

struct span
hex_copy(const void *p, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL && len > 0)
		die("no memory");
	if (len > 0)
		memcpy(copy, p, len);
	return span(copy, len);
}

void
hex_free(struct span s)
{
	free((void *)(uintptr_t)s.p);
}
