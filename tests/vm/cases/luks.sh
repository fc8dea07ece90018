#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# systemd-cryptenroll with a key over uhid: a LUKS volume is opened with what
# the key computes from a salt (hmac-secret), by touch and with verification.
# Not with a PIN: systemd 252 asks for none when it enrols a key that makes
# credentials without (makeCredUvNotRqd), and for one when it unlocks, and so
# gets another secret, as CTAP wants it.
#
# Machine: clients
# Time limit: 300 s

. "$VM_REPO/tests/vm/guest.sh"

# enroll OPTION...
enroll()
{
	systemd-cryptenroll \
	    --unlock-key-file="$work/passphrase" --fido2-device="$hidraw" \
	    "$@" "$work/volume"
}

# attach: the volume, as at boot, into /dev/mapper/opened
attach()
{
	timeout 60 \
	    /lib/systemd/systemd-cryptsetup attach opened "$loop" - \
	    "fido2-device=auto,tries=1,token-timeout=5,headless=1"
}

detach()
{
	/lib/systemd/systemd-cryptsetup detach opened
}

# whether what is in the volume is what was put there
content()
{
	cmp -n 65536 "$work/content" /dev/mapper/opened
}

make_volume()
{
	echo -n "a passphrase" >"$work/passphrase"
	truncate -s 32M "$work/volume"
	cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 \
	    --pbkdf-force-iterations 1000 "$work/volume" "$work/passphrase" ||
	    return
	loop=$(losetup --show -f "$work/volume")
}

fill_volume()
{
	head -c 65536 /dev/urandom >"$work/content"
	cryptsetup open --key-file "$work/passphrase" "$loop" opened &&
	    cp "$work/content" /dev/mapper/opened &&
	    cryptsetup close opened
}

tokens()
{
	cryptsetup luksDump --dump-json-metadata "$work/volume" |
	    grep -c '"type": *"systemd-fido2"'
}

start_udev
check "the kernel has what volumes need" \
    modprobe -a uhid loop dm-crypt xts
start_sealkey --uhid
wait_hidraw uhid
check "a volume is made" make_volume
check "it is filled" fill_volume

check "the key is enrolled, by touch alone" enroll \
    --fido2-with-client-pin=no
same "there is a token for it" "$(tokens)" 1
check "the volume is opened by touch alone" attach
check "its content is there" content
check "it is closed" detach

check "the key is enrolled anew, with verification" enroll \
    --wipe-slot=fido2 --fido2-with-client-pin=no \
    --fido2-with-user-verification=yes
check "the volume is opened with verification" attach
check "its content has not changed" content
check "it is closed for good" detach

check "the key ends when asked to" stop_sealkey
check "its device is gone" hidraw_gone uhid
refused "without the key the volume stays closed" attach
losetup -d "$loop"
finish
