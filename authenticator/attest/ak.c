/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. What is in memory is what was last stored: parts are spans into one
 *     record, which is replaced whole, after the store has it.
 *  2. The key of a record is never replaced; what is around it is.
 */
#include "authenticator/attest/ak.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "authenticator/be.h"
#include "authenticator/attest/certificate.h"

#define RECORD_VERSION	1
#define RECORD_MAX	16384	/* bytes */
#define ISSUED_LEN	32	/* bytes; SHA-256 */
#define HEAD_LEN	(1 + 8 + 8 + ISSUED_LEN)
#define FIRMWARE_HIGH	32	/* bits below TPM2_PT_FIRMWARE_VERSION_1 */

_Static_assert(RECORD_MAX <= STORE_BLOB_MAX, "one record");

/* The parts of a record, in its order: attestation.md. */
enum part {
	BLOB,			/* as the key provider gave it */
	PUB,			/* COSE_Key */
	LEAF,			/* of the test chain, DER */
	ENROLLED,		/* these may be empty */
	PARTS = ENROLLED + AUTH_X5C_MAX,
};

struct ak {
	int		 alg;
	uint8_t		*record;
	size_t		 record_len;
	int64_t		 expiry_s;	/* of LEAF */
	int64_t		 enrolled_s;	/* expiry of the first to expire */
	uint8_t		 issued[ISSUED_LEN];	/* by whom, and for what TPM */
	struct span	 part[PARTS];
};

static const struct {
	int		 alg;
	const char	*name;
	const char	*record;	/* name in the store */
} algs[] = {
	{ COSE_ES256,	"ES256",	"attestation key ES256" },
	{ COSE_RS256,	"RS256",	"attestation key RS256" },
	{ COSE_RS1,	"RS1",		"attestation key RS1" },
};

#define ALGS	(sizeof(algs) / sizeof(algs[0]))

static const char *
record_name(int alg)
{
	for (size_t i = 0; i < ALGS; i++)
		if (algs[i].alg == alg)
			return algs[i].record;
	return NULL;
}

const char *
ak_alg_name(int alg)
{
	for (size_t i = 0; i < ALGS; i++)
		if (algs[i].alg == alg)
			return algs[i].name;
	return NULL;
}

int
ak_alg(const char *name)
{
	for (size_t i = 0; i < ALGS; i++)
		if (strcmp(algs[i].name, name) == 0)
			return algs[i].alg;
	return 0;
}

/* The record. */

static int
record_parse(struct ak *ak)
{
	const uint8_t *p = ak->record, *end = p + ak->record_len;

	if (ak->record_len < HEAD_LEN || *p++ != RECORD_VERSION)
		return -EUCLEAN;
	ak->expiry_s = (int64_t)be_get(p, 8);
	ak->enrolled_s = (int64_t)be_get(p + 8, 8);
	memcpy(ak->issued, p + 16, ISSUED_LEN);
	p += 16 + ISSUED_LEN;
	for (size_t i = 0; i < PARTS; i++) {
		if (end - p < 2)
			return -EUCLEAN;
		ak->part[i] = span(p + 2, be_get(p, 2));
		p += 2;
		if ((size_t)(end - p) < ak->part[i].len)
			return -EUCLEAN;
		p += ak->part[i].len;
	}
	if (p != end || ak->part[BLOB].len == 0 ||
	    ak->part[BLOB].len > KEY_BLOB_MAX || ak->part[LEAF].len == 0)
		return -EUCLEAN;
	return 0;
}

/* All that a record says, as spans of whoever made them. */
struct draft {
	int64_t		expiry_s;
	int64_t		enrolled_s;
	uint8_t		issued[ISSUED_LEN];
	struct span	part[PARTS];
};

static size_t
draft_len(const struct draft *d)
{
	size_t len = HEAD_LEN;

	for (size_t i = 0; i < PARTS; i++)
		len += 2 + d->part[i].len;
	return len;
}

static void
draft_write(const struct draft *d, uint8_t *p)
{
	*p++ = RECORD_VERSION;
	p = be_put(p, (uint64_t)d->expiry_s, 8);
	p = be_put(p, (uint64_t)d->enrolled_s, 8);
	memcpy(p, d->issued, ISSUED_LEN);
	p += ISSUED_LEN;
	for (size_t i = 0; i < PARTS; i++) {
		p = be_put(p, d->part[i].len, 2);
		if (d->part[i].len > 0)
			memcpy(p, d->part[i].p, d->part[i].len);
		p += d->part[i].len;
	}
}

static void
draft_of(const struct ak *ak, struct draft *out)
{
	out->expiry_s = ak->expiry_s;
	out->enrolled_s = ak->enrolled_s;
	memcpy(out->issued, ak->issued, ISSUED_LEN);
	memcpy(out->part, ak->part, sizeof(out->part));
}

static int
complain(char *msg, size_t msglen, int error, const char *what)
{
	snprintf(msg, msglen, "%s", what);
	return error;
}

static void
forget(struct ak *ak)
{
	store_blob_free(ak->record, ak->record_len);
	*ak = (struct ak){ .alg = ak->alg };
}

/* 0, -ENOENT, or an error with its line. */
static int
record_read(struct store *st, struct ak *ak, char *msg, size_t msglen)
{
	int r;

	r = store_get(st, record_name(ak->alg), &ak->record, &ak->record_len);
	if (r == -ENOENT)
		return complain(msg, msglen, r,
		    "there is no attestation key of that algorithm yet");
	if (r != 0)
		return complain(msg, msglen, r, store_strerror(st));
	r = record_parse(ak);
	return r == 0 ? 0 : complain(msg, msglen, r, "the record of the "
	    "attestation key is damaged, or from a newer version");
}

/* d may point into the record that it replaces. */
static int
record_replace(struct store *st, struct ak *ak, const struct draft *d,
    char *msg, size_t msglen)
{
	size_t len = draft_len(d);
	uint8_t *record;
	int r;

	assert(len <= RECORD_MAX);	/* CERTIFICATE_DER_MAX, AK_CHAIN_MAX */
	record = malloc(len);
	if (record == NULL)
		return complain(msg, msglen, -ENOMEM, "out of memory");
	draft_write(d, record);
	r = store_put(st, record_name(ak->alg), span(record, len));
	free(record);
	if (r != 0)
		return complain(msg, msglen, r, store_strerror(st));
	forget(ak);
	return record_read(st, ak, msg, msglen);
}

/* Who signs, and what is said about the TPM. */

/* Printable ASCII, without blanks at its ends; never empty. */
static void
take_model(const char *vendor, char out[static 65])
{
	size_t len = 0;

	while (*vendor == ' ')
		vendor++;
	for (; *vendor != '\0' && len < 64; vendor++)
		out[len++] = isprint((unsigned char)*vendor) ? *vendor : '?';
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	if (len == 0)
		memcpy(out, "TPM", sizeof("TPM"));
}

static void
describe_tpm(const struct ak_plan *plan, struct certificate_tpm *out)
{
	const struct keys_info *info = plan->keys->ops->info(plan->keys);

	certificate_tpm_id(plan->manufacturer != 0 ? plan->manufacturer :
	    info->manufacturer_id, out->manufacturer);
	take_model(info->vendor, out->model);
	certificate_tpm_id((uint32_t)(info->firmware >> FIRMWARE_HIGH),
	    out->version);
}

/* A certificate that says something else is due. */
static bool
digest_issued(const struct ak_plan *plan, const struct certificate_tpm *tpm,
    uint8_t out[static ISSUED_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
	    EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, tpm->manufacturer,
	    strlen(tpm->manufacturer) + 1) == 1 &&
	    EVP_DigestUpdate(ctx, tpm->model, strlen(tpm->model) + 1) == 1 &&
	    EVP_DigestUpdate(ctx, tpm->version, strlen(tpm->version) + 1) == 1
	    && EVP_DigestUpdate(ctx, plan->ca_cert.p, plan->ca_cert.len) == 1
	    && EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static X509 *
issue(const struct ak_plan *plan, const struct certificate_tpm *tpm,
    struct span pub)
{
	struct certificate_plan cp = { .kind = CERTIFICATE_AK,
		.now_s = plan->now_s, .tpm = tpm };
	const uint8_t *p = plan->ca_key.p;
	X509 *x = NULL;

	cp.key = certificate_cose_key(pub);
	cp.issuer = certificate_parse(plan->ca_cert);
	cp.issuer_key = d2i_AutoPrivateKey(NULL, &p, (long)plan->ca_key.len);
	ERR_clear_error();
	if (cp.key != NULL && cp.issuer != NULL && cp.issuer_key != NULL)
		(void)certificate_make(&cp, &x);
	EVP_PKEY_free(cp.key);
	X509_free(cp.issuer);
	EVP_PKEY_free(cp.issuer_key);
	return x;
}

/* d has the key; gives it a certificate, and keeps both. */
static int
certify(const struct ak_plan *plan, struct ak *ak, struct draft *d,
    const struct certificate_tpm *tpm, char *msg, size_t msglen)
{
	uint8_t *der = NULL;
	size_t len = 0;
	X509 *x;
	int r = -EIO;

	x = issue(plan, tpm, d->part[PUB]);
	if (x != NULL)
		r = certificate_der(x, &der, &len);
	if (r != 0) {
		complain(msg, msglen, r, "a certificate for the TPM's "
		    "attestation key cannot be made");
		goto out;
	}
	d->part[LEAF] = span(der, len);
	d->expiry_s = certificate_expiry(x);
	r = record_replace(plan->store, ak, d, msg, msglen);
out:
	X509_free(x);
	free(der);
	return r;
}

static int
make(const struct ak_plan *plan, struct ak *ak, struct draft *d,
    const struct certificate_tpm *tpm, char *msg, size_t msglen)
{
	static const uint8_t no_epoch[KEY_EPOCH_LEN];
	struct key_op op = {
		.verb = KEY_CREATE,
		.alg = plan->alg,
		.shape = KEY_RESTRICTED,
		.epoch = span(no_epoch, sizeof(no_epoch)),
		.bound = span_str(AUTH_ATTESTATION_BOUND),
	};
	int r;

	r = keys_perform(plan->keys, &op);
	if (r == -ENOTSUP)
		return complain(msg, msglen, r, "the TPM has no attestation "
		    "keys of that algorithm");
	if (r != 0)
		return complain(msg, msglen, r,
		    "the TPM's attestation key cannot be made");
	d->part[BLOB] = span(op.out_blob, op.out_blob_len);
	d->part[PUB] = span(op.out_pub, op.out_pub_len);
	return certify(plan, ak, d, tpm, msg, msglen);
}

/* Whatever of it there is not, or not any more. */
static int
load_or_make(const struct ak_plan *plan, struct ak *ak, char *msg,
    size_t msglen)
{
	struct draft d = { 0 };
	struct certificate_tpm tpm;
	uint8_t issued[ISSUED_LEN];
	int r;

	describe_tpm(plan, &tpm);
	if (!digest_issued(plan, &tpm, issued))
		return complain(msg, msglen, -EIO, "OpenSSL has no SHA-256");
	memcpy(d.issued, issued, ISSUED_LEN);
	r = record_read(plan->store, ak, msg, msglen);
	if (r == -ENOENT)
		return make(plan, ak, &d, &tpm, msg, msglen);
	if (r != 0)
		return r;
	if (ak->expiry_s > plan->now_s &&
	    memcmp(ak->issued, issued, ISSUED_LEN) == 0)
		return 0;
	draft_of(ak, &d);
	memcpy(d.issued, issued, ISSUED_LEN);
	return certify(plan, ak, &d, &tpm, msg, msglen);
}

int
ak_load(const struct ak_plan *plan, struct ak **out, char *msg,
    size_t msglen)
{
	struct ak *ak;
	int r;

	if (!plan->keys->ops->info(plan->keys)->tpm)
		return complain(msg, msglen, -ENOTSUP,
		    "tpm attestation needs keys in a TPM");
	if (record_name(plan->alg) == NULL)
		return complain(msg, msglen, -ENOTSUP, "the TPM's attestation "
		    "key can be ES256, RS256 or RS1");
	ak = calloc(1, sizeof(*ak));
	if (ak == NULL)
		return complain(msg, msglen, -ENOMEM, "out of memory");
	ak->alg = plan->alg;
	r = load_or_make(plan, ak, msg, msglen);
	if (r == 0)
		*out = ak;
	else
		ak_free(ak);
	return r;
}

int
ak_read(struct store *st, int alg, struct ak **out, char *msg, size_t msglen)
{
	struct ak *ak;
	int r;

	if (record_name(alg) == NULL)
		return complain(msg, msglen, -ENOENT,
		    "there are no attestation keys of that algorithm");
	ak = calloc(1, sizeof(*ak));
	if (ak == NULL)
		return complain(msg, msglen, -ENOMEM, "out of memory");
	ak->alg = alg;
	r = record_read(st, ak, msg, msglen);
	if (r == 0)
		*out = ak;
	else
		ak_free(ak);
	return r;
}

void
ak_free(struct ak *ak)
{
	if (ak == NULL)
		return;
	forget(ak);
	free(ak);
}

struct span
ak_blob(const struct ak *ak)
{
	return ak->part[BLOB];
}

int64_t
ak_enrolled_until(const struct ak *ak)
{
	return ak->part[ENROLLED].len > 0 ? ak->enrolled_s : 0;
}

/* att.8 */
void
ak_config(const struct ak *ak, struct span ca_cert, int64_t now_s,
    struct auth_attestation *out)
{
	*out = (struct auth_attestation){
		.kind = ATTESTATION_TPM,
		.alg = ak->alg,
		.blob = ak->part[BLOB],
		.x5c = { ak->part[LEAF], ca_cert },
		.x5c_count = 2,
	};
	if (ak_enrolled_until(ak) <= now_s)
		return;
	out->x5c_count = 0;
	for (size_t i = 0; i < AUTH_X5C_MAX; i++)
		if (ak->part[ENROLLED + i].len > 0)
			out->x5c[out->x5c_count++] = ak->part[ENROLLED + i];
}

/* Enrolment. */

struct chain {
	X509		*cert[AUTH_X5C_MAX + 1];	/* with a root */
	size_t		 count;
};

static void
chain_done(struct chain *c)
{
	for (size_t i = 0; i < c->count; i++)
		X509_free(c->cert[i]);
}

/* att.1: the root is for relying parties to have. */
static const char *
chain_drop_root(struct chain *c)
{
	X509 *last = c->cert[c->count - 1];

	if (c->count > 1 && X509_check_issued(last, last) == X509_V_OK)
		X509_free(c->cert[--c->count]);
	ERR_clear_error();
	return c->count > AUTH_X5C_MAX ? "has too many certificates" : NULL;
}

/* between: how many CAs there are below upper */
static const char *
judge_link(X509 *lower, X509 *upper, long between)
{
	const char *why = NULL;

	if (X509_check_ca(upper) != 1)
		why = "has an issuer that is not a CA";
	else if (X509_get_pathlen(upper) >= 0 &&
	    X509_get_pathlen(upper) < between)
		why = "has a CA that permits none below it (path length)";
	else if (X509_check_issued(upper, lower) != X509_V_OK ||
	    X509_verify(lower, X509_get0_pubkey(upper)) != 1)
		why = "does not link: each certificate has to be signed by "
		    "the one behind it";
	ERR_clear_error();
	return why;
}

static bool
is_for(const struct ak *ak, const X509 *cert)
{
	EVP_PKEY *key = certificate_cose_key(ak->part[PUB]);
	bool same = key != NULL &&
	    EVP_PKEY_eq(key, X509_get0_pubkey(cert)) == 1;

	EVP_PKEY_free(key);
	ERR_clear_error();
	return same;
}

bool
ak_is_for(const struct ak *ak, struct span pem)
{
	struct chain c = { .count = 0 };
	bool is = certificate_parse_chain(pem, c.cert, AUTH_X5C_MAX + 1,
	    &c.count) == NULL && is_for(ak, c.cert[0]);

	chain_done(&c);
	return is;
}

static const char *
chain_judge(const struct chain *c, const struct ak *ak, int64_t now_s)
{
	time_t now = now_s;
	size_t total = 0;
	const char *why;

	if (!is_for(ak, c->cert[0]))
		return "is for another key than this attestation key";
	why = certificate_judge_ak(c->cert[0]);
	for (size_t i = 0; why == NULL && i < c->count; i++) {
		total += (size_t)i2d_X509(c->cert[i], NULL);
		if (X509_cmp_time(X509_get0_notBefore(c->cert[i]), &now) >= 0)
			why = "is not valid yet";
		else if (certificate_expiry(c->cert[i]) <= now_s)
			why = "has expired";
		else if (i > 0)
			why = judge_link(c->cert[i - 1], c->cert[i],
			    (long)i - 1);
	}
	if (why == NULL && total > AK_CHAIN_MAX)
		why = "is too big for the replies of a security key";
	return why;
}

static int
chain_keep(const struct chain *c, struct ak *ak, struct store *st,
    char *msg, size_t msglen)
{
	uint8_t *der[AUTH_X5C_MAX] = { NULL };
	struct draft d;
	size_t len = 0;
	int r = 0;

	draft_of(ak, &d);
	d.enrolled_s = INT64_MAX;
	for (size_t i = 0; i < AUTH_X5C_MAX; i++)
		d.part[ENROLLED + i] = span(NULL, 0);
	for (size_t i = 0; r == 0 && i < c->count; i++) {
		r = certificate_der(c->cert[i], &der[i], &len);
		d.part[ENROLLED + i] = span(der[i], len);
		if (certificate_expiry(c->cert[i]) < d.enrolled_s)
			d.enrolled_s = certificate_expiry(c->cert[i]);
	}
	if (r == 0)
		r = record_replace(st, ak, &d, msg, msglen);
	else
		complain(msg, msglen, r, "out of memory");
	for (size_t i = 0; i < AUTH_X5C_MAX; i++)
		free(der[i]);
	return r;
}

int
ak_enroll(struct ak *ak, struct store *st, struct span pem, int64_t now_s,
    char *msg, size_t msglen)
{
	struct chain c = { .count = 0 };
	const char *why;
	int r;

	why = certificate_parse_chain(pem, c.cert, AUTH_X5C_MAX + 1, &c.count);
	if (why == NULL)
		why = chain_drop_root(&c);
	if (why == NULL)
		why = chain_judge(&c, ak, now_s);
	if (why != NULL) {
		snprintf(msg, msglen, "the certificate chain %s", why);
		r = -EINVAL;
	} else {
		r = chain_keep(&c, ak, st, msg, msglen);
	}
	chain_done(&c);
	return r;
}
