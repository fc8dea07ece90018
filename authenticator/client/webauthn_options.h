/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PublicKeyCredentialCreationOptionsJSON and ...RequestOptionsJSON (WebAuthn
 * Level 3, 5.1.8 to 5.1.10), bare or under "publicKey", as a relying party
 * sends them, turned into plain values.
 *
 * Strict where a browser is: duplicate members, wrong types, bad base64url
 * and missing members are errors. What a browser ignores is ignored:
 * unknown members, extensions and enumeration values, credential types
 * other than public-key, and null where a dictionary could be. Booleans are
 * converted as in JavaScript, and so is timeout, where anything is a number
 * then and none is used; for texts, null, booleans and integers are.
 *
 * Two deliberate differences: objects, arrays and fractions are no texts, and
 * what should be base64url is a string or an error. A browser takes null for
 * the three bytes that "null" stands for, and so hides what a server forgot.
 *
 * Errors: SyntaxError (not JSON), TypeError (not such a dictionary),
 * EncodingError (not base64url), NotSupportedError (more than the limits
 * below, or an extension input that cannot be).
 */
#ifndef AUTHENTICATOR_WEBAUTHN_OPTIONS_H
#define AUTHENTICATOR_WEBAUTHN_OPTIONS_H

#include "authenticator/credential.h"
#include "authenticator/client/json_in.h"
#include "authenticator/client/webauthn_error.h"
#include "ctap/span.h"

#define WEBAUTHN_INPUT_MAX	(1024 * 1024)	/* bytes of options */
#define WEBAUTHN_LIST_MAX	64	/* descriptors, as Chromium */
#define WEBAUTHN_ALGS_MAX	64	/* different ones */
#define OPTIONS_USUAL		1024	/* bytes; no heap for these */

enum requirement {
	REQUIREMENT_DISCOURAGED,
	REQUIREMENT_PREFERRED,
	REQUIREMENT_REQUIRED,
};

enum attachment {
	ATTACHMENT_ANY,
	ATTACHMENT_PLATFORM,
	ATTACHMENT_CROSS_PLATFORM,
};

enum conveyance {
	CONVEYANCE_NONE,
	CONVEYANCE_INDIRECT,
	CONVEYANCE_DIRECT,
	CONVEYANCE_ENTERPRISE,
};

enum large_blob {
	LARGE_BLOB_NONE,
	LARGE_BLOB_PREFERRED,	/* create */
	LARGE_BLOB_REQUIRED,
	LARGE_BLOB_READ,	/* get */
	LARGE_BLOB_WRITE,
};

/*
 * IDs that a token could have made. given tells whether the relying party
 * listed any at all, usable or not: an empty list means "whoever you are",
 * a list of impossible ones must never turn into that.
 */
struct credential_list {
	bool		given;
	size_t		count;
	struct span	id[WEBAUTHN_LIST_MAX];
};

/* first.p NULL: not there. second.p NULL: only one. */
struct salt_inputs {
	struct span	first;
	struct span	second;
};

struct prf_entry {
	struct span		id;	/* one of the allow list's */
	struct salt_inputs	in;
};

struct create_options {
	struct span	challenge;
	struct span	rp_id;			/* p NULL: not given */
	struct span	rp_name;
	struct span	user_id;		/* 1 to USER_ID_MAX bytes */
	struct span	user_name;
	struct span	user_display_name;
	int		algs[WEBAUTHN_ALGS_MAX];	/* preferred first */
	size_t		alg_count;		/* at least 1 */
	struct credential_list exclude;
	enum attachment	attachment;
	enum requirement resident_key;
	enum requirement user_verification;
	enum conveyance	conveyance;

	bool		cred_props;
	bool		prf;			/* given, with or without: */
	struct salt_inputs prf_eval;
	bool		hmac_create_secret;
	unsigned	protect;		/* cred_protect; 0: not given */
	bool		enforce_protect;
	struct span	cred_blob;		/* p NULL: not given */
	bool		min_pin_length;
	enum large_blob	large_blob;
	struct span	app_id_exclude;		/* p NULL: not given */
};

struct get_options {
	struct span	challenge;
	struct span	rp_id;			/* p NULL: not given */
	struct credential_list allow;
	enum requirement user_verification;

	bool		prf;			/* given, with or without: */
	struct salt_inputs prf_eval;
	struct prf_entry prf_by_credential[WEBAUTHN_LIST_MAX];
	size_t		prf_count;
	struct salt_inputs hmac_get_secret;	/* 32 bytes each */
	bool		cred_blob;
	enum large_blob	large_blob;
	struct span	large_blob_write;
	struct span	app_id;			/* p NULL: not given */
};

/* What the spans of parsed options point into, beside the text itself. */
struct options_memory {
	struct json_in	 json;
	uint8_t		*arena;		/* what escapes, and base64url, stood
					 * for */
	size_t		 used;
	size_t		 cap;
	uint8_t		 usual[2 * OPTIONS_USUAL];	/* the arena, mostly */
};

/*
 * Each parses text, at most WEBAUTHN_INPUT_MAX bytes, which has to stay as
 * long as out does. mem is to be emptied with options_memory_done() in any
 * case.
 */
bool create_options_parse(struct span text, struct options_memory *mem,
    struct create_options *out, struct dom_error *err);
bool get_options_parse(struct span text, struct options_memory *mem,
    struct get_options *out, struct dom_error *err);
void options_memory_done(struct options_memory *mem);

#endif
