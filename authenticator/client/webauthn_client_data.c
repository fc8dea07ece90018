/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_client_data.h"

#include "authenticator/base64url.h"

#include <stdio.h>
#include <stdlib.h>

size_t
ccd_string(struct span s, char *out)
{
	char *p = out;

	*p++ = '"';
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c < 0x20) {
			p += sprintf(p, "\\u%04x", c);
			continue;
		}
		if (c == '"' || c == '\\')
			*p++ = '\\';
		*p++ = (char)c;
	}
	*p++ = '"';
	return (size_t)(p - out);
}

static char *
put(char *p, const char *s)
{
	size_t len = strlen(s);

	memcpy(p, s, len);
	return p + len;
}

char *
client_data_new(const char *type, struct span challenge, struct span origin,
    size_t *len)
{
	static const char start[] = "{\"type\":";
	static const char middle[] = ",\"challenge\":\"";
	static const char before_origin[] = "\",\"origin\":";
	static const char end[] = ",\"crossOrigin\":false}";
	char *text, *p;

	/* sprintf in ccd_string() puts a NUL behind what it counts. */
	text = malloc(sizeof(start) + CCD_STRING_LEN(strlen(type)) +
	    sizeof(middle) + BASE64URL_LEN(challenge.len) +
	    sizeof(before_origin) + CCD_STRING_LEN(origin.len) + sizeof(end));
	if (text == NULL)
		return NULL;
	p = put(text, start);
	p += ccd_string(span_str(type), p);
	p = put(p, middle);
	base64url_encode(challenge, p);
	p += BASE64URL_LEN(challenge.len);
	p = put(p, before_origin);
	p += ccd_string(origin, p);
	p = put(p, end);
	*len = (size_t)(p - text);
	return text;
}
