/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/wrap.h"

#include <assert.h>
#include <errno.h>

#include <openssl/crypto.h>

void
wraps_init(struct wraps *ws, const struct wrap_kind *kind,
    void (*forget)(void *arg, const struct wrap *w), void *arg)
{
	*ws = (struct wraps){ .kind = kind, .forget = forget, .arg = arg };
	seal_random_init(&ws->random);
}

void
wraps_unlock(struct wraps *ws, const uint8_t storage_key[static SEAL_KEY_LEN])
{
	assert(!ws->unlocked);
	memcpy(ws->storage_key, storage_key, sizeof(ws->storage_key));
	ws->unlocked = true;
}

static void
wrap_done(struct wraps *ws, struct wrap *w)
{
	if (w->used)
		ws->forget(ws->arg, w);
	seal_box_done(&w->box);
	explicit_bzero(w, sizeof(*w));
}

void
wraps_done(struct wraps *ws)
{
	for (size_t i = 0; i < WRAP_EPOCHS; i++)
		wrap_done(ws, &ws->wrap[i]);
	for (size_t i = 0; i < ws->more_count; i++)
		wrap_done(ws, &ws->more[i]);
	seal_memory_free(ws->more, ws->more_count * sizeof(*ws->more));
	explicit_bzero(ws, sizeof(*ws));
}

int
wraps_derive(const struct wraps *ws, struct span epoch, const char *label,
    uint8_t out[static SEAL_KEY_LEN])
{
	assert(ws->unlocked);
	return seal_derive(ws->storage_key, epoch, label, out);
}

static int
wrap_init(const struct wraps *ws, struct wrap *w, struct span epoch)
{
	uint8_t key[SEAL_KEY_LEN];
	int r;

	r = wraps_derive(ws, epoch, ws->kind->label, key);
	if (r == 0)
		r = seal_box_init(&w->box, key);
	explicit_bzero(key, sizeof(key));
	if (r != 0)
		return r;
	memcpy(w->epoch, epoch.p, sizeof(w->epoch));
	w->kind = ws->kind;
	w->used = true;
	return 0;
}

int
wraps_more(struct wraps *ws, size_t epochs)
{
	/* twice as many: then hardly any are in each other's way */
	size_t count = 2 * epochs + WRAP_WAYS;

	ws->more = seal_memory_new(count * sizeof(*ws->more));
	if (ws->more == NULL)
		return -ENOMEM;
	ws->more_count = count;
	return 0;
}

/* What is another one mostly is so from the first bytes on. Nobody can choose
 * an epoch: how long that takes tells nothing. */
static bool
same_epoch(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, sizeof(uint64_t)) == 0 &&
	    CRYPTO_memcmp(a, b, KEY_EPOCH_LEN) == 0;
}

static bool
is_of(const struct wrap *w, struct span epoch)
{
	return w->used && same_epoch(w->epoch, epoch.p);
}

/* Where it is, or where it can be. Epochs are random, and are no hashes. */
static struct wrap *
place(struct wraps *ws, struct span epoch)
{
	static const uint8_t zeros[KEY_EPOCH_LEN];
	struct wrap *w;
	uint32_t hash;

	if (same_epoch(epoch.p, zeros))
		return &ws->wrap[0];
	if (ws->more == NULL)
		return &ws->wrap[1];
	memcpy(&hash, epoch.p, sizeof(hash));
	for (size_t i = 0; i < WRAP_WAYS; i++) {
		w = &ws->more[(hash + i) % ws->more_count];
		if (!w->used || is_of(w, epoch))
			return w;
	}
	return &ws->more[(hash + ws->turn++ % WRAP_WAYS) % ws->more_count];
}

int
wraps_find(struct wraps *ws, struct span epoch, struct wrap **out)
{
	struct wrap *w = place(ws, epoch);
	int r;

	if (!is_of(w, epoch)) {
		wrap_done(ws, w);
		r = wrap_init(ws, w, epoch);
		if (r != 0)
			return r;
	}
	*out = w;
	return 0;
}

int
wrap_seal(struct wraps *ws, struct wrap *w, struct span bound,
    struct span plain, uint8_t *out, size_t *out_len)
{
	int r;

	out[0] = w->kind->version;
	r = seal_box_seal_random(&w->box, &ws->random, span(out, 1), bound,
	    plain, out + 1);
	if (r == 0)
		*out_len = WRAP_OVERHEAD + plain.len;
	return r;
}

int
wrap_open(struct wrap *w, struct span bound, struct span blob, uint8_t *plain,
    size_t max, size_t *plain_len)
{
	int r;

	if (blob.len < WRAP_OVERHEAD || blob.len > WRAP_OVERHEAD + max ||
	    blob.p[0] != w->kind->version)
		return -EBADMSG;
	r = seal_box_open(&w->box, span(blob.p, 1), bound,
	    span(blob.p + 1, blob.len - 1), plain);
	if (r == 0)
		*plain_len = blob.len - WRAP_OVERHEAD;
	return r;
}
