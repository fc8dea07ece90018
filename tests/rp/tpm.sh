#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tpm.sh: tpm attestation, judged by everybody there is (TAP).
#
# The keys are in the embedded TPM. What it certified is given to
# @simplewebauthn/server with the key's root, to tpm2-tools and openssl, which
# share no code with it nor with us, and of RSA keys to fido2-lib. What should
# be refused is refused by them.
#
# SEALKEY names the program; build/sealkey.

. "$(dirname "$0")/lib"

# judged OPTION...: the last answer, by tpm2-tools, openssl, and as asked
judged()
{
	"$node" "$here/tpm_check.mjs" "$@" <"$work/answer" >"$work/judged" \
	    2>"$work/error"
}

# judges_refuse WORD OPTION...
judges_refuse()
{
	_word=$1
	shift
	judged "$@"
	same "$?" 1 && grep -qi -e "$_word" "$work/error"
}


# certified NAME ALG KEY AK OPTION...: registered, judged, and signs in; KEY
# and AK as tpm_check names them
certified()
{
	_what=$1 _alg=$2 _key=$3 _ak=$4
	shift 4
	with="--state $work/key --attestation tpm $*"
	new_site
	check "$_what: is registered" made --alg "$_alg"
	check "$_what: is certified by a TPM" is fmt tpm
	check "$_what: with a chain to the root" is attestation attca
	check "$_what: good for tpm2-tools and openssl" judged
	check "$_what: the key that was certified" \
	    grep -q "\"credential\":\"$_key\",\"ak\":\"$_ak\"" "$work/judged"
	[ "$_alg" != RS256 ] ||
	    check "$_what: good for fido2-lib" judged --fido2-lib
	check "$_what: signs in" used
}

test_certified()
{
	certified "P-256, by a P-256 key" ES256 ec ec
	certified "RSA, by a P-256 key" RS256 rsa ec
	certified "P-384, by a P-256 key" ES384 ec ec
	certified "RSA with PSS, by a P-256 key" PS256 rsa ec
	certified "P-256, by an RSA key" ES256 ec rsa \
	    --set tpmKeyAlgorithm=RS256
	certified "RSA, by an RSA key" RS256 rsa rsa \
	    --set tpmKeyAlgorithm=RS256
	with="--state $work/key --attestation tpm"
	new_site
	check "one that is not discoverable" made --resident-key discouraged
	check "is certified, too" judged
	check "and signs in" used
}

test_manufacturer()
{
	with="--state $work/key --attestation tpm --set tpmManufacturer=INTC"
	new_site
	check "another manufacturer can be claimed" made
	check "it is" grep -q 'TPM of id:494E5443' "$work/account"
	with="--state $work/key --attestation tpm"
	new_site
	check "or the TPM's own" made
	check "which is IBM for libtpms" \
	    grep -q 'TPM of id:49424D00' "$work/account"
}

# Who gets which format
test_who()
{
	with="--state $work/key --attestation tpm"
	new_site
	check "a key that the TPM cannot have is registered" \
	    made --alg EdDSA
	check "with packed attestation" is fmt packed
	check "and its chain" is attestation basic
	with="--state $work/key"
	new_site
	check "packed is usual" made
	check "it is packed" is fmt packed
	with="--state $work/key --set attestationFor=example.com:tpm"
	new_site
	check "a single site can get the TPM's" made
	check "it does" is fmt tpm
	new_site
	options register --origin https://elsewhere.example
	check "others do not" sealkey create \
	    --origin https://elsewhere.example $with
	check "they get packed" verify register
	check "as is usual" is fmt packed
}

# What must be refused, and by whom
test_refused()
{
	with="--state $work/key --attestation tpm"
	new_site
	options register --alg RS256 && sealkey create --origin "$ORIGIN" $with
	mv "$work/roots.pem" "$work/good.pem"
	cp "$work/other.pem" "$work/roots.pem"
	check "with another root, the site refuses" site_refuses \
	    'trust anchor\|chain\|root' register
	mv "$work/good.pem" "$work/roots.pem"
	check "it was good: tpm2-tools" judged
	check "and fido2-lib" judged --fido2-lib

	with="--state $work/key --attestation tpm --set tpmSignature=tpmt"
	for alg in ES256 RS256; do
		new_site
		options register --alg "$alg" &&
		    sealkey create --origin "$ORIGIN" $with
		check "$alg: TPMT_SIGNATURE: good if that is expected" \
		    judged --strict
		check "$alg: openssl refuses it" judges_refuse openssl
		check "$alg: so does the site" \
		    site_refuses 'signature\|ECDSASigValue' register
	done
	check "and fido2-lib" fido2_lib_refuses
}

fido2_lib_refuses()
{
	judges_refuse fido2-lib --strict --fido2-lib
}

test_never_weaker()
{
	with="--state $work/soft --attestation tpm"
	options register
	check "without a TPM: refused" refuses 'needs keys in a TPM' \
	    sealkey create --origin "$ORIGIN" --tpm none $with
	with="--state $work/soft --set attestationFor=example.com:tpm"
	check "for a single site as well" refuses 'needs keys in a TPM' \
	    sealkey create --origin "$ORIGIN" $with
}

export SEALKEY_TPM=embedded
new_key key
new_key other
mv "$work/key.pem" "$work/roots.pem"

test_certified
test_manufacturer
test_who
test_refused
test_never_weaker

plan
