/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles in requests: see ask_profile.h. */
#include "authenticator/control/ask_profile.h"

#include <errno.h>
#include <stdio.h>

static int
wrong(char *msg, size_t msglen, const char *line)
{
	snprintf(msg, msglen, "%s", line);
	return -EINVAL;
}

int
ask_profile(const char *name, json_t *text, struct profile **out, char *msg,
    size_t msglen)
{
	int r;

	*out = NULL;
	if (name == NULL && text == NULL)
		return 0;
	if (name != NULL && text != NULL)
		return wrong(msg, msglen, "profile and profileText exclude "
		    "each other");
	if (text != NULL && !json_is_string(text))
		return wrong(msg, msglen, "profileText is the text of a "
		    "file");
	if (text != NULL)
		return profile_parse("profileText",
		    span(json_string_value(text), json_string_length(text)),
		    out, msg, msglen);
	if (profile_is_path(name))
		return wrong(msg, msglen, "profile is a name; a file goes "
		    "into profileText");
	r = profile_load(name, out, msg, msglen);
	return r == -ENOENT ? -EINVAL : r;
}
