/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the store share: credentials made from a number, and a
 * store's contents to compare with. Failures end the test through cmocka.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "authenticator/store/store_impl.h"
#include "tests/scratch.h"

#define CONTENTS_MAX	64	/* credentials */

/* Credential number n of site number site; differs in every field. Those from
 * FIXTURE_NOT_LISTED on are not discoverable. */
#define FIXTURE_NOT_LISTED	0x40000000
void fixture_credential(struct credential *c, uint32_t n, uint32_t site);
bool fixture_same(const struct credential *a, const struct credential *b);

/* Opens with fake keys of device 1 that are freed with the store. */
struct store *fixture_open(int dirfd, bool create,
    const struct store_env *env, int *error, char msg[static MESSAGE_MAX]);
/* The same, and it has to succeed. */
struct store *fixture_must_open(int dirfd, bool create,
    const struct store_env *env);
void fixture_close(struct store *st);

int fixture_put(struct store *st, uint32_t n, uint32_t site);
int fixture_remove(struct store *st, uint64_t seq);
/* What fixture_rename() makes of a credential. */
void fixture_edit(struct credential *c);
int fixture_rename(struct store *st, uint32_t n, uint32_t site, uint64_t seq);
/* A blob of the credential's own, made from size, its original size. */
int fixture_blob(struct store *st, uint64_t seq, uint32_t size);
int fixture_counter(struct store *st, uint32_t ceiling);

#define CONTENTS_EDITED	0x80000000	/* in n: was renamed */

/* Everything acknowledged: numbers of the credentials, in order. */
struct contents {
	bool		there;
	uint32_t	counter;
	uint32_t	count;
	uint32_t	n[CONTENTS_MAX];
	uint64_t	seq[CONTENTS_MAX];
	uint64_t	blob[CONTENTS_MAX];	/* original size; 0: none */
};

/* 0, or what reading gave. Checks each row, index and count on the way. */
int contents_read(struct store *st, struct contents *out);
bool contents_same(const struct contents *a, const struct contents *b);

#endif
