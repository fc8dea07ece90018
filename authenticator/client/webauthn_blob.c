/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/client/webauthn_blob.h"

#include "ctap/cbor.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <zlib.h>

#define NONCE_LEN	12
#define TAG_LEN		16
#define AD_LEN		12	/* "blob", and the size as 8 bytes */
#define RAW_DEFLATE	(-MAX_WBITS)	/* no header: RFC 1951 */
#define HEAD_MAX	9	/* bytes of a CBOR head */
#define ENTRY_REST	48	/* bytes of an entry but its ciphertext */
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

struct entry {
	struct span	sealed;		/* with the tag at its end */
	struct span	nonce;
	uint64_t	size;		/* bytes of the blob */
};

static bool
take_sealed(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct entry *)arg)->sealed);
}

static bool
take_nonce(struct cbor_in *in, void *arg)
{
	return cbor_bytes_len(in, &((struct entry *)arg)->nonce, NONCE_LEN);
}

static bool
take_entry_size(struct cbor_in *in, void *arg)
{
	return cbor_uint(in, &((struct entry *)arg)->size);
}

/* False: it is of a kind that we do not know. */
static bool
read_entry(struct span item, struct entry *out)
{
	static const struct cbor_member table[] = {
		{ 0x01, NULL, true, take_sealed },
		{ 0x02, NULL, true, take_nonce },
		{ 0x03, NULL, true, take_entry_size },
	};
	struct cbor_in in;

	cbor_in_init(&in, item);
	return cbor_members(&in, table, COUNT(table), out) &&
	    out->sealed.len >= TAG_LEN && out->size <= BLOB_MAX;
}

static void
make_ad(uint64_t size, uint8_t out[static AD_LEN])
{
	memcpy(out, "blob", 4);
	for (int i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(size >> (8 * i));
}

static bool
open_with(EVP_CIPHER_CTX *ctx, const struct entry *e,
    const uint8_t key[static BLOB_KEY_LEN], uint8_t *out)
{
	int len = (int)(e->sealed.len - TAG_LEN), n;
	uint8_t ad[AD_LEN], tag[TAG_LEN];

	make_ad(e->size, ad);
	memcpy(tag, e->sealed.p + len, TAG_LEN);
	return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key,
	    e->nonce.p) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, ad, AD_LEN) == 1 &&
	    EVP_DecryptUpdate(ctx, out, &n, e->sealed.p, len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) ==
	    1 && EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

/* The compressed blob, to be freed; NULL: the key is of another entry. */
static uint8_t *
open_entry(const struct entry *e, const uint8_t key[static BLOB_KEY_LEN])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *out = malloc(e->sealed.len);

	if (ctx == NULL || out == NULL || !open_with(ctx, e, key, out)) {
		free(out);
		out = NULL;
	}
	EVP_CIPHER_CTX_free(ctx);
	return out;
}

static bool
seal_with(EVP_CIPHER_CTX *ctx, const uint8_t key[static BLOB_KEY_LEN],
    const uint8_t nonce[static NONCE_LEN], const uint8_t ad[static AD_LEN],
    struct span plain, uint8_t *out)
{
	int n, len = (int)plain.len;

	return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) ==
	    1 && EVP_EncryptUpdate(ctx, NULL, &n, ad, AD_LEN) == 1 &&
	    EVP_EncryptUpdate(ctx, out, &n, plain.p, len) == 1 &&
	    EVP_EncryptFinal_ex(ctx, out + n, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN,
	    out + len) == 1;
}

uint8_t *
blob_inflate(struct span packed, size_t size)
{
	z_stream z = {
		.next_in = (Bytef *)(uintptr_t)packed.p,
		.avail_in = (uInt)packed.len,
	};
	uint8_t *out = size <= BLOB_MAX ? malloc(size + 1) : NULL;
	bool ok = false;

	if (out == NULL || inflateInit2(&z, RAW_DEFLATE) != Z_OK)
		goto out;
	z.next_out = out;
	z.avail_out = (uInt)size + 1;
	ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 &&
	    z.total_out == size;
	inflateEnd(&z);
out:
	if (!ok) {
		free(out);
		out = NULL;
	}
	return out;
}

uint8_t *
blob_deflate(struct span blob, size_t *len)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)blob.p };
	uint8_t *out = NULL;
	bool ok = false;
	uLong bound;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, RAW_DEFLATE,
	    MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	bound = deflateBound(&z, blob.len);
	out = malloc(bound);
	z.avail_in = (uInt)blob.len;
	z.next_out = out;
	z.avail_out = (uInt)bound;
	if (out != NULL)
		ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
	*len = z.total_out;
	deflateEnd(&z);
	if (!ok) {
		free(out);
		out = NULL;
	}
	return out;
}

/* The items of an array; false: it is none. */
static bool
begin_items(struct span array, struct cbor_in *in, size_t *count)
{
	if (!cbor_check(array))
		return false;
	cbor_in_init(in, array);
	return cbor_array(in, count);
}

bool
blob_find(struct span array, const uint8_t key[static BLOB_KEY_LEN],
    uint8_t **out, size_t *len)
{
	struct entry e = { .size = 0 };
	struct cbor_in in;
	struct span item;
	uint8_t *packed, *found = NULL;
	size_t n;

	if (!begin_items(array, &in, &n))
		return false;
	while (n-- > 0 && found == NULL && cbor_any(&in, &item)) {
		if (!read_entry(item, &e))
			continue;
		packed = open_entry(&e, key);
		if (packed == NULL)
			continue;
		found = blob_inflate(span(packed, e.sealed.len - TAG_LEN),
		    (size_t)e.size);
		free(packed);
	}
	if (found == NULL)
		return false;
	*out = found;
	*len = (size_t)e.size;
	return true;
}

/* Copies what key does not open; how many that were. */
static size_t
keep_others(struct span array, const uint8_t key[static BLOB_KEY_LEN],
    struct cbor_out *out)
{
	struct cbor_in in;
	struct entry e;
	struct span item;
	uint8_t *packed;
	size_t n, kept = 0;

	if (!begin_items(array, &in, &n))
		return 0;
	while (n-- > 0 && cbor_any(&in, &item)) {
		packed = read_entry(item, &e) ? open_entry(&e, key) : NULL;
		if (packed == NULL) {
			cbor_put_raw(out, item);
			kept++;
		}
		free(packed);
	}
	return kept;
}

static bool
put_entry(struct cbor_out *out, struct span sealed,
    const uint8_t nonce[static NONCE_LEN], size_t size)
{
	cbor_put_map(out, 3);
	cbor_put_uint(out, 0x01);
	cbor_put_bytes(out, sealed);
	cbor_put_uint(out, 0x02);
	cbor_put_bytes(out, span(nonce, NONCE_LEN));
	cbor_put_uint(out, 0x03);
	cbor_put_uint(out, size);
	return !out->overflow;
}

/* Appends blob, compressed and sealed. */
static bool
put_blob(struct cbor_out *out, const uint8_t key[static BLOB_KEY_LEN],
    struct span blob)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE_LEN], ad[AD_LEN];
	uint8_t *packed, *sealed = NULL;
	bool ok = false;
	size_t len;

	make_ad(blob.len, ad);
	packed = blob_deflate(blob, &len);
	if (packed != NULL)
		sealed = malloc(len + TAG_LEN);
	if (ctx != NULL && sealed != NULL &&
	    RAND_bytes(nonce, sizeof(nonce)) == 1)
		ok = seal_with(ctx, key, nonce, ad, span(packed, len),
		    sealed) && put_entry(out, span(sealed, len + TAG_LEN),
		    nonce, blob.len);
	free(sealed);
	free(packed);
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

bool
blob_replace(struct span array, const uint8_t key[static BLOB_KEY_LEN],
    struct span blob, size_t max, uint8_t **out, size_t *len)
{
	size_t cap = HEAD_MAX + max + ENTRY_REST, kept, n;
	struct cbor_in in;
	struct cbor_out items, head;
	uint8_t *p;

	if (blob.len > BLOB_MAX || !begin_items(array, &in, &n))
		return false;
	p = malloc(cap);
	if (p == NULL)
		return false;
	/* Items first: how many there are decides how long the head is. */
	cbor_out_init(&items, p + HEAD_MAX, cap - HEAD_MAX);
	kept = keep_others(array, key, &items);
	cbor_out_init(&head, p, HEAD_MAX);
	cbor_put_array(&head, kept + 1);
	if (!put_blob(&items, key, blob) || items.overflow ||
	    head.len + items.len > max) {
		free(p);
		return false;
	}
	memmove(p + head.len, p + HEAD_MAX, items.len);
	*out = p;
	*len = head.len + items.len;
	return true;
}
