/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be wrong with metadata, one thing at a time (the catalogue's part
 * of it is fault/fault_metadata.c): in an entry, in the payload, or in how it
 * is signed. What is before the signature is bent before it is signed.
 */
#ifndef AUTHENTICATOR_MDS_BEND_H
#define AUTHENTICATOR_MDS_BEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "authenticator/mds/jws.h"

/* Values of struct fault's member metadata. */
enum mds_bend {
	MDS_HONEST,
	/* a report more, from today on */
	MDS_STATUS_REVOKED,
	MDS_STATUS_RETIRED,
	MDS_STATUS_USER_VERIFICATION_BYPASS,
	MDS_STATUS_ATTESTATION_KEY_COMPROMISE,
	MDS_STATUS_USER_KEY_REMOTE_COMPROMISE,
	MDS_STATUS_USER_KEY_PHYSICAL_COMPROMISE,
	MDS_STATUS_UPDATE_AVAILABLE,
	MDS_STATUS_NOT_FIDO_CERTIFIED,
	MDS_STATUS_FUTURE,
	MDS_STATUS_SUNSET,
	MDS_STATUS_NONE,
	/* an entry */
	MDS_AAGUID_MISSING,
	MDS_AAGUID_OTHER,
	MDS_GETINFO_AAGUID,
	MDS_DUPLICATE_ENTRY,
	MDS_STATEMENT_MISSING,
	MDS_SCHEMA,
	MDS_WRONG_ROOT,
	MDS_NO_ROOT,
	MDS_ALG_LIST,
	MDS_GETINFO_ALGS,
	MDS_ATTESTATION_TYPE,
	MDS_PROTOCOL_FAMILY,
	/* the payload */
	MDS_STALE,
	MDS_NEXT_UPDATE_MISSING,
	MDS_ROLLBACK,
	MDS_NUMBER_MISSING,
	/* the signature */
	MDS_BAD_SIGNATURE,
	MDS_DER_SIGNATURE,
	MDS_ALG_NONE,
	MDS_ALG_HS256,
	MDS_NO_X5C,
	MDS_BAD_CHAIN,
	MDS_UNKNOWN_ROOT,
	MDS_SELF_SIGNED,
	MDS_SIGNER_EXPIRED,
	MDS_SIGNER_NOT_YET,
	MDS_SIGNER_REVOKED,
	MDS_BENDS,
};

/*
 * Bends payload, whose entries are honest; those with that id (an AAGUID or
 * a key identifier), or all if it is NULL. False: there is nothing that could
 * be bent like that, and nothing was.
 */
bool mds_bend_payload(enum mds_bend bend, json_t *payload, const char *id,
    int64_t now_s);
enum jws_flaw mds_bend_jws(enum mds_bend bend);
unsigned mds_bend_signer(enum mds_bend bend);	/* enum mds_signer_flaw */

#endif
