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

void
dom_error_put_member(struct json_out *out, const struct dom_error *err)
{
	json_out_name(out, "error");
	json_out_open(out, '{');
	json_out_name(out, "name");
	json_out_string(out, err->name);
	json_out_name(out, "message");
	json_out_string(out, err->message);
	json_out_close(out, '}');
}

void
dom_error_put(struct json_out *out, const struct dom_error *err)
{
	json_out_clear(out);
	json_out_open(out, '{');
	dom_error_put_member(out, err);
	json_out_close(out, '}');
}
