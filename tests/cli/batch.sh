#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# batch.sh: sealkey webauthn --batch --keys (TAP): wrong use, which line is for
# which key, the order of answers, errors line by line, keys in directories,
# and that it ends when its input or its reader does.

. "$(dirname "$0")/lib"

ORIGIN=(--origin https://example.com)

# --- the program ----------------------------------------------------------

# batch STATUS ARGUMENT...: lines in $T/in, answers in $T/out
batch()
{
	local wanted=$1 status

	shift
	"$SEALKEY" webauthn "$@" <"$T/in" >"$T/out" 2>"$T/err"
	status=$?
	[ "$status" = "$wanted" ] && return
	echo "exit status $status, wanted $wanted"
	return 1
}

# wrong TEXT ARGUMENT...: exit 2 and one line that has TEXT
wrong()
{
	local text=$1

	shift
	batch 2 "$@" && [ ! -s "$T/out" ] &&
	    [ "$(wc -l <"$T/err")" = 1 ] &&
	    grep -q "^sealkey: webauthn: .*$text" "$T/err"
}

# each FILTER WANTED: what jq makes of the answers, on one line
each()
{
	local got

	got=$(jq -r "$1" "$T/out" | tr '\n' ' ')
	[ "$got" = "$2 " ] && return
	echo "$1 is $got, wanted $2"
	return 1
}

# different FILTER N: the answers have N different ones of that
different()
{
	local got

	got=$(jq -r "$1" "$T/out" | sort -u | wc -l)
	[ "$got" = "$2" ] && return
	echo "$1 has $got values, wanted $2"
	return 1
}

create_options()	# MEMBERS
{
	printf '{"challenge":"AAECAw","rp":{"name":"RP"},%s%s%s}' \
	    '"user":{"id":"AQID","name":"n","displayName":"d"},' \
	    '"pubKeyCredParams":[{"type":"public-key","alg":-7}]' "$1"
}

get_options()		# ID
{
	printf '{"challenge":"AAECAw","allowCredentials":[%s"id":"%s"}]}' \
	    '{"type":"public-key",' "$1"
}

# times N COMMAND...: its output, a line each
times()
{
	local n=$1

	shift
	while [ $((n -= 1)) -ge 0 ]; do
		"$@"
		echo
	done
}

fleet=("${ORIGIN[@]}" --batch --keys)
: >"$T/in"

# --- wrong use ------------------------------------------------------------

check "--keys without --batch" wrong "is for --batch" \
    create "${ORIGIN[@]}" --keys 2
for n in 0 -1 x 2x 100001 99999999999999999999; do
	check "--keys '$n'" wrong "it is a number from 1 to 100000" \
	    create "${fleet[@]}" "$n"
done
check "--jobs 0" wrong "it is a number from 1 to 64" \
    create "${fleet[@]}" 2 --jobs 0
check "--jobs 65" wrong "--jobs cannot be" create "${fleet[@]}" 2 --jobs 65
check "--jobs without --keys" wrong "for --keys" \
    create "${ORIGIN[@]}" --batch --jobs 2
check "a verb behind the options" wrong \
    'unexpected "create"; create or get comes before the options' \
    "${fleet[@]}" 2 create
check "no verb and no --keys" wrong "say create or get" "${ORIGIN[@]}" --batch
check "keys of a socket" wrong "not --socket" \
    create "${fleet[@]}" 2 --socket "$T/none"
check "keys with a PIN" wrong "not --socket" \
    create "${fleet[@]}" 2 --pin-file "$T/none"
check "keys in a TPM" wrong "not --socket" \
    create "${fleet[@]}" 2 --state "$T/s" --tpm none
check "keys with a fault" wrong "is for one key" \
    create "${fleet[@]}" 2 --fault reg.rpidhash
check "half a root" wrong "go together" \
    create "${fleet[@]}" 2 --attestation-root "$T/none"
check "a root that is not there" batch 1 \
    create "${fleet[@]}" 2 --attestation-root "$T/none" \
    --attestation-root-key "$T/none"
check "an origin that may not" batch 1 create --origin http://example.com \
    --batch --keys 2
check "nothing was made" test ! -e "$T/s"

# --- keys by turns ----------------------------------------------------------

check "no line is no answer" batch 0 create "${fleet[@]}" 3
check "and no output" test ! -s "$T/out"
times 6 create_options ',"attestation":"direct"' >"$T/in"
check "six registrations of three keys" batch 0 create "${fleet[@]}" 3
check "are six answers" test "$(wc -l <"$T/out")" = 6
check "with six credentials" different .id 6
jq -r .id "$T/out" >"$T/ids"

# A key that has it refuses another for the same account.
head -n 3 "$T/ids" | while read -r id; do
	create_options ",\"excludeCredentials\":[{\"type\":\"public-key\",
	    \"id\":\"$id\"}]" | tr -d '\n'
	echo
done >"$T/again"
cat "$T/again" >"$T/in"
check "another fleet has none of them" batch 0 create "${fleet[@]}" 3

# --- lines that name their key ----------------------------------------------

for key in 2 0 1 2; do
	printf '{"id":"n%s","key":%s,"create":%s}\n' "$key" "$key" \
	    "$(create_options '')"
done >"$T/in"
check "named keys" batch 0 "${fleet[@]}" 3 --jobs 2
check "answers say which key" each .key "2 0 1 2"
check "and have the ID of their line" each .id "n2 n0 n1 n2"
check "and the response" different .response.id 4

# --- which key, in one process ------------------------------------------------

# The second line needs the answer to the first.
identities()
{
	local id line fd pid key got=""

	coproc "$SEALKEY" webauthn "${fleet[@]}" 4 --jobs 2 2>"$T/err"
	pid=$COPROC_PID fd=${COPROC[1]}
	printf '{"key":2,"create":%s}\n' "$(create_options '')" >&"$fd"
	read -r -t 60 line <&"${COPROC[0]}" || return 1
	id=$(jq -r .response.id <<<"$line")
	for key in 0 1 2 3; do
		printf '{"key":%s,"get":%s}\n' "$key" "$(get_options "$id")" \
		    >&"$fd"
		read -r -t 60 line <&"${COPROC[0]}" || return 1
		got+=$(jq -r '.error.name // "fine"' <<<"$line")\ 
	done
	exec {fd}>&-
	wait "$pid"
	[ $? = 1 ] && [ "$got" = \
	    "NotAllowedError NotAllowedError fine NotAllowedError " ] && return
	echo "$got"
	return 1
}
check "a credential is of one key, and lines are answered at once" identities

# --- many ---------------------------------------------------------------------

for n in {1..600}; do
	printf '{"id":%s,"key":%s,"create":%s}\n' "$n" "$((n * n % 50))" \
	    "$(create_options '')"
done >"$T/in" < /dev/null
check "600 lines for 50 keys, 2 jobs" batch 0 "${fleet[@]}" 50 --jobs 2
check "answers are in the order of the lines" each .id "$(seq -s ' ' 600)"
check "with as many credentials" different .response.id 600
check "more jobs than keys" batch 0 "${fleet[@]}" 50 --jobs 64

# --- honest for good ----------------------------------------------------------

times 4 create_options ',"attestation":"direct"' >"$T/in"
check "keys that never get anything wrong" batch 0 create "${fleet[@]}" 3 \
    --jobs 2 --no-faults
check "register" each '.error.name // "fine"' "fine fine fine fine"
check "however that is said" batch 0 create "${fleet[@]}" 3 --set faults=off
check "in directories, too" batch 0 create "${fleet[@]}" 2 --no-faults \
    --state "$T/honest"
check "for good" [ "$("$SEALKEY" info --json --state "$T/honest/keys/1" |
    jq .faultsAllowed)" = false ]

# --- lines that are bad ---------------------------------------------------------

{
	printf '{"key":0,"create":%s}\n' "$(create_options '')"
	echo nonsense
	printf ' \t\n\n'
	echo '{"key":1}'
	echo '{"key":3,"get":{},"id":"far"}'
	echo '{"key":1,"id":7,"get":{}}'
	head -c 1050000 /dev/zero | tr '\0' ' '
	echo
	printf '{"key":2,"create":%s}' "$(create_options '')"
} >"$T/in"
check "a batch with bad lines fails at its end" batch 1 "${fleet[@]}" 3 --jobs 2
check "each has its answer" each '.error.name // "fine"' \
    "fine SyntaxError SyntaxError SyntaxError TypeError NotSupportedError fine"
check "which says what is wrong" each '.error.message // empty' \
    "not a JSON object neither create nor get the fleet has no key of this number challenge is missing the line is too long"
check "an error has the ID of its line" each '.id // "-"' "- - - far 7 - -"
check "and its key" each '.key // "-"' "0 - 1 3 1 - 2"
check "and nothing is on standard error" test ! -s "$T/err"
check "of create, too" batch 1 create "${fleet[@]}" 3
check "they are options then" each '.error.name // "fine"' \
    "TypeError SyntaxError TypeError TypeError TypeError NotSupportedError TypeError"

# --- attestation ------------------------------------------------------------------

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
    -subj '/C=AA/O=TEST/CN=TEST Root' -keyout "$T/root.key" \
    -out "$T/root.pem" 2>"$T/err"
chmod 600 "$T/root.key"
times 4 create_options ',"attestation":"direct"' >"$T/in"
check "a root for all of them" batch 0 create "${fleet[@]}" 4 --jobs 2 \
    --attestation-root "$T/root.pem" \
    --attestation-root-key "$T/root.key"
# what is behind "x5c" up to the authenticator data is the certificate
under_the_root()
{
	local object

	while read -r object; do
		tr -- '-_' '+/' <<<"$object===" | base64 -di 2>/dev/null |
		    LC_ALL=C grep -q -a "TEST Root" || return 1
	done < <(jq -r .response.attestationObject "$T/out")
}
check "issued what they attest with" under_the_root
# {"fmt": "packed"
packed=o2NmbXRmcGFja2Vk
check "and it is packed" each '.response.attestationObject[0:16]' \
    "$packed $packed $packed $packed"

# --- keys in directories ------------------------------------------------------------

times 4 create_options ',"authenticatorSelection":{"residentKey":"required"}' \
    >"$T/in"
check "keys in directories" batch 0 create "${fleet[@]}" 4 --jobs 2 \
    --state "$T/fleet"
check "have one each" test -d "$T/fleet/keys/0" -a -d "$T/fleet/keys/3"
check "and no more" test ! -e "$T/fleet/keys/4"
jq -r .id "$T/out" >"$T/ids"
n=0
while read -r id; do
	printf '{"key":%s,"get":%s}\n' "$n" "$(get_options "$id")"
	n=$((n + 1))
done <"$T/ids" >"$T/in"
check "which still have it in the next process" batch 0 "${fleet[@]}" 4 \
    --state "$T/fleet"
get_options "$(sed -n 3p "$T/ids")" >"$T/in"
check "and are keys like any other" batch 0 get "${ORIGIN[@]}" \
    --state "$T/fleet/keys/2"
check "with a log of what they did" [ "$("$SEALKEY" audit --json \
    --state "$T/fleet/keys/2" | jq -r .operation |
    grep -c makeCredential)" = 1 ]
check "each its own" batch 1 get "${ORIGIN[@]}" --state "$T/fleet/keys/1"
cp -r "$T/fleet/keys/2" "$T/fleet/keys/4"
for key in 2 4 3; do
	printf '{"key":%s,"get":%s}\n' "$key" \
	    "$(get_options "$(sed -n 3p "$T/ids")")"
done >"$T/in"
check "a copy of one is a clone" batch 1 "${fleet[@]}" 5 --state "$T/fleet"
check "with the same credential" each '.error.name // "fine"' \
    "fine fine NotAllowedError"
mkdir -p "$T/busy/keys" && echo file >"$T/busy/keys/1"
times 3 create_options '' >"$T/in"
check "a key that cannot be opened is an error of its lines" \
    batch 1 create "${fleet[@]}" 3 --state "$T/busy"
check "not of the others'" each '.error.name // "fine"' "fine UnknownError fine"

# --- the end --------------------------------------------------------------------------

# Nobody reads: it ends, and says so or dies of SIGPIPE.
reader_gone()
{
	local status

	times 3000 create_options '' |
	    timeout 60 "$SEALKEY" webauthn create "${fleet[@]}" 8 --jobs 2 \
	    2>"$T/err" | head -n 1 >"$T/out"
	status=${PIPESTATUS[1]}
	[ "$status" = 1 ] || [ "$status" = 141 ]
}
check "it ends when its reader does" reader_gone
times 5 create_options '' >"$T/in"
check "/dev/full is an error" bash -c "'$SEALKEY' webauthn create ${fleet[*]} 2 \
    <'$T/in' >/dev/full 2>'$T/err'; [ \$? = 1 ] &&
    grep -q 'cannot write the output: No space' '$T/err' &&
    [ \$(wc -l <'$T/err') = 1 ]"

plan
