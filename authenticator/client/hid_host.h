/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of CTAPHID (CTAP 2.3, 11.2) over a pipe: one computer with
 * any number of channels, and one message at a time.
 *
 * The key is not trusted: whatever it sends ends in one of the events below,
 * and no call waits longer than it is told, and HID_HOST_MESSAGE_MS for the
 * rest of a message that has begun.
 */
#ifndef AUTHENTICATOR_HID_HOST_H
#define AUTHENTICATOR_HID_HOST_H

#include "authenticator/client/host_pipe.h"
#include "ctap/hid.h"
#include "ctap/span.h"

#define HID_HOST_INIT_MS	3000	/* for a reply to INIT */
#define HID_HOST_PACKET_MS	3000	/* between packets of a message */
#define HID_HOST_MESSAGE_MS	10000	/* from the first packet to the last */

enum hid_host_event {
	HID_HOST_SILENCE,	/* nothing came in that time */
	HID_HOST_REPLY,		/* cmd and msg */
	HID_HOST_KEEPALIVE,	/* code: enum ctaphid_status */
	HID_HOST_ERROR,		/* code: enum ctaphid_error */
	HID_HOST_NONSENSE,	/* why */
	HID_HOST_GONE,		/* why */
};

struct hid_host {
	struct host_pipe *pipe;		/* the owner's */
	uint8_t		 capabilities;	/* of the last INIT: CAPABILITY_... */
	/* of the last event: */
	uint8_t		 cmd;
	uint8_t		 code;
	const char	*why;
	size_t		 len;
	uint8_t		 msg[CTAPHID_MESSAGE_MAX];
};

/*
 * INIT with a fresh nonce, on the broadcast channel. REPLY: *cid is a new
 * channel. Answers to others are passed over.
 */
enum hid_host_event hid_host_channel(struct hid_host *h, uint32_t *cid);

/*
 * INIT on a channel we have, which ends what goes on there (CTAP 2.3,
 * 11.2.9.1.3). What it still has to say is passed over; after REPLY the next
 * message answers the next request.
 */
enum hid_host_event hid_host_resync(struct hid_host *h, uint32_t cid);

/* A whole message; at most CTAPHID_MESSAGE_MAX. 0 or -errno. */
int hid_host_send(struct hid_host *h, uint32_t cid, uint8_t cmd,
    struct span msg);

/* What comes next on a channel; other channels' reports are passed over. */
enum hid_host_event hid_host_next(struct hid_host *h, uint32_t cid,
    unsigned wait_ms);

/* The same without keepalives, however many there are in that time. */
enum hid_host_event hid_host_reply(struct hid_host *h, uint32_t cid,
    unsigned wait_ms);

/* Throws away what has come by now. */
void hid_host_drain(struct hid_host *h);

#endif
