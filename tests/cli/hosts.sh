#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many hosts at once, and hosts that misbehave. (TAP)
. "$(dirname "$0")/lib"

check "a key starts" start_key key
check "50 clients at once" rawhost crowd "$T/key.sock" 50
check "250 clients at once" rawhost crowd "$T/key.sock" 250

# Each host has a session of its own: a token for one leaves the others theirs.
together()
{
	local pids=() pid good=0 i
	for i in {10..29}; do
		create key "AA$i" >"$T/create.$i" 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" && good=$((good + 1))
	done
	[ "$good" = 20 ] &&
	    [ "$("$SEALKEY" credentials list --state "$T/key" | wc -l)" = 20 ]
}
check "20 programs register at once" together

vanishing()
{
	local i
	for i in {1..20}; do
		rawhost half "$T/key.sock" || return
	done
	sign_in key
}
check "clients vanish in the middle of a message" vanishing
check "noise does no harm" rawhost noise "$T/key.sock" 20000
check "it still signs in" sign_in key
check "nobody is left connected" grep -qx 'hosts connected: 0' \
    <("$SEALKEY" info --state "$T/key")
check "its log has nothing to say" [ "$(wc -l <"$T/key.log")" = 1 ]
check "it ends orderly" stop_key

plan
