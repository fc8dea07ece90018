/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and credentials as JSON, the same in the control interface and on
 * the command line (format: control.md). Never secrets: no private key, no
 * wrapped one, and the ID of a credential is all that others get to see.
 *
 * Returned values are new references; NULL: out of memory.
 */
#ifndef AUTHENTICATOR_DESCRIBE_H
#define AUTHENTICATOR_DESCRIBE_H

#include <jansson.h>

#include "authenticator/device.h"

#define DESCRIBE_KEYS_LEN	700	/* bytes, with the NUL */

/* "software keys (not hardware)", "keys in the embedded TPM (...)". */
void describe_keys(const struct device *d,
    char out[static DESCRIBE_KEYS_LEN]);

/* What every copy of sealkey can say about a state directory. */
json_t *describe_device(struct device *d);

/* Of d, running or at rest. */
json_t *describe_credential(const struct device *d,
    const struct credential *cred);

/*
 * Finds a credential by its ID in base64url: 0, -ENOENT, -EINVAL if the text
 * is no ID at all, or as the store says.
 */
int describe_find(struct device *d, const char *id, struct credential *out);

#endif
