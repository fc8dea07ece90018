/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encIdentifier and encCredStoreState (CTAP 2.3, 6.4): who this key is, and
 * whether its discoverable credentials have changed, for hosts that hold
 * its persistent token. To everybody else they are random, and other at
 * each getInfo, so that they follow nobody around.
 *
 * The values are derived, not kept: from the epoch, which a reset renews,
 * and the state of the store from the number of its changes besides. Where
 * no persistent token was given yet, nobody can open them.
 */
#include "authenticator/engine/impl.h"

static void
put_sealed(const struct auth *au, struct cbor_out *out, const char *name,
    const uint8_t value[static PIN_VALUE_LEN])
{
	uint8_t token[PIN_TOKEN_LEN], iv[PIN_IV_LEN];
	uint8_t sealed[PIN_SEALED_VALUE_LEN];

	persistent_token(au, token);
	auth_random(au, iv, sizeof(iv));
	pin_seal_value(token, name, iv, value, sealed);
	explicit_bzero(token, sizeof(token));
	cbor_put_bytes(out, span(sealed, sizeof(sealed)));
}

/* id.1 */
void
put_identifier(const struct auth *au, struct cbor_out *out)
{
	uint8_t value[32];

	derive(au, "device identifier", 0, value);
	put_sealed(au, out, "encIdentifier", value);
	explicit_bzero(value, sizeof(value));
}

/* id.2 */
void
put_store_state(const struct auth *au, struct cbor_out *out)
{
	uint8_t value[32];

	derive(au, "store state", au->state.store_generation, value);
	put_sealed(au, out, "encCredStoreState", value);
	explicit_bzero(value, sizeof(value));
}
