#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# 1 000 SIGKILLs at random moments of a create and get load, see
# tests/kill_main.c, and 500 with keys in the embedded TPM, of the key and of
# the process that has the TPM. Without sanitizers: what is killed should be
# fast, so that kills come at every moment and not only at the start. KILLS=n
# for another number. (TAP)
#
# Then whether that test can fail: it must take a program that is slow to start
# for what it is, and refuse to call it well when no kill ever came after ready.

kill=$BUILD/san/tests/kill
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# wrapper NAME LINE...: runs sealkey after the lines
wrapper()
{
	local name=$1
	shift
	printf '%s\n' '#!/bin/bash' "$@" "exec '$SEALKEY_PLAIN' \"\$@\"" \
	    >"$work/$name"
	chmod 755 "$work/$name"
}

# result NUMBER NAME STATUS
result()
{
	if [ "$3" = 0 ]; then
		echo "ok $1 - $2"
		return
	fi
	echo "not ok $1 - $2"
	sed 's/^/# /' "$work/said"
	failed=1
}

"$kill" -t none "$SEALKEY_PLAIN" "${KILLS:-1000}" || failed=1
"$kill" -t embedded "$SEALKEY_PLAIN" "${KILLS:-500}" || failed=1

wrapper slow 'sleep 0.15'
"$kill" -t none "$work/slow" 40 >"$work/said" 2>&1
result 1 "a program that starts slowly is killed at work, too" $?

# Never ready when somebody is about to kill it, which is after 5 s at most.
wrapper never '[ -z "$KILL_COMES" ] || exec sleep 60'
# What a failure leaves to look at is nothing to look at here.
! TMPDIR=$work "$kill" -t none "$work/never" 4 >"$work/said" 2>&1 &&
    grep -q 'too little to lose' "$work/said"
result 2 "kills that all come too early are not called a success" $?

echo 1..2
exit $failed
