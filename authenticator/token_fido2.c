/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any CTAP2 token, through libfido2: a hidraw device by its path, or a
 * SEQPACKET socket that carries one 64-byte report per packet each way.
 *
 * What libfido2 cannot say limits this kind of token: one algorithm a
 * request (the first that it and the token know), texts without NUL bytes,
 * replies up to 2048 bytes, and no PIN.
 */
#include "authenticator/token.h"

#include "ctap/cbor.h"
#include "uhid/transport.h"
#include "uhid/unix.h"

#include <errno.h>
#include <fido.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPORT_LEN	TRANSPORT_REPORT_LEN
#define MESSAGE_DEFAULT	1024	/* bytes, CTAP 2.3, 6.4 */

struct fido2_token {
	struct token	 token;
	fido_dev_t	*dev;
	fido_cred_t	*cred;		/* what the last answer points to */
	fido_assert_t	*assertion;
};

static struct fido2_token *
fido2(struct token *t)
{
	return (struct fido2_token *)t;
}

/* Status codes of the token are positive; libfido2's own are not. */
static int
from_fido(int r)
{
	if (r >= 0)
		return r;
	if (r == FIDO_ERR_RX_NOT_CBOR || r == FIDO_ERR_RX_INVALID_CBOR)
		return -EPROTO;
	return r == FIDO_ERR_INVALID_ARGUMENT ? -EINVAL : -EIO;
}

/* A socket, as libfido2 wants its devices: a pointer, and four functions. */
struct wire {
	int	fd;
};

static void *
wire_open(const char *path)
{
	struct wire *w = malloc(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->fd = unix_connect(path, SOCK_SEQPACKET);
	if (w->fd >= 0)
		return w;
	errno = -w->fd;
	free(w);
	return NULL;
}

static void
wire_close(void *handle)
{
	struct wire *w = handle;

	close(w->fd);
	free(w);
}

static int
wire_read(void *handle, unsigned char *buf, size_t len, int ms)
{
	struct wire *w = handle;
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };

	if (len != REPORT_LEN || poll(&pfd, 1, ms) != 1)
		return -1;
	/* MSG_TRUNC: the length of the packet, even if it is longer. */
	return recv(w->fd, buf, len, MSG_TRUNC) == REPORT_LEN ?
	    REPORT_LEN : -1;
}

/* hidraw wants a report number in front; a socket has no use for it. */
static int
wire_write(void *handle, const unsigned char *buf, size_t len)
{
	struct wire *w = handle;

	if (len != REPORT_LEN + 1 ||
	    send(w->fd, buf + 1, REPORT_LEN, MSG_NOSIGNAL) != REPORT_LEN)
		return -1;
	return (int)len;
}

static void
read_extensions(const fido_cbor_info_t *ci, struct token_info *out)
{
	char **name = fido_cbor_info_extensions_ptr(ci);

	for (size_t i = 0; i < fido_cbor_info_extensions_len(ci); i++) {
		out->cred_protect |= strcmp(name[i], "credProtect") == 0;
		out->hmac_secret |= strcmp(name[i], "hmac-secret") == 0;
	}
}

static void
read_options(const fido_cbor_info_t *ci, struct token_info *out)
{
	char **name = fido_cbor_info_options_name_ptr(ci);
	const bool *value = fido_cbor_info_options_value_ptr(ci);

	for (size_t i = 0; i < fido_cbor_info_options_len(ci); i++) {
		if (strcmp(name[i], "rk") == 0)
			out->rk = value[i];
		if (strcmp(name[i], "uv") == 0)
			out->uv = value[i];
	}
}

static void
read_algs(const fido_cbor_info_t *ci, struct token_info *out)
{
	for (size_t i = 0; i < fido_cbor_info_algorithm_count(ci); i++)
		if (out->alg_count < TOKEN_ALGS_MAX)
			out->algs[out->alg_count++] =
			    fido_cbor_info_algorithm_cose(ci, i);
}

/* libfido2 does not promise UTF-8; what goes into JSON must be. */
static void
read_transports(const fido_cbor_info_t *ci, struct token_info *out)
{
	char **name = fido_cbor_info_transports_ptr(ci);
	struct span s;

	for (size_t i = 0; i < fido_cbor_info_transports_len(ci); i++) {
		s = span_str(name[i]);
		if (out->transport_count == TOKEN_TRANSPORTS_MAX ||
		    s.len >= TOKEN_TRANSPORT_LEN ||
		    cbor_utf8_cut(s, s.len) != s.len)
			continue;
		memcpy(out->transports[out->transport_count++], name[i],
		    s.len + 1);
	}
}

static int
fido2_info(struct token *token, struct token_info *out)
{
	struct fido2_token *t = fido2(token);
	fido_cbor_info_t *ci = fido_cbor_info_new();
	int r;

	if (ci == NULL)
		return -ENOMEM;
	r = fido_dev_get_cbor_info(t->dev, ci);
	if (r != FIDO_OK)
		goto out;
	memset(out, 0, sizeof(*out));
	read_extensions(ci, out);
	read_options(ci, out);
	read_algs(ci, out);
	read_transports(ci, out);
	out->message_max = (size_t)fido_cbor_info_maxmsgsiz(ci);
	if (out->message_max == 0)
		out->message_max = MESSAGE_DEFAULT;
	out->list_max = (size_t)fido_cbor_info_maxcredcntlst(ci);
out:
	fido_cbor_info_free(&ci);
	return from_fido(r);
}

static void
forget_answer(struct fido2_token *t)
{
	fido_cred_free(&t->cred);
	fido_assert_free(&t->assertion);
}

static int
set_alg(fido_cred_t *cred, const struct token_make *req)
{
	for (size_t i = 0; i < req->alg_count; i++)
		if (fido_cred_set_type(cred, req->algs[i]) == FIDO_OK)
			return FIDO_OK;
	return FIDO_ERR_UNSUPPORTED_ALGORITHM;
}

/* Text that was not given is a span without an address. */
static char *
copy_text(struct span text)
{
	if (text.len == 0)
		return strdup("");
	return strndup((const char *)text.p, text.len);
}

static int
set_entities(fido_cred_t *cred, const struct token_make *req)
{
	char *rp_id = copy_text(req->rp_id);
	char *rp_name = copy_text(req->rp_name);
	char *name = copy_text(req->user_name);
	char *display_name = copy_text(req->user_display_name);
	int r = FIDO_ERR_INTERNAL;

	if (rp_id == NULL || rp_name == NULL || name == NULL ||
	    display_name == NULL)
		goto out;
	r = fido_cred_set_rp(cred, rp_id, rp_name);
	if (r == FIDO_OK)
		r = fido_cred_set_user(cred, req->user_id.p, req->user_id.len,
		    name, display_name, NULL);
out:
	free(rp_id);
	free(rp_name);
	free(name);
	free(display_name);
	return r;
}

static int
set_extensions(fido_cred_t *cred, const struct token_make *req)
{
	int r = FIDO_OK;

	if (req->hmac_secret)
		r = fido_cred_set_extensions(cred, FIDO_EXT_HMAC_SECRET);
	if (r == FIDO_OK && req->protect != 0)
		r = fido_cred_set_prot(cred, (int)req->protect);
	return r;
}

static int
fill_cred(fido_cred_t *cred, const struct token_make *req)
{
	int r;

	r = set_alg(cred, req);
	if (r == FIDO_OK)
		r = set_entities(cred, req);
	if (r == FIDO_OK)
		r = fido_cred_set_clientdata_hash(cred,
		    req->client_data_hash.p, req->client_data_hash.len);
	for (size_t i = 0; r == FIDO_OK && i < req->exclude_count; i++)
		r = fido_cred_exclude(cred, req->exclude[i].p,
		    req->exclude[i].len);
	if (r == FIDO_OK)
		r = set_extensions(cred, req);
	if (r == FIDO_OK && req->rk)
		r = fido_cred_set_rk(cred, FIDO_OPT_TRUE);
	if (r == FIDO_OK && req->uv)
		r = fido_cred_set_uv(cred, FIDO_OPT_TRUE);
	return r;
}

static int
fido2_make(struct token *token, const struct token_make *req,
    struct token_credential *out)
{
	struct fido2_token *t = fido2(token);
	int r;

	forget_answer(t);
	t->cred = fido_cred_new();
	if (t->cred == NULL)
		return -ENOMEM;
	r = fill_cred(t->cred, req);
	if (r == FIDO_OK)
		r = fido_dev_make_cred(t->dev, t->cred, NULL);
	if (r != FIDO_OK)
		return from_fido(r);
	if (fido_cred_fmt(t->cred) == NULL)
		return -EPROTO;
	out->fmt = span_str(fido_cred_fmt(t->cred));
	out->auth_data = span(fido_cred_authdata_raw_ptr(t->cred),
	    fido_cred_authdata_raw_len(t->cred));
	out->att_stmt = span(fido_cred_attstmt_ptr(t->cred),
	    fido_cred_attstmt_len(t->cred));
	if (out->att_stmt.len == 0)	/* libfido2 keeps none for "none" */
		out->att_stmt = span("\xa0", 1);
	return 0;
}

static int
fill_assertion(fido_assert_t *as, const struct token_get *req)
{
	char *rp_id = copy_text(req->rp_id);
	int r;

	r = rp_id == NULL ? FIDO_ERR_INTERNAL : fido_assert_set_rp(as, rp_id);
	free(rp_id);
	if (r == FIDO_OK)
		r = fido_assert_set_clientdata_hash(as,
		    req->client_data_hash.p, req->client_data_hash.len);
	for (size_t i = 0; r == FIDO_OK && i < req->allow_count; i++)
		r = fido_assert_allow_cred(as, req->allow[i].p,
		    req->allow[i].len);
	if (r == FIDO_OK && req->silent)
		r = fido_assert_set_up(as, FIDO_OPT_FALSE);
	if (r == FIDO_OK && req->uv)
		r = fido_assert_set_uv(as, FIDO_OPT_TRUE);
	if (r != FIDO_OK || req->salts.len == 0)
		return r;
	r = fido_assert_set_extensions(as, FIDO_EXT_HMAC_SECRET);
	if (r == FIDO_OK)
		r = fido_assert_set_hmac_salt(as, req->salts.p,
		    req->salts.len);
	return r;
}

/* libfido2 keeps authenticator data as the byte string it came in. */
static bool
take_auth_data(const fido_assert_t *as, struct span *out)
{
	struct cbor_in in;

	cbor_in_init(&in, span(fido_assert_authdata_ptr(as, 0),
	    fido_assert_authdata_len(as, 0)));
	return cbor_bytes(&in, out);
}

static int
take_assertion(const fido_assert_t *as, struct token_assertion *out)
{
	size_t hmac_len = fido_assert_hmac_secret_len(as, 0);

	memset(out, 0, sizeof(*out));
	if (fido_assert_count(as) == 0 ||
	    !take_auth_data(as, &out->auth_data) ||
	    hmac_len > sizeof(out->hmac))
		return -EPROTO;
	out->credential_id = span(fido_assert_id_ptr(as, 0),
	    fido_assert_id_len(as, 0));
	out->signature = span(fido_assert_sig_ptr(as, 0),
	    fido_assert_sig_len(as, 0));
	out->user_id = span(fido_assert_user_id_ptr(as, 0),
	    fido_assert_user_id_len(as, 0));
	if (hmac_len > 0)
		memcpy(out->hmac, fido_assert_hmac_secret_ptr(as, 0),
		    hmac_len);
	out->hmac_len = hmac_len;
	return 0;
}

static int
fido2_get(struct token *token, const struct token_get *req,
    struct token_assertion *out)
{
	struct fido2_token *t = fido2(token);
	int r;

	forget_answer(t);
	t->assertion = fido_assert_new();
	if (t->assertion == NULL)
		return -ENOMEM;
	r = fill_assertion(t->assertion, req);
	if (r == FIDO_OK)
		r = fido_dev_get_assert(t->dev, t->assertion, NULL);
	if (r != FIDO_OK)
		return from_fido(r);
	return take_assertion(t->assertion, out);
}

static void
fido2_free(struct token *token)
{
	struct fido2_token *t = fido2(token);

	forget_answer(t);
	if (t->dev != NULL)
		fido_dev_close(t->dev);
	fido_dev_free(&t->dev);
	free(t);
}

static const struct token_ops fido2_ops = {
	.name = "libfido2",
	.info = fido2_info,
	.make = fido2_make,
	.get = fido2_get,
	.free = fido2_free,
};

/* FIDO_ERR_INTERNAL is how libfido2 says that open() failed. */
static const char *
open_failure(int r, int error)
{
	if (r == FIDO_ERR_INTERNAL && error != 0)
		return strerror(error);
	if (r == FIDO_ERR_RX || r == FIDO_ERR_TX)
		return "nothing there speaks CTAPHID";
	return r == FIDO_OK ? "no CTAP2 token" : fido_strerr(r);
}

/* io NULL: libfido2's own, for hidraw. */
static int
open_token(const char *path, const fido_dev_io_t *io, struct token **out,
    char *msg, size_t msglen)
{
	struct fido2_token *t = calloc(1, sizeof(*t));
	int r = FIDO_ERR_INTERNAL;

	errno = ENOMEM;
	if (t == NULL)
		goto out;
	t->token.ops = &fido2_ops;
	fido_init(0);
	t->dev = fido_dev_new();
	if (t->dev == NULL)
		goto out;
	if (io != NULL && fido_dev_set_io_functions(t->dev, io) != FIDO_OK)
		goto out;
	fido_dev_set_timeout(t->dev, TOKEN_TIMEOUT_MS);
	errno = 0;
	r = fido_dev_open(t->dev, path);
	if (r == FIDO_OK && fido_dev_is_fido2(t->dev)) {
		*out = &t->token;
		return 0;
	}
out:
	snprintf(msg, msglen, "%s: %s", path, open_failure(r, errno));
	if (t != NULL)
		fido2_free(&t->token);
	return -ENODEV;
}

int
token_open_device(const char *path, struct token **out, char *msg,
    size_t msglen)
{
	return open_token(path, NULL, out, msg, msglen);
}

int
token_open_socket(const char *path, struct token **out, char *msg,
    size_t msglen)
{
	static const fido_dev_io_t io = {
		wire_open, wire_close, wire_read, wire_write,
	};

	return open_token(path, &io, out, msg, msglen);
}
