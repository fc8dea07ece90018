/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: an authenticator with a virtual clock, a scripted user,
 * seeded randomness, software keys, and a store in memory that can fail or
 * lose power. Nothing in it sleeps.
 *
 * It performs every want but AUTH_USER by itself; for that it stops, and
 * the test answers.
 */
#ifndef CONFORMANCE_SIM_H
#define CONFORMANCE_SIM_H

#include "authenticator/engine/engine.h"

#define SIM_SETTINGS_MAX	16

/* Settings as authenticator/settings.h takes them, NULL behind the last. */
struct sim_setup {
	const char	*set[SIM_SETTINGS_MAX + 1];	/* "NAME=VALUE" */
	uint64_t	 seed;
	bool		 pin_in_keys;	/* as that of keys in a TPM */
};

struct sim {
	/* The test may set these at any time. */
	uint64_t	now_ms;
	int		commit_error;	/* what the next commits return */
	int		lookup_error;
	int		key_error;

	/* ... and read these. */
	enum auth_want	want;		/* AUTH_USER, AUTH_REPLY or AUTH_IDLE */
	unsigned	commits;
	unsigned	prompts;
	struct span	reply;		/* of the last command: valid until
					 * the next */
	uint8_t		attestation_pub[COSE_KEY_MAX];
	size_t		attestation_pub_len;
	uint8_t		enterprise_pub[COSE_KEY_MAX];
	size_t		enterprise_pub_len;
	uint8_t		tpm_pub[COSE_KEY_MAX];	/* of the one that certifies */
	size_t		tpm_pub_len;	/* 0: no attestation is "tpm" */
	struct auth	*auth;

	struct sim_private *priv;
};

/* Aborts if it cannot: a test without a simulator says nothing. */
struct sim *sim_new(const struct sim_setup *setup);
void sim_free(struct sim *s);

/* Off and on again: what was not committed is gone. */
void sim_power_cycle(struct sim *s);

/* Each returns s->want. msg is copied. */
enum auth_want sim_send(struct sim *s, uint64_t channel, struct span msg);
/*
 * U2F. Never AUTH_USER: without a touch that was kept the reply says that
 * one is missing, and sim_touch() keeps one for 10 s from then on.
 */
enum auth_want sim_apdu(struct sim *s, uint64_t channel, struct span msg);
/* Answers, or is kept for the next APDU; false: nobody asks for it. */
bool sim_touch(struct sim *s);
enum auth_want sim_answer(struct sim *s, enum user_answer answer);
enum auth_want sim_finger(struct sim *s, struct user_finger finger);
enum auth_want sim_cancel(struct sim *s, uint64_t channel);
/* Nobody wants the reply any more. */
enum auth_want sim_abort(struct sim *s, uint64_t channel);
/* Lets time pass, and the engine see every deadline in it. */
enum auth_want sim_advance(struct sim *s, uint64_t ms);

/* Sends, answers every prompt with yes, and returns the status byte. */
uint8_t sim_yes(struct sim *s, struct span msg);

size_t sim_credentials(const struct sim *s);
/* PIN_HASH_LEN bytes, wherever the PIN is kept; NULL: there is none. */
const uint8_t *sim_pin_hash(const struct sim *s);
const struct credential *sim_credential(const struct sim *s, size_t i);

#endif
