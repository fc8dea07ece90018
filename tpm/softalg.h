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
#define SOFTALG_ROWS		 11

struct ecdsa;
struct ecdsa_stock;

/* What OpenSSL takes long to make, made once. All zero: none. */
struct softalg_tools {
	EVP_MD_CTX	*md_ctx;
	struct ecdsa_stock *stock;	/* of ES256; NULL: none */
	struct softalg_tool {		/* of one row */
		bool		 ready;
		struct ecdsa	*ecdsa;
		EVP_MD		*md;
		EVP_PKEY_CTX	*import;
	} tool[SOFTALG_ROWS];
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
	int		 crv;		/* enum cose_curve; 0: has none */
	const char	*md;		/* NULL: hashes by itself */
	const char	*type;		/* NULL: ECDSA, see ecdsa.h */
	size_t		 seed_len;	/* EdDSA and ML-DSA */
	size_t		 pub_len;
	/* NULL: by a search for primes. Writes the secret and op->out_pub. */
	int		(*generate)(struct softalg_tools *t,
			    const struct softalg *a, uint8_t *secret,
			    struct key_op *op);
	/* NULL: not worth keeping parsed. */
	int		(*parse)(struct softalg_tools *t,
			    const struct softalg *a, const uint8_t *secret,
			    struct softalg_key *k);
	/* k is NULL without parse. Writes op->out_sig. */
	int		(*sign)(struct softalg_tools *t,
			    const struct softalg *a, const uint8_t *secret,
			    struct softalg_key *k, struct key_op *op);
};

/* NULL: no such row. */
const struct softalg *softalg_find(int alg);
const struct softalg *softalg_find_code(uint8_t code);

/*
 * Looks what this OpenSSL has: it may be built without a curve, and knows
 * ML-DSA since 3.5. softalg_tools_done() is needed, and right, in any case.
 */
int softalg_tools_init(struct softalg_tools *t);
void softalg_tools_done(struct softalg_tools *t);
void softalg_key_done(struct softalg_key *k);

/* Whether there is a row, and OpenSSL does what it says. */
bool softalg_has(const struct softalg_tools *t, int alg);

/* Keys of ES256 are made ahead from now on, if a fork wipes them. -ENOMEM. */
int softalg_stock(struct softalg_tools *t);

/* The public key of an RSA secret, p || q, for op->alg to op->out_pub. */
int softalg_publish_primes(const uint8_t *secret, struct key_op *op);

#endif
