/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/attest/certificate.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/x509.h"
#include "authenticator/client/webauthn_spki.h"

#define DAY_S		86400LL
#define YEAR_S		(365 * DAY_S)
#define AAGUID_LEN	16
#define OCTETS_MAX	16	/* bytes, of AAGUID and number of the key */
#define RSA_BITS_MIN	2048

/* Real, because some relying parties compare with the list of countries. */
#define COUNTRY		"SE"
#define ORGANISATION	"sealkey"
#define NAME_MAX_LEN	65	/* bytes of an attribute, with the NUL */
#define LEAF_UNIT	"Authenticator Attestation"	/* prescribed */

static const struct {
	const char	*common_name;
	int64_t		 valid_s;
} kinds[] = {
	[CERTIFICATE_ROOT] = { "sealkey TEST root", 40 * YEAR_S },
	[CERTIFICATE_INTERMEDIATE] = { "sealkey TEST intermediate",
	    40 * YEAR_S },
	[CERTIFICATE_LEAF] = { "sealkey TEST attestation", 20 * YEAR_S },
	[CERTIFICATE_ENTERPRISE] = { "sealkey TEST enterprise attestation",
	    20 * YEAR_S },
	[CERTIFICATE_U2F] = { "sealkey TEST U2F attestation", 20 * YEAR_S },
	[CERTIFICATE_AK] = { NULL, 20 * YEAR_S },
};

static bool
is_leaf(enum certificate_kind kind)
{
	return kind != CERTIFICATE_ROOT && kind != CERTIFICATE_INTERMEDIATE;
}

/* One relative name for each attribute: some read only the first of one. */
static bool
add_name(X509_NAME *name, int nid, int type, const char *value)
{
	return X509_NAME_add_entry_by_NID(name, nid, type,
	    (const uint8_t *)value, -1, -1, 0) == 1;
}

/* att.5: for those who read names and not extensions */
static bool
add_serial_name(X509_NAME *name, const uint8_t *serial)
{
	char text[2 * CERTIFICATE_SERIAL_LEN + 1];

	for (size_t i = 0; i < CERTIFICATE_SERIAL_LEN; i++)
		snprintf(text + 2 * i, 3, "%02X", serial[i]);
	return add_name(name, NID_serialNumber, V_ASN1_PRINTABLESTRING, text);
}

/* The value that NAME=VALUE,... has for a name; false: none. Settings take none
 * that is too long, nor a country that is not two capital letters. */
static bool
take_value(const char *list, const char *name, char out[static NAME_MAX_LEN])
{
	size_t len, name_len = strlen(name);

	for (; list != NULL && *list != '\0';
	    list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (strncmp(list, name, name_len) != 0 ||
		    list[name_len] != '=')
			continue;
		return snprintf(out, NAME_MAX_LEN, "%.*s",
		    (int)(len - name_len - 1), list + name_len + 1) <
		    NAME_MAX_LEN;
	}
	return false;
}

/* att.4: what was asked for instead, and the rest as usual */
static bool
set_leaf_subject(X509_NAME *name, const struct certificate_plan *plan)
{
	const struct {
		const char	*name, *usual;	/* NULL: not there */
		int		 nid, type;
	} all[] = {
		{ "C", COUNTRY, NID_countryName, V_ASN1_PRINTABLESTRING },
		{ "ST", NULL, NID_stateOrProvinceName, V_ASN1_UTF8STRING },
		{ "L", NULL, NID_localityName, V_ASN1_UTF8STRING },
		{ "O", ORGANISATION, NID_organizationName,
		    V_ASN1_UTF8STRING },
		{ "OU", LEAF_UNIT, NID_organizationalUnitName,
		    V_ASN1_UTF8STRING },
		{ "CN", kinds[plan->kind].common_name, NID_commonName,
		    V_ASN1_UTF8STRING },
	};
	char value[NAME_MAX_LEN];
	const char *text;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		text = take_value(plan->subject, all[i].name, value) ? value :
		    all[i].usual;
		if (text != NULL && !add_name(name, all[i].nid, all[i].type,
		    text))
			return false;
	}
	return plan->kind != CERTIFICATE_ENTERPRISE ||
	    add_serial_name(name, plan->serial);
}

/*
 * Roots and intermediates are numbered, so that two of them in one trust
 * store can be told apart.
 */
static bool
set_subject(X509 *x, const struct certificate_plan *plan)
{
	enum certificate_kind kind = plan->kind;
	X509_NAME *name = X509_get_subject_name(x);
	uint8_t id[4];
	char cn[64];

	/* att.8: an AK has none */
	if (kind == CERTIFICATE_AK)
		return true;
	if (is_leaf(kind))
		return set_leaf_subject(name, plan);
	if (plan->name != NULL)
		return add_name(name, NID_commonName, V_ASN1_UTF8STRING,
		    plan->name);
	if (RAND_bytes(id, sizeof(id)) != 1)
		return false;
	snprintf(cn, sizeof(cn), "%s %02x%02x%02x%02x",
	    kinds[kind].common_name, id[0], id[1], id[2], id[3]);
	return add_name(name, NID_countryName, V_ASN1_PRINTABLESTRING,
	    COUNTRY) && add_name(name, NID_organizationName,
	    V_ASN1_UTF8STRING, ORGANISATION) &&
	    add_name(name, NID_commonName, V_ASN1_UTF8STRING, cn);
}

static bool
set_serial(X509 *x)
{
	uint8_t serial[X509_SERIAL_LEN];

	return x509_random_serial(serial) &&
	    x509_set_serial(x, span(serial, sizeof(serial)));
}

/* From a day ago, for clocks that are behind; never beyond the issuer. */
static bool
set_validity(X509 *x, const struct certificate_plan *plan)
{
	int64_t end_s = plan->now_s + (plan->valid_s != 0 ? plan->valid_s :
	    kinds[plan->kind].valid_s);

	if (plan->issuer != NULL && certificate_expiry(plan->issuer) < end_s)
		end_s = certificate_expiry(plan->issuer);
	return x509_set_validity(x, plan->now_s - DAY_S, end_s);
}

static bool
add_constraints(X509 *x, enum certificate_kind kind)
{
	BASIC_CONSTRAINTS *bc;
	ASN1_BIT_STRING *usage = NULL;
	bool ok;

	bc = BASIC_CONSTRAINTS_new();
	if (bc == NULL)
		return false;
	bc->ca = is_leaf(kind) ? 0 : 0xff;
	ok = X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0) == 1;
	BASIC_CONSTRAINTS_free(bc);
	if (!ok || is_leaf(kind))
		return ok;
	usage = ASN1_BIT_STRING_new();
	ok = usage != NULL &&
	    ASN1_BIT_STRING_set_bit(usage, 5, 1) == 1 &&	/* certSign */
	    ASN1_BIT_STRING_set_bit(usage, 6, 1) == 1 &&	/* cRLSign */
	    X509_add1_ext_i2d(x, NID_key_usage, usage, 1, 0) == 1;
	ASN1_BIT_STRING_free(usage);
	return ok;
}

/* RFC 5280, 4.2.1.2, method 1. */
static bool
add_subject_key_id(X509 *x)
{
	ASN1_OCTET_STRING *id;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len;
	bool ok;

	if (X509_pubkey_digest(x, EVP_sha1(), digest, &len) != 1)
		return false;
	id = ASN1_OCTET_STRING_new();
	ok = id != NULL && ASN1_OCTET_STRING_set(id, digest, len) == 1 &&
	    X509_add1_ext_i2d(x, NID_subject_key_identifier, id, 0, 0) == 1;
	ASN1_OCTET_STRING_free(id);
	return ok;
}

static bool
add_authority_key_id(X509 *x, X509 *issuer)
{
	X509_EXTENSION *ext;
	bool ok = x509_authority(issuer, &ext) &&
	    (ext == NULL || X509_add_ext(x, ext, -1) == 1);

	X509_EXTENSION_free(ext);
	return ok;
}

/* An OCTET STRING in the OCTET STRING that every extension is. */
static bool
add_octets(X509 *x, const char *name, const uint8_t *bytes, uint8_t len)
{
	uint8_t der[2 + OCTETS_MAX] = { V_ASN1_OCTET_STRING, len };

	memcpy(der + 2, bytes, len);
	return x509_add_extension(x, name, false, span(der, 2 + (size_t)len));
}

/* att.6: a BIT STRING, bit 2 is USB, which every key of ours is plugged by */
static bool
add_transports(X509 *x)
{
	static const uint8_t usb[] = { V_ASN1_BIT_STRING, 2, 5, 0x20 };

	return x509_add_extension(x, X509_TRANSPORTS, false,
	    span(usb, sizeof(usb)));
}

static bool
add_tpm_name(X509_NAME *name, const char *oid, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, oid, V_ASN1_UTF8STRING,
	    (const uint8_t *)value, -1, -1, 0) == 1;
}

/*
 * att.8: the subject's alternative name is one directoryName, three relative
 * names of one attribute each. Critical, because the subject is empty.
 */
static bool
add_tpm(X509 *x, const struct certificate_tpm *tpm)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	X509_NAME *dir = X509_NAME_new();
	bool ok = names != NULL && name != NULL && dir != NULL &&
	    add_tpm_name(dir, X509_TPM_MANUFACTURER, tpm->manufacturer) &&
	    add_tpm_name(dir, X509_TPM_MODEL, tpm->model) &&
	    add_tpm_name(dir, X509_TPM_VERSION, tpm->version);

	if (ok) {
		GENERAL_NAME_set0_value(name, GEN_DIRNAME, dir);
		dir = NULL;
		ok = sk_GENERAL_NAME_push(names, name) > 0;
	}
	if (ok) {
		name = NULL;
		ok = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 1, 0)
		    == 1;
	}
	X509_NAME_free(dir);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return ok;
}

/* att.8: for this and nothing else, and not critical */
static bool
add_ak_purpose(X509 *x)
{
	EXTENDED_KEY_USAGE *purposes = EXTENDED_KEY_USAGE_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(X509_AK_PURPOSE, 1);
	bool ok = purposes != NULL && oid != NULL &&
	    sk_ASN1_OBJECT_push(purposes, oid) > 0;

	if (!ok)
		ASN1_OBJECT_free(oid);
	ok = ok && X509_add1_ext_i2d(x, NID_ext_key_usage, purposes, 0, 0)
	    == 1;
	EXTENDED_KEY_USAGE_free(purposes);
	return ok;
}

/*
 * att.8: what relying parties want of an AK, and not a word more; an AAGUID
 * would be permitted, but webauthn4j compares it with the wrong bytes.
 */
static bool
add_ak_extensions(X509 *x, const struct certificate_plan *plan)
{
	return add_constraints(x, plan->kind) &&
	    add_authority_key_id(x, plan->issuer) &&
	    add_tpm(x, plan->tpm) && add_ak_purpose(x);
}

static bool
add_extensions(X509 *x, const struct certificate_plan *plan)
{
	if (plan->kind == CERTIFICATE_AK)
		return add_ak_extensions(x, plan);
	if (!add_constraints(x, plan->kind) || !add_subject_key_id(x))
		return false;
	if (plan->issuer != NULL && !add_authority_key_id(x, plan->issuer))
		return false;
	/* att.6: U2F knows no AAGUID; the one that clients put is zero */
	if (plan->kind == CERTIFICATE_U2F)
		return add_transports(x);
	if (is_leaf(plan->kind) && !add_octets(x, X509_AAGUID, plan->aaguid,
	    AAGUID_LEN))
		return false;
	/* att.5: nobody else's certificate may have it */
	return plan->kind != CERTIFICATE_ENTERPRISE || add_octets(x,
	    X509_SERNUM, plan->serial, CERTIFICATE_SERIAL_LEN);
}

/* att.3, for plans of leaves */
int
certificate_make(const struct certificate_plan *plan, X509 **out)
{
	X509 *x;

	x = X509_new();
	if (x == NULL)
		return -ENOMEM;
	if (X509_set_version(x, X509_VERSION_3) == 1 &&
	    set_serial(x) && set_validity(x, plan) &&
	    set_subject(x, plan) &&
	    X509_set_issuer_name(x, X509_get_subject_name(
	    plan->issuer != NULL ? plan->issuer : x)) == 1 &&
	    X509_set_pubkey(x, plan->key) == 1 && add_extensions(x, plan) &&
	    X509_sign(x, plan->issuer_key,
	    x509_digest_for(plan->issuer_key)) > 0) {
		*out = x;
		return 0;
	}
	X509_free(x);
	return -EIO;
}

void
certificate_tpm_id(uint32_t id, char out[static 12])
{
	snprintf(out, 12, "id:%08X", id);
}

EVP_PKEY *
certificate_cose_key(struct span cose)
{
	uint8_t spki[SPKI_MAX];
	const uint8_t *p = spki;
	EVP_PKEY *key;
	int alg;

	key = d2i_PUBKEY(NULL, &p, (long)spki_from_cose(cose, spki, &alg));
	ERR_clear_error();
	return key;
}

int64_t
certificate_expiry(const X509 *cert)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return 0;
	return timegm(&tm);
}

int
certificate_der(X509 *cert, uint8_t **out, size_t *len)
{
	uint8_t *der, *p;
	int n;

	n = i2d_X509(cert, NULL);
	if (n <= 0)
		return -ENOMEM;
	der = p = malloc(n);
	if (der == NULL)
		return -ENOMEM;
	i2d_X509(cert, &p);
	*out = der;
	*len = n;
	return 0;
}

X509 *
certificate_parse(struct span der)
{
	const uint8_t *p = der.p;
	X509 *x;

	x = d2i_X509(NULL, &p, der.len);
	if (x != NULL && p == der.p + der.len)
		return x;
	X509_free(x);
	return NULL;
}

static const char *
read_chain(BIO *bio, X509 **out, size_t max, size_t *count)
{
	X509 *x;

	while ((x = PEM_read_bio_X509(bio, NULL, x509_no_passphrase, NULL)) !=
	    NULL) {
		if (*count == max) {
			X509_free(x);
			return "has too many certificates";
		}
		out[(*count)++] = x;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return "is not all PEM certificates";
	return *count == 0 ? "has no PEM certificate" : NULL;
}

static BIO *
bio_of(struct span s)
{
	return BIO_new_mem_buf(s.len > 0 ? (const void *)s.p : "", (int)s.len);
}

const char *
certificate_parse_chain(struct span pem, X509 **out, size_t max,
    size_t *count)
{
	const char *why = "cannot be read: out of memory";
	size_t n = 0;
	BIO *bio;

	if (pem.len > INT_MAX)
		return "is too big";
	ERR_clear_error();
	bio = bio_of(pem);
	if (bio != NULL)
		why = read_chain(bio, out, max, &n);
	while (why != NULL && n > 0)
		X509_free(out[--n]);
	*count = n;
	ERR_clear_error();
	BIO_free(bio);
	return why;
}

/* Printable ASCII that fits; some TPMs' makers write more than relying
 * parties read. */
static bool
take_attribute(const X509_NAME *dir, const char *oid_text, char *out,
    size_t size)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(oid_text, 1);
	int at = X509_NAME_get_index_by_OBJ(dir, oid, -1);
	const ASN1_STRING *value;
	int len;

	ASN1_OBJECT_free(oid);
	if (at < 0)
		return false;
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(dir, at));
	len = ASN1_STRING_length(value);
	if (len <= 0 || (size_t)len >= size)
		return false;
	memcpy(out, ASN1_STRING_get0_data(value), (size_t)len);
	out[len] = '\0';
	for (int i = 0; i < len; i++)
		if (!isprint((unsigned char)out[i]))
			return false;
	return true;
}

bool
certificate_read_tpm(X509 *cert, struct certificate_tpm *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name,
	    NULL, NULL);
	bool there = false;

	for (int i = 0; !there && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const X509_NAME *dir = name->type == GEN_DIRNAME ?
		    name->d.directoryName : NULL;

		there = dir != NULL &&
		    take_attribute(dir, X509_TPM_MANUFACTURER,
		    out->manufacturer, sizeof(out->manufacturer)) &&
		    take_attribute(dir, X509_TPM_MODEL, out->model,
		    sizeof(out->model)) &&
		    take_attribute(dir, X509_TPM_VERSION, out->version,
		    sizeof(out->version));
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return there;
}

static bool
is_critical(X509 *x, int nid)
{
	int at = X509_get_ext_by_NID(x, nid, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at)) ==
	    1;
}

static const char *
judge_ak_names(X509 *x)
{
	struct certificate_tpm tpm;

	if (X509_NAME_entry_count(X509_get_subject_name(x)) != 0)
		return "has a subject, which that of an AK must not have";
	if (!certificate_read_tpm(x, &tpm))
		return "does not name the TPM (subject alternative name)";
	if (!is_critical(x, NID_subject_alt_name))
		return "names the TPM in an extension that is not critical";
	return NULL;
}

bool
certificate_has_purpose(X509 *cert, const char *oid_text)
{
	EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(cert,
	    NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *oid = OBJ_txt2obj(oid_text, 1);
	bool has = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++)
		has = has || OBJ_cmp(sk_ASN1_OBJECT_value(purposes, i), oid)
		    == 0;
	ASN1_OBJECT_free(oid);
	EXTENDED_KEY_USAGE_free(purposes);
	return has;
}

/* Whatever its key usage says of certificates, as others do not look there. */
bool
certificate_is_ca(X509 *cert)
{
	return (X509_get_extension_flags(cert) & EXFLAG_CA) != 0 ||
	    X509_check_ca(cert) != 0;
}

/* Some want it first, some alone, and some not critical. */
static bool
has_ak_purpose_only(X509 *x)
{
	EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(x, NID_ext_key_usage,
	    NULL, NULL);
	bool alone = sk_ASN1_OBJECT_num(purposes) == 1;

	EXTENDED_KEY_USAGE_free(purposes);
	return alone && certificate_has_purpose(x, X509_AK_PURPOSE) &&
	    !is_critical(x, NID_ext_key_usage);
}

/* att.8 */
const char *
certificate_judge_ak(X509 *cert)
{
	const char *why = NULL;

	if (X509_get_version(cert) != X509_VERSION_3)
		why = "is not of version 3";
	else if (!is_critical(cert, NID_basic_constraints) ||
	    certificate_is_ca(cert))
		why = "does not say that it is no CA (basic constraints, "
		    "critical)";
	else if (!has_ak_purpose_only(cert))
		why = "is not for an AK alone (extended key usage "
		    X509_AK_PURPOSE ", not critical)";
	else
		why = judge_ak_names(cert);
	ERR_clear_error();
	return why;
}

static bool
curve_is(const EVP_PKEY *key, const char *name)
{
	char curve[32];

	return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
	    curve, sizeof(curve), NULL) == 1 && strcmp(curve, name) == 0;
}

static bool
key_is_usable(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_is_a(key, "EC") &&
	    (curve_is(key, SN_X9_62_prime256v1) || curve_is(key,
	    SN_secp384r1));
}

static const char *
judge_root(X509 *x, EVP_PKEY *key, int64_t now_s)
{
	time_t now = now_s;

	if (i2d_X509(x, NULL) > CERTIFICATE_DER_MAX)
		return "certificate is too big";
	if (X509_check_private_key(x, key) != 1)
		return "key does not belong to its certificate";
	if (!key_is_usable(key))
		return "key is neither P-256, P-384 nor RSA of 2048 bits";
	if ((X509_get_key_usage(x) & KU_KEY_CERT_SIGN) == 0)
		return "may not sign certificates (key usage)";
	if (X509_get_version(x) != X509_VERSION_3 || X509_check_ca(x) != 1)
		return "is not a CA certificate";
	if (X509_get_pathlen(x) == 0)
		return "permits no intermediate (path length 0)";
	if (X509_check_issued(x, x) != X509_V_OK || X509_verify(x, key) != 1)
		return "is not signed by itself";
	if (X509_cmp_time(X509_get0_notBefore(x), &now) >= 0)
		return "is not valid yet";
	if (certificate_expiry(x) <= now_s)
		return "has expired";
	return NULL;
}

int
certificate_parse_root(struct span cert_pem, struct span key_pem,
    int64_t now_s, X509 **cert, EVP_PKEY **key, const char **why)
{
	BIO *cert_bio, *key_bio;
	X509 *x = NULL;
	EVP_PKEY *k = NULL;
	int r = -ENOMEM;

	*why = "could not be read: out of memory";
	cert_bio = bio_of(cert_pem);
	key_bio = bio_of(key_pem);
	if (cert_bio == NULL || key_bio == NULL)
		goto out;
	r = -EINVAL;
	*why = "certificate is not a PEM certificate";
	x = PEM_read_bio_X509(cert_bio, NULL, x509_no_passphrase, NULL);
	if (x == NULL)
		goto out;
	*why = "key is not an unencrypted PEM private key";
	k = PEM_read_bio_PrivateKey(key_bio, NULL, x509_no_passphrase, NULL);
	if (k == NULL)
		goto out;
	*why = judge_root(x, k, now_s);
	if (*why != NULL)
		goto out;
	r = 0;
	*cert = x;
	*key = k;
	x = NULL;
	k = NULL;
out:
	X509_free(x);
	EVP_PKEY_free(k);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	ERR_clear_error();
	return r;
}
