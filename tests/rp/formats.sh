#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# formats.sh: every attestation format, judged by everybody there is (TAP).
#
# Software keys. @simplewebauthn/server verifies what it knows against the
# key's root, and fido2-lib what that knows; format_check, which is node's
# crypto and nobody's library, looks at all of them, and is alone with compound
# and enterprise. What is wrong must be found by it.
#
# SEALKEY names the program; build/sealkey.

. "$(dirname "$0")/lib"

# judged FORMAT OPTION...: by format_check
judged()
{
	_format=$1
	shift
	"$node" "$here/format_check.mjs" --format "$_format" \
	    --roots "$work/roots.pem" "$@" <"$work/answer" >"$work/judged" \
	    2>"$work/error"
}

# chain_is COUNT: certificates of the last account, the anchor included
chain_is()
{
	same "$(grep -o '"chain":\[[^]]*\]' "$work/account" |
	    grep -o 'CN=' | wc -l)" "$1"
}

# kind SETTINGS...: what the key that is asked next is like
kind()
{
	with="--state $work/key"
	for _set in "$@"; do
		with="$with --set $_set"
	done
	new_site
}

# verified NAME FORMAT TYPE ALG [CERTIFICATES]: registered with the settings of
# kind, by all; that many certificates with the anchor
verified()
{
	check "$1: registered, says @simplewebauthn/server" made --alg "$4"
	check "$1: the format" is fmt "$2"
	check "$1: the kind of trust" is attestation "$3"
	[ -z "${5-}" ] ||
	    check "$1: the length of the chain" chain_is "$5"
	_how=$2
	[ "$3" != self ] || _how=self
	_more=--fido2-lib
	[ "$2" != android-key ] || _more=	# it has never heard of that
	check "$1: holds on its own, and says fido2-lib" judged "$_how" $_more
	check "$1: signs in" used
}

# alone NAME KIND ALG OPTION...: the same, where no library knows the format
# or the algorithm
alone()
{
	_what=$1 _format_is=$2 _alg=$3
	shift 3
	check "$_what: is made" answered --alg "$_alg"
	check "$_what: holds on its own" judged "$_format_is" "$@"
}

# answered OPTION...: sealkey has an answer
answered()
{
	options register "$@" && sealkey create --origin "$ORIGIN" $with
}

# One line each: what to set, and what comes of it.
test_formats()
{
	kind attestation=packed
	verified "packed" packed basic ES256
	kind attestation=self
	verified "packed, self" packed self ES256
	kind attestation=none
	verified "none" none none ES256
	kind attestation=fido-u2f
	verified "fido-u2f" fido-u2f basic ES256
	kind attestation=android-key
	verified "android-key" android-key basic ES256
	kind attestation=apple
	verified "apple" apple anonca ES256
	kind attestation=android-safetynet
	verified "android-safetynet" android-safetynet basic ES256
}

test_chains()
{
	kind attestationChain=1
	verified "a chain of one, which the root signed" packed basic ES256 2
	kind attestationChain=2
	verified "a chain of two" packed basic ES256 3
	kind attestationChain=3
	verified "a chain of three" packed basic ES256 4
}

# Of every algorithm whose key a certificate can have
test_algorithms()
{
	for alg in RS256 ES384 EdDSA; do
		for format in apple android-key compound; do
			kind attestation=$format
			alone "$format, $alg" $format $alg
		done
	done
	kind attestation=compound
	alone "compound" compound ES256
	kind attestation=fido-u2f
	alone "fido-u2f of another algorithm is packed" packed RS256
}

test_certificates()
{
	kind attestationCrl=http://127.0.0.1:8080/ca.crl
	alone "a CRL" packed ES256 --crl http://127.0.0.1:8080/ca.crl
	kind attestationSubject=C=DE,O=TEST-Works,CN=Key
	alone "a subject" packed ES256 --subject O=TEST-Works
	kind attestation=fido-u2f attestationSubject=O=TEST-Works
	alone "a subject for fido-u2f" fido-u2f ES256 --subject O=TEST-Works
	kind attestationNotAfter=2020-01-01 attestationNotBefore=2019-01-01
	check "an expired certificate is made" answered
	check "the site refuses it" site_refuses 'not good after' register
	kind attestationNotBefore=2100-01-01
	check "one that is not valid yet is made" answered
	check "the site refuses that" site_refuses 'not good before' register
	kind attestationChain=3 attestationCrl=http://127.0.0.1:8080/ca.crl
	alone "both" packed ES256 --certificates 3
}

# Per site, and who gets what
test_sites()
{
	kind attestationFor=example.com:apple
	verified "for a single site" apple anonca ES256
	kind attestationFor=elsewhere.example:apple
	verified "and not for others" packed basic ES256
}

# from_socket OPTION...: the key behind a socket, for a site that is new to it
from_socket()
{
	run_key "$@"
	with="--socket $work/socket"
	new_site
}

# Over CTAP, where a compound statement is deeper than CTAP permits
test_socket()
{
	for format in apple android-safetynet compound; do
		from_socket --attestation "$format"
		alone "over CTAP: $format" $format ES256
		end_key
	done
}

# Switched on by authenticatorConfig, which needs no verification here
test_enterprise()
{
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -o "$work/rawhost" \
	    tests/cli/rawhost.c
	from_socket --set ep=on --set uv=off
	check "enterprise attestation is switched on" same \
	    "$("$work/rawhost" cbor "$work/socket" 0da10101)" 00
	end_key
	kind ep=on
	check "enterprise: is made" answered --attestation enterprise
	check "enterprise: holds, right below the root" judged packed \
	    --enterprise --certificates 1
	for chain in 2 3; do
		kind ep=on attestationChain=$chain
		check "enterprise, chain of $chain: is made" \
		    answered --attestation enterprise
		check "enterprise, chain of $chain: holds" judged packed \
		    --enterprise --certificates $chain
	done
	check "and the site agrees" verify register
	kind ep=on
	check "who asks for direct attestation" answered
	check "does not learn the name" judged packed
}

# A chain that leads elsewhere holds nowhere.
test_refused()
{
	for format in packed fido-u2f android-key apple android-safetynet; do
		kind attestation=$format
		check "$format under another root is made" answered
		cp "$work/roots.pem" "$work/good.pem"
		cp "$work/other.pem" "$work/roots.pem"
		check "$format: the site refuses" site_refuses \
		    'anchor\|chain\|root\|path' register
		mv "$work/good.pem" "$work/roots.pem"
	done
}

export SEALKEY_TPM=none
new_key key
new_key other
mv "$work/key.pem" "$work/roots.pem"

test_formats
test_chains
test_algorithms
test_certificates
test_sites
test_refused
test_socket
test_enterprise

plan
