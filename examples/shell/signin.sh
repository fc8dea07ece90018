#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Register and sign in with nothing but curl: sealkey webauthn is the browser and
# the key between two requests. Then a key that says what is not true.
#	examples/shell/signin.sh [ORIGIN]	a site that runs, or ../rp
set -eu
work=$(mktemp -d)
trap 'kill ${site-} 2>/dev/null || :; rm -rf "$work"' EXIT
origin=${1-}
if [ -z "$origin" ]; then
	mkfifo "$work/listening"
	node "$(dirname "$0")/../rp/server.mjs" >"$work/listening" & site=$!
	read -r _ _ origin <"$work/listening"
fi
post() { curl -s --json @- "$origin/$1"; }
key() { sealkey webauthn "$@" --origin "$origin" --state "$work/key" --tpm none; }
expect() { # FILTER: what jq has to find in the site's reply
	jq -e "$1" || { echo "FAILED: expected $1" >&2; exit 1; }
}

echo '{"user": "alice"}' | post register/options | key create |
    post register/verify | expect .verified
echo '{"user": "alice"}' | post signin/options | key get |
    post signin/verify | expect .verified
for fault in auth.sig-bad auth.uv-clear auth.challenge auth.origin-subdomain; do
	echo "$fault"
	echo '{"user": "alice"}' | post signin/options | key get --fault $fault |
	    post signin/verify | expect '.verified == false'
done
