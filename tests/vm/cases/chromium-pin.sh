#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Chromium over uhid with a key that cannot verify its user by itself: it
# registers and signs in with a PIN, typed into the browser's own dialog.
#
# Time limit: 360 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/browser.sh"

# type_pin PIN STEP: types it into the dialog until it comes to STEP. It says
# that it is there before it takes keys. The PIN has no more digits than it
# must, so that it is taken whole or not at all.
type_pin()
{
	local before tries
	before=$(steps_seen "$2")
	for tries in {1..10}; do
		xdotool key ctrl+a type "$1"
		xdotool key Return
		wait_step "$2" $((before + 1)) 6 && return
	done
	tail -n 25 "$logs/chromium"
	return 1
}

# asked COUNT: the dialog has asked for a PIN so often
asked()
{
	wait_step kClientPinEntry "$1" 120 && return
	tail -n 25 "$logs/chromium"
	return 1
}

check_pin()
{
	ask '{"ceremony":"register"}'
	check "the browser asks for the PIN" asked 1
	check "it is typed" type_pin 2468 kClientPinTapAgain
	answered
	said "registration is verified" '"verified":true' \
	    '"userVerified":true' '"attestation":"basic"'
	ask '{"ceremony":"login"}'
	check "the browser asks for it again" asked 2
	check "another is typed, and the browser asks once more" \
	    type_pin 1357 kClientPinEntry
	check "the right one is typed" type_pin 2468 kClientPinTapAgain
	answered
	said "sign-in is verified" '"verified":true' \
	    '"userVerified":true' '"discoverable":true'
}

start_udev
modprobe uhid
start_sealkey --uhid --set uv=off
wait_hidraw uhid
check "the key gets a PIN" typing 2468 2468 -- fido2-token -S "$hidraw"
start_site --require-attestation
start_display
start_chromium
check_pin
check "the key ends when asked to" stop_sealkey
finish
