/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/get_info.h"

#include <stdlib.h>

#include "authenticator/hex.h"
#include "ctap/cbor.h"
#include "uhid/transport.h"

/* JSON has no bytes: what each of those members is instead. */
enum bytes_as {
	AS_TEXT = 0,
	AS_HEX,
	AS_NOTHING,	/* another at every reply: an empty string */
};

static const struct {
	const char	*name;
	enum bytes_as	 bytes;
} members[] = {		/* CTAP 2.3, 6.4 */
	[0x01] = { "versions", 0 },
	[0x02] = { "extensions", 0 },
	[0x03] = { "aaguid", AS_HEX },
	[0x04] = { "options", 0 },
	[0x05] = { "maxMsgSize", 0 },
	[0x06] = { "pinUvAuthProtocols", 0 },
	[0x07] = { "maxCredentialCountInList", 0 },
	[0x08] = { "maxCredentialIdLength", 0 },
	[0x09] = { "transports", 0 },
	[0x0a] = { "algorithms", 0 },
	[0x0b] = { "maxSerializedLargeBlobArray", 0 },
	[0x0c] = { "forcePINChange", 0 },
	[0x0d] = { "minPINLength", 0 },
	[0x0e] = { "firmwareVersion", 0 },
	[0x0f] = { "maxCredBlobLength", 0 },
	[0x10] = { "maxRPIDsForSetMinPINLength", 0 },
	[0x11] = { "preferredPlatformUvAttempts", 0 },
	[0x12] = { "uvModality", 0 },
	[0x13] = { "certifications", 0 },
	[0x14] = { "remainingDiscoverableCredentials", 0 },
	[0x15] = { "vendorPrototypeConfigCommands", 0 },
	[0x16] = { "attestationFormats", 0 },
	[0x17] = { "uvCountSinceLastPinEntry", 0 },
	[0x18] = { "longTouchForReset", 0 },
	[0x19] = { "encIdentifier", AS_NOTHING },
	[0x1a] = { "transportsForReset", 0 },
	[0x1b] = { "pinComplexityPolicy", 0 },
	[0x1c] = { "pinComplexityPolicyURL", AS_TEXT },
	[0x1d] = { "maxPINLength", 0 },
	[0x1e] = { "encCredStoreState", AS_NOTHING },
	[0x1f] = { "authenticatorConfigCommands", 0 },
};

#define MEMBERS	(sizeof(members) / sizeof(members[0]))

static json_t *
bytes_value(struct cbor_in *in, enum bytes_as how)
{
	char hex[2 * 64 + 1] = "";
	struct span b;

	if (!cbor_bytes(in, &b) || b.len > 64 + 64 * (how == AS_TEXT))
		return NULL;
	if (how == AS_NOTHING)
		return json_string("");
	if (how == AS_TEXT)
		return json_stringn((const char *)b.p, b.len);
	hex_encode(b, hex);
	return json_string(hex);
}

static json_t *value(struct cbor_in *in, enum bytes_as how);

static json_t *
array_value(struct cbor_in *in, enum bytes_as how)
{
	json_t *array = json_array();
	size_t count = 0;

	if (!cbor_array(in, &count))
		goto fail;
	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(array, value(in, how)) == -1)
			goto fail;
	return array;
fail:
	json_decref(array);
	return NULL;
}

static json_t *
map_value(struct cbor_in *in, enum bytes_as how)
{
	json_t *object = json_object();
	size_t count = 0;
	struct span name;

	if (!cbor_map(in, &count))
		goto fail;
	for (size_t i = 0; i < count; i++) {
		if (!cbor_text(in, &name) || json_object_setn_new(object,
		    (const char *)name.p, name.len, value(in, how)) == -1)
			goto fail;
	}
	return object;
fail:
	json_decref(object);
	return NULL;
}

/* As deep as cbor_check() lets anybody go. */
static json_t *
value(struct cbor_in *in, enum bytes_as how)
{
	struct span text;
	int64_t number;
	bool truth;

	switch (cbor_peek(in)) {
	case CBOR_UINT:
	case CBOR_NEGINT:
		return cbor_int(in, &number) ? json_integer(number) : NULL;
	case CBOR_BOOL:
		return cbor_bool(in, &truth) ? json_boolean(truth) : NULL;
	case CBOR_TEXT:
		return cbor_text(in, &text) ?
		    json_stringn((const char *)text.p, text.len) : NULL;
	case CBOR_BYTES:
		return bytes_value(in, how);
	case CBOR_ARRAY:
		return array_value(in, how);
	case CBOR_MAP:
		return map_value(in, how);
	default:
		return NULL;
	}
}

json_t *
mds_get_info_json(struct span reply)
{
	json_t *info = json_object();
	size_t count = 0;
	struct cbor_in in;
	uint64_t key;

	if (!cbor_check(reply))
		goto fail;
	cbor_in_init(&in, reply);
	if (!cbor_map(&in, &count))
		goto fail;
	for (size_t i = 0; i < count; i++) {
		if (!cbor_uint(&in, &key) || key >= MEMBERS ||
		    members[key].name == NULL ||
		    json_object_set_new(info, members[key].name,
		    value(&in, members[key].bytes)) == -1)
			goto fail;
	}
	return info;
fail:
	json_decref(info);
	return NULL;
}

/* Only what is about to be replaced by nothing is made of it. */
static void
no_randomness(void *arg, uint8_t *out, size_t len)
{
	(void)arg;
	memset(out, 0, len);
}

json_t *
mds_get_info(const struct auth_config *cfg)
{
	struct auth_config new = *cfg;
	struct auth_state state = { .counter_ceiling = 0 };
	uint8_t reply[AUTH_MESSAGE_MAX];
	void *mem = calloc(1, auth_size());
	json_t *info = NULL;
	struct auth *au;
	size_t len;

	if (mem == NULL)
		return NULL;
	new.random = no_randomness;
	/* what the kernel takes from hosts in one go */
	if (new.message_max > UHID_MESSAGE_MAX)
		new.message_max = UHID_MESSAGE_MAX;
	au = auth_init(mem, &new, &state, 0);
	if (au != NULL) {
		len = auth_info(au, 0, reply, sizeof(reply));
		if (len > 1)
			info = mds_get_info_json(span(reply + 1, len - 1));
		auth_done(au);
	}
	free(mem);
	return info;
}
