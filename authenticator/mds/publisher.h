/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BLOB of one state directory, as often as somebody asks for it: the same
 * models, with whatever has happened to them since (status reports of a file
 * that may change meanwhile).
 */
#ifndef AUTHENTICATOR_MDS_PUBLISHER_H
#define AUTHENTICATOR_MDS_PUBLISHER_H

#include "authenticator/mds/models.h"

#define MDS_REPORTS_MAX	1048576	/* bytes, a file of reports */

/* All borrowed; zeroed first, then as it is wanted. */
struct mds_publisher {
	struct mds_authority *authority;
	const json_t	*anchors;
	const struct mds_models *models;
	enum mds_shape	 shape;
	const json_t	*reports;	/* as mds_take_report() made them */
	const char	*reports_file;	/* NULL: none; read each time */
	const char	*next_update;
	uint64_t	 no;		/* of the next one that is made; then
					 * it is counted */
	bool		 rsa;
	const char	*crl_url;
	enum mds_bend	 bend;
	/* private */
	json_t		*entries;	/* before any report */
	json_t		*last_entries;	/* of the last BLOB, */
	int64_t		 last_day;	/* made then */
	char		*last;
};

/*
 * The BLOB as of now_s, until the next call. 0, or -errno and one line in
 * msg; the next call may go better.
 */
int mds_publish(struct mds_publisher *p, int64_t now_s, const char **blob,
    char *msg, size_t msglen);
void mds_publisher_done(struct mds_publisher *p);

#endif
