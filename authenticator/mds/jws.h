/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Signatures as metadata has them: compact (RFC 7515, 7.1), ES256 or
 * RS256, with the signer's certificates in the header (4.1.6); and those that
 * nobody may accept.
 */
#ifndef AUTHENTICATOR_MDS_JWS_H
#define AUTHENTICATOR_MDS_JWS_H

#include <jansson.h>

#include "authenticator/mds/authority.h"

enum jws_flaw {
	JWS_HONEST,
	JWS_BAD_SIGNATURE,	/* one bit is wrong */
	JWS_DER_SIGNATURE,	/* as X.509 has it, not as RFC 7518, 3.4 */
	JWS_ALG_NONE,		/* unsigned, and says so */
	JWS_ALG_HS256,		/* a MAC, keyed with the signer's public key */
	JWS_NO_X5C,
};

/* To be freed with free(); NULL: out of memory, or OpenSSL failed. */
char *jws_make(const json_t *payload, const struct mds_signer *signer,
    enum jws_flaw flaw);

#endif
