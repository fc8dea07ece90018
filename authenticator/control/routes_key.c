/* SPDX-License-Identifier: Apache-2.0 */
/* What a key is, what it has, and how to take it away. */
#include <errno.h>
#include <time.h>

#include "authenticator/control/anchors.h"
#include "authenticator/control/describe.h"
#include "authenticator/control/describe_key.h"
#include "authenticator/control/route.h"

#define PAGE_MAX	250	/* credentials in one reply; some 120 kB */

static struct answer
get_info(struct request *rq)
{
	return answer_success(describe_key(rq->key));
}

/* One page of GET credentials. */
struct page {
	const struct device *device;
	size_t		 limit;
	json_t		*list;
	uint64_t	 last;		/* seq of the last in list */
	bool		 more;
};

static int
add_to_page(void *arg, const struct credential *cred)
{
	struct page *page = arg;

	if (json_array_size(page->list) >= page->limit) {
		page->more = true;
		return 1;
	}
	page->last = cred->seq;
	return json_array_append_new(page->list,
	    describe_credential(page->device, cred)) == 0 ? 0 : -ENOMEM;
}

static struct answer
get_credentials(struct request *rq)
{
	struct store *store = device_store(rq->key->device);
	struct page page = { .device = rq->key->device };
	uint64_t limit = PAGE_MAX;
	uint64_t after = 0;
	json_t *json;
	int r;

	if (!request_query_number(rq, "after", &after) ||
	    !request_query_number(rq, "limit", &limit) || limit == 0)
		return answer_invalid("after and limit are numbers, limit at "
		    "least 1");
	page.limit = limit < PAGE_MAX ? limit : PAGE_MAX;
	page.list = json_array();
	if (page.list == NULL)
		return answer_success(NULL);
	r = store_each_after(store, after, add_to_page, &page);
	if (r < 0) {
		json_decref(page.list);
		return answer_store_error(rq, r);
	}
	json = json_pack("{s:o}", "credentials", page.list);
	if (json != NULL && page.more)
		json_object_set_new(json, "next", json_integer(page.last));
	return answer_success(json);
}

static struct answer
get_credential(struct request *rq)
{
	struct credential cred;
	int r = describe_find(rq->key->device, rq->arg[0], &cred);

	if (r < 0)
		return answer_store_error(rq, r);
	return answer_success(describe_credential(rq->key->device, &cred));
}

static struct answer
delete_credential(struct request *rq)
{
	struct device *d = rq->key->device;
	struct credential cred;
	int r = describe_find(d, rq->arg[0], &cred);

	if (r < 0)
		return answer_store_error(rq, r);
	r = device_delete(d, cred.seq);
	hub_tell_trouble(rq->key);
	return r < 0 ? answer_error(r, device_strerror(d)) :
	    answer_success(json_object());
}

static struct answer
post_reset(struct request *rq)
{
	struct device *d = rq->key->device;
	int r = device_reset(d);

	hub_tell_trouble(rq->key);
	return r < 0 ? answer_error(r, device_strerror(d)) :
	    answer_success(json_object());
}

static struct answer
get_roots(struct request *rq)
{
	return answer_success(describe_anchors(rq->key->device));
}

static struct answer
get_crls(struct request *rq)
{
	return answer_success(describe_crls(rq->key->device, time(NULL)));
}

const struct route routes_key[] = {
	{ "GET",	"info",			get_info, NULL },
	{ "GET",	"credentials",		get_credentials,
	    "after,limit" },
	{ "GET",	"credentials/*",	get_credential, NULL },
	{ "DELETE",	"credentials/*",	delete_credential, NULL },
	{ "POST",	"reset",		post_reset, NULL },
	{ "GET",	"attestation/roots",	get_roots, NULL },
	{ "GET",	"attestation/crls",	get_crls, NULL },
	{ NULL, NULL, NULL, NULL }
};
