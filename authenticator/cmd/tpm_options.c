/* SPDX-License-Identifier: Apache-2.0 */
/* Options about a TPM: see tpm_options.h. */
#include "authenticator/cmd/tpm_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PCRS	24	/* that a TPM of a PC has */

/* "7,11" */
static bool
parse_pcrs(const char *text, uint32_t *out)
{
	uint32_t pcrs = 0;
	char *end;
	long n;

	do {
		if (*text < '0' || *text > '9')
			return false;
		n = strtol(text, &end, 10);
		if (n >= PCRS || (*end != ',' && *end != '\0'))
			return false;
		pcrs |= UINT32_C(1) << n;
		text = end + 1;
	} while (*end == ',');
	*out = pcrs;
	return true;
}

/* The first line of a file; without a buffer that nobody would wipe. */
static int
read_passphrase(const char *path, char *out)
{
	size_t len = 0;
	ssize_t n = 1;
	int fd, error;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	while (len <= TPM_RECOVERY_MAX &&
	    (n = read(fd, out + len, 1)) == 1 && out[len] != '\n')
		len++;
	error = n == -1 ? -errno : 0;
	close(fd);
	if (error == 0 && (len == 0 || len > TPM_RECOVERY_MAX ||
	    memchr(out, '\0', len) != NULL))
		error = -EINVAL;
	if (error == 0)
		out[len] = '\0';
	return error;
}

static int
take_recovery(const struct cli *cli, struct tpm_options *o)
{
	int r = read_passphrase(optarg, o->recovery);

	if (r == 0) {
		o->tpm.recovery = o->recovery;
		return CLI_DONE;
	}
	tpm_options_done(o);
	if (r == -EINVAL)
		return cli_wrong_use(cli, "%s: the first line is no "
		    "passphrase, which has 1 to %d bytes", optarg,
		    TPM_RECOVERY_MAX);
	return cli_wrong_use(cli, "%s: %s", optarg, strerror(-r));
}

int
tpm_options_take(const struct cli *cli, int opt, struct tpm_options *o)
{
	switch (opt) {
	case TPM_OPT_TARGET:
		o->tpm.target = optarg;
		break;
	case TPM_OPT_PCRS:
		if (!parse_pcrs(optarg, &o->tpm.pcrs))
			return cli_wrong_use(cli, "\"%s\" is no list of "
			    "PCRs, such as 7 or 7,11", optarg);
		break;
	case TPM_OPT_RECOVERY:
		o->given = true;
		return take_recovery(cli, o);
	default:
		return CLI_DONE;
	}
	o->given = true;
	return CLI_DONE;
}

void
tpm_options_done(struct tpm_options *o)
{
	explicit_bzero(o->recovery, sizeof(o->recovery));
	o->tpm.recovery = NULL;
}
