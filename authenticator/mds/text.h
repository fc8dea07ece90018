/* SPDX-License-Identifier: Apache-2.0 */
/* How metadata writes down bytes and days. */
#ifndef AUTHENTICATOR_MDS_TEXT_H
#define AUTHENTICATOR_MDS_TEXT_H

#include <jansson.h>
#include <openssl/x509.h>

#include "ctap/span.h"

#define MDS_DATE_LEN	11	/* bytes, "2026-01-05" and a NUL */

/* base64, not base64url. A new reference; NULL: out of memory. */
json_t *mds_base64(struct span bytes);
json_t *mds_base64_cert(X509 *cert);
/* The certificates of a PEM text, each like that; NULL: it has none. */
json_t *mds_base64_pem(const char *pem);

/* The day, in UTC, that now_s (seconds since 1970) is in. */
void mds_date(int64_t now_s, char out[static MDS_DATE_LEN]);
/* Whether it is a day that there is, written like that. */
bool mds_is_date(const char *text);

#endif
