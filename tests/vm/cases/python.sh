#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# python-fido2 with a key over uhid, see tests/vm/python_fido2.py.
#
# Machine: clients
# Time limit: 180 s

. "$VM_REPO/tests/vm/guest.sh"

roots()
{
	"$sealkey" attestation roots --state "$work/state" >"$work/roots.pem"
}

# run_client: one TAP line for each thing that it did, and one for all
run_client()
{
	local line status=0
	"$VM_REPO/tests/vm/python_fido2.py" "$work/roots.pem" \
	    >"$work/client" 2>"$work/errors" || status=$?
	while IFS= read -r line; do
		case $line in
		"ok "*)	ok "${line#ok }" ;;
		*)	echo "$line" >>"$work/errors" ;;
		esac
	done <"$work/client"
	if [ "$status" = 0 ]; then
		ok "that was all of it"
	else
		not_ok "that was all of it" "$work/errors"
	fi
}

start_udev
modprobe uhid
start_sealkey --uhid
wait_hidraw uhid
check "the running key tells its root" roots
run_client
check "the key ends when asked to" stop_sealkey
finish
