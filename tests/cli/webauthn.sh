#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# webauthn.sh: the command line of the client mode (TAP): wrong use, batches,
# errors, and that the engine in the process and one behind a socket get
# the same out of the same key. What relying parties say is tests/rp/pipe.sh.

. "$(dirname "$0")/lib"

ORIGIN=(--origin https://example.com)

# --- the program ----------------------------------------------------------

# webauthn ARGUMENT...: options in $T/in, answer in $T/out
webauthn()
{
	"$SEALKEY" webauthn "$@" <"$T/in" >"$T/out" 2>"$T/err"
	status=$?
}

# ends STATUS ARGUMENT...
ends()
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
	ends 1 "$@" || return
	[ ! -s "$T/out" ] && [ "$(wc -l <"$T/err")" = 1 ] &&
	    grep -q "^sealkey: webauthn: $name: " "$T/err"
}

# wrong ARGUMENT...: exit 2 and one line
wrong()
{
	ends 2 "$@" && [ ! -s "$T/out" ] &&
	    [ "$(wc -l <"$T/err")" = 1 ] &&
	    grep -q '^sealkey: webauthn: ' "$T/err"
}

# member NAME [N]: of line N of the answer, as it stands there
member()
{
	sed -n "${2:-1}s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$T/out"
}

# has NAME VALUE [N]
has()
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

# --- wrong use ------------------------------------------------------------

get_options '' >"$T/in"
check "no verb is wrong use" wrong
check "another verb is wrong use" wrong sign "${ORIGIN[@]}"
check "no origin is wrong use" wrong get --state "$T/s"
check "an origin with a path is wrong use" \
    wrong get --origin https://example.com/x --state "$T/s"
check "an origin without a scheme is wrong use" \
    wrong get --origin example.com --state "$T/s"
check "an origin that is not ASCII is wrong use" \
    wrong get --origin https://münchen.example --state "$T/s"
check "two tokens are wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --socket "$T/x"
check "--attestation of a socket is wrong use" \
    wrong get "${ORIGIN[@]}" --attestation self --socket "$T/x"
check "an attestation that is none is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --attestation tmp
check "--set of a socket is wrong use" \
    wrong get "${ORIGIN[@]}" --set rk=off --socket "$T/x"
check "--set of a device is wrong use" \
    wrong get "${ORIGIN[@]}" --set rk=off --device /dev/null
check "a setting that there is none of is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --set colour=red
check "it says which" grep -q 'no setting "colour"' "$T/err"
check "a setting that it cannot be is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --set rk=maybe
check "--set without a setting is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --set
check "--set with a name alone is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --set rk
check "--set takes no option for one" \
    wrong get "${ORIGIN[@]}" --set --state "$T/s"
check "an attachment that is none is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --attachment usb
check "which says what there is" grep -q "it is cross-platform or platform" \
    "$T/err"
check "a certificate that ends before it begins is refused" \
    wrong create "${ORIGIN[@]}" --state "$T/dates" \
    --set attestationNotBefore=2031-01-01 --set attestationNotAfter=2030-01-01
check "in whatever order that is said" \
    grep -q "attestationNotBefore is later than" "$T/err"
check "and makes no key" test ! -e "$T/dates"
check "operands are wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" more
check "an unknown option is wrong use" wrong get "${ORIGIN[@]}" --frobnicate
check "--pin-file without a file is wrong use" \
    wrong get "${ORIGIN[@]}" --state "$T/s" --pin-file
check "wrong use makes no state directory" test ! -e "$T/s"
check "--help" ends 0 --help
check "--help says how" grep -q '^Usage: sealkey webauthn create' "$T/out"
check "--help after other options" ends 0 create "${ORIGIN[@]}" --help
check "--version" ends 0 get --version
check "--set help" ends 0 --set help
check "it lists the settings" grep -q '^largeBlob=on|off$' "$T/out"
"$SEALKEY" run --set help >"$T/settings"
check "which are those of run" cmp "$T/settings" "$T/out"

# --- tokens that are not there ----------------------------------------------

no_token()		# ARGUMENT...
{
	ends 1 get "${ORIGIN[@]}" "$@" && [ ! -s "$T/out" ] &&
	    [ "$(wc -l <"$T/err")" = 1 ]
}
check "no socket" no_token --socket "$T/none"
check "a socket nobody listens on" no_token --socket "$T/in"
check "a socket with a path that is too long" \
    no_token --socket "$T/$(printf '%0120d' 0)"
check "no device" no_token --device /dev/no-such-hidraw
check "a device that is none" no_token --device /dev/null
check "says so" grep -q "/dev/null: that is no FIDO key" "$T/err"

check "no PIN file" no_token --state "$T/pinless" --pin-file "$T/none"
for pin in '' 123 "$(printf '%064d' 0)" $'12\xff34'; do
	printf '%s\n' "$pin" >"$T/pin"
	check "'${pin:0:8}' is no PIN" \
	    no_token --state "$T/pinless" --pin-file "$T/pin"
	check "and is not printed" \
	    test "$(grep -c "characters to 63 bytes" "$T/err")" = 1
done

unused()		# STATE ARGUMENT...
{
	refused SecurityError get --state "$1" "${@:2}" && [ ! -e "$1" ]
}
check "a page that may not use keys makes none" \
    unused "$T/unused" --origin https://127.0.0.1
check "nor does one without a secure context" \
    unused "$T/unused" --origin http://example.com

# --- one at a time ------------------------------------------------------------

state=("${ORIGIN[@]}" --state "$T/key")
create_options ',"authenticatorSelection":{"residentKey":"required"},
    "extensions":{"credProps":true,"prf":{}}' >"$T/in"
check "a registration makes the state directory" ends 0 create "${state[@]}"
check "it is one line" test "$(wc -l <"$T/out")" = 1
check "credProps" has rk true
check "prf is enabled" has enabled true
check "the claim is cross-platform" \
    has authenticatorAttachment cross-platform
id=$(member id)
get_options '' >"$T/in"
full_disk()
{
	"$SEALKEY" webauthn get "${state[@]}" <"$T/in" >/dev/full \
	    2>"$T/err"
	[ $? = 1 ] && grep -q "cannot write" "$T/err"
}
check "a full disk behind standard output is a failure" full_disk

create_options ',"authenticatorSelection":{"residentKey":"required"}' \
    >"$T/in"
other=("${ORIGIN[@]}" --state "$T/other")
check "--set makes it a key of another kind" \
    refused ConstraintError create "${other[@]}" --set rk=off
check "the last --set counts" \
    ends 0 create "${other[@]}" --set rk=off --set rk=on
create_options ',"attestation":"direct"' >"$T/in"
# The end of "attStmt", and a map of two: there is no x5c.
self=dFN0bXSi
check "--set attestation=self" \
    ends 0 create "${other[@]}" --set attestation=self
check "is self attestation" grep -q "$self" "$T/out"
check "--attestation packed behind it" ends 0 create "${other[@]}" \
    --set attestation=self --attestation packed
check "has a chain" grep -q "${self%i}j" "$T/out"
create_options ',"authenticatorSelection":{"authenticatorAttachment":
    "platform"}' >"$T/in"
check "nobody is a platform authenticator unasked" \
    refused NotAllowedError create "${state[@]}"
check "--attachment platform is one" \
    ends 0 create "${state[@]}" --attachment platform
check "and says so" has authenticatorAttachment platform

create_options ",\"excludeCredentials\":[{\"type\":\"public-key\",
    \"id\":\"$id\"}]" >"$T/in"
check "an excluded credential" refused InvalidStateError create "${state[@]}"
create_options '' | sed 's/-7/-65535/' >"$T/in"
check "an algorithm that there is none of" \
    refused NotSupportedError create "${state[@]}"
get_options ',"rpId":"com"' >"$T/in"
check "somebody else's RP ID" refused SecurityError get "${state[@]}"
get_options '' >"$T/in"
check "an address" refused SecurityError get --origin https://127.0.0.1 \
    --state "$T/key"
check "a site that is not known" refused NotAllowedError get \
    --origin https://example.org --state "$T/key"
echo '{"challenge":"AA=="}' >"$T/in"
check "padding" refused EncodingError get "${state[@]}"
echo '{"challenge":5}' >"$T/in"
check "a number for a challenge" refused TypeError get "${state[@]}"
: >"$T/in"
check "nothing at all" refused SyntaxError get "${state[@]}"
check "and says so" grep -q "no options on standard input" "$T/err"
printf '{"challenge": "AA",\n "rpId" 5}' >"$T/in"
check "a syntax error" refused SyntaxError get "${state[@]}"
check "and says where" grep -q "line 2, column" "$T/err"
get_options ',"timeout":null,"extensions":null' >"$T/in"
check "null for a timeout" ends 0 get "${state[@]}"
create_options ',"timeout":"60000","authenticatorSelection":{
    "requireResidentKey":null}' >"$T/in"
check "null for a boolean, text for a number" ends 0 create "${state[@]}"
{ get_options ''; head -c 1048577 /dev/zero | tr '\0' ' '; } >"$T/in"
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
} >"$T/in"
check "a batch with failures fails at its end" ends 1 get "${state[@]}" --batch
check "one line out for each line in" test "$(wc -l <"$T/out")" = 5
check "errors say nothing on standard error" test ! -s "$T/err"
check "line 1 is an answer" has id "$id" 1
check "line 2 is an error" has name SyntaxError 2
check "line 3 is an answer, blank lines aside" has id "$id" 3
check "line 4 is an error" has name SecurityError 4
check "line 5 is an answer" has id "$id" 5

{
	head -c 1048577 /dev/zero | tr '\0' ' '
	echo
	get_options ''
} >"$T/in"
check "a line that is too long fails" ends 1 get "${state[@]}" --batch
check "it is one error" has name NotSupportedError 1
check "and the next line is an answer" has id "$id" 2
: >"$T/in"
check "an empty batch is done" ends 0 get "${state[@]}" --batch
check "and says nothing" test ! -s "$T/out"

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
get_options "$prf" >"$T/in"
check "prf has results" ends 0 get "${state[@]}"
first=$(member first)
second=$(member second)
check "of 32 bytes, two different ones" \
    test "${#first}" = 43 -a "${#second}" = 43 -a "$first" != "$second"
get_options "$by" >"$T/in"
check "prf by credential" ends 0 get "${state[@]}"
check "is the same for the same input" has first "$first"

start_daemon --socket "$T/socket" --state "$T/key"
socket=("${ORIGIN[@]}" --socket "$T/socket")
get_options '' >"$T/in"
check "a state directory in use" no_token --state "$T/key"
check "a sign-in through the socket" ends 0 get "${socket[@]}"
check "with the same credential" has id "$id"
get_options "$prf" >"$T/in"
check "prf through the socket" ends 0 get "${socket[@]}"
check "gives the same first secret" has first "$first"
check "gives the same second secret" has second "$second"
get_options "$by" >"$T/in"
check "prf by credential through the socket" ends 0 get "${socket[@]}"
check "gives the same secret" has first "$first"
create_options ",\"excludeCredentials\":[{\"type\":\"public-key\",
    \"id\":\"$id\"}]" >"$T/in"
check "an excluded credential through the socket" \
    refused InvalidStateError create "${socket[@]}"
create_options '' | sed 's/-7/-65535/' >"$T/in"
check "an algorithm that there is none of, through the socket" \
    refused NotSupportedError create "${socket[@]}"
get_options '' >"$T/in"
check "a site that is not known, through the socket" refused NotAllowedError \
    get --origin https://example.org --socket "$T/socket"
{ get_options ''; get_options ''; } >"$T/in"
check "a batch through the socket" ends 0 get "${socket[@]}" --batch
check "has both lines" has id "$id" 2

stop_key
check "a key that was here before" no_token --socket "$T/socket"

# --- extensions with storage behind them ------------------------------------

# results TEXT: clientExtensionResults, as they stand there
results()
{
	grep -q -F "\"clientExtensionResults\":{${1//[$' \t\n']/}}}" \
	    "$T/out" && return
	sed 's/.*"clientExtensionResults"/# &/' "$T/out"
	return 1
}

# extended ID MEMBERS: sign-in options for one credential
extended()
{
	get_options ",\"allowCredentials\":[{\"type\":\"public-key\",
	    \"id\":\"$1\"}],\"extensions\":{$2}" >"$T/in"
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
	    sed "s/AQID\",\"name\"/$user\",\"name\"/" >"$T/in"
	check "$from: a credential with everything" ends 0 create "$@"
	blobbed=$(member id)
	secret=$(member first)
	check "$from: has all of it" results "\"credBlob\":true,\"prf\":{
	    \"enabled\":true,\"results\":{\"first\":\"$secret\"}},
	    \"largeBlob\":{\"supported\":true}"
	extended "$blobbed" '"getCredBlob":true,"prf":{"eval":{"first":"AAAA"}},
	    "largeBlob":{"read":true}'
	check "$from: signs in with it" ends 0 get "$@"
	check "$from: the same secret, and no blob yet" results \
	    "\"getCredBlob\":\"AQID\",\"prf\":{\"results\":{
	    \"first\":\"$secret\"}},\"largeBlob\":{}"
	extended "$blobbed" '"largeBlob":{"write":"aGVsbG8"}'
	check "$from: a blob is written" ends 0 get "$@"
	check "$from: it says so" results '"largeBlob":{"written":true}'
	extended "$blobbed" '"largeBlob":{"write":"aGVsbG8gYWdhaW4"}'
	check "$from: and written over" ends 0 get "$@"
	extended "$blobbed" '"largeBlob":{"read":true}'
	check "$from: the blob is read" ends 0 get "$@"
	check "$from: it is the last one" \
	    results '"largeBlob":{"blob":"aGVsbG8gYWdhaW4"}'
	large_id=$blobbed
}
storage AAAA "${ORIGIN[@]}" --state "$T/large"
first_large=$large_id

# What a key keeps is compressed, and at most 2048 bytes.
own=("${ORIGIN[@]}" --state "$T/own" --set largeBlob=on)
storage CCCC "${own[@]}"
long=$(head -c 2100 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d =)
extended "$large_id" "\"largeBlob\":{\"write\":\"$long\"}"
check "a blob that is too long is no failure" ends 0 get "${own[@]}"
check "but is not written" results '"largeBlob":{"written":false}'
extended "$large_id" '"largeBlob":{"read":true}'
check "the old one is read" ends 0 get "${own[@]}"
check "as it was" results '"largeBlob":{"blob":"aGVsbG8gYWdhaW4"}'
long=$(printf '%012000d' 0 | tr 0 A)
extended "$large_id" "\"largeBlob\":{\"write\":\"$long\"}"
check "a longer one that compresses well" ends 0 get "${own[@]}"
check "is written" results '"largeBlob":{"written":true}'
extended "$large_id" '"largeBlob":{"read":true}'
check "and read" ends 0 get "${own[@]}"
check "whole" results "\"largeBlob\":{\"blob\":\"$long\"}"

start_daemon --socket "$T/socket" --state "$T/large"
storage BBBB "${socket[@]}"
extended "$first_large" '"largeBlob":{"read":true}'
check "blobs of another credential are kept" ends 0 get "${socket[@]}"
check "as they were" results '"largeBlob":{"blob":"aGVsbG8gYWdhaW4"}'

# --- credentials that U2F made ------------------------------------------------

app=https://example.com/app.json
application=$(printf %s "$app" | sha256sum | cut -d ' ' -f 1)
handle=$(rawhost u2f "$T/socket" "$application" | tail -n 1 |
    sed 's/../\\x&/g')
# unquoted format: bytes
# shellcheck disable=SC2059
handle=$(printf "$handle" | base64 -w 0 | tr '+/' '-_' | tr -d =)
check "U2F registers" test "${#handle}" -gt 40

extended "$handle" "\"appid\":\"$app\""
check "its credential signs in by the AppID" ends 0 get "${socket[@]}"
check "and says so" results '"appid":true'
extended "$handle" '"appid":"https://example.com/other.json"'
check "not by another AppID" refused NotAllowedError get "${socket[@]}"
extended "$handle" '"credProps":true'
check "not by the RP ID" refused NotAllowedError get "${socket[@]}"
extended "$large_id" "\"appid\":\"$app\""
check "another credential signs in by the RP ID" ends 0 get "${socket[@]}"
check "and says that, too" results '"appid":false'
extended "$handle" '"appid":"https://example.org/app.json"'
check "somebody else's AppID" refused SecurityError get "${socket[@]}"
excluded=",\"excludeCredentials\":[{\"type\":\"public-key\",
    \"id\":\"$handle\"}]"
create_options "$excluded,\"extensions\":{\"appidExclude\":\"$app\"}" \
    >"$T/in"
check "appidExclude" refused InvalidStateError create "${socket[@]}"
create_options "$excluded,\"extensions\":{\"appidExclude\":
    \"https://example.com/other.json\"}" >"$T/in"
check "appidExclude of another AppID" ends 0 create "${socket[@]}"
check "was looked at" results '"appidExclude":true'

stop_key

# --- keys that go --------------------------------------------------------------

# Nobody touches the key; it goes while the client waits.
start_daemon --socket "$T/socket" --state "$T/key" --presence never
get_options '' >"$T/in"
gone()
{
	local client

	webauthn get "${socket[@]}" &
	client=$!
	"$SEALKEY" wait --state "$T/key" --timeout 60 user-wanted || return
	stop_key
	wait "$client"
	grep -q '^sealkey: webauthn: NotAllowedError: ' "$T/err"
}
check "a key that goes away" gone

plan
