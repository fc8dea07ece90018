/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that come in as JSON, with the names that WebDriver has for them
 * (WebAuthn Level 3, 11.5) and some of ours (control.md). Every byte is
 * hostile: unknown members, and text that is not what it should be, are
 * refused with one line.
 */
#ifndef AUTHENTICATOR_CREDENTIAL_JSON_H
#define AUTHENTICATOR_CREDENTIAL_JSON_H

#include <jansson.h>

#include "authenticator/device.h"
#include "tpm/pkcs8.h"

/* What import points into; wiped and freed by credential_import_done(). */
struct credential_import {
	struct device_import import;
	uint8_t		 id[CREDENTIAL_ID_MAX];
	uint8_t		 user_id[USER_ID_MAX];
	uint8_t		 key[PKCS8_MAX];
	uint8_t		*blob;		/* compressed; NULL: none */
};

/*
 * Lives as long as json. 0; -EINVAL, or -ENOMEM, and one line in msg: then
 * there is nothing to be done().
 */
int credential_import_read(const json_t *json, struct credential_import *out,
    char *msg, size_t msglen);
void credential_import_done(struct credential_import *ci);

/*
 * {"backupEligibility": true, "backupState": true, "signCount": 7}, any of
 * them; signCount null: it does not count. -EINVAL with one line.
 */
int credential_properties_read(const json_t *json,
    struct device_properties *out, char *msg, size_t msglen);

#endif
