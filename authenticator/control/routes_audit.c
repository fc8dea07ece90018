/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log of a key, which only the key can read: GET /v1/audit, some of
 * it at a time. Where to go on is in "next", which is there until all is told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "authenticator/audit_read.h"
#include "authenticator/control/route.h"

#define READ_AT_ONCE	65536	/* bytes of the log; some 10 ms */

static int
add_line(void *arg, json_t *line)
{
	return json_array_append(arg, line) == 0 ? 0 : -ENOMEM;
}

/* "INODE.OFFSET", as we said it. */
static bool
take_place(struct request *rq, struct audit_reader *r)
{
	const char *text = request_query(rq, "after");
	int n = 0;

	if (text == NULL)
		return true;
	return sscanf(text, "%" SCNu64 ".%" SCNu64 "%n", &r->inode,
	    &r->offset, &n) == 2 && text[n] == '\0' && text[0] != '-' &&
	    strchr(text, '-') == NULL && r->offset <= INT64_MAX;
}

static struct answer
get_audit(struct request *rq)
{
	struct audit_reader r = { .keys = device_provider(rq->key->device),
	    .dirfd = device_dirfd(rq->key->device) };
	json_t *list, *json;
	char place[64];
	int n;

	if (!request_query_number(rq, "since", &r.filter.since_ms) ||
	    !request_query_number(rq, "until", &r.filter.until_ms) ||
	    !take_place(rq, &r))
		return answer_invalid("since and until are numbers, "
		    "milliseconds since 1970, and after is what next was");
	(void)device_audit_flush(rq->key->device);
	list = json_array();
	if (list == NULL)
		return answer_success(NULL);
	n = audit_read(&r, READ_AT_ONCE, add_line, list);
	if (n < 0) {
		json_decref(list);
		return answer_error(n, "the audit log cannot be read");
	}
	json = json_pack("{s:o, s:I}", "events", list, "damaged",
	    (json_int_t)r.damaged);
	snprintf(place, sizeof(place), "%" PRIu64 ".%" PRIu64, r.inode,
	    r.offset);
	if (n == 1 && json != NULL)
		json_object_set_new(json, "next", json_string(place));
	return answer_success(json);
}

const struct route routes_audit[] = {
	{ "GET",	"audit",	get_audit, "since,until,after" },
	{ NULL, NULL, NULL, NULL }
};
