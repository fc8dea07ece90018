/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey wait: until a key can be used, or something has happened to it, so
 * that scripts need not sleep and hope.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/cmd/daemon_option.h"
#include "authenticator/clock.h"
#include "authenticator/cmd/hidraw.h"
#include "authenticator/control/control_client.h"
#include "authenticator/event.h"
#include "uhid/unix.h"

#define TIMEOUT_MS	30000
#define TIMEOUT_MAX_S	86400
#define LOOK_MS		20	/* between looks whether it is ready */

static const char help[] =
"Usage: sealkey wait [OPTION]... ready\n"
"       sealkey wait [OPTION]... EVENT\n"
"\n"
"Waits until a key is plugged in and the caller can open it, and prints\n"
"where it is: /dev/hidrawN, or its socket. Or until an event happens, such\n"
"as user-wanted, credential-created or credential-asserted, and prints it as\n"
"JSON. Exit status 1 if that takes too long, or the key is removed.\n"
"\n"
DAEMON_HELP
"  --rp ID             only events of this RP, of those that have one\n"
"  --since N           also what came after event number N (\"seq\"); 0: all\n"
"                      that is remembered\n"
"  --timeout SECONDS   default 30\n"
"  --help, --version\n";

enum { OPT_TIMEOUT = CLI_OPT_FIRST, OPT_RP, OPT_SINCE };

static const struct option options[] = {
	DAEMON_OPTIONS,
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "rp", required_argument, NULL, OPT_RP },
	{ "since", required_argument, NULL, OPT_SINCE },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct wait {
	struct daemon_option daemon;
	const char	*rp;		/* NULL: any */
	const char	*since;		/* NULL: from now on */
	const char	*what;
	uint64_t	 deadline_ms;
	char		 msg[1024];	/* why it is not ready */
};

static bool
opens(struct wait *w, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1) {
		snprintf(w->msg, sizeof(w->msg), "%s: %s", path,
		    strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static bool
connects(struct wait *w, const char *path)
{
	int fd = unix_connect(path, SOCK_SEQPACKET);

	if (fd < 0) {
		snprintf(w->msg, sizeof(w->msg), "%s: %s", path,
		    strerror(-fd));
		return false;
	}
	close(fd);
	return true;
}

static const char *
text_of(const json_t *json, const char *name)
{
	const char *s = json_string_value(json_object_get(json, name));

	return s != NULL ? s : "";
}

static bool
is_usable(struct wait *w, const json_t *info)
{
	const char *transport = text_of(info, "transport");
	char path[300];

	if (!json_is_true(json_object_get(info, "plugged"))) {
		snprintf(w->msg, sizeof(w->msg), "the key is not plugged in");
		return false;
	}
	if (strcmp(transport, "socket") == 0) {
		if (!connects(w, text_of(info, "socket")))
			return false;
		puts(text_of(info, "socket"));
		return true;
	}
	if (strcmp(transport, "gadget") == 0) {
		puts(text_of(info, "gadget"));
		return true;
	}
	if (!hidraw_find(text_of(info, "serial"), path, sizeof(path))) {
		snprintf(w->msg, sizeof(w->msg), "the kernel has no hidraw "
		    "device of the key yet");
		return false;
	}
	if (!opens(w, path))
		return false;
	puts(path);
	return true;
}

/* The daemon may not even have started. */
static bool
is_ready(struct wait *w)
{
	char *target = NULL;
	json_t *info = NULL;
	bool ready;
	int r;

	r = daemon_find(&w->daemon, w->msg, sizeof(w->msg));
	if (r < 0)
		return false;
	target = daemon_target(&w->daemon, "info");
	if (target == NULL)
		return false;
	r = control_call(w->daemon.socket, "GET", target, &info, w->msg,
	    sizeof(w->msg));
	free(target);
	if (r < 0)
		return false;
	ready = is_usable(w, info);
	json_decref(info);
	return ready;
}

static int
wait_ready(struct wait *w)
{
	static const struct timespec pause = { 0, LOOK_MS * 1000000L };

	while (!is_ready(w)) {
		if (clock_ms() >= w->deadline_ms)
			return cli_error("not ready: %s", w->msg);
		nanosleep(&pause, NULL);
	}
	return CLI_DONE;
}

enum { HIT = 1, GONE };	/* what a line can be, if it is not 0 */

/* Of one key, its end is told though nobody waits for that: control.md. */
static int
judge_line(void *arg, const char *line)
{
	struct wait *w = arg;
	json_t *json = json_loads(line, 0, NULL);
	int event = event_find(text_of(json, "event"));
	bool hit = event != -1 && event != EVENT_LOST &&
	    event == event_find(w->what) &&
	    (w->rp == NULL || strcmp(text_of(json, "rpId"), w->rp) == 0);

	json_decref(json);
	if (hit)
		puts(line);
	return hit ? HIT : event == EVENT_REMOVED ? GONE : 0;
}

/*
 * The key may have asked for its user just before we began to listen; with
 * --since, that is among the events.
 */
static int
ask_whether_wanted(void *arg)
{
	struct wait *w = arg;
	char *target = daemon_target(&w->daemon, "info");
	json_t *info = NULL;
	bool wanted;

	if (target == NULL || w->since != NULL || w->rp != NULL ||
	    event_find(w->what) != EVENT_USER_WANTED ||
	    control_call(w->daemon.socket, "GET", target, &info, w->msg,
	    sizeof(w->msg)) < 0) {
		free(target);
		return 0;
	}
	free(target);
	wanted = json_is_true(json_object_get(info, "userWanted"));
	if (wanted)
		printf("{\"event\":\"user-wanted\",\"key\":\"%s\"}\n",
		    text_of(info, "key"));
	json_decref(info);
	return wanted ? HIT : 0;
}

static int
wait_event(struct wait *w)
{
	const struct control_lines lines = { .begun = ask_whether_wanted,
	    .each = judge_line, .arg = w };
	struct daemon_option *d = &w->daemon;
	char *target = NULL;
	int64_t left;
	int r;

	if (daemon_find(d, w->msg, sizeof(w->msg)) < 0)
		return cli_error("%s", w->msg);
	if (asprintf(&target, "/v1/%s%s%sevents?kind=%s%s%s",
	    d->id[0] != '\0' ? "keys/" : "", d->id,
	    d->id[0] != '\0' ? "/" : "", w->what,
	    w->since != NULL ? "&since=" : "",
	    w->since != NULL ? w->since : "") < 0)
		return cli_error("out of memory");
	left = (int64_t)(w->deadline_ms - clock_ms());
	r = control_lines(d->socket, target, &lines, left > 0 ? left : 0,
	    w->msg, sizeof(w->msg));
	free(target);
	if (r == -ETIMEDOUT)
		return cli_error("%s has not happened in time", w->what);
	if (r == GONE)
		return cli_error("%s cannot happen any more: the key is gone",
		    w->what);
	return r < 0 ? cli_error("%s", w->msg) : CLI_DONE;
}

static int
take_timeout(const struct cli *cli, struct wait *w)
{
	char *end;
	double s = strtod(optarg, &end);

	if (*end != '\0' || end == optarg || !(s >= 0) || s > TIMEOUT_MAX_S)
		return cli_wrong_use(cli, "--timeout takes seconds, %d at "
		    "most", TIMEOUT_MAX_S);
	w->deadline_ms = clock_ms() + (uint64_t)(s * 1000);
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct wait *w)
{
	switch (opt) {
	case OPT_TIMEOUT:
		return take_timeout(cli, w);
	case OPT_RP:
		w->rp = optarg;
		break;
	case OPT_SINCE:
		if (strspn(optarg, "0123456789") != strlen(optarg))
			return cli_wrong_use(cli, "--since takes a number");
		w->since = optarg;
		break;
	}
	return daemon_take(cli, opt, &w->daemon);
}

/* Whether there can be one of those events with an RP ID. */
static bool
has_rp(int event)
{
	switch (event) {
	case EVENT_RESET:
	case EVENT_PIN_CHANGED:
	case EVENT_VERIFICATION_FAILED:
	case EVENT_PLUGGED:
	case EVENT_UNPLUGGED:
	case EVENT_HOST_CONNECTED:
	case EVENT_HOST_GONE:
	case EVENT_PROFILE_CHANGED:
	case EVENT_FAULT_CLEARED:
	case EVENT_POWER_CYCLED:
	case EVENT_PRESENCE_CHANGED:
	case EVENT_VERIFICATION_CHANGED:
	case EVENT_CLOCK_ADVANCED:
	case EVENT_REMOVED:
	case EVENT_ENDED:
	case EVENT_LOST:
		return false;
	default:
		return true;
	}
}

int
cmd_wait(int argc, char **argv)
{
	struct cli cli = { .command = "wait", .help = help,
	    .options = options, .operands = "ready|EVENT", .argc = argc,
	    .argv = argv };
	struct wait w = { .deadline_ms = clock_ms() + TIMEOUT_MS };
	int status, opt, event;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, &w);
		if (status != CLI_DONE)
			return status;
	}
	if (argc - optind != 1)
		return cli_wrong_use(&cli, "for what? ready, or one event");
	w.what = argv[optind];
	event = event_find(w.what);
	if (strcmp(w.what, "ready") != 0 && event == -1)
		return cli_wrong_use(&cli, "there is no event \"%s\"", w.what);
	if (w.rp != NULL && (event == -1 || !has_rp(event)))
		return cli_wrong_use(&cli, "--rp: \"%s\" is of no RP", w.what);
	if (event == -1)
		return wait_ready(&w);
	return wait_event(&w);
}
