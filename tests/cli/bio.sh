#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A fingerprint reader, as libfido2 and its user handle it. (TAP)
. "$(dirname "$0")/lib"

# biohost NAME ARGS...: libfido2, see biohost.c
biohost()
{
	local name=$1
	shift
	"$T/biohost" "$T/$name.sock" "$@"
}

check "the host is built" "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 \
    -I. -o "$T/biohost" tests/cli/biohost.c tests/fido2_wire.c uhid/unix.c \
    -lfido2

check "a key with a reader starts" start_key auto --set bioEnroll=on
check "it takes a PIN" biohost auto pin 1234
check "and verifies nobody yet" [ "$(biohost auto uv)" = no ]
# covers bio.8 bio.9 bio.11
enrolls()
{
	biohost auto enroll 1234 >"$T/enroll" &&
	    [ "$(head -n 4 "$T/enroll" | tr '\n' ' ')" = "0 3 0 2 0 1 0 0 " ]
}
check "a finger is enrolled" enrolls
first=$(tail -n 1 "$T/enroll")
check "uv follows" [ "$(biohost auto uv)" = yes ]
check "it verifies" create auto AAAA
check "another finger is enrolled" enrolls
second=$(tail -n 1 "$T/enroll")
names()
{
	biohost auto name 1234 "$second" 'ring finger' &&
	    [ "$(biohost auto list 1234)" = "$first "$'\n'"$second ring finger" ]
}
check "it gets a name" names
removes()
{
	biohost auto remove 1234 "$first" &&
	    [ "$(biohost auto list 1234)" = "$second ring finger" ]
}
check "the first one is removed" removes
check "the other one verifies" create auto BBBB
check "it ends orderly" stop_key

check "a reader that is touched by hand starts" start_key hand \
    --set bioEnroll=on --presence manual
check "it takes a PIN" biohost hand pin 1234

presses()
{
	local press
	for press in "$@"; do
		# unquoted: options
		"$SEALKEY" press --state "$T/hand" $press || return
	done
}
enrolls_by_hand()
{
	local host
	biohost hand enroll 1234 >"$T/enroll" &
	host=$!
	presses "--finger 2" "--finger 2 --sample too-high" "--finger 3" "" \
	    "--finger 2" "--finger 2" || return
	wait "$host" && [ "$(head -n 6 "$T/enroll" | tr '\n' ' ')" = \
	    "0 3 1 3 10 3 0 2 0 1 0 0 " ]
}
check "good and bad samples, and one of another finger" enrolls_by_hand
exists()
{
	local host
	biohost hand enroll 1234 >"$T/enroll" &
	host=$!
	presses "--finger 2" && "$SEALKEY" deny --state "$T/hand" || return
	! wait "$host" && [ "$(cat "$T/enroll")" = "11 4" ]
}
check "the same finger again; then its user walks away" exists
verifies()
{
	start_create hand AAAA
	presses "--finger 5" "--finger 2 --sample poor-quality" || return
	kill -0 "$client" || return	# it asks again
	presses "--finger 2" && wait "$client"
}
check "an unknown finger is not let in, an enrolled one is" verifies
rejects()
{
	start_create hand BBBB
	presses "--finger 5" "--finger 6" "--finger 7" || return
	! wait "$client" && grep -q NotAllowedError "$T/create.out"
}
check "three of them are refused" rejects
check "it ends orderly" stop_key

for wrong in "--finger 0" "--finger 11" "--finger x" "--finger 1x" \
    "--sample best" "--sample ''"; do
	# unquoted: two words
	check "press $wrong is wrong use" exits 2 press $wrong
done
check "deny has no finger" exits 2 deny --finger 1

check "a key without a reader starts" start_key plain --presence manual
any_finger()
{
	start_create plain AAAA
	"$SEALKEY" press --state "$T/plain" --finger 9 --sample too-high &&
	    wait "$client"
}
check "it knows every finger" any_finger
bad_bodies()
{
	local body control code
	control=$(sed -n 's/^control //p' "$T/plain/lock")
	for body in '{' '[]' '"x"' '{"finger": -1}' '{"finger": 11}' \
	    '{"finger": "1"}' '{"finger": 4294967297}' '{"sample": "best"}' \
	    '{"sample": 1}' '{"thumb": 1}' '{"finger": 1, "finger": 1}'; do
		code=$(curl -s -o "$T/reply" -w '%{http_code}' -d "$body" \
		    --unix-socket "$control" http://localhost/v1/press)
		echo "$body: $code $(cat "$T/reply")"
		[ "$code" = 400 ] || return
	done
}
check "presses that are none" bad_bodies
good_bodies()
{
	local body control
	control=$(sed -n 's/^control //p' "$T/plain/lock")
	for body in '' '{}' '{"finger": 0}' '{"finger": 10, "sample": "good"}'
	do
		start_create plain "$(printf 'CC%02d' ${#body})"
		curl -s -f -d "$body" --unix-socket "$control" \
		    http://localhost/v1/press && wait "$client" || return
	done
}
check "presses that are some" good_bodies
check "it ends orderly" stop_key

plan
