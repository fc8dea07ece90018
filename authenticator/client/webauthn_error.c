/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_error.h"

#include <stdarg.h>
#include <stdio.h>

bool
dom_fail(struct dom_error *err, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (err->name != NULL)
		return false;
	err->name = name;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return false;
}
