/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorBioEnrollment (CTAP 2.3, 6.7): fingers of a simulated sensor.
 * A template is the number of a finger; enrolling takes SAMPLES good samples
 * of the same one.
 *
 *	bio_check    checks, asks for authority, and does what needs no finger
 *	bio_capture  looks at the sample; the last one commits
 *	bio_reply    answers
 *
 * An enrolment is in memory until its last sample is committed, and belongs
 * to a host. Other commands do not end it: whoever goes on with it has to
 * bring a token every time.
 */
#include "authenticator/engine/impl.h"

#define FINGERPRINT	1	/* modality, and its MAC input */
#define TOUCH_SENSOR	1	/* fingerprintKind */
#define SAMPLES		4	/* maxCaptureSamplesRequiredForEnroll */

enum subcommand_code {
	ENROLL_BEGIN = 0x01,
	CAPTURE_NEXT = 0x02,
	CANCEL_CURRENT = 0x03,
	ENUMERATE = 0x04,
	SET_NAME = 0x05,
	REMOVE = 0x06,
	SENSOR_INFO = 0x07,
};

/* What a subcommand has to bring. */
enum needs {
	NEEDS_MODALITY = 0x01,
	NEEDS_TOKEN = 0x02,
	NEEDS_ID = 0x04,
	NEEDS_NAME = 0x08,
	TAKES_PARAMS = 0x10,
};

struct subcommand {
	uint8_t	code;
	uint8_t	needs;
	enum auth_want (*run)(struct auth *au, struct auth_op *op);
};

/* bio.17 */
bool
bio_knows(const struct auth *au, struct user_finger finger)
{
	if (!has(au, FEATURE_BIO_ENROLL))
		return true;
	if (finger.status != SAMPLE_GOOD)
		return false;
	if (finger.number == 0)
		return au->state.bio_count > 0;
	for (size_t i = 0; i < au->state.bio_count; i++)
		if (au->state.bio[i].finger == finger.number)
			return true;
	return false;
}

void
bio_forget(struct auth *au)
{
	memset(&au->enrolment, 0, sizeof(au->enrolment));
}

/* Where the template of that ID is; bio_count: nowhere. */
static size_t
find_template(const struct auth *au, struct span id)
{
	const struct bio_template *t = au->state.bio;
	size_t i = 0;

	while (i < au->state.bio_count &&
	    !span_eq(id, span(t[i].id, BIO_ID_LEN)))
		i++;
	return i;
}

/* subCommandParams */

static bool
take_id(struct cbor_in *in, void *arg)
{
	return cbor_bytes(in, &((struct bio_request *)arg)->id);
}

static bool
take_name(struct cbor_in *in, void *arg)
{
	return cbor_text(in, &((struct bio_request *)arg)->name);
}

static bool
take_timeout(struct cbor_in *in, void *arg)
{
	return ctap_take_uint(in, &((struct bio_request *)arg)->timeout_ms);
}

static const struct cbor_member members[] = {
	{ 1, NULL, false, take_id },
	{ 2, NULL, false, take_name },
	{ 3, NULL, false, take_timeout },
};

/* bio.4, bio.6 */
static enum ctap_status
take_params(struct auth_op *op, unsigned needs)
{
	enum ctap_status status = CTAP2_OK;

	if (needs & TAKES_PARAMS)
		status = ctap_decode_params(&op->req.mgmt, members,
		    sizeof(members) / sizeof(members[0]), &op->bio);
	if (status != CTAP2_OK)
		return status;
	if ((needs & NEEDS_ID) && op->bio.id.p == NULL)
		return CTAP2_ERR_MISSING_PARAMETER;
	if ((needs & NEEDS_NAME) && op->bio.name.p == NULL)
		return CTAP2_ERR_MISSING_PARAMETER;
	return CTAP2_OK;
}

/* bio.3 to bio.7, in the order of the standard */
static enum ctap_status
authorize(struct auth *au, struct auth_op *op, unsigned needs)
{
	const struct ctap_management *req = &op->req.mgmt;
	uint8_t head[2] = { FINGERPRINT, (uint8_t)req->subcommand.v };
	enum ctap_status status;

	if ((needs & NEEDS_TOKEN) && req->auth.param.p == NULL)
		return CTAP2_ERR_PUAT_REQUIRED;
	if ((needs & NEEDS_MODALITY) && !req->modality.there)
		return CTAP2_ERR_MISSING_PARAMETER;
	status = take_params(op, needs);
	if (status != CTAP2_OK)
		return status;
	if ((needs & NEEDS_MODALITY) && req->modality.v != FINGERPRINT)
		return CTAP1_ERR_INVALID_PARAMETER;
	if ((needs & NEEDS_NAME) && op->bio.name.len > BIO_NAME_MAX)
		return CTAP1_ERR_INVALID_LENGTH;
	return needs & NEEDS_TOKEN ? token_authorize(au, op, &req->auth,
	    span(head, sizeof(head)), req->params, PERMISSION_BE) : CTAP2_OK;
}

/* bio.1 */
static enum auth_want
modality_reply(struct auth *au)
{
	struct cbor_out out = reply_begin(au);

	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x01);	/* modality */
	cbor_put_uint(&out, FINGERPRINT);
	return reply(au, &out);
}

/* bio.12 */
static enum auth_want
sensor_reply(struct auth *au, struct auth_op *op)
{
	struct cbor_out out = reply_begin(au);

	(void)op;
	cbor_put_map(&out, 3);
	cbor_put_uint(&out, 0x02);	/* fingerprintKind */
	cbor_put_uint(&out, TOUCH_SENSOR);
	cbor_put_uint(&out, 0x03);	/* maxCaptureSamplesRequired... */
	cbor_put_uint(&out, SAMPLES);
	cbor_put_uint(&out, 0x08);	/* maxTemplateFriendlyName */
	cbor_put_uint(&out, BIO_NAME_MAX);
	return reply(au, &out);
}

static enum auth_want
ask_sample(struct auth_op *op)
{
	const struct ctap_uint *timeout = &op->bio.timeout_ms;
	enum auth_want want = ask_user(op, PROMPT_SAMPLE, REASON_ENROLL,
	    span(NULL, 0), span(NULL, 0));

	/* bio.9: no longer than anybody is waited for */
	if (timeout->there && timeout->v < AUTH_USER_TIMEOUT_MS)
		op->user_deadline = op->now_ms + timeout->v;
	return want;
}

/* bio.8: there is one sensor, so what anybody had begun on it is over */
static enum auth_want
enroll_begin(struct auth *au, struct auth_op *op)
{
	struct bio_enrolment *e = &op->enrolment;

	if (au->state.bio_count == BIO_TEMPLATES_MAX)
		return fail(au, CTAP2_ERR_FP_DATABASE_FULL);
	bio_forget(au);
	e->left = SAMPLES;
	e->host = (uint32_t)(op->channel >> 32);
	do
		auth_random(au, e->template.id, BIO_ID_LEN);
	while (find_template(au, span(e->template.id, BIO_ID_LEN)) <
	    au->state.bio_count);
	return ask_sample(op);
}

/* bio.10: whose enrolment it is that is under way */
static bool
is_enrolling(const struct auth *au, const struct auth_op *op)
{
	return au->enrolment.left > 0 &&
	    au->enrolment.host == (uint32_t)(op->channel >> 32);
}

/* bio.9 */
static enum auth_want
capture_next(struct auth *au, struct auth_op *op)
{
	op->enrolment = au->enrolment;
	if (!is_enrolling(au, op) || !span_eq(op->bio.id,
	    span(op->enrolment.template.id, BIO_ID_LEN)))
		return fail(au, CTAP2_ERR_INVALID_OPTION);
	return ask_sample(op);
}

/* bio.10 */
static enum auth_want
cancel_current(struct auth *au, struct auth_op *op)
{
	if (is_enrolling(au, op))
		bio_forget(au);
	return reply_empty(au);
}

/* bio.14: a name for each, if only an empty one */
static enum auth_want
enumerate(struct auth *au, struct auth_op *op)
{
	const struct bio_template *t = au->state.bio;
	struct cbor_out out = reply_begin(au);

	(void)op;
	if (au->state.bio_count == 0)
		return fail(au, CTAP2_ERR_INVALID_OPTION);
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x07);	/* templateInfos */
	cbor_put_array(&out, au->state.bio_count);
	for (; t < au->state.bio + au->state.bio_count; t++) {
		cbor_put_map(&out, 2);
		cbor_put_uint(&out, 0x01);
		cbor_put_bytes(&out, span(t->id, BIO_ID_LEN));
		cbor_put_uint(&out, 0x02);
		cbor_put_text(&out, span(t->name, t->name_len));
	}
	return reply(au, &out);
}

static enum auth_want
commit_state(struct auth_op *op)
{
	op->change = (struct auth_change){ .state = &op->state };
	return ask_commit(op);
}

/* bio.15 */
static enum auth_want
set_name(struct auth *au, struct auth_op *op)
{
	size_t at = find_template(au, op->bio.id);
	struct bio_template *t;

	if (at == au->state.bio_count)
		return fail(au, CTAP2_ERR_INVALID_OPTION);
	op->state = au->state;
	t = &op->state.bio[at];
	memset(t->name, 0, sizeof(t->name));
	if (op->bio.name.len > 0)
		memcpy(t->name, op->bio.name.p, op->bio.name.len);
	t->name_len = (uint8_t)op->bio.name.len;
	return commit_state(op);
}

/* bio.16 */
static enum auth_want
remove_template(struct auth *au, struct auth_op *op)
{
	size_t at = find_template(au, op->bio.id);
	struct bio_template *t = op->state.bio;

	if (at == au->state.bio_count)
		return fail(au, CTAP2_ERR_INVALID_OPTION);
	op->state = au->state;
	op->state.bio_count--;
	memmove(&t[at], &t[at + 1],
	    (op->state.bio_count - at) * sizeof(t[0]));
	memset(&t[op->state.bio_count], 0, sizeof(t[0]));
	return commit_state(op);
}

#define PROTECTED	(NEEDS_MODALITY | NEEDS_TOKEN)

static const struct subcommand subcommands[] = {
	{ ENROLL_BEGIN, PROTECTED | TAKES_PARAMS, enroll_begin },
	{ CAPTURE_NEXT, PROTECTED | TAKES_PARAMS | NEEDS_ID, capture_next },
	{ CANCEL_CURRENT, 0, cancel_current },
	{ ENUMERATE, PROTECTED, enumerate },
	{ SET_NAME, PROTECTED | TAKES_PARAMS | NEEDS_ID | NEEDS_NAME,
	    set_name },
	{ REMOVE, PROTECTED | TAKES_PARAMS | NEEDS_ID, remove_template },
	{ SENSOR_INFO, NEEDS_MODALITY, sensor_reply },
};

static const struct subcommand *
subcommand_of(const struct auth_op *op)
{
	size_t n = sizeof(subcommands) / sizeof(subcommands[0]);

	for (size_t i = 0; i < n; i++)
		if (subcommands[i].code == op->req.mgmt.subcommand.v)
			return &subcommands[i];
	return NULL;
}

enum auth_want
bio_check(struct auth *au, struct auth_op *op)
{
	const struct ctap_management *req = &op->req.mgmt;
	const struct subcommand *s = subcommand_of(op);
	enum ctap_status status;

	/* bio.1 */
	if (!req->subcommand.there)
		return req->get_modality == OPT_TRUE ? modality_reply(au) :
		    fail(au, CTAP2_ERR_MISSING_PARAMETER);
	/* bio.2 */
	if (s == NULL)
		return fail(au, CTAP2_ERR_INVALID_SUBCOMMAND);
	status = authorize(au, op, s->needs);
	return status == CTAP2_OK ? s->run(au, op) : fail(au, status);
}

/* The lowest finger that is not enrolled; there are more than templates. */
static uint8_t
new_finger(const struct auth *au)
{
	struct user_finger f = { .number = 1 };

	while (bio_knows(au, f))
		f.number++;
	return f.number;
}

/* bio.9: what the sensor makes of the finger; a good sample is one less */
static enum sample_status
take_sample(const struct auth *au, struct auth_op *op)
{
	struct bio_enrolment *e = &op->enrolment;
	struct user_finger f = op->finger;

	if (f.status != SAMPLE_GOOD)
		return f.status;
	if (f.number == 0)
		f.number = e->template.finger != 0 ? e->template.finger :
		    new_finger(au);
	if (bio_knows(au, f))
		return SAMPLE_EXISTS;
	if (e->template.finger != 0 && e->template.finger != f.number)
		return SAMPLE_MERGE_FAILURE;
	e->template.finger = f.number;
	e->left--;
	return SAMPLE_GOOD;
}

enum auth_want
bio_capture(struct auth *au, struct auth_op *op)
{
	unsigned code = (unsigned)op->req.mgmt.subcommand.v;

	if (code != ENROLL_BEGIN && code != CAPTURE_NEXT)
		return AUTH_NEXT;
	op->sample = (uint8_t)take_sample(au, op);
	if (op->enrolment.left > 0)
		return AUTH_NEXT;
	/* bio.11 */
	op->state = au->state;
	op->state.bio[op->state.bio_count++] = op->enrolment.template;
	return commit_state(op);
}

static enum auth_want
sample_reply(struct auth *au, const struct auth_op *op, bool first)
{
	struct cbor_out out = reply_begin(au);

	cbor_put_map(&out, first ? 3 : 2);
	if (first) {
		cbor_put_uint(&out, 0x04);	/* templateId */
		cbor_put_bytes(&out, span(op->enrolment.template.id,
		    BIO_ID_LEN));
	}
	cbor_put_uint(&out, 0x05);	/* lastEnrollSampleStatus */
	cbor_put_uint(&out, op->sample);
	cbor_put_uint(&out, 0x06);	/* remainingSamples */
	cbor_put_uint(&out, op->enrolment.left);
	return reply(au, &out);
}

enum auth_want
bio_reply(struct auth *au, struct auth_op *op)
{
	unsigned code = (unsigned)op->req.mgmt.subcommand.v;

	if (code != ENROLL_BEGIN && code != CAPTURE_NEXT)
		return reply_empty(au);
	au->enrolment = op->enrolment;
	if (au->enrolment.left == 0)
		bio_forget(au);
	return sample_reply(au, op, code == ENROLL_BEGIN);
}
