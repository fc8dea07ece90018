/* SPDX-License-Identifier: Apache-2.0 */
#include "ctap/authdata.h"

#define FIXED_LEN	37	/* hash, flags, counter */
#define ATTESTED_LEN	18	/* AAGUID, length of the ID */
#define ID_MAX		1023

static uint8_t *
put(uint8_t *at, const void *p, size_t len)
{
	if (len > 0)
		memcpy(at, p, len);
	return at + len;
}

size_t
authdata_write(const struct authdata *ad, uint8_t *out, size_t cap)
{
	uint8_t flags = ad->flags, *at = out;
	size_t need = FIXED_LEN + ad->extensions.len;

	if (ad->aaguid != NULL) {
		need += ATTESTED_LEN + ad->credential_id.len +
		    ad->public_key.len;
		flags |= AUTHDATA_AT;
	}
	if (ad->extensions.len > 0)
		flags |= AUTHDATA_ED;
	if (need > cap || ad->credential_id.len > ID_MAX)
		return 0;
	at = put(at, ad->rp_id_hash, 32);
	*at++ = flags;
	*at++ = (uint8_t)(ad->counter >> 24);
	*at++ = (uint8_t)(ad->counter >> 16);
	*at++ = (uint8_t)(ad->counter >> 8);
	*at++ = (uint8_t)ad->counter;
	if (ad->aaguid != NULL) {
		at = put(at, ad->aaguid, 16);
		*at++ = (uint8_t)(ad->credential_id.len >> 8);
		*at++ = (uint8_t)ad->credential_id.len;
		at = put(at, ad->credential_id.p, ad->credential_id.len);
		at = put(at, ad->public_key.p, ad->public_key.len);
	}
	at = put(at, ad->extensions.p, ad->extensions.len);
	return (size_t)(at - out);
}
