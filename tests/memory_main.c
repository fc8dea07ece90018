/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what must not be in the daemon's memory not there?
 *
 *	memory SEALKEY
 *
 * Runs a key in the embedded TPM that attests with it, registers and signs in
 * with a key that lives in the TPM and with one that does not (EdDSA), and
 * reads the memory of the daemon and of its helper. Then, with nobody left who
 * uses the state directory, it unseals what is in there, and looks for each
 * secret in what it has read, both halves of it, in either byte order.
 *
 * To read the memory of a process that does not want it one has to be root,
 * or root of the user namespace that it runs in. Prints TAP.
 */
#include "authenticator/store/store.h"
#include "authenticator/client/token.h"
#include "tpm/link.h"
#include "tpm/record.h"
#include "tpm/seal.h"
#include "tpm/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define SECRET_LEN	32
#define SECRETS_MAX	16
#define SEED_AT		2		/* in a software key, software.md */
#define META_AT		(SEED_AT + SECRET_LEN)
#define SOFTWARE_LABEL	"sealkey key blobs 1"		/* software.md */
#define TPM_LABEL	"sealkey TPM key blobs 1"	/* tpmkey.md */
#define CHUNK		(1 << 20)

struct secret {
	const char	*name;
	uint8_t		 bytes[SECRET_LEN];
};

struct memory {
	uint8_t	*p;
	size_t	 len;
};

/* The key as it is found: a provider that only opens rows. */
struct finder {
	struct keys		 base;
	struct vault		*vault;
	uint8_t			 key[SEAL_KEY_LEN];
	struct seal_storage	 storage;
};

struct world {
	const char	*sealkey;
	char		 dir[64];
	char		 state[96];
	char		 socket[96];
	pid_t		 pid;
	struct memory	 daemon, helper;
	struct secret	 secret[SECRETS_MAX];
	size_t		 count;
	unsigned	 tests, failed;
};

static _Noreturn void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
result(struct world *w, bool ok, const char *fmt, const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), fmt, name);
	printf("%s %u - %s\n", ok ? "ok" : "not ok", ++w->tests, text);
	w->failed += !ok;
}

/* The key at work. */

static void
start(struct world *w)
{
	int fds[2];
	char fd[16], byte;

	if (pipe(fds) != 0 || (w->pid = fork()) == -1)
		die("cannot start a process");
	if (w->pid == 0) {
		snprintf(fd, sizeof(fd), "%d", fds[1]);
		close(fds[0]);
		execl(w->sealkey, w->sealkey, "run", "--state", w->state,
		    "--socket", w->socket, "--ready-fd", fd, "--tpm",
		    "embedded", "--attestation", "tpm", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		die("the key did not start");
	close(fds[0]);
}

static int
register_and_sign_in(struct token *t, int alg)
{
	static const uint8_t hash[32] = { 3 };
	struct token_make make = { .client_data_hash = span(hash, 32),
	    .rp_id = span_str("memory.example"), .rp_name = span_str("rp"),
	    .user_id = span(&alg, sizeof(alg)), .user_name = span_str("user"),
	    .algs = &alg, .alg_count = 1, .rk = true, .uv = true };
	struct token_get get = { .client_data_hash = span(hash, 32),
	    .rp_id = span_str("memory.example"), .uv = true };
	struct token_credential made;
	struct token_assertion got;
	int r;

	r = t->ops->make(t, &make, &made);
	for (int i = 0; r == 0 && i < 3; i++)
		r = t->ops->get(t, &get, &got);
	return r;
}

static void
use(struct world *w)
{
	char msg[256];
	struct token *t;
	int r;

	if (token_open_socket(w->socket, &t, msg, sizeof(msg)) != 0)
		die(msg);
	r = register_and_sign_in(t, COSE_ES256);
	if (r == 0)
		r = register_and_sign_in(t, COSE_EDDSA);
	token_free(t);
	if (r != 0)
		die("the key does not work");
}

/* Its memory. */

static void
append(struct memory *m, int fd, uint64_t from, uint64_t to)
{
	ssize_t n;

	while (from < to) {
		size_t want = to - from < CHUNK ? to - from : CHUNK;

		m->p = realloc(m->p, m->len + want);
		if (m->p == NULL)
			die("memory");
		n = pread(fd, m->p + m->len, want, (off_t)from);
		if (n <= 0)
			return;		/* such as [vvar] */
		m->len += (size_t)n;
		from += (uint64_t)n;
	}
}

/* One map behind the other: what is in two of them does not concern us. */
static void
read_memory(pid_t pid, struct memory *m)
{
	char path[64], line[512], mode[8];
	unsigned long from, to;
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY);
	if (fd == -1)
		die(path);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	if (maps == NULL)
		die(path);
	while (fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 &&
		    mode[0] == 'r')
			append(m, fd, from, to);
	fclose(maps);
	close(fd);
}

static pid_t
helper_of(pid_t pid)
{
	char path[64];
	int helper = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%d", &helper) != 1)
		die("the key has no helper");
	fclose(file);
	return helper;
}

static void
stop(struct world *w)
{
	int status;

	kill(w->pid, SIGTERM);
	if (waitpid(w->pid, &status, 0) != w->pid || status != 0)
		die("the key did not end well");
}

static bool
contains(const struct memory *m, const uint8_t secret[static SECRET_LEN])
{
	uint8_t reversed[SECRET_LEN];
	const size_t half = SECRET_LEN / 2;

	for (size_t i = 0; i < SECRET_LEN; i++)
		reversed[i] = secret[SECRET_LEN - 1 - i];
	return memmem(m->p, m->len, secret, half) != NULL ||
	    memmem(m->p, m->len, secret + half, half) != NULL ||
	    memmem(m->p, m->len, reversed, half) != NULL ||
	    memmem(m->p, m->len, reversed + half, half) != NULL;
}

/* What is in the state directory. */

static uint8_t *
add_secret(struct world *w, const char *name)
{
	if (w->count == SECRETS_MAX)
		die("too many secrets");
	w->secret[w->count].name = name;
	return w->secret[w->count++].bytes;
}

static int
finder_unlock(struct keys *k, struct span wrapped)
{
	struct finder *f = (struct finder *)k;
	int r;

	r = vault_unlock(f->vault, wrapped, NULL, f->key);
	return r == 0 ? seal_storage_init(&f->storage, f->key) : r;
}

static int
finder_seal(struct keys *k, struct span ad, struct span plain, uint8_t *out)
{
	return seal_box_seal(&((struct finder *)k)->storage.rows, ad,
	    span_str(""), plain, out);
}

static int
finder_open(struct keys *k, struct span ad, struct span sealed, uint8_t *out)
{
	return seal_box_open(&((struct finder *)k)->storage.rows, ad,
	    span_str(""), sealed, out);
}

static int
finder_tag(struct keys *k, const char *label, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	return seal_storage_tag(&((struct finder *)k)->storage, label, data,
	    out, KEY_TAG_LEN);
}

static const char *
finder_strerror(const struct keys *k)
{
	(void)k;
	return "";
}

static const struct keys_ops finder_ops = {
	.name = "tpm",
	.unlock = finder_unlock,
	.seal = finder_seal,
	.open = finder_open,
	.tag = finder_tag,
	.strerror = finder_strerror,
};

struct search {
	struct world	*w;
	uint8_t		*key;	/* wraps software keys */
	bool		 found;
};

/* The private key and the seed of its CredRandom: software.md. */
static int
take_software_key(void *arg, const struct credential *cred)
{
	struct search *s = arg;
	uint8_t plain[KEY_BLOB_MAX];
	const uint8_t version[] = { 1 };
	struct seal_box box;

	if (cred->alg != COSE_EDDSA)
		return 0;
	if (cred->blob[0] != version[0] || seal_box_init(&box, s->key) != 0 ||
	    seal_box_open(&box, span(version, 1), span(cred->rp_id_hash, 32),
	    span(cred->blob + 1, cred->blob_len - 1), plain) != 0)
		return 0;
	memcpy(add_secret(s->w, "the seed of a CredRandom"), plain + SEED_AT,
	    SECRET_LEN);
	memcpy(add_secret(s->w, "the private key of a software key"),
	    plain + META_AT + plain[1], SECRET_LEN);
	seal_box_done(&box);
	s->found = true;
	return 0;
}

/* Wherever a PKCS #8 begins in the record. */
static void
take_ca_keys(struct world *w, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const uint8_t *at = p + i;
		PKCS8_PRIV_KEY_INFO *info;
		EVP_PKEY *key;
		BIGNUM *bn = NULL;

		if (p[i] != 0x30)
			continue;
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)(len - i));
		key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
		if (key != NULL && EVP_PKEY_get_bn_param(key,
		    OSSL_PKEY_PARAM_PRIV_KEY, &bn) == 1)
			BN_bn2binpad(bn, add_secret(w, "the private key of a "
			    "CA"), SECRET_LEN);
		BN_clear_free(bn);
		EVP_PKEY_free(key);
		PKCS8_PRIV_KEY_INFO_free(info);
	}
}

static void
take_secrets(struct world *w, struct finder *f, struct store *st)
{
	static const uint8_t zeros[KEY_EPOCH_LEN];
	struct search s = { .w = w };
	struct auth_state state;
	uint8_t *record;
	size_t len, before;

	if (store_load(st, &state) != 0 ||
	    store_get(st, "attestation", &record, &len) != 0)
		die(store_strerror(st));
	memcpy(add_secret(w, "the storage key"), f->key, SECRET_LEN);
	s.key = add_secret(w, "the key that wraps software keys");
	if (seal_derive(f->key, span(state.epoch, KEY_EPOCH_LEN),
	    SOFTWARE_LABEL, s.key) != 0 ||
	    seal_derive(f->key, span(state.epoch, KEY_EPOCH_LEN),
	    TPM_LABEL, add_secret(w, "the key that wraps keys of the TPM")) !=
	    0 || seal_derive(f->key, span(zeros, sizeof(zeros)), TPM_LABEL,
	    add_secret(w, "the key that wraps attestation keys")) != 0)
		die("derive");
	if (store_each(st, take_software_key, &s) != 0 || !s.found)
		die("the EdDSA key is not to be found");
	before = w->count;
	take_ca_keys(w, record, len);
	if (w->count != before + 2)
		die("there should be two CA keys");
	store_blob_free(record, len);
}

static void
open_state(struct world *w)
{
	struct finder f = { .base.ops = &finder_ops };
	struct store_config cfg = { .create = false };
	struct keys_info info;
	struct store *st;
	struct link *l;
	char msg[256];
	int dirfd = open(w->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd == -1)
		die(w->state);
	if (link_open("embedded", dirfd, false, &l, &info, msg,
	    sizeof(msg)) != 0 || vault_new(l, dirfd, &f.vault) != 0 ||
	    store_open(dirfd, w->state, &f.base, &cfg, &st, msg,
	    sizeof(msg)) != 0)
		die(msg);
	take_secrets(w, &f, st);
	store_close(st);
	seal_storage_done(&f.storage);
	vault_free(f.vault);
	link_close(l);
	close(dirfd);
}

/*
 * That they are found where they have to be shows that they would be found
 * elsewhere: the helper has the storage key, the daemon what rows are sealed
 * with.
 */
static void
judge(struct world *w)
{
	uint8_t rows[SEAL_KEY_LEN], names[SEAL_KEY_LEN];

	result(w, contains(&w->helper, w->secret[0].bytes),
	    "%s is found in the helper", w->secret[0].name);
	if (seal_storage_derive(w->secret[0].bytes, rows, names) != 0)
		die("derive");
	result(w, contains(&w->daemon, rows), "%s is found in the daemon",
	    "the key that seals rows");
	for (size_t i = 0; i < w->count; i++)
		result(w, !contains(&w->daemon, w->secret[i].bytes),
		    "%s is not in the daemon", w->secret[i].name);
	printf("1..%u\n# %zu kB of the daemon, %zu kB of its helper\n",
	    w->tests, w->daemon.len / 1024, w->helper.len / 1024);
}

int
main(int argc, char **argv)
{
	static struct world w;
	char cmd[128];

	if (argc != 2) {
		fprintf(stderr, "usage: memory SEALKEY\n");
		return 2;
	}
	w.sealkey = argv[1];
	strcpy(w.dir, "/tmp/sealkey-memory-XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		die("mkdtemp");
	snprintf(w.state, sizeof(w.state), "%s/state", w.dir);
	snprintf(w.socket, sizeof(w.socket), "%s/socket", w.dir);
	start(&w);
	use(&w);
	read_memory(helper_of(w.pid), &w.helper);
	read_memory(w.pid, &w.daemon);
	stop(&w);
	open_state(&w);
	judge(&w);
	free(w.daemon.p);
	free(w.helper.p);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w.dir);
	return system(cmd) != 0 || w.failed > 0;
}
