/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a ceremony failed, as a page would learn it: the name of a
 * DOMException (or TypeError, SyntaxError) and a sentence for people. The
 * names are those of WebAuthn Level 3, 5.1.3 and 5.1.4 "Exceptions", and of
 * JSON.parse() and parseCreationOptionsFromJSON() for malformed options.
 *
 * Messages are plain ASCII on one line: nothing that came from outside is
 * quoted in them unless it was checked to be so.
 */
#ifndef AUTHENTICATOR_WEBAUTHN_ERROR_H
#define AUTHENTICATOR_WEBAUTHN_ERROR_H

#include <stdbool.h>

#include "authenticator/client/json_out.h"

#define DOM_MESSAGE_MAX	400	/* bytes, with the NUL */

struct dom_error {
	const char	*name;		/* lives for ever; NULL: no error */
	char		 message[DOM_MESSAGE_MAX];
};

/* Keeps the first error; returns false, for return statements. */
bool dom_fail(struct dom_error *err, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* All that out has then: {"error": {...}}, a line of `webauthn --batch`. */
void dom_error_put(struct json_out *out, const struct dom_error *err);
/* The one member of it, in an object that is open. */
void dom_error_put_member(struct json_out *out, const struct dom_error *err);

#endif
