/* SPDX-License-Identifier: Apache-2.0 */
/* A provider with a counter and the PIN: see chip_keys.h. */
#include "tests/chip_keys.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct chip_keys {
	struct keys	 keys;
	struct keys	*inner;
	struct chip	*chip;
	struct keys_info info;
	struct key_op	*waiting;	/* until chip_answer() */
	struct key_op	*finished;	/* until poll() */
	int		 event;		/* readable then */
};

static struct chip_keys *
self(const struct keys *k)
{
	return (struct chip_keys *)k;
}

/* As it is now, which the owner is told once. */
static void
unlocked(struct chip_keys *c)
{
	c->info = *c->inner->ops->info(c->inner);
	c->info.kind = "chip";
	c->info.counter = c->chip->counter;
	c->info.generation = c->chip->count;
	c->info.pin = c->info.pin_index = c->chip->pin;
	c->info.pin_set = c->chip->pin_set;
	c->info.pin_failures = c->chip->failures;
}

static int
chip_new_storage_key(struct keys *k, uint8_t wrapped[static KEY_WRAPPED_MAX],
    size_t *len)
{
	int r = self(k)->inner->ops->new_storage_key(self(k)->inner, wrapped,
	    len);

	unlocked(self(k));
	return r;
}

static int
chip_unlock(struct keys *k, struct span wrapped)
{
	int r = self(k)->inner->ops->unlock(self(k)->inner, wrapped);

	unlocked(self(k));
	return r;
}

static int
advance(struct chip *chip, const struct key_op *op)
{
	chip->advances++;
	if (op->generation != chip->count && op->generation != chip->count + 1)
		return -EINVAL;
	chip->count = op->generation;
	if (chip->advanced != NULL)
		chip->advanced(chip->count);
	return 0;
}

static int
check_pin(struct chip *chip, struct span hash)
{
	if (!chip->pin_set || chip->failures >= KEY_PIN_LIMIT)
		return -EACCES;
	if (!span_eq(hash, span(chip->pin_hash, KEY_PIN_HASH_LEN))) {
		chip->failures++;
		return -EACCES;
	}
	chip->failures = 0;
	return 0;
}

static int
set_pin(struct chip *chip, const struct key_op *op)
{
	int r = 0;

	if (op->data[0].len != KEY_PIN_HASH_LEN)
		return -EINVAL;
	if (chip->pin_set)
		r = check_pin(chip, op->data[1]);
	if (r != 0)
		return r;
	memcpy(chip->pin_hash, op->data[0].p, KEY_PIN_HASH_LEN);
	chip->pin_set = true;
	chip->failures = 0;
	return 0;
}

static int
clear_pin(struct chip *chip)
{
	chip->pin_set = false;
	chip->failures = 0;
	return 0;
}

static int
command(struct chip *chip, const struct key_op *op)
{
	if (chip->fails > 0 && !chip->late) {
		chip->fails--;
		return -ETIMEDOUT;
	}
	switch (op->verb) {
	case KEY_ADVANCE:
		return chip->counter ? advance(chip, op) : -ENOTSUP;
	case KEY_PIN_CHECK:
		return check_pin(chip, op->data[0]);
	case KEY_PIN_SET:
		return set_pin(chip, op);
	default:
		return clear_pin(chip);
	}
}

static void
perform(struct chip_keys *c, struct key_op *op)
{
	if (op->verb == KEY_SIGN) {
		(void)c->inner->ops->start(c->inner, op);
		if (c->chip->sign_error != 0)
			op->result = c->chip->sign_error;
		return;
	}
	op->result = command(c->chip, op);
	op->out_blob_len = 0;
	op->pin_failures = c->chip->failures;
	if (c->chip->fails > 0 && c->chip->late) {
		c->chip->fails--;
		op->result = -ETIMEDOUT;
	}
}

static bool
is_ours(const struct key_op *op)
{
	return op->verb == KEY_ADVANCE || (op->verb >= KEY_PIN_CHECK &&
	    op->verb <= KEY_PIN_CLEAR);
}

static bool
is_sign(struct chip *chip, const struct key_op *op)
{
	if (op->verb != KEY_SIGN || (!chip->sign_slow &&
	    chip->sign_error == 0))
		return false;
	return chip->sign_skip == 0 || chip->sign_skip-- == 0;
}

static bool
chip_start(struct keys *k, struct key_op *op)
{
	struct chip_keys *c = self(k);
	bool sign = is_sign(c->chip, op);

	if (!sign && !is_ours(op))
		return c->inner->ops->start(c->inner, op);
	if (!(sign ? c->chip->sign_slow : c->chip->slow)) {
		perform(c, op);
		return true;
	}
	c->waiting = op;
	return false;
}

bool
chip_answer(struct keys *k)
{
	struct chip_keys *c = self(k);
	const uint64_t one = 1;

	if (c->waiting == NULL)
		return false;
	perform(c, c->waiting);
	c->finished = c->waiting;
	c->waiting = NULL;
	return write(c->event, &one, sizeof(one)) == sizeof(one);
}

static struct key_op *
chip_poll(struct keys *k)
{
	struct chip_keys *c = self(k);
	struct key_op *op = c->finished;
	uint64_t n;

	if (op == NULL)
		return c->inner->ops->poll(c->inner);
	c->finished = NULL;
	return read(c->event, &n, sizeof(n)) == sizeof(n) ? op : NULL;
}

static int
chip_fd(const struct keys *k)
{
	return self(k)->event;
}

static void
chip_abandon(struct keys *k, struct key_op *op)
{
	struct chip_keys *c = self(k);

	if (c->waiting == op)
		c->waiting = NULL;
	else if (c->finished == op)
		(void)chip_poll(k);
	else
		c->inner->ops->abandon(c->inner, op);
}

static int
chip_seal(struct keys *k, struct span ad, struct span plain, uint8_t *out)
{
	return self(k)->inner->ops->seal(self(k)->inner, ad, plain, out);
}

static int
chip_open(struct keys *k, struct span ad, struct span sealed, uint8_t *out)
{
	return self(k)->inner->ops->open(self(k)->inner, ad, sealed, out);
}

static int
chip_tag(struct keys *k, const char *label, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	return self(k)->inner->ops->tag(self(k)->inner, label, data, out);
}

static bool
chip_has_alg(const struct keys *k, int alg)
{
	/* RSA is searched for, which takes its time and an fd of its own */
	return alg == COSE_ES256 &&
	    self(k)->inner->ops->has_alg(self(k)->inner, alg);
}

static bool
chip_in_tpm(const struct keys *k, int alg)
{
	(void)k;
	(void)alg;
	return false;
}

static const struct keys_info *
chip_info(const struct keys *k)
{
	return &self(k)->info;
}

static int
chip_rewrap(struct keys *k, uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	return self(k)->inner->ops->rewrap(self(k)->inner, pcrs,
	    recovery, wrapped, len);
}

static int
chip_destroy(struct keys *k)
{
	*self(k)->chip = (struct chip){ .count = self(k)->chip->count };
	return 0;
}

static const char *
chip_strerror(const struct keys *k)
{
	(void)k;
	return "the chip says no";
}

static void
chip_free(struct keys *k)
{
	close(self(k)->event);
	free(self(k));
}

static const struct keys_ops chip_ops = {
	.new_storage_key = chip_new_storage_key,
	.unlock = chip_unlock,
	.start = chip_start,
	.poll = chip_poll,
	.fd = chip_fd,
	.abandon = chip_abandon,
	.seal = chip_seal,
	.open = chip_open,
	.tag = chip_tag,
	.has_alg = chip_has_alg,
	.in_tpm = chip_in_tpm,
	.info = chip_info,
	.rewrap = chip_rewrap,
	.destroy = chip_destroy,
	.strerror = chip_strerror,
	.free = chip_free,
	.name = "chip",
};

struct keys *
chip_keys_new(struct chip *chip, struct keys *inner)
{
	struct chip_keys *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->keys.ops = &chip_ops;
	c->chip = chip;
	c->inner = inner;
	c->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	unlocked(c);
	return &c->keys;
}
