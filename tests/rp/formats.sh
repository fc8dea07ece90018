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

	check "$1: signs in" used
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

export SEALKEY_TPM=none
new_key key
new_key other
mv "$work/key.pem" "$work/roots.pem"

test_formats
test_chains

plan
