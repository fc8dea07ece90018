/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/mds/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/http_server.h"

#define CONNECTIONS_MAX	64
#define HEADERS_MAX	16384	/* bytes, of a connection */
#define IDLE_S		10U
#define ARRIVE_MAX_MS	2000	/* for a request to be there as a whole */
#define ANSWER_MAX_MS	15000	/* and for its reply to be taken */

struct mds_server {
	struct MHD_Daemon *mhd;
	int		 fd;		/* libmicrohttpd's epoll */
	struct http_clients clients;
	uint64_t	 now_ms;
	void		(*find)(void *arg, const char *path,
			    struct mds_document *out);
	void		*arg;
};

static enum MHD_Result
send_document(struct MHD_Connection *connection, struct mds_document *doc)
{
	struct MHD_Response *rp = MHD_create_response_from_buffer(doc->len,
	    doc->body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result r;

	if (rp == NULL) {
		free(doc->body);
		return MHD_NO;
	}
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONTENT_TYPE, doc->type);
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(rp, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONNECTION, "close");
	r = MHD_queue_response(connection, (unsigned)doc->status, rp);
	MHD_destroy_response(rp);
	return r;
}

static enum MHD_Result
refuse(struct MHD_Connection *connection, int status, const char *line)
{
	struct mds_document doc = { .status = status, .type = "text/plain",
		.body = strdup(line) };

	if (doc.body == NULL)
		return MHD_NO;
	doc.len = strlen(line);
	return send_document(connection, &doc);
}

static enum MHD_Result
refuse_document(struct MHD_Connection *connection,
    const struct mds_document *doc)
{
	char line[MDS_WHY_LEN + 32];

	if (doc->status == 404)
		return refuse(connection, 404, "there is no such document\n");
	snprintf(line, sizeof(line), "it cannot be made%s%s\n",
	    doc->why[0] != '\0' ? ": " : "", doc->why);
	return refuse(connection, doc->status, line);
}

/* Called once for the headers, then for the body, then with *size 0. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *size, void **seen)
{
	struct mds_document doc = { .status = 404 };
	struct mds_server *s = arg;
	static char once;

	(void)version;
	(void)upload;
	if (*seen == NULL) {
		*seen = &once;
		return MHD_YES;
	}
	if (*size > 0) {
		*size = 0;	/* nobody wants it */
		return MHD_YES;
	}
	http_client_until(connection, s->now_ms + ANSWER_MAX_MS);
	if (!loopback_is_host(MHD_lookup_connection_value(connection,
	    MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
		return refuse(connection, 403, "this server is for this "
		    "machine only\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, 405, "there is nothing but GET\n");
	s->find(s->arg, url, &doc);
	return doc.body != NULL ? send_document(connection, &doc) :
	    refuse_document(connection, &doc);
}

int
mds_server_open(struct sockaddr_storage *addr, socklen_t len,
    void (*find)(void *arg, const char *path, struct mds_document *out),
    void *arg, struct mds_server **out)
{
	struct mds_server *s = calloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info;
	int fd;

	if (s == NULL)
		return -ENOMEM;
	fd = loopback_listen(addr, len);
	if (fd < 0) {
		free(s);
		return fd;
	}
	s->find = find;
	s->arg = arg;
	s->clients.arrive_ms = ARRIVE_MAX_MS;
	s->mhd = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_CONNECTION, http_clients_notify, &s->clients,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
	if (s->mhd == NULL) {
		close(fd);
		free(s);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL) {
		mds_server_close(s);
		return -ENOTSUP;
	}
	s->fd = info->epoll_fd;
	*out = s;
	return 0;
}

void
mds_server_close(struct mds_server *s)
{
	if (s == NULL)
		return;
	MHD_stop_daemon(s->mhd);	/* closes the socket */
	free(s);
}

int
mds_server_fd(const struct mds_server *s)
{
	return s->fd;
}

void
mds_server_dispatch(struct mds_server *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	http_clients_tick(&s->clients, now_ms);
	http_server_run(s->mhd);
}

uint64_t
mds_server_deadline(const struct mds_server *s, uint64_t now_ms)
{
	uint64_t first = http_clients_deadline(&s->clients);
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	if (MHD_get_timeout(s->mhd, &timeout_ms) == MHD_YES &&
	    now_ms + timeout_ms < first)
		first = now_ms + timeout_ms;
	return first;
}
