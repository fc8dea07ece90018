#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sealkey conformance against keys that run: what it may do to them, what it
# waits for, and what is wrong use. judge.sh runs every case. (TAP)
. "$(dirname "$0")/lib"

control()
{
	sed -n 's/^control //p' "$T/$1/lock"
}

# judges NAME ARGS...: nothing may fail
judges()
{
	attempt conformance --socket "$T/$1.sock" --control "$(control "$1")" \
	    "${@:2}"
	grep -A 3 '^not ok' "$T/out"
	[ "$status" = 0 ]
}

no_credentials()
{
	[ -z "$("$SEALKEY" credentials list --state "$T/$1")" ]
}

check "a key with a button starts" start_key manual --presence manual \
    --account-choice token
check "somebody may change it" judges manual --destructive \
    --filter 'register: *' --filter 'pin: *'
check "and does" [ "$(grep -c '^ok [^#]*$' "$T/out")" -ge 30 ]
check "the key is left as new" no_credentials manual
check "and without a PIN" judges manual --filter 'message: *'
check "without --destructive it is touched, too" exits 0 conformance --socket "$T/manual.sock" \
    --control "$(control manual)" --filter 'reset: selection is a touch'
check "it waits, if it is to" judges manual --wait \
    --filter 'u2f: a touch 9 s after it was asked for'
check "but is not measured to the millisecond" judges manual --wait \
    --destructive --filter 'reset: reset is for the first ten seconds' \
    --filter 'reset: selection is a touch'
check "and says so" prints 'ten seconds # SKIP needs a virtual clock$'
check "it ends orderly" stop_key

check "a key that answers at once starts" start_key auto
check "somebody registers with it" create auto AAAA
check "nobody may change it" judges auto --filter 'register: *' \
    --filter 'reset: *'
check "what would change it is skipped" \
    prints '# SKIP changes the key: needs --destructive$'
check "the credential is still there" \
    [ "$("$SEALKEY" credentials list --state "$T/auto" | wc -l)" = 1 ]
check "somebody may" judges auto --destructive --filter 'reset: *'
check "the key is left as new" no_credentials auto
check "it ends orderly" stop_key

# A key that nobody touches, and one that is not there
check "a key that nobody touches starts" start_key never --presence never \
    --account-choice token
check "it shows what it can" judges never --filter 'getinfo: *' \
    --filter 'message: *' --filter 'reset: *'
check "and no more" prints 'selection is a touch # SKIP needs a touch$'
check "it ends orderly" stop_key
check "a key that is gone" exits 1 conformance --socket "$T/never.sock"
check "one key at a time" exits 2 conformance --socket a --device b
check "--destructive is for real keys" exits 2 conformance --destructive
check "a control socket touches" exits 2 conformance --socket a --control b \
    --no-touch
check "a device that is no FIDO key" exits 1 conformance --device /dev/null
check "a USB device has a number" exits 1 conformance --usb something
check "and says so" says 'VID:PID'

plan
