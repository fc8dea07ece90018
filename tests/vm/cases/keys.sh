#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One daemon, several keys: each is a hidraw device of its own, comes and goes
# while the others work, and is found by "sealkey wait ready".
#
# Time limit: 180 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/fido2.sh"

export SEALKEY_CONTROL=$work/control

ctl()
{
	"$sealkey" ctl "$@"
}

# ready ID: where it is, in $hidraw
ready()
{
	hidraw=$("$sealkey" wait --timeout 60 --key "$1" ready)
}

# registered DEVICE NAME RPID
registered()
{
	make_credential "$1" "$2" es256 "$3" && verify_credential "$2" es256
}

# gone PATH: within 10 s
gone()
{
	local i
	for i in {1..100}; do
		[ -e "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

start_udev
modprobe uhid
"$sealkey" run --empty --control "$SEALKEY_CONTROL" 2>"$logs/sealkey" &
sealkey_pid=$!
# waited for before the daemon is there
"$sealkey" wait --timeout 60 ready >"$work/first" 2>"$logs/wait" &
waiting=$!
added()
{
	local i
	for i in {1..100}; do
		ctl add one && return
		sleep 0.1
	done
	return 1
}
check "a key is added" added
check "it was waited for, from before it was there" wait "$waiting"
one=$(cat "$work/first")
check "as a hidraw device" test -c "$one"
check "a second key is added" ctl add two name=Second
check "it is ready" ready two
two=$hidraw
differs "as a device of its own" "$two" "$one"
check "libfido2 lists the first" grep -q "^$one:" <(fido2-token -L)
check "and the second" grep -q "^$two:" <(fido2-token -L)
differs "they have serial numbers of their own" \
    "$(ctl info --key one | sed -n 's/^serial: //p')" \
    "$(ctl info --key two | sed -n 's/^serial: //p')"
check "the first makes a credential" registered "$one" first one.example
check "the second does" registered "$two" second two.example
check "the first signs in" get_assertion "$one" first one.example
refused "the second does not know that credential" \
    get_assertion "$two" first one.example

check "the first is unplugged" ctl unplug --key one
check "its device is gone" gone "$one"
check "the second signs in meanwhile" get_assertion "$two" second two.example
refused "the first is not ready" "$sealkey" wait --timeout 0.5 --key one ready
check "it is plugged in again" ctl plug --key one
check "it is ready" ready one
check "it signs in as before" get_assertion "$hidraw" first one.example

check "the second is removed" ctl remove two
check "its device is gone" gone "$two"
check "the first signs in after that" \
    get_assertion "$hidraw" first one.example
check "the daemon ends when asked to" stop_sealkey
check "and the first device with it" gone "$hidraw"
finish
