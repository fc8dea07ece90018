/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata of an audit's usual key: an authority in memory, and a BLOB
 * for each question, honest or with one thing wrong.
 */
#ifndef AUTHENTICATOR_RPAUDIT_METADATA_H
#define AUTHENTICATOR_RPAUDIT_METADATA_H

#include "authenticator/device.h"
#include "authenticator/mds/bend.h"

struct rp_metadata;

/*
 * auth: what kind of key; anchors: describe_anchors() of it, borrowed until
 * this returns. -errno with one line in msg.
 */
int rp_metadata_new(const struct auth_config *auth, const json_t *anchors,
    struct rp_metadata **out, char *msg, size_t msglen);
void rp_metadata_free(struct rp_metadata *m);	/* accepts NULL */

/*
 * {"blob": ..., "root": PEM}, a new reference; NULL with one line in msg. Each
 * has a number greater than the last, unless that is what is wrong with it.
 * crl_url: what its signer's certificate names; NULL: nothing.
 */
json_t *rp_metadata_blob(struct rp_metadata *m, enum mds_bend bend,
    const char *crl_url, char *msg, size_t msglen);
/* The list that is there, DER from malloc(). -errno. */
int rp_metadata_crl(const struct rp_metadata *m, uint8_t **out, size_t *len);

#endif
