#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey audit, and what is noted down: of a running key and at rest. (TAP)
. "$(dirname "$0")/lib"

audit()
{
	"$SEALKEY" audit --state "$T/key" "$@"
}

lines()
{
	audit "$@" | wc -l
}

# is COUNT OPTION...: so many lines
is()
{
	local want=$1
	shift
	[ "$(lines "$@")" = "$want" ]
}

silent()
{
	! grep -q -e example.com -e "$1" "$T/key/audit.log"
}

check "a key starts" start_key key
for user in AAAA BBBB; do
	check "it registers $user" create key "$user"
done
check "running: both are told" is 2 --operation makeCredential
check "running: with site, flags and format" \
    grep -q ' makeCredential example.com OK UP,UV,AT,ED packed ' <(audit)
check "running: that it was plugged in" is 1 --operation plugged
check "no site is in the clear" silent makeCredential
check "nobody else may read it" \
    [ "$(stat -c %a "$T/key/audit.log")" = 600 ]
check "a credential is deleted" "$SEALKEY" credentials delete \
    --state "$T/key" -- \
    "$("$SEALKEY" credentials list --state "$T/key" | cut -d ' ' -f 1 |
    head -n 1)"
check "which is the owner's" grep -q '"owner":true' \
    <(audit --json --operation credential-deleted)
all=$(lines)
clock_goes()
{
	"$SEALKEY" ctl --state "$T/key" clock 5000 &&
	    "$SEALKEY" ctl --state "$T/key" presence deny 250 &&
	    "$SEALKEY" ctl --state "$T/key" verification mismatch
}
check "its clock goes, others touch it" clock_goes
check "which is three lines" [ "$(lines)" = $((all + 3)) ]
check "that say what" grep -q ' presence-changed deny 250$' <(audit)
check "the key ends" stop_key
all=$(lines)
check "at rest: the same" is 2 --operation makeCredential
check "at rest: of that site" is 2 --rp example.com --operation makeCredential
check "at rest: of no other" is 0 --rp example.org
check "at rest: since an hour ago" is "$all" --since -1h
check "at rest: since tomorrow" is 0 \
    --since "$(date -u -d tomorrow +%Y-%m-%d)"
check "at rest: until an hour ago" is 0 --until -1h
check "each is JSON, without the user's handle" node -e '
	const fs = require("fs");
	const lines = fs.readFileSync(0, "utf8").trim().split("\n");
	const made = lines.map(JSON.parse).filter(
	    line => line.operation === "makeCredential");
	if (made.length !== 2 || !made.every(line => line.userHandleHash &&
	    line.durationUs > 0 && line.credentialId))
		process.exit(1);
' < <(audit --json)
check "other users' handles are not in it" \
    [ -z "$(audit --json | grep -e '"AAAA"')" ]

printf '{"event":"half' >>"$T/key/audit.log"
check "half a line at the end is passed over" is "$all"
echo 'AAAA' >>"$T/key/audit.log"
check "a damaged one is, too" is "$all" 2>/dev/null
check "and counted" grep -q 'audit: 1 lines cannot be read' \
    <(audit 2>&1 >/dev/null)

check "a key without a log starts" start_key quiet --audit off
check "it registers" create quiet AAAA
check "it ends" stop_key
check "nothing was noted" [ ! -e "$T/quiet/audit.log" ]
check "of such a key nothing is told" exits 0 audit --state "$T/quiet"
check "at all" [ ! -s "$T/out" ]

check "a key with an open log starts" start_key open --audit plain \
    --tpm none
check "it registers" create open AAAA
exported()
{
	local id
	id=$("$SEALKEY" credentials list --state "$T/open" | cut -d ' ' -f 1)
	"$SEALKEY" ctl --state "$T/open" --json export -- "$id" \
	    >"$T/exported" && grep -q '"privateKey"' "$T/exported" &&
	    "$SEALKEY" audit --state "$T/open" |
	    grep -q " credential-exported example.com .*$id"
}
check "a private key is not given away without a line" exported
check "it ends" stop_key
check "the site is in the clear" \
    grep -q '"rpId":"example.com"' "$T/open/audit.log"
check "and told as ever" grep -q ' makeCredential example.com ' \
    <("$SEALKEY" audit --state "$T/open")

webauthn_says()
{
	options AAAA | "$SEALKEY" webauthn create --origin \
	    https://example.com --state "$T/client" >/dev/null &&
	    "$SEALKEY" audit --state "$T/client" | grep -q makeCredential
}
check "webauthn with a state directory notes it, too" webauthn_says

# What is done to a key at rest, with who did it and what it was done to
has_line()
{
	"$SEALKEY" audit --json --state "$T/quiet" --operation "$1" \
	    >"$T/lines" && [ "$(wc -l <"$T/lines")" = 1 ] &&
	    grep -q '"owner":true' "$T/lines" && grep -q "$2" "$T/lines"
}
check "at rest: it becomes another model" exits 0 profile set titan-v2 \
    --state "$T/quiet"
check "which is a line" has_line profile-changed '"profile":"titan-v2"'
id=$("$SEALKEY" credentials list --state "$T/quiet" | cut -d ' ' -f 1)
check "at rest: its credential is deleted" exits 0 credentials delete \
    --state "$T/quiet" -- "$id"
check "which is a line" has_line credential-deleted \
    "\"rpId\":\"example.com\",\"credentialId\":\"$id\""
check "with the model" has_line credential-deleted '"profile":"titan-v2"'
check "at rest: it is reset" exits 0 reset --yes --state "$T/quiet"
check "which is a line" has_line reset '"event":"reset"'
check "that nobody else can read" \
    [ "$(grep -c -v '^[A-Za-z0-9_-]*$' "$T/quiet/audit.log")" = 0 ]
before=$(stat -c %s "$T/quiet/audit.log")
looks_only()
{
	exits 0 info --state "$T/quiet" && exits 0 credentials list \
	    --state "$T/quiet" && exits 1 credentials delete AAAA \
	    --state "$T/quiet" &&
	    [ "$(stat -c %s "$T/quiet/audit.log")" = "$before" ]
}
check "who only looks leaves none" looks_only
rm "$T/quiet/audit.log" && ln -s nowhere "$T/quiet/audit.log"
is_done_all_the_same()
{
	attempt reset --yes --state "$T/quiet"
	[ "$status" = 0 ] && one_line &&
	    says 'audit.log: .* that it is done is not in it'
}
check "what cannot be noted down is done, and said" is_done_all_the_same

check "--audit is one of three" exits 2 run --audit yes
check "and says which" says "off, sealed or plain"
check "--operation is one that there is" exits 2 audit \
    --operation makeCredentials
check "which is told" says 'no "makeCredentials"'
for name in U2F_REGISTER reset audit-lost fault-used plugged; do
	check "such as $name" exits 0 audit --state "$T/key" --operation $name
done
for name in user-wanted user-answered host-connected removed ended lost; do
	check "$name is not noted" exits 2 audit --state "$T/key" \
	    --operation $name
done
check "--since is a time" exits 2 audit --since yesterday
check "and says what one is" says 'such as 2026-01-31'
check "where there is no key" exits 1 audit --state "$T/nothing"
plan
