#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# 1 000 SIGKILLs at random moments of a create and get load, see
# tests/kill_main.c. Without sanitizers: what is killed should be fast, so
# that kills come at every moment and not only at the start. KILLS=n for
# another number.

exec "$BUILD/san/tests/kill" "$SEALKEY_PLAIN" "${KILLS:-1000}"
