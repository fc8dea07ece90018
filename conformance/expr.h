/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions and patterns of the transcript language: CBOR in diagnostic
 * notation (RFC 8949, 8) with variables and a few functions. Written as it
 * stands: keys are not sorted, so that a case can send what is not
 * canonical.
 */
#ifndef CONFORMANCE_EXPR_H
#define CONFORMANCE_EXPR_H

#include "ctap/cbor.h"
#include "ctap/pin.h"
#include "ctap/span.h"

#define EXPR_VALUE_MAX	8192	/* bytes, encoded */
#define EXPR_VARS_MAX	32
#define EXPR_NAME_MAX	24

struct expr_var {
	char	name[EXPR_NAME_MAX];
	uint8_t	*p;		/* one encoded item */
	size_t	len;
};

/* What expressions can refer to. Zero it first; expr_env_done() frees. */
struct expr_env {
	struct expr_var	vars[EXPR_VARS_MAX];
	size_t		count;
	/* the platform's side of a key agreement, after "* agree" */
	struct pin_agreement *platform;
	struct pin_secret secret;
	char		why[160];	/* of the last error */
};

void expr_env_done(struct expr_env *env);
bool expr_set(struct expr_env *env, const char *name, struct span item);

/* Evaluates one expression; *text moves behind it. */
bool expr_eval(struct expr_env *env, const char **text,
    struct cbor_out *out);
/* Matches one item of in against the pattern; *text moves behind it. */
bool expr_match(struct expr_env *env, const char **text,
    struct cbor_in *in);
/* Skips blanks. */
void expr_blank(const char **text);

#endif
