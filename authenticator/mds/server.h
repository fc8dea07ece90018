/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for this machine alone: documents that are made when
 * somebody asks for them. GET and HEAD, and nothing that a web page of another
 * site could reach (loopback.h). Others wait while a document is made. A
 * connection is good for one request, which must be there within 2 s, and its
 * reply be taken within 15 s.
 */
#ifndef AUTHENTICATOR_MDS_SERVER_H
#define AUTHENTICATOR_MDS_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "authenticator/loopback.h"

#define MDS_WHY_LEN	256	/* bytes, with the NUL; the rest is cut off */

struct mds_document {
	int		 status;	/* of HTTP */
	const char	*type;
	void		*body;		/* malloc()ed; the server frees it */
	size_t		 len;
	char		 why[MDS_WHY_LEN];	/* body NULL: a line, or "" */
};

struct mds_server;

/* find(arg, "/blob.jwt", out): status 404 for what is not there. */
int mds_server_open(struct sockaddr_storage *addr, socklen_t len,
    void (*find)(void *arg, const char *path, struct mds_document *out),
    void *arg, struct mds_server **out);
void mds_server_close(struct mds_server *s);	/* accepts NULL */

/* For a reactor's source. */
int mds_server_fd(const struct mds_server *s);
void mds_server_dispatch(struct mds_server *s, uint64_t now_ms);
uint64_t mds_server_deadline(const struct mds_server *s, uint64_t now_ms);

#endif
