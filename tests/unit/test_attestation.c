/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation chain, verified by OpenSSL and attribute by attribute, on
 * a store of one record in memory that can fail.
 *
 * covers att.3 att.5 att.6 att.8
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "authenticator/attest/attestation.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/attest/crl.h"

#define NOW_S	1700000000LL
#define YEAR_S	(365 * 86400LL)

static const uint8_t aaguid_a[16] = "AAAAaaaaAAAAaaa";
static const uint8_t aaguid_b[16] = "BBBBbbbbBBBBbbb";

#define AK_RECORDS	3

/* The record of an AK. */
struct ak_record {
	char	name[32];	/* "": none */
	uint8_t	value[STORE_BLOB_MAX];
	size_t	len;
	int	puts;
};

/* A store with room for one record, and those of AKs. */
struct store {
	uint8_t	value[STORE_BLOB_MAX];
	size_t	len;
	int	puts;
	int	fail;
	uint8_t	*given;		/* by the last get, and not freed yet */
	struct ak_record ak[AK_RECORDS];
};

/* The one of that name, or a free one. */
static struct ak_record *
ak_record(struct store *st, const char *name)
{
	size_t i = 0;

	while (st->ak[i].len > 0 && strcmp(st->ak[i].name, name) != 0) {
		i++;
		assert_true(i < AK_RECORDS);
	}
	return &st->ak[i];
}

static void
ak_put(struct ak_record *r, const char *name, struct span value)
{
	assert_int_equal(strncmp(name, "attestation key ", 16), 0);
	snprintf(r->name, sizeof(r->name), "%s", name);
	memcpy(r->value, value.p, value.len);
	r->len = value.len;
	r->puts++;
}

int
store_put(struct store *st, const char *name, struct span value)
{
	assert_true(value.len <= sizeof(st->value));
	if (st->fail != 0)
		return st->fail;
	if (strcmp(name, "attestation") != 0) {
		ak_put(ak_record(st, name), name, value);
		return 0;
	}
	memcpy(st->value, value.p, value.len);
	st->len = value.len;
	st->puts++;
	return 0;
}

int
store_get(struct store *st, const char *name, uint8_t **out, size_t *len)
{
	bool chain = strcmp(name, "attestation") == 0;
	struct span value = span(st->value, st->len);

	if (st->fail != 0)
		return st->fail;
	if (!chain)
		value = span(ak_record(st, name)->value,
		    ak_record(st, name)->len);
	if (value.len == 0)
		return -ENOENT;
	*out = malloc(value.len);
	assert_non_null(*out);
	memcpy(*out, value.p, value.len);
	*len = value.len;
	if (chain)
		st->given = *out;
	return 0;
}

void
store_blob_free(uint8_t *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
	free(p);
}

const char *
store_strerror(const struct store *st)
{
	return st->fail != 0 ? "the store said so" : "";
}

/*
 * A TPM as far as attestation is concerned: the software provider, which is
 * told nothing of shapes.
 */
struct tpm {
	struct keys	 keys;
	struct keys	*soft;
	struct keys_info info;
	int		 fail;		/* of creating a restricted key */
	unsigned	 restricted;	/* made so far */
};

static const struct keys_info *
tpm_info(const struct keys *k)
{
	return &((const struct tpm *)k)->info;
}

static bool
tpm_start(struct keys *k, struct key_op *op)
{
	struct tpm *t = (struct tpm *)k;
	struct key_op inner = *op;

	if (op->verb == KEY_CREATE && op->shape == KEY_RESTRICTED) {
		t->restricted++;
		assert_int_equal(op->epoch.len, KEY_EPOCH_LEN);
		assert_int_equal(op->bound.len, strlen(AUTH_ATTESTATION_BOUND));
		inner.shape = 0;
	}
	(void)keys_perform(t->soft, &inner);
	*op = inner;
	if (t->fail != 0)
		op->result = t->fail;
	return true;
}

static struct keys_ops tpm_ops;

static void
tpm_init(struct tpm *t, struct keys *soft)
{
	tpm_ops = *soft->ops;
	tpm_ops.start = tpm_start;
	tpm_ops.info = tpm_info;
	*t = (struct tpm){
		.keys = { &tpm_ops },
		.soft = soft,
		.info = {
			.kind = "device",
			.tpm = true,
			.manufacturer_id = 0x49465800,
			.vendor = " SLB9670 ",
			.firmware = UINT64_C(0x0007005500120034),
		},
	};
}

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct keys	*keys;
	struct tpm	 tpm;
	struct store	*store;
	char		 msg[200];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t wrapped[KEY_WRAPPED_MAX];
	size_t len;

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-attestation-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(keys_open_software(f->dirfd, true, &f->keys), 0);
	assert_int_equal(f->keys->ops->new_storage_key(f->keys, wrapped,
	    &len), 0);
	f->store = calloc(1, sizeof(*f->store));
	tpm_init(&f->tpm, f->keys);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->keys);
	unlinkat(f->dirfd, "software.key", 0);
	close(f->dirfd);
	rmdir(f->dir);
	free(f->store);
	free(f);
	return 0;
}

static struct attestation *
load(struct fixture *f, const uint8_t *aaguid, int64_t now_s,
    const struct attestation_root *brought)
{
	struct attestation_plan plan = { .aaguid = aaguid, .now_s = now_s,
		.brought = brought };
	struct attestation *att = NULL;
	int r;

	f->msg[0] = '\0';
	r = attestation_load(f->store, f->keys, &plan, &att, f->msg,
	    sizeof(f->msg));
	if (r != 0)
		print_message("%s\n", f->msg);
	assert_int_equal(r, 0);
	return att;
}

static void
refuse(struct fixture *f, int64_t now_s,
    const struct attestation_root *brought, int error, const char *msg)
{
	struct attestation_plan plan = { .aaguid = aaguid_a, .now_s = now_s,
		.brought = brought };
	struct attestation *att = NULL;

	f->msg[0] = '\0';
	assert_int_equal(attestation_load(f->store, f->keys, &plan, &att,
	    f->msg, sizeof(f->msg)), error);
	assert_null(att);
	assert_string_equal(f->msg, msg);
}

static X509 *
x5c(const struct attestation *att, size_t i)
{
	struct auth_attestation a;
	const uint8_t *p;
	X509 *x;

	attestation_config(att, ATTESTATION_PACKED, &a);
	assert_true(i < a.x5c_count);
	p = a.x5c[i].p;
	x = d2i_X509(NULL, &p, a.x5c[i].len);
	assert_non_null(x);
	assert_ptr_equal(p, a.x5c[i].p + a.x5c[i].len);
	return x;
}

static X509 *
root_of(const struct attestation *att)
{
	char *pem;
	BIO *bio;
	X509 *x;

	assert_int_equal(attestation_roots_pem(att, &pem), 0);
	bio = BIO_new_mem_buf(pem, -1);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(x);
	assert_null(PEM_read_bio_X509(bio, NULL, NULL, NULL));
	BIO_free(bio);
	free(pem);
	return x;
}

/* 1 if leaf is good at now_s, with strict checks, under root. */
static int
verify(X509 *leaf, X509 *intermediate, X509 *root, int64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	int r;

	X509_STORE_add_cert(store, root);
	if (intermediate != NULL)
		sk_X509_push(chain, intermediate);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, chain), 1);
	X509_STORE_CTX_set_time(ctx, 0, now_s);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
	r = X509_verify_cert(ctx);
	sk_X509_free(chain);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return r;
}

/* The whole chain that att gives out verifies at now_s. */
static void
check_chain(const struct attestation *att, int64_t now_s)
{
	X509 *leaf = x5c(att, 0), *ca = x5c(att, 1), *root = root_of(att);

	assert_int_equal(verify(leaf, ca, root, now_s), 1);
	X509_free(leaf);
	X509_free(ca);
	X509_free(root);
}

static void
chain_leads_to_the_root_that_is_not_in_it(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	struct auth_attestation a;
	X509 *leaf = x5c(att, 0), *ca = x5c(att, 1), *root = root_of(att);

	attestation_config(att, ATTESTATION_PACKED, &a);
	assert_int_equal(a.kind, ATTESTATION_PACKED);
	assert_int_equal(a.alg, COSE_ES256);
	assert_int_equal(a.x5c_count, 2);
	assert_int_equal(verify(leaf, ca, root, NOW_S), 1);
	assert_int_equal(verify(leaf, ca, root, NOW_S - 3600), 1);
	assert_int_equal(verify(leaf, ca, root, NOW_S + 19 * YEAR_S), 1);
	/* So these can fail, and the root is not one of the two. */
	assert_int_equal(verify(leaf, NULL, root, NOW_S), 0);
	assert_int_equal(verify(leaf, ca, root, NOW_S + 21 * YEAR_S), 0);
	assert_int_equal(verify(leaf, ca, root, NOW_S - 2 * 86400), 0);
	assert_int_not_equal(X509_cmp(leaf, root), 0);
	assert_int_not_equal(X509_cmp(ca, root), 0);
	X509_free(leaf);
	X509_free(ca);
	X509_free(root);
	attestation_free(att);
}

/* One attribute, in a relative name of its own. */
static void
check_name(X509_NAME *name, int at, int nid, int type, const char *value)
{
	X509_NAME_ENTRY *e = X509_NAME_get_entry(name, at);
	ASN1_STRING *s = X509_NAME_ENTRY_get_data(e);

	assert_int_equal(OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)), nid);
	assert_int_equal(X509_NAME_ENTRY_set(e), at);
	assert_int_equal(ASN1_STRING_type(s), type);
	assert_int_equal(ASN1_STRING_length(s), strlen(value));
	assert_memory_equal(ASN1_STRING_get0_data(s), value, strlen(value));
}

static void
leaf_subject_is_as_packed_demands(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *leaf = x5c(att, 0);
	X509_NAME *name = X509_get_subject_name(leaf);

	assert_int_equal(X509_get_version(leaf), X509_VERSION_3);
	assert_int_equal(X509_NAME_entry_count(name), 4);
	check_name(name, 0, NID_countryName, V_ASN1_PRINTABLESTRING, "SE");
	check_name(name, 1, NID_organizationName, V_ASN1_UTF8STRING,
	    "sealkey");
	check_name(name, 2, NID_organizationalUnitName, V_ASN1_UTF8STRING,
	    "Authenticator Attestation");
	check_name(name, 3, NID_commonName, V_ASN1_UTF8STRING,
	    "sealkey TEST attestation");
	X509_free(leaf);
	attestation_free(att);
}

static X509 *
leaf_with_subject(struct fixture *f, const char *subject)
{
	struct attestation_plan plan = { .aaguid = aaguid_a, .now_s = NOW_S,
		.subject = subject };
	struct attestation *att = NULL;
	X509 *leaf;

	assert_int_equal(attestation_load(f->store, f->keys, &plan, &att,
	    f->msg, sizeof(f->msg)), 0);
	leaf = x5c(att, 0);
	attestation_free(att);
	return leaf;
}

static void
leaf_subject_is_as_was_asked_for(void **state)
{
	struct fixture *f = *state;
	X509 *usual = leaf_with_subject(f, NULL), *leaf, *again;
	X509_NAME *name;

	leaf = leaf_with_subject(f, "CN=A key TEST,C=DE,L=Here");
	name = X509_get_subject_name(leaf);
	assert_int_equal(X509_NAME_entry_count(name), 5);
	check_name(name, 0, NID_countryName, V_ASN1_PRINTABLESTRING, "DE");
	check_name(name, 1, NID_localityName, V_ASN1_UTF8STRING, "Here");
	check_name(name, 2, NID_organizationName, V_ASN1_UTF8STRING,
	    "sealkey");
	check_name(name, 3, NID_organizationalUnitName, V_ASN1_UTF8STRING,
	    "Authenticator Attestation");
	check_name(name, 4, NID_commonName, V_ASN1_UTF8STRING, "A key TEST");
	/* who does not know leaves it as it is */
	again = leaf_with_subject(f, NULL);
	assert_int_equal(X509_cmp(leaf, again), 0);
	X509_free(again);
	again = leaf_with_subject(f, "CN=A key TEST,C=DE,L=Here");
	assert_int_equal(X509_cmp(leaf, again), 0);
	X509_free(again);
	X509_free(leaf);
	leaf = leaf_with_subject(f, "");
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(usual),
	    X509_get_subject_name(leaf)), 0);
	X509_free(leaf);
	X509_free(usual);
}

/* Version 2 ends before it. */
static void
record_without_subject_is_read(void **state)
{
	struct fixture *f = *state;
	X509 *usual = leaf_with_subject(f, ""), *leaf;

	f->store->value[0] = 2;
	f->store->len -= 2;
	leaf = leaf_with_subject(f, "");
	assert_int_equal(X509_cmp(usual, leaf), 0);
	X509_free(leaf);
	leaf = leaf_with_subject(f, "O=TEST");
	assert_int_not_equal(X509_cmp(usual, leaf), 0);
	X509_free(leaf);
	X509_free(usual);
}

static void
leaf_is_no_ca_and_says_so(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *leaf = x5c(att, 0), *ca = x5c(att, 1);
	BASIC_CONSTRAINTS *bc;
	int critical;

	bc = X509_get_ext_d2i(leaf, NID_basic_constraints, &critical, NULL);
	assert_non_null(bc);
	assert_int_equal(bc->ca, 0);
	assert_int_equal(critical, 1);
	BASIC_CONSTRAINTS_free(bc);
	assert_int_equal(X509_check_ca(leaf), 0);
	assert_int_equal(X509_check_ca(ca), 1);
	X509_free(leaf);
	X509_free(ca);
	attestation_free(att);
}

static void
leaf_has_the_aaguid_twice_wrapped_not_critical(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *leaf = x5c(att, 0);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
	X509_EXTENSION *ext;
	const ASN1_OCTET_STRING *value;
	uint8_t want[18] = { 0x04, 0x10 };

	memcpy(want + 2, aaguid_a, 16);
	ext = X509_get_ext(leaf, X509_get_ext_by_OBJ(leaf, oid, -1));
	assert_non_null(ext);
	assert_int_equal(X509_EXTENSION_get_critical(ext), 0);
	value = X509_EXTENSION_get_data(ext);
	assert_int_equal(ASN1_STRING_length(value), sizeof(want));
	assert_memory_equal(ASN1_STRING_get0_data(value), want,
	    sizeof(want));
	ASN1_OBJECT_free(oid);
	X509_free(leaf);
	attestation_free(att);
}

static void
key_ids_link_the_chain_and_serials_are_positive(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *x[3] = { x5c(att, 0), x5c(att, 1), root_of(att) };

	for (int i = 0; i < 3; i++) {
		const ASN1_INTEGER *serial = X509_get0_serialNumber(x[i]);

		assert_non_null(X509_get0_subject_key_id(x[i]));
		assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER);
		assert_int_equal(ASN1_STRING_length(serial), 16);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(ASN1_OCTET_STRING_cmp(
		    X509_get0_authority_key_id(x[i]),
		    X509_get0_subject_key_id(x[i + 1])), 0);
	for (int i = 0; i < 3; i++)
		X509_free(x[i]);
	attestation_free(att);
}

static void
leaf_key_is_the_providers(void **state)
{
	static const uint8_t no_epoch[KEY_EPOCH_LEN];
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	struct auth_attestation a;
	struct key_op op = { .verb = KEY_SIGN };
	X509 *leaf = x5c(att, 0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	attestation_config(att, ATTESTATION_PACKED, &a);
	op.blob = a.blob;
	op.epoch = span(no_epoch, sizeof(no_epoch));
	op.bound = span_str(AUTH_ATTESTATION_BOUND);
	op.data[0] = span_str("authenticator data");
	op.data[1] = span_str("client data hash");
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
	    X509_get0_pubkey(leaf)), 1);
	EVP_DigestVerifyUpdate(ctx, op.data[0].p, op.data[0].len);
	EVP_DigestVerifyUpdate(ctx, op.data[1].p, op.data[1].len);
	assert_int_equal(EVP_DigestVerifyFinal(ctx, op.out_sig,
	    op.out_sig_len), 1);
	EVP_MD_CTX_free(ctx);
	X509_free(leaf);
	attestation_free(att);
}

/* A single RP may get what is not usual. */
static void
the_chain_is_there_whatever_kind_is_usual(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	static const enum attestation_kind kinds[] = { ATTESTATION_SELF,
		ATTESTATION_NONE, ATTESTATION_TPM };
	struct auth_attestation a, packed;

	attestation_config(att, ATTESTATION_PACKED, &packed);
	for (size_t i = 0; i < 3; i++) {
		attestation_config(att, kinds[i], &a);
		assert_int_equal(a.kind, kinds[i]);
		assert_int_equal(a.x5c_count, 2);
		assert_ptr_equal(a.x5c[0].p, packed.x5c[0].p);
		assert_ptr_equal(a.u2f.p, packed.u2f.p);
		assert_ptr_equal(a.blob.p, packed.blob.p);
	}
	attestation_free(att);
}

/* Which certificates two loads have in common. */
static void
check_same(const struct attestation *a, const struct attestation *b,
    bool leaf, bool ca, bool root)
{
	X509 *xa[3] = { x5c(a, 0), x5c(a, 1), root_of(a) };
	X509 *xb[3] = { x5c(b, 0), x5c(b, 1), root_of(b) };
	const bool same[3] = { leaf, ca, root };

	for (int i = 0; i < 3; i++) {
		assert_int_equal(X509_cmp(xa[i], xb[i]) == 0, same[i]);
		X509_free(xa[i]);
		X509_free(xb[i]);
	}
}

static void
second_load_is_the_same_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct attestation *first = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *again = load(f, aaguid_a, NOW_S + 100, NULL);

	check_same(first, again, true, true, true);
	assert_int_equal(f->store->puts, 1);
	attestation_free(first);
	attestation_free(again);
}

static void
loading_again_takes_less_than_a_millisecond(void **state)
{
	struct fixture *f = *state;
	struct timespec from, to;
	double best_ms = 1e9, ms;

	attestation_free(load(f, aaguid_a, NOW_S, NULL));
	for (int i = 0; i < 20; i++) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		attestation_free(load(f, aaguid_a, NOW_S, NULL));
		clock_gettime(CLOCK_MONOTONIC, &to);
		ms = (to.tv_sec - from.tv_sec) * 1e3 +
		    (to.tv_nsec - from.tv_nsec) / 1e6;
		if (ms < best_ms)
			best_ms = ms;
	}
	print_message("attestation_load: %.4f ms\n", best_ms);
	assert_true(best_ms < 1.0);
}

static void
other_aaguid_gets_another_leaf(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *b = load(f, aaguid_b, NOW_S, NULL);

	check_same(a, b, false, true, true);
	check_chain(b, NOW_S);
	attestation_free(a);
	attestation_free(b);
}

static void
expired_leaf_is_renewed(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *b = load(f, aaguid_a, NOW_S + 21 * YEAR_S, NULL);

	check_same(a, b, false, true, true);
	check_chain(b, NOW_S + 21 * YEAR_S);
	attestation_free(a);
	attestation_free(b);
}

static void
expired_root_is_renewed_with_all_below(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *b = load(f, aaguid_a, NOW_S + 41 * YEAR_S, NULL);

	check_same(a, b, false, false, false);
	check_chain(b, NOW_S + 41 * YEAR_S);
	attestation_free(a);
	attestation_free(b);
}

static void
two_state_directories_have_two_roots(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load(f, aaguid_a, NOW_S, NULL), *b;

	f->store->len = 0;
	b = load(f, aaguid_a, NOW_S, NULL);
	check_same(a, b, false, false, false);
	attestation_free(a);
	attestation_free(b);
}

/* Roots as testers bring them. */

struct made_root {
	EVP_PKEY	*key;
	char		 cert_pem[8192];
	char		 key_pem[8192];
	struct attestation_root root;
};

struct root_plan {
	const char	*constraints;	/* NULL: v1 without extensions */
	const char	*usage;		/* NULL: none */
	bool		 key_id;
	int64_t		 from_s, until_s;
};

static const struct root_plan good_plan = {
	.constraints = "critical,CA:TRUE",
	.usage = "critical,keyCertSign",
	.key_id = true,
	.from_s = NOW_S - 1000,
	.until_s = NOW_S + 30 * YEAR_S,
};

static void
add_ext(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

static void
to_pem(struct made_root *m, X509 *x)
{
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(cert, x);
	PEM_write_bio_PrivateKey(key, m->key, NULL, NULL, 0, NULL, NULL);
	m->root.cert = span(m->cert_pem, BIO_read(cert, m->cert_pem,
	    sizeof(m->cert_pem)));
	m->root.key = span(m->key_pem, BIO_read(key, m->key_pem,
	    sizeof(m->key_pem)));
	BIO_free(cert);
	BIO_free(key);
}

/* Takes key. signer NULL: itself. */
static void
make_root(struct made_root *m, EVP_PKEY *key, const struct root_plan *plan,
    EVP_PKEY *signer)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	m->key = key;
	X509_set_version(x, plan->constraints != NULL ? X509_VERSION_3 :
	    X509_VERSION_1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const uint8_t *)"Root of a tester", -1, -1, 0);
	X509_set_issuer_name(x, name);
	ASN1_TIME_set(X509_getm_notBefore(x), plan->from_s);
	ASN1_TIME_set(X509_getm_notAfter(x), plan->until_s);
	X509_set_pubkey(x, key);
	if (plan->constraints != NULL)
		add_ext(x, NID_basic_constraints, plan->constraints);
	if (plan->usage != NULL)
		add_ext(x, NID_key_usage, plan->usage);
	if (plan->key_id)
		add_ext(x, NID_subject_key_identifier, "hash");
	assert_true(X509_sign(x, signer != NULL ? signer : key,
	    EVP_sha256()) > 0);
	to_pem(m, x);
	X509_free(x);
}

static void
root_done(struct made_root *m)
{
	EVP_PKEY_free(m->key);
}

static void
brought_roots_sign_the_chain(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *keys[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-384"),
		EVP_RSA_gen(2048) };
	struct made_root m;
	struct attestation *att;
	X509 *root, *leaf;

	for (size_t i = 0; i < 3; i++) {
		f->store->len = 0;
		make_root(&m, keys[i], &good_plan, NULL);
		att = load(f, aaguid_a, NOW_S, &m.root);
		check_chain(att, NOW_S);
		root = root_of(att);
		leaf = x5c(att, 0);
		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(root), m.key),
		    1);
		/* Nothing outlives who signed it. */
		assert_int_equal(verify(leaf, NULL, root, NOW_S), 0);
		X509_free(root);
		X509_free(leaf);
		attestation_free(att);
		root_done(&m);
	}
}

static void
brought_root_without_key_id_or_usage_will_do(void **state)
{
	struct fixture *f = *state;
	struct root_plan plan = good_plan;
	struct made_root m;
	struct attestation *att;
	X509 *leaf, *ca, *root;

	plan.usage = NULL;
	plan.key_id = false;
	make_root(&m, EVP_EC_gen("P-256"), &plan, NULL);
	att = load(f, aaguid_a, NOW_S, &m.root);
	leaf = x5c(att, 0);
	ca = x5c(att, 1);
	root = root_of(att);
	assert_null(X509_get0_authority_key_id(ca));
	assert_int_equal(X509_verify(ca, X509_get0_pubkey(root)), 1);
	assert_int_equal(X509_verify(leaf, X509_get0_pubkey(ca)), 1);
	X509_free(leaf);
	X509_free(ca);
	X509_free(root);
	attestation_free(att);
	root_done(&m);
}

static void
chain_never_outlives_a_brought_root(void **state)
{
	struct fixture *f = *state;
	struct root_plan plan = good_plan;
	struct made_root m;
	struct attestation *att;
	X509 *x;

	plan.until_s = NOW_S + 3 * YEAR_S;
	make_root(&m, EVP_EC_gen("P-256"), &plan, NULL);
	att = load(f, aaguid_a, NOW_S, &m.root);
	for (size_t i = 0; i < 2; i++) {
		time_t end = plan.until_s;

		x = x5c(att, i);
		assert_true(X509_cmp_time(X509_get0_notAfter(x), &end) <= 0);
		X509_free(x);
	}
	attestation_free(att);
	root_done(&m);
}

static bool
contains(const uint8_t *hay, size_t len, struct span needle)
{
	return memmem(hay, len, needle.p, needle.len) != NULL;
}

static void
brought_key_is_never_stored(void **state)
{
	struct fixture *f = *state;
	struct made_root m;
	struct attestation *att;
	BIGNUM *d = NULL;
	uint8_t scalar[32];

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	EVP_PKEY_get_bn_param(m.key, OSSL_PKEY_PARAM_PRIV_KEY, &d);
	BN_bn2binpad(d, scalar, sizeof(scalar));
	att = load(f, aaguid_a, NOW_S, &m.root);
	assert_false(contains(f->store->value, f->store->len,
	    span(scalar, sizeof(scalar))));
	attestation_free(att);
	/* And not when only the leaf is renewed with the root at hand. */
	att = load(f, aaguid_b, NOW_S, &m.root);
	assert_false(contains(f->store->value, f->store->len,
	    span(scalar, sizeof(scalar))));
	attestation_free(att);
	BN_clear_free(d);
	root_done(&m);
}

static void
brought_root_replaces_and_stays(void **state)
{
	struct fixture *f = *state;
	struct attestation *own = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *one, *same, *without, *two, *leaf;
	struct made_root a, b;

	make_root(&a, EVP_EC_gen("P-256"), &good_plan, NULL);
	make_root(&b, EVP_EC_gen("P-256"), &good_plan, NULL);
	one = load(f, aaguid_a, NOW_S, &a.root);
	check_same(own, one, false, false, false);
	same = load(f, aaguid_a, NOW_S, &a.root);
	check_same(one, same, true, true, true);
	without = load(f, aaguid_a, NOW_S, NULL);
	check_same(one, without, true, true, true);
	assert_int_equal(f->store->puts, 2);
	leaf = load(f, aaguid_b, NOW_S, NULL);	/* needs no root key */
	check_same(one, leaf, false, true, true);
	check_chain(leaf, NOW_S);
	two = load(f, aaguid_b, NOW_S, &b.root);
	check_same(leaf, two, false, false, false);
	check_chain(two, NOW_S);
	attestation_free(own);
	attestation_free(one);
	attestation_free(same);
	attestation_free(without);
	attestation_free(leaf);
	attestation_free(two);
	root_done(&a);
	root_done(&b);
}

static void
expired_chain_of_a_brought_root_asks_for_it(void **state)
{
	struct fixture *f = *state;
	struct made_root m;

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	attestation_free(load(f, aaguid_a, NOW_S, &m.root));
	refuse(f, NOW_S + 31 * YEAR_S, NULL, -EKEYEXPIRED,
	    "the attestation certificates have expired: bring the "
	    "attestation root and its key again");
	assert_int_equal(f->store->puts, 1);
	root_done(&m);
}

static void
refuse_plan(struct fixture *f, const struct root_plan *plan,
    const char *why)
{
	struct made_root m;
	char msg[200];

	make_root(&m, EVP_EC_gen("P-256"), plan, NULL);
	snprintf(msg, sizeof(msg), "the attestation root %s", why);
	refuse(f, NOW_S, &m.root, -EINVAL, msg);
	assert_int_equal(f->store->puts, 0);
	root_done(&m);
}

static void
unusable_roots_are_refused(void **state)
{
	struct fixture *f = *state;
	struct root_plan plan;

	plan = good_plan;
	plan.constraints = "critical,CA:FALSE";
	refuse_plan(f, &plan, "is not a CA certificate");
	plan = good_plan;
	plan.constraints = NULL;
	plan.usage = NULL;
	plan.key_id = false;
	refuse_plan(f, &plan, "is not a CA certificate");
	plan = good_plan;
	plan.constraints = "critical,CA:TRUE,pathlen:0";
	refuse_plan(f, &plan, "permits no intermediate (path length 0)");
	plan = good_plan;
	plan.usage = "critical,digitalSignature";
	refuse_plan(f, &plan, "may not sign certificates (key usage)");
	plan = good_plan;
	plan.until_s = NOW_S - 1;
	refuse_plan(f, &plan, "has expired");
	plan = good_plan;
	plan.from_s = NOW_S + 100;
	refuse_plan(f, &plan, "is not valid yet");
}

static void
unusable_root_keys_are_refused(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct made_root m, n;
	struct attestation_root mixed;

	make_root(&m, EVP_EC_gen("P-521"), &good_plan, NULL);
	refuse(f, NOW_S, &m.root, -EINVAL, "the attestation root key is "
	    "neither P-256, P-384 nor RSA of 2048 bits");
	root_done(&m);
	make_root(&m, EVP_RSA_gen(1024), &good_plan, NULL);
	refuse(f, NOW_S, &m.root, -EINVAL, "the attestation root key is "
	    "neither P-256, P-384 nor RSA of 2048 bits");
	root_done(&m);
	make_root(&m, EVP_EC_gen("P-256"), &good_plan, other);
	refuse(f, NOW_S, &m.root, -EINVAL,
	    "the attestation root is not signed by itself");
	make_root(&n, other, &good_plan, NULL);
	mixed.cert = n.root.cert;
	mixed.key = m.root.key;
	refuse(f, NOW_S, &mixed, -EINVAL, "the attestation root key does "
	    "not belong to its certificate");
	root_done(&m);
	root_done(&n);
}

static void
files_that_are_no_root_are_refused(void **state)
{
	struct fixture *f = *state;
	struct made_root m;
	struct attestation_root r;
	static char huge[ATTESTATION_PEM_MAX + 1];

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	r = m.root;
	r.cert = span_str("hello");
	refuse(f, NOW_S, &r, -EINVAL, "the attestation root certificate is "
	    "not a PEM certificate");
	r.cert = span(NULL, 0);
	refuse(f, NOW_S, &r, -EINVAL, "the attestation root certificate is "
	    "not a PEM certificate");
	r = m.root;
	r.key = m.root.cert;
	refuse(f, NOW_S, &r, -EINVAL, "the attestation root key is not an "
	    "unencrypted PEM private key");
	r.key = span(huge, sizeof(huge));
	refuse(f, NOW_S, &r, -EINVAL, "the attestation root is too big to "
	    "be one");
	root_done(&m);
}

static void
encrypted_root_key_is_refused_without_asking(void **state)
{
	struct fixture *f = *state;
	struct made_root m;
	BIO *bio = BIO_new(BIO_s_mem());

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	PEM_write_bio_PKCS8PrivateKey(bio, m.key, EVP_aes_256_cbc(),
	    "secret", 6, NULL, NULL);
	m.root.key = span(m.key_pem, BIO_read(bio, m.key_pem,
	    sizeof(m.key_pem)));
	refuse(f, NOW_S, &m.root, -EINVAL, "the attestation root key is "
	    "not an unencrypted PEM private key");
	BIO_free(bio);
	root_done(&m);
}

/* No truncation and no altered byte crashes; structure is refused. */
static void
damaged_records_are_survived(void **state)
{
	struct fixture *f = *state;
	struct attestation_plan plan = { .aaguid = aaguid_a,
		.now_s = NOW_S };
	struct attestation *att;
	size_t len;

	attestation_free(load(f, aaguid_a, NOW_S, NULL));
	len = f->store->len;
	for (size_t cut = 1; cut < len; cut++) {
		f->store->len = cut;
		refuse(f, NOW_S, NULL, -EUCLEAN, "the attestation record is "
		    "damaged, or from a newer version");
	}
	f->store->len = len + 1;
	refuse(f, NOW_S, NULL, -EUCLEAN, "the attestation record is "
	    "damaged, or from a newer version");
	f->store->len = len;
	for (size_t i = 0; i < len; i++) {
		struct store *before = malloc(sizeof(*before));

		memcpy(before, f->store, sizeof(*before));
		f->store->value[i] ^= 0x81;
		if (attestation_load(f->store, f->keys, &plan, &att, f->msg,
		    sizeof(f->msg)) == 0)
			attestation_free(att);
		memcpy(f->store, before, sizeof(*before));
		free(before);
	}
	f->store->value[0] = 4;
	refuse(f, NOW_S, NULL, -EUCLEAN, "the attestation record is "
	    "damaged, or from a newer version");
}

static void
store_errors_are_passed_on(void **state)
{
	struct fixture *f = *state;

	f->store->fail = -ENOSPC;
	refuse(f, NOW_S, NULL, -ENOSPC, "the store said so");
	f->store->fail = 0;
	attestation_free(load(f, aaguid_a, NOW_S, NULL));
}

static void
roots_are_readable_from_the_store_alone(void **state)
{
	struct fixture *f = *state;
	struct attestation *att;
	char *pem, *same;

	assert_int_equal(attestation_roots_read(f->store, &pem), -ENOENT);
	att = load(f, aaguid_a, NOW_S, NULL);
	assert_int_equal(attestation_roots_read(f->store, &pem), 0);
	assert_int_equal(attestation_roots_pem(att, &same), 0);
	assert_string_equal(pem, same);
	assert_memory_equal(pem, "-----BEGIN CERTIFICATE-----\n", 28);
	free(pem);
	free(same);
	attestation_free(att);
}

/* Part number i of a record, see attestation.md. */
static struct span
record_part(struct span record, int i)
{
	const uint8_t *p = record.p + 58;

	while (i-- > 0)
		p += 2 + (p[0] << 8 | p[1]);
	return span(p + 2, (size_t)(p[0] << 8 | p[1]));
}

/* The root's and the intermediate's; made, and loaded again. */
static void
ca_keys_are_wiped_once_loaded(void **state)
{
	struct fixture *f = *state;
	struct span record, key;
	struct attestation *att;

	for (int i = 0; i < 2; i++) {
		att = load(f, aaguid_a, NOW_S, NULL);
		record = span(f->store->value, f->store->len);
		for (int part = 1; part <= 3; part += 2) {
			key = record_part(record, part);
			assert_true(key.len > 100);
			assert_null(memmem(f->store->given, record.len,
			    key.p + 40, 24));
		}
		/* the blobs of the leaves' keys are needed to sign */
		for (int part = 5; part <= 7; part += 2) {
			key = record_part(record, part);
			assert_non_null(memmem(f->store->given, record.len,
			    key.p, key.len));
		}
		attestation_free(att);
	}
	/* with the intermediate's key, which has to be read again */
	att = load(f, aaguid_b, NOW_S, NULL);
	attestation_free(att);
}

/* The enterprise certificate, and nothing with it; NULL: none. */
static X509 *
enterprise(const struct attestation *att)
{
	struct auth_attestation a;
	const uint8_t *p;
	X509 *x;

	if (!attestation_enterprise(att, &a))
		return NULL;
	assert_int_equal(a.kind, ATTESTATION_PACKED);
	assert_int_equal(a.alg, COSE_ES256);
	assert_int_equal(a.x5c_count, 1);
	p = a.x5c[0].p;
	x = d2i_X509(NULL, &p, a.x5c[0].len);
	assert_non_null(x);
	assert_ptr_equal(p, a.x5c[0].p + a.x5c[0].len);
	return x;
}

/* Position of the extension; -1: there is none. */
static int
serial_extension(const X509 *x)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.2", 1);
	int at = X509_get_ext_by_OBJ(x, oid, -1);

	ASN1_OBJECT_free(oid);
	return at;
}

/* The serial number that the extension says, as the name says it. */
static void
serial_of(const X509 *x, char text[static 17])
{
	X509_EXTENSION *ext = X509_get_ext(x, serial_extension(x));
	const ASN1_OCTET_STRING *value;
	const uint8_t *p;

	assert_non_null(ext);
	assert_int_equal(X509_EXTENSION_get_critical(ext), 0);
	value = X509_EXTENSION_get_data(ext);
	p = ASN1_STRING_get0_data(value);
	assert_int_equal(ASN1_STRING_length(value), 10);
	assert_memory_equal(p, "\x04\x08", 2);
	for (int i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02X", p[2 + i]);
}

static void
enterprise_certificate_is_right_below_the_root(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *x = enterprise(att), *leaf = x5c(att, 0), *root = root_of(att);

	assert_int_equal(verify(x, NULL, root, NOW_S), 1);
	assert_int_equal(verify(x, NULL, root, NOW_S + 19 * YEAR_S), 1);
	assert_int_equal(verify(x, NULL, root, NOW_S + 21 * YEAR_S), 0);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x),
	    X509_get0_pubkey(leaf)), 0);
	X509_free(x);
	X509_free(leaf);
	X509_free(root);
	attestation_free(att);
}

static void
enterprise_certificate_names_the_key(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *x = enterprise(att), *leaf = x5c(att, 0);
	X509_NAME *name = X509_get_subject_name(x);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
	char serial[17];

	serial_of(x, serial);
	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_int_equal(X509_NAME_entry_count(name), 5);
	check_name(name, 0, NID_countryName, V_ASN1_PRINTABLESTRING, "SE");
	check_name(name, 1, NID_organizationName, V_ASN1_UTF8STRING,
	    "sealkey");
	check_name(name, 2, NID_organizationalUnitName, V_ASN1_UTF8STRING,
	    "Authenticator Attestation");
	check_name(name, 3, NID_commonName, V_ASN1_UTF8STRING,
	    "sealkey TEST enterprise attestation");
	check_name(name, 4, NID_serialNumber, V_ASN1_PRINTABLESTRING, serial);
	assert_int_not_equal(X509_get_ext_by_OBJ(x, oid, -1), -1);
	/* 8.2.2: in no other certificate */
	assert_int_equal(serial_extension(leaf), -1);
	ASN1_OBJECT_free(oid);
	X509_free(x);
	X509_free(leaf);
	attestation_free(att);
}

static void
enterprise_key_is_the_providers(void **state)
{
	static const uint8_t no_epoch[KEY_EPOCH_LEN];
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	struct auth_attestation a;
	struct key_op op = { .verb = KEY_SIGN };
	X509 *x = enterprise(att);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_true(attestation_enterprise(att, &a));
	op.blob = a.blob;
	op.epoch = span(no_epoch, sizeof(no_epoch));
	op.bound = span_str(AUTH_ATTESTATION_BOUND);
	op.data[0] = span_str("authenticator data");
	assert_int_equal(keys_perform(f->keys, &op), 0);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
	    X509_get0_pubkey(x)), 1);
	assert_int_equal(EVP_DigestVerify(ctx, op.out_sig, op.out_sig_len,
	    op.data[0].p, op.data[0].len), 1);
	EVP_MD_CTX_free(ctx);
	X509_free(x);
	attestation_free(att);
}

/* Loads, and says the serial number, and whether att has what x is. */
static void
check_enterprise(struct fixture *f, const uint8_t *aaguid, int64_t now_s,
    const struct attestation_root *brought, X509 *before, bool same,
    const char *serial)
{
	struct attestation *att = load(f, aaguid, now_s, brought);
	X509 *x = enterprise(att), *root = root_of(att);
	char text[17];

	assert_non_null(x);
	serial_of(x, text);
	assert_string_equal(text, serial);
	assert_int_equal(X509_cmp(x, before) == 0, same);
	assert_int_equal(verify(x, NULL, root, now_s), 1);
	X509_free(x);
	X509_free(root);
	attestation_free(att);
}

static void
serial_number_is_for_good(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *x = enterprise(att);
	char serial[17], other[17];
	struct made_root m;

	serial_of(x, serial);
	attestation_free(att);
	check_enterprise(f, aaguid_a, NOW_S, NULL, x, true, serial);
	check_enterprise(f, aaguid_b, NOW_S, NULL, x, false, serial);
	check_enterprise(f, aaguid_b, NOW_S + 21 * YEAR_S, NULL, x, false,
	    serial);
	check_enterprise(f, aaguid_b, NOW_S + 41 * YEAR_S, NULL, x, false,
	    serial);
	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	check_enterprise(f, aaguid_a, NOW_S, &m.root, x, false, serial);
	root_done(&m);
	X509_free(x);
	/* another key has another one */
	f->store->len = 0;
	att = load(f, aaguid_a, NOW_S, NULL);
	x = enterprise(att);
	serial_of(x, other);
	assert_string_not_equal(serial, other);
	X509_free(x);
	attestation_free(att);
}

/* The record as sealkey wrote it before there were such certificates. */
static void
make_old(struct store *st)
{
	struct span last = record_part(span(st->value, st->len), 5);
	uint8_t *end = (uint8_t *)last.p + last.len;

	memmove(st->value + 42, st->value + 58, (size_t)(end - st->value) -
	    58);
	st->len = (size_t)(end - st->value) - 16;
	st->value[0] = 1;
}

static void
old_record_gets_an_enterprise_certificate(void **state)
{
	struct fixture *f = *state;
	struct attestation *old = load(f, aaguid_a, NOW_S, NULL), *now;
	char serial[17];
	X509 *x;

	make_old(f->store);
	now = load(f, aaguid_a, NOW_S, NULL);
	check_same(old, now, true, true, true);
	assert_int_equal(f->store->puts, 2);
	x = enterprise(now);
	serial_of(x, serial);
	check_enterprise(f, aaguid_a, NOW_S, NULL, x, true, serial);
	assert_int_equal(f->store->puts, 2);
	X509_free(x);
	attestation_free(old);
	attestation_free(now);
}

static void
old_record_of_a_brought_root_waits_for_it(void **state)
{
	struct fixture *f = *state;
	struct attestation *old, *now;
	struct auth_attestation a;
	struct made_root m;
	X509 *x;

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	old = load(f, aaguid_a, NOW_S, &m.root);
	make_old(f->store);
	now = load(f, aaguid_a, NOW_S, NULL);
	check_same(old, now, true, true, true);
	assert_false(attestation_enterprise(now, &a));
	assert_int_equal(f->store->puts, 1);
	attestation_free(now);
	now = load(f, aaguid_a, NOW_S, &m.root);
	check_same(old, now, true, true, true);
	x = enterprise(now);
	assert_non_null(x);
	assert_int_equal(f->store->puts, 2);
	X509_free(x);
	attestation_free(old);
	attestation_free(now);
	root_done(&m);
}

static void
no_enterprise_certificate_without_the_roots_key(void **state)
{
	struct fixture *f = *state;
	struct attestation *att;
	struct auth_attestation a;
	struct made_root m;
	char serial[17];
	X509 *x;

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	att = load(f, aaguid_a, NOW_S, &m.root);
	x = enterprise(att);
	serial_of(x, serial);
	attestation_free(att);
	att = load(f, aaguid_b, NOW_S, NULL);
	assert_false(attestation_enterprise(att, &a));
	check_chain(att, NOW_S);
	attestation_free(att);
	check_enterprise(f, aaguid_b, NOW_S, &m.root, x, false, serial);
	X509_free(x);
	root_done(&m);
}

static X509 *
u2f(const struct attestation *att)
{
	struct auth_attestation a;
	const uint8_t *p;
	X509 *x;

	attestation_config(att, ATTESTATION_PACKED, &a);
	p = a.u2f.p;
	x = d2i_X509(NULL, &p, a.u2f.len);
	assert_non_null(x);
	assert_ptr_equal(p, a.u2f.p + a.u2f.len);
	return x;
}

/* Alone it leads to the root, and it is of the key that signs. */
static void
check_u2f(const struct attestation *att, int64_t now_s)
{
	X509 *x = u2f(att), *leaf = x5c(att, 0), *root = root_of(att);

	assert_int_equal(verify(x, NULL, root, now_s), 1);
	assert_int_equal(verify(leaf, NULL, root, now_s), 0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x),
	    X509_get0_pubkey(leaf)), 1);
	X509_free(x);
	X509_free(leaf);
	X509_free(root);
}

static void
u2f_certificate_is_right_below_the_root(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *x = u2f(att), *root = root_of(att);

	check_u2f(att, NOW_S);
	check_u2f(att, NOW_S + 19 * YEAR_S);
	assert_int_equal(verify(x, NULL, root, NOW_S + 21 * YEAR_S), 0);
	X509_free(x);
	X509_free(root);
	attestation_free(att);
}

static void
u2f_certificate_tells_transports_and_no_aaguid(void **state)
{
	static const uint8_t usb[] = { 0x03, 0x02, 0x05, 0x20 };
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	X509 *x = u2f(att);
	X509_NAME *name = X509_get_subject_name(x);
	ASN1_OBJECT *aaguid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
	ASN1_OBJECT *transports = OBJ_txt2obj("1.3.6.1.4.1.45724.2.1.1", 1);
	X509_EXTENSION *ext;
	const ASN1_OCTET_STRING *value;

	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_NAME_entry_count(name), 4);
	check_name(name, 3, NID_commonName, V_ASN1_UTF8STRING,
	    "sealkey TEST U2F attestation");
	assert_int_equal(X509_get_ext_by_OBJ(x, aaguid, -1), -1);
	assert_int_equal(serial_extension(x), -1);
	ext = X509_get_ext(x, X509_get_ext_by_OBJ(x, transports, -1));
	assert_non_null(ext);
	assert_int_equal(X509_EXTENSION_get_critical(ext), 0);
	value = X509_EXTENSION_get_data(ext);
	assert_int_equal(ASN1_STRING_length(value), sizeof(usb));
	assert_memory_equal(ASN1_STRING_get0_data(value), usb, sizeof(usb));
	ASN1_OBJECT_free(aaguid);
	ASN1_OBJECT_free(transports);
	X509_free(x);
	attestation_free(att);
}

static void
u2f_certificate_stays_as_long_as_the_leaf(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *same = load(f, aaguid_a, NOW_S, NULL);
	struct attestation *b = load(f, aaguid_b, NOW_S, NULL);
	struct attestation *c = load(f, aaguid_b, NOW_S + 21 * YEAR_S, NULL);
	X509 *xa = u2f(a), *xsame = u2f(same), *xb = u2f(b);

	assert_int_equal(X509_cmp(xa, xsame), 0);
	assert_int_not_equal(X509_cmp(xa, xb), 0);
	check_u2f(b, NOW_S);
	check_u2f(c, NOW_S + 21 * YEAR_S);
	X509_free(xa);
	X509_free(xsame);
	X509_free(xb);
	attestation_free(a);
	attestation_free(same);
	attestation_free(b);
	attestation_free(c);
}

static void
old_record_gets_a_u2f_certificate(void **state)
{
	struct fixture *f = *state;
	struct attestation *old = load(f, aaguid_a, NOW_S, NULL), *now;

	make_old(f->store);
	now = load(f, aaguid_a, NOW_S, NULL);
	check_same(old, now, true, true, true);
	check_u2f(now, NOW_S);
	attestation_free(old);
	attestation_free(now);
}

/* The leaf stands in, until whoever brought the root brings it again. */
static void
no_u2f_certificate_without_the_roots_key(void **state)
{
	struct fixture *f = *state;
	struct attestation *att;
	struct made_root m;
	X509 *x, *leaf;

	make_root(&m, EVP_EC_gen("P-256"), &good_plan, NULL);
	att = load(f, aaguid_a, NOW_S, &m.root);
	check_u2f(att, NOW_S);
	attestation_free(att);
	att = load(f, aaguid_b, NOW_S, NULL);
	x = u2f(att);
	leaf = x5c(att, 0);
	assert_int_equal(X509_cmp(x, leaf), 0);
	X509_free(x);
	X509_free(leaf);
	attestation_free(att);
	att = load(f, aaguid_b, NOW_S, &m.root);
	check_u2f(att, NOW_S);
	attestation_free(att);
	root_done(&m);
}

/* Its key has to be read out of the certificate. */
static void
damaged_leaf_gets_no_u2f_certificate(void **state)
{
	struct fixture *f = *state;
	struct span leaf;

	attestation_free(load(f, aaguid_a, NOW_S, NULL));
	leaf = record_part(span(f->store->value, f->store->len), 4);
	f->store->value[leaf.p - f->store->value] ^= 0x10;
	make_old(f->store);
	refuse(f, NOW_S, NULL, -EUCLEAN, "the attestation record is damaged");
	assert_int_equal(f->store->puts, 1);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

/* With keys in the TPM. */
static struct attestation *
load_tpm(struct fixture *f, int alg, uint32_t manufacturer, int64_t now_s)
{
	struct attestation_plan plan = { .aaguid = aaguid_a, .now_s = now_s,
		.ak_alg = alg, .tpm_manufacturer = manufacturer };
	struct attestation *att = NULL;
	int r;

	f->msg[0] = '\0';
	r = attestation_load(f->store, &f->tpm.keys, &plan, &att, f->msg,
	    sizeof(f->msg));
	assert_string_equal(f->msg, "");
	assert_int_equal(r, 0);
	return att;
}

/* The certificate number i of the tpm attestation. */
static X509 *
tpm_x5c(const struct attestation *att, size_t i)
{
	struct auth_attestation a;
	X509 *x;

	assert_null(attestation_tpm(att, &a));
	assert_int_equal(a.kind, ATTESTATION_TPM);
	assert_true(i < a.x5c_count);
	x = certificate_parse(a.x5c[i]);
	assert_non_null(x);
	return x;
}

static void
ak_chain_leads_to_the_root_that_is_not_in_it(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load_tpm(f, 0, 0, NOW_S);
	X509 *leaf = tpm_x5c(att, 0), *ca = tpm_x5c(att, 1);
	X509 *root = root_of(att);
	struct auth_attestation a;

	assert_null(attestation_tpm(att, &a));
	assert_int_equal(a.alg, COSE_ES256);
	assert_int_equal(a.x5c_count, 2);
	assert_int_equal(verify(leaf, ca, root, NOW_S), 1);
	assert_int_equal(verify(leaf, ca, root, NOW_S + 19 * YEAR_S), 1);
	assert_int_equal(verify(leaf, ca, root, NOW_S + 21 * YEAR_S), 0);
	assert_int_equal(verify(leaf, NULL, root, NOW_S), 0);
	assert_int_not_equal(X509_cmp(leaf, root), 0);
	assert_int_not_equal(X509_cmp(ca, root), 0);
	X509_free(leaf);
	X509_free(ca);
	X509_free(root);
	attestation_free(att);
}

/* The bytes of an extension's value; *critical as it says. */
static struct span
extension(const X509 *x, int nid, int *critical)
{
	X509_EXTENSION *ext = X509_get_ext(x, X509_get_ext_by_NID(x, nid,
	    -1));
	const ASN1_OCTET_STRING *value;

	assert_non_null(ext);
	*critical = X509_EXTENSION_get_critical(ext);
	value = X509_EXTENSION_get_data(ext);
	return span(ASN1_STRING_get0_data(value),
	    (size_t)ASN1_STRING_length(value));
}

/* Byte by byte, as relying parties were found to want it. */
static void
ak_certificate_has_the_profile(void **state)
{
	static const uint8_t san[] =
	    "\x30\x46\xa4\x44\x30\x42"
	    "\x31\x16\x30\x14\x06\x05\x67\x81\x05\x02\x01\x0c\x0bid:49465800"
	    "\x31\x10\x30\x0e\x06\x05\x67\x81\x05\x02\x02\x0c\x05" "SLB96"
	    "\x31\x16\x30\x14\x06\x05\x67\x81\x05\x02\x03\x0c\x0bid:00070055";
	static const uint8_t eku[] = "\x30\x07\x06\x05\x67\x81\x05\x08\x03";
	static const uint8_t no_ca[] = { 0x30, 0x00 };
	struct fixture *f = *state;
	struct attestation *att;
	struct span value;
	X509 *leaf;
	int critical;

	f->tpm.info.vendor[6] = '\0';	/* " SLB96" */
	att = load_tpm(f, 0, 0, NOW_S);
	leaf = tpm_x5c(att, 0);
	assert_int_equal(X509_get_version(leaf), X509_VERSION_3);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(leaf)),
	    0);
	assert_int_equal(X509_get_ext_count(leaf), 4);
	value = extension(leaf, NID_subject_alt_name, &critical);
	assert_int_equal(critical, 1);
	assert_int_equal(value.len, sizeof(san) - 1);
	assert_memory_equal(value.p, san, value.len);
	value = extension(leaf, NID_ext_key_usage, &critical);
	assert_int_equal(critical, 0);
	assert_int_equal(value.len, sizeof(eku) - 1);
	assert_memory_equal(value.p, eku, value.len);
	value = extension(leaf, NID_basic_constraints, &critical);
	assert_int_equal(critical, 1);
	assert_int_equal(value.len, sizeof(no_ca));
	assert_memory_equal(value.p, no_ca, value.len);
	(void)extension(leaf, NID_authority_key_identifier, &critical);
	assert_int_equal(critical, 0);
	X509_free(leaf);
	attestation_free(att);
}

static void
tpm_without_a_name_is_a_tpm(void **state)
{
	struct fixture *f = *state;
	struct attestation *att;
	GENERAL_NAMES *names;
	X509_NAME *dir;
	X509 *leaf;

	snprintf(f->tpm.info.vendor, sizeof(f->tpm.info.vendor), "   ");
	att = load_tpm(f, 0, 0x414d4400, NOW_S);
	leaf = tpm_x5c(att, 0);
	names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	dir = sk_GENERAL_NAME_value(names, 0)->d.directoryName;
	assert_memory_equal(ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(
	    X509_NAME_get_entry(dir, 0))), "id:414D4400", 12);
	assert_memory_equal(ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(
	    X509_NAME_get_entry(dir, 1))), "TPM", 4);
	GENERAL_NAMES_free(names);
	X509_free(leaf);
	attestation_free(att);
}

/* Whether two loads have the key and the certificate of the AK in common. */
static void
check_ak(struct attestation *a, struct attestation *b, bool key, bool cert)
{
	X509 *xa = tpm_x5c(a, 0), *xb = tpm_x5c(b, 0);
	struct span ka = ak_blob(attestation_ak(a));
	struct span kb = ak_blob(attestation_ak(b));

	assert_int_equal(ka.len == kb.len && memcmp(ka.p, kb.p, ka.len) == 0,
	    key);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(xa),
	    X509_get0_pubkey(xb)) == 1, key);
	assert_int_equal(X509_cmp(xa, xb) == 0, cert);
	X509_free(xa);
	X509_free(xb);
	attestation_free(b);
}

static void
ak_stays_and_its_certificate_follows(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load_tpm(f, 0, 0, NOW_S);

	check_ak(a, load_tpm(f, COSE_ES256, 0, NOW_S + 100), true, true);
	assert_int_equal(f->store->ak[0].puts, 1);
	assert_int_equal(f->store->puts, 1);
	/* what it says of the TPM */
	check_ak(a, load_tpm(f, 0, 0x494e5443, NOW_S), true, false);
	check_ak(a, load_tpm(f, 0, 0x494e5443, NOW_S + 21 * YEAR_S), true,
	    false);
	/* a CA of before signs nothing that is found now */
	check_ak(a, load_tpm(f, 0, 0, NOW_S + 41 * YEAR_S), true, false);
	f->tpm.info.firmware++;
	check_ak(a, load_tpm(f, 0, 0, NOW_S + 41 * YEAR_S), true, false);
	assert_int_equal(f->tpm.restricted, 1);
	attestation_free(a);
}

static void
firmware_that_is_told_is_the_version(void **state)
{
	struct fixture *f = *state;
	struct attestation *a = load_tpm(f, 0, 0, NOW_S), *b;

	f->tpm.info.firmware += UINT64_C(1) << 32;
	b = load_tpm(f, 0, 0, NOW_S);
	check_ak(a, b, true, false);
	attestation_free(a);
}

static void
every_algorithm_has_an_ak_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct attestation *ec = load_tpm(f, COSE_ES256, 0, NOW_S);
	struct attestation *rsa = load_tpm(f, COSE_RS256, 0, NOW_S);
	struct auth_attestation a;
	X509 *leaf = tpm_x5c(rsa, 0);

	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)),
	    EVP_PKEY_RSA);
	assert_null(attestation_tpm(rsa, &a));
	assert_int_equal(a.alg, COSE_RS256);
	check_ak(ec, rsa, false, false);
	check_ak(ec, load_tpm(f, COSE_ES256, 0, NOW_S), true, true);
	assert_int_equal(f->tpm.restricted, 2);
	X509_free(leaf);
	attestation_free(ec);
}

static void
without_aks_there_is_packed_and_a_reason(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);
	struct auth_attestation a;

	assert_string_equal(attestation_tpm(att, &a),
	    "tpm attestation needs keys in a TPM");
	assert_null(attestation_ak(att));
	attestation_free(att);
	att = load_tpm(f, COSE_RS1, 0, NOW_S);	/* which this one lacks */
	assert_string_equal(attestation_tpm(att, &a), "the TPM has no "
	    "attestation keys of that algorithm");
	check_chain(att, NOW_S);
	attestation_free(att);
	assert_int_equal(f->store->ak[0].len, 0);
}

static void
ak_that_fails_is_an_error(void **state)
{
	struct attestation_plan plan = { .aaguid = aaguid_a,
		.now_s = NOW_S };
	struct fixture *f = *state;
	struct attestation *att = load(f, aaguid_a, NOW_S, NULL);

	attestation_free(att);
	att = NULL;
	f->tpm.fail = -ENODEV;
	assert_int_equal(attestation_load(f->store, &f->tpm.keys, &plan, &att,
	    f->msg, sizeof(f->msg)), -ENODEV);
	assert_string_equal(f->msg,
	    "the TPM's attestation key cannot be made");
	assert_null(att);
	assert_int_equal(f->store->ak[0].len, 0);
}

static void
damaged_ak_records_are_refused(void **state)
{
	struct attestation_plan plan = { .aaguid = aaguid_a,
		.now_s = NOW_S };
	struct fixture *f = *state;
	struct ak_record *r = &f->store->ak[0];
	struct attestation *att = NULL;
	size_t len;

	attestation_free(load_tpm(f, 0, 0, NOW_S));
	len = r->len;
	for (r->len = len + 1; r->len > 0; r->len--) {
		if (r->len == len)
			continue;
		assert_int_equal(attestation_load(f->store, &f->tpm.keys,
		    &plan, &att, f->msg, sizeof(f->msg)), -EUCLEAN);
		assert_string_equal(f->msg, "the record of the attestation "
		    "key is damaged, or from a newer version");
	}
	r->len = len;
	for (size_t i = 0; i < len; i++) {
		struct ak_record before = *r;

		r->value[i] ^= 0x81;
		if (attestation_load(f->store, &f->tpm.keys, &plan, &att,
		    f->msg, sizeof(f->msg)) == 0)
			attestation_free(att);
		*r = before;
	}
}

/* Enrolment, with a CA of the test's. */

enum oddity { FINE, SUBJECT, NO_PURPOSE, IS_CA, NO_NAME };

struct ca {
	EVP_PKEY	*key;
	X509		*root;
	X509		*ca;		/* intermediate, of the same key */
};

static void
ca_init(struct ca *ca, int64_t now_s)
{
	struct certificate_plan plan = { .kind = CERTIFICATE_ROOT,
		.now_s = now_s, .name = "Root of ACME" };

	ca->key = EVP_EC_gen("P-256");
	plan.key = plan.issuer_key = ca->key;
	assert_int_equal(certificate_make(&plan, &ca->root), 0);
	plan.kind = CERTIFICATE_INTERMEDIATE;
	plan.issuer = ca->root;
	plan.name = "AK CA of ACME";
	assert_int_equal(certificate_make(&plan, &ca->ca), 0);
}

static void
ca_done(struct ca *ca)
{
	EVP_PKEY_free(ca->key);
	X509_free(ca->root);
	X509_free(ca->ca);
}

/* For the key of att's AK, by that CA. */
static X509 *
ca_issue(const struct ca *ca, const struct attestation *att, int64_t now_s,
    enum oddity odd)
{
	static const struct certificate_tpm tpm = { "id:53544D20", "ST33",
		"id:00010002" };
	static const uint8_t serial[CERTIFICATE_SERIAL_LEN];
	X509 *ours = tpm_x5c(att, 0), *x;
	struct certificate_plan plan = {
		.kind = odd == FINE || odd == NO_PURPOSE ? CERTIFICATE_AK :
		    odd == IS_CA ? CERTIFICATE_INTERMEDIATE : CERTIFICATE_LEAF,
		.key = X509_get_pubkey(ours),
		.issuer = ca->ca,
		.issuer_key = ca->key,
		.now_s = now_s,
		.tpm = &tpm,
		.aaguid = aaguid_a,
		.serial = serial,
	};

	assert_int_equal(certificate_make(&plan, &x), 0);
	if (odd == NO_PURPOSE)
		X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x,
		    NID_ext_key_usage, -1)));
	if (odd == SUBJECT || odd == NO_NAME)
		add_ext(x, NID_ext_key_usage, "2.23.133.8.3");
	if (odd == NO_NAME)
		while (X509_NAME_entry_count(X509_get_subject_name(x)) > 0)
			X509_NAME_ENTRY_free(X509_NAME_delete_entry(
			    X509_get_subject_name(x), 0));
	assert_true(X509_sign(x, ca->key, EVP_sha256()) > 0);
	EVP_PKEY_free(plan.key);
	X509_free(ours);
	return x;
}

static size_t
add_pem(char *pem, size_t len, size_t size, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	PEM_write_bio_X509(bio, x);
	n = BIO_read(bio, pem + len, (int)(size - len));
	BIO_free(bio);
	assert_true(n > 0);
	return len + (size_t)n;
}

/* The certificate that is fine, but for one extension; NULL: without it. */
static X509 *
ca_issue_with(const struct ca *ca, const struct attestation *att, int nid,
    const char *value)
{
	X509 *x = ca_issue(ca, att, NOW_S, FINE);

	X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, nid,
	    -1)));
	if (value != NULL)
		add_ext(x, nid, value);
	/* what may sign nothing can say that it is a CA */
	if (nid == NID_basic_constraints)
		add_ext(x, NID_key_usage, "digitalSignature");
	assert_true(X509_sign(x, ca->key, EVP_sha256()) > 0);
	return x;
}

/* leaf, ca and root, those that are not NULL. */
static void
expect_enroll(struct fixture *f, struct attestation *att, X509 *leaf,
    X509 *ca, X509 *root, int64_t now_s, const char *why)
{
	X509 *all[] = { leaf, ca, root };
	char pem[16384], msg[200] = "", want[200] = "";
	size_t len = 0;
	int r;

	for (size_t i = 0; i < 3; i++)
		if (all[i] != NULL)
			len = add_pem(pem, len, sizeof(pem), all[i]);
	r = ak_enroll(attestation_ak(att), f->store, span(pem, len), now_s,
	    msg, sizeof(msg));
	if (why != NULL)
		snprintf(want, sizeof(want), "the certificate chain %s", why);
	assert_string_equal(msg, want);
	assert_int_equal(r, why == NULL ? 0 : -EINVAL);
}

static void
enrolled_chain_is_sent_until_it_expires(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load_tpm(f, 0, 0, NOW_S), *later;
	struct ca ca;
	struct auth_attestation a;
	X509 *leaf, *sent;

	ca_init(&ca, NOW_S);
	leaf = ca_issue(&ca, att, NOW_S, FINE);
	assert_int_equal(ak_enrolled_until(attestation_ak(att)), 0);
	expect_enroll(f, att, leaf, ca.ca, ca.root, NOW_S, NULL);
	assert_int_equal(ak_enrolled_until(attestation_ak(att)),
	    certificate_expiry(leaf));
	attestation_free(att);

	att = load_tpm(f, 0, 0x494e5443, NOW_S);	/* made anew, unused */
	assert_null(attestation_tpm(att, &a));
	assert_int_equal(a.x5c_count, 2);	/* without the root */
	sent = tpm_x5c(att, 0);
	assert_int_equal(X509_cmp(sent, leaf), 0);
	X509_free(sent);
	sent = tpm_x5c(att, 1);
	assert_int_equal(X509_cmp(sent, ca.ca), 0);
	X509_free(sent);

	later = load_tpm(f, 0, 0, certificate_expiry(leaf));
	sent = tpm_x5c(later, 0);
	assert_int_not_equal(X509_cmp(sent, leaf), 0);
	X509_free(sent);
	assert_int_not_equal(ak_enrolled_until(attestation_ak(later)), 0);
	attestation_free(later);
	attestation_free(att);
	X509_free(leaf);
	ca_done(&ca);
}

/* Each of them is refused by one relying party or another. */
static void
chain_that_only_some_accept_is_not_enrolled(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load_tpm(f, 0, 0, NOW_S);
	static const char no_ca[] = "does not say that it is no CA (basic "
	    "constraints, critical)";
	static const char purpose[] = "is not for an AK alone (extended key "
	    "usage 2.23.133.8.3, not critical)";
	static const struct {
		int		 nid;
		const char	*value;
		const char	*why;
	} odd[] = {
		{ NID_basic_constraints, "critical,CA:FALSE", NULL },
		{ NID_basic_constraints, "critical,CA:TRUE", no_ca },
		{ NID_basic_constraints, "CA:FALSE", no_ca },
		{ NID_basic_constraints, NULL, no_ca },
		{ NID_ext_key_usage, "2.23.133.8.3,clientAuth", purpose },
		{ NID_ext_key_usage, "clientAuth,2.23.133.8.3", purpose },
		{ NID_ext_key_usage, "critical,2.23.133.8.3", purpose },
	};
	struct ca ca;

	ca_init(&ca, NOW_S);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		X509 *x = ca_issue_with(&ca, att, odd[i].nid, odd[i].value);

		expect_enroll(f, att, x, ca.ca, NULL, NOW_S, odd[i].why);
		X509_free(x);
	}
	ca_done(&ca);
	attestation_free(att);
}

static void
chain_that_is_longer_than_a_ca_permits_is_not_enrolled(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load_tpm(f, 0, 0, NOW_S);
	struct certificate_plan plan = { .kind = CERTIFICATE_INTERMEDIATE,
		.now_s = NOW_S, .name = "CA of CAs" };
	struct ca ca;
	X509 *leaf, *above, *below;

	ca_init(&ca, NOW_S);
	plan.key = plan.issuer_key = ca.key;
	plan.issuer = ca.root;
	assert_int_equal(certificate_make(&plan, &above), 0);
	plan.issuer = above;
	plan.name = "AK CA of ACME";
	assert_int_equal(certificate_make(&plan, &below), 0);
	leaf = ca_issue(&ca, att, NOW_S, FINE);
	expect_enroll(f, att, leaf, below, above, NOW_S, NULL);
	X509_EXTENSION_free(X509_delete_ext(above, X509_get_ext_by_NID(above,
	    NID_basic_constraints, -1)));
	add_ext(above, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	assert_true(X509_sign(above, ca.key, EVP_sha256()) > 0);
	expect_enroll(f, att, leaf, below, above, NOW_S,
	    "has a CA that permits none below it (path length)");
	X509_free(leaf);
	X509_free(above);
	X509_free(below);
	ca_done(&ca);
	attestation_free(att);
}

static void
chain_for_something_else_is_not_enrolled(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load_tpm(f, 0, 0, NOW_S);
	struct attestation *rsa = load_tpm(f, COSE_RS256, 0, NOW_S);
	struct ca ca, other;
	X509 *x, *y;
	static const struct {
		enum oddity	 odd;
		const char	*why;
	} odd[] = {
		{ SUBJECT, "has a subject, which that of an AK must not have" },
		{ NO_PURPOSE, "is not for an AK alone (extended key usage "
		    "2.23.133.8.3, not critical)" },
		{ IS_CA, "does not say that it is no CA (basic constraints, "
		    "critical)" },
		{ NO_NAME, "does not name the TPM (subject alternative name)" },
	};

	ca_init(&ca, NOW_S);
	ca_init(&other, NOW_S);
	for (size_t i = 0; i < 4; i++) {
		x = ca_issue(&ca, att, NOW_S, odd[i].odd);
		expect_enroll(f, att, x, ca.ca, NULL, NOW_S, odd[i].why);
		X509_free(x);
	}
	x = ca_issue(&ca, att, NOW_S, FINE);
	y = ca_issue(&ca, rsa, NOW_S, FINE);
	expect_enroll(f, att, y, ca.ca, NULL, NOW_S,
	    "is for another key than this attestation key");
	expect_enroll(f, att, ca.ca, x, NULL, NOW_S,
	    "is for another key than this attestation key");
	expect_enroll(f, att, x, x, NULL, NOW_S,
	    "has an issuer that is not a CA");
	expect_enroll(f, att, x, other.ca, NULL, NOW_S, "does not link: each "
	    "certificate has to be signed by the one behind it");
	expect_enroll(f, att, x, ca.ca, NULL, NOW_S + 21 * YEAR_S,
	    "has expired");
	expect_enroll(f, att, x, ca.ca, NULL, NOW_S - 2 * 86400,
	    "is not valid yet");
	expect_enroll(f, att, NULL, NULL, NULL, NOW_S,
	    "has no PEM certificate");
	assert_int_equal(ak_enrolled_until(attestation_ak(att)), 0);
	assert_int_equal(f->store->ak[0].puts, 1);
	X509_free(x);
	X509_free(y);
	ca_done(&ca);
	ca_done(&other);
	attestation_free(att);
	attestation_free(rsa);
}

static void
files_that_are_no_chain_are_not_enrolled(void **state)
{
	struct fixture *f = *state;
	struct attestation *att = load_tpm(f, 0, 0, NOW_S);
	struct ca ca;
	char pem[65536], msg[200];
	size_t len, one;
	X509 *x;

	ca_init(&ca, NOW_S);
	x = ca_issue(&ca, att, NOW_S, FINE);
	one = len = add_pem(pem, 0, sizeof(pem), x);
	while (len < 10 * one)
		len = add_pem(pem, len, sizeof(pem), x);
	assert_int_equal(ak_enroll(attestation_ak(att), f->store,
	    span(pem, len), NOW_S, msg, sizeof(msg)), -EINVAL);
	assert_string_equal(msg, "the certificate chain has too many "
	    "certificates");
	pem[one / 2] = '!';
	assert_int_equal(ak_enroll(attestation_ak(att), f->store,
	    span(pem, one), NOW_S, msg, sizeof(msg)), -EINVAL);
	assert_string_equal(msg, "the certificate chain is not all PEM "
	    "certificates");
	f->store->fail = -ENOSPC;
	len = add_pem(pem, 0, sizeof(pem), x);
	len = add_pem(pem, len, sizeof(pem), ca.ca);
	assert_int_equal(ak_enroll(attestation_ak(att), f->store,
	    span(pem, len), NOW_S, msg, sizeof(msg)), -ENOSPC);
	assert_string_equal(msg, "the store said so");
	f->store->fail = 0;
	assert_int_equal(ak_enrolled_until(attestation_ak(att)), 0);
	X509_free(x);
	ca_done(&ca);
	attestation_free(att);
}

static void
ak_is_readable_from_the_store_alone(void **state)
{
	struct fixture *f = *state;
	struct ak *ak = NULL;
	char msg[200];

	assert_int_equal(ak_read(f->store, COSE_ES256, &ak, msg,
	    sizeof(msg)), -ENOENT);
	attestation_free(load_tpm(f, 0, 0, NOW_S));
	assert_int_equal(ak_read(f->store, COSE_ES256, &ak, msg,
	    sizeof(msg)), 0);
	assert_true(ak_blob(ak).len > 0);
	ak_free(ak);
	assert_int_equal(ak_read(f->store, COSE_EDDSA, &ak, msg,
	    sizeof(msg)), -ENOENT);
	assert_string_equal(ak_alg_name(COSE_RS1), "RS1");
	assert_int_equal(ak_alg("RS256"), COSE_RS256);
	assert_int_equal(ak_alg("ES384"), 0);
}

/* The CRL of a CA, which issuer signed; with the one number, and no other. */
static void
check_crl(struct fixture *f, enum attestation_ca which, X509 *issuer)
{
	BIGNUM *bn = BN_bin2bn(crl_revoked_serial, X509_SERIAL_LEN, NULL);
	ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(bn, NULL);
	const uint8_t *p;
	X509_REVOKED *entry;
	X509_CRL *crl;
	uint8_t *der;
	size_t len;
	time_t next = NOW_S + CRL_VALID_S;

	assert_int_equal(attestation_crl(f->store, which, NOW_S, &der, &len),
	    0);
	p = der;
	crl = d2i_X509_CRL(NULL, &p, (long)len);
	assert_non_null(crl);
	assert_ptr_equal(p, der + len);
	assert_int_equal(X509_CRL_get_version(crl), 1);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(issuer)), 1);
	assert_int_equal(X509_NAME_cmp(X509_CRL_get_issuer(crl),
	    X509_get_subject_name(issuer)), 0);
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(crl),
	    next), 0);
	assert_true(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl), NOW_S)
	    < 0);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 1);
	assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, serial), 1);
	assert_int_equal(X509_CRL_get0_by_serial(crl, &entry,
	    X509_get_serialNumber(issuer)), 0);
	X509_CRL_free(crl);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	free(der);
}

static void
both_cas_have_a_crl(void **state)
{
	struct fixture *f = *state;
	struct attestation *att;
	uint8_t *der;
	size_t len;
	X509 *ca, *root;

	assert_int_equal(attestation_crl(f->store, ATTESTATION_CA_ROOT, NOW_S,
	    &der, &len), -ENOENT);
	att = load(f, aaguid_a, NOW_S, NULL);
	ca = x5c(att, 1);
	root = root_of(att);
	check_crl(f, ATTESTATION_CA_ROOT, root);
	check_crl(f, ATTESTATION_CA_INTERMEDIATE, ca);
	X509_free(ca);
	X509_free(root);
	attestation_free(att);
}

static void
brought_root_has_no_crl_of_ours(void **state)
{
	struct fixture *f = *state;
	struct attestation *att;
	struct made_root m;
	uint8_t *der;
	size_t len;
	X509 *ca;

	make_root(&m, EVP_EC_gen("P-384"), &good_plan, NULL);
	att = load(f, aaguid_a, NOW_S, &m.root);
	ca = x5c(att, 1);
	assert_int_equal(attestation_crl(f->store, ATTESTATION_CA_ROOT, NOW_S,
	    &der, &len), -ENOKEY);
	check_crl(f, ATTESTATION_CA_INTERMEDIATE, ca);
	X509_free(ca);
	attestation_free(att);
	root_done(&m);
}

static void
u2f_identifier_is_that_of_its_certificate(void **state)
{
	struct fixture *f = *state;
	char id[ATTESTATION_KEY_ID_LEN + 1], want[41];
	struct auth_attestation a;
	struct attestation *att;
	uint8_t digest[20];
	const uint8_t *p;
	X509 *x;

	assert_int_equal(attestation_u2f_id(f->store, id), -ENOENT);
	att = load(f, aaguid_a, NOW_S, NULL);
	assert_int_equal(attestation_u2f_id(f->store, id), 0);
	attestation_config(att, ATTESTATION_PACKED, &a);
	p = a.u2f.p;
	x = d2i_X509(NULL, &p, (long)a.u2f.len);
	assert_int_equal(X509_pubkey_digest(x, EVP_sha1(), digest, NULL), 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(want + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(id, want);
	X509_free(x);
	attestation_free(att);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chain_leads_to_the_root_that_is_not_in_it),
		TEST(leaf_subject_is_as_packed_demands),
		TEST(leaf_subject_is_as_was_asked_for),
		TEST(record_without_subject_is_read),
		TEST(leaf_is_no_ca_and_says_so),
		TEST(leaf_has_the_aaguid_twice_wrapped_not_critical),
		TEST(key_ids_link_the_chain_and_serials_are_positive),
		TEST(leaf_key_is_the_providers),
		TEST(the_chain_is_there_whatever_kind_is_usual),
		TEST(second_load_is_the_same_and_writes_nothing),
		TEST(loading_again_takes_less_than_a_millisecond),
		TEST(other_aaguid_gets_another_leaf),
		TEST(expired_leaf_is_renewed),
		TEST(expired_root_is_renewed_with_all_below),
		TEST(two_state_directories_have_two_roots),
		TEST(brought_roots_sign_the_chain),
		TEST(brought_root_without_key_id_or_usage_will_do),
		TEST(chain_never_outlives_a_brought_root),
		TEST(brought_key_is_never_stored),
		TEST(brought_root_replaces_and_stays),
		TEST(expired_chain_of_a_brought_root_asks_for_it),
		TEST(unusable_roots_are_refused),
		TEST(unusable_root_keys_are_refused),
		TEST(files_that_are_no_root_are_refused),
		TEST(encrypted_root_key_is_refused_without_asking),
		TEST(damaged_records_are_survived),
		TEST(store_errors_are_passed_on),
		TEST(roots_are_readable_from_the_store_alone),
		TEST(ca_keys_are_wiped_once_loaded),
		TEST(enterprise_certificate_is_right_below_the_root),
		TEST(enterprise_certificate_names_the_key),
		TEST(enterprise_key_is_the_providers),
		TEST(serial_number_is_for_good),
		TEST(old_record_gets_an_enterprise_certificate),
		TEST(old_record_of_a_brought_root_waits_for_it),
		TEST(no_enterprise_certificate_without_the_roots_key),
		TEST(u2f_certificate_is_right_below_the_root),
		TEST(u2f_certificate_tells_transports_and_no_aaguid),
		TEST(u2f_certificate_stays_as_long_as_the_leaf),
		TEST(old_record_gets_a_u2f_certificate),
		TEST(no_u2f_certificate_without_the_roots_key),
		TEST(damaged_leaf_gets_no_u2f_certificate),
		TEST(ak_chain_leads_to_the_root_that_is_not_in_it),
		TEST(ak_certificate_has_the_profile),
		TEST(tpm_without_a_name_is_a_tpm),
		TEST(ak_stays_and_its_certificate_follows),
		TEST(firmware_that_is_told_is_the_version),
		TEST(every_algorithm_has_an_ak_of_its_own),
		TEST(without_aks_there_is_packed_and_a_reason),
		TEST(ak_that_fails_is_an_error),
		TEST(damaged_ak_records_are_refused),
		TEST(enrolled_chain_is_sent_until_it_expires),
		TEST(chain_that_only_some_accept_is_not_enrolled),
		TEST(chain_that_is_longer_than_a_ca_permits_is_not_enrolled),
		TEST(chain_for_something_else_is_not_enrolled),
		TEST(files_that_are_no_chain_are_not_enrolled),
		TEST(ak_is_readable_from_the_store_alone),
		TEST(both_cas_have_a_crl),
		TEST(brought_root_has_no_crl_of_ours),
		TEST(u2f_identifier_is_that_of_its_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
