/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of CTAPHID against tokens that do not keep to it. The token
 * is a script of reports: those after an INIT get its nonce and a channel.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/device.h"
#include "authenticator/client/token.h"
#include "ctap/hid.h"
#include "uhid/unix.h"

#define CHANNEL	0x01, 0x02, 0x03, 0x04
#define OTHER	0x01, 0x02, 0x03, 0x05

struct report {
	uint8_t	bytes[CTAPHID_REPORT_LEN + 1];
	size_t	len;		/* 0: CTAPHID_REPORT_LEN */
};

struct script {
	char		 dir[64];
	char		 path[96];
	int		 listener;
	struct unix_name name;
	uint8_t		 capabilities;
	bool		 reserved;	/* the channel that it hands out */
	const struct report *replies;	/* to the first message */
	size_t		 count;
	unsigned	 asks;		/* how often the client does */
	struct span	 allow;		/* an assertion by this, once */
	const struct report *resync;	/* the answer after an INIT */
	pthread_t	 thread;
};

static void
say(int fd, const struct report *r)
{
	size_t len = r->len == 0 ? CTAPHID_REPORT_LEN : r->len;

	send(fd, r->bytes, len, MSG_NOSIGNAL);
}

/* INIT and then a message, in a channel that lost its place */
static void
resync(int fd, const struct script *s)
{
	uint8_t in[CTAPHID_REPORT_LEN];
	struct report init = { .bytes = { CHANNEL, 0x86, 0, 17,
	    [15] = CHANNEL, [19] = 2, [23] = s->capabilities } };

	if (recv(fd, in, sizeof(in), 0) != sizeof(in) || in[4] != 0x86)
		return;
	memcpy(init.bytes + 7, in + 7, 8);
	say(fd, &init);
	if (recv(fd, in, sizeof(in), 0) == sizeof(in))
		say(fd, s->resync);
}

static void *
play(void *arg)
{
	const struct script *s = (const struct script *)arg;
	uint8_t in[CTAPHID_REPORT_LEN];
	struct report init = { .bytes = { 0xff, 0xff, 0xff, 0xff, 0x86, 0, 17,
	    [15] = CHANNEL, [19] = 2, [23] = s->capabilities } };
	int fd;

	fd = accept(s->listener, NULL, NULL);
	if (fd < 0 || recv(fd, in, sizeof(in), 0) != sizeof(in))
		return NULL;
	if (s->reserved)
		memset(init.bytes + 15, 0, 4);
	/* first what another program asked for */
	say(fd, &init);
	memcpy(init.bytes + 7, in + 7, 8);
	say(fd, &init);
	if (recv(fd, in, sizeof(in), 0) == sizeof(in))
		for (size_t i = 0; i < s->count; i++)
			say(fd, &s->replies[i]);
	if (s->resync != NULL)
		resync(fd, s);
	/* it stays for as long as the client has something to say */
	for (unsigned i = 1; i < s->asks; i++)
		recv(fd, in, sizeof(in), 0);
	close(fd);
	return NULL;
}

static int
setup(void **state)
{
	struct script *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->dir, "/tmp/sealkey-hid-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
	s->capabilities = CAPABILITY_CBOR;
	s->listener = -1;
	s->asks = 1;
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct script *s = *state;

	rmdir(s->dir);
	free(s);
	return 0;
}

static int
ask_assertion(struct token *token, const struct span *allow)
{
	static const uint8_t hash[32];
	const struct token_get req = {
		.client_data_hash = span(hash, sizeof(hash)),
		.rp_id = span_str("example.com"),
		.allow = allow, .allow_count = 1,
	};
	struct token_assertion got;

	return token->ops->get(token, &req, &got);
}

/* What getInfo returns, the last time; -ENODEV: it cannot be opened. */
static int
ask(struct script *s, const struct report *replies, size_t count,
    struct token_info *info)
{
	char msg[DEVICE_MESSAGE_LEN];
	struct token *token = NULL;
	int r;

	s->replies = replies;
	s->count = count;
	s->listener = unix_listen(s->path, SOCK_SEQPACKET, &s->name);
	assert_true(s->listener >= 0);
	/* the thread waits in accept() */
	assert_int_equal(fcntl(s->listener, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
	r = token_open_socket(s->path, &token, msg, sizeof(msg));
	if (token != NULL && s->allow.p != NULL)
		r = ask_assertion(token, &s->allow);
	else
		for (unsigned i = 0; token != NULL && i < s->asks; i++)
			r = token->ops->info(token, info);
	token_free(token);
	pthread_join(s->thread, NULL);
	close(s->listener);
	unix_unlink(s->path, &s->name);
	return r;
}

#define ASK(s, replies, info) \
	ask(s, replies, sizeof(replies) / sizeof((replies)[0]), info)

static void
test_keepalives_and_other_channels_are_passed_over(void **state)
{
	static const struct report replies[] = {
		{ .bytes = { CHANNEL, 0xbb, 0, 1, CTAPHID_STATUS_PROCESSING } },
		{ .bytes = { OTHER, 0x90, 0, 1, 0x7f } },
		{ .bytes = { CHANNEL, 0xbb, 0, 1, CTAPHID_STATUS_UPNEEDED } },
		{ .bytes = { CHANNEL, 0x90, 0, 2, 0, 0xa0 } },
	};
	struct token_info info;

	assert_int_equal(ASK(*state, replies, &info), 0);
	assert_int_equal(info.message_max, 1024);
}

/* getInfo {2: [a text of 60 bytes]}, in two packets */
#define FIRST	{ CHANNEL, 0x90, 0, 66, 0, 0xa1, 0x02, 0x81, 0x78, 60, \
	[13 ... 63] = 'x' }

static void
test_answer_in_two_packets(void **state)
{
	static const struct report replies[] = {
		{ .bytes = FIRST },
		{ .bytes = { OTHER, 0x00, 'y' } },
		{ .bytes = { CHANNEL, 0x00, [5 ... 13] = 'x' } },
	};
	struct token_info info;

	assert_int_equal(ASK(*state, replies, &info), 0);
}

static void
test_packet_out_of_sequence(void **state)
{
	static const struct report replies[] = {
		{ .bytes = FIRST },
		{ .bytes = { CHANNEL, 0x01, [5 ... 13] = 'x' } },
	};
	struct token_info info;

	assert_int_equal(ASK(*state, replies, &info), -EPROTO);
}

static void
test_answers_that_cannot_be(void **state)
{
	static const struct {
		struct report report;
		int error;
	} wrong[] = {
		/* longer than any message, and than our buffer */
		{ { .bytes = { CHANNEL, 0x90, 0xff, 0xff } }, -EPROTO },
		/* empty; another command; a continuation without a start */
		{ { .bytes = { CHANNEL, 0x90, 0, 0 } }, -EPROTO },
		{ { .bytes = { CHANNEL, 0x83, 0, 2, 0, 0xa0 } }, -EPROTO },
		{ { .bytes = { CHANNEL, 0x00, 0, 2, 0, 0xa0 } }, -EPROTO },
		/* CBOR that is none */
		{ { .bytes = { CHANNEL, 0x90, 0, 2, 0, 0xff } }, -EPROTO },
		/* errors */
		{ { .bytes = { CHANNEL, 0xbf, 0, 1, CTAPHID_ERR_OTHER } },
		    -EIO },
		{ { .bytes = { CHANNEL, 0xbf, 0, 1,
		    CTAPHID_ERR_CHANNEL_BUSY } }, -EBUSY },
		/* half a report */
		{ { .bytes = { CHANNEL, 0x90, 0, 2, 0, 0xa0 }, .len = 32 },
		    -EIO },
		/* a report, and a byte */
		{ { .bytes = { CHANNEL, 0x90, 0, 2, 0, 0xa0 }, .len = 65 },
		    -EIO },
		/* a status of CTAP2 is an answer */
		{ { .bytes = { CHANNEL, 0x90, 0, 1, 0x01 } }, 0x01 },
	};
	struct token_info info;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ask(*state, &wrong[i].report, 1, &info),
		    wrong[i].error);
}

static void
test_token_that_goes_away(void **state)
{
	static const struct report replies[] = { { .bytes = FIRST } };
	struct token_info info;

	assert_int_equal(ask(*state, replies, 0, &info), -EIO);
	assert_int_equal(ASK(*state, replies, &info), -EIO);
}

/*
 * What is left of an answer that made no sense, or came too late, is not the
 * answer to what is asked next.
 */
static void
test_token_that_lost_its_place(void **state)
{
	static const struct report replies[] = {
		{ .bytes = { CHANNEL, 0x83, 0, 2, 0, 0xa0 } },
		{ .bytes = { CHANNEL, 0x90, 0, 2, 0, 0xa0 } },
	};
	/* getInfo {5: 2000} */
	static const struct report good = { .bytes = { CHANNEL, 0x90, 0, 6, 0,
	    0xa1, 0x05, 0x19, 0x07, 0xd0 } };
	struct script *s = *state;
	struct token_info info;

	s->asks = 2;
	assert_int_equal(ASK(s, replies, &info), -EIO);
	s->resync = &good;
	assert_int_equal(ASK(s, replies, &info), 0);
	assert_int_equal(info.message_max, 2000);
}

/* Nor does half an answer swallow that to INIT. */
static void
test_token_that_stopped_half_way(void **state)
{
	static const struct report replies[] = {
		{ .bytes = { CHANNEL, 0x83, 0, 2, 0, 0xa0 } },
		{ .bytes = FIRST },
	};
	static const struct report good = { .bytes = { CHANNEL, 0x90, 0, 2, 0,
	    0xa0 } };
	struct script *s = *state;
	struct token_info info;

	s->asks = 2;
	s->resync = &good;
	assert_int_equal(ASK(s, replies, &info), 0);
}

/* One that is busy has lost nothing. */
static void
test_token_that_was_busy(void **state)
{
	static const struct report replies[] = {
		{ .bytes = { CHANNEL, 0xbf, 0, 1,
		    CTAPHID_ERR_CHANNEL_BUSY } },
		{ .bytes = { CHANNEL, 0x90, 0, 2, 0, 0xa0 } },
	};
	struct script *s = *state;
	struct token_info info;

	s->asks = 2;
	assert_int_equal(ASK(s, replies, &info), 0);
}

static void
test_token_without_ctap2(void **state)
{
	struct script *s = *state;
	struct token_info info;

	s->capabilities = CAPABILITY_WINK;
	assert_int_equal(ask(s, NULL, 0, &info), 0);
	assert_false(info.rk || info.uv || info.pin);
	s->capabilities = CAPABILITY_WINK | CAPABILITY_NMSG;
	assert_int_equal(ask(s, NULL, 0, &info), -ENODEV);
}

/* It is asked in U2F's words then, and its answer is one. */
static void
test_token_with_u2f(void **state)
{
	static const struct report replies[] = {
		{ .bytes = { CHANNEL, 0xbb, 0, 1, CTAPHID_STATUS_UPNEEDED } },
		{ .bytes = { CHANNEL, 0x83, 0, 2, 0x6a, 0x80 } },
	};
	static const struct report wrong[] = {
		{ .bytes = { CHANNEL, 0x90, 0, 2, 0x6a, 0x80 } },
	};
	struct script *s = *state;
	struct token_info info;

	s->capabilities = CAPABILITY_WINK;
	s->allow = span("handle", 6);
	s->asks = 4;	/* a question of 77 bytes is two packets */
	assert_int_equal(ASK(s, replies, &info), CTAP2_ERR_NO_CREDENTIALS);
	assert_int_equal(ASK(s, wrong, &info), -EPROTO);
}

/* A channel that all share, or none, is not our own. */
static void
test_token_with_a_reserved_channel(void **state)
{
	struct script *s = *state;
	struct token_info info;

	s->reserved = true;
	assert_int_equal(ask(s, NULL, 0, &info), -ENODEV);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_keepalives_and_other_channels_are_passed_over),
		WITH(test_answer_in_two_packets),
		WITH(test_packet_out_of_sequence),
		WITH(test_answers_that_cannot_be),
		WITH(test_token_that_goes_away),
		WITH(test_token_that_lost_its_place),
		WITH(test_token_that_stopped_half_way),
		WITH(test_token_that_was_busy),
		WITH(test_token_without_ctap2),
		WITH(test_token_with_u2f),
		WITH(test_token_with_a_reserved_channel),
	};
#undef WITH

	return cmocka_run_group_tests(tests, NULL, NULL);
}
