/* SPDX-License-Identifier: Apache-2.0 */
/* The uhid transport; the kernel's side is the other end of a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/input.h>
#include <linux/uhid.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uhid/transport.h"

struct seen {
	struct transport *t;
	struct host	*host;
	unsigned	 opened;
	unsigned	 closed;
	unsigned	 reports;
	unsigned	 writable;
	unsigned	 failed;
	bool		 refuse;
	uint8_t		 last[TRANSPORT_REPORT_LEN];
	int		 kernel;
};

static bool
on_open(void *arg, struct host *h)
{
	struct seen *s = arg;

	s->host = h;
	s->opened++;
	return !s->refuse;
}

static void
on_report(void *arg, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN])
{
	struct seen *s = arg;

	assert_ptr_equal(h, s->host);
	memcpy(s->last, report, sizeof(s->last));
	s->reports++;
}

static void
on_writable(void *arg, struct host *h)
{
	(void)h;
	((struct seen *)arg)->writable++;
}

static void
on_close(void *arg, struct host *h)
{
	struct seen *s = arg;

	assert_ptr_equal(h, s->host);
	s->host = NULL;
	s->closed++;
}

static void
on_failed(void *arg, int error, const char *what)
{
	assert_true(error < 0);
	assert_non_null(what);
	((struct seen *)arg)->failed++;
}

static const struct transport_events events = {
	on_open, on_report, on_writable, on_close, on_failed
};

static const struct transport_identity identity = {
	.name = "sealkey", .uniq = "0123456789abcdef",
	.vendor = 0x1209, .product = 0xf1d0, .version = 0x0010,
};

static bool
kernel_read(struct seen *s, struct uhid_event *ev)
{
	ssize_t n = recv(s->kernel, ev, sizeof(*ev), MSG_DONTWAIT);

	if (n == -1)
		return false;
	assert_int_equal(n, sizeof(*ev));	/* always whole ones */
	return true;
}

static void
kernel_write(struct seen *s, const struct uhid_event *ev)
{
	assert_int_equal(write(s->kernel, ev, sizeof(*ev)), sizeof(*ev));
	s->t->ops->dispatch(s->t, 1000);
}

static void
kernel_says(struct seen *s, uint32_t type)
{
	struct uhid_event ev = { .type = type };

	kernel_write(s, &ev);
}

static void
kernel_output(struct seen *s, const uint8_t *data, size_t len)
{
	struct uhid_event ev = { .type = UHID_OUTPUT };

	memcpy(ev.u.output.data, data, len);
	ev.u.output.size = len;
	ev.u.output.rtype = UHID_OUTPUT_REPORT;
	kernel_write(s, &ev);
}

static int
setup(void **state)
{
	struct seen *s = calloc(1, sizeof(*s));
	char msg[256];
	int size = 1 << 20;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK,
	    0, sv), 0);
	/* room for more events than any test leaves unread */
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	s->kernel = sv[1];
	assert_int_equal(transport_open_uhid_fd(sv[0], &identity, &events, s,
	    &s->t, msg, sizeof(msg)), 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct seen *s = *state;

	transport_free(s->t);
	close(s->kernel);
	free(s);
	return 0;
}

static struct seen *
plugged_in(void **state)
{
	struct seen *s = *state;
	struct uhid_event ev;

	assert_true(kernel_read(s, &ev));
	kernel_says(s, UHID_START);
	kernel_says(s, UHID_OPEN);
	assert_int_equal(s->opened, 1);
	return s;
}

static void
creates_a_usb_device(void **state)
{
	struct seen *s = *state;
	struct uhid_event ev;

	assert_true(kernel_read(s, &ev));
	assert_int_equal(ev.type, UHID_CREATE2);
	assert_string_equal((char *)ev.u.create2.name, "sealkey");
	assert_string_equal((char *)ev.u.create2.uniq, "0123456789abcdef");
	assert_int_equal(ev.u.create2.bus, BUS_USB);
	assert_int_equal(ev.u.create2.vendor, 0x1209);
	assert_int_equal(ev.u.create2.product, 0xf1d0);
	assert_int_equal(ev.u.create2.rd_size, 34);
	assert_memory_equal(ev.u.create2.rd_data, transport_report_descriptor,
	    34);
	assert_int_equal(s->opened, 0);
}

static void
cuts_long_names(void **state)
{
	struct transport_identity id = identity;
	struct seen *s = *state;
	struct uhid_event ev;
	struct transport *t;
	char text[400];
	char msg[256];
	int sv[2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	id.name = id.uniq = text;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK,
	    0, sv), 0);
	assert_int_equal(transport_open_uhid_fd(sv[0], &id, &events, s, &t,
	    msg, sizeof(msg)), 0);
	assert_int_equal(read(sv[1], &ev, sizeof(ev)), sizeof(ev));
	assert_int_equal(strlen((char *)ev.u.create2.name), 127);
	assert_int_equal(strlen((char *)ev.u.create2.uniq), 63);
	transport_free(t);
	close(sv[1]);
}

static void
opens_and_closes_with_the_kernel(void **state)
{
	struct seen *s = plugged_in(state);

	kernel_says(s, UHID_CLOSE);
	assert_int_equal(s->closed, 1);
	kernel_says(s, UHID_CLOSE);
	assert_int_equal(s->closed, 1);
	kernel_says(s, UHID_OPEN);
	assert_int_equal(s->opened, 2);
	kernel_says(s, UHID_STOP);
	assert_int_equal(s->closed, 2);
}

static void
a_refused_host_is_not_heard(void **state)
{
	static const uint8_t data[64] = { 1 };
	struct seen *s = *state;
	struct uhid_event ev;

	assert_true(kernel_read(s, &ev));
	s->refuse = true;
	kernel_says(s, UHID_OPEN);
	kernel_output(s, data, 64);
	assert_int_equal(s->reports, 0);
	kernel_says(s, UHID_CLOSE);
	assert_int_equal(s->closed, 0);
}

static void
strips_the_report_number(void **state)
{
	struct seen *s = plugged_in(state);
	uint8_t data[65];
	int i;

	for (i = 0; i < 65; i++)
		data[i] = i;
	kernel_output(s, data, 65);
	assert_int_equal(s->reports, 1);
	assert_memory_equal(s->last, data + 1, 64);
	kernel_output(s, data + 1, 64);
	assert_int_equal(s->reports, 2);
	assert_memory_equal(s->last, data + 1, 64);
}

static void
drops_other_sizes(void **state)
{
	struct seen *s = plugged_in(state);
	uint8_t data[128] = { 0 };
	size_t len;

	for (len = 0; len <= 128; len++) {
		if (len != 64 && len != 65)
			kernel_output(s, data, len);
	}
	data[0] = 1;	/* a numbered report: we have none */
	kernel_output(s, data, 65);
	assert_int_equal(s->reports, 0);
}

static void
survives_nonsense(void **state)
{
	struct seen *s = plugged_in(state);
	struct uhid_event ev;
	uint32_t type;

	memset(&ev, 0xff, sizeof(ev));
	for (type = 0; type < 64; type++) {
		ev.type = type;
		kernel_write(s, &ev);
	}
	assert_int_equal(write(s->kernel, "abc", 3), 3);
	s->t->ops->dispatch(s->t, 1000);
	assert_int_equal(s->reports, 0);
	assert_int_equal(s->failed, 0);
}

static void
refuses_get_report(void **state)
{
	struct seen *s = plugged_in(state);
	struct uhid_event ev = { .type = UHID_GET_REPORT };

	ev.u.get_report.id = 4711;
	kernel_write(s, &ev);
	assert_true(kernel_read(s, &ev));
	assert_int_equal(ev.type, UHID_GET_REPORT_REPLY);
	assert_int_equal(ev.u.get_report_reply.id, 4711);
	assert_int_equal(ev.u.get_report_reply.err, EIO);
}

static void
takes_set_report_as_output(void **state)
{
	struct seen *s = plugged_in(state);
	struct uhid_event ev = { .type = UHID_SET_REPORT };

	ev.u.set_report.id = 7;
	ev.u.set_report.rtype = UHID_OUTPUT_REPORT;
	ev.u.set_report.size = 65;
	ev.u.set_report.data[1] = 0xaa;
	kernel_write(s, &ev);
	assert_int_equal(s->reports, 1);
	assert_int_equal(s->last[0], 0xaa);
	assert_true(kernel_read(s, &ev));
	assert_int_equal(ev.type, UHID_SET_REPORT_REPLY);
	assert_int_equal(ev.u.set_report_reply.id, 7);
	assert_int_equal(ev.u.set_report_reply.err, 0);
}

static void
refuses_to_set_features(void **state)
{
	struct seen *s = plugged_in(state);
	struct uhid_event ev = { .type = UHID_SET_REPORT };

	ev.u.set_report.rtype = UHID_FEATURE_REPORT;
	ev.u.set_report.size = 64;
	kernel_write(s, &ev);
	assert_int_equal(s->reports, 0);
	assert_true(kernel_read(s, &ev));
	assert_int_equal(ev.u.set_report_reply.err, EIO);
}

static void
sends_without_report_number(void **state)
{
	struct seen *s = plugged_in(state);
	struct uhid_event ev;
	uint8_t report[64];

	memset(report, 0x5a, sizeof(report));
	assert_int_equal(s->t->ops->send(s->t, s->host, report, 1000), 0);
	assert_true(kernel_read(s, &ev));
	assert_int_equal(ev.type, UHID_INPUT2);
	assert_int_equal(ev.u.input2.size, 64);
	assert_memory_equal(ev.u.input2.data, report, 64);
}

static unsigned
send_all(struct seen *s, unsigned most, uint64_t now_ms)
{
	static const uint8_t report[64];
	struct uhid_event ev;
	unsigned n = 0;

	while (n < most &&
	    s->t->ops->send(s->t, s->host, report, now_ms) == 0) {
		assert_true(kernel_read(s, &ev));
		n++;
	}
	return n;
}

/* However the loop is woken, a window of w ms sees at most 32 + w reports. */
static void
never_overflows_the_ring(void **state)
{
	struct seen *s = plugged_in(state);
	unsigned sent = 0;
	uint64_t now_ms;

	sent = send_all(s, 129, 5000);
	assert_int_equal(sent, 32);
	for (now_ms = 5001; sent < 129; now_ms += 1) {
		sent += send_all(s, 129 - sent, now_ms);
		assert_true(sent <= 32 + (now_ms - 5000));
	}
	assert_int_equal(now_ms - 5001, 97);
	/* after a rest, a burst again, and no more than that */
	assert_int_equal(send_all(s, 129, 100000), 32);
}

static void
tells_when_it_can_send_again(void **state)
{
	struct seen *s = plugged_in(state);
	uint64_t at;

	assert_int_equal(s->t->ops->deadline(s->t), UINT64_MAX);
	assert_int_equal(send_all(s, 129, 5000), 32);
	at = s->t->ops->deadline(s->t);
	assert_int_equal(at, 5001);
	s->t->ops->tick(s->t, 5000);
	assert_int_equal(s->writable, 0);
	s->t->ops->tick(s->t, at);
	assert_int_equal(s->writable, 1);
	assert_int_equal(send_all(s, 129, at), 1);
}

static void
forgets_to_wait_for_a_host_that_left(void **state)
{
	struct seen *s = plugged_in(state);

	assert_int_equal(send_all(s, 129, 5000), 32);
	kernel_says(s, UHID_CLOSE);
	assert_int_equal(s->t->ops->deadline(s->t), UINT64_MAX);
	s->t->ops->tick(s->t, 6000);
	assert_int_equal(s->writable, 0);
	kernel_says(s, UHID_OPEN);
	assert_int_equal(send_all(s, 129, 6000), 32);
}

static bool
is_readable(const struct seen *s)
{
	struct pollfd pfd = { s->t->ops->fd(s->t), POLLIN, 0 };

	return poll(&pfd, 1, 0) == 1;
}

static void
paused_it_does_not_read(void **state)
{
	static const uint8_t data[64] = { 9 };
	struct seen *s = plugged_in(state);

	s->t->ops->pause(s->t, s->host, true);
	kernel_output(s, data, 64);
	assert_int_equal(s->reports, 0);
	assert_false(is_readable(s));
	s->t->ops->pause(s->t, s->host, false);
	assert_true(is_readable(s));
	s->t->ops->dispatch(s->t, 1000);
	assert_int_equal(s->reports, 1);
}

static void
tells_that_the_kernel_has_gone(void **state)
{
	struct seen *s = plugged_in(state);

	close(s->kernel);
	s->kernel = -1;
	s->t->ops->dispatch(s->t, 1000);
	assert_int_equal(s->failed, 1);
	s->t->ops->dispatch(s->t, 1001);
	assert_int_equal(s->failed, 1);
	assert_false(is_readable(s));
}

static void
unplugs_at_the_end(void **state)
{
	struct seen *s = plugged_in(state);
	struct uhid_event ev;

	transport_free(s->t);
	s->t = NULL;
	assert_int_equal(s->closed, 1);
	assert_true(kernel_read(s, &ev));
	assert_int_equal(ev.type, UHID_DESTROY);
}

static void
fails_in_one_line(void **state)
{
	struct transport *t = NULL;
	char msg[256] = "";
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	close(fd[1]);
	/* the reading end of a pipe cannot be written */
	assert_int_equal(transport_open_uhid_fd(fd[0], &identity, &events,
	    NULL, &t, msg, sizeof(msg)), -EBADF);
	assert_null(t);
	assert_non_null(strstr(msg, "uhid"));
	assert_null(strchr(msg, '\n'));
	close(fd[0]);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creates_a_usb_device),
		TEST(cuts_long_names),
		TEST(opens_and_closes_with_the_kernel),
		TEST(a_refused_host_is_not_heard),
		TEST(strips_the_report_number),
		TEST(drops_other_sizes),
		TEST(survives_nonsense),
		TEST(refuses_get_report),
		TEST(takes_set_report_as_output),
		TEST(refuses_to_set_features),
		TEST(sends_without_report_number),
		TEST(never_overflows_the_ring),
		TEST(tells_when_it_can_send_again),
		TEST(forgets_to_wait_for_a_host_that_left),
		TEST(paused_it_does_not_read),
		TEST(tells_that_the_kernel_has_gone),
		TEST(unplugs_at_the_end),
		cmocka_unit_test(fails_in_one_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
