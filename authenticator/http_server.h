/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our HTTP servers have in common: libmicrohttpd without threads, in an
 * epoll loop of ours.
 */
#ifndef AUTHENTICATOR_HTTP_SERVER_H
#define AUTHENTICATOR_HTTP_SERVER_H

#include <microhttpd.h>

/*
 * Does what there is to do. While the daemon has as many connections as it
 * takes, it does not listen, and it only begins again when it is run after one
 * of them has ended: it is, so that the next client is an event.
 */
void http_server_run(struct MHD_Daemon *mhd);

#endif
