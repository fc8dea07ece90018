/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that were told: see told.h. */
#include "authenticator/fault/told.h"

#include <openssl/sha.h>
#include <string.h>

#include "authenticator/be.h"
#include "ctap/authdata.h"

#define VERSION		1		/* the first byte; rows follow */
#define ROW_LEN		(FAULT_TOLD_ID + 4)
#define COUNTER		33		/* bytes into authenticator data */
#define HEAD_LEN	37		/* of it */

static void
name(const struct credential *cred, uint8_t out[static FAULT_TOLD_ID])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	(void)SHA256(cred->id, cred->id_len, hash);
	memcpy(out, hash, FAULT_TOLD_ID);
}

/* count: there is none. */
static size_t
place_of(const struct fault_told *t, const uint8_t id[static FAULT_TOLD_ID])
{
	size_t i = 0;

	while (i < t->count && memcmp(t->row[i].id, id, FAULT_TOLD_ID) != 0)
		i++;
	return i;
}

/* Behind all others, in place of the oldest one if there are too many. */
static void
put(struct fault_told *t, const uint8_t id[static FAULT_TOLD_ID],
    uint32_t counter)
{
	size_t at = place_of(t, id);

	if (counter == (at < t->count ? t->row[at].counter : 0))
		return;
	if (at == FAULT_TOLD_MAX)
		at = 0;
	if (at < t->count) {
		t->count--;
		memmove(&t->row[at], &t->row[at + 1],
		    (t->count - at) * sizeof(t->row[0]));
	}
	memcpy(t->row[t->count].id, id, FAULT_TOLD_ID);
	t->row[t->count++].counter = counter;
	t->changed = true;
}

void
fault_told_note(struct fault_told *t, const struct auth_facts *facts,
    const struct fault *fault)
{
	struct span ad = facts->auth_data;
	uint8_t id[FAULT_TOLD_ID];

	if (facts->status != CTAP2_OK || facts->cred == NULL ||
	    ad.len < HEAD_LEN || (ad.p[32] & AUTHDATA_UP) == 0 ||
	    (fault != NULL && fault->verdict == FAULT_REFUSE))
		return;
	name(facts->cred, id);
	put(t, id, (uint32_t)be_get(ad.p + COUNTER, 4));
}

uint32_t
fault_told(const struct fault_told *t, const struct credential *cred)
{
	uint8_t id[FAULT_TOLD_ID];
	size_t i;

	name(cred, id);
	i = place_of(t, id);
	return i < t->count ? t->row[i].counter : 0;
}

void
fault_told_load(struct fault_told *t, struct store *st)
{
	uint8_t *value;
	size_t len;

	*t = (struct fault_told){ .count = 0 };
	if (store_get(st, STORE_TOLD, &value, &len) != 0)
		return;
	if (len % ROW_LEN == 1 && value[0] == VERSION) {
		for (size_t i = 1; i < len; i += ROW_LEN)
			put(t, value + i, (uint32_t)be_get(value + i +
			    FAULT_TOLD_ID, 4));
	}
	t->changed = false;
	store_blob_free(value, len);
}

bool
fault_told_save(const struct fault_told *t, struct auth_change *change,
    uint8_t bytes[static FAULT_TOLD_LEN])
{
	uint8_t *at = bytes;

	if (!t->changed)
		return false;
	*at++ = VERSION;
	for (size_t i = 0; i < t->count; i++) {
		memcpy(at, t->row[i].id, FAULT_TOLD_ID);
		at = be_put(at + FAULT_TOLD_ID, t->row[i].counter, 4);
	}
	change->note.name = STORE_TOLD;
	change->note.value = span(bytes, (size_t)(at - bytes));
	return true;
}

void
fault_told_clear(struct fault_told *t)
{
	t->changed = false;
	t->count = 0;
}
