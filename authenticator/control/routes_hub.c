/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the daemon: which there are, new ones, and the end of one. */
#include "authenticator/control/add_key.h"
#include "authenticator/control/describe_key.h"
#include "authenticator/control/pending.h"
#include "authenticator/control/remove_key.h"

static struct answer
get_keys(struct request *rq)
{
	json_t *list = json_array();
	struct hub_key *k;

	for (k = hub_first(rq->hub); k != NULL; k = hub_next(k)) {
		if (json_array_append_new(list, describe_key_briefly(k)) < 0) {
			json_decref(list);
			return answer_success(NULL);
		}
	}
	return answer_success(json_pack("{s:o}", "keys", list));
}

static struct answer
post_keys(struct request *rq)
{
	const struct new_key wanted = { .reply = describe_key_briefly };
	struct answer answer;
	json_t *json;

	if (rq->own != NULL)
		return pending_outcome(rq);
	if (!request_object(rq, true, &json, &answer))
		return answer;
	answer = add_key(rq, json, &wanted);
	json_decref(json);
	return answer;
}

static struct answer
no_such_key(void)
{
	return answer_failure(404, "no such key", "there is no key with this "
	    "ID");
}

static struct answer
get_key(struct request *rq)
{
	struct hub_key *k = hub_find(rq->hub, rq->arg[0]);

	return k == NULL ? no_such_key() : answer_success(describe_key(k));
}

static struct answer
delete_key(struct request *rq)
{
	struct hub_key *k;

	if (rq->own != NULL)
		return pending_outcome(rq);
	k = hub_find(rq->hub, rq->arg[0]);
	return k == NULL ? no_such_key() :
	    remove_key(rq, k, answer_success(json_object()));
}

const struct route routes_hub[] = {
	{ "GET",	"v1/keys",	get_keys, NULL },
	{ "POST",	"v1/keys",	post_keys, "{}" },
	{ "GET",	"v1/keys/*",	get_key, NULL },
	{ "DELETE",	"v1/keys/*",	delete_key, NULL },
	{ NULL, NULL, NULL, NULL }
};
