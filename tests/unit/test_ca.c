/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA: whose endorsement certificates it believes, and that a challenge is
 * good for one answer. TPMs are keys of OpenSSL's here, and their makers too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/x509v3.h>
#include <tss2/tss2_mu.h>

#include "authenticator/attest/ca.h"
#include "authenticator/attest/ca_tpm.h"
#include "tests/store_fixture.h"

#define NOW_S		1800000000LL
#define DAY_S		86400LL
#define YEAR_S		(365 * DAY_S)
#define BOUND		(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | \
			 TPMA_OBJECT_SENSITIVEDATAORIGIN | \
			 TPMA_OBJECT_RESTRICTED)

/* The extensions of certificates, as OpenSSL's configuration has them. */
#define SAN	"subjectAltName = critical, dirName:tpm\n"
#define TPM	"[tpm]\na.2.23.133.2.1 = id:49424D00\n" \
		"b.2.23.133.2.2 = model\nc.2.23.133.2.3 = id:00000001\n"
#define NO_CA	"basicConstraints = critical, CA:FALSE\n"
#define A_CA	"[x]\nbasicConstraints = critical, CA:TRUE\n" \
		"keyUsage = critical, keyCertSign\n"
#define AGREES	"keyUsage = critical, keyAgreement\n"
#define FOR_EK	"extendedKeyUsage = 2.23.133.8.1\n"
#define GOOD	"[x]\n" NO_CA AGREES FOR_EK SAN TPM

struct made {
	X509		*cert;
	EVP_PKEY	*key;
};

static void
made_done(struct made *m)
{
	X509_free(m->cert);
	EVP_PKEY_free(m->key);
}

/* m->key is taken if there is one. issuer NULL: itself. */
static void
make(struct made *m, const struct made *issuer, const char *name,
    const char *extensions, int64_t from_s, int64_t until_s)
{
	const struct made *by = issuer != NULL ? issuer : m;
	CONF *conf = NCONF_new(NULL);
	BIO *bio = BIO_new_mem_buf(extensions, -1);
	X509V3_CTX ctx;

	if (m->key == NULL)
		m->key = EVP_EC_gen("P-256");
	m->cert = X509_new();
	X509_set_version(m->cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(m->cert), 7);
	ASN1_TIME_set(X509_getm_notBefore(m->cert), from_s);
	ASN1_TIME_set(X509_getm_notAfter(m->cert), until_s);
	if (name != NULL)
		X509_NAME_add_entry_by_NID(X509_get_subject_name(m->cert),
		    NID_commonName, V_ASN1_UTF8STRING, (const uint8_t *)name,
		    -1, -1, 0);
	X509_set_issuer_name(m->cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(m->cert, m->key);
	assert_int_equal(NCONF_load_bio(conf, bio, NULL), 1);
	X509V3_set_ctx(&ctx, by->cert, m->cert, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	assert_int_equal(X509V3_EXT_add_nconf(conf, &ctx, "x", m->cert), 1);
	assert_true(X509_sign(m->cert, by->key, EVP_sha256()) > 0);
	BIO_free(bio);
	NCONF_free(conf);
}

static struct enrol_bytes
der_of(X509 *x)
{
	struct enrol_bytes out = { .len = 0 };
	uint8_t *p = out.p;

	assert_true(i2d_X509(x, NULL) <= (int)sizeof(out.p));
	out.len = (size_t)i2d_X509(x, &p);
	return out;
}

static TPM2B_ECC_PARAMETER
coordinate(const EVP_PKEY *key, const char *name)
{
	TPM2B_ECC_PARAMETER out = { .size = 32 };
	BIGNUM *bn = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &bn), 1);
	assert_int_equal(BN_bn2binpad(bn, out.buffer, 32), 32);
	BN_free(bn);
	return out;
}

/* The TPMT_PUBLIC of a P-256 key that a TPM could have. */
static struct enrol_bytes
area_of(const EVP_PKEY *key, bool attests)
{
	TPMT_PUBLIC area = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = BOUND | (attests ?
		    TPMA_OBJECT_SIGN_ENCRYPT : TPMA_OBJECT_DECRYPT),
	};
	TPMS_ECC_PARMS *ecc = &area.parameters.eccDetail;
	struct enrol_bytes out = { .len = 0 };

	ecc->symmetric.algorithm = TPM2_ALG_NULL;
	ecc->scheme.scheme = TPM2_ALG_NULL;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	ecc->curveID = TPM2_ECC_NIST_P256;
	if (attests) {
		ecc->scheme.scheme = TPM2_ALG_ECDSA;
		ecc->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	} else {
		ecc->symmetric.algorithm = TPM2_ALG_AES;
		ecc->symmetric.keyBits.aes = 128;
		ecc->symmetric.mode.aes = TPM2_ALG_CFB;
	}
	area.unique.ecc.x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
	area.unique.ecc.y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
	assert_int_equal(Tss2_MU_TPMT_PUBLIC_Marshal(&area, out.p,
	    sizeof(out.p), &out.len), TSS2_RC_SUCCESS);
	return out;
}

/* Endorsement certificates. */

struct judged {
	const char	*why;		/* NULL: it is believed */
	const char	*leaf;		/* extensions */
	const char	*between;	/* those of who signed it */
	int64_t		 until_s;	/* that they are good */
	int64_t		 between_until_s;
	int64_t		 from_s;
};

static void
judge(const struct judged *j)
{
	struct made root = { NULL, NULL }, between = { NULL, NULL };
	struct made leaf = { NULL, NULL };
	struct ca_public ek = { .area.type = TPM2_ALG_ECC };
	struct certificate_tpm tpm;
	struct enrol_bytes der;
	int64_t from_s = j->from_s != 0 ? j->from_s : NOW_S - DAY_S;
	int64_t until_s = j->until_s != 0 ? j->until_s : NOW_S + DAY_S;
	X509 *roots[2];
	const char *why;

	make(&root, NULL, "root", A_CA, NOW_S - DAY_S, NOW_S + DAY_S);
	make(&between, &root, "between", j->between != NULL ? j->between :
	    A_CA, NOW_S - DAY_S, j->between_until_s != 0 ?
	    j->between_until_s : NOW_S + DAY_S);
	make(&leaf, &between, NULL, j->leaf != NULL ? j->leaf : GOOD, from_s,
	    until_s);
	roots[0] = root.cert;
	roots[1] = between.cert;
	ek.key = leaf.key;
	der = der_of(leaf.cert);
	why = ca_judge_ek_certificate(span(der.p, der.len), &ek, roots, 2,
	    NOW_S, &tpm);
	if (j->why == NULL) {
		assert_null(why);
		assert_string_equal(tpm.manufacturer, "id:49424D00");
		assert_string_equal(tpm.model, "model");
		assert_string_equal(tpm.version, "id:00000001");
	} else {
		assert_non_null(why);
		assert_string_equal(why, j->why);
	}
	made_done(&leaf);
	made_done(&between);
	made_done(&root);
}

#define ODD	"1.2.3.4 = critical, ASN1:NULL\n"
#define DIRECTORY "2.5.29.9 = critical, DER:30:00\n"

static void
endorsement_certificates_are_believed_or_not(void **state)
{
	static const char no_roots[] = "leads to none of the given roots";
	static const char no_name[] =
	    "does not name the TPM (subject alternative name)";
	static const char expired[] = "has expired, or who signed it has";
	static const char odd[] =
	    "has a critical extension that is not known here";
	static const char usage[] = "is not for such a key (key usage)";
	static const struct judged cases[] = {
		{ .why = NULL },
		{ .leaf = "[x]\n" NO_CA SAN TPM },
		{ .leaf = "[x]\n" NO_CA AGREES FOR_EK DIRECTORY SAN TPM },
		{ .why = expired, .until_s = NOW_S - 1 },
		{ .why = expired, .between_until_s = NOW_S - 1 },
		{ .why = "is not valid yet, or who signed it is not",
		    .from_s = NOW_S + 1 },
		{ .why = odd, .leaf = "[x]\n" NO_CA AGREES FOR_EK ODD SAN TPM },
		{ .why = odd,
		    .leaf = "[x]\n" NO_CA AGREES DIRECTORY ODD SAN TPM },
		{ .why = odd, .between = A_CA ODD },
		{ .why = odd, .between = A_CA DIRECTORY },
		{ .why = "is that of a CA",
		    .leaf = "[x]\nbasicConstraints = CA:TRUE\n"
		    AGREES FOR_EK SAN TPM },
		{ .why = usage, .leaf = "[x]\n" NO_CA
		    "keyUsage = digitalSignature\n" FOR_EK SAN TPM },
		{ .why = usage, .leaf = "[x]\n" NO_CA
		    "keyUsage = keyEncipherment\n" FOR_EK SAN TPM },
		{ .why = "is not for an endorsement key (extended key usage)",
		    .leaf = "[x]\n" NO_CA AGREES
		    "extendedKeyUsage = 2.23.133.8.3\n" SAN TPM },
		{ .why = no_roots, .between = "[x]\n" NO_CA },
		{ .why = no_roots, .between = "[x]\n"
		    "basicConstraints = critical, CA:TRUE\n"
		    "keyUsage = critical, digitalSignature\n" },
		{ .why = no_name, .leaf = "[x]\n" NO_CA AGREES FOR_EK },
		{ .why = no_name,
		    .leaf = "[x]\n" NO_CA "subjectAltName = DNS:tpm\n" },
		{ .why = no_name, .leaf = "[x]\n" NO_CA SAN "[tpm]\n"
		    "a.2.23.133.2.1 = id:49424D00\nb.2.23.133.2.2 = model\n" },
		{ .why = no_name, .leaf = "[x]\n" NO_CA SAN "[tpm]\n"
		    "a.2.23.133.2.1 = id:49424D00AA\nb.2.23.133.2.2 = m\n"
		    "c.2.23.133.2.3 = id:00000001\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("case %zu\n", i);
		judge(&cases[i]);
	}
}

/* A CA, and a TPM that wants something of it. */

struct fixture {
	struct scratch	 dir;
	char		 path[96];
	struct ca	*ca;
	struct made	 maker, ek, ak;
	char		*request;
	char		 msg[CA_MESSAGE_LEN];
};

static char *
text_of(json_t *json)
{
	char *text = json_dumps(json, 0);

	assert_non_null(text);
	json_decref(json);
	return text;
}

static void
make_tpm(struct fixture *f)
{
	struct enrol_request *req = calloc(1, sizeof(*req));

	make(&f->maker, NULL, "maker", A_CA, NOW_S - DAY_S,
	    NOW_S + 90 * YEAR_S);
	make(&f->ek, &f->maker, NULL, GOOD, NOW_S - DAY_S,
	    NOW_S + 90 * YEAR_S);
	f->ak.key = EVP_EC_gen("P-256");
	strcpy(req->alg, "ES256");
	req->ak = area_of(f->ak.key, true);
	req->ek[1].public = area_of(f->ek.key, false);
	req->ek[1].certificate = der_of(f->ek.cert);
	f->request = text_of(enrol_request_json(req));
	free(req);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scratch_new(&f->dir);
	snprintf(f->path, sizeof(f->path), "%s/ca", f->dir.path);
	assert_int_equal(ca_init(f->path, "test", NOW_S, f->msg,
	    sizeof(f->msg)), 0);
	assert_int_equal(ca_open(f->path, &f->ca, f->msg, sizeof(f->msg)),
	    0);
	make_tpm(f);
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ca_close(f->ca);
	assert_int_equal(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS),
	    0);
	made_done(&f->maker);
	made_done(&f->ek);
	made_done(&f->ak);
	free(f->request);
	scratch_free(&f->dir);
	free(f);
	return 0;
}

static int
challenge(struct fixture *f, int64_t now_s, struct enrol_challenge *out)
{
	struct ca_roots roots = { &f->maker.cert, 1 };

	f->msg[0] = '\0';
	return ca_challenge(f->ca, span_str(f->request), roots, now_s, 600,
	    out, f->msg, sizeof(f->msg));
}

/* The answer of who could not open it. */
static char *
wrong_answer(const char *id)
{
	struct enrol_answer answer = { .secret.len = CA_SECRET_LEN };

	strcpy(answer.id, id);
	return text_of(enrol_answer_json(&answer));
}

static int
issue(struct fixture *f, struct ca *ca, const char *answer, int64_t now_s)
{
	char *pem;

	f->msg[0] = '\0';
	return ca_issue(ca, span_str(answer), 0, now_s, YEAR_S, &pem, f->msg,
	    sizeof(f->msg));
}

#define WRONG	"the answer is wrong: this is not the secret that was " \
		"sealed to the TPM"
#define UNKNOWN	"the answer is to no challenge of this CA, or to one that " \
		"was answered before"

/* Another process that answers, as soon as the pipe is closed. */
static pid_t
answer_beside(struct fixture *f, const char *answer, const int gate[2])
{
	pid_t pid = fork();
	struct ca *ca;
	char c;
	int r;

	if (pid != 0)
		return pid;
	close(gate[1]);
	if (ca_open(f->path, &ca, f->msg, sizeof(f->msg)) != 0 ||
	    read(gate[0], &c, 1) != 0)
		_exit(100);
	r = issue(f, ca, answer, NOW_S);
	_exit(r != -EACCES ? 101 : strcmp(f->msg, WRONG) == 0 ? 1 :
	    strcmp(f->msg, UNKNOWN) == 0 ? 0 : 102);
}

/* All that guess at once have one guess. */
static void
processes_at_once_have_one_answer(void **state)
{
	struct fixture *f = *state;
	struct enrol_challenge *c = malloc(sizeof(*c));

	for (int round = 0; round < 10; round++) {
		int gate[2], status, judged = 0;
		pid_t pid[8];
		char *answer;

		assert_int_equal(challenge(f, NOW_S, c), 0);
		answer = wrong_answer(c->id);
		assert_int_equal(pipe(gate), 0);
		for (int i = 0; i < 8; i++)
			pid[i] = answer_beside(f, answer, gate);
		close(gate[0]);
		close(gate[1]);
		for (int i = 0; i < 8; i++) {
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_true(WIFEXITED(status));
			assert_in_range(WEXITSTATUS(status), 0, 1);
			judged += WEXITSTATUS(status);
		}
		assert_int_equal(judged, 1);
		free(answer);
	}
	free(c);
}

/* The last line of the log; to be released. */
static json_t *
last_line(struct fixture *f)
{
	char path[128], line[4096], *got = NULL;
	FILE *log;

	snprintf(path, sizeof(path), "%s/audit.log", f->path);
	log = fopen(path, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log) != NULL)
		got = line;
	fclose(log);
	assert_non_null(got);
	return json_loads(got, 0, NULL);
}

/* Power was lost while it was written. */
static void
half_a_line_of_the_log_swallows_no_other(void **state)
{
	struct fixture *f = *state;
	struct enrol_challenge *c = malloc(sizeof(*c));
	char path[128];
	json_t *line;
	FILE *log;

	snprintf(path, sizeof(path), "%s/audit.log", f->path);
	log = fopen(path, "w");
	assert_non_null(log);
	fputs("{\"event\":\"iss", log);
	fclose(log);
	assert_int_equal(challenge(f, NOW_S, c), 0);
	line = last_line(f);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "event")),
	    "challenged");
	json_decref(line);
	free(c);
}

/* Nobody would take what it signs then. */
static void
ca_that_has_expired_says_so(void **state)
{
	static const char why[] = "the CA's own certificate has expired";
	struct fixture *f = *state;
	struct enrol_challenge *c = malloc(sizeof(*c));
	char *answer;

	assert_int_equal(challenge(f, NOW_S + 41 * YEAR_S, c), -EKEYEXPIRED);
	assert_string_equal(f->msg, why);
	assert_int_equal(challenge(f, NOW_S, c), 0);
	answer = wrong_answer(c->id);
	assert_int_equal(issue(f, f->ca, answer, NOW_S + 41 * YEAR_S),
	    -EKEYEXPIRED);
	assert_string_equal(f->msg, why);
	/* which used nothing up */
	assert_int_equal(issue(f, f->ca, answer, NOW_S), -EACCES);
	assert_string_equal(f->msg, WRONG);
	free(answer);
	free(c);
}

static bool
is_pending(struct fixture *f, const char *id)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/pending/%s.json", f->path, id);
	return access(path, F_OK) == 0;
}

static void
late_challenges_are_swept_away(void **state)
{
	struct fixture *f = *state;
	struct enrol_challenge *first = malloc(sizeof(*first));
	struct enrol_challenge *later = malloc(sizeof(*later));
	char *answer;

	assert_int_equal(challenge(f, NOW_S, first), 0);
	/* who is late is told so for a day */
	assert_int_equal(challenge(f, NOW_S + DAY_S, later), 0);
	assert_true(is_pending(f, first->id));
	assert_true(is_pending(f, later->id));
	assert_int_equal(challenge(f, NOW_S + DAY_S + 601, later), 0);
	assert_false(is_pending(f, first->id));
	assert_true(is_pending(f, later->id));
	answer = wrong_answer(first->id);
	assert_int_equal(issue(f, f->ca, answer, NOW_S), -EACCES);
	assert_string_equal(f->msg, UNKNOWN);
	free(answer);
	free(first);
	free(later);
}

static void
unreadable_challenge_is_not_one_that_was_answered(void **state)
{
	struct fixture *f = *state;
	char path[192], *answer;
	static const char id[] = "00112233445566778899aabbccddeeff";

	snprintf(path, sizeof(path), "%s/pending/%s.json", f->path, id);
	assert_int_equal(mkdir(path, 0700), 0);
	answer = wrong_answer(id);
	assert_int_equal(issue(f, f->ca, answer, NOW_S), -EACCES);
	assert_string_equal(f->msg, "the answer is to a challenge that cannot "
	    "be taken from the CA's directory");
	free(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test(endorsement_certificates_are_believed_or_not),
		TEST(processes_at_once_have_one_answer),
		TEST(half_a_line_of_the_log_swallows_no_other),
		TEST(ca_that_has_expired_says_so),
		TEST(late_challenges_are_swept_away),
		TEST(unreadable_challenge_is_not_one_that_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
