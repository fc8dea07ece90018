/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of faults: what a key can be made to get wrong, so that a
 * relying party is seen to notice. A fault breaks exactly one thing; what
 * lies before a signature is broken before it is signed, so that nothing but
 * the check that is meant can find it.
 *
 * The catalogue is constant data, and knows what to break, not when: see
 * armed.h. Whoever makes what a fault is about calls its hooks: the forge the
 * ones of replies, the client those of its own part, the loop interprets
 * `transport`, and the metadata service `metadata`.
 *
 * Sections are of WebAuthn Level 3; a step is of 7.1 or 7.2.
 */
#ifndef AUTHENTICATOR_FAULT_H
#define AUTHENTICATOR_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_NAME_MAX		64	/* bytes, NUL and value included */
#define FAULT_MESSAGE_LEN	256	/* bytes, room for msg */

struct fault_request;	/* authenticator/fault/request.h */
struct forge_mc;	/* authenticator/forge/plan.h */
struct forge_ga;
struct client_fault;	/* authenticator/client/ */

enum fault_stage {
	FAULT_REGISTRATION,	/* the reply to makeCredential */
	FAULT_AUTHENTICATION,	/* the reply to getAssertion */
	FAULT_CLIENT,		/* what the client makes of a reply: only
				 * `sealkey webauthn` can get it wrong */
	FAULT_TRANSPORT,	/* how a reply gets to its host, if it does */
	FAULT_METADATA,		/* what `sealkey mds` publishes */
};

/* Who ought to notice. */
enum fault_verdict {
	FAULT_REFUSE,		/* every relying party: the standard says so */
	FAULT_POLICY,		/* one whose policy says so; others accept */
	FAULT_TOLERATE,		/* nobody: it is allowed, or harmless */
};

/*
 * What a page behind a browser sees of it. PASSES to HANGS were measured, of
 * that very fault, with Chromium 156 and Firefox ESR 153; LIKELY and UNLIKELY
 * follow from what the browser did with others like it.
 */
enum fault_reach {
	FAULT_UNKNOWN,		/* not measured, and nothing like it */
	FAULT_PASSES,
	FAULT_CHANGED,		/* arrives, but not as it was sent */
	FAULT_BLOCKED,		/* an error, at once */
	FAULT_HANGS,		/* no answer, however long the page waits */
	FAULT_LIKELY,		/* expected to pass */
	FAULT_UNLIKELY,		/* expected to be blocked, or to hang */
};

/* Which one a page is behind, as far as somebody knows. */
enum fault_browser {
	FAULT_ANY_BROWSER,
	FAULT_CHROMIUM,
	FAULT_FIREFOX,
};

/* What a ceremony has to be like for the fault to be there, or to show. */
enum fault_need {
	FAULT_NEEDS_DIRECT = 0x01,	/* attestation is asked for */
	FAULT_NEEDS_UV = 0x02,		/* user verification is required */
	FAULT_NEEDS_ONE_ALG = 0x04,	/* ES256 is all that is offered */
	FAULT_NEEDS_OTHER = 0x08,	/* the key has another account there */
	FAULT_NEEDS_EARLIER = 0x10,	/* it has signed in there before */
	FAULT_NEEDS_NO_LIST = 0x20,	/* no credential is named */
	FAULT_NEEDS_EXCLUDE = 0x40,	/* excludeCredentials has one of its */
	FAULT_NEEDS_METADATA = 0x80,	/* the relying party reads the BLOB */
	FAULT_NEEDS_CRL = 0x100,	/* certificates name a CRL; it can
					 * reach that, and looks */
	FAULT_NEEDS_LIST = 0x200,	/* allowCredentials is given */
	FAULT_NEEDS_RS256 = 0x400,	/* RS256 is offered */
	FAULT_NEEDS_BEFORE = 0x800,	/* the client has had one before */
};
#define FAULT_NEEDS	12		/* how many there are */

/* What happens on the way instead of an honest reply. */
enum fault_transport {
	FAULT_TRANSPORT_NONE,
	FAULT_TRANSPORT_STATUS,		/* the status that `value` is */
	FAULT_TRANSPORT_SILENCE,	/* nothing, ever */
	FAULT_TRANSPORT_KEEPALIVE,	/* keepalives, for ever */
	FAULT_TRANSPORT_UNPLUG,		/* the key is gone in the middle */
	FAULT_TRANSPORT_BUSY,		/* CTAPHID_ERROR, CHANNEL_BUSY */
	FAULT_TRANSPORT_DELAY,		/* keepalives for `value` ms first */
};

/* What the number behind the colon of a name is. */
enum fault_value {
	FAULT_NO_VALUE,		/* hooks get how often it happened before */
	FAULT_VALUE_STATUS,	/* of CTAP: a number up to 255 or its name */
	FAULT_VALUE_MS,		/* up to an hour */
};

/*
 * A row. A hook changes what it is given, or returns false: the fault does
 * not fit this ceremony (or there is no memory), nothing was changed, and the
 * honest reply goes out. `request` runs before the key sees what it is asked
 * for (request.h); `plan` on the honest plan, before anything is signed;
 * `sign` has the signature as it was made; `frame` the reply, encoded.
 */
struct fault {
	const char	*name;
	enum fault_stage stage;
	enum fault_verdict verdict;
	enum fault_reach chromium, firefox;
	unsigned	 needs;		/* bitwise or of enum fault_need */
	bool		 u2f;	/* of a reply: also of one that is U2F's */
	enum fault_value value;
	uint32_t	 usual;	/* the value if none is given */
	const char	*breaks;	/* a sentence: what is wrong */
	const char	*check;		/* what the relying party has to do */
	const char	*section;	/* where that is demanded */
	const char	*references;	/* CVEs and the like; NULL: none */

	struct {
		/*
		 * Kinds of attestation that it is about, 1 << enum
		 * attestation_kind each; 0: all. Before plan, whatever the key
		 * gives else is made an honest one of the first of them.
		 */
		unsigned kinds;
		bool	(*request)(struct fault_request *rq);
		bool	(*plan)(struct forge_mc *mc);
		bool	(*sign)(struct forge_mc *mc);
		bool	(*frame)(struct forge_mc *mc);
	} mc;
	struct {
		bool	(*plan)(struct forge_ga *ga);
		bool	(*sign)(struct forge_ga *ga);
		bool	(*frame)(struct forge_ga *ga);
	} ga;
	struct {
		bool	(*create)(struct client_fault *c);
		bool	(*get)(struct client_fault *c);
	} client;
	enum fault_transport transport;
	int		 metadata;	/* of mds/, 0: none */
};

/* A fault as somebody asked for it: NAME, or NAME:VALUE. */
struct fault_choice {
	const struct fault *fault;	/* NULL: none */
	uint32_t	 value;
};

/* In the order of the catalogue, NULL behind the last. */
const struct fault *fault_at(size_t i);
/* By name, which has no value; NULL: there is none. */
const struct fault *fault_find(const char *name);
/* -EINVAL with one line for the user in msg. */
int fault_choose(const char *text, struct fault_choice *out, char *msg,
    size_t msglen);
/* The inverse. */
void fault_choice_name(struct fault_choice choice,
    char out[static FAULT_NAME_MAX]);

/* Words of the enums, as JSON and the command line have them. */
const char *fault_stage_name(enum fault_stage stage);
/* -1: there is no such stage */
int fault_stage_named(const char *name);
const char *fault_verdict_name(enum fault_verdict verdict);
const char *fault_reach_name(enum fault_reach reach);
const char *fault_need_name(enum fault_need need);
/* "chromium", "firefox"; -1: neither */
int fault_browser_named(const char *name);
/* NULL: any */
const char *fault_browser_name(enum fault_browser browser);

/*
 * One line, if a page behind that browser is not going to see it as it was
 * sent, or is not expected to, which it tells apart; else NULL.
 */
const char *fault_warning(const struct fault *f, enum fault_browser browser);

#endif
