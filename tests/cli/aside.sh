#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys that take long to begin and to end, in a daemon that has others: these
# go on meanwhile. How long it takes is up to the test: what stands in front of
# the TPM (tests/tcti_fault.c) reads its script before each command, and the
# script is a FIFO that nobody writes to. (TAP)
. "$(dirname "$0")/lib"
. "$here/tests/cli/swtpm"

command -v curl >/dev/null || { echo "1..0 # SKIP curl is missing"; exit 0; }
command -v swtpm >/dev/null || { echo "1..0 # SKIP swtpm is missing"; exit 0; }
fault=${SEALKEY%/*}/tests/libtss2-tcti-fault.so
[ -e "$fault" ] ||
    { echo "Bail out! tests/tcti_fault.c is not built"; exit 1; }
control=$T/c.sock

# --- the TPM ------------------------------------------------------------------

# hold: its next command waits; is_held: it does, and held until then
hold()
{
	rm -f "$T/held"
	mkfifo "$T/script.new" && mv "$T/script.new" "$T/script"
	( exec 9>"$T/script"; : >"$T/held"; exec sleep 600 ) &
	holder=$!
	running+=("$holder")
}

is_held()
{
	eventually [ -e "$T/held" ]
}

# script LINE...: what happens from the next command on, and to the one that is
# held; none: nothing
script()
{
	printf '%s\n' "$@" >"$T/script.new"
	mv "$T/script.new" "$T/script"
	[ -z "$holder" ] || { kill "$holder" && wait "$holder"; } 2>/dev/null
	holder=
}

# --- the daemon ---------------------------------------------------------------

# begin NAME METHOD PATH [BODY]: a request whose reply comes later
begin()
{
	curl -s -o "$T/$1.reply" -w '%{http_code}' --unix-socket "$control" \
	    -X "$2" ${4+--data "$4"} "http://localhost$3" >"$T/$1.code" &
	eval "$1_pid=$!"
	running+=($!)
}

# waits NAME: it has had none yet
waits()
{
	local pid=$1_pid
	kill -0 "${!pid}" && [ ! -s "$T/$1.code" ]
}

# ended NAME CODE TEXT: this is it
ended()
{
	local pid=$1_pid
	wait "${!pid}" || return
	[ "$(cat "$T/$1.code")" = "$2" ] && grep -q -e "$3" "$T/$1.reply" &&
	    return
	echo "$(cat "$T/$1.code"): $(cat "$T/$1.reply")"
	return 1
}

# body ID [MEMBERS]: of a new key with the socket $T/ID.sock
body()
{
	printf '{"key": "%s", "transport": "socket", "socket": "%s"%s}' "$1" \
	    "$T/$1.sock" "${2+, $2}"
}

# slow ID: one in the TPM
slow()
{
	body "$1" "\"state\": \"$T/$1\", \"tpm\": \"$fault:script=$T/script$(:
	    ),inner=$target\""
}

holder=
script
check "there is a TPM" start_tpm tpm
check "a daemon starts" start_daemon --empty --control "$control"
check "it has a key" call 200 '"key":"one"' POST /v1/keys "$(body one)"
check "which has a credential" create one AAAA

# --- one begins -----------------------------------------------------------------

hold
begin first POST /v1/keys "$(slow first)"
check "a key is being made" is_held
check "another one works meanwhile" sign_in one
check "it registers, too" create one BBBB
check "the new one is not there yet" \
    call 404 'no such key' GET /v1/keys/first
check "nor in the list" call 200 '^{"keys":\[{"key":"one"[^[]*\]}$' GET /v1/keys
check "nor can it be removed" call 404 'no such key' DELETE /v1/keys/first
check "but its ID is taken" call 409 'exists already' POST /v1/keys \
    "$(body first)"
check "bad ones are refused at once" call 400 absolute POST /v1/keys \
    '{"state": "x"}'
begin second POST /v1/keys "$(body second)"
begin same POST /v1/keys "$(body same "\"state\": \"$T/first\"")"
check "whoever wants it waits" waits first
script
check "then it is there" ended first 200 '"key":"first"'
check "and the one behind it" ended second 200 '"key":"second"'
check "but not one in the same directory" ended same 409 busy
check "it is found" call 200 '"plugged":true' GET /v1/keys/first
check "it works" create first AAAA

# --- whoever wants one hangs up ---------------------------------------------------

hold
begin left POST /v1/keys "$(slow left)"
check "another key is being made" is_held
hangs_up()
{
	kill "$left_pid"
	! wait "$left_pid"
}
check "its client hangs up" hangs_up
check "the others work" sign_in one
script
check "it is made all the same" \
    eventually call 200 '"key":"left"' GET /v1/keys/left

# --- one cannot be made ---------------------------------------------------------

hold
begin bad POST /v1/keys "$(slow bad)"
check "a third is being made" is_held
script "* rc 0x101"
check "it cannot be made" ended bad 500 'unknown error.*"message":"[^"]'
check "its ID is free" call 404 'no such key' GET /v1/keys/bad
script
check "it can be made then" call 200 '"key":"bad"' POST /v1/keys \
    "$(slow bad)"
without_a_socket()
{
	hold
	begin nowhere POST /v1/keys "{\"key\": \"nowhere\", \"socket\":
	    \"$T/none/at.sock\", \"transport\": \"socket\",
	    \"state\": \"$T/bad2\", \"tpm\": \"$fault:script=$T/script$(:
	    ),inner=$target\"}"
	is_held && script && ended nowhere 500 'none/at.sock' &&
	    call 200 '"key":"bad2"' POST /v1/keys "$(slow bad2)"
}
check "one whose transport fails leaves its directory" without_a_socket

# --- one ends --------------------------------------------------------------------

hold
begin gone DELETE /v1/keys/first
check "a key is being closed" is_held
check "it is gone" call 404 'no such key' GET /v1/keys/first
check "for hosts, too" [ ! -e "$T/first.sock" ]
check "the others work" sign_in one
begin again POST /v1/keys "$(slow first)"
check "whoever removed it waits" waits gone
script
check "then it is closed" ended gone 200 '^{}$'
check "and its directory is used again" ended again 200 '"key":"first"'
check "it has what it had" sign_in first

# a session of virtual authenticators that ends with two keys
authenticator='{"protocol": "ctap2", "transport": "usb",
    "sealkey:transport": "socket"}'
session_ends()
{
	local i
	for i in 1 2; do
		call 200 '"value"' POST /session/s/webauthn/authenticator \
		    "$authenticator" || return
	done
	hold
	begin other DELETE /v1/keys/first
	is_held || return
	begin session DELETE /session/s/webauthn/authenticators
	until ! call 200 '"key":"[0-9a-f]\{32\}"' GET /v1/keys; do :; done
	waits session && sign_in one && script &&
	    ended other 200 '^{}$' && ended session 200 '^{"value":null}$'
}
check "a session ends when all of its keys are closed" session_ends

# --- the daemon ends ----------------------------------------------------------------

hold
begin late POST /v1/keys "$(slow late)"
check "a key is being made" is_held
begin later POST /v1/keys "$(slow later)"
# what is looked at last is wrong
far=/$(printf '%05000d' 0)
check "another one waits for that" eventually call 409 'exists already' \
    POST /v1/keys "{\"key\": \"later\", \"transport\": \"socket\",
    \"socket\": \"$far\"}"
kill -TERM "$key"
check "the first is told that the daemon ends" \
    ended late 500 'daemon is about to end'
check "so is the second" ended later 500 'daemon is about to end'
script
check "the daemon ends orderly" wait "$key"
check "nothing is left of it" [ -z "$(ls "$T/runtime/sealkey")" ]
check "it had nothing to say" \
    [ "$(grep -vc 'no key yet' "$T/daemon.log")" = 0 ]
check "what it was making is whole" "$SEALKEY" info --state "$T/late"
check "what it was not is not there" [ ! -e "$T/later" ]

plan
