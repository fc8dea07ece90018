/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/webdriver/own_daemon.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/paths.h"

#define READY_FD	3

/* Where this user's runtime files are, or temporary ones. */
static int
make_dir(struct own_daemon *d, char *msg, size_t msglen)
{
	const char *tmp = getenv("TMPDIR");
	char base[PATH_MAX], ignored[256];

	if (paths_runtime(base, ignored, sizeof(ignored)) < 0)
		snprintf(base, sizeof(base), "%s", tmp != NULL ? tmp : "/tmp");
	if (snprintf(d->dir, sizeof(d->dir), "%s/webdriver-XXXXXX", base) <
	    (int)sizeof(d->dir) && mkdtemp(d->dir) != NULL) {
		snprintf(d->control, sizeof(d->control), "%s/control.sock",
		    d->dir);
		return 0;
	}
	snprintf(msg, msglen, "%s: cannot make a directory: %s", base,
	    strerror(errno));
	d->dir[0] = '\0';
	return -EIO;
}

/* Between fork() and exec. parent is whom it must not outlive. */
static void
become(const struct own_daemon *d, int ready_fd, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent ||
	    setenv("RUNTIME_DIRECTORY", d->dir, 1) == -1)
		_exit(127);
	if (ready_fd == READY_FD)	/* dup2() would leave it as it is */
		(void)fcntl(ready_fd, F_SETFD, 0);
	else if (dup2(ready_fd, READY_FD) == -1)
		_exit(127);
	execl("/proc/self/exe", "sealkey", "run", "--empty", "--quiet",
	    "--control", d->control, "--ready-fd", "3", (char *)NULL);
	_exit(127);
}

/* The end of file, without a word before it, is that it failed. */
static int
wait_until_ready(int fd, char *msg, size_t msglen)
{
	char c;
	ssize_t n;

	do
		n = read(fd, &c, 1);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		return 0;
	snprintf(msg, msglen, "the process for the keys does not start");
	return -ECHILD;
}

static int
spawn(struct own_daemon *d, char *msg, size_t msglen)
{
	pid_t parent = getpid();
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		snprintf(msg, msglen, "no pipe: %s", strerror(errno));
		return -EMFILE;
	}
	d->pid = fork();
	if (d->pid == 0)
		become(d, fds[1], parent);
	close(fds[1]);
	if (d->pid == -1) {
		d->pid = 0;
		snprintf(msg, msglen, "no process: %s", strerror(errno));
		r = -EAGAIN;
	} else {
		r = wait_until_ready(fds[0], msg, msglen);
	}
	close(fds[0]);
	return r;
}

int
own_daemon_start(struct own_daemon *d, char *msg, size_t msglen)
{
	int r;

	memset(d, 0, sizeof(*d));
	r = make_dir(d, msg, msglen);
	if (r == 0)
		r = spawn(d, msg, msglen);
	if (r < 0)
		own_daemon_stop(d);
	return r;
}

void
own_daemon_stop(struct own_daemon *d)
{
	if (d->pid != 0) {
		(void)kill(d->pid, SIGTERM);
		while (waitpid(d->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	if (d->dir[0] != '\0')
		(void)rmdir(d->dir);
	memset(d, 0, sizeof(*d));
}
