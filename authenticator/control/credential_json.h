/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that come in as JSON, with the names that WebDriver has for them
 * (WebAuthn Level 3, 11.5) and some of ours (control.md). Every byte is
 * hostile: text that is not what it should be is refused with one line, which
 * begins with the member's name.
 */
#ifndef AUTHENTICATOR_CREDENTIAL_JSON_H
#define AUTHENTICATOR_CREDENTIAL_JSON_H

#include <jansson.h>

#include "authenticator/device.h"
#include "tpm/pkcs8.h"

/* Who asks, and so which members there are and how bytes are spelled. */
enum credential_form {
	CREDENTIAL_OURS,	/* base64url; unknown members are refused */
	CREDENTIAL_WEBDRIVER,	/* base64url; it has fewer members, more of
				 * which are required, and ignores others */
	CREDENTIAL_CDP,		/* the same, base64, padded or not, and
				 * not base64url */
};

/* What import points into; wiped and freed by credential_import_done(). */
struct credential_import {
	struct device_import import;
	uint8_t		 id[CREDENTIAL_ID_MAX];
	uint8_t		 user_id[USER_ID_MAX];
	uint8_t		 key[PKCS8_MAX];
	uint8_t		*blob;		/* compressed; NULL: none */
};

/*
 * What json says, over what is in out->import before; the rest of *out is
 * zeroed before. Lives as long as json. 0; -EINVAL, or -ENOMEM, and one line
 * in msg: then there is nothing to be done().
 */
int credential_import_read(const json_t *json, enum credential_form form,
    struct credential_import *out, char *msg, size_t msglen);
void credential_import_done(struct credential_import *ci);

/*
 * {"backupEligibility": true, "backupState": true, "signCount": 7}, any of
 * them; signCount null: it does not count. -EINVAL with one line.
 */
int credential_properties_read(const json_t *json, enum credential_form form,
    struct device_properties *out, char *msg, size_t msglen);

/*
 * At most cap bytes as that form has them, and their number. False: text of
 * something else, or of more; or no memory.
 */
bool credential_bytes(struct span text, enum credential_form form,
    uint8_t *out, size_t cap, size_t *len);

#endif
