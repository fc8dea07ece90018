/* SPDX-License-Identifier: Apache-2.0 */
/* A client and its token: see client_fixture.h. */
#include "tests/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "authenticator/client/webauthn_origin.h"

int
client_setup(void **state)
{
	struct client_fixture *f = calloc(1, sizeof(*f));
	struct origin o;
	const char *why;

	assert_non_null(f);
	fake_token_init(&f->fake);
	assert_true(origin_parse("https://login.example.com", &o, &why));
	assert_int_equal(webauthn_client_init(&f->client, &o, false,
	    &f->fake.token), 0);
	*state = f;
	return 0;
}

int
client_teardown(void **state)
{
	struct client_fixture *f = *state;

	json_decref(f->out);
	json_out_done(&f->text);
	webauthn_client_done(&f->client);
	free(f);
	return 0;
}

json_t *
client_answer(struct client_fixture *f)
{
	struct span text = json_out_text(&f->text);

	json_decref(f->out);
	f->out = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(f->out);
	return f->out;
}
