#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo_check.sh: does the demo show what it should, leave out what this machine
# cannot do, with the reason, and fail when the key is wrong? (TAP)
#
# Its part with the kernel is in tests/vm/cases/client.sh.
# SEALKEY names the program; build/sealkey.

set -u
cd "$(dirname "$0")/../.." || exit 1
SEALKEY=$(realpath "${SEALKEY:-build/sealkey}")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0
failed=0

# shows STATUS WORDS...: the demo ends with the status and says all of that
shows()
{
	local status=0 words
	"${demo[@]}" >"$work/said" 2>&1 </dev/null || status=$?
	[ "$status" = "$1" ] || return
	shift
	for words in "$@"; do
		grep -qE -e "$words" "$work/said" || return
	done
}

# test_that NAME STATUS WORDS...
test_that()
{
	count=$((count + 1))
	if shows "${@:2}"; then
		echo "ok $count - $1"
		return
	fi
	echo "not ok $count - $1"
	tail -n 40 "$work/said" | sed 's/^/# /'
	failed=1
}

# wrapper NAME LINE...: a program to run instead of sealkey
wrapper()
{
	local name=$1
	shift
	printf '%s\n' '#!/bin/bash' "real='$SEALKEY'" "$@" >"$work/$name"
	chmod 755 "$work/$name"
}

export SEALKEY_TPM=embedded
demo=(env UHID="$work/none" SEALKEY="$SEALKEY" tests/rp/demo.sh)
test_that "client mode, TPM and socket are shown, a missing uhid is not" 0 \
    '^ +client mode +registered and signed in$' \
    '^ +TPM +embedded, made by IBM .*hardware: no$' \
    '^ +format +tpm, certified by a TPM' \
    '^ +TPM +registered, certified by the TPM$' \
    '^ +socket +registered and signed in$' \
    '^ +uhid +not shown, because .*/none is missing'

demo=(env SEALKEY_TPM=none UHID="$work/none" SEALKEY="$SEALKEY"
    tests/rp/demo.sh)
test_that "nor is a TPM, if there is to be none" 0 \
    '^ +client mode +registered and signed in$' \
    '^ +TPM +not shown, because the key has none$'

# a folder is there and may be read, even by root, but not opened to write
mkdir "$work/closed"
demo=(env UHID="$work/closed" SEALKEY="$SEALKEY" tests/rp/demo.sh)
test_that "nor is one that cannot be opened" 0 \
    '^ +uhid +not shown, because .*/closed cannot be opened: .+'

# starts, but somewhere else than in this machine's kernel
wrapper elsewhere 'args=()' 'for a; do case $a in' \
    "--uhid) args+=(--socket '$work/socket') ;;" '*) args+=("$a") ;;' \
    'esac; done' 'exec "$real" "${args[@]}"'
demo=(env UHID=/dev/null SEALKEY="$work/elsewhere" tests/rp/demo.sh)
test_that "nor one whose hidraw device does not come" 0 \
    '^ +uhid +not shown, because no hidraw device has come'

wrapper liar 'if [ "$2" != get ]; then exec "$real" "$@"; fi' \
    '"$real" "$@" | sed "s/\"signature\":\"....../&A/"'
demo=(env UHID="$work/none" SEALKEY="$work/liar" tests/rp/demo.sh)
test_that "a wrong signature fails the demo" 1 '^ +client mode +failed$'

wrapper forgetful 'args=()' 'while [ $# != 0 ]; do case $1 in' \
    '--attestation) shift 2 ;;' '*) args+=("$1"); shift ;;' 'esac; done' \
    'exec "$real" "${args[@]}"'
demo=(env UHID="$work/none" SEALKEY="$work/forgetful" tests/rp/demo.sh)
test_that "a key that no TPM certified fails it, and no more" 1 \
    '^ +client mode +registered' 'tpm is required, not packed' \
    '^ +TPM +failed$' '^ +socket +registered'

wrapper mute 'if [ "$1" != run ]; then exec "$real" "$@"; fi' 'exit 1'
demo=(env UHID="$work/none" SEALKEY="$work/mute" tests/rp/demo.sh)
test_that "a key that does not start fails it, and no more" 1 \
    '^ +client mode +registered' '^ +socket +failed$'

echo "1..$count"
exit $failed
