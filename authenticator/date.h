/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as text (RFC 3339), always of UTC. */
#ifndef AUTHENTICATOR_DATE_H
#define AUTHENTICATOR_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define DATE_LEN	32	/* bytes, room for any with the NUL */

/* "2026-01-31T12:00:00Z"; "" if there is no such year. */
void date_write(int64_t time_s, char out[static DATE_LEN]);

/*
 * 2026-01-31, the beginning of that day, 2026-01-31T12:00:00Z or
 * 2026-01-31T12:00:00.000Z, in milliseconds since 1970. False, and nothing
 * written: something else, or a day or an hour that there is not.
 */
bool date_parse(const char *text, int64_t *time_ms);

#endif
