/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are honest for good: see forbid.h. */
#include "authenticator/fault/forbid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "authenticator/attest/attestation.h"

#define RECORD		"no faults"	/* its name in the store */

static const uint8_t version = 1;

/* The first start makes it, right after this. */
static int
was_started(struct store *st)
{
	char *pem = NULL;
	int r = attestation_roots_read(st, &pem);

	free(pem);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int
forbid(struct store *st, char *msg, size_t msglen)
{
	int r = was_started(st);

	if (r == 1) {
		snprintf(msg, msglen, "was made without --no-faults, and may "
		    "have got something wrong before; make another key");
		return -EINVAL;
	}
	return r < 0 ? r : store_put(st, RECORD, span(&version, 1));
}

int
fault_forbid(struct store *st, bool wanted, bool *forbidden, char *msg,
    size_t msglen)
{
	uint8_t *value;
	size_t len;
	int r = store_get(st, RECORD, &value, &len);

	if (r == 0)
		store_blob_free(value, len);
	*forbidden = r == 0 || wanted;
	if (r != -ENOENT || !wanted) {
		r = r == -ENOENT ? 0 : r;
	} else {
		msg[0] = '\0';
		r = forbid(st, msg, msglen);
		if (r < 0 && msg[0] != '\0')
			return r;
	}
	if (r < 0)
		snprintf(msg, msglen, "%s", store_strerror(st));
	return r;
}
