/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists over HTTP, for relying parties that fetch them while they
 * are asked: on 127.0.0.1, by a thread of its own, made once.
 */
#ifndef AUTHENTICATOR_RPAUDIT_LISTS_H
#define AUTHENTICATOR_RPAUDIT_LISTS_H

#include <stddef.h>
#include <stdint.h>

#define RP_LISTS_URL_LEN	128	/* bytes, with the NUL */

enum rp_list {
	RP_LIST_ATTESTATION,	/* of the intermediate that attests */
	RP_LIST_METADATA,	/* of the one that signs metadata */
};
#define RP_LISTS	2

struct rp_lists;

/*
 * Takes both lists, DER from malloc(), whatever it returns: 0, or -errno with
 * one line in msg.
 */
int rp_lists_new(uint8_t *const der[static RP_LISTS],
    const size_t len[static RP_LISTS], struct rp_lists **out, char *msg,
    size_t msglen);
void rp_lists_free(struct rp_lists *l);		/* accepts NULL */

void rp_lists_url(const struct rp_lists *l, enum rp_list which,
    char out[static RP_LISTS_URL_LEN]);

#endif
