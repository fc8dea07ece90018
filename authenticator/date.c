/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as text: see date.h. */
#include "authenticator/date.h"

#include <time.h>

void
date_write(int64_t time_s, char out[static DATE_LEN])
{
	time_t t = time_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out, DATE_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0';
}

/* Digits, then what is behind them; false: something else. */
static bool
take_digits(const char **at, int count, char behind, int *out)
{
	*out = 0;
	for (; count > 0; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*out = 10 * *out + (**at - '0');
	}
	if (behind == '\0')
		return true;
	return *(*at)++ == behind;
}

static bool
take_time(const char **at, struct tm *tm, int *ms)
{
	if (!take_digits(at, 2, ':', &tm->tm_hour) ||
	    !take_digits(at, 2, ':', &tm->tm_min) ||
	    !take_digits(at, 2, '\0', &tm->tm_sec))
		return false;
	if (**at == '.') {
		(*at)++;
		if (!take_digits(at, 3, '\0', ms))
			return false;
	}
	return *(*at)++ == 'Z';
}

bool
date_parse(const char *text, int64_t *time_ms)
{
	struct tm tm = { .tm_sec = 0 }, real;
	int64_t time_s;
	int ms = 0;

	if (!take_digits(&text, 4, '-', &tm.tm_year) ||
	    !take_digits(&text, 2, '-', &tm.tm_mon) ||
	    !take_digits(&text, 2, '\0', &tm.tm_mday))
		return false;
	if (*text == 'T') {
		text++;
		if (!take_time(&text, &tm, &ms))
			return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	real = tm;
	time_s = timegm(&real);
	/* the thirtieth of February would be another day */
	if (*text != '\0' || real.tm_mon != tm.tm_mon ||
	    real.tm_mday != tm.tm_mday || real.tm_hour != tm.tm_hour ||
	    real.tm_min != tm.tm_min)
		return false;
	*time_ms = time_s * 1000 + ms;
	return true;
}
