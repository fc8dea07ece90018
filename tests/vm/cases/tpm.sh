#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Keys in the TPM behind /dev/tpmrm0, for a user in group tss: who may, what is
# kept through whichever process is killed, what else is in the TPM, two keys
# in one TPM, enrolment with a CA that believes the maker of the TPM, another
# TPM in its place, one that vanishes, one that is cleared.
#
# Time limit: 480 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/fido2.sh"
. "$VM_REPO/tests/vm/tpm.sh"

state=$work/state

check_status()
{
	check "it says where it is" "$sealkey" tpm status --state "$state"
	cp "$work/said" "$logs/status"
	mentions "in the machine's TPM" "reached by: device:/dev/tpmrm0"
	mentions "whose maker it names" "manufacturer: IBM"
	mentions "which refuses older copies" "older copies refused: yes"
}

# nothing_weaker NAME: no key was made that is not in the TPM
nothing_weaker()
{
	same "$1: no weaker key is there" "$(find "$state" \
	    -name software.key -o -name embedded.tpm 2>/dev/null)" ""
}

plug_in()
{
	start_sealkey --uhid "$@"
	wait_hidraw uhid
}

unplug()
{
	check "it ends when asked to" stop_sealkey
	check "the device is gone with it" hidraw_gone uhid
}

# --- who may ----------------------------------------------------------------

check_forbidden()
{
	groups=nogroup
	refused "a user who is not in group tss gets no key" timeout 20 \
	    setpriv --reuid=nobody --regid=nogroup --clear-groups \
	    env HOME="$work" "$program" run --state "$state" --uhid \
	    --tpm device:/dev/tpmrm0
	explains "forbidden TPM" /dev/tpmrm0 tss
	nothing_weaker "forbidden TPM"
}

# --- what is kept ---------------------------------------------------------

retries()
{
	fido2-token -I "$hidraw" | sed -n 's/^pin retries: //p'
}

# The process that holds the keys.
helper()
{
	pgrep -P "$sealkey_pid"
}

kill_key()
{
	kill -KILL "$sealkey_pid"
	wait "$sealkey_pid" 2>/dev/null
	sealkey_pid=
	hidraw_gone uhid
}

sign_in()
{
	get_assertion "$hidraw" found-es256 found.es256.example.com -r -p
}

check_used()
{
	local type
	for type in es256 rs256; do
		check_server_side "$hidraw" "$type"
		check_discoverable "$hidraw" "$type"
	done
	# not in this TPM, but wrapped by a key of it
	check_server_side "$hidraw" eddsa
	check_extensions "$hidraw"
}

check_killed()
{
	check "it gets a PIN" typing 2468 2468 -- fido2-token -S "$hidraw"
	refused "one does not change it without knowing it" \
	    typing 1357 9999 9999 -- fido2-token -C "$hidraw"
	same "that is counted" "$(retries)" 7
	check "the process with the keys is killed" kill -KILL "$(helper)"
	sign_in >/dev/null 2>&1
	check "it signs in with another" sign_in
	same "a try is not forgotten" "$(retries)" 7
	check "the key is killed" kill_key
	plug_in
	check "another signs in" sign_in
	check "the assertion verifies" \
	    verify_assertion found-es256 es256 found-es256 -p
	same "a try is not forgotten" "$(retries)" 7
	same "the machine's own lockout did not count" "$(lockout_counter)" 0x0
}

# --- what else is in the TPM -----------------------------------------------

# make_srk TYPE: at 81000001, by the template that everybody uses
make_srk()
{
	tpm2_createprimary -Q -C o -G "$1" -c "$work/srk" -a "fixedtpm|`
	    `fixedparent|sensitivedataorigin|userwithauth|noda|restricted|`
	    `decrypt" && tpm2_evictcontrol -Q -C o -c "$work/srk" 0x81000001
}

# srk_name: of what is at 81000001
srk_name()
{
	tpm2_readpublic -c 0x81000001 | sed -n 's/^name: //p'
}

check_srk()
{
	local name
	same "nothing was made at 81000001" \
	    "$(handles persistent | grep -ic 0x81000001)" 0
	unplug
	check "an RSA key is put there" make_srk rsa
	name=$(srk_name)
	plug_in
	check "the key is as before" sign_in
	unplug
	rm -rf "$work/other"
	state=$work/other
	start_sealkey --uhid --state "$state"
	wait_hidraw uhid
	check "a new one makes a credential under it" \
	    make_credential "$hidraw" under es256 under.example
	check "it verifies" verify_credential under es256
	unplug
	same "what is there is still there" "$(srk_name)" "$name"
	check "the new one is taken out of the TPM" \
	    "$sealkey" tpm destroy --yes --state "$state"
	same "what is there is still there" "$(srk_name)" "$name"
	tpm2_evictcontrol -Q -C o -c 0x81000001
	state=$work/state
}

# --- two keys in one TPM ------------------------------------------------------

rp()
{
	"$node" "$VM_REPO/tests/rp/cli.mjs" "$@"
}

# The second key's registrations, while the first has as many. The host that
# uses the first is root: hidraw is for whoever sits here, and nobody does.
both()
{
	local first
	"$program" webauthn create --batch --origin https://example.com \
	    --device "$hidraw" <"$work/one.options" >"$work/one.answers" &
	first=$!
	"$sealkey" webauthn create --batch --origin https://example.com \
	    --state "$work/second" <"$work/two.options" \
	    >"$work/two.answers" || return
	wait "$first"
}

# verified NAME STATE: the relying party accepts all of them
verified()
{
	"$sealkey" attestation roots --state "$2" >"$work/$1.roots"
	rp register-verify --db "$work/$1.db" --roots "$work/$1.roots" \
	    --require-attestation --batch <"$work/$1.answers"
}

check_two()
{
	local name before
	before=$(handles nv-index)
	for name in one two; do
		rp register-options --db "$work/$name.db" --count 5 \
		    >"$work/$name.options"
	done
	check "two keys in one TPM register at the same time" both
	check "the first did all of them" verified one "$work/state"
	same "verified each" "$(grep -c '"verified":true' "$work/said")" 5
	check "the second did all of them" verified two "$work/second"
	same "verified each" "$(grep -c '"verified":true' "$work/said")" 5
	check "the second is taken out of the TPM" \
	    "$sealkey" tpm destroy --yes --state "$work/second"
	same "with all that it had there" "$(handles nv-index)" "$before"
}

# --- enrolment --------------------------------------------------------------

# as_file NAME COMMAND...: what it says on standard output is in $work/NAME
as_file()
{
	"${@:2}" >"$work/$1"
}

register_enrolled()
{
	"$sealkey" webauthn create --origin https://example.com \
	    --state "$state" --attestation tpm \
	    <"$work/options" >"$work/answers"
}

verify_enrolled()
{
	rp register-verify --db "$work/enrolled.db" \
	    --roots "$work/ca/root.pem" --require-attestation <"$work/answers"
}

check_enrolment()
{
	local ca=$work/ca
	check "the key asks for a certificate" \
	    as_file csr "$sealkey" tpm csr --state "$state"
	check "there is a CA" "$sealkey" ca init "$ca"
	"$sealkey" attestation roots --state "$state" >"$work/own.pem"
	refused "with other makers of TPMs it refuses" "$sealkey" ca \
	    challenge "$ca" --ek-roots "$work/own.pem" "$work/csr"
	check "it believes the maker of this one" as_file challenge \
	    "$sealkey" ca challenge "$ca" --ek-roots "$ek_roots" "$work/csr"
	check "the key's TPM answers" as_file answer \
	    "$sealkey" tpm answer --state "$state" "$work/challenge"
	check "the CA certifies" as_file chain \
	    "$sealkey" ca issue "$ca" --manufacturer 49424D00 "$work/answer"
	refused "but once" "$sealkey" ca issue "$ca" --manufacturer 49424D00 "$work/answer"
	check "the key takes its certificate" \
	    "$sealkey" tpm enroll --state "$state" "$work/chain"
	rp register-options --db "$work/enrolled.db" >"$work/options"
	check "it registers with that" register_enrolled
	check "a site that trusts the CA believes it" verify_enrolled
}

# --- what befalls TPMs -----------------------------------------------------

# another_tpm: a second one behind the kernel's driver, /dev/tpmrm1
another_tpm()
{
	modprobe tpm_vtpm_proxy || return
	mkdir "$work/tpm1" &&
	    swtpm_setup --tpm2 --tpmstate "$work/tpm1" || return
	swtpm chardev --tpm2 --vtpm-proxy --tpmstate "dir=$work/tpm1" \
	    --flags not-need-init,startup-clear </dev/null \
	    >"$logs/tpm1" 2>&1 {tap}>&- &
	tpm1_pid=$!
	for _ in {1..75}; do
		[ -c /dev/tpmrm1 ] && udevadm settle && return
		sleep 0.2
	done
	cat "$logs/tpm1"
	return 1
}

start_fails()
{
	refused "$1: no key starts" timeout 60 \
	    "$sealkey" run --state "$state" --uhid
	explains "${@}"
	nothing_weaker "$1"
}

check_other_tpm()
{
	check "there is another TPM" another_tpm
	check "it is put in this one's place" \
	    mount --bind /dev/tpmrm1 /dev/tpmrm0
	start_fails "another TPM" TPM
	umount /dev/tpmrm0
}

check_vanishing()
{
	state=$work/vanishing
	start_sealkey --uhid --state "$state" --tpm device:/dev/tpmrm1
	wait_hidraw uhid
	check "a key in the other TPM makes a credential" \
	    make_credential "$hidraw" gone es256 gone.example
	check "it verifies" verify_credential gone es256
	kill -KILL "$tpm1_pid"
	wait "$tpm1_pid" 2>/dev/null
	refused "without the TPM it does not sign in" timeout 60 \
	    fido2-assert -G -i <(fresh_hash; echo gone.example
	    cat "$work/gone.id") "$hidraw"
	refused "and makes no other credential" \
	    make_credential "$hidraw" weak es256 weak.example
	unplug
	start_fails "no TPM" /dev/tpmrm1
	state=$work/state
}

check_cleared()
{
	plug_in
	check "the key is as it was" sign_in
	check "the TPM is cleared" tpm2_clear
	refused "the credential is gone" sign_in
	refused "no other is made" \
	    make_credential "$hidraw" weak es256 weak.example
	unplug
	start_fails "cleared TPM" clear
}

node=$(node "$VM_REPO/tests/rp/runtime.mjs") || give_up "no Node.js"
start_udev
modprobe uhid
use_tpm
check_forbidden
plug_in
check_status
check_used
check_killed
check_srk
plug_in
check_two
unplug
check_enrolment
check_other_tpm
check_vanishing
check_cleared
finish
