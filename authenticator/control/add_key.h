/* SPDX-License-Identifier: Apache-2.0 */
/* A new key of the daemon, as the body of POST /v1/keys describes it. */
#ifndef AUTHENTICATOR_ADD_KEY_H
#define AUTHENTICATOR_ADD_KEY_H

#include <limits.h>

#include "authenticator/control/route.h"

#define ADD_KEY_MESSAGE_LEN	(DEVICE_MESSAGE_LEN + PATH_MAX)	/* bytes */

/* owner as in hub_options; as hub_add(), -EINVAL also for what is no such
 * body. */
int add_key(struct request *rq, json_t *json, const char *owner,
    struct hub_key **out, char *msg, size_t msglen);

#endif
