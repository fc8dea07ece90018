/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI that spoils what goes through it, as a script says: a library for
 * Tss2_TctiLdr_Initialize(), named by its path.
 *
 *	BUILD/tests/libtss2-tcti-fault.so:script=FILE,inner=TCTI
 *
 * where the inner one is the rest, commas and all; trace=FILE before inner
 * has a line appended for each command, "COMMAND RC", or "COMMAND hang" before
 * it does. The script is read anew for each command, so that a running process
 * can be steered; it may be missing. Whoever changes it should rename a new one
 * into its place.
 *
 *	# a comment
 *	Load rc 0x902		answered with that, and never sent
 *	Load#2 rc 0x902		the second one since the script was changed
 *	Load#2+ rc 0x902	the second and all after it
 *	0x157 after 0x922	sent, but answered with that
 *	* delay 300		ms, before it is sent
 *	Sign flip 12 0x01	byte 12 of the answer, ^ 0x01
 *	Sign cut 20		20 bytes of the answer are left, and its size
 *				says so
 *	Sign truncate 20	the same, but its size says what it did
 *	Sign extend 40		40 bytes more, and its size says so
 *	Sign append 40		40 bytes more, but its size says what it did
 *	Sign huge		longer than any buffer
 *	Sign error		sent, but the answer cannot be received
 *	Sign lost		cannot be sent
 *	Sign hang		never returns
 *
 * All lines that are about a command apply to it, in their order. Lines that
 * make no sense are TSS2_TCTI_RC_BAD_VALUE for every command.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>

#define MAGIC		0x6661756c74ULL
#define SCRIPT_MAX	4096	/* bytes */
#define RULES_MAX	32
#define PATH_LEN	256
#define HEADER		10	/* bytes: tag, size, code */
#define BUFFER		8192

enum action { RC, AFTER, DELAY, FLIP, CUT, TRUNCATE, EXTEND, APPEND, HUGE_,
	ERROR, LOST, HANG };

static const struct {
	const char	*name;
	enum action	 action;
	int		 args;
} actions[] = {
	{ "rc", RC, 1 }, { "after", AFTER, 1 }, { "delay", DELAY, 1 },
	{ "flip", FLIP, 2 }, { "cut", CUT, 1 }, { "truncate", TRUNCATE, 1 },
	{ "extend", EXTEND, 1 }, { "append", APPEND, 1 },
	{ "huge", HUGE_, 0 }, { "error", ERROR, 0 }, { "lost", LOST, 0 },
	{ "hang", HANG, 0 },
};

static const struct {
	const char	*name;
	TPM2_CC		 code;
} commands[] = {
	{ "ActivateCredential", TPM2_CC_ActivateCredential },
	{ "Certify", TPM2_CC_Certify },
	{ "ContextLoad", TPM2_CC_ContextLoad },
	{ "ContextSave", TPM2_CC_ContextSave },
	{ "Create", TPM2_CC_Create },
	{ "CreatePrimary", TPM2_CC_CreatePrimary },
	{ "EvictControl", TPM2_CC_EvictControl },
	{ "FlushContext", TPM2_CC_FlushContext },
	{ "GetCapability", TPM2_CC_GetCapability },
	{ "GetRandom", TPM2_CC_GetRandom },
	{ "HMAC", TPM2_CC_HMAC },
	{ "Load", TPM2_CC_Load },
	{ "NV_ChangeAuth", TPM2_CC_NV_ChangeAuth },
	{ "NV_DefineSpace", TPM2_CC_NV_DefineSpace },
	{ "NV_Increment", TPM2_CC_NV_Increment },
	{ "NV_Read", TPM2_CC_NV_Read },
	{ "NV_ReadPublic", TPM2_CC_NV_ReadPublic },
	{ "NV_UndefineSpace", TPM2_CC_NV_UndefineSpace },
	{ "NV_Write", TPM2_CC_NV_Write },
	{ "PolicyCommandCode", TPM2_CC_PolicyCommandCode },
	{ "PolicyOR", TPM2_CC_PolicyOR },
	{ "PolicyPCR", TPM2_CC_PolicyPCR },
	{ "PolicySecret", TPM2_CC_PolicySecret },
	{ "ReadPublic", TPM2_CC_ReadPublic },
	{ "Sign", TPM2_CC_Sign },
	{ "StartAuthSession", TPM2_CC_StartAuthSession },
	{ "Startup", TPM2_CC_Startup },
	{ "TestParms", TPM2_CC_TestParms },
	{ "Unseal", TPM2_CC_Unseal },
};

struct rule {
	bool		any;
	TPM2_CC		code;
	unsigned	first;		/* 0: each time */
	bool		onwards;
	enum action	action;
	unsigned long	arg[2];
	unsigned	seen;
	bool		applies;	/* to the command under way */
};

struct fault {
	TSS2_TCTI_CONTEXT_COMMON_V1 tcti;	/* first: it is our address */
	TSS2_TCTI_CONTEXT *inner;
	char		 script[PATH_LEN];
	char		 trace[PATH_LEN];
	char		 text[SCRIPT_MAX];	/* of the rules */
	struct rule	 rules[RULES_MAX];
	size_t		 rules_len;
	bool		 nonsense;
	TPM2_CC		 code;		/* of the command under way */
	bool		 under_way;	/* transmitted, not received */
	bool		 sent;		/* the inner one has it */
	bool		 ready;		/* answer is what will be received */
	uint8_t		 answer[BUFFER];
	size_t		 len;
};

/* The script. */

static bool
parse_command(char *word, struct rule *r)
{
	char *number = strchr(word, '#'), *end;

	if (number != NULL) {
		*number++ = '\0';
		r->first = strtoul(number, &end, 10);
		r->onwards = *end == '+';
		if (r->first == 0 || end[r->onwards] != '\0')
			return false;
	}
	r->any = strcmp(word, "*") == 0;
	if (r->any)
		return true;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(word, commands[i].name) == 0) {
			r->code = commands[i].code;
			return true;
		}
	r->code = strtoul(word, &end, 16);
	return r->code != 0 && *end == '\0';
}

static bool
parse_rule(char *line, struct rule *r)
{
	char *save, *word = strtok_r(line, " \t", &save), *end;

	if (!parse_command(word, r))
		return false;
	word = strtok_r(NULL, " \t", &save);
	for (size_t i = 0; word != NULL &&
	    i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(word, actions[i].name) != 0)
			continue;
		r->action = actions[i].action;
		for (int a = 0; a < actions[i].args; a++) {
			word = strtok_r(NULL, " \t", &save);
			if (word == NULL)
				return false;
			r->arg[a] = strtoul(word, &end, 0);
			if (*end != '\0')
				return false;
		}
		return strtok_r(NULL, " \t", &save) == NULL;
	}
	return false;
}

static void
parse_script(struct fault *f)
{
	char copy[SCRIPT_MAX], *save, *line;

	strcpy(copy, f->text);
	f->rules_len = 0;
	f->nonsense = false;
	memset(f->rules, 0, sizeof(f->rules));
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (*line == '#' || *line == '\0')
			continue;
		if (f->rules_len == RULES_MAX ||
		    !parse_rule(line, &f->rules[f->rules_len])) {
			f->nonsense = true;
			return;
		}
		f->rules_len++;
	}
}

static void
read_script(struct fault *f)
{
	char text[SCRIPT_MAX] = "";
	FILE *in = fopen(f->script, "re");

	if (in != NULL) {
		text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
		fclose(in);
	}
	if (strcmp(text, f->text) != 0) {
		strcpy(f->text, text);
		parse_script(f);
	}
}

static void
choose_rules(struct fault *f)
{
	for (size_t i = 0; i < f->rules_len; i++) {
		struct rule *r = &f->rules[i];

		r->applies = r->any || r->code == f->code;
		if (!r->applies)
			continue;
		r->seen++;
		if (r->first != 0)
			r->applies = r->onwards ? r->seen >= r->first :
			    r->seen == r->first;
	}
}

/* The answer. */

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (24 - 8 * i);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void
answer_rc(struct fault *f, uint32_t rc)
{
	f->answer[0] = TPM2_ST_NO_SESSIONS >> 8;
	f->answer[1] = TPM2_ST_NO_SESSIONS & 0xff;
	put32(f->answer + 2, HEADER);
	put32(f->answer + 6, rc);
	f->len = HEADER;
}

static void
grow(struct fault *f, unsigned long by)
{
	if (by > sizeof(f->answer) - f->len)
		by = sizeof(f->answer) - f->len;
	memset(f->answer + f->len, 0, by);
	f->len += by;
}

static void
spoil(struct fault *f, const struct rule *r)
{
	switch (r->action) {
	case AFTER:
		answer_rc(f, r->arg[0]);
		break;
	case FLIP:
		if (r->arg[0] < f->len)
			f->answer[r->arg[0]] ^= r->arg[1];
		break;
	case CUT:
	case TRUNCATE:
		if (r->arg[0] < f->len)
			f->len = r->arg[0];
		break;
	case EXTEND:
	case APPEND:
		grow(f, r->arg[0]);
		break;
	case HUGE_:
		grow(f, sizeof(f->answer));
		break;
	default:
		return;
	}
	if (r->action != TRUNCATE && r->action != APPEND &&
	    r->action != FLIP && f->len >= HEADER)
		put32(f->answer + 2, f->len);
}

/* The TCTI. */

static struct fault *
fault_of(TSS2_TCTI_CONTEXT *ctx)
{
	return (struct fault *)ctx;
}

static const char *
command_name(uint32_t code)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].code == code)
			return commands[i].name;
	}
	return NULL;
}

static void
write_trace(const struct fault *f, const char *what)
{
	const char *name = command_name(f->code);
	FILE *out = f->trace[0] != '\0' ? fopen(f->trace, "ae") : NULL;

	if (out == NULL)
		return;
	if (name != NULL)
		fprintf(out, "%s %s\n", name, what);
	else
		fprintf(out, "0x%03x %s\n", f->code, what);
	fclose(out);
}

static void __attribute__((noreturn))
hang(const struct fault *f)
{
	write_trace(f, "hang");
	for (;;)
		pause();
}

static TSS2_RC
fault_transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct fault *f = fault_of(ctx);
	TSS2_RC rc;

	read_script(f);
	if (f->nonsense || size < HEADER)
		return TSS2_TCTI_RC_BAD_VALUE;
	f->code = get32(command + 6);
	f->under_way = f->ready = false;
	f->sent = true;
	choose_rules(f);
	for (size_t i = 0; i < f->rules_len; i++) {
		const struct rule *r = &f->rules[i];

		if (!r->applies)
			continue;
		if (r->action == DELAY)
			usleep(r->arg[0] * 1000);
		if (r->action == HANG)
			hang(f);
		if (r->action == LOST)
			return TSS2_TCTI_RC_IO_ERROR;
		if (r->action != RC)
			continue;
		answer_rc(f, r->arg[0]);
		f->sent = false;
	}
	rc = f->sent ? Tss2_Tcti_Transmit(f->inner, size, command) :
	    TSS2_RC_SUCCESS;
	f->under_way = rc == TSS2_RC_SUCCESS;
	return rc;
}

static TSS2_RC
fetch(struct fault *f)
{
	size_t len = TPM2_MAX_RESPONSE_SIZE;
	char said[16];
	TSS2_RC rc;

	if (f->sent) {
		rc = Tss2_Tcti_Receive(f->inner, &len, f->answer,
		    TSS2_TCTI_TIMEOUT_BLOCK);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
		f->len = len;
	}
	for (size_t i = 0; i < f->rules_len; i++) {
		const struct rule *r = &f->rules[i];

		if (r->applies && r->action == ERROR)
			return TSS2_TCTI_RC_IO_ERROR;
		if (r->applies)
			spoil(f, r);
	}
	snprintf(said, sizeof(said), "0x%03x", get32(f->answer + 6));
	write_trace(f, said);
	f->ready = true;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
fault_receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response,
    int32_t timeout)
{
	struct fault *f = fault_of(ctx);
	size_t room = *size;
	TSS2_RC rc;

	(void)timeout;	/* who has one here waits all the same */
	if (!f->under_way)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (!f->ready) {
		rc = fetch(f);
		if (rc != TSS2_RC_SUCCESS) {
			f->under_way = false;
			return rc;
		}
	}
	*size = f->len;
	if (response == NULL)
		return TSS2_RC_SUCCESS;
	if (room < f->len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, f->answer, f->len);
	f->under_way = false;
	return TSS2_RC_SUCCESS;
}

static void
fault_finalize(TSS2_TCTI_CONTEXT *ctx)
{
	Tss2_TctiLdr_Finalize(&fault_of(ctx)->inner);
}

static TSS2_RC
fault_cancel(TSS2_TCTI_CONTEXT *ctx)
{
	return Tss2_Tcti_Cancel(fault_of(ctx)->inner);
}

static TSS2_RC
fault_poll_handles(TSS2_TCTI_CONTEXT *ctx, TSS2_TCTI_POLL_HANDLE *handles,
    size_t *n)
{
	return Tss2_Tcti_GetPollHandles(fault_of(ctx)->inner, handles, n);
}

static TSS2_RC
fault_set_locality(TSS2_TCTI_CONTEXT *ctx, uint8_t locality)
{
	return Tss2_Tcti_SetLocality(fault_of(ctx)->inner, locality);
}

/* "name=value," at *conf; moves behind it. */
static bool
take(const char **conf, const char *name, char *out)
{
	size_t n = strlen(name), len;

	if (strncmp(*conf, name, n) != 0)
		return false;
	len = strcspn(*conf + n, ",");
	if (len >= PATH_LEN || (*conf)[n + len] != ',')
		return false;
	memcpy(out, *conf + n, len);
	out[len] = '\0';
	*conf += n + len + 1;
	return true;
}

static TSS2_RC
fault_init(TSS2_TCTI_CONTEXT *ctx, size_t *size, const char *conf)
{
	struct fault *f = fault_of(ctx);

	if (ctx == NULL) {
		*size = sizeof(*f);
		return TSS2_RC_SUCCESS;
	}
	memset(f, 0, sizeof(*f));
	while (conf != NULL && (take(&conf, "script=", f->script) ||
	    take(&conf, "trace=", f->trace)))
		;
	if (conf == NULL || strncmp(conf, "inner=", 6) != 0)
		return TSS2_TCTI_RC_BAD_VALUE;
	f->tcti = (TSS2_TCTI_CONTEXT_COMMON_V1){
		.magic = MAGIC,
		.version = 1,
		.transmit = fault_transmit,
		.receive = fault_receive,
		.finalize = fault_finalize,
		.cancel = fault_cancel,
		.getPollHandles = fault_poll_handles,
		.setLocality = fault_set_locality,
	};
	return Tss2_TctiLdr_Initialize(conf + 6, &f->inner);
}

const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);

const TSS2_TCTI_INFO *
Tss2_Tcti_Info(void)
{
	static const TSS2_TCTI_INFO info = {
		.version = 1,
		.name = "fault",
		.description = "spoils what goes through it",
		.config_help = "script=FILE,trace=FILE,inner=TCTI",
		.init = fault_init,
	};

	return &info;
}
