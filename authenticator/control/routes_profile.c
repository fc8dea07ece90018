/* SPDX-License-Identifier: Apache-2.0 */
/* Which model a key is, and becoming another one. */
#include "authenticator/control/ask_profile.h"
#include "authenticator/control/route.h"
#include "authenticator/profile/profile_json.h"
#include "authenticator/profile/profile_state.h"

static struct answer
get_profile(struct request *rq)
{
	char msg[PROFILE_MESSAGE_LEN];
	json_t *described = json_null();
	struct profile *p;
	int r = profile_recall(device_path(rq->key->device), &p, msg,
	    sizeof(msg));

	if (r < 0)
		return answer_error(r, msg);
	if (p != NULL)
		described = profile_json(p);
	profile_free(p);
	return answer_success(json_pack("{s:o}", "profile", described));
}

/* {"profile": NAME} or {"profileText": TEXT} */
static struct answer
put_profile(struct request *rq)
{
	char msg[PROFILE_MESSAGE_LEN + PATH_MAX];
	const char *name = NULL;
	json_t *text = NULL, *json;
	struct profile *p = NULL;
	struct answer failed;
	int r;

	if (!request_object(rq, false, &json, &failed))
		return failed;
	if (json_unpack(json, "{s?s, s?o !}", "profile", &name,
	    "profileText", &text) == -1 || (name == NULL && text == NULL)) {
		json_decref(json);
		return answer_invalid("a profile is said by its name, "
		    "profile, or by the text of a file, profileText");
	}
	r = ask_profile(name, text, &p, msg, sizeof(msg));
	json_decref(json);
	if (r == 0)
		r = hub_set_profile(rq->key, p, rq->now_ms, msg, sizeof(msg));
	profile_free(p);
	return r < 0 ? answer_error(r, msg) : get_profile(rq);
}

const struct route routes_profile[] = {
	{ "GET",	"profile",	get_profile, NULL },
	{ "PUT",	"profile",	put_profile, "{}" },
	{ NULL, NULL, NULL, NULL }
};
