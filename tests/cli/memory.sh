#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# No storage key, and no private key, in the memory of a daemon whose keys live
# in a TPM: tests/memory_main.c. Without sanitizers in the daemon, whose memory
# would be too much to read. Not root? Then root of a user namespace. (TAP)

memory=$BUILD/san/tests/memory

[ "$(id -u)" != 0 ] || exec "$memory" "$SEALKEY_PLAIN"
unshare -Ur true 2>/dev/null && exec unshare -Ur "$memory" "$SEALKEY_PLAIN"
echo "1..0 # SKIP not root, and no user namespace to be root of"
