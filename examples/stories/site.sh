# SPDX-License-Identifier: Apache-2.0
# A site, its users' keys and its help desk. Everything ends with the story.
#	key NAME [PROFILE [PIN]] makes a key whose test root is in roots.pem
#	site POLICY		starts the site
#	desk METHOD PATH [JSON]	what the help desk does; $reply has the reply
export SEALKEY_TPM=none		# software keys: stories are quick
rp=$(cd "$(dirname "$0")/../rp" && pwd)
work=$(mktemp -d) && cd "$work"
trap 'kill ${pids-} 2>/dev/null || :; rm -rf "$work"' EXIT
key() {
	sealkey attestation roots --state "$1" >>roots.pem
	[ -z "${2-}" ] || sealkey profile set "$2" --state "$1" >/dev/null
	[ -n "${3-}" ] || return 0
	echo "$3" >"$1.pin"	# only the key itself can take it
	sealkey run --state "$1" --socket "$1.sock" 2>/dev/null &
	sealkey wait ready --state "$1" >/dev/null
	sealkey ctl pin "$3" --state "$1" >/dev/null
	kill $! && wait $!
}
site() {
	echo "$1" >policy.json
	mkfifo listening
	node "$rp/server.mjs" policy.json >listening & pids="${pids-} $!"
	read -r _ _ origin <listening
}
post() { reply=$(curl -s -b jar -c jar --json "$2" "$origin/$1"); }
desk() { reply=$(curl -s -X "$1" --json "${3-}" "$origin/admin/$2"); }
ceremony() { # register|signin USER KEY [OPTION]...: $reply is who had the last word
	what=$1 user=$2 key=$3 verb=get
	shift 3
	[ "$what" = signin ] || verb=create
	[ ! -e "$key.pin" ] || set -- --pin-file "$key.pin" "$@"
	post "$what/options" "{${user:+\"user\": \"$user\"}${code:+, \"code\": \"$code\"}}"
	case $reply in *'"reason"'*) return ;; esac
	answer=$(echo "$reply" | sealkey webauthn $verb --origin "$origin" \
	    --state "$key" "$@" 2>&1) || { reply=$answer; return; }
	post "$what/verify" "$answer"
}
