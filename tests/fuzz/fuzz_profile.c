/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile of a hostile author. What must hold for every input:
 *
 *  1. Either a profile, or a message, of one line, that names the file.
 *  2. A profile has a name that is safe in a path, and no text with control
 *     characters; its file is what we gave.
 *  3. The same text makes the same key, whatever key it was before.
 *  4. The key has in fact what the profile asks for.
 *  5. It can be told as JSON, which parses.
 */
#include <errno.h>
#include <stdlib.h>

#include "authenticator/device.h"
#include "authenticator/profile/profile_json.h"
#include "tests/fuzz/fuzz.h"

static void
check_line(const char *line)
{
	CHECK(*line != '\0');
	for (; *line != '\0'; line++)
		CHECK((unsigned char)*line >= ' ' && *line != 0x7f);
}

static void
check_message(const char *msg)
{
	CHECK(strncmp(msg, "fuzz.ini:", 9) == 0);
	CHECK(strlen(msg) < PROFILE_MESSAGE_LEN);
	check_line(msg);
}

static void
check_names(const struct profile *p)
{
	size_t len = strlen(p->name);

	CHECK(len > 0 && len <= PROFILE_NAME_MAX);
	CHECK(strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
	    len);
	check_line(p->device.product);
	check_line(p->metadata.description);
	for (size_t i = 0; i < p->setting_count; i++) {
		CHECK(profile_says(p, p->setting[i].name));
		CHECK(p->setting[i].line > 0);
	}
}

static void
check_key(const struct profile *p)
{
	struct auth_config cfg, again;
	struct device_config defaults;

	device_config_default(&defaults);
	cfg = defaults.auth;
	profile_apply(p, &cfg);
	again = cfg;
	again.features = ~again.features;
	again.always_uv = !again.always_uv;
	again.alg_count = 0;
	profile_apply(p, &again);
	CHECK(memcmp(&cfg, &again, sizeof(cfg)) == 0);
	CHECK((cfg.features & ~auth_config_features(&cfg)) == 0);
	CHECK(cfg.alg_count > 0);
}

static void
check_json(const struct profile *p)
{
	json_t *json = profile_json(p), *again;
	char *text;

	CHECK(json != NULL);
	text = json_dumps(json, 0);
	CHECK(text != NULL);
	again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	CHECK(again != NULL && json_equal(json, again));
	json_decref(again);
	json_decref(json);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char msg[PROFILE_MESSAGE_LEN] = "";
	struct profile *p = NULL;
	int r = profile_parse("fuzz.ini", span(data, size), &p, msg,
	    sizeof(msg));

	if (r < 0) {
		CHECK(r == -EINVAL && p == NULL);
		check_message(msg);
		return 0;
	}
	CHECK(span_eq(p->text, span(data, size)));
	check_names(p);
	check_key(p);
	check_json(p);
	profile_free(p);
	return 0;
}
