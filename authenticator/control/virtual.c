/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/control/virtual.h"

#include <openssl/rand.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authenticator/control/add_key.h"
#include "authenticator/hex.h"

#define ID_BYTES	16	/* of an authenticator, random */
#define EXTENSION	"sealkey:"

/* What an authenticator is to be. */
struct virtual_config {
	const char	*versions;	/* NULL: not said */
	const char	*transport;	/* NULL: not said */
	bool		 rk;
	bool		 uv;
	bool		 consenting;
	bool		 verified;
	bool		 be;
	bool		 bs;
	json_t		*settings;	/* more of them */
	json_t		*wish;		/* as POST /v1/keys has them */
};

/*
 * A member: its names in WebDriver and in CDP (NULL: not there), and how it is
 * read. False: it is something else than it is to be.
 */
struct member {
	const char	*name;
	const char	*cdp;
	bool		(*take)(struct virtual_config *c,
			    const struct member *m, json_t *value);
	const char	*is;		/* for who got it wrong */
	size_t		 offset;	/* of a boolean */
	const char	*settings;	/* that true switches on; with spaces */
};

static bool
take_flag(struct virtual_config *c, const struct member *m, json_t *value)
{
	*(bool *)((char *)c + m->offset) = json_is_true(value);
	return json_is_boolean(value);
}

/* Words, each the name of a setting. */
static void
switch_on(struct virtual_config *c, const char *words)
{
	char word[32];
	size_t len;

	while (*words != '\0') {
		len = strcspn(words, " ");
		snprintf(word, sizeof(word), "%.*s", (int)len, words);
		json_object_set_new(c->settings, word, json_true());
		words += len + (words[len] == ' ');
	}
}

static bool
take_switch(struct virtual_config *c, const struct member *m, json_t *value)
{
	if (json_is_true(value))
		switch_on(c, m->settings);
	return json_is_boolean(value);
}

struct word {
	const char *word;
	const char *meaning;
};

/* What a word stands for; false: it is none of those. */
static bool
take_word(const struct word *words, json_t *value, const char **out)
{
	const char *s = json_string_value(value);

	for (; s != NULL && words->word != NULL; words++) {
		if (strcmp(s, words->word) == 0) {
			*out = words->meaning;
			return true;
		}
	}
	return false;
}

static bool
take_protocol(struct virtual_config *c, const struct member *m, json_t *value)
{
	static const struct word words[] = {
		{ "ctap1/u2f", "U2F_V2" },
		{ "u2f", "U2F_V2" },		/* CDP */
		{ "ctap2", "FIDO_2_0" },
		{ "ctap2_1", "FIDO_2_0,FIDO_2_1" },
		{ NULL, NULL }
	};

	(void)m;
	return take_word(words, value, &c->versions);
}

/* CDP: of protocol ctap2, which comes before */
static bool
take_version(struct virtual_config *c, const struct member *m, json_t *value)
{
	static const struct word words[] = {
		{ "ctap2_0", "FIDO_2_0" },
		{ "ctap2_1", "FIDO_2_0,FIDO_2_1" },
		{ "ctap2_2", "FIDO_2_0,FIDO_2_1" },
		{ NULL, NULL }
	};
	const char *versions;

	(void)m;
	if (!take_word(words, value, &versions))
		return false;
	if (c->versions != NULL && strcmp(c->versions, "U2F_V2") != 0)
		c->versions = versions;
	return true;
}

static bool
take_transport(struct virtual_config *c, const struct member *m, json_t *value)
{
	static const struct word words[] = {
		{ "usb", "usb" }, { "nfc", "nfc" }, { "ble", "ble" },
		{ "smart-card", "smart-card" }, { "hybrid", "hybrid" },
		{ "cable", "hybrid" },		/* CDP */
		{ "internal", "internal" }, { NULL, NULL }
	};

	(void)m;
	return take_word(words, value, &c->transport);
}

/* Looked at later: what is not there is another error. */
static bool
take_extensions(struct virtual_config *c, const struct member *m, json_t *value)
{
	size_t i;
	json_t *one;

	(void)c;
	(void)m;
	json_array_foreach(value, i, one)
		if (!json_is_string(one))
			return false;
	return json_is_array(value);
}

static bool
take_wish(struct virtual_config *c, const struct member *m, json_t *value)
{
	json_object_set(c->wish, m->name + strlen(EXTENSION), value);
	return true;
}

static bool
take_settings(struct virtual_config *c, const struct member *m, json_t *value)
{
	(void)m;
	json_object_update(c->settings, value);
	return json_is_object(value);
}

#define IS_FLAG	"is true or false"
#define FLAG(webdriver, in_cdp, field) \
	{ .name = webdriver, .cdp = in_cdp, .take = take_flag, .is = IS_FLAG, \
	    .offset = offsetof(struct virtual_config, field) }
#define SWITCH(in_cdp, names) \
	{ .cdp = in_cdp, .take = take_switch, .is = IS_FLAG, \
	    .settings = names }
#define WISH(what) \
	{ .name = EXTENSION what, .cdp = EXTENSION what, .take = take_wish }

static const struct member members[] = {
	{ .name = "protocol", .cdp = "protocol", .take = take_protocol,
	    .is = "is ctap1/u2f, ctap2 or ctap2_1" },
	{ .cdp = "ctap2Version", .take = take_version,
	    .is = "is ctap2_0, ctap2_1 or ctap2_2" },
	{ .name = "transport", .cdp = "transport", .take = take_transport,
	    .is = "is usb, nfc, ble, smart-card, hybrid or internal" },
	FLAG("hasResidentKey", "hasResidentKey", rk),
	FLAG("hasUserVerification", "hasUserVerification", uv),
	FLAG("isUserConsenting", "automaticPresenceSimulation", consenting),
	FLAG("isUserVerified", "isUserVerified", verified),
	FLAG("defaultBackupEligibility", "defaultBackupEligibility", be),
	FLAG("defaultBackupState", "defaultBackupState", bs),
	{ .name = "extensions", .take = take_extensions,
	    .is = "is a list of names" },
	SWITCH("hasLargeBlob", "largeBlobs largeBlobKey"),
	SWITCH("hasCredBlob", "credBlob"),
	SWITCH("hasMinPinLength", "minPinLength"),
	SWITCH("hasPrf", "hmac-secret hmac-secret-mc"),
	SWITCH("hasHmacSecret", "hmac-secret"),
	SWITCH("hasHmacSecretMc", "hmac-secret hmac-secret-mc"),
	WISH("transport"),
	WISH("socket"),
	WISH("profile"),
	{ .name = EXTENSION "settings", .cdp = EXTENSION "settings",
	    .take = take_settings, .is = "is an object" },
};

#define MEMBERS	(sizeof(members) / sizeof(members[0]))

/* 11.2: extension identifiers, and the settings that they need. */
static const struct word extensions[] = {
	{ "prf", "hmac-secret hmac-secret-mc" },
	{ "hmac-secret", "hmac-secret" },
	{ "hmacCreateSecret", "hmac-secret" },
	{ "largeBlob", "largeBlobs largeBlobKey" },
	{ "credBlob", "credBlob" },
	{ "minPinLength", "minPinLength" },
	{ "uvm", "uvm" },
	{ "credProtect", "" },		/* is there anyway */
	{ "credProps", "" },		/* these are the client's */
	{ "appid", "" },
	{ "appidExclude", "" },
	{ NULL, NULL }
};

bool
virtual_bad(struct answer *failed, const char *what, const char *name)
{
	char line[128];

	snprintf(line, sizeof(line), "%.60s %s", name, what);
	*failed = answer_invalid(line);
	return false;
}

static const struct member *
find_member(const char *name, bool cdp)
{
	const char *own;

	for (size_t i = 0; i < MEMBERS; i++) {
		own = cdp ? members[i].cdp : members[i].name;
		if (own != NULL && strcmp(own, name) == 0)
			return &members[i];
	}
	return NULL;
}

/* 11.3, steps 3 to 5. In the order of the table, after the names are known. */
static bool
take_members(struct virtual_config *c, json_t *config, bool cdp,
    struct answer *failed)
{
	const char *name;
	json_t *value;

	json_object_foreach(config, name, value)
		if (find_member(name, cdp) == NULL)
			return virtual_bad(failed, "is no property of a "
			    "virtual authenticator", name);
	for (size_t i = 0; i < MEMBERS; i++) {
		name = cdp ? members[i].cdp : members[i].name;
		value = name != NULL ? json_object_get(config, name) : NULL;
		if (value != NULL && !members[i].take(c, &members[i], value))
			return virtual_bad(failed, members[i].is, name);
	}
	if (c->versions == NULL)
		return virtual_bad(failed, "is missing", "protocol");
	if (c->transport == NULL)
		return virtual_bad(failed, "is missing", "transport");
	return true;
}

/* 11.3, step 6 */
static bool
take_extension_names(struct virtual_config *c, json_t *config,
    struct answer *failed)
{
	json_t *list = json_object_get(config, "extensions"), *one;
	const char *names;
	size_t i;

	json_array_foreach(list, i, one) {
		if (!take_word(extensions, one, &names)) {
			*failed = answer_error(-ENOTSUP, "there is no virtual "
			    "authenticator with such an extension");
			return false;
		}
		switch_on(c, names);
	}
	return true;
}

static const char *
on_or_off(bool yes)
{
	return yes ? "on" : "off";
}

/* What every virtual authenticator is, before its extensions. */
static json_t *
plain_settings(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
	    "clientPin", "off", "keepAll", "on",
	    "signatureCounter", "credential", "accountChoice", "token",
	    "largeBlobs", "off", "largeBlobKey", "off", "credBlob", "off",
	    "minPinLength", "off", "hmac-secret", "off",
	    "hmac-secret-mc", "off");
}

/* The body of POST /v1/keys; owns nothing that c does not. */
static json_t *
make_wish(struct virtual_config *c, const char *id)
{
	json_t *settings = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}",
	    "versions", c->versions, "transports", c->transport,
	    "rk", on_or_off(c->rk), "uv", on_or_off(c->uv),
	    "backupEligible", on_or_off(c->be),
	    "backupState", on_or_off(c->be && c->bs));

	/* what the tester says comes last */
	json_object_update(settings, c->settings);
	json_object_set_new(c->wish, "settings", settings);
	json_object_set_new(c->wish, "key", json_string(id));
	json_object_set_new(c->wish, "presence", json_string(
	    presence_names[c->consenting ? PRESENCE_AUTO : PRESENCE_DENY]));
	return c->wish;
}

static bool
make_id(char out[static 2 * ID_BYTES + 1])
{
	uint8_t bytes[ID_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	hex_encode(span(bytes, sizeof(bytes)), out);
	return true;
}

/* What a host could not set is an argument; the rest is the daemon's. */
static struct answer
add(struct request *rq, const char *session, struct virtual_config *c,
    json_t *(*reply)(struct hub_key *k))
{
	const struct new_key wanted = { .owner = session,
	    .born = virtual_set_verified, .verified = c->verified,
	    .reply = reply };
	char id[2 * ID_BYTES + 1];

	if (!make_id(id))
		return answer_error(-EIO, "out of randomness");
	return add_key(rq, make_wish(c, id), &wanted);
}

struct answer
virtual_add(struct request *rq, const char *session, json_t *config, bool cdp,
    json_t *(*reply)(struct hub_key *k))
{
	struct virtual_config c = { .consenting = true,
	    .settings = plain_settings(), .wish = json_object() };
	struct answer answer;

	if (strlen(session) > HUB_OWNER_MAX)
		(void)virtual_bad(&answer, "is too long for a session",
		    session);
	else if (take_members(&c, config, cdp, &answer) &&
	    take_extension_names(&c, config, &answer))
		answer = add(rq, session, &c, reply);
	json_decref(c.settings);
	json_decref(c.wish);
	return answer;
}

struct hub_key *
virtual_find(const struct request *rq, const char *session, const char *id)
{
	struct hub_key *k = hub_find(rq->hub, id);

	return k != NULL && k->owner[0] != '\0' &&
	    strcmp(k->owner, session) == 0 ? k : NULL;
}

/*
 * Not by fingers that do not match: each costs a try, and a key without tries
 * answers no more, however often its user is verified again.
 */
void
virtual_set_verified(struct hub_key *k, bool yes)
{
	struct verifications v = { .always = yes ? VERIFICATION_GOOD :
	    VERIFICATION_REFUSED };

	loop_set_verifications(k->loop, &v);
}

void
virtual_set_consenting(struct request *rq, struct hub_key *k, bool yes)
{
	loop_set_presence(k->loop, yes ? PRESENCE_AUTO : PRESENCE_DENY, 0,
	    hub_now(k, rq->now_ms));
	hub_tell_trouble(k);
}
