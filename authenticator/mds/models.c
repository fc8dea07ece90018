/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/models.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/device.h"

/* Room for one more, zeroed; NULL: there is none. */
static struct mds_one *
make_room(struct mds_models *m)
{
	struct mds_one *more;

	if (m->count == MDS_MODELS_MAX)
		return NULL;
	more = realloc(m->one, (m->count + 1) * sizeof(*more));
	if (more == NULL)
		return NULL;
	m->one = more;
	memset(&more[m->count], 0, sizeof(*more));
	return &more[m->count];
}

int
mds_models_add(struct mds_models *m, const struct auth_config *auth,
    struct profile *p)
{
	struct mds_one *one = make_room(m);

	if (one == NULL) {
		profile_free(p);
		return -ENOMEM;
	}
	one->auth = *auth;
	one->profile = p;
	m->count++;
	return 0;
}

int
mds_models_load(struct mds_models *m, const char *name_or_path, char *msg,
    size_t msglen)
{
	struct device_config cfg;
	struct profile *p;
	int r = profile_load(name_or_path, &p, msg, msglen);

	if (r < 0)
		return r;
	device_config_default(&cfg);
	profile_apply(p, &cfg.auth);
	r = mds_models_add(m, &cfg.auth, p);
	if (r < 0)
		snprintf(msg, msglen, "there is no room for more than %d "
		    "profiles", MDS_MODELS_MAX);
	return r;
}

void
mds_models_done(struct mds_models *m)
{
	for (size_t i = 0; i < m->count; i++)
		profile_free(m->one[i].profile);
	free(m->one);
	*m = (struct mds_models){ NULL, 0 };
}

static bool
is_twice(const struct mds_models *m, const json_t *anchors, size_t at,
    char id[static MDS_ID_LEN + 1])
{
	struct mds_model model = { .anchors = anchors };
	char before[MDS_ID_LEN + 1];

	model.auth = &m->one[at].auth;
	mds_model_id(&model, id);
	for (size_t i = 0; i < at; i++) {
		model.auth = &m->one[i].auth;
		mds_model_id(&model, before);
		if (strcmp(id, before) == 0)
			return true;
	}
	return false;
}

json_t *
mds_models_entries(const struct mds_models *m, const json_t *anchors,
    enum mds_shape shape, char *msg, size_t msglen)
{
	json_t *entries = json_array(), *entry;
	char id[MDS_ID_LEN + 1];

	for (size_t i = 0; i < m->count; i++) {
		const struct mds_model model = { .auth = &m->one[i].auth,
			.profile = m->one[i].profile, .anchors = anchors };

		if (is_twice(m, anchors, i, id)) {
			snprintf(msg, msglen, "two of the models are %s", id);
			goto fail;
		}
		entry = mds_entry(&model, shape, msg, msglen);
		if (entry == NULL)
			goto fail;
		(void)json_array_append_new(entries, entry);
	}
	if (json_array_size(entries) == m->count)
		return entries;
	snprintf(msg, msglen, "out of memory");
fail:
	json_decref(entries);
	return NULL;
}
