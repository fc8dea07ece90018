/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticator data (WebAuthn Level 3, 6.1): hash of the RP ID, flags,
 * signature counter, and for a new credential its ID and public key, then
 * extension outputs. The bytes that are signed.
 */
#ifndef CTAP_AUTHDATA_H
#define CTAP_AUTHDATA_H

#include "ctap/span.h"

enum authdata_flag {
	AUTHDATA_UP = 0x01,
	AUTHDATA_UV = 0x04,
	AUTHDATA_BE = 0x08,
	AUTHDATA_BS = 0x10,
	AUTHDATA_AT = 0x40,
	AUTHDATA_ED = 0x80,
};

struct authdata {
	const uint8_t	*rp_id_hash;	/* 32 bytes */
	uint8_t		 flags;		/* AT and ED are set as needed */
	uint32_t	 counter;
	const uint8_t	*aaguid;	/* 16 bytes; NULL: no AT part */
	struct span	 credential_id;	/* at most 1023 bytes */
	struct span	 public_key;	/* COSE_Key */
	struct span	 extensions;	/* CBOR map; len 0: none */
};

/*
 * Bytes of out that were written, 0 if cap is too small or the credential
 * ID too long.
 */
size_t authdata_write(const struct authdata *ad, uint8_t *out, size_t cap);

#endif
