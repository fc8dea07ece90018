/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/attest/crl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/x509.h"

#define CRL_VERSION_2	1	/* as it is encoded */
#define HOUR_S		3600LL	/* for clocks that are behind */

/* "REVOKED BY TEST!" */
const uint8_t crl_revoked_serial[X509_SERIAL_LEN] = {
	0x52, 0x45, 0x56, 0x4f, 0x4b, 0x45, 0x44, 0x20,
	0x42, 0x59, 0x20, 0x54, 0x45, 0x53, 0x54, 0x21,
};

static bool
set_times(X509_CRL *crl, int64_t now_s)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, now_s - HOUR_S);
	ASN1_TIME *next = ASN1_TIME_set(NULL, now_s + CRL_VALID_S);
	bool ok = from != NULL && next != NULL &&
	    X509_CRL_set1_lastUpdate(crl, from) == 1 &&
	    X509_CRL_set1_nextUpdate(crl, next) == 1;

	ASN1_TIME_free(from);
	ASN1_TIME_free(next);
	return ok;
}

static bool
set_reason(X509_REVOKED *entry)
{
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	bool ok = reason != NULL &&
	    ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE) == 1 &&
	    X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0)
	    == 1;

	ASN1_ENUMERATED_free(reason);
	return ok;
}

static bool
add_revoked(X509_CRL *crl, int64_t now_s)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	BIGNUM *bn = BN_bin2bn(crl_revoked_serial, X509_SERIAL_LEN, NULL);
	ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(bn, NULL);
	ASN1_TIME *when = ASN1_TIME_set(NULL, now_s - HOUR_S);
	bool ok = entry != NULL && serial != NULL && when != NULL &&
	    X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
	    X509_REVOKED_set_revocationDate(entry, when) == 1 &&
	    set_reason(entry) && X509_CRL_add0_revoked(crl, entry) == 1;

	if (!ok)
		X509_REVOKED_free(entry);
	ASN1_TIME_free(when);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	return ok;
}

/* RFC 5280, 5.2.1 */
static bool
add_authority(X509_CRL *crl, X509 *issuer)
{
	X509_EXTENSION *ext;
	bool ok = x509_authority(issuer, &ext) &&
	    (ext == NULL || X509_CRL_add_ext(crl, ext, -1) == 1);

	X509_EXTENSION_free(ext);
	return ok;
}

/* 5.2.3: grows with time, and needs no memory for that */
static bool
add_number(X509_CRL *crl, int64_t now_s)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	bool ok = number != NULL &&
	    ASN1_INTEGER_set_int64(number, now_s) == 1 &&
	    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;

	ASN1_INTEGER_free(number);
	return ok;
}

static int
encode(X509_CRL *crl, uint8_t **out, size_t *len)
{
	int n = i2d_X509_CRL(crl, NULL);
	uint8_t *der, *p;

	der = p = n > 0 ? malloc((size_t)n) : NULL;
	if (der == NULL)
		return -ENOMEM;
	if (i2d_X509_CRL(crl, &p) != n) {
		free(der);
		return -EIO;
	}
	*out = der;
	*len = (size_t)n;
	return 0;
}

int
crl_make(X509 *issuer, EVP_PKEY *key, int64_t now_s, uint8_t **out,
    size_t *len)
{
	X509_CRL *crl = X509_CRL_new();
	int r = -ENOMEM;

	if (crl == NULL)
		return r;
	r = -EIO;
	if (X509_CRL_set_version(crl, CRL_VERSION_2) == 1 &&
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1
	    && set_times(crl, now_s) && add_revoked(crl, now_s) &&
	    add_authority(crl, issuer) && add_number(crl, now_s) &&
	    X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, key,
	    x509_digest_for(key)) > 0)
		r = encode(crl, out, len);
	X509_CRL_free(crl);
	ERR_clear_error();
	return r;
}
