/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the algorithms of software keys do differently: one row each. Knows
 * nothing of blobs and epochs. A secret is the private key as it is kept in
 * a blob (software.md); wiping it is the caller's business.
 *
 * Errors: -ENOMEM, -EIO (OpenSSL failed, or the secret makes no sense).
 */
#ifndef TPM_SOFTALG_H
#define TPM_SOFTALG_H

#include <openssl/evp.h>

#include "tpm/key.h"

#define SOFTALG_SECRET_MAX	256	/* bytes */

struct p256;

/* What OpenSSL takes long to make, made once. All zero: none. */
struct softalg_tools {
	struct p256	*p256;
	EVP_MD		*sha256;
	EVP_MD_CTX	*md_ctx;
	EVP_PKEY_CTX	*ed25519;	/* imports */
	EVP_PKEY_CTX	*rsa;		/* imports */
};

/* A secret, parsed. All zero: none. */
struct softalg_key {
	EVP_PKEY	*key;
	EVP_PKEY_CTX	*signer;	/* RSA only */
};

struct softalg {
	int		 alg;
	uint8_t		 code;		/* in blobs: never change one */
	size_t		 secret_len;
	/* NULL: by a search for primes. Writes the secret and op->out_pub. */
	int		(*generate)(struct softalg_tools *t, uint8_t *secret,
			    struct key_op *op);
	/* NULL: not worth keeping parsed. */
	int		(*parse)(struct softalg_tools *t,
			    const uint8_t *secret, struct softalg_key *k);
	/* k is NULL without parse. Writes op->out_sig. */
	int		(*sign)(struct softalg_tools *t,
			    const uint8_t *secret, struct softalg_key *k,
			    struct key_op *op);
};

/* NULL: no such row. */
const struct softalg *softalg_find(int alg);
const struct softalg *softalg_find_code(uint8_t code);

/* softalg_tools_done() is needed, and right, in either case. */
int softalg_tools_init(struct softalg_tools *t);
void softalg_tools_done(struct softalg_tools *t);
void softalg_key_done(struct softalg_key *k);

/* The public key of an RSA secret, p || q, to op->out_pub. */
int softalg_publish_primes(const uint8_t *secret, struct key_op *op);

#endif
