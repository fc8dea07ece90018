#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys whose TPM does not behave: what hosts are told, what the key says, and
# that the next operation works. The TPM is swtpm, and what spoils its answers
# is in front of it (tests/tcti_fault.c). (TAP)
. "$(dirname "$0")/lib"
. "$here/tests/cli/swtpm"
# shellcheck disable=SC2016	# single quotes are for eval

# --- the TPM ----------------------------------------------------------------

# script LINE...: what happens from the next command on; none: nothing
script()
{
	printf '%s\n' "$@" >"$T/script.new"
	mv "$T/script.new" "$T/script"
}

# --- the key ----------------------------------------------------------------

# ask KIND: a status, in hexadecimal. A credential that is not discoverable
# is made by the TPM alone; one that is takes its counter as well.
hash=$(printf '%064d' 0)
rp=6b6578616d706c652e636f6d			# "example.com"
algs=81a263616c672664747970656a7075626c69632d6b6579	# ES256
declare -A requests=(
	[make]=01a4015820${hash}02a1626964${rp}03a1626964410104$algs
	[sign]=02a301${rp}025820${hash}05a1627576f5
)
ask()
{
	rawhost cbor "$T/key.sock" "${requests[$1]}" | cut -c 1-2
}

# answers KIND STATUS: that it does
answers()
{
	local got
	got=$(ask "$1")
	[ "$got" = "$2" ] || { echo "$1: ${got:-no answer}, not $2"; return 1; }
}

works()
{
	script && answers make 00 && answers sign 00
}

# What it has said since it started, or since forget_said.
forget_said()
{
	heard=$(wc -c <"$T/key.log")
}
said()
{
	tail -c "+$((heard + 1))" "$T/key.log"
}

# complains WHY: in one line, and once
complains()
{
	[ "$(said | wc -l)" = 1 ] && said | grep -q "^sealkey: .*$1" && return
	echo "it said: $(said)"
	return 1
}

helper()
{
	cat "/proc/$key/task/$key/children"
}

# spoiled RULE KIND STATUS WHY: such an answer of the TPM fails that request
# with the status and a line, and no more than that
spoiled()
{
	local want="$3"
	forget_said
	script "$1"
	answers "$2" "$want" && complains "$4" && works
}

# beside the program, and built as it is
fault=${SEALKEY%/*}/tests/libtss2-tcti-fault.so
[ -e "$fault" ] ||
    { echo "Bail out! tests/tcti_fault.c is not built"; exit 1; }
export SEALKEY_TPM=$fault:script=$T/script,trace=$T/trace,inner=$target

# --- without a daemon --------------------------------------------------------

client_mode()
{
	options AAAA >"$T/options"
	"$SEALKEY" webauthn create --origin https://example.com \
	    --state "$T/alone" <"$T/options" >"$T/out" 2>"$T/err"
}
client_is_told()
{
	script "Create rc 0x921"
	client_mode && return 1
	script
	grep -q '^sealkey: .*: the TPM is locked out' "$T/err" &&
	    client_mode && [ ! -s "$T/err" ]
}

# --- where a key cannot be made ----------------------------------------------

# not_made WHY: nor anything weaker
not_made()
{
	status=0
	timeout 60 "$SEALKEY" run --state "$T/none" --socket "$T/none.sock" \
	    >"$T/out" 2>"$T/err" </dev/null || status=$?
	[ "$status" = 1 ] && one_line && says "$1" &&
	    [ ! -e "$T/none/software.key" ] && [ ! -e "$T/none.sock" ]
}

# What a TPM has of others, and nothing of ours
nothing_left()
{
	tools getcap handles-nv-index | grep -Ei '^- 0x1[89ab][0-9a-f]{5}$'
	[ $? = 1 ]
}

# fill_nv: there is no room for an index of 8 bytes
fill_nv()
{
	local i=0x01900000
	while tools nvdefine $((i++)) -s 1024 -a "ownerread|ownerwrite"; do :; done
	while tools nvdefine $((i++)) -s 8 -a "ownerread|ownerwrite"; do :; done
	[ $((i - 0x01900000)) -gt 4 ]
}

script
check "a TPM is switched on" start_tpm full
check "others fill it" fill_nv
check "there is no room for a key" not_made 'non-volatile memory is full'
check "there is, when one index is gone or two" eval \
    'tools nvundefine 0x01900000 && start_key none && stop_key'
check "a TPM is replaced" eval 'stop_tpm && start_tpm mine'
rm -rf "$T/none"

# RULE = LINE that it is refused with
refusals=(
	'NV_DefineSpace rc 0x14b=non-volatile memory is full'
	'NV_DefineSpace rc 0x9a2=owner hierarchy of the TPM has a password'
	'Startup rc 0x101=has failed'
	'CreatePrimary rc 0x921=locked out'
	'NV_Increment rc 0x920=how often its memory is written'
	'GetCapability lost=does not answer'
	'* truncate 9=no sense'
	'* huge=.'
	'Create flip 20 0x01=something between it and us alters data'
)
fails_to_be_made()
{
	local r=0
	script "${1%=*}"
	not_made "${1##*=}" || r=1
	script
	return "$r"
}
for r in "${refusals[@]}"; do
	check "no key: ${r%=*}" fails_to_be_made "$r"
done
check "none of that stands in its way" eval 'start_key none && stop_key &&
    exits 0 tpm destroy --yes --state "$T/none" && nothing_left'

# --- what a TPM may answer ---------------------------------------------------

check "client mode makes a key" client_mode
check "and says what the TPM has said" client_is_told
check "that key can go" exits 0 tpm destroy --yes --state "$T/alone"
check "a key is made" start_key key
check "it says that nothing of it is hardware" \
    grep -q 'not hardware)$' "$T/key.log"
check "it registers" create key AAAA
check "it works" works

# Codes that pass by themselves are not even noticed.
passes()
{
	local code
	forget_said
	for code in 0x902 0x903 0x904 0x905 0x906 0x908 0x90a 0x922 0x920 \
	    0x923; do
		script "Sign#1 rc $code" "Create#1 rc $code" &&
		    answers make 00 && answers sign 00 || return
	done
	[ -z "$(said)" ]
}
check "what passes is not noticed" passes

# CODE = LINE, for codes that do not, or not soon enough
codes=(
	'0x909=cancelled'
	'0x910=lost what was loaded'
	'0x918=lost our session'
	'0x921=locked out'
	'0x98e=has counted that'
	'0x9a2=refuses the authorization'
	'0x12f=tries are used up'
	'0x1df=made by another TPM'
	'0x18b=is not there'
	'0x99d=(PCRs)'
	'0x128=a PCR changed'
	'0x14a=never written'
	'0x14b=memory is full'
	'0x14c=took that index'
	'0x100=was reset'
	'0x101=has failed'
	'0x143=does not know this command'
	'0x7ff=says 0x7ff'
)
for c in "${codes[@]}"; do
	check "${c%=*} when it signs" \
	    spoiled "Sign rc ${c%=*}" sign 7f "${c##*=}"
done
same_helper()
{
	local before
	before=$(helper)
	spoiled "Sign rc 0x921" sign 7f "locked out" &&
	    [ "$(helper)" = "$before" ]
}
check "a refusal is no reason for another helper" same_helper
check "0x902 when it makes a key" \
    spoiled "Create rc 0x902" make 7f 'no room for another key'
check "0x101 when it makes one" spoiled "Create rc 0x101" make 7f 'has failed'
check "an answer that is lost on its way" \
    spoiled "Create error" make 7f 'does not answer'
check "a command that is" spoiled "Sign lost" sign 7f 'does not answer'

# RULES of answers that make no sense
for r in "truncate 0" "truncate 9" "cut 9" "cut 10" "cut 20" "huge" \
    "flip 0 0x80" "flip 13 0xff"; do
	check "Sign $r" spoiled "Sign $r" sign 7f .
	check "Create $r" spoiled "Create $r" make 7f .
done
check "a signature that was altered" \
    spoiled "Sign flip 30 0x01" sign 7f 'took another key'
check "a key that was" spoiled "Create flip 30 0x01" make 7f .
# what is behind an answer is no part of it
nothing_more()
{
	script "* append 40" && answers make 00 && answers sign 00 && works
}
check "an answer with something behind it" nothing_more

# --- the counter and the PIN -------------------------------------------------

# A commit that is not dated is made up for by the next.
counter_fails()
{
	forget_said
	script "NV_Increment rc 0x920"
	! create key BBBB >"$T/create.out" 2>&1 || return
	complains 'counter of the TPM cannot be advanced.*how often' || return
	script && create key CCCC && works
}
check "a TPM that limits how often its memory is written" counter_fails

"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=0 -O1 -I. \
    -o "$T/pinhost" tests/cli/pinhost.c tests/fido2_wire.c uhid/unix.c \
    -lfido2 || { echo "Bail out! pinhost does not compile"; exit 1; }
pinhost()
{
	"$T/pinhost" "$T/key.sock" "$@"
}
retries()
{
	local got
	got=$(pinhost retries)
	[ "$got" = "$1" ] || { echo "$got left, not $1"; return 1; }
}
check "a PIN is set" pinhost set 1234
# Neither right nor wrong: no try is lost by a TPM that does not answer.
pin_fails()
{
	local rule
	for rule in "NV_Read rc 0x101" "NV_Read lost" "NV_Read error"; do
		script "$rule"
		! pinhost try 1234 | grep -Eqx 'right|wrong|blocked|wait' &&
		    script && retries 8 || return
	done
}
check "a TPM that fails says neither right nor wrong" pin_fails
check "the PIN is what it was" eval '[ "$(pinhost try 1234)" = right ]'
check "and wrong ones count" eval '[ "$(pinhost try 9999)" = wrong ] && retries 7'

# --- a TPM that is slow, and one that hangs ----------------------------------

# keeps_beat KIND STATUS MS: the host hears from the key every 100 ms, and other
# channels are told at once that it is busy, not when the TPM is done. The
# median is what the key does, the longest what the machine had to do besides:
# as much later as a clock of the host's own was, it may come, and some more.
keeps_beat()
{
	local status took count median longest busy at_most usual late
	rawhost beats "$T/key.sock" "${requests[$1]}" >"$T/beats" || return
	read -r status took count median longest busy at_most usual late \
	    <"$T/beats"
	echo "$1: status $status after $took ms; $count keepalives," \
	    "$median ms apart, $longest at most; busy $busy times, within" \
	    "$at_most ms; the host itself: $usual and $late"
	[ "$status" = "$2" ] && [ "$took" -ge "$3" ] &&
	    [ "$median" -ge 95 ] && [ "$median" -le $((usual + 15)) ] &&
	    [ "$longest" -le $((400 + 4 * (late - 100))) ] &&
	    [ "$count" -ge $((took * 8 / 10 / usual - 1)) ] &&
	    [ "$busy" -ge $((count * 8 / 10 - 1)) ] &&
	    [ "$at_most" -le $((150 + 4 * (late - 100))) ]
}
slow()
{
	script "* delay 300"
	keeps_beat make 00 600 && keeps_beat sign 00 300
}
check "300 ms for each command" slow
sed 's/^/# /' "$T/check.out"

hangs()
{
	forget_said
	script "Sign hang"
	keeps_beat sign 7f 9000 && complains 'does not answer' && works
}
check "one that hangs: 10 s, then an error, and the next works" hangs
sed 's/^/# /' "$T/check.out"

# --- a TPM that goes away ----------------------------------------------------

goes_away()
{
	forget_said
	stop_tpm
	answers sign 7f || return
	complains . || return
	answers make 7f && start_tpm mine && works
}
check "one that goes away, and comes back" goes_away
check "the PIN is still there" eval '[ "$(pinhost try 1234)" = right ]'

reset()
{
	stop_tpm
	start_tpm mine
	works || works
}
check "one that is reset meanwhile fails once at most" reset

# --- a helper that goes away -------------------------------------------------

# killed KIND COMMAND: while the TPM is at it
killed()
{
	local before job
	forget_said
	before=$(helper)
	: >"$T/trace"
	script "$2 hang"
	ask "$1" >"$T/killed" &
	job=$!
	eventually grep -qx "$2 hang" "$T/trace" || return
	kill -KILL "$before"
	wait "$job"
	[ "$(cat "$T/killed")" = 7f ] && complains 'the key helper has ended' &&
	    works && [ "$(helper)" != "$before" ]
}
check "the helper is killed while it makes a key" killed make Create
check "and while it signs" killed sign Sign
idle()
{
	forget_said
	kill -KILL "$(helper)"
	works && [ -z "$(said)" ]
}
check "killed while it has nothing to do, nobody notices" idle

# --- two keys on one TPM -----------------------------------------------------

# Without a resource manager, as here, they are in each other's way; then an
# operation may fail and say why, and nothing else may come of it.

# decode: base64url
decode()
{
	local text
	text=$(tr -- -_ +/)
	while [ $((${#text} % 4)) != 0 ]; do text+==; done
	base64 -d <<<"$text"
}
# member NAME FILE: of a response
member()
{
	sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$2" | decode
}
# account NAME: its newest is what it signs in with
account()
{
	create "$1" ZZZZ >"$T/$1.made" || return
	member publicKey "$T/$1.made" | openssl pkey -pubin -inform DER \
	    -out "$T/$1.pem"
}
# signs_in NAME: with the key of that account
signs_in()
{
	sign_in "$1" >"$T/$1.got" || return
	{
		member authenticatorData "$T/$1.got"
		member clientDataJSON "$T/$1.got" |
		    openssl dgst -sha256 -binary
	} >"$T/$1.signed"
	member signature "$T/$1.got" >"$T/$1.sig"
	openssl dgst -sha256 -verify "$T/$1.pem" -signature "$T/$1.sig" \
	    "$T/$1.signed" && return
	echo "$1: wrong signature"
	wrong=$((wrong + 1))
}
turns()
{
	local i
	wrong=0 right=0
	for i in 1 2 3 4 5 6 7 8; do
		signs_in key && right=$((right + 1))
		signs_in two && right=$((right + 1))
	done
	echo "$right right, $wrong wrong"
	[ "$wrong" = 0 ] && [ "$right" -ge 8 ]
}
check "the key has an account" account key
first=$key
check "there can be another key in that TPM" start_key two
second=$key
check "with an account" account two
forget_said
check "they take turns" turns
check "what was in the way is told" eval '! said | grep -v "^sealkey: "'
kill "$second"
check "the other one ends" wait "$second"
key=$first
check "then nothing is in the way" eval 'works || works'
check "the other can go" eval 'exits 0 tpm destroy --yes --state "$T/two" &&
    { works || works; }'
check "the one starts again" eval 'stop_key && start_key key && works'

# --- a TPM that is cleared underneath ----------------------------------------

cleared()
{
	forget_said
	# sessions of helpers that were killed are in its way
	tools flushcontext -l
	tools clear -c p || return
	! sign_in key && answers make 7f && answers make 7f && answers sign 7f ||
	    return
	said | grep -v '^sealkey: ' && return 1
	said | grep -q 'it was cleared\|not the one that it was' || return
	[ ! -e "$T/key/software.key" ]
}
check "cleared, nothing works, and nothing weaker does" cleared
said | sed 's/^/# /'
check "it ends orderly" stop_key
refused()
{
	status=0
	timeout 30 "$SEALKEY" run --state "$T/key" --socket "$T/refused.sock" \
	    >"$T/out" 2>"$T/err" </dev/null || status=$?
	[ "$status" = 1 ] && one_line && says "$1"
}
check "it does not start any more" refused 'or it was cleared'

plan
