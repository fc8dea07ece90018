/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfido2 as a host of a key's socket, for its PIN; needs
 * tests/fido2_wire.c and uhid/unix.c.
 *
 *	pinhost PATH set PIN [OLD]	sets or changes it
 *	pinhost PATH try PIN		prints what came of it: right, wrong,
 *					wait (until power was off), blocked
 *	pinhost PATH retries		prints how many are left
 */
#include <fido.h>
#include <fido/credman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fido2_wire.h"

static void
must(int r, const char *what)
{
	if (r == FIDO_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, fido_strerr(r));
	exit(1);
}

static int
try(fido_dev_t *dev, const char *pin)
{
	fido_credman_metadata_t *about = fido_credman_metadata_new();
	int r;

	if (about == NULL)
		exit(1);
	r = fido_credman_get_dev_metadata(dev, about, pin);
	fido_credman_metadata_free(&about);
	return r;
}

static const char *
outcome(int r)
{
	switch (r) {
	case FIDO_OK:
		return "right";
	case FIDO_ERR_PIN_INVALID:
		return "wrong";
	case FIDO_ERR_PIN_AUTH_BLOCKED:
		return "wait";
	case FIDO_ERR_PIN_BLOCKED:
		return "blocked";
	default:
		return fido_strerr(r);
	}
}

int
main(int argc, char **argv)
{
	fido_dev_t *dev = argc > 2 ? fido2_open(argv[1]) : NULL;
	int left;

	if (dev == NULL) {
		fprintf(stderr, "nothing there speaks CTAPHID\n");
		return 1;
	}
	if (strcmp(argv[2], "set") == 0 && argc > 3) {
		must(fido_dev_set_pin(dev, argv[3], argc > 4 ? argv[4] : NULL),
		    "set");
	} else if (strcmp(argv[2], "try") == 0 && argc > 3) {
		puts(outcome(try(dev, argv[3])));
	} else {
		must(fido_dev_get_retry_count(dev, &left), "retries");
		printf("%d\n", left);
	}
	fido2_close(&dev);
	return 0;
}
