/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the profile parser share. Private to this folder. */
#ifndef AUTHENTICATOR_PROFILE_IMPL_H
#define AUTHENTICATOR_PROFILE_IMPL_H

#include "authenticator/builtin.h"
#include "authenticator/profile/ini.h"
#include "authenticator/profile/profile.h"

/* A key of the file that was there. */
struct profile_seen {
	const char	*section;
	const char	*key;
	unsigned	 line;
};

#define PROFILE_KEYS_MAX	(PROFILE_SETTINGS_MAX + 40)

/* A profile while it is read. */
struct profile_parser {
	struct profile	*p;
	struct ini	 ini;
	struct auth_config cfg;		/* what its settings have made */
	struct profile_seen seen[PROFILE_KEYS_MAX];
	size_t		 seen_count;
	const char	*sections[8];
	size_t		 section_count;
};

/*
 * The value of a key of any section but [settings], as text, which stays;
 * false, with a line in msg: there is no such key, or it cannot be that.
 */
bool profile_take(struct profile_parser *parser);

/* Whether all of it together makes sense; false, with a line in msg. */
bool profile_check(struct profile_parser *parser);

/* The line of a key; 0: it is not there. */
unsigned profile_line(const struct profile_parser *parser,
    const char *section, const char *key);

extern const struct builtin profile_builtin[]
    __attribute__((visibility("hidden")));

#endif
