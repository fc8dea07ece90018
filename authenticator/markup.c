/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/markup.h"

#include <inttypes.h>

void
markup_escape(FILE *f, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		switch (c) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			putc(c < 0x20 || c > 0x7e ? '?' : c, f);
		}
	}
}

void
markup_attribute(FILE *f, const char *name, const char *value)
{
	fprintf(f, " %s=\"", name);
	markup_escape(f, value);
	putc('"', f);
}

void
markup_time(FILE *f, uint64_t ms)
{
	fprintf(f, " time=\"%" PRIu64 ".%03" PRIu64 "\"", ms / 1000, ms % 1000);
}
