/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/audit.log: what the owner did to a key, or with a CA, that nothing else
 * would tell afterwards. A line of JSON for each, appended, mode 0600. Format:
 * audit.md, enrolment.md.
 */
#ifndef AUTHENTICATOR_AUDIT_H
#define AUTHENTICATOR_AUDIT_H

#include <jansson.h>

#define AUDIT_NAME	"audit.log"

/*
 * Appends event, with "time" and "uid" (which it is given), to the log of the
 * directory dirfd. Durable when it returns 0; takes over the reference.
 * -ENOMEM also for NULL.
 */
int audit_append(int dirfd, json_t *event);

#endif
