#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Headless Chromium over uhid, at the relying party of tests/rp, which trusts
# the key's test root and nothing else: it registers and signs in, keeps a
# large blob, gets secrets (prf), and does with a key of the time before FIDO2.
# Nobody is there to press, type or choose anything.
#
# Time limit: 360 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/browser.sh"

check_plain()
{
	step "registration is verified" '{"ceremony":"register"}'
	said "its attestation is packed, with a chain to the root" \
	    '"fmt":"packed"' '"attestation":"basic"'
	said "the user was verified" '"userVerified":true'
	step "sign-in without a list is verified" '{"ceremony":"login"}' \
	    '"discoverable":true'
	said "the user was verified again" '"userVerified":true'
}

# login USER EXTENSIONS: the step in which USER signs in, with a list
login()
{
	echo '{"ceremony":"login","allow":true,"userName":"'"$1"'",' \
	    '"extensions":'"$2"'}'
}

# The salts are BASE64URL, as in WebAuthn's JSON.
check_prf()
{
	local salt made
	step "a secret is made at registration" '{"ceremony":"register",
	    "userName":"kim","extensions":{"prf":{"eval":{"first":"AAAA"}}}}' \
	    '"prf":{"enabled":true,"results":{"first":"'
	made=$(output first)
	same "it has 32 bytes" "${#made}" 43
	for salt in AAAA BBBB; do
		step "signing in gives two for salts AAAA and $salt" "$(login kim \
		    '{"prf":{"eval":{"first":"AAAA","second":"'$salt'"}}}')"
		same "the first is that of registration" \
		    "$(output first)" "$made"
	done
	differs "another salt gives another secret" "$(output second)" "$made"
}

check_blob()
{
	step "a key with room for a blob is registered" \
	    '{"ceremony":"register","userName":"robin",
	    "extensions":{"largeBlob":{"support":"required"}}}' \
	    '"largeBlob":{"supported":true}'
	step "a blob is written" \
	    "$(login robin '{"largeBlob":{"write":"aGVsbG8"}}')" \
	    '"largeBlob":{"written":true}'
	step "it is read" "$(login robin '{"largeBlob":{"read":true}}')" \
	    '"largeBlob":{"blob":"aGVsbG8"}'
	step "another is written over it" \
	    "$(login robin '{"largeBlob":{"write":"Z29vZGJ5ZQ"}}')" \
	    '"largeBlob":{"written":true}'
	step "that one is read" \
	    "$(login robin '{"largeBlob":{"read":true}}')" \
	    '"largeBlob":{"blob":"Z29vZGJ5ZQ"}'
}

check_u2f()
{
	check "the key is unplugged" stop_sealkey
	check "its device is gone" hidraw_gone uhid
	start_sealkey --uhid --set versions=U2F_V2
	wait_hidraw uhid
	step "a key that speaks U2F and no more is registered" \
	    '{"ceremony":"register","userName":"lee",
	    "userVerification":"discouraged","residentKey":"discouraged"}'
	said "its attestation is U2F's, with a chain to the root" \
	    '"fmt":"fido-u2f"' '"attestation":"basic"'
	said "nobody was verified" '"userVerified":false'
	step "it signs in" '{"ceremony":"login","allow":true,
	    "userName":"lee","userVerification":"discouraged"}' \
	    '"user":"lee"' '"userVerified":false'
}

start_udev
modprobe uhid
start_sealkey --uhid
wait_hidraw uhid
start_site
start_chromium --headless
check_plain
check_prf
check_blob
check_u2f
check "the key ends when asked to" stop_sealkey
finish
