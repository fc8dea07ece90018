/* SPDX-License-Identifier: Apache-2.0 */
/* What key_*.c share; nobody else includes this. */
#ifndef CONFORMANCE_KEY_IMPL_H
#define CONFORMANCE_KEY_IMPL_H

#include "authenticator/engine/engine.h"
#include "authenticator/client/hid_host.h"
#include "conformance/key_target.h"
#include "conformance/survey.h"

#define KEY_HOSTS_MAX		16
#define KEY_CHANNELS_MAX	32
#define KEY_SILENCE_MS		5000	/* a key that works says so */
#define KEY_REPLY_MS		60000	/* keepalives or not */
#define KEY_PERSON_MS		30000	/* to touch, or to replug */
#define KEY_STALE_MS		1500	/* a touch has an effect by then */
#define KEY_PATIENCE_MS		3000	/* for hid lines */
#define KEY_SLACK_MS		250	/* what ends after 30 s has ended */
#define KEY_PAUSE_MS		2000	/* of real time in a case */

enum key_presence {
	KEY_PERSON,		/* no control interface: somebody is there */
	KEY_AUTO,
	KEY_MANUAL,
	KEY_NEVER,
};

struct key_channel {
	uint64_t	channel;	/* of the transcript */
	uint32_t	cid;
};

struct key {
	struct key_options opt;
	struct transcript_target target;
	enum key_presence presence;
	char		 choice[16];	/* account choice; empty: unknown */
	char		 attestation[16];
	bool		 dirty;		/* not factory-new, for all we know */

	struct {
		uint32_t	number;
		struct hid_host	host;
	} hosts[KEY_HOSTS_MAX];
	size_t		 host_count;
	struct key_channel channels[KEY_CHANNELS_MAX];
	size_t		 channel_count;
	struct survey	 survey;	/* of the case that runs */

	/* the message under way, or the last one */
	struct hid_host	*host;
	uint32_t	 cid;
	uint8_t		 cmd;		/* of CTAPHID; the reply has the same */
	uint8_t		 refused;	/* enum ctaphid_error; 0: it was not */
	bool		 waiting;	/* for its reply */
	bool		 asks;		/* it waits for its user */
	bool		 answered;	/* the user has done something ... */
	uint64_t	 answered_ms;	/* ... then */
	bool		 apdu;
	bool		 touch_kept;	/* for the next APDU */
	int		 finger;	/* a press that waits; -1: none */
	size_t		 reply_len;	/* 0: none */
	uint8_t		 reply[CTAPHID_MESSAGE_MAX];

	uint8_t		 info[CTAPHID_MESSAGE_MAX];	/* of getInfo */
	size_t		 info_len;	/* 0: it has nothing but U2F */
	char		 trouble[TRANSCRIPT_WHY_MAX];	/* empty: none */
};

uint64_t key_clock_ms(const struct key *k);
void key_pause(unsigned ms);
/* False, with k->trouble. */
bool key_trouble(struct key *k, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* key_message.c: one message at a time; all of them may leave trouble. */
void key_send(struct key *k, uint64_t channel, uint8_t cmd, struct span msg);
/* Goes on until there is a reply, a question to the user, or trouble. */
void key_proceed(struct key *k);
/* The same, until the time has come. */
void key_listen(struct key *k, uint64_t until_ms);
bool key_cancel(struct key *k, uint64_t channel);
/* Cancels what is under way, and waits until the key has done with it. */
void key_give_up(struct key *k);
/* No channels, no hosts but the first, nothing under way. */
void key_forget(struct key *k);
bool key_open_host(struct key *k, uint32_t number, char *msg, size_t msglen);

/* key_user.c: the person, or the control interface. */
bool key_look_at_control(struct key *k, char *msg, size_t msglen);
enum transcript_step key_touch(struct key *k, bool deny);
/* One that fits is a touch; others only by the control interface. */
enum transcript_step key_finger(struct key *k, struct user_finger finger,
    char why[static TRANSCRIPT_WHY_MAX]);
void key_take_finger_off(struct key *k);
/* Off and on again. */
bool key_power_cycle(struct key *k);
/* Factory-new; wants a power cycle just before. */
bool key_reset(struct key *k);

/* key_kind.c: what kind of key it is, as getInfo says. */
bool key_ask_info(struct key *k);
bool key_has_option(const struct key *k, const char *name);
/* A member, or an option if it has a name; empty if it is not there. */
struct span key_info_find(struct span info, int64_t key, struct span name);
/* Whether it is like the case wants, or why not. */
bool key_is_given(const struct key *k, const struct transcript_case *c,
    char why[static TRANSCRIPT_WHY_MAX]);

/*
 * key_needs.c: whether a case that is given nothing uses only what the key
 * has as the simulated one has it, whose getInfo is usual; or why not.
 */
bool key_has_what_it_uses(const struct key *k,
    const struct transcript_case *c, struct span usual,
    char why[static TRANSCRIPT_WHY_MAX]);

#endif
