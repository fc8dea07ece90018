/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/expr.h"

#include "authenticator/hex.h"
#include "conformance/verify.h"

#include "ctap/authdata.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static bool
complain(struct expr_env *env, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(env->why, sizeof(env->why), fmt, ap);
	va_end(ap);
	return false;
}

void
expr_env_done(struct expr_env *env)
{
	for (size_t i = 0; i < env->count; i++)
		free(env->vars[i].p);
	pin_agreement_free(env->platform);
	explicit_bzero(env, sizeof(*env));
}

/* NULL p: no such variable. */
static struct span
variable(const struct expr_env *env, const char *name)
{
	for (size_t i = 0; i < env->count; i++)
		if (strcmp(env->vars[i].name, name) == 0)
			return span(env->vars[i].p, env->vars[i].len);
	return span(NULL, 0);
}

bool
expr_set(struct expr_env *env, const char *name, struct span item)
{
	struct expr_var *v;

	if (env->count == EXPR_VARS_MAX || strlen(name) >= sizeof(v->name))
		return complain(env, "too many variables, or a long name");
	v = &env->vars[env->count];
	v->p = malloc(item.len + 1);
	if (v->p == NULL)
		return complain(env, "no memory");
	snprintf(v->name, sizeof(v->name), "%s", name);
	memcpy(v->p, item.p, item.len);
	v->len = item.len;
	env->count++;
	return true;
}

void
expr_blank(const char **text)
{
	while (**text == ' ' || **text == '\t')
		(*text)++;
}

static bool
take(const char **text, const char *token)
{
	size_t len = strlen(token);

	expr_blank(text);
	if (strncmp(*text, token, len) != 0)
		return false;
	*text += len;
	return true;
}

static size_t
take_word(const char **text, char word[static EXPR_NAME_MAX])
{
	size_t n = 0;

	while ((isalnum((unsigned char)**text) || **text == '_') &&
	    n < EXPR_NAME_MAX - 1)
		word[n++] = *(*text)++;
	word[n] = '\0';
	return n;
}

/* The bytes of a byte or text string, encoded; false if it is neither. */
static bool
content(struct span item, struct span *out)
{
	struct cbor_in in;

	cbor_in_init(&in, item);
	return cbor_peek(&in) == CBOR_TEXT ? cbor_text(&in, out) :
	    cbor_bytes(&in, out);
}

static bool
hex_bytes(struct expr_env *env, const char **text, uint8_t *out, size_t *len)
{
	int hi, lo;

	for (*len = 0; expr_blank(text), **text != '\''; (*len)++) {
		hi = hex_digit((*text)[0]);
		lo = hi < 0 ? -1 : hex_digit((*text)[1]);
		if (lo < 0 || *len == EXPR_VALUE_MAX)
			return complain(env, "bad hex");
		out[*len] = (uint8_t)(hi << 4 | lo);
		*text += 2;
	}
	(*text)++;
	return true;
}

/* h'00ff', h'00'*32 */
static bool
eval_bytes(struct expr_env *env, const char **text, struct cbor_out *out)
{
	static uint8_t buf[EXPR_VALUE_MAX];
	size_t unit, len;
	unsigned long times = 1;
	char *end;

	if (!hex_bytes(env, text, buf, &unit))
		return false;
	if (**text == '*') {
		times = strtoul(*text + 1, &end, 10);
		*text = end;
	}
	if (times * unit > sizeof(buf))
		return complain(env, "too long");
	for (len = unit; len < times * unit; len++)
		buf[len] = buf[len - unit];
	cbor_put_bytes(out, span(buf, times * unit));
	return true;
}

/* "text", with \\, \" and \xHH */
static bool
eval_text(struct expr_env *env, const char **text, struct cbor_out *out)
{
	uint8_t buf[1024];
	size_t len = 0;

	while (**text != '"') {
		if (**text == '\0' || len == sizeof(buf))
			return complain(env, "unfinished text");
		if (**text == '\\' && (*text)[1] == 'x' &&
		    hex_digit((*text)[2]) >= 0 && hex_digit((*text)[3]) >= 0) {
			buf[len++] = (uint8_t)(hex_digit((*text)[2]) << 4 |
			    hex_digit((*text)[3]));
			*text += 4;
			continue;
		}
		if (**text == '\\')
			(*text)++;
		buf[len++] = (uint8_t)*(*text)++;
	}
	(*text)++;
	if (**text == '*') {
		unsigned long times = strtoul(*text + 1, (char **)text, 10);
		size_t unit = len;

		if (times * unit > sizeof(buf))
			return complain(env, "too long");
		for (; len < times * unit; len++)
			buf[len] = buf[len - unit];
	}
	cbor_put_text(out, span(buf, len));
	return true;
}

/* Elements up to close, encoded one behind the other. */
static bool
eval_elements(struct expr_env *env, const char **text, const char *close,
    bool map, struct cbor_out *out, size_t *count)
{
	for (*count = 0; !take(text, close); (*count)++) {
		if (*count > 0 && !take(text, ","))
			return complain(env, "expected , or %s", close);
		if (!expr_eval(env, text, out))
			return false;
		if (map && !take(text, ":"))
			return complain(env, "expected :");
		if (map && !expr_eval(env, text, out))
			return false;
	}
	return true;
}

static bool
eval_container(struct expr_env *env, const char **text, bool map,
    struct cbor_out *out)
{
	uint8_t *buf = malloc(EXPR_VALUE_MAX);
	struct cbor_out inner;
	size_t count;
	bool ok;

	if (buf == NULL)
		return complain(env, "no memory");
	cbor_out_init(&inner, buf, EXPR_VALUE_MAX);
	ok = eval_elements(env, text, map ? "}" : "]", map, &inner, &count);
	if (ok && map)
		cbor_put_map(out, count);
	else if (ok)
		cbor_put_array(out, count);
	cbor_put_raw(out, cbor_out_span(&inner));
	free(buf);
	return ok;
}

/* Functions. Arguments are the contents of strings, or encoded items. */

static bool
fn_sha256(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	uint8_t hash[32];

	(void)env;
	EVP_Q_digest(NULL, "SHA256", NULL, arg[0].p, arg[0].len, hash, NULL);
	cbor_put_bytes(out, span(hash, sizeof(hash)));
	return true;
}

static void
put_hmac(struct span key, struct span msg, size_t len, struct cbor_out *out)
{
	uint8_t mac[32];
	unsigned int n = sizeof(mac);

	HMAC(EVP_sha256(), key.p, (int)key.len, msg.p, msg.len, mac, &n);
	cbor_put_bytes(out, span(mac, len));
}

/* mac(token, message), protocol two; mac1: protocol one */
static bool
fn_mac(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	(void)env;
	put_hmac(arg[0], arg[1], 32, out);
	return true;
}

static bool
fn_mac1(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	(void)env;
	put_hmac(arg[0], arg[1], 16, out);
	return true;
}

/* raw(h'..'): those bytes, as they are */
static bool
fn_raw(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	(void)env;
	cbor_put_raw(out, arg[0]);
	return true;
}

/* padded("PIN"): as newPinEnc has it; pinhash("PIN"): as pinHashEnc does */
static bool
fn_padded(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	uint8_t block[64] = { 0 };

	if (arg[0].len > sizeof(block))
		return complain(env, "padded: too long");
	memcpy(block, arg[0].p, arg[0].len);
	cbor_put_bytes(out, span(block, sizeof(block)));
	return true;
}

static bool
fn_pinhash(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	uint8_t hash[32];

	(void)env;
	EVP_Q_digest(NULL, "SHA256", NULL, arg[0].p, arg[0].len, hash, NULL);
	cbor_put_bytes(out, span(hash, 16));
	return true;
}

static bool
fn_cat(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	uint8_t buf[EXPR_VALUE_MAX];

	if (arg[0].len + arg[1].len > sizeof(buf))
		return complain(env, "cat: length");
	memcpy(buf, arg[0].p, arg[0].len);
	memcpy(buf + arg[0].len, arg[1].p, arg[1].len);
	cbor_put_bytes(out, span(buf, arg[0].len + arg[1].len));
	return true;
}

/* cbor(item): its encoding, as a MAC over parameters needs it */
static bool
fn_cbor(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	(void)env;
	cbor_put_bytes(out, arg[0]);
	return true;
}

/* HKDF-SHA-256 of one block, with a salt of zeros (RFC 5869) */
static void
derive_block(struct span secret, struct span info, uint8_t out[static 32])
{
	static const uint8_t salt[32];
	uint8_t prk[32], data[64];
	unsigned int n = 32;

	HMAC(EVP_sha256(), salt, sizeof(salt), secret.p, secret.len, prk, &n);
	memcpy(data, info.p, info.len);
	data[info.len] = 1;
	HMAC(EVP_sha256(), prk, sizeof(prk), data, info.len + 1, out, &n);
}

/*
 * unseal(token, "encIdentifier", sealed): the value in such a member of
 * getInfo, CTAP 2.3, 6.4
 */
static bool
fn_unseal(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[32], value[32];
	int n = 0;
	bool ok;

	ok = arg[0].len == 32 && arg[1].len < 32 && arg[2].len == 32;
	if (ok)
		derive_block(arg[0], arg[1], key);
	ok = ok && ctx != NULL && EVP_DecryptInit_ex2(ctx,
	    EVP_aes_128_cbc(), key, arg[2].p, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	    EVP_DecryptUpdate(ctx, value, &n, arg[2].p + 16, 16) == 1 &&
	    n == 16;
	EVP_CIPHER_CTX_free(ctx);
	cbor_put_bytes(out, span(value, ok ? 16 : 0));
	return ok || complain(env, "unseal(token, name, 32 bytes)");
}

static bool
fn_flip(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	uint8_t buf[1024];

	if (arg[0].len == 0 || arg[0].len > sizeof(buf))
		return complain(env, "flip: length");
	memcpy(buf, arg[0].p, arg[0].len);
	buf[arg[0].len - 1] ^= 1;
	cbor_put_bytes(out, span(buf, arg[0].len));
	return true;
}

/* Of a reply to U2F_REGISTER */
static bool
fn_handle(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	if (arg[0].len < 67 || arg[0].p[0] != 5 || arg[0].p[1] != 4 ||
	    arg[0].len < 67 + (size_t)arg[0].p[66])
		return complain(env, "handle: no registration");
	cbor_put_bytes(out, span(arg[0].p + 67, arg[0].p[66]));
	return true;
}

/* With a byte in front that says how many there are. */
static bool
fn_counted(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	uint8_t buf[256];

	if (arg[0].len >= sizeof(buf))
		return complain(env, "counted: length");
	buf[0] = (uint8_t)arg[0].len;
	memcpy(buf + 1, arg[0].p, arg[0].len);
	cbor_put_bytes(out, span(buf, 1 + arg[0].len));
	return true;
}

/* What a reply to U2F_AUTHENTICATE says: [presence, counter] */
static bool
fn_presence(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	const uint8_t *p = arg[0].p;

	if (arg[0].len < 6)
		return complain(env, "presence: no assertion");
	cbor_put_array(out, 2);
	cbor_put_uint(out, p[0]);
	cbor_put_uint(out, (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 8 | p[4]);
	return true;
}

/* Of authenticator data: ID, public key, extension outputs. */
static bool
fn_credid(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	size_t len;

	if (arg[0].len < 55 || !(arg[0].p[32] & AUTHDATA_AT))
		return complain(env, "credid: no attested data");
	len = (size_t)arg[0].p[53] << 8 | arg[0].p[54];
	if (arg[0].len < 55 + len)
		return complain(env, "credid: truncated");
	cbor_put_bytes(out, span(arg[0].p + 55, len));
	return true;
}

/* The COSE_Key behind the credential ID, as an item. */
static bool
fn_pubkey(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	struct cbor_in in;
	struct span key;
	size_t at;

	if (arg[0].len < 55 || !(arg[0].p[32] & AUTHDATA_AT))
		return complain(env, "pubkey: no attested data");
	at = 55 + ((size_t)arg[0].p[53] << 8 | arg[0].p[54]);
	if (arg[0].len < at)
		return complain(env, "pubkey: truncated");
	cbor_in_init(&in, span(arg[0].p + at, arg[0].len - at));
	if (!cbor_any(&in, &key))
		return complain(env, "pubkey: none");
	cbor_put_raw(out, key);
	return true;
}

/* verified(key, message, signature) */
static bool
fn_verified(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	struct span msg, sig;

	if (!content(arg[1], &msg) || !content(arg[2], &sig))
		return complain(env, "verified(key, message, signature)");
	cbor_put_bool(out, verify_signature(arg[0], msg, sig));
	return true;
}

static bool
fn_ext(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	struct cbor_in in;
	size_t at = 37;

	if (arg[0].len <= at || !(arg[0].p[32] & AUTHDATA_ED))
		return complain(env, "ext: no extension outputs");
	if (arg[0].p[32] & AUTHDATA_AT) {
		if (arg[0].len < 55)
			return complain(env, "ext: truncated");
		at = 55 + ((size_t)arg[0].p[53] << 8 | arg[0].p[54]);
		if (arg[0].len < at)
			return complain(env, "ext: truncated");
		cbor_in_init(&in, span(arg[0].p + at, arg[0].len - at));
		if (!cbor_any(&in, NULL))
			return complain(env, "ext: bad public key");
		at = arg[0].len - in.rest.len;
	}
	if (!cbor_check(span(arg[0].p + at, arg[0].len - at)))
		return complain(env, "ext: not canonical, or bytes behind");
	cbor_put_raw(out, span(arg[0].p + at, arg[0].len - at));
	return true;
}

static bool
fn_count(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	const uint8_t *p = arg[0].p;

	if (arg[0].len < 37)
		return complain(env, "count: no authenticator data");
	cbor_put_uint(out, (uint32_t)p[33] << 24 | (uint32_t)p[34] << 16 |
	    (uint32_t)p[35] << 8 | p[36]);
	return true;
}

/* After "* agree": the platform's public key, and its shared secret. */
static bool
fn_platform(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	uint8_t cose[COSE_KEY_MAX];

	(void)arg;
	if (env->platform == NULL)
		return complain(env, "no key agreement yet");
	cbor_put_raw(out, span(cose,
	    pin_agreement_public(env->platform, cose)));
	return true;
}

static bool
fn_encrypt(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	static const uint8_t iv[PIN_IV_LEN] = { 1, 2, 3 };
	uint8_t buf[512 + PIN_IV_LEN];

	if (arg[0].len > 512 || arg[0].len % 16 != 0)
		return complain(env, "encrypt: length");
	cbor_put_bytes(out, span(buf, pin_encrypt(&env->secret, iv,
	    arg[0].p, arg[0].len, buf)));
	return true;
}

static bool
fn_decrypt(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	uint8_t buf[512];
	size_t len;

	if (!pin_decrypt(&env->secret, arg[0], buf, sizeof(buf), &len))
		return complain(env, "decrypt: length");
	cbor_put_bytes(out, span(buf, len));
	return true;
}

/* authenticate() under the shared secret */
static bool
fn_authenticate(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	put_hmac(span(env->secret.key, 32), arg[0],
	    env->secret.protocol == 1 ? 16 : 32, out);
	return true;
}

/* with($map, {k: v}), without($map, k): a map with other members */

static bool
copy_members(struct cbor_in *in, size_t pairs, struct span drop,
    struct cbor_out *out, size_t *count)
{
	struct span key, value;

	for (; pairs > 0; pairs--) {
		if (!cbor_any(in, &key) || !cbor_any(in, &value))
			return false;
		if (span_eq(key, drop))
			continue;
		cbor_put_raw(out, key);
		cbor_put_raw(out, value);
		(*count)++;
	}
	return true;
}

/* CTAP 2.3, 8: by major type, by length, bytewise */
static bool
key_before(struct span a, struct span b)
{
	if (a.p[0] >> 5 != b.p[0] >> 5)
		return a.p[0] >> 5 < b.p[0] >> 5;
	if (a.len != b.len)
		return a.len < b.len;
	return memcmp(a.p, b.p, a.len) < 0;
}

static bool
edit_map(struct expr_env *env, struct span map, struct span key,
    struct span value, struct cbor_out *out)
{
	uint8_t *buf = malloc(EXPR_VALUE_MAX);
	struct span k, v, rest;
	size_t pairs, count = 0;
	struct cbor_out inner;
	struct cbor_in in;
	bool ok;

	if (buf == NULL)
		return complain(env, "no memory");
	cbor_out_init(&inner, buf, EXPR_VALUE_MAX);
	cbor_in_init(&in, map);
	ok = cbor_map(&in, &pairs);
	while (ok && pairs > 0) {
		rest = in.rest;
		if (!cbor_any(&in, &k) || !cbor_any(&in, &v) ||
		    !key_before(k, key))
			break;
		cbor_put_raw(&inner, k);
		cbor_put_raw(&inner, v);
		count++;
		pairs--;
	}
	if (ok && value.p != NULL) {
		cbor_put_raw(&inner, key);
		cbor_put_raw(&inner, value);
		count++;
	}
	if (ok && pairs > 0) {
		in.rest = rest;
		ok = copy_members(&in, pairs, key, &inner, &count);
	}
	cbor_put_map(out, count);
	cbor_put_raw(out, cbor_out_span(&inner));
	free(buf);
	return ok || complain(env, "not a map");
}

static bool
fn_with(struct expr_env *env, const struct span *arg, struct cbor_out *out)
{
	struct span key, value;
	struct cbor_in in;
	size_t pairs;

	cbor_in_init(&in, arg[1]);
	if (!cbor_map(&in, &pairs) || pairs != 1 || !cbor_any(&in, &key) ||
	    !cbor_any(&in, &value))
		return complain(env, "with($map, {key: value})");
	return edit_map(env, arg[0], key, value, out);
}

static bool
fn_without(struct expr_env *env, const struct span *arg,
    struct cbor_out *out)
{
	return edit_map(env, arg[0], arg[1], span(NULL, 0), out);
}

static const struct {
	const char	*name;
	unsigned	 args;
	bool		(*fn)(struct expr_env *env, const struct span *arg,
			    struct cbor_out *out);
	bool		 items;		/* arguments stay encoded */
} functions[] = {
	{ "sha256",		1, fn_sha256, false },
	{ "mac",		2, fn_mac, false },
	{ "mac1",		2, fn_mac1, false },
	{ "raw",		1, fn_raw, false },
	{ "cat",		2, fn_cat, false },
	{ "padded",		1, fn_padded, false },
	{ "pinhash",		1, fn_pinhash, false },
	{ "cbor",		1, fn_cbor, true },
	{ "unseal",		3, fn_unseal, false },
	{ "flip",		1, fn_flip, false },
	{ "handle",		1, fn_handle, false },
	{ "counted",		1, fn_counted, false },
	{ "presence",		1, fn_presence, false },
	{ "credid",		1, fn_credid, false },
	{ "pubkey",		1, fn_pubkey, false },
	{ "verified",		3, fn_verified, true },
	{ "ext",		1, fn_ext, false },
	{ "count",		1, fn_count, false },
	{ "platform",		0, fn_platform, false },
	{ "encrypt",		1, fn_encrypt, false },
	{ "decrypt",		1, fn_decrypt, false },
	{ "authenticate",	1, fn_authenticate, false },
	{ "with",		2, fn_with, true },
	{ "without",		2, fn_without, true },
};

static bool
eval_arguments(struct expr_env *env, const char **text, unsigned count,
    bool items, struct cbor_out *out, struct span *arg)
{
	size_t start;

	for (unsigned i = 0; i < count; i++) {
		if (i > 0 && !take(text, ","))
			return complain(env, "expected ,");
		start = out->len;
		if (!expr_eval(env, text, out))
			return false;
		arg[i] = span(out->p + start, out->len - start);
		if (!items && !content(arg[i], &arg[i]))
			return complain(env, "expected a string");
	}
	return take(text, ")") || complain(env, "expected )");
}

static bool
eval_function(struct expr_env *env, const char **text, const char *name,
    struct cbor_out *out)
{
	size_t n = sizeof(functions) / sizeof(functions[0]), i;
	struct span arg[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	uint8_t *buf = malloc(EXPR_VALUE_MAX);
	struct cbor_out scratch;
	bool ok;

	for (i = 0; i < n && strcmp(functions[i].name, name) != 0; i++)
		continue;
	if (i == n || buf == NULL) {
		free(buf);
		return complain(env, "no function %s", name);
	}
	cbor_out_init(&scratch, buf, EXPR_VALUE_MAX);
	ok = eval_arguments(env, text, functions[i].args, functions[i].items,
	    &scratch, arg) && functions[i].fn(env, arg, out);
	free(buf);
	return ok;
}

static bool
eval_word(struct expr_env *env, const char **text, struct cbor_out *out)
{
	char word[EXPR_NAME_MAX];

	if (take_word(text, word) == 0)
		return complain(env, "what is %.20s?", *text);
	if (take(text, "("))
		return eval_function(env, text, word, out);
	if (strcmp(word, "true") == 0)
		cbor_put_bool(out, true);
	else if (strcmp(word, "false") == 0)
		cbor_put_bool(out, false);
	else if (strcmp(word, "null") == 0)
		cbor_put_raw(out, span("\xf6", 1));
	else
		return complain(env, "what is %s?", word);
	return true;
}

static bool
eval_number(const char **text, struct cbor_out *out)
{
	char *end;

	if (**text == '-')
		cbor_put_int(out, strtoll(*text, &end, 0));
	else
		cbor_put_uint(out, strtoull(*text, &end, 0));
	*text = end;
	return true;
}

bool
expr_eval(struct expr_env *env, const char **text, struct cbor_out *out)
{
	char word[EXPR_NAME_MAX];
	struct span item;

	if (take(text, "{"))
		return eval_container(env, text, true, out);
	if (take(text, "["))
		return eval_container(env, text, false, out);
	if (take(text, "h'"))
		return eval_bytes(env, text, out);
	if (take(text, "\""))
		return eval_text(env, text, out);
	if (take(text, "$")) {
		take_word(text, word);
		item = variable(env, word);
		if (item.p == NULL)
			return complain(env, "$%s is not set", word);
		cbor_put_raw(out, item);
		return true;
	}
	if (isdigit((unsigned char)**text) || **text == '-')
		return eval_number(text, out);
	return eval_word(env, text, out);
}

/* Patterns */

/* $name: takes the item, or must be equal to what was taken before. */
static bool
match_variable(struct expr_env *env, const char **text, struct span item)
{
	char word[EXPR_NAME_MAX];
	struct span before;

	take_word(text, word);
	before = variable(env, word);
	if (before.p == NULL)
		return expr_set(env, word, item);
	return span_eq(before, item) || complain(env, "not $%s", word);
}

/* !$name: anything but that */
static bool
match_other(struct expr_env *env, const char **text, struct span item)
{
	char word[EXPR_NAME_MAX];
	struct span other;

	take_word(text, word);
	other = variable(env, word);
	if (other.p == NULL)
		return complain(env, "$%s is not set", word);
	return !span_eq(other, item) || complain(env, "the same as $%s", word);
}

static const struct {
	const char	*name;
	uint8_t		 bit;
} flags[] = {
	{ "UP", AUTHDATA_UP }, { "UV", AUTHDATA_UV }, { "BE", AUTHDATA_BE },
	{ "BS", AUTHDATA_BS }, { "AT", AUTHDATA_AT }, { "ED", AUTHDATA_ED },
};

/* auth(UP UV, $name): authenticator data with exactly these flags */
static bool
match_auth(struct expr_env *env, const char **text, struct span item)
{
	size_t n = sizeof(flags) / sizeof(flags[0]);
	uint8_t want = 0;
	struct span ad;

	for (size_t i = 0; i < n; i++)
		if (take(text, flags[i].name))
			want |= flags[i].bit;
	if (!content(item, &ad) || ad.len < 37)
		return complain(env, "no authenticator data");
	if (ad.p[32] != want)
		return complain(env, "flags are %02x, not %02x", ad.p[32],
		    want);
	if (!(want & (AUTHDATA_AT | AUTHDATA_ED)) && ad.len != 37)
		return complain(env, "bytes behind authenticator data");
	if (take(text, ",") && (!take(text, "$") ||
	    !match_variable(env, text, item)))
		return false;
	return take(text, ")") || complain(env, "expected )");
}

/* bytes(N): a byte string of that length */
static bool
match_length(struct expr_env *env, const char **text, struct span item)
{
	unsigned long want = strtoul(*text, (char **)text, 10);
	struct cbor_in in;
	struct span s;

	cbor_in_init(&in, item);
	if (!cbor_bytes(&in, &s) || s.len != want)
		return complain(env, "not %lu bytes", want);
	return take(text, ")") || complain(env, "expected )");
}

static bool
match_literal(struct expr_env *env, const char **text, struct span item)
{
	uint8_t *buf = malloc(EXPR_VALUE_MAX);
	struct cbor_out out;
	bool ok;

	if (buf == NULL)
		return complain(env, "no memory");
	cbor_out_init(&out, buf, EXPR_VALUE_MAX);
	ok = expr_eval(env, text, &out);
	if (ok && !span_eq(cbor_out_span(&out), item))
		ok = complain(env, "not what was expected before %.40s",
		    *text);
	free(buf);
	return ok;
}

/* Finds the member that the pattern names next; with rest, skips others. */
static bool
find_member(struct expr_env *env, const char **text, struct cbor_in *in,
    size_t *left, bool skip)
{
	const char *start;
	struct span key;

	while (*left > 0) {
		start = *text;
		(*left)--;
		if (!cbor_any(in, &key))
			return complain(env, "bad CBOR");
		if (match_literal(env, &start, key)) {
			*text = start;
			return true;
		}
		if (!skip)
			return false;
		cbor_any(in, NULL);
	}
	return complain(env, "no member %.20s", *text);
}

/* { key: pattern }; with "...," in front, other members may be there. */
static bool
match_map(struct expr_env *env, const char **text, struct cbor_in *in)
{
	bool rest = take(text, "..."), first = !rest;
	size_t left;

	if (!cbor_map(in, &left))
		return complain(env, "not a map");
	while (!take(text, "}")) {
		if (!first && !take(text, ","))
			return complain(env, "expected , or }");
		first = false;
		if (!find_member(env, text, in, &left, rest))
			return false;
		if (!take(text, ":"))
			return complain(env, "expected :");
		if (!expr_match(env, text, in))
			return false;
	}
	if (left > 0 && !rest)
		return complain(env, "%zu members too many", left);
	for (; left > 0; left--)
		if (!cbor_any(in, NULL) || !cbor_any(in, NULL))
			return complain(env, "bad CBOR");
	return true;
}

static bool
match_array(struct expr_env *env, const char **text, struct cbor_in *in)
{
	bool first = true;
	size_t left;

	if (!cbor_array(in, &left))
		return complain(env, "not an array");
	while (!take(text, "]")) {
		if (!first && !take(text, ","))
			return complain(env, "expected , or ]");
		first = false;
		if (take(text, "...")) {
			for (; left > 0; left--)
				cbor_any(in, NULL);
			continue;
		}
		if (left-- == 0)
			return complain(env, "too few elements");
		if (!expr_match(env, text, in))
			return false;
	}
	return left == 0 || complain(env, "%zu elements too many", left);
}

bool
expr_match(struct expr_env *env, const char **text, struct cbor_in *in)
{
	struct span item;

	if (take(text, "{"))
		return match_map(env, text, in);
	if (take(text, "["))
		return match_array(env, text, in);
	if (!cbor_any(in, &item))
		return complain(env, "nothing there");
	if (take(text, "_"))
		return true;
	if (take(text, "!$"))
		return match_other(env, text, item);
	if (take(text, "$"))
		return match_variable(env, text, item);
	if (take(text, "auth("))
		return match_auth(env, text, item);
	if (take(text, "bytes("))
		return match_length(env, text, item);
	return match_literal(env, text, item);
}
