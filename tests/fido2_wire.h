/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfido2 as a client of "sealkey run --socket": one 64-byte report a
 * packet. It owns neither the key nor the socket's name.
 */
#ifndef TESTS_FIDO2_WIRE_H
#define TESTS_FIDO2_WIRE_H

#include <fido.h>

/*
 * A device of libfido2's that is open; NULL if nothing there speaks CTAPHID.
 * fido_dev_close() and fido_dev_free() end it.
 */
fido_dev_t *fido2_open(const char *socket);
/* Both of those; accepts a pointer to NULL, and leaves that. */
void fido2_close(fido_dev_t **dev);

#endif
