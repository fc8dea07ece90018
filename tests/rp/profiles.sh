#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# profiles.sh: every model that sealkey brings along, in one run of node: see
# profiles.mjs (TAP).
#
# SEALKEY names the program; build/sealkey.

. "$(dirname "$0")/lib"

"$node" "$here/profiles.mjs" "$SEALKEY" "$work"
