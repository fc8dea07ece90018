#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pam_u2f with a key over uhid: pamu2fcfg registers, pamtester logs in.
#
# Machine: clients
# Time limit: 180 s

. "$VM_REPO/tests/vm/guest.sh"

# register NAME [OPTION]...: a line for pam_u2f into $work/NAME
register()
{
	local name=$1
	shift
	pamu2fcfg -u root -o pam://guest -i pam://guest "$@" >"$work/$name" ||
	    return
	cat "$work/$name"
	grep -q '^root:' "$work/$name"
}

# service NAME [OPTION]...: a PAM service that asks for nothing but the key
# registered as NAME
service()
{
	local name=$1
	shift
	echo "auth required pam_u2f.so authfile=$work/$name" \
	    "origin=pam://guest appid=pam://guest $*" >"/etc/pam.d/$name"
}

login()
{
	pamtester "$1" root authenticate
}

start_udev
modprobe uhid
start_sealkey --uhid
wait_hidraw uhid
check "the key gets a PIN" typing 2468 2468 -- fido2-token -S "$hidraw"

check "a key is registered" register plain
service plain
check "it logs in" login plain

check "one is registered that verifies the user" register verified -V
service verified userverification=1
check "it logs in, verified" login verified

check "one is registered that demands the PIN" \
    typing 2468 -- register pin -N
service pin pinverification=1
check "it logs in with the PIN" typing 2468 -- login pin
refused "not with another" typing 1357 -- login pin
check "that attempt is counted" \
    grep 'pin retries: 7' <(fido2-token -I "$hidraw")

check "one is registered that the key keeps" \
    typing 2468 -- register resident -r
service resident
check "it logs in without being named" login resident

# what another key made
sed 's/:[^,]*,/:AAAA,/' "$work/plain" >"$work/stranger"
service stranger
refused "a key that is not this one does not log in" login stranger
check "the key ends when asked to" stop_sealkey
refused "without the key nobody logs in" login plain
finish
