/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. An entry is in use if it has an owner; only then it has a handle, a
 *     saved context, or both.
 *  2. An entry with a handle is one that link_loaded() has counted.
 */
#include "tpm/loaded.h"

#include <stdlib.h>

struct entry {
	const void	*owner;		/* NULL: free */
	uint8_t		 id[LOADED_ID_LEN];
	ESYS_TR		 handle;	/* ESYS_TR_NONE: not in the TPM */
	TPMS_CONTEXT	*saved;		/* NULL: not saved */
	uint64_t	 last_use;
	bool		 held;
};

struct loaded {
	struct link	*link;
	uint64_t	 uses;		/* clock of last_use */
	struct entry	 entry[LOADED_ENTRIES];
};

static void
entry_done(struct loaded *ld, struct entry *e)
{
	if (e->handle != ESYS_TR_NONE)
		link_flush(ld->link, &e->handle);
	Esys_Free(e->saved);
	*e = (struct entry){ .handle = ESYS_TR_NONE };
}

/* Its saved context stays, if it has one. */
static void
unload(struct loaded *ld, struct entry *e)
{
	link_flush(ld->link, &e->handle);
	if (e->saved == NULL)
		entry_done(ld, e);
}

/* No answer, or nonsense: then nobody knows what is loaded (link.h). */
static int
unless_it_spoke(struct loaded *ld, TSS2_RC rc, const char *doing)
{
	return link_code(rc) != 0 ? 0 : link_result(ld->link, rc, doing);
}

/*
 * Tried once: what link_again() does about a refusal may be to evict, and that
 * is what we are doing. Without it, the object is loaded anew.
 */
static void
save(struct loaded *ld, struct entry *e)
{
	TSS2_RC rc;

	rc = Esys_ContextSave(link_esys(ld->link), e->handle, &e->saved);
	if (rc != TSS2_RC_SUCCESS)
		e->saved = NULL;
	unless_it_spoke(ld, rc, "save a key");
}

/* For link_on_evict(). */
static bool
evict(void *arg)
{
	struct loaded *ld = arg;
	struct entry *e = NULL;

	for (size_t i = 0; i < LOADED_ENTRIES; i++) {
		struct entry *here = &ld->entry[i];

		if (here->handle == ESYS_TR_NONE || here->held)
			continue;
		if (e == NULL || here->last_use < e->last_use)
			e = here;
	}
	if (e == NULL)
		return false;
	if (e->saved == NULL)
		save(ld, e);
	unload(ld, e);
	return true;
}

/* The entry of that object, or one that is free for it. */
static struct entry *
find(struct loaded *ld, const void *owner, const uint8_t *id)
{
	struct entry *e = NULL;

	for (size_t i = 0; i < LOADED_ENTRIES; i++) {
		struct entry *here = &ld->entry[i];

		if (here->owner == owner &&
		    memcmp(here->id, id, LOADED_ID_LEN) == 0)
			return here;
		if (!here->held &&
		    (e == NULL || here->last_use < e->last_use))
			e = here;
	}
	entry_done(ld, e);
	e->owner = owner;
	memcpy(e->id, id, LOADED_ID_LEN);
	return e;
}

/*
 * e->handle stays ESYS_TR_NONE if it did not come back; then its context is
 * good for nothing.
 */
static int
restore(struct loaded *ld, struct entry *e)
{
	unsigned tries = 0;
	TSS2_RC rc;

	if (e->saved == NULL)
		return 0;
	do
		rc = Esys_ContextLoad(link_esys(ld->link), e->saved,
		    &e->handle);
	while (link_again(ld->link, rc, &tries));
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	e->handle = ESYS_TR_NONE;
	Esys_Free(e->saved);
	e->saved = NULL;
	return unless_it_spoke(ld, rc, "load a key again");
}

static int
load(struct loaded *ld, struct entry *e, const struct loaded_source *src)
{
	int r;

	r = link_room(ld->link);
	if (r == 0)
		r = restore(ld, e);
	if (r == 0 && e->handle == ESYS_TR_NONE)
		r = src->load(src->arg, &e->handle);
	if (r == 0)
		link_loaded(ld->link);
	return r;
}

int
loaded_get(struct loaded *ld, const void *owner,
    const uint8_t id[static LOADED_ID_LEN], const struct loaded_source *src,
    ESYS_TR *out)
{
	struct entry *e = find(ld, owner, id);
	int r;

	e->held = true;
	if (e->handle == ESYS_TR_NONE) {
		r = load(ld, e, src);
		if (r != 0) {
			e->handle = ESYS_TR_NONE;
			entry_done(ld, e);
			return r;
		}
	}
	e->last_use = ++ld->uses;
	*out = e->handle;
	return 0;
}

void
loaded_release(struct loaded *ld)
{
	for (size_t i = 0; i < LOADED_ENTRIES; i++)
		ld->entry[i].held = false;
}

/* VALUE of a handle: an answer on the way here has named one that is none. */
bool
loaded_lost(TSS2_RC rc)
{
	TSS2_RC code = link_code(rc);

	return code == TPM2_RC_HANDLE || (code == TPM2_RC_VALUE &&
	    (rc & (TPM2_RC_P | TPM2_RC_S)) == 0) ||
	    (code >= TPM2_RC_REFERENCE_H0 && code <= TPM2_RC_REFERENCE_H6);
}

void
loaded_drop(struct loaded *ld)
{
	for (size_t i = 0; i < LOADED_ENTRIES; i++) {
		struct entry *e = &ld->entry[i];

		e->held = false;
		if (e->handle != ESYS_TR_NONE)
			unload(ld, e);
	}
}

void
loaded_forget(struct loaded *ld, const void *owner)
{
	for (size_t i = 0; i < LOADED_ENTRIES; i++)
		if (ld->entry[i].owner == owner)
			entry_done(ld, &ld->entry[i]);
}

struct loaded *
loaded_new(struct link *l)
{
	struct loaded *ld = calloc(1, sizeof(*ld));

	if (ld == NULL)
		return NULL;
	ld->link = l;
	for (size_t i = 0; i < LOADED_ENTRIES; i++)
		ld->entry[i].handle = ESYS_TR_NONE;
	link_on_evict(l, evict, ld);
	return ld;
}

void
loaded_free(struct loaded *ld)
{
	if (ld == NULL)
		return;
	link_on_evict(ld->link, NULL, NULL);
	for (size_t i = 0; i < LOADED_ENTRIES; i++)
		entry_done(ld, &ld->entry[i]);
	free(ld);
}
