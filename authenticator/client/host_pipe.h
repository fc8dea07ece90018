/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way to a key: reports of 64 bytes, there and back. Whatever is at the
 * other end is not trusted, and nothing in here waits longer than it is told.
 *
 * Errors are negative errno values, with one line for the user in msg.
 */
#ifndef AUTHENTICATOR_HOST_PIPE_H
#define AUTHENTICATOR_HOST_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctap/hid.h"

#define HOST_PIPE_SEND_MS	3000	/* then the key takes no reports */

struct host_pipe;

struct host_pipe_ops {
	const char *name;
	/* 0 or -errno. */
	int	(*send)(struct host_pipe *p,
		    const uint8_t report[static CTAPHID_REPORT_LEN]);
	/* 1: there is one; 0: none came in that time; -errno. */
	int	(*receive)(struct host_pipe *p,
		    uint8_t report[static CTAPHID_REPORT_LEN],
		    unsigned wait_ms);
	void	(*free)(struct host_pipe *p);
	/* The time that passes in receive(); NULL: the machine's. */
	uint64_t (*now_ms)(struct host_pipe *p);
};

/* First member of every pipe. */
struct host_pipe {
	const struct host_pipe_ops *ops;
};

/* The socket of "sealkey run --socket": each pipe is a host of its own. */
int host_pipe_open_socket(const char *path, struct host_pipe **out, char *msg,
    size_t msglen);
/* /dev/hidrawN, if its descriptor says FIDO. */
int host_pipe_open_hidraw(const char *path, struct host_pipe **out, char *msg,
    size_t msglen);
/*
 * VID:PID[,SERIAL] in hex, through libusb: the first such device that has a
 * FIDO interface. The kernel's driver is detached, and gets it back.
 */
int host_pipe_open_usb(const char *which, struct host_pipe **out, char *msg,
    size_t msglen);
/* Accepts NULL. */
void host_pipe_free(struct host_pipe *p);

/*
 * Whether a HID report descriptor is that of a FIDO key (CTAP 2.3, 11.2.8):
 * its first usage page is F1D0.
 */
bool host_pipe_is_fido(const uint8_t *descriptor, size_t len);
/* Monotonic. p may be NULL. */
uint64_t host_pipe_now_ms(struct host_pipe *p);
/* Waits for one of poll()'s events; 1, 0 or -errno (-EPIPE: it is gone). */
int host_pipe_wait(int fd, short events, unsigned wait_ms);

#endif
