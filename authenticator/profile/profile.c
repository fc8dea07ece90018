/* SPDX-License-Identifier: Apache-2.0 */
/* Models of keys as files: see profile.h. */
#include "authenticator/profile/profile_impl.h"

#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "authenticator/device.h"
#include "authenticator/settings.h"

/* One allocation: the profile, its text, and the strings out of it. */
struct profile_memory {
	struct profile	 profile;
	char		*text;		/* as it was read */
	char		*strings;	/* taken apart */
};

void
profile_free(struct profile *p)
{
	struct profile_memory *m = (struct profile_memory *)p;

	if (m == NULL)
		return;
	free(m->text);
	free(m->strings);
	free(m);
}

static struct profile_memory *
memory_new(struct span text)
{
	struct profile_memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->text = malloc(text.len + 1);
	m->strings = malloc(text.len + 1);
	if (m->text == NULL || m->strings == NULL) {
		profile_free(&m->profile);
		return NULL;
	}
	memcpy(m->text, text.p, text.len);
	memcpy(m->strings, text.p, text.len);
	m->text[text.len] = '\0';
	m->profile.text = span(m->text, text.len);
	return m;
}

/* --- what a file says ------------------------------------------------- */

/* What a key is before any of a profile's settings. */
static void
make_bare(struct auth_config *cfg)
{
	struct device_config defaults;

	device_config_default(&defaults);
	*cfg = defaults.auth;
	cfg->features = 0;
	cfg->alg_count = 0;
	cfg->protocols[0] = 0;
	cfg->protocols[1] = 0;
	cfg->firmware_version = 0;
	cfg->transports = 0;
	memset(cfg->ep_rp, 0, sizeof(cfg->ep_rp));
}

unsigned
profile_line(const struct profile_parser *parser, const char *section,
    const char *key)
{
	const struct profile_seen *seen = parser->seen;

	for (size_t i = 0; i < parser->seen_count; i++)
		if (strcmp(seen[i].section, section) == 0 &&
		    strcmp(seen[i].key, key) == 0)
			return seen[i].line;
	return 0;
}

static bool
wrong(const struct profile_parser *parser, const char *why)
{
	const struct ini *ini = &parser->ini;

	return ini_wrong(&ini->place, ini->msg, ini->msglen, "%s", why);
}

static bool
take_section(struct profile_parser *parser)
{
	static const char *const names[] = {
		"profile", "device", "settings", "metadata",
	};
	const char *name = parser->ini.section;
	bool known = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		known |= strcmp(name, names[i]) == 0;
	if (!known)
		return wrong(parser, "there is no such section; they are "
		    "profile, device, settings and metadata");
	for (size_t i = 0; i < parser->section_count; i++)
		if (strcmp(name, parser->sections[i]) == 0)
			return wrong(parser, "this section was there before");
	assert(parser->section_count < sizeof(names) / sizeof(names[0]));
	parser->sections[parser->section_count++] = name;
	return true;
}

/* Where two things say the same, nobody knows which of them counts. */
static bool
remember(struct profile_parser *parser)
{
	const struct ini *ini = &parser->ini;
	unsigned line = profile_line(parser, ini->section, ini->place.key);

	if (line > 0)
		return ini_wrong(&ini->place, ini->msg, ini->msglen,
		    "line %u has it, too", line);
	if (parser->seen_count == PROFILE_KEYS_MAX)
		return wrong(parser, "there are too many keys");
	parser->seen[parser->seen_count++] = (struct profile_seen){
		.section = ini->section, .key = ini->place.key,
		.line = ini->place.line };
	return true;
}

static bool
take_setting(struct profile_parser *parser)
{
	const struct ini *ini = &parser->ini;
	struct profile *p = parser->p;
	const char *key = ini->place.key;
	char msg[SETTINGS_MESSAGE_LEN];
	const char *why = msg;

	if (p->setting_count == PROFILE_SETTINGS_MAX)
		return wrong(parser, "there are too many settings");
	/* it takes away what came before it */
	if (strcmp(key, "versions") == 0 && parser->cfg.features != 0)
		return wrong(parser, "this has to come before what the key "
		    "can");
	if (strcmp(key, "faults") == 0)
		return wrong(parser, "that is decided when a key is made, and "
		    "no matter of its model");
	if (settings_set(&parser->cfg, key, ini->value, msg,
	    sizeof(msg)) < 0) {
		/* "rk cannot be", behind "FILE:LINE: rk:" */
		if (strncmp(why, key, strlen(key)) == 0 &&
		    why[strlen(key)] == ' ')
			why += strlen(key) + 1;
		return wrong(parser, why);
	}
	p->setting[p->setting_count++] = (struct profile_setting){
		.name = key, .value = ini->value, .line = ini->place.line };
	return true;
}

static bool
take_key(struct profile_parser *parser)
{
	if (!remember(parser))
		return false;
	if (strcmp(parser->ini.section, "settings") == 0)
		return take_setting(parser);
	return profile_take(parser);
}

static bool
take_all(struct profile_parser *parser)
{
	while (true) {
		switch (ini_next(&parser->ini)) {
		case INI_SECTION:
			if (!take_section(parser))
				return false;
			break;
		case INI_KEY:
			if (!take_key(parser))
				return false;
			break;
		case INI_END:
			return profile_check(parser);
		case INI_WRONG:
			return false;
		}
	}
}

int
profile_parse(const char *file, struct span text, struct profile **out,
    char *msg, size_t msglen)
{
	struct profile_memory *m;
	struct profile_parser *parser;
	bool ok;

	if (text.len > PROFILE_FILE_MAX) {
		snprintf(msg, msglen, "%.200s: it has more than %d bytes",
		    file, PROFILE_FILE_MAX);
		return -EINVAL;
	}
	m = memory_new(text);
	parser = calloc(1, sizeof(*parser));
	if (m == NULL || parser == NULL) {
		profile_free((struct profile *)m);
		free(parser);
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	parser->p = &m->profile;
	parser->ini = (struct ini){ .line_max = PROFILE_LINE_MAX, .msg = msg,
	    .msglen = msglen };
	make_bare(&parser->cfg);
	ok = ini_begin(&parser->ini, file, m->strings, text.len) &&
	    take_all(parser);
	free(parser);
	if (!ok) {
		profile_free(&m->profile);
		return -EINVAL;
	}
	*out = &m->profile;
	return 0;
}

void
profile_apply(const struct profile *p, struct auth_config *cfg)
{
	struct auth_config before = *cfg;
	char msg[SETTINGS_MESSAGE_LEN];

	make_bare(cfg);
	cfg->random = before.random;
	cfg->random_arg = before.random_arg;
	for (size_t i = 0; i < p->setting_count; i++) {
		int r = settings_set(cfg, p->setting[i].name,
		    p->setting[i].value, msg, sizeof(msg));

		assert(r == 0);
		(void)r;
	}
}

bool
profile_says(const struct profile *p, const char *setting)
{
	for (size_t i = 0; i < p->setting_count; i++)
		if (strcmp(p->setting[i].name, setting) == 0)
			return true;
	return false;
}

/* --- where files are -------------------------------------------------- */

bool
profile_builtin_name(size_t i, char out[static PROFILE_NAME_MAX + 1])
{
	const char *file;

	for (size_t n = 0; n <= i; n++)
		if (profile_builtin[n].name == NULL)
			return false;
	file = profile_builtin[i].name;
	snprintf(out, PROFILE_NAME_MAX + 1, "%.*s", (int)strcspn(file, "."),
	    file);
	return true;
}

static const struct builtin *
find_builtin(const char *name)
{
	const struct builtin *b = profile_builtin;
	size_t len = strlen(name);

	for (; b->name != NULL; b++)
		if (strncmp(b->name, name, len) == 0 &&
		    strcmp(b->name + len, ".ini") == 0)
			return b;
	return NULL;
}

/*
 * All of fd, which is closed: the length, or -errno. One byte too much is
 * enough to see that it is too much. Who has a pipe open may take his time.
 */
static ssize_t
read_all(int fd, char *buf, size_t room)
{
	size_t len = 0;
	ssize_t n = 1;
	struct stat st;

	if (fstat(fd, &st) == -1 || S_ISDIR(st.st_mode)) {
		close(fd);
		return -EISDIR;
	}
	while (n > 0 && len < room) {
		n = read(fd, buf + len, room - len);
		if (n == -1 && errno == EAGAIN)
			n = poll(&(struct pollfd){ .fd = fd,
			    .events = POLLIN }, 1, -1);
		else if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	n = n == -1 ? -errno : (ssize_t)len;
	close(fd);
	return n;
}

/* The file behind fd, which is closed. */
static int
parse_fd(int fd, const char *file, struct profile **out, char *msg,
    size_t msglen)
{
	char *buf = malloc(PROFILE_FILE_MAX + 1);
	ssize_t len = -ENOMEM;
	int r;

	if (buf != NULL)
		len = read_all(fd, buf, PROFILE_FILE_MAX + 1);
	else
		close(fd);
	if (len < 0)
		snprintf(msg, msglen, "%.200s: %s", file,
		    strerror((int)-len));
	r = len < 0 ? (int)len : profile_parse(file, span(buf, (size_t)len),
	    out, msg, msglen);
	free(buf);
	return r;
}

int
profile_read_at(int dirfd, const char *name, const char *file,
    struct profile **out, char *msg, size_t msglen)
{
	/* not to wait for whoever might open the other end of a FIFO */
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error = errno;

	if (fd != -1)
		return parse_fd(fd, file, out, msg, msglen);
	snprintf(msg, msglen, "%.200s: %s", file, strerror(error));
	return -error;
}

bool
profile_is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') != NULL ||
	    (len > 4 && strcmp(name + len - 4, ".ini") == 0);
}

int
profile_load(const char *name_or_path, struct profile **out, char *msg,
    size_t msglen)
{
	const struct builtin *b = find_builtin(name_or_path);

	if (profile_is_path(name_or_path))
		return profile_read_at(AT_FDCWD, name_or_path, name_or_path,
		    out, msg, msglen);
	if (b != NULL)
		return profile_parse(b->name, span_str(b->text), out, msg,
		    msglen);
	snprintf(msg, msglen, "there is no profile \"%.60s\"; \"sealkey "
	    "profile list\" has those that there are, and a file is named "
	    "like ./%.60s.ini", name_or_path, name_or_path);
	return -ENOENT;
}
