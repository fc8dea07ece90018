/* SPDX-License-Identifier: Apache-2.0 */
/* The models that metadata is made of, one entry each. */
#ifndef AUTHENTICATOR_MDS_MODELS_H
#define AUTHENTICATOR_MDS_MODELS_H

#include "authenticator/mds/blob.h"

#define MDS_MODELS_MAX	256

struct mds_models {
	struct mds_one {
		struct profile	*profile;	/* NULL: sealkey as it comes */
		struct auth_config auth;
	}		*one;
	size_t		 count;
};

/*
 * One that settings describe, on top of a profile or not (NULL). auth is
 * copied; p is taken, or freed. 0 or -ENOMEM.
 */
int mds_models_add(struct mds_models *m, const struct auth_config *auth,
    struct profile *p);
/* One that a profile describes, by name or file: as profile_load(). */
int mds_models_load(struct mds_models *m, const char *name_or_path,
    char *msg, size_t msglen);
void mds_models_done(struct mds_models *m);

/*
 * Their entries, in order: a new reference. NULL with one line in msg: two of
 * them would be found by the same AAGUID, or as mds_entry() fails.
 */
json_t *mds_models_entries(const struct mds_models *m, const json_t *anchors,
    enum mds_shape shape, char *msg, size_t msglen);

#endif
