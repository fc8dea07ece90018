/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/peer_program.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/clock.h"
#include "authenticator/interrupt.h"

#define SHELL_SIGNAL	128	/* a status of sh above it: a signal */
#define GRACE_MS	2000	/* to end, once its input has */

int
peer_program_init(struct peer_program *p, const char *command)
{
	memset(p, 0, sizeof(*p));
	p->command = command;
	p->in = p->out = -1;
	p->line = malloc(PEER_ANSWER_MAX);
	return p->line == NULL ? -ENOMEM : 0;
}

static void
close_pipe(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* All of its group; returns the status that waitpid() told of itself. */
static int
reap(struct peer_program *p)
{
	int status = 0;

	kill(-p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) == -1 && errno == EINTR)
		;
	p->pid = 0;
	close_pipe(&p->in);
	close_pipe(&p->out);
	p->len = 0;
	return status;
}

/* It closes its output when it ends: that is waited for. */
void
peer_program_done(struct peer_program *p)
{
	struct pollfd pfd = { .fd = p->out, .events = POLLIN };
	uint64_t until_ms = clock_ms() + GRACE_MS, now_ms;

	close_pipe(&p->in);
	while (p->pid != 0 && (now_ms = clock_ms()) < until_ms &&
	    poll(&pfd, 1, (int)(until_ms - now_ms)) == 1 &&
	    read(p->out, p->line, PEER_ANSWER_MAX) > 0)
		;
	if (p->pid != 0)
		reap(p);
	free(p->line);
	p->line = NULL;
}

/* In a group of its own; signals as a program expects them. */
static int
spawn(struct peer_program *p, int in, int out)
{
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = { sh, c, (char *)(uintptr_t)p->command,
	    NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t set;
	int r;

	if ((r = posix_spawn_file_actions_init(&files)) != 0)
		return -r;
	if ((r = posix_spawnattr_init(&attr)) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -r;
	}
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	r = posix_spawn(&p->pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (r != 0)
		p->pid = 0;
	return -r;
}

static int
start(struct peer_program *p)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	int r = 0;

	if (pipe2(to, O_CLOEXEC) == -1 || pipe2(from, O_CLOEXEC) == -1 ||
	    fcntl(to[1], F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(from[0], F_SETFL, O_NONBLOCK) == -1)
		r = -errno;
	if (r == 0)
		r = spawn(p, to[0], from[1]);
	close_pipe(&to[0]);
	close_pipe(&from[1]);
	p->in = to[1];
	p->out = from[0];
	p->len = 0;
	if (r < 0) {
		close_pipe(&p->in);
		close_pipe(&p->out);
	}
	return r;
}

/* What became of it, after its output has ended. */
static void
tell_end(struct peer_program *p, char *why, size_t size)
{
	struct pollfd none = { .fd = -1 };
	uint64_t until_ms = clock_ms() + GRACE_MS;
	siginfo_t info;
	int status;

	/* its status comes a moment after its output has ended */
	do {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)p->pid, &info,
		    WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid != 0)
			break;
		poll(&none, 1, 10);
	} while (clock_ms() < until_ms);
	status = reap(p);
	if (WIFEXITED(status) && WEXITSTATUS(status) > SHELL_SIGNAL)
		snprintf(why, size, "it ended by signal %d",
		    WEXITSTATUS(status) - SHELL_SIGNAL);
	else if (WIFEXITED(status))
		snprintf(why, size, "it ended with status %d",
		    WEXITSTATUS(status));
	else if (info.si_pid == 0)
		snprintf(why, size, "it closed its output");
	else
		snprintf(why, size, "it ended by signal %d",
		    WTERMSIG(status));
}

/* Takes what has come; whether there is more to wait for. */
static enum peer_result
take_output(struct peer_program *p, bool *whole, char *why, size_t size)
{
	ssize_t n = read(p->out, p->line + p->len, PEER_ANSWER_MAX - p->len);
	char *end;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return PEER_ANSWERED;
	if (n <= 0) {
		tell_end(p, why, size);
		return PEER_CRASHED;
	}
	end = memchr(p->line + p->len, '\n', (size_t)n);
	p->len += (size_t)n;
	*whole = end != NULL;
	if (end == NULL && p->len == PEER_ANSWER_MAX) {
		snprintf(why, size, "its answer is longer than %d bytes",
		    PEER_ANSWER_MAX);
		return PEER_NONSENSE;
	}
	if (end != NULL && end + 1 != p->line + p->len) {
		snprintf(why, size, "it answered with more than one line");
		return PEER_NONSENSE;
	}
	return PEER_ANSWERED;
}

/* Input that nobody reads is no error: the output tells what happened. */
static void
give_input(struct peer_program *p, struct span *rest)
{
	ssize_t n = write(p->in, rest->p, rest->len);

	if (n > 0)
		*rest = span(rest->p + n, rest->len - (size_t)n);
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		rest->len = 0;
}

static enum peer_result
converse(struct peer_program *p, struct span rest, uint64_t until_ms,
    char *why, size_t size)
{
	enum peer_result r = PEER_ANSWERED;
	bool whole = false;
	uint64_t now_ms;

	p->len = 0;
	while (r == PEER_ANSWERED && !whole) {
		struct pollfd fds[3] = {
			{ .fd = p->out, .events = POLLIN },
			{ .fd = rest.len > 0 ? p->in : -1,
			    .events = POLLOUT },
			{ .fd = p->interrupt != NULL ? p->interrupt->fd : -1,
			    .events = POLLIN },
		};

		if (interrupt_came(p->interrupt)) {
			snprintf(why, size, "interrupted");
			return PEER_FAILED;
		}
		now_ms = clock_ms();
		if (now_ms >= until_ms) {
			snprintf(why, size, "it did not answer in time");
			return PEER_SILENT;
		}
		if (poll(fds, 3, (int)(until_ms - now_ms)) <= 0)
			continue;
		if (fds[1].revents != 0)
			give_input(p, &rest);
		if (fds[0].revents != 0)
			r = take_output(p, &whole, why, size);
	}
	return r;
}

/* What it said without having been asked. */
static bool
has_spoken(const struct peer_program *p)
{
	struct pollfd pfd = { .fd = p->out, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLIN) != 0;
}

enum peer_result
peer_program_ask(struct peer_program *p, struct span line,
    unsigned timeout_ms, struct span *out, char *why, size_t size)
{
	enum peer_result result;
	int r;

	/* an answer to nothing would be taken for the one to this question */
	if (p->pid != 0 && has_spoken(p))
		reap(p);
	if (p->pid == 0 && (r = start(p)) < 0) {
		snprintf(why, size, "cannot start a program: %s",
		    strerror(-r));
		return PEER_FAILED;
	}
	result = converse(p, line, clock_ms() + timeout_ms, why, size);
	if (result == PEER_ANSWERED)
		*out = span(p->line, p->len - 1);
	else if (p->pid != 0 && result != PEER_FAILED)
		reap(p);
	return result;
}
