/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two ceremonies share; private to webauthn*.c.
 */
#ifndef AUTHENTICATOR_WEBAUTHN_IMPL_H
#define AUTHENTICATOR_WEBAUTHN_IMPL_H

#include "authenticator/client/webauthn.h"
#include "authenticator/client/webauthn_options.h"

#define SHA256_LEN	32
#define BLOBS_DIGEST_LEN 16	/* bytes, CTAP 2.3, 6.10.3 */

#define NO_VERIFICATION	"the token cannot verify its user: it does not do " \
	"so by itself, and has no PIN that we were given (see --pin-file)"

/*
 * clientDataJSON and its hash, as the client's fault has them, if it has one
 * that fits. To be emptied in any case.
 */
struct client_data {
	char	*text;
	size_t	 len;
	uint8_t	 hash[SHA256_LEN];
	struct client_fault *fault;	/* NULL: everything is honest */
};
bool client_data_make(struct webauthn_client *c, bool create,
    struct span challenge, struct client_data *out, struct dom_error *err);
void client_data_done(struct client_data *data);

/* An earlier answer is to be sent again: out has it. */
bool client_replays(struct webauthn_client *c, bool create,
    const struct client_data *data, struct json_out *out);

/* A list of credential IDs that a request will carry. */
struct id_list {
	const struct span *ids;
	size_t		 count;
};

/* Those of list that fit one request to the token, from the first. */
size_t client_list_fits(const struct webauthn_client *c,
    const struct id_list *list);

/*
 * Asks the token, without bothering the user, which credential of list it
 * has: *found is that one. False: none that it tells.
 */
bool client_probe(const struct webauthn_client *c, struct span rp_id,
    const struct id_list *list, bool uv, const struct span **found);

/*
 * What prf makes of a page's inputs, which never are salts themselves; *out,
 * in memory of the caller, stays as it is if there are none. False, with
 * *err, if OpenSSL fails.
 */
bool client_prf_salts(const struct webauthn_client *c,
    const struct salt_inputs *in, uint8_t salts[static TOKEN_SALTS_MAX],
    struct span *out, struct dom_error *err);

/* What r, as a verb of token.h returned it, is to a page. */
bool client_token_error(int r, bool create, struct dom_error *err);

/* The members that both responses begin with. */
void client_put_head(const struct webauthn_client *c, struct span id,
    struct json_out *out);
/* The end of both, and what a fault makes of it. */
bool client_finish(struct webauthn_client *c, bool create,
    const struct client_data *data, struct json_out *out,
    struct dom_error *err);

/* A member of two outputs of hmac-secret; nothing if there are none. */
void client_put_outputs(struct json_out *out, const char *name,
    const char *first, const char *second, const struct token_outputs *hmac);

/* A member of base64url. */
void client_put(struct json_out *out, const char *name, struct span bytes);

#endif
