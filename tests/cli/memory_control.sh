#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A private key that came through the control interface, and was read there
# again, is not in the daemon's memory afterwards. Without sanitizers in the
# daemon, which keep what was freed. Not root? As in memory.sh. (TAP)

test=$(dirname "$0")/memory_control.py

command -v python3 >/dev/null ||
    { echo "1..0 # SKIP python3 is missing"; exit 0; }
[ "$(id -u)" != 0 ] || exec python3 "$test" "$SEALKEY_PLAIN"
unshare -Ur true 2>/dev/null && exec unshare -Ur python3 "$test" \
    "$SEALKEY_PLAIN"
echo "1..0 # SKIP not root, and no user namespace to be root of"
