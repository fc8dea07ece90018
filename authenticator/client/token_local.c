/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine in this process as a token: CTAP2 messages without a transport.
 * Its user is always there and always verified, which is what makes it
 * useful to scripts. A status of CTAP does not tell what the TPM or the disk
 * had to say: that is a line on standard error.
 */
#include "authenticator/client/token_ctap.h"

#include "authenticator/cmd/cli.h"
#include "authenticator/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct local_token {
	struct ctap_token ctap;
	struct device	*device;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int
local_transact(struct ctap_token *t, size_t len)
{
	struct local_token *l = (struct local_token *)t;
	const char *trouble;
	size_t got;
	int r;

	r = device_transact(l->device, span(t->request, len), t->reply,
	    sizeof(t->reply), &got);
	trouble = device_trouble(l->device);
	if (trouble != NULL)
		cli_error("%s", trouble);
	return r < 0 ? r : (int)got;
}

static void
local_close(struct ctap_token *t)
{
	struct local_token *l = (struct local_token *)t;

	device_close(l->device);
	free(l);
}

static const struct token_wire local_wire = {
	.transact = local_transact,
	.close = local_close,
};

int
token_open_local(const char *path, const struct auth_config *auth,
    const struct device_tpm *tpm, struct token **out, char *msg,
    size_t msglen)
{
	struct device_config cfg = { .path = path, .create = true,
	    .auth = *auth };
	struct local_token *l = calloc(1, sizeof(*l));
	int r;

	if (l == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	if (tpm != NULL)
		cfg.tpm = *tpm;
	ctap_token_init(&l->ctap, &local_wire);
	r = device_open(&cfg, now_ms(), &l->device, msg, msglen);
	if (r < 0) {
		free(l);
		return r;
	}
	*out = &l->ctap.token;
	return 0;
}

struct device *
token_local_device(struct token *t)
{
	return ((struct local_token *)t)->device;
}
