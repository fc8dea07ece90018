/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs metadata: a root, an intermediate, and signers that are made for
 * one BLOB each. Not the CA that certifies keys: who trusts one of them need
 * not trust the other. One for each state directory, in its folder mds
 * (mds.md), where the number of the last BLOB is kept, too; or one in memory,
 * for whoever needs a BLOB once.
 *
 * The root is made with the authority, or brought by a tester, whose key is
 * used once, for the intermediate, and not kept.
 *
 * Errors are negative errno values with one line in msg: -EUCLEAN a file is
 * damaged, -EINVAL the brought root is not usable, -EKEYEXPIRED it is over,
 * others as the file system says.
 */
#ifndef AUTHENTICATOR_MDS_AUTHORITY_H
#define AUTHENTICATOR_MDS_AUTHORITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "authenticator/attest/attestation.h"

#define MDS_DIGEST_LEN	32	/* bytes, SHA-256 */

struct mds_authority;

/*
 * state: the state directory's absolute path; NULL: in memory. brought NULL:
 * the one that is there, or else a new one.
 */
int mds_authority_open(const char *state,
    const struct attestation_root *brought, int64_t now_s,
    struct mds_authority **out, char *msg, size_t msglen);
void mds_authority_free(struct mds_authority *a);	/* accepts NULL */

/* PEM, to be freed with free(); NULL: out of memory. */
char *mds_authority_root_pem(const struct mds_authority *a);
X509 *mds_authority_root(const struct mds_authority *a);	/* borrowed */
X509 *mds_authority_ca(const struct mds_authority *a);

/*
 * The number of a BLOB whose contents, without it, have that digest: that of
 * the last one, if those were the same, or the next. Durable. least: not less
 * than that, if it is a new one.
 */
int mds_authority_number(struct mds_authority *a,
    const uint8_t digest[static MDS_DIGEST_LEN], uint64_t least,
    uint64_t *no, char *msg, size_t msglen);

/* As attestation_crl(), of the root or of the intermediate. */
int mds_authority_crl(const struct mds_authority *a,
    enum attestation_ca which, int64_t now_s, uint8_t **out, size_t *len);

/* What is wrong with a signer; 0 is an honest one. */
enum mds_signer_flaw {
	SIGNER_REVOKED = 0x01,		/* its number is on the CRL */
	SIGNER_EXPIRED = 0x02,
	SIGNER_NOT_YET = 0x04,
	SIGNER_FORGED = 0x08,		/* somebody else signed it, in the
					 * name of the intermediate */
	SIGNER_SELF_SIGNED = 0x10,
	SIGNER_ANOTHER_ROOT = 0x20,	/* a whole chain of the same names,
					 * with keys of its own */
};

struct mds_signer_plan {
	bool		 rsa;		/* RS256, else ES256 */
	const char	*crl_url;	/* of the intermediate; NULL: none */
	int64_t		 now_s;
	unsigned	 flaws;
};

/* The certificates that x5c lists: the signer's, and what is below the root. */
struct mds_signer {
	EVP_PKEY	*key;
	X509		*cert[2];
	size_t		 count;
};

/* 0, -ENOMEM or -EIO, without a line. *out is zeroed before. */
int mds_signer_make(const struct mds_authority *a,
    const struct mds_signer_plan *plan, struct mds_signer *out);
void mds_signer_done(struct mds_signer *s);	/* any number of times */

#endif
