/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key at work: hosts on one side, the engine on the other, and whoever
 * touches the key.
 *
 * Each host has channels of its own (struct ctaphid). The engine has one
 * operation at a time; messages of other hosts wait in the order in which
 * they came, and their hosts hear keepalives meanwhile. Only getInfo, which
 * is the same at all times, is answered past the one that is under way.
 *
 *	report --> ctaphid --> queue --> engine --USER--> presence
 *	                                   |  `----KEYS--> key provider's fd
 *	report <-- ctaphid <---------- reply
 *
 * A message may meet with a fault on its way to the engine (fault.h, stage
 * "transport"): then the loop answers it, or lets it hang.
 *
 * Invariants:
 *  1. The engine works for l->active, or for a host that has gone
 *     (l->busy && l->active == NULL), or not at all.
 *  2. A host is active, or in the queue, or held up by a fault, or none of
 *     these; never two of them, as it has at most one message in progress.
 *  3. A report that ctaphid gave out is sent before any later one, also if
 *     the transport made it wait; reading from a host stops while its
 *     ctaphid has no room for answers.
 *
 * It never waits and reads no clock: whoever waits calls in, with the time.
 */
#ifndef AUTHENTICATOR_LOOP_H
#define AUTHENTICATOR_LOOP_H

#include "authenticator/device.h"
#include "authenticator/presence.h"
#include "uhid/transport.h"

struct loop;

/* device must outlive the loop. -ENOMEM. */
int loop_new(struct device *device, enum presence_mode presence,
    struct loop **out);
/*
 * Accepts NULL. The transport must be gone, and every host with it. Presses
 * that wait are done, and answered nothing.
 */
void loop_free(struct loop *l);

/* What a transport is opened with; its arg is the loop. */
extern const struct transport_events loop_events;

/*
 * The transport that serves the loop's hosts. failed(arg, line) is called
 * when it cannot go on; not from within transport_free().
 */
void loop_attach(struct loop *l, struct transport *t,
    void (*failed)(void *arg, const char *line), void *arg);
/* There is none any more: it was freed. Others may be attached later. */
void loop_detach(struct loop *l);

/*
 * A fault wants the key to be pulled out: unplug(arg) is called, which must
 * not free the transport before the loop has returned. Without it the key is
 * silent instead.
 */
void loop_on_unplug(struct loop *l, void (*unplug)(void *arg), void *arg);

/* t's descriptor is readable. */
void loop_dispatch(struct loop *l, uint64_t now_ms);
/* The key provider's descriptor is. */
void loop_keys(struct loop *l, uint64_t now_ms);
uint64_t loop_deadline(const struct loop *l);
void loop_tick(struct loop *l, uint64_t now_ms);

/*
 * Somebody presses the button; press->done() may be called before this
 * returns. -ENOTTY: this key has none, it answers by itself or never.
 */
int loop_press(struct loop *l, struct press *press, uint64_t now_ms);
void loop_withdraw(struct loop *l, struct press *press);

/* From now on, and for what the key asks at the moment. */
void loop_set_presence(struct loop *l, enum presence_mode mode,
    uint64_t delay_ms, uint64_t now_ms);
void loop_set_verifications(struct loop *l, const struct verifications *v);

/*
 * As if the key had been unplugged and plugged in again, but for the device
 * that the hosts see: no channels, nothing under way, and hosts that waited
 * for a reply wait in vain. As device_power_cycle().
 */
int loop_power_cycle(struct loop *l, uint64_t now_ms);
/* The same, and it comes back as another kind of key: device_reconfigure(). */
int loop_reconfigure(struct loop *l, const struct auth_config *auth,
    uint64_t now_ms);

unsigned loop_host_count(const struct loop *l);
const struct presence *loop_presence(const struct loop *l);

#endif
