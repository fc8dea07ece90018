/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys. A key provider makes keys, uses them and seals what has to
 * be kept; private keys and the storage key never leave it. What it hands
 * out are blobs: opaque, authenticated, useless without the provider.
 *
 * Two kinds of work, kept apart because only one of them may be slow:
 *
 *  - key operations (struct key_op) are asynchronous. start() may finish
 *    at once, or later, when fd() is readable. One operation at a time.
 *  - sealing (seal, open, tag) is symmetric cryptography
 *    under the storage key. It never touches hardware and never waits.
 *
 * Errors are negative errno values:
 *	-EBADMSG	a blob that this provider did not make, or altered
 *	-ENOTSUP	an algorithm this provider does not have
 *	-EINVAL		sizes outside the limits below
 *	-ETIMEDOUT	the device did not answer in time
 *	-ENODEV		the device, or what it held, is gone
 *	-EBUSY		the device refuses for now: locked out, or its memory
 *			is full or may not be written that often
 *	-EACCES		not this PIN (KEY_PIN_CHECK, KEY_PIN_SET)
 *	-ESTALE		the PCRs are not those that the key was sealed to
 *	-ENOENT		no key has been made here yet (open without create)
 *	-EIO, -ENOMEM	the obvious
 */
#ifndef TPM_KEY_H
#define TPM_KEY_H

#include "ctap/cose.h"
#include "ctap/span.h"

#define KEY_BLOB_MAX	 800	/* bytes; a wrapped key, fits a credential ID */
#define KEY_PUB_AREA_MAX 512	/* bytes; TPMT_PUBLIC */
#define KEY_CERT_INFO_MAX 256	/* bytes; TPMS_ATTEST */
#define KEY_PIN_HASH_LEN  16	/* LEFT(SHA-256(PIN), 16), CTAP 2.3, 6.5.1 */
#define KEY_PIN_LIMIT	   8	/* failures; then the PIN is blocked */
#define KEY_META_MAX	  64	/* bytes of the owner's inside a blob */
#define KEY_EPOCH_LEN	  32
#define KEY_SIG_MAX	4627	/* bytes; ML-DSA-87 */
#define KEY_SEAL_OVERHEAD 28	/* bytes: 12 nonce, 16 tag */
#define KEY_TAG_LEN	  16
#define KEY_WRAPPED_MAX	1024	/* bytes; a wrapped storage key */
#define KEYS_NOTE_MAX	 128	/* bytes, with the NUL */

/*
 * How a key is made that lives in a TPM; other keys have no such properties,
 * and KEY_RESTRICTED is -ENOTSUP without a TPM.
 */
enum key_shape {
	KEY_RESTRICTED = 0x01,	/* an attestation key: certifies other keys of
				 * the TPM, and signs nothing from outside */
	KEY_WITH_POLICY = 0x02,	/* 32 bytes of authPolicy in its public area,
				 * as Windows Hello has them */
};

enum key_verb {
	/*
	 * Makes a key for op->alg and a secret for KEY_HMAC beside it.
	 * In: alg, shape, epoch, bound, meta. Out: blob, pub (COSE_Key).
	 */
	KEY_CREATE,
	/* In: blob, epoch, bound. Out: alg, meta. Tells whether it is ours. */
	KEY_OPEN,
	/*
	 * Signs data[0] || data[1] (the message, not its digest) as WebAuthn
	 * wants it: ECDSA in DER, the others bare.
	 * In: blob, epoch, bound, data. Out: alg, sig.
	 */
	KEY_SIGN,
	/*
	 * HMAC-SHA-256 of each data[i] that is there (32 bytes each) under
	 * one of the two CredRandom secrets of the key (CTAP 2.3, 12.7).
	 * In: blob, epoch, bound, data, with_uv. Out: sig, 32 or 64 bytes.
	 */
	KEY_HMAC,
	/*
	 * TPM2_Certify: the restricted key signer (bound to signer_bound,
	 * epoch all zero) says what the key blob is. extraData is
	 * H(data[0] || data[1]), H as signer signs (WebAuthn Level 3, 8.3).
	 * -ENOTSUP if one of them does not live in the TPM.
	 * In: blob, epoch, bound, signer, signer_bound, data.
	 * Out: alg (the signer's), pub_area, cert_info, sig (ECDSA in DER,
	 * RSA bare; a TPMT_SIGNATURE if strict).
	 */
	KEY_CERTIFY,
	/*
	 * The PIN, if keys_info.pin: kept, compared and counted by the device.
	 * data[0] is the hash of a PIN (KEY_PIN_HASH_LEN). pin_failures is
	 * set whenever the result is 0 or -EACCES.
	 *
	 * CHECK: 0 this is the PIN, failures are forgotten; -EACCES it is not,
	 * or (pin_failures == KEY_PIN_LIMIT) nobody will learn whether it is.
	 * SET: data[0] is the new one; data[1] the current one, NULL if there
	 * is none; -EINVAL if that is not so. CLEAR: afterwards there is none.
	 */
	KEY_PIN_CHECK,
	KEY_PIN_SET,
	KEY_PIN_CLEAR,
	/*
	 * If keys_info.counter: brings the device's counter to generation,
	 * which is where it is or one more; -EINVAL otherwise. For good: no
	 * counter that has been reached is ever below that again.
	 */
	KEY_ADVANCE,
	/*
	 * Enrolment, with a CA that wants to know in which TPM a key lives.
	 * PUBLIC: what the TPM says the key blob is. In: blob, epoch, bound.
	 * Out: pub_area. EK: the endorsement key number alg (0 RSA-2048, 1
	 * P-256, 2 P-384). Out: pub_area, and its certificate in sig (DER,
	 * out_sig_len 0: it has none); -ENOENT: no such key. ACTIVATE:
	 * TPM2_ActivateCredential by endorsement key number alg for the key
	 * blob. In: blob, epoch, bound, data[0] (credentialBlob), data[1]
	 * (secret), both without their size. Out: sig, what was in them;
	 * -EBADMSG: they are not for that TPM and that key.
	 */
	KEY_PUBLIC,
	KEY_EK,
	KEY_ACTIVATE,
	/*
	 * Of keys that are not in a TPM, and nobody claims that they are: the
	 * software provider alone, -ENOTSUP elsewhere. As PKCS #8 (pkcs8.h).
	 *
	 * IMPORT: as CREATE, of the private key data[0], with a new secret for
	 * KEY_HMAC. alg 0: the one that such keys are mostly for. -EINVAL: it
	 * is none, -ENOTSUP: of another algorithm than alg, or than those that
	 * there are. In: alg, epoch, bound, meta, data[0]. Out: alg, blob, pub.
	 * EXPORT: In: blob, epoch, bound. Out: alg, and the private key in sig,
	 * which the caller wipes.
	 */
	KEY_IMPORT,
	KEY_EXPORT,
};

/*
 * One operation. The caller owns it, and everything its spans point to,
 * until it is finished or abandoned. Outputs are valid when result is 0.
 *
 * epoch and bound are authenticated with the blob but not part of it: a
 * blob opens only with those it was made with. epoch is secret as well: it
 * is mixed into the wrapping key, so that forgetting the epoch destroys
 * every key made in it.
 */
struct key_op {
	enum key_verb	verb;
	int		alg;			/* enum cose_alg */
	struct span	blob;
	struct span	epoch;			/* KEY_EPOCH_LEN */
	struct span	bound;			/* at most 64 bytes */
	struct span	meta;			/* in: at most KEY_META_MAX */
	struct span	data[2];
	bool		with_uv;
	unsigned	shape;			/* enum key_shape */
	struct span	signer;
	struct span	signer_bound;
	bool		strict;
	uint64_t	generation;

	int		result;
	uint8_t		out_blob[KEY_BLOB_MAX];
	size_t		out_blob_len;
	uint8_t		out_pub[COSE_KEY_MAX];
	size_t		out_pub_len;
	uint8_t		out_meta[KEY_META_MAX];
	size_t		out_meta_len;
	uint8_t		out_sig[KEY_SIG_MAX];
	size_t		out_sig_len;
	uint8_t		out_pub_area[KEY_PUB_AREA_MAX];
	size_t		out_pub_area_len;
	uint8_t		out_cert_info[KEY_CERT_INFO_MAX];
	size_t		out_cert_info_len;
	uint8_t		pin_failures;
};

/* What a provider is. Pointers live as long as it. */
struct keys_info {
	/* "software", "embedded", "device", "swtpm", or another TCTI */
	const char	*kind;
	bool		 tpm;		/* keys live in a TPM */
	bool		 hardware;	/* which is not software either, as far
					 * as anybody can tell */
	/* the TPM: as TPM2_GetCapability says, "" and 0 without one */
	const char	*target;	/* how it was reached, a TCTI string */
	char		 manufacturer[5];	/* "IBM", "INTC" */
	uint32_t	 manufacturer_id;
	char		 vendor[17];
	uint64_t	 firmware;
	char		 revision[8];	/* of the specification, "1.59" */
	bool		 has_ek[3];	/* see KEY_EK */
	/* what it does beyond keys; false: the owner does it himself */
	bool		 pin;
	bool		 pin_index;	/* by the TPM itself; otherwise the
					 * helper counts, in its memory */
	bool		 counter;
	bool		 pcrs;		/* the storage key is sealed to PCRs */
	bool		 srk_kept;	/* its storage root key is the one that
					 * the TPM keeps at 0x81000001; else it
					 * is made at each start */
	/* one line for whoever has just made it, "" mostly: that the machine
	 * has a TPM, but auto could not take it */
	char		 note[KEYS_NOTE_MAX];
	/* these as they were at unlock() */
	bool		 pin_set;
	uint8_t		 pin_failures;
	uint64_t	 generation;	/* of the counter */
};

struct keys;

struct keys_ops {
	const char *name;	/* as recorded in the state: "software" */
	/*
	 * A fresh storage key: writes it wrapped, and unlocks with it.
	 * unlock() does the same with one made before; -EBADMSG means
	 * it was wrapped by another provider or device. May wait; called at
	 * start only. Until one of them succeeded, nothing else works.
	 */
	int	(*new_storage_key)(struct keys *k,
		    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len);
	int	(*unlock)(struct keys *k, struct span wrapped);
	/*
	 * True: finished, see op->result. False: poll() returns op once
	 * it is.
	 */
	bool	(*start)(struct keys *k, struct key_op *op);
	struct key_op *(*poll)(struct keys *k);
	/* Readable when poll() has something to say; -1: start() always
	 * finishes. Constant for the life of the provider. */
	int	(*fd)(const struct keys *k);
	/* The caller has lost interest; op may be reused when this returns. */
	void	(*abandon)(struct keys *k, struct key_op *op);
	/*
	 * AES-256-GCM under a key derived from the storage key. out has room
	 * for plain.len + KEY_SEAL_OVERHEAD (seal), sealed.len -
	 * KEY_SEAL_OVERHEAD (open; -EBADMSG if it does not verify).
	 */
	int	(*seal)(struct keys *k, struct span ad, struct span plain,
		    uint8_t *out);
	int	(*open)(struct keys *k, struct span ad, struct span sealed,
		    uint8_t *out);
	/* HMAC of data under a key derived from the storage key and label:
	 * the name by which the store can find data without knowing it. */
	int	(*tag)(struct keys *k, const char *label, struct span data,
		    uint8_t out[static KEY_TAG_LEN]);
	/* Whether keys of this algorithm can be made. */
	bool	(*has_alg)(const struct keys *k, int alg);
	/* and whether they would live in the TPM */
	bool	(*in_tpm)(const struct keys *k, int alg);
	/* Valid after unlocking; the part about the device at once. */
	const struct keys_info *(*info)(const struct keys *k);
	/*
	 * The storage key wrapped anew, in place of what unlock() was given:
	 * to the PCRs as they are now, and these from now on (bit n: PCR n;
	 * 0: those that it is sealed to, if it is to any), or to recovery
	 * (NULL: none).
	 */
	int	(*rewrap)(struct keys *k, uint32_t pcrs, const char *recovery,
		    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len);
	/*
	 * Takes everything out of the device that this provider has put there,
	 * and nothing else. What was wrapped cannot be opened any more.
	 */
	int	(*destroy)(struct keys *k);
	/* One line about the last error, "" if there is none. */
	const char *(*strerror)(const struct keys *k);
	void	(*free)(struct keys *k);
};

/* First member of every provider. */
struct keys {
	const struct keys_ops *ops;
};

/* Frees the provider and wipes what it holds. Accepts NULL. */
void keys_free(struct keys *k);

/*
 * Starts op and waits until it is finished; for start-up and for programs
 * that have nothing else to do. Returns op->result.
 */
int keys_perform(struct keys *k, struct key_op *op);

/*
 * The software provider: keys in this process, wrapped under a root secret
 * in the file software.key (mode 0600) of the directory dirfd. With create,
 * makes that file if it is missing; without, -ENOENT. Not hardware, and it
 * says so. Not for a child process: what fork() copies of it has lost the
 * root secret and the storage key, but OpenSSL's contexts and parsed keys
 * are on the heap and are copied; a child has to leave them alone and end
 * with exec or _exit. Format: software.md. Of the file it may say:
 *	-EPERM		others than its owner may read or write it
 *	-EUCLEAN	not a root secret, or damaged
 *	-EPROTO		written by a newer version
 *	-EBUSY		another process is making it at this moment
 */
int keys_open_software(int dirfd, bool create, struct keys **out);

/*
 * The same without a file, for as long as the process: a fresh root secret,
 * unlocked, for about so many keys (epochs) at a time. It starts no threads:
 * whoever asks it for an RSA key waits for that. copy has the same storage
 * key, for another thread. -ENOMEM, -EIO.
 */
int keys_open_memory(size_t epochs, struct keys **out);
int keys_copy_memory(const struct keys *k, struct keys **out);

#define KEYS_EMBEDDED	"embedded"	/* a target */

/*
 * The provider that a state directory was made with, or is to be made with.
 */
struct keys_config {
	int		 dirfd;		/* of the state directory */
	bool		 create;	/* there may be none yet; make one */
	/*
	 * "auto", "embedded", "none" (the software provider), or a TCTI
	 * string, such as "device:/dev/tpmrm0". NULL: auto for a new one, and
	 * what was recorded for an old one. auto is $TPM2TOOLS_TCTI if it is
	 * set, /dev/tpmrm0 if it can be opened, or else embedded. What an old
	 * one was made with and another target: -EINVAL.
	 */
	const char	*target;
	/* the helper: a program that runs key_helper_main() for "key-helper";
	 * NULL: the one that we are */
	const char	*helper;
	uint32_t	 pcrs;		/* a new one: bit n seals to PCR n */
	const char	*recovery;	/* to open when PCRs have changed, or to
					 * be made with; NULL: none */
};

/* On error, msg has one line for the user. */
int keys_open(const struct keys_config *cfg, struct keys **out, char *msg,
    size_t msglen);

/*
 * The helper process: sealkey key-helper, with the socket as descriptor 3 and
 * the state directory as 4 (helper.md). Exit status.
 */
int key_helper_main(void);

#endif
