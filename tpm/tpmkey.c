/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/tpmkey.h"

#include <assert.h>
#include <errno.h>

#include "tpm/ek.h"
#include "tpm/tpmkey_impl.h"
#include "tpm/tpmprobe.h"

#define CODE_MASK	((1 << TPMKEY_SHAPE_SHIFT) - 1)
#define SALT_LEN	32	/* bytes, CTAP 2.3, 12.7 */

_Static_assert(LOADED_ID_LEN == TPM2_SHA256_DIGEST_SIZE, "a hash");
_Static_assert(EK_CERTIFICATE_MAX <= KEY_SIG_MAX, "goes out as sig");
_Static_assert(sizeof(TPMU_HA) <= KEY_SIG_MAX, "goes out as sig");

static const struct wrap_kind blobs = { TPMKEY_BLOB_VERSION,
	"sealkey TPM key blobs 1" };

bool
tpmkey_has_alg(const struct tpmkeys *tk, int alg)
{
	for (size_t i = 0; i < TPMALG_ROWS; i++)
		if (tpmalg_row(i)->alg == alg)
			return tk->has[i];
	return false;
}

bool
tpmkey_is_ours(struct span blob)
{
	return blob.len > 0 && blob.p[0] == TPMKEY_BLOB_VERSION;
}

/* Of an epoch that goes (invariant 2). */
static void
forget_loaded(void *arg, const struct wrap *w)
{
	struct tpmkeys *tk = arg;

	loaded_forget(tk->loaded, w);
}

static int
hash(struct tpmkeys *tk, const EVP_MD *md, struct span a, struct span b,
    TPM2B_DIGEST *out)
{
	unsigned len;

	if (EVP_DigestInit_ex2(tk->md_ctx, md, NULL) != 1 ||
	    EVP_DigestUpdate(tk->md_ctx, a.p, a.len) != 1 ||
	    EVP_DigestUpdate(tk->md_ctx, b.p, b.len) != 1 ||
	    EVP_DigestFinal_ex(tk->md_ctx, out->buffer, &len) != 1)
		return -EIO;
	out->size = (UINT16)len;
	return 0;
}

int
tpmkey_hash_for(struct tpmkeys *tk, const struct tpmalg *a,
    const struct span data[2], TPM2B_DIGEST *out)
{
	return hash(tk, tk->md[a - tpmalg_row(0)], data[0], data[1], out);
}

/* Blobs. */

/* What we sealed ourselves can only be malformed if we erred. */
static int
parse_plain(struct opened *o)
{
	size_t meta_len, unique_len, head;

	if (o->len < TPMKEY_HEAD_LEN)
		return -EBADMSG;
	o->alg = tpmalg_find_code(o->plain[0] & CODE_MASK);
	o->shape = o->plain[0] >> TPMKEY_SHAPE_SHIFT;
	meta_len = o->plain[1];
	if (o->alg == NULL || meta_len > KEY_META_MAX)
		return -EBADMSG;
	unique_len = tpmalg_unique_len(o->alg);
	head = TPMKEY_HEAD_LEN + meta_len + unique_len;
	if (o->len <= head || o->len > head + TPMKEY_PRIVATE_MAX)
		return -EBADMSG;
	o->meta = span(o->plain + TPMKEY_HEAD_LEN, meta_len);
	o->unique = span(o->meta.p + meta_len, unique_len);
	o->private = span(o->plain + head, o->len - head);
	return 0;
}

int
tpmkey_open_blob(struct tpmkeys *tk, struct span blob, struct span epoch,
    struct span bound, struct opened *o)
{
	int r;

	r = wraps_find(&tk->wraps, epoch, &o->wrap);
	if (r == 0)
		r = wrap_open(o->wrap, bound, blob, o->plain,
		    sizeof(o->plain), &o->len);
	return r == 0 ? parse_plain(o) : r;
}

static size_t
append(uint8_t *to, size_t at, struct span s)
{
	if (s.len > 0)
		memcpy(to + at, s.p, s.len);
	return at + s.len;
}

int
tpmkey_seal_blob(struct tpmkeys *tk, const struct tpmalg *a,
    struct span unique, struct span private, struct key_op *op)
{
	uint8_t plain[TPMKEY_PLAIN_MAX];
	size_t len = TPMKEY_HEAD_LEN;
	struct wrap *w;
	int r;

	if (private.len == 0 || private.len > TPMKEY_PRIVATE_MAX)
		return link_fail(tk->link, -ENOTSUP, "the TPM's keys are too "
		    "long to keep: %zu bytes", private.len);
	r = wraps_find(&tk->wraps, op->epoch, &w);
	if (r != 0)
		return r;
	plain[0] = (uint8_t)(a->code | op->shape << TPMKEY_SHAPE_SHIFT);
	plain[1] = (uint8_t)op->meta.len;
	len = append(plain, len, op->meta);
	len = append(plain, len, unique);
	len = append(plain, len, private);
	r = wrap_seal(&tk->wraps, w, op->bound, span(plain, len), op->out_blob,
	    &op->out_blob_len);
	explicit_bzero(plain, sizeof(plain));
	return r;
}

/* Keys of blobs in the TPM. */

bool
tpmkey_rc_unsupported(TSS2_RC rc)
{
	switch (link_code(rc)) {
	case TPM2_RC_ASYMMETRIC:
	case TPM2_RC_CURVE:
	case TPM2_RC_HASH:
	case TPM2_RC_KEY_SIZE:
	case TPM2_RC_SCHEME:
	case TPM2_RC_TYPE:
	case TPM2_RC_VALUE:
		return true;
	default:
		return false;
	}
}

static bool
rc_foreign(TSS2_RC rc)
{
	switch (link_code(rc)) {
	case TPM2_RC_BINDING:
	case TPM2_RC_ECC_POINT:
	case TPM2_RC_INTEGRITY:
	case TPM2_RC_SIZE:
	case TPM2_RC_VALUE:
		return true;
	default:
		return false;
	}
}

void
tpmkey_public(const struct opened *o, TPMT_PUBLIC *out)
{
	tpmalg_template(o->alg, o->shape, out);
	tpmalg_set_unique(o->alg, o->unique.p, out);
}

struct load_arg {
	struct link	*link;
	const struct opened *o;
};

/* For struct loaded_source. */
static int
load(void *arg, ESYS_TR *out)
{
	const struct load_arg *la = arg;
	TPM2B_PUBLIC public = { 0 };
	TPM2B_PRIVATE private = { 0 };
	unsigned tries = 0;
	ESYS_TR srk;
	TSS2_RC rc;
	int r;

	tpmkey_public(la->o, &public.publicArea);
	private.size = (UINT16)la->o->private.len;
	memcpy(private.buffer, la->o->private.p, la->o->private.len);
	do {
		r = link_srk(la->link, &srk);
		if (r != 0)
			return r;
		rc = Esys_Load(link_esys(la->link), srk, ESYS_TR_PASSWORD,
		    ESYS_TR_NONE, ESYS_TR_NONE, &private, &public, out);
	} while (link_again(la->link, rc, &tries));
	if (rc_foreign(rc))
		return link_fail(la->link, -EBADMSG, "this key is of another "
		    "TPM, or of this one before it was cleared");
	return link_result(la->link, rc, "load a key");
}

int
tpmkey_load(struct tpmkeys *tk, const struct opened *o, ESYS_TR *out)
{
	struct load_arg la = { tk->link, o };
	struct loaded_source src = { load, &la };
	TPM2B_DIGEST id;
	int r;

	r = hash(tk, tk->sha256, span(o->plain, o->len), span("", 0), &id);
	if (r != 0)
		return r;
	return loaded_get(tk->loaded, o->wrap, id.buffer, &src, out);
}

bool
tpmkey_reload(struct tpmkeys *tk, TSS2_RC rc, bool *reloaded)
{
	if (!loaded_lost(rc) || *reloaded)
		return false;
	loaded_drop(tk->loaded);
	*reloaded = true;
	return true;
}

/* The verbs that take one function. */

static int
do_open(struct tpmkeys *tk, const struct opened *o, struct key_op *op)
{
	(void)tk;
	op->out_meta_len = append(op->out_meta, 0, o->meta);
	return 0;
}

/* The TPM says it by loading: a private part is bound to the public one. */
static int
do_public(struct tpmkeys *tk, const struct opened *o, struct key_op *op)
{
	TPMT_PUBLIC public;
	ESYS_TR key;
	int r;

	r = tpmkey_load(tk, o, &key);
	if (r != 0)
		return r;
	tpmkey_public(o, &public);
	return tpmalg_marshal(&public, op->out_pub_area,
	    &op->out_pub_area_len);
}

static int
do_activate(struct tpmkeys *tk, const struct opened *o, struct key_op *op)
{
	bool reloaded = false;
	ESYS_TR key;
	TSS2_RC rc;
	int r;

	do {
		r = tpmkey_load(tk, o, &key);
		if (r != 0)
			return r;
		r = ek_activate(tk->link, op->alg, key, op->data[0],
		    op->data[1], op->out_sig, &op->out_sig_len, &rc);
	} while (r != 0 && tpmkey_reload(tk, rc, &reloaded));
	return r;
}

static int
do_ek(struct tpmkeys *tk, struct key_op *op)
{
	return ek_read(tk->link, op->alg, op->out_pub_area,
	    &op->out_pub_area_len, op->out_sig, &op->out_sig_len);
}

/* Those that begin with a blob. */
static int
do_use(struct tpmkeys *tk, struct key_op *op)
{
	int (*verb)(struct tpmkeys *, const struct opened *, struct key_op *);
	struct opened o;
	int r;

	switch (op->verb) {
	case KEY_OPEN:
		verb = do_open;
		break;
	case KEY_SIGN:
		verb = tpmkey_sign;
		break;
	case KEY_HMAC:
		verb = tpmkey_hmac;
		break;
	case KEY_CERTIFY:
		if (!tpmkey_is_ours(op->blob))
			return -ENOTSUP;
		verb = tpmkey_certify;
		break;
	case KEY_PUBLIC:
		verb = do_public;
		break;
	case KEY_ACTIVATE:
		verb = do_activate;
		break;
	default:
		return -EINVAL;
	}
	r = tpmkey_open_blob(tk, op->blob, op->epoch, op->bound, &o);
	if (r == 0) {
		/* of KEY_ACTIVATE, alg is the number of another key */
		if (op->verb != KEY_ACTIVATE)
			op->alg = o.alg->alg;
		r = verb(tk, &o, op);
	}
	explicit_bzero(&o, sizeof(o));
	return r;
}

static bool
salts_ok(const struct key_op *op)
{
	return op->data[0].len == SALT_LEN &&
	    (op->data[1].p == NULL || op->data[1].len == SALT_LEN);
}

static bool
sizes_ok(const struct key_op *op)
{
	if (op->verb == KEY_EK)
		return op->alg >= 0 && op->alg < EK_KINDS;
	if (op->epoch.len != KEY_EPOCH_LEN || op->bound.len > WRAP_BOUND_MAX)
		return false;
	switch (op->verb) {
	case KEY_CREATE:
		return op->meta.len <= KEY_META_MAX &&
		    (op->shape & ~TPMKEY_SHAPES) == 0;
	case KEY_HMAC:
		return salts_ok(op);
	case KEY_CERTIFY:
		return op->signer_bound.len <= WRAP_BOUND_MAX;
	case KEY_ACTIVATE:
		return op->alg >= 0 && op->alg < EK_KINDS;
	default:
		return true;
	}
}

int
tpmkey_perform(struct tpmkeys *tk, struct key_op *op)
{
	assert(tk->wraps.unlocked);
	op->out_blob_len = op->out_pub_len = op->out_meta_len = 0;
	op->out_sig_len = op->out_pub_area_len = op->out_cert_info_len = 0;
	if (!sizes_ok(op))
		op->result = -EINVAL;
	else if (op->verb == KEY_CREATE)
		op->result = tpmkey_create(tk, op);
	else if (op->verb == KEY_EK)
		op->result = do_ek(tk, op);
	else
		op->result = do_use(tk, op);
	loaded_release(tk->loaded);
	return op->result;
}

void
tpmkey_unlock(struct tpmkeys *tk,
    const uint8_t storage_key[static SEAL_KEY_LEN])
{
	wraps_unlock(&tk->wraps, storage_key);
}

static int
tools_init(struct tpmkeys *tk)
{
	tk->loaded = loaded_new(tk->link);
	tk->md_ctx = EVP_MD_CTX_new();
	tk->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (tk->loaded == NULL || tk->md_ctx == NULL || tk->sha256 == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < TPMALG_ROWS; i++) {
		tk->md[i] = EVP_MD_fetch(NULL, tpmalg_row(i)->md, NULL);
		if (tk->md[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
tpmkey_new(struct link *l, struct tpmkeys **out)
{
	struct tpmkeys *tk;
	int r;

	tk = seal_memory_new(sizeof(*tk));
	if (tk == NULL)
		return -ENOMEM;
	tk->link = l;
	wraps_init(&tk->wraps, &blobs, forget_loaded, tk);
	r = tools_init(tk);
	if (r == 0)
		r = tpmprobe(l, tk->has);
	if (r != 0) {
		tpmkey_free(tk);
		return r;
	}
	*out = tk;
	return 0;
}

void
tpmkey_free(struct tpmkeys *tk)
{
	if (tk == NULL)
		return;
	wraps_done(&tk->wraps);
	loaded_free(tk->loaded);
	EVP_MD_CTX_free(tk->md_ctx);
	EVP_MD_free(tk->sha256);
	for (size_t i = 0; i < TPMALG_ROWS; i++)
		EVP_MD_free(tk->md[i]);
	seal_memory_free(tk, sizeof(*tk));
}
