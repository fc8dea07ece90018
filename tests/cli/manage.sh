#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# credentials, info, reset, attestation: on a running key and at rest. (TAP)
#
# covers feat.1
. "$(dirname "$0")/lib"

manage()
{
	"$SEALKEY" "$@" --state "$T/key"
}

# with_id show|delete ID OPTION...: an ID may begin with "-"
with_id()
{
	"$SEALKEY" credentials "$1" --state "$T/key" "${@:3}" -- "$2"
}

ids()
{
	manage credentials list | cut -d ' ' -f 1
}

is_json()
{
	node -e 'JSON.parse(require("fs").readFileSync(0, "utf8"))'
}

check "a key starts" start_key key
for user in AAAA BBBB CCCC DDDD; do
	check "it registers $user" create key "$user"
done

# without the counter of the whole key, which nobody knows while it is at rest
settled()
{
	sed -E 's/"signCount":(null|[0-9]+),//'
}

same_output()
{
	manage "$@" >"$T/said" || return
	settled <"$T/said" >"$T/now"
	diff "$T/before" "$T/now"
}

# both HOW: what must hold on a running key as well as at rest
both()
{
	local id
	check "$1: list has them all" [ "$(ids | wc -l)" = "$2" ]
	check "$1: list shows users" grep -q '  ES256  example.com  DDDD$' \
	    <(manage credentials list)
	id=$(ids | head -n 1)
	check "$1: show names the site" grep -qx \
	    'relying party: example.com' <(with_id show "$id")
	check "$1: show has no private key" \
	    [ -z "$(with_id show "$id" | grep -i private)" ]
	check "$1: delete" with_id delete "$id"
	check "$1: deleted is deleted" [ "$(ids | wc -l)" = $(($2 - 1)) ]
	check "$1: deleting it again fails" \
	    exits 1 credentials delete --state "$T/key" -- "$id"
	check "$1: and says why" says 'no credential with this ID'
	check "$1: showing it fails" \
	    exits 1 credentials show --state "$T/key" -- "$id"
	check "$1: an ID is base64url" \
	    exits 1 credentials delete 'A/+=' --state "$T/key"
	check "$1: nothing of an ID reaches a URL" \
	    exits 1 credentials delete '../reset' --state "$T/key"
	check "$1: info counts" \
	    grep -qx "credentials: $(($2 - 1))" <(manage info)
	check "$1: roots are a certificate" grep -q 'BEGIN CERTIFICATE' \
	    <(manage attestation roots)
}

both running 4
check "info says that it runs" grep -qx 'running: yes' <(manage info)
manage credentials list --json | settled >"$T/before"
manage attestation roots >"$T/roots"
check "the key ends orderly" stop_key
check "at rest, list is the same" same_output credentials list --json
cp "$T/roots" "$T/before"
check "at rest, roots are the same" same_output attestation roots
both "at rest" 3
check "info says that it does not run" grep -qx 'running: no' <(manage info)
if command -v node >/dev/null; then
	check "list --json is JSON" is_json < <(manage credentials list --json)
	check "info --json is JSON" is_json < <(manage info --json)
	check "show --json is JSON" is_json < \
	    <(with_id show "$(ids | head -n 1)" --json)
else
	skip "--json is JSON" "node is missing"
fi

check "it starts again" start_key key
check "credentials that are left still work" sign_in key
check "one more" create key EEEE
check "reset of a running key" exits 0 reset --yes --state "$T/key"
check "nothing is left" [ -z "$(ids)" ]
check "list --json of nothing" [ "$(manage credentials list --json)" = '[]' ]
nothing_works()
{
	sign_in key >"$T/sign" 2>&1
	[ $? = 1 ] && grep -q NotAllowedError "$T/sign"
}
check "hosts find nothing" nothing_works
check "it registers after a reset" create key FFFF
check "and signs in" sign_in key

deleted_is_gone_for_hosts()
{
	with_id delete "$(ids)" && nothing_works
}
check "what is deleted is gone for hosts at once" deleted_is_gone_for_hosts
check "one more" create key AAAA
check "it ends orderly" stop_key
check "reset at rest" exits 0 reset --yes --state "$T/key"
check "nothing is left at rest" [ -z "$(ids)" ]
cp "$T/roots" "$T/before"
check "a reset keeps the attestation" same_output attestation roots

# names that steer a terminal
check "it starts once more" start_key key
check "a name may hold anything" create key AAAA
evil()
{
	"$SEALKEY" webauthn create --origin https://example.com \
	    --socket "$T/key.sock" <<-'END' || return
	{"rp": {"id": "example.com", "name": "\u001b[2J"},
	 "user": {"id": "AAAB", "name": "\u001b]0;pwned\u0007\u009b1m",
	   "displayName": "x"},
	 "challenge": "AAAAAAAAAAAAAAAAAAAAAA",
	 "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
	 "authenticatorSelection": {"residentKey": "required",
	   "userVerification": "required"}}
	END
	manage credentials list >"$T/list" &&
	    ! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$T/list" &&
	    ! grep -q $'\302\233' "$T/list" && grep -q pwned "$T/list"
}
check "but not reach a terminal" evil

# in pages
control=$(sed -n 's/^control //p' "$T/key/lock")
if command -v curl >/dev/null; then
	base=http://localhost/v1
	check "control: info" answers 200 '"aaguid"' $base/info
	check "control: pages" answers 200 '"next"' \
	    "$base/credentials?limit=1"
	check "control: the last page" answers 200 '^{"credentials":\[\]}$' \
	    "$base/credentials?after=999999"
	check "control: a bad page" answers 400 'invalid argument' \
	    "$base/credentials?limit=0"
	check "control: a bad number" answers 400 'invalid argument' \
	    "$base/credentials?after=-1"
	check "control: unknown paths" answers 404 'unknown command' \
	    $base/frobnicate
	check "control: unknown methods" answers 405 'unknown method' \
	    -X POST $base/info
	check "control: deeper paths" answers 404 'unknown command' \
	    $base/credentials/AA/BB
	check "control: no such credential" answers 404 'no such credential' \
	    $base/credentials/AAAA
	check "control: not an ID" answers 400 'invalid argument' \
	    $base/credentials/A
	head -c 100000 /dev/zero >"$T/zeros"
	ask_control --data-binary "@$T/zeros" $base/reset
	check "control: a long body changes nothing" \
	    [ "$(ids | wc -l)" = 2 ]
else
	skip "control: by curl" "curl is missing"
fi

garbage()
{
	head -c 100000 /dev/urandom >"$T/garbage"
	ask_control -X "$(tr -dc A-Z <"$T/garbage" | head -c 30000)" \
	    http://localhost/v1/info
	manage info >"$T/info" && grep -q 'running: yes' "$T/info"
}
command -v curl >/dev/null && check "control: survives nonsense" garbage
check "it ends orderly" stop_key

plan
