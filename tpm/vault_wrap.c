/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage key as the store keeps it (vault.md). It has two ends: a check
 * that needs no key, so that damage is told from another TPM before a TPM is
 * asked anything, and a MAC under the storage key, so that nobody who could
 * not open it can say what it contains.
 */
#include "tpm/vault_impl.h"

#include <errno.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <tss2/tss2_mu.h>

#define WRAP_VERSION	2	/* 1 is the software provider's */
#define FLAG_RECOVERY	0x01
#define CHECK_LEN	8	/* bytes, of SHA-256 */
#define ENDS_LEN	(VAULT_DIGEST_LEN + CHECK_LEN)

struct fixed {
	uint8_t	version;
	uint8_t	pin_kind;
	uint8_t	flags;
	uint8_t	pcrs[3];	/* as pcrSelect: PCR 0 is bit 0 of the first */
	uint8_t	counter[4];	/* big-endian */
	uint8_t	pin[4];
	uint8_t	salt[VAULT_SALT_LEN];
	uint8_t	pcr_branch[VAULT_DIGEST_LEN];
	uint8_t	srk_name[LINK_NAME_MAX];
};

_Static_assert(sizeof(struct fixed) == 96, "no padding");

static void
put_u32(uint8_t out[static 4], uint32_t n)
{
	out[0] = n >> 24;
	out[1] = n >> 16;
	out[2] = n >> 8;
	out[3] = n;
}

static uint32_t
get_u32(const uint8_t in[static 4])
{
	return (uint32_t)in[0] << 24 | in[1] << 16 | in[2] << 8 | in[3];
}

bool
vault_hmac(const uint8_t key[static SEAL_KEY_LEN], struct span a,
    struct span b, uint8_t out[static VAULT_DIGEST_LEN])
{
	uint8_t both[KEY_WRAPPED_MAX + RECORD_ID_LEN];
	bool ok;

	if (a.len + b.len > sizeof(both))
		return false;
	memcpy(both, a.p, a.len);
	if (b.len > 0)
		memcpy(both + a.len, b.p, b.len);
	ok = HMAC(EVP_sha256(), key, SEAL_KEY_LEN, both, a.len + b.len, out,
	    NULL) != NULL;
	explicit_bzero(both, sizeof(both));
	return ok;
}

static size_t
write_fixed(const struct wrapped *w, struct fixed *f)
{
	*f = (struct fixed){ .version = WRAP_VERSION,
		.pin_kind = w->pin_kind,
		.flags = w->recovery ? FLAG_RECOVERY : 0,
		.pcrs = { w->pcrs & 0xff, w->pcrs >> 8 & 0xff,
		    w->pcrs >> 16 & 0xff } };
	put_u32(f->counter, w->counter);
	put_u32(f->pin, w->pin);
	memcpy(f->salt, w->salt, sizeof(f->salt));
	memcpy(f->pcr_branch, w->pcr_branch, sizeof(f->pcr_branch));
	memcpy(f->srk_name, w->srk_name, sizeof(f->srk_name));
	return sizeof(*f);
}

int
wrapped_write(const struct wrapped *w, const struct record *rec,
    const uint8_t mac_key[static SEAL_KEY_LEN],
    uint8_t out[static KEY_WRAPPED_MAX], size_t *len)
{
	const size_t room = KEY_WRAPPED_MAX - ENDS_LEN;
	uint8_t check[VAULT_DIGEST_LEN];
	struct fixed f;
	size_t n;

	n = write_fixed(w, &f);
	memcpy(out, &f, n);
	if (Tss2_MU_TPM2B_PUBLIC_Marshal(&w->public, out, room, &n) !=
	    TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PRIVATE_Marshal(&w->private, out, room, &n) !=
	    TSS2_RC_SUCCESS)
		return -EINVAL;
	if (!vault_hmac(mac_key, span(out, n), span(rec->id, RECORD_ID_LEN),
	    out + n))
		return -EIO;
	n += VAULT_DIGEST_LEN;
	if (!vault_hash(span(out, n), span(NULL, 0), check))
		return -EIO;
	memcpy(out + n, check, CHECK_LEN);
	*len = n + CHECK_LEN;
	return 0;
}

static bool
read_fixed(struct span in, struct wrapped *w)
{
	struct fixed f;

	if (in.len < sizeof(f))
		return false;
	memcpy(&f, in.p, sizeof(f));
	w->pin_kind = f.pin_kind;
	w->recovery = (f.flags & FLAG_RECOVERY) != 0;
	w->pcrs = f.pcrs[0] | f.pcrs[1] << 8 | f.pcrs[2] << 16;
	w->counter = get_u32(f.counter);
	w->pin = get_u32(f.pin);
	memcpy(w->salt, f.salt, sizeof(w->salt));
	memcpy(w->pcr_branch, f.pcr_branch, sizeof(w->pcr_branch));
	memcpy(w->srk_name, f.srk_name, sizeof(w->srk_name));
	return f.version == WRAP_VERSION &&
	    (f.flags & ~FLAG_RECOVERY) == 0 &&
	    (f.pin_kind == VAULT_PIN_INDEX ||
	    f.pin_kind == VAULT_PIN_COUNTED);
}

static int
read_parts(struct span in, struct wrapped *w)
{
	size_t n = sizeof(struct fixed);

	if (!read_fixed(in, w) ||
	    Tss2_MU_TPM2B_PUBLIC_Unmarshal(in.p, in.len, &n, &w->public) !=
	    TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PRIVATE_Unmarshal(in.p, in.len, &n, &w->private) !=
	    TSS2_RC_SUCCESS || n != in.len)
		return -EBADMSG;
	return 0;
}

int
wrapped_read(struct span in, struct wrapped *out)
{
	uint8_t check[VAULT_DIGEST_LEN];
	struct wrapped w;
	size_t n;

	if (in.len > KEY_WRAPPED_MAX ||
	    in.len < sizeof(struct fixed) + ENDS_LEN)
		return -EBADMSG;
	n = in.len - CHECK_LEN;
	if (!vault_hash(span(in.p, n), span(NULL, 0), check))
		return -EIO;
	if (memcmp(in.p + n, check, CHECK_LEN) != 0)
		return -EBADMSG;
	memset(&w, 0, sizeof(w));
	if (read_parts(span(in.p, in.len - ENDS_LEN), &w) != 0)
		return -EBADMSG;
	*out = w;
	return 0;
}

int
wrapped_check(struct span in, const struct record *rec,
    const uint8_t mac_key[static SEAL_KEY_LEN])
{
	uint8_t mac[VAULT_DIGEST_LEN];
	size_t n;

	if (in.len < ENDS_LEN)
		return -EBADMSG;
	n = in.len - ENDS_LEN;
	if (!vault_hmac(mac_key, span(in.p, n), span(rec->id, RECORD_ID_LEN),
	    mac))
		return -EIO;
	return CRYPTO_memcmp(mac, in.p + n, sizeof(mac)) == 0 ? 0 : -EBADMSG;
}
