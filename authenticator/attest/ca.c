/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. A challenge leaves the directory before its answer is judged, so that
 *     no two answers are.
 *  2. A line is in the log before what it tells of is handed out.
 */
#include "authenticator/attest/ca.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "authenticator/audit.h"
#include "authenticator/attest/ca_file.h"
#include "authenticator/attest/ca_tpm.h"
#include "authenticator/attest/x509.h"
#include "authenticator/hex.h"
#include "authenticator/paths.h"

#define ROOT_CERT	"root.pem"
#define ROOT_KEY	"root.key"
#define CA_CERT		"ca.pem"
#define CA_KEY		"ca.key"
#define PENDING		"pending"

#define PENDING_NAME_LEN (ENROL_ID_LEN + sizeof(".json") - 1)
#define LATE_S		86400	/* that a late answer is told that it is */

#define NAME_MAX_LEN	40	/* bytes; X.520 ends at 64 */
#define PEM_MAX		16384	/* bytes, a file of ours */
#define HASH_LEN	32	/* bytes, SHA-256 */
#define HASH_HEX	(2 * HASH_LEN + 1)

struct ca {
	int		 dirfd;
	int		 pendingfd;
	X509		*cert;		/* that signs AKs */
	EVP_PKEY	*key;
};

static int
complain(char *msg, size_t msglen, int error, const char *what)
{
	snprintf(msg, msglen, "%s: %s", what, strerror(-error));
	return error;
}

static bool
hash_hex(struct span bytes, char out[static HASH_HEX])
{
	uint8_t md[HASH_LEN];

	if (EVP_Digest(bytes.p, bytes.len, md, NULL, EVP_sha256(), NULL) != 1)
		return false;
	hex_encode(span(md, sizeof(md)), out);
	return true;
}

/* Takes j. */
static int
audit(struct ca *ca, json_t *j, char *msg, size_t msglen)
{
	int r = audit_append(ca->dirfd, j);

	return r == 0 ? 0 : complain(msg, msglen, r, AUDIT_NAME);
}

/* A refusal: logged and told. The log comes second to the refusal. */
static int
refuse(struct ca *ca, const char *what, const char *subject, const char *why,
    char *msg, size_t msglen)
{
	char ignored[CA_MESSAGE_LEN];

	snprintf(msg, msglen, "%s %s", subject, why);
	(void)audit(ca, json_pack("{s:s, s:s, s:s}", "event", "refused",
	    "what", what, "why", msg), ignored, sizeof(ignored));
	return -EACCES;
}

/* Making one. */

static int
write_pem(int dirfd, const char *name, X509 *cert, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int r = -ENOMEM;

	if (bio != NULL && (cert != NULL ? PEM_write_bio_X509(bio, cert) :
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL)) == 1) {
		len = BIO_get_mem_data(bio, &pem);
		r = ca_file_create(dirfd, name, span(pem, (size_t)len));
	}
	BIO_free(bio);
	return r;
}

struct making {
	EVP_PKEY	*root_key, *key;
	X509		*root, *cert;
};

static int
make(struct making *m, const char *name, int64_t now_s)
{
	char root_name[NAME_MAX_LEN + 16], ca_name[NAME_MAX_LEN + 16];
	struct certificate_plan plan = { .kind = CERTIFICATE_ROOT,
		.now_s = now_s, .name = root_name };
	int r;

	snprintf(root_name, sizeof(root_name), "%s root", name);
	snprintf(ca_name, sizeof(ca_name), "%s AK CA", name);
	m->root_key = EVP_EC_gen("P-256");
	m->key = EVP_EC_gen("P-256");
	if (m->root_key == NULL || m->key == NULL)
		return -EIO;
	plan.key = plan.issuer_key = m->root_key;
	r = certificate_make(&plan, &m->root);
	if (r != 0)
		return r;
	plan.kind = CERTIFICATE_INTERMEDIATE;
	plan.name = ca_name;
	plan.key = m->key;
	plan.issuer = m->root;
	return certificate_make(&plan, &m->cert);
}

/* The root's certificate last: who finds it finds everything. */
static int
keep(int dirfd, const struct making *m)
{
	int r;

	if (mkdirat(dirfd, PENDING, 0700) == -1)
		return -errno;
	r = write_pem(dirfd, ROOT_KEY, NULL, m->root_key);
	if (r == 0)
		r = write_pem(dirfd, CA_KEY, NULL, m->key);
	if (r == 0)
		r = write_pem(dirfd, CA_CERT, m->cert, NULL);
	if (r == 0)
		r = write_pem(dirfd, ROOT_CERT, m->root, NULL);
	return r;
}

static bool
name_is_good(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (name[i] < ' ' || name[i] > '~')
			return false;
	return len > 0 && len <= NAME_MAX_LEN;
}

int
ca_init(const char *path, const char *name, int64_t now_s, char *msg,
    size_t msglen)
{
	struct making m = { NULL, NULL, NULL, NULL };
	int dirfd, r;

	if (!name_is_good(name)) {
		snprintf(msg, msglen, "a CA's name has 1 to %d printable "
		    "ASCII characters", NAME_MAX_LEN);
		return -EINVAL;
	}
	dirfd = paths_open_dir(path, true, msg, msglen);
	if (dirfd < 0)
		return dirfd;
	r = make(&m, name, now_s);
	if (r == 0)
		r = keep(dirfd, &m);
	if (r == -EEXIST)
		snprintf(msg, msglen, "%s: there is a CA already, or half of "
		    "one", path);
	else if (r != 0)
		complain(msg, msglen, r, path);
	EVP_PKEY_free(m.root_key);
	EVP_PKEY_free(m.key);
	X509_free(m.root);
	X509_free(m.cert);
	ERR_clear_error();
	close(dirfd);
	return r;
}

/* Opening one. */

static EVP_PKEY *
parse_key(const struct ca_file *f)
{
	BIO *bio = BIO_new_mem_buf(f->p, (int)f->len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL,
	    x509_no_passphrase, NULL) : NULL;

	BIO_free(bio);
	return key;
}

static int
open_keys(struct ca *ca)
{
	struct ca_file cert = { NULL, 0, 0 }, key = { NULL, 0, 0 };
	size_t count = 0;
	int r;

	r = ca_file_read(ca->dirfd, CA_CERT, PEM_MAX, &cert);
	if (r == 0)
		r = ca_file_read(ca->dirfd, CA_KEY, PEM_MAX, &key);
	if (r != 0)
		goto out;
	r = -EUCLEAN;
	if (certificate_parse_chain(span(cert.p, cert.len), &ca->cert, 1,
	    &count) != NULL)
		goto out;
	ca->key = parse_key(&key);
	if (ca->key != NULL && X509_check_private_key(ca->cert, ca->key) == 1)
		r = 0;
out:
	ERR_clear_error();
	ca_file_done(&cert);
	ca_file_done(&key);
	return r;
}

int
ca_open(const char *path, struct ca **out, char *msg, size_t msglen)
{
	struct ca *ca = calloc(1, sizeof(*ca));
	int r;

	if (ca == NULL)
		return complain(msg, msglen, -ENOMEM, path);
	ca->pendingfd = -1;
	r = ca->dirfd = paths_open_dir(path, false, msg, msglen);
	if (r < 0)
		goto out;
	r = open_keys(ca);
	if (r == 0) {
		ca->pendingfd = openat(ca->dirfd, PENDING, O_RDONLY |
		    O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (ca->pendingfd == -1)
			r = -errno;
	}
	if (r == -ENOENT)
		snprintf(msg, msglen, "%s: there is no CA here (\"sealkey ca "
		    "init\" makes one)", path);
	else if (r == -EUCLEAN)
		snprintf(msg, msglen, "%s: ca.pem and ca.key are damaged, or "
		    "do not belong together", path);
	else if (r != 0)
		complain(msg, msglen, r, path);
out:
	if (r < 0) {
		ca_close(ca);
		return r;
	}
	*out = ca;
	return 0;
}

/* What it signs would be as useless as what it is signed by. */
static int
check_validity(const struct ca *ca, int64_t now_s, char *msg, size_t msglen)
{
	if (certificate_expiry(ca->cert) > now_s)
		return 0;
	snprintf(msg, msglen, "the CA's own certificate has expired");
	return -EKEYEXPIRED;
}

void
ca_close(struct ca *ca)
{
	if (ca == NULL)
		return;
	if (ca->dirfd >= 0)
		close(ca->dirfd);
	if (ca->pendingfd >= 0)
		close(ca->pendingfd);
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	free(ca);
}

/* Challenges that are not answered yet. */

struct pending {
	json_t		*root;		/* owns what is below */
	const char	*secret_hash;
	const char	*name;
	const char	*ek_hash;
	json_int_t	 expires_s;
	struct enrol_bytes ak;
	struct certificate_tpm tpm;
};

static bool
parse_pending(const struct ca_file *f, struct pending *p)
{
	const char *public, *manufacturer, *model, *version;

	p->root = json_loadb((const char *)f->p, f->len,
	    JSON_REJECT_DUPLICATES, NULL);
	if (p->root == NULL || json_unpack_ex(p->root, NULL, JSON_STRICT,
	    "{s:s, s:s, s:s, s:I, s:s, s:{s:s, s:s, s:s}}", "secret",
	    &p->secret_hash, "name", &p->name, "public", &public, "expires",
	    &p->expires_s, "ekCertificate", &p->ek_hash, "tpm",
	    "manufacturer", &manufacturer, "model", &model, "version",
	    &version) != 0)
		return false;
	snprintf(p->tpm.manufacturer, sizeof(p->tpm.manufacturer), "%s",
	    manufacturer);
	snprintf(p->tpm.model, sizeof(p->tpm.model), "%s", model);
	snprintf(p->tpm.version, sizeof(p->tpm.version), "%s", version);
	return enrol_base64(public, KEY_PUB_AREA_MAX, &p->ak);
}

static void
pending_name(const char *id, char out[static PENDING_NAME_LEN + 1])
{
	snprintf(out, PENDING_NAME_LEN + 1, "%.*s.json", ENROL_ID_LEN, id);
}

static bool
is_late(struct ca *ca, const char *name, int64_t now_s)
{
	struct ca_file f = { NULL, 0, 0 };
	struct pending p = { .root = NULL };
	bool late;

	late = strlen(name) == PENDING_NAME_LEN &&
	    ca_file_read(ca->pendingfd, name, ENROL_TEXT_MAX, &f) == 0 &&
	    parse_pending(&f, &p) && p.expires_s <= now_s - LATE_S;
	json_decref(p.root);
	ca_file_done(&f);
	return late;
}

/* Nobody is going to answer them any more. Not to be able to harms nobody. */
static void
sweep(struct ca *ca, int64_t now_s)
{
	int fd = openat(ca->pendingfd, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (is_late(ca, e->d_name, now_s))
			(void)unlinkat(ca->pendingfd, e->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

/* Challenges. */

/* A request, taken apart, and whom of its EKs to believe. */
struct applicant {
	struct enrol_request	 req;
	struct ca_public	 ak, ek;
	unsigned		 ek_index;
	struct certificate_tpm	 tpm;
};

/*
 * The first EK with a certificate that is as it should be; if there is none,
 * why the last one is not.
 */
static const char *
judge_eks(struct applicant *a, struct ca_roots roots, int64_t now_s,
    const char **subject)
{
	const char *why = "has no endorsement key with a certificate";

	*subject = "the request";
	for (unsigned i = 0; i < ENROL_EKS; i++) {
		struct enrol_bytes *public = &a->req.ek[i].public;
		struct enrol_bytes *cert = &a->req.ek[i].certificate;

		if (cert->len == 0)
			continue;
		*subject = "the endorsement key";
		why = ca_public_parse(span(public->p, public->len), &a->ek);
		if (why == NULL)
			why = ca_judge_ek(&a->ek);
		if (why == NULL) {
			*subject = "the endorsement key's certificate";
			why = ca_judge_ek_certificate(span(cert->p,
			    cert->len), &a->ek, roots.cert, roots.count,
			    now_s, &a->tpm);
		}
		a->ek_index = i;
		if (why == NULL)
			return NULL;
		ca_public_done(&a->ek);
	}
	return why;
}

static const char *
judge_request(struct applicant *a, struct span request,
    struct ca_roots roots, int64_t now_s, const char **subject)
{
	const char *why;

	*subject = "the request";
	why = enrol_request_parse(request, &a->req);
	if (why != NULL)
		return why;
	*subject = "the attestation key";
	why = ca_public_parse(span(a->req.ak.p, a->req.ak.len), &a->ak);
	if (why == NULL)
		why = ca_judge_ak(&a->ak);
	return why != NULL ? why : judge_eks(a, roots, now_s, subject);
}

/* What the answer is judged by; not the secret itself. */
static json_t *
pending_json(const struct applicant *a, const struct enrol_challenge *c,
    const char *secret_hash, const char *ek_hash)
{
	return json_pack("{s:s, s:s, s:o, s:I, s:s, s:{s:s, s:s, s:s}}",
	    "secret", secret_hash, "name", c->name, "public",
	    enrol_base64_json(span(a->req.ak.p, a->req.ak.len)), "expires",
	    (json_int_t)c->expires_s, "ekCertificate", ek_hash, "tpm",
	    "manufacturer", a->tpm.manufacturer, "model", a->tpm.model,
	    "version", a->tpm.version);
}

/* Takes j. */
static int
write_pending(struct ca *ca, const char *id, json_t *j)
{
	char name[PENDING_NAME_LEN + 1];
	char *text = j != NULL ? json_dumps(j, 0) : NULL;
	int r = -ENOMEM;

	json_decref(j);
	pending_name(id, name);
	if (text != NULL)
		r = ca_file_create(ca->pendingfd, name, span_str(text));
	free(text);
	return r;
}

static int
make_challenge(struct ca *ca, const struct applicant *a, int64_t now_s,
    int64_t lifetime_s, struct enrol_challenge *out, char *msg,
    size_t msglen)
{
	uint8_t secret[CA_SECRET_LEN], id[ENROL_ID_LEN / 2];
	char secret_hash[HASH_HEX], ek_hash[HASH_HEX];
	const struct enrol_bytes *cert = &a->req.ek[a->ek_index].certificate;
	struct ca_credential cred;
	int r = -EIO;

	memset(out, 0, sizeof(*out));
	if (RAND_bytes(secret, sizeof(secret)) != 1 ||
	    RAND_bytes(id, sizeof(id)) != 1 ||
	    !hash_hex(span(secret, sizeof(secret)), secret_hash) ||
	    !hash_hex(span(cert->p, cert->len), ek_hash) ||
	    ca_make_credential(&a->ek, span(a->ak.name, a->ak.name_len),
	    secret, &cred) != 0)
		goto out;
	hex_encode(span(id, sizeof(id)), out->id);
	hex_encode(span(a->ak.name, a->ak.name_len), out->name);
	memcpy(out->alg, a->req.alg, sizeof(out->alg));
	out->ek = a->ek_index;
	out->expires_s = now_s + lifetime_s;
	out->blob.len = cred.blob_len;
	memcpy(out->blob.p, cred.blob, cred.blob_len);
	out->seed.len = cred.seed_len;
	memcpy(out->seed.p, cred.seed, cred.seed_len);
	r = write_pending(ca, out->id, pending_json(a, out, secret_hash,
	    ek_hash));
out:
	explicit_bzero(secret, sizeof(secret));
	if (r != 0)
		return complain(msg, msglen, r, "the challenge");
	return audit(ca, json_pack("{s:s, s:s, s:s, s:s, s:I}", "event",
	    "challenged", "id", out->id, "ak", out->name, "ekCertificate",
	    ek_hash, "expires", (json_int_t)out->expires_s), msg, msglen);
}

int
ca_challenge(struct ca *ca, struct span request, struct ca_roots roots,
    int64_t now_s, int64_t lifetime_s, struct enrol_challenge *out, char *msg,
    size_t msglen)
{
	int r = check_validity(ca, now_s, msg, msglen);
	const char *subject, *why;
	struct applicant *a;

	if (r != 0)
		return r;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return complain(msg, msglen, -ENOMEM, "the challenge");
	sweep(ca, now_s);
	why = judge_request(a, request, roots, now_s, &subject);
	if (why != NULL)
		r = refuse(ca, "request", subject, why, msg, msglen);
	else
		r = make_challenge(ca, a, now_s, lifetime_s, out, msg,
		    msglen);
	ca_public_done(&a->ak);
	ca_public_done(&a->ek);
	free(a);
	return r;
}

/* Answers. */

/* Takes the challenge out of the directory; NULL, or what is wrong. */
static const char *
take_pending(struct ca *ca, const char *id, struct pending *out)
{
	struct ca_file f = { NULL, 0, 0 };
	char name[PENDING_NAME_LEN + 1];
	const char *why = NULL;
	int r;

	pending_name(id, name);
	r = ca_file_read(ca->pendingfd, name, ENROL_TEXT_MAX, &f);
	if (r == 0)
		r = ca_file_remove(ca->pendingfd, name);
	if (r == -ENOENT)
		why = "is to no challenge of this CA, or to one that was "
		    "answered before";
	else if (r != 0)
		why = "is to a challenge that cannot be taken from the CA's "
		    "directory";
	else if (!parse_pending(&f, out))
		why = "is to a challenge whose file is damaged";
	ca_file_done(&f);
	return why;
}

static const char *
judge_answer(const struct enrol_answer *answer, const struct pending *p,
    int64_t now_s)
{
	char hash[HASH_HEX];

	if (p->expires_s <= now_s)
		return "is too late: its challenge has expired";
	if (answer->secret.len != CA_SECRET_LEN ||
	    !hash_hex(span(answer->secret.p, answer->secret.len), hash) ||
	    strlen(p->secret_hash) != HASH_HEX - 1 ||
	    CRYPTO_memcmp(hash, p->secret_hash, HASH_HEX - 1) != 0)
		return "is wrong: this is not the secret that was sealed to "
		    "the TPM";
	return NULL;
}

static char *
chain_pem(X509 *leaf, X509 *ca)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL, *p;
	long len;

	if (bio != NULL && PEM_write_bio_X509(bio, leaf) == 1 &&
	    PEM_write_bio_X509(bio, ca) == 1) {
		len = BIO_get_mem_data(bio, &p);
		pem = strndup(p, (size_t)len);
	}
	BIO_free(bio);
	return pem;
}

static int
log_issued(struct ca *ca, const struct pending *p, X509 *leaf,
    const char *id, char *msg, size_t msglen)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
	char *serial = bn != NULL ? BN_bn2hex(bn) : NULL;
	int r;

	BN_free(bn);
	r = audit(ca, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I}",
	    "event", "issued", "id", id, "ak", p->name, "ekCertificate",
	    p->ek_hash, "manufacturer", p->tpm.manufacturer, "serial",
	    serial != NULL ? serial : "", "expires",
	    (json_int_t)certificate_expiry(leaf)), msg, msglen);
	OPENSSL_free(serial);
	return r;
}

static int
sign(struct ca *ca, const struct pending *p, const char *id, int64_t now_s,
    int64_t valid_s, char **pem, char *msg, size_t msglen)
{
	struct certificate_plan plan = { .kind = CERTIFICATE_AK,
		.issuer = ca->cert, .issuer_key = ca->key, .now_s = now_s,
		.tpm = &p->tpm, .valid_s = valid_s };
	struct ca_public ak;
	X509 *leaf = NULL;
	char *text = NULL;
	int r = -EIO;

	if (ca_public_parse(span(p->ak.p, p->ak.len), &ak) == NULL) {
		plan.key = ak.key;
		r = certificate_make(&plan, &leaf);
		ca_public_done(&ak);
	}
	if (r == 0) {
		text = chain_pem(leaf, ca->cert);
		r = text != NULL ? 0 : -ENOMEM;
	}
	if (r != 0)
		complain(msg, msglen, r, "the certificate");
	else
		r = log_issued(ca, p, leaf, id, msg, msglen);
	if (r == 0)
		*pem = text;
	else
		free(text);
	X509_free(leaf);
	return r;
}

int
ca_issue(struct ca *ca, struct span answer_text, uint32_t manufacturer,
    int64_t now_s, int64_t valid_s, char **pem, char *msg, size_t msglen)
{
	struct pending p = { .root = NULL };
	struct enrol_answer answer;
	int r = check_validity(ca, now_s, msg, msglen);
	const char *why;

	if (r != 0)
		return r;
	why = enrol_answer_parse(answer_text, &answer);
	if (why == NULL)
		why = take_pending(ca, answer.id, &p);
	if (why == NULL)
		why = judge_answer(&answer, &p, now_s);
	if (why != NULL) {
		r = refuse(ca, "answer", "the answer", why, msg, msglen);
	} else {
		if (manufacturer != 0)
			certificate_tpm_id(manufacturer, p.tpm.manufacturer);
		r = sign(ca, &p, answer.id, now_s, valid_s, pem, msg, msglen);
	}
	explicit_bzero(&answer, sizeof(answer));
	json_decref(p.root);
	return r;
}
