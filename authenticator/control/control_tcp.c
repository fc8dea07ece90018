/* SPDX-License-Identifier: Apache-2.0 */
/* The control interface on TCP: see control_tcp.h. */
#include "authenticator/control/control_tcp.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/control/control.h"
#include "authenticator/hex.h"

#define RANDOM_LEN	32	/* bytes of a token that we make */

int
control_tcp_listen(const char *address, char at[static LOOPBACK_TEXT_LEN],
    char *msg, size_t msglen)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int fd;

	if (!loopback_parse(address, &addr, &len)) {
		snprintf(msg, msglen, "%s: the control interface listens at "
		    "127.0.0.1:PORT or [::1]:PORT only", address);
		return -EINVAL;
	}
	fd = loopback_listen(&addr, len);
	if (fd < 0)
		snprintf(msg, msglen, "%s: cannot listen: %s", address,
		    strerror(-fd));
	else
		loopback_text(&addr, at);
	return fd;
}

/* In a time that tells nothing of how far they are the same. */
static bool
is_token(const char *given, const char *token)
{
	uint8_t a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)given, strlen(given), a);
	SHA256((const uint8_t *)token, strlen(token), b);
	return CRYPTO_memcmp(a, b, sizeof(a)) == 0;
}

bool
control_tcp_admits(struct MHD_Connection *connection, const char *token,
    struct answer *refusal)
{
	const char *host = MHD_lookup_connection_value(connection,
	    MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	const char *origin = MHD_lookup_connection_value(connection,
	    MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN);
	const char *auth = MHD_lookup_connection_value(connection,
	    MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

	if (origin != NULL || !loopback_is_host(host)) {
		*refusal = answer_failure(403, "forbidden", "not for web "
		    "pages: without Origin, and with a Host of this machine");
		return false;
	}
	if (auth == NULL || strncasecmp(auth, "Bearer ", 7) != 0 ||
	    !is_token(auth + 7, token)) {
		*refusal = answer_failure(401, "unauthorized", "this wants "
		    "\"Authorization: Bearer TOKEN\"");
		return false;
	}
	return true;
}

static int
make_token(const char *path, char out[static CONTROL_TOKEN_LEN])
{
	uint8_t raw[RANDOM_LEN];
	int fd, r = 0;

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return -EIO;
	hex_encode(span(raw, sizeof(raw)), out);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return -errno;
	if (dprintf(fd, "%s\n", out) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		(void)unlink(path);
	return r;
}

static int
read_token(int fd, const char *path, char out[static CONTROL_TOKEN_LEN],
    char *msg, size_t msglen)
{
	struct stat sb;
	ssize_t n;

	if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode) ||
	    sb.st_uid != geteuid() || (sb.st_mode & 077) != 0) {
		snprintf(msg, msglen, "%s: the token has to be in a file that "
		    "is yours alone: chmod 600 it", path);
		return -EPERM;
	}
	n = read(fd, out, CONTROL_TOKEN_LEN - 1);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (strlen(out) < CONTROL_TOKEN_MIN ||
	    strlen(out) >= CONTROL_TOKEN_MAX) {
		snprintf(msg, msglen, "%s: the token has to be a line of %d "
		    "to %d characters", path, CONTROL_TOKEN_MIN,
		    CONTROL_TOKEN_MAX - 1);
		return -EINVAL;
	}
	return 0;
}

int
control_tcp_token(const char *path, char out[static CONTROL_TOKEN_LEN],
    char *msg, size_t msglen)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd == -1 && errno == ENOENT) {
		r = make_token(path, out);
	} else if (fd == -1) {
		r = -errno;
	} else {
		r = read_token(fd, path, out, msg, msglen);
		close(fd);
		return r;
	}
	if (r < 0)
		snprintf(msg, msglen, "%s: %s", path, strerror(-r));
	return r;
}
