/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a key, on standard output: as it is, in JSON, or a line
 * for each member that is worth one.
 */
#ifndef AUTHENTICATOR_TELL_H
#define AUTHENTICATOR_TELL_H

#include <jansson.h>
#include <stdbool.h>

struct tell_row {
	const char	*name;		/* "tpm.kind": kind within tpm */
	const char	*title;
};

/* rows end with a name of NULL; what is not there, or null, is left out. */
void tell(const json_t *facts, const struct tell_row *rows, bool as_json);

/* All of json, which it takes; NULL: there was no memory for it. A status. */
int tell_json(const char *command, json_t *json);

#endif
