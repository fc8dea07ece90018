/* SPDX-License-Identifier: Apache-2.0 */
/* What all sub-commands share: see cli.h. */
#include "authenticator/cmd/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#include "authenticator/parse.h"
#include "authenticator/settings.h"
#include "ctap/cbor.h"

#define UTF8_MAX	4	/* bytes of a code point */

static void
print_version(void)
{
	printf("sealkey %s\n", SEALKEY_VERSION);
}

static void
print_line(const char *command, const char *format, va_list ap)
{
	char text[2048], line[sizeof(text)];
	char *newline;

	vsnprintf(text, sizeof(text), format, ap);
	/* One line, whatever a path, a file or a library put into it. */
	while ((newline = strpbrk(text, "\r\n")) != NULL)
		*newline = ' ';
	cli_clean(text, strlen(text), line, sizeof(line));
	if (command != NULL)
		fprintf(stderr, "sealkey: %s: %s\n", command, line);
	else
		fprintf(stderr, "sealkey: %s\n", line);
}

int
cli_wrong_use(const struct cli *cli, const char *format, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	cli_error("%s%s%s (see \"sealkey %s%s--help\")",
	    cli->command != NULL ? cli->command : "",
	    cli->command != NULL ? ": " : "", line,
	    cli->command != NULL ? cli->command : "",
	    cli->command != NULL ? " " : "");
	return CLI_WRONG_USE;
}

int
cli_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_line(NULL, format, ap);
	va_end(ap);
	return CLI_FAILED;
}

int
cli_output_failed(void)
{
	cli_error("cannot write the output: %s", strerror(errno));
	__fpurge(stdout);
	clearerr(stdout);
	return CLI_FAILED;
}

static int
stop(struct cli *cli, int status)
{
	cli->status = status;
	return CLI_STOP;
}

/* getopt_long() knows a short option by optopt, a long one by its place. */
static int
wrong_option(struct cli *cli)
{
	/* a credential ID may begin like one */
	if (optopt > ' ' && optopt < 0x7f && cli->operands != NULL)
		return cli_wrong_use(cli, "wrong option \"-%c\"; what is none "
		    "goes behind \"--\"", optopt);
	if (optopt > ' ' && optopt < 0x7f)
		return cli_wrong_use(cli, "wrong option \"-%c\"", optopt);
	return cli_wrong_use(cli, "wrong option \"%s\"",
	    cli->argv[optind - 1]);
}

static int
end_of_options(struct cli *cli)
{
	const char *wrong = cli->auth != NULL ? settings_judge(cli->auth) :
	    NULL;

	if (wrong != NULL)
		return stop(cli, cli_wrong_use(cli, "%s", wrong));
	if (cli->operands != NULL || optind >= cli->argc)
		return CLI_END;
	return stop(cli, cli_wrong_use(cli, "unexpected \"%s\"%s%s%s",
	    cli->argv[optind], cli->leads != NULL ? "; " : "",
	    cli->leads != NULL ? cli->leads : "",
	    cli->leads != NULL ? " comes before the options" : ""));
}

/*
 * "--state --socket PATH" is a name that was forgotten, or a variable of a
 * script that was empty, and no wish for a directory of that name.
 */
static int
check_argument(struct cli *cli, int opt, int place)
{
	const char *name;

	if (place < 0 || optarg == NULL)
		return opt;
	name = cli->options[place].name;
	if (optarg[0] == '\0')
		return stop(cli, cli_wrong_use(cli, "the argument of --%s is "
		    "empty", name));
	if (strncmp(optarg, "--", 2) == 0)
		return stop(cli, cli_wrong_use(cli, "--%s needs an argument; "
		    "\"%s\" looks like an option", name, optarg));
	return opt;
}

int
cli_take_setting(const struct cli *cli, const char *option, const char *name)
{
	char msg[SETTINGS_MESSAGE_LEN];

	if (settings_set(cli->auth, name, optarg, msg, sizeof(msg)) == 0)
		return CLI_DONE;
	/* "NAME cannot be ..." */
	return cli_wrong_use(cli, "%s%s", option, msg + strlen(name));
}

/* Like --help, --set help is an end. */
static int
take_set(struct cli *cli, int place)
{
	char msg[SETTINGS_MESSAGE_LEN];

	if (check_argument(cli, CLI_OPT_SET, place) == CLI_STOP)
		return CLI_STOP;
	if (strcmp(optarg, "help") == 0) {
		settings_print(stdout);
		return stop(cli, CLI_DONE);
	}
	if (settings_assign(cli->auth, optarg, msg, sizeof(msg)) == 0)
		return CLI_OPT_SET;
	return stop(cli, cli_wrong_use(cli, "--set: %s", msg));
}

int
cli_next(struct cli *cli)
{
	/*
	 * ':' to be told what is wrong; '+': what follows a command's name is
	 * the command's. Elsewhere operands and options mix.
	 */
	int place = -1;
	int opt = getopt_long(cli->argc, cli->argv,
	    cli->command == NULL ? "+:" : ":", cli->options, &place);

	switch (opt) {
	case -1:
		return end_of_options(cli);
	case '?':
		return stop(cli, wrong_option(cli));
	case ':':
		return stop(cli, cli_wrong_use(cli, "\"%s\" needs an argument",
		    cli->argv[optind - 1]));
	case CLI_OPT_HELP:
		fputs(cli->help, stdout);
		return stop(cli, CLI_DONE);
	case CLI_OPT_VERSION:
		print_version();
		return stop(cli, CLI_DONE);
	case CLI_OPT_SET:
		return take_set(cli, place);
	default:
		return check_argument(cli, opt, place);
	}
}

const char *
cli_peek(const struct cli *cli, const char *name)
{
	const char *found = NULL;
	int place = -1, opt;

	optind = 0;
	while ((opt = getopt_long(cli->argc, cli->argv, ":", cli->options,
	    &place)) != -1) {
		if (opt != '?' && opt != ':' && place >= 0 &&
		    strcmp(cli->options[place].name, name) == 0)
			found = optarg;
		place = -1;
	}
	optind = 0;
	if (found == NULL || found[0] == '\0' || strncmp(found, "--", 2) == 0)
		return NULL;
	return found;
}

int
cli_take_number(const struct cli *cli, const char *option, uint64_t min,
    uint64_t max, uint64_t *out)
{
	if (parse_number(optarg, min, max, out))
		return CLI_DONE;
	return cli_wrong_use(cli, "%s cannot be \"%s\": it is a number from "
	    "%" PRIu64 " to %" PRIu64, option, optarg, min, max);
}

int
cli_take_choice(const struct cli *cli, const char *option,
    const char *const *names, int *out)
{
	char list[256] = "";
	size_t len = 0;

	*out = parse_choice(optarg, names);
	if (*out >= 0)
		return CLI_DONE;
	for (int i = 0; names[i] != NULL && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len,
		    "%s%s", i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ",
		    names[i]);
	return cli_wrong_use(cli, "%s cannot be \"%s\": it is %s", option,
	    optarg, list);
}

int
cli_take_attachment(const struct cli *cli, bool *platform)
{
	static const char *const names[] = { "cross-platform", "platform",
	    NULL };
	int i, status = cli_take_choice(cli, "--attachment", names, &i);

	*platform = i == 1;
	return status;
}

/* Of the first code point; 0: it is no UTF-8. */
static size_t
code_point(struct span s)
{
	for (size_t n = 1; n <= s.len && n <= UTF8_MAX; n++)
		if (cbor_utf8_cut(span(s.p, n), n) == n)
			return n;
	return 0;
}

/* C0, DEL, and C1 as UTF-8 has it (c2 80 to c2 9f) can steer a terminal. */
static bool
is_control(const uint8_t *p, size_t len)
{
	return len == 1 ? p[0] < 0x20 || p[0] == 0x7f :
	    len == 2 && p[0] == 0xc2 && p[1] <= 0x9f;
}

void
cli_clean(const char *text, size_t len, char *out, size_t size)
{
	struct span left = span(text, len);
	size_t used = 0, n;

	for (; left.len > 0 && used + 1 < size;
	    left = span(left.p + n, left.len - n)) {
		n = code_point(left);
		if (n == 0 || is_control(left.p, n)) {
			out[used++] = '?';
			n += n == 0;
			continue;
		}
		if (n >= size - used)
			break;
		memcpy(out + used, left.p, n);
		used += n;
	}
	out[used] = '\0';
}
