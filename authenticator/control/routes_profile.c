/* SPDX-License-Identifier: Apache-2.0 */
/* Which model a key is. */
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

const struct route routes_profile[] = {
	{ "GET",	"profile",	get_profile },
	{ NULL,		NULL,		NULL }
};
