/* SPDX-License-Identifier: Apache-2.0 */
/* What people write: see parse.h. */
#include "authenticator/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	unsigned long long n;
	char *end;

	/* not what strtoull() skips, nor a sign */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || n < min || n > max)
		return false;
	*out = n;
	return true;
}

int
parse_choice(const char *word, const char *const *names)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(word, names[i]) == 0)
			return i;
	}
	return -1;
}
