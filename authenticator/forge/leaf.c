/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/leaf.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/x509.h"
#include "authenticator/forge/der.h"
#include "authenticator/forge/keys.h"

#define DAY_S		86400LL
#define YEAR_S		(365 * DAY_S)
#define NONCE_OID	"1.2.840.113635.100.8.2"
#define DESCRIPTION_OID	"1.3.6.1.4.1.11129.2.1.17"
#define PARTS_MAX	8
#define KEYMASTER	4	/* version of a KeyDescription */

/* A leaf that is being made. */
struct making {
	struct forge_memory *m;
	X509		*x;
	const struct forge_leaf *leaf;
	struct span	 signed_data;
	struct span	 client_data_hash;
};

static bool
add(struct making *mk, const char *name, enum forge_presence there,
    struct span value)
{
	if (there == FORGE_ABSENT)
		return true;
	return value.p != NULL &&
	    x509_add_extension(mk->x, name, there == FORGE_CRITICAL, value);
}

static bool
add_constraints(struct making *mk)
{
	static const uint8_t yes[] = { DER_BOOLEAN, 1, 0xff };
	struct span ca = mk->leaf->ca ? span(yes, sizeof(yes)) :
	    span("", 0);

	return add(mk, "basicConstraints", mk->leaf->constraints,
	    der(mk->m, DER_SEQUENCE, ca));
}

/* Not of tpm's, which say not a word more than they have to. */
static bool
add_key_ids(struct making *mk, X509 *issuer)
{
	const ASN1_OCTET_STRING *above = X509_get0_subject_key_id(issuer);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct span id;

	if (above != NULL && issuer != mk->x) {
		id = der(mk->m, DER_CONTEXT_BYTES(0),
		    span(ASN1_STRING_get0_data(above),
		    (size_t)ASN1_STRING_length(above)));
		if (!add(mk, "authorityKeyIdentifier", FORGE_PLAIN,
		    der(mk->m, DER_SEQUENCE, id)))
			return false;
	}
	if (mk->leaf->manufacturer != NULL)
		return true;
	return X509_pubkey_digest(mk->x, EVP_sha1(), digest, &len) == 1 &&
	    add(mk, "subjectKeyIdentifier", FORGE_PLAIN,
	    der(mk->m, DER_OCTETS, span(digest, len)));
}

/* RelativeDistinguishedName of one attribute; p NULL if there is no value */
static struct span
tpm_attribute(struct forge_memory *m, const char *oid, const char *value)
{
	struct span pair[2];

	if (value == NULL)
		return span(NULL, 0);
	pair[0] = der_oid(m, oid);
	pair[1] = der(m, DER_UTF8, span_str(value));
	return der(m, DER_SET, der_of(m, DER_SEQUENCE, pair, 2));
}

/* WebAuthn Level 3, 8.3.1: one directoryName */
static struct span
tpm_names(struct forge_memory *m, const struct forge_leaf *leaf)
{
	struct span parts[3] = {
		tpm_attribute(m, X509_TPM_MANUFACTURER, leaf->manufacturer),
		tpm_attribute(m, X509_TPM_MODEL, leaf->model),
		tpm_attribute(m, X509_TPM_VERSION, leaf->firmware),
	};
	struct span name = der_of(m, DER_SEQUENCE, parts, 3);

	return der(m, DER_SEQUENCE, der(m, DER_CONTEXT(4), name));
}

static bool
add_alternative(struct making *mk)
{
	const struct forge_leaf *leaf = mk->leaf;
	struct span dns;

	if (leaf->dns_there != FORGE_ABSENT) {
		dns = der(mk->m, DER_CONTEXT_BYTES(2), span_str(leaf->dns));
		if (!add(mk, "subjectAltName", leaf->dns_there,
		    der(mk->m, DER_SEQUENCE, dns)))
			return false;
	}
	return leaf->tpm_there == FORGE_ABSENT || add(mk, "subjectAltName",
	    leaf->tpm_there, tpm_names(mk->m, leaf));
}

static bool
add_purposes(struct making *mk)
{
	struct span oids[FORGE_PURPOSES_MAX] = { { NULL, 0 } };
	size_t n = 0;

	if (mk->leaf->purposes_there == FORGE_ABSENT)
		return true;
	while (n < FORGE_PURPOSES_MAX && mk->leaf->purposes[n] != NULL) {
		oids[n] = der_oid(mk->m, mk->leaf->purposes[n]);
		n++;
	}
	return add(mk, "extendedKeyUsage", mk->leaf->purposes_there,
	    der_of(mk->m, DER_SEQUENCE, oids, n));
}

/* RFC 5280, 4.2.1.13: one point, one name */
static bool
add_crl(struct making *mk)
{
	struct forge_memory *m = mk->m;
	struct span s;

	if (mk->leaf->crl_url == NULL)
		return true;
	s = der(m, DER_CONTEXT_BYTES(6), span_str(mk->leaf->crl_url));
	s = der(m, DER_CONTEXT(0), der(m, DER_CONTEXT(0), s));
	s = der(m, DER_SEQUENCE, der(m, DER_SEQUENCE, s));
	return add(mk, "crlDistributionPoints", FORGE_PLAIN, s);
}

/* WebAuthn Level 3, 8.8 */
static bool
add_nonce(struct making *mk)
{
	struct forge_memory *m = mk->m;
	struct span nonce = mk->leaf->nonce;
	uint8_t hash[32];

	if (mk->leaf->nonce_there == FORGE_ABSENT)
		return true;
	if (nonce.p == NULL) {
		if (!forge_sha256(mk->signed_data, span("", 0), hash))
			return false;
		nonce = span(hash, sizeof(hash));
	}
	nonce = der(m, DER_CONTEXT(1), der(m, DER_OCTETS, nonce));
	return add(mk, NONCE_OID, mk->leaf->nonce_there,
	    der(m, DER_SEQUENCE, nonce));
}

/* The AuthorizationList of who does (or does not) enforce it. */
static struct span
authorization_list(struct forge_memory *m,
    const struct forge_key_description *d, bool enforces)
{
	static const uint8_t null[] = { DER_NULL, 0 };
	struct span parts[PARTS_MAX];
	struct span set;
	size_t n = 0;

	if (enforces && d->purpose >= 0) {
		set = der(m, DER_SET, der_number(m, DER_INTEGER, d->purpose));
		parts[n++] = der(m, DER_CONTEXT(1), set);
	}
	if (enforces && d->all_applications)
		parts[n++] = der_high(m, 600, span(null, sizeof(null)));
	if (enforces && d->origin >= 0)
		parts[n++] = der_high(m, 702, der_number(m, DER_INTEGER,
		    d->origin));
	return der_of(m, DER_SEQUENCE, parts, n);
}

/* KeyDescription, WebAuthn Level 3, 8.4.1 */
static bool
add_description(struct making *mk)
{
	const struct forge_key_description *d = &mk->leaf->description;
	struct forge_memory *m = mk->m;
	struct span challenge = d->challenge.p != NULL ? d->challenge :
	    mk->client_data_hash;

	if (mk->leaf->description_there == FORGE_ABSENT)
		return true;
	struct span parts[] = {
		der_number(m, DER_INTEGER, KEYMASTER - 1),
		der_number(m, DER_ENUMERATED, d->security_level),
		der_number(m, DER_INTEGER, KEYMASTER),
		der_number(m, DER_ENUMERATED, d->security_level),
		der(m, DER_OCTETS, challenge),
		der(m, DER_OCTETS, span("", 0)),
		authorization_list(m, d, !d->in_tee),
		authorization_list(m, d, d->in_tee),
	};
	return add(mk, DESCRIPTION_OID, mk->leaf->description_there,
	    der_of(m, DER_SEQUENCE, parts, sizeof(parts) / sizeof(parts[0])));
}

/* What FIDO has of its own; transports: a BIT STRING, bit 2 is USB */
static bool
add_fido(struct making *mk)
{
	static const uint8_t usb[] = { DER_BIT_STRING, 2, 5, 0x20 };
	const struct forge_leaf *leaf = mk->leaf;

	return add(mk, X509_AAGUID, leaf->aaguid_there, der(mk->m, DER_OCTETS,
	    span(leaf->aaguid, sizeof(leaf->aaguid)))) &&
	    add(mk, X509_SERNUM, leaf->number_there, der(mk->m, DER_OCTETS,
	    span(leaf->number, sizeof(leaf->number)))) &&
	    add(mk, X509_TRANSPORTS, leaf->transports_there,
	    span(usb, sizeof(usb)));
}

static bool
add_extensions(struct making *mk, X509 *issuer)
{
	return add_constraints(mk) && add_key_ids(mk, issuer) &&
	    add_alternative(mk) && add_purposes(mk) && add_fido(mk) &&
	    add_nonce(mk) && add_description(mk) && add_crl(mk);
}

static bool
set_subject(struct making *mk)
{
	X509_NAME *name = X509_get_subject_name(mk->x);

	for (size_t i = 0; i < FORGE_NAMES_MAX &&
	    mk->leaf->subject[i].oid != NULL; i++) {
		const struct forge_name *n = &mk->leaf->subject[i];
		ASN1_OBJECT *oid = OBJ_txt2obj(n->oid, 0);
		int nid = oid != NULL ? OBJ_obj2nid(oid) : NID_undef;
		int type = nid == NID_countryName ||
		    nid == NID_serialNumber ? V_ASN1_PRINTABLESTRING :
		    V_ASN1_UTF8STRING;
		bool ok = oid != NULL && X509_NAME_add_entry_by_OBJ(name, oid,
		    type, (const uint8_t *)n->value, -1, -1, 0) == 1;

		ASN1_OBJECT_free(oid);
		if (!ok)
			return false;
	}
	return true;
}

static bool
set_validity(struct making *mk, X509 *issuer, int64_t now_s)
{
	const struct forge_leaf *leaf = mk->leaf;
	int64_t from_s = leaf->not_before_s, until_s = leaf->not_after_s;

	if (from_s == 0)
		from_s = now_s - DAY_S;
	if (until_s == 0) {
		until_s = now_s + 20 * YEAR_S;
		if (issuer != mk->x && certificate_expiry(issuer) < until_s)
			until_s = certificate_expiry(issuer);
	}
	return x509_set_validity(mk->x, from_s, until_s);
}

static struct span
encode(struct forge_memory *m, X509 *x)
{
	int len = i2d_X509(x, NULL);
	uint8_t *at = len > 0 ? forge_room(m, (size_t)len) : NULL;
	uint8_t *p = at;

	if (at == NULL || i2d_X509(x, &p) != len)
		return span(NULL, 0);
	return span(at, (size_t)len);
}

/* issuer NULL: itself. */
static struct span
make_leaf(struct making *mk, X509 *issuer, EVP_PKEY *issuer_key,
    EVP_PKEY *key, int64_t now_s)
{
	struct span out = span(NULL, 0);

	mk->x = X509_new();
	if (mk->x == NULL)
		return out;
	if (issuer == NULL)
		issuer = mk->x;
	if (X509_set_version(mk->x, mk->leaf->version - 1) == 1 &&
	    x509_set_serial(mk->x, span(mk->leaf->serial,
	    mk->leaf->serial_len)) && set_subject(mk) &&
	    X509_set_issuer_name(mk->x, X509_get_subject_name(issuer)) == 1 &&
	    set_validity(mk, issuer, now_s) &&
	    X509_set_pubkey(mk->x, key) == 1 && add_extensions(mk, issuer) &&
	    X509_sign(mk->x, issuer_key, x509_digest_for(issuer_key)) > 0)
		out = encode(mk->m, mk->x);
	X509_free(mk->x);
	if (out.p != NULL && mk->leaf->bad_signature)
		out = forge_flip(mk->m, out, -1);
	return out;
}

/* CAs of a chain, the one that signs the leaf first, its root last. */
struct authority {
	X509		*cert[3];
	EVP_PKEY	*key[3];
	size_t		 count;
	bool		 ours[3];	/* to be freed */
};

static void
authority_done(struct authority *a)
{
	for (size_t i = 0; i < 3; i++) {
		if (!a->ours[i])
			continue;
		X509_free(a->cert[i]);
		EVP_PKEY_free(a->key[i]);
	}
}

/* One more at the bottom; the first is its own issuer. */
static bool
authority_grow(struct authority *a, int64_t now_s)
{
	struct certificate_plan plan = {
		.kind = a->count == 0 ? CERTIFICATE_ROOT :
		    CERTIFICATE_INTERMEDIATE,
		.now_s = now_s,
	};
	X509 *x = NULL;

	plan.key = forge_key_new(COSE_ES256);
	if (plan.key == NULL)
		return false;
	plan.issuer = a->count > 0 ? a->cert[0] : NULL;
	plan.issuer_key = a->count > 0 ? a->key[0] : plan.key;
	if (certificate_make(&plan, &x) != 0) {
		EVP_PKEY_free(plan.key);
		return false;
	}
	for (size_t i = a->count; i > 0; i--) {
		a->cert[i] = a->cert[i - 1];
		a->key[i] = a->key[i - 1];
		a->ours[i] = a->ours[i - 1];
	}
	a->cert[0] = x;
	a->key[0] = plan.key;
	a->ours[0] = true;
	a->count++;
	return true;
}

/*
 * count CAs. Without its key a root signs nothing: then the intermediate does
 * in its place, as for U2F (attest/attestation.h).
 */
static bool
find_authority(const struct attestation_issuer *is, enum forge_anchor anchor,
    size_t count, int64_t now_s, struct authority *a)
{
	if (anchor == FORGE_TO_ROOT && count == 1 && is->root_key != NULL) {
		a->cert[0] = is->root;
		a->key[0] = is->root_key;
		a->count = 1;
	} else if (anchor == FORGE_TO_ROOT) {
		a->cert[0] = is->intermediate;
		a->key[0] = is->intermediate_key;
		a->cert[1] = is->root;
		a->count = 2;
	}
	while (a->count < count)
		if (!authority_grow(a, now_s))
			return false;
	return true;
}

static bool
push(struct forge_chain *c, struct span cert)
{
	if (cert.p == NULL || c->x5c_count == FORGE_X5C_MAX)
		return false;
	c->x5c[c->x5c_count++] = cert;
	return true;
}

bool
leaf_chain(struct forge_memory *m, const struct attestation_issuer *is,
    struct forge_chain *chain, EVP_PKEY *key, struct span signed_data,
    struct span client_data_hash, int64_t now_s)
{
	struct making mk = { .m = m, .leaf = &chain->leaf,
	    .signed_data = signed_data,
	    .client_data_hash = client_data_hash };
	bool itself = chain->anchor == FORGE_TO_ITSELF;
	struct authority a = { .count = 0 };
	bool ok;

	chain->x5c_count = 0;
	ok = itself || find_authority(is, chain->anchor, chain->certificates,
	    now_s, &a);
	ok = ok && push(chain, make_leaf(&mk, itself ? NULL : a.cert[0],
	    itself ? key : a.key[0], key, now_s));
	for (size_t i = 0; ok && i < a.count; i++) {
		bool anchor = i + 1 == a.count;

		if (anchor ? chain->with_anchor : (!chain->leaf_only &&
		    chain->certificates > 1))
			ok = push(chain, encode(m, a.cert[i]));
	}
	authority_done(&a);
	ERR_clear_error();
	return ok;
}
