/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capabilities of virtual authenticators in a New Session (WebDriver 7,
 * WebAuthn Level 3, 11.1): the driver behind the proxy does not know them, so
 * they are taken out of the request, and the reply gets what was matched.
 */
#ifndef AUTHENTICATOR_WEBDRIVER_CAPABILITIES_H
#define AUTHENTICATOR_WEBDRIVER_CAPABILITIES_H

#include <jansson.h>

/*
 * Changes the parameters of a New Session. *matched, a new reference, is the
 * capabilities to be added to the reply. NULL; or what is wrong: then *error
 * is the code of WebDriver 6.6 for it, and *matched is NULL.
 */
const char *capabilities_take(json_t *parameters, json_t **matched,
    const char **error);

/* Adds them to the reply; it is no reply of a New Session: left alone. */
void capabilities_put(json_t *reply, json_t *matched);

#endif
