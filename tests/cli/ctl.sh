#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey ctl and sealkey wait, and a control interface under attack. (TAP)
. "$(dirname "$0")/lib"

control=$T/control
token=$T/token

ctl()
{
	"$SEALKEY" ctl --control "$control" "$@"
}

# tells TEXT ARGS...: sealkey ctl succeeds and prints it
tells()
{
	local text=$1
	shift
	attempt ctl --control "$control" "$@"
	[ "$status" = 0 ] && prints "$text" && return
	cat "$T/out"
	return 1
}

# refuses TEXT ARGS...: it fails in one line that has it
refuses()
{
	local text=$1
	shift
	exits 1 ctl --control "$control" "$@" && says "$text"
}

waits()
{
	attempt wait --control "$control" "$@"
	[ "$status" = 0 ]
}

check "nobody to control" exits 1 ctl keys
check "is told what to do" says '\-\-control SOCKET or --state DIR'
check "nobody to wait for" exits 1 wait --timeout 0 ready
check "a daemon starts" start_daemon --empty --control "$control" \
    --control-tcp 127.0.0.1:0 --control-token "$token"
check "it made a token" [ "$(stat -c %a:%s "$token")" = 600:65 ]
check "it has no key" tells '^{"keys":\[\]}$' keys --json
check "a key is added" tells '^key: one$' add one transport=socket \
    socket="$T/one.sock" presence=manual set.firmwareVersion=77 name=One
check "a setting that cannot be is refused" refuses firmwareVersion \
    add x transport=socket set.firmwareVersion=x
check "another is, in JSON" tells '"key":"2"' add 2 transport=socket \
    socket="$T/two.sock" settings='{"uv": "off"}' --json
add_from_input()
{
	echo "{\"key\": \"three\", \"transport\": \"socket\",
	    \"plugged\": false}" | ctl add -
}
check "or from standard input" grep -q '^key: three$' <(add_from_input)
check "they are listed" [ "$(ctl keys | wc -l)" = 3 ]
check "one is ready" waits --key one ready
check "where it is, is told" prints "^$T/one.sock\$"
check "one without a plug is not" exits 1 wait --control "$control" \
    --key three --timeout 0.1 ready
check "because it has none" says 'not plugged in'

ready_later()
{
	"$SEALKEY" wait --control "$control" --key three ready \
	    >"$T/later" &
	local waiting=$!
	ctl --key three plug && wait "$waiting" && grep -q sock "$T/later"
}
check "it is when it is plugged in" ready_later

wanted_then_pressed()
{
	start_create one AAAA
	waits --key one user-wanted && prints '"key":"one"' || return
	ctl --key one press && wait "$client" || return
	waits --key one --since 0 --rp example.com credentialAdded &&
	    prints '"event":"credential-created"'
}
check "a script waits, and presses" wanted_then_pressed
is_wanted()
{
	ctl --key one info | grep -q '^userWanted: true$'
}
wanted_already()
{
	start_create one BBBB
	waits --since 0 --key one --timeout 20 user-wanted || return
	eventually is_wanted || return
	waits --key one user-wanted || return
	ctl --key one deny && ! wait "$client"
}
check "also when it comes late" wanted_already
check "of another key nothing happened" exits 1 wait --control "$control" \
    --key 2 --timeout 0.1 --since 0 credential-created
check "which is said" says 'has not happened in time'
check "nor for another RP" exits 1 wait --control "$control" --timeout 0.1 \
    --since 0 --rp example.org credential-created

check "info is lines" tells '^presence: manual$' info --key one
check "info is JSON" tells '"presence":"manual"' info --key one --json
check "a credential is listed" [ "$(ctl --key one credentials | wc -l)" = 1 ]
id=$(ctl --key one credentials | sed 's/^{"id":"\([^"]*\)".*/\1/')
check "it is shown" tells '^algorithmName: ES256$' show --key one -- "$id"
check "it is deleted" tells '^{}$' delete --key one --json -- "$id"
check "and gone" refuses 'no credential' show --key one -- "$id"
check "presence" tells '^delayMs: 250$' presence --key 2 deny 250
check "presence, asked for" tells '^presence: deny$' presence --key 2
check "verification" tells '^default: mismatch$' verification --key 2 \
    mismatch verified,mismatch
check "what comes first" [ "$(ctl --key 2 --json verification)" = \
    '{"default":"mismatch","next":["verified","mismatch"]}' ]
check "clock" tells '^offsetMs: 5000$' clock --key 2 5000
check "who watches hears what was set" waits --since 0 --key 2 \
    presence-changed
check "and to what" prints '"owner":true,"value":"deny 250"'
check "and how its user is known" waits --since 0 --key 2 \
    verification-changed
check "to what" prints '"value":"mismatch verified,mismatch"'
check "and what its clock says" waits --since 0 --key 2 clock-advanced
check "in all" prints '"offsetMs":5000'
check "unplug" tells '^{}$' unplug --key 2 --json
check "plug" tells '^{}$' plug --key 2 --json
check "power-cycle" tells '^{}$' power-cycle --key 2 --json
check "reset" tells '^{}$' reset --key 2 --json
check "roots" tells 'BEGIN CERTIFICATE' roots --key 2
check "and nothing behind them" [ "$(tail -n 1 "$T/out")" = \
    "-----END CERTIFICATE-----" ]
check "lists have names" tells '^next: verified$' verification --key 2
check "faults" tells '"armed":\[\]' faults --key 2 --json
check "crls" tells '^intermediate: [A-Za-z0-9+/=]*$' crls --key 2
disarmed()
{
	local id
	ctl arm --key 2 reg.up-clear && ctl arm --key 2 reg.rpidhash ||
	    return
	id=$(ctl faults --key 2 --json | sed 's/.*"id":\([0-9]*\).*/\1/')
	tells '^{}$' disarm --key 2 --json "$id" || return
	ctl faults --key 2 >"$T/armed"
	[ "$(grep -c '"id"' "$T/armed")" = 1 ] && ctl disarm --key 2 &&
	    tells '"armed":\[\]' faults --key 2 --json
}
no_such_rp()
{
	local rp
	for rp in https://example.com 'bad rp' Example.com a/b a:443; do
		refuses 'an RP ID is a host name' arm --key 2 reg.up-clear 1 \
		    "$rp" || return
		exits 2 fault arm reg.up-clear --rp "$rp" &&
		    says 'an RP ID is a host name' || return
	done
	ctl arm --key 2 reg.up-clear 1 ssh:Work && ctl disarm --key 2
}
check "a fault for nobody is refused" no_such_rp
check "one fault is disarmed, then all are" disarmed
check "audit" tells '"operation"' audit --key one --json
check "that all of it is there goes without saying" eval \
    'ctl audit --key one >"$T/out" && ! prints damaged'
check "an error is JSON" eval 'refuses "no key" info --key zed --json &&
    prints "^{\"error\":\"no such key\",\"message\":"'
check "of WebDriver, too" eval 'refuses "no authenticator" GET \
    /session/1/webauthn/authenticator/x/credentials &&
    prints "\"error\":\"invalid argument\""'
check "a member that no key has is named" refuses '"bogus" is nothing' \
    add bogus=1
check "one of the wrong kind as well" refuses '"transport" is text' \
    POST /v1/keys '{"transport": 5}'
check "another, too" refuses '"plugged" is true or false' \
    POST /v1/keys '{"plugged": "yes"}'
too_much()
{
	refuses 'has no body' POST /v1/keys/one/reset garbage &&
	    refuses 'has no body' POST /v1/keys/one/plug '{"a": 1}' &&
	    refuses 'has no body' DELETE /v1/keys/one/pin '[]' &&
	    refuses 'no query of that name' GET '/v1/events?knd=reset' &&
	    refuses 'no query of that name' GET '/v1/events?kin=reset' &&
	    refuses 'no query of that name' GET '/v1/events?=reset' &&
	    refuses 'no query of that name' GET '/v1/keys/one/events?key=2' &&
	    refuses 'no query of that name' GET '/v1/keys/one/audit?limit=1' &&
	    refuses 'no query of that name' GET '/v1/audit?since,until=1' &&
	    refuses 'comes once' GET '/v1/audit?since=1&since=2' &&
	    refuses 'has no query' GET '/v1/keys?all'
}
check "a request that says more than is heard is refused" too_much
check "an empty object is nothing" tells '^{}$' POST /v1/keys/one/plug '{}'
check "a raw call" tells '"keys":' GET /v1/keys
check "a raw call with a body" tells '"delayMs":7' PUT \
    /v1/keys/2/presence '{"presence": "auto", "delayMs": 7}'
check "remove" tells '^{}$' remove 2 --json
check "it is gone" refuses 'no key with this ID' info --key 2
check "no such verb" exits 2 ctl --control "$control" frobnicate
check "too many operands" exits 2 ctl --control "$control" keys x
check "too few" exits 2 ctl --control "$control" remove
check "an ID that is a path" exits 2 ctl --control "$control" remove a/b
check "a path that is none" exits 2 ctl --control "$control" GET info
check "no such event" exits 2 wait --control "$control" frobnicated
for event in ready removed ended reset plugged pin-changed fault-cleared; do
	check "$event is of no RP" exits 2 wait --control "$control" \
	    --rp example.com --timeout 0 $event
	check "which is told" says "\"$event\" is of no RP"
done
check "no such time" exits 2 wait --timeout soon ready
check "what a request must not be" refuses 'presence' presence maybe

# what only the owner may
check "two keys for credentials" ctl add from transport=socket \
    socket="$T/from.sock"
check "of which one is to be a copy" ctl add to transport=socket \
    socket="$T/to.sock"
check "one is registered" create from AAAA
copied()
{
	local id
	id=$(ctl --key from credentials | sed 's/^{"id":"\([^"]*\)".*/\1/')
	ctl --json export --key from -- "$id" >"$T/exported" || return
	grep -q '"privateKey":"' "$T/exported" || return
	ctl import --key to - <"$T/exported" || return
	ctl --json export --key to -- "$id" | cmp - "$T/exported"
}
check "it is exported, and imported" copied
check "whoever watches hears of it" waits --since 0 --key to \
    --rp example.com credential-exported
check "that it was the owner" prints '"owner":true,.*"credentialId":"'
long_input()
{
	head -c 70000 /dev/zero | ctl --key to import - 2>"$T/err" && return 1
	one_line && says 'longer than 64 KiB'
}
check "no request is longer than 64 KiB" long_input
unreadable_input()
{
	ctl --key to import - </ 2>"$T/err" && return 1
	one_line && says 'standard input: Is a directory'
}
check "an input that cannot be read is told" unreadable_input
piped()
{
	local id
	ctl add third transport=socket socket="$T/third.sock" || return
	id=$(ctl --key from credentials | sed 's/^{"id":"\([^"]*\)".*/\1/')
	ctl export --key from -- "$id" | ctl import --key third - &&
	    sign_in third && ctl remove third
}
check "or straight from one to the other" piped
check "the copy signs in" sign_in to
check "so does the first" sign_in from
twice()
{
	exits 1 ctl --control "$control" POST /v1/keys/to/credentials \
	    "$(cat "$T/exported")"
}
check "not twice" twice
id=$(ctl --key to credentials | sed 's/^{"id":"\([^"]*\)".*/\1/')
check "its properties change" ctl --key to properties -- "$id" \
    backupEligibility=true backupState=true signCount=41
check "and are told" tells '"backupEligibility":true,"backupState":true' \
    export --json --key to -- "$id"
check "without its private key, too" tells \
    '^backupEligibility: true$' show --key to -- "$id"
check "and where it counts on from" prints '^signCount: 41$'
check "it counts on from there" tells '"signCount":41' \
    export --json --key to -- "$id"
check "a copy that does not count" ctl --key to properties -- "$id" \
    signCount=null
check "says so" tells '"signCount":null' export --json --key to -- "$id"
# badly WHY MEMBERS: no import
badly()
{
	exits 1 ctl --control "$control" POST /v1/keys/to/credentials "{$2}" &&
	    says "$1"
}
check "a private key is needed" badly privateKey '"rpId": "a.example"'
check "and an RP" badly rpId '"privateKey": "AAAA"'
check "one that is none" badly . '"rpId": "a", "privateKey": "AAAA"'
check "not base64url" badly privateKey '"rpId": "a", "privateKey": "A+=="'
check "nor that" badly 'largeBlob is not base64url$' '"rpId": "a",
    "privateKey": "AAAA", "largeBlob": "A+=="'
check "nor text at all" badly 'largeBlob is not base64url$' '"rpId": "a",
    "privateKey": "AAAA", "largeBlob": 7'
check "an unknown member" badly frobnicate '"frobnicate": 1'
check "a count that is none" badly 'signCount is a number' '"rpId":
    "a.example", "privateKey": "AAAA", "signCount": -1'
check "the one name of three that is no text" badly \
    '[^,] userDisplayName is not text' '"rpId": "a.example", "privateKey":
    "AAAA", "rpName": "a", "userName": "b", "userDisplayName": 7'
check "BS without BE" refuses . properties --key from -- "$(ctl --key from \
    credentials | sed 's/^{"id":"\([^"]*\)".*/\1/')" backupState=true
check "properties, but which" exits 2 ctl \
    --control "$control" --key to properties AAAA
check "is what it says" says 'ctl: properties AAAA what? '
check "properties of nobody" refuses 'no credential' properties --key to \
    AAAA signCount=1
check "it has no PIN" tells '^set: false$' pin --key to
check "it gets one" tells '^set: true$' pin --key to 1234
check "too short a one is refused" refuses . pin --key to 123
check "it is taken away" tells '^set: false$' remove-pin --key to
check "it becomes another model" ctl profile --key to yubikey-5-nfc
check "it is that" tells '^profile: yubikey-5-nfc$' info --key to
check "it has the AAGUID" tells \
    '^aaguid: 2fc0579f-8113-47ea-b116-bb5a8db9202a$' info --key to
echo 1234 >"$T/pin"
signs_in_with_pin()
{
	ctl --key to pin 1234 || return
	"$SEALKEY" webauthn get --origin https://example.com \
	    --pin-file "$T/pin" --socket "$T/to.sock" <<-END
	{"rpId": "example.com", "challenge": "AAAAAAAAAAAAAAAAAAAAAA",
	 "userVerification": "required"}
	END
}
check "and signs in as before, with a PIN" signs_in_with_pin
check "no such model" refuses . profile --key to frobnicator
check "no file of the daemon's" refuses 'name' PUT \
    /v1/keys/to/profile '{"profile": "../x.ini"}'
check "a name that has .ini within is none of a file" eval "refuses \
    'is no profile \"x.ini.y\"' profile --json --key to x.ini.y && prints '^{\"error\":'"
check "a file that is not there" refuses 'x.ini' profile --key to "$T/x.ini"
cp authenticator/profile/models/titan-v2.ini "$T/mine.ini"
check "a file of ours" tells '^profile\.[a-zA-Z]*: ' profile --key to \
    "$T/mine.ini"
check "also for a new key" ctl add filed transport=socket \
    socket="$T/filed.sock" profile="$T/mine.ini"
check "which goes again" ctl remove filed
check "it is told when it becomes one" waits --since 0 --key to \
    profile-changed
check "it is removed" ctl remove to
check "a key in a TPM is added" ctl add tpm tpm=embedded transport=socket \
    socket="$T/tpm.sock"
check "it registers" create tpm AAAA
keeps_its_own()
{
	local id
	id=$(ctl --key tpm credentials | sed 's/^{"id":"\([^"]*\)".*/\1/')
	refuses TPM export --key tpm -- "$id"
}
check "it gives nothing away" keeps_its_own
takes_nothing()
{
	exits 1 ctl --control "$control" POST /v1/keys/tpm/credentials \
	    "$(cat "$T/exported")" && says TPM
}
check "nor does it take any" takes_nothing
check "it ends" ctl remove tpm

# events, live
listening()
{
	# not by ctl(), which would be a shell of its own that is killed
	"$SEALKEY" ctl --control "$control" events >"$T/events" &
	local listener=$! i
	running+=("$listener")
	for i in {1..100}; do
		ctl --key one power-cycle || return
		[ -s "$T/events" ] && break
	done
	kill "$listener" && wait "$listener"
	grep -q '"event":"power-cycled"' "$T/events"
}
check "events come as they happen" listening

# reads_going ARGS...: there is a key "going", whose events sealkey ARGS reads,
# as $reader, with its output in $T/gone.out and $T/gone.err
reads_going()
{
	ctl add going transport=socket socket="$T/going.sock" || return
	timeout 60 "$SEALKEY" "$1" --control "$control" --key going "${@:2}" \
	    >"$T/gone.out" 2>"$T/gone.err" &
	reader=$!
}
connected()
{
	grep -q " 03 *[0-9]* $control\$" /proc/net/unix
}
# That it is connected does not say that its request was read before the key
# was removed; if it was not, it is told that there is no such key.
gone_while_waited_for()
{
	local i
	for i in {1..20}; do
		reads_going wait reset && eventually connected &&
		    ctl remove going || return
		wait "$reader"
		[ $? = 1 ] && [ "$(wc -l <"$T/gone.err")" = 1 ] || return
		grep -q 'no key with this ID' "$T/gone.err" || break
	done
	grep -q '^sealkey: reset cannot.*the key is gone$' "$T/gone.err"
}
check "who waits for a key hears that it is gone" gone_while_waited_for
heard()
{
	ctl --key going power-cycle && grep -q power-cycled "$T/gone.out"
}
events_end()
{
	reads_going ctl events && eventually heard && ctl remove going &&
	    wait "$reader" && [ ! -s "$T/gone.err" ] &&
	    tail -n 1 "$T/gone.out" | grep -q '"removed".*"key":"going"'
}
check "so does who reads its events" events_end
check "whose end others see as well" waits --since 0 removed

base=http://localhost/v1
if command -v curl >/dev/null; then
	check "no such kind of event" answers 400 'invalid argument' \
	    "$base/events?kind=x"
	check "an empty one" answers 400 'invalid argument' \
	    "$base/events?kind="
	check "no such key" answers 400 'invalid argument' \
	    "$base/events?key=x"
	check "of no such key" answers 404 'no such key' "$base/keys/x/events"
	check "an event to come" answers 400 'invalid argument' \
	    "$base/events?since=99999999"
	check "a number that is none" answers 400 'invalid argument' \
	    "$base/events?since=-1"
	check "a path of many parts" answers 404 'unknown command' \
	    "$base/a/b/c/d/e/f/g/h/i/j"
	check "no path" answers 404 'unknown command' http://localhost//
	check "WebDriver's paths have its errors" answers 404 \
	    '^{"value":{"error":"unknown command",.*"stacktrace":""}}$' \
	    http://localhost/session/1/frobnicate
	printf '{"a":%.0s' {1..3000} >"$T/deep"
	check "deep JSON" answers 400 'invalid argument' \
	    --data "@$T/deep" "$base/keys"
	check "what is no JSON, by its place" answers 400 \
	    'is no JSON at line 2, column 9"' \
	    --data-binary $'{"pin":\n "1234" x}' "$base/keys"
	check "JSON that is no object" answers 400 \
	    'has to be a JSON object"' --data '[]' "$base/keys"
	check "text that is no UTF-8" answers 400 'invalid argument' \
	    --data $'{"key": "\xff"}' "$base/keys"
	check "text that an error cuts within a letter" answers 400 \
	    'invalid argument.*keyProtection' -X PUT --data \
	    "{\"profileText\": \"[metadata]\\nkeyProtection = $(printf \
	    'x%s' "$(printf 'ä%.0s' {1..40})")\\n\"}" "$base/keys/one/profile"
	check "a NUL" answers 400 'invalid argument' \
	    --data '{"key": "a\u0000b"}' "$base/keys"
	printf 'X-Long: %050000d\n' 0 >"$T/header"
	check "a chunked body that is too long" answers 413 \
	    'invalid argument' -H 'Transfer-Encoding: chunked' \
	    --data-binary "@/dev/stdin" "$base/keys" < \
	    <(head -c 200000 /dev/zero)
	check "headers that are too long, which the library answers" \
	    answers 431 '<html>' -H "@$T/header" "$base/keys"
else
	skip "hostile requests by curl" "curl is missing"
fi

# events that nobody reads
unread()
{
	local lines lost i
	rawhost crowd "$T/one.sock" 1 || return	# builds it
	coproc UNREAD { "$T/rawhost" unread "$control" 48; }
	local pid=$UNREAD_PID in=${UNREAD[1]}
	read -r i <&"${UNREAD[0]}" && [ "$i" = unread ] || return
	refuses 'too many requests wait' GET /v1/events || return
	for i in {1..300}; do
		printf 'POST /v1/keys/one/power-cycle HTTP/1.0\r\n\r\n'
	done >/dev/null
	for i in {1..30}; do ctl --key one power-cycle || return; done
	exec {in}>&-
	read -r lines lost <&"${UNREAD[0]}"
	wait "$pid"
	[ "$lines" -ge 30 ] && [ "$lost" = 0 ]
}
check "events that nobody reads hold up nothing" unread
places_are_free()
{
	local i
	for i in {1..50}; do
		answers 200 '' "$base/keys" || return
		waits --since 0 --key one power-cycled && return
	done
	return 1
}
check "their places are free again" places_are_free
check "as many slow clients as there is room for are sent away" \
    rawhost slow "$control" 64
check "and it listens again" answers 200 '"keys"' "$base/keys"
crowded()
{
	local i pids=()
	for i in {1..64}; do
		ctl keys >/dev/null & pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return; done
}
check "64 clients at once" crowded

# TCP
port=$(sed -n 's|.* and http://127.0.0.1:\([0-9]*\)$|\1|p' "$T/daemon.log")
check "TCP: which port it is, is told" [ -n "$port" ]
tcp()
{
	local code=$1
	shift
	[ "$(curl -s -o "$T/reply" -w '%{http_code}' --max-time 10 "$@" \
	    "http://127.0.0.1:$port/v1/keys")" = "$code" ]
}
bearer="Authorization: Bearer $(cat "$token")"
if command -v curl >/dev/null; then
	check "TCP: with the token" tcp 200 -H "$bearer"
	check "TCP: without" tcp 401
	check "TCP: with another" tcp 401 -H "${bearer}x"
	check "TCP: with half of it" tcp 401 -H "${bearer%????????}"
	check "TCP: not for web pages" tcp 403 -H "$bearer" \
	    -H 'Origin: http://localhost'
	check "TCP: not under a name of theirs" tcp 403 -H "$bearer" \
	    -H "Host: evil.example:$port"
	check "TCP: under ours" tcp 200 -H "$bearer" \
	    -H "Host: localhost:$port"
else
	skip "TCP" "curl is missing"
fi
check "the daemon ends orderly" stop_key
check "it has nothing to say but that it is ready" \
    [ "$(wc -l <"$T/daemon.log")" = 1 ]

# never(ADDRESS): refused
never()
{
	exits 1 run --empty --control "$control" --control-tcp "$1" \
	    --control-token "$token" && says '127.0.0.1:PORT'
}
check "not beyond this machine" never 0.0.0.0:0
check "not by any address of it" never '[::]:0'
check "not at another one" never 192.0.2.1:80
check "never without a token" exits 2 run --empty --control "$control" \
    --control-tcp 127.0.0.1:0
echo short >"$T/short"
chmod 600 "$T/short"
check "nor with a short one" exits 1 run --empty --control "$control" \
    --control-tcp 127.0.0.1:0 --control-token "$T/short"
check "which is said" says '16 to 511 characters'
chmod 644 "$token"
check "nor with one that others can read" exits 1 run --empty --control \
    "$control" --control-tcp 127.0.0.1:0 --control-token "$token"
check "which is said, too" says 'chmod 600'
check "nothing listens after all that" [ ! -e "$control" ]

# by the state directory
check "a key starts" start_key key
check "ctl finds it by its state" grep -q '^key: key1$' \
    <("$SEALKEY" ctl info --state "$T/key")
check "so does wait" exits 0 wait --state "$T/key" ready
ends_with_it()
{
	"$SEALKEY" wait --state "$T/key" reset 2>"$T/ended" &
	local waiting=$!
	eventually "$SEALKEY" ctl --state "$T/key" keys || return
	stop_key || return
	! wait "$waiting" && grep -q 'sealkey: ' "$T/ended"
}
check "who waits hears that it ended" ends_with_it

tells_the_end()
{
	local reader line headers
	mkfifo "$T/headers" && start_key key || return
	exec {headers}<>"$T/headers"
	curl -sN --max-time 60 -D "$T/headers" -o "$T/last" --unix-socket \
	    "$(sed -n 's/^control //p' "$T/key/lock")" \
	    'http://localhost/v1/events?kind=reset' &
	reader=$!
	read -r -t 60 line <&"$headers" && stop_key && wait "$reader" &&
	    tail -n 1 "$T/last" | grep -q '^{"seq":[0-9]*,"event":"ended",'
}
if command -v curl >/dev/null; then
	check "the last line says that the daemon ended" tells_the_end
else
	skip "the last line says that the daemon ended" "curl is missing"
fi

plan
