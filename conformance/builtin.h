/* SPDX-License-Identifier: Apache-2.0 */
/* The files of cases/, which the program brings along (conformance/embed). */
#ifndef CONFORMANCE_BUILTIN_H
#define CONFORMANCE_BUILTIN_H

struct builtin {
	const char *name;	/* "pin.txt"; NULL behind the last */
	const char *text;
};

extern const struct builtin conformance_builtin[]
    __attribute__((visibility("hidden")));

#endif
