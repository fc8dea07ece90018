/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation statements, judged by others than those who made them: CBOR by
 * libcbor, certificates, DER and signatures by OpenSSL, JSON by jansson; what
 * is signed is put together here, from WebAuthn Level 3, 8.2 to 8.9. What is
 * wrong ends the test through cmocka.
 */
#ifndef TESTS_STATEMENT_H
#define TESTS_STATEMENT_H

#include <openssl/x509.h>

#include "authenticator/engine/engine.h"
#include "authenticator/store/store.h"

struct statement_case {
	struct store	*store;		/* of the key: has the trust anchors */
	struct span	 reply;		/* status and CBOR: makeCredential's */
	struct span	 client_data_hash;
	const char	*rp_id;
	enum attestation_kind kind;	/* that it has to be */
	size_t		 certificates;	/* that are to be sent; of a compound
					 * one, by its first */
};

/* The credential has to be of ES256. */
void statement_judge(const struct statement_case *c);
/* The first certificate, to be freed. */
X509 *statement_leaf(const struct statement_case *c);

#endif
