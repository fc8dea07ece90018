/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory for one test, in memory where there is one. Whoever cannot have
 * it, ends.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

struct scratch {
	char	path[64];
	int	fd;
};

void scratch_new(struct scratch *s);
/* With all that is in it. */
void scratch_free(struct scratch *s);

#endif
