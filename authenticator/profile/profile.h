/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: which model of key this is, as one INI file. What it says of
 * itself ([settings], by the names of settings.h), what it looks like to the
 * machine that it is plugged into ([device]), and what its metadata statement
 * adds ([metadata], FIDO Metadata Statement 3.1). sealkey-profile(5) has the
 * format.
 *
 * A profile begins with a key that has nothing: what it does not mention is
 * not there, so that it stays the same key when sealkey learns more. The
 * shape of a model is imitated, never the trust in it: attestation chains to
 * the state directory's own root.
 *
 * Files are hostile. The parser takes no value that it does not understand
 * whole, and no file that contradicts itself; every error is one line,
 * "FILE:LINE: KEY: what is wrong".
 *
 * Errors are negative errno values, with that line in msg: -EINVAL the file,
 * -ENOENT there is no such profile, others as reading failed.
 */
#ifndef AUTHENTICATOR_PROFILE_H
#define AUTHENTICATOR_PROFILE_H

#include "authenticator/engine/engine.h"
#include "ctap/span.h"

#define PROFILE_MESSAGE_LEN	512	/* bytes, room for msg */
#define PROFILE_FILE_MAX	32768	/* bytes */
#define PROFILE_LINE_MAX	16384	/* bytes; an icon is the longest */
#define PROFILE_NAME_MAX	47	/* bytes */
#define PROFILE_SETTINGS_MAX	96
#define PROFILE_WORDS_MAX	16	/* elements of a list */
#define PROFILE_STATUSES_MAX	8

/* Elements of a list. As everything here, they live as long as the profile. */
struct profile_words {
	const char	*word[PROFILE_WORDS_MAX];
	size_t		 count;
};

struct profile_setting {
	const char	*name;
	const char	*value;
	unsigned	 line;		/* of the file; counted from 1 */
};

/* Of a report of the metadata service: status, and since when. */
struct profile_status {
	const char	*status;	/* "FIDO_CERTIFIED_L1" */
	const char	*date;		/* "2020-05-12"; NULL: not said */
};

struct profile_device {
	const char	*product;	/* what the device is called */
	uint16_t	 vendor_id;	/* USB; 0: not said */
	uint16_t	 product_id;
};

/*
 * What a metadata statement says that getInfo does not. Words are spelled as
 * in the FIDO registry; bit patterns are whoever writes them's business.
 */
struct profile_metadata {
	const char	*description;	/* never NULL */
	struct profile_words key_protection;
	struct profile_words matcher_protection;
	struct profile_words attachment_hint;
	struct profile_words tc_display;
	/*
	 * userVerificationDetails: each word is one alternative; methods
	 * which it needs together are joined by '+'.
	 */
	struct profile_words user_verification;
	uint16_t	 crypto_strength;	/* bits; 0: not said */
	uint32_t	 authenticator_version;	/* firmwareVersion if the
						 * file does not say */
	bool		 key_restricted;
	bool		 fresh_user_verification;
	const char	*multi_device;	/* "unsupported", "explicit" or
					 * "implicit"; NULL: not said */
	/* CodeAccuracyDescriptor, of methods that are a passcode */
	uint16_t	 code_base;	/* 0: not said */
	uint16_t	 code_min_length;
	uint16_t	 code_retries;
	uint16_t	 code_slowdown;	/* seconds */
	/* BiometricAccuracyDescriptor, of methods that are a biometric */
	const char	*bio_far;	/* selfAttestedFAR, as a number of
					 * JSON; NULL: not said */
	const char	*bio_frr;
	uint16_t	 bio_templates;	/* 0: not said */
	uint16_t	 bio_retries;
	uint16_t	 bio_slowdown;
	const char	*icon;		/* data: URL; NULL: none */
	struct profile_status status[PROFILE_STATUSES_MAX];	/* oldest */
	size_t		 status_count;				/* first */
	/* of FIPS 140 statuses, each 0: not said */
	uint16_t	 fips_revision;		/* 2: FIPS 140-2 */
	uint16_t	 fips_physical_level;
	/* of the certification, each NULL: not said */
	const char	*certificate_number;
	const char	*certification_descriptor;
	const char	*certification_policy;
	const char	*certification_requirements;
};

struct profile {
	const char	*name;		/* "yubikey-5-nfc" */
	struct span	 text;		/* the file as it was read */
	struct profile_setting setting[PROFILE_SETTINGS_MAX];
	size_t		 setting_count;
	struct profile_device device;
	struct profile_metadata metadata;
};

/* Whether it names a file: it has a '/', or ends with ".ini". */
bool profile_is_path(const char *name);

/*
 * One of those that the program brings along, by name, or a file. Free with
 * profile_free().
 */
int profile_load(const char *name_or_path, struct profile **out, char *msg,
    size_t msglen);
/* The same, of text, which is copied; file is its name in messages. */
int profile_parse(const char *file, struct span text, struct profile **out,
    char *msg, size_t msglen);
/* The file that name in dirfd is. -ENOENT, without a line: there is none. */
int profile_read_at(int dirfd, const char *name, const char *file,
    struct profile **out, char *msg, size_t msglen);
/* Accepts NULL. */
void profile_free(struct profile *p);

/*
 * Makes cfg, which device_config_default() or another profile made, the key
 * that p describes. Cannot fail: profile_parse() has tried it.
 */
void profile_apply(const struct profile *p, struct auth_config *cfg);

/* Whether it has that setting. */
bool profile_says(const struct profile *p, const char *setting);

/* Name of the i-th that the program brings along, by letter; false: no more. */
bool profile_builtin_name(size_t i, char out[static PROFILE_NAME_MAX + 1]);

#endif
