/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the program brings along: authenticator/embed makes an array of
 * these at build time.
 */
#ifndef AUTHENTICATOR_BUILTIN_H
#define AUTHENTICATOR_BUILTIN_H

struct builtin {
	const char *name;	/* "pin.txt"; NULL behind the last */
	const char *text;
};

#endif
