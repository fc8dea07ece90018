/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_tpm.h. Structures: TPM 2.0 Library, Part 2, 10.12 and 12.2. */
#include "conformance/sim_tpm.h"

#include <assert.h>
#include <errno.h>

#include <openssl/evp.h>

#define SHA256_LEN	32

static const uint8_t no_epoch[KEY_EPOCH_LEN];

/*
 * TPMT_PUBLIC up to the point: ECC, SHA-256, fixedTPM, fixedParent,
 * sensitiveDataOrigin, userWithAuth, noDA, sign; no policy, no symmetric
 * algorithm, no scheme, P-256, no KDF.
 */
static const uint8_t public_head[] = {
	0x00, 0x23, 0x00, 0x0b, 0x00, 0x04, 0x04, 0x72, 0x00, 0x00,
	0x00, 0x10, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10,
};

/* TPMS_ATTEST as far as qualifiedSigner: TPM_GENERATED, certify, no name */
static const uint8_t attest_head[] = {
	0xff, 0x54, 0x43, 0x47, 0x80, 0x17, 0x00, 0x00,
};

/* clock, resetCount, restartCount, safe; firmwareVersion */
static const uint8_t attest_clock[] = {
	0, 0, 0, 0, 0, 0, 0x10, 0x00, 0, 0, 0, 1, 0, 0, 0, 1, 1,
	0, 0, 0, 0, 0, 0, 0, 1,
};

struct writer {
	uint8_t	*at;
	size_t	 len, room;
};

static void
put(struct writer *w, const void *p, size_t len)
{
	assert(len <= w->room - w->len);
	memcpy(w->at + w->len, p, len);
	w->len += len;
}

/* A TPM2B: two bytes of length, then what is so long. */
static void
put_sized(struct writer *w, const void *p, size_t len)
{
	const uint8_t size[] = { (uint8_t)(len >> 8), (uint8_t)len };

	put(w, size, sizeof(size));
	put(w, p, len);
}

static void
put_public(const struct sim_tpm *t, struct key_op *op)
{
	struct writer w = { op->out_pub_area, 0, sizeof(op->out_pub_area) };

	put(&w, public_head, sizeof(public_head));
	put_sized(&w, t->point + 1, 32);
	put_sized(&w, t->point + 33, 32);
	op->out_pub_area_len = w.len;
}

static bool
digest(const struct span *parts, size_t n, uint8_t out[static SHA256_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestInit(md, EVP_sha256()) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(md, parts[i].p, parts[i].len) == 1;
	ok = ok && EVP_DigestFinal(md, out, NULL) == 1;
	EVP_MD_CTX_free(md);
	return ok;
}

/* extraData, and the name of what is certified: its qualified name, too */
static bool
put_attest(struct key_op *op)
{
	struct writer w = { op->out_cert_info, 0, sizeof(op->out_cert_info) };
	struct span pub_area = span(op->out_pub_area, op->out_pub_area_len);
	uint8_t extra[SHA256_LEN], name[2 + SHA256_LEN] = { 0x00, 0x0b };

	if (!digest(op->data, 2, extra) || !digest(&pub_area, 1, name + 2))
		return false;
	put(&w, attest_head, sizeof(attest_head));
	put_sized(&w, extra, sizeof(extra));
	put(&w, attest_clock, sizeof(attest_clock));
	put_sized(&w, name, sizeof(name));
	put_sized(&w, name, sizeof(name));
	op->out_cert_info_len = w.len;
	return true;
}

static int
certify(struct sim_tpm *t, struct keys *keys, struct key_op *op)
{
	struct key_op sign = {
		.verb = KEY_SIGN,
		.blob = op->signer,
		.epoch = span(no_epoch, sizeof(no_epoch)),
		.bound = op->signer_bound,
	};

	if (op->strict ||
	    !span_eq(op->blob, span(t->blob, t->blob_len)))
		return -ENOTSUP;
	put_public(t, op);
	if (!put_attest(op))
		return -ENOMEM;
	sign.data[0] = span(op->out_cert_info, op->out_cert_info_len);
	if (keys_perform(keys, &sign) != 0)
		return sign.result;
	op->alg = sign.alg;
	memcpy(op->out_sig, sign.out_sig, sign.out_sig_len);
	op->out_sig_len = sign.out_sig_len;
	return 0;
}

static int
create(struct sim_tpm *t, struct keys *keys, struct key_op *op)
{
	t->blob_len = 0;
	if (keys_perform(keys, op) != 0 || op->alg != COSE_ES256)
		return op->result;
	memcpy(t->blob, op->out_blob, op->out_blob_len);
	t->blob_len = op->out_blob_len;
	cose_p256_point(span(op->out_pub, op->out_pub_len), t->point);
	return 0;
}

/* Counts, and says so. */
static int
pin_compare(struct sim_tpm *t, struct span hash)
{
	if (!t->pin_set || t->pin_failures == KEY_PIN_LIMIT)
		return -EACCES;
	t->pin_failures++;
	if (!span_eq(hash, span(t->pin_hash, sizeof(t->pin_hash))))
		return -EACCES;
	t->pin_failures = 0;
	return 0;
}

static int
pin_set(struct sim_tpm *t, const struct key_op *op)
{
	int r;

	assert(op->data[0].len == sizeof(t->pin_hash));
	if (t->pin_set != (op->data[1].p != NULL))
		return -EINVAL;
	r = t->pin_set ? pin_compare(t, op->data[1]) : 0;
	if (r != 0)
		return r;
	t->pin_set = true;
	memcpy(t->pin_hash, op->data[0].p, sizeof(t->pin_hash));
	return 0;
}

void
sim_tpm_perform(struct sim_tpm *t, struct keys *keys, struct key_op *op)
{
	op->out_blob_len = 0;
	switch (op->verb) {
	case KEY_CREATE:
		op->result = create(t, keys, op);
		return;
	case KEY_CERTIFY:
		op->result = certify(t, keys, op);
		return;
	case KEY_PIN_CHECK:
		op->result = pin_compare(t, op->data[0]);
		break;
	case KEY_PIN_SET:
		op->result = pin_set(t, op);
		break;
	case KEY_PIN_CLEAR:
		t->pin_set = false;
		t->pin_failures = 0;
		op->result = 0;
		break;
	default:
		keys_perform(keys, op);
		return;
	}
	op->pin_failures = t->pin_failures;
}
