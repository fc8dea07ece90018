/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfido2 as a host of a key's socket, for what fido2-token does to a key
 * with a fingerprint reader; needs tests/fido2_wire.c and uhid/unix.c.
 *
 *	biohost PATH pin PIN		sets the first PIN
 *	biohost PATH enroll PIN		prints what each sample came to, then
 *					the template's ID
 *	biohost PATH list PIN		prints ID and name of each template
 *	biohost PATH name PIN ID NAME
 *	biohost PATH remove PIN ID
 *	biohost PATH uv			prints whether uv is true
 */
#include <fido.h>
#include <fido/bio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fido2_wire.h"

#define SAMPLE_MS	8000

static void
must(int r, const char *what)
{
	if (r == FIDO_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, fido_strerr(r));
	exit(1);
}

static fido_dev_t *
plug_in(const char *path)
{
	fido_dev_t *dev = fido2_open(path);

	if (dev != NULL)
		return dev;
	fprintf(stderr, "%s: nothing there speaks CTAPHID\n", path);
	exit(1);
}

static void
print_id(const fido_bio_template_t *t, const char *name)
{
	for (size_t i = 0; i < fido_bio_template_id_len(t); i++)
		printf("%02x", fido_bio_template_id_ptr(t)[i]);
	printf("%s%s\n", name != NULL ? " " : "", name != NULL ? name : "");
}

static fido_bio_template_t *
template_of(const char *hex)
{
	fido_bio_template_t *t = fido_bio_template_new();
	unsigned char id[64];
	size_t len = strlen(hex) / 2;
	unsigned byte;

	if (t == NULL || len > sizeof(id))
		exit(2);
	for (size_t i = 0; i < len; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			exit(2);
		id[i] = (unsigned char)byte;
	}
	must(fido_bio_template_set_id(t, id, len), "id");
	return t;
}

static void
enroll(fido_dev_t *dev, const char *pin)
{
	fido_bio_template_t *t = fido_bio_template_new();
	fido_bio_enroll_t *e = fido_bio_enroll_new();

	if (t == NULL || e == NULL)
		exit(2);
	must(fido_bio_dev_enroll_begin(dev, t, e, SAMPLE_MS, pin), "begin");
	for (;;) {
		printf("%u %u\n", fido_bio_enroll_last_status(e),
		    fido_bio_enroll_remaining_samples(e));
		fflush(stdout);
		if (fido_bio_enroll_remaining_samples(e) == 0)
			break;
		must(fido_bio_dev_enroll_continue(dev, t, e, SAMPLE_MS),
		    "continue");
	}
	print_id(t, NULL);
	fido_bio_template_free(&t);
	fido_bio_enroll_free(&e);
}

static void
list(fido_dev_t *dev, const char *pin)
{
	fido_bio_template_array_t *all = fido_bio_template_array_new();

	if (all == NULL)
		exit(2);
	must(fido_bio_dev_get_template_array(dev, all, pin), "list");
	for (size_t i = 0; i < fido_bio_template_array_count(all); i++) {
		const fido_bio_template_t *t = fido_bio_template(all, i);
		const char *name = fido_bio_template_name(t);

		print_id(t, name);
	}
	fido_bio_template_array_free(&all);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[2] : "";
	const char *pin = argc > 3 ? argv[3] : NULL;
	fido_bio_template_t *t = argc > 4 ? template_of(argv[4]) : NULL;
	fido_dev_t *dev = plug_in(argv[1]);

	if (strcmp(verb, "uv") == 0)
		puts(fido_dev_has_uv(dev) ? "yes" : "no");
	else if (strcmp(verb, "pin") == 0)
		must(fido_dev_set_pin(dev, pin, NULL), "pin");
	else if (strcmp(verb, "enroll") == 0)
		enroll(dev, pin);
	else if (strcmp(verb, "list") == 0)
		list(dev, pin);
	else if (strcmp(verb, "remove") == 0)
		must(fido_bio_dev_enroll_remove(dev, t, pin), "remove");
	else if (strcmp(verb, "name") == 0 && argc > 5) {
		must(fido_bio_template_set_name(t, argv[5]), "name");
		must(fido_bio_dev_set_template_name(dev, t, pin), "name");
	} else
		return 2;
	fido_bio_template_free(&t);
	fido2_close(&dev);
	return 0;
}
