/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key provider for tests of what only seals: real AES-256-GCM and
 * HMAC-SHA-256 under a storage key that follows from the device number, so
 * that two runs write the same bytes. It has no key operations; tests of
 * those want the software provider.
 */
#ifndef TESTS_FAKE_KEYS_H
#define TESTS_FAKE_KEYS_H

#include "tpm/key.h"

/* device stands for the chip: others do not unlock what it wrapped. */
struct keys *fake_keys_new(uint32_t device);
void fake_keys_free(struct keys *k);

#endif
