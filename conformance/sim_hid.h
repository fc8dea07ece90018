/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's USB port: CTAPHID (ctap/hid.h) in front of its engine, for
 * one host that takes every report at once. Time is the simulator's.
 *
 * Whoever does something to the simulator itself (a touch, a power cycle)
 * says so here afterwards, so that the host hears of what came of it.
 */
#ifndef CONFORMANCE_SIM_HID_H
#define CONFORMANCE_SIM_HID_H

#include "conformance/sim.h"
#include "ctap/hid.h"

struct sim_hid;

/* A key just plugged in. Aborts without memory. s must live longer. */
struct sim_hid *sim_hid_new(struct sim *s, bool no_u2f);
void sim_hid_free(struct sim_hid *h);

/* A report of the host. */
void sim_hid_report(struct sim_hid *h, const uint8_t report[static 64]);

/*
 * The next report of the key: 1, or 0 if none comes within wait_ms. Time
 * passes until it comes.
 */
int sim_hid_next(struct sim_hid *h, uint8_t report[static 64],
    unsigned wait_ms);

/* Lets time pass; what the key says then is kept for sim_hid_next(). */
void sim_hid_advance(struct sim_hid *h, uint64_t ms);

/* The user did something, or the engine went on for another reason. */
void sim_hid_acted(struct sim_hid *h);

/* The key lost its power: no channels, no lock, nothing in progress. */
void sim_hid_power_cycle(struct sim_hid *h);

#endif
