/* SPDX-License-Identifier: Apache-2.0 */
/* What every transport shares: the report descriptor, and how it ends. */
#include "uhid/transport.h"

/* One unnumbered report of 64 bytes each way, usage page F1D0 (FIDO). */
const uint8_t transport_report_descriptor[34] = {
	0x06, 0xd0, 0xf1,	/* Usage Page (FIDO Alliance) */
	0x09, 0x01,		/* Usage (CTAPHID authenticator device) */
	0xa1, 0x01,		/* Collection (Application) */
	0x09, 0x20,		/*   Usage (data in) */
	0x15, 0x00,		/*   Logical Minimum (0) */
	0x26, 0xff, 0x00,	/*   Logical Maximum (255) */
	0x75, 0x08,		/*   Report Size (8) */
	0x95, 0x40,		/*   Report Count (64) */
	0x81, 0x02,		/*   Input (Data, Variable, Absolute) */
	0x09, 0x21,		/*   Usage (data out) */
	0x15, 0x00,		/*   Logical Minimum (0) */
	0x26, 0xff, 0x00,	/*   Logical Maximum (255) */
	0x75, 0x08,		/*   Report Size (8) */
	0x95, 0x40,		/*   Report Count (64) */
	0x91, 0x02,		/*   Output (Data, Variable, Absolute) */
	0xc0,			/* End Collection */
};

void
transport_free(struct transport *t)
{
	if (t != NULL)
		t->ops->free(t);
}
