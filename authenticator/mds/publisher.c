/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/attest/ca_file.h"

#define DAY_S	86400LL

/* A new reference; NULL with one line in msg. */
static json_t *
read_reports(const char *path, enum mds_shape shape, char *msg,
    size_t msglen)
{
	struct ca_file f = { NULL, 0, 0 };
	char why[MDS_MESSAGE_LEN];
	json_t *reports = NULL;
	json_error_t error;
	int r;

	r = ca_file_read(AT_FDCWD, path, MDS_REPORTS_MAX, &f);
	if (r != 0) {
		snprintf(msg, msglen, "%s: %s", path, strerror(-r));
		return NULL;
	}
	reports = json_loadb((const char *)f.p, f.len, JSON_REJECT_DUPLICATES,
	    &error);
	ca_file_done(&f);
	if (reports == NULL) {
		snprintf(msg, msglen, "%s: line %d: %s", path, error.line,
		    error.text);
		return NULL;
	}
	if (mds_judge_reports(reports, shape, why, sizeof(why)) == NULL)
		return reports;
	snprintf(msg, msglen, "%s: %s", path, why);
	json_decref(reports);
	return NULL;
}

/* The entries as they are now: a new reference. */
static json_t *
current_entries(struct mds_publisher *p, int64_t now_s, char *msg,
    size_t msglen)
{
	json_t *entries, *reports = NULL;
	int r = 0;

	if (p->entries == NULL)
		p->entries = mds_models_entries(p->models, p->anchors,
		    p->shape, msg, msglen);
	if (p->entries == NULL)
		return NULL;
	snprintf(msg, msglen, "out of memory");
	entries = json_deep_copy(p->entries);
	if (entries != NULL && p->reports != NULL)
		r = mds_add_reports(entries, p->reports, now_s, msg,
		    msglen);
	if (entries != NULL && r == 0 && p->reports_file != NULL) {
		reports = read_reports(p->reports_file, p->shape, msg, msglen);
		r = reports == NULL ? -EINVAL : mds_add_reports(entries,
		    reports, now_s, msg, msglen);
	}
	json_decref(reports);
	if (r == 0)
		return entries;
	json_decref(entries);
	return NULL;
}

static void
forget_last(struct mds_publisher *p)
{
	json_decref(p->last_entries);
	free(p->last);
	p->last_entries = NULL;
	p->last = NULL;
}

int
mds_publish(struct mds_publisher *p, int64_t now_s, const char **blob,
    char *msg, size_t msglen)
{
	json_t *entries = current_entries(p, now_s, msg, msglen);
	struct mds_blob_plan plan = {
		.authority = p->authority,
		.entries = entries,
		.now_s = now_s,
		.next_update = p->next_update,
		.no = p->no,
		.rsa = p->rsa,
		.crl_url = p->crl_url,
		.bend = p->bend,
	};
	int r;

	if (entries == NULL)
		return -EINVAL;
	if (p->last != NULL && p->last_day == now_s / DAY_S &&
	    json_equal(entries, p->last_entries)) {
		json_decref(entries);
		*blob = p->last;
		return 0;
	}
	forget_last(p);
	r = mds_blob_make(&plan, &p->last, msg, msglen);
	if (r != 0) {
		json_decref(entries);
		return r;
	}
	p->no = 0;
	p->last_entries = entries;
	p->last_day = now_s / DAY_S;
	*blob = p->last;
	return 0;
}

void
mds_publisher_done(struct mds_publisher *p)
{
	json_decref(p->entries);
	p->entries = NULL;
	forget_last(p);
}
