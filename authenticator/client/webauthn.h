/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's role in WebAuthn Level 3 (5.1.3 and 5.1.4): options from a
 * relying party in, response for it out, one token in between.
 *
 * It behaves as a browser with one USB key plugged in and a user who says
 * yes to everything:
 *
 *  - attestation "none" (the default) replaces the statement and blanks the
 *    AAGUID, unless it is self attestation of a blank AAGUID anyway, as
 *    Chromium does. Anything else passes through.
 *  - Attestation "enterprise" is permitted for every page, as by a policy of
 *    its administrator; "direct" to a token that has none, or not yet.
 *  - A discoverable credential gets credProtect level 2, or 3 if user
 *    verification is required, unless the relying party says otherwise (as
 *    Chromium does) or the token does not have it.
 *  - prf always goes with verification of the user, whatever the options say;
 *    without, it has no results. At creation it has them if the token has
 *    hmac-secret-mc.
 *  - An AppID is one of the page's own site: lists of facets are not fetched.
 *  - Large blobs that cannot be read or written fail the extension, not the
 *    ceremony.
 *  - Lists that a token cannot take at once are narrowed by silent probes.
 *  - What the token answers is not judged: a broken answer has to reach the
 *    relying party that is to be tested with it. Only what cannot be taken
 *    apart is an error.
 *
 * What only a client can get wrong, it gets wrong if it is told to: a fault
 * of the stage "client" (fault.h).
 *
 * The client can claim to be a platform authenticator: a browser would look
 * for one when the options demand it, and wait for ever for a USB key.
 */
#ifndef AUTHENTICATOR_WEBAUTHN_H
#define AUTHENTICATOR_WEBAUTHN_H

#include "authenticator/client/json_out.h"
#include "authenticator/client/token.h"
#include "authenticator/client/webauthn_error.h"
#include "authenticator/client/webauthn_origin.h"
#include "authenticator/fault/fault.h"

#include <openssl/evp.h>

struct webauthn_client {
	struct origin	 origin;
	bool		 platform;	/* what it claims to be */
	struct token	*token;		/* the caller's */
	struct token_info info;
	EVP_MD		*sha256;
	EVP_MD_CTX	*md;		/* for one after the other */

	/*
	 * A fault to make in every ceremony that it fits, NULL: none; and
	 * whether it was made in the last one. One of another stage is the
	 * token's to make, but tells that answers may make no sense: what
	 * can be passed on of them is.
	 */
	const struct fault *fault;
	bool		 fault_made;
	/* In the last one enterprise attestation was asked for, of a token on
	 * which it is off. */
	bool		 not_enterprise;
	/* The first answers while there was a fault, to be sent again. */
	struct json_out	 first_create;
	struct json_out	 first_get;
};

/*
 * Asks token for what it can do. origin and token must outlive the client;
 * 0, or as the verbs of token.h.
 */
int webauthn_client_init(struct webauthn_client *c,
    const struct origin *origin, bool platform, struct token *token);
void webauthn_client_done(struct webauthn_client *c);

/*
 * A RegistrationResponseJSON or AuthenticationResponseJSON for options
 * (text) into out, which is cleared first; false, with *err and nothing of
 * use in out, if the ceremony failed.
 */
bool webauthn_create(struct webauthn_client *c, struct span options,
    struct json_out *out, struct dom_error *err);
bool webauthn_get(struct webauthn_client *c, struct span options,
    struct json_out *out, struct dom_error *err);

#endif
