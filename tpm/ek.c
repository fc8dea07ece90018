/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/ek.h"

#include <errno.h>

#include <openssl/x509.h>
#include <tss2/tss2_mu.h>

#define CHUNK		512	/* bytes; what any TPM reads at once */
#define EK_ATTRIBUTES	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | \
			 TPMA_OBJECT_SENSITIVEDATAORIGIN | \
			 TPMA_OBJECT_ADMINWITHPOLICY | \
			 TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* PolicySecret(endorsement), EK Credential Profile, B.6.2 */
static const uint8_t policy_a[] = {
	0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
	0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
	0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
/* that, or what is in an index of the platform's; B.6.4 */
static const uint8_t policy_b_sha256[] = {
	0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34,
	0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd,
	0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
};
static const uint8_t policy_b_sha384[] = {
	0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82,
	0xbc, 0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3,
	0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb,
	0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00,
	0xf3, 0xf8, 0x0e, 0x12,
};

#define HANDLES_MAX	4
#define PLACES_MAX	2

/*
 * Where a kind of endorsement key is: the profile, 2.2.1.4 and 2.2.1.5, and
 * TCG Registry of Reserved TPM 2.0 Handles. The low range has L-1 and L-2, the
 * high one H-1 to H-3; 0 ends a list.
 */
static const struct ek_kind {
	TPM2_ECC_CURVE	curve;			/* NONE: RSA-2048 */
	TPM2_HANDLE	handles[HANDLES_MAX];	/* persistent keys */
	struct ek_place {
		bool		high;
		TPM2_HANDLE	cert, nonce, template;	/* indices */
	} places[PLACES_MAX];
} kinds[EK_KINDS] = {
	[EK_RSA2048] = { TPM2_ECC_NONE,
	    { 0x81010001, 0x81010012 },
	    { { false, 0x01c00002, 0x01c00003, 0x01c00004 },
	      { true, 0x01c00012, 0, 0x01c00013 } } },
	[EK_P256] = { TPM2_ECC_NIST_P256,
	    { 0x81010002, 0x8101000a, 0x81010014 },
	    { { false, 0x01c0000a, 0x01c0000b, 0x01c0000c },
	      { true, 0x01c00014, 0, 0x01c00015 } } },
	[EK_P384] = { TPM2_ECC_NIST_P384,
	    { 0x81010016, 0x81010003 },
	    { { true, 0x01c00016, 0, 0x01c00017 } } },
};

/* An endorsement key, in the TPM. */
struct ek_object {
	ESYS_TR		 handle;	/* ESYS_TR_NONE: none */
	bool		 transient;
	TPM2B_PUBLIC	*public;
};

static void
object_done(struct link *l, struct ek_object *o)
{
	if (o->transient)
		link_flush(l, &o->handle);
	else if (o->handle != ESYS_TR_NONE)
		Esys_TR_Close(link_esys(l), &o->handle);
	Esys_Free(o->public);
	*o = (struct ek_object){ .handle = ESYS_TR_NONE };
}

/* Indices. */

/* The whole index; *len is 0 if it is not there, or not for us. */
static void
read_open_index(struct link *l, ESYS_TR index, uint8_t *out, size_t max,
    size_t *len)
{
	TPM2B_NV_PUBLIC *public = NULL;
	size_t size, at = 0;

	if (Esys_NV_ReadPublic(link_esys(l), index, ESYS_TR_NONE, ESYS_TR_NONE,
	    ESYS_TR_NONE, &public, NULL) != TSS2_RC_SUCCESS)
		return;
	size = public->nvPublic.dataSize;
	Esys_Free(public);
	while (size <= max && at < size) {
		size_t n = size - at < CHUNK ? size - at : CHUNK;
		TPM2B_MAX_NV_BUFFER *data = NULL;
		unsigned tries = 0;
		TSS2_RC rc;

		do
			rc = Esys_NV_Read(link_esys(l), index, index,
			    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			    (UINT16)n, (UINT16)at, &data);
		while (link_again(l, rc, &tries));
		if (rc != TSS2_RC_SUCCESS)
			return;
		if (data->size == n)
			memcpy(out + at, data->buffer, n);
		n = data->size == n ? n : max + 1;
		Esys_Free(data);
		at += n;
	}
	if (at == size)
		*len = size;
}

static void
read_index(struct link *l, TPM2_HANDLE handle, uint8_t *out, size_t max,
    size_t *len)
{
	ESYS_TR index;

	*len = 0;
	if (handle == 0 || Esys_TR_FromTPMPublic(link_esys(l), handle,
	    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index) !=
	    TSS2_RC_SUCCESS)
		return;
	read_open_index(l, index, out, max, len);
	Esys_TR_Close(link_esys(l), &index);
}

/* A certificate, without what may follow it in its index. */
static void
read_certificate(struct link *l, const struct ek_place *place, uint8_t *out,
    size_t *len)
{
	const uint8_t *p = out;
	size_t size;
	X509 *x;

	*len = 0;
	read_index(l, place->cert, out, EK_CERTIFICATE_MAX, &size);
	if (size == 0)
		return;
	x = d2i_X509(NULL, &p, (long)size);
	if (x != NULL)
		*len = (size_t)(p - out);
	X509_free(x);
}

/*
 * Whether a certificate is about a key: its point or modulus is in the subject
 * public key. By bytes, because some manufacturers declare their RSA keys in
 * ways that OpenSSL takes no key from (id-RSAES-OAEP).
 */
static bool
is_about(struct span cert, const TPMT_PUBLIC *public)
{
	const uint8_t *p = cert.p;
	const ASN1_BIT_STRING *bits;
	uint8_t key[TPM2_MAX_RSA_KEY_BYTES];
	size_t len = 0;
	bool yes;
	X509 *x;

	if (public->type == TPM2_ALG_RSA) {
		len = public->unique.rsa.size;
		memcpy(key, public->unique.rsa.buffer, len);
	} else {
		const TPMS_ECC_POINT *point = &public->unique.ecc;

		memcpy(key, point->x.buffer, point->x.size);
		memcpy(key + point->x.size, point->y.buffer, point->y.size);
		len = (size_t)point->x.size + point->y.size;
	}
	x = d2i_X509(NULL, &p, (long)cert.len);
	bits = x == NULL ? NULL : X509_get0_pubkey_bitstr(x);
	yes = bits != NULL && len > 0 && memmem(ASN1_STRING_get0_data(bits),
	    (size_t)ASN1_STRING_length(bits), key, len) != NULL;
	X509_free(x);
	return yes;
}

/* Keys. */

static bool
is_kind(const struct ek_kind *k, const TPMT_PUBLIC *p)
{
	if ((p->objectAttributes & EK_ATTRIBUTES) != EK_ATTRIBUTES ||
	    (p->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) != 0)
		return false;
	if (k->curve == TPM2_ECC_NONE)
		return p->type == TPM2_ALG_RSA &&
		    p->parameters.rsaDetail.keyBits == 2048;
	return p->type == TPM2_ALG_ECC &&
	    p->parameters.eccDetail.curveID == k->curve;
}

static bool
open_persistent(struct link *l, const struct ek_kind *k, TPM2_HANDLE handle,
    struct ek_object *out)
{
	ESYS_CONTEXT *esys = link_esys(l);

	if (Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
	    ESYS_TR_NONE, &out->handle) != TSS2_RC_SUCCESS) {
		out->handle = ESYS_TR_NONE;
		return false;
	}
	if (Esys_ReadPublic(esys, out->handle, ESYS_TR_NONE, ESYS_TR_NONE,
	    ESYS_TR_NONE, &out->public, NULL, NULL) == TSS2_RC_SUCCESS &&
	    is_kind(k, &out->public->publicArea))
		return true;
	object_done(l, out);
	return false;
}

static void
set_policy(TPMT_PUBLIC *p, const uint8_t *policy, size_t len)
{
	p->authPolicy.size = (UINT16)len;
	memcpy(p->authPolicy.buffer, policy, len);
}

/* The templates of the profile, B.3 and B.4. */
static void
standard_template(const struct ek_kind *k, bool high, TPMT_PUBLIC *p)
{
	bool strong = k->curve == TPM2_ECC_NIST_P384;
	TPMT_SYM_DEF_OBJECT cipher = {
		.algorithm = TPM2_ALG_AES,
		.keyBits.aes = strong ? 256 : 128,
		.mode.aes = TPM2_ALG_CFB,
	};

	*p = (TPMT_PUBLIC){
		.nameAlg = strong ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256,
		.objectAttributes = EK_ATTRIBUTES |
		    (high ? TPMA_OBJECT_USERWITHAUTH : 0),
	};
	if (strong)
		set_policy(p, policy_b_sha384, sizeof(policy_b_sha384));
	else if (high)
		set_policy(p, policy_b_sha256, sizeof(policy_b_sha256));
	else
		set_policy(p, policy_a, sizeof(policy_a));
	if (k->curve == TPM2_ECC_NONE) {
		p->type = TPM2_ALG_RSA;
		p->parameters.rsaDetail.symmetric = cipher;
		p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
		p->parameters.rsaDetail.keyBits = 2048;
		p->unique.rsa.size = high ? 0 : 256;
		return;
	}
	p->type = TPM2_ALG_ECC;
	p->parameters.eccDetail.symmetric = cipher;
	p->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	p->parameters.eccDetail.curveID = k->curve;
	p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	p->unique.ecc.x.size = high ? 0 : 32;
	p->unique.ecc.y.size = high ? 0 : 32;
}

/* A manufacturer may have his own template, or a nonce in the standard one. */
static void
find_template(struct link *l, const struct ek_kind *k,
    const struct ek_place *place, TPMT_PUBLIC *out)
{
	uint8_t bytes[TPM2_MAX_RSA_KEY_BYTES];
	size_t len, n = 0;

	read_index(l, place->template, bytes, sizeof(bytes), &len);
	if (len > 0 && Tss2_MU_TPMT_PUBLIC_Unmarshal(bytes, len, &n, out) ==
	    TSS2_RC_SUCCESS && is_kind(k, out))
		return;
	standard_template(k, place->high, out);
	read_index(l, place->nonce, bytes, 256, &len);
	if (len == 0)
		return;
	if (k->curve == TPM2_ECC_NONE)
		memcpy(out->unique.rsa.buffer, bytes, len);
	else
		memcpy(out->unique.ecc.x.buffer, bytes, len < 32 ? len : 32);
}

static int
make(struct link *l, const struct ek_kind *k, const struct ek_place *place,
    struct ek_object *out)
{
	static const TPM2B_SENSITIVE_CREATE sensitive;
	static const TPML_PCR_SELECTION pcrs;
	static const TPM2B_DATA outside;
	TPM2B_PUBLIC template = { 0 };
	unsigned tries = 0;
	TSS2_RC rc;
	int r;

	find_template(l, k, place, &template.publicArea);
	r = link_room(l);
	if (r != 0)
		return r;
	do
		rc = Esys_CreatePrimary(link_esys(l), ESYS_TR_RH_ENDORSEMENT,
		    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
		    &template, &outside, &pcrs, &out->handle, &out->public,
		    NULL, NULL, NULL);
	while (link_again(l, rc, &tries));
	if (rc != TSS2_RC_SUCCESS) {
		out->handle = ESYS_TR_NONE;
		out->public = NULL;
		return link_result(l, rc, "make the endorsement key");
	}
	link_loaded(l);
	out->transient = true;
	return 0;
}

/* The first that suits: any, or the one that cert is about. */
static int
find_suiting(struct link *l, const struct ek_kind *k, struct span cert,
    struct ek_object *out)
{
	int r = -ENOENT;

	for (int i = 0; i < HANDLES_MAX && k->handles[i] != 0; i++) {
		if (!open_persistent(l, k, k->handles[i], out))
			continue;
		if (cert.len == 0 || is_about(cert, &out->public->publicArea))
			return 0;
		object_done(l, out);
	}
	for (int i = 0; i < PLACES_MAX && k->places[i].cert != 0; i++) {
		int made = make(l, k, &k->places[i], out);

		if (made == 0 && (cert.len == 0 ||
		    is_about(cert, &out->public->publicArea)))
			return 0;
		if (made != 0)
			r = made;
		object_done(l, out);
	}
	return r;
}

/* cert has room for EK_CERTIFICATE_MAX. */
static int
find(struct link *l, enum ek which, uint8_t *cert, size_t *cert_len,
    struct ek_object *out)
{
	const struct ek_kind *k = &kinds[which];

	*out = (struct ek_object){ .handle = ESYS_TR_NONE };
	for (int i = 0; i < PLACES_MAX && k->places[i].cert != 0; i++) {
		read_certificate(l, &k->places[i], cert, cert_len);
		if (*cert_len > 0 &&
		    find_suiting(l, k, span(cert, *cert_len), out) == 0)
			return 0;
	}
	*cert_len = 0;
	return find_suiting(l, k, span(NULL, 0), out);
}

static int
check_known(struct link *l, enum ek which)
{
	TPM2_ECC_CURVE curve = kinds[which].curve;
	bool known = curve == TPM2_ECC_NONE ? link_has_alg(l, TPM2_ALG_RSA) :
	    link_has_alg(l, TPM2_ALG_ECC) && link_has_curve(l, curve);

	return known ? 0 : link_fail(l, -ENOENT,
	    "the TPM cannot have such an endorsement key");
}

int
ek_read(struct link *l, enum ek which,
    uint8_t pub_area[static KEY_PUB_AREA_MAX], size_t *pub_area_len,
    uint8_t *cert, size_t *cert_len)
{
	struct ek_object ek;
	size_t n = 0;
	int r;

	r = check_known(l, which);
	if (r == 0)
		r = find(l, which, cert, cert_len, &ek);
	if (r != 0)
		return r;
	if (Tss2_MU_TPMT_PUBLIC_Marshal(&ek.public->publicArea, pub_area,
	    KEY_PUB_AREA_MAX, &n) != TSS2_RC_SUCCESS)
		r = link_fail(l, -EIO, "the endorsement key makes no sense");
	*pub_area_len = n;
	object_done(l, &ek);
	return r;
}

/* TPM2_ActivateCredential. */

static void
end_policy(struct link *l, ESYS_TR *session)
{
	if (Esys_FlushContext(link_esys(l), *session) != TSS2_RC_SUCCESS)
		Esys_TR_Close(link_esys(l), session);
	*session = ESYS_TR_NONE;
}

/*
 * Those of the low range have no password, but PolicySecret(endorsement): a
 * session that has satisfied it. Made for one command.
 */
static TSS2_RC
start_policy(struct link *l, ESYS_TR *out)
{
	static const TPMT_SYM_DEF cipher = { .algorithm = TPM2_ALG_NULL };
	ESYS_CONTEXT *esys = link_esys(l);
	TSS2_RC rc;

	rc = Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY,
	    &cipher, TPM2_ALG_SHA256, out);
	if (rc != TSS2_RC_SUCCESS) {
		*out = ESYS_TR_NONE;
		return rc;
	}
	rc = Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, *out,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0,
	    NULL, NULL);
	if (rc != TSS2_RC_SUCCESS)
		end_policy(l, out);
	return rc;
}

/* What comes out is secret: a session of its own encrypts it. */
static TSS2_RC
activate_once(struct link *l, const struct ek_object *ek, ESYS_TR key,
    ESYS_TR session, const TPM2B_ID_OBJECT *credential,
    const TPM2B_ENCRYPTED_SECRET *secret, TPM2B_DIGEST **out)
{
	bool password = (ek->public->publicArea.objectAttributes &
	    TPMA_OBJECT_USERWITHAUTH) != 0;
	ESYS_CONTEXT *esys = link_esys(l);
	ESYS_TR auth = ESYS_TR_PASSWORD;
	TSS2_RC rc;

	if (!password) {
		rc = start_policy(l, &auth);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
	}
	rc = Esys_ActivateCredential(esys, key, ek->handle, ESYS_TR_PASSWORD,
	    auth, session, credential, secret, out);
	if (!password)
		end_policy(l, &auth);
	return rc;
}

static int
activate(struct link *l, const struct ek_object *ek, ESYS_TR key,
    const TPM2B_ID_OBJECT *credential, const TPM2B_ENCRYPTED_SECRET *secret,
    TPM2B_DIGEST **out, TSS2_RC *rc)
{
	unsigned tries = 0;
	ESYS_TR session;
	int r;

	do {
		r = link_session(l, false, true, &session);
		if (r != 0)
			return r;
		*rc = activate_once(l, ek, key, session, credential, secret,
		    out);
	} while (link_again(l, *rc, &tries));
	switch (link_code(*rc)) {
	case TPM2_RC_FAILURE:	/* libtpms, if RSA cannot decrypt it */
	case TPM2_RC_ECC_POINT:
	case TPM2_RC_INSUFFICIENT:
	case TPM2_RC_INTEGRITY:
	case TPM2_RC_SIZE:
	case TPM2_RC_VALUE:
		return link_fail(l, -EBADMSG, "this challenge is not for this"
		    " TPM and its attestation key");
	default:
		return link_result(l, *rc, "activate a credential");
	}
}

int
ek_activate(struct link *l, enum ek which, ESYS_TR key,
    struct span credential, struct span secret,
    uint8_t out[static sizeof(TPMU_HA)], size_t *out_len, TSS2_RC *rc)
{
	uint8_t cert[EK_CERTIFICATE_MAX];
	TPM2B_ID_OBJECT id = { 0 };
	TPM2B_ENCRYPTED_SECRET sealed = { 0 };
	TPM2B_DIGEST *digest = NULL;
	struct ek_object ek;
	size_t cert_len;
	int r;

	*rc = TSS2_RC_SUCCESS;
	if (credential.len > sizeof(id.credential) || credential.len == 0 ||
	    secret.len > sizeof(sealed.secret) || secret.len == 0)
		return -EBADMSG;
	id.size = (UINT16)credential.len;
	memcpy(id.credential, credential.p, credential.len);
	sealed.size = (UINT16)secret.len;
	memcpy(sealed.secret, secret.p, secret.len);
	r = check_known(l, which);
	if (r == 0)
		r = find(l, which, cert, &cert_len, &ek);
	if (r != 0)
		return r;
	r = activate(l, &ek, key, &id, &sealed, &digest, rc);
	if (r == 0) {
		memcpy(out, digest->buffer, digest->size);
		*out_len = digest->size;
		explicit_bzero(digest, sizeof(*digest));
	}
	Esys_Free(digest);
	object_done(l, &ek);
	return r;
}
