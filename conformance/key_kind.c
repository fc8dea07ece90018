/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of key a real one is. A case may be given one with settings; the
 * simulator with them, compared to one without, shows what they change in
 * getInfo, and that is what is looked for in the key.
 */
#include "conformance/key_impl.h"

#include "conformance/sim.h"
#include "ctap/cbor.h"

#define GET_INFO	0x04
#define INFO_OPTIONS	4
#define INFO_MAX	4096

bool
key_ask_info(struct key *k)
{
	static const uint8_t msg = GET_INFO;

	key_send(k, 1, CTAPHID_CMD_CBOR, span(&msg, 1));
	key_proceed(k);
	/* CTAPHID says that it has no such command: nothing but U2F */
	if (k->refused == CTAPHID_ERR_INVALID_CMD) {
		k->trouble[0] = '\0';
		k->info_len = 0;
		return true;
	}
	if (k->reply_len < 2 || k->reply[0] != CTAP2_OK ||
	    !cbor_check(span(k->reply + 1, k->reply_len - 1)))
		return k->trouble[0] == '\0' ?
		    key_trouble(k, "no proper answer to getInfo") : false;
	k->info_len = k->reply_len - 1;
	memcpy(k->info, k->reply + 1, k->info_len);
	return true;
}

struct span
key_info_find(struct span info, int64_t key, struct span name)
{
	struct cbor_in in;
	struct span value, text;
	size_t pairs;
	int64_t k;

	cbor_in_init(&in, info);
	if (!cbor_map(&in, &pairs))
		return span(NULL, 0);
	for (; pairs > 0 && cbor_int(&in, &k) && cbor_any(&in, &value);
	    pairs--) {
		if (k != key)
			continue;
		if (name.p == NULL)
			return value;
		cbor_in_init(&in, value);
		if (!cbor_map(&in, &pairs))
			break;
		for (; pairs > 0 && cbor_text(&in, &text) &&
		    cbor_any(&in, &value); pairs--)
			if (span_eq(text, name))
				return value;
		break;
	}
	return span(NULL, 0);
}

bool
key_has_option(const struct key *k, const char *name)
{
	struct span v = key_info_find(span(k->info, k->info_len), INFO_OPTIONS,
	    span_str(name));

	return v.len == 1 && v.p[0] == 0xf5;
}

static struct span
simulated_info(const struct transcript_given *given, uint8_t *out)
{
	static const uint8_t msg = GET_INFO;
	struct sim_setup setup = { .seed = 0 };
	struct sim *s;
	size_t len = 0;

	if (given != NULL)
		memcpy(setup.set, given->set, sizeof(given->set));
	s = sim_new(&setup);
	sim_send(s, 1, span(&msg, 1));
	if (s->reply.len > 1 && s->reply.len <= INFO_MAX) {
		len = s->reply.len - 1;
		memcpy(out, s->reply.p + 1, len);
	}
	sim_free(s);
	return span(out, len);
}

static struct span
option(struct span info, struct span name)
{
	return key_info_find(info, INFO_OPTIONS, name);
}

/* Options one by one: the key may have others than ours. */
static bool
options_fit(struct span wanted, struct span usual, struct span real,
    unsigned *changes)
{
	const struct span all[] = { wanted, usual };
	struct span name, value;
	struct cbor_in in;
	size_t pairs;

	for (size_t i = 0; i < 2; i++) {
		cbor_in_init(&in, key_info_find(all[i], INFO_OPTIONS,
		    span(NULL, 0)));
		if (!cbor_map(&in, &pairs))
			continue;
		for (; pairs > 0 && cbor_text(&in, &name) &&
		    cbor_any(&in, &value); pairs--) {
			struct span want = option(wanted, name);

			if (span_eq(want, option(usual, name)))
				continue;
			(*changes)++;
			if (!span_eq(want, option(real, name)))
				return false;
		}
	}
	return true;
}

static bool
info_fits(struct span wanted, struct span usual, struct span real,
    unsigned *changes)
{
	if (!options_fit(wanted, usual, real, changes))
		return false;
	for (int64_t key = 1; key < 64; key++) {
		struct span want = key_info_find(wanted, key, span(NULL, 0));

		if (key == INFO_OPTIONS ||
		    span_eq(want, key_info_find(usual, key, span(NULL, 0))))
			continue;
		(*changes)++;
		if (!span_eq(want, key_info_find(real, key, span(NULL, 0))))
			return false;
	}
	return true;
}

/* What getInfo does not tell, the control interface may. */
static const char *
told_by_control(const struct key *k, const char *set)
{
	const char *value = "";

	if (strncmp(set, "accountChoice=", 14) == 0)
		value = k->choice;
	else if (strncmp(set, "attestation=", 12) == 0)
		value = k->attestation;
	return value[0] != '\0' ? value : NULL;
}

static bool
control_fits(const struct key *k, const struct transcript_given *given)
{
	for (size_t i = 0; i < given->count; i++) {
		const char *told = told_by_control(k, given->set[i]);

		if (told == NULL ||
		    strcmp(strchr(given->set[i], '=') + 1, told) != 0)
			return false;
	}
	return true;
}

static bool
control_denies(const struct key *k, const struct transcript_given *given)
{
	for (size_t i = 0; i < given->count; i++) {
		const char *told = told_by_control(k, given->set[i]);

		if (told != NULL &&
		    strcmp(strchr(given->set[i], '=') + 1, told) != 0)
			return true;
	}
	return false;
}

/* Without "given", the account choice and attestation of every sealkey. */
static bool
is_usual(const struct key *k)
{
	return (k->choice[0] == '\0' || strcmp(k->choice, "token") == 0) &&
	    (k->attestation[0] == '\0' ||
	    strcmp(k->attestation, "packed") == 0);
}

bool
key_is_given(const struct key *k, const struct transcript_case *c,
    char why[static TRANSCRIPT_WHY_MAX])
{
	static uint8_t wanted[INFO_MAX], usual[INFO_MAX];
	struct span as_given;
	unsigned changes = 0;
	bool fits;
	int n;

	if (c->given.count == 0 && !is_usual(k)) {
		snprintf(why, TRANSCRIPT_WHY_MAX, "needs a key with "
		    "accountChoice=token and attestation=packed");
		return false;
	}
	if (c->given.count == 0)
		return key_has_what_it_uses(k, c,
		    simulated_info(NULL, usual), why);
	as_given = simulated_info(&c->given, wanted);
	fits = info_fits(as_given, simulated_info(NULL, usual),
	    span(k->info, k->info_len), &changes);
	if (fits && !control_denies(k, &c->given) &&
	    (changes > 0 || control_fits(k, &c->given)))
		return key_has_what_it_uses(k, c, as_given, why);
	n = snprintf(why, TRANSCRIPT_WHY_MAX, "needs a key with");
	for (size_t i = 0; i < c->given.count && n < TRANSCRIPT_WHY_MAX; i++)
		n += snprintf(why + n, TRANSCRIPT_WHY_MAX - (size_t)n, " %.40s",
		    c->given.set[i]);
	return false;
}
