/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/webdriver/capabilities.h"

#include <stdbool.h>
#include <string.h>

#define PREFIX		"webauthn:"
#define AUTHENTICATORS	"webauthn:virtualAuthenticators"
#define EXTENSION	"webauthn:extension:"

/* What keys can be told to have (WebAuthn Level 3, 11.1.1). */
static const char *const extensions[] = { "prf", "largeBlob", "credBlob",
    "uvm", NULL };

static bool
is_supported(const char *name)
{
	if (strcmp(name, AUTHENTICATORS) == 0)
		return true;
	if (strncmp(name, EXTENSION, strlen(EXTENSION)) != 0)
		return false;
	for (size_t i = 0; extensions[i] != NULL; i++)
		if (strcmp(name + strlen(EXTENSION), extensions[i]) == 0)
			return true;
	return false;
}

/*
 * Moves ours out of set into taken. NULL; or what is wrong with one; *fits
 * becomes false if one asks for what is not there.
 */
static const char *
take_from(json_t *set, json_t *taken, bool *fits)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(set, next, name, value) {
		if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		if (!json_is_boolean(value))
			return "the capabilities of virtual authenticators "
			    "are true or false";
		if (json_is_true(value) && !is_supported(name))
			*fits = false;
		json_object_set(taken, name, value);
		json_object_del(set, name);
	}
	return NULL;
}

/* WebDriver 7.2, merging capabilities: each is asked for in one place. */
static const char *
check_merge(const json_t *common, json_t *taken)
{
	const char *name;
	json_t *value;

	json_object_foreach(taken, name, value)
		if (json_object_get(common, name) != NULL)
			return "a capability is in alwaysMatch and in "
			    "firstMatch as well";
	return NULL;
}

/*
 * Leaves those that fit; those of the first of them are matched, beside
 * common. "": none does.
 */
static const char *
take_first_match(json_t *list, const json_t *common, json_t *matched)
{
	bool first = true, fits;
	json_t *set, *taken;
	const char *why = NULL;
	size_t i = 0;

	while (why == NULL && (set = json_array_get(list, i)) != NULL) {
		if (!json_is_object(set))
			return NULL;	/* the driver says what is wrong */
		fits = true;
		taken = json_object();
		why = take_from(set, taken, &fits);
		if (why == NULL)
			why = check_merge(common, taken);
		if (!fits)
			json_array_remove(list, i);
		else if (first)
			json_object_update(matched, taken);
		first = first && !fits;
		i += fits;
		json_decref(taken);
	}
	if (why == NULL && first)
		why = "";
	return why;
}

static const char *
fail(const char **error, const char *code, const char *why)
{
	*error = code;
	return why;
}

const char *
capabilities_take(json_t *parameters, json_t **matched, const char **error)
{
	json_t *asked = json_object_get(parameters, "capabilities");
	json_t *always = json_object_get(asked, "alwaysMatch");
	json_t *first = json_object_get(asked, "firstMatch");
	json_t *common = json_object();
	const char *why = NULL;
	bool fits = true;

	*matched = json_object();
	if (json_is_object(always))
		why = take_from(always, common, &fits);
	if (why == NULL && json_array_size(first) > 0)
		why = take_first_match(first, common, *matched);
	json_object_update(*matched, common);
	json_decref(common);
	if (why == NULL && fits)
		return NULL;
	json_decref(*matched);
	*matched = NULL;
	if (why == NULL || why[0] == '\0')
		return fail(error, "session not created", "there is no virtual "
		    "authenticator with that extension");
	return fail(error, "invalid argument", why);
}

void
capabilities_put(json_t *reply, json_t *matched)
{
	json_t *value = json_object_get(reply, "value");
	json_t *capabilities = json_object_get(value, "capabilities");

	json_object_update(capabilities, matched);
}
