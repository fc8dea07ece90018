/* SPDX-License-Identifier: Apache-2.0 */
/* A key as this machine has it: its hidraw device, and who is at it. */
#ifndef AUTHENTICATOR_HIDRAW_H
#define AUTHENTICATOR_HIDRAW_H

#include <stdbool.h>
#include <stddef.h>

/* The device of this serial number ("serial" of GET info), such as
 * /dev/hidraw3; false: there is none, or not yet. */
bool hidraw_find(const char *serial, char *out, size_t size);

/*
 * The one browser that has the device open, "chromium" or "firefox", or what
 * is made of them; NULL: none, both, or somebody else's, who cannot be seen. A
 * browser has it open while a page wants something of a key. proc: "/proc".
 */
const char *hidraw_browser(const char *proc, const char *device);

#endif
