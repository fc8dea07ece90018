/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others need to judge a key's attestation, as JSON, the same in the
 * control interface and for those who publish it (format: control.md). New
 * references; NULL: out of memory, or the store cannot tell.
 */
#ifndef AUTHENTICATOR_ANCHORS_H
#define AUTHENTICATOR_ANCHORS_H

#include <jansson.h>

#include "authenticator/device.h"

/*
 * Its trust anchors, and what a model that is made here can have: algorithms,
 * hardware, tpm attestation, room.
 */
json_t *describe_anchors(struct device *d);

/* The revocation lists of its CAs; null where the CA's key is not here. */
json_t *describe_crls(struct device *d, int64_t now_s);

#endif
