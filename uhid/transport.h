/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transports carry 64-byte reports between a key and its hosts: the kernel
 * (uhid, or a USB gadget), or any number of clients of a socket. A host is
 * one computer as the key sees it: it has its own CTAPHID channels.
 *
 * A transport owns its descriptors. It never blocks and has no thread: the
 * loop waits for fd() to become readable (it is an epoll descriptor where
 * there are several) and calls dispatch(); calls tick() when deadline() has
 * passed.
 *
 * Errors are negative errno values.
 */
#ifndef UHID_TRANSPORT_H
#define UHID_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSPORT_REPORT_LEN	64

/*
 * The longest CTAPHID message that a host may send over uhid. The kernel
 * keeps 31 reports for the key, and drops what does not fit without telling
 * the host: a fast host overtakes a busy machine. 57 + 30 * 59 bytes fit.
 */
#define UHID_MESSAGE_MAX	1827

/* One host. The owner of the loop may hang its own state on it. */
struct host {
	struct transport *transport;
	void		*owner;		/* the loop's, see host_open below */
};

/* What the loop is told. None of these may free the transport. */
struct transport_events {
	/* A host is there. Set host->owner; false refuses it. */
	bool	(*host_open)(void *arg, struct host *h);
	void	(*report)(void *arg, struct host *h,
		    const uint8_t report[static TRANSPORT_REPORT_LEN]);
	/* h can take reports again after send() said -EAGAIN. */
	void	(*writable)(void *arg, struct host *h);
	/* The host has gone; h is freed when this returns. */
	void	(*host_close)(void *arg, struct host *h);
	/* The transport cannot go on (-errno, and a line for the user). */
	void	(*failed)(void *arg, int error, const char *what);
};

struct transport_ops {
	const char *name;
	int	(*fd)(const struct transport *t);
	void	(*dispatch)(struct transport *t, uint64_t now_ms);
	/*
	 * 0: taken. -EAGAIN: not now, writable() will be called. Transports
	 * without backpressure of their own (uhid) pace themselves this
	 * way, so that a host's ring of 64 reports never overflows.
	 */
	int	(*send)(struct transport *t, struct host *h,
		    const uint8_t report[static TRANSPORT_REPORT_LEN],
		    uint64_t now_ms);
	/* Stop or resume reading from h: backpressure towards the host. */
	void	(*pause)(struct transport *t, struct host *h, bool paused);
	uint64_t (*deadline)(const struct transport *t); /* UINT64_MAX: none */
	void	(*tick)(struct transport *t, uint64_t now_ms);
	void	(*free)(struct transport *t);
};

/* First member of every transport. */
struct transport {
	const struct transport_ops *ops;
	const struct transport_events *events;
	void *arg;			/* for events */
};

/* What the kernel is told about the device. */
struct transport_identity {
	const char	*name;		/* at most 127 bytes, ASCII */
	const char	*uniq;		/* serial number; at most 63, ASCII */
	uint16_t	 vendor;
	uint16_t	 product;
	uint16_t	 version;	/* bcdDevice */
};

/*
 * Each opens a transport that reports to events(arg). On error *out is
 * untouched and msg has one line that says what is wrong and what to do.
 */
int transport_open_uhid(const struct transport_identity *id,
    const struct transport_events *events, void *arg,
    struct transport **out, char *msg, size_t msglen);
/* An opened descriptor that speaks struct uhid_event, e.g. in tests. */
int transport_open_uhid_fd(int fd, const struct transport_identity *id,
    const struct transport_events *events, void *arg,
    struct transport **out, char *msg, size_t msglen);
/* A hidg device of a USB gadget whose function has our descriptor. */
int transport_open_gadget(const char *path,
    const struct transport_events *events, void *arg,
    struct transport **out, char *msg, size_t msglen);
/* A listening SOCK_SEQPACKET UNIX socket, mode 0600; removes it on free. */
int transport_open_socket(const char *path,
    const struct transport_events *events, void *arg,
    struct transport **out, char *msg, size_t msglen);
/* Accepts NULL. Closes every host first (host_close is called). */
void transport_free(struct transport *t);

/* CTAP 2.3, 11.2.8.2: the report descriptor of every transport. */
extern const uint8_t transport_report_descriptor[34];

#endif
