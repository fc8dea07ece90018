#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# libfido2's tools against "sealkey run" on uhid: the key as every program on
# this machine sees it.
#
# Time limit: 180 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/fido2.sh"

start_udev
check "the kernel has uhid" modprobe uhid

start_sealkey --uhid
wait_hidraw uhid
check "udev knows it for a security key" \
    grep -q ID_SECURITY_TOKEN=1 <(udevadm info "$hidraw")
check_token "$hidraw"

check "it ends when asked to" stop_sealkey
check "the device is gone with it" hidraw_gone uhid

# the same state again: what was made is still there
start_sealkey --uhid
wait_hidraw uhid
before=$(counter plain-es256)
check "after a restart it signs in" \
    get_assertion "$hidraw" plain-es256 es256.example.com -p
check "the assertion verifies" \
    verify_assertion plain-es256 es256 plain-es256 -p
check "the counter has not gone back" \
    [ "$(counter plain-es256)" -gt "$before" ]
check "after a restart the credential is found" \
    get_assertion "$hidraw" found-es256 found.es256.example.com -r -p
check "that assertion verifies" \
    verify_assertion found-es256 es256 found-es256 -p
check "it ends when asked to" stop_sealkey

start_sealkey --uhid --attestation self
wait_hidraw uhid
check "with self attestation a credential is made" \
    make_credential "$hidraw" self es256 self.example.com
check "it verifies" verify_credential self es256
same "there is no certificate in it" "$(sed -n 7p "$work/self.cred")" ""
check "it ends when asked to" stop_sealkey
finish
