/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey ctl: every call of the control interface, for shells and for any
 * language that can start a program.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/daemon_option.h"
#include "authenticator/control/control_client.h"
#include "authenticator/control/route.h"
#include "authenticator/event.h"
#include "authenticator/parse.h"
#include "authenticator/profile/profile.h"

static const char help[] =
"Usage: sealkey ctl [OPTION]... VERB [OPERAND]...\n"
"       sealkey ctl [OPTION]... METHOD PATH [BODY]\n"
"\n"
"Controls a running daemon and its keys. An operand may be NAME=VALUE, for\n"
"any member of the request; VALUE is text, or JSON; set.NAME=VALUE is a\n"
"setting. A single \"-\" is the whole request as JSON, from standard input.\n"
"\n"
"  keys                          which there are\n"
"  add [ID] [NAME=VALUE]...      a new key: transport, socket, state,\n"
"                                presence, profile, settings, ...\n"
"  remove ID                     the end of one\n"
"  info                          what the key is and how it runs\n"
"  presence [MODE [MS]]          who touches it: auto, manual, never, deny\n"
"  verification [RESULT [LIST]]  whether it knows them: verified, mismatch,\n"
"                                refused; LIST, with commas, comes first\n"
"  press, deny                   one touch, one refusal\n"
"  plug, unplug, power-cycle, reset\n"
"  clock [MS]                    its clock; MS further ahead\n"
"  credentials                   which it has\n"
"  show ID, delete ID            one of them\n"
"  import -, import NAME=VALUE...  one from elsewhere, as PKCS #8\n"
"  export ID                     one, with its private key\n"
"  properties ID NAME=VALUE...   backupEligibility, backupState, signCount\n"
"  pin [PIN], remove-pin         whether it has one; a new one, or none\n"
"  profile [NAME]                which model it is; another one from now on,\n"
"                                also a file, such as ./mine.ini\n"
"  roots, crls                   its trust anchors, PEM; revocation lists,\n"
"                                DER in base64\n"
"  audit                         what it did, the oldest first\n"
"  faults                        which are armed\n"
"  arm FAULT [USES [RP_ID]]      one more\n"
"  disarm [ID]                   not that one any more; none at all\n"
"  events [NAME,...]             what happens, as it happens\n"
"\n"
DAEMON_HELP
"  --json                        the reply as it came, errors too; export and\n"
"                                events are JSON anyway\n"
"  --help, --version\n";

enum { OPT_JSON = CLI_OPT_FIRST };

static const struct option options[] = {
	DAEMON_OPTIONS,
	{ "json", no_argument, NULL, OPT_JSON },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

#define MEMBERS_MAX	3

/*
 * Paths that begin with '/' are the daemon's, others of one key; '*' is the
 * first operand, an ID. Without operands, one at the end is not there.
 */
static const struct verb {
	const char	*name;
	const char	*bare;		/* method without operands; NULL: it
					 * needs some */
	const char	*method;	/* with operands; NULL: takes none */
	const char	*path;
	bool		 free;		/* NAME=VALUE of any name */
	const char	*member[MEMBERS_MAX];	/* what operands are */
} verbs[] = {
	{ "keys", "GET", NULL, "/v1/keys", false, { NULL } },
	{ "add", "POST", "POST", "/v1/keys", true, { "key" } },
	{ "remove", NULL, "DELETE", "/v1/keys/*", false, { NULL } },
	{ "info", "GET", NULL, "info", false, { NULL } },
	{ "presence", "GET", "PUT", "presence", true,
	    { "presence", "delayMs" } },
	{ "verification", "GET", "PUT", "verification", true,
	    { "default", "next" } },
	{ "press", "POST", "POST", "press", true,
	    { "finger", "sample", "long" } },
	{ "deny", "POST", NULL, "deny", false, { NULL } },
	{ "plug", "POST", NULL, "plug", false, { NULL } },
	{ "unplug", "POST", NULL, "unplug", false, { NULL } },
	{ "power-cycle", "POST", NULL, "power-cycle", false, { NULL } },
	{ "reset", "POST", NULL, "reset", false, { NULL } },
	{ "clock", "GET", "POST", "clock", true, { "advanceMs" } },
	{ "credentials", "GET", NULL, "credentials", false, { NULL } },
	{ "show", NULL, "GET", "credentials/*", false, { NULL } },
	{ "delete", NULL, "DELETE", "credentials/*", false, { NULL } },
	{ "import", NULL, "POST", "credentials", true, { NULL } },
	{ "export", NULL, "GET", "credentials/*/export", false, { NULL } },
	{ "properties", NULL, "PUT", "credentials/*/properties", true,
	    { NULL } },
	{ "pin", "GET", "PUT", "pin", true, { "pin" } },
	{ "remove-pin", "DELETE", NULL, "pin", false, { NULL } },
	{ "profile", "GET", "PUT", "profile", true, { "profile" } },
	{ "faults", "GET", NULL, "faults", false, { NULL } },
	{ "arm", NULL, "POST", "faults", true, { "fault", "uses", "rpId" } },
	{ "disarm", "DELETE", "DELETE", "faults/*", false, { NULL } },
	{ "audit", "GET", NULL, "audit", false, { NULL } },
	{ "roots", "GET", NULL, "attestation/roots", false, { NULL } },
	{ "crls", "GET", NULL, "attestation/crls", false, { NULL } },
};

struct call {
	const char	*method;
	char		*target;
	char		*body;		/* NULL: none */
};

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* Text, or what JSON has besides; of next, a list. */
static json_t *
value_of(const char *name, const char *text)
{
	json_t *value;
	const char *at;
	size_t len;

	if (strcmp(name, "next") == 0 && text[0] != '[') {
		value = json_array();
		for (at = text; *at != '\0'; at += len + (at[len] == ',')) {
			len = strcspn(at, ",");
			json_array_append_new(value, json_stringn(at, len));
		}
		return value;
	}
	value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
	    NULL);
	if (value != NULL && !json_is_string(value))
		return value;
	json_decref(value);
	return json_string(text);
}

/*
 * IDs and names stay text, though they may look like numbers; "set.NAME" is
 * a member of settings.
 */
static int
set_member(json_t *body, const char *name, const char *text)
{
	static const char *const texts[] = { "key", "name", "state", "socket",
	    "rpId", "pin", "fault", "profile", "presence", "sample",
	    "profileText", "credentialId", "privateKey", "userHandle",
	    "userName", "userDisplayName", "rpName", NULL };
	json_t *settings;

	if (strncmp(name, "set.", 4) == 0) {
		settings = json_object_get(body, "settings");
		if (settings == NULL) {
			settings = json_object();
			json_object_set_new(body, "settings", settings);
		}
		return json_object_set_new(settings, name + 4,
		    json_string(text));
	}
	return json_object_set_new(body, name, parse_choice(name, texts) >= 0 ?
	    json_string(text) : value_of(name, text));
}

/* NAME=VALUE, or the next of the verb's members. */
static bool
take_operand(const struct verb *v, const char *operand, size_t *at,
    json_t *body)
{
	size_t len = strspn(operand, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.");
	char name[64];

	if (v->free && operand[len] == '=' && len > 0 && len < sizeof(name)) {
		memcpy(name, operand, len);
		name[len] = '\0';
		return set_member(body, name, operand + len + 1) == 0;
	}
	if (*at >= MEMBERS_MAX || v->member[*at] == NULL)
		return false;
	return set_member(body, v->member[(*at)++], operand) == 0;
}

/* To be freed, whatever comes of it. */
static int
read_input(char **out)
{
	char *text = *out = calloc(1, REQUEST_BODY_MAX + 2);
	size_t len = 0, n = 1;

	if (text == NULL)
		return cli_error("out of memory");
	while (n > 0 && len <= REQUEST_BODY_MAX) {
		n = fread(text + len, 1, REQUEST_BODY_MAX + 1 - len, stdin);
		len += n;
	}
	if (ferror(stdin))
		return cli_error("standard input: %s", strerror(errno));
	if (len > REQUEST_BODY_MAX)
		return cli_error("standard input is longer than 64 KiB, which "
		    "is all that a request may have");
	return CLI_DONE;
}

/* A profile that is a file: the daemon may not see what we see. */
static int
take_profile(json_t *body)
{
	const char *name = json_string_value(json_object_get(body,
	    "profile"));
	char msg[PROFILE_MESSAGE_LEN];
	struct profile *p;
	int r;

	if (name == NULL || !profile_is_path(name))
		return CLI_DONE;
	if (profile_load(name, &p, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	r = json_object_set_new(body, "profileText",
	    json_stringn((const char *)p->text.p, p->text.len));
	profile_free(p);
	json_object_del(body, "profile");
	return r == 0 ? CLI_DONE : cli_error("%s", "out of memory");
}

static int
take_body(const struct cli *cli, const struct verb *v, struct call *call,
    int argc, char **argv)
{
	int status = CLI_DONE;
	json_t *body;
	size_t at = 0;

	if (argc == 1 && strcmp(argv[0], "-") == 0)
		return read_input(&call->body);
	body = json_object();
	for (int i = 0; i < argc; i++) {
		if (take_operand(v, argv[i], &at, body))
			continue;
		json_decref(body);
		return cli_wrong_use(cli, "%s: what is \"%s\"?", v->name,
		    argv[i]);
	}
	if (argc > 0)
		status = take_profile(body);
	if (argc > 0 && status == CLI_DONE)
		call->body = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return status;
}

/* An ID becomes part of a URL: nothing but what IDs have may. */
static bool
is_item(const char *s)
{
	return s[0] != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") == strlen(s);
}

/* The path with id in place of '*'; id NULL: none. NULL: out of memory. */
static char *
fill_path(const char *path, const char *id)
{
	size_t len = strcspn(path, "*");
	char *out;

	if (id == NULL)
		return strndup(path, len - 1);
	return asprintf(&out, "%.*s%s%s", (int)len, path, id,
	    path + len + 1) < 0 ? NULL : out;
}

static int
make_call(const struct cli *cli, const struct verb *v,
    const struct daemon_option *o, int argc, char **argv, struct call *call)
{
	bool item = strchr(v->path, '*') != NULL;
	char *path = NULL;

	if (argc == 0 && v->bare == NULL)
		return cli_wrong_use(cli, "%s what?", v->name);
	if (argc > 0 && v->method == NULL)
		return cli_wrong_use(cli, "%s takes no operand", v->name);
	call->method = argc > 0 ? v->method : v->bare;
	if (item && argc > 0 && ((argc > 1 && !v->free) || !is_item(argv[0])))
		return cli_wrong_use(cli, "%s takes one ID", v->name);
	if (item && argc == 1 && v->free)
		return cli_wrong_use(cli, "%s %s what?", v->name, argv[0]);
	if (item) {
		path = fill_path(v->path, argc > 0 ? argv[0] : NULL);
		if (path == NULL)
			return cli_error("out of memory");
	}
	if (item && argc > 0) {
		argc--;
		argv++;
	}
	call->target = daemon_target(o, path != NULL ? path : v->path);
	free(path);
	if (call->target == NULL)
		return cli_error("out of memory");
	return take_body(cli, v, call, argc, argv);
}

static void
print_value(const char *name, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	char clean[4096];
	const char *s = json_is_string(value) ? json_string_value(value) :
	    text != NULL ? text : "";

	cli_clean(s, strlen(s), clean, sizeof(clean));
	printf("%s: %s\n", name, clean);
	free(text);
}

/* An object a line, as JSON; of others, each with the name of the list. */
static void
print_list(const char *name, const json_t *list)
{
	const json_t *value;
	char *text;

	for (size_t i = 0; i < json_array_size(list); i++) {
		value = json_array_get(list, i);
		if (!json_is_object(value)) {
			print_value(name, value);
			continue;
		}
		text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
		printf("%s\n", text != NULL ? text : "");
		free(text);
	}
}

/* A member a line; "outer.inner: value" of an object, two deep at most. */
static void
print_members(const char *outer, json_t *object)
{
	const char *inner;
	char name[128];
	json_t *value;

	json_object_foreach(object, inner, value) {
		snprintf(name, sizeof(name), "%s%s%s", outer,
		    outer[0] != '\0' ? "." : "", inner);
		if (json_is_array(value))
			print_list(name, value);
		else if (json_is_object(value) && outer[0] == '\0')
			print_members(name, value);
		else
			print_value(name, value);
	}
}

/*
 * Of roots, what a file of them is made of. That nothing is damaged is not
 * worth a line, and that something is, is none of the log.
 */
static void
print_reply(json_t *reply)
{
	const char *pem = json_string_value(json_object_get(reply, "pem"));
	json_int_t damaged = json_integer_value(json_object_get(reply,
	    "damaged"));

	if (pem != NULL) {
		fputs(pem, stdout);
		return;
	}
	json_object_del(reply, "damaged");
	print_members("", reply);
	if (damaged > 0)
		cli_error("%" JSON_INTEGER_FORMAT " lines of the audit log "
		    "cannot be read", damaged);
}

static int
perform(const struct daemon_option *o, const struct call *call, bool json)
{
	char msg[1024];
	json_t *reply;
	int r = control_call_reply(o->socket, call->method, call->target,
	    call->body != NULL ? call->body : "", &reply, msg, sizeof(msg));

	if (json && reply != NULL) {
		json_dumpf(reply, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (r == 0) {
		print_reply(reply);
	}
	json_decref(reply);
	return r < 0 ? cli_error("%s", msg) : CLI_DONE;
}

static int
raw(const struct cli *cli, const struct daemon_option *o, int argc,
    char **argv)
{
	struct call call = { .method = argv[0] };
	int status = CLI_DONE;

	if (argc < 2 || argc > 3 || argv[1][0] != '/' ||
	    strpbrk(argv[1], " \t\r\n") != NULL)
		return cli_wrong_use(cli, "%s PATH [BODY]: PATH begins with "
		    "'/' and has no blanks", argv[0]);
	call.target = argv[1];
	if (argc == 3 && strcmp(argv[2], "-") == 0)
		status = read_input(&call.body);
	else if (argc == 3 && (call.body = strdup(argv[2])) == NULL)
		status = cli_error("out of memory");
	if (status == CLI_DONE)
		status = perform(o, &call, true);
	free(call.body);
	return status;
}

enum { GONE = 1 };	/* of events, in place of 0: these were all */

/* Whoever reads them wants each at once. arg: struct daemon_option. */
static int
print_event(void *arg, const char *line)
{
	const struct daemon_option *o = arg;
	json_t *json = json_loads(line, 0, NULL);
	const char *event = json_string_value(json_object_get(json, "event"));
	bool gone = o->key != NULL && event != NULL &&
	    event_find(event) == EVENT_REMOVED;

	json_decref(json);
	return puts(line) == EOF || fflush(stdout) == EOF || gone ? GONE : 0;
}

static int
events(const struct cli *cli, struct daemon_option *o, int argc, char **argv)
{
	const struct control_lines lines = { .each = print_event, .arg = o };
	char *target = NULL, msg[1024];
	int r;

	if (argc > 1 || (argc == 1 && strspn(argv[0], "abcdefghijklmnopqrstuv"
	    "wxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-,") != strlen(argv[0])))
		return cli_wrong_use(cli, "events takes names, with commas "
		    "between");
	if (asprintf(&target, "/v1/%s%s%sevents%s%s",
	    o->key != NULL ? "keys/" : "", o->key != NULL ? o->key : "",
	    o->key != NULL ? "/" : "", argc == 1 ? "?kind=" : "",
	    argc == 1 ? argv[0] : "") < 0)
		return cli_error("out of memory");
	r = control_lines(o->socket, target, &lines, -1, msg, sizeof(msg));
	free(target);
	return r < 0 ? cli_error("%s", msg) : CLI_DONE;
}

/* What another key can be given is printed as it came. */
static bool
is_for_import(const struct verb *v)
{
	return strcmp(v->name, "export") == 0;
}

static bool
is_method(const char *s)
{
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(s);
}

static int
dispatch(const struct cli *cli, struct daemon_option *o, bool json, int argc,
    char **argv)
{
	struct call call = { .body = NULL };
	const struct verb *v;
	char msg[1024];
	int status;

	v = find_verb(argv[0]);
	if (v == NULL && !is_method(argv[0]) &&
	    strcmp(argv[0], "events") != 0)
		return cli_wrong_use(cli, "there is no verb \"%s\"", argv[0]);
	if (daemon_find(o, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	if (v == NULL && is_method(argv[0]))
		return raw(cli, o, argc, argv);
	if (v == NULL)
		return events(cli, o, argc - 1, argv + 1);
	status = make_call(cli, v, o, argc - 1, argv + 1, &call);
	if (status == CLI_DONE)
		status = perform(o, &call, json || is_for_import(v));
	free(call.target);
	free(call.body);
	return status;
}

int
cmd_ctl(int argc, char **argv)
{
	struct cli cli = { .command = "ctl", .help = help,
	    .options = options, .operands = "VERB", .argc = argc,
	    .argv = argv };
	struct daemon_option o = { .control = NULL };
	bool json = false;
	int status, opt;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		json |= opt == OPT_JSON;
		status = daemon_take(&cli, opt, &o);
		if (status != CLI_DONE)
			return status;
	}
	if (optind >= argc)
		return cli_wrong_use(&cli, "a verb is missing");
	return dispatch(&cli, &o, json, argc - optind, argv + optind);
}
