/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the client: one for https://login.example.com before a token
 * that does as it is told, and options that have what is required. Tests put
 * members behind them, and "}".
 */
#ifndef TESTS_CLIENT_FIXTURE_H
#define TESTS_CLIENT_FIXTURE_H

#include "authenticator/client/webauthn.h"
#include "tests/fake_token.h"

#include <jansson.h>

#define CREATE \
	"{\"challenge\":\"AAECAw\",\"rp\":{\"name\":\"RP\"}," \
	"\"user\":{\"id\":\"AQID\",\"name\":\"n\",\"displayName\":\"d\"}," \
	"\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-7}]"
#define GET	"{\"challenge\":\"AAECAw\""

struct client_fixture {
	struct fake_token	fake;
	struct webauthn_client	client;
	struct dom_error	err;
	struct json_out		text;
	json_t			*out;		/* text, taken apart */
};

/* Of cmocka; *state is a struct client_fixture. */
int client_setup(void **state);
int client_teardown(void **state);

/* f->text as f->out, which it also returns. */
json_t *client_answer(struct client_fixture *f);

#endif
