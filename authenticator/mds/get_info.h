/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key says of itself, as the member authenticatorGetInfo of a metadata
 * statement has it (FIDO Metadata Statement 3.1.1, 4): the reply to
 * authenticatorGetInfo (CTAP 2.3, 6.4) in JSON, by the names that it has
 * there. The AAGUID is 32 hexadecimal digits, the policy's URL is text, and
 * what changes with every reply is an empty string.
 */
#ifndef AUTHENTICATOR_MDS_GET_INFO_H
#define AUTHENTICATOR_MDS_GET_INFO_H

#include <jansson.h>

#include "authenticator/engine/engine.h"

/*
 * Of a reply without its status byte: canonical CBOR. A new reference; NULL:
 * it is not such a reply, or out of memory.
 */
json_t *mds_get_info_json(struct span reply);

/*
 * Of a key that cfg describes when it is new, as `sealkey run` plugs it in.
 * cfg's attestation decides which formats it lists; randomness is not needed.
 */
json_t *mds_get_info(const struct auth_config *cfg);

#endif
