/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a reply that is made anew: a registration (forge_mc) or an
 * assertion (forge_ga) taken apart. First every field has what an honest key
 * would say, which the comments here call honest; then the hooks of a fault
 * may change it, three times on the way:
 *
 *	plan	fields, before anything is signed. What is computed from
 *		others later (hashes, names, certificates) has a field that is
 *		NULL as long as it is to be computed.
 *	sign	signature and certificates, which are there now.
 *	frame	the reply, encoded: status byte and CBOR.
 *
 * Whatever plan alters is signed as it is, so that the alteration is the only
 * thing wrong.
 *
 * Bytes that a hook makes come from forge_room() or forge_copy(): they live
 * until the reply is gone. Spans that were there before live as long. A hook
 * returns false for an operation that it does not fit, and then has changed
 * nothing. Nor does one fit whose plan, all there is of it, left everything as
 * it was: it would have broken nothing.
 */
#ifndef AUTHENTICATOR_FORGE_PLAN_H
#define AUTHENTICATOR_FORGE_PLAN_H

#include <openssl/evp.h>

#include "authenticator/credential.h"
#include "authenticator/engine/engine.h"
#include "ctap/authdata.h"
#include "ctap/span.h"

#define FORGE_STATEMENTS_MAX	3	/* of a compound one */
#define FORGE_X5C_MAX		6	/* certificates that are sent */
#define FORGE_NAMES_MAX		8	/* attributes of a subject */
#define FORGE_PURPOSES_MAX	3
#define FORGE_SERIAL_MAX	20	/* bytes, RFC 5280, 4.1.2.2 */

struct forge_config;
struct forge_memory;	/* for everything that a reply is made of */

/*
 * len bytes, zero. NULL: there is no room; then what is forged fails as a
 * whole, so who does not write to it need not look.
 */
uint8_t *forge_room(struct forge_memory *m, size_t len);
struct span forge_copy(struct forge_memory *m, struct span s);
/* Random bytes; p NULL: no room. */
struct span forge_random(struct forge_memory *m, size_t len);
/* The same with bit 0 of byte i flipped, from its end if i is negative. */
struct span forge_flip(struct forge_memory *m, struct span s, int i);
/* One behind the other. */
struct span forge_join(struct forge_memory *m, struct span a, struct span b);

/* Authenticator data, WebAuthn Level 3, 6.1. Written as it is here. */
struct forge_auth_data {
	uint8_t		rp_id_hash[32];	/* SHA-256 of the RP ID */
	uint8_t		flags;		/* enum authdata_flag; AT iff attested,
					 * ED iff there are extensions; nothing
					 * is added when it is written */
	uint32_t	counter;	/* of the credential */
	bool		attested;	/* the next four are written: in
					 * registrations only */
	uint8_t		aaguid[16];	/* the key's; zero in fido-u2f */
	struct span	credential_id;	/* at most 1023 bytes */
	size_t		id_len;		/* as it is told in front of the ID:
					 * credential_id.len */
	struct span	public_key;	/* COSE_Key as ctap/cose.h writes it */
	struct span	extensions;	/* CBOR map of outputs; len 0: none */
	struct span	trailing;	/* behind it all; none */
};

/* An extension, or another part of a certificate. */
enum forge_presence {
	FORGE_ABSENT,
	FORGE_PLAIN,
	FORGE_CRITICAL,
};

/* Who signs. */
enum forge_signer {
	FORGE_BY_NOBODY,	/* none */
	FORGE_BY_LEAF,		/* packed, tpm, safetynet: a fresh key, in the
				 * first certificate */
	FORGE_BY_CREDENTIAL,	/* self, android-key, assertions */
	FORGE_BY_DEVICE,	/* fido-u2f: the key's own attestation key,
				 * certified for U2F already */
	FORGE_BY_STRANGER,	/* never honest: a fresh key that is in no
				 * certificate */
};

/* Whom a chain leads to. */
enum forge_anchor {
	FORGE_TO_ROOT,		/* the state directory's */
	FORGE_TO_STRANGER,	/* a root that nobody has heard of, of the same
				 * shape */
	FORGE_TO_ITSELF,	/* the leaf is signed by itself */
};

/* One attribute of a subject, alone in its relative name. */
struct forge_name {
	const char	*oid;	/* "C" or "2.5.4.6"; NULL: no more */
	const char	*value;
};

/*
 * KeyDescription of android-key (WebAuthn Level 3, 8.4.1), keymaster 4.
 * "list" is an AuthorizationList of the two.
 */
struct forge_key_description {
	struct span	challenge;	/* NULL: the client data hash */
	int		security_level;	/* 1: a TEE (0: software) */
	int		purpose;	/* 2: to sign; -1: none */
	int		origin;		/* 0: generated; 2: imported; -1 none */
	bool		in_tee;		/* true: these two are enforced there;
					 * else by software */
	bool		all_applications;	/* false, in either list */
};

/*
 * The first certificate of a chain, tbsCertificate as its format wants it:
 * packed WebAuthn Level 3, 8.2.1; tpm 8.3.1; android-key 8.4.1; apple 8.8.
 * CAs above it are always honest.
 */
struct forge_leaf {
	int		version;	/* 3 */
	uint8_t		serial[FORGE_SERIAL_MAX];	/* random; */
	size_t		serial_len;			/* 16 */
	/* none if empty; packed: C, O, OU "Authenticator Attestation", CN;
	 * tpm: none */
	struct forge_name subject[FORGE_NAMES_MAX];
	int64_t		not_before_s;	/* as set; 0: a day ago */
	int64_t		not_after_s;	/* as set; 0: 20 years ahead, never
					 * longer than its issuer */
	enum forge_presence constraints;	/* critical */
	bool		ca;			/* false */
	enum forge_presence aaguid_there;	/* packed: plain; else absent */
	uint8_t		aaguid[16];	/* the key's; later changes of the
					 * authenticator data do not get here */
	enum forge_presence number_there;	/* enterprise: plain */
	uint8_t		number[8];	/* of the key, id-fido-gen-ce-sernum */
	enum forge_presence transports_there;	/* fido-u2f: plain; USB */
	/* tpm: directoryName in the alternative name, critical; and purpose
	 * tcg-kp-AIKCertificate, plain */
	enum forge_presence tpm_there;
	const char	*manufacturer;	/* "id:49424D00"; NULL: no attribute */
	const char	*model;		/* "sealkey TEST TPM" */
	const char	*firmware;	/* "id:00010000" */
	enum forge_presence purposes_there;
	const char	*purposes[FORGE_PURPOSES_MAX];	/* OIDs; NULL: end */
	enum forge_presence dns_there;	/* safetynet: plain */
	const char	*dns;		/* "attest.android.com" */
	enum forge_presence nonce_there;	/* apple: plain */
	struct span	nonce;		/* NULL: SHA-256 of what is signed */
	enum forge_presence description_there;	/* android-key: plain */
	struct forge_key_description description;
	const char	*crl_url;	/* as set; NULL: none */
	EVP_PKEY	*key;		/* NULL: the public key of who signs the
					 * statement (apple: the credential's).
					 * Else from EVP_PKEY_...; freed with
					 * the plan */
	bool		bad_signature;	/* false; by its issuer */
};

/* The x5c of a statement. */
struct forge_chain {
	bool		there;		/* true; self: false */
	enum forge_anchor anchor;	/* FORGE_TO_ROOT */
	unsigned	certificates;	/* 1 to 3, as set (1: signed by the
					 * root): leaf, and intermediates */
	bool		leaf_only;	/* false; the intermediates are not
					 * sent, though they sign */
	bool		with_anchor;	/* false, but for android-key, whose
					 * relying parties look for it there;
					 * sends the root as well */
	struct forge_leaf leaf;
	/* DER, leaf first; made after plan, for sign */
	struct span	x5c[FORGE_X5C_MAX];
	size_t		x5c_count;
};

/*
 * TPMT_PUBLIC and TPMS_ATTEST of a key in a TPM that does not exist (TPM 2.0
 * Part 2, 12.2.4 and 10.12.12).
 */
struct forge_tpm {
	const char	*ver;			/* "2.0" */
	/* pubArea */
	uint16_t	type;			/* 0023 ECC, 0001 RSA */
	uint16_t	name_alg;		/* 000b SHA-256 */
	uint32_t	attributes;		/* 00040472: fixedTPM,
						 * fixedParent,
						 * sensitiveDataOrigin,
						 * userWithAuth, noDA, sign */
	struct span	policy;			/* empty */
	uint16_t	symmetric, scheme, kdf;	/* 0010 NULL */
	uint16_t	scheme_hash;		/* if scheme is not NULL */
	uint16_t	curve;			/* 0003 P-256, 4 P-384, ... */
	uint16_t	bits;			/* RSA: 2048 */
	uint32_t	exponent;		/* RSA: 0, which is 65537 */
	struct span	x, y, n;		/* of the credential's key */
	struct span	pub_area_trailing;	/* none */
	struct span	pub_area;		/* NULL: of the above */
	/* certInfo */
	uint32_t	magic;			/* ff544347 */
	uint16_t	attest_type;		/* 8017 TPM2_Certify */
	struct span	qualified_signer;	/* a name: alg, 32 bytes */
	struct span	extra_data;		/* NULL: H(what is signed) */
	uint64_t	clock;
	uint32_t	reset_count, restart_count;
	uint8_t		safe;			/* 1 */
	uint64_t	firmware;
	uint16_t	attested_alg;		/* 000b, in front of the hash of
						 * pubArea, which goes by it if
						 * it is SHA-1, -256 or -384 */
	struct span	name;			/* NULL: alg and hash */
	struct span	qualified_name;		/* a name: alg, 32 bytes */
	struct span	cert_info_trailing;	/* none */
	struct span	cert_info;		/* NULL: of the above */
	bool		tpmt_signature;		/* false: bare, see tpmSignature
						 */
	bool		restricted;		/* true: who signs can sign
						 * nothing else. No byte tells:
						 * it is in the certificate's
						 * promise alone */
};

/* Claims of android-safetynet's JWS (WebAuthn Level 3, 8.5.1). */
struct forge_safetynet {
	const char	*ver;			/* "14366018" */
	struct span	nonce;			/* NULL: SHA-256 of what is
						 * signed */
	int64_t		timestamp_ms;		/* now */
	bool		cts_profile_match;	/* true */
	bool		basic_integrity;	/* true */
};

/* One statement; of a compound one, one of them. */
struct forge_statement {
	enum attestation_kind kind;	/* which fields count, and how it is
					 * written; never _COMPOUND */
	const char	*fmt;		/* "packed", ... */
	bool		alg_there;	/* but for fido-u2f, apple, none */
	int64_t		alg;		/* as told: the signing key's */
	int		key_alg;	/* of the fresh key: ES256; RS256, RS1
					 * (which signs with SHA-1) */
	enum forge_signer signer;
	bool		without_client_data;	/* false; else not signed with
						 * it */
	struct span	signed_data;	/* NULL: what the format signs */
	bool		sig_there;	/* true, but for apple, none */
	struct span	sig;		/* made after plan, for sign */
	struct forge_chain chain;
	struct forge_tpm tpm;
	struct forge_safetynet safetynet;
	struct span	extra;		/* CBOR of one more member, behind all:
					 * a text and its value; none */
	struct span	cbor;		/* NULL: of the above; attStmt */
};

/* A registration. */
struct forge_mc {
	struct forge_memory *memory;
	/* what it is about; not to be changed */
	const struct credential *cred;	/* as it is stored */
	struct span	rp_id;
	struct span	client_data_hash;
	uint32_t	value;		/* of the fault, see fault.h */
	struct span	other_id;	/* a credential that this key has for
					 * another account of the same relying
					 * party; NULL: none */
	int64_t		now_s;		/* seconds since 1970 */
	const struct forge_config *config;	/* forge.h */
	uint8_t		aaguid[16];	/* the key's */

	struct forge_auth_data auth_data;
	/*
	 * Who the credential's key is. NULL: the one that was made, and the
	 * key provider signs. Else this one, private, in place of it, and
	 * auth_data.public_key has to say so; freed with the plan.
	 */
	EVP_PKEY	*credential_key;
	struct forge_statement statement[FORGE_STATEMENTS_MAX];
	size_t		statements;	/* 1; compound: 2 or 3, or 1 if that is
					 * what is wrong with it */
	bool		compound;	/* attStmt is an array */
	const char	*fmt;		/* NULL: the statement's, "compound" */
	bool		ep_att;		/* enterprise attestation */
	/* members 05 and 06, their CBOR as the engine wrote it; NULL: none */
	struct span	large_blob_key;
	struct span	unsigned_outputs;
	struct span	trailing;	/* behind the map; none */
	/* made after sign, for frame: status byte and CBOR */
	struct span	reply;
};

/*
 * Makes the statement an honest one of that kind, whatever it was. False, and
 * nothing changed: this credential cannot have it (fido-u2f: P-256 only;
 * tpm: RSA and the NIST curves).
 */
bool forge_mc_kind(struct forge_mc *mc, enum attestation_kind kind);
/* What the registration has: of a compound one, ATTESTATION_COMPOUND. */
enum attestation_kind forge_mc_is(const struct forge_mc *mc);
/* Value of a subject's attribute, by forge_name.oid; NULL takes it out. False:
 * it was so already, or there is no room. */
bool forge_leaf_name(struct forge_leaf *leaf, const char *oid,
    const char *value);

/* An assertion. */
struct forge_ga {
	struct forge_memory *memory;
	/* what it is about; not to be changed */
	const struct credential *cred;
	struct span	rp_id;
	struct span	client_data_hash;
	uint32_t	value;
	struct span	other_id;	/* as above */
	struct span	other_user_id;	/* NULL: none */
	uint32_t	told;		/* the counter that the relying party
					 * knows of this credential; 0: none,
					 * or nobody knows */
	int64_t		now_s;

	struct forge_auth_data auth_data;	/* attested: false */
	struct span	credential_id;	/* NULL: no member 01 */
	struct span	user_id;	/* NULL: no member 04, as for those that
					 * are not discoverable */
	enum forge_signer signer;	/* FORGE_BY_CREDENTIAL */
	bool		without_client_data;	/* false */
	struct span	sig;		/* made after plan, for sign */
	struct span	trailing;	/* behind the map; none */
	/* made after sign, for frame: status byte and CBOR */
	struct span	reply;
};

#endif
