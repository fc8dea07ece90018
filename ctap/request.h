/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAP2 requests (CTAP 2.3, 6): from the bytes of a message to a struct per
 * command. One table of members for each; unknown members are skipped,
 * known ones have one typed function, required ones must be there.
 *
 * Everything that comes out points into the message and lives as long as it
 * does. Nothing is interpreted here beyond type and presence, and the
 * lengths that the standard fixes.
 *
 * Errors (CTAP 2.3, 8.2): INVALID_CBOR not canonical CBOR, or leftovers;
 * CBOR_UNEXPECTED_TYPE a known member of another type; MISSING_PARAMETER a
 * required member is not there; INVALID_LENGTH a hash that is not 32 bytes,
 * a user ID that is not 1 to 64.
 */
#ifndef CTAP_REQUEST_H
#define CTAP_REQUEST_H

#include "ctap/cbor.h"
#include "ctap/span.h"
#include "ctap/status.h"

enum ctap_command {
	CTAP_MAKE_CREDENTIAL = 0x01,
	CTAP_GET_ASSERTION = 0x02,
	CTAP_GET_INFO = 0x04,
	CTAP_CLIENT_PIN = 0x06,
	CTAP_RESET = 0x07,
	CTAP_GET_NEXT_ASSERTION = 0x08,
	CTAP_BIO_ENROLLMENT = 0x09,
	CTAP_CREDENTIAL_MANAGEMENT = 0x0a,
	CTAP_SELECTION = 0x0b,
	CTAP_LARGE_BLOBS = 0x0c,
	CTAP_CONFIG = 0x0d,
	/* before CTAP 2.1; what libfido2 before 1.15 sends to any key */
	CTAP_CREDENTIAL_MANAGEMENT_PREVIEW = 0x41,
	CTAP_BIO_ENROLLMENT_PREVIEW = 0x40,
};

/* A boolean that need not be there. */
enum ctap_opt {
	OPT_ABSENT = 0,
	OPT_FALSE,
	OPT_TRUE,
};

/* An unsigned integer that need not be there. */
struct ctap_uint {
	bool		there;
	uint64_t	v;
};

/* The items of an array, not yet taken apart. p NULL: no array. */
struct ctap_list {
	struct span	items;
	size_t		count;
};

/* A PublicKeyCredentialDescriptor. */
struct ctap_descriptor {
	struct span	id;
	struct span	type;
};

struct ctap_options {
	enum ctap_opt	rk, up, uv;
};

struct ctap_user {
	struct span	id;
	struct span	name;		/* p NULL: absent, as below */
	struct span	display_name;
};

/* The public key of the other side, as COSE_Key (6.5.6). */
struct ctap_peer_key {
	struct span	x, y;		/* 32 bytes each */
	bool		there;
	bool		valid;		/* kty 2, crv 1, x and y as above */
};

/* pinUvAuthParam and its protocol. */
struct ctap_auth {
	struct span	param;		/* p NULL: absent */
	struct ctap_uint protocol;
};

/* hmac-secret of getAssertion (12.7), hmac-secret-mc (12.8) */
struct ctap_hmac_secret {
	bool		there;
	struct ctap_peer_key peer;
	struct span	salt_enc;
	struct span	salt_auth;
	struct ctap_uint protocol;
};

/*
 * largeBlob (12.4). What is not as it has to be is only marked here: a key
 * without this extension ignores it, whatever it is.
 */
struct ctap_mc_large_blob {
	bool		there;
	bool		valid;
	bool		required;	/* else preferred */
};

struct ctap_ga_large_blob {
	bool		there;
	bool		valid;		/* read, or the other two */
	enum ctap_opt	read;
	struct span	write;		/* p NULL: absent */
	struct ctap_uint original_size;
};

struct ctap_mc_extensions {
	enum ctap_opt	uvm;
	struct ctap_uint cred_protect;
	enum ctap_opt	hmac_secret;
	struct ctap_hmac_secret hmac_secret_mc;
	struct span	cred_blob;		/* p NULL: absent */
	struct ctap_mc_large_blob large_blob;
	enum ctap_opt	large_blob_key;
	enum ctap_opt	min_pin_length;
	enum ctap_opt	pin_complexity;
	enum ctap_opt	third_party_payment;
};

struct ctap_ga_extensions {
	enum ctap_opt	uvm;
	struct ctap_hmac_secret hmac_secret;
	enum ctap_opt	cred_blob;
	struct ctap_ga_large_blob large_blob;
	enum ctap_opt	large_blob_key;
	enum ctap_opt	third_party_payment;
};

struct ctap_make_credential {
	struct span	client_data_hash;	/* 32 bytes */
	struct span	rp_id;
	struct span	rp_name;
	struct ctap_user user;
	struct ctap_list params;
	struct ctap_list exclude;
	struct ctap_mc_extensions ext;
	struct ctap_options options;
	struct ctap_auth auth;
	struct ctap_uint enterprise;
	struct ctap_list formats;
};

struct ctap_get_assertion {
	struct span	rp_id;
	struct span	client_data_hash;	/* 32 bytes */
	struct ctap_list allow;
	struct ctap_ga_extensions ext;
	struct ctap_options options;
	struct ctap_auth auth;
};

struct ctap_client_pin {
	struct ctap_uint protocol;
	uint64_t	subcommand;
	struct ctap_peer_key peer;
	struct span	auth_param;
	struct span	new_pin_enc;
	struct span	pin_hash_enc;
	struct ctap_uint permissions;
	struct span	rp_id;
};

struct ctap_large_blobs {
	struct ctap_uint get;
	struct span	set;
	struct ctap_uint offset;
	struct ctap_uint length;
	struct ctap_auth auth;
};

/* bioEnrollment, credentialManagement, authenticatorConfig */
struct ctap_management {
	struct ctap_uint modality;	/* bioEnrollment only */
	enum ctap_opt	get_modality;	/* bioEnrollment only */
	struct ctap_uint subcommand;
	struct span	params;		/* encoded map; the MAC is over it */
	struct ctap_auth auth;
};

union ctap_request {
	struct ctap_make_credential	mc;
	struct ctap_get_assertion	ga;
	struct ctap_client_pin		pin;
	struct ctap_large_blobs		blobs;
	struct ctap_management		mgmt;
};

/*
 * Decodes the parameters of cmd (the message behind the command byte).
 * Commands without parameters must have none. A byte that is no CTAP 2.3
 * command is INVALID_COMMAND. *out is complete on CTAP2_OK, else undefined.
 */
enum ctap_status ctap_decode(uint8_t cmd, struct span body,
    union ctap_request *out);

/*
 * For tables of members elsewhere: sub-command parameters, which stay
 * encoded because a MAC is over them. Where there are none, nothing is read;
 * on errors, *out is undefined.
 */
enum ctap_status ctap_decode_params(const struct ctap_management *req,
    const struct cbor_member *table, size_t count, void *out);
bool ctap_take_opt(struct cbor_in *in, enum ctap_opt *out);
bool ctap_take_uint(struct cbor_in *in, struct ctap_uint *out);
bool ctap_take_user(struct cbor_in *in, struct ctap_user *out);
bool ctap_take_texts(struct cbor_in *in, struct ctap_list *out);

/*
 * Walk a list that ctap_decode() made, one element a call, false at the end:
 *	struct cbor_in at = ctap_list_begin(&req->allow);
 *	while (ctap_next_descriptor(&at, &d)) ...
 */
struct cbor_in ctap_list_begin(const struct ctap_list *list);
bool ctap_next_descriptor(struct cbor_in *at, struct ctap_descriptor *out);
bool ctap_next_text(struct cbor_in *at, struct span *out);
/* An entry of pubKeyCredParams. */
bool ctap_next_param(struct cbor_in *at, struct span *type, int64_t *alg);

#endif
