#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a key gets wrong on purpose: sealkey fault, webauthn --fault, and keys
# that never do. (TAP)
. "$(dirname "$0")/lib"

# --- the catalogue ---

lists()
{
	exits 0 fault list || return
	[ "$(wc -l <"$T/out")" -ge 120 ] || return
	prints '^reg.rpidhash  *The RP ID hash is that of no RP ID\.$'
}
check "list has 120 faults or more, a line each" lists

lists_a_stage()
{
	exits 0 fault list --stage authentication || return
	prints '^auth.sig-bad ' && ! prints '^reg\.'
}
check "list has those of a stage alone" lists_a_stage

lists_as_json()
{
	exits 0 fault list --json || return
	python3 - "$T/out" <<-'END'
	import json, sys
	rows = json.load(open(sys.argv[1]))
	names = {r["name"] for r in rows}
	assert len(names) == len(rows) >= 120
	for r in rows:
	    assert r["breaks"].endswith("."), r
	    assert r["check"] and r["section"], r
	    assert r["stage"] in ("registration", "authentication", "client",
	        "transport", "metadata"), r
	    assert r["verdict"] in ("refuse", "policy", "tolerate"), r
	    assert set(r["reach"]) == {"chromium", "firefox"}, r
	    assert isinstance(r["needs"], list), r
	END
}
check "list --json says all of each" lists_as_json

shows()
{
	exits 0 fault show auth.sig-zero || return
	prints '^see: CVE-2022-21449$' && prints '^through Firefox: passes$' &&
	    prints '^to be noticed: refuse$' || return
	exits 0 fault show reg.uv-clear && prints '^needs: user verification'
}
check "show tells what a fault is" shows

shows_as_json()
{
	exits 0 fault show key.off-curve --json || return
	python3 - "$T/out" <<-'END'
	import json, sys
	f = json.load(open(sys.argv[1]))
	assert f["reach"] == {"chromium": "hangs", "firefox": "passes"}, f
	assert "Chromium" in f["warning"], f
	END
}
check "show --json tells it to programs" shows_as_json

# --- a running key ---

check "a key starts" start_key key
dir=$T/key

warns_of_browsers()
{
	exits 0 fault arm reg.rpidhash --state "$dir" || return
	prints '^1  reg.rpidhash  next 1$' || return
	says 'does not reach a page through Chromium' || return
	exits 0 fault arm reg.rpidhash --quiet --state "$dir" || return
	[ ! -s "$T/err" ] && exits 0 fault clear --state "$dir"
}
check "arm warns of the browser that stops it, unless it is to be quiet" \
    warns_of_browsers

warns_of_one()
{
	local other=$1 stopped=$2
	exits 0 fault arm reg.rpidhash --browser "$other" --state "$dir" ||
	    return
	[ ! -s "$T/err" ] || return
	exits 0 fault arm reg.rpidhash --browser "$stopped" --json \
	    --state "$dir" || return
	says 'does not reach a page through Chromium' &&
	    prints "\"browser\": *\"$stopped\"" &&
	    exits 0 fault clear --state "$dir"
}
check "of the one that was named, only if it does" warns_of_one firefox \
    chromium
check "there are two of them" exits 2 fault arm reg.rpidhash --browser lynx \
    --state "$dir"
check "which are for arm" exits 2 fault list --browser firefox

tells_what_is_armed()
{
	exits 0 fault arm auth.sig-bad --next 3 --rp example.com \
	    --state "$dir" || return
	exits 0 fault arm ctap.error:NO_CREDENTIALS --until-cleared \
	    --state "$dir" || return
	exits 0 fault armed --state "$dir" || return
	prints '^[0-9]*  auth.sig-bad  next 3  at example.com$' || return
	prints '^[0-9]*  ctap.error:NO_CREDENTIALS  until cleared$' || return
	exits 0 fault armed --json --state "$dir" || return
	python3 - "$T/out" <<-'END'
	import json, sys
	s = json.load(open(sys.argv[1]))
	assert s["allowed"] is True
	a, b = s["armed"]
	assert (a["fault"], a["uses"], a["rpId"], a["used"]) == \
	    ("auth.sig-bad", 3, "example.com", 0), a
	assert (b["uses"], b["rpId"]) == (0, None), b
	END
}
check "armed tells what is armed, how often and where" tells_what_is_armed

clears()
{
	local id
	exits 0 fault armed --state "$dir" || return
	id=$(sed -n 's/  auth.sig-bad.*//p' "$T/out")
	exits 0 fault clear "$id" --state "$dir" || return
	exits 1 fault clear "$id" --state "$dir" || return
	says 'no fault with this id is armed' || return
	exits 0 fault clear --state "$dir" || return
	exits 0 fault armed --state "$dir" && [ ! -s "$T/out" ]
}
check "clear takes one of them back, or all" clears

# flags FILE: of the authenticator data of a registration response
flags()
{
	python3 - "$1" <<-'END'
	import base64, json, sys
	r = json.load(open(sys.argv[1]))["response"]
	ad = base64.urlsafe_b64decode(r["authenticatorData"] + "===")
	print("%02x" % ad[32])
	END
}

happens_once()
{
	exits 0 fault arm reg.bs-without-be --state "$dir" || return
	create key AAAA >"$T/one" && create key BBBB >"$T/two" || return
	[ "$(flags "$T/one")" = d5 ] && [ "$(flags "$T/two")" = c5 ]
}
check "a registration has the fault, the next one does not" happens_once

# notes DIR FAULT COUNT: so many lines of the log say that a reply had it
notes()
{
	exits 0 audit --json --operation makeCredential --state "$1" &&
	    [ "$(grep -c "\"fault\":\"$2\"" "$T/out")" = "$3" ]
}
check "the log tells of it, and of no other" notes "$dir" reg.bs-without-be 1

happens_elsewhere()
{
	exits 0 fault arm reg.be-bs --rp example.org --state "$dir" || return
	create key CCCC >"$T/three" || return
	[ "$(flags "$T/three")" = c5 ] || return
	exits 0 fault armed --state "$dir" && prints 'reg.be-bs' || return
	exits 0 fault clear --state "$dir"
}
check "one for another relying party waits for it" happens_elsewhere

pulled_out()
{
	exits 0 fault arm hid.unplug-mid --state "$dir" || return
	! create key DDDD >"$T/four" && ! create key DDDD >"$T/four" &&
	    exits 0 ctl plug --state "$dir" && create key DDDD >"$T/four"
}
check "a key that is pulled out stays out until it is plugged in" pulled_out
says_how()
{
	exits 0 fault show hid.unplug-mid &&
	    prints 'stays out until somebody plugs it in (sealkey ctl plug)'
}
check "which show tells" says_how

# --- wrong use ---

for args in "" "nothing" "list more" "show" "show a b" "arm" "armed x" \
    "clear 1 2" "list --next 1" "armed --rp a" "arm reg.trailing --next 0" \
    "arm reg.trailing --next x" "arm reg.trailing --next 1000001" \
    "arm reg.trailing --next 1 --until-cleared" \
    "arm reg.trailing --until-cleared --next 1" "show a --stage client" \
    "list --stage none" "arm reg.trailing --rp=" "list --quiet"; do
	# unquoted: one word an argument
	# shellcheck disable=SC2086
	check "wrong use: fault $args" exits 2 fault $args --state "$dir"
done

refused()
{
	exits 1 fault "$1" "$2" --state "$dir" && says "$3"
}
check "no such fault" refused arm reg.nothing 'there is no such fault'
check "no such fault to show" exits 1 fault show reg.nothing
shows()
{
	exits 0 fault show "$1" && prints "$2"
}
lacks()
{
	exits 0 fault show "$1" && ! prints "$2"
}
check "show says what a value is by itself" shows ctap.error \
    '^without that: OPERATION_DENIED$'
check "in milliseconds" shows hid.slow '^without that: 5000$'
check "of what takes none, nothing" lacks reg.up-clear '^without that'
check "a value that is none" refused arm ctap.error:OK 'takes a CTAP status'
check "a value where there is none" refused arm reg.up-clear:1 'takes nothing'
check "one of the client's" refused arm reg.type-get 'client'
check "an id that is none" refused clear x 'numbers'
check "no key" exits 1 fault armed --state "$T/nowhere"

# curl_key METHOD PATH [BODY]: the status of the reply, in $T/body what it says
curl_key()
{
	curl -s -o "$T/body" -w '%{http_code}\n' -X "$1" ${3+-d "$3"} \
	    --unix-socket "$(sed -n 's/^control //p' "$dir/lock")" \
	    "http://localhost/v1/$2"
}

hostile()
{
	[ "$(curl_key POST faults "$1")" = 400 ] &&
	    grep -q '"error":"invalid argument"' "$T/body"
}
for body in '' '[]' '{}' '{"fault": 1}' '{"fault": "reg.rpidhash", "x": 1}' \
    '{"fault": "reg.rpidhash", "uses": -1}' \
    '{"fault": "reg.rpidhash", "uses": 1.5}' \
    '{"fault": "reg.rpidhash", "uses": 1000001}' \
    '{"fault": "reg.rpidhash", "uses": "1"}' \
    '{"fault": "reg.rpidhash", "rpId": ""}' \
    '{"fault": "reg.rpidhash", "rpId": 7}' \
    '{"fault": "reg.rpidhash\u0000"}' '{"fault": "reg.' \
    '{"fault": "reg.rpidhash", "fault": "reg.rpidhash"}'; do
	check "hostile: $body" hostile "$body"
done

too_many()
{
	local i
	for i in $(seq 32); do
		[ "$(curl_key POST faults '{"fault": "reg.trailing"}')" = 200 ] ||
		    return
	done
	[ "$(curl_key POST faults '{"fault": "reg.trailing"}')" = 409 ] &&
	    grep -q '"error":"full"' "$T/body" &&
	    [ "$(curl_key DELETE faults)" = 200 ]
}
check "there is an end to it" too_many
check "an id that nobody has" [ "$(curl_key DELETE faults/999999)" = 404 ]
check "an id that is no number" [ "$(curl_key DELETE faults/-1)" = 404 ]
check "another method" [ "$(curl_key PUT faults '{}')" = 405 ]
check "it ends" stop_key

# --- keys without ---

never()
{
	start_key honest --no-faults || return
	dir=$T/honest
	exits 1 fault arm reg.trailing --state "$dir" || return
	says 'made with --no-faults' || return
	[ "$(curl_key POST faults '{"fault": "reg.trailing"}')" = 403 ] &&
	    grep -q '"error":"faults forbidden"' "$T/body" || return
	exits 0 info --state "$dir" || return
	prints '^can be made to get things wrong: no$' || return
	exits 0 reset --yes --state "$dir" || return
	exits 1 fault arm reg.trailing --state "$dir" && stop_key
}
check "a key made with --no-faults arms nothing" never

still_never()
{
	start_key honest || return
	exits 1 fault arm reg.trailing --state "$T/honest" && stop_key
}
check "nor does it when it is started without" still_never

not_afterwards()
{
	exits 1 run --state "$T/key" --socket "$T/key.sock" --no-faults &&
	    says 'was made without --no-faults'
}
check "a key that took faults is refused as one" not_afterwards

# --- the client's own ---

# with STATE FAULT [ARGS...]: registers; the response is in $T/out
with()
{
	local state=$1 fault=$2
	shift 2
	status=0
	options four | "$SEALKEY" webauthn create \
	    --origin https://example.com --state "$T/$state" \
	    --fault "$fault" "$@" >"$T/out" 2>"$T/err" || status=$?
}

client_has_it()
{
	with client reg.bs-without-be && [ "$status" = 0 ] &&
	    [ "$(flags "$T/out")" = d5 ]
}
check "webauthn --fault: the response has it" client_has_it

# one_replay_only NAME VERB
one_replay_only()
{
	exits 2 webauthn "$2" --origin https://example.com --state "$T/with" \
	    --fault "$1" </dev/null && one_line &&
	    says 'takes --batch, where the first line goes without'
}
client_says_no()
{
	with client reg.credid-duplicate
	[ "$status" = 1 ] && one_line && says 'does not fit this ceremony' &&
	    [ ! -s "$T/out" ]
}
check "webauthn --fault: no response without it" client_says_no
check "webauthn --fault: nor once more what was never sent" \
    one_replay_only reg.replay create
check "webauthn --fault: of sign-ins either" one_replay_only auth.replay get
check "which show tells" shows reg.replay \
    '^needs: one before it, in the same sealkey webauthn --batch$'

# the first of a batch is honest, the others are it once more
client_replays()
{
	{
		options aaaa | tr -d '\n'
		echo
		options bbbb | tr -d '\n'
		echo
		options cccc | tr -d '\n'
	} | "$SEALKEY" webauthn create --origin https://example.com \
	    --state "$T/replay" --fault reg.replay --batch >"$T/out" \
	    2>"$T/err" && [ "$(wc -l <"$T/out")" = 3 ] &&
	    [ "$(sort -u "$T/out" | wc -l)" = 1 ] &&
	    grep -q '"attestationObject"' "$T/out" && [ ! -s "$T/err" ]
}
check "webauthn --batch --fault: once more what was sent" client_replays

client_refuses()
{
	with client "$1"
	[ "$status" = 2 ] && one_line && says "$2"
}
check "webauthn create: no fault of get" client_refuses auth.sig-bad \
    'not one of create'
check "webauthn: no fault on the way" client_refuses hid.timeout \
    'sealkey fault arm'
check "webauthn: no such fault" client_refuses reg.nothing 'no such fault'

client_is_noted()
{
	with noted reg.origin && [ "$status" = 0 ] || return
	exits 0 audit --json --state "$T/noted" &&
	    [ "$(grep -c '"fault":"reg.origin"' "$T/out")" = 1 ]
}
check "webauthn: what the client gets wrong is in the log" client_is_noted

# U2F has no room for most of them, and a response with no fault is none
u2f_is_told()
{
	with u2f reg.trailing --set versions=U2F_V2
	[ "$status" = 1 ] && one_line || return
	options four | sed 's/required/discouraged/g' |
	    "$SEALKEY" webauthn create --origin https://example.com \
	    --state "$T/u2f" --fault att.sig-bad --set versions=U2F_V2 \
	    >"$T/out" 2>"$T/err" || return
	exits 0 fault show reg.trailing && prints '^in replies of U2F: no$' &&
	    exits 0 fault show att.sig-bad && prints '^in replies of U2F: yes$'
}
check "webauthn: a key of the time before FIDO2 says so" u2f_is_told

# u2f_responds create|get NAME OPTIONS: with that fault, over U2F
u2f_responds()
{
	"$SEALKEY" webauthn "$1" --origin https://example.com \
	    --state "$T/old" --tpm none --set versions=U2F_V2 \
	    ${2:+--fault "$2"} >"$T/out" 2>"$T/err" <<<"$3"
}

# What a row says of U2F, a relying party sees
u2f_registers='{"rp": {"id": "example.com", "name": "E"}, "challenge": "AAAA",
    "user": {"id": "AQID", "name": "a", "displayName": "A"},
    "attestation": "direct",
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}]}'
rows_of_u2f()
{
	"$SEALKEY" fault list --json | python3 -c '
import json, sys
for r in json.load(sys.stdin):
    if r["u2f"]: print(r["stage"], r["name"])'
}
check "a key of the time before FIDO2 registers" u2f_responds create "" \
    "$u2f_registers"
u2f_signs="{\"challenge\": \"AAAA\", \"rpId\": \"example.com\",
    \"allowCredentials\": [{\"type\": \"public-key\", \"id\": \"$(
    sed 's/.*"id":"\([^"]*\).*/\1/' "$T/out")\"}]}"
check "and signs in" u2f_responds get "" "$u2f_signs"
rows_of_u2f >"$T/rows"
check "it has 20 faults or more" test "$(wc -l <"$T/rows")" -ge 20
while read -r stage name <&3; do
	if [ "$stage" = registration ]; then
		check "webauthn: over U2F, too: $name" u2f_responds create \
		    "$name" "$u2f_registers"
	else
		check "webauthn: over U2F, too: $name" u2f_responds get \
		    "$name" "$u2f_signs"
	fi
done 3<"$T/rows"

client_never()
{
	with honest reg.up-clear
	[ "$status" = 1 ] && one_line && says 'made with --no-faults' || return
	with honest reg.origin
	[ "$status" = 1 ] && one_line && says 'made with --no-faults' || return
	with new reg.up-clear --no-faults
	[ "$status" = 2 ] && one_line
}
check "webauthn: not with a key that gets nothing wrong" client_never

plan
