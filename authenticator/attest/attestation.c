/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. What is in memory is what was last stored: parts are spans into one
 *     record, which is replaced whole, after the store has it. The private
 *     keys of the CAs are in it only while attestation_load() may need them.
 *  2. The certificates of a record have one root: whatever is made anew,
 *     everything behind it in enum level is made anew as well. Only what is
 *     right below the root may be missing, and then all of that: the root
 *     signs it, and a brought root may be there without its key.
 */
#include "authenticator/attest/attestation.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "authenticator/be.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/attest/crl.h"
#include "authenticator/hex.h"

#define RECORD		"attestation"	/* its name in the store */
#define RECORD_VERSION	3
#define RECORD_MAX	32768		/* bytes */
#define AAGUID_LEN	16

_Static_assert(RECORD_MAX <= STORE_BLOB_MAX, "one record");

/* From the top; also the index of their expiry. */
enum level {
	ROOT,
	INTERMEDIATE,
	LEAF,
	ENTERPRISE,		/* leaf right below the root */
	U2F,			/* so is this, of the key of LEAF */
	NOTHING,		/* is due */
};

#define BY_ROOT		ENTERPRISE	/* and behind it: the root signs */

#define LEVELS_V1	3	/* without BY_ROOT and what belongs to it */
#define PARTS_V1	6
#define PARTS_V2	10	/* without SUBJECT */

/* The parts of a record, in its order: attestation.md. */
enum part {
	ROOT_CERT,
	ROOT_KEY,		/* PKCS #8; empty if it was brought */
	INTERMEDIATE_CERT,
	INTERMEDIATE_KEY,
	LEAF_CERT,
	LEAF_BLOB,		/* as the key provider gave it */
	ENTERPRISE_CERT,	/* these two may be empty */
	ENTERPRISE_BLOB,
	SERIAL,			/* of this key, for good */
	U2F_CERT,		/* may be empty */
	SUBJECT,		/* text, of the leaves; may be empty */
	PARTS,
};

static const enum part cert_part[] = {
	[ROOT] = ROOT_CERT,
	[INTERMEDIATE] = INTERMEDIATE_CERT,
	[LEAF] = LEAF_CERT,
	[ENTERPRISE] = ENTERPRISE_CERT,
	[U2F] = U2F_CERT,
};

static const enum part key_part[] = {
	[ROOT] = ROOT_KEY,
	[INTERMEDIATE] = INTERMEDIATE_KEY,
	[LEAF] = LEAF_BLOB,
	[ENTERPRISE] = ENTERPRISE_BLOB,
	[U2F] = LEAF_BLOB,
};

struct attestation {
	uint8_t		*record;	/* NULL: none yet */
	size_t		 record_len;
	bool		 brought;
	uint8_t		 aaguid[AAGUID_LEN];
	int64_t		 expiry_s[NOTHING];
	struct span	 part[PARTS];
	struct ak	*ak;		/* NULL: */
	char		 no_ak[128];	/* why not */
	int64_t		 now_s;		/* when loaded */
};

/* Everything that making a chain needs; nothing of it is kept. */
struct workshop {
	struct keys	*keys;
	int64_t		 now_s;
	X509		*cert[NOTHING];
	EVP_PKEY	*key[NOTHING];
	const uint8_t	*aaguid;
	char		 subject[AUTH_SUBJECT_MAX];	/* of the leaves */
	struct key_op	 leaf, enterprise;
	uint8_t		 serial[CERTIFICATE_SERIAL_LEN];
	bool		 brought;
	char		*msg;
	size_t		 msglen;
};

static void
workshop_done(struct workshop *ws)
{
	for (size_t i = 0; i < NOTHING; i++) {
		X509_free(ws->cert[i]);
		EVP_PKEY_free(ws->key[i]);
	}
}

static int
complain(struct workshop *ws, int error, const char *what)
{
	snprintf(ws->msg, ws->msglen, "%s", what);
	return error;
}

/* The record. */

static size_t
head_len(size_t levels)
{
	return 2 + AAGUID_LEN + levels * 8;
}

/* att->record and record_len are set. */
static int
record_parse(struct attestation *att)
{
	const uint8_t *p = att->record, *end = p + att->record_len;
	size_t levels = LEVELS_V1, parts = PARTS_V1;

	if (att->record_len > 0 && p[0] > 1) {
		levels = NOTHING;
		parts = p[0] == 2 ? PARTS_V2 : PARTS;
	}
	if (att->record_len < head_len(levels) || p[0] < 1 ||
	    p[0] > RECORD_VERSION || p[1] > 1)
		return -EUCLEAN;
	att->brought = p[1] == 1;
	memcpy(att->aaguid, p + 2, AAGUID_LEN);
	p += 2 + AAGUID_LEN;
	for (size_t i = 0; i < levels; i++, p += 8)
		att->expiry_s[i] = (int64_t)be_get(p, 8);
	for (size_t i = 0; i < parts; i++) {
		if (end - p < 2)
			return -EUCLEAN;
		att->part[i] = span(p + 2, be_get(p, 2));
		p += 2;
		if ((size_t)(end - p) < att->part[i].len)
			return -EUCLEAN;
		p += att->part[i].len;
	}
	if (p != end || att->part[LEAF_BLOB].len > KEY_BLOB_MAX ||
	    att->part[ENTERPRISE_BLOB].len > KEY_BLOB_MAX)
		return -EUCLEAN;
	if (parts > PARTS_V1 && att->part[SERIAL].len != CERTIFICATE_SERIAL_LEN)
		return -EUCLEAN;
	return 0;
}

static int
record_read(struct store *st, struct attestation *att)
{
	int r;

	r = store_get(st, RECORD, &att->record, &att->record_len);
	if (r != 0)
		return r;
	return record_parse(att);
}

static size_t
record_size(const struct span part[static PARTS])
{
	size_t len = head_len(NOTHING);

	for (size_t i = 0; i < PARTS; i++)
		len += 2 + part[i].len;
	return len;
}

/* A record on its way to the store. */
struct encoded {
	struct span	part[PARTS];
	int64_t		expiry_s[NOTHING];
	bool		ours[NOTHING];	/* to be freed */
};

static void
record_write(uint8_t *p, bool brought, const uint8_t *aaguid,
    const struct encoded *e)
{
	*p++ = RECORD_VERSION;
	*p++ = brought;
	memcpy(p, aaguid, AAGUID_LEN);
	p += AAGUID_LEN;
	for (size_t i = 0; i < NOTHING; i++)
		p = be_put(p, (uint64_t)e->expiry_s[i], 8);
	for (size_t i = 0; i < PARTS; i++) {
		p = be_put(p, e->part[i].len, 2);
		if (e->part[i].len > 0)
			memcpy(p, e->part[i].p, e->part[i].len);
		p += e->part[i].len;
	}
}

/* A record of before, or one whose root was brought without its key. */
static bool
lacks_by_root(const struct attestation *att, const struct workshop *ws)
{
	bool there = true;

	for (enum level l = BY_ROOT; l < NOTHING; l++)
		there = there && att->part[cert_part[l]].len > 0 &&
		    att->expiry_s[l] > ws->now_s;
	return !there && (ws->brought || att->part[ROOT_KEY].len > 0);
}

/* What has to be made: this level and everything behind it. */
static enum level
find_due(const struct attestation *att, const struct workshop *ws)
{
	if (att->record == NULL)
		return ws->brought ? INTERMEDIATE : ROOT;
	if (ws->brought) {
		X509 *recorded = certificate_parse(att->part[ROOT_CERT]);
		bool same = recorded != NULL &&
		    X509_cmp(recorded, ws->cert[ROOT]) == 0;

		X509_free(recorded);
		if (!same)
			return INTERMEDIATE;
	}
	for (enum level l = ROOT; l <= LEAF; l++)
		if (att->expiry_s[l] <= ws->now_s)
			return l;
	if (memcmp(att->aaguid, ws->aaguid, AAGUID_LEN) != 0 ||
	    !span_eq(att->part[SUBJECT], span_str(ws->subject)))
		return LEAF;
	return lacks_by_root(att, ws) ? BY_ROOT : NOTHING;
}

/* The leaf's key, public as it is in its certificate. */
static int
take_leaf_key(const struct attestation *att, struct workshop *ws)
{
	X509 *leaf = certificate_parse(att->part[LEAF_CERT]);

	if (leaf != NULL)
		ws->key[LEAF] = X509_get_pubkey(leaf);
	X509_free(leaf);
	ERR_clear_error();
	return ws->key[LEAF] != NULL ? 0 : complain(ws, -EUCLEAN,
	    "the attestation record is damaged");
}

/* What is above what is due, from the record. */
static int
take_recorded(const struct attestation *att, struct workshop *ws,
    enum level above)
{
	for (enum level l = ROOT; l < above && l < LEAF; l++) {
		struct span key = att->part[key_part[l]];
		const uint8_t *p = key.p;

		if (ws->cert[l] != NULL)
			continue;	/* brought */
		ws->cert[l] = certificate_parse(att->part[cert_part[l]]);
		if (key.len > 0)
			ws->key[l] = d2i_AutoPrivateKey(NULL, &p, key.len);
		ERR_clear_error();
		if (ws->cert[l] == NULL ||
		    (key.len > 0 && ws->key[l] == NULL))
			return complain(ws, -EUCLEAN,
			    "the attestation record is damaged");
	}
	return above > LEAF ? take_leaf_key(att, ws) : 0;
}

/* Only a brought root is without its key. */
static int
check_signer(struct workshop *ws, const struct attestation *att,
    enum level due)
{
	if ((due == ROOT && att->record != NULL && att->brought) ||
	    (due == INTERMEDIATE && ws->key[ROOT] == NULL))
		return complain(ws, -EKEYEXPIRED,
		    "the attestation certificates have expired: bring the "
		    "attestation root and its key again");
	return 0;
}

static int
make_leaf_key(struct workshop *ws, struct key_op *op, EVP_PKEY **out)
{
	static const uint8_t no_epoch[KEY_EPOCH_LEN];
	int r;

	op->verb = KEY_CREATE;
	op->alg = COSE_ES256;
	op->epoch = span(no_epoch, sizeof(no_epoch));
	op->bound = span_str(AUTH_ATTESTATION_BOUND);
	r = keys_perform(ws->keys, op);
	if (r != 0)
		return complain(ws, r, "the attestation key cannot be made");
	*out = certificate_cose_key(span(op->out_pub, op->out_pub_len));
	return *out != NULL ? 0 :
	    complain(ws, -EIO, "the attestation key cannot be read");
}

static int
make_key(struct workshop *ws, enum level l)
{
	if (l == LEAF)
		return make_leaf_key(ws, &ws->leaf, &ws->key[l]);
	if (l == ENTERPRISE)
		return make_leaf_key(ws, &ws->enterprise, &ws->key[l]);
	if (l == U2F) {
		EVP_PKEY_up_ref(ws->key[LEAF]);
		ws->key[l] = ws->key[LEAF];
		return 0;
	}
	ws->key[l] = EVP_EC_gen("P-256");
	return ws->key[l] != NULL ? 0 :
	    complain(ws, -EIO, "an attestation CA cannot be made");
}

static int
make_level(struct workshop *ws, enum level l)
{
	enum level issuer = l == LEAF ? INTERMEDIATE : ROOT;
	static const enum certificate_kind kinds[] = {
		[ROOT] = CERTIFICATE_ROOT,
		[INTERMEDIATE] = CERTIFICATE_INTERMEDIATE,
		[LEAF] = CERTIFICATE_LEAF,
		[ENTERPRISE] = CERTIFICATE_ENTERPRISE,
		[U2F] = CERTIFICATE_U2F,
	};
	struct certificate_plan plan = {
		.kind = kinds[l],
		.now_s = ws->now_s,
		.aaguid = ws->aaguid,
		.subject = ws->subject,
		.serial = ws->serial,
	};
	int r;

	r = make_key(ws, l);
	if (r != 0)
		return r;
	plan.key = ws->key[l];
	plan.issuer = l == ROOT ? NULL : ws->cert[issuer];
	plan.issuer_key = ws->key[issuer];
	r = certificate_make(&plan, &ws->cert[l]);
	return r == 0 ? 0 :
	    complain(ws, r, "an attestation certificate cannot be made");
}

/* PKCS #8, to be freed with OPENSSL_clear_free(). */
static int
encode_key(const EVP_PKEY *key, uint8_t **out, size_t *len)
{
	PKCS8_PRIV_KEY_INFO *p8;
	int n;

	p8 = EVP_PKEY2PKCS8(key);
	if (p8 == NULL)
		return -ENOMEM;
	n = i2d_PKCS8_PRIV_KEY_INFO(p8, out);
	PKCS8_PRIV_KEY_INFO_free(p8);
	if (n <= 0)
		return -ENOMEM;
	*len = n;
	return 0;
}

/* A level of the workshop. */
static int
encode_level(const struct workshop *ws, enum level l, struct encoded *e)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int r;

	e->ours[l] = true;
	r = certificate_der(ws->cert[l], &p, &len);
	e->part[cert_part[l]] = span(p, len);
	e->expiry_s[l] = certificate_expiry(ws->cert[l]);
	p = NULL;
	len = 0;
	if (r == 0 && l < LEAF && ws->key[l] != NULL &&
	    !(l == ROOT && ws->brought))
		r = encode_key(ws->key[l], &p, &len);
	if (l < LEAF)
		e->part[key_part[l]] = span(p, len);
	return r;
}

/* One that is as it was, if it is not behind what is made anew. */
static void
encode_recorded(const struct attestation *att, enum level l,
    struct encoded *e)
{
	e->part[cert_part[l]] = att->part[cert_part[l]];
	e->part[key_part[l]] = att->part[key_part[l]];
	e->expiry_s[l] = att->expiry_s[l];
}

/* *e is zero; encoded_done() is needed in any case. */
static int
encode_all(const struct workshop *ws, const struct attestation *att,
    enum level due, struct encoded *e)
{
	int r = 0;

	e->part[LEAF_BLOB] = span(ws->leaf.out_blob, ws->leaf.out_blob_len);
	e->part[ENTERPRISE_BLOB] = span(ws->enterprise.out_blob,
	    ws->enterprise.out_blob_len);
	e->part[SERIAL] = span(ws->serial, sizeof(ws->serial));
	e->part[SUBJECT] = span_str(ws->subject);
	for (enum level l = ROOT; r == 0 && l < NOTHING; l++) {
		if (ws->cert[l] != NULL)
			r = encode_level(ws, l, e);
		else if (l < due)
			encode_recorded(att, l, e);
	}
	return r;
}

static void
encoded_done(struct encoded *e)
{
	for (enum level l = ROOT; l < NOTHING; l++) {
		if (!e->ours[l])
			continue;
		free((void *)e->part[cert_part[l]].p);
		if (l < LEAF)
			OPENSSL_clear_free((void *)e->part[key_part[l]].p,
			    e->part[key_part[l]].len);
	}
}

static void
record_forget(struct attestation *att)
{
	store_blob_free(att->record, att->record_len);
	*att = (struct attestation){ 0 };
}

static int
record_replace(struct store *st, struct workshop *ws, bool brought,
    struct attestation *att, enum level due)
{
	struct encoded e = { 0 };
	uint8_t *record = NULL;
	size_t len = 0;
	int r;

	r = encode_all(ws, att, due, &e);
	if (r == 0) {
		len = record_size(e.part);
		assert(len <= RECORD_MAX);	/* CERTIFICATE_DER_MAX */
		record = malloc(len);
	}
	if (record == NULL) {
		r = complain(ws, -ENOMEM, "out of memory");
		goto out;
	}
	record_write(record, brought, ws->aaguid, &e);
	r = store_put(st, RECORD, span(record, len));
	if (r != 0) {
		complain(ws, r, store_strerror(st));
		goto out;
	}
	record_forget(att);
	r = record_read(st, att);
	if (r != 0)
		complain(ws, r, store_strerror(st));
out:
	if (record != NULL)
		explicit_bzero(record, len);
	free(record);
	encoded_done(&e);
	return r;
}

/* att.5: the same for good, whatever certificate it is in */
static int
take_serial(const struct attestation *att, struct workshop *ws)
{
	struct span serial = att->part[SERIAL];

	if (serial.len > 0)
		memcpy(ws->serial, serial.p, sizeof(ws->serial));
	else if (RAND_bytes(ws->serial, sizeof(ws->serial)) != 1)
		return complain(ws, -EIO, "a serial number cannot be made");
	return 0;
}

static int
make_due(struct store *st, struct workshop *ws, struct attestation *att,
    enum level due)
{
	bool brought = ws->brought || (due > ROOT && att->brought);
	int r;

	r = take_recorded(att, ws, due);
	if (r == 0)
		r = check_signer(ws, att, due);
	if (r == 0)
		r = take_serial(att, ws);
	for (enum level l = due; r == 0 && l < NOTHING; l++)
		if (l < BY_ROOT || ws->key[ROOT] != NULL)
			r = make_level(ws, l);
	if (r == 0)
		r = record_replace(st, ws, brought, att, due);
	return r;
}

/* Whoever reads our memory later must not be able to sign certificates. */
static void
forget_ca_keys(struct attestation *att)
{
	for (enum level l = ROOT; l < LEAF; l++) {
		struct span *key = &att->part[key_part[l]];

		if (key->len > 0)
			explicit_bzero(att->record + (key->p - att->record),
			    key->len);
		*key = span(NULL, 0);
	}
}

static int
take_brought(struct workshop *ws, const struct attestation_root *root)
{
	const char *why;
	int r;

	if (root->cert.len > ATTESTATION_PEM_MAX ||
	    root->key.len > ATTESTATION_PEM_MAX)
		return complain(ws, -EINVAL,
		    "the attestation root is too big to be one");
	r = certificate_parse_root(root->cert, root->key, ws->now_s,
	    &ws->cert[ROOT], &ws->key[ROOT], &why);
	if (r != 0) {
		snprintf(ws->msg, ws->msglen, "the attestation root %s", why);
		return r;
	}
	ws->brought = true;
	return 0;
}

/* att.8: a TPM without AKs is no reason to do without the rest */
static int
load_ak(struct store *st, const struct attestation_plan *plan,
    struct attestation *att, struct workshop *ws)
{
	struct ak_plan ap = {
		.store = st,
		.keys = ws->keys,
		.alg = plan->ak_alg != 0 ? plan->ak_alg : COSE_ES256,
		.manufacturer = plan->tpm_manufacturer,
		.ca_cert = att->part[INTERMEDIATE_CERT],
		.ca_key = att->part[INTERMEDIATE_KEY],
		.now_s = ws->now_s,
	};
	char msg[sizeof(att->no_ak)];
	int r;

	r = ak_load(&ap, &att->ak, msg, sizeof(msg));
	if (r == -ENOTSUP)
		snprintf(att->no_ak, sizeof(att->no_ak), "%s", msg);
	return r == 0 || r == -ENOTSUP ? 0 : complain(ws, r, msg);
}

/* NULL: whoever does not know keeps what is there. */
static int
take_subject(const struct attestation *att, const char *asked,
    struct workshop *ws)
{
	struct span s = asked != NULL ? span_str(asked) : att->part[SUBJECT];

	if (s.len >= sizeof(ws->subject))
		return complain(ws, -EUCLEAN,
		    "the attestation record is damaged");
	if (s.len > 0)
		memcpy(ws->subject, s.p, s.len);
	return 0;
}

static int
load_chain(struct store *st, const struct attestation_plan *plan,
    struct attestation *att, struct workshop *ws)
{
	enum level due;
	int r;

	r = record_read(st, att);
	if (r == -EUCLEAN)
		return complain(ws, r, "the attestation record is damaged, or "
		    "from a newer version");
	if (r != 0 && r != -ENOENT)
		return complain(ws, r, store_strerror(st));
	r = plan->brought != NULL ? take_brought(ws, plan->brought) : 0;
	if (r == 0)
		r = take_subject(att, plan->subject, ws);
	if (r != 0)
		return r;
	due = find_due(att, ws);
	return due == NOTHING ? 0 : make_due(st, ws, att, due);
}

int
attestation_load(struct store *st, struct keys *keys,
    const struct attestation_plan *plan, struct attestation **out, char *msg,
    size_t msglen)
{
	struct workshop ws = { .keys = keys, .now_s = plan->now_s,
		.aaguid = plan->aaguid, .msg = msg, .msglen = msglen };
	struct attestation *att;
	int r;

	att = calloc(1, sizeof(*att));
	if (att == NULL)
		return complain(&ws, -ENOMEM, "out of memory");
	r = load_chain(st, plan, att, &ws);
	if (r == 0)
		r = load_ak(st, plan, att, &ws);
	if (r != 0)
		goto out;
	forget_ca_keys(att);
	att->now_s = plan->now_s;
	for (enum level l = BY_ROOT; l < NOTHING; l++)
		if (att->expiry_s[l] <= plan->now_s)
			att->part[cert_part[l]] = span(NULL, 0);
	*out = att;
	att = NULL;
out:
	attestation_free(att);
	workshop_done(&ws);
	return r;
}

void
attestation_config(const struct attestation *att, enum attestation_kind kind,
    struct auth_attestation *out)
{
	*out = (struct auth_attestation){ .kind = kind };
	out->alg = COSE_ES256;
	out->blob = att->part[LEAF_BLOB];
	out->x5c[0] = att->part[LEAF_CERT];
	out->x5c[1] = att->part[INTERMEDIATE_CERT];
	out->x5c_count = 2;
	out->u2f = att->part[att->part[U2F_CERT].len > 0 ? U2F_CERT :
	    LEAF_CERT];
}

/* att.5 */
bool
attestation_enterprise(const struct attestation *att,
    struct auth_attestation *out)
{
	if (att->part[ENTERPRISE_CERT].len == 0)
		return false;
	*out = (struct auth_attestation){
		.kind = ATTESTATION_PACKED,
		.alg = COSE_ES256,
		.blob = att->part[ENTERPRISE_BLOB],
		.x5c = { att->part[ENTERPRISE_CERT] },
		.x5c_count = 1,
	};
	return true;
}

/* att.8 */
const char *
attestation_tpm(const struct attestation *att, struct auth_attestation *out)
{
	if (att->ak == NULL)
		return att->no_ak;
	ak_config(att->ak, att->part[INTERMEDIATE_CERT], att->now_s, out);
	return NULL;
}

struct ak *
attestation_ak(struct attestation *att)
{
	return att->ak;
}

int
attestation_roots_pem(const struct attestation *att, char **out)
{
	struct span root = att->part[ROOT_CERT];
	BIO *bio;
	char *pem, *copy = NULL;
	long len;

	bio = BIO_new(BIO_s_mem());
	if (bio != NULL && PEM_write_bio(bio, PEM_STRING_X509, "", root.p,
	    (long)root.len) > 0) {
		len = BIO_get_mem_data(bio, &pem);
		copy = strndup(pem, len);
	}
	BIO_free(bio);
	if (copy == NULL)
		return -ENOMEM;
	*out = copy;
	return 0;
}

int
attestation_roots_read(struct store *st, char **out)
{
	struct attestation att = { 0 };
	int r;

	r = record_read(st, &att);
	if (r == 0)
		r = attestation_roots_pem(&att, out);
	record_forget(&att);
	return r;
}

/* The key is in memory for this one signature. */
int
attestation_crl(struct store *st, enum attestation_ca which, int64_t now_s,
    uint8_t **out, size_t *len)
{
	enum level level = which == ATTESTATION_CA_ROOT ? ROOT : INTERMEDIATE;
	struct attestation att = { 0 };
	struct span der;
	const uint8_t *p;
	EVP_PKEY *key;
	X509 *cert;
	int r;

	r = record_read(st, &att);
	if (r != 0) {
		record_forget(&att);
		return r;
	}
	der = att.part[key_part[level]];
	p = der.p;
	cert = certificate_parse(att.part[cert_part[level]]);
	key = der.len > 0 ? d2i_AutoPrivateKey(NULL, &p, (long)der.len) : NULL;
	ERR_clear_error();
	if (der.len == 0)
		r = -ENOKEY;
	else if (cert == NULL || key == NULL)
		r = -EUCLEAN;
	else
		r = crl_make(cert, key, now_s, out, len);
	X509_free(cert);
	EVP_PKEY_free(key);
	record_forget(&att);
	return r;
}

static EVP_PKEY *
parse_key(struct span der)
{
	const uint8_t *p = der.p;

	return der.len > 0 ? d2i_AutoPrivateKey(NULL, &p, (long)der.len) :
	    NULL;
}

int
attestation_issuer_open(struct store *st, struct attestation_issuer *out)
{
	struct attestation_issuer is = { .root = NULL };
	struct attestation att = { 0 };
	int r;

	r = record_read(st, &att);
	if (r != 0)
		goto out;
	is.root = certificate_parse(att.part[ROOT_CERT]);
	is.intermediate = certificate_parse(att.part[INTERMEDIATE_CERT]);
	is.root_key = parse_key(att.part[ROOT_KEY]);
	is.intermediate_key = parse_key(att.part[INTERMEDIATE_KEY]);
	r = is.root == NULL || is.intermediate == NULL ||
	    is.intermediate_key == NULL ||
	    (is.root_key == NULL && att.part[ROOT_KEY].len > 0) ? -EUCLEAN : 0;
	if (r == 0)
		*out = is;
	else
		attestation_issuer_done(&is);
out:
	ERR_clear_error();
	record_forget(&att);
	return r;
}

void
attestation_issuer_done(struct attestation_issuer *is)
{
	X509_free(is->root);
	X509_free(is->intermediate);
	EVP_PKEY_free(is->root_key);
	EVP_PKEY_free(is->intermediate_key);
	*is = (struct attestation_issuer){ .root = NULL };
}

/* Of a record of version 1, nothing is enterprise's. */
const uint8_t *
attestation_number(const struct attestation *att)
{
	static const uint8_t none[CERTIFICATE_SERIAL_LEN];

	return att->part[SERIAL].len > 0 ? att->part[SERIAL].p : none;
}

/* A root may say how many CAs there can be below it (RFC 5280, 4.2.1.9). */
const char *
attestation_judge_chain(const struct attestation *att, unsigned certificates)
{
	long limit = -1;
	X509 *root;

	if (certificates == 1 && att->brought)
		return "attestationChain=1 needs the key of the attestation "
		    "root, and that was brought and is not kept";
	root = certificate_parse(att->part[ROOT_CERT]);
	if (root != NULL)
		limit = X509_get_pathlen(root);
	X509_free(root);
	ERR_clear_error();
	return certificates > 2 && limit >= 0 && limit < 2 ?
	    "attestationChain=3 needs an attestation root that permits two "
	    "intermediates (path length)" : NULL;
}

int
attestation_u2f_id(struct store *st,
    char out[static ATTESTATION_KEY_ID_LEN + 1])
{
	struct attestation att = { 0 };
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	X509 *cert = NULL;
	int r;

	r = record_read(st, &att);
	if (r == 0) {
		cert = certificate_parse(att.part[att.part[U2F_CERT].len > 0 ?
		    U2F_CERT : LEAF_CERT]);
		r = -EUCLEAN;
	}
	if (cert != NULL && X509_pubkey_digest(cert, EVP_sha1(), digest, &len)
	    == 1 && 2 * len == ATTESTATION_KEY_ID_LEN)
		r = 0;
	if (r == 0)
		hex_encode(span(digest, len), out);
	X509_free(cert);
	ERR_clear_error();
	record_forget(&att);
	return r;
}

int
attestation_aaguid_read(struct store *st, uint8_t out[static AAGUID_LEN])
{
	struct attestation att = { 0 };
	int r;

	r = record_read(st, &att);
	if (r == 0)
		memcpy(out, att.aaguid, AAGUID_LEN);
	record_forget(&att);
	return r;
}

void
attestation_free(struct attestation *att)
{
	if (att == NULL)
		return;
	ak_free(att->ak);
	record_forget(att);
	free(att);
}
