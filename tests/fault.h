/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For units: a TPM whose answers are spoiled by a script (tcti_fault.c, which
 * says what may be in one). What does not work fails the cmocka test.
 */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#define FAULT_TARGET_MAX 512	/* bytes, with the NUL */

/* The TCTI string of it: script dir/script, trace dir/trace, inner as given. */
void fault_target(char out[static FAULT_TARGET_MAX], const char *dir,
    const char *inner);
/* In place of the one before. "" spoils nothing. */
void fault_script(const char *dir, const char *text);
/* How many commands of that name there have been since fault_forget(); NULL:
 * of any. */
unsigned fault_count(const char *dir, const char *command);
void fault_forget(const char *dir);
/* Removes script and trace. */
void fault_remove(const char *dir);

#endif
