#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rp_audit.sh: sealkey rp-audit against the adapters of examples/ (TAP).
#
# The strict one accepts honest keys, and misses exactly what the library is
# known to miss; of the one that checks nothing every fault is reported. One
# that knows few formats has not caught what is wrong with the others. One
# that crashes, hangs or talks nonsense is a result, not an end.
#
# SEALKEY names the program; build/sealkey.

. "$(dirname "$0")/lib"

export ORIGIN TMPDIR="$work/tmp" XDG_RUNTIME_DIR="$work/run"
mkdir -m 700 "$TMPDIR" "$XDG_RUNTIME_DIR" || bail "cannot make a folder"
cp examples/adapters/*.mjs "$work" &&
    ln -s "$here/node_modules" "$work/node_modules" || bail "cannot copy"

# audit ADAPTER OPTION...: by that adapter; report and error in $work
audit()
{
	_adapter=$1
	shift
	"$SEALKEY" rp-audit --origin "$ORIGIN" --rp "$_adapter" "$@" \
	    >"$work/report" 2>"$work/error"
}

strict()
{
	audit "'$node' '$work/simplewebauthn.mjs'" "$@"
}

lax()
{
	audit "'$node' '$work/lax.mjs'" "$@"
}

# bad HOW OPTION...
bad()
{
	_how=$1
	shift
	audit "'$node' '$here/rp_audit.mjs' $_how" "$@"
}

# so EXPRESSION: of the last report
so()
{
	"$node" "$here/rp_audit.mjs" ask "$work/report" "$1"
}

# status WANTED COMMAND...
status()
{
	_wanted=$1
	shift
	"$@"
	same "$?" "$_wanted"
}

# missed NAME...: the strict one accepts each of them, as its library does
missed()
{
	for _name; do
		check "the library misses $_name" \
		    so "row('$_name').outcome === 'missed'"
	done
}

# caught NAME...: it refuses each of them
caught()
{
	for _name; do
		check "the strict one catches $_name" \
		    so "row('$_name').outcome === 'caught'"
	done
}

# --- the strict one -----------------------------------------------------------

test_strict()
{
	begun=$(date +%s)
	check "the strict one misses something" status 1 strict --json \
	    --junit "$work/junit.xml" --html "$work/page.html"
	took=$(($(date +%s) - begun))
	check "that took $took s, less than 60" [ "$took" -lt 60 ]
	check "each check is in the report" each_is_there
	check "honest keys are accepted" so "all('honest', 'accepted')"
	check "what is allowed is accepted, but for what it never takes" so \
	    "r.checks.filter(c => c.level === 'tolerate' && \
	    c.outcome === 'refused').map(c => c.name).sort().join(' ') === \
	    'att.anchor-in-x5c att.fmt-compound honest.compound \
tpm.aik-eku-second tpm.pubarea-scheme'"
	check "it knows every format but one" so "r.checks.filter(c => \
	    /^honest/.test(c.name) && c.outcome !== 'accepted') \
	    .map(c => c.name).join(' ') === 'honest.compound'"
	check "whose faults are not for it" so "r.checks.filter(c => \
	    /nothing wrong, too/.test(c.why)).map(c => c.name).join(' ') === \
	    'att.compound-one att.compound-second-bad'"
	check "it answers everything" so "r.checks.every(c => \
	    !['crashed', 'no answer', 'nonsense'].includes(c.outcome))"
	missed reg.cross-origin auth.cross-origin reg.top-origin \
	    cbor.trailing cbor.extra-key reg.credid-outer \
	    key.off-curve key.alg-kty-confusion key.compressed-y \
	    key.private-d key.reordered reg.credid-1024 \
	    auth.sig-der-trailing auth.be-flip \
	    att.alg-mismatch-basic att.alg-mismatch-self att.leaf-no-bc \
	    att.leaf-aaguid-critical tpm.alg-vs-aik \
	    mds.status-revoked mds.rollback
	caught reg.rpidhash reg.up-clear reg.uv-clear reg.bs-without-be \
	    reg.trailing reg.aaguid-vs-cert key.noncanonical key.dup \
	    att.sig-bad att.untrusted-root att.self-signed-root-in-x5c \
	    att.leaf-expired att.leaf-revoked tpm.magic tpm.type-quote \
	    auth.sig-bad auth.sig-wrong-key auth.sig-zero auth.counter-same \
	    auth.counter-lower auth.up-clear auth.uv-clear auth.rpidhash \
	    auth.bs-without-be auth.credid-other auth.userhandle-other \
	    auth.userhandle-absent auth.replay auth.type-create auth.origin \
	    mds.status-attestation-key-compromise mds.wrong-root \
	    mds.bad-signature mds.bad-chain mds.attestation-type mds.alg-list
	check "it catches the rest of what a client can get wrong" so \
	    "r.checks.filter(c => c.level === 'required' && \
	    c.outcome === 'missed' && \
	    /^cbor|[.](client-data|origin|challenge|id-|rawid)/.test(c.name) && \
	    !/cross-origin|reg.top-origin|cbor.trailing/.test(c.name)) \
	    .length === 0"
	check "the JUnit file is XML" xmllint --noout "$work/junit.xml"
	check "and names what was missed" grep -q \
	    'name="reg.credid-outer".*' "$work/junit.xml"
	check "the page names what was missed" grep -q \
	    'class="bad">missed.*reg.credid-outer' "$work/page.html"
}

# The list and the report have the same names in the same order.
each_is_there()
{
	"$SEALKEY" rp-audit --list | awk '{ print $2 }' >"$work/list" &&
	    [ "$(wc -l <"$work/list")" -ge 300 ] &&
	    so "r.checks.map(c => c.name + '\\n').join('') === \
	    readFileSync('$work/list', 'utf8')"
}

# --- the lax one --------------------------------------------------------------

test_lax()
{
	check "the lax one misses something" status 1 lax --json
	check "the lax one misses what it should refuse" \
	    so "all('required', 'missed', 'not applicable')"
	check "and accepts what is allowed" \
	    so "all('tolerate', 'accepted', 'not applicable')"
	check "and what a policy should" \
	    so "all('policy', 'missed', 'not applicable')"
	check "only what no server can see is not applicable" so \
	    "r.checks.every(c => c.outcome !== 'not applicable' || \
	    /^happens between key and browser/.test(c.why))"
	check "nothing fails if nothing is to" \
	    status 0 lax --fail-on never --only 'cbor.*'
	check "what a policy could catch is no failure" \
	    status 0 lax --only 'cbor.extra-key'
	check "unless it is to be" \
	    status 1 lax --only 'cbor.extra-key' --fail-on policy
	check "a list of failures: none of it was missed" \
	    status 0 lax --only 'cbor.*' --fail-on 'reg.*,auth.replay'
	check "a list of failures: one of it was" \
	    status 1 lax --only 'cbor.*' --fail-on 'reg.*,cbor.empty'
	check "a line of the table" grep -q \
	    '^missed  *required  cbor.empty  .*7.1 step 13' "$work/report"
	check "some are left out" status 1 lax --json --only 'cbor.*' \
	    --skip '*.empty' --skip '*.deep'
	check "and the others are there" so "r.checks.length > 9 && \
	    row('cbor.trailing').name && !row('cbor.empty').name && \
	    !row('cbor.deep').name"
}

# --- one that knows few formats -----------------------------------------------

narrow()
{
	audit "'$node' '$here/rp_audit.mjs' narrow" "$@"
}

test_narrow()
{
	check "it misses something" status 1 narrow --json --only 'honest.*' \
	    --only 'att.*' --only 'tpm.*' --junit "$work/junit.xml" \
	    --html "$work/page.html"
	check "it refuses honest keys" so "r.checks.filter(c => \
	    /^honest/.test(c.name) && c.outcome === 'refused') \
	    .map(c => c.name).join(' ') === 'honest.tpm honest.tpm-rs256 \
honest.fido-u2f honest.android-key honest.apple honest.compound \
honest.safetynet'"
	check "formats that nobody has to know are no failure" so \
	    "['fido-u2f', 'android-key', 'apple', 'compound', 'safetynet'] \
	    .every(f => row('honest.' + f).level === 'tolerate')"
	check "it caught no fault of what it does not know" so \
	    "r.checks.filter(c => c.outcome === 'caught').map(c => c.name) \
	    .join(' ') === 'att.sig-bad att.fmt-unknown'"
	check "nor refused one" so "r.checks.filter(c => \
	    c.outcome === 'refused' && !/^honest/.test(c.name)) \
	    .map(c => c.name).join(' ') === \
	    'att.fmt-compound att.fmt-android-key'"
	check "those are not applicable" so "r.checks.filter(c => \
	    /^tpm|att[.](fmt-u2f|u2f|compound|android|apple|safetynet)/ \
	    .test(c.name)).every(c => c.outcome === 'not applicable' && c.why \
	    === 'refused with nothing wrong, too: no such format')"
	check "they are counted so" so "r.summary.required['not applicable'] \
	    === r.checks.filter(c => c.level === 'required' && \
	    /nothing wrong, too/.test(c.why)).length"
	check "the JUnit file has them skipped" grep -q \
	    'name="att.apple-nonce".*<skipped message="refused with nothing' \
	    "$work/junit.xml"
	check "the page has them so" grep -q \
	    'class="none">not applicable.*att.apple-nonce' "$work/page.html"
	check "what is not applicable is no failure" status 0 narrow \
	    --only att.sig-bad --only 'att.apple-*' --fail-on policy
	check "nor a reason to pass" status 1 narrow --only 'att.apple-*'
	check "the control has its name" so_asked \
	    'case.*honest.apple' --only 'att.apple-*'
	check "and is made once" same "$(grep -c \
	    '"options".*honest.apple' "$work/asked")" 1
}

# so_asked TEXT OPTION...: it is among what the relying party is asked
so_asked()
{
	_text=$1
	shift
	audit "tee '$work/asked' | '$node' '$here/rp_audit.mjs' narrow" "$@"
	grep -q "$_text" "$work/asked"
}

# --- those that misbehave -----------------------------------------------------

test_misbehaviour()
{
	only="--json --only honest.none --only reg.origin* --timeout 60"

	for how in crash exit nonsense chatter; do
		# unquoted: one word an option
		check "$how: is a failure" status 1 bad $how $only
		check "$how: the honest key is accepted" \
		    so "row('honest.none').outcome === 'accepted'"
	done
	bad crash $only
	check "a crash is a result for each" so "r.checks.length > 5 && \
	    all('required', 'crashed')"
	check "that says how" so "/signal 11/.test(row('reg.origin').why)"
	bad exit $only
	check "an end is a crash" so "all('required', 'crashed') && \
	    /status 3/.test(row('reg.origin').why)"
	bad nonsense $only
	check "so is no JSON" so "all('required', 'nonsense') && \
	    /not a line of JSON/.test(row('reg.origin').why)"
	bad chatter $only
	check "and more than one line" so "all('required', 'nonsense')"
	bad hang --json --only honest.none --only reg.origin --timeout 1
	check "no answer in time is a result" \
	    so "row('reg.origin').outcome === 'no answer'"
	check "crashes fail whatever else is to" \
	    status 1 bad exit --only reg.origin --fail-on policy
	check "one that is not there at all ends it" \
	    status 1 audit "exit 7" --timeout 60
	check "and is told" grep -q \
	    'answers nothing: it ended with status 7' "$work/error"
	check "in one line" same "$(wc -l <"$work/error")" 1
	check "one that refuses to give options refuses" \
	    status 1 audit \
	    'while read -r l; do echo "{\"error\":\"closed\"}"; done' \
	    --json --only honest.none --only reg.origin
	check "and says why" so "row('honest.none').why === 'closed'"
	check "a fault that was never sent is none that was caught" so \
	    "row('reg.origin').outcome === 'not applicable' && \
	    row('reg.origin').why === 'refused without the fault: closed'"
	check "options that are no object are a failure" status 1 audit \
	    'while read -r l; do echo "{\"options\":7}"; done' \
	    --json --only honest.none
	check "and nonsense" so "row('honest.none').outcome === 'nonsense'"
	skips='while read -r l; do echo "{\"skip\":\"no such thing\"}"; done'
	check "one may leave things out, but not everything" \
	    status 1 audit "$skips" --json --only honest.none
	check "which is told in one line" same "$(cat "$work/error")" \
	    "sealkey: rp-audit: nothing was checked: every check that was \
selected is not applicable; the report says why"
	check "unless nothing is to fail" \
	    status 0 audit "$skips" --json --only honest.none --fail-on never
	check "and by what was left out" so "row('honest.none').outcome === \
	    'not applicable' && row('honest.none').why === 'no such thing'"
}

# --- URLs ---------------------------------------------------------------------

test_url()
{
	"$node" "$here/rp_audit.mjs" serve "$work/url" &
	key=$!		# cleanup ends it
	for _i in $(seq 300); do
		[ -s "$work/url" ] || sleep 0.2
	done
	url=$(cat "$work/url") || bail "no server"
	check "a URL is asked" status 1 audit "$url" --json \
	    --only honest.none --only reg.origin --only cbor.empty \
	    --only auth.origin
	check "an honest key signs in" \
	    so "row('honest.none').outcome === 'accepted'"
	check "a fault is missed" so "row('auth.origin').outcome === 'missed'"
	check "status 400 is a refusal" \
	    so "row('cbor.empty').outcome === 'caught'"
	check "its reason is told" \
	    so "row('cbor.empty').why === 'no such CBOR'"
	check "status 500 is a crash" \
	    so "row('reg.origin').outcome === 'crashed'"
	kill "$key"
	wait "$key" 2>/dev/null
	key=
	check "a server that has gone is told" status 1 audit "$url" \
	    --only 'honest.*'
	check "in one line" same "$(wc -l <"$work/error")" 1
}

# --- interrupted --------------------------------------------------------------

no_key_is_left()
{
	same "$(find "$TMPDIR" "$XDG_RUNTIME_DIR" -mindepth 2)" ""
}

# A relying party that never answers: its process ID, once it has been asked
deaf='read -r question; echo $$ >"$ASKED"; cat >/dev/null'
deaf_for_good='read -r question; echo $$ >"$ASKED"; exec tail -f /dev/null'

# interrupted ADAPTER COMMAND...: begun by COMMAND; until it has been asked
interrupted()
{
	_adapter=$1
	shift
	export ASKED="$work/asked.fifo"
	rm -f "$ASKED" && mkfifo "$ASKED" || bail "cannot make a pipe"
	# what is in the background ignores SIGINT
	"$@" env --default-signal=INT "$SEALKEY" rp-audit --origin "$ORIGIN" \
	    --rp "$_adapter" --timeout 3600 --junit "$work/interrupted.xml" \
	    >"$work/report" 2>"$work/error" &
	key=$!
	adapter=$(cat "$ASKED")
	check "a key is there" [ -n "$(find "$XDG_RUNTIME_DIR" -mindepth 2)" ]
}

# ends NUMBER SIGNAL...: of the last one; it ends by number
ends()
{
	_number=$1
	shift
	for _signal; do
		kill "-$_signal" "$key"
	done
	wait "$key"
	_status=$?
	key=
	check "$1: it ends by signal $_number" \
	    same "$_status" "$((128 + _number))"
	check "$1: no key is left" no_key_is_left
	check "$1: nor is the adapter" gone "$adapter"
	check "$1: it says so" same "$(cat "$work/error")" "sealkey: rp-audit: \
interrupted by signal $_number after 0 checks: there is no report"
	check "$1: there is none" [ ! -s "$work/report" ] &&
	    check "$1: in no form" [ ! -e "$work/interrupted.xml" ]
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

test_interrupted()
{
	interrupted "$deaf" env
	ends 2 INT
	interrupted "$deaf" env
	ends 15 TERM
	interrupted "$deaf_for_good" env
	ends 1 HUP
	interrupted "$deaf" nohup
	ends 15 HUP TERM

	mkfifo "$work/asked.url" || bail "cannot make a pipe"
	"$node" "$here/rp_audit.mjs" silent >"$work/asked.url" &
	server=$!
	exec 8<"$work/asked.url"
	read -r url <&8
	"$SEALKEY" rp-audit --origin "$ORIGIN" --rp "$url" --timeout 3600 \
	    >"$work/report" 2>"$work/error" &
	key=$!
	read -r said <&8
	check "a server is asked" same "$said" asked
	kill "$key"
	wait "$key"
	check "and not waited for" same "$?" 143
	key=
	kill "$server"
	wait "$server" 2>/dev/null
	check "no key is left" no_key_is_left
	# the pipe has nobody at its other end
	"$SEALKEY" rp-audit --origin "$ORIGIN" --rp \
	    "'$node' '$work/lax.mjs'" --only honest.none 2>/dev/null | :
	check "nor if nobody reads the report" no_key_is_left
}

# --- its use ------------------------------------------------------------------

# wrong WORD OPTION...: exit status 2, and one line that has the word in it
wrong()
{
	_word=$1
	shift
	"$SEALKEY" rp-audit "$@" >"$work/report" 2>"$work/error"
	same "$?" 2 && same "$(wc -l <"$work/error")" 1 &&
	    same "$(wc -c <"$work/report")" 0 &&
	    grep -q -e "$_word" "$work/error"
}

test_use()
{
	check "no origin" wrong "--origin is missing" --rp true
	check "no relying party" wrong "who the relying party is" \
	    --origin "$ORIGIN" --options true
	check "a bad origin" wrong "--origin: " --rp true --origin nonsense
	check "a bad time" wrong "a number from 1 to 3600" --timeout 0
	check "a bad time with a unit" wrong "a number from 1 to 3600" --timeout 1s
	check "a bad attachment" wrong "cannot be" --attachment usb
	check "a list with nothing in it" wrong "empty name" --fail-on a,,b
	check "a name that JSON has no text for" wrong "not UTF-8" --json \
	    --origin "$ORIGIN" --rp "$(printf 'rp\377')"
	check "an operand" wrong "unexpected" extra
	for option in --only --skip --fail-on; do
		check "$option: no such check" \
		    wrong "$option: no check has such a name: \"polcy\"" \
		    "$option" polcy --origin "$ORIGIN" --rp true
	done
	check "not even among others" wrong 'such a name: "reg.orgin"' \
	    --fail-on 'reg.*,reg.orgin' --origin "$ORIGIN" --rp true
	check "nor of a list" wrong 'such a name: "nothing"' --list \
	    --only nothing
	check "nothing that is left" status 1 lax --only honest.none \
	    --skip 'honest.*'
	check "is told" grep -q "leaves nothing of what --only" "$work/error"
	check "commands know the origin" status 0 env -u ORIGIN "$SEALKEY" \
	    rp-audit --origin https://example.com --only honest.none \
	    --rp "'$node' '$work/lax.mjs'"
	check "or keep their own" status 0 env ORIGIN=https://example.org \
	    "$SEALKEY" rp-audit --origin https://example.com \
	    --only honest.none --rp 'test "$ORIGIN" = https://example.org &&
	    ORIGIN=https://example.com exec '"'$node' '$work/lax.mjs'"
	check "an origin that can have no keys" status 1 \
	    "$SEALKEY" rp-audit --rp true --origin http://example.com
	check "keys that are kept" status 0 lax --only honest.none \
	    --state "$work/state"
	"$SEALKEY" attestation roots --state "$work/state/key" >"$work/pem"
	check "have trust anchors" grep -q CERTIFICATE "$work/pem"
	check "nothing else is left behind" no_key_is_left
	check "a report that cannot be written" status 1 lax \
	    --only honest.none --html "$work/no/page.html"
	check "is told" grep -q "no/page.html: No such file" "$work/error"
}

test_strict
test_lax
test_narrow
test_misbehaviour
test_url
test_interrupted
test_use
plan
