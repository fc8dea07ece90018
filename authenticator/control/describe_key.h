/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the daemon as JSON (format: control.md). See also describe.h. */
#ifndef AUTHENTICATOR_DESCRIBE_KEY_H
#define AUTHENTICATOR_DESCRIBE_KEY_H

#include <jansson.h>

#include "authenticator/hub.h"

/* New references; NULL: out of memory, or the store cannot be read. */
json_t *describe_key(struct hub_key *k);		/* all of it */
json_t *describe_key_briefly(struct hub_key *k);	/* for a list */

#endif
