/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/bench.h"

#include "authenticator/base64url.h"
#include "authenticator/control/anchors.h"
#include "authenticator/fault/armed.h"
#include "authenticator/rpaudit/needs.h"
#include "authenticator/settings.h"
#include "ctap/cose.h"

#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
bench_open(struct bench *b, const struct rp_audit *a, char *msg,
    size_t msglen)
{
	memset(b, 0, sizeof(*b));
	b->audit = a;
	json_out_init(&b->out);
	b->anchors = json_array();
	if (b->anchors == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	return peer_new(a->options, a->verify, a->timeout_ms, a->interrupt,
	    &b->peer, msg, msglen);
}

static void
take_key_away(struct bench *b)
{
	webauthn_client_done(&b->client);
	token_free(b->token);
	memset(&b->client, 0, sizeof(b->client));
	memset(b->control, 0, sizeof(b->control));
	b->token = NULL;
	b->kind = NULL;
}

void
bench_close(struct bench *b)
{
	take_key_away(b);
	peer_free(b->peer);
	json_decref(b->metadata);
	rp_lists_free(b->lists);
	rp_metadata_free(b->published);
	json_decref(b->anchors);
	json_out_done(&b->out);
}

/* Each certificate once. */
static int
add_anchors(struct bench *b)
{
	static const char end[] = "-----END CERTIFICATE-----\n";
	struct device *d = token_local_device(b->token);
	char *pem, *next, *p;
	int r = attestation_roots_read(device_store(d), &pem);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (p = pem; (next = strstr(p, end)) != NULL; p = next) {
		json_t *one, *known;
		size_t i;
		bool there = false;

		next += strlen(end);
		one = json_stringn(p, (size_t)(next - p));
		json_array_foreach(b->anchors, i, known)
			there |= json_equal(one, known);
		if (there)
			json_decref(one);
		else if (json_array_append_new(b->anchors, one) != 0)
			r = -ENOMEM;
	}
	free(pem);
	return r;
}

/* Of whatever key is there, which has to be the usual one. */
static int
publish(struct bench *b)
{
	json_t *anchors = describe_anchors(token_local_device(b->token));
	struct device_config cfg;
	int r = -ENOMEM;

	device_config_default(&cfg);
	snprintf(b->why, sizeof(b->why), "out of memory");
	if (anchors != NULL)
		r = rp_metadata_new(&cfg.auth, anchors, &b->published, b->why,
		    sizeof(b->why));
	json_decref(anchors);
	return r;
}

bool
bench_metadata(struct bench *b, bool tell, enum mds_bend bend)
{
	char url[RP_LISTS_URL_LEN];

	json_decref(b->metadata);
	b->metadata = NULL;
	if (!tell)
		return true;
	if (b->published == NULL && publish(b) < 0)
		return false;
	if (b->lists != NULL)
		rp_lists_url(b->lists, RP_LIST_METADATA, url);
	b->metadata = rp_metadata_blob(b->published, bend,
	    b->lists != NULL ? url : NULL, b->why, sizeof(b->why));
	return b->metadata != NULL;
}

static int
open_token(struct bench *b, const struct rp_honest *kind, char *msg,
    size_t msglen)
{
	const struct device_tpm tpm = {
		.target = kind->tpm ? "embedded" : "none",
	};
	struct device_config cfg;
	char path[PATH_MAX];
	int r = 0;

	device_config_default(&cfg);
	for (size_t i = 0; r == 0 && i < CHECK_SETTINGS_MAX &&
	    kind->settings[i] != NULL; i++)
		r = settings_assign(&cfg.auth, kind->settings[i], msg,
		    msglen);
	if (r == 0 && snprintf(path, sizeof(path), "%s/%s", b->audit->state,
	    kind->tpm ? "tpm" : "key") >= (int)sizeof(path)) {
		snprintf(msg, msglen, "the state directory's name is too "
		    "long");
		r = -ENAMETOOLONG;
	}
	if (r == 0)
		r = token_open_local(path, &cfg.auth, &tpm, &b->token, msg,
		    msglen);
	return r;
}

int
bench_key(struct bench *b, const struct rp_honest *kind, char *msg,
    size_t msglen)
{
	int r;

	if (b->kind == kind)
		return 0;
	take_key_away(b);
	r = open_token(b, kind, msg, msglen);
	if (r < 0)
		return r;
	r = webauthn_client_init(&b->client, &b->audit->origin,
	    b->audit->platform, b->token);
	if (r == 0)
		r = add_anchors(b);
	if (r == 0) {
		b->kind = kind;
		return 0;
	}
	snprintf(msg, msglen, "the key cannot be used: %s",
	    r < 0 ? strerror(-r) : ctap_status_name((uint8_t)r));
	return r < 0 ? r : -EIO;
}

/* The key that is there is the usual one. */
static int
serve_lists(struct bench *b, char *msg, size_t msglen)
{
	uint8_t *der[RP_LISTS] = { NULL, NULL };
	size_t len[RP_LISTS];
	int r = 0;

	if (b->published == NULL && (r = publish(b)) < 0) {
		snprintf(msg, msglen, "%s", b->why);
		return r;
	}
	r = attestation_crl(device_store(token_local_device(b->token)),
	    ATTESTATION_CA_INTERMEDIATE, time(NULL),
	    &der[RP_LIST_ATTESTATION], &len[RP_LIST_ATTESTATION]);
	if (r == 0)
		r = rp_metadata_crl(b->published, &der[RP_LIST_METADATA],
		    &len[RP_LIST_METADATA]);
	if (r == 0)
		return rp_lists_new(der, len, &b->lists, msg, msglen);
	snprintf(msg, msglen, "there is no revocation list: %s",
	    strerror(-r));
	free(der[RP_LIST_ATTESTATION]);
	return r;
}

int
bench_lists(struct bench *b, const struct rp_honest *usual,
    const struct rp_honest **out, char *msg, size_t msglen)
{
	char url[RP_LISTS_URL_LEN];
	int r = 0;

	if (b->lists == NULL) {
		r = bench_key(b, usual, msg, msglen);
		if (r == 0)
			r = serve_lists(b, msg, msglen);
		if (r < 0)
			return r;
	}
	rp_lists_url(b->lists, RP_LIST_ATTESTATION, url);
	snprintf(b->listed_setting, sizeof(b->listed_setting),
	    "attestationCrl=%s", url);
	b->listed = *usual;
	b->listed.settings[1] = b->listed_setting;
	*out = &b->listed;
	return 0;
}

bool
bench_user(struct bench *b, struct bench_user *out)
{
	if (getrandom(out->id, sizeof(out->id), 0) != sizeof(out->id))
		return false;
	snprintf(out->name, sizeof(out->name), "%s-%02x%02x%02x%02x",
	    b->name, out->id[0], out->id[1], out->id[2], out->id[3]);
	return true;
}

/*
 * Questions
 */

/* How the options ought to be, for this check to show anything. */
static json_t *
wishes(const struct bench *b, bool create)
{
	json_t *algs;

	if (!create)
		return json_pack("{s:s, s:s}",
		    "userVerification", "required",
		    "allowCredentials", b->discoverable ? "none" : "user");
	algs = b->needs & FAULT_NEEDS_RS256 ?
	    json_pack("[ii]", b->kind->alg, COSE_RS256) :
	    json_pack("[i]", b->kind->alg);
	return json_pack("{s:s, s:s, s:s, s:o}",
	    "attestation", b->kind->attestation,
	    "userVerification", "required",
	    "residentKey", b->discoverable ? "required" : "discouraged",
	    "algorithms", algs);
}

/* What every question has. */
static json_t *
question(const struct bench *b, const char *request, bool create,
    const struct bench_user *user)
{
	char id[BASE64URL_LEN(BENCH_USER_LEN) + 1];

	base64url_encode(span(user->id, sizeof(user->id)), id);
	return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:O, s:O?}",
	    "request", request,
	    "type", create ? "create" : "get",
	    "case", b->name,
	    "user", "id", id, "name", user->name, "displayName", b->name,
	    "trustAnchors", b->anchors,
	    "metadata", b->metadata);
}

static enum bench_step
failed(struct bench *b)
{
	snprintf(b->why, sizeof(b->why), "out of memory");
	return BENCH_FAILED;
}

/* BENCH_ACCEPTED: *answer is one. Takes q. */
static enum bench_step
ask(struct bench *b, enum peer_question which, json_t *q, json_t **answer)
{
	enum peer_result r;

	if (q == NULL)
		return failed(b);
	r = peer_ask(b->peer, which, q, answer, b->why, sizeof(b->why));
	json_decref(q);
	switch (r) {
	case PEER_ANSWERED:
		b->answers++;
		return BENCH_ACCEPTED;
	case PEER_CRASHED:
		b->broken = RP_CRASHED;
		return BENCH_BROKEN;
	case PEER_SILENT:
		b->broken = RP_NO_ANSWER;
		return BENCH_BROKEN;
	case PEER_NONSENSE:
		b->broken = RP_NONSENSE;
		return BENCH_BROKEN;
	case PEER_FAILED:
		break;
	}
	return BENCH_FAILED;
}

/* Copies what an answer has to say, if it is text. */
static void
take_why(struct bench *b, const json_t *said, const char *otherwise)
{
	const char *text = json_string_value(said);

	snprintf(b->why, sizeof(b->why), "%s",
	    text != NULL && text[0] != '\0' ? text : otherwise);
}

static enum bench_step
take_options(struct bench *b, json_t *said, json_t **options)
{
	if (!json_is_object(said)) {
		snprintf(b->why, sizeof(b->why),
		    "its options are no JSON object");
		b->broken = RP_NONSENSE;
		return BENCH_BROKEN;
	}
	*options = json_incref(said);
	return BENCH_ACCEPTED;
}

/*
 * Options, bare or in a member, and what the relying party wants to be given
 * back with the response.
 */
static enum bench_step
ask_options(struct bench *b, bool create, const struct bench_user *user,
    json_t **options, json_t **state)
{
	json_t *q = question(b, "options", create, user), *answer, *inner;
	enum bench_step step;

	if (q != NULL && json_object_set_new(q, "want",
	    wishes(b, create)) != 0) {
		json_decref(q);
		return failed(b);
	}
	step = ask(b, PEER_OPTIONS, q, &answer);
	if (step != BENCH_ACCEPTED)
		return step;
	if (json_object_get(answer, "skip") != NULL) {
		take_why(b, json_object_get(answer, "skip"),
		    "the relying party leaves it out");
		step = BENCH_IMPOSSIBLE;
	} else if (json_object_get(answer, "error") != NULL) {
		take_why(b, json_object_get(answer, "error"),
		    "the relying party gives no options");
		step = BENCH_REFUSED;
	} else {
		inner = json_object_get(answer, "options");
		step = take_options(b, inner != NULL ? inner : answer,
		    options);
		*state = json_incref(json_object_get(answer, "state"));
	}
	json_decref(answer);
	return step;
}

static enum bench_step
ask_verdict(struct bench *b, bool create, const struct bench_user *user,
    json_t *response, json_t *state)
{
	json_t *q = question(b, "verify", create, user), *answer;
	enum bench_step step;
	json_t *verified;

	if (q != NULL && (json_object_set(q, "response", response) != 0 ||
	    (state != NULL && json_object_set(q, "state", state) != 0))) {
		json_decref(q);
		return failed(b);
	}
	step = ask(b, PEER_VERIFY, q, &answer);
	if (step != BENCH_ACCEPTED)
		return step;
	verified = json_object_get(answer, "verified");
	if (!json_is_boolean(verified)) {
		snprintf(b->why, sizeof(b->why),
		    "its answer has no \"verified\" that is true or false");
		b->broken = RP_NONSENSE;
		step = BENCH_BROKEN;
	} else if (!json_is_true(verified)) {
		take_why(b, json_object_get(answer, "error"), "refused");
		step = BENCH_REFUSED;
	}
	json_decref(answer);
	return step;
}

/*
 * The client and the key
 */

static bool
is_at_key(const struct fault *f)
{
	return f != NULL && (f->stage == FAULT_REGISTRATION ||
	    f->stage == FAULT_AUTHENTICATION);
}

/* For the next operation of its stage. */
static bool
arm(struct bench *b, const struct fault *fault)
{
	struct fault_set *set = device_faults(token_local_device(b->token));
	const struct fault_choice choice = { fault, fault->usual };
	const struct fault_scope once = { .uses = 1 };

	fault_clear_all(set);
	return fault_arm(set, choice, &once, NULL, b->why,
	    sizeof(b->why)) == 0;
}

/* Whether it happened, for once. */
static bool
disarm(struct bench *b, const struct fault *fault)
{
	struct fault_set *set;
	bool made;

	if (!is_at_key(fault))
		return b->client.fault_made;
	set = device_faults(token_local_device(b->token));
	made = fault_armed_at(set, 0) == NULL;
	fault_clear_all(set);
	return made;
}

static enum bench_step
respond(struct bench *b, bool create, const json_t *options,
    const struct fault *fault, bool *made, json_t **response)
{
	char *text = json_dumps(options, JSON_COMPACT);
	struct dom_error err;
	struct span out;
	bool ok;

	if (text == NULL)
		return failed(b);
	if (is_at_key(fault) && !arm(b, fault)) {
		free(text);
		return BENCH_IMPOSSIBLE;
	}
	b->client.fault = fault;
	ok = (create ? webauthn_create : webauthn_get)(&b->client,
	    span_str(text), &b->out, &err);
	free(text);
	*made = disarm(b, fault);
	if (!ok) {
		snprintf(b->why, sizeof(b->why), "the client says %s: %s",
		    err.name, err.message);
		return BENCH_IMPOSSIBLE;
	}
	out = json_out_text(&b->out);
	*response = json_loadb((const char *)out.p, out.len, 0, NULL);
	return *response != NULL ? BENCH_ACCEPTED : failed(b);
}

enum bench_step
bench_ceremony(struct bench *b, bool create, const struct bench_user *user,
    const struct fault *fault, bool *made)
{
	json_t *options = NULL, *state = NULL, *response = NULL;
	enum bench_step step;
	bool happened = false;

	step = ask_options(b, create, user, &options, &state);
	if (step == BENCH_ACCEPTED && fault != NULL &&
	    !needs_are_met(fault, options, create, b->why, sizeof(b->why)))
		step = BENCH_IMPOSSIBLE;
	if (step == BENCH_ACCEPTED)
		step = respond(b, create, options, fault, &happened,
		    &response);
	if (step == BENCH_ACCEPTED)
		step = ask_verdict(b, create, user, response, state);
	if (made != NULL)
		*made = happened;
	json_decref(options);
	json_decref(state);
	json_decref(response);
	return step;
}
