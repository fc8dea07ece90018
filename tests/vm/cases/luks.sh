#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# systemd-cryptenroll with a key over uhid: a LUKS volume is opened with what
# the key computes from a salt (hmac-secret): by touch, with verification, and
# with a PIN. The latter takes a key that makes no credential without: from one
# that does (makeCredUvNotRqd) systemd 252 takes the secret without PIN when it
# enrols, and with PIN when it unlocks, which is another, as CTAP wants it.
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

# with_pin PIN COMMAND...: systemd-cryptenroll takes it from a credential, as
# services have them, systemd-cryptsetup from the environment.
with_pin()
{
	mkdir -p "$work/credentials"
	echo -n "$1" >"$work/credentials/fido2-pin"
	(
		export PIN=$1 CREDENTIALS_DIRECTORY=$work/credentials
		shift
		"$@"
	)
}

check_pin()
{
	start_sealkey --uhid --set makeCredUvNotRqd=off
	wait_hidraw uhid
	check "the key gets a PIN" typing 2468 2468 -- fido2-token -S "$hidraw"
	check "the key is enrolled anew, with a PIN" with_pin 2468 enroll \
	    --wipe-slot=fido2 --fido2-with-client-pin=yes
	same "there is one token" "$(tokens)" 1
	refused "without the PIN the volume stays closed" attach
	refused "with another, too" with_pin 1357 attach
	check "that attempt is counted" \
	    grep 'pin retries: 7' <(fido2-token -I "$hidraw")
	check "the volume is opened with the PIN" with_pin 2468 attach
	check "its content is what it was" content
	check "it is closed again" detach
	check "the key ends once more" stop_sealkey
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
check_pin
losetup -d "$loop"
finish
