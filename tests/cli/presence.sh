#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who touches the key: sealkey press and deny. (TAP)
. "$(dirname "$0")/lib"

check "a key with a button starts" start_key key --presence manual
manual=$key

waits_for_press()
{
	start_create key AAAA
	asks key || return
	"$SEALKEY" press --state "$T/key" || return
	wait "$client" && grep -q '"id"' "$T/create.out"
}
check "press grants the request that waits" waits_for_press

waits_for_deny()
{
	start_create key BBBB
	asks key || return
	"$SEALKEY" deny --state "$T/key" || return
	! wait "$client" && grep -q NotAllowedError "$T/create.out"
}
check "deny refuses it" waits_for_deny

# presses N: so many wait for a request
presses()
{
	"$SEALKEY" ctl --state "$T/key" info | grep -qx "presses: $1"
}
press_comes_first()
{
	"$SEALKEY" press --state "$T/key" &
	local finger=$!
	eventually presses 1 || return
	create key CCCC && wait "$finger"
}
check "a press grants the next request" press_comes_first

in_vain()
{
	local start=$SECONDS
	exits 1 press --state "$T/key" || return
	says 'did not ask' && [ $((SECONDS - start)) -ge 9 ]
}
check "a press without a request fails after 10 s" in_vain

taken_off()
{
	local finger
	"$SEALKEY" press --state "$T/key" &
	finger=$!
	eventually presses 1 || return
	kill -KILL "$finger"
	wait "$finger"
	eventually presses 0 || return
	start_create key GGGG
	asks key || return		# nobody presses any more
	"$SEALKEY" deny --state "$T/key" && ! wait "$client"
}
check "a press ends with whoever pressed" taken_off

refused()
{
	[ "$(cat "$T"/finger.* 2>/dev/null | grep -o 'too many' | wc -l)" = "$1" ]
}
# Twenty of one process, which are there before the first gives up. That they
# wait is told while they do.
too_many()
{
	curl -s -Z --parallel-immediate --parallel-max 20 -X POST \
	    --unix-socket "$(sed -n 's/^control //p' "$T/key/lock")" \
	    -o "$T/finger.#1" "http://localhost/v1/press#[1-20]" &
	local fingers=$!
	eventually presses 16 && eventually refused 4 &&
	    kill -0 "$fingers" || return
	{ kill -KILL "$fingers"; wait "$fingers"; } 2>/dev/null
	eventually presses 0
}
check "presses that wait are limited" too_many

long_press()
{
	start_create key LLLL
	asks key || return
	"$SEALKEY" press --long --state "$T/key" || return
	wait "$client" && grep -q '"id"' "$T/create.out"
}
check "a long press is a press" long_press

# 40 that say a byte now and then; bash has no UNIX sockets. Others are answered
# before those have gone; a machine that is slow has five goes at that.
slow_clients()
{
	local i line slow meanwhile=
	mkfifo "$T/slow"
	for i in {1..5}; do
		rawhost slow "$(sed -n 's/^control //p' "$T/key/lock")" 40 \
		    >"$T/slow" &
		slow=$!
		exec 7<"$T/slow"
		read -r line <&7 && [ "$line" = slow ] || return
		"$SEALKEY" info --state "$T/key" >"$T/info" || return
		kill -0 "$slow" && meanwhile=true
		read -r line <&7
		echo "$line"
		exec 7<&-
		wait "$slow" || return
		[ -z "$meanwhile" ] || return 0
	done
	return 1
}
check "slow clients are sent away" slow_clients

is_asking()
{
	"$SEALKEY" ctl --state "$T/key" info | grep -qx 'userWanted: true'
}
vanished_client()
{
	start_create key DDDD
	asks key || return
	kill -KILL "$client"
	wait "$client"
	eventually eval '! is_asking' || return
	# nobody is left to grant anything, so this press is for the next one
	"$SEALKEY" press --state "$T/key" &
	local finger=$!
	eventually presses 1 || return
	create key EEEE && wait "$finger"
}
check "a client that vanishes takes its request along" vanished_client

check "credentials are those that were granted" \
    [ "$("$SEALKEY" credentials list --state "$T/key" | wc -l)" = 4 ]
key=$manual
check "it ends orderly" stop_key
check "press without a running key fails" exits 1 press --state "$T/key"
check "and says so" says 'no key is running here'

check "a key without button starts" start_key auto
check "press is refused" exits 1 press --state "$T/auto"
check "and told why" says 'does not run with --presence manual'
check "it needs no press" create auto AAAA
check "it ends orderly" stop_key

check "a key that nobody touches starts" start_key never --presence never
check "press is refused there, too" exits 1 press --state "$T/never"
never_answers()
{
	start_create never AAAA
	asks never || return
	sleep 1
	kill -0 "$client" || return
	kill "$client"
	! wait "$client"
}
check "nobody answers its requests" never_answers
check "it ends orderly" stop_key

plan
