/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key to be looked at or changed from the command line: its state
 * directory if nobody has it open, else the running key, through its control
 * interface. Both answer in the same JSON (control.md).
 *
 * Errors are negative errno values with one line in msg.
 */
#ifndef AUTHENTICATOR_MANAGE_H
#define AUTHENTICATOR_MANAGE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "authenticator/audit_read.h"
#include "authenticator/device.h"
#include "authenticator/note.h"
#include "authenticator/presence.h"
#include "authenticator/profile/profile.h"

struct manage {
	struct device	*device;	/* NULL: it runs */
	char		 path[PATH_MAX];	/* of the state directory */
	char		 control[PATH_MAX];	/* of the socket */
	char		 id[NOTE_ID_LEN];	/* there; "": the first key */
	char		 msg[DEVICE_MESSAGE_LEN + PATH_MAX];
	char		 warning[64 + PATH_MAX];	/* of what is done */
};

/* state as --state gave it, or NULL. Never makes anything. */
int manage_open(struct manage *m, const char *state);
/* The same, with what opens a TPM's key; and look as in device.h. */
int manage_open_tpm(struct manage *m, const char *state,
    const struct device_tpm *tpm, bool look);
/* But this makes a key, with its attestation, where there is none. */
int manage_open_or_make(struct manage *m, const char *state,
    const struct device_tpm *tpm);
/* Only a running key: -ENOENT if it does not run. */
int manage_open_running(struct manage *m, const char *state);
void manage_close(struct manage *m);

/*
 * A request to the running key: its path behind /v1/, "faults", and a body or
 * NULL. *out is a new reference to what it answers.
 */
int manage_request(struct manage *m, const char *method, const char *path,
    const char *body, json_t **out);

/* A new reference in *out. */
int manage_info(struct manage *m, json_t **out);
int manage_show(struct manage *m, const char *id, json_t **out);
/* each(arg, credential) until it returns non-zero; returns that or 0. */
int manage_each(struct manage *m, int (*each)(void *arg, json_t *cred),
    void *arg);
/*
 * What its owner does, in the audit log of the key, running or not. At rest
 * that comes last and does not fail it: then there is a warning.
 */
int manage_delete(struct manage *m, const char *id);
int manage_reset(struct manage *m);
int manage_set_profile(struct manage *m, const struct profile *p);
/*
 * The same for the lines of the audit log since f->since_ms until
 * f->until_ms; *damaged: how many could not be read.
 */
int manage_audit(struct manage *m, const struct audit_filter *f,
    int (*each)(void *arg, json_t *line), void *arg, uint64_t *damaged);
/* PEM; *out is to be freed with free(). */
int manage_roots(struct manage *m, char **out);
/* As anchors.h has them; a new reference in *out. */
int manage_anchors(struct manage *m, json_t **out);
int manage_crls(struct manage *m, int64_t now_s, json_t **out);
/* Waits up to 10 s for the key to ask. Only a running key. */
int manage_press(struct manage *m, const struct touch *touch);

#endif
