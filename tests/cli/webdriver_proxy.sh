#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sealkey webdriver: what passes through to the driver, what is answered by
# keys, and what is left when it ends. (TAP)
. "$(dirname "$0")/lib"

for tool in curl python3; do
	command -v $tool >/dev/null ||
	    { echo "1..0 # SKIP $tool is missing"; exit 0; }
done

json='Content-Type: application/json; charset=utf-8'

# start_driver: at $driver_port
start_driver()
{
	mkfifo "$T/driver" 2>/dev/null
	python3 "$here/tests/cli/fake_driver.py" >"$T/driver" &
	driver=$!
	running+=("$driver")
	exec 7<"$T/driver"
	read -r -t 60 -u 7 driver_port
}

# start_proxy ARGS...: at $proxy; its process is $key
start_proxy()
{
	start proxy webdriver --upstream "http://127.0.0.1:$driver_port/" \
	    --listen 127.0.0.1:0 "$@" || return
	proxy=$(sed -n 's/^sealkey: ready: WebDriver at //p' "$T/proxy.log")
}

# call CODE TEXT METHOD PATH [CURL'S...]: so it answers
call()
{
	local code what=$2 method=$3 path=$4 want=$1
	shift 4
	code=$(curl -s -o "$T/reply" -D "$T/headers" -w '%{http_code}' \
	    --max-time 30 --path-as-is -X "$method" "$@" "$proxy$path")
	[ "$code" = "$want" ] && grep -q -a -e "$what" "$T/reply" && return
	echo "$code: $(head -c 400 "$T/reply")"
	return 1
}

# session [CAPABILITIES]: a new one
session()
{
	call 200 '"sessionId"' POST /session -H "$json" \
	    --data-binary "{\"capabilities\": ${1-{\}}}"
}

# unborn CODE ERROR CAPABILITIES
unborn()
{
	call "$1" '^{"value":{"error":"'"$2"'","message":"..*","stacktrace":""}}$' \
	    POST /session -H "$json" --data-binary "{\"capabilities\": $3}"
}

# key_at SESSION: a virtual authenticator; its ID is $id
key_at()
{
	call 200 '^{"value":"' POST "/session/$1/webauthn/authenticator" \
	    --data-binary '{"protocol": "ctap2", "transport": "usb",
	    "sealkey:transport": "socket"}' || return
	id=$(sed 's/.*:"\(.*\)"}/\1/' "$T/reply")
}

# wrong TEXT ARGS...: exit status 2, with TEXT
wrong()
{
	local text=$1
	shift
	exits 2 webdriver "$@" && says "$text"
}

check "no driver" wrong upstream
check "a driver that is no URL" wrong 'no.* URL\|not a URL' --upstream geckodriver
check "a file" wrong 'not a URL' --upstream file:///etc/passwd
check "an operand" exits 2 webdriver --upstream http://127.0.0.1:1 x
for address in 0.0.0.0:4444 '[::]:4444' 192.0.2.1:4444 example.com:1 \
    127.0.0.1:65536 4444x; do
	check "listening at $address" wrong \
	    'not an address of this machine' --listen "$address" \
	    --upstream http://127.0.0.1:1
done

check "a driver starts" start_driver
# at a port that nobody has, as that of a proxy that has ended
own_driver()
{
	local at
	start_proxy && at=${proxy##*:} && stop_key &&
	    exits 1 webdriver --upstream "http://localhost:$at/" \
	    --listen "127.0.0.1:$at"
}
check "a proxy that is its own driver" own_driver
check "is told" says 'that is where --listen is'
check "the proxy starts, and a daemon with it" start_proxy
own=$(find "$XDG_RUNTIME_DIR" -path '*/webdriver-*/control.sock')
check "which is told once" [ "$(wc -l <"$T/proxy.log")" = 1 ]
check "the daemon is its own" [ -S "$own" ]
check "in a directory of its own" \
    [ "$(stat -c %a "$(dirname "$own")")" = 700 ]
taken=${proxy#http://}
check "two at one port" exits 1 webdriver --upstream http://127.0.0.1:1 \
    --listen "$taken"
check "is told" says 'cannot listen'
check "a daemon that is not there" exits 1 webdriver --control "$T/none" \
    --upstream http://127.0.0.1:1 --listen 127.0.0.1:0
check "is told" says 'none: No such file'

# --- what passes through

check "a path and its query" call 200 '"path": "/session/x/a%2Fb?c=d&e=%20"' \
    GET '/session/x/a%2Fb?c=d&e=%20'
check "dots in it" call 200 '"path": "/../x/./y"' GET /../x/./y
for method in GET PUT DELETE; do
	check "the method $method" call 200 "\"method\": \"$method\"" \
	    $method /session/x/thing
done
check "a body" call 200 '"body": "{ \\"a\\":  1.50 }"' POST /session/x/url \
    --data-binary '{ "a":  1.50 }'
printf 'a\0b\377' >"$T/bytes"
check "bytes of any kind" call 200 '"length": 4, "body": "a\\u0000b\\u00ff"' \
    POST /session/x/url --data-binary "@$T/bytes"
check "no body" call 200 '"length": 0' POST /session/x/back -H 'Content-Length: 0'
check "a status, and bytes that are no JSON" call 418 'short' GET /teapot
check "all of them" [ "$(wc -c <"$T/reply")" = 11 ]
check "and what they are" grep -qi '^content-type: text/x-tea; charset=utf-8' \
    "$T/headers"
check "3 MB from the driver" call 200 xxx GET /big
check "all of it" [ "$(wc -c <"$T/reply")" = 3000000 ]
head -c 3000000 /dev/zero | tr '\0' y >"$T/long"
check "3 MB to the driver" call 200 '"length": 3000000' POST /session/x/file \
    --data-binary "@$T/long"
check "the same in pieces" call 200 '"length": 3000000' POST /session/x/file \
    -H 'Transfer-Encoding: chunked' --data-binary "@$T/long"
check "a path that only looks like ours" call 200 '"path": "/session/x/webauthn' \
    GET /session/x/webauthnx

# --- who may ask

check "another host" call 500 'not this machine' GET /status -H 'Host: evil.example'
check "no host" call 500 'not this machine' GET /status -H 'Host:' -0
check "a page" call 500 'web page' GET /status -H 'Origin: http://localhost'
check "a page's preflight" call 500 'web page' OPTIONS /session \
    -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: POST'
check "a page without an origin" call 500 'web page' GET /status -H 'Origin: null'
check "localhost" call 200 . GET /status -H "Host: localhost:${taken##*:}"

# --- capabilities

check "no JSON is the driver's to refuse" call 400 'the driver' POST /session \
    --data-binary 'x'
check "a session" session
check "without ours, nothing is changed" grep -q '"asked": *{"capabilities": *{}}' \
    "$T/reply"
check "one with virtual authenticators" session '{"alwaysMatch":
    {"webauthn:virtualAuthenticators": true, "browserName": "fake"}}'
check "of which the driver hears nothing" grep -q \
    '"asked": *{"capabilities": *{"alwaysMatch": *{"browserName": *"fake"}}}' \
    "$T/reply"
check "gets them" grep -q '"webauthn:virtualAuthenticators": *true' "$T/reply"
check "the first that fits" session '{"firstMatch": [
    {"webauthn:extension:telepathy": true, "browserName": "no"},
    {"webauthn:extension:prf": true, "browserName": "yes"}]}'
check "is the first that the driver sees" grep -q \
    '"firstMatch": *\[{"browserName": *"yes"}\]' "$T/reply"
check "and is what was matched" grep -q '"webauthn:extension:prf": *true' \
    "$T/reply"
check "what is false is no wish" session '{"alwaysMatch":
    {"webauthn:extension:telepathy": false}}'
check "none that fits" unborn 500 'session not created' \
    '{"firstMatch": [{"webauthn:extension:telepathy": true}]}'
check "one that all of them have to have" unborn 500 'session not created' \
    '{"alwaysMatch": {"webauthn:extension:telepathy": true}}'
for value in '"true"' 1 null '[]'; do
	check "capabilities of $value" unborn 400 'invalid argument' \
	    "{\"alwaysMatch\": {\"webauthn:virtualAuthenticators\": $value}}"
	check "and in firstMatch" unborn 400 'invalid argument' \
	    "{\"firstMatch\": [{\"webauthn:extension:prf\": $value}]}"
done

# --- whose session it is

# asked ID: the driver, whether it has that session; nothing else before
asked()
{
	local line
	read -r -t 60 -u 7 line && [ "$line" = "timeouts $1" ]
}
no_key()
{
	curl -s --unix-socket "$own" http://localhost/v1/keys |
	    grep -q '"keys":\[\]'
}
# a session that is none of the proxy's; its ID is $id
elsewhere()
{
	id=$(curl -s --max-time 30 -d '{"capabilities": {}}' \
	    "http://127.0.0.1:$driver_port/session" |
	    sed 's/.*"sessionId": *"\([^"]*\)".*/\1/')
	[ -n "$id" ]
}
unknown='^{"value": *{"error": *"invalid session id", "message": "the driver"'
check "a session that the driver does not have has no keys" call 404 \
    "$unknown" POST /session/zzz/webauthn/authenticator \
    --data-binary '{"protocol": "ctap2", "transport": "usb",
    "sealkey:transport": "socket"}'
check "the driver was asked" asked zzz
check "and nothing was made" no_key
check "a command in such a session" call 404 "$unknown" GET \
    /session/zzz/webauthn/authenticator/y/credentials
check "is asked about as well" asked zzz
check "a session that was made elsewhere" elsewhere
other=$id
check "has them" key_at "$other"
check "after the driver was asked" asked "$other"
check "has them again" key_at "$other"
check "one in trouble as well" key_at troubled
check "the driver is asked once for each" asked troubled
check "it ends" call 200 '"method": "DELETE"' DELETE "/session/$other"
check "and is gone" call 404 "$unknown" GET \
    "/session/$other/webauthn/authenticator/$id/credentials"
check "of which the driver was asked" asked "$other"

# --- keys

check "an authenticator" key_at s1
first=$id
check "another session's" key_at s2
check "a command" call 200 '^{"value":\[\]}$' GET \
    "/session/s2/webauthn/authenticator/$id/credentials"
check "its type is WebDriver's" grep -qi '^content-type: application/json' \
    "$T/headers"
check "a wrong one" call 400 '"invalid argument"' GET \
    "/session/s1/webauthn/authenticator/$id/credentials"
check "one that is not there" call 404 '"unknown command"' GET \
    /session/s1/webauthn/frobnicate
check "which the driver need not know" call 405 '"unknown method"' GET \
    /session/s1/webauthn/authenticator
check "nothing else of the daemon is to be had" call 200 \
    '"path": "/v1/keys"' GET /v1/keys
check "nor by a detour" call 200 '"path": "/session/s1/../../v1/keys"' GET \
    /session/s1/../../v1/keys
check "nor by a longer one" call 404 '"unknown command"' GET \
    /session/s1/webauthn/../../../v1/keys
check "a session ends" call 200 '"method": "DELETE"' DELETE /session/s1
has_ended()
{
	call 404 "$unknown" GET \
	    "/session/s1/webauthn/authenticator/$first/credentials" &&
	    ! curl -s --unix-socket "$own" http://localhost/v1/keys |
	    grep -q "\"$first\""
}
check "its authenticators with it" has_ended
check "and the driver says so" asked s1
check "others stay" call 200 '^{"value":\[\]}$' GET \
    "/session/s2/webauthn/authenticator/$id/credentials"

# many at once, one of them slow to come
many()
{
	local i pids=()
	for i in {1..24}; do
		curl -s --max-time 30 -o "$T/many.$i" "$proxy/session/x/$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in {1..24}; do
		grep -q "\"path\": \"/session/x/$i\"" "$T/many.$i" || return
	done
}
check "many at once" many

kill -KILL "$driver" && wait "$driver" 2>/dev/null
check "the driver is gone" call 500 '^{"value":{"error":"unknown error",' GET \
    /status
check "nobody knows a session then" call 500 \
    '^{"value":{"error":"unknown error",' GET \
    /session/yyy/webauthn/authenticator/y/credentials
check "keys work on" call 200 '^{"value":\[\]}$' GET \
    "/session/s2/webauthn/authenticator/$id/credentials"
daemon=$(pgrep -P "$key")
check "the proxy ends when asked to" stop_key
check "its daemon with it" [ ! -e "/proc/$daemon" ]
check "nothing is left" [ -z "$(ls "$T/runtime/sealkey")" ]

# --- however it ends, and with a daemon of others

check "the driver starts again" start_driver
check "so does the proxy" start_proxy
daemon=$(pgrep -P "$key")
gone()
{
	local i
	for i in {1..100}; do
		[ -e "/proc/$1" ] || return 0
		grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}
check "it is there" [ -n "$daemon" ]
killed()
{
	{ kill -KILL "$key" && wait "$key"; } 2>/dev/null
	gone "$daemon"
}
check "the daemon ends with a proxy that was killed" killed

# a proxy that is killed leaves its directory behind
rm -rf "$T/runtime/sealkey"
check "the proxy starts once more" start_proxy
ends_while_asked()
{
	local line
	curl -s --max-time 60 -o /dev/null "$proxy/never" &
	read -r -t 60 -u 7 line && [ "$line" = asked ] || return
	SECONDS=0
	stop_key && [ "$SECONDS" -lt 50 ]
}
check "it ends while the driver is silent" ends_while_asked
check "and leaves nothing" [ -z "$(ls "$T/runtime/sealkey")" ]

keys_are()
{
	curl -s --unix-socket "$T/c.sock" http://localhost/v1/keys |
	    grep -q "$1"
}
check "a daemon" start_daemon --empty --control "$T/c.sock"
daemon=$key
check "a proxy for it" start_proxy --control "$T/c.sock"
check "has none of its own" [ -z "$(pgrep -P "$key")" ]
check "a session" session
check "an authenticator" key_at "$(sed \
    's/.*"sessionId": *"\([^"]*\)".*/\1/' "$T/reply")"
check "is the daemon's" keys_are "\"key\":\"$id\""
# somebody else's, in a session of the daemon's that the proxy does not know
key_of_others()
{
	proxy=http://localhost call 200 '^{"value":"' POST \
	    /session/others/webauthn/authenticator --unix-socket "$T/c.sock" \
	    --data-binary '{"protocol": "ctap2", "transport": "usb",
	    "sealkey:transport": "socket"}' || return
	id=$(sed 's/.*:"\(.*\)"}/\1/' "$T/reply")
}
check "an authenticator of others" key_of_others
check "a session that is called as it" session "{\"alwaysMatch\":
    {\"fake:id\": \"others/webauthn/authenticator/$id?\"}}"
check "the proxy ends" stop_key
keys()
{
	curl -s --unix-socket "$T/c.sock" http://localhost/v1/keys |
	    grep -o '"key":"[^"]*"'
}
check "and its sessions' authenticators with it, no others" \
    [ "$(keys)" = "\"key\":\"$id\"" ]
check "the daemon does not" [ -e "/proc/$daemon" ]
check "a proxy for a daemon that ends" start_proxy --control "$T/c.sock"
check "a session" session
id=$(sed 's/.*"sessionId": *"\([^"]*\)".*/\1/' "$T/reply")
kill "$daemon" && wait "$daemon"
check "says so in WebDriver's words" call 500 \
    '^{"value":{"error":"unknown error","message":"..*' GET \
    "/session/$id/webauthn/authenticator/y/credentials"
check "and passes on what is the driver's" call 200 '"path": "/status"' GET \
    /status
check "it ends as well" stop_key

plan
