/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BLOB of a metadata service (FIDO Metadata Service 3.1.1, 3.1; 3.0 for
 * those who read that): entries of models, with their statements and status
 * reports, signed. mds.md says what is ours about it.
 */
#ifndef AUTHENTICATOR_MDS_BLOB_H
#define AUTHENTICATOR_MDS_BLOB_H

#include "authenticator/mds/authority.h"
#include "authenticator/mds/bend.h"
#include "authenticator/mds/statement.h"

#define MDS_MESSAGE_LEN	512	/* bytes, room for msg */
#define MDS_NEXT_S	(30 * 86400LL)	/* until the next BLOB, unless told */

/*
 * The entry of a model, with the reports that its profile has. A new
 * reference; NULL with one line in msg.
 */
json_t *mds_entry(const struct mds_model *m, enum mds_shape shape, char *msg,
    size_t msglen);

/*
 * Status reports that are added: an object, by AAGUID or key identifier, of
 * arrays of StatusReport (3.1.3). NULL, or one line in msg that says which
 * one is wrong and why. Every id has to be that of an entry.
 */
const char *mds_judge_reports(const json_t *reports, enum mds_shape shape,
    char *msg, size_t msglen);
/* "AAGUID=STATUS" or "AAGUID=STATUS@2026-01-05", into such an object. */
const char *mds_take_report(const char *text, enum mds_shape shape,
    json_t *reports, char *msg, size_t msglen);
/*
 * What has no date is effective while it is there (3.1.3), and so changes the
 * status on the day that is now. -EINVAL with one line in msg: there is no such
 * entry.
 */
int mds_add_reports(json_t *entries, const json_t *reports, int64_t now_s,
    char *msg, size_t msglen);

struct mds_blob_plan {
	struct mds_authority *authority;
	const json_t	*entries;	/* an array; borrowed, not changed */
	int64_t		 now_s;
	const char	*next_update;	/* NULL: MDS_NEXT_S from today */
	uint64_t	 no;		/* 0: as the authority counts */
	bool		 rsa;
	const char	*crl_url;	/* of the authority's intermediate */
	enum mds_bend	 bend;
	const char	*bend_id;	/* NULL: every entry */
};

/*
 * To be freed with free(). -EINVAL: it cannot be bent like that, -EIO or
 * others, with one line in msg.
 */
int mds_blob_make(const struct mds_blob_plan *plan, char **out, char *msg,
    size_t msglen);

#endif
