#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey conformance: options, formats, and what a failure looks like. (TAP)
. "$(dirname "$0")/lib"

judge()
{
	exits "$1" conformance "${@:2}"
}

judge_folder()
{
	attempt conformance --cases "$T/folder" --filter '*: passes'
	[ "$status" = 0 ] && prints '^1\.\.1$'
}

cannot_write()
{
	attempt conformance --filter sel.1 --junit "$T/none/j.xml"
	[ "$status" = 1 ] && says 'No such file'
}

# What fails, what passes and what nobody can do; names that need escaping.
cat >"$T/three.txt" <<'END'
title   a <b> & "c" # d
covers  gi.1 x.2
> cbor 04
< error NOT_ALLOWED

title   passes
covers  gi.2
> cbor 04
< ok

title   says what it does not know
> u2f 03 00
< sw 6985
END

check "every case passes" judge 0
check "they are many" [ "$(grep -c '^ok' "$T/out")" -ge 390 ]
check "and none is skipped" grep -q '^# .* 0 failed, 0 skipped in' "$T/out"
check "the plan comes last but one" \
    grep -qx '1\.\.[0-9]*' <(tail -n 2 "$T/out" | head -n 1)

check "a filter by name" judge 0 --filter 'reset: *'
few=$(grep -c '^ok' "$T/out")
check "leaves some" [ "$few" -ge 5 -a "$few" -le 40 ]
check "all of them of that name" [ "$(grep -c '^ok .* - reset: ' "$T/out")" \
    = "$few" ]
check "a filter by requirement" judge 0 --filter sel.1
check "leaves some" grep -q 'selection is a touch' "$T/out"
check "two filters" judge 0 --filter sel.1 --filter 'uv.*'
check "add up" [ "$(grep -c '^ok' "$T/out")" -ge 8 ]
check "a filter that fits nothing fails" judge 1 --filter 'nothing at all'
check "and says so" says 'no case matches'
check "a list" judge 0 --list
check "has as many lines as there are cases" \
    [ "$(wc -l <"$T/out")" -ge 390 ]
check "and what they cover" prints '^reset: selection is a touch (sel.1)$'

three()
{
	attempt conformance --cases "$T/three.txt" --junit "$T/j.xml" \
	    --report "$T/r.html"
	[ "$status" = 1 ] && [ ! -s "$T/err" ]
}
check "cases of one's own, two of which fail" three
check "the case is named, and is no directive" \
    prints '^not ok 1 - three: a <b> & "c" \. d$'
check "with the place and what was wrong" \
    prints '^# three.txt:4: OK (00), not NOT_ALLOWED$'
check "with what was sent" prints '^# sent: 04 getInfo$'
check "with what was received" prints '^# received: 00 OK {1: \["U2F_V2"'
check "those of U2F, too" prints '^# sent: APDU U2F_VERSION h'
check "and what came of them" prints '^# received: 9000 NO_ERROR h'
check "the others pass" prints '^ok 2 - three: passes$'
check "the sum is told" prints '^# 1 passed, 2 failed, 0 skipped in'
check "the JUnit file is XML" xmllint --noout "$T/j.xml"
check "and counts" [ "$(xmllint --xpath \
    'concat(/testsuites/@tests, " ", /testsuites/@failures)' "$T/j.xml")" \
    = "3 2" ]
check "and names" [ "$(xmllint --xpath \
    'string(//testcase[failure][1]/@name)' "$T/j.xml")" = 'a <b> & "c" # d' ]
check "the page is HTML" xmllint --html --noout "$T/r.html"
check "and says what failed" \
    grep -q 'a &lt;b&gt; &amp; &quot;c&quot; # d' "$T/r.html"
check "without scripts" bash -c '! grep -qi "<script\|src=" "$1"' - "$T/r.html"

cat >"$T/nothing.txt" <<'END'
title   an answer of nothing
> cbor 07
! touch
< ok nothing

title   an answer of something
> cbor 04
< ok nothing
END
attempt conformance --cases "$T/nothing.txt"
check "nothing is an answer" prints '^ok 1 - nothing: an answer of nothing$'
check "and is not something" prints '^# nothing.txt:8: ok with a body$'

printf 'title   \033[2J\n> cbor 04\n< error \033[2J\n' >"$T/escape.txt"
attempt conformance --cases "$T/escape.txt"
check "what a terminal would obey is not printed" \
    prints '^# escape.txt:3: OK (00), not ?\[2J$'
check "nor if it is in a title" prints '^not ok 1 - escape: ?\[2J$'

mkdir "$T/folder"
cp "$T/three.txt" "$T/folder"
check "a folder of cases" judge_folder
check "a folder without any fails" judge 1 --cases "$T/home"
check "a file that is not there" judge 1 --cases "$T/none.txt"
{ cat "$T/three.txt"; yes '# and so on' | head -c 5M; } >"$T/long.txt"
check "a file that is too long to be read whole" judge 1 --cases "$T/long.txt"
{ cat "$T/three.txt"; printf '\0\n'; } >"$T/binary.txt"
check "a file that is no text" judge 1 --cases "$T/binary.txt"
check "and says so" says 'binary.txt: '
check "a file that cannot be written fails" cannot_write
check "an operand is wrong use" judge 2 something
check "a pattern is not empty" judge 2 --filter ''

plan
