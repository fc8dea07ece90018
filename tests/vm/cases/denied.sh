#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Without /dev/uhid, or without the right to open it, "sealkey run" says in one
# line which it is and what to do, and exits 1.
#
# Time limit: 60 s

. "$VM_REPO/tests/vm/guest.sh"

# The binary's own folder may be closed to other users.
cp "$sealkey" "$work/sealkey" 2>/dev/null ||
    give_up "$sealkey has not been built"
mkdir "$work/state"
chown nobody "$work/state"
chmod 711 "$work"

run_as_nobody()
{
	timeout 20 setpriv --reuid=nobody --regid=nogroup --clear-groups \
	    "$work/sealkey" run --state "$work/state" --uhid
}


# explains NAME WORD...: what the last command said is one line with all of
# the words; it is kept in $work/line because checks overwrite it.
explains()
{
	local name=$1 word
	shift
	cp "$work/said" "$work/line"
	same "$name: in one line" "$(wc -l <"$work/line")" 1
	for word in "$@"; do
		check "$name: mentions $word" grep -e "$word" "$work/line"
	done
}

modprobe -r uhid
rm -f /dev/uhid
refused "without /dev/uhid it ends with status 1" run_as_nobody
explains "missing device" /dev/uhid "modprobe uhid" --socket

modprobe uhid
[ -c /dev/uhid ] || mknod -m 600 /dev/uhid c 10 239
chmod 600 /dev/uhid
refused "as another user it ends with status 1" run_as_nobody
explains "forbidden device" /dev/uhid udev --socket
finish
