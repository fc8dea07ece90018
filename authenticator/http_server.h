/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our HTTP servers have in common: libmicrohttpd without threads, in an
 * epoll loop of ours.
 */
#ifndef AUTHENTICATOR_HTTP_SERVER_H
#define AUTHENTICATOR_HTTP_SERVER_H

#include <microhttpd.h>
#include <stdint.h>

/*
 * Does what there is to do. While the daemon has as many connections as it
 * takes, it does not listen, and it only begins again when it is run after one
 * of them has ended: it is, so that the next client is an event.
 */
void http_server_run(struct MHD_Daemon *mhd);

/*
 * Connections, of any number of daemons, that are good for one request each.
 * libmicrohttpd only ends those that say nothing; one that says a byte a
 * second would keep its place. These have a time to end by: arrive_ms after
 * they began, or what http_client_until() says.
 */
struct http_clients {
	uint64_t	 arrive_ms;
	/* private from here */
	uint64_t	 now_ms;
	struct http_client *first;
};

/* For MHD_OPTION_NOTIFY_CONNECTION, with a struct http_clients. */
void http_clients_notify(void *clients, struct MHD_Connection *connection,
    void **client, enum MHD_ConnectionNotificationCode what);
/* UINT64_MAX: it takes as long as it takes. */
void http_client_until(struct MHD_Connection *connection,
    uint64_t deadline_ms);
/* Before the daemons are run: ends those whose time is over. */
void http_clients_tick(struct http_clients *clients, uint64_t now_ms);
uint64_t http_clients_deadline(const struct http_clients *clients);

/* The socket, for who waits for it to be shut. */
int http_connection_fd(struct MHD_Connection *connection);

#endif
