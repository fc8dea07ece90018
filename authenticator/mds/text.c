/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "authenticator/attest/certificate.h"
#include "authenticator/date.h"

json_t *
mds_base64(struct span bytes)
{
	unsigned char *text = malloc((bytes.len + 2) / 3 * 4 + 1);
	json_t *json = NULL;
	int len;

	if (text != NULL) {
		len = EVP_EncodeBlock(text, bytes.p, (int)bytes.len);
		json = json_stringn((const char *)text, (size_t)len);
	}
	free(text);
	return json;
}

json_t *
mds_base64_cert(X509 *cert)
{
	json_t *json = NULL;
	uint8_t *der;
	size_t len;

	if (certificate_der(cert, &der, &len) == 0) {
		json = mds_base64(span(der, len));
		free(der);
	}
	return json;
}

json_t *
mds_base64_pem(const char *pem)
{
	BIO *bio = pem != NULL ? BIO_new_mem_buf(pem, -1) : NULL;
	json_t *list = json_array();
	X509 *cert;

	while (bio != NULL &&
	    (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		(void)json_array_append_new(list, mds_base64_cert(cert));
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

void
mds_date(int64_t now_s, char out[static MDS_DATE_LEN])
{
	time_t t = now_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out, MDS_DATE_LEN, "%Y-%m-%d", &tm) != MDS_DATE_LEN - 1)
		snprintf(out, MDS_DATE_LEN, "1970-01-01");
}

bool
mds_is_date(const char *text)
{
	int64_t time_ms;

	/* years of four digits that mean it */
	return strlen(text) == MDS_DATE_LEN - 1 && text[0] != '0' &&
	    date_parse(text, &time_ms);
}
