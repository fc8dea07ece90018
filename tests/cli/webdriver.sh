#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# WebDriver's commands for virtual authenticators, and the same of the Chrome
# DevTools Protocol: each command and each of its errors (WebAuthn Level 3,
# 11.3 to 11.10), and what sites and the key make of it. (TAP)
. "$(dirname "$0")/lib"

for tool in curl openssl; do
	command -v $tool >/dev/null ||
	    { echo "1..0 # SKIP $tool is missing"; exit 0; }
done

control=$T/control
session=/session/s1/webauthn/authenticator

# invalid PATH BODY [TEXT]: what WebDriver calls an invalid argument
invalid()
{
	call 400 '^{"value":{"error":"invalid argument","message":".*'"${3-}"\
'.*","stacktrace":""}}$' POST "$1" "$2"
}

# plain MEMBERS: an Authenticator Configuration
plain()
{
	echo "{\"protocol\": \"ctap2_1\", \"transport\": \"usb\",
	    \"sealkey:transport\": \"socket\"${1:+, $1}}"
}

# add NAME MEMBERS [SESSION]: its ID is $id; hosts find it at $T/NAME.sock
add()
{
	call 200 '^{"value":"[0-9A-Za-z._~-]\{1,48\}"}$' POST \
	    "${3-$session}" "$(plain "\"sealkey:socket\": \"$T/$1.sock\"${2:+, $2}")" ||
	    return
	id=$(sed 's/.*:"\(.*\)"}/\1/' "$T/reply")
}

# refuses MEMBERS [TEXT]: as an authenticator
refuses()
{
	invalid "$session" "$(plain "$1")" "${2-}"
}

# member NAME: of the only credential, as a JSON value
member()
{
	call 200 '"value":' GET "$session/$id/credentials" || return
	sed 's/.*"'"$1"'":\("[^"]*"\|[a-z0-9]*\).*/\1/' "$T/reply"
}

# is NAME VALUE: of the only credential
is()
{
	[ "$(member "$1")" = "$2" ]
}

base64url()
{
	base64 -w 0 | tr '+/' '-_' | tr -d =
}

check "a daemon starts" start_daemon --empty --control "$control"

# --- 11.3 Add Virtual Authenticator

check "no body" invalid "$session" '' 'JSON object'
check "no JSON" invalid "$session" '{"protocol":' 'JSON object'
for body in '[]' '"ctap2"' null 7; do
	check "$body is no object" invalid "$session" "$body" 'JSON object'
done
check "a member twice" invalid "$session" \
    '{"protocol": "ctap2", "protocol": "ctap2", "transport": "usb"}'
check "without a protocol" invalid "$session" '{"transport": "usb"}' \
    'protocol is missing'
check "without a transport" invalid "$session" '{"protocol": "ctap2"}' \
    'transport is missing'
check "an unknown member" refuses '"hasFingers": true' 'hasFingers'
check "a name of DevTools" refuses '"automaticPresenceSimulation": true'
for value in '"ctap3"' '"CTAP2"' '""' null true '["ctap2"]'; do
	check "the protocol $value" invalid "$session" \
	    "{\"protocol\": $value, \"transport\": \"usb\"}" \
	    'protocol is ctap1/u2f, ctap2 or ctap2_1'
	check "the transport $value" invalid "$session" \
	    "{\"protocol\": \"ctap2\", \"transport\": $value}" \
	    'transport is usb, nfc, '
done
for name in hasResidentKey hasUserVerification isUserConsenting \
    isUserVerified defaultBackupEligibility defaultBackupState; do
	for value in '"true"' 1 null '{}'; do
		check "$name is not $value" refuses "\"$name\": $value" \
		    "$name is true or false"
	done
done
for value in '"prf"' '{}' null '[1]' '["prf", null]'; do
	check "extensions are not $value" refuses "\"extensions\": $value" \
	    extensions
done
check "an extension that is not there" call 500 \
    '^{"value":{"error":"unsupported operation",.*,"stacktrace":""}}$' POST \
    "$session" "$(plain '"extensions": ["prf", "telepathy"]')"
check "a wrong type is found before an unknown extension" refuses \
    '"extensions": ["telepathy"], "hasResidentKey": 1' hasResidentKey
check "a session's name has an end" invalid \
    "/session/$(printf 'x%.0s' {1..129})/webauthn/authenticator" "$(plain)" \
    'too long'
check "another method" call 405 '"error":"unknown method"' GET "$session"
check "another path" call 404 '"error":"unknown command"' POST "${session}x"
check "none of that made a key" call 200 '^{"keys":\[\]}$' GET /v1/keys
for protocol in ctap1/u2f ctap2 ctap2_1; do
	check "the protocol $protocol" call 200 '^{"value":"' POST "$session" \
	    "{\"protocol\": \"$protocol\", \"transport\": \"usb\",
	    \"sealkey:transport\": \"socket\"}"
done
for transport in usb nfc ble smart-card hybrid internal; do
	check "the transport $transport" call 200 '^{"value":"' POST \
	    "$session" "{\"protocol\": \"ctap2\",
	    \"transport\": \"$transport\", \"sealkey:transport\": \"socket\"}"
done
check "an extension each" call 200 '^{"value":"' POST "$session" \
    "$(plain '"hasResidentKey": true, "extensions": ["prf", "hmac-secret",
    "hmacCreateSecret", "largeBlob", "credBlob", "minPinLength", "uvm",
    "credProtect", "credProps", "appid", "appidExclude"]')"
check "the session ends" call 200 '^{"value":null}$' DELETE "${session}s"
check "and all of them with it" call 200 '^{"keys":\[\]}$' GET /v1/keys
check "one of a model" add model '"sealkey:profile": "titan-v2",
    "sealkey:settings": {"attestation": "self"}'
check "which it is" call 200 '"profile":"titan-v2".*"attestation":"self"' \
    GET "/v1/keys/$id/info"
check "a model that is none" refuses '"sealkey:profile": "titan-v9"' \
    'no profile'
check "a setting that is none" refuses '"sealkey:settings": {"x": true}' x
check "settings that are none" refuses '"sealkey:settings": 7' settings

# --- 11.4 Remove Virtual Authenticator

gone='^{"value":{"error":"invalid argument",.*no authenticator'
check "another session cannot remove it" call 400 "$gone" DELETE \
    "/session/s2/webauthn/authenticator/$id"
check "its own can" call 200 '^{"value":null}$' DELETE "$session/$id"
check "once" call 400 "$gone" DELETE "$session/$id"
check "its socket is gone" [ ! -e "$T/model.sock" ]
check "a key that is none of WebDriver's" call 200 '"session":null' POST \
    /v1/keys '{"key": "plain", "transport": "socket"}'
check "is none of its authenticators" call 400 "$gone" DELETE \
    "$session/plain"
check "not without a session either" call 404 'unknown command' DELETE \
    /session//webauthn/authenticator/plain

# --- what the defaults are

check "as few members as there have to be" add few ''
created()
{
	sed 's/"residentKey": "required"/"residentKey": "discouraged"/
	    s/"userVerification": "required"/"userVerification": "'"$2"'"/' \
	    <<<"$(options AAAA)" | "$SEALKEY" webauthn create \
	    --origin https://example.com --socket "$T/$1.sock" \
	    >"$T/created" 2>"$T/err"
}
# fails ERROR COMMAND...: the site gets that
fails()
{
	local error=$1 status=0
	shift
	"$@" >"$T/out" 2>"$T/err" || status=$?
	[ "$status" = 1 ] && grep -q "$error" "$T/err"
}
check "it has no user verification" fails ConstraintError \
    created few required
check "it has no resident keys" fails ConstraintError create few AAAA
check "its user consents" created few discouraged
check "what it made is no resident credential" is isResidentCredential false
check "it is not eligible for backup" is backupEligibility false
check "nor backed up" is backupState false
check "nothing is stored with it" call 200 '^{"value":\[{[^{]*}\]}$' GET \
    "$session/$id/credentials"
check "a U2F key" call 200 '^{"value":"' POST "$session" \
    "{\"protocol\": \"ctap1/u2f\", \"transport\": \"usb\",
    \"sealkey:transport\": \"socket\", \"sealkey:socket\": \"$T/u2f.sock\"}"
check "registers" created u2f discouraged
check "and verifies nobody" fails Error created u2f required
check "one that does not consent" add no '"isUserConsenting": false'
check "does not register" fails NotAllowedError created no discouraged
check "one that says it is built in" call 200 '^{"value":"' POST "$session" \
    "{\"protocol\": \"ctap2\", \"transport\": \"internal\",
    \"sealkey:transport\": \"socket\", \"sealkey:socket\": \"$T/in.sock\"}"
check "registers" created in discouraged
check "and tells the site that" grep -q '"transports":\["internal"\]' \
    "$T/created"

# --- 11.5 Add Credential to 11.10 Set Credential Properties

# signs_in NAME: with what it has; in $T/signed
signs_in()
{
	sign_in "$1" >"$T/signed" 2>"$T/err"
}

# flag BIT FILE: whether it is set in the authenticator data of a response
flag()
{
	local flags
	flags=$(sed 's/.*"authenticatorData":"\([^"]*\)".*/\1/' "$2" |
	    tr -- '-_' '+/' | { cat; echo ==; } | base64 -di 2>/dev/null |
	    od -An -tu1 -j 32 -N 1)
	[ $((flags >> $1 & 1)) = 1 ]
}

openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null |
    openssl pkcs8 -topk8 -nocrypt -outform DER -out "$T/p256.der"
private=$(base64url <"$T/p256.der")
openssl genpkey -algorithm ed25519 -outform DER -out "$T/ed25519.der"
openssl ecparam -name secp384r1 -genkey -noout 2>/dev/null |
    openssl pkcs8 -topk8 -nocrypt -outform DER -out "$T/p384.der"

# given MEMBERS: Credential Parameters, those of a resident one last
given()
{
	echo "{\"rpId\": \"example.com\", \"privateKey\": \"$private\"${1:+, $1}}"
}

resident='"credentialId": "c2VhbGtleQ", "isResidentCredential": true,
    "userHandle": "QUxJQ0U"'

check "one that can all of it" add all '"hasResidentKey": true,
    "hasUserVerification": true, "isUserVerified": true,
    "defaultBackupEligibility": true, "defaultBackupState": true,
    "extensions": ["largeBlob"]'
at=$session/$id

# no_credential BODY TEXT
no_credential()
{
	invalid "$at/credential" "$1" "$2"
}

check "no body is no credential" no_credential '' 'JSON object'
check "nor is a list" no_credential '[]' 'JSON object'
check "without an ID" no_credential "$(given '"isResidentCredential": false')" \
    credentialId
for value in 1 null '"a+b="' '"a"' '""' '"c2Vh bGtleQ"'; do
	check "the ID $value" no_credential "$(given '"credentialId": '"$value"',
	    "isResidentCredential": false')"
done
check "an ID of 1024 bytes" no_credential "$(given '"credentialId":
    "'"$(head -c 1024 /dev/zero | base64url)"'",
    "isResidentCredential": false')"
check "without isResidentCredential" no_credential \
    "$(given '"credentialId": "AAAA"')" isResidentCredential
check "with one that is no boolean" no_credential \
    "$(given '"credentialId": "AAAA", "isResidentCredential": 0')" \
    isResidentCredential
for rp in 1 null '""' "\"$(printf 'x%.0s' {1..256})\""; do
	check "the RP ID ${rp:0:9}" no_credential "{\"rpId\": $rp,
	    \"privateKey\": \"$private\", $resident}"
done
check "without an RP ID" no_credential "{\"privateKey\": \"$private\",
    $resident}" rpId
for value in 1 null '""' '"AAAA"' '"***"' "\"${private}AAAA\"" \
    "\"$(base64url <"$T/p384.der")\"" "\"$(base64url <"$T/ed25519.der")\""; do
	check "the private key ${value:0:9}" no_credential \
	    "{\"rpId\": \"example.com\", \"privateKey\": $value, $resident}"
done
check "without a private key" no_credential "{\"rpId\": \"example.com\",
    $resident}" privateKey
check "resident, without a user" no_credential "$(given '"credentialId":
    "AAAA", "isResidentCredential": true')" userHandle
for value in 1 null '""' '"*"' "\"$(head -c 65 /dev/zero | base64url)\""; do
	check "the user ${value:0:9}" no_credential "$(given '"credentialId":
	    "AAAA", "isResidentCredential": true, "userHandle": '"$value")"
done
for value in -1 4294967296 1.5 '"1"' true; do
	check "the counter $value" no_credential \
	    "$(given "$resident, \"signCount\": $value")" signCount
done
for name in backupEligibility backupState; do
	check "$name that is no boolean" no_credential \
	    "$(given "$resident, \"$name\": \"true\"")" "$name"
done
check "backed up, but not eligible" no_credential "$(given "$resident,
    \"backupEligibility\": false, \"backupState\": true")"
for name in userName userDisplayName; do
	check "$name that is no text" no_credential \
	    "$(given "$resident, \"$name\": 7")" "$name"
done
check "to an authenticator that is not there" invalid \
    "$session/none/credential" "$(given "$resident")" 'no authenticator'
check "to another session's" invalid \
    "/session/s2/webauthn/authenticator/$id/credential" \
    "$(given "$resident")" 'no authenticator'
check "resident, to one without resident keys" invalid \
    "$session/$(call 200 . POST "$session" "$(plain)" &&
    sed 's/.*:"\(.*\)"}/\1/' "$T/reply")/credential" "$(given "$resident")" \
    'no resident keys'
check "a large blob is not taken along" call 500 \
    '"error":"unsupported operation"' POST "$at/credential" \
    "$(given "$resident, \"largeBlob\": \"AAAA\"")"
check "none of that made a credential" call 200 '^{"value":\[\]}$' GET \
    "$at/credentials"

check "a credential is added" call 200 '^{"value":null}$' POST \
    "$at/credential" "$(given "$resident, \"signCount\": 41,
    \"userName\": \"alice\", \"userDisplayName\": \"Alice\",
    \"authenticatorId\": \"$id\"")"
check "its ID is there" is credentialId '"c2VhbGtleQ"'
check "and its site" is rpId '"example.com"'
check "and its user" is userHandle '"QUxJQ0U"'
check "and the user's name" is userName '"alice"'
check "and what is shown of them" is userDisplayName '"Alice"'
check "and that it is resident" is isResidentCredential true
check "and what it has counted" is signCount 41
check "it is eligible for backup, as the authenticator says" \
    is backupEligibility true
check "and backed up" is backupState true
member privateKey | tr -d '"' | tr -- '-_' '+/' | { cat; echo ==; } |
    base64 -di >"$T/back.der" 2>/dev/null
same_key()
{
	[ "$(openssl pkey -inform DER -in "$1" -pubout)" = \
	    "$(openssl pkey -inform DER -in "$2" -pubout)" ]
}
check "and its private key" same_key "$T/p256.der" "$T/back.der"
check "the same again" invalid "$at/credential" "$(given "$resident")"
check "it signs in" signs_in all
check "with that ID" grep -q '"id":"c2VhbGtleQ"' "$T/signed"
check "for that user" grep -q '"userHandle":"QUxJQ0U"' "$T/signed"
check "who was there" flag 0 "$T/signed"
check "and was verified" flag 2 "$T/signed"
check "it says that it is eligible for backup" flag 3 "$T/signed"
check "and backed up" flag 4 "$T/signed"
check "it counted" is signCount 42
signature_is_good()
{
	local field
	for field in authenticatorData clientDataJSON signature; do
		sed 's/.*"'$field'":"\([^"]*\)".*/\1/' "$T/signed" |
		    tr -- '-_' '+/' | { cat; echo ==; } |
		    base64 -di >"$T/$field" 2>/dev/null
	done
	openssl dgst -sha256 -binary "$T/clientDataJSON" |
	    cat "$T/authenticatorData" - >"$T/message"
	openssl pkey -inform DER -in "$T/p256.der" -pubout -out "$T/p256.pub"
	openssl dgst -sha256 -verify "$T/p256.pub" -signature \
	    "$T/signature" "$T/message"
}
check "its signature is of that key" signature_is_good

check "verification fails from now on" call 200 '^{"value":null}$' POST \
    "$at/uv" "{\"isUserVerified\": false, \"authenticatorId\": \"$id\"}"
refused_often()
{
	local i
	for i in {1..12}; do
		fails NotAllowedError sign_in all || return
	done
}
check "nobody signs in, however often it is tried" refused_often
check "until it succeeds again" call 200 '^{"value":null}$' POST "$at/uv" \
    '{"isUserVerified": true}'
check "as at once" signs_in all
for body in '' '{}' '[]' '{"isUserVerified": null}' \
    '{"isUserVerified": "true"}' '{"isUserVerified": 1}' \
    '{"isuserverified": true}'; do
	check "verification of ${body:-nothing}" invalid "$at/uv" "$body"
done
check "verification of another session's" invalid \
    "/session/s2/webauthn/authenticator/$id/uv" '{"isUserVerified": true}' \
    'no authenticator'

props=$at/credentials/c2VhbGtleQ/props
check "properties are set" call 200 '^{"value":null}$' POST "$props" \
    '{"backupEligibility": true, "backupState": false, "signCount": 1000}'
check "they are there" is backupState false
check "and this as well" is signCount 1000
check "the others stay" call 200 '^{"value":null}$' POST "$props" \
    '{"signCount": 7}'
check "as they were" is backupState false
check "it signs in" signs_in all
not_backed_up()
{
	flag 3 "$T/signed" && ! flag 4 "$T/signed"
}
check "and says so" not_backed_up
check "it counted on from there" is signCount 8
check "a credential may count nothing" call 200 '^{"value":null}$' POST \
    "$props" '{"signCount": null}'
check "then it says null" is signCount null
check "no property at all" call 200 '^{"value":null}$' POST "$props" '{}'
for body in '' '[]' '{"backupState": 1}' '{"backupEligibility": "x"}' \
    '{"signCount": -1}' '{"signCount": "1"}' '{"signCount": 4294967296}' \
    '{"backupEligibility": false, "backupState": true}'; do
	check "properties ${body:-of nothing}" invalid "$props" "$body"
done
check "of a credential that is not there" invalid \
    "$at/credentials/AAAA/props" '{}' 'no credential'
check "of an ID that is none" invalid "$at/credentials/A+A/props" '{}' \
    'no credential'
check "of no authenticator's" invalid \
    "$session/none/credentials/c2VhbGtleQ/props" '{}' 'no authenticator'

check "what a site registers is there, too" create all Qk9C
check "after what was added" call 200 \
    '"c2VhbGtleQ".*"userHandle":"Qk9C"' GET "$at/credentials"
check "its private key is, as well" call 200 \
    '"privateKey":"[^"]*".*"privateKey":"M' GET "$at/credentials"
# seq_of SINCE EVENT: the number of the first one after SINCE, in $seq
seq_of()
{
	exits 0 wait --control "$control" --key "$id" --since "$1" "$2" &&
	    seq=$(sed -n 's/^{"seq":\([0-9]*\),.*/\1/p' "$T/out") &&
	    [ -n "$seq" ]
}
told_once()
{
	local from i
	"$SEALKEY" ctl --control "$control" --key "$id" clock 1 &&
	    seq_of 0 clock-advanced || return
	from=$seq
	for i in 1 2; do
		call 200 . GET "$at/credentials" &&
		    seq_of $((from + i - 1)) credential-exported &&
		    prints '"owner":true,"count":2}$' || return
	done
	[ "$seq" = $((from + 2)) ]
}
check "reading all of them is one event" told_once
check "credentials of no authenticator" call 400 "$gone" GET \
    "$session/none/credentials"
check "of another session's" call 400 "$gone" GET \
    "/session/s2/webauthn/authenticator/$id/credentials"
check "none is removed that is not there" call 400 \
    '"invalid argument".*no credential' DELETE "$at/credentials/AAAA"
check "nor of another session's authenticator" call 400 "$gone" DELETE \
    "/session/s2/webauthn/authenticator/$id/credentials/c2VhbGtleQ"
check "one is removed" call 200 '^{"value":null}$' DELETE \
    "$at/credentials/c2VhbGtleQ"
check "once" call 400 '"invalid argument".*no credential' DELETE \
    "$at/credentials/c2VhbGtleQ"
check "the other is there" is userHandle '"Qk9C"'
check "all are removed, but not another session's" call 400 "$gone" DELETE \
    "/session/s2/webauthn/authenticator/$id/credentials"
check "all are removed" call 200 '^{"value":null}$' DELETE "$at/credentials"
check "none is left" call 200 '^{"value":\[\]}$' GET "$at/credentials"
check "nor for sites" fails NotAllowedError sign_in all
check "with none there, too" call 200 '^{"value":null}$' DELETE \
    "$at/credentials"
check "one without a user, that is not resident" call 200 '^{"value":null}$' \
    POST "$at/credential" "$(given '"credentialId": "c2VydmVy",
    "isResidentCredential": false')"
check "begins to count at 0" is signCount 0
check "one whose user is empty, likewise" call 200 '^{"value":null}$' \
    POST "$at/credential" "$(given '"credentialId": "ZW1wdHk",
    "isResidentCredential": false, "userHandle": ""')"
check "is one without a user" eval 'call 200 "\"ZW1wdHk\"" GET \
    "$at/credentials" && ! grep -q userHandle "$T/reply"'
check "and is found by its ID alone" fails NotAllowedError sign_in all
sign_in_listed()
{
	"$SEALKEY" webauthn get --origin https://example.com \
	    --socket "$T/all.sock" <<-END
	{"rpId": "example.com", "challenge": "AAAAAAAAAAAAAAAAAAAAAA",
	 "allowCredentials": [{"type": "public-key", "id": "c2VydmVy"}]}
	END
}
check "as a site does that has it in its list" sign_in_listed

# --- the Chrome DevTools Protocol

# cdp CODE TEXT METHOD [PARAMETERS]
cdp()
{
	call "$1" "$2" POST "/v1/cdp/WebAuthn.$3" "${4-{\}}"
}

device()
{
	echo "{\"authenticatorId\": \"$dev\"${1:+, $1}}"
}

private=$(base64 -w 0 "$T/p256.der")
check "it is enabled" cdp 200 '^{}$' enable '{"enableUI": false}'
check "a method that is not there" cdp 404 'unknown command' frobnicate
check "a domain that is not there" call 404 'unknown command' POST \
    /v1/cdp/Network.enable '{}'
check "no options" cdp 400 'invalid argument' addVirtualAuthenticator
check "options of WebDriver" cdp 400 isUserConsenting \
    addVirtualAuthenticator "{\"options\": $(plain '"isUserConsenting": true')}"
check "an authenticator" cdp 200 '^{"authenticatorId":"' \
    addVirtualAuthenticator '{"options": {"protocol": "ctap2",
    "ctap2Version": "ctap2_1", "transport": "usb", "hasResidentKey": true,
    "hasUserVerification": true, "isUserVerified": true,
    "automaticPresenceSimulation": true, "hasLargeBlob": true,
    "sealkey:transport": "socket", "sealkey:socket": "'"$T/cdp.sock"'"}}'
dev=$(sed 's/.*:"\(.*\)"}/\1/' "$T/reply")
check "is none of a session's" call 400 "$gone" DELETE "$session/$dev"
check "a credential is added" cdp 200 '^{}$' addCredential "$(device \
    '"credential": {"credentialId": "+/+/", "isResidentCredential": true,
    "rpId": "example.com", "userHandle": "QUI=", "signCount": 1,
    "privateKey": "'"$private"'"}')"
for value in -_-_ +/-_ QUI_ QUI-; do
	check "$value is no base64" cdp 400 'credentialId.*in base64"' \
	    addCredential "$(device '"credential": {"credentialId":
	    "'"$value"'", "isResidentCredential": false,
	    "rpId": "example.com", "privateKey": "'"$private"'"}')"
done
check "no credential" cdp 400 'invalid argument' addCredential "$(device)"
check "it is there" cdp 200 '"credentialId":"+/+/".*"userHandle":"QUI="' \
    getCredentials "$(device)"
check "alone as well" cdp 200 '^{"credential":{"credentialId":"+/+/"' \
    getCredential "$(device '"credentialId": "+/+/"')"
check "another is not" cdp 400 'invalid argument' getCredential \
    "$(device '"credentialId": "AAAA"')"
check "it signs in" signs_in cdp
overridden()
{
	cdp 200 '^{}$' setResponseOverrideBits "$(device "\"$1\": true")" &&
	    "$2" && cdp 200 '^{}$' setResponseOverrideBits \
	    "$(device "\"$1\": false")"
}
unverified()
{
	signs_in cdp && flag 0 "$T/signed" && ! flag 2 "$T/signed"
}
absent()
{
	signs_in cdp && ! flag 0 "$T/signed" && flag 2 "$T/signed"
}
forged()
{
	signs_in cdp && ! signature_is_good
}
check "a response without UV" overridden isBadUV unverified
check "a response without UP" overridden isBadUP absent
check "a response with a bad signature" overridden isBogusSignature forged
check "a bit that is none" cdp 400 'invalid argument' \
    setResponseOverrideBits "$(device '"isBadUV": 1')"
check "after all of them it is right" signs_in cdp
check "by its signature, too" signature_is_good
check "its user is not verified" cdp 200 '^{}$' setUserVerified \
    "$(device '"isUserVerified": false')"
check "and does not sign in" fails NotAllowedError sign_in cdp
check "is verified again" cdp 200 '^{}$' setUserVerified \
    "$(device '"isUserVerified": true')"
check "is not there" cdp 200 '^{}$' setAutomaticPresenceSimulation \
    "$(device '"enabled": false')"
check "and does not sign in" fails NotAllowedError sign_in cdp
check "is there again" cdp 200 '^{}$' setAutomaticPresenceSimulation \
    "$(device '"enabled": true')"
check "and signs in" signs_in cdp
check "verified how" cdp 400 'invalid argument' setUserVerified "$(device)"
check "there how" cdp 400 'invalid argument' setAutomaticPresenceSimulation \
    "$(device '"enabled": 1')"
check "properties are set" cdp 200 '^{}$' setCredentialProperties \
    "$(device '"credentialId": "+/+/", "backupEligibility": true')"
check "they are there" cdp 200 '"backupEligibility":true' getCredential \
    "$(device '"credentialId": "+/+/"')"
check "it is removed" cdp 200 '^{}$' removeCredential \
    "$(device '"credentialId": "+/+/"')"
check "once" cdp 400 'invalid argument' removeCredential \
    "$(device '"credentialId": "+/+/"')"
check "all are" cdp 200 '^{}$' clearCredentials "$(device)"
check "the authenticator is removed" cdp 200 '^{}$' \
    removeVirtualAuthenticator "$(device)"
check "once" cdp 400 'invalid argument' removeVirtualAuthenticator "$(device)"
check "without parameters" cdp 400 'invalid argument' getCredentials ''
check "another one" cdp 200 '^{"authenticatorId":"' addVirtualAuthenticator \
    "{\"options\": {\"protocol\": \"u2f\", \"transport\": \"cable\",
    \"sealkey:transport\": \"socket\"}}"
dev=$(sed 's/.*:"\(.*\)"}/\1/' "$T/reply")
check "it is disabled" cdp 200 '^{}$' disable
check "and the authenticators are gone" cdp 400 'invalid argument' \
    getCredentials "$(device)"
check "a session's are not" call 200 . GET "$at/credentials"
check "the session ends" call 200 '^{"value":null}$' DELETE "${session}s"
check "its are gone" call 400 "$gone" GET "$at/credentials"
check "other keys are not" call 200 '"key":"plain"' GET /v1/keys
check "the daemon ends orderly" stop_key

plan
