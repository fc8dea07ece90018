#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/all.sh [CASE]...
#
# Runs the cases of tests/vm/cases, all or those named, in one virtual machine
# and prints one TAP stream: "tests/vm/vm run tests/vm/all.sh". Each case has
# the time that it says in its head; one that dies, or plans other than it ran,
# has failed. What each printed is kept in $VM_RESULTS/cases/NAME/tap.

cd "$VM_REPO/tests/vm/cases" || exit 1
count=0
failed=0

result()
{
	count=$((count + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $count - $2"
}

# Renumbers a case's TAP and notes in ran and planned whether it was whole.
relay()
{
	local name=$1 line
	ran=0 planned=-1
	while IFS= read -r line; do
		case $line in
		"ok "*)		result ok "$name: ${line#*- }" ;;
		"not ok "*)	result "not ok" "$name: ${line#*- }" ;;
		1..*)		planned=${line#1..}; continue ;;
		*)		echo "# ${line#\# }"; continue ;;
		esac
		ran=$((ran + 1))
	done
}

# The output goes into a file, not a pipe, so that nobody waits for a process
# that a case left behind.
run_case()
{
	local name=$1 limit status=0 start=$SECONDS
	local tap=$VM_RESULTS/cases/$name/tap
	limit=$(sed -n 's/^# Time limit: \([0-9]*\) s$/\1/p' "$name.sh")
	mkdir -p "${tap%/*}"
	timeout -k 5 "$limit" "./$name.sh" >"$tap" 2>&1 || status=$?
	relay "$name" <"$tap"
	case $status in
	0|1)	[ "$ran" = "$planned" ] || result "not ok" \
		    "$name: ran $ran tests, planned $planned" ;;
	124|137) result "not ok" "$name: not done after $limit s" ;;
	*)	result "not ok" "$name: died with status $status" ;;
	esac
	echo "# $name: $((SECONDS - start)) s"
}

echo "TAP version 13"
[ $# -gt 0 ] || set -- $(ls | sed -n 's/\.sh$//p')
for name in "$@"; do
	if [ -f "$name.sh" ]; then
		run_case "$name"
	else
		result "not ok" "$name: no such case"
	fi
done
echo "1..$count"
[ "$failed" = 0 ]
