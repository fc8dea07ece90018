/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of one daemon: each with a state directory, a transport, a user
 * and a clock of its own, added and removed while the others work. They
 * share the thread; but what waits when a key begins and ends, for its TPM and
 * its disk, can be done aside from it (aside.h), by one key after the other.
 *
 *	           hub_add()         hub_unplug(), or its transport failed
 *	(nothing) ----------> plugged <-------------------> unplugged
 *	   |          `----------------- hub_plug() ------------'    |
 *	   | hub_add_aside()                     hub_remove_aside()  |
 *	   v                                                         v
 *	 being opened ------> plugged or unplugged       being closed --> freed
 *
 * A key that is not plugged in has no power, and no hosts; its state stays. One
 * that is being opened has its ID and its place, but is nowhere to be found
 * yet; one that is being closed has left neither.
 *
 * What the owner changes of a key that runs still waits for its TPM here.
 *
 * Limits: HUB_KEYS_MAX keys, those that are being opened among them.
 */
#ifndef AUTHENTICATOR_HUB_H
#define AUTHENTICATOR_HUB_H

#include "authenticator/aside.h"
#include "authenticator/device.h"
#include "authenticator/ephemeral.h"
#include "authenticator/event_ring.h"
#include "authenticator/loop.h"
#include "authenticator/profile/profile.h"
#include "authenticator/reactor.h"

#define HUB_KEYS_MAX	256
#define HUB_ID_MAX	48	/* characters: letters, digits, "-._~" */
#define HUB_NAME_MAX	127	/* printable ASCII characters */
#define HUB_OWNER_MAX	128	/* bytes */
#define HUB_ADVANCE_MAX_MS	(UINT64_C(100) * 366 * 86400 * 1000)

enum hub_transport {
	HUB_UHID,
	HUB_SOCKET,
	HUB_GADGET,
};

/* What a key is to be. Everything is copied. */
struct hub_options {
	const char	*id;		/* NULL: key1, key2, ... */
	const char	*name;		/* what its device is called, as long
					 * as it is there; NULL: as its
					 * profile says */
	const char	*owner;		/* whose it is, for who asks; NULL:
					 * nobody's. HUB_OWNER_MAX at most */
	const char	*state;		/* absolute; NULL: ephemeral */
	enum presence_mode presence;
	enum hub_transport transport;
	const char	*path;		/* of socket or gadget; NULL: the
					 * socket host.sock in the state */
	bool		 unplugged;	/* until hub_plug() */
	bool		 essential;	/* the daemon ends with its transport */
	struct auth_config auth;
	/* what auth was made of, before single settings; NULL: nothing */
	const struct profile *profile;
	bool		 keep_profile;	/* in the state directory */
	struct device_tpm tpm;
	const struct attestation_root *root;
	enum audit_mode	audit;
};

/* Who asks may read all of it. */
struct hub_key {
	char		 id[HUB_ID_MAX + 1];
	char		 name[HUB_NAME_MAX + 1];
	char		 owner[HUB_OWNER_MAX + 1];	/* "": nobody */
	struct hub	*hub;
	struct device	*device;
	struct loop	*loop;
	struct transport *transport;	/* NULL: unplugged */
	enum hub_transport kind;
	char		 path[PATH_MAX];	/* of socket or gadget */
	uint64_t	 offset_ms;	/* its clock is ahead */
	struct ephemeral ephemeral;
	bool		 essential;
	/* private from here */
	bool		 named;		/* whatever a profile says */
	uint16_t	 vendor_id;	/* USB */
	uint16_t	 product_id;
	bool		 failed;	/* to be unplugged */
	struct event_sink sink;
	struct source	 hosts;
	struct source	 keys;
	struct aside_job closing;
	void		(*closed)(void *arg);	/* NULL: nobody cares */
	void		*closed_arg;
	struct hub_key	*next;
};

/* Whoever has one added aside; may not change the hub either. */
struct hub_added {
	void	(*added)(void *arg, struct hub_key *k, int error,
		    const char *line);
	void	*arg;
};

/* Who is told. NULL: nobody. None of them may change the hub. */
struct hub_events {
	/* What the owner ought to know and hosts do not hear; a line. */
	void	(*trouble)(void *arg, const struct hub_key *k,
		    const char *line);
	/* Its transport failed, and is being unplugged. */
	void	(*failed)(void *arg, const struct hub_key *k,
		    const char *line);
	/* It is there; it is about to be freed. */
	void	(*added)(void *arg, struct hub_key *k);
	void	(*removed)(void *arg, struct hub_key *k);
	void	(*plugged)(void *arg, const struct hub_key *k, bool plugged);
	void	*arg;
};

/* reactor must outlive it. 0 or -errno. */
int hub_new(struct reactor *reactor, struct hub **out);
void hub_watch(struct hub *h, const struct hub_events *events);
/* Accepts NULL. Removes every key, and waits for those that begin or end. */
void hub_free(struct hub *h);
/*
 * The daemon ends: hosts go first, so that nothing is answered by half of it.
 * What happens to keys from then on is not the owner's doing.
 */
void hub_unplug_all(struct hub *h);

/*
 * On error, -errno and one line in msg: -EEXIST there is a key of that ID,
 * -ENOSPC there are enough, -EINVAL one of the options cannot be; others as
 * device_open() and transports say.
 */
int hub_add(struct hub *h, const struct hub_options *o, uint64_t now_ms,
    struct hub_key **out, char *msg, size_t msglen);
/* An orderly end, as of a daemon. An ephemeral state goes with it. */
void hub_remove(struct hub_key *k);

/*
 * The same, while the other keys go on. On error nothing was begun, as above:
 * of a key that could not be at all. Otherwise added(arg, k, 0, NULL) is called
 * when it is there, or added(arg, NULL, -errno, line) when it turned out that
 * it cannot be, and nothing is left of it; -ECANCELED: the hub is about to go,
 * or it was called off.
 * Until then, what o points to has to stay as it is.
 */
int hub_add_aside(struct hub *h, const struct hub_options *o,
    const struct hub_added *added, char *msg, size_t msglen);
/*
 * It is gone when this returns, and closed(arg) is called, unless that is NULL,
 * when its state directory may be used by others.
 */
void hub_remove_aside(struct hub_key *k, void (*closed)(void *arg),
    void *arg);
/* Those of owner that are being opened come to nothing: -ECANCELED. */
void hub_call_off(struct hub *h, const char *owner);
/* Waits for all of them, for who has no reactor that runs. */
void hub_settle(struct hub *h);

/* What happens to any of them. */
struct event_ring *hub_ring(const struct hub *h);

/*
 * Where the control interface listens: told in the lock of each state
 * directory (note.h), of keys that are there and of those to come. From then
 * on it is the owner who adds, removes, plugs and unplugs, and events say so.
 */
int hub_announce(struct hub *h, const char *control, char *msg,
    size_t msglen);

bool hub_is_id(const char *s);
bool hub_is_name(const char *s);

struct hub_key *hub_first(const struct hub *h);		/* oldest; or NULL */
struct hub_key *hub_next(const struct hub_key *k);
struct hub_key *hub_find(const struct hub *h, const char *id);
size_t hub_count(const struct hub *h);

/* "uhid", "socket", "gadget" */
extern const char *const hub_transport_names[];

/* 0 also if it is; on error as transports say, and it stays as it was. */
int hub_plug(struct hub_key *k, uint64_t now_ms, char *msg, size_t msglen);
void hub_unplug(struct hub_key *k, uint64_t now_ms);

/*
 * It becomes the model p, with its credentials, as after an update of its
 * firmware: hosts see it go and come back. Its state directory keeps p. What
 * single settings said is over, but who picks among accounts stays, unless p
 * says. On error -errno and one line in msg; it is what it was, unless the
 * line says otherwise.
 */
int hub_set_profile(struct hub_key *k, const struct profile *p,
    uint64_t now_ms, char *msg, size_t msglen);

/* Its clock jumps ahead, with whatever that ends. -EINVAL: too far. */
int hub_advance(struct hub_key *k, uint64_t ms, uint64_t now_ms);
/* What the key takes for now; loop_*() wants that. */
uint64_t hub_now(const struct hub_key *k, uint64_t now_ms);

/* The same for the same key, and tells nothing else about it. */
#define HUB_SERIAL_LEN	17	/* bytes, with the NUL */
void hub_serial(const struct hub_key *k, char out[static HUB_SERIAL_LEN]);

/* After anything was done to k by way of its loop or device. */
void hub_tell_trouble(const struct hub_key *k);

#endif
