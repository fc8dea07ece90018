/* SPDX-License-Identifier: Apache-2.0 */
/* Text of somebody else's making in what we write for browsers and CI. */
#ifndef AUTHENTICATOR_MARKUP_H
#define AUTHENTICATOR_MARKUP_H

#include <stdint.h>
#include <stdio.h>

/* In XML and HTML, attributes as well; what is not printable ASCII: '?'. */
void markup_escape(FILE *f, const char *text);
/* A blank, and name="value" or time="S.MMM". */
void markup_attribute(FILE *f, const char *name, const char *value);
void markup_time(FILE *f, uint64_t ms);

#endif
