#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# pipe.sh: sealkey's client mode piped through the relying party (TAP).
#
# What must be verified is, for every algorithm, with and without an allow
# list, out of a state directory and through a socket; what must be refused is
# refused by the side that should, sealkey or the site.
#
# SEALKEY names the program; build/sealkey.

. "$(dirname "$0")/lib"

# spoil PATH: flip the last bit of a base64url member of the answer
spoil()
{
	"$node" -e '
		const fs = require("fs");
		const [file, member] = process.argv.slice(1);
		const answer = JSON.parse(fs.readFileSync(file));
		const bytes = Buffer.from(answer.response[member], "base64url");
		bytes[bytes.length - 1] ^= 1;
		answer.response[member] = bytes.toString("base64url");
		fs.writeFileSync(file, JSON.stringify(answer));
	' "$work/answer" "$1"
}

# --- what must be verified --------------------------------------------------

# ceremonies FROM ALG...: sealkey run with $with
ceremonies()
{
	_from=$1
	shift
	for alg; do
		new_site
		check "$_from: $alg is registered" made --alg "$alg"
		check "$_from: $alg is what was made" is alg "$alg"
		check "$_from: $alg has packed attestation" is fmt packed
		check "$_from: $alg has a certificate chain" is attestation basic
		check "$_from: $alg verified the user" is userVerified true
		check "$_from: $alg signs in with an allow list" used
		check "$_from: $alg signs in with an empty one" used --no-allow
		check "$_from: $alg found the credential itself" \
		    is discoverable true
		check "$_from: $alg counter rises" used
	done
}

# A key that keeps blobs with their credentials, not in an array
test_own_blobs()
{
	with="--state $work/key --set largeBlob=on"
	extensions "own blobs"
	check "own blobs: bob is registered, too" \
	    made --user bob --extensions '{"largeBlob":{"support":"required"}}'
	check "own blobs: bob has none" used --user bob --extensions \
	    '{"largeBlob":{"read":true}}'
	check "own blobs: really" no_blob
	check "own blobs: bob's is written" used --user bob --extensions \
	    '{"largeBlob":{"write":"Ym9i"}}'
	check "own blobs: it was" is written true
	check "own blobs: bob's is read" used --user bob --extensions \
	    '{"largeBlob":{"read":true}}'
	check "own blobs: it is bob's" is blob Ym9i
	new_site
	options register --resident-key discouraged --extensions \
	    '{"largeBlob":{"support":"required"}}'
	check "own blobs: none of a credential that is not discoverable" \
	    refuses NotAllowed sealkey create --origin "$ORIGIN" $with
	with="--state $work/key"
}

no_blob()
{
	! grep '"blob"' "$work/account" >&2
}

test_state()
{
	with="--state $work/key"
	ceremonies "state" ES256 RS256 EdDSA ES384 ES512 PS256
	extensions "state"
	new_site
	check "the first algorithm that the key has is taken" \
	    made --alg RS256 --alg ES256
	check "that is RS256 here" is alg RS256
	new_site
	with="--state $work/key --attestation self"
	for alg in ES384 ES512 PS256; do
		check "$alg: self attestation is registered" \
		    made --alg "$alg" --user "$alg"
		check "$alg: it has no chain" is attestation self
		check "$alg: signs in" used --user "$alg"
	done
	with="--state $work/key"
	new_site
	check "a credential that is not discoverable is registered" \
	    made --resident-key discouraged --user bob
	check "it signs in with an allow list" used --user bob
}

test_socket()
{
	run_key
	with="--socket $work/socket"
	ceremonies "socket" ES256 RS256 EdDSA ES512
	extensions "socket"
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -o "$work/rawhost" \
	    tests/cli/rawhost.c
	test_app_id
	test_u2f
	end_key
}

# account NAME: a member of the last account
account()
{
	sed "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/" "$work/account"
}

# extensions FROM: what a site stores with a credential, sealkey run with $with
extensions()
{
	new_site
	check "$1: prf and largeBlob are registered" made --extensions \
	    '{"prf":{"eval":{"first":"AAAA"}},
	    "largeBlob":{"support":"required"},"credProps":true}'
	check "$1: prf is enabled" is enabled true
	check "$1: there is room for a large blob" is supported true
	check "$1: the credential is discoverable" is rk true
	secret=$(account first)
	check "$1: prf has 32 bytes at once" same "${#secret}" 43
	check "$1: a large blob is written" used --extensions \
	    '{"largeBlob":{"write":"c3RvcmVk"}}'
	check "$1: it was" is written true
	check "$1: prf and largeBlob in one sign-in" used --extensions \
	    '{"prf":{"eval":{"first":"AAAA","second":"AAAB"}},
	    "largeBlob":{"read":true}}'
	check "$1: the secret is the same" is first "$secret"
	check "$1: the blob is what was written" is blob c3RvcmVk
	check "$1: signs in without a list, too" used --no-allow --extensions \
	    '{"prf":{"eval":{"first":"AAAA"}},"largeBlob":{"read":true}}'
	check "$1: with the same secret" is first "$secret"
	check "$1: and the same blob" is blob c3RvcmVk
}

# digest: of standard input, SHA-256, hex
digest()
{
	sha256sum | cut -d ' ' -f 1
}

# The key runs: its socket is where U2F is spoken.
test_app_id()
{
	app=https://example.com/app.json
	application=$(printf %s "$app" | digest)
	"$work/rawhost" u2f "$work/socket" "$application" >"$work/u2f"
	point=$(head -n 1 "$work/u2f") handle=$(tail -n 1 "$work/u2f")
	"$node" "$here/appid.mjs" options "$app" "$handle" >"$work/options"
	check "a credential of U2F signs in by its AppID" \
	    sealkey get --origin "$ORIGIN" $with
	check "and is verified" app_id_verified
	check "for the AppID" is rpId "$app"
}

app_id_verified()
{
	"$node" "$here/appid.mjs" verify "$app" "$handle" "$point" "$ORIGIN" \
	    <"$work/answer" >"$work/account" 2>"$work/error"
}

# u2f_answered: as a browser does with a key that has nothing but U2F
u2f_answered()
{
	options register --user-verification discouraged \
	    --resident-key discouraged &&
	    "$node" "$here/u2f.mjs" client-data "$ORIGIN" <"$work/options" \
	    >"$work/client-data" 2>"$work/error" &&
	    "$work/rawhost" u2f "$work/socket" \
	    "$(printf %s "${ORIGIN#https://}" | digest)" \
	    "$(digest <"$work/client-data")" >"$work/u2f" &&
	    "$node" "$here/u2f.mjs" answer "$work/client-data" \
	    "${ORIGIN#https://}" <"$work/u2f" >"$work/answer" \
	    2>"$work/error"
}

u2f_registered()
{
	u2f_answered && verify register --require-attestation
}

# The site trusts the root and nothing else.
test_u2f()
{
	new_site
	check "a registration of U2F is verified" u2f_registered
	check "its format is U2F's" is fmt fido-u2f
	check "its certificate leads to the root" is attestation basic
	check "its AAGUID is zero" \
	    is aaguid 00000000-0000-0000-0000-000000000000
	u2f_answered
	spoil attestationObject
	check "the site refuses it if its key is another" \
	    site_refuses signature register
}

test_subdomain()
{
	new_site
	ORIGIN=https://login.example.com
	check "a subdomain may use its parent's RP ID" \
	    made --origin "$ORIGIN" --rp-id example.com
	check "and signs in" used
	new_site
	ORIGIN=http://localhost:8080
	check "http is good for localhost" made --origin "$ORIGIN"
	check "and signs in there" used
	ORIGIN=https://example.com
}

test_attestation()
{
	new_site
	check "conveyance none is registered" made --attestation none
	check "its format is none" is fmt none
	check "its AAGUID is zero" \
	    is aaguid 00000000-0000-0000-0000-000000000000
	check "it signs in" used
	new_site
	with="--state $work/key --attestation self"
	check "self attestation is registered" made
	check "it is packed" is fmt packed
	check "it has no chain" is attestation self
	new_site
	with="--state $work/key --attestation none"
	check "no attestation is registered" made
	check "its format is none too" is fmt none
	with="--state $work/key"
}

# names_the_key: the certificate of the last account does
names_the_key()
{
	grep -q '"chain":\["[^"]*CN=sealkey TEST enterprise attestation' \
	    "$work/account"
}

no_name()
{
	! names_the_key
}

# Who asks for it gets it of a key that can, once it is switched on.
test_enterprise()
{
	with="--state $work/key --set ep=on"
	new_site
	check "enterprise attestation that is off" made --attestation enterprise
	check "is as for everybody" is attestation basic
	check "and does not name the key" no_name
	run_key --set ep=on --set uv=off
	check "it is switched on" same \
	    "$("$work/rawhost" cbor "$work/socket" 0da10101)" 00
	end_key
	new_site
	check "enterprise attestation is verified" \
	    made --attestation enterprise
	check "its format is packed" is fmt packed
	check "its chain leads to the root" is attestation basic
	check "its certificate names the key" names_the_key
	check "who asks for direct attestation" made --user bob
	check "does not learn the name" no_name
	with="--state $work/key"
	new_site
	check "nor does who asks a key that has none" \
	    made --attestation enterprise
	check "which attests as ever" no_name
}

test_accounts()
{
	new_site
	check "alice is registered" made --user alice
	check "bob is registered, too" made --user bob
	check "one of two accounts signs in" used --no-allow
	check "the key chose the newest" is user bob
	check "the allow list chooses alice" used --user alice
	check "and alice it is" is user alice
}

test_batch()
{
	new_site
	options register --user alice --count 3
	sealkey create --origin "$ORIGIN" $with --batch
	check "three options give three lines" same "$(wc -l <"$work/answer")" 3
	check "all three are verified" verify register --batch
	options login --count 2
	sealkey get --origin "$ORIGIN" $with --batch
	check "two sign-ins are verified" verify login --batch
	options register
	sed -i 's/.*/{"publicKey":&}/' "$work/options"
	check "options under publicKey are understood" \
	    sealkey create --origin "$ORIGIN" $with
	check "and verified" verify register
}

# --- what must be refused ---------------------------------------------------

test_origins()
{
	new_site
	options register
	for origin in https://example.org https://notexample.com \
	    http://example.com https://example.com.evil.org; do
		check "sealkey refuses $origin for example.com" \
		    refuses SecurityError \
		    sealkey create --origin "$origin" $with
	done
	options register --origin https://example.com --rp-id com
	check "sealkey refuses a public suffix as RP ID" \
	    refuses SecurityError sealkey create --origin "$ORIGIN" $with
	new_site
	made
	options login
	check "sealkey refuses a wrong origin at sign-in" \
	    refuses SecurityError sealkey get --origin https://example.org $with
}

test_sealkey_refuses()
{
	new_site
	check "a first registration" made
	options register --exclude
	check "sealkey refuses what it is excluded from" \
	    refuses InvalidState sealkey create --origin "$ORIGIN" $with
	options login
	check "sealkey refuses a credential it does not have" \
	    refuses NotAllowed sealkey get --origin "$ORIGIN" \
	    --state "$work/other"
	options login --no-allow
	check "sealkey refuses a site it does not know" \
	    refuses NotAllowed sealkey get --origin "$ORIGIN" \
	    --state "$work/other"
	for text in '' '{' '[]' '"x"' '{"rp":1}' '{"publicKey":null}'; do
		printf '%s' "$text" >"$work/options"
		check "sealkey refuses '$text' for options" \
		    refuses . sealkey create --origin "$ORIGIN" $with
	done
}

test_site_refuses()
{
	new_site
	options register
	sealkey create --origin "$ORIGIN" $with
	cp "$work/answer" "$work/good"
	spoil attestationObject
	check "the site refuses a spoiled registration" \
	    site_refuses . register
	options register
	sealkey create --origin "$ORIGIN" $with
	mv "$work/roots.pem" "$work/own.pem"
	cp "$work/other.pem" "$work/roots.pem"
	check "the site refuses a chain to another root" \
	    site_refuses 'chain\|anchor' register
	mv "$work/own.pem" "$work/roots.pem"
	check "the site refuses the first answer again" \
	    site_refuses 'challenge' register

	check "a good registration" made
	cp "$work/answer" "$work/good"
	options login
	sealkey get --origin "$ORIGIN" $with
	cp "$work/answer" "$work/good"
	spoil signature
	check "the site refuses a spoiled signature" \
	    site_refuses 'signature' login
	cp "$work/good" "$work/answer"
	check "the site refuses an answer whose challenge is used up" \
	    site_refuses 'challenge' login
}

new_key key
new_key other
mv "$work/key.pem" "$work/roots.pem"

test_state
test_own_blobs
test_socket
with="--state $work/key"
test_subdomain
test_attestation
test_enterprise
test_accounts
test_batch
test_origins
test_sealkey_refuses
test_site_refuses

plan
