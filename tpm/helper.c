/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key helper: the process that has the TPM, the storage key and, for as
 * long as an operation takes, private keys. It serves one client, over the
 * socket that it was born with, one request at a time and in order, and ends
 * with it. Format and rules: helper.md.
 *
 *	        HELLO              CREATE, UNLOCK
 *	STARTED ─────▶ GREETED ─────────────────────▶ UNLOCKED
 *	               DESTROY       OP, REWRAP, DESTROY, CREATE, UNLOCK
 *
 * Invariants:
 *  1. The storage key, and what is derived from it but for the two keys that
 *     sealing takes, is never in a message.
 *  2. pending is the operation that softkeys works on, or none; its spans
 *     point into the buffer that the next message is not read into.
 */
#include "tpm/key.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "tpm/link.h"
#include "tpm/message.h"
#include "tpm/seal.h"
#include "tpm/softkey.h"
#include "tpm/tpmkey.h"
#include "tpm/vault.h"

#define SOCKET_FD	3
#define STATE_FD	4
#define LAST_WORDS_S	5	/* for the command under way, once the client
				 * is gone; remote.h waits as long */

enum state {
	STARTED,
	GREETED,
	UNLOCKED,
};

struct helper {
	enum state	 state;
	bool		 locked;	/* the directory, for good */
	struct link	*link;
	struct vault	*vault;
	struct tpmkeys	*tpmkeys;
	struct softkeys	*softkeys;
	struct keys_info info;
	char		 target[RECORD_TARGET_MAX];
	uint8_t		 key[SEAL_KEY_LEN];	/* the storage key */

	struct message_request rq;
	struct message_answer answer;
	struct key_op	 op;
	bool		 pending;
	uint32_t	 serial;		/* of the pending one */
	char		 recovery[MESSAGE_RECOVERY_MAX + 1];
	uint8_t		 wrapped[KEY_WRAPPED_MAX];
	/* requests, and what comes while one is pending; one byte more, so
	 * that what is too long is seen to be */
	uint8_t		 in[2][MESSAGE_MAX + 1];
	uint8_t		 out[MESSAGE_MAX];
};

/* Answers. */

static int
send_answer(struct helper *h)
{
	size_t len = message_put_answer(&h->answer, h->out);
	ssize_t n;

	do
		n = send(SOCKET_FD, h->out, len, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	explicit_bzero(h->out, sizeof(h->out));
	explicit_bzero(&h->answer, sizeof(h->answer));
	return n == (ssize_t)len ? 0 : -EPIPE;
}

/* What a request leaves behind once it is answered. */
static void
forget(struct helper *h)
{
	explicit_bzero(h->in, sizeof(h->in));
	explicit_bzero(&h->op, sizeof(h->op));
	explicit_bzero(h->recovery, sizeof(h->recovery));
}

static void
set_text(struct helper *h, const char *text)
{
	snprintf(h->answer.text, sizeof(h->answer.text), "%s", text);
}

/* result, with what the link has to say if it is an error of the TPM's. */
static int
from_tpm(struct helper *h, int result)
{
	if (result != 0 && h->link != NULL)
		set_text(h, link_strerror(h->link));
	return result;
}

/* HELLO. */

static const int algs[] = { COSE_ES256, COSE_EDDSA, COSE_ES384, COSE_ES512,
	COSE_PS256, COSE_ES256K, COSE_ML_DSA_44, COSE_ML_DSA_65,
	COSE_ML_DSA_87, COSE_ED448, COSE_RS256 };

_Static_assert(sizeof(algs) / sizeof(algs[0]) <= MESSAGE_ALGS_MAX, "fit");

static void
describe(const struct helper *h, struct message_device *d)
{
	d->info = h->info;
	snprintf(d->kind, sizeof(d->kind), "%s", h->info.kind);
	snprintf(d->target, sizeof(d->target), "%s", h->info.target);
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		bool in_tpm = tpmkey_has_alg(h->tpmkeys, algs[i]);

		if (in_tpm || softkey_has_alg(h->softkeys, algs[i]))
			d->algs[d->alg_count++] = (struct message_alg){
			    algs[i], in_tpm };
	}
}

/*
 * A client that was killed has let go of the directory, and its helper may
 * still be at a command that nobody may repeat: the counter's, say. An embedded
 * TPM has a lock of its own. Ends with the process.
 */
static int
lock_directory(struct helper *h)
{
	int lock_fd, r;

	if (h->locked || strcmp(h->target, KEYS_EMBEDDED) == 0)
		return 0;
	lock_fd = openat(STATE_FD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd != -1 && flock(lock_fd, LOCK_EX | LOCK_NB) == 0) {
		h->locked = true;
		return 0;
	}
	r = lock_fd == -1 || errno != EWOULDBLOCK ? -errno : -EBUSY;
	if (lock_fd != -1)
		close(lock_fd);
	if (r == -EBUSY)
		set_text(h, "the TPM is still busy for a sealkey that has "
		    "ended; try again");
	return r;
}

/* Those that are missing: an earlier try may have made one of them. */
static int
make_rings(struct helper *h)
{
	int r = 0;

	if (h->tpmkeys == NULL)
		r = from_tpm(h, tpmkey_new(h->link, &h->tpmkeys));
	if (r == 0 && h->softkeys == NULL)
		r = softkey_new(&h->softkeys);
	return r;
}

static int
do_hello(struct helper *h)
{
	struct span target = h->rq.target;
	int r;

	memcpy(h->target, target.p, target.len);
	h->target[target.len] = '\0';
	r = lock_directory(h);
	if (r != 0)
		return r;
	r = link_open(h->target, STATE_FD, h->rq.create, &h->link, &h->info,
	    h->answer.text, sizeof(h->answer.text));
	if (r != 0)
		return r;
	r = from_tpm(h, vault_new(h->link, STATE_FD, &h->vault));
	if (r == 0)
		r = make_rings(h);
	if (r != 0)
		return r;
	describe(h, &h->answer.device);
	h->state = GREETED;
	return 0;
}

/* CREATE and UNLOCK. */

/* Everything that was derived from another storage key goes. */
static void
lock_again(struct helper *h)
{
	h->state = GREETED;
	tpmkey_free(h->tpmkeys);
	softkey_free(h->softkeys);
	h->tpmkeys = NULL;
	h->softkeys = NULL;
}

/* More than once if the store that a key was made for could not be opened. */
static int
use_storage_key(struct helper *h, const uint8_t key[static SEAL_KEY_LEN])
{
	struct message_keys *mk = &h->answer.keys;
	int r;

	if (h->state == UNLOCKED &&
	    CRYPTO_memcmp(h->key, key, sizeof(h->key)) != 0)
		lock_again(h);
	r = make_rings(h);
	if (r == 0)
		r = seal_storage_derive(key, mk->rows, mk->names);
	if (r != 0)
		return r;
	if (h->state != UNLOCKED) {
		tpmkey_unlock(h->tpmkeys, key);
		softkey_unlock(h->softkeys, key);
		memcpy(h->key, key, sizeof(h->key));
		h->state = UNLOCKED;
	}
	vault_info(h->vault, &h->info);
	mk->info = h->info;
	return 0;
}

/* NULL: none. */
static const char *
take_recovery(struct helper *h)
{
	struct span s = h->rq.recovery;

	if (s.p == NULL)
		return NULL;
	memcpy(h->recovery, s.p, s.len);
	h->recovery[s.len] = '\0';
	return h->recovery;
}

static int
do_create(struct helper *h)
{
	uint8_t key[SEAL_KEY_LEN];
	size_t len = 0;
	int r;

	r = from_tpm(h, vault_create(h->vault, h->target, h->rq.pcrs,
	    take_recovery(h), key, h->wrapped, &len));
	if (r == 0)
		r = use_storage_key(h, key);
	h->answer.wrapped = span(h->wrapped, len);
	explicit_bzero(key, sizeof(key));
	return r;
}

static int
do_unlock(struct helper *h)
{
	uint8_t key[SEAL_KEY_LEN];
	int r;

	r = from_tpm(h, vault_unlock(h->vault, h->rq.wrapped,
	    take_recovery(h), key));
	if (r == 0)
		r = use_storage_key(h, key);
	explicit_bzero(key, sizeof(key));
	return r;
}

static int
do_rewrap(struct helper *h)
{
	size_t len = 0;
	int r;

	r = from_tpm(h, vault_rewrap(h->vault, h->key, h->rq.pcrs,
	    take_recovery(h), h->wrapped, &len));
	h->answer.wrapped = span(h->wrapped, len);
	return r;
}

static int
do_destroy(struct helper *h)
{
	return from_tpm(h, vault_destroy(h->vault));
}

/* OP. */

/* Whether the TPM has the key that it is about, or is to have it. */
static bool
is_for_tpm(const struct helper *h, const struct key_op *op)
{
	if (op->verb == KEY_CREATE)
		return (op->shape & KEY_RESTRICTED) != 0 ||
		    tpmkey_has_alg(h->tpmkeys, op->alg);
	return op->verb == KEY_EK || tpmkey_is_ours(op->blob);
}

/* What TPM2_Certify and the like cannot say of a software key. */
static int
refuse_software(struct helper *h, const struct key_op *op)
{
	if (tpmkey_is_ours(op->blob) && (op->verb != KEY_CERTIFY ||
	    tpmkey_is_ours(op->signer)))
		return 0;
	set_text(h, "the TPM knows nothing of a software key");
	return -ENOTSUP;
}

/* False: the answer comes later. */
static bool
perform(struct helper *h, struct key_op *op)
{
	switch (op->verb) {
	case KEY_PIN_CHECK:
		op->result = from_tpm(h, vault_pin_check(h->vault, op));
		return true;
	case KEY_PIN_SET:
		op->result = from_tpm(h, vault_pin_set(h->vault, op));
		return true;
	case KEY_PIN_CLEAR:
		op->result = from_tpm(h, vault_pin_clear(h->vault, op));
		return true;
	case KEY_ADVANCE:
		op->result = from_tpm(h, vault_advance(h->vault, op));
		return true;
	case KEY_CERTIFY:
	case KEY_PUBLIC:
	case KEY_ACTIVATE:
		op->result = refuse_software(h, op);
		if (op->result != 0)
			return true;
		break;
	case KEY_CREATE:
	case KEY_OPEN:
	case KEY_SIGN:
	case KEY_HMAC:
	case KEY_EK:
		break;
	case KEY_IMPORT:	/* no message has these */
	case KEY_EXPORT:
		op->result = -ENOTSUP;
		return true;
	}
	if (!is_for_tpm(h, op))
		return softkey_start(h->softkeys, op);
	op->result = from_tpm(h, tpmkey_perform(h->tpmkeys, op));
	return true;
}

static int
answer_op(struct helper *h, uint32_t serial)
{
	h->answer.type = MESSAGE_OP;
	h->answer.serial = serial;
	h->answer.result = h->op.result;
	h->answer.op = &h->op;
	h->pending = false;
	return send_answer(h);
}

static int
handle_op(struct helper *h)
{
	h->serial = h->rq.serial;
	h->pending = true;
	if (!perform(h, &h->op))
		return 0;
	return answer_op(h, h->serial);
}

/* It may have been answered while the request was on its way. */
static int
handle_cancel(struct helper *h)
{
	if (!h->pending || h->rq.serial != h->serial)
		return 0;
	softkey_abandon(h->softkeys, &h->op);
	h->op.result = -ECANCELED;
	return answer_op(h, h->serial);
}

/* Requests. */

/* What is permitted when. */
static const struct handler {
	enum state	 from;		/* and all that come after it */
	int		 (*handle)(struct helper *h);
} handlers[] = {
	[MESSAGE_HELLO]		= { STARTED,	do_hello },
	[MESSAGE_CREATE]	= { GREETED,	do_create },
	[MESSAGE_UNLOCK]	= { GREETED,	do_unlock },
	[MESSAGE_REWRAP]	= { UNLOCKED,	do_rewrap },
	[MESSAGE_DESTROY]	= { GREETED,	do_destroy },
	[MESSAGE_OP]		= { UNLOCKED,	handle_op },
};

/* A request that comes too early follows one that failed, unread. */
static int
handle_request(struct helper *h)
{
	const struct handler *handler;
	int result = -ENODEV;

	if (h->rq.type == MESSAGE_CANCEL)
		return handle_cancel(h);
	if (h->rq.type == MESSAGE_HELLO && h->link != NULL)
		return -EBADMSG;
	if (h->rq.type == MESSAGE_OP && h->state == UNLOCKED)
		return handle_op(h);
	handler = &handlers[h->rq.type];
	if (h->state >= handler->from)
		result = handler->handle(h);
	else
		set_text(h, "the TPM has not been opened, or not unlocked");
	h->answer.type = h->rq.type;
	h->answer.serial = h->rq.serial;
	h->answer.result = result;
	h->answer.op = &h->op;
	return send_answer(h);
}

/* One operation at a time, and while it is under way nothing but its end. */
static int
parse_request(struct helper *h, struct span msg)
{
	int r;

	r = message_head(msg, false, &h->rq.type, &h->rq.serial);
	if (r == 0 && h->pending && h->rq.type != MESSAGE_CANCEL)
		r = -EBADMSG;
	h->rq.op = &h->op;
	return r == 0 ? message_get_request(msg, &h->rq) : r;
}

/* 1: there is no client any more. */
static int
receive(struct helper *h)
{
	uint8_t *in = h->in[h->pending];
	ssize_t n;
	int r;

	n = recv(SOCKET_FD, in, sizeof(h->in[0]), 0);
	if (n == -1 && errno == EINTR)
		return 0;
	if (n <= 0)
		return 1;
	r = parse_request(h, span(in, (size_t)n));
	if (r == 0)
		r = handle_request(h);
	if (!h->pending)
		forget(h);
	return r;
}

static int
finish_pending(struct helper *h)
{
	int r;

	if (softkey_poll(h->softkeys) == NULL)
		return 0;
	r = answer_op(h, h->serial);
	forget(h);
	return r;
}

/*
 * A link that is broken stays so; the next helper opens the TPM anew, and the
 * client starts it when he needs one.
 */
static bool
is_of_no_use(const struct helper *h)
{
	return h->link != NULL && link_broken(h->link);
}

/*
 * Until the client is gone, or we are of no use to him: 0. -errno: he makes
 * no sense.
 */
static int
serve(struct helper *h)
{
	struct pollfd pfd[2] = {
		{ .fd = SOCKET_FD, .events = POLLIN },
		{ .events = POLLIN },
	};
	int r = 0;

	while (r == 0 && !is_of_no_use(h)) {
		pfd[1].fd = h->pending ? softkey_fd(h->softkeys) : -1;
		pfd[1].revents = 0;
		if (poll(pfd, 2, -1) == -1) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (pfd[1].revents != 0)
			r = finish_pending(h);
		if (r == 0 && pfd[0].revents != 0)
			r = receive(h);
	}
	return r == 1 || r == -EPIPE ? 0 : r;
}

/* The process. */

static void
client_died(int sig)
{
	(void)sig;
	alarm(LAST_WORDS_S);
}

/*
 * What is sent to the process group or to the service is meant for the
 * client, who tells us by leaving. Should we not notice, because the TPM
 * hangs, his death ends us a little later.
 */
static void
set_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
		SIGPIPE };
	struct sigaction sa = { .sa_handler = client_died,
	    .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigaction(SIGUSR2, &sa, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR2);
}

static int
harden(void)
{
	static const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1)
		return -errno;
	return 0;
}

/* Whether we were started by who starts us, and not by hand. */
static bool
has_client(void)
{
	int type, flags;
	socklen_t len = sizeof(type);

	if (getsockopt(SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    type != SOCK_SEQPACKET || fcntl(STATE_FD, F_GETFD) == -1)
		return false;
	flags = fcntl(SOCKET_FD, F_GETFL);
	return flags != -1 && fcntl(SOCKET_FD, F_SETFL,
	    flags & ~O_NONBLOCK) == 0 && fcntl(SOCKET_FD, F_SETFD,
	    FD_CLOEXEC) == 0 && fcntl(STATE_FD, F_SETFD, FD_CLOEXEC) == 0;
}

int
key_helper_main(void)
{
	struct helper *h;
	int r;

	if (!has_client()) {
		fprintf(stderr, "sealkey: key-helper is started by sealkey "
		    "itself, not by hand\n");
		return 2;
	}
	set_signals();
	if (harden() != 0)
		return 1;
	h = seal_memory_new(sizeof(*h));
	if (h == NULL)
		return 1;
	r = serve(h);
	softkey_free(h->softkeys);
	tpmkey_free(h->tpmkeys);
	vault_free(h->vault);
	link_close(h->link);
	seal_memory_free(h, sizeof(*h));
	return r == 0 ? 0 : 1;
}
