#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sealkey conformance judges keys that run, of several kinds. Waiting for what
# must not come takes most of the time, so they are judged side by side. (TAP)
. "$(dirname "$0")/lib"

# judge NAME FLOOR OPTION...: starts such a key, judges it, and ends it
judge()
{
	local name=$1 floor=$2 pid control passed status=0
	shift 2
	"$SEALKEY" run --state "$T/$name" --socket "$T/$name.sock" \
	    --account-choice token --ready-fd 3 "$@" \
	    3>"$T/$name.ready" 2>"$T/$name.err" &
	pid=$!
	until grep -q READY "$T/$name.ready" 2>/dev/null; do
		[ -e "/proc/$pid" ] || return 1
		sleep 0.1
	done
	control=$(sed -n 's/^control //p' "$T/$name/lock")
	"$SEALKEY" conformance --socket "$T/$name.sock" \
	    --control "$control" --destructive >"$T/$name.tap" || status=1
	kill "$pid"
	wait "$pid" || status=1
	passed=$(grep -c '^ok [^#]*$' "$T/$name.tap")
	[ "$passed" -ge "$floor" ] ||
	    { echo "only $passed passed" >>"$T/$name.tap"; status=1; }
	return "$status"
}

declare -A pids
# begin NAME FLOOR OPTION...
begin()
{
	judge "$@" >"$T/$1.said" 2>&1 &
	pids[$1]=$!
}

# What a person sees who reads the log.
told()
{
	wait "${pids[$1]}" && return
	grep -A 4 '^not ok' "$T/$1.tap"
	tail -n 3 "$T/$1.tap" "$T/$1.said"
	return 1
}

begin manual 340 --presence manual
begin auto 300 --presence auto
begin pin 220 --presence manual --set uv=off
begin fingers 250 --presence manual --set bioEnroll=on
begin old 60 --presence manual --set versions=FIDO_2_0
begin u2f 50 --presence manual --set versions=U2F_V2
# the rest is for keys that attest as usual
begin tpm 3 --presence manual --tpm embedded --attestation tpm
check "one that a script touches" told manual
check "one that answers by itself" told auto
check "one that has nothing but a PIN" told pin
check "one with a fingerprint reader" told fingers
check "one of CTAP 2.0" told old
check "one that has nothing but U2F" told u2f
check "one whose TPM attests" told tpm
plan
