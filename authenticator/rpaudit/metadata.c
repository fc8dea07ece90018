/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/metadata.h"

#include "authenticator/mds/models.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_NUMBER	100	/* there is something to roll back to */

struct rp_metadata {
	struct mds_authority *authority;
	struct mds_models models;
	json_t		*entries;
	char		*root;		/* PEM */
	uint64_t	 no;		/* of the last BLOB */
};

int
rp_metadata_new(const struct auth_config *auth, const json_t *anchors,
    struct rp_metadata **out, char *msg, size_t msglen)
{
	struct rp_metadata *m = calloc(1, sizeof(*m));
	int r;

	snprintf(msg, msglen, "out of memory");
	if (m == NULL)
		return -ENOMEM;
	m->no = FIRST_NUMBER;
	r = mds_models_add(&m->models, auth, NULL);
	if (r == 0)
		r = mds_authority_open(NULL, NULL, time(NULL), &m->authority,
		    msg, msglen);
	if (r == 0) {
		m->entries = mds_models_entries(&m->models, anchors,
		    MDS_3_1_1, msg, msglen);
		m->root = mds_authority_root_pem(m->authority);
		r = m->entries == NULL ? -EIO : m->root == NULL ? -ENOMEM : 0;
	}
	if (r < 0) {
		rp_metadata_free(m);
		return r;
	}
	*out = m;
	return 0;
}

void
rp_metadata_free(struct rp_metadata *m)
{
	if (m == NULL)
		return;
	mds_models_done(&m->models);
	mds_authority_free(m->authority);
	json_decref(m->entries);
	free(m->root);
	free(m);
}

json_t *
rp_metadata_blob(struct rp_metadata *m, enum mds_bend bend,
    const char *crl_url, char *msg, size_t msglen)
{
	const struct mds_blob_plan plan = {
		.authority = m->authority,
		.entries = m->entries,
		.now_s = time(NULL),
		.no = ++m->no,
		.crl_url = crl_url,
		.bend = bend,
	};
	json_t *json;
	char *blob;

	if (mds_blob_make(&plan, &blob, msg, msglen) < 0)
		return NULL;
	json = json_pack("{s:s, s:s}", "blob", blob, "root", m->root);
	free(blob);
	if (json == NULL)
		snprintf(msg, msglen, "out of memory");
	return json;
}

int
rp_metadata_crl(const struct rp_metadata *m, uint8_t **out, size_t *len)
{
	return mds_authority_crl(m->authority, ATTESTATION_CA_INTERMEDIATE,
	    time(NULL), out, len);
}
