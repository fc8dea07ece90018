/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of replies: taken apart as the engine wrote them, and written as a
 * plan says, canonical where that leaves a choice.
 */
#ifndef AUTHENTICATOR_FORGE_PARTS_H
#define AUTHENTICATOR_FORGE_PARTS_H

#include "authenticator/forge/memory.h"

/* Members of an assertion that are handed on as they are. */
struct forge_rest {
	struct span	user;		/* value of 04; NULL: none */
	struct span	members;	/* from 05 on, keys and values */
	size_t		count;
};

/* False: not what the engine writes. public_key: COSE_Key, or NULL. */
bool parts_auth_data(struct span bytes, struct span public_key,
    struct forge_auth_data *out);
/* CBOR behind the status; *out has members 05 and 06. */
bool parts_mc(struct span reply, struct forge_mc *out);
bool parts_ga(struct span reply, struct forge_rest *rest);

/* p NULL: there is no room. */
struct span parts_write_auth_data(struct forge_memory *m,
    const struct forge_auth_data *ad);
struct span parts_write_statement(struct forge_memory *m,
    const struct forge_statement *st, struct span pub_area,
    struct span cert_info, struct span jws);
/* stmt: of the whole registration */
struct span parts_write_mc(struct forge_memory *m, const struct forge_mc *mc,
    const char *fmt, struct span auth_data, struct span stmt);
struct span parts_write_ga(struct forge_memory *m, const struct forge_ga *ga,
    const struct forge_rest *rest, struct span auth_data);
/* U2F Raw Message Formats 1.2, 4.3 and 5.4, with SW_NO_ERROR behind them.
 * point: of the credential's key. */
struct span parts_write_u2f(struct forge_memory *m,
    const struct forge_mc *mc, struct span point);
struct span parts_write_u2f_ga(struct forge_memory *m,
    const struct forge_ga *ga);
/* An array of { fmt, attStmt } (WebAuthn Level 3, 8.9). */
struct span parts_write_compound(struct forge_memory *m,
    const struct forge_statement *st, const struct span *stmt, size_t count);

#endif
