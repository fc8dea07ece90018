/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/seal.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define MAC_LEN		32	/* bytes, SHA-256 */

void *
seal_memory_new(size_t len)
{
	void *p;

	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* Each is worth having without the others. */
	madvise(p, len, MADV_DONTDUMP);
	madvise(p, len, MADV_WIPEONFORK);
	mlock(p, len);
	return p;
}

void
seal_memory_free(void *p, size_t len)
{
	if (p == NULL)
		return;
	explicit_bzero(p, len);
	munmap(p, len);
}

static void *
wiping_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(len);
}

static void
wiping_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* realloc() could move it, and leave behind what was there. */
static void *
wiping_realloc(void *p, size_t len, const char *file, int line)
{
	size_t old = p != NULL ? malloc_usable_size(p) : 0;
	void *fresh;

	if (len == 0) {
		wiping_free(p, file, line);
		return NULL;
	}
	if (p != NULL && len <= old)
		return p;
	fresh = malloc(len);
	if (fresh == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, old);
	wiping_free(p, file, line);
	return fresh;
}

bool
seal_wipe_freed(void)
{
	return CRYPTO_set_mem_functions(wiping_malloc, wiping_realloc,
	    wiping_free) == 1;
}

/* What seal_memory_new() has asked for already: to know how that goes. */
bool
seal_wiped_on_fork(void *p, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)p & ~(page - 1);

	return madvise((void *)start, (uintptr_t)p + len - start,
	    MADV_WIPEONFORK) == 0;
}

void
seal_random_init(struct seal_random *r)
{
	r->left = 0;
	r->ahead = seal_wiped_on_fork(r, sizeof(*r));
}

int
seal_random_of(struct seal_random *r, int (*fill)(uint8_t *out, size_t len),
    uint8_t *out, size_t len)
{
	uint8_t *at;
	int error;

	if (!r->ahead || len > sizeof(r->bytes))
		return fill(out, len);
	if (r->left < len) {
		r->left = 0;
		if ((error = fill(r->bytes, sizeof(r->bytes))) != 0)
			return error;
		r->left = sizeof(r->bytes);
	}
	at = r->bytes + sizeof(r->bytes) - r->left;
	memcpy(out, at, len);
	explicit_bzero(at, len);
	r->left -= len;
	return 0;
}

static int
private_bytes(uint8_t *out, size_t len)
{
	return len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1 ? 0 :
	    -EIO;
}

int
seal_random(struct seal_random *r, uint8_t *out, size_t len)
{
	return seal_random_of(r, private_bytes, out, len);
}

int
seal_box_init(struct seal_box *b, const uint8_t key[static SEAL_KEY_LEN])
{
	EVP_CIPHER *gcm;
	int r = -ENOMEM;

	*b = (struct seal_box){ NULL, NULL };
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	b->enc = EVP_CIPHER_CTX_new();
	b->dec = EVP_CIPHER_CTX_new();
	if (gcm == NULL || b->enc == NULL || b->dec == NULL)
		goto out;
	r = -EIO;
	if (EVP_EncryptInit_ex2(b->enc, gcm, key, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(b->dec, gcm, key, NULL, NULL) != 1)
		goto out;
	r = 0;
out:
	EVP_CIPHER_free(gcm);
	if (r != 0)
		seal_box_done(b);
	return r;
}

void
seal_box_done(struct seal_box *b)
{
	EVP_CIPHER_CTX_free(b->enc);
	EVP_CIPHER_CTX_free(b->dec);
	*b = (struct seal_box){ NULL, NULL };
}

static bool
too_long(struct span a, struct span b, struct span c)
{
	return a.len > INT_MAX || b.len > INT_MAX || c.len > INT_MAX;
}

/* With out NULL, in is authenticated only. OpenSSL takes no empty input. */
static bool
update(EVP_CIPHER_CTX *ctx, uint8_t *out, struct span in)
{
	int n;

	if (in.len == 0)
		return true;
	return EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.len) == 1;
}

/* out begins with the nonce. */
static int
seal_behind(struct seal_box *b, struct span ad, struct span ad2,
    struct span plain, uint8_t *out)
{
	uint8_t *nonce = out, *text = out + SEAL_NONCE_LEN;
	uint8_t *tag = text + plain.len;
	int n;

	if (too_long(ad, ad2, plain))
		return -EINVAL;
	if (EVP_EncryptInit_ex2(b->enc, NULL, NULL, nonce, NULL) != 1 ||
	    !update(b->enc, NULL, ad) || !update(b->enc, NULL, ad2) ||
	    !update(b->enc, text, plain) ||
	    EVP_EncryptFinal_ex(b->enc, tag, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(b->enc, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_LEN,
	    tag) != 1)
		return -EIO;
	return 0;
}

int
seal_box_seal(struct seal_box *b, struct span ad, struct span ad2,
    struct span plain, uint8_t *out)
{
	if (RAND_bytes(out, SEAL_NONCE_LEN) != 1)
		return -EIO;
	return seal_behind(b, ad, ad2, plain, out);
}

int
seal_box_seal_random(struct seal_box *b, struct seal_random *r,
    struct span ad, struct span ad2, struct span plain, uint8_t *out)
{
	if (seal_random(r, out, SEAL_NONCE_LEN) != 0)
		return -EIO;
	return seal_behind(b, ad, ad2, plain, out);
}

int
seal_box_open(struct seal_box *b, struct span ad, struct span ad2,
    struct span sealed, uint8_t *out)
{
	uint8_t tag[SEAL_TAG_LEN], none[1];
	struct span text;
	int n;

	if (sealed.len < SEAL_OVERHEAD)
		return -EBADMSG;
	text = span(sealed.p + SEAL_NONCE_LEN, sealed.len - SEAL_OVERHEAD);
	if (too_long(ad, ad2, text))
		return -EINVAL;
	memcpy(tag, text.p + text.len, sizeof(tag));
	if (EVP_DecryptInit_ex2(b->dec, NULL, NULL, sealed.p, NULL) == 1 &&
	    update(b->dec, NULL, ad) && update(b->dec, NULL, ad2) &&
	    update(b->dec, out, text) &&
	    EVP_CIPHER_CTX_ctrl(b->dec, EVP_CTRL_GCM_SET_TAG, sizeof(tag),
	    tag) == 1 && EVP_DecryptFinal_ex(b->dec, none, &n) == 1)
		return 0;
	explicit_bzero(out, text.len);
	return -EBADMSG;
}

int
seal_derive(const uint8_t key[static SEAL_KEY_LEN], struct span salt,
    const char *info, uint8_t out[static SEAL_KEY_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
		    (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
		    (void *)key, SEAL_KEY_LEN),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
		    (void *)salt.p, salt.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
		    (void *)info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *hkdf;
	EVP_KDF_CTX *ctx = NULL;
	int r = -ENOMEM;

	hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (hkdf == NULL)
		goto out;
	ctx = EVP_KDF_CTX_new(hkdf);
	if (ctx == NULL)
		goto out;
	r = EVP_KDF_derive(ctx, out, SEAL_KEY_LEN, params) == 1 ? 0 : -EIO;
out:
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(hkdf);
	return r;
}

static int
names_init(struct seal_storage *s, const uint8_t key[static SEAL_KEY_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac;

	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (hmac == NULL)
		return -ENOMEM;
	s->names = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	if (s->names == NULL)
		return -ENOMEM;
	return EVP_MAC_init(s->names, key, SEAL_KEY_LEN, params) == 1 ?
	    0 : -EIO;
}

int
seal_storage_derive(const uint8_t key[static SEAL_KEY_LEN],
    uint8_t rows[static SEAL_KEY_LEN], uint8_t names[static SEAL_KEY_LEN])
{
	int r;

	r = seal_derive(key, span_str(""), "sealkey rows 1", rows);
	if (r == 0)
		r = seal_derive(key, span_str(""), "sealkey names 1", names);
	return r;
}

int
seal_storage_init_derived(struct seal_storage *s,
    const uint8_t rows[static SEAL_KEY_LEN],
    const uint8_t names[static SEAL_KEY_LEN])
{
	int r;

	memset(s, 0, sizeof(*s));
	r = seal_box_init(&s->rows, rows);
	if (r == 0)
		r = names_init(s, names);
	if (r != 0)
		seal_storage_done(s);
	return r;
}

int
seal_storage_init(struct seal_storage *s,
    const uint8_t key[static SEAL_KEY_LEN])
{
	uint8_t rows[SEAL_KEY_LEN], names[SEAL_KEY_LEN];
	int r;

	memset(s, 0, sizeof(*s));
	r = seal_storage_derive(key, rows, names);
	if (r == 0)
		r = seal_storage_init_derived(s, rows, names);
	explicit_bzero(rows, sizeof(rows));
	explicit_bzero(names, sizeof(names));
	return r;
}

void
seal_storage_done(struct seal_storage *s)
{
	seal_box_done(&s->rows);
	EVP_MAC_CTX_free(s->names);
	s->names = NULL;
}

int
seal_storage_tag(struct seal_storage *s, const char *label,
    struct span data, uint8_t *out, size_t len)
{
	uint8_t mac[MAC_LEN];
	size_t n;

	if (len > sizeof(mac))
		return -EINVAL;
	/* The NUL goes in, so that no label is the beginning of another. */
	if (EVP_MAC_init(s->names, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(s->names, (const uint8_t *)label,
	    strlen(label) + 1) != 1 ||
	    EVP_MAC_update(s->names, data.p, data.len) != 1 ||
	    EVP_MAC_final(s->names, mac, &n, sizeof(mac)) != 1)
		return -EIO;
	memcpy(out, mac, len);
	return 0;
}
