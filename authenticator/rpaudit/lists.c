/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/lists.h"

#include "authenticator/clock.h"
#include "authenticator/mds/server.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const paths[RP_LISTS] = {
	[RP_LIST_ATTESTATION] = "/crl/attestation.crl",
	[RP_LIST_METADATA] = "/crl/metadata.crl",
};

/* Once the thread runs, server is its own, and the rest constant. */
struct rp_lists {
	uint8_t		*der[RP_LISTS];
	size_t		 len[RP_LISTS];
	char		 host[LOOPBACK_TEXT_LEN];
	struct mds_server *server;
	int		 stop_fd;
	pthread_t	 thread;
	bool		 runs;
};

static void
find(void *arg, const char *path, struct mds_document *out)
{
	const struct rp_lists *l = arg;

	for (int i = 0; i < RP_LISTS; i++) {
		if (strcmp(path, paths[i]) != 0)
			continue;
		out->body = malloc(l->len[i]);
		out->status = out->body != NULL ? 200 : 500;
		if (out->body == NULL)
			return;
		memcpy(out->body, l->der[i], l->len[i]);
		out->type = "application/pkix-crl";
		out->len = l->len[i];
	}
}

static int
patience(const struct mds_server *s)
{
	uint64_t now_ms = clock_ms(), until_ms;

	until_ms = mds_server_deadline(s, now_ms);
	if (until_ms <= now_ms)
		return 0;
	return until_ms - now_ms > 60000 ? 60000 : (int)(until_ms - now_ms);
}

static void *
serve(void *arg)
{
	struct rp_lists *l = arg;
	struct pollfd fds[2] = {
		{ .fd = mds_server_fd(l->server), .events = POLLIN },
		{ .fd = l->stop_fd, .events = POLLIN },
	};

	while (fds[1].revents == 0) {
		if (poll(fds, 2, patience(l->server)) == -1 &&
		    errno != EINTR)
			break;
		mds_server_dispatch(l->server, clock_ms());
	}
	return NULL;
}

/* Signals are for whoever started it. */
static int
start_thread(struct rp_lists *l)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&l->thread, NULL, serve, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->runs = r == 0;
	return -r;
}

static int
start(struct rp_lists *l)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int r;

	if (!loopback_parse("127.0.0.1:0", &addr, &len))
		return -EINVAL;
	l->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (l->stop_fd == -1)
		return -errno;
	r = mds_server_open(&addr, len, find, l, &l->server);
	if (r < 0)
		return r;
	loopback_text(&addr, l->host);
	return start_thread(l);
}

int
rp_lists_new(uint8_t *const der[static RP_LISTS],
    const size_t len[static RP_LISTS], struct rp_lists **out, char *msg,
    size_t msglen)
{
	struct rp_lists *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;

	for (int i = 0; i < RP_LISTS; i++) {
		if (l == NULL)
			free(der[i]);
		else
			l->der[i] = der[i];
		if (l != NULL)
			l->len[i] = len[i];
	}
	if (l != NULL) {
		l->stop_fd = -1;
		r = start(l);
	}
	if (r < 0) {
		snprintf(msg, msglen, "cannot serve revocation lists: %s",
		    strerror(-r));
		rp_lists_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void
rp_lists_free(struct rp_lists *l)
{
	static const uint64_t one = 1;

	if (l == NULL)
		return;
	if (l->runs && write(l->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(l->thread, NULL);
	mds_server_close(l->server);
	if (l->stop_fd != -1)
		close(l->stop_fd);
	for (int i = 0; i < RP_LISTS; i++)
		free(l->der[i]);
	free(l);
}

void
rp_lists_url(const struct rp_lists *l, enum rp_list which,
    char out[static RP_LISTS_URL_LEN])
{
	snprintf(out, RP_LISTS_URL_LEN, "http://%s%s", l->host,
	    paths[which]);
}
