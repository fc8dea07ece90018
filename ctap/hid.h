/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAPHID, the framing of CTAP over 64-byte HID reports (CTAP 2.3, 11.2).
 *
 * One struct ctaphid is the key as one host sees it: its channels, its lock
 * and the one transaction that may be in progress. Keys with several hosts
 * have several objects, and arbitrate among them by themselves (a message may
 * be answered with CTAPHID_ERR_CHANNEL_BUSY).
 *
 * It owns the bytes of the message in progress and of its reply. It refuses
 * to know what a message says, where reports come from, and what time it is:
 * no I/O, no allocation, no clock. Every now_ms is monotonic milliseconds.
 * PING, INIT, LOCK, WINK, keepalives and every framing error are answered in
 * here; CBOR and MSG are handed to the owner as CTAPHID_MESSAGE.
 *
 * An owner's turn looks like this:
 *
 *	while (!ctaphid_full(h) && a report is waiting)
 *		perform(ctaphid_input(h, report, now_ms));
 *	if (now_ms >= ctaphid_deadline(h))
 *		ctaphid_tick(h, now_ms);
 *	while (the transport takes one && ctaphid_output(h, report))
 *		send(report);
 *
 * Reports before ticks: a packet that waited while this process was held up
 * did not come late, so only ctaphid_tick() declares a message timed out.
 *
 * Nothing in here is secret: all of it crosses a bus in the clear.
 */
#ifndef CTAP_HID_H
#define CTAP_HID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctap/span.h"

#define CTAPHID_REPORT_LEN	64
#define CTAPHID_MESSAGE_MAX	7609	/* 57 + 128 * 59, 11.2.4 */
#define CTAPHID_BROADCAST	0xffffffff	/* the CID of nobody yet */

#define CTAPHID_TIMEOUT_MS	500	/* between packets; suites: 400..1000 */
#define CTAPHID_KEEPALIVE_MS	100	/* 11.2.9.1.7 */
#define CTAPHID_LOCK_MAX_S	10	/* 11.2.9.2.2 */

/*
 * Frames that may wait for the transport besides the reply, and channels a
 * host may pick by itself (INIT on a CID we never handed out). Channels we
 * hand out are not limited; of the others the oldest is forgotten.
 */
#define CTAPHID_QUEUE_MAX	8
#define CTAPHID_ADOPTED_MAX	32

/* Commands, 11.2.9, without the bit that marks an initialization packet. */
enum ctaphid_cmd {
	CTAPHID_CMD_PING = 0x01,
	CTAPHID_CMD_MSG = 0x03,
	CTAPHID_CMD_LOCK = 0x04,
	CTAPHID_CMD_INIT = 0x06,
	CTAPHID_CMD_WINK = 0x08,
	CTAPHID_CMD_CBOR = 0x10,
	CTAPHID_CMD_CANCEL = 0x11,
	CTAPHID_CMD_KEEPALIVE = 0x3b,
	CTAPHID_CMD_ERROR = 0x3f,
};

/* What an ERROR packet carries, 11.2.9.1.6. */
enum ctaphid_error {
	CTAPHID_ERR_INVALID_CMD = 0x01,
	CTAPHID_ERR_INVALID_PAR = 0x02,
	CTAPHID_ERR_INVALID_LEN = 0x03,
	CTAPHID_ERR_INVALID_SEQ = 0x04,
	CTAPHID_ERR_MSG_TIMEOUT = 0x05,
	CTAPHID_ERR_CHANNEL_BUSY = 0x06,
	CTAPHID_ERR_LOCK_REQUIRED = 0x0a,
	CTAPHID_ERR_INVALID_CHANNEL = 0x0b,
	CTAPHID_ERR_OTHER = 0x7f,
};

/* What a KEEPALIVE packet carries, 11.2.9.1.7. */
enum ctaphid_status {
	CTAPHID_STATUS_PROCESSING = 0x01,
	CTAPHID_STATUS_UPNEEDED = 0x02,
};

/*
 * Capabilities, 11.2.9.1.3. Bit 0x02 once meant LOCK and is reserved now, so
 * it is never sent, although LOCK is implemented.
 */
#define CAPABILITY_WINK		0x01
#define CAPABILITY_CBOR		0x04
#define CAPABILITY_NMSG		0x08	/* MSG is not implemented */

struct ctaphid_config {
	uint8_t	version[3];	/* of the key: major, minor, build */
	uint8_t	capabilities;	/* CAPABILITY_ */
};

enum ctaphid_event_type {
	CTAPHID_NONE,
	CTAPHID_MESSAGE,	/* a whole message, to be answered */
	CTAPHID_CANCEL,		/* please hurry: answer it with 0x2D */
	CTAPHID_ABORT,		/* forget it: nobody wants the answer */
	CTAPHID_WINK,		/* be visible; answered already */
};

/*
 * The serial names the message, in MESSAGE and in the CANCEL or ABORT that may
 * follow. It is never 0, and what is said about another serial than that of
 * the message in progress is ignored: a late answer cannot reach the request
 * after the one it was meant for.
 */
struct ctaphid_event {
	enum ctaphid_event_type	 type;
	uint32_t		 cid;
	uint32_t		 serial;	/* MESSAGE, CANCEL, ABORT */
	uint8_t			 cmd;	/* MESSAGE: CTAPHID_CMD_CBOR or _MSG */
	struct span		 msg;	/* MESSAGE: until answered or ABORT */
};

/* Contents are private: look with the functions below. */
struct ctaphid_frame {
	uint32_t	cid;
	uint8_t		cmd;
	uint8_t		len;	/* bytes used of data */
	uint8_t		data[17];
};

enum ctaphid_phase {
	CTAPHID_IDLE,
	CTAPHID_ASSEMBLING,
	CTAPHID_PROCESSING,
	CTAPHID_REPLYING,
};

struct ctaphid {
	struct ctaphid_config	 config;

	/* channels: from first to next, after all four billion again */
	uint32_t		 first_cid;
	uint32_t		 next_cid;
	bool			 wrapped;
	uint32_t		 adopted[CTAPHID_ADOPTED_MAX];	/* 0: free */
	size_t			 oldest;	/* of adopted */

	uint32_t		 lock_cid;	/* 0: none */
	uint32_t		 lock_ms;	/* as asked for */
	uint64_t		 lock_until_ms;

	/* the transaction; see the diagram in hid.c */
	enum ctaphid_phase	 phase;
	uint32_t		 cid;
	uint32_t		 serial;
	uint8_t			 cmd;
	uint8_t			 seq;		/* of the next packet */
	bool			 begun;		/* its first packet was sent */
	bool			 cancelled;
	bool			 keepalive_due;
	enum ctaphid_status	 status;
	uint64_t		 deadline_ms;
	size_t			 len;		/* of the message or reply */
	size_t			 done;		/* received, or sent, of it */
	uint8_t			 buf[CTAPHID_MESSAGE_MAX];

	size_t			 queued;
	struct ctaphid_frame	 queue[CTAPHID_QUEUE_MAX];
};

/*
 * A key that was just plugged in. Channels are handed out upwards from
 * first_cid, which should be random where several keys share a machine.
 * Nothing needs to be freed.
 */
void ctaphid_init(struct ctaphid *h, const struct ctaphid_config *config,
    uint32_t first_cid);

/*
 * Feed one report. At most one event comes of it. A report that is fed while
 * ctaphid_full() is dropped.
 */
struct ctaphid_event ctaphid_input(struct ctaphid *h,
    const uint8_t report[static CTAPHID_REPORT_LEN], uint64_t now_ms);

/*
 * The next report to send, or false and nothing written. The transaction
 * keeps other channels out until the last packet of its reply is taken, so
 * take no more than can be sent.
 */
bool ctaphid_output(struct ctaphid *h,
    uint8_t report[static CTAPHID_REPORT_LEN]);

/* Take some output before feeding more input. */
bool ctaphid_full(const struct ctaphid *h);

/* When to call ctaphid_tick(), UINT64_MAX for never. Input may change it. */
uint64_t ctaphid_deadline(const struct ctaphid *h);

/* Send the keepalives and message timeouts that are due. */
void ctaphid_tick(struct ctaphid *h, uint64_t now_ms);

/*
 * Answer the message. The bytes are copied; they may lie in the message.
 * Longer than CTAPHID_MESSAGE_MAX becomes CTAPHID_ERR_OTHER.
 */
void ctaphid_reply(struct ctaphid *h, uint32_t serial, struct span msg);
void ctaphid_error(struct ctaphid *h, uint32_t serial,
    enum ctaphid_error code);

/*
 * What the message is waiting for; PROCESSING to begin with. A change is told
 * to the host at once, then every CTAPHID_KEEPALIVE_MS. During MSG the host
 * only hears of UPNEEDED, because U2F hosts do not expect PROCESSING.
 */
void ctaphid_set_status(struct ctaphid *h, uint32_t serial,
    enum ctaphid_status status, uint64_t now_ms);

/*
 * No more keepalives for the message, until it is answered or aborted: for
 * who plays a key that hangs.
 */
void ctaphid_mute(struct ctaphid *h, uint32_t serial);

/*
 * The last program on the host has gone: drop the transaction, the lock and
 * what waits to be sent. ABORT if a message was in progress. Its channels stay
 * allocated, so that a late packet cannot meet somebody else's channel.
 */
struct ctaphid_event ctaphid_hangup(struct ctaphid *h);

#endif
