/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/http_server.h"

#include <sys/socket.h>

#include <stdlib.h>

struct http_client {
	int		 fd;
	uint64_t	 deadline_ms;	/* UINT64_MAX: none, or told to go */
	struct http_client *next;
};

static unsigned
connections(struct MHD_Daemon *mhd)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(mhd,
	    MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info != NULL ? info->num_connections : 0;
}

void
http_server_run(struct MHD_Daemon *mhd)
{
	unsigned before, after = connections(mhd);

	do {
		before = after;
		(void)MHD_run(mhd);
		after = connections(mhd);
	} while (after < before);
}

int
http_connection_fd(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection,
	    MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

void
http_clients_notify(void *arg, struct MHD_Connection *connection, void **ctx,
    enum MHD_ConnectionNotificationCode what)
{
	struct http_clients *clients = arg;
	struct http_client **at = &clients->first;
	struct http_client *client = *ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*ctx = client = calloc(1, sizeof(*client));
		if (client == NULL)
			return;		/* it has libmicrohttpd's limits */
		client->fd = http_connection_fd(connection);
		client->deadline_ms = clients->now_ms + clients->arrive_ms;
		client->next = clients->first;
		clients->first = client;
		return;
	}
	while (*at != NULL && *at != client)
		at = &(*at)->next;
	if (*at != NULL)
		*at = client->next;
	free(client);
	*ctx = NULL;
}

void
http_client_until(struct MHD_Connection *connection, uint64_t deadline_ms)
{
	struct http_client *client = MHD_get_connection_info(connection,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	if (client != NULL)
		client->deadline_ms = deadline_ms;
}

/* libmicrohttpd closes what it finds shut. */
void
http_clients_tick(struct http_clients *clients, uint64_t now_ms)
{
	struct http_client *client;

	clients->now_ms = now_ms;
	for (client = clients->first; client != NULL; client = client->next) {
		if (client->deadline_ms > now_ms)
			continue;
		client->deadline_ms = UINT64_MAX;
		(void)shutdown(client->fd, SHUT_RDWR);
	}
}

uint64_t
http_clients_deadline(const struct http_clients *clients)
{
	const struct http_client *client;
	uint64_t first = UINT64_MAX;

	for (client = clients->first; client != NULL; client = client->next)
		if (client->deadline_ms < first)
			first = client->deadline_ms;
	return first;
}
