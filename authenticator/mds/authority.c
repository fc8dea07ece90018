/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. authority.pem is one file, replaced whole: either it has everything or
 *     it is not there.
 *  2. A number is on the disk before anybody is told it.
 *  3. Whoever makes or replaces a file has the folder locked.
 */
#include "authenticator/mds/authority.h"

#include <sys/file.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/ca_file.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/attest/crl.h"
#include "authenticator/attest/x509.h"
#include "authenticator/hex.h"
#include "authenticator/paths.h"

#define FOLDER		"mds"
#define FILE_NAME	"authority.pem"
#define NUMBER_NAME	"number"
#define FILE_MAX_LEN	65536	/* bytes */
#define NUMBER_MAX_LEN	128
#define ROOT_NAME	"sealkey TEST metadata root"
#define CA_NAME		"sealkey TEST metadata CA"
#define SIGNER_NAME	"sealkey TEST metadata signer"
#define DAY_S		86400LL
#define SIGNER_DAYS	365
#define RSA_BITS	2048

struct mds_authority {
	int		 dirfd;		/* -1: in memory */
	char		 path[PATH_MAX];	/* for messages */
	X509		*root, *ca;
	EVP_PKEY	*root_key;	/* NULL: it was brought */
	EVP_PKEY	*ca_key;
	uint64_t	 no;		/* in memory */
	uint8_t		 digest[MDS_DIGEST_LEN];
};

static int
complain(const struct mds_authority *a, int error, char *msg, size_t msglen)
{
	snprintf(msg, msglen, "%s: %s", a->path, strerror(-error));
	return error;
}

static void
forget(struct mds_authority *a)
{
	X509_free(a->root);
	X509_free(a->ca);
	EVP_PKEY_free(a->root_key);
	EVP_PKEY_free(a->ca_key);
	a->root = a->ca = NULL;
	a->root_key = a->ca_key = NULL;
}

/* Making one. */

static int
make_ca(struct mds_authority *a, EVP_PKEY *root_key, int64_t now_s)
{
	struct certificate_plan plan = {
		.kind = CERTIFICATE_INTERMEDIATE,
		.issuer = a->root,
		.issuer_key = root_key,
		.now_s = now_s,
		.name = CA_NAME,
	};

	plan.key = a->ca_key = EVP_EC_gen("P-256");
	return plan.key == NULL ? -EIO : certificate_make(&plan, &a->ca);
}

static int
make(struct mds_authority *a, int64_t now_s)
{
	struct certificate_plan plan = {
		.kind = CERTIFICATE_ROOT,
		.now_s = now_s,
		.name = ROOT_NAME,
	};
	int r;

	plan.key = plan.issuer_key = a->root_key = EVP_EC_gen("P-256");
	if (plan.key == NULL)
		return -EIO;
	r = certificate_make(&plan, &a->root);
	return r != 0 ? r : make_ca(a, a->root_key, now_s);
}

static int
bring(struct mds_authority *a, const struct attestation_root *brought,
    int64_t now_s, char *msg, size_t msglen)
{
	EVP_PKEY *key = NULL;
	const char *why;
	int r;

	forget(a);
	r = certificate_parse_root(brought->cert, brought->key, now_s,
	    &a->root, &key, &why);
	if (r != 0) {
		snprintf(msg, msglen, "the metadata root %s", why);
		return r;
	}
	r = make_ca(a, key, now_s);
	EVP_PKEY_free(key);
	return r != 0 ? complain(a, r, msg, msglen) : 0;
}

/* Its files. */

/* Locked by the caller. */
static int
replace(const struct mds_authority *a, const char *name, struct span bytes)
{
	char new[32];
	int r;

	snprintf(new, sizeof(new), "%s.new", name);
	if (unlinkat(a->dirfd, new, 0) == -1 && errno != ENOENT)
		return -errno;
	r = ca_file_create(a->dirfd, new, bytes);
	if (r == 0 && renameat(a->dirfd, new, a->dirfd, name) == -1)
		r = -errno;
	if (r == 0 && fsync(a->dirfd) == -1)
		r = -errno;
	return r;
}

static bool
put_key(BIO *bio, EVP_PKEY *key)
{
	return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL) == 1;
}

static int
keep(const struct mds_authority *a)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int r = -ENOMEM;

	if (bio != NULL && PEM_write_bio_X509(bio, a->root) == 1 &&
	    PEM_write_bio_X509(bio, a->ca) == 1 && put_key(bio, a->ca_key) &&
	    (a->root_key == NULL || put_key(bio, a->root_key))) {
		len = BIO_get_mem_data(bio, &pem);
		r = replace(a, FILE_NAME, span(pem, (size_t)len));
	}
	BIO_free(bio);
	return r;
}

/* NULL is as good as an error only for the last key. */
static bool
parse(struct mds_authority *a, const struct ca_file *f)
{
	BIO *bio = BIO_new_mem_buf(f->p, (int)f->len);
	bool ok;

	if (bio == NULL)
		return false;
	a->root = PEM_read_bio_X509(bio, NULL, x509_no_passphrase, NULL);
	a->ca = PEM_read_bio_X509(bio, NULL, x509_no_passphrase, NULL);
	a->ca_key = PEM_read_bio_PrivateKey(bio, NULL,
	    x509_no_passphrase, NULL);
	a->root_key = PEM_read_bio_PrivateKey(bio, NULL,
	    x509_no_passphrase, NULL);
	ok = a->root != NULL && a->ca != NULL && a->ca_key != NULL &&
	    X509_check_private_key(a->ca, a->ca_key) == 1 &&
	    X509_verify(a->ca, X509_get0_pubkey(a->root)) == 1 &&
	    (a->root_key == NULL ||
	    X509_check_private_key(a->root, a->root_key) == 1);
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

/* -ENOENT, without a line: there is none yet. */
static int
load(struct mds_authority *a, char *msg, size_t msglen)
{
	struct ca_file f = { NULL, 0, 0 };
	int r = ca_file_read(a->dirfd, FILE_NAME, FILE_MAX_LEN, &f);

	if (r == -ENOENT)
		return r;
	if (r != 0)
		return complain(a, r, msg, msglen);
	if (!parse(a, &f)) {
		snprintf(msg, msglen, "%s/%s is damaged: restore it, or remove "
		    "it to have another metadata root", a->path, FILE_NAME);
		r = -EUCLEAN;
	}
	ca_file_done(&f);
	return r;
}

static int
open_folder(struct mds_authority *a, const char *state, char *msg,
    size_t msglen)
{
	int n = snprintf(a->path, sizeof(a->path), "%s/%s", state, FOLDER);

	if (n < 0 || (size_t)n >= sizeof(a->path))
		return complain(a, -ENAMETOOLONG, msg, msglen);
	a->dirfd = paths_open_dir(a->path, true, msg, msglen);
	return a->dirfd < 0 ? a->dirfd : 0;
}

/* Locked: what is there, what is brought, or something new. */
static int
load_or_make(struct mds_authority *a, const struct attestation_root *brought,
    int64_t now_s, char *msg, size_t msglen)
{
	int r = brought != NULL ? -ENOENT : load(a, msg, msglen);

	if (r != -ENOENT)
		return r;
	if (brought != NULL)
		r = bring(a, brought, now_s, msg, msglen);
	else if ((r = make(a, now_s)) != 0)
		complain(a, r, msg, msglen);
	if (r == 0 && (r = keep(a)) != 0)
		complain(a, r, msg, msglen);
	return r;
}

static int
open_files(struct mds_authority *a, const char *state,
    const struct attestation_root *brought, int64_t now_s, char *msg,
    size_t msglen)
{
	int r = open_folder(a, state, msg, msglen);

	if (r != 0)
		return r;
	if (flock(a->dirfd, LOCK_EX) == -1)
		return complain(a, -errno, msg, msglen);
	r = load_or_make(a, brought, now_s, msg, msglen);
	(void)flock(a->dirfd, LOCK_UN);
	if (r == 0 && certificate_expiry(a->ca) <= now_s) {
		snprintf(msg, msglen, "%s: the metadata root has expired: "
		    "bring another one", a->path);
		r = -EKEYEXPIRED;
	}
	return r;
}

int
mds_authority_open(const char *state, const struct attestation_root *brought,
    int64_t now_s, struct mds_authority **out, char *msg, size_t msglen)
{
	struct mds_authority *a = calloc(1, sizeof(*a));
	int r;

	if (a == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	a->dirfd = -1;
	snprintf(a->path, sizeof(a->path), "the metadata authority");
	if (state != NULL)
		r = open_files(a, state, brought, now_s, msg, msglen);
	else if (brought != NULL)
		r = bring(a, brought, now_s, msg, msglen);
	else if ((r = make(a, now_s)) != 0)
		complain(a, r, msg, msglen);
	ERR_clear_error();
	if (r != 0) {
		mds_authority_free(a);
		return r;
	}
	*out = a;
	return 0;
}

void
mds_authority_free(struct mds_authority *a)
{
	if (a == NULL)
		return;
	if (a->dirfd >= 0)
		close(a->dirfd);
	forget(a);
	free(a);
}

/* What it is known by. */

X509 *
mds_authority_root(const struct mds_authority *a)
{
	return a->root;
}

X509 *
mds_authority_ca(const struct mds_authority *a)
{
	return a->ca;
}

char *
mds_authority_root_pem(const struct mds_authority *a)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem, *copy = NULL;
	long len;

	if (bio != NULL && PEM_write_bio_X509(bio, a->root) == 1) {
		len = BIO_get_mem_data(bio, &pem);
		copy = strndup(pem, (size_t)len);
	}
	BIO_free(bio);
	return copy;
}

int
mds_authority_crl(const struct mds_authority *a, enum attestation_ca which,
    int64_t now_s, uint8_t **out, size_t *len)
{
	bool root = which == ATTESTATION_CA_ROOT;

	if (root && a->root_key == NULL)
		return -ENOKEY;
	return crl_make(root ? a->root : a->ca, root ? a->root_key :
	    a->ca_key, now_s, out, len);
}

/* The number. */

/* "12 6cf6...\n", or nothing yet. */
static bool
take_number(const char *text, uint64_t *no,
    char digest[static 2 * MDS_DIGEST_LEN + 1])
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || errno != 0 || *end != ' ' ||
	    n > INT64_MAX - 1 || strspn(end + 1, "0123456789abcdef") !=
	    2 * MDS_DIGEST_LEN || strcmp(end + 1 + 2 * MDS_DIGEST_LEN, "\n")
	    != 0)
		return false;
	*no = n;
	memcpy(digest, end + 1, 2 * MDS_DIGEST_LEN);
	digest[2 * MDS_DIGEST_LEN] = '\0';
	return true;
}

static int
read_number(const struct mds_authority *a, uint64_t *no,
    char digest[static 2 * MDS_DIGEST_LEN + 1], char *msg, size_t msglen)
{
	struct ca_file f = { NULL, 0, 0 };
	char text[NUMBER_MAX_LEN + 1];
	bool ok;
	int r = ca_file_read(a->dirfd, NUMBER_NAME, NUMBER_MAX_LEN, &f);

	*no = 0;
	digest[0] = '\0';
	if (r == -ENOENT)
		return 0;
	if (r != 0)
		return complain(a, r, msg, msglen);
	memcpy(text, f.p, f.len);
	text[f.len] = '\0';
	ok = strlen(text) == f.len && take_number(text, no, digest);
	ca_file_done(&f);
	if (ok)
		return 0;
	snprintf(msg, msglen, "%s/%s is damaged: remove it to begin with 1 "
	    "again", a->path, NUMBER_NAME);
	return -EUCLEAN;
}

static int
next_number(struct mds_authority *a, const char *digest, uint64_t least,
    uint64_t *no, char *msg, size_t msglen)
{
	char last[2 * MDS_DIGEST_LEN + 1], line[NUMBER_MAX_LEN];
	int len, r;

	r = read_number(a, no, last, msg, msglen);
	if (r != 0 || (strcmp(last, digest) == 0 && *no >= least))
		return r;
	*no = *no + 1 > least ? *no + 1 : least;
	len = snprintf(line, sizeof(line), "%" PRIu64 " %s\n", *no, digest);
	r = replace(a, NUMBER_NAME, span(line, (size_t)len));
	return r != 0 ? complain(a, r, msg, msglen) : 0;
}

int
mds_authority_number(struct mds_authority *a,
    const uint8_t digest[static MDS_DIGEST_LEN], uint64_t least,
    uint64_t *no, char *msg, size_t msglen)
{
	char text[2 * MDS_DIGEST_LEN + 1];
	int r;

	if (a->dirfd < 0) {
		if (a->no == 0 || a->no < least ||
		    memcmp(a->digest, digest, MDS_DIGEST_LEN) != 0)
			a->no = a->no + 1 > least ? a->no + 1 : least;
		memcpy(a->digest, digest, MDS_DIGEST_LEN);
		*no = a->no;
		return 0;
	}
	hex_encode(span(digest, MDS_DIGEST_LEN), text);
	if (flock(a->dirfd, LOCK_EX) == -1)
		return complain(a, -errno, msg, msglen);
	r = next_number(a, text, least, no, msg, msglen);
	(void)flock(a->dirfd, LOCK_UN);
	return r;
}

/* Signers. */

static bool
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool
set_serial(X509 *x, bool revoked)
{
	uint8_t serial[X509_SERIAL_LEN];

	if (!x509_random_serial(serial))
		return false;
	if (revoked)
		memcpy(serial, crl_revoked_serial, sizeof(serial));
	return x509_set_serial(x, span(serial, sizeof(serial)));
}

static bool
set_times(X509 *x, const struct mds_signer_plan *plan)
{
	int64_t from_s = plan->now_s - DAY_S;
	int64_t until_s = plan->now_s + SIGNER_DAYS * DAY_S;

	if (plan->flaws & SIGNER_EXPIRED) {
		from_s -= SIGNER_DAYS * DAY_S;
		until_s = plan->now_s - DAY_S;
	} else if (plan->flaws & SIGNER_NOT_YET) {
		from_s = plan->now_s + SIGNER_DAYS * DAY_S / 2;
	}
	return x509_set_validity(x, from_s, until_s);
}

static bool
set_name(X509 *x)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_NAME_add_entry_by_NID(name, NID_countryName,
	    V_ASN1_PRINTABLESTRING, (const uint8_t *)"SE", -1, -1, 0) == 1 &&
	    X509_NAME_add_entry_by_NID(name, NID_organizationName,
	    V_ASN1_UTF8STRING, (const uint8_t *)"sealkey", -1, -1, 0) == 1 &&
	    X509_NAME_add_entry_by_NID(name, NID_commonName,
	    V_ASN1_UTF8STRING, (const uint8_t *)SIGNER_NAME, -1, -1, 0) == 1;
}

static bool
set_extensions(X509 *x, X509 *issuer, const char *crl_url)
{
	char uri[1024];

	if (!add_extension(x, issuer, NID_basic_constraints,
	    "critical,CA:FALSE") || !add_extension(x, issuer, NID_key_usage,
	    "critical,digitalSignature") || !add_extension(x, issuer,
	    NID_subject_key_identifier, "hash"))
		return false;
	if (X509_get0_subject_key_id(issuer) != NULL && !add_extension(x,
	    issuer, NID_authority_key_identifier, "keyid"))
		return false;
	if (crl_url == NULL)
		return true;
	snprintf(uri, sizeof(uri), "URI:%s", crl_url);
	return add_extension(x, issuer, NID_crl_distribution_points, uri);
}

/* issuer_key signs it, whosever name that is in. */
static int
make_cert(const struct mds_signer_plan *plan, EVP_PKEY *key, X509 *issuer,
    EVP_PKEY *issuer_key, X509 **out)
{
	X509 *x = X509_new();

	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    set_serial(x, plan->flaws & SIGNER_REVOKED) &&
	    set_times(x, plan) && set_name(x) && X509_set_issuer_name(x,
	    X509_get_subject_name(issuer != NULL ? issuer : x)) == 1 &&
	    X509_set_pubkey(x, key) == 1 && set_extensions(x,
	    issuer != NULL ? issuer : x, plan->crl_url) &&
	    X509_sign(x, issuer_key, EVP_sha256()) > 0) {
		*out = x;
		return 0;
	}
	X509_free(x);
	return -EIO;
}

/* Below an authority that is there for this one signer. */
static int
make_elsewhere(const struct mds_signer_plan *plan, struct mds_signer *out)
{
	struct mds_signer_plan honest = *plan;
	struct mds_authority other = { .dirfd = -1 };
	int r = make(&other, plan->now_s);

	honest.flaws &= ~(unsigned)SIGNER_ANOTHER_ROOT;
	if (r == 0)
		r = mds_signer_make(&other, &honest, out);
	forget(&other);
	return r;
}

int
mds_signer_make(const struct mds_authority *a,
    const struct mds_signer_plan *plan, struct mds_signer *out)
{
	EVP_PKEY *stranger = NULL, *by = a->ca_key;
	X509 *issuer = a->ca;
	int r = -EIO;

	*out = (struct mds_signer){ .count = 0 };
	if (plan->flaws & SIGNER_ANOTHER_ROOT)
		return make_elsewhere(plan, out);
	out->key = plan->rsa ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
	if (plan->flaws & SIGNER_FORGED)
		by = stranger = EVP_EC_gen("P-256");
	if (plan->flaws & SIGNER_SELF_SIGNED) {
		by = out->key;
		issuer = NULL;
	}
	if (out->key != NULL && by != NULL)
		r = make_cert(plan, out->key, issuer, by, &out->cert[0]);
	if (r == 0 && issuer != NULL && X509_up_ref(issuer) == 1)
		out->cert[1] = issuer;
	out->count = r == 0 ? (size_t)1 + (out->cert[1] != NULL) : 0;
	EVP_PKEY_free(stranger);
	ERR_clear_error();
	if (r != 0)
		mds_signer_done(out);
	return r;
}

void
mds_signer_done(struct mds_signer *s)
{
	for (size_t i = 0; i < 2; i++)
		X509_free(s->cert[i]);
	EVP_PKEY_free(s->key);
	*s = (struct mds_signer){ .count = 0 };
}
