/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. A private key is in the clear in a struct opened, on the stack of one
 *     call, in sk->search until it is polled, or in sk->parsed; nowhere else,
 *     and all but the last are wiped.
 *  2. sk->parsed holds only keys whose blob was opened by a wrap that is
 *     still in sk->wraps (forget_parsed).
 *  3. sk->pending is the operation that sk->search works for, or NULL.
 */
#include "tpm/softkey.h"

#include <assert.h>
#include <errno.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "tpm/pkcs8.h"
#include "tpm/rsa.h"
#include "tpm/softalg.h"
#include "tpm/wrap.h"

#define SEED_LEN	32
#define DIGEST_LEN	32
#define SALT_LEN	32	/* bytes, CTAP 2.3, 12.7 */
#define HEAD_LEN	(2 + SEED_LEN)	/* code, length of meta, seed */
#define PLAIN_MAX	(HEAD_LEN + KEY_META_MAX + SOFTALG_SECRET_MAX)

_Static_assert(WRAP_OVERHEAD + PLAIN_MAX <= 640, "blobs are small");
_Static_assert(SEAL_OVERHEAD == KEY_SEAL_OVERHEAD, "as key.h says");

static const struct wrap_kind blobs = { 1, "sealkey key blobs 1" };

/* What is inside a blob: HEAD, meta, secret (its form is the algorithm's). */
struct opened {
	const struct softalg *alg;
	uint8_t		  plain[PLAIN_MAX];
	size_t		  len;
	uint8_t		 *seed;
	struct span	  meta;
	uint8_t		 *secret;
};

struct parsed {
	const struct wrap *wrap;
	uint8_t		 blob[KEY_BLOB_MAX];
	size_t		 blob_len;	/* 0: free */
	struct softalg_key key;
	uint64_t	 last_use;
};

struct softkeys {
	struct wraps	 wraps;
	struct parsed	 parsed[SOFTKEY_PARSED];
	uint64_t	 uses;		/* clock of last_use */
	struct softalg_tools tools;
	EVP_MAC		*hmac;
	struct rsa_search search;
	struct key_op	*pending;
	bool		 waits;		/* for RSA keys, in this thread */
};

bool
softkey_has_alg(const struct softkeys *sk, int alg)
{
	return softalg_has(&sk->tools, alg);
}

static void
parsed_done(struct parsed *p)
{
	softalg_key_done(&p->key);
	*p = (struct parsed){ 0 };
}

/* Those of an epoch that goes (invariant 2). */
static void
forget_parsed(void *arg, const struct wrap *w)
{
	struct softkeys *sk = arg;

	for (size_t i = 0; i < SOFTKEY_PARSED; i++)
		if (sk->parsed[i].wrap == w)
			parsed_done(&sk->parsed[i]);
}

/* Blobs. */

static int
seal_blob(struct softkeys *sk, struct wrap *w, const struct opened *o,
    struct key_op *op)
{
	return wrap_seal(&sk->wraps, w, op->bound, span(o->plain, o->len),
	    op->out_blob, &op->out_blob_len);
}

/* What we sealed ourselves can only be malformed if we erred. */
static int
parse_plain(struct opened *o)
{
	size_t meta_len;

	if (o->len < HEAD_LEN)
		return -EBADMSG;
	o->alg = softalg_find_code(o->plain[0]);
	meta_len = o->plain[1];
	if (o->alg == NULL || meta_len > KEY_META_MAX ||
	    o->len != HEAD_LEN + meta_len + o->alg->secret_len)
		return -EBADMSG;
	o->seed = o->plain + 2;
	o->meta = span(o->plain + HEAD_LEN, meta_len);
	o->secret = o->plain + HEAD_LEN + meta_len;
	return 0;
}

/* The caller wipes *o, whatever comes back. */
static int
open_blob(struct wrap *w, const struct key_op *op, struct opened *o)
{
	int r;

	r = wrap_open(w, op->bound, op->blob, o->plain, sizeof(o->plain),
	    &o->len);
	return r == 0 ? parse_plain(o) : r;
}

/* Room for a secret of alg behind the head and op->meta. */
static int
begin_plain(struct softkeys *sk, struct opened *o,
    const struct softalg *alg, const struct key_op *op)
{
	o->plain[0] = alg->code;
	o->plain[1] = (uint8_t)op->meta.len;
	if (op->meta.len > 0)
		memcpy(o->plain + HEAD_LEN, op->meta.p, op->meta.len);
	o->len = HEAD_LEN + op->meta.len + alg->secret_len;
	if (seal_random(&sk->wraps.random, o->plain + 2, SEED_LEN) != 0)
		return -EIO;
	return parse_plain(o);
}

/* The verbs. */

static int
do_create(struct softkeys *sk, struct wrap *w, const struct softalg *alg,
    struct key_op *op)
{
	struct opened o;
	int r;

	r = begin_plain(sk, &o, alg, op);
	if (r == 0)
		r = alg->generate(&sk->tools, alg, o.secret, op);
	if (r == 0)
		r = seal_blob(sk, w, &o, op);
	explicit_bzero(&o, sizeof(o));
	return r;
}

/* The second half of the creation of an RSA key. */
static int
finish_create(struct softkeys *sk, struct key_op *op, const uint8_t *primes)
{
	struct opened o;
	struct wrap *w;
	int r;

	r = wraps_find(&sk->wraps, op->epoch, &w);
	if (r == 0)
		r = begin_plain(sk, &o, softalg_find(op->alg), op);
	if (r == 0)
		r = softalg_publish_primes(primes, op);
	if (r == 0) {
		memcpy(o.secret, primes, SOFTALG_SECRET_MAX);
		r = seal_blob(sk, w, &o, op);
	}
	explicit_bzero(&o, sizeof(o));
	return r;
}

static int
do_open(const struct opened *o, struct key_op *op)
{
	memcpy(op->out_meta, o->meta.p, o->meta.len);
	op->out_meta_len = o->meta.len;
	return 0;
}

static int
find_parsed(struct softkeys *sk, const struct wrap *w, const struct opened *o,
    const struct key_op *op, struct parsed **out)
{
	struct parsed *p = &sk->parsed[0];
	int r;

	for (size_t i = 0; i < SOFTKEY_PARSED; i++) {
		struct parsed *here = &sk->parsed[i];

		if (here->wrap == w &&
		    span_eq(span(here->blob, here->blob_len), op->blob)) {
			p = here;
			goto found;
		}
		if (here->last_use < p->last_use)
			p = here;
	}
	parsed_done(p);
	r = o->alg->parse(&sk->tools, o->alg, o->secret, &p->key);
	if (r != 0) {
		parsed_done(p);
		return r;
	}
	p->wrap = w;
	memcpy(p->blob, op->blob.p, op->blob.len);
	p->blob_len = op->blob.len;
found:
	p->last_use = ++sk->uses;
	*out = p;
	return 0;
}

static int
do_sign(struct softkeys *sk, const struct wrap *w, const struct opened *o,
    struct key_op *op)
{
	const struct softalg *alg = o->alg;
	struct parsed *p = NULL;
	int r;

	if (!softalg_has(&sk->tools, alg->alg))
		return -ENOTSUP;
	if (alg->parse != NULL) {
		r = find_parsed(sk, w, o, op, &p);
		if (r != 0)
			return r;
	}
	return alg->sign(&sk->tools, alg, o->secret, p != NULL ? &p->key :
	    NULL, op);
}

static int
hmac(struct softkeys *sk, const uint8_t key[static SEED_LEN],
    struct span data, uint8_t out[static DIGEST_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx;
	size_t n;
	int r = -EIO;

	ctx = EVP_MAC_CTX_new(sk->hmac);
	if (ctx != NULL && EVP_MAC_init(ctx, key, SEED_LEN, params) == 1 &&
	    EVP_MAC_update(ctx, data.p, data.len) == 1 &&
	    EVP_MAC_final(ctx, out, &n, DIGEST_LEN) == 1)
		r = 0;
	EVP_MAC_CTX_free(ctx);
	return r;
}

static int
do_hmac(struct softkeys *sk, const struct opened *o, struct key_op *op)
{
	uint8_t cred_random[DIGEST_LEN];
	int r;

	r = hmac(sk, o->seed, span_str(op->with_uv ? "CredRandomWithUV" :
	    "CredRandomWithoutUV"), cred_random);
	if (r == 0)
		r = hmac(sk, cred_random, op->data[0], op->out_sig);
	if (r == 0 && op->data[1].p != NULL)
		r = hmac(sk, cred_random, op->data[1],
		    op->out_sig + DIGEST_LEN);
	op->out_sig_len = op->data[1].p != NULL ? 2 * DIGEST_LEN : DIGEST_LEN;
	explicit_bzero(cred_random, sizeof(cred_random));
	return r;
}

static int
do_import(struct softkeys *sk, struct wrap *w, struct key_op *op)
{
	uint8_t secret[SOFTALG_SECRET_MAX];
	const struct softalg *alg;
	struct opened o;
	int r;

	r = pkcs8_read(&sk->tools, op->data[0], op->alg, &alg, secret, op);
	if (r == 0)
		r = begin_plain(sk, &o, alg, op);
	if (r == 0) {
		memcpy(o.secret, secret, alg->secret_len);
		r = seal_blob(sk, w, &o, op);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&o, sizeof(o));
	return r;
}

/* KEY_OPEN, KEY_SIGN, KEY_HMAC and KEY_EXPORT. */
static int
do_use(struct softkeys *sk, struct wrap *w, struct key_op *op)
{
	struct opened o;
	int r;

	r = open_blob(w, op, &o);
	if (r != 0)
		goto out;
	op->alg = o.alg->alg;
	switch (op->verb) {
	case KEY_OPEN:
		r = do_open(&o, op);
		break;
	case KEY_SIGN:
		r = do_sign(sk, w, &o, op);
		break;
	case KEY_HMAC:
		r = do_hmac(sk, &o, op);
		break;
	case KEY_EXPORT:
		r = pkcs8_write(&sk->tools, o.alg, o.secret, op->out_sig,
		    sizeof(op->out_sig), &op->out_sig_len);
		break;
	default:
		r = -EINVAL;
	}
out:
	explicit_bzero(&o, sizeof(o));
	return r;
}

/* Here and now. */
static int
create_rsa(struct softkeys *sk, struct key_op *op)
{
	uint8_t primes[SOFTALG_SECRET_MAX];
	int r;

	r = rsa_find_primes(primes);
	if (r == 0)
		r = finish_create(sk, op, primes);
	explicit_bzero(primes, sizeof(primes));
	return r;
}

static bool
sizes_ok(const struct key_op *op)
{
	if (op->epoch.len != KEY_EPOCH_LEN || op->bound.len > WRAP_BOUND_MAX)
		return false;
	if (op->verb == KEY_CREATE || op->verb == KEY_IMPORT)
		return op->meta.len <= KEY_META_MAX;
	if (op->verb == KEY_HMAC)
		return op->data[0].len == SALT_LEN &&
		    (op->data[1].p == NULL || op->data[1].len == SALT_LEN);
	return true;
}

bool
softkey_start(struct softkeys *sk, struct key_op *op)
{
	const struct softalg *alg = softalg_find(op->alg);
	struct wrap *w;

	assert(sk->wraps.unlocked && sk->pending == NULL);
	op->out_blob_len = op->out_pub_len = 0;
	op->out_meta_len = op->out_sig_len = 0;
	if (!sizes_ok(op)) {
		op->result = -EINVAL;
		return true;
	}
	op->result = wraps_find(&sk->wraps, op->epoch, &w);
	if (op->result != 0)
		return true;
	if (op->verb != KEY_CREATE) {
		op->result = op->verb == KEY_IMPORT ? do_import(sk, w, op) :
		    do_use(sk, w, op);
		return true;
	}
	if (!softalg_has(&sk->tools, op->alg)) {
		op->result = -ENOTSUP;
		return true;
	}
	if (alg->generate != NULL) {
		op->result = do_create(sk, w, alg, op);
		return true;
	}
	if (sk->waits) {
		op->result = create_rsa(sk, op);
		return true;
	}
	op->result = rsa_search_start(&sk->search, RSA_DEADLINE_MS);
	if (op->result != 0)
		return true;
	sk->pending = op;
	return false;
}

struct key_op *
softkey_poll(struct softkeys *sk)
{
	uint8_t primes[SOFTALG_SECRET_MAX];
	struct key_op *op = sk->pending;
	int r;

	if (op == NULL)
		return NULL;
	r = rsa_search_poll(&sk->search, primes);
	if (r == -EAGAIN)
		return NULL;
	if (r == 0)
		r = finish_create(sk, op, primes);
	explicit_bzero(primes, sizeof(primes));
	op->result = r;
	sk->pending = NULL;
	return op;
}

int
softkey_fd(const struct softkeys *sk)
{
	return sk->search.epoll_fd;
}

void
softkey_abandon(struct softkeys *sk, struct key_op *op)
{
	if (sk->pending != op)
		return;
	rsa_search_stop(&sk->search);
	sk->pending = NULL;
}

int
softkey_new(struct softkeys **out)
{
	struct softkeys *sk;
	int r;

	sk = seal_memory_new(sizeof(*sk));
	if (sk == NULL)
		return -ENOMEM;
	wraps_init(&sk->wraps, &blobs, forget_parsed, sk);
	r = rsa_search_init(&sk->search);
	if (r == 0)
		r = softalg_tools_init(&sk->tools);
	if (r == 0) {
		sk->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
		r = sk->hmac != NULL ? 0 : -ENOMEM;
	}
	if (r != 0) {
		softkey_free(sk);
		return r;
	}
	*out = sk;
	return 0;
}

int
softkey_share(struct softkeys *sk, size_t epochs)
{
	int r = wraps_more(&sk->wraps, epochs);

	sk->waits = true;
	return r != 0 ? r : softalg_stock(&sk->tools);
}

void
softkey_unlock(struct softkeys *sk,
    const uint8_t storage_key[static SEAL_KEY_LEN])
{
	wraps_unlock(&sk->wraps, storage_key);
}

void
softkey_free(struct softkeys *sk)
{
	if (sk == NULL)
		return;
	rsa_search_done(&sk->search);
	wraps_done(&sk->wraps);
	softalg_tools_done(&sk->tools);
	EVP_MAC_free(sk->hmac);
	seal_memory_free(sk, sizeof(*sk));
}
