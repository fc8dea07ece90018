/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked: honest keys by a table, faults by the catalogue. */
#ifndef AUTHENTICATOR_RPAUDIT_CHECK_H
#define AUTHENTICATOR_RPAUDIT_CHECK_H

#include "authenticator/engine/engine.h"
#include "authenticator/fault/fault.h"
#include "authenticator/rpaudit/result.h"

#define CHECK_SETTINGS_MAX	3

/* A key that does everything right. */
struct rp_honest {
	const char	*name;
	enum attestation_kind format;
	bool		 known;		/* everybody has to accept it; else
					 * those who know the format */
	const char	*breaks;	/* what is usual or unusual about it */
	/* as settings.h has them, besides the usual ones; NULL: no more */
	const char	*settings[CHECK_SETTINGS_MAX];
	int		 alg;		/* COSE */
	bool		 tpm;		/* its keys live in an embedded TPM */
	bool		 discoverable;
	bool		 metadata;	/* which is given, too */
	const char	*attestation;	/* as the options have it */
};

struct rp_check {
	const struct rp_honest *honest;	/* always: the usual key by default */
	const struct fault *fault;	/* NULL: none */
};

/* Number i, honest ones first; false behind the last. */
bool rp_check_at(size_t i, struct rp_check *out);
/*
 * The honest key, faults apart: whoever refuses that has not noticed the
 * fault. For faults of a registration.
 */
const struct rp_honest *rp_check_control(const struct fault *f);
/*
 * What makes the key that faults happen to, which gives packed, give the
 * control's format in a ceremony; NULL: nothing has to.
 */
const struct fault *rp_check_as(const struct rp_honest *control);
/* Its row, without a result. */
void rp_check_row(const struct rp_check *c, struct rp_row *out);

#endif
