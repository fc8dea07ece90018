#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey mds: what it prints, serves, keeps and refuses. (TAP)
# shellcheck disable=SC2015
. "$(dirname "$0")/lib"

export SEALKEY_TPM=none
key=$T/key
OURS=93a46401-ecad-4593-9b67-4eacf8a0a8c0

wrong()
{
	exits 2 mds "$@"
}

# part N FILE: that part of a JWS, as it was encoded
part()
{
	cut -d . -f "$1" "$2" | tr '_-' '/+' | tr -d '\n' |
	    awk '{ while (length($0) % 4) $0 = $0 "="; print }' | base64 -d
}

# member NAME: of the payload in $T/blob
member()
{
	part 2 "$T/blob" | grep -o "\"$1\":[^,}]*"
}

blob()
{
	exits 0 mds blob --state "$key" "$@" --output "$T/blob" &&
	    [ ! -s "$T/out" ]
}

number_is()
{
	blob "${@:2}" && [ "$(member no)" = "\"no\":$1" ]
}

# --- what is wrong --------------------------------------------------------

check "it needs a verb" wrong
check "that there is" wrong frobnicate
check "and one only" wrong blob serve
check "a statement has no number" wrong statement --no 1
check "nor a status" wrong statement --status "$OURS=REVOKED"
check "a root has no profile" wrong root --profile sealkey
check "nor settings" wrong root --set rk=off
check "a BLOB is not listened to" wrong blob --listen 127.0.0.1:0
check "what is served has no file" wrong serve --output "$T/x"
check "a statement is of one profile" \
    wrong statement --profile sealkey --profile titan-v2
check "settings are not of a profile" \
    wrong blob --profile sealkey --set rk=off
check "a profile is one that there is" wrong blob --profile nobody
for address in 0.0.0.0:80 192.0.2.1:80 example.com:80 127.0.0.1 \
    127.0.0.1:65536 127.0.0.1:x '[::]:80' 10.0.0.1:0; do
	[ "$address" = 127.0.0.1 ] && continue
	check "serve does not listen at $address" \
	    wrong serve --listen "$address"
done
for no in 0 -1 x 1x 2147483648 99999999999999999999; do
	check "$no is no number" wrong blob --no "$no"
done
for date in tomorrow 2026-02-30 2026-1-1 20260101; do
	check "$date is no day" wrong blob --next-update "$date"
done
for status in REVOKED "$OURS" "$OURS=revoked" "$OURS=REVOKED@now" \
    "=REVOKED"; do
	check "$status is no status" wrong blob --status "$status"
done
check "3.0 knows no RETIRED" \
    wrong blob --status "$OURS=RETIRED" --format 3.0
check "wherever it is" says "MDS 3.0"
check "there is no format 2" wrong blob --format 2.0
check "nor ES512" wrong blob --alg ES512
check "a fault is one that there is" wrong blob --fault mds.nothing
check "and of metadata" wrong blob --fault reg.up-clear
for url in '' ftp://x/ 'http://x/,URI:http://y/' 'http://x y'; do
	check "\"$url\" is no URL of a CRL" wrong blob --crl "$url"
done
check "a root needs its key" wrong root --root "$T/r.pem"
check "a descriptor is open" wrong serve --ready-fd 77
mkfifo "$T/pipe"
check "what serve reads again is no pipe" wrong serve --status-file "$T/pipe"
check "nor standard input" wrong serve --status-file -
check "nothing was made by all that" [ ! -e "$T/xdg" ]

# --- statement and BLOB ---------------------------------------------------

check "a statement makes the key" exits 0 mds statement --state "$key"
check "it is that key's" prints "\"aaguid\": \"$OURS\""
check "it is not the authority's business" [ ! -e "$key/mds" ]
check "a profile's is the profile's" \
    exits 0 mds statement --state "$key" --profile titan-v2
check "and says so" prints 42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3
check "settings make another" \
    exits 0 mds statement --state "$key" --set attestation=self
check "which attests by itself" prints basic_surrogate
check "a BLOB is number 1" number_is 1
check "and stays that" number_is 1
check "another one is number 2" number_is 2 --status "$OURS=REVOKED"
check "it says what happened" grep -q REVOKED <(part 2 "$T/blob")
check "a number can be told" number_is 40 --no 40
check "and is counted on from" number_is 41 --format 3.0
check "until when it is good can be told" blob --next-update 2030-01-31
check "and is there" [ "$(member nextUpdate)" = '"nextUpdate":"2030-01-31"' ]
check "a status of nobody is refused" exits 1 mds blob --state "$key" \
    --status 00000000-0000-0000-0000-000000000000=REVOKED
make_honest()
{
	"$SEALKEY" webauthn create --origin https://example.com --no-faults \
	    --state "$T/honest" >/dev/null <<-'END'
	{"rp": {"id": "example.com", "name": "E"}, "challenge": "AAAA",
	"user": {"id": "AQID", "name": "a", "displayName": "A"},
	"pubKeyCredParams": [{"type": "public-key", "alg": -7}]}
	END
}
check "a key that is honest for good" make_honest
check "has metadata" exits 0 mds blob --state "$T/honest"
check "but no fault of it" exits 1 mds blob --state "$T/honest" \
    --fault mds.status-revoked
check "which is told" says "honest: made with --no-faults"
check "nor is it served" exits 1 mds serve --state "$T/honest" \
    --fault mds.status-revoked
shows_need()
{
	exits 0 fault show "$1" && prints "^needs: .*$2"
}
check "a fault without what it needs is refused" \
    exits 1 mds blob --state "$key" --fault mds.signer-revoked
check "which is said" says 'name a revocation list: --crl URL$'
check "and known before" \
    shows_need mds.signer-revoked 'names a CRL (.*mds blob --crl URL)'
check "with that, it is there" exits 0 mds blob --state "$key" \
    --fault mds.signer-revoked --crl http://127.0.0.1:1/crl
check "a DER signature is one of ES256" exits 1 mds blob --state "$key" \
    --fault mds.der-signature --alg RS256
check "which is said" says 'not --alg RS256$'
check "files are its owner's" [ "$(stat -c %a "$key/mds" \
    "$key"/mds/* | sort -u | tr '\n' ' ')" = "600 700 " ]
check "a full disk is told" exits 1 mds blob --state "$key" \
    --output /dev/full
# with_room KIB COMMAND...: no file can be longer
with_room()
{
	(trap '' XFSZ && ulimit -f "$1" && "${@:2}")
}
echo kept >"$T/kept"
check "one that fills up is, too" with_room 1 exits 1 mds statement \
    --state "$key" --output "$T/kept"
check "by name" says 'kept: File too large'
check "and what was there is there" [ "$(cat "$T/kept")" = kept ]
check "with nothing beside it" [ "$(echo "$T"/kept*)" = "$T/kept" ]
(umask 022 && exits 0 mds statement --state "$key" --output "$T/shown")
check "who may read one, the umask says" [ "$(stat -c %a "$T/shown")" = 644 ]
check "where nothing was is nothing" with_room 1 exits 1 mds statement \
    --state "$key" --output "$T/half"
check "not even half of it" [ "$(echo "$T"/half*)" = "$T/half*" ]
echo '{' >"$T/bad.json"
check "a file of statuses that is no JSON is refused" \
    exits 1 mds blob --state "$key" --status-file "$T/bad.json"
check "by line" says 'bad.json: line'
printf '{"a\\nb\\u001b[31m\\u009b1m": 1}' >"$T/bad.json"
check "one that would paint terminals is" \
    exits 1 mds blob --state "$key" --status-file "$T/bad.json"
check "and does not paint them" says 'bad.json: a b?\[31m?1m: its reports are'
check "one that is not there is, too" \
    exits 1 mds blob --state "$key" --status-file "$T/none.json"

# --- roots ----------------------------------------------------------------

root_is_verified()
{
	exits 0 mds root --state "$key" && cp "$T/out" "$T/root.pem" &&
	    openssl verify -CAfile "$T/root.pem" "$T/root.pem"
}
check "the root is one" root_is_verified
check "it says that it is a test's" grep -q TEST <(openssl x509 -noout \
    -subject -in "$T/root.pem")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout "$T/brought.key" -out "$T/brought.pem" -subj /CN=brought \
    -days 30 2>/dev/null
brings_root()
{
	exits 0 mds root --state "$key" --root "$T/brought.pem" \
	    --root-key "$T/brought.key" && exits 0 mds root --state "$key" &&
	    diff "$T/out" "$T/brought.pem"
}
check "a root can be brought" brings_root
check "its key is not kept" [ "$(grep -c 'BEGIN PRIVATE KEY' \
    "$key/mds/authority.pem")" = 1 ]
echo damaged >"$key/mds/authority.pem"
check "a damaged authority is told" exits 1 mds root --state "$key"
check "and what to do" says "remove it to have another"
rm "$key/mds/authority.pem"

# --- serving --------------------------------------------------------------

serve()
{
	rm -f "$T/ready"
	"$SEALKEY" mds serve --state "$key" --ready-fd 9 "$@" \
	    9>"$T/ready" >"$T/serve.out" 2>"$T/serve.err" &
	server=$!
	running+=("$server")
	until [ -s "$T/ready" ]; do
		kill -0 "$server" 2>/dev/null || return 1
		read -r -t 0.05 <>"$T/never" || true
	done
	url=$(sed -n 's|.*\(http://.*\)/blob.jwt$|\1|p' "$T/serve.err")
}
mkfifo "$T/never"

fetch()
{
	curl -s -S -o "$T/body" -w '%{http_code} %{content_type}' \
	    --max-time 20 "$@" >"$T/fetched"
}
gives()
{
	fetch "${@:3}" "$url$1" && [ "$(cat "$T/fetched")" = "$2" ] ||
	    { cat "$T/fetched"; return 1; }
}

list_is_by()
{
	gives "$1" "200 application/pkix-crl" && openssl crl -inform DER \
	    -in "$T/body" -noout -text >"$T/crl.txt" &&
	    grep -q "Issuer: .*$2" "$T/crl.txt" &&
	    grep -q 5245564F4B4544204259205445535421 "$T/crl.txt"
}
verifies_under()
{
	openssl crl -inform DER -in "$T/body" -CAfile "$1" -noout 2>&1 |
	    grep -q '^verify OK'
}

check "it says that it is ready" serve --no 70
check "on loopback" grep -q 'http://127.0.0.1:[0-9]*/blob.jwt$' "$T/serve.err"
check "there is the BLOB" gives /blob.jwt "200 application/jose"
check "in three parts" grep -Eq '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}$' \
    "$T/body"
cp "$T/body" "$T/blob"
check "its number was told" [ "$(member no)" = '"no":70' ]
check "also at the top" gives / "200 application/jose"
check "the root" gives /root.pem "200 application/x-pem-file"
check "is the one to trust" diff "$T/body" <("$SEALKEY" mds root \
    --state "$key")
cp "$T/body" "$T/root.pem"
check "the list of the metadata root" \
    list_is_by /crl/metadata-root.crl 'TEST metadata root'
check "is signed by it" verifies_under "$T/root.pem"
check "the list of the metadata CA" \
    list_is_by /crl/metadata.crl 'TEST metadata CA'
check "the list of the attestation root" \
    list_is_by /crl/attestation-root.crl 'TEST root'
"$SEALKEY" attestation roots --state "$key" >"$T/anchors.pem"
check "is signed by it, too" verifies_under "$T/anchors.pem"
check "the list of what certifies the key" \
    list_is_by /crl/attestation.crl 'TEST intermediate'
check "nothing else" gives /etc/passwd "404 text/plain"
check "nothing above" gives /../root.pem "404 text/plain" --path-as-is
check "there is no posting" gives / "405 text/plain" -d x
check "HEAD is answered" gives /root.pem "200 application/x-pem-file" -I
check "other names of this machine are not" \
    gives / "403 text/plain" -H 'Host: evil.example'
check "nothing but loopback is listened to" \
    grep -q "127.0.0.1:${url##*:}" <(ss -Hltn 2>/dev/null ||
    echo "127.0.0.1:${url##*:}")
stalled_clients_are_no_obstacle()
{
	local fd fds=()
	for _ in 1 2 3 4 5 6 7 8; do
		exec {fd}<>"/dev/tcp/127.0.0.1/${url##*:}" || return 1
		printf 'GET /blob.jwt HTTP/1.1\r\nHost: loc' >&"$fd"
		fds+=("$fd")
	done
	gives /root.pem "200 application/x-pem-file" || return 1
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	gives /root.pem "200 application/x-pem-file"
}
check "clients that stall and vanish" stalled_clients_are_no_obstacle
garbage_is_survived()
{
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/${url##*:}" || return 1
	head -c 100000 /dev/urandom >&"$fd" 2>/dev/null
	exec {fd}>&-
	gives /root.pem "200 application/x-pem-file"
}
check "what is no HTTP" garbage_is_survived
# more than the server takes at once
a_crowd_is_survived()
{
	local fd fds=()
	for _ in {1..80}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/${url##*:}" || return 1
		printf 'GET /blob.jwt HTTP/1.1\r\nHost: loc' >&"$fd"
		fds+=("$fd")
	done
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	gives /root.pem "200 application/x-pem-file"
}
check "a crowd that stalls and vanishes" a_crowd_is_survived
# one that says a byte now and then, for as long as it may
a_slow_client_is_sent_away()
{
	local fd i answer
	exec {fd}<>"/dev/tcp/127.0.0.1/${url##*:}" || return 1
	for i in {1..30}; do
		printf G >&"$fd" || break
		read -r -t 0.2 answer <&"$fd"
		[ $? -le 128 ] && break
	done 2>/dev/null
	exec {fd}>&-
	[ "$i" -lt 30 ] && gives /root.pem "200 application/x-pem-file"
}
check "who is slow to ask is sent away" a_slow_client_is_sent_away
check "two cannot have one port" exits 1 mds serve --state "$key" \
    --listen "${url#http://}"
kill "$server"
check "it ends when told to" wait "$server"

check "a key that runs is no obstacle" "$SEALKEY" reset --yes --state "$key"
"$SEALKEY" run --state "$key" --socket "$T/s" 2>"$T/run.err" &
running+=("$!")
until grep -q ready "$T/run.err"; do
	kill -0 "$!" || break
	read -r -t 0.05 <>"$T/never" || true
done
echo '{}' >"$T/reports.json"
check "its metadata is served" serve --profile sealkey \
    --status-file "$T/reports.json"
check "with its lists" list_is_by /crl/attestation.crl 'TEST intermediate'
echo '{' >"$T/reports.json"
check "what cannot be made is an error" gives /blob.jwt "500 text/plain"
check "which says why" grep -q 'it cannot be made: .*/reports.json: line 2' \
    "$T/body"
check "also to who runs it" grep -q 'reports.json: line 2' "$T/serve.err"
check "a statement is there as well" exits 0 mds statement --state "$key"
kill "$server"
wait "$server"
plan
