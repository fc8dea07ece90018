/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine in this process as a token: messages without a transport, of
 * CTAP2 if the key has that, and else of U2F.
 * Its user is always there and always verified, which is what makes it
 * useful to scripts. A status of CTAP does not tell what the TPM or the disk
 * had to say: that is a line on standard error.
 */
#include "authenticator/client/token_ctap.h"
#include "authenticator/client/token_u2f.h"

#include "authenticator/clock.h"
#include "authenticator/cmd/cli.h"
#include "authenticator/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct local_token {
	struct ctap_token ctap;
	struct device	*device;
	struct token_messages *own;	/* NULL: they are lent */
};

struct local_u2f {
	struct u2f_token u2f;
	struct device	*device;
};

/* The length of what the engine answered, or -errno. */
static int
taken(struct device *d, int r, size_t got)
{
	const char *trouble = device_trouble(d);

	if (trouble != NULL)
		cli_error("%s", trouble);
	return r < 0 ? r : (int)got;
}

static int
local_transact(struct ctap_token *t, size_t len)
{
	struct local_token *l = (struct local_token *)t;
	size_t got = 0;
	int r = device_transact(l->device, span(t->msg->request, len),
	    t->msg->reply, sizeof(t->msg->reply), &got);

	return taken(l->device, r, got);
}

static void
local_close(struct ctap_token *t)
{
	struct local_token *l = (struct local_token *)t;

	device_close(l->device);
	free(l->own);
	free(l);
}

static const struct token_wire local_wire = {
	.transact = local_transact,
	.close = local_close,
};

static int
local_u2f_transact(struct u2f_token *t, size_t len)
{
	struct local_u2f *l = (struct local_u2f *)t;
	size_t got = 0;
	int r = device_transact_apdu(l->device, span(t->request, len),
	    t->reply, sizeof(t->reply), &got);

	return taken(l->device, r, got);
}

static void
local_u2f_close(struct u2f_token *t)
{
	struct local_u2f *l = (struct local_u2f *)t;

	device_close(l->device);
	free(l);
}

static const struct u2f_wire local_u2f_wire = {
	.transact = local_u2f_transact,
	.pause = u2f_pause,
	.now_ms = u2f_now_ms,
	.close = local_u2f_close,
};

static struct token *
make_ctap(struct device *d, struct token_messages *lent)
{
	struct local_token *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	if (lent == NULL && (l->own = calloc(1, sizeof(*l->own))) == NULL) {
		free(l);
		return NULL;
	}
	ctap_token_init(&l->ctap, &local_wire, lent != NULL ? lent : l->own);
	l->device = d;
	return &l->ctap.token;
}

static struct token *
make_u2f(struct device *d)
{
	struct local_u2f *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u2f_token_init(&u->u2f, &local_u2f_wire);
	u->device = d;
	return &u->u2f.token;
}

/* The token that d is, which it owns from here on; NULL: no memory. */
static struct token *
make_token(struct device *d, struct token_messages *lent)
{
	return device_has_ctap2(d) ? make_ctap(d, lent) : make_u2f(d);
}

int
token_open_local(const char *path, const struct auth_config *auth,
    const struct device_tpm *tpm, struct token **out, char *msg,
    size_t msglen)
{
	struct device_config cfg = { .path = path, .create = true,
	    .auth = *auth, .audit = AUDIT_SEALED };

	if (tpm != NULL)
		cfg.tpm = *tpm;
	return token_open_config(&cfg, NULL, out, msg, msglen);
}

int
token_open_config(const struct device_config *cfg, struct token_messages *lent,
    struct token **out, char *msg, size_t msglen)
{
	struct device *d;
	int r;

	r = device_open(cfg, clock_ms(), &d, msg, msglen);
	if (r < 0)
		return r;
	*out = make_token(d, lent);
	if (*out == NULL) {
		device_close(d);
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

struct device *
token_local_device(struct token *t)
{
	return u2f_token_is(t) ? ((struct local_u2f *)t)->device :
	    ((struct local_token *)t)->device;
}
