/* SPDX-License-Identifier: Apache-2.0 */
/* Facts on standard output: see tell.h. */
#include "authenticator/cmd/tell.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "authenticator/cmd/cli.h"

static const json_t *
find(const json_t *facts, const char *name)
{
	const char *dot = strchr(name, '.');
	char outer[32];

	if (dot == NULL)
		return json_object_get(facts, name);
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
	return json_object_get(json_object_get(facts, outer), dot + 1);
}

static void
tell_line(const char *title, const json_t *value)
{
	char text[PATH_MAX];

	if (json_is_string(value) && json_string_length(value) > 0) {
		cli_clean(json_string_value(value), json_string_length(value),
		    text, sizeof(text));
		printf("%s: %s\n", title, text);
	} else if (json_is_integer(value)) {
		printf("%s: %" JSON_INTEGER_FORMAT "\n", title,
		    json_integer_value(value));
	} else if (json_is_boolean(value)) {
		printf("%s: %s\n", title, json_is_true(value) ? "yes" : "no");
	}
}

/* Whether it could be written is found out at the end, in one place. */
static void
dump(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

int
tell_json(const char *command, json_t *json)
{
	if (json == NULL)
		return cli_error("%s: out of memory", command);
	dump(json);
	json_decref(json);
	return CLI_DONE;
}

void
tell(const json_t *facts, const struct tell_row *rows, bool as_json)
{
	if (as_json) {
		dump(facts);
		return;
	}
	for (; rows->name != NULL; rows++)
		tell_line(rows->title, find(facts, rows->name));
}
