#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey profile, and keys that are told to be another one. (TAP) What
# relying parties say of them is tests/rp/profiles.sh.
# shellcheck disable=SC2015,SC2317
. "$(dirname "$0")/lib"

ORIGIN=(--origin https://example.com)
models=$(cd authenticator/profile/models && ls -- *.ini | sed 's/\.ini$//')

# value EXPRESSION: of the JSON in $T/out, which is o; fails if it is false
value()
{
	node -e '
		const o = JSON.parse(require("fs").readFileSync(0, "utf8"));
		const v = eval(process.argv[1]);
		console.log(String(v));
		process.exit(v ? 0 : 1)' "$1" <"$T/out"
}

# create DIR OPTION...: a credential, its AAGUID in $aaguid, its name in $id;
# the site wants attestation as $wanted says
wanted=direct
create()
{
	local dir=$1
	shift
	"$SEALKEY" webauthn create "${ORIGIN[@]}" --state "$dir" "$@" \
	    >"$T/out" 2>"$T/err" <<-END || return
	{"rp": {"id": "example.com", "name": "E"}, "challenge": "AAAA",
	"user": {"id": "AQID", "name": "a", "displayName": "A"},
	"attestation": "$wanted",
	"pubKeyCredParams": [{"type": "public-key", "alg": -7},
	{"type": "public-key", "alg": -257}]}
	END
	id=$(value o.id)
	aaguid=$(value 'Buffer.from(o.response.authenticatorData, "base64url")
	    .toString("hex", 37, 53)')
}

# attests_as DIR TEXT OPTION...: a certificate of a new credential has that
attests_as()
{
	local dir=$1 text=$2
	shift 2
	create "$dir" "$@" && value "Buffer.from(o.response.attestationObject,
	    'base64url').includes('$text')"
}

# get DIR OPTION...: an assertion by the last one
get()
{
	local dir=$1
	shift
	echo "{\"challenge\": \"AAAA\", \"rpId\": \"example.com\",
	    \"allowCredentials\": [{\"type\": \"public-key\", \"id\": \"$id\"}]}" |
	    tr -d '\n' |
	    "$SEALKEY" webauthn get "${ORIGIN[@]}" --state "$dir" "$@" \
	    >"$T/out" 2>"$T/err"
}

# aaguid_of PROFILE: without dashes
aaguid_of()
{
	"$SEALKEY" profile show "$1" | sed -n 's/^aaguid = //p' | tr -d -
}

# --- list, show, check --------------------------------------------------------

check "list" exits 0 profile list
check "there are 20 at least" test "$(wc -l <"$T/out")" -ge 20
check "each file is there" test "$(awk '{ print $1 }' "$T/out")" = \
    "$(echo "$models" | LC_ALL=C sort)"
# what enterprises have on their lists
for aaguid in 2fc0579f-8113-47ea-b116-bb5a8db9202a \
    fa2b99dc-9e39-4257-8f92-4a30d23c4118 \
    cb69481e-8ff7-4039-93ec-0a2729a154a8 \
    ee882879-721c-4913-9775-3dfcce97072a \
    a25342c0-3cdc-4414-8e46-f4807fca511c \
    19083c3d-8383-4b18-bc03-8f1c9ab2fd1b \
    08987058-cadc-4b81-b6e1-30de50dcbe96 \
    fbfc3007-154e-4ecc-8c0b-6e020557d7bd \
    ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4 \
    42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3 \
    d8522d9f-575b-4866-88a9-ba99fa02f35b \
    c1f9a0bc-1dd2-404a-b27f-8e29047a43fd; do
	check "one is $aaguid" grep -q " $aaguid " "$T/out"
done
list_is_json()
{
	exits 0 profile list --json &&
	    [ "$(value 'o.map(p => p.name).join("\n")')" = \
	    "$(echo "$models" | LC_ALL=C sort)" ]
}
check "what differs in firmware only says so" grep -q \
    '^yubikey-5-nfc-fw57 .*, firmware 5.7.1$' "$T/out"
check "list --json" list_is_json
shows_the_file()
{
	exits 0 profile show yubikey-5-nfc &&
	    cmp "$T/out" authenticator/profile/models/yubikey-5-nfc.ini
}
check "show is the file" shows_the_file
show_is_json()
{
	exits 0 profile show titan-v2 --json && value '
	    o.aaguid == "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3" &&
	    o.settings.transports == "usb,nfc" &&
	    o.metadata.status[0].effectiveDate == "2026-01-01"'
}
check "show --json" show_is_json
check "show knows no others" exits 1 profile show yubikey-6
check "and says where they are" says '"sealkey profile list"'
# what attests with certificates of ours has subjects of its own in them
certain=$(cd authenticator/profile/models &&
    grep -l '^attestation = packed' -- *.ini | grep -vx sealkey.ini)
subjects()
{
	local file
	for file in $certain; do
		sed -n 's/^attestationSubject = //p' \
		    "authenticator/profile/models/$file"
	done
}
check "every model that attests names itself, and TEST" \
    test "$(subjects | grep -c 'CN=.* TEST')" = "$(wc -w <<<"$certain")"
check "each another way" test -z "$(subjects | sort | uniq -d)"
check "its certificate says so" attests_as "$T/named" \
    'Titan Security Key v2 TEST attestation' --profile titan-v2
check "and the next model's" attests_as "$T/named" \
    'YubiKey 5 NFC Enterprise TEST attestation' \
    --profile yubikey-5-nfc-enterprise
check "which it keeps" attests_as "$T/named" 'Yubico AB TEST'
check "that of a U2F key, too" attests_as "$T/named-u2f" \
    'U2F security key TEST attestation' --profile u2f
check "all files are good" exits 0 profile check \
    authenticator/profile/models/*.ini
check "no news" test ! -s "$T/out" -a ! -s "$T/err"
printf '[settings]\nversions = FIDO_2_0\n\nbackdoor = on\n' >"$T/bad.ini"
finds_wrong()
{
	attempt profile check authenticator/profile/models/u2f.ini \
	    "$T/bad.ini" "$T/none.ini"
	[ "$status" = 1 ] && [ "$(wc -l <"$T/err")" = 2 ]
}
check "check finds what is wrong" finds_wrong
check "by file, line and key" says "bad.ini:4: backdoor: there is no setting"
check "of each file" says "none.ini: No such file"
sed -n '/^\.SH EXAMPLE/,$p' packaging/man/sealkey-profile.5 |
    sed -n '/^\.nf/,/^\.fi/p' | sed '/^\./d; s/\\-/-/g' >"$T/manual.ini"
check "the manual's example is good" exits 0 profile check "$T/manual.ini"
check "and is one" grep -q test-key "$T/manual.ini"
check "a file is no name" exits 1 profile check bad
printf '[settings]\n\nattestationSubject = OU=TEST,CN=a,OU=TEST\n' >"$T/twice.ini"
check "a subject that says one thing twice is wrong" \
    exits 1 profile check "$T/twice.ini"
check "by line, too" says "twice.ini:3: attestationSubject: .*once each"
mkfifo "$T/never"
# late FILE: a writer that takes its time
late()
{
	read -r -t 0.2 <>"$T/never" || true
	cat "$1"
}
check "a pipe is read to its end" exits 0 profile check \
    <(late authenticator/profile/models/u2f.ini)
check "nothing to do is wrong use" exits 2 profile
check "check needs a file" exits 2 profile check
check "show takes one" exits 2 profile show u2f u2f
check "set takes one" exits 2 profile set
check "list takes none" exits 2 profile list u2f

# --- being one ----------------------------------------------------------------

is_old()
{
	create "$T/key" --profile yubikey-5-nfc &&
	    [ "$aaguid" = "$(aaguid_of yubikey-5-nfc)" ]
}
check "a key is made as a model" is_old
stays()
{
	create "$T/key" && [ "$aaguid" = "$(aaguid_of yubikey-5-nfc)" ]
}
check "and stays it" stays
check "the file is the key's own" cmp "$T/key/profile.ini" \
    authenticator/profile/models/yubikey-5-nfc.ini
check "which others do not read" test "$(stat -c %a "$T/key/profile.ini")" = 600
overrides()
{
	create "$T/key" --set transports=ble &&
	    [ "$aaguid" = "$(aaguid_of yubikey-5-nfc)" ] &&
	    value 'o.response.transports == "ble"'
}
check "--set counts after it" overrides
overrides_before()
{
	create "$T/key" --set transports=ble --profile yubikey-5-nfc &&
	    value 'o.response.transports == "ble"'
}
check "wherever it stands" overrides_before
becomes_new()
{
	create "$T/key" && exits 0 profile set yubikey-5-nfc-fw57 \
	    --state "$T/key" && get "$T/key" &&
	    [ "$(value o.id)" = "$id" ]
}
check "an update keeps the credentials" becomes_new
is_new()
{
	create "$T/key" && [ "$aaguid" = "$(aaguid_of yubikey-5-nfc-fw57)" ]
}
check "and changes the AAGUID" is_new
check "set wants a key" exits 1 profile set u2f --state "$T/nokey"
check "and makes none" test ! -e "$T/nokey"
sed '/^vendorId/d' authenticator/profile/models/titan-v2.ini >"$T/mine.ini"
from_file()
{
	create "$T/key" --profile "$T/mine.ini" && rm "$T/mine.ini" &&
	    create "$T/key" && [ "$aaguid" = "$(aaguid_of titan-v2)" ]
}
check "a file may go once it was taken" from_file
refuses_bad()
{
	! create "$T/other" --profile "$T/bad.ini" && [ ! -e "$T/other" ] &&
	    says "webauthn: $T/bad.ini:4: backdoor"
}
check "no key is made of a bad one" refuses_bad
echo 'rk = on' >"$T/key/profile.ini"
refuses_spoilt()
{
	! create "$T/key" && says "$T/key/profile.ini:1: rk: a \[section\]"
}
check "a spoilt file in the key is told" refuses_spoilt
heals()
{
	create "$T/key" --profile sealkey && create "$T/key"
}
check "and mended by another profile" heals
check "--profile is for a key of ours" exits 2 webauthn create \
    "${ORIGIN[@]}" --socket "$T/s" --profile u2f
check "--profile needs an argument" exits 2 webauthn create \
    "${ORIGIN[@]}" --profile
platform()
{
	create "$T/hello" --profile windows-hello-software &&
	    value 'o.authenticatorAttachment == "platform"'
}
check "a platform is one for its client" platform

# --- for enterprises ----------------------------------------------------------

# enterprise DIR OPTION...: a site asks who it is; its number's OID, 8.2.2, and
# one certificate
enterprise()
{
	local wanted=enterprise
	create "$@" || return
	value 'Buffer.from(o.response.attestationObject, "base64url")
	    .includes(Buffer.from("2b0601040182e51c010102", "hex"))'
}
check "an enterprise key names itself, in one line" enterprise "$T/acme" \
    --profile yubikey-5-nfc-enterprise
check "without a word" test ! -s "$T/err"
check "as a setting" enterprise "$T/enabled" --set ep=enabled
# is_ordinary DIR OPTION...: gives what everybody gets, and says so
is_ordinary()
{
	! enterprise "$@" && [ "$(wc -l <"$T/err")" = 1 ] &&
	    says 'enterprise attestation was asked for and is off on this key'
}
check "one that can, and is not told to, does not" is_ordinary "$T/able" \
    --set ep=on
check "nor one that cannot" is_ordinary "$T/plain"
check "and says what would" says '; --set ep=enabled makes a new key'
check "one that is told to later does" enterprise "$T/able" --set ep=enabled
check "a reset" exits 0 reset --yes --state "$T/acme"
check "disables it" is_ordinary "$T/acme"
check "for as long as that key lives" is_ordinary "$T/acme" --set ep=enabled

# --- limits -------------------------------------------------------------------

# discoverable NUMBER OPTION...: the NUMBERth user's
discoverable()
{
	local number=$1
	shift
	"$SEALKEY" webauthn create "${ORIGIN[@]}" --state "$T/small" "$@" \
	    >"$T/out" 2>"$T/err" <<-END
	{"rp": {"id": "example.com", "name": "E"}, "challenge": "AAAA",
	"user": {"id": "AAA$number", "name": "a", "displayName": "A"},
	"pubKeyCredParams": [{"type": "public-key", "alg": -7}],
	"authenticatorSelection": {"residentKey": "required"}}
	END
}
small=(--set maxDiscoverableCredentials=2)
check "a small key takes a credential" discoverable 1 "${small[@]}"
check "and another one" discoverable 2 "${small[@]}"
full()
{
	! discoverable 3 "${small[@]}" && says KEY_STORE_FULL
}
check "and no third one" full
check "the same user's replaces his own" discoverable 2 "${small[@]}"
check "what is not discoverable is not counted" create "$T/small" \
    "${small[@]}"
check "a larger one has room again" discoverable 3

# --- running ------------------------------------------------------------------

# with software keys, which have no TPM to attest with
export SEALKEY_TPM=none

info_is()
{
	exits 0 info --state "$T/$1" --json && value "o.profile == '$2' &&
	    o.aaguid.replaceAll('-', '') == '$(aaguid_of "$2")'"
}
check "a key runs as a model" start_key run --profile titan-v2
check "which its information says" info_is run titan-v2
check "and its log" grep -q 42b4fb4a "$T/run.log"
check "it ends" stop_key
check "at rest it is one" info_is run titan-v2
check "and the next time" start_key run
check "it says so" info_is run titan-v2
check "it ends again" stop_key
check "told another one" exits 0 profile set nitrokey-3 --state "$T/run"
check "it will be that" info_is run nitrokey-3
cannot()
{
	exits 1 profile set windows-hello --state "$T/run" &&
	    says 'tpm attestation needs keys in a TPM'
}
check "it is told nothing that it cannot be" cannot
check "and is what it was" info_is run nitrokey-3

# An update of the firmware, of a key that runs: what it knew, it knows
runs_create()
{
	"$SEALKEY" webauthn create "${ORIGIN[@]}" --socket "$T/run.sock" \
	    >"$T/out" 2>"$T/err" <<-'END' || return
	{"rp": {"id": "example.com", "name": "E"}, "challenge": "AAAA",
	"user": {"id": "AQID", "name": "a", "displayName": "A"},
	"attestation": "direct",
	"pubKeyCredParams": [{"type": "public-key", "alg": -7}]}
	END
	id=$(value o.id)
	[ "$(value 'Buffer.from(o.response.authenticatorData, "base64url")
	    .toString("hex", 37, 53)')" = "$(aaguid_of "$1")" ]
}
runs_get()
{
	echo "{\"challenge\": \"AAAA\", \"rpId\": \"example.com\",
	    \"allowCredentials\": [{\"type\": \"public-key\", \"id\": \"$id\"}]}" |
	    tr -d '\n' | "$SEALKEY" webauthn get "${ORIGIN[@]}" \
	    --socket "$T/run.sock" >"$T/out" 2>"$T/err"
}
check "one starts again" start_key run --profile yubikey-5-nfc
check "it registers under its AAGUID" runs_create yubikey-5-nfc
check "it is updated while it runs" exits 0 profile set \
    yubikey-5-nfc-fw57 --state "$T/run"
check "it says what it is now" info_is run yubikey-5-nfc-fw57
check "the credential of before signs in" runs_get
check "a new one is under the new AAGUID" runs_create yubikey-5-nfc-fw57
check "it cannot become what it has no TPM for" cannot
check "and stays what it was" info_is run yubikey-5-nfc-fw57
check "the old one still signs in" runs_get
check "a bad file is not sent" exits 1 profile set "$T/bad.ini" \
    --state "$T/run"
check "the updated key ends" stop_key
check "and is the same" info_is run yubikey-5-nfc-fw57
echo "nothing" >"$T/run/profile.ini"
spoilt_runs()
{
	exits 1 run --state "$T/run" --socket "$T/x.sock" &&
	    says "run: $T/run/profile.ini:1: this is neither"
}
check "a spoilt file is told" spoilt_runs
check "but help is given" exits 0 run --state "$T/run" --help
check "a name wins over the product's" start_key run --profile opensk \
    --name mine
check "that is all right" stop_key

# --- one with a fingerprint reader --------------------------------------------

check "a host with libfido2 is built" "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE \
    -O1 -I. -o "$T/biohost" tests/cli/biohost.c tests/fido2_wire.c \
    uhid/unix.c -lfido2
# enrolled MODEL: it has a PIN and a finger, and then it registers
enrolled()
{
	"$T/biohost" "$T/$1.sock" pin 123456 &&
	    "$T/biohost" "$T/$1.sock" enroll 123456 &&
	    [ "$("$T/biohost" "$T/$1.sock" uv)" = yes ]
}
for model in yubikey-bio yubikey-bio-fw57; do
	check "$model starts" start_key "$model" --profile "$model"
	check "$model takes a PIN and a finger" enrolled "$model"
	check "$model ends" stop_key
	check "$model registers" create "$T/$model"
	check "$model says so" test "$aaguid" = "$(aaguid_of "$model")"
	check "$model signs in" get "$T/$model"
	check "$model verified its user" value '(Buffer.from(
	    o.response.authenticatorData, "base64url")[32] & 4) != 0'
done
plan
