/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside settings: settings.c has the table, and what takes most of its rows;
 * settings_attestation.c takes those of attestation.
 */
#ifndef AUTHENTICATOR_SETTINGS_IMPL_H
#define AUTHENTICATOR_SETTINGS_IMPL_H

#include "authenticator/settings.h"

#define SETTINGS_WORD_MAX	64	/* bytes of one element of a list */

struct setting {
	const char	*name;
	bool		(*take)(struct auth_config *cfg,
			    const struct setting *s, const char *value);
	const char	*values;	/* what it can be, for people; NULL: a
				 * number from min to max */
	const char	*takes;		/* the same at more length, for who got
				 * it wrong; NULL: values */
	const char	*meaning;
	uint64_t	 feature;	/* that "on" asks for */
	size_t		 offset;	/* take_number: of the member */
	size_t		 size;		/* and its bytes */
	uint64_t	 min, max;
};

bool settings_is(const char *value, const char *word);
/*
 * The next element of a list with commas; false behind its end, where *list
 * is NULL. One that is empty or too long comes as a word that is nothing.
 */
bool settings_next(const char **list, char word[static SETTINGS_WORD_MAX]);

/* False: it cannot be that, and cfg is as it was. */
bool settings_take_attestation(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_format_rps(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_date(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_crl_url(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_subject(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_tpm_signature(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_tpm_alg(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_tpm_shape(struct auth_config *cfg,
    const struct setting *s, const char *value);
bool settings_take_tpm_manufacturer(struct auth_config *cfg,
    const struct setting *s, const char *value);

#endif
