#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Headless Chromium over uhid, with keys in the TPM behind /dev/tpmrm0 and a
# key that runs as an ordinary user: what the TPM certified passes through the
# browser, and the relying party, which trusts the key's test root and nothing
# else, believes it. So do fido2-lib, of RSA keys, and tpm2-tools.
#
# Time limit: 480 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/browser.sh"
. "$VM_REPO/tests/vm/tpm.sh"

# certified NAME USER ALG: a key is registered, certified by the TPM
certified()
{
	step "$1 is registered" '{"ceremony":"register","attestation":"direct",
	    "userName":"'"$2"'","algs":['"$3"']}' '"fmt":"tpm"'
	said "it is certified by a TPM, with a chain to the root" \
	    '"attestation":"attca"' '"TPM of id:49424D00'
	step "it signs in" \
	    '{"ceremony":"login","allow":true,"userName":"'"$2"'"}' \
	    '"user":"'"$2"'"' '"userVerified":true'
}

# What the browser passed on, before others who know the format
judged()
{
	"$node" "$VM_REPO/tests/rp/tpm_check.mjs" "$@"
}

judge_all()
{
	judged <"$logs/answers"
}

# of RSA keys, by RSA keys and by others
judge_rsa()
{
	grep -e '"publicKeyAlgorithm":-257' "$logs/answers" >"$work/rsa"
	judged --fido2-lib <"$work/rsa"
}

node=$(node "$VM_REPO/tests/rp/runtime.mjs") || give_up "no Node.js"
start_udev
modprobe uhid
use_tpm
start_sealkey --uhid --attestation tpm
wait_hidraw uhid
start_site --answers "$logs/answers" --require-attestation
start_chromium --headless
certified "a P-256 key" alice -7
certified "an RSA key" robin -257
check "the key ends when asked to" stop_sealkey
check "its device is gone" hidraw_gone uhid

start_sealkey --uhid --attestation tpm --set tpmKeyAlgorithm=RS256
wait_hidraw uhid
certified "an RSA key, by an RSA key," kim -257
check "tpm2-tools see the same in each" judge_all
same "these are three" "$(wc -l <"$work/said")" 3
check "so does fido2-lib in those of RSA" judge_rsa
same "these are two" "$(wc -l <"$work/said")" 2
check "the key ends when asked to" stop_sealkey
finish
