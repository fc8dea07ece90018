/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which RP IDs a page of an origin may use (WebAuthn Level 3, 5.1.3 and
 * 5.1.4; HTML, "is a registrable domain suffix of or is equal to").
 *
 * An origin is what a browser puts into clientDataJSON: scheme, host, and
 * the port unless it is the default one. It is taken in ASCII only: a name
 * in another script is written in its xn-- form, as browsers send it.
 *
 *  - https always; http only where a browser calls it a secure context,
 *    which for names (an address can be no RP ID) means localhost and
 *    whatever ends in .localhost.
 *  - The RP ID is the host itself, whatever it is, or a longer part of it
 *    than its public suffix. The list is the system's, through libpsl;
 *    unknown top-level domains count as public suffixes.
 *  - A host or RP ID that ends in a dot is refused: it is not a valid
 *    domain (UTS #46, VerifyDnsLength).
 */
#ifndef AUTHENTICATOR_WEBAUTHN_ORIGIN_H
#define AUTHENTICATOR_WEBAUTHN_ORIGIN_H

#include "authenticator/client/webauthn_error.h"
#include "ctap/span.h"

#define DOMAIN_MAX	253	/* characters, RFC 1035 less the root label */
#define LABEL_MAX	 63	/* characters */
#define HOST_MAX	255	/* characters that are kept to be refused */
#define APP_ID_MAX	512	/* bytes */
#define ORIGIN_MAX	(8 + HOST_MAX + 6)	/* "https://", ":65535" */

enum origin_host {
	HOST_DOMAIN,
	HOST_ADDRESS,		/* IPv4 or IPv6 */
	HOST_INVALID,		/* parses as a host, but is no valid domain */
};

struct origin {
	char		 text[ORIGIN_MAX + 1];	/* as serialised */
	char		 host[HOST_MAX + 1];
	bool		 https;
	enum origin_host kind;
	/* The shortest name below the public suffix; found when needed. */
	bool		 registrable_known;
	char		 registrable[DOMAIN_MAX + 1];	/* "": none */
};

/* False, with *why a line about it, if s is not the origin of a page. */
bool origin_parse(const char *s, struct origin *out, const char **why);

/*
 * Whether a page of o may use rp_id (p NULL: not given, the host itself);
 * *out is the RP ID, and lives as long as o and rp_id.
 */
bool origin_check(struct origin *o, struct span rp_id, struct span *out,
    struct dom_error *err);

/* Whether o can use WebAuthn at all; origin_check() asks the same. */
bool origin_is_usable(const struct origin *o, struct dom_error *err);

/*
 * Whether a page of o may use the AppID of U2F (WebAuthn Level 3, 10.1.1) as
 * browsers decide it today: a URL of its own site and scheme; lists of facets
 * are not fetched. The empty one means the origin itself. *out lives as long
 * as o and app_id.
 */
bool origin_app_id(struct origin *o, struct span app_id, struct span *out,
    struct dom_error *err);

#endif
