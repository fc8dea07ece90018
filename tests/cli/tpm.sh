#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A key in a TPM that remembers more than the state directory does: swtpm, in
# a process of its own, with its memory somewhere else. (TAP)
. "$(dirname "$0")/lib"
. "$here/tests/cli/swtpm"
# shellcheck disable=SC2016	# single quotes are for eval

# --- TPMs -------------------------------------------------------------------

# What outlives a reset in the TPM.
inventory()
{
	tools getcap handles-nv-index && tools getcap handles-persistent
}

# --- keys -------------------------------------------------------------------

# refused WHY: the key does not start, and says so in one line
refused()
{
	status=0
	timeout 30 "$SEALKEY" run --state "$T/key" --socket "$T/refused.sock" \
	    >"$T/out" 2>"$T/err" </dev/null || status=$?
	[ "$status" = 1 ] && one_line && says "$1" && [ ! -e "$T/refused.sock" ] && [ ! -e "$T/key/software.key" ]
}

# copy TO, put_back FROM: of the state directory
copy()
{
	rm -rf "${T:?}/$1" && cp -a "$T/key" "$T/$1"
}
put_back()
{
	rm -rf "${T:?}/key" && cp -a "$T/$1" "$T/key"
}

# with_key COMMAND...: while it runs
with_key()
{
	local r=0
	start_key key || return
	"$@" || r=$?
	stop_key && return "$r"
}

pinhost()
{
	"$T/pinhost" "$T/key.sock" "$@"
}

# tried WANT PIN
tried()
{
	local got
	got=$(pinhost try "$2")
	[ "$got" = "$1" ] || { echo "$2 is $got"; return 1; }
}

# fact NAME: of tpm status, as it is in JSON
fact()
{
	"$SEALKEY" tpm status --state "$T/key" --json |
	    sed -n "s/^ *\"$1\": \"*\([^\",]*\)\"*,*$/\1/p"
}

"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=0 -O1 -I. \
    -o "$T/pinhost" tests/cli/pinhost.c tests/fido2_wire.c uhid/unix.c \
    -lfido2 || { echo "Bail out! pinhost does not compile"; exit 1; }

# --- where a key is made ----------------------------------------------------

export SEALKEY_TPM=$target

check "no TPM, no key" refused "$T/tpm"
check "and nothing weaker" [ ! -e "$T/key/sealkey.db" ]
check "a TPM is switched on" start_tpm mine
check "a key is made in it" start_key key
check "and says where it is" grep -Eq \
    "keys in the TPM swtpm:path=$T/tpm \(IBM .*firmware [0-9a-f]{16}; not hardware\)$" \
    "$T/key.log"
check "it registers" create key AAAA
tells_all()
{
	[ "$(fact kind)" = swtpm ] && [ "$(fact target)" = "$target" ] &&
	    [ "$(fact manufacturer)" = IBM ] && [ "$(fact pin)" = index ] &&
	    [ "$(fact pinRetries)" = 8 ] && [ "$(fact pcrs)" = false ] &&
	    [ "$(fact rollbackProtection)" = true ] &&
	    [ "$(fact generation)" = "$(fact counter)" ]
}
check "tpm status of a running key" tells_all
check "which cannot be resealed meanwhile" \
    exits 1 tpm reseal --state "$T/key"
check "it ends" stop_key
check "tpm status of one at rest" tells_all
reads_well()
{
	exits 0 tpm status --state "$T/key" || return
	prints '^TPM: swtpm$' && prints '^PIN retries left: 8$' &&
	    prints '^older copies refused: yes$' && prints '^hardware: no$' &&
	    prints '^storage root key: made at each start$'
}
check "and for people" reads_well
check "info says so, too" eval 'exits 0 info --state "$T/key" &&
    prints "^TPM: swtpm$" && prints "^PIN kept by: index$"'
check "no key is outside" [ ! -e "$T/key/software.key" ]

check "it starts again" with_key sign_in key
restart_tpm()
{
	stop_tpm
	start_tpm mine
}
check "and after the machine was off" eval 'restart_tpm &&
    with_key sign_in key'

other_target_is_refused()
{
	local other
	for other in none embedded device:/dev/tpmrm0; do
		exits 1 run --state "$T/key" --tpm "$other" \
		    --socket "$T/x.sock" || return
		says "\"$other\"" || return
	done
}
check "another target is refused" other_target_is_refused
check "it is not sealed to PCRs afterwards" eval \
    'exits 1 run --state "$T/key" --tpm-pcrs 16 --socket "$T/x.sock" &&
    says "was made without PCRs" && says "reseal --pcrs"'
check "auto is the one it has" eval 'start_key key --tpm auto && stop_key'
check "the environment is for new ones" \
    env SEALKEY_TPM=none "$SEALKEY" info --state "$T/key"

# --- older copies -----------------------------------------------------------

check "a copy is taken" copy older
check "the key goes on" with_key create key BBBB
check "the copy is put back" put_back older
check "it is refused" refused 'older copy of this state directory (generation'
check "and says what to do" says 'sealkey tpm accept-rollback'
check "others refuse it, too" eval \
    'exits 1 credentials list --state "$T/key" && says "older copy" &&
    exits 1 reset --yes --state "$T/key" && says "older copy"'
check "tpm status does not" [ "$(fact counter)" = $(($(fact generation) + 1)) ]
check "nobody accepts it unasked" exits 2 tpm accept-rollback --state "$T/key"
check "nothing was changed by that" refused 'older copy'
accepts()
{
	exits 0 tpm accept-rollback --yes --state "$T/key" || return
	prints 'It has 1 credential, the newest made 20' || return
	[ "$(stat -c %a "$T/key/audit.log")" = 600 ] &&
	    [ "$(grep -c '"event":"accept-rollback","from":' \
	    "$T/key/audit.log")" = 1 ]
}
check "the owner accepts it, which is written down" accepts
check "it is what it was when copied" eval \
    'with_key sign_in key && exits 0 info --state "$T/key" &&
    prints "^credentials: 1$"'
check "there is nothing more to accept" eval \
    'exits 1 tpm accept-rollback --yes --state "$T/key" && says "no older copy"'
check "it goes on" with_key create key CCCC
check "the copy is as old as before" eval 'copy newer && put_back older &&
    refused "older copy" && put_back newer'

# --- another TPM ------------------------------------------------------------

check "another machine" eval 'stop_tpm && start_tpm other'
check "has no use for the directory" refused 'not the TPM that the keys are in'
check "and puts nothing in its TPM" [ -z "$(inventory)" ]
check "nor does it open there for its owner" eval \
    'exits 1 info --state "$T/key" && exits 1 tpm accept-rollback --yes \
    --state "$T/key"'
check "no TPM at all" eval 'stop_tpm && refused "$T/tpm"'
check "its own one" eval 'start_tpm mine && with_key sign_in key'

# --- the PIN ----------------------------------------------------------------

check "a PIN is set" with_key pinhost set 1234
check "and counts" eval 'start_key key && tried right 1234 &&
    tried wrong 0000 && [ "$(pinhost retries)" = 7 ] && stop_key'
check "a copy is taken, of a key with 7 retries" copy older
twice_wrong()
{
	tried wrong 0000 && tried wrong 0001
}
check "two more, and the key restarts" with_key twice_wrong
check "two more, and it is killed" eval 'start_key key && twice_wrong &&
    kill -KILL "$key"; ! wait "$key" 2>/dev/null'
# generations are the same: nothing but the TPM knows
check "the copy is put back" put_back older
check "it has as many retries as the original" eval \
    'start_key key && [ "$(pinhost retries)" = 3 ] && stop_key'
check "two more" with_key twice_wrong
check "the eighth" eval 'start_key key && tried blocked 0000 && stop_key'
check "it is blocked" eval 'start_key key && tried blocked 1234 &&
    [ "$(pinhost retries)" = 0 ] && stop_key'
check "it says so" [ "$(fact pinRetries)" = 0 ]
check "in the copy as well" eval 'put_back older && start_key key &&
    tried blocked 1234 && stop_key'
check "a copy of before there was a PIN is refused" eval \
    'put_back newer && refused "older copy"'
check "and blocked, if it is accepted" eval \
    'exits 0 tpm accept-rollback --yes --state "$T/key" &&
    start_key key && tried blocked 1234 && stop_key'
check "by which all others became older copies" eval \
    'put_back older && refused "older copy" &&
    exits 0 tpm accept-rollback --yes --state "$T/key"'
check "it is also after the machine was off" eval 'restart_tpm &&
    start_key key && tried blocked 1234 && stop_key'
check "the TPM's own lockout has not noticed" eval \
    'tools getcap properties-variable | grep -q "TPM2_PT_LOCKOUT_COUNTER: 0x0$"'
check "a reset gives another PIN" eval 'exits 0 reset --yes --state "$T/key" &&
    with_key pinhost set 4321'
check "which has its retries" eval 'start_key key && tried right 4321 &&
    [ "$(pinhost retries)" = 8 ] && stop_key'

# indices FILE: how many NV indices an inventory has, in the owner's range
indices()
{
	grep -Eci '^- 0x1[89ab][0-9a-f]{5}$' "$1"
}

# --- taking leave -----------------------------------------------------------

check "somebody else uses the TPM, too" tools nvdefine 0x01800001 -s 8 \
    -a "ownerread|ownerwrite"
check "what there is" eval 'inventory >"$T/before" &&
    [ "$(indices "$T/before")" = 3 ]'
check "destroy asks" exits 2 tpm destroy --state "$T/key"
check "it is not for a key that runs" eval 'start_key key &&
    exits 1 tpm destroy --yes --state "$T/key" && says "in use" && stop_key'
check "it removes what is ours" eval \
    'exits 0 tpm destroy --yes --state "$T/key" && inventory >"$T/after" &&
    grep -qx -e "- 0x1800001" "$T/after" &&
    [ "$(indices "$T/after")" = 1 ]'
check "no persistent object came or went" \
    cmp <(sed -n '/0x81/p' "$T/before") <(sed -n '/0x81/p' "$T/after")
check "it is written down" grep -q '"event":"destroy"' "$T/key/audit.log"
check "what is left is of no use" refused 'the file tpm'
check "an older copy neither" eval 'put_back older && refused .'
check "nor does it become another key" [ -e "$T/key/sealkey.db" ]

# --- PCRs -------------------------------------------------------------------

# 16 is the one that anybody may extend
printf 'correct horse\n' >"$T/phrase"
printf 'wrong horse\n' >"$T/wrong"
rm -rf "$T/key"
check "a key that is sealed to a PCR" eval \
    'start_key key --tpm-pcrs 16 --tpm-recovery "$T/phrase" && stop_key'
check "says so" [ "$(fact pcrs)" = true ]
check "it opens" with_key create key AAAA
check "also if it is asked to be what it is" eval \
    'start_key key --tpm-pcrs 16 && stop_key'
check "the PCR changes" tools pcrextend \
    16:sha256=0000000000000000000000000000000000000000000000000000000000000001
check "it does not open" refused 'PCR'
check "nor by another passphrase" exits 1 tpm reseal --state "$T/key" \
    --recovery "$T/wrong"
check "it does by its own" eval \
    'start_key key --tpm-recovery "$T/phrase" && sign_in key && stop_key'
check "which changes nothing" refused 'PCR'
check "it is sealed anew" exits 0 tpm reseal --state "$T/key" \
    --recovery "$T/phrase"
check "and opens" with_key sign_in key
check "until the PCR changes again" eval 'tools pcrextend \
    16:sha256=0000000000000000000000000000000000000000000000000000000000000001 &&
    refused PCR'
check "when the passphrase is as good as before" exits 0 tpm reseal \
    --state "$T/key" --recovery "$T/phrase"
check "the PCRs are those of reseal" exits 2 tpm reseal --pcrs 7,24 \
    --state "$T/key"
check "and of nothing else" exits 2 tpm status --pcrs 23 --state "$T/key"
check "it is sealed to another PCR" exits 0 tpm reseal --pcrs 23 \
    --state "$T/key" --recovery "$T/phrase"
check "which is written down" \
    grep -q '"pcrs":\[23\],"recovery":true' "$T/key/audit.log"
check "and not to the one before" eval 'tools pcrextend \
    16:sha256=0000000000000000000000000000000000000000000000000000000000000001 &&
    with_key sign_in key'
check "that one changes" eval 'tools pcrextend \
    23:sha256=0000000000000000000000000000000000000000000000000000000000000001 &&
    refused PCR'
check "a key that was sealed to none" eval 'rm -rf "$T/key" &&
    with_key create key AAAA'
check "has nothing to be sealed anew" eval \
    'exits 1 tpm reseal --state "$T/key" && says "not sealed to PCRs; --pcrs"'
check "but can be from now on" eval \
    'exits 0 tpm reseal --pcrs 16,23 --recovery "$T/phrase" --state "$T/key" &&
    [ "$(fact pcrs)" = true ] && with_key sign_in key'
check "and is" eval 'tools pcrextend \
    23:sha256=0000000000000000000000000000000000000000000000000000000000000001 &&
    refused PCR'
check "what it was opens it" exits 0 tpm reseal --pcrs 16 \
    --recovery "$T/phrase" --state "$T/key"

# --- a TPM that was cleared -------------------------------------------------

check "the TPM is cleared" tools clear -c p
check "its keys are gone for good" refused 'or it was cleared'
check "another key can be made" eval 'rm -rf "$T/key" && with_key create key AAAA'

# --- what cannot be ---------------------------------------------------------

embedded_is_copied()
{
	exits 0 attestation roots --state "$T/soft" --tpm embedded &&
	    exits 0 tpm status --state "$T/soft" &&
	    prints '^older copies refused: no$' &&
	    prints '^storage root key: 0x81000001$'
}
check "a copy of an embedded TPM is one, and it says so" embedded_is_copied
check "a key that is in no TPM" eval 'rm -rf "$T/soft" &&
    options AAAA | "$SEALKEY" webauthn create --state "$T/soft" --tpm none \
    --origin https://example.com && [ -e "$T/soft/software.key" ]'
roots_where_told()
{
	exits 0 attestation roots --state "$T/early" --tpm none &&
	    [ -e "$T/early/software.key" ] &&
	    exits 1 attestation roots --state "$T/early" --tpm embedded
}
check "attestation roots makes one where it is told" roots_where_told
for verb in "status" "reseal" "accept-rollback --yes" "destroy --yes"; do
	# unquoted: words
	# shellcheck disable=SC2086
	check "has no tpm ${verb%% *}" eval \
	    'exits 1 tpm $verb --state "$T/soft" && says "not in a TPM"'
done
check "and can be used still" exits 0 info --state "$T/soft"
check "PCRs are numbers" exits 2 run --tpm-pcrs 7,24 --state "$T/none"
check "without blanks" exits 2 run --tpm-pcrs '7, 8' --state "$T/none"
check "a passphrase is in a file" exits 2 run --tpm-recovery "$T/nowhere" \
    --state "$T/none"
: >"$T/empty"
check "that is not empty" exits 2 run --tpm-recovery "$T/empty" \
    --state "$T/none"
check "--tpm is for a key from --state" exits 2 webauthn get --tpm embedded \
    --origin https://example.com --socket "$T/key.sock"
check "none of them made a key" [ ! -e "$T/none" ]
check "tpm wants to know what" exits 2 tpm --state "$T/key"
check "and nothing else" exits 2 tpm explode --state "$T/key"

plan
