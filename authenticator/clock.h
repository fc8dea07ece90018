/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time, for those who may ask for it: of the machine since some moment,
 * which nobody sets (CLOCK_MONOTONIC), and the real one since 1970.
 */
#ifndef AUTHENTICATOR_CLOCK_H
#define AUTHENTICATOR_CLOCK_H

#include <stdint.h>

uint64_t clock_ms(void);
uint64_t clock_us(void);
uint64_t clock_real_ms(void);

#endif
