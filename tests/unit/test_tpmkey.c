/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in a TPM: the embedded one, and swtpm; every test with both. What
 * comes out is checked by OpenSSL and by tpm2-tools.
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
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tcti.h>

#include "conformance/verify.h"
#include "tests/swtpm.h"
#include "tpm/embedded.h"
#include "tpm/tpmalg.h"
#include "tpm/tpmkey.h"

#define BOUND		"an RP ID hash, or so"
#define AK_BOUND	"attestation"
#define META		"123"
#define BUS_MAX		65536
#define TRANSIENT_FIRST	0x80000000	/* TPM2_TRANSIENT_FIRST overflows */

static const uint8_t storage_key[SEAL_KEY_LEN] = { 9, 8, 7 };
static const uint8_t epoch_a[KEY_EPOCH_LEN] = { 1, 2, 3 };
static const uint8_t epoch_b[KEY_EPOCH_LEN] = { 1, 2, 4 };
static const uint8_t zeros[KEY_EPOCH_LEN];
static const uint8_t salt_1[32] = { 1 };
static const uint8_t salt_2[32] = { 2 };

struct fixture {
	bool		 embedded;
	char		 dir[64];
	int		 dirfd;
	char		 swtpm_dir[72];
	struct swtpm	 swtpm;
	struct link	*link;
	struct tpmkeys	*keys;
};

/* --- the bus -------------------------------------------------------------- */

/* What was sent since bus_watch(). */
static struct {
	TSS2_TCTI_TRANSMIT_FCN transmit;
	uint32_t	codes[64];
	size_t		n;
	uint8_t		bytes[BUS_MAX];
	size_t		len;
} bus;

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
	assert_true(size >= 10 && bus.n < 64 && bus.len + size <= BUS_MAX);
	bus.codes[bus.n++] = (uint32_t)command[6] << 24 | command[7] << 16 |
	    command[8] << 8 | command[9];
	memcpy(bus.bytes + bus.len, command, size);
	bus.len += size;
	return bus.transmit(tcti, size, command);
}

static void
bus_watch(struct fixture *f)
{
	TSS2_TCTI_CONTEXT *tcti;

	assert_int_equal(Esys_GetTcti(link_esys(f->link), &tcti), 0);
	if (TSS2_TCTI_TRANSMIT(tcti) != transmit) {
		bus.transmit = TSS2_TCTI_TRANSMIT(tcti);
		TSS2_TCTI_TRANSMIT(tcti) = transmit;
	}
	bus.n = bus.len = 0;
}

static bool
bus_was(size_t n, ...)
{
	va_list ap;
	bool same = bus.n == n;

	va_start(ap, n);
	for (size_t i = 0; i < n && i < bus.n; i++)
		if (bus.codes[i] != va_arg(ap, uint32_t))
			same = false;
	va_end(ap);
	for (size_t i = 0; !same && i < bus.n; i++)
		print_message("command 0x%x\n", bus.codes[i]);
	return same;
}

static bool
bus_had(const void *p, size_t len)
{
	return memmem(bus.bytes, bus.len, p, len) != NULL;
}

/* --- fixture -------------------------------------------------------------- */

static void
power_on(struct fixture *f)
{
	struct keys_info info = { 0 };
	char msg[256];
	int r;

	r = link_open(f->embedded ? "embedded" : f->swtpm.target, f->dirfd,
	    true, &f->link, &info, msg, sizeof(msg));
	if (r != 0)
		fail_msg("%d: %s", r, msg);
	r = tpmkey_new(f->link, &f->keys);
	if (r != 0)
		fail_msg("%d: %s", r, link_strerror(f->link));
	tpmkey_unlock(f->keys, storage_key);
}

static void
power_off(struct fixture *f)
{
	tpmkey_free(f->keys);
	link_close(f->link);
	f->keys = NULL;
	f->link = NULL;
}

/* Another TPM, empty. */
static void
replace_tpm(struct fixture *f)
{
	power_off(f);
	if (f->embedded) {
		assert_int_equal(unlinkat(f->dirfd, EMBEDDED_FILE, 0), 0);
	} else {
		swtpm_remove(&f->swtpm);
		swtpm_on(&f->swtpm, f->swtpm_dir);
	}
	power_on(f);
}

static void
setup(void **state, bool embedded)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->embedded = embedded;
	strcpy(f->dir, "/tmp/test-tpmkey.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(f->dirfd, -1);
	snprintf(f->swtpm_dir, sizeof(f->swtpm_dir), "%s/swtpm", f->dir);
	assert_int_equal(mkdir(f->swtpm_dir, 0700), 0);
	if (!embedded)
		swtpm_on(&f->swtpm, f->swtpm_dir);
	power_on(f);
	*state = f;
}

static int
setup_embedded(void **state)
{
	setup(state, true);
	return 0;
}

static int
setup_swtpm(void **state)
{
	setup(state, false);
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	power_off(f);
	if (!f->embedded)
		swtpm_remove(&f->swtpm);
	assert_int_equal(rmdir(f->swtpm_dir), 0);
	unlinkat(f->dirfd, EMBEDDED_FILE, 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* --- operations ----------------------------------------------------------- */

static int
perform(struct fixture *f, struct key_op *op)
{
	int r = tpmkey_perform(f->keys, op);

	assert_int_equal(r, op->result);
	return r;
}

static void
must(struct fixture *f, struct key_op *op)
{
	int r = perform(f, op);

	if (r != 0)
		fail_msg("verb %d: %d: %s", op->verb, r,
		    link_strerror(f->link));
}

static void
create(struct fixture *f, int alg, struct key_op *op)
{
	*op = (struct key_op){ .verb = KEY_CREATE, .alg = alg,
		.epoch = span(epoch_a, sizeof(epoch_a)),
		.bound = span_str(BOUND), .meta = span_str(META) };
	must(f, op);
}

static void
create_ak(struct fixture *f, int alg, unsigned shape, struct key_op *op)
{
	*op = (struct key_op){ .verb = KEY_CREATE, .alg = alg,
		.epoch = span(zeros, sizeof(zeros)),
		.bound = span_str(AK_BOUND), .meta = span_str(""),
		.shape = KEY_RESTRICTED | shape };
	must(f, op);
}

static struct key_op
use(enum key_verb verb, const struct key_op *made)
{
	return (struct key_op){ .verb = verb,
		.blob = span(made->out_blob, made->out_blob_len),
		.epoch = made->epoch, .bound = made->bound };
}

static struct key_op
sign_op(const struct key_op *made)
{
	struct key_op op = use(KEY_SIGN, made);

	op.data[0] = span_str("authenticator data, ");
	op.data[1] = span_str("client data hash");
	return op;
}

static void
must_sign(struct fixture *f, const struct key_op *made)
{
	struct key_op op = sign_op(made);

	must(f, &op);
	assert_int_equal(op.alg, made->alg);
	assert_true(verify_signature(span(made->out_pub, made->out_pub_len),
	    span_str("authenticator data, client data hash"),
	    span(op.out_sig, op.out_sig_len)));
}

static void
hmac_op(struct fixture *f, const struct key_op *made, bool with_uv,
    struct key_op *op)
{
	*op = use(KEY_HMAC, made);
	op->data[0] = span(salt_1, sizeof(salt_1));
	op->data[1] = span(salt_2, sizeof(salt_2));
	op->with_uv = with_uv;
	must(f, op);
	assert_int_equal(op->out_sig_len, 64);
}

static void
certify(struct fixture *f, const struct key_op *made, const struct key_op *ak,
    bool strict, struct key_op *op)
{
	*op = use(KEY_CERTIFY, made);
	op->signer = span(ak->out_blob, ak->out_blob_len);
	op->signer_bound = ak->bound;
	op->data[0] = span_str("authenticator data, ");
	op->data[1] = span_str("client data hash");
	op->strict = strict;
	must(f, op);
	assert_int_equal(op->alg, ak->alg);
}

/* How many transient objects the TPM has. */
static unsigned
transient(struct fixture *f)
{
	TPMS_CAPABILITY_DATA *data;
	TPMI_YES_NO more;
	unsigned n;

	assert_int_equal(Esys_GetCapability(link_esys(f->link), ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, TRANSIENT_FIRST,
	    16, &more, &data), 0);
	n = data->data.handles.count;
	Esys_Free(data);
	return n;
}

/* --- making and signing --------------------------------------------------- */

static void
signatures_verify_under_the_public_key(void **state)
{
	static const int algs[] = { COSE_ES256, COSE_ES384, COSE_ES512,
		COSE_RS256, COSE_PS256 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		struct key_op made;

		assert_true(tpmkey_has_alg(f->keys, algs[i]));
		create(f, algs[i], &made);
		assert_true(tpmkey_is_ours(span(made.out_blob,
		    made.out_blob_len)));
		for (int n = 0; n < 5; n++)
			must_sign(f, &made);
	}
}

static void
other_algorithms_are_not_there(void **state)
{
	static const int algs[] = { COSE_EDDSA, COSE_ES256K, COSE_ML_DSA_44,
		COSE_RS1, 0 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		struct key_op op = { .verb = KEY_CREATE, .alg = algs[i],
			.epoch = span(epoch_a, sizeof(epoch_a)),
			.bound = span_str(BOUND), .meta = span_str("") };

		assert_false(tpmkey_has_alg(f->keys, algs[i]));
		assert_int_equal(perform(f, &op), -ENOTSUP);
		op.alg = COSE_ES384;
		op.shape = KEY_RESTRICTED;
		assert_int_equal(perform(f, &op), -ENOTSUP);
	}
}

/* That of U2F is a blob, and 255 bytes at most. */
static void
blobs_are_short(void **state)
{
	struct fixture *f = *state;
	struct key_op made, op;

	create(f, COSE_ES256, &made);
	assert_true(made.out_blob_len <= 255);
	op = use(KEY_OPEN, &made);
	must(f, &op);
	assert_int_equal(op.alg, COSE_ES256);
	assert_int_equal(op.out_meta_len, strlen(META));
	assert_memory_equal(op.out_meta, META, strlen(META));
	create(f, COSE_RS256, &made);
	assert_true(made.out_blob_len <= KEY_BLOB_MAX);
}

/*
 * Coordinates with leading zeros keep them, and the TPM's name is that of a
 * public area that has them: KEY_CERTIFY compares.
 */
static void
leading_zeros_stay(void **state)
{
	struct fixture *f = *state;
	struct key_op ak, made, op;
	uint8_t *x, *y;
	int found = 0;

	create_ak(f, COSE_ES256, 0, &ak);
	for (int i = 0; found < 2; i++) {
		assert_true(i < 10000);
		create(f, COSE_ES256, &made);
		/* { 1: 2, 3: -7, -1: 1, -2: x, -3: y } */
		assert_int_equal(made.out_pub_len, 77);
		x = made.out_pub + 10;
		y = made.out_pub + 45;
		if (x[0] != 0 && y[0] != 0)
			continue;
		found++;
		must_sign(f, &made);
		op = use(KEY_CERTIFY, &made);
		op.signer = span(ak.out_blob, ak.out_blob_len);
		op.signer_bound = ak.bound;
		must(f, &op);
		assert_int_equal(op.out_pub_area_len, 86);
		assert_memory_equal(op.out_pub_area + 20, x, 32);
		assert_memory_equal(op.out_pub_area + 54, y, 32);
	}
}

static void
a_key_survives_a_restart(void **state)
{
	struct fixture *f = *state;
	struct key_op made, before, after;

	create(f, COSE_ES256, &made);
	hmac_op(f, &made, true, &before);
	power_off(f);
	if (!f->embedded)
		swtpm_reset(&f->swtpm);
	power_on(f);
	must_sign(f, &made);
	hmac_op(f, &made, true, &after);
	assert_memory_equal(before.out_sig, after.out_sig, 64);
}

/* --- commands ------------------------------------------------------------- */

static void
a_loaded_key_takes_one_command(void **state)
{
	struct fixture *f = *state;
	struct key_op made;

	create(f, COSE_ES256, &made);
	bus_watch(f);
	must_sign(f, &made);
	assert_true(bus_was(2, TPM2_CC_Load, TPM2_CC_Sign));
	bus_watch(f);
	must_sign(f, &made);
	assert_true(bus_was(1, TPM2_CC_Sign));
}

/* A context is saved at the first eviction, and taken back from then on. */
static void
many_keys_take_turns(void **state)
{
	struct fixture *f = *state;
	struct key_op made[6];

	for (int i = 0; i < 6; i++)
		create(f, i % 2 == 0 ? COSE_ES256 : COSE_ES384, &made[i]);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 6; i++) {
			bus_watch(f);
			must_sign(f, &made[i]);
			assert_true(transient(f) <= 3);
		}
	}
	bus_watch(f);
	must_sign(f, &made[0]);
	assert_true(bus_was(3, TPM2_CC_FlushContext, TPM2_CC_ContextLoad,
	    TPM2_CC_Sign));
}

/*
 * Behind the back of ESAPI: all but the storage root key, which is a transient
 * one in a TPM that is not ours alone, and the first of them.
 */
static void
flush_all(struct fixture *f)
{
	/* TPM2_FlushContext, 14 bytes */
	uint8_t command[14] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65 };
	uint8_t answer[64];
	unsigned keep = f->embedded ? 0 : 1;
	TPMS_CAPABILITY_DATA *data;
	TSS2_TCTI_CONTEXT *tcti;
	TPMI_YES_NO more;
	size_t len;

	assert_int_equal(Esys_GetTcti(link_esys(f->link), &tcti), 0);
	assert_int_equal(Esys_GetCapability(link_esys(f->link), ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, TRANSIENT_FIRST,
	    16, &more, &data), 0);
	for (unsigned i = keep; i < data->data.handles.count; i++) {
		command[10] = 0x80;
		command[13] = (uint8_t)data->data.handles.handle[i];
		assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(command),
		    command), 0);
		len = sizeof(answer);
		assert_int_equal(Tss2_Tcti_Receive(tcti, &len, answer,
		    TSS2_TCTI_TIMEOUT_BLOCK), 0);
		assert_int_equal(len, 10);
		assert_int_equal(answer[9], 0);
	}
	Esys_Free(data);
	assert_int_equal(transient(f), keep);
}

/* What somebody else flushes is loaded again. */
static void
lost_keys_come_back(void **state)
{
	struct fixture *f = *state;
	struct key_op ak, made, op, again;

	create_ak(f, COSE_ES256, 0, &ak);
	create(f, COSE_ES256, &made);
	must_sign(f, &made);
	flush_all(f);
	bus_watch(f);
	must_sign(f, &made);
	/* in vain, cleared away, loaded and done */
	assert_true(bus_was(4, TPM2_CC_Sign, TPM2_CC_FlushContext,
	    TPM2_CC_Load, TPM2_CC_Sign));
	hmac_op(f, &made, false, &op);
	flush_all(f);
	hmac_op(f, &made, false, &again);
	assert_memory_equal(op.out_sig, again.out_sig, 64);
	certify(f, &made, &ak, false, &op);
	flush_all(f);
	certify(f, &made, &ak, false, &op);
	must_sign(f, &made);
}

static void
a_forgotten_epoch_leaves_the_tpm(void **state)
{
	struct fixture *f = *state;
	struct key_op made, op, next;
	unsigned before = transient(f);

	create(f, COSE_ES256, &made);
	must_sign(f, &made);
	hmac_op(f, &made, true, &op);
	assert_true(transient(f) > before);
	next = (struct key_op){ .verb = KEY_OPEN, .blob = op.blob,
		.epoch = span(epoch_b, sizeof(epoch_b)), .bound = op.bound };
	assert_int_equal(perform(f, &next), -EBADMSG);
	assert_int_equal(transient(f), f->embedded ? 0 : 1);
}

/* --- blobs that are not ours ---------------------------------------------- */

static void
foreign_blobs_are_refused(void **state)
{
	struct fixture *f = *state;
	struct key_op made, op;
	uint8_t copy[KEY_BLOB_MAX];

	create(f, COSE_ES256, &made);
	op = sign_op(&made);
	op.epoch = span(epoch_b, sizeof(epoch_b));
	assert_int_equal(perform(f, &op), -EBADMSG);
	op = sign_op(&made);
	op.bound = span_str("another RP ID hash");
	assert_int_equal(perform(f, &op), -EBADMSG);
	for (size_t len = 0; len < made.out_blob_len; len++) {
		op = sign_op(&made);
		op.blob.len = len;
		assert_int_equal(perform(f, &op), -EBADMSG);
	}
	bus_watch(f);
	for (size_t bit = 0; bit < 8 * made.out_blob_len; bit++) {
		memcpy(copy, made.out_blob, made.out_blob_len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		op = sign_op(&made);
		op.blob.p = copy;
		assert_int_equal(perform(f, &op), -EBADMSG);
	}
	assert_int_equal(bus.n, 0);	/* the TPM was not even asked */
	must_sign(f, &made);
}

/* Even with the right storage key. */
static void
keys_of_another_tpm_are_refused(void **state)
{
	struct fixture *f = *state;
	struct key_op made, op, before, after;

	create(f, COSE_ES256, &made);
	hmac_op(f, &made, true, &before);
	replace_tpm(f);
	op = sign_op(&made);
	assert_int_equal(perform(f, &op), -EBADMSG);
	assert_non_null(strstr(link_strerror(f->link), "another TPM"));
	/* CredRandom does not need the key, but its secret is not here */
	hmac_op(f, &made, true, &after);
	assert_memory_not_equal(before.out_sig, after.out_sig, 64);
}

static void
sizes_are_checked(void **state)
{
	struct fixture *f = *state;
	static const uint8_t long_bytes[KEY_META_MAX + 1];
	struct key_op made, op;

	create(f, COSE_ES256, &made);
	op = made;
	op.meta = span(long_bytes, sizeof(long_bytes));
	assert_int_equal(perform(f, &op), -EINVAL);
	op = made;
	op.shape = 0x04;
	assert_int_equal(perform(f, &op), -EINVAL);
	op = sign_op(&made);
	op.epoch.len--;
	assert_int_equal(perform(f, &op), -EINVAL);
	op = sign_op(&made);
	op.bound = span(long_bytes, 65);
	assert_int_equal(perform(f, &op), -EINVAL);
	op = use(KEY_HMAC, &made);
	op.data[0] = span(salt_1, 31);
	assert_int_equal(perform(f, &op), -EINVAL);
	op.data[0] = span(salt_1, 32);
	op.data[1] = span(salt_2, 16);
	assert_int_equal(perform(f, &op), -EINVAL);
	op = use(KEY_EK, &made);
	op.alg = 3;
	assert_int_equal(perform(f, &op), -EINVAL);
	op = use(KEY_PIN_CHECK, &made);
	assert_int_equal(perform(f, &op), -EINVAL);
}

/* --- hmac-secret ---------------------------------------------------------- */

static void
hmac_secrets_are_of_one_key(void **state)
{
	struct fixture *f = *state;
	struct key_op one, other, op, again, uv, theirs, single;

	create(f, COSE_ES256, &one);
	create(f, COSE_ES256, &other);
	hmac_op(f, &one, false, &op);
	hmac_op(f, &one, false, &again);
	assert_memory_equal(op.out_sig, again.out_sig, 64);
	assert_memory_not_equal(op.out_sig, op.out_sig + 32, 32);
	hmac_op(f, &one, true, &uv);
	assert_memory_not_equal(op.out_sig, uv.out_sig, 32);
	hmac_op(f, &other, false, &theirs);
	assert_memory_not_equal(op.out_sig, theirs.out_sig, 32);
	single = use(KEY_HMAC, &one);
	single.data[0] = span(salt_2, sizeof(salt_2));
	must(f, &single);
	assert_int_equal(single.out_sig_len, 32);
	assert_memory_equal(single.out_sig, op.out_sig + 32, 32);
}

/* The epoch of both, and the key of the blob, are in it (tpmkey.md). */
static void
hmac_secrets_cross_the_bus_encrypted(void **state)
{
	struct fixture *f = *state;
	uint8_t unique[SEAL_KEY_LEN], seeds[SEAL_KEY_LEN], seed[SEAL_KEY_LEN];
	struct key_op made, op;

	create(f, COSE_ES256, &made);
	assert_int_equal(seal_derive(storage_key, made.epoch,
	    "sealkey CredRandom key 1", unique), 0);
	assert_int_equal(seal_derive(storage_key, made.epoch,
	    "sealkey CredRandom seeds 1", seeds), 0);
	memmove(made.out_pub + 10 + 32, made.out_pub + 45, 32);
	assert_int_equal(seal_derive(seeds, span(made.out_pub + 10, 64),
	    "CredRandomWithUV", seed), 0);
	bus_watch(f);
	hmac_op(f, &made, true, &op);
	assert_true(bus.n >= 2);
	assert_true(bus.codes[bus.n - 2] == TPM2_CC_CreatePrimary);
	assert_true(bus.codes[bus.n - 1] == TPM2_CC_HMAC);
	assert_true(bus_had(unique, sizeof(unique)));
	/* there is no bus to an embedded one */
	assert_int_equal(bus_had(seed, sizeof(seed)), f->embedded);
	bus_watch(f);
	hmac_op(f, &made, true, &op);
	assert_true(bus_was(1, TPM2_CC_HMAC));
}

/* --- attestation ---------------------------------------------------------- */

static void
put_file(struct fixture *f, const char *name, struct span s)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(s.p, 1, s.len, file), s.len);
	assert_int_equal(fclose(file), 0);
}

/* What a shell command prints; it has to succeed. %s in it: the folder. */
static void
run(struct fixture *f, const char *format, char out[static 4096])
{
	char command[512];
	size_t n;
	FILE *p;

	snprintf(command, sizeof(command), format, f->dir, f->dir, f->dir,
	    f->dir);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(out, 1, 4095, p);
	out[n] = '\0';
	assert_int_equal(pclose(p), 0);
}

static void
hex_of(struct span s, char *out)
{
	for (size_t i = 0; i < s.len; i++)
		sprintf(out + 2 * i, "%02x", s.p[i]);
}

static uint32_t
take(struct span *s, size_t n)
{
	uint32_t v = 0;

	assert_true(s->len >= n);
	for (size_t i = 0; i < n; i++)
		v = v << 8 | s->p[i];
	*s = span(s->p + n, s->len - n);
	return v;
}

static struct span
take_sized(struct span *s)
{
	size_t n = take(s, 2);
	struct span out = span(s->p, n);

	assert_true(s->len >= n);
	*s = span(s->p + n, s->len - n);
	return out;
}

/* TPMS_ATTEST, part 2, 10.12.12: read by hand, for tpm2_print knows quotes. */
static void
check_attest(struct span info, struct span extra, struct span name)
{
	assert_int_equal(take(&info, 4), 0xff544347);
	assert_int_equal(take(&info, 2), 0x8017);
	assert_int_equal(take_sized(&info).len, 34);
	assert_true(span_eq(take_sized(&info), extra));
	take(&info, 4);
	take(&info, 4);			/* clock */
	take(&info, 4);			/* resetCount */
	take(&info, 4);			/* restartCount */
	assert_int_equal(take(&info, 1), 1);	/* safe */
	take(&info, 4);
	take(&info, 4);			/* firmwareVersion */
	assert_true(span_eq(take_sized(&info), name));
	assert_int_equal(take_sized(&info).len, 34);
	assert_int_equal(info.len, 0);
}

/* And what tpm2-tools make of the public area. */
static void
check_statement(struct fixture *f, const struct key_op *made,
    const struct key_op *op, struct span extra)
{
	uint8_t name[34] = { 0x00, 0x0b };
	bool rsa = made->alg == COSE_RS256;
	size_t at = rsa ? made->out_pub_len - 5 - 256 :
	    made->out_pub_len - 48;
	char text[4096], hex[513], expected[600];

	SHA256(op->out_pub_area, op->out_pub_area_len, name + 2);
	check_attest(span(op->out_cert_info, op->out_cert_info_len), extra,
	    span(name, sizeof(name)));
	put_file(f, "public", span(op->out_pub_area, op->out_pub_area_len));
	run(f, "tpm2_print -t TPMT_PUBLIC %s/public && rm %s/public", text);
	assert_non_null(strstr(text, "value: fixedtpm|fixedparent|"
	    "sensitivedataorigin|userwithauth|noda|sign\n"));
	assert_non_null(strstr(text, "scheme:\n  value: null\n"));
	/* the modulus, or y, of which 32 bytes will do */
	hex_of(span(made->out_pub + at, rsa ? 256 : 32), hex);
	if (made->alg == COSE_ES256)
		hex_of(span(made->out_pub + 45, 32), hex);
	snprintf(expected, sizeof(expected), "%s: %s", rsa ? "rsa" : "y", hex);
	assert_non_null(strstr(text, expected));
}

static bool
rs1_verifies(const struct key_op *ak, struct span msg, struct span sig)
{
	/* { ..., -1: n, -2: h'010001' } */
	const uint8_t *n = ak->out_pub + ak->out_pub_len - 5 - 256;
	EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	BIGNUM *bn = BN_bin2bn(n, 256, NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;
	bool ok;

	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn);
	OSSL_PARAM_BLD_push_ulong(bld, OSSL_PKEY_PARAM_RSA_E, 65537);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(make), 1);
	assert_int_equal(EVP_PKEY_fromdata(make, &key, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha1(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig.p, sig.len, msg.p, msg.len) == 1;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(make);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BN_free(bn);
	return ok;
}

static bool
statement_verifies(const struct key_op *ak, struct span info, struct span sig)
{
	if (ak->alg == COSE_RS1)
		return rs1_verifies(ak, info, sig);
	return verify_signature(span(ak->out_pub, ak->out_pub_len), info, sig);
}

static void
check_strict(const struct key_op *ak, const struct key_op *op)
{
	const struct tpmalg *a = tpmalg_find(ak->alg);
	uint8_t sig[KEY_SIG_MAX];
	TPMT_SIGNATURE parsed;
	size_t n = 0, len;

	assert_int_equal(Tss2_MU_TPMT_SIGNATURE_Unmarshal(op->out_sig,
	    op->out_sig_len, &n, &parsed), 0);
	assert_int_equal(n, op->out_sig_len);
	assert_int_equal(parsed.sigAlg, a->scheme);
	assert_int_equal(tpmalg_signature(a, &parsed, sig, &len), 0);
	assert_true(statement_verifies(ak, span(op->out_cert_info,
	    op->out_cert_info_len), span(sig, len)));
}

static void
restricted_keys_certify(void **state)
{
	static const int signers[] = { COSE_ES256, COSE_RS256, COSE_RS1 };
	static const int algs[] = { COSE_ES256, COSE_ES384, COSE_RS256 };
	const char *data = "authenticator data, client data hash";
	struct fixture *f = *state;
	struct key_op made[3], ak, op;
	uint8_t extra[32];

	for (int i = 0; i < 3; i++)
		create(f, algs[i], &made[i]);
	for (int s = 0; s < 3; s++) {
		create_ak(f, signers[s], 0, &ak);
		for (int i = 0; i < 3; i++) {
			certify(f, &made[i], &ak, false, &op);
			assert_true(statement_verifies(&ak,
			    span(op.out_cert_info, op.out_cert_info_len),
			    span(op.out_sig, op.out_sig_len)));
			if (signers[s] == COSE_RS1)
				SHA1((const uint8_t *)data, strlen(data),
				    extra);
			else
				SHA256((const uint8_t *)data, strlen(data),
				    extra);
			check_statement(f, &made[i], &op, span(extra,
			    signers[s] == COSE_RS1 ? 20 : 32));
			certify(f, &made[i], &ak, true, &op);
			check_strict(&ak, &op);
		}
	}
	bus_watch(f);
	certify(f, &made[2], &ak, false, &op);
	assert_true(bus_was(1, TPM2_CC_Certify));
}

static void
who_may_certify_what(void **state)
{
	struct fixture *f = *state;
	struct key_op made, ak, op;
	uint8_t soft[100] = { 1 };

	create(f, COSE_ES256, &made);
	create_ak(f, COSE_ES256, 0, &ak);
	/* a restricted key signs nothing from outside */
	op = sign_op(&ak);
	assert_int_equal(perform(f, &op), -EINVAL);
	/* one that signs anything says nothing about keys */
	certify(f, &made, &ak, false, &op);
	op.signer = span(made.out_blob, made.out_blob_len);
	op.signer_bound = made.bound;
	assert_int_equal(perform(f, &op), -EBADMSG);	/* another epoch */
	made.epoch = span(zeros, sizeof(zeros));
	made.result = 0;
	must(f, &made);
	op = use(KEY_CERTIFY, &made);
	op.signer = span(made.out_blob, made.out_blob_len);
	op.signer_bound = made.bound;
	assert_int_equal(perform(f, &op), -EINVAL);
	op.signer = span(ak.out_blob, ak.out_blob_len);
	assert_int_equal(perform(f, &op), -EBADMSG);	/* bound to others */
	op.signer = span(soft, sizeof(soft));
	assert_int_equal(perform(f, &op), -ENOTSUP);
	op.signer = span(NULL, 0);
	assert_int_equal(perform(f, &op), -ENOTSUP);
	op = use(KEY_CERTIFY, &made);
	op.blob = span(soft, sizeof(soft));
	op.signer = span(ak.out_blob, ak.out_blob_len);
	op.signer_bound = ak.bound;
	assert_int_equal(perform(f, &op), -ENOTSUP);
}

/* As Windows Hello has them: 32 bytes, where others have none. */
static void
a_policy_is_in_the_public_area(void **state)
{
	struct fixture *f = *state;
	const char *preimage = "sealkey: a policy that nothing satisfies";
	struct key_op made, ak, op, public;
	uint8_t policy[32];
	TPMT_PUBLIC pub;
	size_t n = 0;

	create_ak(f, COSE_RS1, KEY_WITH_POLICY, &ak);
	made = (struct key_op){ .verb = KEY_CREATE, .alg = COSE_RS256,
		.epoch = span(epoch_a, sizeof(epoch_a)),
		.bound = span_str(BOUND), .meta = span_str(META),
		.shape = KEY_WITH_POLICY };
	must(f, &made);
	must_sign(f, &made);
	certify(f, &made, &ak, false, &op);
	assert_int_equal(Tss2_MU_TPMT_PUBLIC_Unmarshal(op.out_pub_area,
	    op.out_pub_area_len, &n, &pub), 0);
	assert_int_equal(n, op.out_pub_area_len);
	SHA256((const uint8_t *)preimage, strlen(preimage), policy);
	assert_int_equal(pub.authPolicy.size, 32);
	assert_memory_equal(pub.authPolicy.buffer, policy, 32);
	assert_int_equal(pub.objectAttributes, 0x00040472);
	assert_int_equal(pub.parameters.rsaDetail.exponent, 0);
	public = use(KEY_PUBLIC, &made);
	must(f, &public);
	assert_true(span_eq(span(op.out_pub_area, op.out_pub_area_len),
	    span(public.out_pub_area, public.out_pub_area_len)));
}

/* --- enrolment ------------------------------------------------------------ */

static void
read_ek(struct fixture *f, int which, struct key_op *op)
{
	*op = (struct key_op){ .verb = KEY_EK, .alg = which };
	must(f, op);
}

/* tpm2-tools, as the CA: a challenge with that in it. */
static void
challenge(struct fixture *f, const struct key_op *ek, const struct key_op *ak,
    const char *secret, uint8_t out[static 1024], size_t *len)
{
	uint8_t size[2] = { (uint8_t)(ek->out_pub_area_len >> 8),
		(uint8_t)ek->out_pub_area_len };
	uint8_t ek_pub[2 + KEY_PUB_AREA_MAX], digest[32];
	char text[4096], command[512], name[80];
	struct key_op public = use(KEY_PUBLIC, ak);
	FILE *file;

	must(f, &public);
	memcpy(ek_pub, size, 2);
	memcpy(ek_pub + 2, ek->out_pub_area, ek->out_pub_area_len);
	put_file(f, "ek", span(ek_pub, 2 + ek->out_pub_area_len));
	put_file(f, "secret", span_str(secret));
	SHA256(public.out_pub_area, public.out_pub_area_len, digest);
	hex_of(span(digest, 32), name);
	snprintf(command, sizeof(command), "tpm2_makecredential -Q -T none "
	    "-u %s/ek -s %s/secret -n 000b%s -o %s/credential", f->dir, f->dir,
	    name, f->dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/credential", f->dir);
	file = fopen(command, "r");
	assert_non_null(file);
	*len = fread(out, 1, 1024, file);
	fclose(file);
	run(f, "rm %s/ek %s/secret %s/credential", text);
}

/* Its file: magic, version, TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET. */
static struct key_op
activate_op(const struct key_op *ak, int which, const uint8_t *file,
    size_t len)
{
	struct key_op op = use(KEY_ACTIVATE, ak);
	size_t id_len = (size_t)file[8] << 8 | file[9];

	op.alg = which;
	op.data[0] = span(file + 10, id_len);
	op.data[1] = span(file + 12 + id_len, len - 12 - id_len);
	return op;
}

static void
a_challenge_is_for_one_key(void **state)
{
	/* an RSA key takes long to make, every time */
	static const size_t steps[] = { 41, 1, 7 };
	struct fixture *f = *state;
	struct key_op ak, other, ek, op;
	uint8_t file[1024];
	size_t len;

	create_ak(f, COSE_ES256, 0, &ak);
	create_ak(f, COSE_ES256, 0, &other);
	for (int which = 0; which < 3; which++) {
		read_ek(f, which, &ek);
		assert_int_equal(ek.out_sig_len, 0);
		challenge(f, &ek, &ak, "open sesame", file, &len);
		op = activate_op(&ak, which, file, len);
		must(f, &op);
		assert_true(span_eq(span(op.out_sig, op.out_sig_len),
		    span_str("open sesame")));
		op = activate_op(&other, which, file, len);
		assert_int_equal(perform(f, &op), -EBADMSG);
		op = activate_op(&ak, (which + 1) % 3, file, len);
		assert_int_equal(perform(f, &op), -EBADMSG);
		for (size_t i = 8; i < len; i += steps[which]) {
			file[i] ^= 0x10;
			op = use(KEY_ACTIVATE, &ak);
			op.alg = which;
			op.data[0] = span(file + 10, 45);
			op.data[1] = span(file + 57, len - 57);
			if (i >= 10 && i != 55 && i != 56)
				assert_int_equal(perform(f, &op), -EBADMSG);
			file[i] ^= 0x10;
		}
		op = activate_op(&ak, which, file, len);
		must(f, &op);
	}
	assert_true(transient(f) <= 3);
}

#define TESTS(setup) \
	TEST(signatures_verify_under_the_public_key, setup), \
	TEST(other_algorithms_are_not_there, setup), \
	TEST(blobs_are_short, setup), \
	TEST(leading_zeros_stay, setup), \
	TEST(a_key_survives_a_restart, setup), \
	TEST(a_loaded_key_takes_one_command, setup), \
	TEST(many_keys_take_turns, setup), \
	TEST(lost_keys_come_back, setup), \
	TEST(a_forgotten_epoch_leaves_the_tpm, setup), \
	TEST(foreign_blobs_are_refused, setup), \
	TEST(keys_of_another_tpm_are_refused, setup), \
	TEST(sizes_are_checked, setup), \
	TEST(hmac_secrets_are_of_one_key, setup), \
	TEST(hmac_secrets_cross_the_bus_encrypted, setup), \
	TEST(restricted_keys_certify, setup), \
	TEST(who_may_certify_what, setup), \
	TEST(a_policy_is_in_the_public_area, setup), \
	TEST(a_challenge_is_for_one_key, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name, setup) { #name " (" #setup ")", name, setup, teardown, NULL }
		TESTS(setup_embedded),
		TESTS(setup_swtpm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
