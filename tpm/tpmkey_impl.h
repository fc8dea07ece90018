/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files tpmkey*.c share: keys of blobs, opened and in the TPM.
 *
 * Invariants:
 *  1. No private key is ever outside of the TPM, but encrypted by it.
 *  2. What tk->loaded holds came out of a blob that was opened by a wrap that
 *     is still in tk->wraps, which is its owner there.
 *  3. CredRandom secrets cross the bus encrypted, and so does what selects
 *     one.
 */
#ifndef TPM_TPMKEY_IMPL_H
#define TPM_TPMKEY_IMPL_H

#include <openssl/evp.h>

#include "tpm/loaded.h"
#include "tpm/tpmalg.h"
#include "tpm/tpmkey.h"
#include "tpm/wrap.h"

#define TPMKEY_BLOB_VERSION	2	/* 1 is softkey.h's */
#define TPMKEY_HEAD_LEN		2	/* code and shape, length of meta */
#define TPMKEY_SHAPE_SHIFT	6	/* in the byte that has the code */
#define TPMKEY_SHAPES		(KEY_RESTRICTED | KEY_WITH_POLICY)
#define TPMKEY_PRIVATE_MAX	400	/* bytes; libtpms: 222 for RSA-2048 */
#define TPMKEY_PLAIN_MAX	(TPMKEY_HEAD_LEN + KEY_META_MAX + \
				 TPMALG_UNIQUE_MAX + TPMKEY_PRIVATE_MAX)

_Static_assert(WRAP_OVERHEAD + TPMKEY_PLAIN_MAX <= KEY_BLOB_MAX, "it fits");

struct tpmkeys {
	struct link	*link;
	struct wraps	 wraps;
	struct loaded	*loaded;
	bool		 has[TPMALG_ROWS];
	EVP_MD_CTX	*md_ctx;
	EVP_MD		*md[TPMALG_ROWS];
	EVP_MD		*sha256;
};

/* What is inside a blob: HEAD, meta, unique, private (tpmkey.md). */
struct opened {
	struct wrap	*wrap;
	const struct tpmalg *alg;
	unsigned	 shape;
	uint8_t		 plain[TPMKEY_PLAIN_MAX];
	size_t		 len;
	struct span	 meta, unique, private;
};

/* The caller wipes *o, whatever comes back. */
int tpmkey_open_blob(struct tpmkeys *tk, struct span blob, struct span epoch,
    struct span bound, struct opened *o);
/* Writes op->out_blob. */
int tpmkey_seal_blob(struct tpmkeys *tk, const struct tpmalg *a,
    struct span unique, struct span private, struct key_op *op);

/* a || b with the hash of an algorithm. */
int tpmkey_hash_for(struct tpmkeys *tk, const struct tpmalg *a,
    const struct span data[2], TPM2B_DIGEST *out);

/* TPMT_PUBLIC of a key, as the TPM has it. */
void tpmkey_public(const struct opened *o, TPMT_PUBLIC *out);
/* Into the TPM, held until the operation is over. */
int tpmkey_load(struct tpmkeys *tk, const struct opened *o, ESYS_TR *out);
/*
 * After a command that used what is held: whether to do it all over, because
 * the TPM had lost something. Once: what has just been loaded is there.
 */
bool tpmkey_reload(struct tpmkeys *tk, TSS2_RC rc, bool *reloaded);

/*
 * Whether a signature of a digest is by that key; another may have been loaded
 * into its place by somebody else (link_is_shared()).
 */
int tpmkey_check(struct tpmkeys *tk, const struct opened *o,
    const TPM2B_DIGEST *digest, struct span sig, const char *doing);

/* What the TPM says: not with these parameters. */
bool tpmkey_rc_unsupported(TSS2_RC rc);

/* The verbs. */
int tpmkey_create(struct tpmkeys *tk, struct key_op *op);
int tpmkey_sign(struct tpmkeys *tk, const struct opened *o, struct key_op *op);
int tpmkey_hmac(struct tpmkeys *tk, const struct opened *o, struct key_op *op);
int tpmkey_certify(struct tpmkeys *tk, const struct opened *o,
    struct key_op *op);

#endif
