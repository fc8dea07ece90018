/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider for tests of the store. See fake_keys.h. Nonces are derived
 * from what is sealed: the same row gives the same bytes.
 */
#include "tests/fake_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NONCE_LEN	12
#define TAG_LEN		16

struct fake_keys {
	struct keys	 keys;
	uint32_t	 device;
	bool		 unlocked;
	uint8_t		 storage_key[32];
	EVP_CIPHER	*cipher;
	EVP_CIPHER_CTX	*ctx;
};

static struct fake_keys *
self(struct keys *k)
{
	return (struct fake_keys *)k;
}

static void
derive(struct fake_keys *f)
{
	char seed[32] = "fake storage key of device ";

	memcpy(seed + 27, &f->device, sizeof(f->device));
	EVP_Digest(seed, sizeof(seed), f->storage_key, NULL, EVP_sha256(),
	    NULL);
	f->unlocked = true;
}

/* "Wrapped": the number of the device, and filling. */
static int
fake_new_storage_key(struct keys *k, uint8_t wrapped[static KEY_WRAPPED_MAX],
    size_t *len)
{
	memset(wrapped, 0x57, 64);
	memcpy(wrapped, &self(k)->device, sizeof(uint32_t));
	*len = 64;
	derive(self(k));
	return 0;
}

static int
fake_unlock(struct keys *k, struct span wrapped)
{
	if (wrapped.len < 64 || wrapped.len > KEY_WRAPPED_MAX ||
	    memcmp(wrapped.p, &self(k)->device, sizeof(uint32_t)) != 0)
		return -EBADMSG;
	derive(self(k));
	return 0;
}

static int
hmac(struct fake_keys *f, const char *label, struct span a, struct span b,
    uint8_t out[static 32])
{
	uint8_t data[80 + 65536];
	size_t n = strlen(label) + 1;

	if (!f->unlocked || n + a.len + b.len > sizeof(data))
		return -EINVAL;
	memcpy(data, label, n);
	if (a.len > 0)
		memcpy(data + n, a.p, a.len);
	if (b.len > 0)
		memcpy(data + n + a.len, b.p, b.len);
	return HMAC(EVP_sha256(), f->storage_key, 32, data,
	    n + a.len + b.len, out, NULL) != NULL ? 0 : -EIO;
}

static int
fake_seal(struct keys *k, struct span ad, struct span plain, uint8_t *out)
{
	struct fake_keys *f = self(k);
	uint8_t nonce[32], *body = out + NONCE_LEN;
	int n, r;

	if ((r = hmac(f, "nonce", ad, plain, nonce)) != 0)
		return r;
	memcpy(out, nonce, NONCE_LEN);
	if (EVP_EncryptInit_ex2(f->ctx, f->cipher, f->storage_key, out,
	    NULL) != 1 ||
	    EVP_EncryptUpdate(f->ctx, NULL, &n, ad.p, (int)ad.len) != 1 ||
	    EVP_EncryptUpdate(f->ctx, body, &n, plain.p, (int)plain.len) != 1
	    || EVP_EncryptFinal_ex(f->ctx, body + plain.len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(f->ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN,
	    body + plain.len) != 1)
		return -EIO;
	return 0;
}

static int
fake_open(struct keys *k, struct span ad, struct span sealed, uint8_t *out)
{
	struct fake_keys *f = self(k);
	size_t len = sealed.len - KEY_SEAL_OVERHEAD;
	uint8_t tag[TAG_LEN];
	int n;

	if (!f->unlocked || sealed.len < KEY_SEAL_OVERHEAD)
		return -EBADMSG;
	memcpy(tag, sealed.p + NONCE_LEN + len, TAG_LEN);
	if (EVP_DecryptInit_ex2(f->ctx, f->cipher, f->storage_key, sealed.p,
	    NULL) != 1 ||
	    EVP_DecryptUpdate(f->ctx, NULL, &n, ad.p, (int)ad.len) != 1 ||
	    EVP_DecryptUpdate(f->ctx, out, &n, sealed.p + NONCE_LEN,
	    (int)len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(f->ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag)
	    != 1)
		return -EIO;
	return EVP_DecryptFinal_ex(f->ctx, out + len, &n) == 1 ? 0 :
	    -EBADMSG;
}

static int
fake_tag(struct keys *k, const char *label, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	uint8_t md[32];
	int r;

	if ((r = hmac(self(k), label, data, span(NULL, 0), md)) == 0)
		memcpy(out, md, KEY_TAG_LEN);
	return r;
}

static bool
fake_start(struct keys *k, struct key_op *op)
{
	(void)k;
	op->result = -ENOTSUP;
	return true;
}

static struct key_op *
fake_poll(struct keys *k)
{
	(void)k;
	return NULL;
}

static int
fake_fd(const struct keys *k)
{
	(void)k;
	return -1;
}

static void
fake_abandon(struct keys *k, struct key_op *op)
{
	(void)k;
	(void)op;
}

static bool
fake_has_alg(const struct keys *k, int alg)
{
	(void)k;
	(void)alg;
	return false;
}

static const struct keys_info *
fake_info(const struct keys *k)
{
	static const struct keys_info info = { .kind = "fake",
	    .target = "none" };

	(void)k;
	return &info;
}

static int
fake_rewrap(struct keys *k, uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	(void)pcrs;
	(void)recovery;
	return fake_new_storage_key(k, wrapped, len);
}

static int
fake_destroy(struct keys *k)
{
	self(k)->unlocked = false;
	return 0;
}

static const char *
fake_strerror(const struct keys *k)
{
	(void)k;
	return "";
}

void
fake_keys_free(struct keys *k)
{
	struct fake_keys *f = (struct fake_keys *)k;

	if (f == NULL)
		return;
	EVP_CIPHER_CTX_free(f->ctx);
	EVP_CIPHER_free(f->cipher);
	free(f);
}

static const struct keys_ops fake_ops = {
	.name = "fake",
	.new_storage_key = fake_new_storage_key,
	.unlock = fake_unlock,
	.start = fake_start,
	.poll = fake_poll,
	.fd = fake_fd,
	.abandon = fake_abandon,
	.seal = fake_seal,
	.open = fake_open,
	.tag = fake_tag,
	.has_alg = fake_has_alg,
	.in_tpm = fake_has_alg,
	.info = fake_info,
	.rewrap = fake_rewrap,
	.destroy = fake_destroy,
	.strerror = fake_strerror,
	.free = fake_keys_free,
};

struct keys *
fake_keys_new(uint32_t device)
{
	struct fake_keys *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->keys.ops = &fake_ops;
	f->device = device;
	f->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	f->ctx = EVP_CIPHER_CTX_new();
	return &f->keys;
}
