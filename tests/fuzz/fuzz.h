/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target has: its two entries, which libFuzzer calls, and a
 * check that stays in whatever NDEBUG says, and ends the run where it fails.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(cond) \
	do { \
		if (cond) \
			break; \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort(); \
	} while (0)

/* Once, at the start; optional. 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* 0, or -1: not worth keeping in the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
