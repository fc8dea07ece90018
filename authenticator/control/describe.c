/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and credentials as JSON: see describe.h. */
#include "authenticator/control/describe.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "authenticator/base64url.h"
#include "authenticator/date.h"
#include "authenticator/fault/armed.h"
#include "authenticator/names.h"
#include "authenticator/profile/profile_state.h"

/* What a TPM says of itself is anybody's text, and filled with blanks. */
static void
clean(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < size; text++) {
		if (*text == ' ' && (text[1] == ' ' || text[1] == '\0'))
			continue;
		out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	}
	out[n] = '\0';
}

/* Then a copy of the state directory has the TPM of that time in it. */
static bool
is_embedded(const struct keys_info *info)
{
	return strcmp(info->kind, KEYS_EMBEDDED) == 0;
}

void
describe_keys(const struct device *d, char out[static DESCRIBE_KEYS_LEN])
{
	const struct keys_info *info = device_keys_info(d);
	char target[512], vendor[sizeof(info->vendor)], maker[5];
	bool embedded = is_embedded(info);

	if (!info->tpm) {
		snprintf(out, DESCRIBE_KEYS_LEN, "%s keys%s",
		    device_keys_name(d), info->hardware ? "" :
		    " (not hardware)");
		return;
	}
	clean(info->target, target, sizeof(target));
	clean(info->manufacturer, maker, sizeof(maker));
	clean(info->vendor, vendor, sizeof(vendor));
	snprintf(out, DESCRIBE_KEYS_LEN, "keys in the %sTPM%s%s (%s%s%s, "
	    "firmware %016" PRIx64 "%s)", embedded ? "embedded " : "",
	    embedded ? "" : " ", embedded ? "" : target, maker,
	    vendor[0] != '\0' ? " " : "", vendor, info->firmware,
	    info->hardware ? "" : "; not hardware");
}

static const char *
pin_keeper(const struct keys_info *info)
{
	if (!info->pin)
		return "state";
	return info->pin_index ? "index" : "memory";
}

static const char *
root_keeper(const struct keys_info *info)
{
	return info->srk_kept ? "0x81000001" : "made at each start";
}

/* "ES256 until 2030-01-01T00:00:00Z", if one was enrolled */
static void
add_enrolled(struct device *d, int alg, char *out, size_t size)
{
	char msg[DEVICE_MESSAGE_LEN], when[DATE_LEN];
	struct ak *ak;
	int64_t until;

	if (ak_read(device_store(d), alg, &ak, msg, sizeof(msg)) != 0)
		return;
	until = ak_enrolled_until(ak);
	ak_free(ak);
	if (until == 0)
		return;
	date_write(until, when);
	snprintf(out + strlen(out), size - strlen(out), "%s%s %s %s",
	    out[0] != '\0' ? ", " : "", ak_alg_name(alg),
	    until > time(NULL) ? "until" : "expired", when);
}

/* Which attestation keys a CA vouches for; null: none. */
static json_t *
enrolled(struct device *d)
{
	char line[128] = "";

	add_enrolled(d, COSE_ES256, line, sizeof(line));
	add_enrolled(d, COSE_RS256, line, sizeof(line));
	return line[0] != '\0' ? json_string(line) : json_null();
}

static json_t *
describe_tpm(struct device *d, const struct auth_state *state)
{
	const struct keys_info *info = device_keys_info(d);
	char maker[5], vendor[sizeof(info->vendor)], firmware[17], id[9];
	json_t *retries = json_null();

	clean(info->manufacturer, maker, sizeof(maker));
	clean(info->vendor, vendor, sizeof(vendor));
	snprintf(firmware, sizeof(firmware), "%016" PRIx64, info->firmware);
	snprintf(id, sizeof(id), "%08" PRIX32, info->manufacturer_id);
	if (info->pin)
		retries = json_integer(KEY_PIN_LIMIT - device_pin_failures(d));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o,"
	    " s:b, s:b, s:I, s:I, s:o}",
	    "kind", info->kind,
	    "target", info->target,
	    "manufacturer", maker,
	    "manufacturerId", id,
	    "vendor", vendor,
	    "firmware", firmware,
	    "revision", info->revision,
	    "storageRoot", root_keeper(info),
	    "pin", pin_keeper(info),
	    "pinRetries", retries,
	    "pcrs", info->pcrs,
	    "rollbackProtection", info->counter && !is_embedded(info),
	    "generation", (json_int_t)state->generation,
	    "counter", (json_int_t)device_counter(d),
	    "enrolled", enrolled(d));
}

/*
 * The name of its model, NULL: none; and of a key at rest, which AAGUID it
 * will have. One that cannot be read is told when the key starts.
 */
static json_t *
describe_profile(struct device *d, uint8_t aaguid[static 16])
{
	char msg[PROFILE_MESSAGE_LEN];
	struct auth_config cfg = { .features = 0 };
	struct profile *p = NULL;
	json_t *name;

	if (profile_recall(device_path(d), &p, msg, sizeof(msg)) < 0 ||
	    p == NULL)
		return NULL;
	profile_apply(p, &cfg);
	if (device_auth(d) == NULL)
		memcpy(aaguid, cfg.aaguid, sizeof(cfg.aaguid));
	name = json_string(p->name);
	profile_free(p);
	return name;
}

json_t *
describe_device(struct device *d)
{
	struct auth_state state;
	const char *warning = device_warning(d);
	uint8_t model[16];
	char aaguid[37];
	json_t *json, *profile;

	if (store_load(device_store(d), &state) < 0)
		return NULL;
	device_aaguid_of(d, model);
	profile = describe_profile(d, model);
	aaguid_write(model, aaguid);
	json = json_pack("{s:s, s:s, s:o*, s:s, s:s, s:b, s:b, s:o*, s:I, s:I, "
	    "s:s*}",
	    "version", SEALKEY_VERSION,
	    "aaguid", aaguid,
	    "profile", profile,
	    "state", device_path(d),
	    "keys", device_keys_name(d),
	    "hardware", device_hardware(d),
	    "faultsAllowed", !fault_set_forbidden(device_faults(d)),
	    "tpm", device_keys_info(d)->tpm ? describe_tpm(d, &state) : NULL,
	    "credentials", (json_int_t)state.credentials,
	    "signatureCounterCeiling", (json_int_t)state.counter_ceiling,
	    "warning", warning[0] != '\0' ? warning : NULL);
	explicit_bzero(&state, sizeof(state));
	return json;
}

static json_t *
bytes(const uint8_t *p, size_t len)
{
	char text[BASE64URL_LEN(COSE_KEY_MAX) + 1];

	assert(len <= COSE_KEY_MAX);
	base64url_encode(span(p, len), text);
	return json_string(text);
}

/* Null for what was not given, or is not UTF-8 after all. */
static json_t *
text(const char *s, size_t len)
{
	json_t *json = len > 0 ? json_stringn(s, len) : NULL;

	return json != NULL ? json : json_null();
}

static json_t *
created(uint64_t created_s)
{
	char when[DATE_LEN];

	if (created_s == 0 || created_s > INT64_MAX)
		return json_null();
	date_write((int64_t)created_s, when);
	return when[0] != '\0' ? json_string(when) : json_null();
}

json_t *
describe_credential(const struct device *d, const struct credential *c)
{
	const struct user_entity *user = &c->user;
	uint32_t count;
	bool counts = device_sign_count(d, c, &count);

	return json_pack("{s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:i, s:s,"
	    " s:i, s:b, s:b, s:o, s:b, s:b, s:o, s:o}",
	    "id", bytes(c->id, c->id_len),
	    "rp",
		"id", text(c->rp_id.s, c->rp_id.len),
		"name", text(c->rp_name.s, c->rp_name.len),
	    "user",
		"id", bytes(user->id, user->id_len),
		"name", text(user->name.s, user->name.len),
		"displayName", text(user->display_name.s,
		    user->display_name.len),
	    "algorithm", c->alg,
	    "algorithmName", alg_name(c->alg) != NULL ?
		alg_name(c->alg) : "unknown",
	    "credProtect", c->protect,
	    "hmacSecret", c->hmac_secret,
	    "discoverable", c->discoverable,
	    "signCount", counts ? json_integer(count) : json_null(),
	    "backupEligibility", c->backup_eligible,
	    "backupState", c->backup_state,
	    "created", created(c->created_s),
	    "publicKey", bytes(c->pub, c->pub_len));
}

struct search {
	uint8_t		 id[CREDENTIAL_ID_MAX];
	size_t		 len;
	struct credential *found;
};

static int
compare(void *arg, const struct credential *cred)
{
	struct search *s = arg;

	if (!span_eq(span(s->id, s->len), span(cred->id, cred->id_len)))
		return 0;
	*s->found = *cred;
	return 1;
}

int
describe_find(struct device *d, const char *id, struct credential *out)
{
	struct search s = { .found = out };
	size_t len = strlen(id);
	int r;

	if (len == 0 || BASE64URL_BYTES(len) > sizeof(s.id) ||
	    !base64url_decode(span(id, len), s.id, &s.len))
		return -EINVAL;
	r = store_each(device_store(d), compare, &s);
	if (r < 0)
		return r;
	return r == 1 ? 0 : -ENOENT;
}
