#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# webauthn.sh: the command line of the client mode (TAP): wrong use, batches,
# errors, and that the engine in the process and one behind a socket get
# the same out of the same key. What relying parties say is tests/rp/pipe.sh.
#
# SEALKEY names the program; build/sealkey.

set -u
cd "$(dirname "$0")/../.." || exit 1
SEALKEY=${SEALKEY:-build/sealkey}
ORIGIN=(--origin https://example.com)

count=0
failures=0
key=			# process ID of "sealkey run"
work=$(mktemp -d "${TMPDIR:-/tmp}/sealkey-webauthn.XXXXXX") || exit 1

stop_key()
{
	[ -z "$key" ] && return
	kill "$key" 2>/dev/null
	wait "$key" 2>/dev/null
	key=
}

cleanup()
{
	stop_key
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# --- TAP ------------------------------------------------------------------

# check NAME COMMAND...: the command must succeed
check()
{
	local name=$1

	shift
	count=$((count + 1))
	if "$@" >"$work/said" 2>&1; then
		echo "ok $count - $name"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $count - $name"
	echo "# $*"
	cat "$work/said" "$work/error" 2>/dev/null | sed 's/^/# /'
}

# --- the program ----------------------------------------------------------

# webauthn ARGUMENT...: options in $work/in, answer in $work/out
webauthn()
{
	"$SEALKEY" webauthn "$@" <"$work/in" >"$work/out" 2>"$work/error"
	status=$?
}

# exits STATUS ARGUMENT...
exits()
{
	local wanted=$1

	shift
	webauthn "$@"
	[ "$status" = "$wanted" ] && return
	echo "exit status $status, wanted $wanted"
	return 1
}

# refused NAME ARGUMENT...: one line with the name of the exception
refused()
{
	local name=$1

	shift
	exits 1 "$@" || return
	[ ! -s "$work/out" ] && [ "$(wc -l <"$work/error")" = 1 ] &&
	    grep -q "^sealkey: webauthn: $name: " "$work/error"
}

# wrong ARGUMENT...: exit 2 and one line
wrong()
{
	exits 2 "$@" && [ ! -s "$work/out" ] &&
	    [ "$(wc -l <"$work/error")" = 1 ] &&
	    grep -q '^sealkey: webauthn: ' "$work/error"
}

# member NAME [N]: of line N of the answer, as it stands there
member()
{
	sed -n "${2:-1}s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$work/out"
}

# says NAME VALUE [N]
says()
{
	[ "$(member "$1" "${3:-1}")" = "$2" ] && return
	echo "$1 is $(member "$1" "${3:-1}"), wanted $2"
	return 1
}

create_options()	# MEMBERS
{
	printf '{"challenge":"AAECAw","rp":{"name":"RP"},%s%s%s}\n' \
	    '"user":{"id":"AQID","name":"n","displayName":"d"},' \
	    '"pubKeyCredParams":[{"type":"public-key","alg":-7}]' "$1"
}

get_options()		# MEMBERS
{
	printf '{"challenge":"AAECAw"%s}\n' "$1"
}

start_key()		# ARGUMENT...
{
	mkfifo "$work/ready"
	"$SEALKEY" run --socket "$work/socket" --ready-fd 3 "$@" \
	    3>"$work/ready" 2>"$work/log" &
	key=$!
	# Ends when the key is ready, or gone.
	cat "$work/ready" >/dev/null
	rm "$work/ready"
}

# --- wrong use ------------------------------------------------------------

get_options '' >"$work/in"
check "no verb is wrong use" wrong
check "another verb is wrong use" wrong sign "${ORIGIN[@]}"
check "no origin is wrong use" wrong get --state "$work/s"
check "an origin with a path is wrong use" \
    wrong get --origin https://example.com/x --state "$work/s"
check "an origin without a scheme is wrong use" \
    wrong get --origin example.com --state "$work/s"
check "an origin that is not ASCII is wrong use" \
    wrong get --origin https://münchen.example --state "$work/s"
check "two tokens are wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --socket "$work/x"
check "--attestation of a socket is wrong use" \
    wrong get "${ORIGIN[@]}" --attestation self --socket "$work/x"
check "an attestation that is none is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --attestation tmp
check "--set of a socket is wrong use" \
    wrong get "${ORIGIN[@]}" --set rk=off --socket "$work/x"
check "--set of a device is wrong use" \
    wrong get "${ORIGIN[@]}" --set rk=off --device /dev/null
check "a setting that there is none of is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --set colour=red
check "it says which" grep -q 'no setting "colour"' "$work/error"
check "a setting that it cannot be is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --set rk=maybe
check "--set without a setting is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --set
check "--set with a name alone is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --set rk
check "--set takes no option for one" \
    wrong get "${ORIGIN[@]}" --set --state "$work/s"
check "an attachment that is none is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --attachment usb
check "which says what there is" grep -q "it is cross-platform or platform" \
    "$work/error"
check "a certificate that ends before it begins is refused" \
    exits 1 create "${ORIGIN[@]}" --state "$work/dates" \
    --set attestationNotBefore=2031-01-01 --set attestationNotAfter=2030-01-01
check "in whatever order that is said" \
    grep -q "attestationNotBefore is later than" "$work/error"
check "operands are wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" more
check "an unknown option is wrong use" wrong get "${ORIGIN[@]}" --frobnicate
check "--pin-file without a file is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$work/s" --pin-file
check "wrong use makes no state directory" test ! -e "$work/s"
check "--help" exits 0 --help
check "--help says how" grep -q '^Usage: sealkey webauthn create' "$work/out"
check "--help after other options" exits 0 create "${ORIGIN[@]}" --help
check "--version" exits 0 get --version
check "--set help" exits 0 --set help
check "it lists the settings" grep -q '^largeBlob=on|off$' "$work/out"
"$SEALKEY" run --set help >"$work/settings"
check "which are those of run" cmp "$work/settings" "$work/out"

# --- tokens that are not there ----------------------------------------------

no_token()		# ARGUMENT...
{
	exits 1 get "${ORIGIN[@]}" "$@" && [ ! -s "$work/out" ] &&
	    [ "$(wc -l <"$work/error")" = 1 ]
}
check "no socket" no_token --socket "$work/none"
check "a socket nobody listens on" no_token --socket "$work/in"
check "a socket with a path that is too long" \
    no_token --socket "$work/$(printf '%0120d' 0)"
check "no device" no_token --device /dev/no-such-hidraw
check "a device that is none" no_token --device /dev/null
check "says so" grep -q "/dev/null: that is no FIDO key" "$work/error"

check "no PIN file" no_token --state "$work/pinless" --pin-file "$work/none"
for pin in '' 123 "$(printf '%064d' 0)" $'12\xff34'; do
	printf '%s\n' "$pin" >"$work/pin"
	check "'${pin:0:8}' is no PIN" \
	    no_token --state "$work/pinless" --pin-file "$work/pin"
	check "and is not printed" \
	    test "$(grep -c "characters to 63 bytes" "$work/error")" = 1
done

unused()		# STATE ARGUMENT...
{
	refused SecurityError get --state "$1" "${@:2}" && [ ! -e "$1" ]
}
check "a page that may not use keys makes none" \
    unused "$work/unused" --origin https://127.0.0.1
check "nor does one without a secure context" \
    unused "$work/unused" --origin http://example.com

# --- one at a time ------------------------------------------------------------

state=("${ORIGIN[@]}" --state "$work/key")
create_options ',"authenticatorSelection":{"residentKey":"required"},
    "extensions":{"credProps":true,"prf":{}}' >"$work/in"
check "a registration makes the state directory" exits 0 create "${state[@]}"
check "it is one line" test "$(wc -l <"$work/out")" = 1
check "credProps" says rk true
check "prf is enabled" says enabled true
check "the claim is cross-platform" \
    says authenticatorAttachment cross-platform
id=$(member id)
get_options '' >"$work/in"
full_disk()
{
	"$SEALKEY" webauthn get "${state[@]}" <"$work/in" >/dev/full \
	    2>"$work/error"
	[ $? = 1 ] && grep -q "cannot write" "$work/error"
}
check "a full disk behind standard output is a failure" full_disk

create_options ',"authenticatorSelection":{"residentKey":"required"}' \
    >"$work/in"
other=("${ORIGIN[@]}" --state "$work/other")
check "--set makes it a key of another kind" \
    refused ConstraintError create "${other[@]}" --set rk=off
check "the last --set counts" \
    exits 0 create "${other[@]}" --set rk=off --set rk=on
create_options ',"attestation":"direct"' >"$work/in"
# The end of "attStmt", and a map of two: there is no x5c.
self=dFN0bXSi
check "--set attestation=self" \
    exits 0 create "${other[@]}" --set attestation=self
check "is self attestation" grep -q "$self" "$work/out"
check "--attestation packed behind it" exits 0 create "${other[@]}" \
    --set attestation=self --attestation packed
check "has a chain" grep -q "${self%i}j" "$work/out"
create_options ',"authenticatorSelection":{"authenticatorAttachment":
    "platform"}' >"$work/in"
check "nobody is a platform authenticator unasked" \
    refused NotAllowedError create "${state[@]}"
check "--attachment platform is one" \
    exits 0 create "${state[@]}" --attachment platform
check "and says so" says authenticatorAttachment platform

create_options ",\"excludeCredentials\":[{\"type\":\"public-key\",
    \"id\":\"$id\"}]" >"$work/in"
check "an excluded credential" refused InvalidStateError create "${state[@]}"
create_options '' | sed 's/-7/-65535/' >"$work/in"
check "an algorithm that there is none of" \
    refused NotSupportedError create "${state[@]}"
get_options ',"rpId":"com"' >"$work/in"
check "somebody else's RP ID" refused SecurityError get "${state[@]}"
get_options '' >"$work/in"
check "an address" refused SecurityError get --origin https://127.0.0.1 \
    --state "$work/key"
check "a site that is not known" refused NotAllowedError get \
    --origin https://example.org --state "$work/key"
echo '{"challenge":"AA=="}' >"$work/in"
check "padding" refused EncodingError get "${state[@]}"
echo '{"challenge":5}' >"$work/in"
check "a number for a challenge" refused TypeError get "${state[@]}"
: >"$work/in"
check "nothing at all" refused SyntaxError get "${state[@]}"
check "and says so" grep -q "no options on standard input" "$work/error"
printf '{"challenge": "AA",\n "rpId" 5}' >"$work/in"
check "a syntax error" refused SyntaxError get "${state[@]}"
check "and says where" grep -q "line 2, column" "$work/error"
get_options ',"timeout":null,"extensions":null' >"$work/in"
check "null for a timeout" exits 0 get "${state[@]}"
create_options ',"timeout":"60000","authenticatorSelection":{
    "requireResidentKey":null}' >"$work/in"
check "null for a boolean, text for a number" exits 0 create "${state[@]}"
{ get_options ''; head -c 1048577 /dev/zero | tr '\0' ' '; } >"$work/in"
check "more than a mebibyte" refused NotSupportedError get "${state[@]}"

# --- batches ------------------------------------------------------------------

{
	get_options ''
	echo nonsense
	printf ' \t\n\n'
	get_options ",\"allowCredentials\":[{\"type\":\"public-key\",
	    \"id\":\"$id\"}]" | tr -d '\n'
	echo
	get_options ',"rpId":"example.org"'
	get_options '' | tr -d '\n'	# the last line need not end
} >"$work/in"
check "a batch with failures fails at its end" exits 1 get "${state[@]}" --batch
check "one line out for each line in" test "$(wc -l <"$work/out")" = 5
check "errors say nothing on standard error" test ! -s "$work/error"
check "line 1 is an answer" says id "$id" 1
check "line 2 is an error" says name SyntaxError 2
check "line 3 is an answer, blank lines aside" says id "$id" 3
check "line 4 is an error" says name SecurityError 4
check "line 5 is an answer" says id "$id" 5

{
	head -c 1048577 /dev/zero | tr '\0' ' '
	echo
	get_options ''
} >"$work/in"
check "a line that is too long fails" exits 1 get "${state[@]}" --batch
check "it is one error" says name NotSupportedError 1
check "and the next line is an answer" says id "$id" 2
: >"$work/in"
check "an empty batch is done" exits 0 get "${state[@]}" --batch
check "and says nothing" test ! -s "$work/out"

# Whoever holds the other end of the pipes waits for each answer.
dialogue()
{
	local line fd pid result=1

	coproc "$SEALKEY" webauthn get "${state[@]}" --batch
	pid=$COPROC_PID fd=${COPROC[1]}
	for _ in 1 2 3; do
		get_options '' >&"$fd"
		read -r -t 60 line <&"${COPROC[0]}" || break
		[[ $line == *"$id"* ]] && result=0 || result=1
	done
	exec {fd}>&-
	wait "$pid" && return "$result"
}
check "a batch answers line by line" dialogue

# --- the same key through a socket ----------------------------------------------

prf=',"extensions":{"prf":{"eval":{"first":"AAAA","second":"AAAB"}}}'
by=",\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"BAUG\"},
    {\"type\":\"public-key\",\"id\":\"$id\"}],\"extensions\":{\"prf\":{
    \"eval\":{\"first\":\"AAAB\"},\"evalByCredential\":{\"$id\":{
    \"first\":\"AAAA\"}}}}"
get_options "$prf" >"$work/in"
check "prf has results" exits 0 get "${state[@]}"
first=$(member first)
second=$(member second)
check "of 32 bytes, two different ones" \
    test "${#first}" = 43 -a "${#second}" = 43 -a "$first" != "$second"
get_options "$by" >"$work/in"
check "prf by credential" exits 0 get "${state[@]}"
check "is the same for the same input" says first "$first"

start_key --state "$work/key"
socket=("${ORIGIN[@]}" --socket "$work/socket")
get_options '' >"$work/in"
check "a state directory in use" no_token --state "$work/key"
check "a sign-in through the socket" exits 0 get "${socket[@]}"
check "with the same credential" says id "$id"
get_options "$prf" >"$work/in"
check "prf through the socket" exits 0 get "${socket[@]}"
check "gives the same first secret" says first "$first"
check "gives the same second secret" says second "$second"
get_options "$by" >"$work/in"
check "prf by credential through the socket" exits 0 get "${socket[@]}"
check "gives the same secret" says first "$first"
create_options ",\"excludeCredentials\":[{\"type\":\"public-key\",
    \"id\":\"$id\"}]" >"$work/in"
check "an excluded credential through the socket" \
    refused InvalidStateError create "${socket[@]}"
create_options '' | sed 's/-7/-65535/' >"$work/in"
check "an algorithm that there is none of, through the socket" \
    refused NotSupportedError create "${socket[@]}"
get_options '' >"$work/in"
check "a site that is not known, through the socket" refused NotAllowedError \
    get --origin https://example.org --socket "$work/socket"
{ get_options ''; get_options ''; } >"$work/in"
check "a batch through the socket" exits 0 get "${socket[@]}" --batch
check "has both lines" says id "$id" 2

stop_key
check "a key that was here before" no_token --socket "$work/socket"

# --- extensions with storage behind them ------------------------------------

# results TEXT: clientExtensionResults, as they stand there
results()
{
	grep -q -F "\"clientExtensionResults\":{${1//[$' \t\n']/}}}" \
	    "$work/out" && return
	sed 's/.*"clientExtensionResults"/# &/' "$work/out"
	return 1
}

# extended ID MEMBERS: sign-in options for one credential
extended()
{
	get_options ",\"allowCredentials\":[{\"type\":\"public-key\",
	    \"id\":\"$1\"}],\"extensions\":{$2}" >"$work/in"
}

# storage USER TOKEN...: makes a credential with all of it, and uses it
storage()
{
	local from blobbed secret user=$1

	shift
	from=${3#--}${6:+, $6}
	create_options ',"authenticatorSelection":{"residentKey":"required"},
	    "extensions":{"credBlob":"AQID","minPinLength":true,
	    "largeBlob":{"support":"required"},
	    "prf":{"eval":{"first":"AAAA"}}}' |
	    sed "s/AQID\",\"name\"/$user\",\"name\"/" >"$work/in"
	check "$from: a credential with everything" exits 0 create "$@"
	blobbed=$(member id)
	secret=$(member first)
	check "$from: has all of it" results "\"credBlob\":true,\"prf\":{
	    \"enabled\":true,\"results\":{\"first\":\"$secret\"}},
	    \"largeBlob\":{\"supported\":true}"
	extended "$blobbed" '"getCredBlob":true,"prf":{"eval":{"first":"AAAA"}},
	    "largeBlob":{"read":true}'
	check "$from: signs in with it" exits 0 get "$@"
	check "$from: the same secret, and no blob yet" results \
	    "\"getCredBlob\":\"AQID\",\"prf\":{\"results\":{
	    \"first\":\"$secret\"}},\"largeBlob\":{}"
	extended "$blobbed" '"largeBlob":{"write":"aGVsbG8"}'
	check "$from: a blob is written" exits 0 get "$@"
	check "$from: it says so" results '"largeBlob":{"written":true}'
	extended "$blobbed" '"largeBlob":{"write":"aGVsbG8gYWdhaW4"}'
	check "$from: and written over" exits 0 get "$@"
	extended "$blobbed" '"largeBlob":{"read":true}'
	check "$from: the blob is read" exits 0 get "$@"
	check "$from: it is the last one" \
	    results '"largeBlob":{"blob":"aGVsbG8gYWdhaW4"}'
	large_id=$blobbed
}
storage AAAA "${ORIGIN[@]}" --state "$work/large"
first_large=$large_id

# What a key keeps is compressed, and at most 2048 bytes.
own=("${ORIGIN[@]}" --state "$work/own" --set largeBlob=on)
storage CCCC "${own[@]}"
long=$(head -c 2100 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d =)
extended "$large_id" "\"largeBlob\":{\"write\":\"$long\"}"
check "a blob that is too long is no failure" exits 0 get "${own[@]}"
check "but is not written" results '"largeBlob":{"written":false}'
extended "$large_id" '"largeBlob":{"read":true}'
check "the old one is read" exits 0 get "${own[@]}"
check "as it was" results '"largeBlob":{"blob":"aGVsbG8gYWdhaW4"}'
long=$(printf '%012000d' 0 | tr 0 A)
extended "$large_id" "\"largeBlob\":{\"write\":\"$long\"}"
check "a longer one that compresses well" exits 0 get "${own[@]}"
check "is written" results '"largeBlob":{"written":true}'
extended "$large_id" '"largeBlob":{"read":true}'
check "and read" exits 0 get "${own[@]}"
check "whole" results "\"largeBlob\":{\"blob\":\"$long\"}"

start_key --state "$work/large"
storage BBBB "${socket[@]}"
extended "$first_large" '"largeBlob":{"read":true}'
check "blobs of another credential are kept" exits 0 get "${socket[@]}"
check "as they were" results '"largeBlob":{"blob":"aGVsbG8gYWdhaW4"}'

# --- credentials that U2F made ------------------------------------------------

app=https://example.com/app.json
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -o "$work/rawhost" \
    tests/cli/rawhost.c
application=$(printf %s "$app" | sha256sum | cut -d ' ' -f 1)
handle=$("$work/rawhost" u2f "$work/socket" "$application" | tail -n 1 |
    sed 's/../\\x&/g')
# unquoted format: bytes
# shellcheck disable=SC2059
handle=$(printf "$handle" | base64 -w 0 | tr '+/' '-_' | tr -d =)
check "U2F registers" test "${#handle}" -gt 40

extended "$handle" "\"appid\":\"$app\""
check "its credential signs in by the AppID" exits 0 get "${socket[@]}"
check "and says so" results '"appid":true'
extended "$handle" '"appid":"https://example.com/other.json"'
check "not by another AppID" refused NotAllowedError get "${socket[@]}"
extended "$handle" '"credProps":true'
check "not by the RP ID" refused NotAllowedError get "${socket[@]}"
extended "$large_id" "\"appid\":\"$app\""
check "another credential signs in by the RP ID" exits 0 get "${socket[@]}"
check "and says that, too" results '"appid":false'
extended "$handle" '"appid":"https://example.org/app.json"'
check "somebody else's AppID" refused SecurityError get "${socket[@]}"
excluded=",\"excludeCredentials\":[{\"type\":\"public-key\",
    \"id\":\"$handle\"}]"
create_options "$excluded,\"extensions\":{\"appidExclude\":\"$app\"}" \
    >"$work/in"
check "appidExclude" refused InvalidStateError create "${socket[@]}"
create_options "$excluded,\"extensions\":{\"appidExclude\":
    \"https://example.com/other.json\"}" >"$work/in"
check "appidExclude of another AppID" exits 0 create "${socket[@]}"
check "was looked at" results '"appidExclude":true'

stop_key

# --- keys that go --------------------------------------------------------------

# Nobody touches the key; it goes while the client waits.
start_key --state "$work/key" --presence never
get_options '' >"$work/in"
gone()
{
	local client

	webauthn get "${socket[@]}" &
	client=$!
	"$SEALKEY" wait --state "$work/key" --timeout 60 user-wanted || return
	stop_key
	wait "$client"
	grep -q '^sealkey: webauthn: NotAllowedError: ' "$work/error"
}
check "a key that goes away" gone

echo "1..$count"
[ "$failures" = 0 ]
