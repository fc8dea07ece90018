/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey webdriver: a WebDriver server that adds virtual authenticators to
 * another one, until SIGTERM.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/cmd/ready.h"
#include "authenticator/http_client.h"
#include "authenticator/loopback.h"
#include "authenticator/signals.h"
#include "authenticator/webdriver/own_daemon.h"
#include "authenticator/webdriver/proxy.h"
#include "uhid/unix.h"

#define DEFAULT_LISTEN	"127.0.0.1:4444"
#define URL_MAX		1024	/* bytes, with the NUL */

static const char help[] =
"Usage: sealkey webdriver --upstream URL [OPTION]...\n"
"\n"
"A WebDriver server for Selenium and its like: what concerns virtual\n"
"authenticators is done by keys that a running sealkey plugs in, everything\n"
"else by the driver at URL. Until SIGTERM.\n"
"\n"
"  --upstream URL         chromedriver, geckodriver or another, such as\n"
"                         http://127.0.0.1:9515\n"
"  --listen 127.0.0.1:PORT\n"
"                         where bindings find it; default port 4444, 0 any\n"
"  --control SOCKET       the control interface of the daemon that has the\n"
"                         keys, such as \"sealkey run --empty\"; default: one\n"
"                         of our own\n"
"  --ready-fd N           when ready, write \"READY=1\" and a newline to\n"
"                         descriptor N and close it\n"
"  --help, --version\n";

enum {
	OPT_UPSTREAM = CLI_OPT_FIRST,
	OPT_LISTEN,
	OPT_CONTROL,
	OPT_READY_FD,
};

static const struct option options[] = {
	{ "upstream", required_argument, NULL, OPT_UPSTREAM },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct webdriver_options {
	char		 upstream[URL_MAX];	/* without a slash at its end */
	const char	*listen;
	const char	*control;
	int		 ready_fd;
	struct sockaddr_storage addr;
	socklen_t	 addr_len;
};

static int
take_upstream(const struct cli *cli, struct webdriver_options *o)
{
	size_t len = strlen(optarg);

	while (len > 0 && optarg[len - 1] == '/')
		len--;
	if (len >= sizeof(o->upstream) ||
	    (strncmp(optarg, "http://", 7) != 0 &&
	    strncmp(optarg, "https://", 8) != 0))
		return cli_wrong_use(cli, "--upstream: \"%.80s\" is not a URL "
		    "such as http://127.0.0.1:9515", optarg);
	snprintf(o->upstream, sizeof(o->upstream), "%.*s", (int)len, optarg);
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct webdriver_options *o)
{
	switch (opt) {
	case OPT_UPSTREAM:
		return take_upstream(cli, o);
	case OPT_LISTEN:
		o->listen = optarg;
		break;
	case OPT_CONTROL:
		o->control = optarg;
		break;
	case OPT_READY_FD:
		return ready_take(cli, &o->ready_fd);
	}
	return CLI_DONE;
}

static int
check_options(const struct cli *cli, struct webdriver_options *o)
{
	if (o->upstream[0] == '\0')
		return cli_wrong_use(cli, "--upstream is missing");
	if (!loopback_parse(o->listen, &o->addr, &o->addr_len))
		return cli_wrong_use(cli, "--listen: \"%.80s\" is not an "
		    "address of this machine alone, such as 127.0.0.1:4444",
		    o->listen);
	return CLI_DONE;
}

/* The keys' process is there. Closes listen_fd. */
static int
serve(const struct webdriver_options *o, const char *control, int listen_fd)
{
	struct proxy_config cfg = { .upstream = o->upstream,
	    .control = control, .listen_fd = listen_fd };
	char msg[HTTP_MESSAGE_LEN] = "", at[LOOPBACK_TEXT_LEN];
	struct proxy *proxy;
	sigset_t signals;
	int got;

	/* in every thread, so that this one hears of them */
	(void)signals_block(&signals);
	if (proxy_start(&cfg, &proxy, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	loopback_text(&o->addr, at);
	fprintf(stderr, "sealkey: ready: WebDriver at http://%s\n", at);
	ready_tell(o->ready_fd);
	(void)sigwait(&signals, &got);
	proxy_stop(proxy);
	return CLI_DONE;
}

/* Every request would come back, until nobody can be served. */
static bool
is_itself(const struct webdriver_options *o)
{
	const char *at = strstr(o->upstream, "://") + 3;
	char host[LOOPBACK_TEXT_LEN], ours[LOOPBACK_TEXT_LEN];
	struct sockaddr_storage addr;
	socklen_t len;

	if (snprintf(host, sizeof(host), "%.*s", (int)strcspn(at, "/?#"),
	    at) >= (int)sizeof(host) || !loopback_parse(host, &addr, &len))
		return false;
	loopback_text(&addr, host);
	loopback_text(&o->addr, ours);
	return strcmp(host, ours) == 0;
}

/* A daemon that somebody named is there already. */
static int
check_control(const char *path)
{
	int fd = unix_connect(path, SOCK_STREAM);

	if (fd < 0)
		return cli_error("webdriver: --control: %s: %s", path,
		    strerror(-fd));
	close(fd);
	return CLI_DONE;
}

/* Listens before anything is started that would have to end again. */
static int
run(struct webdriver_options *o)
{
	int fd = loopback_listen(&o->addr, o->addr_len), status;
	struct own_daemon own = { .pid = 0 };
	char msg[HTTP_MESSAGE_LEN], at[LOOPBACK_TEXT_LEN];

	loopback_text(&o->addr, at);
	if (fd < 0)
		return cli_error("%s: cannot listen: %s", at, strerror(-fd));
	status = is_itself(o) ? cli_error("webdriver: --upstream: that is "
	    "where --listen is, not a driver") : o->control != NULL ?
	    check_control(o->control) : CLI_DONE;
	if (status != CLI_DONE) {
		close(fd);
		return status;
	}
	if (o->control != NULL)
		return serve(o, o->control, fd);
	if (own_daemon_start(&own, msg, sizeof(msg)) < 0) {
		close(fd);
		return cli_error("%s", msg);
	}
	status = serve(o, own.control, fd);
	own_daemon_stop(&own);
	return status;
}

int
cmd_webdriver(int argc, char **argv)
{
	struct webdriver_options o = { .listen = DEFAULT_LISTEN,
	    .ready_fd = READY_NONE };
	struct cli cli = { .command = "webdriver", .help = help,
	    .options = options, .argc = argc, .argv = argv };
	int opt, status;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, &o);
		if (status != CLI_DONE)
			return status;
	}
	status = check_options(&cli, &o);
	return status != CLI_DONE ? status : run(&o);
}
