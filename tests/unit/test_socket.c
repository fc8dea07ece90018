/* SPDX-License-Identifier: Apache-2.0 */
/* The socket transport, and the names of UNIX sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uhid/transport.h"
#include "uhid/unix.h"

struct server {
	struct transport *t;
	char		 dir[64];
	char		 path[128];
	char		 msg[256];
	unsigned	 opened;
	unsigned	 closed;
	unsigned	 reports;
	unsigned	 writable;
	bool		 echo;
	struct host	*last_host;
	uint8_t		 last[TRANSPORT_REPORT_LEN];
};

static bool
on_open(void *arg, struct host *h)
{
	struct server *s = arg;

	s->last_host = h;
	s->opened++;
	return true;
}

static void
on_report(void *arg, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN])
{
	struct server *s = arg;

	s->reports++;
	s->last_host = h;
	memcpy(s->last, report, sizeof(s->last));
	if (s->echo)
		assert_int_equal(s->t->ops->send(s->t, h, report, 0), 0);
}

static void
on_writable(void *arg, struct host *h)
{
	(void)h;
	((struct server *)arg)->writable++;
}

static void
on_close(void *arg, struct host *h)
{
	(void)h;
	((struct server *)arg)->closed++;
}

static void
on_failed(void *arg, int error, const char *what)
{
	(void)arg;
	(void)error;
	fail_msg("%s", what);
}

static const struct transport_events events = {
	on_open, on_report, on_writable, on_close, on_failed
};

static int
setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/sealkey-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/key", s->dir);
	assert_int_equal(transport_open_socket(s->path, &events, s, &s->t,
	    s->msg, sizeof(s->msg)), 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct server *s = *state;

	transport_free(s->t);
	assert_int_equal(access(s->path, F_OK), -1);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

/* Until it has nothing to do. */
static void
serve(struct server *s)
{
	struct pollfd pfd = { s->t->ops->fd(s->t), POLLIN, 0 };
	int i;

	for (i = 0; i < 1000 && poll(&pfd, 1, 0) == 1; i++)
		s->t->ops->dispatch(s->t, 0);
	assert_true(i < 1000);	/* it settles */
}

static int
connect_to(struct server *s)
{
	int fd = unix_connect(s->path, SOCK_SEQPACKET);

	assert_true(fd >= 0);
	serve(s);
	return fd;
}

static bool
is_gone(int fd)
{
	uint8_t buf[64];

	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == 0;
}

static void
only_the_owner_may_connect(void **state)
{
	struct server *s = *state;
	struct stat st;

	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
carries_reports_both_ways(void **state)
{
	struct server *s = *state;
	uint8_t out[64];
	uint8_t in[65];
	int fd = connect_to(s);

	s->echo = true;
	memset(out, 0x77, sizeof(out));
	assert_int_equal(send(fd, out, 64, 0), 64);
	serve(s);
	assert_int_equal(s->reports, 1);
	assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), 64);
	assert_memory_equal(in, out, 64);
	close(fd);
	serve(s);
	assert_int_equal(s->closed, 1);
}

static void
drops_clients_that_send_other_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 65, 128, 8000 };
	static const uint8_t data[8000];
	struct server *s = *state;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = connect_to(s);
		assert_int_equal(send(fd, data, sizes[i], 0), sizes[i]);
		serve(s);
		assert_int_equal(s->closed, i + 1);
		assert_true(is_gone(fd));
		close(fd);
	}
	assert_int_equal(s->reports, 0);
}

static void
serves_fifty_clients(void **state)
{
	struct server *s = *state;
	uint8_t report[64] = { 0 };
	int fd[50];
	int i;

	s->echo = true;
	for (i = 0; i < 50; i++) {
		fd[i] = unix_connect(s->path, SOCK_SEQPACKET);
		assert_true(fd[i] >= 0);
		report[0] = i;
		assert_int_equal(send(fd[i], report, 64, 0), 64);
	}
	serve(s);
	assert_int_equal(s->opened, 50);
	for (i = 0; i < 50; i++) {
		assert_int_equal(recv(fd[i], report, 64, MSG_DONTWAIT), 64);
		assert_int_equal(report[0], i);
		close(fd[i]);
	}
	serve(s);
	assert_int_equal(s->closed, 50);
}

static void
refuses_too_many_clients(void **state)
{
	struct server *s = *state;
	int fd[300];
	int i;

	for (i = 0; i < 300; i++)
		fd[i] = connect_to(s);
	assert_int_equal(s->opened, 256);
	assert_false(is_gone(fd[255]));
	assert_true(is_gone(fd[256]));
	assert_true(is_gone(fd[299]));
	close(fd[0]);
	serve(s);
	close(fd[299]);
	fd[299] = connect_to(s);	/* room again */
	assert_int_equal(s->opened, 257);
	for (i = 1; i < 300; i++)
		close(fd[i]);
	serve(s);
}

/* Out of descriptors, it must neither spin nor keep the client waiting. */
static void
refuses_when_descriptors_run_out(void **state)
{
	struct server *s = *state;
	int fd = unix_connect(s->path, SOCK_SEQPACKET);
	struct rlimit before, tight;
	int probe;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	probe = dup(0);
	close(probe);
	tight = before;
	tight.rlim_cur = probe;	/* the lowest free one is not allowed */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	serve(s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(s->opened, 0);
	assert_true(is_gone(fd));
	close(fd);
	fd = connect_to(s);
	assert_int_equal(s->opened, 1);
	close(fd);
	serve(s);
}

static void
waits_for_slow_readers(void **state)
{
	static const uint8_t report[64];
	struct server *s = *state;
	struct host *host;
	uint8_t buf[64];
	unsigned sent = 0;
	int fd = connect_to(s);

	host = s->last_host;
	while (s->t->ops->send(s->t, host, report, 0) == 0)
		assert_true(++sent < 100000);
	assert_int_equal(s->t->ops->send(s->t, host, report, 0), -EAGAIN);
	serve(s);
	assert_int_equal(s->writable, 0);
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == 64)
		sent--;
	assert_int_equal(sent, 0);	/* nothing was lost */
	serve(s);
	assert_int_equal(s->writable, 1);
	assert_int_equal(s->t->ops->send(s->t, host, report, 0), 0);
	close(fd);
	serve(s);
	assert_int_equal(s->closed, 1);
}

static void
paused_it_does_not_read(void **state)
{
	static const uint8_t report[64];
	struct server *s = *state;
	int fd = connect_to(s);

	s->t->ops->pause(s->t, s->last_host, true);
	assert_int_equal(send(fd, report, 64, 0), 64);
	serve(s);
	assert_int_equal(s->reports, 0);
	s->t->ops->pause(s->t, s->last_host, false);
	serve(s);
	assert_int_equal(s->reports, 1);
	/* leaving is noticed also then */
	s->t->ops->pause(s->t, s->last_host, true);
	close(fd);
	serve(s);
	assert_int_equal(s->closed, 1);
}

static void
sending_to_the_dead_is_harmless(void **state)
{
	static const uint8_t report[64];
	struct server *s = *state;
	int fd = connect_to(s);

	close(fd);
	assert_int_equal(s->t->ops->send(s->t, s->last_host, report, 0), 0);
	serve(s);
	assert_int_equal(s->closed, 1);
}

static void
a_live_socket_is_not_taken_over(void **state)
{
	struct server *s = *state;
	struct transport *other = NULL;

	assert_int_equal(transport_open_socket(s->path, &events, s, &other,
	    s->msg, sizeof(s->msg)), -EADDRINUSE);
	assert_null(other);
	assert_non_null(strstr(s->msg, "another process"));
	serve(s);
	close(connect_to(s));	/* the first one still works */
	serve(s);
}

static void
a_stale_socket_is_replaced(void **state)
{
	struct server *s = *state;
	struct transport *second;
	struct unix_name name;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/stale", s->dir);
	fd = unix_listen(path, SOCK_SEQPACKET, &name);
	assert_true(fd >= 0);
	close(fd);	/* as if it had been killed */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(transport_open_socket(path, &events, s, &second,
	    s->msg, sizeof(s->msg)), 0);
	transport_free(second);
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_file_is_not_replaced(void **state)
{
	struct server *s = *state;
	struct transport *t;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/file", s->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(transport_open_socket(path, &events, s, &t, s->msg,
	    sizeof(s->msg)), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

/* Who replaced our name keeps it. */
static void
removes_only_its_own_file(void **state)
{
	struct server *s = *state;
	struct unix_name name;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/name", s->dir);
	fd = unix_listen(path, SOCK_SEQPACKET, &name);
	assert_true(fd >= 0);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	unix_unlink(path, &name);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	close(fd);
}

static void
a_name_is_private_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 0177 };
	struct server *s = *state;
	mode_t before = umask(0);
	struct unix_name name;
	struct stat st;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/name", s->dir);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		umask(masks[i]);
		fd = unix_listen(path, SOCK_STREAM, &name);
		assert_true(fd >= 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		unix_unlink(path, &name);
		close(fd);
	}
	umask(before);
}

static void
paths_may_be_longer_than_sun_path(void **state)
{
	struct server *s = *state;
	struct unix_name name;
	char path[PATH_MAX];
	int fd, client;
	size_t len;

	len = snprintf(path, sizeof(path), "%s/", s->dir);
	memset(path + len, 'd', 120);
	path[len + 120] = '\0';
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/key");
	fd = unix_listen(path, SOCK_SEQPACKET, &name);
	assert_true(fd >= 0);
	client = unix_connect(path, SOCK_SEQPACKET);
	assert_true(client >= 0);
	assert_int_equal(unix_listen(path, SOCK_SEQPACKET, &name),
	    -EADDRINUSE);
	unix_unlink(path, &name);
	assert_int_equal(access(path, F_OK), -1);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	close(client);
	close(fd);
}

static void
names_that_are_too_long_are_an_error(void **state)
{
	struct unix_name name;
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unix_listen(path, SOCK_SEQPACKET, &name),
	    -ENAMETOOLONG);
	path[0] = '/';
	assert_int_equal(unix_listen(path, SOCK_SEQPACKET, &name),
	    -ENAMETOOLONG);
	assert_int_equal(unix_connect("", SOCK_SEQPACKET), -ENOENT);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_owner_may_connect),
		TEST(carries_reports_both_ways),
		TEST(drops_clients_that_send_other_sizes),
		TEST(serves_fifty_clients),
		TEST(refuses_too_many_clients),
		TEST(refuses_when_descriptors_run_out),
		TEST(waits_for_slow_readers),
		TEST(paused_it_does_not_read),
		TEST(sending_to_the_dead_is_harmless),
		TEST(a_live_socket_is_not_taken_over),
		TEST(a_stale_socket_is_replaced),
		TEST(a_file_is_not_replaced),
		TEST(removes_only_its_own_file),
		TEST(a_name_is_private_whatever_the_umask),
		TEST(paths_may_be_longer_than_sun_path),
		cmocka_unit_test(names_that_are_too_long_are_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
