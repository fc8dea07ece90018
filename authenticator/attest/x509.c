/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/attest/x509.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>

bool
x509_random_serial(uint8_t out[static X509_SERIAL_LEN])
{
	if (RAND_bytes(out, X509_SERIAL_LEN) != 1)
		return false;
	out[0] = (out[0] & 0x3f) | 0x40;
	return true;
}

bool
x509_set_serial(X509 *x, struct span serial)
{
	BIGNUM *bn = BN_bin2bn(serial.p, (int)serial.len, NULL);
	bool ok = bn != NULL &&
	    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;

	BN_free(bn);
	return ok;
}

bool
x509_add_extension(X509 *x, const char *oid, bool critical, struct span der)
{
	ASN1_OBJECT *name = OBJ_txt2obj(oid, 0);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	bool ok = name != NULL && value != NULL &&
	    ASN1_OCTET_STRING_set(value, der.p, (int)der.len) == 1;

	if (ok)
		ext = X509_EXTENSION_create_by_OBJ(NULL, name, critical,
		    value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(name);
	return ok;
}

bool
x509_authority(X509 *issuer, X509_EXTENSION **out)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
	AUTHORITY_KEYID *akid;

	*out = NULL;
	if (id == NULL)
		return true;
	akid = AUTHORITY_KEYID_new();
	if (akid == NULL)
		return false;
	akid->keyid = ASN1_OCTET_STRING_dup(id);
	if (akid->keyid != NULL)
		*out = X509V3_EXT_i2d(NID_authority_key_identifier, 0, akid);
	AUTHORITY_KEYID_free(akid);
	return *out != NULL;
}

bool
x509_set_validity(X509 *x, int64_t from_s, int64_t until_s)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, from_s);
	ASN1_TIME *until = ASN1_TIME_set(NULL, until_s);
	bool ok = from != NULL && until != NULL &&
	    X509_set1_notBefore(x, from) == 1 &&
	    X509_set1_notAfter(x, until) == 1;

	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return ok;
}

const EVP_MD *
x509_digest_for(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return NULL;
	return EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256();
}

int
x509_no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}
