/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey mds serve. The key may be running, or not: it is asked for its
 * revocation lists when one is wanted and the last ones are an hour old.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authenticator/attest/crl.h"
#include "authenticator/clock.h"
#include "authenticator/cmd/mds_options.h"
#include "authenticator/mds/server.h"
#include "authenticator/reactor.h"
#include "authenticator/signals.h"

#define LISTS_GOOD_S	3600

struct service {
	struct mds_use	*use;
	struct mds_server *server;
	struct reactor	 reactor;
	struct source	 requests;
	struct signals	 signals;
	char		 crl_url[LOOPBACK_TEXT_LEN + 32];
	json_t		*lists;		/* as manage_crls() gives them */
	int64_t		 lists_s;
};

/* Documents. */

static void
give(struct mds_document *out, const char *type, void *body, size_t len)
{
	if (body == NULL) {
		out->status = 500;
		return;
	}
	*out = (struct mds_document){ .status = 200, .type = type,
	    .body = body, .len = len };
}

/* For who asked, and for who runs it. */
static void
cannot(struct mds_document *out, const char *why)
{
	out->status = 500;
	snprintf(out->why, sizeof(out->why), "%.*s", MDS_WHY_LEN - 1, why);
	cli_error("mds: %s", why);
}

static void
give_blob(struct service *s, struct mds_document *out)
{
	char msg[PATH_MAX + MDS_MESSAGE_LEN];
	const char *blob;

	if (mds_publish(&s->use->publisher, time(NULL), &blob, msg,
	    sizeof(msg)) != 0)
		cannot(out, msg);
	else
		give(out, "application/jose", strdup(blob), strlen(blob));
}

static void
give_root(struct service *s, struct mds_document *out)
{
	char *pem = mds_authority_root_pem(s->use->authority);

	give(out, "application/x-pem-file", pem, pem != NULL ? strlen(pem) :
	    0);
}

/* New ones if that works; else those of before, until they are over. */
static const json_t *
current_lists(struct service *s, struct mds_document *out)
{
	static const struct device_tpm as_made;
	int64_t now_s = time(NULL);
	struct manage m;
	json_t *lists;
	int r;

	if (s->lists != NULL && now_s - s->lists_s < LISTS_GOOD_S)
		return s->lists;
	r = manage_open_tpm(&m, s->use->path, &as_made, true);
	if (r == 0)
		r = manage_crls(&m, now_s, &lists);
	if (r == 0) {
		json_decref(s->lists);
		s->lists = lists;
		s->lists_s = now_s;
	} else {
		cannot(out, m.msg);
	}
	manage_close(&m);
	return s->lists != NULL && now_s - s->lists_s < CRL_VALID_S ?
	    s->lists : NULL;
}

static void
give_attestation_list(struct service *s, const char *name,
    struct mds_document *out)
{
	const json_t *list = json_object_get(current_lists(s, out), name);
	const char *text = json_string_value(list);
	size_t len = json_string_length(list), pad = 0;
	unsigned char *der;

	/* that CA's key is not here: no list of it can be */
	out->status = list == NULL ? 500 : 404;
	if (text == NULL)
		return;
	der = malloc(len / 4 * 3 + 1);
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (der == NULL || EVP_DecodeBlock(der, (const uint8_t *)text,
	    (int)len) < 0)
		free(der);
	else
		give(out, "application/pkix-crl", der, len / 4 * 3 - pad);
}

static void
give_metadata_list(struct service *s, enum attestation_ca which,
    struct mds_document *out)
{
	uint8_t *der = NULL;
	size_t len = 0;
	int r = mds_authority_crl(s->use->authority, which, time(NULL), &der,
	    &len);

	if (r == -ENOKEY)
		return;
	give(out, "application/pkix-crl", r == 0 ? der : NULL, len);
}

static void
find(void *arg, const char *path, struct mds_document *out)
{
	struct service *s = arg;

	if (strcmp(path, "/") == 0 || strcmp(path, "/blob.jwt") == 0)
		give_blob(s, out);
	else if (strcmp(path, "/root.pem") == 0)
		give_root(s, out);
	else if (strcmp(path, "/crl/attestation.crl") == 0)
		give_attestation_list(s, "intermediate", out);
	else if (strcmp(path, "/crl/attestation-root.crl") == 0)
		give_attestation_list(s, "root", out);
	else if (strcmp(path, "/crl/metadata.crl") == 0)
		give_metadata_list(s, ATTESTATION_CA_INTERMEDIATE, out);
	else if (strcmp(path, "/crl/metadata-root.crl") == 0)
		give_metadata_list(s, ATTESTATION_CA_ROOT, out);
}

/* The server. */

static void
on_requests(void *arg, uint64_t now_ms)
{
	mds_server_dispatch(((struct service *)arg)->server, now_ms);
}

static uint64_t
requests_deadline(const void *arg)
{
	return mds_server_deadline(((const struct service *)arg)->server,
	    clock_ms());
}

static int
watch_all(struct service *s)
{
	int r;

	s->requests = (struct source){ .fd = mds_server_fd(s->server),
	    .ready = on_requests, .deadline = requests_deadline,
	    .tick = on_requests, .arg = s };
	r = reactor_init(&s->reactor);
	if (r == 0)
		r = reactor_add(&s->reactor, &s->requests);
	return r == 0 ? signals_open(&s->signals, &s->reactor) : r;
}

/* What cannot be published at all is known before anybody is told to ask. */
static int
start(struct service *s, char url[static LOOPBACK_TEXT_LEN])
{
	struct mds_use *use = s->use;
	char msg[PATH_MAX + MDS_MESSAGE_LEN];
	const char *blob;
	int r;

	loopback_text(&use->address, url);
	r = mds_server_open(&use->address, use->address_len, find, s,
	    &s->server);
	if (r < 0)
		return cli_error("mds: cannot listen at %s: %s", url,
		    strerror(-r));
	loopback_text(&use->address, url);
	snprintf(s->crl_url, sizeof(s->crl_url), "http://%s/crl/metadata.crl",
	    url);
	use->publisher.crl_url = s->crl_url;
	if (mds_publish(&use->publisher, time(NULL), &blob, msg, sizeof(msg))
	    != 0)
		return cli_error("mds: %s", msg);
	r = watch_all(s);
	return r == 0 ? CLI_DONE : cli_error("mds: cannot wait: %s",
	    strerror(-r));
}

int
mds_serve(struct mds_use *use)
{
	struct service s = { .use = use, .signals.fd = -1,
		.reactor.epfd = -1 };
	char url[LOOPBACK_TEXT_LEN];
	int status = start(&s, url);

	if (status == CLI_DONE) {
		fprintf(stderr, "sealkey: ready: metadata at "
		    "http://%s/blob.jwt\n", url);
		ready_tell(use->ready_fd);
		status = reactor_run(&s.reactor) == 0 ? CLI_DONE : CLI_FAILED;
	}
	mds_server_close(s.server);
	reactor_done(&s.reactor);
	signals_close(&s.signals);
	json_decref(s.lists);
	return status;
}
