/* SPDX-License-Identifier: Apache-2.0 */
/* The files of cases/, which the program brings along. */
#ifndef CONFORMANCE_BUILTIN_H
#define CONFORMANCE_BUILTIN_H

#include "authenticator/builtin.h"

extern const struct builtin conformance_builtin[]
    __attribute__((visibility("hidden")));

#endif
