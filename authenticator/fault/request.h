/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key is asked for, changed before it is asked: for faults of a key
 * that does not do as it is told, and then is honest about what it did.
 */
#ifndef AUTHENTICATOR_FAULT_REQUEST_H
#define AUTHENTICATOR_FAULT_REQUEST_H

#include "authenticator/engine/engine.h"
#include "authenticator/fault/armed.h"
#include "ctap/request.h"

/* Keys of the members of makeCredential, CTAP 2.3, 6.1 */
#define CTAP_MC_PARAMS		0x04
#define CTAP_MC_EXCLUDE_LIST	0x05

struct fault_request {
	struct span	msg;		/* command byte and CBOR */
	struct ctap_make_credential mc;	/* the same, read */
	const int	*algs;		/* that the key has */
	size_t		 alg_count;
	uint8_t		*out;		/* AUTH_MESSAGE_MAX bytes */
	size_t		 out_len;	/* 0: as it was */
};

/*
 * If msg is a makeCredential, and a fault is armed that changes it: writes
 * what the key is to be asked for instead to out, and tells which fault that
 * is. False: nothing of the kind, and out is as it was.
 */
bool fault_request(const struct fault_set *set, struct span msg,
    const struct auth_config *cfg, uint8_t out[static AUTH_MESSAGE_MAX],
    size_t *len, struct fault_armed *which);

/*
 * For hooks: the message without that member, or with value (CBOR) in its
 * place. False: there is no such member, or it becomes too long.
 */
bool fault_request_without(struct fault_request *rq, unsigned member);
bool fault_request_with(struct fault_request *rq, unsigned member,
    struct span value);

#endif
