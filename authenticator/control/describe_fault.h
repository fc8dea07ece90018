/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults as JSON, the same in the control interface and on the command line
 * (format: control.md). Returned values are new references; NULL: out of
 * memory.
 */
#ifndef AUTHENTICATOR_DESCRIBE_FAULT_H
#define AUTHENTICATOR_DESCRIBE_FAULT_H

#include <jansson.h>

#include "authenticator/fault/armed.h"

/* A row of the catalogue. */
json_t *describe_fault(const struct fault *f);
json_t *describe_armed(const struct fault_armed *a);
/* Whether it takes any, and those that are armed. */
json_t *describe_fault_set(const struct fault_set *set);

#endif
