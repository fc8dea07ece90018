#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Headless Firefox ESR over uhid, at the relying party of tests/rp, which
# trusts the key's test root and nothing else. Nobody is there to press, type
# or choose anything. Firefox would ask whether the site may see the
# attestation, were it not for the preference.
#
# Time limit: 360 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/browser.sh"

check_none()
{
	step "registration is verified" \
	    '{"ceremony":"register","attestation":"none"}' '"fmt":"none"'
	said "the user was verified, the key keeps the credential" \
	    '"userVerified":true' '"credProps":{"rk":true}'
	said "the key's AAGUID is there nevertheless" \
	    '"aaguid":"93a46401-ecad-4593-9b67-4eacf8a0a8c0"'
	step "sign-in without a list is verified" '{"ceremony":"login"}' \
	    '"discoverable":true' '"userVerified":true'
	step "sign-in with a list is verified" \
	    '{"ceremony":"login","allow":true}' '"userVerified":true'
}

check_direct()
{
	step "another user is registered, with attestation" \
	    '{"ceremony":"register","attestation":"direct","userName":"kim"}'
	said "it is packed, with a chain to the root" \
	    '"fmt":"packed"' '"attestation":"basic"'
	step "of two accounts the key picks the newest" \
	    '{"ceremony":"login"}' '"user":"kim"'
	step "the other signs in with a list" \
	    '{"ceremony":"login","allow":true,"userName":"alice"}' \
	    '"user":"alice"'
}

check_not_kept()
{
	step "a key that is not kept is registered" '{"ceremony":"register",
	    "residentKey":"discouraged","userName":"robin"}' \
	    '"credProps":{"rk":false}'
	step "it signs in" \
	    '{"ceremony":"login","allow":true,"userName":"robin"}' \
	    '"user":"robin"'
}

# secret NAME SALT: what the key makes of it for kim, in $secret
secret()
{
	step "$1" '{"ceremony":"login","allow":true,"userName":"kim",
	    "extensions":{"prf":{"eval":{"first":"'"$2"'"}}}}' \
	    '"prf":{"results":{"first":"'
	secret=$(output first)
}

check_prf()
{
	local first
	step "a key for secrets is registered" '{"ceremony":"register",
	    "userName":"kim","extensions":{"prf":{}}}' '"prf":{"enabled":true'
	secret "it gives one" AAAA
	first=$secret
	same "it has 32 bytes" "${#first}" 43
	secret "it gives one for another salt" BBBB
	differs "that is another" "$secret" "$first"
	secret "it is asked again for the first" AAAA
	same "that is the same" "$secret" "$first"
}

# Firefox takes packed, fido-u2f and none, and nothing else.
check_tpm()
{
	check "the key is unplugged" stop_sealkey
	check "its device is gone" hidraw_gone uhid
	start_sealkey --uhid --attestation tpm
	wait_hidraw uhid
	ask '{"ceremony":"register","attestation":"direct","userName":"lee"}'
	answered
	said "what a TPM certified is refused by the browser itself" \
	    '"verified":false' '"error":"browser: '
}

start_udev
modprobe uhid
start_sealkey --uhid
wait_hidraw uhid
start_site
start_firefox security.webauthn.always_allow_direct_attestation:true
check_none
check_direct
check_not_kept
check_prf
check_tpm
check "the key ends when asked to" stop_sealkey
finish
