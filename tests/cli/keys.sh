#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several keys in one daemon, added and removed while it runs. (TAP)
. "$(dirname "$0")/lib"

command -v curl >/dev/null || { echo "1..0 # SKIP curl is missing"; exit 0; }

# add ID [MEMBERS]: with the socket $T/ID.sock
add()
{
	call 200 "\"key\":\"$1\"" POST /v1/keys "{\"key\": \"$1\",
	    \"transport\": \"socket\", \"socket\": \"$T/$1.sock\"${2+, $2}}"
}

control=$T/runtime/sealkey/control.sock
check "a daemon starts without a key" start_daemon --empty
check "it says where it is controlled" \
    grep -q "no key yet, control interface at $control\$" "$T/daemon.log"
check "it has no key" call 200 '^{"keys":\[\]}$' GET /v1/keys
check "there is no first key" call 404 'no such key' GET /v1/info
check "a key is added" add one
check "another one is" add two '"presence": "manual"'
check "and one in a directory of its own" \
    add three "\"state\": \"$T/three\", \"tpm\": \"none\""
check "and one of another model" add four '"profile": "titan-v2"'
check "which is that" call 200 '"aaguid":"42b4fb4a.*"profile":"titan-v2"' \
    GET /v1/keys/four/info
check "as its profile says" call 200 '"product":"Titan Security Key v2 (test' \
    GET /v1/keys/four/profile
check "the others have none" call 200 '^{"profile":null}$' \
    GET /v1/keys/one/profile
check "settings go on top" add five '"profile": "titan-v2",
    "settings": {"attestation": "self"}'
check "they are there" call 200 '"attestation":"self"' GET /v1/keys/five/info
check "a profile may come along" add six '"profileText":
    "[profile]\nname = mine\n[device]\nproduct = Mine\n[settings]\nversions = FIDO_2_0\nalgorithms = ES256\n"'
check "it has a name of its own" call 200 '"name":"Mine"' GET /v1/keys/six
check "a running key becomes another model" call 200 '"name":"u2f"' \
    PUT /v1/keys/four/profile '{"profile": "u2f"}'
check "which it is then" call 200 '"profile":"u2f"' GET /v1/keys/four/info
check "with the name of that" call 200 '"name":"U2F security key (test' \
    GET /v1/keys/four
check "or one that came along" call 200 '"name":"mine"' \
    PUT /v1/keys/four/profile '{"profileText":
    "[profile]\nname = mine\n[device]\nproduct = Mine\n[settings]\nversions = FIDO_2_0\nalgorithms = ES256\n"}'
# refuses_profile TEXT BODY
refuses_profile()
{
	call 400 "$1" PUT /v1/keys/four/profile "$2"
}
check "a profile has to be said" refuses_profile 'said by its name' '{}'
check "and no other thing" refuses_profile 'said by its name' \
    '{"profile": "u2f", "more": 1}'
check "nor a number" refuses_profile 'said by its name' '{"profile": 1}'
check "nor nothing" refuses_profile 'invalid argument' ''
check "nor a list" refuses_profile 'invalid argument' '["u2f"]'
check "nor an unknown name" refuses_profile 'there is no profile' \
    '{"profile": "u3f"}'
check "nor a path" refuses_profile 'profile is a name' \
    '{"profile": "../u2f"}'
check "nor a text that contradicts itself" refuses_profile \
    'profileText:8: credMgmt: it needs rk and pinUvAuthToken' \
    '{"profileText":
    "[profile]\nname = mine\n[device]\nproduct = Mine\n[settings]\nversions = FIDO_2_0\nalgorithms = ES256\ncredMgmt = on"}'
check "after all of that it is what it was" call 200 '"profile":"mine"' \
    GET /v1/keys/four/info
renamed()
{
	add named '"name": "Mine alone", "profile": "titan-v2"' &&
	    call 200 '"name":"u2f"' PUT /v1/keys/named/profile \
	    '{"profile": "u2f"}' &&
	    call 200 '"name":"Mine alone"' GET /v1/keys/named
}
check "a name that was given stays" renamed
for id in four five six named; do
	check "key $id goes" call 200 '^{}$' DELETE "/v1/keys/$id"
done
# refuses_key TEXT MEMBERS
refuses_key()
{
	call 400 "$1" POST /v1/keys "{\"key\": \"bad\", \"transport\":
	    \"socket\", \"socket\": \"$T/bad.sock\", $2}"
}
check "a profile that is none is refused" refuses_key \
    'there is no profile' '"profile": "titan-v3"'
check "so is a path" refuses_key 'profile is a name' \
    '"profile": "/etc/passwd"'
check "and one of our files" refuses_key 'profile is a name' \
    '"profile": "mine.ini"'
check "and a text with a mistake, by its line" refuses_key \
    'profileText:2: x: there is no setting' \
    '"profileText": "[settings]\nx = on\n"'
check "and one with a NUL" refuses_key 'invalid argument' \
    '"profileText": "[settings]\u0000"'
check "and both" refuses_key 'exclude each other' \
    '"profile": "u2f", "profileText": ""'
check "and what is no text" refuses_key 'is the text of a file' \
    '"profileText": {}'
check "what is quoted stays one line" refuses_key \
    'there is no setting ..a?b?c' '"settings": {"a\nb\u001bc": "x"}'
check "it lists them in order" call 200 \
    '"key":"one".*"key":"two".*"key":"three"' GET /v1/keys
check "the first key is the oldest" call 200 '"key":"one"' GET /v1/info
check "each has a path of its own" call 200 '"presence":"manual"' \
    GET /v1/keys/two/info
check "the first registers" create one AAAA
check "the third registers" create three AAAA
check "the third signs in" sign_in three
check "the first has one credential" call 200 '"credentials":1' \
    GET /v1/keys/one/info
check "the second has none" call 200 '"credentials":0' GET /v1/keys/two
check "a managing command reaches the right key" \
    grep -qx 'credentials: 1' <("$SEALKEY" info --state "$T/three")

presses_the_second()
{
	start_create two BBBB
	call 200 '^{}$' POST /v1/keys/two/press || return
	wait "$client" && grep -q '"id"' "$T/create.out"
}
check "a press is for one key" presses_the_second
check "others have no button" call 409 'not manual' POST /v1/keys/one/press

gone_while_pressed()
{
	curl -s -o "$T/pressed" --unix-socket "$control" -X POST \
	    http://localhost/v1/keys/two/press &
	local finger=$!
	until call 200 '"presses":1' GET /v1/keys/two; do :; done
	call 200 '^{}$' DELETE /v1/keys/two || return
	wait "$finger" && grep -q 'no such key' "$T/pressed"
}
check "a key is removed under a finger" gone_while_pressed
check "it is gone" call 404 'no such key' GET /v1/keys/two
check "so is its socket" [ ! -e "$T/two.sock" ]
check "others work on" sign_in one

gone_while_asked()
{
	add four '"presence": "manual"' || return
	start_create four AAAA
	until call 200 '"hosts":1' GET /v1/keys/four; do :; done
	call 200 '^{}$' DELETE /v1/keys/four || return
	! wait "$client"
}
check "a key is removed under a host" gone_while_asked

unplugged()
{
	call 200 '^{}$' POST /v1/keys/three/unplug &&
	    call 200 '"plugged":false' GET /v1/keys/three &&
	    [ ! -e "$T/three.sock" ] &&
	    call 200 '^{}$' POST /v1/keys/three/unplug
}
check "a key is unplugged" unplugged
check "and plugged in again" call 200 '^{}$' POST /v1/keys/three/plug
check "it has what it had" sign_in three
check "a key can begin unplugged" add five '"plugged": false'
check "it has no socket" [ ! -e "$T/five.sock" ]
check "it is plugged in later" call 200 '^{}$' POST /v1/keys/five/plug
check "and works" create five AAAA

check "presence is changed" call 200 '"deny"' PUT /v1/keys/five/presence \
    '{"presence": "deny"}'
denied()
{
	create five BBBB >"$T/denied" 2>&1
	[ $? = 1 ] && grep -q NotAllowedError "$T/denied"
}
check "it says no" denied
waits_for_delay()
{
	call 200 '"delayMs":600000' PUT /v1/keys/five/presence \
	    '{"presence": "auto", "delayMs": 600000}' || return
	start_create five CCCC
	until call 200 '"hosts":1' GET /v1/keys/five; do :; done
	call 200 '"auto"' PUT /v1/keys/five/presence \
	    '{"presence": "auto"}' || return
	wait "$client"
}
check "a delay lasts until it is changed" waits_for_delay
mismatches()
{
	call 200 '"default":"mismatch"' PUT /v1/keys/five/verification \
	    '{"default": "mismatch"}' || return
	create five DDDD >"$T/mismatch" 2>&1
	[ $? = 1 ] && call 200 '"default":"verified"' \
	    PUT /v1/keys/five/verification '{"default": "verified"}'
}
check "it does not know its user" mismatches
check "after a power cycle" call 200 '^{}$' POST /v1/keys/five/power-cycle
mismatches_once()
{
	call 200 '"next":\["mismatch"\]' PUT /v1/keys/five/verification \
	    '{"next": ["mismatch"]}' || return
	create five EEEE && call 200 '"next":\[\]' GET \
	    /v1/keys/five/verification
}
check "or not at the first try" mismatches_once

refuses_to_verify()
{
	call 200 '"default":"refused"' PUT /v1/keys/five/verification \
	    '{"default": "refused"}' || return
	# more often than there are tries
	for i in {1..6}; do
		create five FFFF >"$T/refused" 2>&1
		[ $? = 1 ] && grep -q NotAllowedError "$T/refused" || return
	done
	call 200 '"default":"verified"' PUT /v1/keys/five/verification \
	    '{"default": "verified"}' && create five FFFF
}
check "its user does not want to be verified, which costs no try" \
    refuses_to_verify

times_out()
{
	call 200 '"never"' PUT /v1/keys/one/presence '{"presence": "never"}' ||
	    return
	start_create one FFFF
	until call 200 '"hosts":1' GET /v1/keys/one; do :; done
	until call 200 offsetMs POST /v1/keys/one/clock '{"advanceMs": 40000}' &&
	    ! kill -0 "$client" 2>/dev/null; do sleep 0.1; done
	! wait "$client"
}
check "its clock goes ahead, and a request times out" times_out
check "that of others does not" call 200 '"offsetMs":0' \
    GET /v1/keys/three/clock

# wrong BODY TEXT: refused as invalid argument, and TEXT says why
wrong()
{
	call 400 'invalid argument.*'"$2" POST /v1/keys "$1"
}
check "not JSON" wrong '{' 'JSON object'
check "not an object" wrong '[]' 'JSON object'
check "a member twice" wrong '{"key": "a", "key": "b"}' 'JSON object'
check "an unknown member" wrong '{"frobnicate": 1}' frobnicate
check "a member of another type" wrong '{"key": 1}' .
check "no such transport" wrong '{"transport": "nfc"}' transport
check "no such presence" wrong '{"presence": "maybe"}' presence
check "no such setting" wrong '{"settings": {"nonsense": 1}}' nonsense
check "no such value" wrong '{"settings": {"rk": "maybe"}}' rk
check "settings that are no object" wrong '{"settings": []}' settings
check "a setting that is no value" wrong '{"settings": {"rk": {}}}' settings
check "a relative directory" wrong '{"state": "x"}' absolute
check "a relative socket" wrong '{"transport": "socket", "socket": "x"}' \
    absolute
check "a socket for uhid" wrong '{"socket": "/x"}' socket
check "ephemeral with a state" wrong '{"ephemeral": true, "state": "/x"}' \
    ephemeral
check "neither" wrong '{"ephemeral": false}' 'state'
check "an ID that is no ID" wrong \
    '{"key": "a/b", "transport": "socket"}' letters
check "a name that is none" wrong '{"name": "", "transport": "socket"}' \
    printable
check "an ID that is taken" call 409 'exists already' POST /v1/keys \
    '{"key": "one", "transport": "socket"}'
check "a directory that is in use" call 409 busy POST /v1/keys \
    "{\"state\": \"$T/three\", \"transport\": \"socket\"}"
check "removing what is not there" call 404 'no such key' DELETE /v1/keys/x
check "unknown paths of a key" call 404 'unknown command' \
    GET /v1/keys/one/frobnicate
check "unknown methods of a key" call 405 'unknown method' \
    POST /v1/keys/one/info
check "wrong presence" call 400 'invalid argument' PUT /v1/keys/one/presence \
    '{"presence": "auto", "delayMs": -1}'
check "wrong verification" call 400 'invalid argument' \
    PUT /v1/keys/one/verification '{"next": ["perhaps"]}'
check "a clock that goes back" call 400 'invalid argument' \
    POST /v1/keys/one/clock '{"advanceMs": -1}'
check "a clock without an hour" call 400 'invalid argument' \
    POST /v1/keys/one/clock '{}'
head -c 70000 /dev/zero | tr '\0' x >"$T/long"
check "a body that is too long" call 413 'invalid argument' POST /v1/keys \
    "@$T/long"
check "after all that" call 200 '"key":"one".*"key":"five"' GET /v1/keys

ephemeral=$(curl -s --unix-socket "$control" http://localhost/v1/keys/one |
    sed 's/.*"state":"\([^"]*\)".*/\1/')
check "the daemon ends orderly" stop_key
check "its keys end with it" [ ! -e "$ephemeral" ]
check "nothing is left" [ -z "$(ls "$T/runtime/sealkey")" ]
check "the state directory stays" grep -qx 'credentials: 1' \
    <("$SEALKEY" info --state "$T/three")

# with a key from the command line
check "a daemon with a key" start_daemon --state "$T/three" \
    --socket "$T/three.sock" --id first --control "$T/c.sock"
control=$T/c.sock
check "its control socket is where it was told to be" \
    call 200 '"key":"first"' GET /v1/info
check "another key is added" add second
check "the daemon ends orderly" stop_key

# many at once
check "a daemon starts again" start_daemon --empty --control "$T/c.sock"
many()
{
	local i
	for i in {1..20}; do add "k$i" || return; done
	for i in {1..20}; do create "k$i" AAAA >/dev/null || return; done
	for i in {1..20}; do
		call 200 '^{}$' DELETE "/v1/keys/k$i" || return
	done
	call 200 '^{"keys":\[\]}$' GET /v1/keys
}
check "twenty keys come, work and go" many
check "the daemon ends orderly" stop_key

check "--empty takes no key" exits 2 run --empty --state "$T/x"
check "an ID on the command line" exits 2 run --id a/b

plan
