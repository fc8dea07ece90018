/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator as a target of transcripts: what is there without a key. */
#ifndef CONFORMANCE_SIM_TARGET_H
#define CONFORMANCE_SIM_TARGET_H

#include "conformance/transcript.h"

/* arg: a struct sim_setup to begin with, or NULL. */
extern const struct transcript_target sim_target;

#endif
