/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To a key on the bus, past the kernel's HID driver, through libusb: where
 * there is no hidraw, or a gadget is to be judged as USB sees it.
 */
#include "authenticator/client/host_pipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libusb.h>

#define EMPTY_PACKETS_MAX	4	/* in a row */
#define DESCRIPTOR_MAX	1024
#define CONTROL_MS	1000
#define HID_REPORT	0x2200	/* GET_DESCRIPTOR: report, of index 0 */

struct usb_pipe {
	struct host_pipe	base;
	libusb_context	*context;
	libusb_device_handle *handle;
	int		 interface;	/* -1: not claimed */
	bool		 detached;	/* the kernel had it */
	uint8_t		 in, out;	/* endpoints; 0: none */
};

/* What to look for. */
struct usb_name {
	unsigned	vendor, product;
	const char	*serial;	/* NULL: any */
};

static int
usb_errno(int r)
{
	switch (r) {
	case LIBUSB_ERROR_ACCESS:
		return -EACCES;
	case LIBUSB_ERROR_NO_DEVICE:
	case LIBUSB_ERROR_NOT_FOUND:
		return -ENODEV;
	case LIBUSB_ERROR_BUSY:
		return -EBUSY;
	case LIBUSB_ERROR_TIMEOUT:
		return -ETIMEDOUT;
	case LIBUSB_ERROR_NO_MEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* Keys without an endpoint for it take reports on the control pipe. */
static int
usb_send(struct host_pipe *p, const uint8_t report[static CTAPHID_REPORT_LEN])
{
	struct usb_pipe *u = (struct usb_pipe *)p;
	uint8_t copy[CTAPHID_REPORT_LEN];
	int sent = 0, r;

	memcpy(copy, report, sizeof(copy));
	if (u->out == 0) {
		r = libusb_control_transfer(u->handle,
		    LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE,
		    9 /* SET_REPORT */, 2 << 8 /* output */,
		    (uint16_t)u->interface, copy, sizeof(copy),
		    HOST_PIPE_SEND_MS);
		return r == sizeof(copy) ? 0 : r < 0 ? usb_errno(r) : -EIO;
	}
	r = libusb_interrupt_transfer(u->handle, u->out, copy, sizeof(copy),
	    &sent, HOST_PIPE_SEND_MS);
	if (r < 0)
		return usb_errno(r);
	return sent == sizeof(copy) ? 0 : -EIO;
}

/*
 * libusb takes 0 for "for ever". Linux as a gadget ends a report that fills
 * its packet with one that is empty; those are no reports, and however many
 * there are, they cost only so much time.
 */
static int
usb_receive(struct host_pipe *p, uint8_t report[static CTAPHID_REPORT_LEN],
    unsigned wait_ms)
{
	struct usb_pipe *u = (struct usb_pipe *)p;
	int got = 0, r = 0;

	for (int i = 0; r == 0 && got == 0 && i < EMPTY_PACKETS_MAX; i++)
		r = libusb_interrupt_transfer(u->handle, u->in, report,
		    CTAPHID_REPORT_LEN, &got, wait_ms > 0 ? wait_ms : 1);
	if (got == 0 && (r == 0 || r == LIBUSB_ERROR_TIMEOUT))
		return 0;
	if (r < 0 && r != LIBUSB_ERROR_TIMEOUT)
		return usb_errno(r);
	return got == CTAPHID_REPORT_LEN ? 1 : -EPROTO;
}

static void
usb_free(struct host_pipe *p)
{
	struct usb_pipe *u = (struct usb_pipe *)p;

	if (u->handle != NULL && u->interface != -1)
		libusb_release_interface(u->handle, u->interface);
	if (u->detached)
		libusb_attach_kernel_driver(u->handle, u->interface);
	if (u->handle != NULL)
		libusb_close(u->handle);
	if (u->context != NULL)
		libusb_exit(u->context);
	free(u);
}

static const struct host_pipe_ops usb_ops = {
	.name = "usb",
	.send = usb_send,
	.receive = usb_receive,
	.free = usb_free,
};

static bool
is_named(libusb_device_handle *handle,
    const struct libusb_device_descriptor *d, const struct usb_name *name)
{
	unsigned char serial[256];

	if (name->serial == NULL)
		return true;
	return libusb_get_string_descriptor_ascii(handle, d->iSerialNumber,
	    serial, sizeof(serial)) > 0 &&
	    strcmp((const char *)serial, name->serial) == 0;
}

/* The endpoints, if the descriptor of the interface says FIDO. */
static bool
take_interface(struct usb_pipe *u, const struct libusb_interface_descriptor *d)
{
	uint8_t descriptor[DESCRIPTOR_MAX];
	int n;

	if (d->bInterfaceClass != LIBUSB_CLASS_HID)
		return false;
	u->in = u->out = 0;
	for (int i = 0; i < d->bNumEndpoints; i++) {
		const struct libusb_endpoint_descriptor *e = &d->endpoint[i];

		if ((e->bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_INTERRUPT)
			continue;
		if ((e->bEndpointAddress & LIBUSB_ENDPOINT_IN) != 0)
			u->in = e->bEndpointAddress;
		else
			u->out = e->bEndpointAddress;
	}
	n = libusb_control_transfer(u->handle, LIBUSB_ENDPOINT_IN |
	    LIBUSB_RECIPIENT_INTERFACE, LIBUSB_REQUEST_GET_DESCRIPTOR,
	    HID_REPORT, d->bInterfaceNumber, descriptor, sizeof(descriptor),
	    CONTROL_MS);
	return u->in != 0 && n > 0 && host_pipe_is_fido(descriptor, (size_t)n);
}

/*
 * Claims the FIDO interface of the device that is open. A descriptor can be
 * read only while the interface is ours, so each is claimed to look at it.
 */
static int
claim(struct usb_pipe *u, const struct libusb_config_descriptor *config)
{
	for (int i = 0; i < config->bNumInterfaces; i++) {
		const struct libusb_interface *in = &config->interface[i];
		int r;

		if (in->num_altsetting < 1 ||
		    in->altsetting->bInterfaceClass != LIBUSB_CLASS_HID)
			continue;
		u->interface = in->altsetting->bInterfaceNumber;
		u->detached = libusb_detach_kernel_driver(u->handle,
		    u->interface) == 0;
		r = libusb_claim_interface(u->handle, u->interface);
		if (r == 0 && take_interface(u, in->altsetting))
			return 0;
		if (r == 0)
			libusb_release_interface(u->handle, u->interface);
		if (u->detached)
			libusb_attach_kernel_driver(u->handle, u->interface);
		u->interface = -1;
		u->detached = false;
		if (r < 0)
			return usb_errno(r);
	}
	return -ENODEV;
}

/* One device of the list: 0, or why not. */
static int
try_device(struct usb_pipe *u, libusb_device *device,
    const struct usb_name *name)
{
	struct libusb_device_descriptor d;
	struct libusb_config_descriptor *config = NULL;
	int r = libusb_get_device_descriptor(device, &d);

	if (r < 0 || d.idVendor != name->vendor ||
	    d.idProduct != name->product)
		return -ENODEV;
	r = libusb_open(device, &u->handle);
	if (r < 0)
		return usb_errno(r);
	r = -ENODEV;
	if (is_named(u->handle, &d, name) &&
	    libusb_get_active_config_descriptor(device, &config) == 0)
		r = claim(u, config);
	libusb_free_config_descriptor(config);
	if (r < 0) {
		libusb_close(u->handle);
		u->handle = NULL;
	}
	return r;
}

static int
find_device(struct usb_pipe *u, const struct usb_name *name)
{
	libusb_device **list;
	ssize_t n = libusb_get_device_list(u->context, &list);
	int r = -ENODEV, one;

	if (n < 0)
		return usb_errno((int)n);
	for (ssize_t i = 0; r < 0 && i < n; i++) {
		one = try_device(u, list[i], name);
		/* one that is there but cannot be had says more */
		if (one != -ENODEV)
			r = one;
	}
	libusb_free_device_list(list, 1);
	return r;
}

static bool
parse_name(const char *text, struct usb_name *name)
{
	int used = 0;

	if (sscanf(text, "%4x:%4x%n", &name->vendor, &name->product,
	    &used) != 2)
		return false;
	name->serial = text[used] == ',' ? text + used + 1 : NULL;
	return text[used] == '\0' ||
	    (name->serial != NULL && name->serial[0] != '\0');
}

int
host_pipe_open_usb(const char *which, struct host_pipe **out, char *msg,
    size_t msglen)
{
	struct usb_pipe *u = calloc(1, sizeof(*u));
	struct usb_name name;
	int r = -ENOMEM;

	if (u == NULL)
		goto out;
	u->base.ops = &usb_ops;
	u->interface = -1;
	r = parse_name(which, &name) ? libusb_init(&u->context) : -EINVAL;
	if (r != -EINVAL)
		r = r < 0 ? -EIO : find_device(u, &name);
out:
	if (r == 0) {
		*out = &u->base;
		return 0;
	}
	snprintf(msg, msglen, "%s: %s", which, r == -EINVAL ?
	    "a key is VID:PID or VID:PID,SERIAL in hex" : r == -ENODEV ?
	    "there is no such FIDO key" : strerror(-r));
	if (u != NULL)
		usb_free(&u->base);
	return r;
}
