/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/swtpm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define START_MS	20000	/* for it to listen, on a busy machine */
#define POLL_MS		5

static const char *const files[] = { "sock", "sock.ctrl", "said",
	"tpm2-00.permall", "tpm2-00.volatilestate", ".lock" };

/* Never returns. */
static void
run(const struct swtpm *s, pid_t parent)
{
	char state[100], server[128], control[128];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	snprintf(state, sizeof(state), "dir=%s", s->dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s/sock", s->dir);
	snprintf(control, sizeof(control), "type=unixio,path=%s/sock.ctrl",
	    s->dir);
	execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state,
	    "--server", server, "--ctrl", control, "--flags",
	    "not-need-init,startup-clear", "--log", "file=-", (char *)NULL);
	_exit(127);
}

static bool
listens(const struct swtpm *s, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, r;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", s->dir, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fd, -1);
	r = connect(fd, (const struct sockaddr *)&a, sizeof(a));
	close(fd);
	return r == 0;
}

static void
wait_until_on(struct swtpm *s)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	int status;

	for (int waited = 0; waited < START_MS; waited += POLL_MS) {
		if (listens(s, "sock.ctrl") && listens(s, "sock"))
			return;
		if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
			s->pid = 0;
			fail_msg("swtpm does not start: status 0x%x", status);
		}
		nanosleep(&pause, NULL);
	}
	fail_msg("swtpm does not listen");
}

static void
unlink_in(const struct swtpm *s, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	if (unlink(path) == -1)
		assert_int_equal(errno, ENOENT);
}

void
swtpm_on(struct swtpm *s, const char *dir)
{
	pid_t self = getpid();

	assert_true(strlen(dir) < sizeof(s->dir));
	if (dir != s->dir)
		strcpy(s->dir, dir);
	snprintf(s->target, sizeof(s->target), "swtpm:path=%s/sock", s->dir);
	unlink_in(s, "sock");
	unlink_in(s, "sock.ctrl");
	s->pid = fork();
	assert_int_not_equal(s->pid, -1);
	if (s->pid == 0)
		run(s, self);
	wait_until_on(s);
}

void
swtpm_off(struct swtpm *s)
{
	if (s->pid == 0)
		return;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) == -1 && errno == EINTR)
		;
	s->pid = 0;
}

void
swtpm_reset(struct swtpm *s)
{
	swtpm_off(s);
	swtpm_on(s, s->dir);
}

void
swtpm_remove(struct swtpm *s)
{
	swtpm_off(s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink_in(s, files[i]);
}

int
swtpm_tool(const struct swtpm *s, const char *command)
{
	char line[1024];
	int status, n;

	n = snprintf(line, sizeof(line), "export TPM2TOOLS_TCTI='%s'; "
	    "cd '%s' && exec >said 2>&1; %s", s->target, s->dir, command);
	assert_true(n > 0 && (size_t)n < sizeof(line));
	status = system(line);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}
