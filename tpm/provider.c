/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which provider a state directory has. The answer is in it, for ever: the
 * file tpm (record.h) or the file software.key. A directory without either is
 * given one of them, once; from then on, whatever is asked for either is what
 * it has or is refused. So nothing that is missing, or cannot be reached, is
 * ever replaced by something weaker.
 */
#include "tpm/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpm/record.h"
#include "tpm/remote.h"

#define SOFTWARE_FILE	"software.key"
#define MACHINE_TPM	"/dev/tpmrm0"
#define AUTO		"auto"
#define NONE		"none"		/* the software provider */

/* What a directory was made with: "" nothing yet, NONE, or a TPM. */
struct made {
	char	target[RECORD_TARGET_MAX];
};

static const char *
record_text(int error)
{
	switch (error) {
	case -EUCLEAN:
		return "the file tpm is damaged, or not ours; restore the "
		    "directory from a copy";
	case -EPROTO:
		return "the file tpm was written by a newer sealkey; update "
		    "sealkey";
	case -EPERM:
		return "others can write the file tpm: chmod 600 it, if it is "
		    "to be trusted still";
	default:
		return strerror(-error);
	}
}

/* What keys_open_software() says of its file. */
static const char *
software_text(int error)
{
	switch (error) {
	case -ENOENT:
		return "software.key is missing, and nothing can be read "
		    "without it";
	case -EUCLEAN:
		return "software.key is damaged, or not ours; restore the "
		    "directory from a copy";
	case -EPROTO:
		return "software.key was written by a newer sealkey; update "
		    "sealkey";
	case -EPERM:
		return "others can read software.key: chmod 600 it, if it is "
		    "to be trusted still";
	case -EBUSY:
		return "another sealkey is making a key here";
	default:
		return strerror(-error);
	}
}

static int
how_made(int dirfd, struct made *out, char *msg, size_t msglen)
{
	struct record rec;
	bool software;
	int r;

	software = faccessat(dirfd, SOFTWARE_FILE, F_OK,
	    AT_SYMLINK_NOFOLLOW) == 0;
	if (!software && errno != ENOENT) {
		r = -errno;
		snprintf(msg, msglen, "%s", strerror(errno));
		return r;
	}
	r = record_read(dirfd, &rec);
	if (r != 0 && r != -ENOENT) {
		snprintf(msg, msglen, "%s", record_text(r));
		return r;
	}
	if (r == 0 && software) {
		snprintf(msg, msglen, "there are both software.key and tpm, "
		    "and keys live in one place; take away the one that does "
		    "not belong here");
		return -EUCLEAN;
	}
	memset(out, 0, sizeof(*out));
	if (r == 0)
		memcpy(out->target, rec.target, sizeof(out->target));
	else if (software)
		memcpy(out->target, NONE, sizeof(NONE));
	return 0;
}

/*
 * auto, for a new directory. A TPM that was named in the environment is the
 * one or an error. That of the machine is if we may use it: that it is there,
 * but closed to us, is told in note. NULL: tpm2-tools were told to use no TPM,
 * which nobody told us, and software keys are asked for by --tpm none.
 */
static const char *
choose(char *note, size_t notelen)
{
	const char *named = getenv("TPM2TOOLS_TCTI");
	int fd;

	note[0] = '\0';
	if (named != NULL && named[0] != '\0')
		return strcmp(named, NONE) != 0 ? named : NULL;
	fd = open(MACHINE_TPM, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd != -1) {
		close(fd);
		return "device:" MACHINE_TPM;
	}
	if (errno == EACCES || errno == EPERM)
		snprintf(note, notelen, MACHINE_TPM " is there, but not for "
		    "this user: group tss may use it");
	else if (errno != ENOENT && errno != ENXIO && errno != ENODEV)
		snprintf(note, notelen, MACHINE_TPM " is there, but: %s",
		    strerror(errno));
	return KEYS_EMBEDDED;
}

/* Whether what is asked for is what the directory was made with. */
static int
check_target(const char *asked, const char *made, char *msg, size_t msglen)
{
	if (asked == NULL || strcmp(asked, AUTO) == 0 ||
	    strcmp(asked, made) == 0)
		return 0;
	snprintf(msg, msglen, "made with the TPM target \"%s\", and its keys "
	    "cannot move to \"%s\"", made, asked);
	return -EINVAL;
}

static int
open_software(const struct keys_config *cfg, bool create, struct keys **out,
    char *msg, size_t msglen)
{
	int r;

	if (cfg->pcrs != 0 || cfg->recovery != NULL) {
		snprintf(msg, msglen, "without a TPM there are no PCRs to "
		    "seal to, and nothing to recover");
		return -EINVAL;
	}
	r = keys_open_software(cfg->dirfd, create, out);
	if (r != 0)
		snprintf(msg, msglen, "%s", software_text(r));
	return r;
}

static int
open_tpm(const struct keys_config *cfg, const char *target, bool create,
    const char *note, struct keys **out, char *msg, size_t msglen)
{
	struct remote_config rc = { .dirfd = cfg->dirfd, .create = create,
	    .target = target, .helper = cfg->helper, .pcrs = cfg->pcrs,
	    .recovery = cfg->recovery, .note = note };

	return remote_open(&rc, out, msg, msglen);
}

int
keys_open(const struct keys_config *cfg, struct keys **out, char *msg,
    size_t msglen)
{
	const char *target = cfg->target;
	char note[KEYS_NOTE_MAX] = "";
	struct made made;
	bool create;
	int r;

	r = how_made(cfg->dirfd, &made, msg, msglen);
	if (r != 0)
		return r;
	create = made.target[0] == '\0';
	if (create && !cfg->create) {
		snprintf(msg, msglen, "there is no key here (\"sealkey run "
		    "--state DIR\" makes one)");
		return -ENOENT;
	}
	if (!create) {
		r = check_target(target, made.target, msg, msglen);
		if (r != 0)
			return r;
		target = made.target;
	} else if (target == NULL || strcmp(target, AUTO) == 0) {
		target = choose(note, sizeof(note));
		if (target == NULL) {
			snprintf(msg, msglen, "TPM2TOOLS_TCTI=none names no "
			    "TPM: unset it, or say which with --tpm");
			return -ENODEV;
		}
	}
	if (strcmp(target, NONE) == 0)
		return open_software(cfg, create, out, msg, msglen);
	return open_tpm(cfg, target, create, note, out, msg, msglen);
}
