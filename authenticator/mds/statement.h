/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata statements (FIDO Metadata Statement 3.1.1, 4; 3.0 for those who
 * read that): what the maker of a model publishes about it, made from what
 * the model says of itself and from what a state directory attests with.
 * Words are those of the FIDO Registry of Predefined Values 2.3.
 *
 * A model that has CTAP2 is described by its AAGUID, one that has nothing but
 * U2F by the key identifier of its attestation certificate.
 */
#ifndef AUTHENTICATOR_MDS_STATEMENT_H
#define AUTHENTICATOR_MDS_STATEMENT_H

#include <jansson.h>

#include "authenticator/profile/profile.h"

enum mds_shape {
	MDS_3_1_1,
	MDS_3_0,	/* without the members and statuses that came later */
};

/*
 * What one state directory brings along: describe_anchors() of a key there.
 * Borrowed.
 */
struct mds_model {
	const struct auth_config *auth;	/* as settings or a profile made it */
	const struct profile *profile;	/* NULL: sealkey as it comes */
	const json_t	*anchors;
};

/* Whether it has nothing but U2F. */
bool mds_model_is_u2f(const struct mds_model *m);
/* What its entry is found by: an AAGUID, or a key identifier. */
#define MDS_ID_LEN	40	/* characters */
void mds_model_id(const struct mds_model *m, char out[static MDS_ID_LEN + 1]);

/* A new reference; NULL with one line for the user in msg. */
json_t *mds_statement(const struct mds_model *m, enum mds_shape shape,
    char *msg, size_t msglen);

#endif
