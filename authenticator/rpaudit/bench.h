/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client, key and relying party of an audit, and one ceremony with them.
 * The key is the one that a check wants; what the relying party is to be
 * told about every key (its trust anchors) is kept with it.
 */
#ifndef AUTHENTICATOR_RPAUDIT_BENCH_H
#define AUTHENTICATOR_RPAUDIT_BENCH_H

#include "authenticator/client/webauthn.h"
#include "authenticator/device.h"
#include "authenticator/rpaudit/audit.h"
#include "authenticator/rpaudit/check.h"
#include "authenticator/rpaudit/lists.h"
#include "authenticator/rpaudit/metadata.h"
#include "authenticator/rpaudit/peer.h"

#define BENCH_USER_LEN	16	/* bytes of a user handle */

/* What came of a ceremony; but for the first, why has a line. */
enum bench_step {
	BENCH_ACCEPTED,
	BENCH_REFUSED,		/* by the relying party */
	BENCH_BROKEN,		/* it gave no answer that is one: broken */
	BENCH_IMPOSSIBLE,	/* the client or the key could not do it, or
				 * the options are not what it takes */
	BENCH_FAILED,		/* our own trouble */
};

/* A registration that had nothing wrong. */
struct bench_control {
	bool		 done;
	enum bench_step	 step;
	char		 why[PEER_WHY_LEN];
};

struct bench {
	const struct rp_audit *audit;
	struct peer	*peer;
	unsigned	 answers;	/* of the relying party, so far */

	const struct rp_honest *kind;	/* of the key that is there; NULL */
	struct token	*token;
	struct webauthn_client client;
	struct json_out	 out;
	json_t		*anchors;	/* PEM, of the keys so far */
	struct rp_metadata *published;	/* of the usual key; NULL */
	struct rp_lists	*lists;		/* NULL: nobody needed them yet */
	struct rp_honest listed;	/* the usual key, which names one */
	char		 listed_setting[RP_LISTS_URL_LEN + 32];

	/* Of the key that is there, by format; see audit.c. */
	struct bench_control control[ATTESTATION_KINDS];

	/* Of the check that is made. */
	const char	*name;
	unsigned	 needs;		/* enum fault_need */
	bool		 discoverable;
	json_t		*metadata;	/* told in it; NULL: none */
	enum rp_outcome	 broken;	/* see BENCH_BROKEN */
	char		 why[PEER_WHY_LEN];
};

struct bench_user {
	uint8_t		 id[BENCH_USER_LEN];
	char		 name[48];
};

int bench_open(struct bench *b, const struct rp_audit *a, char *msg,
    size_t msglen);
void bench_close(struct bench *b);

/* Has the key of that kind; -errno with one line in msg. */
int bench_key(struct bench *b, const struct rp_honest *kind, char *msg,
    size_t msglen);
/*
 * What is told about metadata from now on: a BLOB with one thing wrong, or
 * an honest one; tell false: nothing. False with one line in why.
 */
bool bench_metadata(struct bench *b, bool tell, enum mds_bend bend);
/*
 * Has revocation lists served, and the key that names the one of its
 * certificates: *out, the bench's. -errno with one line in msg.
 */
int bench_lists(struct bench *b, const struct rp_honest *usual,
    const struct rp_honest **out, char *msg, size_t msglen);
/* A user whom the relying party does not know. False: no randomness. */
bool bench_user(struct bench *b, struct bench_user *out);

/*
 * One ceremony of user's, options to verdict. fault happens in it, if it fits
 * (*made, which may be NULL, tells); NULL: an honest one.
 */
enum bench_step bench_ceremony(struct bench *b, bool create,
    const struct bench_user *user, const struct fault *fault, bool *made);

#endif
